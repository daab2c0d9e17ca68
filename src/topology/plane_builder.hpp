// Lays out one plane: what a shape's `lay` works with.
#pragma once

#include <cstdint>
#include <string>

#include "topology/shape.hpp"
#include "xpusim/diagnostic.hpp"

namespace xpusim::topology {

struct TierOptions {
  bool enters_switch = false;  ///< the hop's latency includes the switch's
  bool per_spine = false;      ///< spines are told apart when the plane's members are
  bool per_core = false;       ///< and so are the core switches above each
};

class PlaneBuilder {
 public:
  const PlaneSpec& spec;
  const LinkSpec& port;        ///< device links
  const LinkSpec& uplink;      ///< links between switches
  const LinkSpec& core_link;   ///< links of the topmost level, where there are three
  std::uint32_t packages = 0;  ///< per instance
  std::uint32_t instances = 1;
  std::uint32_t dies = 1;  ///< devices per package
  std::uint32_t packages_per_node = 1;
  PlaneId plane = 0;
  Layout& layout;
  std::vector<Tier>& tiers;
  std::vector<FabricLink>& links;
  Diagnostics& diagnostics;

  /// "plane 'ub': message". Nothing more is laid out once something was refused.
  void refuse(std::string code, const std::string& message, std::string help);
  /// Refuses unless `value` is at least 1.
  bool positive(int value, std::string_view field);
  [[nodiscard]] std::uint32_t devices() const { return packages * dies; }
  /// Injection of one package over all sub-planes, lost ones included, bytes per second.
  [[nodiscard]] double package_rate() const;
  /// `units` positions per instance, each of `rate` bytes/s over all sub-planes and spines.
  void add_tier(std::string name, std::uint64_t units, double rate, const LinkSpec&, TierOptions);
  /// The die's share of its package's ports, where the package is the router: no cable, no switch.
  void add_die_tiers();
};

/// Positions of one tier that one transfer may use: sub-planes times spines told apart.
[[nodiscard]] std::uint32_t ways(const Layout&, TierOptions);

}  // namespace xpusim::topology
