// Watts and joules of a system from what was busy when. Formulas: docs/model.md, "Power".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "xpusim/observer.hpp"
#include "xpusim/results.hpp"

namespace xpusim {

/// One line of a power budget: the watts of all its pieces in the nodes that are used.
struct PowerPart {
  std::string name;
  std::string kind;  ///< chip, link, conversion, or ComponentSpec::kind
  ComponentScope scope = ComponentScope::node;
  Watts watts;
};
struct PowerBreakdown {
  std::vector<PowerPart>
      parts;    ///< chip_idle, chip_dynamic, links, components as listed, conversion
  Watts total;  ///< sum of the parts: AC side
  Watts node;   ///< one node, AC side: chips, links, parts of scope chip and node, their conversion
  Watts chip;   ///< one chip that is used: idle and dynamic
  [[nodiscard]] Watts of_kind(std::string_view kind) const;
};

/// How busy the machine is: shares in [0, 1] (larger values are cut).
struct PowerActivity {
  Watts chip_dynamic;          ///< above idle, all chips
  Watts links;                 ///< per-byte link energy, all links
  double compute = 0;          ///< share of used devices that run a kernel
  std::vector<double> planes;  ///< utilisation by index into SystemSpec::planes
};

/// The power of a system, or of the part of it that a job uses. Nodes are used whole: a job on p
/// packages powers ceil(p / chips_per_node) nodes, idle chips in them included; parts of supernode
/// and system scope count in proportion to the nodes used.
class PowerModel {
 public:
  /// `packages_used` 0 = all. Throws InputError when the system has fewer packages, or an activity
  /// names no plane.
  PowerModel(const SystemSpec&, const ChipSpec&, std::uint64_t packages_used = 0);
  [[nodiscard]] PowerBreakdown at(const PowerActivity&) const;
  [[nodiscard]] std::uint64_t packages_used() const { return packages_used_; }
  [[nodiscard]] std::uint64_t nodes_used() const { return nodes_used_; }

  [[nodiscard]] PowerBreakdown idle() const;  ///< nothing runs
  [[nodiscard]] PowerBreakdown maximum()
      const;  ///< every chip at TDP, every part at `active`; TDP holds link energy

 private:
  [[nodiscard]] double units(ComponentScope) const;
  [[nodiscard]] double share(const ComponentSpec&, const PowerActivity&) const;

  SystemSpec system_;
  Watts chip_idle_, chip_tdp_;
  std::uint64_t packages_used_ = 0, nodes_used_ = 0;
};

/// All-in power by part: what a rack has to deliver at most. Used by checks and tables.
[[nodiscard]] PowerBreakdown max_power(const SystemSpec&, const ChipSpec&);

/// Mean power from a moment to the next sample's, or to the end of the run.
struct PowerSample {
  Seconds start;
  Watts watts;
};

/// Integrates power over a run. Peak: the busiest of 512 to 1024 equal slices of the run (the last
/// one is up to twice as long), so it is the mean over about a thousandth of the run, not a spike.
class PowerListener final : public EngineObserver {
 public:
  static constexpr std::size_t kSlices = 1024;

  /// The fabric must outlive the listener.
  PowerListener(const SystemSpec&, const ChipSpec&, const Fabric&, std::uint64_t packages_used,
                RankUnit);
  void on_activity(const ActivityEvent&) override;
  void on_traffic(const TrafficEvent&) override;
  void on_end(Seconds makespan) override;

  /// Call after the run. `tokens` gives tokens_per_j.
  [[nodiscard]] PowerResult result(std::optional<double> tokens = std::nullopt) const;
  /// The slices that the peak is taken from. Call after the run.
  [[nodiscard]] std::vector<PowerSample> timeline() const;
  [[nodiscard]] const PowerModel& power_model() const { return power_; }

 private:
  /// What happened in one slice of time; slices double in width when the run outgrows them.
  struct Slice {
    double chip_joules = 0, link_joules = 0, kernel_seconds = 0;
    std::vector<double> plane_bytes;  ///< wire, by SystemSpec::planes
    void operator+=(const Slice&);
  };
  void reach(double time);
  void spread(double start, double end, const Slice& amount);
  [[nodiscard]] PowerActivity activity(const Slice&, double seconds) const;

  PowerModel power_;
  const Fabric* fabric_;
  double devices_used_ = 0;
  std::vector<int> plane_index_;        ///< PlaneId -> SystemSpec::planes, -1 for die-to-die
  std::vector<double> plane_capacity_;  ///< by SystemSpec::planes: bytes/s of the part used
  std::vector<double> tier_energy_;     ///< J/byte
  std::vector<Slice> slices_;
  Slice sum_;
  double width_ = 1e-9;
  double makespan_ = 0;
};

}  // namespace xpusim
