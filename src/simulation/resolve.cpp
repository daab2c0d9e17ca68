#include <fmt/core.h>

#include "xpusim/simulation.hpp"

namespace xpusim {
namespace {

void add_link(Catalogue& catalogue, LinkParts& links, const std::string& name) {
  if (!name.empty() && !links.contains(name)) links.emplace(name, catalogue.load<LinkSpec>(name));
}

SystemSpec with_nodes(SystemSpec system, int nodes) {
  if (nodes > 0) system.nodes = nodes;
  return system;
}

JobInput resolve_job(Catalogue& catalogue, const JobSpec& job) {
  JobInput input{job, catalogue.load_scenario(job.scenario, false).first, {}, {}};
  if (input.scenario.kind != ScenarioKind::training && input.scenario.kind != ScenarioKind::replay)
    throw InputError("job-scenario",
                     fmt::format("job '{}' runs '{}', which is neither a training nor a replay "
                                 "scenario",
                                 job.name, job.scenario),
                     "name a scenario of one of the two");
  if (!input.scenario.model.empty()) input.model = catalogue.load<ModelSpec>(input.scenario.model);
  if (!input.scenario.replay.recorded_on.empty())
    input.recorded_on = catalogue.load<ChipSpec>(input.scenario.replay.recorded_on);
  return input;
}

}  // namespace

RunInput resolve_run(Catalogue& catalogue, const ScenarioSpec& scenario, std::size_t index) {
  RunInput input;
  input.scenario = scenario;
  input.entry = scenario.systems.at(index);
  if (input.entry.parallelism) input.scenario.parallelism = *input.entry.parallelism;
  if (input.entry.training) input.scenario.training = *input.entry.training;
  input.system = with_nodes(catalogue.load<SystemSpec>(input.entry.system), input.entry.nodes);
  input.chip = catalogue.load<ChipSpec>(input.system.chip);
  for (const PlaneSpec& plane : input.system.planes) {
    add_link(catalogue, input.links, plane.link);
    add_link(catalogue, input.links, plane.uplink);
    add_link(catalogue, input.links, plane.core_link);
  }
  const std::string& software =
      input.entry.software.empty() ? input.chip.software : input.entry.software;
  if (software.empty()) {
    throw InputError("no-software",
                     fmt::format("chip '{}' has no default software profile", input.chip.info.name),
                     "name one in the scenario: \"software\" of the system's entry");
  }
  input.software = catalogue.load<SoftwareSpec>(software);
  if (!scenario.model.empty()) input.model = catalogue.load<ModelSpec>(scenario.model);
  if (!scenario.replay.recorded_on.empty())
    input.recorded_on = catalogue.load<ChipSpec>(scenario.replay.recorded_on);
  for (const JobSpec& job : scenario.jobs) input.jobs.push_back(resolve_job(catalogue, job));
  const auto packages = static_cast<std::int64_t>(input.system.nodes) * input.system.chips_per_node;
  constexpr std::int64_t kPackages = 1 << 24;
  if (packages > kPackages) {
    throw InputError("too-large-system",
                     fmt::format("'{}' with {} nodes has {} chips, more than {}",
                                 input.entry.system, input.system.nodes, packages, kPackages),
                     "build fewer nodes");
  }
  if (input.entry.chips > packages) {
    throw InputError("too-many-chips",
                     fmt::format("{} chips asked of '{}', which has {}", input.entry.chips,
                                 input.entry.system, packages),
                     "lower \"chips\", or build more nodes with \"nodes\"");
  }
  return input;
}

}  // namespace xpusim
