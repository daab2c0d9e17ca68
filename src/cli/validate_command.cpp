#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <iostream>
#include <map>
#include <sstream>
#include <thread>

#include "cli/app.hpp"
#include "cli/children.hpp"
#include "cli/progress.hpp"
#include "xpusim/simulation.hpp"
#include "xpusim/validation.hpp"

namespace xpusim::cli {
namespace {

struct Arguments {
  std::vector<std::string> names;
  std::string suite, row, format = "table", folder;
  std::vector<std::string> overrides;
  unsigned jobs = 0;
  bool commands = false;
};

constexpr char kFigures = 'F';  // what a job's text starts with: figures, or why there are none
constexpr char kReason = 'R';
constexpr char kRefused = 'C';  // the row itself is wrong: a path, a value, a name

std::string predict(const GlobalOptions& global, const std::string& scenario,
                    const LedgerJob& job) {
  try {
    Catalogue catalogue = open_catalogue(global, job.overrides);
    const auto [spec, document] = catalogue.load_scenario(scenario);
    const RunInput input = resolve_run(catalogue, spec, 0);
    const Diagnostics unused = catalogue.unused_overrides();
    if (!unused.items().empty()) throw InputError(unused);
    const SystemResult result = simulate(input);
    if (!result.error.empty()) return kReason + result.error;
    std::string text(1, kFigures);
    for (const std::string& name : job.figures) {
      const std::optional<double> value = figure(result, name);
      if (!value) return kReason + fmt::format("the run has no {}", name);
      text += fmt::format("{:.17g} ", *value);
    }
    return text;
  } catch (const InputError& e) {
    // A machine that is too small is an answer, a row that cannot be read is none.
    const auto& found = e.diagnostics().items();
    const bool answer = std::all_of(found.begin(), found.end(), [](const Diagnostic& d) {
      return d.code == "does-not-fit" || d.code == "too-many-chips" || d.code == "no-peak";
    });
    return (answer ? kReason : kRefused) + std::string(e.what());
  }
}

std::vector<double> read_figures(const std::string& text) {
  std::vector<double> figures;
  std::istringstream in(text.substr(1));
  for (double value = 0; in >> value;) figures.push_back(value);
  return figures;
}

std::vector<Ledger> chosen_ledgers(Catalogue& catalogue, const Arguments& a) {
  std::vector<Ledger> ledgers;
  std::vector<std::string> suites;
  if (!a.names.empty()) {
    for (const std::string& name : a.names)
      ledgers.emplace_back(catalogue.load<ValidationSpec>(name));
  } else {
    for (const CatalogueEntry& entry : catalogue.list(PartKind::validation)) {
      const auto& spec = catalogue.load<ValidationSpec>(entry.name);
      suites.push_back(spec.suite);
      if (a.suite.empty() || spec.suite == a.suite) ledgers.emplace_back(spec);
    }
  }
  if (ledgers.empty()) {
    const std::string_view near = nearest_word(a.suite, suites);
    throw InputError(
        "unknown-suite", fmt::format("no ledger of a suite '{}'", a.suite),
        near.empty() ? "see xpusim list validations" : fmt::format("did you mean '{}'?", near));
  }
  for (const Ledger& ledger : ledgers)  // refuses unknown figures before the work
    for (const LedgerMeasure& m : ledger.spec().measures) (void)figure(SystemResult(), m.figure);
  if (!a.row.empty()) {
    for (Ledger& ledger : ledgers) ledger.keep(a.row);
    std::erase_if(ledgers, [](const Ledger& ledger) { return ledger.rows().empty(); });
    if (ledgers.empty())
      throw InputError("unknown-row", fmt::format("no row's name contains '{}'", a.row),
                       "run without --row to see the names");
  }
  return ledgers;
}

std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

/// The command that runs each row on its own: where its prediction comes from.
void print_commands(const std::vector<Ledger>& ledgers) {
  for (const Ledger& ledger : ledgers) {
    for (const LedgerJob& job : ledger.jobs()) {
      std::string line = "xpusim run " + ledger.spec().scenario;
      for (const std::string& o : job.overrides) line += " --set " + quoted(o);
      fmt::print("# {}: {}\n{}\n", ledger.spec().info.name, ledger.rows()[job.row].name, line);
    }
  }
}

/// Rows of several releases often share their inputs: each run is made once.
void run_jobs(std::vector<Ledger>& ledgers, const Arguments& a, const GlobalOptions& global) {
  struct Place {
    std::size_t ledger, job, run;
  };
  struct Run {
    std::string scenario;
    LedgerJob job;
  };
  std::vector<Place> places;
  std::vector<Run> runs;
  std::map<std::string, std::size_t> known;
  for (std::size_t l = 0; l < ledgers.size(); ++l) {
    for (std::size_t j = 0; j < ledgers[l].jobs().size(); ++j) {
      Run run{ledgers[l].spec().scenario, ledgers[l].jobs()[j]};
      run.job.overrides.insert(run.job.overrides.end(), a.overrides.begin(), a.overrides.end());
      const std::string key =
          fmt::format("{}\n{}\n{}", run.scenario, fmt::join(run.job.overrides, "\n"),
                      fmt::join(run.job.figures, " "));
      const auto [it, added] = known.emplace(key, runs.size());
      places.push_back({l, j, it->second});
      if (added) runs.push_back(std::move(run));
    }
  }
  std::vector<std::function<std::string()>> jobs;
  for (const Run& run : runs)
    jobs.emplace_back([&run, &global] { return predict(global, run.scenario, run.job); });
  const unsigned processors = std::max(1u, std::thread::hardware_concurrency());
  std::vector<ChildOutcome> outcomes;
  {
    Progress progress(!global.quiet && ::isatty(STDERR_FILENO) != 0, jobs.size());
    outcomes = run_in_children(jobs, a.jobs > 0 ? a.jobs : processors,
                               [&](std::size_t) { progress.step(); });
  }
  std::vector<std::string> refused;
  for (const Place& place : places) {
    Ledger& ledger = ledgers[place.ledger];
    const ChildOutcome& outcome = outcomes[place.run];
    if (!outcome.error.empty())
      throw InternalError(fmt::format("{}, row '{}': {}", ledger.spec().info.name,
                                      ledger.rows()[ledger.jobs()[place.job].row].name,
                                      outcome.error));
    if (outcome.text.front() == kRefused)
      refused.push_back(fmt::format("{}, row '{}': {}", ledger.spec().info.name,
                                    ledger.rows()[ledger.jobs()[place.job].row].name,
                                    outcome.text.substr(1)));
    else if (outcome.text.front() == kFigures)
      ledger.answer(place.job, read_figures(outcome.text));
    else
      ledger.fail(place.job, outcome.text.substr(1));
  }
  if (!refused.empty())
    throw InputError(
        "row-refused",
        fmt::format("{} of {} runs cannot be made, the first: {}", refused.size(), places.size(),
                    refused.front()),
        "mend --set, or the cells of that row; --commands prints the command behind it");
  for (Ledger& ledger : ledgers) ledger.settle();
}

int validate(const Arguments& a, const GlobalOptions& global) {
  Catalogue catalogue = open_catalogue(global);
  std::vector<Ledger> ledgers = chosen_ledgers(catalogue, a);
  if (a.commands) {
    print_commands(ledgers);
    return good;
  }
  run_jobs(ledgers, a, global);
  const LedgerFormat format = parse_ledger_format(a.format).value_or(LedgerFormat::table);
  const std::string stem = "validation" + (a.suite.empty() ? "" : "-" + a.suite);
  const std::string scatter =
      a.folder.empty() || format != LedgerFormat::markdown ? std::string() : stem + ".svg";
  std::ostringstream text;
  write_ledgers(text, ledgers, format, scatter);
  std::optional<std::filesystem::path> path;
  if (!a.folder.empty()) {
    const std::filesystem::path folder = a.folder;
    if (!scatter.empty()) {
      std::ostringstream picture;
      write_scatter_svg(picture, ledgers);
      emit(picture.str(), folder / scatter);
    }
    path = folder / (stem + "." +
                     (format == LedgerFormat::markdown ? "md"
                      : format == LedgerFormat::table  ? "txt"
                                                       : a.format));
  }
  emit(text.str(), path);
  bool met = true;
  for (const Ledger& ledger : ledgers) {
    if (ledger.met()) continue;
    met = false;
    fmt::print(stderr, "bound missed: {}\n", ledger.spec().info.name);
  }
  return met ? good : failed_expectation;
}

}  // namespace

std::function<int()> declare_validate(CLI::App& app, const GlobalOptions& global) {
  auto a = std::make_shared<Arguments>();
  app.add_option("names", a->names, "Ledgers (xpusim list validations; default: all)");
  app.add_option("--suite", a->suite, "Only ledgers of this suite");
  app.add_option("--row", a->row, "Only rows whose name contains this text");
  app.add_option("--set", a->overrides,
                 "Override a value in every row, after its own: what would another constant do? "
                 "(repeatable)")
      ->allow_extra_args(false);
  app.add_option("--format", a->format, "table, markdown, csv or json")
      ->check(CLI::IsMember({"table", "markdown", "csv", "json"}));
  app.add_option("-o,--output", a->folder,
                 "Write validation[-SUITE] into this folder instead of stdout; Markdown with its "
                 "scatter plot");
  app.add_flag("--commands", a->commands, "Print the command that runs each row, and run nothing");
  app.add_option("-j,--jobs", a->jobs, "Simulations at once (default: processors)");
  return [a, &global] { return validate(*a, global); };
}

}  // namespace xpusim::cli
