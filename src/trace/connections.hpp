// Transfers with start times as graphs of ranks: what connection matrices and generators give.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "xpusim/trace.hpp"

namespace xpusim::trace {

struct Connection {
  std::uint32_t from = 0, to = 0;
  std::uint64_t bytes = 0;
  std::uint64_t start_nanos = 0;
  std::string name;
  std::uint64_t offset = 0;          ///< in the file, for messages
  std::vector<std::uint32_t> after;  ///< connections that must be over; each ends at `from`
};

/// One SEND and one RECV per connection, all at once when their time has come: a chain of host
/// waits per rank gives the start times. Ranks without connections share one file.
[[nodiscard]] RecordedTrace connections_trace(std::uint32_t ranks, std::string name,
                                              const std::vector<Connection>&);

}  // namespace xpusim::trace
