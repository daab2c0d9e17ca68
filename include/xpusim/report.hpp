// Writers of a run's result: table, Markdown, CSV, JSON.
#pragma once

#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>

#include "xpusim/results.hpp"

namespace xpusim {

enum class ReportFormat { table, markdown, csv, json };
[[nodiscard]] std::optional<ReportFormat> parse_report_format(std::string_view);
void write_report(std::ostream&, const RunReport&, ReportFormat);
[[nodiscard]] std::string report_to_json(const SystemResult&);  ///< for the pipe between processes
[[nodiscard]] SystemResult system_result_from_json(const std::string&);

}  // namespace xpusim
