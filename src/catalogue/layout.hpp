// Columns of text aligned by what a terminal shows.
#pragma once

#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

namespace xpusim::catalogue_detail {

struct GridOptions {
  bool header = false;         ///< the first row is a header, ruled off
  bool numbers_right = false;  ///< every column but the first is right-aligned
  int indent = 0;
  std::size_t widest = 0;  ///< longer cells do not widen their column; 0 = no limit
};
class TextGrid {
 public:
  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  [[nodiscard]] bool empty() const { return rows_.empty(); }
  void write(std::ostream&, const GridOptions& = {}) const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace xpusim::catalogue_detail
