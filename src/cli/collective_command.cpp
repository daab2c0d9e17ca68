#include <fmt/core.h>

#include <CLI/CLI.hpp>

#include "cli/scenario_commands.hpp"
#include "xpusim/collective.hpp"

namespace xpusim::cli {
namespace {

struct CollectiveArguments {
  std::string type, system, software, bytes = "1KiB..1GiB";
  int ranks = 0, nodes = 0;
  std::string algorithm, protocol, plane;
  bool die = false;
  SimulationOptions simulation;
};

double parse_bytes(const std::string& text) {
  const ParsedQuantity parsed = parse_quantity(text, DimensionOf<Bytes>::value);
  if (!parsed.value) throw InputError("bad-bytes", "--bytes: " + parsed.message, parsed.help);
  if (!(*parsed.value >= 1 && *parsed.value <= 1e18)) {
    throw InputError("bad-bytes", fmt::format("--bytes: '{}' is not a buffer size", text),
                     "write 1 B to 1 EB, for example 64MiB");
  }
  return *parsed.value;
}

/// "64MiB", "1KiB,1MiB" or "1KiB..8GiB" (doubling).
std::vector<double> parse_sizes(const std::string& text) {
  std::vector<double> sizes;
  if (const auto dots = text.find(".."); dots != std::string::npos) {
    const double first = parse_bytes(text.substr(0, dots)),
                 last = parse_bytes(text.substr(dots + 2));
    if (first <= 0 || last < first) {
      throw InputError("bad-bytes", fmt::format("--bytes: '{}' is not a range", text),
                       "write SMALLEST..LARGEST, for example 1KiB..8GiB");
    }
    for (double size = first; size <= last * (1 + 1e-12); size *= 2) sizes.push_back(size);
    return sizes;
  }
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t comma = std::min(text.find(',', at), text.size());
    sizes.push_back(parse_bytes(text.substr(at, comma - at)));
    at = comma + 1;
  }
  return sizes;
}

CollectiveType parse_type(const std::string& word) {
  if (const auto type = parse_collective_type(word)) return *type;
  std::vector<std::string> known;
  for (int i = 0; i <= static_cast<int>(CollectiveType::SEND_RECV); ++i) {
    std::string name(to_string(static_cast<CollectiveType>(i)));
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    known.push_back(name);
  }
  const std::string_view near = nearest_word(word, known);
  throw InputError("unknown-collective", fmt::format("no collective '{}'", word),
                   near.empty()
                       ? "all_reduce, all_gather, reduce_scatter, all_to_all, broadcast, ..."
                       : fmt::format("did you mean '{}'?", near));
}

int run_collective(const CollectiveArguments& a, const GlobalOptions& global) {
  const CollectiveType type = parse_type(a.type);
  Catalogue catalogue = open_catalogue(global, a.simulation.overrides);
  ScenarioSpec scenario;
  scenario.kind = ScenarioKind::collective;
  scenario.info.name = fmt::format("{}-{}", to_string(type), a.system);
  scenario.question = fmt::format("How long does {} take on {}?", to_string(type), a.system);
  scenario.rank = a.die ? RankUnit::die : RankUnit::package;
  ScenarioSystemSpec entry;
  entry.system = a.system;
  entry.nodes = a.nodes;
  entry.software = a.software;
  scenario.systems = {entry};
  scenario.collective.type = std::string(to_string(type));
  scenario.collective.ranks = a.ranks;
  scenario.collective.bytes = parse_sizes(a.bytes);
  if (type == CollectiveType::BARRIER) scenario.collective.bytes.resize(1);  // it has no size
  scenario.collective.algorithm = a.algorithm;
  scenario.collective.protocol = a.protocol;
  if (!a.plane.empty()) scenario.network.planes["other"] = a.plane;
  return simulate_and_report(catalogue, scenario, "{}", a.simulation, global);
}

}  // namespace

std::function<int()> declare_collective(CLI::App& app, const GlobalOptions& global) {
  auto a = std::make_shared<CollectiveArguments>();
  app.add_option("type", a->type,
                 "all_reduce, reduce_scatter, all_gather, all_to_all, broadcast, reduce, gather, "
                 "scatter, barrier, send_recv")
      ->required();
  app.add_option("--system", a->system, "System part (xpusim list systems)")->required();
  app.add_option("--ranks", a->ranks,
                 "Devices that take part, from device 0 (default: all of one supernode)")
      ->check(CLI::Range(1, 1 << 24));
  app.add_option("--bytes", a->bytes,
                 "Size, sizes A,B,C or range A..B (doubling); as nccl-tests counts them");
  app.add_option("--nodes", a->nodes, "Build the system with so many nodes")
      ->check(CLI::Range(1, 1 << 24));
  app.add_option("--software", a->software, "Software profile instead of the chip's default");
  app.add_option("--algorithm", a->algorithm,
                 "Algorithm instead of the tuner's choice (xpusim list collectives)");
  app.add_option("--protocol", a->protocol,
                 "Protocol of the library instead of the tuner's choice");
  app.add_option("--plane", a->plane, "Plane instead of the fastest that connects the ranks");
  app.add_flag("--die", a->die, "A rank is a die, not a package");
  add_simulation_options(app, a->simulation, false);
  return [a, &global, &app] {
    a->simulation.has_seed = app.count("--seed") > 0;
    return run_collective(*a, global);
  };
}

}  // namespace xpusim::cli
