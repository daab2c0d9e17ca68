#include <algorithm>
#include <functional>
#include <ostream>

#include <fmt/format.h>

#include "report/numbers.hpp"
#include "report/writers.hpp"

namespace xpusim::report {
namespace {

/// One output row: a system, and one of its collectives if it has any; with the critical path or an
/// explanation one row more for each of their segments.
struct Line {
  const RunReport& run;
  const SystemResult& result;
  const CollectiveResult* collective = nullptr;
  const PathSegment* segment = nullptr;
  const ExplainResult* explained = nullptr;
  const ChainResult* link = nullptr;  ///< of `explained`
  const JobResult* job = nullptr;
};
using Value = std::function<std::string(const Line&)>;
struct Column {
  std::string name;
  Value value;
};

std::string text_of(const std::string& text) { return text; }
std::string text_of(double value) { return exact_text(value); }
std::string text_of(bool value) { return value ? "true" : "false"; }
std::string text_of(std::uint64_t value) { return fmt::format("{}", value); }
template <class T>
std::string text_of(const std::optional<T>& value) {
  return value ? text_of(*value) : std::string();
}

template <class Section, class Part>
Value of(std::optional<Section> SystemResult::*section, Part part) {
  return [section, part](const Line& line) {
    const auto& found = line.result.*section;
    return found ? text_of(std::invoke(part, *found)) : std::string();
  };
}
template <class Part>
Value collective(Part part) {
  return [part](const Line& line) {
    return line.collective == nullptr ? std::string()
                                      : text_of(std::invoke(part, *line.collective));
  };
}
template <class Part>
Value system(Part part) {
  return [part](const Line& line) { return text_of(std::invoke(part, line.result)); };
}
template <class Part>
Value simulation(Part part) {
  return [part](const Line& line) {
    if (!line.result.error.empty()) return std::string();
    return text_of(std::invoke(part, line.result.simulation));
  };
}

void add_training(std::vector<Column>& columns) {
  using T = TrainingResult;
  const auto add = [&](const char* name, auto part) {
    columns.push_back({name, of(&SystemResult::training, part)});
  };
  add("step_time_s", &T::step_time_s);
  add("tokens_per_s", &T::tokens_per_s);
  add("tokens_per_s_per_chip", &T::tokens_per_s_per_chip);
  add("tflops_per_chip", &T::tflops_per_chip);
  add("mfu", &T::mfu);
  add("hfu", &T::hfu);
  const auto memory = [&](const char* name, double T::Memory::*part) {
    add(name, [part](const T& t) { return t.memory_bytes_per_chip.*part; });
  };
  memory("memory_parameters_bytes", &T::Memory::parameters);
  memory("memory_gradients_bytes", &T::Memory::gradients);
  memory("memory_optimizer_bytes", &T::Memory::optimizer);
  memory("memory_activations_bytes", &T::Memory::activations);
  memory("memory_buffers_bytes", &T::Memory::buffers);
  memory("memory_total_bytes", &T::Memory::total);
  memory("memory_capacity_bytes", &T::Memory::capacity);
}

void add_replay(std::vector<Column>& columns) {
  using R = ReplayResult;
  const auto add = [&](const char* name, auto part) {
    columns.push_back({name, of(&SystemResult::replay, part)});
  };
  add("makespan_s", &R::makespan_s);
  add("replay_ranks", &R::ranks);
  add("replay_tasks", &R::tasks);
  add("replay_skipped", &R::skipped);
}

void add_breakdown(std::vector<Column>& columns) {
  using B = TrainingResult::Breakdown;
  const auto add = [&](const char* name, double B::*part) {
    columns.push_back({name, [part](const Line& line) -> std::string {
                         if (line.result.training) {
                           return exact_text(line.result.training->breakdown_s.*part);
                         }
                         if (!line.result.replay) return "";
                         return exact_text(line.result.replay->breakdown_s.*part);
                       }});
  };
  add("compute_s", &B::compute);
  add("exposed_tp_s", &B::exposed_tp);
  add("exposed_cp_s", &B::exposed_cp);
  add("exposed_ep_s", &B::exposed_ep);
  add("exposed_pp_s", &B::exposed_pp);
  add("exposed_dp_s", &B::exposed_dp);
  add("exposed_other_s", &B::exposed_other);
  add("bubble_s", &B::bubble);
  add("optimizer_s", &B::optimizer);
}

void add_collective(std::vector<Column>& columns) {
  using C = CollectiveResult;
  const auto add = [&](const char* name, auto part) {
    columns.push_back({name, collective(part)});
  };
  add("collective_type", &C::type);
  add("collective_bytes", &C::bytes);
  add("collective_ranks", &C::ranks);
  add("collective_algorithm", &C::algorithm);
  add("collective_protocol", &C::protocol);
  add("collective_plane", &C::plane);
  add("collective_time_s", &C::time_s);
  add("collective_algbw_bytes_per_s", &C::algbw_bytes_per_s);
  add("collective_busbw_bytes_per_s", &C::busbw_bytes_per_s);
}

void add_power(std::vector<Column>& columns) {
  using P = PowerResult;
  const auto add = [&](const char* name, auto part) {
    columns.push_back({name, of(&SystemResult::power, part)});
  };
  add("mean_w", &P::mean_w);
  add("peak_w", &P::peak_w);
  add("energy_j", &P::energy_j);
  add("tokens_per_j", &P::tokens_per_j);
  add("mean_chip_w", &P::mean_chip_w);
  add("mean_node_w", &P::mean_node_w);
}

void add_links(std::vector<Column>& columns) {
  const auto add = [&](const char* name, auto part) {
    columns.push_back({name, of(&SystemResult::links, part)});
  };
  add("hottest_link", [](const LinksResult& links) {
    return links.hottest.empty() ? std::string() : links.hottest.front().link;
  });
  add("hottest_link_utilization", [](const LinksResult& links) {
    return links.hottest.empty() ? std::nullopt : std::optional(links.hottest.front().utilization);
  });
}

/// Segments of the critical path and links of an explanation's chain, told apart by `path`.
void add_paths(std::vector<Column>& columns) {
  const auto add = [&](const char* name, auto segment, auto link) {
    columns.push_back({name, [segment, link](const Line& line) {
                         if (line.segment != nullptr)
                           return text_of(std::invoke(segment, *line.segment));
                         return line.link == nullptr ? std::string()
                                                     : text_of(std::invoke(link, *line.link));
                       }});
  };
  const auto none = [](const auto&) { return std::string(); };
  columns.push_back({"path", [](const Line& line) -> std::string {
                       if (line.segment != nullptr) return "critical path";
                       if (line.explained == nullptr) return "";
                       return fmt::format("task {} {}", line.explained->task,
                                          line.explained->label);
                     }});
  using S = PathSegment;
  using C = ChainResult;
  add("path_name", &S::name, &C::name);
  add("path_kind", &S::kind, none);
  add("path_purpose", &S::purpose, none);
  add("path_stage", &S::stage, &C::stage);
  add("path_rank", &S::rank, &C::rank);
  add("path_cause", &S::cause, none);
  add("path_link", &S::link, none);
  add("path_from_s", none, &C::from_s);
  add("path_seconds", &S::seconds, &C::seconds);
  add("path_share", &S::share, none);
  add("path_count", &S::count, &C::tasks);
}

void add_jobs(std::vector<Column>& columns) {
  const auto add = [&](const char* name, auto part) {
    columns.push_back({name, [part](const Line& line) {
                         return line.job == nullptr ? std::string()
                                                    : text_of(std::invoke(part, *line.job));
                       }});
  };
  using J = JobResult;
  add("job", &J::name);
  add("job_scenario", &J::scenario);
  add("job_placement", &J::placement);
  add("job_chips", &J::chips);
  add("job_start_s", &J::start_s);
  add("job_end_s", &J::end_s);
  add("job_time_s", &J::time_s);
  add("job_alone_s", &J::alone_s);
  add("job_slowdown", &J::slowdown);
  add("job_contention_s", &J::contention_s);
  add("job_cause", &J::cause);
  add("job_culprit", &J::culprit);
}

void add_messages(std::vector<Column>& columns) {
  const auto add = [&](const char* name, auto part) {
    columns.push_back({name, [part](const Line& line) {
                         const auto& replay = line.result.replay;
                         return replay && replay->messages
                                    ? text_of(std::invoke(part, *replay->messages))
                                    : std::string();
                       }});
  };
  using M = MessagesResult;
  const auto part = [](Distribution M::*which, double Distribution::*value) {
    return [which, value](const M& m) { return (m.*which).*value; };
  };
  using D = Distribution;
  add("messages", &M::count);
  add("message_mean_s", part(&M::time_s, &D::mean));
  add("message_p50_s", part(&M::time_s, &D::p50));
  add("message_p90_s", part(&M::time_s, &D::p90));
  add("message_p95_s", part(&M::time_s, &D::p95));
  add("message_p99_s", part(&M::time_s, &D::p99));
  add("message_max_s", part(&M::time_s, &D::max));
  add("message_slowdown_mean", part(&M::slowdown, &D::mean));
  add("message_slowdown_p50", part(&M::slowdown, &D::p50));
  add("message_slowdown_p99", part(&M::slowdown, &D::p99));
  add("message_slowdown_max", part(&M::slowdown, &D::max));
}

/// Groups of columns that only some reports have.
struct Extras {
  bool paths = false, jobs = false, messages = false;
};

std::vector<Column> columns(const Extras& extras) {
  std::vector<Column> all;
  all.push_back({"scenario", [](const Line& line) { return line.run.scenario; }});
  all.push_back({"system", system(&SystemResult::system)});
  all.push_back({"chips", system(&SystemResult::chips)});
  all.push_back({"software", system(&SystemResult::software)});
  all.push_back({"parallelism", system(&SystemResult::parallelism)});
  all.push_back({"error", system(&SystemResult::error)});
  add_training(all);
  add_replay(all);
  add_breakdown(all);
  add_collective(all);
  add_power(all);
  add_links(all);
  all.push_back({"fidelity", simulation(&SimulationResult::fidelity)});
  all.push_back({"folded", simulation(&SimulationResult::folded)});
  all.push_back({"activities", simulation(&SimulationResult::activities)});
  all.push_back({"simulated_ranks", simulation(&SimulationResult::simulated_ranks)});
  all.push_back({"wall_s", simulation(&SimulationResult::wall_s)});
  all.push_back({"peak_rss_bytes", simulation(&SimulationResult::peak_rss_bytes)});
  if (extras.messages) add_messages(all);
  if (extras.jobs) add_jobs(all);
  if (extras.paths) add_paths(all);
  return all;
}

/// RFC 4180, section 2: quotes around what holds a comma, a quote or a line break; quotes doubled.
std::string quoted(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"') result += '"';
    result += c;
  }
  return result + '"';
}

void write_line(std::ostream& out, const std::vector<Column>& all, const Line& line) {
  for (std::size_t i = 0; i < all.size(); ++i) {
    out << (i == 0 ? "" : ",") << quoted(all[i].value(line));
  }
  out << "\r\n";
}

}  // namespace

void write_csv(std::ostream& out, const RunReport& run) {
  Extras extras;
  for (const SystemResult& result : run.results) {
    extras.paths = extras.paths || result.critical_path || !result.explain.empty();
    extras.jobs = extras.jobs || !result.jobs.empty();
    extras.messages = extras.messages || (result.replay && result.replay->messages);
  }
  const std::vector<Column> all = columns(extras);
  for (std::size_t i = 0; i < all.size(); ++i) out << (i == 0 ? "" : ",") << all[i].name;
  out << "\r\n";
  for (const SystemResult& result : run.results) {
    if (result.collective.empty() && result.jobs.empty()) write_line(out, all, {run, result});
    for (const CollectiveResult& row : result.collective) write_line(out, all, {run, result, &row});
    for (const JobResult& job : result.jobs)
      write_line(out, all, {run, result, nullptr, nullptr, nullptr, nullptr, &job});
    if (result.critical_path) {
      for (const PathSegment& segment : result.critical_path->segments)
        write_line(out, all, {run, result, nullptr, &segment});
    }
    for (const ExplainResult& explained : result.explain) {
      for (const ChainResult& link : explained.chain)
        write_line(out, all, {run, result, nullptr, nullptr, &explained, &link});
    }
  }
}

}  // namespace xpusim::report
