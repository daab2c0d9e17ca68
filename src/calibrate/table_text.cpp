#include "calibrate/table_text.hpp"

#include <charconv>
#include <cmath>

#include <fmt/format.h>

namespace xpusim::calibration {

namespace {

bool blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

Cell make_cell(const Source& source, std::size_t from, std::size_t to) {
  const std::string_view text = source->text;
  while (from < to && blank(text[from])) ++from;
  while (to > from && blank(text[to - 1])) --to;
  if (to - from >= 2 && text[from] == '"' && text[to - 1] == '"') {
    ++from;
    --to;
  }
  return {text.substr(from, to - from), {source, from, to - from}};
}

/// Calls `use(from, to)` for every line; a byte order mark is skipped.
template <class Use>
void each_line(const Source& source, Use use) {
  const std::string_view text = source->text;
  std::size_t from = text.starts_with("\xef\xbb\xbf") ? 3 : 0;
  while (from < text.size()) {
    const std::size_t to = std::min(text.find('\n', from), text.size());
    if (!use(from, to)) return;
    from = to + 1;
  }
}

Line split_at_commas(const Source& source, std::size_t from, std::size_t to) {
  Line line;
  line.span = make_cell(source, from, to).span;
  for (std::size_t at = from; at <= to;) {
    const std::size_t comma = std::min(source->text.find(',', at), to);
    line.cells.push_back(make_cell(source, at, comma));
    at = comma + 1;
  }
  return line;
}

void read_comment(std::string_view text, Csv& csv) {
  text.remove_prefix(1);
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return;
  const auto trimmed = [](std::string_view t) {
    while (!t.empty() && blank(t.front())) t.remove_prefix(1);
    while (!t.empty() && blank(t.back())) t.remove_suffix(1);
    return std::string(t);
  };
  csv.header.emplace_back(trimmed(text.substr(0, colon)), trimmed(text.substr(colon + 1)));
}

}  // namespace

void refuse(std::string code, std::string message, SourceSpan span, std::string help) {
  Diagnostics all;
  all.error(std::move(code), std::move(message), std::move(span), std::move(help));
  throw InputError(std::move(all));
}

void Findings::add(std::string code, std::string message, SourceSpan span, std::string help) {
  if (!enough()) all_.error(std::move(code), std::move(message), std::move(span), std::move(help));
}

void Findings::finish() {
  if (!all_.empty()) throw InputError(std::move(all_));
}

std::optional<std::size_t> Csv::find(std::string_view column) const {
  for (std::size_t i = 0; i < columns.cells.size(); ++i)
    if (columns.cells[i].text == column) return i;
  return std::nullopt;
}

std::string Csv::header_value(std::string_view key) const {
  for (const auto& [name, value] : header)
    if (name == key) return value;
  return {};
}

Csv parse_csv(const Source& source, Findings& findings) {
  Csv csv;
  csv.source = source;
  each_line(source, [&](std::size_t from, std::size_t to) {
    const Cell whole = make_cell(source, from, to);
    if (whole.text.empty()) return true;
    if (whole.text.front() == '#') {
      read_comment(whole.text, csv);
      return true;
    }
    Line line = split_at_commas(source, from, to);
    if (csv.columns.cells.empty()) {
      csv.columns = std::move(line);
      return true;
    }
    if (line.cells.size() != csv.columns.cells.size()) {
      findings.add("row-length",
                   fmt::format("the row has {} cells, the header {}", line.cells.size(),
                               csv.columns.cells.size()),
                   line.span, "write one cell per column; leave those empty that do not apply");
      return !findings.enough();
    }
    csv.rows.push_back(std::move(line));
    return true;
  });
  if (csv.columns.cells.empty())
    refuse("no-columns", fmt::format("{} has no line that names its columns", source->name),
           {source, 0, 0}, "see tools/measure/README.md for the format");
  const std::vector<Cell>& columns = csv.columns.cells;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (!columns[i].text.empty() && csv.find(columns[i].text) != i)
      findings.add("duplicate-column", fmt::format("column '{}' stands twice", columns[i].text),
                   columns[i].span, "remove one of them");
  }
  return csv;
}

std::vector<Line> split_lines(const Source& source) {
  std::vector<Line> lines;
  each_line(source, [&](std::size_t from, std::size_t to) {
    Line line;
    line.span = make_cell(source, from, to).span;
    for (std::size_t at = from; at < to;) {
      while (at < to && blank(source->text[at])) ++at;
      std::size_t end = at;
      while (end < to && !blank(source->text[end])) ++end;
      if (end > at)
        line.cells.push_back(
            {std::string_view(source->text).substr(at, end - at), {source, at, end - at}});
      at = end;
    }
    lines.push_back(std::move(line));
    return true;
  });
  return lines;
}

std::optional<double> positive(const Cell& cell, std::string_view what, Findings& findings) {
  double value = 0;
  const char* end = cell.text.data() + cell.text.size();
  const auto read = std::from_chars(cell.text.data(), end, value);
  if (cell.text.empty()) {
    findings.add("missing-cell", fmt::format("'{}' is empty", what), cell.span,
                 "write a number above 0");
    return std::nullopt;
  }
  if (read.ec != std::errc() || read.ptr != end || !std::isfinite(value)) {
    findings.add("not-a-number", fmt::format("'{}' is '{}', which is no number", what, cell.text),
                 cell.span, "write a plain number; units stand in the column's name");
    return std::nullopt;
  }
  if (!(value > 0) || value > 1e30) {
    findings.add("out-of-range", fmt::format("'{}' is {}", what, cell.text), cell.span,
                 "write a number above 0");
    return std::nullopt;
  }
  return value;
}

std::optional<double> count(const Cell& cell, std::string_view what, Findings& findings) {
  const std::optional<double> value = positive(cell, what, findings);
  if (value && (std::floor(*value) != *value || *value > 9007199254740992.0)) {
    findings.add("out-of-range", fmt::format("'{}' is {}, no whole number", what, cell.text),
                 cell.span, "write a whole number");
    return std::nullopt;
  }
  return value;
}

std::string short_path(const std::string& path, std::size_t parts) {
  std::size_t from = path.size();
  for (; parts > 0 && from > 0; --parts) {
    const std::size_t slash = path.rfind('/', from - 1);
    if (slash == std::string::npos) return path;
    from = slash;
  }
  return from < path.size() && path[from] == '/' ? path.substr(from + 1) : path;
}

std::string join(const std::vector<std::string>& words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? " and " : ", ";
    text += words[i];
  }
  return text;
}

}  // namespace xpusim::calibration
