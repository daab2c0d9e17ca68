// ASTRA-sim's network and system files.
#include <catch2/catch.hpp>

#include <numeric>

#include "imported.hpp"
#include "xpusim/collective.hpp"

using namespace xpusim;
using namespace xpusim::testing;
using Catch::Matchers::WithinRel;

namespace {

constexpr double kGiB = 1073741824.0;  // ASTRA-sim's GB

Loaded three_dimensions(ImportOptions options = {}) {
  options.with = import_data("three_dimensions.json");
  return Loaded(import_system(import_data("three_dimensions.yml"), options));
}

std::vector<DeviceId> all(const Fabric& fabric) {
  std::vector<DeviceId> members(fabric.devices());
  std::iota(members.begin(), members.end(), 0U);
  return members;
}

}  // namespace

TEST_CASE("dimension k joins the NPUs that differ in coordinate k", "[import][astra]") {
  const Loaded l = three_dimensions();
  REQUIRE(l.system.planes.size() == 3);
  CHECK(l.fabric.devices() == 2 * 4 * 8);
  const int strides[] = {1, 2, 8}, sizes[] = {2, 4, 8};
  for (PlaneId k = 0; k < 3; ++k) {
    std::vector<DeviceId> line;
    for (int i = 0; i < sizes[k]; ++i) line.push_back(static_cast<DeviceId>(i * strides[k]));
    CHECK(l.fabric.connects(k, line));
    CHECK(l.fabric.plane_for(line) == k);
    CHECK(l.system.planes[k].stride == strides[k]);
  }
  CHECK(l.system.chips_per_node == 2);
  CHECK(l.system.nodes == 32);
}

TEST_CASE("a link has 2^30 bytes per GB, latency per hop, and as many links as the topology",
          "[import][astra][closed-form]") {
  Loaded l = three_dimensions();
  // endpoint-delay 10 cycles of 1 ns; a neighbour on a ring or mesh is one hop away, a switch two
  CHECK_THAT(l.fabric.route(0, 0, 1)[0].latency.value(), WithinRel((10 + 50) * 1e-9, 1e-9));
  CHECK_THAT(l.fabric.route(1, 0, 6)[0].latency.value(), WithinRel((10 + 500) * 1e-9, 1e-9));
  CHECK_THAT(l.fabric.route(2, 0, 8)[0].latency.value(), WithinRel((10 + 2 * 2000) * 1e-9, 1e-9));
  // a ring of two has one link, a mesh of 4 three, a switch one
  const double injected[] = {200 * kGiB, 3 * 100.5 * kGiB, 50 * kGiB};
  for (std::size_t k = 0; k < 3; ++k) {
    CHECK_THAT(l.fabric.planes()[k].device_capacity.value(), WithinRel(injected[k], 1e-12));
  }
  CHECK_THAT(l.link("three-dimensions-dim1").bandwidth.value(), WithinRel(100.5 * kGiB, 1e-12));
}

TEST_CASE("a ring of n NPUs has a link each way round", "[import][astra]") {
  const Loaded l(import_system(
      {"ring.yml", "topology: [Ring]\nnpus_count: [5]\nbandwidth: [50]\nlatency: [0]\n"}, {}, {}));
  CHECK_THAT(l.fabric.planes()[0].device_capacity.value(), WithinRel(2 * 50 * kGiB, 1e-12));
  CHECK(l.fabric.route(0, 0, 2)[0].links.size() == 2);
  CHECK(l.fabric.route(0, 0, 4)[0].links.size() == 1);
}

TEST_CASE("an all-reduce over several dimensions runs the algorithm of each",
          "[import][astra][closed-form]") {
  Loaded l = three_dimensions();
  const auto& software = l.catalogue.load<SoftwareSpec>("three-dimensions-software");
  const double S = 64e6;
  const CollectivePlan plan = plan_collective({&l.fabric, &software.collectives},
                                              CollectiveType::ALL_REDUCE, Bytes(S), all(l.fabric));
  // The fastest plane is innermost: the mesh, then the ring, then the switch.
  CHECK(plan.planes == std::vector<PlaneId>{1, 0, 2});
  CHECK(plan.inner == "direct");
  CHECK(plan.outer == "ring/halving_doubling");
  const double mesh = 510e-9, ring = 60e-9, hub = 4010e-9;
  const double B0 = 200 * kGiB, B1 = 3 * 100.5 * kGiB, B2 = 50 * kGiB;
  CHECK_THAT(plan.idle_time.value(),
             WithinRel(2 * (mesh + 3.0 / 4 * S / B1) + 2 * (ring + (S / 4) / 2 / B0) + 2 * 3 * hub +
                           2 * 7.0 / 8 * (S / 8) / B2,
                       1e-9));
}

TEST_CASE("a ring over a ring dimension is ASTRA-sim's: 2 (n - 1) steps of one link",
          "[import][astra][closed-form]") {
  Loaded l(import_system(
      {"r.yml", "topology: [Ring]\nnpus_count: [8]\nbandwidth: [50.0]\nlatency: [500.0]\n"},
      {"s.json", R"({"endpoint-delay": 10, "all-reduce-implementation": ["ring"]})"}, {}));
  const auto& software = l.catalogue.load<SoftwareSpec>("r-software");
  for (const double S : {1048576.0, 1e9}) {
    const CollectivePlan plan = plan_collective(
        {&l.fabric, &software.collectives}, CollectiveType::ALL_REDUCE, Bytes(S), all(l.fabric));
    CHECK(plan.algorithm == "ring");
    CHECK_THAT(plan.idle_time.value(), WithinRel(2 * 7 * (510e-9 + S / 8 / (50 * kGiB)), 1e-9));
  }
}

TEST_CASE("the system file gives a roofline, and a chip part takes its place", "[import][astra]") {
  Loaded made = three_dimensions();
  CHECK_THAT(made.chip().peak.at("bf16").value(), WithinRel(900e12, 1e-12));
  CHECK_THAT(made.chip().memory.bandwidth.value(), WithinRel(1600e9, 1e-12));
  ImportOptions options;
  options.chip = "nvidia-h100-sxm";
  Loaded real = three_dimensions(options);
  CHECK(real.chip().peak.at("bf16") ==
        real.catalogue.load<ChipSpec>("nvidia-h100-sxm").peak.at("bf16"));
  CHECK(real.chip().software == "three-dimensions-software");
  CHECK(mentions(real.imported.ignored, "peak-perf (the chip has peaks)"));
}

TEST_CASE("what has no counterpart is said", "[import][astra]") {
  const Loaded l = three_dimensions();
  CHECK(l.imported.summary == "ASTRA-sim network: 64 NPUs, Ring 2 x FullyConnected 4 x Switch 8");
  for (const char* line :
       {"scheduling-policy (queues are not ordered by age)", "sing-along (unknown key)",
        "all-reduce-implementation[1] window of direct4",
        "all-gather-implementation[2] doubleBinaryTree (no counterpart for ALL_GATHER among 8: the "
        "tuner chooses)",
        "all-to-all-implementation[2] ring (no counterpart for ALL_TO_ALL among 8: the tuner "
        "chooses)"}) {
    INFO(line);
    CHECK(mentions(l.imported.ignored, line));
  }
  CHECK(mentions(l.imported.notes, "all-gather-implementation[0]: 'oneRing' runs along"));
}

TEST_CASE("every imported number has a source, and the name is the user's", "[import]") {
  ImportOptions options;
  options.name = "mine-2";
  Loaded l = three_dimensions(options);
  CHECK(l.imported.system == "mine-2");
  CHECK(l.unsourced().empty());
  CHECK(l.imported.parts.front().file == "links/mine-2-dim0.json");
  CHECK(l.imported.parts.back().file == "systems/mine-2.json");
}
