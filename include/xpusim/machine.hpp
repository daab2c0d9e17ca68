// The engine's face: compute, transfers and collectives in simulated time, each observable.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "xpusim/observer.hpp"

namespace xpusim {

using Callback = std::function<void()>;

struct MachineOptions {
  Fidelity fidelity = Fidelity::automatic;  ///< automatic: fluid
  std::uint64_t seed = 1;
};

/// One simulated machine. One per process: SimGrid allows no second (docs/decisions).
class Machine {
 public:
  Machine(const Fabric&, const CollectiveContext&, MachineOptions);
  ~Machine();
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  void add_observer(EngineObserver&);  ///< must outlive run()
  [[nodiscard]] Seconds now() const;
  [[nodiscard]] Fidelity fidelity() const;  ///< what `automatic` became

  /// Runs an operation of `duration` (at full execution units) on a device; several at once share
  /// its units, and a collective running there takes its units_share away (docs/model.md,
  /// "Overlap").
  void compute(DeviceId, Seconds duration, Callback done);
  /// Runs a planned collective or transfer class. `members` in rank order (needed by `flow`);
  /// `occupied`: devices whose execution units it takes.
  void communicate(std::shared_ptr<const CollectivePlan>, std::span<const DeviceId> members,
                   std::span<const DeviceId> occupied, Purpose, Callback done,
                   std::uint32_t job = 0);
  void at(Seconds when, Callback);
  void report(const ActivityEvent&);  ///< programs announce what they finished

  /// Runs until nothing is left.
  void run();
  [[nodiscard]] std::uint64_t activities() const;  ///< flows, works and timers started so far

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Runs a task graph: tasks start when their dependencies are done and their stream is free.
struct StaticRunResult {
  Seconds makespan;
  std::uint64_t tasks = 0;
  std::uint64_t unfinished = 0;  ///< > 0: a deadlock; `stuck` names the first tasks
  std::vector<std::string> stuck;
  std::vector<std::shared_ptr<const CollectivePlan>>
      plans;                                    ///< distinct plans used, in first-use order
  std::map<Purpose, std::set<PlaneId>> planes;  ///< planes that the traffic of each purpose used
  std::vector<std::shared_ptr<const CollectivePlan>> collective_plans,
      transfer_plans;  ///< by index as in Task::op; null when it never ran
};
/// Plans of a folded graph's traffic, made together.
struct FoldedTraffic {
  std::vector<std::shared_ptr<const CollectivePlan>> collectives, transfers;  ///< by Task::op
  std::string uneven;  ///< why the folded run would not be the unfolded one; empty when it is
};
struct StaticRunOptions {
  std::map<std::string, std::string> planes;      ///< purpose -> plane
  std::map<std::string, std::string> algorithms;  ///< collective type -> algorithm
  const FoldedTraffic* folded = nullptr;          ///< of this graph, when it was made before
};
[[nodiscard]] FoldedTraffic plan_folded(const TaskGraph&, const CollectiveContext&,
                                        const StaticRunOptions&);
[[nodiscard]] StaticRunResult run_task_graph(Machine&, const TaskGraph&, const CollectiveContext&,
                                             const CostModel&, const StaticRunOptions& = {});

}  // namespace xpusim
