#include <algorithm>
#include <catch2/catch.hpp>
#include <random>

#include "xpusim/diagnostic.hpp"
#include "xpusim/metrics.hpp"

using namespace xpusim;
using Catch::Matchers::WithinAbs;
using Catch::Matchers::WithinRel;

namespace {

TaskGraph graph_of(std::vector<SimulatedRank> ranks) {
  TaskGraph graph;
  graph.ranks = std::move(ranks);
  return graph;
}

ActivityEvent activity(TaskKind kind, Purpose purpose, RankId rank, double ready, double start,
                       double end) {
  ActivityEvent event;
  event.kind = kind;
  event.purpose = purpose;
  event.rank = rank;
  event.ready = Seconds(ready);
  event.start = Seconds(start);
  event.end = Seconds(end);
  event.task = 0xffffffffu;  // in no graph
  return event;
}
ActivityEvent kernel(double start, double end, Purpose purpose = Purpose::compute,
                     RankId rank = 0) {
  return activity(TaskKind::compute, purpose, rank, start, start, end);
}
ActivityEvent collective(double start, double end, Purpose purpose, RankId rank = 0) {
  return activity(TaskKind::collective, purpose, rank, start, start, end);
}

double sum(const Breakdown& b) {
  return b.compute + b.optimizer + b.exposed_tp + b.exposed_cp + b.exposed_ep + b.exposed_pp +
         b.exposed_dp + b.exposed_other + b.bubble;
}

}  // namespace

TEST_CASE("communication under a kernel is hidden, the rest is exposed", "[metrics][breakdown]") {
  const TaskGraph graph = graph_of({{0, 1, 0}});
  BreakdownListener listener(graph);
  listener.on_activity(kernel(0, 4));
  listener.on_activity(collective(3, 6, Purpose::dp));
  listener.on_activity(kernel(8, 9, Purpose::optimizer));
  listener.on_end(Seconds(10));
  const Breakdown b = listener.result();
  CHECK_THAT(b.compute, WithinRel(4.0, 1e-12));
  CHECK_THAT(b.exposed_dp, WithinRel(2.0, 1e-12));  // 4 .. 6
  CHECK_THAT(b.optimizer, WithinRel(1.0, 1e-12));
  CHECK_THAT(b.bubble, WithinRel(3.0, 1e-12));  // 6 .. 8 and 9 .. 10
  CHECK(b.exposed_tp == 0);
}

TEST_CASE("exposed time goes to tp, then cp, ep, pp, dp, other", "[metrics][breakdown]") {
  // Traffic of purpose i lasts until 6 - i: each adds the second that no stronger one covers.
  const Purpose order[]{Purpose::other, Purpose::dp, Purpose::pp,
                        Purpose::ep,    Purpose::cp, Purpose::tp};
  const TaskGraph graph = graph_of({{0, 1, 0}});
  BreakdownListener listener(graph);
  for (int i = 5; i >= 0; --i) listener.on_activity(collective(0, 6 - i, order[i]));
  listener.on_end(Seconds(6));
  const Breakdown b = listener.result();
  for (const double part :
       {b.exposed_tp, b.exposed_cp, b.exposed_ep, b.exposed_pp, b.exposed_dp, b.exposed_other}) {
    CHECK_THAT(part, WithinRel(1.0, 1e-12));
  }
  CHECK(b.bubble == 0);
}

TEST_CASE("waiting for late members of a collective is bubble", "[metrics][breakdown]") {
  const TaskGraph graph = graph_of({{0, 1, 0}});
  BreakdownListener listener(graph);
  // Arrives at 1, all are there at 4, done at 5.
  listener.on_activity(activity(TaskKind::collective, Purpose::tp, 0, 1, 4, 5));
  listener.on_end(Seconds(5));
  CHECK_THAT(listener.result().exposed_tp, WithinRel(1.0, 1e-12));
  CHECK_THAT(listener.result().bubble, WithinRel(4.0, 1e-12));
}

TEST_CASE("a transfer in flight is exposed at its receiver, too", "[metrics][breakdown]") {
  TaskGraph graph = graph_of({{10, 1, 0}, {20, 1, 1}, {30, 1, 2}});
  graph.pair_classes = {{Purpose::pp, {{10, 20}, {11, 21}}}};
  graph.transfers = {{0, 1e6}};
  BreakdownListener listener(graph);
  listener.on_activity(kernel(0, 2, Purpose::compute, 1));
  listener.on_activity(activity(TaskKind::transfer, Purpose::pp, 0, 1, 1, 4));
  listener.on_end(Seconds(4));
  CHECK_THAT(listener.rank_result(0).exposed_pp, WithinRel(3.0, 1e-12));
  CHECK_THAT(listener.rank_result(1).exposed_pp,
             WithinRel(2.0, 1e-12));  // 2 .. 4, its kernel hides the rest
  CHECK(listener.rank_result(2).exposed_pp == 0);
  CHECK_THAT(listener.rank_result(2).bubble, WithinRel(4.0, 1e-12));
}

TEST_CASE("ranks count by their multiplicity", "[metrics][breakdown]") {
  const TaskGraph graph = graph_of({{0, 3, 0}, {1, 1, 0}});
  BreakdownListener listener(graph);
  listener.on_activity(kernel(0, 8, Purpose::compute, 0));
  listener.on_activity(kernel(0, 4, Purpose::compute, 1));
  listener.on_end(Seconds(8));
  CHECK_THAT(listener.result().compute, WithinRel((3 * 8.0 + 1 * 4.0) / 4, 1e-12));
  CHECK_THAT(listener.result().bubble, WithinRel(1.0, 1e-12));
}

TEST_CASE("joins and kernels on the host keep no chip busy", "[metrics][breakdown]") {
  TaskGraph graph = graph_of({{0, 1, 0}});
  Task host;
  host.kind = TaskKind::compute;
  host.stream = Stream::host;
  graph.tasks = {host};
  BreakdownListener listener(graph);
  ActivityEvent by_graph = kernel(0, 1);
  by_graph.task = 0;
  ActivityEvent by_event = kernel(1, 2);
  by_event.stream = Stream::host;
  listener.on_activity(by_graph);
  listener.on_activity(by_event);
  listener.on_activity(activity(TaskKind::join, Purpose::compute, 0, 2, 2, 3));
  listener.on_end(Seconds(3));
  CHECK(listener.result().bubble == 3);
}

TEST_CASE("the breakdown does not depend on the order of events", "[metrics][breakdown]") {
  const TaskGraph graph = graph_of({{0, 1, 0}});
  std::vector<ActivityEvent> events{kernel(0, 1),
                                    kernel(1, 2),
                                    kernel(5, 7),
                                    kernel(6.5, 9),
                                    collective(1.5, 5.5, Purpose::dp),
                                    collective(3, 4, Purpose::tp),
                                    collective(8, 10, Purpose::tp)};
  std::mt19937 random(1);
  for (int round = 0; round < 50; ++round) {
    std::shuffle(events.begin(), events.end(), random);
    BreakdownListener listener(graph);
    for (const ActivityEvent& event : events) listener.on_activity(event);
    listener.on_end(Seconds(10));
    const Breakdown b = listener.result();
    CHECK_THAT(b.compute, WithinRel(6.0, 1e-12));     // 0..2 and 5..9
    CHECK_THAT(b.exposed_tp, WithinRel(2.0, 1e-12));  // 3..4 and 9..10
    CHECK_THAT(b.exposed_dp, WithinRel(2.0, 1e-12));  // 2..3 and 4..5
    CHECK(b.bubble == 0);
  }
}

TEST_CASE("the parts sum to the makespan, whatever happens", "[metrics][breakdown][property]") {
  std::mt19937 random(7);
  std::uniform_real_distribution<double> time(0, 100), length(0, 7);
  std::uniform_int_distribution<int> purpose(0, 7), rank(0, 3), kind(0, 2);
  for (int round = 0; round < 20; ++round) {
    TaskGraph graph = graph_of({{0, 5, 0}, {1, 1, 0}, {2, 7, 1}, {3, 2, 1}});
    graph.pair_classes = {{Purpose::pp, {{0, 2}}}};
    graph.transfers = {{0, 1}};
    BreakdownListener listener(graph);
    double busy = 0;
    for (int i = 0; i < 400; ++i) {
      const double start = time(random);
      const double end = start + length(random);
      busy = std::max(busy, end);
      listener.on_activity(activity(static_cast<TaskKind>(kind(random)),
                                    static_cast<Purpose>(purpose(random)),
                                    static_cast<RankId>(rank(random)), start, start, end));
    }
    listener.on_end(Seconds(busy));
    CHECK_THAT(sum(listener.result()), WithinRel(busy, 1e-9));
    for (RankId r = 0; r < 4; ++r) CHECK_THAT(sum(listener.rank_result(r)), WithinRel(busy, 1e-9));
  }
}

TEST_CASE("more communication never adds to compute", "[metrics][breakdown][property]") {
  std::mt19937 random(3);
  std::uniform_real_distribution<double> time(0, 10);
  const TaskGraph graph = graph_of({{0, 1, 0}});
  BreakdownListener quiet(graph), busy(graph);
  for (int i = 0; i < 40; ++i) {
    const double a = time(random), b = time(random);
    quiet.on_activity(kernel(a, a + 0.1));
    busy.on_activity(kernel(a, a + 0.1));
    busy.on_activity(collective(b, b + 0.2, Purpose::ep));
  }
  quiet.on_end(Seconds(11));
  busy.on_end(Seconds(11));
  CHECK_THAT(busy.result().compute, WithinRel(quiet.result().compute, 1e-12));
  CHECK_THAT(busy.result().exposed_ep + busy.result().bubble,
             WithinRel(quiet.result().bubble, 1e-12));
}

TEST_CASE("a breakdown of nothing is nothing, and of an unknown rank a bug",
          "[metrics][breakdown]") {
  const TaskGraph graph = graph_of({});
  BreakdownListener listener(graph);
  listener.on_end(Seconds(1));
  CHECK(sum(listener.result()) == 0);
  CHECK_THROWS_AS(listener.rank_result(0), InternalError);
}
