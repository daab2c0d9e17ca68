#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <set>
#include <vector>

#include "engine/agenda.hpp"

using xpusim::engine::Agenda;

TEST_CASE("entries come out by date, those of one date in the order in which they got it",
          "[engine]") {
  Agenda agenda;
  agenda.set(4, 2.0);
  agenda.set(1, 2.0);
  agenda.set(3, 1.0);
  agenda.set(2, 2.0);
  agenda.set(0, 3.0);
  agenda.set(0, 1.0);
  agenda.remove(1);
  agenda.remove(1);
  std::vector<std::uint32_t> order;
  CHECK(agenda.date() == 1.0);
  agenda.take_first(order);
  CHECK(agenda.date() == 2.0);
  agenda.take_first(order);
  CHECK(order == std::vector<std::uint32_t>{3, 0, 4, 2});
  CHECK(agenda.empty());
}

TEST_CASE("after any changes the first date is the least", "[engine][property]") {
  std::mt19937_64 random(1);
  Agenda agenda;
  std::map<std::uint32_t, double> dates;
  std::set<std::pair<double, std::uint32_t>> sorted;
  for (int step = 0; step < 100000; ++step) {
    const auto entry = static_cast<std::uint32_t>(random() % 300);
    const auto old = dates.find(entry);
    if (old != dates.end()) sorted.erase({old->second, entry});
    if (random() % 4 == 0) {
      agenda.remove(entry);
      dates.erase(entry);
    } else {
      // few dates: groups of many entries; many dates: entries alone in theirs
      const double date = static_cast<double>(random() % (step % 2 == 0 ? 10 : 100000));
      agenda.set(entry, date);
      dates[entry] = date;
      sorted.insert({date, entry});
    }
    REQUIRE(agenda.empty() == sorted.empty());
    if (sorted.empty()) continue;
    REQUIRE(agenda.date() == sorted.begin()->first);
    if (random() % 8 != 0) continue;
    const double first = agenda.date();
    std::vector<std::uint32_t> taken;  // two places in the heap may have the same date
    while (!agenda.empty() && agenda.date() == first) agenda.take_first(taken);
    for (const std::uint32_t t : taken) {
      REQUIRE(sorted.erase({first, t}) == 1);
      dates.erase(t);
    }
    REQUIRE((sorted.empty() || sorted.begin()->first > first));
  }
}
