#include "report/numbers.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>

#include <fmt/format.h>

namespace xpusim::report {
namespace {

struct Prefix {
  double scale;
  const char* text;
};
constexpr std::array kLarge{Prefix{1e18, "E"}, Prefix{1e15, "P"}, Prefix{1e12, "T"},
                            Prefix{1e9, "G"},  Prefix{1e6, "M"},  Prefix{1e3, "k"},
                            Prefix{1, ""}};
constexpr std::array kSmall{Prefix{1, ""}, Prefix{1e-3, "m"}, Prefix{1e-6, "u"}, Prefix{1e-9, "n"}};

DisplayUnit choose(std::span<const Prefix> prefixes, double largest, const char* base) {
  for (const Prefix& prefix : prefixes) {
    if (largest >= prefix.scale) return {prefix.scale, fmt::format("{}{}", prefix.text, base)};
  }
  return {prefixes.back().scale, fmt::format("{}{}", prefixes.back().text, base)};
}

std::string with_separators(const std::string& digits) {
  std::string text;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

}  // namespace

DisplayUnit unit_for(Kind kind, const std::vector<double>& values) {
  double largest = 0;
  for (const double value : values) {
    if (std::isfinite(value)) largest = std::max(largest, std::abs(value));
  }
  switch (kind) {
    case Kind::plain:
      break;
    case Kind::seconds:
      if (largest == 0) return {1, "s"};
      return choose(kSmall, largest, "s");
    case Kind::bytes:
      return choose(kLarge, largest, "B");
    case Kind::bytes_per_second:
      return choose(kLarge, largest, "B/s");
    case Kind::watts:
      return choose(kLarge, largest, "W");
    case Kind::joules:
      return choose(kLarge, largest, "J");
  }
  return {};
}

std::string number_text(double value) {
  if (std::isnan(value)) return "not a number";
  if (std::isinf(value)) return value > 0 ? "infinite" : "-infinite";
  const double size = std::abs(value);
  if (size == 0) return "0";
  if (size >= 1e15 || size < 1e-3) return fmt::format("{:.3e}", value);
  if (size >= 999.95) {
    return fmt::format("{}{}", value < 0 ? "-" : "", with_separators(fmt::format("{:.0f}", size)));
  }
  return fmt::format("{:#.4g}", value);
}

std::string count_text(std::uint64_t count) { return with_separators(fmt::format("{}", count)); }

std::string percent_text(double share) {
  if (!std::isfinite(share)) return number_text(share);
  return fmt::format("{:.1f} %", share * 100);
}

std::string ratio_text(double value, double baseline) {
  if (baseline == 0 || !std::isfinite(value / baseline)) return "-";
  return fmt::format("{:.2f}x", value / baseline);
}

std::string exact_text(double value) { return fmt::format("{}", value); }

std::size_t display_width(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

}  // namespace xpusim::report
