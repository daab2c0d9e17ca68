#include "unit/workload/run_graph.hpp"

#include <algorithm>
#include <set>

using namespace xpusim;

namespace test_graphs {

namespace {

class Executor {
 public:
  Executor(const TaskGraph& graph, const std::function<double(const Task&)>& seconds)
      : graph_(graph), seconds_(seconds) {
    waiting_.assign(graph.tasks.size(), 0);
    dependents_.assign(graph.tasks.size(), {});
    for (TaskId t = 0; t < graph.tasks.size(); ++t) {
      waiting_[t] = graph.dependency_begin[t + 1] - graph.dependency_begin[t];
      for (std::uint32_t d = graph.dependency_begin[t]; d < graph.dependency_begin[t + 1]; ++d)
        dependents_[graph.dependency_ids[d]].push_back(t);
    }
  }

  RunOutcome run() {
    for (TaskId t = 0; t < graph_.tasks.size(); ++t)
      if (waiting_[t] == 0) ready(t);
    start_ready();
    while (!running_.empty()) {
      const auto [end, task] = *running_.begin();
      running_.erase(running_.begin());
      now_ = end;
      finish(task);
      if (running_.empty() || running_.begin()->first > now_) start_ready();
    }
    return {now_, finished_};
  }

 private:
  using Queue = std::pair<RankId, Stream>;
  [[nodiscard]] Queue queue(TaskId t) const {
    return {graph_.tasks[t].rank, graph_.tasks[t].stream};
  }

  void ready(TaskId t) { ready_[queue(t)].insert(t); }

  void start_ready() {
    for (auto& [q, tasks] : ready_)
      while (!tasks.empty() && !(q.second != Stream::none && busy_.contains(q))) {
        const TaskId t = *tasks.begin();
        tasks.erase(tasks.begin());
        start(t);
      }
  }

  void start(TaskId t) {
    const Task& task = graph_.tasks[t];
    if (task.stream != Stream::none) busy_.insert(queue(t));
    if (task.kind != TaskKind::collective) {
      running_.emplace(now_ + (task.kind == TaskKind::compute ? seconds_(task) : 0), t);
      return;
    }
    auto& arrived = arrived_[task.op];
    arrived.push_back(t);
    if (arrived.size() < graph_.groups[graph_.collectives[task.op].group].members.size()) return;
    for (const TaskId member : arrived) running_.emplace(now_, member);
    arrived.clear();
  }

  void finish(TaskId t) {
    ++finished_;
    busy_.erase(queue(t));
    for (const TaskId d : dependents_[t])
      if (--waiting_[d] == 0) ready(d);
  }

  using Running = std::pair<double, TaskId>;
  const TaskGraph& graph_;
  const std::function<double(const Task&)>& seconds_;
  std::vector<std::uint32_t> waiting_;
  std::vector<std::vector<TaskId>> dependents_;
  std::map<Queue, std::set<TaskId>> ready_;
  std::set<Queue> busy_;
  std::map<std::uint32_t, std::vector<TaskId>> arrived_;
  std::multiset<Running> running_;
  double now_ = 0;
  std::size_t finished_ = 0;
};

}  // namespace

RunOutcome run_graph(const TaskGraph& graph, const std::function<double(const Task&)>& seconds) {
  return Executor(graph, seconds).run();
}

Totals totals(const TaskGraph& graph) {
  Totals sum;
  for (const Task& task : graph.tasks) {
    const double weight = graph.ranks[task.rank].multiplicity;
    if (task.kind == TaskKind::compute)
      for (const OpRun& run : graph.op_sequences[task.op]) {
        const ComputeOp& op = graph.compute_ops[run.op];
        sum.flops += weight * run.repeat * op_flops(op).value();
        sum.memory_bytes += weight * run.repeat * op_bytes(op).value();
        sum.flops_by_label[op.label] += weight * run.repeat * op_flops(op).value();
      }
    if (task.kind == TaskKind::collective) {
      const CollectiveOp& op = graph.collectives[task.op];
      sum.bytes_by_purpose[std::string(to_string(task.purpose)) + " " +
                           std::string(to_string(op.type))] += weight * op.bytes;
    }
    if (task.kind == TaskKind::transfer)
      sum.bytes_by_purpose["pp"] += weight * graph.transfers[task.op].bytes;
  }
  return sum;
}

}  // namespace test_graphs
