// Every package is wired to every other (MI300X nodes): its links are spread evenly over the peers.
#include <algorithm>
#include <cstdlib>

#include "topology/plane_builder.hpp"

namespace xpusim::topology {
namespace {

enum : std::uint32_t { kMesh, kUp, kDown };
enum : std::uint32_t { kPackages, kDies };

void lay(PlaneBuilder& b) {
  const std::uint32_t peers = b.packages - 1;
  b.layout.counts = {b.packages, b.dies};
  b.add_tier("mesh", std::uint64_t{b.packages} * peers, peers ? b.package_rate() / peers : 0.0,
             b.port, {});
  if (b.dies == 1) return;
  b.add_die_tiers();
  b.layout.instance_vertices = b.packages * b.layout.sub_members;
}

std::uint32_t variants(const Layout&, std::uint32_t, std::uint32_t) { return 1; }

void walk(const Layout& l, std::uint32_t from, std::uint32_t to, std::uint32_t sub_plane,
          std::uint32_t, Walk& way) {
  const std::uint32_t dies = l.counts[kDies];
  const std::uint32_t a = from / dies, b = to / dies;
  if (dies > 1) way.hop(kUp, member(l, from, sub_plane));
  if (a != b) {
    const std::uint32_t peer = b < a ? b : b - 1;
    way.hop(kMesh, member(l, a * (l.counts[kPackages] - 1) + peer, sub_plane));
  }
  if (dies > 1) way.hop(kDown, member(l, to, sub_plane));
}

Fabric::LinkEnds ends(const Layout& l, std::uint32_t tier, std::uint32_t position) {
  const std::uint32_t sub_plane = position % l.sub_members, unit = position / l.sub_members;
  const std::uint32_t dies = l.counts[kDies];
  const auto at = [&](std::uint32_t package) {
    return dies == 1 ? package : l.devices + member(l, package, sub_plane);
  };
  if (tier == kUp) return {unit, at(unit / dies)};
  if (tier == kDown) return {at(unit / dies), unit};
  const std::uint32_t peers = l.counts[kPackages] - 1;
  const std::uint32_t a = unit / peers, peer = unit % peers;
  return {at(a), at(peer < a ? peer : peer + 1)};
}

std::uint32_t no_switch(const Layout&, std::uint32_t) { return 0; }
std::uint32_t no_switches(const Layout&) { return 0; }

int diameter(const Layout& l) {
  if (l.devices < 2) return 0;
  return (l.counts[kPackages] > 1 ? 1 : 0) + (l.counts[kDies] > 1 ? 2 : 0);
}

// a of P packages on the sending side cut a (P - a) links; devices whose package is on the other
// side are cut at their ports. The best a is searched: P is small.
double bisection(const Layout& l) {
  const double half = l.devices / 2, packages = l.counts[kPackages], dies = l.counts[kDies];
  const double link = l.counts[kPackages] > 1 ? position_rate(l, kMesh) : 0.0;
  double least = half * l.device_rate;
  for (std::uint32_t i = 1; i < l.counts[kPackages]; ++i) {
    const double a = i;
    least = std::min(least, a * (packages - a) * link + std::abs(half - a * dies) * l.device_rate);
  }
  return least;
}

}  // namespace

constinit const Shape kFullMesh{PlaneShape::full_mesh,
                                "full_mesh",
                                "every package is wired to every other of its domain",
                                false,
                                lay,
                                variants,
                                walk,
                                ends,
                                no_switch,
                                no_switches,
                                diameter,
                                bisection};

}  // namespace xpusim::topology
