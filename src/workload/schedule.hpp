// The order in which the ranks of a pipeline run their passes, and where the chunks of the model
// lie. One row of the table in schedule.cpp is one schedule.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "xpusim/workload.hpp"

namespace xpusim {

enum class PassKind : std::uint8_t {
  forward,
  backward,         ///< gradients of inputs and weights
  backward_input,   ///< of the inputs only; a backward_weight pass of the same work follows
  backward_weight,  ///< of the weights
};
struct Pass {
  PassKind kind = PassKind::forward;
  std::uint32_t chunk = 0;
  std::uint32_t micro_batch = 0;
  bool merged = false;  ///< runs together with the pass after it, their kernels interleaved
};

/// A chunk of a rank.
struct Place {
  std::uint32_t stage = 0;
  std::uint32_t chunk = 0;
};

/// How the chunks of the model follow each other over the ranks.
enum class ChunkOrder {
  looped,       ///< chunk c of stage s is number c p + s (Narayanan et al. 2021, section 2.2)
  v_shaped,     ///< there and back: the second chunk of stage s is number 2 p - 1 - s
  bidirectional /**< two copies of p chunks: the first chunk of stage s is number s, the second
                     one p - 1 - s */
};
[[nodiscard]] ChunkOrder chunk_order(PipelineSchedule);
/// Chunks of the model: p v, or p where two copies of it are in flight.
[[nodiscard]] std::uint32_t chunk_positions(const ParallelLayout&);
/// Number of a chunk in the model.
[[nodiscard]] std::uint32_t chunk_position(const ParallelLayout&, Place);
/// Whose output a chunk reads, and who reads its output: none at the ends of the model.
[[nodiscard]] std::optional<Place> chunk_before(const ParallelLayout&, Place);
[[nodiscard]] std::optional<Place> chunk_after(const ParallelLayout&, Place);

/// What a schedule is made for.
struct ScheduleShape {
  int pipeline = 1;
  int chunks = 1;  ///< per rank
  int micro_batches = 1;
  bool overlap = false;  ///< merge forward and backward passes in steady state
};
/// Passes of every stage in order. The layout's schedule is resolved.
[[nodiscard]] std::vector<std::vector<Pass>> pipeline_schedules(const ParallelLayout&);
[[nodiscard]] std::vector<Pass> pipeline_schedule(const ParallelLayout&, int stage);

/// Why a schedule cannot run a shape, and what to do about it; both "" when it can.
struct ScheduleObstacle {
  std::string reason, help;
};
[[nodiscard]] ScheduleObstacle schedule_obstacle(PipelineSchedule, const ScheduleShape&);
/// Chunks per rank when virtual_stages does not say: 2 where a schedule is made of two, else 1.
[[nodiscard]] int schedule_chunks(PipelineSchedule);
[[nodiscard]] const char* schedule_name(PipelineSchedule);

// ---------------------------------------------------------------- the schedules

/// All forward passes, then all backward passes, last micro-batch first (Huang et al. 2019, GPipe,
/// figure 2c).
[[nodiscard]] std::vector<Pass> gpipe_order(const ScheduleShape&, int stage);
/// 1F1B and interleaved 1F1B as Megatron-LM orders them
/// (megatron/core/pipeline_parallel/schedules.py, get_schedule_table).
[[nodiscard]] std::vector<Pass> one_f_one_b_order(const ScheduleShape&, int stage);
/// ZB-H1 and ZB-H2 (Qi et al., arXiv 2401.10241, section 2.2, figures 2 and 3).
[[nodiscard]] std::vector<Pass> zb_h1_order(const ScheduleShape&, int stage);
[[nodiscard]] std::vector<Pass> zb_h2_order(const ScheduleShape&, int stage);
/// ZB-V (arXiv 2401.10241, section 6, figure 6).
[[nodiscard]] std::vector<Pass> zb_v_order(const ScheduleShape&, int stage);
/// V-Half and V-Min (Qi et al., arXiv 2405.15362, section 3): every stage.
[[nodiscard]] std::vector<std::vector<Pass>> v_half_orders(const ScheduleShape&);
[[nodiscard]] std::vector<std::vector<Pass>> v_min_orders(const ScheduleShape&);
/// DualPipe (DeepSeek-V3, arXiv 2412.19437, section 3.2.1; github.com/deepseek-ai/DualPipe).
[[nodiscard]] std::vector<Pass> dualpipe_order(const ScheduleShape&, int stage);

}  // namespace xpusim
