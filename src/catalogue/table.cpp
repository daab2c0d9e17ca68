// TableSpec -> cells: formulas per column, quotes, ratios from unrounded values, footnotes.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>

#include "catalogue/scope.hpp"

namespace xpusim {
namespace catalogue_detail {
namespace {

constexpr std::string_view kDefaultRatio = "{:.1f}x";
constexpr std::string_view kNoValue = "-";

/// The place of a string in the table's file; a token of no length when the value is not written
/// there.
class Places {
 public:
  explicit Places(const Document& document) : document_(document) {}
  SourceSpan at(const std::string& pointer) const {
    const JsonValue* value = document_.root.at(pointer);
    return value != nullptr ? value->span : document_.root.span;
  }
  /// Keys may hold any character: "/rows/0/cells" + member.
  SourceSpan cell(std::size_t row, const std::string& title, std::string_view field) const {
    const JsonValue* cells = document_.root.at(fmt::format("/rows/{}/cells", row));
    const JsonValue* cell = cells != nullptr ? cells->find(title) : nullptr;
    const JsonValue* value = cell != nullptr ? cell->find(field) : nullptr;
    if (value != nullptr) return value->span;
    const JsonMember* member = cells != nullptr ? cells->find_member(title) : nullptr;
    return member != nullptr ? member->key_span : at(fmt::format("/rows/{}", row));
  }

 private:
  const Document& document_;
};

/// Numbers footnotes in the order in which the cells, read row by row, first need them.
class Footnotes {
 public:
  int add(const std::string& text) {
    const auto found = std::find(texts_.begin(), texts_.end(), text);
    if (found != texts_.end()) return static_cast<int>(found - texts_.begin()) + 1;
    texts_.push_back(text);
    return static_cast<int>(texts_.size());
  }
  std::vector<std::string> take() { return std::move(texts_); }

 private:
  std::vector<std::string> texts_;
};

/// What a column's formulas are asked of.
struct Column {
  bool ratio = false;
  std::size_t of = 0, to = 0;  ///< for ratio columns
  std::optional<Scope> scope;
};

class Builder {
 public:
  Builder(Catalogue& catalogue, const TableSpec& spec, const Document& document)
      : catalogue_(catalogue), spec_(spec), places_(document) {}

  ComparisonTable build() {
    for (std::size_t i = 0; i < spec_.columns.size(); ++i)
      gather([&] { columns_.push_back(load_column(i)); });
    if (findings_.has_errors()) throw InputError(findings_);
    refuse_stray_cells();
    ComparisonTable table{spec_.info.name, spec_.info.title, {}, {}, {}};
    for (const TableColumn& column : spec_.columns) table.columns.push_back(column.title);
    for (std::size_t row = 0; row < spec_.rows.size(); ++row) table.rows.push_back(build_row(row));
    if (findings_.has_errors()) throw InputError(findings_);
    table.footnotes = footnotes_.take();
    table.footnotes.insert(table.footnotes.end(), spec_.notes.begin(), spec_.notes.end());
    return table;
  }

 private:
  /// Runs one step and keeps its findings: everything that is wrong in a table is reported at once.
  template <class Step>
  bool gather(Step step) {
    try {
      step();
      return true;
    } catch (const InputError& error) {
      findings_.append(error.diagnostics());
      return false;
    }
  }

  std::size_t column_index(const std::string& title, const SourceSpan& span) const {
    std::vector<std::string> titles;
    for (std::size_t i = 0; i < spec_.columns.size(); ++i) {
      if (spec_.columns[i].title == title) return i;
      titles.push_back(spec_.columns[i].title);
    }
    const std::string_view near = nearest_word(title, titles);
    throw_error(
        "unknown-column", fmt::format("the table has no column '{}'", title), span,
        near.empty() ? "write the title of a column" : fmt::format("did you mean '{}'?", near));
  }

  Column load_column(std::size_t index) {
    const TableColumn& spec = spec_.columns[index];
    const std::string pointer = fmt::format("/columns/{}", index);
    Column column;
    if (spec.part.empty()) {
      column.ratio = true;
      column.of = column_index(spec.ratio_of, places_.at(pointer + "/ratio_of"));
      column.to = column_index(spec.ratio_to, places_.at(pointer + "/ratio_to"));
      if (spec_.columns[column.of].part.empty() || spec_.columns[column.to].part.empty()) {
        throw_error("unknown-column", fmt::format("'{}' is a ratio of a ratio", spec.title),
                    places_.at(pointer), "ratio_of and ratio_to name columns of parts");
      }
      return column;
    }
    const SourceSpan span = places_.at(pointer + "/part");
    const std::size_t colon = spec.part.find(':');
    const std::optional<PartKind> kind = parse_kind(spec.part.substr(0, colon));
    if (colon == std::string::npos || !kind) {
      throw_error("bad-part", fmt::format("'{}' does not say which part it is", spec.part), span,
                  "write system:NAME, chip:NAME, model:NAME or link:NAME");
    }
    std::vector<NamedAlternative> alternatives;
    for (std::size_t i = 0; i < spec.alternatives.size(); ++i) {
      alternatives.push_back(
          {spec.alternatives[i], places_.at(fmt::format("{}/alternatives/{}", pointer, i))});
    }
    column.scope = load_scope(catalogue_, *kind, spec.part.substr(colon + 1), alternatives, span);
    return column;
  }

  void refuse_stray_cells() {
    for (std::size_t row = 0; row < spec_.rows.size(); ++row) {
      for (const auto& [title, cell] : spec_.rows[row].cells) {
        gather([&, &name = title] { (void)column_index(name, places_.cell(row, name, "")); });
      }
    }
  }

  ComparisonRow build_row(std::size_t index) {
    const TableRow& spec = spec_.rows[index];
    ComparisonRow row{spec.title, spec.unit, {}};
    row.cells.resize(columns_.size());
    gather([&] { unit(index); });
    for (std::size_t i = 0; i < columns_.size(); ++i)
      gather([&, i] { row.cells[i] = build_cell(index, i); });
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (columns_[i].ratio && quoted(index, i) == nullptr)
        gather([&, i] { row.cells[i] = ratio(index, i, row); });
    }
    return row;
  }

  const TableCell* override_of(std::size_t row, std::size_t column) const {
    const auto& cells = spec_.rows[row].cells;
    const auto found = cells.find(spec_.columns[column].title);
    return found != cells.end() ? &found->second : nullptr;
  }
  const TableCell* quoted(std::size_t row, std::size_t column) const {
    const TableCell* cell = override_of(row, column);
    return cell != nullptr && !cell->quote.empty() ? cell : nullptr;
  }
  std::string formula_of(std::size_t row, std::size_t column) const {
    const TableCell* cell = override_of(row, column);
    return cell != nullptr && !cell->formula.empty() ? cell->formula : spec_.rows[row].formula;
  }
  SourceSpan formula_span(std::size_t row, std::size_t column) const {
    const TableCell* cell = override_of(row, column);
    if (cell != nullptr && !cell->formula.empty())
      return places_.cell(row, spec_.columns[column].title, "formula");
    return places_.at(fmt::format("/rows/{}/formula", row));
  }

  FigureValue unit(std::size_t row) const {
    return evaluate_unit(spec_.rows[row].unit, places_.at(fmt::format("/rows/{}/unit", row)));
  }

  ComparisonCell build_cell(std::size_t row, std::size_t column) {
    if (const TableCell* quote = quoted(row, column)) return quoted_cell(row, column, *quote);
    if (columns_[column].ratio) return {};
    const std::string formula = formula_of(row, column);
    if (formula.empty()) return {std::string(kNoValue), std::nullopt, false, {}};
    std::vector<FigureResult::Input> inputs;
    const double value = in_unit(row, column, derive(row, column, &inputs));
    ComparisonCell cell{print(row, value, spec_.rows[row].format, "format"), value, false, {}};
    cite(cell, columns_[column], inputs);
    const TableCell* override = override_of(row, column);
    if (override != nullptr && !override->note.empty())
      cell.footnotes.push_back(footnotes_.add(override->note));
    return cell;
  }

  /// A published figure as printed. When the row's own formula gives something else, the footnote
  /// says what.
  ComparisonCell quoted_cell(std::size_t row, std::size_t column, const TableCell& quote) {
    ComparisonCell cell{quote.quote, parse_published(quote.quote), true, {}};
    std::string note = "as published";
    if (!quote.source.empty()) note += ": " + quote.source;
    if (!quote.note.empty()) note += "; " + quote.note;
    if (!columns_[column].ratio && !spec_.rows[row].formula.empty()) {
      try {
        const double derived = in_unit(row, column, derive(row, column, nullptr));
        const std::string text = print(row, derived, spec_.rows[row].format, "format");
        if (text != quote.quote) note += fmt::format("; its parts give {}", text);
      } catch (const InputError&) {
        note += "; not derivable from its parts";
      }
    }
    cell.footnotes.push_back(footnotes_.add(note));
    return cell;
  }

  ComparisonCell ratio(std::size_t row, std::size_t column, const ComparisonRow& done) {
    const auto& of = done.cells[columns_[column].of].value;
    const auto& to = done.cells[columns_[column].to].value;
    if (!of || !to || *to == 0.0) return {std::string(kNoValue), std::nullopt, false, {}};
    const std::string_view format = spec_.rows[row].ratio_format;
    return {print(row, *of / *to, format.empty() ? kDefaultRatio : format, "ratio_format"),
            *of / *to,
            false,
            {}};
  }

  FigureValue derive(std::size_t row, std::size_t column,
                     std::vector<FigureResult::Input>* inputs) {
    const auto key = std::pair(row, column);
    if (!evaluating_.insert(key).second) {
      throw_error("formula-cycle", fmt::format("row '{}' refers to itself", spec_.rows[row].title),
                  formula_span(row, column), "a row may use the rows that do not use it");
    }
    // Leave the mark also when the formula fails: the next cell of the row must not look like a
    // cycle.
    const std::shared_ptr<void> leave(nullptr, [&](void*) { evaluating_.erase(key); });
    const std::string formula = formula_of(row, column);
    const SourceSpan span = formula_span(row, column);
    const FormulaNames names{
        [&](std::string_view name, const SourceSpan& at) {
          FigureResult figure = resolve_figure(*columns_[column].scope, name, at);
          if (inputs != nullptr)
            inputs->insert(inputs->end(), figure.inputs.begin(), figure.inputs.end());
          return figure.value;
        },
        [&](std::string_view title, const SourceSpan& at) {
          return row_value(title, column, at, inputs);
        }};
    return evaluate(FormulaText(formula, span), names);
  }

  FigureValue row_value(std::string_view title, std::size_t column, const SourceSpan& at,
                        std::vector<FigureResult::Input>* inputs) {
    std::vector<std::string> titles;
    for (std::size_t row = 0; row < spec_.rows.size(); ++row) {
      titles.push_back(spec_.rows[row].title);
      if (spec_.rows[row].title != title) continue;
      if (const TableCell* quote = quoted(row, column)) {
        const std::optional<double> number = parse_published(quote->quote);
        if (!number) {
          throw_error("unit-mismatch",
                      fmt::format("the quoted cell '{}' is not a number", quote->quote), at,
                      "refer to rows whose cells are numbers");
        }
        return multiply({*number, {}}, unit(row));
      }
      if (formula_of(row, column).empty()) {
        throw_error(
            "unknown-row",
            fmt::format("row '{}' has no value for '{}'", title, spec_.columns[column].title), at,
            "give it a formula or a quote");
      }
      return derive(row, column, inputs);
    }
    const std::string_view near = nearest_word(title, titles);
    throw_error(
        "unknown-row", fmt::format("the table has no row '{}'", title), at,
        near.empty() ? "write the title of a row" : fmt::format("did you mean [{}]?", near));
  }

  double in_unit(std::size_t row, std::size_t column, const FigureValue& value) const {
    const FigureValue one = unit(row);
    if (one.dimension == value.dimension) return value.value / one.value;
    const std::string printed = spec_.rows[row].unit.empty()
                                    ? "plain numbers"
                                    : fmt::format("\"{}\"", spec_.rows[row].unit);
    throw_error("unit-mismatch",
                fmt::format("row '{}' is printed in {}, and its formula gives {}",
                            spec_.rows[row].title, printed, dimension_text(value.dimension)),
                formula_span(row, column), "change the formula or the row's unit");
  }

  std::string print(std::size_t row, double value, std::string_view format,
                    std::string_view field) const {
    if (auto text = format_number(value, format)) return *text;
    throw_error("bad-format", fmt::format("'{}' is not a number format", format),
                places_.at(fmt::format("/rows/{}/{}", row, field)),
                "write one like \"{:.1f}\" or \"{:,.0f}\"");
  }

  void cite(ComparisonCell& cell, const Column& column,
            const std::vector<FigureResult::Input>& inputs) {
    for (const FigureResult::Input& input : inputs) {
      const std::optional<SourceNote> source = source_of(*column.scope, input);
      if (!source) continue;
      const std::string mark =
          source->confidence ? fmt::format(" ({})", confidence_word(*source->confidence)) : "";
      const int number = footnotes_.add(source->text + mark);
      if (std::find(cell.footnotes.begin(), cell.footnotes.end(), number) == cell.footnotes.end()) {
        cell.footnotes.push_back(number);
      }
    }
  }

  Catalogue& catalogue_;
  const TableSpec& spec_;
  Places places_;
  std::vector<Column> columns_;
  std::set<std::pair<std::size_t, std::size_t>> evaluating_;
  Footnotes footnotes_;
  Diagnostics findings_;
};

}  // namespace
}  // namespace catalogue_detail

ComparisonTable build_comparison_table(Catalogue& catalogue, std::string_view name) {
  const TableSpec& spec = catalogue.load<TableSpec>(name);
  return catalogue_detail::Builder(catalogue, spec, catalogue.document(PartKind::table, name))
      .build();
}

}  // namespace xpusim
