#include <catch2/catch.hpp>

#include "calibrate/fit.hpp"
#include "measured.hpp"
#include "xpusim/cost.hpp"

using namespace xpusim;
using namespace xpusim::testing;

namespace {

std::string gemm(double m, double n, double k, double seconds) {
  return fmt::format("gemm,bf16,{},{},{},,,,,,,,,{:.9g}\n", m, n, k, seconds);
}
std::string memory(double bytes, double seconds) {
  return fmt::format("memory,,,,,,,,,,,{:.0f},,{:.9g}\n", bytes, seconds);
}

ChipSpec reload(const Calibration& c, Catalogue& catalogue, const std::string& name) {
  for (const CalibratedPart& part : c.parts) catalogue.add_text(part.file, part.text);
  CHECK(missing_sources(catalogue.document(PartKind::chip, name)).empty());
  return catalogue.load<ChipSpec>(name);
}

}  // namespace

TEST_CASE("large GEMMs at 70 % of the peak give the efficiency 0.7", "[calibrate][closed-form]") {
  // t = 2 m n k / (0.7 x 100 TFLOP/s); one unit, so no tile quantisation.
  std::string text = kColumns;
  for (const double m : {4096, 8192, 16384})
    for (const double n : {4096, 8192}) text += gemm(m, n, 4096, 2 * m * n * 4096 / (0.7 * 100e12));
  Catalogue catalogue = shipped();
  const Calibration c = calibrate(catalogue, {from_text(text)}, one_unit());
  Catalogue again = shipped();
  const ChipSpec chip = reload(c, again, "mine");
  CHECK(chip.efficiency.gemm.at("bf16") == Approx(0.7).epsilon(1e-4));
  REQUIRE(chip.curves.size() == 1);
  CHECK(chip.curves[0].points.size() == 6);
  CHECK(chip.curves[0].points[0][0] == 4096);
  CHECK(chip.curves[0].points[0][3] == Approx(2 * 4096. * 4096 * 4096 / 70e12).epsilon(1e-5));
  const CurveQuality* q = quality_of(c, "gemm bf16");
  REQUIRE(q != nullptr);
  CHECK(q->range == "m 4096 to 16384, n 4096 to 8192, k 4096");
  CHECK(q->plain.worst < 1e-3);  // the roofline is exact here
  CHECK(q->fitted.worst < 1e-3);
}

TEST_CASE("the curve carries what the roofline does not: a constant of 5 us", "[calibrate]") {
  // t = FLOPs / (0.7 peak) + 5 us on shapes that arithmetic bounds.
  std::string text = kColumns;
  for (int i = 1; i <= 14; ++i) {
    const double m = 128.0 * i;
    text += gemm(m, 4096, 4096, 2 * m * 4096 * 4096 / 70e12 + 5e-6);
  }
  Catalogue catalogue = shipped();
  CalibrationOptions options = one_unit();
  const Calibration c = calibrate(catalogue, {from_text(text)}, options);
  const CurveQuality* q = quality_of(c, "gemm bf16");
  REQUIRE(q != nullptr);
  CHECK(q->plain.worst > 0.05);
  CHECK(q->fitted.median < q->plain.median);

  options.holdout = 0.25;
  Catalogue second = shipped(), third = shipped();
  const Calibration held = calibrate(second, {from_text(text)}, options);
  q = quality_of(held, "gemm bf16");
  REQUIRE(q != nullptr);
  CHECK(q->held_out.points == 3);  // floor(0.25 x 14)
  CHECK(q->held_out.median < 0.2);
  // The same seed holds out the same points.
  CHECK(part_text(calibrate(third, {from_text(text)}, options), "chips/mine.json") ==
        part_text(held, "chips/mine.json"));
}

TEST_CASE("streams give the bandwidth share and the half size", "[calibrate][closed-form]") {
  // t = (bytes + 8 MB) / (0.9 x 1 TB/s)
  std::string text = kColumns;
  for (int power = 16; power < 34; power += 2) {
    const double bytes = std::pow(2, power);
    text += memory(bytes, (bytes + 8e6) / 0.9e12);
  }
  Catalogue catalogue = shipped(), again = shipped();
  const ChipSpec chip = reload(calibrate(catalogue, {from_text(text)}, one_unit()), again, "mine");
  CHECK(chip.efficiency.memory == Approx(0.9).epsilon(1e-4));
  CHECK(chip.efficiency.memory_half_size.value() == Approx(8e6).epsilon(1e-3));
}

TEST_CASE("a stream without a start has half size 0", "[calibrate][closed-form]") {
  using calibration::Point;
  const auto two = calibration::fit_stream({{{1e6}, 1e-6, {}}, {{4e6}, 4e-6, {}}});
  CHECK(two.rate == Approx(1e12));
  CHECK(two.half == Approx(0).margin(1e-3));
  // A small buffer out of a cache is faster than the memory: the fit would start before zero.
  const auto cached = calibration::fit_stream({{{1e6}, 0.1e-6, {}}, {{4e6}, 4e-6, {}}});
  CHECK(cached.half == 0);
  const auto one = calibration::fit_stream({{{2e6}, 4e-6, {}}});
  CHECK(one.rate == Approx(0.5e12));
}

TEST_CASE("attention gives forward and backward shares", "[calibrate][closed-form]") {
  // Causal forward: 2 b h (s^2 / 2)(2 d) FLOPs at 0.5 of the peak; backward 2.5 times that at 0.4.
  std::string text = kColumns;
  for (const double s : {2048, 4096, 8192, 16384}) {
    const double flops = 2 * 4 * 32 * s * s / 2 * 256;
    text += fmt::format("attention_prefill,bf16,,,,4,{},,32,8,128,,,{:.9g}\n", s, flops / 50e12);
    text +=
        fmt::format("attention_backward,bf16,,,,4,{},,32,8,128,,,{:.9g}\n", s, 2.5 * flops / 40e12);
  }
  Catalogue catalogue = shipped(), again = shipped();
  const Calibration c = calibrate(catalogue, {from_text(text)}, one_unit());
  const ChipSpec chip = reload(c, again, "mine");
  CHECK(chip.efficiency.attention.at("forward") == Approx(0.5).epsilon(1e-3));
  CHECK(chip.efficiency.attention.at("backward") == Approx(0.4).epsilon(1e-3));
  CHECK(chip.curves.size() == 2);
  CHECK(quality_of(c, "attention_backward bf16") != nullptr);
}

TEST_CASE("a sustained run is taken to full clock before its share is fitted",
          "[calibrate][closed-form]") {
  // 1 pJ/FLOP, idle 50 W, TDP 110 W: what is left is 60 W, so 60 TFLOP/s at full clock. With
  // exponent 3 and a kernel of 0.9 of 100 TFLOP/s, arithmetic draws 90 W c^3: c = (60 / 90)^(1/3).
  const double clock = std::cbrt(60. / 90);
  std::string rows;
  for (const double m : {8192, 16384, 32768})
    rows += gemm(m, 8192, 8192, 2 * m * 8192 * 8192 / (0.9 * 100e12 * clock));
  CalibrationOptions options = one_unit();
  for (const char* figure : {"power.tdp=110 W", "power.clock_exponent=3", "power.min_clock=0.1"})
    options.figures.emplace_back(figure);
  options.figures.emplace_back("power.per_flop.bf16=1 pJ/FLOP");
  Catalogue catalogue = shipped(), again = shipped(), third = shipped();
  const Calibration c = calibrate(
      catalogue, {from_text("# mode: sustained 20 s\n" + std::string(kColumns) + rows)}, options);
  const ChipSpec chip = reload(c, again, "mine");
  CHECK(chip.efficiency.gemm.at("bf16") == Approx(0.9).epsilon(1e-3));
  CHECK(chip.curves.at(0).sustained);
  const CurveQuality* q = quality_of(c, "gemm bf16");
  REQUIRE(q != nullptr);
  CHECK(q->plain.worst < 2e-3);
  // In a job the TDP holds the clock down: the measured duration comes out again.
  ComputeOp op;
  op.kind = OpKind::gemm;
  op.m = op.n = op.k = 8192;
  CHECK(CostModel(chip, SoftwareSpec()).cost(op).duration.value() ==
        Approx(2 * 8192. * 8192 * 8192 / (90e12 * clock)).epsilon(2e-3));
  // Burst and sustained rows of one kernel do not mix.
  CHECK_THROWS_WITH(calibrate(third,
                              {from_text("# mode: sustained 20 s\n" + std::string(kColumns) + rows),
                               from_text(kColumns + rows)},
                              options),
                    Catch::Contains("short runs and on a hot chip"));
}

TEST_CASE("accumulating GEMMs give their rate over plain ones", "[calibrate][closed-form]") {
  std::string text = kColumns;
  for (const double m : {4096, 8192, 16384}) {
    const double flops = 2 * m * 8192 * 8192;
    text += gemm(m, 8192, 8192, flops / 80e12);
    text += fmt::format("gemm_accumulate,bf16,{},8192,8192,,,,,,,,,{:.9g}\n", m, flops / 60e12);
  }
  Catalogue catalogue = shipped(), again = shipped();
  const ChipSpec chip = reload(calibrate(catalogue, {from_text(text)}, one_unit()), again, "mine");
  CHECK(chip.efficiency.gemm.at("bf16") == Approx(0.8).epsilon(1e-3));
  CHECK(chip.efficiency.gemm_accumulate == Approx(0.75).epsilon(1e-3));
  CHECK(chip.curves.size() == 2);
}

TEST_CASE("repeats give their median, rows far from it are counted", "[calibrate]") {
  std::string text = kColumns;
  for (const double t : {1.00e-3, 1.01e-3, 0.99e-3, 1.00e-3, 5e-3})
    text += gemm(4096, 4096, 1024, t);
  const auto series = calibration::merge({from_text(text), from_text(text, "again.csv")});
  REQUIRE(series.size() == 1);
  REQUIRE(series[0].points.size() == 1);
  CHECK(series[0].points[0].seconds == Approx(1.00e-3));
  CHECK(series[0].rows == 10);
  CHECK(series[0].outliers == 2);
  CHECK(series[0].document() == "again.csv and run.csv");
}

TEST_CASE("a variant keeps the curves that were not measured", "[calibrate]") {
  const std::string text = std::string(kColumns) + gemm(8192, 8192, 8192, 1.8e-3);
  Catalogue catalogue = shipped(), again = shipped();
  CalibrationOptions options;
  options.chip = "nvidia-h100-sxm";
  const Calibration c = calibrate(catalogue, {from_text(text)}, options);
  const ChipSpec chip = reload(c, again, "nvidia-h100-sxm-measured");
  const auto& base = again.load<ChipSpec>("nvidia-h100-sxm");
  const auto others = std::count_if(base.curves.begin(), base.curves.end(), [](const auto& curve) {
    return curve.operation != "gemm" || curve.format != "bf16";
  });
  CHECK(chip.curves.size() == static_cast<std::size_t>(others) + 1);
  CHECK(chip.efficiency.memory == base.efficiency.memory);
  // 2 x 8192^3 FLOPs in 1.8 ms are 611 TFLOP/s of 989; 64 x 32 tiles on 132 units fill 15.5 of 16
  // waves.
  CHECK(chip.efficiency.gemm.at("bf16") ==
        Approx(2 * 8192. * 8192 * 8192 / 1.8e-3 / 989e12 * (16 / (64 * 32 / 132.))).epsilon(1e-3));
  CHECK_THAT(part_text(c, "chips/nvidia-h100-sxm-measured.json"),
             Catch::Contains("\"document\": \"run.csv\"") &&
                 Catch::Contains("\"confidence\": \"measured\""));
}

TEST_CASE("more points than a curve may hold are thinned and reported", "[calibrate]") {
  std::string text = kColumns;
  for (int m = 1; m <= 64; ++m)
    text += gemm(m * 128, 4096, 4096, 2. * m * 128 * 4096 * 4096 / 70e12);
  Catalogue catalogue = shipped(), again = shipped();
  CalibrationOptions options = one_unit();
  options.most_points = 16;
  const Calibration c = calibrate(catalogue, {from_text(text)}, options);
  const ChipSpec chip = reload(c, again, "mine");
  const auto& points = chip.curves.at(0).points;
  CHECK(points.size() <= 17);
  CHECK(points.size() >= 14);
  CHECK(points.front()[0] == 128);  // both ends stay
  CHECK(points.back()[0] == 64 * 128);
  const CurveQuality* q = quality_of(c, "gemm bf16");
  REQUIRE(q != nullptr);
  CHECK(q->held_out.points == 64 - points.size());
}

TEST_CASE("rows above a peak are refused with their place, or left out when asked",
          "[calibrate][refusal]") {
  const std::string text = std::string(kColumns) + gemm(4096, 4096, 4096, 1.0e-3) +
                           gemm(4096, 4096, 4096, 1.9e-6) + memory(1e9, 2e-3) + memory(1e9, 0.5e-3);
  Catalogue catalogue = shipped();
  try {
    (void)calibrate(catalogue, {from_text(text)}, one_unit());
    FAIL("taken");
  } catch (const InputError& e) {
    const std::string all = render(e.diagnostics());
    CHECK_THAT(all, Catch::StartsWith("run.csv:2:1: error[above-peak]: gemm (m 4096, n 4096, k "
                                      "4096) in 1000 us is 137.4 TFLOP/s, above the bf16 peak of "
                                      "100 TFLOP/s"));
    CHECK_THAT(all, Catch::Contains("run.csv:3:1: error[above-peak]"));
    CHECK_THAT(all, Catch::Contains("run.csv:5:1: error[above-peak]") &&
                        Catch::Contains("is 2 TB/s, above the memory bandwidth of 1 TB/s") &&
                        Catch::Contains("--skip-above-peak"));
    CHECK(all.find("run.csv:4:1") == std::string::npos);
  }
  Catalogue second = shipped();
  CalibrationOptions options = one_unit();
  options.skip_above_peak = true;
  const Calibration c = calibrate(second, {from_text(text)}, options);
  CHECK(c.notes.front() == "3 rows above a peak were left out");
}
