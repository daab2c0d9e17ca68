// What every kind of run sets up: fabric, machine, listeners, and what they give at the end.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "xpusim/machine.hpp"
#include "xpusim/metrics.hpp"
#include "xpusim/power.hpp"
#include "xpusim/simulation.hpp"
#include "xpusim/trace.hpp"
#include "xpusim/workload.hpp"

namespace xpusim {

/// Ranks that are simulated one by one where folding was not asked for and would not be exact.
inline constexpr std::uint32_t kUnfoldedRanks = 4096;

class RunContext {
 public:
  /// Both must outlive the context.
  RunContext(const RunInput&, const Insight&);

  [[nodiscard]] const RunInput& input() const { return *input_; }
  [[nodiscard]] const Fabric& fabric() const { return fabric_; }
  [[nodiscard]] const CollectiveContext& collectives() const { return collectives_; }
  [[nodiscard]] const CostModel& cost() const { return cost_; }
  [[nodiscard]] std::uint32_t packages_used() const { return packages_used_; }
  [[nodiscard]] std::uint32_t devices_used() const {
    return packages_used_ * fabric_.dies_per_package();
  }

  /// A machine with link and power listeners attached.
  struct Run {
    std::unique_ptr<Machine> machine;
    std::unique_ptr<LinkListener> links;
    std::unique_ptr<PowerListener> power;
  };
  [[nodiscard]] Run start(Fidelity) const;

  /// Who else listens to a run, and what to ask of it at its end.
  struct Hooks {
    std::vector<EngineObserver*> observers;
    std::function<void(const RunRecord&)> at_end;
    const FoldedTraffic* folded = nullptr;  ///< of the graph, when it is folded
  };

  [[nodiscard]] FoldedTraffic plan_folded_traffic(const TaskGraph&) const;
  /// What to do about an obstacle that plans have shown: false = simulate all ranks (`few` enough),
  /// with a note. Throws InputError when folding is `on`.
  [[nodiscard]] bool keep_folded(const std::string& uneven, Folding, bool few,
                                 std::vector<std::string>& notes) const;

  /// Runs a graph and fills power, links, planes, simulation and notes of `result`. `tokens` gives
  /// tokens per joule. Throws InternalError when tasks are left that can never start.
  StaticRunResult run_graph(const TaskGraph&, Fidelity, std::optional<double> tokens, Breakdown&,
                            Totals&, SystemResult& result, const Hooks& hooks) const;
  StaticRunResult run_graph(const TaskGraph& graph, Fidelity fidelity, std::optional<double> tokens,
                            Breakdown& breakdown, Totals& totals, SystemResult& result) const {
    return run_graph(graph, fidelity, tokens, breakdown, totals, result, Hooks());
  }

 private:
  const RunInput* input_;
  const Insight* insight_;
  Fabric fabric_;
  CollectiveContext collectives_;
  CostModel cost_;
  std::uint32_t packages_used_;
};

[[nodiscard]] std::string_view fidelity_word(Fidelity);

/// The row of a collective that took `time`.
[[nodiscard]] CollectiveResult collective_result(const CollectivePlan&, const Fabric&,
                                                 Seconds time);

// One function per kind of scenario.
void simulate_training(const RunContext&, SystemResult&);
void simulate_replay(const RunContext&, SystemResult&);
void simulate_collectives(const RunContext&, SystemResult&);
void simulate_jobs(const RunContext&, SystemResult&);

/// The trace that a scenario replays, for the chip it is replayed on.
[[nodiscard]] RecordedTrace load_trace(const ReplaySpec&, const ChipSpec&,
                                       const std::optional<ChipSpec>& recorded_on);
/// The step that a training scenario runs on the first `devices` devices, unfolded or folded.
struct TrainingGraph {
  ParallelLayout layout;
  TaskGraph graph;
  MemoryPerDevice memory;
  FoldedTraffic traffic;  ///< when the graph is folded
};
[[nodiscard]] TrainingGraph build_training_graph(const RunContext&, const ScenarioSpec&,
                                                 const ModelSpec&, std::uint32_t devices, Folding,
                                                 std::vector<std::string>& notes);

}  // namespace xpusim
