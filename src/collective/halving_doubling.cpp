// Recursive halving and doubling (Thakur, Rabenseifner & Gropp, IJHPCA 2005, section 4.3). Sizes
// that are no power of two fold the excess: of the first 2r ranks the odd ones hand their buffer to
// the even ones and get the result.
#include <algorithm>
#include <array>
#include <bit>

#include "collective/algorithm.hpp"

namespace xpusim::collective {
namespace {

using enum CollectiveType;
constexpr std::array kTypes{ALL_REDUCE, REDUCE_SCATTER, ALL_GATHER, BARRIER};

struct Fold {
  std::uint32_t core, excess;
  explicit Fold(std::uint32_t n) : core(std::bit_floor(n)), excess(n - std::bit_floor(n)) {}
  [[nodiscard]] std::uint32_t rank(std::uint32_t v) const {
    return v < excess ? 2 * v : v + excess;
  }
};
bool reduces(const Request& r) { return r.type != ALL_GATHER; }
bool gathers(const Request& r) { return r.type != REDUCE_SCATTER; }

Phase exchange_phase(const Request& r, const Fold& f, std::uint32_t distance) {
  Phase phase;
  for (std::uint32_t v = 0; v < f.core; ++v) {
    const std::uint32_t from = f.rank(v);
    const std::uint32_t to = f.rank(v ^ distance);
    phase.latency = std::max(phase.latency, r.hop(0, from, to));
    phase.volumes.push_back({from, to, r.bytes * distance / f.core});
  }
  return phase;
}

Phase fold_phase(const Request& r, const Fold& f, bool in) {
  Phase phase;
  for (std::uint32_t v = 0; v < f.excess; ++v) {
    const Volume move = in ? Volume{2 * v + 1, 2 * v, r.bytes} : Volume{2 * v, 2 * v + 1, r.bytes};
    phase.latency = std::max(phase.latency, r.hop(0, move.from, move.to));
    phase.volumes.push_back(move);
  }
  return phase;
}

Traffic traffic(const Request& r) {
  const Fold f(r.ranks());
  Traffic t;
  if (f.excess > 0) t.phases.push_back(fold_phase(r, f, true));
  if (reduces(r)) {
    for (std::uint32_t d = f.core / 2; d >= 1; d /= 2) t.phases.push_back(exchange_phase(r, f, d));
  }
  if (gathers(r)) {
    for (std::uint32_t d = 1; d < f.core; d *= 2) t.phases.push_back(exchange_phase(r, f, d));
  }
  if (f.excess > 0) t.phases.push_back(fold_phase(r, f, false));
  return t;
}

/// The last send and the last arrival of every rank.
class LastTouched {
 public:
  explicit LastTouched(std::uint32_t n) : ids_(n) {}
  /// Both ends must be done with the step before: a port has one message at a time.
  [[nodiscard]] DagBuilder::Range wait(const Message& m, DagBuilder& dag) const {
    std::vector<std::uint32_t> ids = ids_[m.from];
    ids.insert(ids.end(), ids_[m.to].begin(), ids_[m.to].end());
    std::sort(ids.begin(), ids.end());
    ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
    return dag.depend_on(ids);
  }
  /// Replaces what is known by the messages of one step.
  void step(const std::vector<std::array<std::uint32_t, 3>>& from_to_id) {
    for (const auto& [from, to, id] : from_to_id) {
      ids_[from].clear();
      ids_[to].clear();
    }
    for (const auto& [from, to, id] : from_to_id) {
      ids_[from].push_back(id);
      ids_[to].push_back(id);
    }
  }

 private:
  std::vector<std::vector<std::uint32_t>> ids_;
};

void lower_fold(const Request& r, const Fold& f, bool in, LastTouched& last, DagBuilder& dag) {
  std::vector<std::array<std::uint32_t, 3>> step;
  for (std::uint32_t v = 0; v < f.excess; ++v) {
    Message m;
    m.from = in ? 2 * v + 1 : 2 * v;
    m.to = in ? 2 * v : 2 * v + 1;
    m.bytes = r.bytes;
    m.chunks = f.core;
    m.reduce = in;
    const std::uint32_t id = dag.add(m, last.wait(m, dag));
    step.push_back({m.from, m.to, id});
  }
  last.step(step);
}

// Halving at distance d, rank v sends the half of its block of 2d chunks that its partner keeps;
// doubling, its d.
void lower_exchange(const Request& r, const Fold& f, std::uint32_t d, bool halving,
                    LastTouched& last, DagBuilder& dag) {
  std::vector<std::array<std::uint32_t, 3>> step;
  for (std::uint32_t v = 0; v < f.core; ++v) {
    const std::uint32_t kept_by = halving ? v ^ d : v;
    Message m;
    m.from = f.rank(v);
    m.to = f.rank(v ^ d);
    m.bytes = r.bytes * d / f.core;
    m.first_chunk = kept_by / d * d;
    m.chunks = d;
    m.reduce = halving;
    const std::uint32_t id = dag.add(m, last.wait(m, dag));
    step.push_back({m.from, m.to, id});
  }
  last.step(step);
}

void lower(const Request& r, DagBuilder& dag) {
  const Fold f(r.ranks());
  dag.set_chunks(f.core);
  LastTouched last(r.ranks());
  if (f.excess > 0) lower_fold(r, f, true, last, dag);
  if (reduces(r)) {
    for (std::uint32_t d = f.core / 2; d >= 1; d /= 2) lower_exchange(r, f, d, true, last, dag);
  }
  if (gathers(r)) {
    for (std::uint32_t d = 1; d < f.core; d *= 2) lower_exchange(r, f, d, false, last, dag);
  }
  if (f.excess > 0) lower_fold(r, f, false, last, dag);
}

}  // namespace

constexpr Algorithm kHalvingDoubling{
    .name = "halving_doubling",
    .description = "recursive halving, then doubling: 2 log2(n) steps",
    .types = kTypes,
    .power_of_two_only = true,
    .traffic = traffic,
    .lower = lower};

}  // namespace xpusim::collective
