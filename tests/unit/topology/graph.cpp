#include "graph.hpp"

#include <algorithm>
#include <bit>
#include <limits>
#include <queue>
#include <stdexcept>

#include "xpusim/diagnostic.hpp"

namespace xpusim::testing {
namespace {

LinkSpec part(double gigabytes, double nanoseconds, double endpoint, double efficiency) {
  LinkSpec link;
  link.bandwidth = BytesPerSecond(gigabytes * 1e9);
  link.latency = Seconds(nanoseconds * 1e-9);
  link.endpoint_latency = Seconds(endpoint * 1e-9);
  link.efficiency = efficiency;
  link.energy = JoulesPerByte(1e-11);
  return link;
}

PlaneSpec plane(PlaneShape shape, double links) {
  PlaneSpec spec;
  spec.name = "net";
  spec.shape = shape;
  spec.link = "fast";
  spec.links_per_device = links;
  spec.switch_latency = Seconds(200e-9);
  return spec;
}

}  // namespace

LinkParts parts() {
  return {{"fast", part(10, 100, 1000, 1.0)},
          {"slow", part(4, 300, 2000, 0.8)},
          {"ub", part(28, 100, 500, 0.9)}};
}

ChipSpec chip(int dies) {
  ChipSpec spec;
  spec.info.name = "part";
  spec.dies.count = dies;
  spec.dies.link_bandwidth = BytesPerSecond(270e9);
  spec.dies.link_latency = Seconds(50e-9);
  return spec;
}

SystemSpec system(int nodes, int chips_per_node, std::vector<PlaneSpec> planes) {
  SystemSpec spec;
  spec.info.name = "lab";
  spec.nodes = nodes;
  spec.chips_per_node = chips_per_node;
  spec.planes = std::move(planes);
  return spec;
}

Fabric build(const SystemSpec& spec, int dies) {
  return build_fabric(spec, chip(dies), parts(),
                      {.rank = dies > 1 ? RankUnit::die : RankUnit::package});
}

PlaneSpec switch_plane(double links, int sub_planes) {
  PlaneSpec spec = plane(PlaneShape::single_switch, links);
  spec.sub_planes = sub_planes;
  return spec;
}

PlaneSpec clos_plane(int devices_per_leaf, double oversubscription) {
  PlaneSpec spec = plane(PlaneShape::clos, 2);
  spec.devices_per_leaf = devices_per_leaf;
  spec.oversubscription = oversubscription;
  spec.uplink = "slow";
  spec.spines = 2;
  spec.sub_planes = 2;
  return spec;
}

PlaneSpec mesh_plane(double links) { return plane(PlaneShape::full_mesh, links); }

PlaneSpec torus_plane(std::vector<int> dimensions) {
  PlaneSpec spec = plane(PlaneShape::torus, 2.0 * static_cast<double>(dimensions.size()));
  spec.dimensions = std::move(dimensions);
  return spec;
}

PlaneSpec dragonfly_plane(int per_router, int routers, double global_links) {
  PlaneSpec spec = plane(PlaneShape::dragonfly, 1);
  spec.devices_per_router = per_router;
  spec.routers_per_group = routers;
  spec.global_links_per_router = global_links;
  spec.uplink = "slow";
  return spec;
}

PlaneSpec rail_plane(int devices_per_leaf, int rails, double oversubscription) {
  PlaneSpec spec = clos_plane(devices_per_leaf, oversubscription);
  spec.shape = PlaneShape::rail_optimised;
  spec.rails = rails;
  return spec;
}

PlaneSpec fat_tree_plane(int devices_per_leaf, int leaves_per_pod, double oversubscription,
                         double pod_oversubscription) {
  PlaneSpec spec = clos_plane(devices_per_leaf, oversubscription);
  spec.shape = PlaneShape::fat_tree;
  spec.leaves_per_pod = leaves_per_pod;
  spec.cores_per_spine = 3;
  spec.pod_oversubscription = pod_oversubscription;
  spec.core_link = "ub";
  return spec;
}

PlaneSpec cloudmatrix_plane() {
  PlaneSpec spec = plane(PlaneShape::clos, 14);
  spec.name = "ub";
  spec.link = "ub";
  spec.devices_per_leaf = 8;
  spec.sub_planes = 7;
  spec.spines = 16;
  return spec;
}

std::vector<NamedSystem> zoo() {
  std::vector<NamedSystem> base{
      {"switch", system(1, 6, {switch_plane(4, 2)})},
      {"clos", system(4, 3, {clos_plane(3, 2.0)})},
      {"full mesh", system(1, 5, {mesh_plane(8)})},
      {"torus 4x3", system(1, 12, {torus_plane({4, 3})})},
      {"torus 2x5x4", system(1, 40, {torus_plane({2, 5, 4})})},
      {"torus 1x6", system(1, 6, {torus_plane({1, 6})})},
      {"dragonfly 9 groups", system(9, 8, {dragonfly_plane(2, 4, 2)})},
      {"dragonfly 3 groups of 4", system(3, 4, {dragonfly_plane(1, 4, 1)})},
      {"dragonfly of one group", system(1, 6, {dragonfly_plane(2, 3, 1)})},
      {"rails", system(6, 4, {rail_plane(6, 2, 1.5)})},
      {"rails, last pod partly filled", system(4, 4, {rail_plane(6, 2, 1.5)})},
      {"rails, part of a pod", system(2, 4, {rail_plane(8, 4, 1.0)})},
      {"fat tree", system(6, 4, {fat_tree_plane(2, 4, 1.5, 2.0)})},
      {"fat tree of one pod", system(3, 2, {fat_tree_plane(2, 8, 2.0, 1.0)})}};
  std::vector<NamedSystem> all = base;
  for (const NamedSystem& one : base) {
    NamedSystem hashed = one, faulty = one, lost = one, dies = one, twice = one;
    hashed.system.planes[0].spreading = Spreading::hash;
    hashed.system.planes[0].sub_planes = 3;
    faulty.system.planes[0].sub_planes = 3;
    const std::string first = build(one.system).tiers().front().name;
    faulty.system.planes[0].faults = {{first, 0, 0.0}, {first, 4, 0.25}};
    lost.system.planes[0].sub_planes = 4;
    lost.system.planes[0].lost_sub_planes = 1;
    dies.dies = 2;
    twice.system.planes[0].domain = one.system.nodes * one.system.chips_per_node;
    twice.system.nodes *= 2;
    hashed.name += ", hashed", faulty.name += ", faulty", lost.name += ", lost sub-plane";
    dies.name += ", two dies", twice.name += ", two instances";
    for (NamedSystem* variant : {&hashed, &faulty, &lost, &dies, &twice}) all.push_back(*variant);
    if (one.system.planes[0].shape == PlaneShape::rail_optimised) continue;  // these have no stride
    NamedSystem strided = twice, strided_dies = twice;
    strided.system.planes[0].stride = strided_dies.system.planes[0].stride = 2;
    strided_dies.dies = 2;
    strided.name += ", strided", strided_dies.name += ", strided, two dies";
    for (NamedSystem* variant : {&strided, &strided_dies}) all.push_back(*variant);
  }
  return all;
}

std::vector<int> distances_from(const Fabric& fabric, PlaneId plane_id, std::uint32_t vertex) {
  std::vector<std::vector<std::uint32_t>> next(fabric.vertices());
  for (LinkId l = 0; l < fabric.links().size(); ++l) {
    if (fabric.links()[l].plane != plane_id) continue;
    next[fabric.link_ends(l).from].push_back(fabric.link_ends(l).to);
  }
  std::vector<int> distance(fabric.vertices(), -1);
  std::queue<std::uint32_t> open;
  distance[vertex] = 0;
  for (open.push(vertex); !open.empty(); open.pop()) {
    for (const std::uint32_t to : next[open.front()]) {
      if (distance[to] >= 0) continue;
      distance[to] = distance[open.front()] + 1;
      open.push(to);
    }
  }
  return distance;
}

int brute_force_diameter(const Fabric& fabric, PlaneId plane_id) {
  int longest = 0;
  for (DeviceId d = 0; d < fabric.devices(); ++d) {
    const std::vector<int> distance = distances_from(fabric, plane_id, d);
    longest =
        std::max(longest, *std::max_element(distance.begin(), distance.begin() + fabric.devices()));
  }
  return longest;
}

double brute_force_bisection(const Fabric& fabric) {
  struct Edge {
    std::uint64_t from, to;
    double capacity;
  };
  std::vector<Edge> edges;
  for (LinkId l = 0; l < fabric.links().size(); ++l) {
    if (fabric.links()[l].plane != 0) continue;
    const auto [from, to] = fabric.link_ends(l);
    edges.push_back({1ull << from, 1ull << to, fabric.links()[l].nominal.value()});
  }
  if (fabric.vertices() > 20) throw std::logic_error("too large");
  const std::uint64_t devices = (1ull << fabric.devices()) - 1;
  double least = std::numeric_limits<double>::infinity();
  for (std::uint64_t side = 0; side < (1ull << fabric.vertices()); ++side) {
    if (std::popcount(side & devices) != static_cast<int>(fabric.devices() / 2)) continue;
    double cut = 0;
    for (const Edge& e : edges) cut += (side & e.from) && !(side & e.to) ? e.capacity : 0.0;
    least = std::min(least, cut);
  }
  return least;
}

std::vector<double> all_to_all_load(const Fabric& fabric, PlaneId plane_id) {
  std::vector<double> load(fabric.links().size(), 0.0);
  for_pairs(fabric, plane_id, [&](DeviceId from, DeviceId to) {
    for (const Path& path : fabric.route(plane_id, from, to)) {
      for (const LinkId l : path.links) load[l] += path.share;
    }
  });
  return load;
}

void for_pairs(const Fabric& fabric, PlaneId plane_id,
               const std::function<void(DeviceId, DeviceId)>& visit) {
  for (DeviceId a = 0; a < fabric.devices(); ++a) {
    for (DeviceId b = 0; b < fabric.devices(); ++b) {
      if (a != b && fabric.instance_of(plane_id, a) == fabric.instance_of(plane_id, b)) visit(a, b);
    }
  }
}

const Tier& tier(const Fabric& fabric, const std::string& name) {
  const auto found = std::find_if(fabric.tiers().begin(), fabric.tiers().end(),
                                  [&](const Tier& t) { return t.name == name; });
  if (found == fabric.tiers().end()) throw std::logic_error("no tier " + name);
  return *found;
}

std::string refusal(const SystemSpec& spec, int dies) {
  try {
    (void)build(spec, dies);
  } catch (const InputError& error) {
    const Diagnostic& first = error.diagnostics().items().front();
    return first.code + ": " + first.message + " | " + first.help;
  }
  return "";
}

}  // namespace xpusim::testing
