// One writer per format. They format and set ratios; they compute nothing.
#pragma once

#include <iosfwd>

#include "xpusim/results.hpp"

namespace xpusim::report {

void write_table(std::ostream&, const RunReport&);
void write_markdown(std::ostream&, const RunReport&);
void write_csv(std::ostream&, const RunReport&);
void write_json(std::ostream&, const RunReport&);

}  // namespace xpusim::report
