#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "workload/architecture.hpp"
#include "workload/layer_layout.hpp"
#include "workload/memory.hpp"
#include "workload/rank_map.hpp"
#include "workload/schedule.hpp"
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

/// Layers of the chunks in model order; MTP layers stand apart.
std::vector<int> even_layers(const ModelSpec& model, const ParallelLayout& layout) {
  return layers_per_chunk(model.layers, static_cast<int>(chunk_positions(layout)));
}

void assign_layers(const std::vector<int>& counts, ParallelLayout& layout) {
  std::vector<int> first{0};
  for (const int count : counts) first.push_back(first.back() + count);
  layout.layers.assign(
      static_cast<std::size_t>(layout.pipeline),
      std::vector<std::vector<int>>(static_cast<std::size_t>(layout.virtual_stages)));
  for (std::uint32_t s = 0; s < layout.layers.size(); ++s)
    for (std::uint32_t c = 0; c < layout.layers[s].size(); ++c) {
      const std::size_t position = chunk_position(layout, {s, c});
      auto& list = layout.layers[s][c];
      list.resize(static_cast<std::size_t>(counts[position]));
      std::iota(list.begin(), list.end(), first[position]);
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
}

/// The schedule: by name, or 1F1B with one chunk per rank and interleaved with more.
void resolve_schedule(const ParallelismSpec& p, ParallelLayout& l) {
  l.virtual_stages = p.virtual_stages;
  if (!p.layout.empty() && p.virtual_stages == 1 && p.schedule <= PipelineSchedule::interleaved) {
    // The layout says how many chunks a rank has (Megatron-LM does the same).
    const std::size_t chunks = parse_layer_layout(p.layout).size();
    if (chunks % static_cast<std::size_t>(l.pipeline) == 0)
      l.virtual_stages = static_cast<int>(chunks) / l.pipeline;
  }
  l.schedule = p.schedule;
  if (l.schedule == PipelineSchedule::automatic)
    l.schedule =
        l.virtual_stages == 1 ? PipelineSchedule::one_f_one_b : PipelineSchedule::interleaved;
  if (l.virtual_stages == 1) l.virtual_stages = schedule_chunks(l.schedule);
  // Without expert parallelism there is nothing to overlap.
  l.expert_overlap = p.expert_overlap && l.expert > 1;
  l.expert_dispatch = p.expert_dispatch;
  l.shared_expert_overlap = p.shared_expert_overlap;
  l.expert_domain = l.expert;  // one domain, unless the fabric says otherwise
}

void check_schedule(const ModelSpec& model, const ParallelismSpec& p, const ParallelLayout& l,
                    const TrainingSpec& t, LayoutChecks& checks) {
  const int micro_batches = std::max(1, t.global_batch / (l.data * t.micro_batch));
  const ScheduleObstacle obstacle = schedule_obstacle(
      l.schedule, {l.pipeline, l.virtual_stages, micro_batches, l.expert_overlap});
  checks.require(obstacle.reason.empty(), "schedule-does-not-fit",
                 fmt::format("the {} schedule {}", schedule_name(l.schedule), obstacle.reason),
                 obstacle.help);
  const int chunks = static_cast<int>(chunk_positions(l));
  checks.require(!p.layout.empty() || model.layers + 2 >= chunks, "too-many-stages",
                 chunks == l.pipeline
                     ? fmt::format("{} layers do not fill PP{}", model.layers, l.pipeline)
                     : fmt::format("{} layers do not fill PP{} x VP{} = {} chunks", model.layers,
                                   l.pipeline, l.virtual_stages, chunks),
                 "lower parallelism.pipeline or parallelism.virtual_stages");
}

/// Layers as parallelism.layout places them.
std::vector<int> placed_layers(const ModelSpec& model, const ParallelismSpec& p,
                               ParallelLayout& layout, LayoutChecks& checks) {
  const std::vector<LayerCounts> chunks = parse_layer_layout(p.layout);
  std::vector<int> counts;
  int layers = 0, mtp = 0;
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    counts.push_back(chunks[i].layers);
    layers += chunks[i].layers;
    mtp += chunks[i].mtp;
    if (chunks[i].mtp > 0) layout.mtp_position = static_cast<int>(i);
  }
  checks.require(chunks.size() == chunk_positions(layout), "bad-layout",
                 fmt::format("parallelism.layout has {} chunks, the {} schedule on PP{} needs {}",
                             chunks.size(), schedule_name(layout.schedule), layout.pipeline,
                             chunk_positions(layout)),
                 "separate so many chunks with |");
  checks.require(layers == model.layers, "bad-layout",
                 fmt::format("parallelism.layout has {} layers t, {} has {}", layers,
                             model.info.name, model.layers),
                 "place every layer once");
  checks.require(mtp == model.mtp_layers, "bad-layout",
                 fmt::format("parallelism.layout has {} MTP layers m, {} has {}", mtp,
                             model.info.name, model.mtp_layers),
                 "place every MTP layer once");
  checks.throw_if_any();
  return counts;
}

void resolve_shards(const ModelSpec& model, const ParallelismSpec& p, const TrainingSpec& t,
                    ParallelLayout& l, LayoutChecks& checks) {
  const int ranks = l.data * l.context;
  l.shard = p.shard > 0 ? p.shard : ranks;
  checks.require(p.shard == 0 || t.optimizer_sharding == 3, "shard-needs-zero-3",
                 "parallelism.shard divides what training.optimizer_sharding 3 shards",
                 "set training.optimizer_sharding to 3, or parallelism.shard to 0");
  const bool divides =
      ranks % l.shard == 0 && (l.shard % l.context == 0 || l.context % l.shard == 0);
  checks.require(
      divides, "shard-does-not-divide",
      fmt::format("shards over {} ranks do not divide the DP{} x CP{} ranks that hold the "
                  "same weights",
                  l.shard, l.data, l.context),
      "choose a divisor that is also a multiple of the context degree");
  if (!divides) return;
  checks.require(!model.moe || l.expert_data % (ranks / l.shard) == 0, "shard-does-not-divide",
                 fmt::format("{} replicas do not divide the {} ranks that hold the same experts",
                             ranks / l.shard, l.expert_data),
                 "raise parallelism.shard or lower parallelism.expert");
}

}  // namespace

std::string ParallelLayout::to_string() const {
  std::string text = fmt::format("TP{}", tensor);
  if (context > 1) text += fmt::format(" CP{}", context);
  text += fmt::format(" PP{} DP{}", pipeline, data);
  if (virtual_stages > 1) text += fmt::format(" VP{}", virtual_stages);
  if (expert > 1) text += fmt::format(" EP{}", expert);
  if (expert > 1 && expert_tensor != tensor) text += fmt::format(" ETP{}", expert_tensor);
  if (schedule != PipelineSchedule::one_f_one_b && schedule != PipelineSchedule::interleaved)
    text += fmt::format(" {}", schedule_name(schedule));
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
  resolve_schedule(p, l);
  l.context_method = p.context_method;
  l.tensor_chunks = p.tensor_chunks;
  check_model(model, l, t, checks);
  check_experts(model, l, checks);
  check_batch(l, t, checks);
  check_schedule(model, p, l, t, checks);
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
  resolve_shards(model, p, t, l, checks);
  checks.throw_if_any();
  l.mtp_position = static_cast<int>(chunk_positions(l)) - 1;
  assign_layers(p.layout.empty() ? even_layers(model, l) : placed_layers(model, p, l, checks), l);
  return l;
}

ChunkContent chunk_content(const ModelSpec& model, const ParallelLayout& l, int stage, int chunk) {
  const std::uint32_t position =
      chunk_position(l, {static_cast<std::uint32_t>(stage), static_cast<std::uint32_t>(chunk)});
  ChunkContent content;
  content.layers = l.layers[static_cast<std::size_t>(stage)][static_cast<std::size_t>(chunk)];
  content.embedding = position == 0;
  content.head = position + 1 == chunk_positions(l);
  if (static_cast<int>(position) == l.mtp_position)
    for (int i = 0; i < model.mtp_layers; ++i) content.layers.push_back(model.layers + i);
  return content;
}

}  // namespace xpusim
