#include "workload/layer_program.hpp"

#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "workload/architecture.hpp"

namespace xpusim {

Purpose purpose_of(GroupKind kind) {
  switch (kind) {
    case GroupKind::tensor:
    case GroupKind::expert_tensor:
      return Purpose::tp;
    case GroupKind::context:
      return Purpose::cp;
    case GroupKind::expert:
    case GroupKind::expert_node:
    case GroupKind::expert_rail:
      return Purpose::ep;
    case GroupKind::data:
    case GroupKind::expert_data:
    case GroupKind::embedding:
    case GroupKind::shard:
    case GroupKind::replica:
    case GroupKind::expert_shard:
    case GroupKind::expert_replica:
    case GroupKind::mirror:
      return Purpose::dp;
  }
  return Purpose::other;
}

Stream stream_of(GroupKind kind) {
  switch (purpose_of(kind)) {
    case Purpose::tp:
      return Stream::comm_tp;
    case Purpose::cp:
      return Stream::comm_cp;
    case Purpose::ep:
      return kind == GroupKind::expert_node ? Stream::comm_ep_node : Stream::comm_ep;
    default:
      return Stream::comm_dp;
  }
}

std::uint32_t OpTable::id(const ComputeOp& op) {
  const std::string key =
      fmt::format("{} {} {} {},{},{},{} {},{},{},{},{},{},{} {} {} {} {} {} {} {} {}",
                  static_cast<int>(op.kind), op.label, op.format, op.m, op.n, op.k, op.count,
                  op.batch, op.sequence, op.context, op.heads, op.kv_heads, op.head_dim, op.v_dim,
                  op.flops, op.memory_bytes, op.operand_bytes, op.output_bytes, op.seconds,
                  op.kernels, op.accumulate, op.efficiency);
  const auto [it, added] = ids_.emplace(key, static_cast<std::uint32_t>(ops_.size()));
  if (added) ops_.push_back(op);
  return it->second;
}

std::uint32_t CommunicationTable::id(const Communication& communication) {
  const auto [it, added] = ids_.emplace(communication, static_cast<std::uint32_t>(items_.size()));
  if (added) items_.push_back(communication);
  return it->second;
}

LayerEmitter::LayerEmitter(const ModelSpec& model, const ParallelLayout& layout,
                           const TrainingSpec& training, const SoftwareSpec& software, OpTable& ops,
                           CommunicationTable& communications)
    : model_(model),
      layout_(layout),
      training_(training),
      software_(software),
      ops_(ops),
      communications_(communications),
      tokens_(static_cast<double>(training.micro_batch) * training.sequence / layout.context),
      local_tokens_(layout.sequence ? tokens_ / layout.tensor : tokens_),
      activation_bytes_(format_bytes(training.formats.activations)),
      gradient_bytes_(format_bytes(training.formats.gradients)),
      dropout_(trains_with_dropout(model, training)) {}

// ---------------------------------------------------------------- primitives

void LayerEmitter::run(Program& p, const ComputeOp& op) {
  p.steps.push_back({StepKind::run, ops_.id(op), 0});
}

double LayerEmitter::kernel_efficiency(const std::string& family) const {
  const auto it = software_.kernel_efficiency.find(family);
  return it == software_.kernel_efficiency.end() ? 1.0 : it->second;
}

void LayerEmitter::stream(Program& p, const std::string& name, double bytes, int kernels,
                          const std::string& family) {
  ComputeOp op;
  op.kind = OpKind::memory;
  op.label = name;
  op.format = training_.formats.activations;
  op.memory_bytes = bytes;
  op.kernels = kernels;
  op.efficiency = kernel_efficiency(family);
  run(p, op);
}

std::uint32_t LayerEmitter::start(Program& p, GroupKind group, CollectiveType type, double bytes) {
  p.steps.push_back({StepKind::start, communications_.id({group, type, bytes}), p.slots});
  return p.slots++;
}

void LayerEmitter::wait(Program& p, std::uint32_t slot) {
  p.steps.push_back({StepKind::wait, 0, slot});
}

void LayerEmitter::communicate(Program& p, GroupKind group, CollectiveType type, double bytes) {
  wait(p, start(p, group, type, bytes));
}

namespace {
constexpr std::uint32_t kNoSlot = 0xffffffffu;

std::int64_t whole(double v) { return std::llround(std::ceil(v - 1e-9)); }

ComputeOp gemm_op(const std::string& label, const std::string& format, double m, double n,
                  double k) {
  ComputeOp op;
  op.kind = OpKind::gemm;
  op.label = label;
  op.format = format;
  op.m = whole(m);
  op.n = whole(n);
  op.k = whole(k);
  op.operand_bytes = format_bytes(format);
  return op;
}
}  // namespace

/// A compute format narrower than the stored activations needs a cast, and a transposed copy for
/// the weight gradient, unless the weights are frozen. One scale for the whole tensor asks for its
/// maximum first, which reads it once more; block formats find theirs as they go (Transformer
/// Engine, current scaling and MXFP8).
void LayerEmitter::cast(Program& p, const Gemm& g, double elements) {
  const double narrow = format_bytes(g.format);
  if (narrow >= activation_bytes_) return;
  const bool whole_tensor = g.format == "fp8" || g.format == "int8";
  const double copies = training_.frozen_base != 0 ? 1 : 2;
  stream(p, g.name + " cast",
         elements * ((whole_tensor ? 2 : 1) * activation_bytes_ + copies * narrow),
         whole_tensor ? 2 : 1);
}

void LayerEmitter::gemm_forward(Program& p, const Gemm& g) {
  cast(p, g, g.rows * g.in);
  ComputeOp op = gemm_op(g.name, g.format, g.rows, g.out, g.in);
  op.output_bytes = activation_bytes_;
  run(p, op);
}

void LayerEmitter::gemm_dgrad(Program& p, const Gemm& g) {
  cast(p, g, g.rows * g.out);
  ComputeOp op = gemm_op(g.name + " dgrad", g.format, g.rows, g.in, g.out);
  op.output_bytes = activation_bytes_;
  run(p, op);
}

void LayerEmitter::gemm_wgrad(Program& p, const Gemm& g) {
  if (training_.frozen_base != 0) return;
  if (g.bias) {  // the column sums of the output's gradient
    stream(p, g.name + " bias gradient", g.rows * g.out * activation_bytes_);
    p.steps.back().weight_gradient = true;
  }
  ComputeOp op = gemm_op(g.name + " wgrad", g.format, g.in, g.out, g.rows);
  op.output_bytes =
      2 * gradient_bytes_;  // accumulates into the main gradients: one read, one write
  op.accumulate = gradient_bytes_ >= 4;
  run(p, op);
  p.steps.back().weight_gradient = true;
}

/// The adapter beside a frozen matrix: dropout of the input (with its mask, one byte), two thin
/// matrices, and a sum with the matrix' own output (NeMo, ParallelLinearAdapter); backward both
/// gradients of both, the dropout's, and a sum with the matrix' own input gradient. Where sequence
/// parallelism splits rows, so it does here: those of a column-parallel matrix' input and of a
/// row-parallel one's output.
void LayerEmitter::adapter(Program& p, const Gemm& g, bool column_parallel, bool backward) {
  if (training_.frozen_base == 0) return;
  const double in_rows = column_parallel ? local_tokens_ : tokens_;
  const double out_rows = column_parallel ? tokens_ : local_tokens_;
  const auto thin = [&](const char* name, double m, double n, double k) {
    ComputeOp op = gemm_op(name, training_.formats.activations, m, n, k);
    op.output_bytes = activation_bytes_;
    run(p, op);
  };
  const double masked = 2 * activation_bytes_ + 1, summed = 3 * activation_bytes_;
  if (backward) {
    thin("adapter dgrad", out_rows, kAdapterRank, g.out);
    thin("adapter wgrad", kAdapterRank, g.out, out_rows);
    p.steps.back().weight_gradient = true;
    thin("adapter dgrad", in_rows, g.in, kAdapterRank);
    thin("adapter wgrad", g.in, kAdapterRank, in_rows);
    p.steps.back().weight_gradient = true;
    stream(p, "adapter dropout backward", in_rows * g.in * masked);
    stream(p, "adapter sum backward", in_rows * g.in * summed);
  } else {
    stream(p, "adapter dropout", in_rows * g.in * masked);
    thin("adapter", in_rows, kAdapterRank, g.in);
    thin("adapter", out_rows, g.out, kAdapterRank);
    stream(p, "adapter sum", out_rows * g.out * summed);
  }
}

/// The three GEMMs of the local experts; rows is per expert.
void LayerEmitter::grouped(Program& p, const Gemm& g, const char* pass) {
  const std::string kind = pass;
  ComputeOp op = kind == "forward" ? gemm_op(g.name, g.format, g.rows, g.out, g.in)
                 : kind == "dgrad" ? gemm_op(g.name + " dgrad", g.format, g.rows, g.in, g.out)
                                   : gemm_op(g.name + " wgrad", g.format, g.in, g.out, g.rows);
  op.kind = OpKind::grouped_gemm;
  op.count = model_.moe->experts / layout_.expert;
  op.output_bytes = kind == "wgrad" ? 2 * gradient_bytes_ : activation_bytes_;
  op.accumulate = kind == "wgrad" && gradient_bytes_ >= 4;
  // Fused, what comes out of the activation is quantised there.
  const bool first = g.name == "experts first matrix";
  const bool written_narrow = software_.fused_experts && (kind == "forward") != first;
  if (kind != "wgrad" && !written_narrow)
    cast(p, g, g.rows * static_cast<double>(op.count) * (kind == "forward" ? g.in : g.out));
  run(p, op);
  p.steps.back().weight_gradient = kind == "wgrad";
}

// ---------------------------------------------------------------- streaming kernels
// Bytes are reads and writes of the elements a kernel touches. Unfused counts are those of
// element-wise framework kernels: each reads its inputs and writes its output once.

void LayerEmitter::norm(Program& p, bool backward) {
  const double elements = local_tokens_ * model_.hidden, a = activation_bytes_;
  const char* name = backward ? "norm backward" : "norm";
  if (software_.fused_norm) {
    // Reads x, writes y; backward reads dy and x and writes dx.
    stream(p, name, elements * a * (backward ? 3 : 2));
  } else {
    // Cast to FP32, mean of squares, scale, weight, cast back: (a+4) + 4 + (4+4) + (4+4) + (4+a);
    // backward twice that.
    stream(p, name, elements * (2 * a + 28) * (backward ? 2 : 1), backward ? 10 : 5);
  }
}

void LayerEmitter::add_residual(Program& p, bool backward) {
  // Reads the branch and the residual, writes their sum; dropout also writes (forward) or reads
  // (backward) a mask.
  const double mask = dropout_ ? 1 : 0;
  stream(p, backward ? "residual backward" : "residual",
         local_tokens_ * model_.hidden * (3 * activation_bytes_ + mask));
}

void LayerEmitter::activation(Program& p, double rows, double width, bool backward) {
  const double elements = rows * width * activation_bytes_;
  const char* name = backward ? "activation backward" : "activation";
  // Gated: reads gate and up, writes the product; backward reads those and the gradient, writes two
  // gradients. Unfused adds the intermediate silu(gate): written and read again, and its own
  // gradient.
  if (model_.gated)
    stream(p, name,
           elements * (software_.fused_activation ? (backward ? 5 : 3) : (backward ? 9 : 5)),
           software_.fused_activation ? 1 : (backward ? 3 : 2));
  else
    stream(p, name,
           elements * (software_.fused_activation ? (backward ? 3 : 2) : (backward ? 5 : 4)),
           software_.fused_activation ? 1 : 2);  // unfused: the bias on its own
}

void LayerEmitter::rope(Program& p, bool backward) {
  if (model_.learned_positions > 0) return;
  const AttentionShape a = attention_shape(model_);
  const double heads =
      static_cast<double>(a.heads) / layout_.tensor + kv_heads_per_rank(a, layout_.tensor);
  const double elements = tokens_ * heads * a.key_dim * activation_bytes_;
  // Unfused: rotate half (slice, negate, join), two products and a sum for q and k: 3 times the
  // traffic.
  stream(p, backward ? "rope backward" : "rope", elements * (software_.fused_rope ? 2 : 6),
         software_.fused_rope ? 1 : 5);
}

/// RMSNorm over the head dimension of queries and keys.
void LayerEmitter::head_norm(Program& p, bool backward) {
  if (!model_.qk_norm) return;
  const AttentionShape a = attention_shape(model_);
  const double heads =
      static_cast<double>(a.heads) / layout_.tensor + kv_heads_per_rank(a, layout_.tensor);
  stream(p, backward ? "head norm backward" : "head norm",
         tokens_ * heads * a.key_dim * activation_bytes_ * (backward ? 3 : 2), 2);
}

// ---------------------------------------------------------------- attention

std::vector<LayerEmitter::Gemm> LayerEmitter::query_key_value() const {
  const double tp = layout_.tensor;
  const std::string& format = training_.formats.compute;
  const AttentionShape a = attention_shape(model_);
  if (!model_.mla) {
    const double width =
        a.heads / tp * a.key_dim + 2.0 * kv_heads_per_rank(a, layout_.tensor) * a.key_dim;
    return {{"qkv projection", tokens_, width, double(model_.hidden), format,
             model_.bias || model_.qkv_bias}};
  }
  const MlaSpec& mla = *model_.mla;
  const double query_in = mla.q_rank > 0 ? mla.q_rank : model_.hidden;
  return {{"query up-projection", tokens_, a.heads / tp * a.key_dim, query_in, format},
          {"key-value up-projection", tokens_, a.heads / tp * (mla.nope_dim + mla.v_dim),
           double(mla.kv_rank), format}};
}

/// Down-projections of MLA: replicated weights on each rank's own tokens.
std::vector<LayerEmitter::Gemm> LayerEmitter::latent_projections() const {
  std::vector<Gemm> gemms;
  if (!model_.mla) return gemms;
  const std::string& format = training_.formats.compute;
  if (model_.mla->q_rank > 0)
    gemms.push_back({"query down-projection", local_tokens_, double(model_.mla->q_rank),
                     double(model_.hidden), format});
  gemms.push_back({"key-value down-projection", local_tokens_,
                   double(model_.mla->kv_rank + model_.mla->rope_dim), double(model_.hidden),
                   format});
  return gemms;
}

LayerEmitter::Gemm LayerEmitter::output_projection() const {
  const AttentionShape a = attention_shape(model_);
  return {"output projection",       tokens_,
          double(model_.hidden),     double(a.heads) / layout_.tensor * a.value_dim,
          training_.formats.compute, model_.bias};
}

double LayerEmitter::attention_input_width() const {
  if (!model_.mla) return model_.hidden;
  const MlaSpec& mla = *model_.mla;
  return (mla.q_rank > 0 ? mla.q_rank : model_.hidden) + mla.kv_rank + mla.rope_dim;
}

/// K and V of the whole sequence on one rank (MLA sends the latent).
double LayerEmitter::key_value_bytes() const {
  const AttentionShape a = attention_shape(model_);
  const double width = model_.mla
                           ? model_.mla->kv_rank + model_.mla->rope_dim
                           : kv_heads_per_rank(a, layout_.tensor) * (a.key_dim + a.value_dim);
  return wide(width) * layout_.context;
}

ComputeOp LayerEmitter::fused_attention(OpKind kind, bool windowed) const {
  const AttentionShape a = attention_shape(model_);
  const bool backward = kind == OpKind::attention_backward;
  const FormatsSpec& formats = training_.formats;
  const bool by_heads = layout_.context > 1 && layout_.context_method == ContextMethod::all_to_all;
  const int split = by_heads ? layout_.context : 1;
  ComputeOp op;
  op.kind = kind;
  op.label = backward ? "attention backward" : "attention";
  // Kernels with 8-bit inputs exist for the forward pass; gradients need the range of 16 bits.
  op.format =
      backward && format_bytes(formats.attention) < 2 ? formats.activations : formats.attention;
  op.operand_bytes = format_bytes(op.format);
  op.output_bytes = activation_bytes_;
  op.batch = training_.micro_batch;
  op.sequence = by_heads ? training_.sequence : training_.sequence / layout_.context;
  // Context ranks take the first and the last chunks alike, so each sees half of all pairs: S s / 2
  // for s queries, which is s queries at the end of (S + s) / 2 keys.
  op.context = (training_.sequence + op.sequence) / 2;
  op.heads = std::max(1, a.heads / layout_.tensor / split);
  op.kv_heads = std::max(1, kv_heads_per_rank(a, layout_.tensor) / split);
  op.head_dim = a.key_dim;
  op.v_dim = a.value_dim;
  if (windowed && model_.window < training_.sequence) {
    // Each query sees the last `window` keys; the first ones fewer. Forward 2 products, backward 5
    // (as op_flops counts them).
    op.label += " windowed";
    const double share = static_cast<double>(op.sequence) / training_.sequence;
    const double w = model_.window, pairs = share * w * (training_.sequence - w / 2);
    op.flops = (backward ? 2.5 : 1.0) * 2 * static_cast<double>(op.batch * op.heads) * pairs *
               (a.key_dim + a.value_dim);
    // Kernels work on whole tiles: a tile of queries meets the keys of its window and of itself.
    constexpr double kTile = 128;
    op.efficiency = w / std::min<double>(w + kTile, training_.sequence);
  }
  return op;
}

/// Keys and values travel round the ring under the attention to those that are there (Liu et al.
/// 2023, arXiv 2310.01889; Megatron-LM p2p): as many pieces as ranks, each a causal square of this
/// rank's tokens on average. Backward the gradients of keys and values travel too.
void LayerEmitter::ring_attention(Program& p, OpKind kind, bool windowed) {
  const int ranks = layout_.context;
  const bool backward = kind == OpKind::attention_backward;
  ComputeOp piece = fused_attention(kind, windowed);
  piece.context = piece.sequence;
  if (piece.flops > 0) piece.flops /= ranks;
  const AttentionShape a = attention_shape(model_);
  const double width =
      model_.mla ? static_cast<double>(a.heads) / layout_.tensor * (a.key_dim + a.value_dim)
                 : kv_heads_per_rank(a, layout_.tensor) * (a.key_dim + a.value_dim);
  const double bytes = wide(width) * (backward ? 2 : 1);
  for (int step = 0; step < ranks; ++step) {
    std::uint32_t next = kNoSlot;
    if (step + 1 < ranks) next = start(p, GroupKind::context, CollectiveType::SEND_RECV, bytes);
    run(p, piece);
    if (next != kNoSlot) wait(p, next);
  }
}

/// Ulysses (Jacobs et al. 2023, arXiv 2309.14509): ranks trade their share of the sequence for a
/// share of the heads before attention, and back after it.
void LayerEmitter::exchange_heads(Program& p, bool outputs) {
  const AttentionShape a = attention_shape(model_);
  const double heads = static_cast<double>(a.heads) / layout_.tensor;
  const double width = outputs ? heads * a.value_dim
                               : heads * a.key_dim + kv_heads_per_rank(a, layout_.tensor) *
                                                         (a.key_dim + a.value_dim);
  communicate(p, GroupKind::context, CollectiveType::ALL_TO_ALL, wide(width));
}

void LayerEmitter::core_attention(Program& p, bool windowed) {
  if (!software_.flash_attention)
    unfused_scores(p);
  else if (layout_.context > 1 && layout_.context_method == ContextMethod::ring)
    ring_attention(p, OpKind::attention_forward, windowed);
  else
    run(p, fused_attention(OpKind::attention_forward, windowed));
}

void LayerEmitter::core_attention_backward(Program& p, bool windowed) {
  if (!software_.flash_attention)
    unfused_backward(p);
  else if (layout_.context > 1 && layout_.context_method == ContextMethod::ring)
    ring_attention(p, OpKind::attention_backward, windowed);
  else
    run(p, fused_attention(OpKind::attention_backward, windowed));
}

/// Scores, softmax, dropout and weighted values as separate kernels over every pair (no causal
/// saving).
void LayerEmitter::unfused_scores(Program& p) {
  const AttentionShape a = attention_shape(model_);
  const double s = training_.sequence, rows = s / layout_.context;
  const double matrices = static_cast<double>(training_.micro_batch) * a.heads / layout_.tensor;
  const double pairs = matrices * rows * s;
  const auto batched = [&](const char* name, double m, double n, double k) {
    ComputeOp op = gemm_op(name, training_.formats.attention, m, n, k);
    op.kind = OpKind::batched_gemm;
    op.count = whole(matrices);
    run(p, op);
  };
  batched("attention scores", rows, s, a.key_dim);
  stream(p, "attention softmax",
         pairs * 2 * activation_bytes_);  // scale, mask and softmax in one kernel (Megatron-LM)
  if (dropout_) stream(p, "attention dropout", pairs * (2 * activation_bytes_ + 1));
  batched("attention values", rows, a.value_dim, s);
}

void LayerEmitter::unfused_backward(Program& p) {
  const AttentionShape a = attention_shape(model_);
  const double s = training_.sequence, rows = s / layout_.context;
  const double matrices = static_cast<double>(training_.micro_batch) * a.heads / layout_.tensor;
  const double pairs = matrices * rows * s;
  const auto batched = [&](const char* name, double m, double n, double k) {
    ComputeOp op = gemm_op(name, training_.formats.attention, m, n, k);
    op.kind = OpKind::batched_gemm;
    op.count = whole(matrices);
    run(p, op);
  };
  batched("attention values dgrad", rows, s, a.value_dim);
  batched("attention values wgrad", s, a.value_dim, rows);
  if (dropout_) stream(p, "attention dropout backward", pairs * (2 * activation_bytes_ + 1));
  stream(p, "attention softmax backward", pairs * 3 * activation_bytes_);
  batched("attention scores dgrad", rows, a.key_dim, s);
  batched("attention scores wgrad", s, a.key_dim, rows);
}

/// Before a column-parallel matrix: sequence parallelism gathers the rows of all TP ranks.
void LayerEmitter::gather_input(Program& p, double width) {
  if (layout_.sequence) communicate(p, GroupKind::tensor, CollectiveType::ALL_GATHER, wide(width));
}

/// After a row-parallel matrix: partial sums are reduced, and scattered under sequence parallelism.
void LayerEmitter::scatter_output(Program& p, double width) {
  if (layout_.sequence)
    communicate(p, GroupKind::tensor, CollectiveType::REDUCE_SCATTER, wide(width));
  else if (layout_.tensor > 1)
    communicate(p, GroupKind::tensor, CollectiveType::ALL_REDUCE, wide(width));
}

/// Sequence parallelism gathers rows, column-parallel matrices multiply them. In pieces, the first
/// (this rank's own rows) needs no communication and each later one arrives under the one before
/// (Wang et al. 2023, "Overlap Communication with Dependent Computation via Decomposition"; the
/// user buffers of Transformer Engine).
void LayerEmitter::gather_and_multiply(Program& p, double width, const std::vector<Gemm>& gemms,
                                       bool dgrad) {
  const int pieces = layout_.sequence ? layout_.tensor_chunks : 1;
  const auto multiply = [&](Gemm g, int of) {
    g.rows /= of;
    if (dgrad)
      gemm_dgrad(p, g);
    else
      gemm_forward(p, g);
  };
  if (pieces <= 1) {
    gather_input(p, width);
    for (const Gemm& g : gemms) multiply(g, 1);
    return;
  }
  std::vector<std::uint32_t> arrivals;
  for (int i = 1; i < pieces; ++i)
    arrivals.push_back(
        start(p, GroupKind::tensor, CollectiveType::ALL_GATHER, wide(width) / (pieces - 1)));
  for (int i = 0; i < pieces; ++i) {
    if (i > 0) wait(p, arrivals[static_cast<std::size_t>(i - 1)]);
    for (const Gemm& g : gemms) multiply(g, pieces);
  }
}

/// A row-parallel matrix and the reduction of its partial sums; in pieces, each is reduced under
/// the next.
void LayerEmitter::multiply_and_scatter(Program& p, const Gemm& g, bool dgrad) {
  const int pieces = layout_.sequence ? layout_.tensor_chunks : 1;
  const double width = dgrad ? g.in : g.out;
  Gemm piece = g;
  piece.rows /= pieces;
  std::vector<std::uint32_t> reductions;
  for (int i = 0; i < pieces; ++i) {
    if (dgrad)
      gemm_dgrad(p, piece);
    else
      gemm_forward(p, piece);
    if (pieces > 1)
      reductions.push_back(
          start(p, GroupKind::tensor, CollectiveType::REDUCE_SCATTER, wide(width) / pieces));
  }
  if (pieces <= 1) scatter_output(p, width);
  for (const std::uint32_t slot : reductions) wait(p, slot);
}

void LayerEmitter::attention_forward(Program& p, bool windowed) {
  const bool all_gather =
      layout_.context > 1 && layout_.context_method == ContextMethod::all_gather;
  const bool by_heads = layout_.context > 1 && layout_.context_method == ContextMethod::all_to_all;
  norm(p, false);
  for (const Gemm& g : latent_projections()) gemm_forward(p, g);
  gather_and_multiply(p, attention_input_width(), query_key_value(), false);
  for (const Gemm& g : query_key_value()) adapter(p, g, true, false);
  head_norm(p, false);
  rope(p, false);
  if (all_gather) communicate(p, GroupKind::context, CollectiveType::ALL_GATHER, key_value_bytes());
  if (by_heads) exchange_heads(p, false);
  core_attention(p, windowed);
  if (by_heads) exchange_heads(p, true);
  adapter(p, output_projection(), false, false);
  multiply_and_scatter(p, output_projection(), false);
  add_residual(p, false);
}

void LayerEmitter::attention_backward(Program& p, bool windowed) {
  const bool all_gather =
      layout_.context > 1 && layout_.context_method == ContextMethod::all_gather;
  const bool by_heads = layout_.context > 1 && layout_.context_method == ContextMethod::all_to_all;
  add_residual(p, true);
  // The gradient of the row-parallel output.
  gather_and_multiply(p, model_.hidden, {output_projection()}, true);
  gemm_wgrad(p, output_projection());
  adapter(p, output_projection(), false, true);
  if (recomputes(training_, "layernorm")) norm(p, false);
  if (model_.mla && recomputes(training_, "mla_up_proj")) {
    for (const Gemm& g : query_key_value()) gemm_forward(p, g);
    rope(p, false);
  }
  // K and V of the other context ranks are not kept: gathered again, their gradients summed back.
  if (all_gather) communicate(p, GroupKind::context, CollectiveType::ALL_GATHER, key_value_bytes());
  if (by_heads) exchange_heads(p, true);
  if (recomputes_core_attention(training_, software_)) core_attention(p, windowed);
  core_attention_backward(p, windowed);
  if (by_heads) exchange_heads(p, false);
  if (all_gather)
    communicate(p, GroupKind::context, CollectiveType::REDUCE_SCATTER, key_value_bytes());
  rope(p, true);
  head_norm(p, true);
  // Sequence parallelism keeps only its own rows of the input: they are gathered again for the
  // weight gradient, under the input gradient (Korthikanti et al. 2022, section 4.2.2).
  column_backward(p, attention_input_width(), query_key_value());
  for (const Gemm& g : query_key_value()) adapter(p, g, true, true);
  for (const Gemm& g : latent_projections()) {
    gemm_dgrad(p, g);
    gemm_wgrad(p, g);
  }
  norm(p, true);
}

/// Backward pass of column-parallel matrices: the input's rows are gathered under the input
/// gradient, whose reduction runs under the weight gradient.
void LayerEmitter::column_backward(Program& p, double width, const std::vector<Gemm>& gemms) {
  const bool gather = layout_.sequence && training_.frozen_base == 0;
  const std::uint32_t input =
      gather ? start(p, GroupKind::tensor, CollectiveType::ALL_GATHER, wide(width)) : kNoSlot;
  for (const Gemm& g : gemms) gemm_dgrad(p, g);
  std::uint32_t gradient = kNoSlot;
  if (layout_.tensor > 1)
    gradient = start(p, GroupKind::tensor,
                     layout_.sequence ? CollectiveType::REDUCE_SCATTER : CollectiveType::ALL_REDUCE,
                     wide(width));
  if (input != kNoSlot) wait(p, input);
  for (const Gemm& g : gemms) gemm_wgrad(p, g);
  if (gradient != kNoSlot) wait(p, gradient);
}

// ---------------------------------------------------------------- scans

/// What Mamba-2 (z, x, B, C, dt) and linear attention (queries, keys, values, gates) read of their
/// input, split by TP.
std::vector<LayerEmitter::Gemm> LayerEmitter::scan_inputs(Mixer mixer) const {
  double width = 0;
  if (mixer == Mixer::mamba) {
    const MambaSpec& mamba = *model_.mamba;
    width = mamba_width(mamba) + mamba_channels(mamba) + mamba.heads;
  } else {
    const LinearAttentionSpec& linear = *model_.linear_attention;
    width = linear_keys(linear) + 2 * linear_values(linear) +
            (linear.convolution > 0 ? 2.0 * linear.value_heads : 0);
  }
  return {{mixer == Mixer::mamba ? "mamba in-projection" : "linear attention projection", tokens_,
           width / layout_.tensor, double(model_.hidden), training_.formats.compute}};
}

LayerEmitter::Gemm LayerEmitter::scan_output(Mixer mixer) const {
  const double width =
      mixer == Mixer::mamba ? mamba_width(*model_.mamba) : linear_values(*model_.linear_attention);
  return {mixer == Mixer::mamba ? "mamba out-projection" : "linear attention output", tokens_,
          double(model_.hidden), width / layout_.tensor, training_.formats.compute};
}

namespace {
/// Passes of a scan over memory: over the chunks' FP32 states, and over tensors of the values'
/// size.
struct ScanTraffic {
  double states = 0, values = 0;
};
/// Mamba-2 (state-spaces/mamba, ssd_combined.py): forward, chunk state writes, state passing reads
/// and writes, chunk scan reads the states; the values are read twice, the output written.
/// Backward the first three again; dstates written; state passing backward reads both and writes;
/// dx, dB and dC read one each, and the decay's gradient one: 10. Values and their gradients: 9.
/// Linear attention writes and reads one state (flash-linear-attention, chunk_fwd_h and
/// chunk_fwd_o); backward 2.5 times that, as attention.
ScanTraffic scan_traffic(Mixer mixer, bool backward) {
  if (mixer == Mixer::mamba) return backward ? ScanTraffic{10, 9} : ScanTraffic{4, 2};
  return backward ? ScanTraffic{5, 4} : ScanTraffic{2, 1};
}
}  // namespace

/// The short convolution, the chunked scan and the gated norm. The scan reads its inputs
/// (values among them), and passes one FP32 state per chunk through memory several times; backward
/// its products are 2.5 times those of the forward pass, as attention's.
void LayerEmitter::scan(Program& p, Mixer mixer, bool backward) {
  const ScanShape shape = scan_shape(model_, mixer);
  const double tp = layout_.tensor, a = activation_bytes_;
  const double channels = shape.channels * tokens_ / tp, values = shape.values * tokens_ / tp;
  const double states = shape.state / tp * tokens_ / shape.chunk * 4;
  const std::string suffix = backward ? " backward" : "";
  const std::string name = mixer == Mixer::mamba ? "mamba scan" : "linear attention scan";
  if (shape.convolution > 0) stream(p, "convolution" + suffix, channels * a * (backward ? 4 : 2));
  ComputeOp op;
  op.kind = OpKind::memory;
  op.label = name + suffix;
  op.format = training_.formats.activations;
  op.flops = (backward ? 2.5 : 1.0) *
             mixer_flops_per_token(model_, mixer, training_.sequence).value() * tokens_ / tp;
  const ScanTraffic passes = scan_traffic(mixer, backward);
  op.memory_bytes = (channels + passes.values * values) * a + passes.states * states;
  op.kernels = backward ? 8 : 5;
  op.efficiency = kernel_efficiency(backward ? "scan_backward" : "scan");
  run(p, op);
  stream(p, "gated norm" + suffix, values * a * (backward ? 5 : 3));
}

void LayerEmitter::scan_forward(Program& p, Mixer mixer) {
  norm(p, false);
  gather_and_multiply(p, model_.hidden, scan_inputs(mixer), false);
  scan(p, mixer, false);
  multiply_and_scatter(p, scan_output(mixer), false);
  add_residual(p, false);
}

void LayerEmitter::scan_backward(Program& p, Mixer mixer) {
  add_residual(p, true);
  gather_and_multiply(p, model_.hidden, {scan_output(mixer)}, true);
  gemm_wgrad(p, scan_output(mixer));
  if (recomputes(training_, "layernorm")) norm(p, false);
  scan(p, mixer, true);
  column_backward(p, model_.hidden, scan_inputs(mixer));
  norm(p, true);
}

void LayerEmitter::mixer_forward(Program& p, Mixer mixer) {
  if (mixer == Mixer::none) return;
  if (mixer == Mixer::attention || mixer == Mixer::windowed)
    attention_forward(p, mixer == Mixer::windowed);
  else
    scan_forward(p, mixer);
}

void LayerEmitter::mixer_backward(Program& p, Mixer mixer) {
  if (mixer == Mixer::none) return;
  if (mixer == Mixer::attention || mixer == Mixer::windowed)
    attention_backward(p, mixer == Mixer::windowed);
  else
    scan_backward(p, mixer);
}

// ---------------------------------------------------------------- feed-forward

LayerEmitter::Gemm LayerEmitter::first_matrix(double width) const {
  return {"ffn first matrix",
          tokens_,
          ffn_inputs(model_) * width / layout_.tensor,
          double(model_.hidden),
          training_.formats.compute,
          model_.bias};
}
LayerEmitter::Gemm LayerEmitter::last_matrix(double width) const {
  return {"ffn last matrix",         tokens_,    double(model_.hidden), width / layout_.tensor,
          training_.formats.compute, model_.bias};
}

void LayerEmitter::dense_ffn_forward(Program& p, double width) {
  gather_and_multiply(p, model_.hidden, {first_matrix(width)}, false);
  activation(p, tokens_, width / layout_.tensor, false);
  multiply_and_scatter(p, last_matrix(width), false);
}

void LayerEmitter::dense_ffn_backward(Program& p, double width) {
  gather_and_multiply(p, model_.hidden, {last_matrix(width)}, true);
  gemm_wgrad(p, last_matrix(width));
  activation(p, tokens_, width / layout_.tensor, true);
  column_backward(p, model_.hidden, {first_matrix(width)});
}

namespace {
/// Token copies and per-expert shares of the busiest device.
struct Routing {
  double copies = 0;  ///< sent by this device
  double rows = 0;    ///< processed by it
  double per_expert = 0;
};
Routing routing(const ModelSpec& model, const ParallelLayout& l, const TrainingSpec& t,
                double local_tokens) {
  Routing r;
  r.copies = local_tokens * model.moe->top_k * t.expert_imbalance;
  r.rows = r.copies * l.expert_tensor;
  r.per_expert = r.rows * l.expert / model.moe->experts;
  return r;
}
}  // namespace

namespace {
/// Probability that a token has at least one of its k experts among `part` of them, chosen without
/// repetition from `top_groups` of `groups` equal groups of consecutive experts. Where routing
/// picks groups by the scores of their experts (DeepSeek-V3), a chosen group nearly always gets
/// tokens.
double reached(const MoeSpec& moe, double part) {
  const double group = static_cast<double>(moe.experts) / moe.groups;
  const int used = std::min(moe.top_groups, moe.groups);
  double missed_groups = 1, missed_experts = 1;
  // Whole groups, each of which gets tokens when it is chosen; else a part of one.
  const double whole = std::max(1.0, part / group);
  for (int i = 0; i < used; ++i)
    missed_groups *= std::max(0.0, moe.groups - whole - i) / (moe.groups - i);
  if (moe.groups == 1) missed_groups = 0;
  if (part < group || moe.groups == 1) {
    const double candidates = group * used;
    for (int i = 0; i < moe.top_k; ++i)
      missed_experts *= std::max(0.0, candidates - part - i) / (candidates - i);
  } else {
    missed_experts = 0;
  }
  // Never more than the copies: on average top_k part / experts of them go there.
  return std::min((1 - missed_groups) * (1 - missed_experts), moe.top_k * part / moe.experts);
}
}  // namespace

/// Dispatch or combine of the tokens' rows of `width` elements. Every copy on its own is an
/// all-to-all of them. Once per rank, R ranks in N nodes: between nodes one row per node that a
/// token reaches, to the peer at the same place, which hands it on; within a node one row per rank
/// reached, of the own tokens and of those that the peers sent (DeepEP, Hybrid-EP). Both at once.
std::vector<std::uint32_t> LayerEmitter::exchange_tokens(Program& p, double width,
                                                         double element_bytes) {
  const MoeSpec& moe = *model_.moe;
  const double rows = local_tokens_ * training_.expert_imbalance * width * element_bytes;
  if (layout_.expert_dispatch == ExpertDispatch::every_copy)
    return {start(p, GroupKind::expert, CollectiveType::ALL_TO_ALL, rows * moe.top_k)};
  const double ranks = layout_.expert, near = layout_.expert_domain, nodes = ranks / near;
  std::vector<std::uint32_t> slots;
  if (nodes > 1)
    slots.push_back(start(p, GroupKind::expert_rail, CollectiveType::ALL_TO_ALL,
                          rows * nodes * reached(moe, moe.experts / nodes)));
  if (near > 1)
    slots.push_back(start(p, GroupKind::expert_node, CollectiveType::ALL_TO_ALL,
                          rows * ranks * reached(moe, moe.experts / ranks)));
  return slots;
}

void LayerEmitter::wait_all(Program& p, const std::vector<std::uint32_t>& slots) {
  for (const std::uint32_t slot : slots) wait(p, slot);
}

/// The router, and for latent experts the projection of every token to their width.
std::vector<LayerEmitter::Gemm> LayerEmitter::router_matrices() const {
  const double h = model_.hidden;
  std::vector<Gemm> gemms{
      {"router", local_tokens_, double(model_.moe->experts), h, training_.formats.activations}};
  if (model_.moe->latent > 0)
    gemms.push_back({"latent projection", local_tokens_, double(model_.moe->latent), h,
                     training_.formats.compute});
  return gemms;
}

/// Between the matrices of the experts. Fused, it is part of their grouped GEMMs; otherwise values
/// that are clamped first (chunk, two clamps, joined again) pass through memory for that.
void LayerEmitter::expert_activation(Program& p, double rows, bool backward) {
  if (software_.fused_experts) return;
  const double width = double(model_.moe->ffn) / layout_.expert_tensor;
  // Clamps read and write gate and up, joining them does so again; backward the mask and the
  // gradient are read and the gradient written.
  if (model_.activation_limit > 0)
    stream(p, backward ? "experts clamp backward" : "experts clamp",
           rows * width * activation_bytes_ * (backward ? 6 : 8), backward ? 2 : 3);
  activation(p, rows, width, backward);
}

/// The bias of the experts' last matrix, weighted by the router: expert by expert a product and a
/// sum, then joined (Megatron-LM, transformer/moe/experts.py, TEGroupedMLP): 1 + 3 + 2 passes;
/// backward the gradients of the bias and of the probabilities, 3 each.
void LayerEmitter::expert_biases(Program& p, double rows, bool backward) {
  if (!model_.bias || software_.fused_experts) return;
  const int experts = model_.moe->experts / layout_.expert;
  stream(p, backward ? "experts bias backward" : "experts bias",
         rows * expert_width(model_) * activation_bytes_ * 6, (backward ? 4 : 2) * experts + 1);
}

void LayerEmitter::experts_forward(Program& p) {
  const MoeSpec& moe = *model_.moe;
  const Routing r = routing(model_, layout_, training_, local_tokens_);
  const double w = expert_width(model_), a = activation_bytes_, etp = layout_.expert_tensor;
  const double dispatch =
      training_.formats.dispatch.empty() ? a : format_bytes(training_.formats.dispatch);
  for (const Gemm& g : router_matrices()) gemm_forward(p, g);
  stream(p, "router top-k", local_tokens_ * moe.experts * (a + 3 * 4),
         3);  // softmax and top-k in FP32
  stream(p, "permute", (local_tokens_ + r.copies) * w * a, 1, "permute");
  // The shared experts run under the dispatch.
  std::vector<std::uint32_t> sent;
  if (layout_.expert > 1) sent = exchange_tokens(p, w, dispatch);
  if (!layout_.shared_expert_overlap) wait_all(p, std::exchange(sent, {}));
  if (moe.shared > 0) dense_ffn_forward(p, common_ffn(model_, true));
  wait_all(p, sent);
  if (etp > 1) communicate(p, GroupKind::expert_tensor, CollectiveType::ALL_GATHER, r.rows * w * a);
  grouped(p, expert_matrix(true, r.per_expert), "forward");
  expert_activation(p, r.rows, false);
  grouped(p, expert_matrix(false, r.per_expert), "forward");
  expert_biases(p, r.rows, false);
  if (etp > 1)
    communicate(p, GroupKind::expert_tensor, CollectiveType::REDUCE_SCATTER, r.rows * w * a);
  if (layout_.expert > 1) wait_all(p, exchange_tokens(p, w, a));
  stream(p, "unpermute", (local_tokens_ + r.copies) * w * a, 1, "permute");
  if (moe.latent > 0) gemm_forward(p, latent_output());
}

/// The matrices of one routed expert, split by the tensor parallelism inside experts.
LayerEmitter::Gemm LayerEmitter::expert_matrix(bool first, double rows) const {
  const double w = expert_width(model_), ffn = double(model_.moe->ffn) / layout_.expert_tensor;
  if (first)
    return {"experts first matrix",    rows,       ffn_inputs(model_) * ffn, w,
            training_.formats.compute, model_.bias};
  return {"experts last matrix", rows, w, ffn, training_.formats.compute, model_.bias};
}

LayerEmitter::Gemm LayerEmitter::latent_output() const {
  return {"latent output", local_tokens_, double(model_.hidden), double(model_.moe->latent),
          training_.formats.compute};
}

void LayerEmitter::experts_backward(Program& p) {
  const MoeSpec& moe = *model_.moe;
  const Routing r = routing(model_, layout_, training_, local_tokens_);
  const double w = expert_width(model_), a = activation_bytes_, etp = layout_.expert_tensor;
  const Gemm first = expert_matrix(true, r.per_expert), last = expert_matrix(false, r.per_expert);
  const bool weights = training_.frozen_base == 0;
  if (moe.latent > 0) {
    gemm_dgrad(p, latent_output());
    gemm_wgrad(p, latent_output());
  }
  stream(p, "unpermute backward", (local_tokens_ + 2 * r.copies) * w * a, 1, "permute");
  std::vector<std::uint32_t> sent;
  if (layout_.expert > 1) sent = exchange_tokens(p, w, a);
  if (!layout_.shared_expert_overlap) wait_all(p, std::exchange(sent, {}));
  if (moe.shared > 0) {
    if (recomputes(training_, "shared_experts")) dense_ffn_forward(p, common_ffn(model_, true));
    dense_ffn_backward(p, common_ffn(model_, true));
  }
  wait_all(p, sent);
  if (etp > 1) communicate(p, GroupKind::expert_tensor, CollectiveType::ALL_GATHER, r.rows * w * a);
  if (recomputes(training_, "moe_act")) expert_activation(p, r.rows, false);
  expert_biases(p, r.rows, true);
  grouped(p, last, "dgrad");
  if (weights) grouped(p, last, "wgrad");
  expert_activation(p, r.rows, true);
  grouped(p, first, "dgrad");
  if (weights) grouped(p, first, "wgrad");
  if (etp > 1)
    communicate(p, GroupKind::expert_tensor, CollectiveType::REDUCE_SCATTER, r.rows * w * a);
  if (layout_.expert > 1) wait_all(p, exchange_tokens(p, w, a));
  stream(p, "permute backward", (local_tokens_ + r.copies) * w * a, 1, "permute");
  for (const Gemm& g : router_matrices()) {
    gemm_dgrad(p, g);
    gemm_wgrad(p, g);
  }
}

void LayerEmitter::ffn_forward(Program& p, bool moe) {
  norm(p, false);
  if (moe)
    experts_forward(p);
  else
    dense_ffn_forward(p, model_.ffn);
  add_residual(p, false);
}

void LayerEmitter::ffn_backward(Program& p, bool moe) {
  add_residual(p, true);
  if (recomputes(training_, "layernorm")) norm(p, false);
  if (moe) {
    if (recomputes(training_, "moe")) experts_forward(p);
    experts_backward(p);
  } else {
    if (recomputes(training_, "mlp")) dense_ffn_forward(p, model_.ffn);
    dense_ffn_backward(p, model_.ffn);
  }
  norm(p, true);
}

void LayerEmitter::layer_forward(Program& p, const LayerShape& layer) {
  mixer_forward(p, layer.mixer);
  if (layer.ffn) ffn_forward(p, layer.moe);
}

void LayerEmitter::layer_backward(Program& p, const LayerShape& layer, bool repeat) {
  if (repeat) layer_forward(p, layer);
  if (layer.ffn) ffn_backward(p, layer.moe);
  mixer_backward(p, layer.mixer);
}

// ---------------------------------------------------------------- ends of the model

void LayerEmitter::embedding_forward(Program& p) {
  // Each rank looks up its share of the vocabulary: reads and writes one row per token, then the
  // rows are summed.
  stream(p, "embedding", wide(2.0 * model_.hidden));
  scatter_output(p, model_.hidden);
  if (dropout_)
    stream(p, "embedding dropout", local_tokens_ * model_.hidden * (2 * activation_bytes_ + 1));
}

void LayerEmitter::embedding_backward(Program& p) {
  gather_input(p, model_.hidden);
  if (training_.frozen_base != 0) return;
  stream(p, "embedding backward",  // scatter-add into the main gradients
         tokens_ * model_.hidden * (activation_bytes_ + 2 * gradient_bytes_));
  p.steps.back().weight_gradient = true;
}

namespace {
// Cross-entropy over logits kept in FP32 (Megatron-LM vocab_parallel_cross_entropy): cast (2 + 4),
// maximum (4), subtract and exponentiate (4 + 4), sum (4) bytes per logit; backward reads the
// softmax (4) and writes gradients (2).
constexpr double kLossBytes = 22, kLossBackwardBytes = 6;
// Fused: two reads of the 16-bit logits (maximum with the sum, then the gradient), which replaces
// them in place (Transformer Engine, cross_entropy.py).
constexpr double kFusedLossBytes = 6;
}  // namespace

void LayerEmitter::head_forward(Program& p) {
  const double vocabulary = static_cast<double>(model_.vocabulary) / layout_.tensor;
  norm(p, false);
  gather_input(p, model_.hidden);
  gemm_forward(p,
               {"head", tokens_, vocabulary, double(model_.hidden), training_.formats.activations});
  if (software_.fused_cross_entropy)
    stream(p, "loss", tokens_ * vocabulary * kFusedLossBytes, 2);
  else
    stream(p, "loss", tokens_ * vocabulary * kLossBytes, 5);
  // Maximum, target logit and sum of exponentials per token, FP32, over the vocabulary shards.
  if (layout_.tensor > 1)
    communicate(p, GroupKind::tensor, CollectiveType::ALL_REDUCE, 3 * 4 * tokens_);
}

void LayerEmitter::head_backward(Program& p) {
  const double vocabulary = static_cast<double>(model_.vocabulary) / layout_.tensor;
  const Gemm head{"head", tokens_, vocabulary, double(model_.hidden),
                  training_.formats.activations};
  if (!software_.fused_cross_entropy)
    stream(p, "loss backward", tokens_ * vocabulary * kLossBackwardBytes);
  column_backward(p, model_.hidden, {head});
  norm(p, true);
}

void LayerEmitter::mtp_forward(Program& p) {
  gather_input(p, 2.0 * model_.hidden);
  gemm_forward(p, {"mtp projection", tokens_, double(model_.hidden) / layout_.tensor,
                   2.0 * model_.hidden, training_.formats.compute});
}

void LayerEmitter::mtp_backward(Program& p) {
  const Gemm g{"mtp projection", tokens_, double(model_.hidden) / layout_.tensor,
               2.0 * model_.hidden, training_.formats.compute};
  gemm_dgrad(p, g);
  gemm_wgrad(p, g);
  scatter_output(p, 2.0 * model_.hidden);
}

namespace {
/// FP16 optimizers keep 16-bit gradients' copies in FP32, which they unscale, clip and step with
/// (Megatron-LM, Float16OptimizerWithFloat16Params; DeepSpeed's fused FP16 optimizer likewise).
bool copies_gradients(const TrainingSpec& t) {
  return t.formats.compute == "fp16" && format_bytes(t.formats.gradients) < 4 &&
         master_bytes(t.formats) > 0;
}
}  // namespace

std::uint32_t LayerEmitter::optimizer_op(double parameters) {
  // Adam reads the gradient, reads and writes two moments and the master weights, writes the
  // weights.
  const FormatsSpec& f = training_.formats;
  const double state = format_bytes(f.optimizer), weight = format_bytes(f.weights);
  const double master = master_bytes(f);
  ComputeOp op;
  op.kind = OpKind::memory;
  op.label = "optimizer";
  op.format = f.optimizer;
  // Gradients of 16 bits have been copied to FP32 (clip_op); FP16 optimizers then copy the master
  // weights to the weights.
  const bool copied = copies_gradients(training_);
  op.memory_bytes =
      parameters * ((copied ? 4 : gradient_bytes_) + 2 * (2 * state + (master > 0 ? master : 0)) +
                    weight + (copied ? master : 0));
  return ops_.id(op);
}

/// Reads the gradients for their norm, reads and writes them for clipping; mixed precision in FP16
/// first divides by the loss scale and looks for overflows, a read and a write more (Megatron-LM,
/// optimizer/clip_grads.py and optimizer.py).
std::uint32_t LayerEmitter::clip_op(double parameters) {
  ComputeOp op;
  op.kind = OpKind::memory;
  op.label = "gradient norm and clipping";
  op.format = training_.formats.optimizer;
  const double unscale = training_.formats.compute == "fp16" ? 2 : 0;
  const bool copied = copies_gradients(training_);
  const double wide = copied ? 4 : gradient_bytes_;
  op.memory_bytes = parameters * (wide * (3 + unscale) + (copied ? gradient_bytes_ + wide : 0.0));
  op.kernels = 3;
  return ops_.id(op);
}

std::uint32_t LayerEmitter::zero_op(double parameters) {
  ComputeOp op;
  op.kind = OpKind::memory;
  op.label = "gradient clearing";
  op.format = training_.formats.optimizer;
  op.memory_bytes = parameters * gradient_bytes_;
  return ops_.id(op);
}

double LayerEmitter::boundary_bytes() const {
  return local_tokens_ * model_.hidden * activation_bytes_;
}

}  // namespace xpusim
