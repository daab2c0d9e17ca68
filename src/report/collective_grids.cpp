#include <algorithm>

#include <fmt/format.h>

#include "report/document.hpp"
#include "report/numbers.hpp"

namespace xpusim::report {
namespace {

/// The baseline's row for the same question.
const CollectiveResult* same_row(const SystemResult* baseline, const CollectiveResult& row) {
  if (baseline == nullptr) return nullptr;
  for (const CollectiveResult& other : baseline->collective) {
    if (other.type == row.type && other.bytes == row.bytes) return &other;
  }
  return nullptr;
}

// Columns and units as in nccl-tests (doc/PERFORMANCE.md): microseconds, 10^9 bytes/s.
std::vector<std::string> cells_of(const CollectiveResult& row) {
  const auto rate = [](double value) {  // a barrier has none
    return value > 0 ? fmt::format("{:.2f}", value / 1e9) : std::string("-");
  };
  return {fmt::format("{:.0f}", row.bytes),
          row.type,
          fmt::format("{}", row.ranks),
          row.algorithm,
          row.protocol.empty() ? "-" : row.protocol,
          row.plane.empty() ? "-" : row.plane,
          fmt::format("{:.2f}", row.time_s * 1e6),
          rate(row.algbw_bytes_per_s),
          rate(row.busbw_bytes_per_s)};
}

}  // namespace

std::vector<Grid> collective_grids(const RunReport& run, const std::vector<std::string>& headings) {
  std::vector<Grid> grids;
  const SystemResult* baseline = baseline_of(run);
  for (std::size_t i = 0; i < run.results.size(); ++i) {
    const SystemResult& result = run.results[i];
    if (result.collective.empty()) continue;
    const bool compares = baseline != nullptr && baseline != &result;
    Grid grid;
    grid.heading = headings[i];
    grid.columns = {"size (B)", "type",      "ranks",        "algorithm",   "protocol",
                    "plane",    "time (us)", "algbw (GB/s)", "busbw (GB/s)"};
    if (compares) grid.columns.emplace_back("busbw ratio");
    for (const CollectiveResult& row : result.collective) {
      GridRow cells{false, cells_of(row)};
      if (compares) {
        const CollectiveResult* base = same_row(baseline, row);
        cells.cells.push_back(
            base == nullptr ? "-" : ratio_text(row.busbw_bytes_per_s, base->busbw_bytes_per_s));
      }
      grid.rows.push_back(std::move(cells));
    }
    grids.push_back(std::move(grid));
  }
  return grids;
}

}  // namespace xpusim::report
