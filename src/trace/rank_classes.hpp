// Which ranks of a trace do the same from equivalent places: folding of recorded traces.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "trace/rank_programs.hpp"

namespace xpusim::trace {

/// A partition of the ranks into classes.
struct RankClasses {
  std::vector<std::uint32_t> of;      ///< class of each rank; classes ascend with their lowest rank
  std::vector<std::uint32_t> lowest;  ///< by class: the rank that stands for it
  std::vector<std::uint32_t> size;    ///< by class
  std::string obstacle;  ///< why every rank is a class of its own; empty when some are not

  [[nodiscard]] std::uint32_t count() const { return static_cast<std::uint32_t>(lowest.size()); }
};

/// Every rank by itself.
[[nodiscard]] RankClasses single_ranks(std::uint32_t ranks, std::string obstacle = {});

/// The coarsest partition in which ranks of one class run equal programs (up to rank numbers), each
/// communicator and partner of one has a counterpart of the other with the same classes in it, and
/// the counterparts lie alike on the fabric: an equitable partition, found by refinement (Cardon
/// and Crochemore, "Partitioning a graph in O(|A| log |V|)", TCS 1982; here plain rounds).
/// `devices`: place of each rank.
[[nodiscard]] RankClasses fold_ranks(const RankPrograms&, const Communicators&, const Fabric&,
                                     std::span<const DeviceId> devices);

}  // namespace xpusim::trace
