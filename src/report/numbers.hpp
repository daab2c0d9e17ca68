// Numbers as people read them: four significant digits, one unit per row.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace xpusim::report {

/// A unit to print a row in: values are divided by `scale`.
struct DisplayUnit {
  double scale = 1;
  std::string name;
};
enum class Kind { plain, seconds, bytes, bytes_per_second, watts, joules };

/// The unit in which the largest of the values reads best ("ms", "GB", "kW"); plain has none.
[[nodiscard]] DisplayUnit unit_for(Kind, const std::vector<double>& values);
/// "1,234,567", "12.34", "0.001200", "1.200e-05"; "not a number" and "infinite" where that is so.
[[nodiscard]] std::string number_text(double value);
[[nodiscard]] std::string count_text(std::uint64_t count);  ///< "1,234,567"
[[nodiscard]] std::string percent_text(double share);       ///< "12.3 %"
[[nodiscard]] std::string ratio_text(double value,
                                     double baseline);  ///< "1.25x"; "-" when baseline is 0
[[nodiscard]] std::string exact_text(
    double value);  ///< shortest text that reads back to the same number
[[nodiscard]] std::size_t display_width(const std::string&);  ///< in code points

}  // namespace xpusim::report
