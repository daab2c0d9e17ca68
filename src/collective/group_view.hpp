// One communicator group on its planes: latencies between ranks, rates, and the links that traffic
// loads.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "xpusim/fabric.hpp"

namespace xpusim::collective {

/// Bytes per link, collected over many transfers.
class LinkBytes {
 public:
  explicit LinkBytes(const Fabric&);
  ~LinkBytes();
  LinkBytes(const LinkBytes&) = delete;
  LinkBytes& operator=(const LinkBytes&) = delete;
  void add(const std::vector<Path>& paths, double bytes) {
    for (const Path& path : paths) {
      for (const LinkId link : path.links) add(link, bytes * path.share);
    }
  }
  void add(LinkId link, double bytes) {
    if (bytes <= 0.0) return;
    if (bytes_[link] == 0.0) touched_.push_back(link);
    bytes_[link] += bytes;
  }
  /// Ascending ids of the links that carry anything.
  [[nodiscard]] std::vector<LinkId> links() const;
  [[nodiscard]] double bytes(LinkId link) const { return bytes_[link]; }
  /// The same links in no order; each once, unless it was given 0 bytes.
  [[nodiscard]] const std::vector<LinkId>& touched() const { return touched_; }

 private:
  std::vector<double> bytes_;  ///< by link
  std::vector<LinkId> touched_;
};

/// Ranks of a group on its planes (slot 0 is the innermost). Latencies are remembered per
/// pair of positions that the fabric cannot tell apart.
class GroupView {
 public:
  GroupView(const Fabric& fabric, std::vector<PlaneId> planes, std::span<const DeviceId> members);

  [[nodiscard]] std::uint32_t size() const { return static_cast<std::uint32_t>(members_.size()); }
  [[nodiscard]] const std::vector<DeviceId>& members() const { return members_; }
  [[nodiscard]] const std::vector<PlaneId>& planes() const { return planes_; }
  [[nodiscard]] const Fabric& fabric() const { return *fabric_; }
  [[nodiscard]] std::uint32_t slot_of(PlaneId plane) const {
    return static_cast<std::uint32_t>(std::find(planes_.begin(), planes_.end(), plane) -
                                      planes_.begin());
  }
  [[nodiscard]] const Plane& plane(std::uint32_t slot) const {
    return fabric_->planes()[planes_[slot]];
  }

  /// Latency of the slowest path from rank i to rank j, seconds.
  [[nodiscard]] double latency(std::uint32_t slot, std::uint32_t i, std::uint32_t j) const;
  /// Largest latency over all ordered pairs (an upper bound over hashed paths of large groups).
  [[nodiscard]] double largest_latency(std::uint32_t slot) const;
  [[nodiscard]] double to_switch_latency(std::uint32_t slot, std::uint32_t i) const;
  [[nodiscard]] double from_switch_latency(std::uint32_t slot, std::uint32_t i) const;

  /// Adds `bytes` from rank i to rank j.
  void load(std::uint32_t slot, std::uint32_t i, std::uint32_t j, double bytes,
            LinkBytes& into) const;
  /// Adds `bytes` from every rank to every other one. Where routes depend only on the two switches
  /// that the ends hang on, one route per pair of switches stands for all of theirs.
  void load_all_pairs(std::uint32_t slot, double bytes, LinkBytes& into) const;

 private:
  /// Ranks that hang on the same first-level switch: routes between two classes share their inner
  /// links.
  struct Classes {
    std::vector<std::uint32_t> of;  ///< class of each rank
    std::vector<std::vector<std::uint32_t>> ranks;
  };
  [[nodiscard]] bool classified(std::uint32_t slot) const;
  [[nodiscard]] const Classes& classes(std::uint32_t slot) const;
  [[nodiscard]] double routed_latency(std::uint32_t slot, std::uint32_t i, std::uint32_t j) const;
  void load_between_classes(std::uint32_t slot, std::uint32_t a, std::uint32_t b, double bytes,
                            LinkBytes& into) const;

  const Fabric* fabric_;
  std::vector<PlaneId> planes_;
  std::vector<DeviceId> members_;
  mutable std::vector<Classes> classes_;  ///< by slot; empty until asked for
  mutable Path way_;                      ///< scratch of load()
  mutable std::unordered_map<std::uint64_t, double> class_latency_;  ///< memo, never iterated
};

}  // namespace xpusim::collective
