// Kernels -> large-size efficiencies and curves of a chip.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "calibrate/fit.hpp"
#include "cost/curves.hpp"

namespace xpusim::calibration {

namespace {

// Timers and data sheets round: a rate above the peak by less than this is at the peak.
constexpr double kAtPeak = 1.002;
constexpr double kLargeGemm = 4096;
constexpr std::size_t kFewestLarge = 3;

SoftwareSpec no_software() { return {}; }

/// What curves are corrections of.
ChipSpec roofline(ChipSpec chip) {
  chip.curves.clear();
  return chip;
}

ChipSpec ideal(ChipSpec chip) {
  chip = roofline(std::move(chip));
  for (const auto& [format, peak] : chip.peak) chip.efficiency.gemm[format] = 1;
  chip.efficiency.gemm_accumulate = 1;
  for (const char* kind : {"forward", "backward", "mla"}) chip.efficiency.attention[kind] = 1;
  chip.efficiency.memory = 1;
  chip.efficiency.memory_half_size = Bytes(0);
  return chip;
}

std::string share_text(double share) { return fmt::format("{}", rounded(share, 4)); }

/// The limit that a row exceeds: "839 TFLOP/s", "the peak of 989 TFLOP/s"; nothing when none.
struct Excess {
  std::string reached, limit;
};
std::optional<Excess> excess(const CostModel& cost, const Series& series, const Point& point) {
  const ComputeOp op = operation_at(series, point);
  if (series.operation == "memory") {
    const BytesPerSecond rate(point.shape[0] / point.seconds), most = cost.chip().memory.bandwidth;
    if (rate <= most * kAtPeak) return std::nullopt;
    return Excess{to_string(rate), "the memory bandwidth of " + to_string(most)};
  }
  const FlopsPerSecond rate(op_flops(op).value() / point.seconds), most = cost.peak(op.format);
  if (rate <= most * kAtPeak) return std::nullopt;
  return Excess{to_string(rate), fmt::format("the {} peak of {}", op.format, to_string(most))};
}

/// One attempt to fit a constant of the efficiency block.
struct Constant {
  std::string pointer;
  double value = 0;
  std::string derivation, document;
};

void keep(Fit& fit, PartText& part, const Constant& c, const std::string& value,
          const std::string& before) {
  part.source(c.pointer, c.document, "measured", c.derivation);
  fit.result.constants.push_back({c.pointer, part.name(), value, before, c.derivation});
}

void fit_share(Fit& fit, PartText& part, const Series& series, const Split& points,
               const std::string& key, std::map<std::string, double>& shares, const char* family) {
  std::vector<ComputeOp> ops;
  for (const Point& p : points.kept) ops.push_back(operation_at(series, p));
  const IdealChip chip(fit.chip);
  std::vector<double> reached;
  std::string rule;
  for (const std::size_t i : large_points(series.operation, ops, &rule))
    if (const auto share = chip.share(ops[i], points.kept[i].seconds, series.sustained))
      reached.push_back(*share);
  const std::string pointer = fmt::format("/efficiency/{}/{}", family, key);
  if (reached.empty()) {
    fit.result.notes.push_back(fmt::format(
        "{}: memory bounds every large shape, '{}' stays as it was; measure larger ones",
        series.name(), pointer));
    return;
  }
  const double value = rounded(std::min(1.0, median(reached)), 4);
  const auto before = shares.find(key);
  const std::string old = before == shares.end() ? "" : share_text(before->second);
  shares[key] = value;
  part.at(pointer) = value;
  keep(fit, part,
       {pointer, value, fmt::format("median of {} points, {}", reached.size(), rule),
        series.document()},
       share_text(value), old);
}

/// Rate of an accumulating GEMM over that of a plain one.
void fit_accumulate(Fit& fit, PartText& part, const Series& series, const Split& points) {
  const auto plain = fit.chip.efficiency.gemm.find(series.format);
  if (plain == fit.chip.efficiency.gemm.end()) return;
  std::map<std::string, double> shares;
  const std::size_t constants = fit.result.constants.size();
  PartText unused(PartKind::chip, part.name(), {});
  fit_share(fit, unused, series, points, series.format, shares, "gemm_accumulate");
  fit.result.constants.resize(constants);
  if (shares.empty()) return;
  const std::string pointer = "/efficiency/gemm_accumulate";
  const std::string old = share_text(fit.chip.efficiency.gemm_accumulate);
  const double value = rounded(std::min(1.0, shares.begin()->second / plain->second), 4);
  fit.chip.efficiency.gemm_accumulate = value;
  part.at(pointer) = value;
  keep(fit, part,
       {pointer, value,
        fmt::format("share {} of large accumulating GEMMs over efficiency.gemm.{}",
                    share_text(shares.begin()->second), series.format),
        series.document()},
       share_text(value), old);
}

void fit_memory(Fit& fit, PartText& part, const Series& series, const Split& points) {
  const Stream stream = fit_stream(points.kept);
  EfficiencySpec& e = fit.chip.efficiency;
  const std::string old = share_text(e.memory), old_half = to_string(e.memory_half_size);
  e.memory = rounded(std::min(1.0, stream.rate / fit.chip.memory.bandwidth.value()), 4);
  part.at("/efficiency/memory") = e.memory;
  const std::string rule =
      fmt::format("least squares of t = (bytes + half) / rate over {} sizes, relative errors",
                  points.kept.size());
  keep(fit, part, {"/efficiency/memory", e.memory, rule, series.document()}, share_text(e.memory),
       old);
  if (points.kept.size() < 2) return;
  const std::string half = fmt::format("{} MB", rounded(stream.half / 1e6, 4));
  e.memory_half_size = Bytes(rounded(stream.half / 1e6, 4) * 1e6);
  part.at("/efficiency/memory_half_size") = half;
  keep(fit, part, {"/efficiency/memory_half_size", stream.half, rule, series.document()}, half,
       old_half);
}

void fit_efficiency(Fit& fit, PartText& part, const Series& series, const Split& points) {
  const bool wide = series.format == "bf16" || series.format == "fp16";
  EfficiencySpec& e = fit.chip.efficiency;
  if (series.operation == "gemm_accumulate") {
    fit_accumulate(fit, part, series, points);
  } else if (series.operation == "gemm") {
    fit_share(fit, part, series, points, series.format, e.gemm, "gemm");
  } else if (series.operation == "attention_prefill" && wide) {
    fit_share(fit, part, series, points, "forward", e.attention, "attention");
  } else if (series.operation == "attention_backward" && wide) {
    fit_share(fit, part, series, points, "backward", e.attention, "attention");
  } else if (series.operation == "memory") {
    fit_memory(fit, part, series, points);
  } else if (series.operation == "attention_backward") {
    fit.result.notes.push_back(
        fmt::format("{}: the backward share is one of BF16; measure it in BF16", series.name()));
  }
}

CurveSpec make_curve(const Fit& fit, const Series& series, const std::vector<Point>& points,
                     const std::string& software) {
  CurveSpec curve;
  curve.operation = series.operation;
  curve.format = series.format;
  curve.software = software;
  curve.sustained = series.sustained;
  for (const Point& p : points) {
    std::vector<double> row = p.shape;
    row.push_back(rounded(series.operation == "memory" ? p.shape[0] / p.seconds : p.seconds, 6));
    curve.points.push_back(std::move(row));
  }
  if (const auto peak = fit.chip.peak.find(series.format); peak != fit.chip.peak.end())
    curve.peak = peak->second;
  curve.memory_bandwidth = fit.chip.memory.bandwidth;
  return curve;
}

Json curve_json(const Fit& fit, const CurveSpec& curve) {
  Json json;
  json["operation"] = curve.operation;
  if (!curve.format.empty()) json["format"] = curve.format;
  if (!curve.software.empty()) json["software"] = curve.software;
  if (curve.sustained) json["sustained"] = true;
  const auto copy = [&](const char* key, const std::string& pointer) {
    if (const JsonValue* value = fit.base->root.at(pointer)) json[key] = value->text;
  };
  copy("peak", "/peak/" + curve.format);
  copy("memory_bandwidth", "/memory/bandwidth");
  Json points = Json::array();
  for (const auto& row : curve.points) {
    Json numbers = Json::array();
    for (const double v : row) {
      if (v == std::floor(v) && std::abs(v) < 1e15)
        numbers.push_back(static_cast<std::int64_t>(v));
      else
        numbers.push_back(v);
    }
    points.push_back(std::move(numbers));
  }
  json["points"] = std::move(points);
  return json;
}

double error(double predicted, double measured) { return predicted / measured - 1; }

/// The errors of a curve: roofline, each point without itself, and what it does not hold.
CurveQuality judge(const Fit& fit, const Series& series, const Split& points, bool has_curve) {
  CurveQuality q;
  q.name = series.name();
  q.range = range_text(series.operation, series.points);
  q.rows = series.rows;
  q.outliers = series.outliers;
  q.points = series.points.size();
  const CostModel cost(roofline(fit.chip), no_software(), {.burst = !series.sustained});
  const auto modelled = [&](const Point& p) {
    return cost.cost(operation_at(series, p)).duration.value();
  };
  std::vector<double> plain, fitted, held;
  std::vector<ResidualCurve::Features> features;
  std::vector<double> residuals, work;
  for (const Point& p : points.curve) {
    plain.push_back(error(modelled(p), p.seconds));
    features.push_back(curve_features(operation_at(series, p)));
    residuals.push_back(std::log(p.seconds / modelled(p)));
    work.push_back(kernel_work(operation_at(series, p)));
  }
  q.plain = summarise(plain);
  const ResidualCurve curve(q.name, features, residuals, work);
  for (std::size_t i = 0; i < points.curve.size(); ++i) {
    const Point& p = points.curve[i];
    double predicted = modelled(p);
    if (has_curve && points.curve.size() > 1)
      predicted *= curve.at(features[i], static_cast<int>(i)).factor;
    if (has_curve && points.curve.size() > 1) fitted.push_back(error(predicted, p.seconds));
    q.drawn.push_back({shape_text(series.operation, p.shape), p.seconds, predicted});
  }
  q.fitted = summarise(fitted);
  for (const Point& p : points.held) {
    const double factor =
        has_curve ? curve.at(curve_features(operation_at(series, p))).factor : 1.0;
    held.push_back(error(modelled(p) * factor, p.seconds));
  }
  q.held_out = summarise(held);
  return q;
}

}  // namespace

std::vector<std::size_t> large_points(const std::string& operation,
                                      const std::vector<ComputeOp>& ops, std::string* rule) {
  std::vector<std::size_t> large;
  for (std::size_t i = 0; operation == "gemm" && i < ops.size(); ++i) {
    const auto least = static_cast<double>(std::min({ops[i].m, ops[i].n, ops[i].k}));
    if (least >= kLargeGemm) large.push_back(i);
  }
  if (rule != nullptr) *rule = "every dimension at least 4096, share of the peak";
  if (large.size() >= kFewestLarge) return large;
  if (rule != nullptr) *rule = "the quarter with the most FLOPs, share of the peak";
  large.clear();
  for (std::size_t i = 0; i < ops.size(); ++i) large.push_back(i);
  std::stable_sort(large.begin(), large.end(), [&](std::size_t a, std::size_t b) {
    return op_flops(ops[a]) > op_flops(ops[b]);
  });
  large.resize((ops.size() + 3) / 4);
  return large;
}

IdealChip::IdealChip(const ChipSpec& chip) : cost_(ideal(chip), no_software(), {.burst = true}) {}

std::optional<double> IdealChip::share(const ComputeOp& op, double seconds, bool sustained) const {
  const OpCost cost = cost_.cost(op);
  if (!cost.compute_bound) return std::nullopt;
  const ChipPowerSpec& power = cost_.chip().power;
  double clock = 1;
  const double memory = cost.memory_bytes.value() * power.per_memory_byte.value();
  const double compute =
      cost.energy.value() - memory - power.active.value() * cost.duration.value();
  if (sustained && power.tdp.value() > 0 && compute > 0) {
    const double left =
        (power.tdp - power.idle - power.active).value() * seconds - memory;  // for arithmetic
    clock = left > 0 ? std::pow(left / compute, 1 / (power.clock_exponent - 1)) : 0;
    clock = std::clamp(clock, power.min_clock, 1.0);
  }
  return cost.duration.value() / (seconds * clock);
}

Stream fit_stream(const std::vector<Point>& points) {
  // Minimises sum((a + b s - t)^2 / t^2): normal equations of the weights 1 / t^2.
  double w = 0, ws = 0, wss = 0, wt = 0, wst = 0;
  for (const Point& p : points) {
    const double s = p.shape[0], t = p.seconds, weight = 1 / (t * t);
    w += weight;
    ws += weight * s;
    wss += weight * s * s;
    wt += weight * t;
    wst += weight * s * t;
  }
  const double determinant = w * wss - ws * ws;
  double a = 0, b = wst / wss;
  if (points.size() > 1 && determinant > 1e-12 * w * wss) {
    a = (wss * wt - ws * wst) / determinant;
    b = (w * wst - ws * wt) / determinant;
    if (!(a > 0)) {
      a = 0;
      b = wst / wss;
    }
    if (!(b > 0)) {  // every size takes as long as the largest: no rate in these points
      a = 0;
      b = wst / wss;
    }
  }
  return {1 / b, a / b};
}

void check_peaks(Fit& fit, std::vector<MeasurementFile>& files) {
  const CostModel cost(roofline(fit.chip), no_software());
  Findings findings;
  std::size_t dropped = 0;
  for (MeasurementFile& file : files) {
    const auto above = [&](const Measurement& m) {
      const MeasuredOperation* operation = find_measured_operation(m.operation);
      if (operation->collective) return false;
      const Series series{m.operation, m.format, {}, 0, 0, {}};
      std::optional<Excess> found;
      try {
        found = excess(cost, series, {m.shape, m.seconds, m.span});
      } catch (const InputError& e) {  // no peak for the format
        const Diagnostic& d = e.diagnostics().items().front();
        refuse(d.code, d.message, m.span, d.help);
      }
      if (!found) return false;
      if (!fit.options.skip_above_peak)
        findings.add("above-peak",
                     fmt::format("{} ({}) in {} is {}, above {}", m.operation,
                                 shape_text(m.operation, m.shape), time_text(m.seconds),
                                 found->reached, found->limit),
                     m.span,
                     m.operation == "memory"
                         ? "the unit of the time, the chip, or a buffer that stays in a cache? "
                           "--skip-above-peak leaves such rows out"
                         : "the unit of the time, the format, or the chip? --skip-above-peak "
                           "leaves such rows out");
      return true;
    };
    dropped += std::erase_if(file.rows, above);
  }
  findings.finish();
  if (dropped > 0)
    fit.result.notes.push_back(fmt::format("{} rows above a peak were left out", dropped));
}

void fit_kernels(Fit& fit, const std::vector<Series>& all, PartText& part) {
  std::vector<Series> kernels;
  for (const Series& s : all)
    if (!find_measured_operation(s.operation)->collective) kernels.push_back(s);
  if (kernels.empty()) return;
  std::vector<Split> splits;
  for (const Series& s : kernels) {
    splits.push_back(split(s, fit.options));
    if (splits.back().kept.empty())
      refuse("holdout-too-large", fmt::format("--holdout leaves no point of {}", s.name()), {},
             "hold out a smaller share");
    fit_efficiency(fit, part, s, splits.back());
  }
  const std::string software =
      fit.options.software.empty() ? fit.chip.software : fit.options.software;
  Json curves = Json::array();
  const auto measured = [&](const std::string& operation, const std::string& format) {
    return std::any_of(kernels.begin(), kernels.end(), [&](const Series& s) {
      return s.operation == operation && s.format == format;
    });
  };
  for (std::size_t i = 0; i < kernels.size(); ++i) {
    const Series& s = kernels[i];
    const bool has_curve = !find_measured_operation(s.operation)->curve.empty();
    fit.result.quality.push_back(judge(fit, s, splits[i], has_curve));
    if (!has_curve) continue;
    part.source(fmt::format("/curves/{}", curves.size()), s.document(), "measured",
                fmt::format("median of the rows of each shape; {} of {} shapes",
                            splits[i].curve.size(), s.points.size()));
    curves.push_back(curve_json(fit, make_curve(fit, s, splits[i].curve, software)));
  }
  // What was not measured keeps the base's curves; lists are replaced whole.
  const JsonValue* base = fit.base->root.find("curves");
  for (std::size_t i = 0; base != nullptr && i < fit.chip.curves.size(); ++i) {
    if (measured(fit.chip.curves[i].operation, fit.chip.curves[i].format)) continue;
    part.copy_sources(*fit.base, fmt::format("/curves/{}", i),
                      fmt::format("/curves/{}", curves.size()));
    curves.push_back(to_json(base->items[i]));
  }
  if (!curves.empty()) part["curves"] = std::move(curves);
}

}  // namespace xpusim::calibration
