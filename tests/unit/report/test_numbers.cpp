#include <catch2/catch.hpp>
#include <limits>

#include "report/numbers.hpp"

using namespace xpusim::report;

TEST_CASE("numbers have four significant digits, and thousands apart", "[report][numbers]") {
  CHECK(number_text(0) == "0");
  CHECK(number_text(1) == "1.000");
  CHECK(number_text(12.345678) == "12.35");
  CHECK(number_text(-0.00125) == "-0.001250");
  CHECK(number_text(999.94) == "999.9");
  CHECK(number_text(999.96) == "1,000");
  CHECK(number_text(1234567) == "1,234,567");
  CHECK(number_text(-123456) == "-123,456");
  CHECK(count_text(999) == "999");
  CHECK(count_text(1000) == "1,000");
  CHECK(number_text(1.2e-5) == "1.200e-05");
  CHECK(number_text(std::numeric_limits<double>::quiet_NaN()) == "not a number");
  CHECK(number_text(-std::numeric_limits<double>::infinity()) == "-infinite");
}

TEST_CASE("one unit serves a row: that of its largest value", "[report][numbers]") {
  CHECK(unit_for(Kind::seconds, {2e-3, 5e-6}).name == "ms");
  CHECK(unit_for(Kind::seconds, {0}).name == "s");
  CHECK(unit_for(Kind::seconds, {1e-12}).name == "ns");
  CHECK(unit_for(Kind::watts, {559378, 12}).name == "kW");
  CHECK(unit_for(Kind::watts, {559378, 12}).scale == 1e3);
  CHECK(unit_for(Kind::bytes, {64e9}).name == "GB");
  CHECK(unit_for(Kind::plain, {64e9}).scale == 1);
}

TEST_CASE("a ratio to nothing is a dash", "[report][numbers]") {
  CHECK(ratio_text(3, 2) == "1.50x");
  CHECK(ratio_text(3, 0) == "-");
  CHECK(ratio_text(std::numeric_limits<double>::infinity(), 2) == "-");
  CHECK(percent_text(0.1234) == "12.3 %");
}

TEST_CASE("width counts code points", "[report][numbers]") {
  CHECK(display_width("caf\xc3\xa9") == 4);
}
