#pragma once

namespace xpusim {

/// What one kernel draws on one device, at full clock unless said otherwise.
struct ClockProblem {
  double compute_time = 0;    ///< seconds at full clock
  double memory_time = 0;     ///< seconds, independent of the clock
  double compute_energy = 0;  ///< joules at full clock; scales with clock^(exponent - 1)
  double memory_energy = 0;   ///< joules, independent of the clock
  double base_power = 0;      ///< watts: idle + active
  double exponent = 2.5;
  double min_clock = 0.3;
};

struct ClockChoice {
  double clock = 1.0;         ///< share of the full clock
  double seconds = 0;         ///< duration at that clock
  bool limit_missed = false;  ///< even the lowest clock draws more than the limit
};

/// Largest clock c in [min_clock, 1] with base + (E_c c^(x-1) + E_m) / t(c) <= limit, where
/// t(c) = max(t_c / c, t_m).
[[nodiscard]] ClockChoice settle_clock(const ClockProblem&, double limit);

}  // namespace xpusim
