// Leaves and spines, shared by clos and rail_optimised: they differ in a device's leaf.
#pragma once

#include <algorithm>

#include "topology/plane_builder.hpp"

namespace xpusim::topology::two_level {

enum : std::uint32_t { kDeviceUp, kLeafUp, kLeafDown, kDeviceDown };
/// Layout::counts: both shapes fill the first four. The last leaves may be partly filled.
enum : std::uint32_t {
  kLeaves,
  kLeafSize,
  kLastLeaves,
  kLastSize,
  kPodSize,
  kRails,
  kDies,
  kNodeSize
};

/// Adds the four tiers. A leaf's uplinks are those of a full leaf, also where the leaf is not: what
/// `leaf_size` devices inject / oversubscription (spec.hpp). Links between switches are uplinks.
inline void lay_tiers(PlaneBuilder& b, std::uint32_t leaves, std::uint32_t leaf_size) {
  const double rate = b.package_rate() / b.dies;
  const double up = rate * leaf_size / b.spec.oversubscription;
  b.add_tier("device-up", b.devices(), rate, b.port, {.enters_switch = true});
  b.add_tier("leaf-up", leaves, up, b.uplink, {.enters_switch = true, .per_spine = true});
  b.add_tier("leaf-down", leaves, up, b.uplink, {.enters_switch = true, .per_spine = true});
  b.add_tier("device-down", b.devices(), rate, b.port, {});
  const Layout& l = b.layout;
  b.layout.instance_vertices = leaves * l.sub_members + l.sub_members * l.spine_members;
}

template <class LeafOf>
struct Routing {
  static std::uint32_t variants(const Layout& l, std::uint32_t from, std::uint32_t to) {
    return LeafOf::leaf(l, from) == LeafOf::leaf(l, to) ? 1 : l.spine_members;
  }

  static void walk(const Layout& l, std::uint32_t from, std::uint32_t to, std::uint32_t sub_plane,
                   std::uint32_t spine, Walk& way) {
    const std::uint32_t up = LeafOf::leaf(l, from), down = LeafOf::leaf(l, to);
    way.hop(kDeviceUp, member(l, from, sub_plane));
    if (up != down) {
      way.hop(kLeafUp, spine_member(l, up, sub_plane, spine));
      way.hop(kLeafDown, spine_member(l, down, sub_plane, spine));
    }
    way.hop(kDeviceDown, member(l, to, sub_plane));
  }

  /// Vertices: devices, then leaves by sub-plane, then spines by sub-plane.
  static Fabric::LinkEnds ends(const Layout& l, std::uint32_t tier, std::uint32_t position) {
    const bool between = tier == kLeafUp || tier == kLeafDown;
    const std::uint32_t spine = between ? position % l.spine_members : 0;
    const std::uint32_t place = between ? position / l.spine_members : position;
    const std::uint32_t sub_plane = place % l.sub_members, unit = place / l.sub_members;
    const std::uint32_t leaf =
        l.devices + member(l, between ? unit : LeafOf::leaf(l, unit), sub_plane);
    const std::uint32_t other = between ? l.devices + l.counts[kLeaves] * l.sub_members +
                                              sub_plane * l.spine_members + spine
                                        : unit;
    const bool from_leaf = tier == kLeafUp || tier == kDeviceDown;
    return from_leaf ? Fabric::LinkEnds{leaf, other} : Fabric::LinkEnds{other, leaf};
  }

  static std::uint32_t first_switch(const Layout& l, std::uint32_t device) {
    return LeafOf::leaf(l, device);
  }
};

inline std::uint32_t first_switches(const Layout& l) { return l.counts[kLeaves]; }

inline int diameter(const Layout& l) { return l.devices < 2 ? 0 : l.counts[kLeaves] < 2 ? 2 : 4; }

/// A leaf with x of its m devices on the sending side, the spines on the other, is cut either at
/// those x devices (x R) or at its uplinks and the other devices (U + (m - x) R), whichever is
/// less. That is concave in x, so in the worst cut every leaf but one is whole: all numbers of
/// whole leaves, full and partly filled ones, are tried.
inline double cut_with_spines_opposite(const Layout& l, std::uint32_t sending) {
  const std::uint32_t full = l.counts[kLeafSize], last = l.counts[kLastSize];
  const std::uint32_t last_leaves = l.counts[kLastLeaves];
  const std::uint32_t full_leaves = l.counts[kLeaves] - last_leaves;
  const double up = position_rate(l, kLeafUp, l.spine_members);
  const auto leaf_cut = [&](double size, double x) {
    return std::min(x * l.device_rate, up + (size - x) * l.device_rate);
  };
  double least = sending * l.device_rate;
  for (std::uint32_t j = 0; j <= full_leaves && j * full <= sending; ++j) {
    for (std::uint32_t i = 0; i <= last_leaves && j * full + i * last <= sending; ++i) {
      const std::uint32_t rest = sending - j * full - i * last;
      const double whole = j * leaf_cut(full, full) + i * leaf_cut(last, last);
      if (rest == 0) least = std::min(least, whole);
      if (j < full_leaves && rest <= full) least = std::min(least, whole + leaf_cut(full, rest));
      if (i < last_leaves && rest <= last) least = std::min(least, whole + leaf_cut(last, rest));
    }
  }
  return least;
}

/// Both halves are tried as the sending side: with an odd number of devices they differ by one.
inline double bisection(const Layout& l) {
  const std::uint32_t half = l.devices / 2;
  return std::min(cut_with_spines_opposite(l, half), cut_with_spines_opposite(l, l.devices - half));
}

}  // namespace xpusim::topology::two_level
