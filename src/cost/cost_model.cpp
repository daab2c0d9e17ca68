#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "cost/clock.hpp"
#include "cost/curves.hpp"
#include "cost/gemm.hpp"
#include "cost/op_shape.hpp"
#include "xpusim/cost.hpp"
#include "xpusim/diagnostic.hpp"

namespace xpusim {

namespace {

/// First format of the fall-back chain that the map has; end() when none.
template <class Map>
typename Map::const_iterator find_chain(const Map& map, std::string_view format) {
  for (std::string_view f = format; !f.empty(); f = wider_format(f))
    if (const auto it = map.find(std::string(f)); it != map.end()) return it;
  return map.end();
}

template <class Map>
std::string key_list(const Map& map) {
  std::string keys;
  for (const auto& [key, value] : map) keys += (keys.empty() ? "" : ", ") + key;
  return keys;
}

}  // namespace

/// Seconds, without launch gap.
struct CostModel::Bounds {
  double compute = 0;
  double memory = 0;
  double flops = 0;
  double bytes = 0;
  bool measured = false;
};

CostModel::CostModel(const ChipSpec& chip, const SoftwareSpec& software, CostOptions options)
    : chip_(chip), efficiency_(chip.efficiency), software_(software), options_(options) {
  curves_ = std::make_shared<const CurveSet>(
      chip_, software_, [this](const CurveSpec& curve, const MeasuredPoint& point) {
        // Curves are measured on whole packages, at the figures they state: a what-if on the chip
        // scales with the roofline.
        CostModel package(*this);
        package.options_ = {};  // a whole package at its own limits, not at a what-if's cap
        if (curve.peak.value() > 0) package.chip_.peak[curve.format] = curve.peak;
        if (curve.memory_bandwidth.value() > 0)
          package.chip_.memory.bandwidth = curve.memory_bandwidth;
        const Bounds b = package.bounds(point.op);
        const double plain = point.seconds / std::max(b.compute, b.memory);
        return curve.sustained ? package.hot_factor(point.op, b, point.seconds, plain) : plain;
      });
  apply_generation();
}

/// Shares that this software generation states for the chip replace those of the chip's file; the
/// curves, measured against the file, keep only their dependence on the shape.
void CostModel::apply_generation() {
  for (const KernelGenerationSpec& kernels : software_.kernels) {
    if (kernels.chip != chip_.info.name) continue;
    for (const auto& [format, share] : kernels.gemm) efficiency_.gemm[format] = share;
    for (const auto& [kind, share] : kernels.attention) efficiency_.attention[kind] = share;
    if (kernels.memory > 0) efficiency_.memory = kernels.memory;
  }
}

/// A kernel that was measured hot ran at the clock that the chip's power allowed it. The factor on
/// the bounds at full clock is found by bisection: a slower kernel draws less and clocks higher, so
/// that its time grows with the factor, but less than in proportion.
double CostModel::hot_factor(const ComputeOp& op, const Bounds& b, double seconds,
                             double at_full_clock) const {
  const auto hot = [&](double factor) {
    Bounds scaled = b;
    scaled.compute *= factor;
    scaled.memory *= factor;
    OpCost cost;
    settle_clock(op, scaled, cost);
    return cost.duration.value();
  };
  // At full clock the kernel would take no longer than it did: the answer is not above.
  double low = at_full_clock / 64, high = at_full_clock;
  for (int i = 0; i < 60; ++i) {
    const double middle = std::sqrt(low * high);
    (hot(middle) < seconds ? low : high) = middle;
  }
  return high;
}

bool CostModel::generation_states_level(const ComputeOp& op) const {
  for (const KernelGenerationSpec& kernels : software_.kernels) {
    if (kernels.chip != chip_.info.name) continue;
    if (op.kind == OpKind::gemm || op.kind == OpKind::grouped_gemm ||
        op.kind == OpKind::batched_gemm) {
      const auto used = find_chain(efficiency_.gemm, op.format);
      return used != efficiency_.gemm.end() && kernels.gemm.contains(used->first);
    }
    if (op.kind == OpKind::attention_forward)
      return op.sequence > 1 && kernels.attention.contains("forward");
    if (op.kind == OpKind::attention_backward) return kernels.attention.contains("backward");
  }
  return false;
}

void CostModel::note(std::string text) const {
  if (std::find(notes_.begin(), notes_.end(), text) == notes_.end())
    notes_.push_back(std::move(text));
}

std::vector<std::string> CostModel::notes() const { return notes_; }

namespace {
constexpr double kLongestKernel = 1e12;  ///< s: beyond it sums lose what is added to them

double dies_per_device(const ChipSpec& chip, RankUnit rank) {
  return rank == RankUnit::die ? std::max(1, chip.dies.count) : 1;
}
}  // namespace

std::string CostModel::resolve_format(const std::string& format) const {
  const auto it = find_chain(chip_.peak, format);
  if (it == chip_.peak.end())
    throw InputError("no-peak",
                     fmt::format("chip '{}' has no peak for format '{}'", chip_.info.name, format),
                     "formats it has: " + key_list(chip_.peak));
  const bool sixteen_bits = format_bytes(format) == 2 && format_bytes(it->first) == 2;
  if (it->first != format && !sixteen_bits)  // bf16 and fp16 run at one rate
    note(fmt::format("{} has no {} arithmetic: {} peak used", chip_.info.name, format, it->first));
  return it->first;
}

FlopsPerSecond CostModel::peak(std::string_view format) const {
  return chip_.peak.at(resolve_format(std::string(format))) / dies_per_device(chip_, options_.rank);
}

double CostModel::gemm_efficiency(const std::string& format) const {
  const auto it = find_chain(efficiency_.gemm, format);
  if (it == efficiency_.gemm.end()) {
    note(fmt::format("{} has no GEMM efficiency for {}: peak assumed", chip_.info.name, format));
    return 1.0;
  }
  if (it->first != format)
    note(fmt::format("no {} GEMM efficiency: that of {} used", format, it->first));
  return it->second;
}

double CostModel::attention_efficiency(const ComputeOp& op) const {
  const auto& shares = efficiency_.attention;
  std::string_view wanted = op.kind == OpKind::attention_backward ? "backward" : "forward";
  if (op.sequence <= 1 && is_absorbed_mla(op)) wanted = "mla";
  if (const auto it = shares.find(std::string(wanted)); it != shares.end()) return it->second;
  if (const auto it = shares.find("forward"); it != shares.end()) {
    note(fmt::format("no attention efficiency '{}': that of 'forward' used", wanted));
    return it->second;
  }
  note("no attention efficiency: that of GEMM used");
  return gemm_efficiency("bf16");
}

double CostModel::memory_rate() const {
  return chip_.memory.bandwidth.value() * efficiency_.memory /
         dies_per_device(chip_, options_.rank);
}

double CostModel::stream_time(double bytes) const {
  if (bytes <= 0) return 0;
  const double half = efficiency_.memory_half_size.value() / dies_per_device(chip_, options_.rank);
  return (bytes + half) / memory_rate();
}

double CostModel::gemm_compute_time(const ComputeOp& op) const {
  TileMachine machine;
  machine.units = std::max(1.0, chip_.units.count / dies_per_device(chip_, options_.rank));
  machine.unit_rate = peak(op.format).value() * gemm_efficiency(op.format) / machine.units;
  machine.memory_rate = memory_rate();
  machine.tile_m = std::max(1, chip_.units.tile_m);
  machine.tile_n = std::max(1, chip_.units.tile_n);
  machine.tile_k = std::max(1, chip_.units.tile_k);
  if (op.kind != OpKind::gemm) return tiled_gemm_time(machine, op.m, op.n, op.k, op.count);
  return static_cast<double>(op.count) * tiled_gemm_time(machine, op.m, op.n, op.k, 1);
}

CostModel::Bounds CostModel::bounds(const ComputeOp& op) const {
  Bounds b;
  b.flops = op_flops(op).value();
  b.bytes = op_bytes(op).value();
  switch (op.kind) {
    case OpKind::gemm:
    case OpKind::grouped_gemm:
    case OpKind::batched_gemm:
      b.compute = gemm_compute_time(op);
      break;
    case OpKind::attention_forward:
    case OpKind::attention_backward:
      b.compute = b.flops / (peak(op.format).value() * attention_efficiency(op));
      break;
    case OpKind::memory:
      if (b.flops > 0) b.compute = b.flops / (peak(op.format).value() * gemm_efficiency(op.format));
      break;
    case OpKind::fixed:
      b.compute = op.seconds;
      return b;
  }
  // GEMMs back to back each start their own stream.
  const double launches = op.kind == OpKind::gemm ? static_cast<double>(op.count) : 1.0;
  b.memory = launches * stream_time(b.bytes / launches);
  return b;
}

const ResidualCurve* CostModel::find_curve(std::string_view operation,
                                           std::string_view format) const {
  for (; !format.empty(); format = wider_format(format)) {
    const ResidualCurve* curve = curves_->find(operation, format);
    if (curve != nullptr) return curve;
    // How a grouped GEMM depends on its shape carries over from wider formats.
    if (operation.starts_with("grouped_gemm")) continue;
    if (chip_.peak.contains(std::string(format))) break;  // a real format without curve: roofline
  }
  return nullptr;
}

void CostModel::apply_curve(const ComputeOp& op, Bounds& b) const {
  const std::string_view operation = curve_operation(op);
  if (operation.empty()) return;
  const ResidualCurve* curve = find_curve(operation, op.format);
  const bool own = curve != nullptr;
  if (!own) {
    if (op.accumulate) b.compute /= efficiency_.gemm_accumulate;
    if (const std::string_view related = related_curve(operation); !related.empty())
      curve = find_curve(related, op.format);
  }
  if (curve == nullptr) {
    if (!chip_.curves.empty() && operation != "memory")
      note(fmt::format("no measured {} {} curve: roofline", operation, op.format));
    return;
  }
  const Residual residual = curve->at(curve_features(op, own));
  double factor = residual.factor;
  // Only the shape dependence carries over where the level is another's: to the backward kernel
  // from the forward one, to a software generation from the one that was measured.
  // A grouped kernel's own curve says what it reaches beside the plain one: that stays.
  const bool relative = own && op.kind == OpKind::grouped_gemm;
  if ((op.kind == OpKind::attention_backward && !own) || (!relative && generation_states_level(op)))
    factor /= std::exp(curve->level());
  b.compute *= factor;
  b.memory *= factor;
  b.measured = residual.inside && (own || op.kind != OpKind::attention_backward);
  if (!residual.inside)
    note(
        fmt::format("some shapes lie outside the measured {} range: nearest efficiency, fading to "
                    "the large-size one",
                    curve->name()));
}

double CostModel::energy_per_flop(const std::string& format) const {
  const auto it = find_chain(chip_.power.per_flop, format);
  if (it != chip_.power.per_flop.end()) return it->second.value();
  if (!chip_.power.per_flop.empty()) {
    note(fmt::format("no energy per {} operation: that of {} used", format,
                     chip_.power.per_flop.begin()->first));
    return chip_.power.per_flop.begin()->second.value();
  }
  return 0;
}

void CostModel::settle_clock(const ComputeOp& op, const Bounds& b, OpCost& cost) const {
  const double dies = dies_per_device(chip_, options_.rank);
  const ChipPowerSpec& power = chip_.power;
  ClockProblem problem;
  problem.compute_time = b.compute;
  problem.memory_time = b.memory;
  problem.compute_energy = b.flops * (b.flops > 0 ? energy_per_flop(op.format) : 0);
  problem.memory_energy = b.bytes * power.per_memory_byte.value();
  problem.base_power = (power.idle.value() + power.active.value()) / dies;
  problem.exponent = power.clock_exponent;
  problem.min_clock = power.min_clock;
  double limit = 1e30;  // no TDP known: never throttled
  if (power.tdp.value() > 0 && !options_.burst) limit = power.tdp.value();
  if (options_.power_cap.value() > 0) limit = std::min(limit, options_.power_cap.value());
  const ClockChoice choice = xpusim::settle_clock(problem, limit / dies);
  if (choice.limit_missed && options_.power_cap.value() > 0 && !cap_noted_) {
    cap_noted_ = true;
    note(
        fmt::format("the power cap of {} is below what some kernels draw at the lowest clock ({} "
                    "first): they exceed it",
                    to_string(Watts(limit)), op.label));
  }
  cost.clock = choice.clock;
  cost.duration = Seconds(choice.seconds);
  cost.energy = Joules(problem.compute_energy * std::pow(choice.clock, problem.exponent - 1) +
                       problem.memory_energy);
}

OpCost CostModel::cost(const ComputeOp& op) const {
  Bounds b = bounds(op);
  apply_curve(op, b);
  b.compute /= op.efficiency;
  b.memory /= op.efficiency;
  OpCost cost;
  cost.flops = Flops(b.flops);
  cost.memory_bytes = Bytes(b.bytes);
  cost.compute_bound = b.compute >= b.memory;
  cost.measured = b.measured;
  settle_clock(op, b, cost);
  if (op.kind == OpKind::fixed)
    cost.duration = Seconds(op.seconds);  // a recorded duration is not second-guessed
  const bool captured = options_.graph_capture || software_.graph_capture;
  const Seconds gap = captured ? software_.graph_kernel_launch : software_.kernel_launch;
  const double launches =
      op.kernels * (op.kind == OpKind::gemm ? static_cast<double>(op.count) : 1.0);
  if (op.kind != OpKind::fixed) cost.duration += gap * launches;
  if (!(cost.duration.value() < kLongestKernel))
    throw InputError(
        "duration-out-of-range",
        fmt::format("{} would take {:.3g} s on {}", op.label.empty() ? "an operation" : op.label,
                    cost.duration.value(), chip_.info.name),
        "mend the rates, shares and times of the chip or of its software profile");
  const double active = chip_.power.active.value() / dies_per_device(chip_, options_.rank);
  cost.energy += Joules(active * cost.duration.value());
  return cost;
}

}  // namespace xpusim
