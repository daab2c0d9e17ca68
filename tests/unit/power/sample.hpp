// A small machine: 2 nodes of 4 chips, one supernode, one switched plane.
#pragma once

#include "xpusim/power.hpp"

[[nodiscard]] xpusim::ChipSpec sample_chip();      ///< idle 100 W, TDP 500 W
[[nodiscard]] xpusim::SystemSpec sample_system();  ///< components: none
[[nodiscard]] xpusim::Fabric sample_fabric(
    double joules_per_byte = 0);  ///< plane "net", 100 GB/s per chip and way
[[nodiscard]] xpusim::ComponentSpec part(std::string name, xpusim::ComponentScope, double count,
                                         double idle, double active, std::string activity = {});
[[nodiscard]] double watts(const xpusim::PowerBreakdown&,
                           const std::string& name);  ///< fails when there is none
