// A Chakra trace as a TaskGraph: one task per node. Semantics: docs/model.md.
#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <tuple>

#include <fmt/core.h>

#include "trace/collective_matching.hpp"
#include "xpusim/trace.hpp"

namespace xpusim {
namespace {

using trace::Communicators;
using trace::GroupClass;
using trace::GroupClasses;
using trace::kNoOp;
using trace::Matches;
using trace::PreparedFile;
using trace::Program;
using trace::RankClasses;
using trace::RankPrograms;
using trace::Role;
using trace::role_of;
using trace::SimulatedRanks;

constexpr double kNanosecond = 1e-9;
constexpr double kZeroDuration =
    1e-9;  ///< ASTRA-sim, workload/Workload.cc: a recorded 0 becomes 1 ns

bool is_one_rank_input(const ChakraTrace& trace, CommSizeConvention convention) {
  if (convention != CommSizeConvention::automatic)
    return convention == CommSizeConvention::one_rank_input;
  // Only the PyTorch converter copies the process id of the recorded run.
  return std::any_of(trace.ranks.begin(), trace.ranks.end(),
                     [](const auto& f) { return f->metadata.contains("pid"); });
}

class ReplayBuilder {
 public:
  ReplayBuilder(const ChakraTrace& trace, std::uint32_t devices, const ReplayOptions& options)
      : trace_(trace),
        options_(options),
        places_(places(trace, devices, options)),
        communicators_(static_cast<std::uint32_t>(trace.ranks.size()), options),
        programs_(trace, communicators_, options.follow_ctrl_deps),
        classes_(classes()),
        ranks_(programs_, classes_, trace.prefix),
        groups_(ranks_, communicators_),
        one_rank_input_(is_one_rank_input(trace, options.comm_size)) {}

  Replay build() {
    for (RankId r = 0; r < ranks_.count(); ++r)
      graph().ranks.push_back({places_[classes_.lowest[r]], classes_.size[r], 0});
    graph().folded = ranks_.count() < programs_.ranks();
    trace::match_collectives(ranks_, communicators_, groups_, one_rank_input_, matches_);
    trace::match_messages(ranks_, options_.allow_unmatched, matches_);
    add_groups();
    graph().collectives = std::move(matches_.collectives);
    plan_programs();
    for (RankId r = 0; r < ranks_.count(); ++r) add_tasks(r);
    check_progress();
    replay_.statistics = chakra_statistics(trace_);
    add_notes();
    return std::move(replay_);
  }

 private:
  /// What all ranks with the same file share about a node.
  struct NodePlan {
    Role role = Role::nothing;
    Stream stream = Stream::none;
    std::uint32_t op = 0;  ///< op sequence of compute work
    std::uint32_t label = 0;
  };
  struct Timing {
    std::uint64_t recorded = 0, on_chip = 0, without_either = 0;
  };

  TaskGraph& graph() { return replay_.graph; }

  /// Device of each rank.
  static std::vector<DeviceId> places(const ChakraTrace& trace, std::uint32_t devices,
                                      const ReplayOptions& options) {
    const auto ranks = static_cast<std::uint32_t>(trace.ranks.size());
    if (ranks == 0)
      throw InputError("trace-ranks", "a trace without ranks", "give at least one file");
    if (!options.placement.empty() && options.placement.size() != ranks)
      throw InputError("trace-ranks",
                       fmt::format("{} ranks have {} places", ranks, options.placement.size()),
                       "give one device for every rank");
    std::vector<DeviceId> places = options.placement;
    for (std::uint32_t r = 0; r < ranks; ++r) {
      if (options.placement.empty()) places.push_back(r);
      if (places[r] >= devices)
        throw InputError("trace-ranks",
                         fmt::format("{}: rank {} of {} needs device {}; the machine has {}",
                                     trace.prefix, r, ranks, places[r], devices),
                         "choose a larger system or a smaller trace");
    }
    std::vector<DeviceId> used = places;
    std::sort(used.begin(), used.end());
    if (const auto twice = std::adjacent_find(used.begin(), used.end()); twice != used.end())
      throw InputError("trace-ranks", fmt::format("device {} is the place of two ranks", *twice),
                       "one device carries one rank");
    return places;
  }

  [[nodiscard]] std::uint32_t program_index(RankId r) const {
    return programs_.program_index(classes_.lowest[r]);
  }

  /// Who is simulated for whom.
  RankClasses classes() const {
    const std::uint32_t ranks = programs_.ranks();
    if (options_.folding == Folding::off || options_.fabric == nullptr || ranks == 1)
      return trace::single_ranks(ranks);
    RankClasses folded = trace::fold_ranks(programs_, communicators_, *options_.fabric, places_);
    if (options_.folding == Folding::on && !folded.obstacle.empty())
      throw InputError("cannot-fold",
                       fmt::format("{}: folding is on, but {}", trace_.prefix, folded.obstacle),
                       "use \"folding\": \"auto\" or \"off\"");
    return folded;
  }

  void add_groups() {
    for (const GroupClass& from : groups_.list()) {
      const trace::Communicator& first = communicators_[from.communicators.front()];
      CommunicatorGroup group{first.name, first.purpose, from.participants, {}};
      for (const std::uint32_t communicator : from.communicators) {
        std::vector<DeviceId>& members = group.classes.emplace_back();
        for (const std::uint32_t member : communicators_[communicator].members)
          members.push_back(places_[member]);
      }
      graph().groups.push_back(std::move(group));
    }
  }

  // ---- nodes of one file

  void plan_programs() {
    graph().labels.emplace_back();
    std::vector<std::uint64_t> ranks_of(programs_.programs().size(), 0);
    for (RankId r = 0; r < ranks_.count(); ++r) ranks_of[program_index(r)] += classes_.size[r];
    plans_.resize(ranks_of.size());
    for (std::size_t i = 0; i < ranks_of.size(); ++i) {
      copies_ = ranks_of[i];
      if (copies_ > 0) plan_program(programs_.programs()[i].file, plans_[i]);
    }
  }

  void plan_program(const PreparedFile& file, std::vector<NodePlan>& plans) {
    std::vector<std::uint32_t> labels(file.file().texts.size(), kNoOp);
    plans.resize(file.size());
    for (std::uint32_t p = 0; p < file.size(); ++p) {
      const ChakraNode& node = file.node(p);
      std::uint32_t& label = labels[node.name];
      if (label == kNoOp) label = label_of(file.file().text(node.name));
      plans[p] = plan_node(node, label);
      if (plans[p].role == Role::collective && options_.dimensions.empty() &&
          trace::selects_dimensions(file.file(), node))
        ignored_dimensions_ += copies_;
    }
  }

  std::uint32_t label_of(const std::string& text) {
    if (text.empty()) return 0;
    const auto [it, fresh] =
        label_index_.try_emplace(text, static_cast<std::uint32_t>(graph().labels.size()));
    if (fresh) graph().labels.push_back(text);
    return it->second;
  }

  NodePlan plan_node(const ChakraNode& node, std::uint32_t label) {
    NodePlan plan{role_of(node), Stream::none, 0, label};
    switch (plan.role) {
      case Role::nothing:
      case Role::receive:
        return plan;
      case Role::host:
        plan.stream = Stream::host;
        plan.op = recorded_op(node, 1);
        break;
      case Role::compute:
        plan.stream = Stream::compute;
        plan.op = timed_op(node, options_.compute_scale);
        break;
      // ASTRA-sim, workload/HardwareResource.cc: what is no COMP node takes the communication slot.
      case Role::memory:
        plan.stream = Stream::comm_other;
        plan.op = timed_op(node, options_.memory_scale);
        break;
      case Role::collective:
      case Role::send:
        plan.stream = Stream::comm_other;
        break;
    }
    if (!options_.communication_slot && plan.stream == Stream::comm_other)
      plan.stream = Stream::none;
    return plan;
  }

  std::uint32_t timed_op(const ChakraNode& node, double scale) {
    const bool has_work = node.num_ops > 0 || node.tensor_size > 0;
    const bool prefer_record =
        options_.timing == ReplayTiming::recorded ||
        (options_.timing == ReplayTiming::automatic && node.duration_nanos > 0);
    if (!prefer_record && has_work) {
      timing_.on_chip += copies_;
      return chip_op(node);
    }
    (node.duration_nanos > 0 ? timing_.recorded : timing_.without_either) += copies_;
    return recorded_op(node, scale);
  }

  std::uint32_t recorded_op(const ChakraNode& node, double scale) {
    const auto [it, fresh] = recorded_.try_emplace({node.duration_nanos, scale}, 0u);
    if (fresh) {
      ComputeOp op;
      op.kind = OpKind::fixed;
      op.label = "recorded";
      op.seconds = node.duration_nanos > 0
                       ? static_cast<double>(node.duration_nanos) * kNanosecond * scale
                       : kZeroDuration;
      it->second = graph().add_single_op(std::move(op));
    }
    return it->second;
  }

  std::uint32_t chip_op(const ChakraNode& node) {
    const auto [it, fresh] = on_chip_.try_emplace({node.num_ops, node.tensor_size}, 0u);
    if (fresh) {
      ComputeOp op;
      op.kind = OpKind::memory;
      op.label = "roofline";
      op.format = options_.compute_format;
      op.flops = static_cast<double>(node.num_ops);
      op.memory_bytes = static_cast<double>(node.tensor_size);
      it->second = graph().add_single_op(std::move(op));
    }
    return it->second;
  }

  // ---- tasks of one rank

  void add_tasks(RankId rank) {
    const PreparedFile& file = ranks_.file(rank);
    const std::vector<NodePlan>& plans = plans_[program_index(rank)];
    const TaskId first = ranks_.first_task(rank);
    std::vector<TaskId> dependencies;
    for (std::uint32_t p = 0; p < file.size(); ++p) {
      dependencies.clear();
      for (const std::uint32_t d : file.dependencies(p)) dependencies.push_back(first + d);
      if (plans[p].role == Role::receive && matches_.send_of[first + p] != kNoOp)
        dependencies.push_back(matches_.send_of[first + p]);
      graph().add(make_task(rank, p, plans[p]), dependencies);
    }
  }

  Task make_task(RankId rank, std::uint32_t position, const NodePlan& plan) {
    Task task{TaskKind::join, Purpose::other, Stream::none, rank, 0, plan.label};
    switch (plan.role) {
      case Role::nothing:
      case Role::receive:
        break;
      case Role::host:
      case Role::compute:
      case Role::memory:
        task = {TaskKind::compute, Purpose::compute, plan.stream, rank, plan.op, plan.label};
        break;
      case Role::collective:
        make_collective(ranks_.first_task(rank) + position, plan, task);
        break;
      case Role::send:
        make_transfer(rank, position, plan, task);
        break;
    }
    return task;
  }

  void make_collective(TaskId id, const NodePlan& plan, Task& task) {
    const std::uint32_t op = matches_.collective_of[id];
    if (op == kNoOp) return;  // a communicator of one rank
    task.kind = TaskKind::collective;
    task.purpose = graph().groups[graph().collectives[op].group].purpose;
    task.stream = plan.stream;
    task.op = op;
  }

  void make_transfer(RankId rank, std::uint32_t position, const NodePlan& plan, Task& task) {
    const Program& program = programs_.of(classes_.lowest[rank]);
    const std::uint32_t partner = program.uses[position];
    if (program.partners[partner] == classes_.lowest[rank]) return;  // stays on the device
    const double bytes = static_cast<double>(program.file.node(position).comm_size);
    const auto [pair, new_pair] =
        pairs_.try_emplace({rank, partner}, static_cast<std::uint32_t>(pairs_.size()));
    if (new_pair) graph().pair_classes.push_back(pair_class(rank, partner));
    const auto [transfer, new_transfer] = transfers_.try_emplace(
        {pair->second, bytes}, static_cast<std::uint32_t>(transfers_.size()));
    if (new_transfer) graph().transfers.push_back({pair->second, bytes});
    task = {TaskKind::transfer, options_.message_purpose, plan.stream, rank, transfer->second,
            plan.label};
  }

  /// What the ranks of a class send to their partners in the same place, the simulated one first.
  PairClass pair_class(RankId rank, std::uint32_t partner) {
    PairClass pairs{options_.message_purpose, {}};
    if (members_of_.empty()) {
      members_of_.resize(ranks_.count());
      for (std::uint32_t r = 0; r < programs_.ranks(); ++r)
        members_of_[classes_.of[r]].push_back(r);
    }
    for (const std::uint32_t member : members_of_[rank])
      pairs.pairs.push_back({places_[member], places_[programs_.of(member).partners[partner]]});
    return pairs;
  }

  // ---- ranks that wait for each other

  /// Kahn 1962 over all ranks, where the tasks of one collective finish together.
  void check_progress() {
    const TaskGraph& g = graph();
    const std::size_t n = g.tasks.size();
    std::vector<std::uint32_t> waiting(n), first(n + 1, 0);
    for (const TaskId d : g.dependency_ids) ++first[d + 1];
    std::partial_sum(first.begin(), first.end(), first.begin());
    std::vector<TaskId> dependents(g.dependency_ids.size());
    std::vector<std::uint32_t> fill(first.begin(), first.end() - 1);
    std::vector<TaskId> ready;
    for (TaskId t = 0; t < n; ++t) {
      waiting[t] = g.dependency_begin[t + 1] - g.dependency_begin[t];
      for (std::uint32_t d = g.dependency_begin[t]; d < g.dependency_begin[t + 1]; ++d)
        dependents[fill[g.dependency_ids[d]]++] = t;
      if (waiting[t] == 0) ready.push_back(t);
    }
    std::vector<std::vector<TaskId>> arrived(g.collectives.size());
    std::vector<bool> done(n, false);
    const auto finish = [&](TaskId t) {
      done[t] = true;
      for (std::uint32_t d = first[t]; d < first[t + 1]; ++d)
        if (--waiting[dependents[d]] == 0) ready.push_back(dependents[d]);
    };
    while (!ready.empty()) {
      const TaskId t = ready.back();
      ready.pop_back();
      if (g.tasks[t].kind != TaskKind::collective) {
        finish(t);
        continue;
      }
      std::vector<TaskId>& here = arrived[g.tasks[t].op];
      here.push_back(t);
      if (here.size() < g.groups[g.collectives[g.tasks[t].op].group].members.size()) continue;
      for (const TaskId member : here) finish(member);
    }
    if (const auto stuck = std::find(done.begin(), done.end(), false); stuck != done.end())
      fail_deadlock(static_cast<TaskId>(stuck - done.begin()), done, waiting);
  }

  /// An unfinished task that `t` waits for: a dependency, or a member of its collective that cannot
  /// arrive.
  TaskId blocker(TaskId t, const std::vector<bool>& done,
                 const std::vector<std::uint32_t>& waiting) {
    const TaskGraph& g = graph();
    for (std::uint32_t d = g.dependency_begin[t]; d < g.dependency_begin[t + 1]; ++d)
      if (!done[g.dependency_ids[d]]) return g.dependency_ids[d];
    for (TaskId other = 0; other < g.tasks.size(); ++other)
      if (g.tasks[other].kind == TaskKind::collective && g.tasks[other].op == g.tasks[t].op &&
          waiting[other] > 0)
        return other;
    throw InternalError("trace replay: a task is stuck without a reason");
  }

  std::string name_of(TaskId t) {
    const RankId rank = graph().tasks[t].rank;
    const PreparedFile& file = ranks_.file(rank);
    return fmt::format("rank {} node {}", classes_.lowest[rank],
                       trace::short_name(file.file(), file.node(t - ranks_.first_task(rank))));
  }

  [[noreturn]] void fail_deadlock(TaskId at, const std::vector<bool>& done,
                                  const std::vector<std::uint32_t>& waiting) {
    constexpr std::size_t kShown = 8;
    std::vector<TaskId> path;
    std::map<TaskId, std::size_t> seen;
    while (seen.try_emplace(at, path.size()).second) {
      path.push_back(at);
      at = blocker(at, done, waiting);
    }
    path.erase(path.begin(), path.begin() + static_cast<std::ptrdiff_t>(seen[at]));
    std::rotate(path.begin(), std::min_element(path.begin(), path.end()), path.end());
    std::string text;
    for (std::size_t i = 0; i < path.size() && i < kShown; ++i)
      text += name_of(path[i]) + " waits for ";
    if (path.size() > kShown) text += fmt::format("{} more nodes and then ", path.size() - kShown);
    throw InputError("trace-cycle",
                     fmt::format("{}: ranks wait for each other: {}{}", trace_.prefix, text,
                                 name_of(path.front())),
                     "check the order of messages and collectives on these ranks");
  }

  // ---- what a report must show

  void ignore(const std::string& reason, std::uint64_t count) {
    if (count > 0) replay_.statistics.ignored[reason] += count;
  }

  void add_notes() {
    std::vector<std::string>& notes = graph().notes;
    notes = options_.groups.notes;
    add_folding_note();
    notes.push_back(fmt::format(
        "compute and memory nodes: {} with recorded durations, {} from num_ops and tensor_size, "
        "{} with neither at 1 ns",
        timing_.recorded, timing_.on_chip, timing_.without_either));
    notes.push_back(one_rank_input_
                        ? "comm_size is read as one rank's input (PyTorch); a gather moves the sum "
                          "over its ranks"
                        : "comm_size is read as the collective's size (microbenchmarks, STG)");
    ignore("involved_dim without logical dimension sizes: all ranks take part",
           ignored_dimensions_);
    ignore("collectives of one rank", matches_.alone);
    ignore("sends that nobody receives: sent all the same", matches_.unmatched_sends);
    ignore("receives that nobody sends: they do not wait", matches_.unmatched_receives);
    ignore("receive sizes that differ from the send: the sender's counts",
           matches_.different_sizes);
    for (const auto& [reason, count] : replay_.statistics.ignored)
      notes.push_back(fmt::format("{}: {}", reason, count));
  }

  void add_folding_note() {
    if (graph().folded)
      graph().notes.push_back(
          fmt::format("folded: {} ranks are simulated as {}, which run {} different programs",
                      programs_.ranks(), ranks_.count(), different_programs()));
    else if (!classes_.obstacle.empty())
      graph().notes.push_back("not folded: " + classes_.obstacle);
  }

  [[nodiscard]] std::size_t different_programs() const {
    std::set<std::uint32_t> shapes;
    for (const Program& program : programs_.programs()) shapes.insert(program.shape);
    return shapes.size();
  }

  const ChakraTrace& trace_;
  const ReplayOptions& options_;
  std::vector<DeviceId> places_;  ///< by rank
  Communicators communicators_;
  RankPrograms programs_;
  RankClasses classes_;
  SimulatedRanks ranks_;
  GroupClasses groups_;
  bool one_rank_input_;
  Matches matches_;
  Replay replay_;
  std::vector<std::vector<NodePlan>> plans_;  ///< by program; empty where none is simulated
  std::vector<std::vector<std::uint32_t>> members_of_;  ///< ranks by class
  std::unordered_map<std::string, std::uint32_t> label_index_;
  std::map<std::pair<std::uint64_t, double>, std::uint32_t> recorded_;  ///< ns, scale -> sequence
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::uint32_t> on_chip_;
  std::map<std::pair<RankId, std::uint32_t>, std::uint32_t> pairs_;  ///< rank and partner
  std::map<std::pair<std::uint32_t, double>, std::uint32_t> transfers_;
  Timing timing_;
  std::uint64_t copies_ = 1;  ///< ranks that run the program being planned
  std::uint64_t ignored_dimensions_ = 0;
};

}  // namespace

Replay build_replay(const ChakraTrace& trace, std::uint32_t devices, const ReplayOptions& options) {
  return ReplayBuilder(trace, devices, options).build();
}

}  // namespace xpusim
