// Plays a message-level schedule: with max-min shared links for its time, and with symbols for its
// data.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "xpusim/collective.hpp"

namespace xpusim::testing {

struct Played {
  std::vector<double> start, end;  ///< by message, seconds
  double makespan = 0;
};

/// Every message waits for its dependencies, then for its latency, then moves its wire bytes over
/// the links of its path; links are shared max-min.
[[nodiscard]] Played play(const Fabric&, const CollectivePlan&, const MessageDag&,
                          std::span<const DeviceId> members);

/// Every message takes a random time after its dependencies: an order that no fabric would give.
[[nodiscard]] Played play_at_random(const MessageDag&, std::uint32_t seed);

/// How often each rank's contribution stands in each chunk of each rank:
/// [rank][chunk][contributor].
using Contents = std::vector<std::vector<std::vector<int>>>;

/// Moves symbols along the played schedule: what a message carries is what its sender held when it
/// started.
[[nodiscard]] Contents move_data(const CollectivePlan&, const MessageDag&, const Played&);

/// Empty when every rank ends with what the collective promises; otherwise what is wrong.
[[nodiscard]] std::string wrong_contents(const CollectivePlan&, const MessageDag&, const Contents&);

}  // namespace xpusim::testing
