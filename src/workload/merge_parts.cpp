// Several graphs as one.
#include <fmt/format.h>

#include "xpusim/diagnostic.hpp"
#include "xpusim/task_graph.hpp"

namespace xpusim {
namespace {

template <class T>
std::uint32_t append(std::vector<T>& to, std::vector<T>& from) {
  const auto first = static_cast<std::uint32_t>(to.size());
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
  return first;
}

class Merger {
 public:
  void add(GraphPart& part, std::uint32_t job) {
    TaskGraph& from = part.graph;
    if (from.folded) throw InternalError("merge_parts: a folded graph");
    const auto rank = static_cast<std::uint32_t>(made_.ranks.size());
    for (SimulatedRank& r : from.ranks) {
      r.job = job;
      made_.ranks.push_back(r);
    }
    add_operations(from, rank);
    const std::uint32_t label = add_labels(part);
    const std::uint32_t start = part.start > 0 ? add_start(part, rank) : kNoTask;
    const auto first = static_cast<std::uint32_t>(made_.tasks.size());
    std::vector<TaskId> dependencies;
    for (TaskId t = 0; t < from.tasks.size(); ++t) {
      Task task = from.tasks[t];
      task.rank += rank;
      task.label += label;
      if (task.kind == TaskKind::compute) task.op += sequences_;
      if (task.kind == TaskKind::collective) task.op += collectives_;
      if (task.kind == TaskKind::transfer) task.op += transfers_;
      dependencies.clear();
      for (std::uint32_t d = from.dependency_begin[t]; d < from.dependency_begin[t + 1]; ++d)
        dependencies.push_back(first + from.dependency_ids[d]);
      if (dependencies.empty() && start != kNoTask) dependencies.push_back(start);
      made_.add(task, dependencies);
    }
    for (std::string& note : from.notes)
      made_.notes.push_back(fmt::format("{}: {}", part.name, note));
  }

  TaskGraph take() { return std::move(made_); }

 private:
  static constexpr TaskId kNoTask = 0xffffffffu;

  void add_operations(TaskGraph& from, std::uint32_t rank) {
    const std::uint32_t ops = append(made_.compute_ops, from.compute_ops);
    for (OpSequence& sequence : from.op_sequences)
      for (OpRun& run : sequence) run.op += ops;
    sequences_ = append(made_.op_sequences, from.op_sequences);
    const auto groups = static_cast<std::uint32_t>(made_.groups.size());
    for (CommunicatorGroup& group : from.groups)
      for (RankId& member : group.members) member += rank;
    append(made_.groups, from.groups);
    for (CollectiveOp& op : from.collectives) op.group += groups;
    collectives_ = append(made_.collectives, from.collectives);
    const std::uint32_t pairs = append(made_.pair_classes, from.pair_classes);
    for (TransferOp& op : from.transfers) op.pairs += pairs;
    transfers_ = append(made_.transfers, from.transfers);
  }

  std::uint32_t add_labels(const GraphPart& part) {
    const auto first = static_cast<std::uint32_t>(made_.labels.size());
    for (const std::string& label : part.graph.labels)
      made_.labels.push_back(label.empty() ? part.name : fmt::format("{}: {}", part.name, label));
    if (part.graph.labels.empty()) made_.labels.push_back(part.name);
    return first;
  }

  /// A wait of the host that every first task of the part depends on.
  TaskId add_start(const GraphPart& part, std::uint32_t rank) {
    ComputeOp wait;
    wait.kind = OpKind::fixed;
    wait.label = "start";
    wait.seconds = part.start;
    made_.labels.push_back(fmt::format("{}: start", part.name));
    return made_.add(
        {TaskKind::compute, Purpose::compute, Stream::host, rank,
         made_.add_single_op(std::move(wait)), static_cast<std::uint32_t>(made_.labels.size() - 1)},
        {});
  }

  TaskGraph made_;
  std::uint32_t sequences_ = 0, collectives_ = 0, transfers_ = 0;
};

}  // namespace

void move_to(TaskGraph& graph, const std::vector<DeviceId>& devices) {
  const auto moved = [&](DeviceId& d) { d = devices.at(d); };
  for (SimulatedRank& rank : graph.ranks) moved(rank.device);
  for (CommunicatorGroup& group : graph.groups)
    for (std::vector<DeviceId>& members : group.classes)
      for (DeviceId& d : members) moved(d);
  for (PairClass& pairs : graph.pair_classes)
    for (DevicePair& pair : pairs.pairs) {
      moved(pair.from);
      moved(pair.to);
    }
}

TaskGraph merge_parts(std::vector<GraphPart> parts) {
  Merger merger;
  for (std::uint32_t job = 0; job < parts.size(); ++job) merger.add(parts[job], job);
  return merger.take();
}

}  // namespace xpusim
