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

namespace topology {
struct Shape;  // private: how a shape lays out its links and routes over them
}

using DeviceId =
    std::uint32_t;  ///< 0 .. devices()-1; dies of a package, packages of a node are consecutive
using LinkId = std::uint32_t;
using PlaneId = std::uint16_t;
using TierId = std::uint16_t;

/// A directed link, or a bundle of equal parallel links that a sprayed plane uses as one.
struct FabricLink {
  PlaneId plane = 0;
  TierId tier = 0;
  std::uint32_t index = 0;    ///< position within its tier, instance by instance
  std::uint32_t members = 1;  ///< physical links in the bundle (fractions round up)
  BytesPerSecond
      nominal;  ///< data-sheet rate of the whole bundle, faults applied; 0 = dead, no route uses it
  BytesPerSecond capacity;  ///< nominal * link efficiency: what bulk transfers can reach
  Seconds latency;  ///< this hop, including the switch it enters (torus: the router it enters)
  JoulesPerByte energy;
};

/// All links of one level and one direction of a plane: "ub/device-up", "ub/leaf-up", ...
/// Names by shape: switch: device-up, device-down; clos and rail_optimised: device-up, leaf-up,
/// leaf-down, device-down; full_mesh: mesh; torus: axis-0, axis-1, ...; dragonfly: device-up,
/// local, global, device-down; fat_tree: device-up, leaf-up, pod-up, pod-down, leaf-down,
/// device-down. Under rank = die, full_mesh and torus gain device-up and
/// device-down: the die's share of its package's ports.
struct Tier {
  std::string name;  ///< within its plane
  PlaneId plane = 0;
  std::uint32_t links = 0;  ///< count in the fabric (bundles count once)
  BytesPerSecond capacity;  ///< sum of link capacities
};

struct Plane {
  std::string name;
  PlaneRole role = PlaneRole::scale_up;
  PlaneShape shape = PlaneShape::single_switch;
  std::string link;          ///< device port link part: key into a protocol's step latencies
  std::uint32_t domain = 0;  ///< devices per instance
  std::uint32_t stride = 1;  ///< packages from one member of an instance to the next
  std::uint32_t unit = 1;    ///< devices that a member of an instance is: the dies of a package
  bool in_switch_reduction = false;
  Seconds endpoint_latency;  ///< once per message, software and DMA at both ends
  BytesPerSecond
      device_capacity;  ///< injection capacity of one device, effective; lost sub-planes are gone
  std::uint32_t sub_planes = 1;  ///< that are left
  bool bundled = true;           ///< false: sub-planes are separate member links
};

/// One path and the share of the transfer's bytes it carries; shares of a transfer sum to 1.
struct Path {
  std::vector<LinkId> links;
  Seconds latency;  ///< sum of hops plus the plane's endpoint latency
  double share = 1.0;
};

class Fabric {
 public:
  [[nodiscard]] std::uint32_t devices() const { return devices_; }
  [[nodiscard]] std::uint32_t packages() const { return packages_; }
  [[nodiscard]] std::uint32_t dies_per_package() const {
    return devices_ / packages_;
  }  ///< 1 unless rank = die
  [[nodiscard]] std::uint32_t devices_per_node() const { return devices_per_node_; }
  [[nodiscard]] std::uint32_t node_of(DeviceId d) const { return d / devices_per_node_; }
  /// Instance number of the device on a plane: devices with the same number are connected by it.
  [[nodiscard]] std::uint32_t instance_of(PlaneId p, DeviceId d) const {
    const Plane& plane = planes_[p];
    if (plane.stride == 1) return d / plane.domain;
    return d / (plane.stride * plane.domain) * plane.stride + d / plane.unit % plane.stride;
  }
  /// Position of the device within its instance, and the device at a position of an instance.
  [[nodiscard]] std::uint32_t position_of(PlaneId p, DeviceId d) const {
    const Plane& plane = planes_[p];
    if (plane.stride == 1) return d % plane.domain;
    const std::uint32_t members = plane.domain / plane.unit;
    return d / plane.unit / plane.stride % members * plane.unit + d % plane.unit;
  }
  [[nodiscard]] DeviceId device_at(PlaneId p, std::uint32_t instance,
                                   std::uint32_t position) const {
    const Plane& plane = planes_[p];
    return instance / plane.stride * plane.stride * plane.domain +
           (position / plane.unit * plane.stride + instance % plane.stride) * plane.unit +
           position % plane.unit;
  }
  [[nodiscard]] const std::vector<Plane>& planes() const { return planes_; }
  [[nodiscard]] const std::vector<Tier>& tiers() const { return tiers_; }
  [[nodiscard]] const std::vector<FabricLink>& links() const { return links_; }
  [[nodiscard]] std::string link_name(LinkId) const;  ///< "ub/leaf-up/17"
  [[nodiscard]] std::optional<PlaneId> find_plane(std::string_view name) const;
  /// Does every flow of the plane take one of several ways, picked by its hash?
  [[nodiscard]] bool hashed(PlaneId p) const {
    return layouts_[p].hashed && layouts_[p].sub_members * layouts_[p].spine_members > 1;
  }

  /// Do all these devices sit in one instance of the plane?
  [[nodiscard]] bool connects(PlaneId, std::span<const DeviceId>) const;
  /// The fastest plane (device_capacity, then lower id) that connects all members; none if no plane
  /// does. Planes of role `management` carry no traffic of a job unless it names them.
  [[nodiscard]] std::optional<PlaneId> plane_for(std::span<const DeviceId>) const;

  /// Paths of one transfer: one on a healthy sprayed plane (several where a torus is equally short
  /// both ways round, or two dragonfly groups have several channels), one per surviving member with
  /// its share under faults (docs/decisions/0003-spraying-and-bundles.md). With per-flow hashing
  /// one path, picked by `flow_hash` and the two ends (same hash and ends, same path). from == to
  /// gives one path without links. Throws InputError when faults leave no path, InternalError when
  /// the ends are in different instances.
  [[nodiscard]] std::vector<Path> route(PlaneId, DeviceId from, DeviceId to,
                                        std::uint64_t flow_hash = 0) const;
  /// The same where there is one way only, into a path that is used again: for many routes in a
  /// row. False, and nothing done, where there may be several.
  bool single_route(PlaneId, DeviceId from, DeviceId to, Path&) const;
  /// The way between a device and the first-level switch of its plane (clos, rail_optimised,
  /// fat_tree: its leaf), for in-switch reduction; a group under several leaves needs a tree above
  /// them. Shares sum to 1. The endpoint latency is part of to_switch and not of from_switch: the
  /// two together are one message. Throws InternalError on a shape without switches.
  [[nodiscard]] std::vector<Path> to_switch(PlaneId, DeviceId, std::uint64_t flow_hash = 0) const;
  [[nodiscard]] std::vector<Path> from_switch(PlaneId, DeviceId, std::uint64_t flow_hash = 0) const;
  /// The links between a device and its first-level switch, up and down, on a bundled plane with
  /// switches.
  struct DeviceLinks {
    LinkId up = 0, down = 0;
  };
  [[nodiscard]] DeviceLinks device_links(PlaneId, DeviceId) const;
  /// First-level switch (leaf, router) of a device, numbered across the plane; shapes without
  /// switches: none.
  [[nodiscard]] std::optional<std::uint32_t> switch_of(PlaneId, DeviceId) const;

  /// Longest shortest path in links over all pairs of one instance.
  [[nodiscard]] int diameter(PlaneId) const;
  /// Nominal capacity, one direction, of the worst balanced cut of one instance (devices halved,
  /// switches on whichever side is worse), lost sub-planes gone, single link faults not counted.
  /// dragonfly: the least of three families of cuts, an upper bound.
  [[nodiscard]] BytesPerSecond bisection_bandwidth(PlaneId) const;

  /// For inspection: which vertices a link joins. Devices are vertices 0 .. devices()-1, switches
  /// follow.
  struct LinkEnds {
    std::uint32_t from = 0, to = 0;
  };
  [[nodiscard]] LinkEnds link_ends(LinkId) const;
  [[nodiscard]] std::uint32_t vertices() const { return vertices_; }

  /// Private to the topology module: where a plane's links lie. Everything below a tier is
  /// arithmetic: link = first + instance * per_instance + position.
  struct TierLayout {
    TierId id = 0;
    LinkId first = 0;
    std::uint32_t per_instance = 0;
    double latency = 0;
    double healthy = 0;  ///< nominal bytes/s of one link without single faults
  };
  struct PlaneLayout {
    const topology::Shape* shape = nullptr;
    std::uint32_t devices = 0;        ///< per instance
    std::uint32_t longest_route = 0;  ///< in links
    std::uint32_t sub_members = 1;    ///< member links per position: sub-planes, or 1 bundle
    std::uint32_t alive = 1;          ///< the first so many of them carry traffic
    std::uint32_t spine_members = 1;  ///< spines told apart, or 1 bundle
    std::uint32_t core_members = 1;   ///< core switches above each of them, or 1 bundle
    std::uint32_t first_vertex = 0;   ///< of the switches
    std::uint32_t instance_vertices = 0;
    double device_rate = 0;  ///< nominal bytes/s that a device injects
    double endpoint_latency = 0;
    bool hashed = false, faulty = false;
    std::vector<TierLayout> tiers;
    std::vector<std::uint32_t> counts;  ///< shape-defined numbers (devices per leaf, leaves, ...)
  };

 private:
  friend class FabricBuilder;
  std::uint64_t salt_ = 0;  ///< of per-flow hashing
  std::uint32_t devices_ = 0, packages_ = 0, devices_per_node_ = 1, vertices_ = 0;
  std::vector<Plane> planes_;
  std::vector<Tier> tiers_;
  std::vector<FabricLink> links_;
  std::vector<PlaneLayout> layouts_;
};

/// The shapes, for help, list and "did you mean".
struct PlaneShapeInfo {
  PlaneShape shape = PlaneShape::single_switch;
  std::string_view name;  ///< as configurations write it
  std::string_view description;
};
[[nodiscard]] std::vector<PlaneShapeInfo> plane_shapes();
[[nodiscard]] std::string_view to_string(PlaneShape);

struct FabricOptions {
  RankUnit rank = RankUnit::package;
  std::uint64_t seed = 1;  ///< of per-flow hashing: another draw of every path
};
using LinkParts = std::map<std::string, LinkSpec, std::less<>>;

/// Builds the graph of a system. With rank = die every die is a device: its share of the package's
/// ports, and a full-mesh plane "die-to-die" inside each package. Throws InputError for a shape
/// whose numbers do not fit (dimensions, domains, faults out of range).
[[nodiscard]] Fabric build_fabric(const SystemSpec&, const ChipSpec&, const LinkParts&,
                                  FabricOptions = {});

}  // namespace xpusim
