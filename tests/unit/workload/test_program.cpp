#include <catch2/catch.hpp>

#include <string>

#include "workload/program.hpp"

using namespace xpusim;

namespace {

/// Programs as text: a kernel is its number (w behind it: weight gradient), s1/w1 start and wait
/// for slot 1, g gradients, / the end of a lane.
std::string words(const Program& p) {
  std::string text;
  for (const Step& step : p.steps) {
    if (!text.empty()) text += " ";
    switch (step.kind) {
      case StepKind::run:
        text += std::to_string(step.index) + (step.weight_gradient ? "w" : "");
        break;
      case StepKind::start:
        text += "s" + std::to_string(step.slot);
        break;
      case StepKind::wait:
        text += "w" + std::to_string(step.slot);
        break;
      case StepKind::gradients:
        text += "g";
        break;
      case StepKind::layer:
        text += "p";
        break;
      case StepKind::finish:
        text += "/" + std::to_string(step.lane);
        break;
    }
  }
  return text;
}

Step run(std::uint32_t op, bool weight = false) { return {StepKind::run, op, 0, weight}; }
Step start(std::uint32_t communication, std::uint32_t slot) {
  return {StepKind::start, communication, slot};
}
Step wait(std::uint32_t slot) { return {StepKind::wait, 0, slot}; }

}  // namespace

TEST_CASE("a backward program splits into input and weight gradients", "[workload]") {
  // Two column-parallel matrices: the input is gathered for the weights (slots 0 and 2), the
  // gradient reduced for the layer before (slots 1 and 3).
  Program p;
  p.slots = 4;
  p.steps = {{StepKind::layer, 0, 0},
             start(0, 0),
             run(1),
             start(1, 1),
             wait(0),
             run(2, true),
             wait(1),
             run(3),
             start(0, 2),
             run(4),
             start(1, 3),
             wait(2),
             run(5, true),
             wait(3),
             run(6),
             {StepKind::gradients, 0, 0}};
  const SplitProgram split = split_backward(p);
  CHECK(words(split.input) == "p 1 s1 w1 3 4 s3 w3 6");
  // The second gather runs under the first matrix.
  CHECK(words(split.weight) == "s0 w0 s2 2w w2 5w g");
}

TEST_CASE("merged programs run under each other's expert communication", "[workload]") {
  CommunicationTable communications;
  const std::uint32_t expert =
      communications.id({GroupKind::expert, CollectiveType::ALL_TO_ALL, 1});
  const std::uint32_t tensor =
      communications.id({GroupKind::tensor, CollectiveType::ALL_GATHER, 1});
  Program a, b;
  a.slots = 3;
  a.steps = {run(1),  start(expert, 0), wait(0),          run(2),  start(tensor, 1),
             wait(1), run(3),           start(expert, 2), wait(2), run(4)};
  b.slots = 2;
  b.steps = {run(5), start(expert, 0), wait(0), run(6), start(expert, 1), wait(1), run(7)};
  // Slots of the second are behind those of the first; the tensor-parallel wait is no occasion.
  CHECK(words(merge_programs(a, b, communications)) ==
        "1 s0 5 s3 w0 2 s1 w1 3 s2 w3 6 s4 w2 4 /0 w4 7 /1");
}

TEST_CASE("programs without expert communication follow one another", "[workload]") {
  const CommunicationTable communications;
  Program a, b;
  a.steps = {run(1), run(2)};
  b.steps = {run(3)};
  CHECK(words(merge_programs(a, b, communications)) == "1 2 /0 3 /1");
  CHECK(words(merge_programs(a, {}, communications)) == "1 2 /0 /1");
}
