#include <catch2/catch.hpp>

#include <algorithm>
#include <random>
#include <string>

#include "unit/workload/models.hpp"
#include "unit/workload/refusal.hpp"
#include "unit/workload/run_graph.hpp"
#include "workload/layer_layout.hpp"
#include "workload/memory.hpp"
#include "xpusim/diagnostic.hpp"

using namespace xpusim;
using namespace test_models;
using Catch::Matchers::WithinRel;

namespace {

/// Chunks as letters without repeats.
std::string written_out(const std::string& text) {
  std::string out;
  for (const LayerCounts& c : parse_layer_layout(text)) {
    if (!out.empty()) out += "|";
    out += std::string(static_cast<std::size_t>(c.embeddings), 'E') +
           std::string(static_cast<std::size_t>(c.layers), 't') +
           std::string(static_cast<std::size_t>(c.mtp), 'm') +
           std::string(static_cast<std::size_t>(c.losses), 'L');
  }
  return out;
}

std::string refused(const std::string& text) {
  return refusal([&] { (void)parse_layer_layout(text); });
}

ParallelLayout resolved(ModelSpec m, const std::string& layout, int pipeline,
                        int virtual_stages = 1,
                        PipelineSchedule schedule = PipelineSchedule::automatic) {
  ParallelismSpec p;
  p.layout = layout;
  p.pipeline = pipeline;
  p.virtual_stages = virtual_stages;
  p.schedule = schedule;
  return resolve_layout(m, p, small_training(), static_cast<std::uint32_t>(pipeline));
}

}  // namespace

TEST_CASE("layouts are read in Megatron-LM's notation", "[workload]") {
  CHECK(written_out("EttL") == "EttL");
  CHECK(written_out("Et*3|(tt|)*3t*2L") == "Ettt|tt|tt|tt|ttL");
  CHECK(written_out("Ettt|(tt|)*2,m|L") == "Ettt|tt|tt|m|L");
  CHECK(written_out("E|(t|)*2L") == "E|t|t|L");
  CHECK(written_out("Et||*2tL") == "Et|||tL");
  CHECK(written_out("E t * 2 | t L") == "Ett|tL");
  // DeepSeek-V3 on PP16: 61 layers.
  const auto chunks = parse_layer_layout("Et*4|(t*4|)*14tmL");
  REQUIRE(chunks.size() == 16);
  int layers = 0;
  for (const LayerCounts& c : chunks) layers += c.layers;
  CHECK(layers == 61);
  CHECK(chunks[15].mtp == 1);
}

TEST_CASE("what a layout cannot say is refused with its column", "[workload][refusal]") {
  const std::string at = "parallelism.layout, column ";
  CHECK(refused("Etx|L") ==
        at + "3: 'x' is no layer / use E (embedding), t (transformer layer), m (MTP layer), L "
             "(loss) and |");
  CHECK(refused("E\x01L").find("column 2: '\\x01' is no layer") != std::string::npos);
  CHECK(refused("E(tt|L") == at + "2: this group does not end / close it with )*n");
  CHECK(refused("E(t)L") == at + "2: a group that is not repeated / write *n after its )");
  CHECK(refused("E()*2L") == at + "2: an empty group / name the layers between ( and )");
  CHECK(refused("E((t)*2|)*2L") == at + "3: a group within a group / write one of them out");
  CHECK(refused("Et)L") == at + "3: a ) without ( / remove it");
  CHECK(refused("*3EtL") == at + "1: nothing to repeat / write * after a layer or after )");
  CHECK(refused("Et*2*3L") == at + "5: nothing to repeat / write * after a layer or after )");
  CHECK(refused("Et*L") == at + "3: * without a count / write a number after *");
  CHECK(refused("Et*") == at + "3: * without a count / write a number after *");
  CHECK(refused("Et*0L") == at + "4: a count of 0 / leave out what is not there");
  CHECK(refused("Et*99999999999999999999L") ==
        at + "4: a count beyond 10000 / no model has so many layers");
  CHECK(refused("E(t*10000)*10000L") == at + "3: too many layers / no model has so many");
  CHECK(refused("tEL") == at + "1: the embedding E is not the first / begin the layout with E");
  CHECK(refused("|EtL") == at + "1: the embedding E is not the first / begin the layout with E");
  CHECK(refused("EtEL") == at + "3: a second embedding / write E once");
  CHECK(refused("EtLt") ==
        at + "4: the loss L is not the last / end the layout with L, not with |");
  CHECK(refused("EtL|") ==
        at + "4: the loss L is not the last / end the layout with L, not with |");
  CHECK(refused("Ett") == at + "4: the loss L is missing / end the layout with L");
  CHECK(refused("") == at + "1: the loss L is missing / end the layout with L");
  CHECK(refused("EtmtL") == at + "4: a layer behind an MTP layer / put every t before m");
  CHECK(refused("Etm|mL") == at + "5: MTP layers in several chunks / put all m into one chunk");
}

TEST_CASE("no text makes the reader do anything but read or refuse", "[workload][property]") {
  std::mt19937 random(1);
  const std::string letters = "EtmL|()*0123456789, x";
  for (int i = 0; i < 20'000; ++i) {
    std::string text = i % 2 == 0 ? "" : "Et*4|(t*4|)*14tmL";
    const std::size_t edits = i % 2 == 0 ? random() % 24 : 1 + random() % 3;
    for (std::size_t k = 0; k < edits; ++k) {
      const char c = letters[random() % letters.size()];
      if (text.empty() || random() % 2 == 0)
        text.insert(text.begin() + static_cast<std::ptrdiff_t>(random() % (text.size() + 1)), c);
      else
        text[random() % text.size()] = c;
    }
    try {
      const auto chunks = parse_layer_layout(text);
      REQUIRE(chunks.front().embeddings == 1);
      REQUIRE(chunks.back().losses == 1);
    } catch (const InputError& error) {
      REQUIRE(
          error.diagnostics().items().front().message.starts_with("parallelism.layout, column"));
    }
  }
}

TEST_CASE("an explicit layout places layers, ends and MTP modules", "[workload]") {
  ModelSpec m = small_dense();
  m.layers = 6;
  m.mtp_layers = 1;
  const ParallelLayout l = resolved(m, "Et|tt|t*3m|L", 4);
  CHECK(l.layers[2][0] == std::vector{3, 4, 5});
  CHECK(l.mtp_position == 2);
  CHECK(chunk_content(m, l, 2, 0).layers == std::vector{3, 4, 5, 6});
  CHECK(chunk_content(m, l, 3, 0).layers.empty());
  CHECK(chunk_content(m, l, 3, 0).head);
}

TEST_CASE("an explicit layout may leave embedding and loss chunks of their own", "[workload]") {
  ModelSpec m = small_dense();
  const ParallelLayout l = resolved(m, "E|t*3|t|L", 2);  // two chunks per rank follow
  CHECK(l.virtual_stages == 2);
  CHECK(l.schedule == PipelineSchedule::interleaved);
  CHECK(l.layers[0][0].empty());
  CHECK(l.layers[1][0] == std::vector{0, 1, 2});
  CHECK(l.layers[0][1] == std::vector{3});
  CHECK(l.layers[1][1].empty());
  CHECK(chunk_content(m, l, 0, 0).embedding);
  CHECK(chunk_content(m, l, 1, 1).head);
  // The second chunk of a V comes back.
  const ParallelLayout v = resolved(m, "E|t*3|t|L", 2, 1, PipelineSchedule::zb_v);
  CHECK(v.layers[1][1] == std::vector{3});
  CHECK(v.layers[0][1].empty());
  CHECK(chunk_content(m, v, 0, 1).head);
}

TEST_CASE("layouts that do not match model and pipeline are refused", "[workload][refusal]") {
  const ModelSpec m = small_dense();
  CHECK(refusal([&] { (void)resolved(m, "Et|t|t|tL", 2, 4); }) ==
        "parallelism.layout has 4 chunks, the interleaved schedule on PP2 needs 8 / separate so "
        "many chunks with |");
  CHECK(refusal([&] { (void)resolved(m, "Et|ttttmL", 2); }) ==
        "parallelism.layout has 5 layers t, small has 4 / place every layer once\n"
        "parallelism.layout has 1 MTP layers m, small has 0 / place every MTP layer once");
  CHECK(refusal([&] { (void)resolved(m, "Ett|t|tL", 2); }) ==
        "parallelism.layout has 3 chunks, the 1F1B schedule on PP2 needs 2 / separate so many "
        "chunks with |");
}

TEST_CASE("wherever the layers are, the kernels' FLOPs are the formula's",
          "[workload][closed-form]") {
  ModelSpec m = small_moe();
  m.mtp_layers = 1;
  SoftwareSpec software;
  software.flash_attention = false;
  const TrainingSpec t = small_training();
  for (const char* layout : {"Et|tt|tm|L", "E|tttt|m|L", "Et|t|t|tmL", "E|t|ttt|mL"})
    for (const auto& [schedule, pipeline] : {std::pair{PipelineSchedule::automatic, 4},
                                             {PipelineSchedule::interleaved, 2},
                                             {PipelineSchedule::zb_h1, 4},
                                             {PipelineSchedule::v_half, 2},
                                             {PipelineSchedule::dualpipe, 4}}) {
      ParallelismSpec p;
      p.layout = layout;
      p.pipeline = pipeline;
      p.schedule = schedule;
      const TaskGraph graph = build_training_step(m, p, t, small_fabric(1, 8), software);
      validate(graph);
      const auto sum = test_graphs::totals(graph);
      CHECK_THAT(sum.flops, WithinRel(training_step_flops(m, t, software).model.value(), 1e-9));
    }
}

TEST_CASE("behind MTP modules of their own chunk a transfer carries their outputs, too",
          "[workload][closed-form]") {
  ModelSpec m = small_dense();
  m.mtp_layers = 1;
  ParallelismSpec p;
  p.layout = "Et|t|ttm|L";
  p.pipeline = 4;
  const TaskGraph graph = build_training_step(m, p, small_training(), small_fabric(1, 4), {});
  // 64 micro-batches of 128 x 256 x 2 bytes, both directions, boundaries of 1, 1 and 2 units.
  CHECK_THAT(test_graphs::totals(graph).bytes_by_purpose.at("pp"),
             WithinRel(64 * 2 * 4 * 128.0 * 256 * 2, 1e-9));
}
