#include "workload/schedule.hpp"

#include <iterator>

#include <fmt/format.h>

#include "xpusim/diagnostic.hpp"

namespace xpusim {

namespace {

ScheduleObstacle one_chunk(const ScheduleShape& s) {
  if (s.chunks == 1) return {};
  return {fmt::format("has one chunk per rank, not {}", s.chunks),
          "set parallelism.virtual_stages to 1, or use the interleaved schedule"};
}

ScheduleObstacle interleaved_obstacle(const ScheduleShape& s) {
  if (s.pipeline == 1)
    return {"needs more than one pipeline stage", "set parallelism.virtual_stages to 1"};
  if (s.micro_batches < s.pipeline)
    return {fmt::format("needs as many micro-batches as PP{}, got {}", s.pipeline, s.micro_batches),
            "raise the global batch, or set parallelism.virtual_stages to 1"};
  return {};
}

ScheduleObstacle v_obstacle(const ScheduleShape& s) {
  if (s.chunks != 2)
    return {fmt::format("has two chunks per rank, not {}", s.chunks),
            "set parallelism.virtual_stages to 2"};
  if (s.pipeline == 1) return {"needs more than one pipeline stage", "use \"1f1b\""};
  return {};
}

/// What the authors' implementation asserts.
ScheduleObstacle dualpipe_obstacle(const ScheduleShape& s) {
  if (s.chunks != 2)
    return {fmt::format("holds two chunks per rank, not {}", s.chunks),
            "set parallelism.virtual_stages to 2"};
  if (s.pipeline % 2 != 0)
    return {fmt::format("needs an even number of stages, got {}", s.pipeline),
            "choose an even parallelism.pipeline"};
  if (s.micro_batches % 2 != 0 || s.micro_batches < 2 * s.pipeline)
    return {fmt::format("needs an even number of micro-batches, at least {}, got {}",
                        2 * s.pipeline, s.micro_batches),
            "change the global batch or the micro-batch"};
  return {};
}

struct ScheduleRow {
  PipelineSchedule schedule;
  const char* name;
  ChunkOrder chunk_order;
  int chunks;       ///< per rank, when virtual_stages is 1
  bool can_overlap; /**< forward and backward passes of different micro-batches may be merged */
  ScheduleObstacle (*obstacle)(const ScheduleShape&);
  std::vector<Pass> (*order)(const ScheduleShape&, int stage);     ///< one of these two
  std::vector<std::vector<Pass>> (*orders)(const ScheduleShape&);  ///< is set
};

using S = PipelineSchedule;
constexpr ScheduleRow kRows[] = {
    {S::gpipe, "GPipe", ChunkOrder::looped, 1, false, one_chunk, gpipe_order, nullptr},
    {S::one_f_one_b, "1F1B", ChunkOrder::looped, 1, true, one_chunk, one_f_one_b_order, nullptr},
    {S::interleaved, "interleaved", ChunkOrder::looped, 1, true, interleaved_obstacle,
     one_f_one_b_order, nullptr},
    {S::zb_h1, "ZB-H1", ChunkOrder::looped, 1, false, one_chunk, zb_h1_order, nullptr},
    {S::zb_h2, "ZB-H2", ChunkOrder::looped, 1, false, one_chunk, zb_h2_order, nullptr},
    {S::zb_v, "ZB-V", ChunkOrder::v_shaped, 2, false, v_obstacle, zb_v_order, nullptr},
    {S::v_half, "V-Half", ChunkOrder::v_shaped, 2, false, v_obstacle, nullptr, v_half_orders},
    {S::v_min, "V-Min", ChunkOrder::v_shaped, 2, false, v_obstacle, nullptr, v_min_orders},
    {S::dualpipe, "DualPipe", ChunkOrder::bidirectional, 2, true, dualpipe_obstacle, dualpipe_order,
     nullptr},
};

const ScheduleRow& row(PipelineSchedule schedule) {
  for (const ScheduleRow& r : kRows)
    if (r.schedule == schedule) return r;
  throw InternalError("a pipeline schedule without a row");
}

ScheduleShape shape(const ParallelLayout& l) {
  return {l.pipeline, l.virtual_stages, l.micro_batches, l.expert_overlap};
}

std::uint32_t stages(const ParallelLayout& l) { return static_cast<std::uint32_t>(l.pipeline); }

/// The chunk with this number, of the copy of the model that `like` belongs to.
Place place_of(const ParallelLayout& l, std::uint32_t position, Place like) {
  switch (chunk_order(l.schedule)) {
    case ChunkOrder::looped:
      return {position % stages(l), position / stages(l)};
    case ChunkOrder::v_shaped:
      return position < stages(l) ? Place{position, 0} : Place{2 * stages(l) - 1 - position, 1};
    case ChunkOrder::bidirectional:
      return {like.chunk == 0 ? position : stages(l) - 1 - position, like.chunk};
  }
  throw InternalError("unknown chunk order");
}

}  // namespace

ChunkOrder chunk_order(PipelineSchedule schedule) { return row(schedule).chunk_order; }
int schedule_chunks(PipelineSchedule schedule) { return row(schedule).chunks; }
const char* schedule_name(PipelineSchedule schedule) { return row(schedule).name; }

std::uint32_t chunk_positions(const ParallelLayout& l) {
  const bool copies = chunk_order(l.schedule) == ChunkOrder::bidirectional;
  return copies ? stages(l) : stages(l) * static_cast<std::uint32_t>(l.virtual_stages);
}

std::uint32_t chunk_position(const ParallelLayout& l, Place place) {
  switch (chunk_order(l.schedule)) {
    case ChunkOrder::looped:
      return place.chunk * stages(l) + place.stage;
    case ChunkOrder::v_shaped:
      return place.chunk == 0 ? place.stage : 2 * stages(l) - 1 - place.stage;
    case ChunkOrder::bidirectional:
      return place.chunk == 0 ? place.stage : stages(l) - 1 - place.stage;
  }
  throw InternalError("unknown chunk order");
}

std::optional<Place> chunk_before(const ParallelLayout& l, Place place) {
  const std::uint32_t position = chunk_position(l, place);
  if (position == 0) return std::nullopt;
  return place_of(l, position - 1, place);
}

std::optional<Place> chunk_after(const ParallelLayout& l, Place place) {
  const std::uint32_t position = chunk_position(l, place);
  if (position + 1 == chunk_positions(l)) return std::nullopt;
  return place_of(l, position + 1, place);
}

std::vector<std::vector<Pass>> pipeline_schedules(const ParallelLayout& l) {
  const ScheduleRow& r = row(l.schedule);
  if (r.orders != nullptr) return r.orders(shape(l));
  std::vector<std::vector<Pass>> orders;
  for (int stage = 0; stage < l.pipeline; ++stage) orders.push_back(r.order(shape(l), stage));
  return orders;
}

std::vector<Pass> pipeline_schedule(const ParallelLayout& l, int stage) {
  const ScheduleRow& r = row(l.schedule);
  if (r.order != nullptr) return r.order(shape(l), stage);
  return std::move(r.orders(shape(l))[static_cast<std::size_t>(stage)]);
}

ScheduleObstacle schedule_obstacle(PipelineSchedule schedule, const ScheduleShape& s) {
  const ScheduleRow& r = row(schedule);
  if (s.overlap && !r.can_overlap)
    return {"does not merge passes of different micro-batches",
            "set parallelism.expert_overlap to false, or use 1f1b, interleaved or dualpipe"};
  return r.obstacle(s);
}

}  // namespace xpusim
