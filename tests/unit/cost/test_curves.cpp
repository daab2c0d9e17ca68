#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>

#include <fmt/format.h>

#include "cost/curves.hpp"
#include "unit/cost/chips.hpp"
#include "unit/cost/gemm_tables.hpp"
#include "xpusim/config.hpp"
#include "xpusim/cost.hpp"
#include "xpusim/diagnostic.hpp"

using namespace xpusim;
using namespace test_chips;
using Catch::Matchers::WithinRel;

namespace {

struct Sheet {
  const char* name;
  int units;
  double bf16, fp8, bandwidth;  // FLOP/s, bytes/s: vendor data sheets, dense
};
constexpr Sheet kSheets[] = {
    {"A100", 108, 312e12, 0, 2.04e12},      {"H100", 132, 989e12, 1979e12, 3.35e12},
    {"H200", 132, 989e12, 1979e12, 4.8e12}, {"B200", 148, 2250e12, 4500e12, 8e12},
    {"B300", 148, 2250e12, 4500e12, 8e12},  {"GB200", 152, 2500e12, 5000e12, 8e12},
    {"GB300", 152, 2500e12, 5000e12, 8e12}};

ChipSpec sheet_chip(const Sheet& sheet) {
  ChipSpec chip;
  chip.info.name = sheet.name;
  chip.peak["bf16"] = FlopsPerSecond(sheet.bf16);
  if (sheet.fp8 > 0) chip.peak["fp8"] = FlopsPerSecond(sheet.fp8);
  chip.memory.bandwidth = BytesPerSecond(sheet.bandwidth);
  chip.units = {
      .count = sheet.units, .tile_m = 128, .tile_n = 256, .tile_k = 64, .clock = Hertz(1.8e9)};
  chip.efficiency.gemm = {{"bf16", 0.8}, {"fp8", 0.7}};
  chip.efficiency.attention = {{"forward", 0.5}, {"backward", 0.4}};
  chip.efficiency.memory = 0.88;
  chip.efficiency.memory_half_size = Bytes(16e6);
  return chip;
}

CurveSpec measured_curve(const std::string& published, std::size_t chip) {
  CurveSpec curve{"gemm", published == "BF16" ? "bf16" : "fp8", "trtllm-1.3", {}};
  for (const gemm_tables::Row& row : gemm_tables::kRows)
    if (published == row.format && row.us[chip] > 0)
      curve.points.push_back({double(row.m), double(row.n), double(row.k), row.us[chip] * 1e-6});
  return curve;
}

ChipSpec h100() {
  ChipSpec chip = sheet_chip(kSheets[1]);
  chip.curves.push_back(measured_curve("BF16", 1));
  return chip;
}

struct Errors {
  double mean = 0, largest = 0;
};
/// Predicts each point from all others.
Errors leave_one_out(const ChipSpec& chip, const CurveSpec& spec) {
  const CostModel roofline(chip, {});
  std::vector<ResidualCurve::Features> features;
  std::vector<double> residuals, work;
  for (const MeasuredPoint& p : measured_points(spec)) {
    work.push_back(kernel_work(p.op));
    features.push_back(curve_features(p.op));
    residuals.push_back(std::log(p.seconds / roofline.cost(p.op).duration.value()));
  }
  const ResidualCurve curve("gemm", features, residuals, work);
  Errors errors;
  for (std::size_t i = 0; i < features.size(); ++i) {
    const double error =
        std::abs(curve.at(features[i], int(i)).factor / std::exp(residuals[i]) - 1);
    errors.mean += error / double(features.size());
    errors.largest = std::max(errors.largest, error);
  }
  return errors;
}

}  // namespace

TEST_CASE("a GEMM left out of the measured table is predicted within 10 % on average on every chip",
          "[cost][validation]") {
  for (const char* format : {"BF16", "FP8 per-tensor", "FP8 block"})
    for (std::size_t c = 0; c < std::size(kSheets); ++c) {
      const CurveSpec spec = measured_curve(format, c);
      if (spec.points.empty()) continue;
      const Errors errors = leave_one_out(sheet_chip(kSheets[c]), spec);
      fmt::print("leave-one-out {:15} {:6}: mean {:5.2f} %, max {:5.1f} %, {} points\n", format,
                 kSheets[c].name, 100 * errors.mean, 100 * errors.largest, spec.points.size());
      CHECK(errors.mean < 0.10);
      CHECK(errors.largest < 0.50);
    }
}

TEST_CASE("at a measured shape the curve gives the measured time within 3 %", "[cost]") {
  const CostModel cost(h100(), {});
  double mean = 0, largest = 0, count = 0;
  for (const MeasuredPoint& p : measured_points(h100().curves[0])) {
    const OpCost c = cost.cost(p.op);
    CHECK(c.measured);
    const double error = std::abs(c.duration.value() / p.seconds - 1);
    mean += error;
    largest = std::max(largest, error);
    ++count;
  }
  fmt::print("at the points: mean {:.2f} %, max {:.1f} %\n", 100 * mean / count, 100 * largest);
  CHECK(mean / count < 0.03);
}

TEST_CASE(
    "outside the measured range the correction fades to the large-size efficiency and a note says "
    "so",
    "[cost]") {
  const CostModel cost(h100(), {});
  const CostModel roofline(sheet_chip(kSheets[1]), {});
  const ComputeOp far = gemm(8192, 64, 64);
  const OpCost c = cost.cost(far);
  CHECK_FALSE(c.measured);
  CHECK(std::abs(std::log(c.duration / roofline.cost(far).duration)) < 0.1);
  REQUIRE(cost.notes().size() == 1);
  CHECK(cost.notes()[0] ==
        "some shapes lie outside the measured gemm bf16 range: nearest efficiency, fading to the "
        "large-size one");
}

TEST_CASE("a measured attention curve carries its shape to the backward pass, not its level",
          "[cost]") {
  ChipSpec chip = round_numbers();
  // Half the modelled speed at 1024, exactly it at 16384: 4 b s^2 a d / 2 / (peak * 0.5).
  const auto modelled = [](double s) { return 2.0 * s * s * 32 * 128 / 50e12; };
  chip.curves.push_back({"attention_prefill",
                         "bf16",
                         "",
                         {{1, 1024, 32, 8, 128, 2 * modelled(1024)},
                          {1, 16384, 32, 8, 128, 1.25 * modelled(16384)}}});
  ComputeOp op = attention(16384, 16384);
  op.batch = 1;
  op.heads = 32;
  op.kv_heads = 8;
  const CostModel cost(chip, {});
  CHECK_THAT(cost.cost(op).duration.value(), WithinRel(1.25 * modelled(16384), 0.01));
  op.kind = OpKind::attention_backward;
  CHECK_THAT(cost.cost(op).duration.value(), WithinRel(2.5 * modelled(16384) * 0.5 / 0.4, 0.01));
  op.sequence = op.context = 1024;
  CHECK_THAT(cost.cost(op).duration.value(),
             WithinRel(2.5 * modelled(1024) * 0.5 / 0.4 * 2 / 1.25, 0.01));
}

TEST_CASE("a measured memory curve replaces the half-size law", "[cost]") {
  ChipSpec chip = round_numbers();
  chip.curves.push_back({"memory", "", "", {{1e6, 0.2e12}, {1e7, 0.6e12}, {1e9, 0.9e12}}});
  const CostModel cost(chip, {});
  CHECK_THAT(cost.cost(stream(1e9)).duration.value(), WithinRel(1e9 / 0.9e12, 0.02));
  CHECK_THAT(cost.cost(stream(1e6)).duration.value(), WithinRel(1e6 / 0.2e12, 0.02));
}

TEST_CASE("the curve of the software profile in use goes before another generation's", "[cost]") {
  ChipSpec chip = round_numbers();
  const auto curve = [](const char* software, double seconds) {
    return CurveSpec{"gemm", "bf16", software, {{4096, 4096, 4096, seconds}}};
  };
  chip.curves = {curve("old", 3e-3), curve("new", 2e-3)};
  SoftwareSpec software;
  software.info.name = "new";
  CHECK_THAT(CostModel(chip, software).cost(gemm(4096, 4096, 4096)).duration.value(),
             WithinRel(2e-3, 1e-9));
}

TEST_CASE("of a generation that has no curve, those of what it extends serve, the nearest first",
          "[cost]") {
  ChipSpec chip = round_numbers();
  const auto curve = [](const char* software, double seconds) {
    return CurveSpec{"gemm", "bf16", software, {{4096, 4096, 4096, seconds}}};
  };
  chip.curves = {curve("another", 5e-3), curve("old", 3e-3), curve("middle", 2e-3)};
  SoftwareSpec software;
  software.info.name = "new";
  const auto seconds = [&] {
    return CostModel(chip, software).cost(gemm(4096, 4096, 4096)).duration.value();
  };
  CHECK_THAT(seconds(), WithinRel(5e-3, 1e-9));  // no relation: the file's order
  software.info.bases = {"unmeasured"};
  CHECK_THAT(seconds(), WithinRel(5e-3, 1e-9));
  software.info.bases = {"middle", "old"};
  CHECK_THAT(seconds(), WithinRel(2e-3, 1e-9));
  software.info.bases = {"old", "middle"};
  CHECK_THAT(seconds(), WithinRel(3e-3, 1e-9));
  chip.curves.push_back(curve("new", 4e-3));
  CHECK_THAT(seconds(), WithinRel(4e-3, 1e-9));
}

namespace {
/// Causal attention of 32 heads of 64, 4 b s^2 a d / 2 FLOPs at half of 100 TFLOP/s.
double modelled_attention(double batch, double sequence) {
  return 2.0 * batch * sequence * sequence * 32 * 64 / 50e12;
}
/// As many tokens in every row, the level at the longest sequence.
constexpr double kTiedLevel = 1.25;
CurveSpec tied_curve() {
  CurveSpec curve{"attention_prefill", "bf16", "", {}};
  double slower = 16 * kTiedLevel;
  for (double batch = 32, s = 1024; batch >= 2; batch /= 2, s *= 2, slower /= 2)
    curve.points.push_back({batch, s, 32, 32, 64, slower * modelled_attention(batch, s)});
  return curve;
}
ComputeOp tied_attention(OpKind kind, std::int64_t batch, std::int64_t sequence) {
  ComputeOp op = attention(sequence, sequence);
  op.kind = kind;
  op.batch = batch;
  op.heads = op.kv_heads = 32;
  op.head_dim = 64;
  return op;
}
}  // namespace

TEST_CASE("the level of a curve is that of its heaviest point", "[cost][closed-form]") {
  // One sum of features, the second has the most work wherever it stands.
  const std::vector<ResidualCurve::Features> features = {{3, 1, 0}, {1, 3, 0}, {2, 2, 0}};
  CHECK(ResidualCurve("c", features, {0.1, 0.2, 0.3}, {1, 4, 2}).level() == 0.2);
  CHECK(ResidualCurve("c", features, {0.1, 0.2, 0.3}, {4, 1, 2}).level() == 0.1);
  // Batch x context is 32,768 tokens in all rows: work grows with the sequence alone.
  const CurveSpec curve = tied_curve();
  const std::vector<MeasuredPoint> points = measured_points(curve);
  REQUIRE(points.size() == 5);
  std::vector<ResidualCurve::Features> at;
  std::vector<double> residuals, work;
  for (const MeasuredPoint& p : points) {
    const auto batch = static_cast<double>(p.op.batch), s = static_cast<double>(p.op.sequence);
    at.push_back(curve_features(p.op));
    CHECK_THAT(at.back()[0] + at.back()[1], WithinRel(at[0][0] + at[0][1], 1e-12));
    residuals.push_back(std::log(p.seconds / modelled_attention(batch, s)));
    work.push_back(kernel_work(p.op));
    CHECK_THAT(work.back(), WithinRel(2 * batch * s * s * 32 * 64, 1e-12));
  }
  CHECK_THAT(ResidualCurve("tied", at, residuals, work).level(),
             WithinRel(std::log(kTiedLevel), 1e-12));
  CHECK(kernel_work(stream(3e7)) == 3e7);  // no FLOPs: bytes
}

TEST_CASE("the longest sequence gives the level that the backward pass does without",
          "[cost][closed-form]") {
  ChipSpec chip = round_numbers();
  chip.curves.push_back(tied_curve());
  const CostModel cost(chip, {});
  const double forward = modelled_attention(2, 16384);
  CHECK_THAT(cost.cost(tied_attention(OpKind::attention_forward, 2, 16384)).duration.value(),
             WithinRel(kTiedLevel * forward, 0.02));
  // 2.5 times the FLOPs at 0.4 of the peak.
  CHECK_THAT(cost.cost(tied_attention(OpKind::attention_backward, 2, 16384)).duration.value(),
             WithinRel(2.5 * forward * 0.5 / 0.4, 0.02));
}

TEST_CASE("at the attention share that a software generation states, large shapes run",
          "[cost][closed-form]") {
  ChipSpec chip = round_numbers();
  const auto modelled = [](double s) { return 2.0 * s * s * 32 * 128 / 50e12; };  // at 0.5
  const auto curve = [&](const char* operation, double times) {
    // Twice the level at 1,024 tokens.
    return CurveSpec{operation,
                     "bf16",
                     "",
                     {{1, 1024, 32, 8, 128, 2 * times * modelled(1024)},
                      {1, 16384, 32, 8, 128, times * modelled(16384)}}};
  };
  const double backward = 2.5 * 0.5 / 0.4;  // FLOPs, and the chip's share of 0.4
  chip.curves = {curve("attention_prefill", 1.25), curve("attention_backward", 1.5 * backward)};
  SoftwareSpec software;
  software.kernels.push_back({chip.info.name, {}, {{"forward", 0.8}}, 0});
  const auto seconds = [&](OpKind kind, std::int64_t s) {
    ComputeOp op = attention(s, s);
    op.kind = kind;
    op.batch = 1;
    op.heads = 32;
    op.kv_heads = 8;
    return CostModel(chip, software).cost(op).duration.value();
  };
  const auto forward_seconds = [&](std::int64_t s) {
    return seconds(OpKind::attention_forward, s);
  };
  const auto backward_seconds = [&](std::int64_t s) {
    return seconds(OpKind::attention_backward, s);
  };
  CHECK_THAT(forward_seconds(16384), WithinRel(modelled(16384) * 0.5 / 0.8, 0.01));
  CHECK_THAT(forward_seconds(1024), WithinRel(2 * modelled(1024) * 0.5 / 0.8, 0.01));
  // The backward share is the chip's still, with the level of its own curve.
  CHECK_THAT(backward_seconds(16384), WithinRel(1.5 * backward * modelled(16384), 0.01));
  software.kernels[0].attention["backward"] = 0.7;
  CHECK_THAT(backward_seconds(16384), WithinRel(2.5 * modelled(16384) * 0.5 / 0.7, 0.01));
  CHECK_THAT(backward_seconds(1024), WithinRel(2 * 2.5 * modelled(1024) * 0.5 / 0.7, 0.01));
  // Without a curve of its own, the forward one's level is divided out once.
  chip.curves.pop_back();
  CHECK_THAT(backward_seconds(16384), WithinRel(2.5 * modelled(16384) * 0.5 / 0.7, 0.01));
  // Of another chip the generation says nothing.
  software.kernels[0].chip = "another";
  CHECK_THAT(forward_seconds(16384), WithinRel(1.25 * modelled(16384), 0.01));
}

TEST_CASE("the forward share of a generation leaves decode at what was measured", "[cost]") {
  ChipSpec chip = round_numbers();
  chip.curves.push_back({"attention_decode", "bf16", "", {{2, 30000, 8, 2, 128, 3e-4}}});
  SoftwareSpec software;
  software.kernels.push_back({chip.info.name, {}, {{"forward", 0.8}}, 0});
  CHECK_THAT(CostModel(chip, software).cost(attention(1, 30000)).duration.value(),
             WithinRel(3e-4, 1e-9));
}

namespace {
/// Draws more than its TDP where arithmetic runs at full clock: 400 W of 4 pJ per FLOP.
ChipSpec hot_chip() {
  ChipSpec chip = with_power();
  chip.power.per_flop["bf16"] = JoulesPerFlop(4e-12);
  return chip;
}
CurveSpec hot_curve(const char* operation, std::vector<double> point) {
  CurveSpec curve{operation, "bf16", "", {std::move(point)}};
  curve.sustained = true;
  return curve;
}
}  // namespace

TEST_CASE("a kernel measured hot runs under the TDP for as long as it was measured",
          "[cost][closed-form]") {
  for (const double times : {0.7, 1.0, 1.5, 4.0})
    for (const CurveSpec& shape : {hot_curve("gemm", {12800, 12800, 16384, 1}),
                                   hot_curve("grouped_gemm", {8, 4096, 4096, 4096, 1}),
                                   hot_curve("attention_prefill", {1, 16384, 32, 8, 128, 1}),
                                   hot_curve("attention_backward", {1, 16384, 32, 8, 128, 1})}) {
      INFO(shape.operation << " " << times);
      ChipSpec chip = hot_chip();
      const ComputeOp op = measured_points(shape).front().op;
      const double seconds = times * CostModel(chip, {}).cost(op).duration.value();
      chip.curves.push_back(shape);
      chip.curves[0].points[0].back() = seconds;
      const OpCost hot = CostModel(chip, {}).cost(op);
      CHECK(hot.measured);
      CHECK_THAT(hot.duration.value(), WithinRel(seconds, 1e-6));
      const OpCost cool = CostModel(chip, {}, {.burst = true}).cost(op);
      // Below 400 W: 200 W + (E_c c^2 + E_m) / seconds, so that at full clock it takes c times as
      // long.
      const double arithmetic = hot.flops.value() * 4e-12,
                   memory = hot.memory_bytes.value() * 1e-11;
      const double c = std::min(1.0, std::sqrt((200 * seconds - memory) / arithmetic));
      CHECK_THAT(hot.clock, WithinRel(c, 1e-6));
      CHECK_THAT(cool.duration.value(), WithinRel(c * seconds, 1e-6));
    }
}

TEST_CASE("what was measured hot does not depend on the cap of a job or on its bursts",
          "[cost][closed-form]") {
  ChipSpec chip = hot_chip();
  const ComputeOp op = gemm(12800, 12800, 16384);
  chip.curves.push_back(hot_curve(
      "gemm", {12800, 12800, 16384, 1.2 * CostModel(chip, {}).cost(op).duration.value()}));
  const OpCost cool = CostModel(chip, {}, {.burst = true}).cost(op);
  REQUIRE(cool.clock == 1);
  for (const double cap : {1000.0, 400.0, 350.0, 300.0, 260.0})
    for (const bool burst : {false, true}) {
      INFO(cap << " " << burst);
      const OpCost capped = CostModel(chip, {}, {.power_cap = Watts(cap), .burst = burst}).cost(op);
      REQUIRE(capped.clock > 0.2);
      CHECK_THAT(capped.duration.value() * capped.clock, WithinRel(cool.duration.value(), 1e-9));
    }
}

TEST_CASE("the B200 curves measured hot give their points back", "[cost][validation]") {
  Catalogue catalogue({.roots = {XPUSIM_SOURCE_DIR "/configs"}, .overrides = {}});
  SoftwareSpec software = catalogue.load<SoftwareSpec>("nvidia-2025");
  software.kernel_launch = software.graph_kernel_launch = Seconds(0);  // points are without gaps
  ChipSpec chip = catalogue.load<ChipSpec>("nvidia-b200");
  std::size_t curves = 0;
  for (const CurveSpec& curve : chip.curves) {
    if (!curve.sustained || curve.software != "nvidia-2025") continue;
    // Several head dimensions have their own shape: what is asked for is that of 128.
    const bool attention = curve.operation.starts_with("attention");
    ChipSpec measured = chip;  // at the figures that the curve states
    if (curve.peak.value() > 0) measured.peak[curve.format] = curve.peak;
    if (curve.memory_bandwidth.value() > 0) measured.memory.bandwidth = curve.memory_bandwidth;
    const CostModel cost(measured, software);
    double mean = 0, count = 0;
    for (const MeasuredPoint& p : measured_points(curve)) {
      if (attention && p.op.head_dim != 128) continue;
      mean += std::abs(cost.cost(p.op).duration.value() / p.seconds - 1);
      ++count;
    }
    INFO(curve.operation);
    REQUIRE(count > 0);
    fmt::print("hot {:23}: mean {:.2f} %, {} points\n", curve.operation, 100 * mean / count, count);
    CHECK(mean / count < 0.06);
    ++curves;
    // Each point alone: without the interpolation there is nothing left.
    for (const std::vector<double>& point : curve.points) {
      measured.curves = {curve};
      measured.curves[0].points = {point};
      const MeasuredPoint p = measured_points(measured.curves[0]).front();
      CHECK_THAT(CostModel(measured, software).cost(p.op).duration.value(),
                 WithinRel(p.seconds, 1e-6));
    }
  }
  CHECK(curves == 4);
}

TEST_CASE("shares of kernel families give back the benchmarks that they come from",
          "[cost][validation]") {
  Catalogue catalogue({.roots = {XPUSIM_SOURCE_DIR "/configs"}, .overrides = {}});
  const SoftwareSpec& software = catalogue.load<SoftwareSpec>("nvidia-2025");
  const CostModel cost(catalogue.load<ChipSpec>("nvidia-b200"), software, {.burst = true});
  // Mamba-2 on B200 (cudnn-frontend, mamba2/b200): 4,096 tokens, 64 heads of 64, one group of 64
  // states, chunks of 32; one FP32 state of 64 x 64 x 64 per chunk.
  const double tokens = 4096, values = 64 * 64, channels = values + 2 * 64;
  const double states = tokens / 32 * 64 * 64 * 64 * 4;
  const auto seconds = [&](const char* family, double value_passes, double state_passes,
                           int kernels) {
    ComputeOp op;
    op.kind = OpKind::memory;
    op.label = family;
    op.memory_bytes = tokens * (channels + value_passes * values) * 2 + state_passes * states;
    op.kernels = kernels;
    op.efficiency = software.kernel_efficiency.at(family);
    return cost.cost(op).duration.value();
  };
  CHECK(seconds("scan", 2, 4, 5) == Approx(141.1e-6).epsilon(0.01));
  CHECK(seconds("scan_backward", 9, 10, 8) == Approx(674.5e-6).epsilon(0.01));
}

TEST_CASE("accumulation in FP32 costs under the power limit what was measured hot",
          "[cost][validation]") {
  Catalogue catalogue({.roots = {XPUSIM_SOURCE_DIR "/configs"}, .overrides = {}});
  const CostModel cost(catalogue.load<ChipSpec>("nvidia-b200"),
                       catalogue.load<SoftwareSpec>("nvidia-2025"));
  // SimuMax: 0.468 of the peak where the result is added to an FP32 matrix, 0.502 where it is not.
  ComputeOp plain = gemm(8192, 8192, 8192), added = plain;
  added.accumulate = true;
  added.output_bytes = 8;
  CHECK(cost.cost(plain).duration / cost.cost(added).duration ==
        Approx(0.468 / 0.502).epsilon(0.01));
}

TEST_CASE("at the GEMM share that a software generation states, large shapes run",
          "[cost][closed-form]") {
  ChipSpec chip = round_numbers();
  const ComputeOp large = gemm(12800, 12800, 16384), small = gemm(256, 1280, 1280);
  const auto at_share = [&](double share, const ComputeOp& op) {
    ChipSpec plain = round_numbers();
    plain.efficiency.gemm["bf16"] = share;
    return CostModel(plain, {}).cost(op).duration.value();
  };
  // Twice the level of 1.25 at the small shape.
  chip.curves.push_back({"gemm",
                         "bf16",
                         "",
                         {{256, 1280, 1280, 2.5 * at_share(1, small)},
                          {12800, 12800, 16384, 1.25 * at_share(1, large)}}});
  SoftwareSpec software;
  software.kernels.push_back({chip.info.name, {{"bf16", 0.8}}, {}, 0});
  const auto seconds = [&](const ComputeOp& op) {
    return CostModel(chip, software).cost(op).duration.value();
  };
  CHECK_THAT(seconds(large), WithinRel(at_share(0.8, large), 1e-5));
  CHECK_THAT(seconds(small), WithinRel(2 * at_share(0.8, small), 1e-5));
  // A format without a peak of its own runs at the share of the wider one, stated here.
  ComputeOp narrow = large;
  narrow.format = "fp8";
  CHECK_THAT(seconds(narrow), WithinRel(at_share(0.8, narrow), 1e-5));
  // A share of another format, or of another chip, leaves the level that was measured.
  software.kernels[0].gemm = {{"fp8", 0.8}};
  CHECK_THAT(seconds(large), WithinRel(1.25 * at_share(1, large), 1e-5));
  software.kernels[0] = {"another", {{"bf16", 0.8}}, {}, 0};
  CHECK_THAT(seconds(large), WithinRel(1.25 * at_share(1, large), 1e-5));
}

TEST_CASE("a malformed curve is refused", "[cost][refusal]") {
  const auto refusal = [](CurveSpec curve) {
    ChipSpec chip = round_numbers();
    chip.curves.push_back(std::move(curve));
    try {
      const CostModel cost(chip, {});
    } catch (const InputError& error) {
      return error.diagnostics().items().at(0).message + " / " +
             error.diagnostics().items().at(0).help;
    }
    return std::string("not refused");
  };
  CHECK(refusal({"gemm", "bf16", "", {{1, 2, 3}}}) ==
        "a point of the gemm bf16 curve has 3 values, all of which must be above 0 / write 4 "
        "values per point");
  CHECK(refusal({"gem", "bf16", "", {{1, 2, 3, 4}}}) ==
        "no curve of operation 'gem' / one of gemm, gemm_accumulate, grouped_gemm, "
        "grouped_gemm_accumulate, attention_prefill, attention_backward, attention_decode, "
        "mla_decode, memory");
}
