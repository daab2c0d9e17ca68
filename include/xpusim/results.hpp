// The result of a run as plain values: what listeners fill and writers print. Names are stable;
// units are in the names or SI.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace xpusim {

struct TrainingResult {
  double step_time_s = 0, tokens_per_s = 0, tokens_per_s_per_chip = 0, tflops_per_chip = 0, mfu = 0,
         hfu = 0;
  struct Breakdown {
    double compute = 0, exposed_tp = 0, exposed_cp = 0, exposed_ep = 0, exposed_pp = 0,
           exposed_dp = 0, bubble = 0, optimizer = 0;
    double exposed_other =
        0;  ///< traffic of no known purpose (recorded traces); shown only when above 0
  } breakdown_s;
  struct Memory {
    double parameters = 0, gradients = 0, optimizer = 0, activations = 0, total = 0, capacity = 0;
  } memory_bytes_per_chip;
};
struct ReplayResult {
  double makespan_s = 0;
  std::uint64_t ranks = 0, tasks = 0, skipped = 0;
  TrainingResult::Breakdown breakdown_s;
};
struct CollectiveResult {
  std::string type;
  double bytes = 0;
  std::uint64_t ranks = 0;
  std::string algorithm, protocol, plane;
  double time_s = 0, algbw_bytes_per_s = 0, busbw_bytes_per_s = 0;
};
struct PowerResult {
  double mean_w = 0, peak_w = 0, energy_j = 0;
  std::vector<std::pair<std::string, double>>
      energy_j_by_component;  ///< chip_idle, chip_dynamic, cpu, ...
  std::optional<double> tokens_per_j;
  double mean_chip_w = 0;  ///< one chip
  double mean_node_w = 0;  ///< one node, AC side, without system-scope components
};
struct TierResult {
  std::string plane, tier;
  std::uint64_t links = 0;
  double bytes = 0, mean_utilization = 0,
         peak_utilization = 0;  ///< of effective capacity, over the run / busiest link
};
struct HotLink {
  std::string link;
  double bytes = 0, utilization = 0;
};
struct LinksResult {
  std::vector<TierResult> tiers;
  std::vector<HotLink> hottest;
};
struct SimulationResult {
  std::string fidelity;
  bool folded = false;
  std::uint64_t activities = 0, simulated_ranks = 0;
  std::optional<double> wall_s;
  std::optional<double> peak_rss_bytes;
};
struct SystemResult {
  std::string system;
  std::uint64_t chips = 0;
  std::string software;
  std::string parallelism;                    ///< "TP8 PP16 DP3 VP8 EP1", as run
  std::map<std::string, std::string> planes;  ///< traffic kind -> plane used
  std::optional<TrainingResult> training;
  std::optional<ReplayResult> replay;
  std::vector<CollectiveResult> collective;
  std::optional<PowerResult> power;
  std::optional<LinksResult> links;
  SimulationResult simulation;
  std::vector<std::string> notes;  ///< assumptions and fall-backs
  std::string error;  ///< set when this system could not run ("does not fit: ..."); no results then
};
struct Manifest {
  std::string version, commit;
  std::uint64_t seed = 1;
  std::string resolved;  ///< the resolved configuration as JSON text
};
struct RunReport {
  std::string scenario, question, kind, baseline;
  Manifest manifest;
  std::vector<SystemResult> results;
};

}  // namespace xpusim
