#include "topology/plane_builder.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace xpusim::topology {
namespace {

// Beyond this a fabric is a slip of the pen (a full mesh of a cluster) and does not fit in memory.
constexpr std::uint64_t kMostLinks = 50'000'000;
constexpr TierId kNoTier = 0xffff;

}  // namespace

void PlaneBuilder::refuse(std::string code, const std::string& message, std::string help) {
  diagnostics.error(std::move(code), fmt::format("plane '{}': {}", spec.name, message), {},
                    std::move(help));
}

bool PlaneBuilder::positive(int value, std::string_view field) {
  if (value >= 1) return true;
  refuse("shape-number", fmt::format("'{}' is {}", field, value), "write a number of at least 1");
  return false;
}

double PlaneBuilder::package_rate() const { return port.bandwidth.value() * spec.links_per_device; }

std::uint32_t ways(const Layout& layout, TierOptions options) {
  return layout.sub_members * (options.per_spine ? layout.spine_members : 1) *
         (options.per_core ? layout.core_members : 1);
}

void PlaneBuilder::add_tier(std::string name, std::uint64_t units, double rate,
                            const LinkSpec& part, TierOptions options) {
  const std::uint32_t per_position = ways(layout, options);
  const std::uint64_t per_instance = units * per_position;
  const std::uint64_t count = per_instance * instances;
  if (links.size() + count > kMostLinks) {
    refuse("fabric-size", fmt::format("tier '{}' needs {} links", name, count),
           fmt::format("a fabric holds up to {} links: use fewer devices, or a shape with switches",
                       kMostLinks));
    return;
  }
  // A bundle loses its lost members; told apart, they stay as dead links and keep the numbering.
  const bool bundle = layout.sub_members == 1;
  const double left = static_cast<double>(spec.sub_planes - spec.lost_sub_planes) / spec.sub_planes;
  const double each = bundle ? rate * left / per_position : rate / per_position;
  FabricLink link;
  link.plane = plane;
  link.members =
      static_cast<std::uint32_t>(std::max(1.0, std::ceil(each / part.bandwidth.value() - 1e-9)));
  link.latency = part.latency + (options.enters_switch ? spec.switch_latency : Seconds(0));
  link.energy = part.energy;
  link.tier = static_cast<TierId>(tiers.size());
  const TierId id =
      count > 0 ? link.tier : kNoTier;  // a shape of one group: the level does not exist
  layout.tiers.push_back({id, static_cast<LinkId>(links.size()),
                          static_cast<std::uint32_t>(per_instance), link.latency.value(), each});
  if (count == 0) return;
  const std::uint32_t per_sub_plane = per_position / layout.sub_members;
  Tier tier{std::move(name), plane, static_cast<std::uint32_t>(count), BytesPerSecond(0)};
  links.reserve(std::max(links.size() + count, 2 * links.size()));
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto sub_plane = static_cast<std::uint32_t>(i / per_sub_plane) % layout.sub_members;
    link.index = static_cast<std::uint32_t>(i);
    link.nominal = BytesPerSecond(sub_plane < layout.alive ? each : 0.0);
    link.capacity = link.nominal * part.efficiency;
    tier.capacity += link.capacity;
    links.push_back(link);
  }
  tiers.push_back(std::move(tier));
}

void PlaneBuilder::add_die_tiers() {
  LinkSpec inside = port;
  inside.latency = Seconds(0);
  inside.energy = JoulesPerByte(0);
  const double share = package_rate() / dies;
  add_tier("device-up", devices(), share, inside, {});
  add_tier("device-down", devices(), share, inside, {});
}

}  // namespace xpusim::topology
