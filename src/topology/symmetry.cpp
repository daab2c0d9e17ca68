#include "xpusim/symmetry.hpp"

#include <bit>
#include <optional>
#include <unordered_map>

#include <fmt/format.h>

#include "topology/mix.hpp"

namespace xpusim {
namespace {

std::uint64_t mixed(std::uint64_t seed, std::uint64_t value) {
  return topology::mix(seed ^ topology::mix(value));
}

/// For each device the first one of the list in the same place, hashed.
template <class Place>
std::uint64_t first_with(std::span<const DeviceId> devices, std::uint64_t seed, Place place) {
  std::unordered_map<std::uint64_t, std::uint32_t> first;
  for (std::uint32_t i = 0; i < devices.size(); ++i)
    seed = mixed(seed, first.try_emplace(place(devices[i]), i).first->second);
  return seed;
}

/// The tiers and the latency of all ways between two devices of the plane.
std::uint64_t way(const Fabric& fabric, PlaneId plane, DeviceId from, DeviceId to) {
  if (from == to) return 1;
  if (fabric.instance_of(plane, from) != fabric.instance_of(plane, to)) return 2;
  std::uint64_t seed = 3;
  for (const Path& path : fabric.route(plane, from, to)) {
    for (const LinkId link : path.links) seed = mixed(seed, fabric.links()[link].tier);
    seed = mixed(seed, std::bit_cast<std::uint64_t>(path.latency.value()));
  }
  return seed;
}

/// Routes that instances and first-level switches do not tell.
bool routes_by_position(PlaneShape shape) {
  return shape == PlaneShape::torus || shape == PlaneShape::dragonfly ||
         shape == PlaneShape::full_mesh || shape == PlaneShape::fat_tree;
}

}  // namespace

std::string asymmetry(const Fabric& fabric) {
  for (std::size_t p = 0; p < fabric.planes().size(); ++p) {
    if (fabric.hashed(static_cast<PlaneId>(p)))
      return fmt::format("flows of plane {} are hashed to its links", fabric.planes()[p].name);
  }
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

std::uint64_t placement_signature(const Fabric& fabric, std::span<const DeviceId> devices,
                                  PlacementDetail detail) {
  std::uint64_t seed = first_with(devices, devices.size(),
                                  [&](DeviceId d) -> std::uint64_t { return fabric.node_of(d); });
  const std::optional<PlaneId> flat = fabric.plane_for(devices);
  for (std::size_t i = 0; i < fabric.planes().size(); ++i) {
    const auto plane = static_cast<PlaneId>(i);
    seed = first_with(devices, seed,
                      [&](DeviceId d) -> std::uint64_t { return fabric.instance_of(plane, d); });
    // What is slower than a plane that joins them all carries nothing of theirs.
    const bool idle =
        flat && fabric.planes()[i].device_capacity < fabric.planes()[*flat].device_capacity;
    if (detail == PlacementDetail::domains || idle) continue;
    const bool switches = !devices.empty() && fabric.switch_of(plane, devices.front()).has_value();
    if (switches)
      seed = first_with(devices, seed,
                        [&](DeviceId d) -> std::uint64_t { return *fabric.switch_of(plane, d); });
    if (!routes_by_position(fabric.planes()[i].shape)) continue;
    // Neighbours, the last and the first, and the first with everybody.
    for (std::size_t d = 0; d < devices.size(); ++d) {
      seed = mixed(seed, way(fabric, plane, devices[d], devices[(d + 1) % devices.size()]));
      seed = mixed(seed, way(fabric, plane, devices.front(), devices[d]));
    }
  }
  return seed;
}

}  // namespace xpusim
