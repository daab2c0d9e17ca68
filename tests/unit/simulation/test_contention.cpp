// Two traffics on shared links: the fluid abstraction must agree with message-level flows within 2
// %.
#include <fmt/core.h>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <numeric>

#include "scenarios.hpp"
#include "xpusim/machine.hpp"

using namespace xpusim;
using namespace xpusim::test;

namespace {

struct Traffic {
  CollectiveType type;
  double bytes;
  std::vector<DeviceId> members;
  const char* algorithm;
};

std::vector<DeviceId> strided(DeviceId first, DeviceId stride, DeviceId count) {
  std::vector<DeviceId> devices(count);
  for (DeviceId i = 0; i < count; ++i) devices[i] = first + i * stride;
  return devices;
}

/// End of the last of several collectives that start together.
double together(const std::string& system_name, Fidelity fidelity,
                const std::vector<Traffic>& traffics, const std::vector<std::string>& overrides) {
  return std::stod(forked([&] {
    Catalogue catalogue({{kConfigs}, overrides});
    ScenarioSpec scenario;
    scenario.systems.resize(1);
    scenario.systems[0].system = system_name;
    const RunInput input = resolve_run(catalogue, scenario, 0);
    const Fabric fabric = build_fabric(input.system, input.chip, input.links);
    const CollectiveContext context{&fabric, &input.software.collectives};
    Machine machine(fabric, context, {fidelity, 1});
    double end = 0;
    machine.at(Seconds(0.0), [&] {
      for (const Traffic& t : traffics) {
        CollectiveOptions options;
        options.algorithm = t.algorithm;
        machine.communicate(std::make_shared<CollectivePlan>(plan_collective(
                                context, t.type, Bytes(t.bytes), t.members, options)),
                            t.members, {}, Purpose::other, [&] { end = machine.now().value(); });
      }
    });
    machine.run();
    return fmt::format("{:.17g}", end);
  }));
}

void within_two_percent(const char* system, const std::vector<Traffic>& traffics,
                        const std::vector<std::string>& overrides = {}) {
  const double flow = together(system, Fidelity::flow, traffics, overrides);
  const double fluid = together(system, Fidelity::fluid, traffics, overrides);
  INFO(system << ": flow " << flow << " s, fluid " << fluid << " s, ratio " << fluid / flow);
  CHECK(std::abs(fluid / flow - 1) < 0.02);
}

constexpr double kBig = 1e9;

}  // namespace

TEST_CASE("CloudMatrix 384: rings of 8 nodes that interleave on the node uplinks",
          "[simulation][contention]") {
  std::vector<Traffic> rings;
  for (DeviceId lane = 0; lane < 8; ++lane)
    rings.push_back({CollectiveType::ALL_REDUCE, kBig, strided(lane, 8, 8), "ring"});
  within_two_percent("cloudmatrix-384", rings);
}
TEST_CASE("CloudMatrix 384: an all-to-all of 64 beside rings on the same ports",
          "[simulation][contention]") {
  std::vector<Traffic> mixed{{CollectiveType::ALL_TO_ALL, kBig, strided(0, 1, 64), "pairwise"}};
  for (DeviceId node = 0; node < 8; ++node) {
    mixed.push_back({CollectiveType::ALL_REDUCE, kBig, strided(node * 8, 1, 8), "ring"});
  }
  within_two_percent("cloudmatrix-384", mixed);
}
TEST_CASE("CloudMatrix 384: node uplinks oversubscribed four to one", "[simulation][contention]") {
  std::vector<Traffic> rings;
  for (DeviceId lane = 0; lane < 8; ++lane)
    rings.push_back({CollectiveType::ALL_REDUCE, kBig, strided(lane, 8, 8), "ring"});
  within_two_percent("cloudmatrix-384", rings,
                     {"system.cloudmatrix-384.planes.ub.oversubscription=4"});
}
TEST_CASE("NVL72: two all-reduces of all 72 GPUs at once", "[simulation][contention]") {
  within_two_percent("gb200-nvl72",
                     {{CollectiveType::ALL_REDUCE, kBig, strided(0, 1, 72), "ring"},
                      {CollectiveType::ALL_REDUCE, kBig, strided(0, 1, 72), "ring"}});
}
TEST_CASE("NVL72: an all-to-all of 72 beside rings of 4", "[simulation][contention]") {
  std::vector<Traffic> mixed{{CollectiveType::ALL_TO_ALL, kBig, strided(0, 1, 72), "pairwise"}};
  for (DeviceId tray = 0; tray < 18; ++tray) {
    mixed.push_back({CollectiveType::ALL_REDUCE, kBig, strided(tray * 4, 1, 4), "ring"});
  }
  within_two_percent("gb200-nvl72", mixed);
}
TEST_CASE("C550 cabinet: an all-gather of 32 beside reduce-scatters of 8",
          "[simulation][contention]") {
  std::vector<Traffic> mixed{{CollectiveType::ALL_GATHER, kBig, strided(0, 1, 32), "ring"}};
  for (DeviceId node = 0; node < 4; ++node) {
    mixed.push_back({CollectiveType::REDUCE_SCATTER, kBig, strided(node * 8, 1, 8), "ring"});
  }
  within_two_percent("metax-c550-128", mixed);
}
