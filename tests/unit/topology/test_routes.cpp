// Properties that every shape keeps, checked over all pairs of small systems.
#include <catch2/catch.hpp>

#include <set>

#include "graph.hpp"
#include "xpusim/diagnostic.hpp"

using namespace xpusim;
using namespace xpusim::testing;
using Catch::Matchers::WithinRel;

namespace {

bool leads(const Fabric& fabric, const Path& path, DeviceId from, DeviceId to) {
  std::uint32_t at = from;
  for (const LinkId l : path.links) {
    if (fabric.link_ends(l).from != at || !(fabric.links()[l].nominal.value() > 0)) return false;
    at = fabric.link_ends(l).to;
  }
  return at == to;
}

double hops_latency(const Fabric& fabric, const Path& path) {
  double sum = 0;
  for (const LinkId l : path.links) sum += fabric.links()[l].latency.value();
  return sum;
}

}  // namespace

TEST_CASE("every route leads over living links from its start to its end", "[topology][property]") {
  for (const NamedSystem& one : zoo()) {
    INFO(one.name);
    const Fabric fabric = build(one.system, one.dies);
    for (PlaneId p = 0; p < fabric.planes().size(); ++p) {
      bool all = true;
      for_pairs(fabric, p, [&](DeviceId from, DeviceId to) {
        // zoo() gives faulty planes three sub-planes, so that some path is left.
        for (std::uint64_t hash = 0; hash < 3; ++hash) {
          for (const Path& path : fabric.route(p, from, to, hash)) {
            all = all && leads(fabric, path, from, to);
          }
        }
      });
      CHECK(all);
    }
  }
}

TEST_CASE("the shares of a transfer sum to 1", "[topology][property]") {
  for (const NamedSystem& one : zoo()) {
    INFO(one.name);
    const Fabric fabric = build(one.system, one.dies);
    for_pairs(fabric, 0, [&](DeviceId from, DeviceId to) {
      double sum = 0;
      for (const Path& path : fabric.route(0, from, to)) sum += path.share;
      if (std::abs(sum - 1) > 1e-12) FAIL_CHECK(from << " to " << to << ": " << sum);
    });
  }
}

TEST_CASE("a path's latency is its hops' and the endpoint's, the same both ways",
          "[topology][property]") {
  for (const NamedSystem& one : zoo()) {
    INFO(one.name);
    const Fabric fabric = build(one.system, one.dies);
    const double endpoint = fabric.planes()[0].endpoint_latency.value();
    for_pairs(fabric, 0, [&](DeviceId from, DeviceId to) {
      double there = 0, back = 0;
      for (const Path& path : fabric.route(0, from, to)) {
        const double expected = endpoint + hops_latency(fabric, path);
        if (std::abs(path.latency.value() - expected) > 1e-15) FAIL_CHECK(from << " to " << to);
        there += path.share * path.latency.value();
      }
      for (const Path& path : fabric.route(0, to, from)) back += path.share * path.latency.value();
      // Minimal dragonfly routes differ in length between channels: a hash may pick another back.
      const bool free_choice = fabric.planes()[0].shape == PlaneShape::dragonfly;
      if (!free_choice && std::abs(there - back) > 1e-15) FAIL_CHECK(from << " and " << to);
    });
  }
}

TEST_CASE("routes are as short as the graph allows, and none exceeds the diameter",
          "[topology][property]") {
  for (const NamedSystem& one : zoo()) {
    INFO(one.name);
    const Fabric fabric = build(one.system, one.dies);
    // A dragonfly's minimal route takes one global link; the graph may know a way over two.
    const bool shortest = fabric.planes()[0].shape != PlaneShape::dragonfly;
    for (DeviceId from = 0; from < fabric.devices(); ++from) {
      const std::vector<int> distance = distances_from(fabric, 0, from);
      for (DeviceId to = 0; to < fabric.devices(); ++to) {
        if (from == to || fabric.instance_of(0, from) != fabric.instance_of(0, to)) continue;
        for (const Path& path : fabric.route(0, from, to)) {
          const int hops = static_cast<int>(path.links.size());
          if (hops > fabric.diameter(0) || hops < distance[to] ||
              (shortest && hops > distance[to])) {
            FAIL_CHECK(from << " to " << to << " takes " << hops);
          }
        }
      }
    }
  }
}

TEST_CASE("a transfer to itself has one path without links", "[topology]") {
  const Fabric fabric = build(system(1, 6, {switch_plane(4)}));
  const std::vector<Path> paths = fabric.route(0, 3, 3);
  REQUIRE(paths.size() == 1);
  CHECK(paths[0].links.empty());
  CHECK(paths[0].share == 1.0);
  CHECK(paths[0].latency.value() == 0.0);
}

TEST_CASE("the same flow hash takes the same path", "[topology][property]") {
  for (const NamedSystem& one : zoo()) {
    INFO(one.name);
    const Fabric first = build(one.system, one.dies), second = build(one.system, one.dies);
    bool same = true;
    for_pairs(first, 0, [&](DeviceId from, DeviceId to) {
      const auto a = first.route(0, from, to, 7), b = second.route(0, from, to, 7);
      same = same && a.size() == b.size() && a.front().links == b.front().links;
    });
    CHECK(same);
  }
}

TEST_CASE("flow hashes spread evenly over sub-planes and spines", "[topology][property]") {
  PlaneSpec plane = cloudmatrix_plane();
  plane.spreading = Spreading::hash;
  const Fabric fabric = build(system(48, 8, {plane}));
  std::map<LinkId, int> flows;
  const int all = 112'000;  // 1000 for each of 7 * 16 ways: binomial, standard deviation 31
  for (int hash = 0; hash < all; ++hash) {
    ++flows[fabric.route(0, 0, 8, static_cast<std::uint64_t>(hash)).front().links[1]];
  }
  CHECK(flows.size() == 112);
  for (const auto& [link, count] : flows) {
    INFO(fabric.link_name(link));
    CHECK(std::abs(count - 1000) < 5 * 31);
  }
}

TEST_CASE("a fat tree's flows choose aggregation and core switches independently",
          "[topology][property]") {
  PlaneSpec plane = fat_tree_plane(2, 4);
  plane.sub_planes = 1;
  plane.spines = plane.cores_per_spine = 4;
  plane.spreading = Spreading::hash;
  const Fabric fabric = build(system(6, 4, {plane}));
  std::map<std::uint32_t, int> flows;  // by pair of switches
  const int all = 16'000;              // 1000 for each of 4 * 4 pairs: standard deviation 31
  for (int hash = 0; hash < all; ++hash) {
    ++flows[fabric.links()[fabric.route(0, 0, 8, static_cast<std::uint64_t>(hash))[0].links[2]]
                .index];
  }
  CHECK(flows.size() == 16);
  for (const auto& [link, count] : flows) {
    INFO(link);
    CHECK(std::abs(count - 1000) < 5 * 31);
  }
  // So do the flows that met at one aggregation switch: another pair's choice does not follow.
  std::map<std::uint32_t, int> met;
  for (int hash = 0; hash < all; ++hash) {
    const auto h = static_cast<std::uint64_t>(hash);
    if (fabric.links()[fabric.route(0, 0, 8, h)[0].links[1]].index != 0) continue;
    ++met[fabric.links()[fabric.route(0, 1, 9, h)[0].links[2]].index];
  }
  CHECK(met.size() == 16);
  for (const auto& [link, count] : met) CHECK(std::abs(count - 250) < 5 * 16);
}

TEST_CASE("pairs with the same flow hash do not all take one member", "[topology]") {
  PlaneSpec plane = cloudmatrix_plane();
  plane.spreading = Spreading::hash;
  const Fabric fabric = build(system(48, 8, {plane}));
  std::set<std::uint32_t> sub_planes;
  for (DeviceId to = 8; to < 72; ++to) {
    sub_planes.insert(fabric.links()[fabric.route(0, 0, to).front().links[0]].index % 7);
  }
  CHECK(sub_planes.size() == 7);
}

TEST_CASE("names change nothing but names", "[topology][property]") {
  for (const NamedSystem& one : zoo()) {
    INFO(one.name);
    SystemSpec renamed = one.system;
    renamed.info.name = "other";
    renamed.planes[0].name = "zz";
    const Fabric a = build(one.system, one.dies), b = build(renamed, one.dies);
    REQUIRE(a.links().size() == b.links().size());
    bool same = a.bisection_bandwidth(0) == b.bisection_bandwidth(0);
    for_pairs(a, 0, [&](DeviceId from, DeviceId to) {
      same = same && a.route(0, from, to, 3).front().links == b.route(0, from, to, 3).front().links;
    });
    CHECK(same);
    CHECK(b.link_name(0) == "zz" + a.link_name(0).substr(a.planes()[0].name.size()));
  }
}

TEST_CASE("uniform traffic loads all links of a healthy tier alike", "[topology][property]") {
  for (const auto& spec :
       {system(1, 6, {switch_plane(4, 2)}), system(4, 3, {clos_plane(3, 2.0)}),
        system(1, 5, {mesh_plane(8)}), system(1, 24, {torus_plane({4, 6})}),
        system(6, 4, {rail_plane(6, 2, 1.5)}), system(6, 4, {fat_tree_plane(2, 4, 1.5, 2.0)})}) {
    const Fabric fabric = build(spec);
    const std::vector<double> load = all_to_all_load(fabric, 0);
    std::vector<double> first(fabric.tiers().size(), -1);
    for (LinkId l = 0; l < load.size(); ++l) {
      double& expected = first[fabric.links()[l].tier];
      if (expected < 0) expected = load[l];
      CHECK_THAT(load[l], WithinRel(expected, 1e-12));
    }
  }
}

TEST_CASE("all-to-all on an axis of k loads each link with n k / 8, odd axes n (k^2 - 1) / (8 k)",
          "[topology][closed-form]") {
  const Fabric fabric = build(system(1, 60, {torus_plane({4, 5, 3})}));
  const std::vector<double> load = all_to_all_load(fabric, 0);
  // Mean distance round a ring of k: k / 4 (even), (k^2 - 1) / (4 k) (odd); n * n pairs, 2 n links.
  const double expected[] = {60 * 4 / 8.0, 60 * (25 - 1) / (8.0 * 5), 60 * (9 - 1) / (8.0 * 3)};
  for (LinkId l = 0; l < load.size(); ++l) {
    CHECK_THAT(load[l], WithinRel(expected[fabric.links()[l].tier], 1e-12));
  }
}

TEST_CASE("in-switch reduction goes up and down on the device's own links, one message in all",
          "[topology]") {
  const Fabric fabric = build(system(4, 3, {clos_plane(3, 2.0)}));
  const auto up = fabric.to_switch(0, 7), down = fabric.from_switch(0, 7);
  REQUIRE(up.size() == 1);
  REQUIRE(down.size() == 1);
  CHECK(fabric.link_name(up[0].links.at(0)) == "net/device-up/7");
  CHECK(fabric.link_name(down[0].links.at(0)) == "net/device-down/7");
  // endpoint 1000 + hop 100 + switch 200; then a hop of 100 to the device
  CHECK_THAT(up[0].latency.value(), WithinRel(1300e-9, 1e-9));
  CHECK_THAT(down[0].latency.value(), WithinRel(100e-9, 1e-9));
  CHECK(fabric.switch_of(0, 7) == 2u);
  CHECK(fabric.link_ends(up[0].links[0]).to == fabric.link_ends(down[0].links[0]).from);
}

TEST_CASE("a torus has no switch to go to", "[topology]") {
  const Fabric fabric = build(system(1, 12, {torus_plane({4, 3})}));
  CHECK_FALSE(fabric.switch_of(0, 1).has_value());
  CHECK_THROWS_WITH(fabric.to_switch(0, 1), "plane 'net' has no switches");
}

TEST_CASE("devices of different instances have no route", "[topology]") {
  PlaneSpec plane = switch_plane(4);
  plane.domain = 8;
  const Fabric fabric = build(system(2, 8, {plane}));
  CHECK_THROWS_WITH(fabric.route(0, 7, 8),
                    "no route on plane 'net' from device 7 to 8: not one instance");
}

TEST_CASE("a group takes the fastest plane that connects it, never the management plane",
          "[topology]") {
  PlaneSpec fast = switch_plane(4), slow = clos_plane(8, 1.0), management = switch_plane(100);
  fast.domain = 8;
  slow.name = "rdma", management.name = "vpc";
  management.role = PlaneRole::management;
  const Fabric fabric = build(system(2, 8, {slow, fast, management}));
  const std::vector<DeviceId> inside{8, 15}, across{7, 8};
  CHECK(fabric.plane_for(inside) == PlaneId{1});
  CHECK(fabric.plane_for(across) == PlaneId{0});
  CHECK(fabric.connects(1, inside));
  CHECK_FALSE(fabric.connects(1, across));
  CHECK(fabric.find_plane("vpc") == PlaneId{2});
  CHECK_FALSE(fabric.find_plane("ub").has_value());
}

TEST_CASE("equally fast planes: the first one is taken, no common plane: none", "[topology]") {
  PlaneSpec first = switch_plane(4), second = switch_plane(4);
  first.domain = second.domain = 4;
  second.name = "other";
  const Fabric fabric = build(system(2, 4, {first, second}));
  const std::vector<DeviceId> inside{0, 3}, across{0, 4};
  CHECK(fabric.plane_for(inside) == PlaneId{0});
  CHECK_FALSE(fabric.plane_for(across).has_value());
}
