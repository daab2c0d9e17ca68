#include <catch2/catch.hpp>

#include "scenarios.hpp"

using namespace xpusim;
using namespace xpusim::test;
using Catch::Matchers::WithinRel;

namespace {

constexpr double kExact = 1e-9;

struct Layout {
  const char* system;
  int chips, nodes, tensor, pipeline, data, virtual_stages;
};

ScenarioSpec scenario_of(const Layout& layout, const char* model = "llama-3.1-8b") {
  ScenarioSpec scenario = training_scenario(layout.system, model);
  scenario.systems[0].chips = layout.chips;
  scenario.systems[0].nodes = layout.nodes;
  scenario.parallelism.tensor = layout.tensor;
  scenario.parallelism.pipeline = layout.pipeline;
  scenario.parallelism.data = layout.data;
  scenario.parallelism.virtual_stages = layout.virtual_stages;
  scenario.training.global_batch = layout.data * layout.pipeline * 2;
  return scenario;
}

void folded_equals_unfolded(const Layout& layout) {
  ScenarioSpec scenario = scenario_of(layout);
  scenario.folding = Folding::on;
  const SystemResult folded = simulate_forked(scenario);
  scenario.folding = Folding::off;
  const SystemResult unfolded = simulate_forked(scenario);
  INFO(layout.system);
  REQUIRE(folded.simulation.folded);
  REQUIRE_FALSE(unfolded.simulation.folded);
  CHECK(folded.simulation.simulated_ranks == static_cast<std::uint64_t>(layout.pipeline));
  CHECK(unfolded.simulation.simulated_ranks ==
        static_cast<std::uint64_t>(layout.tensor * layout.pipeline * layout.data));
  CHECK_THAT(folded.training->step_time_s, WithinRel(unfolded.training->step_time_s, kExact));
  CHECK_THAT(folded.training->breakdown_s.compute,
             WithinRel(unfolded.training->breakdown_s.compute, kExact));
  CHECK_THAT(folded.power->energy_j, WithinRel(unfolded.power->energy_j, kExact));
  REQUIRE(folded.links->tiers.size() == unfolded.links->tiers.size());
  for (std::size_t i = 0; i < folded.links->tiers.size(); ++i) {
    INFO(folded.links->tiers[i].tier);
    CHECK_THAT(folded.links->tiers[i].bytes, WithinRel(unfolded.links->tiers[i].bytes, kExact));
    CHECK_THAT(folded.links->tiers[i].peak_utilization,
               WithinRel(unfolded.links->tiers[i].peak_utilization, kExact));
  }
}

}  // namespace

TEST_CASE("folding changes nothing on CloudMatrix 384", "[simulation][property]") {
  folded_equals_unfolded({"cloudmatrix-384", 64, 0, 8, 2, 4, 1});
}
TEST_CASE("folding changes nothing on 384 ranks with interleaved stages",
          "[simulation][property]") {
  folded_equals_unfolded({"cloudmatrix-384", 384, 0, 8, 4, 12, 2});
}
TEST_CASE("folding changes nothing on NVL72", "[simulation][property]") {
  folded_equals_unfolded({"gb200-nvl72", 64, 0, 4, 4, 4, 2});
}
TEST_CASE("folding changes nothing on the C550 cabinet", "[simulation][property]") {
  folded_equals_unfolded({"metax-c550-128", 128, 0, 8, 4, 4, 1});
}
TEST_CASE("folding changes nothing on 512 GPUs of DGX nodes over their rails",
          "[simulation][property]") {
  folded_equals_unfolded({"dgx-h100-cluster", 512, 64, 8, 8, 8, 1});
}

TEST_CASE("the breakdown of a training step sums to the step", "[simulation][property]") {
  const SystemResult r = simulate_forked(scenario_of({"dgx-h100", 8, 0, 4, 1, 2, 1}));
  const TrainingResult::Breakdown& b = r.training->breakdown_s;
  const double sum = b.compute + b.exposed_tp + b.exposed_cp + b.exposed_ep + b.exposed_pp +
                     b.exposed_dp + b.bubble + b.optimizer + b.exposed_other;
  CHECK_THAT(sum, WithinRel(r.training->step_time_s, kExact));
}

TEST_CASE("the same seed gives the same bytes twice", "[simulation][property]") {
  const ScenarioSpec scenario = scenario_of({"gb200-nvl72", 64, 0, 4, 4, 4, 2});
  CHECK(report_to_json(simulate_forked(scenario)) == report_to_json(simulate_forked(scenario)));
}

TEST_CASE("energy is at least idle power times time", "[simulation][property]") {
  const SystemResult r = simulate_forked(scenario_of({"dgx-h100", 8, 0, 8, 1, 1, 1}));
  Catalogue catalogue({{kConfigs}, {}});
  const double idle = catalogue.load<ChipSpec>("nvidia-h100-sxm").power.idle.value();
  CHECK(r.power->energy_j >= 8 * idle * r.training->step_time_s);
  CHECK(r.power->peak_w >= r.power->mean_w);
}

TEST_CASE("more bandwidth or compute is never slower", "[simulation][property]") {
  const ScenarioSpec scenario = scenario_of({"dgx-h100-cluster", 64, 8, 8, 1, 8, 1});
  const double base = simulate_forked(scenario).training->step_time_s;
  for (const char* better : {"link.nvlink4.bandwidth=50 GB/s", "link.ib-ndr400.bandwidth=100 GB/s",
                             "chip.nvidia-h100-sxm.memory.bandwidth=6.7 TB/s",
                             "chip.nvidia-h100-sxm.peak.bf16=1978 TFLOP/s"}) {
    INFO(better);
    CHECK(simulate_forked(scenario, 0, {better}).training->step_time_s <= base * (1 + 1e-12));
  }
}

TEST_CASE("a power cap slows the step and lowers the watts", "[simulation][property]") {
  ScenarioSpec scenario = scenario_of({"dgx-h100", 8, 0, 8, 1, 1, 1});
  const SystemResult full = simulate_forked(scenario);
  scenario.power.cap = Watts(400);
  const SystemResult capped = simulate_forked(scenario);
  CHECK(capped.training->step_time_s > full.training->step_time_s);
  CHECK(capped.power->mean_chip_w < full.power->mean_chip_w);
  CHECK(capped.power->mean_chip_w <= 400);
}

TEST_CASE("a job that does not fit says by how much and what would help", "[simulation]") {
  ScenarioSpec scenario = scenario_of({"dgx-h100", 8, 0, 8, 1, 1, 1}, "llama-3.1-405b");
  try {
    (void)simulate_forked(scenario);
    FAIL("405B cannot train on eight H100");
  } catch (const std::runtime_error& e) {
    CHECK_THAT(e.what(), Catch::Matchers::Contains("does not fit"));
  }
}

TEST_CASE("DeepSeek-V3 trains a step on CloudMatrix 384 and on NVL72", "[simulation]") {
  for (const char* file :
       {"training/deepseek-v3-cloudmatrix.json", "training/deepseek-v3-nvl72.json"}) {
    INFO(file);
    const SystemResult r = simulate_file(file);
    REQUIRE(r.training);
    CHECK(r.training->mfu > 0.02);
    CHECK(r.training->mfu < 0.8);
    CHECK(r.training->memory_bytes_per_chip.total <= r.training->memory_bytes_per_chip.capacity);
  }
}
