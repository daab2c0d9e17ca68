// What cannot be read is refused with its place and the way out.
#include <catch2/catch.hpp>

#include "measured.hpp"

using namespace xpusim;
using namespace xpusim::testing;

namespace {
std::string rows(const std::string& text) { return refusal(kColumns + text); }
}  // namespace

TEST_CASE("a table's faults have a line and a column", "[calibrate][refusal]") {
  CHECK(rows("gemm,bf16,fast,2,3,,,,,,,,,1e-3\n") ==
        "run.csv:2:11: error[not-a-number]: 'm' is 'fast', which is no number\n"
        "  2 | gemm,bf16,fast,2,3,,,,,,,,,1e-3\n"
        "    |           ^^^^ help: write a plain number; units stand in the column's name");
  CHECK_THAT(rows("gemm,bf16,1.5,2,3,,,,,,,,,1e-3\n"),
             Catch::StartsWith("run.csv:2:11: error[out-of-range]: 'm' is 1.5, no whole number"));
  CHECK_THAT(rows("gemm,bf16,0,2,3,,,,,,,,,1e-3\n"),
             Catch::StartsWith("run.csv:2:11: error[out-of-range]"));
  CHECK_THAT(rows("gemm,bf16,-4,2,3,,,,,,,,,1e-3\n"),
             Catch::StartsWith("run.csv:2:11: error[out-of-range]"));
  CHECK_THAT(rows("gemm,bf16,1,2,3,,,,,,,,,nan\n"),
             Catch::StartsWith("run.csv:2:25: error[not-a-number]"));
  CHECK_THAT(rows("gemm,bf16,1,2,3,,,,,,,,,inf\n"),
             Catch::StartsWith("run.csv:2:25: error[not-a-number]"));
  CHECK_THAT(rows("gemm,bf16,1,2,3,,,,,,,,,1 ms\n"),
             Catch::StartsWith("run.csv:2:25: error[not-a-number]"));
  CHECK_THAT(rows("gemm,bf16,1,,3,,,,,,,,,1e-3\n"),
             Catch::StartsWith("run.csv:2:13: error[missing-cell]: 'n' is empty"));
  CHECK_THAT(rows("gemm,bf16,1,2,3,8,,,,,,,,1e-3\n"),
             Catch::StartsWith("run.csv:2:17: error[unused-cell]: gemm takes no 'batch'") &&
                 Catch::Contains("gemm takes m, n, k"));
  CHECK_THAT(rows("gem,bf16,1,2,3,,,,,,,,,1e-3\n"),
             Catch::StartsWith("run.csv:2:1: error[unknown-operation]: there is no operation "
                               "'gem'") &&
                 Catch::Contains("did you mean 'gemm'?"));
  CHECK_THAT(rows("gemm,bf61,1,2,3,,,,,,,,,1e-3\n"),
             Catch::StartsWith("run.csv:2:6: error[unknown-format]: 'bf61' is no compute format"));
  CHECK_THAT(rows("gemm,bf16,1,2\n"),
             Catch::StartsWith("run.csv:2:1: error[row-length]: the row has 4 cells, the header "
                               "14"));
  // All at once.
  const std::string both = rows("gemm,bf16,x,2,3,,,,,,,,,1\ngemm,bf16,1,y,3,,,,,,,,,1\n");
  CHECK_THAT(both, Catch::Contains("run.csv:2:11") && Catch::Contains("run.csv:3:13"));
}

TEST_CASE("a table's columns are checked first", "[calibrate][refusal]") {
  CHECK_THAT(refusal("op,seconds,head_dims\nmemory,1,\n"),
             Catch::StartsWith("run.csv:1:12: error[unknown-column]: there is no column "
                               "'head_dims'") &&
                 Catch::Contains("did you mean 'head_dim'?"));
  CHECK_THAT(refusal("op,m\ngemm,1\n"),
             Catch::StartsWith("run.csv:1:1: error[missing-column]: there is no column 'seconds'"));
  CHECK_THAT(
      refusal("op,seconds\nmemory,1\n"),
      Catch::StartsWith("run.csv:2:1: error[missing-column]: memory needs a column 'bytes'"));
  CHECK_THAT(refusal("op,seconds [furlong],bytes\nmemory,1,1\n"),
             Catch::StartsWith("run.csv:1:4: error[unit-mismatch]: 'furlong' is no unit of column "
                               "'seconds'"));
  CHECK_THAT(refusal("op,seconds,seconds,bytes\nmemory,1,1,1\n"),
             Catch::Contains("error[duplicate-column]"));
  CHECK_THAT(refusal(kColumns), Catch::StartsWith("run.csv:1:1: error[no-measurements]"));
}

TEST_CASE("a file of no known format names those there are", "[calibrate][refusal]") {
  for (const char* text : {"", "hello\n", "# only: a comment\n"}) {
    INFO(text);
    CHECK_THAT(refusal(text), Catch::StartsWith("error[unknown-format]: 'run.csv' holds no "
                                                "measurements of a known format") &&
                                  Catch::Contains("nccl-tests") && Catch::Contains("--format"));
  }
  MeasurementOptions options;
  options.format = MeasurementFormat::csv;
  CHECK_THAT(refusal("# only: a comment\n", "run.csv", options),
             Catch::StartsWith("run.csv:1:1: error[no-columns]"));
  CHECK_THAT(refusal("tokens,activated_experts,time_us\n1,8,50\n"),
             Catch::StartsWith("run.csv:1:1: error[no-measurements]"));
  CHECK_THROWS_AS(read_measurements(std::string("no/such/file.csv"), options), InputError);
}

TEST_CASE("options that do not fit are refused", "[calibrate][refusal]") {
  const MeasurementFile file = from_text(std::string(kColumns) + "gemm,bf16,1,2,3,,,,,,,,,1\n");
  const auto refused = [&](CalibrationOptions options) {
    Catalogue catalogue = shipped();
    try {
      (void)calibrate(catalogue, {file}, options);
    } catch (const InputError& e) {
      return render(e.diagnostics());
    }
    return std::string();
  };
  CHECK_THAT(refused({}), Catch::Contains("error[missing-chip]"));
  CalibrationOptions o;
  o.chip = "nvidia-h100-smx";
  CHECK_THAT(refused(o), Catch::Contains("did you mean 'nvidia-h100-sxm'?"));
  o.chip = o.name = "nvidia-h100-sxm";
  CHECK_THAT(refused(o), Catch::Contains("error[bad-name]"));
  o.name = "My chip";
  CHECK_THAT(refused(o), Catch::Contains("error[bad-name]"));
  o = one_unit();
  o.figures.emplace_back("peak.bf16");
  CHECK_THAT(refused(o), Catch::Contains("error[bad-figure]"));
  o = one_unit();
  o.figures.emplace_back("vendor.name=x");
  CHECK_THAT(refused(o), Catch::Contains("error[bad-figure]"));
  o = one_unit();
  o.figures.erase(o.figures.begin() + 1);  // without a peak
  CHECK_THAT(refused(o), Catch::Contains("peak"));
  o = one_unit();
  o.new_chip = false;
  o.chip = "nvidia-h100-sxm";
  CHECK_THAT(refused(o), Catch::Contains("error[unused-option]"));
  o = one_unit();
  o.holdout = 1;
  CHECK_THAT(refused(o), Catch::Contains("error[out-of-range]"));
  o = one_unit();
  o.figures[1] = "peak.fp8=100 TFLOP/s";
  CHECK_THAT(refused(o), Catch::StartsWith("run.csv:2:1: error[no-peak]"));
}
