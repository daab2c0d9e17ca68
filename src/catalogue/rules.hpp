// What `check` looks for: codes, exit codes, and the rules of each kind of part.
#pragma once

#include <string_view>

#include "catalogue/scope.hpp"
#include "xpusim/catalogue.hpp"

namespace xpusim::catalogue_detail {

/// The exit code that an error of this code asks for; 2 (invalid input) for codes of loading.
[[nodiscard]] int exit_code_of(std::string_view code);

/// One claim against its part. `deviation` is derived / claimed - 1.
struct ClaimOutcome {
  FigureResult derived;
  FigureValue claimed;
  double deviation = 0.0;
  bool holds = false;
};
/// Throws InputError: unknown-figure, not-published, unit-mismatch, formula-syntax.
[[nodiscard]] ClaimOutcome judge_claim(const Scope&, const Claim&, const SourceSpan& figure,
                                       const SourceSpan& value);

void check_claims(const Scope&, Diagnostics&);
void check_chip(const ChipSpec&, const Document&, Diagnostics&);
void check_system(const Scope&, Diagnostics&);

}  // namespace xpusim::catalogue_detail
