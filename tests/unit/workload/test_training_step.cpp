#include <catch2/catch.hpp>

#include <cmath>

#include <fmt/format.h>

#include "unit/workload/models.hpp"
#include "unit/workload/run_graph.hpp"
#include "xpusim/workload.hpp"

using namespace xpusim;
using namespace test_models;
using Catch::Matchers::WithinRel;
using test_graphs::totals;

namespace {

SoftwareSpec unfused() {
  SoftwareSpec software;
  software.flash_attention = false;
  return software;
}

double bytes(const test_graphs::Totals& sum, const char* key) {
  const auto it = sum.bytes_by_purpose.find(key);
  return it == sum.bytes_by_purpose.end() ? 0 : it->second;
}

ParallelismSpec parallelism(int tensor, int pipeline, int virtual_stages = 1) {
  ParallelismSpec p;
  p.tensor = tensor;
  p.pipeline = pipeline;
  p.virtual_stages = virtual_stages;
  return p;
}

}  // namespace

TEST_CASE("the FLOPs of a step's kernels are the formula's", "[workload][closed-form]") {
  TrainingSpec t = small_training();
  for (const ModelSpec& m : {small_dense(), small_moe()})
    for (const Recompute recompute : {Recompute::none, Recompute::selective, Recompute::full})
      for (const ParallelismSpec& p :
           {parallelism(1, 1), parallelism(2, 2), parallelism(4, 1), parallelism(2, 2, 2)}) {
        t.recompute = recompute;
        const TaskGraph graph = build_training_step(m, p, t, small_fabric(2, 4), unfused());
        validate(graph);
        CHECK_THAT(totals(graph).flops,
                   WithinRel(training_step_flops(m, t, unfused()).hardware.value(), 1e-9));
      }
}

TEST_CASE("with MTP layers and MLA the kernels' FLOPs are still the formula's",
          "[workload][closed-form]") {
  ModelSpec m = small_moe();
  m.mla = MlaSpec{64, 32, 24, 8, 16};
  m.mtp_layers = 1;
  ParallelismSpec p = parallelism(2, 2);
  p.context = 2;
  p.expert = 4;
  p.expert_tensor = 1;
  const TrainingSpec t = small_training();
  const TaskGraph graph = build_training_step(m, p, t, small_fabric(2, 8), unfused());
  validate(graph);
  CHECK_THAT(totals(graph).flops,
             WithinRel(training_step_flops(m, t, unfused()).model.value(), 1e-9));
}

TEST_CASE("fused attention computes half of the pairs, and 3.5 times the forward pass in all",
          "[workload][closed-form]") {
  const ModelSpec m = small_dense();
  const TrainingSpec t = small_training();
  ParallelismSpec p = parallelism(2, 1);
  for (const int context : {1, 2}) {
    p.context = context;
    const auto sum = totals(build_training_step(m, p, t, small_fabric(1, 8), {}));
    // L layers, 2 b s^2 a d causal; 1 forward + 2.5 backward.
    const double attention = 4 * 3.5 * 64 * 2.0 * 128 * 128 * 8 * 32;
    CHECK_THAT(sum.flops_by_label.at("attention") + sum.flops_by_label.at("attention backward"),
               WithinRel(attention, 1e-9));
  }
}

TEST_CASE("a frozen base runs no weight-gradient kernels and reduces only adapters", "[workload]") {
  TrainingSpec t = small_training();
  t.frozen_base = 1;
  const TaskGraph graph =
      build_training_step(small_dense(), parallelism(2, 1), t, small_fabric(1, 8), unfused());
  // Beside the formula's: thin matrices of rank 16, forward, input and weight gradients, in 4
  // layers and for 64 sequences of 128 tokens. Under TP2 with sequence parallelism each rank runs A
  // of queries, keys and values and B of outputs on half of the rows, and half of the other two.
  const double qkv = (8 + 2 * 4) * 32, outputs = 8 * 32;
  const double adapters_flops = 3 * 4 * 64.0 * 128 * 2 * 16 * (256 + qkv + outputs + 256);
  CHECK_THAT(
      totals(graph).flops,
      WithinRel(training_step_flops(small_dense(), t, unfused()).model.value() + adapters_flops,
                1e-9));
  std::size_t wgrads = 0;
  for (const ComputeOp& op : graph.compute_ops) {
    if (op.kind != OpKind::gemm || op.label.find("wgrad") == std::string::npos) continue;
    CHECK(op.label == "adapter wgrad");
    ++wgrads;
  }
  CHECK(wgrads == 4);  // A and B beside two matrices
  // 4 layers of rank-16 adapters: 16 (2 h + (qkv + a d)/TP), FP32, on 8 devices.
  const double adapters = 4 * 16 * (2 * 256 + ((8 + 2 * 4) * 32 + 8 * 32) / 2.0);
  CHECK_THAT(bytes(totals(graph), "dp REDUCE_SCATTER"), WithinRel(8 * adapters * 4, 1e-9));
}

TEST_CASE("sequence parallelism gathers and scatters s b h per matrix pair",
          "[workload][closed-form]") {
  const ModelSpec m = small_dense();
  const TrainingSpec t = small_training();
  const auto sum = totals(build_training_step(m, parallelism(4, 1), t, small_fabric(1, 8), {}));
  // DP2: 32 micro-batches per rank, 8 ranks; 2 bytes. Per layer: forward 2 gathers and 2 scatters,
  // backward 2 gathers of gradients, 2 of inputs, 2 scatters. Embedding: scatter, gather. Head:
  // gather; backward gather and scatter.
  const double unit = 8 * 32 * 128.0 * 256 * 2;
  CHECK_THAT(bytes(sum, "tp ALL_GATHER"), WithinRel(unit * (4 * (2 + 4) + 1 + 2), 1e-9));
  CHECK_THAT(bytes(sum, "tp REDUCE_SCATTER"), WithinRel(unit * (4 * (2 + 2) + 1 + 1), 1e-9));
  CHECK_THAT(bytes(sum, "tp ALL_REDUCE"),
             WithinRel(8 * 32 * 128.0 * 12, 1e-9));  // loss: three FP32 per token
}

TEST_CASE("without sequence parallelism four all-reduces of s b h per layer",
          "[workload][closed-form]") {
  ParallelismSpec p = parallelism(4, 1);
  p.sequence = false;
  const auto sum =
      totals(build_training_step(small_dense(), p, small_training(), small_fabric(1, 8), {}));
  const double unit = 8 * 32 * 128.0 * 256 * 2;
  CHECK_THAT(bytes(sum, "tp ALL_REDUCE"),
             WithinRel(unit * (4 * 4 + 2) + 8 * 32 * 128.0 * 12, 1e-9));
  CHECK(bytes(sum, "tp ALL_GATHER") == 0);
}

TEST_CASE("pipeline transfers carry s b h / TP with sequence parallelism, s b h without",
          "[workload][closed-form]") {
  ParallelismSpec p = parallelism(2, 4);
  for (const bool sequence : {true, false}) {
    p.sequence = sequence;
    const auto sum =
        totals(build_training_step(small_dense(), p, small_training(), small_fabric(2, 8), {}));
    // 3 boundaries, both directions, 64 micro-batches over DP2, every TP rank.
    CHECK_THAT(bytes(sum, "pp"),
               WithinRel(3 * 2 * 64.0 * 2 * 128 * 256 * 2 / (sequence ? 2 : 1), 1e-9));
  }
}

TEST_CASE("expert dispatch and combine carry top-k copies of every token, each way, twice",
          "[workload][closed-form]") {
  ParallelismSpec p = parallelism(2, 1);
  p.expert = 8;
  p.expert_tensor = 1;
  TrainingSpec t = small_training();
  auto sum = totals(build_training_step(small_moe(), p, t, small_fabric(1, 8), {}));
  // 3 MoE layers, 64 sequences of 128 tokens, top 2, hidden 256, 2 bytes; dispatch, combine and
  // their gradients.
  CHECK_THAT(bytes(sum, "ep ALL_TO_ALL"), WithinRel(4 * 3 * 64.0 * 128 * 2 * 256 * 2, 1e-9));
  t.formats.dispatch = "fp8";
  sum = totals(build_training_step(small_moe(), p, t, small_fabric(1, 8), {}));
  CHECK_THAT(bytes(sum, "ep ALL_TO_ALL"), WithinRel(3.5 * 3 * 64.0 * 128 * 2 * 256 * 2, 1e-9));
}

TEST_CASE(
    "context parallelism gathers keys and values forward and backward and scatters their gradients",
    "[workload][closed-form]") {
  ParallelismSpec p = parallelism(2, 1);
  p.context = 4;
  const auto sum =
      totals(build_training_step(small_dense(), p, small_training(), small_fabric(1, 8), {}));
  // K and V of the whole sequence: 2 kv d / TP elements of 2 bytes per token, on 8 ranks, 64
  // micro-batches, 4 layers.
  const double unit = 8 * 64 * 4 * 128.0 * 2 * 4 * 32 / 2 * 2;
  CHECK_THAT(bytes(sum, "cp ALL_GATHER"), WithinRel(2 * unit, 1e-9));
  CHECK_THAT(bytes(sum, "cp REDUCE_SCATTER"), WithinRel(unit, 1e-9));
}

TEST_CASE("gradients are reduced once in FP32 and weights gathered once in BF16",
          "[workload][closed-form]") {
  TrainingSpec t = small_training();
  const ModelSpec m = small_dense();
  const double n = model_parameters(m).total;
  for (const bool overlap : {true, false})
    for (const double bucket : {0.0, 1e5}) {
      t.overlap_gradients = t.overlap_parameters = overlap;
      t.bucket = Bytes(bucket);
      const TaskGraph graph = build_training_step(m, {}, t, small_fabric(1, 8), {});
      const auto sum = totals(graph);
      CHECK_THAT(bytes(sum, "dp REDUCE_SCATTER"), WithinRel(8 * 4 * n, 1e-9));
      CHECK_THAT(bytes(sum, "dp ALL_GATHER"), WithinRel(8 * 2 * n, 1e-9));
    }
  t.optimizer_sharding = 0;
  t.formats.reduce = "bf16";
  const auto sum = totals(build_training_step(m, {}, t, small_fabric(1, 8), {}));
  CHECK_THAT(bytes(sum, "dp ALL_REDUCE"), WithinRel(8 * 2 * n, 1e-9));
  CHECK(bytes(sum, "dp ALL_GATHER") == 0);
}

TEST_CASE("expert gradients are reduced among the ranks that hold the same experts", "[workload]") {
  ParallelismSpec p;
  p.expert = 4;
  const ModelSpec m = small_moe();
  const TaskGraph graph = build_training_step(m, p, small_training(), small_fabric(2, 8), {});
  double experts = 0, expert_bytes = 0;
  for (int layer = 0; layer < m.layers; ++layer) experts += layer_parameters(m, layer).experts;
  for (const Task& task : graph.tasks) {
    if (task.kind != TaskKind::collective) continue;
    const CollectiveOp& op = graph.collectives[task.op];
    if (op.type == CollectiveType::REDUCE_SCATTER &&
        graph.groups[op.group].name.starts_with("expert-dp")) {
      CHECK(graph.groups[op.group].classes[0] == std::vector<DeviceId>{0, 4, 8, 12});
      expert_bytes += op.bytes;
    }
  }
  CHECK_THAT(expert_bytes, WithinRel(4 * experts / 4, 1e-9));
}

TEST_CASE("first and last stage sum the gradients of a tied embedding", "[workload]") {
  ModelSpec m = small_dense();
  m.tied_embedding = true;
  const TaskGraph graph =
      build_training_step(m, parallelism(2, 4), small_training(), small_fabric(2, 8), {});
  const auto sum = totals(graph);
  // V h / TP in FP32 on 2 stages of 4 ranks.
  CHECK_THAT(bytes(sum, "dp ALL_REDUCE"), WithinRel(8 * 1024.0 * 256 / 2 * 4, 1e-9));
}

TEST_CASE("Adam moves 30 bytes per parameter that a rank owns", "[workload][closed-form]") {
  const ModelSpec m = small_dense();
  TrainingSpec t = small_training();
  const TaskGraph graph = build_training_step(m, {}, t, small_fabric(1, 8), {});
  for (const ComputeOp& op : graph.compute_ops)
    if (op.label == "optimizer")
      CHECK_THAT(op.memory_bytes, WithinRel(30 * model_parameters(m).total / 8, 1e-9));
}

TEST_CASE("step overhead of the host comes once, at the end", "[workload]") {
  SoftwareSpec software;
  software.step_overhead = Seconds(0.5);
  const TaskGraph graph = build_training_step(small_dense(), parallelism(1, 2), small_training(),
                                              small_fabric(1, 8), software);
  const auto outcome = test_graphs::run_graph(graph, [&](const Task& task) {
    double seconds = 0;
    for (const OpRun& run : graph.op_sequences[task.op])
      seconds += graph.compute_ops[run.op].seconds;
    return seconds;
  });
  CHECK(outcome.makespan == 0.5);
}

TEST_CASE("every configuration runs to its end", "[workload][property]") {
  for (const ModelSpec& m : {small_dense(), small_moe()})
    for (const int pipeline : {1, 2, 4})
      for (const int tensor : {1, 2})
        for (const int context : {1, 2})
          for (const bool fold : {true, false})
            for (const bool overlap : {true, false}) {
              ParallelismSpec p = parallelism(tensor, pipeline, pipeline == 2 ? 2 : 1);
              p.context = context;
              TrainingSpec t = small_training();
              t.overlap_gradients = t.overlap_parameters = overlap;
              if (m.moe) p.expert = 16 / pipeline / tensor >= 4 ? 4 : 2;
              const TaskGraph graph =
                  build_training_step(m, p, t, small_fabric(2, 8), {}, {.fold = fold});
              validate(graph);
              const auto outcome = test_graphs::run_graph(graph, [](const Task&) { return 1.0; });
              CHECK(outcome.finished == graph.tasks.size());
            }
}

TEST_CASE("the 405B step on 16,384 devices folds into at most 60,000 tasks", "[workload]") {
  ParallelismSpec p = parallelism(8, 16, 8);
  TrainingSpec t;
  t.global_batch = 2048;
  t.sequence = 8192;
  const ModelSpec m = model("Llama-3.1-405B");
  const Fabric fabric = small_fabric(2048, 8);
  const TaskGraph graph = build_training_step(m, p, t, fabric, {});
  validate(graph);
  CHECK(graph.tasks.size() <= 60000);
  const auto outcome = test_graphs::run_graph(graph, [](const Task&) { return 1.0; });
  CHECK(outcome.finished == graph.tasks.size());
}

TEST_CASE("an unfolded step has every rank", "[workload]") {
  ParallelismSpec p = parallelism(8, 16, 8);
  TrainingSpec t;
  t.global_batch = 64;
  t.sequence = 8192;
  const TaskGraph graph =
      build_training_step(model("Llama-3.1-405B"), p, t, small_fabric(64, 8), {}, {.fold = false});
  CHECK(graph.ranks.size() == 512);
}

TEST_CASE("tokens are dispatched within the scale-up domains that the fabric has", "[workload]") {
  using Members = std::vector<DeviceId>;
  const auto groups = [](int nodes, int tensor, int expert, int expert_tensor = 1) {
    ModelSpec m = small_moe();
    m.moe->experts = 16;
    ParallelismSpec p = parallelism(tensor, 1);
    p.expert = expert;
    p.expert_tensor = expert_tensor;
    p.expert_dispatch = ExpertDispatch::once_per_rank;
    const TaskGraph graph = build_training_step(m, p, small_training(), small_fabric(nodes, 8), {});
    validate(graph);
    std::pair<Members, Members> found;  // within a domain, between domains
    for (const CollectiveOp& op : graph.collectives) {
      const auto& group = graph.groups[op.group];
      if (group.name.starts_with("ep-node")) found.first = group.classes[0];
      if (group.name.starts_with("ep-rail")) found.second = group.classes[0];
    }
    return found;
  };
  const Members node = {0, 1, 2, 3, 4, 5, 6, 7}, none;
  // EP 16 on two nodes: the domain is a node's 8, and rank i of one meets rank i of the other.
  CHECK(groups(2, 1, 16) == std::pair(node, Members{0, 8}));
  CHECK(groups(2, 1, 8) == std::pair(node, none));
  CHECK(groups(1, 1, 8) == std::pair(node, none));
  // Experts split 4 ways: two expert ranks in a node.
  CHECK(groups(4, 4, 8, 4) == std::pair(Members{0, 4}, Members{0, 8, 16, 24}));
  // One rank in every node: the plane that joins all is the fastest, for the whole group.
  CHECK(groups(2, 8, 2, 8) == std::pair(Members{0, 8}, none));
}
