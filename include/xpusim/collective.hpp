// Collectives: what an algorithm sends where, what that costs on an idle fabric, and which one to
// pick. Conventions follow nccl-tests and Chakra. `bytes` is:
//   ALL_REDUCE, BROADCAST, REDUCE        the buffer of one rank
//   ALL_GATHER, GATHER                   the gathered buffer (n shares)
//   REDUCE_SCATTER, SCATTER              the buffer before scattering (n shares)
//   ALL_TO_ALL                           what one rank sends in total, its own share included
//   SEND_RECV                            what every rank sends to the next one (rank i to (i + 1)
//   mod n)
// The root of BROADCAST, REDUCE, GATHER and SCATTER is rank 0 of the group.
// busbw = algbw * factor: 2(n-1)/n for ALL_REDUCE, (n-1)/n for ALL_GATHER, REDUCE_SCATTER,
// ALL_TO_ALL, GATHER, SCATTER, and 1 for the rest (NVIDIA/nccl-tests doc/PERFORMANCE.md).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "xpusim/fabric.hpp"

namespace xpusim {

enum class CollectiveType : std::uint8_t {
  ALL_REDUCE,
  REDUCE,
  ALL_GATHER,
  GATHER,
  SCATTER,
  BROADCAST,
  ALL_TO_ALL,
  REDUCE_SCATTER,
  BARRIER,
  SEND_RECV
};
[[nodiscard]] std::string_view to_string(CollectiveType);
[[nodiscard]] std::optional<CollectiveType> parse_collective_type(
    std::string_view);  ///< any case, "_" optional
[[nodiscard]] double busbw_factor(CollectiveType, int ranks);

// ---------------------------------------------------------------- what an algorithm produces

inline constexpr std::uint32_t kSwitch = 0xffffffffu;  ///< endpoint of in-switch reduction

/// One message of the algorithm, between indices into the group (or kSwitch).
struct Message {
  std::uint32_t from = 0, to = 0;
  double bytes = 0;  ///< payload
  std::uint32_t first_chunk = 0,
                chunks = 0;  ///< which chunks of the buffer travel (for the data-movement test)
  std::uint32_t chunk_stride = 1;          ///< distance between them
  std::uint32_t rows = 1, row_stride = 0;  ///< and so often, so far apart: an array of chunks
  bool reduce = false;                     ///< the receiver adds (true) or copies (false)
  std::uint8_t plane_slot = 0;             ///< index into CollectivePlan::planes
  std::uint32_t first_dependency = 0, dependencies = 0;  ///< into MessageDag::dependency_ids
};
/// The full message-level schedule: a message starts when all messages it depends on have arrived.
struct MessageDag {
  std::vector<Message> messages;
  std::vector<std::uint32_t> dependency_ids;
  std::uint32_t chunk_count = 0;  ///< chunks that make up the buffer
};

struct LinkLoad {
  LinkId link = 0;
  double bytes = 0;       ///< payload
  double wire_bytes = 0;  ///< payload / protocol share: what occupies the link
};
/// Everything that moves at once, and the latency of the algorithm's steps in it.
/// Time on an idle fabric: latency + max over loads of wire_bytes / capacity.
struct FluidPhase {
  Seconds latency;
  std::vector<LinkLoad> loads;  ///< ascending link id, each link once
};
/// Bytes per tier: of all groups of a class, also where `loads` were reduced to representatives.
struct TierLoad {
  TierId tier = 0;
  double bytes = 0;
};

/// The hash under which plans route a pair over hashed member links; `flow` uses the same.
[[nodiscard]] constexpr std::uint64_t flow_hash(DeviceId from, DeviceId to) {
  const std::uint64_t x = (static_cast<std::uint64_t>(from) << 32U | to) * 0x9e3779b97f4a7c15ULL;
  return x ^ (x >> 29U);
}

/// A collective lowered onto a fabric.
struct CollectivePlan {
  CollectiveType type = CollectiveType::ALL_REDUCE;
  double bytes = 0;
  std::uint32_t ranks = 0;
  std::string algorithm, protocol;
  std::vector<PlaneId> planes;       ///< planes used; slot 0 is the innermost
  std::vector<FluidPhase> phases;    ///< one after another
  std::vector<TierLoad> tier_loads;  ///< payload of all phases and groups
  Seconds idle_time;  ///< closed form on an idle fabric: start_overhead plus the sum of the phases
  Seconds message_overhead;  ///< `flow`: added to each message's path latency (protocol step cost),
                             ///< slot 0
  Seconds start_overhead;    ///< once, before the first byte (base latency, pipeline fill); not in
                             ///< `phases`
  double wire_factor = 1.0;  ///< wire_bytes / payload on slot 0
  struct OuterCost {
    Seconds message_overhead;
    double wire_factor = 1.0;
  };
  std::vector<OuterCost> outer_costs;  ///< both, on slots 1, 2, ...
  double units_share = 0.0;            ///< execution units occupied on each member while it runs
  std::uint32_t pipeline_chunks = 1;   ///< chunks that a pipelined algorithm cuts the buffer into
  std::string inner, outer;            ///< hierarchical: algorithms of the innermost level and of
                                       ///< those outside it ("ring", "ring/direct")
  [[nodiscard]] Seconds overhead(std::uint32_t slot) const {
    return slot == 0 ? message_overhead : outer_costs.at(slot - 1).message_overhead;
  }
  [[nodiscard]] std::uint32_t slot_of(PlaneId plane) const {
    std::uint32_t slot = 0;
    while (slot < planes.size() && planes[slot] != plane) ++slot;
    return slot;
  }
  [[nodiscard]] double wire(std::uint32_t slot) const {
    return slot == 0 ? wire_factor : outer_costs.at(slot - 1).wire_factor;
  }
};

struct CollectiveOptions {
  std::string algorithm;  ///< "" = tuner
  std::string protocol;   ///< "" = tuner
  std::string plane;      ///< "" = fastest that connects the group (hierarchical when none does)
};

/// What planning needs besides the request.
struct CollectiveContext {
  const Fabric* fabric = nullptr;
  const CollectiveLibrarySpec* library = nullptr;
};

/// Plans one collective for one group. `members`: devices in rank order, all different.
/// Throws InputError when no plane connects the group or the algorithm does not support type/size.
[[nodiscard]] CollectivePlan plan_collective(const CollectiveContext&, CollectiveType, Bytes,
                                             std::span<const DeviceId> members,
                                             const CollectiveOptions& = {});

/// Plans a collective that many groups run at once by symmetry (folding), as the only one in
/// FoldedPlans.
[[nodiscard]] CollectivePlan plan_collective_class(const CollectiveContext&, CollectiveType, Bytes,
                                                   const std::vector<std::vector<DeviceId>>& groups,
                                                   const CollectiveOptions& = {});

/// A point-to-point transfer as a plan of one phase; many symmetric ones at once when pairs.size()
/// > 1.
struct DevicePair {
  DeviceId from = 0, to = 0;
};
[[nodiscard]] CollectivePlan plan_transfer_class(const CollectiveContext&, Bytes,
                                                 std::span<const DevicePair> pairs,
                                                 const CollectiveOptions& = {});
[[nodiscard]] CollectivePlan plan_transfer(const CollectiveContext&, Bytes, DevicePair,
                                           const CollectiveOptions& = {});

/// All plans of a folded run. Each is for all groups (pairs) that do the same at once by symmetry.
/// Loads are those of all groups; links of one tier and capacity that every plan loads alike are
/// kept as one, the lowest id: whatever shares a link in the whole run shares one here, and nothing
/// else does. tier_loads count all groups.
class FoldedPlans {
 public:
  explicit FoldedPlans(const CollectiveContext&);
  ~FoldedPlans();
  FoldedPlans(const FoldedPlans&) = delete;
  FoldedPlans& operator=(const FoldedPlans&) = delete;

  /// Index of the plan. Throws as plan_collective.
  std::size_t add_collective(CollectiveType, Bytes,
                             const std::vector<std::vector<DeviceId>>& groups,
                             const CollectiveOptions& = {});
  std::size_t add_transfer(Bytes, std::span<const DevicePair> pairs, const CollectiveOptions& = {});
  /// Why groups that are planned as one would not run alike: some of them share their links with
  /// other traffic than others do. Empty when all do. Call it when everything has been added.
  [[nodiscard]] std::string uneven() const;
  /// The plans by index; nothing may be added afterwards.
  [[nodiscard]] std::vector<CollectivePlan> finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The message-level schedule of a plan (fidelity `flow`).
[[nodiscard]] MessageDag lower_messages(const CollectiveContext&, const CollectivePlan&,
                                        std::span<const DeviceId> members);

struct AlgorithmInfo {
  std::string_view name;
  std::string_view description;
  std::vector<CollectiveType> types;
};
/// The registry, for help, list and "did you mean".
[[nodiscard]] const std::vector<AlgorithmInfo>& collective_algorithms();

}  // namespace xpusim
