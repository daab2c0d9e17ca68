// Duration and energy of one operation on one device.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "xpusim/spec.hpp"

namespace xpusim {

enum class OpKind : std::uint8_t {
  gemm,               ///< C[m,n] = A[m,k] B[k,n], `count` independent ones back to back
  grouped_gemm,       ///< `count` experts' GEMMs of [m,n,k] in one launch
  batched_gemm,       ///< `count` small GEMMs in one launch (unfused attention)
  attention_forward,  ///< fused, causal: batch sequences of `sequence` tokens, the last ones of
                      ///< `context` keys
  attention_backward,
  memory,  ///< a streaming kernel that reads and writes `memory_bytes`
  fixed    ///< a given duration (recorded trace, host overhead)
};

/// One kernel (or `count` equal ones). Unused fields stay 0.
struct ComputeOp {
  OpKind kind = OpKind::fixed;
  std::string label;            ///< "qkv_projection": what people read
  std::string format = "bf16";  ///< compute format: selects peak and curves
  std::int64_t m = 0, n = 0, k = 0;
  std::int64_t count = 1;
  std::int64_t batch = 0, sequence = 0, context = 0, heads = 0, kv_heads = 0, head_dim = 0,
               v_dim = 0;
  double flops = 0;  ///< 0 = derived from the shape; set for roofline ops of a trace (kind memory)
  double memory_bytes = 0;   ///< 0 = derived from the shape
  bool accumulate = false;   ///< adds its result to an FP32 matrix
  double efficiency = 1;     ///< share of the chip's sustained rates that this kernel reaches
  double operand_bytes = 2;  ///< bytes per stored operand element
  double output_bytes = 2;
  double seconds = 0;  ///< kind fixed
  int kernels = 1;     ///< launches, each with the software's launch gap
};

/// Cost at the chip's clock under the power cap.
struct OpCost {
  Seconds duration;
  Flops flops;
  Bytes memory_bytes;
  Joules energy;       ///< dynamic: above idle, for the whole operation
  double clock = 1.0;  ///< share of full clock while it runs
  bool compute_bound = false;
  bool measured = false;  ///< a curve point was near; otherwise roofline with large-size efficiency
};

class ResidualCurve;
class CurveSet;  ///< measured curves of one chip, prepared for interpolation (src/cost/curves.hpp)

struct CostOptions {
  RankUnit rank = RankUnit::package;
  Watts power_cap{};   ///< per package; 0 = TDP
  bool burst = false;  ///< a kernel on its own on a cool chip: no limit by TDP, only by power_cap
  bool graph_capture = false;
};

/// Roofline with tile and wave quantisation, scaled by the measured curves of (operation, format,
/// software). Formulas: docs/model.md, "What a kernel costs". Curves and
/// efficiencies are those of short runs at full clock; in a job the chip's TDP (or a cap below it)
/// limits the clock, which slows the compute-bound part down. Not safe for
/// concurrent use: `cost` collects notes.
class CostModel {
 public:
  CostModel(const ChipSpec&, const SoftwareSpec&, CostOptions = {});
  /// Throws InputError when the chip has no peak for the format and none to fall back on.
  [[nodiscard]] OpCost cost(const ComputeOp&) const;
  [[nodiscard]] FlopsPerSecond peak(std::string_view format) const;  ///< of one device, full clock
  [[nodiscard]] const ChipSpec& chip() const { return chip_; }
  [[nodiscard]] const SoftwareSpec& software() const { return software_; }
  /// Notes on fall-backs taken so far, each once ("no fp8 attention curve: roofline").
  [[nodiscard]] std::vector<std::string> notes() const;

 private:
  struct Bounds;  ///< the two sides of the roofline of one kernel
  void apply_generation();
  /// Whether the software generation states the efficiency of this GEMM or attention kernel itself.
  [[nodiscard]] bool generation_states_level(const ComputeOp&) const;
  [[nodiscard]] std::string resolve_format(const std::string& format) const;
  [[nodiscard]] double gemm_efficiency(const std::string& format) const;
  [[nodiscard]] double attention_efficiency(const ComputeOp&) const;
  [[nodiscard]] double memory_rate() const;
  [[nodiscard]] double stream_time(double bytes) const;
  [[nodiscard]] double gemm_compute_time(const ComputeOp&) const;
  [[nodiscard]] Bounds bounds(const ComputeOp&) const;
  [[nodiscard]] const ResidualCurve* find_curve(std::string_view operation,
                                                std::string_view format) const;
  void apply_curve(const ComputeOp&, Bounds&) const;
  void settle_clock(const ComputeOp&, const Bounds&, OpCost&) const;
  [[nodiscard]] double hot_factor(const ComputeOp&, const Bounds&, double seconds,
                                  double at_full_clock) const;
  [[nodiscard]] double energy_per_flop(const std::string& format) const;
  void note(std::string) const;

  ChipSpec chip_;              ///< as its file says
  EfficiencySpec efficiency_;  ///< of this software generation
  SoftwareSpec software_;
  CostOptions options_;
  std::shared_ptr<const CurveSet> curves_;
  mutable std::vector<std::string> notes_;
  mutable bool cap_noted_ = false;
};

/// Bytes of one stored element of a format, scales of block formats included; 0 for an unknown
/// name.
[[nodiscard]] double format_bytes(std::string_view format);

/// FLOPs and bytes that follow from an operation's shape alone (no chip): for MFU formulas and
/// tests.
[[nodiscard]] Flops op_flops(const ComputeOp&);
[[nodiscard]] Bytes op_bytes(const ComputeOp&);

}  // namespace xpusim
