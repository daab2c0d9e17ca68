// Ledgers: published measurements and the runs that predict them.
#include <algorithm>

#include <fmt/format.h>

#include "config/spec_tables.hpp"

namespace xpusim::config {

const StructInfo& StructTable<LedgerColumn>::info() {
  static constexpr Field fields[] = {
      field<&LedgerColumn::name>("name", "Heading.").required(),
      field<&LedgerColumn::role>(
          "role",
          "What the cells are: text; set (a value for every path in `set`); overrides (whole ones, "
          "separated by \"; \"); measured (a value of `measure`); reference (the case that a "
          "change "
          "is measured from); status (empty = scored, assumed, calibration, listed); note."),
      field<&LedgerColumn::set>("set", "Paths that the cell's value is written to, as by --set."),
      field<&LedgerColumn::measure>("measure", "Name of the measure whose values stand here."),
  };
  static constexpr StructInfo info{"ledger_column", "One column of a ledger.", fields};
  return info;
}

const StructInfo& StructTable<LedgerMeasure>::info() {
  static constexpr Field fields[] = {
      field<&LedgerMeasure::name>("name", "Name, as columns refer to it.").required(),
      field<&LedgerMeasure::figure>("figure", "Figure of the report: training.step_time_s.")
          .required(),
      field<&LedgerMeasure::unit>("unit", "Unit of the cells, for people."),
      field<&LedgerMeasure::scale>("scale", "SI units per unit of the cells: 0.001 for ms.")
          .positive(),
      field<&LedgerMeasure::minus>("minus",
                                   "Overrides of a second run, whose figure is subtracted."),
      field<&LedgerMeasure::comparison>("comparison",
                                        "Values are compared, or changes from the reference row."),
      field<&LedgerMeasure::bound>("bound",
                                   "Largest mean absolute relative error; 0 = printed only.")
          .non_negative(),
      field<&LedgerMeasure::factor>("factor",
                                    "change: a size is met within this factor of the measured one.")
          .at_least(1),
      field<&LedgerMeasure::share>("share", "change: share of the sizes that must be met.")
          .share_or_none(),
      field<&LedgerMeasure::wrong_signs>("wrong_signs",
                                         "change: signs that may be wrong; -1 = printed only.")
          .at_least(-1),
  };
  static constexpr StructInfo info{"ledger_measure", "One quantity of a ledger.", fields};
  return info;
}

const StructInfo& StructTable<LedgerOrdering>::info() {
  static constexpr Field fields[] = {
      field<&LedgerOrdering::measure>("measure", "Measure that orders the rows.").required(),
      field<&LedgerOrdering::by>("by", "Column in which the rows of a pair differ.").required(),
      field<&LedgerOrdering::within>("within", "Columns in which they agree.").required(),
      field<&LedgerOrdering::bound>("bound", "Smallest share of pairs in the right order.")
          .share_or_none(),
  };
  static constexpr StructInfo info{"ledger_ordering", "Pairs of rows: which one is better?",
                                   fields};
  return info;
}

const StructInfo& StructTable<ValidationSpec>::info() {
  static constexpr Field fields[] = {
      field<&ValidationSpec::suite>("suite", "Suite that the ledger belongs to.").required(),
      field<&ValidationSpec::source>("source", "Document that the measurements stand in.")
          .required(),
      field<&ValidationSpec::scenario>("scenario", "Scenario that every row overrides.")
          .required()
          .names(PartKind::scenario),
      field<&ValidationSpec::assumptions>("assumptions",
                                          "Rules for inputs that the source does not give."),
      field<&ValidationSpec::measures>("measures", "Quantities that are predicted.")
          .required()
          .not_empty(),
      field<&ValidationSpec::columns>("columns", "Columns; the first one names the case.")
          .required()
          .not_empty(),
      field<&ValidationSpec::ordering>("ordering", "Pairs whose order has to be right."),
      field<&ValidationSpec::rows, TextRows>("rows", "Cells in the order of the columns.")
          .required()
          .not_empty(),
  };
  static constexpr StructInfo info{
      "validation", "A published table of measurements and the runs that predict it.", fields};
  return info;
}

void StructTable<ValidationSpec>::check(Decoder& d, const JsonValue& v, const std::string&,
                                        const ValidationSpec& ledger) {
  const auto measured = [&](const std::string& name) {
    return std::any_of(ledger.measures.begin(), ledger.measures.end(),
                       [&](const LedgerMeasure& m) { return m.name == name; });
  };
  if (const JsonValue* columns = v.find("columns")) {
    for (std::size_t i = 0; i < columns->items.size() && i < ledger.columns.size(); ++i) {
      const LedgerColumn& column = ledger.columns[i];
      if (column.role == LedgerRole::measured && !measured(column.measure))
        d.diagnostics.error(
            "unknown-measure",
            fmt::format("column '{}' holds values of no measure '{}'", column.name, column.measure),
            columns->items[i].span, "name one of `measures`");
      if ((column.role == LedgerRole::set) == column.set.empty())
        d.diagnostics.error("bad-column",
                            fmt::format("column '{}': `set` belongs to role \"set\", and is needed "
                                        "there",
                                        column.name),
                            columns->items[i].span);
      const auto first = std::find_if(ledger.columns.begin(), ledger.columns.end(),
                                      [&](const LedgerColumn& c) { return c.name == column.name; });
      if (first != ledger.columns.begin() + static_cast<std::ptrdiff_t>(i))
        d.diagnostics.error("bad-column", fmt::format("two columns are called '{}'", column.name),
                            columns->items[i].span, "rename one");
    }
    const bool compares =
        std::any_of(ledger.columns.begin(), ledger.columns.end(),
                    [](const LedgerColumn& c) { return c.role == LedgerRole::reference; });
    for (const LedgerMeasure& m : ledger.measures)
      if (m.comparison == LedgerComparison::change && !compares)
        d.diagnostics.error(
            "bad-column",
            fmt::format("measure '{}' compares rows, and no column says with which", m.name),
            columns->span, "add a column of role \"reference\"");
  }
  if (const JsonValue* ordering = v.find("ordering"); ordering && ledger.ordering) {
    if (!measured(ledger.ordering->measure))
      d.diagnostics.error(
          "unknown-measure",
          fmt::format("`ordering` goes by no measure '{}'", ledger.ordering->measure),
          ordering->span, "name one of `measures`");
    std::vector<std::string> names = ledger.ordering->within;
    names.push_back(ledger.ordering->by);
    for (const std::string& name : names)
      if (std::none_of(ledger.columns.begin(), ledger.columns.end(),
                       [&](const LedgerColumn& c) { return c.name == name; }))
        d.diagnostics.error("unknown-column", fmt::format("`ordering` names no column '{}'", name),
                            ordering->span, "name one of `columns`");
  }
  const JsonValue* rows = v.find("rows");
  if (!rows) return;
  if (rows->items.empty())
    d.diagnostics.error("no-rows", "a ledger has at least one row", rows->span);
  for (std::size_t i = 0; i < ledger.rows.size(); ++i) {
    if (ledger.rows[i].size() == ledger.columns.size()) continue;
    d.diagnostics.error("bad-row",
                        fmt::format("row {} has {} cells for {} columns", i, ledger.rows[i].size(),
                                    ledger.columns.size()),
                        rows->items[i].span);
  }
}

}  // namespace xpusim::config
