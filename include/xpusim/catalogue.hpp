// The catalogue as a user sees it: derived figures, comparison tables, consistency rules, list and
// describe.
//
// Formulas (TableRow::formula, TableCell::formula) are expressions over names and quantities:
//   sum     := product (("+" | "-") product)*            both sides of one dimension
//   product := unary (("*" | "/") unary)*
//   unary   := "-" unary | number | number unit | name | "[" row title "]" | "(" sum ")"
//   number  := "384" | "3.5" | "1e3"; unit := "W", "GB", "Gbit/s" ("/" without spaces joins a unit)
//   name    := "system.", "chip.", "model." or "link.", then a derived figure (see figures()) or
//   the dotted path of a
//              scalar field of that part: "chip.memory.marketed", "system.components.cpu.count" (an
//              item by its name); "chips" and "nodes" are short for system.chips and system.nodes
//   [title] := the same column's cell of another row of the table, a quoted number included
// Which parts a name means: of a column "system:NAME" system. is NAME and chip. is its chip; of
// "chip:NAME", "model:NAME", "link:NAME" it is that part. Alternatives of a column replace fields
// of the part, of its chip and of their links (each name must exist in at least one of them). A
// row's unit is an expression over units: "TB", "Gbit/s", "W/(TFLOP/s)", "kW/TB"; "" or a counting
// word ("chips", "nodes") for plain numbers, "%" for shares. Number formats are those of fmt, plus
// "," for thousands: "{:,.0f}".
#pragma once

#include <filesystem>
#include <iosfwd>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "xpusim/config.hpp"
#include "xpusim/diagnostic.hpp"
#include "xpusim/units.hpp"

namespace xpusim {

// ---------------------------------------------------------------- derived figures and formulas

/// A number with a dimension known at run time, in base units.
struct FigureValue {
  double value = 0.0;
  Dimension dimension;
};
/// "300 PFLOP/s", "384", "2.003 W/(TFLOP/s)": any dimension, `digits` significant digits.
[[nodiscard]] std::string format_figure(const FigureValue&, int digits = 4);

/// One row of the registry, for help, list, describe and the reference.
struct FigureInfo {
  std::string_view name;  ///< "system.peak.<format>": the part in angle brackets is a map's key
  std::string_view unit;  ///< "FLOP/s"; "" for a count
  std::string_view sentence;
  std::string_view formula;
};
[[nodiscard]] const std::vector<FigureInfo>& figures();

/// Which part figures are asked of.
struct FigureTarget {
  PartKind kind = PartKind::system;  ///< system, chip, model or link
  std::string name;
  std::vector<std::string> alternatives;
};
/// The value of a formula over one part ("system.peak.bf16", "chip.memory.marketed * 2"). Throws
/// InputError at `span`, the JSON string that holds the formula: formula-syntax, unknown-figure
/// (with the nearest name), unit-mismatch, not-published, unknown-alternative, unknown-<kind>.
[[nodiscard]] FigureValue evaluate_formula(Catalogue&, const FigureTarget&,
                                           std::string_view formula, const SourceSpan& span = {});

// ---------------------------------------------------------------- comparison tables

struct ComparisonCell {
  std::string text;  ///< as printed, without unit; "-" when the row does not apply to the column
  std::optional<double> value;  ///< in the row's unit, unrounded
  bool quoted = false;          ///< printed as published, not derived
  std::vector<int> footnotes;   ///< 1-based, into ComparisonTable::footnotes
};
struct ComparisonRow {
  std::string title, unit;
  std::vector<ComparisonCell> cells;  ///< one per column
};
/// A rendered TableSpec, before a writer lays it out.
struct ComparisonTable {
  std::string name, title;
  std::vector<std::string> columns;
  std::vector<ComparisonRow> rows;
  std::vector<std::string> footnotes;  ///< sources with confidence, alternatives, quotes, notes
};
/// Throws InputError with everything that is wrong in the table.
[[nodiscard]] ComparisonTable build_comparison_table(Catalogue&, std::string_view name);

enum class ComparisonFormat { table, markdown, csv, json, latex, html };
[[nodiscard]] std::optional<ComparisonFormat> parse_comparison_format(std::string_view);
/// CSV: header "row,<columns>", a row called "title (unit)", cells as published (RFC 4180 quoting),
/// no footnotes.
void write_comparison_table(std::ostream&, const ComparisonTable&, ComparisonFormat);

// ---------------------------------------------------------------- check

/// One rule of `check`, or a code of loading.
struct RuleInfo {
  std::string_view code;
  Severity severity = Severity::error;
  int exit_code = 1;  ///< what an error of this code makes of the exit code
  std::string_view meaning;
  std::string_view example;  ///< a mistake that it reports
};
[[nodiscard]] const std::vector<RuleInfo>& check_rules();

struct CheckResult {
  Diagnostics findings;   ///< in order of kind, name and position
  std::size_t parts = 0;  ///< files checked
  std::map<Confidence, std::size_t>
      numbers;  ///< numbers of checked parts by the confidence of their source
  std::size_t unsourced = 0;
  /// 0 clean (warnings and notes allowed); 1 a claim, source or sanity rule failed; 2 unreadable or
  /// invalid input.
  int exit_code = 0;
};
/// Runs every rule over all parts that the catalogue finds, or over the given files only (files
/// outside the catalogue's roots are added to it). Never throws InputError: what is wrong is in the
/// findings.
[[nodiscard]] CheckResult check_catalogue(Catalogue&,
                                          const std::vector<std::filesystem::path>& files = {});
/// The rendered findings and a closing summary line.
void write_check_text(std::ostream&, const CheckResult&, bool color = false);
/// {"schema": 1, "findings": [{file, line, column, severity, code, message, help}], "numbers":
/// {...}, ...}.
void write_check_json(std::ostream&, const CheckResult&);

// ---------------------------------------------------------------- list and describe

enum class InfoFormat { text, json };
/// What list accepts: "chips", "links", "systems", "models", "software", "scenarios", "tables",
/// "collectives", "shapes", "figures", "rules".
[[nodiscard]] const std::vector<std::string>& listable_kinds();
/// One line per entry. Throws InputError unknown-kind with the nearest word.
void write_list(std::ostream&, Catalogue&, std::string_view kind, InfoFormat = InfoFormat::text);
/// A part (by name, or "chip:NAME" when several kinds share it), a collective algorithm, a shape, a
/// figure, a rule or error code, or a field ("chip.memory.bandwidth"). Throws InputError
/// unknown-name with the nearest name.
void write_description(std::ostream&, Catalogue&, std::string_view name,
                       InfoFormat = InfoFormat::text);

}  // namespace xpusim
