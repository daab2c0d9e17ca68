#include "collective/library.hpp"

#include <algorithm>
#include <numeric>

#include "collective/levels.hpp"

namespace xpusim::collective {
namespace {

std::uint32_t heads_of(const LibraryAlgorithmSpec& row, std::uint32_t ranks) {
  return std::clamp(ranks, 1U, static_cast<std::uint32_t>(std::max(1, row.max_heads)));
}

/// Latency of the nearest neighbours in rank order, on an outer plane along the first rail.
double neighbour_latency(const GroupView& group, std::uint32_t slot) {
  if (slot > 0) {
    return neighbour_latency(outer_view(group, levels_of(group).rails.front()), slot - 1);
  }
  std::vector<std::uint32_t> ranks(group.size());
  std::iota(ranks.begin(), ranks.end(), 0U);
  if (group.planes().size() > 1) ranks = levels_of(group).nodes.front();
  double nearest = group.latency(0, ranks[0], ranks[1]);
  for (std::size_t i = 1; i + 1 < ranks.size(); ++i) {
    nearest = std::min(nearest, group.latency(0, ranks[i], ranks[i + 1]));
  }
  return nearest;
}

}  // namespace

double payload_rate(const Variant& v, const Plane& plane) {
  const double port = plane.device_capacity.value();
  if (v.row == nullptr) return port;
  const double rate =
      port * by_link(v.row->bandwidth_share, plane.link, 1.0) * v.protocol->bandwidth_share;
  const double cap = v.protocol->max_bandwidth.value();
  return cap > 0 ? std::min(rate, cap) : rate;
}

SlotCost slot_cost(const Variant& v, const GroupView& group, std::uint32_t slot) {
  const Plane& plane = group.plane(slot);
  SlotCost cost;
  cost.wire_factor = plane.device_capacity.value() / payload_rate(v, plane);
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

double base_overhead(const Variant& v, const GroupView& group) {
  if (v.row == nullptr) return 0;
  const double base = v.protocol->base_latency.value();
  if (!v.algorithm->needs_in_switch) return base;
  // The base latency of an in-switch protocol holds the way up and down.
  return std::max(0.0, base - group.to_switch_latency(0, 0) - group.from_switch_latency(0, 0));
}

double pipeline_fill(const Variant& v, const GroupView& group, double bytes) {
  if (v.row == nullptr || v.row->pipeline_stages <= 0) return 0;
  const std::uint32_t heads = heads_of(*v.row, group.size());
  const double round = std::min(bytes, v.row->channels * heads * chunk_bytes(*v.row, bytes, heads));
  return v.row->pipeline_stages * round / payload_rate(v, group.plane(0));
}

}  // namespace xpusim::collective
