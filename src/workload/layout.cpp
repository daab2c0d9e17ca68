#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "workload/architecture.hpp"
#include "workload/rank_map.hpp"
#include "xpusim/diagnostic.hpp"
#include "xpusim/workload.hpp"

namespace xpusim {

namespace {

/// Layers per chunk in model order. Equal shares when they divide; otherwise the ends are lighter,
/// because the first chunk also holds the embedding and the last one the head (Llama 3, arXiv
/// 2407.21783, section 3.3.2): single layers are taken from the last chunk, the first, the last but
/// one, the second, and so on.
std::vector<int> layers_per_chunk(int layers, int chunks) {
  const int most = (layers + chunks - 1) / chunks;
  std::vector<int> counts(static_cast<std::size_t>(chunks), most);
  int surplus = most * chunks - layers;
  for (int i = 0; surplus > 0; ++i, --surplus) {
    const int position = i % 2 == 0 ? chunks - 1 - i / 2 : i / 2;
    --counts[static_cast<std::size_t>(position)];
  }
  return counts;
}

void assign_layers(const ModelSpec& model, ParallelLayout& layout) {
  const int chunks = layout.pipeline * layout.virtual_stages;
  const std::vector<int> counts = layers_per_chunk(model.layers, chunks);
  layout.layers.assign(
      static_cast<std::size_t>(layout.pipeline),
      std::vector<std::vector<int>>(static_cast<std::size_t>(layout.virtual_stages)));
  int next = 0;
  for (int c = 0; c < chunks; ++c) {
    // Chunk c of the model is chunk c / pipeline of stage c % pipeline (Narayanan et al. 2021,
    // section 2.2).
    auto& list = layout.layers[static_cast<std::size_t>(c % layout.pipeline)]
                              [static_cast<std::size_t>(c / layout.pipeline)];
    list.resize(static_cast<std::size_t>(counts[static_cast<std::size_t>(c)]));
    std::iota(list.begin(), list.end(), next);
    next += static_cast<int>(list.size());
  }
}

class LayoutChecks {
 public:
  void require(bool holds, const char* code, std::string message, std::string help) {
    if (!holds) found_.error(code, std::move(message), {}, std::move(help));
  }
  void throw_if_any() const {
    if (found_.has_errors()) throw InputError(found_);
  }

 private:
  Diagnostics found_;
};

void check_degrees(const ParallelismSpec& p, const TrainingSpec& t, LayoutChecks& checks) {
  const auto positive = [&](int value, const char* name) {
    checks.require(value >= 1, "bad-degree", fmt::format("{} is {}", name, value),
                   "write 1 or more");
  };
  positive(p.tensor, "parallelism.tensor");
  positive(p.context, "parallelism.context");
  positive(p.pipeline, "parallelism.pipeline");
  positive(p.expert, "parallelism.expert");
  positive(p.virtual_stages, "parallelism.virtual_stages");
  positive(t.micro_batch, "training.micro_batch");
  positive(t.global_batch, "training.global_batch");
  positive(t.sequence, "training.sequence");
  checks.require(p.data >= 0 && p.expert_tensor >= 0, "bad-degree",
                 "parallelism.data and parallelism.expert_tensor cannot be negative",
                 "0 derives them");
  checks.throw_if_any();
}

void check_devices(const ParallelismSpec& p, std::uint32_t devices, LayoutChecks& checks) {
  // Degrees are below 2^31; in double their product neither wraps nor loses what is compared.
  const double product = 1.0 * p.tensor * p.context * p.pipeline * std::max(1, p.data);
  checks.require(product <= 1e9, "too-few-devices",
                 fmt::format("TP{} x CP{} x PP{} x DP{} is more ranks than any system has",
                             p.tensor, p.context, p.pipeline, p.data),
                 "lower a degree");
  checks.throw_if_any();
  const auto model_ranks = static_cast<std::uint32_t>(p.tensor * p.context * p.pipeline);
  if (p.data == 0)
    checks.require(devices >= model_ranks && devices % model_ranks == 0, "devices-do-not-divide",
                   fmt::format("{} devices do not divide into TP{} x CP{} x PP{} = {} ranks",
                               devices, p.tensor, p.context, p.pipeline, model_ranks),
                   "use a multiple of that many devices, or set parallelism.data");
  else
    checks.require(model_ranks * static_cast<std::uint32_t>(p.data) <= devices, "too-few-devices",
                   fmt::format("TP{} x CP{} x PP{} x DP{} needs {} devices, the system has {}",
                               p.tensor, p.context, p.pipeline, p.data,
                               model_ranks * static_cast<std::uint32_t>(p.data), devices),
                   "lower a degree or use more chips");
  checks.throw_if_any();
}

void check_model(const ModelSpec& model, const ParallelLayout& l, const TrainingSpec& t,
                 LayoutChecks& checks) {
  const AttentionShape a = attention_shape(model);
  checks.require(a.heads % l.tensor == 0, "heads-do-not-divide",
                 fmt::format("{} attention heads do not divide by TP{}", a.heads, l.tensor),
                 "choose a tensor degree that divides the heads");
  checks.require(a.kv_heads % l.tensor == 0 || l.tensor % a.kv_heads == 0, "kv-heads-do-not-divide",
                 fmt::format("{} KV heads neither divide by TP{} nor the other way round",
                             a.kv_heads, l.tensor),
                 "choose a tensor degree that divides the KV heads or is a multiple of them");
  checks.require(
      t.sequence % l.context == 0, "sequence-does-not-divide",
      fmt::format("a sequence of {} tokens does not divide by CP{}", t.sequence, l.context),
      "choose a context degree that divides the sequence");
  const int chunks = l.pipeline * l.virtual_stages;
  checks.require(model.layers + 2 >= chunks, "too-many-stages",
                 fmt::format("{} layers do not fill PP{} x VP{} = {} chunks", model.layers,
                             l.pipeline, l.virtual_stages, chunks),
                 "lower parallelism.pipeline or parallelism.virtual_stages");
}

void check_experts(const ModelSpec& model, const ParallelLayout& l, LayoutChecks& checks) {
  if (!model.moe) {
    checks.require(l.expert == 1, "no-experts",
                   fmt::format("{} has no experts for EP{}", model.info.name, l.expert),
                   "set parallelism.expert to 1");
    return;
  }
  checks.require(model.moe->experts % l.expert == 0, "experts-do-not-divide",
                 fmt::format("{} experts do not divide by EP{}", model.moe->experts, l.expert),
                 "choose an expert degree that divides the experts");
  checks.require(
      l.tensor == 1 || l.sequence, "moe-needs-sequence-parallelism",
      fmt::format("experts with TP{} need sequence parallelism: every rank would route all tokens",
                  l.tensor),
      "set parallelism.sequence to true");
  const int stage = l.tensor * l.context * l.data;
  checks.require(stage % (l.expert * l.expert_tensor) == 0, "experts-do-not-divide",
                 fmt::format("EP{} x expert TP{} does not divide the {} ranks of a stage", l.expert,
                             l.expert_tensor, stage),
                 "choose degrees whose product divides tensor x context x data");
}

void check_batch(const ParallelLayout& l, const TrainingSpec& t, LayoutChecks& checks) {
  const int unit = l.data * t.micro_batch;
  checks.require(
      t.global_batch % unit == 0, "batch-does-not-divide",
      fmt::format("a global batch of {} sequences does not divide by DP{} x micro-batch {}",
                  t.global_batch, l.data, t.micro_batch),
      fmt::format("use a multiple of {}", unit));
  checks.require(l.virtual_stages == 1 || l.pipeline > 1, "interleaved-needs-stages",
                 "the interleaved schedule needs more than one pipeline stage",
                 "set parallelism.virtual_stages to 1");
  const int micro_batches = std::max(1, t.global_batch / unit);
  checks.require(
      l.virtual_stages == 1 || micro_batches % l.pipeline == 0, "interleaved-needs-multiple",
      fmt::format("the interleaved schedule needs micro-batches divisible by PP{}, got {}",
                  l.pipeline, micro_batches),
      fmt::format(
          "change the batch to a multiple of {} sequences, or set parallelism.virtual_stages to 1",
          l.pipeline * unit));
}

}  // namespace

std::string ParallelLayout::to_string() const {
  std::string text = fmt::format("TP{}", tensor);
  if (context > 1) text += fmt::format(" CP{}", context);
  text += fmt::format(" PP{} DP{}", pipeline, data);
  if (virtual_stages > 1) text += fmt::format(" VP{}", virtual_stages);
  if (expert > 1) text += fmt::format(" EP{}", expert);
  if (expert > 1 && expert_tensor != tensor) text += fmt::format(" ETP{}", expert_tensor);
  return text;
}

ParallelLayout resolve_layout(const ModelSpec& model, const ParallelismSpec& p,
                              const TrainingSpec& t, std::uint32_t devices) {
  LayoutChecks checks;
  check_degrees(p, t, checks);
  check_devices(p, devices, checks);
  ParallelLayout l;
  l.tensor = p.tensor;
  l.context = p.context;
  l.pipeline = p.pipeline;
  l.data = p.data > 0 ? p.data : static_cast<int>(devices) / (p.tensor * p.context * p.pipeline);
  l.devices = static_cast<std::uint32_t>(l.tensor * l.context * l.pipeline * l.data);
  l.expert = p.expert;
  l.expert_tensor = p.expert_tensor > 0 ? p.expert_tensor : p.tensor;
  l.sequence = p.sequence && p.tensor > 1;
  // The schedule follows the degree: 1F1B with one stage per rank, interleaved with more.
  l.virtual_stages = p.virtual_stages;
  l.context_method = p.context_method;
  l.tensor_chunks = p.tensor_chunks;
  check_model(model, l, t, checks);
  check_experts(model, l, checks);
  check_batch(l, t, checks);
  checks.require(
      valid_rank_order(p.order), "bad-rank-order",
      fmt::format("the rank order '{}' does not name tp, cp, ep, dp and pp once each", p.order),
      "write it innermost first, for example \"tp-cp-ep-dp-pp\"");
  checks.throw_if_any();
  l.expert_data = l.tensor * l.context * l.data / (l.expert * l.expert_tensor);
  l.micro_batches = t.global_batch / (l.data * t.micro_batch);
  constexpr std::int64_t kPasses = 2'000'000;  // a few billion activities
  if (static_cast<std::int64_t>(l.micro_batches) * l.pipeline * l.virtual_stages > kPasses) {
    throw InputError("too-many-micro-batches",
                     fmt::format("{} micro-batches through {} stages of {} chunks are too many to "
                                 "simulate",
                                 l.micro_batches, l.pipeline, l.virtual_stages),
                     "raise training.micro_batch or parallelism.data, or lower the global batch");
  }
  checks.require(
      !model.moe || pipeline_strides_agree(l, p.order), "bad-rank-order",
      fmt::format(
          "with the rank order '{}' dense and expert ranks would lie in different pipeline stages",
          p.order),
      "put pp last");
  checks.throw_if_any();
  assign_layers(model, l);
  return l;
}

}  // namespace xpusim
