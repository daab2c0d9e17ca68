// What a run waited for: small graphs on the engine, sums by hand.
#include <catch2/catch.hpp>

#include "unit/engine/small_fabric.hpp"
#include "xpusim/critical_path.hpp"
#include "xpusim/diagnostic.hpp"

using namespace xpusim;
using namespace xpusim::test;
using Catch::Matchers::WithinAbs;
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
  std::optional<TaskRecorder> times;
  RunRecord record;

  Bench() {
    graph.labels = {""};
    for (DeviceId d = 0; d < 4; ++d) graph.ranks.push_back({d, 1, 0});
  }
  std::uint32_t label(const std::string& text) {
    graph.labels.push_back(text);
    return static_cast<std::uint32_t>(graph.labels.size() - 1);
  }
  TaskId compute(const std::string& name, RankId rank, double seconds,
                 const std::vector<TaskId>& after = {}, Stream stream = Stream::compute) {
    return graph.add({TaskKind::compute, Purpose::compute, stream, rank,
                      graph.add_single_op(fixed(seconds)), label(name)},
                     after);
  }
  TaskId join(RankId rank, const std::vector<TaskId>& after) {
    return graph.add({TaskKind::join, Purpose::other, Stream::none, rank, 0, 0}, after);
  }
  TaskId send(const std::string& name, DeviceId from, DeviceId to, double bytes,
              const std::vector<TaskId>& after = {}, Stream stream = Stream::comm_pp_send) {
    graph.pair_classes.push_back({Purpose::pp, {{from, to}}});
    graph.transfers.push_back({static_cast<std::uint32_t>(graph.pair_classes.size() - 1), bytes});
    return graph.add({TaskKind::transfer, Purpose::pp, stream, from,
                      static_cast<std::uint32_t>(graph.transfers.size() - 1), label(name)},
                     after);
  }
  void run(Fidelity fidelity = Fidelity::fluid) {
    validate(graph);
    Machine machine(fabric, context, {fidelity, 1});
    machine.add_observer(times.emplace(graph));
    StaticRunResult done = run_task_graph(machine, graph, context, cost);
    REQUIRE(done.unfinished == 0);
    record = {&graph, &fabric, &*times, &cost, done.collective_plans, done.transfer_plans, false};
  }
  /// Seconds of the critical path with this name and cause.
  double on_path(const std::string& name, const std::string& cause, const std::string& link = "") {
    double seconds = 0;
    for (const PathSegment& s : critical_path(record).segments) {
      if (s.name == name && s.cause == cause && s.link == link) seconds += s.seconds;
    }
    return seconds;
  }
  double sum() {
    double seconds = 0;
    for (const PathSegment& s : critical_path(record).segments) seconds += s.seconds;
    return seconds;
  }
  ExplainResult why(const std::string& task) { return explain(record, find_task(graph, task)); }
};

double sum_of(const ExplainResult& e) {
  double seconds = 0;
  for (const ChainResult& link : e.chain) seconds += link.seconds;
  return seconds;
}

}  // namespace

TEST_CASE("the path leads over the longer branch and sums to the makespan", "[metrics][path]") {
  Bench b;
  const TaskId first = b.compute("first", 0, 0.25);
  const TaskId longer = b.compute("longer", 1, 1.0, {first});
  const TaskId shorter = b.compute("shorter", 2, 0.5, {first});
  b.compute("last", 3, 0.125, {longer, shorter});
  b.run();
  CHECK_THAT(b.on_path("first", "kernel"), WithinRel(0.25, kExact));
  CHECK_THAT(b.on_path("longer", "kernel"), WithinRel(1.0, kExact));
  CHECK(b.on_path("shorter", "kernel") == 0);
  CHECK_THAT(b.sum(), WithinRel(0.25 + 1.0 + 0.125, kExact));
  CHECK(critical_path(b.record).tasks == 3);
}

TEST_CASE("a task that waited for its stream is bound by what held the stream", "[metrics][path]") {
  Bench b;
  b.compute("holder", 0, 1.0);
  const TaskId other = b.compute("other", 1, 0.25);
  b.compute("held", 0, 0.5, {other});
  b.run();
  CHECK_THAT(b.on_path("holder", "kernel"), WithinRel(1.0, kExact));
  CHECK(b.on_path("other", "kernel") == 0);
  const ExplainResult e = b.why("held");
  CHECK_THAT(e.ready_s, WithinRel(0.25, kExact));
  CHECK_THAT(e.start_s, WithinRel(1.0, kExact));
  CHECK_THAT(e.end_s, WithinRel(1.5, kExact));
  CHECK(e.waited_for ==
        "its stream, held by task 0 'holder' (compute) of rank 0, which ended at 1 s");
  REQUIRE(e.stream_predecessor);
  CHECK(e.stream_predecessor->task == 0);
  REQUIRE(e.dependencies.size() == 1);
  CHECK(e.dependencies[0].label == "other");
  CHECK_THAT(sum_of(e), WithinRel(1.5, kExact));
}

TEST_CASE("joins are looked through: they end with their last dependency", "[metrics][path]") {
  Bench b;
  const TaskId early = b.compute("early", 0, 0.25);
  const TaskId late = b.compute("late", 1, 0.75);
  const TaskId inner = b.join(1, {late});
  const TaskId outer = b.join(2, {early, inner});
  b.compute("after", 2, 0.5, {outer});
  b.run();
  CHECK_THAT(b.times->end(outer), WithinRel(0.75, kExact));
  CHECK_THAT(b.on_path("late", "kernel"), WithinRel(0.75, kExact));
  CHECK_THAT(b.sum(), WithinRel(1.25, kExact));
  CHECK(b.why("3").kind == "join");
  CHECK_THAT(sum_of(b.why("3")), WithinRel(0.75, kExact));
}

TEST_CASE("a transfer splits into latency and bytes at the bottleneck's rate",
          "[metrics][path][closed-form]") {
  Bench b;
  const TaskId before = b.compute("before", 0, 0.25);
  const TaskId sent = b.send("activations", 0, 1, 50e6, {before});
  b.compute("after", 1, 0.5, {sent});
  b.run();
  CHECK_THAT(b.on_path("activations", "latency"), WithinRel(2 * kHop, 1e-6));
  CHECK_THAT(b.on_path("activations", "transfer", "net/device-up"),
             WithinRel(50e6 / kBandwidth, 1e-6));
  CHECK_THAT(b.sum(), WithinRel(0.25 + 2 * kHop + 1e-3 + 0.5, kExact));
  CHECK_THAT(critical_path(b.record).total_s, WithinRel(b.sum(), kExact));
}

TEST_CASE("what two transfers wait for each other is contention of the link they share",
          "[metrics][path][closed-form]") {
  // Both leave device 0: 2 x 50 MB over 50 GB/s, each twice as long as alone.
  {
    Bench b;
    b.send("one", 0, 1, 50e6);
    b.send("two", 0, 2, 50e6, {}, Stream::comm_other);
    b.run();
    const ExplainResult e = b.why("one");
    REQUIRE(e.plan);
    CHECK_THAT(e.plan->transfer_s, WithinRel(1e-3, 1e-6));
    CHECK_THAT(e.plan->contention_s, WithinRel(1e-3, 1e-5));
    CHECK(e.plan->late_link == "net/device-up/0");
    const double contention = b.on_path("one", "contention", "net/device-up") +
                              b.on_path("two", "contention", "net/device-up");
    CHECK_THAT(contention, WithinRel(1e-3, 1e-5));
    CHECK_THAT(b.sum(), WithinRel(b.times->makespan().value(), kExact));
  }
}

TEST_CASE("contention is named after the link that was late, not the one that bounds it alone",
          "[metrics][path]") {
  // 0 -> 1 meets 2 -> 1 and 3 -> 1 at the receiver's port.
  Bench b;
  b.send("one", 0, 1, 50e6);
  b.send("two", 2, 1, 50e6);
  b.send("three", 3, 1, 50e6);
  b.run();
  const ExplainResult e = b.why("one");
  REQUIRE(e.plan);
  CHECK(e.plan->bottleneck == "net/device-up/0");
  CHECK(e.plan->late_link == "net/device-down/1");
  CHECK_THAT(e.plan->contention_s, WithinRel(2e-3, 1e-5));
}

TEST_CASE("a collective is bound by the member that arrived last", "[metrics][path]") {
  Bench b;
  b.graph.groups.push_back({"all", Purpose::dp, {0, 1, 2, 3}, {first_devices(4)}});
  b.graph.collectives.push_back({0, CollectiveType::ALL_REDUCE, 40e6, 0});
  const std::uint32_t gradients = b.label("gradients");
  std::vector<TaskId> members;
  for (RankId r = 0; r < 4; ++r) {
    const TaskId before = b.compute("work", r, 0.1 * (4 - r));
    members.push_back(b.graph.add(
        {TaskKind::collective, Purpose::dp, Stream::comm_dp, r, 0, gradients}, {before}));
  }
  b.compute("after", 3, 0.5, {members[3]});
  b.run();
  for (const TaskId member : members) CHECK(b.times->last_member(member) == members[0]);
  const ExplainResult e = b.why("gradients@3");
  CHECK_THAT(e.ready_s, WithinRel(0.1, kExact));
  CHECK_THAT(e.start_s, WithinRel(0.4, kExact));
  REQUIRE(e.members.size() == 4);
  CHECK(e.members.front().rank == 3);
  CHECK(e.members.back().rank == 0);
  CHECK_THAT(e.members.back().at_s, WithinRel(0.4, kExact));
  CHECK(e.waited_for ==
        "the last member of its collective, rank 0 (arrived at 0.4 s); that one waited for its "
        "last dependency, task 0 'work' (compute) of rank 0, which ended at 0.4 s");
  REQUIRE(e.plan);
  CHECK(e.plan->type == "ALL_REDUCE");
  CHECK_THAT(e.plan->idle_time_s, WithinRel(e.end_s - e.start_s, 1e-6));
  CHECK_THAT(sum_of(e), WithinRel(e.end_s, kExact));
  CHECK_THAT(b.on_path("work", "kernel"), WithinRel(0.4, kExact));
  CHECK_THAT(b.sum(), WithinRel(e.end_s + 0.5, kExact));
}

TEST_CASE("rounds of one collective are told apart", "[metrics][path]") {
  Bench b;
  b.graph.groups.push_back({"pair", Purpose::tp, {0, 1}, {first_devices(2)}});
  b.graph.collectives.push_back({0, CollectiveType::ALL_REDUCE, 1e6, 0});
  const std::uint32_t name = b.label("sum");
  std::vector<TaskId> before[2];
  for (int round = 0; round < 3; ++round) {
    for (RankId r = 0; r < 2; ++r) {
      const double seconds = static_cast<int>(r) == round % 2 ? 0.2 : 0.1;
      const TaskId work = b.compute("work", r, seconds, before[r]);
      before[r] = {
          b.graph.add({TaskKind::collective, Purpose::tp, Stream::comm_tp, r, 0, name}, {work})};
    }
  }
  b.run();
  CHECK(b.why("sum#1").members.back().rank == 0);
  CHECK(b.why("sum#3").members.back().rank == 1);
  CHECK(b.why("sum#5").members.back().rank == 0);
  CHECK(b.why("sum#5").members.size() == 2);
  CHECK_THAT(b.on_path("work", "kernel"), WithinRel(3 * 0.2, kExact));
  CHECK_THAT(b.sum(), WithinRel(b.times->makespan().value(), kExact));
}

TEST_CASE("host work and the first task's late start have names", "[metrics][path]") {
  Bench b;
  b.compute("overhead", 0, 0.5, {}, Stream::host);
  b.run();
  CHECK_THAT(b.on_path("overhead", "host"), WithinRel(0.5, kExact));
  CHECK(b.why("overhead").waited_for == "nothing: it starts the run");
}

TEST_CASE("a kernel that shares its units with another is slowed by name", "[metrics][path]") {
  Bench b;  // two streams' worth of kernels on one device: each at half speed
  b.compute("one", 0, 1.0);
  b.compute("two", 0, 1.0, {}, Stream::comm_other);
  b.run();
  CHECK_THAT(b.on_path("one", "kernel") + b.on_path("two", "kernel"), WithinRel(1.0, kExact));
  CHECK_THAT(b.on_path("one", "shared units") + b.on_path("two", "shared units"),
             WithinRel(1.0, kExact));
}

TEST_CASE("tasks that differ only in a number that stands alone share a segment",
          "[metrics][path]") {
  CHECK(label_pattern("forward micro-batch 12") == "forward micro-batch *");
  CHECK(label_pattern("layers.3.mlp.fc1") == "layers.*.mlp.fc1");
  CHECK(label_pattern("fwd_attn_10") == "fwd_attn_*");
  CHECK(label_pattern("conv2d") == "conv2d");
  CHECK(label_pattern("7") == "*");
  CHECK(label_pattern("") == "");
  Bench b;
  b.compute("layer 1", 0, 0.25);
  b.compute("layer 2", 0, 0.25);
  b.compute("head 7", 0, 0.5);
  b.run();
  CHECK_THAT(b.on_path("layer *", "kernel"), WithinRel(0.5, kExact));
  CHECK_THAT(b.on_path("head 7", "kernel"), WithinRel(0.5, kExact));  // alone: its own name
}

TEST_CASE("a task is named by id, label, rank and number", "[metrics][explain]") {
  Bench b;
  const std::uint32_t step = b.label("step"), odd = b.label("step@1#2");
  const auto add = [&](RankId rank, std::uint32_t name) {
    return b.graph.add({TaskKind::compute, Purpose::compute, Stream::compute, rank, 0, name}, {});
  };
  add(0, step);
  add(1, step);
  add(0, step);
  CHECK(find_task(b.graph, "2").task == TaskId{2});
  CHECK(find_task(b.graph, "step").task == TaskId{0});
  CHECK(find_task(b.graph, "step").same_label == 3);
  CHECK(find_task(b.graph, "step@1").task == TaskId{1});
  CHECK(find_task(b.graph, "step#2").task == TaskId{1});
  CHECK(find_task(b.graph, "step@0#2").task == TaskId{2});
  CHECK_FALSE(find_task(b.graph, "last").task);
  add(2, odd);
  CHECK(find_task(b.graph, "step@1#2").task == TaskId{3});  // the label as it stands comes first
}

TEST_CASE("a task that does not exist is refused with the way out", "[metrics][refusal]") {
  Bench b;
  b.compute("forward", 0, 0.25);
  b.compute("backward", 1, 0.25);
  const auto message = [&](const std::string& text) -> std::string {
    try {
      (void)find_task(b.graph, text);
    } catch (const InputError& e) {
      return render(e.diagnostics());
    }
    return "";
  };
  CHECK(message("forwad") ==
        "error[unknown-task]: --explain: no task is called 'forwad'\n  help: did you mean "
        "'forward'?");
  CHECK(message("zzzzzzzzz") ==
        "error[unknown-task]: --explain: no task is called 'zzzzzzzzz'\n  help: the labels are "
        "'forward', 'backward'; task ids are 0 to 1");
  CHECK(message("7") ==
        "error[unknown-task]: --explain: there is no task 7; the graph has 2 tasks\n  help: ids "
        "are 0 to 1");
  CHECK(message("forward@3") ==
        "error[unknown-task]: --explain: 0 tasks are called 'forward' on rank 3, not 1\n  help: "
        "simulated ranks are 0 to 3");
  CHECK(message("forward#2") ==
        "error[unknown-task]: --explain: 1 tasks are called 'forward', not 2\n  help: #K counts "
        "from 1 to 1");
}
