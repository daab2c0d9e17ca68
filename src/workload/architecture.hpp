// Dimensions derived from a model spec that parameters, FLOPs, memory and kernels all need.
#pragma once

#include <algorithm>
#include <string_view>

#include "xpusim/cost.hpp"
#include "xpusim/spec.hpp"
#include "xpusim/workload.hpp"

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
/// Width of one shared expert.
[[nodiscard]] inline int shared_expert_ffn(const MoeSpec& moe) {
  return moe.shared_ffn > 0 ? moe.shared_ffn : moe.ffn;
}
/// Width of the FFN that every token visits: dense, or the shared experts together.
[[nodiscard]] inline int common_ffn(const ModelSpec& model, bool moe_layer) {
  return moe_layer ? model.moe->shared * shared_expert_ffn(*model.moe) : model.ffn;
}
/// Width of what a routed expert reads and writes: the residual stream, or the latent (Nemotron 3
/// Super: tokens are projected down before dispatch and up after combine).
[[nodiscard]] inline int expert_width(const ModelSpec& model) {
  return model.moe && model.moe->latent > 0 ? model.moe->latent : model.hidden;
}
/// Width of a Mamba-2 mixer: heads x head_dim.
[[nodiscard]] inline double mamba_width(const MambaSpec& mamba) {
  return static_cast<double>(mamba.heads) * mamba.head_dim;
}
/// Channels of its short convolution: x, and B and C of every group.
[[nodiscard]] inline double mamba_channels(const MambaSpec& mamba) {
  return mamba_width(mamba) + 2.0 * mamba.groups * mamba.state;
}
/// Queries and keys together, and values, of linear attention.
[[nodiscard]] inline double linear_keys(const LinearAttentionSpec& linear) {
  return 2.0 * linear.key_heads * linear.key_dim;
}
[[nodiscard]] inline double linear_values(const LinearAttentionSpec& linear) {
  return static_cast<double>(linear.value_heads) * linear.value_dim;
}
/// A chunked scan as its kernels see it, whole model width, per token but for the state.
struct ScanShape {
  double channels = 0;  ///< of the short convolution
  double values = 0;
  double state = 0;  ///< elements of all heads' states
  int chunk = 1;     ///< tokens
  int convolution = 0;
};
[[nodiscard]] inline ScanShape scan_shape(const ModelSpec& model, Mixer mixer) {
  if (mixer == Mixer::mamba) {
    const MambaSpec& mamba = *model.mamba;
    const double values = mamba_width(mamba);
    return {mamba_channels(mamba), values, values * mamba.state, ssd_chunk, mamba.convolution};
  }
  const LinearAttentionSpec& linear = *model.linear_attention;
  const double values = linear_values(linear);
  return {linear_keys(linear) + values, values, values * linear.key_dim,
          linear.convolution > 0 ? delta_chunk : lightning_chunk, linear.convolution};
}
/// GPT-3 class models (learned positions) train with dropout; Llama class models do not.
[[nodiscard]] inline bool uses_dropout(const ModelSpec& model) {
  return model.learned_positions > 0;
}
[[nodiscard]] inline bool trains_with_dropout(const ModelSpec& model, const TrainingSpec& t) {
  return t.dropout < 0 ? uses_dropout(model) : t.dropout == 1;
}
/// Whether selective recomputation repeats a module. Without a list it repeats the attention core,
/// which a fused kernel does by itself.
[[nodiscard]] inline bool recomputes(const TrainingSpec& t, std::string_view module) {
  return t.recompute == Recompute::selective &&
         std::find(t.recompute_modules.begin(), t.recompute_modules.end(), module) !=
             t.recompute_modules.end();
}
/// The attention core is run again in the backward pass.
[[nodiscard]] inline bool recomputes_core_attention(const TrainingSpec& t,
                                                    const SoftwareSpec& software) {
  if (t.recompute != Recompute::selective) return false;
  return t.recompute_modules.empty() ? !software.flash_attention : recomputes(t, "core_attn");
}
/// Bytes of a parameter's master copy; 0 where the weights themselves are precise enough.
[[nodiscard]] inline double master_bytes(const FormatsSpec& f) {
  const double master = format_bytes(f.master.empty() ? f.optimizer : f.master);
  return format_bytes(f.weights) < master ? master : 0;
}
/// KV heads one tensor-parallel rank holds: replicated when there are fewer heads than ranks.
[[nodiscard]] inline int kv_heads_per_rank(const AttentionShape& a, int tensor) {
  return a.kv_heads < tensor ? 1 : a.kv_heads / tensor;
}

}  // namespace xpusim
