#include <fmt/core.h>
#include <fmt/ranges.h>

#include <filesystem>
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
  if (!in || std::filesystem::is_directory(path))
    throw InputError("cannot-read", fmt::format("cannot read the communicator groups '{}'", path));
  return parse_comm_groups({std::istreambuf_iterator<char>(in), {}}, path);
}

/// Recorded durations on another chip: compute by the ratio of the peaks of the format, memory by
/// that of the bandwidths (the roofline's two sides).
void scale_durations(const ReplaySpec& replay, const ChipSpec& chip, const ChipSpec& recorded_on,
                     RecordedTrace& trace) {
  const auto peak = [&](const ChipSpec& c) {
    const auto found = c.peak.find(replay.compute_format);
    if (found != c.peak.end()) return found->second.value();
    throw InputError(
        "no-peak",
        fmt::format("chip '{}' has no peak for {}, which recorded durations are scaled "
                    "by",
                    c.info.name, replay.compute_format),
        "choose another replay.compute_format");
  };
  trace.options.compute_scale = peak(recorded_on) / peak(chip);
  trace.options.memory_scale = recorded_on.memory.bandwidth.value() / chip.memory.bandwidth.value();
  trace.notes.push_back(fmt::format(
      "recorded on {}: durations of compute nodes times {:.4g} (peaks at {}), of memory "
      "nodes times {:.4g} (bandwidths)",
      recorded_on.info.name, trace.options.compute_scale, replay.compute_format,
      trace.options.memory_scale));
}

Fidelity replay_fidelity(const ScenarioSpec& scenario, std::size_t ranks) {
  Fidelity fidelity = scenario.network.fidelity;
  if (fidelity == Fidelity::automatic) {
    const bool few = ranks <= kFlowRanks && scenario.folding != Folding::on;
    fidelity = few ? Fidelity::flow : Fidelity::fluid;
  }
  if (fidelity == Fidelity::flow && scenario.folding == Folding::on) {
    throw InputError(
        "cannot-fold",
        "fidelity 'flow' moves every rank's messages; a folded run has one rank per class",
        "use \"folding\": \"off\" with 'flow', or fidelity 'fluid'");
  }
  return fidelity;
}

}  // namespace

RecordedTrace load_trace(const ReplaySpec& replay, const ChipSpec& chip,
                         const std::optional<ChipSpec>& recorded_on) {
  RecordedTrace trace = read_trace(replay.trace, replay.format,
                                   {static_cast<std::uint32_t>(replay.ranks),
                                    static_cast<std::uint32_t>(replay.model_parallel)});
  ReplayOptions& options = trace.options;
  options.timing = replay.recorded_durations ? ReplayTiming::recorded : ReplayTiming::automatic;
  options.compute_format = replay.compute_format;
  if (!replay.dimensions.empty() && !options.dimensions.empty())
    throw InputError("trace-dimensions",
                     fmt::format("{}: a trace of format {} says its dimensions itself: {}",
                                 replay.trace, trace.format, fmt::join(options.dimensions, " x ")),
                     "leave the dimensions out");
  if (!replay.dimensions.empty())
    options.dimensions.assign(replay.dimensions.begin(), replay.dimensions.end());
  if (replay.data_dimension >= 0 && options.data_dimension >= 0 &&
      replay.data_dimension != options.data_dimension)
    throw InputError(
        "trace-scale",
        fmt::format("{}: dimension {} of the trace is not its data-parallel one; {} is",
                    replay.trace, replay.data_dimension, options.data_dimension),
        "leave the data dimension out");
  if (replay.data_dimension >= 0) options.data_dimension = replay.data_dimension;
  if (replay.comm_size == "collective_size")
    options.comm_size = CommSizeConvention::collective_size;
  if (replay.comm_size == "one_rank_input") options.comm_size = CommSizeConvention::one_rank_input;
  if (!replay.groups.empty()) options.groups = read_groups(replay.groups);
  options.follow_ctrl_deps = options.follow_ctrl_deps || replay.follow_ctrl_deps;
  options.communication_slot = options.communication_slot && replay.communication_slot;
  if (recorded_on) scale_durations(replay, chip, *recorded_on, trace);
  if (replay.scale_ranks > 0)
    trace = scale_ranks(trace, static_cast<std::uint32_t>(replay.scale_ranks));
  return trace;
}

void simulate_replay(const RunContext& context, SystemResult& result) {
  const RunInput& input = context.input();
  const RecordedTrace trace = load_trace(input.scenario.replay, input.chip, input.recorded_on);
  result.notes.insert(result.notes.end(), trace.notes.begin(), trace.notes.end());
  const Fidelity fidelity = replay_fidelity(input.scenario, trace.trace.ranks.size());
  ReplayOptions options = trace.options;
  options.folding = fidelity == Fidelity::flow ? Folding::off : input.scenario.folding;
  options.fabric = &context.fabric();
  Replay replay = build_replay(trace.trace, context.devices_used(), options);
  FoldedTraffic traffic;
  if (replay.graph.folded) {
    traffic = context.plan_folded_traffic(replay.graph);
    if (!context.keep_folded(traffic.uneven, options.folding,
                             trace.trace.ranks.size() <= kUnfoldedRanks, result.notes)) {
      options.folding = Folding::off;
      replay = build_replay(trace.trace, context.devices_used(), options);
    }
  }

  Breakdown breakdown;
  Totals totals;
  MessageListener messages;
  const StaticRunResult run = context.run_graph(replay.graph, fidelity, std::nullopt, breakdown,
                                                totals, result, {{&messages}, {}, &traffic});
  ReplayResult& out = result.replay.emplace();
  out.makespan_s = run.makespan.value();
  out.ranks = trace.trace.ranks.size();
  for (const Task& task : replay.graph.tasks)
    out.tasks += replay.graph.ranks[task.rank].multiplicity;
  if (const std::uint64_t idle = context.devices_used() - out.ranks; idle > 0)
    result.notes.push_back(fmt::format(
        "{} of {} devices carry no rank; they idle, and their power counts (limit them with chips)",
        idle, context.devices_used()));
  out.breakdown_s = breakdown;
  std::vector<double> idle;
  for (const auto& plan : run.transfer_plans) idle.push_back(plan ? plan->idle_time.value() : 0);
  out.messages = messages.result(idle);
  for (const auto& [reason, count] : replay.statistics.ignored) out.skipped += count;
  // One row for all groups that do the same.
  std::set<std::tuple<std::string, double, std::uint64_t, std::string, std::string, double>> known;
  for (const auto& plan : run.plans) {
    CollectiveResult row = collective_result(*plan, context.fabric(), plan->idle_time);
    if (known.emplace(row.type, row.bytes, row.ranks, row.algorithm, row.plane, row.time_s).second)
      result.collective.push_back(std::move(row));
  }
}

}  // namespace xpusim
