// Ledgers as text, Markdown, CSV and JSON. Writers only lay out.
#include <algorithm>
#include <cmath>
#include <ostream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "xpusim/validation.hpp"

namespace xpusim {

namespace {

using Row = std::vector<std::string>;
struct Grid {
  Row head;
  std::vector<Row> rows;
};

std::string number(double value) {
  if (value == 0) return "0";
  const int digits = std::max(0, 3 - static_cast<int>(std::floor(std::log10(std::abs(value)))));
  return fmt::format("{:.{}f}", value, std::min(digits, 6));
}
std::string percent(double share) { return fmt::format("{:+.1f} %", 100 * share); }

std::string_view word(RowStatus status) {
  switch (status) {
    case RowStatus::scored:
      return "";
    case RowStatus::assumed:
      return "assumed";
    case RowStatus::calibration:
      return "calibration";
    case RowStatus::listed:
      return "listed";
  }
  return "";
}

/// What is compared: a value, or its ratio to the reference row.
struct Compared {
  std::optional<double> measured, predicted;
};
Compared compared(const Ledger& ledger, const LedgerRow& row, std::size_t measure) {
  Compared c;
  for (const LedgerCell& cell : row.cells) {
    if (cell.measure != measure) continue;
    c.measured = cell.measured;
    c.predicted = cell.predicted;
  }
  if (ledger.spec().measures[measure].comparison == LedgerComparison::change &&
      !row.reference.empty() && c.measured)
    return {ledger.change(row, measure, false), ledger.change(row, measure, true)};
  return c;
}

Grid grid(const Ledger& ledger) {
  Grid g;
  const ValidationSpec& spec = ledger.spec();
  g.head = {spec.columns.front().name};
  for (const LedgerMeasure& m : spec.measures) {
    const std::string unit = m.unit.empty() ? "" : " " + m.unit;
    const std::string kind = m.comparison == LedgerComparison::change ? " (ratio)" : unit;
    g.head.push_back(m.name + kind + ", measured");
    g.head.emplace_back("predicted");
    g.head.emplace_back("error");
  }
  g.head.emplace_back("status");
  g.head.emplace_back("note");
  for (const LedgerRow& row : ledger.rows()) {
    Row cells{row.name};
    for (std::size_t i = 0; i < spec.measures.size(); ++i) {
      const Compared c = compared(ledger, row, i);
      cells.push_back(c.measured ? number(*c.measured) : "");
      cells.push_back(c.predicted ? number(*c.predicted) : "");
      cells.push_back(c.measured && c.predicted && *c.measured != 0
                          ? percent(*c.predicted / *c.measured - 1)
                          : "");
    }
    cells.emplace_back(word(row.status));
    std::string note = row.note;
    if (!row.error.empty())
      note += (note.empty() ? "" : "; ") + std::string("not predicted: ") +
              row.error.substr(0, row.error.find('\n'));
    cells.push_back(std::move(note));
    g.rows.push_back(std::move(cells));
  }
  return g;
}

std::vector<std::string> sentences(const Ledger& ledger) {
  std::vector<std::string> out;
  const ValidationSpec& spec = ledger.spec();
  for (const MeasureSummary& s : ledger.summaries()) {
    const LedgerMeasure& m = spec.measures[s.measure];
    if (s.scored == 0 && s.missing == 0) continue;
    std::string text = fmt::format("{}: {} scored", m.name, s.scored);
    if (s.scored > 0)
      text += fmt::format(", mean absolute error {:.2f} %, bias {:+.2f} %, worst {:+.1f} % ({})",
                          100 * s.mean_error, 100 * s.bias, 100 * s.worst, s.worst_row);
    if (s.missing > 0) text += fmt::format(", {} without a prediction", s.missing);
    if (s.known > 0 && s.known < s.scored)
      text += fmt::format("; the {} whose inputs are all known: {:.2f} %", s.known,
                          100 * s.known_error);
    if (m.comparison == LedgerComparison::change)
      text += fmt::format("; {} wrong signs, {} of {} sizes within a factor {}", s.wrong_signs,
                          s.within, s.scored, m.factor);
    if (m.bound > 0) text += fmt::format("; bound {:.2f} %", 100 * m.bound);
    if (m.wrong_signs >= 0) text += fmt::format("; at most {} wrong signs", m.wrong_signs);
    if (m.share > 0) text += fmt::format("; at least {:.0f} % of sizes", 100 * m.share);
    if (s.bounded) text += s.met ? ": met" : ": MISSED";
    out.push_back(std::move(text));
  }
  if (const auto order = ledger.ordering(); order && order->pairs > 0) {
    out.push_back(fmt::format(
        "order by {}: {} of {} pairs right ({:.0f} %){}", spec.ordering->by, order->right,
        order->pairs, 100.0 * static_cast<double>(order->right) / static_cast<double>(order->pairs),
        order->bounded ? fmt::format("; bound {:.0f} %: {}", 100 * spec.ordering->bound,
                                     order->met ? "met" : "MISSED")
                       : ""));
  }
  return out;
}

void write_text(std::ostream& out, const Ledger& ledger) {
  const Grid g = grid(ledger);
  out << ledger.spec().info.title << '\n';
  std::vector<std::size_t> widths(g.head.size());
  const auto measure = [&](const Row& row) {
    for (std::size_t c = 0; c + 1 < row.size(); ++c) widths[c] = std::max(widths[c], row[c].size());
  };
  measure(g.head);
  for (const Row& row : g.rows) measure(row);
  const auto line = [&](const Row& row) {
    std::string text = "  ";
    for (std::size_t c = 0; c < row.size(); ++c) {
      const bool left = c == 0 || c + 2 >= row.size();
      text += left ? fmt::format("{:<{}}  ", row[c], widths[c])
                   : fmt::format("{:>{}}  ", row[c], widths[c]);
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out << text << '\n';
  };
  line(g.head);
  for (const Row& row : g.rows) line(row);
  for (const std::string& text : sentences(ledger)) out << "  " << text << '\n';
  out << '\n';
}

std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == '|') result += '\\';
    result += c == '\n' ? ' ' : c;
  }
  return result;
}

void write_grid(std::ostream& out, const Grid& g) {
  const auto line = [&](const Row& row) {
    out << '|';
    for (const std::string& cell : row) out << ' ' << escaped(cell) << " |";
    out << '\n';
  };
  line(g.head);
  out << '|';
  for (std::size_t c = 0; c < g.head.size(); ++c)
    out << (c == 0 || c + 2 >= g.head.size() ? ":---|" : "---:|");
  out << '\n';
  for (const Row& row : g.rows) line(row);
  out << '\n';
}

void write_overview(std::ostream& out, const std::vector<Ledger>& ledgers) {
  Grid g{{"ledger", "measure", "scored", "mean abs. error", "inputs known", "bias", "worst",
          "bound", ""},
         {}};
  for (const Ledger& ledger : ledgers) {
    for (const MeasureSummary& s : ledger.summaries()) {
      const LedgerMeasure& m = ledger.spec().measures[s.measure];
      if (s.scored == 0 && s.missing == 0) continue;
      g.rows.push_back(
          {fmt::format("[{0}](#{0})", ledger.spec().info.name), m.name, std::to_string(s.scored),
           fmt::format("{:.2f} %", 100 * s.mean_error),
           s.known > 0 ? fmt::format("{}: {:.2f} %", s.known, 100 * s.known_error) : "",
           percent(s.bias), percent(s.worst),
           m.bound > 0 ? fmt::format("{:.2f} %", 100 * m.bound) : "",
           s.bounded ? (s.met ? "met" : "**missed**") : "printed only"});
    }
  }
  write_grid(out, g);
}

void write_markdown(std::ostream& out, const std::vector<Ledger>& ledgers,
                    const std::string& scatter) {
  out << "# Validation\n\nGenerated by `xpusim validate`: predictions of the shipped catalogue "
         "against published measurements, misses\nincluded. No constant was taken from a row that "
         "is scored; rows that gave one say `calibration` and score nothing;\nrows whose inputs "
         "cannot be decided are `listed`, rows some of whose inputs follow a\nrule of the ledger "
         "are "
         "`assumed`: a bound on the mean binds the rows whose inputs are all known,\nwhere they "
         "are at least half of the scored ones, else all of them. An error "
         "is predicted over measured, less one.\n\n";
  if (!scatter.empty()) out << "![Predicted over measured](" << scatter << ")\n\n";
  write_overview(out, ledgers);
  for (const Ledger& ledger : ledgers) {
    const ValidationSpec& spec = ledger.spec();
    out << "## " << spec.info.name << "\n\n" << spec.info.title << ".";
    if (!spec.info.description.empty()) out << ' ' << spec.info.description;
    out << "\n\nSource: " << spec.source << "\n\n";
    for (const std::string& text : spec.assumptions) out << "- Assumed: " << text << '\n';
    if (!spec.assumptions.empty()) out << '\n';
    write_grid(out, grid(ledger));
    for (const std::string& text : sentences(ledger)) out << "- " << text << '\n';
    if (const auto order = ledger.ordering(); order && !order->wrong.empty())
      out << "- wrong order: " << fmt::format("{}", fmt::join(order->wrong, "; ")) << '\n';
    out << '\n';
  }
}

std::string csv_cell(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + '"';
}

void write_csv(std::ostream& out, const std::vector<Ledger>& ledgers) {
  out << "ledger,case,measure,unit,measured,predicted,error,status,note\n";
  for (const Ledger& ledger : ledgers) {
    for (const LedgerRow& row : ledger.rows()) {
      for (std::size_t i = 0; i < ledger.spec().measures.size(); ++i) {
        const LedgerMeasure& m = ledger.spec().measures[i];
        const Compared c = compared(ledger, row, i);
        if (!c.measured) continue;
        const auto text = [](const std::optional<double>& v) {
          return v ? fmt::format("{:.9g}", *v) : std::string();
        };
        const std::optional<double> error = c.predicted && *c.measured != 0
                                                ? std::optional(*c.predicted / *c.measured - 1)
                                                : std::nullopt;
        out << fmt::format("{},{},{},{},{},{},{},{},{}\n", csv_cell(ledger.spec().info.name),
                           csv_cell(row.name), csv_cell(m.name), csv_cell(m.unit), text(c.measured),
                           text(c.predicted), text(error), word(row.status), csv_cell(row.note));
      }
    }
  }
}

void write_json(std::ostream& out, const std::vector<Ledger>& ledgers) {
  nlohmann::ordered_json all = {{"schema", 1}, {"ledgers", nlohmann::ordered_json::array()}};
  for (const Ledger& ledger : ledgers) {
    nlohmann::ordered_json one = {{"name", ledger.spec().info.name},
                                  {"suite", ledger.spec().suite},
                                  {"source", ledger.spec().source},
                                  {"met", ledger.met()},
                                  {"measures", nlohmann::ordered_json::array()},
                                  {"rows", nlohmann::ordered_json::array()}};
    for (const MeasureSummary& s : ledger.summaries()) {
      const LedgerMeasure& m = ledger.spec().measures[s.measure];
      nlohmann::ordered_json summary = {{"name", m.name},
                                        {"unit", m.unit},
                                        {"scored", s.scored},
                                        {"missing", s.missing},
                                        {"mean_absolute_error", s.mean_error},
                                        {"inputs_known", s.known},
                                        {"inputs_known_error", s.known_error},
                                        {"bias", s.bias},
                                        {"worst", s.worst},
                                        {"worst_case", s.worst_row},
                                        {"bound", m.bound},
                                        {"met", s.met}};
      if (m.comparison == LedgerComparison::change) {
        summary["wrong_signs"] = s.wrong_signs;
        summary["within_factor"] = s.within;
      }
      one["measures"].push_back(std::move(summary));
    }
    if (const auto order = ledger.ordering())
      one["ordering"] = {{"pairs", order->pairs}, {"right", order->right}, {"met", order->met}};
    for (const LedgerRow& row : ledger.rows()) {
      nlohmann::ordered_json item = {
          {"case", row.name},
          {"status",
           row.status == RowStatus::scored ? std::string("scored") : std::string(word(row.status))},
          {"overrides", row.overrides}};
      if (!row.note.empty()) item["note"] = row.note;
      if (!row.error.empty()) item["error"] = row.error;
      item["values"] = nlohmann::ordered_json::array();
      for (std::size_t i = 0; i < ledger.spec().measures.size(); ++i) {
        const Compared c = compared(ledger, row, i);
        if (!c.measured) continue;
        nlohmann::ordered_json value = {{"measure", ledger.spec().measures[i].name},
                                        {"measured", *c.measured}};
        value["predicted"] = c.predicted ? nlohmann::ordered_json(*c.predicted) : nullptr;
        item["values"].push_back(std::move(value));
      }
      one["rows"].push_back(std::move(item));
    }
    all["ledgers"].push_back(std::move(one));
  }
  out << all.dump(2) << '\n';
}

}  // namespace

std::optional<LedgerFormat> parse_ledger_format(std::string_view text) {
  if (text == "table") return LedgerFormat::table;
  if (text == "markdown") return LedgerFormat::markdown;
  if (text == "csv") return LedgerFormat::csv;
  if (text == "json") return LedgerFormat::json;
  return std::nullopt;
}

void write_ledgers(std::ostream& out, const std::vector<Ledger>& ledgers, LedgerFormat format,
                   const std::string& scatter) {
  switch (format) {
    case LedgerFormat::table:
      for (const Ledger& ledger : ledgers) write_text(out, ledger);
      return;
    case LedgerFormat::markdown:
      return write_markdown(out, ledgers, scatter);
    case LedgerFormat::csv:
      return write_csv(out, ledgers);
    case LedgerFormat::json:
      return write_json(out, ledgers);
  }
}

}  // namespace xpusim
