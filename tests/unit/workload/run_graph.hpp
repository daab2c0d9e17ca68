// A small executor of task graphs with given durations, and sums over a graph: judges of the
// generator.
#pragma once

#include <functional>
#include <map>

#include "xpusim/workload.hpp"

namespace test_graphs {

struct RunOutcome {
  double makespan = 0;
  std::size_t finished = 0;  ///< tasks; fewer than the graph has means a deadlock
};
/// Runs compute tasks for `seconds(task)`, communication in no time. Tasks of one stream run one at
/// a time, lowest ready id first; a collective starts when every member's task is ready.
[[nodiscard]] RunOutcome run_graph(const xpusim::TaskGraph&,
                                   const std::function<double(const xpusim::Task&)>& seconds);

/// Multiplicity-weighted totals.
struct Totals {
  double flops = 0, memory_bytes = 0;
  std::map<std::string, double> flops_by_label;  ///< of operations
  std::map<std::string, double>
      bytes_by_purpose;  ///< collectives ("tp ALL_GATHER") and transfers ("pp")
};
[[nodiscard]] Totals totals(const xpusim::TaskGraph&);

}  // namespace test_graphs
