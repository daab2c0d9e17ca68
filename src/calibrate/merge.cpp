// Rows of the same shape become one point; points are kept for the curve or held out.
#include <algorithm>
#include <cmath>
#include <map>
#include <random>

#include <fmt/format.h>

#include "calibrate/fit.hpp"
#include "cost/curves.hpp"

namespace xpusim {

ErrorSummary summarise(std::vector<double> errors) {
  for (double& e : errors) e = std::abs(e);
  ErrorSummary s;
  s.points = errors.size();
  if (errors.empty()) return s;
  s.worst = *std::max_element(errors.begin(), errors.end());
  s.median = calibration::median(std::move(errors));
  return s;
}

namespace calibration {

namespace {

// A row is an outlier when it is further from its shape's median than three standard deviations,
// taken from the median absolute deviation (1.4826 MAD for a normal distribution), and 5 % at
// least: clocks of repeated kernels wander by a few per cent.
constexpr double kDeviations = 3 * 1.4826, kNoise = 0.05;

struct Rows {
  std::vector<double> seconds;
  SourceSpan span;
};

std::size_t count_outliers(const std::vector<double>& seconds, double middle) {
  std::vector<double> away;
  for (const double s : seconds) away.push_back(std::abs(s - middle));
  const double limit = std::max(kDeviations * median(away), kNoise * middle);
  return static_cast<std::size_t>(
      std::count_if(away.begin(), away.end(), [&](double a) { return a > limit; }));
}

std::string number_text(double value) {
  return value < 1e7 ? fmt::format("{:.0f}", value) : fmt::format("{:.4g}", value);
}

}  // namespace

double median(std::vector<double> values) {
  const std::size_t half = values.size() / 2;
  std::sort(values.begin(), values.end());
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

std::string Series::document() const { return join({documents.begin(), documents.end()}); }

std::vector<Series> merge(const std::vector<MeasurementFile>& files) {
  std::map<std::pair<std::string, std::string>, std::map<std::vector<double>, Rows>> all;
  std::map<std::pair<std::string, std::string>, std::set<std::string>> documents;
  std::map<std::pair<std::string, std::string>, bool> sustained;
  for (const MeasurementFile& file : files) {
    for (const Measurement& m : file.rows) {
      const std::pair key{m.operation, m.format};
      const bool hot = file.sustained && !find_measured_operation(m.operation)->collective;
      if (sustained.try_emplace(key, hot).first->second != hot)
        refuse("mixed-modes",
               fmt::format("{} {} was measured in short runs and on a hot chip", m.operation,
                           m.format),
               m.span, "calibrate one of the two: sustained for training, burst for latency");
      Rows& rows = all[key][m.shape];
      if (rows.seconds.empty()) rows.span = m.span;
      rows.seconds.push_back(m.seconds);
      documents[key].insert(file.document);
    }
  }
  std::vector<Series> series;
  for (const auto& [key, shapes] : all) {
    Series s{key.first, key.second, {}, 0, 0, documents[key], sustained[key]};
    for (const auto& [shape, rows] : shapes) {
      const double middle = median(rows.seconds);
      s.points.push_back(
          {shape, middle, rows.span, rows.seconds.size(), count_outliers(rows.seconds, middle)});
      s.rows += s.points.back().rows;
      s.outliers += s.points.back().outliers;
    }
    series.push_back(std::move(s));
  }
  return series;
}

Split split(const Series& series, const CalibrationOptions& options) {
  Split s;
  std::vector<bool> out(series.points.size());
  // A draw of our own: the standard's distributions differ between libraries.
  std::mt19937_64 random(options.seed);
  auto left = static_cast<std::size_t>(
      std::floor(options.holdout * static_cast<double>(series.points.size())));
  while (left > 0) {
    const std::size_t at = random() % series.points.size();
    if (out[at]) continue;
    out[at] = true;
    --left;
  }
  for (std::size_t i = 0; i < out.size(); ++i)
    (out[i] ? s.held : s.kept).push_back(series.points[i]);
  const std::size_t most = std::max<std::size_t>(options.most_points, 2);
  if (s.kept.size() <= most) {
    s.curve = s.kept;
    return s;
  }
  // Every few points in the order of the last dimension, then those before it (n and k of a GEMM
  // name a layer, m runs along it), and the ends of every dimension.
  std::vector<Point> ordered = s.kept;
  std::stable_sort(ordered.begin(), ordered.end(), [](const Point& a, const Point& b) {
    return std::lexicographical_compare(a.shape.rbegin(), a.shape.rend(), b.shape.rbegin(),
                                        b.shape.rend());
  });
  std::set<std::size_t> chosen;
  for (std::size_t d = 0; d < ordered.front().shape.size(); ++d) {
    const auto by = [d](const Point& a, const Point& b) { return a.shape[d] < b.shape[d]; };
    const auto [low, high] = std::minmax_element(ordered.begin(), ordered.end(), by);
    chosen.insert(static_cast<std::size_t>(low - ordered.begin()));
    chosen.insert(static_cast<std::size_t>(high - ordered.begin()));
  }
  const std::size_t evenly = most > chosen.size() ? most - chosen.size() : 1;
  for (std::size_t i = 0; i < evenly; ++i) chosen.insert(i * ordered.size() / evenly);
  for (std::size_t i = 0; i < ordered.size(); ++i)
    (chosen.contains(i) ? s.curve : s.held).push_back(ordered[i]);
  return s;
}

ComputeOp operation_at(const Series& series, const Point& point) {
  CurveSpec curve;
  curve.operation = series.operation;
  curve.format = series.format;
  curve.points = {point.shape};
  // The memory curve holds rates, the others times.
  curve.points.front().push_back(series.operation == "memory" ? point.shape[0] / point.seconds
                                                              : point.seconds);
  return measured_points(curve).front().op;
}

std::string shape_text(const std::string& operation, const std::vector<double>& shape) {
  const MeasuredOperation* info = find_measured_operation(operation);
  std::string text;
  for (std::size_t i = 0; info != nullptr && i < shape.size(); ++i)
    text += fmt::format("{}{} {}", i == 0 ? "" : ", ", info->shape[i], number_text(shape[i]));
  return text;
}

std::string range_text(const std::string& operation, const std::vector<Point>& points) {
  const MeasuredOperation* info = find_measured_operation(operation);
  std::string text;
  for (std::size_t i = 0; info != nullptr && !points.empty() && i < info->shape.size(); ++i) {
    double low = points.front().shape[i], high = low;
    for (const Point& p : points) {
      low = std::min(low, p.shape[i]);
      high = std::max(high, p.shape[i]);
    }
    text += fmt::format("{}{} {}", i == 0 ? "" : ", ", info->shape[i], number_text(low));
    if (high > low) text += " to " + number_text(high);
  }
  return text;
}

}  // namespace calibration
}  // namespace xpusim
