#include <catch2/catch.hpp>

#include "xpusim/metrics.hpp"

using namespace xpusim;
using Catch::Matchers::WithinRel;

namespace {

/// Four chips on one switch; 100 GB/s each way at 80 % efficiency.
Fabric four_chips() {
  LinkSpec link;
  link.info.name = "wire";
  link.bandwidth = BytesPerSecond(100e9);
  link.efficiency = 0.8;
  link.latency = Seconds(1e-6);
  ChipSpec chip;
  chip.info.name = "chip";
  SystemSpec system;
  system.info.name = "four";
  system.nodes = 1;
  system.chips_per_node = 4;
  PlaneSpec plane;
  plane.name = "net";
  plane.link = "wire";
  plane.links_per_device = 1;
  system.planes = {plane};
  return build_fabric(system, chip, {{"wire", link}});
}

std::uint64_t links_of(const LinksResult& result, std::size_t tier) {
  return result.tiers.at(tier).links;
}

}  // namespace

TEST_CASE("utilisation is wire bytes over effective capacity times the run", "[metrics][links]") {
  const Fabric fabric = four_chips();
  LinkListener listener(fabric);
  // 8 GB of payload take 10 GB on the wire, on the first link of the first tier.
  const LinkLoad load{0, 8e9, 10e9};
  const TierLoad tier{fabric.links()[0].tier, 8e9};
  listener.on_traffic({Purpose::dp, Seconds(0), Seconds(1), {&load, 1}, {&tier, 1}});
  listener.on_end(Seconds(2));
  const LinksResult result = listener.result();
  REQUIRE(result.tiers.size() == fabric.tiers().size());
  const TierResult& used = result.tiers[fabric.links()[0].tier];
  CHECK(used.plane == "net");
  CHECK(used.tier == fabric.tiers()[fabric.links()[0].tier].name);
  CHECK(used.bytes == 8e9);
  // peak 10 GB / (80 GB/s * 2 s); the tier has four such links
  CHECK_THAT(used.peak_utilization, WithinRel(10e9 / (80e9 * 2), 1e-12));
  CHECK_THAT(used.mean_utilization, WithinRel(10e9 / (4 * 80e9 * 2), 1e-12));
  REQUIRE(links_of(result, fabric.links()[0].tier) == 4);
  REQUIRE(result.hottest.size() == 1);
  CHECK(result.hottest[0].link == fabric.link_name(0));
  CHECK(result.hottest[0].bytes == 8e9);
  CHECK_THAT(result.hottest[0].utilization, WithinRel(0.0625, 1e-12));
}

TEST_CASE("the hottest links come by utilisation, then by id, at most ten", "[metrics][links]") {
  const Fabric fabric = four_chips();
  LinkListener listener(fabric);
  const std::vector<LinkLoad> loads{{0, 1e9, 1e9}, {1, 3e9, 3e9}, {2, 1e9, 1e9}, {3, 0, 0}};
  listener.on_traffic({Purpose::tp, Seconds(0), Seconds(1), loads, {}});
  listener.on_end(Seconds(1));
  const auto all = listener.result().hottest;
  REQUIRE(all.size() == 3);
  CHECK(all[0].link == fabric.link_name(1));
  CHECK(all[1].link == fabric.link_name(0));
  CHECK(all[2].link == fabric.link_name(2));
  CHECK(listener.result(2).hottest.size() == 2);
}

TEST_CASE("bytes of a tier are those of all ranks, also where links stand for others",
          "[metrics][links]") {
  const Fabric fabric = four_chips();
  LinkListener listener(fabric);
  // A folded run: one representative link, bytes of all four.
  const LinkLoad load{0, 1e9, 1.25e9};
  const TierLoad tier{fabric.links()[0].tier, 4e9};
  listener.on_traffic({Purpose::dp, Seconds(0), Seconds(1), {&load, 1}, {&tier, 1}});
  listener.on_end(Seconds(1));
  const LinksResult result = listener.result();
  const TierResult& used = result.tiers[fabric.links()[0].tier];
  CHECK(used.bytes == 4e9);
  CHECK_THAT(used.mean_utilization, WithinRel(5e9 / 320e9, 1e-12));
  CHECK_THAT(used.peak_utilization, WithinRel(1.25e9 / 80e9, 1e-12));
}

TEST_CASE("the busiest link is never below the mean of its tier", "[metrics][links][property]") {
  const Fabric fabric = four_chips();
  LinkListener listener(fabric);
  const TierLoad tier{0, 100e9};
  listener.on_traffic({Purpose::dp, Seconds(0), Seconds(1), {}, {&tier, 1}});
  listener.on_end(Seconds(1));
  const LinksResult result = listener.result();
  for (const TierResult& t : result.tiers) CHECK(t.peak_utilization >= t.mean_utilization);
  CHECK_THAT(result.tiers[0].mean_utilization, WithinRel(100e9 / 320e9, 1e-12));
}

TEST_CASE("bytes add up over events", "[metrics][links][property]") {
  const Fabric fabric = four_chips();
  LinkListener once(fabric), twice(fabric);
  const LinkLoad whole{0, 4e9, 4e9}, half{0, 2e9, 2e9};
  const TierLoad whole_tier{0, 4e9}, half_tier{0, 2e9};
  once.on_traffic({Purpose::dp, Seconds(0), Seconds(1), {&whole, 1}, {&whole_tier, 1}});
  twice.on_traffic({Purpose::dp, Seconds(0), Seconds(1), {&half, 1}, {&half_tier, 1}});
  twice.on_traffic({Purpose::tp, Seconds(0), Seconds(1), {&half, 1}, {&half_tier, 1}});
  once.on_end(Seconds(1));
  twice.on_end(Seconds(1));
  CHECK(once.result().tiers[0].bytes == twice.result().tiers[0].bytes);
  CHECK_THAT(once.result().hottest[0].utilization,
             WithinRel(twice.result().hottest[0].utilization, 1e-12));
}

TEST_CASE("a run that takes no time has no utilisation", "[metrics][links]") {
  const Fabric fabric = four_chips();
  LinkListener listener(fabric);
  const LinkLoad load{0, 1, 1};
  listener.on_traffic({Purpose::dp, Seconds(0), Seconds(0), {&load, 1}, {}});
  listener.on_end(Seconds(0));
  CHECK(listener.result().hottest.at(0).utilization == 0);
}
