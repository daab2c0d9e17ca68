// Forward and backward programs of the model chunks of a layout.
#pragma once

#include "workload/layer_program.hpp"
#include "workload/memory.hpp"

namespace xpusim {

struct ChunkProgram {
  Program forward, backward;
  SplitProgram split;  ///< the backward program in two
  std::vector<ShardedParameters>
      gradients;                 ///< what each `gradients` step of the backward program completes
  ShardedParameters parameters;  ///< trained parameters of the chunk on this device
  std::vector<ShardedParameters>
      units;  ///< what each `layer` step is about: embedding, head, one layer; trained or not
};

[[nodiscard]] ChunkProgram build_chunk_program(LayerEmitter&, const ModelSpec&,
                                               const ParallelLayout&, const TrainingSpec&,
                                               const ChunkContent&);

}  // namespace xpusim
