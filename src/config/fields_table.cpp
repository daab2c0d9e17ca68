// Comparison tables.
#include <fmt/format.h>

#include <algorithm>

#include "config/spec_tables.hpp"

namespace xpusim::config {

const StructInfo& StructTable<TableCell>::info() {
  static constexpr Field fields[] = {
      field<&TableCell::formula>("formula", "Formula over fields of the column's part."),
      field<&TableCell::quote>("quote", "A published figure, as printed."),
      field<&TableCell::source>("source", "Document of a quote."),
      field<&TableCell::note>("note", "Footnote of the cell."),
  };
  static constexpr StructInfo info{"cell", "One cell: a formula or a quote.", fields};
  return info;
}

void StructTable<TableCell>::check(Decoder& d, const JsonValue& v, const std::string& path,
                                   const TableCell& cell) {
  if (cell.formula.empty() == cell.quote.empty()) {
    d.diagnostics.error("missing-key",
                        fmt::format("'{}' needs exactly one of 'formula' and 'quote'", path),
                        v.span);
  }
  if (!cell.quote.empty() && cell.source.empty()) {
    d.diagnostics.error("missing-key", fmt::format("'{}' quotes without a 'source'", path), v.span);
  }
}

const StructInfo& StructTable<TableColumn>::info() {
  static constexpr Field fields[] = {
      field<&TableColumn::title>("title", "Heading.").required(),
      field<&TableColumn::part>(
          "part", "Part of the column, as system:NAME or chip:NAME; empty for ratios."),
      field<&TableColumn::alternatives>("alternatives",
                                        "Alternatives of the part (and of its chip) to use."),
      field<&TableColumn::ratio_of>("ratio_of", "Title of the column above the fraction line."),
      field<&TableColumn::ratio_to>("ratio_to", "Title of the column below it."),
  };
  static constexpr StructInfo info{"column", "One column: a part, or the ratio of two columns.",
                                   fields};
  return info;
}

const StructInfo& StructTable<TableRow>::info() {
  static constexpr Field fields[] = {
      field<&TableRow::title>("title", "Heading.").required(),
      field<&TableRow::unit>("unit", "Unit that cells are printed in, without it."),
      field<&TableRow::format>("format", "Format of a number, such as {:.1f}."),
      field<&TableRow::ratio_format>("ratio_format", "Format of a ratio, such as {:.1f}x."),
      field<&TableRow::formula>("formula", "Formula of every column that has no cell of its own."),
      field<&TableRow::cells>("cells", "Cells that differ, by column title."),
  };
  static constexpr StructInfo info{"row", "One row.", fields};
  return info;
}

const StructInfo& StructTable<TableSpec>::info() {
  static constexpr Field fields[] = {
      field<&TableSpec::columns>("columns", "Columns from left to right.").required().not_empty(),
      field<&TableSpec::rows>("rows", "Rows from top to bottom.").required().not_empty(),
      field<&TableSpec::notes>("notes", "Notes under the table."),
  };
  static constexpr StructInfo info{
      "table", "A comparison table whose cells are formulas over parts.", fields};
  return info;
}

void StructTable<TableSpec>::check(Decoder& d, const JsonValue& v, const std::string&,
                                   const TableSpec& table) {
  std::vector<std::string> titles;
  for (const TableColumn& column : table.columns) titles.push_back(column.title);
  const JsonValue* rows = v.find("rows");
  if (!rows) return;
  for (std::size_t i = 0; i < rows->items.size(); ++i) {
    const JsonValue* cells = rows->items[i].find("cells");
    if (!cells) continue;
    for (const JsonMember& cell : cells->members) {
      if (std::find(titles.begin(), titles.end(), cell.key) != titles.end()) continue;
      d.diagnostics.error("unknown-key",
                          fmt::format("'rows.{}.cells' names no column '{}'", i, cell.key),
                          cell.key_span, suggestion(cell.key, titles, "columns"));
    }
  }
}

}  // namespace xpusim::config
