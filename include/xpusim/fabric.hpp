// The machine as a pure graph: devices, planes, tiers, directed links, routes. No time passes here.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "xpusim/spec.hpp"

namespace xpusim {

using DeviceId = std::uint32_t;  ///< 0 .. devices()-1; dies of a package, packages of a node are consecutive
using LinkId = std::uint32_t;
using PlaneId = std::uint16_t;
using TierId = std::uint16_t;

/// A directed link, or a bundle of equal parallel links that a sprayed plane uses as one.
struct FabricLink {
  PlaneId plane = 0;
  TierId tier = 0;
  std::uint32_t index = 0;     ///< position within its tier
  std::uint32_t members = 1;   ///< physical links in the bundle (fractions round up)
  BytesPerSecond nominal;      ///< data-sheet rate of the whole bundle, faults applied
  BytesPerSecond capacity;     ///< nominal * link efficiency: what bulk transfers can reach
  Seconds latency;             ///< this hop, including the switch it enters
  JoulesPerByte energy;
};

/// All links of one level and one direction of a plane: "ub/device-up", "ub/node-up", ...
struct Tier {
  std::string name;            ///< within its plane: "device-up", "leaf-up", "leaf-down", "device-down"
  PlaneId plane = 0;
  std::uint32_t links = 0;     ///< count in the fabric (bundles count once)
  BytesPerSecond capacity;     ///< sum of link capacities
};

struct Plane {
  std::string name;
  PlaneRole role = PlaneRole::scale_up;
  PlaneShape shape = PlaneShape::single_switch;
  std::string link;                ///< device port link part: key into a protocol's step latencies
  std::uint32_t domain = 0;        ///< devices per instance
  bool in_switch_reduction = false;
  Seconds endpoint_latency;        ///< once per message, software and DMA at both ends
  BytesPerSecond device_capacity;  ///< injection capacity of one device, effective
  std::uint32_t sub_planes = 1;
  bool bundled = true;             ///< false: sub-planes are separate member links
};

/// One path and the share of the transfer's bytes it carries; shares of a transfer sum to 1.
struct Path {
  std::vector<LinkId> links;
  Seconds latency;   ///< sum of hops plus the plane's endpoint latency
  double share = 1.0;
};

class Fabric {
 public:
  [[nodiscard]] std::uint32_t devices() const { return devices_; }
  [[nodiscard]] std::uint32_t packages() const { return packages_; }
  [[nodiscard]] std::uint32_t dies_per_package() const { return devices_ / packages_; }  ///< 1 unless rank = die
  [[nodiscard]] std::uint32_t devices_per_node() const { return devices_per_node_; }
  [[nodiscard]] std::uint32_t node_of(DeviceId d) const { return d / devices_per_node_; }
  /// Instance number of the device on a plane: devices with the same number are connected by it.
  [[nodiscard]] std::uint32_t instance_of(PlaneId p, DeviceId d) const { return d / planes_[p].domain; }
  [[nodiscard]] const std::vector<Plane>& planes() const { return planes_; }
  [[nodiscard]] const std::vector<Tier>& tiers() const { return tiers_; }
  [[nodiscard]] const std::vector<FabricLink>& links() const { return links_; }
  [[nodiscard]] std::string link_name(LinkId) const;  ///< "ub/leaf-up/17"
  [[nodiscard]] std::optional<PlaneId> find_plane(std::string_view name) const;

  /// Do all these devices sit in one instance of the plane?
  [[nodiscard]] bool connects(PlaneId, std::span<const DeviceId>) const;
  /// The fastest plane (device_capacity, then lower id) that connects all members; none if no plane does.
  [[nodiscard]] std::optional<PlaneId> plane_for(std::span<const DeviceId>) const;

  /// Paths of one transfer. `flow_hash` picks the member under per-flow hashing (same hash, same path).
  /// Throws InputError when faults leave no path. from == to gives one path without links.
  [[nodiscard]] std::vector<Path> route(PlaneId, DeviceId from, DeviceId to, std::uint64_t flow_hash = 0) const;
  /// The way between a device and the (first-level) switches of its instance, for in-switch reduction.
  [[nodiscard]] Path to_switch(PlaneId, DeviceId) const;
  [[nodiscard]] Path from_switch(PlaneId, DeviceId) const;

  /// Longest shortest path in links over all pairs of one instance.
  [[nodiscard]] int diameter(PlaneId) const;
  /// Nominal capacity, one direction, of the worst balanced cut of one instance.
  [[nodiscard]] BytesPerSecond bisection_bandwidth(PlaneId) const;

 private:
  friend class FabricBuilder;
  friend struct PlaneRouter;
  std::uint32_t devices_ = 0, packages_ = 0, devices_per_node_ = 1;
  std::vector<Plane> planes_;
  std::vector<Tier> tiers_;
  std::vector<FabricLink> links_;
  /// What a shape needs to route: filled by the shape's builder, read by its router.
  struct PlaneLayout {
    PlaneSpec spec;
    std::vector<LinkId> base;          ///< first link of each tier, shape-defined order
    std::vector<std::uint32_t> counts; ///< shape-defined numbers (devices per leaf, leaves, ...)
  };
  std::vector<PlaneLayout> layouts_;
};

struct FabricOptions {
  RankUnit rank = RankUnit::package;
};
using LinkParts = std::map<std::string, LinkSpec, std::less<>>;

/// Builds the graph of a system. With rank = die every die is a device: its share of the package's ports,
/// and a full-mesh plane "die-to-die" inside each package.
/// Throws InputError for a shape whose numbers do not fit (dimensions, domains, faults out of range).
[[nodiscard]] Fabric build_fabric(const SystemSpec&, const ChipSpec&, const LinkParts&, FabricOptions = {});

}  // namespace xpusim
