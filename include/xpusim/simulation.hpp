// One run, wired together: parts in, result out.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "xpusim/config.hpp"
#include "xpusim/cost.hpp"
#include "xpusim/critical_path.hpp"
#include "xpusim/fabric.hpp"
#include "xpusim/power.hpp"
#include "xpusim/results.hpp"
#include "xpusim/spec.hpp"
#include "xpusim/trace.hpp"

namespace xpusim {

/// One of several jobs, with what its scenario refers to.
struct JobInput {
  JobSpec job;
  ScenarioSpec scenario;
  std::optional<ModelSpec> model;
  std::optional<ChipSpec> recorded_on;
};

/// Everything one system's run needs, validated and in one place.
struct RunInput {
  ScenarioSpec scenario;  ///< with the system's own parallelism and training in place
  ScenarioSystemSpec entry;
  SystemSpec system;  ///< with the scenario's node count in place
  ChipSpec chip;
  LinkParts links;
  SoftwareSpec software;
  std::optional<ModelSpec> model;
  std::optional<ChipSpec> recorded_on;  ///< chip of a replayed trace's durations
  std::vector<JobInput> jobs;
  std::optional<std::size_t> only_job;  ///< run this one of `jobs`, in its place, alone
  SourceSpan scenario_span;             ///< for messages about the scenario as a whole
};

/// Loads what scenario.systems[index] refers to. Throws InputError.
[[nodiscard]] RunInput resolve_run(Catalogue&, const ScenarioSpec&, std::size_t index);

/// A finished run, for who draws it; valid during the call only.
struct TimelineInput {
  const RunRecord* run = nullptr;
  std::string title;
  std::vector<PowerSample> power;
};

/// What a run is asked beyond its figures: why. Costs memory per task, so only when asked.
struct Insight {
  bool critical_path = false;
  std::vector<std::string> explain;  ///< tasks, as find_task reads them
  std::function<void(const TimelineInput&)> timeline;
  [[nodiscard]] bool any() const { return critical_path || !explain.empty() || timeline; }
};

/// Runs one system of a scenario. One simulation per process (docs/decisions/0002).
/// A job that does not fit its system is a result with `error` set; other user mistakes throw
/// InputError.
[[nodiscard]] SystemResult simulate(const RunInput&, const Insight& = {});
/// The step of a training scenario as a trace of all its ranks. Throws InputError: too-many-ranks
/// beyond what is simulated one by one, and whatever simulate() refuses.
[[nodiscard]] RecordedTrace record_training(const RunInput&);
/// Fills in how long each job takes alone, from the results of runs with `only_job`, by job.
void compare_with_alone(SystemResult&, const std::vector<SystemResult>& alone);

/// Figures of a report by their names in JSON ("training.step_time_s"), in SI units.
[[nodiscard]] std::vector<std::string> figure_names();
/// Nothing when the result has no such section. Throws InputError unknown-metric.
[[nodiscard]] std::optional<double> figure(const SystemResult&, std::string_view name);

/// Which of a scenario's expectations ("training.step_time_s": "< 10") a result misses; one
/// sentence each. Throws InputError for a metric or a comparison that does not exist.
[[nodiscard]] std::vector<std::string> missed_expectations(const ScenarioSpec&,
                                                           const SystemResult&);

}  // namespace xpusim
