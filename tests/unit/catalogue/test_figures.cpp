#include <catch2/catch.hpp>

#include "parts.hpp"

using namespace xpusim;
using Catch::Matchers::WithinRel;

namespace {

double figure(std::string_view formula, std::vector<std::string> alternatives = {},
              PartKind kind = PartKind::system, const std::string& name = "pair") {
  Catalogue catalogue;
  parts::add_whole(catalogue);
  return evaluate_formula(catalogue, {kind, name, std::move(alternatives)}, formula).value;
}
std::string refusal(std::string_view formula, std::vector<std::string> alternatives = {},
                    PartKind kind = PartKind::system, const std::string& name = "pair") {
  return parts::refusal([&] { (void)figure(formula, alternatives, kind, name); });
}

}  // namespace

TEST_CASE("figures of a system are sums over its chips", "[catalogue][figures]") {
  CHECK(figure("system.chips") == 8.0);  // 2 nodes * 4
  CHECK(figure("chips / nodes") == 4.0);
  CHECK(figure("system.supernodes") == 1.0);
  CHECK(figure("system.scale_up.domain") == 8.0);
  CHECK_THAT(figure("system.peak.bf16"), WithinRel(8 * 500e12, 1e-12));
  CHECK_THAT(figure("system.memory.marketed"), WithinRel(8 * 80e9, 1e-12));
  CHECK_THAT(figure("system.memory.capacity"), WithinRel(8 * 79.6 * 1073741824.0, 1e-12));
  CHECK_THAT(figure("system.memory.bandwidth"), WithinRel(8 * 2e12, 1e-12));
}

TEST_CASE("bandwidths are links times their nominal rate, one direction", "[catalogue][figures]") {
  CHECK_THAT(figure("system.scale_up.bandwidth"), WithinRel(8 * 4 * 50e9, 1e-12));
  CHECK_THAT(figure("system.scale_out.bandwidth"), WithinRel(8 * 50e9, 1e-12));
  CHECK_THAT(figure("chip.scale_up.bandwidth"), WithinRel(4 * 50e9, 1e-12));
}

TEST_CASE("components count per unit of their scope", "[catalogue][figures]") {
  CHECK(figure("system.cpu.count") == 4.0);     // 2 per node * 2
  CHECK(figure("system.switch.count") == 3.0);  // 3 per supernode
}

TEST_CASE("maximum power holds chips at TDP, active components and the supplies' loss",
          "[catalogue][figures]") {
  // (8 * 500 + 4 * 200 + 3 * 100) / 0.8
  CHECK_THAT(figure("system.power.max"), WithinRel(5100.0 / 0.8, 1e-12));
  CHECK_THAT(figure("system.power.per_chip"), WithinRel(5100.0 / 0.8 / 8, 1e-12));
  CHECK_THAT(figure("system.power.chips"), WithinRel(4000.0, 1e-12));
  // (8 * 100 + 4 * 50 + 3 * 100) / 0.8
  CHECK_THAT(figure("system.power.idle"), WithinRel(1300.0 / 0.8, 1e-12));
}

TEST_CASE("the ridge is peak over memory bandwidth", "[catalogue][figures]") {
  CHECK_THAT(figure("chip.ridge.bf16"), WithinRel(500e12 / 2e12, 1e-12));
}

TEST_CASE("any scalar field of a part is a name, items by their name", "[catalogue][figures]") {
  CHECK(figure("system.components.host.count") == 2.0);
  CHECK(figure("system.components.1.count") == 3.0);
  CHECK(figure("system.planes.up.links_per_device") == 4.0);
  CHECK_THAT(figure("system.power.budget"), WithinRel(7000.0, 1e-12));
  CHECK(figure("chip.units.count") == 64.0);
  CHECK_THAT(figure("link.bandwidth * 2", {}, PartKind::link, "wire"), WithinRel(100e9, 1e-12));
}

TEST_CASE("figures of a model spec are counted from its dimensions", "[catalogue][figures]") {
  // K and V of 2 heads of 16 in 2 layers, 2 bytes each
  CHECK(figure("model.kv_bytes_per_token", {}, PartKind::model, "tiny") == 2 * 2 * 2 * 16 * 2);
  // per layer: attention 2*64*64 + 2*64*32, gated FFN 3*64*128, two norms of 64; embedding and head
  // 64000 each; norm 64
  const double layer = 2 * 64 * 64 + 2 * 64 * 32 + 3 * 64 * 128 + 2 * 64;
  CHECK(figure("model.parameters", {}, PartKind::model, "tiny") == 2 * layer + 2 * 64000 + 64);
  CHECK(figure("model.parameters - model.active_parameters", {}, PartKind::model, "tiny") == 0.0);
}

TEST_CASE("an alternative of the chip changes the system's figures", "[catalogue][figures]") {
  CHECK_THAT(figure("system.peak.bf16", {"press"}), WithinRel(8 * 600e12, 1e-12));
  CHECK_THAT(figure("system.peak.fp8", {"press"}), WithinRel(8 * 1e15, 1e-12));
}

TEST_CASE("an unknown figure gets the nearest name", "[catalogue][figures]") {
  CHECK(refusal("system.peek.bf16 * 2") ==
        "formula:1:1: error[unknown-figure]: system 'pair' has no figure or field "
        "'system.peek.bf16'\n"
        "  1 | system.peek.bf16 * 2\n"
        "    | ^^^^^^^^^^^^^^^^ help: did you mean 'system.peak.bf16'?");
}

TEST_CASE("a figure of a part that is not there says which part this is", "[catalogue][figures]") {
  CHECK(
      refusal("system.chips", {}, PartKind::chip, "toy") ==
      "formula:1:1: error[unknown-figure]: 'system.chips' is of a system, and this is chip 'toy'\n"
      "  1 | system.chips\n"
      "    | ^^^^^^^^^^^^ help: a system gives system. and chip.; a chip, model or link only "
      "itself");
}

TEST_CASE("a figure without a value is not published, not 0", "[catalogue][figures]") {
  CHECK(refusal("system.price") ==
        "formula:1:1: error[not-published]: system 'pair' has no price\n"
        "  1 | system.price\n"
        "    | ^^^^^^^^^^^^ help: give its \"price\" with a source");
  CHECK(refusal("system.peak.fp4") ==
        "formula:1:1: error[not-published]: chip 'toy' has no peak for 'fp4'\n"
        "  1 | system.peak.fp4\n"
        "    | ^^^^^^^^^^^^^^^ help: it has bf16, fp8");
}

TEST_CASE("an alternative that no part has is refused", "[catalogue][figures]") {
  CHECK(refusal("system.chips", {"semianalysis"}) ==
        "error[unknown-alternative]: neither 'pair' nor a part of it has an alternative "
        "'semianalysis'\n"
        "  help: 'xpusim describe pair' lists the alternatives it has");
}

TEST_CASE("every figure of the registry has a unit, a sentence and a formula",
          "[catalogue][figures]") {
  for (const FigureInfo& info : figures()) {
    INFO(info.name);
    CHECK(info.sentence.ends_with('.'));
    CHECK(!info.formula.empty());
  }
}
