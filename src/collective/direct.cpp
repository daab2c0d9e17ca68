// Direct exchange: everybody talks to everybody at once. All-reduce is one-shot (the whole buffer
// to everyone) while latency dominates, two-shot (reduce-scatter, then all-gather) beyond.
#include <algorithm>
#include <array>

#include "collective/algorithm.hpp"

namespace xpusim::collective {
namespace {

using enum CollectiveType;
constexpr std::array kTypes{ALL_REDUCE, REDUCE_SCATTER, ALL_GATHER, ALL_TO_ALL, BROADCAST,
                            REDUCE,     GATHER,         SCATTER,    BARRIER,    SEND_RECV};

bool from_root(CollectiveType t) { return t == BROADCAST || t == SCATTER; }
bool to_root(CollectiveType t) { return t == REDUCE || t == GATHER; }
bool shares_only(CollectiveType t) { return t == SCATTER || t == GATHER; }

Phase all_pairs(const Request& r, double bytes) {
  Phase phase;
  phase.latency = r.largest_hop(0);
  phase.exchanges.push_back({{}, bytes});
  return phase;
}

Traffic star(const Request& r) {
  Phase phase;
  const double bytes = shares_only(r.type) ? r.bytes / r.ranks() : r.bytes;
  for (std::uint32_t i = 1; i < r.ranks(); ++i) {
    const Volume v = from_root(r.type) ? Volume{0, i, bytes} : Volume{i, 0, bytes};
    phase.latency = std::max(phase.latency, r.hop(0, v.from, v.to));
    phase.volumes.push_back(v);
  }
  return {{phase}, 1, {}, {}};
}

Traffic shift(const Request& r) {
  Phase phase;
  for (std::uint32_t i = 0; i < r.ranks(); ++i) {
    const std::uint32_t next = (i + 1) % r.ranks();
    phase.latency = std::max(phase.latency, r.hop(0, i, next));
    phase.volumes.push_back({i, next, r.bytes});
  }
  return {{phase}, 1, {}, {}};
}

// On one port each: one-shot a + (n-1)S/B, two-shot 2a + 2(n-1)S/(nB).
bool one_shot(const Request& r) {
  const double n = r.ranks();
  const double port = r.bytes * r.byte_time(0) * (n - 1);
  return r.type == BARRIER || port <= r.largest_hop(0) + 2 * port / n;
}

Traffic traffic(const Request& r) {
  if (from_root(r.type) || to_root(r.type)) return star(r);
  if (r.type == SEND_RECV) return shift(r);
  const double share = r.bytes / r.ranks();
  if (r.type != ALL_REDUCE && r.type != BARRIER) return {{all_pairs(r, share)}, 1, {}, {}};
  if (one_shot(r)) return {{all_pairs(r, r.bytes)}, 1, {}, {}};
  return {{all_pairs(r, share), all_pairs(r, share)}, 1, {}, {}};
}

/// Every ordered pair, senders first; `chunk` says which chunk goes from i to j.
template <class Chunk>
void exchange(const Request& r, DagBuilder& dag, const Message& model,
              std::span<const DagBuilder::Range> after, Chunk chunk) {
  dag.reserve(dag.size() + std::size_t{r.ranks()} * (r.ranks() - 1), 0);
  for (std::uint32_t i = 0; i < r.ranks(); ++i) {
    for (std::uint32_t d = 1; d < r.ranks(); ++d) {
      const std::uint32_t j = (i + d) % r.ranks();
      Message m = model;
      m.from = i;
      m.to = j;
      m.first_chunk = chunk(i, j);
      dag.add(m, after.empty() ? DagBuilder::Range{} : after[i]);
    }
  }
}

void lower_two_shot(const Request& r, DagBuilder& dag) {
  const std::uint32_t n = r.ranks();
  Message m;
  m.bytes = r.bytes / n;
  m.chunks = 1;
  m.reduce = true;
  const std::uint32_t first = dag.size();
  exchange(r, dag, m, {}, [](std::uint32_t, std::uint32_t j) { return j; });
  std::vector<std::vector<std::uint32_t>> arrivals(n);
  for (std::uint32_t id = first; id < dag.size(); ++id) {
    const std::uint32_t i = (id - first) / (n - 1);
    arrivals[(i + 1 + (id - first) % (n - 1)) % n].push_back(id);
  }
  std::vector<DagBuilder::Range> after;
  for (const auto& ids : arrivals) after.push_back(dag.depend_on(ids));
  m.reduce = false;
  exchange(r, dag, m, after, [](std::uint32_t i, std::uint32_t) { return i; });
}

void lower_star(const Request& r, DagBuilder& dag) {
  const std::uint32_t n = r.ranks();
  dag.set_chunks(shares_only(r.type) ? n : 1);
  for (std::uint32_t i = 1; i < n; ++i) {
    Message m;
    m.from = from_root(r.type) ? 0 : i;
    m.to = from_root(r.type) ? i : 0;
    m.bytes = shares_only(r.type) ? r.bytes / n : r.bytes;
    m.first_chunk = shares_only(r.type) ? i : 0;
    m.chunks = 1;
    m.reduce = r.type == REDUCE;
    dag.add(m);
  }
}

void lower_shift(const Request& r, DagBuilder& dag) {
  dag.set_chunks(r.ranks());
  for (std::uint32_t i = 0; i < r.ranks(); ++i) {
    Message m;
    m.from = m.first_chunk = i;
    m.to = (i + 1) % r.ranks();
    m.bytes = r.bytes;
    m.chunks = 1;
    dag.add(m);
  }
}

void lower(const Request& r, DagBuilder& dag) {
  const std::uint32_t n = r.ranks();
  if (from_root(r.type) || to_root(r.type)) return lower_star(r, dag);
  if (r.type == SEND_RECV) return lower_shift(r, dag);
  Message m;
  m.bytes = r.bytes / n;
  m.chunks = 1;
  if ((r.type == ALL_REDUCE || r.type == BARRIER) && one_shot(r)) {
    dag.set_chunks(1);
    m.bytes = r.bytes;
    m.reduce = true;
    return exchange(r, dag, m, {}, [](std::uint32_t, std::uint32_t) { return 0U; });
  }
  dag.set_chunks(r.type == ALL_TO_ALL ? n * n : n);
  if (r.type == ALL_REDUCE) return lower_two_shot(r, dag);
  m.reduce = r.type == REDUCE_SCATTER;
  exchange(r, dag, m, {}, [&](std::uint32_t i, std::uint32_t j) {
    return r.type == ALL_TO_ALL ? i * n + j : (r.type == ALL_GATHER ? i : j);
  });
}

}  // namespace

constexpr Algorithm kDirect{
    .name = "direct",
    .description = "everybody sends to everybody at once; all-reduce in one or two shots",
    .types = kTypes,
    .traffic = traffic,
    .lower = lower};

}  // namespace xpusim::collective
