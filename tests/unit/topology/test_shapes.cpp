// Every shape's closed forms, against its data sheet arithmetic and against brute force.
#include <catch2/catch.hpp>

#include <cstdlib>

#include "graph.hpp"

using namespace xpusim;
using namespace xpusim::testing;
using Catch::Matchers::WithinRel;

namespace {

constexpr double kFast = 10e9, kSlow = 4e9;  // parts() "fast" and "slow"

/// Single-instance systems small enough to try every cut.
std::vector<NamedSystem> small_systems() {
  std::vector<NamedSystem> all;
  for (int n = 1; n <= 9; ++n) all.push_back({"switch", system(1, n, {switch_plane(3)})});
  for (int n = 1; n <= 9; ++n) all.push_back({"full mesh", system(1, n, {mesh_plane(6)})});
  for (int leaf = 1; leaf <= 4; ++leaf) {
    for (int leaves = 1; leaves <= 4 && leaf * leaves <= 12; ++leaves) {
      for (const double o : {0.5, 1.0, 2.0, 8.0}) {
        all.push_back({"clos", system(leaves, leaf, {clos_plane(leaf, o)})});
      }
    }
  }
  for (const double o : {1.0, 3.0}) {
    all.push_back({"rails", system(4, 2, {rail_plane(2, 2, o)})});
    all.push_back({"rails, last pod partly filled", system(3, 2, {rail_plane(2, 2, o)})});
    all.push_back({"rails, a node in the last pod", system(4, 2, {rail_plane(3, 2, o)})});
    all.push_back({"rails, one partly filled pod", system(2, 4, {rail_plane(6, 2, o)})});
    all.push_back({"rails, one pod", system(3, 2, {rail_plane(3, 2, o)})});
  }
  for (const double o : {0.5, 1.0, 3.0}) {
    for (const double pod : {0.5, 1.0, 2.0, 5.0}) {
      all.push_back({"fat tree, one pod", system(1, 8, {fat_tree_plane(2, 4, o, pod)})});
      all.push_back({"fat tree, two pods", system(2, 4, {fat_tree_plane(2, 2, o, pod)})});
      all.push_back({"fat tree, three pods", system(3, 3, {fat_tree_plane(3, 1, o, pod)})});
      all.push_back({"fat tree, leaves of one", system(3, 2, {fat_tree_plane(1, 2, o, pod)})});
      all.push_back({"fat tree, pods of one", system(1, 5, {fat_tree_plane(1, 1, o, pod)})});
      all.push_back({"fat tree, odd halves", system(2, 5, {fat_tree_plane(5, 1, o, pod)})});
    }
  }
  for (const auto& dimensions : std::vector<std::vector<int>>{{1},
                                                              {2},
                                                              {3},
                                                              {4},
                                                              {5},
                                                              {7},
                                                              {2, 2},
                                                              {3, 2},
                                                              {4, 2},
                                                              {3, 3},
                                                              {4, 3},
                                                              {5, 3},
                                                              {4, 4},
                                                              {2, 2, 2},
                                                              {3, 2, 2},
                                                              {3, 3, 2},
                                                              {1, 5},
                                                              {6, 3}}) {
    int n = 1;
    for (const int k : dimensions) n *= k;
    all.push_back({"torus", system(1, n, {torus_plane(dimensions)})});
  }
  return all;
}

}  // namespace

TEST_CASE("the diameter is the longest shortest path that a search finds",
          "[topology][closed-form]") {
  for (const NamedSystem& one : small_systems()) {
    const Fabric fabric = build(one.system);
    INFO(one.name << " of " << fabric.devices());
    CHECK(fabric.diameter(0) == brute_force_diameter(fabric, 0));
  }
}

TEST_CASE("the bisection bandwidth is the least of all balanced cuts", "[topology][closed-form]") {
  for (const NamedSystem& one : small_systems()) {
    const Fabric fabric = build(one.system);
    INFO(one.name << " of " << fabric.devices());
    const double cut = brute_force_bisection(fabric);
    if (cut == 0) {
      CHECK(fabric.bisection_bandwidth(0).value() == 0);
    } else {
      CHECK_THAT(fabric.bisection_bandwidth(0).value(), WithinRel(cut, 1e-9));
    }
  }
}

TEST_CASE("a switch of n devices with rate R bisects at floor(n/2) R", "[topology][closed-form]") {
  for (const int n : {2, 7, 8}) {
    const Fabric fabric = build(system(1, n, {switch_plane(3)}));
    CHECK_THAT(fabric.bisection_bandwidth(0).value(), WithinRel(n / 2 * 3 * kFast, 1e-12));
    CHECK(fabric.diameter(0) == 2);
  }
}

TEST_CASE("a clos crosses its leaf only within a leaf, and leaf, spine, leaf beyond",
          "[topology]") {
  const Fabric fabric = build(system(4, 3, {clos_plane(3, 2.0)}));
  const auto near = fabric.route(0, 0, 2), far = fabric.route(0, 0, 3);
  REQUIRE(near.front().links.size() == 2);
  REQUIRE(far.front().links.size() == 4);
  // endpoint 1000; fast hops 100, slow hops 300; 200 per switch entered: 1 in the leaf, 3 beyond
  CHECK_THAT(near.front().latency.value(), WithinRel((1000 + 2 * 100 + 200) * 1e-9, 1e-9));
  CHECK_THAT(far.front().latency.value(),
             WithinRel((1000 + 2 * 100 + 2 * 300 + 3 * 200) * 1e-9, 1e-9));
  CHECK(fabric.link_name(far.front().links[1]) == "net/leaf-up/0");
  CHECK(fabric.link_name(far.front().links[2]) == "net/leaf-down/1");
}

TEST_CASE(
    "leaf up capacity is devices per leaf * links * rate / oversubscription, at the uplink's "
    "efficiency",
    "[topology][closed-form]") {
  for (const double o : {1.0, 2.0, 3.5}) {
    const Fabric fabric = build(system(4, 3, {clos_plane(3, o)}));
    const Tier& up = tier(fabric, "leaf-up");
    CHECK(up.links == 4);
    CHECK_THAT(up.capacity.value(), WithinRel(4 * 3 * 2 * kFast / o * 0.8, 1e-12));
    CHECK_THAT(tier(fabric, "leaf-down").capacity.value(), WithinRel(up.capacity.value(), 1e-12));
    CHECK_THAT(tier(fabric, "device-up").capacity.value(), WithinRel(12 * 2 * kFast, 1e-12));
  }
}

TEST_CASE("a bundle's members are the physical links, fractions rounded up", "[topology]") {
  const Fabric fabric = build(system(4, 3, {clos_plane(3, 2.0)}));
  CHECK(fabric.links()[fabric.route(0, 0, 3).front().links[0]].members == 2);
  // 3 devices * 2 links * 10 GB/s / 2 = 30 GB/s of 4 GB/s links: 7.5
  CHECK(fabric.links()[fabric.route(0, 0, 3).front().links[1]].members == 8);
}

TEST_CASE("oversubscription lowers the bisection of a clos and never raises it",
          "[topology][property]") {
  double last = 1e300;
  for (const double o : {0.5, 1.0, 1.5, 2.0, 4.0, 16.0}) {
    const double cut = build(system(4, 4, {clos_plane(4, o)})).bisection_bandwidth(0).value();
    CHECK(cut <= last);
    last = cut;
  }
}

TEST_CASE("a full mesh of n splits a device's links over n - 1 peers", "[topology][closed-form]") {
  // MI300X: 7 links, 7 peers; floor(n/2) * ceil(n/2) links cross the middle.
  const Fabric fabric = build(system(1, 8, {mesh_plane(7)}));
  CHECK(fabric.links().size() == 56);
  CHECK_THAT(fabric.links()[0].nominal.value(), WithinRel(kFast, 1e-12));
  CHECK_THAT(fabric.bisection_bandwidth(0).value(), WithinRel(16 * kFast, 1e-12));
  CHECK(fabric.diameter(0) == 1);
  // no switch is entered: endpoint 1000 + hop 100
  CHECK_THAT(fabric.route(0, 2, 6).front().latency.value(), WithinRel(1100e-9, 1e-9));
}

TEST_CASE("torus distance is the sum over axes of min(d, k - d)", "[topology][closed-form]") {
  const int sizes[] = {4, 5, 3};
  const Fabric fabric = build(system(1, 60, {torus_plane({4, 5, 3})}));
  for_pairs(fabric, 0, [&](DeviceId from, DeviceId to) {
    int expected = 0;
    for (DeviceId a = from, b = to, axis = 0; axis < 3; ++axis) {
      const int k = sizes[axis];
      const int d = std::abs(static_cast<int>(a) % k - static_cast<int>(b) % k);
      expected += std::min(d, k - d);
      a /= static_cast<DeviceId>(k), b /= static_cast<DeviceId>(k);
    }
    for (const Path& path : fabric.route(0, from, to)) {
      if (static_cast<int>(path.links.size()) != expected) FAIL_CHECK(from << " to " << to);
    }
  });
  CHECK(fabric.diameter(0) == 2 + 2 + 1);
}

TEST_CASE("torus routes finish one axis before the next", "[topology]") {
  const Fabric fabric = build(system(1, 60, {torus_plane({4, 5, 3})}));
  for_pairs(fabric, 0, [&](DeviceId from, DeviceId to) {
    for (const Path& path : fabric.route(0, from, to)) {
      TierId last = 0;
      for (const LinkId l : path.links) {
        if (fabric.links()[l].tier < last) FAIL_CHECK(from << " to " << to);
        last = fabric.links()[l].tier;
      }
    }
  });
}

TEST_CASE("equally short ways round a torus each carry their share", "[topology]") {
  const Fabric fabric = build(system(1, 24, {torus_plane({4, 6})}));
  CHECK(fabric.route(0, 0, 2).size() == 2);       // halfway round the axis of 4
  CHECK(fabric.route(0, 0, 2 + 12).size() == 4);  // halfway round both
  CHECK(fabric.route(0, 0, 1).size() == 1);
  for (const Path& path : fabric.route(0, 0, 14)) CHECK(path.share == 0.25);
}

TEST_CASE("an axis of two is one bundle of both ports", "[topology]") {
  const Fabric fabric = build(system(1, 8, {torus_plane({2, 4})}));
  CHECK(tier(fabric, "axis-0").links == 8);
  CHECK(tier(fabric, "axis-1").links == 16);
  CHECK_THAT(fabric.links()[0].nominal.value(), WithinRel(2 * kFast, 1e-12));
  CHECK(fabric.links()[0].members == 2);
  CHECK(fabric.links().back().members == 1);
}

TEST_CASE("a TPU v5p cube of 4x4x4 bisects at 2 * 16 links", "[topology][closed-form]") {
  const Fabric fabric = build(system(16, 4, {torus_plane({4, 4, 4})}));
  CHECK_THAT(fabric.bisection_bandwidth(0).value(), WithinRel(2 * 16 * kFast, 1e-12));
  CHECK(fabric.diameter(0) == 6);
}

TEST_CASE("a dragonfly route takes at most local, global, local", "[topology]") {
  const Fabric fabric = build(system(9, 8, {dragonfly_plane(2, 4, 2)}));
  int longest = 0;
  for_pairs(fabric, 0, [&](DeviceId from, DeviceId to) {
    const Path path = fabric.route(0, from, to).front();
    int globals = 0;
    for (const LinkId l : path.links) {
      globals += fabric.tiers()[fabric.links()[l].tier].name == "global" ? 1 : 0;
    }
    if (globals != (from / 8 == to / 8 ? 0 : 1)) FAIL_CHECK(from << " to " << to);
    longest = std::max(longest, static_cast<int>(path.links.size()) - 2);
  });
  CHECK(longest == 3);
  CHECK(fabric.diameter(0) == 5);
  CHECK(brute_force_diameter(fabric, 0) == 5);
}

TEST_CASE("a dragonfly's groups share their global links evenly over the other groups",
          "[topology][closed-form]") {
  // 4 routers * 2 global links of 4 GB/s per group, 8 other groups: one link to each
  const Fabric even = build(system(9, 8, {dragonfly_plane(2, 4, 2)}));
  CHECK(tier(even, "global").links == 9 * 8);
  CHECK_THAT(tier(even, "global").capacity.value(), WithinRel(9 * 8 * kSlow * 0.8, 1e-12));
  // 8 machines of 8 cards, a router each: 7 other groups share 8 routers' links; the sum is kept
  const Fabric odd = build(system(8, 8, {dragonfly_plane(1, 8, 1)}));
  CHECK(tier(odd, "global").links == 8 * 7);
  CHECK_THAT(tier(odd, "global").capacity.value(), WithinRel(8 * 8 * kSlow * 0.8, 1e-12));
}

TEST_CASE("groups with few peers spread a pair's traffic over several channels", "[topology]") {
  const Fabric fabric = build(system(3, 4, {dragonfly_plane(1, 4, 1)}));  // 2 peers, 4 routers
  const auto paths = fabric.route(0, 0, 4);
  REQUIRE(paths.size() == 2);
  CHECK(paths[0].share == 0.5);
}

TEST_CASE("a dragonfly's bisection bounds the least cut from above", "[topology][closed-form]") {
  for (const auto& [groups, per_router, routers, global_links, exact] :
       {std::tuple{2, 1, 2, 1.0, true}, std::tuple{3, 1, 2, 1.0, true},
        std::tuple{2, 2, 2, 1.0, true}, std::tuple{4, 1, 2, 2.0, true},
        std::tuple{2, 1, 4, 1.0, true}, std::tuple{1, 1, 6, 1.0, true},
        std::tuple{3, 1, 3, 1.0, false}}) {
    const Fabric fabric = build(
        system(groups, per_router * routers, {dragonfly_plane(per_router, routers, global_links)}));
    INFO(groups << " groups of " << routers << " routers of " << per_router);
    const double cut = brute_force_bisection(fabric);
    CHECK(fabric.bisection_bandwidth(0).value() >= cut * (1 - 1e-12));
    if (exact) CHECK_THAT(fabric.bisection_bandwidth(0).value(), WithinRel(cut, 1e-9));
  }
}

TEST_CASE("rails: equal positions of a pod's nodes are one leaf apart, others go through the spine",
          "[topology]") {
  // 6 packages per leaf on 2 rails: pods of 3 nodes of 4
  const Fabric fabric = build(system(6, 4, {rail_plane(6, 2, 1.0)}));
  const auto hops = [&](DeviceId a, DeviceId b) {
    return fabric.route(0, a, b).front().links.size();
  };
  CHECK(hops(0, 4) == 2);   // position 0 of the next node
  CHECK(hops(0, 2) == 2);   // position 2 is on rail 0 too
  CHECK(hops(0, 1) == 4);   // another rail
  CHECK(hops(0, 12) == 4);  // another pod
  CHECK(fabric.switch_of(0, 0) == 0u);
  CHECK(fabric.switch_of(0, 1) == 1u);
  CHECK(fabric.switch_of(0, 13) == 3u);
  CHECK(tier(fabric, "leaf-up").links == 4);
}

TEST_CASE("a partly filled last pod keeps its leaves and their uplinks", "[topology]") {
  // SuperPOD of 127 nodes: pods of 32, the last one of 31
  const Fabric fabric = build(system(127, 8, {rail_plane(32, 8, 1.0)}));
  CHECK(tier(fabric, "leaf-up").links == 4 * 8);
  CHECK_THAT(tier(fabric, "leaf-up").capacity.value(),
             WithinRel(4 * 8 * 32 * 2 * kFast * 0.8, 1e-12));
  CHECK(fabric.route(0, 96 * 8, 126 * 8).front().links.size() == 2);
  CHECK(fabric.switch_of(0, 127 * 8 - 1) == 31u);
}

TEST_CASE("a fat tree takes 2 links within a leaf, 4 within a pod, 6 through the core",
          "[topology]") {
  const Fabric fabric = build(system(6, 4, {fat_tree_plane(2, 4, 1.0, 1.0)}));
  const auto near = fabric.route(0, 0, 1), pod = fabric.route(0, 0, 7), far = fabric.route(0, 0, 8);
  REQUIRE(near.front().links.size() == 2);
  REQUIRE(pod.front().links.size() == 4);
  REQUIRE(far.front().links.size() == 6);
  CHECK(fabric.diameter(0) == 6);
  CHECK(brute_force_diameter(fabric, 0) == 6);
  // endpoint 1000; fast hops 100, slow 300, ub 100; 200 per switch entered: 1, 3 and 5
  CHECK_THAT(near.front().latency.value(), WithinRel((1000 + 200 + 200) * 1e-9, 1e-9));
  CHECK_THAT(pod.front().latency.value(), WithinRel((1000 + 200 + 600 + 600) * 1e-9, 1e-9));
  CHECK_THAT(far.front().latency.value(), WithinRel((1000 + 200 + 600 + 200 + 1000) * 1e-9, 1e-9));
  const char* names[] = {"device-up/0", "leaf-up/0",   "pod-up/0",
                         "pod-down/1",  "leaf-down/4", "device-down/8"};
  for (std::size_t i = 0; i < 6; ++i) {
    CHECK(fabric.link_name(far.front().links[i]) == std::string("net/") + names[i]);
  }
  CHECK(fabric.switch_of(0, 8) == 4u);
}

TEST_CASE("each level of a fat tree divides the rate below it by its oversubscription",
          "[topology][closed-form]") {
  for (const auto& [o, pod] : {std::pair{1.0, 1.0}, std::pair{2.0, 1.0}, std::pair{1.5, 4.0}}) {
    const Fabric fabric = build(system(6, 4, {fat_tree_plane(2, 4, o, pod)}));
    const double injected = 24 * 2 * kFast;
    CHECK(tier(fabric, "leaf-up").links == 12);
    CHECK(tier(fabric, "pod-up").links == 3);
    CHECK_THAT(tier(fabric, "device-up").capacity.value(), WithinRel(injected, 1e-12));
    CHECK_THAT(tier(fabric, "leaf-up").capacity.value(), WithinRel(injected / o * 0.8, 1e-12));
    CHECK_THAT(tier(fabric, "pod-up").capacity.value(), WithinRel(injected / o / pod * 0.9, 1e-12));
    CHECK_THAT(tier(fabric, "pod-down").capacity.value(),
               WithinRel(tier(fabric, "pod-up").capacity.value(), 1e-12));
  }
}

TEST_CASE("a non-blocking k-ary fat tree of k^3/4 hosts bisects at half of them",
          "[topology][closed-form]") {
  // Al-Fares et al., k = 8: 128 hosts, 4 per edge switch, 4 edge and 4 aggregation switches of a
  // pod, 4 core switches above each aggregation switch
  PlaneSpec plane = fat_tree_plane(4, 4);
  plane.links_per_device = 1;
  plane.sub_planes = 1;
  plane.spines = plane.cores_per_spine = 4;
  plane.uplink = plane.core_link = "fast";
  plane.spreading = Spreading::hash;
  const Fabric fabric = build(system(32, 4, {plane}));
  CHECK_THAT(fabric.bisection_bandwidth(0).value(), WithinRel(64 * kFast, 1e-12));
  for (const char* name : {"device-up", "leaf-up", "pod-up"})
    CHECK(tier(fabric, name).links == 128);
  for (const FabricLink& link : fabric.links()) {
    CHECK(link.members == 1);
    CHECK_THAT(link.nominal.value(), WithinRel(kFast, 1e-12));
  }
  // hosts, edge, aggregation and core switches
  CHECK(fabric.vertices() == 128 + 32 + 32 + 16);
}

TEST_CASE("an aggregation switch of every pod reaches the same core switches", "[topology]") {
  PlaneSpec plane = fat_tree_plane(2, 4);
  plane.spreading = Spreading::hash;
  const Fabric fabric = build(system(6, 4, {plane}));
  for (std::uint64_t hash = 0; hash < 100; ++hash) {
    const auto way = fabric.route(0, 0, 23, hash).front().links;
    CHECK(fabric.link_ends(way[2]).to == fabric.link_ends(way[3]).from);
    // 2 sub-planes, 2 spines, 3 cores each: the link's digits name all three
    CHECK(fabric.links()[way[2]].index % 12 == fabric.links()[way[3]].index % 12);
    CHECK(fabric.links()[way[2]].index % 12 / 3 == fabric.links()[way[1]].index % 4);
  }
}

TEST_CASE("interleaved instances hold packages one stride apart", "[topology]") {
  PlaneSpec plane = switch_plane(2);
  plane.domain = 3;
  plane.stride = 4;
  const Fabric fabric = build(system(6, 4, {plane}));
  // instance = d / 12 * 4 + d % 4, position = d / 4 % 3
  CHECK(fabric.instance_of(0, 0) == 0);
  CHECK(fabric.instance_of(0, 4) == 0);
  CHECK(fabric.instance_of(0, 8) == 0);
  CHECK(fabric.instance_of(0, 5) == 1);
  CHECK(fabric.instance_of(0, 12) == 4);
  CHECK(fabric.position_of(0, 20) == 2);
  const std::vector<DeviceId> together{13, 17, 21}, apart{12, 13};
  CHECK(fabric.connects(0, together));
  CHECK_FALSE(fabric.connects(0, apart));
  CHECK(fabric.route(0, 13, 21).front().links.size() == 2);
  CHECK_THROWS_WITH(fabric.route(0, 12, 13),
                    "no route on plane 'net' from device 12 to 13: not one instance");
  CHECK(fabric.switch_of(0, 17) == 5u);
}

TEST_CASE("instance and position of a plane name the device", "[topology][property]") {
  for (const NamedSystem& one : zoo()) {
    INFO(one.name);
    const Fabric fabric = build(one.system, one.dies);
    for (PlaneId p = 0; p < fabric.planes().size(); ++p) {
      for (DeviceId d = 0; d < fabric.devices(); ++d) {
        CHECK(fabric.device_at(p, fabric.instance_of(p, d), fabric.position_of(p, d)) == d);
      }
    }
  }
}

TEST_CASE("the dies of a package join its instance of a strided plane", "[topology]") {
  PlaneSpec plane = switch_plane(2);
  plane.domain = 2;
  plane.stride = 3;
  const Fabric fabric = build(system(1, 6, {plane}), 2);
  // package 1 holds devices 2 and 3, package 4 devices 8 and 9
  for (const DeviceId d : {2u, 3u, 8u, 9u}) CHECK(fabric.instance_of(0, d) == 1);
  for (const DeviceId d : {0u, 4u, 6u, 10u}) CHECK(fabric.instance_of(0, d) != 1);
  CHECK(fabric.planes()[0].domain == 4);
}

TEST_CASE("a stride changes which devices meet and nothing else", "[topology][closed-form]") {
  PlaneSpec ring = torus_plane({4}), strided = ring;
  ring.domain = strided.domain = 4;
  strided.stride = 6;
  const Fabric a = build(system(6, 4, {ring})), b = build(system(6, 4, {strided}));
  CHECK(a.links().size() == b.links().size());
  CHECK(a.diameter(0) == b.diameter(0));
  CHECK(a.bisection_bandwidth(0) == b.bisection_bandwidth(0));
  CHECK(b.route(0, 1, 13).size() == 2);  // halfway round the ring 1, 7, 13, 19
  CHECK(b.route(0, 1, 19).front().links.size() == 1);
}

TEST_CASE("every shape is in the registry with a name and a description", "[topology]") {
  const auto shapes = plane_shapes();
  CHECK(shapes.size() == 7);
  for (const PlaneShapeInfo& s : shapes) {
    CHECK(to_string(s.shape) == s.name);
    CHECK_FALSE(s.description.empty());
  }
}
