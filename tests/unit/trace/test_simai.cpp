#include <catch2/catch.hpp>

#include <algorithm>

#include "samples.hpp"
#include "trace/formats.hpp"

using namespace xpusim;
using Catch::Matchers::Contains;
using samples::listing;
using samples::refusal;

namespace {

RecordedTrace parse(const std::string& text, TraceReadOptions options = {}) {
  return trace::parse_simai(text, "w.txt", options);
}
std::string program(const std::string& text, TraceReadOptions options = {}) {
  return listing(*parse(text, options).trace.ranks.at(0));
}
std::string refused(const std::string& text, TraceReadOptions options = {}) {
  return samples::refusal_without_gutter([&] { (void)parse(text, options); });
}
bool noted(const RecordedTrace& trace, const std::string& note) {
  return std::find(trace.notes.begin(), trace.notes.end(), note) != trace.notes.end();
}

const std::string kTwoLayers =
    "HYBRID_TRANSFORMER model_parallel_NPU_group: 2 ep: 2 pp: 1 all_gpus: 8\n"
    "2\n"
    "a\t-1\t10\tALLGATHER\t64\t20\tREDUCESCATTER\t64\t30\tALLREDUCE\t128\t5\n"
    "b -1 11 ALLTOALL_EP 32 21 NONE 0 1 REDUCESCATTER_DP_EP 256 1 \n";

}  // namespace

TEST_CASE(
    "a transformer layer waits for its forward and input-gradient traffic, updates wait for "
    "the weight gradients'",
    "[trace][simai]") {
  CHECK(program(kTwoLayers) ==
        "0 COMP 10 ns \"a forward\"\n"
        "1 COMM_COLL ALL_GATHER tp 64 B \"a forward communication\" <- 0\n"
        "2 COMP 11 ns \"b forward\" <- 1\n"
        "3 COMM_COLL ALL_TO_ALL ep 32 B \"b forward communication\" <- 2\n"
        "4 COMP 21 ns \"b input gradient\" <- 3\n"
        "5 COMM_COLL REDUCE_SCATTER dp_ep 256 B \"b weight-gradient communication\" <- 4\n"
        "6 COMP 20 ns \"a input gradient\" <- 4\n"
        "7 COMM_COLL REDUCE_SCATTER tp 64 B \"a input-gradient communication\" <- 6\n"
        "8 COMP 30 ns \"a weight gradient\" <- 7\n"
        "9 COMM_COLL ALL_REDUCE dp 128 B \"a weight-gradient communication\" <- 8\n"
        "10 COMP 5 ns \"a update\" <- 8 9\n");
}

TEST_CASE("a byte order mark, CRLF and a missing final newline change nothing in a workload",
          "[trace][simai]") {
  for (const std::string& spelling : samples::spellings(kTwoLayers))
    CHECK(program(spelling) == program(kTwoLayers));
}

TEST_CASE("a workload's dimensions are TP, EP, DP / EP, PP from the innermost, in one shared file",
          "[trace][simai]") {
  const RecordedTrace trace = parse(
      "HYBRID_TRANSFORMER_FWD_IN_BCKWD model_parallel_NPU_group: 2 ep: 4 pp: 3 vpp: 1 ga: 1 "
      "all_gpus: 48 checkpoints: 0 checkpoint_initiates: 0 pp_comm 16777216.0\n"
      "1\nembedding_layer -1 5 NONE 0 6 NONE 0 1 NONE 0 1\n");
  CHECK(trace.trace.ranks.size() == 48);
  CHECK(trace.trace.identical_classes.size() == 1);
  CHECK(trace.options.dimensions == std::vector<std::uint32_t>{2, 4, 2, 3});
  CHECK(trace.options.dimension_groups.at("tp").dimensions == 0b0001);
  CHECK(trace.options.dimension_groups.at("ep").dimensions == 0b0010);
  CHECK(trace.options.dimension_groups.at("dp").dimensions == 0b0110);
  CHECK(trace.options.dimension_groups.at("dp_ep").dimensions == 0b0100);
  CHECK(trace.options.dimension_groups.at("pp").dimensions == 0b1000);
  CHECK(trace.options.dimension_groups.at("dp").purpose == Purpose::dp);
  CHECK_FALSE(trace.options.communication_slot);
  CHECK(listing(*trace.trace.ranks[47]) ==
        "0 COMP 5 ns \"embedding_layer forward\"\n"
        "1 COMM_COLL SEND_RECV pp 16777216 B \"embedding_layer to the next stage\" <- 0\n"
        "2 COMP 6 ns \"embedding_layer input gradient\" <- 1\n"
        "3 COMM_COLL SEND_RECV pp 16777216 B \"embedding_layer to the previous stage\" <- 2\n");
}

TEST_CASE("every micro-batch crosses the stage once each way", "[trace][simai]") {
  const RecordedTrace trace = parse(
      "HYBRID_TRANSFORMER model_parallel_NPU_group: 1 pp: 2 ga: 3 all_gpus: 2 pp_comm: 8\n"
      "6\n"
      "grads -1 1 NONE 0 1 NONE 0 1 NONE 0 1\n"
      "embedding_layer -1 5 NONE 0 1 NONE 0 1 NONE 0 1\n"
      "layer -1 7 NONE 0 1 NONE 0 1 NONE 0 1\n"
      "embedding_layer -1 5 NONE 0 1 NONE 0 1 NONE 0 1\n"
      "layer -1 7 NONE 0 1 NONE 0 1 NONE 0 1\n"
      "loss -1 9 NONE 0 1 NONE 0 1 NONE 0 1\n");
  const auto& nodes = trace.trace.ranks[0]->nodes;
  CHECK(std::count_if(nodes.begin(), nodes.end(), [](const ChakraNode& n) {
          return n.collective == ChakraCollective::send_recv;
        }) == 2 * 2);
  CHECK(noted(trace, "ga is 3, the rows make 2 micro-batches: the rows count"));
  CHECK(noted(trace,
              "pipeline: 2 micro-batches (rows embedding_layer), one transfer of 8 bytes to the "
              "next stage each way and micro-batch, for which the next micro-batch waits; the "
              "format carries no pipeline bubble"));
  const Replay replay = build_replay(trace.trace, 2, trace.options);
  CHECK(replay.graph.collectives.size() == 4);
  CHECK(replay.graph.groups[replay.graph.collectives[0].group].purpose == Purpose::pp);
}

TEST_CASE("a recomputation runs forward again from the checkpoint up to the row that starts it",
          "[trace][simai]") {
  CHECK(program("HYBRID_TRANSFORMER_FWD_IN_BCKWD model_parallel_NPU_group: 1 all_gpus: 1 "
                "checkpoints: 1 0 checkpoint_initiates: 1 2\n"
                "3\n"
                "a -1 2 NONE 0 3 NONE 0 1 NONE 0 1\n"
                "b -1 4 NONE 0 5 NONE 0 1 NONE 0 1\n"
                "c -1 6 NONE 0 7 NONE 0 1 NONE 0 1\n") ==
        "0 COMP 2 ns \"a forward\"\n"
        "1 COMP 4 ns \"b forward\" <- 0\n"
        "2 COMP 6 ns \"c forward\" <- 1\n"
        "3 COMP 2 ns \"a forward\" <- 2\n"
        "4 COMP 4 ns \"b forward\" <- 3\n"
        "5 COMP 7 ns \"c input gradient\" <- 4\n"
        "6 COMP 5 ns \"b input gradient\" <- 5\n"
        "7 COMP 3 ns \"a input gradient\" <- 6\n");
}

TEST_CASE("a recomputation without end is refused", "[trace][simai]") {
  std::string header =
                  "HYBRID_TRANSFORMER_FWD_IN_BCKWD model_parallel_NPU_group: 1 all_gpus: 1 "
                  "checkpoints: 1 0 checkpoint_initiates: 4500",
              rows;
  for (int row = 0; row < 4500; ++row) {
    header += " " + std::to_string(row);
    rows += "a -1 2 NONE 0 3 NONE 0 1 NONE 0 1\n";
  }
  // Row i runs rows 0 to i - 1 again: 4500 x 4499 / 2.
  CHECK_THAT(refused(header + "\n4500\n" + rows),
             Contains("error[trace-value]: checkpoints recompute 10122750 rows; at most 10000000 "
                      "are read"));
}

TEST_CASE("DATA computes the weight gradient first and overlaps its all-reduce", "[trace][simai]") {
  const std::string text =
      "DATA\n2\n"
      "a -1 2 NONE 0 3 NONE 0 4 ALLREDUCE 8 5\n"
      "b -1 6 ALLREDUCE 4 7 NONE 0 8 ALLREDUCE 16 9\n";
  CHECK(program(text, {4, 0}) ==
        "0 COMP 2 ns \"a forward\"\n"
        "1 COMP 6 ns \"b forward\" <- 0\n"
        "2 COMP 8 ns \"b weight gradient\" <- 1\n"
        "3 COMM_COLL ALL_REDUCE dp_all 16 B \"b weight-gradient communication\" <- 2\n"
        "4 COMP 7 ns \"b input gradient\" <- 2\n"
        "5 COMP 4 ns \"a weight gradient\" <- 4\n"
        "6 COMM_COLL ALL_REDUCE dp_all 8 B \"a weight-gradient communication\" <- 5\n"
        "7 COMP 9 ns \"b update\" <- 5 3\n"
        "8 COMP 5 ns \"a update\" <- 7 6\n");
  CHECK(noted(parse(text, {4, 0}), "ignored: communications that DATA does not run (1)"));
}

TEST_CASE("HYBRID_DATA_MODEL overlaps the input-gradient traffic with the weight gradient",
          "[trace][simai]") {
  CHECK(program("HYBRID_DATA_MODEL\n2\n"
                "a -1 2 ALLGATHER 64 3 ALLREDUCE 64 4 NONE 0 1\n"
                "b -1 2 NONE 0 3 ALLREDUCE 32 4 NONE 0 1\n",
                {8, 4}) ==
        "0 COMP 2 ns \"a forward\"\n"
        "1 COMM_COLL ALL_GATHER tp 64 B \"a forward communication\" <- 0\n"
        "2 COMP 2 ns \"b forward\" <- 1\n"
        "3 COMP 3 ns \"b input gradient\" <- 2\n"
        "4 COMM_COLL ALL_REDUCE tp 32 B \"b input-gradient communication\" <- 3\n"
        "5 COMP 4 ns \"b weight gradient\" <- 3\n"
        "6 COMP 3 ns \"a input gradient\" <- 5 4\n"
        "7 COMP 4 ns \"a weight gradient\" <- 6\n");
}

TEST_CASE("HYBRID_MODEL_DATA has data parallelism inside", "[trace][simai]") {
  const RecordedTrace trace =
      parse("HYBRID_MODEL_DATA\n1\na -1 2 ALLGATHER 64 3 NONE 0 4 ALLREDUCE 8 1\n", {8, 2});
  CHECK(trace.options.dimensions == std::vector<std::uint32_t>{4, 2});
  const Replay replay = build_replay(trace.trace, 8, trace.options);
  const auto& groups = replay.graph.groups;
  CHECK(groups.front().members == std::vector<RankId>{0, 4});
  CHECK(groups.back().members == std::vector<RankId>{4, 5, 6, 7});
}

TEST_CASE("HYBRID_CUSTOMIZED reads a policy per layer from column 13", "[trace][simai]") {
  CHECK(program("HYBRID_CUSTOMIZED\n3\n"
                "a -1 1 ALLGATHER 64 1 NONE 0 1 ALLREDUCE 8 1 HYBRID_MODEL_DATA\n"
                "b -1 1 NONE 0 1 NONE 0 1 ALLREDUCE 8 1 DATA\n"
                "c -1 1 ALLGATHER 64 1 NONE 0 1 NONE 0 1 MODEL\n",
                {8, 2}) ==
        "0 COMM_COLL ALL_GATHER tp_outer 64 B \"a forward communication\"\n"
        "1 COMM_COLL ALL_GATHER tp_all 64 B \"c forward communication\" <- 0\n"
        "2 COMM_COLL ALL_REDUCE dp_all 8 B \"b weight-gradient communication\" <- 1\n"
        "3 COMM_COLL ALL_REDUCE dp_inner 8 B \"a weight-gradient communication\" <- 1\n");
}

TEST_CASE("HYBRID_DLRM waits for the embeddings' exchange after the last bottom layer only",
          "[trace][simai]") {
  CHECK(program("HYBRID_DLRM\t1\n3\n"
                "emb -1 2 ALLTOALL 64 3 ALLTOALL 64 4 NONE 0 1\n"
                "bottom -1 5 NONE 0 6 NONE 0 7 ALLREDUCE 8 1\n"
                "top -1 8 NONE 0 9 NONE 0 10 ALLREDUCE 8 1\n",
                {4, 0}) ==
        "0 COMP 2 ns \"emb forward\"\n"
        "1 COMM_COLL ALL_TO_ALL tp_all 64 B \"emb forward communication\" <- 0\n"
        "2 COMP 5 ns \"bottom forward\" <- 0\n"
        "3 COMP 8 ns \"top forward\" <- 2 1\n"
        "4 COMP 10 ns \"top weight gradient\" <- 3\n"
        "5 COMM_COLL ALL_REDUCE dp_all 8 B \"top weight-gradient communication\" <- 4\n"
        "6 COMP 9 ns \"top input gradient\" <- 4\n"
        "7 COMM_COLL ALL_TO_ALL tp_all 64 B \"emb input-gradient communication\" <- 6\n"
        "8 COMP 7 ns \"bottom weight gradient\" <- 6\n"
        "9 COMM_COLL ALL_REDUCE dp_all 8 B \"bottom weight-gradient communication\" <- 8\n"
        "10 COMP 6 ns \"bottom input gradient\" <- 8\n"
        "11 COMP 4 ns \"emb weight gradient\" <- 10 7\n");
}

TEST_CASE("inference runs forward only", "[trace][simai]") {
  const std::string row = "1\na -1 2 ALLREDUCE 64 3 NONE 0 4 NONE 0 100\n";
  const std::string expected =
      "0 COMP 2 ns \"a forward\"\n"
      "1 COMM_COLL ALL_REDUCE tp 64 B \"a forward communication\" <- 0\n";
  CHECK(program("DISTRIBUTED_INFERENCE\n" + row, {4, 0}) == expected);
  const std::string moded =
      "HYBRID_TRANSFORMER_FWD_IN_BCKWD model_parallel_NPU_group: 4 all_gpus: 4 mode: 1\n" + row;
  CHECK(program(moded) == expected);
  CHECK(noted(parse(moded), "ignored: backward columns of inference rows (1)"));
}

TEST_CASE("MICRO runs the weight-gradient collectives one after another", "[trace][simai]") {
  CHECK(program("MICRO\n2\nm -1 1 NONE 0 1 NONE 0 1 ALLGATHER 4096 1\n"
                "m -1 1 NONE 0 1 NONE 0 1 ALLGATHER 8192 1\n",
                {8, 0}) ==
        "0 COMM_COLL ALL_GATHER dp_all 4096 B \"m weight-gradient communication\"\n"
        "1 COMM_COLL ALL_GATHER dp_all 8192 B \"m weight-gradient communication\" <- 0\n");
}

TEST_CASE("what a workload holds but no simulator runs is counted", "[trace][simai]") {
  const RecordedTrace trace = parse(
      "HYBRID_TRANSFORMER model_parallel_NPU_group: 8 all_gpus: 8\n2\n"
      "norm -1 0 BROADCAST 16384 1 NONE 0 1 NONE 0 100\n"
      "a 0 5 REDUCESCATTER 0 1 NONE 0 1 NONE 0 100\n");
  CHECK(noted(trace, "ignored: BROADCAST, which SimAI reads as none (1)"));
  CHECK(noted(trace, "ignored: communications of 0 bytes (1)"));
  CHECK(noted(trace, "ignored: the dependency column, which no simulator reads (1)"));
}

TEST_CASE("a number of ranks given beside the file's own is used and noted", "[trace][simai]") {
  const RecordedTrace trace = parse(kTwoLayers, {16, 0});
  CHECK(trace.trace.ranks.size() == 16);
  CHECK(noted(trace, "the file is for 8 ranks and was read for 16"));
}

TEST_CASE("a workload that does not say its ranks is refused", "[trace][simai]") {
  CHECK(refused("DATA\n0\n") ==
        "w.txt:1:1: error[trace-ranks]: the workload does not say how many ranks run it "
        "(all_gpus)\nDATA\n^^^^ help: give their number: --ranks 8");
  CHECK(refused("HYBRID_DATA_MODEL\n0\n", {8, 0}) ==
        "w.txt:1:1: error[trace-ranks]: HYBRID_DATA_MODEL does not say how large a "
        "model-parallel group is\nHYBRID_DATA_MODEL\n^^^^^^^^^^^^^^^^^ help: give it: "
        "--model-parallel 4");
}

TEST_CASE("ranks that do not divide into groups are refused", "[trace][simai]") {
  CHECK(refused("HYBRID_TRANSFORMER model_parallel_NPU_group: 3 all_gpus: 8\n0\n") ==
        "w.txt:1:46: error[trace-ranks]: 8 ranks are no multiple of TP 3 x PP 1\n"
        "HYBRID_TRANSFORMER model_parallel_NPU_group: 3 all_gpus: 8\n"
        "                                             ^ help: the number of ranks is TP x PP x "
        "DP, and DP is a multiple of EP");
  CHECK_THAT(refused("HYBRID_TRANSFORMER model_parallel_NPU_group: 2 ep: 3 all_gpus: 8\n0\n"),
             Contains("w.txt:1:52: error[trace-ranks]: EP 3 does not divide DP 4"));
}

TEST_CASE("words that a workload cannot begin with or set are refused with the nearest",
          "[trace][simai]") {
  CHECK(refused("HYBRID_TRANSFORMR\n") ==
        "w.txt:1:1: error[trace-format]: no workload policy \"HYBRID_TRANSFORMR\"\n"
        "HYBRID_TRANSFORMR\n^^^^^^^^^^^^^^^^^ help: did you mean HYBRID_TRANSFORMER?");
  CHECK(refused("DATA all_gpu: 8\n0\n") ==
        "w.txt:1:6: error[trace-value]: \"all_gpu\" is no setting of a workload\n"
        "DATA all_gpu: 8\n     ^^^^^^^ help: did you mean all_gpus?");
  CHECK(refused("DATA all_gpus:\n0\n") ==
        "w.txt:1:6: error[trace-value]: \"all_gpus\" has no value\n"
        "DATA all_gpus:\n     ^^^^^^^^ help: write all_gpus: 8");
  CHECK(refused("DATA ep: 2 ep: 2\n0\n") ==
        "w.txt:1:12: error[trace-value]: \"ep\" is given twice\n"
        "DATA ep: 2 ep: 2\n           ^^ help: keep one of them");
}

TEST_CASE("a missing column is refused where it shows", "[trace][simai]") {
  // The communication of the forward pass is missing: the sizes move one column to the left.
  CHECK(refused("DATA all_gpus: 8\n1\na -1 2 0 3 NONE 0 4 ALLREDUCE 8 5\n") ==
        "w.txt:3:8: error[trace-value]: column 4 (forward communication) is \"0\"; a communication "
        "is needed (11 of 12 columns)\n"
        "a -1 2 0 3 NONE 0 4 ALLREDUCE 8 5\n"
        "       ^ help: a column before this one seems to be missing");
  CHECK(
      refused("DATA all_gpus: 8\n1\na -1 2 NONE 0 3 NONE 0 4 ALLREDUCE 8\n") ==
      "w.txt:3:37: error[trace-value]: column 12 (update time) is missing: 11 of 12 columns\n"
      "a -1 2 NONE 0 3 NONE 0 4 ALLREDUCE 8\n"
      "                                    ^ help: a layer is: name -1, then time, "
      "communication, bytes of forward, input gradient and weight gradient, then the update time");
  CHECK_THAT(refused("DATA all_gpus: 8\n1\na -1 2 NONE 0 3 NONE 0 4 ALLREDUCE 8 5 6\n"),
             Contains("w.txt:3:40: error[trace-value]: 13 columns where DATA has 12"));
}

TEST_CASE("an unknown communication is refused with the nearest", "[trace][simai]") {
  CHECK_THAT(refused("DATA all_gpus: 8\n1\na -1 2 ALLREDUC 0 3 NONE 0 4 NONE 0 5\n"),
             Contains("w.txt:3:8: error[trace-value]: column 4 (forward communication) is "
                      "\"ALLREDUC\", which is no communication") &&
                 Contains("help: did you mean ALLREDUCE?; suffix none, _EP or _DP_EP"));
}

TEST_CASE("a number of rows that differs from the announced is refused", "[trace][simai]") {
  const std::string row = "a -1 2 NONE 0 3 NONE 0 4 NONE 0 5\n";
  CHECK(refused("DATA all_gpus: 8\n2\n" + row) ==
        "w.txt:2:1: error[trace-format]: 2 rows announced, 1 found\n2\n"
        "^ help: the file is cut off, or line 2 is wrong");
  CHECK_THAT(refused("DATA all_gpus: 8\n1\n" + row + row),
             Contains("w.txt:4:1: error[trace-format]: more rows than the 1 announced"));
  CHECK_THAT(refused("DATA all_gpus: 8\n"),
             Contains("error[trace-format]: the second line, the number of rows, is missing"));
}

TEST_CASE("SimAI's own examples and AICB's workloads are read", "[trace][simai][samples]") {
  XPUSIM_NEED_SHARED_TRACES(root);
  const auto example = (root / "simai/example/workload_analytical.txt").string();
  const RecordedTrace large = read_trace(example);
  CHECK(large.trace.ranks.size() == 9216);
  CHECK(large.options.dimensions == std::vector<std::uint32_t>{2, 16, 24, 12});
  const auto& nodes = large.trace.ranks[0]->nodes;
  const auto count = [&](ChakraCollective type) {
    return std::count_if(nodes.begin(), nodes.end(),
                         [&](const ChakraNode& n) { return n.collective == type; });
  };
  CHECK(count(ChakraCollective::send_recv) == 2 * 24);
  CHECK(count(ChakraCollective::all_to_all) == 2 * (384 + 384));
  for (const auto& entry :
       std::filesystem::directory_iterator(root / "simai/aicb/simAI_model_workload")) {
    const std::string path = entry.path().string();
    INFO(path);
    if (path.find("L65B-M1-C05") != std::string::npos)  // announces 839 rows and holds 33
      CHECK_THAT(refusal([&] {
                   (void)read_trace(path, "", {16, 0});
                 }),
                 Contains("839 rows announced, 33 found"));
    else
      CHECK_NOTHROW(read_trace(path, "", {16, 0}));
  }
}

TEST_CASE("ASTRA-sim 1.0's text workloads are read", "[trace][simai][samples]") {
  XPUSIM_NEED_SHARED_TRACES(root);
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(root / "chakra/text_workloads")) {
    const std::string path = entry.path().string();
    INFO(path);
    const bool sized = path.find("Transformer") != std::string::npos;
    const RecordedTrace trace = read_trace(path, "", {16, sized ? 0u : 4u});
    CHECK(trace.format == "simai");
    CHECK_NOTHROW(build_replay(trace.trace, 16, trace.options));
    ++files;
  }
  CHECK(files == 8);
}
