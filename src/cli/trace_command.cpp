#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <iostream>

#include "cli/app.hpp"
#include "xpusim/trace.hpp"

namespace xpusim::cli {
namespace {

void print_statistics(const ChakraTrace& trace) {
  const ChakraStatistics s = chakra_statistics(trace);
  fmt::print("{}: {} ranks, {} different files, {} bytes\n", trace.prefix, s.ranks,
             s.different_files, s.bytes);
  for (std::size_t type = 0; type < s.nodes.size(); ++type) {
    if (s.nodes[type] > 0)
      fmt::print("  {:<14}{:>12}\n", to_string(static_cast<ChakraNodeType>(type)), s.nodes[type]);
  }
  fmt::print("  of these on the host: {}\n", s.host_nodes);
  fmt::print("  dependencies: {} data, {} control\n", s.data_dependencies, s.ctrl_dependencies);
  fmt::print("  compute: {:.6g} FLOP, {:.6g} bytes touched, {:.6g} s recorded\n", s.num_ops,
             s.tensor_bytes, s.recorded_seconds);
  for (const auto& [key, traffic] : s.traffic) {
    fmt::print("  {:<16} group {:<8} {:>8} nodes {:>14.6g} bytes\n", key.first,
               key.second.empty() ? "all" : key.second, traffic.nodes, traffic.comm_size);
  }
  for (const auto& [reason, count] : s.ignored) fmt::print("  ignored: {} ({})\n", reason, count);
}

}  // namespace

std::function<int()> declare_trace(CLI::App& app, const GlobalOptions&) {
  auto prefix = std::make_shared<std::string>();
  app.require_subcommand(1);
  CLI::App* info = app.add_subcommand(
      "info", "Nodes by type, bytes by collective and group, what will be ignored");
  info->add_option("prefix", *prefix, "PREFIX of PREFIX.<rank>.et, or their folder")->required();
  return [prefix] {
    print_statistics(read_chakra_trace(*prefix));
    return good;
  };
}

}  // namespace xpusim::cli
