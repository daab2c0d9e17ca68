// The table that tools/measure/measure.py writes: one row per timed run, columns by name.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "calibrate/formats.hpp"
#include "xpusim/cost.hpp"
#include "xpusim/units.hpp"

namespace xpusim::calibration {

namespace {

constexpr std::array<std::string_view, 16> kColumns{
    "op",      "format", "groups",   "m",        "n",     "k",     "batch",   "sequence",
    "context", "heads",  "kv_heads", "head_dim", "bytes", "ranks", "seconds", "note"};

/// A column as the file names it: "seconds [us]" is column seconds, factor 1e-6.
struct Column {
  std::string name;
  double factor = 1;
};

double unit_factor(const std::string& column, std::string_view unit, const SourceSpan& span,
                   Findings& findings) {
  const std::string one = fmt::format("1 {}", unit);
  std::optional<double> factor;
  if (column == "seconds") {
    if (const auto t = parse<Seconds>(one)) factor = t->value();
  } else if (column == "bytes") {
    if (const auto b = parse<Bytes>(one)) factor = b->value();
  }
  if (!factor)
    findings.add("unit-mismatch", fmt::format("'{}' is no unit of column '{}'", unit, column), span,
                 "only seconds and bytes take a unit: seconds [us], bytes [MiB]");
  return factor.value_or(1);
}

std::vector<Column> read_columns(const Csv& csv, Findings& findings) {
  std::vector<Column> columns;
  for (const Cell& cell : csv.columns.cells) {
    Column column;
    const std::size_t open = cell.text.find('[');
    column.name = cell.text.substr(0, open);
    while (!column.name.empty() && column.name.back() == ' ') column.name.pop_back();
    const std::vector<std::string> known(kColumns.begin(), kColumns.end());
    if (std::find(known.begin(), known.end(), column.name) == known.end()) {
      const std::string_view near = nearest_word(column.name, known);
      findings.add("unknown-column", fmt::format("there is no column '{}'", column.name), cell.span,
                   near.empty() ? fmt::format("columns: {}", fmt::join(kColumns, ", "))
                                : fmt::format("did you mean '{}'?", near));
    }
    for (const Column& before : columns)
      if (before.name == column.name && cell.text.find('[') != std::string_view::npos)
        findings.add("duplicate-column", fmt::format("column '{}' stands twice", column.name),
                     cell.span, "remove one of them");
    if (open != std::string_view::npos) {
      const std::size_t close = cell.text.find(']', open);
      const std::string_view unit =
          cell.text.substr(open + 1, close == std::string_view::npos ? close : close - open - 1);
      column.factor = unit_factor(column.name, unit, cell.span, findings);
    }
    columns.push_back(std::move(column));
  }
  return columns;
}

std::optional<std::size_t> find(const std::vector<Column>& columns, std::string_view name) {
  for (std::size_t i = 0; i < columns.size(); ++i)
    if (columns[i].name == name) return i;
  return std::nullopt;
}

const MeasuredOperation* operation_of(const Cell& cell, Findings& findings) {
  if (const MeasuredOperation* operation = find_measured_operation(cell.text)) return operation;
  std::vector<std::string> known;
  for (const MeasuredOperation& o : measured_operations()) known.emplace_back(o.name);
  const std::string_view near = nearest_word(cell.text, known);
  findings.add("unknown-operation", fmt::format("there is no operation '{}'", cell.text), cell.span,
               near.empty() ? fmt::format("operations: {}", fmt::join(known, ", "))
                            : fmt::format("did you mean '{}'?", near));
  return nullptr;
}

bool format_fits(const MeasuredOperation& operation, const Cell& cell, Findings& findings) {
  const bool plain = operation.collective || operation.name == "memory";
  if (plain || format_bytes(cell.text) > 0) return true;
  findings.add("unknown-format", fmt::format("'{}' is no compute format", cell.text), cell.span,
               "write bf16, fp16, fp8, int8, fp4, tf32, fp32, ...");
  return false;
}

/// A cell that its operation has no use for hides a mistake: it is refused.
void check_unused(const MeasuredOperation& operation, const std::vector<Column>& columns,
                  const Line& row, Findings& findings) {
  for (std::size_t c = 0; c < columns.size(); ++c) {
    const std::string& name = columns[c].name;
    if (row.cells[c].text.empty() || name == "op" || name == "format" || name == "seconds" ||
        name == "note")
      continue;
    if (std::find(operation.shape.begin(), operation.shape.end(), name) == operation.shape.end())
      findings.add("unused-cell", fmt::format("{} takes no '{}'", operation.name, name),
                   row.cells[c].span,
                   fmt::format("leave it empty; {} takes {}", operation.name,
                               fmt::join(operation.shape, ", ")));
  }
}

std::string header_text(const Csv& csv) {
  std::string text;
  for (const auto& [key, value] : csv.header) {
    if (value.empty() || key.starts_with("xpusim")) continue;
    text += text.empty() ? "" : "; ";
    text += key == "device" || key == "software" || key == "date" ? value : key + " " + value;
  }
  return text;
}

}  // namespace

bool is_measure_csv(std::string_view text) {
  const std::string_view row = first_row(text);
  return row.starts_with("op,") || row.starts_with("\"op\",");
}

void read_measure_csv(Reading& reading) {
  const Csv csv = parse_csv(reading.source, reading.findings);
  const std::vector<Column> columns = read_columns(csv, reading.findings);
  const auto op = find(columns, "op"), format = find(columns, "format"),
             seconds = find(columns, "seconds");
  for (const std::string_view name : {"op", "seconds"})
    if (!find(columns, name))
      reading.findings.add("missing-column", fmt::format("there is no column '{}'", name),
                           csv.columns.span, "see tools/measure/README.md for the format");
  if (const std::string header = header_text(csv); !header.empty())
    reading.file.document += fmt::format(" ({})", header);
  reading.file.sustained = csv.header_value("mode").starts_with("sustained");
  if (!op || !seconds) return;
  for (const Line& row : csv.rows) {
    if (reading.findings.enough()) return;
    const MeasuredOperation* operation = operation_of(row.cells[*op], reading.findings);
    if (operation == nullptr) continue;
    const Cell form = format ? row.cells[*format] : Cell{{}, row.span};
    if (!format_fits(*operation, form, reading.findings)) continue;
    check_unused(*operation, columns, row, reading.findings);
    std::vector<std::optional<double>> shape;
    for (const std::string_view name : operation->shape) {
      const auto at = find(columns, name);
      if (!at) {
        reading.findings.add("missing-column",
                             fmt::format("{} needs a column '{}'", operation->name, name), row.span,
                             fmt::format("it takes {}", fmt::join(operation->shape, ", ")));
        return;
      }
      std::optional<double> value;
      if (name == "bytes") {
        value = positive(row.cells[*at], name, reading.findings);
        if (value) *value *= columns[*at].factor;
      } else {
        value = count(row.cells[*at], name, reading.findings);
      }
      shape.push_back(value);
    }
    std::optional<double> time = positive(row.cells[*seconds], "seconds", reading.findings);
    if (time) *time *= columns[*seconds].factor;
    const bool plain = operation->collective || operation->name == "memory";
    reading.add(operation->name, plain ? std::string_view() : form.text, shape, time, row.span);
  }
}

}  // namespace xpusim::calibration
