#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <queue>
#include <set>
#include <tuple>
#include <utility>

#include <fmt/core.h>

#include "xpusim/machine.hpp"

namespace xpusim {
namespace {

constexpr std::size_t kStreams = static_cast<std::size_t>(Stream::none);
constexpr std::size_t kStuckShown = 10;

std::string option(const std::map<std::string, std::string>& map, std::string_view key) {
  const auto it = map.find(std::string(key));
  return it == map.end() ? std::string() : it->second;
}
CollectiveOptions options_of(const TaskGraph& graph, const CollectiveOp& op,
                             const StaticRunOptions& options) {
  return {option(options.algorithms, to_string(op.type)), "",
          option(options.planes, to_string(graph.groups[op.group].purpose))};
}
CollectiveOptions options_of(const TaskGraph& graph, const TransferOp& op,
                             const StaticRunOptions& options) {
  return {"", "", option(options.planes, to_string(graph.pair_classes[op.pairs].purpose))};
}
auto key_of(const CollectiveOp& op) {
  return std::tuple(op.group, static_cast<int>(op.type), op.bytes);
}
auto key_of(const TransferOp& op) { return std::pair(op.pairs, op.bytes); }

/// Starts tasks when their dependencies are done and their stream is free; lowest ready id first.
class StaticProgram {
 public:
  StaticProgram(Machine& machine, const TaskGraph& graph, const CollectiveContext& context,
                const CostModel& cost, const StaticRunOptions& options)
      : machine_(machine), graph_(graph), context_(context), cost_(cost), options_(options) {
    const std::size_t n = graph.tasks.size();
    waiting_.resize(n);
    ready_time_.assign(n, Seconds(0.0));
    successor_begin_.assign(n + 1, 0);
    for (TaskId id : graph.dependency_ids) ++successor_begin_[id + 1];
    for (std::size_t i = 0; i < n; ++i) successor_begin_[i + 1] += successor_begin_[i];
    successors_.resize(graph.dependency_ids.size());
    std::vector<std::uint32_t> fill(successor_begin_.begin(), successor_begin_.end() - 1);
    for (std::size_t t = 0; t < n; ++t) {
      waiting_[t] = graph.dependency_begin[t + 1] - graph.dependency_begin[t];
      for (std::uint32_t k = graph.dependency_begin[t]; k < graph.dependency_begin[t + 1]; ++k) {
        successors_[fill[graph.dependency_ids[k]]++] = static_cast<TaskId>(t);
      }
    }
    streams_.resize(graph.ranks.size() * kStreams);
    sequence_costs_.resize(graph.op_sequences.size());
    meetings_.resize(graph.collectives.size());
    collective_plans_.resize(graph.collectives.size());
    transfer_plans_.resize(graph.transfers.size());
  }

  StaticRunResult run() {
    if (graph_.folded && options_.folded != nullptr)
      use_folded(*options_.folded);
    else if (graph_.folded)
      use_folded(plan_folded(graph_, context_, options_));
    machine_.at(machine_.now(), [this] { start(); });
    machine_.run();
    StaticRunResult result;
    result.makespan = last_end_;
    result.tasks = graph_.tasks.size();
    result.unfinished = graph_.tasks.size() - finished_;
    if (result.unfinished > 0) result.stuck = stuck_tasks();
    result.plans = std::move(plans_);
    result.planes = std::move(planes_);
    result.collective_plans = std::move(collective_plans_);
    result.transfer_plans = std::move(transfer_plans_);
    return result;
  }

 private:
  struct StreamState {
    bool busy = false;
    std::priority_queue<TaskId, std::vector<TaskId>, std::greater<>> ready;
  };
  /// Ranks gathering for one collective.
  struct Meeting {
    std::vector<TaskId> arrived;
  };
  using Plan = std::shared_ptr<const CollectivePlan>;

  void start() {
    for (std::size_t t = 0; t < graph_.tasks.size(); ++t) {
      if (waiting_[t] == 0) make_ready(static_cast<TaskId>(t));
    }
    drain();
  }

  StreamState& stream_of(const Task& task) {
    return streams_[task.rank * kStreams + static_cast<std::size_t>(task.stream)];
  }

  // Nothing starts inside make_ready: all that became ready at one instant is ordered by id first.
  void make_ready(TaskId id) {
    ready_time_[id] = machine_.now();
    const Task& task = graph_.tasks[id];
    if (task.stream == Stream::none) {
      startable_.push(id);
      return;
    }
    StreamState& stream = stream_of(task);
    stream.ready.push(id);
    if (!stream.busy) touched_.push_back(&stream);
  }

  void drain() {
    if (draining_) return;
    draining_ = true;
    while (!touched_.empty() || !startable_.empty()) {
      for (StreamState* stream : touched_) {
        if (stream->busy || stream->ready.empty()) continue;
        stream->busy = true;
        startable_.push(stream->ready.top());
        stream->ready.pop();
      }
      touched_.clear();
      while (!startable_.empty() && touched_.empty()) {
        const TaskId id = startable_.top();
        startable_.pop();
        start_task(id);
      }
    }
    draining_ = false;
  }

  void start_task(TaskId id) {
    const Task& task = graph_.tasks[id];
    switch (task.kind) {
      case TaskKind::join:
        return complete(id);
      case TaskKind::compute: {
        const OpCost& cost = sequence_cost(task.op);
        const Seconds begin = machine_.now();
        Callback done = [this, id, begin] {
          announce(id, begin);
          complete(id);
          drain();
        };
        // A host operation takes time, not the device's execution units.
        if (task.stream == Stream::host) {
          machine_.at(begin + cost.duration, std::move(done));
        } else {
          machine_.compute(graph_.ranks[task.rank].device, cost.duration, std::move(done));
        }
        return;
      }
      case TaskKind::transfer:
        return start_transfer(id);
      case TaskKind::collective:
        return arrive(id);
    }
  }

  void start_transfer(TaskId id) {
    const Task& task = graph_.tasks[id];
    Plan& plan = transfer_plans_[task.op];
    if (!plan) plan = transfer_plan(task.op);
    const DevicePair pair = graph_.pair_classes[graph_.transfers[task.op].pairs].pairs.front();
    const std::array<DeviceId, 2> members{pair.from, pair.to};
    const Seconds begin = machine_.now();
    machine_.communicate(
        plan, members, {}, task.purpose,
        [this, id, begin] {
          announce(id, begin);
          complete(id);
          drain();
        },
        graph_.ranks[task.rank].job);
  }

  void arrive(TaskId id) {
    const std::uint32_t op = graph_.tasks[id].op;
    const CollectiveOp& collective = graph_.collectives[op];
    const CommunicatorGroup& group = graph_.groups[collective.group];
    Meeting& meeting = meetings_[op];
    meeting.arrived.push_back(id);
    const std::size_t expected =
        collective.participants > 0 ? collective.participants : group.members.size();
    if (meeting.arrived.size() < expected) return;
    Plan& plan = collective_plans_[op];
    if (!plan) plan = collective_plan(op);
    occupied_.clear();
    for (TaskId t : meeting.arrived) {
      occupied_.push_back(graph_.ranks[graph_.tasks[t].rank].device);
    }
    const Seconds begin = machine_.now();
    machine_.communicate(
        plan, group.classes.front(), occupied_, group.purpose,
        [this, op, begin] {
          const std::vector<TaskId> arrived = std::move(meetings_[op].arrived);
          for (TaskId t : arrived) announce(t, begin);
          for (TaskId t : arrived) complete(t);
          drain();
        },
        graph_.ranks[graph_.tasks[id].rank].job);
  }

  void announce(TaskId id, Seconds begin) {
    const Task& task = graph_.tasks[id];
    const SimulatedRank& rank = graph_.ranks[task.rank];
    ActivityEvent event;
    event.kind = task.kind;
    event.purpose = task.purpose;
    event.rank = task.rank;
    event.device = rank.device;
    event.multiplicity = rank.multiplicity;
    event.task = id;
    event.op = task.op;
    event.label = task.label;
    event.stream = task.stream;
    event.ready = ready_time_[id];
    event.start = begin;
    event.end = machine_.now();
    if (task.kind == TaskKind::compute) event.cost = &*sequence_costs_[task.op];
    machine_.report(event);
  }

  void complete(TaskId id) {
    ++finished_;
    last_end_ = machine_.now();
    const Task& task = graph_.tasks[id];
    waiting_[id] = kDone;
    if (task.stream != Stream::none) {
      StreamState& stream = stream_of(task);
      stream.busy = false;
      touched_.push_back(&stream);
    }
    for (std::uint32_t k = successor_begin_[id]; k < successor_begin_[id + 1]; ++k) {
      if (--waiting_[successors_[k]] == 0) make_ready(successors_[k]);
    }
  }

  const OpCost& sequence_cost(std::uint32_t index) {
    std::optional<OpCost>& total = sequence_costs_[index];
    if (!total) total = xpusim::sequence_cost(graph_, index, cost_);
    return *total;
  }

  /// A plan, and whether the run has used it.
  struct Planned {
    Plan plan;
    bool used = false;
  };

  void use_folded(const FoldedTraffic& traffic) {
    for (std::size_t i = 0; i < graph_.collectives.size(); ++i)
      planned_[key_of(graph_.collectives[i])].plan = traffic.collectives[i];
    for (std::size_t i = 0; i < graph_.transfers.size(); ++i)
      planned_transfers_[key_of(graph_.transfers[i])].plan = traffic.transfers[i];
  }

  Plan collective_plan(std::uint32_t index) {
    const CollectiveOp& op = graph_.collectives[index];
    const CommunicatorGroup& group = graph_.groups[op.group];
    Planned& planned = planned_[key_of(op)];
    if (!planned.plan)
      planned.plan = std::make_shared<CollectivePlan>(
          plan_collective(context_, op.type, Bytes(op.bytes), group.classes.front(),
                          options_of(graph_, op, options_)));
    return remember(planned, group.purpose);
  }

  Plan transfer_plan(std::uint32_t index) {
    const TransferOp& op = graph_.transfers[index];
    const PairClass& pairs = graph_.pair_classes[op.pairs];
    Planned& planned = planned_transfers_[key_of(op)];
    if (!planned.plan)
      planned.plan = std::make_shared<CollectivePlan>(plan_transfer(
          context_, Bytes(op.bytes), pairs.pairs.front(), options_of(graph_, op, options_)));
    return remember(planned, pairs.purpose);
  }

  Plan remember(Planned& planned, Purpose purpose) {
    if (!std::exchange(planned.used, true)) {
      plans_.push_back(planned.plan);
      for (const PlaneId plane : planned.plan->planes) planes_[purpose].insert(plane);
    }
    return planned.plan;
  }

  std::vector<std::string> stuck_tasks() const {
    std::vector<std::string> stuck;
    for (std::size_t t = 0; t < graph_.tasks.size() && stuck.size() < kStuckShown; ++t) {
      if (waiting_[t] == kDone) continue;
      const Task& task = graph_.tasks[t];
      const std::string_view label =
          task.label < graph_.labels.size() ? std::string_view(graph_.labels[task.label]) : "?";
      std::string why = waiting_[t] > 0 ? fmt::format("waits for {} tasks", waiting_[t])
                                        : std::string("waits for its stream");
      if (waiting_[t] == 0 && task.kind == TaskKind::collective) {
        const Meeting& meeting = meetings_[task.op];
        why = fmt::format("collective: {} of {} ranks arrived", meeting.arrived.size(),
                          graph_.groups[graph_.collectives[task.op].group].members.size());
      }
      stuck.push_back(fmt::format("task {} '{}' of rank {}: {}", t, label, task.rank, why));
    }
    return stuck;
  }

  static constexpr std::uint32_t kDone = 0xffffffffu;

  Machine& machine_;
  const TaskGraph& graph_;
  const CollectiveContext& context_;
  const CostModel& cost_;
  const StaticRunOptions& options_;
  std::vector<std::uint32_t> waiting_, successor_begin_;
  std::vector<TaskId> successors_;
  std::vector<Seconds> ready_time_;
  std::vector<StreamState> streams_;
  std::vector<StreamState*> touched_;
  std::priority_queue<TaskId, std::vector<TaskId>, std::greater<>> startable_;
  bool draining_ = false;
  std::vector<std::optional<OpCost>> sequence_costs_;
  std::vector<Meeting> meetings_;
  std::vector<Plan> collective_plans_, transfer_plans_, plans_;
  std::map<Purpose, std::set<PlaneId>> planes_;
  std::map<std::tuple<std::uint32_t, int, double>, Planned> planned_;
  std::map<std::pair<std::uint32_t, double>, Planned> planned_transfers_;
  std::vector<DeviceId> occupied_;
  std::size_t finished_ = 0;
  Seconds last_end_;
};

}  // namespace

FoldedTraffic plan_folded(const TaskGraph& graph, const CollectiveContext& context,
                          const StaticRunOptions& options) {
  FoldedPlans folded(context);
  std::map<std::tuple<std::uint32_t, int, double>, std::size_t> collectives;
  for (const CollectiveOp& op : graph.collectives) {
    const auto [it, fresh] = collectives.try_emplace(key_of(op));
    if (fresh)
      it->second = folded.add_collective(op.type, Bytes(op.bytes), graph.groups[op.group].classes,
                                         options_of(graph, op, options));
  }
  std::map<std::pair<std::uint32_t, double>, std::size_t> transfers;
  for (const TransferOp& op : graph.transfers) {
    const auto [it, fresh] = transfers.try_emplace(key_of(op));
    if (fresh)
      it->second = folded.add_transfer(Bytes(op.bytes), graph.pair_classes[op.pairs].pairs,
                                       options_of(graph, op, options));
  }
  FoldedTraffic traffic;
  traffic.uneven = folded.uneven();
  std::vector<std::shared_ptr<const CollectivePlan>> plans;
  for (CollectivePlan& plan : folded.finish())
    plans.push_back(std::make_shared<CollectivePlan>(std::move(plan)));
  for (const CollectiveOp& op : graph.collectives)
    traffic.collectives.push_back(plans[collectives.at(key_of(op))]);
  for (const TransferOp& op : graph.transfers)
    traffic.transfers.push_back(plans[transfers.at(key_of(op))]);
  return traffic;
}

StaticRunResult run_task_graph(Machine& machine, const TaskGraph& graph,
                               const CollectiveContext& context, const CostModel& cost,
                               const StaticRunOptions& options) {
  return StaticProgram(machine, graph, context, cost, options).run();
}

}  // namespace xpusim
