#include "cost/clock.hpp"

#include <algorithm>
#include <cmath>

namespace xpusim {

namespace {

double duration(const ClockProblem& p, double clock) {
  return std::max(p.compute_time / clock, p.memory_time);
}

double power(const ClockProblem& p, double clock) {
  return p.base_power + (p.compute_energy * std::pow(clock, p.exponent - 1) + p.memory_energy) /
                            duration(p, clock);
}

}  // namespace

ClockChoice settle_clock(const ClockProblem& p, double limit) {
  ClockChoice choice;
  choice.seconds = duration(p, 1.0);
  if (choice.seconds <= 0 || power(p, 1.0) <= limit) return choice;
  double low = p.min_clock, high = 1.0;  // power grows with the clock
  if (power(p, low) < limit) {
    for (int i = 0; i < 60; ++i) {
      const double middle = (low + high) / 2;
      (power(p, middle) <= limit ? low : high) = middle;
    }
  }
  choice.clock = low;
  choice.seconds = duration(p, low);
  choice.limit_missed = power(p, low) > limit * (1 + 1e-9);
  return choice;
}

}  // namespace xpusim
