#include "trace/rank_classes.hpp"

#include <numeric>
#include <unordered_map>

#include <fmt/core.h>

#include "topology/mix.hpp"
#include "xpusim/symmetry.hpp"

namespace xpusim::trace {
namespace {

/// 128 bits, so that different ranks do not meet by chance.
struct Signature {
  std::uint64_t high = 0x243f6a8885a308d3ULL, low = 0x13198a2e03707344ULL;
  void add(std::uint64_t value) {
    high = topology::mix(high ^ value);
    low = topology::mix(low + value * 0x9e3779b97f4a7c15ULL);
  }
  void add(const Signature& other) {
    add(other.high);
    add(other.low);
  }
  /// Order does not count.
  void add_member(const Signature& member) {
    high += member.high;
    low += member.low;
  }
  friend bool operator==(const Signature&, const Signature&) = default;
};
struct SignatureHash {
  std::size_t operator()(const Signature& s) const { return s.high; }
};

class Refinement {
 public:
  Refinement(const RankPrograms& programs, const Communicators& groups, const Fabric& fabric,
             std::span<const DeviceId> devices)
      : programs_(programs), groups_(groups), fabric_(fabric), devices_(devices) {
    place_groups();
    place_partners();
  }

  RankClasses run() {
    classes_.assign(programs_.ranks(), 0);
    std::uint32_t count = recolour([&](std::uint32_t rank) { return alone(rank); });
    const std::uint32_t programs = count;
    for (std::uint32_t before = 0; count != before && count < programs_.ranks();) {
      before = count;
      describe_groups();
      count = recolour([&](std::uint32_t rank) { return among_others(rank); });
    }
    return result(count, programs);
  }

 private:
  /// Number of classes afterwards. New classes are parts of the old ones.
  template <class Describe>
  std::uint32_t recolour(Describe describe) {
    std::unordered_map<Signature, std::uint32_t, SignatureHash> known;
    std::vector<std::uint32_t> next(classes_.size());
    for (std::uint32_t rank = 0; rank < classes_.size(); ++rank) {
      Signature signature = describe(rank);
      signature.add(classes_[rank]);
      next[rank] =
          known.try_emplace(signature, static_cast<std::uint32_t>(known.size())).first->second;
    }
    classes_ = std::move(next);
    return static_cast<std::uint32_t>(known.size());
  }

  [[nodiscard]] Signature alone(std::uint32_t rank) const {
    Signature s;
    s.add(programs_.of(rank).shape);
    for (const std::uint8_t slot : programs_.slots(rank)) s.add(slot);
    return s;
  }

  [[nodiscard]] Signature among_others(std::uint32_t rank) const {
    Signature s;
    for (const std::uint32_t group : programs_.groups(rank)) {
      s.add(group_signatures_[group]);
      // Members that call it otherwise than the first one does are not its equals.
      s.add(programs_.slot_of(groups_[group].members.front(), group));
      s.add(static_cast<std::uint64_t>(groups_[group].purpose));
    }
    const std::vector<std::uint32_t>& partners = programs_.of(rank).partners;
    for (std::size_t i = 0; i < partners.size(); ++i) {
      s.add(classes_[partners[i]]);
      s.add(partners[i] == rank ? 1 : 0);
      s.add(programs_.partner_of(partners[i], rank));
      s.add(partner_places_[first_partner_[rank] + i]);
    }
    return s;
  }

  void place_groups() {
    std::vector<DeviceId> members;
    for (std::uint32_t g = 0; g < groups_.size(); ++g) {
      members.clear();
      for (const std::uint32_t rank : groups_[g].members) members.push_back(devices_[rank]);
      group_places_.push_back(placement_signature(fabric_, members, PlacementDetail::switches));
    }
  }

  void place_partners() {
    first_partner_.push_back(0);
    for (std::uint32_t rank = 0; rank < programs_.ranks(); ++rank) {
      for (const std::uint32_t partner : programs_.of(rank).partners) {
        const DeviceId ends[] = {devices_[rank], devices_[partner]};
        partner_places_.push_back(placement_signature(fabric_, ends, PlacementDetail::switches));
      }
      first_partner_.push_back(static_cast<std::uint32_t>(partner_places_.size()));
    }
  }

  void describe_groups() {
    group_signatures_.assign(groups_.size(), {});
    for (std::uint32_t g = 0; g < groups_.size(); ++g) {
      for (const std::uint32_t rank : groups_[g].members) {
        Signature member;
        member.add(classes_[rank]);
        member.add(programs_.slot_of(rank, g));
        group_signatures_[g].add_member(member);
      }
      group_signatures_[g].add(group_places_[g]);
    }
  }

  [[nodiscard]] RankClasses result(std::uint32_t count, std::uint32_t programs) const {
    if (count == programs_.ranks() && count > 1)
      return single_ranks(count, programs == count
                                     ? "no two ranks run the same program"
                                     : "no two ranks have the same partners in the same places");
    RankClasses classes;
    classes.of = classes_;
    for (std::uint32_t rank = 0; rank < classes_.size(); ++rank) {
      if (classes_[rank] == classes.lowest.size()) {
        classes.lowest.push_back(rank);
        classes.size.push_back(0);
      }
      ++classes.size[classes_[rank]];
    }
    return classes;
  }

  const RankPrograms& programs_;
  const Communicators& groups_;
  const Fabric& fabric_;
  std::span<const DeviceId> devices_;
  std::vector<std::uint32_t> classes_;  ///< by rank; numbered in order of first rank
  std::vector<Signature> group_signatures_;
  std::vector<std::uint64_t> group_places_, partner_places_;
  std::vector<std::uint32_t> first_partner_;
};

}  // namespace

RankClasses single_ranks(std::uint32_t ranks, std::string obstacle) {
  RankClasses classes;
  classes.of.resize(ranks);
  std::iota(classes.of.begin(), classes.of.end(), 0u);
  classes.lowest = classes.of;
  classes.size.assign(ranks, 1);
  classes.obstacle = std::move(obstacle);
  return classes;
}

RankClasses fold_ranks(const RankPrograms& programs, const Communicators& groups,
                       const Fabric& fabric, std::span<const DeviceId> devices) {
  if (std::string why = asymmetry(fabric); !why.empty())
    return single_ranks(programs.ranks(), std::move(why));
  return Refinement(programs, groups, fabric, devices).run();
}

}  // namespace xpusim::trace
