#include <catch2/catch.hpp>

#include "xpusim/diagnostic.hpp"
#include "xpusim/task_graph.hpp"

using namespace xpusim;

namespace {
/// Two compute tasks of one rank, one after the other.
TaskGraph chain() {
  TaskGraph graph;
  graph.ranks.push_back({});
  graph.labels = {""};
  ComputeOp op;
  op.seconds = 1;
  const std::uint32_t sequence = graph.add_single_op(op);
  const TaskId first =
      graph.add({TaskKind::compute, Purpose::compute, Stream::compute, 0, sequence, 0}, {});
  graph.add({TaskKind::compute, Purpose::compute, Stream::compute, 0, sequence, 0}, {first});
  return graph;
}
}  // namespace

TEST_CASE("tasks get dense ids and keep their dependencies", "[workload]") {
  const TaskGraph graph = chain();
  CHECK(graph.tasks.size() == 2);
  CHECK(graph.dependency_begin == std::vector<std::uint32_t>{0, 0, 1});
  CHECK(graph.dependency_ids == std::vector<TaskId>{0});
  CHECK_NOTHROW(validate(graph));
}

TEST_CASE("a graph that lies about its indices is our bug", "[workload][refusal]") {
  TaskGraph graph = chain();
  graph.tasks[0].rank = 1;
  CHECK_THROWS_MATCHES(validate(graph), InternalError,
                       Catch::Matchers::Message("task graph: a task's rank is out of range"));
  graph = chain();
  graph.tasks[1].op = 1;
  CHECK_THROWS_MATCHES(validate(graph), InternalError,
                       Catch::Matchers::Message("task graph: a task's op is out of range"));
  graph = chain();
  graph.dependency_ids[0] = 2;
  CHECK_THROWS_MATCHES(validate(graph), InternalError,
                       Catch::Matchers::Message("task graph: a dependency is out of range"));
  graph = chain();
  graph.op_sequences[0][0].op = 7;
  CHECK_THROWS_MATCHES(validate(graph), InternalError,
                       Catch::Matchers::Message("task graph: an op sequence names no operation"));
  graph = chain();
  graph.tasks[0].label = 3;
  CHECK_THROWS_MATCHES(validate(graph), InternalError,
                       Catch::Matchers::Message("task graph: a task's label is out of range"));
}

TEST_CASE("a cycle is found", "[workload][refusal]") {
  TaskGraph graph = chain();
  graph.dependency_begin = {0, 1, 2};
  graph.dependency_ids = {1, 0};
  CHECK_THROWS_MATCHES(validate(graph), InternalError,
                       Catch::Matchers::Message("task graph: dependencies are cyclic"));
}
