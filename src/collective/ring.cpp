// Ring (Patarasuk & Yuan, JPDC 2009): every rank sends to its right neighbour only. Broadcast and
// reduce run as a chain of pipelined chunks along the same ring.
#include <algorithm>
#include <array>

#include "collective/algorithm.hpp"

namespace xpusim::collective {
namespace {

using enum CollectiveType;
constexpr std::array kTypes{ALL_REDUCE, REDUCE_SCATTER, ALL_GATHER, BROADCAST, REDUCE, BARRIER};

double all_hops(const Request& r, double& smallest) {
  const std::uint32_t n = r.ranks();
  double total = 0;
  smallest = r.hop(0, 0, 1);
  for (std::uint32_t i = 0; i < n; ++i) {
    const double hop = r.hop(0, i, (i + 1) % n);
    total += hop;
    smallest = std::min(smallest, hop);
  }
  return total;
}

// Chunk k is reduced along k+1 .. k and gathered along k .. k-1: it skips hop k -> k+1 once and k-1
// -> k once.
double all_reduce_latency(const Request& r) {
  const std::uint32_t n = r.ranks();
  double smallest = 0;
  const double total = all_hops(r, smallest);
  double worst = 0;
  for (std::uint32_t k = 0; k < n; ++k) {
    const double skipped = r.hop(0, k, (k + 1) % n) + r.hop(0, (k + n - 1) % n, k);
    worst = std::max(worst, 2 * total - skipped);
  }
  return worst;
}

Traffic around(const Request& r, double passes) {
  const std::uint32_t n = r.ranks();
  double smallest = 0;
  Phase phase;
  phase.latency = passes == 2 ? all_reduce_latency(r) : all_hops(r, smallest) - smallest;
  for (std::uint32_t i = 0; i < n; ++i) {
    phase.volumes.push_back({i, (i + 1) % n, passes * r.bytes * (n - 1) / n});
  }
  return {{phase}, 1, {}, {}};
}

// A chain is a flow shop of equal jobs: the sum of its hops, and the slowest hop once for every
// further chunk.
Traffic chain(const Request& r) {
  const std::uint32_t n = r.ranks();
  const bool up = r.type == REDUCE;
  double sum = 0, slowest = 0;
  Phase phase;
  for (std::uint32_t i = 0; i + 1 < n; ++i) {
    const double hop = up ? r.hop(0, i + 1, i) : r.hop(0, i, i + 1);
    sum += hop;
    slowest = std::max(slowest, hop);
    phase.volumes.push_back(up ? Volume{i + 1, i, r.bytes} : Volume{i, i + 1, r.bytes});
  }
  const double transfer = r.bytes * r.byte_time(0);
  const std::uint32_t chunks =
      r.chunks != 0 ? r.chunks : pipeline_chunks(n - 2, slowest, transfer, 256);
  phase.latency = sum + (chunks - 1) * slowest + (n - 2) * transfer / chunks;
  return {{phase}, chunks, {}, {}};
}

Traffic traffic(const Request& r) {
  if (r.type == BROADCAST || r.type == REDUCE) return chain(r);
  return around(r, r.type == ALL_REDUCE || r.type == BARRIER ? 2.0 : 1.0);
}

void lower_chain(const Request& r, DagBuilder& dag) {
  const std::uint32_t n = r.ranks();
  const bool up = r.type == REDUCE;
  const std::uint32_t chunks = std::max(1U, r.chunks);
  dag.set_chunks(chunks);
  for (std::uint32_t c = 0; c < chunks; ++c) {
    for (std::uint32_t h = 0; h + 1 < n; ++h) {
      std::array<std::uint32_t, 2> before{};
      std::size_t count = 0;
      if (h > 0) before[count++] = dag.size() - 1;        // the chunk itself
      if (c > 0) before[count++] = dag.size() - (n - 1);  // the previous chunk has left this port
      Message m;
      m.from = up ? n - 1 - h : h;
      m.to = up ? m.from - 1 : m.from + 1;
      m.bytes = r.bytes / chunks;
      m.first_chunk = c;
      m.chunks = 1;
      m.reduce = up;
      dag.add(m, dag.depend_on(std::span(before.data(), count)));
    }
  }
}

void lower_around(const Request& r, DagBuilder& dag) {
  const std::uint32_t n = r.ranks();
  const bool reduces = r.type != ALL_GATHER;
  const bool gathers = r.type != REDUCE_SCATTER;
  const std::uint32_t steps = (n - 1) * (reduces && gathers ? 2 : 1);
  dag.set_chunks(n);
  dag.reserve(static_cast<std::size_t>(steps) * n, static_cast<std::size_t>(steps) * n);
  const std::uint32_t start = dag.size();
  for (std::uint32_t s = 0; s < steps; ++s) {
    const bool reducing = reduces && s < n - 1;
    for (std::uint32_t i = 0; i < n; ++i) {
      Message m;
      m.from = i;
      m.to = i + 1 == n ? 0 : i + 1;
      m.bytes = r.bytes / n;
      // Reducing, chunk k starts at rank k+1 and ends at k; gathering, it starts at k.
      const std::uint32_t back = reducing ? s + 1 : (reduces ? s - (n - 1) : s);
      m.first_chunk = i >= back ? i - back : i + n - back;
      m.chunks = 1;
      m.reduce = reducing;
      const std::uint32_t left = i == 0 ? n - 1 : i - 1;
      dag.add(m, s == 0 ? DagBuilder::Range{} : dag.depend_on(start + (s - 1) * n + left));
    }
  }
}

void lower(const Request& r, DagBuilder& dag) {
  if (r.type == BROADCAST || r.type == REDUCE) return lower_chain(r, dag);
  lower_around(r, dag);
}

}  // namespace

constexpr Algorithm kRing{.name = "ring",
                          .description =
                              "every rank sends to its right neighbour, 2(n-1) steps; chains for "
                              "broadcast and reduce",
                          .types = kTypes,
                          .traffic = traffic,
                          .lower = lower};

}  // namespace xpusim::collective
