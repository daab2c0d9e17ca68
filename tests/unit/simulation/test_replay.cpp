// The Chakra samples beside the sources, where they are there.
#include <catch2/catch.hpp>
#include <filesystem>

#include "scenarios.hpp"

using namespace xpusim;
using namespace xpusim::test;
using Catch::Matchers::WithinRel;

namespace {

namespace fs = std::filesystem;

std::optional<fs::path> samples() {
  const char* given = std::getenv("XPUSIM_SHARED_TRACES");
  const fs::path root =
      given != nullptr ? fs::path(given) : fs::path(XPUSIM_SOURCE_DIR) / "../shared/traces";
  if (!fs::is_directory(root / "chakra/examples")) return std::nullopt;
  return root / "chakra/examples";
}

SystemResult replay(const std::string& prefix, const char* system, Fidelity fidelity) {
  ScenarioSpec scenario;
  scenario.info.name = "replay";
  scenario.kind = ScenarioKind::replay;
  scenario.replay.trace = prefix;
  scenario.network.fidelity = fidelity;
  scenario.systems.resize(1);
  scenario.systems[0].system = system;
  return simulate_forked(scenario);
}

constexpr const char* kSystems[] = {"cloudmatrix-384", "gb200-nvl72", "metax-c550-128"};

}  // namespace

TEST_CASE("every Chakra sample replays on the three supernodes", "[simulation][replay]") {
  const auto root = samples();
  if (!root) {
    WARN("skipped: no shared traces (set XPUSIM_SHARED_TRACES)");
    return;
  }
  std::size_t replayed = 0;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(*root)) {
    const std::string path = entry.path().string();
    if (!path.ends_with(".0.et")) continue;
    const std::string prefix = path.substr(0, path.size() - 5);
    for (const char* system : kSystems) {
      INFO(prefix << " on " << system);
      const SystemResult r = replay(prefix, system, Fidelity::automatic);
      REQUIRE(r.replay);
      CHECK(r.replay->makespan_s > 0);
      CHECK(r.replay->ranks == (path.find("4npus") != std::string::npos ? 4u : 8u));
      ++replayed;
    }
  }
  CHECK(replayed == 3 * 9);
}

TEST_CASE(
    "the all-reduce sample of 8 ranks takes the closed form of the algorithm that the tuner chose",
    "[simulation][replay][closed-form]") {
  const auto root = samples();
  if (!root) {
    WARN("skipped: no shared traces (set XPUSIM_SHARED_TRACES)");
    return;
  }
  for (const char* system : kSystems) {
    for (const Fidelity fidelity : {Fidelity::flow, Fidelity::fluid, Fidelity::analytic}) {
      const SystemResult r =
          replay((*root / "workload/microbenchmarks/all_reduce/8npus_1MB/all_reduce").string(),
                 system, fidelity);
      INFO(system);
      REQUIRE(r.collective.size() == 1);
      CHECK(r.collective[0].bytes == 1048576);
      CHECK_THAT(r.replay->makespan_s, WithinRel(r.collective[0].time_s, 1e-9));
    }
  }
}
