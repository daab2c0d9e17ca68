// Memory of one device in training: weights, gradients, optimizer, activations (Korthikanti et al.
// 2022).
#include <algorithm>
#include <cmath>
#include <functional>

#include <fmt/format.h>

#include "workload/architecture.hpp"
#include "workload/memory.hpp"
#include "workload/schedule.hpp"
#include "xpusim/diagnostic.hpp"
#include "xpusim/workload.hpp"

namespace xpusim {

namespace {

/// Tokens of one micro-batch on one device, in the regions that TP splits by features.
double tokens(const ParallelLayout& l, const TrainingSpec& t) {
  return static_cast<double>(t.micro_batch) * t.sequence / l.context;
}

/// Bytes of an element that a GEMM's weight gradient needs: quantised inputs are kept as they are
/// (Transformer Engine saves the FP8 copy and drops the wide one).
double saved_bytes(const TrainingSpec& t) {
  return std::min(format_bytes(t.formats.activations), format_bytes(t.formats.compute));
}

double mixer_activations(const ModelSpec& model, Mixer mixer, const ParallelLayout& l,
                         const TrainingSpec& t, const SoftwareSpec& software) {
  const double bytes = format_bytes(t.formats.activations), n = tokens(l, t), tp = l.tensor;
  const double shared = l.sequence ? tp : 1;  // what sequence parallelism divides
  // Inputs of the norm and of the projection; the norm's output is computed again where asked.
  // Frozen matrices do not ask for their inputs again; the adapter beside an attention projection
  // keeps its own, after dropout, and the mask.
  const bool scans = mixer == Mixer::mamba || mixer == Mixer::linear;
  const bool adapters = t.frozen_base != 0 && !scans;
  const double saved = adapters ? bytes + 1 : t.frozen_base != 0 ? 0 : saved_bytes(t);
  const bool dropped_norm = recomputes(t, "layernorm") && !adapters;
  double total = n * model.hidden / shared * (bytes + (dropped_norm ? 0 : saved));
  const double dropped = trains_with_dropout(model, t) ? n * model.hidden / shared : 0;  // one byte
  if (mixer == Mixer::none) return 0;
  if (scans) {
    const ScanShape scan = scan_shape(model, mixer);
    const double channels = scan.channels + (mixer == Mixer::mamba ? model.mamba->heads : 0);
    // Inputs of the convolution and of the scan, gate, scanned and normalised values, chunk states.
    return total + dropped + bytes * n / tp * (2 * channels + 3 * scan.values) +
           4 * n / scan.chunk * scan.state / tp;
  }
  const AttentionShape a = attention_shape(model);
  const double heads = a.heads / tp, kv_heads = kv_heads_per_rank(a, l.tensor);
  if (model.mla)  // latents, before and after their norms
    total +=
        2 * bytes * n * (model.mla->q_rank + model.mla->kv_rank + model.mla->rope_dim) / shared;
  if (!model.mla || !recomputes(t, "mla_up_proj"))
    total += bytes * n * (heads * a.key_dim + kv_heads * (a.key_dim + a.value_dim));  // q, k, v
  if (model.qk_norm) total += bytes * n * (heads + kv_heads) * a.key_dim;  // before their norm
  if (software.flash_attention)
    total += 4 * n * heads;  // log-sum-exp per query and head, FP32 (Dao et al. 2022)
  else if (!recomputes_core_attention(t, software))
    total += heads * n * t.sequence *
             (bytes + (trains_with_dropout(model, t) ? 1 + bytes : 0));  // softmax, mask, dropped
  total += bytes * n * heads * a.value_dim;  // attention's output, for its own backward pass
  if (saved < bytes || adapters)
    total += saved * n * heads * a.value_dim;  // and as the projection or its adapter reads it
  return total + dropped;
}

/// Bytes of an element that an activation function keeps (Megatron-LM,
/// activation_func_fp8_input_store).
double activation_input_bytes(const TrainingSpec& t) {
  return format_bytes(t.formats.activation_input.empty() ? t.formats.activations
                                                         : t.formats.activation_input);
}

double dense_ffn_activations(const ModelSpec& model, double width, double rows, double shard,
                             const TrainingSpec& t, double saved) {
  // Inputs of the activation and of the last matrix.
  return rows * width * (ffn_inputs(model) * activation_input_bytes(t) + saved) / shard;
}

double ffn_activations(const ModelSpec& model, bool moe, const ParallelLayout& l,
                       const TrainingSpec& t) {
  const double bytes = format_bytes(t.formats.activations), n = tokens(l, t), tp = l.tensor;
  const double shared = l.sequence ? tp : 1;
  // Frozen matrices have no weight gradient: nobody asks for their inputs again.
  const double saved = t.frozen_base != 0 ? 0 : saved_bytes(t);
  // Inputs of the norm and of the first matrix.
  double total = n * model.hidden / shared * (bytes + (recomputes(t, "layernorm") ? 0 : saved));
  const double dropped = trains_with_dropout(model, t) ? n * model.hidden / shared : 0;
  if (recomputes(t, moe ? "moe" : "mlp")) return total + dropped;
  if (!moe || !recomputes(t, "shared_experts"))
    total += dense_ffn_activations(model, common_ffn(model, moe), n, tp, t, saved);
  if (!moe) return total + dropped;
  const double routed = n / shared * model.moe->top_k * t.expert_imbalance;  // copies it sends
  const double rows = routed * l.expert_tensor;                              // and receives
  const double w = expert_width(model);
  if (model.moe->latent > 0) total += 2 * bytes * n / shared * w;
  total += 4 * n / shared * model.moe->experts;  // router probabilities, FP32
  total += (bytes * routed + saved * rows) * w;  // returned to and dispatched to the experts
  total += dense_ffn_activations(model, model.moe->ffn, rows, l.expert_tensor, t,
                                 recomputes(t, "moe_act") ? 0 : saved);
  return total + dropped;
}

/// What one micro-batch keeps while it is in flight, and what exists only while a layer's backward
/// pass runs.
struct ChunkActivations {
  double kept = 0;
  double layer = 0;      ///< of the largest layer
  double working = 0;    ///< kept activations that exist then: recomputed or fetched back
  double gradients = 0;  ///< their gradients
};

double full_layer(const ModelSpec& model, int layer, const ParallelLayout& l, TrainingSpec t,
                  const SoftwareSpec& software) {
  t.recompute = Recompute::none;
  return layer_activations(model, layer, l, t, software).value();
}

/// Gradients of activations that live while a layer's backward pass is at its widest: those of the
/// FFN's (or the experts') hidden values, before and after the activation function.
double backward_buffers(const ModelSpec& model, int layer, const ParallelLayout& l,
                        const TrainingSpec& t) {
  const LayerShape shape = layer_shape(model, layer);
  if (!shape.ffn) return 0;
  const double bytes = format_bytes(t.formats.activations), n = tokens(l, t);
  const double shared = l.sequence ? l.tensor : 1;
  if (!shape.moe) return bytes * n * model.ffn * (ffn_inputs(model) + 1) / l.tensor;
  const double rows = n / shared * model.moe->top_k * l.expert_tensor * t.expert_imbalance;
  return bytes * rows * model.moe->ffn * (ffn_inputs(model) + 1) / l.expert_tensor;
}

ChunkActivations chunk_activations(const ModelSpec& model, const ParallelLayout& l,
                                   const TrainingSpec& t, const SoftwareSpec& software,
                                   const ChunkContent& content) {
  ChunkActivations a;
  const double shared = l.sequence ? l.tensor : 1, n = tokens(l, t);
  const double bytes = format_bytes(t.formats.activations);
  int index = 0;
  for (const int layer : content.layers) {
    const bool repeated =
        t.recompute == Recompute::full && (t.recompute_layers == 0 || index < t.recompute_layers);
    const bool offloaded = index < t.offload_layers;
    ++index;
    double working = 0;
    a.gradients = std::max(a.gradients, backward_buffers(model, layer, l, t));
    if (repeated || t.recompute != Recompute::full) {
      const double kept = layer_activations(model, layer, l, t, software).value();
      if (!offloaded) a.kept += kept;
      if (!offloaded) a.layer = std::max(a.layer, kept);
      if (offloaded) working += kept;
    } else {
      const double kept = full_layer(model, layer, l, t, software);
      a.kept += kept;
      a.layer = std::max(a.layer, kept);
    }
    if (repeated) working += full_layer(model, layer, l, t, software);
    a.working = std::max(a.working, working);
  }
  if (content.embedding && trains_with_dropout(model, t)) a.kept += n * model.hidden / shared;
  // Korthikanti et al. 2022, section 4.3: inputs of the last norm and of the head, logits in FP32;
  // fused cross-entropy keeps them in 16 bits.
  if (content.head) {
    const double logits = n * model.vocabulary / l.tensor;
    a.kept += (1 + model.mtp_layers) * (2 * bytes * n * model.hidden / shared +
                                        (software.fused_cross_entropy ? bytes : 4) * logits);
    a.gradients = std::max(a.gradients, bytes * logits);
  }
  return a;
}

/// Largest sum of kept activations along the stage's schedule, and the widest gradients of them.
struct StageActivations {
  double kept = 0, gradients = 0;
};
StageActivations peak_activations(const ModelSpec& model, const ParallelLayout& l,
                                  const TrainingSpec& t, const SoftwareSpec& software, int stage) {
  std::vector<ChunkActivations> chunks;
  double working = 0, gradients = 0;
  for (int c = 0; c < l.virtual_stages; ++c) {
    chunks.push_back(chunk_activations(model, l, t, software, chunk_content(model, l, stage, c)));
    working = std::max(working, chunks.back().working);
    gradients = std::max(gradients, chunks.back().gradients);
  }
  double now = 0, peak = 0;
  const std::vector<Pass> order = pipeline_schedule(l, stage);
  // Where weight gradients have passes of their own, what a chunk keeps is released by those.
  for (std::size_t k = 0; k < order.size(); ++k) {
    const Pass& pass = order[k];
    if (pass.kind == PassKind::backward_input) continue;
    now += (pass.kind == PassKind::forward ? 1 : -1) * chunks[pass.chunk].kept;
    if (pass.merged && k + 1 < order.size()) {
      // A merged pair goes layer by layer: what the backward pass frees, the forward pass takes,
      // one layer ahead of it (Megatron-LM, core/models/common/model_chunk_schedule_plan.py).
      const ChunkActivations &f = chunks[pass.chunk], &b = chunks[order[k + 1].chunk];
      peak = std::max(peak, now - std::min(f.kept, b.kept) + f.layer);
      continue;
    }
    peak = std::max(peak, now);
  }
  return {peak + working, gradients};
}

/// Gradients of weights that are added to the main gradients inside the GEMM leave a placeholder of
/// the weight's shape and format behind, one per shape (Transformer Engine, module/base.py,
/// get_dummy_wgrad): together as large as the weights of one layer of each kind, experts counted
/// once.
double weight_gradient_buffers(const ModelSpec& model, const ParallelLayout& l,
                               const TrainingSpec& t, const SoftwareSpec& software,
                               const ChunkContent& content) {
  if (t.frozen_base != 0 || !software.weight_gradient_placeholders) return 0;
  double dense = 0, experts = 0;
  for (const int layer : content.layers) {
    const LayerParameters q = layer_parameters(model, layer);
    dense = std::max(dense, (q.attention + q.dense_ffn) / l.tensor);
    if (model.moe) experts = std::max(experts, q.experts / model.moe->experts / l.expert_tensor);
  }
  return format_bytes(t.formats.weights) * (dense + experts);
}

/// Parameters that a rank of a ZeRO-3 group holds gathered: the layer that computes and those
/// fetched ahead, or the embedding.
double gathered_parameters(const ModelSpec& model, const ParallelLayout& l, const TrainingSpec& t,
                           const ChunkContent& content) {
  double largest = 0;
  for (const int layer : content.layers)
    largest = std::max(largest, sharded_parameters(model, l, {{layer}, false, false}).total());
  if (content.embedding || content.head)
    largest =
        std::max(largest, static_cast<double>(model.vocabulary) * model.hidden / l.tensor / 2);
  return largest * (1 + t.prefetch);
}

MemoryPerDevice stage_memory(const ModelSpec& model, const ParallelLayout& l, const TrainingSpec& t,
                             const SoftwareSpec& software, int stage) {
  ShardedParameters p;
  double buffers = 0, gathered = 0;
  for (int c = 0; c < l.virtual_stages; ++c) {
    const ChunkContent content = chunk_content(model, l, stage, c);
    p += sharded_parameters(model, l, content);
    buffers = std::max(buffers, weight_gradient_buffers(model, l, t, software, content));
    if (t.optimizer_sharding >= 3)
      gathered = std::max(gathered, gathered_parameters(model, l, t, content));
  }
  const double weight = format_bytes(t.formats.weights), state = format_bytes(t.formats.optimizer);
  const double gradient = format_bytes(t.formats.gradients);
  // Two moments, and master weights when the weights themselves are narrower.
  const double states = 2 * state + master_bytes(t.formats);
  const auto held = [&](int stage_of_zero) {  // share of the parameters, by ZeRO stage
    if (t.optimizer_sharding < stage_of_zero) return p.total();
    const int ranks = l.data * l.context;
    const double shard = t.optimizer_sharding >= 3 && l.shard > 0 ? l.shard : ranks;
    // As many replicas of the experts as of the rest.
    return p.dense / shard + p.experts / (l.expert_data * shard / ranks);
  };
  MemoryPerDevice m;
  m.stage = static_cast<std::uint32_t>(stage);
  const double compute = format_bytes(t.formats.compute) < 2 ? 2 : format_bytes(t.formats.compute);
  m.parameters = Bytes(weight * held(3) + std::min(weight, compute) * gathered);
  if (t.frozen_base == 0) {
    m.gradients = Bytes(gradient * (held(2) + gathered));
    m.optimizer = Bytes(states * held(1) * (1 - t.optimizer_offload));
  }
  const StageActivations activations = peak_activations(model, l, t, software, stage);
  m.activations = Bytes(activations.kept);
  m.buffers = Bytes(activations.gradients + buffers);
  return m;
}

MemoryPerDevice largest(const std::vector<MemoryPerDevice>& stages) {
  return *std::max_element(
      stages.begin(), stages.end(),
      [](const MemoryPerDevice& a, const MemoryPerDevice& b) { return a.total() < b.total(); });
}

// ---- what would make a job fit

struct Change {
  std::string words;
  std::function<void(ParallelismSpec&, TrainingSpec&)> apply;
};

std::vector<Change> possible_changes(const ParallelismSpec& p, const TrainingSpec& t,
                                     const SoftwareSpec& software) {
  std::vector<Change> changes;
  if (t.optimizer_sharding == 0)
    changes.push_back(
        {"training.optimizer_sharding 1", [](auto&, auto& x) { x.optimizer_sharding = 1; }});
  if (p.tensor > 1 && !p.sequence)
    changes.push_back({"parallelism.sequence true", [](auto& x, auto&) { x.sequence = true; }});
  if (t.recompute == Recompute::none && !software.flash_attention)
    changes.push_back({"training.recompute \"selective\"",
                       [](auto&, auto& x) { x.recompute = Recompute::selective; }});
  if (t.micro_batch > 1)
    changes.push_back({"training.micro_batch 1", [](auto&, auto& x) { x.micro_batch = 1; }});
  if (t.recompute != Recompute::full)
    changes.push_back(
        {"training.recompute \"full\"", [](auto&, auto& x) { x.recompute = Recompute::full; }});
  for (const int factor : {2, 4, 8}) {
    const auto free_data = [](ParallelismSpec& x) { x.data = 0; };
    changes.push_back(
        {fmt::format("parallelism.pipeline {}", p.pipeline * factor), [=](auto& x, auto&) {
           x.pipeline = p.pipeline * factor;
           free_data(x);
         }});
    changes.push_back(
        {fmt::format("parallelism.tensor {}", p.tensor * factor), [=](auto& x, auto&) {
           x.tensor = p.tensor * factor;
           free_data(x);
         }});
  }
  return changes;
}

/// The changes that suffice alone, cheapest first; failing that, the shortest row of them that does
/// together.
std::string advice(const ModelSpec& model, const ParallelismSpec& p, const TrainingSpec& t,
                   const SoftwareSpec& software, std::uint32_t devices, Bytes capacity) {
  const auto fits = [&](const ParallelismSpec& q, const TrainingSpec& u) {
    try {
      return largest(training_memory(model, resolve_layout(model, q, u, devices), u, software))
                 .total() <= capacity;
    } catch (const InputError&) {
      return false;  // a change that breaks the layout is no advice
    }
  };
  std::vector<std::string> alone;
  std::string together;
  ParallelismSpec all_p = p;
  TrainingSpec all_t = t;
  bool solved = false;
  for (const Change& change : possible_changes(p, t, software)) {
    ParallelismSpec q = p;
    TrainingSpec u = t;
    change.apply(q, u);
    if (fits(q, u) && alone.size() < 3) alone.push_back(change.words);
    if (solved) continue;
    change.apply(all_p, all_t);
    together += (together.empty() ? "" : " and ") + change.words;
    solved = fits(all_p, all_t);
  }
  if (!alone.empty()) return fmt::format("any of these fits: {}", fmt::join(alone, ", or "));
  if (solved) return "together these fit: " + together;
  return "use more chips, or chips with more memory";
}

}  // namespace

namespace {

/// Attention parameters of one rank. Replicated over the tensor group: MLA's down-projections and
/// latent norms, and KV heads where there are fewer of them than ranks.
double attention_per_rank(const ModelSpec& model, const LayerParameters& q, int tensor) {
  const double h = model.hidden;
  if (model.mla) {
    const MlaSpec& mla = *model.mla;
    const double whole =
        h * mla.q_rank + h * (mla.kv_rank + mla.rope_dim) + mla.q_rank + mla.kv_rank;
    return (q.attention - whole) / tensor + whole;
  }
  const AttentionShape a = attention_shape(model);
  const double head = 2 * h * model.head_dim;
  return (q.attention - a.kv_heads * head) / tensor + kv_heads_per_rank(a, tensor) * head;
}

}  // namespace

ShardedParameters sharded_parameters(const ModelSpec& model, const ParallelLayout& l,
                                     const ChunkContent& content) {
  ShardedParameters p;
  for (const int layer : content.layers) {
    const LayerParameters q = layer_parameters(model, layer);
    p.dense += attention_per_rank(model, q, l.tensor) + q.dense_ffn / l.tensor + q.router + q.norms;
    p.experts += q.experts / (l.expert * l.expert_tensor);
    if (layer >= model.layers)
      p.dense += 2.0 * model.hidden * model.hidden / l.tensor;  // MTP: 2h -> h
  }
  const ModelParameters whole = model_parameters(model);
  if (content.embedding) p.dense += whole.embedding / l.tensor;
  // A tied head lives a second time on the last stage of a pipeline.
  if (content.head) {
    const bool own_copy = !model.tied_embedding || l.pipeline > 1;
    const double table = static_cast<double>(model.vocabulary) * model.hidden / l.tensor;
    p.dense += own_copy ? table : 0;
    // MTP modules look the next token up: a second table unless the stage has the embedding or the
    // tied head.
    if (model.mtp_layers > 0 && !content.embedding && !model.tied_embedding) p.dense += table;
    p.dense += model.hidden * (model.layer_norm ? 2.0 : 1.0);
  }
  return p;
}

Bytes layer_activations(const ModelSpec& model, int layer, const ParallelLayout& l,
                        const TrainingSpec& t, const SoftwareSpec& software) {
  if (t.recompute == Recompute::full)  // only the layer's input survives
    return Bytes(format_bytes(t.formats.activations) * tokens(l, t) * model.hidden /
                 (l.sequence ? l.tensor : 1));
  const LayerShape shape = layer_shape(model, layer);
  return Bytes(mixer_activations(model, shape.mixer, l, t, software) +
               (shape.ffn ? ffn_activations(model, shape.moe, l, t) : 0));
}

std::vector<MemoryPerDevice> training_memory(const ModelSpec& model, const ParallelLayout& l,
                                             const TrainingSpec& t, const SoftwareSpec& software) {
  std::vector<MemoryPerDevice> stages;
  for (int stage = 0; stage < l.pipeline; ++stage)
    stages.push_back(stage_memory(model, l, t, software, stage));
  return stages;
}

MemoryPerDevice require_fit(const ModelSpec& model, const ParallelismSpec& p, const TrainingSpec& t,
                            const SoftwareSpec& software, std::uint32_t devices, Bytes capacity) {
  const MemoryPerDevice worst =
      largest(training_memory(model, resolve_layout(model, p, t, devices), t, software));
  if (worst.total() <= capacity) return worst;
  const auto gib = [](Bytes b) { return b.value() / 1073741824.0; };
  throw InputError(
      "does-not-fit",
      fmt::format(
          "does not fit: needs {:.1f} GiB per chip, has {:.1f} GiB: short by {:.1f} GiB "
          "(stage {}: parameters {:.1f}, gradients {:.1f}, optimizer {:.1f}, activations {:.1f}, "
          "buffers {:.1f})",
          gib(worst.total()), gib(capacity), gib(worst.total() - capacity), worst.stage,
          gib(worst.parameters), gib(worst.gradients), gib(worst.optimizer), gib(worst.activations),
          gib(worst.buffers)),
      advice(model, p, t, software, devices, capacity));
}

}  // namespace xpusim
