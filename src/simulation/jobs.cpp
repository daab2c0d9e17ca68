// Several jobs side by side on one fabric.
#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "simulation/run_context.hpp"
#include "xpusim/critical_path.hpp"
#include "xpusim/metrics.hpp"

namespace xpusim {
namespace {

[[noreturn]] void refuse(const JobSpec& job, const std::string& what, std::string help) {
  throw InputError("job-placement", fmt::format("job '{}' {}", job.name, what), std::move(help));
}

/// "0-31,64-95"
std::vector<std::uint32_t> listed(const JobSpec& job) {
  std::vector<std::uint32_t> packages;
  std::string_view rest = job.devices;
  const auto bad = [&] {
    refuse(job, fmt::format("has the devices '{}'", job.devices),
           "write packages and ranges of packages, such as \"0-31,64-95\"");
  };
  const auto number = [&] {
    std::uint32_t value = 0;
    const auto read = std::from_chars(rest.data(), rest.data() + rest.size(), value);
    if (read.ec != std::errc()) bad();
    rest.remove_prefix(static_cast<std::size_t>(read.ptr - rest.data()));
    return value;
  };
  constexpr std::uint32_t kMost = 1u << 24U;
  while (true) {
    const std::uint32_t first = number();
    std::uint32_t last = first;
    if (rest.starts_with("-")) {
      rest.remove_prefix(1);
      last = number();
    }
    if (last < first || last >= kMost) bad();
    for (std::uint32_t p = first; p <= last; ++p) packages.push_back(p);
    if (rest.empty()) return packages;
    if (!rest.starts_with(",")) bad();
    rest.remove_prefix(1);
  }
}

/// Which packages are taken, and by whom.
class Floor {
 public:
  Floor(std::uint32_t packages, std::uint32_t per_node)
      : owner_(packages, nullptr), per_node_(per_node) {}

  std::vector<std::uint32_t> take(const JobSpec& job, std::uint32_t count) {
    std::vector<std::uint32_t> chosen;
    if (job.placement == "explicit") {
      chosen = listed(job);
      if (chosen.size() != count)
        refuse(job, fmt::format("lists {} devices for {} packages", chosen.size(), count),
               "list one for each");
    } else {
      chosen = job.placement == "spread" ? spread(count) : packed(count);
      if (chosen.size() < count)
        refuse(job, fmt::format("needs {} packages; {} are free", count, chosen.size()),
               "use a larger system, fewer chips, or fewer jobs");
    }
    for (const std::uint32_t package : chosen) {
      if (package >= owner_.size())
        refuse(job, fmt::format("names package {}; the system has {}", package, owner_.size()),
               "packages count from 0");
      if (owner_[package] != nullptr)
        refuse(job,
               fmt::format("wants package {}, which job '{}' has", package, owner_[package]->name),
               "jobs cannot share a package; place explicit jobs first");
      owner_[package] = &job;
    }
    return chosen;
  }

 private:
  [[nodiscard]] std::vector<std::uint32_t> packed(std::uint32_t count) const {
    std::vector<std::uint32_t> chosen;
    for (std::uint32_t p = 0; p < owner_.size() && chosen.size() < count; ++p)
      if (owner_[p] == nullptr) chosen.push_back(p);
    return chosen;
  }

  /// The first free package of every node, then the second, ...
  [[nodiscard]] std::vector<std::uint32_t> spread(std::uint32_t count) const {
    std::vector<std::uint32_t> chosen;
    for (std::uint32_t round = 0; round < per_node_ && chosen.size() < count; ++round) {
      for (std::uint32_t node = 0; node * per_node_ < owner_.size(); ++node) {
        std::uint32_t seen = 0;
        for (std::uint32_t p = node * per_node_; p < (node + 1) * per_node_; ++p) {
          if (owner_[p] != nullptr || seen++ != round) continue;
          if (chosen.size() < count) chosen.push_back(p);
        }
      }
    }
    return chosen;
  }

  std::vector<const JobSpec*> owner_;
  std::uint32_t per_node_;
};

/// A job as a graph on devices 0 .. n-1, and the packages it needs.
struct JobGraph {
  TaskGraph graph;
  std::uint32_t packages = 0;
};

JobGraph graph_of(const RunContext& context, const JobInput& input,
                  std::vector<std::string>& notes) {
  const std::uint32_t dies = context.fabric().dies_per_package();
  const auto wanted = static_cast<std::uint32_t>(input.job.chips);
  JobGraph made;
  if (input.scenario.kind == ScenarioKind::replay) {
    const RecordedTrace trace =
        load_trace(input.scenario.replay, context.input().chip, input.recorded_on);
    const auto ranks = static_cast<std::uint32_t>(trace.trace.ranks.size());
    made.packages = wanted > 0 ? wanted : (ranks + dies - 1) / dies;
    ReplayOptions options = trace.options;
    made.graph = build_replay(trace.trace, made.packages * dies, options).graph;
    for (const std::string& note : trace.notes)
      notes.push_back(fmt::format("{}: {}", input.job.name, note));
    return made;
  }
  if (wanted == 0) refuse(input.job, "does not say how many chips it trains on", "add \"chips\"");
  made.packages = wanted;
  std::vector<std::string> own;
  made.graph =
      build_training_graph(context, input.scenario, *input.model, wanted * dies, Folding::off, own)
          .graph;
  for (const std::string& note : own) notes.push_back(fmt::format("{}: {}", input.job.name, note));
  return made;
}

std::vector<DeviceId> devices_of(const std::vector<std::uint32_t>& packages, std::uint32_t dies) {
  std::vector<DeviceId> devices;
  for (const std::uint32_t package : packages)
    for (std::uint32_t die = 0; die < dies; ++die) devices.push_back(package * dies + die);
  return devices;
}

}  // namespace

void simulate_jobs(const RunContext& context, SystemResult& result) {
  const RunInput& input = context.input();
  if (input.scenario.folding == Folding::on)
    throw InputError("cannot-fold", "jobs side by side are not folded: they disturb each other",
                     "use \"folding\": \"auto\" or \"off\"");
  const Fabric& fabric = context.fabric();
  Floor floor(context.packages_used(), fabric.devices_per_node() / fabric.dies_per_package());
  std::vector<GraphPart> parts;
  std::vector<std::size_t> job_of_part;
  std::set<std::string> names;
  if (input.jobs.empty())
    throw InputError("no-jobs", "a scenario of workload 'jobs' has none", "add one to \"jobs\"");
  for (std::size_t j = 0; j < input.jobs.size(); ++j) {
    const JobInput& job = input.jobs[j];
    if (!names.insert(job.job.name).second)
      refuse(job.job, "has the name of another", "give every job a name of its own");
    std::vector<std::string> notes;
    JobGraph made = graph_of(context, job, notes);
    const std::vector<std::uint32_t> packages = floor.take(job.job, made.packages);
    JobResult row;
    row.name = job.job.name;
    row.scenario = job.scenario.info.name;
    row.placement = job.job.placement;
    row.chips = made.packages;
    row.start_s = job.job.start.value();
    result.jobs.push_back(row);
    if (input.only_job && *input.only_job != j) continue;
    move_to(made.graph, devices_of(packages, fabric.dies_per_package()));
    // Alone, a job starts at once: only what it takes counts.
    parts.push_back(
        {job.job.name, std::move(made.graph), input.only_job ? 0.0 : job.job.start.value()});
    job_of_part.push_back(j);
    result.notes.insert(result.notes.end(), notes.begin(), notes.end());
  }
  const TaskGraph graph = merge_parts(std::move(parts));
  const Fidelity fidelity = input.scenario.network.fidelity == Fidelity::automatic
                                ? Fidelity::fluid
                                : input.scenario.network.fidelity;
  Breakdown breakdown;
  Totals totals;
  JobTrafficListener traffic;
  const auto read = [&](const RunRecord& record) {
    for (std::uint32_t part = 0; part < job_of_part.size(); ++part) {
      JobResult& job = result.jobs[job_of_part[part]];
      const std::optional<TaskId> last = last_task_of(record, part);
      if (!last) continue;
      job.end_s = record.times->end(*last);
      job.time_s = job.end_s - (input.only_job ? 0.0 : job.start_s);
      std::map<std::pair<LinkId, std::uint32_t>, double> seconds;
      for (const Contention& c : contention_on_path(record, *last)) {
        // Without another job on the link it is the job's own traffic that competes there.
        const auto other = traffic.busiest_other(c.link, part, c.from, c.to);
        if (!other) continue;
        job.contention_s += c.seconds;
        seconds[{c.link, *other}] += c.seconds;
      }
      const auto most =
          std::max_element(seconds.begin(), seconds.end(),
                           [](const auto& a, const auto& b) { return a.second < b.second; });
      if (most == seconds.end()) continue;
      job.cause = fabric.link_name(most->first.first);
      job.culprit = result.jobs[job_of_part[most->first.second]].name;
    }
  };
  const StaticRunResult run = context.run_graph(graph, fidelity, std::nullopt, breakdown, totals,
                                                result, {{&traffic}, read, nullptr});
  ReplayResult& out = result.replay.emplace();
  out.makespan_s = run.makespan.value();
  out.ranks = graph.ranks.size();
  out.tasks = run.tasks;
  out.breakdown_s = breakdown;
}

void compare_with_alone(SystemResult& result, const std::vector<SystemResult>& alone) {
  for (std::size_t j = 0; j < result.jobs.size() && j < alone.size(); ++j) {
    JobResult& job = result.jobs[j];
    job.alone_s = alone[j].jobs.at(j).time_s;
    job.slowdown = job.alone_s > 0 ? job.time_s / job.alone_s : 1.0;
  }
}

}  // namespace xpusim
