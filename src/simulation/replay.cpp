#include <fmt/core.h>

#include <fstream>
#include <iterator>
#include <set>
#include <tuple>

#include "simulation/run_context.hpp"
#include "xpusim/trace.hpp"

namespace xpusim {
namespace {

/// Above so many ranks `auto` replays at `fluid`: messages grow with the square of the ranks.
constexpr std::size_t kFlowRanks = 64;

CommGroups read_groups(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in)
    throw InputError("cannot-read", fmt::format("cannot read the communicator groups '{}'", path));
  return parse_comm_groups({std::istreambuf_iterator<char>(in), {}}, path);
}

}  // namespace

void simulate_replay(const RunContext& context, SystemResult& result) {
  const ScenarioSpec& scenario = context.input().scenario;
  const RecordedTrace recorded =
      read_trace(scenario.replay.trace, scenario.replay.format,
                 {static_cast<std::uint32_t>(scenario.replay.ranks),
                  static_cast<std::uint32_t>(scenario.replay.model_parallel)});
  const ChakraTrace& trace = recorded.trace;
  ReplayOptions options = recorded.options;
  result.notes.insert(result.notes.end(), recorded.notes.begin(), recorded.notes.end());
  options.timing =
      scenario.replay.recorded_durations ? ReplayTiming::recorded : ReplayTiming::automatic;
  options.compute_format = scenario.replay.compute_format;
  if (!scenario.replay.dimensions.empty())
    options.dimensions.assign(scenario.replay.dimensions.begin(), scenario.replay.dimensions.end());
  if (scenario.replay.comm_size == "collective_size")
    options.comm_size = CommSizeConvention::collective_size;
  if (scenario.replay.comm_size == "one_rank_input")
    options.comm_size = CommSizeConvention::one_rank_input;
  if (!scenario.replay.groups.empty()) options.groups = read_groups(scenario.replay.groups);
  const Replay replay = build_replay(trace, context.devices_used(), options);

  Fidelity fidelity = scenario.network.fidelity;
  if (fidelity == Fidelity::automatic) {
    fidelity = trace.ranks.size() <= kFlowRanks ? Fidelity::flow : Fidelity::fluid;
  }
  Breakdown breakdown;
  Totals totals;
  const StaticRunResult run =
      context.run_graph(replay.graph, fidelity, std::nullopt, breakdown, totals, result);
  ReplayResult& out = result.replay.emplace();
  out.makespan_s = run.makespan.value();
  out.ranks = trace.ranks.size();
  out.tasks = run.tasks;
  out.breakdown_s = breakdown;
  for (const auto& [reason, count] : replay.statistics.ignored) {
    out.skipped += count;
    result.notes.push_back(fmt::format("ignored {} times: {}", count, reason));
  }
  // One row for all groups that do the same.
  std::set<std::tuple<std::string, double, std::uint64_t, std::string, std::string, double>> known;
  for (const auto& plan : run.plans) {
    CollectiveResult row = collective_result(*plan, context.fabric(), plan->idle_time);
    if (known.emplace(row.type, row.bytes, row.ranks, row.algorithm, row.plane, row.time_s).second)
      result.collective.push_back(std::move(row));
  }
}

}  // namespace xpusim
