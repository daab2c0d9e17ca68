// What does not fit is refused with the way out.
#include <catch2/catch.hpp>

#include "graph.hpp"
#include "xpusim/diagnostic.hpp"

using namespace xpusim;
using namespace xpusim::testing;

namespace {

template <class Change>
PlaneSpec changed(PlaneSpec plane, Change change) {
  change(plane);
  return plane;
}

}  // namespace

TEST_CASE("dimensions must span the domain", "[topology][refusal]") {
  CHECK(refusal(system(1, 12, {torus_plane({4, 4})})) ==
        "shape-dimensions: plane 'net': dimensions [4, 4] span 16 packages, the domain has 12 | "
        "write dimensions whose product is 12");
  CHECK(refusal(system(1, 12, {torus_plane({})})) ==
        "shape-number: plane 'net': 'links_per_device' is 0 | write a number above 0");
  CHECK(
      refusal(system(1, 12, {changed(torus_plane({}), [](auto& p) { p.links_per_device = 4; })})) ==
      "shape-dimensions: plane 'net': dimensions [] span 0 packages, the domain has 12 | "
      "write dimensions whose product is 12");
  CHECK(refusal(system(1, 12, {torus_plane({12, 0})})) ==
        "shape-number: plane 'net': 'dimensions' is 0 | write a number of at least 1");
}

TEST_CASE("leaves must divide the domain", "[topology][refusal]") {
  CHECK(refusal(system(3, 4, {clos_plane(8, 1.0)})) ==
        "shape-leaf: plane 'net': leaves of 8 packages do not divide a domain of 12 | "
        "use 8 or 16 packages, or other 'devices_per_leaf'");
  CHECK(refusal(system(3, 4, {clos_plane(0, 1.0)})) ==
        "shape-number: plane 'net': 'devices_per_leaf' is 0 | write a number of at least 1");
  CHECK(refusal(system(6, 4, {rail_plane(3, 2, 1.0)})) ==
        "shape-leaf: plane 'net': 3 packages per leaf on 2 rails do not fill whole nodes of 4 | "
        "use a multiple of 2 for 'devices_per_leaf'");
  CHECK(refusal(system(6, 4, {rail_plane(3, 3, 1.0)})) ==
        "shape-rails: plane 'net': 3 rails do not divide the 4 packages of a node | "
        "use a number of rails that divides the packages of a node");
  CHECK(refusal(system(6, 4, {changed(rail_plane(4, 4, 1.0), [](auto& p) { p.domain = 6; })})) ==
        "shape-rails: plane 'net': a domain of 6 packages does not hold whole nodes of 4 | "
        "use a multiple of the packages of a node for 'domain'");
}

TEST_CASE("a fat tree's leaves fill its pods, and its numbers are above 0", "[topology][refusal]") {
  CHECK(refusal(system(3, 4, {fat_tree_plane(8, 2)})) ==
        "shape-leaf: plane 'net': leaves of 8 packages do not divide 12 | "
        "use 8 or 16 packages, or other 'devices_per_leaf'");
  CHECK(refusal(system(3, 4, {fat_tree_plane(2, 4)})) ==
        "shape-leaf: plane 'net': pods of 4 leaves do not divide 6 | "
        "use 4 or 8 leaves, or other 'leaves_per_pod'");
  CHECK(refusal(system(3, 4, {fat_tree_plane(2, 0)})) ==
        "shape-number: plane 'net': 'leaves_per_pod' is 0 | write a number of at least 1");
  CHECK(refusal(system(3, 4, {fat_tree_plane(2, 3, 1.0, 0.0)})) ==
        "shape-number: plane 'net': 'pod_oversubscription' is 0 | write a number above 0: 1 = "
        "non-blocking, 2 = half of the bandwidth goes up");
  CHECK(refusal(system(3, 4,
                       {changed(fat_tree_plane(2, 3), [](auto& p) { p.cores_per_spine = 0; })})) ==
        "shape-number: plane 'net': 'cores_per_spine' is 0 | write a number of at least 1");
  CHECK(refusal(system(3, 4,
                       {changed(fat_tree_plane(2, 3), [](auto& p) { p.core_link = "sloww"; })})) ==
        "unknown-part: plane 'net': no link part 'sloww' | did you mean 'slow'?");
}

TEST_CASE("strided instances fill the system, and rails have no stride", "[topology][refusal]") {
  const auto with = [](int domain, int stride) {
    return system(3, 4, {changed(switch_plane(2), [=](auto& p) {
                    p.domain = domain;
                    p.stride = stride;
                  })});
  };
  CHECK(refusal(with(3, 4)).empty());
  CHECK(refusal(with(0, 4)).empty());
  CHECK(
      refusal(with(2, 4)) ==
      "plane-stride: plane 'net': 2 members 4 packages apart do not divide the 12 of the system | "
      "choose 'domain' times 'stride' so that it divides 12");
  CHECK(
      refusal(with(0, 5)) ==
      "plane-stride: plane 'net': 2 members 5 packages apart do not divide the 12 of the system | "
      "choose 'domain' times 'stride' so that it divides 12");
  CHECK(refusal(with(-1, 4)) ==
        "plane-stride: plane 'net': -1 members 4 packages apart do not divide the 12 of the system "
        "| choose 'domain' times 'stride' so that it divides 12");
  CHECK(refusal(with(3, 0)) ==
        "shape-number: plane 'net': 'stride' is 0 | write a number of at least 1");
  CHECK(
      refusal(system(6, 4, {changed(rail_plane(4, 4, 1.0), [](auto& p) { p.stride = 2; })})) ==
      "plane-stride: plane 'net': a strided plane has no rails: its members are not whole nodes | "
      "use a clos, or a stride of 1");
}

TEST_CASE("oversubscription is above 0", "[topology][refusal]") {
  for (const double o : {0.0, -1.0}) {
    CHECK_THAT(refusal(system(3, 4, {clos_plane(4, o)})),
               Catch::StartsWith("shape-number: plane 'net': 'oversubscription' is ") &&
                   Catch::EndsWith(" | write a number above 0: 1 = non-blocking, 2 = half of the "
                                   "bandwidth goes up"));
  }
}

TEST_CASE("an unknown link part is met with the nearest known one", "[topology][refusal]") {
  CHECK(refusal(system(1, 4, {changed(switch_plane(2), [](auto& p) { p.link = "fastt"; })})) ==
        "unknown-part: plane 'net': no link part 'fastt' | did you mean 'fast'?");
  CHECK(refusal(system(1, 4, {changed(switch_plane(2), [](auto& p) { p.uplink = "nvlink-9"; })})) ==
        "unknown-part: plane 'net': no link part 'nvlink-9' | known link parts: fast, slow, ub");
}

TEST_CASE("a domain divides the packages of the system", "[topology][refusal]") {
  const auto with = [](int domain) {
    return system(3, 4, {changed(switch_plane(2), [=](auto& p) { p.domain = domain; })});
  };
  CHECK(refusal(with(8)) ==
        "plane-domain: plane 'net': a domain of 8 packages does not divide the 12 of the system | "
        "use 8 or 16 packages, or another 'domain'");
  CHECK(refusal(with(24)) ==
        "plane-domain: plane 'net': a domain of 24 packages does not divide the 12 of the system | "
        "write a divisor of 12, or 0 for the whole system");
  CHECK(refusal(with(-1)) ==
        "plane-domain: plane 'net': a domain of -1 packages does not divide the 12 of the system | "
        "write a divisor of 12, or 0 for the whole system");
}

TEST_CASE("some sub-plane must be left", "[topology][refusal]") {
  CHECK(refusal(
            system(1, 4, {changed(switch_plane(2, 4), [](auto& p) { p.lost_sub_planes = 4; })})) ==
        "lost-sub-planes: plane 'net': 4 of 4 sub-planes are lost | lose 0 to 3");
  CHECK(refusal(system(1, 4, {switch_plane(2, 0)})) ==
        "shape-number: plane 'net': 'sub_planes' is 0 | write a number of at least 1");
}

TEST_CASE("faults name links that exist, once, and what is left of them", "[topology][refusal]") {
  const auto with = [](std::vector<LinkFault> faults) {
    return system(1, 4, {changed(switch_plane(4, 2), [&](auto& p) { p.faults = faults; })});
  };
  CHECK(refusal(with({{"leaf-up", 0, 0.5}})) ==
        "unknown-tier: plane 'net': a fault names tier 'leaf-up' | "
        "tiers of this plane: device-up, device-down");
  CHECK(refusal(with({{"device-up", 8, 0.5}})) ==
        "fault-range: plane 'net': a fault names link 8 of tier 'device-up' | use 0 to 7");
  CHECK(refusal(with({{"device-up", 7, 1.0}})) ==
        "fault-range: plane 'net': a fault leaves 1 of link 7 of tier 'device-up' | "
        "write the share that is left: 0 up to, not including, 1");
  CHECK(refusal(with({{"device-up", 7, 0.5}, {"device-up", 7, 0.0}})) ==
        "fault-twice: plane 'net': two faults name link 7 of tier 'device-up' | keep one of them");
}

TEST_CASE("dragonfly groups divide the domain and have the links they need",
          "[topology][refusal]") {
  CHECK(refusal(system(3, 4, {dragonfly_plane(2, 4, 1)})) ==
        "shape-group: plane 'net': groups of 8 packages do not divide a domain of 12 | choose "
        "'devices_per_router' times 'routers_per_group' so that it divides the domain");
  CHECK(refusal(system(3, 4, {dragonfly_plane(2, 2, 0)})) ==
        "shape-number: plane 'net': 3 groups and no global links | "
        "write a 'global_links_per_router' above 0");
  CHECK(refusal(system(
            3, 4,
            {changed(dragonfly_plane(2, 2, 1), [](auto& p) { p.local_links_per_pair = 0; })})) ==
        "shape-number: plane 'net': groups of several routers and no local links | "
        "write a 'local_links_per_pair' above 0");
}

TEST_CASE("reduction in switches needs switches", "[topology][refusal]") {
  CHECK(refusal(system(1, 4,
                       {changed(mesh_plane(3), [](auto& p) { p.in_switch_reduction = true; })})) ==
        "in-switch-reduction: plane 'net': a full_mesh has no switches to reduce in | "
        "set 'in_switch_reduction' to false");
}

TEST_CASE("planes have names of their own", "[topology][refusal]") {
  CHECK(refusal(system(1, 4, {switch_plane(2), switch_plane(2)})) ==
        "duplicate-plane: plane 'net': the name is taken | give every plane a name of its own");
  CHECK(refusal(system(1, 4, {changed(switch_plane(2), [](auto& p) { p.name = "die-to-die"; })}),
                2) ==
        "duplicate-plane: plane 'die-to-die': the name is kept for the links between the dies of a "
        "package | give the plane another name");
}

TEST_CASE("a mesh of a cluster is refused before it fills the memory", "[topology][refusal]") {
  CHECK(refusal(system(16384, 8, {mesh_plane(7)})) ==
        "fabric-size: plane 'net': tier 'mesh' needs 17179738112 links | a fabric holds up to "
        "50000000 links: use fewer devices, or a shape with switches");
}

TEST_CASE("dies without a link between them cannot carry ranks", "[topology][refusal]") {
  ChipSpec spec = chip(2);
  spec.dies.link_bandwidth = BytesPerSecond(0);
  try {
    (void)build_fabric(system(1, 4, {switch_plane(2)}), spec, parts(), {.rank = RankUnit::die});
    FAIL("not refused");
  } catch (const InputError& error) {
    CHECK(error.diagnostics().items().front().message ==
          "plane 'die-to-die': chip 'part' has 2 dies and no bandwidth between them");
  }
}

TEST_CASE("everything that is wrong is told at once", "[topology][refusal]") {
  PlaneSpec first = switch_plane(0), second = clos_plane(4, -1.0);
  first.link = "nothing";
  second.name = "other";
  try {
    (void)build(system(1, 12, {first, second}));
    FAIL("not refused");
  } catch (const InputError& error) {
    CHECK(error.diagnostics().items().size() == 3);
  }
}
