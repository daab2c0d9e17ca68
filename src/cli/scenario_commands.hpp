// What run, compare and collective share: options of a simulation, children, reports.
#pragma once

#include <string>
#include <vector>

#include "cli/app.hpp"
#include "xpusim/report.hpp"
#include "xpusim/simulation.hpp"

namespace xpusim::cli {

struct SimulationOptions {
  std::vector<std::string> overrides;
  std::string format = "table";
  std::string folder;
  std::string fidelity;
  std::uint64_t seed = 0;
  bool has_seed = false;
  bool timing = false;
  unsigned jobs = 0;
  bool critical_path = false;
  std::vector<std::string> explain;
  std::string timeline;
  std::uint64_t timeline_events = 250'000;
};
/// Options of every command that simulates; `tasks`: also those that ask why, which need a task
/// graph.
void add_simulation_options(CLI::App&, SimulationOptions&, bool tasks = true);

/// Simulates every system of the scenario in a child of its own, writes the report, and gives the
/// exit code.
[[nodiscard]] int simulate_and_report(Catalogue&, const ScenarioSpec&, const std::string& resolved,
                                      const SimulationOptions&, const GlobalOptions&);

}  // namespace xpusim::cli
