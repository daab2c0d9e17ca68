// What the steps of a calibration share: merged points, the base parts, the findings.
#pragma once

#include <set>

#include "calibrate/part_text.hpp"
#include "calibrate/table_text.hpp"
#include "xpusim/calibrate.hpp"
#include "xpusim/cost.hpp"

namespace xpusim::calibration {

/// One shape, the median of its rows.
struct Point {
  std::vector<double> shape;
  double seconds = 0;
  SourceSpan span;  ///< its first row
  std::size_t rows = 1, outliers = 0;
};
/// All points of an operation and format, ascending by shape.
struct Series {
  std::string operation, format;
  std::vector<Point> points;
  std::size_t rows = 0;
  std::size_t outliers = 0;         ///< rows far from the median of their shape
  std::set<std::string> documents;  ///< files that the rows came from
  bool sustained = false;           ///< on a hot chip, at the clock that its TDP leaves

  [[nodiscard]] std::string name() const {
    return format.empty() ? operation : operation + " " + format;
  }
  [[nodiscard]] std::string document() const;
};
[[nodiscard]] std::vector<Series> merge(const std::vector<MeasurementFile>&);

/// Points by their use.
struct Split {
  std::vector<Point> kept;   ///< of these the constants are fitted
  std::vector<Point> curve;  ///< of `kept`, what the curve holds
  std::vector<Point> held;   ///< all that the curve does not hold
};
[[nodiscard]] Split split(const Series&, const CalibrationOptions&);

/// Bytes per element follow from the format.
[[nodiscard]] ComputeOp operation_at(const Series&, const Point&);
/// "m 4096, n 4096, k 4096"
[[nodiscard]] std::string shape_text(const std::string& operation, const std::vector<double>&);
[[nodiscard]] std::string range_text(const std::string& operation, const std::vector<Point>&);
[[nodiscard]] double median(std::vector<double>);

/// Indices of the points that speak for large sizes: every dimension of a GEMM at least 4096 (three
/// or more such points), else the quarter with the most FLOPs. `rule` says which.
[[nodiscard]] std::vector<std::size_t> large_points(const std::string& operation,
                                                    const std::vector<ComputeOp>&,
                                                    std::string* rule = nullptr);
/// Ideal duration over measured of one kernel, when arithmetic bounds it; nothing otherwise. The
/// ideal is the tiled roofline with all efficiencies 1. A sustained duration is first taken to full
/// clock: at the measured duration t the chip draws its TDP when
///   idle + active + (E_compute clock^(x-1) + E_memory) / t = TDP    (docs/model.md)
class IdealChip {
 public:
  explicit IdealChip(const ChipSpec&);
  [[nodiscard]] std::optional<double> share(const ComputeOp&, double seconds, bool sustained) const;

 private:
  CostModel cost_;
};

/// Least squares of t = (bytes + half) / rate, errors relative to t; half is 0 where the fit would
/// make it negative.
struct Stream {
  double rate = 0, half = 0;
};
[[nodiscard]] Stream fit_stream(const std::vector<Point>&);

struct Fit {
  Catalogue* catalogue = nullptr;
  CalibrationOptions options;
  std::string name;  ///< of the chip part
  ChipSpec chip;     ///< base, then fitted
  const Document* base = nullptr;
  Calibration result;
};

/// Refuses (or, when asked, drops) rows that exceed a peak of the chip.
void check_peaks(Fit&, std::vector<MeasurementFile>&);
/// Efficiencies and curves of all kernels; the chip part. `software` is its default profile or "".
void fit_kernels(Fit&, const std::vector<Series>&, PartText&);
/// Link, software and system parts; returns the new profile's name.
std::string fit_collectives(Fit&, const std::vector<Series>&, PartText& chip);

}  // namespace xpusim::calibration
