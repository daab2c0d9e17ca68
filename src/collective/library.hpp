// How a collective library runs an algorithm: what its protocols add to messages, bytes and the
// start.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "collective/algorithm.hpp"
#include "xpusim/spec.hpp"

namespace xpusim::collective {

/// One way to run an algorithm: a row of the library and a protocol of that row.
struct Variant {
  const Algorithm* algorithm = nullptr;
  const LibraryAlgorithmSpec* row = nullptr;  ///< null: without a library, nothing added
  const ProtocolSpec* protocol = nullptr;
};

/// The value for a link part, else the one called "default", else `otherwise`.
template <class Value>
Value by_link(const std::map<std::string, Value>& values, const std::string& link,
              Value otherwise) {
  if (const auto at = values.find(link); at != values.end()) return at->second;
  if (const auto at = values.find("default"); at != values.end()) return at->second;
  return otherwise;
}

/// What a variant adds on one plane of a group. The library's figure for a step holds the way to a
/// neighbour and its own software cost in place of the plane's; so the overhead may be negative, by
/// at most the endpoint latency.
[[nodiscard]] SlotCost slot_cost(const Variant&, const GroupView&, std::uint32_t slot);

/// Latency of the protocol that every call pays once, seconds.
[[nodiscard]] double base_overhead(const Variant&, const GroupView&);

/// Time until a pipelined algorithm moves its full rate, seconds. Libraries do not count it when
/// they choose: NCCL compares latency + bytes / bandwidth (NVIDIA/nccl src/graph/tuning.cc,
/// ncclTopoGetAlgoTime).
[[nodiscard]] double pipeline_fill(const Variant&, const GroupView&, double bytes);

/// Rate at which one rank moves payload on this plane, bytes per second.
[[nodiscard]] double payload_rate(const Variant&, const Plane&);

/// The chunk that a library uses for a buffer of so many bytes.
[[nodiscard]] double chunk_bytes(const LibraryAlgorithmSpec&, double bytes, std::uint32_t heads);

}  // namespace xpusim::collective
