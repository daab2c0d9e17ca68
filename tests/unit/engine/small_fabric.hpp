// A one-switch system of n devices and a library without constants of its own: closed forms are
// short.
#pragma once

#include <numeric>
#include <vector>

#include "xpusim/machine.hpp"

namespace xpusim::test {

inline constexpr double kBandwidth = 50e9;  // bytes/s, one port
inline constexpr double kHop = 0.5e-6;      // s, device to switch and switch to device

inline SystemSpec switch_system(int devices) {
  SystemSpec system;
  system.info.name = "small";
  system.chip = "chip";
  system.nodes = 1;
  system.chips_per_node = devices;
  PlaneSpec plane;
  plane.name = "net";
  plane.link = "port";
  plane.links_per_device = 1;
  plane.in_switch_reduction = true;
  system.planes = {plane};
  return system;
}
inline LinkParts small_links() {
  LinkSpec port;
  port.info.name = "port";
  port.bandwidth = BytesPerSecond(kBandwidth);
  port.latency = Seconds(kHop);
  return {{"port", port}};
}
inline CollectiveLibrarySpec plain_library() {
  CollectiveLibrarySpec library;
  ProtocolSpec simple;
  simple.name = "simple";
  for (const AlgorithmInfo& info : collective_algorithms()) {
    LibraryAlgorithmSpec algorithm;
    algorithm.algorithm = std::string(info.name);
    algorithm.protocols = {simple};
    library.algorithms.push_back(algorithm);
  }
  return library;
}
inline std::vector<DeviceId> first_devices(std::uint32_t n) {
  std::vector<DeviceId> devices(n);
  std::iota(devices.begin(), devices.end(), 0);
  return devices;
}

}  // namespace xpusim::test
