#include "simulation/run_context.hpp"

#include <fmt/core.h>
#include <fmt/ranges.h>

namespace xpusim {
namespace {

CostOptions cost_options(const RunInput& input) {
  return {input.scenario.rank, input.scenario.power.cap, input.software.graph_capture};
}

void note_planes(const StaticRunResult& run, const Fabric& fabric, SystemResult& result) {
  for (const auto& [purpose, planes] : run.planes) {
    std::string& used = result.planes[std::string(to_string(purpose))];
    for (const PlaneId plane : planes)
      used += (used.empty() ? "" : "+") + fabric.planes()[plane].name;
  }
}

}  // namespace

std::string_view fidelity_word(Fidelity fidelity) {
  switch (fidelity) {
    case Fidelity::flow:
      return "flow";
    case Fidelity::analytic:
      return "analytic";
    case Fidelity::automatic:
      return "auto";
    default:
      return "fluid";
  }
}

RunContext::RunContext(const RunInput& input, const Insight& insight)
    : input_(&input),
      insight_(&insight),
      fabric_(build_fabric(input.system, input.chip, input.links,
                           {input.scenario.rank, input.scenario.seed})),
      collectives_{&fabric_, &input.software.collectives},
      cost_(input.chip, input.software, cost_options(input)),
      packages_used_(input.entry.chips > 0 ? static_cast<std::uint32_t>(input.entry.chips)
                                           : fabric_.packages()) {}

RunContext::Run RunContext::start(Fidelity fidelity) const {
  Run run;
  run.machine = std::make_unique<Machine>(fabric_, collectives_,
                                          MachineOptions{fidelity, input_->scenario.seed});
  run.links = std::make_unique<LinkListener>(fabric_);
  run.power = std::make_unique<PowerListener>(input_->system, input_->chip, fabric_, packages_used_,
                                              input_->scenario.rank);
  run.machine->add_observer(*run.links);
  run.machine->add_observer(*run.power);
  return run;
}

FoldedTraffic RunContext::plan_folded_traffic(const TaskGraph& graph) const {
  return plan_folded(
      graph, collectives_,
      {input_->scenario.network.planes, input_->scenario.network.algorithms, nullptr});
}

bool RunContext::keep_folded(const std::string& uneven, Folding folding, bool few,
                             std::vector<std::string>& notes) const {
  if (uneven.empty()) return true;
  if (folding == Folding::on)
    throw InputError("cannot-fold", "folding is on, but " + uneven,
                     "use \"folding\": \"auto\" or \"off\"");
  notes.push_back((few ? "not folded: " : "folded, but not exactly: ") + uneven);
  return !few;
}

StaticRunResult RunContext::run_graph(const TaskGraph& graph, Fidelity fidelity,
                                      std::optional<double> tokens, Breakdown& breakdown,
                                      Totals& totals, SystemResult& result,
                                      const Hooks& hooks) const {
  Run run = start(fidelity);
  BreakdownListener breakdown_listener(graph);
  TotalsListener totals_listener;
  run.machine->add_observer(breakdown_listener);
  run.machine->add_observer(totals_listener);
  std::vector<TaskName> questions;  // read before the work
  for (const std::string& text : insight_->explain) questions.push_back(find_task(graph, text));
  std::optional<TaskRecorder> recorder;
  if (insight_->any() || hooks.at_end) run.machine->add_observer(recorder.emplace(graph));
  for (EngineObserver* observer : hooks.observers) run.machine->add_observer(*observer);
  const StaticRunOptions options{input_->scenario.network.planes,
                                 input_->scenario.network.algorithms,
                                 graph.folded ? hooks.folded : nullptr};
  StaticRunResult done = run_task_graph(*run.machine, graph, collectives_, cost_, options);
  if (done.unfinished > 0 && input_->scenario.kind != ScenarioKind::training) {
    throw InputError(
        "trace-cycle",
        fmt::format("ranks of the trace wait for each other: {} of {} tasks never started; first: "
                    "{}",
                    done.unfinished, done.tasks, fmt::join(done.stuck, "; ")),
        "start the collectives of overlapping groups in the same order on every rank");
  }
  if (done.unfinished > 0) {
    throw InternalError(fmt::format("{} of {} tasks never started; first: {}", done.unfinished,
                                    done.tasks, fmt::join(done.stuck, "; ")));
  }
  breakdown = breakdown_listener.result();
  totals = totals_listener.result();
  result.power = run.power->result(tokens);
  result.links = run.links->result();
  if (recorder) {
    const RunRecord record{&graph,
                           &fabric_,
                           &*recorder,
                           &cost_,
                           done.collective_plans,
                           done.transfer_plans,
                           input_->scenario.kind == ScenarioKind::training};
    if (insight_->critical_path) result.critical_path = critical_path(record);
    for (const TaskName& question : questions) result.explain.push_back(explain(record, question));
    if (hooks.at_end) hooks.at_end(record);
    if (insight_->timeline)
      insight_->timeline({&record, input_->entry.system, run.power->timeline()});
  }
  result.simulation.fidelity = fidelity_word(run.machine->fidelity());
  result.simulation.folded = graph.folded;
  result.simulation.activities = run.machine->activities();
  result.simulation.simulated_ranks = graph.ranks.size();
  note_planes(done, fabric_, result);
  result.notes.insert(result.notes.end(), graph.notes.begin(), graph.notes.end());
  for (const std::string& note : cost_.notes()) result.notes.push_back(note);
  return done;
}

}  // namespace xpusim
