#include <algorithm>
#include <utility>

#include "xpusim/power.hpp"

namespace xpusim {
namespace {

/// Parts of one name are one component of the report.
void add_energy(std::vector<std::pair<std::string, double>>& parts, const std::string& name,
                double joules) {
  const auto same = std::find_if(parts.begin(), parts.end(),
                                 [&](const auto& part) { return part.first == name; });
  if (same == parts.end()) {
    parts.emplace_back(name, joules);
  } else {
    same->second += joules;
  }
}

}  // namespace

void PowerListener::Slice::operator+=(const Slice& more) {
  chip_joules += more.chip_joules;
  link_joules += more.link_joules;
  kernel_seconds += more.kernel_seconds;
  if (plane_bytes.size() < more.plane_bytes.size()) plane_bytes.resize(more.plane_bytes.size());
  for (std::size_t p = 0; p < more.plane_bytes.size(); ++p) plane_bytes[p] += more.plane_bytes[p];
}

PowerListener::PowerListener(const SystemSpec& system, const ChipSpec& chip, const Fabric& fabric,
                             std::uint64_t packages_used, RankUnit rank)
    : power_(system, chip, packages_used),
      fabric_(&fabric),
      tier_energy_(fabric.tiers().size(), 0.0),
      slices_(kSlices) {
  const int dies = rank == RankUnit::die ? chip.dies.count : 1;
  devices_used_ = static_cast<double>(power_.packages_used()) * dies;

  std::vector<std::string> names;
  for (const PlaneSpec& plane : system.planes) names.push_back(plane.name);
  for (const Plane& plane : fabric.planes()) {
    const auto found = std::find(names.begin(), names.end(), plane.name);
    plane_index_.push_back(found == names.end() ? -1 : static_cast<int>(found - names.begin()));
  }

  // Planes reach beyond the nodes in use; what those can load is their share of the capacity.
  const double used = static_cast<double>(power_.nodes_used()) / system.nodes;
  plane_capacity_.assign(names.size(), 0.0);
  for (const Tier& tier : fabric.tiers()) {
    const int plane = plane_index_[tier.plane];
    if (plane >= 0)
      plane_capacity_[static_cast<std::size_t>(plane)] += tier.capacity.value() * used;
  }
  for (const FabricLink& link : fabric.links()) tier_energy_[link.tier] = link.energy.value();
}

void PowerListener::on_activity(const ActivityEvent& event) {
  if (event.kind != TaskKind::compute || event.stream == Stream::host) return;
  Slice amount;
  amount.kernel_seconds = (event.end - event.start).value() * event.multiplicity;
  if (event.cost != nullptr) amount.chip_joules = event.cost->energy.value() * event.multiplicity;
  spread(event.start.value(), event.end.value(), amount);
}

void PowerListener::on_traffic(const TrafficEvent& event) {
  Slice amount;
  amount.plane_bytes.assign(plane_capacity_.size(), 0.0);
  const double factor = wire_factor(event);
  for (const TierLoad& load : event.tier_loads) {
    amount.link_joules += load.bytes * tier_energy_.at(load.tier);
    const int plane = plane_index_[fabric_->tiers()[load.tier].plane];
    if (plane >= 0) amount.plane_bytes[static_cast<std::size_t>(plane)] += load.bytes * factor;
  }
  spread(event.start.value(), event.end.value(), amount);
}

void PowerListener::on_end(Seconds makespan) { makespan_ = makespan.value(); }

void PowerListener::reach(double time) {
  while (time > width_ * static_cast<double>(kSlices)) {
    for (std::size_t i = 0; i < kSlices / 2; ++i) {
      Slice joined = std::move(slices_[2 * i]);
      joined += slices_[2 * i + 1];
      slices_[i] = std::move(joined);
    }
    std::fill(slices_.begin() + kSlices / 2, slices_.end(), Slice{});
    width_ *= 2;
  }
}

void PowerListener::spread(double start, double end, const Slice& amount) {
  sum_ += amount;
  reach(end);
  const auto slice_at = [&](double time) {
    return std::min(static_cast<std::size_t>(std::max(0.0, time / width_)), kSlices - 1);
  };
  const std::size_t first = slice_at(start), last = slice_at(end);
  if (first == last || end <= start) {
    slices_[first] += amount;
    return;
  }
  for (std::size_t i = first; i <= last; ++i) {
    const double from = std::max(start, static_cast<double>(i) * width_);
    const double to = std::min(end, static_cast<double>(i + 1) * width_);
    const double part = std::max(0.0, to - from) / (end - start);
    Slice piece = amount;
    piece.chip_joules *= part;
    piece.link_joules *= part;
    piece.kernel_seconds *= part;
    for (double& bytes : piece.plane_bytes) bytes *= part;
    slices_[i] += piece;
  }
}

PowerActivity PowerListener::activity(const Slice& slice, double seconds) const {
  PowerActivity activity;
  activity.planes.assign(plane_capacity_.size(), 0.0);
  if (seconds <= 0) return activity;
  activity.chip_dynamic = Watts(slice.chip_joules / seconds);
  activity.links = Watts(slice.link_joules / seconds);
  activity.compute = slice.kernel_seconds / (seconds * devices_used_);
  for (std::size_t p = 0; p < slice.plane_bytes.size(); ++p) {
    if (plane_capacity_[p] <= 0) continue;
    activity.planes[p] = slice.plane_bytes[p] / (plane_capacity_[p] * seconds);
  }
  return activity;
}

std::vector<PowerSample> PowerListener::timeline() const {
  std::vector<PowerSample> samples;
  for (std::size_t i = 0; i < kSlices; ++i) {
    const double left = makespan_ - static_cast<double>(i) * width_;
    if (left <= 0) break;
    Slice slice = slices_[i];
    double seconds = width_;
    // What remains of the run after this slice may be too short to speak of a power: it joins this
    // one.
    if (left < 2 * width_) {
      if (i + 1 < kSlices) slice += slices_[i + 1];
      seconds = left;
    }
    samples.push_back(
        {Seconds(static_cast<double>(i) * width_), power_.at(activity(slice, seconds)).total});
    if (left < 2 * width_) break;
  }
  return samples;
}

PowerResult PowerListener::result(std::optional<double> tokens) const {
  const PowerBreakdown mean = power_.at(activity(sum_, makespan_));
  PowerResult result;
  result.mean_w = mean.total.value();
  result.mean_node_w = mean.node.value();
  result.mean_chip_w = mean.chip.value();
  result.energy_j = result.mean_w * makespan_;
  for (const PowerPart& part : mean.parts) {
    add_energy(result.energy_j_by_component, part.name, part.watts.value() * makespan_);
  }
  result.peak_w = result.mean_w;
  for (const PowerSample& sample : timeline())
    result.peak_w = std::max(result.peak_w, sample.watts.value());
  if (tokens && result.energy_j > 0) result.tokens_per_j = *tokens / result.energy_j;
  return result;
}

}  // namespace xpusim
