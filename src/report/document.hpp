// What people read, before it is laid out: grids of text, errors, footnotes.
#pragma once

#include <string>
#include <vector>

#include "xpusim/results.hpp"

namespace xpusim::report {

struct GridRow {
  bool section = false;  ///< a heading over the rows that follow; only the first cell is set
  std::vector<std::string> cells;
};
/// The first column is a name, the others are figures.
struct Grid {
  std::string heading;
  std::vector<std::string> columns;
  std::vector<GridRow> rows;
  std::string align;  ///< "l" or "r" for each column; "" = the first left, the others right
  [[nodiscard]] bool left(std::size_t column) const {
    return align.empty() ? column == 0 : align[column] == 'l';
  }
};
struct Document {
  std::string title, question;
  std::vector<Grid> grids;
  std::string legend;               ///< what ratio columns compare with; "" without them
  std::vector<std::string> errors;  ///< "SYSTEM could not run: why"
  std::vector<std::string> notes;   ///< footnote i + 1
  std::string footer;
};

[[nodiscard]] Document document(const RunReport&);

/// Numbers the notes of all systems, equal ones once.
class Footnotes {
 public:
  /// " [1,3]" for a system's notes, "" for none.
  [[nodiscard]] std::string mark(const SystemResult&);
  [[nodiscard]] const std::vector<std::string>& texts() const { return texts_; }

 private:
  std::vector<std::string> texts_;
};

/// The system that ratios compare with, or null (not found, could not run, or alone).
[[nodiscard]] const SystemResult* baseline_of(const RunReport&);
/// One column per system, one row per figure. `headings`: one per system.
[[nodiscard]] Grid side_by_side(const RunReport&, const std::vector<std::string>& headings);
/// One grid per system with collective results, as nccl-tests prints them.
[[nodiscard]] std::vector<Grid> collective_grids(const RunReport&,
                                                 const std::vector<std::string>& headings);

/// One grid per system that ran several jobs.
[[nodiscard]] std::vector<Grid> job_grids(const RunReport&,
                                          const std::vector<std::string>& headings);

/// What each system waited for and why, where that was asked.
[[nodiscard]] std::vector<Grid> path_grids(const RunReport&,
                                           const std::vector<std::string>& headings);

}  // namespace xpusim::report
