// When may one rank per pipeline stage stand for all ranks of the stage?
#include <algorithm>

#include <fmt/format.h>

#include "workload/rank_map.hpp"
#include "xpusim/workload.hpp"

namespace xpusim {

namespace {

/// Where members lie relative to each other: for each, the first member that shares its node and
/// its plane instances.
std::vector<std::uint32_t> pattern(const Fabric& fabric, const std::vector<DeviceId>& members) {
  std::vector<std::uint32_t> first_with;
  const auto record = [&](auto place) {
    std::vector<std::pair<std::uint32_t, std::uint32_t>> seen;  // place, first member there
    for (std::uint32_t i = 0; i < members.size(); ++i) {
      const std::uint32_t where = place(members[i]);
      const auto it =
          std::find_if(seen.begin(), seen.end(), [&](const auto& s) { return s.first == where; });
      first_with.push_back(it == seen.end() ? i : it->second);
      if (it == seen.end()) seen.emplace_back(where, i);
    }
  };
  record([&](DeviceId d) { return fabric.node_of(d); });
  for (std::size_t i = 0; i < fabric.planes().size(); ++i)
    record([&](DeviceId d) { return fabric.instance_of(static_cast<PlaneId>(i), d); });
  return first_with;
}

std::string unequal_links(const Fabric& fabric) {
  std::vector<double> capacity(fabric.tiers().size(), -1);
  for (const FabricLink& link : fabric.links()) {
    double& first = capacity[link.tier];
    if (first < 0) first = link.capacity.value();
    if (first != link.capacity.value()) {
      const Tier& tier = fabric.tiers()[link.tier];
      return fmt::format("links of tier {}/{} differ in capacity", fabric.planes()[tier.plane].name,
                         tier.name);
    }
  }
  return {};
}

const char* group_words(GroupKind kind) {
  switch (kind) {
    case GroupKind::tensor:
      return "tensor-parallel";
    case GroupKind::context:
      return "context-parallel";
    case GroupKind::data:
      return "data-parallel";
    case GroupKind::expert:
      return "expert-parallel";
    case GroupKind::expert_tensor:
      return "expert tensor-parallel";
    case GroupKind::expert_data:
      return "expert data-parallel";
    case GroupKind::embedding:
      return "embedding";
  }
  return "";
}

}  // namespace

std::string folding_obstacle(const ParallelLayout& layout, const ParallelismSpec& parallelism,
                             const Fabric& fabric) {
  if (std::string reason = unequal_links(fabric); !reason.empty()) return reason;
  const RankMap map(layout, parallelism.order);
  for (std::size_t k = 0; k < kGroupKinds; ++k) {
    const auto kind = static_cast<GroupKind>(k);
    if (map.group_size(kind) <= 1) continue;
    for (std::uint32_t stage = 0; stage < static_cast<std::uint32_t>(layout.pipeline); ++stage) {
      std::vector<std::uint32_t> first;
      for (const DeviceId device : map.devices_of_stage(stage)) {
        if (map.group_base(kind, device) != device) continue;
        std::vector<std::uint32_t> here = pattern(fabric, map.group(kind, device));
        if (first.empty()) first = here;
        if (first != here)
          return fmt::format("the {} groups of stage {} lie differently on nodes and planes",
                             group_words(kind), stage);
      }
    }
  }
  // Neighbours in the pipeline: every rank of a stage must reach the next one over the same kind of
  // way.
  for (std::uint32_t stage = 0;
       layout.pipeline > 1 && stage < static_cast<std::uint32_t>(layout.pipeline); ++stage) {
    const std::uint32_t next = (stage + 1) % static_cast<std::uint32_t>(layout.pipeline);
    std::vector<std::uint32_t> first;
    for (const DeviceId device : map.devices_of_stage(stage)) {
      std::vector<std::uint32_t> here = pattern(fabric, {device, map.peer(device, next)});
      if (first.empty()) first = here;
      if (first != here)
        return fmt::format("ranks of stage {} reach the next stage over different planes", stage);
    }
  }
  return {};
}

}  // namespace xpusim
