// Explicit placement of layers on pipeline chunks, in the notation of Megatron-LM's
// --pipeline-model-parallel-layout.
#pragma once

#include <string_view>
#include <vector>

namespace xpusim {

/// Layers of one chunk.
struct LayerCounts {
  int embeddings = 0;
  int layers = 0;
  int mtp = 0;
  int losses = 0;
};

/// Chunks in model order of a text such as "Et*4|(t*4|)*14tmL": E embedding, t transformer layer, m
/// MTP layer, L loss; | ends a chunk; x*n and (...)*n repeat; commas and blanks mean nothing.
/// Throws InputError with the column of what it cannot read, or when the embedding is not first,
/// the loss not last, a layer behind an MTP layer, or MTP layers in several chunks.
[[nodiscard]] std::vector<LayerCounts> parse_layer_layout(std::string_view);

}  // namespace xpusim
