// Measured curves as corrections of the roofline: log(measured / modelled) interpolated over log
// shape.
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "xpusim/cost.hpp"

namespace xpusim {

/// One measured kernel: the operation and how long it took (without launch gap).
struct MeasuredPoint {
  ComputeOp op;
  double seconds = 0;
};

struct Residual {
  double factor = 1.0;  ///< measured / modelled
  bool inside = false;  ///< the shape lies within the measured range in every direction
};

/// Local linear regression of the log residual over the log shape.
class ResidualCurve {
 public:
  using Features = std::array<double, 3>;
  /// `work`: kernel_work of each point.
  ResidualCurve(std::string name, std::vector<Features>, std::vector<double> log_residuals,
                const std::vector<double>& work);
  /// At a shape; `skip` leaves one point out (for the leave-one-out test), -1 none.
  [[nodiscard]] Residual at(const Features&, int skip = -1) const;
  /// Log residual of the point with the most work: the level that large sizes reach.
  [[nodiscard]] double level() const { return level_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::size_t size() const { return features_.size(); }
  [[nodiscard]] const std::vector<Features>& features() const { return features_; }
  [[nodiscard]] const std::vector<double>& log_residuals() const { return log_residuals_; }

 private:
  std::string name_;
  std::vector<Features> features_;
  std::vector<double> log_residuals_;
  Features low_{}, high_{};
  double level_ = 0;
};

/// All curves of a chip, by operation and format, for one software profile.
class CurveSet {
 public:
  /// Factor on both bounds of the roofline that gives a point's measured seconds.
  using FactorOf = std::function<double(const CurveSpec&, const MeasuredPoint&)>;
  /// Throws InputError for a row of the wrong length or a value that is not above 0.
  CurveSet(const ChipSpec&, const SoftwareSpec&, const FactorOf&);
  /// The curve of an operation and format, or null.
  [[nodiscard]] const ResidualCurve* find(std::string_view operation,
                                          std::string_view format) const;

 private:
  struct Entry {
    std::string operation, format;
    ResidualCurve curve;
  };
  std::vector<Entry> entries_;
};

/// The curve family an operation belongs to ("gemm", "attention_prefill", ...), "" for none.
[[nodiscard]] std::string_view curve_operation(const ComputeOp&);
/// The family whose curve serves where an operation's own was not measured, "" for none.
[[nodiscard]] std::string_view related_curve(std::string_view operation);
/// Where an operation lies on its family's curve, or on the related one.
[[nodiscard]] ResidualCurve::Features curve_features(const ComputeOp&, bool own_curve = true);
/// FLOPs, or bytes where there are none: what a curve's points are ranked by.
[[nodiscard]] double kernel_work(const ComputeOp&);
/// Rows of a CurveSpec as operations (bytes per element from the format).
[[nodiscard]] std::vector<MeasuredPoint> measured_points(const CurveSpec&);

}  // namespace xpusim
