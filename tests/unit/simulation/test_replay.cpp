// The Chakra samples beside the sources, where they are there.
#include <catch2/catch.hpp>
#include <filesystem>

#include "scenarios.hpp"
#include "support/temporary_folder.hpp"

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

namespace {

SystemResult replay_own(const std::string& name, const char* system) {
  return replay(XPUSIM_SOURCE_DIR "/tests/data/traces/" + name, system, Fidelity::automatic);
}

}  // namespace

TEST_CASE("the samples of every trace format replay on the three supernodes",
          "[simulation][replay]") {
  const std::pair<const char*, std::size_t> samples_of[] = {
      {"pipeline-2", 2}, {"moe-16.txt", 16}, {"ring-4.goal", 4}, {"permutation-16.cm", 16}};
  for (const auto& [name, ranks] : samples_of) {
    for (const char* system : kSystems) {
      INFO(name << " on " << system);
      const SystemResult r = replay_own(name, system);
      REQUIRE(r.replay);
      CHECK(r.replay->ranks == ranks);
      CHECK(r.replay->makespan_s > 0);
    }
  }
}

TEST_CASE("a SimAI workload computes as long as its columns say", "[simulation][replay]") {
  const SystemResult r = replay_own("moe-16.txt", "cloudmatrix-384");
  // Per micro-batch: embedding 20 + 40, attention 3 x 150, experts 3 x 250 us; cross entropy 30 +
  // 30 us; an update of 100 ns per row.
  const double micro_batch = (20 + 40 + 3 * 150 + 3 * 250) * 1e-6;
  CHECK_THAT(r.replay->breakdown_s.compute, WithinRel(2 * micro_batch + 60e-6 + 12 * 100e-9, 1e-9));
  CHECK(r.replay->breakdown_s.exposed_pp > 0);
}

TEST_CASE("a connection begins at its start time", "[simulation][replay]") {
  const TemporaryFolder folder;
  const auto makespan = [&](const std::string& start) {
    folder.write("one.cm", "Nodes 2\nConnections 1\n0->1 start " + start + " size 2000000\n");
    return replay(folder / "one.cm", "gb200-nvl72", Fidelity::flow).replay->makespan_s;
  };
  // 1 ms later, which is 10^9 ps.
  CHECK_THAT(makespan("1000000000") - makespan("0"), WithinRel(1e-3, 1e-6));
}

TEST_CASE("a scenario gives the ranks that a workload does not say", "[simulation][replay]") {
  const TemporaryFolder folder;
  folder.write("w.txt", "DATA\n1\na -1 1000 NONE 0 1 NONE 0 1 ALLREDUCE 1048576 1\n");
  ScenarioSpec scenario;
  scenario.info.name = "replay";
  scenario.kind = ScenarioKind::replay;
  scenario.replay.trace = folder / "w.txt";
  scenario.replay.ranks = 8;
  scenario.systems.resize(1);
  scenario.systems[0].system = "gb200-nvl72";
  const SystemResult r = simulate_forked(scenario);
  REQUIRE(r.replay);
  CHECK(r.replay->ranks == 8);
  REQUIRE(r.collective.size() == 1);
  CHECK(r.collective[0].ranks == 8);
}
