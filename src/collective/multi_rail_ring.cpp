// One ring per local rank over all supernodes, as NCCL lays its channels: inside a supernode a ring
// visits every device over the inner plane, and it enters and leaves through another device on
// every channel, so that all ports of the outer plane carry the same. Even supernodes are walked
// upwards, odd ones downwards: a ring stays on its rail (with an odd number of supernodes the last
// hop changes rails).
#include <algorithm>
#include <array>

#include "collective/algorithm.hpp"
#include "collective/levels.hpp"

namespace xpusim::collective {
namespace {

using enum CollectiveType;
constexpr std::array kTypes{ALL_REDUCE, REDUCE_SCATTER, ALL_GATHER};

/// A ring of n ranks; `outer[p]`: the hop from position p to the next one leaves the supernode.
struct Channel {
  std::vector<std::uint32_t> order;
  std::vector<bool> outer;
};

Channel make_channel(const Levels& levels, std::uint32_t c) {
  const auto k = static_cast<std::uint32_t>(levels.rails.size());
  Channel channel;
  for (std::size_t b = 0; b < levels.nodes.size(); ++b) {
    for (std::uint32_t i = 0; i < k; ++i) {
      const std::uint32_t local = b % 2 == 0 ? (c + i) % k : (c + 2 * k - 1 - i) % k;
      channel.order.push_back(levels.nodes[b][local]);
      channel.outer.push_back(i + 1 == k);
    }
  }
  return channel;
}

double passes(const Request& r) { return r.type == ALL_REDUCE ? 2 : 1; }

/// Seconds of the slowest chunk: it meets every hop once in every pass, less the hops that it skips
/// (as in `ring`), and waits `chunk[slot]` for its own transfer.
double journey(const Request& r, const Channel& ring, const std::array<double, 2>& chunk) {
  const std::size_t n = ring.order.size();
  std::vector<double> hop(n);
  double total = 0;
  for (std::size_t p = 0; p < n; ++p) {
    const std::uint32_t slot = ring.outer[p] ? 1 : 0;
    hop[p] = r.hop(slot, ring.order[p], ring.order[(p + 1) % n]) + chunk[slot];
    total += hop[p];
  }
  double skipped = total;
  for (std::size_t p = 0; p < n; ++p) {
    skipped = std::min(skipped, r.type == ALL_REDUCE ? hop[p] + hop[(p + n - 1) % n] : hop[p]);
  }
  return passes(r) * total - skipped;
}

/// Seconds from the last chunk's start over an outer hop to the end of the supernode it enters.
double tail(const Request& r, const Channel& ring, std::uint32_t k, double inner_chunk) {
  double seconds = 0;
  for (std::size_t p = 0; p < k; ++p) {
    const std::uint32_t slot = ring.outer[p] ? 1 : 0;
    seconds += r.hop(slot, ring.order[p], ring.order[p + 1]) + (slot == 0 ? inner_chunk : 0);
  }
  return seconds;
}

/// Either the chunk's journey is longest, or the busiest port, which the chunks keep busy from the
/// start until the last of them has left it.
Traffic traffic(const Request& r) {
  const Levels levels = levels_of(*r.group);
  const auto k = static_cast<std::uint32_t>(levels.rails.size());
  const double n = r.ranks();
  const double volume = passes(r) * (n - 1) / n * r.bytes / k;
  const double busy = std::max((k - 1) * volume * r.byte_time(0), volume * r.byte_time(1));
  const std::array chunk{r.bytes / n / k * r.byte_time(0), r.bytes / n / k * r.byte_time(1)};
  Phase phase;
  for (std::uint32_t c = 0; c < k; ++c) {
    const Channel ring = make_channel(levels, c);
    phase.latency =
        std::max({phase.latency, journey(r, ring, chunk) - busy, tail(r, ring, k, chunk[0])});
    for (std::size_t p = 0; p < ring.order.size(); ++p) {
      const Volume v{ring.order[p], ring.order[(p + 1) % ring.order.size()], volume};
      (ring.outer[p] ? phase.outer_volumes : phase.volumes).push_back(v);
    }
  }
  return {{phase}, 1, {}, {}};
}

void lower_channel(const Request& r, const Channel& ring, std::uint32_t c, std::uint32_t channels,
                   DagBuilder& dag) {
  const std::uint32_t n = r.ranks();
  const bool reduces = r.type != ALL_GATHER;
  const std::uint32_t steps = (n - 1) * (r.type == ALL_REDUCE ? 2 : 1);
  const std::uint32_t start = dag.size();
  for (std::uint32_t s = 0; s < steps; ++s) {
    const bool reducing = reduces && s < n - 1;
    const std::uint32_t back = reducing ? s + 1 : (reduces ? s - (n - 1) : s);
    for (std::uint32_t p = 0; p < n; ++p) {
      Message m;
      m.from = ring.order[p];
      m.to = ring.order[(p + 1) % n];
      m.bytes = r.bytes / n / channels;
      m.first_chunk =
          ring.order[(p + n - back) % n] * channels + c;  // a rank's share has a chunk per channel
      m.chunks = 1;
      m.reduce = reducing;
      m.plane_slot = ring.outer[p] ? 1 : 0;
      dag.add(m,
              s == 0 ? DagBuilder::Range{} : dag.depend_on(start + (s - 1) * n + (p + n - 1) % n));
    }
  }
}

void lower(const Request& r, DagBuilder& dag) {
  const Levels levels = levels_of(*r.group);
  const auto k = static_cast<std::uint32_t>(levels.rails.size());
  dag.set_chunks(r.ranks() * k);
  for (std::uint32_t c = 0; c < k; ++c) lower_channel(r, make_channel(levels, c), c, k, dag);
}

}  // namespace

constexpr Algorithm kMultiRailRing{
    .name = "multi_rail_ring",
    .description =
        "a ring per local rank through all supernodes, every one crossing "
        "through other ports",
    .types = kTypes,
    .levels = 2,
    .needs_flat_plane = true,
    .traffic = traffic,
    .lower = lower};

}  // namespace xpusim::collective
