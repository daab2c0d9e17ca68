#include <catch2/catch.hpp>

#include "measured.hpp"

using namespace xpusim;
using namespace xpusim::testing;

namespace {

const std::string kVidur =
    "time_stats.attn_pre_proj.median,time_stats.attn_post_proj.median,"
    "time_stats.mlp_up_proj.median,time_stats.mlp_down_proj.median,n_head,n_kv_head,n_embd,"
    "n_expanded_embd,vocab_size,use_gated_mlp,num_tokens,num_tensor_parallel_workers\n";

MeasurementOptions small_model() {
  static const ModelSpec model = [] {
    ModelSpec m;
    m.hidden = 5120;
    m.heads = 64;
    m.kv_heads = 8;
    m.head_dim = 128;
    m.ffn = 25600;
    m.vocabulary = 151936;
    return m;
  }();
  MeasurementOptions options;
  options.find_model = [](const std::string& name) {
    return name == "small-model" ? &model : nullptr;
  };
  return options;
}

}  // namespace

TEST_CASE("the table's columns may stand in any order and name their units", "[calibrate][csv]") {
  const MeasurementFile file = from_text(
      "\xef\xbb\xbf# xpusim measurements: 1\r\n# device: Accelerator X\r\n# software: Torch 9\r\n"
      "# date: 2026-02-03\r\nop,seconds [us],bytes [MiB],format,k,m,n\r\n"
      "memory,20,1,,,,\r\n\"gemm\",3.5,,bf16,3,1,2\r\n",
      "a/b/c/d/e/run.csv");
  CHECK(file.format == "csv");
  CHECK(file.document == "c/d/e/run.csv (Accelerator X; Torch 9; 2026-02-03)");
  REQUIRE(file.rows.size() == 2);
  CHECK(file.rows[0].shape == std::vector<double>{1048576});
  CHECK(file.rows[0].seconds == Approx(20e-6));
  CHECK(file.rows[1].shape == std::vector<double>{1, 2, 3});
  CHECK(line_column(file.rows[1].span).line == 7);
}

TEST_CASE("the output of nccl-tests: out-of-place times, ranks by its list", "[calibrate][nccl]") {
  const std::string head =
      "# Collective test starting: alltoall_perf\n"
      "#  Rank  0 Group  0 Pid 1 on h device 0 [0x07] NVIDIA X\n"
      "#  Rank  1 Group  0 Pid 1 on h device 1 [0x08] NVIDIA X\n";
  const std::string columns =
      "#       size         count      type   redop    root     time   algbw   busbw #wrong     "
      "time   algbw   busbw #wrong\n";
  const std::string rows =
      "launcher: hello\n"
      "           0             0     float    none      -1     0.11    0.00    0.00      0     "
      "0.10    0.00    0.00    N/A\n"
      "     1048576         65536     float    none      -1    20.00   52.43   26.21      0    "
      "21.00   49.93   24.97    N/A\n";
  const MeasurementFile file = from_text(head + columns + rows, "log");
  REQUIRE(file.rows.size() == 1);
  CHECK(file.rows[0].operation == "all_to_all");
  CHECK(file.rows[0].shape == std::vector<double>{2, 1048576});
  CHECK(file.rows[0].seconds == Approx(20e-6));
  CHECK(file.ignored == std::vector<std::string>{"1 rows of size or time 0"});

  MeasurementOptions options;
  options.ranks = 16;
  options.collective = "all_gather";
  const MeasurementFile bare =
      from_text("#size count time algbw busbw\n1048576 65536 20.00 52.43 26.21\n", "x", options);
  CHECK(bare.rows.at(0).shape == std::vector<double>{16, 1048576});
  CHECK_THAT(refusal(head + columns + "1048576 65536 float none -1 20.00 5.243 26.21 0\n", "log"),
             Catch::StartsWith("log:5:35: error[columns-differ]: algbw is '5.243' where size / "
                               "time is 52.43 GB/s"));
  CHECK_THAT(refusal(columns + rows, "log"),
             Catch::StartsWith("error[missing-ranks]") && Catch::Contains("--ranks 8"));
  options.collective.clear();
  CHECK_THAT(refusal(columns + rows, "log", options),
             Catch::StartsWith("error[unknown-collective]") && Catch::Contains("--collective"));
  CHECK(from_text(columns + rows, "all_gather.log", options).rows.at(0).operation == "all_gather");
}

TEST_CASE("Vidur's projections are GEMMs of one rank", "[calibrate][vidur]") {
  // Llama-2 70B at TP 8: 64 heads, 8 KV heads, 8192 wide, FFN 28672, gated.
  const MeasurementFile file =
      from_text(kVidur + "0.1,0.2,0.3,0.4,64,8,8192,28672,32768,True,4096,8\n", "mlp.csv");
  REQUIRE(file.rows.size() == 4);
  CHECK(file.rows[0].shape == std::vector<double>{4096, (64 + 2 * 8) * 128 / 8, 8192});
  CHECK(file.rows[1].shape == std::vector<double>{4096, 8192, 1024});
  CHECK(file.rows[2].shape == std::vector<double>{4096, 2 * 28672 / 8, 8192});
  CHECK(file.rows[3].shape == std::vector<double>{4096, 8192, 28672 / 8});
  CHECK(file.rows[3].seconds == Approx(0.4e-3));
  const MeasurementFile network = from_text(
      ",time_stats.all_reduce.median,rank,num_workers,size,collective,devices_per_node\n"
      "0,0.043,0,2,2048,all_reduce,1\n1,0.05,0,8,1048576,all_reduce,8\n");
  REQUIRE(network.rows.size() == 1);
  CHECK(network.rows[0].shape == std::vector<double>{8, 1048576});
  CHECK(network.ignored == std::vector<std::string>{"1 rows of ranks on several nodes"});
}

TEST_CASE("LLMServingSim's layers and pure batches become points", "[calibrate][llmservingsim]") {
  const MeasurementFile dense = from_text(
      "layer,tokens,time_us\nact_fn,1,4\nqkv_proj,7,70\ngate_up_proj,7,70\ndown_proj,7,70\n",
      "Small-Model/bf16/tp2/dense.csv", small_model());
  REQUIRE(dense.rows.size() == 3);
  CHECK(dense.rows[0].shape == std::vector<double>{7, (64 + 16) * 128 / 2, 5120});
  CHECK(dense.rows[1].shape == std::vector<double>{7, 2 * 25600 / 2, 5120});
  CHECK(dense.rows[2].shape == std::vector<double>{7, 5120, 12800});
  CHECK(dense.ignored == std::vector<std::string>{"1 rows of layers that are no GEMM"});
  const MeasurementFile attention = from_text(
      "prefill_chunk,kv_prefill,n_decode,kv_decode,time_us\n0,0,4,1024,8\n2048,0,0,0,900\n"
      "16,512,0,0,9\n16,0,2,64,9\n",
      "Small-Model/bf16/tp1/attention.csv", small_model());
  REQUIRE(attention.rows.size() == 2);
  CHECK(attention.rows[0].operation == "attention_decode");
  CHECK(attention.rows[0].shape == std::vector<double>{4, 1024, 64, 8, 128});
  CHECK(attention.rows[1].operation == "attention_prefill");
  CHECK(attention.rows[1].shape == std::vector<double>{1, 2048, 64, 8, 128});
  CHECK(attention.ignored == std::vector<std::string>{"2 rows of mixed or chunked batches"});
  CHECK_THAT(refusal("layer,tokens,time_us\nqkv_proj,7,70\n", "other/dense.csv", small_model()),
             Catch::Contains("error[unknown-model]") && Catch::Contains("--model"));
}
