#include "workload/layer_program.hpp"

#include <cmath>

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
      return Purpose::ep;
    case GroupKind::data:
    case GroupKind::expert_data:
    case GroupKind::embedding:
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
      return Stream::comm_ep;
    default:
      return Stream::comm_dp;
  }
}

std::uint32_t OpTable::id(const ComputeOp& op) {
  const std::string key = fmt::format("{} {} {} {},{},{},{} {},{},{},{},{},{},{} {} {} {} {} {} {}",
                                      static_cast<int>(op.kind), op.label, op.format, op.m, op.n,
                                      op.k, op.count, op.batch, op.sequence, op.context, op.heads,
                                      op.kv_heads, op.head_dim, op.v_dim, op.flops, op.memory_bytes,
                                      op.operand_bytes, op.output_bytes, op.seconds, op.kernels);
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
      gradient_bytes_(format_bytes(training.formats.gradients)) {}

// ---------------------------------------------------------------- primitives

void LayerEmitter::run(Program& p, const ComputeOp& op) {
  p.steps.push_back({StepKind::run, ops_.id(op), 0});
}

void LayerEmitter::stream(Program& p, const std::string& name, double bytes, int kernels) {
  ComputeOp op;
  op.kind = OpKind::memory;
  op.label = name;
  op.format = training_.formats.activations;
  op.memory_bytes = bytes;
  op.kernels = kernels;
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

/// A compute format narrower than the stored activations needs a cast (and a transposed copy for
/// the weight gradient).
void LayerEmitter::cast(Program& p, const Gemm& g, double elements) {
  const double narrow = format_bytes(g.format);
  if (narrow >= activation_bytes_) return;
  stream(p, g.name + " cast", elements * (activation_bytes_ + 2 * narrow));
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
  ComputeOp op = gemm_op(g.name + " wgrad", g.format, g.in, g.out, g.rows);
  op.output_bytes =
      2 * gradient_bytes_;  // accumulates into the main gradients: one read, one write
  run(p, op);
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
  if (kind != "wgrad")
    cast(p, g, g.rows * static_cast<double>(op.count) * (kind == "forward" ? g.in : g.out));
  run(p, op);
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
  const double mask = uses_dropout(model_) ? 1 : 0;
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

// ---------------------------------------------------------------- attention

std::vector<LayerEmitter::Gemm> LayerEmitter::query_key_value() const {
  const double tp = layout_.tensor;
  const std::string& format = training_.formats.compute;
  const AttentionShape a = attention_shape(model_);
  if (!model_.mla) {
    const double width =
        a.heads / tp * a.key_dim + 2.0 * kv_heads_per_rank(a, layout_.tensor) * a.key_dim;
    return {{"qkv projection", tokens_, width, double(model_.hidden), format}};
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
  return {"output projection", tokens_, double(model_.hidden),
          double(a.heads) / layout_.tensor * a.value_dim, training_.formats.compute};
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

ComputeOp LayerEmitter::fused_attention(OpKind kind) const {
  const AttentionShape a = attention_shape(model_);
  const bool backward = kind == OpKind::attention_backward;
  const FormatsSpec& formats = training_.formats;
  ComputeOp op;
  op.kind = kind;
  op.label = backward ? "attention backward" : "attention";
  // Kernels with 8-bit inputs exist for the forward pass; gradients need the range of 16 bits.
  op.format =
      backward && format_bytes(formats.attention) < 2 ? formats.activations : formats.attention;
  op.operand_bytes = format_bytes(op.format);
  op.output_bytes = activation_bytes_;
  op.batch = training_.micro_batch;
  op.sequence = training_.sequence / layout_.context;
  // Context ranks take the first and the last chunks alike, so each sees half of all pairs: S s / 2
  // for s queries, which is s queries at the end of (S + s) / 2 keys.
  op.context = (training_.sequence + op.sequence) / 2;
  op.heads = a.heads / layout_.tensor;
  op.kv_heads = kv_heads_per_rank(a, layout_.tensor);
  op.head_dim = a.key_dim;
  op.v_dim = a.value_dim;
  return op;
}

void LayerEmitter::core_attention(Program& p) {
  if (software_.flash_attention)
    run(p, fused_attention(OpKind::attention_forward));
  else
    unfused_scores(p);
}

void LayerEmitter::core_attention_backward(Program& p) {
  if (software_.flash_attention)
    run(p, fused_attention(OpKind::attention_backward));
  else
    unfused_backward(p);
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
  if (uses_dropout(model_)) stream(p, "attention dropout", pairs * (2 * activation_bytes_ + 1));
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
  if (uses_dropout(model_))
    stream(p, "attention dropout backward", pairs * (2 * activation_bytes_ + 1));
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

void LayerEmitter::attention_forward(Program& p) {
  norm(p, false);
  for (const Gemm& g : latent_projections()) gemm_forward(p, g);
  gather_input(p, attention_input_width());
  for (const Gemm& g : query_key_value()) gemm_forward(p, g);
  rope(p, false);
  if (layout_.context > 1)
    communicate(p, GroupKind::context, CollectiveType::ALL_GATHER, key_value_bytes());
  core_attention(p);
  gemm_forward(p, output_projection());
  scatter_output(p, model_.hidden);
  add_residual(p, false);
}

namespace {
constexpr std::uint32_t kNoSlot = 0xffffffffu;
}

void LayerEmitter::attention_backward(Program& p) {
  add_residual(p, true);
  gather_input(p, model_.hidden);  // the gradient of the row-parallel output
  gemm_dgrad(p, output_projection());
  gemm_wgrad(p, output_projection());
  // K and V of the other context ranks are not kept: gathered again, their gradients summed back.
  if (layout_.context > 1)
    communicate(p, GroupKind::context, CollectiveType::ALL_GATHER, key_value_bytes());
  if (training_.recompute == Recompute::selective && !software_.flash_attention) unfused_scores(p);
  core_attention_backward(p);
  if (layout_.context > 1)
    communicate(p, GroupKind::context, CollectiveType::REDUCE_SCATTER, key_value_bytes());
  rope(p, true);
  // Sequence parallelism keeps only its own rows of the input: they are gathered again for the
  // weight gradient, under the input gradient (Korthikanti et al. 2022, section 4.2.2).
  const bool gather = layout_.sequence && training_.frozen_base == 0;
  const std::uint32_t input = gather ? start(p, GroupKind::tensor, CollectiveType::ALL_GATHER,
                                             wide(attention_input_width()))
                                     : kNoSlot;
  for (const Gemm& g : query_key_value()) gemm_dgrad(p, g);
  std::uint32_t gradient = kNoSlot;
  if (layout_.tensor > 1)
    gradient = start(p, GroupKind::tensor,
                     layout_.sequence ? CollectiveType::REDUCE_SCATTER : CollectiveType::ALL_REDUCE,
                     wide(attention_input_width()));
  if (input != kNoSlot) wait(p, input);
  for (const Gemm& g : query_key_value()) gemm_wgrad(p, g);
  if (gradient != kNoSlot) wait(p, gradient);
  for (const Gemm& g : latent_projections()) {
    gemm_dgrad(p, g);
    gemm_wgrad(p, g);
  }
  norm(p, true);
}

// ---------------------------------------------------------------- feed-forward

LayerEmitter::Gemm LayerEmitter::first_matrix(double width) const {
  return {"ffn first matrix", tokens_, ffn_inputs(model_) * width / layout_.tensor,
          double(model_.hidden), training_.formats.compute};
}
LayerEmitter::Gemm LayerEmitter::last_matrix(double width) const {
  return {"ffn last matrix", tokens_, double(model_.hidden), width / layout_.tensor,
          training_.formats.compute};
}

void LayerEmitter::dense_ffn_forward(Program& p, double width) {
  gather_input(p, model_.hidden);
  gemm_forward(p, first_matrix(width));
  activation(p, tokens_, width / layout_.tensor, false);
  gemm_forward(p, last_matrix(width));
  scatter_output(p, model_.hidden);
}

void LayerEmitter::dense_ffn_backward(Program& p, double width) {
  gather_input(p, model_.hidden);
  gemm_dgrad(p, last_matrix(width));
  gemm_wgrad(p, last_matrix(width));
  activation(p, tokens_, width / layout_.tensor, true);
  const bool gather = layout_.sequence && training_.frozen_base == 0;
  const std::uint32_t input =
      gather ? start(p, GroupKind::tensor, CollectiveType::ALL_GATHER, wide(model_.hidden))
             : kNoSlot;
  gemm_dgrad(p, first_matrix(width));
  std::uint32_t gradient = kNoSlot;
  if (layout_.tensor > 1)
    gradient = start(p, GroupKind::tensor,
                     layout_.sequence ? CollectiveType::REDUCE_SCATTER : CollectiveType::ALL_REDUCE,
                     wide(model_.hidden));
  if (input != kNoSlot) wait(p, input);
  gemm_wgrad(p, first_matrix(width));
  if (gradient != kNoSlot) wait(p, gradient);
}

namespace {
/// Token copies and per-expert shares of one device when the experts are balanced.
struct Routing {
  double copies = 0;  ///< sent by this device
  double rows = 0;    ///< processed by it
  double per_expert = 0;
};
Routing routing(const ModelSpec& model, const ParallelLayout& l, double local_tokens) {
  Routing r;
  r.copies = local_tokens * model.moe->top_k;
  r.rows = r.copies * l.expert_tensor;
  r.per_expert = r.rows * l.expert / model.moe->experts;
  return r;
}
}  // namespace

void LayerEmitter::experts_forward(Program& p) {
  const MoeSpec& moe = *model_.moe;
  const Routing r = routing(model_, layout_, local_tokens_);
  const double h = model_.hidden, a = activation_bytes_, etp = layout_.expert_tensor;
  const double dispatch =
      training_.formats.dispatch.empty() ? a : format_bytes(training_.formats.dispatch);
  gemm_forward(p, {"router", local_tokens_, double(moe.experts), h, training_.formats.activations});
  stream(p, "router top-k", local_tokens_ * moe.experts * (a + 3 * 4),
         3);  // softmax and top-k in FP32
  stream(p, "permute", (local_tokens_ + r.copies) * h * a);
  // The shared experts run under the dispatch.
  std::uint32_t sent = kNoSlot;
  if (layout_.expert > 1)
    sent = start(p, GroupKind::expert, CollectiveType::ALL_TO_ALL, r.copies * h * dispatch);
  if (moe.shared > 0) dense_ffn_forward(p, common_ffn(model_, true));
  if (sent != kNoSlot) wait(p, sent);
  if (etp > 1) communicate(p, GroupKind::expert_tensor, CollectiveType::ALL_GATHER, r.rows * h * a);
  grouped(p,
          {"experts first matrix", r.per_expert, ffn_inputs(model_) * moe.ffn / etp, h,
           training_.formats.compute},
          "forward");
  activation(p, r.rows, moe.ffn / etp, false);
  grouped(p, {"experts last matrix", r.per_expert, h, moe.ffn / etp, training_.formats.compute},
          "forward");
  if (etp > 1)
    communicate(p, GroupKind::expert_tensor, CollectiveType::REDUCE_SCATTER, r.rows * h * a);
  if (layout_.expert > 1)
    communicate(p, GroupKind::expert, CollectiveType::ALL_TO_ALL, r.copies * h * a);
  stream(p, "unpermute", (local_tokens_ + r.copies) * h * a);
}

void LayerEmitter::experts_backward(Program& p) {
  const MoeSpec& moe = *model_.moe;
  const Routing r = routing(model_, layout_, local_tokens_);
  const double h = model_.hidden, a = activation_bytes_, etp = layout_.expert_tensor;
  const Gemm first{"experts first matrix", r.per_expert, ffn_inputs(model_) * moe.ffn / etp, h,
                   training_.formats.compute};
  const Gemm last{"experts last matrix", r.per_expert, h, moe.ffn / etp, training_.formats.compute};
  const bool weights = training_.frozen_base == 0;
  stream(p, "unpermute backward", (local_tokens_ + 2 * r.copies) * h * a);
  std::uint32_t sent = kNoSlot;
  if (layout_.expert > 1)
    sent = start(p, GroupKind::expert, CollectiveType::ALL_TO_ALL, r.copies * h * a);
  if (moe.shared > 0) dense_ffn_backward(p, common_ffn(model_, true));
  if (sent != kNoSlot) wait(p, sent);
  if (etp > 1) communicate(p, GroupKind::expert_tensor, CollectiveType::ALL_GATHER, r.rows * h * a);
  grouped(p, last, "dgrad");
  if (weights) grouped(p, last, "wgrad");
  activation(p, r.rows, moe.ffn / etp, true);
  grouped(p, first, "dgrad");
  if (weights) grouped(p, first, "wgrad");
  if (etp > 1)
    communicate(p, GroupKind::expert_tensor, CollectiveType::REDUCE_SCATTER, r.rows * h * a);
  if (layout_.expert > 1)
    communicate(p, GroupKind::expert, CollectiveType::ALL_TO_ALL, r.copies * h * a);
  stream(p, "permute backward", (local_tokens_ + r.copies) * h * a);
  const Gemm router{"router", local_tokens_, double(moe.experts), h, training_.formats.activations};
  gemm_dgrad(p, router);
  gemm_wgrad(p, router);
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
  if (moe)
    experts_backward(p);
  else
    dense_ffn_backward(p, model_.ffn);
  norm(p, true);
}

void LayerEmitter::layer_forward(Program& p, bool moe) {
  attention_forward(p);
  ffn_forward(p, moe);
}

void LayerEmitter::layer_backward(Program& p, bool moe) {
  if (training_.recompute == Recompute::full) layer_forward(p, moe);
  ffn_backward(p, moe);
  attention_backward(p);
}

// ---------------------------------------------------------------- ends of the model

void LayerEmitter::embedding_forward(Program& p) {
  // Each rank looks up its share of the vocabulary: reads and writes one row per token, then the
  // rows are summed.
  stream(p, "embedding", wide(2.0 * model_.hidden));
  scatter_output(p, model_.hidden);
  if (uses_dropout(model_))
    stream(p, "embedding dropout", local_tokens_ * model_.hidden * (2 * activation_bytes_ + 1));
}

void LayerEmitter::embedding_backward(Program& p) {
  gather_input(p, model_.hidden);
  if (training_.frozen_base == 0)  // scatter-add into the main gradients
    stream(p, "embedding backward",
           tokens_ * model_.hidden * (activation_bytes_ + 2 * gradient_bytes_));
}

namespace {
// Cross-entropy over logits kept in FP32 (Megatron-LM vocab_parallel_cross_entropy): cast (2 + 4),
// maximum (4), subtract and exponentiate (4 + 4), sum (4) bytes per logit; backward reads the
// softmax (4) and writes gradients (2).
constexpr double kLossBytes = 22, kLossBackwardBytes = 6;
}  // namespace

void LayerEmitter::head_forward(Program& p) {
  const double vocabulary = static_cast<double>(model_.vocabulary) / layout_.tensor;
  norm(p, false);
  gather_input(p, model_.hidden);
  gemm_forward(p,
               {"head", tokens_, vocabulary, double(model_.hidden), training_.formats.activations});
  stream(p, "loss", tokens_ * vocabulary * kLossBytes, 5);
  // Maximum, target logit and sum of exponentials per token, FP32, over the vocabulary shards.
  if (layout_.tensor > 1)
    communicate(p, GroupKind::tensor, CollectiveType::ALL_REDUCE, 3 * 4 * tokens_);
}

void LayerEmitter::head_backward(Program& p) {
  const double vocabulary = static_cast<double>(model_.vocabulary) / layout_.tensor;
  const Gemm head{"head", tokens_, vocabulary, double(model_.hidden),
                  training_.formats.activations};
  stream(p, "loss backward", tokens_ * vocabulary * kLossBackwardBytes);
  const bool gather = layout_.sequence && training_.frozen_base == 0;
  const std::uint32_t input =
      gather ? start(p, GroupKind::tensor, CollectiveType::ALL_GATHER, wide(model_.hidden))
             : kNoSlot;
  gemm_dgrad(p, head);
  std::uint32_t gradient = kNoSlot;
  if (layout_.tensor > 1)
    gradient = start(p, GroupKind::tensor,
                     layout_.sequence ? CollectiveType::REDUCE_SCATTER : CollectiveType::ALL_REDUCE,
                     wide(model_.hidden));
  if (input != kNoSlot) wait(p, input);
  gemm_wgrad(p, head);
  if (gradient != kNoSlot) wait(p, gradient);
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

std::uint32_t LayerEmitter::optimizer_op(double parameters) {
  // Adam reads the gradient, reads and writes two moments and the master weights, writes the
  // weights.
  const double state = format_bytes(training_.formats.optimizer),
               weight = format_bytes(training_.formats.weights);
  const double states = weight < state ? 3 : 2;
  ComputeOp op;
  op.kind = OpKind::memory;
  op.label = "optimizer";
  op.format = training_.formats.optimizer;
  op.memory_bytes = parameters * (gradient_bytes_ + 2 * states * state + weight);
  return ops_.id(op);
}

double LayerEmitter::boundary_bytes() const {
  return local_tokens_ * model_.hidden * activation_bytes_;
}

}  // namespace xpusim
