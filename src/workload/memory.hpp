// What a model chunk holds, and its parameters on one device: shared by memory and the training
// step.
#pragma once

#include <vector>

#include "xpusim/workload.hpp"

namespace xpusim {

struct ChunkContent {
  std::vector<int> layers;  ///< layer numbers; MTP modules are numbered from model.layers on
  bool embedding = false;
  bool head = false;
};
[[nodiscard]] ChunkContent chunk_content(const ModelSpec&, const ParallelLayout&, int stage,
                                         int chunk);

/// Parameters on one device, counts: `dense` is replicated over DP x CP, `experts` over the
/// expert-data group.
struct ShardedParameters {
  double dense = 0;
  double experts = 0;
  [[nodiscard]] double total() const { return dense + experts; }
  ShardedParameters& operator+=(const ShardedParameters& other) {
    dense += other.dense;
    experts += other.experts;
    return *this;
  }
};
[[nodiscard]] ShardedParameters sharded_parameters(const ModelSpec&, const ParallelLayout&,
                                                   const ChunkContent&);

}  // namespace xpusim
