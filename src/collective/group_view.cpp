#include "collective/group_view.hpp"

#include <algorithm>

#include "xpusim/collective.hpp"

namespace xpusim::collective {
namespace {

double slowest(const std::vector<Path>& paths) {
  double latency = 0;
  for (const Path& path : paths) latency = std::max(latency, path.latency.value());
  return latency;
}

/// Zeroes that earlier owners left: a cluster has a million links, and asking for as much memory
/// once per phase costs more than the phase.
thread_local std::vector<std::vector<double>> spare_zeroes;

}  // namespace

LinkBytes::LinkBytes(const Fabric& fabric) {
  if (!spare_zeroes.empty()) {
    bytes_ = std::move(spare_zeroes.back());
    spare_zeroes.pop_back();
  }
  bytes_.resize(fabric.links().size(), 0.0);
}

LinkBytes::~LinkBytes() {
  for (const LinkId link : touched_) bytes_[link] = 0.0;
  spare_zeroes.push_back(std::move(bytes_));
}

std::vector<LinkId> LinkBytes::links() const {
  std::vector<LinkId> ids = touched_;
  if (!std::is_sorted(ids.begin(), ids.end())) std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

GroupView::GroupView(const Fabric& fabric, std::vector<PlaneId> planes,
                     std::span<const DeviceId> members)
    : fabric_(&fabric),
      planes_(std::move(planes)),
      members_(members.begin(), members.end()),
      classes_(planes_.size()) {}

bool GroupView::classified(std::uint32_t slot) const {
  // Torus, mesh and dragonfly routes depend on the position of both ends, hashed ones on the pair
  // itself.
  const Plane& p = plane(slot);
  const bool switched = p.shape == PlaneShape::single_switch || p.shape == PlaneShape::clos ||
                        p.shape == PlaneShape::rail_optimised || p.shape == PlaneShape::fat_tree;
  return switched && p.bundled;
}

const GroupView::Classes& GroupView::classes(std::uint32_t slot) const {
  Classes& known = classes_[slot];
  if (!known.of.empty()) return known;
  std::unordered_map<std::uint32_t, std::uint32_t> by_switch;
  known.of.reserve(size());
  for (std::uint32_t i = 0; i < size(); ++i) {
    const std::uint32_t leaf = fabric_->switch_of(planes_[slot], members_[i]).value();
    const auto [at, fresh] =
        by_switch.try_emplace(leaf, static_cast<std::uint32_t>(known.ranks.size()));
    if (fresh) known.ranks.emplace_back();
    known.of.push_back(at->second);
    known.ranks[at->second].push_back(i);
  }
  return known;
}

double GroupView::routed_latency(std::uint32_t slot, std::uint32_t i, std::uint32_t j) const {
  const DeviceId from = members_[i];
  const DeviceId to = members_[j];
  return slowest(fabric_->route(planes_[slot], from, to, flow_hash(from, to)));
}

double GroupView::latency(std::uint32_t slot, std::uint32_t i, std::uint32_t j) const {
  if (!classified(slot)) return routed_latency(slot, i, j);
  const Classes& c = classes(slot);
  const std::uint64_t key =
      (static_cast<std::uint64_t>(c.of[i]) * c.ranks.size() + c.of[j]) * planes_.size() + slot;
  const auto [at, fresh] = class_latency_.try_emplace(key, 0.0);
  if (fresh) at->second = routed_latency(slot, i, j);
  return at->second;
}

double GroupView::largest_latency(std::uint32_t slot) const {
  double largest = 0;
  if (!classified(slot)) {
    // Beyond 256 ranks the first 256 senders stand for all: these shapes are vertex-transitive or
    // nearly so.
    const std::uint32_t senders = std::min<std::uint32_t>(size(), 256);
    for (std::uint32_t i = 0; i < senders; ++i) {
      for (std::uint32_t j = 0; j < size(); ++j) {
        if (i != j) largest = std::max(largest, routed_latency(slot, i, j));
      }
    }
    return largest;
  }
  const Classes& c = classes(slot);
  for (const auto& a : c.ranks) {
    for (const auto& b : c.ranks) {
      if (a[0] != b[0]) largest = std::max(largest, latency(slot, a[0], b[0]));
      if (a[0] == b[0] && a.size() > 1) largest = std::max(largest, latency(slot, a[0], a[1]));
    }
  }
  return largest;
}

double GroupView::to_switch_latency(std::uint32_t slot, std::uint32_t i) const {
  return slowest(fabric_->to_switch(planes_[slot], members_[i]));
}

double GroupView::from_switch_latency(std::uint32_t slot, std::uint32_t i) const {
  return slowest(fabric_->from_switch(planes_[slot], members_[i]));
}

void GroupView::load(std::uint32_t slot, std::uint32_t i, std::uint32_t j, double bytes,
                     LinkBytes& into) const {
  const DeviceId from = members_[i];
  const DeviceId to = members_[j];
  if (fabric_->single_route(planes_[slot], from, to, way_)) {
    for (const LinkId link : way_.links) into.add(link, bytes);
    return;
  }
  into.add(fabric_->route(planes_[slot], from, to, flow_hash(from, to)), bytes);
}

void GroupView::load_between_classes(std::uint32_t slot, std::uint32_t a, std::uint32_t b,
                                     double bytes, LinkBytes& into) const {
  const auto& senders = classes(slot).ranks[a];
  const auto& receivers = classes(slot).ranks[b];
  const Path path =
      fabric_->route(planes_[slot], members_[senders[0]], members_[receivers[0]]).front();
  const double volume =
      bytes * static_cast<double>(senders.size()) * static_cast<double>(receivers.size());
  for (std::size_t l = 1; l + 1 < path.links.size(); ++l) into.add(path.links[l], volume);
}

void GroupView::load_all_pairs(std::uint32_t slot, double bytes, LinkBytes& into) const {
  // Classes cost one route per rank and pair of classes: worth it while they are fewer than the
  // ranks.
  if (size() > 1 && classified(slot) && classes(slot).ranks.size() * 2 <= size()) {
    for (std::uint32_t i = 0; i < size();
         ++i) {  // the device's own links carry everything it sends and receives
      const double own = bytes * static_cast<double>(size() - 1);
      const auto [up, down] = fabric_->device_links(planes_[slot], members_[i]);
      into.add(up, own);
      into.add(down, own);
    }
    const auto count = static_cast<std::uint32_t>(classes(slot).ranks.size());
    for (std::uint32_t a = 0; a < count; ++a) {
      for (std::uint32_t b = 0; b < count; ++b) {
        if (a != b) load_between_classes(slot, a, b, bytes, into);
      }
    }
    return;
  }
  for (std::uint32_t i = 0; i < size(); ++i) {
    for (std::uint32_t j = 0; j < size(); ++j) {
      if (i != j) load(slot, i, j, bytes, into);
    }
  }
}

}  // namespace xpusim::collective
