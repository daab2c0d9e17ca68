#include <fmt/core.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <filesystem>

#include "cli/scenario_commands.hpp"
#include "xpusim/collective.hpp"
#include "xpusim/import.hpp"
#include "xpusim/trace.hpp"

namespace xpusim::cli {
namespace {

struct ReplayArguments {
  std::string trace, plane, folding = "auto";
  ImportOptions import;
  std::vector<std::string> systems, algorithms;
  std::vector<int> dimensions;
  int nodes = 0, chips = 0;
  std::string software;
  bool die = false, concurrent = false;
  ReplaySpec replay;
  SimulationOptions simulation;
};

bool is_description(const std::string& system) {
  const std::string extension = std::filesystem::path(system).extension().string();
  return extension == ".yml" || extension == ".yaml" || extension == ".xml" || extension == ".topo";
}

/// Another tool's description of a machine becomes parts of the catalogue, in memory.
std::string import_into(Catalogue& catalogue, const std::string& file,
                        const ImportOptions& options) {
  const ImportedSystem imported = import_system(file, options);
  for (const ImportedPart& part : imported.parts) catalogue.add_text(part.file, part.text);
  spdlog::info("{}", imported.summary);
  for (const std::string& note : imported.notes) spdlog::info("assumed: {}", note);
  for (const std::string& ignored : imported.ignored) spdlog::warn("ignored: {}", ignored);
  return imported.system;
}

/// "ALL_REDUCE=ring"
void add_algorithm(const std::string& text, NetworkSpec& network) {
  const std::size_t equals = text.find('=');
  const auto type = parse_collective_type(text.substr(0, equals));
  if (equals == std::string::npos || !type)
    throw InputError("bad-algorithm", fmt::format("--algorithm: '{}' names no collective", text),
                     "write COLLECTIVE=ALGORITHM, for example ALL_REDUCE=ring");
  network.algorithms[std::string(to_string(*type))] = text.substr(equals + 1);
}

/// There is no scenario file that an override could address.
void require_part_overrides(const std::vector<std::string>& overrides) {
  for (const std::string& text : overrides) {
    const std::string_view word = std::string_view(text).substr(0, text.find('.'));
    const auto kind = parse_kind(word);
    if (kind && *kind != PartKind::scenario && *kind != PartKind::table) continue;
    throw InputError("bad-override",
                     fmt::format("--set {}: without a scenario only parts have values", text),
                     "write system.NAME.path=value, chip.NAME., link.NAME., software.NAME., ...");
  }
}

int run_replay(const ReplayArguments& a, const GlobalOptions& global) {
  require_part_overrides(a.simulation.overrides);
  Catalogue catalogue = open_catalogue(global, a.simulation.overrides);
  ScenarioSpec scenario;
  scenario.kind = ScenarioKind::replay;
  scenario.info.name = std::filesystem::path(a.trace).filename().string();
  if (scenario.info.name.empty()) scenario.info.name = "trace";
  scenario.question = fmt::format("How long does {} take?", a.trace);
  scenario.rank = a.die ? RankUnit::die : RankUnit::package;
  scenario.folding = a.folding == "on"    ? Folding::on
                     : a.folding == "off" ? Folding::off
                                          : Folding::automatic;
  scenario.replay = a.replay;
  scenario.replay.trace = a.trace;
  scenario.replay.dimensions = a.dimensions;
  scenario.replay.communication_slot = !a.concurrent;
  for (const std::string& text : a.algorithms) add_algorithm(text, scenario.network);
  if (!a.plane.empty()) scenario.network.planes["other"] = a.plane;
  bool with_used = a.import.with.empty();
  for (const std::string& name : a.systems) {
    ScenarioSystemSpec entry;
    const bool described = is_description(name);
    ImportOptions import = a.import;
    import.nodes = std::filesystem::path(name).extension() == ".xml" ? a.nodes : 0;
    entry.system = described ? import_into(catalogue, name, import) : name;
    with_used = with_used || described;
    if (!described) entry.nodes = a.nodes;
    entry.chips = a.chips;
    entry.software = a.software;
    scenario.systems.push_back(entry);
  }
  if (!with_used)
    throw InputError("bad-with", "--with belongs to a system that another tool describes",
                     "name its network file with --system");
  return simulate_and_report(catalogue, scenario, "{}", a.simulation, global);
}

}  // namespace

std::function<int()> declare_replay(CLI::App& app, const GlobalOptions& global) {
  auto a = std::make_shared<ReplayArguments>();
  app.add_option("trace", a->trace,
                 "PREFIX of the files PREFIX.<rank>.et, their folder, or a file of another format")
      ->required();
  app.add_option("--system", a->systems,
                 "System part, or a machine as another tool describes it (ASTRA-sim .yml, NCCL "
                 ".xml, htsim .topo); several separated by commas")
      ->required()
      ->delimiter(',');
  app.add_option("--with", a->import.with, "ASTRA-sim's system JSON beside its network file");
  app.add_option("--chip", a->import.chip, "Chip part of a machine that another tool describes");
  app.add_option("--nic", a->import.nic, "NCCL .xml: link part of a NIC without a speed");
  app.add_option("--nvlink", a->import.nvlink,
                 "NCCL .xml: PART:COUNT, NVLinks of a GPU to switches where the file has none");
  app.add_option("--nodes", a->nodes, "Build the system with so many nodes")
      ->check(CLI::Range(1, 1 << 24));
  app.add_option("--chips", a->chips, "Packages to use, from package 0 (default: all)")
      ->check(CLI::Range(1, 1 << 24));
  app.add_option("--software", a->software, "Software profile instead of the chip's default");
  app.add_option("--trace-format", a->replay.format,
                 "Format of the trace (default: recognised by name and content)");
  app.add_option("--dimensions", a->dimensions,
                 "Sizes of the trace's logical dimensions, innermost first: 8,48")
      ->delimiter(',')
      ->check(CLI::Range(1, 1 << 24));
  app.add_option("--groups", a->replay.groups, "Communicator groups as ASTRA-sim writes them");
  app.add_option("--ranks", a->replay.ranks,
                 "Ranks of a trace that holds one for all: a lone recorded rank, a workload text")
      ->check(CLI::Range(1, 1 << 24));
  app.add_option("--model-parallel", a->replay.model_parallel,
                 "Ranks of a model-parallel group of a workload text that does not say it")
      ->check(CLI::Range(1, 1 << 24));
  app.add_option("--scale-ranks", a->replay.scale_ranks,
                 "Add or leave out data-parallel replicas until there are so many ranks")
      ->check(CLI::Range(1, 1 << 24));
  app.add_option("--data-dimension", a->replay.data_dimension,
                 "Which of the dimensions holds the data-parallel replicas, from 0 (default: the "
                 "last)")
      ->check(CLI::Range(0, 31));
  app.add_flag("--recorded", a->replay.recorded_durations,
               "Compute takes as long as recorded, also where FLOPs are given");
  app.add_option("--recorded-on", a->replay.recorded_on,
                 "Chip that the durations were recorded on: they are scaled to this chip");
  app.add_option("--compute-format", a->replay.compute_format,
                 "Format that FLOPs of the trace run in (default: bf16)");
  app.add_option("--comm-size", a->replay.comm_size,
                 "What comm_size counts: automatic, collective_size or one_rank_input")
      ->check(CLI::IsMember({"automatic", "collective_size", "one_rank_input"}));
  app.add_flag("--ctrl-deps", a->replay.follow_ctrl_deps, "Wait for control dependencies too");
  app.add_flag("--concurrent", a->concurrent,
               "Communication of a rank runs side by side, not one at a time");
  app.add_option("--algorithm", a->algorithms,
                 "COLLECTIVE=ALGORITHM instead of the tuner's choice (repeatable)")
      ->allow_extra_args(false);
  app.add_option("--plane", a->plane, "Plane instead of the fastest that connects the ranks");
  app.add_option("--folding", a->folding, "auto, on or off: simulate equivalent ranks once")
      ->check(CLI::IsMember({"auto", "on", "off"}));
  app.add_flag("--die", a->die, "A rank is a die, not a package");
  add_simulation_options(app, a->simulation);
  return [a, &global, &app] {
    a->simulation.has_seed = app.count("--seed") > 0;
    return run_replay(*a, global);
  };
}

}  // namespace xpusim::cli
