// When may one rank per pipeline stage stand for all ranks of the stage?
#include <optional>

#include <fmt/format.h>

#include "workload/rank_map.hpp"
#include "xpusim/symmetry.hpp"
#include "xpusim/workload.hpp"

namespace xpusim {

namespace {

/// Where members lie relative to each other.
std::uint64_t pattern(const Fabric& fabric, const std::vector<DeviceId>& members,
                      PlacementDetail detail) {
  return placement_signature(fabric, members, detail);
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
    case GroupKind::shard:
      return "shard";
    case GroupKind::replica:
      return "replica";
    case GroupKind::expert_shard:
      return "expert shard";
    case GroupKind::expert_replica:
      return "expert replica";
    case GroupKind::expert_node:
      return "expert node";
    case GroupKind::expert_rail:
      return "expert rail";
    case GroupKind::mirror:
      return "mirrored-stage";
  }
  return "";
}

}  // namespace

std::string folding_obstacle(const ParallelLayout& layout, const ParallelismSpec& parallelism,
                             const Fabric& fabric, PlacementDetail detail) {
  if (std::string reason = asymmetry(fabric); !reason.empty()) return reason;
  const RankMap map(layout, parallelism.order);
  for (std::size_t k = 0; k < kGroupKinds; ++k) {
    const auto kind = static_cast<GroupKind>(k);
    if (map.group_size(kind) <= 1) continue;
    for (std::uint32_t stage = 0; stage < static_cast<std::uint32_t>(layout.pipeline); ++stage) {
      std::optional<std::uint64_t> first;
      for (const DeviceId device : map.devices_of_stage(stage)) {
        if (map.group_base(kind, device) != device) continue;
        const std::uint64_t here = pattern(fabric, map.group(kind, device), detail);
        if (!first) first = here;
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
    std::optional<std::uint64_t> first;
    for (const DeviceId device : map.devices_of_stage(stage)) {
      const std::uint64_t here = pattern(fabric, {device, map.peer(device, next)}, detail);
      if (!first) first = here;
      if (first != here)
        return fmt::format("ranks of stage {} reach the next stage over different planes", stage);
    }
  }
  return {};
}

}  // namespace xpusim
