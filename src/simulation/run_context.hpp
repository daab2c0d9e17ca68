// What every kind of run sets up: fabric, machine, listeners, and what they give at the end.
#pragma once

#include <memory>

#include "xpusim/machine.hpp"
#include "xpusim/metrics.hpp"
#include "xpusim/power.hpp"
#include "xpusim/simulation.hpp"

namespace xpusim {

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

  /// Runs a graph and fills power, links, planes, simulation and notes of `result`. `tokens` gives
  /// tokens per joule. Throws InternalError when tasks are left that can never start.
  StaticRunResult run_graph(const TaskGraph&, Fidelity, std::optional<double> tokens, Breakdown&,
                            Totals&, SystemResult& result) const;

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

}  // namespace xpusim
