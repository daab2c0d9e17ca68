#include <cstdio>

#include "xpusim/simulation.hpp"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  xpusim::Catalogue catalogue({{argv[1]}, {}});
  xpusim::ScenarioSpec scenario;
  scenario.kind = xpusim::ScenarioKind::collective;
  scenario.collective = {"ALL_REDUCE", 8, {64e6}, "ring", ""};
  scenario.systems.push_back({"dgx-h100", 0, 0, "", {}, {}});
  const xpusim::SystemResult result = xpusim::simulate(xpusim::resolve_run(catalogue, scenario, 0));
  std::printf("%.1f GB/s\n", result.collective.at(0).busbw_bytes_per_s / 1e9);
  return result.collective.at(0).busbw_bytes_per_s > 0 ? 0 : 1;
}
