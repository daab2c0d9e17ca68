#include "cost/gemm.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace xpusim {

namespace {
constexpr std::int64_t kLargestSplit = 32;
// A part of a split GEMM keeps this many k-tiles, or its pipeline never fills (CUTLASS,
// efficient_gemm.md, "Split-K").
constexpr std::int64_t kTilesPerSplit = 8;

// Rows and columns of the smallest matrix instruction (mma.m16n8k16 in the PTX ISA; 16 x 16 cube
// blocks on Ascend).
constexpr std::int64_t kSmallestTile = 16;

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// Libraries hold kernels with smaller tiles for thin matrices.
std::int64_t fitting_tile(std::int64_t tile, std::int64_t extent) {
  const auto needed = static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(extent)));
  return std::min(tile, std::max(kSmallestTile, needed));
}
}  // namespace

double tiled_gemm_time(const TileMachine& machine, std::int64_t m, std::int64_t n, std::int64_t k,
                       std::int64_t count) {
  const std::int64_t tile_m = fitting_tile(machine.tile_m, m),
                     tile_n = fitting_tile(machine.tile_n, n);
  const auto tiles = static_cast<double>(ceil_div(m, tile_m) * ceil_div(n, tile_n) * count);
  const double tile_flops = 2.0 * static_cast<double>(tile_m * tile_n) * static_cast<double>(k);
  const std::int64_t most =
      std::clamp<std::int64_t>(k / (machine.tile_k * kTilesPerSplit), 1, kLargestSplit);
  double best = 0;
  for (std::int64_t split = 1; split <= most; ++split) {
    const auto parts = static_cast<double>(split);
    const double waves = std::ceil(tiles * parts / machine.units - 1e-9);
    // Every further part writes and reads one FP32 partial sum per output element.
    const double partial_sums = 8.0 * static_cast<double>(m) * static_cast<double>(n) *
                                static_cast<double>(count) * (parts - 1);
    const double time =
        waves * tile_flops / parts / machine.unit_rate + partial_sums / machine.memory_rate;
    if (split == 1 || time < best) best = time;
  }
  return best;
}

}  // namespace xpusim
