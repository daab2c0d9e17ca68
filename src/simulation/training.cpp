#include <fmt/core.h>

#include "simulation/run_context.hpp"
#include "xpusim/workload.hpp"

namespace xpusim {
namespace {

/// Ranks that an unfolded graph may have when folding was not asked for by name.
constexpr std::uint32_t kUnfoldedRanks = 4096;

TrainingResult::Memory memory_of(const MemoryPerDevice& device, double dies, Bytes capacity) {
  TrainingResult::Memory memory;
  memory.parameters = device.parameters.value() * dies;
  memory.gradients = device.gradients.value() * dies;
  memory.optimizer = device.optimizer.value() * dies;
  memory.activations = device.activations.value() * dies;
  memory.total = device.total().value() * dies;
  memory.capacity = capacity.value();
  return memory;
}

/// Whether to fold, and the note that says why not.
bool decide_folding(const RunContext& context, const ParallelLayout& layout, SystemResult& result) {
  const ScenarioSpec& scenario = context.input().scenario;
  if (scenario.folding == Folding::off) return false;
  const std::string obstacle = folding_obstacle(layout, scenario.parallelism, context.fabric());
  if (obstacle.empty()) return true;
  if (scenario.folding == Folding::on) {
    throw InputError("cannot-fold", "folding is on, but " + obstacle,
                     "use \"folding\": \"auto\" or \"off\"");
  }
  if (layout.devices > kUnfoldedRanks) {
    throw InputError(
        "cannot-fold",
        fmt::format("{} ranks are too many to simulate one by one, and folding is not exact: {}",
                    layout.devices, obstacle),
        "choose degrees that align with the system, or \"folding\": \"off\" to simulate all of "
        "them");
  }
  result.notes.push_back("not folded: " + obstacle);
  return false;
}

}  // namespace

void simulate_training(const RunContext& context, SystemResult& result) {
  const RunInput& input = context.input();
  const ScenarioSpec& scenario = input.scenario;
  if (!input.model)
    throw InputError("no-model", "a training scenario needs a model spec", "add \"model\"");
  const ModelSpec& model = *input.model;
  const TrainingSpec& training = scenario.training;
  const double dies = context.fabric().dies_per_package();

  const ParallelLayout layout =
      resolve_layout(model, scenario.parallelism, training, context.devices_used());
  result.parallelism = layout.to_string();
  const MemoryPerDevice memory =
      require_fit(model, scenario.parallelism, training, input.software, context.devices_used(),
                  input.chip.memory.capacity / dies);
  const TaskGraph graph =
      build_training_step(model, scenario.parallelism, training, context.fabric(), input.software,
                          {decide_folding(context, layout, result),
                           static_cast<std::uint32_t>(context.devices_used())});
  if (const auto idle = context.devices_used() - layout.devices; idle > 0) {
    result.notes.push_back(fmt::format("{} of {} ranks are idle: {} uses {}", idle,
                                       context.devices_used(), layout.to_string(), layout.devices));
  }

  const double tokens = static_cast<double>(training.global_batch) * training.sequence;
  Breakdown breakdown;
  Totals totals;
  const Fidelity fidelity = scenario.network.fidelity == Fidelity::automatic
                                ? Fidelity::fluid
                                : scenario.network.fidelity;
  if (graph.folded && fidelity == Fidelity::flow) {
    throw InputError(
        "cannot-fold",
        "fidelity 'flow' moves every rank's messages; a folded run has one rank per stage",
        "use \"folding\": \"off\" with 'flow', or fidelity 'fluid'");
  }
  const StaticRunResult run = context.run_graph(graph, fidelity, tokens, breakdown, totals, result);

  const double chips = context.packages_used();
  const StepFlops flops = training_step_flops(model, training, input.software);
  const double peak = context.cost().peak(training.formats.compute).value() * dies * chips;
  TrainingResult& out = result.training.emplace();
  out.step_time_s = run.makespan.value();
  out.tokens_per_s = tokens / out.step_time_s;
  out.tokens_per_s_per_chip = out.tokens_per_s / chips;
  out.tflops_per_chip = flops.model.value() / out.step_time_s / chips / 1e12;
  out.mfu = flops.model.value() / (out.step_time_s * peak);
  out.hfu = flops.hardware.value() / (out.step_time_s * peak);
  out.breakdown_s = breakdown;
  out.memory_bytes_per_chip = memory_of(memory, dies, input.chip.memory.capacity);
}

}  // namespace xpusim
