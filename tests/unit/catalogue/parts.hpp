// A small catalogue from memory: two nodes of four chips, small enough to compute by hand.
#pragma once

#include <string>

#include "xpusim/catalogue.hpp"

namespace parts {

inline const std::string source = R"({"document": "test sheet", "confidence": "vendor"})";

inline std::string link() {
  return R"({"schema": 1, "kind": "link", "name": "wire", "bandwidth": "50 GB/s", "latency": "100 ns",
  "sources": {"": )" +
         source + "}}";
}
inline std::string software() {
  return R"({"schema": 1, "kind": "software", "name": "lib", "kernel_launch": "1 us",
  "graph_kernel_launch": "1 us", "step_overhead": "0 us", "sources": {"": )" +
         source + "}}";
}

/// `peaks`, `memory` and `power` as their JSON objects; `more` starts with a comma.
inline std::string chip(
    const std::string& peaks = R"({"bf16": "500 TFLOP/s", "fp8": "1 PFLOP/s"})",
    const std::string& power = R"({"idle": "100 W", "tdp": "500 W"})", const std::string& more = "",
    const std::string& memory =
        R"({"capacity": "79.6 GiB", "marketed": "80 GB", "bandwidth": "2 TB/s"})") {
  return R"({"schema": 1, "kind": "chip", "name": "toy", "title": "Toy chip", "vendor": "Toys", "year": 2024,
  "peak": )" +
         peaks + R"(,
  "memory": )" +
         memory + R"(,
  "units": {"count": 64},
  "ports": {"scale_up": {"link": "wire", "count": 4}, "scale_out": {"link": "wire", "count": 1}},
  "power": )" +
         power + R"(,
  "software": "lib",
  "alternatives": {"press": {"/peak/bf16": {"value": "600 TFLOP/s", "source": "a newspaper", "why_not_used": "sparse"}}},
  "sources": {"": )" +
         source + R"(, "/power": {"document": "our meter", "confidence": "measured"}})" + more +
         "\n}";
}

/// `more` starts with a comma.
inline std::string system(const std::string& more = "", const std::string& planes = R"([
    {"name": "up", "role": "scale_up", "shape": "switch", "domain": 8, "link": "wire", "links_per_device": 4},
    {"name": "out", "role": "scale_out", "shape": "switch", "link": "wire", "links_per_device": 1}])") {
  return R"({"schema": 1, "kind": "system", "name": "pair", "title": "Two nodes", "vendor": "Toys", "chip": "toy",
  "nodes": 2, "chips_per_node": 4, "supernode_chips": 8,
  "planes": )" +
         planes + R"(,
  "components": [
    {"name": "host", "kind": "cpu", "scope": "node", "count": 2, "idle": "50 W", "active": "200 W", "activity": "compute"},
    {"name": "crossbar", "kind": "switch", "scope": "supernode", "count": 3, "active": "100 W"}
  ],
  "power": {"conversion_efficiency": 0.8, "budget": "7 kW"},
  "sources": {"": )" +
         source + "}" + more + "\n}";
}

inline const std::string model =
    R"({"schema": 1, "kind": "model", "name": "tiny", "layers": 2, "hidden": 64, "heads": 4,
  "kv_heads": 2, "head_dim": 16, "ffn": 128, "vocabulary": 1000, "sources": {"": )" +
    source + "}}";

inline void add_whole(xpusim::Catalogue& catalogue, const std::string& chip_text = chip(),
                      const std::string& system_text = system()) {
  catalogue.add_text("links/wire.json", link());
  catalogue.add_text("software/lib.json", software());
  catalogue.add_text("chips/toy.json", chip_text);
  catalogue.add_text("systems/pair.json", system_text);
  catalogue.add_text("models/tiny.json", model);
}

/// The parts and scenarios of this repository.
inline xpusim::Catalogue shipped() {
  return xpusim::Catalogue(
      {.roots = {XPUSIM_SOURCE_DIR "/configs", XPUSIM_SOURCE_DIR "/scenarios"}, .overrides = {}});
}

/// The rendered findings of a call that must throw InputError.
template <class Call>
std::string refusal(Call call) {
  try {
    call();
  } catch (const xpusim::InputError& error) {
    return xpusim::render(error.diagnostics());
  }
  return "no error";
}

}  // namespace parts
