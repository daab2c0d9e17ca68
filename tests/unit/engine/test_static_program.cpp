#include <catch2/catch.hpp>

#include "small_fabric.hpp"

using namespace xpusim;
using namespace xpusim::test;
using Catch::Matchers::Contains;
using Catch::Matchers::WithinRel;

namespace {

constexpr double kExact = 1e-9;

ComputeOp fixed(double seconds) {
  ComputeOp op;
  op.kind = OpKind::fixed;
  op.seconds = seconds;
  op.kernels = 0;
  return op;
}

struct Bench {
  Fabric fabric = build_fabric(switch_system(4), ChipSpec{}, small_links());
  CollectiveLibrarySpec library = plain_library();
  CollectiveContext context{&fabric, &library};
  CostModel cost{ChipSpec{}, SoftwareSpec{}};
  TaskGraph graph;

  Bench() {
    graph.labels = {"task"};
    for (DeviceId d = 0; d < 4; ++d) graph.ranks.push_back({d, 1, 0});
  }
  TaskId compute(RankId rank, double seconds, const std::vector<TaskId>& after) {
    return graph.add({TaskKind::compute, Purpose::compute, Stream::compute, rank,
                      graph.add_single_op(fixed(seconds)), 0},
                     after);
  }
  StaticRunResult run(Fidelity fidelity = Fidelity::fluid) {
    validate(graph);
    Machine machine(fabric, context, {fidelity, 1});
    return run_task_graph(machine, graph, context, cost);
  }
};

}  // namespace

TEST_CASE("tasks of one stream run one at a time, those of two ranks at once", "[engine]") {
  Bench b;
  b.compute(0, 1.0, {});
  b.compute(0, 2.0, {});
  b.compute(1, 2.5, {});
  CHECK_THAT(b.run().makespan.value(), WithinRel(3.0, kExact));
}

TEST_CASE("a transfer starts when its dependencies are done and its dependents wait for arrival",
          "[engine][closed-form]") {
  Bench b;
  b.graph.pair_classes.push_back({Purpose::pp, {{0, 1}}});
  b.graph.transfers.push_back({0, 50e6});
  const TaskId before = b.compute(0, 0.25, {});
  const TaskId send =
      b.graph.add({TaskKind::transfer, Purpose::pp, Stream::comm_pp_send, 0, 0, 0}, {before});
  b.compute(1, 0.5, {send});
  // compute, 2 hops, 50 MB over 50 GB/s, compute
  CHECK_THAT(b.run().makespan.value(), WithinRel(0.25 + 2 * kHop + 1e-3 + 0.5, kExact));
}

TEST_CASE("a collective starts when its last member arrives", "[engine][closed-form]") {
  Bench b;
  b.graph.groups.push_back({"all", Purpose::dp, {0, 1, 2, 3}, {first_devices(4)}});
  b.graph.collectives.push_back({0, CollectiveType::ALL_REDUCE, 40e6, 0});
  for (RankId r = 0; r < 4; ++r) {
    const TaskId before = b.compute(r, 0.1 * (r + 1), {});
    b.graph.add({TaskKind::collective, Purpose::dp, Stream::comm_dp, r, 0, 0}, {before});
  }
  const StaticRunResult result = b.run();
  REQUIRE(result.plans.size() == 1);
  CHECK_THAT(result.makespan.value(),
             WithinRel(0.4 + result.plans.front()->idle_time.value(), kExact));
}

TEST_CASE("a collective that a member never reaches is reported, not waited for", "[engine]") {
  Bench b;
  b.graph.groups.push_back({"all", Purpose::dp, {0, 1}, {first_devices(2)}});
  b.graph.collectives.push_back({0, CollectiveType::ALL_REDUCE, 1e6, 0});
  b.graph.add({TaskKind::collective, Purpose::dp, Stream::comm_dp, 0, 0, 0}, {});
  const StaticRunResult result = b.run();
  CHECK(result.unfinished == 1);
  REQUIRE(result.stuck.size() == 1);
  CHECK_THAT(result.stuck.front(), Contains("collective: 1 of 2 ranks arrived"));
}

TEST_CASE("ready tasks of a stream start in order of their number", "[engine]") {
  Bench b;
  struct Order final : EngineObserver {
    std::vector<TaskId> ended;
    void on_activity(const ActivityEvent& e) override { ended.push_back(e.task); }
  } order;
  for (double seconds : {0.3, 0.2, 0.1}) b.compute(0, seconds, {});
  Machine machine(b.fabric, b.context, {Fidelity::fluid, 1});
  machine.add_observer(order);
  (void)run_task_graph(machine, b.graph, b.context, b.cost);
  CHECK(order.ended == std::vector<TaskId>{0, 1, 2});
}
