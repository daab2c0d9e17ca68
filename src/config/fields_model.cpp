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

}  // namespace xpusim::config
