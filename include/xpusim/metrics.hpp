// Listeners that turn the engine's events into results: where the time went, which link is full,
// how much was done. Formulas: docs/model.md, "Metrics".
#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "xpusim/observer.hpp"
#include "xpusim/results.hpp"

namespace xpusim {

using Breakdown = TrainingResult::Breakdown;

/// Attributes every instant of every rank to one cause; the first that holds wins:
///   1. a kernel runs: `optimizer` if its purpose says so and no other kernel runs, else `compute`;
///   2. a collective or transfer of this rank (as sender or receiver) is in flight:
///   `exposed_<purpose>`, in the
///      order tp, cp, ep, pp, dp, other;
///   3. nothing of this rank moves: `bubble`. Waiting for late members of a collective is bubble,
///   too: it is an
///      imbalance, not a cost of the network.
/// Memory: one disjoint interval list per rank and cause.
class BreakdownListener final : public EngineObserver {
 public:
  /// The graph must outlive the listener (multiplicities, receivers of transfers).
  explicit BreakdownListener(const TaskGraph&);
  void on_activity(const ActivityEvent&) override;
  void on_end(Seconds makespan) override;

  /// Mean over ranks, weighted by multiplicity; the parts sum to the makespan. Call after the run.
  [[nodiscard]] Breakdown result() const;
  /// Of one simulated rank.
  [[nodiscard]] Breakdown rank_result(RankId) const;

 private:
  enum Cause : std::uint8_t { compute, optimizer, tp, cp, ep, pp, dp, other, causes };
  struct Interval {
    double begin, end;
  };
  using Intervals = std::vector<Interval>;  ///< disjoint, ascending

  static Cause cause_of(const ActivityEvent&);
  static void insert(Intervals&, Interval);
  void add(RankId, Cause, Interval);

  const TaskGraph* graph_;
  std::vector<RankId> rank_of_device_;
  std::vector<std::array<Intervals, causes>> timeline_;  ///< by rank
  double makespan_ = 0;
};

/// Bytes per link and tier. Utilisation is wire bytes over effective capacity times the makespan.
class LinkListener final : public EngineObserver {
 public:
  explicit LinkListener(const Fabric&);  ///< must outlive the listener
  void on_traffic(const TrafficEvent&) override;
  void on_end(Seconds makespan) override;

  /// Every tier of the fabric, and the `hottest` links by utilisation, then id (links without bytes
  /// never).
  [[nodiscard]] LinksResult result(std::size_t hottest = 10) const;

 private:
  struct ByteCount {
    double payload = 0, wire = 0;
  };
  [[nodiscard]] double utilization(LinkId) const;

  const Fabric* fabric_;
  std::vector<ByteCount> links_;
  std::vector<ByteCount> tiers_;
  double makespan_ = 0;
};

/// Times of messages between two ranks, folded ones counted as often as they occur.
class MessageListener final : public EngineObserver {
 public:
  void on_activity(const ActivityEvent&) override;
  /// `idle`: seconds on an idle fabric, by Task::op. None when nothing was sent.
  [[nodiscard]] std::optional<MessagesResult> result(const std::vector<double>& idle) const;

 private:
  struct Message {
    double seconds;
    std::uint32_t op, count;
  };
  std::vector<Message> messages_;
};

/// Values with how often each occurs; percentiles are nearest-rank.
[[nodiscard]] Distribution distribution(std::vector<std::pair<double, std::uint64_t>> values);

/// When each job used each link, and for how many bytes.
class JobTrafficListener final : public EngineObserver {
 public:
  void on_traffic(const TrafficEvent&) override;
  /// The job other than `job` that moved most bytes over a link between two moments (traffic counts
  /// by the part of its time that lies between them); none when no other did.
  [[nodiscard]] std::optional<std::uint32_t> busiest_other(LinkId, std::uint32_t job, double from,
                                                           double to) const;

 private:
  struct Use {
    std::uint32_t job = 0;
    double start = 0, end = 0, bytes = 0;
  };
  std::map<LinkId, std::vector<Use>> uses_;
};

/// What all ranks did together, folded ones included.
struct Totals {
  Flops flops;
  Bytes memory_bytes;
  Joules energy;        ///< dynamic energy of kernels
  Seconds kernel_time;  ///< summed over ranks
  double kernels = 0;   ///< compute tasks
};
class TotalsListener final : public EngineObserver {
 public:
  void on_activity(const ActivityEvent&) override;
  [[nodiscard]] const Totals& result() const { return totals_; }

 private:
  Totals totals_;
};

}  // namespace xpusim
