#include <catch2/catch.hpp>

#include "sample.hpp"
#include "xpusim/diagnostic.hpp"

using namespace xpusim;
using Catch::Matchers::WithinRel;
using Scope = ComponentScope;

namespace {

double sum_of_parts(const PowerBreakdown& power) {
  double sum = 0;
  for (const PowerPart& p : power.parts) sum += p.watts.value();
  return sum;
}

SystemSpec system_with(std::vector<ComponentSpec> parts) {
  SystemSpec system = sample_system();
  system.components = std::move(parts);
  return system;
}

ComponentSpec fan(double per_it_watt, Scope scope) {
  ComponentSpec component = part("fan", scope, 0, 0, 0);
  component.per_it_watt = per_it_watt;
  return component;
}

}  // namespace

TEST_CASE("all-in power is chips at TDP and parts at full activity, by scope", "[power]") {
  const SystemSpec system = system_with({part("cpu", Scope::node, 2, 50, 200, "compute"),
                                         part("switch", Scope::supernode, 4, 300, 300),
                                         part("optics", Scope::chip, 6, 1, 5, "net"),
                                         part("storage", Scope::system, 1, 900, 1000)});
  const PowerBreakdown power = max_power(system, sample_chip());
  CHECK(watts(power, "chip_idle") == 8 * 100);
  CHECK(watts(power, "chip_dynamic") == 8 * 400);
  CHECK(watts(power, "cpu") == 2 * 2 * 200);
  CHECK(watts(power, "switch") == 4 * 300);  // supernode_chips 0: the system is one supernode
  CHECK(watts(power, "optics") == 8 * 6 * 5);
  CHECK(watts(power, "storage") == 1000);
  CHECK(power.of_kind("chip") == Watts(8 * 500));
  CHECK(power.total.value() == 4000 + 800 + 1200 + 240 + 1000);
  // one node: 4 chips, 2 CPUs, 24 optics; neither switches nor storage
  CHECK(power.node.value() == 4 * 500 + 2 * 200 + 24 * 5);
  CHECK(power.chip == Watts(500));
}

TEST_CASE("a system counts its supernodes", "[power]") {
  SystemSpec system = system_with({part("switch", Scope::supernode, 3, 10, 10)});
  system.supernode_chips = 2;
  CHECK(watts(max_power(system, sample_chip()), "switch") == 8.0 / 2 * 3 * 10);
}

TEST_CASE("idle power is idle chips and parts, constant ones at active", "[power]") {
  const SystemSpec system = system_with({part("cpu", Scope::node, 1, 50, 200, "compute"),
                                         part("optics", Scope::chip, 1, 1, 5, "net"),
                                         part("switch", Scope::system, 1, 10, 20)});
  const PowerBreakdown power = PowerModel(system, sample_chip()).idle();
  CHECK(watts(power, "cpu") == 2 * 50);
  CHECK(watts(power, "optics") == 8);
  CHECK(watts(power, "switch") == 20);
  CHECK(power.total.value() == 800 + 100 + 8 + 20);
}

TEST_CASE("parts move from idle to active with what they follow", "[power]") {
  const SystemSpec system = system_with({part("cpu", Scope::node, 1, 50, 250, "compute"),
                                         part("optics", Scope::chip, 1, 1, 5, "net")});
  const PowerModel model(system, sample_chip());
  PowerActivity activity;
  activity.compute = 0.25;
  activity.planes = {0.5};
  CHECK(watts(model.at(activity), "cpu") == 2 * (50 + 0.25 * 200));
  CHECK(watts(model.at(activity), "optics") == 8 * (1 + 0.5 * 4));
  activity.compute = 7;  // more than everything is everything
  CHECK(watts(model.at(activity), "cpu") == 2 * 250);
}

TEST_CASE("fans draw per watt of what is listed before them in their scope", "[power]") {
  // A node's fan moves the heat of chips and CPUs; the system's pump also that of the switch and of
  // the fans.
  const SystemSpec system = system_with(
      {part("switch", Scope::system, 1, 1000, 1000), part("cpu", Scope::node, 1, 100, 100),
       fan(0.1, Scope::node), fan(0.05, Scope::system), part("late", Scope::node, 1, 7, 7)});
  const PowerBreakdown power = PowerModel(system, sample_chip()).idle();
  CHECK_THAT(power.parts[4].watts.value(), WithinRel(0.1 * (800 + 200), 1e-12));
  CHECK_THAT(power.parts[5].watts.value(), WithinRel(0.05 * (1000 + 800 + 200 + 100), 1e-12));
  CHECK_THAT(power.node.value(), WithinRel((800 + 200 + 100 + 14) / 2.0, 1e-12));
}

TEST_CASE("a supply of efficiency 0.95 draws 1/0.95 of what it gives", "[power]") {
  SystemSpec system = system_with({part("cpu", Scope::node, 1, 100, 100)});
  const PowerBreakdown direct = max_power(system, sample_chip());
  system.power.conversion_efficiency = 0.95;
  const PowerBreakdown drawn = max_power(system, sample_chip());
  CHECK_THAT(drawn.total / direct.total, WithinRel(1 / 0.95, 1e-12));
  CHECK_THAT(drawn.node / direct.node, WithinRel(1 / 0.95, 1e-12));
  CHECK_THAT(watts(drawn, "conversion"), WithinRel(direct.total.value() * (1 / 0.95 - 1), 1e-12));
  CHECK_THAT(sum_of_parts(drawn), WithinRel(drawn.total.value(), 1e-12));
}

TEST_CASE("a job powers whole nodes and its share of what nodes share", "[power]") {
  const SystemSpec system =
      system_with({part("cpu", Scope::node, 1, 50, 50), part("switch", Scope::system, 2, 30, 30),
                   part("optics", Scope::chip, 1, 2, 2)});
  const PowerModel model(system, sample_chip(), 3);  // 3 of 4 chips of one of two nodes
  CHECK(model.nodes_used() == 1);
  CHECK(watts(model.idle(), "chip_idle") == 4 * 100);
  CHECK(watts(model.idle(), "cpu") == 50);
  CHECK(watts(model.idle(), "optics") == 4 * 2);
  CHECK(watts(model.idle(), "switch") == 0.5 * 2 * 30);
  CHECK(watts(model.maximum(), "chip_dynamic") == 3 * 400);
  CHECK(model.maximum().chip == Watts(500));
  CHECK(PowerModel(system, sample_chip(), 8).maximum().total ==
        max_power(system, sample_chip()).total);
}

TEST_CASE("parts sum to the total for any activity", "[power][property]") {
  SystemSpec system = system_with({part("cpu", Scope::node, 2, 50, 200, "compute"),
                                   part("optics", Scope::chip, 6, 1, 5, "net"),
                                   fan(0.12, Scope::node), fan(0.03, Scope::supernode)});
  system.power.conversion_efficiency = 0.93;
  for (std::uint64_t used = 1; used <= 8; ++used) {
    const PowerModel model(system, sample_chip(), used);
    PowerActivity activity;
    activity.chip_dynamic = Watts(37.0 * static_cast<double>(used));
    activity.links = Watts(3);
    activity.compute = static_cast<double>(used) / 9;
    activity.planes = {0.3};
    const PowerBreakdown power = model.at(activity);
    CHECK_THAT(sum_of_parts(power), WithinRel(power.total.value(), 1e-12));
    CHECK(power.total >= model.idle().total);
    CHECK(power.total <= model.maximum().total);
  }
}

TEST_CASE("a job larger than the system is refused", "[power]") {
  CHECK_THROWS_MATCHES(
      PowerModel(sample_system(), sample_chip(), 9), InputError,
      Catch::Matchers::Message("error[too-few-chips]: system 'small' has 8 chips, 9 are wanted\n"
                               "  help: use fewer chips or more nodes"));
}

TEST_CASE("a part that follows an unknown plane is refused", "[power]") {
  const SystemSpec system = system_with({part("optics", Scope::chip, 1, 1, 5, "nett")});
  CHECK_THROWS_MATCHES(
      max_power(system, sample_chip()), InputError,
      Catch::Matchers::Message(
          "error[unknown-activity]: component 'optics' of system 'small' follows \"nett\", which "
          "is no plane of it\n  help: write \"compute\", the name of a plane, or leave it out "
          "for a constant power"));
}
