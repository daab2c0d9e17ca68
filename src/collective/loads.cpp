#include <algorithm>

#include "collective/algorithm.hpp"

namespace xpusim::collective {
namespace {

void add_volume(const GroupView& group, std::uint32_t slot, const Volume& v, LinkBytes& into) {
  const Fabric& fabric = group.fabric();
  const PlaneId plane = group.planes()[slot];
  if (v.to == kSwitch) {
    into.add(fabric.to_switch(plane, group.members()[v.from]), v.bytes);
  } else if (v.from == kSwitch) {
    into.add(fabric.from_switch(plane, group.members()[v.to]), v.bytes);
  } else {
    group.load(slot, v.from, v.to, v.bytes, into);
  }
}

}  // namespace

void add_loads(const GroupView& group, const Phase& phase, LinkBytes& into) {
  for (const Volume& v : phase.volumes) {
    if (v.bytes > 0) add_volume(group, phase.slot, v, into);
  }
  for (const Volume& v : phase.outer_volumes) {
    if (v.bytes > 0) add_volume(group, 1, v, into);
  }
  for (const Exchange& e : phase.exchanges) {
    if (e.bytes <= 0) continue;
    if (e.ranks.empty()) {
      group.load_all_pairs(phase.slot, e.bytes, into);
      continue;
    }
    std::vector<DeviceId> members;
    for (const std::uint32_t rank : e.ranks) members.push_back(group.members()[rank]);
    GroupView(group.fabric(), {group.planes()[phase.slot]}, members)
        .load_all_pairs(0, e.bytes, into);
  }
}

double idle_seconds(const Request& request, const Traffic& traffic) {
  const Fabric& fabric = request.group->fabric();
  double total = 0;
  for (const Phase& phase : traffic.phases) {
    LinkBytes bytes(fabric);
    add_loads(*request.group, phase, bytes);
    double longest = 0;
    for (const LinkId link : bytes.links()) {
      const FabricLink& l = fabric.links()[link];
      const double wire_factor = request.cost[request.group->slot_of(l.plane)].wire_factor;
      longest = std::max(longest, bytes.bytes(link) * wire_factor / l.capacity.value());
    }
    total += phase.latency + longest;
  }
  return total;
}

}  // namespace xpusim::collective
