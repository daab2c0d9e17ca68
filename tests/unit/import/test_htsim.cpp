// HTsim's fat trees.
#include <catch2/catch.hpp>

#include "imported.hpp"

using namespace xpusim;
using namespace xpusim::testing;
using Catch::Matchers::WithinRel;

TEST_CASE("three tiers become a fat tree with the file's switches and rates", "[import][htsim]") {
  Loaded l(import_system(import_data("three_tiers.topo")));
  const PlaneSpec& p = l.system.planes.at(0);
  CHECK(p.shape == PlaneShape::fat_tree);
  CHECK(l.fabric.devices() == 48);
  CHECK(p.devices_per_leaf == 4);
  CHECK(p.leaves_per_pod == 4);
  CHECK(p.spines == 2);                  // Radix_Up 2, a link to each
  CHECK(p.cores_per_spine == 2);         // Radix_Up 4, bundles of 2
  CHECK(p.oversubscription == 2.0);      // 4 x 100 below, 2 x 100 above
  CHECK(p.pod_oversubscription == 2.0);  // 4 x 100 below, 4 x 50 above
  const double gbit = 1e9 / 8;
  const auto capacity = [&](std::size_t tier) { return l.fabric.tiers()[tier].capacity.value(); };
  CHECK_THAT(capacity(0), WithinRel(48 * 100 * gbit, 1e-12));
  CHECK_THAT(capacity(1), WithinRel(12 * 2 * 100 * gbit, 1e-12));
  CHECK_THAT(capacity(2), WithinRel(3 * 2 * 4 * 50 * gbit, 1e-12));
  CHECK(l.unsourced().empty());
  CHECK(mentions(l.imported.ignored, "Queue_Up (buffers are not modelled)"));
}

TEST_CASE("every kind of path has the sum of its links' and switches' latencies",
          "[import][htsim][closed-form]") {
  const Loaded l(import_system(import_data("three_tiers.topo")));
  const auto latency = [&](DeviceId to) {
    return l.fabric.route(0, 0, to)[0].latency.value() * 1e9;
  };
  // links 300, 500, 1000; switches 100, 200, 400
  CHECK_THAT(latency(1), WithinRel(2 * 300 + 100.0, 1e-9));
  CHECK_THAT(latency(4), WithinRel(2 * 300 + 2 * 500 + 2 * 100 + 200.0, 1e-9));
  CHECK_THAT(latency(16),
             WithinRel(2 * 300 + 2 * 500 + 2 * 1000 + 2 * 100 + 2 * 200 + 400.0, 1e-9));
}

TEST_CASE("two tiers become leaves and spines", "[import][htsim]") {
  const Loaded l(import_system(
      {"leaf-spine.topo",
       "nodes 32\ntiers 2\npodsize 32\ntier 0\ndownlink_speed_gbps 100\nradix_down 8\nradix_up 2\n"
       "downlink_latency_ns 1000\noversubscribed 4\ntier 1\ndownlink_speed_gbps 100\nradix_down 4\n"
       "downlink_latency_ns 1000\n"},
      {}, {}));
  CHECK(l.system.planes.at(0).shape == PlaneShape::clos);
  CHECK(l.system.planes.at(0).spines == 2);
  CHECK_THAT(l.fabric.tiers()[1].capacity.value(), WithinRel(4 * 2 * 12.5e9, 1e-12));
  CHECK(l.fabric.route(0, 0, 31)[0].links.size() == 4);
}
