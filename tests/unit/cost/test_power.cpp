#include <catch2/catch.hpp>

#include <cmath>

#include "unit/cost/chips.hpp"
#include "xpusim/cost.hpp"

using namespace xpusim;
using namespace test_chips;
using Catch::Matchers::WithinRel;

namespace {
OpCost cost_at(double cap, const ComputeOp& op, ChipSpec chip = with_power()) {
  return CostModel(chip, {}, {.power_cap = Watts(cap)}).cost(op);
}
const ComputeOp kBig = gemm(12800, 12800, 16384);  // 100 waves, memory time far below
}  // namespace

TEST_CASE("below the rated power energy is FLOPs, bytes and active time at their prices",
          "[cost][closed-form]") {
  const OpCost cost = cost_at(0, kBig);
  CHECK(cost.clock == 1.0);
  const double expected =
      cost.flops.value() * 1e-12 + cost.memory_bytes.value() * 10e-12 + 100 * cost.duration.value();
  CHECK_THAT(cost.energy.value(), WithinRel(expected, 1e-9));
}

TEST_CASE("a cap sets the clock at which base + (E_c c^2 + E_m) / (t / c) meets it",
          "[cost][closed-form]") {
  const double cap = 260;
  const OpCost free = cost_at(0, kBig);
  const OpCost capped = cost_at(cap, kBig);
  REQUIRE(capped.clock < 1.0);
  const double c = capped.clock, t = free.duration.value() / c;
  CHECK_THAT(capped.duration.value(), WithinRel(t, 1e-9));
  const double energy = free.flops.value() * 1e-12 * c * c + free.memory_bytes.value() * 10e-12;
  CHECK_THAT(200 + energy / t, WithinRel(cap, 1e-6));
  CHECK_THAT(capped.energy.value(), WithinRel(energy + 100 * t, 1e-9));
}

TEST_CASE("the clock does not slow what memory bounds until arithmetic becomes the bound",
          "[cost]") {
  ComputeOp op = stream(1e9);
  CHECK(cost_at(205, op).duration == cost_at(0, op).duration);
}

TEST_CASE("the TDP limits the clock of a job, a short run on a cool chip has the full one",
          "[cost][closed-form]") {
  ChipSpec chip = with_power();
  chip.power.per_flop["bf16"] =
      JoulesPerFlop(4e-12);  // 400 W of arithmetic at full clock: above the TDP
  const OpCost burst = CostModel(chip, {}, {.burst = true}).cost(kBig);
  CHECK(burst.clock == 1.0);
  const OpCost hot = cost_at(0, kBig, chip);
  REQUIRE(hot.clock < 1.0);
  const double c = hot.clock;
  CHECK_THAT(hot.duration.value(), WithinRel(burst.duration.value() / c, 1e-9));
  const double energy = burst.flops.value() * 4e-12 * c * c + burst.memory_bytes.value() * 10e-12;
  CHECK_THAT(200 + energy / hot.duration.value(), WithinRel(400, 1e-6));
}

TEST_CASE("a lower cap is never faster, never above its watts and never below the lowest clock",
          "[cost][property]") {
  for (const ComputeOp& op : {kBig, gemm(64, 8192, 8192), attention(4096, 4096), stream(1e8)}) {
    double before = 0;
    for (const double cap : {400.0, 350.0, 300.0, 250.0, 220.0, 205.0, 150.0}) {
      const OpCost cost = cost_at(cap, op);
      CHECK(cost.duration.value() >= before);
      CHECK(cost.clock >= 0.2);
      CHECK(cost.clock <= 1.0);
      CHECK(cost.energy.value() >= 0);
      const double watts = 100 + cost.energy.value() / cost.duration.value();
      CHECK((watts <= cap * (1 + 1e-6) || cost.clock == 0.2));
      before = cost.duration.value();
    }
  }
}

TEST_CASE("a cap that the lowest clock exceeds is noted", "[cost]") {
  const CostModel cost(with_power(), {}, {.power_cap = Watts(150)});
  (void)cost.cost(kBig);
  REQUIRE(cost.notes().size() == 1);
  CHECK(cost.notes()[0] ==
        "the power cap of 150 W is below what some kernels draw at the lowest clock (gemm first): "
        "they exceed it");
}

TEST_CASE("the two dies of a package together draw what the package does", "[cost]") {
  ChipSpec chip = with_power();
  chip.dies.count = 2;
  const OpCost package = CostModel(chip, {}).cost(gemm(12800, 12800, 8192));
  const OpCost die = CostModel(chip, {}, {.rank = RankUnit::die}).cost(gemm(6400, 12800, 8192));
  CHECK_THAT(die.duration.value(), WithinRel(package.duration.value(), 1e-9));
  CHECK(2 * die.energy.value() >= package.energy.value());
  CHECK_THAT(2 * die.energy.value(),
             WithinRel(package.energy.value(), 1e-2));  // the weights are read twice
}
