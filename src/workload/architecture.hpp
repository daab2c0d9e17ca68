// Dimensions derived from a model spec that parameters, FLOPs, memory and kernels all need.
#pragma once

#include "xpusim/spec.hpp"

namespace xpusim {

/// Attention as its kernels see it: expanded heads, MLA or not.
struct AttentionShape {
  int heads = 0;
  int kv_heads = 0;
  int key_dim = 0;    ///< of one query or key head
  int value_dim = 0;  ///< of one value head
};
[[nodiscard]] inline AttentionShape attention_shape(const ModelSpec& model) {
  if (model.mla) {
    const MlaSpec& mla = *model.mla;
    return {model.heads, model.heads, mla.nope_dim + mla.rope_dim, mla.v_dim};
  }
  return {model.heads, model.kv_heads, model.head_dim, model.head_dim};
}

/// Matrices of an FFN that read its input: gate and up, or one.
[[nodiscard]] inline int ffn_inputs(const ModelSpec& model) { return model.gated ? 2 : 1; }
/// Width of the FFN that every token visits: dense, or the shared experts together.
[[nodiscard]] inline int common_ffn(const ModelSpec& model, bool moe_layer) {
  return moe_layer ? model.moe->shared * model.moe->ffn : model.ffn;
}
/// GPT-3 class models (learned positions) train with dropout; Llama class models do not.
[[nodiscard]] inline bool uses_dropout(const ModelSpec& model) {
  return model.learned_positions > 0;
}
/// KV heads one tensor-parallel rank holds: replicated when there are fewer heads than ranks.
[[nodiscard]] inline int kv_heads_per_rank(const AttentionShape& a, int tensor) {
  return a.kv_heads < tensor ? 1 : a.kv_heads / tensor;
}

}  // namespace xpusim
