// A comparison table as text, Markdown, CSV, JSON, LaTeX and HTML. Writers only lay out.
#include <fmt/format.h>
#include <fmt/ostream.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <ostream>

#include "catalogue/layout.hpp"
#include "xpusim/catalogue.hpp"

namespace xpusim {
namespace catalogue_detail {
namespace {

std::string label(const ComparisonRow& row) {
  return row.unit.empty() ? row.title : fmt::format("{} ({})", row.title, row.unit);
}

std::string marks(const ComparisonCell& cell) {
  std::string text;
  for (const int number : cell.footnotes)
    text += fmt::format("{}{}", text.empty() ? "" : ",", number);
  return text;
}

std::string escape(std::string_view text,
                   const std::vector<std::pair<char, std::string_view>>& replacements) {
  std::string escaped;
  for (const char c : text) {
    const auto found = std::find_if(replacements.begin(), replacements.end(),
                                    [c](const auto& r) { return r.first == c; });
    if (found != replacements.end()) {
      escaped += found->second;
    } else {
      escaped += c;
    }
  }
  return escaped;
}
std::string html(std::string_view text) {
  return escape(text, {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}});
}
std::string latex(std::string_view text) {
  return escape(text, {{'\\', "\\textbackslash{}"},
                       {'&', "\\&"},
                       {'%', "\\%"},
                       {'$', "\\$"},
                       {'#', "\\#"},
                       {'_', "\\_"},
                       {'{', "\\{"},
                       {'}', "\\}"},
                       {'~', "\\textasciitilde{}"},
                       {'^', "\\textasciicircum{}"}});
}
std::string markdown(std::string_view text) {
  return escape(text, {{'|', "\\|"}, {'*', "\\*"}, {'_', "\\_"}});
}
std::string csv(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  return "\"" + escape(text, {{'"', "\"\""}}) + "\"";
}

void write_text(std::ostream& out, const ComparisonTable& table) {
  TextGrid grid;
  std::vector<std::string> header{""};
  header.insert(header.end(), table.columns.begin(), table.columns.end());
  grid.add(std::move(header));
  for (const ComparisonRow& row : table.rows) {
    std::vector<std::string> cells{label(row)};
    for (const ComparisonCell& cell : row.cells)
      cells.push_back(cell.quoted ? cell.text + "*" : cell.text);
    grid.add(std::move(cells));
  }
  if (!table.title.empty()) fmt::print(out, "{}\n\n", table.title);
  grid.write(out, {.header = true, .numbers_right = true});
  const bool quotes =
      std::any_of(table.rows.begin(), table.rows.end(), [](const ComparisonRow& row) {
        return std::any_of(row.cells.begin(), row.cells.end(),
                           [](const ComparisonCell& cell) { return cell.quoted; });
      });
  if (quotes) fmt::print(out, "\n* as published, not derived from the parts\n");
  if (table.footnotes.empty()) return;
  fmt::print(out, "\nSources and notes\n");
  for (std::size_t i = 0; i < table.footnotes.size(); ++i) {
    fmt::print(out, "  [{}] {}\n", i + 1, table.footnotes[i]);
  }
}

void write_markdown(std::ostream& out, const ComparisonTable& table) {
  if (!table.title.empty()) fmt::print(out, "## {}\n\n", markdown(table.title));
  fmt::print(out, "| |");
  for (const std::string& column : table.columns) fmt::print(out, " {} |", markdown(column));
  fmt::print(out, "\n|---|");
  for (std::size_t i = 0; i < table.columns.size(); ++i) fmt::print(out, "---:|");
  fmt::print(out, "\n");
  for (const ComparisonRow& row : table.rows) {
    fmt::print(out, "| {} |", markdown(label(row)));
    for (const ComparisonCell& cell : row.cells) {
      const std::string notes = marks(cell);
      fmt::print(out, " {}{} |", markdown(cell.text),
                 notes.empty() ? "" : fmt::format(" <sup>{}</sup>", notes));
    }
    fmt::print(out, "\n");
  }
  if (!table.footnotes.empty()) fmt::print(out, "\n");
  for (std::size_t i = 0; i < table.footnotes.size(); ++i) {
    fmt::print(out, "{}. {}\n", i + 1, markdown(table.footnotes[i]));
  }
}

void write_csv(std::ostream& out, const ComparisonTable& table) {
  fmt::print(out, "row");
  for (const std::string& column : table.columns) fmt::print(out, ",{}", csv(column));
  fmt::print(out, "\n");
  for (const ComparisonRow& row : table.rows) {
    fmt::print(out, "{}", csv(label(row)));
    for (const ComparisonCell& cell : row.cells) fmt::print(out, ",{}", csv(cell.text));
    fmt::print(out, "\n");
  }
}

void write_json(std::ostream& out, const ComparisonTable& table) {
  nlohmann::ordered_json json{
      {"schema", 1}, {"name", table.name}, {"title", table.title}, {"columns", table.columns}};
  json["rows"] = nlohmann::ordered_json::array();
  for (const ComparisonRow& row : table.rows) {
    nlohmann::ordered_json cells = nlohmann::ordered_json::array();
    for (const ComparisonCell& cell : row.cells) {
      nlohmann::ordered_json entry{{"text", cell.text}, {"quoted", cell.quoted}};
      if (cell.value) entry["value"] = *cell.value;
      if (!cell.footnotes.empty()) entry["footnotes"] = cell.footnotes;
      cells.push_back(std::move(entry));
    }
    json["rows"].push_back({{"title", row.title}, {"unit", row.unit}, {"cells", std::move(cells)}});
  }
  json["footnotes"] = table.footnotes;
  out << json.dump(2) << "\n";
}

void write_latex(std::ostream& out, const ComparisonTable& table) {
  fmt::print(out, "\\begin{{table}}\n\\caption{{{}}}\n\\begin{{tabular}}{{l{}}}\n\\hline\n",
             latex(table.title), std::string(table.columns.size(), 'r'));
  for (const std::string& column : table.columns) fmt::print(out, " & {}", latex(column));
  fmt::print(out, " \\\\\n\\hline\n");
  for (const ComparisonRow& row : table.rows) {
    fmt::print(out, "{}", latex(label(row)));
    for (const ComparisonCell& cell : row.cells) {
      const std::string notes = marks(cell);
      fmt::print(out, " & {}{}", latex(cell.text),
                 notes.empty() ? "" : fmt::format("$^{{{}}}$", notes));
    }
    fmt::print(out, " \\\\\n");
  }
  fmt::print(out, "\\hline\n\\end{{tabular}}\n");
  if (!table.footnotes.empty()) {
    fmt::print(out, "\\begin{{enumerate}}\n");
    for (const std::string& note : table.footnotes) fmt::print(out, "\\item {}\n", latex(note));
    fmt::print(out, "\\end{{enumerate}}\n");
  }
  fmt::print(out, "\\end{{table}}\n");
}

constexpr std::string_view kStyle =
    "body{font:15px/1.45 system-ui,sans-serif;margin:2em auto;max-width:70em;padding:0 "
    "1em;color:#1c2430}"
    "table{border-collapse:collapse}th,td{padding:.35em .8em;border-bottom:1px solid "
    "#d8dee6;text-align:right}"
    "th:first-child,td:first-child{text-align:left}thead th{border-bottom:2px solid #1c2430}"
    "sup{color:#5a6b80;font-size:.7em;margin-left:.2em}ol{font-size:.85em;color:#42505f}.q{font-"
    "style:italic}";

void write_html(std::ostream& out, const ComparisonTable& table) {
  fmt::print(
      out,
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>{0}</title>\n"
      "<style>{1}</style>\n</head>\n<body>\n<h1>{0}</h1>\n<table>\n<thead>\n<tr><th></th>",
      html(table.title), kStyle);
  for (const std::string& column : table.columns)
    fmt::print(out, "<th scope=\"col\">{}</th>", html(column));
  fmt::print(out, "</tr>\n</thead>\n<tbody>\n");
  for (const ComparisonRow& row : table.rows) {
    fmt::print(out, "<tr><th scope=\"row\">{}</th>", html(label(row)));
    for (const ComparisonCell& cell : row.cells) {
      const std::string notes = marks(cell);
      fmt::print(out, "<td{}>{}{}</td>", cell.quoted ? " class=\"q\"" : "", html(cell.text),
                 notes.empty() ? "" : fmt::format("<sup>{}</sup>", notes));
    }
    fmt::print(out, "</tr>\n");
  }
  fmt::print(out, "</tbody>\n</table>\n");
  if (!table.footnotes.empty()) {
    fmt::print(out, "<ol>\n");
    for (const std::string& note : table.footnotes) fmt::print(out, "<li>{}</li>\n", html(note));
    fmt::print(out, "</ol>\n");
  }
  fmt::print(out, "</body>\n</html>\n");
}

}  // namespace
}  // namespace catalogue_detail

std::optional<ComparisonFormat> parse_comparison_format(std::string_view word) {
  if (word == "table") return ComparisonFormat::table;
  if (word == "markdown") return ComparisonFormat::markdown;
  if (word == "csv") return ComparisonFormat::csv;
  if (word == "json") return ComparisonFormat::json;
  if (word == "latex") return ComparisonFormat::latex;
  if (word == "html") return ComparisonFormat::html;
  return std::nullopt;
}

void write_comparison_table(std::ostream& out, const ComparisonTable& table,
                            ComparisonFormat format) {
  using namespace catalogue_detail;
  switch (format) {
    case ComparisonFormat::table:
      return write_text(out, table);
    case ComparisonFormat::markdown:
      return write_markdown(out, table);
    case ComparisonFormat::csv:
      return write_csv(out, table);
    case ComparisonFormat::json:
      return write_json(out, table);
    case ComparisonFormat::latex:
      return write_latex(out, table);
    case ComparisonFormat::html:
      return write_html(out, table);
  }
}

}  // namespace xpusim
