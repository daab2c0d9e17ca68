#include <fmt/core.h>

#include "simulation/run_context.hpp"
#include "xpusim/workload.hpp"

namespace xpusim {
namespace {

TrainingResult::Memory memory_of(const MemoryPerDevice& device, double dies, Bytes capacity) {
  TrainingResult::Memory memory;
  memory.parameters = device.parameters.value() * dies;
  memory.gradients = device.gradients.value() * dies;
  memory.optimizer = device.optimizer.value() * dies;
  memory.activations = device.activations.value() * dies;
  memory.buffers = device.buffers.value() * dies;
  memory.total = device.total().value() * dies;
  memory.capacity = capacity.value();
  return memory;
}

/// Whether to fold, and the note that says why not.
bool decide_folding(const RunContext& context, const ParallelLayout& layout,
                    const ParallelismSpec& parallelism, Folding folding,
                    std::vector<std::string>& notes) {
  if (folding == Folding::off) return false;
  const std::string obstacle = folding_obstacle(layout, parallelism, context.fabric());
  if (obstacle.empty()) return true;
  if (folding == Folding::on) {
    throw InputError("cannot-fold", "folding is on, but " + obstacle,
                     "use \"folding\": \"auto\" or \"off\"");
  }
  // What differs below the domains is small: too many ranks are folded all the same, and it is
  // said.
  if ((layout.devices > kUnfoldedRanks || folding == Folding::near) &&
      folding_obstacle(layout, parallelism, context.fabric(), PlacementDetail::domains).empty()) {
    notes.push_back("folded, but not exactly: " + obstacle);
    return true;
  }
  if (layout.devices > kUnfoldedRanks) {
    throw InputError(
        "cannot-fold",
        fmt::format("{} ranks are too many to simulate one by one, and folding is not exact: {}",
                    layout.devices, obstacle),
        "choose degrees that align with the system, or \"folding\": \"off\" to simulate all of "
        "them");
  }
  notes.push_back("not folded: " + obstacle);
  return false;
}

/// When the passes of one label ran on the first rank.
class PassTimes : public EngineObserver {
 public:
  PassTimes(const TaskGraph& graph, const ParallelLayout& layout) : graph_(graph) {
    const std::string batch = fmt::format(" micro-batch {}", layout.micro_batches - 1);
    const std::string chunk = layout.virtual_stages > 1 ? " chunk 0" : "";
    forward_.label = "forward" + batch + chunk;
    backward_.label = "backward" + batch + chunk;
  }
  void on_activity(const ActivityEvent& event) override {
    if (event.rank != 0) return;
    for (Span* span : {&forward_, &backward_}) {
      if (graph_.labels[event.label] != span->label) continue;
      const double from = event.start.value();
      if (!span->seen || from < span->from) span->from = from;
      span->to = std::max(span->to, event.end.value());
      span->seen = true;
    }
  }
  [[nodiscard]] double forward() const { return forward_.to - forward_.from; }
  [[nodiscard]] double backward() const { return backward_.to - backward_.from; }

 private:
  struct Span {
    std::string label;
    double from = 0, to = 0;
    bool seen = false;
  };
  const TaskGraph& graph_;
  Span forward_, backward_;
};

}  // namespace

TrainingGraph build_training_graph(const RunContext& context, const ScenarioSpec& scenario,
                                   const ModelSpec& model, std::uint32_t devices, Folding folding,
                                   std::vector<std::string>& notes) {
  const RunInput& input = context.input();
  const TrainingSpec& training = scenario.training;
  const double dies = context.fabric().dies_per_package();
  TrainingGraph made;
  made.layout = resolve_layout(model, scenario.parallelism, training, devices);
  made.memory = require_fit(model, scenario.parallelism, training, input.software, devices,
                            input.chip.memory.capacity / dies);
  const bool fold = decide_folding(context, made.layout, scenario.parallelism, folding, notes);
  const auto build = [&](bool folded) {
    return build_training_step(model, scenario.parallelism, training, context.fabric(),
                               input.software, {folded, devices});
  };
  made.graph = build(fold);
  if (made.graph.folded) {
    made.traffic = context.plan_folded_traffic(made.graph);
    if (!context.keep_folded(made.traffic.uneven, folding,
                             made.layout.devices <= kUnfoldedRanks && folding != Folding::near,
                             notes))
      made.graph = build(false);
  }
  if (const auto idle = devices - made.layout.devices; idle > 0) {
    notes.push_back(fmt::format("{} of {} ranks are idle: {} uses {}", idle, devices,
                                made.layout.to_string(), made.layout.devices));
  }
  return made;
}

void simulate_training(const RunContext& context, SystemResult& result) {
  const RunInput& input = context.input();
  const ScenarioSpec& scenario = input.scenario;
  if (!input.model)
    throw InputError("no-model", "a training scenario needs a model spec", "add \"model\"");
  const ModelSpec& model = *input.model;
  const TrainingSpec& training = scenario.training;
  const double dies = context.fabric().dies_per_package();

  const TrainingGraph step = build_training_graph(context, scenario, model, context.devices_used(),
                                                  scenario.folding, result.notes);
  const TaskGraph& graph = step.graph;
  const MemoryPerDevice& memory = step.memory;
  result.parallelism = step.layout.to_string();

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
  PassTimes passes(graph, step.layout);
  const StaticRunResult run = context.run_graph(graph, fidelity, tokens, breakdown, totals, result,
                                                {{&passes}, {}, &step.traffic});

  const double chips = context.packages_used();
  const StepFlops flops =
      training_step_flops(model, training, input.software, AttentionCount::full, &step.layout);
  const double peak = context.cost().peak(training.formats.compute).value() * dies * chips;
  TrainingResult& out = result.training.emplace();
  out.step_time_s = run.makespan.value();
  out.samples_per_s = training.global_batch / out.step_time_s;
  out.forward_s = passes.forward();
  out.backward_s = passes.backward();
  out.tokens_per_s = tokens / out.step_time_s;
  out.tokens_per_s_per_chip = out.tokens_per_s / chips;
  out.tflops_per_chip = flops.model.value() / out.step_time_s / chips / 1e12;
  out.mfu = flops.model.value() / (out.step_time_s * peak);
  out.hfu = flops.hardware.value() / (out.step_time_s * peak);
  out.breakdown_s = breakdown;
  out.memory_bytes_per_chip = memory_of(memory, dies, input.chip.memory.capacity);
}

RecordedTrace record_training(const RunInput& input) {
  if (input.scenario.kind != ScenarioKind::training || !input.model)
    throw InputError("no-training",
                     fmt::format("'{}' is no training scenario", input.scenario.info.name),
                     "name one whose workload is training");
  const RunContext context(input, {});
  if (context.devices_used() > kUnfoldedRanks * 4)
    throw InputError("too-many-ranks", fmt::format("a trace of {} ranks", context.devices_used()),
                     fmt::format("record at most {}: fewer replicas, then replay with more "
                                 "(--scale-ranks)",
                                 kUnfoldedRanks * 4));
  RecordedTrace trace;
  std::vector<std::string> notes;
  const TrainingGraph step = build_training_graph(context, input.scenario, *input.model,
                                                  context.devices_used(), Folding::off, notes);
  trace = record_graph(step.graph, context.cost());
  trace.trace.prefix = input.scenario.info.name;
  trace.notes = std::move(notes);
  trace.notes.push_back(
      fmt::format("durations of {} on {}", step.layout.to_string(), input.system.info.name));
  return trace;
}

}  // namespace xpusim
