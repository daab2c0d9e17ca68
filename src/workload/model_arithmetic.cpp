#include <algorithm>

#include "workload/architecture.hpp"
#include "xpusim/cost.hpp"
#include "xpusim/workload.hpp"

namespace xpusim {

namespace {

/// Weights of the softmax attention matrices, without biases and norms.
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
  const double qkv = (model.heads + 2.0 * model.kv_heads) * model.head_dim;
  if (model.bias) {
    count += qkv + model.hidden;
  } else if (model.qkv_bias) {
    count += qkv;
  }
  if (model.qk_norm) count += 2.0 * model.head_dim;
  return count;
}

/// Queries, keys, values and the output gate in; the output. Gated DeltaNet (arXiv 2412.06464,
/// section 3.4) also has a decay and a write strength per value head; lightning attention, which
/// has no convolution, a fixed decay.
double linear_matrices(const ModelSpec& model) {
  const LinearAttentionSpec& linear = *model.linear_attention;
  const double gates = linear.convolution > 0 ? 2.0 * linear.value_heads : 0;
  return model.hidden * (linear_keys(linear) + 3 * linear_values(linear) + gates);
}

double linear_parameters(const ModelSpec& model) {
  const LinearAttentionSpec& linear = *model.linear_attention;
  const double values = linear_values(linear);
  if (linear.convolution == 0) return linear_matrices(model) + values;  // norm of the output
  // Convolution without bias, decay and its bias per head, one norm for all heads.
  return linear_matrices(model) + linear.convolution * (linear_keys(linear) + values) +
         2.0 * linear.value_heads + linear.value_dim;
}

/// Mamba-2 (arXiv 2405.21060, section 7): one projection gives z, x, B, C and the step sizes; one
/// brings the result back.
double mamba_matrices(const ModelSpec& model) {
  const MambaSpec& mamba = *model.mamba;
  return model.hidden * (2 * mamba_width(mamba) + mamba_channels(mamba) + mamba.heads);
}

double mamba_parameters(const ModelSpec& model) {
  const MambaSpec& mamba = *model.mamba;
  // Convolution with bias; A, D and the bias of the step size per head; the norm before the output.
  return mamba_matrices(model) + (mamba.convolution + 1.0) * mamba_channels(mamba) +
         3.0 * mamba.heads + mamba_width(mamba);
}

double mixer_matrices(const ModelSpec& model, Mixer mixer) {
  switch (mixer) {
    case Mixer::attention:
    case Mixer::windowed:
      return attention_matrices(model);
    case Mixer::linear:
      return linear_matrices(model);
    case Mixer::mamba:
      return mamba_matrices(model);
    case Mixer::none:
      break;
  }
  return 0;
}

double mixer_parameters(const ModelSpec& model, Mixer mixer) {
  switch (mixer) {
    case Mixer::attention:
    case Mixer::windowed:
      return attention_parameters(model);
    case Mixer::linear:
      return linear_parameters(model);
    case Mixer::mamba:
      return mamba_parameters(model);
    case Mixer::none:
      break;
  }
  return 0;
}

/// An FFN of `width` between tokens of `outer`.
double ffn_matrices(const ModelSpec& model, double outer, double width) {
  return (ffn_inputs(model) + 1.0) * outer * width;
}

double ffn_parameters(const ModelSpec& model, double outer, double width) {
  if (width <= 0) return 0;
  return ffn_matrices(model, outer, width) + (model.bias ? ffn_inputs(model) * width + outer : 0);
}

/// The gate, and the projections of all tokens into and out of the experts' latent.
double router_matrices(const ModelSpec& model) {
  return static_cast<double>(model.hidden) * (model.moe->experts + 2.0 * model.moe->latent);
}

double norm_parameters(const ModelSpec& model) {
  return model.hidden * (model.layer_norm ? 2.0 : 1.0);
}

/// Weights of the matrices that one token meets in a layer.
double active_matrices(const ModelSpec& model, const LayerShape& shape) {
  double weights = mixer_matrices(model, shape.mixer);
  if (shape.ffn) weights += ffn_matrices(model, model.hidden, common_ffn(model, shape.moe));
  if (shape.moe) {
    weights += router_matrices(model);
    weights += model.moe->top_k * ffn_matrices(model, expert_width(model), model.moe->ffn);
  }
  return weights;
}

/// Keys that a query meets, on average. Causal: k for the k-th query until the window is full.
double keys_per_query(double sequence, double window, AttentionCount count) {
  const double reach = window > 0 ? std::min(window, sequence) : sequence;
  if (count == AttentionCount::full || sequence <= 0) return reach;
  return reach - reach * reach / (2 * sequence);
}

double softmax_flops(const ModelSpec& model, double sequence, double window, AttentionCount count) {
  const AttentionShape a = attention_shape(model);
  // q.k and p.v: 2 FLOPs each per query, key and element (Narayanan et al. 2021, appendix).
  return 2.0 * keys_per_query(sequence, window, count) * a.heads *
         (static_cast<double>(a.key_dim) + a.value_dim);
}

/// Keys of a chunk that a query meets.
double keys_in_chunk(int chunk, int sequence, AttentionCount count) {
  return std::min(chunk, sequence) * (count == AttentionCount::causal ? 0.5 : 1.0);
}

double linear_flops(const LinearAttentionSpec& linear, int sequence, AttentionCount count) {
  const double heads = linear.value_heads, k = linear.key_dim, v = linear.value_dim;
  if (linear.convolution == 0) {
    // Lightning attention (arXiv 2401.04658, section 3.2): scores and weighted values in the block;
    // the state is read and updated.
    const double keys = keys_in_chunk(lightning_chunk, sequence, count);
    return heads * (2 * keys * (k + v) + 4 * k * v);
  }
  // Gated DeltaNet (arXiv 2412.06464, section 3.3), WY form: K K^T, T K, T V, Q K^T and the
  // weighted values in the chunk; W S, Q S and the update of the state.
  const double keys = keys_in_chunk(delta_chunk, sequence, count);
  return heads * (2 * keys * (3 * k + 2 * v) + 6 * k * v);
}

double mamba_flops(const MambaSpec& mamba, int sequence, AttentionCount count) {
  // SSD (arXiv 2405.21060, section 6): C B^T of every group and its product with X in the chunk;
  // the chunk's state, and what earlier states give.
  const double keys = keys_in_chunk(ssd_chunk, sequence, count), width = mamba_width(mamba);
  return 2 * keys * (static_cast<double>(mamba.groups) * mamba.state + width) +
         4 * width * mamba.state;
}

struct ForwardFlops {
  double layers = 0;     ///< matrices of the layers
  double attention = 0;  ///< scores and weighted values
  double scan = 0;       ///< of linear attention and Mamba-2
  double head = 0;
  [[nodiscard]] double total() const { return layers + attention + scan + head; }
};

ForwardFlops forward_flops(const ModelSpec& model, int sequence, AttentionCount count, bool mtp) {
  ForwardFlops flops;
  const int extra = mtp ? model.mtp_layers : 0;
  for (int layer = 0; layer < model.layers + extra; ++layer) {
    const LayerShape shape = layer_shape(model, layer);
    const bool softmax = shape.mixer == Mixer::attention || shape.mixer == Mixer::windowed;
    flops.layers += 2 * active_matrices(model, shape);
    (softmax ? flops.attention : flops.scan) +=
        mixer_flops_per_token(model, shape.mixer, sequence, count).value();
  }
  // Each MTP module joins two hidden states (2h -> h) and uses the head again (DeepSeek-V3,
  // section 2.2).
  flops.layers += extra * 2.0 * 2.0 * model.hidden * model.hidden;
  flops.head = (1.0 + extra) * 2.0 * model.vocabulary * model.hidden;
  return flops;
}

/// What selective recomputation runs again of one layer's forward pass, FLOPs per token.
double selective_repeats(const ModelSpec& model, const LayerShape& shape, const TrainingSpec& t,
                         const SoftwareSpec& software, AttentionCount count) {
  double flops = 0;
  const bool softmax = shape.mixer == Mixer::attention || shape.mixer == Mixer::windowed;
  if (softmax && recomputes_core_attention(t, software))
    flops += mixer_flops_per_token(model, shape.mixer, t.sequence, count).value();
  if (softmax && model.mla && recomputes(t, "mla_up_proj")) {
    const MlaSpec& mla = *model.mla;
    flops += 2.0 * model.heads *
             (static_cast<double>(mla.q_rank) * (mla.nope_dim + mla.rope_dim) +
              static_cast<double>(mla.kv_rank) * (mla.nope_dim + mla.v_dim));
  }
  LayerShape half = shape;  // the feed-forward half alone
  half.mixer = Mixer::none;
  if (recomputes(t, shape.moe ? "moe" : "mlp")) {
    flops += 2 * active_matrices(model, half);
  } else if (shape.moe && recomputes(t, "shared_experts")) {
    flops += 2 * ffn_matrices(model, model.hidden, common_ffn(model, true));
  }
  return flops;
}

/// What recomputation runs again of all layers, FLOPs per token.
double repeated_flops(const ModelSpec& model, const TrainingSpec& t, const SoftwareSpec& software,
                      AttentionCount count, const ParallelLayout* layout) {
  double flops = 0;
  const auto whole = [&](int layer) {
    const LayerShape shape = layer_shape(model, layer);
    flops += 2 * active_matrices(model, shape) +
             mixer_flops_per_token(model, shape.mixer, t.sequence, count).value();
  };
  if (t.recompute == Recompute::full && t.recompute_layers > 0 && layout != nullptr) {
    for (const auto& stage : layout->layers) {
      for (const std::vector<int>& chunk : stage) {
        for (std::size_t i = 0; i < chunk.size(); ++i)
          if (static_cast<int>(i) < t.recompute_layers) whole(chunk[i]);
      }
    }
    return flops;
  }
  for (int layer = 0; layer < model.layers + model.mtp_layers; ++layer) {
    if (t.recompute == Recompute::full) whole(layer);
    if (t.recompute == Recompute::selective)
      flops += selective_repeats(model, layer_shape(model, layer), t, software, count);
  }
  // Each MTP module repeats the projection of its two hidden states with its layer.
  if (t.recompute == Recompute::full) flops += 4.0 * model.mtp_layers * model.hidden * model.hidden;
  return flops;
}

/// Elements that one softmax layer caches of a token.
double kv_elements(const ModelSpec& model) {
  return model.mla ? model.mla->kv_rank + model.mla->rope_dim
                   : 2.0 * model.kv_heads * model.head_dim;
}

}  // namespace

LayerShape layer_shape(const ModelSpec& model, int layer) {
  LayerShape shape;
  shape.norms = model.norms_per_layer;
  if (layer >= model.layers) {
    shape.moe = model.moe.has_value();
    return shape;
  }
  const Mixer softmax =
      model.window > 0 && (model.window_every == 1 || (layer + 1) % model.window_every != 0)
          ? Mixer::windowed
          : Mixer::attention;
  if (static_cast<std::size_t>(layer) < model.blocks.size()) {
    const char block = model.blocks[static_cast<std::size_t>(layer)];
    shape.norms = 1;
    shape.moe = block == 'E' && model.moe;
    shape.ffn = shape.moe || block == '-';
    shape.mixer = block == 'A' ? softmax : block == 'M' && model.mamba ? Mixer::mamba : Mixer::none;
    return shape;
  }
  shape.mixer = softmax;
  if (model.linear_attention) {
    const int every = model.linear_attention->every;
    if (every == 0 || (layer + 1) % every != 0) shape.mixer = Mixer::linear;
  }
  shape.moe = model.moe && layer >= model.moe->dense_layers &&
              (layer - model.moe->dense_layers + 1) % std::max(model.moe->every, 1) == 0;
  return shape;
}

bool is_moe_layer(const ModelSpec& model, int layer) { return layer_shape(model, layer).moe; }

LayerParameters layer_parameters(const ModelSpec& model, int layer) {
  LayerParameters p;
  const LayerShape shape = layer_shape(model, layer);
  p.attention = mixer_parameters(model, shape.mixer);
  if (shape.ffn) p.dense_ffn = ffn_parameters(model, model.hidden, common_ffn(model, shape.moe));
  p.norms = shape.norms * norm_parameters(model);
  if (shape.moe) {
    const double expert = ffn_parameters(model, expert_width(model), model.moe->ffn);
    p.router = router_matrices(model);
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
  return kv_bytes_per_sequence(model, 1, format);
}

Bytes kv_bytes_per_sequence(const ModelSpec& model, double tokens, std::string_view format) {
  double held = 0;
  for (int layer = 0; layer < model.layers; ++layer) {
    const Mixer mixer = layer_shape(model, layer).mixer;
    if (mixer == Mixer::attention) held += tokens;
    if (mixer == Mixer::windowed) held += std::min<double>(tokens, model.window);
  }
  return Bytes(held * kv_elements(model) * format_bytes(format));
}

Bytes state_bytes_per_sequence(const ModelSpec& model, std::string_view state_format,
                               std::string_view convolution_format) {
  double state = 0, convolution = 0;
  for (int layer = 0; layer < model.layers; ++layer) {
    const Mixer mixer = layer_shape(model, layer).mixer;
    if (mixer == Mixer::linear) {
      const LinearAttentionSpec& linear = *model.linear_attention;
      state += linear_values(linear) * linear.key_dim;
      convolution +=
          std::max(linear.convolution - 1, 0) * (linear_keys(linear) + linear_values(linear));
    } else if (mixer == Mixer::mamba) {
      state += mamba_width(*model.mamba) * model.mamba->state;
      convolution += (model.mamba->convolution - 1.0) * mamba_channels(*model.mamba);
    }
  }
  return Bytes(state * format_bytes(state_format) + convolution * format_bytes(convolution_format));
}

Flops mixer_flops_per_token(const ModelSpec& model, Mixer mixer, int sequence,
                            AttentionCount count) {
  switch (mixer) {
    case Mixer::attention:
      return Flops(softmax_flops(model, sequence, 0, count));
    case Mixer::windowed:
      return Flops(softmax_flops(model, sequence, model.window, count));
    case Mixer::linear:
      return Flops(linear_flops(*model.linear_attention, sequence, count));
    case Mixer::mamba:
      return Flops(mamba_flops(*model.mamba, sequence, count));
    case Mixer::none:
      break;
  }
  return Flops(0);
}

Flops forward_flops_per_token(const ModelSpec& model, int sequence, AttentionCount count,
                              bool mtp) {
  return Flops(forward_flops(model, sequence, count, mtp).total());
}

StepFlops training_step_flops(const ModelSpec& model, const TrainingSpec& training,
                              const SoftwareSpec& software, AttentionCount count,
                              const ParallelLayout* layout) {
  const ForwardFlops forward = forward_flops(model, training.sequence, count, true);
  const double tokens = static_cast<double>(training.global_batch) * training.sequence;
  // Backward: one product for the input's gradient, one for the weight's; a frozen base has no
  // weight gradients.
  const double matrix_passes = training.frozen_base != 0 ? 2 : 3;
  const double mixing = forward.attention + forward.scan;
  const double per_token = matrix_passes * (forward.layers + forward.head) + 3 * mixing;
  const double repeated = repeated_flops(model, training, software, count, layout);
  return {Flops(per_token * tokens), Flops((per_token + repeated) * tokens)};
}

}  // namespace xpusim
