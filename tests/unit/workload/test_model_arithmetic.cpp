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

TEST_CASE("a layer's shape follows window_every, linear.every, moe.every and blocks",
          "[workload]") {
  ModelSpec m = small_dense();
  m.layers = 6;
  m.window = 16;
  for (int layer = 0; layer < 6; ++layer) CHECK(layer_shape(m, layer).mixer == Mixer::windowed);
  m.window_every = 3;  // full attention in the 3rd and 6th
  const auto mixers = [&] {
    std::string text;
    for (int layer = 0; layer < m.layers; ++layer)
      text += "fwlmn"[static_cast<std::size_t>(layer_shape(m, layer).mixer)];
    return text;
  };
  CHECK(mixers() == "wwfwwf");
  m.window = 0;
  CHECK(mixers() == "ffffff");
  m.linear_attention = LinearAttentionSpec{2, 4, 8, 8, 4, 2};
  CHECK(mixers() == "lflflf");
  m.linear_attention->every = 0;
  CHECK(mixers() == "llllll");
  m.linear_attention.reset();

  m.moe = MoeSpec{8, 2, 1, 128, 2};
  m.moe->every = 2;  // after two dense layers the 2nd and 4th
  std::string experts;
  for (int layer = 0; layer < 6; ++layer) experts += is_moe_layer(m, layer) ? 'E' : '-';
  CHECK(experts == "---E-E");
  CHECK(is_moe_layer(m, 6));  // of an MTP module

  m.mamba = MambaSpec{4, 8, 16, 2, 4};
  m.blocks = "ME-MEA";
  CHECK(mixers() == "mnnmnf");
  for (int layer = 0; layer < 6; ++layer) {
    const LayerShape shape = layer_shape(m, layer);
    CHECK(shape.norms == 1);
    CHECK(shape.moe == (m.blocks[static_cast<std::size_t>(layer)] == 'E'));
    CHECK(shape.ffn == (layer == 1 || layer == 2 || layer == 4));
  }
}

TEST_CASE("parameters of every mixer, biases and norms, tensor by tensor",
          "[workload][closed-form]") {
  ModelSpec m = small_dense();  // h 256, 8 heads and 4 KV heads of 32, FFN 512, V 1024
  const double plain = layer_parameters(m, 0).attention;
  CHECK(plain == 2 * 256 * 256 + 2 * 256 * 128);
  m.qkv_bias = true;
  CHECK(layer_parameters(m, 0).attention - plain == 256 + 2 * 128);
  m.bias = true;  // includes them
  CHECK(layer_parameters(m, 0).attention - plain == 256 + 2 * 128 + 256);
  m.bias = m.qkv_bias = false;
  m.qk_norm = true;
  CHECK(layer_parameters(m, 0).attention - plain == 2 * 32);
  m.qk_norm = false;

  // Gated DeltaNet: q and k of 2 heads of 16, v and z of 4 heads of 24, a and b, conv 4, out.
  m.linear_attention = LinearAttentionSpec{2, 4, 16, 24, 4, 0};
  CHECK(layer_parameters(m, 0).attention ==
        256 * (2 * 32 + 2 * 96 + 2 * 4) + 4 * (64 + 96) + 2 * 4 + 24 + 96 * 256);
  m.linear_attention = LinearAttentionSpec{8, 8, 32, 32, 0, 0};  // lightning: q, k, v, gate, out
  CHECK(layer_parameters(m, 0).attention == 5 * 256 * 256 + 256);
  m.linear_attention.reset();

  m.mamba = MambaSpec{8, 16, 32, 2, 4};  // width 128, channels 128 + 2 x 2 x 32 = 256
  m.moe = MoeSpec{8, 2, 1, 64, 0};
  m.moe->shared_ffn = 96;
  m.moe->latent = 40;
  m.gated = false;
  m.blocks = "MEA-";
  const LayerParameters mamba = layer_parameters(m, 0);
  CHECK(mamba.total() == 256 * (128 + 256 + 8) + 5 * 256 + 3 * 8 + 128 + 128 * 256 + 256);
  const LayerParameters experts = layer_parameters(m, 1);
  CHECK(experts.attention == 0);
  CHECK(experts.dense_ffn == 2 * 256 * 96);
  CHECK(experts.router == 256 * 8 + 2 * 256 * 40);
  CHECK(experts.experts == 8 * 2 * 40 * 64);
  CHECK(experts.active_experts == 2 * 2 * 40 * 64);
  CHECK(experts.norms == 256);
  CHECK(layer_parameters(m, 2).total() == plain + 256);
  CHECK(layer_parameters(m, 3).total() == 2 * 256 * 512 + 256);
}

TEST_CASE("windowed layers hold a window, linear and Mamba-2 layers a state", "[workload]") {
  ModelSpec m = small_dense();  // 4 layers, 2 x 4 x 32 elements per token and layer
  m.window = 100;
  m.window_every = 4;  // one full, three windowed
  const double element = 2 * 4 * 32 * 2;
  CHECK(kv_bytes_per_token(m).value() == 4 * element);
  CHECK(kv_bytes_per_sequence(m, 60).value() == 4 * 60 * element);
  CHECK(kv_bytes_per_sequence(m, 1000).value() == (1000 + 3 * 100) * element);
  CHECK(state_bytes_per_sequence(m).value() == 0);

  m.window = 0;
  m.linear_attention = LinearAttentionSpec{2, 4, 16, 24, 4, 4};
  CHECK(kv_bytes_per_sequence(m, 1000).value() == 1000 * element);
  CHECK(state_bytes_per_sequence(m).value() == 3 * (4 * 16 * 24 * 4.0 + 3 * (64 + 96) * 2));
  CHECK(state_bytes_per_sequence(m, "bf16").value() == 3 * (4 * 16 * 24 * 2.0 + 3 * (64 + 96) * 2));
  m.linear_attention.reset();
  m.mamba = MambaSpec{8, 16, 32, 2, 4};
  m.moe = MoeSpec{8, 2, 1, 64, 0};
  m.blocks = "MEMA";
  CHECK(kv_bytes_per_sequence(m, 1000).value() == 1000 * element);
  CHECK(state_bytes_per_sequence(m).value() == 2 * (8 * 16 * 32 * 4.0 + 3 * 256 * 2));
}

TEST_CASE("FLOPs of every mixer", "[workload][closed-form]") {
  ModelSpec m = small_dense();
  const auto flops = [&](Mixer mixer, int s, AttentionCount count) {
    return mixer_flops_per_token(m, mixer, s, count).value();
  };
  const auto full = AttentionCount::full, causal = AttentionCount::causal;
  const double pair = 2.0 * 8 * (32 + 32);
  m.window = 64;
  CHECK(flops(Mixer::attention, 256, full) == 256 * pair);
  CHECK(flops(Mixer::attention, 256, causal) == 128 * pair);
  CHECK(flops(Mixer::windowed, 256, full) == 64 * pair);
  // The first 64 queries meet 32 keys on average, the other 192 meet 64.
  CHECK(flops(Mixer::windowed, 256, causal) == (64 * 32 + 192 * 64) / 256.0 * pair);
  CHECK(flops(Mixer::windowed, 48, causal) == flops(Mixer::attention, 48, causal));
  CHECK(flops(Mixer::none, 256, full) == 0);

  m.mamba = MambaSpec{8, 16, 32, 2, 4};
  // Per chunk of 128 tokens: C B^T 2 Q^2 N G, times X 2 Q^2 H P, the state and its use 2 Q N H P.
  const double Q = 128, per_chunk = 2 * Q * Q * 32 * 2 + 2 * Q * Q * 128 + 4 * Q * 32 * 128;
  CHECK_THAT(flops(Mixer::mamba, 4096, full), WithinRel(per_chunk / Q, 1e-12));
  CHECK(flops(Mixer::mamba, 4096, full) == flops(Mixer::mamba, 1 << 20, full));
  CHECK_THAT(flops(Mixer::mamba, 4096, full) - flops(Mixer::mamba, 4096, causal),
             WithinRel(Q * (64 + 128), 1e-12));

  m.linear_attention = LinearAttentionSpec{2, 4, 16, 24, 4, 0};
  // Per head and chunk of 64: three products with keys, two with values, three with the state.
  CHECK(flops(Mixer::linear, 4096, full) == 4 * (2 * 64 * (3 * 16 + 2 * 24) + 6 * 16 * 24));
  m.linear_attention = LinearAttentionSpec{8, 8, 32, 32, 0, 0};
  CHECK(flops(Mixer::linear, 4096, causal) == 8 * (256 * (32 + 32) + 4 * 32 * 32));
}

TEST_CASE("a hybrid's forward pass sums its blocks, full recomputation repeats the scan",
          "[workload][closed-form]") {
  ModelSpec m = small_dense();
  m.gated = false;
  m.mamba = MambaSpec{8, 16, 32, 2, 4};
  m.moe = MoeSpec{8, 2, 1, 64, 0};
  m.moe->latent = 40;
  m.blocks = "MEA-";
  const double head = 2.0 * 1024 * 256;
  const double matrices = 256 * (128 + 256 + 8) + 128 * 256                          // M
                          + 256 * 8 + 2 * 256 * 40 + 2 * 256 * 64 + 2 * 2 * 40 * 64  // E
                          + 2 * 256 * 256 + 2 * 256 * 128                            // A
                          + 2 * 256 * 512;                                           // -
  const double mixing = mixer_flops_per_token(m, Mixer::mamba, 512).value() +
                        mixer_flops_per_token(m, Mixer::attention, 512).value();
  CHECK_THAT(forward_flops_per_token(m, 512).value(),
             WithinRel(2 * matrices + head + mixing, 1e-12));
  TrainingSpec t;
  t.global_batch = 1;
  t.sequence = 512;
  t.recompute = Recompute::full;
  const StepFlops step = training_step_flops(m, t, {});
  CHECK_THAT(step.model.value(), WithinRel(512 * 3 * (2 * matrices + head + mixing), 1e-12));
  CHECK_THAT((step.hardware - step.model).value(), WithinRel(512 * (2 * matrices + mixing), 1e-12));
}

TEST_CASE("hardware FLOPs count the modules and the layers that recomputation repeats",
          "[workload][closed-form]") {
  ModelSpec m = small_moe();  // layer 0 dense of 512, then 8 experts of 128, top 2, one shared
  TrainingSpec t;
  t.global_batch = 2;
  t.sequence = 64;
  const auto repeated = [&](const ParallelLayout* layout = nullptr) {
    const StepFlops f = training_step_flops(m, t, {}, AttentionCount::full, layout);
    return (f.hardware - f.model).value() / (2 * 64);
  };
  t.recompute = Recompute::selective;
  CHECK(repeated() == 0);
  const double expert = 3 * 256 * 128, scores = 4.0 * 64 * 8 * 32;
  t.recompute_modules = {"core_attn"};
  CHECK_THAT(repeated(), WithinRel(4 * scores, 1e-12));
  t.recompute_modules = {"mlp"};
  CHECK_THAT(repeated(), WithinRel(2.0 * 3 * 256 * 512, 1e-12));
  t.recompute_modules = {"moe"};
  CHECK_THAT(repeated(), WithinRel(3 * 2.0 * (256 * 8 + 3 * expert), 1e-12));
  t.recompute_modules = {"moe", "shared_experts"};  // once
  CHECK_THAT(repeated(), WithinRel(3 * 2.0 * (256 * 8 + 3 * expert), 1e-12));
  t.recompute_modules = {"shared_experts", "moe_act", "layernorm"};
  CHECK_THAT(repeated(), WithinRel(3 * 2.0 * expert, 1e-12));
  m.mla = MlaSpec{48, 32, 16, 8, 24};
  t.recompute_modules = {"mla_up_proj"};
  CHECK_THAT(repeated(), WithinRel(4 * 2.0 * 8 * (48 * 24 + 32 * 40), 1e-12));
  m.mla.reset();

  t.recompute_modules.clear();
  t.recompute = Recompute::full;
  const double attention = 2.0 * (2 * 256 * 256 + 2 * 256 * 128) + scores;
  const double dense = attention + 2.0 * 3 * 256 * 512;
  const double moe = attention + 2.0 * (256 * 8 + 3 * expert);
  CHECK_THAT(repeated(), WithinRel(dense + 3 * moe, 1e-12));
  t.recompute_layers = 1;
  ParallelLayout layout;
  layout.layers = {{{0, 1}}, {{2, 3}}};
  CHECK_THAT(repeated(&layout), WithinRel(dense + moe, 1e-12));
}
