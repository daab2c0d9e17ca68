#include "collective/link_partition.hpp"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

namespace xpusim::collective {

LinkPartition::LinkPartition(const Fabric& fabric) : fabric_(&fabric) {
  std::map<std::pair<TierId, double>, std::uint32_t> known;
  block_of_.reserve(fabric.links().size());
  const FabricLink* last = nullptr;
  for (const FabricLink& link : fabric.links()) {
    if (last != nullptr && last->tier == link.tier && last->capacity == link.capacity) {
      block_of_.push_back(block_of_.back());
      continue;
    }
    last = &link;
    const auto [it, fresh] = known.try_emplace({link.tier, link.capacity.value()},
                                               static_cast<std::uint32_t>(blocks_.size()));
    if (fresh) blocks_.emplace_back();
    block_of_.push_back(it->second);
  }
}

void LinkPartition::split(std::uint32_t plan, std::uint32_t phase, const LinkBytes& bytes,
                          std::span<const LinkId> touched) {
  std::map<std::pair<std::uint32_t, double>, std::uint32_t> parts;  // (block, bytes) -> new block
  auto last = parts.end();
  for (const LinkId link : touched) {
    const std::pair<std::uint32_t, double> key{block_of_[link], bytes.bytes(link)};
    if (last == parts.end() || last->first != key) {
      bool fresh = false;
      std::tie(last, fresh) = parts.try_emplace(key, static_cast<std::uint32_t>(blocks_.size()));
      if (fresh) blocks_.push_back({key.first, plan, phase, key.second});
    }
    block_of_[link] = last->second;
  }
}

bool LinkPartition::uniform(std::uint32_t plan, std::uint32_t phase) const {
  if (!counted_) {
    counted_ = true;
    std::set<std::tuple<std::uint32_t, std::uint32_t, TierId>> met;
    std::vector<bool> seen(blocks_.size(), false);
    for (LinkId link = 0; link < block_of_.size(); ++link) {
      if (seen[block_of_[link]]) continue;
      seen[block_of_[link]] = true;
      const TierId tier = fabric_->links()[link].tier;
      for (std::uint32_t b = block_of_[link]; blocks_[b].parent != kNoBlock; b = blocks_[b].parent)
        if (!met.emplace(blocks_[b].plan, blocks_[b].phase, tier).second)
          mixed_.emplace(blocks_[b].plan, blocks_[b].phase);
    }
  }
  return !mixed_.contains({plan, phase});
}

void LinkPartition::fill(std::span<CollectivePlan> plans) const {
  std::vector<bool> seen(blocks_.size(), false);
  for (LinkId link = 0; link < block_of_.size(); ++link) {
    if (seen[block_of_[link]]) continue;
    seen[block_of_[link]] = true;
    const PlaneId plane = fabric_->links()[link].plane;
    for (std::uint32_t b = block_of_[link]; blocks_[b].parent != kNoBlock; b = blocks_[b].parent) {
      CollectivePlan& plan = plans[blocks_[b].plan];
      const double wire = plan.wire(plan.slot_of(plane));
      plan.phases[blocks_[b].phase].loads.push_back(
          {link, blocks_[b].bytes, blocks_[b].bytes * wire});
    }
  }
}

}  // namespace xpusim::collective
