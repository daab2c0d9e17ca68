// Ranks of a group by supernode (instance of the inner plane) and by rail (equal local rank).
#pragma once

#include <cstdint>
#include <vector>

#include "collective/group_view.hpp"

namespace xpusim::collective {

struct Levels {
  std::vector<std::vector<std::uint32_t>> nodes;  ///< rank of [supernode][local]
  std::vector<std::vector<std::uint32_t>> rails;  ///< rank of [local][supernode]
};
/// Supernodes in the order met, each as large as the first (the planner has checked it).
[[nodiscard]] Levels levels_of(const GroupView&);

/// Some ranks of a group, on its innermost plane or on all planes but that.
[[nodiscard]] GroupView inner_view(const GroupView&, const std::vector<std::uint32_t>& ranks);
[[nodiscard]] GroupView outer_view(const GroupView&, const std::vector<std::uint32_t>& ranks);

}  // namespace xpusim::collective
