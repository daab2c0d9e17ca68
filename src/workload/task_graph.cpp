#include "xpusim/task_graph.hpp"

#include <utility>

#include "xpusim/diagnostic.hpp"

namespace xpusim {

std::string_view to_string(Purpose purpose) {
  switch (purpose) {
    case Purpose::compute:
      return "compute";
    case Purpose::optimizer:
      return "optimizer";
    case Purpose::tp:
      return "tp";
    case Purpose::cp:
      return "cp";
    case Purpose::ep:
      return "ep";
    case Purpose::pp:
      return "pp";
    case Purpose::dp:
      return "dp";
    case Purpose::other:
      return "other";
  }
  throw InternalError("unknown Purpose");
}

TaskId TaskGraph::add(Task task, const std::vector<TaskId>& dependencies) {
  const auto id = static_cast<TaskId>(tasks.size());
  tasks.push_back(task);
  dependency_ids.insert(dependency_ids.end(), dependencies.begin(), dependencies.end());
  dependency_begin.push_back(static_cast<std::uint32_t>(dependency_ids.size()));
  return id;
}

std::uint32_t TaskGraph::add_single_op(ComputeOp op) {
  compute_ops.push_back(std::move(op));
  op_sequences.push_back({OpRun{static_cast<std::uint32_t>(compute_ops.size() - 1), 1}});
  return static_cast<std::uint32_t>(op_sequences.size() - 1);
}

namespace {

void require(bool holds, const char* what) {
  if (!holds) throw InternalError(std::string("task graph: ") + what);
}

std::size_t ops_of_kind(const TaskGraph& graph, TaskKind kind) {
  switch (kind) {
    case TaskKind::compute:
      return graph.op_sequences.size();
    case TaskKind::collective:
      return graph.collectives.size();
    case TaskKind::transfer:
      return graph.transfers.size();
    case TaskKind::join:
      return 0;
  }
  throw InternalError("task graph: unknown task kind");
}

void check_indices(const TaskGraph& graph) {
  require(graph.dependency_begin.size() == graph.tasks.size() + 1,
          "dependency_begin has not one entry per task");
  require(graph.dependency_begin.front() == 0 &&
              graph.dependency_begin.back() == graph.dependency_ids.size(),
          "dependency_begin does not span dependency_ids");
  for (std::size_t t = 0; t < graph.tasks.size(); ++t) {
    const Task& task = graph.tasks[t];
    require(task.rank < graph.ranks.size(), "a task's rank is out of range");
    require(task.kind == TaskKind::join || task.op < ops_of_kind(graph, task.kind),
            "a task's op is out of range");
    require(task.label == 0 || task.label < graph.labels.size(), "a task's label is out of range");
    require(graph.dependency_begin[t] <= graph.dependency_begin[t + 1],
            "dependency_begin decreases");
  }
  for (const TaskId id : graph.dependency_ids)
    require(id < graph.tasks.size(), "a dependency is out of range");
}

void check_operations(const TaskGraph& graph) {
  for (const OpSequence& sequence : graph.op_sequences)
    for (const OpRun& run : sequence)
      require(run.op < graph.compute_ops.size(), "an op sequence names no operation");
  for (const CollectiveOp& op : graph.collectives)
    require(op.group < graph.groups.size(), "a collective's group");
  for (const TransferOp& op : graph.transfers)
    require(op.pairs < graph.pair_classes.size(), "a transfer's pair class is out of range");
  for (const CommunicatorGroup& group : graph.groups) {
    require(!group.classes.empty(), "a communicator group without devices");
    for (const RankId rank : group.members)
      require(rank < graph.ranks.size(), "a group member is out of range");
  }
  for (const PairClass& pairs : graph.pair_classes)
    require(!pairs.pairs.empty(), "a pair class without pairs");
}

/// Kahn 1962: a graph is acyclic if and only if repeatedly removing tasks without predecessors
/// empties it.
void check_acyclic(const TaskGraph& graph) {
  const std::size_t n = graph.tasks.size();
  std::vector<std::uint32_t> waiting(n), begin(n + 1, 0);
  for (const TaskId id : graph.dependency_ids) ++begin[id + 1];
  for (std::size_t t = 0; t < n; ++t) begin[t + 1] += begin[t];
  std::vector<TaskId> dependents(graph.dependency_ids.size());
  std::vector<std::uint32_t> fill(begin.begin(), begin.end() - 1);
  std::vector<TaskId> ready;
  for (std::size_t t = 0; t < n; ++t) {
    waiting[t] = graph.dependency_begin[t + 1] - graph.dependency_begin[t];
    for (std::uint32_t d = graph.dependency_begin[t]; d < graph.dependency_begin[t + 1]; ++d)
      dependents[fill[graph.dependency_ids[d]]++] = static_cast<TaskId>(t);
    if (waiting[t] == 0) ready.push_back(static_cast<TaskId>(t));
  }
  std::size_t done = 0;
  while (!ready.empty()) {
    const TaskId t = ready.back();
    ready.pop_back();
    ++done;
    for (std::uint32_t d = begin[t]; d < begin[t + 1]; ++d)
      if (--waiting[dependents[d]] == 0) ready.push_back(dependents[d]);
  }
  require(done == n, "dependencies are cyclic");
}

}  // namespace

void validate(const TaskGraph& graph) {
  check_indices(graph);
  check_operations(graph);
  check_acyclic(graph);
}

OpCost sequence_cost(const TaskGraph& graph, std::uint32_t sequence, const CostModel& cost) {
  OpCost total;
  double clock_seconds = 0.0;
  total.measured = true;
  for (const OpRun& run : graph.op_sequences[sequence]) {
    const OpCost one = cost.cost(graph.compute_ops[run.op]);
    total.duration += one.duration * run.repeat;
    total.flops += one.flops * run.repeat;
    total.memory_bytes += one.memory_bytes * run.repeat;
    total.energy += one.energy * run.repeat;
    total.compute_bound = total.compute_bound || one.compute_bound;
    total.measured = total.measured && one.measured;
    clock_seconds += one.clock * one.duration.value() * run.repeat;
  }
  if (total.duration.value() > 0.0) total.clock = clock_seconds / total.duration.value();
  return total;
}

}  // namespace xpusim
