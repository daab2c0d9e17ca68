// The scatter plot of a suite, as SVG.
#include <algorithm>
#include <cmath>
#include <ostream>

#include <fmt/format.h>

#include "validation/svg.hpp"
#include "xpusim/validation.hpp"

namespace xpusim {

namespace {

constexpr double kLeft = 64, kTop = 40, kPlotWidth = 620, kRowHeight = 26, kLegend = 210;
constexpr double kLow = 0.5, kHigh = 2.0;  // ratios outside are drawn at the edge

double across(double ratio) {
  const double clamped = std::clamp(ratio, kLow, kHigh);
  return kLeft + kLegend + kPlotWidth * std::log(clamped / kLow) / std::log(kHigh / kLow);
}

struct Strip {
  std::string title;
  std::vector<std::pair<double, std::string>> points;  ///< predicted over measured, case
  double mean_error = 0;
};

std::vector<Strip> strips(const std::vector<Ledger>& ledgers) {
  std::vector<Strip> all;
  for (const Ledger& ledger : ledgers) {
    for (const MeasureSummary& s : ledger.summaries()) {
      if (s.scored == 0) continue;
      const LedgerMeasure& m = ledger.spec().measures[s.measure];
      Strip strip;
      strip.title = ledger.spec().info.name;
      if (ledger.spec().measures.size() > 1) strip.title += ", " + m.name;
      strip.mean_error = s.mean_error;
      for (const LedgerRow& row : ledger.rows()) {
        if (row.status != RowStatus::scored && row.status != RowStatus::assumed) continue;
        for (const LedgerCell& cell : row.cells) {
          if (cell.measure != s.measure) continue;
          if (m.comparison == LedgerComparison::change) {
            const auto p = ledger.change(row, s.measure, true),
                       q = ledger.change(row, s.measure, false);
            if (p && q && *q != 0) strip.points.emplace_back(*p / *q, row.name);
          } else if (const auto error = cell.error()) {
            strip.points.emplace_back(*error + 1, row.name);
          }
        }
      }
      all.push_back(std::move(strip));
    }
  }
  return all;
}

}  // namespace

void write_scatter_svg(std::ostream& out, const std::vector<Ledger>& ledgers) {
  const std::vector<Strip> all = strips(ledgers);
  const double height = kTop + kRowHeight * static_cast<double>(all.size()) + 44;
  const double width = kLeft + kLegend + kPlotWidth + 80;
  const double bottom = height - 40;
  out << fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {:.0f} {:.0f}\" "
      "font-family=\"sans-serif\" font-size=\"12\">\n<title>Predicted over measured, by "
      "ledger</title>\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n",
      width, height);
  out << fmt::format(
      "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" fill=\"#e8f3ec\"/>\n",
      across(0.9), kTop, across(1.1) - across(0.9), bottom - kTop);
  for (const double tick : {0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0}) {
    out << fmt::format(
        "<line x1=\"{0:.1f}\" y1=\"{1:.1f}\" x2=\"{0:.1f}\" y2=\"{2:.1f}\" "
        "stroke=\"{3}\"/>\n<text x=\"{0:.1f}\" y=\"{4:.1f}\" text-anchor=\"middle\">{5}</text>\n",
        across(tick), kTop, bottom, tick == 1.0 ? "#444" : "#ddd", bottom + 16, tick);
  }
  out << fmt::format(
      "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">predicted / measured (band: within "
      "10 %)</text>\n",
      across(1.0), bottom + 33);
  out << fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\">mean abs. error</text>\n",
                     kLeft + kLegend + kPlotWidth - 6, kTop - 10);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const double y = kTop + kRowHeight * (static_cast<double>(i) + 0.5);
    const char* colour = svg::kColours[i % svg::kColours.size()];
    const bool hollow = (i / svg::kColours.size()) % 2 == 1;
    out << fmt::format("<text x=\"8\" y=\"{:.1f}\">{} ({})</text>\n", y + 4,
                       svg::escaped(all[i].title), all[i].points.size());
    out << fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\">{:.1f} %</text>\n",
                       kLeft + kLegend + kPlotWidth + 12, y + 4, 100 * all[i].mean_error);
    for (const auto& [ratio, name] : all[i].points)
      out << fmt::format(
          "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"4\" fill=\"{}\" fill-opacity=\"0.55\" "
          "stroke=\"{}\"><title>{}: {:.3f}</title></circle>\n",
          across(ratio), y, hollow ? "none" : colour, colour, svg::escaped(name), ratio);
  }
  out << "</svg>\n";
}

}  // namespace xpusim
