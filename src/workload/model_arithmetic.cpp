#include "workload/architecture.hpp"
#include "xpusim/cost.hpp"
#include "xpusim/workload.hpp"

namespace xpusim {

namespace {

/// Weights of the attention matrices, without biases and norms.
double attention_matrices(const ModelSpec& model) {
  const double h = model.hidden, heads = model.heads;
  if (!model.mla) return 2 * h * heads * model.head_dim + 2 * h * model.kv_heads * model.head_dim;
  // DeepSeek-V2 (arXiv 2405.04434, section 2.1): down- and up-projections of queries and of the
  // shared KV latent.
  const MlaSpec& mla = *model.mla;
  const double key = mla.nope_dim + mla.rope_dim;
  const double query = mla.q_rank > 0 ? h * mla.q_rank + mla.q_rank * heads * key : h * heads * key;
  return query + h * (mla.kv_rank + mla.rope_dim) +
         mla.kv_rank * heads * (mla.nope_dim + mla.v_dim) + heads * mla.v_dim * h;
}

double attention_parameters(const ModelSpec& model) {
  double count = attention_matrices(model);
  if (model.mla) count += model.mla->q_rank + model.mla->kv_rank;  // norms of the latents
  if (model.bias) count += (model.heads + 2.0 * model.kv_heads) * model.head_dim + model.hidden;
  return count;
}

double ffn_matrices(const ModelSpec& model, double width) {
  return (ffn_inputs(model) + 1.0) * model.hidden * width;
}

double ffn_parameters(const ModelSpec& model, double width) {
  if (width <= 0) return 0;
  return ffn_matrices(model, width) + (model.bias ? ffn_inputs(model) * width + model.hidden : 0);
}

double norm_parameters(const ModelSpec& model) {
  return model.hidden * (model.layer_norm ? 2.0 : 1.0);
}

/// Weights of the matrices that one token meets in a layer.
double active_matrices(const ModelSpec& model, bool moe) {
  double weights = attention_matrices(model) + ffn_matrices(model, common_ffn(model, moe));
  if (moe) {
    weights += static_cast<double>(model.hidden) * model.moe->experts;
    weights += model.moe->top_k * ffn_matrices(model, model.moe->ffn);
  }
  return weights;
}

struct ForwardFlops {
  double layers = 0;     ///< matrices of the layers
  double attention = 0;  ///< scores and weighted values
  double head = 0;
  [[nodiscard]] double total() const { return layers + attention + head; }
};

ForwardFlops forward_flops(const ModelSpec& model, int sequence, AttentionCount count, bool mtp) {
  const AttentionShape a = attention_shape(model);
  // q.k and p.v: 2 FLOPs each per query, key and element (Narayanan et al. 2021, appendix).
  double pair_flops = 2.0 * sequence * a.heads * (a.key_dim + a.value_dim);
  if (count == AttentionCount::causal) pair_flops /= 2;
  ForwardFlops flops;
  const int extra = mtp ? model.mtp_layers : 0;
  for (int layer = 0; layer < model.layers + extra; ++layer) {
    flops.layers += 2 * active_matrices(model, is_moe_layer(model, layer));
    flops.attention += pair_flops;
  }
  // Each MTP module joins two hidden states (2h -> h) and uses the head again (DeepSeek-V3,
  // section 2.2).
  flops.layers += extra * 2.0 * 2.0 * model.hidden * model.hidden;
  flops.head = (1.0 + extra) * 2.0 * model.vocabulary * model.hidden;
  return flops;
}

}  // namespace

bool is_moe_layer(const ModelSpec& model, int layer) {
  return model.moe && layer >= model.moe->dense_layers;
}

LayerParameters layer_parameters(const ModelSpec& model, int layer) {
  LayerParameters p;
  const bool moe = is_moe_layer(model, layer);
  p.attention = attention_parameters(model);
  p.dense_ffn = ffn_parameters(model, common_ffn(model, moe));
  p.norms = model.norms_per_layer * norm_parameters(model);
  if (moe) {
    const double expert = ffn_parameters(model, model.moe->ffn);
    p.router = static_cast<double>(model.hidden) * model.moe->experts;
    p.experts = model.moe->experts * expert;
    p.active_experts = model.moe->top_k * expert;
  }
  return p;
}

ModelParameters model_parameters(const ModelSpec& model) {
  ModelParameters p;
  const double table = static_cast<double>(model.vocabulary) * model.hidden;
  p.embedding = table + static_cast<double>(model.learned_positions) * model.hidden;
  p.head = model.tied_embedding ? 0 : table;
  p.total = p.active = p.embedding + p.head + norm_parameters(model);
  for (int layer = 0; layer < model.layers; ++layer) {
    const LayerParameters l = layer_parameters(model, layer);
    p.total += l.total();
    p.active += l.active();
  }
  // An MTP module: one layer, the 2h -> h projection and three norms; embedding and head are
  // shared.
  const double module = layer_parameters(model, model.layers).total() +
                        2.0 * model.hidden * model.hidden + 3 * norm_parameters(model);
  p.mtp = model.mtp_layers * module;
  return p;
}

Bytes kv_bytes_per_token(const ModelSpec& model, std::string_view format) {
  const double elements =
      model.mla ? model.mla->kv_rank + model.mla->rope_dim : 2.0 * model.kv_heads * model.head_dim;
  return Bytes(model.layers * elements * format_bytes(format));
}

Flops forward_flops_per_token(const ModelSpec& model, int sequence, AttentionCount count,
                              bool mtp) {
  return Flops(forward_flops(model, sequence, count, mtp).total());
}

StepFlops training_step_flops(const ModelSpec& model, const TrainingSpec& training,
                              const SoftwareSpec& software, AttentionCount count) {
  const ForwardFlops forward = forward_flops(model, training.sequence, count, true);
  const double tokens = static_cast<double>(training.global_batch) * training.sequence;
  // Backward: one product for the input's gradient, one for the weight's; a frozen base has no
  // weight gradients.
  const double matrix_passes = training.frozen_base != 0 ? 2 : 3;
  const double per_token = matrix_passes * (forward.layers + forward.head) + 3 * forward.attention;
  double repeated = 0;
  if (training.recompute == Recompute::full) repeated = forward.layers + forward.attention;
  // A fused kernel keeps no scores: selective recomputation has nothing left to repeat outside of
  // it.
  if (training.recompute == Recompute::selective && !software.flash_attention)
    repeated = forward.attention;
  return {Flops(per_token * tokens), Flops((per_token + repeated) * tokens)};
}

}  // namespace xpusim
