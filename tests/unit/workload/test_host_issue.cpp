// The CPU's part in a step.
#include <catch2/catch.hpp>

#include "workload/host_issue.hpp"

using namespace xpusim;

namespace {

ComputeOp kernel(const std::string& label, OpKind kind = OpKind::memory) {
  ComputeOp op;
  op.kind = kind;
  op.label = label;
  op.memory_bytes = 1e6;
  op.kernels = 2;
  return op;
}

/// Rank 0: router, experts, a collective; rank 1: one kernel that waits for rank 0's first.
TaskGraph sample() {
  TaskGraph graph;
  graph.ranks = {{0, 1, 0, 0}, {1, 1, 0, 0}};
  graph.labels = {"", "pass"};
  const auto router = graph.add_single_op(kernel("router top-k"));
  const auto experts = graph.add_single_op(kernel("experts first matrix"));
  graph.groups = {{"tp", Purpose::tp, {0, 1}, {{0, 1}}}};
  graph.collectives = {{0, CollectiveType::ALL_REDUCE, 1e6, 0}};
  const auto compute = [&](RankId rank, std::uint32_t op, std::vector<TaskId> after) {
    return graph.add({TaskKind::compute, Purpose::compute, Stream::compute, rank, op, 1}, after);
  };
  const TaskId a = compute(0, router, {});
  const TaskId b = compute(0, experts, {a});
  graph.add({TaskKind::collective, Purpose::tp, Stream::comm_tp, 0, 0, 1}, {b});
  const TaskId d = compute(1, experts, {a});
  graph.add({TaskKind::collective, Purpose::tp, Stream::comm_tp, 1, 0, 1}, {d});
  return graph;
}

SoftwareSpec eager() {
  SoftwareSpec software;
  software.host_launch = Seconds(10e-6);
  software.host_communication = Seconds(25e-6);
  return software;
}

std::vector<TaskId> dependencies(const TaskGraph& graph, TaskId task) {
  return {graph.dependency_ids.begin() + graph.dependency_begin[task],
          graph.dependency_ids.begin() + graph.dependency_begin[task + 1]};
}

double issue_seconds(const TaskGraph& graph, TaskId task) {
  return graph.compute_ops[graph.op_sequences[graph.tasks[task].op][0].op].seconds;
}

}  // namespace

TEST_CASE("every kernel sequence and communication waits for the CPU that issues it",
          "[workload][host]") {
  const TaskGraph graph = with_host_tasks(sample(), eager(), GraphCapture::none);
  validate(graph);
  REQUIRE(graph.tasks.size() == 10);
  for (TaskId t = 0; t < 10; t += 2) {
    CHECK(graph.tasks[t].stream == Stream::host);
    CHECK(graph.tasks[t].rank == graph.tasks[t + 1].rank);
    CHECK(dependencies(graph, t).empty());
    CHECK(dependencies(graph, t + 1).back() == t);
  }
  CHECK(issue_seconds(graph, 0) == Approx(2 * 10e-6));  // two kernels
  CHECK(issue_seconds(graph, 4) == Approx(25e-6));
  CHECK(dependencies(graph, 3) == std::vector<TaskId>{1, 2});
  CHECK(dependencies(graph, 7) == std::vector<TaskId>{1, 6});  // on another rank's task
}

TEST_CASE("dropless routing holds the CPU back until the chip has routed", "[workload][host]") {
  SoftwareSpec software = eager();
  software.host_waits_for_routing = true;
  const TaskGraph graph = with_host_tasks(sample(), software, GraphCapture::none);
  CHECK(dependencies(graph, 2) == std::vector<TaskId>{1});  // the router's task
  CHECK(dependencies(graph, 4).empty());
}

TEST_CASE("captured layers leave one launch and the experts' kernels, a captured step nothing",
          "[workload][host]") {
  const TaskGraph layers = with_host_tasks(sample(), eager(), GraphCapture::layers);
  CHECK(issue_seconds(layers, 0) == Approx(10e-6));
  CHECK(issue_seconds(layers, 2) == Approx(3 * 10e-6));
  CHECK(with_host_tasks(sample(), eager(), GraphCapture::step).tasks.size() == 5);
  SoftwareSpec captured = eager();
  captured.graph_capture = true;
  CHECK(with_host_tasks(sample(), captured, GraphCapture::software).tasks.size() == 5);
  CHECK(with_host_tasks(sample(), SoftwareSpec{}, GraphCapture::none).tasks.size() == 5);
}
