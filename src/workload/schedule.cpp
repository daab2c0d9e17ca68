#include "workload/schedule.hpp"

#include <algorithm>

namespace xpusim {

namespace {

/// The k-th pass of a stage in units of (chunk, micro-batch): groups of `pipeline` micro-batches go
/// through the chunks one after another, forward in ascending and backward in descending order.
Pass nth_pass(int pipeline, int virtual_stages, int k, bool forward) {
  const int group = pipeline * virtual_stages;
  const int chunk = (k % group) / pipeline;
  const int micro_batch = (k / group) * pipeline + k % pipeline;
  return {forward, static_cast<std::uint32_t>(forward ? chunk : virtual_stages - 1 - chunk),
          static_cast<std::uint32_t>(micro_batch)};
}

}  // namespace

std::vector<Pass> pipeline_schedule(int pipeline, int virtual_stages, int micro_batches,
                                    int stage) {
  const int total = micro_batches * virtual_stages;
  const int behind = pipeline - stage - 1;
  int warmup = virtual_stages == 1 ? behind : behind * 2 + (virtual_stages - 1) * pipeline;
  warmup = std::min(warmup, total);
  // With one chunk the grouping has no effect; any count of micro-batches works.
  const auto pass = [&](int k, bool forward) {
    return virtual_stages == 1 ? Pass{forward, 0, static_cast<std::uint32_t>(k)}
                               : nth_pass(pipeline, virtual_stages, k, forward);
  };
  std::vector<Pass> order;
  order.reserve(static_cast<std::size_t>(2 * total));
  for (int k = 0; k < warmup; ++k) order.push_back(pass(k, true));
  for (int k = warmup; k < total; ++k) {
    order.push_back(pass(k, true));
    order.push_back(pass(k - warmup, false));
  }
  for (int k = total - warmup; k < total; ++k) order.push_back(pass(k, false));
  return order;
}

}  // namespace xpusim
