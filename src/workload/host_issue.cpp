#include "workload/host_issue.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

namespace xpusim {

namespace {

bool decided_by_routing(const ComputeOp& op) {
  return op.kind == OpKind::grouped_gemm || op.label.starts_with("experts") ||
         op.label.starts_with("permute") || op.label.starts_with("unpermute");
}

/// Launches of a sequence that the CPU issues one by one.
double eager_launches(const TaskGraph& graph, std::uint32_t sequence, GraphCapture capture) {
  double launches = capture == GraphCapture::layers ? 1 : 0;
  for (const OpRun& run : graph.op_sequences[sequence]) {
    const ComputeOp& op = graph.compute_ops[run.op];
    if (op.kind == OpKind::fixed) continue;
    if (capture == GraphCapture::layers && !decided_by_routing(op)) continue;
    launches += static_cast<double>(run.repeat) * op.kernels *
                (op.kind == OpKind::gemm ? static_cast<double>(op.count) : 1.0);
  }
  return launches;
}

bool routes(const TaskGraph& graph, std::uint32_t sequence) {
  return std::any_of(
      graph.op_sequences[sequence].begin(), graph.op_sequences[sequence].end(),
      [&](const OpRun& run) { return graph.compute_ops[run.op].label == "router top-k"; });
}

class Writer {
 public:
  Writer(TaskGraph graph, const SoftwareSpec& software, GraphCapture capture)
      : in_(std::move(graph)), software_(software), capture_(capture) {
    out_.ranks = in_.ranks;
    out_.compute_ops = in_.compute_ops;
    out_.op_sequences = in_.op_sequences;
    out_.collectives = std::move(in_.collectives);
    out_.transfers = std::move(in_.transfers);
    out_.groups = std::move(in_.groups);
    out_.pair_classes = std::move(in_.pair_classes);
    out_.labels = in_.labels;
    out_.folded = in_.folded;
    out_.notes = std::move(in_.notes);
    moved_.resize(in_.tasks.size());
    routed_.resize(in_.ranks.size());
    for (std::uint32_t s = 0; s < in_.op_sequences.size(); ++s) {
      launches_.push_back(eager_launches(in_, s, capture_));
      routes_.push_back(routes(in_, s));
    }
  }

  /// Ids of other ranks may point forward: numbers first, tasks after.
  TaskGraph write() {
    TaskId next = 0;
    for (TaskId t = 0; t < in_.tasks.size(); ++t) {
      if (issue_seconds(in_.tasks[t]) > 0) ++next;
      moved_[t] = next++;
    }
    for (TaskId t = 0; t < in_.tasks.size(); ++t) write(t);
    return std::move(out_);
  }

 private:
  [[nodiscard]] double issue_seconds(const Task& task) const {
    if (task.stream == Stream::host) return 0;
    if (task.kind == TaskKind::compute) return launches_[task.op] * software_.host_launch.value();
    return task.kind == TaskKind::join ? 0 : software_.host_communication.value();
  }

  std::uint32_t issue_op(double seconds) {
    const auto [it, added] = issue_ops_.emplace(seconds, 0);
    if (added) {
      ComputeOp op;
      op.kind = OpKind::fixed;
      op.label = "host issue";
      op.seconds = seconds;
      op.kernels = 0;
      it->second = out_.add_single_op(std::move(op));
    }
    return it->second;
  }

  void write(TaskId id) {
    const Task& task = in_.tasks[id];
    std::vector<TaskId> dependencies;
    for (std::uint32_t d = in_.dependency_begin[id]; d < in_.dependency_begin[id + 1]; ++d)
      dependencies.push_back(moved_[in_.dependency_ids[d]]);
    if (const double seconds = issue_seconds(task); seconds > 0) {
      std::vector<TaskId> waits;
      if (const auto routed = std::exchange(routed_[task.rank], {})) waits.push_back(*routed);
      dependencies.push_back(out_.add({TaskKind::compute, Purpose::other, Stream::host, task.rank,
                                       issue_op(seconds), task.label},
                                      waits));
    }
    out_.add(task, dependencies);
    if (task.kind == TaskKind::compute && task.stream == Stream::compute &&
        software_.host_waits_for_routing && routes_[task.op])
      routed_[task.rank] = moved_[id];
  }

  TaskGraph in_, out_;
  const SoftwareSpec& software_;
  GraphCapture capture_;
  std::vector<TaskId> moved_;                  ///< new number of each task
  std::vector<std::optional<TaskId>> routed_;  ///< by rank: what its CPU waits for next
  std::vector<double> launches_;               ///< by sequence
  std::vector<bool> routes_;                   ///< by sequence
  std::map<double, std::uint32_t> issue_ops_;
};

}  // namespace

TaskGraph with_host_tasks(TaskGraph graph, const SoftwareSpec& software, GraphCapture capture) {
  if (capture == GraphCapture::software)
    capture = software.graph_capture ? GraphCapture::step : GraphCapture::none;
  const bool costs = software.host_launch.value() > 0 || software.host_communication.value() > 0;
  if (!costs || capture == GraphCapture::step) return graph;
  return Writer(std::move(graph), software, capture).write();
}

}  // namespace xpusim
