// From the description of a system to its graph: planes one after another, then faults.
#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "topology/plane_builder.hpp"

namespace xpusim {

using topology::PlaneBuilder;
using topology::TierOptions;

class FabricBuilder {
 public:
  FabricBuilder(const SystemSpec& system, const ChipSpec& chip, const LinkParts& parts,
                FabricOptions options)
      : system_(system), chip_(chip), parts_(parts), options_(options) {}

  Fabric build();

 private:
  void set_sizes();
  void add_plane(const PlaneSpec&);
  void add_die_plane();
  bool check(const PlaneSpec&);
  bool check_sub_planes(const PlaneSpec&);
  const LinkSpec* find_part(const PlaneSpec&, const std::string& name);
  std::uint32_t domain_packages(const PlaneSpec&);
  std::uint32_t strided_packages(const PlaneSpec&);
  /// Link parts by level: device ports, leaf uplinks, core links.
  using Parts = std::array<const LinkSpec*, 3>;
  void lay(const PlaneSpec&, const Parts&, std::uint32_t packages, std::uint32_t dies);
  void apply_fault(const PlaneSpec&, const Fabric::PlaneLayout&, const LinkFault&);
  void refuse(const PlaneSpec&, std::string code, const std::string& message, std::string help);

  const SystemSpec& system_;
  const ChipSpec& chip_;
  const LinkParts& parts_;
  FabricOptions options_;
  Fabric fabric_;
  Diagnostics diagnostics_;
  std::set<LinkId> faulty_;
};

namespace {

// A system larger than this is a slip of the pen.
constexpr std::uint64_t kMostDevices = 10'000'000;

/// Member links: sub-planes told apart. A healthy sprayed plane, or one that lost whole sub-planes,
/// is symmetric and stays bundled (docs/decisions/0003-spraying-and-bundles.md).
bool told_apart(const PlaneSpec& spec) {
  return spec.spreading == Spreading::hash || !spec.faults.empty();
}

bool has_spines(const PlaneSpec& spec) {
  return spec.shape == PlaneShape::clos || spec.shape == PlaneShape::rail_optimised ||
         spec.shape == PlaneShape::fat_tree;
}

bool names_leaf_tier(const LinkFault& fault) {
  return fault.tier == "leaf-up" || fault.tier == "leaf-down";
}
bool names_pod_tier(const LinkFault& fault) {
  return fault.tier == "pod-up" || fault.tier == "pod-down";
}

/// Core switches are told apart when flows hash to them or one of their links is faulty.
std::uint32_t core_members(const PlaneSpec& spec) {
  const bool split = spec.spreading == Spreading::hash ||
                     std::any_of(spec.faults.begin(), spec.faults.end(), names_pod_tier);
  return split && spec.shape == PlaneShape::fat_tree
             ? static_cast<std::uint32_t>(spec.cores_per_spine)
             : 1;
}

/// So are spines; every core switch belongs to one, so that telling cores apart tells spines apart.
std::uint32_t spine_members(const PlaneSpec& spec) {
  const bool split = spec.spreading == Spreading::hash ||
                     std::any_of(spec.faults.begin(), spec.faults.end(), [](const LinkFault& f) {
                       return names_leaf_tier(f) || names_pod_tier(f);
                     });
  return split && has_spines(spec) ? static_cast<std::uint32_t>(spec.spines) : 1;
}

}  // namespace

void FabricBuilder::refuse(const PlaneSpec& spec, std::string code, const std::string& message,
                           std::string help) {
  diagnostics_.error(std::move(code), fmt::format("plane '{}': {}", spec.name, message), {},
                     std::move(help));
}

void FabricBuilder::set_sizes() {
  if (system_.nodes < 1 || system_.chips_per_node < 1) {
    throw InputError("system-size",
                     fmt::format("system '{}' has {} nodes of {} chips", system_.info.name,
                                 system_.nodes, system_.chips_per_node),
                     "write at least 1 of each");
  }
  const bool per_die = options_.rank == RankUnit::die;
  const std::uint64_t dies =
      per_die ? static_cast<std::uint64_t>(std::max(1, chip_.dies.count)) : 1;
  const std::uint64_t packages = static_cast<std::uint64_t>(system_.nodes) *
                                 static_cast<std::uint64_t>(system_.chips_per_node);
  if (packages * dies > kMostDevices) {
    throw InputError("system-size",
                     fmt::format("system '{}' has {} devices", system_.info.name, packages * dies),
                     fmt::format("a fabric holds up to {}", kMostDevices));
  }
  fabric_.packages_ = static_cast<std::uint32_t>(packages);
  fabric_.devices_ = static_cast<std::uint32_t>(packages * dies);
  fabric_.devices_per_node_ =
      static_cast<std::uint32_t>(static_cast<std::uint64_t>(system_.chips_per_node) * dies);
  fabric_.vertices_ = fabric_.devices_;
}

const LinkSpec* FabricBuilder::find_part(const PlaneSpec& spec, const std::string& name) {
  const auto found = parts_.find(name);
  if (found != parts_.end()) {
    if (found->second.bandwidth.value() > 0) return &found->second;
    refuse(spec, "link-bandwidth", fmt::format("link part '{}' has no bandwidth", name),
           "write a 'bandwidth' above 0 in the part");
    return nullptr;
  }
  std::vector<std::string> names;
  for (const auto& [known, part] : parts_) names.push_back(known);
  const std::string_view nearest = nearest_word(name, names);
  std::string help = nearest.empty() ? fmt::format("known link parts: {}", fmt::join(names, ", "))
                                     : fmt::format("did you mean '{}'?", nearest);
  refuse(spec, "unknown-part", fmt::format("no link part '{}'", name), std::move(help));
  return nullptr;
}

bool FabricBuilder::check_sub_planes(const PlaneSpec& spec) {
  if (spec.sub_planes < 1) {
    refuse(spec, "shape-number", fmt::format("'sub_planes' is {}", spec.sub_planes),
           "write a number of at least 1");
    return false;
  }
  if (spec.lost_sub_planes < 0 || spec.lost_sub_planes >= spec.sub_planes) {
    refuse(spec, "lost-sub-planes",
           fmt::format("{} of {} sub-planes are lost", spec.lost_sub_planes, spec.sub_planes),
           fmt::format("lose 0 to {}", spec.sub_planes - 1));
    return false;
  }
  return true;
}

bool FabricBuilder::check(const PlaneSpec& spec) {
  const std::size_t before = diagnostics_.items().size();
  if (fabric_.find_plane(spec.name)) {
    refuse(spec, "duplicate-plane", "the name is taken", "give every plane a name of its own");
  }
  if (!(spec.links_per_device > 0) || !std::isfinite(spec.links_per_device)) {
    refuse(spec, "shape-number", fmt::format("'links_per_device' is {}", spec.links_per_device),
           "write a number above 0");
  }
  if (!(spec.oversubscription > 0) || !std::isfinite(spec.oversubscription)) {
    refuse(spec, "shape-number", fmt::format("'oversubscription' is {}", spec.oversubscription),
           "write a number above 0: 1 = non-blocking, 2 = half of the bandwidth goes up");
  }
  if (!(spec.pod_oversubscription > 0) || !std::isfinite(spec.pod_oversubscription)) {
    refuse(spec, "shape-number",
           fmt::format("'pod_oversubscription' is {}", spec.pod_oversubscription),
           "write a number above 0: 1 = non-blocking, 2 = half of the bandwidth goes up");
  }
  for (const auto& [name, value] :
       {std::pair("spines", spec.spines), std::pair("cores_per_spine", spec.cores_per_spine)}) {
    if (value >= 1) continue;
    refuse(spec, "shape-number", fmt::format("'{}' is {}", name, value),
           "write a number of at least 1");
  }
  if (spec.in_switch_reduction && !topology::shape_of(spec.shape).has_switches) {
    refuse(spec, "in-switch-reduction",
           fmt::format("a {} has no switches to reduce in", to_string(spec.shape)),
           "set 'in_switch_reduction' to false");
  }
  check_sub_planes(spec);
  return diagnostics_.items().size() == before;
}

std::uint32_t FabricBuilder::domain_packages(const PlaneSpec& spec) {
  const std::uint32_t packages = fabric_.packages_;
  if (spec.stride != 1) return strided_packages(spec);
  if (spec.domain == 0) return packages;
  const auto domain = static_cast<std::uint32_t>(std::max(0, spec.domain));
  if (spec.domain > 0 && domain <= packages && packages % domain == 0) return domain;
  const std::uint32_t whole = domain > 0 ? packages / domain * domain : 0;
  refuse(spec, "plane-domain",
         fmt::format("a domain of {} packages does not divide the {} of the system", spec.domain,
                     packages),
         whole > 0
             ? fmt::format("use {} or {} packages, or another 'domain'", whole, whole + domain)
             : fmt::format("write a divisor of {}, or 0 for the whole system", packages));
  return 0;
}

/// The instances of a strided plane interleave: `stride` of them fill stride x domain packages.
std::uint32_t FabricBuilder::strided_packages(const PlaneSpec& spec) {
  const std::uint32_t packages = fabric_.packages_;
  if (spec.stride < 1) {
    refuse(spec, "shape-number", fmt::format("'stride' is {}", spec.stride),
           "write a number of at least 1");
    return 0;
  }
  if (spec.shape == PlaneShape::rail_optimised) {
    refuse(spec, "plane-stride", "a strided plane has no rails: its members are not whole nodes",
           "use a clos, or a stride of 1");
    return 0;
  }
  const auto stride = static_cast<std::uint64_t>(spec.stride);
  const std::uint64_t domain =
      spec.domain == 0 ? packages / stride : static_cast<std::uint64_t>(std::max(0, spec.domain));
  if (domain > 0 && packages % (stride * domain) == 0) return static_cast<std::uint32_t>(domain);
  refuse(
      spec, "plane-stride",
      fmt::format("{} members {} packages apart do not divide the {} of the system",
                  spec.domain == 0 ? static_cast<int>(domain) : spec.domain, spec.stride, packages),
      fmt::format("choose 'domain' times 'stride' so that it divides {}", packages));
  return 0;
}

void FabricBuilder::add_plane(const PlaneSpec& spec) {
  const bool sound = check(spec);
  const LinkSpec* port = find_part(spec, spec.link);
  const LinkSpec* uplink = spec.uplink.empty() ? port : find_part(spec, spec.uplink);
  const LinkSpec* core = spec.core_link.empty() ? uplink : find_part(spec, spec.core_link);
  const std::uint32_t packages = domain_packages(spec);
  if (!sound || port == nullptr || uplink == nullptr || core == nullptr || packages == 0) return;
  lay(spec, {port, uplink, core}, packages, fabric_.devices_ / fabric_.packages_);
}

void FabricBuilder::lay(const PlaneSpec& spec, const Parts& parts, std::uint32_t packages,
                        std::uint32_t dies) {
  const LinkSpec& port = *parts[0];
  const auto id = static_cast<PlaneId>(fabric_.planes_.size());
  const double left = static_cast<double>(spec.sub_planes - spec.lost_sub_planes) / spec.sub_planes;
  Fabric::PlaneLayout layout;
  layout.shape = &topology::shape_of(spec.shape);
  layout.devices = packages * dies;
  layout.sub_members = told_apart(spec) ? static_cast<std::uint32_t>(spec.sub_planes) : 1;
  layout.alive = layout.sub_members -
                 (told_apart(spec) ? static_cast<std::uint32_t>(spec.lost_sub_planes) : 0);
  layout.spine_members = spine_members(spec);
  layout.core_members = core_members(spec);
  layout.first_vertex = fabric_.vertices_;
  layout.device_rate = port.bandwidth.value() * spec.links_per_device / dies * left;
  layout.endpoint_latency = port.endpoint_latency.value();
  layout.hashed = spec.spreading == Spreading::hash;
  layout.faulty = !spec.faults.empty();

  const std::uint32_t instances = fabric_.devices_ / layout.devices;
  const std::size_t errors = diagnostics_.items().size();
  PlaneBuilder builder{
      spec,        port,      *parts[1],      *parts[2],
      packages,    instances, dies,           static_cast<std::uint32_t>(system_.chips_per_node),
      id,          layout,    fabric_.tiers_, fabric_.links_,
      diagnostics_};
  layout.shape->lay(builder);
  if (diagnostics_.items().size() != errors) return;
  layout.longest_route = static_cast<std::uint32_t>(layout.shape->diameter(layout));
  for (const LinkFault& fault : spec.faults) apply_fault(spec, layout, fault);

  fabric_.vertices_ += layout.instance_vertices * instances;
  fabric_.planes_.push_back(
      {spec.name, spec.role, spec.shape, spec.link, layout.devices,
       static_cast<std::uint32_t>(spec.stride), dies, spec.in_switch_reduction,
       port.endpoint_latency, BytesPerSecond(layout.device_rate * port.efficiency),
       static_cast<std::uint32_t>(spec.sub_planes - spec.lost_sub_planes), !told_apart(spec)});
  fabric_.layouts_.push_back(std::move(layout));
}

void FabricBuilder::apply_fault(const PlaneSpec& spec, const Fabric::PlaneLayout& layout,
                                const LinkFault& fault) {
  std::vector<std::string> names;
  const Fabric::TierLayout* where = nullptr;
  for (const Fabric::TierLayout& t : layout.tiers) {
    if (t.id >= fabric_.tiers_.size()) continue;
    names.push_back(fabric_.tiers_[t.id].name);
    if (names.back() == fault.tier) where = &t;
  }
  if (where == nullptr) {
    refuse(spec, "unknown-tier", fmt::format("a fault names tier '{}'", fault.tier),
           fmt::format("tiers of this plane: {}", fmt::join(names, ", ")));
    return;
  }
  Tier& tier = fabric_.tiers_[where->id];
  if (fault.index < 0 || static_cast<std::uint32_t>(fault.index) >= tier.links) {
    refuse(spec, "fault-range",
           fmt::format("a fault names link {} of tier '{}'", fault.index, fault.tier),
           fmt::format("use 0 to {}", tier.links - 1));
    return;
  }
  if (!(fault.capacity >= 0 && fault.capacity < 1)) {
    refuse(spec, "fault-range",
           fmt::format("a fault leaves {} of link {} of tier '{}'", fault.capacity, fault.index,
                       fault.tier),
           "write the share that is left: 0 up to, not including, 1");
    return;
  }
  const LinkId id = where->first + static_cast<std::uint32_t>(fault.index);
  if (!faulty_.insert(id).second) {
    refuse(spec, "fault-twice",
           fmt::format("two faults name link {} of tier '{}'", fault.index, fault.tier),
           "keep one of them");
    return;
  }
  FabricLink& link = fabric_.links_[id];
  tier.capacity -= link.capacity * (1.0 - fault.capacity);
  link.nominal *= fault.capacity;
  link.capacity *= fault.capacity;
}

void FabricBuilder::add_die_plane() {
  const DieSpec& dies = chip_.dies;
  PlaneSpec spec;
  spec.name = "die-to-die";
  spec.role = PlaneRole::scale_up;
  spec.shape = PlaneShape::full_mesh;
  spec.link = "die-to-die";
  spec.links_per_device = dies.count - 1;  // one link to every other die
  if (fabric_.find_plane(spec.name)) {
    refuse(spec, "duplicate-plane", "the name is kept for the links between the dies of a package",
           "give the plane another name");
    return;
  }
  if (!(dies.link_bandwidth.value() > 0)) {
    refuse(spec, "die-link",
           fmt::format("chip '{}' has {} dies and no bandwidth between them", chip_.info.name,
                       dies.count),
           "write 'dies.link_bandwidth', or rank by package");
    return;
  }
  LinkSpec part;
  part.bandwidth = dies.link_bandwidth;
  part.efficiency = dies.link_efficiency;
  part.latency = dies.link_latency;
  // Here the dies are the nodes of the mesh: as many one-die packages as the package has dies.
  lay(spec, {&part, &part, &part}, static_cast<std::uint32_t>(dies.count), 1);
}

Fabric FabricBuilder::build() {
  set_sizes();
  fabric_.salt_ = (options_.seed - 1) * 0x9e3779b97f4a7c15ULL;  // seed 1: none
  // Room for the links that most systems need: growing by doubling touches each page twice.
  fabric_.links_.reserve(std::size_t{4} * fabric_.devices_ * system_.planes.size());
  for (const PlaneSpec& spec : system_.planes) add_plane(spec);
  if (fabric_.devices_ > fabric_.packages_) add_die_plane();
  if (diagnostics_.has_errors()) throw InputError(std::move(diagnostics_));
  return std::move(fabric_);
}

Fabric build_fabric(const SystemSpec& system, const ChipSpec& chip, const LinkParts& parts,
                    FabricOptions options) {
  return FabricBuilder(system, chip, parts, options).build();
}

}  // namespace xpusim
