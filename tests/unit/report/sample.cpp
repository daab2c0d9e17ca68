#include "sample.hpp"

namespace {

using namespace xpusim;

RunReport report_of(std::string scenario, std::string kind) {
  RunReport run;
  run.scenario = std::move(scenario);
  run.kind = std::move(kind);
  run.manifest.version = "VERSION";
  run.manifest.commit = "COMMIT";
  run.manifest.seed = 7;
  return run;
}

SystemResult big_system() {
  SystemResult r;
  r.system = "big-16";
  r.chips = 16;
  r.software = "cann-8";
  r.parallelism = "TP8 PP2 DP1 VP1 EP1";
  r.planes = {{"tp", "ub"}, {"dp", "rdma"}};
  TrainingResult t;
  t.step_time_s = 4;
  t.tokens_per_s = 32768;
  t.tokens_per_s_per_chip = 2048;
  t.tflops_per_chip = 200.5;
  t.mfu = 0.4;
  t.hfu = 0.5;
  t.breakdown_s = {.compute = 2.5,
                   .exposed_tp = 0.5,
                   .exposed_pp = 0.125,
                   .exposed_dp = 0.25,
                   .bubble = 0.5,
                   .optimizer = 0.125};
  t.memory_bytes_per_chip = {16e9, 8e9, 24e9, 2e9, 0, 50e9, 64e9};
  r.training = t;
  r.power = PowerResult{
      16000, 20000,
      64000, {{"chip_idle", 20000}, {"chip_dynamic", 28000}, {"cpu", 12800}, {"conversion", 3200}},
      2.048, 750,
      7000};
  r.links = LinksResult{
      {{"ub", "device-up", 16, 4e12, 0.125, 0.25}, {"rdma", "leaf-up", 4, 1e9, 0.01, 0.02}},
      {{"ub/device-up/3", 5e11, 0.25}, {"ub/device-up/4", 4e11, 0.2}}};
  r.simulation = {"fluid", true, 1234, 2, std::nullopt, std::nullopt};
  r.notes = {"no fp8 attention curve: roofline", "host overhead is an estimate"};
  return r;
}

SystemResult small_system() {
  SystemResult r = big_system();
  r.system = "small-8";
  r.chips = 8;
  r.software = "nccl-2.19";
  r.parallelism = "TP8 PP1 DP1 VP1 EP1";
  r.planes = {{"tp", "nvlink"}};
  r.training->step_time_s = 8;
  r.training->tokens_per_s = 16384;
  r.training->breakdown_s = {.compute = 7, .exposed_tp = 0.5, .optimizer = 0.5};
  r.training->mfu = 0.6;
  r.power = PowerResult{8000, 9000, 64000, {{"chip_idle", 32000}, {"chip_dynamic", 32000}},
                        2.56, 900,  8000};
  r.links = LinksResult{{{"nvlink", "device-up", 8, 1e12, 0.5, 0.5}},
                        {{"nvlink/device-up/0", 1e12, 0.5}}};
  r.simulation = {"flow", false, 99, 8, std::nullopt, std::nullopt};
  r.notes = {"host overhead is an estimate"};
  return r;
}

CollectiveResult all_reduce(double bytes, double seconds) {
  // 8 ranks: busbw = algbw * 2 * 7 / 8
  const double algbw = bytes / seconds;
  return {"ALL_REDUCE", bytes, 8, "ring", "simple", "nvlink", seconds, algbw, algbw * 1.75};
}

}  // namespace

RunReport training_report() {
  RunReport run = report_of("two-systems", "training");
  run.question = "Does the big one win?";
  run.baseline = "small-8";
  run.manifest.resolved = R"({"system": {"chips": 16}})";
  SystemResult none;
  none.system = "tiny-1";
  none.error = "does not fit: 50 GB of 32 GB per chip, use more pipeline stages";
  run.results = {big_system(), small_system(), none};
  return run;
}

RunReport collective_report() {
  RunReport run = report_of("all-reduce", "collective");
  SystemResult a, b;
  a.system = "a-8";
  a.chips = 8;
  a.collective = {all_reduce(1024, 20e-6), all_reduce(1e9, 5e-3)};
  a.simulation = {"analytic", false, 2, 8, std::nullopt, std::nullopt};
  b = a;
  b.system = "b-8";
  b.collective = {all_reduce(1024, 10e-6), all_reduce(2e9, 5e-3)};
  run.results = {a, b};
  return run;
}

RunReport replay_report() {
  RunReport run = report_of("replay", "replay");
  SystemResult r;
  r.system = "a-8";
  r.chips = 8;
  ReplayResult replay;
  replay.makespan_s = 0.002;
  replay.ranks = 8;
  replay.tasks = 12345;
  replay.breakdown_s = {.compute = 0.0015, .bubble = 0.00025, .exposed_other = 0.00025};
  r.replay = replay;
  r.simulation = {"fluid", false, 500, 8, 1.5, 2e8};
  run.results = {r};
  return run;
}

RunReport why_report() {
  RunReport run = report_of("why", "training");
  SystemResult r;
  r.system = "a-8";
  r.chips = 8;
  CriticalPathResult& path = r.critical_path.emplace();
  path.total_s = 4;
  path.tasks = 100;
  path.segments = {
      {"forward micro-batch *", "compute", "compute", 1, std::nullopt, "kernel", "", 2, 0.5, 60},
      {"forward micro-batch *", "collective", "tp", 1, std::nullopt, "transfer", "ub/leaf-up", 1,
       0.25, 20},
      {"gradients", "collective", "dp", 0, std::nullopt, "contention", "rdma/leaf-up", 0.5, 0.125,
       2},
      {"before optimizer", "gap", "optimizer", 0, std::nullopt, "gap", "", 0.25, 0.0625, 1}};
  for (std::uint64_t i = 0; i < 16; ++i) {
    path.segments.push_back(
        {"small", "transfer", "pp", i, std::nullopt, "latency", "", 0.015625, 0.00390625, 1});
  }
  path.kernels = {{"attention", 1.5, 0.375, 40}, {"norm", 0.5, 0.125, 20}};
  ExplainResult sum;
  sum.task = 42;
  sum.label = "gradients";
  sum.kind = "collective";
  sum.purpose = "dp";
  sum.stream = "comm dp";
  sum.rank = 1;
  sum.device = 4;
  sum.stage = 1;
  sum.ranks = 4;
  sum.same_label = 2;
  sum.ready_s = 1;
  sum.start_s = 2;
  sum.end_s = 4;
  sum.waited_for = "the last member of its collective, rank 0";
  sum.dependency_count = 7;
  for (std::uint64_t i = 0; i < 5; ++i)
    sum.dependencies.push_back({i, "backward", "compute", 1, 1 - 0.125 * static_cast<double>(i)});
  sum.stream_predecessor = TaskMoment{9, "gradients", "collective", 1, 0.5};
  sum.members = {{42, "gradients", "collective", 1, 1}, {41, "gradients", "collective", 0, 2}};
  sum.plan = ExplainPlan{"ALL_REDUCE", "ring", "simple", "ub", 1e9,       2,
                         1.5,          0.5,    1.0,      0.5,  "ub/up/1", "ub/leaf-up/7"};
  sum.chain = {{"backward", 0, std::nullopt, 0, 2, 2, 3, {{"kernel", 1.5}, {"host", 0.5}}},
               {"gradients", 1, std::nullopt, 2, 4, 2, 1, {{"dp transfer ub/leaf-up", 2}}}};
  ExplainResult step;
  step.task = 50;
  step.label = "step";
  step.kind = "compute";
  step.purpose = "compute";
  step.stream = "compute";
  step.end_s = 3;
  step.kernels = {{"attention", 2.25, 0.75, 3}, {"norm", 0.75, 0.25, 1}};
  step.waited_for = "nothing: it starts the run";
  for (std::uint64_t i = 0; i < 30; ++i) {  // longer than a table shows
    const auto at = static_cast<double>(i);
    step.chain.push_back(
        {"step " + std::to_string(i), std::nullopt, i % 2, at / 10, (at + 1) / 10, 0.1, 1, {}});
  }
  r.explain = {sum, step};
  r.simulation = {"fluid", true, 1234, 2, std::nullopt, std::nullopt};
  run.results = {r};
  return run;
}
