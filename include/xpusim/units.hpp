// Quantities as types: a number that knows its dimension, so that bytes never meet seconds by
// accident. Base units are SI: second, byte, FLOP, joule, US dollar. "G" is 10^9 everywhere; "Gi"
// is 2^30.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

namespace xpusim {

/// A value with dimension time^T * byte^B * flop^F * joule^J * dollar^D, held in base units.
template <int T, int B, int F, int J, int D>
class Quantity {
 public:
  constexpr Quantity() = default;
  constexpr explicit Quantity(double base_units) : value_(base_units) {}
  [[nodiscard]] constexpr double value() const { return value_; }

  constexpr Quantity& operator+=(Quantity other) {
    value_ += other.value_;
    return *this;
  }
  constexpr Quantity& operator-=(Quantity other) {
    value_ -= other.value_;
    return *this;
  }
  constexpr Quantity& operator*=(double factor) {
    value_ *= factor;
    return *this;
  }
  constexpr Quantity& operator/=(double divisor) {
    value_ /= divisor;
    return *this;
  }
  friend constexpr Quantity operator+(Quantity a, Quantity b) {
    return Quantity(a.value_ + b.value_);
  }
  friend constexpr Quantity operator-(Quantity a, Quantity b) {
    return Quantity(a.value_ - b.value_);
  }
  friend constexpr Quantity operator-(Quantity a) { return Quantity(-a.value_); }
  friend constexpr Quantity operator*(Quantity a, double k) { return Quantity(a.value_ * k); }
  friend constexpr Quantity operator*(double k, Quantity a) { return Quantity(a.value_ * k); }
  friend constexpr Quantity operator/(Quantity a, double k) { return Quantity(a.value_ / k); }
  friend constexpr auto operator<=>(Quantity, Quantity) = default;

 private:
  double value_ = 0.0;
};

namespace detail {
template <int T, int B, int F, int J, int D>
struct QuantityOrNumber {
  using type = Quantity<T, B, F, J, D>;
};
template <>
struct QuantityOrNumber<0, 0, 0, 0, 0> {
  using type = double;
};
}  // namespace detail

/// Product; a dimensionless result is a plain double.
template <int T1, int B1, int F1, int J1, int D1, int T2, int B2, int F2, int J2, int D2>
constexpr auto operator*(Quantity<T1, B1, F1, J1, D1> a, Quantity<T2, B2, F2, J2, D2> b) {
  using R = typename detail::QuantityOrNumber<T1 + T2, B1 + B2, F1 + F2, J1 + J2, D1 + D2>::type;
  return R(a.value() * b.value());
}
/// Quotient; a dimensionless result is a plain double.
template <int T1, int B1, int F1, int J1, int D1, int T2, int B2, int F2, int J2, int D2>
constexpr auto operator/(Quantity<T1, B1, F1, J1, D1> a, Quantity<T2, B2, F2, J2, D2> b) {
  using R = typename detail::QuantityOrNumber<T1 - T2, B1 - B2, F1 - F2, J1 - J2, D1 - D2>::type;
  return R(a.value() / b.value());
}
template <int T, int B, int F, int J, int D>
constexpr Quantity<-T, -B, -F, -J, -D> operator/(double k, Quantity<T, B, F, J, D> q) {
  return Quantity<-T, -B, -F, -J, -D>(k / q.value());
}

using Seconds = Quantity<1, 0, 0, 0, 0>;
using Bytes = Quantity<0, 1, 0, 0, 0>;
using Flops = Quantity<0, 0, 1, 0, 0>;  ///< floating-point (or integer) operations, a count
using Joules = Quantity<0, 0, 0, 1, 0>;
using Dollars = Quantity<0, 0, 0, 0, 1>;
using Hertz = Quantity<-1, 0, 0, 0, 0>;
using BytesPerSecond = Quantity<-1, 1, 0, 0, 0>;
using FlopsPerSecond = Quantity<-1, 0, 1, 0, 0>;
using Watts = Quantity<-1, 0, 0, 1, 0>;
using JoulesPerByte = Quantity<0, -1, 0, 1, 0>;
using JoulesPerFlop = Quantity<0, 0, -1, 1, 0>;
using DollarsPerSecond = Quantity<-1, 0, 0, 0, 1>;

template <class>
inline constexpr bool is_quantity = false;
template <int T, int B, int F, int J, int D>
inline constexpr bool is_quantity<Quantity<T, B, F, J, D>> = true;

/// One dimension as run-time data: what a field expects, what a text holds.
struct Dimension {
  int time = 0, byte = 0, flop = 0, joule = 0, dollar = 0;
  friend constexpr bool operator==(const Dimension&, const Dimension&) = default;
};
template <class Q>
struct DimensionOf;
template <int T, int B, int F, int J, int D>
struct DimensionOf<Quantity<T, B, F, J, D>> {
  static constexpr Dimension value{T, B, F, J, D};
};

/// "bytes per second", "seconds", ...; "a dimension nobody named" never happens for the aliases
/// above.
[[nodiscard]] std::string_view dimension_name(Dimension);
/// A well-formed example for messages: "3.2 TB/s" for bytes per second.
[[nodiscard]] std::string_view dimension_example(Dimension);

/// What parsing gave: a value in base units, or a message (what is wrong) and a help (the way out).
struct ParsedQuantity {
  std::optional<double> value;
  std::string message;
  std::string help;
};

/// Parses "3.2 TB/s" as the given dimension. The number is decimal; one optional space; a unit.
/// Refuses: no unit (except a plain 0), a unit of another dimension, lower-case "b" for bits or
/// bytes
/// ("Gb": bits or bytes? write Gbit or GB), NaN, infinity, trailing text.
[[nodiscard]] ParsedQuantity parse_quantity(std::string_view text, Dimension);

template <class Q>
[[nodiscard]] std::optional<Q> parse(std::string_view text) {
  const ParsedQuantity parsed = parse_quantity(text, DimensionOf<Q>::value);
  return parsed.value ? std::optional<Q>(Q(*parsed.value)) : std::nullopt;
}

/// Prints with an SI prefix and `digits` significant digits: "3.2 TB/s", "200 ns", "559 kW".
[[nodiscard]] std::string format_quantity(double base_units, Dimension, int digits = 4);
template <int T, int B, int F, int J, int D>
[[nodiscard]] std::string to_string(Quantity<T, B, F, J, D> q, int digits = 4) {
  return format_quantity(q.value(), Dimension{T, B, F, J, D}, digits);
}

namespace literals {
constexpr Seconds operator""_s(long double v) { return Seconds(static_cast<double>(v)); }
constexpr Seconds operator""_us(long double v) { return Seconds(static_cast<double>(v) * 1e-6); }
constexpr Seconds operator""_ns(long double v) { return Seconds(static_cast<double>(v) * 1e-9); }
constexpr Bytes operator""_B(unsigned long long v) { return Bytes(static_cast<double>(v)); }
constexpr Bytes operator""_MB(long double v) { return Bytes(static_cast<double>(v) * 1e6); }
constexpr Bytes operator""_GB(long double v) { return Bytes(static_cast<double>(v) * 1e9); }
constexpr BytesPerSecond operator""_GBps(long double v) {
  return BytesPerSecond(static_cast<double>(v) * 1e9);
}
}  // namespace literals

}  // namespace xpusim
