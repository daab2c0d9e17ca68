#include <catch2/catch.hpp>

#include <numeric>

#include "measured.hpp"
#include "xpusim/collective.hpp"
#include "xpusim/fabric.hpp"

using namespace xpusim;
using namespace xpusim::testing;

namespace {

/// What the planner gives on a DGX H100 whose NVLinks reach `efficiency` and whose protocols start
/// `later` than the profile says.
std::string planned(double efficiency, double later) {
  Catalogue catalogue = shipped();
  const auto& system = catalogue.load<SystemSpec>("dgx-h100");
  const auto& chip = catalogue.load<ChipSpec>(system.chip);
  LinkParts links;
  for (const PlaneSpec& plane : system.planes)
    links.try_emplace(plane.link, catalogue.load<LinkSpec>(plane.link));
  links.at("nvlink4").efficiency = efficiency;
  SoftwareSpec software = catalogue.load<SoftwareSpec>(chip.software);
  for (auto& row : software.collectives.algorithms)
    for (auto& protocol : row.protocols) protocol.base_latency += Seconds(later);
  const Fabric fabric = build_fabric(system, chip, links);
  std::vector<DeviceId> members(8);
  std::iota(members.begin(), members.end(), DeviceId{0});
  std::string text = kColumns;
  for (const char* name : {"all_reduce", "all_gather"}) {
    for (int power = 10; power <= 32; ++power) {
      const double bytes = std::pow(2, power);
      const CollectivePlan plan = plan_collective(
          {&fabric, &software.collectives}, *parse_collective_type(name), Bytes(bytes), members);
      text += fmt::format("{},,,,,,,,,,,{:.0f},8,{:.9g}\n", name, bytes, plan.idle_time.value());
    }
  }
  return text;
}

CalibrationOptions on_dgx() {
  CalibrationOptions o;
  o.chip = "nvidia-h100-sxm";
  o.system = "dgx-h100";
  o.name = "mine";
  return o;
}

}  // namespace

TEST_CASE("collectives that the planner made give its constants back",
          "[calibrate][collective][closed-form]") {
  Catalogue catalogue = shipped(), again = shipped();
  const Calibration c = calibrate(catalogue, {from_text(planned(0.75, 2e-6))}, on_dgx());
  for (const CalibratedPart& part : c.parts) again.add_text(part.file, part.text);
  CHECK(again.load<LinkSpec>("mine-nvlink4").efficiency == Approx(0.75).epsilon(2e-3));
  const auto& software = again.load<SoftwareSpec>("mine-software");
  const auto& base = again.load<SoftwareSpec>(again.load<ChipSpec>("nvidia-h100-sxm").software);
  // The small buffers run on the ring's LL protocol: 2 us later than the profile says.
  const auto latency = [](const SoftwareSpec& s) {
    for (const auto& row : s.collectives.algorithms)
      for (const auto& p : row.protocols)
        if (row.algorithm == "ring" && p.name == "ll" && row.links.size() > 0 &&
            row.links.front() == "nvlink4")
          return p.base_latency.value();
    return -1.0;
  };
  CHECK(latency(software) - latency(base) == Approx(2e-6).margin(2e-8));
  for (const char* name : {"all_reduce on 8", "all_gather on 8"}) {
    const CurveQuality* q = quality_of(c, name);
    REQUIRE(q != nullptr);
    CHECK(q->points == 23);
    CHECK(q->plain.median > 0.05);
    CHECK(q->fitted.median < 0.02);
  }
  const std::pair<PartKind, const char*> made[] = {{PartKind::link, "mine-nvlink4"},
                                                   {PartKind::software, "mine-software"},
                                                   {PartKind::chip, "mine"},
                                                   {PartKind::system, "mine-dgx-h100"}};
  for (const auto& [kind, name] : made) {
    INFO(name);
    CHECK(render(missing_sources(again.document(kind, name))).empty());
  }
  // The system is ready to run: its planes and its chip's ports name the new link.
  const auto& system = again.load<SystemSpec>("mine-dgx-h100");
  CHECK(system.chip == "mine");
  CHECK(system.planes.at(0).link == "mine-nvlink4");
  CHECK(again.load<ChipSpec>("mine").software == "mine-software");
  CHECK(again.load<ChipSpec>("mine").ports.at("scale_up").link == "mine-nvlink4");
  // What the library says by link part name holds for the new part as well.
  for (const auto& row : software.collectives.algorithms)
    for (const auto& p : row.protocols)
      if (p.step_latency.contains("nvlink4"))
        CHECK(p.step_latency.at("mine-nvlink4") == p.step_latency.at("nvlink4"));
}

TEST_CASE("the output of nccl-tests is fitted as it is", "[calibrate][collective]") {
  Catalogue catalogue = shipped(), again = shipped();
  const MeasurementFile file =
      read_measurements(XPUSIM_SOURCE_DIR "/tests/data/calibrate/all_reduce.txt", {});
  CHECK(file.format == "nccl-tests");
  CHECK(file.rows.size() == 23);
  CHECK_THAT(file.document, Catch::EndsWith("all_reduce.txt (nccl-tests, invented accelerator, 8 "
                                            "ranks)"));
  const Calibration c = calibrate(catalogue, {file}, on_dgx());
  for (const CalibratedPart& part : c.parts) again.add_text(part.file, part.text);
  CHECK(again.load<LinkSpec>("mine-nvlink4").efficiency == Approx(0.75).epsilon(3e-3));
}

TEST_CASE("collectives faster than the link, or without a system, are refused",
          "[calibrate][collective][refusal]") {
  const auto refused = [](const std::string& rows, CalibrationOptions options) {
    Catalogue catalogue = shipped();
    try {
      (void)calibrate(catalogue, {from_text(kColumns + rows)}, options);
    } catch (const InputError& e) {
      return render(e.diagnostics());
    }
    return std::string();
  };
  CalibrationOptions without = on_dgx();
  without.system.clear();
  CHECK_THAT(refused("all_reduce,,,,,,,,,,,1024,8,1e-5\n", without),
             Catch::StartsWith("run.csv:2:1: error[missing-system]: all_reduce ran on a system") &&
                 Catch::Contains("--system"));
  // 8 GiB in 10 ms would be 1503 GB/s on the bus; the links carry 450.
  CHECK_THAT(
      refused("all_reduce,,,,,,,,,,,8589934592,8,0.01\n", on_dgx()),
      Catch::StartsWith("run.csv:2:1: error[above-peak]: all_reduce on 8 of 8.59e+09 bytes"));
  CHECK_THAT(refused("all_reduce,,,,,,,,,,,1024,4096,1e-5\n", on_dgx()),
             Catch::StartsWith("run.csv:2:1: error[out-of-range]: 4096 ranks do not fit"));
  CHECK_THAT(refused("all_reduce,,,,,,,,,,,1024,1,1e-5\n", on_dgx()),
             Catch::StartsWith("run.csv:2:1: error[out-of-range]"));
}
