// Why a run took as long as it did: when every task of a static program ran, what it waited for,
// and the chain that decides the end. Definitions: docs/model.md, "What the step waited for".
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "xpusim/observer.hpp"
#include "xpusim/results.hpp"

namespace xpusim {

/// When every task started and ended: 28 bytes a task. Attach it only where somebody asks.
class TaskRecorder final : public EngineObserver {
 public:
  /// The graph must outlive the recorder.
  explicit TaskRecorder(const TaskGraph&);
  void on_activity(const ActivityEvent&) override;
  void on_traffic(const TrafficEvent&) override;
  void on_end(Seconds makespan) override;

  [[nodiscard]] Seconds makespan() const { return Seconds(makespan_); }
  [[nodiscard]] double start(TaskId t) const { return start_[t]; }
  [[nodiscard]] double end(TaskId t) const { return end_[t]; }
  [[nodiscard]] double ready(TaskId) const;    ///< its last dependency ended
  [[nodiscard]] double arrival(TaskId) const;  ///< ready, and its stream free
  /// The task whose end `ready` is; none when it has no dependencies.
  [[nodiscard]] std::optional<TaskId> last_dependency(TaskId) const;
  [[nodiscard]] std::optional<TaskId> stream_predecessor(TaskId) const;
  /// What held `t` back: its last dependency, or the stream where that was free later. Of a
  /// collective: what held back the member that arrived last. Joins are looked through.
  [[nodiscard]] std::optional<TaskId> binding(TaskId) const;
  [[nodiscard]] TaskId last_member(TaskId t) const;  ///< of its collective to arrive; else itself
  [[nodiscard]] LinkId late_link(TaskId t) const { return late_link_[t]; }  ///< or kNoLink
  [[nodiscard]] const OpCost* cost(std::uint32_t op_sequence) const;  ///< null when it never ran

 private:
  void derive_joins();

  const TaskGraph* graph_;
  std::vector<double> start_, end_;
  std::vector<TaskId> stream_before_, last_member_;
  std::vector<LinkId> late_link_;
  std::vector<TaskId> last_on_stream_;
  std::vector<std::optional<OpCost>> costs_;
  std::vector<TaskId> meeting_;  ///< members of the collective being announced
  double traffic_start_ = -1, traffic_end_ = -1;
  LinkId traffic_late_ = kNoLink;
  double makespan_ = 0;
};

/// A finished run: what its explanation and its timeline are made of.
struct RunRecord {
  const TaskGraph* graph = nullptr;
  const Fabric* fabric = nullptr;
  const TaskRecorder* times = nullptr;
  const CostModel* cost = nullptr;  ///< that the run used
  std::vector<std::shared_ptr<const CollectivePlan>> collective_plans,
      transfer_plans;     ///< by Task::op
  bool by_stage = false;  ///< name places by pipeline stage, not by rank

  [[nodiscard]] const CollectivePlan* plan_of(TaskId) const;  ///< null for compute and joins
};

/// Where the time of a plan goes on an idle fabric.
struct PlanTimes {
  double latency = 0;  ///< start overhead and latency of the steps
  std::vector<std::pair<TierId, double>>
      transfer;  ///< bytes at the rate of the tier that bounds the phase, largest first
  LinkId bottleneck = kNoLink;
};
[[nodiscard]] PlanTimes plan_times(const CollectivePlan&, const Fabric&);

/// What a compute task runs, by kernel name, in first-use order; null cost gives none.
[[nodiscard]] std::vector<KernelTime> kernels_of(const RunRecord&, std::uint32_t op_sequence);

/// "forward micro-batch 3" -> "forward micro-batch *": numbers that stand alone. Tasks that differ
/// only there do the same.
[[nodiscard]] std::string label_pattern(std::string_view label);

/// The chain of binding predecessors from the task that ended last, by what was waited for;
/// segments sum to the makespan.
[[nodiscard]] CriticalPathResult critical_path(const RunRecord&);

/// A communication on the way to some task's end that took longer than on an idle fabric: between
/// two moments, by so much, and the link that was busiest with other traffic.
struct Contention {
  LinkId link = kNoLink;
  double from = 0, to = 0, seconds = 0;
};
[[nodiscard]] std::vector<Contention> contention_on_path(const RunRecord&, TaskId last);
/// The task of a job that ends last; none when the job has no tasks.
[[nodiscard]] std::optional<TaskId> last_task_of(const RunRecord&, std::uint32_t job);

/// What people call a task: its id ("1234"), a label, "LABEL@RANK", "LABEL#K" (the K-th from 1 on),
/// "LABEL@RANK#K", or "last".
struct TaskName {
  std::optional<TaskId> task;    ///< none: the one that ends last
  std::uint64_t same_label = 1;  ///< tasks that the label stands for
};
/// Throws InputError that names the nearest label.
[[nodiscard]] TaskName find_task(const TaskGraph&, const std::string& text);

[[nodiscard]] ExplainResult explain(const RunRecord&, const TaskName&);

}  // namespace xpusim
