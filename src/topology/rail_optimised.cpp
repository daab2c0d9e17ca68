// Rail-optimised leaves (NVIDIA DGX SuperPOD reference architecture, DGX H100, "compute fabric"):
// package i of a node hangs from rail leaf i % rails of its pod, so that equal positions of a pod's
// nodes are one leaf apart.
#include <fmt/format.h>

#include "topology/two_level.hpp"

namespace xpusim::topology {
namespace {

struct ByRail {
  static std::uint32_t leaf(const Layout& l, std::uint32_t device) {
    using namespace two_level;
    const std::uint32_t package = device / l.counts[kDies];
    const std::uint32_t rail = package % l.counts[kNodeSize] % l.counts[kRails];
    return device / l.counts[kPodSize] * l.counts[kRails] + rail;
  }
};
using Routing = two_level::Routing<ByRail>;

/// Packages of one pod: the nodes whose packages fill one set of rail leaves; 0 = refused.
std::uint32_t pod_packages(PlaneBuilder& b) {
  const PlaneSpec& s = b.spec;
  if (!b.positive(s.devices_per_leaf, "devices_per_leaf") || !b.positive(s.rails, "rails"))
    return 0;
  const auto rails = static_cast<std::uint32_t>(s.rails);
  if (b.packages_per_node % rails != 0) {
    b.refuse(
        "shape-rails",
        fmt::format("{} rails do not divide the {} packages of a node", rails, b.packages_per_node),
        "use a number of rails that divides the packages of a node");
    return 0;
  }
  const std::uint32_t pod = static_cast<std::uint32_t>(s.devices_per_leaf) * rails;
  if (pod % b.packages_per_node != 0) {
    b.refuse(
        "shape-leaf",
        fmt::format("{} packages per leaf on {} rails do not fill whole nodes of {}",
                    s.devices_per_leaf, rails, b.packages_per_node),
        fmt::format("use a multiple of {} for 'devices_per_leaf'", b.packages_per_node / rails));
    return 0;
  }
  if (b.packages % b.packages_per_node != 0) {
    b.refuse("shape-rails",
             fmt::format("a domain of {} packages does not hold whole nodes of {}", b.packages,
                         b.packages_per_node),
             "use a multiple of the packages of a node for 'domain'");
    return 0;
  }
  return pod;
}

// Real clusters seldom fill their last pod (SuperPOD: 127 nodes of 4 x 32): its leaves hang there
// with fewer devices and all uplinks.
void lay(PlaneBuilder& b) {
  const std::uint32_t pod = pod_packages(b);
  if (pod == 0) return;
  const auto rails = static_cast<std::uint32_t>(b.spec.rails);
  const std::uint32_t left_over = b.packages % pod;
  const std::uint32_t pods = b.packages / pod + (left_over > 0 ? 1 : 0);
  const std::uint32_t leaf_size = pod / rails * b.dies;
  b.layout.counts = {
      pods * rails, leaf_size, left_over > 0 ? rails : 0, left_over / rails * b.dies, pod * b.dies,
      rails,        b.dies,    b.packages_per_node};
  two_level::lay_tiers(b, pods * rails, leaf_size);
}

}  // namespace

constinit const Shape kRailOptimised{
    PlaneShape::rail_optimised,
    "rail_optimised",
    "two levels: equal positions of a pod's nodes share a rail leaf",
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
