#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <vector>

#include "engine/pages.hpp"

namespace xpusim::engine {

/// A directed link or a processor.
enum class ResourceId : std::uint32_t {};

/// Max-min fair sharing of resources among flows, by progressive filling (Bertsekas and Gallager,
/// Data Networks, 6.5.2). Knows no time: who adds and removes flows asks for new rates by solve().
///
/// Rates depend on the flows that share resources, not on the order in which they came, to the last
/// bit. No resource is loaded above its capacity, but for rounding, and every flow is at its bound
/// or has a bottleneck: a full resource on which none is faster, to one part in 10^12.
class MaxMin {
 public:
  using Flow = std::uint32_t;
  static constexpr double kUnbounded = std::numeric_limits<double>::infinity();
  /// Told of every flow whose rate has changed, by its tag.
  using Changed = std::function<void(std::uint32_t tag, double before, double rate)>;

  ResourceId add_resource(double capacity);  ///< positive, finite
  [[nodiscard]] std::size_t resources() const { return resources_.size(); }

  /// A flow over all of `route` (not empty) at once, never faster than `bound`. A resource named
  /// twice carries it twice. It takes no share until it is started.
  Flow add_flow(std::span<const ResourceId> route, double bound, std::uint32_t tag);
  void start(Flow);
  void remove(Flow);  ///< at any time; its number is used again

  /// Brings the rates up to date: of the flows connected with one that was started or removed since
  /// the last call. `changed` must not call back into the solver, except for rate().
  void solve(const Changed& changed);

  [[nodiscard]] double rate(Flow flow) const { return flows_[flow].rate; }  ///< 0: no share yet

 private:
  static constexpr std::uint32_t kNone = 0xffffffffu;
  enum class State : std::uint8_t {
    idle,    // nobody's; or not started
    shared,  // takes part, rate known
    open,    // takes part, rate being determined
    gone,    // removed, still listed by its resources
  };
  struct FlowState {
    double rate = 0.0;
    double bound = kUnbounded;
    std::uint32_t route = 0;   // first of its cells
    std::uint32_t length = 0;  // their number; stays with this flow's number
    std::uint32_t tag = 0;     // while gone or nobody's: the next such flow
    State state = State::idle;
  };
  struct Resource {
    double capacity = 0.0;
    double left = 0.0;          // capacity not yet given away
    std::uint32_t open = 0;     // open flows listed; one that crosses twice counts twice
    std::uint32_t settled = 0;  // of these, settled in the present round
    std::uint32_t gone = 0;     // flows listed that are gone
    bool touched = false;       // flows were started or removed since the last solve
    bool gathered = false;      // belongs to the component being solved
    std::vector<Flow> flows{};
  };
  struct Share {  // what a resource offers each open flow; the true figure may have grown
    double rate;
    std::uint32_t resource;
    bool operator<(const Share& other) const {  // the standard heaps put the largest on top
      return rate > other.rate;
    }
  };

  [[nodiscard]] std::span<const std::uint32_t> route(const FlowState& flow) const {
    return {cells_.data() + flow.route, flow.length};
  }
  void touch(std::uint32_t resource);
  void forget_gone_flows();
  void gather(std::uint32_t resource);
  void share_out(const Changed& changed);
  [[nodiscard]] double share_one() const;
  void settle(FlowState& flow, double rate, const Changed& changed);
  bool settle_bounded(double level, const Changed& changed);
  void settle_fullest(double level, const Changed& changed);
  [[nodiscard]] static double share(const Resource& r) { return r.left / r.open; }
  void offer(std::uint32_t resource);
  double take_fullest();

  std::vector<Resource> resources_;
  Pages<FlowState> flows_;
  std::vector<std::uint32_t> cells_;  // the routes
  std::vector<Flow> free_;            // per length of route, first of the flows that are nobody's
  Flow gone_ = kNone;                 // first of the flows that are gone
  std::size_t gone_count_ = 0;
  std::vector<std::uint32_t> touched_;

  // The component being solved.
  std::vector<std::uint32_t> component_;
  std::size_t open_ = 0;                // flows
  Flow last_open_ = kNone;              // any of them
  std::vector<Flow> bounded_;           // those with a bound, lowest first
  std::size_t next_bounded_ = 0;        // the ones before are settled
  std::vector<Share> shares_;           // heap
  std::vector<std::uint32_t> fullest_;  // of the round
  std::vector<std::uint32_t> lowered_;  // resources on which flows settled in the round
};

}  // namespace xpusim::engine
