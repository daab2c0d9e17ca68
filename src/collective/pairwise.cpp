// Pairwise exchange: n-1 rounds, in round s rank i sends to i+s and receives from i-s (Thakur,
// Rabenseifner & Gropp, IJHPCA 2005, section 3.3 for all-to-all and 3.4 for reduce-scatter). One
// message per port at a time.
#include <algorithm>
#include <array>

#include "collective/algorithm.hpp"

namespace xpusim::collective {
namespace {

using enum CollectiveType;
constexpr std::array kTypes{ALL_TO_ALL, REDUCE_SCATTER, ALL_GATHER};

/// Above so many ranks no round is looked at by itself.
constexpr std::uint32_t kLookedAt = 256;

/// Is some link busier than the ports? Then rounds wait for other links than their sum does.
bool blocking(const Request& r, const Phase& all) {
  LinkBytes bytes(r.group->fabric());
  add_loads(*r.group, all, bytes);
  const double port =
      (r.ranks() - 1.0) / r.ranks() * r.bytes / r.group->plane(0).device_capacity.value();
  for (const LinkId link : bytes.links()) {
    if (bytes.bytes(link) / r.group->fabric().links()[link].capacity.value() > port * (1 + 1e-9))
      return true;
  }
  return false;
}

Traffic traffic(const Request& r) {
  const std::uint32_t n = r.ranks();
  Phase all;
  all.exchanges.push_back({{}, r.bytes / n});
  // Rounds wait for their slowest pair; above 512 ranks each is taken to have one of the group's
  // slowest pairs.
  if (n > 512) {
    all.latency = (n - 1) * r.largest_hop(0);
    return {{all}, 1, {}, {}};
  }
  const bool apart = n <= kLookedAt && blocking(r, all);
  std::vector<Phase> rounds;
  for (std::uint32_t s = 1; s < n; ++s) {
    Phase round;
    for (std::uint32_t i = 0; i < n; ++i) {
      round.latency = std::max(round.latency, r.hop(0, i, (i + s) % n));
      if (apart) round.volumes.push_back({i, (i + s) % n, r.bytes / n});
    }
    all.latency += round.latency;
    if (apart) rounds.push_back(std::move(round));
  }
  if (!apart) rounds.assign(1, all);
  return {std::move(rounds), 1, {}, {}};
}

void lower(const Request& r, DagBuilder& dag) {
  const std::uint32_t n = r.ranks();
  dag.set_chunks(r.type == ALL_TO_ALL ? n * n : n);
  const std::uint32_t start = dag.size();
  dag.reserve(static_cast<std::size_t>(n) * (n - 1), static_cast<std::size_t>(2 * n) * (n - 1));
  for (std::uint32_t s = 1; s < n; ++s) {
    for (std::uint32_t i = 0; i < n; ++i) {
      Message m;
      m.from = i;
      m.to = (i + s) % n;
      m.bytes = r.bytes / n;
      m.first_chunk = r.type == ALL_TO_ALL ? i * n + m.to : (r.type == ALL_GATHER ? i : m.to);
      m.chunks = 1;
      m.reduce = r.type == REDUCE_SCATTER;
      if (s == 1) {
        dag.add(m);
        continue;
      }
      // The receiver's previous message has come from to - (s-1), that is from the sender's right
      // neighbour.
      const std::uint32_t before = start + (s - 2) * n;
      const std::array ports{before + i, before + (i + 1) % n};
      dag.add(m, dag.depend_on(ports));
    }
  }
}

}  // namespace

constexpr Algorithm kPairwise{
    .name = "pairwise",
    .description = "n-1 rounds, in round s rank i exchanges with i+s and i-s",
    .types = kTypes,
    .traffic = traffic,
    .lower = lower};

}  // namespace xpusim::collective
