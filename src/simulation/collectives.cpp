#include <fmt/core.h>

#include <numeric>

#include "simulation/run_context.hpp"

namespace xpusim {

CollectiveResult collective_result(const CollectivePlan& plan, const Fabric& fabric, Seconds time) {
  CollectiveResult row;
  row.type = std::string(to_string(plan.type));
  row.bytes = plan.bytes;
  row.ranks = plan.ranks;
  row.algorithm = plan.algorithm;
  row.protocol = plan.protocol;
  for (const PlaneId plane : plan.planes)
    row.plane += (row.plane.empty() ? "" : "+") + fabric.planes()[plane].name;
  row.time_s = time.value();
  if (row.time_s > 0 && plan.type != CollectiveType::BARRIER) {
    row.algbw_bytes_per_s = plan.bytes / row.time_s;
    row.busbw_bytes_per_s =
        row.algbw_bytes_per_s * busbw_factor(plan.type, static_cast<int>(plan.ranks));
  }
  return row;
}

namespace {

/// Runs one size after another on the same machine, each alone.
struct Sweep {
  const RunContext& context;
  RunContext::Run run;
  std::vector<DeviceId> members;
  std::vector<std::shared_ptr<const CollectivePlan>> plans;
  std::vector<Seconds> times;
  std::size_t next = 0;

  void start_next() {
    if (next == plans.size()) return;
    const Seconds begin = run.machine->now();
    run.machine->communicate(plans[next], members, {}, Purpose::other, [this, begin] {
      times.push_back(run.machine->now() - begin);
      ++next;
      start_next();
    });
  }
};

}  // namespace

void simulate_collectives(const RunContext& context, SystemResult& result) {
  const ScenarioSpec& scenario = context.input().scenario;
  const CollectiveRunSpec& spec = scenario.collective;
  const auto type = parse_collective_type(spec.type);
  if (!type)
    throw InputError("unknown-collective", fmt::format("no collective '{}'", spec.type),
                     "ALL_REDUCE, ALL_TO_ALL, ...");
  const SystemSpec& system = context.input().system;
  const std::uint32_t dies = context.fabric().dies_per_package();
  const std::uint32_t domain =
      system.supernode_chips > 0
          ? std::min<std::uint32_t>(static_cast<std::uint32_t>(system.supernode_chips),
                                    context.fabric().packages())
          : context.fabric().packages();
  const std::uint32_t ranks =
      spec.ranks > 0 ? static_cast<std::uint32_t>(spec.ranks) : domain * dies;
  if (ranks > context.devices_used()) {
    throw InputError("too-many-ranks",
                     fmt::format("{} ranks on {} devices of '{}'", ranks, context.devices_used(),
                                 system.info.name),
                     "lower the ranks, build more nodes, or count dies as ranks");
  }
  CollectiveOptions options{spec.algorithm, spec.protocol, ""};
  if (const auto named = scenario.network.algorithms.find(spec.type);
      options.algorithm.empty() && named != scenario.network.algorithms.end())
    options.algorithm = named->second;
  if (const auto plane = scenario.network.planes.find("other");
      plane != scenario.network.planes.end())
    options.plane = plane->second;

  Sweep sweep{
      context, context.start(scenario.network.fidelity), std::vector<DeviceId>(ranks), {}, {}, 0};
  std::iota(sweep.members.begin(), sweep.members.end(), 0);
  for (const double bytes : spec.bytes) {
    sweep.plans.push_back(std::make_shared<CollectivePlan>(
        plan_collective(context.collectives(), *type, Bytes(bytes), sweep.members, options)));
  }
  sweep.run.machine->at(Seconds(0.0), [&sweep] { sweep.start_next(); });
  sweep.run.machine->run();
  for (std::size_t i = 0; i < sweep.plans.size(); ++i) {
    result.collective.push_back(
        collective_result(*sweep.plans[i], context.fabric(), sweep.times.at(i)));
  }
  result.links = sweep.run.links->result();
  result.simulation.fidelity = fidelity_word(sweep.run.machine->fidelity());
  result.simulation.activities = sweep.run.machine->activities();
  result.simulation.simulated_ranks = ranks;
}

}  // namespace xpusim
