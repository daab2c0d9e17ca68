// The order in which one pipeline rank runs forward and backward passes.
#pragma once

#include <cstdint>
#include <vector>

namespace xpusim {

struct Pass {
  bool forward = true;
  std::uint32_t chunk = 0;
  std::uint32_t micro_batch = 0;
};

/// 1F1B (virtual_stages = 1) or interleaved 1F1B as Megatron-LM orders them
/// (megatron/core/pipeline_parallel/schedules.py). Interleaved needs micro_batches divisible by
/// pipeline.
[[nodiscard]] std::vector<Pass> pipeline_schedule(int pipeline, int virtual_stages,
                                                  int micro_batches, int stage);

}  // namespace xpusim
