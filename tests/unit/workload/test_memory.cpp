#include <catch2/catch.hpp>

#include <cmath>

#include <fmt/format.h>

#include "unit/workload/models.hpp"
#include "unit/workload/refusal.hpp"
#include "xpusim/workload.hpp"

using namespace xpusim;
using namespace test_models;
using Catch::Matchers::WithinRel;

namespace {

constexpr double kGiB = 1073741824.0;

/// One row of Korthikanti et al. 2022: FP16, sequence 2048, TP8, no data parallelism, unfused
/// attention.
struct Paper {
  const char* name;
  int pipeline, virtual_stages, batch, micro_batch;
  double weights_gib, none_gib, sequence_selective_gib;
};
constexpr Paper kPaper[] = {{"Megatron 22B", 1, 1, 4, 4, 45.56, 59.25, 9.5625},
                            {"GPT-3 175B", 8, 3, 64, 1, 45.56, 66.84, 12.35},
                            {"MT-NLG 530B", 35, 3, 280, 1, 31.64, 114.02, 23.08},
                            {"Megatron 1T", 64, 1, 512, 1, 32.96, 131.25, 26.56}};

struct Case {
  ModelSpec model;
  ParallelismSpec parallelism;
  TrainingSpec training;
  SoftwareSpec software;
  [[nodiscard]] ParallelLayout layout() const {
    return resolve_layout(model, parallelism, training,
                          static_cast<std::uint32_t>(8 * parallelism.pipeline));
  }
  [[nodiscard]] double layer() const {
    return layer_activations(model, 0, layout(), training, software).value();
  }
  [[nodiscard]] MemoryPerDevice first_stage() const {
    return training_memory(model, layout(), training, software).front();
  }
};

Case paper_case(const Paper& row, bool sequence, Recompute recompute) {
  Case c;
  c.model = model(row.name);
  c.parallelism.tensor = 8;
  c.parallelism.pipeline = row.pipeline;
  c.parallelism.virtual_stages = row.virtual_stages;
  c.parallelism.sequence = sequence;
  c.training.global_batch = row.batch;
  c.training.micro_batch = row.micro_batch;
  c.training.sequence = 2048;
  c.training.recompute = recompute;
  c.training.optimizer_sharding = 0;
  c.training.formats = {"fp16", "fp16", "fp16", "fp32", "", "fp32", "fp16", ""};
  c.software.flash_attention = false;
  return c;
}

}  // namespace

TEST_CASE("activations of a GPT layer follow Korthikanti's formulas", "[workload][closed-form]") {
  for (const Paper& row : kPaper) {
    const Case base = paper_case(row, false, Recompute::none);
    const double s = 2048, b = row.micro_batch, h = base.model.hidden, a = base.model.heads, t = 8;
    const double sbh = s * b * h, scores = 5 * a * s / h;
    CHECK_THAT(base.layer(), WithinRel(sbh * (10 + 24 / t + scores / t), 1e-9));  // equation 2
    CHECK_THAT(paper_case(row, true, Recompute::none).layer(),
               WithinRel(sbh / t * (34 + scores), 1e-9));  // 4
    CHECK_THAT(paper_case(row, false, Recompute::selective).layer(),
               WithinRel(sbh * (10 + 24 / t), 1e-9));
    CHECK_THAT(paper_case(row, true, Recompute::selective).layer(),
               WithinRel(34 * sbh / t, 1e-9));  // equation 6
    CHECK_THAT(paper_case(row, false, Recompute::full).layer(), WithinRel(2 * sbh, 1e-9));
  }
}

TEST_CASE("a fused attention kernel keeps a log-sum-exp per head instead of the scores",
          "[workload][closed-form]") {
  Case c = paper_case(kPaper[1], true, Recompute::none);
  c.software.flash_attention = true;
  const double s = 2048, h = 12288, a = 96;
  CHECK_THAT(c.layer(), WithinRel(34 * s * h / 8 + 4 * s * a / 8, 1e-9));
}

TEST_CASE("a Llama layer keeps norm inputs, q, k, v, attention output and three FFN tensors",
          "[workload][closed-form]") {
  Case c;
  c.model = model("Llama-3.1-405B");
  c.parallelism.tensor = 8;
  c.parallelism.pipeline = 2;
  c.training.sequence = 8192;
  c.training.global_batch = 2;
  const double s = 8192, h = 16384;
  const double expected =
      2 * s / 8 * (4 * h + (128 + 2 * 8) * 128 + 128 * 128 + 3 * 53248) + 4 * s * 128 / 8;
  CHECK_THAT(c.layer(), WithinRel(expected, 1e-9));
}

TEST_CASE("memory of the first stage is what Korthikanti et al. print", "[workload][validation]") {
  for (const Paper& row : kPaper) {
    const MemoryPerDevice none = paper_case(row, false, Recompute::none).first_stage();
    const MemoryPerDevice lean = paper_case(row, true, Recompute::selective).first_stage();
    const double weights = (none.parameters + none.gradients + none.optimizer).value() / kGiB;
    fmt::print(
        "{:13} weights {:6.2f} GiB ({:+.1f} %), activations {:7.2f} ({:+.1f} %), lean {:6.2f} "
        "({:+.1f} %)\n",
        row.name, weights, 100 * (weights / row.weights_gib - 1), none.activations.value() / kGiB,
        100 * (none.activations.value() / kGiB / row.none_gib - 1), lean.activations.value() / kGiB,
        100 * (lean.activations.value() / kGiB / row.sequence_selective_gib - 1));
    // The paper's figure shows layers alone: without the embedding (and, with one stage, the last
    // norm and logits).
    const ModelSpec m = model(row.name);
    const double ends =
        model_parameters(m).embedding / 8 + (row.pipeline == 1 ? 2.0 * m.hidden : 0);
    CHECK(std::abs((weights - 18 * ends / kGiB) / row.weights_gib - 1) < 0.005);
    const double p = row.pipeline, v = row.virtual_stages;
    // Section 4.2.3: L layers in flight on the first stage, L (1 + (p - 1)/(p v)) with v > 1
    // chunks.
    const double in_flight = m.layers * (v == 1 ? 1 : 1 + (p - 1) / (p * v));
    const Case base = paper_case(row, false, Recompute::none),
               slim = paper_case(row, true, Recompute::selective);
    CHECK(std::abs(in_flight * base.layer() / kGiB / row.none_gib - 1) < 0.002);
    CHECK(std::abs(in_flight * slim.layer() / kGiB / row.sequence_selective_gib - 1) < 0.01);
    CHECK(std::abs(none.activations.value() / kGiB / row.none_gib - 1) < 0.03);
    CHECK(std::abs(lean.activations.value() / kGiB / row.sequence_selective_gib - 1) < 0.03);
  }
}

TEST_CASE("18 bytes per parameter without sharding, 6 + 12 / DP with it",
          "[workload][closed-form]") {
  TrainingSpec t = small_training();
  const ModelSpec m = small_dense();
  const double n = model_parameters(m).total;
  for (const int sharding : {0, 1}) {
    t.optimizer_sharding = sharding;
    const MemoryPerDevice d = training_memory(m, resolve_layout(m, {}, t, 8), t, {}).front();
    CHECK_THAT((d.parameters + d.gradients + d.optimizer).value(),
               WithinRel(n * (sharding ? 6 + 12 / 8.0 : 18), 1e-9));
  }
  t.frozen_base = 1;
  const MemoryPerDevice d = training_memory(m, resolve_layout(m, {}, t, 8), t, {}).front();
  CHECK_THAT((d.parameters + d.gradients + d.optimizer).value(), WithinRel(2 * n, 1e-9));
}

TEST_CASE("parameters of all ranks of a model replica add up to the model",
          "[workload][property]") {
  // Norms, router and the second copy of a tied head are replicated; weigh them out by using none
  // of those.
  ModelSpec m = small_moe();
  m.norms_per_layer = 0;
  TrainingSpec t = small_training();
  ParallelismSpec p;
  p.tensor = 2;
  p.pipeline = 2;
  p.expert = 4;
  p.expert_tensor = 1;
  double sum = 0;
  for (const MemoryPerDevice& d : training_memory(m, resolve_layout(m, p, t, 8), t, {}))
    sum += d.parameters.value() / 2;
  // 2 stages of 4 devices: TP2 x DP2 dense, EP4 experts. Dense parts twice per DP, experts once.
  double experts = 0, router = 0;
  for (int layer = 0; layer < m.layers; ++layer) {
    experts += layer_parameters(m, layer).experts;
    router += layer_parameters(m, layer).router;
  }
  const double final_norm = m.hidden,
               dense = model_parameters(m).total - experts - router - final_norm;
  CHECK_THAT(sum, WithinRel(dense / 2 + experts / 4 + router + final_norm, 1e-9));
}

TEST_CASE("1F1B keeps p - stage micro-batches, interleaving (p - 1)/(p v) more",
          "[workload][closed-form]") {
  TrainingSpec t = small_training();
  ModelSpec m = small_dense();
  m.layers = 8;
  ParallelismSpec p;
  p.pipeline = 4;
  const ParallelLayout plain = resolve_layout(m, p, t, 4);
  const double layer = layer_activations(m, 0, plain, t, {}).value();
  const auto stages = training_memory(m, plain, t, {});
  for (int stage = 0; stage < 3; ++stage)  // the last one also holds logits
    CHECK_THAT(stages[std::size_t(stage)].activations.value(),
               WithinRel((4 - stage) * 2 * layer, 1e-9));
  p.virtual_stages = 2;
  const ParallelLayout interleaved = resolve_layout(m, p, t, 4);
  // Korthikanti et al. 2022, section 4.2.3: L (1 + (p - 1)/(p v)) layers on the first stage.
  CHECK_THAT(training_memory(m, interleaved, t, {}).front().activations.value(),
             WithinRel(8 * layer * (1 + 3 / 8.0), 1e-9));
}

TEST_CASE("more sharding or recomputation never needs more memory", "[workload][property]") {
  const ModelSpec m = model("Llama-2-70B");
  TrainingSpec t;
  t.global_batch = 64;
  t.sequence = 4096;
  const auto total = [&](ParallelismSpec p, TrainingSpec u) {
    return require_fit(m, p, u, {}, 64, Bytes(1e15)).total().value();
  };
  ParallelismSpec p;
  p.tensor = 4;
  p.pipeline = 2;
  TrainingSpec full = t;
  full.recompute = Recompute::full;
  CHECK(total(p, full) <= total(p, t));
  ParallelismSpec wider = p;
  wider.tensor = 8;
  CHECK(total(wider, t) < total(p, t));
  TrainingSpec unsharded = t;
  unsharded.optimizer_sharding = 0;
  CHECK(total(p, t) < total(p, unsharded));
}

TEST_CASE("ZeRO-2 shards gradients, ZeRO-3 parameters, HSDP holds one copy per shard group",
          "[workload][closed-form]") {
  const ModelSpec m = small_moe();
  TrainingSpec t = small_training();
  t.prefetch = 0;
  ParallelismSpec p;
  p.expert = 2;
  const auto at = [&](int zero, int shard) {
    t.optimizer_sharding = zero;
    p.shard = shard;
    return training_memory(m, resolve_layout(m, p, t, 8), t, {}).front();
  };
  const ParallelLayout l = resolve_layout(m, p, t, 8);
  ShardedParameters n;
  for (int layer = 0; layer < m.layers; ++layer)
    n += sharded_parameters(m, l, {{layer}, false, false});
  n += sharded_parameters(m, l, {{}, true, true});
  const double shared = n.dense / 8 + n.experts / 4;  // 8 data ranks, 4 hold the same experts
  CHECK_THAT(at(1, 0).optimizer.value(), WithinRel(12 * shared, 1e-9));
  CHECK_THAT(at(1, 0).gradients.value(), WithinRel(4 * n.total(), 1e-9));
  CHECK_THAT(at(2, 0).gradients.value(), WithinRel(4 * shared, 1e-9));
  CHECK_THAT(at(3, 0).optimizer.value(), WithinRel(12 * shared, 1e-9));
  CHECK(at(3, 0).parameters < at(2, 0).parameters);
  // Two replicas of everything, the experts too.
  CHECK_THAT(at(3, 4).optimizer.value(), WithinRel(2 * 12 * shared, 1e-9));
}

TEST_CASE("buffers are the widest gradients of activations and one placeholder per weight",
          "[workload][closed-form]") {
  const ModelSpec m = small_dense();
  TrainingSpec t = small_training();
  const ParallelLayout l = resolve_layout(m, {}, t, 8);
  const double n = static_cast<double>(t.micro_batch) * t.sequence;
  const double gradients =
      2 * n * std::max<double>(m.ffn * (m.gated ? 3 : 2), m.vocabulary);  // BF16; or the logits'
  CHECK_THAT(training_memory(m, l, t, {}).front().buffers.value(), WithinRel(gradients, 1e-9));
  SoftwareSpec fused;
  fused.weight_gradient_placeholders = true;
  const LayerParameters q = layer_parameters(m, 0);
  CHECK_THAT(training_memory(m, l, t, fused).front().buffers.value(),
             WithinRel(gradients + 2 * (q.attention + q.dense_ffn), 1e-9));
}

TEST_CASE("what is recomputed or quantised is not kept", "[workload][closed-form]") {
  const ModelSpec m = small_dense();
  TrainingSpec t = small_training();
  SoftwareSpec flash;
  const ParallelLayout l = resolve_layout(m, {}, t, 8);
  const auto layer = [&] { return layer_activations(m, 0, l, t, flash).value(); };
  const double n = static_cast<double>(t.micro_batch) * t.sequence, all = layer();
  const double inputs = m.gated ? 2 : 1;
  t.recompute = Recompute::selective;
  t.recompute_modules = {"mlp"};
  CHECK_THAT(all - layer(), WithinRel(2 * n * m.ffn * (inputs + 1), 1e-9));
  t.recompute_modules = {"layernorm"};
  CHECK_THAT(all - layer(), WithinRel(2 * 2 * n * m.hidden, 1e-9));  // outputs of both norms
  t.recompute = Recompute::none;
  t.formats.compute = "fp8";  // inputs of QKV, first and last matrix lose a byte, the output
                              // projection keeps a narrow copy beside
  const double heads = static_cast<double>(m.heads) * m.head_dim;
  CHECK_THAT(all - layer(), WithinRel(n * (2 * m.hidden + m.ffn - heads), 1e-9));
}

TEST_CASE("an overlapped pair on one stage keeps one micro-batch and its largest layer",
          "[workload][closed-form]") {
  const ModelSpec m = small_moe();
  const TrainingSpec t = small_training();
  ParallelismSpec p;
  p.expert = 2;
  const ParallelLayout plain = resolve_layout(m, p, t, 8);
  p.expert_overlap = true;
  const ParallelLayout overlapped = resolve_layout(m, p, t, 8);
  REQUIRE(overlapped.expert_overlap);
  REQUIRE(overlapped.micro_batches > 1);
  double layers = 0, largest = 0;
  for (int layer = 0; layer < m.layers; ++layer) {
    const double kept = layer_activations(m, layer, plain, t, {}).value();
    layers += kept;
    largest = std::max(largest, kept);
  }
  const double n = 128, head = 2 * 2 * n * m.hidden + 4 * n * m.vocabulary;
  const auto kept = [&](const ParallelLayout& l) {
    return training_memory(m, l, t, {}).front().activations.value();
  };
  CHECK_THAT(kept(plain), WithinRel(layers + head, 1e-9));
  CHECK_THAT(kept(overlapped), WithinRel(layers + head + largest, 1e-9));
}

TEST_CASE("a frozen layer keeps the inputs of its adapters, not those of frozen matrices",
          "[workload][closed-form]") {
  const ModelSpec m = small_dense();
  TrainingSpec t = small_training();
  t.frozen_base = 1;
  const ParallelLayout l = resolve_layout(m, {}, t, 8);
  const double n = 128, h = m.hidden, width = m.heads * m.head_dim;
  // Attention: input of the norm, dropped-out input of the adapter and its mask, q, k, v,
  // log-sum-exp, output, dropped-out and with its mask.
  const double attention = n * (h * (2 + 3) + 2 * (m.heads + 2 * m.kv_heads) * m.head_dim +
                                4 * m.heads + width * (2 + 3));
  // FFN: input of the norm, gate and up; neither input of a frozen matrix.
  const double ffn = n * (2 * h + 2 * 2 * m.ffn);
  CHECK_THAT(layer_activations(m, 0, l, t, {}).value(), WithinRel(attention + ffn, 1e-9));
  t.formats.compute = "fp8";  // nothing that is kept was quantised
  CHECK_THAT(layer_activations(m, 0, l, t, {}).value(), WithinRel(attention + ffn, 1e-9));
  // Norms that are computed again: the adapter's input after dropout is none of their outputs.
  t.recompute = Recompute::selective;
  t.recompute_modules = {"layernorm"};
  CHECK_THAT(layer_activations(m, 0, l, t, {}).value(), WithinRel(attention + ffn, 1e-9));
}

TEST_CASE("a frozen scan keeps no input of its projection", "[workload][closed-form]") {
  ModelSpec m = small_dense();
  m.mamba = MambaSpec{4, 16, 32, 1, 4};
  m.blocks = "MMMM";
  m.layers = 4;
  TrainingSpec t = small_training();
  const ParallelLayout l = resolve_layout(m, {}, t, 8);
  const double trained = layer_activations(m, 0, l, t, {}).value();
  t.frozen_base = 1;
  CHECK_THAT(trained - layer_activations(m, 0, l, t, {}).value(),
             WithinRel(128.0 * m.hidden * 2, 1e-9));
}

TEST_CASE("frozen experts keep what the router weights and the inputs of the activation",
          "[workload][closed-form]") {
  const ModelSpec m = small_moe();
  TrainingSpec t = small_training();
  ParallelismSpec p;
  p.expert = 2;
  const ParallelLayout l = resolve_layout(m, p, t, 8);
  const auto experts = [&](int frozen) {  // the same attention in both layers: an MoE one less a
    t.frozen_base = frozen;               // dense one of no FFN
    ModelSpec none = m;
    none.ffn = 0;
    return layer_activations(m, 1, l, t, {}).value() - layer_activations(none, 0, l, t, {}).value();
  };
  // 256 copies of 256, 128 wide inside, one shared of 128: frozen, those returned, gates and ups,
  // probabilities of 8 experts; otherwise also those dispatched and the inputs of last matrices.
  const double n = 128, copies = 256;
  const double frozen = n * 4 * 8 + copies * 2 * 256 + (copies + n) * 128 * 2 * 2;
  CHECK_THAT(experts(1), WithinRel(frozen, 1e-9));
  CHECK_THAT(experts(0), WithinRel(frozen + copies * 2 * 256 + (copies + n) * 128 * 2, 1e-9));
}

TEST_CASE("inputs of the activation function kept in FP8 take half of the bytes",
          "[workload][closed-form]") {
  const double n = 128, copies = 256;
  ParallelismSpec p;
  p.expert = 2;
  const auto saved = [&](const ModelSpec& m, const ParallelismSpec& q, int layer) {
    TrainingSpec t = small_training();
    const ParallelLayout l = resolve_layout(m, q, t, 8);
    const double wide = layer_activations(m, layer, l, t, {}).value();
    t.formats.activation_input = "fp8";
    return wide - layer_activations(m, layer, l, t, {}).value();
  };
  ModelSpec dense = small_dense();
  CHECK_THAT(saved(dense, {}, 0), WithinRel(n * 2 * 512 * (2 - 1), 1e-9));  // gate and up
  dense.gated = false;
  CHECK_THAT(saved(dense, {}, 0), WithinRel(n * 512 * (2 - 1), 1e-9));
  // Experts and the shared one, 128 wide.
  CHECK_THAT(saved(small_moe(), p, 1), WithinRel((copies + n) * 2 * 128 * (2 - 1), 1e-9));
}

TEST_CASE("a job that does not fit is refused with the cheapest changes that make it fit",
          "[workload][refusal]") {
  const ModelSpec m = model("Llama-2-70B");
  TrainingSpec t;
  t.global_batch = 64;
  t.sequence = 4096;
  ParallelismSpec p;
  p.tensor = 8;
  p.pipeline = 2;
  const Bytes capacity(80 * kGiB);
  CHECK(refusal([&] { (void)require_fit(m, p, t, {}, 64, capacity); }).empty());
  t.optimizer_sharding = 0;
  t.micro_batch = 2;
  CHECK(refusal([&] { (void)require_fit(m, p, t, {}, 64, capacity); }) ==
        "does not fit: needs 93.4 GiB per chip, has 80.0 GiB: short by 13.4 GiB (stage 0: "
        "parameters 8.0, gradients "
        "16.1, optimizer 48.2, activations 21.0, buffers 0.2) / any of these fits: "
        "training.optimizer_sharding "
        "1, or "
        "training.recompute \"full\", or parallelism.pipeline 4");
  p.tensor = 1;
  p.pipeline = 1;
  t.optimizer_sharding = 1;
  CHECK(refusal([&] {
          (void)require_fit(m, p, t, {}, 8, capacity);
        }).ends_with(" / use more chips, or chips with more memory"));
}
