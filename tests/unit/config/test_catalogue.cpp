// Loading by kind and name, inheritance, overrides, and what was really used.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "support/temporary_folder.hpp"
#include "xpusim/config.hpp"

using namespace xpusim;
using namespace xpusim::literals;

namespace {

constexpr const char* link_text =
    R"({"schema": 1, "kind": "link", "name": "wire", "bandwidth": "25 GB/s", "latency": "200 ns"})";
constexpr const char* chip_text = R"({
  "schema": 1, "kind": "chip", "name": "v1.5", "title": "The chip", "vendor": "ACME", "year": 2024,
  "peak": {"bf16": "100 TFLOP/s", "fp8": "200 TFLOP/s"},
  "memory": {"capacity": "80 GiB", "bandwidth": "2 TB/s"},
  "units": {"count": 100, "clock": "1.5 GHz"},
  "ports": {"scale_up": {"link": "wire", "count": 8}},
  "power": {"idle": "50 W", "tdp": "400 W", "per_memory_byte": "5 pJ/bit"},
  "curves": [{"operation": "gemm", "format": "bf16", "points": [[1, 2, 3, 4e-6]]}],
  "claims": [{"figure": "chip.peak.bf16", "value": "100 TFLOP/s", "tolerance": 0, "source": "x"}]
})";
constexpr const char* system_text = R"({
  "schema": 1, "kind": "system", "name": "box", "vendor": "ACME", "chip": "v1.5", "nodes": 2,
  "chips_per_node": 8,
  "planes": [
    {"name": "up", "role": "scale_up", "shape": "switch", "link": "wire", "links_per_device": 8},
    {"name": "out", "role": "scale_out", "shape": "clos", "link": "wire", "links_per_device": 1,
     "devices_per_leaf": 8, "sub_planes": 4}
  ]
})";
constexpr const char* model_text = R"({
  "schema": 1, "kind": "model", "name": "tiny", "layers": 2, "hidden": 64, "heads": 4, "kv_heads": 2,
  "head_dim": 16, "ffn": 256, "vocabulary": 1000
})";
constexpr const char* scenario_text = R"({
  "schema": 1, "kind": "scenario", "name": "ask", "question": "How fast?", "workload": "training",
  "systems": [{"system": "box"}, {"system": "box", "chips": 8, "parallelism": {"tensor": 8}}],
  "model": "tiny", "parallelism": {"tensor": 2},
  "training": {"global_batch": 64, "sequence": 4096},
  "network": {"fidelity": "auto"}, "seed": 18446744073709551615,
  "expect": {"training.step_time_s": "< 10"}
})";

Catalogue catalogue(std::vector<std::string> overrides = {}) {
  Catalogue parts({.roots = {}, .overrides = std::move(overrides)});
  parts.add_text("links/wire.json", link_text);
  parts.add_text("chips/v1.5.json", chip_text);
  parts.add_text("systems/box.json", system_text);
  parts.add_text("models/tiny.json", model_text);
  parts.add_text("scenarios/ask.json", scenario_text);
  return parts;
}

template <class F>
std::string message(F&& action) {
  try {
    action();
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("a part is read into base units", "[config][catalogue]") {
  Catalogue parts = catalogue();
  const ChipSpec& chip = parts.load<ChipSpec>("v1.5");
  CHECK(chip.info.name == "v1.5");
  CHECK(chip.info.title == "The chip");
  CHECK(chip.info.file == "chips/v1.5.json");
  CHECK(chip.peak.at("fp8") == FlopsPerSecond(200e12));
  CHECK(chip.memory.capacity == Bytes(80.0 * 1024 * 1024 * 1024));
  CHECK(chip.units.clock == Hertz(1.5e9));
  CHECK(chip.units.tile_m == 128);
  CHECK(chip.ports.at("scale_up").count == 8);
  CHECK(chip.power.per_memory_byte == JoulesPerByte(40e-12));
  CHECK(chip.curves.at(0).points == std::vector<std::vector<double>>{{1, 2, 3, 4e-6}});
  CHECK(chip.info.claims.at(0).value == "100 TFLOP/s");
  CHECK(&parts.load<ChipSpec>("v1.5") == &chip);
  CHECK(parts.load<LinkSpec>("wire").latency == Seconds(200e-9));
  const SystemSpec& system = parts.load<SystemSpec>("box");
  CHECK(system.planes.at(0).shape == PlaneShape::single_switch);
  CHECK(system.planes.at(1).role == PlaneRole::scale_out);
  CHECK_FALSE(parts.load<ModelSpec>("tiny").moe.has_value());
}

TEST_CASE("a scenario is read with its own words for enums", "[config][catalogue]") {
  Catalogue parts = catalogue();
  const auto [scenario, document] = parts.load_scenario("ask");
  CHECK(scenario.kind == ScenarioKind::training);
  CHECK(scenario.network.fidelity == Fidelity::automatic);
  CHECK(scenario.seed == 18446744073709551615u);
  CHECK(scenario.systems.at(1).parallelism->tensor == 8);
  CHECK_FALSE(scenario.systems.at(0).parallelism.has_value());
  CHECK(scenario.expect.at("training.step_time_s") == "< 10");
  CHECK(document.kind == PartKind::scenario);
}

TEST_CASE("a part tells what it extends, the nearest first", "[config][catalogue]") {
  Catalogue parts = catalogue();
  parts.add_text("software/old.json",
                 R"({"schema": 1, "kind": "software", "name": "old", "kernel_launch": "1 us"})");
  parts.add_text("software/middle.json",
                 R"({"schema": 1, "kind": "software", "name": "middle", "extends": "old"})");
  parts.add_text("software/new.json",
                 R"({"schema": 1, "kind": "software", "name": "new", "extends": "middle"})");
  CHECK(parts.load<SoftwareSpec>("new").info.bases == std::vector<std::string>{"middle", "old"});
  CHECK(parts.load<SoftwareSpec>("middle").info.bases == std::vector<std::string>{"old"});
  CHECK(parts.load<SoftwareSpec>("old").info.bases.empty());
  Catalogue shipped(
      {.roots = {std::filesystem::path(XPUSIM_SOURCE_DIR) / "configs"}, .overrides = {}});
  CHECK(shipped.load<SoftwareSpec>("nvidia-2026-06").info.bases ==
        std::vector<std::string>{"nvidia-2026", "nvidia-2025"});
}

TEST_CASE("sizes of a collective are strings with a unit", "[config][catalogue]") {
  Catalogue parts = catalogue();
  parts.add_text("scenarios/sizes.json", R"({"schema": 1, "kind": "scenario", "name": "sizes",
    "question": "?", "workload": "collective", "systems": [{"system": "box"}],
    "collective": {"type": "ALL_REDUCE", "bytes": ["1 MiB", "16 MB"]}})");
  CHECK(parts.load_scenario("sizes").first.collective.bytes == std::vector<double>{1048576, 16e6});
}

TEST_CASE("unknown names are answered with the nearest one, at the reference",
          "[config][catalogue]") {
  Catalogue parts = catalogue();
  CHECK(message([&] { (void)parts.load<ChipSpec>("v1.6"); }) ==
        "error[unknown-chip]: no chip is called 'v1.6'\n  help: did you mean 'v1.5'?");
  CHECK(message([&] { (void)parts.load<LinkSpec>("optical-fibre"); }) ==
        "error[unknown-link]: no link is called 'optical-fibre'\n  help: known links: wire");
  CHECK(message([&] { (void)parts.load<TableSpec>("t"); }) ==
        "error[unknown-table]: no table is called 't'\n  help: there are no tables");
  parts.add_text("scenarios/typo.json", R"({"schema": 1, "kind": "scenario", "name": "typo",
"question": "?", "workload": "replay", "systems": [{"system": "bax"}],
"replay": {"trace": "x"}})");
  CHECK(
      message([&] { (void)parts.load_scenario("typo"); }) ==
      "scenarios/typo.json:2:63: error[unknown-system]: no system is called 'bax'\n"
      "  2 | \"question\": \"?\", \"workload\": \"replay\", \"systems\": [{\"system\": \"bax\"}],\n"
      "    |                                                               ^^^^^ help: did you "
      "mean 'box'?");
}

TEST_CASE("a variant states only what differs", "[config][catalogue]") {
  Catalogue parts = catalogue();
  parts.add_text("chips/v2.json", R"({"schema": 1, "kind": "chip", "name": "v2", "extends": "v1.5",
    "memory": {"bandwidth": "4 TB/s"}, "peak": {"fp4": "400 TFLOP/s"}, "curves": []})");
  const ChipSpec& chip = parts.load<ChipSpec>("v2");
  CHECK(chip.memory.bandwidth == BytesPerSecond(4e12));
  CHECK(chip.memory.capacity == Bytes(80.0 * 1024 * 1024 * 1024));
  CHECK(chip.peak.size() == 3);
  CHECK(chip.curves.empty());
  CHECK(chip.info.title.empty());
  CHECK(chip.info.claims.empty());
  const Document& document = parts.document(PartKind::chip, "v2");
  CHECK(document.root.at("/memory/bandwidth")->span.source->name == "chips/v2.json");
  CHECK(document.root.at("/memory/capacity")->span.source->name == "chips/v1.5.json");
  REQUIRE(document.chain.size() == 2);
  CHECK(document.chain[1]->name == "chips/v1.5.json");
}

TEST_CASE("an error in an inherited value points into the parent", "[config][catalogue]") {
  Catalogue parts;
  parts.add_text("links/base.json", R"({"schema": 1, "kind": "link", "name": "base",
"bandwidth": "25 GB", "latency": "0"})");
  parts.add_text("links/child.json",
                 R"({"schema": 1, "kind": "link", "name": "child", "extends": "base"})");
  CHECK(message([&] { (void)parts.load<LinkSpec>("child"); }) ==
        "links/base.json:2:14: error[unit-mismatch]: 'bandwidth' needs bytes per second, got \"25 "
        "GB\"\n"
        "  2 | \"bandwidth\": \"25 GB\", \"latency\": \"0\"}\n"
        "    |              ^^^^^^^ help: write \"25 GB/s\"");
}

TEST_CASE("an override replaces a value and is validated like one", "[config][override]") {
  Catalogue parts = catalogue(
      {"chip.v1.5.memory.bandwidth=4 TB/s", "system.box.planes.1.sub_planes=2",
       "system.box.planes.up.links_per_device=4.5", "training.micro_batch=2", "systems.1.chips=16",
       "model.tiny.moe={\"experts\":8,\"top_k\":2,\"ffn\":32}", "expect.training.mfu=> 0.4",
       "network.planes.tp=up", "systems.box.nodes=4", "question=true story"});
  CHECK(parts.load<ChipSpec>("v1.5").memory.bandwidth == BytesPerSecond(4e12));
  CHECK(parts.load<SystemSpec>("box").planes.at(1).sub_planes == 2);
  CHECK(parts.load<SystemSpec>("box").planes.at(0).links_per_device == 4.5);
  CHECK(parts.load<ModelSpec>("tiny").moe->experts == 8);
  const ScenarioSpec scenario = parts.load_scenario("ask").first;
  CHECK(scenario.training.micro_batch == 2);
  CHECK(scenario.training.global_batch == 64);
  CHECK(scenario.systems.at(1).chips == 16);
  CHECK(scenario.systems.at(0).nodes == 4);
  CHECK(scenario.expect.at("training.mfu") == "> 0.4");
  CHECK(scenario.expect.size() == 2);
  CHECK(scenario.network.planes.at("tp") == "up");
  CHECK(scenario.question == "true story");
  CHECK(parts.unused_overrides().empty());
}

TEST_CASE("a wrong override is shown with its own text", "[config][override]") {
  CHECK(
      message([] {
        Catalogue parts = catalogue({"chip.v1.5.memory.bandwidth=4 TB"});
        (void)parts.load<ChipSpec>("v1.5");
      }) ==
      "--set:1:28: error[unit-mismatch]: 'memory.bandwidth' needs bytes per second, got \"4 TB\"\n"
      "  1 | chip.v1.5.memory.bandwidth=4 TB\n"
      "    |                            ^^^^ help: write \"4 TB/s\"");
  CHECK(message([] { (void)catalogue({"trainin.micro_batch=2"}).load_scenario("ask"); }) ==
        "--set:1:1: error[unknown-key]: a scenario has no key 'trainin'\n"
        "  1 | trainin.micro_batch=2\n    | ^^^^^^^ help: did you mean 'training'?");
  CHECK(message([] { (void)catalogue({"chip.v1.6.year=2"}).load_scenario("ask"); }) ==
        "--set:1:6: error[unknown-chip]: no chip is called 'v1'\n"
        "  1 | chip.v1.6.year=2\n    |      ^^ help: known chips: v1.5");
  CHECK(message([] { (void)catalogue({"systems.7.chips=2"}).load_scenario("ask"); }) ==
        "--set:1:9: error[bad-override]: the list has no item '7'\n"
        "  1 | systems.7.chips=2\n"
        "    |         ^ help: it has 2 items; write an index from 0, or an item's name");
  CHECK(message([] { (void)catalogue({"question.deep=2"}).load_scenario("ask"); }) ==
        "--set:1:10: error[bad-override]: 'question' has nothing inside\n"
        "  1 | question.deep=2\n    |          ^^^^ help: end the path before it");
  CHECK(message([] { (void)catalogue({"seed"}); }) ==
        "--set:1:1: error[bad-override]: 'seed' is no path=value\n"
        "  1 | seed\n    | ^^^^ help: write --set path.to.field=value");
  CHECK(message([] { (void)catalogue({"a..b=1"}); }) ==
        "--set:1:3: error[bad-override]: a segment of the path is empty or not closed\n"
        "  1 | a..b=1\n    |   ^ help: write --set path.to.field=value");
  for (const auto* text : {"=1", ".a=1", "a.=1", "\"a=1", "a\".b=1", "\"a\"b=1", "x=\xFF"}) {
    CAPTURE(text);
    CHECK(message([&] { (void)catalogue({text}).load_scenario("ask"); }) != "no error");
  }
  CHECK(message([] { (void)catalogue({"seed=null"}).load_scenario("ask"); }) ==
        "--set:1:6: error[null-value]: 'seed' is null\n"
        "  1 | seed=null\n    |      ^^^^ help: leave the key out to get its default");
}

TEST_CASE("an override that nothing reads is said", "[config][override]") {
  Catalogue parts = catalogue({"model.tiny.layers=3"});
  CHECK(render(parts.unused_overrides()) ==
        "--set:1:1: warning[unused-override]: nothing read this override\n"
        "  1 | model.tiny.layers=3\n"
        "    | ^^^^^^^^^^^^^^^^^ help: name a part that the scenario uses");
  CHECK(parts.load<ModelSpec>("tiny").layers == 3);
  CHECK(parts.unused_overrides().empty());
}

TEST_CASE("fields are read by path, in base units, with place or default", "[config][query]") {
  Catalogue parts = catalogue();
  const Document& chip = parts.document(PartKind::chip, "v1.5");
  const auto peak = read_field(chip, "peak.bf16");
  REQUIRE(peak);
  CHECK(std::get<double>(peak->value) == 100e12);
  CHECK(peak->dimension == DimensionOf<FlopsPerSecond>::value);
  CHECK(line_column(peak->span).line == 3);
  const auto tile = read_field(chip, "units.tile_m");
  REQUIRE(tile);
  CHECK(tile->is_default);
  CHECK(std::get<double>(tile->value) == 128);
  CHECK(std::get<double>(read_field(chip, "efficiency.memory")->value) == 0.8);
  CHECK(std::get<double>(read_field(chip, "dies.link_bandwidth")->value) == 0);
  CHECK(read_field(chip, "dies.link_bandwidth")->dimension == DimensionOf<BytesPerSecond>::value);
  CHECK(std::get<std::string>(read_field(chip, "name")->value) == "v1.5");
  const Document& system = parts.document(PartKind::system, "box");
  CHECK(std::get<std::string>(read_field(system, "planes.out.shape")->value) == "clos");
  CHECK(std::get<double>(read_field(system, "planes.1.sub_planes")->value) == 4);
  CHECK(std::get<bool>(read_field(system, "planes.0.in_switch_reduction")->value) == false);
  for (const auto* path :
       {"", "peak", "peak.fp64", "peak.bf16.x", "nonsense", "memory", "planes.0.link"}) {
    CAPTURE(path);
    CHECK_FALSE(read_field(chip, path).has_value());
  }
  CHECK_FALSE(read_field(system, "planes.2.link").has_value());
  CHECK_FALSE(read_field(parts.document(PartKind::model, "tiny"), "moe.experts").has_value());
}

TEST_CASE("what a run used is one canonical text", "[config][resolved]") {
  Catalogue parts = catalogue({"chip.v1.5.memory.bandwidth=4 TB/s"});
  const auto [scenario, document] = parts.load_scenario("ask");
  const std::string text = resolved_json(parts, document);
  CHECK(text.starts_with(
      "{\"chip\":{\"v1.5\":{\"curves\":[{\"format\":\"bf16\",\"memory_bandwidth\":"));
  CHECK(text.find("\"memory\":{\"bandwidth\":\"4 TB/s\"") != std::string::npos);
  CHECK(text.find("\"link\":{\"wire\":{\"bandwidth\":\"25 GB/s\",\"efficiency\":1") !=
        std::string::npos);
  CHECK(text.find("\"folding\":\"auto\"") != std::string::npos);
  CHECK(text.find("\"seed\":18446744073709551615") != std::string::npos);
  CHECK(text.find("claims") == std::string::npos);
  CHECK(text.find("\"collective\"") == std::string::npos);
  // Key order in the files does not matter, and neither does a default that is written out.
  Catalogue again = catalogue({"chip.v1.5.memory.bandwidth=4 TB/s", "folding=auto"});
  CHECK(resolved_json(again, again.load_scenario("ask").second) == text);
  Catalogue other = catalogue({"chip.v1.5.memory.bandwidth=4 TB/s", "folding=off"});
  CHECK(resolved_json(other, other.load_scenario("ask").second) != text);
  const auto source = std::make_shared<const SourceText>(SourceText{"resolved", text});
  Diagnostics diagnostics;
  const auto tree = parse_json(source, diagnostics);
  REQUIRE(tree);
  CHECK(canonical_json(*tree) == text);
}

TEST_CASE("parts are listed by kind in order of name", "[config][catalogue]") {
  Catalogue parts = catalogue();
  parts.add_text("chips/broken.json", "{");
  const auto chips = parts.list(PartKind::chip);
  REQUIRE(chips.size() == 2);
  CHECK(chips[0].name == "broken");
  CHECK(chips[1].title == "The chip");
  CHECK(parts.contains(PartKind::system, "box"));
  CHECK_FALSE(parts.contains(PartKind::system, "wire"));
  CHECK(message([&] { parts.validate(PartKind::chip, "broken"); }).find("error[truncated-file]") !=
        std::string::npos);
}

TEST_CASE("two files of one name and kind are refused", "[config][catalogue]") {
  Catalogue parts = catalogue();
  parts.add_text("more/links/wire.json", link_text);
  CHECK(message([&] { (void)parts.load<LinkSpec>("wire"); }) ==
        "error[ambiguous-name]: two files describe the link 'wire': links/wire.json and "
        "more/links/wire.json\n  help: rename one");
}

TEST_CASE("a scenario by path may extend its neighbour", "[config][catalogue]") {
  namespace fs = std::filesystem;
  const test::TemporaryFolder temporary;
  const fs::path& folder = temporary.path();
  std::ofstream(folder / "base.json")
      << R"({"schema": 1, "kind": "scenario", "name": "base", "question": "?",
    "workload": "replay", "systems": [{"system": "box"}], "replay": {"trace": "x"}})";
  std::ofstream(folder / "child.json")
      << R"({"schema": 1, "kind": "scenario", "name": "child", "extends": "base", "seed": 3})";
  Catalogue parts = catalogue();
  const auto [scenario, document] = parts.load_scenario((folder / "child.json").string());
  CHECK(scenario.seed == 3);
  CHECK(scenario.replay.trace ==
        (folder / "x").generic_string());  // the path starts at the file that gives it
  CHECK(message([&] {
          (void)parts.load_scenario((folder / "no.json").string());
        }).find("error[unreadable-file]: cannot read '") == 0);
}

TEST_CASE("roots are searched in order and the folder of schemas is skipped",
          "[config][catalogue]") {
  Catalogue parts(
      {.roots = {std::filesystem::path(XPUSIM_SOURCE_DIR) / "configs"}, .overrides = {}});
  CHECK(parts.list(PartKind::chip).size() > 3);
  for (const CatalogueEntry& entry : parts.list(PartKind::chip)) {
    CHECK(entry.file.find("/schema/") == std::string::npos);
  }
  CHECK(message([] {
          (void)Catalogue({.roots = {"no/such/root"}, .overrides = {}}).list(PartKind::chip);
        }) ==
        "error[unreadable-folder]: cannot read the folder 'no/such/root'\n"
        "  help: name the folder that holds chips/, systems/, ...");
}

TEST_CASE("every shipped part is valid and has its sources", "[config][catalogue]") {
  const std::filesystem::path top(XPUSIM_SOURCE_DIR);
  Catalogue parts({.roots = {top / "configs", top / "scenarios"}, .overrides = {}});
  for (const PartKind kind : all_part_kinds) {
    for (const CatalogueEntry& entry : parts.list(kind)) {
      CAPTURE(entry.name);
      CHECK(message([&] { parts.validate(kind, entry.name); }) == "no error");
      CHECK(render(missing_sources(parts.document(kind, entry.name))).empty());
    }
  }
}

TEST_CASE("a ledger that contradicts itself is refused at the place", "[config][validation]") {
  // What replaces what in a ledger that is right.
  struct Wrong {
    const char *from, *to, *code, *place;
  };
  const std::string right = R"({
  "schema": 1, "kind": "validation", "name": "t", "title": "T", "suite": "training", "source": "x",
  "scenario": "ask",
  "measures": [{"name": "time", "figure": "training.step_time_s", "unit": "s"}],
  "ordering": {"measure": "time", "by": "case", "within": ["model"], "bound": 0.9},
  "columns": [
    {"name": "case", "role": "text"},
    {"name": "model", "role": "set", "set": ["model"]},
    {"name": "s", "role": "measured", "measure": "time"}
  ],
  "rows": [["a", "tiny", "1"]]
})";
  const auto outcome = [](std::string text) {
    Catalogue parts = catalogue();
    parts.add_text("scenarios/validation/t.json", std::move(text));
    return message([&] { (void)parts.load<ValidationSpec>("t"); });
  };
  REQUIRE(outcome(right) == "no error");
  const Wrong all[] = {
      {R"([["a", "tiny", "1"]])", "[]", "no-rows", "t.json:11:11"},
      {R"("measure": "time", "by")", R"("measure": "tim", "by")", "unknown-measure", "t.json:5:"},
      {R"(["model"], "bound")", R"(["modle"], "bound")", "unknown-column", "t.json:5:"},
      {R"("name": "s", "role")", R"("name": "case", "role")", "bad-column", "t.json:9:5"},
      {R"("unit": "s")", R"("unit": "s", "comparison": "change")", "bad-column", "t.json:6:"},
  };
  for (const Wrong& w : all) {
    std::string text = right;
    text.replace(text.find(w.from), std::string(w.from).size(), w.to);
    const std::string what = outcome(text);
    INFO(what);
    CHECK(what.find(w.code) != std::string::npos);
    CHECK(what.find(w.place) != std::string::npos);
  }
}
