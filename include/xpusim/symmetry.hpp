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
  switches  ///< and first-level switches
};
/// Equal for two lists of devices that lie alike: the same ones of them share a node, an instance
/// of each plane and, when asked for, a first-level switch; on shapes whose routes depend on
/// position (torus, dragonfly, full mesh), neighbours in the list are equally many links apart.
/// Order counts. Neighbours on hashed planes are not compared: see asymmetry().
[[nodiscard]] std::uint64_t placement_signature(const Fabric&, std::span<const DeviceId>,
                                                PlacementDetail);

}  // namespace xpusim
