#include "engine/max_min.hpp"

#include <algorithm>
#include <utility>

namespace xpusim::engine {
namespace {

// Resources whose shares differ by no more than this are full at the same level: their flows get
// the same rate although the shares were rounded on different ways.
constexpr double kSameLevel = 1e-12;

}  // namespace

ResourceId MaxMin::add_resource(double capacity) {
  resources_.push_back({.capacity = capacity});
  return ResourceId(resources_.size() - 1);
}

MaxMin::Flow MaxMin::add_flow(std::span<const ResourceId> route, double bound, std::uint32_t tag) {
  const auto length = static_cast<std::uint32_t>(route.size());
  if (gone_count_ > flows_.size() / 2) forget_gone_flows();
  if (free_.size() <= length) free_.resize(length + 1, kNone);
  Flow id = free_[length];
  if (id != kNone) {
    free_[length] = flows_[id].tag;
  } else {
    id = static_cast<Flow>(flows_.size());
    FlowState& flow = flows_.emplace_back();
    flow.route = static_cast<std::uint32_t>(cells_.size());
    flow.length = length;
    cells_.resize(cells_.size() + length);
  }
  FlowState& flow = flows_[id];
  flow.rate = 0.0;
  flow.bound = bound;
  flow.tag = tag;
  flow.state = State::idle;
  std::transform(route.begin(), route.end(), cells_.begin() + flow.route,
                 [](ResourceId r) { return static_cast<std::uint32_t>(r); });
  return id;
}

void MaxMin::start(Flow id) {
  flows_[id].state = State::shared;
  for (const std::uint32_t r : route(flows_[id])) {
    resources_[r].flows.push_back(id);
    touch(r);
  }
}

void MaxMin::remove(Flow id) {
  FlowState& flow = flows_[id];
  if (flow.state == State::idle) {
    flow.tag = std::exchange(free_[flow.length], id);
    return;
  }
  flow.state = State::gone;
  flow.tag = std::exchange(gone_, id);
  ++gone_count_;
  for (const std::uint32_t r : route(flow)) {
    ++resources_[r].gone;
    touch(r);
  }
}

void MaxMin::touch(std::uint32_t resource) {
  if (std::exchange(resources_[resource].touched, true)) return;
  touched_.push_back(resource);
}

// Only touched resources list flows that are gone.
void MaxMin::forget_gone_flows() {
  if (gone_count_ == 0) return;
  for (const std::uint32_t r : touched_) {
    Resource& resource = resources_[r];
    if (resource.gone == resource.flows.size()) {
      resource.flows.clear();
    } else if (resource.gone > 0) {
      std::erase_if(resource.flows, [&](Flow f) { return flows_[f].state == State::gone; });
    }
    resource.gone = 0;
  }
  while (gone_ != kNone) {
    FlowState& flow = flows_[gone_];
    const Flow next = std::exchange(flow.tag, free_[flow.length]);
    flow.state = State::idle;
    free_[flow.length] = std::exchange(gone_, next);
  }
  gone_count_ = 0;
}

void MaxMin::solve(const Changed& changed) {
  forget_gone_flows();
  for (const std::uint32_t r : touched_) {
    if (!resources_[r].touched) continue;  // part of a component before
    gather(r);
    share_out(changed);
    for (const std::uint32_t c : component_) resources_[c].gathered = false;
  }
  touched_.clear();
}

// Opens the flows that are connected with a resource and collects the resources that they cross.
void MaxMin::gather(std::uint32_t first) {
  component_.assign(1, first);
  resources_[first].gathered = true;
  open_ = 0;
  bounded_.clear();
  for (std::size_t i = 0; i < component_.size(); ++i) {
    Resource& resource = resources_[component_[i]];
    resource.touched = false;
    resource.left = resource.capacity;
    resource.open = static_cast<std::uint32_t>(resource.flows.size());
    for (const Flow f : resource.flows) {
      FlowState& flow = flows_[f];
      if (flow.state == State::open) continue;
      flow.state = State::open;
      ++open_;
      last_open_ = f;
      if (flow.bound < kUnbounded) bounded_.push_back(f);
      for (const std::uint32_t r : route(flow)) {
        if (std::exchange(resources_[r].gathered, true)) continue;
        component_.push_back(r);
      }
    }
  }
}

// All rates grow together. A flow stops at its bound, or when a resource on its way is full.
void MaxMin::share_out(const Changed& changed) {
  if (open_ == 0) return;
  if (open_ == 1) {  // nobody to share with
    settle(flows_[last_open_], share_one(), changed);
    return;
  }
  std::sort(bounded_.begin(), bounded_.end(),
            [&](Flow a, Flow b) { return flows_[a].bound < flows_[b].bound; });
  next_bounded_ = 0;
  shares_.clear();
  for (const std::uint32_t r : component_) shares_.push_back({share(resources_[r]), r});
  std::make_heap(shares_.begin(), shares_.end());
  double level = 0.0;
  while (open_ > 0) {
    level = std::max(level, take_fullest());
    if (settle_bounded(level, changed)) {
      for (const std::uint32_t r : fullest_) offer(r);  // they have more to give now
    } else {
      settle_fullest(level, changed);
    }
  }
}

double MaxMin::share_one() const {
  double rate = flows_[last_open_].bound;
  for (const std::uint32_t r : component_) {
    rate = std::min(rate, share(resources_[r]));
  }
  return rate;
}

void MaxMin::settle(FlowState& flow, double rate, const Changed& changed) {
  flow.state = State::shared;
  const double before = std::exchange(flow.rate, rate);
  if (before != rate) changed(flow.tag, before, rate);
}

void MaxMin::offer(std::uint32_t resource) {
  if (resources_[resource].open == 0) return;
  shares_.push_back({share(resources_[resource]), resource});
  std::push_heap(shares_.begin(), shares_.end());
}

// Moves the resources with the least share from the heap to fullest_ and returns that share. Those
// in the heap are out of date until they come to its top: shares only grow, as flows settle below
// them.
double MaxMin::take_fullest() {
  fullest_.clear();
  double least = kUnbounded, limit = kUnbounded;
  while (!shares_.empty() && shares_.front().rate <= limit) {
    const Share top = shares_.front();
    const Resource& resource = resources_[top.resource];
    std::pop_heap(shares_.begin(), shares_.end());
    shares_.pop_back();
    if (resource.open == 0) continue;
    const double rate = share(resource);
    if (fullest_.empty() ? rate > top.rate : rate > limit) {
      offer(top.resource);
      continue;
    }
    if (fullest_.empty()) limit = rate * (1.0 + kSameLevel);
    fullest_.push_back(top.resource);
    least = std::min(least, rate);
  }
  return least;
}

// The flows whose bound the level has reached; lowest first, so that what is left of a resource is
// rounded in one way.
bool MaxMin::settle_bounded(double level, const Changed& changed) {
  const std::size_t before = next_bounded_;
  for (; next_bounded_ < bounded_.size(); ++next_bounded_) {
    FlowState& flow = flows_[bounded_[next_bounded_]];
    if (flow.bound > level) break;
    if (flow.state != State::open) continue;
    for (const std::uint32_t r : route(flow)) {
      resources_[r].left = std::max(0.0, resources_[r].left - flow.bound);
      --resources_[r].open;
    }
    --open_;
    settle(flow, flow.bound, changed);
  }
  return next_bounded_ > before;
}

// The flows on the resources that are full at this level.
void MaxMin::settle_fullest(double level, const Changed& changed) {
  const bool last_round = shares_.empty();
  if (last_round && open_ > flows_.size() / 2) {  // the same in the order of memory
    for (std::size_t i = 0; i < flows_.size(); ++i) {
      if (flows_[i].state == State::open) settle(flows_[i], level, changed);
    }
    open_ = 0;
    return;
  }
  lowered_.clear();
  for (const std::uint32_t full : fullest_) {
    for (const Flow f : resources_[full].flows) {
      FlowState& flow = flows_[f];
      if (flow.state != State::open) continue;
      --open_;
      settle(flow, level, changed);
      if (last_round) continue;
      for (const std::uint32_t r : route(flow)) {
        if (resources_[r].settled++ == 0) lowered_.push_back(r);
      }
    }
  }
  for (const std::uint32_t r : lowered_) {  // at once, not flow by flow: the order must not matter
    Resource& resource = resources_[r];
    resource.left = std::max(0.0, resource.left - resource.settled * level);
    resource.open -= resource.settled;
    resource.settled = 0;
  }
}

}  // namespace xpusim::engine
