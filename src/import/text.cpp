#include "import/text.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include <fmt/format.h>

namespace xpusim::importer {

Source make_source(std::string path, std::string text) {
  if (text.size() > kMostBytes) {
    refuse("too-large", fmt::format("'{}' has {} bytes", path, text.size()), {},
           fmt::format("descriptions of machines have up to {}", kMostBytes));
  }
  return std::make_shared<const SourceText>(SourceText{std::move(path), std::move(text)});
}

void refuse(std::string code, std::string message, SourceSpan span, std::string help) {
  Diagnostics diagnostics;
  diagnostics.error(std::move(code), std::move(message), std::move(span), std::move(help));
  throw InputError(std::move(diagnostics));
}

SourceSpan span_at(const Source& source, std::size_t line, std::size_t column, std::size_t length) {
  const std::string& text = source->text;
  std::size_t at = 0;
  for (; line > 0 && at < text.size(); --line) {
    const std::size_t end = text.find('\n', at);
    at = end == std::string::npos ? text.size() : end + 1;
  }
  at = std::min(at + column, text.size());
  return {source, at, std::min(length, text.size() - at)};
}

std::string file_name(const Source& source) {
  const std::string& path = source->name;
  const std::size_t slash = path.find_last_of('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

double number(std::string_view text, const SourceSpan& span, std::string_view what,
              NumberRange range) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size() ||
      !std::isfinite(value)) {
    refuse("not-a-number", fmt::format("{} is '{}', which is no number", what, text), span,
           "write a number, without a unit");
  }
  const bool low = range.least_allowed ? value < range.least : value <= range.least;
  if (low || value > range.most) {
    refuse("out-of-range", fmt::format("{} is {}", what, text), span,
           fmt::format("write a number {} {:g} and at most {:g}",
                       range.least_allowed ? "of at least" : "above", range.least, range.most));
  }
  return value;
}

std::int64_t whole_number(std::string_view text, const SourceSpan& span, std::string_view what,
                          std::int64_t least, std::int64_t most) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) {
    refuse("not-a-number", fmt::format("{} is '{}', which is no whole number", what, text), span,
           "write a whole number");
  }
  if (value < least || value > most) {
    refuse("out-of-range", fmt::format("{} is {}", what, value), span,
           fmt::format("write {} to {}", least, most));
  }
  return value;
}

std::string part_name(std::string text) {
  const std::size_t slash = text.find_last_of('/');
  if (slash != std::string::npos) text.erase(0, slash + 1);
  if (const std::size_t dot = text.find_last_of('.'); dot != std::string::npos && dot > 0)
    text.erase(dot);
  std::string name;
  for (const char c : text) {
    const bool upper = c >= 'A' && c <= 'Z';
    const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (plain || upper) name += upper ? static_cast<char>(c - 'A' + 'a') : c;
    if (!plain && !upper && !name.empty() && name.back() != '-') name += '-';
  }
  while (!name.empty() && name.back() == '-') name.pop_back();
  return name.empty() ? "imported" : name;
}

}  // namespace xpusim::importer
