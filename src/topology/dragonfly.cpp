// Dragonfly (J. Kim, W. J. Dally, S. Scott, D. Abts, "Technology-Driven, Highly-Scalable Dragonfly
// Topology", ISCA 2008): routers of a group form a full mesh, groups a full mesh of global links.
// Routes are minimal: local, global, local.
#include <algorithm>
#include <cmath>
#include <vector>

#include <fmt/format.h>

#include "topology/plane_builder.hpp"

namespace xpusim::topology {
namespace {

enum : std::uint32_t { kUp, kLocal, kGlobal, kDown };
// Devices of a router, routers of a group, groups, global channels of a pair of groups.
enum : std::uint32_t { kPerRouter, kPerGroup, kGroups, kChannels };

/// Router (within its group) that holds channel `channel` towards the group `offset` further on.
/// Consecutive arrangement: offset 1 begins at router 0. The other end sees offset g - d, so that a
/// link has two directions.
std::uint32_t gateway(const Layout& l, std::uint32_t offset, std::uint32_t channel) {
  const std::uint32_t routers = l.counts[kPerGroup], peers = l.counts[kGroups] - 1;
  if (peers < routers) return (offset - 1) * l.counts[kChannels] + channel;
  return static_cast<std::uint32_t>(std::uint64_t{offset - 1} * routers / peers);
}

bool numbers_fit(PlaneBuilder& b) {
  const PlaneSpec& s = b.spec;
  if (!b.positive(s.devices_per_router, "devices_per_router") ||
      !b.positive(s.routers_per_group, "routers_per_group")) {
    return false;
  }
  const std::uint64_t group = static_cast<std::uint64_t>(s.devices_per_router) *
                              static_cast<std::uint64_t>(s.routers_per_group);
  if (b.packages % group != 0) {
    b.refuse("shape-group",
             fmt::format("groups of {} packages do not divide a domain of {}", group, b.packages),
             "choose 'devices_per_router' times 'routers_per_group' so that it divides the domain");
    return false;
  }
  if (b.packages / group > 1 && !(s.global_links_per_router > 0)) {
    b.refuse("shape-number", fmt::format("{} groups and no global links", b.packages / group),
             "write a 'global_links_per_router' above 0");
    return false;
  }
  if (s.routers_per_group > 1 && !(s.local_links_per_pair > 0)) {
    b.refuse("shape-number", "groups of several routers and no local links",
             "write a 'local_links_per_pair' above 0");
    return false;
  }
  return true;
}

void lay(PlaneBuilder& b) {
  if (!numbers_fit(b)) return;
  const auto per_router = static_cast<std::uint32_t>(b.spec.devices_per_router);
  const auto routers = static_cast<std::uint32_t>(b.spec.routers_per_group);
  const std::uint32_t groups = b.packages / per_router / routers, peers = groups - 1;
  // A pair of groups has one channel, or as many as leave none of the routers twice in use. All
  // channels share the group's global links evenly, also where routers then hold one channel more
  // or less than others.
  const std::uint32_t channels = peers > 0 && peers < routers ? routers / peers : 1;
  b.layout.counts = {per_router * b.dies, routers, groups, channels};
  const double local = b.port.bandwidth.value() * b.spec.local_links_per_pair;
  const double group_global = b.uplink.bandwidth.value() * b.spec.global_links_per_router * routers;
  const double rate = b.package_rate() / b.dies;
  b.add_tier("device-up", b.devices(), rate, b.port, {.enters_switch = true});
  b.add_tier("local", std::uint64_t{groups} * routers * (routers - 1), local, b.port,
             {.enters_switch = true});
  b.add_tier("global", std::uint64_t{groups} * peers * channels,
             peers ? group_global / (peers * channels) : 0.0, b.uplink, {.enters_switch = true});
  b.add_tier("device-down", b.devices(), rate, b.port, {});
  b.layout.instance_vertices = groups * routers * b.layout.sub_members;
}

std::uint32_t router_of(const Layout& l, std::uint32_t device) {
  return device / l.counts[kPerRouter];
}
std::uint32_t group_of(const Layout& l, std::uint32_t router) {
  return router / l.counts[kPerGroup];
}

std::uint32_t variants(const Layout& l, std::uint32_t from, std::uint32_t to) {
  return group_of(l, router_of(l, from)) == group_of(l, router_of(l, to)) ? 1 : l.counts[kChannels];
}

void local_hop(const Layout& l, std::uint32_t from, std::uint32_t to, std::uint32_t sub_plane,
               Walk& way) {
  if (from == to) return;
  const std::uint32_t routers = l.counts[kPerGroup];
  const std::uint32_t a = from % routers, b = to % routers;
  way.hop(kLocal, member(l, from * (routers - 1) + (b < a ? b : b - 1), sub_plane));
}

void walk(const Layout& l, std::uint32_t from, std::uint32_t to, std::uint32_t sub_plane,
          std::uint32_t channel, Walk& way) {
  const std::uint32_t routers = l.counts[kPerGroup], groups = l.counts[kGroups];
  std::uint32_t here = router_of(l, from);
  const std::uint32_t target = router_of(l, to);
  const std::uint32_t a = group_of(l, here), b = group_of(l, target);
  way.hop(kUp, member(l, from, sub_plane));
  if (a != b) {
    const std::uint32_t offset = (b + groups - a) % groups;
    const std::uint32_t exit = a * routers + gateway(l, offset, channel);
    local_hop(l, here, exit, sub_plane, way);
    const std::uint32_t unit = (a * (groups - 1) + offset - 1) * l.counts[kChannels] + channel;
    way.hop(kGlobal, member(l, unit, sub_plane));
    here = b * routers + gateway(l, groups - offset, channel);
  }
  local_hop(l, here, target, sub_plane, way);
  way.hop(kDown, member(l, to, sub_plane));
}

struct Routers {
  std::uint32_t from, to;
};
Routers local_ends(const Layout& l, std::uint32_t unit) {
  const std::uint32_t routers = l.counts[kPerGroup];
  const std::uint32_t from = unit / (routers - 1), peer = unit % (routers - 1);
  const std::uint32_t first = from / routers * routers;
  return {from, first + (peer < from % routers ? peer : peer + 1)};
}
Routers global_ends(const Layout& l, std::uint32_t unit) {
  const std::uint32_t groups = l.counts[kGroups], routers = l.counts[kPerGroup];
  const std::uint32_t channel = unit % l.counts[kChannels], pair = unit / l.counts[kChannels];
  const std::uint32_t a = pair / (groups - 1), offset = pair % (groups - 1) + 1;
  const std::uint32_t b = (a + offset) % groups;
  return {a * routers + gateway(l, offset, channel),
          b * routers + gateway(l, groups - offset, channel)};
}

Fabric::LinkEnds ends(const Layout& l, std::uint32_t tier, std::uint32_t position) {
  const std::uint32_t sub_plane = position % l.sub_members, unit = position / l.sub_members;
  const auto at = [&](std::uint32_t router) { return l.devices + member(l, router, sub_plane); };
  if (tier == kUp) return {unit, at(router_of(l, unit))};
  if (tier == kDown) return {at(router_of(l, unit)), unit};
  const Routers joined = tier == kLocal ? local_ends(l, unit) : global_ends(l, unit);
  return {at(joined.from), at(joined.to)};
}

std::uint32_t first_switches(const Layout& l) { return l.counts[kGroups] * l.counts[kPerGroup]; }

// Of the minimal routes: device, then local, global, local, then device.
int diameter(const Layout& l) {
  if (l.devices < 2) return 0;
  const bool several_groups = l.counts[kGroups] > 1, several_routers = l.counts[kPerGroup] > 1;
  int longest = 2;
  if (several_routers) longest = 3;
  if (several_groups) longest = several_routers ? 5 : 3;
  return longest;
}

/// Capacity from the routers in `sending` to the others, and of devices on the wrong side.
double cut(const Layout& l, const std::vector<bool>& sending) {
  const std::uint32_t routers = l.counts[kPerGroup], groups = l.counts[kGroups];
  const auto all = static_cast<std::uint32_t>(sending.size());
  double sum = 0;
  for (std::uint32_t unit = 0; unit < all * (routers - 1); ++unit) {
    const Routers r = local_ends(l, unit);
    if (sending[r.from] && !sending[r.to]) sum += position_rate(l, kLocal);
  }
  for (std::uint32_t unit = 0; unit < groups * (groups - 1) * l.counts[kChannels]; ++unit) {
    const Routers r = global_ends(l, unit);
    if (sending[r.from] && !sending[r.to]) sum += position_rate(l, kGlobal);
  }
  const auto inside = static_cast<double>(std::count(sending.begin(), sending.end(), true));
  return sum + std::abs(l.devices / 2 - inside * l.counts[kPerRouter]) * l.device_rate;
}

// Three families: groups one after another (the one in the middle split from either end), every
// group split in half, every device at its ports. We know of no closed form of the exact worst cut;
// this bounds it from above.
double bisection(const Layout& l) {
  const std::uint32_t routers = l.counts[kPerGroup], all = l.counts[kGroups] * routers;
  const std::uint32_t whole = all / 2 / routers, rest = all / 2 % routers;
  std::vector<bool> first_of_middle(all), last_of_middle(all), within_groups(all);
  for (std::uint32_t r = 0; r < all; ++r) {
    const std::uint32_t group = r / routers, place = r % routers;
    first_of_middle[r] = group < whole || (group == whole && place < rest);
    last_of_middle[r] = group < whole || (group == whole && place >= routers - rest);
    within_groups[r] = place < routers / 2;
  }
  return std::min({(l.devices / 2) * l.device_rate, cut(l, first_of_middle), cut(l, last_of_middle),
                   cut(l, within_groups)});
}

}  // namespace

constinit const Shape kDragonfly{PlaneShape::dragonfly,
                                 "dragonfly",
                                 "groups of fully meshed routers, global links between the groups",
                                 true,
                                 lay,
                                 variants,
                                 walk,
                                 ends,
                                 router_of,
                                 first_switches,
                                 diameter,
                                 bisection};

}  // namespace xpusim::topology
