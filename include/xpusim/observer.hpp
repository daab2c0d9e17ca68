// What the engine says while it runs; power and metrics listen, neither knows the other.
#pragma once

#include <span>

#include "xpusim/collective.hpp"
#include "xpusim/task_graph.hpp"

namespace xpusim {

/// A finished task of a static program, or an activity of a dynamic one.
struct ActivityEvent {
  TaskKind kind = TaskKind::compute;
  Purpose purpose = Purpose::compute;
  RankId rank = 0;
  DeviceId device = 0;
  std::uint32_t multiplicity = 1;
  TaskId task = 0;
  std::uint32_t op = 0;  ///< index as in Task::op
  std::uint32_t label = 0;
  Seconds ready;  ///< dependencies met and (collectives) this rank arrived
  Seconds start;  ///< first moment it held its resources; for collectives: all had arrived
  Seconds end;
  const OpCost* cost = nullptr;  ///< compute only
  Stream stream = Stream::none;  ///< as in Task; a kernel on `host` keeps no chip busy
};

inline constexpr LinkId kNoLink = 0xffffffffu;

/// Bytes that crossed links between two moments. Of a static program, the activities that it was
/// for are announced right after it.
struct TrafficEvent {
  Purpose purpose = Purpose::other;
  Seconds start, end;
  std::span<const LinkLoad> loads;       ///< links used (representatives when folded)
  std::span<const TierLoad> tier_loads;  ///< all bytes, folded ranks included
  std::uint32_t job = 0;                 ///< SimulatedRank::job
  LinkId late = kNoLink;  ///< the link that others kept busy longest beyond this traffic's own need
};

/// Wire bytes per payload byte of an event: what its protocol adds. 1 when it names no link.
[[nodiscard]] inline double wire_factor(const TrafficEvent& event) {
  double payload = 0, wire = 0;
  for (const LinkLoad& load : event.loads) {
    payload += load.bytes;
    wire += load.wire_bytes;
  }
  return payload > 0 ? wire / payload : 1.0;
}

class EngineObserver {
 public:
  virtual ~EngineObserver() = default;
  virtual void on_activity(const ActivityEvent&) {}
  virtual void on_traffic(const TrafficEvent&) {}
  virtual void on_end(Seconds /*makespan*/) {}
};

}  // namespace xpusim
