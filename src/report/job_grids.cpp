#include <fmt/format.h>

#include "report/document.hpp"
#include "report/numbers.hpp"

namespace xpusim::report {
namespace {

std::vector<std::string> cells_of(const JobResult& job) {
  const auto ms = [](double seconds) { return fmt::format("{:.3f}", seconds * 1e3); };
  return {job.name,
          job.scenario,
          job.placement,
          count_text(job.chips),
          ms(job.start_s),
          ms(job.time_s),
          job.alone_s > 0 ? ms(job.alone_s) : "-",
          job.slowdown > 0 ? fmt::format("{:.3f}", job.slowdown) : "-",
          ms(job.contention_s),
          job.cause.empty() ? "-" : job.cause,
          job.culprit.empty() ? "-" : job.culprit};
}

}  // namespace

std::vector<Grid> job_grids(const RunReport& run, const std::vector<std::string>& headings) {
  std::vector<Grid> grids;
  for (std::size_t i = 0; i < run.results.size(); ++i) {
    if (run.results[i].jobs.empty()) continue;
    Grid grid;
    grid.heading = "Jobs on " + headings[i];
    grid.columns = {"job",       "scenario",   "placement", "chips",          "start (ms)",
                    "time (ms)", "alone (ms)", "slow-down", "contended (ms)", "most on link",
                    "caused by"};
    grid.align = "lllrrrrrrll";
    for (const JobResult& job : run.results[i].jobs) grid.rows.push_back({false, cells_of(job)});
    grids.push_back(std::move(grid));
  }
  return grids;
}

}  // namespace xpusim::report
