// Hugging Face configurations. The texts give the dimensions of public models in the keys of their
// families; where the model is shipped as a part, both must count the same.
#include <catch2/catch.hpp>

#include <cmath>

#include "imported.hpp"
#include "xpusim/workload.hpp"

using namespace xpusim;
using namespace xpusim::testing;

namespace {

/// "a=1 b=[1,2] c='x'" would be shorter, but these are configurations: JSON it is.
std::string config(const std::string& type, const std::string& keys) {
  return R"({"model_type": ")" + type + "\", " + keys + "}";
}

struct Imported {
  ImportedSystem result;
  ModelSpec model;
  ModelParameters count;

  explicit Imported(const std::string& text, ImportOptions options = {})
      : result(import_system({"config.json", text}, {}, std::move(options))) {
    Catalogue catalogue;
    for (const ImportedPart& part : result.parts) catalogue.add_text(part.file, part.text);
    model = catalogue.load<ModelSpec>(result.model);
    count = model_parameters(model);
    CHECK(render(missing_sources(catalogue.document(PartKind::model, result.model))).empty());
    CHECK(result.system.empty());
  }
};

ModelSpec shipped(const std::string& name) {
  Catalogue catalogue({.roots = {XPUSIM_SOURCE_DIR "/configs"}, .overrides = {}});
  return catalogue.load<ModelSpec>(name);
}

/// Layers as letters: f full, w windowed, l linear, m Mamba-2, n none.
std::string mixers(const ModelSpec& model) {
  std::string text;
  for (int layer = 0; layer < model.layers; ++layer)
    text += "fwlmn"[static_cast<std::size_t>(layer_shape(model, layer).mixer)];
  return text;
}
std::string experts(const ModelSpec& model) {
  std::string text;
  for (int layer = 0; layer < model.layers; ++layer) text += is_moe_layer(model, layer) ? 'E' : '-';
  return text;
}

const std::string kQwen3 =
    R"("hidden_size": 4096, "num_hidden_layers": 36, "num_attention_heads": 32,
 "num_key_value_heads": 8, "head_dim": 128, "intermediate_size": 12288, "vocab_size": 151936,
 "tie_word_embeddings": false, "attention_bias": false, "sliding_window": null,
 "use_sliding_window": false, "max_window_layers": 36, "rope_theta": 1000000)";
/// A few sizes that every test below may extend.
const std::string kSmall =
    R"("hidden_size": 64, "num_hidden_layers": 6, "num_attention_heads": 4, "vocab_size": 100)";

}  // namespace

TEST_CASE("configurations of shipped models count the same as the parts", "[import][huggingface]") {
  struct Row {
    const char *model, *type, *keys;
  };
  const Row rows[] = {
      {"llama-3.1-8b", "llama",
       R"("hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32,
 "num_key_value_heads": 8, "intermediate_size": 14336, "vocab_size": 128256, "mlp_bias": false)"},
      {"llama-2-7b", "llama",
       R"("hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32,
 "intermediate_size": 11008, "vocab_size": 32000, "pretraining_tp": 1)"},
      {"mixtral-8x7b", "mixtral",
       R"("hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32,
 "num_key_value_heads": 8, "intermediate_size": 14336, "num_local_experts": 8,
 "num_experts_per_tok": 2, "vocab_size": 32000, "sliding_window": null)"},
      {"qwen2.5-7b", "qwen2",
       R"("hidden_size": 3584, "num_hidden_layers": 28, "num_attention_heads": 28,
 "num_key_value_heads": 4, "intermediate_size": 18944, "vocab_size": 152064,
 "sliding_window": 131072, "use_sliding_window": false)"},
      {"qwen3-30b-a3b", "qwen3_moe",
       R"("hidden_size": 2048, "num_hidden_layers": 48, "num_attention_heads": 32,
 "num_key_value_heads": 4, "head_dim": 128, "intermediate_size": 6144, "moe_intermediate_size": 768,
 "num_experts": 128, "num_experts_per_tok": 8, "decoder_sparse_step": 1, "mlp_only_layers": [],
 "vocab_size": 151936)"},
      {"deepseek-v3", "deepseek_v3",
       R"("hidden_size": 7168, "num_hidden_layers": 61, "num_attention_heads": 128,
 "num_key_value_heads": 128, "intermediate_size": 18432, "moe_intermediate_size": 2048,
 "n_routed_experts": 256, "n_shared_experts": 1, "num_experts_per_tok": 8, "moe_layer_freq": 1,
 "first_k_dense_replace": 3, "q_lora_rank": 1536, "kv_lora_rank": 512, "qk_nope_head_dim": 128,
 "n_group": 8, "topk_group": 4, "qk_rope_head_dim": 64, "v_head_dim": 128,
 "num_nextn_predict_layers": 1, "vocab_size": 129280)"},
      {"deepseek-v2-lite", "deepseek_v2",
       R"("hidden_size": 2048, "num_hidden_layers": 27, "num_attention_heads": 16,
 "num_key_value_heads": 16, "intermediate_size": 10944, "moe_intermediate_size": 1408,
 "n_routed_experts": 64, "n_shared_experts": 2, "num_experts_per_tok": 6, "moe_layer_freq": 1,
 "first_k_dense_replace": 1, "q_lora_rank": null, "kv_lora_rank": 512, "qk_nope_head_dim": 128,
 "qk_rope_head_dim": 64, "v_head_dim": 128, "vocab_size": 102400)"},
      {"kimi-k2", "kimi_k2",
       R"("hidden_size": 7168, "num_hidden_layers": 61, "num_attention_heads": 64,
 "num_key_value_heads": 64, "intermediate_size": 18432, "moe_intermediate_size": 2048,
 "n_routed_experts": 384, "n_shared_experts": 1, "num_experts_per_tok": 8,
 "first_k_dense_replace": 1, "q_lora_rank": 1536, "kv_lora_rank": 512, "qk_nope_head_dim": 128,
 "qk_rope_head_dim": 64, "v_head_dim": 128, "num_nextn_predict_layers": 0, "vocab_size": 163840)"},
      {"gpt-oss-20b", "gpt_oss",
       R"("hidden_size": 2880, "num_hidden_layers": 24, "num_attention_heads": 64,
 "num_key_value_heads": 8, "head_dim": 64, "intermediate_size": 2880, "num_local_experts": 32,
 "experts_per_token": 4, "sliding_window": 128, "attention_bias": true, "swiglu_limit": 7.0,
 "vocab_size": 201088)"},
      {"gpt-3-6.7b", "gpt2",
       R"("n_embd": 4096, "n_layer": 32, "n_head": 32, "n_positions": 2048, "n_inner": null,
 "vocab_size": 50257)"},
      {"mpt-7b", "mpt",
       R"("d_model": 4096, "n_layers": 32, "n_heads": 32, "expansion_ratio": 4, "no_bias": true,
 "max_seq_len": 2048, "vocab_size": 50368, "attn_config": {"alibi": false})"},
      {"nemotron-4-340b", "nemotron",
       R"("hidden_size": 18432, "num_hidden_layers": 96, "num_attention_heads": 96,
 "num_key_value_heads": 8, "head_dim": 192, "intermediate_size": 73728, "vocab_size": 256000,
 "hidden_act": "relu2")"},
      {"chatglm3-6b", "chatglm",
       R"("hidden_size": 4096, "num_layers": 28, "num_attention_heads": 32, "kv_channels": 128,
 "multi_query_attention": true, "multi_query_group_num": 2, "ffn_hidden_size": 13696,
 "padded_vocab_size": 65024, "add_qkv_bias": true, "add_bias_linear": false)"},
  };
  for (const Row& row : rows) {
    INFO(row.model);
    const Imported imported(config(row.type, row.keys));
    const ModelSpec part = shipped(row.model);
    const ModelParameters count = model_parameters(part);
    CHECK(imported.count.total == count.total);
    CHECK(imported.count.active == count.active);
    CHECK(imported.count.mtp == count.mtp);
    CHECK(kv_bytes_per_sequence(imported.model, 4096) == kv_bytes_per_sequence(part, 4096));
    CHECK(mixers(imported.model) == mixers(part));
    CHECK(imported.model.activation_limit == part.activation_limit);
    if (part.moe) {
      CHECK(imported.model.moe->groups == part.moe->groups);
      CHECK(imported.model.moe->top_groups == part.moe->top_groups);
    }
    CHECK(imported.result.notes.empty());
  }
}

TEST_CASE("other families come within 1.5 % of what is published", "[import][huggingface]") {
  struct Row {
    const char* type;
    double billions;
    const char* keys;
  };
  const Row rows[] = {
      {"glm4_moe", 352.8,
       R"("hidden_size": 5120, "num_hidden_layers": 92, "num_attention_heads": 96,
 "num_key_value_heads": 8, "head_dim": 128, "intermediate_size": 12288,
 "moe_intermediate_size": 1536, "n_routed_experts": 160, "n_shared_experts": 1,
 "num_experts_per_tok": 8, "first_k_dense_replace": 3, "attention_bias": true,
 "num_nextn_predict_layers": 1, "use_qk_norm": true, "vocab_size": 151552)"},
      {"minimax_m2", 230,
       R"("hidden_size": 3072, "num_hidden_layers": 62, "num_attention_heads": 48,
 "num_key_value_heads": 8, "head_dim": 128, "intermediate_size": 1536, "num_local_experts": 256,
 "num_experts_per_tok": 8, "shared_intermediate_size": 0, "num_mtp_modules": 3,
 "vocab_size": 200064)"},
      {"hunyuan_v1_moe", 80.4,
       R"("hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32,
 "num_key_value_heads": 8, "head_dim": 128, "intermediate_size": 3072, "num_experts": 64,
 "moe_topk": [8, 8, 8], "moe_intermediate_size": [3072, 3072], "num_shared_expert": [1, 1],
 "tie_word_embeddings": true, "vocab_size": 128167)"},
      {"ernie4_5_moe", 299.5,
       R"("hidden_size": 8192, "num_hidden_layers": 54, "num_attention_heads": 64,
 "num_key_value_heads": 8, "intermediate_size": 28672, "moe_num_experts": 64, "moe_k": 8,
 "moe_num_shared_experts": 0, "moe_layer_start_index": 3, "moe_layer_end_index": 53,
 "moe_layer_interval": 1, "moe_intermediate_size": 3584, "use_bias": false, "vocab_size": 103424)"},
      {"phi3", 3.82,
       R"("hidden_size": 3072, "num_hidden_layers": 32, "num_attention_heads": 32,
 "num_key_value_heads": 32, "intermediate_size": 8192, "sliding_window": 2047,
 "vocab_size": 32064)"},
      {"gemma2", 9.24,
       R"("hidden_size": 3584, "num_hidden_layers": 42, "num_attention_heads": 16,
 "num_key_value_heads": 8, "head_dim": 256, "intermediate_size": 14336, "sliding_window": 4096,
 "vocab_size": 256000)"},
      {"gemma3_text", 1.0,
       R"("hidden_size": 1152, "num_hidden_layers": 26, "num_attention_heads": 4,
 "num_key_value_heads": 1, "head_dim": 256, "intermediate_size": 6912, "sliding_window": 512,
 "sliding_window_pattern": 6, "vocab_size": 262144)"},
      {"olmo2", 7.3,
       R"("hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32,
 "num_key_value_heads": 32, "intermediate_size": 11008, "vocab_size": 100352)"},
      {"falcon", 6.92,  // 7.22 with the tied head stored twice
       R"("hidden_size": 4544, "num_hidden_layers": 32, "num_attention_heads": 71,
 "multi_query": true, "new_decoder_architecture": false, "parallel_attn": true, "bias": false,
 "vocab_size": 65024)"},
      {"gpt_neox", 20.55,
       R"("hidden_size": 6144, "num_hidden_layers": 44, "num_attention_heads": 64,
 "intermediate_size": 24576, "tie_word_embeddings": false, "vocab_size": 50432)"},
      {"mistral", 7.24,
       R"("hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32,
 "num_key_value_heads": 8, "intermediate_size": 14336, "sliding_window": 4096,
 "vocab_size": 32000)"},
      {"qwen2_moe", 14.3,
       R"("hidden_size": 2048, "num_hidden_layers": 24, "num_attention_heads": 16,
 "num_key_value_heads": 16, "intermediate_size": 5632, "moe_intermediate_size": 1408,
 "shared_expert_intermediate_size": 5632, "num_experts": 60, "num_experts_per_tok": 4,
 "decoder_sparse_step": 1, "vocab_size": 151936)"},
      {"qwen3_next", 79.7,
       R"("hidden_size": 2048, "num_hidden_layers": 48, "num_attention_heads": 16,
 "num_key_value_heads": 2, "head_dim": 256, "intermediate_size": 5120,
 "full_attention_interval": 4, "linear_num_key_heads": 16, "linear_num_value_heads": 32,
 "linear_key_head_dim": 128, "linear_value_head_dim": 128, "linear_conv_kernel_dim": 4,
 "moe_intermediate_size": 512, "shared_expert_intermediate_size": 512, "num_experts": 512,
 "num_experts_per_tok": 10, "decoder_sparse_step": 1, "vocab_size": 151936)"},
      {"llama4_text", 400.7,
       R"("hidden_size": 5120, "num_hidden_layers": 48, "num_attention_heads": 40,
 "num_key_value_heads": 8, "head_dim": 128, "intermediate_size": 8192,
 "intermediate_size_mlp": 16384, "num_local_experts": 128, "num_experts_per_tok": 1,
 "interleave_moe_layer_step": 2, "vocab_size": 202048)"},
  };
  for (const Row& row : rows) {
    const Imported imported(config(row.type, row.keys));
    INFO(row.type << ": " << imported.count.total / 1e9 << " B");
    CHECK(std::abs(imported.count.total / 1e9 / row.billions - 1) < 0.015);
  }
}

TEST_CASE("a hybrid of one block per layer is the shipped Nemotron 3 Nano",
          "[import][huggingface]") {
  ImportOptions options;
  options.parameters = 31.6e9;
  const ImportedSystem imported = import_system(import_data("hybrid_config.json"), options);
  CHECK(imported.model == "hybrid-config");
  CHECK(imported.parts.size() == 1);
  CHECK(imported.parts[0].file == "models/hybrid-config.json");
  CHECK(imported.summary ==
        "Hugging Face configuration (nemotron_h): 52 layers of width 2688, 31.58 B parameters, "
        "3.58 B active");
  CHECK(imported.notes ==
        std::vector<std::string>{"31.6 B parameters expected: the count is -0.07 % off"});
  CHECK(imported.ignored == std::vector<std::string>{"chunk_size"});
  Catalogue catalogue;
  catalogue.add_text(imported.parts[0].file, imported.parts[0].text);
  const auto& model = catalogue.load<ModelSpec>("hybrid-config");
  const ModelSpec part = shipped("nemotron-3-nano-30b-a3b");
  CHECK(model.blocks == part.blocks);
  CHECK(model_parameters(model).total == model_parameters(part).total);
  CHECK(state_bytes_per_sequence(model) == state_bytes_per_sequence(part));
  CHECK(model.published_parameters == 31.6e9);
}

TEST_CASE("of a multimodal file the text part is read, with its linear attention",
          "[import][huggingface]") {
  const ImportedSystem imported = import_system(import_data("multimodal_config.json"));
  CHECK(mentions(imported.notes, "'text_config' alone is read"));
  CHECK(
      mentions(imported.notes,
               "output gate of full attention has no field: 0.5033 B of weights are not counted"));
  Catalogue catalogue;
  catalogue.add_text(imported.parts[0].file, imported.parts[0].text);
  const auto& model = catalogue.load<ModelSpec>(imported.model);
  CHECK(mixers(model).substr(0, 8) == "lllflllf");
  CHECK(std::abs(model_parameters(model).total / 397e9 - 1) < 0.015);
  CHECK(model.mtp_layers == 1);
}

TEST_CASE("lists say which layers are full, windowed, linear or dense", "[import][huggingface]") {
  const std::string dense = kSmall + R"(, "intermediate_size": 128, )";
  CHECK(mixers(Imported(config("llama", dense + R"("sliding_window": 8, "layer_types":
 ["sliding_attention", "sliding_attention", "full_attention",
  "sliding_attention", "sliding_attention", "full_attention"])"))
                   .model) == "wwfwwf");
  CHECK(mixers(Imported(config("gemma2", dense + R"("sliding_window": 8)")).model) == "wfwfwf");
  CHECK(mixers(Imported(config("minimax_m1", kSmall + R"(, "intermediate_size": 32,
 "num_local_experts": 4, "num_experts_per_tok": 2, "attn_type_list": [0, 0, 1, 0, 0, 1])"))
                   .model) == "llfllf");
  // At no fixed distance: as many, and a note.
  const Imported odd(config("llama", dense + R"("sliding_window": 8, "layer_types":
 ["full_attention", "sliding_attention", "full_attention",
  "sliding_attention", "sliding_attention", "full_attention"])"));
  CHECK(mixers(odd.model) == "wfwfwf");
  CHECK(mentions(odd.result.notes, "3 of 6 layers have full attention, at no fixed distance"));

  const std::string moe = dense + R"("num_experts": 4, "num_experts_per_tok": 2,
 "moe_intermediate_size": 32, )";
  CHECK(experts(Imported(config("qwen3_moe", moe + R"("decoder_sparse_step": 2)")).model) ==
        "-E-E-E");
  CHECK(experts(Imported(config("qwen3_moe", moe + R"("mlp_only_layers": [0, 1])")).model) ==
        "--EEEE");
  CHECK(experts(Imported(config("deepseek_v3", moe + R"("moe_layer_freq": [0, 1, 1, 1, 1, 1])"))
                    .model) == "-EEEEE");
  CHECK(experts(Imported(config("ernie4_5_moe", moe + R"("moe_layer_start_index": 2,
 "moe_layer_interval": 2)"))
                    .model) == "---E-E");
  const Imported step(config("step3_text", moe + R"("moe_layers_enum": "2,3,4")"));
  CHECK(experts(step.model) == "--EEEE");
  CHECK(mentions(step.result.notes, "1 layers after the first with experts are dense"));
}

TEST_CASE("what has no field is said", "[import][huggingface]") {
  const std::string dense = kSmall + R"(, "intermediate_size": 128, )";
  CHECK(mentions(Imported(config("step3_text", dense + R"("share_q_dim": 16)")).result.notes,
                 "queries of rank 'share_q_dim' 16 have no field"));
  CHECK(mentions(Imported(config("hunyuan", dense + R"("use_cla": true)")).result.notes,
                 "cross-layer attention"));
  CHECK(mentions(Imported(config("deepseek_v32", dense + R"("index_topk": 2048)")).result.notes,
                 "sparse attention"));
  const Imported unknown(config("lama", dense + R"("frobnication": 3, "bos_token_id": 1)"));
  CHECK(mentions(unknown.result.notes, "model_type 'lama' is not known (did you mean 'llama'?)"));
  CHECK(mentions(unknown.result.notes, "a gated FFN"));
  CHECK(unknown.result.ignored == std::vector<std::string>{"frobnication"});
  const Imported relu(config("mine", dense + R"("hidden_act": "relu2")"));
  CHECK(mentions(relu.result.notes, "an ungated FFN"));
  CHECK_FALSE(relu.model.gated);
  CHECK(mentions(Imported("{" + dense + "\"architectures\": [\"X\"]}").result.notes,
                 "a model without 'model_type' is not known"));
  CHECK(mentions(Imported(config("llama", dense + R"("num_parameters": 1000000)")).result.notes,
                 "some of the architecture is not in it"));
}

TEST_CASE("the model is called after the user's name, the file or its folder",
          "[import][huggingface]") {
  const std::string text = config("qwen3", kQwen3);
  const auto name = [&](const std::string& path, const std::string& content,
                        ImportOptions options = {}) {
    return import_system({path, content}, {}, std::move(options)).model;
  };
  CHECK(name("models/Qwen3-8B/config.json", text) == "qwen3-8b");
  CHECK(name("config.json", text) == "config");
  CHECK(name("qwen3.json", text) == "qwen3");
  CHECK(name("x/config.json",
             config("qwen3", R"("_name_or_path": "Qwen/Qwen2.5-8B", )" + kQwen3)) == "qwen2-5-8b");
  ImportOptions options;
  options.name = "mine";
  CHECK(name("config.json", text, options) == "mine");
}

TEST_CASE("a configuration's faults have a line and a column", "[import][huggingface][refusal]") {
  const auto refusal = [](const std::string& text, ImportOptions options = {}) {
    return import_refusal("config.json", text, "", std::move(options));
  };
  const std::string dense = kSmall + R"(, "intermediate_size": 128, )";
  CHECK(refusal("{\"model_type\": \"llama\",\n \"hidden_size\": 64}") ==
        "config.json:1:1: error[missing-key]: the configuration has no 'num_hidden_layers'\n"
        "  1 | {\"model_type\": \"llama\",\n"
        "    | ^ help: it is also called n_layer, n_layers, num_layers");
  CHECK_THAT(refusal("{\"model_type\": \"llama\",\n \"text_config\": {\"hidden_size\": 64}}"),
             Catch::StartsWith("config.json:2:17: error[missing-key]: the configuration has no "
                               "'num_hidden_layers' in 'text_config'"));
  CHECK_THAT(refusal("{\"model_type\": \"llama\",\n \"num_hidden_layers\": \"ten\"}"),
             Catch::StartsWith("config.json:2:23: error[not-a-number]: 'num_hidden_layers' is no "
                               "number"));
  CHECK_THAT(refusal("{\"model_type\": \"llama\",\n \"num_hidden_layers\": 1.5}"),
             Catch::StartsWith("config.json:2:23: error[not-a-number]"));
  CHECK_THAT(refusal("{\"model_type\": \"llama\",\n \"num_hidden_layers\": 0}"),
             Catch::StartsWith("config.json:2:23: error[out-of-range]"));
  CHECK_THAT(refusal("{\"model_type\": 3}"),
             Catch::StartsWith("config.json:1:16: error[wrong-type]: 'model_type' is no text"));
  CHECK_THAT(refusal(config("llama", dense + "\n\"tie_word_embeddings\": 1")),
             Catch::StartsWith("config.json:2:24: error[wrong-type]"));
  CHECK_THAT(
      refusal(config("llama", dense + "\n\"layer_types\": [\"full_attention\"]")),
      Catch::StartsWith("config.json:2:16: error[uneven-layers]: 'layer_types' has 1 entries "
                        "for 6 layers"));
  CHECK_THAT(refusal(config("qwen3_moe", dense + "\n\"num_experts\": 4")),
             Catch::Contains("error[missing-key]: the configuration has no 'num_experts_per_tok'"));
  CHECK_THAT(
      refusal(config("hunyuan", dense + "\n\"num_experts\": 4, \"moe_topk\": [1, 2]")),
      Catch::StartsWith("config.json:2:35: error[uneven-layers]: 'moe_topk' differs from layer to "
                        "layer"));
  CHECK_THAT(refusal(config("qwen3_moe", dense + R"("num_experts": 4, "num_experts_per_tok": 1,
 "moe_intermediate_size": 8, "mlp_only_layers": [0, 1, 2, 3, 4, 5])")),
             Catch::Contains("error[no-experts]"));
  CHECK_THAT(refusal(config("nemotron_h", dense + "\n\"hybrid_override_pattern\": \"MX\"")),
             Catch::StartsWith("config.json:2:28: error[unknown-block]: 'hybrid_override_pattern' "
                               "has a 'X'"));
  CHECK_THAT(refusal(config("nemotron_h", dense + "\n\"hybrid_override_pattern\": \"M-\"")),
             Catch::Contains("the pattern has 2 blocks and 'num_hidden_layers' is 6"));
  CHECK_THAT(refusal(config("nemotron_h", dense + "\"x\": 1")),
             Catch::Contains("has no 'hybrid_override_pattern'"));
  CHECK_THAT(refusal("{\"model_type\": \"llama\""), Catch::StartsWith("config.json:1:"));
  ImportOptions options;
  options.chip = "nvidia-h100-sxm";
  CHECK_THAT(refusal(config("llama", dense + "\"x\": 1"), options),
             Catch::Contains("--chip does not go with huggingface"));
  options = {};
  options.nodes = 2;
  CHECK_THAT(refusal(config("llama", dense + "\"x\": 1"), options),
             Catch::Contains("--nodes does not go with huggingface"));
  options = {};
  options.parameters = -1;
  CHECK_THAT(refusal(config("llama", dense + "\"x\": 1"), options),
             Catch::Contains("error[out-of-range]"));
  options.parameters = 7e9;
  CHECK_THAT(import_refusal("net.yml", "", "", options),
             Catch::Contains("--parameters does not go with astra"));
}
