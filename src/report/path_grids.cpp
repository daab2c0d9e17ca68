#include <algorithm>

#include <fmt/format.h>

#include "report/document.hpp"
#include "report/numbers.hpp"

namespace xpusim::report {
namespace {

constexpr std::size_t kSegmentsShown = 15, kCausesShown = 8, kKernelsShown = 8;
constexpr std::size_t kChainHead = 8, kChainTail = 16;
constexpr std::size_t kMomentsShown = 4;

template <class T>
std::string place_text(const T& of) {
  if (of.stage) return fmt::format("stage {}", *of.stage);
  return of.rank ? fmt::format("rank {}", *of.rank) : "-";
}

std::string time_text(double seconds) {
  const DisplayUnit unit = unit_for(Kind::seconds, {seconds});
  return fmt::format("{} {}", number_text(seconds / unit.scale), unit.name);
}

std::string cause_text(const PathSegment& s) {
  return s.link.empty() ? s.cause : s.cause + " " + s.link;
}

std::string purpose_text(const PathSegment& s) { return s.kind == "gap" ? "-" : s.purpose; }

std::string share_text(double seconds, double total) {
  return total > 0 ? percent_text(seconds / total) : "-";
}

/// The same time by cause, whatever the label and the place.
Grid cause_grid(const CriticalPathResult& path, const std::string& heading) {
  std::vector<PathSegment> causes;
  for (const PathSegment& s : path.segments) {
    const auto same = std::find_if(causes.begin(), causes.end(), [&](const PathSegment& c) {
      return c.purpose == s.purpose && c.cause == s.cause && c.link == s.link;
    });
    if (same == causes.end()) {
      causes.push_back(s);
    } else {
      same->seconds += s.seconds;
      same->count += s.count;
    }
  }
  std::stable_sort(causes.begin(), causes.end(),
                   [](const auto& a, const auto& b) { return a.seconds > b.seconds; });
  const DisplayUnit unit = unit_for(Kind::seconds, {path.total_s});
  Grid grid;
  grid.heading = "Critical path of " + heading + ", by cause";
  grid.columns = {"cause", "purpose", fmt::format("time [{}]", unit.name), "share", "tasks"};
  grid.align = "llrrr";
  double others = 0;
  for (std::size_t i = 0; i < causes.size(); ++i) {
    const PathSegment& c = causes[i];
    if (i >= kCausesShown) {
      others += c.seconds;
      continue;
    }
    grid.rows.push_back({false,
                         {cause_text(c), purpose_text(c), number_text(c.seconds / unit.scale),
                          share_text(c.seconds, path.total_s), count_text(c.count)}});
  }
  if (causes.size() > kCausesShown) {
    grid.rows.push_back({false,
                         {fmt::format("others ({})", causes.size() - kCausesShown), "",
                          number_text(others / unit.scale), share_text(others, path.total_s), ""}});
  }
  return grid;
}

Grid path_grid(const CriticalPathResult& path, const std::string& heading) {
  const DisplayUnit unit = unit_for(Kind::seconds, {path.total_s});
  Grid grid;
  grid.heading = "Critical path of " + heading + ", by task";
  grid.columns = {"waited for", "purpose", "where", "cause", fmt::format("time [{}]", unit.name),
                  "share",      "tasks"};
  grid.align = "llllrrr";
  double others = 0;
  for (std::size_t i = 0; i < path.segments.size(); ++i) {
    const PathSegment& s = path.segments[i];
    if (i >= kSegmentsShown) {
      others += s.seconds;
      continue;
    }
    grid.rows.push_back(
        {false,
         {s.name, purpose_text(s), place_text(s), cause_text(s),
          number_text(s.seconds / unit.scale), percent_text(s.share), count_text(s.count)}});
  }
  if (path.segments.size() > kSegmentsShown) {
    grid.rows.push_back(
        {false,
         {fmt::format("others ({})", path.segments.size() - kSegmentsShown), "", "", "",
          number_text(others / unit.scale), share_text(others, path.total_s), ""}});
  }
  grid.rows.push_back({false,
                       {"total", "", "", "", number_text(path.total_s / unit.scale),
                        share_text(path.total_s, path.total_s), count_text(path.tasks)}});
  return grid;
}

Grid kernel_grid(const CriticalPathResult& path, const std::string& heading) {
  const DisplayUnit unit = unit_for(Kind::seconds, {path.total_s});
  Grid grid;
  grid.heading = "Kernels on the critical path of " + heading;
  grid.columns = {"kernel", fmt::format("time [{}]", unit.name), "share", "count"};
  double others = 0;
  for (std::size_t i = 0; i < path.kernels.size(); ++i) {
    const KernelTime& k = path.kernels[i];
    if (i >= kKernelsShown) {
      others += k.seconds;
      continue;
    }
    grid.rows.push_back({false,
                         {k.name, number_text(k.seconds / unit.scale), percent_text(k.share),
                          count_text(k.count)}});
  }
  if (path.kernels.size() > kKernelsShown) {
    grid.rows.push_back({false,
                         {fmt::format("others ({})", path.kernels.size() - kKernelsShown),
                          number_text(others / unit.scale), share_text(others, path.total_s), ""}});
  }
  return grid;
}

std::string moment_text(const TaskMoment& m) {
  return fmt::format("task {} '{}' of rank {}", m.task, m.label, m.rank);
}

/// The facts about one task, two columns.
Grid explain_grid(const ExplainResult& e, const std::string& heading) {
  Grid grid;
  grid.heading = fmt::format("Task {} '{}' of {}", e.task, e.label, heading);
  grid.columns = {"what", "value"};
  grid.align = "ll";
  const auto row = [&](const std::string& what, const std::string& value) {
    if (!value.empty()) grid.rows.push_back({false, {what, value}});
  };
  row("kind", e.kind + (e.kind == "join" || e.kind == e.purpose ? "" : ", " + e.purpose));
  row("where", fmt::format("rank {} (device {}, stage {}{}){}", e.rank, e.device, e.stage,
                           e.ranks > 1 ? fmt::format(", for {} ranks", e.ranks) : "",
                           e.stream.empty() ? "" : ", stream " + e.stream));
  if (e.same_label > 1) row("tasks of this name", count_text(e.same_label));
  row("ready", time_text(e.ready_s));
  row("started", time_text(e.start_s));
  row("ended", time_text(e.end_s));
  row("waited for", e.waited_for);
  for (std::size_t i = 0; i < std::min(e.dependencies.size(), kMomentsShown); ++i) {
    row(i == 0 ? fmt::format("dependencies ({}), latest first", e.dependency_count) : "  then",
        fmt::format("{}, ended {}", moment_text(e.dependencies[i]),
                    time_text(e.dependencies[i].at_s)));
  }
  if (e.stream_predecessor) {
    row("before it on its stream", fmt::format("{}, ended {}", moment_text(*e.stream_predecessor),
                                               time_text(e.stream_predecessor->at_s)));
  }
  if (e.members.size() > 1) {  // a folded run has one
    const TaskMoment &first = e.members.front(), &last = e.members.back();
    row("members", fmt::format("{}", e.members.size()));
    row("  first to arrive", fmt::format("rank {} at {}", first.rank, time_text(first.at_s)));
    row("  last to arrive", fmt::format("rank {} at {}, {} later", last.rank, time_text(last.at_s),
                                        time_text(last.at_s - first.at_s)));
  }
  for (std::size_t i = 0; i < std::min(e.kernels.size(), kMomentsShown); ++i) {
    const KernelTime& k = e.kernels[i];
    row(i == 0 ? fmt::format("kernels ({}), longest first", e.kernels.size()) : "  then",
        fmt::format("{}{}, {} ({})", k.name, k.count > 1 ? fmt::format(" x{}", k.count) : "",
                    time_text(k.seconds), percent_text(k.share)));
  }
  if (e.plan) {
    const ExplainPlan& p = *e.plan;
    row("plan", fmt::format("{} {}{}, {} ranks, {} B over {}", p.type, p.algorithm,
                            p.protocol.empty() ? "" : " (" + p.protocol + ")", p.ranks,
                            fmt::format("{:.0f}", p.bytes), p.planes));
    row("  on an idle fabric",
        fmt::format("{}{}", time_text(p.idle_time_s),
                    p.bottleneck.empty() ? "" : ", bounded by " + p.bottleneck));
    row("  it took",
        fmt::format("{}: latency {}, transfer {}, contention {}{}", time_text(e.end_s - e.start_s),
                    time_text(p.latency_s), time_text(p.transfer_s), time_text(p.contention_s),
                    p.late_link.empty() ? "" : " at " + p.late_link));
  }
  return grid;
}

std::string causes_text(const ChainResult& link) {
  std::string text;
  for (const auto& [cause, seconds] : link.seconds_by_cause)
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", cause, time_text(seconds));
  return text;
}

/// How it came to the task's end, oldest first; a long middle becomes one row.
Grid chain_grid(const ExplainResult& e) {
  const DisplayUnit unit = unit_for(Kind::seconds, {e.end_s});
  Grid grid;
  grid.heading = fmt::format("What led to task {}", e.task);
  grid.columns = {"waited for",
                  "where",
                  fmt::format("until [{}]", unit.name),
                  fmt::format("time [{}]", unit.name),
                  "share",
                  "tasks",
                  "causes"};
  grid.align = "llrrrrl";
  const std::size_t n = e.chain.size();
  const bool cut = n > kChainHead + kChainTail + 1;
  double middle = 0;
  std::uint64_t middle_tasks = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const ChainResult& c = e.chain[i];
    if (cut && i >= kChainHead && i < n - kChainTail) {
      middle += c.seconds;
      middle_tasks += c.tasks;
      if (i + 1 < n - kChainTail) continue;
      grid.rows.push_back({false,
                           {fmt::format("... {} more", n - kChainHead - kChainTail), "",
                            number_text(c.to_s / unit.scale), number_text(middle / unit.scale),
                            share_text(middle, e.end_s), count_text(middle_tasks), ""}});
      continue;
    }
    grid.rows.push_back({false,
                         {c.name, place_text(c), number_text(c.to_s / unit.scale),
                          number_text(c.seconds / unit.scale), share_text(c.seconds, e.end_s),
                          count_text(c.tasks), causes_text(c)}});
  }
  std::uint64_t tasks = 0;
  for (const ChainResult& c : e.chain) tasks += c.tasks;
  grid.rows.push_back({false,
                       {"total", "", "", number_text(e.end_s / unit.scale),
                        share_text(e.end_s, e.end_s), count_text(tasks), ""}});
  return grid;
}

}  // namespace

std::vector<Grid> path_grids(const RunReport& run, const std::vector<std::string>& headings) {
  std::vector<Grid> grids;
  for (std::size_t i = 0; i < run.results.size(); ++i) {
    const SystemResult& result = run.results[i];
    if (result.critical_path) {
      grids.push_back(cause_grid(*result.critical_path, headings[i]));
      if (!result.critical_path->kernels.empty())
        grids.push_back(kernel_grid(*result.critical_path, headings[i]));
      grids.push_back(path_grid(*result.critical_path, headings[i]));
    }
    for (const ExplainResult& explained : result.explain) {
      grids.push_back(explain_grid(explained, headings[i]));
      grids.push_back(chain_grid(explained));
    }
  }
  return grids;
}

}  // namespace xpusim::report
