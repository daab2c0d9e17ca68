// Pipeline schedules on the engine take as long as a list of their passes says.
#include <catch2/catch.hpp>

#include <string>

#include "small_fabric.hpp"
#include "support/forked.hpp"
#include "unit/workload/run_schedule.hpp"
#include "xpusim/workload.hpp"

using namespace xpusim;
using namespace xpusim::test;
using Catch::Matchers::WithinRel;

namespace {

constexpr test_schedules::PassCosts kCosts{1, 1.25, 0.75};

ModelSpec model() {
  ModelSpec m;
  m.info.name = "small";
  m.layers = 16;
  m.hidden = m.ffn = m.vocabulary = 64;
  m.heads = m.kv_heads = 2;
  m.head_dim = 32;
  return m;
}

/// Seconds of a step whose passes take kCosts, for a rank's chunks together.
double step_time(PipelineSchedule schedule, int virtual_stages) {
  const Fabric fabric = build_fabric(switch_system(4), ChipSpec{}, small_links());
  const CollectiveLibrarySpec library = plain_library();
  const CollectiveContext context{&fabric, &library};
  ParallelismSpec p;
  p.pipeline = 4;
  p.schedule = schedule;
  p.virtual_stages = virtual_stages;
  TrainingSpec t;
  t.global_batch = 12;
  t.sequence = 64;
  TaskGraph graph = build_training_step(model(), p, t, fabric, {});
  const int chunks = schedule == PipelineSchedule::interleaved ? virtual_stages
                     : schedule == PipelineSchedule::dualpipe
                         ? 1
                         : test_schedules::shape(schedule, 4, 12).virtual_stages;
  for (Task& task : graph.tasks) {
    if (task.kind != TaskKind::compute) continue;
    const std::string& label = graph.labels[task.label];
    ComputeOp op;
    op.kind = OpKind::fixed;
    op.kernels = 0;
    op.seconds = label.starts_with("forward")           ? kCosts.forward
                 : label.starts_with("input gradient")  ? kCosts.input
                 : label.starts_with("weight gradient") ? kCosts.weight
                 : label.starts_with("backward")        ? kCosts.input + kCosts.weight
                                                        : 0;
    op.seconds /= chunks;
    task.op = graph.add_single_op(op);
  }
  return std::stod(forked([&] {
    Machine machine(fabric, context, {Fidelity::fluid, 1});
    const CostModel cost{ChipSpec{}, SoftwareSpec{}};
    return std::to_string(run_task_graph(machine, graph, context, cost).makespan.value());
  }));
}

}  // namespace

TEST_CASE("on the engine a schedule takes as long as its passes", "[engine][closed-form]") {
  using S = PipelineSchedule;
  for (const auto& [schedule, chunks] : {std::pair{S::gpipe, 1},
                                         {S::one_f_one_b, 1},
                                         {S::interleaved, 2},
                                         {S::zb_h1, 1},
                                         {S::zb_h2, 1},
                                         {S::zb_v, 2},
                                         {S::v_half, 2},
                                         {S::v_min, 2},
                                         {S::dualpipe, 2}}) {
    const auto expected =
        test_schedules::run(test_schedules::shape(schedule, 4, 12, chunks), kCosts, true);
    // Transfers take microseconds.
    CHECK_THAT(step_time(schedule, chunks), WithinRel(expected.makespan, 1e-5));
  }
}
