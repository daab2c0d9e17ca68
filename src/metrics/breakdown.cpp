#include <algorithm>
#include <limits>

#include "xpusim/diagnostic.hpp"
#include "xpusim/metrics.hpp"

namespace xpusim {
namespace {

constexpr RankId kNoRank = std::numeric_limits<RankId>::max();

/// The device that waits for a transfer's data: the other end of the simulated pair.
std::optional<DeviceId> receiver_of(const TaskGraph& graph, std::uint32_t transfer) {
  if (transfer >= graph.transfers.size()) return std::nullopt;
  const std::uint32_t pairs = graph.transfers[transfer].pairs;
  if (pairs >= graph.pair_classes.size() || graph.pair_classes[pairs].pairs.empty()) {
    return std::nullopt;
  }
  return graph.pair_classes[pairs].pairs.front().to;
}

bool runs_on_host(const TaskGraph& graph, const ActivityEvent& event) {
  if (event.stream == Stream::host) return true;
  return event.task < graph.tasks.size() && graph.tasks[event.task].stream == Stream::host;
}

}  // namespace

BreakdownListener::BreakdownListener(const TaskGraph& graph)
    : graph_(&graph), timeline_(graph.ranks.size()) {
  DeviceId last = 0;
  for (const SimulatedRank& rank : graph.ranks) last = std::max(last, rank.device);
  rank_of_device_.assign(std::size_t{last} + 1, kNoRank);
  for (RankId rank = 0; rank < graph.ranks.size(); ++rank) {
    rank_of_device_[graph.ranks[rank].device] = rank;
  }
}

BreakdownListener::Cause BreakdownListener::cause_of(const ActivityEvent& event) {
  if (event.kind == TaskKind::compute) {
    return event.purpose == Purpose::optimizer ? optimizer : compute;
  }
  switch (event.purpose) {
    case Purpose::tp:
      return tp;
    case Purpose::cp:
      return cp;
    case Purpose::ep:
      return ep;
    case Purpose::pp:
      return pp;
    case Purpose::dp:
      return dp;
    default:
      return other;
  }
}

void BreakdownListener::on_activity(const ActivityEvent& event) {
  if (event.kind == TaskKind::join || event.rank >= timeline_.size()) return;
  if (event.kind == TaskKind::compute && runs_on_host(*graph_, event)) return;
  const Interval interval{event.start.value(), event.end.value()};
  const Cause cause = cause_of(event);
  add(event.rank, cause, interval);
  if (event.kind != TaskKind::transfer) return;
  const std::optional<DeviceId> receiver = receiver_of(*graph_, event.op);
  if (!receiver || *receiver >= rank_of_device_.size()) return;
  const RankId peer = rank_of_device_[*receiver];
  if (peer != kNoRank && peer != event.rank) add(peer, cause, interval);
}

void BreakdownListener::on_end(Seconds makespan) { makespan_ = makespan.value(); }

void BreakdownListener::add(RankId rank, Cause cause, Interval interval) {
  if (interval.end > interval.begin) insert(timeline_[rank][cause], interval);
}

// Events come in order of their end, so nearly always the new interval stands after the last one.
void BreakdownListener::insert(Intervals& list, Interval added) {
  if (list.empty() || list.back().end < added.begin) {
    list.push_back(added);
    return;
  }
  const auto after = std::upper_bound(list.begin(), list.end(), added.end,
                                      [](double t, const Interval& i) { return t < i.begin; });
  auto first = after;
  while (first != list.begin() && std::prev(first)->end >= added.begin) --first;
  if (first == after) {
    list.insert(after, added);
    return;
  }
  first->begin = std::min(first->begin, added.begin);
  first->end = std::max(std::prev(after)->end, added.end);
  list.erase(std::next(first), after);
}

Breakdown BreakdownListener::rank_result(RankId rank) const {
  if (rank >= timeline_.size()) throw InternalError("breakdown of a rank that was not simulated");
  // By priority: what a cause adds to the union of the causes before it is its share, so the shares
  // telescope.
  std::array<double, causes> seconds{};
  Intervals covered;
  double covered_seconds = 0;
  for (std::size_t cause = 0; cause < causes; ++cause) {
    const Intervals& own = timeline_[rank][cause];
    if (own.empty()) continue;
    Intervals merged;
    merged.reserve(covered.size() + own.size());
    std::size_t a = 0, b = 0;
    while (a < covered.size() || b < own.size()) {
      const bool take_own =
          a == covered.size() || (b < own.size() && own[b].begin < covered[a].begin);
      const Interval next = take_own ? own[b++] : covered[a++];
      if (!merged.empty() && next.begin <= merged.back().end) {
        merged.back().end = std::max(merged.back().end, next.end);
      } else {
        merged.push_back(next);
      }
    }
    double total = 0;
    for (const Interval& interval : merged) total += interval.end - interval.begin;
    seconds[cause] = std::max(0.0, total - covered_seconds);
    covered = std::move(merged);
    covered_seconds = total;
  }
  Breakdown result;
  result.compute = seconds[compute];
  result.optimizer = seconds[optimizer];
  result.exposed_tp = seconds[tp];
  result.exposed_cp = seconds[cp];
  result.exposed_ep = seconds[ep];
  result.exposed_pp = seconds[pp];
  result.exposed_dp = seconds[dp];
  result.exposed_other = seconds[other];
  result.bubble = std::max(0.0, makespan_ - covered_seconds);
  return result;
}

Breakdown BreakdownListener::result() const {
  constexpr std::array parts{
      &Breakdown::compute,    &Breakdown::optimizer,     &Breakdown::exposed_tp,
      &Breakdown::exposed_cp, &Breakdown::exposed_ep,    &Breakdown::exposed_pp,
      &Breakdown::exposed_dp, &Breakdown::exposed_other, &Breakdown::bubble};
  Breakdown mean;
  double ranks = 0;
  for (const SimulatedRank& rank : graph_->ranks) ranks += rank.multiplicity;
  for (RankId id = 0; id < timeline_.size(); ++id) {
    const Breakdown own = rank_result(id);
    const double weight = graph_->ranks[id].multiplicity / ranks;
    for (const auto part : parts) mean.*part += weight * own.*part;
  }
  return mean;
}

}  // namespace xpusim
