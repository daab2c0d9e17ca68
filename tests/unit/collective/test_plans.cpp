// One group: planes, refusals, unequal latencies, scale.
#include <catch2/catch.hpp>
#include <chrono>
#include <functional>
#include <map>

#include "dag_player.hpp"
#include "fabrics.hpp"
#include "xpusim/diagnostic.hpp"

using namespace xpusim;
using namespace xpusim::testing;
using Catch::Matchers::WithinRel;
using enum CollectiveType;

namespace {

CollectivePlan plan(const Fabric& fabric, CollectiveType type, double bytes,
                    const std::vector<DeviceId>& members, const CollectiveOptions& options = {}) {
  return plan_collective({&fabric, nullptr}, type, Bytes(bytes), members, options);
}

std::string refusal(const Fabric& fabric, CollectiveType type, const std::vector<DeviceId>& members,
                    const CollectiveOptions& options) {
  try {
    static_cast<void>(plan(fabric, type, 1e6, members, options));
  } catch (const InputError& e) {
    return render(e.diagnostics());
  }
  return "accepted";
}

}  // namespace

TEST_CASE("names of collectives are read in any case, with or without underscores",
          "[collective]") {
  CHECK(parse_collective_type("ALL_REDUCE") == ALL_REDUCE);
  CHECK(parse_collective_type("allreduce") == ALL_REDUCE);
  CHECK(parse_collective_type("Reduce_Scatter") == REDUCE_SCATTER);
  CHECK(parse_collective_type("all reduce") == std::nullopt);
  CHECK(to_string(ALL_TO_ALL) == "ALL_TO_ALL");
}

TEST_CASE("bus bandwidth factors are those of nccl-tests", "[collective]") {
  CHECK_THAT(busbw_factor(ALL_REDUCE, 8), WithinRel(2.0 * 7 / 8, 1e-15));
  for (const CollectiveType t : {ALL_GATHER, REDUCE_SCATTER, ALL_TO_ALL, GATHER, SCATTER}) {
    CHECK_THAT(busbw_factor(t, 8), WithinRel(7.0 / 8, 1e-15));
  }
  for (const CollectiveType t : {BROADCAST, REDUCE, SEND_RECV}) CHECK(busbw_factor(t, 8) == 1);
}

TEST_CASE("every collective has an algorithm", "[collective]") {
  const Fabric fabric = switch_fabric(6);
  for (const CollectiveType t : {ALL_REDUCE, REDUCE, ALL_GATHER, GATHER, SCATTER, BROADCAST,
                                 ALL_TO_ALL, REDUCE_SCATTER, BARRIER, SEND_RECV}) {
    CHECK(plan(fabric, t, 1e6, first_devices(6)).idle_time > Seconds(0));
  }
}

TEST_CASE("without a library the tuner takes the shortest algorithm", "[collective][tuner]") {
  const Fabric fabric = switch_fabric(8);
  for (const double bytes : {256.0, 65536.0, 1e7, 1e9}) {
    const CollectivePlan chosen = plan(fabric, ALL_REDUCE, bytes, first_devices(8));
    for (const AlgorithmInfo& info : collective_algorithms()) {
      if (info.name == "hierarchical" || info.name == "multi_rail_ring" ||
          info.name == "in_switch" || info.name == "pairwise") {
        continue;
      }
      const CollectivePlan other =
          plan(fabric, ALL_REDUCE, bytes, first_devices(8),
               {.algorithm = std::string(info.name), .protocol = {}, .plane = {}});
      CHECK(chosen.idle_time <= other.idle_time);
    }
  }
  CHECK(plan(fabric, ALL_REDUCE, 256, first_devices(8)).algorithm == "direct");
}

TEST_CASE(
    "a group inside a supernode takes the fast plane, one that spans supernodes goes over both",
    "[collective][planes]") {
  const Fabric fabric = two_level_fabric(4, 4);
  const CollectivePlan inside = plan(fabric, ALL_REDUCE, 1e9, {4, 5, 6, 7});
  CHECK(inside.planes == std::vector<PlaneId>{0});
  const CollectivePlan across = plan(fabric, ALL_REDUCE, 1e9, first_devices(16));
  CHECK(across.planes == std::vector<PlaneId>{0, 1});
  const CollectivePlan flat = plan(fabric, ALL_REDUCE, 1e9, first_devices(16),
                                   {.algorithm = {}, .protocol = {}, .plane = "out"});
  CHECK(flat.planes == std::vector<PlaneId>{1});
  CHECK(flat.idle_time > across.idle_time);
  const CollectivePlan uneven = plan(fabric, ALL_REDUCE, 1e9, {0, 1, 2, 4});
  CHECK(uneven.planes == std::vector<PlaneId>{1});  // three and one: nothing to split evenly
}

TEST_CASE("what no algorithm does over several planes is refused by name",
          "[collective][refusal]") {
  const Fabric fabric = grid_fabric({2, 2, 2});
  CHECK(refusal(fabric, GATHER, first_devices(8), {}) ==
        "error[unsupported-algorithm]: algorithm 'hierarchical' does not do GATHER\n"
        "  help: place the group on one plane, or add a plane that spans it");
}

TEST_CASE("refusals name the way out", "[collective][refusal]") {
  const Fabric fabric = two_level_fabric(2, 3);
  CHECK(refusal(fabric, ALL_REDUCE, first_devices(6),
                {.algorithm = "rings", .protocol = {}, .plane = {}}) ==
        "error[unknown-algorithm]: there is no collective algorithm 'rings'\n  help: did you mean "
        "'ring'?");
  CHECK(
      refusal(fabric, ALL_REDUCE, first_devices(3),
              {.algorithm = "pairwise", .protocol = {}, .plane = {}}) ==
      "error[unsupported-algorithm]: algorithm 'pairwise' does not do ALL_REDUCE\n"
      "  help: these can: ring, bidirectional_ring, halving_doubling, double_binary_tree, direct");
  CHECK(refusal(fabric, ALL_GATHER, first_devices(3),
                {.algorithm = "halving_doubling", .protocol = {}, .plane = {}}) ==
        "error[unsupported-algorithm]: algorithm 'halving_doubling' does not do ALL_GATHER among 3 "
        "ranks, only among "
        "a power of two\n  help: these can: ring, bidirectional_ring, direct, pairwise");
  CHECK(
      refusal(fabric, ALL_REDUCE, first_devices(3),
              {.algorithm = "hierarchical", .protocol = {}, .plane = {}}) ==
      "error[unsupported-algorithm]: algorithm 'hierarchical' needs a plane that splits 3 "
      "devices (0 to 2) "
      "evenly, and one between the parts\n"
      "  help: these can: ring, bidirectional_ring, halving_doubling, double_binary_tree, direct");
  CHECK(
      refusal(fabric, ALL_REDUCE, first_devices(3),
              {.algorithm = "in_switch", .protocol = {}, .plane = {}}) ==
      "error[unsupported-algorithm]: algorithm 'in_switch' needs switches that reduce; those of "
      "plane 'up' do not\n"
      "  help: these can: ring, bidirectional_ring, halving_doubling, double_binary_tree, direct");
  CHECK(refusal(fabric, ALL_REDUCE, first_devices(6),
                {.algorithm = {}, .protocol = {}, .plane = "up"}) ==
        "error[plane-does-not-connect]: plane 'up' does not connect all of 6 devices (0 to 5)\n"
        "  help: it spans 3 devices; leave the plane out to let the group go over several");
  CHECK(refusal(fabric, ALL_REDUCE, first_devices(6),
                {.algorithm = {}, .protocol = {}, .plane = "ub"}) ==
        "error[unknown-plane]: the system has no plane 'ub'\n  help: its planes are: up, out");
  const Fabric island = build(2, 2, {switch_plane("up", "fast", PlaneRole::scale_up, 2)});
  CHECK(refusal(island, ALL_REDUCE, {1, 2}, {}) ==
        "error[no-plane]: no plane connects all of 2 devices (1 to 2)\n"
        "  help: place the group inside one domain, or add a plane that spans it");
  CHECK_THROWS_AS(plan(fabric, ALL_REDUCE, 1, {1, 1}), InternalError);
}

TEST_CASE("a ring over unequal hops takes the chunk with the longest way",
          "[collective][closed-form]") {
  // Two leaves of three: hops 2-3 and 5-0 cross the spine. The chunk that skips two short hops is
  // last.
  const Fabric fabric = leaf_fabric(6, 3);
  const std::vector<DeviceId> members = first_devices(6);
  const double near = fabric.route(0, 0, 1).front().latency.value();
  const double far = fabric.route(0, 2, 3).front().latency.value();
  REQUIRE(far > near);
  const double S = 6e6;
  const CollectivePlan p =
      plan(fabric, ALL_REDUCE, S, members, {.algorithm = "ring", .protocol = {}, .plane = {}});
  const double total = 4 * near + 2 * far;
  CHECK_THAT(p.idle_time.value(),
             WithinRel(2 * total - 2 * near + 2 * 5 * S / (6 * kPortRate), 1e-12));
  const MessageDag dag = lower_messages({&fabric, nullptr}, p, members);
  CHECK_THAT(play(fabric, p, dag, members).makespan, WithinRel(p.idle_time.value(), 1e-9));
  const CollectivePlan half =
      plan(fabric, ALL_GATHER, S, members, {.algorithm = "ring", .protocol = {}, .plane = {}});
  CHECK_THAT(half.idle_time.value(), WithinRel(total - near + 5 * S / (6 * kPortRate), 1e-12));
}

TEST_CASE("more bytes, more ranks or less bandwidth never make a collective shorter",
          "[collective][property]") {
  const Fabric fabric = switch_fabric(17, true);
  for (const AlgorithmInfo& info : collective_algorithms()) {
    if (info.name == "hierarchical" || info.name == "multi_rail_ring") continue;
    for (const CollectiveType type : info.types) {
      if (info.name == "halving_doubling" && type != ALL_REDUCE) continue;
      const CollectiveOptions options{
          .algorithm = std::string(info.name), .protocol = {}, .plane = {}};
      double last = 0;
      for (double bytes = 1; bytes < 1e10; bytes *= 3) {
        const double now = plan(fabric, type, bytes, first_devices(9), options).idle_time.value();
        INFO(info.name << " " << to_string(type) << " " << bytes);
        CHECK(now >= last * (1 - 1e-12));
        last = now;
      }
    }
  }
}

TEST_CASE("another choice of equal devices changes nothing", "[collective][property]") {
  const Fabric fabric = switch_fabric(16);
  const CollectivePlan a = plan(fabric, ALL_REDUCE, 1e8, {0, 1, 2, 3, 4});
  const CollectivePlan b = plan(fabric, ALL_REDUCE, 1e8, {15, 3, 9, 11, 2});
  CHECK(a.idle_time == b.idle_time);
  CHECK(a.algorithm == b.algorithm);
}

TEST_CASE("uniform all-to-all over leaves loads the links as pair by pair", "[collective][loads]") {
  for (const double oversubscription : {1.0, 2.0}) {
    const Fabric fabric = leaf_fabric(12, 4, oversubscription);
    const std::vector<DeviceId> members{0, 1, 2, 3, 4, 5, 8, 9, 10};  // 4, 2 and 3 under a leaf
    const double S = 9e6;
    const CollectivePlan p =
        plan(fabric, ALL_TO_ALL, S, members, {.algorithm = "direct", .protocol = {}, .plane = {}});
    std::map<LinkId, double> expected;
    for (const DeviceId i : members) {
      for (const DeviceId j : members) {
        if (i == j) continue;
        for (const Path& path : fabric.route(0, i, j, flow_hash(i, j))) {
          for (const LinkId l : path.links) expected[l] += S / 9 * path.share;
        }
      }
    }
    REQUIRE(p.phases.size() == 1);
    REQUIRE(p.phases[0].loads.size() == expected.size());
    for (const LinkLoad& load : p.phases[0].loads)
      CHECK_THAT(load.bytes, WithinRel(expected.at(load.link), 1e-12));
  }
}

TEST_CASE("a ring all-reduce of 384 ranks has 2 (n - 1) n messages", "[collective][scale]") {
  const Fabric fabric = switch_fabric(384);
  const std::vector<DeviceId> members = first_devices(384);
  const CollectivePlan p =
      plan(fabric, ALL_REDUCE, 1e9, members, {.algorithm = "ring", .protocol = {}, .plane = {}});
  CHECK(lower_messages({&fabric, nullptr}, p, members).messages.size() == 2 * 383 * 384);
}
