#include <unistd.h>
#include <catch2/catch.hpp>
#include <csignal>
#include <stdexcept>

#include "cli/children.hpp"

using xpusim::cli::ChildOutcome;
using xpusim::cli::run_in_children;

TEST_CASE("children's texts come back in the order of the jobs, large ones whole", "[cli]") {
  const std::string large(3'000'000, 'x');
  std::size_t done = 0;
  const auto outcomes = run_in_children({[&] {
                                           usleep(50'000);
                                           return large;
                                         },
                                         [] { return std::string("second"); }},
                                        2, [&](std::size_t) { ++done; });
  REQUIRE(outcomes.size() == 2);
  CHECK(outcomes[0].text == large);
  CHECK(outcomes[1].text == "second");
  CHECK(done == 2);
}

TEST_CASE("a child that throws or crashes costs only its own result", "[cli]") {
  const auto outcomes =
      run_in_children({[]() -> std::string { throw std::runtime_error("no such link"); },
                       []() -> std::string {
                         std::raise(SIGKILL);
                         return "";
                       },
                       [] { return std::string("fine"); }},
                      1, {});
  CHECK(outcomes[0].error == "no such link");
  CHECK(outcomes[1].error == "the simulation process was ended by signal 9 (Killed)");
  CHECK(outcomes[2].text == "fine");
  CHECK(outcomes[2].error.empty());
}
