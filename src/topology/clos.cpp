// Two levels: consecutive devices share a leaf, every leaf reaches every spine. In CloudMatrix a
// leaf is a node.
#include <algorithm>

#include <fmt/format.h>

#include "topology/two_level.hpp"

namespace xpusim::topology {
namespace {

struct Consecutive {
  static std::uint32_t leaf(const Layout& l, std::uint32_t device) {
    return device / l.counts[two_level::kLeafSize];
  }
};
using Routing = two_level::Routing<Consecutive>;

void lay(PlaneBuilder& b) {
  if (!b.positive(b.spec.devices_per_leaf, "devices_per_leaf")) return;
  const std::uint32_t under_leaf =
      std::min(static_cast<std::uint32_t>(b.spec.devices_per_leaf), b.packages);
  if (b.packages % under_leaf != 0) {
    b.refuse(
        "shape-leaf",
        fmt::format("leaves of {} packages do not divide a domain of {}", under_leaf, b.packages),
        fmt::format("use {} or {} packages, or other 'devices_per_leaf'",
                    b.packages / under_leaf * under_leaf,
                    (b.packages / under_leaf + 1) * under_leaf));
    return;
  }
  const std::uint32_t leaves = b.packages / under_leaf;
  b.layout.counts = {leaves, under_leaf * b.dies, 0, 0};
  two_level::lay_tiers(b, leaves, static_cast<std::uint32_t>(b.spec.devices_per_leaf) * b.dies);
}

}  // namespace

constinit const Shape kClos{PlaneShape::clos,
                            "clos",
                            "two levels: leaves of consecutive devices under spines",
                            true,
                            lay,
                            Routing::variants,
                            Routing::walk,
                            Routing::ends,
                            Routing::first_switch,
                            two_level::first_switches,
                            two_level::diameter,
                            two_level::bisection};

}  // namespace xpusim::topology
