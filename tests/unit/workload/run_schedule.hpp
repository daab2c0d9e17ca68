// Runs the passes of a schedule with given durations and no time for communication.
#pragma once

#include <vector>

#include "workload/schedule.hpp"

namespace test_schedules {

struct PassCosts {
  double forward = 1, input = 1, weight = 1;  ///< seconds of a rank's chunks together
};
struct ScheduleRun {
  bool finished = false;  ///< false: the passes wait for each other
  double makespan = 0;
  double span = 0;    ///< longest time from a rank's first pass to its last
  double work = 0;    ///< of one rank
  double bubble = 0;  ///< span - work
  double peak = 0;    ///< most micro-batches in flight on a rank: forward, but weights not yet done
  double held = 0;    ///< the same, but released by the input gradient
};
/// A resolved layout that has this shape; `virtual_stages` 0 = what the schedule wants.
[[nodiscard]] xpusim::ParallelLayout shape(xpusim::PipelineSchedule, int pipeline,
                                           int micro_batches, int virtual_stages = 0,
                                           bool overlap = false);
/// `apart`: merged passes run one after the other, and the first one's result moves on at its end.
[[nodiscard]] ScheduleRun run(const xpusim::ParallelLayout&, PassCosts, bool apart = false);

}  // namespace test_schedules
