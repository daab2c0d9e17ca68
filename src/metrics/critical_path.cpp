#include <algorithm>
#include <cctype>
#include <charconv>
#include <map>
#include <tuple>
#include <unordered_map>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "xpusim/critical_path.hpp"
#include "xpusim/diagnostic.hpp"

namespace xpusim {
namespace {

/// Times are exact to a nanosecond: less than this beyond the closed form is rounding.
constexpr double kRounding = 2e-9;
constexpr std::size_t kDependenciesShown = 100;

std::string tier_name(const Fabric& fabric, TierId tier) {
  const Tier& t = fabric.tiers()[tier];
  return fabric.planes()[t.plane].name + "/" + t.name;
}

std::string_view kind_word(const Task& task) {
  switch (task.kind) {
    case TaskKind::compute:
      return task.stream == Stream::host ? "host" : "compute";
    case TaskKind::collective:
      return "collective";
    case TaskKind::transfer:
      return "transfer";
    default:
      return "join";
  }
}

bool runs_kernels(const Task& task) {
  return task.kind == TaskKind::compute && task.stream != Stream::host;
}

std::string_view stream_word(Stream stream) {
  constexpr std::string_view kWords[]{"compute",    "comm tp",      "comm cp", "comm ep",
                                      "pp send",    "pp recv",      "comm dp", "host",
                                      "comm other", "comm ep node", ""};
  static_assert(std::size(kWords) == static_cast<std::size_t>(Stream::none) + 1);
  return kWords[static_cast<std::size_t>(stream)];
}

std::string label_of(const TaskGraph& graph, TaskId id) {
  const Task& task = graph.tasks[id];
  if (task.label < graph.labels.size() && !graph.labels[task.label].empty())
    return graph.labels[task.label];
  return std::string(kind_word(task));
}

/// A piece of the way back: a task, or the gap before it.
struct Piece {
  TaskId task = 0;
  bool gap = false;
  double from = 0, to = 0;
};

/// From the end of `last` back to time 0; pieces touch.
std::vector<Piece> walk_back(const RunRecord& run, TaskId last) {
  const TaskRecorder& times = *run.times;
  std::vector<Piece> pieces;
  std::optional<TaskId> at = last;
  if (run.graph->tasks[last].kind == TaskKind::join) at = times.binding(last);
  while (at) {
    const double start = times.start(*at);
    pieces.push_back({*at, false, start, times.end(*at)});
    const std::optional<TaskId> before = times.binding(*at);
    const double held_until = before ? times.end(*before) : 0.0;
    if (held_until < start) pieces.push_back({*at, true, held_until, start});
    at = before;
  }
  return pieces;
}

constexpr int kNoTier = -1;
struct Part {
  std::string_view cause;
  int tier = kNoTier;
  double seconds = 0;
};

/// What a piece was spent on; the parts sum to its length.
class Splitter {
 public:
  explicit Splitter(const RunRecord& run) : run_(run) {}

  std::vector<Part> split(const Piece& piece) {
    const double actual = piece.to - piece.from;
    const Task& task = run_.graph->tasks[piece.task];
    if (piece.gap) return {{"gap", kNoTier, actual}};
    if (task.kind == TaskKind::compute && task.stream == Stream::host)
      return {{"host", kNoTier, actual}};
    if (task.kind == TaskKind::compute) return kernel(task, actual);
    const CollectivePlan* plan = run_.plan_of(piece.task);
    return plan == nullptr ? std::vector<Part>{{"transfer", kNoTier, actual}}
                           : communication(*plan, piece.task, actual);
  }

  const PlanTimes& times_of(const CollectivePlan& plan) {
    const auto [it, fresh] = known_.try_emplace(&plan);
    if (fresh) it->second = plan_times(plan, *run_.fabric);
    return it->second;
  }

 private:
  std::vector<Part> kernel(const Task& task, double actual) const {
    const OpCost* cost = run_.times->cost(task.op);
    const double alone = cost == nullptr ? actual : cost->duration.value();
    if (actual <= alone + kRounding) return {{"kernel", kNoTier, actual}};
    return {{"kernel", kNoTier, alone}, {"shared units", kNoTier, actual - alone}};
  }

  std::vector<Part> communication(const CollectivePlan& plan, TaskId id, double actual) {
    const PlanTimes& idle = times_of(plan);
    const Fabric& fabric = *run_.fabric;
    double moving = 0;
    for (const auto& [tier, seconds] : idle.transfer) moving += seconds;
    // `flow` overlaps what the closed form sums: then the transfer is what is left.
    const double latency = std::min(idle.latency, actual);
    double waiting = actual - latency - moving;
    if (waiting <= kRounding) waiting = 0;
    const double moved = actual - latency - waiting;
    std::vector<Part> parts{{"latency", kNoTier, latency}};
    for (const auto& [tier, seconds] : idle.transfer)
      parts.push_back({"transfer", tier, moved * (seconds / moving)});
    if (idle.transfer.empty()) parts.front().seconds += moved;
    if (waiting > 0) {
      const LinkId late = run_.times->late_link(id);
      const LinkId link = late != kNoLink ? late : idle.bottleneck;
      parts.push_back(
          {"contention", link == kNoLink ? kNoTier : int{fabric.links()[link].tier}, waiting});
    }
    return parts;
  }

  const RunRecord& run_;
  std::unordered_map<const CollectivePlan*, PlanTimes> known_;
};

bool stands_alone(std::string_view text, std::size_t begin, std::size_t end) {
  const auto word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; };
  return (begin == 0 || !word(text[begin - 1])) && (end == text.size() || !word(text[end]));
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Labels by pattern; a pattern that one label has keeps that label.
class Names {
 public:
  explicit Names(const TaskGraph& graph) : graph_(graph), pattern_(graph.labels.size(), kNone) {}

  std::size_t index(TaskId id) {
    const std::uint32_t label = graph_.tasks[id].label;
    if (label >= pattern_.size()) return intern(label_of(graph_, id), label_of(graph_, id));
    const std::string text = label_of(graph_, id);
    if (graph_.labels[label].empty()) return intern(text, text);  // the kind stands in
    if (pattern_[label] == kNone) pattern_[label] = intern(label_pattern(text), text);
    return pattern_[label];
  }
  [[nodiscard]] const std::string& name(std::size_t index) const { return names_[index]; }

 private:
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  std::size_t intern(const std::string& pattern, const std::string& label) {
    const auto [it, fresh] = known_.try_emplace(pattern, names_.size());
    if (fresh) {
      names_.push_back(label);
    } else if (names_[it->second] != label) {
      names_[it->second] = pattern;
    }
    return it->second;
  }

  const TaskGraph& graph_;
  std::vector<std::size_t> pattern_;
  std::map<std::string, std::size_t> known_;
  std::vector<std::string> names_;
};

std::uint64_t place_of(const RunRecord& run, TaskId id) {
  const RankId rank = run.graph->tasks[id].rank;
  return run.by_stage ? run.graph->ranks[rank].stage : rank;
}

template <class T>
void set_place(const RunRecord& run, std::uint64_t place, T& to) {
  (run.by_stage ? to.stage : to.rank) = place;
}

std::optional<TaskId> last_task(const RunRecord& run) {
  std::optional<TaskId> last;
  for (TaskId t = 0; t < run.graph->tasks.size(); ++t) {
    if (!last || run.times->end(t) > run.times->end(*last)) last = t;
  }
  return last;
}

TaskMoment moment(const RunRecord& run, TaskId id, double at) {
  const Task& task = run.graph->tasks[id];
  return {id, label_of(*run.graph, id), std::string(kind_word(task)), task.rank, at};
}

std::string link_word(const RunRecord& run, int tier) {
  return tier == kNoTier ? "" : tier_name(*run.fabric, static_cast<TierId>(tier));
}

std::string cause_text(const RunRecord& run, const Task& task, const Part& part) {
  std::string text;
  if (task.kind == TaskKind::collective || task.kind == TaskKind::transfer)
    text = fmt::format("{} ", to_string(task.purpose));
  text += part.cause;
  if (part.tier != kNoTier) text += " " + link_word(run, part.tier);
  return text;
}

/// Consecutive pieces of one label and place, oldest first.
std::vector<ChainResult> chain_of(const RunRecord& run, TaskId last) {
  std::vector<Piece> pieces = walk_back(run, last);
  std::reverse(pieces.begin(), pieces.end());
  Splitter splitter(run);
  std::vector<ChainResult> chain;
  for (const Piece& piece : pieces) {
    const Task& task = run.graph->tasks[piece.task];
    const std::string name = label_of(*run.graph, piece.task);
    ChainResult next;
    set_place(run, place_of(run, piece.task), next);
    if (chain.empty() || chain.back().name != name || chain.back().stage != next.stage ||
        chain.back().rank != next.rank) {
      next.name = name;
      next.from_s = piece.from;
      chain.push_back(std::move(next));
    }
    ChainResult& link = chain.back();
    link.to_s = piece.to;
    link.seconds += piece.to - piece.from;
    if (!piece.gap) ++link.tasks;
    for (const Part& part : splitter.split(piece)) {
      if (part.seconds <= 0) continue;
      const std::string cause = cause_text(run, task, part);
      const auto same = std::find_if(link.seconds_by_cause.begin(), link.seconds_by_cause.end(),
                                     [&](const auto& known) { return known.first == cause; });
      if (same == link.seconds_by_cause.end()) {
        link.seconds_by_cause.emplace_back(cause, part.seconds);
      } else {
        same->second += part.seconds;
      }
    }
  }
  return chain;
}

std::string described(const RunRecord& run, TaskId id) {
  return fmt::format("task {} '{}' ({}) of rank {}", id, label_of(*run.graph, id),
                     kind_word(run.graph->tasks[id]), run.graph->tasks[id].rank);
}

/// One sentence: what the task stood waiting for.
std::string waited_for(const RunRecord& run, TaskId id) {
  const TaskRecorder& times = *run.times;
  const Task& task = run.graph->tasks[id];
  const TaskId late = times.last_member(id);
  const std::optional<TaskId> binding = times.binding(id);
  if (!binding) return "nothing: it starts the run";
  const bool queue = task.kind != TaskKind::join && times.arrival(late) > times.ready(late);
  const std::string cause = fmt::format("{} {}, which ended at {:.9g} s",
                                        queue ? "its stream, held by" : "its last dependency,",
                                        described(run, *binding), times.end(*binding));
  if (late == id) return cause;
  return fmt::format(
      "the last member of its collective, rank {} (arrived at {:.9g} s); that one "
      "waited for {}",
      run.graph->tasks[late].rank, times.arrival(late), cause);
}

void explain_plan(const RunRecord& run, TaskId id, ExplainResult& result) {
  const CollectivePlan* plan = run.plan_of(id);
  if (plan == nullptr) return;
  const bool transfer = run.graph->tasks[id].kind == TaskKind::transfer;
  Splitter splitter(run);
  ExplainPlan& out = result.plan.emplace();
  out.type = transfer ? "transfer" : std::string(to_string(plan->type));
  out.algorithm = plan->algorithm;
  out.protocol = plan->protocol;
  for (const PlaneId plane : plan->planes)
    out.planes += (out.planes.empty() ? "" : "+") + run.fabric->planes()[plane].name;
  out.bytes = plan->bytes;
  out.ranks = plan->ranks;
  out.idle_time_s = plan->idle_time.value();
  for (const Part& part : splitter.split({id, false, result.start_s, result.end_s})) {
    if (part.cause == "latency") out.latency_s += part.seconds;
    if (part.cause == "transfer") out.transfer_s += part.seconds;
    if (part.cause == "contention") out.contention_s += part.seconds;
  }
  const LinkId bottleneck = splitter.times_of(*plan).bottleneck;
  if (bottleneck != kNoLink) out.bottleneck = run.fabric->link_name(bottleneck);
  const LinkId late = run.times->late_link(id);
  if (late != kNoLink) out.late_link = run.fabric->link_name(late);
}

void add_kernel(std::vector<KernelTime>& kernels, const KernelTime& more) {
  const auto same = std::find_if(kernels.begin(), kernels.end(),
                                 [&](const KernelTime& k) { return k.name == more.name; });
  if (same == kernels.end()) {
    kernels.push_back(more);
  } else {
    same->seconds += more.seconds;
    same->count += more.count;
  }
}

/// Longest first, with shares of `total`.
void finish_kernels(std::vector<KernelTime>& kernels, double total) {
  for (KernelTime& kernel : kernels) kernel.share = total > 0 ? kernel.seconds / total : 0;
  std::stable_sort(kernels.begin(), kernels.end(),
                   [](const KernelTime& a, const KernelTime& b) { return a.seconds > b.seconds; });
}

std::optional<std::uint64_t> whole_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || read.ec != std::errc() || read.ptr != text.data() + text.size())
    return std::nullopt;
  return value;
}

struct Wanted {
  std::string label;
  std::optional<std::uint64_t> rank;
  std::uint64_t number = 1;
};

/// Takes "@RANK" and "#K" off the end.
Wanted parse_wanted(const std::string& text) {
  Wanted wanted{text, std::nullopt, 1};
  if (const auto hash = wanted.label.rfind('#'); hash != std::string::npos) {
    if (const auto number = whole_number(std::string_view(wanted.label).substr(hash + 1))) {
      wanted.number = *number;
      wanted.label.resize(hash);
    }
  }
  if (const auto at = wanted.label.rfind('@'); at != std::string::npos) {
    if (const auto rank = whole_number(std::string_view(wanted.label).substr(at + 1))) {
      wanted.rank = rank;
      wanted.label.resize(at);
    }
  }
  return wanted;
}

[[noreturn]] void refuse_label(const TaskGraph& graph, const std::string& label) {
  std::vector<std::string> known;
  for (const std::string& text : graph.labels) {
    if (!text.empty()) known.push_back(text);
  }
  const std::string_view near = nearest_word(label, known);
  std::string help = fmt::format("did you mean '{}'?", near);
  if (near.empty()) {
    const std::size_t shown = std::min<std::size_t>(known.size(), 8);
    help = fmt::format(
        "the labels are '{}'{}; task ids are 0 to {}",
        fmt::join(known.begin(), known.begin() + static_cast<std::ptrdiff_t>(shown), "', '"),
        shown < known.size() ? ", ..." : "", graph.tasks.size() - 1);
  }
  throw InputError("unknown-task", fmt::format("--explain: no task is called '{}'", label), help);
}

}  // namespace

const CollectivePlan* RunRecord::plan_of(TaskId id) const {
  const Task& task = graph->tasks[id];
  if (task.kind == TaskKind::collective && task.op < collective_plans.size())
    return collective_plans[task.op].get();
  if (task.kind == TaskKind::transfer && task.op < transfer_plans.size())
    return transfer_plans[task.op].get();
  return nullptr;
}

std::vector<KernelTime> kernels_of(const RunRecord& run, std::uint32_t op_sequence) {
  std::vector<KernelTime> kernels;
  if (run.cost == nullptr) return kernels;
  for (const OpRun& op : run.graph->op_sequences[op_sequence]) {
    const ComputeOp& kernel = run.graph->compute_ops[op.op];
    add_kernel(kernels, {kernel.label.empty() ? "kernel" : kernel.label,
                         run.cost->cost(kernel).duration.value() * op.repeat, 0, op.repeat});
  }
  return kernels;
}

PlanTimes plan_times(const CollectivePlan& plan, const Fabric& fabric) {
  PlanTimes times;
  double moving = 0, longest = 0;
  for (const FluidPhase& phase : plan.phases) {
    LinkId bound = kNoLink;
    double seconds = 0;
    for (const LinkLoad& load : phase.loads) {
      const double alone = load.wire_bytes / fabric.links()[load.link].capacity.value();
      if (alone <= seconds) continue;
      seconds = alone;
      bound = load.link;
    }
    if (bound == kNoLink) continue;
    moving += seconds;
    if (seconds > longest) {
      longest = seconds;
      times.bottleneck = bound;
    }
    const TierId tier = fabric.links()[bound].tier;
    const auto same = std::find_if(times.transfer.begin(), times.transfer.end(),
                                   [&](const auto& known) { return known.first == tier; });
    if (same == times.transfer.end()) {
      times.transfer.emplace_back(tier, seconds);
    } else {
      same->second += seconds;
    }
  }
  std::stable_sort(times.transfer.begin(), times.transfer.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  times.latency = std::max(0.0, plan.idle_time.value() - moving);
  return times;
}

std::string label_pattern(std::string_view label) {
  std::string pattern;
  for (std::size_t i = 0; i < label.size();) {
    std::size_t end = i;
    while (end < label.size() && is_digit(label[end])) ++end;
    if (end > i && stands_alone(label, i, end)) {
      pattern += '*';
    } else {
      end = std::max(end, i + 1);
      pattern += label.substr(i, end - i);
    }
    i = end;
  }
  return pattern;
}

std::vector<Contention> contention_on_path(const RunRecord& run, TaskId last) {
  Splitter splitter(run);
  std::vector<Contention> found;
  for (const Piece& piece : walk_back(run, last)) {
    const CollectivePlan* plan = piece.gap ? nullptr : run.plan_of(piece.task);
    if (plan == nullptr) continue;
    const LinkId late = run.times->late_link(piece.task);
    const LinkId link = late != kNoLink ? late : splitter.times_of(*plan).bottleneck;
    for (const Part& part : splitter.split(piece))
      if (part.cause == "contention" && link != kNoLink)
        found.push_back({link, piece.from, piece.to, part.seconds});
  }
  return found;
}

std::optional<TaskId> last_task_of(const RunRecord& run, std::uint32_t job) {
  std::optional<TaskId> last;
  for (TaskId t = 0; t < run.graph->tasks.size(); ++t) {
    if (run.graph->ranks[run.graph->tasks[t].rank].job != job) continue;
    if (!last || run.times->end(t) > run.times->end(*last)) last = t;
  }
  return last;
}

CriticalPathResult critical_path(const RunRecord& run) {
  CriticalPathResult result;
  result.total_s = run.times->makespan().value();
  const std::optional<TaskId> last = last_task(run);
  if (!last) return result;
  using Key =
      std::tuple<std::size_t, std::string_view, Purpose, std::uint64_t, std::string_view, int>;
  std::map<Key, std::pair<double, std::uint64_t>> sums;
  Names names(*run.graph);
  Splitter splitter(run);
  double covered = 0;
  std::map<std::uint32_t, std::uint64_t> sequences;  // compute tasks on the path
  for (const Piece& piece : walk_back(run, *last)) {
    covered += piece.to - piece.from;
    if (!piece.gap) ++result.tasks;
    const Task& task = run.graph->tasks[piece.task];
    if (!piece.gap && runs_kernels(task)) ++sequences[task.op];
    for (const Part& part : splitter.split(piece)) {
      if (part.seconds <= 0) continue;
      auto& sum = sums[{names.index(piece.task), piece.gap ? "gap" : kind_word(task), task.purpose,
                        place_of(run, piece.task), part.cause, part.tier}];
      sum.first += part.seconds;
      ++sum.second;
    }
  }
  for (const auto& [sequence, count] : sequences) {
    for (KernelTime kernel : kernels_of(run, sequence)) {
      kernel.seconds *= static_cast<double>(count);
      kernel.count *= count;
      add_kernel(result.kernels, kernel);
    }
  }
  finish_kernels(result.kernels, result.total_s);
  for (const auto& [key, sum] : sums) {
    PathSegment segment;
    const auto& [name, kind, purpose, place, cause, tier] = key;
    segment.name = kind == "gap" ? "before " + names.name(name) : names.name(name);
    segment.kind = kind;
    segment.purpose = to_string(purpose);
    set_place(run, place, segment);
    segment.cause = cause;
    segment.link = link_word(run, tier);
    segment.seconds = sum.first;
    segment.share = result.total_s > 0 ? sum.first / result.total_s : 0;
    segment.count = sum.second;
    result.segments.push_back(std::move(segment));
  }
  if (const double rest = result.total_s - covered; rest > kRounding) {
    PathSegment after;
    after.name = "after the last task";
    after.kind = after.cause = "gap";
    after.seconds = rest;
    after.share = rest / result.total_s;
    after.count = 1;
    result.segments.push_back(std::move(after));
  }
  std::stable_sort(result.segments.begin(), result.segments.end(),
                   [](const auto& a, const auto& b) { return a.seconds > b.seconds; });
  return result;
}

TaskName find_task(const TaskGraph& graph, const std::string& text) {
  if (const auto id = whole_number(text)) {
    if (*id >= graph.tasks.size()) {
      throw InputError("unknown-task",
                       fmt::format("--explain: there is no task {}; the graph has {} tasks", text,
                                   graph.tasks.size()),
                       fmt::format("ids are 0 to {}", graph.tasks.size() - 1));
    }
    return {static_cast<TaskId>(*id), 1};
  }
  const auto named = [&](const std::string& label) {
    return !label.empty() &&
           std::find(graph.labels.begin(), graph.labels.end(), label) != graph.labels.end();
  };
  Wanted wanted{text, std::nullopt, 1};
  if (!named(text)) wanted = parse_wanted(text);
  if (!named(wanted.label)) {
    if (text == "last") return {std::nullopt, 1};
    refuse_label(graph, wanted.label);
  }
  TaskName found;
  found.same_label = 0;
  for (TaskId t = 0; t < graph.tasks.size(); ++t) {
    const Task& task = graph.tasks[t];
    if (graph.labels[task.label] != wanted.label) continue;
    if (wanted.rank && task.rank != *wanted.rank) continue;
    if (++found.same_label == wanted.number) found.task = t;
  }
  if (!found.task) {
    const std::string where = wanted.rank ? fmt::format(" on rank {}", *wanted.rank) : "";
    throw InputError("unknown-task",
                     fmt::format("--explain: {} tasks are called '{}'{}, not {}", found.same_label,
                                 wanted.label, where, wanted.number),
                     found.same_label > 0
                         ? fmt::format("#K counts from 1 to {}", found.same_label)
                         : fmt::format("simulated ranks are 0 to {}", graph.ranks.size() - 1));
  }
  return found;
}

ExplainResult explain(const RunRecord& run, const TaskName& name) {
  ExplainResult result;
  const std::optional<TaskId> chosen = name.task ? name.task : last_task(run);
  if (!chosen) throw InputError("unknown-task", "--explain: the run has no tasks");
  const TaskId id = *chosen;
  const TaskRecorder& times = *run.times;
  const TaskGraph& graph = *run.graph;
  const Task& task = graph.tasks[id];
  result.task = id;
  result.label = label_of(graph, id);
  result.kind = kind_word(task);
  result.purpose = to_string(task.purpose);
  result.stream = stream_word(task.stream);
  result.rank = task.rank;
  result.device = graph.ranks[task.rank].device;
  result.stage = graph.ranks[task.rank].stage;
  result.ranks = graph.ranks[task.rank].multiplicity;
  result.same_label = name.same_label;
  result.ready_s = times.ready(id);
  result.start_s = times.start(id);
  result.end_s = times.end(id);
  result.waited_for = waited_for(run, id);
  for (std::uint32_t k = graph.dependency_begin[id]; k < graph.dependency_begin[id + 1]; ++k) {
    const TaskId before = graph.dependency_ids[k];
    result.dependencies.push_back(moment(run, before, times.end(before)));
  }
  result.dependency_count = result.dependencies.size();
  std::stable_sort(result.dependencies.begin(), result.dependencies.end(),
                   [](const auto& a, const auto& b) { return a.at_s > b.at_s; });
  if (result.dependencies.size() > kDependenciesShown)
    result.dependencies.resize(kDependenciesShown);
  if (const auto before = times.stream_predecessor(id))
    result.stream_predecessor = moment(run, *before, times.end(*before));
  if (task.kind == TaskKind::collective) {
    const TaskId last = times.last_member(id);
    for (TaskId t = 0; t < graph.tasks.size(); ++t) {
      if (graph.tasks[t].kind == TaskKind::collective && graph.tasks[t].op == task.op &&
          times.last_member(t) == last)
        result.members.push_back(moment(run, t, times.arrival(t)));
    }
    std::stable_sort(result.members.begin(), result.members.end(),
                     [](const auto& a, const auto& b) { return a.at_s < b.at_s; });
  }
  explain_plan(run, id, result);
  if (runs_kernels(task)) {
    result.kernels = kernels_of(run, task.op);
    finish_kernels(result.kernels, result.end_s - result.start_s);
  }
  result.chain = chain_of(run, id);
  return result;
}

}  // namespace xpusim
