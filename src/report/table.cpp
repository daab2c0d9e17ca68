#include <algorithm>
#include <ostream>

#include "report/document.hpp"
#include "report/numbers.hpp"
#include "report/writers.hpp"

namespace xpusim::report {
namespace {

std::vector<std::size_t> column_widths(const Grid& grid, const std::string& indent) {
  std::vector<std::size_t> widths;
  for (const std::string& column : grid.columns) widths.push_back(display_width(column));
  for (const GridRow& row : grid.rows) {
    if (row.section) continue;
    for (std::size_t c = 0; c < row.cells.size(); ++c) {
      const std::size_t extra = c == 0 ? indent.size() : 0;
      widths[c] = std::max(widths[c], display_width(row.cells[c]) + extra);
    }
  }
  return widths;
}

std::string laid_out(const Grid& grid, const std::vector<std::string>& cells,
                     const std::vector<std::size_t>& widths) {
  std::string line;
  for (std::size_t c = 0; c < cells.size(); ++c) {
    const std::string padding(widths[c] - std::min(widths[c], display_width(cells[c])), ' ');
    if (c > 0) line += "  ";
    line += grid.left(c) ? cells[c] + padding : padding + cells[c];
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

void write_grid(std::ostream& out, const Grid& grid) {
  const bool sections = std::any_of(grid.rows.begin(), grid.rows.end(),
                                    [](const GridRow& row) { return row.section; });
  const std::string indent = sections ? "  " : "";
  const std::vector<std::size_t> widths = column_widths(grid, indent);
  out << '\n';
  if (!grid.heading.empty()) out << grid.heading << '\n';
  out << laid_out(grid, grid.columns, widths) << '\n';
  for (GridRow row : grid.rows) {
    if (!row.section) row.cells[0].insert(0, indent);
    out << (row.section ? row.cells[0] : laid_out(grid, row.cells, widths)) << '\n';
  }
}

}  // namespace

void write_table(std::ostream& out, const RunReport& run) {
  const Document doc = document(run);
  out << doc.title << '\n';
  if (!doc.question.empty()) out << doc.question << '\n';
  for (const Grid& grid : doc.grids) {
    if (!grid.rows.empty()) write_grid(out, grid);
  }
  out << '\n';
  for (const std::string& error : doc.errors) out << error << '\n';
  if (!doc.legend.empty()) out << doc.legend << '\n';
  for (std::size_t i = 0; i < doc.notes.size(); ++i)
    out << '[' << i + 1 << "] " << doc.notes[i] << '\n';
  out << doc.footer << '\n';
}

}  // namespace xpusim::report
