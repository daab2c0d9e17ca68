// A cluster of 16,384 devices.
#include <catch2/catch.hpp>

#include "graph.hpp"

using namespace xpusim;
using namespace xpusim::testing;

namespace {

SystemSpec large_cluster() {
  PlaneSpec nvlink = switch_plane(18, 4), rails = rail_plane(32, 8, 1.0);
  nvlink.name = "nvlink";
  nvlink.domain = 8;
  rails.name = "ib";
  return system(2048, 8, {nvlink, rails});
}

}  // namespace

TEST_CASE("2048 nodes of 8 take 4 links per device and 2 per leaf", "[topology]") {
  const Fabric fabric = build(large_cluster());
  CHECK(fabric.devices() == 16384);
  CHECK(fabric.links().size() == 4 * 16384 + 2 * 512);
}

TEST_CASE("any two of 16,384 devices have a route", "[topology]") {
  const Fabric fabric = build(large_cluster());
  std::uint32_t x = 1;
  for (int i = 0; i < 10'000; ++i) {
    x = x * 1664525u + 1013904223u;
    const DeviceId from = x >> 18, to = (x >> 4) & 16383u;
    const auto paths = fabric.route(1, from, to);
    REQUIRE_FALSE(paths.empty());
    if (from != to) REQUIRE(paths.front().links.size() >= 2);
  }
}
