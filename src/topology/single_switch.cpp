// One level: every sub-plane is one switch that reaches every device (NVSwitch in a node or rack).
#include "topology/plane_builder.hpp"

namespace xpusim::topology {
namespace {

enum : std::uint32_t { kUp, kDown };

void lay(PlaneBuilder& b) {
  const double rate = b.package_rate() / b.dies;
  b.add_tier("device-up", b.devices(), rate, b.port, {.enters_switch = true});
  b.add_tier("device-down", b.devices(), rate, b.port, {});
  b.layout.instance_vertices = b.layout.sub_members;
}

std::uint32_t variants(const Layout&, std::uint32_t, std::uint32_t) { return 1; }

void walk(const Layout& l, std::uint32_t from, std::uint32_t to, std::uint32_t sub_plane,
          std::uint32_t, Walk& way) {
  way.hop(kUp, member(l, from, sub_plane));
  way.hop(kDown, member(l, to, sub_plane));
}

Fabric::LinkEnds ends(const Layout& l, std::uint32_t tier, std::uint32_t position) {
  const std::uint32_t device = position / l.sub_members;
  const std::uint32_t at = l.devices + position % l.sub_members;
  return tier == kUp ? Fabric::LinkEnds{device, at} : Fabric::LinkEnds{at, device};
}

std::uint32_t first_switch(const Layout&, std::uint32_t) { return 0; }
std::uint32_t first_switches(const Layout&) { return 1; }
int diameter(const Layout& l) { return l.devices > 1 ? 2 : 0; }

// Half of the devices send, each at its full rate; the switch itself does not block.
double bisection(const Layout& l) { return (l.devices / 2) * l.device_rate; }

}  // namespace

constinit const Shape kSingleSwitch{
    PlaneShape::single_switch,
    "switch",
    "one level: every device reaches every other through one switch",
    true,
    lay,
    variants,
    walk,
    ends,
    first_switch,
    first_switches,
    diameter,
    bisection};

}  // namespace xpusim::topology
