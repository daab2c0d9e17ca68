#include <algorithm>
#include <bit>
#include <cmath>

#include "collective/algorithm.hpp"

namespace xpusim::collective {
namespace {

// In the order that ties are resolved: the textbook's default first.
constexpr const Algorithm* kRegistry[] = {
    &kRing,     &kBidirectionalRing, &kHalvingDoubling, &kDoubleBinaryTree, &kDirect,
    &kPairwise, &kHierarchical,      &kMultiRailRing,   &kInSwitch};

}  // namespace

std::span<const Algorithm* const> algorithms() { return kRegistry; }

const Algorithm* find_algorithm(std::string_view name) {
  for (const Algorithm* a : kRegistry) {
    if (a->name == name) return a;
  }
  return nullptr;
}

bool supports(const Algorithm& algorithm, CollectiveType type, std::uint32_t ranks) {
  if (std::find(algorithm.types.begin(), algorithm.types.end(), type) == algorithm.types.end())
    return false;
  const bool folds = type == CollectiveType::ALL_REDUCE || type == CollectiveType::BARRIER;
  return !algorithm.power_of_two_only || folds || std::has_single_bit(ranks);
}

// (chunks + fill)(a + s/chunks) is smallest at chunks = sqrt(fill s / a).
std::uint32_t pipeline_chunks(double fill_rounds, double latency, double transfer_time,
                              std::uint32_t limit) {
  if (transfer_time <= 0 || fill_rounds <= 0) return 1;
  if (latency <= 0) return limit;
  const double best = std::sqrt(fill_rounds * transfer_time / latency);
  if (best >= limit) return limit;
  return std::max<std::uint32_t>(1, static_cast<std::uint32_t>(std::lround(best)));
}

}  // namespace xpusim::collective

namespace xpusim {

const std::vector<AlgorithmInfo>& collective_algorithms() {
  static const std::vector<AlgorithmInfo> infos = [] {
    std::vector<AlgorithmInfo> list;
    for (const collective::Algorithm* a : collective::algorithms()) {
      list.push_back({a->name, a->description, {a->types.begin(), a->types.end()}});
    }
    return list;
  }();
  return infos;
}

}  // namespace xpusim
