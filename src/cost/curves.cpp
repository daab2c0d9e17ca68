#include "cost/curves.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "cost/op_shape.hpp"
#include "xpusim/diagnostic.hpp"

namespace xpusim {

namespace {

// Smoothing of the interpolation, chosen by leave-one-out error over the measured GEMM tables (18
// curves of 62 points, all chips and formats; see tests/unit/cost/test_curves.cpp): weight = 1 /
// (distance^2 + kNear)^2, slopes shrunk by kRidge.
constexpr double kNear = 0.05;
constexpr double kRidge = 0.05;
// Outside the measured range the nearest correction fades with the distance in octaves of shape.
constexpr double kFadeOctaves = 2.0;

using Matrix = std::array<std::array<double, 5>, 4>;  // 4 unknowns, right-hand side last

/// Gauss elimination; the ridge on the diagonal keeps the system regular.
double solve_intercept(Matrix& a) {
  for (std::size_t i = 0; i < 4; ++i) {
    std::size_t pivot = i;
    for (std::size_t r = i + 1; r < 4; ++r)
      if (std::abs(a[r][i]) > std::abs(a[pivot][i])) pivot = r;
    std::swap(a[i], a[pivot]);
    for (std::size_t r = 0; r < 4; ++r) {
      if (r == i) continue;
      const double factor = a[r][i] / a[i][i];
      for (std::size_t c = i; c < 5; ++c) a[r][c] -= factor * a[i][c];
    }
  }
  return a[0][4] / a[0][0];
}

std::size_t row_length(std::string_view operation) {
  if (operation == "gemm" || operation == "gemm_accumulate" || operation == "mla_decode") return 4;
  if (operation == "grouped_gemm" || operation == "grouped_gemm_accumulate") return 5;
  if (operation == "attention_prefill" || operation == "attention_backward" ||
      operation == "attention_decode")
    return 6;
  if (operation == "memory") return 2;
  return 0;
}

void check_curve(const CurveSpec& spec) {
  const std::size_t length = row_length(spec.operation);
  if (length == 0)
    throw InputError("unknown-curve", fmt::format("no curve of operation '{}'", spec.operation),
                     "one of gemm, gemm_accumulate, grouped_gemm, grouped_gemm_accumulate, "
                     "attention_prefill, attention_backward, attention_decode, mla_decode, memory");
  const bool may_have_v_dim =
      spec.operation == "attention_prefill" || spec.operation == "attention_backward";
  for (const auto& row : spec.points) {
    const bool positive = std::all_of(row.begin(), row.end(), [](double v) { return v > 0; });
    const bool fits = row.size() == length || (may_have_v_dim && row.size() == length + 1);
    if (!fits || !positive)
      throw InputError(
          "bad-curve-point",
          fmt::format("a point of the {} {} curve has {} values, all of which must be above 0",
                      spec.operation, spec.format, row.size()),
          fmt::format("write {} values per point", length));
  }
}

std::int64_t whole(double v) { return std::llround(v); }

ComputeOp attention_point(const std::vector<double>& row, bool decode) {
  ComputeOp op;
  op.kind = OpKind::attention_forward;
  op.batch = whole(row[0]);
  op.sequence = decode ? 1 : whole(row[1]);
  op.context = whole(row[1]);
  op.heads = whole(row[2]);
  op.kv_heads = whole(row[3]);
  op.head_dim = whole(row[4]);
  if (row.size() == 7) op.v_dim = whole(row[5]);
  return op;
}

/// MLA decode of the DeepSeek-V3 latent: 512 + 64 wide keys whose first 512 are the values (arXiv
/// 2412.19437).
ComputeOp mla_point(const std::vector<double>& row) {
  ComputeOp op;
  op.kind = OpKind::attention_forward;
  op.batch = whole(row[0]);
  op.sequence = 1;
  op.context = whole(row[1]);
  op.heads = whole(row[2]);
  op.kv_heads = 1;
  op.head_dim = 576;
  op.v_dim = 512;
  return op;
}

MeasuredPoint measured_point(const CurveSpec& spec, const std::vector<double>& row) {
  MeasuredPoint point;
  point.seconds = row.back();
  if (spec.operation.find("gemm") != std::string::npos) {
    const bool grouped = spec.operation.starts_with("grouped");
    const std::size_t first = grouped ? 1 : 0;
    point.op.kind = grouped ? OpKind::grouped_gemm : OpKind::gemm;
    if (grouped) point.op.count = whole(row[0]);
    point.op.m = whole(row[first]);
    point.op.n = whole(row[first + 1]);
    point.op.k = whole(row[first + 2]);
    point.op.accumulate = spec.operation.ends_with("accumulate");
    if (point.op.accumulate) point.op.output_bytes = 8;  // reads and writes FP32
  } else if (spec.operation == "memory") {
    point.op.kind = OpKind::memory;
    point.op.memory_bytes = row[0];
    point.seconds = row[0] / row[1];
  } else {
    point.op = spec.operation == "mla_decode"
                   ? mla_point(row)
                   : attention_point(row, spec.operation == "attention_decode");
    if (spec.operation == "attention_backward") point.op.kind = OpKind::attention_backward;
  }
  if (!spec.format.empty()) point.op.format = spec.format;
  point.op.operand_bytes = format_bytes(point.op.format);
  return point;
}

}  // namespace

ResidualCurve::ResidualCurve(std::string name, std::vector<Features> features,
                             std::vector<double> log_residuals, const std::vector<double>& work)
    : name_(std::move(name)),
      features_(std::move(features)),
      log_residuals_(std::move(log_residuals)) {
  if (features_.empty() || features_.size() != log_residuals_.size() ||
      features_.size() != work.size())
    throw InternalError("a residual curve needs residual and work per point, and a point");
  level_ = log_residuals_[static_cast<std::size_t>(
      std::distance(work.begin(), std::max_element(work.begin(), work.end())))];
  low_ = high_ = features_.front();
  for (const Features& f : features_)
    for (std::size_t i = 0; i < f.size(); ++i) {
      low_[i] = std::min(low_[i], f[i]);
      high_[i] = std::max(high_[i], f[i]);
    }
}

Residual ResidualCurve::at(const Features& where, int skip) const {
  Features x = where;
  double outside = 0;  // squared distance to the measured box
  for (std::size_t i = 0; i < x.size(); ++i) {
    x[i] = std::clamp(x[i], low_[i], high_[i]);
    outside += (where[i] - x[i]) * (where[i] - x[i]);
  }
  Matrix a{};
  double weights = 0;
  for (std::size_t p = 0; p < features_.size(); ++p) {
    if (static_cast<int>(p) == skip) continue;
    std::array<double, 4> row{1, 0, 0, 0};
    double distance = kNear;
    for (std::size_t i = 0; i < x.size(); ++i) {
      row[i + 1] = features_[p][i] - x[i];
      distance += row[i + 1] * row[i + 1];
    }
    const double weight = 1 / (distance * distance);
    weights += weight;
    for (std::size_t u = 0; u < 4; ++u) {
      for (std::size_t v = 0; v < 4; ++v) a[u][v] += weight * row[u] * row[v];
      a[u][4] += weight * row[u] * log_residuals_[p];
    }
  }
  for (std::size_t u = 1; u < 4; ++u) a[u][u] += kRidge * weights;
  const double fade = kFadeOctaves * std::log(2.0);
  const double log_residual = solve_intercept(a) / (1 + outside / (fade * fade));
  return {std::exp(log_residual), outside < 1e-12};
}

std::string_view curve_operation(const ComputeOp& op) {
  switch (op.kind) {
    case OpKind::grouped_gemm:
      return op.accumulate ? "grouped_gemm_accumulate" : "grouped_gemm";
    case OpKind::gemm:
    case OpKind::batched_gemm:
      return op.accumulate ? "gemm_accumulate" : "gemm";
    case OpKind::attention_forward:
      if (op.sequence > 1) return "attention_prefill";
      return is_absorbed_mla(op) ? "mla_decode" : "attention_decode";
    case OpKind::attention_backward:
      return "attention_backward";
    case OpKind::memory:
      return op.flops > 0 ? "" : "memory";
    case OpKind::fixed:
      return "";
  }
  return "";
}

std::string_view related_curve(std::string_view operation) {
  if (operation == "grouped_gemm_accumulate" || operation == "gemm_accumulate" ||
      operation == "grouped_gemm")
    return "gemm";
  return operation == "attention_backward" ? "attention_prefill" : "";
}

ResidualCurve::Features curve_features(const ComputeOp& op, bool own_curve) {
  const auto log_of = [](double v) { return std::log(std::max(v, 1.0)); };
  const auto d = [](std::int64_t v) { return static_cast<double>(v); };
  switch (op.kind) {
    case OpKind::grouped_gemm:
      if (own_curve) return {log_of(d(op.m)), log_of(d(op.n)), log_of(d(op.k))};
      // The rows of all experts fill the chip together: on the curve of plain GEMMs it sits where
      // one of m * count rows would.
      return {log_of(d(op.m) * d(op.count)), log_of(d(op.n)), log_of(d(op.k))};
    case OpKind::gemm:
    case OpKind::batched_gemm:
      return {log_of(d(op.m)), log_of(d(op.n)), log_of(d(op.k))};
    case OpKind::attention_forward:
    case OpKind::attention_backward:
      return {log_of(d(op.batch) * d(op.heads)), log_of(d(op.context)), log_of(d(op.head_dim))};
    case OpKind::memory:
      return {log_of(op.memory_bytes), 0, 0};
    case OpKind::fixed:
      return {};
  }
  return {};
}

double kernel_work(const ComputeOp& op) {
  const double flops = op_flops(op).value();
  return flops > 0 ? flops : op_bytes(op).value();
}

std::vector<MeasuredPoint> measured_points(const CurveSpec& spec) {
  check_curve(spec);
  std::vector<MeasuredPoint> points;
  for (const auto& row : spec.points) points.push_back(measured_point(spec, row));
  return points;
}

namespace {
/// How far a curve's generation is from the profile in use: 0 its own, then those it extends, then
/// all others.
std::size_t distance_to(const SoftwareSpec& software, const std::string& generation) {
  if (generation == software.info.name) return 0;
  const auto& bases = software.info.bases;
  return 1 + static_cast<std::size_t>(
                 std::distance(bases.begin(), std::find(bases.begin(), bases.end(), generation)));
}
}  // namespace

CurveSet::CurveSet(const ChipSpec& chip, const SoftwareSpec& software, const FactorOf& factor_of) {
  std::vector<const CurveSpec*> nearest;
  for (const CurveSpec& spec : chip.curves) nearest.push_back(&spec);
  std::stable_sort(nearest.begin(), nearest.end(), [&](const CurveSpec* a, const CurveSpec* b) {
    return distance_to(software, a->software) < distance_to(software, b->software);
  });
  for (const CurveSpec* curve : nearest) {
    const CurveSpec& spec = *curve;
    if (spec.points.empty()) continue;
    std::vector<ResidualCurve::Features> features;
    std::vector<double> residuals, work;
    for (const MeasuredPoint& point : measured_points(spec)) {
      features.push_back(curve_features(point.op, true));
      residuals.push_back(std::log(factor_of(spec, point)));
      work.push_back(kernel_work(point.op));
    }
    const std::string name =
        spec.format.empty() ? spec.operation : spec.operation + " " + spec.format;
    entries_.push_back({spec.operation, spec.format,
                        ResidualCurve(name, std::move(features), std::move(residuals), work)});
  }
}

const ResidualCurve* CurveSet::find(std::string_view operation, std::string_view format) const {
  for (const Entry& entry : entries_)
    if (entry.operation == operation && (entry.format == format || entry.operation == "memory"))
      return &entry.curve;
  return nullptr;
}

}  // namespace xpusim
