#pragma once

namespace xpusim {

/// What one kernel draws on one device, at full clock unless said otherwise.
struct ClockProblem {
  double compute_time = 0;    ///< seconds at the rated power (where durations were measured)
  double memory_time = 0;     ///< seconds, independent of the clock
  double compute_energy = 0;  ///< joules at full clock; scales with clock^(exponent - 1)
  double memory_energy = 0;   ///< joules, independent of the clock
  double base_power = 0;      ///< watts: idle + active
  double exponent = 2.5;
  double min_clock = 0.3;
};

struct ClockChoice {
  double rated = 1.0;       ///< clock at the rated power
  double clock = 1.0;       ///< clock under the cap, not above `rated`
  double seconds = 0;       ///< duration under the cap
  bool cap_missed = false;  ///< even the lowest clock draws more than the cap
};

/// Clock at which base + (E_c c^(x-1) + E_m) / t(c) = cap, with t(c) = max(t_c * rated / c, t_m).
[[nodiscard]] ClockChoice settle_clock(const ClockProblem&, double rated_power, double cap);

}  // namespace xpusim
