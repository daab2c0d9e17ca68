// Readers of the formats that are one text for all ranks, and of one rank's JSON.
#pragma once

#include <string>
#include <string_view>

#include "xpusim/trace.hpp"

namespace xpusim::trace {

/// First words of a SimAI / AICB / ASTRA-sim 1.0 workload.
[[nodiscard]] bool is_workload_policy(std::string_view word);

/// All throw InputError with line and column: codes trace-format, trace-value, trace-dependency,
/// trace-ranks.
[[nodiscard]] RecordedTrace parse_simai(std::string text, std::string name,
                                        const TraceReadOptions&);
[[nodiscard]] ChakraFile parse_chakra_json(std::string text, std::string name);
[[nodiscard]] RecordedTrace parse_goal(std::string text, std::string name);
[[nodiscard]] RecordedTrace parse_htsim_cm(std::string text, std::string name);

}  // namespace xpusim::trace
