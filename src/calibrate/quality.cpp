// How well the fitted parts describe what was measured: a table and a plot.
#include <algorithm>
#include <cmath>
#include <ostream>

#include <fmt/format.h>

#include "validation/svg.hpp"
#include "xpusim/calibrate.hpp"

namespace xpusim {

namespace {

using Row = std::vector<std::string>;

void write_rows(std::ostream& out, const std::vector<Row>& rows, std::size_t texts) {
  std::vector<std::size_t> widths(rows.front().size());
  for (const Row& row : rows)
    for (std::size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], row[c].size());
  for (const Row& row : rows) {
    std::string line;
    for (std::size_t c = 0; c < row.size(); ++c) {
      line += c == 0 ? "" : "  ";
      line += c < texts || c + 1 == row.size() ? fmt::format("{:<{}}", row[c], widths[c])
                                               : fmt::format("{:>{}}", row[c], widths[c]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out << line << '\n';
  }
}

std::string percent(const ErrorSummary& s, double value) {
  return s.points == 0 ? "-" : fmt::format("{:.1f} %", 100 * value);
}

void add_errors(Row& row, const ErrorSummary& s) {
  row.push_back(percent(s, s.median));
  row.push_back(percent(s, s.worst));
}

constexpr double kLeft = 80, kTop = 30, kSide = 480, kBottom = 50, kLegend = 250;

struct Scale {
  double low = 0, high = 1;  ///< log10
  [[nodiscard]] double at(double value) const {
    return kSide * (std::log10(value) - low) / (high - low);
  }
};

std::string tick_text(int power) {
  if (power >= 0) return fmt::format("{} s", std::pow(10, power));
  if (power >= -3) return fmt::format("{} ms", std::pow(10, power + 3));
  if (power >= -6) return fmt::format("{} us", std::pow(10, power + 6));
  return fmt::format("{} ns", std::pow(10, power + 9));
}

Scale scale_of(const std::vector<CurveQuality>& all) {
  double low = 1e300, high = 0;
  for (const CurveQuality& q : all) {
    for (const PredictedPoint& p : q.drawn) {
      low = std::min({low, p.measured, p.predicted});
      high = std::max({high, p.measured, p.predicted});
    }
  }
  if (!(high > 0)) return {-6, 0};
  const double from = std::floor(std::log10(low)), to = std::ceil(std::log10(high));
  return {from, std::max(to, from + 1)};
}

}  // namespace

void write_calibration_table(std::ostream& out, const Calibration& calibration) {
  std::vector<Row> rows{{"constant", "value", "before", "part", "how"}};
  for (const FittedConstant& c : calibration.constants)
    rows.push_back({c.pointer, c.value, c.before.empty() ? "-" : c.before, c.part, c.derivation});
  if (rows.size() > 1) write_rows(out, rows, 1);
  rows = {{"curve", "rows", "outliers", "points", "plain, median", "worst", "fitted, median",
           "worst", "held out", "median", "worst", "range"}};
  for (const CurveQuality& q : calibration.quality) {
    Row row{q.name, std::to_string(q.rows), std::to_string(q.outliers), std::to_string(q.points)};
    add_errors(row, q.plain);
    add_errors(row, q.fitted);
    row.push_back(std::to_string(q.held_out.points));
    add_errors(row, q.held_out);
    row.push_back(q.range);
    rows.push_back(std::move(row));
  }
  out << '\n';
  write_rows(out, rows, 1);
  out << "\nErrors are |predicted / measured - 1|. Kernels: plain is the roofline with the "
         "large-size efficiencies, fitted\nthe curve with each point predicted without itself, "
         "held out the points that the curve does not hold.\nCollectives: plain is the base part, "
         "fitted the new constants.\n";
}

void write_calibration_svg(std::ostream& out, const Calibration& calibration) {
  const std::vector<CurveQuality>& all = calibration.quality;
  const Scale scale = scale_of(all);
  const double width = kLeft + kSide + kLegend, height = kTop + kSide + kBottom;
  const double bottom = kTop + kSide;
  out << fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {:.0f} {:.0f}\" "
      "font-family=\"sans-serif\" font-size=\"12\">\n<title>Predicted against measured</title>\n"
      "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n",
      width, height);
  for (int power = static_cast<int>(scale.low); power <= static_cast<int>(scale.high); ++power) {
    const double at = scale.at(std::pow(10, power));
    out << fmt::format(
        "<line x1=\"{0:.1f}\" y1=\"{1:.1f}\" x2=\"{0:.1f}\" y2=\"{2:.1f}\" stroke=\"#ddd\"/>\n"
        "<line x1=\"{3:.1f}\" y1=\"{4:.1f}\" x2=\"{5:.1f}\" y2=\"{4:.1f}\" stroke=\"#ddd\"/>\n"
        "<text x=\"{0:.1f}\" y=\"{6:.1f}\" text-anchor=\"middle\">{7}</text>\n"
        "<text x=\"{8:.1f}\" y=\"{9:.1f}\" text-anchor=\"end\">{7}</text>\n",
        kLeft + at, kTop, bottom, kLeft, bottom - at, kLeft + kSide, bottom + 16, tick_text(power),
        kLeft - 6, bottom - at + 4);
  }
  // Equal, and 10 % to either side.
  for (const double ratio : {1.0, 0.9, 1.1}) {
    const double shift = kSide * std::log10(ratio) / (scale.high - scale.low);
    out << fmt::format(
        "<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"#444\"{}/>\n",
        kLeft + std::max(0.0, -shift), bottom - std::max(0.0, shift),
        kLeft + kSide - std::max(0.0, shift), bottom - kSide + std::max(0.0, -shift),
        ratio == 1.0 ? "" : " stroke-dasharray=\"3 3\"");
  }
  out << fmt::format(
      "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">measured</text>\n"
      "<text x=\"16\" y=\"{:.1f}\" text-anchor=\"middle\" transform=\"rotate(-90 16 "
      "{:.1f})\">predicted (dashed: 10 %)</text>\n",
      kLeft + kSide / 2, bottom + 36, kTop + kSide / 2, kTop + kSide / 2);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const char* colour = svg::kColours[i % svg::kColours.size()];
    const char* fill = (i / svg::kColours.size()) % 2 == 1 ? "none" : colour;
    const double y = kTop + 18 * static_cast<double>(i) + 10;
    out << fmt::format(
        "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"4\" fill=\"{}\" stroke=\"{}\"/>"
        "<text x=\"{:.1f}\" y=\"{:.1f}\">{} ({})</text>\n",
        kLeft + kSide + 20, y, fill, colour, kLeft + kSide + 32, y + 4, svg::escaped(all[i].name),
        all[i].drawn.size());
    for (const PredictedPoint& p : all[i].drawn)
      out << fmt::format(
          "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\" fill=\"{}\" fill-opacity=\"0.55\" "
          "stroke=\"{}\"><title>{}: {:.4g} us, predicted {:.4g} us</title></circle>\n",
          kLeft + scale.at(p.measured), bottom - scale.at(p.predicted), fill, colour,
          svg::escaped(p.label), p.measured * 1e6, p.predicted * 1e6);
  }
  out << "</svg>\n";
}

}  // namespace xpusim
