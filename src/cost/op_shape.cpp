// FLOPs and bytes that follow from the shape of an operation alone.
#include "cost/op_shape.hpp"

namespace xpusim {

namespace {

struct FormatRow {
  std::string_view name;
  double bytes;
  std::string_view wider;
};
// Block formats carry their scales: one 8-bit scale per 32 elements (OCP Microscaling 1.0,
// section 5.2), per 16 for NVFP4 (NVIDIA Blackwell), one FP32 scale per 128 for block FP8
// (DeepSeek-V3, arXiv 2412.19437, section 3.3).
constexpr FormatRow kFormats[] = {
    {"fp64", 8, ""},
    {"fp32", 4, "fp64"},
    {"tf32", 4, "fp32"},
    {"bf16", 2, "fp16"},
    {"fp16", 2, "tf32"},
    {"fp8", 1, "bf16"},
    {"int8", 1, "bf16"},
    {"fp8_block", 1 + 4 / 128., "fp8"},
    {"mxfp8", 1 + 1 / 32., "fp8"},
    {"fp4", 0.5, "fp8"},
    {"int4", 0.5, "int8"},
    {"nvfp4", 0.5 + 1 / 16., "fp4"},
    {"mxfp4", 0.5 + 1 / 32., "fp4"},
};

const FormatRow* find_format(std::string_view name) {
  for (const FormatRow& row : kFormats)
    if (row.name == name) return &row;
  return nullptr;
}

double d(std::int64_t v) { return static_cast<double>(v); }

/// Query-key pairs of causal attention when the `s` queries are the last of `c` keys: s c - s (s -
/// 1)/2, with the diagonal counted half, as the literature does (s^2/2 for s = c); a single query
/// (decode) sees all keys.
double causal_pairs(const ComputeOp& op) {
  const double s = d(op.sequence), c = d(op.context);
  return op.sequence <= 1 ? s * c : s * (c - s / 2);
}

double attention_flops(const ComputeOp& op) {
  // Two products per pair: q.k of head_dim and p.v of v_dim; 2 FLOPs per multiply-add.
  return 2 * d(op.batch) * d(op.heads) * causal_pairs(op) * d(op.head_dim + value_dim(op));
}

double attention_bytes(const ComputeOp& op) {
  const double queries = d(op.batch) * d(op.sequence) * d(op.heads);
  const double keys = d(op.batch) * d(op.context) * d(op.kv_heads);
  const double key_width = is_absorbed_mla(op) ? d(op.head_dim) : d(op.head_dim + value_dim(op));
  return (queries * d(op.head_dim) + keys * key_width) * op.operand_bytes +
         queries * d(value_dim(op)) * op.output_bytes;
}

}  // namespace

double format_bytes(std::string_view format) {
  const FormatRow* row = find_format(format);
  return row ? row->bytes : 0;
}

std::string_view wider_format(std::string_view format) {
  // A chip that has only one of the two 16-bit formats runs the other at the same rate.
  const FormatRow* row = find_format(format);
  return row ? row->wider : "";
}

std::int64_t value_dim(const ComputeOp& op) { return op.v_dim != 0 ? op.v_dim : op.head_dim; }

bool is_absorbed_mla(const ComputeOp& op) {
  return op.kv_heads == 1 && op.heads > 1 && op.v_dim != 0 && op.v_dim < op.head_dim;
}

Flops op_flops(const ComputeOp& op) {
  if (op.flops > 0) return Flops(op.flops);
  switch (op.kind) {
    case OpKind::gemm:
    case OpKind::grouped_gemm:
    case OpKind::batched_gemm:
      return Flops(2 * d(op.m) * d(op.n) * d(op.k) * d(op.count));
    case OpKind::attention_forward:
      return Flops(attention_flops(op));
    // Backward recomputes q.k and needs four more products where forward needs two (Dao 2023,
    // FlashAttention-2, section 4.1): 2.5 times the forward FLOPs.
    case OpKind::attention_backward:
      return Flops(2.5 * attention_flops(op));
    case OpKind::memory:
    case OpKind::fixed:
      return Flops(0);
  }
  return Flops(0);
}

Bytes op_bytes(const ComputeOp& op) {
  if (op.memory_bytes > 0) return Bytes(op.memory_bytes);
  switch (op.kind) {
    case OpKind::gemm:
    case OpKind::grouped_gemm:
    case OpKind::batched_gemm:
      return Bytes(d(op.count) * ((d(op.m) * d(op.k) + d(op.k) * d(op.n)) * op.operand_bytes +
                                  d(op.m) * d(op.n) * op.output_bytes));
    case OpKind::attention_forward:
      return Bytes(attention_bytes(op));
    // Reads q, k, v, o, do and writes dq, dk, dv: twice the forward traffic.
    case OpKind::attention_backward:
      return Bytes(2 * attention_bytes(op));
    case OpKind::memory:
    case OpKind::fixed:
      return Bytes(0);
  }
  return Bytes(0);
}

}  // namespace xpusim
