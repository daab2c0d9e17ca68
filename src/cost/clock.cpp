#include "cost/clock.hpp"

#include <algorithm>
#include <cmath>

namespace xpusim {

namespace {

double power(const ClockProblem& p, double clock, double seconds) {
  return p.base_power +
         (p.compute_energy * std::pow(clock, p.exponent - 1) + p.memory_energy) / seconds;
}

double duration(const ClockProblem& p, double rated, double clock) {
  return std::max(p.compute_time * rated / clock, p.memory_time);
}

/// Largest clock in [low, high] whose power is at most the limit; power grows with the clock.
template <class Power>
double largest_clock(double low, double high, double limit, Power power_at) {
  if (power_at(high) <= limit) return high;
  if (power_at(low) >= limit) return low;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (power_at(middle) <= limit ? low : high) = middle;
  }
  return low;
}

}  // namespace

ClockChoice settle_clock(const ClockProblem& p, double rated_power, double cap) {
  ClockChoice choice;
  choice.seconds = std::max(p.compute_time, p.memory_time);
  if (choice.seconds <= 0) return choice;
  // Durations were measured at the rated power: the clock may have been below full there, at the
  // measured duration.
  choice.rated = largest_clock(p.min_clock, 1.0, rated_power,
                               [&](double c) { return power(p, c, choice.seconds); });
  choice.clock = choice.rated;
  if (cap >= rated_power) return choice;
  const auto capped = [&](double c) { return power(p, c, duration(p, choice.rated, c)); };
  choice.clock = largest_clock(p.min_clock, choice.rated, cap, capped);
  choice.seconds = duration(p, choice.rated, choice.clock);
  choice.cap_missed = capped(choice.clock) > cap * (1 + 1e-9);
  return choice;
}

}  // namespace xpusim
