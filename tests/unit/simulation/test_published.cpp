// Published end-to-end measurements. No constant of the catalogue is taken from these rows. Every
// row is printed with its error, misses included; only the node power has a bar.
#include <fmt/core.h>
#include <catch2/catch.hpp>

#include "scenarios.hpp"

using namespace xpusim;
using namespace xpusim::test;

namespace {

void print_row(const char* what, double predicted, double measured, const char* unit,
               const char* source) {
  fmt::print("{:<58} predicted {:>9.4g} {:<8} measured {:>9.4g}  error {:+6.1f} %  [{}]\n", what,
             predicted, unit, measured, 100 * (predicted / measured - 1), source);
  std::fflush(stdout);
}

/// What any plausible simulation of a known run must give: within a factor of two.
void check_same_order(double predicted, double measured) {
  CHECK(predicted > measured / 2);
  CHECK(predicted < measured * 2);
}

}  // namespace

TEST_CASE("Llama 3 405B on 16,384 H100 (Meta, Llama 3 paper, Table 4)", "[validation]") {
  const SystemResult r = simulate_file("training/llama-405b-16384-h100.json");
  print_row("Llama 3 405B, 16,384 H100, TP8 PP16 DP128", r.training->tflops_per_chip, 400,
            "TFLOP/s", "arXiv 2407.21783 Table 4");
  check_same_order(r.training->tflops_per_chip, 400);
  CHECK(r.simulation.folded);
}

TEST_CASE("GPT-3 175B on 64 A100 (Korthikanti et al. 2022, Table 5)", "[validation]") {
  const SystemResult full = simulate_file("training/megatron-175b-64-a100.json");
  const SystemResult selective = simulate_file("training/megatron-175b-64-a100-selective.json");
  print_row("GPT-3 175B, 64 A100, full recomputation", full.training->step_time_s, 18.13, "s",
            "arXiv 2205.05198 Table 5");
  print_row("GPT-3 175B, 64 A100, sequence parallel + selective", selective.training->step_time_s,
            13.75, "s", "arXiv 2205.05198 Table 5");
  check_same_order(full.training->step_time_s, 18.13);
  check_same_order(selective.training->step_time_s, 13.75);
  CHECK(selective.training->step_time_s < full.training->step_time_s);
}

TEST_CASE("mean node power of H100 in training is within 10 % of the MLPerf logs", "[validation]") {
  const double h100 = simulate_file("validation/base/mlperf-lora-h100.json").power->mean_node_w;
  // Whole-run means: four runs of 8 nodes, 7,034 to 7,282 W per node.
  const double measured = (7196 + 7282 + 7084 + 7034) / 4.0;
  print_row("Llama-2-70B LoRA, node of 8 H100 (Dell XE9680)", h100, measured, "W",
            "MLPerf Training v4.1 power logs");
  CHECK(std::abs(h100 / measured - 1) < 0.10);
}

TEST_CASE("mean node power of B200 in training is within 10 % of the MLPerf logs", "[validation]") {
  const double b200 = simulate_file("validation/base/mlperf-lora-b200.json").power->mean_node_w;
  const double measured = (9565 + 9595) / 2.0;  // ten runs of one node, 9,565 to 9,595 W
  print_row("Llama-2-70B LoRA, node of 8 B200 (Lenovo SR780a V3)", b200, measured, "W",
            "MLPerf Training v5.0 power logs");
  CHECK(std::abs(b200 / measured - 1) < 0.10);
}
