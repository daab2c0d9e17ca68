#include <algorithm>

#include <fmt/format.h>

#include "xpusim/diagnostic.hpp"
#include "xpusim/power.hpp"

namespace xpusim {
namespace {

double unit_share(double value) { return std::clamp(value, 0.0, 1.0); }

/// Position in SystemSpec::planes, or -1.
int plane_index(const SystemSpec& system, const std::string& name) {
  for (std::size_t i = 0; i < system.planes.size(); ++i) {
    if (system.planes[i].name == name) return static_cast<int>(i);
  }
  return -1;
}

void check_activities(const SystemSpec& system) {
  for (const ComponentSpec& part : system.components) {
    if (part.activity.empty() || part.activity == "compute") continue;
    if (plane_index(system, part.activity) >= 0) continue;
    throw InputError(
        "unknown-activity",
        fmt::format("component '{}' of system '{}' follows \"{}\", which is no plane of it",
                    part.name, system.info.name, part.activity),
        "write \"compute\", the name of a plane, or leave it out for a constant power");
  }
}

}  // namespace

Watts PowerBreakdown::of_kind(std::string_view kind) const {
  Watts sum;
  for (const PowerPart& part : parts) {
    if (part.kind == kind) sum += part.watts;
  }
  return sum;
}

PowerModel::PowerModel(const SystemSpec& system, const ChipSpec& chip, std::uint64_t packages_used)
    : system_(system), chip_idle_(chip.power.idle), chip_tdp_(chip.power.tdp) {
  if (system.nodes < 1 || system.chips_per_node < 1) {
    throw InternalError("power of a system without nodes or chips");
  }
  const auto per_node = static_cast<std::uint64_t>(system.chips_per_node);
  const std::uint64_t packages = static_cast<std::uint64_t>(system.nodes) * per_node;
  packages_used_ = packages_used == 0 ? packages : packages_used;
  if (packages_used_ > packages) {
    throw InputError("too-few-chips",
                     fmt::format("system '{}' has {} chips, {} are wanted", system.info.name,
                                 packages, packages_used_),
                     "use fewer chips or more nodes");
  }
  nodes_used_ = (packages_used_ + per_node - 1) / per_node;
  check_activities(system_);
}

double PowerModel::units(ComponentScope scope) const {
  const double nodes = static_cast<double>(nodes_used_);
  const double packages = nodes * system_.chips_per_node;
  switch (scope) {
    case ComponentScope::chip:
      return packages;
    case ComponentScope::node:
      return nodes;
    case ComponentScope::supernode:
      if (system_.supernode_chips > 0) return packages / system_.supernode_chips;
      break;
    case ComponentScope::system:
      break;
  }
  return nodes / system_.nodes;
}

double PowerModel::share(const ComponentSpec& part, const PowerActivity& activity) const {
  if (part.activity.empty()) return 1.0;
  if (part.activity == "compute") return unit_share(activity.compute);
  const int plane = plane_index(system_, part.activity);
  if (plane < 0 || static_cast<std::size_t>(plane) >= activity.planes.size()) return 0.0;
  return unit_share(activity.planes[static_cast<std::size_t>(plane)]);
}

PowerBreakdown PowerModel::at(const PowerActivity& activity) const {
  const double nodes = static_cast<double>(nodes_used_);
  const double packages = nodes * system_.chips_per_node;
  PowerBreakdown result;
  auto& parts = result.parts;
  parts.push_back({"chip_idle", "chip", ComponentScope::chip, chip_idle_ * packages});
  parts.push_back({"chip_dynamic", "chip", ComponentScope::chip, activity.chip_dynamic});
  if (activity.links.value() > 0) {
    parts.push_back({"links", "link", ComponentScope::node, activity.links});
  }
  for (const ComponentSpec& part : system_.components) {
    Watts watts;
    if (part.per_it_watt > 0) {
      // A node's fan moves the heat of its node, not that of a switch elsewhere: only parts inside
      // its scope count.
      for (const PowerPart& before : parts) {
        if (before.scope >= part.scope) watts += before.watts * part.per_it_watt;
      }
    } else {
      const Watts each = part.idle + (part.active - part.idle) * share(part, activity);
      watts = each * (part.count * units(part.scope));
    }
    parts.push_back({part.name, part.kind, part.scope, watts});
  }
  Watts direct, in_nodes;
  for (const PowerPart& part : parts) {
    direct += part.watts;
    if (part.scope >= ComponentScope::node) in_nodes += part.watts;
  }
  const double efficiency = system_.power.conversion_efficiency;
  if (efficiency < 1.0) {
    parts.push_back(
        {"conversion", "conversion", ComponentScope::system, direct * (1.0 / efficiency - 1.0)});
  }
  result.total = direct / efficiency;
  result.node = in_nodes / (efficiency * nodes);
  result.chip = chip_idle_ + activity.chip_dynamic / static_cast<double>(packages_used_);
  return result;
}

PowerBreakdown PowerModel::idle() const {
  PowerActivity nothing;
  nothing.planes.assign(system_.planes.size(), 0.0);
  return at(nothing);
}

PowerBreakdown PowerModel::maximum() const {
  PowerActivity everything;
  everything.chip_dynamic = (chip_tdp_ - chip_idle_) * static_cast<double>(packages_used_);
  everything.compute = 1.0;
  everything.planes.assign(system_.planes.size(), 1.0);
  return at(everything);
}

PowerBreakdown max_power(const SystemSpec& system, const ChipSpec& chip) {
  return PowerModel(system, chip).maximum();
}

}  // namespace xpusim
