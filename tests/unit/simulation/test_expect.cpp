#include <catch2/catch.hpp>

#include "xpusim/simulation.hpp"

using namespace xpusim;

namespace {
SystemResult ten_second_step() {
  SystemResult result;
  result.system = "a";
  result.training.emplace().step_time_s = 10;
  return result;
}
}  // namespace

TEST_CASE("an expectation that holds is silent, one that does not is a sentence", "[simulation]") {
  ScenarioSpec scenario;
  scenario.expect = {{"training.step_time_s", "<= 10"}};
  CHECK(missed_expectations(scenario, ten_second_step()).empty());
  scenario.expect = {{"training.step_time_s", "< 10"}};
  CHECK(missed_expectations(scenario, ten_second_step()) ==
        std::vector<std::string>{"a: training.step_time_s is 10, expected < 10"});
}

TEST_CASE("an expectation of a metric that does not exist names the nearest", "[simulation]") {
  ScenarioSpec scenario;
  scenario.expect = {{"training.step_time", "< 10"}};
  try {
    (void)missed_expectations(scenario, ten_second_step());
    FAIL("must refuse");
  } catch (const InputError& e) {
    CHECK(render(e.diagnostics()) ==
          "error[unknown-metric]: expect: no metric 'training.step_time'\n"
          "  help: did you mean 'training.step_time_s'?");
  }
}

TEST_CASE("an expectation that is no bound is refused", "[simulation]") {
  ScenarioSpec scenario;
  scenario.expect = {{"training.step_time_s", "about 10"}};
  CHECK_THROWS_AS(missed_expectations(scenario, ten_second_step()), InputError);
}
