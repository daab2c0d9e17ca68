#include <catch2/catch.hpp>

#include "sample.hpp"

using namespace xpusim;
using Catch::Matchers::WithinRel;
using Scope = ComponentScope;

namespace {

struct Kernel {
  double start, end, joules;
  std::uint32_t multiplicity = 1;
};

void play(PowerListener& listener, const std::vector<Kernel>& kernels) {
  for (const Kernel& kernel : kernels) {
    OpCost cost;
    cost.energy = Joules(kernel.joules);
    ActivityEvent event;
    event.start = Seconds(kernel.start);
    event.end = Seconds(kernel.end);
    event.multiplicity = kernel.multiplicity;
    event.cost = &cost;
    listener.on_activity(event);
  }
}

PowerResult result_of(const SystemSpec& system, double makespan, const std::vector<Kernel>& kernels,
                      std::uint64_t packages = 0) {
  const Fabric fabric = sample_fabric();
  PowerListener listener(system, sample_chip(), fabric, packages, RankUnit::package);
  play(listener, kernels);
  listener.on_end(Seconds(makespan));
  return listener.result();
}

SystemSpec full_system() {
  SystemSpec system = sample_system();
  system.components = {part("cpu", Scope::node, 1, 50, 250, "compute"),
                       part("switch", Scope::system, 1, 100, 100)};
  system.power.conversion_efficiency = 0.9;
  return system;
}

double component(const PowerResult& result, const std::string& name) {
  for (const auto& [part, joules] : result.energy_j_by_component) {
    if (part == name) return joules;
  }
  return 0;
}

}  // namespace

TEST_CASE("energy is idle power times time, plus what kernels took", "[power][listener]") {
  // 8 chips at 100 W for 10 s; 4 ranks of 300 J and one of 50 J.
  const PowerResult r = result_of(sample_system(), 10, {{0, 2, 300, 4}, {5, 6, 50}});
  CHECK_THAT(component(r, "chip_idle"), WithinRel(8 * 100 * 10.0, 1e-12));
  CHECK_THAT(component(r, "chip_dynamic"), WithinRel(1250.0, 1e-12));
  CHECK_THAT(r.energy_j, WithinRel(9250.0, 1e-12));
  CHECK_THAT(r.mean_w, WithinRel(925.0, 1e-12));
  CHECK_THAT(r.mean_chip_w, WithinRel(100 + 1250.0 / 10 / 8, 1e-12));
  CHECK_THAT(r.mean_node_w, WithinRel(925.0 / 2, 1e-12));
}

TEST_CASE("components sum to the energy", "[power][listener][property]") {
  const PowerResult r = result_of(full_system(), 3, {{0, 2, 300, 4}, {1, 3, 50, 2}});
  double sum = 0;
  for (const auto& [name, joules] : r.energy_j_by_component) sum += joules;
  CHECK_THAT(sum, WithinRel(r.energy_j, 1e-12));
  // CPUs follow compute: (2 s * 4 + 2 s * 2) / (8 chips * 3 s) = 1/2
  CHECK_THAT(component(r, "cpu"), WithinRel(2 * (50 + 0.5 * 200) * 3, 1e-12));
  CHECK_THAT(r.energy_j, WithinRel((8 * 100 * 3 + 1300 + 900 + 300) / 0.9, 1e-12));
}

TEST_CASE("idle time costs idle power, and twice of it twice", "[power][listener][property]") {
  const double idle = PowerModel(full_system(), sample_chip()).idle().total.value();
  const PowerResult once = result_of(full_system(), 5, {});
  const PowerResult twice = result_of(full_system(), 10, {});
  CHECK_THAT(once.energy_j, WithinRel(idle * 5, 1e-12));
  CHECK_THAT(twice.energy_j, WithinRel(2 * once.energy_j, 1e-12));
  CHECK_THAT(once.peak_w, WithinRel(once.mean_w, 1e-12));
}

TEST_CASE("energy of two runs one after the other is the sum of both",
          "[power][listener][property]") {
  const PowerResult first = result_of(full_system(), 4, {{0, 1, 30, 2}, {2, 3.5, 70}});
  const PowerResult second = result_of(full_system(), 6, {{1, 5, 400, 3}});
  const PowerResult both =
      result_of(full_system(), 10, {{0, 1, 30, 2}, {2, 3.5, 70}, {5, 9, 400, 3}});
  CHECK_THAT(both.energy_j, WithinRel(first.energy_j + second.energy_j, 1e-12));
  CHECK_THAT(both.peak_w, WithinRel(std::max(first.peak_w, second.peak_w), 1e-2));
}

TEST_CASE("more activity never takes less energy", "[power][listener][property]") {
  std::vector<Kernel> kernels;
  double before = result_of(full_system(), 10, kernels).energy_j;
  const double idle = before;
  for (int i = 0; i < 20; ++i) {
    kernels.push_back({i * 0.4, i * 0.4 + 1.3, 5.0 * i, static_cast<std::uint32_t>(1 + i % 4)});
    const double now = result_of(full_system(), 10, kernels).energy_j;
    CHECK(now >= before);
    before = now;
  }
  CHECK(before >= idle);
}

TEST_CASE("one folded rank costs what its class costs", "[power][listener][property]") {
  const PowerResult folded = result_of(full_system(), 3, {{0.5, 2, 30, 4}});
  const PowerResult unfolded =
      result_of(full_system(), 3, {{0.5, 2, 30}, {0.5, 2, 30}, {0.5, 2, 30}, {0.5, 2, 30}});
  CHECK_THAT(folded.energy_j, WithinRel(unfolded.energy_j, 1e-12));
  CHECK_THAT(folded.peak_w, WithinRel(unfolded.peak_w, 1e-9));
}

TEST_CASE("peak power is that of the busiest slice", "[power][listener]") {
  // 400 W above idle on all 8 chips for a tenth of the run.
  const PowerResult r = result_of(sample_system(), 10, {{3, 4, 400, 8}});
  CHECK_THAT(r.peak_w, WithinRel(8 * 500.0, 1e-9));
  CHECK_THAT(r.mean_w, WithinRel(800 + 3200 / 10.0, 1e-12));
}

TEST_CASE("peak lies between mean and maximum, however long the run",
          "[power][listener][property]") {
  for (double scale = 1e-10; scale < 1e6; scale *= 7.3) {
    std::vector<Kernel> kernels;
    for (int i = 0; i < 10; ++i) {
      kernels.push_back({i * scale, (i + 0.5) * scale, 400 * 0.5 * scale, 8});
    }
    const double makespan = 9.5001 * scale;
    const PowerResult r = result_of(full_system(), makespan, kernels);
    const double maximum = PowerModel(full_system(), sample_chip()).maximum().total.value();
    CHECK(r.peak_w >= r.mean_w);
    CHECK(r.peak_w <= maximum * (1 + 1e-9));
    if (scale > 1e-7) CHECK_THAT(r.peak_w, WithinRel(maximum, 1e-9));
  }
}

TEST_CASE("a burst at the very end is no spike of its own", "[power][listener]") {
  const PowerResult r = result_of(sample_system(), 1.0 + 1e-9, {{1.0, 1.0 + 1e-9, 1}});
  // 1 J over at least 1/1024 s
  CHECK(r.peak_w <= 800 + 1024.0);
}

TEST_CASE("links take energy per byte and their plane's utilisation moves optics",
          "[power][listener]") {
  const Fabric fabric = sample_fabric(10e-12);
  SystemSpec system = sample_system();
  system.components = {part("optics", Scope::chip, 2, 1, 3, "net")};
  PowerListener listener(system, sample_chip(), fabric, 0, RankUnit::package);
  double bytes = 0, capacity = 0;
  std::vector<TierLoad> loads;
  for (TierId tier = 0; tier < fabric.tiers().size(); ++tier) {
    // half of what the tier could carry in 2 s
    loads.push_back({tier, fabric.tiers()[tier].capacity.value()});
    bytes += loads.back().bytes;
    capacity += fabric.tiers()[tier].capacity.value();
  }
  listener.on_traffic({Purpose::dp, Seconds(0), Seconds(1), {}, loads});
  listener.on_end(Seconds(2));
  const PowerResult r = listener.result(64.0);
  CHECK_THAT(component(r, "links"), WithinRel(bytes * 10e-12, 1e-12));
  CHECK_THAT(component(r, "optics"), WithinRel(8 * 2 * (1 + 0.5 * 2) * 2, 1e-12));
  CHECK_THAT(bytes, WithinRel(capacity, 1e-12));
  REQUIRE(r.tokens_per_j);
  CHECK_THAT(*r.tokens_per_j, WithinRel(64.0 / r.energy_j, 1e-12));
  // all of it in the first half
  CHECK_THAT(r.peak_w, WithinRel(800 + bytes * 10e-12 + 8 * 2 * 3, 1e-9));
}

TEST_CASE("a job on one node of two loads half of the plane", "[power][listener]") {
  const Fabric fabric = sample_fabric();
  SystemSpec system = sample_system();
  system.components = {part("optics", Scope::chip, 1, 0, 4, "net")};
  PowerListener listener(system, sample_chip(), fabric, 4, RankUnit::package);
  std::vector<TierLoad> loads;
  for (TierId tier = 0; tier < fabric.tiers().size(); ++tier) {
    loads.push_back({tier, 0.25 * fabric.tiers()[tier].capacity.value()});
  }
  listener.on_traffic({Purpose::dp, Seconds(0), Seconds(1), {}, loads});
  listener.on_end(Seconds(1));
  CHECK_THAT(component(listener.result(), "optics"), WithinRel(4 * 4 * 0.5, 1e-12));
}

TEST_CASE("two dies of a package are busy when both are", "[power][listener]") {
  ChipSpec chip = sample_chip();
  chip.dies.count = 2;
  SystemSpec system = sample_system();
  system.components = {part("cpu", Scope::node, 1, 0, 100, "compute")};
  const Fabric fabric = sample_fabric();
  PowerListener listener(system, chip, fabric, 0, RankUnit::die);
  play(listener, {{0, 1, 0, 8}});  // 8 of 16 dies
  listener.on_end(Seconds(1));
  CHECK_THAT(component(listener.result(), "cpu"), WithinRel(2 * 100 * 0.5, 1e-12));
}

TEST_CASE("communication and host work draw nothing from the chip", "[power][listener]") {
  const Fabric fabric = sample_fabric();
  PowerListener listener(sample_system(), sample_chip(), fabric, 0, RankUnit::package);
  ActivityEvent event;
  event.end = Seconds(1);
  OpCost cost;
  cost.energy = Joules(99);
  event.cost = &cost;
  event.stream = Stream::host;
  listener.on_activity(event);
  event.stream = Stream::comm_tp;
  event.kind = TaskKind::collective;
  listener.on_activity(event);
  listener.on_end(Seconds(1));
  CHECK(component(listener.result(), "chip_dynamic") == 0);
}

TEST_CASE("parts of one name are one component of the report", "[power][listener]") {
  SystemSpec system = sample_system();
  system.components = {part("fan", Scope::node, 1, 10, 10), part("fan", Scope::system, 1, 5, 5)};
  const PowerResult r = result_of(system, 1, {});
  CHECK(component(r, "fan") == 25);
  CHECK(r.energy_j_by_component.size() == 3);
}

TEST_CASE("a run that takes no time takes no energy", "[power][listener]") {
  const PowerResult r = result_of(full_system(), 0, {});
  CHECK(r.energy_j == 0);
  CHECK(r.mean_w == PowerModel(full_system(), sample_chip()).idle().total.value());
  CHECK_FALSE(r.tokens_per_j);
}
