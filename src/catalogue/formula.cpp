#include "catalogue/formula.hpp"

#include <fmt/format.h>

#include <cctype>
#include <cstdlib>
#include <memory>

namespace xpusim::catalogue_detail {
namespace {

constexpr int kMaximumDepth = 64;

[[noreturn]] void fail(std::string code, std::string message, SourceSpan span,
                       std::string help = {}) {
  Diagnostics findings;
  findings.error(std::move(code), std::move(message), std::move(span), std::move(help));
  throw InputError(std::move(findings));
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '%';
}

class Parser {
 public:
  Parser(const FormulaText& formula, const FormulaNames* names)
      : formula_(formula), text_(formula.text()), names_(names) {}

  FigureValue whole() {
    const FigureValue value = sum();
    skip_spaces();
    if (at_ < text_.size()) unexpected("an operator");
    return value;
  }

 private:
  void skip_spaces() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }
  char peek() {
    skip_spaces();
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  [[noreturn]] void unexpected(std::string_view wanted) {
    skip_spaces();
    const bool end = at_ >= text_.size();
    fail("formula-syntax",
         end ? fmt::format("the formula ends where {} is needed", wanted)
             : fmt::format("'{}' stands where {} is needed", text_[at_], wanted),
         formula_.at(end ? (text_.empty() ? 0 : text_.size() - 1) : at_, 1),
         "a formula is names, numbers and quantities joined by + - * / and parentheses: "
         "\"system.peak.bf16 / system.power.max\"");
  }

  FigureValue sum() {
    FigureValue left = product();
    for (char c = peek(); c == '+' || c == '-'; c = peek()) {
      const std::size_t operator_at = at_++;
      const FigureValue right = product();
      if (left.dimension != right.dimension) {
        fail("unit-mismatch",
             fmt::format("'{}' needs the same dimension on both sides, got {} and {}", c,
                         dimension_text(left.dimension), dimension_text(right.dimension)),
             formula_.at(operator_at, 1), "multiply or divide to bring both sides to one unit");
      }
      left.value += c == '+' ? right.value : -right.value;
    }
    return left;
  }

  FigureValue product() {
    FigureValue left = unary();
    for (char c = peek(); c == '*' || c == '/'; c = peek()) {
      const std::size_t operator_at = at_++;
      const FigureValue right = unary();
      if (c == '/' && right.value == 0.0) {
        fail("division-by-zero", "the divisor is 0", formula_.at(operator_at, at_ - operator_at),
             "give the figure a value in its part, or quote the published cell");
      }
      left = c == '*' ? multiply(left, right) : divide(left, right);
    }
    return left;
  }

  FigureValue unary() {
    if (++depth_ > kMaximumDepth) {
      fail("formula-syntax", fmt::format("the formula nests deeper than {} levels", kMaximumDepth),
           formula_.at(at_, 1), "split it into rows and refer to them by [title]");
    }
    FigureValue value;
    if (peek() == '-') {
      ++at_;
      value = unary();
      value.value = -value.value;
    } else {
      value = primary();
    }
    --depth_;
    return value;
  }

  FigureValue primary() {
    const char c = peek();
    if (c == '(') return parenthesis();
    if (c == '[' && names_ != nullptr && names_->row) return row_reference();
    if (is_digit(c) || c == '.') return quantity();
    if (is_letter(c)) return names_ != nullptr ? name() : joined_unit(FigureValue{1.0, {}});
    unexpected(names_ != nullptr ? "a name or a number" : "a unit");
  }

  FigureValue parenthesis() {
    ++at_;
    const FigureValue value = sum();
    if (peek() != ')') unexpected("')'");
    ++at_;
    return value;
  }

  FigureValue row_reference() {
    const std::size_t start = at_;
    const std::size_t end = text_.find(']', start);
    if (end == std::string_view::npos) {
      at_ = text_.size();
      unexpected("']'");
    }
    at_ = end + 1;
    return names_->row(text_.substr(start + 1, end - start - 1),
                       formula_.at(start, end + 1 - start));
  }

  FigureValue quantity() {
    const std::size_t start = at_;
    while (at_ < text_.size() && (is_digit(text_[at_]) || text_[at_] == '.')) ++at_;
    exponent();
    const std::string digits(text_.substr(start, at_ - start));
    char* end = nullptr;
    const double number = std::strtod(digits.c_str(), &end);
    if (end != digits.c_str() + digits.size()) {
      fail("formula-syntax", fmt::format("'{}' is not a number", digits),
           formula_.at(start, at_ - start), "write 384, 3.5 or 1e3");
    }
    const std::size_t after = at_;
    if (!is_letter(peek())) {
      at_ = after;
      return {number, {}};
    }
    return joined_unit({number, {}});
  }
  /// "1e3" and "2E-6", but not the unit of "1 EB": an exponent has digits.
  void exponent() {
    if (at_ >= text_.size() || (text_[at_] != 'e' && text_[at_] != 'E')) return;
    std::size_t next = at_ + 1;
    if (next < text_.size() && (text_[next] == '+' || text_[next] == '-')) ++next;
    if (next >= text_.size() || !is_digit(text_[next])) return;
    while (next < text_.size() && is_digit(text_[next])) ++next;
    at_ = next;
  }

  /// A unit after a number: words joined by '/' without spaces, "GB/s", so that "25 GB / s" is not
  /// "25 GB/s".
  FigureValue joined_unit(FigureValue value) {
    value = multiply(value, one_unit());
    while (at_ + 1 < text_.size() && text_[at_] == '/' && is_letter(text_[at_ + 1])) {
      ++at_;
      value = divide(value, one_unit());
    }
    return value;
  }
  FigureValue one_unit() {
    const std::size_t start = at_;
    while (at_ < text_.size() && is_letter(text_[at_])) ++at_;
    const std::string_view word = text_.substr(start, at_ - start);
    if (const auto unit = unit_word(word)) return *unit;
    const bool bare_bit = word.ends_with('b');
    fail("unknown-unit", fmt::format("'{}' is not a unit", word), formula_.at(start, at_ - start),
         bare_bit ? "bits or bytes? write Gbit or GB"
                  : "units are those of values: TB, Gbit/s, W, TFLOP/s, USD");
  }

  FigureValue name() {
    const std::size_t start = at_;
    while (at_ < text_.size() && in_name(at_)) ++at_;
    const std::string_view word = text_.substr(start, at_ - start);
    return names_->figure(word, formula_.at(start, at_ - start));
  }
  /// Hyphens join words of a name ("system.components.l1-switch.count"); a minus has spaces around
  /// it.
  bool in_name(std::size_t i) const {
    const char c = text_[i];
    if (is_letter(c) || is_digit(c) || c == '.') return true;
    return c == '-' && i + 1 < text_.size() && (is_letter(text_[i + 1]) || is_digit(text_[i + 1]));
  }

  const FormulaText& formula_;
  std::string_view text_;
  const FormulaNames* names_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

FormulaText::FormulaText(std::string_view text, const SourceSpan& string_token)
    : text_(text), whole_(string_token) {
  if (!whole_.source) {
    whole_ = {std::make_shared<const SourceText>(SourceText{"formula", std::string(text)}), 0,
              text.size()};
    return;
  }
  inset_ = 1;
  exact_ = whole_.length == text.size() + 2;
}

SourceSpan FormulaText::at(std::size_t position, std::size_t length) const {
  if (!exact_) return whole_;
  return {whole_.source, whole_.offset + inset_ + position, length};
}

FigureValue evaluate(const FormulaText& formula, const FormulaNames& names) {
  return Parser(formula, &names).whole();
}

FigureValue evaluate_unit(std::string_view unit, const SourceSpan& string_token) {
  if (unit.empty()) return {1.0, {}};
  const FormulaText text(unit, string_token);
  return Parser(text, nullptr).whole();
}

}  // namespace xpusim::catalogue_detail
