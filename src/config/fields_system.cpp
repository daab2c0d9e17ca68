// Systems: planes, components, power delivery.
#include <fmt/format.h>

#include "config/spec_tables.hpp"

namespace xpusim::config {

const StructInfo& StructTable<LinkFault>::info() {
  static constexpr Field fields[] = {
      field<&LinkFault::tier>("tier", "Tier whose link fails.").required(),
      field<&LinkFault::index>("index", "Index of the link within its tier.").non_negative(),
      field<&LinkFault::capacity>("capacity", "Remaining share of the link's bandwidth.")
          .non_negative()
          .at_most(1, true),
  };
  static constexpr StructInfo info{"fault", "A failed or degraded link.", fields};
  return info;
}

const StructInfo& StructTable<PlaneSpec>::info() {
  static constexpr Field fields[] = {
      field<&PlaneSpec::name>("name", "Name of the plane, such as ub, rdma or nvlink.").required(),
      field<&PlaneSpec::role>("role", "What the plane connects.").required(),
      field<&PlaneSpec::shape>("shape", "How its links are arranged.").required(),
      field<&PlaneSpec::domain>(
          "domain",
          "Packages that one instance of the plane spans; 0 = all of the system, over the stride.")
          .non_negative(),
      field<&PlaneSpec::stride>(
          "stride",
          "Packages from one member of an instance to the next: 8 joins packages 0, 8, 16, ...")
          .at_least(1),
      field<&PlaneSpec::link>("link", "Link part of the device ports.")
          .required()
          .names(PartKind::link),
      field<&PlaneSpec::links_per_device>("links_per_device",
                                          "Links of a package on this plane, over all sub-planes.")
          .required()
          .positive(),
      field<&PlaneSpec::sub_planes>("sub_planes", "Parallel rails.").at_least(1),
      field<&PlaneSpec::lost_sub_planes>("lost_sub_planes", "Rails that are gone (a what-if).")
          .non_negative(),
      field<&PlaneSpec::spreading>("spreading", "How one transfer uses the sub-planes."),
      field<&PlaneSpec::switch_latency>("switch_latency", "Latency of each switch that is crossed.")
          .non_negative(),
      field<&PlaneSpec::in_switch_reduction>("in_switch_reduction",
                                             "The switches reduce (NVLS, SHARP)."),
      field<&PlaneSpec::devices_per_leaf>(
          "devices_per_leaf",
          "clos, rail_optimised, fat_tree: packages under one leaf switch (per rail).")
          .non_negative(),
      field<&PlaneSpec::oversubscription>(
          "oversubscription",
          "clos, rail_optimised, fat_tree: down capacity over up capacity of a leaf.")
          .positive(),
      field<&PlaneSpec::uplink>("uplink", "Link part between leaf and spine; empty = same as link.")
          .names(PartKind::link),
      field<&PlaneSpec::spines>(
          "spines",
          "Spine switches per sub-plane: the choices of a hashed flow. fat_tree: "
          "aggregation switches of one pod.")
          .at_least(1),
      field<&PlaneSpec::rails>("rails",
                               "rail_optimised: device i of a node is on rail i modulo this.")
          .at_least(1),
      field<&PlaneSpec::leaves_per_pod>("leaves_per_pod", "fat_tree: leaf switches of one pod.")
          .non_negative(),
      field<&PlaneSpec::cores_per_spine>(
          "cores_per_spine", "fat_tree: core switches that one aggregation switch reaches.")
          .at_least(1),
      field<&PlaneSpec::pod_oversubscription>(
          "pod_oversubscription",
          "fat_tree: a pod's capacity from its leaves over that to the core.")
          .positive(),
      field<&PlaneSpec::core_link>(
          "core_link", "fat_tree: link part between pods and core; empty = same as uplink.")
          .names(PartKind::link),
      field<&PlaneSpec::dimensions>("dimensions", "torus: packages along each axis.").at_least(1),
      field<&PlaneSpec::devices_per_router>("devices_per_router",
                                            "dragonfly: packages at one router.")
          .non_negative(),
      field<&PlaneSpec::routers_per_group>("routers_per_group", "dragonfly: routers in one group.")
          .non_negative(),
      field<&PlaneSpec::global_links_per_router>("global_links_per_router",
                                                 "dragonfly: links of a router to other groups.")
          .non_negative(),
      field<&PlaneSpec::local_links_per_pair>("local_links_per_pair",
                                              "dragonfly: links between routers of a group.")
          .positive(),
      field<&PlaneSpec::faults>("faults", "Failed or degraded links (a what-if)."),
  };
  static constexpr StructInfo info{
      "plane", "One network of a system; a system holds as many instances as fit.", fields};
  return info;
}

void StructTable<PlaneSpec>::check(Decoder& d, const JsonValue& v, const std::string& path,
                                   const PlaneSpec& plane) {
  const auto need = [&](bool given, std::string_view key, std::string_view shape) {
    if (given) return;
    d.diagnostics.error("missing-key",
                        fmt::format("'{}' lacks '{}', which the shape {} needs", path, key, shape),
                        v.span);
  };
  const JsonValue* shape = v.find("shape");
  if (!shape || shape->type != JsonType::string) return;
  if (shape->text == "torus") need(!plane.dimensions.empty(), "dimensions", "torus");
  if (shape->text == "clos")
    need(v.find("devices_per_leaf") != nullptr, "devices_per_leaf", "clos");
  if (shape->text == "fat_tree") {
    need(v.find("devices_per_leaf") != nullptr, "devices_per_leaf", "fat_tree");
    need(v.find("leaves_per_pod") != nullptr, "leaves_per_pod", "fat_tree");
  }
  if (shape->text == "dragonfly") {
    need(v.find("devices_per_router") != nullptr, "devices_per_router", "dragonfly");
    need(v.find("routers_per_group") != nullptr, "routers_per_group", "dragonfly");
  }
  if (const JsonValue* lost = v.find("lost_sub_planes");
      lost && plane.lost_sub_planes >= plane.sub_planes) {
    d.diagnostics.error(
        "out-of-range",
        fmt::format("'{}.lost_sub_planes' leaves none of {} sub-planes", path, plane.sub_planes),
        lost->span);
  }
}

const StructInfo& StructTable<ComponentSpec>::info() {
  static constexpr Field fields[] = {
      field<&ComponentSpec::name>("name", "Name as the report prints it.").required(),
      field<&ComponentSpec::kind>("kind", "What it is.").required().one_of(component_kinds),
      field<&ComponentSpec::scope>("scope", "Unit that `count` is per."),
      field<&ComponentSpec::count>("count", "How many per unit of `scope`.").non_negative(),
      field<&ComponentSpec::idle>("idle", "Idle power of each.").non_negative(),
      field<&ComponentSpec::active>("active", "Power of each at full activity.").non_negative(),
      field<&ComponentSpec::activity>(
          "activity",
          "What moves it from idle to active: empty (always active), compute, or a plane's name."),
      field<&ComponentSpec::per_it_watt>(
          "per_it_watt", "Fans and pumps: watts per watt of everything listed before.")
          .non_negative(),
  };
  static constexpr StructInfo info{"component", "A part that draws power and is no chip.", fields};
  return info;
}

const StructInfo& StructTable<PowerDeliverySpec>::info() {
  static constexpr Field fields[] = {
      field<&PowerDeliverySpec::conversion_efficiency>(
          "conversion_efficiency", "DC power out over AC power in of the supplies.")
          .share(),
      field<&PowerDeliverySpec::budget>("budget",
                                        "Published limit of the rack or system; 0 = none.")
          .non_negative(),
  };
  static constexpr StructInfo info{"power_delivery", "Power supplies and their limit.", fields};
  return info;
}

const StructInfo& StructTable<SystemSpec>::info() {
  static constexpr Field fields[] = {
      field<&SystemSpec::vendor>("vendor", "Company that sells the system.").required(),
      field<&SystemSpec::chip>("chip", "Chip part.").required().names(PartKind::chip),
      field<&SystemSpec::nodes>("nodes", "Hosts in the system.").required().at_least(1),
      field<&SystemSpec::chips_per_node>("chips_per_node", "Packages in one host.")
          .required()
          .at_least(1),
      field<&SystemSpec::supernode_chips>("supernode_chips",
                                          "Packages in one scale-up domain; 0 = all.")
          .non_negative(),
      field<&SystemSpec::planes>("planes", "Networks.").required(),
      field<&SystemSpec::components>("components", "What draws power beside the chips."),
      field<&SystemSpec::power>("power", "Power delivery."),
      field<&SystemSpec::cooling>("cooling", "Kind of cooling."),
      field<&SystemSpec::racks>("racks", "Racks; 0 = not known.").non_negative(),
      field<&SystemSpec::price>("price", "Price of the system; 0 = not published.").non_negative(),
  };
  static constexpr StructInfo info{
      "system", "Nodes of chips, the planes that join them and what else draws power.", fields};
  return info;
}

}  // namespace xpusim::config
