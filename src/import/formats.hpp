// The readers, one per foreign format: each adds its parts and notes.
#pragma once

#include "import/parts.hpp"

namespace xpusim::importer {

void import_astra(Import&);
void import_nccl(Import&);
void import_htsim(Import&);
void import_huggingface(Import&);
[[nodiscard]] bool looks_like_huggingface(std::string_view text);

/// What an ASTRA-sim system file says to a network of these dimensions.
struct AstraDimension {
  std::string topology;  ///< "Ring", "FullyConnected", "Switch"
  std::int64_t npus = 0;
  double bandwidth = 0;  ///< in ASTRA's GB/s
  double latency = 0;    ///< nanoseconds
  std::string link;      ///< link part
};
struct AstraSystem {
  ChipFigures figures;
  double endpoint_delay = 0;  ///< nanoseconds
  bool has_endpoint_delay = false;
  Json rows = Json::array();  ///< of the collective library
};
/// Without a system file all defaults.
[[nodiscard]] AstraSystem read_astra_system(Import&, const std::vector<AstraDimension>&);

}  // namespace xpusim::importer
