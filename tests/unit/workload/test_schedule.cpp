#include <catch2/catch.hpp>

#include <algorithm>
#include <set>
#include <string>
#include <tuple>

#include "unit/workload/models.hpp"
#include "unit/workload/run_graph.hpp"
#include "workload/schedule.hpp"

using namespace xpusim;
using namespace test_models;
using Catch::Matchers::WithinRel;

namespace {

std::string words(const std::vector<Pass>& order) {
  std::string text;
  for (const Pass& p : order) {
    text += (p.forward ? " F" : " B") + std::to_string(p.micro_batch);
    if (p.chunk > 0) text += "'" + std::to_string(p.chunk);
  }
  return text;
}

/// Step time of a graph whose every forward pass takes 1 and backward pass 2 seconds, all else
/// none.
double step_time(int pipeline, int virtual_stages, int micro_batches) {
  ModelSpec m = small_dense();
  m.layers = 16;
  ParallelismSpec p;
  p.pipeline = pipeline;
  p.virtual_stages = virtual_stages;
  TrainingSpec t = small_training();
  t.global_batch = micro_batches;
  const TaskGraph graph = build_training_step(m, p, t, small_fabric(1, pipeline), {});
  const auto outcome = test_graphs::run_graph(graph, [&](const Task& task) {
    if (task.purpose != Purpose::compute) return 0.0;
    return graph.labels[task.label].starts_with("forward") ? 1.0 : 2.0;
  });
  REQUIRE(outcome.finished == graph.tasks.size());
  return outcome.makespan;
}

}  // namespace

TEST_CASE("1F1B of four micro-batches on two stages runs as Megatron-LM orders it", "[workload]") {
  CHECK(words(pipeline_schedule(2, 1, 4, 0)) == " F0 F1 B0 F2 B1 F3 B2 B3");
  CHECK(words(pipeline_schedule(2, 1, 4, 1)) == " F0 B0 F1 B1 F2 B2 F3 B3");
}

TEST_CASE("interleaved 1F1B warms up with 2 (p - stage - 1) + (v - 1) p passes", "[workload]") {
  // p = 2, v = 2, m = 4: stage 0 warms up with 4 passes, stage 1 with 2.
  CHECK(words(pipeline_schedule(2, 2, 4, 0)) ==
        " F0 F1 F0'1 F1'1 F2 B0'1 F3 B1'1 F2'1 B0 F3'1 B1 B2'1 B3'1 B2 B3");
  CHECK(words(pipeline_schedule(2, 2, 4, 1)) ==
        " F0 F1 F0'1 B0'1 F1'1 B1'1 F2 B0 F3 B1 F2'1 B2'1 F3'1 B3'1 B2 B3");
}

TEST_CASE("every pass runs once, backward after its forward", "[workload][property]") {
  for (const auto& [p, v, m] : {std::tuple{1, 1, 5}, {4, 1, 2}, {4, 1, 9}, {4, 3, 8}, {8, 2, 8}})
    for (int stage = 0; stage < p; ++stage) {
      std::set<std::pair<std::uint32_t, std::uint32_t>> forward, backward;
      for (const Pass& pass : pipeline_schedule(p, v, m, stage)) {
        const std::pair key(pass.chunk, pass.micro_batch);
        if (!pass.forward) CHECK(forward.contains(key));
        CHECK((pass.forward ? forward : backward).insert(key).second);
      }
      CHECK(forward.size() == static_cast<std::size_t>(v * m));
      CHECK(backward == forward);
    }
}

TEST_CASE("the bubble of 1F1B is (p - 1)/m of the ideal time", "[workload][closed-form]") {
  // Narayanan et al. 2021, section 2.2.1: t_bubble / t_ideal = (p - 1) / m.
  for (const auto& [p, m] : {std::pair{1, 4}, {2, 4}, {4, 4}, {4, 16}, {8, 32}})
    CHECK_THAT(step_time(p, 1, m), WithinRel(3.0 * m * (1 + (p - 1.0) / m), 1e-9));
}

TEST_CASE("interleaving v chunks divides the bubble by v", "[workload][closed-form]") {
  // t_bubble / t_ideal = (p - 1) / (m v); each of the v chunks here takes a full unit, so t_ideal =
  // 3 m v.
  for (const auto& [p, v, m] : {std::tuple{2, 2, 4}, {4, 2, 8}, {4, 4, 4}, {8, 2, 16}})
    CHECK_THAT(step_time(p, v, m), WithinRel(3.0 * m * v * (1 + (p - 1.0) / (m * v)), 1e-9));
}
