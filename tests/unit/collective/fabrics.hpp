// Small machines for the collective tests.
#pragma once

#include <numeric>
#include <vector>

#include "xpusim/collective.hpp"

namespace xpusim::testing {

inline constexpr double kPortRate = 40e9;  ///< 50 GB/s at 80 %
inline constexpr double kPathLatency =
    1.7e-6;  ///< two hops of 200 ns, one switch of 300 ns, 1 us at the ends
inline constexpr double kOuterRate = 10e9;

inline LinkSpec link(double bandwidth, double efficiency, double latency, double endpoint) {
  LinkSpec l;
  l.bandwidth = BytesPerSecond(bandwidth);
  l.efficiency = efficiency;
  l.latency = Seconds(latency);
  l.endpoint_latency = Seconds(endpoint);
  return l;
}

inline LinkParts link_parts() {
  return {{"fast", link(50e9, 0.8, 200e-9, 1e-6)}, {"slow", link(10e9, 1.0, 500e-9, 2e-6)}};
}

inline PlaneSpec switch_plane(const char* name, const char* part, PlaneRole role, int domain) {
  PlaneSpec p;
  p.name = name;
  p.role = role;
  p.shape = PlaneShape::single_switch;
  p.link = part;
  p.links_per_device = 1;
  p.domain = domain;
  p.switch_latency = Seconds(300e-9);
  return p;
}

inline Fabric build(int nodes, int chips_per_node, std::vector<PlaneSpec> planes) {
  SystemSpec system;
  system.nodes = nodes;
  system.chips_per_node = chips_per_node;
  system.planes = std::move(planes);
  return build_fabric(system, ChipSpec{}, link_parts());
}

/// n devices on one switch.
inline Fabric switch_fabric(int n, bool in_switch = false) {
  PlaneSpec p = switch_plane("up", "fast", PlaneRole::scale_up, 0);
  p.in_switch_reduction = in_switch;
  return build(1, n, {p});
}

/// Supernodes of k devices on a switch each, and one switch above all.
inline Fabric two_level_fabric(int supernodes, int k) {
  return build(supernodes, k,
               {switch_plane("up", "fast", PlaneRole::scale_up, k),
                switch_plane("out", "slow", PlaneRole::scale_out, 0)});
}

/// A switch per line of devices along each axis, the innermost first: rates kPortRate, then 20 and
/// 10 GB/s.
inline Fabric grid_fabric(const std::vector<int>& sizes) {
  const char* names[] = {"x", "y", "z", "w"};
  std::vector<PlaneSpec> planes;
  int stride = 1;
  for (std::size_t axis = 0; axis < sizes.size(); ++axis) {
    planes.push_back(
        switch_plane(names[axis], axis == 0 ? "fast" : "slow", PlaneRole::scale_up, sizes[axis]));
    planes.back().stride = stride;
    planes.back().links_per_device = axis == 1 ? 2 : 1;
    stride *= sizes[axis];
  }
  return build(1, stride, planes);
}

/// Leaves of `devices_per_leaf` under spines.
inline Fabric leaf_fabric(int devices, int devices_per_leaf, double oversubscription = 1.0) {
  PlaneSpec p = switch_plane("up", "fast", PlaneRole::scale_up, 0);
  p.shape = PlaneShape::clos;
  p.devices_per_leaf = devices_per_leaf;
  p.oversubscription = oversubscription;
  return build(1, devices, {p});
}

inline std::vector<DeviceId> first_devices(std::uint32_t n) {
  std::vector<DeviceId> members(n);
  std::iota(members.begin(), members.end(), 0U);
  return members;
}

}  // namespace xpusim::testing
