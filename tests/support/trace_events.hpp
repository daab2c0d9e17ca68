// Checks a file against the Trace Event Format ("Trace Event Format", Google, 2016): what every
// event must have by its type, that slices of a thread do not overlap, and that arrows have two
// ends.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace xpusim::test {

struct TraceEvents {
  std::vector<std::string> faults;  ///< at most a few of each kind
  std::map<std::string, std::size_t> count;
  std::map<std::int64_t, std::string> processes;
  std::map<std::pair<std::int64_t, std::int64_t>, std::string> threads;
  std::map<std::pair<std::int64_t, std::int64_t>, double> busy_us;         ///< slices by thread
  std::map<std::string, std::vector<std::pair<double, double>>> counters;  ///< name -> (ts, value)
  nlohmann::json other;
};

inline TraceEvents check_trace_events(const std::string& text) {
  using Json = nlohmann::json;
  using Thread = std::pair<std::int64_t, std::int64_t>;
  TraceEvents result;
  std::map<std::string, int> told;
  const auto fault = [&](const std::string& what, const Json& event) {
    if (++told[what] <= 3) result.faults.push_back(what + ": " + event.dump());
  };
  const Json file = Json::parse(text, nullptr, false);
  if (!file.is_object() || !file.contains("traceEvents") || !file["traceEvents"].is_array() ||
      !file.contains("displayTimeUnit")) {
    result.faults.push_back("not a trace: no traceEvents or displayTimeUnit");
    return result;
  }
  result.other = file.value("otherData", Json::object());
  struct Slice {
    std::int64_t begin, end;
  };
  std::map<Thread, std::vector<Slice>> slices;
  std::map<std::int64_t, Json> starts, finishes;
  const auto ns = [](const Json& us) { return std::llround(us.get<double>() * 1e3); };
  for (const Json& e : file["traceEvents"]) {
    const std::string ph = e.value("ph", "");
    ++result.count[ph];
    for (const char* field : {"pid", "tid"}) {
      if (!e.contains(field) || !e[field].is_number_integer()) fault("no pid or tid", e);
    }
    if (!e.contains("name") || !e["name"].is_string()) fault("no name", e);
    const Thread thread{e.value("pid", -1), e.value("tid", -1)};
    if (ph == "M") {
      if (!e.contains("args")) fault("metadata without args", e);
      if (e["name"] == "process_name") result.processes[thread.first] = e["args"]["name"];
      if (e["name"] == "thread_name") result.threads[thread] = e["args"]["name"];
      continue;
    }
    if (!e.contains("ts") || !e["ts"].is_number() || e["ts"].get<double>() < 0) {
      fault("no ts", e);
      continue;
    }
    if (ph == "X") {
      if (!e.contains("dur") || !e["dur"].is_number() || e["dur"].get<double>() < 0)
        fault("slice without a duration", e);
      slices[thread].push_back({ns(e["ts"]), ns(e["ts"]) + ns(e["dur"])});
      result.busy_us[thread] += e["cat"] == "wait" ? 0.0 : e["dur"].get<double>();
    } else if (ph == "s" || ph == "f") {
      auto& ends = ph == "s" ? starts : finishes;
      if (!e.contains("id") || !e.contains("cat")) fault("arrow without id or cat", e);
      if (!ends.emplace(e.value("id", -1), e).second) fault("two arrows of one id", e);
    } else if (ph == "C") {
      if (!e.contains("args") || e["args"].empty()) fault("counter without args", e);
      for (const auto& [name, value] : e["args"].items()) {
        if (!value.is_number()) {
          fault("counter that is no number", e);
          continue;
        }
        result.counters[e["name"]].emplace_back(e["ts"], value);
      }
    } else {
      fault("unknown type", e);
    }
  }
  const auto inside = [&](const Json& e) {
    const std::int64_t at = ns(e["ts"]);
    for (const Slice& s : slices[{e["pid"], e["tid"]}]) {
      if (s.begin <= at && at <= s.end) return true;
    }
    return false;
  };
  for (const auto& [id, start] : starts) {
    const auto finish = finishes.find(id);
    if (finish == finishes.end()) {
      fault("arrow without an end", start);
      continue;
    }
    if (ns(finish->second["ts"]) < ns(start["ts"])) fault("arrow back in time", start);
    if (start["cat"] != finish->second["cat"] || start["name"] != finish->second["name"])
      fault("arrow that changes its name", start);
    if (!inside(start) || !inside(finish->second)) fault("arrow that leaves its slices", start);
  }
  for (const auto& [id, finish] : finishes) {
    if (!starts.contains(id)) fault("arrow without a start", finish);
  }
  for (auto& [thread, list] : slices) {
    if (!result.threads.contains(thread)) fault("thread without a name", thread.second);
    if (!result.processes.contains(thread.first)) fault("process without a name", thread.first);
    std::sort(list.begin(), list.end(), [](const Slice& a, const Slice& b) {
      return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
    });
    for (std::size_t i = 1; i < list.size(); ++i) {
      if (list[i].begin < list[i - 1].end)
        fault("slices overlap",
              fmt::format("{}/{} at {} ns", thread.first, thread.second, list[i].begin));
    }
  }
  for (const auto& [name, samples] : result.counters) {
    for (std::size_t i = 1; i < samples.size(); ++i) {
      if (samples[i].first < samples[i - 1].first) fault("counter goes back in time", name);
    }
  }
  return result;
}

/// Mean over the run of a counter that holds its value until the next sample.
inline double mean_of(const std::vector<std::pair<double, double>>& samples, double end_us) {
  double sum = 0;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const double to = i + 1 < samples.size() ? samples[i + 1].first : end_us;
    sum += samples[i].second * (to - samples[i].first);
  }
  return sum / end_us;
}

}  // namespace xpusim::test
