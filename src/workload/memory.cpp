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

double attention_activations(const ModelSpec& model, const ParallelLayout& l, const TrainingSpec& t,
                             const SoftwareSpec& software) {
  const AttentionShape a = attention_shape(model);
  const double bytes = format_bytes(t.formats.activations), n = tokens(l, t), tp = l.tensor;
  const double shared = l.sequence ? tp : 1;  // what sequence parallelism divides
  const double heads = a.heads / tp, kv_heads = kv_heads_per_rank(a, l.tensor);
  double total = bytes * n * model.hidden / shared * 2;  // inputs of the norm and of the projection
  if (model.mla)
    total += bytes * n * (model.mla->q_rank + model.mla->kv_rank + model.mla->rope_dim) / shared;
  total += bytes * n * (heads * a.key_dim + kv_heads * (a.key_dim + a.value_dim));  // q, k, v
  if (software.flash_attention)
    total += 4 * n * heads;  // log-sum-exp per query and head, FP32 (Dao et al. 2022)
  else if (t.recompute == Recompute::none)
    total += heads * n * t.sequence *
             (bytes + (uses_dropout(model) ? 1 + bytes : 0));   // softmax, mask, dropped
  total += bytes * n * heads * a.value_dim;                     // input of the output projection
  if (uses_dropout(model)) total += n * model.hidden / shared;  // mask, one byte each
  return total;
}

double dense_ffn_activations(const ModelSpec& model, double width, double rows, double shard,
                             double bytes) {
  return bytes * rows * width * (ffn_inputs(model) + 1) /
         shard;  // inputs of the activation and of the last matrix
}

double ffn_activations(const ModelSpec& model, bool moe, const ParallelLayout& l,
                       const TrainingSpec& t) {
  const double bytes = format_bytes(t.formats.activations), n = tokens(l, t), tp = l.tensor;
  const double shared = l.sequence ? tp : 1;
  double total =
      bytes * n * model.hidden / shared * 2;  // inputs of the norm and of the first matrix
  total += dense_ffn_activations(model, common_ffn(model, moe), n, tp, bytes);
  if (uses_dropout(model)) total += n * model.hidden / shared;
  if (!moe) return total;
  const double routed = n / shared * model.moe->top_k;  // token copies this device sends
  const double rows = routed * l.expert_tensor;     // and receives when the experts are balanced
  total += 4 * n / shared * model.moe->experts;     // router probabilities, FP32
  total += bytes * (routed + rows) * model.hidden;  // returned to and dispatched to the experts
  total += dense_ffn_activations(model, model.moe->ffn, rows, l.expert_tensor, bytes);
  return total;
}

/// What one micro-batch keeps while it is in flight, and what exists only while a layer's backward
/// pass runs.
struct ChunkActivations {
  double kept = 0;
  double working = 0;
};

double full_layer(const ModelSpec& model, int layer, const ParallelLayout& l, TrainingSpec t,
                  const SoftwareSpec& software) {
  t.recompute = Recompute::none;
  return layer_activations(model, layer, l, t, software).value();
}

ChunkActivations chunk_activations(const ModelSpec& model, const ParallelLayout& l,
                                   const TrainingSpec& t, const SoftwareSpec& software,
                                   const ChunkContent& content) {
  ChunkActivations a;
  const double shared = l.sequence ? l.tensor : 1, n = tokens(l, t);
  const double bytes = format_bytes(t.formats.activations);
  for (const int layer : content.layers) {
    a.kept += layer_activations(model, layer, l, t, software).value();
    if (t.recompute == Recompute::full)
      a.working = std::max(a.working, full_layer(model, layer, l, t, software));
  }
  if (content.embedding && uses_dropout(model)) a.kept += n * model.hidden / shared;
  // Korthikanti et al. 2022, section 4.3: inputs of the last norm and of the head, logits in FP32.
  if (content.head)
    a.kept += (1 + model.mtp_layers) *
              (2 * bytes * n * model.hidden / shared + 4 * n * model.vocabulary / l.tensor);
  return a;
}

/// Largest sum of kept activations along the stage's schedule.
double peak_activations(const ModelSpec& model, const ParallelLayout& l, const TrainingSpec& t,
                        const SoftwareSpec& software, int stage) {
  std::vector<ChunkActivations> chunks;
  double working = 0;
  for (int c = 0; c < l.virtual_stages; ++c) {
    chunks.push_back(chunk_activations(model, l, t, software, chunk_content(model, l, stage, c)));
    working = std::max(working, chunks.back().working);
  }
  double now = 0, peak = 0;
  for (const Pass& pass : pipeline_schedule(l.pipeline, l.virtual_stages, l.micro_batches, stage)) {
    now += (pass.forward ? 1 : -1) * chunks[pass.chunk].kept;
    peak = std::max(peak, now);
  }
  return peak + working;
}

MemoryPerDevice stage_memory(const ModelSpec& model, const ParallelLayout& l, const TrainingSpec& t,
                             const SoftwareSpec& software, int stage) {
  ShardedParameters p;
  for (int c = 0; c < l.virtual_stages; ++c)
    p += sharded_parameters(model, l, chunk_content(model, l, stage, c));
  const double weight = format_bytes(t.formats.weights), state = format_bytes(t.formats.optimizer);
  // Two moments, and master weights when the weights themselves are narrower than the optimizer's
  // format.
  const double states = state * (weight < state ? 3 : 2);
  const bool sharded = t.optimizer_sharding >= 1;
  const double dense_share = sharded ? static_cast<double>(l.data) * l.context : 1;
  const double expert_share = sharded ? l.expert_data : 1;
  MemoryPerDevice m;
  m.stage = static_cast<std::uint32_t>(stage);
  m.parameters = Bytes(weight * p.total());
  if (t.frozen_base == 0) {
    m.gradients = Bytes(format_bytes(t.formats.gradients) * p.total());
    m.optimizer = Bytes(states * (p.dense / dense_share + p.experts / expert_share));
  }
  m.activations = Bytes(peak_activations(model, l, t, software, stage));
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

ChunkContent chunk_content(const ModelSpec& model, const ParallelLayout& l, int stage, int chunk) {
  ChunkContent content;
  content.layers = l.layers[static_cast<std::size_t>(stage)][static_cast<std::size_t>(chunk)];
  content.embedding = stage == 0 && chunk == 0;
  content.head = stage == l.pipeline - 1 && chunk == l.virtual_stages - 1;
  if (content.head)  // MTP modules follow the last layer
    for (int i = 0; i < model.mtp_layers; ++i) content.layers.push_back(model.layers + i);
  return content;
}

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
  return Bytes(attention_activations(model, l, t, software) +
               ffn_activations(model, is_moe_layer(model, layer), l, t));
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
          "(stage {}: parameters {:.1f}, gradients {:.1f}, optimizer {:.1f}, activations {:.1f})",
          gib(worst.total()), gib(capacity), gib(worst.total() - capacity), worst.stage,
          gib(worst.parameters), gib(worst.gradients), gib(worst.optimizer),
          gib(worst.activations)),
      advice(model, p, t, software, devices, capacity));
}

}  // namespace xpusim
