#include <algorithm>
#include <catch2/catch.hpp>
#include <sstream>

#include "sample.hpp"

using namespace xpusim;

namespace {

/// A reader after RFC 4180, section 2.
std::vector<std::vector<std::string>> parse_csv(const std::string& text) {
  std::vector<std::vector<std::string>> rows;
  std::vector<std::string> row(1);
  bool inside = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (inside) {
      if (c != '"') {
        row.back() += c;
      } else if (i + 1 < text.size() && text[i + 1] == '"') {
        row.back() += '"';
        ++i;
      } else {
        inside = false;
      }
    } else if (c == '"') {
      inside = true;
    } else if (c == ',') {
      row.emplace_back();
    } else if (c == '\r' && text.at(i + 1) == '\n') {
      rows.push_back(row);
      row.assign(1, "");
      ++i;
    } else {
      row.back() += c;
    }
  }
  CHECK(row == std::vector<std::string>{""});
  return rows;
}

std::vector<std::vector<std::string>> csv_of(const RunReport& run) {
  std::ostringstream out;
  write_report(out, run, ReportFormat::csv);
  return parse_csv(out.str());
}

}  // namespace

TEST_CASE("every kind of report has the same CSV columns", "[report][csv]") {
  const auto training = csv_of(training_report());
  CHECK(training.front() == csv_of(collective_report()).front());
  CHECK(training.front() == csv_of(replay_report()).front());
  for (const auto& row : training) CHECK(row.size() == training.front().size());
}

TEST_CASE("CSV texts with commas, quotes and line breaks read back", "[report][csv]") {
  RunReport run = training_report();
  run.results[2].error = "it said \"no, never\"\nand stopped";
  const auto rows = csv_of(run);
  REQUIRE(rows.size() == 4);
  const auto& names = rows[0];
  const auto column = std::find(names.begin(), names.end(), "error") - names.begin();
  CHECK(rows[3].at(static_cast<std::size_t>(column)) == "it said \"no, never\"\nand stopped");
}

TEST_CASE("CSV numbers are the shortest that read back to the same value", "[report][csv]") {
  RunReport run = training_report();
  run.results.resize(1);
  run.results[0].training->step_time_s = 0.1 + 0.2;
  const auto rows = csv_of(run);
  const auto& names = rows[0];
  const auto column = std::find(names.begin(), names.end(), "step_time_s") - names.begin();
  CHECK(rows[1].at(static_cast<std::size_t>(column)) == "0.30000000000000004");
}

TEST_CASE("a collective report is one CSV row per system and size", "[report][csv]") {
  CHECK(csv_of(collective_report()).size() == 1 + 4);
}
