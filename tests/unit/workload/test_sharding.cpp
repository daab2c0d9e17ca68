// ZeRO-2, ZeRO-3 and HSDP, and expert communication under other micro-batches.
#include <catch2/catch.hpp>

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "unit/workload/models.hpp"
#include "unit/workload/refusal.hpp"
#include "unit/workload/run_graph.hpp"
#include "workload/rank_map.hpp"
#include "workload/schedule.hpp"
#include "xpusim/workload.hpp"

using namespace xpusim;
using namespace test_models;
using Catch::Matchers::WithinRel;
using test_graphs::totals;

namespace {

double bytes(const TaskGraph& graph, const char* key) {
  const auto sum = totals(graph);
  const auto it = sum.bytes_by_purpose.find(key);
  return it == sum.bytes_by_purpose.end() ? 0 : it->second;
}

/// Bytes of a type of collective in groups whose name starts so, all ranks.
double group_bytes(const TaskGraph& graph, const std::string& name, CollectiveType type) {
  double sum = 0;
  for (const Task& task : graph.tasks) {
    if (task.kind != TaskKind::collective) continue;
    const CollectiveOp& op = graph.collectives[task.op];
    if (op.type == type && graph.groups[op.group].name.starts_with(name + " "))
      sum += op.bytes * graph.ranks[task.rank].multiplicity;
  }
  return sum;
}

TrainingSpec training(int sharding, int global_batch = 64) {
  TrainingSpec t = small_training();
  t.optimizer_sharding = sharding;
  t.global_batch = global_batch;
  return t;
}

double run_to_end(const TaskGraph& graph) {
  validate(graph);
  const auto outcome = test_graphs::run_graph(graph, [](const Task&) { return 1.0; });
  CHECK(outcome.finished == graph.tasks.size());
  return outcome.makespan;
}

}  // namespace

TEST_CASE("ZeRO-2 reduces gradients after every micro-batch", "[workload][closed-form]") {
  const ModelSpec m = small_dense();
  const double n = model_parameters(m).total;
  for (const bool overlap : {true, false}) {
    TrainingSpec t = training(2);  // 8 micro-batches on each of 8 ranks
    t.overlap_gradients = overlap;
    const TaskGraph graph = build_training_step(m, {}, t, small_fabric(1, 8), {});
    CHECK_THAT(bytes(graph, "dp REDUCE_SCATTER"), WithinRel(8 * 8 * 4 * n, 1e-9));
    CHECK_THAT(bytes(graph, "dp ALL_GATHER"), WithinRel(8 * 2 * n, 1e-9));
    run_to_end(graph);
  }
}

TEST_CASE("ZeRO-3 moves 1.5 times the bytes of plain data parallelism", "[workload][closed-form]") {
  // Rajbhandari et al. 2020, section 7: an all-reduce is a reduce-scatter and an all-gather, 2 n;
  // ZeRO-3 gathers for the forward and the backward pass and scatters: 3 n.
  const ModelSpec m = small_dense();
  const double n = model_parameters(m).total;
  TrainingSpec t = training(0, 8);  // one micro-batch
  t.formats.reduce = "bf16";
  const TaskGraph plain = build_training_step(m, {}, t, small_fabric(1, 8), {});
  t.optimizer_sharding = 3;
  const TaskGraph sharded = build_training_step(m, {}, t, small_fabric(1, 8), {});
  const double all_reduce = bytes(plain, "dp ALL_REDUCE");
  const double gather = bytes(sharded, "dp ALL_GATHER");
  const double scatter = bytes(sharded, "dp REDUCE_SCATTER");
  CHECK_THAT(all_reduce, WithinRel(8 * 2 * n, 1e-9));
  CHECK_THAT(gather, WithinRel(2 * 8 * 2 * n, 1e-9));
  CHECK_THAT((gather + scatter) / (2 * all_reduce), WithinRel(1.5, 1e-9));
}

TEST_CASE("ZeRO-3 gathers and reduces for every micro-batch, whatever the schedule",
          "[workload][closed-form]") {
  const ModelSpec m = small_dense();
  for (const auto schedule : {PipelineSchedule::automatic, PipelineSchedule::gpipe,
                              PipelineSchedule::zb_h1, PipelineSchedule::zb_v})
    for (const int prefetch : {0, 1, 3}) {
      TrainingSpec t = training(3);
      t.prefetch = prefetch;
      ParallelismSpec p;
      p.pipeline = 2;
      p.schedule = schedule;
      const TaskGraph graph = build_training_step(m, p, t, small_fabric(1, 8), {});
      // DP4: 16 micro-batches; each of the 4 ranks of a stage holds half of the model.
      const double n = model_parameters(m).total;
      CHECK_THAT(bytes(graph, "dp ALL_GATHER"), WithinRel(16 * 4 * 2 * 2 * n, 1e-9));
      CHECK_THAT(bytes(graph, "dp REDUCE_SCATTER"), WithinRel(16 * 4 * 4 * n, 1e-9));
      run_to_end(graph);
    }
}

TEST_CASE("gathers run ahead by as many layers as prefetch says", "[workload]") {
  const ModelSpec m = small_dense();
  TrainingSpec t = training(3, 8);
  // One kernel per task takes a second, a gather half a second: with nothing ahead every one of the
  // gathers is waited for; with one layer ahead only the first.
  const auto seconds = [&](int prefetch) {
    t.prefetch = prefetch;
    TaskGraph graph = build_training_step(m, {}, t, small_fabric(1, 8), {});
    for (Task& task : graph.tasks)  // the judge gives time to compute tasks only
      if (task.label != 0 && graph.labels[task.label] == "parameter gather") {
        task.kind = TaskKind::compute;
        task.op = 0;
      } else if (task.kind == TaskKind::collective) {
        task.kind = TaskKind::join;
      }
    return test_graphs::run_graph(graph, [&](const Task& task) {
      return graph.labels[task.label] == "parameter gather" ? 0.5 : 1.0;
    });
  };
  const auto none = seconds(0), one = seconds(1), many = seconds(20);
  // Embedding, 4 layers, head: forward and backward.
  CHECK_THAT(none.makespan - one.makespan, WithinRel(11 * 0.5, 1e-9));
  CHECK(many.makespan == one.makespan);
}

TEST_CASE("hybrid shards are gathered within groups and summed once across them",
          "[workload][closed-form]") {
  for (const ModelSpec& m : {small_dense(), small_moe()}) {
    const double n = model_parameters(m).total;
    ParallelismSpec p;
    p.shard = 4;
    TrainingSpec t = training(3);  // 16 ranks, 4 micro-batches
    const TaskGraph graph = build_training_step(m, p, t, small_fabric(2, 8), {});
    const auto sum = [&](CollectiveType type, const char* dense, const char* experts) {
      return group_bytes(graph, dense, type) + group_bytes(graph, experts, type);
    };
    CHECK_THAT(sum(CollectiveType::ALL_GATHER, "shard", "expert-shard"),
               WithinRel(4 * 2 * 16 * 2 * n, 1e-9));
    CHECK_THAT(sum(CollectiveType::REDUCE_SCATTER, "shard", "expert-shard"),
               WithinRel(4 * 16 * 4 * n, 1e-9));
    CHECK_THAT(sum(CollectiveType::ALL_REDUCE, "replica", "expert-replica"),
               WithinRel(16 * 4 * n / 4, 1e-9));
    for (const ComputeOp& op : graph.compute_ops)
      if (op.label == "optimizer") CHECK_THAT(op.memory_bytes, WithinRel(30 * n / 4, 1e-9));
    run_to_end(graph);
  }
}

TEST_CASE("shard and replica groups partition the data ranks", "[workload]") {
  ParallelismSpec p;
  p.tensor = 2;
  p.context = 2;
  p.expert = 2;
  p.expert_tensor = 1;
  p.shard = 4;
  const ParallelLayout l = resolve_layout(small_moe(), p, training(3), 32);
  const RankMap map(l, p.order);
  CHECK(map.group(GroupKind::shard, 0) == std::vector<DeviceId>{0, 2, 4, 6});
  CHECK(map.group(GroupKind::replica, 0) == std::vector<DeviceId>{0, 8, 16, 24});
  CHECK(map.group(GroupKind::expert_shard, 1) == std::vector<DeviceId>{1, 3, 5, 7});
  CHECK(map.group(GroupKind::expert_replica, 1) == std::vector<DeviceId>{1, 9, 17, 25});
  CHECK(map.group_base(GroupKind::replica, 29) == 5);
  CHECK(map.group_base(GroupKind::shard, 29) == 25);
}

TEST_CASE("shards that do not divide are refused", "[workload][refusal]") {
  ParallelismSpec p;
  p.shard = 3;
  const auto refused = [&](int sharding) {
    return refusal([&] { (void)resolve_layout(small_dense(), p, training(sharding), 8); });
  };
  CHECK(refused(3) ==
        "shards over 3 ranks do not divide the DP8 x CP1 ranks that hold the same weights / choose "
        "a divisor that is also a multiple of the context degree");
  p.shard = 4;
  CHECK(refused(1) ==
        "parallelism.shard divides what training.optimizer_sharding 3 shards / set "
        "training.optimizer_sharding to 3, or parallelism.shard to 0");
  CHECK(refused(3).empty());
}

TEST_CASE("mirrored stages of DualPipe sum their gradients", "[workload][closed-form]") {
  const ModelSpec m = small_dense();
  ParallelismSpec p;
  p.pipeline = 4;
  p.schedule = PipelineSchedule::dualpipe;
  for (const bool fold : {true, false})
    for (const int sharding : {0, 1, 2, 3}) {
      const TaskGraph graph =
          build_training_step(m, p, training(sharding), small_fabric(1, 8), {}, {.fold = fold});
      run_to_end(graph);
      // Two copies of the model on the 8 ranks; with DP2 and sharding each owns half.
      CHECK_THAT(group_bytes(graph, "mirror", CollectiveType::ALL_REDUCE),
                 WithinRel(2 * 2 * 4 * model_parameters(m).total / (sharding > 0 ? 2 : 1), 1e-9));
    }
}

TEST_CASE("the FLOPs and bytes of a step do not depend on its schedule",
          "[workload][closed-form]") {
  SoftwareSpec software;
  software.flash_attention = false;
  const ModelSpec m = small_moe();
  const TrainingSpec t = training(1);
  ParallelismSpec p;
  p.pipeline = 2;
  p.tensor = 2;
  p.expert = 4;
  p.expert_tensor = 1;
  for (const auto schedule :
       {PipelineSchedule::gpipe, PipelineSchedule::one_f_one_b, PipelineSchedule::zb_h1,
        PipelineSchedule::zb_h2, PipelineSchedule::zb_v, PipelineSchedule::v_half,
        PipelineSchedule::v_min, PipelineSchedule::dualpipe})
    for (const bool fold : {true, false}) {
      p.schedule = schedule;
      const TaskGraph graph =
          build_training_step(m, p, t, small_fabric(2, 8), software, {.fold = fold});
      run_to_end(graph);
      CHECK_THAT(totals(graph).flops,
                 WithinRel(training_step_flops(m, t, software).model.value(), 1e-9));
      CHECK_THAT(bytes(graph, "ep ALL_TO_ALL"), WithinRel(4 * 3 * 64.0 * 128 * 2 * 256 * 2, 1e-9));
    }
}

// ---------------------------------------------------------------- expert overlap

TEST_CASE("merged passes do the same work", "[workload][property]") {
  SoftwareSpec software;
  software.flash_attention = false;
  const ModelSpec m = small_moe();
  for (const int pipeline : {1, 2, 4})
    for (const int chunks : {1, 2})
      for (const int sharding : {0, 1, 2, 3})
        for (const bool fold : {true, false}) {
          if (chunks > pipeline || pipeline * chunks > 4) continue;
          ParallelismSpec p;
          p.pipeline = pipeline;
          p.virtual_stages = chunks;
          p.expert = 2;
          TaskGraph graphs[2];
          for (const bool overlap : {false, true}) {
            p.expert_overlap = overlap;
            graphs[overlap] = build_training_step(m, p, training(sharding), small_fabric(1, 8),
                                                  software, {.fold = fold});
            run_to_end(graphs[overlap]);
          }
          CHECK_THAT(totals(graphs[1]).flops, WithinRel(totals(graphs[0]).flops, 1e-12));
          for (const auto& [purpose, size] : totals(graphs[0]).bytes_by_purpose)
            CHECK_THAT(bytes(graphs[1], purpose.c_str()), WithinRel(size, 1e-12));
        }
}

TEST_CASE("dispatch and combine run under the other micro-batch's kernels", "[workload]") {
  // Every kernel task takes a second and so does every expert communication. Alone, each of them is
  // waited for (shared experts run under two of the four). Merged, the other pass has kernels for
  // all but the ends.
  ModelSpec m = small_moe();
  m.moe->shared = 0;
  m.moe->dense_layers = 0;
  ParallelismSpec p;
  p.expert = 8;
  const auto seconds = [&](bool overlap) {
    p.expert_overlap = overlap;
    TaskGraph graph = build_training_step(m, p, training(1, 128), small_fabric(1, 8), {});
    for (Task& task : graph.tasks)
      if (task.kind == TaskKind::collective) {
        task.kind = task.purpose == Purpose::ep ? TaskKind::compute : TaskKind::join;
        task.op = 0;
      }
    const auto outcome = test_graphs::run_graph(graph, [&](const Task& task) {
      return task.purpose == Purpose::ep || task.purpose == Purpose::compute ? 1.0 : 0.0;
    });
    REQUIRE(outcome.finished == graph.tasks.size());
    return outcome.makespan;
  };
  // 16 micro-batches, 4 layers, 2 + 2 all-to-alls: alone 256 s of them and kernel tasks between.
  const double alone = seconds(false), merged = seconds(true);
  // 15 of 16 pairs are merged.
  CHECK(alone - merged > 0.9 * 15 * 16);
  CHECK(alone - merged <= 256);
}
