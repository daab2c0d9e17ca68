// Every algorithm, every collective it does, 2 to 17 ranks: data, bytes, and time on the idle
// fabric.
#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <map>

#include "dag_player.hpp"
#include "fabrics.hpp"
#include "xpusim/diagnostic.hpp"

using namespace xpusim;
using namespace xpusim::testing;
using Catch::Matchers::WithinRel;
using enum CollectiveType;

namespace {

struct Case {
  std::string algorithm;
  CollectiveType type;
};

std::vector<Case> flat_cases() {
  std::vector<Case> cases;
  for (const AlgorithmInfo& info : collective_algorithms()) {
    if (info.name == "hierarchical" || info.name == "multi_rail_ring") continue;
    for (const CollectiveType type : info.types) cases.push_back({std::string(info.name), type});
  }
  return cases;
}

bool only_powers_of_two(const Case& c) {
  return c.algorithm == "halving_doubling" && (c.type == REDUCE_SCATTER || c.type == ALL_GATHER);
}

struct Run {
  CollectivePlan plan;
  MessageDag dag;
  Played played;
};

Run run(const Fabric& fabric, const Case& c, double bytes, const std::vector<DeviceId>& members) {
  const CollectiveContext context{&fabric, nullptr};
  Run r;
  r.plan = plan_collective(context, c.type, Bytes(bytes), members,
                           {.algorithm = c.algorithm, .protocol = {}, .plane = {}});
  r.dag = lower_messages(context, r.plan, members);
  r.played = play(fabric, r.plan, r.dag, members);
  return r;
}

double total_bytes(const MessageDag& dag) {
  double sum = 0;
  for (const Message& m : dag.messages) sum += m.bytes;
  return sum;
}

/// Payload that all ranks together put on the wire, as the textbook has it.
double textbook_bytes(const Run& r) {
  const double n = r.plan.ranks;
  const double s = r.plan.bytes;
  const bool in_switch = r.plan.algorithm == "in_switch";
  switch (r.plan.type) {
    case ALL_REDUCE:
      if (in_switch) return 2 * n * s;  // up and down
      if (r.plan.algorithm == "direct" && r.plan.phases.size() == 1) return n * (n - 1) * s;
      return 2 * (n - 1) * s;
    case REDUCE_SCATTER:
    case ALL_GATHER:
      return in_switch ? (n + 1) * s : (n - 1) * s;
    case ALL_TO_ALL:
      return (n - 1) * s;
    case BROADCAST:
      return in_switch ? n * s : (n - 1) * s;
    case REDUCE:
      return in_switch ? (n + 1) * s : (n - 1) * s;
    case GATHER:
    case SCATTER:
      return (n - 1) / n * s;
    case SEND_RECV:
      return n * s;
    case BARRIER:
      return 0;
  }
  return -1;
}

}  // namespace

TEST_CASE("every rank ends with every contribution exactly once", "[collective][data]") {
  for (const Case& c : flat_cases()) {
    for (std::uint32_t n = 2; n <= 17; ++n) {
      if (only_powers_of_two(c) && !std::has_single_bit(n)) continue;
      for (const double bytes : {4096.0, 64e6}) {
        INFO(c.algorithm << " " << to_string(c.type) << " n=" << n << " S=" << bytes);
        const Fabric fabric = switch_fabric(static_cast<int>(n), true);
        const Run r = run(fabric, c, bytes, first_devices(n));
        if (c.type != BARRIER)
          CHECK(wrong_contents(r.plan, r.dag, move_data(r.plan, r.dag, r.played)).empty());
        for (std::uint32_t seed = 0; seed < 3 && c.type != BARRIER; ++seed) {
          const Played shuffled = play_at_random(r.dag, seed);
          CHECK(wrong_contents(r.plan, r.dag, move_data(r.plan, r.dag, shuffled)).empty());
        }
      }
    }
  }
}

TEST_CASE("after a barrier every rank has heard of every other", "[collective][data]") {
  for (const Case& c : flat_cases()) {
    if (c.type != BARRIER) continue;
    for (std::uint32_t n = 2; n <= 17; ++n) {
      INFO(c.algorithm << " n=" << n);
      const Fabric fabric = switch_fabric(static_cast<int>(n), true);
      const Run r = run(fabric, c, 0, first_devices(n));
      const Contents contents = move_data(r.plan, r.dag, play_at_random(r.dag, n));
      for (std::uint32_t rank = 0; rank < n; ++rank) {
        for (std::uint32_t other = 0; other < n; ++other) {
          bool heard = false;
          for (const auto& chunk : contents[rank]) heard = heard || chunk[other] > 0;
          CHECK(heard);
        }
      }
    }
  }
}

TEST_CASE("messages carry the textbook's bytes and plans load as many",
          "[collective][conservation]") {
  for (const Case& c : flat_cases()) {
    for (std::uint32_t n = 2; n <= 17; ++n) {
      if (only_powers_of_two(c) && !std::has_single_bit(n)) continue;
      for (const double bytes : {4096.0, 64e6}) {
        INFO(c.algorithm << " " << to_string(c.type) << " n=" << n << " S=" << bytes);
        const Fabric fabric = switch_fabric(static_cast<int>(n), true);
        const Run r = run(fabric, c, bytes, first_devices(n));
        const double expected = textbook_bytes(r);
        if (expected == 0) {
          CHECK(total_bytes(r.dag) == 0);
          CHECK(r.plan.tier_loads.empty());
          continue;
        }
        CHECK_THAT(total_bytes(r.dag), WithinRel(expected, 1e-12));
        // What goes up to the switch comes down again, in-switch traffic counts each way by itself.
        double loaded = 0;
        for (const TierLoad& t : r.plan.tier_loads) loaded += t.bytes;
        CHECK_THAT(loaded, WithinRel(c.algorithm == "in_switch" ? expected : 2 * expected, 1e-12));
      }
    }
  }
}

TEST_CASE("idle time is the longest way through the messages on an idle fabric",
          "[collective][closed-form]") {
  for (const Case& c : flat_cases()) {
    for (std::uint32_t n = 2; n <= 17; ++n) {
      if (only_powers_of_two(c) && !std::has_single_bit(n)) continue;
      for (const double bytes : {512.0, 1e6, 256e6}) {
        INFO(c.algorithm << " " << to_string(c.type) << " n=" << n << " S=" << bytes);
        const Fabric fabric = switch_fabric(static_cast<int>(n), true);
        const Run r = run(fabric, c, bytes, first_devices(n));
        CHECK_THAT(r.played.makespan, WithinRel(r.plan.idle_time.value(), 1e-9));
      }
    }
  }
}

TEST_CASE("idle times are the textbook's", "[collective][closed-form]") {
  const double a = kPathLatency;
  const double B = kPortRate;
  for (std::uint32_t ranks = 2; ranks <= 17; ++ranks) {
    const Fabric fabric = switch_fabric(static_cast<int>(ranks), true);
    const double n = ranks;
    const double half = std::ceil((n - 1) / 2);
    const double p = std::bit_floor(ranks);
    const double folds = p == n ? 0 : 2;
    for (const double S : {1e4, 1e8}) {
      INFO("n=" << n << " S=" << S);
      const auto time = [&](const char* algorithm, CollectiveType type) {
        return run(fabric, {algorithm, type}, S, first_devices(ranks)).plan.idle_time.value();
      };
      // Patarasuk & Yuan 2009: 2(n-1)(a + S/(nB)); one pass for each half of it.
      CHECK_THAT(time("ring", ALL_REDUCE), WithinRel(2 * (n - 1) * (a + S / (n * B)), 1e-12));
      CHECK_THAT(time("ring", REDUCE_SCATTER), WithinRel((n - 1) * (a + S / (n * B)), 1e-12));
      CHECK_THAT(time("ring", ALL_GATHER), WithinRel((n - 1) * (a + S / (n * B)), 1e-12));
      CHECK_THAT(time("ring", BARRIER), WithinRel(2 * (n - 1) * a, 1e-12));
      // Half of the steps, the same bytes through the one port.
      CHECK_THAT(time("bidirectional_ring", ALL_REDUCE),
                 WithinRel(2 * (half * a + (n - 1) * S / (n * B)), 1e-12));
      // Thakur et al. 2005: 2 log2(p) a + 2 (p-1)/p S/B, and a + S/B for each fold.
      CHECK_THAT(
          time("halving_doubling", ALL_REDUCE),
          WithinRel(folds * (a + S / B) + 2 * std::log2(p) * a + 2 * (p - 1) / p * S / B, 1e-12));
      // One shot a + (n-1)S/B or two shots 2a + 2(n-1)S/(nB), whichever is shorter.
      CHECK_THAT(
          time("direct", ALL_REDUCE),
          WithinRel(std::min(a + (n - 1) * S / B, 2 * a + 2 * (n - 1) * S / (n * B)), 1e-12));
      CHECK_THAT(time("direct", ALL_TO_ALL), WithinRel(a + (n - 1) * S / (n * B), 1e-12));
      CHECK_THAT(time("direct", ALL_GATHER), WithinRel(a + (n - 1) * S / (n * B), 1e-12));
      CHECK_THAT(time("direct", SCATTER), WithinRel(a + (n - 1) * S / (n * B), 1e-12));
      CHECK_THAT(time("direct", BROADCAST), WithinRel(a + (n - 1) * S / B, 1e-12));
      CHECK_THAT(time("direct", SEND_RECV), WithinRel(a + S / B, 1e-12));
      CHECK_THAT(time("direct", BARRIER), WithinRel(a, 1e-12));
      CHECK_THAT(time("pairwise", ALL_TO_ALL), WithinRel((n - 1) * (a + S / (n * B)), 1e-12));
      // In the switch: up and down at once; 0.5 us up with the switch, 0.2 us down, endpoints once
      // each way or so as the fabric counts them; the bytes take S/B.
      const double up_down = fabric.to_switch(0, 0).front().latency.value() +
                             fabric.from_switch(0, 0).front().latency.value();
      CHECK_THAT(time("in_switch", ALL_REDUCE), WithinRel(up_down + S / B, 1e-12));
      // A chain of pipelined chunks: (chunks + n - 2)(a + S/(chunks B)).
      const CollectivePlan chain = run(fabric, {"ring", BROADCAST}, S, first_devices(ranks)).plan;
      const double c = chain.pipeline_chunks;
      CHECK_THAT(chain.idle_time.value(), WithinRel((c + n - 2) * (a + S / (c * B)), 1e-12));
    }
  }
}

TEST_CASE("a double tree takes rounds of latency plus one chunk and two passes over the port",
          "[collective][closed-form]") {
  for (std::uint32_t n = 3; n <= 17; ++n) {
    const Fabric fabric = switch_fabric(static_cast<int>(n));
    const Run r = run(fabric, {"double_binary_tree", ALL_REDUCE}, 1e9, first_devices(n));
    const double chunk = 1e9 / (2.0 * r.plan.pipeline_chunks);
    const double rounds = r.plan.idle_time.value() / (kPathLatency + chunk / kPortRate);
    INFO("n=" << n << " rounds " << rounds << " chunks " << r.plan.pipeline_chunks);
    CHECK_THAT(rounds, WithinRel(std::round(rounds), 1e-9));
    // Every port must pass 2S, so 4 chunks rounds at least; the list schedule leaves some unused.
    CHECK(rounds >= 4.0 * r.plan.pipeline_chunks * (n - 1) / n - 1);
    CHECK(rounds <= 5.5 * r.plan.pipeline_chunks + 8 * std::bit_width(n));
  }
}

TEST_CASE(
    "hierarchical collectives move the right data, the textbook's bytes, in the closed form's time",
    "[collective][hierarchical]") {
  for (const auto& [supernodes, k] :
       std::vector<std::pair<int, int>>{{2, 2}, {2, 4}, {3, 2}, {4, 3}, {3, 5}, {4, 4}}) {
    const Fabric fabric = two_level_fabric(supernodes, k);
    const std::uint32_t n = fabric.devices();
    for (const AlgorithmInfo& info : collective_algorithms()) {
      if (info.name != "hierarchical") continue;
      for (const CollectiveType type : info.types) {
        for (const double bytes : {2048.0, 64e6}) {
          INFO(to_string(type) << " " << supernodes << "x" << k << " S=" << bytes);
          const Run r = run(fabric, {"hierarchical", type}, bytes, first_devices(n));
          INFO(r.plan.inner << " / " << r.plan.outer);
          CHECK_THAT(r.played.makespan, WithinRel(r.plan.idle_time.value(), 1e-9));
          if (type == BARRIER) continue;
          CHECK(wrong_contents(r.plan, r.dag, move_data(r.plan, r.dag, r.played)).empty());
          for (std::uint32_t seed = 0; seed < 3; ++seed) {
            CHECK(
                wrong_contents(r.plan, r.dag, move_data(r.plan, r.dag, play_at_random(r.dag, seed)))
                    .empty());
          }
          const double ranks = n;
          // All-to-all passes the buffer twice; everything else moves what a flat algorithm moves.
          const double twice = ranks * bytes * ((k - 1.0) / k + (supernodes - 1.0) / supernodes);
          if (type == ALL_TO_ALL) CHECK_THAT(total_bytes(r.dag), WithinRel(twice, 1e-12));
          if (type == ALL_REDUCE && r.plan.outer != "direct") {
            CHECK_THAT(total_bytes(r.dag), WithinRel(2 * (ranks - 1) * bytes, 1e-12));
          }
          if (type == ALL_GATHER || type == REDUCE_SCATTER || type == BROADCAST) {
            CHECK_THAT(total_bytes(r.dag), WithinRel((ranks - 1) * bytes, 1e-12));
          }
        }
      }
    }
  }
}

TEST_CASE(
    "a hierarchical all-reduce is reduce-scatter inside, all-reduce between, all-gather inside",
    "[collective][hierarchical]") {
  const Fabric fabric = two_level_fabric(4, 8);
  const Run r = run(fabric, {"hierarchical", ALL_REDUCE}, 1e9, first_devices(32));
  const double inner = kPathLatency;
  const double outer = 2 * 500e-9 + 300e-9 + 2e-6;
  CHECK(r.plan.inner == "direct");
  CHECK(r.plan.outer == "halving_doubling");  // 2 log2(4) steps, the bytes of a ring
  const double expected =
      2 * (inner + 7.0 / 8 * 1e9 / kPortRate) + 4 * outer + 2 * 3.0 / 4 * (1e9 / 8) / kOuterRate;
  CHECK_THAT(r.plan.idle_time.value(), WithinRel(expected, 1e-9));
}

TEST_CASE(
    "an all-reduce over strided planes scatters inwards, reduces at the top, gathers outwards",
    "[collective][hierarchical]") {
  // [8, 4]: the outer plane joins equal positions of the inner switches, as if it spanned them all.
  const double S = 1e9, a = kPathLatency, b = 2 * 500e-9 + 300e-9 + 2e-6;
  const double slow = 10e9, mid = 2 * slow;
  const Run two = run(grid_fabric({8, 4}), {"hierarchical", ALL_REDUCE}, S, first_devices(32));
  CHECK(two.plan.planes == std::vector<PlaneId>{0, 1});
  CHECK(two.plan.inner == "direct");
  CHECK(two.plan.outer == "halving_doubling");
  CHECK_THAT(
      two.plan.idle_time.value(),
      WithinRel(2 * (a + 7.0 / 8 * S / kPortRate) + 4 * b + 2 * 3.0 / 4 * (S / 8) / mid, 1e-9));
  CHECK_THAT(two.played.makespan, WithinRel(two.plan.idle_time.value(), 1e-9));
  // [4, 4, 4]: each level out works on a quarter of the bytes.
  const Run three = run(grid_fabric({4, 4, 4}), {"hierarchical", ALL_REDUCE}, S, first_devices(64));
  CHECK(three.plan.planes == std::vector<PlaneId>{0, 1, 2});
  CHECK(three.plan.inner == "direct");
  CHECK(three.plan.outer == "direct/halving_doubling");
  CHECK_THAT(three.plan.idle_time.value(),
             WithinRel(2 * (a + 3.0 / 4 * S / kPortRate) + 2 * (b + 3.0 / 4 * (S / 4) / mid) +
                           4 * b + 2 * 3.0 / 4 * (S / 16) / slow,
                       1e-9));
  CHECK_THAT(three.played.makespan, WithinRel(three.plan.idle_time.value(), 1e-9));
  CHECK_THAT(total_bytes(three.dag), WithinRel(2 * 63 * S, 1e-12));
}

TEST_CASE("collectives over three strided planes move the right data in the closed form's time",
          "[collective][hierarchical]") {
  for (const auto& sizes :
       std::vector<std::vector<int>>{{2, 2, 2}, {2, 3, 2}, {3, 2, 4}, {2, 2, 3, 2}}) {
    const Fabric fabric = grid_fabric(sizes);
    const std::uint32_t n = fabric.devices();
    for (const CollectiveType type :
         {ALL_REDUCE, REDUCE_SCATTER, ALL_GATHER, ALL_TO_ALL, BROADCAST, REDUCE, BARRIER}) {
      for (const double bytes : {2048.0, 64e6}) {
        INFO(to_string(type) << " " << n << " S=" << bytes);
        const Run r = run(fabric, {"", type}, bytes, first_devices(n));
        CHECK(r.plan.algorithm == "hierarchical");
        CHECK(r.plan.planes.size() == sizes.size());
        CHECK_THAT(r.played.makespan, WithinRel(r.plan.idle_time.value(), 1e-9));
        if (type == BARRIER) continue;
        CHECK(wrong_contents(r.plan, r.dag, move_data(r.plan, r.dag, r.played)).empty());
        for (std::uint32_t seed = 0; seed < 3; ++seed) {
          CHECK(wrong_contents(r.plan, r.dag, move_data(r.plan, r.dag, play_at_random(r.dag, seed)))
                    .empty());
        }
        double passes = type == ALL_REDUCE ? 2 * (n - 1.0) : n - 1.0;
        if (type == ALL_TO_ALL) {  // the buffer passes once along every axis
          passes = 0;
          for (const double k : sizes) passes += n * (k - 1) / k;
        }
        if (type != REDUCE || r.plan.inner != "direct") {
          CHECK_THAT(total_bytes(r.dag), WithinRel(passes * bytes, 1e-12));
        }
      }
    }
  }
}

TEST_CASE("a group along one axis of a grid takes that axis' plane", "[collective][planes]") {
  const Fabric fabric = grid_fabric({4, 4, 4});
  const auto planes = [&](std::vector<DeviceId> members) {
    return plan_collective({&fabric, nullptr}, ALL_REDUCE, Bytes(1e6), members).planes;
  };
  CHECK(planes({0, 1, 2, 3}) == std::vector<PlaneId>{0});
  CHECK(planes({1, 5, 9, 13}) == std::vector<PlaneId>{1});
  CHECK(planes({1, 17, 33, 49}) == std::vector<PlaneId>{2});
  CHECK(planes({0, 1, 16, 17}) == std::vector<PlaneId>{0, 2});
}

TEST_CASE("rings on all rails move the right data and keep every port equally busy",
          "[collective][hierarchical]") {
  for (const auto& [supernodes, k] :
       std::vector<std::pair<int, int>>{{2, 2}, {2, 4}, {3, 2}, {4, 3}, {3, 5}}) {
    const Fabric fabric = two_level_fabric(supernodes, k);
    const double n = fabric.devices();
    for (const CollectiveType type : {ALL_REDUCE, REDUCE_SCATTER, ALL_GATHER}) {
      INFO(to_string(type) << " " << supernodes << "x" << k);
      const double passes = type == ALL_REDUCE ? 2 : 1;
      const double S = 64e6;
      const Run r = run(fabric, {"multi_rail_ring", type}, S, first_devices(fabric.devices()));
      for (std::uint32_t seed = 0; seed < 3; ++seed) {
        CHECK(wrong_contents(r.plan, r.dag, move_data(r.plan, r.dag, play_at_random(r.dag, seed)))
                  .empty());
      }
      CHECK_THAT(total_bytes(r.dag), WithinRel(passes * (n - 1) * S, 1e-12));
      // k channels of S/k: a port passes all but the one that leaves there, the outer port passes
      // that one.
      const double channel = passes * (n - 1) / n * S / k;
      for (const LinkLoad& l : r.plan.phases[0].loads) {
        const bool inner = fabric.links()[l.link].plane == 0;
        CHECK_THAT(l.bytes, WithinRel(inner ? channel * (k - 1) : channel, 1e-12));
      }
      const double in = S / n / k / kPortRate, out = S / n / k / kOuterRate;  // a chunk on a port
      const double outer_path = 2 * 500e-9 + 300e-9 + 2e-6;
      const double inner = kPathLatency + in, outer = outer_path + out;
      const double skipped = type == ALL_REDUCE ? (k > 2 ? 2 * inner : inner + outer) : inner;
      const double journey = passes * supernodes * ((k - 1) * inner + outer) - skipped;
      const double port = std::max(channel * (k - 1) / kPortRate, channel / kOuterRate);
      const double tail = outer_path + (k - 1) * inner;
      CHECK_THAT(r.plan.idle_time.value(), WithinRel(std::max(journey, port + tail), 1e-12));
      // Hops differ in rate, so a chunk waits where its ring is slow; the closed form has the
      // busiest port instead.
      CHECK_THAT(r.played.makespan, WithinRel(r.plan.idle_time.value(), 0.1));
    }
  }
}

TEST_CASE("one rank has nothing to do", "[collective]") {
  const Fabric fabric = switch_fabric(4);
  for (const AlgorithmInfo& info : collective_algorithms()) {
    for (const CollectiveType type : info.types) {
      const CollectiveContext context{&fabric, nullptr};
      const std::vector<DeviceId> one{2};
      const CollectivePlan plan = plan_collective(context, type, Bytes(1e6), one);
      CHECK(plan.idle_time == Seconds(0));
      CHECK(plan.phases.empty());
      CHECK(lower_messages(context, plan, one).messages.empty());
    }
  }
}
