#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <sstream>

#include "parts.hpp"

using namespace xpusim;

namespace {

std::string table(const std::string& rows, const std::string& notes = "") {
  return R"({"schema": 1, "kind": "table", "name": "t", "title": "Press & parts",
  "columns": [
    {"title": "Parts", "part": "system:pair"},
    {"title": "Press", "part": "system:pair", "alternatives": ["press"]},
    {"title": "Ratio", "ratio_of": "Press", "ratio_to": "Parts"}
  ],
  "rows": [)" +
         rows + "]" + notes + "}";
}
const std::string two_rows = R"rows(
    {"title": "Peak", "unit": "TFLOP/s", "format": "{:,.0f}", "ratio_format": "{:.2f}x", "formula": "system.peak.bf16"},
    {"title": "Power", "unit": "kW", "format": "{:.1f}", "formula": "system.power.max",
     "cells": {"Press": {"quote": "7.0", "source": "a newspaper"}}},
    {"title": "Power per peak", "unit": "W/(TFLOP/s)", "format": "{:.3f}", "formula": "[Power] / [Peak]"})rows";

ComparisonTable build(const std::string& text) {
  Catalogue catalogue;
  parts::add_whole(catalogue);
  catalogue.add_text("tables/t.json", text);
  return build_comparison_table(catalogue, "t");
}
std::string written(const ComparisonTable& table, ComparisonFormat format) {
  std::ostringstream out;
  write_comparison_table(out, table, format);
  return out.str();
}
std::string refusal(const std::string& rows) {
  return parts::refusal([&] { (void)build(table(rows)); });
}

}  // namespace

TEST_CASE("a CSV table holds cells as printed, quoted where they hold a comma",
          "[catalogue][table]") {
  // 8 * 500, 8 * 600; 5100 / 0.8 W; 6375 / 4000, 7000 / 4800
  CHECK(written(build(table(two_rows)), ComparisonFormat::csv) ==
        "row,Parts,Press,Ratio\n"
        "Peak (TFLOP/s),\"4,000\",\"4,800\",1.20x\n"
        "Power (kW),6.4,7.0,1.1x\n"
        "Power per peak (W/(TFLOP/s)),1.594,1.458,0.9x\n");
}

TEST_CASE("ratios come from unrounded values", "[catalogue][table]") {
  const ComparisonTable built =
      build(table(R"({"title": "Small", "unit": "EFLOP/s", "format": "{:.3f}",
      "ratio_format": "{:.4f}x", "formula": "system.peak.bf16"})"));
  CHECK(built.rows[0].cells[0].text == "0.004");
  CHECK(built.rows[0].cells[1].text == "0.005");
  CHECK(built.rows[0].cells[2].text == "1.2000x");
}

TEST_CASE("a quoted cell has a footnote that says what its parts give", "[catalogue][table]") {
  const ComparisonTable built = build(table(two_rows));
  const ComparisonCell& cell = built.rows[1].cells[1];
  CHECK(cell.quoted);
  REQUIRE(cell.footnotes.size() == 1);
  CHECK(built.footnotes[static_cast<std::size_t>(cell.footnotes[0] - 1)] ==
        "as published: a newspaper; its parts give 6.4");
}

TEST_CASE("footnotes name sources with their confidence and the alternatives used",
          "[catalogue][table]") {
  const ComparisonTable built = build(table(two_rows, R"(, "notes": ["A toy."])"));
  CHECK(built.footnotes == std::vector<std::string>{
                               "test sheet (vendor)",
                               "peak.bf16 of toy as 'press' gives it, 600 TFLOP/s: a newspaper",
                               "our meter (measured)",
                               "as published: a newspaper; its parts give 6.4",
                               "A toy.",
                           });
}

TEST_CASE("a terminal table is aligned and marks quoted cells", "[catalogue][table]") {
  CHECK(written(build(table(two_rows)), ComparisonFormat::table) ==
        "Press & parts\n\n"
        "                              Parts  Press  Ratio\n"
        "-------------------------------------------------\n"
        "Peak (TFLOP/s)                4,000  4,800  1.20x\n"
        "Power (kW)                      6.4   7.0*   1.1x\n"
        "Power per peak (W/(TFLOP/s))  1.594  1.458   0.9x\n"
        "\n* as published, not derived from the parts\n"
        "\nSources and notes\n"
        "  [1] test sheet (vendor)\n"
        "  [2] peak.bf16 of toy as 'press' gives it, 600 TFLOP/s: a newspaper\n"
        "  [3] our meter (measured)\n"
        "  [4] as published: a newspaper; its parts give 6.4\n");
}

TEST_CASE("Markdown, LaTeX and HTML escape their own characters", "[catalogue][table]") {
  const ComparisonTable built = build(table(two_rows));
  CHECK(written(built, ComparisonFormat::markdown)
            .find("| Peak (TFLOP/s) | 4,000 <sup>1</sup> | 4,800") != std::string::npos);
  CHECK(written(built, ComparisonFormat::latex).find("\\caption{Press \\& parts}") !=
        std::string::npos);
  CHECK(written(built, ComparisonFormat::latex)
            .find("Power (kW) & 6.4$^{1,3}$ & 7.0$^{4}$ & 1.1x \\\\\n") != std::string::npos);
  CHECK(written(built, ComparisonFormat::html).find("<h1>Press &amp; parts</h1>") !=
        std::string::npos);
  CHECK(written(built, ComparisonFormat::html).find("<td class=\"q\">7.0<sup>4</sup></td>") !=
        std::string::npos);
}

TEST_CASE("a JSON table carries text and unrounded value", "[catalogue][table]") {
  const auto json = nlohmann::json::parse(written(build(table(two_rows)), ComparisonFormat::json));
  CHECK(json["rows"][0]["cells"][0]["text"] == "4,000");
  CHECK(json["rows"][1]["cells"][0]["value"].get<double>() == Approx(6.375));
  CHECK(json["rows"][1]["cells"][1]["quoted"] == true);
  CHECK(json["rows"][0]["unit"] == "TFLOP/s");
}

TEST_CASE("every format has its word", "[catalogue][table]") {
  for (const std::string_view word : {"table", "markdown", "csv", "json", "latex", "html"}) {
    CHECK(parse_comparison_format(word).has_value());
  }
  CHECK(!parse_comparison_format("excel"));
}

TEST_CASE("a cell without a formula is a dash, and so is its ratio", "[catalogue][table]") {
  const ComparisonTable built =
      build(table(R"({"title": "X", "cells": {"Parts": {"formula": "chips"}}})"));
  CHECK(built.rows[0].cells[0].text == "8");
  CHECK(built.rows[0].cells[1].text == "-");
  CHECK(built.rows[0].cells[2].text == "-");
}

TEST_CASE("a formula of another dimension than its row is refused at the formula",
          "[catalogue][table]") {
  CHECK(refusal(R"({"title": "Peak", "unit": "TB", "formula": "system.peak.bf16"})")
            .find("error[unit-mismatch]: row 'Peak' is printed in \"TB\", and its formula gives "
                  "operations per second\n") != std::string::npos);
}

TEST_CASE("a mistake inside a formula is shown at its place in the table's file",
          "[catalogue][table]") {
  const std::string text =
      refusal("{\"title\": \"Peak\",\n \"formula\": \"chips + system.power.max\"}");
  CHECK(text.find("tables/t.json:8:20: error[unit-mismatch]: '+' needs the same dimension on both "
                  "sides, got a plain "
                  "number and watts\n"
                  "  8 |  \"formula\": \"chips + system.power.max\"}") != std::string::npos);
}

TEST_CASE("rows that refer to each other are refused", "[catalogue][table]") {
  CHECK(refusal(R"({"title": "A", "formula": "[B]"}, {"title": "B", "formula": "[A]"})")
            .find("error[formula-cycle]: row 'A' refers to itself") != std::string::npos);
}

TEST_CASE("everything wrong in a table is reported at once", "[catalogue][table]") {
  const std::string text =
      refusal(R"({"title": "A", "formula": "sytem.chips"}, {"title": "B", "formula": "[C]"},
      {"title": "D", "formula": "chips", "format": "{:q}"})");
  CHECK(text.find("error[unknown-figure]") != std::string::npos);
  CHECK(text.find("error[unknown-row]: the table has no row 'C'") != std::string::npos);
  CHECK(text.find("error[bad-format]: '{:q}' is not a number format") != std::string::npos);
}

TEST_CASE("a column must name a part that exists and an alternative that it has",
          "[catalogue][table]") {
  const auto columns = [](const std::string& column) {
    return parts::refusal([&] {
      (void)build(R"({"schema": 1, "kind": "table", "name": "t", "columns": [)" + column +
                  R"(], "rows": [{"title": "A", "formula": "chips"}]})");
    });
  };
  CHECK(columns(R"({"title": "x", "part": "system:pear"})")
            .find("error[unknown-system]: no system is called 'pear'") != std::string::npos);
  CHECK(columns(R"({"title": "x", "part": "galaxy:pair"})") != "no error");
  CHECK(columns(R"({"title": "x", "part": "pair"})") != "no error");
  CHECK(columns(R"({"title": "x", "part": "system:pair", "alternatives": ["pres"]})")
            .find("error[unknown-alternative]") != std::string::npos);
  CHECK(
      columns(
          R"({"title": "x", "part": "system:pair"}, {"title": "r", "ratio_of": "x", "ratio_to": "y"})")
          .find("error[unknown-column]: the table has no column 'y'") != std::string::npos);
}
