#include <catch2/catch.hpp>
#include <functional>
#include <stdexcept>
#include <vector>

#include "engine/sim_core.hpp"

using namespace xpusim::engine;
using Catch::Matchers::WithinRel;
using Route = std::vector<ResourceId>;

namespace {
constexpr double kExact = 1e-9;

/// A callback that notes the time.
Callback note(SimCore& core, double& time) {
  return [&core, &time] { time = core.now(); };
}
}  // namespace

TEST_CASE("a flow takes latency plus bytes over bandwidth", "[engine][closed-form]") {
  SimCore core;
  const auto link = core.add_link(50e9);
  double end = 0;
  core.flow(Route{link}, 100e6, 2e-6, 0, note(core, end));
  core.run();
  CHECK_THAT(end, WithinRel(2e-6 + 100e6 / 50e9, kExact));  // 2.002 ms
}

TEST_CASE("two flows on one link share it equally whatever their latencies",
          "[engine][closed-form]") {
  SimCore core;
  const auto link = core.add_link(50e9);
  double near = 0, far = 0;
  core.flow(Route{link}, 50e6, 1e-6, 0, note(core, near));
  core.flow(Route{link}, 50e6, 10e-6, 0, note(core, far));
  core.run();
  // The first is alone for 9 us, then both have 25 GB/s until it ends; the second finishes alone.
  const double left = 50e6 - 50e9 * 9e-6;
  CHECK_THAT(near, WithinRel(10e-6 + left / 25e9, kExact));                        // 1.992 ms
  CHECK_THAT(far, WithinRel(10e-6 + left / 25e9 + (50e6 - left) / 50e9, kExact));  // 2.001 ms
}

TEST_CASE("a route is as fast as its slowest link, its cap, or its doubled link", "[engine]") {
  SimCore core;
  const auto fast = core.add_link(50e9), slow = core.add_link(20e9), capped = core.add_link(10e9),
             twice = core.add_link(8e9);
  double t[6] = {};
  core.flow(Route{fast, slow}, 20e6, 1e-6, 0, note(core, t[0]));
  core.flow(Route{capped}, 10e6, 1e-6, 2e9, note(core, t[1]));
  core.flow(Route{twice, twice}, 8e6, 0, 0, note(core, t[2]));
  core.flow(Route{}, 8e6, 3e-6, 0, note(core, t[3]));
  core.flow(Route{}, 8e6, 3e-6, 1e9, note(core, t[4]));
  core.flow(Route{fast}, 0, 4e-6, 0, note(core, t[5]));
  core.run();
  CHECK_THAT(t[0], WithinRel(1e-6 + 20e6 / 20e9, kExact));
  CHECK_THAT(t[1], WithinRel(1e-6 + 10e6 / 2e9, kExact));
  CHECK_THAT(t[2], WithinRel(2 * 8e6 / 8e9, kExact));
  CHECK_THAT(t[3], WithinRel(3e-6, kExact));
  CHECK_THAT(t[4], WithinRel(3e-6 + 8e6 / 1e9, kExact));
  CHECK_THAT(t[5], WithinRel(4e-6, kExact));
}

TEST_CASE("three flows on two links get their max-min rates", "[engine][closed-form]") {
  SimCore core;
  const auto a = core.add_link(10), b = core.add_link(16);
  double t[3] = {};
  core.flow(Route{a, b}, 50, 0, 0, note(core, t[0]));  // 5, bound by a
  core.flow(Route{a}, 50, 0, 0, note(core, t[1]));     // 5
  core.flow(Route{b}, 110, 0, 0, note(core, t[2]));    // 11, what is left of b
  core.run();
  for (double end : t) CHECK_THAT(end, WithinRel(10.0, kExact));
}

TEST_CASE("a bounded work leaves the rest of the processor to others", "[engine][closed-form]") {
  SimCore core;
  const auto units = core.add_processor(1.0);
  double bounded = 0, free = 0;
  core.work(units, 0.3, 0.3, note(core, bounded));
  core.work(units, 1.4, 0, note(core, free));
  core.run();
  CHECK_THAT(bounded, WithinRel(1.0, kExact));
  CHECK_THAT(free,
             WithinRel(1.0 + (1.4 - 0.7), kExact));  // 0.7 during the first second, then alone
}

TEST_CASE("a cancelled work calls nobody back and frees its share", "[engine]") {
  SimCore core;
  const auto units = core.add_processor(1.0);
  double end = 0;
  bool fired = false;
  const auto victim = core.work(units, 10, 0, [&] { fired = true; });
  core.work(units, 1, 0, note(core, end));
  core.timer(0.5, [&] {
    core.cancel(victim);
    core.cancel(victim);
  });
  core.run();
  CHECK_THAT(end, WithinRel(0.5 + 0.75, kExact));
  CHECK_FALSE(fired);
  CHECK(core.pending() == 0);
}

TEST_CASE("what ends at one instant calls back in start order", "[engine]") {
  SimCore core;
  std::vector<int> order;
  const auto a = core.add_link(1.0), b = core.add_link(1.0);
  core.flow(Route{b}, 1, 0, 0, [&] {
    order.push_back(0);
    core.timer(0, [&] { order.push_back(5); });
  });
  core.timer(1, [&] { order.push_back(1); });
  core.flow(Route{a}, 0.5, 0.5, 0, [&] { order.push_back(2); });
  core.flow(Route{}, 0, 1, 0, [&] { order.push_back(3); });
  core.work(core.add_processor(2), 2, 0, [&] { order.push_back(4); });
  core.run();
  CHECK(order == std::vector<int>{0, 1, 2, 3, 4, 5});
}

TEST_CASE("ten thousand flows in a row add up", "[engine][closed-form]") {
  SimCore core;
  const auto link = core.add_link(1e9);
  int started = 0;
  std::function<void()> next = [&] {
    if (started++ < 10000) core.flow(Route{link}, 3333.3, 333e-9, 0, next);
  };
  next();
  core.run();
  CHECK_THAT(core.now(), WithinRel(10000 * (3333.3 / 1e9 + 333e-9), kExact));
}

TEST_CASE("a long flow beside a row of short ones gets half the link", "[engine][closed-form]") {
  SimCore core;
  const auto link = core.add_link(1e9);
  double end = 0;
  int started = 0;
  core.flow(Route{link}, 1e6, 0, 0, note(core, end));
  std::function<void()> next = [&] {
    if (started++ < 999) core.flow(Route{link}, 1e3, 0, 0, next);
  };
  next();
  core.run();
  CHECK_THAT(end, WithinRel(0.999e6 / 0.5e9 + 1e3 / 1e9, kExact));
}

TEST_CASE("bandwidth is shared exactly among two thousand flows", "[engine]") {
  SimCore core;
  const auto wide = core.add_link(1e9), narrow = core.add_link(1.0);
  double last = 0;
  for (int i = 0; i < 2000; ++i) core.flow(Route{wide, narrow}, 1, 0, 0, note(core, last));
  core.run();
  CHECK_THAT(last, WithinRel(2000.0, kExact));
}

TEST_CASE("ill-formed arguments and a second core are refused", "[engine]") {
  SimCore core;
  CHECK_THROWS_AS(SimCore(), std::logic_error);
  CHECK_THROWS_AS(core.add_link(0), std::invalid_argument);
  CHECK_THROWS_AS(core.flow(Route{}, -1, 0, 0, {}), std::invalid_argument);
  CHECK_THROWS_AS(core.flow(Route{ResourceId(7)}, 1, 0, 0, {}), std::invalid_argument);
}
