// Protocols and the tuner: what a library adds, and what it chooses.
#include <catch2/catch.hpp>

#include "dag_player.hpp"
#include "fabrics.hpp"
#include "xpusim/diagnostic.hpp"

using namespace xpusim;
using namespace xpusim::testing;
using Catch::Matchers::WithinRel;
using enum CollectiveType;

namespace {

ProtocolSpec protocol(const char* name, double share, double base, double step, double cap = 0) {
  ProtocolSpec p;
  p.name = name;
  p.bandwidth_share = share;
  p.base_latency = Seconds(base);
  p.step_latency = {{"fast", Seconds(step)}, {"default", Seconds(4 * step)}};
  p.max_bandwidth = BytesPerSecond(cap);
  return p;
}

CollectiveLibrarySpec small_library() {
  LibraryAlgorithmSpec ring;
  ring.algorithm = "ring";
  ring.protocols = {protocol("ll", 0.5, 5e-6, 1e-6, 15e9), protocol("simple", 1.0, 8e-6, 3e-6)};
  LibraryAlgorithmSpec exchange;
  exchange.algorithm = "direct";
  exchange.types = {"ALL_TO_ALL"};
  exchange.protocols = {protocol("simple", 1.0, 8e-6, 3e-6)};
  LibraryAlgorithmSpec reduce;
  reduce.algorithm = "in_switch";
  reduce.min_ranks = 3;
  reduce.protocols = {protocol("simple", 1.0, 25e-6, 0)};
  reduce.bandwidth_share = {{"fast", 0.8}};
  reduce.max_heads = 4;
  reduce.channels = 2;
  reduce.chunk = Bytes(1e6);
  reduce.chunk_steps = {{64, Bytes(5e5)}, {2, Bytes(1e5)}};
  reduce.pipeline_stages = 2;
  CollectiveLibrarySpec library;
  library.algorithms = {ring, exchange, reduce};
  library.units_share = 0.125;
  return library;
}

CollectivePlan plan(const Fabric& fabric, CollectiveType type, double bytes, std::uint32_t n,
                    const CollectiveOptions& options = {}) {
  const CollectiveLibrarySpec library = small_library();
  return plan_collective({&fabric, &library}, type, Bytes(bytes), first_devices(n), options);
}

}  // namespace

TEST_CASE("a protocol adds its base once, its step latency per step, and its share to the wire",
          "[collective][library]") {
  const Fabric fabric = switch_fabric(8);
  const double S = 1e6;
  const CollectivePlan simple =
      plan(fabric, ALL_REDUCE, S, 8, {.algorithm = "ring", .protocol = "simple", .plane = {}});
  // 8 us + 2(n-1)(3 us + S/(nB)): the step latency holds the way to the neighbour
  CHECK_THAT(simple.idle_time.value(), WithinRel(8e-6 + 14 * (3e-6 + S / (8 * kPortRate)), 1e-12));
  CHECK_THAT(simple.message_overhead.value(), WithinRel(3e-6 - kPathLatency, 1e-9));
  CHECK(simple.units_share == 0.125);
  // LL: half the wire, but no more than 15 of its 20 GB/s; its 1 us replaces the endpoint cost
  // of 1.7 us.
  const CollectivePlan ll =
      plan(fabric, ALL_REDUCE, S, 8, {.algorithm = "ring", .protocol = "ll", .plane = {}});
  CHECK_THAT(ll.idle_time.value(), WithinRel(5e-6 + 14 * (1e-6 + S / (8 * 15e9)), 1e-12));
  CHECK_THAT(ll.wire_factor, WithinRel(kPortRate / 15e9, 1e-12));
  CHECK_THAT(ll.message_overhead.value(), WithinRel(1e-6 - kPathLatency, 1e-9));
  CHECK_THAT(ll.phases[0].loads[0].wire_bytes,
             WithinRel(ll.phases[0].loads[0].bytes * kPortRate / 15e9, 1e-12));
}

TEST_CASE("with a library the messages still take the closed form's time",
          "[collective][library][closed-form]") {
  const Fabric fabric = switch_fabric(8, true);
  const CollectiveLibrarySpec library = small_library();
  const CollectiveContext context{&fabric, &library};
  const auto members = first_devices(8);
  for (const CollectiveType type : {ALL_REDUCE, ALL_GATHER, ALL_TO_ALL, BROADCAST, BARRIER}) {
    for (const double bytes : {1e3, 1e6, 1e9}) {
      const CollectivePlan p = plan_collective(context, type, Bytes(bytes), members);
      const double messages =
          play(fabric, p, lower_messages(context, p, members), members).makespan;
      INFO(to_string(type) << " " << bytes << " " << p.algorithm);
      CHECK_THAT(p.start_overhead.value() + messages, WithinRel(p.idle_time.value(), 1e-9));
    }
  }
}

TEST_CASE("the tuner takes the low-latency protocol for small and the wide one for large buffers",
          "[collective][tuner]") {
  const Fabric fabric = switch_fabric(8);
  CHECK(plan(fabric, ALL_REDUCE, 1e3, 8).protocol == "ll");
  CHECK(plan(fabric, ALL_REDUCE, 1e9, 8).protocol == "simple");
  CHECK(
      plan(fabric, ALL_REDUCE, 1e9, 8, {.algorithm = {}, .protocol = "ll", .plane = {}}).protocol ==
      "ll");
}

TEST_CASE("rows serve their collectives and sizes of group only", "[collective][tuner]") {
  const Fabric fabric = switch_fabric(8, true);
  CHECK(plan(fabric, ALL_TO_ALL, 1e6, 8).algorithm == "direct");
  CHECK(plan(fabric, ALL_GATHER, 1e3, 8).algorithm == "ring");  // direct would be shorter
  CHECK(plan(fabric, ALL_REDUCE, 1e9, 2).algorithm == "ring");  // in_switch needs three
}

TEST_CASE("an algorithm that the library has no row for borrows the protocols of its first row",
          "[collective][tuner]") {
  const Fabric fabric = switch_fabric(8);
  const CollectivePlan p = plan(fabric, ALL_REDUCE, 1e9, 8,
                                {.algorithm = "halving_doubling", .protocol = {}, .plane = {}});
  CHECK(p.protocol == "simple");
  CHECK_THAT(p.idle_time.value(),
             WithinRel(8e-6 + 6 * 3e-6 + 2 * 7.0 / 8 * 1e9 / kPortRate, 1e-12));
}

TEST_CASE("in-switch reduction: a share of the port, and two rounds of chunks to fill",
          "[collective][library]") {
  const Fabric fabric = switch_fabric(8, true);
  const CollectiveOptions options{.algorithm = "in_switch", .protocol = {}, .plane = {}};
  const double rate = 0.8 * kPortRate;
  const double large = 1e9;  // above 64 rounds of 2 channels x 4 heads x 1 MB
  CHECK_THAT(plan(fabric, ALL_REDUCE, large, 8, options).idle_time.value(),
             WithinRel(25e-6 + (large + 2 * 8e6) / rate, 1e-12));
  const double medium = 1e8;  // below 64 rounds of 8 MB, above 2 of 4 MB
  CHECK_THAT(plan(fabric, ALL_REDUCE, medium, 8, options).idle_time.value(),
             WithinRel(25e-6 + (medium + 2 * 4e6) / rate, 1e-12));
  const double small = 1e5;  // less than one round: it fills with what there is
  CHECK_THAT(plan(fabric, ALL_REDUCE, small, 8, options).idle_time.value(),
             WithinRel(25e-6 + 3 * small / rate, 1e-12));
}

TEST_CASE("an unknown protocol is refused", "[collective][refusal]") {
  const Fabric fabric = switch_fabric(8);
  try {
    static_cast<void>(
        plan(fabric, ALL_REDUCE, 1e6, 8, {.algorithm = {}, .protocol = "ll256", .plane = {}}));
    FAIL("accepted");
  } catch (const InputError& e) {
    CHECK(render(e.diagnostics()) ==
          "error[unknown-protocol]: the collective library has no protocol 'll256' for ALL_REDUCE\n"
          "  help: leave the protocol out to let the tuner choose");
  }
}

TEST_CASE("the tuner does not count the time a pipeline takes to fill", "[collective][tuner]") {
  const Fabric fabric = switch_fabric(8, true);
  const double bytes = 1e6;  // one round of 2 channels x 4 heads x 125 kB fills twice
  const CollectivePlan chosen = plan(fabric, ALL_REDUCE, bytes, 8);
  const CollectivePlan ring =
      plan(fabric, ALL_REDUCE, bytes, 8, {.algorithm = "ring", .protocol = {}, .plane = {}});
  const double fill = chosen.start_overhead.value() - 25e-6;
  CHECK(chosen.algorithm == "in_switch");
  CHECK(fill > 0);
  CHECK(chosen.idle_time.value() - fill < ring.idle_time.value());
}

TEST_CASE("in-switch reduction takes its own row or none", "[collective][tuner]") {
  const Fabric fabric = switch_fabric(8, true);
  CollectiveLibrarySpec library = small_library();
  const CollectiveContext context{&fabric, &library};
  const CollectiveOptions named{.algorithm = "in_switch", .protocol = {}, .plane = {}};
  // Asked for by name below its smallest group: the row still gives its base latency.
  CHECK(plan_collective(context, ALL_REDUCE, Bytes(1e3), first_devices(2), named).idle_time >
        Seconds(25e-6));
  library.algorithms.pop_back();
  for (LibraryAlgorithmSpec& row : library.algorithms) row.links = {"another"};
  CHECK(plan_collective(context, ALL_REDUCE, Bytes(1e9), first_devices(8)).algorithm == "ring");
  CHECK_THROWS_AS(plan_collective(context, ALL_REDUCE, Bytes(1e9), first_devices(8), named),
                  InputError);
}

TEST_CASE("a library names the algorithm of each level of a hierarchy", "[collective][library]") {
  const Fabric fabric = grid_fabric({8, 4});  // switches of 8 on "fast", of 4 on "slow"
  LibraryAlgorithmSpec row;
  row.algorithm = "hierarchical";
  row.protocols = {ProtocolSpec{}};
  row.protocols[0].name = "simple";
  row.level_algorithms = {{"fast", "ring"}, {"default", "ring"}};
  CollectiveLibrarySpec library;
  library.algorithms = {row};
  const double S = 64e6, a = kPathLatency, b = 2 * 500e-9 + 300e-9 + 2e-6;
  const CollectivePlan rings =
      plan_collective({&fabric, &library}, ALL_REDUCE, Bytes(S), first_devices(32));
  CHECK(rings.inner == "ring");
  CHECK(rings.outer == "ring");
  CHECK_THAT(rings.idle_time.value(),
             WithinRel(2 * 7 * (a + S / 8 / kPortRate) + 2 * 3 * (b + S / 8 / 4 / (2 * kOuterRate)),
                       1e-9));
  // A tree cannot reduce-scatter, so the inner level runs what is shortest.
  library.algorithms[0].level_algorithms = {{"fast", "double_binary_tree"}, {"slow", "ring"}};
  const CollectivePlan tree =
      plan_collective({&fabric, &library}, ALL_REDUCE, Bytes(S), first_devices(32));
  CHECK(tree.inner == "direct");
  CHECK(tree.outer == "ring");
  library.algorithms[0].level_algorithms = {{"fast", "rings"}};
  CHECK_THROWS_WITH(plan_collective({&fabric, &library}, ALL_REDUCE, Bytes(S), first_devices(32)),
                    Catch::Contains("there is no collective algorithm 'rings'"));
  const Fabric cube = grid_fabric({2, 3, 2});
  library.algorithms[0].level_algorithms = {{"fast", "ring"}, {"slow", "ring"}};
  const CollectivePlan three =
      plan_collective({&cube, &library}, ALL_REDUCE, Bytes(S), first_devices(12));
  CHECK(three.inner == "ring");
  CHECK(three.outer == "ring/ring");
}
