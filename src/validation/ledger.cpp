#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

#include <fmt/format.h>

#include "xpusim/diagnostic.hpp"
#include "xpusim/validation.hpp"

namespace xpusim {

namespace {

std::string minus_key(const std::vector<std::string>& minus) {
  return fmt::format("{}", fmt::join(minus, "; "));
}

[[noreturn]] void bad_cell(const ValidationSpec& spec, const std::string& row, std::string message,
                           std::string help) {
  throw InputError("bad-cell", fmt::format("{}, row '{}': {}", spec.info.name, row, message),
                   std::move(help));
}

double number(const ValidationSpec& spec, const std::string& row, const std::string& text) {
  double value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size() || !std::isfinite(value))
    bad_cell(spec, row, fmt::format("'{}' is no number", text),
             "write a plain number, or \"\" where nothing was measured");
  return value;
}

RowStatus status(const ValidationSpec& spec, const std::string& row, const std::string& word) {
  if (word.empty()) return RowStatus::scored;
  if (word == "assumed") return RowStatus::assumed;
  if (word == "calibration") return RowStatus::calibration;
  if (word == "listed") return RowStatus::listed;
  bad_cell(spec, row, fmt::format("no status '{}'", word),
           "\"\" (scored), assumed, calibration or listed");
}

/// Whole overrides in one cell, separated by "; ".
void split_overrides(const std::string& text, std::vector<std::string>& out) {
  for (std::size_t from = 0; from < text.size();) {
    const std::size_t to = std::min(text.find(';', from), text.size());
    const std::size_t first = text.find_first_not_of(' ', from);
    if (first < to) out.push_back(text.substr(first, to - first));
    from = to + 1;
  }
}

bool scores(RowStatus status) {
  return status == RowStatus::scored || status == RowStatus::assumed;
}

}  // namespace

Ledger::Ledger(ValidationSpec spec) : spec_(std::move(spec)) {
  std::set<std::string> names;
  for (std::size_t r = 0; r < spec_.rows.size(); ++r) {
    LedgerRow row;
    row.name = spec_.rows[r].front();
    if (!names.insert(row.name).second)
      bad_cell(spec_, row.name, "two rows have this name", "make the first column unique");
    for (std::size_t c = 0; c < spec_.columns.size(); ++c) {
      const LedgerColumn& column = spec_.columns[c];
      const std::string& text = spec_.rows[r][c];
      if (text.empty()) continue;
      switch (column.role) {
        case LedgerRole::text:
          break;
        case LedgerRole::set:
          for (const std::string& path : column.set) row.overrides.push_back(path + "=" + text);
          break;
        case LedgerRole::overrides:
          split_overrides(text, row.overrides);
          break;
        case LedgerRole::measured: {
          const auto measure =
              std::find_if(spec_.measures.begin(), spec_.measures.end(),
                           [&](const LedgerMeasure& m) { return m.name == column.measure; });
          row.cells.push_back({static_cast<std::size_t>(measure - spec_.measures.begin()),
                               number(spec_, row.name, text), std::nullopt});
          break;
        }
        case LedgerRole::reference:
          row.reference = text;
          break;
        case LedgerRole::status:
          row.status = status(spec_, row.name, text);
          break;
        case LedgerRole::note:
          row.note = text;
          break;
      }
    }
    rows_.push_back(std::move(row));
    source_rows_.push_back(r);
  }
  for (const LedgerRow& row : rows_)
    if (!row.reference.empty() && find(row.reference) == nullptr)
      bad_cell(spec_, row.name, fmt::format("the reference '{}' is no row", row.reference),
               "name the first column of another row");
  write_jobs();
}

const LedgerRow* Ledger::find(const std::string& name) const {
  const auto found = std::find_if(rows_.begin(), rows_.end(),
                                  [&](const LedgerRow& row) { return row.name == name; });
  return found == rows_.end() ? nullptr : &*found;
}

void Ledger::keep(const std::string& text) {
  std::set<std::string> wanted;
  for (const LedgerRow& row : rows_) {
    if (row.name.find(text) == std::string::npos) continue;
    wanted.insert(row.name);
    if (!row.reference.empty()) wanted.insert(row.reference);
  }
  std::vector<LedgerRow> rows;
  std::vector<std::size_t> sources;
  for (std::size_t r = 0; r < rows_.size(); ++r) {
    if (!wanted.contains(rows_[r].name)) continue;
    rows.push_back(rows_[r]);
    sources.push_back(source_rows_[r]);
  }
  rows_ = std::move(rows);
  source_rows_ = std::move(sources);
  write_jobs();
}

void Ledger::write_jobs() {
  jobs_.clear();
  for (std::size_t r = 0; r < rows_.size(); ++r) {
    const LedgerRow& row = rows_[r];
    if (row.status == RowStatus::listed) continue;
    std::map<std::vector<std::string>, std::set<std::string>> runs;  // by `minus`
    for (const LedgerCell& cell : row.cells) {
      const LedgerMeasure& m = spec_.measures[cell.measure];
      runs[{}].insert(m.figure);
      if (!m.minus.empty()) runs[m.minus].insert(m.figure);
    }
    for (const auto& [minus, figures] : runs) {
      LedgerJob job{r, row.overrides, {figures.begin(), figures.end()}};
      job.overrides.insert(job.overrides.end(), minus.begin(), minus.end());
      jobs_.push_back(std::move(job));
    }
  }
}

void Ledger::answer(std::size_t index, const std::vector<double>& figures) {
  const LedgerJob& job = jobs_.at(index);
  const std::size_t own = rows_[job.row].overrides.size();
  const std::vector<std::string> minus(job.overrides.begin() + static_cast<std::ptrdiff_t>(own),
                                       job.overrides.end());
  for (std::size_t f = 0; f < figures.size(); ++f)
    figures_[{job.row, job.figures[f] + "|" + minus_key(minus)}] = figures[f];
}

void Ledger::fail(std::size_t index, const std::string& why) {
  rows_[jobs_.at(index).row].error = why;
}

void Ledger::settle() {
  for (std::size_t r = 0; r < rows_.size(); ++r) {
    for (LedgerCell& cell : rows_[r].cells) {
      const LedgerMeasure& m = spec_.measures[cell.measure];
      const auto whole = figures_.find({r, m.figure + "|"});
      if (whole == figures_.end()) continue;
      double value = whole->second;
      if (!m.minus.empty()) {
        const auto less = figures_.find({r, m.figure + "|" + minus_key(m.minus)});
        if (less == figures_.end()) continue;
        value -= less->second;
      }
      cell.predicted = value / m.scale;
    }
  }
}

std::optional<double> Ledger::change(const LedgerRow& row, std::size_t measure,
                                     bool predicted) const {
  const LedgerRow* reference = find(row.reference);
  if (reference == nullptr) return std::nullopt;
  const auto value = [&](const LedgerRow& of) -> std::optional<double> {
    for (const LedgerCell& cell : of.cells) {
      if (cell.measure != measure) continue;
      return predicted ? cell.predicted : std::optional(cell.measured);
    }
    return std::nullopt;
  };
  const auto here = value(row), there = value(*reference);
  if (!here || !there || *there == 0) return std::nullopt;
  return *here / *there;
}

std::vector<MeasureSummary> Ledger::summaries() const {
  std::vector<MeasureSummary> all;
  for (std::size_t i = 0; i < spec_.measures.size(); ++i) {
    const LedgerMeasure& m = spec_.measures[i];
    MeasureSummary s;
    s.measure = i;
    for (const LedgerRow& row : rows_) {
      if (!scores(row.status)) continue;
      for (const LedgerCell& cell : row.cells) {
        if (cell.measure != i) continue;
        std::optional<double> error = cell.error();
        if (m.comparison == LedgerComparison::change) {
          if (row.reference.empty()) continue;  // what the others compare with
          const auto measured = change(row, i, false), predicted = change(row, i, true);
          error.reset();
          if (measured && predicted) {
            error = *predicted / *measured - 1;
            const double p = std::log(*predicted), q = std::log(*measured);
            if (p * q <= 0 && q != 0) ++s.wrong_signs;
            if (p * q > 0 && std::abs(p) <= m.factor * std::abs(q) &&
                std::abs(q) <= m.factor * std::abs(p))
              ++s.within;
          }
        }
        if (!error) {
          ++s.missing;
          continue;
        }
        ++s.scored;
        s.mean_error += std::abs(*error);
        s.bias += *error;
        if (row.status == RowStatus::scored) {
          ++s.known;
          s.known_error += std::abs(*error);
        }
        if (s.worst_row.empty() || std::abs(*error) > std::abs(s.worst)) {
          s.worst = *error;
          s.worst_row = row.name;
        }
      }
    }
    if (s.scored > 0) {
      s.mean_error /= static_cast<double>(s.scored);
      s.bias /= static_cast<double>(s.scored);
    }
    if (s.known > 0) s.known_error /= static_cast<double>(s.known);
    s.bounded = m.bound > 0 || m.share > 0 || m.wrong_signs >= 0;
    s.met = (m.bound <= 0 || s.bounded_error() <= m.bound) &&
            (m.share <= 0 ||
             static_cast<double>(s.within) >= m.share * static_cast<double>(s.scored)) &&
            (m.wrong_signs < 0 || s.wrong_signs <= static_cast<std::size_t>(m.wrong_signs)) &&
            (!s.bounded || s.missing == 0);
    all.push_back(std::move(s));
  }
  return all;
}

std::string Ledger::cell(std::size_t row, const std::string& column) const {
  for (std::size_t c = 0; c < spec_.columns.size(); ++c)
    if (spec_.columns[c].name == column) return spec_.rows[source_rows_[row]][c];
  throw InputError("unknown-column",
                   fmt::format("{}: `ordering` names no column '{}'", spec_.info.name, column));
}

std::optional<OrderingSummary> Ledger::ordering() const {
  if (!spec_.ordering) return std::nullopt;
  const LedgerOrdering& o = *spec_.ordering;
  OrderingSummary s;
  const auto value = [&](const LedgerRow& row) -> const LedgerCell* {
    if (!scores(row.status)) return nullptr;
    for (const LedgerCell& cell : row.cells)
      if (spec_.measures[cell.measure].name == o.measure && cell.predicted) return &cell;
    return nullptr;
  };
  for (std::size_t a = 0; a < rows_.size(); ++a) {
    const LedgerCell* first = value(rows_[a]);
    if (first == nullptr) continue;
    for (std::size_t b = a + 1; b < rows_.size(); ++b) {
      const LedgerCell* second = value(rows_[b]);
      if (second == nullptr || cell(a, o.by) == cell(b, o.by)) continue;
      const bool alike = std::all_of(o.within.begin(), o.within.end(), [&](const std::string& c) {
        return cell(a, c) == cell(b, c);
      });
      if (!alike || first->measured == second->measured) continue;
      ++s.pairs;
      if ((first->measured < second->measured) == (*first->predicted < *second->predicted))
        ++s.right;
      else
        s.wrong.push_back(fmt::format("{} against {}", rows_[a].name, rows_[b].name));
    }
  }
  s.bounded = o.bound > 0;
  s.met = s.pairs == 0 || static_cast<double>(s.right) >= o.bound * static_cast<double>(s.pairs);
  return s;
}

bool Ledger::met() const {
  const auto measures = summaries();
  const auto order = ordering();
  return std::all_of(measures.begin(), measures.end(),
                     [](const MeasureSummary& s) { return s.met; }) &&
         (!order || order->met);
}

}  // namespace xpusim
