#include "xpusim/timeline.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <ostream>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace xpusim {
namespace {

constexpr std::size_t kBins = 512;         // of the counters, over the run
constexpr std::size_t kHottest = 8;        // links with a counter of their own
constexpr std::uint64_t kCounterPart = 5;  // counters take at most 1 / so many of the events
constexpr int kLaneTid = 100;              // threads of tasks without a stream
constexpr std::size_t kFlushBytes = 1 << 16;

std::string json_text(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/// Seconds as whole nanoseconds: slices that touch still touch.
std::int64_t nanoseconds(double seconds) { return std::llround(seconds * 1e9); }

std::string microseconds(std::int64_t ns) {
  if (ns % 1000 == 0) return fmt::format("{}", ns / 1000);
  return fmt::format("{}.{:03}", ns / 1000, ns % 1000);
}

std::string_view thread_name(int tid) {
  constexpr std::string_view kNames[]{"compute",       "tp",         "cp", "ep",
                                      "pp send",       "pp receive", "dp", "host",
                                      "communication", "ep in node"};
  static_assert(std::size(kNames) == static_cast<std::size_t>(Stream::none));
  return tid >= kLaneTid ? "unqueued" : kNames[tid - 1];
}

/// The part of the run that one track counts, in equal bins of time.
struct Track {
  std::string name, unit;
  double scale = 1;  ///< from amount / seconds to the unit
  std::vector<double> amounts;
};

class Writer {
 public:
  Writer(std::ostream& out, const TimelineInput& input, const TimelineOptions& options)
      : out_(out),
        input_(input),
        options_(options),
        run_(*input.run),
        graph_(*run_.graph),
        times_(*run_.times),
        makespan_(times_.makespan().value()) {}

  TimelineSummary write() {
    put("{{\"displayTimeUnit\":\"ms\",\"traceEvents\":[");
    write_counters();
    choose_ranks();
    place_lanes();
    for (std::size_t i = 0; i < chosen_.size(); ++i) write_rank(chosen_[i]);
    put("\n],\"otherData\":{{\"title\":{},\"makespan_s\":{},\"event_limit\":{},\"ranks\":{},"
        "\"ranks_written\":{},\"ranks_cut\":{},\"slices_left_out\":{}}}}}\n",
        json_text(input_.title), makespan_, options_.max_events, summary_.ranks,
        summary_.ranks_written, summary_.ranks_cut, summary_.left_out);
    flush();
    return summary_;
  }

 private:
  template <class... T>
  void put(fmt::format_string<T...> text, T&&... values) {
    fmt::format_to(std::back_inserter(buffer_), text, std::forward<T>(values)...);
    if (buffer_.size() >= kFlushBytes) flush();
  }
  void flush() {
    out_.write(buffer_.data(), static_cast<std::streamsize>(buffer_.size()));
    buffer_.clear();
  }
  template <class... T>
  void event(fmt::format_string<T...> text, T&&... values) {
    put("{}\n", summary_.events++ == 0 ? "" : ",");
    put(text, std::forward<T>(values)...);
  }
  void name_process(std::uint64_t pid, std::string_view name, std::int64_t order) {
    event(
        "{{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":{},\"tid\":0,\"args\":{{\"name\":{}}}}}",
        pid, json_text(name));
    event(
        "{{\"ph\":\"M\",\"name\":\"process_sort_index\",\"pid\":{},\"tid\":0,\"args\":{{\"sort_"
        "index\":{}}}}}",
        pid, order);
  }

  // ---- counters

  [[nodiscard]] std::uint64_t counter_pid() const { return run_.fabric->devices() + 1; }

  /// Transfers, and of every collective one member.
  template <class Visit>
  void each_communication(const Visit& visit) const {
    for (TaskId t = 0; t < graph_.tasks.size(); ++t) {
      const CollectivePlan* plan = run_.plan_of(t);
      if (plan == nullptr || plan->phases.empty() || times_.last_member(t) != t) continue;
      visit(t, *plan);
    }
  }

  void write_counters() {
    if (makespan_ <= 0) return;
    const Fabric& fabric = *run_.fabric;
    std::unordered_map<const CollectivePlan*, double> runs;
    each_communication([&](TaskId, const CollectivePlan& plan) { runs[&plan] += 1; });
    std::vector<double> tier_bytes(fabric.tiers().size(), 0.0);
    std::vector<double> link_bytes(fabric.links().size(), 0.0);
    for (const auto& [plan, count] : runs) {
      for (const TierLoad& load : plan->tier_loads) tier_bytes[load.tier] += load.bytes * count;
      for (const FluidPhase& phase : plan->phases)
        for (const LinkLoad& load : phase.loads) link_bytes[load.link] += load.wire_bytes * count;
    }
    std::vector<std::size_t> track_of_tier(fabric.tiers().size(), kNoTrack);
    for (std::size_t t = 0; t < tier_bytes.size(); ++t) {
      const Tier& tier = fabric.tiers()[t];
      if (tier_bytes[t] <= 0 || tier.capacity.value() <= 0) continue;
      track_of_tier[t] = tracks_.size();
      tracks_.push_back({fmt::format("{}/{}", fabric.planes()[tier.plane].name, tier.name),
                         "percent",
                         100 / tier.capacity.value(),
                         {}});
    }
    std::map<LinkId, std::size_t> track_of_link;
    for (const LinkId link : hottest(link_bytes)) {
      track_of_link[link] = tracks_.size();
      tracks_.push_back({"link " + fabric.link_name(link),
                         "percent",
                         100 / fabric.links()[link].capacity.value(),
                         {}});
    }
    const std::size_t power = tracks_.size();
    if (!input_.power.empty()) tracks_.push_back({"power", "watts", 1, {}});
    if (tracks_.empty()) return;
    bins_ = std::min<std::size_t>(kBins, options_.max_events / kCounterPart / tracks_.size());
    if (bins_ < 2) return;
    --bins_;  // the end of the run is one more event
    for (Track& track : tracks_) track.amounts.assign(bins_, 0.0);
    fill(track_of_tier, track_of_link);
    for (std::size_t i = 0; i < input_.power.size(); ++i) {
      const double from = input_.power[i].start.value();
      const double to = i + 1 < input_.power.size() ? input_.power[i + 1].start.value() : makespan_;
      spread(tracks_[power], from, to, input_.power[i].watts.value() * (to - from));
    }
    name_process(counter_pid(), fmt::format("{}: links and power", input_.title), -1);
    for (const Track& track : tracks_) write_track(track);
  }

  [[nodiscard]] std::vector<LinkId> hottest(const std::vector<double>& bytes) const {
    std::vector<std::pair<double, LinkId>> busy;
    for (LinkId link = 0; link < bytes.size(); ++link) {
      const double capacity = run_.fabric->links()[link].capacity.value();
      if (bytes[link] > 0 && capacity > 0) busy.emplace_back(-bytes[link] / capacity, link);
    }
    const std::size_t count = std::min(kHottest, busy.size());
    std::partial_sort(busy.begin(), busy.begin() + static_cast<std::ptrdiff_t>(count), busy.end());
    std::vector<LinkId> links;
    for (std::size_t i = 0; i < count; ++i) links.push_back(busy[i].second);
    return links;
  }

  /// As TrafficEvent: the bytes of all phases from start to end.
  void fill(const std::vector<std::size_t>& track_of_tier,
            const std::map<LinkId, std::size_t>& track_of_link) {
    using Amounts = std::vector<std::pair<std::size_t, double>>;
    std::unordered_map<const CollectivePlan*, Amounts> known;
    each_communication([&](TaskId t, const CollectivePlan& plan) {
      const auto [it, fresh] = known.try_emplace(&plan);
      if (fresh) {
        const double factor = wire_factor({Purpose::other, {}, {}, plan.phases.front().loads, {}});
        for (const TierLoad& load : plan.tier_loads) {
          if (track_of_tier[load.tier] != kNoTrack)
            it->second.emplace_back(track_of_tier[load.tier], load.bytes * factor);
        }
        for (const FluidPhase& phase : plan.phases) {
          for (const LinkLoad& load : phase.loads) {
            const auto hot = track_of_link.find(load.link);
            if (hot != track_of_link.end()) it->second.emplace_back(hot->second, load.wire_bytes);
          }
        }
      }
      for (const auto& [track, amount] : it->second)
        spread(tracks_[track], times_.start(t), times_.end(t), amount);
    });
  }

  void spread(Track& track, double from, double to, double amount) const {
    const double width = makespan_ / static_cast<double>(bins_);
    const auto bin_at = [&](double time) {
      return std::min(static_cast<std::size_t>(std::max(0.0, time / width)), bins_ - 1);
    };
    const std::size_t first = bin_at(from), last = bin_at(to);
    if (first == last || to <= from) {
      track.amounts[first] += amount;
      return;
    }
    for (std::size_t b = first; b <= last; ++b) {
      const double begin = std::max(from, static_cast<double>(b) * width);
      const double end = std::min(to, static_cast<double>(b + 1) * width);
      track.amounts[b] += amount * std::max(0.0, end - begin) / (to - from);
    }
  }

  void write_track(const Track& track) {
    const double width = makespan_ / static_cast<double>(bins_);
    const std::string name = json_text(fmt::format("{} [{}]", track.name, track.unit));
    std::string shown;
    const auto sample = [&](double time, const std::string& value) {
      if (value == shown) return;
      shown = value;
      event("{{\"ph\":\"C\",\"name\":{},\"pid\":{},\"tid\":0,\"ts\":{},\"args\":{{\"{}\":{}}}}}",
            name, counter_pid(), microseconds(nanoseconds(time)), track.unit, value);
    };
    for (std::size_t b = 0; b < bins_; ++b)
      sample(static_cast<double>(b) * width,
             fmt::format("{:.6g}", track.amounts[b] / width * track.scale));
    sample(makespan_, "0");
  }

  // ---- ranks

  /// The member stood on its stream, waiting for others.
  [[nodiscard]] bool waits(TaskId t) const {
    return graph_.tasks[t].kind == TaskKind::collective &&
           nanoseconds(times_.start(t)) > nanoseconds(times_.arrival(t));
  }
  [[nodiscard]] bool drawn(TaskId t) const { return graph_.tasks[t].kind != TaskKind::join; }

  void choose_ranks() {
    const std::size_t ranks = graph_.ranks.size();
    summary_.ranks = ranks;
    std::vector<std::uint64_t> slices(ranks, 0), events(ranks, 4);
    for (TaskId t = 0; t < graph_.tasks.size(); ++t) {
      if (!drawn(t)) continue;
      const RankId rank = graph_.tasks[t].rank;
      const std::uint64_t own = waits(t) ? 2 : 1;
      slices[rank] += own;
      events[rank] += own;
      if (graph_.tasks[t].stream == Stream::none) ++events[rank];  // may open a lane
      each_arrow(t, [&](TaskId) { events[rank] += 2; });
    }
    for (std::uint64_t& count : events) count += static_cast<std::uint64_t>(Stream::none);
    std::uint64_t all = 0, all_slices = 0;
    for (std::size_t r = 0; r < ranks; ++r) {
      all += events[r];
      all_slices += slices[r];
    }
    const std::uint64_t left = options_.max_events - std::min(options_.max_events, summary_.events);
    const auto take = [&](std::size_t count) {  // evenly over the ranks, the first among them
      chosen_.clear();
      std::uint64_t sum = 0;
      for (std::size_t i = 0; i < count; ++i) {
        chosen_.push_back(static_cast<RankId>(i * ranks / count));
        sum += events[chosen_.back()];
      }
      return sum;
    };
    std::size_t count = ranks;
    if (all > left && ranks > 0)
      count = std::clamp<std::size_t>(
          static_cast<std::size_t>(static_cast<double>(ranks) * static_cast<double>(left) /
                                   static_cast<double>(all)) +
              1,
          1, ranks);
    while (take(count) > left && count > 1) --count;
    summary_.ranks_written = chosen_.size();
    std::uint64_t kept = 0;
    for (const RankId rank : chosen_) kept += slices[rank];
    summary_.left_out = all_slices - kept;
    index_tasks();
  }

  /// The tasks of each chosen rank, by time.
  void index_tasks() {
    std::vector<std::uint32_t> place(graph_.ranks.size(), kNotChosen);
    for (std::uint32_t i = 0; i < chosen_.size(); ++i) place[chosen_[i]] = i;
    tasks_.resize(chosen_.size());
    for (TaskId t = 0; t < graph_.tasks.size(); ++t) {
      const std::uint32_t at = place[graph_.tasks[t].rank];
      if (at != kNotChosen && drawn(t)) tasks_[at].push_back(t);
    }
    for (std::vector<TaskId>& tasks : tasks_) {
      std::stable_sort(tasks.begin(), tasks.end(),
                       [&](TaskId a, TaskId b) { return times_.arrival(a) < times_.arrival(b); });
    }
    place_ = std::move(place);
  }

  /// Tasks without a stream run side by side: each takes the first lane that is free.
  void place_lanes() {
    for (const std::vector<TaskId>& tasks : tasks_) {
      std::vector<std::int64_t> busy_until;
      for (const TaskId t : tasks) {
        if (graph_.tasks[t].stream != Stream::none) continue;
        const std::int64_t from = nanoseconds(times_.arrival(t));
        std::size_t lane = 0;
        while (lane < busy_until.size() && busy_until[lane] > from) ++lane;
        if (lane == busy_until.size()) busy_until.push_back(0);
        busy_until[lane] = nanoseconds(times_.end(t));
        lanes_[t] = kLaneTid + static_cast<int>(lane);
      }
    }
  }

  [[nodiscard]] int tid_of(TaskId t) const {
    const Stream stream = graph_.tasks[t].stream;
    return stream == Stream::none ? lanes_.at(t) : static_cast<int>(stream) + 1;
  }
  [[nodiscard]] std::uint64_t pid_of(RankId rank) const {
    return graph_.ranks[rank].device + std::uint64_t{1};
  }

  /// Tasks of other ranks that `t` waited for; through joins the messages, and what came last.
  template <class Visit>
  void each_arrow(TaskId t, const Visit& visit) const {
    const RankId rank = graph_.tasks[t].rank;
    const auto offer = [&](TaskId before) {
      if (drawn(before) && graph_.tasks[before].rank != rank) visit(before);
    };
    for (std::uint32_t k = graph_.dependency_begin[t]; k < graph_.dependency_begin[t + 1]; ++k) {
      const TaskId before = graph_.dependency_ids[k];
      if (drawn(before)) {
        offer(before);
        continue;
      }
      for (std::uint32_t j = graph_.dependency_begin[before];
           j < graph_.dependency_begin[before + 1]; ++j) {
        const TaskId sent = graph_.dependency_ids[j];
        if (graph_.tasks[sent].kind == TaskKind::transfer) offer(sent);
      }
    }
  }

  void write_rank(RankId rank) {
    const SimulatedRank& r = graph_.ranks[rank];
    const std::uint64_t pid = pid_of(rank);
    name_process(pid,
                 fmt::format("device {} (rank {}, stage {}{})", r.device, rank, r.stage,
                             r.multiplicity > 1 ? fmt::format(", ×{}", r.multiplicity) : ""),
                 rank);
    const std::vector<TaskId>& tasks = tasks_[place_[rank]];
    std::unordered_set<int> named;
    std::unordered_set<TaskId> received;  // one arrow per message and rank
    for (const TaskId t : tasks) {
      // Room for a thread's name, a wait and the slice.
      if (summary_.events + 3 > options_.max_events && summary_.events > 2) {
        summary_.left_out += left_of(tasks, t);
        ++summary_.ranks_cut;
        return;
      }
      const int tid = tid_of(t);
      if (named.insert(tid).second) {
        event(
            "{{\"ph\":\"M\",\"name\":\"thread_name\",\"pid\":{},\"tid\":{},\"args\":{{\"name\":\"{}"
            "\"}}}}",
            pid, tid, thread_name(tid));
      }
      write_task(t, pid, tid);
      each_arrow(t, [&](TaskId before) {
        if (summary_.events + 2 > options_.max_events) return;
        if (place_[graph_.tasks[before].rank] == kNotChosen) return;
        if (graph_.tasks[before].kind == TaskKind::transfer && !received.insert(before).second)
          return;
        write_arrow(before, t);
      });
    }
  }

  [[nodiscard]] std::uint64_t left_of(const std::vector<TaskId>& tasks, TaskId from) const {
    std::uint64_t slices = 0;
    for (auto it = std::find(tasks.begin(), tasks.end(), from); it != tasks.end(); ++it)
      slices += waits(*it) ? 2 : 1;
    return slices;
  }

  const std::string& label(std::uint32_t index) {
    const auto [it, fresh] = labels_.try_emplace(index);
    if (fresh) it->second = json_text(index < graph_.labels.size() ? graph_.labels[index] : "");
    return it->second;
  }

  void write_task(TaskId t, std::uint64_t pid, int tid) {
    const Task& task = graph_.tasks[t];
    const std::int64_t from = nanoseconds(times_.start(t)), to = nanoseconds(times_.end(t));
    if (waits(t)) {
      const std::int64_t arrival = nanoseconds(times_.arrival(t));
      event(
          "{{\"ph\":\"X\",\"name\":\"wait for members\",\"cat\":\"wait\",\"pid\":{},\"tid\":{},"
          "\"ts\":{},\"dur\":{},\"args\":{{\"task\":{}}}}}",
          pid, tid, microseconds(arrival), microseconds(from - arrival), t);
    }
    event(
        "{{\"ph\":\"X\",\"name\":{},\"cat\":\"{}\",\"pid\":{},\"tid\":{},\"ts\":{},\"dur\":{},"
        "\"args\":{{\"task\":{},\"label\":{},\"purpose\":\"{}\"{}}}}}",
        slice_name(task), task.kind == TaskKind::compute ? compute_category(task) : "communication",
        pid, tid, microseconds(from), microseconds(to - from), t, label(task.label),
        to_string(task.purpose), details(t));
  }

  static std::string_view compute_category(const Task& task) {
    return task.stream == Stream::host ? "host" : "compute";
  }

  std::string slice_name(const Task& task) {
    if (task.kind == TaskKind::collective) {
      return fmt::format("\"{} {}\"", to_string(task.purpose),
                         to_string(graph_.collectives[task.op].type));
    }
    if (task.kind == TaskKind::transfer)
      return fmt::format("\"{} transfer\"", to_string(task.purpose));
    const std::string& text = label(task.label);
    return text == "\"\"" ? "\"kernel\"" : text;
  }

  std::string details(TaskId t) {
    const Task& task = graph_.tasks[t];
    if (task.kind == TaskKind::compute) {
      const OpCost* cost = times_.cost(task.op);
      if (cost == nullptr || task.stream == Stream::host) return "";
      std::string& text = kernel_details_[task.op];
      if (text.empty()) {
        text = fmt::format(",\"flops\":{:.9g},\"bytes\":{:.9g}", cost->flops.value(),
                           cost->memory_bytes.value());
        const std::vector<KernelTime> kernels = kernels_of(run_, task.op);
        if (!kernels.empty()) {
          const std::string more =
              kernels.size() > 1 ? fmt::format(" +{}", kernels.size() - 1) : "";
          text += fmt::format(",\"kernels\":{}", json_text(kernels.front().name + more));
        }
      }
      return text;
    }
    const CollectivePlan* plan = run_.plan_of(t);
    if (plan == nullptr) return "";
    std::string& text = plan_details_[plan];
    if (text.empty()) {
      std::string planes;
      for (const PlaneId plane : plan->planes)
        planes += (planes.empty() ? "" : "+") + run_.fabric->planes()[plane].name;
      text =
          fmt::format(",\"bytes\":{:.9g},\"ranks\":{},\"algorithm\":{},\"plane\":{},\"idle_us\":{}",
                      plan->bytes, plan->ranks, json_text(plan->algorithm), json_text(planes),
                      microseconds(nanoseconds(plan->idle_time.value())));
    }
    return text;
  }

  /// From the last moment of one slice to the first of another.
  void write_arrow(TaskId from, TaskId to) {
    const std::int64_t begin =
        std::max(nanoseconds(times_.start(from)), nanoseconds(times_.end(from)) - 1);
    const std::int64_t end = nanoseconds(times_.arrival(to));
    const bool message = graph_.tasks[from].kind == TaskKind::transfer;
    const std::string_view name = message ? "transfer" : "dependency";
    ++arrows_;
    event(
        "{{\"ph\":\"s\",\"name\":\"{}\",\"cat\":\"flow\",\"id\":{},\"pid\":{},\"tid\":{},\"ts\":{}}"
        "}",
        name, arrows_, pid_of(graph_.tasks[from].rank), tid_of(from), microseconds(begin));
    event(
        "{{\"ph\":\"f\",\"bp\":\"e\",\"name\":\"{}\",\"cat\":\"flow\",\"id\":{},\"pid\":{},\"tid\":"
        "{},\"ts\":{}}}",
        name, arrows_, pid_of(graph_.tasks[to].rank), tid_of(to), microseconds(end));
  }

  static constexpr std::uint32_t kNotChosen = std::numeric_limits<std::uint32_t>::max();
  static constexpr std::size_t kNoTrack = std::numeric_limits<std::size_t>::max();

  std::ostream& out_;
  const TimelineInput& input_;
  const TimelineOptions& options_;
  const RunRecord& run_;
  const TaskGraph& graph_;
  const TaskRecorder& times_;
  double makespan_;
  fmt::memory_buffer buffer_;
  TimelineSummary summary_;
  std::vector<Track> tracks_;
  std::size_t bins_ = 0;
  std::vector<RankId> chosen_;
  std::vector<std::uint32_t> place_;        // by rank: into tasks_
  std::vector<std::vector<TaskId>> tasks_;  // by chosen rank
  std::unordered_map<TaskId, int> lanes_;
  std::unordered_map<std::uint32_t, std::string> labels_;
  std::unordered_map<const CollectivePlan*, std::string> plan_details_;
  std::unordered_map<std::uint32_t, std::string> kernel_details_;
  std::uint64_t arrows_ = 0;
};

}  // namespace

TimelineSummary write_timeline(std::ostream& out, const TimelineInput& input,
                               const TimelineOptions& options) {
  return Writer(out, input, options).write();
}

}  // namespace xpusim
