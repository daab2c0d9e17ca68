#include <algorithm>
#include <cmath>

#include "xpusim/metrics.hpp"

namespace xpusim {

void MessageListener::on_activity(const ActivityEvent& event) {
  if (event.kind == TaskKind::transfer)
    messages_.push_back({(event.end - event.start).value(), event.op, event.multiplicity});
}

std::optional<MessagesResult> MessageListener::result(const std::vector<double>& idle) const {
  if (messages_.empty()) return std::nullopt;
  std::vector<std::pair<double, std::uint64_t>> times, slowdowns;
  MessagesResult result;
  for (const Message& m : messages_) {
    result.count += m.count;
    times.emplace_back(m.seconds, m.count);
    if (m.op < idle.size() && idle[m.op] > 0)
      slowdowns.emplace_back(m.seconds / idle[m.op], m.count);
  }
  result.time_s = distribution(std::move(times));
  result.slowdown = distribution(std::move(slowdowns));
  return result;
}

Distribution distribution(std::vector<std::pair<double, std::uint64_t>> values) {
  Distribution d;
  if (values.empty()) return d;
  std::sort(values.begin(), values.end());
  double sum = 0;
  std::uint64_t count = 0;
  for (const auto& [value, times] : values) {
    sum += value * static_cast<double>(times);
    count += times;
  }
  d.mean = sum / static_cast<double>(count);
  d.max = values.back().first;
  const auto percentile = [&](double share) {
    const double rank = std::ceil(share * static_cast<double>(count) - 1e-9);
    std::uint64_t below = 0;
    for (const auto& [value, times] : values) {
      below += times;
      if (static_cast<double>(below) >= rank) return value;
    }
    return values.back().first;
  };
  d.p50 = percentile(0.50);
  d.p90 = percentile(0.90);
  d.p95 = percentile(0.95);
  d.p99 = percentile(0.99);
  return d;
}

void JobTrafficListener::on_traffic(const TrafficEvent& event) {
  for (const LinkLoad& load : event.loads)
    uses_[load.link].push_back(
        {event.job, event.start.value(), event.end.value(), load.wire_bytes});
}

std::optional<std::uint32_t> JobTrafficListener::busiest_other(LinkId link, std::uint32_t job,
                                                               double from, double to) const {
  const auto found = uses_.find(link);
  if (found == uses_.end()) return std::nullopt;
  std::map<std::uint32_t, double> bytes;
  for (const Use& use : found->second) {
    const double common = std::min(to, use.end) - std::max(from, use.start);
    if (use.job != job && common > 0) bytes[use.job] += use.bytes * common / (use.end - use.start);
  }
  const auto most = std::max_element(
      bytes.begin(), bytes.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  return most == bytes.end() ? std::nullopt : std::optional(most->first);
}

}  // namespace xpusim
