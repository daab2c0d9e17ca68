#include <catch2/catch.hpp>

#include <cmath>

#include <fmt/format.h>

#include "unit/workload/models.hpp"
#include "xpusim/workload.hpp"

using namespace xpusim;
using namespace test_models;
using Catch::Matchers::WithinRel;

TEST_CASE("parameter counts of published architectures match within 0.5 %",
          "[workload][validation]") {
  for (const Published& row : published()) {
    const ModelParameters p = model_parameters(model(row));
    INFO(row.name << ": " << p.total / 1e9 << " B, active " << p.active / 1e9 << " B");
    CHECK(std::abs(p.total / 1e9 / row.total - 1) < 0.005);
    if (row.active > 0) CHECK(std::abs(p.active / 1e9 / row.active - 1) < 0.005);
    if (row.active == 0) CHECK(p.active == p.total);
  }
}

TEST_CASE("KV bytes per token are 2 L kv d 2, and L (kv rank + rope) 2 for MLA", "[workload]") {
  for (const Published& row : published()) {
    INFO(row.name);
    CHECK(kv_bytes_per_token(model(row)).value() == row.kv_bytes);
  }
  CHECK(kv_bytes_per_token(model("DeepSeek-V3"), "fp8").value() == 70272 / 2);
}

TEST_CASE("an MTP module of DeepSeek-V3 holds 11.6 B parameters of its own", "[workload]") {
  ModelSpec v3 = model("DeepSeek-V3");
  v3.mtp_layers = 1;
  CHECK_THAT(model_parameters(v3).mtp, WithinRel(11.6e9, 0.005));
  CHECK(model_parameters(v3).total == model_parameters(model("DeepSeek-V3")).total);
}

TEST_CASE("with full recomputation a GPT step takes 96 B s l h^2 (1 + s/6h + V/16lh) FLOPs",
          "[workload][closed-form]") {
  // Narayanan et al. 2021 (arXiv 2104.04473), equation 3.
  for (const char* name : {"GPT-3 175B", "MT-NLG 530B", "Megatron 1T"}) {
    const ModelSpec m = model(name);
    TrainingSpec t;
    t.global_batch = 1536;
    t.sequence = 2048;
    t.recompute = Recompute::full;
    const double B = t.global_batch, s = t.sequence, l = m.layers, h = m.hidden, V = m.vocabulary;
    const double expected = 96 * B * s * l * h * h * (1 + s / (6 * h) + V / (16 * l * h));
    CHECK_THAT(training_step_flops(m, t, {}).hardware.value(), WithinRel(expected, 1e-9));
    // Model FLOPs, Korthikanti et al. 2022 (arXiv 2205.05198), equation 7.
    const double model_flops = 72 * B * l * s * h * h * (1 + s / (6 * h) + V / (12 * h * l));
    CHECK_THAT(training_step_flops(m, t, {}).model.value(), WithinRel(model_flops, 1e-9));
  }
}

TEST_CASE("MFU follows from the iteration times that Korthikanti et al. print",
          "[workload][validation]") {
  struct Row {
    const char* name;
    int gpus, batch;
    double seconds, mfu;
  };
  for (const Row& row :
       {Row{"Megatron 22B", 8, 4, 1.10, 0.415}, Row{"GPT-3 175B", 64, 64, 13.75, 0.514},
        Row{"MT-NLG 530B", 280, 280, 37.83, 0.560}, Row{"Megatron 1T", 512, 512, 71.49, 0.563}}) {
    TrainingSpec t;
    t.global_batch = row.batch;
    t.sequence = 2048;
    const double mfu = training_step_flops(model(row.name), t, {}).model.value() /
                       (row.gpus * 312e12 * row.seconds);
    INFO(row.name << " " << mfu);
    CHECK(std::abs(mfu / row.mfu - 1) < 0.01);
  }
}

TEST_CASE(
    "selective recomputation repeats the attention products once and nothing under a fused kernel",
    "[workload]") {
  const ModelSpec m = model("GPT-3 175B");
  TrainingSpec t;
  t.global_batch = 1;
  t.sequence = 2048;
  t.recompute = Recompute::selective;
  SoftwareSpec software;
  CHECK(training_step_flops(m, t, software).hardware == training_step_flops(m, t, software).model);
  software.flash_attention = false;
  const StepFlops flops = training_step_flops(m, t, software);
  CHECK_THAT((flops.hardware - flops.model).value(),
             WithinRel(96 * 4.0 * 2048 * 2048 * 12288, 1e-9));
}

TEST_CASE("causal counting halves attention, a frozen base saves one product of three",
          "[workload]") {
  const ModelSpec m = model("Llama-2-70B");
  const double full = forward_flops_per_token(m, 4096).value();
  const double causal = forward_flops_per_token(m, 4096, AttentionCount::causal).value();
  CHECK_THAT(full - causal, WithinRel(80 * 2.0 * 4096 * 64 * 128, 1e-9));  // L 2 s a d
  TrainingSpec t;
  t.global_batch = 8;
  t.sequence = 4096;
  const double trained = training_step_flops(m, t, {}).model.value();
  t.frozen_base = 1;
  const double attention = 80 * 4.0 * 4096 * 64 * 128;
  CHECK_THAT(trained - training_step_flops(m, t, {}).model.value(),
             WithinRel((full - attention) * 8 * 4096, 1e-9));
}

TEST_CASE("6 N per token: matrices count two FLOPs per weight and three passes", "[workload]") {
  const ModelSpec m = model("Llama-3.1-405B");
  const ModelParameters p = model_parameters(m);
  TrainingSpec t;
  t.global_batch = 1;
  t.sequence = 8192;
  const double norms = (2.0 * 126 + 1) * 16384;
  const double expected = 6 * (p.total - p.embedding - norms) + 12.0 * 126 * 8192 * 16384;
  CHECK_THAT(training_step_flops(m, t, {}).model.value() / 8192, WithinRel(expected, 1e-9));
}
