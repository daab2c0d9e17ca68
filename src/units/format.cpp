// Base units -> "3.2 TB/s": an SI prefix such that one to three digits stand before the point.

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <string>

#include "xpusim/units.hpp"

namespace xpusim {
namespace {

struct NamedDimension {
  Dimension dimension;
  std::string_view name;
  std::string_view example;
  std::string_view symbol;    ///< behind the prefix
  double factor;              ///< base units in one symbol
  std::string_view prefixes;  ///< ascending; the blank is "no prefix"
};

constexpr std::array named_dimensions{
    NamedDimension{{.time = 1}, "seconds", "200 ns", "s", 1.0, "pnum "},
    NamedDimension{{.byte = 1}, "bytes", "80 GiB", "B", 1.0, " kMGTPE"},
    NamedDimension{{.flop = 1}, "operations", "3 TFLOP", "FLOP", 1.0, " kMGTPEZ"},
    NamedDimension{{.joule = 1}, "joules", "5 kJ", "J", 1.0, "fpnum kMG"},
    NamedDimension{{.dollar = 1}, "US dollars", "8.2 MUSD", "USD", 1.0, " kMG"},
    NamedDimension{{.time = -1}, "hertz", "1.98 GHz", "Hz", 1.0, " kMGT"},
    NamedDimension{{.time = -1, .byte = 1}, "bytes per second", "3.2 TB/s", "B/s", 1.0, " kMGTPE"},
    NamedDimension{
        {.time = -1, .flop = 1}, "operations per second", "752 TFLOP/s", "FLOP/s", 1.0, " kMGTPEZ"},
    NamedDimension{{.time = -1, .joule = 1}, "watts", "700 W", "W", 1.0, "num kMG"},
    NamedDimension{{.byte = -1, .joule = 1}, "joules per byte", "5 pJ/bit", "J/B", 1.0, "fpnum "},
    NamedDimension{
        {.flop = -1, .joule = 1}, "joules per operation", "0.5 pJ/FLOP", "J/FLOP", 1.0, "fpnum "},
    NamedDimension{
        {.time = -1, .dollar = 1}, "US dollars per hour", "2.5 USD/h", "USD/h", 1.0 / 3600.0, " "},
};

const NamedDimension* find(Dimension dimension) {
  for (const NamedDimension& named : named_dimensions) {
    if (named.dimension == dimension) return &named;
  }
  return nullptr;
}

int prefix_exponent(char letter) {
  static constexpr std::string_view letters = "fpnum kMGTPEZ";
  return 3 * (static_cast<int>(letters.find(letter)) - 5);
}

/// `digits` significant digits, never in scientific notation between 1 and 1000.
double round_to(double value, int digits) {
  if (value == 0.0) return 0.0;
  const int magnitude = static_cast<int>(std::floor(std::log10(std::fabs(value))));
  const double scale = std::pow(10.0, digits - 1 - magnitude);
  return std::isfinite(scale) && scale > 0.0 ? std::round(value * scale) / scale : value;
}

std::string plain_number(double value, int digits) {
  if (std::fabs(value) >= 1e15 || (value != 0.0 && std::fabs(value) < 1e-4))
    return fmt::format("{:.{}g}", value, digits);
  const int before =
      value == 0.0 ? 1 : static_cast<int>(std::floor(std::log10(std::fabs(value)))) + 1;
  std::string text = fmt::format("{:.{}f}", value, std::max(0, digits - before));
  if (text.find('.') != std::string::npos) {
    while (text.back() == '0') text.pop_back();
    if (text.back() == '.') text.pop_back();
  }
  return text;
}

}  // namespace

std::string_view dimension_name(Dimension dimension) {
  const NamedDimension* named = find(dimension);
  return named ? named->name : "a dimension nobody named";
}

std::string_view dimension_example(Dimension dimension) {
  const NamedDimension* named = find(dimension);
  return named ? named->example : "0";
}

std::string format_quantity(double base_units, Dimension dimension, int digits) {
  digits = std::max(1, digits);
  const NamedDimension* named = find(dimension);
  if (!named) return fmt::format("{:.{}g}", base_units, digits);
  const double value = base_units / named->factor;
  if (value == 0.0 || !std::isfinite(value))
    return fmt::format("{} {}", value == 0.0 ? 0.0 : value, named->symbol);
  // The prefix is chosen on the rounded value, so that 999.96 k with three digits becomes 1 M.
  char prefix = named->prefixes.front();
  for (const char letter : named->prefixes) {
    if (std::fabs(round_to(value / std::pow(10.0, prefix_exponent(letter)), digits)) >= 1.0)
      prefix = letter;
  }
  const double shown = round_to(value / std::pow(10.0, prefix_exponent(prefix)), digits);
  const std::string unit =
      prefix == ' ' ? std::string(named->symbol) : prefix + std::string(named->symbol);
  return fmt::format("{} {}", plain_number(shown, digits), unit);
}

}  // namespace xpusim
