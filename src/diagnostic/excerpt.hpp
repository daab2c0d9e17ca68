// The line of a text that a span points into, as a terminal can show it.
#pragma once

#include <cstddef>
#include <string>

#include "xpusim/diagnostic.hpp"

namespace xpusim::diagnostic_detail {

/// At most 120 columns of the span's first line around the span's start; tabs and control
/// characters as blanks.
struct Excerpt {
  std::string text;
  std::size_t caret_column = 0;  ///< 0-based display column of the first caret
  std::size_t caret_width = 1;
};
[[nodiscard]] Excerpt excerpt(const SourceSpan&);

}  // namespace xpusim::diagnostic_detail
