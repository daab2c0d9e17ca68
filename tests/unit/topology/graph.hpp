// Small systems to test with, and what a graph says by brute force: the judges of the closed forms.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "xpusim/fabric.hpp"

namespace xpusim::testing {

/// Link parts "fast" (10 GB/s, 100 ns), "slow" (4 GB/s, 300 ns, 80 %), "ub" (28 GB/s, 100 ns, 90
/// %).
[[nodiscard]] LinkParts parts();
[[nodiscard]] ChipSpec chip(int dies = 1);
[[nodiscard]] SystemSpec system(int nodes, int chips_per_node, std::vector<PlaneSpec> planes);
[[nodiscard]] Fabric build(const SystemSpec&, int dies = 1);

[[nodiscard]] PlaneSpec switch_plane(double links, int sub_planes = 1);
[[nodiscard]] PlaneSpec clos_plane(int devices_per_leaf, double oversubscription);
[[nodiscard]] PlaneSpec mesh_plane(double links);
[[nodiscard]] PlaneSpec torus_plane(std::vector<int> dimensions);
[[nodiscard]] PlaneSpec dragonfly_plane(int per_router, int routers, double global_links);
[[nodiscard]] PlaneSpec rail_plane(int devices_per_leaf, int rails, double oversubscription);
[[nodiscard]] PlaneSpec fat_tree_plane(int devices_per_leaf, int leaves_per_pod,
                                       double oversubscription = 1.0,
                                       double pod_oversubscription = 1.0);
/// CloudMatrix384: 48 nodes of 8 packages, 7 sub-planes of 2 x 28 GB/s per package, 16 second-level
/// switches each.
[[nodiscard]] PlaneSpec cloudmatrix_plane();

struct NamedSystem {
  std::string name;
  SystemSpec system;
  int dies = 1;
};
/// Every shape: healthy, hashed, faulty, with a lost sub-plane, with two dies, in two instances, in
/// two interleaved instances (strided), also of two dies.
[[nodiscard]] std::vector<NamedSystem> zoo();

/// Links between two vertices on the shortest way; breadth first over one plane's links.
[[nodiscard]] std::vector<int> distances_from(const Fabric&, PlaneId, std::uint32_t vertex);
[[nodiscard]] int brute_force_diameter(const Fabric&, PlaneId);
/// Least nominal capacity over all ways to halve the devices of plane 0, one instance, and to place
/// its switches.
[[nodiscard]] double brute_force_bisection(const Fabric&);
/// Bytes on every link when every device of a plane sends one byte to every other of its instance.
[[nodiscard]] std::vector<double> all_to_all_load(const Fabric&, PlaneId);
void for_pairs(const Fabric&, PlaneId, const std::function<void(DeviceId, DeviceId)>&);
[[nodiscard]] const Tier& tier(const Fabric&, const std::string& name);
/// The first diagnostic of the refusal: "message | help"; "" when nothing was refused.
[[nodiscard]] std::string refusal(const SystemSpec&, int dies = 1);

}  // namespace xpusim::testing
