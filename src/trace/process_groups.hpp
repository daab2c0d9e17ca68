// Communicators that a trace defines itself.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace xpusim::trace {

inline constexpr std::string_view kProcessGroupNode = "## process_group:init ##";

/// Reads inputs.values of a process-group record: a list around the text of a JSON array of
/// {"pg_name", "ranks", ...}. Returns false when it is none; `groups` then is unchanged.
bool parse_process_groups(std::string_view values,
                          std::map<std::string, std::vector<std::uint32_t>>& groups);

}  // namespace xpusim::trace
