#include "simulation/run_context.hpp"

namespace xpusim {

SystemResult simulate(const RunInput& input) {
  const RunContext context(input);
  SystemResult result;
  result.system = input.entry.system;
  result.chips = context.packages_used();
  result.software = input.software.info.name;
  switch (input.scenario.kind) {
    case ScenarioKind::training:
      simulate_training(context, result);
      break;
    case ScenarioKind::replay:
      simulate_replay(context, result);
      break;
    case ScenarioKind::collective:
      simulate_collectives(context, result);
      break;
  }
  return result;
}

}  // namespace xpusim
