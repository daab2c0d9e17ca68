// A text file of a trace: its words, and messages that point at them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "xpusim/diagnostic.hpp"

namespace xpusim::trace {

class TextInput {
 public:
  /// A UTF-8 byte order mark is dropped.
  TextInput(std::string text, std::string name);

  [[nodiscard]] std::string_view text() const { return source_->text; }
  [[nodiscard]] const std::string& name() const { return source_->name; }
  /// Throws InputError; `where` is a part of text().
  [[noreturn]] void fail(std::string code, std::string message, std::string_view where,
                         std::string help) const;

 private:
  std::shared_ptr<const SourceText> source_;
};

/// Throws InputError, code trace-file.
[[nodiscard]] std::string read_text_file(const std::string& path);

/// Lines one after another, without "\n"; "\r" counts as a blank.
class LineReader {
 public:
  explicit LineReader(std::string_view text) : rest_(text) {}
  /// False at the end of the text; a last line without "\n" is a line.
  bool next(std::string_view& line);

 private:
  std::string_view rest_;
};

/// Words between blanks (space, tab, carriage return, form feed, vertical tab).
void split_words(std::string_view line, std::vector<std::string_view>& words);

/// For messages: in double quotes, at most 40 bytes, what is not printable ASCII as "?".
[[nodiscard]] std::string in_quotes(std::string_view word);

/// Decimal digits only, up to 2^63-1.
[[nodiscard]] bool parse_whole(std::string_view word, std::uint64_t& value);
/// A finite decimal number, also with exponent.
[[nodiscard]] bool parse_decimal(std::string_view word, double& value);

/// ", did you mean X" material: the help for an unknown word.
[[nodiscard]] std::string help_for_word(std::string_view word,
                                        const std::vector<std::string>& known);

}  // namespace xpusim::trace
