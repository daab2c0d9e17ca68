// What an algorithm is to the planner: which collectives it can do, what moves in which phase, and
// the message-level schedule.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "collective/group_view.hpp"
#include "xpusim/collective.hpp"

namespace xpusim::collective {

/// What the protocol adds on one plane.
struct SlotCost {
  double overhead = 0;     ///< seconds, to the latency of every message
  double wire_factor = 1;  ///< wire bytes per payload byte
};

/// A hierarchy of more planes than this is a slip of the pen.
inline constexpr std::size_t kMostSlots = 6;

/// One collective on one group, as an algorithm sees it.
struct Request {
  CollectiveType type = CollectiveType::ALL_REDUCE;
  double bytes = 0;
  const GroupView* group = nullptr;
  std::array<SlotCost, kMostSlots> cost;
  std::uint32_t chunks = 0;  ///< pipeline chunks; 0 = the algorithm chooses
  std::string inner,
      outer;  ///< hierarchical: algorithms of the levels, those of several outer ones joined by
              ///< "/"; "" = the algorithm chooses

  [[nodiscard]] std::uint32_t ranks() const { return group->size(); }
  /// Latency of one message, seconds.
  [[nodiscard]] double hop(std::uint32_t slot, std::uint32_t from, std::uint32_t to) const {
    return group->latency(slot, from, to) + cost[slot].overhead;
  }
  [[nodiscard]] double largest_hop(std::uint32_t slot) const {
    return group->largest_latency(slot) + cost[slot].overhead;
  }
  /// Seconds that one payload byte occupies an idle port.
  [[nodiscard]] double byte_time(std::uint32_t slot) const {
    return cost[slot].wire_factor / group->plane(slot).device_capacity.value();
  }
};

/// Payload from one rank to another within a phase. `kSwitch` stands for the switches.
struct Volume {
  std::uint32_t from = 0, to = 0;
  double bytes = 0;
};
/// Payload from every one of these ranks to every other one.
struct Exchange {
  std::vector<std::uint32_t> ranks;  ///< empty = the whole group
  double bytes = 0;
};
struct Phase {
  double latency = 0;  ///< seconds: steps of the critical path, and what a pipeline takes to fill
  std::uint32_t slot = 0;
  std::vector<Volume> volumes;
  std::vector<Exchange> exchanges;
  std::vector<Volume> outer_volumes;  ///< on slot 1, at the same time
};
struct Traffic {
  std::vector<Phase> phases;
  std::uint32_t chunks = 1;  ///< the pipeline chunks chosen
  std::string inner, outer;  ///< hierarchical: the algorithms chosen
};

/// Collects messages; dependencies are given as a range of ids that several messages may share.
struct DependencyRange {
  std::uint32_t first = 0, count = 0;
};
class DagBuilder {
 public:
  using Range = DependencyRange;
  [[nodiscard]] Range depend_on(std::span<const std::uint32_t> messages) {
    const auto first = static_cast<std::uint32_t>(dag_.dependency_ids.size());
    dag_.dependency_ids.insert(dag_.dependency_ids.end(), messages.begin(), messages.end());
    return {first, static_cast<std::uint32_t>(messages.size())};
  }
  [[nodiscard]] Range depend_on(std::uint32_t message) { return depend_on(std::span(&message, 1)); }
  /// Adds a message (its dependency fields are overwritten) and returns its id.
  std::uint32_t add(Message message, Range dependencies = {}) {
    message.first_dependency = dependencies.first;
    message.dependencies = dependencies.count;
    dag_.messages.push_back(message);
    return static_cast<std::uint32_t>(dag_.messages.size() - 1);
  }
  [[nodiscard]] std::uint32_t size() const {
    return static_cast<std::uint32_t>(dag_.messages.size());
  }
  void reserve(std::size_t messages, std::size_t dependencies) {
    dag_.messages.reserve(messages);
    dag_.dependency_ids.reserve(dependencies);
  }
  void set_chunks(std::uint32_t count) { dag_.chunk_count = count; }
  [[nodiscard]] MessageDag take() { return std::move(dag_); }

 private:
  MessageDag dag_;
};

struct Algorithm {
  std::string_view name;
  std::string_view description;
  std::span<const CollectiveType> types;
  int levels = 1;  ///< planes it spans; 2 = two or more
  bool needs_in_switch = false;
  bool needs_flat_plane = false;   ///< two levels, and the outer plane must connect all ranks
  bool power_of_two_only = false;  ///< except for ALL_REDUCE and BARRIER, which fold the excess in
  Traffic (*traffic)(const Request&) = nullptr;
  void (*lower)(const Request&, DagBuilder&) = nullptr;
};

/// The registry, in the order that ties are resolved.
[[nodiscard]] std::span<const Algorithm* const> algorithms();
[[nodiscard]] const Algorithm* find_algorithm(std::string_view name);
[[nodiscard]] bool supports(const Algorithm&, CollectiveType, std::uint32_t ranks);

extern const Algorithm kRing, kBidirectionalRing, kHalvingDoubling, kDoubleBinaryTree, kDirect,
    kPairwise, kHierarchical, kMultiRailRing, kInSwitch;

/// Adds what a phase moves to the links of the group.
void add_loads(const GroupView&, const Phase&, LinkBytes& into);
/// Seconds on the idle fabric: latencies and, per phase, the link that takes longest.
[[nodiscard]] double idle_seconds(const Request&, const Traffic&);

/// Chunks (at most `limit`) that make a pipeline of (chunks + fill_rounds) rounds of latency +
/// time/chunks shortest.
[[nodiscard]] std::uint32_t pipeline_chunks(double fill_rounds, double latency,
                                            double transfer_time, std::uint32_t limit);

}  // namespace xpusim::collective
