// Jobs side by side, messages through hashed paths, and traces that runs leave behind.
#include <fmt/core.h>
#include <catch2/catch.hpp>

#include "scenarios.hpp"
#include "support/temporary_folder.hpp"
#include "trace_files.hpp"
#include "xpusim/metrics.hpp"

using namespace xpusim;
using namespace xpusim::test;
using Catch::Contains;
using Catch::Matchers::WithinRel;

namespace {

/// Replay scenarios of one ring all-reduce each, and a scenario that runs several of them.
class Jobs {
 public:
  Jobs(std::uint32_t ranks, std::uint64_t bytes, std::string system = "dgx-h100-cluster",
       std::vector<std::string> overrides = {})
      : system_(std::move(system)), overrides_(std::move(overrides)) {
    ChakraFile file;
    file.add(collective(ChakraCollective::all_reduce, bytes), "all-reduce");
    for (std::uint32_t r = 0; r < ranks; ++r) write_file(folder_ / fmt::format("t.{}.et", r), file);
    folder_.write("one.json", R"({"schema": 1, "kind": "scenario", "name": "one", "question": "?",)"
                              R"( "workload": "replay", "replay": {"trace": "t"},)"
                              R"( "systems": [{"system": "dgx-h100"}]})");
  }

  [[nodiscard]] SystemResult run(const std::string& jobs, const std::string& extra = "",
                                 std::optional<std::size_t> only = {}) const {
    folder_.write("jobs.json",
                  fmt::format(R"({{"schema": 1, "kind": "scenario", "name": "jobs",)"
                              R"( "question": "?", "workload": "jobs", "jobs": [{}]{},)"
                              R"( "systems": [{{"system": "{}"}}]}})",
                              jobs, extra, system_));
    const std::string path = folder_ / "jobs.json";
    return system_result_from_json(forked([&] {
      Catalogue catalogue({{kConfigs}, overrides_});
      const auto [scenario, document] = catalogue.load_scenario(path);
      RunInput input = resolve_run(catalogue, scenario, 0);
      input.only_job = only;
      return report_to_json(simulate(input));
    }));
  }

 private:
  TemporaryFolder folder_;
  std::string system_;
  std::vector<std::string> overrides_;
};

constexpr const char* kTwo = R"({"name": "a", "scenario": "one.json", "placement": "spread"},)"
                             R"({"name": "b", "scenario": "one.json", "placement": "spread"})";

}  // namespace

TEST_CASE("jobs that share no link take as long as alone", "[simulation][jobs]") {
  const Jobs jobs(8, 256 << 20);
  const std::string packed = R"({"name": "a", "scenario": "one.json"},)"
                             R"({"name": "b", "scenario": "one.json", "start": "1 ms"})";
  SystemResult together = jobs.run(packed);
  compare_with_alone(together, {jobs.run(packed, "", 0), jobs.run(packed, "", 1)});
  REQUIRE(together.jobs.size() == 2);
  for (const JobResult& job : together.jobs) {
    CHECK(job.chips == 8);
    CHECK_THAT(job.slowdown, WithinRel(1.0, 1e-9));
    CHECK(job.contention_s == 0);
    CHECK(job.cause.empty());
  }
  CHECK(together.jobs[0].start_s == 0);
  CHECK_THAT(together.jobs[1].end_s, WithinRel(1e-3 + together.jobs[1].time_s, 1e-9));
}

TEST_CASE("two equal jobs on the same uplinks halve each other, and the link and job are named",
          "[simulation][jobs][closed-form]") {
  // One package of each of 16 nodes per job. A leaf is a node and passes on what one of its eight
  // packages injects: alone a ring fills it, two get half of it each.
  const Jobs jobs(16, 256 << 20, "cloudmatrix-384",
                  {"system.cloudmatrix-384.planes.ub.oversubscription=8"});
  const std::string ring = R"(, "network": {"algorithms": {"ALL_REDUCE": "ring"}})";
  SystemResult together = jobs.run(kTwo, ring);
  compare_with_alone(together, {jobs.run(kTwo, ring, 0), jobs.run(kTwo, ring, 1)});
  REQUIRE(together.jobs.size() == 2);
  for (const JobResult& job : together.jobs) {
    INFO(job.name << " slow-down " << job.slowdown);
    CHECK_THAT(job.slowdown, WithinRel(2.0, 0.05));  // latencies do not double
    CHECK(job.slowdown < 2.0);
    CHECK(job.cause.substr(0, 8) == "ub/leaf-");
    CHECK(job.culprit == (job.name == "a" ? "b" : "a"));
    CHECK_THAT(job.contention_s, WithinRel(job.time_s - job.alone_s, 1e-6));
  }
}

TEST_CASE("a job that had ended is not to blame", "[simulation][jobs]") {
  const Jobs jobs(16, 256 << 20, "cloudmatrix-384",
                  {"system.cloudmatrix-384.planes.ub.oversubscription=8"});
  const std::string three =
      R"({"name": "early", "scenario": "one.json", "placement": "spread"},)"
      R"({"name": "a", "scenario": "one.json", "placement": "spread", "start": "1 s"},)"
      R"({"name": "b", "scenario": "one.json", "placement": "spread", "start": "1 s"})";
  const SystemResult r = jobs.run(three, R"(, "network": {"algorithms": {"ALL_REDUCE": "ring"}})");
  REQUIRE(r.jobs.size() == 3);
  CHECK(r.jobs[0].culprit.empty());
  CHECK(r.jobs[1].culprit == "b");
  CHECK(r.jobs[2].culprit == "a");
}

TEST_CASE("placements that cannot be are refused", "[simulation][jobs][refusal]") {
  const Jobs jobs(8, 1 << 20);
  const auto refusal = [&](const std::string& text) {
    try {
      (void)jobs.run(text);
    } catch (const std::runtime_error& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  const std::string at = R"({"name": "a", "scenario": "one.json", "placement": "explicit",)";
  CHECK_THAT(refusal(at + R"( "devices": "0-6"})"), Contains("lists 7 devices for 8 packages"));
  CHECK_THAT(refusal(at + R"( "devices": "0-7x"})"), Contains("has the devices '0-7x'"));
  CHECK_THAT(refusal(at + R"( "devices": "16380-16387"})"), Contains("the system has 16384"));
  CHECK_THAT(refusal(at + R"( "devices": "0-7"}, )" +
                     R"({"name": "b", "scenario": "one.json", "placement": "explicit",)" +
                     R"( "devices": "7-14"})"),
             Contains("job 'b' wants package 7, which job 'a' has"));
  CHECK_THAT(refusal(R"({"name": "a", "scenario": "one.json"},)"
                     R"({"name": "a", "scenario": "one.json"})"),
             Contains("has the name of another"));
  CHECK_THAT(refusal(R"({"name": "a", "scenario": "jobs.json"})"), Contains("neither a training"));
}

TEST_CASE("percentiles are nearest-rank over all messages", "[simulation][messages]") {
  // 1, 2, ..., 100: p50 = 50, p90 = 90, p99 = 99
  std::vector<std::pair<double, std::uint64_t>> values;
  for (int i = 100; i >= 1; --i) values.emplace_back(i, 1);
  const Distribution d = distribution(values);
  CHECK(d.mean == Approx(50.5));
  CHECK(d.p50 == 50);
  CHECK(d.p90 == 90);
  CHECK(d.p95 == 95);
  CHECK(d.p99 == 99);
  CHECK(d.max == 100);
  const Distribution folded = distribution({{2.0, 99}, {7.0, 1}});
  CHECK(folded.p99 == 2.0);
  CHECK(folded.max == 7.0);
}

TEST_CASE("a permutation through a fat tree: sprayed at line rate, hashed at the fullest link",
          "[simulation][messages][closed-form]") {
  const std::string bench = std::string(XPUSIM_SOURCE_DIR) + "/tests/bench/configs";
  const TemporaryFolder folder;
  (void)write_htsim_cm(make_permutation(1024, 2'000'000, 1), folder / "p.cm");
  ScenarioSpec scenario = replay_scenario(folder / "p.cm", "bench-fat-tree");
  scenario.network.fidelity = Fidelity::flow;
  const auto run = [&](const std::vector<std::string>& overrides) {
    return system_result_from_json(forked([&] {
      Catalogue catalogue({{kConfigs, bench}, overrides});
      return report_to_json(simulate(resolve_run(catalogue, scenario, 0)));
    }));
  };
  const MessagesResult sprayed = *run({}).replay->messages;
  CHECK(sprayed.count == 1024);
  // 2 MB / 50 GB/s = 40 us, and 1 us for each of up to six links
  CHECK_THAT(sprayed.time_s.max, WithinRel(46e-6, 1e-9));
  CHECK_THAT(sprayed.slowdown.max, WithinRel(1.0, 1e-9));
  const MessagesResult hashed =
      *run({"system.bench-fat-tree.planes.net.spreading=hash"}).replay->messages;
  CHECK(hashed.time_s.max >= 4 * 40e-6);
  CHECK(hashed.time_s.max <= 8 * 46e-6);
  CHECK(hashed.time_s.p50 < hashed.time_s.p99);
}

TEST_CASE("a recorded training step replays in the time of the step", "[simulation][record]") {
  ScenarioSpec training = training_scenario("dgx-h100", "llama-3.1-8b");
  training.parallelism.tensor = 2;
  training.parallelism.pipeline = 2;
  training.training.global_batch = 16;
  training.training.optimizer_sharding = 0;
  training.training.recompute = Recompute::full;
  training.training.overlap_gradients = false;
  training.training.overlap_parameters = false;
  training.folding = Folding::off;
  training.network.fidelity = Fidelity::fluid;
  const double step = simulate_forked(training).training->step_time_s;
  const TemporaryFolder folder;
  const std::string text = forked([&] {
    Catalogue catalogue({{kConfigs}, {}});
    (void)write_chakra_trace(record_training(resolve_run(catalogue, training, 0)), folder / "s");
    return std::string("written");
  });
  CHECK(text == "written");
  ScenarioSpec replay = replay_scenario(folder / "s", "dgx-h100");
  replay.replay.groups = folder / "s.comm_groups.json";
  replay.replay.recorded_durations = true;
  replay.replay.communication_slot = false;
  const SystemResult replayed = simulate_forked(replay);
  CHECK(replayed.replay->ranks == 8);
  // durations are whole microseconds in the files, kernels last milliseconds
  CHECK_THAT(replayed.replay->makespan_s, WithinRel(step, 2e-3));
}
