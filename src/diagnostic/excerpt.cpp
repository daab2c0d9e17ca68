#include "diagnostic/excerpt.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

namespace xpusim {
namespace diagnostic_detail {
namespace {

constexpr std::size_t max_columns = 120;
constexpr std::size_t tab_columns = 4;
// A code point has at most four bytes, so this many bytes each side of the span always fill the
// excerpt.
constexpr std::size_t window_bytes = 4 * max_columns;

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

/// Bytes of the code point at `i`: 1 for ASCII and for anything ill-formed.
std::size_t code_point_length(std::string_view text, std::size_t i) {
  const auto lead = static_cast<unsigned char>(text[i]);
  const std::size_t length = lead >= 0xF0 && lead < 0xF8 ? 4
                             : lead >= 0xE0              ? 3
                             : lead >= 0xC0              ? 2
                                                         : 1;
  if (lead >= 0xF8 || i + length > text.size()) return 1;
  for (std::size_t k = 1; k < length; ++k) {
    if (!is_continuation(text[i + k])) return 1;
  }
  return length;
}

char32_t code_point(std::string_view bytes) {
  const auto byte = [&](std::size_t i) {
    return static_cast<char32_t>(static_cast<unsigned char>(bytes[i]));
  };
  if (bytes.size() == 1) return byte(0);
  char32_t value = byte(0) & (0xFFu >> (bytes.size() + 1));
  for (std::size_t i = 1; i < bytes.size(); ++i) value = (value << 6) | (byte(i) & 0x3Fu);
  return value;
}

struct Range {
  char32_t first, last;
};
// Blocks that terminals draw two columns wide (Unicode UAX #11, classes W and F, by block).
constexpr std::array wide_ranges{
    Range{0x1100, 0x115F},   Range{0x2E80, 0x303E},   Range{0x3041, 0xA4CF},
    Range{0xAC00, 0xD7A3},   Range{0xF900, 0xFAFF},   Range{0xFE30, 0xFE6F},
    Range{0xFF00, 0xFF60},   Range{0xFFE0, 0xFFE6},   Range{0x1F300, 0x1F64F},
    Range{0x1F900, 0x1F9FF}, Range{0x20000, 0x3FFFD},
};
constexpr std::array zero_width_ranges{Range{0x0300, 0x036F}, Range{0x200B, 0x200F},
                                       Range{0xFE00, 0xFE0F}, Range{0xFEFF, 0xFEFF}};

bool within(char32_t c, const auto& ranges) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [c](Range r) { return c >= r.first && c <= r.last; });
}

/// One code point as it is shown.
struct Cell {
  std::string text;
  std::size_t width;
  std::size_t offset;  ///< of its first byte in the source
};

Cell make_cell(std::string_view bytes, std::size_t offset) {
  if (bytes == "\t") return {std::string(tab_columns, ' '), tab_columns, offset};
  const char32_t c = code_point(bytes);
  if (bytes.size() == 1 && (c < 0x20 || c == 0x7F)) return {" ", 1, offset};
  if (bytes.size() == 1 && c >= 0x80) return {"\xEF\xBF\xBD", 1, offset};  // ill-formed: U+FFFD
  return {std::string(bytes),
          within(c, zero_width_ranges) ? 0u
          : within(c, wide_ranges)     ? 2u
                                       : 1u,
          offset};
}

std::size_t line_begin(std::string_view text, std::size_t offset) {
  const auto newline = offset == 0 ? std::string_view::npos : text.rfind('\n', offset - 1);
  return newline == std::string_view::npos ? 0 : newline + 1;
}

std::size_t line_end(std::string_view text, std::size_t offset) {
  std::size_t end = std::min(text.find('\n', offset), text.size());
  if (end > offset && text[end - 1] == '\r') --end;
  return end;
}

struct Window {
  std::vector<Cell> cells;
  bool cut_left = false, cut_right = false;
};

Window cells_around(std::string_view text, std::size_t offset) {
  const std::size_t begin = line_begin(text, offset), end = line_end(text, offset);
  std::size_t from = offset - begin > window_bytes ? offset - window_bytes : begin;
  while (from > begin && from < end && is_continuation(text[from])) --from;
  const std::size_t to = end - offset > window_bytes ? offset + window_bytes : end;
  Window window{{}, from > begin, to < end};
  for (std::size_t i = from; i < to;) {
    const std::size_t length = code_point_length(text, i);
    window.cells.push_back(make_cell(text.substr(i, length), i));
    i += length;
  }
  return window;
}

std::size_t total_width(const std::vector<Cell>& cells) {
  std::size_t width = 0;
  for (const Cell& cell : cells) width += cell.width;
  return width;
}

/// Keeps what fits: a third of the room before the span, the rest from it on.
void cut(Window& window, std::size_t offset) {
  const std::size_t ellipses = 2;
  if (!window.cut_left && !window.cut_right && total_width(window.cells) <= max_columns) return;
  std::size_t before = 0, first = 0;
  while (first < window.cells.size() && window.cells[first].offset < offset)
    before += window.cells[first++].width;
  std::size_t start = 0;
  while (start < first && before > max_columns / 3) {
    before -= window.cells[start++].width;
    window.cut_left = true;
  }
  window.cells.erase(window.cells.begin(),
                     window.cells.begin() + static_cast<std::ptrdiff_t>(start));
  std::size_t width = total_width(window.cells);
  while (width > max_columns - ellipses) {
    width -= window.cells.back().width;
    window.cells.pop_back();
    window.cut_right = true;
  }
}

}  // namespace

Excerpt excerpt(const SourceSpan& span) {
  const std::string_view text = span.source->text;
  const std::size_t offset = std::min(span.offset, text.size());
  Window window = cells_around(text, offset);
  cut(window, offset);
  Excerpt out;
  const std::size_t span_end =
      span.length > text.size() - offset ? text.size() : offset + span.length;
  std::size_t marked = 0;
  if (window.cut_left) out.text += "…", out.caret_column += 1;
  for (const Cell& cell : window.cells) {
    if (cell.offset < offset) out.caret_column += cell.width;
    if (cell.offset >= offset && cell.offset < span_end) marked += cell.width;
    out.text += cell.text;
  }
  if (window.cut_right) out.text += "…";
  out.caret_width = std::max<std::size_t>(1, marked);
  while (!out.text.empty() && out.text.back() == ' ') out.text.pop_back();
  return out;
}

}  // namespace diagnostic_detail

LineColumn line_column(const SourceSpan& span) {
  if (!span.source) return {};
  const std::string_view text = span.source->text;
  const std::size_t offset = std::min(span.offset, text.size());
  const auto before = text.substr(0, offset);
  const auto lines = static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n'));
  const std::size_t begin = diagnostic_detail::line_begin(text, offset);
  std::size_t column = 1;
  for (std::size_t i = begin; i < offset;) {
    const bool byte_order_mark = i == 0 && text.starts_with("\xEF\xBB\xBF");
    i += diagnostic_detail::code_point_length(text, i);
    if (i <= offset && !byte_order_mark) ++column;
  }
  return {lines + 1, column};
}

}  // namespace xpusim
