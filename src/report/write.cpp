#include <array>
#include <string_view>

#include "report/writers.hpp"
#include "xpusim/report.hpp"

namespace xpusim {
namespace {

struct FormatRow {
  std::string_view name;
  ReportFormat format;
  void (*write)(std::ostream&, const RunReport&);
};
constexpr std::array kFormats{
    FormatRow{"table", ReportFormat::table, report::write_table},
    FormatRow{"markdown", ReportFormat::markdown, report::write_markdown},
    FormatRow{"csv", ReportFormat::csv, report::write_csv},
    FormatRow{"json", ReportFormat::json, report::write_json},
};

}  // namespace

std::optional<ReportFormat> parse_report_format(std::string_view name) {
  for (const FormatRow& row : kFormats) {
    if (row.name == name) return row.format;
  }
  return std::nullopt;
}

void write_report(std::ostream& out, const RunReport& run, ReportFormat format) {
  for (const FormatRow& row : kFormats) {
    if (row.format == format) row.write(out, run);
  }
}

}  // namespace xpusim
