// Questions about a built fabric. Routes are index arithmetic: no table, no search.
#include "xpusim/fabric.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "topology/mix.hpp"
#include "topology/shape.hpp"
#include "xpusim/diagnostic.hpp"

namespace xpusim {
namespace {

using topology::Layout;
using topology::mix;
using topology::Walk;

/// What is left of the weakest link of a path, relative to the healthy one: 1 = healthy, 0 = dead.
double health(const Layout& layout, const std::vector<FabricLink>& links, const Path& path) {
  double least = 1.0;
  for (const LinkId id : path.links) {
    const FabricLink& link = links[id];
    const auto tier = std::find_if(layout.tiers.begin(), layout.tiers.end(),
                                   [&](const auto& t) { return t.id == link.tier; });
    least = std::min(least, link.nominal.value() / tier->healthy);
  }
  return least;
}

/// Turns healths in `share` into shares that sum to 1 and drops dead paths.
void keep_living(std::vector<Path>& paths) {
  std::erase_if(paths, [](const Path& p) { return !(p.share > 0.0); });
  double sum = 0;
  for (const Path& p : paths) sum += p.share;
  for (Path& p : paths) p.share /= sum;
}

/// Picks by hash. Flows of a dead path spread over the living ones, whose flows stay.
template <class MakePath>
std::vector<Path> hashed_path(const Layout& layout, const std::vector<FabricLink>& links,
                              std::uint32_t choices, std::uint64_t hash, const MakePath& make) {
  std::vector<Path> picked;
  picked.push_back(make(static_cast<std::uint32_t>(hash % choices)));
  if (!layout.faulty || health(layout, links, picked.front()) > 0.0) return picked;
  std::vector<Path> living;
  for (std::uint32_t choice = 0; choice < choices; ++choice) {
    Path path = make(choice);
    if (health(layout, links, path) > 0.0) living.push_back(std::move(path));
  }
  if (living.empty()) return living;
  picked.front() = std::move(living[mix(hash) % living.size()]);
  return picked;
}

/// The paths of a transfer that has `choices` equally good ways; empty when faults leave none.
template <class MakePath>
std::vector<Path> choose(const Layout& layout, const std::vector<FabricLink>& links,
                         std::uint32_t choices, std::uint64_t hash, const MakePath& make) {
  if (layout.hashed) return hashed_path(layout, links, choices, hash, make);
  std::vector<Path> paths;
  paths.reserve(choices);
  for (std::uint32_t choice = 0; choice < choices; ++choice) {
    paths.push_back(make(choice));
    if (layout.faulty) paths.back().share = health(layout, links, paths.back());
  }
  if (choices > 1 || layout.faulty) keep_living(paths);
  return paths;
}

}  // namespace

std::string Fabric::link_name(LinkId id) const {
  const FabricLink& link = links_.at(id);
  return fmt::format("{}/{}/{}", planes_[link.plane].name, tiers_[link.tier].name, link.index);
}

std::optional<PlaneId> Fabric::find_plane(std::string_view name) const {
  const auto found =
      std::find_if(planes_.begin(), planes_.end(), [&](const Plane& p) { return p.name == name; });
  if (found == planes_.end()) return std::nullopt;
  return static_cast<PlaneId>(found - planes_.begin());
}

bool Fabric::connects(PlaneId plane, std::span<const DeviceId> members) const {
  if (members.empty()) return true;
  const std::uint32_t instance = instance_of(plane, members.front());
  return std::all_of(members.begin(), members.end(),
                     [&](DeviceId d) { return instance_of(plane, d) == instance; });
}

std::optional<PlaneId> Fabric::plane_for(std::span<const DeviceId> members) const {
  std::optional<PlaneId> best;
  for (std::size_t i = 0; i < planes_.size(); ++i) {
    const auto plane = static_cast<PlaneId>(i);
    if (planes_[i].role == PlaneRole::management || !connects(plane, members)) continue;
    if (!best || planes_[i].device_capacity > planes_[*best].device_capacity) best = plane;
  }
  return best;
}

std::vector<Path> Fabric::route(PlaneId plane, DeviceId from, DeviceId to,
                                std::uint64_t flow_hash) const {
  const Layout& layout = layouts_.at(plane);
  const std::uint32_t instance = instance_of(plane, from);
  if (from >= devices_ || to >= devices_ || instance_of(plane, to) != instance) {
    throw InternalError(fmt::format("no route on plane '{}' from device {} to {}: not one instance",
                                    planes_[plane].name, from, to));
  }
  if (from == to) return std::vector<Path>(1);
  const std::uint32_t a = position_of(plane, from), b = position_of(plane, to);
  const std::uint32_t variants = layout.shape->variants(layout, a, b);
  const auto make = [&](std::uint32_t choice) {
    Path path;
    path.links.reserve(layout.longest_route);
    path.latency = Seconds(layout.endpoint_latency);
    const std::uint32_t choices = layout.alive * variants;
    path.share = layout.hashed ? 1.0 : 1.0 / choices;
    Walk walk(layout, instance, path);
    layout.shape->walk(layout, a, b, choice / variants, choice % variants, walk);
    return path;
  };
  const std::uint64_t hash =
      layout.hashed ? mix(flow_hash ^ salt_ ^ mix((std::uint64_t{from} << 32) | to)) : 0;
  std::vector<Path> paths = choose(layout, links_, layout.alive * variants, hash, make);
  if (paths.empty()) {
    throw InputError("no-route",
                     fmt::format("faults leave no path on plane '{}' from device {} to {}",
                                 planes_[plane].name, from, to),
                     "remove a fault, or leave these devices out of the job");
  }
  return paths;
}

namespace {

/// One hop between a device of an instance and its first switch, over every sub-plane that is left.
std::vector<Path> switch_hop(const Layout& layout, const std::vector<FabricLink>& links,
                             std::uint32_t instance, std::uint32_t local, std::uint32_t tier,
                             double latency, std::uint64_t hash) {
  return choose(layout, links, layout.alive, hash, [&](std::uint32_t sub_plane) {
    Path path;
    path.latency = Seconds(latency);
    path.share = layout.hashed ? 1.0 : 1.0 / layout.alive;
    Walk(layout, instance, path).hop(tier, topology::member(layout, local, sub_plane));
    return path;
  });
}

}  // namespace

bool Fabric::single_route(PlaneId plane, DeviceId from, DeviceId to, Path& path) const {
  const Layout& layout = layouts_[plane];
  const std::uint32_t a = position_of(plane, from), b = position_of(plane, to);
  if (layout.hashed || layout.faulty || layout.alive != 1 || from == to ||
      layout.shape->variants(layout, a, b) != 1)
    return false;
  path.links.clear();
  path.latency = Seconds(layout.endpoint_latency);
  path.share = 1.0;
  Walk walk(layout, instance_of(plane, from), path);
  layout.shape->walk(layout, a, b, 0, 0, walk);
  return true;
}

Fabric::DeviceLinks Fabric::device_links(PlaneId plane, DeviceId device) const {
  const Layout& layout = layouts_[plane];
  const std::uint32_t instance = instance_of(plane, device), local = position_of(plane, device);
  const auto link = [&](const TierLayout& tier) {
    return tier.first + instance * tier.per_instance + topology::member(layout, local, 0);
  };
  return {link(layout.tiers.front()), link(layout.tiers.back())};
}

std::vector<Path> Fabric::to_switch(PlaneId plane, DeviceId device, std::uint64_t flow_hash) const {
  const Layout& layout = layouts_.at(plane);
  if (!layout.shape->has_switches) {
    throw InternalError(fmt::format("plane '{}' has no switches", planes_[plane].name));
  }
  std::vector<Path> paths =
      switch_hop(layout, links_, instance_of(plane, device), position_of(plane, device), 0,
                 layout.endpoint_latency, mix(flow_hash ^ salt_ ^ mix(device)));
  if (paths.empty()) {
    throw InputError("no-route",
                     fmt::format("faults leave no path on plane '{}' from device {} to its switch",
                                 planes_[plane].name, device),
                     "remove a fault, or leave this device out of the job");
  }
  return paths;
}

std::vector<Path> Fabric::from_switch(PlaneId plane, DeviceId device,
                                      std::uint64_t flow_hash) const {
  const Layout& layout = layouts_.at(plane);
  if (!layout.shape->has_switches) {
    throw InternalError(fmt::format("plane '{}' has no switches", planes_[plane].name));
  }
  const auto last = static_cast<std::uint32_t>(layout.tiers.size() - 1);
  std::vector<Path> paths =
      switch_hop(layout, links_, instance_of(plane, device), position_of(plane, device), last, 0.0,
                 mix(flow_hash ^ salt_ ^ mix(device)));
  if (paths.empty()) {
    throw InputError("no-route",
                     fmt::format("faults leave no path on plane '{}' from its switch to device {}",
                                 planes_[plane].name, device),
                     "remove a fault, or leave this device out of the job");
  }
  return paths;
}

std::optional<std::uint32_t> Fabric::switch_of(PlaneId plane, DeviceId device) const {
  const Layout& layout = layouts_.at(plane);
  if (!layout.shape->has_switches) return std::nullopt;
  return instance_of(plane, device) * layout.shape->first_switches(layout) +
         layout.shape->first_switch(layout, position_of(plane, device));
}

int Fabric::diameter(PlaneId plane) const {
  const Layout& layout = layouts_.at(plane);
  return layout.shape->diameter(layout);
}

BytesPerSecond Fabric::bisection_bandwidth(PlaneId plane) const {
  const Layout& layout = layouts_.at(plane);
  return BytesPerSecond(layout.shape->bisection(layout));
}

Fabric::LinkEnds Fabric::link_ends(LinkId id) const {
  const FabricLink& link = links_.at(id);
  const Layout& layout = layouts_[link.plane];
  std::uint32_t tier = 0;
  while (layout.tiers[tier].id != link.tier) ++tier;
  const std::uint32_t per_instance = layout.tiers[tier].per_instance;
  const std::uint32_t instance = link.index / per_instance;
  const LinkEnds local = layout.shape->ends(layout, tier, link.index % per_instance);
  const auto vertex = [&](std::uint32_t v) {
    return v < layout.devices
               ? device_at(link.plane, instance, v)
               : layout.first_vertex + instance * layout.instance_vertices + v - layout.devices;
  };
  return {vertex(local.from), vertex(local.to)};
}

}  // namespace xpusim
