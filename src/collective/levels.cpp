#include "collective/levels.hpp"

#include <map>

namespace xpusim::collective {

Levels levels_of(const GroupView& group) {
  Levels levels;
  std::map<std::uint32_t, std::size_t> known;
  for (std::uint32_t i = 0; i < group.size(); ++i) {
    const std::uint32_t instance =
        group.fabric().instance_of(group.planes()[0], group.members()[i]);
    const auto [at, fresh] = known.try_emplace(instance, levels.nodes.size());
    if (fresh) levels.nodes.emplace_back();
    levels.nodes[at->second].push_back(i);
  }
  for (std::size_t j = 0; j < levels.nodes.front().size(); ++j) {
    levels.rails.emplace_back();
    for (const auto& node : levels.nodes) levels.rails.back().push_back(node.at(j));
  }
  return levels;
}

namespace {

GroupView view(const GroupView& group, std::vector<PlaneId> planes,
               const std::vector<std::uint32_t>& ranks) {
  std::vector<DeviceId> members;
  for (const std::uint32_t rank : ranks) members.push_back(group.members()[rank]);
  return GroupView(group.fabric(), std::move(planes), members);
}

}  // namespace

GroupView inner_view(const GroupView& group, const std::vector<std::uint32_t>& ranks) {
  return view(group, {group.planes().front()}, ranks);
}

GroupView outer_view(const GroupView& group, const std::vector<std::uint32_t>& ranks) {
  return view(group, {group.planes().begin() + 1, group.planes().end()}, ranks);
}

}  // namespace xpusim::collective
