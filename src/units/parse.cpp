// "3.2 TB/s" -> 3.2e12: a decimal number, one optional space, a unit.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <string>

#include "units/unit_table.hpp"
#include "xpusim/units.hpp"

namespace xpusim {
namespace units_detail {
namespace {

std::optional<Unit> find_simple_unit(std::string_view symbol) {
  for (const BaseUnit& base : base_units) {
    if (!symbol.ends_with(base.symbol)) continue;
    const std::string_view prefix = symbol.substr(0, symbol.size() - base.symbol.size());
    Unit unit = base.unit;
    if (prefix.empty()) return unit;
    for (const SiPrefix& si : si_prefixes) {
      if (prefix.size() == 1 && prefix[0] == si.letter &&
          base.prefixes.find(si.letter) != std::string_view::npos) {
        unit.decimal_exponent += si.exponent;
        return unit;
      }
    }
    static constexpr std::string_view binary_letters = "KMGTPE";
    if (base.binary && prefix.size() == 2 && prefix[1] == 'i') {
      const auto power = binary_letters.find(prefix[0]);
      if (power != std::string_view::npos) {
        unit.factor = std::ldexp(unit.factor, 10 * (static_cast<int>(power) + 1));
        return unit;
      }
    }
  }
  return std::nullopt;
}

Unit quotient(const Unit& a, const Unit& b) {
  const Dimension &x = a.dimension, &y = b.dimension;
  return {
      {x.time - y.time, x.byte - y.byte, x.flop - y.flop, x.joule - y.joule, x.dollar - y.dollar},
      a.decimal_exponent - b.decimal_exponent,
      a.factor / b.factor};
}

}  // namespace

std::optional<Unit> find_unit(std::string_view symbol) {
  const auto slash = symbol.find('/');
  if (slash == std::string_view::npos) return find_simple_unit(symbol);
  const auto above = find_simple_unit(symbol.substr(0, slash));
  const auto below = find_simple_unit(symbol.substr(slash + 1));
  if (!above || !below) return std::nullopt;
  return quotient(*above, *below);
}

}  // namespace units_detail

namespace {

using units_detail::find_unit;
using units_detail::Unit;

/// Length of the decimal number at the start of `text`, 0 when there is none.
std::size_t number_length(std::string_view text) {
  std::size_t i = 0;
  const auto digits = [&] {
    const std::size_t begin = i;
    while (i < text.size() && text[i] >= '0' && text[i] <= '9') ++i;
    return i - begin;
  };
  if (i < text.size() && (text[i] == '-' || text[i] == '+')) ++i;
  std::size_t mantissa = digits();
  if (i < text.size() && text[i] == '.') {
    ++i;
    mantissa += digits();
  }
  if (mantissa == 0) return 0;
  const std::size_t before_exponent = i;
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    if (i < text.size() && (text[i] == '-' || text[i] == '+')) ++i;
    if (digits() == 0) i = before_exponent;  // "3 EB": the letter belongs to the unit
  }
  return i;
}

/// The number with its exponent shifted, rounded once. Nothing when it does not fit a double.
std::optional<double> scaled(std::string_view number, int shift) {
  if (number.starts_with('+')) number.remove_prefix(1);
  int exponent = 0;
  std::string_view mantissa = number;
  if (const auto e = number.find_first_of("eE"); e != std::string_view::npos) {
    mantissa = number.substr(0, e);
    std::string_view digits = number.substr(e + 1);
    if (digits.starts_with('+')) digits.remove_prefix(1);
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), exponent);
    if (error != std::errc() || std::abs(exponent) > 9999) return std::nullopt;
  }
  const std::string written = fmt::format("{}e{}", mantissa, exponent + shift);
  double value = 0.0;
  const auto [end, error] = std::from_chars(written.data(), written.data() + written.size(), value);
  if (error != std::errc() || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return out;
}

/// The prefix letter as SI writes it: k for thousand, capitals above.
std::string si_prefix_of(std::string_view lowered) {
  if (lowered.empty()) return "";
  const char c = lowered[0];
  if (lowered.size() == 2 && lowered[1] == 'i')
    return std::string(1, static_cast<char>(c - 'a' + 'A')) + "i";
  return c == 'k' ? "k" : std::string(1, static_cast<char>(c - 'a' + 'A'));
}

bool is_prefix(std::string_view lowered) {
  static constexpr std::string_view letters = "kmgtpe";
  if (lowered.empty()) return true;
  if (letters.find(lowered[0]) == std::string_view::npos) return false;
  return lowered.size() == 1 || (lowered.size() == 2 && lowered[1] == 'i');
}

struct Spelling {
  std::string_view ending;  ///< lower case
  std::string_view unit;
};
/// Endings that people write for bytes, bits and operations, and what we read instead.
constexpr std::array spellings{
    Spelling{"bytes/s", "B/s"},   Spelling{"byte/s", "B/s"},   Spelling{"bytes", "B"},
    Spelling{"byte", "B"},        Spelling{"bits/s", "bit/s"}, Spelling{"bits", "bit"},
    Spelling{"bit/s", "bit/s"},   Spelling{"bit", "bit"},      Spelling{"flops/s", "FLOP/s"},
    Spelling{"flop/s", "FLOP/s"}, Spelling{"flop", "FLOP"},    Spelling{"ops/s", "OP/s"},
    Spelling{"op/s", "OP/s"},
};
constexpr std::array plain_spellings{
    Spelling{"sec", "s"},        Spelling{"secs", "s"},        Spelling{"second", "s"},
    Spelling{"seconds", "s"},    Spelling{"msec", "ms"},       Spelling{"usec", "us"},
    Spelling{"nsec", "ns"},      Spelling{"\xc2\xb5s", "us"},  Spelling{"\xce\xbcs", "us"},
    Spelling{"hours", "h"},      Spelling{"hour", "h"},        Spelling{"hr", "h"},
    Spelling{"minutes", "min"},  Spelling{"watt", "W"},        Spelling{"watts", "W"},
    Spelling{"w", "W"},          Spelling{"kw", "kW"},         Spelling{"j", "J"},
    Spelling{"kj", "kJ"},        Spelling{"pj", "pJ"},         Spelling{"joules", "J"},
    Spelling{"hz", "Hz"},        Spelling{"khz", "kHz"},       Spelling{"mhz", "MHz"},
    Spelling{"ghz", "GHz"},      Spelling{"kwh", "kWh"},       Spelling{"wh", "Wh"},
    Spelling{"usd", "USD"},      Spelling{"$", "USD"},         Spelling{"dollars", "USD"},
    Spelling{"usd/h", "USD/h"},  Spelling{"$/h", "USD/h"},     Spelling{"usd/hour", "USD/h"},
    Spelling{"usd/hr", "USD/h"}, Spelling{"pj/bit", "pJ/bit"}, Spelling{"pj/flop", "pJ/FLOP"},
};

/// Help for "Gb", "gb/s", "Gbps", "GBps", "GBs", "GB" written "gB": the letter's case decides
/// between bits and bytes.
std::string byte_or_bit_help(std::string_view unit) {
  const std::string low = lower(unit);
  for (const std::string_view rate : {"/s", "ps", "s", ""}) {
    const std::string ending = fmt::format("b{}", rate);
    if (!low.ends_with(ending)) continue;
    const std::string_view prefix = std::string_view(low).substr(0, low.size() - ending.size());
    if (!is_prefix(prefix)) continue;
    const std::string si = si_prefix_of(prefix);
    const std::string per = rate.empty() ? "" : "/s";
    if (rate == "ps" && unit[prefix.size()] == 'b') return fmt::format("write {}bit/s", si);
    if (unit[prefix.size()] == 'b')
      return fmt::format("bits or bytes? write {0}bit{1} or {0}B{1}", si, per);
    if (prefix == "k" && rate != "ps" && rate != "s")
      return fmt::format("write kB{0} (1000) or KiB{0} (1024)", per);
    return fmt::format("write {}B{}", si, per);
  }
  return "";
}

/// What a reader probably meant by a unit that does not exist, or "".
std::string unit_help(std::string_view unit) {
  if (std::string help = byte_or_bit_help(unit); !help.empty()) return help;
  const std::string low = lower(unit);
  for (const Spelling& s : plain_spellings) {
    if (low == s.ending) return fmt::format("write {}", s.unit);
  }
  for (const auto& [ending, word] : {std::pair{"flops", "FLOP"}, std::pair{"ops", "OP"}}) {
    if (!low.ends_with(ending)) continue;
    const auto prefix =
        std::string_view(low).substr(0, low.size() - std::string_view(ending).size());
    if (is_prefix(prefix)) {
      return fmt::format("a rate or a count? write {0}{1}/s or {0}{1}", si_prefix_of(prefix), word);
    }
  }
  for (const Spelling& s : spellings) {
    if (!low.ends_with(s.ending)) continue;
    const auto prefix = std::string_view(low).substr(0, low.size() - s.ending.size());
    if (is_prefix(prefix)) return fmt::format("write {}{}", si_prefix_of(prefix), s.unit);
  }
  return "";
}

ParsedQuantity refuse(std::string message, std::string help) {
  return {std::nullopt, std::move(message), std::move(help)};
}

/// A well-formed unit of another dimension: offer the same number with or without "/s" when that is
/// what lacks.
ParsedQuantity refuse_dimension(std::string_view text, std::string_view number,
                                std::string_view unit, Dimension dimension) {
  std::string help = fmt::format("write a value such as \"{}\"", dimension_example(dimension));
  const std::string per_second = std::string(unit) + "/s";
  if (const auto rate = find_unit(per_second); rate && rate->dimension == dimension) {
    help = fmt::format("write \"{} {}\"", number, per_second);
  } else if (unit.ends_with("/s")) {
    const std::string_view count = unit.substr(0, unit.size() - 2);
    if (const auto whole = find_unit(count); whole && whole->dimension == dimension) {
      help = fmt::format("write \"{} {}\"", number, count);
    }
  }
  return refuse(fmt::format("needs {}, got \"{}\"", dimension_name(dimension), text),
                std::move(help));
}

ParsedQuantity refuse_number(std::string_view text, Dimension dimension) {
  const std::string low = lower(text);
  for (const std::string_view word : {"nan", "inf", "+inf", "-inf", "-nan"}) {
    if (low.starts_with(word)) {
      return refuse(
          fmt::format("needs a finite number of {}, got \"{}\"", dimension_name(dimension), text),
          fmt::format("write a value such as \"{}\"", dimension_example(dimension)));
    }
  }
  return refuse(
      fmt::format("needs {}, got \"{}\"", dimension_name(dimension), text),
      fmt::format("write a number and a unit, such as \"{}\"", dimension_example(dimension)));
}

}  // namespace

ParsedQuantity parse_quantity(std::string_view text, Dimension dimension) {
  const std::size_t length = number_length(text);
  if (length == 0) return refuse_number(text, dimension);
  const std::string_view number = text.substr(0, length);
  std::string_view unit = text.substr(length);
  if (unit.starts_with(' ')) unit.remove_prefix(1);
  if (unit.empty()) {
    const auto plain = text == number ? scaled(number, 0) : std::nullopt;
    if (plain && *plain == 0.0) return {0.0, "", ""};
    return refuse(
        fmt::format("needs {}, got \"{}\" without a unit", dimension_name(dimension), text),
        fmt::format("add the unit, as in \"{}\"", dimension_example(dimension)));
  }
  const auto found = find_unit(unit);
  if (!found) {
    std::string help = unit_help(unit);
    if (unit.starts_with(',') || unit.starts_with('_')) help = "write digits without separators";
    if (help.empty())
      help = fmt::format("write a value such as \"{}\"", dimension_example(dimension));
    return refuse(fmt::format("needs {}, got \"{}\": '{}' is not a unit", dimension_name(dimension),
                              text, unit),
                  std::move(help));
  }
  if (found->dimension != dimension) return refuse_dimension(text, number, unit, dimension);
  const auto value = scaled(number, found->decimal_exponent);
  if (!value || !std::isfinite(*value * found->factor)) {
    return refuse(fmt::format("needs {} within the range of a double, got \"{}\"",
                              dimension_name(dimension), text),
                  fmt::format("write a value such as \"{}\"", dimension_example(dimension)));
  }
  return {*value * found->factor, "", ""};
}

}  // namespace xpusim
