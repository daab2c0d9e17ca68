#include "report/document.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace xpusim::report {

std::string Footnotes::mark(const SystemResult& result) {
  std::vector<std::size_t> numbers;
  for (const std::string& note : result.notes) {
    const auto found = std::find(texts_.begin(), texts_.end(), note);
    const auto number = static_cast<std::size_t>(found - texts_.begin()) + 1;
    if (found == texts_.end()) texts_.push_back(note);
    if (std::find(numbers.begin(), numbers.end(), number) == numbers.end())
      numbers.push_back(number);
  }
  if (numbers.empty()) return "";
  std::sort(numbers.begin(), numbers.end());
  return fmt::format(" [{}]", fmt::join(numbers, ","));
}

const SystemResult* baseline_of(const RunReport& run) {
  if (run.results.size() < 2) return nullptr;
  for (const SystemResult& result : run.results) {
    const bool named = run.baseline.empty() || result.system == run.baseline;
    if (named) return result.error.empty() ? &result : nullptr;
  }
  return nullptr;
}

Document document(const RunReport& run) {
  Document doc;
  doc.title = run.scenario;
  doc.question = run.question;
  Footnotes footnotes;
  std::vector<std::string> headings;
  for (const SystemResult& result : run.results) {
    headings.push_back(result.system + footnotes.mark(result));
    if (!result.error.empty()) {
      doc.errors.push_back(fmt::format("{} could not run: {}", result.system, result.error));
    }
  }
  doc.grids.push_back(side_by_side(run, headings));
  for (Grid& grid : collective_grids(run, headings)) doc.grids.push_back(std::move(grid));
  for (Grid& grid : job_grids(run, headings)) doc.grids.push_back(std::move(grid));
  for (Grid& grid : path_grids(run, headings)) doc.grids.push_back(std::move(grid));
  if (const SystemResult* baseline = baseline_of(run)) {
    doc.legend = fmt::format("ratio = value / value of {}", baseline->system);
  }
  doc.notes = footnotes.texts();
  const std::string commit =
      run.manifest.commit.empty() ? "" : fmt::format(" ({})", run.manifest.commit);
  doc.footer = fmt::format("xpusim {}{}, seed {}", run.manifest.version, commit, run.manifest.seed);
  return doc;
}

}  // namespace xpusim::report
