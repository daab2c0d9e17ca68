// Folding of recorded traces: ranks that do the same are simulated once, and nothing else changes.
#include <fmt/core.h>
#include <catch2/catch.hpp>

#include "scenarios.hpp"
#include "support/temporary_folder.hpp"
#include "trace_files.hpp"

using namespace xpusim;
using namespace xpusim::test;
using Catch::Matchers::WithinRel;

namespace {

/// A pipeline of `stages` with `width` replicas each, every rank with a file of its own: groups and
/// partners differ in their numbers only. The file of one rank may be changed.
struct Pipeline {
  TemporaryFolder folder;
  std::string prefix, groups;

  Pipeline(std::uint32_t stages, std::uint32_t width, std::uint32_t slow_rank = 0xffffffffu) {
    std::string json = "{";
    for (std::uint32_t s = 0; s < stages; ++s) {
      json += fmt::format("{}\"{}\": [", s == 0 ? "" : ", ", s + 1);
      for (std::uint32_t w = 0; w < width; ++w)
        json += fmt::format("{}{}", w == 0 ? "" : ", ", s * width + w);
      json += "]";
    }
    folder.write("groups.json", json + "}");
    groups = folder / "groups.json";
    prefix = folder / "p";
    for (std::uint32_t s = 0; s < stages; ++s)
      for (std::uint32_t w = 0; w < width; ++w) write(s, w, stages, width, slow_rank);
  }

 private:
  void write(std::uint32_t s, std::uint32_t w, std::uint32_t stages, std::uint32_t width,
             std::uint32_t slow_rank) {
    const std::uint32_t rank = s * width + w;
    ChakraFile file;
    file.version = "0.0.4";
    std::vector<std::uint64_t> last;
    const auto add = [&](ChakraNode node, const std::string& name) {
      node.id = file.nodes.size();
      file.add(node, name, last);
      last = {node.id};
    };
    for (int micro_batch = 0; micro_batch < 3; ++micro_batch) {
      if (s > 0) add(message(false, rank - width, 3'000'000, micro_batch), "from before");
      add(compute(rank == slow_rank ? 900 : 400 + 50 * s), "forward");
      if (s + 1 < stages) add(message(true, rank + width, 3'000'000, micro_batch), "to next");
    }
    ChakraNode gradients = collective(ChakraCollective::all_reduce, 40'000'000);
    gradients.pg_name = file.intern(fmt::format("{}", s + 1));
    add(gradients, "gradients");
    add(collective(ChakraCollective::all_gather, 8'000'000), "everybody");
    write_file(folder / fmt::format("p.{}.et", rank), file);
  }
};

SystemResult run(const Pipeline& trace, const char* system, Folding folding,
                 const std::vector<std::string>& overrides = {}) {
  ScenarioSpec scenario = replay_scenario(trace.prefix, system);
  scenario.replay.groups = trace.groups;
  scenario.folding = folding;
  return simulate_forked(scenario, 0, overrides);
}

void equal_runs(const SystemResult& a, const SystemResult& b) {
  REQUIRE(a.replay);
  REQUIRE(b.replay);
  CHECK_THAT(a.replay->makespan_s, WithinRel(b.replay->makespan_s, 1e-9));
  CHECK_THAT(a.power->energy_j, WithinRel(b.power->energy_j, 1e-9));
  REQUIRE(a.links->tiers.size() == b.links->tiers.size());
  for (std::size_t t = 0; t < a.links->tiers.size(); ++t) {
    INFO(a.links->tiers[t].plane << "/" << a.links->tiers[t].tier);
    CHECK(a.links->tiers[t].bytes == Approx(b.links->tiers[t].bytes).epsilon(1e-9).margin(1e-9));
    CHECK(a.links->tiers[t].peak_utilization ==
          Approx(b.links->tiers[t].peak_utilization).epsilon(1e-9).margin(1e-12));
  }
}

bool has_note(const SystemResult& result, const std::string& text) {
  return std::any_of(result.notes.begin(), result.notes.end(),
                     [&](const std::string& note) { return note.find(text) != std::string::npos; });
}

}  // namespace

TEST_CASE("a folded pipeline gives the unfolded one's time, energy and link loads",
          "[simulation][replay][folding]") {
  const Pipeline trace(4, 16);
  for (const char* system : {"cloudmatrix-384", "gb200-nvl72", "metax-c550-128"}) {
    INFO(system);
    const SystemResult folded = run(trace, system, Folding::on);
    const SystemResult unfolded = run(trace, system, Folding::off);
    CHECK(folded.simulation.folded);
    CHECK(folded.simulation.simulated_ranks < 64);
    CHECK_FALSE(unfolded.simulation.folded);
    CHECK(unfolded.simulation.simulated_ranks == 64);
    equal_runs(folded, unfolded);
  }
}

TEST_CASE("classes that share oversubscribed uplinks still share them when folded",
          "[simulation][replay][folding]") {
  // Four ranks a node and stage: the messages of all stages leave over the same leaf uplinks.
  const Pipeline trace(3, 16);
  const std::vector<std::string> narrow{"system.cloudmatrix-384.planes.ub.oversubscription=8"};
  const SystemResult folded = run(trace, "cloudmatrix-384", Folding::on, narrow);
  equal_runs(folded, run(trace, "cloudmatrix-384", Folding::off, narrow));
  CHECK(folded.replay->makespan_s >
        run(trace, "cloudmatrix-384", Folding::on).replay->makespan_s * 1.05);
}

TEST_CASE("a straggler splits the classes and is not lost", "[simulation][replay][folding]") {
  const Pipeline trace(2, 8, 5);
  const SystemResult folded = run(trace, "gb200-nvl72", Folding::automatic);
  const SystemResult unfolded = run(trace, "gb200-nvl72", Folding::off);
  equal_runs(folded, unfolded);
  CHECK_THAT(
      folded.replay->makespan_s,
      WithinRel(run(Pipeline(2, 8), "gb200-nvl72", Folding::off).replay->makespan_s + 3 * 500e-6,
                0.05));
}

namespace {

/// One message of every rank to its partner, and a trace of them.
SystemResult messages(const std::vector<std::uint32_t>& partner, const char* system,
                      Folding folding, const std::vector<std::string>& overrides = {}) {
  const TemporaryFolder folder;
  for (std::uint32_t r = 0; r < partner.size(); ++r) {
    std::uint32_t from = 0;
    while (partner[from] != r) ++from;
    ChakraFile file;
    file.add(message(true, partner[r], 100 << 20, 0), "send");
    ChakraNode receive = message(false, from, 100 << 20, 0);
    receive.id = 1;
    file.add(receive, "receive");
    write_file(folder / fmt::format("t.{}.et", r), file);
  }
  ScenarioSpec scenario = replay_scenario(folder / "t", system);
  scenario.folding = folding;
  return simulate_forked(scenario, 0, overrides);
}

}  // namespace

TEST_CASE("a rank that sends to itself is not one that sends to a neighbour",
          "[simulation][replay][folding]") {
  const std::vector<std::uint32_t> partner{0, 2, 1, 3};
  const SystemResult folded = messages(partner, "gb200-nvl72", Folding::automatic);
  CHECK(folded.simulation.simulated_ranks < 4);
  equal_runs(folded, messages(partner, "gb200-nvl72", Folding::off));
}

TEST_CASE("messages that meet at an uplink are not those that have one to themselves",
          "[simulation][replay][folding]") {
  // Ranks 0 and 1 leave node 0 together; 16 leaves node 2 alone; all go to other nodes.
  std::vector<std::uint32_t> partner(48);
  for (std::uint32_t r = 0; r < 48; ++r) partner[r] = r;
  for (const auto& [a, b] : {std::pair{0u, 24u}, {1u, 32u}, {16u, 40u}})
    std::swap(partner[a], partner[b]);
  const std::vector<std::string> narrow{"system.cloudmatrix-384.planes.ub.oversubscription=8"};
  const SystemResult folded = messages(partner, "cloudmatrix-384", Folding::automatic, narrow);
  equal_runs(folded, messages(partner, "cloudmatrix-384", Folding::off, narrow));
  CHECK(has_note(folded, "share links with different traffic"));
  CHECK_THROWS_WITH(messages(partner, "cloudmatrix-384", Folding::on, narrow),
                    Catch::Contains("folding is on, but groups that run SEND_RECV"));
}

TEST_CASE("members that call two equal communicators in another order are not merged",
          "[simulation][replay][folding]") {
  const TemporaryFolder folder;
  folder.write("groups.json", R"({"1": [0, 1], "2": [0, 1]})");
  for (int r = 0; r < 2; ++r) {
    ChakraFile file;
    for (int i = 0; i < 2; ++i) {
      ChakraNode node = collective(ChakraCollective::all_reduce, 1 << 20);
      node.id = static_cast<std::uint64_t>(i);
      node.pg_name = file.intern(i == r ? "1" : "2");
      file.add(node, "all-reduce",
               i == 0 ? std::vector<std::uint64_t>{} : std::vector<std::uint64_t>{0});
    }
    write_file(folder / fmt::format("t.{}.et", r), file);
  }
  ScenarioSpec scenario = replay_scenario(folder / "t", "dgx-h100");
  scenario.replay.groups = folder / "groups.json";
  CHECK_THROWS_WITH(simulate_forked(scenario), Catch::Contains("wait for each other"));
}

TEST_CASE("what is folded and why not is reported", "[simulation][replay][folding]") {
  const Pipeline trace(2, 8);
  CHECK(has_note(run(trace, "cloudmatrix-384", Folding::on), "folded: 16 ranks are simulated as"));
  const std::vector<std::string> hashed{"system.cloudmatrix-384.planes.ub.spreading=hash"};
  CHECK(has_note(run(trace, "cloudmatrix-384", Folding::automatic, hashed),
                 "not folded: flows of plane ub are hashed to its links"));
  CHECK_THROWS_WITH(run(trace, "cloudmatrix-384", Folding::on, hashed),
                    Catch::Contains("folding is on, but flows of plane ub are hashed"));
}

TEST_CASE("a trace scaled to more replicas is the trace of more replicas",
          "[simulation][replay][scale]") {
  // One all-reduce along each of two dimensions, [4, N / 4].
  const TemporaryFolder folder;
  ChakraFile file;
  ChakraNode inner = collective(ChakraCollective::all_reduce, 1 << 20);
  inner.involved_dims = 1;
  inner.involved_dim_count = 2;
  ChakraNode outer = collective(ChakraCollective::all_reduce, 1 << 22);
  outer.id = 1;
  outer.involved_dims = 2;
  outer.involved_dim_count = 2;
  file.add(inner, "inner");
  file.add(outer, "outer", {0});
  for (int r = 0; r < 8; ++r) write_file(folder / fmt::format("few.{}.et", r), file);
  for (int r = 0; r < 64; ++r) write_file(folder / fmt::format("many.{}.et", r), file);
  ScenarioSpec few = replay_scenario(folder / "few", "gb200-nvl72");
  few.replay.dimensions = {4, 2};
  few.replay.scale_ranks = 64;
  ScenarioSpec many = replay_scenario(folder / "many", "gb200-nvl72");
  many.replay.dimensions = {4, 16};
  const SystemResult scaled = simulate_forked(few);
  equal_runs(scaled, simulate_forked(many));
  CHECK(scaled.replay->ranks == 64);
  CHECK(has_note(scaled, "scaled from 8 to 64 ranks: dimension 1 from 2 to 16 replicas"));
  few.replay.scale_ranks = 30;
  CHECK_THROWS_WITH(simulate_forked(few),
                    Catch::Contains("30 ranks are no multiple of the 4 ranks of one"));
}

TEST_CASE("durations of another chip scale by peak and by memory bandwidth",
          "[simulation][replay][scale]") {
  const TemporaryFolder folder;
  ChakraFile file;
  file.add(compute(1000), "gemm");
  ChakraNode load;
  load.id = 1;
  load.type = ChakraNodeType::mem_load;
  load.duration_nanos = 2'000'000;
  file.add(load, "load", {0});
  write_file(folder / "t.0.et", file);
  ScenarioSpec scenario = replay_scenario(folder / "t", "hgx-b200");
  const double own = simulate_forked(scenario).replay->makespan_s;
  CHECK_THAT(own, WithinRel(3e-3, 1e-9));
  scenario.replay.recorded_on = "nvidia-h100-sxm";
  const double moved = simulate_forked(scenario).replay->makespan_s;
  Catalogue catalogue({{kConfigs}, {}});
  const ChipSpec h100 = catalogue.load<ChipSpec>("nvidia-h100-sxm");
  const ChipSpec b200 = catalogue.load<ChipSpec>(catalogue.load<SystemSpec>("hgx-b200").chip);
  // COMP x peak(from) / peak(to), MEM x bandwidth(from) / bandwidth(to)
  const double expected = 1e-3 * h100.peak.at("bf16").value() / b200.peak.at("bf16").value() +
                          2e-3 * h100.memory.bandwidth.value() / b200.memory.bandwidth.value();
  CHECK_THAT(moved, WithinRel(expected, 1e-9));
}
