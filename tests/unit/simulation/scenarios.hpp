// Scenarios on the shipped catalogue, and how tests run them.
#pragma once

#include <string>
#include <vector>

#include "support/forked.hpp"
#include "xpusim/report.hpp"
#include "xpusim/simulation.hpp"

namespace xpusim::test {

inline const std::string kConfigs = std::string(XPUSIM_SOURCE_DIR) + "/configs";
inline const std::string kScenarios = std::string(XPUSIM_SOURCE_DIR) + "/scenarios";

/// A training scenario of one system.
inline ScenarioSpec training_scenario(const std::string& system, const std::string& model) {
  ScenarioSpec scenario;
  scenario.info.name = "test";
  scenario.kind = ScenarioKind::training;
  scenario.model = model;
  scenario.training.sequence = 2048;
  scenario.training.micro_batch = 1;
  ScenarioSystemSpec entry;
  entry.system = system;
  scenario.systems = {entry};
  return scenario;
}

/// Simulates system `index` of the scenario in a child of its own.
inline SystemResult simulate_forked(const ScenarioSpec& scenario, std::size_t index = 0,
                                    const std::vector<std::string>& overrides = {}) {
  return system_result_from_json(forked([&] {
    Catalogue catalogue({{kConfigs}, overrides});
    return report_to_json(simulate(resolve_run(catalogue, scenario, index)));
  }));
}

/// A scenario file of the tree.
inline SystemResult simulate_file(const std::string& path, std::size_t index = 0,
                                  const std::vector<std::string>& overrides = {}) {
  return system_result_from_json(forked([&] {
    Catalogue catalogue({{kConfigs, kScenarios}, overrides});
    const auto [scenario, document] = catalogue.load_scenario(kScenarios + "/" + path);
    return report_to_json(simulate(resolve_run(catalogue, scenario, index)));
  }));
}

inline double tier_bytes(const SystemResult& result) {
  double bytes = 0;
  for (const TierResult& tier : result.links->tiers) bytes += tier.bytes;
  return bytes;
}

}  // namespace xpusim::test
