#include <algorithm>

#include "trace/prepared_file.hpp"
#include "xpusim/trace.hpp"

namespace xpusim {

double critical_path_seconds(const ChakraFile& file) {
  const trace::PreparedFile prepared(file, false);
  std::vector<double> end(prepared.size(), 0);
  double longest = 0;
  for (const std::uint32_t p : prepared.occurrence()) {
    const ChakraNode& node = prepared.node(p);
    for (const std::uint32_t d : prepared.dependencies(p)) end[p] = std::max(end[p], end[d]);
    const bool computes = node.is_cpu_op || node.type == ChakraNodeType::comp ||
                          node.type == ChakraNodeType::mem_load ||
                          node.type == ChakraNodeType::mem_store;
    if (computes) end[p] += static_cast<double>(node.duration_nanos) * 1e-9;
    longest = std::max(longest, end[p]);
  }
  return longest;
}

}  // namespace xpusim
