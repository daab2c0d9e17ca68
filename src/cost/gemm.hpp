#pragma once

#include <cstdint>

namespace xpusim {

/// What GEMM kernels see of a device.
struct TileMachine {
  double units = 1;        ///< execution units
  double unit_rate = 0;    ///< FLOP/s of one unit at the efficiency of full waves
  double memory_rate = 0;  ///< bytes/s that streams reach
  std::int64_t tile_m = 128, tile_n = 128, tile_k = 64;
};

/// Seconds of arithmetic of `count` GEMMs [m, n, k] launched together: full waves of tiles, split
/// along k when that is faster. No memory bound but the one of split-k's partial sums.
[[nodiscard]] double tiled_gemm_time(const TileMachine&, std::int64_t m, std::int64_t n,
                                     std::int64_t k, std::int64_t count);

}  // namespace xpusim
