// Formulas of tables: one pass over the text, values with dimensions, errors at their place in the
// file.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "catalogue/value.hpp"
#include "xpusim/diagnostic.hpp"

namespace xpusim::catalogue_detail {

/// A formula and the JSON string that holds it: places inside the text become places in the file.
class FormulaText {
 public:
  FormulaText(std::string_view text, const SourceSpan& string_token);
  [[nodiscard]] std::string_view text() const { return text_; }
  [[nodiscard]] SourceSpan at(std::size_t position, std::size_t length) const;

 private:
  std::string_view text_;
  SourceSpan whole_;
  std::size_t inset_ = 0;  ///< from the token's start to the text's first character
  bool exact_ = true;      ///< false when escapes make offsets differ: the whole token is shown
};

/// What a formula may refer to; both throw InputError at the given place.
struct FormulaNames {
  std::function<FigureValue(std::string_view name, const SourceSpan&)> figure;
  std::function<FigureValue(std::string_view title, const SourceSpan&)>
      row;  ///< may be empty: no rows here
};

/// Throws InputError: formula-syntax, unit-mismatch, division-by-zero, and what the names throw.
[[nodiscard]] FigureValue evaluate(const FormulaText&, const FormulaNames&);
/// "W/(TFLOP/s)" as a value: what one of it is in base units. "" is 1. Throws InputError
/// unknown-unit.
[[nodiscard]] FigureValue evaluate_unit(std::string_view unit, const SourceSpan& string_token);

}  // namespace xpusim::catalogue_detail
