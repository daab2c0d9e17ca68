// What a shape of plane has to say: how it lays out its links, and how it routes over them.
#pragma once

#include <cstdint>
#include <string_view>

#include "xpusim/fabric.hpp"

namespace xpusim::topology {

using Layout = Fabric::PlaneLayout;
class PlaneBuilder;

/// Grows one path hop by hop, within one instance.
class Walk {
 public:
  Walk(const Layout& layout, std::uint32_t instance, Path& path)
      : layout_(layout), instance_(instance), path_(path) {}
  void hop(std::uint32_t tier, std::uint32_t position) {
    const Fabric::TierLayout& t = layout_.tiers[tier];
    path_.links.push_back(t.first + instance_ * t.per_instance + position);
    path_.latency += Seconds(t.latency);
  }

 private:
  const Layout& layout_;
  std::uint32_t instance_;
  Path& path_;
};

/// One shape. Devices and switches are numbered within one instance: devices 0 .. n-1, then the
/// switches. A transfer has `alive` sub-planes times `variants` equally good ways to go.
struct Shape {
  PlaneShape shape;
  std::string_view name;  ///< as configurations write it
  std::string_view description;
  bool has_switches;  ///< then the first tier is device-up and the last device-down
  /// Adds the tiers, or refuses numbers that do not fit.
  void (*lay)(PlaneBuilder&);
  std::uint32_t (*variants)(const Layout&, std::uint32_t from, std::uint32_t to);
  void (*walk)(const Layout&, std::uint32_t from, std::uint32_t to, std::uint32_t sub_plane,
               std::uint32_t variant, Walk&);
  Fabric::LinkEnds (*ends)(const Layout&, std::uint32_t tier, std::uint32_t position);
  /// First-level switch of a device, and how many there are; shapes without switches: 0 and 0.
  std::uint32_t (*first_switch)(const Layout&, std::uint32_t device);
  std::uint32_t (*first_switches)(const Layout&);
  int (*diameter)(const Layout&);
  double (*bisection)(const Layout&);  ///< bytes per second
};

extern const Shape kSingleSwitch;
extern const Shape kClos;
extern const Shape kFullMesh;
extern const Shape kTorus;
extern const Shape kDragonfly;
extern const Shape kRailOptimised;
extern const Shape kFatTree;

[[nodiscard]] const Shape& shape_of(PlaneShape);

// ---------------------------------------------------------------- numbering of member links

/// Position of a sub-plane's member of unit `unit` (a device, a pair of routers, ...).
inline std::uint32_t member(const Layout& l, std::uint32_t unit, std::uint32_t sub_plane) {
  return unit * l.sub_members + sub_plane;
}
/// The same on a tier that tells spines apart.
inline std::uint32_t spine_member(const Layout& l, std::uint32_t unit, std::uint32_t sub_plane,
                                  std::uint32_t spine) {
  return member(l, unit, sub_plane) * l.spine_members + spine;
}
/// Bytes per second of all living members of one position; `ways`: members per sub-plane.
inline double position_rate(const Layout& l, std::uint32_t tier, std::uint32_t ways = 1) {
  return l.tiers[tier].healthy * l.alive * ways;
}

}  // namespace xpusim::topology
