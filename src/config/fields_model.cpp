// Model specs: dimensions of an architecture.
#include <fmt/format.h>

#include "config/spec_tables.hpp"

namespace xpusim::config {

const StructInfo& StructTable<MlaSpec>::info() {
  static constexpr Field fields[] = {
      field<&MlaSpec::q_rank>("q_rank", "Rank of the query compression; 0 = none.").non_negative(),
      field<&MlaSpec::kv_rank>("kv_rank", "Rank of the compressed keys and values.")
          .required()
          .at_least(1),
      field<&MlaSpec::nope_dim>("nope_dim", "Head dimensions without a rotary embedding.")
          .required()
          .at_least(1),
      field<&MlaSpec::rope_dim>("rope_dim", "Head dimensions with a rotary embedding.")
          .required()
          .non_negative(),
      field<&MlaSpec::v_dim>("v_dim", "Value dimensions of a head.").required().at_least(1),
  };
  static constexpr StructInfo info{"mla", "Multi-head latent attention.", fields};
  return info;
}

const StructInfo& StructTable<MoeSpec>::info() {
  static constexpr Field fields[] = {
      field<&MoeSpec::experts>("experts", "Routed experts of a layer.").required().at_least(1),
      field<&MoeSpec::top_k>("top_k", "Routed experts that see a token.").required().at_least(1),
      field<&MoeSpec::shared>("shared", "Shared experts of width ffn.").non_negative(),
      field<&MoeSpec::ffn>("ffn", "Width of one expert.").required().at_least(1),
      field<&MoeSpec::dense_layers>("dense_layers", "First layers that have a dense FFN instead.")
          .non_negative(),
      field<&MoeSpec::every>("every",
                             "Experts in every n-th layer after the dense ones; 1 = in all.")
          .at_least(1),
      field<&MoeSpec::shared_ffn>("shared_ffn", "Width of one shared expert; 0 = ffn.")
          .non_negative(),
      field<&MoeSpec::latent>(
          "latent", "Width that tokens are projected to before routed experts; 0 = hidden.")
          .non_negative(),
      field<&MoeSpec::groups>("groups",
                              "Groups of experts; a token's experts come from top_groups of them.")
          .at_least(1),
      field<&MoeSpec::top_groups>("top_groups", "Groups that a token may use.").at_least(1),
  };
  static constexpr StructInfo info{"moe", "Mixture of experts.", fields};
  return info;
}

void StructTable<MoeSpec>::check(Decoder& d, const JsonValue& v, const std::string& path,
                                 const MoeSpec& moe) {
  const JsonValue* top_k = v.find("top_k");
  if (!top_k || moe.top_k <= moe.experts || moe.experts == 0) return;
  d.diagnostics.error("out-of-range",
                      fmt::format("'{}.top_k' is larger than the {} experts", path, moe.experts),
                      top_k->span);
}

const StructInfo& StructTable<MambaSpec>::info() {
  static constexpr Field fields[] = {
      field<&MambaSpec::heads>("heads", "Heads of the mixer.").required().at_least(1),
      field<&MambaSpec::head_dim>("head_dim", "Dimensions of one head.").required().at_least(1),
      field<&MambaSpec::state>("state", "State dimensions of one group.").required().at_least(1),
      field<&MambaSpec::groups>("groups", "Groups that share B and C.").at_least(1),
      field<&MambaSpec::convolution>("convolution", "Width of the short convolution.").at_least(1),
  };
  static constexpr StructInfo info{"mamba", "Mamba-2 mixer.", fields};
  return info;
}

const StructInfo& StructTable<LinearAttentionSpec>::info() {
  static constexpr Field fields[] = {
      field<&LinearAttentionSpec::key_heads>("key_heads", "Query and key heads.")
          .required()
          .at_least(1),
      field<&LinearAttentionSpec::value_heads>("value_heads", "Value heads.")
          .required()
          .at_least(1),
      field<&LinearAttentionSpec::key_dim>("key_dim", "Dimensions of a key head.")
          .required()
          .at_least(1),
      field<&LinearAttentionSpec::value_dim>("value_dim", "Dimensions of a value head.")
          .required()
          .at_least(1),
      field<&LinearAttentionSpec::convolution>("convolution",
                                               "Width of the short convolution; 0 = none.")
          .non_negative(),
      field<&LinearAttentionSpec::every>(
          "every", "Full attention in every n-th layer, linear in the others; 0 = all linear.")
          .non_negative(),
  };
  static constexpr StructInfo info{"linear_attention", "Linear attention with a gated state.",
                                   fields};
  return info;
}

const StructInfo& StructTable<ModelSpec>::info() {
  static constexpr Field fields[] = {
      field<&ModelSpec::layers>("layers", "Transformer layers.").required().at_least(1),
      field<&ModelSpec::hidden>("hidden", "Width of the residual stream.").required().at_least(1),
      field<&ModelSpec::heads>("heads", "Query heads.").required().at_least(1),
      field<&ModelSpec::kv_heads>("kv_heads", "Key and value heads (grouped-query attention).")
          .required()
          .at_least(1),
      field<&ModelSpec::head_dim>("head_dim", "Dimensions of one head; unused with mla.")
          .non_negative(),
      field<&ModelSpec::ffn>("ffn",
                             "Width of the dense FFN; 0 when every layer is a mixture of experts.")
          .required()
          .non_negative(),
      field<&ModelSpec::gated>("gated", "The FFN has three matrices (SwiGLU) instead of two."),
      field<&ModelSpec::vocabulary>("vocabulary", "Rows of the embedding.").required().at_least(1),
      field<&ModelSpec::tied_embedding>("tied_embedding",
                                        "Input and output embedding are one matrix."),
      field<&ModelSpec::bias>("bias", "Linear layers carry biases."),
      field<&ModelSpec::qkv_bias>("qkv_bias", "The query, key and value projections carry biases."),
      field<&ModelSpec::qk_norm>("qk_norm", "Queries and keys are normalised per head."),
      field<&ModelSpec::activation_limit>(
          "activation_limit",
          "Values before the activation function are clamped to it, in kernels of their own where "
          "the experts are not fused; 0 = no clamp.")
          .non_negative(),
      field<&ModelSpec::window>("window", "Tokens that sliding-window attention sees; 0 = all.")
          .non_negative(),
      field<&ModelSpec::window_every>(
          "window_every",
          "Full attention in every n-th layer, windowed in the others; 1 = windowed in all.")
          .at_least(1),
      field<&ModelSpec::learned_positions>("learned_positions",
                                           "Rows of a learned position embedding.")
          .non_negative(),
      field<&ModelSpec::norms_per_layer>("norms_per_layer", "Normalisations per layer.")
          .non_negative(),
      field<&ModelSpec::layer_norm>("layer_norm",
                                    "LayerNorm (weight and bias) instead of RMSNorm."),
      field<&ModelSpec::mla>("mla",
                             "Multi-head latent attention instead of grouped-query attention."),
      field<&ModelSpec::moe>("moe", "Mixture of experts instead of a dense FFN."),
      field<&ModelSpec::mamba>("mamba", "Mamba-2 mixer of the layers that `blocks` marks M."),
      field<&ModelSpec::linear_attention>("linear_attention",
                                          "Linear attention instead of softmax attention."),
      field<&ModelSpec::blocks>("blocks",
                                "Hybrids whose layers are one block each, a letter per layer: M "
                                "Mamba-2, A attention, E experts, - FFN; empty = attention and FFN "
                                "in every layer."),
      field<&ModelSpec::mtp_layers>("mtp_layers", "Multi-token-prediction layers.").non_negative(),
      field<&ModelSpec::published_parameters>("published_parameters",
                                              "Parameters as published; 0 = not published.")
          .non_negative(),
      field<&ModelSpec::published_active_parameters>(
          "published_active_parameters",
          "Parameters active per token as published; 0 = not published.")
          .non_negative(),
  };
  static constexpr StructInfo info{
      "model",
      "Dimensions of an architecture; parameters, FLOPs and KV bytes are computed from them.",
      fields};
  return info;
}

void StructTable<ModelSpec>::check(Decoder& d, const JsonValue& v, const std::string&,
                                   const ModelSpec& model) {
  const JsonValue* blocks = v.find("blocks");
  if (!blocks || model.blocks.empty()) return;
  const auto refuse = [&](std::string message, std::string help) {
    d.diagnostics.error("out-of-range", std::move(message), blocks->span, std::move(help));
  };
  if (const std::size_t odd = model.blocks.find_first_not_of("MAE-"); odd != std::string::npos) {
    refuse(fmt::format("'blocks' has a '{}' at {}", model.blocks[odd], odd + 1),
           "M Mamba-2, A attention, E experts, - FFN");
    return;
  }
  if (model.layers > 0 && model.blocks.size() != static_cast<std::size_t>(model.layers)) {
    refuse(fmt::format("'blocks' has {} letters for {} layers", model.blocks.size(), model.layers),
           "write one letter per layer");
  }
  const auto needs = [&](char block, bool given, const char* what) {
    if (given || model.blocks.find(block) == std::string::npos) return;
    refuse(fmt::format("'blocks' has {} but the file no '{}'", block, what),
           fmt::format("give \"{}\"", what));
  };
  needs('M', model.mamba.has_value(), "mamba");
  needs('E', model.moe.has_value(), "moe");
  needs('-', model.ffn > 0, "ffn");
}

}  // namespace xpusim::config
