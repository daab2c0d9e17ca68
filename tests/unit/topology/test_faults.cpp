// Lost sub-planes keep the symmetry and the bundles; single faults break it into members.
#include <catch2/catch.hpp>

#include "graph.hpp"
#include "xpusim/diagnostic.hpp"

using namespace xpusim;
using namespace xpusim::testing;
using Catch::Matchers::WithinRel;

namespace {

Fabric cloudmatrix(std::vector<LinkFault> faults, Spreading spreading = Spreading::spray,
                   int lost = 0) {
  PlaneSpec plane = cloudmatrix_plane();
  plane.faults = std::move(faults);
  plane.spreading = spreading;
  plane.lost_sub_planes = lost;
  return build(system(48, 8, {plane}));
}

}  // namespace

TEST_CASE("a lost sub-plane of 7 leaves 6/7 of every bundle, in one path", "[topology]") {
  const Fabric whole = cloudmatrix({}), less = cloudmatrix({}, Spreading::spray, 1);
  REQUIRE(less.links().size() == whole.links().size());
  for (LinkId l = 0; l < whole.links().size(); l += 97) {
    CHECK_THAT(less.links()[l].nominal.value(),
               WithinRel(whole.links()[l].nominal.value() * 6 / 7, 1e-12));
  }
  CHECK(less.route(0, 0, 8).size() == 1);
  CHECK(less.planes()[0].sub_planes == 6);
  CHECK(less.planes()[0].bundled);
  CHECK_THAT(less.bisection_bandwidth(0).value(),
             WithinRel(whole.bisection_bandwidth(0).value() * 6 / 7, 1e-12));
}

TEST_CASE("losing a sub-plane never raises a capacity", "[topology][property]") {
  for (const NamedSystem& one : zoo()) {
    INFO(one.name);
    double last_device = 1e300, last_cut = 1e300;
    std::vector<double> last_tiers(build(one.system, one.dies).tiers().size(), 1e300);
    for (int lost = 0; lost < 5; ++lost) {
      SystemSpec spec = one.system;
      spec.planes[0].sub_planes = 5;
      spec.planes[0].lost_sub_planes = lost;
      const Fabric fabric = build(spec, one.dies);
      CHECK(fabric.planes()[0].device_capacity.value() < last_device);
      CHECK(fabric.bisection_bandwidth(0).value() < last_cut);
      last_device = fabric.planes()[0].device_capacity.value();
      last_cut = fabric.bisection_bandwidth(0).value();
      for (std::size_t t = 0; t < last_tiers.size(); ++t) {
        if (fabric.tiers()[t].plane != 0) continue;
        CHECK(fabric.tiers()[t].capacity.value() < last_tiers[t]);
        last_tiers[t] = fabric.tiers()[t].capacity.value();
      }
    }
  }
}

TEST_CASE("members of a position add up to its bundle", "[topology][property]") {
  for (const NamedSystem& one : zoo()) {
    INFO(one.name);
    SystemSpec sprayed = one.system, hashed = one.system;
    sprayed.planes[0].faults.clear();
    hashed.planes[0].faults.clear();
    sprayed.planes[0].spreading = Spreading::spray;
    hashed.planes[0].spreading = Spreading::hash;
    const Fabric a = build(sprayed, one.dies), b = build(hashed, one.dies);
    REQUIRE(a.tiers().size() == b.tiers().size());
    for (std::size_t t = 0; t < a.tiers().size(); ++t) {
      CHECK_THAT(b.tiers()[t].capacity.value(), WithinRel(a.tiers()[t].capacity.value(), 1e-9));
    }
    CHECK_THAT(b.bisection_bandwidth(0).value(), WithinRel(a.bisection_bandwidth(0).value(), 1e-9));
  }
}

TEST_CASE("a dead device link: the transfer sprays over the other 6 sub-planes", "[topology]") {
  const Fabric fabric = cloudmatrix({{"device-up", 3, 0.0}});  // device 0, sub-plane 3
  const auto paths = fabric.route(0, 0, 8);
  REQUIRE(paths.size() == 6);
  for (const Path& path : paths) {
    CHECK_THAT(path.share, WithinRel(1.0 / 6, 1e-12));
    CHECK(path.links[0] != 3);
  }
  CHECK(fabric.route(0, 8, 0).size() == 7);  // the other direction is healthy
  CHECK(fabric.route(0, 1, 8).size() == 7);
  CHECK(fabric.to_switch(0, 0).size() == 6);
  CHECK(fabric.from_switch(0, 0).size() == 7);
}

TEST_CASE("a weak device link carries in proportion to what is left of it", "[topology]") {
  const Fabric fabric = cloudmatrix({{"device-up", 3, 0.5}});
  const auto paths = fabric.route(0, 0, 8);
  REQUIRE(paths.size() == 7);
  CHECK_THAT(paths[3].share, WithinRel(0.5 / 6.5, 1e-12));
  CHECK_THAT(paths[0].share, WithinRel(1.0 / 6.5, 1e-12));
  // 2 links of 28 GB/s, half of them left, at 90 %
  CHECK_THAT(fabric.links()[3].capacity.value(), WithinRel(28e9 * 0.9, 1e-12));
  CHECK_THAT(tier(fabric, "device-up").capacity.value(),
             WithinRel((384 * 14 - 1) * 28e9 * 0.9, 1e-12));
}

TEST_CASE("a dead uplink to one spine leaves 7 * 16 - 1 paths", "[topology]") {
  const Fabric fabric = cloudmatrix({{"leaf-up", 0, 0.0}});  // leaf 0, sub-plane 0, spine 0
  const auto paths = fabric.route(0, 0, 8);
  REQUIRE(paths.size() == 111);
  for (const Path& path : paths) CHECK_THAT(path.share, WithinRel(1.0 / 111, 1e-12));
  CHECK(fabric.route(0, 8, 16).size() == 112);
  CHECK(fabric.route(0, 0, 1).size() == 7);
  CHECK(tier(fabric, "leaf-up").links == 48 * 7 * 16);
}

TEST_CASE("a dead link between pod and core leaves the other ways of its sub-plane and spine",
          "[topology]") {
  PlaneSpec plane = fat_tree_plane(2, 4);  // 2 sub-planes, 2 spines, 3 cores each
  plane.faults = {{"pod-up", 4, 0.0}};     // pod 0, sub-plane 0, spine 1, core 1
  const Fabric fabric = build(system(6, 4, {plane}));
  const auto paths = fabric.route(0, 0, 8);
  REQUIRE(paths.size() == 2 * 2 * 3 - 1);
  for (const Path& path : paths) {
    CHECK_THAT(path.share, WithinRel(1.0 / 11, 1e-12));
    CHECK(fabric.links()[path.links[2]].index != 4);
  }
  CHECK(fabric.route(0, 8, 0).size() == 12);
  CHECK(fabric.route(0, 0, 4).size() == 2 * 2);  // within the pod
  CHECK(fabric.route(0, 0, 1).size() == 2);
}

TEST_CASE("a fault below the pods tells spines apart and keeps core switches bundled",
          "[topology]") {
  PlaneSpec plane = fat_tree_plane(2, 4);
  plane.faults = {{"leaf-down", 4 * 4, 0.0}};  // leaf 4, sub-plane 0, spine 0
  const Fabric fabric = build(system(6, 4, {plane}));
  CHECK(fabric.route(0, 0, 8).size() == 2 * 2 - 1);
  CHECK(fabric.route(0, 8, 0).size() == 2 * 2);
  CHECK(tier(fabric, "pod-up").links == 3 * 2 * 2);
}

TEST_CASE("a fault keeps the sum of shares and never raises a tier", "[topology][property]") {
  const Fabric whole = cloudmatrix({});
  for (const double left : {0.0, 0.3, 0.9}) {
    const Fabric fabric = cloudmatrix({{"leaf-down", 40, left}, {"device-down", 60, left}});
    double sum = 0;
    for (const Path& path : fabric.route(0, 100, 8)) sum += path.share;
    CHECK_THAT(sum, WithinRel(1.0, 1e-12));
    for (std::size_t t = 0; t < whole.tiers().size(); ++t) {
      CHECK(fabric.tiers()[t].capacity.value() <= whole.tiers()[t].capacity.value() * (1 + 1e-12));
    }
  }
}

TEST_CASE("under hashing a dead link moves its own flows and no others", "[topology]") {
  const Fabric whole = cloudmatrix({}, Spreading::hash);
  const Fabric faulty = cloudmatrix({{"leaf-up", 5, 0.0}}, Spreading::hash);
  int moved = 0;
  for (std::uint64_t hash = 0; hash < 2000; ++hash) {
    const auto before = whole.route(0, 0, 8, hash), after = faulty.route(0, 0, 8, hash);
    REQUIRE(after.size() == 1);
    const bool hit = whole.links()[before[0].links[1]].index == 5;
    moved += hit ? 1 : 0;
    if (hit == (before[0].links == after[0].links)) FAIL_CHECK("hash " << hash);
  }
  CHECK(moved > 0);
}

TEST_CASE("lost sub-planes stay as dead links where members are told apart", "[topology]") {
  const Fabric fabric = cloudmatrix({}, Spreading::hash, 2);
  CHECK(tier(fabric, "device-up").links == 384 * 7);
  for (std::uint64_t hash = 0; hash < 200; ++hash) {
    CHECK(fabric.links()[fabric.route(0, 3, 300, hash)[0].links[0]].index % 7 < 5);
  }
  CHECK(fabric.links()[6].nominal.value() == 0.0);
  CHECK(cloudmatrix({{"device-up", 0, 0.5}}, Spreading::spray, 2).route(0, 9, 20).size() == 5);
}

TEST_CASE("faults that leave no path are told, with the devices", "[topology][refusal]") {
  PlaneSpec plane = switch_plane(4);
  plane.faults = {{"device-up", 2, 0.0}, {"device-down", 4, 0.0}};
  const Fabric fabric = build(system(1, 6, {plane}));
  CHECK_THROWS_AS(fabric.route(0, 2, 3), InputError);
  CHECK_THROWS_WITH(fabric.route(0, 2, 3),
                    Catch::Contains("faults leave no path on plane 'net' from device 2 to 3"));
  CHECK_THROWS_WITH(
      fabric.to_switch(0, 2),
      Catch::Contains("faults leave no path on plane 'net' from device 2 to its switch"));
  CHECK_THROWS_WITH(
      fabric.from_switch(0, 4),
      Catch::Contains("faults leave no path on plane 'net' from its switch to device 4"));
  CHECK(fabric.route(0, 3, 2).size() == 1);
}
