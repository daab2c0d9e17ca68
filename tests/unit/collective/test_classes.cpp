// Many groups at once by symmetry: loads of all, on the links of the first.
#include <catch2/catch.hpp>
#include <chrono>
#include <functional>
#include <map>

#include "fabrics.hpp"
#include "xpusim/diagnostic.hpp"

using namespace xpusim;
using namespace xpusim::testing;
using Catch::Matchers::WithinRel;
using enum CollectiveType;

namespace {

/// `count` groups of `size`, members `stride` apart: group g starts at (g / stride) * size * stride
/// + g % stride.
std::vector<std::vector<DeviceId>> strided_groups(std::uint32_t count, std::uint32_t size,
                                                  std::uint32_t stride) {
  std::vector<std::vector<DeviceId>> groups;
  for (std::uint32_t g = 0; g < count; ++g) {
    groups.emplace_back();
    for (std::uint32_t i = 0; i < size; ++i)
      groups.back().push_back(g / stride * size * stride + g % stride + i * stride);
  }
  return groups;
}

}  // namespace

TEST_CASE("a class loads the first group's links with what all groups send over them",
          "[collective][folding]") {
  const Fabric fabric = leaf_fabric(32, 8, 2.0);
  const CollectiveContext context{&fabric, nullptr};
  const auto groups = strided_groups(8, 4, 8);  // one member under each leaf
  const CollectiveOptions ring{.algorithm = "ring", .protocol = {}, .plane = {}};
  const CollectivePlan folded =
      plan_collective_class(context, ALL_REDUCE, Bytes(8e6), groups, ring);
  std::map<TierId, double> tiers;
  std::map<LinkId, double> links;
  for (const auto& members : groups) {
    const CollectivePlan one = plan_collective(context, ALL_REDUCE, Bytes(8e6), members, ring);
    for (const TierLoad& t : one.tier_loads) tiers[t.tier] += t.bytes;
    for (const LinkLoad& l : one.phases[0].loads) links[l.link] += l.bytes;
  }
  REQUIRE(folded.tier_loads.size() == tiers.size());
  for (const TierLoad& t : folded.tier_loads)
    CHECK_THAT(t.bytes, WithinRel(tiers.at(t.tier), 1e-12));
  // Symmetric: one link per tier stands for all, with the load of all eight groups where they share
  // it.
  REQUIRE(folded.phases.size() == 1);
  CHECK(folded.phases[0].loads.size() == tiers.size());
  for (const LinkLoad& l : folded.phases[0].loads)
    CHECK_THAT(l.bytes, WithinRel(links.at(l.link), 1e-12));
  // The idle time is that of one group alone: without contention, folded and unfolded agree.
  CHECK(folded.idle_time ==
        plan_collective(context, ALL_REDUCE, Bytes(8e6), groups[0], ring).idle_time);
}

TEST_CASE("a class of one group is that group's collective", "[collective][folding]") {
  const Fabric fabric = two_level_fabric(4, 4);
  const CollectiveContext context{&fabric, nullptr};
  for (const CollectiveType type : {ALL_REDUCE, ALL_GATHER, ALL_TO_ALL, BROADCAST}) {
    const auto members = first_devices(16);
    const CollectivePlan one = plan_collective(context, type, Bytes(1e7), members);
    const CollectivePlan folded = plan_collective_class(context, type, Bytes(1e7), {members});
    CHECK(one.idle_time == folded.idle_time);
    CHECK(one.phases.size() == folded.phases.size());
  }
}

TEST_CASE("symmetric transfers load the link they share with all of their bytes",
          "[collective][folding]") {
  const Fabric fabric = leaf_fabric(16, 8, 4.0);
  std::vector<DevicePair> pairs;
  for (DeviceId d = 0; d < 8; ++d) pairs.push_back({d, d + 8});
  const CollectivePlan p = plan_transfer_class({&fabric, nullptr}, Bytes(1e6), pairs);
  const Path path = fabric.route(0, 0, 8).front();
  REQUIRE(p.phases.size() == 1);
  REQUIRE(p.phases[0].loads.size() == 4);
  for (const LinkLoad& l : p.phases[0].loads) {
    const std::string& tier = fabric.tiers()[fabric.links()[l.link].tier].name;
    CHECK_THAT(l.bytes, WithinRel(tier == "leaf-up" || tier == "leaf-down" ? 8e6 : 1e6, 1e-12));
  }
  // Alone, one transfer has its port's 40 GB/s and the uplink of 80 GB/s.
  CHECK_THAT(p.idle_time.value(), WithinRel(path.latency.value() + 1e6 / kPortRate, 1e-12));
}

TEST_CASE("a transfer to itself takes no time, between islands it is refused",
          "[collective][refusal]") {
  const Fabric fabric = build(2, 2, {switch_plane("up", "fast", PlaneRole::scale_up, 2)});
  const std::vector<DevicePair> self{{1, 1}};
  CHECK(plan_transfer_class({&fabric, nullptr}, Bytes(1e6), self).idle_time == Seconds(0));
  const std::vector<DevicePair> apart{{1, 2}};
  try {
    static_cast<void>(plan_transfer_class({&fabric, nullptr}, Bytes(1e6), apart));
    FAIL("accepted");
  } catch (const InputError& e) {
    CHECK(render(e.diagnostics()) ==
          "error[no-plane]: no plane connects device 1 with device 2\n"
          "  help: place both inside one domain, or add a plane that spans them");
  }
}

TEST_CASE("128 groups of 128 ranks on 16,384 devices share one plan of few links",
          "[collective][scale]") {
  const Fabric fabric = leaf_fabric(16384, 32);
  const CollectiveContext context{&fabric, nullptr};
  for (const std::uint32_t stride : {1U, 128U}) {
    const auto groups = strided_groups(128, 128, stride);
    for (const auto& [type, algorithm] : std::vector<std::pair<CollectiveType, std::string>>{
             {ALL_REDUCE, "ring"}, {ALL_TO_ALL, "direct"}}) {
      INFO(to_string(type) << " stride " << stride);
      const CollectiveOptions options{.algorithm = algorithm, .protocol = {}, .plane = {}};
      if (stride == 128 && type == ALL_TO_ALL)
        continue;  // one rank per leaf: every pair is a pair of leaves
      const CollectivePlan p = plan_collective_class(context, type, Bytes(1e8), groups, options);
      REQUIRE(p.phases.size() == 1);
      CHECK(p.phases[0].loads.size() <= 8);
      CHECK(p.idle_time >= Seconds(1e8 * 127 / 128 / kPortRate));
    }
  }
}
