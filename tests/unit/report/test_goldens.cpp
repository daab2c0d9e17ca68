#include <catch2/catch.hpp>
#include <sstream>

#include "approval.hpp"
#include "sample.hpp"

using namespace xpusim;

namespace {

std::string written(const RunReport& run, ReportFormat format) {
  std::ostringstream out;
  write_report(out, run, format);
  return out.str();
}

}  // namespace

TEST_CASE("a training report stands side by side with ratios to the baseline", "[report][golden]") {
  require_approved("training_table", written(training_report(), ReportFormat::table));
}

TEST_CASE("a training report reads as Markdown", "[report][golden]") {
  require_approved("training_markdown", written(training_report(), ReportFormat::markdown));
}

TEST_CASE("a training report follows the JSON contract", "[report][golden]") {
  require_approved("training_json", written(training_report(), ReportFormat::json));
}

TEST_CASE("a training report is one CSV row per system", "[report][golden]") {
  require_approved("training_csv", written(training_report(), ReportFormat::csv));
}

TEST_CASE("collective results are printed as nccl-tests prints them", "[report][golden]") {
  require_approved("collective_table", written(collective_report(), ReportFormat::table));
  require_approved("collective_markdown", written(collective_report(), ReportFormat::markdown));
  require_approved("collective_csv", written(collective_report(), ReportFormat::csv));
  require_approved("collective_json", written(collective_report(), ReportFormat::json));
}

TEST_CASE("a replay report shows traffic of no known purpose", "[report][golden]") {
  require_approved("replay_table", written(replay_report(), ReportFormat::table));
  require_approved("replay_json", written(replay_report(), ReportFormat::json));
}

TEST_CASE("a report that was asked why shows the path and what led to a task", "[report][golden]") {
  require_approved("why_table", written(why_report(), ReportFormat::table));
  require_approved("why_markdown", written(why_report(), ReportFormat::markdown));
  require_approved("why_csv", written(why_report(), ReportFormat::csv));
  require_approved("why_json", written(why_report(), ReportFormat::json));
}

TEST_CASE("a system that could not run gives no ratios as a baseline", "[report]") {
  RunReport run = training_report();
  run.baseline = "tiny-1";
  const std::string text = written(run, ReportFormat::table);
  CHECK(text.find("ratio") == std::string::npos);
  CHECK(text.find("tiny-1 could not run: does not fit: 50 GB of 32 GB per chip, use more pipeline "
                  "stages\n") != std::string::npos);
}

TEST_CASE("formats have the names of the command line", "[report]") {
  CHECK(parse_report_format("table") == ReportFormat::table);
  CHECK(parse_report_format("markdown") == ReportFormat::markdown);
  CHECK(parse_report_format("csv") == ReportFormat::csv);
  CHECK(parse_report_format("json") == ReportFormat::json);
  CHECK_FALSE(parse_report_format("Table"));
  CHECK_FALSE(parse_report_format(""));
}
