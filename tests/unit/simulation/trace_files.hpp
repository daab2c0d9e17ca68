// Small traces written to files, and scenarios that replay them.
#pragma once

#include <fstream>
#include <string>

#include "xpusim/simulation.hpp"
#include "xpusim/trace.hpp"

namespace xpusim::test {

inline ChakraNode compute(std::uint64_t micros) {
  ChakraNode node;
  node.type = ChakraNodeType::comp;
  node.duration_nanos = micros * 1000;
  return node;
}
inline ChakraNode collective(ChakraCollective type, std::uint64_t bytes) {
  ChakraNode node;
  node.type = ChakraNodeType::comm_coll;
  node.collective = type;
  node.comm_size = bytes;
  return node;
}
inline ChakraNode message(bool sends, std::uint32_t partner, std::uint64_t bytes, int tag) {
  ChakraNode node;
  node.type = sends ? ChakraNodeType::comm_send : ChakraNodeType::comm_recv;
  (sends ? node.comm_dst : node.comm_src) = static_cast<std::int32_t>(partner);
  node.comm_size = bytes;
  node.comm_tag = tag;
  return node;
}
inline void write_file(const std::string& path, const ChakraFile& file) {
  std::ofstream out(path, std::ios::binary);
  write_chakra(out, file);
}

inline ScenarioSpec replay_scenario(const std::string& trace, const std::string& system) {
  ScenarioSpec scenario;
  scenario.info.name = "replay";
  scenario.kind = ScenarioKind::replay;
  scenario.replay.trace = trace;
  scenario.network.fidelity = Fidelity::fluid;
  scenario.systems.resize(1);
  scenario.systems[0].system = system;
  return scenario;
}

}  // namespace xpusim::test
