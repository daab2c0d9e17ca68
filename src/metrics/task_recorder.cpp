#include <algorithm>
#include <limits>

#include "xpusim/critical_path.hpp"
#include "xpusim/diagnostic.hpp"

namespace xpusim {
namespace {

constexpr TaskId kNoTask = std::numeric_limits<TaskId>::max();
constexpr double kUnknownTime = -1.0;
constexpr std::size_t kQueues = static_cast<std::size_t>(Stream::none);

}  // namespace

TaskRecorder::TaskRecorder(const TaskGraph& graph)
    : graph_(&graph),
      start_(graph.tasks.size(), kUnknownTime),
      end_(graph.tasks.size(), kUnknownTime),
      stream_before_(graph.tasks.size(), kNoTask),
      last_member_(graph.tasks.size(), kNoTask),
      late_link_(graph.tasks.size(), kNoLink),
      last_on_stream_(graph.ranks.size() * kQueues, kNoTask),
      costs_(graph.op_sequences.size()) {}

void TaskRecorder::on_traffic(const TrafficEvent& event) {
  traffic_start_ = event.start.value();
  traffic_end_ = event.end.value();
  traffic_late_ = event.late;
}

void TaskRecorder::on_activity(const ActivityEvent& event) {
  const TaskId id = event.task;
  start_[id] = event.start.value();
  end_[id] = event.end.value();
  if (event.stream != Stream::none) {
    TaskId& last = last_on_stream_[event.rank * kQueues + static_cast<std::size_t>(event.stream)];
    stream_before_[id] = last;
    last = id;
  }
  if (event.kind == TaskKind::compute) {
    if (event.cost != nullptr && !costs_[event.op]) costs_[event.op] = *event.cost;
    return;
  }
  if (traffic_start_ == start_[id] && traffic_end_ == end_[id]) late_link_[id] = traffic_late_;
  if (event.kind != TaskKind::collective) return;
  // Members are announced one after the other, in the order of their arrival.
  meeting_.push_back(id);
  const CollectiveOp& op = graph_->collectives[event.op];
  const std::size_t expected =
      op.participants > 0 ? op.participants : graph_->groups[op.group].members.size();
  if (meeting_.size() < expected) return;
  for (const TaskId member : meeting_) last_member_[member] = id;
  meeting_.clear();
}

void TaskRecorder::on_end(Seconds makespan) {
  makespan_ = makespan.value();
  derive_joins();
}

// A join takes no time: it ends with the last of its dependencies. Depth first, each once.
void TaskRecorder::derive_joins() {
  std::vector<TaskId> stack;
  for (TaskId t = 0; t < end_.size(); ++t) {
    if (end_[t] != kUnknownTime) continue;
    stack.assign(1, t);
    while (!stack.empty()) {
      const TaskId id = stack.back();
      double end = 0;
      bool known = true;
      for (std::uint32_t k = graph_->dependency_begin[id]; k < graph_->dependency_begin[id + 1];
           ++k) {
        const TaskId before = graph_->dependency_ids[k];
        if (end_[before] == kUnknownTime) {
          stack.push_back(before);
          known = false;
        } else {
          end = std::max(end, end_[before]);
        }
      }
      if (!known) continue;
      start_[id] = end_[id] = end;
      stack.pop_back();
    }
  }
}

std::optional<TaskId> TaskRecorder::last_dependency(TaskId id) const {
  std::optional<TaskId> last;
  for (std::uint32_t k = graph_->dependency_begin[id]; k < graph_->dependency_begin[id + 1]; ++k) {
    const TaskId before = graph_->dependency_ids[k];
    if (!last || end_[before] > end_[*last]) last = before;
  }
  return last;
}

std::optional<TaskId> TaskRecorder::stream_predecessor(TaskId id) const {
  return stream_before_[id] == kNoTask ? std::nullopt : std::optional(stream_before_[id]);
}

double TaskRecorder::ready(TaskId id) const {
  const auto last = last_dependency(id);
  return last ? end_[*last] : 0.0;
}

double TaskRecorder::arrival(TaskId id) const {
  const auto before = stream_predecessor(id);
  return std::max(ready(id), before ? end_[*before] : 0.0);
}

std::optional<TaskId> TaskRecorder::binding(TaskId id) const {
  TaskId of = last_member(id);
  for (;;) {
    std::optional<TaskId> last = last_dependency(of);
    const std::optional<TaskId> before = stream_predecessor(of);
    if (before && (!last || end_[*before] > end_[*last])) last = before;
    if (!last || graph_->tasks[*last].kind != TaskKind::join) return last;
    of = *last;
  }
}

TaskId TaskRecorder::last_member(TaskId id) const {
  return last_member_[id] == kNoTask ? id : last_member_[id];
}

const OpCost* TaskRecorder::cost(std::uint32_t op_sequence) const {
  const auto& cost = costs_.at(op_sequence);
  return cost ? &*cost : nullptr;
}

}  // namespace xpusim
