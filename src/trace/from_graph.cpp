// A task graph as a recorded trace: what a run of it would have written.
#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <unordered_map>

#include <fmt/core.h>

#include "xpusim/trace.hpp"

namespace xpusim {
namespace {

constexpr double kNanosecond = 1e-9;

ChakraCollective chakra_of(CollectiveType type) {
  switch (type) {
    case CollectiveType::ALL_REDUCE:
      return ChakraCollective::all_reduce;
    case CollectiveType::REDUCE:
      return ChakraCollective::reduce;
    case CollectiveType::ALL_GATHER:
      return ChakraCollective::all_gather;
    case CollectiveType::GATHER:
      return ChakraCollective::gather;
    case CollectiveType::SCATTER:
      return ChakraCollective::scatter;
    case CollectiveType::BROADCAST:
      return ChakraCollective::broadcast;
    case CollectiveType::ALL_TO_ALL:
      return ChakraCollective::all_to_all;
    case CollectiveType::REDUCE_SCATTER:
      return ChakraCollective::reduce_scatter;
    case CollectiveType::BARRIER:
      return ChakraCollective::barrier;
    case CollectiveType::SEND_RECV:
      return ChakraCollective::send_recv;
  }
  throw InternalError("unknown CollectiveType");
}

class Recorder {
 public:
  Recorder(const TaskGraph& graph, const CostModel& cost) : graph_(graph), cost_(cost) {
    for (RankId r = 0; r < graph.ranks.size(); ++r) {
      files_.push_back(std::make_shared<ChakraFile>());
      files_.back()->name = fmt::format("rank {}", r);
      files_.back()->version = "0.0.4";
      rank_of_device_.emplace(graph.ranks[r].device, r);
    }
    node_of_.assign(graph.tasks.size(), 0);
    sequence_costs_.resize(graph.op_sequences.size());
  }

  RecordedTrace run() {
    for (TaskId t = 0; t < graph_.tasks.size(); ++t) record(t);
    RecordedTrace made;
    made.format = "chakra";
    std::vector<std::shared_ptr<const ChakraFile>> ranks;
    for (auto& file : files_) {
      file->finish_texts();
      ranks.push_back(std::move(file));
    }
    made.trace = make_chakra_trace(std::move(ranks));
    for (std::size_t g = 0; g < graph_.groups.size(); ++g) {
      const std::string id = group_id(g);
      std::vector<std::uint32_t> members = graph_.groups[g].members;
      std::sort(members.begin(), members.end());
      made.options.groups.groups.emplace(id, std::move(members));
      made.options.group_purposes.emplace(id, graph_.groups[g].purpose);
    }
    made.options.message_purpose = Purpose::pp;
    made.options.communication_slot = false;
    return made;
  }

 private:
  static std::string group_id(std::size_t group) { return fmt::format("{}", group + 1); }

  void record(TaskId t) {
    const Task& task = graph_.tasks[t];
    ChakraNode node;
    node.type = ChakraNodeType::metadata;  // joins: ends at once
    switch (task.kind) {
      case TaskKind::join:
        break;
      case TaskKind::compute:
        describe_compute(task, node);
        break;
      case TaskKind::collective:
        describe_collective(task, node);
        break;
      case TaskKind::transfer:
        describe_transfer(t, node);
        break;
    }
    add(task.rank, node, t);
  }

  void describe_compute(const Task& task, ChakraNode& node) {
    const OpCost& cost = sequence_cost(task.op);
    node.type = ChakraNodeType::comp;
    node.is_cpu_op = task.stream == Stream::host;
    node.duration_nanos =
        static_cast<std::uint64_t>(std::llround(cost.duration.value() / kNanosecond));
    node.num_ops = static_cast<std::uint64_t>(std::llround(cost.flops.value()));
    node.tensor_size = static_cast<std::uint64_t>(std::llround(cost.memory_bytes.value()));
  }

  void describe_collective(const Task& task, ChakraNode& node) {
    const CollectiveOp& op = graph_.collectives[task.op];
    node.type = ChakraNodeType::comm_coll;
    node.collective = chakra_of(op.type);
    node.comm_size = static_cast<std::uint64_t>(std::llround(op.bytes));
    node.pg_name = files_[task.rank]->intern(group_id(op.group));
  }

  void describe_transfer(TaskId t, ChakraNode& node) {
    const Task& task = graph_.tasks[t];
    const TransferOp& op = graph_.transfers[task.op];
    node.type = ChakraNodeType::comm_send;
    node.comm_size = static_cast<std::uint64_t>(std::llround(op.bytes));
    node.comm_src = static_cast<std::int32_t>(task.rank);
    node.comm_dst = static_cast<std::int32_t>(receiver(t));
    node.comm_tag = tag_of(t);
  }

  [[nodiscard]] RankId receiver(TaskId t) const {
    const TransferOp& op = graph_.transfers[graph_.tasks[t].op];
    return rank_of_device_.at(graph_.pair_classes[op.pairs].pairs.front().to);
  }

  /// A number of its own for each message of a pair: order does not matter.
  std::int32_t tag_of(TaskId t) {
    const std::uint64_t pair =
        (static_cast<std::uint64_t>(graph_.tasks[t].rank) << 32U) | receiver(t);
    const auto [it, fresh] = tags_.try_emplace(t, 0);
    if (fresh) it->second = next_tag_[pair]++;
    return it->second;
  }

  void add(RankId rank, ChakraNode node, TaskId t) {
    std::vector<std::uint64_t> dependencies;
    for (std::uint32_t d = graph_.dependency_begin[t]; d < graph_.dependency_begin[t + 1]; ++d)
      dependencies.push_back(node_for(graph_.dependency_ids[d], rank));
    keep_order(t, dependencies);
    std::sort(dependencies.begin(), dependencies.end());
    dependencies.erase(std::unique(dependencies.begin(), dependencies.end()), dependencies.end());
    const Task& task = graph_.tasks[t];
    node.id = files_[rank]->nodes.size();
    node_of_[t] = node.id;
    const bool labelled = task.label < graph_.labels.size();
    files_[rank]->add(node, labelled ? graph_.labels[task.label] : std::string(), dependencies);
  }

  /// Communication of one stream runs one after another: files know no streams, so by dependencies,
  /// in order of task (a topological one on every rank at once).
  void keep_order(TaskId t, std::vector<std::uint64_t>& dependencies) {
    const Task& task = graph_.tasks[t];
    const bool orders = task.kind == TaskKind::collective || task.kind == TaskKind::transfer;
    if (!orders || task.stream == Stream::none) return;
    const auto [it, fresh] = last_on_stream_.try_emplace({task.rank, task.stream}, t);
    if (!fresh) dependencies.push_back(node_of_[std::exchange(it->second, t)]);
  }

  /// The node that stands for a task on a rank: its own, or the receipt of its message.
  std::uint64_t node_for(TaskId t, RankId rank) {
    const Task& task = graph_.tasks[t];
    if (task.rank == rank) return node_of_[t];
    if (task.kind != TaskKind::transfer || receiver(t) != rank)
      throw InternalError("record_graph: a rank waits for another without a message");
    const auto [it, fresh] = receipts_.try_emplace(t, 0);
    if (!fresh) return it->second;
    ChakraNode node;
    node.type = ChakraNodeType::comm_recv;
    node.comm_size = static_cast<std::uint64_t>(std::llround(graph_.transfers[task.op].bytes));
    node.comm_src = static_cast<std::int32_t>(task.rank);
    node.comm_dst = static_cast<std::int32_t>(rank);
    node.comm_tag = tag_of(t);
    node.id = files_[rank]->nodes.size();
    it->second = node.id;
    files_[rank]->add(
        node,
        task.label < graph_.labels.size() ? "receive " + graph_.labels[task.label] : std::string(),
        {});
    return it->second;
  }

  const OpCost& sequence_cost(std::uint32_t index) {
    std::optional<OpCost>& total = sequence_costs_[index];
    if (!total) total = xpusim::sequence_cost(graph_, index, cost_);
    return *total;
  }

  const TaskGraph& graph_;
  const CostModel& cost_;
  std::vector<std::shared_ptr<ChakraFile>> files_;
  std::unordered_map<DeviceId, RankId> rank_of_device_;
  std::vector<std::uint64_t> node_of_;  ///< by task
  std::map<std::pair<RankId, Stream>, TaskId> last_on_stream_;
  std::unordered_map<TaskId, std::uint64_t> receipts_;
  std::unordered_map<TaskId, std::int32_t> tags_;
  std::unordered_map<std::uint64_t, std::int32_t> next_tag_;
  std::vector<std::optional<OpCost>> sequence_costs_;
};

}  // namespace

RecordedTrace record_graph(const TaskGraph& graph, const CostModel& cost) {
  if (graph.folded) throw InternalError("record_graph: a folded graph has not all ranks");
  return Recorder(graph, cost).run();
}

RecordedTrace make_collective_trace(ChakraCollective type, std::uint64_t bytes,
                                    std::uint32_t ranks) {
  auto file = std::make_shared<ChakraFile>();
  file->version = "0.0.4";
  ChakraNode node;
  node.type = ChakraNodeType::comm_coll;
  node.collective = type;
  node.comm_size = bytes;
  file->add(node, to_string(type));
  file->finish_texts();
  RecordedTrace made;
  made.format = "chakra";
  made.trace = make_chakra_trace({ranks, std::move(file)});
  return made;
}

}  // namespace xpusim
