// Published machines, number by number.
#include <catch2/catch.hpp>

#include "graph.hpp"

using namespace xpusim;
using namespace xpusim::testing;
using Catch::Matchers::WithinRel;

TEST_CASE(
    "CloudMatrix384: 384 x 392 GB/s injected, 3,136 GB/s from a node, 1:1, 3 switches between "
    "nodes",
    "[topology][closed-form]") {
  // arXiv 2506.12708v2: 7 sub-planes, 392 GB/s per package, node uplink 7 * 448 GB/s; both
  // directions alike.
  const Fabric fabric = build(system(48, 8, {cloudmatrix_plane()}));
  const Plane& ub = fabric.planes()[0];
  CHECK(fabric.devices() == 384);
  CHECK(ub.domain == 384);
  CHECK_THAT(ub.device_capacity.value(), WithinRel(392e9 * 0.9, 1e-12));
  const auto path = fabric.route(0, 0, 8).front();
  REQUIRE(path.links.size() == 4);
  const FabricLink& uplink = fabric.links()[path.links[1]];
  CHECK_THAT(uplink.nominal.value(), WithinRel(3136e9, 1e-12));
  CHECK(uplink.members == 7 * 16);
  CHECK(fabric.links()[path.links[0]].members == 14);
  double injected = 0, up = 0;
  for (const FabricLink& link : fabric.links()) {
    if (fabric.tiers()[link.tier].name == "device-up") injected += link.nominal.value();
    if (fabric.tiers()[link.tier].name == "leaf-up") up += link.nominal.value();
  }
  CHECK_THAT(injected, WithinRel(384 * 392e9, 1e-12));
  CHECK_THAT(up, WithinRel(injected, 1e-12));
  // 3 switches of 200 ns between nodes, 1 inside; 4 and 2 hops of 100 ns; endpoint 500 ns
  CHECK_THAT(path.latency.value(), WithinRel((500 + 4 * 100 + 3 * 200) * 1e-9, 1e-9));
  CHECK_THAT(fabric.route(0, 0, 7).front().latency.value(),
             WithinRel((500 + 2 * 100 + 200) * 1e-9, 1e-9));
  CHECK_THAT(fabric.bisection_bandwidth(0).value(), WithinRel(192 * 392e9, 1e-12));
  CHECK(fabric.diameter(0) == 4);
}

TEST_CASE("CloudMatrix384 by die: 768 devices of 196 GB/s, and a mesh inside each package",
          "[topology][closed-form]") {
  const Fabric fabric = build(system(48, 8, {cloudmatrix_plane()}), 2);
  CHECK(fabric.devices() == 768);
  CHECK(fabric.packages() == 384);
  CHECK(fabric.dies_per_package() == 2);
  CHECK(fabric.devices_per_node() == 16);
  CHECK_THAT(fabric.planes()[0].device_capacity.value(), WithinRel(196e9 * 0.9, 1e-12));
  CHECK_THAT(fabric.links()[fabric.route(0, 0, 16).front().links[1]].nominal.value(),
             WithinRel(3136e9, 1e-12));
  REQUIRE(fabric.planes().size() == 2);
  const Plane& dies = fabric.planes()[1];
  CHECK(dies.name == "die-to-die");
  CHECK(dies.domain == 2);
  CHECK_THAT(dies.device_capacity.value(), WithinRel(270e9, 1e-12));
  CHECK(fabric.instance_of(1, 767) == 383);
  const std::vector<DeviceId> package{6, 7}, neighbours{7, 8};
  CHECK(fabric.plane_for(package) == PlaneId{1});
  CHECK(fabric.plane_for(neighbours) == PlaneId{0});
  CHECK(fabric.route(1, 6, 7).front().links.size() == 1);
}

TEST_CASE("dies of a torus package share its ports and meet at its router", "[topology]") {
  const Fabric fabric = build(system(1, 4, {torus_plane({4})}), 2);
  // die, axis hop, die; 2 ports of 10 GB/s: each die injects half
  CHECK(fabric.route(0, 0, 2).front().links.size() == 3);
  CHECK_THAT(fabric.planes()[0].device_capacity.value(), WithinRel(10e9, 1e-12));
  CHECK(fabric.diameter(0) == 4);
}

TEST_CASE("dies: closed forms of diameter and bisection still meet brute force",
          "[topology][closed-form]") {
  for (const auto& spec : {system(1, 4, {torus_plane({4})}), system(1, 3, {torus_plane({3})}),
                           system(1, 6, {torus_plane({3, 2})}), system(1, 4, {mesh_plane(3)}),
                           system(1, 3, {mesh_plane(3)}), system(2, 2, {clos_plane(2, 2.0)})}) {
    const Fabric fabric = build(spec, 2);
    INFO(fabric.devices());
    CHECK(fabric.diameter(0) == brute_force_diameter(fabric, 0));
    CHECK_THAT(fabric.bisection_bandwidth(0).value(),
               WithinRel(brute_force_bisection(fabric), 1e-9));
  }
}

TEST_CASE("GB200 NVL72: 18 sub-planes, 900 GB/s each way per device, one switch between any two",
          "[topology][closed-form]") {
  PlaneSpec nvlink = switch_plane(18, 18);
  nvlink.name = "nvlink";
  LinkParts links = parts();
  links["fast"].bandwidth = BytesPerSecond(50e9);
  const Fabric fabric = build_fabric(system(18, 4, {nvlink}), chip(), links);
  CHECK(fabric.devices() == 72);
  CHECK(fabric.planes()[0].sub_planes == 18);
  CHECK_THAT(fabric.planes()[0].device_capacity.value(), WithinRel(900e9, 1e-12));
  CHECK(fabric.links()[0].members == 18);
  CHECK(fabric.links().size() == 2 * 72);
  CHECK_THAT(tier(fabric, "device-up").capacity.value(), WithinRel(64.8e12, 1e-12));
  CHECK(fabric.diameter(0) == 2);
}

TEST_CASE("SuperPOD: 128 nodes, 4 pods of 8 rail leaves with 32 ports down and up",
          "[topology][closed-form]") {
  PlaneSpec nvlink = switch_plane(18, 4), rails = rail_plane(32, 8, 1.0);
  nvlink.name = "nvlink";
  nvlink.domain = 8;
  rails.name = "ib";
  rails.links_per_device = 1;
  rails.uplink = "";
  rails.sub_planes = 1;
  rails.spines = 16;
  const Fabric fabric = build(system(128, 8, {nvlink, rails}));
  const auto leaf_up = fabric.route(1, 0, 1).front().links.at(1);
  CHECK(fabric.links()[leaf_up].members == 32);
  CHECK(fabric.tiers()[fabric.links()[leaf_up].tier].links == 4 * 8);
  CHECK(fabric.route(1, 0, 31 * 8).front().links.size() == 2);
  CHECK(fabric.route(1, 0, 32 * 8).front().links.size() == 4);
  CHECK(fabric.instance_of(0, 1023) == 127);
  CHECK_THAT(fabric.bisection_bandwidth(1).value(), WithinRel(512 * 10e9, 1e-12));
}

TEST_CASE("links of a plane in instances are numbered instance by instance", "[topology]") {
  PlaneSpec nvlink = switch_plane(18, 4);
  nvlink.domain = 8;
  const Fabric fabric = build(system(16, 8, {nvlink}));
  const auto path = fabric.route(0, 42, 45).front();
  CHECK(fabric.link_name(path.links[0]) == "net/device-up/42");
  CHECK(fabric.link_name(path.links[1]) == "net/device-down/45");
  CHECK(fabric.link_ends(path.links[0]).to == fabric.devices() + 42 / 8);
}
