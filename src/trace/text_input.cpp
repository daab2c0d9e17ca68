#include "trace/text_input.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "trace/mapped_file.hpp"

namespace xpusim::trace {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v'; }

}  // namespace

TextInput::TextInput(std::string text, std::string name) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (std::string_view(text).starts_with(kByteOrderMark)) text.erase(0, kByteOrderMark.size());
  source_ = std::make_shared<const SourceText>(SourceText{std::move(name), std::move(text)});
}

void TextInput::fail(std::string code, std::string message, std::string_view where,
                     std::string help) const {
  const auto offset = static_cast<std::size_t>(where.data() - source_->text.data());
  Diagnostics one;
  one.error(std::move(code), std::move(message),
            SourceSpan{source_, offset, std::max<std::size_t>(where.size(), 1)}, std::move(help));
  throw InputError(one);
}

std::string read_text_file(const std::string& path) {
  const MappedFile file(path);
  return std::string(file.bytes());
}

bool LineReader::next(std::string_view& line) {
  if (rest_.empty()) return false;
  const std::size_t end = rest_.find('\n');
  line = rest_.substr(0, end);
  rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
  return true;
}

void split_words(std::string_view line, std::vector<std::string_view>& words) {
  words.clear();
  for (std::size_t i = 0; i < line.size();) {
    if (is_blank(line[i])) {
      ++i;
      continue;
    }
    std::size_t end = i;
    while (end < line.size() && !is_blank(line[end])) ++end;
    words.push_back(line.substr(i, end - i));
    i = end;
  }
}

std::string in_quotes(std::string_view word) {
  constexpr std::size_t kShown = 40;
  std::string out = "\"";
  for (const char c : word.substr(0, kShown)) out += c >= 0x20 && c < 0x7f ? c : '?';
  return out + (word.size() > kShown ? "...\"" : "\"");
}

bool parse_whole(std::string_view word, std::uint64_t& value) {
  if (word.empty() || word.find_first_not_of("0123456789") != std::string_view::npos) return false;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  return error == std::errc() && end == word.data() + word.size() &&
         value <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
}

bool parse_decimal(std::string_view word, double& value) {
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  return error == std::errc() && end == word.data() + word.size() && std::isfinite(value);
}

std::string help_for_word(std::string_view word, const std::vector<std::string>& known) {
  const std::string_view near = nearest_word(word, known);
  if (!near.empty()) return fmt::format("did you mean {}?", near);
  return fmt::format("known: {}", fmt::join(known, ", "));
}

}  // namespace xpusim::trace
