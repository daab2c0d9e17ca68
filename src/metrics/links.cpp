#include <algorithm>

#include "xpusim/metrics.hpp"

namespace xpusim {

LinkListener::LinkListener(const Fabric& fabric)
    : fabric_(&fabric), links_(fabric.links().size()), tiers_(fabric.tiers().size()) {}

void LinkListener::on_traffic(const TrafficEvent& event) {
  for (const LinkLoad& load : event.loads) {
    links_.at(load.link).payload += load.bytes;
    links_.at(load.link).wire += load.wire_bytes;
  }
  const double factor = wire_factor(event);
  for (const TierLoad& load : event.tier_loads) {
    tiers_.at(load.tier).payload += load.bytes;
    tiers_.at(load.tier).wire += load.bytes * factor;
  }
}

void LinkListener::on_end(Seconds makespan) { makespan_ = makespan.value(); }

double LinkListener::utilization(LinkId link) const {
  const double capacity = fabric_->links()[link].capacity.value() * makespan_;
  return capacity > 0 ? links_[link].wire / capacity : 0.0;
}

LinksResult LinkListener::result(std::size_t hottest) const {
  LinksResult result;
  std::vector<double> peak(tiers_.size(), 0.0);
  std::vector<std::pair<double, LinkId>> busy;
  for (LinkId link = 0; link < links_.size(); ++link) {
    if (links_[link].payload <= 0) continue;
    const double used = utilization(link);
    double& tier_peak = peak[fabric_->links()[link].tier];
    tier_peak = std::max(tier_peak, used);
    busy.emplace_back(used, link);
  }
  for (std::size_t t = 0; t < tiers_.size(); ++t) {
    const Tier& tier = fabric_->tiers()[t];
    const double capacity = tier.capacity.value() * makespan_;
    const double mean = capacity > 0 ? tiers_[t].wire / capacity : 0.0;
    // A folded run keeps one representative link per load, which can miss the busiest; the mean
    // bounds it below.
    result.tiers.push_back({fabric_->planes()[tier.plane].name, tier.name, tier.links,
                            tiers_[t].payload, mean, std::max(mean, peak[t])});
  }
  const std::size_t count = std::min(hottest, busy.size());
  std::partial_sort(busy.begin(), busy.begin() + static_cast<std::ptrdiff_t>(count), busy.end(),
                    [](const auto& a, const auto& b) {
                      return a.first != b.first ? a.first > b.first : a.second < b.second;
                    });
  for (std::size_t i = 0; i < count; ++i) {
    const auto [used, link] = busy[i];
    result.hottest.push_back({fabric_->link_name(link), links_[link].payload, used});
  }
  return result;
}

}  // namespace xpusim
