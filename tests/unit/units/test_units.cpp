// Units: what is accepted, what is refused and how, and that arithmetic keeps dimensions.
#include "xpusim/units.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <type_traits>

using namespace xpusim;

// Dimensions are checked when this file compiles.
static_assert(std::is_same_v<decltype(Bytes(1) / BytesPerSecond(1)), Seconds>);
static_assert(std::is_same_v<decltype(Watts(1) * Seconds(1)), Joules>);
static_assert(std::is_same_v<decltype(FlopsPerSecond(1) * Seconds(1)), Flops>);
static_assert(std::is_same_v<decltype(JoulesPerByte(1) * BytesPerSecond(1)), Watts>);
static_assert(std::is_same_v<decltype(JoulesPerFlop(1) * FlopsPerSecond(1)), Watts>);
static_assert(std::is_same_v<decltype(DollarsPerSecond(1) * Seconds(1)), Dollars>);
static_assert(std::is_same_v<decltype(1.0 / Seconds(1)), Hertz>);
static_assert(std::is_same_v<decltype(Bytes(6) / Bytes(2)), double>,
              "a dimensionless quotient is a number");
static_assert(Bytes(6) / Bytes(2) == 3.0);
static_assert(Bytes(3) / BytesPerSecond(2) == Seconds(1.5));
static_assert(2.0 * Seconds(3) - Seconds(1) == Seconds(5));
static_assert(Seconds(1) < Seconds(2));
static_assert(!std::is_convertible_v<double, Bytes>, "a bare number is no quantity");
static_assert(!std::is_convertible_v<Bytes, double>);
template <class A, class B>
concept Addable = requires(A a, B b) {
  a + b;
};
static_assert(Addable<Bytes, Bytes> && !Addable<Bytes, Seconds>);
static_assert(is_quantity<Watts> && !is_quantity<double>);

namespace {
ParsedQuantity rate(std::string_view text) {
  return parse_quantity(text, DimensionOf<BytesPerSecond>::value);
}
ParsedQuantity size(std::string_view text) {
  return parse_quantity(text, DimensionOf<Bytes>::value);
}
std::string refusal(const ParsedQuantity& p) {
  return p.value ? "accepted" : p.message + " | " + p.help;
}
}  // namespace

TEST_CASE("SI prefixes are decimal and IEC prefixes are binary", "[units]") {
  CHECK(parse<Bytes>("1 kB") == Bytes(1e3));
  CHECK(parse<Bytes>("80 GB") == Bytes(80e9));
  CHECK(parse<Bytes>("2 PB") == Bytes(2e15));
  CHECK(parse<Bytes>("1 KiB") == Bytes(1024));
  CHECK(parse<Bytes>("80 GiB") == Bytes(80.0 * 1024 * 1024 * 1024));
  CHECK(parse<Bytes>("3 TiB") == Bytes(3.0 * std::ldexp(1.0, 40)));
  CHECK(parse<Bytes>("512") == std::nullopt);
  CHECK(parse<Bytes>("512 B") == Bytes(512));
}

TEST_CASE("a byte has eight bits", "[units]") {
  CHECK(parse<BytesPerSecond>("400 Gbit/s") == BytesPerSecond(50e9));
  CHECK(parse<Bytes>("8 kbit") == Bytes(1e3));
  CHECK(parse<Bytes>("8 Kibit") == Bytes(1024));
  CHECK(parse<JoulesPerByte>("5 pJ/bit") == JoulesPerByte(40e-12));
  CHECK(parse<JoulesPerByte>("40 pJ/B") == JoulesPerByte(40e-12));
}

TEST_CASE("every dimension of the spec has its units", "[units]") {
  CHECK(parse<BytesPerSecond>("3.35 TB/s") == BytesPerSecond(3.35e12));
  CHECK(parse<FlopsPerSecond>("752 TFLOP/s") == FlopsPerSecond(752e12));
  CHECK(parse<FlopsPerSecond>("1504 TOP/s") == FlopsPerSecond(1504e12));
  CHECK(parse<FlopsPerSecond>("1.7 PFLOP/s") == FlopsPerSecond(1.7e15));
  CHECK(parse<Flops>("3 TFLOP") == Flops(3e12));
  CHECK(parse<Flops>("3 TOP") == Flops(3e12));
  CHECK(parse<Seconds>("2 h") == Seconds(7200));
  CHECK(parse<Seconds>("1.5 min") == Seconds(90));
  CHECK(parse<Seconds>("3 ms") == Seconds(3e-3));
  CHECK(parse<Seconds>("7 ps") == Seconds(7e-12));
  CHECK(parse<Watts>("559 kW") == Watts(559e3));
  CHECK(parse<Watts>("20 MW") == Watts(20e6));
  CHECK(parse<Watts>("20 mW") == Watts(20e-3));
  CHECK(parse<Joules>("1 kWh") == Joules(3.6e6));
  CHECK(parse<Joules>("2 Wh") == Joules(7200));
  CHECK(parse<Joules>("9 pJ") == Joules(9e-12));
  CHECK(parse<Hertz>("1980 MHz") == Hertz(1980e6));
  CHECK(parse<JoulesPerFlop>("0.5 pJ/FLOP") == JoulesPerFlop(0.5e-12));
  CHECK(parse<JoulesPerFlop>("0.5 pJ/OP") == JoulesPerFlop(0.5e-12));
  CHECK(parse<Dollars>("8.2 MUSD") == Dollars(8.2e6));
  CHECK(parse<Dollars>("30 kUSD") == Dollars(30e3));
  CHECK(parse<DollarsPerSecond>("3600 USD/h") == DollarsPerSecond(1.0));
}

TEST_CASE("a value is the double nearest to what was written", "[units]") {
  CHECK(parse<Seconds>("200 ns") == Seconds(200e-9));
  CHECK(parse<Seconds>("0.3 us") == Seconds(0.3e-6));
  CHECK(parse<Seconds>("1.1ps") == Seconds(1.1e-12));
  CHECK(parse<BytesPerSecond>("1e3 GB/s") == BytesPerSecond(1e12));
  CHECK(parse<BytesPerSecond>("+.5 GB/s") == BytesPerSecond(5e8));
  CHECK(parse<BytesPerSecond>("-3 GB/s") == BytesPerSecond(-3e9));
  CHECK(parse<Bytes>("3 EB") == Bytes(3e18));
}

TEST_CASE("a plain zero needs no unit and any other number does", "[units]") {
  CHECK(parse<Seconds>("0") == Seconds(0));
  CHECK(parse<Seconds>("0.0") == Seconds(0));
  CHECK(refusal(rate("3.2")) ==
        "needs bytes per second, got \"3.2\" without a unit | add the unit, as in \"3.2 TB/s\"");
  CHECK(refusal(rate("3.2 ")) ==
        "needs bytes per second, got \"3.2 \" without a unit | add the unit, as in \"3.2 TB/s\"");
}

TEST_CASE("a unit of another dimension is refused with the nearest right one", "[units]") {
  CHECK(refusal(rate("3.35 TB")) ==
        "needs bytes per second, got \"3.35 TB\" | write \"3.35 TB/s\"");
  CHECK(refusal(size("80 GB/s")) == "needs bytes, got \"80 GB/s\" | write \"80 GB\"");
  CHECK(refusal(size("80 ns")) == "needs bytes, got \"80 ns\" | write a value such as \"80 GiB\"");
}

TEST_CASE("a lower-case b is refused because it may mean bits or bytes", "[units]") {
  const auto help = [](std::string_view text) { return rate(text).help; };
  CHECK(refusal(size("80 Gb")) ==
        "needs bytes, got \"80 Gb\": 'Gb' is not a unit | bits or bytes? write Gbit or GB");
  CHECK(size("80 gb").help == "bits or bytes? write Gbit or GB");
  CHECK(size("80 Gib").help == "bits or bytes? write Gibit or GiB");
  CHECK(help("400 Gb/s") == "bits or bytes? write Gbit/s or GB/s");
  CHECK(help("400 gb/s") == "bits or bytes? write Gbit/s or GB/s");
  CHECK(help("400 Gbs") == "bits or bytes? write Gbit/s or GB/s");
  CHECK(help("400 Gbps") == "write Gbit/s");
  CHECK(help("400 GBps") == "write GB/s");
  CHECK(help("400 GBs") == "write GB/s");
  CHECK(help("400 gB/s") == "write GB/s");
  CHECK(size("4 KB").help == "write kB (1000) or KiB (1024)");
}

TEST_CASE("common misspellings name the unit to write", "[units]") {
  const auto seconds = DimensionOf<Seconds>::value;
  const auto speed = DimensionOf<FlopsPerSecond>::value;
  CHECK(parse_quantity("3 msec", seconds).help == "write ms");
  CHECK(parse_quantity("3 \xc2\xb5s", seconds).help == "write us");
  CHECK(parse_quantity("3 TFLOPS", speed).help == "a rate or a count? write TFLOP/s or TFLOP");
  CHECK(parse_quantity("3 TFlops/s", speed).help == "write TFLOP/s");
  CHECK(parse_quantity("3 TOPS", speed).help == "a rate or a count? write TOP/s or TOP");
  CHECK(parse_quantity("3 kw", DimensionOf<Watts>::value).help == "write kW");
  CHECK(size("3 gbytes").help == "write GB");
  CHECK(size("1,229 TB").help == "write digits without separators");
  CHECK(size("3 parsec").help == "write a value such as \"80 GiB\"");
}

TEST_CASE("what is no finite decimal number is refused", "[units]") {
  CHECK(refusal(rate("NaN")) ==
        "needs a finite number of bytes per second, got \"NaN\" | write a value such as \"3.2 "
        "TB/s\"");
  CHECK(refusal(rate("inf TB/s")) ==
        "needs a finite number of bytes per second, got \"inf TB/s\" | write a value such as \"3.2 "
        "TB/s\"");
  CHECK(refusal(rate("")) ==
        "needs bytes per second, got \"\" | write a number and a unit, such as \"3.2 TB/s\"");
  CHECK(refusal(rate("fast")) ==
        "needs bytes per second, got \"fast\" | write a number and a unit, such as \"3.2 TB/s\"");
  CHECK(refusal(rate("1e400 B/s")) ==
        "needs bytes per second within the range of a double, got \"1e400 B/s\" | write a value "
        "such as \"3.2 TB/s\"");
  for (const auto* text :
       {"0x10 GB/s", "3 GB/s fast", "3  GB/s", " 3 GB/s", "3 GB/s ", "3 GB//s", "3 /s", "1 2 GB/s",
        "1e99999999999 B/s", ".", "-", "e3 B/s", "3 GB/s/s"}) {
    CAPTURE(text);
    CHECK_FALSE(rate(text).value.has_value());
    CHECK_FALSE(rate(text).help.empty());
  }
}

TEST_CASE("values print with the prefix that leaves one to three digits before the point",
          "[units]") {
  CHECK(to_string(BytesPerSecond(3.2e12)) == "3.2 TB/s");
  CHECK(to_string(Seconds(200e-9)) == "200 ns");
  CHECK(to_string(Watts(559e3)) == "559 kW");
  CHECK(to_string(Seconds(0.0)) == "0 s");
  CHECK(to_string(Seconds(123.456)) == "123.5 s");
  CHECK(to_string(Seconds(12345.0)) == "12350 s");
  CHECK(to_string(Seconds(5e-15)) == "0.005 ps");
  CHECK(to_string(Bytes(999)) == "999 B");
  CHECK(to_string(Bytes(999.96)) == "1 kB");
  CHECK(to_string(Bytes(559), 2) == "560 B");
  CHECK(to_string(BytesPerSecond(-28e9)) == "-28 GB/s");
  CHECK(to_string(FlopsPerSecond(300e15), 6) == "300 PFLOP/s");
  CHECK(to_string(JoulesPerByte(40e-12)) == "40 pJ/B");
  CHECK(to_string(Dollars(8.2e6)) == "8.2 MUSD");
  CHECK(to_string(DollarsPerSecond(2.5 / 3600)) == "2.5 USD/h");
}

TEST_CASE("a printed value reads back as the printed number", "[units][property]") {
  for (const Dimension d :
       {DimensionOf<Seconds>::value, DimensionOf<Bytes>::value, DimensionOf<Flops>::value,
        DimensionOf<Joules>::value, DimensionOf<Dollars>::value, DimensionOf<Hertz>::value,
        DimensionOf<BytesPerSecond>::value, DimensionOf<FlopsPerSecond>::value,
        DimensionOf<Watts>::value, DimensionOf<JoulesPerByte>::value,
        DimensionOf<JoulesPerFlop>::value, DimensionOf<DollarsPerSecond>::value}) {
    CHECK(dimension_name(d) != "a dimension nobody named");
    CHECK(parse_quantity(dimension_example(d), d).value.has_value());
    for (double v = 1.2345678e-9; v < 1e18; v *= 7.3) {
      const std::string text = format_quantity(v, d, 12);
      CAPTURE(text);
      const auto back = parse_quantity(text, d);
      REQUIRE(back.value.has_value());
      CHECK_THAT(*back.value, Catch::Matchers::WithinRel(v, 1e-11));
    }
  }
}
