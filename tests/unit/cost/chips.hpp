// Chips of round numbers for closed forms, and one from a data sheet for the measured curves.
#pragma once

#include "xpusim/cost.hpp"
#include "xpusim/spec.hpp"

namespace test_chips {

/// 100 units of 1 TFLOP/s and 1 TB/s, all efficiencies 1: times can be read off.
inline xpusim::ChipSpec round_numbers() {
  using namespace xpusim;
  ChipSpec chip;
  chip.info.name = "round";
  chip.peak["bf16"] = FlopsPerSecond(100e12);
  chip.memory.bandwidth = BytesPerSecond(1e12);
  chip.units = {.count = 100, .tile_m = 128, .tile_n = 128, .tile_k = 64, .clock = Hertz(1e9)};
  chip.efficiency.gemm["bf16"] = 1.0;
  chip.efficiency.attention = {{"forward", 0.5}, {"backward", 0.4}};
  chip.efficiency.memory = 1.0;
  return chip;
}

/// A chip that draws 100 W idle, 100 W active, 1 pJ per FLOP and 10 pJ per byte.
inline xpusim::ChipSpec with_power() {
  using namespace xpusim;
  ChipSpec chip = round_numbers();
  chip.power.idle = Watts(100);
  chip.power.active = Watts(100);
  chip.power.tdp = Watts(400);
  chip.power.per_flop["bf16"] = JoulesPerFlop(1e-12);
  chip.power.per_memory_byte = JoulesPerByte(10e-12);
  chip.power.clock_exponent = 3;
  chip.power.min_clock = 0.2;
  return chip;
}

inline xpusim::ComputeOp gemm(std::int64_t m, std::int64_t n, std::int64_t k) {
  xpusim::ComputeOp op;
  op.kind = xpusim::OpKind::gemm;
  op.label = "gemm";
  op.m = m;
  op.n = n;
  op.k = k;
  return op;
}

inline xpusim::ComputeOp stream(double bytes) {
  xpusim::ComputeOp op;
  op.kind = xpusim::OpKind::memory;
  op.label = "stream";
  op.memory_bytes = bytes;
  return op;
}

inline xpusim::ComputeOp attention(std::int64_t sequence, std::int64_t context) {
  xpusim::ComputeOp op;
  op.kind = xpusim::OpKind::attention_forward;
  op.label = "attention";
  op.batch = 2;
  op.sequence = sequence;
  op.context = context;
  op.heads = 8;
  op.kv_heads = 2;
  op.head_dim = 128;
  return op;
}

}  // namespace test_chips
