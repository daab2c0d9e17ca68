#include <ostream>

#include "report/document.hpp"
#include "report/writers.hpp"

namespace xpusim::report {
namespace {

/// A cell may hold neither a line break nor a bar.
std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == '|') result += '\\';
    result += c == '\n' ? ' ' : c;
  }
  return result;
}

void write_row(std::ostream& out, const std::vector<std::string>& cells, std::size_t columns) {
  out << '|';
  for (std::size_t c = 0; c < columns; ++c) {
    out << ' ' << (c < cells.size() ? escaped(cells[c]) : "") << " |";
  }
  out << '\n';
}

void write_grid(std::ostream& out, const Grid& grid) {
  const std::size_t columns = grid.columns.size();
  if (!grid.heading.empty()) out << "### " << grid.heading << "\n\n";
  write_row(out, grid.columns, columns);
  out << '|';
  for (std::size_t c = 0; c < columns; ++c) out << (grid.left(c) ? ":---|" : "---:|");
  out << '\n';
  for (const GridRow& row : grid.rows) {
    const std::vector<std::string> section{"**" + row.cells[0] + "**"};
    write_row(out, row.section ? section : row.cells, columns);
  }
  out << '\n';
}

}  // namespace

void write_markdown(std::ostream& out, const RunReport& run) {
  const Document doc = document(run);
  out << "## " << doc.title << "\n\n";
  if (!doc.question.empty()) out << doc.question << "\n\n";
  for (const Grid& grid : doc.grids) {
    if (!grid.rows.empty()) write_grid(out, grid);
  }
  for (const std::string& error : doc.errors) out << "- **" << error << "**\n";
  if (!doc.errors.empty()) out << '\n';
  if (!doc.legend.empty()) out << doc.legend << "\n\n";
  for (std::size_t i = 0; i < doc.notes.size(); ++i) {
    out << "- [" << i + 1 << "] " << doc.notes[i] << '\n';
  }
  if (!doc.notes.empty()) out << '\n';
  out << doc.footer << '\n';
}

}  // namespace xpusim::report
