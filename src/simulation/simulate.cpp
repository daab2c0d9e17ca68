#include "simulation/run_context.hpp"

namespace xpusim {

SystemResult simulate(const RunInput& input, const Insight& insight) {
  if (insight.any() && input.scenario.kind == ScenarioKind::collective) {
    throw InputError("no-tasks", "a collective sweep has no tasks to explain or draw",
                     "ask for the critical path, explanations and timelines of training or replay");
  }
  const RunContext context(input, insight);
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
    case ScenarioKind::jobs:
      simulate_jobs(context, result);
      break;
  }
  return result;
}

}  // namespace xpusim
