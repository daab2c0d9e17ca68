// Three levels (C. E. Leiserson, "Fat-Trees", IEEE Trans. Computers C-34(10), 1985; as built today:
// M. Al-Fares, A. Loukissas, A. Vahdat, "A Scalable, Commodity Data Center Network Architecture",
// SIGCOMM 2008): leaves of consecutive devices, pods of consecutive leaves under aggregation
// switches, and a core. Aggregation switch a of every pod reaches the same core switches, its own.
#include <algorithm>

#include <fmt/format.h>

#include "topology/plane_builder.hpp"

namespace xpusim::topology {
namespace {

enum : std::uint32_t { kDeviceUp, kLeafUp, kPodUp, kPodDown, kLeafDown, kDeviceDown };
enum : std::uint32_t { kLeaves, kLeafSize, kPods, kPodLeaves };

/// Units of `size` fill `all`, or one of them holds all: how many of them; 0 = refused.
std::uint32_t groups(PlaneBuilder& b, const char* what, std::uint32_t size, std::uint32_t all,
                     const char* members, const char* field) {
  const std::uint32_t used = std::min(size, all);
  if (all % used == 0) return all / used;
  b.refuse("shape-leaf", fmt::format("{} of {} {} do not divide {}", what, used, members, all),
           fmt::format("use {} or {} {}, or other '{}'", all / used * used, (all / used + 1) * used,
                       members, field));
  return 0;
}

// A leaf's uplinks are those of a full leaf and a pod's those of a full pod, also where they are
// not.
void lay(PlaneBuilder& b) {
  const bool leaf = b.positive(b.spec.devices_per_leaf, "devices_per_leaf");
  if (!b.positive(b.spec.leaves_per_pod, "leaves_per_pod") || !leaf) return;
  const auto leaf_size = static_cast<std::uint32_t>(b.spec.devices_per_leaf);
  const auto pod_leaves = static_cast<std::uint32_t>(b.spec.leaves_per_pod);
  const std::uint32_t leaves =
      groups(b, "leaves", leaf_size, b.packages, "packages", "devices_per_leaf");
  if (leaves == 0) return;
  const std::uint32_t pods = groups(b, "pods", pod_leaves, leaves, "leaves", "leaves_per_pod");
  if (pods == 0) return;
  b.layout.counts = {leaves, std::min(leaf_size, b.packages) * b.dies, pods,
                     std::min(pod_leaves, leaves)};
  const double rate = b.package_rate() / b.dies;
  const double up = b.package_rate() * leaf_size / b.spec.oversubscription;
  const double core = up * pod_leaves / b.spec.pod_oversubscription;
  const TierOptions to_pod{.enters_switch = true, .per_spine = true};
  const TierOptions to_core{.enters_switch = true, .per_spine = true, .per_core = true};
  b.add_tier("device-up", b.devices(), rate, b.port, {.enters_switch = true});
  b.add_tier("leaf-up", leaves, up, b.uplink, to_pod);
  b.add_tier("pod-up", pods, core, b.core_link, to_core);
  b.add_tier("pod-down", pods, core, b.core_link, to_core);
  b.add_tier("leaf-down", leaves, up, b.uplink, to_pod);
  b.add_tier("device-down", b.devices(), rate, b.port, {});
  const Layout& l = b.layout;
  b.layout.instance_vertices = l.sub_members * (leaves + l.spine_members * (pods + l.core_members));
}

std::uint32_t leaf_of(const Layout& l, std::uint32_t device) {
  return device / l.counts[kLeafSize];
}
std::uint32_t pod_of(const Layout& l, std::uint32_t leaf) { return leaf / l.counts[kPodLeaves]; }

/// Position of an aggregation switch's link to one of its core switches.
std::uint32_t core_member(const Layout& l, std::uint32_t pod, std::uint32_t sub_plane,
                          std::uint32_t spine, std::uint32_t core) {
  return spine_member(l, pod, sub_plane, spine) * l.core_members + core;
}

std::uint32_t variants(const Layout& l, std::uint32_t from, std::uint32_t to) {
  const std::uint32_t a = leaf_of(l, from), b = leaf_of(l, to);
  if (a == b) return 1;
  return pod_of(l, a) == pod_of(l, b) ? l.spine_members : l.spine_members * l.core_members;
}

// A variant is a pair of digits, aggregation switch and core switch: one hash modulo their product
// picks every pair alike, so that the choice at the top does not follow from the one below it.
void walk(const Layout& l, std::uint32_t from, std::uint32_t to, std::uint32_t sub_plane,
          std::uint32_t variant, Walk& way) {
  const std::uint32_t a = leaf_of(l, from), b = leaf_of(l, to);
  const std::uint32_t up = pod_of(l, a), down = pod_of(l, b);
  const std::uint32_t spine = up == down ? variant : variant / l.core_members;
  const std::uint32_t core = variant % l.core_members;
  way.hop(kDeviceUp, member(l, from, sub_plane));
  if (a != b) way.hop(kLeafUp, spine_member(l, a, sub_plane, spine));
  if (up != down) {
    way.hop(kPodUp, core_member(l, up, sub_plane, spine, core));
    way.hop(kPodDown, core_member(l, down, sub_plane, spine, core));
  }
  if (a != b) way.hop(kLeafDown, spine_member(l, b, sub_plane, spine));
  way.hop(kDeviceDown, member(l, to, sub_plane));
}

/// Vertices: devices, leaves, aggregation switches, core switches; each by sub-plane.
Fabric::LinkEnds ends(const Layout& l, std::uint32_t tier, std::uint32_t position) {
  const std::uint32_t first_spine = l.devices + l.counts[kLeaves] * l.sub_members;
  const std::uint32_t first_core = first_spine + l.counts[kPods] * l.sub_members * l.spine_members;
  const auto leaf = [&](std::uint32_t unit, std::uint32_t sub_plane) {
    return l.devices + member(l, unit, sub_plane);
  };
  if (tier == kDeviceUp || tier == kDeviceDown) {
    const std::uint32_t device = position / l.sub_members;
    const std::uint32_t above = leaf(leaf_of(l, device), position % l.sub_members);
    return tier == kDeviceUp ? Fabric::LinkEnds{device, above} : Fabric::LinkEnds{above, device};
  }
  const bool to_core = tier == kPodUp || tier == kPodDown;
  const std::uint32_t cores = to_core ? l.core_members : 1;
  const std::uint32_t core = position % cores, place = position / cores;
  const std::uint32_t spine = place % l.spine_members;
  const std::uint32_t sub_plane = place / l.spine_members % l.sub_members;
  const std::uint32_t unit = place / l.spine_members / l.sub_members;
  const std::uint32_t pod = to_core ? unit : pod_of(l, unit);
  const std::uint32_t aggregation = first_spine + spine_member(l, pod, sub_plane, spine);
  const std::uint32_t other =
      to_core ? first_core + (sub_plane * l.spine_members + spine) * cores + core
              : leaf(unit, sub_plane);
  const bool from_other = tier == kPodDown || tier == kLeafUp;
  return from_other ? Fabric::LinkEnds{other, aggregation} : Fabric::LinkEnds{aggregation, other};
}

std::uint32_t first_switches(const Layout& l) { return l.counts[kLeaves]; }

int diameter(const Layout& l) {
  if (l.devices < 2) return 0;
  if (l.counts[kLeaves] < 2) return 2;
  return l.counts[kPods] < 2 ? 4 : 6;
}

/// Least capacity from `sending` devices to the others, the core on the others' side. Bundled, the
/// plane is a tree. Say that s pods have their aggregation switches on the sending side and pay
/// their core links; then a leaf's cost is concave in how many of its devices send (two_level.hpp),
/// so all leaves but one are whole. Whole leaves cost a pod of the other side c = min(all devices,
/// uplinks) when they send, and a pod of the sending side c when they do not: sending pods are
/// filled first.
double cut_with_core_opposite(const Layout& l, std::uint32_t sending) {
  const double m = l.counts[kLeafSize];
  const double up = position_rate(l, kLeafUp, l.spine_members);
  const double core = position_rate(l, kPodUp, l.spine_members * l.core_members);
  const double whole = std::min(m * l.device_rate, up);
  const std::uint32_t full = sending / l.counts[kLeafSize];
  const double rest = sending % l.counts[kLeafSize];
  const double rest_below_other = std::min(rest * l.device_rate, up + (m - rest) * l.device_rate);
  const double rest_below_sender = std::min((m - rest) * l.device_rate, up + rest * l.device_rate);
  double least = sending * l.device_rate;
  for (std::uint32_t s = 0; s <= l.counts[kPods]; ++s) {
    const std::uint32_t inside = s * l.counts[kPodLeaves], outside = l.counts[kLeaves] - inside;
    const auto add = [&](std::uint32_t leaves_in, std::uint32_t leaves_out, double partial) {
      const std::uint32_t filled = std::min(full, leaves_in);
      if (full - filled > leaves_out) return;
      const double split = (full - filled) + (leaves_in - filled);
      least = std::min(least, s * core + split * whole + partial);
    };
    if (rest == 0) add(inside, outside, 0);
    if (rest > 0 && inside > 0) add(inside - 1, outside, rest_below_sender);
    if (rest > 0 && outside > 0) add(inside, outside - 1, rest_below_other);
  }
  return least;
}

/// Both halves are tried as the sending side: with an odd number of devices they differ by one.
double bisection(const Layout& l) {
  const std::uint32_t half = l.devices / 2;
  return std::min(cut_with_core_opposite(l, half), cut_with_core_opposite(l, l.devices - half));
}

}  // namespace

constinit const Shape kFatTree{PlaneShape::fat_tree,
                               "fat_tree",
                               "three levels: leaves of consecutive devices, pods, a core",
                               true,
                               lay,
                               variants,
                               walk,
                               ends,
                               leaf_of,
                               first_switches,
                               diameter,
                               bisection};

}  // namespace xpusim::topology
