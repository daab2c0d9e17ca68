// A run as a timeline that people look at: Chrome's Trace Event Format, read by Perfetto
// (ui.perfetto.dev) and chrome://tracing.
#pragma once

#include <cstdint>
#include <iosfwd>

#include "xpusim/simulation.hpp"

namespace xpusim {

struct TimelineOptions {
  std::uint64_t max_events = 250'000;
};
struct TimelineSummary {
  std::uint64_t events = 0;    ///< written
  std::uint64_t left_out = 0;  ///< of ranks and tasks beyond the limit
  std::uint64_t ranks = 0, ranks_written = 0;
  std::uint64_t ranks_cut = 0;  ///< of those written: first events only
};

/// Writes events one by one; nothing of the file is kept in memory. One process per simulated rank,
/// one thread per stream; kernels, collectives and transfers as slices, arrows from a rank to the
/// one that waits for it, counters of tier utilisation, the hottest links and power. Times are
/// rounded to nanoseconds. Beyond `max_events` ranks are left out evenly, and of a single rank its
/// last events.
TimelineSummary write_timeline(std::ostream&, const TimelineInput&, const TimelineOptions& = {});

}  // namespace xpusim
