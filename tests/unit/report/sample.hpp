// Results made by hand: small round numbers that a reader can check.
#pragma once

#include "xpusim/report.hpp"

[[nodiscard]] xpusim::RunReport training_report();    ///< two systems, a third that does not fit
[[nodiscard]] xpusim::RunReport collective_report();  ///< two systems, two sizes
[[nodiscard]] xpusim::RunReport why_report();         ///< a critical path and two explained tasks
[[nodiscard]] xpusim::RunReport replay_report();      ///< one system, traffic of unknown purpose
