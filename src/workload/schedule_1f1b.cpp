// GPipe, 1F1B and interleaved 1F1B.
#include <algorithm>

#include "workload/schedule.hpp"

namespace xpusim {

namespace {

/// Micro-batches that go through one chunk before the next chunk's turn: p when they divide, else
/// the fewest that leave no group shorter than p at the end (Megatron-LM,
/// microbatch_group_size_per_vp_stage).
int group_size(const ScheduleShape& s) {
  int group = s.pipeline;
  while (group < s.micro_batches && s.micro_batches % group != 0 &&
         s.micro_batches % group < s.pipeline)
    ++group;
  return group;
}

struct Unit {
  int chunk = 0, micro_batch = 0;
};

/// Order of (chunk, micro-batch): groups of micro-batches pass the chunks one after another.
std::vector<Unit> units(const ScheduleShape& s, int group) {
  std::vector<Unit> order;
  order.reserve(static_cast<std::size_t>(s.chunks) * static_cast<std::size_t>(s.micro_batches));
  for (int first = 0; first < s.micro_batches; first += group)
    for (int chunk = 0; chunk < s.chunks; ++chunk)
      for (int m = first; m < std::min(first + group, s.micro_batches); ++m)
        order.push_back({chunk, m});
  return order;
}

/// Passes before the first backward pass. Merged passes take both their times before either result
/// moves on, so that a micro-batch comes back after twice as many of them, and one more pass keeps
/// its two halves apart.
int warmup_passes(const ScheduleShape& s, int stage, int group) {
  const int behind = s.pipeline - stage - 1;
  if (s.overlap) return 2 * behind + (s.chunks - 1) * group + 1;
  return s.chunks == 1 ? behind : 2 * behind + (s.chunks - 1) * group;
}

}  // namespace

std::vector<Pass> gpipe_order(const ScheduleShape& s, int) {
  std::vector<Pass> order;
  const auto batches = static_cast<std::uint32_t>(s.micro_batches);
  for (std::uint32_t m = 0; m < batches; ++m) order.push_back({PassKind::forward, 0, m});
  for (std::uint32_t m = batches; m-- > 0;) order.push_back({PassKind::backward, 0, m});
  return order;
}

std::vector<Pass> one_f_one_b_order(const ScheduleShape& s, int stage) {
  const int group = group_size(s);
  const std::vector<Unit> sequence = units(s, group);
  const int total = static_cast<int>(sequence.size());
  const int warmup = std::min(warmup_passes(s, stage, group), total);
  const auto pass = [&](PassKind kind, int k) {
    const Unit u = sequence[static_cast<std::size_t>(k)];
    const int chunk = kind == PassKind::forward ? u.chunk : s.chunks - 1 - u.chunk;
    return Pass{kind, static_cast<std::uint32_t>(chunk), static_cast<std::uint32_t>(u.micro_batch)};
  };
  std::vector<Pass> order;
  order.reserve(2 * sequence.size());
  for (int k = 0; k < warmup; ++k) order.push_back(pass(PassKind::forward, k));
  for (int k = warmup; k < total; ++k) {
    order.push_back(pass(PassKind::forward, k));
    order.back().merged = s.overlap;
    order.push_back(pass(PassKind::backward, k - warmup));
  }
  for (int k = total - warmup; k < total; ++k) order.push_back(pass(PassKind::backward, k));
  return order;
}

}  // namespace xpusim
