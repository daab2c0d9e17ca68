// Links that all traffic of a folded run loads alike are one link of the simulation.
#pragma once

#include <cstdint>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "collective/group_view.hpp"
#include "xpusim/collective.hpp"

namespace xpusim::collective {

/// Blocks of links with equal tier, capacity and load, split by one phase after another. Flows on
/// the links of a block see the same competitors at the same time, so the lowest link stands for
/// all of them.
class LinkPartition {
 public:
  explicit LinkPartition(const Fabric&);

  /// Splits the blocks by the bytes that a phase of a plan puts on the links.
  void split(std::uint32_t plan, std::uint32_t phase, const LinkBytes&,
             std::span<const LinkId> touched);
  /// Does the traffic of a phase meet one block only on every tier?
  [[nodiscard]] bool uniform(std::uint32_t plan, std::uint32_t phase) const;
  [[nodiscard]] std::uint32_t block(LinkId link) const { return block_of_[link]; }
  /// Fills the loads of all phases, on the lowest link of every block.
  void fill(std::span<CollectivePlan> plans) const;

 private:
  struct Block {
    std::uint32_t parent = kNoBlock;
    std::uint32_t plan = 0, phase = 0;
    double bytes = 0;
  };
  static constexpr std::uint32_t kNoBlock = 0xffffffffu;

  const Fabric* fabric_;
  std::vector<Block> blocks_;
  std::vector<std::uint32_t> block_of_;  ///< by link
  /// (plan, phase) -> tiers where it meets several blocks; made when first asked for.
  mutable std::set<std::pair<std::uint32_t, std::uint32_t>> mixed_;
  mutable bool counted_ = false;
};

}  // namespace xpusim::collective
