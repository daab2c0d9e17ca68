// Run-time quantities of any dimension: units as expressions, printing.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "xpusim/catalogue.hpp"

namespace xpusim::catalogue_detail {

/// A unit word ("TB", "Gbit", "W", "chips") as a value: what 1 of it is in base units.
[[nodiscard]] std::optional<FigureValue> unit_word(std::string_view word);

[[nodiscard]] FigureValue multiply(const FigureValue&, const FigureValue&);
[[nodiscard]] FigureValue divide(const FigureValue&, const FigureValue&);

/// "bytes per second", "a plain number", "W/(B/s)": for messages.
[[nodiscard]] std::string dimension_text(Dimension);
/// Base units of a dimension: "FLOP/s", "J/B"; "" for a plain number.
[[nodiscard]] std::string base_unit_text(Dimension);

/// Formats with an fmt spec in braces and literal text around it ("{:.1f}x"); "," in the spec
/// groups thousands. Empty format: four significant digits. Nothing when the format is not one.
[[nodiscard]] std::optional<std::string> format_number(double value, std::string_view format);
/// "384", "0.5", "1,229", "3.6x", "12 %" read back as a number; nothing for other text.
[[nodiscard]] std::optional<double> parse_published(std::string_view text);
/// "+1.3 %", "-0.04 %".
[[nodiscard]] std::string percent_text(double share);

}  // namespace xpusim::catalogue_detail
