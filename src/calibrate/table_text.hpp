// Text of measurements as lines and cells that know their place.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "xpusim/diagnostic.hpp"

namespace xpusim::calibration {

using Source = std::shared_ptr<const SourceText>;

/// Larger files are no tables of kernels.
inline constexpr std::size_t kMostBytes = 64 << 20;
/// Findings reported at once.
inline constexpr std::size_t kMostFindings = 20;

[[noreturn]] void refuse(std::string code, std::string message, SourceSpan span = {},
                         std::string help = {});

/// Findings of one file; `enough` ends the reading, `finish` throws what was found.
class Findings {
 public:
  void add(std::string code, std::string message, SourceSpan span, std::string help = {});
  [[nodiscard]] bool enough() const { return all_.items().size() >= kMostFindings; }
  [[nodiscard]] std::size_t count() const { return all_.items().size(); }
  void finish();

 private:
  Diagnostics all_;
};

struct Cell {
  std::string_view text;  ///< without blanks and quotes around it; into the source
  SourceSpan span;
};
struct Line {
  std::vector<Cell> cells;
  SourceSpan span;  ///< the whole line
};

/// Comment lines "# key: value" are the header; of the others the first names the columns.
struct Csv {
  Source source;
  std::vector<std::pair<std::string, std::string>> header;
  Line columns;
  std::vector<Line> rows;

  [[nodiscard]] std::optional<std::size_t> find(std::string_view column) const;
  [[nodiscard]] std::string header_value(std::string_view key) const;  ///< "" when absent
};
/// Refuses text without a line of columns, rows longer or shorter than it (to `findings`), and a
/// column that stands twice.
[[nodiscard]] Csv parse_csv(const Source&, Findings&);
/// Lines of a text, comments included, each split at blanks.
[[nodiscard]] std::vector<Line> split_lines(const Source&);

/// A finite number above 0, or nothing and a finding.
[[nodiscard]] std::optional<double> positive(const Cell&, std::string_view what, Findings&);
/// The same, whole and at most 2^53.
[[nodiscard]] std::optional<double> count(const Cell&, std::string_view what, Findings&);

/// The last folders of a path and its file name, at most `parts` of them: what a part may cite.
[[nodiscard]] std::string short_path(const std::string& path, std::size_t parts = 4);
/// "a, b and c"
[[nodiscard]] std::string join(const std::vector<std::string>& words);

}  // namespace xpusim::calibration
