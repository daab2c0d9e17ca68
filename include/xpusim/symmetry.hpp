// Places of a fabric that cannot be told apart: what folding rests on.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "xpusim/fabric.hpp"

namespace xpusim {

/// Why devices in equivalent places see different networks: links of one tier that differ in
/// capacity, or flows that are hashed to links one by one. Empty when they do not.
[[nodiscard]] std::string asymmetry(const Fabric&);

enum class PlacementDetail : std::uint8_t {
  domains,  ///< nodes and plane instances
  switches  ///< and first-level switches, and ways, on planes that may carry their traffic
};
/// Equal for two lists of devices that lie alike: the same ones of them share a node, an instance
/// of each plane and, when asked for, a first-level switch; on shapes whose routes depend on
/// position (torus, dragonfly, full mesh, fat tree), neighbours in the list, and the first one and
/// every other, are joined over the same tiers with the same latency. Order counts.
[[nodiscard]] std::uint64_t placement_signature(const Fabric&, std::span<const DeviceId>,
                                                PlacementDetail);

}  // namespace xpusim
