#include "collective/library.hpp"

#include <algorithm>
#include <numeric>

#include "collective/levels.hpp"

namespace xpusim::collective {
namespace {

template <class Value>
Value by_link(const std::map<std::string, Value>& values, const std::string& link,
              Value otherwise) {
  if (const auto at = values.find(link); at != values.end()) return at->second;
  if (const auto at = values.find("default"); at != values.end()) return at->second;
  return otherwise;
}

std::uint32_t heads_of(const LibraryAlgorithmSpec& row, std::uint32_t ranks) {
  return std::clamp(ranks, 1U, static_cast<std::uint32_t>(std::max(1, row.max_heads)));
}

/// Latency of the nearest neighbours in rank order, on the outer plane along the first rail.
double neighbour_latency(const GroupView& group, std::uint32_t slot) {
  std::vector<std::uint32_t> ranks(group.size());
  std::iota(ranks.begin(), ranks.end(), 0U);
  if (group.planes().size() == 2) {
    const Levels levels = levels_of(group);
    ranks = slot == 0 ? levels.nodes.front() : levels.rails.front();
  }
  double nearest = group.latency(slot, ranks[0], ranks[1]);
  for (std::size_t i = 1; i + 1 < ranks.size(); ++i) {
    nearest = std::min(nearest, group.latency(slot, ranks[i], ranks[i + 1]));
  }
  return nearest;
}

/// NVIDIA/nccl src/graph/search.cc: the switch counts a head's own traffic once more, and the
/// search tries a list of rates per head; src/tuning/nvls.cc: of the heads' rate, (heads-1)/heads
/// counts as bus bandwidth of n ranks.
double heads_rate(const LibraryAlgorithmSpec& row, double port, std::uint32_t heads,
                  std::uint32_t ranks) {
  const double h = heads;
  const double n = ranks;
  double each = port / (h + 1);
  for (const BytesPerSecond rate : row.head_rates) {
    if ((h + 1) * rate.value() > port) continue;
    each = rate.value();
    break;
  }
  return h * each * (h - 1) / h * n / (n - 1);
}

}  // namespace

double payload_rate(const Variant& v, const Plane& plane, std::uint32_t ranks) {
  const double port = plane.device_capacity.value();
  if (v.row == nullptr) return port;
  double rate = port;
  if (v.algorithm->needs_in_switch && v.row->max_heads > 1) {
    rate = heads_rate(*v.row, port, heads_of(*v.row, ranks), ranks);
  }
  rate *= by_link(v.row->bandwidth_share, plane.link, 1.0) * v.protocol->bandwidth_share;
  const double cap = v.protocol->max_bandwidth.value();
  return cap > 0 ? std::min(rate, cap) : rate;
}

SlotCost slot_cost(const Variant& v, const GroupView& group, std::uint32_t slot) {
  const Plane& plane = group.plane(slot);
  SlotCost cost;
  cost.wire_factor = plane.device_capacity.value() / payload_rate(v, plane, group.size());
  if (v.row == nullptr || v.algorithm->needs_in_switch) return cost;
  const double step = by_link(v.protocol->step_latency, plane.link, Seconds(-1)).value();
  if (step < 0) return cost;
  cost.overhead = std::max(step - neighbour_latency(group, slot), -plane.endpoint_latency.value());
  return cost;
}

double chunk_bytes(const LibraryAlgorithmSpec& row, double bytes, std::uint32_t heads) {
  double chunk = row.chunk.value();
  for (const ChunkStep& step : row.chunk_steps) {
    const bool small = bytes < step.below_rounds * row.channels * heads * chunk;
    if (small && chunk > step.chunk.value()) chunk = step.chunk.value();
  }
  return chunk;
}

double start_overhead(const Variant& v, const GroupView& group, double bytes) {
  if (v.row == nullptr) return 0;
  double start = v.protocol->base_latency.value();
  if (v.algorithm->needs_in_switch) {  // the base latency of an in-switch protocol holds the way up
                                       // and down
    start = std::max(0.0, start - group.to_switch_latency(0, 0) - group.from_switch_latency(0, 0));
  }
  if (v.row->pipeline_stages > 0) {
    const std::uint32_t heads = heads_of(*v.row, group.size());
    const double round =
        std::min(bytes, v.row->channels * heads * chunk_bytes(*v.row, bytes, heads));
    start += v.row->pipeline_stages * round / payload_rate(v, group.plane(0), group.size());
  }
  return start;
}

}  // namespace xpusim::collective
