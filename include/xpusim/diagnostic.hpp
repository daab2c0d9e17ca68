// What went wrong, where, and the way out: one record, one rendering, two exceptions.
#pragma once

#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace xpusim {

/// A text that diagnostics point into. Kept alive by the spans that refer to it.
struct SourceText {
  std::string name;  ///< path as the user wrote it, or "--set key"
  std::string text;
};

/// A place in a source text: byte offset and length; line and column are derived when rendered.
struct SourceSpan {
  std::shared_ptr<const SourceText> source;  ///< null: no position (an error about the whole run)
  std::size_t offset = 0;
  std::size_t length = 0;
};

struct LineColumn {
  std::size_t line = 1;    ///< 1-based
  std::size_t column = 1;  ///< 1-based, in UTF-8 code points
};
[[nodiscard]] LineColumn line_column(const SourceSpan&);

enum class Severity { note, warning, error };

/// One finding. `code` is a stable kebab-case word ("unit-mismatch").
struct Diagnostic {
  Severity severity = Severity::error;
  std::string code;
  std::string message;
  SourceSpan span;
  std::string help;  ///< the way out; may be empty
};

/// Findings in the order found; errors decide the exit code.
class Diagnostics {
 public:
  void add(Diagnostic d) { items_.push_back(std::move(d)); }
  void error(std::string code, std::string message, SourceSpan span = {}, std::string help = {});
  void warning(std::string code, std::string message, SourceSpan span = {}, std::string help = {});
  void note(std::string code, std::string message, SourceSpan span = {}, std::string help = {});
  void append(const Diagnostics& other);
  [[nodiscard]] bool has_errors() const;
  [[nodiscard]] bool empty() const { return items_.empty(); }
  [[nodiscard]] const std::vector<Diagnostic>& items() const { return items_; }
  [[nodiscard]] std::vector<Diagnostic>& items() { return items_; }

 private:
  std::vector<Diagnostic> items_;
};

/// "file:line:col: error[code]: message", the source line (at most 120 columns, cut around the
/// span), a caret under the span followed by " help: ...". No trailing blank line.
[[nodiscard]] std::string render(const Diagnostic&, bool color = false);
[[nodiscard]] std::string render(const Diagnostics&, bool color = false);

/// The user's mistake: exit code 2 (or 1 when the command says so). Carries every finding.
class InputError : public std::runtime_error {
 public:
  explicit InputError(Diagnostics);
  /// One finding without a position.
  InputError(std::string code, std::string message, std::string help = {});
  [[nodiscard]] const Diagnostics& diagnostics() const { return diagnostics_; }

 private:
  Diagnostics diagnostics_;
};

/// Our bug: exit code 70.
class InternalError : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

/// The candidate nearest to `word` (edit distance at most a third of its length, at least 1), or
/// "".
[[nodiscard]] std::string_view nearest_word(std::string_view word,
                                            const std::vector<std::string>& candidates);

}  // namespace xpusim
