#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>

#include "sample.hpp"
#include "xpusim/diagnostic.hpp"

using namespace xpusim;

namespace {

nlohmann::json json_of(const RunReport& run) {
  std::ostringstream out;
  write_report(out, run, ReportFormat::json);
  return nlohmann::json::parse(out.str());
}

}  // namespace

TEST_CASE("a result passes the pipe without loss", "[report][json]") {
  RunReport runs[]{training_report(), collective_report(), replay_report(), why_report()};
  for (const RunReport& run : runs) {
    for (const SystemResult& result : run.results) {
      const std::string text = report_to_json(result);
      CHECK(text.find('\n') == std::string::npos);
      CHECK(report_to_json(system_result_from_json(text)) == text);
    }
  }
}

TEST_CASE("every field survives the pipe", "[report][json]") {
  SystemResult sent = training_report().results[0];
  sent.training->step_time_s = 1.0 / 3.0;
  sent.training->mfu = 5e-324;
  sent.simulation.activities = std::numeric_limits<std::uint64_t>::max();
  sent.notes = {"\"quoted\"\nline", "caf\xc3\xa9"};
  const SystemResult got = system_result_from_json(report_to_json(sent));
  CHECK(got.system == "big-16");
  CHECK(got.chips == 16);
  CHECK(got.software == "cann-8");
  CHECK(got.parallelism == sent.parallelism);
  CHECK(got.planes == sent.planes);
  REQUIRE(got.training);
  CHECK(got.training->step_time_s == sent.training->step_time_s);
  CHECK(got.training->mfu == 5e-324);
  CHECK(got.training->breakdown_s.optimizer == 0.125);
  CHECK(got.training->memory_bytes_per_chip.capacity == 64e9);
  REQUIRE(got.power);
  CHECK(got.power->energy_j_by_component == sent.power->energy_j_by_component);
  CHECK(got.power->tokens_per_j == 2.048);
  REQUIRE(got.links);
  REQUIRE(got.links->tiers.size() == 2);
  CHECK(got.links->tiers[1].peak_utilization == 0.02);
  CHECK(got.links->hottest[1].link == "ub/device-up/4");
  CHECK(got.simulation.activities == sent.simulation.activities);
  CHECK(got.simulation.folded);
  CHECK_FALSE(got.simulation.wall_s);
  CHECK_FALSE(got.replay);
  CHECK(got.collective.empty());
  CHECK(got.notes == sent.notes);
}

TEST_CASE("sections that do not apply are absent, never null or zero", "[report][json]") {
  const auto json = json_of(training_report());
  const auto& results = json.at("results");
  CHECK_FALSE(results[0].contains("replay"));
  CHECK_FALSE(results[0].contains("collective"));
  CHECK_FALSE(results[0].contains("error"));
  CHECK_FALSE(results[0].at("simulation").contains("wall_s"));
  CHECK_FALSE(results[0].at("training").at("breakdown_s").contains("exposed_other"));
  CHECK(results[2] ==
        nlohmann::json(
            {{"system", "tiny-1"},
             {"chips", 0},
             {"error", "does not fit: 50 GB of 32 GB per chip, use more pipeline stages"}}));
  CHECK(json.dump().find("null") == std::string::npos);
}

TEST_CASE("infinities and NaN are texts in JSON and pass the pipe", "[report][json]") {
  RunReport run = training_report();
  run.results[0].training->mfu = std::numeric_limits<double>::quiet_NaN();
  run.results[0].training->hfu = -std::numeric_limits<double>::infinity();
  const auto training = json_of(run).at("results")[0].at("training");
  CHECK(training.at("mfu") == "NaN");
  CHECK(training.at("hfu") == "-Infinity");
  const SystemResult got = system_result_from_json(report_to_json(run.results[0]));
  CHECK(std::isnan(got.training->mfu));
  CHECK(got.training->hfu == -std::numeric_limits<double>::infinity());
}

TEST_CASE("the resolved configuration is part of the manifest as an object", "[report][json]") {
  const auto manifest = json_of(training_report()).at("manifest");
  CHECK(manifest.at("resolved").at("system").at("chips") == 16);
  CHECK(manifest.at("seed") == 7);
  RunReport run = training_report();
  run.manifest.resolved = std::string("{");
  CHECK_THROWS_AS(json_of(run), InternalError);
}

TEST_CASE("what is no result does not read back", "[report][json]") {
  CHECK_THROWS_AS(system_result_from_json(""), InternalError);
  CHECK_THROWS_AS(system_result_from_json("[]"), InternalError);
  CHECK_THROWS_AS(system_result_from_json(R"({"system": 3})"), InternalError);
  CHECK_THROWS_AS(system_result_from_json(R"({"training": 3})"), InternalError);
}
