#include "sample.hpp"

#include <catch2/catch.hpp>

using namespace xpusim;

ChipSpec sample_chip() {
  ChipSpec chip;
  chip.info.name = "chip";
  chip.power.idle = Watts(100);
  chip.power.tdp = Watts(500);
  return chip;
}

SystemSpec sample_system() {
  SystemSpec system;
  system.info.name = "small";
  system.nodes = 2;
  system.chips_per_node = 4;
  PlaneSpec plane;
  plane.name = "net";
  plane.link = "wire";
  plane.links_per_device = 1;
  system.planes = {plane};
  return system;
}

Fabric sample_fabric(double joules_per_byte) {
  LinkSpec link;
  link.info.name = "wire";
  link.bandwidth = BytesPerSecond(100e9);
  link.latency = Seconds(1e-6);
  link.energy = JoulesPerByte(joules_per_byte);
  return build_fabric(sample_system(), sample_chip(), {{"wire", link}});
}

ComponentSpec part(std::string name, ComponentScope scope, double count, double idle, double active,
                   std::string activity) {
  ComponentSpec component;
  component.kind = name;
  component.name = std::move(name);
  component.scope = scope;
  component.count = count;
  component.idle = Watts(idle);
  component.active = Watts(active);
  component.activity = std::move(activity);
  return component;
}

double watts(const PowerBreakdown& power, const std::string& name) {
  for (const PowerPart& p : power.parts) {
    if (p.name == name) return p.watts.value();
  }
  FAIL("no part '" << name << "'");
  return 0;
}
