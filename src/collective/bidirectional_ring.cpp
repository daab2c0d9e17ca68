// Ring in both directions: every share travels half the ring each way, so it takes half the steps
// of `ring`. Both directions leave through one port on a switched plane, through two on a torus or
// a mesh.
#include <algorithm>
#include <array>

#include "collective/algorithm.hpp"

namespace xpusim::collective {
namespace {

using enum CollectiveType;
constexpr std::array kTypes{ALL_REDUCE, REDUCE_SCATTER, ALL_GATHER, BARRIER};

std::uint32_t long_arm(std::uint32_t n) { return n / 2; }  // ceil((n-1)/2)
std::uint32_t short_arm(std::uint32_t n) { return (n - 1) / 2; }

/// Largest sum of `length` consecutive hops, clockwise or not.
double longest_arc(const Request& r, std::uint32_t length, bool clockwise) {
  const std::uint32_t n = r.ranks();
  const auto hop = [&](std::uint32_t i) {
    const std::uint32_t a = i % n;
    const std::uint32_t b = (i + 1) % n;
    return clockwise ? r.hop(0, a, b) : r.hop(0, b, a);
  };
  double sum = 0;
  for (std::uint32_t i = 0; i < length; ++i) sum += hop(i);
  double worst = sum;
  for (std::uint32_t i = 1; i < n; ++i) {
    sum += hop(i + length - 1) - hop(i - 1);
    worst = std::max(worst, sum);
  }
  return worst;
}

Traffic traffic(const Request& r) {
  const std::uint32_t n = r.ranks();
  const double passes = r.type == ALL_REDUCE || r.type == BARRIER ? 2 : 1;
  Phase phase;
  phase.latency =
      passes * std::max(longest_arc(r, long_arm(n), true), longest_arc(r, long_arm(n), false));
  for (std::uint32_t i = 0; i < n; ++i) {
    phase.volumes.push_back({i, (i + 1) % n, passes * r.bytes * long_arm(n) / n});
    if (short_arm(n) > 0)
      phase.volumes.push_back({i, (i + n - 1) % n, passes * r.bytes * short_arm(n) / n});
  }
  return {{phase}, 1, {}, {}};
}

struct Arms {
  std::vector<std::uint32_t> clockwise,
      counter;  ///< last message to arrive at each rank, by direction
};

// Share k comes home along both arms at once: from k - long_arm clockwise, from k + short_arm the
// other way.
Arms lower_reduce(const Request& r, DagBuilder& dag) {
  const std::uint32_t n = r.ranks();
  Arms last{std::vector<std::uint32_t>(n), std::vector<std::uint32_t>(n)};
  for (std::uint32_t s = 0; s < long_arm(n); ++s) {
    const Arms before = last;
    for (std::uint32_t i = 0; i < n; ++i) {
      Message m{.from = i, .to = (i + 1) % n, .bytes = r.bytes / n};
      m.first_chunk = (i + long_arm(n) - s) % n;
      m.chunks = 1;
      m.reduce = true;
      last.clockwise[m.to] =
          dag.add(m, s == 0 ? DagBuilder::Range{} : dag.depend_on(before.clockwise[i]));
      if (s >= short_arm(n)) continue;
      m.to = (i + n - 1) % n;
      m.first_chunk = (i + n - short_arm(n) + s) % n;
      last.counter[m.to] =
          dag.add(m, s == 0 ? DagBuilder::Range{} : dag.depend_on(before.counter[i]));
    }
  }
  return last;
}

void lower_gather(const Request& r, const Arms* reduced, DagBuilder& dag) {
  const std::uint32_t n = r.ranks();
  std::vector<DagBuilder::Range> start(n);
  if (reduced != nullptr) {
    for (std::uint32_t i = 0; i < n; ++i) {
      const std::array both{reduced->clockwise[i], reduced->counter[i]};
      start[i] = dag.depend_on(std::span(both.data(), short_arm(n) > 0 ? 2U : 1U));
    }
  }
  Arms last{std::vector<std::uint32_t>(n), std::vector<std::uint32_t>(n)};
  for (std::uint32_t s = 0; s < long_arm(n); ++s) {
    const Arms before = last;
    for (std::uint32_t i = 0; i < n; ++i) {
      Message m{.from = i, .to = (i + 1) % n, .bytes = r.bytes / n};
      m.first_chunk = (i + n - s) % n;
      m.chunks = 1;
      last.clockwise[m.to] = dag.add(m, s == 0 ? start[i] : dag.depend_on(before.clockwise[i]));
      if (s >= short_arm(n)) continue;
      m.to = (i + n - 1) % n;
      m.first_chunk = (i + s) % n;
      last.counter[m.to] = dag.add(m, s == 0 ? start[i] : dag.depend_on(before.counter[i]));
    }
  }
}

void lower(const Request& r, DagBuilder& dag) {
  dag.set_chunks(r.ranks());
  if (r.type == ALL_GATHER) return lower_gather(r, nullptr, dag);
  const Arms reduced = lower_reduce(r, dag);
  if (r.type != REDUCE_SCATTER) lower_gather(r, &reduced, dag);
}

}  // namespace

constexpr Algorithm kBidirectionalRing{
    .name = "bidirectional_ring",
    .description =
        "shares travel half the ring in each direction, half the "
        "steps of a ring",
    .types = kTypes,
    .traffic = traffic,
    .lower = lower};

}  // namespace xpusim::collective
