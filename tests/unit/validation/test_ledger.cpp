// Ledgers: rows to runs, errors by hand, writers.
#include <catch2/catch.hpp>

#include <filesystem>
#include <sstream>

#include "xpusim/diagnostic.hpp"
#include "xpusim/simulation.hpp"
#include "xpusim/validation.hpp"

using namespace xpusim;
using Catch::Matchers::Contains;

namespace {

LedgerColumn column(std::string name, LedgerRole role, std::vector<std::string> set = {},
                    std::string measure = {}) {
  return {std::move(name), role, std::move(set), std::move(measure)};
}

/// Three runs in milliseconds, one of them a calibration row, one only listed.
ValidationSpec sample() {
  ValidationSpec spec;
  spec.info.name = "sample";
  spec.info.title = "Sample";
  spec.suite = "tests";
  spec.source = "nobody";
  spec.scenario = "quickstart";
  LedgerMeasure time;
  time.name = "time";
  time.figure = "training.step_time_s";
  time.unit = "ms";
  time.scale = 1e-3;
  time.bound = 0.16;
  spec.measures = {time};
  spec.columns = {column("case", LedgerRole::text),
                  column("TP", LedgerRole::set, {"parallelism.tensor", "model.m.heads"}),
                  column("knobs", LedgerRole::overrides),
                  column("ms", LedgerRole::measured, {}, "time"),
                  column("status", LedgerRole::status),
                  column("note", LedgerRole::note)};
  spec.rows = {{"a", "2", "", "100", "", ""},
               {"b", "4", "training.recompute=full; training.micro_batch=2", "200", "assumed", "x"},
               {"c", "", "", "50", "calibration", ""},
               {"d", "", "", "70", "listed", "no layout"}};
  return spec;
}

std::string code_of(const ValidationSpec& spec) {
  try {
    const Ledger ledger(spec);
  } catch (const InputError& e) {
    return e.diagnostics().items().front().code;
  }
  return "";
}

}  // namespace

TEST_CASE("a ledger turns cells into overrides and asks for the figures it needs", "[validation]") {
  const Ledger ledger(sample());
  REQUIRE(ledger.jobs().size() == 3);  // the listed row needs no run
  CHECK(ledger.jobs()[0].overrides ==
        std::vector<std::string>{"parallelism.tensor=2", "model.m.heads=2"});
  CHECK(ledger.jobs()[1].overrides ==
        std::vector<std::string>{"parallelism.tensor=4", "model.m.heads=4",
                                 "training.recompute=full", "training.micro_batch=2"});
  CHECK(ledger.jobs()[2].overrides.empty());
  CHECK(ledger.jobs()[0].figures == std::vector<std::string>{"training.step_time_s"});
}

TEST_CASE("mean error, bias and worst row are those computed by hand, calibration scores nothing",
          "[validation][closed-form]") {
  Ledger ledger(sample());
  ledger.answer(0, {0.110});  // +10 %
  ledger.answer(1, {0.160});  // -20 %
  ledger.answer(2, {0.500});  // far off, not scored
  ledger.settle();
  const MeasureSummary s = ledger.summaries().at(0);
  CHECK(s.scored == 2);
  CHECK(s.missing == 0);
  CHECK(s.mean_error == Approx(0.15));
  CHECK(s.bias == Approx(-0.05));
  CHECK(s.worst == Approx(-0.20));
  CHECK(s.worst_row == "b");
  CHECK(s.bounded);
  CHECK(ledger.met());
}

TEST_CASE("a bound is missed by its error, and by a row that gave no prediction", "[validation]") {
  Ledger over(sample());
  over.answer(0, {0.130});
  over.answer(1, {0.160});
  over.answer(2, {0.050});
  over.settle();
  CHECK_FALSE(over.met());
  Ledger failed(sample());
  failed.answer(0, {0.100});
  failed.fail(1, "does not fit: needs more");
  failed.answer(2, {0.050});
  failed.settle();
  CHECK(failed.summaries()[0].missing == 1);
  CHECK_FALSE(failed.met());
  std::ostringstream text;
  write_ledgers(text, {failed}, LedgerFormat::table);
  CHECK_THAT(text.str(), Contains("not predicted: does not fit") && Contains("MISSED"));
}

TEST_CASE("a bound binds the rows whose inputs are all known", "[validation][closed-form]") {
  const auto settled = [](ValidationSpec spec, double bound) {
    spec.measures[0].bound = bound;
    Ledger ledger(std::move(spec));
    ledger.answer(0, {0.110});  // a: +10 %
    ledger.answer(1, {0.160});  // b: -20 %
    ledger.answer(2, {0.050});
    ledger.settle();
    return ledger;
  };
  // b is assumed: it counts in the mean of 15 % alone.
  MeasureSummary s = settled(sample(), 0.12).summaries().at(0);
  CHECK(s.scored == 2);
  CHECK(s.known == 1);
  CHECK(s.known_error == Approx(0.10));
  CHECK(s.mean_error == Approx(0.15));
  CHECK(s.bounded_error() == Approx(0.10));
  CHECK(s.met);
  CHECK_FALSE(settled(sample(), 0.09).met());
  // The other way round 20 % bind, though the mean is within 16 %.
  ValidationSpec other = sample();
  other.rows[0][4] = "assumed";
  other.rows[1][4] = "";
  s = settled(other, 0.16).summaries().at(0);
  CHECK(s.known == 1);
  CHECK(s.bounded_error() == Approx(0.20));
  CHECK_FALSE(s.met);
  // Nothing is known of any row: all of them bind.
  ValidationSpec none = sample();
  none.rows[0][4] = "assumed";
  s = settled(none, 0.16).summaries().at(0);
  CHECK(s.known == 0);
  CHECK(s.bounded_error() == Approx(0.15));
  CHECK(s.met);
  CHECK_FALSE(settled(none, 0.14).met());
}

TEST_CASE("writers tell the rows whose inputs are all known", "[validation]") {
  const auto text = [](const ValidationSpec& spec, LedgerFormat format) {
    Ledger ledger(spec);
    ledger.answer(0, {0.150});  // +50 %
    ledger.answer(1, {0.250});  // +25 %
    ledger.answer(2, {0.050});
    ledger.settle();
    std::ostringstream out;
    write_ledgers(out, {ledger}, format);
    return out.str();
  };
  CHECK_THAT(text(sample(), LedgerFormat::table),
             Contains("time: 2 scored, mean absolute error 37.50 %, bias +37.50 %, worst +50.0 % "
                      "(a); the 1 whose inputs are all known: 50.00 %; bound 16.00 %: MISSED"));
  CHECK_THAT(text(sample(), LedgerFormat::markdown),
             Contains("| inputs known |") && Contains("| 37.50 % | 1: 50.00 % |"));
  CHECK_THAT(text(sample(), LedgerFormat::json),
             Contains("\"inputs_known\": 1,") && Contains("\"inputs_known_error\": 0.5,"));
  // Where all are known or none is, the sentence has one figure.
  ValidationSpec all = sample(), none = sample();
  all.rows[1][4] = "";
  none.rows[0][4] = "assumed";
  CHECK_THAT(text(all, LedgerFormat::table), !Contains("whose inputs"));
  CHECK_THAT(text(all, LedgerFormat::json),
             Contains("\"inputs_known\": 2,") && Contains("\"inputs_known_error\": 0.375,"));
  CHECK_THAT(text(none, LedgerFormat::table), !Contains("whose inputs"));
  CHECK_THAT(text(none, LedgerFormat::json),
             Contains("\"inputs_known\": 0,") && Contains("\"inputs_known_error\": 0.0,"));
}

TEST_CASE("a difference subtracts the figure of a second run", "[validation][closed-form]") {
  ValidationSpec spec = sample();
  spec.measures[0].minus = {"model.m.layers=2"};
  Ledger ledger(spec);
  REQUIRE(ledger.jobs().size() == 6);  // each row twice
  CHECK(ledger.jobs()[1].overrides.back() == "model.m.layers=2");
  for (std::size_t i = 0; i < 6; ++i) ledger.answer(i, {i % 2 == 0 ? 0.3 : 0.2});
  ledger.settle();
  CHECK(ledger.rows()[0].cells[0].predicted == Approx(100));
}

TEST_CASE("changes: sign and size against the reference row", "[validation][closed-form]") {
  ValidationSpec spec = sample();
  spec.measures[0].comparison = LedgerComparison::change;
  spec.measures[0].bound = 0;
  spec.measures[0].wrong_signs = 0;
  spec.measures[0].factor = 1.5;
  spec.measures[0].share = 0.5;
  spec.columns.push_back(column("reference", LedgerRole::reference));
  spec.rows = {{"base", "", "", "100", "", "", ""},
               {"slower", "", "", "120", "", "", "base"},
               {"faster", "", "", "80", "", "", "base"}};
  Ledger ledger(spec);
  ledger.answer(0, {0.200});
  ledger.answer(1, {0.250});  // 1.25 for 1.20: log ratio 1.22 times, within 1.5
  ledger.answer(2, {0.210});  // 1.05 for 0.80: wrong sign
  ledger.settle();
  const MeasureSummary s = ledger.summaries()[0];
  CHECK(s.scored == 2);
  CHECK(s.wrong_signs == 1);
  CHECK(s.within == 1);
  CHECK(s.mean_error == Approx((1.25 / 1.20 - 1 + 1.05 / 0.80 - 1) / 2));
  CHECK_FALSE(ledger.met());
}

TEST_CASE("pairs that agree in `within` and differ in `by` are ordered", "[validation]") {
  ValidationSpec spec = sample();
  spec.ordering = LedgerOrdering{"time", "TP", {"knobs"}, 0.9};
  spec.rows = {{"a", "2", "k", "100", "", ""},
               {"b", "4", "k", "200", "", ""},
               {"c", "8", "other", "50", "", ""}};
  Ledger ledger(spec);
  for (std::size_t i = 0; i < 3; ++i) ledger.answer(i, {0.3 - 0.1 * static_cast<double>(i)});
  ledger.settle();
  REQUIRE(ledger.ordering());
  CHECK(ledger.ordering()->pairs == 1);
  CHECK(ledger.ordering()->right == 0);
  CHECK(ledger.ordering()->wrong == std::vector<std::string>{"a against b"});
  CHECK_FALSE(ledger.ordering()->met);
}

TEST_CASE("cells that cannot be read are refused by name", "[validation]") {
  ValidationSpec number = sample();
  number.rows[0][3] = "1oo";
  CHECK(code_of(number) == "bad-cell");
  ValidationSpec word = sample();
  word.rows[0][4] = "guessed";
  CHECK(code_of(word) == "bad-cell");
  ValidationSpec twice = sample();
  twice.rows[1][0] = "a";
  CHECK(code_of(twice) == "bad-cell");
  ValidationSpec reference = sample();
  reference.columns[5].role = LedgerRole::reference;
  reference.rows[0][5] = "nobody";
  CHECK(code_of(reference) == "bad-cell");
}

TEST_CASE("rows kept by name bring their reference along", "[validation]") {
  ValidationSpec spec = sample();
  spec.columns[5].role = LedgerRole::reference;
  for (auto& row : spec.rows) row[5] = "";
  spec.rows[1][5] = "c";
  Ledger ledger(spec);
  ledger.keep("b");
  REQUIRE(ledger.rows().size() == 2);
  CHECK(ledger.rows()[0].name == "b");
  CHECK(ledger.rows()[1].name == "c");
  CHECK(ledger.jobs().size() == 2);
}

TEST_CASE("every format shows a row, the plot has one point per scored value", "[validation]") {
  Ledger ledger(sample());
  ledger.answer(0, {0.110});
  ledger.answer(1, {0.160});
  ledger.answer(2, {0.050});
  ledger.settle();
  const auto text = [&](LedgerFormat format) {
    std::ostringstream out;
    write_ledgers(out, {ledger}, format, "plot.svg");
    return out.str();
  };
  CHECK_THAT(text(LedgerFormat::table), Contains("+10.0 %") && Contains("calibration"));
  CHECK_THAT(text(LedgerFormat::markdown), Contains("![Predicted over measured](plot.svg)") &&
                                               Contains("| d |") && Contains("no layout"));
  CHECK_THAT(text(LedgerFormat::csv), Contains("sample,a,time,ms,100,110,0.1,,\n"));
  CHECK_THAT(text(LedgerFormat::json), Contains("\"mean_absolute_error\": 0.15"));
  std::ostringstream svg;
  write_scatter_svg(svg, {ledger});
  const std::string drawn = svg.str();
  std::size_t points = 0;
  for (std::size_t at = drawn.find("<circle"); at != std::string::npos;
       at = drawn.find("<circle", at + 1))
    ++points;
  CHECK(points == 2);
}

TEST_CASE("every shipped ledger reads, and its figures exist", "[validation]") {
  const std::filesystem::path source = XPUSIM_SOURCE_DIR;
  Catalogue catalogue({{source / "configs", source / "scenarios"}, {}});
  std::size_t rows = 0;
  for (const CatalogueEntry& entry : catalogue.list(PartKind::validation)) {
    INFO(entry.name);
    const Ledger ledger(catalogue.load<ValidationSpec>(entry.name));
    for (const LedgerMeasure& m : ledger.spec().measures)
      CHECK_NOTHROW(figure(SystemResult(), m.figure));
    rows += ledger.rows().size();
  }
  CHECK(rows > 700);
}
