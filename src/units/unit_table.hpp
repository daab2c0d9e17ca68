// The units that values may be written in: one row per base unit, one table of prefixes.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "xpusim/units.hpp"

namespace xpusim::units_detail {

/// A unit as exact factors: 10^decimal_exponent * factor base units. Kept apart so that "200 ns" is
/// the double nearest to 2e-7, not a product of two rounded numbers.
struct Unit {
  Dimension dimension;
  int decimal_exponent = 0;
  double factor = 1.0;
};

struct BaseUnit {
  std::string_view symbol;
  Unit unit;
  std::string_view prefixes;  ///< SI prefixes in use, one letter each
  bool binary = false;        ///< Ki, Mi, ... as well
};

struct SiPrefix {
  char letter;
  int exponent;
};

inline constexpr std::array si_prefixes{
    SiPrefix{'f', -15}, SiPrefix{'p', -12}, SiPrefix{'n', -9}, SiPrefix{'u', -6},
    SiPrefix{'m', -3},  SiPrefix{'k', 3},   SiPrefix{'M', 6},  SiPrefix{'G', 9},
    SiPrefix{'T', 12},  SiPrefix{'P', 15},  SiPrefix{'E', 18}, SiPrefix{'Z', 21},
};

inline constexpr std::array base_units{
    BaseUnit{"B", {{.byte = 1}}, "kMGTPE", true},
    BaseUnit{"bit", {{.byte = 1}, 0, 0.125}, "kMGTPE", true},
    BaseUnit{"FLOP", {{.flop = 1}}, "kMGTPEZ"},
    BaseUnit{"OP", {{.flop = 1}}, "kMGTPEZ"},
    BaseUnit{"s", {{.time = 1}}, "fpnum"},
    BaseUnit{"min", {{.time = 1}, 0, 60.0}, ""},
    BaseUnit{"h", {{.time = 1}, 0, 3600.0}, ""},
    BaseUnit{"Hz", {{.time = -1}}, "kMGT"},
    BaseUnit{"W", {{.time = -1, .joule = 1}}, "numkMG"},
    BaseUnit{"J", {{.joule = 1}}, "fpnumkMG"},
    BaseUnit{"Wh", {{.joule = 1}, 0, 3600.0}, "kMG"},
    BaseUnit{"USD", {{.dollar = 1}}, "kMG"},
};

/// "GB/s" and the like: a unit, or two joined by one '/'.
[[nodiscard]] std::optional<Unit> find_unit(std::string_view symbol);

}  // namespace xpusim::units_detail
