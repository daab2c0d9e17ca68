// Critical path and timeline of whole runs on the shipped catalogue.
#include <fmt/core.h>
#include <catch2/catch.hpp>
#include <sstream>

#include "scenarios.hpp"
#include "support/trace_events.hpp"
#include "xpusim/timeline.hpp"

using namespace xpusim;
using namespace xpusim::test;
using Catch::Matchers::WithinAbs;
using Catch::Matchers::WithinRel;

namespace {

/// Simulates in a child with questions; the timeline's text, if asked, follows the result.
std::pair<SystemResult, std::string> ask(const ScenarioSpec& scenario, Insight insight,
                                         std::uint64_t max_events = 0, std::size_t index = 0,
                                         const std::vector<std::string>& overrides = {}) {
  const std::string text = forked([&] {
    Catalogue catalogue({{kConfigs, kScenarios}, overrides});
    std::ostringstream drawn;
    if (max_events > 0) {
      insight.timeline = [&](const TimelineInput& input) {
        write_timeline(drawn, input, {max_events});
      };
    }
    const SystemResult result = simulate(resolve_run(catalogue, scenario, index), insight);
    return report_to_json(result) + '\n' + drawn.str();
  });
  const std::size_t line = text.find('\n');
  return {system_result_from_json(text.substr(0, line)), text.substr(line + 1)};
}

ScenarioSpec load(const std::string& path) {
  Catalogue catalogue({{kConfigs, kScenarios}, {}});
  return catalogue.load_scenario(kScenarios + "/" + path).first;
}

/// A small step with pipeline, tensor and data parallelism on 16 chips.
ScenarioSpec small_step(Folding folding) {
  ScenarioSpec scenario = training_scenario("dgx-h100", "llama-3.1-8b");
  scenario.systems[0].nodes = 2;
  scenario.training.global_batch = 16;
  scenario.parallelism.tensor = 4;
  scenario.parallelism.pipeline = 2;
  scenario.parallelism.data = 2;
  scenario.folding = folding;
  return scenario;
}

double sum_of(const CriticalPathResult& path) {
  double seconds = 0;
  for (const PathSegment& s : path.segments) seconds += s.seconds;
  return seconds;
}

double mean_kernel_seconds(const SystemResult& r) {
  const TrainingResult::Breakdown& b = r.training ? r.training->breakdown_s : r.replay->breakdown_s;
  return b.compute + b.optimizer;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

}  // namespace

TEST_CASE("the critical path of every shipped training scenario sums to the step time",
          "[simulation][path]") {
  for (const char* path : {"training/quickstart.json", "training/deepseek-v3-cloudmatrix.json",
                           "training/megatron-175b-64-a100.json"}) {
    const ScenarioSpec scenario = load(path);
    for (std::size_t i = 0; i < scenario.systems.size(); ++i) {
      INFO(path << " " << scenario.systems[i].system);
      const SystemResult r = ask(scenario, {true, {"last"}, {}}, 0, i).first;
      REQUIRE(r.training);
      REQUIRE(r.critical_path);
      CHECK_THAT(r.critical_path->total_s, WithinRel(r.training->step_time_s, 1e-12));
      CHECK_THAT(sum_of(*r.critical_path), WithinRel(r.training->step_time_s, 1e-9));
      double kernels = 0, segments = 0;
      for (const KernelTime& k : r.critical_path->kernels) kernels += k.seconds;
      for (const PathSegment& s : r.critical_path->segments) {
        if (s.cause == "kernel") segments += s.seconds;
      }
      CHECK_THAT(kernels, WithinRel(segments, 1e-9));
      double shares = 0;
      for (const PathSegment& s : r.critical_path->segments) {
        CHECK(s.seconds > 0);
        CHECK(s.count > 0);
        CHECK(s.stage);
        CHECK_FALSE(s.rank);
        shares += s.share;
      }
      CHECK_THAT(shares, WithinRel(1.0, 1e-9));
      REQUIRE(r.explain.size() == 1);
      CHECK_THAT(r.explain[0].end_s, WithinRel(r.training->step_time_s, 1e-12));
      double chain = 0, at = 0;
      for (const ChainResult& link : r.explain[0].chain) {
        CHECK(link.from_s == at);  // links touch
        at = link.to_s;
        chain += link.seconds;
      }
      CHECK_THAT(chain, WithinRel(r.explain[0].end_s, 1e-9));
    }
  }
}

TEST_CASE("questions change no figure, and without them the report has no answers",
          "[simulation][path]") {
  const ScenarioSpec scenario = small_step(Folding::on);
  SystemResult asked = ask(scenario, {true, {"last", "0"}, {}}, 10000).first;
  const SystemResult plain = ask(scenario, {}).first;
  CHECK(asked.explain.size() == 2);
  asked.critical_path.reset();
  asked.explain.clear();
  CHECK(report_to_json(asked) == report_to_json(plain));
}

TEST_CASE("a folded run waits for the same as the unfolded one", "[simulation][path]") {
  const SystemResult folded = ask(small_step(Folding::on), {true, {}, {}}).first;
  const SystemResult unfolded = ask(small_step(Folding::off), {true, {}, {}}).first;
  REQUIRE(folded.simulation.folded);
  REQUIRE_FALSE(unfolded.simulation.folded);
  const auto by_cause = [](const SystemResult& r, const std::string& cause) {
    double seconds = 0;
    for (const PathSegment& s : r.critical_path->segments) {
      if (s.cause == cause) seconds += s.seconds;
    }
    return seconds;
  };
  for (const char* cause : {"kernel", "latency", "transfer", "host"})
    CHECK_THAT(by_cause(folded, cause), WithinRel(by_cause(unfolded, cause), 1e-6));
}

TEST_CASE("the critical path of a replay sums to its makespan at every fidelity",
          "[simulation][path][replay]") {
  for (const Fidelity fidelity : {Fidelity::flow, Fidelity::fluid, Fidelity::analytic}) {
    ScenarioSpec scenario = load("replay/gpt-tp2-dp2.json");
    scenario.network.fidelity = fidelity;
    scenario.folding = Folding::off;
    const SystemResult r = ask(scenario, {true, {"dp_0@2"}, {}}).first;
    REQUIRE(r.replay);
    CHECK_THAT(sum_of(*r.critical_path), WithinRel(r.replay->makespan_s, 1e-9));
    CHECK(r.critical_path->segments.front().rank);
    REQUIRE(r.explain.size() == 1);
    CHECK(r.explain[0].rank == 2);
    CHECK(r.explain[0].members.size() == 2);
  }
}

TEST_CASE("the timeline of a training step is valid and agrees with the report",
          "[simulation][timeline]") {
  for (const Folding folding : {Folding::on, Folding::off}) {
    const auto [r, text] = ask(small_step(folding), {}, 1'000'000);
    const TraceEvents t = check_trace_events(text);
    INFO(joined(t.faults));
    CHECK(t.faults.empty());
    const double step_us = r.training->step_time_s * 1e6;
    CHECK(t.count.at("s") == t.count.at("f"));
    CHECK(t.count.at("s") > 0);
    CHECK(t.other["ranks_written"] == t.other["ranks"]);
    CHECK(t.other["slices_left_out"] == 0);
    // Kernels of a rank run one at a time: slices of its compute thread are its kernel time.
    double kernels = 0;
    std::size_t ranks = 0;
    for (const auto& [thread, name] : t.threads) {
      if (name != "compute") continue;
      kernels += t.busy_us.at(thread);
      ++ranks;
    }
    CHECK(ranks == (folding == Folding::on ? 2 : 16));
    CHECK_THAT(kernels / static_cast<double>(ranks) / 1e6, WithinRel(mean_kernel_seconds(r), 1e-6));
    // Counters hold the report's means.
    REQUIRE(t.counters.contains("power [watts]"));
    CHECK_THAT(mean_of(t.counters.at("power [watts]"), step_us), WithinRel(r.power->mean_w, 1e-3));
    for (const TierResult& tier : r.links->tiers) {
      if (tier.bytes <= 0) continue;
      INFO(tier.plane << "/" << tier.tier);
      const auto counter = t.counters.find(tier.plane + "/" + tier.tier + " [percent]");
      REQUIRE(counter != t.counters.end());
      CHECK_THAT(mean_of(counter->second, step_us) / 100, WithinRel(tier.mean_utilization, 1e-3));
    }
    CHECK(t.counters.contains("link " + r.links->hottest.front().link + " [percent]"));
    if (folding == Folding::on)
      CHECK(t.processes.at(1) ==
            "device 0 (rank 0, stage 0, \xc3\x97"
            "8)");
  }
}

TEST_CASE("the timeline of a replay is valid at every fidelity", "[simulation][timeline][replay]") {
  for (const Fidelity fidelity : {Fidelity::flow, Fidelity::fluid, Fidelity::analytic}) {
    ScenarioSpec scenario = load("replay/gpt-tp2-dp2.json");
    scenario.network.fidelity = fidelity;
    scenario.folding = Folding::off;
    const auto [r, text] = ask(scenario, {}, 1'000'000);
    const TraceEvents t = check_trace_events(text);
    INFO(joined(t.faults));
    CHECK(t.faults.empty());
    double kernels = 0;
    for (const auto& [thread, name] : t.threads) {
      if (name == "compute") kernels += t.busy_us.at(thread);
    }
    CHECK_THAT(kernels / 4 / 1e6, WithinRel(mean_kernel_seconds(r), 1e-4));
  }
}

TEST_CASE("a timeline beyond its limit leaves ranks out and says so", "[simulation][timeline]") {
  const ScenarioSpec scenario = small_step(Folding::off);
  const auto events = [](const TraceEvents& t) {
    std::size_t all = 0;
    for (const auto& [ph, count] : t.count) all += count;
    return all;
  };
  const TraceEvents whole = check_trace_events(ask(scenario, {}, 1'000'000).second);
  const std::size_t limit = events(whole) / 2;
  const TraceEvents half = check_trace_events(ask(scenario, {}, limit).second);
  INFO(joined(half.faults));
  CHECK(half.faults.empty());
  CHECK(events(half) <= limit);
  CHECK(half.other["ranks"] == 16);
  CHECK(half.other["ranks_written"] < 16);
  CHECK(half.other["ranks_cut"] == 0);
  CHECK(half.count.at("X") + half.other["slices_left_out"].get<std::size_t>() ==
        whole.count.at("X"));
  const TraceEvents little = check_trace_events(ask(scenario, {}, 1000).second);
  INFO(joined(little.faults));
  CHECK(little.faults.empty());
  CHECK(events(little) <= 1000);
  CHECK(little.other["ranks_written"] == 1);
  CHECK(little.other["ranks_cut"] == 1);
  CHECK(little.count.at("X") + little.other["slices_left_out"].get<std::size_t>() ==
        whole.count.at("X"));
}

TEST_CASE("a collective sweep has no tasks to ask about", "[simulation][refusal]") {
  ScenarioSpec scenario;
  scenario.kind = ScenarioKind::collective;
  scenario.systems.resize(1);
  scenario.systems[0].system = "dgx-h100";
  scenario.collective.type = "ALL_REDUCE";
  scenario.collective.bytes = {1024};
  CHECK_THROWS_WITH(
      ask(scenario, {true, {}, {}}),
      Catch::Matchers::Contains("a collective sweep has no tasks to explain or draw"));
}

TEST_CASE("the check of a timeline finds what is wrong with one", "[timeline]") {
  const auto faults = [](const std::string& events) {
    return joined(
        check_trace_events("{\"displayTimeUnit\":\"ms\",\"traceEvents\":[" + events + "]}").faults);
  };
  const std::string names =
      R"({"ph":"M","name":"process_name","pid":1,"tid":0,"args":{"name":"p"}},)"
      R"({"ph":"M","name":"thread_name","pid":1,"tid":1,"args":{"name":"t"}},)";
  const std::string slice = R"({"ph":"X","name":"a","cat":"c","pid":1,"tid":1,"ts":0,"dur":2},)";
  const std::string start = R"({"ph":"s","name":"n","cat":"f","id":1,"pid":1,"tid":1,"ts":2})";
  using Catch::Matchers::Contains;
  CHECK(faults(names + slice + R"({"ph":"X","name":"b","cat":"c","pid":1,"tid":1,"ts":2,"dur":0})")
            .empty());
  CHECK_THAT(
      faults(names + slice + R"({"ph":"X","name":"b","cat":"c","pid":1,"tid":1,"ts":1.5,"dur":1})"),
      Contains("slices overlap"));
  CHECK_THAT(faults(names + R"({"ph":"X","name":"b","cat":"c","pid":1,"tid":1,"ts":1,"dur":-1})"),
             Contains("slice without a duration"));
  CHECK_THAT(faults(R"({"ph":"X","name":"b","cat":"c","pid":1,"tid":1,"ts":1,"dur":1})"),
             Contains("thread without a name") && Contains("process without a name"));
  CHECK_THAT(faults(names + slice + start), Contains("arrow without an end"));
  CHECK_THAT(faults(names + slice + start +
                    R"(,{"ph":"f","name":"n","cat":"f","id":1,"pid":1,"tid":1,"ts":1})"),
             Contains("arrow back in time"));
  CHECK_THAT(faults(names + R"({"ph":"C","name":"c","pid":1,"tid":0,"ts":0,"args":{"v":"x"}})"),
             Contains("counter that is no number"));
  CHECK_THAT(faults(names + R"({"ph":"Q","name":"c","pid":1,"tid":0,"ts":0})"),
             Contains("unknown type"));
}
