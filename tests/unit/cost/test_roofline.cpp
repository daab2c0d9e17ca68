#include <catch2/catch.hpp>

#include <cmath>

#include "unit/cost/chips.hpp"
#include "xpusim/cost.hpp"
#include "xpusim/diagnostic.hpp"

using namespace xpusim;
using namespace test_chips;
using Catch::Matchers::WithinRel;

namespace {
double seconds(const ChipSpec& chip, const ComputeOp& op, CostOptions options = {}) {
  return CostModel(chip, SoftwareSpec{}, options).cost(op).duration.value();
}
}  // namespace

TEST_CASE("a GEMM of whole waves runs at peak", "[cost][closed-form]") {
  // 100 tiles of 128 x 128 on 100 units: 2 m n k / peak.
  const double expected = 2.0 * 1280 * 1280 * 16384 / 100e12;
  CHECK_THAT(seconds(round_numbers(), gemm(1280, 1280, 16384)), WithinRel(expected, 1e-9));
}

TEST_CASE("a partial last wave costs a full one", "[cost][closed-form]") {
  // 130 tiles are two waves of 100; k = 256 is too short to split: 2 waves * 2 * 128^2 * k / (1
  // TFLOP/s of a unit).
  const double expected = 2 * 2.0 * 128 * 128 * 256 / 1e12;
  CHECK_THAT(seconds(round_numbers(), gemm(1280, 1664, 256)), WithinRel(expected, 1e-9));
}

TEST_CASE("few tiles and a long k split along k", "[cost][closed-form]") {
  // 10 tiles: split 10 fills 100 units once with k/10 each, plus 9 FP32 partial sums written and
  // read.
  const double m = 1280, n = 128, k = 163840;
  const double expected = 2.0 * 128 * 128 * k / 10 / 1e12 + 9 * 8 * m * n / 1e12;
  CHECK_THAT(seconds(round_numbers(), gemm(1280, 128, 163840)), WithinRel(expected, 1e-9));
}

TEST_CASE("a GEMM of one row is bound by reading the weights", "[cost][closed-form]") {
  // (m k + k n + m n) 2 bytes over 1 TB/s.
  const double expected = 2.0 * (8192 + 8192.0 * 8192 + 8192) / 1e12;
  CHECK_THAT(seconds(round_numbers(), gemm(1, 8192, 8192)), WithinRel(expected, 1e-9));
  CHECK_FALSE(CostModel(round_numbers(), {}).cost(gemm(1, 8192, 8192)).compute_bound);
}

TEST_CASE("the experts of a grouped GEMM share waves, GEMMs back to back do not",
          "[cost][closed-form]") {
  ComputeOp op = gemm(128, 1280, 256);  // 10 tiles each
  op.count = 10;
  ChipSpec chip = round_numbers();
  chip.memory.bandwidth *= 10;  // arithmetic alone
  op.kind = OpKind::grouped_gemm;
  CHECK_THAT(seconds(chip, op), WithinRel(2.0 * 128 * 128 * 256 / 1e12, 1e-9));
  op.kind = OpKind::gemm;
  CHECK_THAT(seconds(chip, op), WithinRel(10 * 2.0 * 128 * 128 * 256 / 1e12, 1e-9));
}

TEST_CASE("a stream of the half size runs at half the bandwidth", "[cost][closed-form]") {
  ChipSpec chip = round_numbers();
  chip.efficiency.memory = 0.8;
  chip.efficiency.memory_half_size = Bytes(1e6);
  // (bytes + half size) / (efficiency * bandwidth)
  CHECK_THAT(seconds(chip, stream(1e6)), WithinRel(2e6 / 0.8e12, 1e-9));
  CHECK_THAT(seconds(chip, stream(1e9)), WithinRel(1.001e9 / 0.8e12, 1e-9));
}

TEST_CASE("causal attention counts 4 b s c a d / 2 FLOPs and its backward pass 2.5 times those",
          "[cost][closed-form]") {
  const double forward = 4.0 * 2 * 4096 * 4096 * 8 * 128 / 2;
  ComputeOp op = attention(4096, 4096);
  CHECK_THAT(op_flops(op).value(), WithinRel(forward, 1e-12));
  CHECK_THAT(seconds(round_numbers(), op), WithinRel(forward / (100e12 * 0.5), 1e-9));
  op.kind = OpKind::attention_backward;
  CHECK_THAT(op_flops(op).value(), WithinRel(2.5 * forward, 1e-12));
  CHECK_THAT(seconds(round_numbers(), op), WithinRel(2.5 * forward / (100e12 * 0.4), 1e-9));
}

TEST_CASE("one query reads all keys and values of its context", "[cost][closed-form]") {
  const ComputeOp op = attention(1, 100000);
  // 2 sequences, 2 KV heads, K and V of 128, 2 bytes; queries and outputs of 8 heads.
  const double bytes = 2.0 * 100000 * 2 * 256 * 2 + 2.0 * 8 * 256 * 2;
  CHECK_THAT(op_bytes(op).value(), WithinRel(bytes, 1e-12));
  CHECK_THAT(op_flops(op).value(), WithinRel(4.0 * 2 * 100000 * 8 * 128, 1e-12));
  CHECK_THAT(seconds(round_numbers(), op), WithinRel(bytes / 1e12, 1e-9));
}

TEST_CASE("absorbed MLA reads its latent once: values are part of the key", "[cost][closed-form]") {
  ComputeOp op = attention(1, 1000);
  op.heads = 128;
  op.kv_heads = 1;
  op.head_dim = 576;
  op.v_dim = 512;
  CHECK_THAT(op_bytes(op).value(),
             WithinRel(2.0 * 1000 * 576 * 2 + 2.0 * 128 * (576 + 512) * 2, 1e-12));
  CHECK_THAT(op_flops(op).value(), WithinRel(2.0 * 2 * 1000 * 128 * (576 + 512), 1e-12));
}

TEST_CASE("every launch adds the gap, and graph capture the smaller one", "[cost][closed-form]") {
  SoftwareSpec software;
  software.kernel_launch = Seconds(5e-6);
  software.graph_kernel_launch = Seconds(1e-6);
  ComputeOp op = stream(1e6);
  op.kernels = 3;
  CHECK_THAT(CostModel(round_numbers(), software).cost(op).duration.value(),
             WithinRel(1e-6 + 15e-6, 1e-9));
  CHECK_THAT(
      CostModel(round_numbers(), software, {.graph_capture = true}).cost(op).duration.value(),
      WithinRel(1e-6 + 3e-6, 1e-9));
}

TEST_CASE("a kernel of half the efficiency takes twice its time, less the launch gap",
          "[cost][closed-form]") {
  SoftwareSpec software;
  software.kernel_launch = Seconds(5e-6);
  const CostModel cost(round_numbers(), software);
  const auto kernel = [&](ComputeOp op, double efficiency) {
    op.efficiency = efficiency;
    return cost.cost(op).duration.value() - 5e-6;
  };
  CHECK_THAT(kernel(stream(1e9), 1), WithinRel(1e-3, 1e-9));
  CHECK_THAT(kernel(stream(1e9), 0.5), WithinRel(2e-3, 1e-9));
  const double matrix = 2.0 * 1280 * 1280 * 16384 / 100e12;
  CHECK_THAT(kernel(gemm(1280, 1280, 16384), 0.5), WithinRel(2 * matrix, 1e-9));
  // Work and traffic are the same.
  ComputeOp op = stream(1e9);
  op.efficiency = 0.5;
  CHECK(cost.cost(op).memory_bytes == Bytes(1e9));
}

TEST_CASE("a recorded duration is kept", "[cost]") {
  ComputeOp op;
  op.kind = OpKind::fixed;
  op.seconds = 0.125;
  SoftwareSpec software;
  software.kernel_launch = Seconds(5e-6);
  CHECK(CostModel(with_power(), software, {.power_cap = Watts(210)}).cost(op).duration ==
        Seconds(0.125));
}

TEST_CASE("a rank on one die of two has half the units, peak and memory bandwidth", "[cost]") {
  ChipSpec chip = round_numbers();
  chip.dies.count = 2;
  const CostOptions die{.rank = RankUnit::die};
  CHECK_THAT(CostModel(chip, {}, die).peak("bf16").value(), WithinRel(50e12, 1e-12));
  CHECK_THAT(seconds(chip, gemm(1280, 640, 16384), die),
             WithinRel(2.0 * 1280 * 640 * 16384 / 50e12, 1e-9));
  CHECK_THAT(seconds(chip, stream(1e9), die), WithinRel(2e-3, 1e-9));
}

TEST_CASE("a format without peak runs on the next wider one, with a note", "[cost]") {
  ComputeOp op = gemm(1280, 1280, 16384);
  op.format = "fp8";
  op.operand_bytes = 1;
  const CostModel cost(round_numbers(), {});
  CHECK_THAT(cost.cost(op).duration.value(), WithinRel(2.0 * 1280 * 1280 * 16384 / 100e12, 1e-9));
  REQUIRE(cost.notes().size() == 2);
  CHECK(cost.notes()[0] == "round has no fp8 arithmetic: bf16 peak used");
  CHECK(cost.notes()[1] == "no fp8 GEMM efficiency: that of bf16 used");
}

TEST_CASE("a format that no wider one can stand in for is refused", "[cost][refusal]") {
  ComputeOp op = gemm(128, 128, 128);
  op.format = "fp64";
  const CostModel cost(round_numbers(), {});
  try {
    (void)cost.cost(op);
    FAIL("not refused");
  } catch (const InputError& error) {
    REQUIRE(error.diagnostics().items().size() == 1);
    CHECK(error.diagnostics().items()[0].code == "no-peak");
    CHECK(error.diagnostics().items()[0].message == "chip 'round' has no peak for format 'fp64'");
    CHECK(error.diagnostics().items()[0].help == "formats it has: bf16");
  }
}

TEST_CASE("block formats store their scales", "[cost]") {
  CHECK(format_bytes("bf16") == 2);
  CHECK(format_bytes("mxfp8") == 1 + 1 / 32.0);
  CHECK(format_bytes("nvfp4") == 0.5 + 1 / 16.0);
  CHECK(format_bytes("posit") == 0);
}

TEST_CASE("more bandwidth or a higher peak is never slower, and no kernel beats its bounds",
          "[cost][property]") {
  const std::vector<ComputeOp> ops = {gemm(1, 4096, 4096),    gemm(300, 5000, 700),
                                      gemm(8192, 8192, 8192), attention(2048, 2048),
                                      attention(1, 30000),    stream(3e7)};
  for (const ComputeOp& op : ops) {
    double wider_before = 1e300, faster_before = 1e300;
    for (const double scale : {0.5, 0.8, 1.0, 1.7, 4.0}) {
      ChipSpec wider = round_numbers(), faster = round_numbers();
      wider.memory.bandwidth *= scale;
      faster.peak["bf16"] *= scale;
      CHECK(seconds(wider, op) <= wider_before);
      CHECK(seconds(faster, op) <= faster_before);
      wider_before = seconds(wider, op);
      faster_before = seconds(faster, op);
      CHECK(faster_before >= op_flops(op).value() / faster.peak["bf16"].value() * (1 - 1e-12));
      CHECK(wider_before >= op_bytes(op).value() / wider.memory.bandwidth.value() * (1 - 1e-12));
    }
  }
}

TEST_CASE("a kernel that would take longer than sums can bear is refused", "[cost]") {
  ComputeOp op;
  op.kind = OpKind::memory;
  op.label = "copy";
  op.memory_bytes = 1e9;
  op.efficiency = 1e-300;
  const CostModel cost(round_numbers(), {});
  CHECK_THROWS_AS(cost.cost(op), InputError);
  op.efficiency = 1;
  CHECK_NOTHROW(cost.cost(op));
}
