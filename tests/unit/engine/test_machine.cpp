#include <catch2/catch.hpp>
#include <deque>

#include "small_fabric.hpp"

using namespace xpusim;
using namespace xpusim::test;
using Catch::Matchers::WithinRel;

namespace {

constexpr double kExact = 1e-9;

struct Case {
  std::shared_ptr<const CollectivePlan> plan;
  std::vector<DeviceId> members;
  double time = -1;
};

/// Runs the cases one after another on an idle machine.
void run_in_turn(const Fabric& fabric, const CollectiveContext& context, Fidelity fidelity,
                 std::deque<Case>& cases) {
  Machine machine(fabric, context, {fidelity, 1});
  std::size_t next = 0;
  std::function<void()> start = [&] {
    if (next == cases.size()) return;
    const double begin = machine.now().value();
    machine.communicate(cases[next].plan, cases[next].members, {}, Purpose::other, [&, begin] {
      cases[next].time = machine.now().value() - begin;
      ++next;
      start();
    });
  };
  machine.at(Seconds(0.0), [&] { start(); });
  machine.run();
}

/// Every algorithm, every type it supports, n = 2..17, two sizes: the simulated time is the plan's
/// closed form.
void every_algorithm_equals_its_closed_form(Fidelity fidelity) {
  const Fabric fabric = build_fabric(switch_system(17), ChipSpec{}, small_links());
  const CollectiveLibrarySpec library = plain_library();
  const CollectiveContext context{&fabric, &library};
  std::deque<Case> cases;
  for (const AlgorithmInfo& info : collective_algorithms()) {
    if (info.name == "hierarchical" || info.name == "multi_rail_ring")
      continue;  // needs two planes: tests/unit/collective
    for (const CollectiveType type : info.types) {
      for (std::uint32_t n = 2; n <= 17; ++n) {
        // Recursive halving gives every rank its own share only among a power of two.
        if (info.name == "halving_doubling" && type != CollectiveType::ALL_REDUCE &&
            (n & (n - 1)) != 0)
          continue;
        for (const double bytes : {1e3, 1e8}) {
          CollectiveOptions options;
          options.algorithm = std::string(info.name);
          const std::vector<DeviceId> members = first_devices(n);
          cases.push_back({std::make_shared<CollectivePlan>(
                               plan_collective(context, type, Bytes(bytes), members, options)),
                           members});
        }
      }
    }
  }
  run_in_turn(fabric, context, fidelity, cases);
  REQUIRE(cases.size() > 500);
  for (const Case& c : cases) {
    INFO(c.plan->algorithm << ' ' << to_string(c.plan->type) << " n=" << c.members.size()
                           << " bytes=" << c.plan->bytes);
    CHECK_THAT(c.time, WithinRel(c.plan->idle_time.value(), kExact));
  }
}

std::shared_ptr<const CollectivePlan> plan(const CollectiveContext& context, CollectiveType type,
                                           double bytes, const std::vector<DeviceId>& members,
                                           const char* algorithm) {
  CollectiveOptions options;
  options.algorithm = algorithm;
  return std::make_shared<CollectivePlan>(
      plan_collective(context, type, Bytes(bytes), members, options));
}

}  // namespace

TEST_CASE("at flow every algorithm takes its closed form on an idle switch",
          "[engine][closed-form]") {
  every_algorithm_equals_its_closed_form(Fidelity::flow);
}
TEST_CASE("at fluid every algorithm takes its closed form on an idle switch",
          "[engine][closed-form]") {
  every_algorithm_equals_its_closed_form(Fidelity::fluid);
}
TEST_CASE("at analytic every algorithm takes its closed form on an idle switch",
          "[engine][closed-form]") {
  every_algorithm_equals_its_closed_form(Fidelity::analytic);
}

TEST_CASE("a ring all-reduce of n ranks takes 2(n-1)(a + S/(nB))", "[engine][closed-form]") {
  const Fabric fabric = build_fabric(switch_system(16), ChipSpec{}, small_links());
  const CollectiveLibrarySpec library = plain_library();
  const CollectiveContext context{&fabric, &library};
  std::deque<Case> cases;
  for (std::uint32_t n : {2u, 3u, 8u, 16u}) {
    cases.push_back({plan(context, CollectiveType::ALL_REDUCE, 64e6, first_devices(n), "ring"),
                     first_devices(n)});
  }
  run_in_turn(fabric, context, Fidelity::flow, cases);
  for (const Case& c : cases) {
    const double n = static_cast<double>(c.members.size());
    CHECK_THAT(c.time, WithinRel(2 * (n - 1) * (2 * kHop + 64e6 / (n * kBandwidth)), kExact));
  }
}

TEST_CASE("two collectives on the same ports take as long as their bytes together",
          "[engine][closed-form]") {
  const Fabric fabric = build_fabric(switch_system(8), ChipSpec{}, small_links());
  const CollectiveLibrarySpec library = plain_library();
  const CollectiveContext context{&fabric, &library};
  const auto one = plan(context, CollectiveType::ALL_REDUCE, 80e6, first_devices(8), "ring");
  Machine machine(fabric, context, {Fidelity::fluid, 1});
  double end[2] = {};
  machine.at(Seconds(0.0), [&] {
    for (double& e : end)
      machine.communicate(one, first_devices(8), {}, Purpose::tp,
                          [&] { e = machine.now().value(); });
  });
  machine.run();
  // latency once (they run at the same time), bytes twice: 2(n-1)a + 2 * 2(n-1)/n S/B
  for (double e : end)
    CHECK_THAT(e, WithinRel(14 * 2 * kHop + 2 * 14.0 / 8 * 80e6 / kBandwidth, kExact));
}

TEST_CASE("a kernel beside a collective runs on the units that are left", "[engine][closed-form]") {
  const Fabric fabric = build_fabric(switch_system(2), ChipSpec{}, small_links());
  const CollectiveLibrarySpec library = plain_library();
  const CollectiveContext context{&fabric, &library};
  CollectivePlan shared =
      *plan(context, CollectiveType::ALL_REDUCE, 50e6, first_devices(2), "ring");
  shared.units_share = 0.2;
  const auto taking = std::make_shared<const CollectivePlan>(shared);
  const double communication = shared.idle_time.value();  // about 1 ms
  Machine machine(fabric, context, {Fidelity::fluid, 1});
  double beside = 0, after = 0, untouched = 0;
  machine.at(Seconds(0.0), [&] {
    const std::vector<DeviceId> occupied{0};
    machine.communicate(taking, first_devices(2), occupied, Purpose::dp, {});
    machine.compute(0, Seconds(2 * communication), [&] { beside = machine.now().value(); });
    machine.compute(1, Seconds(2 * communication), [&] { untouched = machine.now().value(); });
  });
  machine.at(Seconds(1.0),
             [&] { machine.compute(0, Seconds(0.5), [&] { after = machine.now().value(); }); });
  machine.run();
  CHECK_THAT(beside, WithinRel(communication + (2 * communication - 0.8 * communication), kExact));
  CHECK_THAT(untouched, WithinRel(2 * communication, kExact));
  CHECK_THAT(after, WithinRel(1.5, kExact));
}

namespace {
struct Recorder final : EngineObserver {
  double payload = 0, tier_payload = 0, makespan = 0;
  void on_traffic(const TrafficEvent& e) override {
    for (const LinkLoad& l : e.loads) payload += l.bytes;
    for (const TierLoad& t : e.tier_loads) tier_payload += t.bytes;
  }
  void on_end(Seconds end) override { makespan = end.value(); }
};
}  // namespace

TEST_CASE("observers see every byte of a collective on every link it crossed",
          "[engine][property]") {
  const Fabric fabric = build_fabric(switch_system(8), ChipSpec{}, small_links());
  const CollectiveLibrarySpec library = plain_library();
  const CollectiveContext context{&fabric, &library};
  Recorder recorder;
  Machine machine(fabric, context, {Fidelity::flow, 1});
  machine.add_observer(recorder);
  machine.at(Seconds(0.0), [&] {
    machine.communicate(plan(context, CollectiveType::ALL_REDUCE, 8e6, first_devices(8), "ring"),
                        first_devices(8), {}, Purpose::tp, {});
  });
  machine.run();
  // 2(n-1)/n S from each of n ranks, over one up and one down link
  CHECK_THAT(recorder.payload, WithinRel(8 * 2 * (14.0 / 8) * 8e6, kExact));
  CHECK_THAT(recorder.tier_payload, WithinRel(recorder.payload, kExact));
  CHECK(recorder.makespan > 0);
}
