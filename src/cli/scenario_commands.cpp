#include "cli/scenario_commands.hpp"

#include <fmt/core.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <unistd.h>
#include <charconv>

#include <CLI/CLI.hpp>
#include <chrono>
#include <iostream>
#include <sstream>
#include <thread>

#include "cli/children.hpp"
#include "cli/progress.hpp"
#include "cli/timeline_file.hpp"
#include "cli/version.hpp"

namespace xpusim::cli {
namespace {

/// What a child does for one system. Its text: a line about the timeline, and the result.
struct Job {
  RunInput input;
  bool timing = false;
  Insight insight;
  const TimelineFile* timeline = nullptr;
  std::uint64_t timeline_events = 0;
  unsigned parallel = 1;  ///< processes that one system may use
};

/// Each of several jobs without the others: a simulation, so a process, of its own.
std::vector<SystemResult> alone_results(const RunInput& input, unsigned parallel) {
  std::vector<std::function<std::string()>> runs;
  for (std::size_t j = 0; j < input.jobs.size(); ++j) {
    runs.emplace_back([&input, j] {
      RunInput one = input;
      one.only_job = j;
      SystemResult result;
      try {
        result = simulate(one, {});
      } catch (const InputError& e) {
        result.error = render(e.diagnostics());
      }
      return report_to_json(result);
    });
  }
  std::vector<SystemResult> results;
  for (const ChildOutcome& outcome : run_in_children(runs, parallel, [](std::size_t) {})) {
    if (!outcome.error.empty()) throw InternalError(outcome.error);
    results.push_back(system_result_from_json(outcome.text));
  }
  // What is wrong with a job alone is wrong with all: that run says it.
  std::erase_if(results, [](const SystemResult& r) { return !r.error.empty(); });
  return results;
}

std::string simulate_to_text(const Job& job) {
  const auto begin = std::chrono::steady_clock::now();
  SystemResult result;
  std::string drawn;
  Insight insight = job.insight;
  if (job.timeline != nullptr) {
    insight.timeline = [&](const TimelineInput& input) {
      drawn = job.timeline->write(input, job.timeline_events);
    };
  }
  const RunInput& input = job.input;
  try {
    const std::vector<SystemResult> alone = alone_results(input, job.parallel);
    result = simulate(input, insight);
    compare_with_alone(result, alone);
  } catch (const InputError& e) {
    result.system = input.entry.system;
    result.error = render(e.diagnostics());
  }
  if (job.timing) {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    result.simulation.wall_s =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    result.simulation.peak_rss_bytes = static_cast<double>(usage.ru_maxrss) * 1024.0;
  }
  return drawn + '\n' + report_to_json(result);
}

Fidelity parse_fidelity(const std::string& word) {
  if (word == "flow") return Fidelity::flow;
  if (word == "fluid") return Fidelity::fluid;
  if (word == "analytic") return Fidelity::analytic;
  return Fidelity::automatic;
}

const char* extension(ReportFormat format) {
  switch (format) {
    case ReportFormat::markdown:
      return "md";
    case ReportFormat::csv:
      return "csv";
    case ReportFormat::json:
      return "json";
    default:
      return "txt";
  }
}

std::string word_of(ScenarioKind kind) {
  switch (kind) {
    case ScenarioKind::collective:
      return "collective";
    case ScenarioKind::replay:
      return "replay";
    case ScenarioKind::jobs:
      return "jobs";
    default:
      return "training";
  }
}

struct ScenarioArguments {
  std::string scenario;
  std::string baseline;
  std::vector<std::string> systems;
  SimulationOptions simulation;
};

std::vector<std::string> system_names(const ScenarioSpec& scenario) {
  std::vector<std::string> names;
  for (const ScenarioSystemSpec& entry : scenario.systems) names.push_back(entry.system);
  return names;
}

/// Keeps the entries that --systems names, in that order; a system the scenario lacks joins with
/// its defaults.
void select_systems(ScenarioSpec& scenario, const std::vector<std::string>& names) {
  if (names.empty()) return;
  std::vector<ScenarioSystemSpec> chosen;
  for (const std::string& name : names) {
    ScenarioSystemSpec entry;
    entry.system = name;
    for (const ScenarioSystemSpec& known : scenario.systems) {
      if (known.system == name) entry = known;
    }
    chosen.push_back(entry);
  }
  scenario.systems = std::move(chosen);
}

int run_scenario(const ScenarioArguments& arguments, const GlobalOptions& global, bool compare) {
  Catalogue catalogue = open_catalogue(global, arguments.simulation.overrides);
  auto [scenario, document] = catalogue.load_scenario(arguments.scenario);
  select_systems(scenario, arguments.systems);
  if (scenario.systems.empty())
    throw InputError("no-systems", "the scenario names no system", "add \"systems\"");
  const std::vector<std::string> names = system_names(scenario);
  const auto taken = [&](const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  // --systems may leave the scenario's own baseline out: then the first system serves.
  if (!arguments.baseline.empty()) {
    scenario.baseline = arguments.baseline;
  } else if (scenario.baseline.empty() ||
             (!arguments.systems.empty() && !taken(scenario.baseline))) {
    scenario.baseline = compare || !scenario.baseline.empty() ? names.front() : "";
  }
  if (!scenario.baseline.empty() && !taken(scenario.baseline)) {
    const std::string_view near = nearest_word(scenario.baseline, names);
    throw InputError(
        "unknown-baseline",
        fmt::format("the baseline '{}' is not among the systems", scenario.baseline),
        near.empty() ? "choose one of the systems" : fmt::format("did you mean '{}'?", near));
  }
  return simulate_and_report(catalogue, scenario, resolved_json(catalogue, document),
                             arguments.simulation, global);
}

std::function<int()> declare_scenario(CLI::App& app, const GlobalOptions& global, bool compare) {
  auto arguments = std::make_shared<ScenarioArguments>();
  app.add_option("scenario", arguments->scenario, "Scenario file, or name of one in scenarios/")
      ->required();
  if (compare) {
    app.add_option("--baseline", arguments->baseline,
                   "System that ratio columns compare with (default: the first)");
  }
  app.add_option("--systems", arguments->systems, "Only these systems, separated by commas")
      ->delimiter(',');
  add_simulation_options(app, arguments->simulation);
  return [arguments, &global, compare, &app] {
    arguments->simulation.has_seed = app.count("--seed") > 0;
    return run_scenario(*arguments, global, compare);
  };
}

}  // namespace

void add_simulation_options(CLI::App& app, SimulationOptions& options, bool tasks) {
  app.add_option("--set", options.overrides,
                 "Override a value: path.to.field=value of the scenario, or system.NAME., "
                 "chip.NAME., ... (repeatable)")
      ->allow_extra_args(false);
  app.add_option("--format", options.format, "table, markdown, csv or json")
      ->check(CLI::IsMember({"table", "markdown", "csv", "json"}));
  app.add_option("-o,--output", options.folder,
                 "Write the report into this folder instead of stdout");
  app.add_option("--fidelity", options.fidelity, "flow, fluid, analytic or auto")
      ->check(CLI::IsMember({"flow", "fluid", "analytic", "auto"}));
  app.add_option("--seed", options.seed, "Seed of every random choice: the paths of hashed flows")
      ->check(CLI::Validator(
          [](std::string& text) {
            std::uint64_t seed = 0;
            const char* end = text.data() + text.size();
            const auto read = std::from_chars(text.data(), end, seed);
            return read.ec == std::errc() && read.ptr == end
                       ? std::string()
                       : fmt::format("'{}' is not a whole number from 0 to 2^64-1", text);
          },
          "UINT"));
  app.add_flag("--timing", options.timing, "Add wall time and peak memory to the report");
  app.add_option("-j,--jobs", options.jobs, "Simulations at once (default: processors)");
  if (!tasks) return;
  app.add_flag("--critical-path", options.critical_path,
               "Add what the step waited for, by name and cause; the parts sum to the step time");
  app.add_option("--explain", options.explain,
                 "Add when a task ran and why not earlier. TASK: an id, 'last' (the one that ends "
                 "last), or a label: 'LABEL', 'LABEL@RANK' (on that simulated rank), 'LABEL#K' "
                 "(the K-th, from 1). Example: --explain 'forward micro-batch 0@1#2' (repeatable)")
      ->type_name("TASK")
      ->allow_extra_args(false);
  app.add_option("--timeline", options.timeline,
                 "Write the run as Trace Event JSON for ui.perfetto.dev; of several systems one "
                 "file each, FILE with the system's name")
      ->type_name("FILE");
  app.add_option("--timeline-events", options.timeline_events,
                 "At most so many events in the timeline; beyond it ranks are left out evenly "
                 "(default 250000)")
      ->check(CLI::Range(std::uint64_t{1000}, std::uint64_t{1'000'000'000}));
}

int simulate_and_report(Catalogue& catalogue, const ScenarioSpec& asked,
                        const std::string& resolved, const SimulationOptions& options,
                        const GlobalOptions& global) {
  ScenarioSpec scenario = asked;
  if (options.has_seed) scenario.seed = options.seed;
  if (!options.fidelity.empty()) scenario.network.fidelity = parse_fidelity(options.fidelity);
  (void)missed_expectations(scenario, {});  // refuses unknown figures before the work
  const Insight insight{options.critical_path, options.explain, {}};
  if ((insight.any() || !options.timeline.empty()) && scenario.kind == ScenarioKind::collective) {
    throw InputError("no-tasks",
                     "--critical-path, --explain and --timeline need tasks; a collective "
                     "scenario has none",
                     "ask them of a training or replay scenario");
  }
  const unsigned processors = std::max(1u, std::thread::hardware_concurrency());
  const unsigned parallel = options.jobs > 0 ? options.jobs : processors;
  std::vector<Job> work;
  for (std::size_t i = 0; i < scenario.systems.size(); ++i) {
    work.push_back({resolve_run(catalogue, scenario, i), options.timing, insight, nullptr,
                    options.timeline_events, parallel});
  }
  const std::vector<TimelineFile> timelines =
      options.timeline.empty() ? std::vector<TimelineFile>()
                               : timeline_files(options.timeline, system_names(scenario));
  std::vector<std::function<std::string()>> jobs;
  for (std::size_t i = 0; i < work.size(); ++i) {
    if (!timelines.empty()) work[i].timeline = &timelines[i];
    jobs.emplace_back([&job = work[i]] { return simulate_to_text(job); });
  }
  const Diagnostics unused = catalogue.unused_overrides();
  for (const Diagnostic& d : unused.items()) spdlog::warn(render(d, use_color(global)));
  for (const ScenarioSystemSpec& entry : scenario.systems)
    spdlog::debug("system {}: resolved", entry.system);

  std::vector<ChildOutcome> outcomes;
  {
    Progress progress(!global.quiet && ::isatty(STDERR_FILENO) != 0, jobs.size());
    outcomes = run_in_children(jobs, parallel, [&](std::size_t) { progress.step(); });
  }

  RunReport report;
  report.scenario = scenario.info.name;
  report.question = scenario.question;
  report.kind = word_of(scenario.kind);
  report.baseline = scenario.baseline;
  report.manifest = {kVersion, kCommit, scenario.seed, resolved};
  std::size_t failed = 0;
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    if (outcomes[i].interrupted) return interrupted;
    if (!outcomes[i].error.empty())
      throw InternalError(scenario.systems[i].system + ": " + outcomes[i].error);
    const std::size_t line = outcomes[i].text.find('\n');
    report.results.push_back(system_result_from_json(outcomes[i].text.substr(line + 1)));
    if (!report.results.back().error.empty()) {
      ++failed;
    } else if (!timelines.empty()) {
      timelines[i].publish(outcomes[i].text.substr(0, line));
    }
  }

  const ReportFormat format = parse_report_format(options.format).value_or(ReportFormat::table);
  std::ostringstream text;
  write_report(text, report, format);
  std::optional<std::filesystem::path> path;
  if (!options.folder.empty()) {
    path = std::filesystem::path(options.folder) /
           fmt::format("{}.{}", report.scenario, extension(format));
  }
  if (failed < report.results.size() || format == ReportFormat::json) emit(text.str(), path);
  std::size_t missed = 0;
  for (const SystemResult& result : report.results) {
    if (!result.error.empty()) {
      fmt::print(stderr, "{}: {}\n", result.system, result.error);
      continue;
    }
    for (const std::string& sentence : missed_expectations(scenario, result)) {
      fmt::print(stderr, "expectation missed: {}\n", sentence);
      ++missed;
    }
  }
  if (failed > 0) return bad_input;  // the others' results stand
  return missed > 0 ? failed_expectation : good;
}

std::function<int()> declare_run(CLI::App& app, const GlobalOptions& global) {
  return declare_scenario(app, global, false);
}
std::function<int()> declare_compare(CLI::App& app, const GlobalOptions& global) {
  return declare_scenario(app, global, true);
}

}  // namespace xpusim::cli
