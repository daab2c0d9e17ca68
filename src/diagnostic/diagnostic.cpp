// One record, one rendering.
#include "xpusim/diagnostic.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "diagnostic/excerpt.hpp"

namespace xpusim {
namespace {

std::string_view severity_word(Severity severity) {
  switch (severity) {
    case Severity::note:
      return "note";
    case Severity::warning:
      return "warning";
    case Severity::error:
      return "error";
  }
  throw InternalError("a severity without a word");
}

struct Palette {
  std::string_view place, severity, caret, end;
};

Palette palette(Severity severity, bool color) {
  if (!color) return {"", "", "", ""};
  const std::string_view word = severity == Severity::error     ? "\x1b[1;31m"
                                : severity == Severity::warning ? "\x1b[1;33m"
                                                                : "\x1b[1;36m";
  return {"\x1b[1m", word, "\x1b[1;32m", "\x1b[0m"};
}

std::string heading(const Diagnostic& d, const Palette& p) {
  std::string out;
  if (d.span.source) {
    const auto [line, column] = line_column(d.span);
    out = fmt::format("{}{}:{}:{}:{} ", p.place, d.span.source->name, line, column, p.end);
  }
  return out + fmt::format("{}{}[{}]:{} {}", p.severity, severity_word(d.severity), d.code, p.end,
                           d.message);
}

}  // namespace

void Diagnostics::error(std::string code, std::string message, SourceSpan span, std::string help) {
  add({Severity::error, std::move(code), std::move(message), std::move(span), std::move(help)});
}
void Diagnostics::warning(std::string code, std::string message, SourceSpan span,
                          std::string help) {
  add({Severity::warning, std::move(code), std::move(message), std::move(span), std::move(help)});
}
void Diagnostics::note(std::string code, std::string message, SourceSpan span, std::string help) {
  add({Severity::note, std::move(code), std::move(message), std::move(span), std::move(help)});
}

void Diagnostics::append(const Diagnostics& other) {
  const std::vector<Diagnostic> copy = other.items_;  // `other` may be this
  items_.insert(items_.end(), copy.begin(), copy.end());
}

bool Diagnostics::has_errors() const {
  return std::any_of(items_.begin(), items_.end(),
                     [](const Diagnostic& d) { return d.severity == Severity::error; });
}

std::string render(const Diagnostic& d, bool color) {
  const Palette p = palette(d.severity, color);
  std::string out = heading(d, p);
  if (!d.span.source) {
    if (!d.help.empty()) out += fmt::format("\n  help: {}", d.help);
    return out;
  }
  const auto shown = diagnostic_detail::excerpt(d.span);
  const std::string number = fmt::format("{}", line_column(d.span).line);
  out += fmt::format("\n  {} |{}{}", number, shown.text.empty() ? "" : " ", shown.text);
  out += fmt::format("\n  {:{}} | {:{}}{}{}{}", "", number.size(), "", shown.caret_column, p.caret,
                     std::string(shown.caret_width, '^'), p.end);
  if (!d.help.empty()) out += fmt::format(" help: {}", d.help);
  return out;
}

std::string render(const Diagnostics& diagnostics, bool color) {
  std::string out;
  for (const Diagnostic& d : diagnostics.items()) {
    if (!out.empty()) out += '\n';
    out += render(d, color);
  }
  return out;
}

InputError::InputError(Diagnostics diagnostics)
    : std::runtime_error(render(diagnostics)), diagnostics_(std::move(diagnostics)) {}

namespace {
Diagnostics one(std::string code, std::string message, std::string help) {
  Diagnostics d;
  d.error(std::move(code), std::move(message), {}, std::move(help));
  return d;
}
}  // namespace

InputError::InputError(std::string code, std::string message, std::string help)
    : InputError(one(std::move(code), std::move(message), std::move(help))) {}

}  // namespace xpusim
