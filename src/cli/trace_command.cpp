// xpusim trace: look into recorded traces, convert them, generate some.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/app.hpp"
#include "xpusim/simulation.hpp"
#include "xpusim/trace.hpp"
#include "xpusim/units.hpp"

namespace xpusim::cli {
namespace {

struct ReadArguments {
  std::string path, format;
  TraceReadOptions options;

  [[nodiscard]] RecordedTrace read() const { return read_trace(path, format, options); }
};

void add_read_options(CLI::App& app, ReadArguments& a, const char* format_option) {
  std::string formats;
  for (const TraceFormatInfo& format : trace_formats())
    formats += fmt::format("{}{}", formats.empty() ? "" : ", ", format.name);
  app.add_option("trace", a.path, "File, PREFIX of PREFIX.<rank>.et or .json, or their folder")
      ->required();
  app.add_option(format_option, a.format,
                 fmt::format("Format instead of the recognised one: {}", formats));
  app.add_option("--ranks", a.options.ranks, "Number of ranks, where the file does not say it")
      ->check(CLI::Range(1u, 1u << 22));
  app.add_option("--model-parallel", a.options.model_parallel,
                 "Ranks of a model-parallel group, where the file does not say it")
      ->check(CLI::Range(1u, 1u << 22));
}

// ---------------------------------------------------------------- info

struct TraceSummary {
  ChakraStatistics statistics;
  double shortest_path = 0, longest_path = 0;  ///< critical path of a rank, s
};

TraceSummary summarise(const RecordedTrace& recorded) {
  TraceSummary summary;
  summary.statistics = chakra_statistics(recorded.trace);
  bool first = true;
  for (const auto& same : recorded.trace.identical_classes) {
    const double path = critical_path_seconds(*recorded.trace.ranks[same.front()]);
    summary.shortest_path = first ? path : std::min(summary.shortest_path, path);
    summary.longest_path = std::max(summary.longest_path, path);
    first = false;
  }
  return summary;
}

std::string shown_group(const std::string& written) { return written.empty() ? "-" : written; }

void print_text(const RecordedTrace& recorded) {
  const TraceSummary summary = summarise(recorded);
  const ChakraStatistics& s = summary.statistics;
  fmt::print("{}: {}, {} ranks, {} different", recorded.trace.prefix, recorded.format, s.ranks,
             s.different_files);
  if (s.bytes > 0) fmt::print(", {} bytes", s.bytes);  // not counted for one text of all ranks
  fmt::print("\n");
  for (std::size_t type = 0; type < s.nodes.size(); ++type) {
    if (s.nodes[type] > 0)
      fmt::print("  {:<14}{:>12}\n", to_string(static_cast<ChakraNodeType>(type)), s.nodes[type]);
  }
  fmt::print("  of these on the host: {}\n", s.host_nodes);
  fmt::print("  dependencies: {} data, {} control\n", s.data_dependencies, s.ctrl_dependencies);
  fmt::print("  compute: {:.6g} FLOP, {:.6g} bytes touched, {:.6g} s recorded\n", s.num_ops,
             s.tensor_bytes, s.recorded_seconds);
  fmt::print("  longest chain of recorded compute in a rank: {:.6g} s", summary.longest_path);
  if (summary.shortest_path < summary.longest_path)
    fmt::print(", least {:.6g} s", summary.shortest_path);
  fmt::print("\n");
  for (const auto& [key, traffic] : s.traffic)
    fmt::print("  {:<20} {:<18} {:>10} nodes {:>14.6g} bytes\n", key.first, shown_group(key.second),
               traffic.nodes, traffic.comm_size);
  for (const std::string& note : recorded.notes) fmt::print("  note: {}\n", note);
  for (const auto& [reason, count] : s.ignored) fmt::print("  ignored: {} ({})\n", reason, count);
}

void print_json(const RecordedTrace& recorded) {
  using nlohmann::ordered_json;
  const TraceSummary summary = summarise(recorded);
  const ChakraStatistics& s = summary.statistics;
  ordered_json json;
  json["schema"] = 1;
  json["trace"] = recorded.trace.prefix;
  json["format"] = recorded.format;
  json["ranks"] = s.ranks;
  json["different_ranks"] = s.different_files;
  if (s.bytes > 0) json["bytes"] = s.bytes;
  json["nodes"] = ordered_json::object();
  for (std::size_t type = 0; type < s.nodes.size(); ++type)
    if (s.nodes[type] > 0)
      json["nodes"][std::string(to_string(static_cast<ChakraNodeType>(type)))] = s.nodes[type];
  json["host_nodes"] = s.host_nodes;
  json["data_dependencies"] = s.data_dependencies;
  json["ctrl_dependencies"] = s.ctrl_dependencies;
  json["flops"] = s.num_ops;
  json["touched_bytes"] = s.tensor_bytes;
  json["recorded_s"] = s.recorded_seconds;
  json["critical_path_s"] = {{"max", summary.longest_path}, {"min", summary.shortest_path}};
  json["traffic"] = ordered_json::array();
  for (const auto& [key, traffic] : s.traffic) {
    ordered_json row;
    row["type"] = key.first;
    if (!key.second.empty()) row["group"] = key.second;
    row["nodes"] = traffic.nodes;
    row["bytes"] = traffic.comm_size;
    json["traffic"].push_back(std::move(row));
  }
  json["notes"] = recorded.notes;
  json["ignored"] = ordered_json::array();
  for (const auto& [reason, count] : s.ignored)
    json["ignored"].push_back({{"reason", reason}, {"count", count}});
  std::cout << json.dump(2, ' ', false, ordered_json::error_handler_t::replace) << "\n";
}

// ---------------------------------------------------------------- convert and generate

struct WriteArguments {
  std::string out, to;
  TraceWriteOptions options;
};

struct Writer {
  const char* name;
  TraceWriteSummary (*write)(const RecordedTrace&, const std::string&, const TraceWriteOptions&);
};
constexpr Writer kWriters[] = {{"chakra", write_chakra_trace},
                               {"chakra-json", write_chakra_json_trace},
                               {"htsim-cm", write_htsim_cm}};

void add_write_options(CLI::App& app, WriteArguments& a, const char* standard) {
  a.to = standard;
  app.add_option("out", a.out, "PREFIX of the files to write; for htsim-cm the file itself")
      ->required();
  app.add_option("--to", a.to, "chakra, chakra-json or htsim-cm")->capture_default_str();
  app.add_flag("--force", a.options.force,
               "Replace files that are there; write more than 100,000 files");
}

int write_out(const RecordedTrace& recorded, const WriteArguments& a) {
  std::vector<std::string> names;
  for (const Writer& writer : kWriters) {
    names.emplace_back(writer.name);
    if (a.to != writer.name) continue;
    const TraceWriteSummary summary = writer.write(recorded, a.out, a.options);
    for (const std::string& note : recorded.notes) spdlog::info("note: {}", note);
    for (const std::string& note : summary.notes) spdlog::info("note: {}", note);
    spdlog::info("wrote {} {} as {}", summary.files, summary.files == 1 ? "file" : "files", a.out);
    return good;
  }
  const std::string_view near = nearest_word(a.to, names);
  throw InputError("trace-format", fmt::format("--to: no written format '{}'", a.to),
                   near.empty() ? fmt::format("the written formats are {}", fmt::join(names, ", "))
                                : fmt::format("did you mean '{}'?", near));
}

struct PermutationArguments {
  std::uint32_t nodes = 0;
  std::string size = "2MB";
  std::uint64_t seed = 1;
};

struct TrainingArguments {
  std::string scenario, system;
  std::vector<std::string> overrides;
};

/// A training scenario's step on its first system, or the one that was named.
RecordedTrace record(const TrainingArguments& a, const GlobalOptions& global) {
  Catalogue catalogue = open_catalogue(global, a.overrides);
  ScenarioSpec scenario = catalogue.load_scenario(a.scenario).first;
  if (!a.system.empty()) {
    ScenarioSystemSpec entry;
    entry.system = a.system;
    for (const ScenarioSystemSpec& known : scenario.systems)
      if (known.system == a.system) entry = known;
    scenario.systems = {entry};
  }
  if (scenario.systems.empty())
    throw InputError("no-systems", "the scenario names no system", "name one with --system");
  return record_training(resolve_run(catalogue, scenario, 0));
}

struct CollectiveTraceArguments {
  std::string type, bytes = "1MiB";
  std::uint32_t ranks = 0;
};

ChakraCollective chakra_collective(const std::string& word) {
  std::vector<std::string> known;
  for (int i = 0; i <= static_cast<int>(ChakraCollective::barrier); ++i) {
    const auto type = static_cast<ChakraCollective>(i);
    std::string name(to_string(type));
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    if (name == word) return type;
    known.push_back(name);
  }
  const std::string_view near = nearest_word(word, known);
  throw InputError("unknown-collective", fmt::format("no collective '{}'", word),
                   near.empty() ? fmt::format("one of {}", fmt::join(known, ", "))
                                : fmt::format("did you mean '{}'?", near));
}

std::uint64_t parse_size(const std::string& text, const char* option) {
  const ParsedQuantity parsed = parse_quantity(text, DimensionOf<Bytes>::value);
  if (!parsed.value)
    throw InputError("bad-bytes", fmt::format("{}: {}", option, parsed.message), parsed.help);
  if (!(*parsed.value >= 1 && *parsed.value <= 1e18))
    throw InputError("bad-bytes", fmt::format("{}: '{}' is not a message size", option, text),
                     "write 1 B to 1 EB, for example 2MB");
  return static_cast<std::uint64_t>(*parsed.value);
}

}  // namespace

std::function<int()> declare_trace(CLI::App& app, const GlobalOptions& global) {
  app.require_subcommand(1);
  std::string table = "Formats:\n";
  for (const TraceFormatInfo& format : trace_formats())
    table += fmt::format("  {:<12} {:<20} {}\n", format.name, format.files, format.description);

  auto info_read = std::make_shared<ReadArguments>();
  auto as_json = std::make_shared<bool>(false);
  CLI::App* info = app.add_subcommand(
      "info", "Nodes by type, bytes by collective and group, what will be ignored");
  info->footer(table);
  add_read_options(*info, *info_read, "--format");
  info->add_flag("--json", *as_json, "As JSON");

  auto convert_read = std::make_shared<ReadArguments>();
  auto convert_write = std::make_shared<WriteArguments>();
  CLI::App* convert = app.add_subcommand("convert", "Write a trace as Chakra files");
  convert->footer(table);
  add_read_options(*convert, *convert_read, "--from");
  add_write_options(*convert, *convert_write, "chakra");

  CLI::App* generate = app.add_subcommand("generate", "Make a trace");
  generate->require_subcommand(1);
  auto permutation_of = std::make_shared<PermutationArguments>();
  auto permutation_write = std::make_shared<WriteArguments>();
  CLI::App* permutation =
      generate->add_subcommand("permutation", "Every node sends to another one, all at once");
  permutation->footer(
      "Example:\n  xpusim trace generate permutation perm.cm --nodes 1024 --size 2MB --seed 1");
  add_write_options(*permutation, *permutation_write, "htsim-cm");
  permutation->add_option("--nodes", permutation_of->nodes, "Number of nodes")
      ->required()
      ->check(CLI::Range(2u, 1u << 20));
  permutation->add_option("--size", permutation_of->size, "Bytes of each message")
      ->capture_default_str();
  permutation->add_option("--seed", permutation_of->seed, "Seed of the random choice")
      ->capture_default_str();

  auto training_of = std::make_shared<TrainingArguments>();
  auto training_write = std::make_shared<WriteArguments>();
  CLI::App* training = generate->add_subcommand(
      "training", "The step of a training scenario, all ranks, with the durations of its system");
  training
      ->add_option("scenario", training_of->scenario, "Scenario file, or name of one in scenarios/")
      ->required();
  add_write_options(*training, *training_write, "chakra");
  training->add_option("--system", training_of->system,
                       "Which of its systems, or another (default: the first)");
  training
      ->add_option("--set", training_of->overrides,
                   "Override a value, as in `xpusim run` (repeatable)")
      ->allow_extra_args(false);

  auto collective_of = std::make_shared<CollectiveTraceArguments>();
  auto collective_write = std::make_shared<WriteArguments>();
  CLI::App* collective =
      generate->add_subcommand("collective", "One collective of all ranks, as Chakra's benchmarks");
  collective->footer(
      "Example:\n  xpusim trace generate collective all_reduce traces/ar --ranks 64 --bytes 1MiB");
  collective->add_option("type", collective_of->type, "all_reduce, all_to_all, ...")->required();
  add_write_options(*collective, *collective_write, "chakra");
  collective->add_option("--ranks", collective_of->ranks, "Number of ranks")
      ->required()
      ->check(CLI::Range(1u, 1u << 20));
  collective->add_option("--bytes", collective_of->bytes, "comm_size")->capture_default_str();

  return [=, &global] {
    if (training->parsed()) return write_out(record(*training_of, global), *training_write);
    if (collective->parsed()) {
      const ChakraCollective type = chakra_collective(collective_of->type);
      return write_out(make_collective_trace(type, parse_size(collective_of->bytes, "--bytes"),
                                             collective_of->ranks),
                       *collective_write);
    }
    if (info->parsed()) {
      const RecordedTrace recorded = info_read->read();
      *as_json ? print_json(recorded) : print_text(recorded);
      return static_cast<int>(good);
    }
    if (convert->parsed()) return write_out(convert_read->read(), *convert_write);
    return write_out(
        make_permutation(permutation_of->nodes, parse_size(permutation_of->size, "--size"),
                         permutation_of->seed),
        *permutation_write);
  };
}

}  // namespace xpusim::cli
