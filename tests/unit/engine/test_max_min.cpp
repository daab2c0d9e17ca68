#include <algorithm>
#include <catch2/catch.hpp>
#include <numeric>
#include <random>
#include <vector>

#include "engine/max_min.hpp"

using namespace xpusim::engine;
using Catch::Matchers::WithinRel;
using Route = std::vector<ResourceId>;

namespace {

struct FlowSpec {
  Route route;
  double bound = MaxMin::kUnbounded;
};
struct Instance {
  std::vector<double> capacities;
  std::vector<FlowSpec> flows;
};

std::vector<double> load_per_link(const Instance& instance, const std::vector<double>& rates) {
  std::vector<double> load(instance.capacities.size(), 0.0);
  for (std::size_t f = 0; f < rates.size(); ++f) {
    for (ResourceId r : instance.flows[f].route) load[static_cast<std::size_t>(r)] += rates[f];
  }
  return load;
}

/// By the definition: all rates rise together until a bound or a full link stops some, and so on.
std::vector<double> fill_by_definition(const Instance& instance) {
  using Real = long double;
  const std::size_t n = instance.flows.size();
  std::vector<Real> rate(n, 0.0L);
  std::vector<bool> rising(n, true);
  while (std::find(rising.begin(), rising.end(), true) != rising.end()) {
    std::vector<Real> left(instance.capacities.begin(), instance.capacities.end());
    std::vector<int> crossings(left.size(), 0);
    for (std::size_t f = 0; f < n; ++f) {
      for (ResourceId r : instance.flows[f].route) {
        if (rising[f]) ++crossings[static_cast<std::size_t>(r)];
        if (!rising[f]) left[static_cast<std::size_t>(r)] -= rate[f];
      }
    }
    Real level = MaxMin::kUnbounded;
    for (std::size_t r = 0; r < left.size(); ++r) {
      if (crossings[r] > 0) level = std::min(level, left[r] / crossings[r]);
    }
    for (std::size_t f = 0; f < n; ++f) {
      if (rising[f]) level = std::min(level, static_cast<Real>(instance.flows[f].bound));
    }
    for (std::size_t f = 0; f < n; ++f) {
      if (!rising[f]) continue;
      rate[f] = level;
      bool stops = instance.flows[f].bound <= level;
      for (ResourceId id : instance.flows[f].route) {
        const auto r = static_cast<std::size_t>(id);
        stops = stops || left[r] / crossings[r] <= level * (1.0L + 1e-15L);
      }
      if (stops) rising[f] = false;
    }
  }
  return {rate.begin(), rate.end()};
}

/// Capacities over six decades; routes of 1 to 10 links, some named twice; some flows bounded.
Instance random_instance(std::mt19937_64& random, std::size_t links, std::size_t flows) {
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  Instance instance;
  for (std::size_t i = 0; i < links; ++i) {
    // equal capacities are common on real fabrics, and make ties
    instance.capacities.push_back(below(2) == 0 ? 50.0
                                                : std::pow(10.0, 1e-3 * double(below(6000))));
  }
  for (std::size_t i = 0; i < flows; ++i) {
    FlowSpec flow;
    const std::size_t length = 1 + (below(4) == 0 ? below(10) : below(3));
    for (std::size_t k = 0; k < length; ++k) flow.route.push_back(ResourceId(below(links)));
    if (below(4) == 0) flow.bound = std::pow(10.0, 1e-3 * double(below(4000)) - 1.0);
    instance.flows.push_back(flow);
  }
  return instance;
}

/// The instance in a solver, and what its listener has been told.
struct Solved {
  MaxMin solver;
  std::vector<MaxMin::Flow> ids;
  std::vector<double> told;

  explicit Solved(const Instance& instance) : told(instance.flows.size(), 0.0) {
    for (double c : instance.capacities) solver.add_resource(c);
    ids.resize(instance.flows.size());
  }
  void start(const Instance& instance, std::size_t f) {
    ids[f] = solver.add_flow(instance.flows[f].route, instance.flows[f].bound,
                             static_cast<std::uint32_t>(f));
    solver.start(ids[f]);
  }
  void solve() {
    solver.solve([&](std::uint32_t tag, double before, double rate) {
      CHECK(told[tag] == before);
      told[tag] = rate;
    });
  }
};

std::vector<double> rates_of(const Instance& instance) {
  Solved solved(instance);
  for (std::size_t f = 0; f < instance.flows.size(); ++f) solved.start(instance, f);
  solved.solve();
  return solved.told;
}

/// Everybody sends to everybody else through a port out and a port in.
Instance all_to_all(std::size_t ranks, double capacity) {
  Instance instance;
  instance.capacities.assign(2 * ranks, capacity);
  for (std::size_t i = 0; i < ranks; ++i) {
    for (std::size_t d = 1; d < ranks; ++d) {
      instance.flows.push_back({Route{ResourceId(i), ResourceId(ranks + (i + d) % ranks)}});
    }
  }
  return instance;
}

}  // namespace

TEST_CASE("rates are those of the definition on 400 random instances", "[engine][property]") {
  std::mt19937_64 random(1);
  for (int round = 0; round < 400; ++round) {
    const Instance instance = random_instance(random, 1 + random() % 20, 1 + random() % 60);
    const std::vector<double> expected = fill_by_definition(instance);
    const std::vector<double> rates = rates_of(instance);
    INFO("instance " << round);
    for (std::size_t f = 0; f < rates.size(); ++f) {
      CHECK_THAT(rates[f], WithinRel(expected[f], 1e-11));
    }
  }
}

TEST_CASE("rates stay those of the definition while flows come and go", "[engine][property]") {
  std::mt19937_64 random(2);
  for (int round = 0; round < 20; ++round) {
    const Instance all = random_instance(random, 40, 60);
    Solved solved(all);
    std::vector<bool> present(all.flows.size(), false);
    for (int step = 0; step < 60; ++step) {
      for (int k = 0; k < 4; ++k) {  // several changes, then one solve
        const std::size_t f = random() % all.flows.size();
        if (present[f]) {
          solved.solver.remove(solved.ids[f]);
          solved.told[f] = 0.0;
        } else {
          solved.start(all, f);
        }
        present[f] = !present[f];
      }
      solved.solve();
      Instance now{all.capacities, {}};
      std::vector<double> rates;
      for (std::size_t f = 0; f < all.flows.size(); ++f) {
        if (!present[f]) continue;
        now.flows.push_back(all.flows[f]);
        rates.push_back(solved.told[f]);
        CHECK(solved.solver.rate(solved.ids[f]) == solved.told[f]);
      }
      const std::vector<double> expected = fill_by_definition(now);
      for (std::size_t f = 0; f < rates.size(); ++f) {
        CHECK_THAT(rates[f], WithinRel(expected[f], 1e-11));
      }
    }
  }
}

TEST_CASE("no link is overloaded and every flow is at its bound or first on a full link",
          "[engine][property]") {
  std::mt19937_64 random(3);
  for (int round = 0; round < 20; ++round) {
    const Instance instance = random_instance(random, 500, 3000);
    const std::vector<double> rates = rates_of(instance);
    const std::vector<double> load = load_per_link(instance, rates);
    std::vector<double> fastest(load.size(), 0.0);
    for (std::size_t f = 0; f < rates.size(); ++f) {
      for (ResourceId r : instance.flows[f].route) {
        double& best = fastest[static_cast<std::size_t>(r)];
        best = std::max(best, rates[f]);
      }
    }
    for (std::size_t r = 0; r < load.size(); ++r) {
      CHECK(load[r] <= instance.capacities[r] * (1 + 1e-12));
    }
    for (std::size_t f = 0; f < rates.size(); ++f) {
      CHECK(rates[f] > 0.0);
      CHECK(rates[f] <= instance.flows[f].bound);
      const auto bottleneck = [&](ResourceId id) {
        const auto r = static_cast<std::size_t>(id);
        return load[r] >= instance.capacities[r] * (1 - 1e-11) &&
               rates[f] >= fastest[r] * (1 - 1e-11);
      };
      const Route& route = instance.flows[f].route;
      CHECK((rates[f] == instance.flows[f].bound ||
             std::any_of(route.begin(), route.end(), bottleneck)));
    }
  }
}

TEST_CASE("rates do not depend on the order of the flows, to the last bit", "[engine][property]") {
  std::mt19937_64 random(4);
  for (int round = 0; round < 20; ++round) {
    const Instance instance = random_instance(random, 60, 600);
    const std::vector<double> rates = rates_of(instance);
    std::vector<std::size_t> order(instance.flows.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::shuffle(order.begin(), order.end(), random);
    Instance shuffled{instance.capacities, {}};
    for (std::size_t f : order) shuffled.flows.push_back(instance.flows[f]);
    const std::vector<double> again = rates_of(shuffled);
    for (std::size_t i = 0; i < order.size(); ++i) CHECK(again[i] == rates[order[i]]);
  }
}

TEST_CASE("the flows of an all-to-all have one rate, to the last bit", "[engine][property]") {
  for (std::size_t ranks : {3u, 7u, 48u, 101u}) {
    const std::vector<double> rates = rates_of(all_to_all(ranks, 391.3e9));
    CHECK(std::count(rates.begin(), rates.end(), 391.3e9 / double(ranks - 1)) ==
          static_cast<std::ptrdiff_t>(rates.size()));
  }
}

TEST_CASE("an all-to-all beside slower flows still has one rate, to the last bit", "[engine]") {
  // A slow link takes two flows off rank 0's ports: what is left there is rounded on another way
  // than what the other ports share, but equal.
  Instance instance = all_to_all(9, 0.7);
  const std::size_t symmetric = instance.flows.size();
  instance.capacities.push_back(0.1);
  instance.capacities.push_back(0.1);
  for (std::size_t port = 0; port < 18; ++port) {
    for (std::size_t k = 0; k < 1 + port % 2; ++k) {
      instance.flows.push_back({Route{ResourceId(port)}, 0.03 / static_cast<double>(1 + port % 2)});
    }
  }
  const std::vector<double> rates = rates_of(instance);
  for (std::size_t f = 1; f < symmetric; ++f) CHECK(rates[f] == rates[0]);
  CHECK_THAT(rates[0], WithinRel((0.7 - 0.03) / 8, 1e-12));
}

TEST_CASE("a hundred thousand flows share a link exactly", "[engine][closed-form]") {
  constexpr std::size_t kFlows = 100000;
  MaxMin solver;
  const ResourceId wide = solver.add_resource(1e9), narrow = solver.add_resource(3.0);
  std::vector<MaxMin::Flow> flows;
  for (std::uint32_t i = 0; i < kFlows; ++i) {
    // the first two also cross the narrow link
    flows.push_back(i < 2 ? solver.add_flow(Route{wide, narrow}, MaxMin::kUnbounded, i)
                          : solver.add_flow(Route{wide}, MaxMin::kUnbounded, i));
    solver.start(flows.back());
  }
  solver.solve([](std::uint32_t, double, double) {});
  for (std::size_t i = 0; i < 2; ++i) CHECK(solver.rate(flows[i]) == 1.5);
  const double rest = (1e9 - 3.0) / (kFlows - 2);
  for (std::size_t i = 2; i < kFlows; ++i) {
    if (solver.rate(flows[i]) != solver.rate(flows[2])) FAIL("unequal rates");
  }
  CHECK_THAT(solver.rate(flows[2]), WithinRel(rest, 1e-14));
  for (std::size_t i = 2; i < kFlows - 1; ++i) solver.remove(flows[i]);
  solver.solve([](std::uint32_t, double, double) {});
  CHECK_THAT(solver.rate(flows.back()), WithinRel(1e9 - 3.0, 1e-14));
}

TEST_CASE("a link with 17 decades more capacity than its neighbour starves nobody", "[engine]") {
  MaxMin solver;
  const ResourceId huge = solver.add_resource(1e17), tiny = solver.add_resource(0.3);
  std::vector<MaxMin::Flow> flows;
  for (std::uint32_t i = 0; i < 3; ++i) {
    flows.push_back(solver.add_flow(Route{huge, tiny}, MaxMin::kUnbounded, i));
    solver.start(flows.back());
  }
  flows.push_back(solver.add_flow(Route{huge}, MaxMin::kUnbounded, 3));
  solver.start(flows.back());
  solver.solve([](std::uint32_t, double, double) {});
  for (std::size_t i = 0; i < 3; ++i) CHECK_THAT(solver.rate(flows[i]), WithinRel(0.1, 1e-14));
  CHECK_THAT(solver.rate(flows[3]), WithinRel(1e17, 1e-14));
}

TEST_CASE("a chain of two hundred thousand flows is one component", "[engine][closed-form]") {
  constexpr std::uint32_t kFlows = 200000;
  MaxMin solver;
  for (std::uint32_t i = 0; i <= kFlows; ++i) solver.add_resource(2.0);
  std::vector<MaxMin::Flow> flows;
  for (std::uint32_t i = 0; i < kFlows; ++i) {
    const Route route{ResourceId(i), ResourceId(i + 1)};
    flows.push_back(solver.add_flow(route, MaxMin::kUnbounded, i));
    solver.start(flows.back());
  }
  std::size_t told = 0;
  solver.solve([&](std::uint32_t, double, double) { ++told; });
  CHECK(told == kFlows);
  for (MaxMin::Flow f : flows) {
    if (solver.rate(f) != 1.0) FAIL("not its half of the links");
  }
}

TEST_CASE("only flows whose rate changes are told, and only where something happened", "[engine]") {
  MaxMin solver;
  const ResourceId a = solver.add_resource(6.0), b = solver.add_resource(6.0),
                   slow = solver.add_resource(1.0);
  std::vector<std::uint32_t> told;
  const auto solve = [&] {
    told.clear();
    solver.solve([&](std::uint32_t tag, double, double) { told.push_back(tag); });
    std::sort(told.begin(), told.end());
  };
  const auto start = [&](const Route& route, double bound, std::uint32_t tag) {
    const MaxMin::Flow flow = solver.add_flow(route, bound, tag);
    solver.start(flow);
    return flow;
  };
  start(Route{a}, MaxMin::kUnbounded, 0);
  const MaxMin::Flow second = start(Route{a}, 2.0, 1);
  start(Route{b}, MaxMin::kUnbounded, 2);
  solve();
  CHECK(told == std::vector<std::uint32_t>{0, 1, 2});
  const MaxMin::Flow third = start(Route{a, slow}, MaxMin::kUnbounded, 3);
  solve();
  CHECK(told == std::vector<std::uint32_t>{0, 3});  // 1 keeps its bound, 2 is elsewhere
  CHECK(solver.rate(second) == 2.0);
  CHECK(solver.rate(third) == 1.0);
  solver.remove(second);
  solver.remove(third);
  solve();
  CHECK(told == std::vector<std::uint32_t>{0});
  solve();
  CHECK(told.empty());
}

TEST_CASE("a flow that was never started takes nothing and may be removed", "[engine]") {
  MaxMin solver;
  const ResourceId a = solver.add_resource(6.0);
  const MaxMin::Flow sleeper = solver.add_flow(Route{a}, MaxMin::kUnbounded, 0);
  const MaxMin::Flow flow = solver.add_flow(Route{a}, MaxMin::kUnbounded, 1);
  solver.start(flow);
  solver.solve([](std::uint32_t, double, double) {});
  CHECK(solver.rate(flow) == 6.0);
  CHECK(solver.rate(sleeper) == 0.0);
  solver.remove(sleeper);
  CHECK(solver.add_flow(Route{a}, MaxMin::kUnbounded, 2) == sleeper);  // the number is free
}
