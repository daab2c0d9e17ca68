// Forward and backward programs of the model chunks of a layout.
#pragma once

#include "workload/layer_program.hpp"
#include "workload/memory.hpp"

namespace xpusim {

struct ChunkProgram {
  Program forward, backward;
  std::vector<ShardedParameters>
      gradients;                 ///< what each `gradients` step of the backward program completes
  ShardedParameters parameters;  ///< trained parameters of the chunk on this device
};

[[nodiscard]] ChunkProgram build_chunk_program(LayerEmitter&, const ModelSpec&,
                                               const ParallelLayout&, const TrainingSpec&,
                                               const ChunkContent&);

}  // namespace xpusim
