// A torus of packages, each with its router on chip (TPU inter-chip interconnect). Routes are
// minimal and dimension-ordered; where both ways round an axis are equally short, each is one
// variant.
#include <algorithm>
#include <bit>
#include <functional>
#include <numeric>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "topology/plane_builder.hpp"

namespace xpusim::topology {
namespace {

// Layout::counts: dies, axes, the size of every axis. Tier i is axis i; the dies' tiers follow.
enum : std::uint32_t { kDies, kAxes, kFirstSize };

// An axis of two has one neighbour: both ports lead there and make one bundle.
constexpr std::uint32_t directions(std::uint32_t size) { return size > 2 ? 2 : size == 2 ? 1 : 0; }

void lay(PlaneBuilder& b) {
  const std::vector<int>& sizes = b.spec.dimensions;
  std::uint64_t product = 1;
  for (const int size : sizes) {
    if (!b.positive(size, "dimensions")) return;
    product = std::min<std::uint64_t>(product * static_cast<std::uint64_t>(size), 0xffffffffu);
  }
  if (sizes.empty() || product != b.packages) {
    b.refuse("shape-dimensions",
             fmt::format("dimensions {} span {} packages, the domain has {}",
                         sizes.empty() ? "[]" : fmt::format("[{}]", fmt::join(sizes, ", ")),
                         sizes.empty() ? 0 : product, b.packages),
             fmt::format("write dimensions whose product is {}", b.packages));
    return;
  }
  b.layout.counts = {b.dies, static_cast<std::uint32_t>(sizes.size())};
  const auto ports = 2.0 * static_cast<double>(std::count_if(sizes.begin(), sizes.end(),
                                                             [](int n) { return n > 1; }));
  for (std::size_t axis = 0; axis < sizes.size(); ++axis) {
    const auto size = static_cast<std::uint32_t>(sizes[axis]);
    const double rate = size > 1 ? b.package_rate() / ports * (size == 2 ? 2 : 1) : 0.0;
    b.layout.counts.push_back(size);
    b.add_tier(fmt::format("axis-{}", axis), b.packages * directions(size), rate, b.port,
               {.enters_switch = true});
  }
  if (b.dies == 1) return;
  b.add_die_tiers();
  b.layout.instance_vertices = b.packages * b.layout.sub_members;
}

bool tie(std::uint32_t size, std::uint32_t distance) { return size > 2 && 2 * distance == size; }

std::uint32_t variants(const Layout& l, std::uint32_t from, std::uint32_t to) {
  std::uint32_t a = from / l.counts[kDies], b = to / l.counts[kDies], ways = 1;
  for (std::uint32_t axis = 0; axis < l.counts[kAxes]; ++axis) {
    const std::uint32_t size = l.counts[kFirstSize + axis];
    if (tie(size, (b % size + size - a % size) % size)) ways *= 2;
    a /= size;
    b /= size;
  }
  return ways;
}

/// Goes along one axis from coordinate x to y; `here` is the package. Returns the package reached.
std::uint32_t go(const Layout& l, std::uint32_t axis, std::uint32_t stride, std::uint32_t here,
                 std::uint32_t y, std::uint32_t sub_plane, std::uint32_t& variant, Walk& way) {
  const std::uint32_t size = l.counts[kFirstSize + axis], x = here / stride % size;
  const std::uint32_t ahead = (y + size - x) % size;
  bool back = 2 * ahead > size;
  if (tie(size, ahead)) {
    back = variant % 2 == 1;
    variant /= 2;
  }
  const std::uint32_t steps = back ? size - ahead : ahead;
  const std::uint32_t line = here - x * stride;
  std::uint32_t at = x;
  for (std::uint32_t step = 0; step < steps; ++step) {
    const std::uint32_t unit = (line + at * stride) * directions(size) + (back ? 1 : 0);
    way.hop(axis, member(l, unit, sub_plane));
    at = (back ? at + size - 1 : at + 1) % size;
  }
  return line + at * stride;
}

void walk(const Layout& l, std::uint32_t from, std::uint32_t to, std::uint32_t sub_plane,
          std::uint32_t variant, Walk& way) {
  const std::uint32_t dies = l.counts[kDies], axes = l.counts[kAxes];
  std::uint32_t here = from / dies, stride = 1;
  const std::uint32_t target = to / dies;
  if (dies > 1) way.hop(axes, member(l, from, sub_plane));
  for (std::uint32_t axis = 0; axis < axes; ++axis) {
    const std::uint32_t size = l.counts[kFirstSize + axis];
    here = go(l, axis, stride, here, target / stride % size, sub_plane, variant, way);
    stride *= size;
  }
  if (dies > 1) way.hop(axes + 1, member(l, to, sub_plane));
}

Fabric::LinkEnds ends(const Layout& l, std::uint32_t tier, std::uint32_t position) {
  const std::uint32_t dies = l.counts[kDies], axes = l.counts[kAxes];
  const std::uint32_t sub_plane = position % l.sub_members, unit = position / l.sub_members;
  const auto at = [&](std::uint32_t package) {
    return dies == 1 ? package : l.devices + member(l, package, sub_plane);
  };
  if (tier == axes) return {unit, at(unit / dies)};
  if (tier == axes + 1) return {at(unit / dies), unit};
  const std::uint32_t size = l.counts[kFirstSize + tier];
  std::uint32_t stride = 1;
  for (std::uint32_t axis = 0; axis < tier; ++axis) stride *= l.counts[kFirstSize + axis];
  const std::uint32_t package = unit / directions(size);
  const bool back = unit % directions(size) == 1;
  const std::uint32_t x = package / stride % size;
  const std::uint32_t y = (back ? x + size - 1 : x + 1) % size;
  return {at(package), at(package - x * stride + y * stride)};
}

std::uint32_t no_switch(const Layout&, std::uint32_t) { return 0; }
std::uint32_t no_switches(const Layout&) { return 0; }

int diameter(const Layout& l) {
  if (l.devices < 2) return 0;
  std::uint32_t hops = l.counts[kDies] > 1 ? 2 : 0;
  for (std::uint32_t axis = 0; axis < l.counts[kAxes]; ++axis) {
    hops += l.counts[kFirstSize + axis] / 2;
  }
  return static_cast<int>(hops);
}

// Links that the worst balanced cut of packages severs (J. A. Aroca, A. Fernandez Anta, "Bisection
// (Band)Width of Product Networks with Application to Data Centers", IEEE TPDS 25(3), 2014): with
// axes k1 >= ... >= kd, twice the sum of C_i = k_(i+1) ... k_d up to the first even axis.
double severed_links(const Layout& l) {
  std::vector<std::uint32_t> sizes(l.counts.begin() + kFirstSize, l.counts.end());
  std::sort(sizes.begin(), sizes.end(), std::greater<>());
  double rest = std::accumulate(sizes.begin(), sizes.end(), 1.0, std::multiplies<>());
  double links = 0;
  for (const std::uint32_t size : sizes) {
    if (size == 1) break;
    rest /= size;
    links += 2 * rest;
    if (size % 2 == 0) break;
  }
  return links;
}

double bisection(const Layout& l) {
  double package_ports = 0, package_rate = 0;
  std::uint32_t packages = 1;
  for (std::uint32_t axis = 0; axis < l.counts[kAxes]; ++axis) {
    const std::uint32_t size = l.counts[kFirstSize + axis];
    packages *= size;
    if (size < 2) continue;
    package_ports += 2;
    package_rate += directions(size) * position_rate(l, axis);
  }
  const double half = l.devices / 2;
  const double at_ports = half * l.device_rate;  // every package on the other side
  if (packages < 2) return at_ports;
  const double link = package_rate / package_ports;
  // With dies, half of the packages may hold less than half of the devices: the rest is cut at
  // ports.
  const double odd = half - static_cast<double>(packages / 2) * l.counts[kDies];
  return std::min(at_ports, severed_links(l) * link + odd * l.device_rate);
}

}  // namespace

constinit const Shape kTorus{PlaneShape::torus,
                             "torus",
                             "a torus of any dimensions, minimal dimension-ordered routes",
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
