#include "catalogue/value.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <utility>
#include <vector>

namespace xpusim {
namespace catalogue_detail {
namespace {

constexpr std::array<Dimension, 7> kUnitDimensions{{{.byte = 1},
                                                    {.flop = 1},
                                                    {.time = 1},
                                                    {.time = -1},
                                                    {.time = -1, .joule = 1},
                                                    {.joule = 1},
                                                    {.dollar = 1}}};

/// Words that count things: they read well in a table and have no dimension.
constexpr std::array<std::string_view, 9> kCountingWords{
    "chips", "nodes", "racks", "switches", "modules", "CPUs", "devices", "tokens", "parameters"};

/// Known dimensions from the widest to the narrowest: what a compound is printed with.
struct NamedDimension {
  Dimension dimension;
  std::string_view unit;
};
constexpr std::array<NamedDimension, 11> kNamed{{{{.time = -1, .byte = 1}, "B/s"},
                                                 {{.time = -1, .flop = 1}, "FLOP/s"},
                                                 {{.time = -1, .joule = 1}, "W"},
                                                 {{.time = -1, .dollar = 1}, "USD/s"},
                                                 {{.byte = -1, .joule = 1}, "J/B"},
                                                 {{.flop = -1, .joule = 1}, "J/FLOP"},
                                                 {{.byte = 1}, "B"},
                                                 {{.flop = 1}, "FLOP"},
                                                 {{.time = 1}, "s"},
                                                 {{.joule = 1}, "J"},
                                                 {{.dollar = 1}, "USD"}}};

Dimension plus(Dimension a, Dimension b) {
  return {a.time + b.time, a.byte + b.byte, a.flop + b.flop, a.joule + b.joule,
          a.dollar + b.dollar};
}
Dimension minus(Dimension a, Dimension b) {
  return {a.time - b.time, a.byte - b.byte, a.flop - b.flop, a.joule - b.joule,
          a.dollar - b.dollar};
}

std::string_view named_unit(Dimension dimension) {
  for (const NamedDimension& named : kNamed) {
    if (named.dimension == dimension) return named.unit;
  }
  return dimension == Dimension{.time = -1} ? "1/s" : "";
}

std::string powers_text(Dimension d) {
  const std::array<std::pair<int, std::string_view>, 5> powers{
      {{d.joule, "J"}, {d.flop, "FLOP"}, {d.byte, "B"}, {d.dollar, "USD"}, {d.time, "s"}}};
  std::string text;
  for (const auto& [power, symbol] : powers) {
    if (power == 0) continue;
    text += fmt::format("{}{}{}", text.empty() ? "" : " ", symbol,
                        power == 1 ? "" : fmt::format("^{}", power));
  }
  return text;
}

/// Groups the digits before the decimal point: "1075200.5" -> "1,075,200.5".
std::string group_thousands(std::string text) {
  const std::size_t first = text.find_first_of("0123456789");
  if (first == std::string::npos) return text;
  std::size_t end = first;
  while (end < text.size() && text[end] >= '0' && text[end] <= '9') ++end;
  for (std::size_t at = end; at > first + 3; at -= 3) text.insert(at - 3, ",");
  return text;
}

}  // namespace

std::optional<FigureValue> unit_word(std::string_view word) {
  if (word == "%") return FigureValue{0.01, {}};
  if (std::find(kCountingWords.begin(), kCountingWords.end(), word) != kCountingWords.end()) {
    return FigureValue{1.0, {}};
  }
  for (const Dimension dimension : kUnitDimensions) {
    const ParsedQuantity parsed = parse_quantity("1 " + std::string(word), dimension);
    if (parsed.value) return FigureValue{*parsed.value, dimension};
  }
  return std::nullopt;
}

FigureValue multiply(const FigureValue& a, const FigureValue& b) {
  return {a.value * b.value, plus(a.dimension, b.dimension)};
}

FigureValue divide(const FigureValue& a, const FigureValue& b) {
  return {a.value / b.value, minus(a.dimension, b.dimension)};
}

std::string base_unit_text(Dimension dimension) {
  if (dimension == Dimension{}) return "";
  if (const std::string_view unit = named_unit(dimension); !unit.empty()) return std::string(unit);
  for (const NamedDimension& divisor : kNamed) {
    const std::string_view top = named_unit(plus(dimension, divisor.dimension));
    if (top.empty() || top == divisor.unit || top.find('/') != std::string_view::npos) continue;
    const bool compound = divisor.unit.find('/') != std::string_view::npos;
    return fmt::format("{}/{}{}{}", top, compound ? "(" : "", divisor.unit, compound ? ")" : "");
  }
  return powers_text(dimension);
}

std::string dimension_text(Dimension dimension) {
  if (dimension == Dimension{}) return "a plain number";
  for (const NamedDimension& named : kNamed) {
    if (named.dimension == dimension) return std::string(dimension_name(dimension));
  }
  return base_unit_text(dimension);
}

std::optional<std::string> format_number(double value, std::string_view format) {
  std::string spec(format.empty() ? std::string_view("{:.4g}") : format);
  const std::size_t open = spec.find("{:");
  if (open == std::string::npos) return std::nullopt;
  const std::size_t close = spec.find('}', open);
  if (close == std::string::npos || spec.find_first_of("{}", close + 1) != std::string::npos)
    return std::nullopt;
  std::string inner = spec.substr(open, close - open + 1);
  const std::size_t comma = inner.find(',');
  if (comma != std::string::npos) inner.erase(comma, 1);
  try {
    std::string number = fmt::format(fmt::runtime(inner), value);
    if (comma != std::string::npos) number = group_thousands(std::move(number));
    return spec.substr(0, open) + number + spec.substr(close + 1);
  } catch (const fmt::format_error&) {
    return std::nullopt;
  }
}

std::optional<double> parse_published(std::string_view text) {
  std::string digits;
  for (const char c : text) {
    if (c != ',') digits += c;
  }
  double factor = 1.0;
  if (digits.ends_with('x')) {
    digits.pop_back();
  } else if (digits.ends_with('%')) {
    digits.pop_back();
    factor = 0.01;
  }
  while (digits.ends_with(' ')) digits.pop_back();
  if (digits.empty() || digits.find_first_not_of("0123456789.+-eE") != std::string::npos)
    return std::nullopt;
  char* end = nullptr;
  const double value = std::strtod(digits.c_str(), &end);
  if (end != digits.c_str() + digits.size() || !std::isfinite(value)) return std::nullopt;
  return value * factor;
}

std::string percent_text(double share) { return fmt::format("{:+.3g} %", share * 100.0); }

}  // namespace catalogue_detail

std::string format_figure(const FigureValue& figure, int digits) {
  using namespace catalogue_detail;
  const std::string unit = base_unit_text(figure.dimension);
  if (unit.empty()) {
    const bool whole = figure.value == std::floor(figure.value) && std::abs(figure.value) < 1e15;
    if (whole) return group_thousands(fmt::format("{:.0f}", figure.value));
    return fmt::format("{:.{}g}", figure.value, digits);
  }
  if (!named_unit(figure.dimension).empty())
    return format_quantity(figure.value, figure.dimension, digits);
  return fmt::format("{:.{}g} {}", figure.value, digits, unit);
}

}  // namespace xpusim
