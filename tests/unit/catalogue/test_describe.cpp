#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <sstream>

#include "parts.hpp"

using namespace xpusim;

namespace {

Catalogue small() {
  Catalogue catalogue;
  parts::add_whole(catalogue, parts::chip(), parts::system(R"(,
  "claims": [{"figure": "system.peak.bf16", "value": "4.04 PFLOP/s", "tolerance": 0.02, "source": "press release"}])"));
  return catalogue;
}
std::string described(std::string_view name, InfoFormat format = InfoFormat::text) {
  Catalogue catalogue = small();
  std::ostringstream out;
  write_description(out, catalogue, name, format);
  return out.str();
}
std::string listed(std::string_view kind, InfoFormat format = InfoFormat::text) {
  Catalogue catalogue = small();
  std::ostringstream out;
  write_list(out, catalogue, kind, format);
  return out.str();
}
bool holds(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a list of chips shows their main figures", "[catalogue][list]") {
  CHECK(listed("chips") ==
        "name  bf16         memory  bandwidth  scale-up  tdp    title\n"
        "---------------------------------------------------------------\n"
        "toy   500 TFLOP/s  80 GB   2 TB/s     200 GB/s  500 W  Toy chip\n");
}

TEST_CASE("a list as JSON holds numbers in base units under their figure's name",
          "[catalogue][list]") {
  const auto json = nlohmann::json::parse(listed("systems", InfoFormat::json));
  REQUIRE(json.size() == 1);
  CHECK(json[0]["name"] == "pair");
  CHECK(json[0]["system.chips"] == 8);
  CHECK(json[0]["system.peak.bf16"].get<double>() == Approx(4e15));
}

TEST_CASE("every kind that can be listed has named entries", "[catalogue][list]") {
  Catalogue catalogue = parts::shipped();
  for (const std::string& kind : listable_kinds()) {
    INFO(kind);
    std::ostringstream out;
    write_list(out, catalogue, kind, InfoFormat::json);
    const auto json = nlohmann::json::parse(out.str());
    CHECK(!json.empty());
    CHECK(json[0]["name"].is_string());
  }
}

TEST_CASE("an unknown kind gets the nearest", "[catalogue][list]") {
  CHECK(parts::refusal([] { (void)listed("chps"); }) ==
        "error[unknown-kind]: 'chps' is nothing that can be listed\n  help: did you mean 'chips'?");
}

TEST_CASE("a part is described with sources, figures, claims and who uses it",
          "[catalogue][describe]") {
  const std::string text = described("pair");
  CHECK(holds(text,
              "pair (system)\nTwo nodes\nfile: systems/pair.json\nuses: chip toy, link wire\n"));
  CHECK(holds(text, "[vendor] test sheet"));
  CHECK(holds(text,
              "system.peak.bf16            4 PFLOP/s  chips * chip.peak.bf16 = 8 * 500 TFLOP/s"));
  CHECK(holds(text,
              "system.peak.bf16  4.04 PFLOP/s  derived 4 PFLOP/s  -0.99 %  holds  press release"));
}

TEST_CASE("a chip's description shows alternatives and its users", "[catalogue][describe]") {
  const std::string text = described("toy");
  CHECK(holds(text, "used by: system pair\n"));
  CHECK(holds(text, "press  peak.bf16  600 TFLOP/s  a newspaper; not used: sparse"));
  CHECK(holds(text, "power.tdp"));
  CHECK(holds(text, "[measured] our meter"));
}

TEST_CASE("a description as JSON carries derived values in base units and the deviation of claims",
          "[catalogue][describe]") {
  const auto json = nlohmann::json::parse(described("pair", InfoFormat::json));
  CHECK(json["kind"] == "system");
  CHECK(json["claims"][0]["deviation"].get<double>() == Approx(4 / 4.04 - 1));
  CHECK(json["claims"][0]["holds"] == true);
  bool found = false;
  for (const auto& figure : json["figures"]) {
    if (figure["name"] != "system.power.max") continue;
    found = true;
    CHECK(figure["value"].get<double>() == Approx(6375));
    CHECK(figure["unit"] == "W");
  }
  CHECK(found);
}

TEST_CASE("collectives, shapes, figures, rules and fields are described by name",
          "[catalogue][describe]") {
  CHECK(holds(described("ring"), "ring (collective algorithm)"));
  CHECK(holds(described("torus"), "torus (shape of a plane)"));
  CHECK(described("system.chips") ==
        "system.chips (derived figure)\n"
        "  description: Packages of the system.\n"
        "  unit: a count\n"
        "  formula: nodes * chips_per_node\n");
  CHECK(holds(described("system.peak.bf16"), "system.peak.<format> (derived figure)"));
  CHECK(holds(described("claim-mismatch"), "exit code: 1"));
  CHECK(holds(described("claim-mismatch"), "example: claim system.peak.bf16 = 310 PFLOP/s"));
  CHECK(holds(described("chip.units.count"), "field of a chip"));
}

TEST_CASE("an unknown name gets the nearest", "[catalogue][describe]") {
  CHECK(parts::refusal([] { (void)described("claim-mismatched"); }) ==
        "error[unknown-name]: nothing is called 'claim-mismatched'\n  help: did you mean "
        "'claim-mismatch'?");
}

TEST_CASE("a name of two kinds must say which", "[catalogue][describe]") {
  Catalogue catalogue = small();
  std::string link = parts::link();
  const std::string wire = R"("name": "wire")";
  link.replace(link.find(wire), wire.size(), R"("name": "toy")");
  catalogue.add_text("links/toy.json", link);
  std::ostringstream out;
  CHECK(parts::refusal([&] { write_description(out, catalogue, "toy"); }) ==
        "error[ambiguous-name]: 'toy' is a chip and a link\n  help: write chip:toy");
  CHECK_NOTHROW(write_description(out, catalogue, "link:toy"));
}

TEST_CASE("every shipped part can be described", "[catalogue][describe]") {
  Catalogue catalogue = parts::shipped();
  for (const PartKind kind : all_part_kinds) {
    for (const CatalogueEntry& entry : catalogue.list(kind)) {
      INFO(entry.file);
      std::ostringstream out;
      CHECK_NOTHROW(
          write_description(out, catalogue, std::string(kind_word(kind)) + ":" + entry.name));
    }
  }
}
