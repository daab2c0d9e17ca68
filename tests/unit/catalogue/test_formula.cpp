#include <catch2/catch.hpp>

#include "catalogue/formula.hpp"
#include "parts.hpp"

using namespace xpusim;
using namespace xpusim::catalogue_detail;
using Catch::Matchers::WithinRel;

namespace {

const FormulaNames names{[](std::string_view name, const SourceSpan& at) -> FigureValue {
                           if (name == "power") return {145000.0, DimensionOf<Watts>::value};
                           if (name == "peak") return {180e15, DimensionOf<FlopsPerSecond>::value};
                           if (name == "part.l1-switch.count") return {7.0, {}};
                           Diagnostics findings;
                           findings.error("unknown-figure", "no such name", at);
                           throw InputError(std::move(findings));
                         },
                         [](std::string_view title, const SourceSpan&) -> FigureValue {
                           return {title == "All-in power" ? 2.0 : 3.0, {}};
                         }};

double value(std::string_view formula) { return evaluate(FormulaText(formula, {}), names).value; }
std::string refusal(std::string_view formula) {
  return parts::refusal([&] { (void)evaluate(FormulaText(formula, {}), names); });
}
double in_unit(std::string_view formula, std::string_view unit) {
  const FigureValue result = evaluate(FormulaText(formula, {}), names),
                    one = evaluate_unit(unit, {});
  REQUIRE(result.dimension == one.dimension);
  return result.value / one.value;
}

}  // namespace

TEST_CASE("products bind before sums and both group from the left", "[catalogue][formula]") {
  CHECK(value("2 + 3 * 4") == 14.0);
  CHECK(value("20 - 3 - 4") == 13.0);
  CHECK(value("24 / 4 / 2") == 3.0);
  CHECK(value("24 / (4 / 2)") == 12.0);
  CHECK(value("-2 * -3") == 6.0);
  CHECK(value("1e3 + 2.5E-1") == 1000.25);
}

TEST_CASE("a quantity is a number with a unit in base units", "[catalogue][formula]") {
  CHECK(value("25 GB/s") == 25e9);
  CHECK(value("200 Gbit/s") == 25e9);
  CHECK(value("1 GiB") == 1073741824.0);
  CHECK(value("1 EB") == 1e18);
  CHECK(evaluate(FormulaText("145000 W", {}), names).dimension == DimensionOf<Watts>::value);
}

TEST_CASE("a slash without spaces joins a unit, one with spaces divides", "[catalogue][formula]") {
  CHECK(value("100 GB / 25 GB/s") == 4.0);
  CHECK(evaluate(FormulaText("100 GB / 25 GB/s", {}), names).dimension == Dimension{.time = 1});
}

TEST_CASE("a hyphen inside a name belongs to it", "[catalogue][formula]") {
  CHECK(value("part.l1-switch.count - 2") == 5.0);
}

TEST_CASE("rows are referred to by their title in brackets", "[catalogue][formula]") {
  CHECK(value("[All-in power] * [other]") == 6.0);
}

TEST_CASE("a compound unit divides what a formula gives", "[catalogue][formula]") {
  // 145,000 W / 180,000 TFLOP/s
  CHECK_THAT(in_unit("power / peak", "W/(TFLOP/s)"), WithinRel(145000.0 / 180000.0, 1e-12));
  // 145 kW / 13.824 TB
  CHECK_THAT(in_unit("power / 13.824 TB", "kW/TB"), WithinRel(145.0 / 13.824, 1e-12));
  CHECK_THAT(in_unit("1075200 Gbit/s", "TB/s"), WithinRel(134.4, 1e-12));
  CHECK_THAT(in_unit("0.25", "%"), WithinRel(25.0, 1e-12));
}

TEST_CASE("a sum of two dimensions is refused at its operator", "[catalogue][formula]") {
  CHECK(refusal("power + 3 TB") ==
        "formula:1:7: error[unit-mismatch]: '+' needs the same dimension on both sides, got watts "
        "and bytes\n"
        "  1 | power + 3 TB\n"
        "    |       ^ help: multiply or divide to bring both sides to one unit");
}

TEST_CASE("a formula that stops early says what is missing", "[catalogue][formula]") {
  CHECK(refusal("power / (peak") ==
        "formula:1:13: error[formula-syntax]: the formula ends where ')' is needed\n"
        "  1 | power / (peak\n"
        "    |             ^ help: a formula is names, numbers and quantities joined by + - * / "
        "and parentheses: "
        "\"system.peak.bf16 / system.power.max\"");
}

TEST_CASE("bits or bytes must be told apart in a formula", "[catalogue][formula]") {
  CHECK(refusal("power / 3 Gb") ==
        "formula:1:11: error[unknown-unit]: 'Gb' is not a unit\n"
        "  1 | power / 3 Gb\n"
        "    |           ^^ help: bits or bytes? write Gbit or GB");
}

TEST_CASE("a divisor of 0 is refused", "[catalogue][formula]") {
  CHECK(refusal("power / (2 - 2)") ==
        "formula:1:7: error[division-by-zero]: the divisor is 0\n"
        "  1 | power / (2 - 2)\n"
        "    |       ^^^^^^^^^ help: give the figure a value in its part, or quote the published "
        "cell");
}

TEST_CASE("other mistakes of formulas have their own place", "[catalogue][formula]") {
  for (const std::string_view formula :
       {"", "2 +", "2 3", "* 2", "(2", "2)", "1.2.3", "[x", "2 W 3", "a b", "$"}) {
    INFO(formula);
    CHECK(refusal(formula).find("error[") != std::string::npos);
  }
  CHECK(refusal(std::string(200, '(') + "1").find("nests deeper than 64 levels") !=
        std::string::npos);
}

TEST_CASE("published cells read back as numbers", "[catalogue][value]") {
  CHECK(parse_published("1,075,200") == 1075200.0);
  CHECK(parse_published("3.6x") == 3.6);
  CHECK(parse_published("12 %") == 0.12);
  CHECK(!parse_published("n/p"));
  CHECK(!parse_published("-"));
  CHECK(!parse_published(""));
}

TEST_CASE("a number format may group thousands", "[catalogue][value]") {
  CHECK(format_number(1075200.4, "{:,.0f}") == "1,075,200");
  CHECK(format_number(999.0, "{:,.0f}") == "999");
  CHECK(format_number(-1234.5, "{:,.1f}") == "-1,234.5");
  CHECK(format_number(1.664, "{:.1f}x") == "1.7x");
  CHECK(format_number(12.25, "") == "12.25");
  CHECK(!format_number(1.0, "one"));
  CHECK(!format_number(1.0, "{:d}"));
  CHECK(!format_number(1.0, "{:.0f} {:.0f}"));
}

TEST_CASE("figures print with an SI prefix, counts with grouped thousands, compounds in base units",
          "[catalogue][value]") {
  CHECK(format_figure({300e15, DimensionOf<FlopsPerSecond>::value}) == "300 PFLOP/s");
  CHECK(format_figure({16384.0, {}}) == "16,384");
  CHECK(format_figure({0.25, {}}) == "0.25");
  CHECK(format_figure({2e-12, {.flop = -1, .joule = 1}}) == "2 pJ/FLOP");
  CHECK(format_figure({295.2, {.byte = -1, .flop = 1}}) == "295.2 FLOP/B");
}
