// Ledgers: published measurements, the runs that predict them, and how far off they are.
// One simulation per process: the caller runs the jobs (src/cli/children.hpp) and hands the figures
// back.
#pragma once

#include <iosfwd>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "xpusim/spec.hpp"

namespace xpusim {

/// How a row counts.
enum class RowStatus {
  scored,
  assumed,      ///< scored; some inputs follow a rule of the ledger
  calibration,  ///< gave a constant: printed, not scored
  listed        ///< cannot be decided: not run
};

/// One measured value of a row and what was predicted for it, both in the unit of the table.
struct LedgerCell {
  std::size_t measure = 0;  ///< index into ValidationSpec::measures
  double measured = 0;
  std::optional<double> predicted;
  /// predicted / measured - 1 (of a change: of the ratios to the reference row).
  [[nodiscard]] std::optional<double> error() const {
    if (!predicted || measured == 0) return std::nullopt;
    return *predicted / measured - 1;
  }
};
struct LedgerRow {
  std::string name;
  RowStatus status = RowStatus::scored;
  std::string note;
  std::string reference;               ///< row that changes are measured from
  std::vector<std::string> overrides;  ///< as --set takes them
  std::vector<LedgerCell> cells;
  std::string error;  ///< why there is no prediction: "does not fit: ..."
};

/// One simulation that a ledger needs.
struct LedgerJob {
  std::size_t row = 0;
  std::vector<std::string> overrides;
  std::vector<std::string> figures;  ///< names; the answer has them in this order
};

/// How one measure of a ledger came out.
struct MeasureSummary {
  std::size_t measure = 0;
  std::size_t scored = 0;   ///< rows with prediction and measurement
  std::size_t missing = 0;  ///< rows that should have been scored and failed to run
  double mean_error = 0;    ///< mean of |error|
  std::size_t known = 0;    ///< scored rows none of whose inputs were assumed
  double known_error = 0;   ///< mean of |error| of those
  double bias = 0;          ///< mean of error
  double worst = 0;         ///< error of the row farthest off
  std::string worst_row;
  std::size_t wrong_signs = 0;  ///< changes: predicted the other way
  std::size_t within = 0;       ///< changes: size within the factor
  bool bounded = false;
  bool met = true;
  /// What the bound on the mean error binds: the rows whose inputs are all known, where they are at
  /// least half of those scored; else all. Shares and signs of changes bind all.
  [[nodiscard]] double bounded_error() const {
    return 2 * known >= scored && known > 0 ? known_error : mean_error;
  }
};
struct OrderingSummary {
  std::size_t pairs = 0, right = 0;
  std::vector<std::string> wrong;  ///< "ROW against ROW"
  bool bounded = false;
  bool met = true;
};

/// A ledger with its rows; predictions come in job by job.
class Ledger {
 public:
  /// Throws InputError bad-cell when a value is no number, a status no word, or a reference no row.
  explicit Ledger(ValidationSpec);

  [[nodiscard]] const ValidationSpec& spec() const { return spec_; }
  [[nodiscard]] const std::vector<LedgerRow>& rows() const { return rows_; }
  /// Every simulation that the rows need (rows that are only listed need none).
  [[nodiscard]] const std::vector<LedgerJob>& jobs() const { return jobs_; }
  /// The figures that job `index` of jobs() gave, SI, or why it gave none.
  void answer(std::size_t index, const std::vector<double>& figures);
  void fail(std::size_t index, const std::string& why);
  /// Call when every job has answered: differences and changes.
  void settle();

  /// Ratio of a row's value to its reference row's, predicted or measured; nothing without one.
  [[nodiscard]] std::optional<double> change(const LedgerRow&, std::size_t measure,
                                             bool predicted) const;
  [[nodiscard]] std::vector<MeasureSummary> summaries() const;
  [[nodiscard]] std::optional<OrderingSummary> ordering() const;
  [[nodiscard]] bool met() const;
  /// Only rows whose name contains `text` stay.
  void keep(const std::string& text);

 private:
  void write_jobs();
  [[nodiscard]] const LedgerRow* find(const std::string& name) const;
  [[nodiscard]] std::string cell(std::size_t row, const std::string& column) const;

  ValidationSpec spec_;
  std::vector<LedgerRow> rows_;
  std::vector<std::size_t> source_rows_;  ///< index into spec_.rows, by row
  std::vector<LedgerJob> jobs_;
  std::map<std::pair<std::size_t, std::string>, double> figures_;  ///< (row, figure and minus)
};

enum class LedgerFormat { table, markdown, csv, json };
[[nodiscard]] std::optional<LedgerFormat> parse_ledger_format(std::string_view);
/// All ledgers: every row, then the summary of each. Markdown names `scatter` as a picture when it
/// is not empty.
void write_ledgers(std::ostream&, const std::vector<Ledger>&, LedgerFormat,
                   const std::string& scatter = {});
/// Predicted over measured against the measured value, one colour per ledger, as SVG; the band is
/// +-10 %.
void write_scatter_svg(std::ostream&, const std::vector<Ledger>&);

}  // namespace xpusim
