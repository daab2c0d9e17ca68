#include <catch2/catch.hpp>

#include <algorithm>
#include <set>
#include <string>
#include <tuple>

#include "unit/workload/models.hpp"
#include "unit/workload/refusal.hpp"
#include "unit/workload/run_graph.hpp"
#include "unit/workload/run_schedule.hpp"
#include "workload/schedule.hpp"

using namespace xpusim;
using namespace test_models;
using Catch::Matchers::WithinAbs;
using Catch::Matchers::WithinRel;
using test_schedules::PassCosts;
using test_schedules::run;
using test_schedules::shape;
using S = PipelineSchedule;

namespace {

std::string words(const std::vector<Pass>& order) {
  std::string text;
  for (const Pass& p : order) {
    const char* names[] = {" F", " B", " I", " W"};
    text += names[static_cast<std::size_t>(p.kind)] + std::to_string(p.micro_batch);
    if (p.chunk > 0) text += "'" + std::to_string(p.chunk);
    if (p.merged) text += "&";
  }
  return text;
}

/// Schedules with one value of virtual_stages each.
const std::vector<std::pair<S, int>>& schedules() {
  static const std::vector<std::pair<S, int>> all{
      {S::gpipe, 1}, {S::one_f_one_b, 1}, {S::interleaved, 2}, {S::interleaved, 3},
      {S::zb_h1, 1}, {S::zb_h2, 1},       {S::zb_v, 2},        {S::v_half, 2},
      {S::v_min, 2}, {S::dualpipe, 2}};
  return all;
}

std::vector<ParallelLayout> shapes() {
  std::vector<ParallelLayout> all;
  for (const auto& [schedule, chunks] : schedules())
    for (const int p : {2, 3, 4, 5, 6, 7, 8, 9, 12, 16})
      for (const int m : {1, 2, p - 1, p, p + 1, 2 * p, 2 * p + 1, 3 * p, 4 * p})
        for (const bool overlap : {false, true})
          if (m > 0 && schedule_obstacle(schedule, {p, chunks, m, overlap}).reason.empty())
            all.push_back(shape(schedule, p, m, chunks, overlap));
  return all;
}

/// Step time of a graph whose passes take `costs`, all else none.
double step_time(S schedule, int pipeline, int virtual_stages, int micro_batches, PassCosts costs) {
  ModelSpec m = small_dense();
  m.layers = 32;
  ParallelismSpec p;
  p.pipeline = pipeline;
  p.virtual_stages = virtual_stages;
  p.schedule = schedule;
  TrainingSpec t = small_training();
  t.global_batch = micro_batches;
  const TaskGraph graph = build_training_step(m, p, t, small_fabric(1, pipeline), {});
  validate(graph);
  const double share = schedule == S::dualpipe ? 1 : 1.0 / schedule_chunks(schedule);
  const auto outcome = test_graphs::run_graph(graph, [&](const Task& task) {
    if (task.purpose != Purpose::compute) return 0.0;
    const std::string& label = graph.labels[task.label];
    if (label.starts_with("forward")) return share * costs.forward;
    if (label.starts_with("input gradient")) return share * costs.input;
    if (label.starts_with("weight gradient")) return share * costs.weight;
    return share * (costs.input + costs.weight);
  });
  REQUIRE(outcome.finished == graph.tasks.size());
  return outcome.makespan;
}

}  // namespace

// ---------------------------------------------------------------- orders

TEST_CASE("1F1B of four micro-batches on two stages runs as Megatron-LM orders it", "[workload]") {
  const ParallelLayout l = shape(S::one_f_one_b, 2, 4);
  CHECK(words(pipeline_schedule(l, 0)) == " F0 F1 B0 F2 B1 F3 B2 B3");
  CHECK(words(pipeline_schedule(l, 1)) == " F0 B0 F1 B1 F2 B2 F3 B3");
}

TEST_CASE("GPipe runs backward passes in the order of a stack", "[workload]") {
  CHECK(words(pipeline_schedule(shape(S::gpipe, 2, 3), 0)) == " F0 F1 F2 B2 B1 B0");
}

TEST_CASE("interleaved 1F1B warms up with 2 (p - stage - 1) + (v - 1) p passes", "[workload]") {
  // p = 2, v = 2, m = 4: stage 0 warms up with 4 passes, stage 1 with 2.
  const ParallelLayout l = shape(S::interleaved, 2, 4, 2);
  CHECK(words(pipeline_schedule(l, 0)) ==
        " F0 F1 F0'1 F1'1 F2 B0'1 F3 B1'1 F2'1 B0 F3'1 B1 B2'1 B3'1 B2 B3");
  CHECK(words(pipeline_schedule(l, 1)) ==
        " F0 F1 F0'1 B0'1 F1'1 B1'1 F2 B0 F3 B1 F2'1 B2'1 F3'1 B3'1 B2 B3");
}

TEST_CASE("interleaved groups grow until none is shorter than the pipeline", "[workload]") {
  // p = 2, v = 2, m = 5: groups of 3 and 2 micro-batches, as a microbatch_group_size_per_vp_stage
  // of 3 gives in Megatron-LM; stage 1 warms up with (v - 1) 3 passes.
  CHECK(words(pipeline_schedule(shape(S::interleaved, 2, 5, 2), 1)) ==
        " F0 F1 F2 F0'1 B0'1 F1'1 B1'1 F2'1 B2'1 F3 B0 F4 B1 F3'1 B2 F4'1 B3'1 B4'1 B3 B4");
}

TEST_CASE("zero-bubble schedules defer weight gradients by the stage", "[workload]") {
  // Qi et al., arXiv 2401.10241, figures 2 and 3.
  CHECK(words(pipeline_schedule(shape(S::zb_h1, 3, 4), 0)) ==
        " F0 F1 F2 I0 W0 F3 I1 W1 I2 W2 I3 W3");
  CHECK(words(pipeline_schedule(shape(S::zb_h1, 3, 4), 2)) ==
        " F0 I0 F1 I1 F2 I2 W0 F3 I3 W1 W2 W3");
  CHECK(words(pipeline_schedule(shape(S::zb_h2, 2, 4), 0)) ==
        " F0 F1 F2 I0 W0 F3 I1 W1 I2 W2 I3 W3");
  CHECK(words(pipeline_schedule(shape(S::zb_h2, 2, 4), 1)) ==
        " F0 I0 F1 I1 F2 I2 W0 F3 I3 W1 W2 W3");
}

TEST_CASE("DualPipe feeds micro-batches from both ends", "[workload]") {
  // The authors' step() on two ranks, four micro-batches: 0 and 1 enter at rank 0, 2 and 3 at 1.
  const ParallelLayout l = shape(S::dualpipe, 2, 4);
  CHECK(words(pipeline_schedule(l, 0)) == " F0 F2'1 F1 B2'1 F3'1& B0 B3'1 I1 W1");
  CHECK(words(pipeline_schedule(l, 1)) == " F2'1 F0 F3'1 B0 F1& B2'1 B1 I3'1 W3'1");
}

TEST_CASE("every pass runs once, backward after its forward", "[workload][property]") {
  using Work = std::pair<std::uint32_t, std::uint32_t>;
  for (const ParallelLayout& l : shapes()) {
    const bool copies = chunk_order(l.schedule) == ChunkOrder::bidirectional;
    for (const auto& order : pipeline_schedules(l)) {
      std::set<Work> forward, input, weight;
      bool good = true;
      for (const Pass& pass : order) {
        const Work key(pass.chunk, pass.micro_batch);
        const bool both = pass.kind == PassKind::backward;
        if (pass.kind == PassKind::forward) good = good && forward.insert(key).second;
        if (both || pass.kind == PassKind::backward_input)
          good = good && forward.contains(key) && input.insert(key).second;
        if (both || pass.kind == PassKind::backward_weight)
          good = good && input.contains(key) && weight.insert(key).second;
        good = good && pass.micro_batch < static_cast<std::uint32_t>(l.micro_batches);
      }
      good = good && input == forward && weight == forward;
      const int passes = copies ? l.micro_batches : l.micro_batches * l.virtual_stages;
      INFO(schedule_name(l.schedule) << " p " << l.pipeline << " m " << l.micro_batches);
      REQUIRE(good);
      REQUIRE(forward.size() == static_cast<std::size_t>(passes));
    }
  }
}

TEST_CASE("no schedule waits for itself", "[workload][property]") {
  for (const ParallelLayout& l : shapes()) {
    INFO(schedule_name(l.schedule) << " p " << l.pipeline << " v " << l.virtual_stages << " m "
                                   << l.micro_batches << " overlap " << l.expert_overlap);
    REQUIRE(run(l, {1, 1, 1}).finished);
    REQUIRE(run(l, {1, 2.5, 0.5}).finished);
  }
}

TEST_CASE("chunks follow each other through the model", "[workload][property]") {
  for (const auto& [schedule, chunks] : schedules()) {
    const ParallelLayout l = shape(schedule, 4, 8, chunks);
    for (std::uint32_t s = 0; s < 4; ++s)
      for (std::uint32_t c = 0; c < static_cast<std::uint32_t>(chunks); ++c) {
        const auto after = chunk_after(l, {s, c});
        CHECK(after.has_value() == (chunk_position(l, {s, c}) + 1 < chunk_positions(l)));
        if (!after) continue;
        CHECK(chunk_position(l, *after) == chunk_position(l, {s, c}) + 1);
        const auto back = chunk_before(l, *after);
        REQUIRE(back);
        CHECK((back->stage == s && back->chunk == c));
      }
  }
}

// ---------------------------------------------------------------- bubbles

TEST_CASE("GPipe and 1F1B wait (p - 1)(F + B), interleaving divides it by v",
          "[workload][closed-form]") {
  // Narayanan et al. 2021, section 2.2; B is the whole backward pass.
  for (const PassCosts c : {PassCosts{1, 1, 1}, {1, 1.5, 0.5}, {2, 1, 3}})
    for (const int p : {1, 2, 4, 8, 16})
      for (const int groups : {1, 3}) {
        const int m = groups * p;
        const double bubble = (p - 1) * (c.forward + c.input + c.weight);
        CHECK_THAT(run(shape(S::gpipe, p, m), c).bubble, WithinAbs(bubble, 1e-9));
        CHECK_THAT(run(shape(S::one_f_one_b, p, m), c).bubble, WithinAbs(bubble, 1e-9));
        for (const int v : {2, 3, 4})
          if (p > 1)
            CHECK_THAT(run(shape(S::interleaved, p, m, v), c).bubble, WithinAbs(bubble / v, 1e-9));
      }
}

TEST_CASE("interleaving divides the bubble by v for other counts of micro-batches as well",
          "[workload][closed-form]") {
  for (const int p : {2, 4, 8})
    for (int m = p; m <= 4 * p; ++m)
      CHECK_THAT(run(shape(S::interleaved, p, m, 2), {1, 1, 1}).bubble,
                 WithinAbs((p - 1) * 3 / 2.0, 1e-9));
}

TEST_CASE("ZB-H1 waits (p - 1)(F + B - W), ZB-H2 (p - 1)(F + B - 2 W)", "[workload][closed-form]") {
  // Qi et al., arXiv 2401.10241, table 2; B is the input gradient.
  for (const PassCosts c : {PassCosts{1, 1, 1}, {1, 1.2, 0.8}, {2, 3, 1}, {2, 2, 1.5}})
    for (const int p : {1, 2, 3, 4, 8, 16}) {
      CHECK_THAT(run(shape(S::zb_h1, p, 4 * p), c).bubble,
                 WithinAbs((p - 1) * (c.forward + c.input - c.weight), 1e-9));
      CHECK_THAT(run(shape(S::zb_h2, p, 4 * p), c).bubble,
                 WithinAbs((p - 1) * (c.forward + c.input - 2 * c.weight), 1e-9));
    }
}

TEST_CASE("ZB-V waits for nothing when F = B = W", "[workload][closed-form]") {
  // arXiv 2401.10241, section 6, from 2 p - 1 micro-batches on.
  for (const int p : {2, 3, 4, 5, 8, 16})
    for (const int m : {2 * p - 1, 2 * p, 4 * p})
      CHECK_THAT(run(shape(S::zb_v, p, m), {1, 1, 1}).bubble, WithinAbs(0, 1e-9));
}

TEST_CASE("V-Half waits 3 p/2 units and V-Min 2 p, less the ends", "[workload][closed-form]") {
  // Qi et al., arXiv 2405.15362: bubble rates about p/2m and 2p/3m of 3 m units when F = B = W.
  // Exactly, of this squeezing: 3/2 (p - 1), or 3/2 p - 2 without V-Half's pause (p odd);
  // 2 p - 5/2, or 2 p - 3/2 with V-Min's pause (p a multiple of 3).
  for (int p = 2; p <= 16; ++p) {
    const double half = p % 2 == 0 ? 1.5 * (p - 1) : 1.5 * p - 2;
    const double min = p % 3 == 0 ? 2 * p - 1.5 : 2 * p - 2.5;
    CHECK_THAT(run(shape(S::v_half, p, 4 * p), {1, 1, 1}).bubble, WithinAbs(half, 1e-9));
    CHECK_THAT(run(shape(S::v_min, p, 4 * p), {1, 1, 1}).bubble, WithinAbs(min, 1e-9));
  }
}

TEST_CASE("DualPipe waits (p/2 - 1)(F&B + B - 3 W)", "[workload][closed-form]") {
  // DeepSeek-V3, arXiv 2412.19437, table 2: B is the whole backward pass, F&B both at once; here
  // they take F + B. Holds where no stage of the ramp outlasts another: B = F + W at most.
  for (const PassCosts c : {PassCosts{1, 1, 1}, {2, 2, 1.5}, {2, 2, 2}})
    for (const int p : {2, 4, 6, 8, 12, 16})
      for (const int m : {2 * p, 2 * p + 2, 4 * p}) {
        const double whole = c.input + c.weight;
        CHECK_THAT(run(shape(S::dualpipe, p, m), c).bubble,
                   WithinAbs((p / 2 - 1) * (c.forward + 2 * whole - 3 * c.weight), 1e-9));
      }
}

TEST_CASE("the task graph of each schedule takes as long as its passes", "[workload]") {
  // Without expert communication the kernels of merged passes do not alternate.
  const PassCosts c{1, 1.25, 0.75};
  for (const auto& [schedule, chunks] : schedules()) {
    if (chunks == 3) continue;
    const double share = schedule == S::interleaved ? chunks : 1;  // step_time() takes whole passes
    for (const int m : {8, 12})
      CHECK_THAT(step_time(schedule, 4, chunks, m, c),
                 WithinRel(share * run(shape(schedule, 4, m, chunks), c, true).makespan, 1e-9));
  }
}

TEST_CASE("more micro-batches never lower the use of the chips", "[workload][property]") {
  for (const auto& [schedule, chunks] : schedules())
    for (const int p : {2, 4, 6, 8}) {
      double before = 1e9;
      for (int m = 1; m <= 6 * p; ++m) {
        if (!schedule_obstacle(schedule, {p, chunks, m, false}).reason.empty()) continue;
        const double per_micro_batch = run(shape(schedule, p, m, chunks), {1, 1, 1}).makespan / m;
        INFO(schedule_name(schedule) << " p " << p << " m " << m);
        CHECK(per_micro_batch <= before + 1e-9);
        before = per_micro_batch;
      }
    }
}

// ---------------------------------------------------------------- memory

TEST_CASE("micro-batches in flight are those of the papers", "[workload][closed-form]") {
  const PassCosts c;
  for (const int p : {2, 3, 4, 5, 6, 7, 8, 9, 12, 16}) {
    const int m = 4 * p;
    CHECK(run(shape(S::gpipe, p, m), c).peak == m);
    CHECK(run(shape(S::one_f_one_b, p, m), c).peak == p);
    CHECK(run(shape(S::zb_h1, p, m), c).peak == p);
    CHECK(run(shape(S::zb_h2, p, m), c).peak == 2 * p - 1);
    CHECK(run(shape(S::zb_v, p, m), c).peak == p);
    // arXiv 2405.15362: about p/2 and p/3.
    CHECK(run(shape(S::v_half, p, m), c).peak == (p + 2) / 2);
    CHECK(run(shape(S::v_min, p, m), c).peak == (p + 4) / 3);
    if (p % 2 == 0)  // arXiv 2412.19437, table 2: p + 1, of activations that B releases
      CHECK(run(shape(S::dualpipe, p, m), c).held == p + 1);
    // Narayanan et al. 2021: p (1 + (p - 1)/(p v)).
    CHECK_THAT(run(shape(S::interleaved, p, m, 4), c).peak, WithinRel(p + (p - 1) / 4.0, 1e-9));
  }
}

TEST_CASE("orders of 64 stages and 512 micro-batches are made", "[workload]") {
  for (const auto& [schedule, chunks] : schedules()) {
    const auto orders = pipeline_schedules(shape(schedule, 64, 512, chunks));
    CHECK(orders.size() == 64);
    CHECK(orders[63].size() >= 1024);
  }
}

// ---------------------------------------------------------------- refusals

TEST_CASE("schedules say what they need", "[workload][refusal]") {
  const auto refused = [](S schedule, int pipeline, int virtual_stages, int batch) {
    ModelSpec m = small_dense();
    m.layers = 32;
    ParallelismSpec p;
    p.schedule = schedule;
    p.pipeline = pipeline;
    p.virtual_stages = virtual_stages;
    TrainingSpec t = small_training();
    t.global_batch = batch;
    return refusal([&] { (void)resolve_layout(m, p, t, static_cast<std::uint32_t>(pipeline)); });
  };
  CHECK(refused(S::automatic, 4, 2, 3) ==
        "the interleaved schedule needs as many micro-batches as PP4, got 3 / raise the global "
        "batch, or set parallelism.virtual_stages to 1");
  CHECK(refused(S::interleaved, 1, 2, 3) ==
        "the interleaved schedule needs more than one pipeline stage / set "
        "parallelism.virtual_stages to 1");
  CHECK(refused(S::zb_h1, 4, 2, 8) ==
        "the ZB-H1 schedule has one chunk per rank, not 2 / set parallelism.virtual_stages to 1, "
        "or use the interleaved schedule");
  CHECK(refused(S::zb_v, 4, 3, 8) ==
        "the ZB-V schedule has two chunks per rank, not 3 / set parallelism.virtual_stages to 2");
  CHECK(refused(S::v_min, 1, 1, 8) ==
        "the V-Min schedule needs more than one pipeline stage / use \"1f1b\"");
  CHECK(refused(S::dualpipe, 3, 1, 8) ==
        "the DualPipe schedule needs an even number of stages, got 3 / choose an even "
        "parallelism.pipeline");
  CHECK(refused(S::dualpipe, 4, 1, 6) ==
        "the DualPipe schedule needs an even number of micro-batches, at least 8, got 6 / change "
        "the global batch or the micro-batch");
  CHECK(refused(S::gpipe, 4, 1, 8).empty());
}
