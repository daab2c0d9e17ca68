// Which device holds which parallel rank, and who forms a group with whom.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "xpusim/workload.hpp"

namespace xpusim {

/// The groups a device belongs to.
enum class GroupKind : std::uint8_t {
  tensor,         ///< TP: shards of one layer
  context,        ///< CP: shards of one sequence
  data,           ///< ranks that hold the same dense weights: DP x CP
  expert,         ///< EP: the experts of one layer
  expert_tensor,  ///< TP inside the experts
  expert_data,    ///< ranks that hold the same experts
  embedding,      ///< first and last stage of a tied embedding, or of one that MTP modules share
  shard,          ///< of `data`: who share one copy of ZeRO-3's parameters
  replica,        ///< of `data`: who hold the same share
  expert_shard,   ///< of `expert_data`, likewise
  expert_replica,
  expert_node,  ///< of `expert`: who sit in one scale-up domain
  expert_rail,  ///< who sit at the same place of their domains
  mirror        ///< stages s and p - 1 - s, which hold the same layers in DualPipe
};
inline constexpr std::size_t kGroupKinds = 14;

[[nodiscard]] bool valid_rank_order(std::string_view order);
/// Dense and expert ranks must fall into the same pipeline stage.
[[nodiscard]] bool pipeline_strides_agree(const ParallelLayout&, std::string_view order);

/// device = sum of coordinate * stride over the dimensions in order, innermost first (Megatron-LM
/// RankGenerator): dense dimensions tp, cp, dp, pp; for the experts etp, ep, edp, pp of the same
/// devices.
class RankMap {
 public:
  RankMap(const ParallelLayout&, std::string_view order);
  [[nodiscard]] std::uint32_t stage_of(DeviceId device) const {
    return device / pipeline_.stride % pipeline_.size;
  }
  /// Device at the same place in another stage.
  [[nodiscard]] DeviceId peer(DeviceId device, std::uint32_t stage) const;
  [[nodiscard]] DeviceId first_of_stage(std::uint32_t stage) const {
    return stage * pipeline_.stride;
  }
  [[nodiscard]] std::vector<DeviceId> devices_of_stage(std::uint32_t stage) const;
  /// Lowest member of the device's group: identifies the group.
  [[nodiscard]] DeviceId group_base(GroupKind, DeviceId device) const;
  /// Members in rank order.
  [[nodiscard]] std::vector<DeviceId> group(GroupKind, DeviceId base) const;
  [[nodiscard]] std::uint32_t group_size(GroupKind) const;

 private:
  struct Dimension {
    std::uint32_t size = 1, stride = 1;
  };
  std::array<std::vector<Dimension>, kGroupKinds>
      varying_;  ///< what runs within a group, innermost first
  /// Splits the members that `dimensions` span into groups of `size` neighbours and, across them,
  /// the ranks at the same place of each group.
  void split(GroupKind inner, GroupKind outer, const std::vector<Dimension>& dimensions,
             std::uint32_t size);
  Dimension pipeline_;
  std::uint32_t devices_ = 0;
  bool mirrored_ = false;
};

}  // namespace xpusim
