#include "catalogue/layout.hpp"

#include <algorithm>
#include <ostream>

namespace xpusim::catalogue_detail {
namespace {

std::size_t shown_width(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  }));
}

}  // namespace

void TextGrid::write(std::ostream& out, const GridOptions& options) const {
  std::vector<std::size_t> widths;
  for (const auto& row : rows_) {
    widths.resize(std::max(widths.size(), row.size()), 0);
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::size_t width = shown_width(row[i]);
      if (options.widest == 0 || width <= options.widest) widths[i] = std::max(widths[i], width);
    }
  }
  std::size_t total = widths.empty() ? 0 : 2 * (widths.size() - 1);
  for (const std::size_t width : widths) total += width;
  for (std::size_t r = 0; r < rows_.size(); ++r) {
    std::string line(static_cast<std::size_t>(options.indent), ' ');
    for (std::size_t i = 0; i < rows_[r].size(); ++i) {
      const std::size_t width = shown_width(rows_[r][i]);
      const std::string padding(widths[i] > width ? widths[i] - width : 0, ' ');
      const bool right = options.numbers_right && i > 0;
      line += (i > 0 ? "  " : "") + (right ? padding + rows_[r][i] : rows_[r][i] + padding);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out << line << "\n";
    if (options.header && r == 0)
      out << std::string(static_cast<std::size_t>(options.indent), ' ') << std::string(total, '-')
          << "\n";
  }
}

}  // namespace xpusim::catalogue_detail
