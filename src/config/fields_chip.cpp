// Chips and links.
#include <fmt/format.h>

#include "config/spec_tables.hpp"

namespace xpusim::config {

const StructInfo& StructTable<LinkSpec>::info() {
  static constexpr Field fields[] = {
      field<&LinkSpec::bandwidth>("bandwidth", "Nominal payload rate of one link, per direction.")
          .required()
          .positive(),
      field<&LinkSpec::efficiency>("efficiency",
                                   "Share of the bandwidth that bulk transfers reach.")
          .share(),
      field<&LinkSpec::latency>(
          "latency",
          "One-way latency of the hop (serialiser, cable, receiver), without any switch.")
          .required()
          .non_negative(),
      field<&LinkSpec::endpoint_latency>(
          "endpoint_latency",
          "Software and DMA cost of one message at its endpoints, once per message.")
          .non_negative(),
      field<&LinkSpec::energy>(
          "energy",
          "Energy of both ends per unit of data; 0 when it is part of constant component power.")
          .non_negative(),
  };
  static constexpr StructInfo info{
      "link", "One kind of link: a directed lane bundle as a data sheet counts it.", fields};
  return info;
}

const StructInfo& StructTable<MemorySpec>::info() {
  static constexpr Field fields[] = {
      field<&MemorySpec::technology>("technology", "Kind of memory, such as HBM3."),
      field<&MemorySpec::capacity>("capacity", "What the driver reports, per package.")
          .required()
          .positive(),
      field<&MemorySpec::marketed>("marketed",
                                   "The data sheet's figure; used by tables and claims only.")
          .non_negative(),
      field<&MemorySpec::bandwidth>("bandwidth", "Nominal bandwidth, per package.")
          .required()
          .positive(),
  };
  static constexpr StructInfo info{"memory", "Main memory of a package.", fields};
  return info;
}

const StructInfo& StructTable<CurveSpec>::info() {
  static constexpr Field fields[] = {
      field<&CurveSpec::operation>("operation", "Kernel family that was measured.")
          .required()
          .one_of(curve_operations),
      field<&CurveSpec::format>("format", "Compute format; empty for memory.")
          .one_of(curve_formats),
      field<&CurveSpec::software>("software",
                                  "Software generation that the points were measured with."),
      field<&CurveSpec::peak>(
          "peak",
          "Peak, in the curve's format, of the chip that was measured; 0 means the "
          "chip's own. A what-if on the chip's peak then scales the curve.")
          .non_negative(),
      field<&CurveSpec::memory_bandwidth>(
          "memory_bandwidth",
          "Memory bandwidth of the chip that was measured; 0 means the chip's own.")
          .non_negative(),
      field<&CurveSpec::sustained>("sustained",
                                   "Measured on a hot chip whose clock its TDP limits; false = in "
                                   "short runs at full clock."),
      field<&CurveSpec::points>(
          "points",
          "Rows of numbers. gemm and gemm_accumulate (added to an FP32 matrix): m, n, k, seconds. "
          "grouped_gemm and grouped_gemm_accumulate: groups, m of each, n, k, seconds. "
          "attention_prefill (causal, forward) and attention_backward: batch, sequence, heads, "
          "kv_heads, head_dim, v_dim where it differs, seconds. attention_decode: batch, context, "
          "heads, kv_heads, head_dim, "
          "seconds. "
          "mla_decode: batch, context, heads, seconds. memory: bytes, bytes per second.")
          .required()
          .not_empty()
          .positive(),
  };
  static constexpr StructInfo info{"curve", "A measured curve of one kernel family.", fields};
  return info;
}

void StructTable<CurveSpec>::check(Decoder& d, const JsonValue& v, const std::string& path,
                                   const CurveSpec& curve) {
  const std::size_t length = curve.operation == "gemm" || curve.operation == "gemm_accumulate" ||
                                     curve.operation == "mla_decode"
                                 ? 4
                             : curve.operation.starts_with("grouped_gemm") ? 5
                             : curve.operation.starts_with("attention_")   ? 6
                             : curve.operation == "memory"                 ? 2
                                                                           : 0;
  const bool may_have_v_dim =
      curve.operation == "attention_prefill" || curve.operation == "attention_backward";
  if (length == 0) return;
  for (std::size_t i = 0; i < curve.points.size(); ++i) {
    if (curve.points[i].size() == length) continue;
    if (may_have_v_dim && curve.points[i].size() == length + 1) continue;
    const JsonValue* row = v.at(fmt::format("/points/{}", i));
    d.diagnostics.error("out-of-range",
                        fmt::format("'{}.points.{}' needs {} numbers for {}, got {}", path, i,
                                    length, curve.operation, curve.points[i].size()),
                        row ? row->span : v.span);
  }
}

const StructInfo& StructTable<DieSpec>::info() {
  static constexpr Field fields[] = {
      field<&DieSpec::count>("count", "Dies in one package.").at_least(1),
      field<&DieSpec::link_bandwidth>("link_bandwidth", "Die-to-die bandwidth, per direction.")
          .non_negative(),
      field<&DieSpec::link_efficiency>("link_efficiency", "Share of it that bulk transfers reach.")
          .share(),
      field<&DieSpec::link_latency>("link_latency", "One-way latency between dies.").non_negative(),
  };
  static constexpr StructInfo info{"dies", "Compute dies of a package and the link between them.",
                                   fields};
  return info;
}

const StructInfo& StructTable<UnitsSpec>::info() {
  static constexpr Field fields[] = {
      field<&UnitsSpec::count>("count",
                               "SMs or AI cores of the package: what one GEMM tile occupies.")
          .required()
          .at_least(1),
      field<&UnitsSpec::tile_m>("tile_m", "Rows of the tile that GEMM kernels use.").at_least(1),
      field<&UnitsSpec::tile_n>("tile_n", "Columns of the tile that GEMM kernels use.").at_least(1),
      field<&UnitsSpec::tile_k>("tile_k", "Depth of the tile that GEMM kernels use.").at_least(1),
      field<&UnitsSpec::clock>("clock", "Clock at which the peaks hold.").non_negative(),
  };
  static constexpr StructInfo info{
      "units", "Execution units: what wave and tile quantisation count.", fields};
  return info;
}

const StructInfo& StructTable<EfficiencySpec>::info() {
  static constexpr Field fields[] = {
      field<&EfficiencySpec::gemm>("gemm", "Share of peak that large GEMMs reach, by format.")
          .keyed_by(compute_formats)
          .share(),
      field<&EfficiencySpec::gemm_accumulate>(
          "gemm_accumulate",
          "Rate of a GEMM that adds to an FP32 matrix over that of one that does not.")
          .share(),
      field<&EfficiencySpec::attention>("attention",
                                        "Share of BF16 peak that large attention kernels reach.")
          .keyed_by(attention_kinds)
          .share(),
      field<&EfficiencySpec::memory>("memory",
                                     "Share of nominal memory bandwidth that large streams reach.")
          .share(),
      field<&EfficiencySpec::memory_half_size>("memory_half_size",
                                               "Size at which a stream reaches half of that.")
          .non_negative(),
  };
  static constexpr StructInfo info{
      "efficiency", "Efficiency of kernel families where no curve point is near.", fields};
  return info;
}

const StructInfo& StructTable<ChipPowerSpec>::info() {
  static constexpr Field fields[] = {
      field<&ChipPowerSpec::idle>("idle", "Power of the idle package.").required().non_negative(),
      field<&ChipPowerSpec::tdp>("tdp", "Thermal design power of the package: the default cap.")
          .required()
          .positive(),
      field<&ChipPowerSpec::per_flop>(
          "per_flop", "Dynamic energy per operation at full clock, by compute format.")
          .keyed_by(compute_formats)
          .non_negative(),
      field<&ChipPowerSpec::per_memory_byte>(
          "per_memory_byte", "Dynamic energy of main memory access, on-chip movement included.")
          .non_negative(),
      field<&ChipPowerSpec::active>("active",
                                    "Added while any kernel runs: clocks and front end awake.")
          .non_negative(),
      field<&ChipPowerSpec::clock_exponent>("clock_exponent",
                                            "Dynamic power follows the clock to this power.")
          .at_least(1)
          .at_most(4),
      field<&ChipPowerSpec::min_clock>("min_clock",
                                       "Lowest clock that a power cap can reach, as a share.")
          .share(),
  };
  static constexpr StructInfo info{"chip_power",
                                   "What a package draws when idle and per unit of work.", fields};
  return info;
}

const StructInfo& StructTable<PortSpec>::info() {
  static constexpr Field fields[] = {
      field<&PortSpec::link>("link", "Link part.").required().names(PartKind::link),
      field<&PortSpec::count>("count", "Links per package.").required().at_least(1),
  };
  static constexpr StructInfo info{"port", "Links of one role that leave a package.", fields};
  return info;
}

const StructInfo& StructTable<ChipSpec>::info() {
  static constexpr Field fields[] = {
      field<&ChipSpec::vendor>("vendor", "Company that makes the chip.").required(),
      field<&ChipSpec::year>("year", "Year of the first shipment; 0 = not known.").non_negative(),
      field<&ChipSpec::process>("process", "Manufacturing process."),
      field<&ChipSpec::dies>("dies", "Compute dies of the package."),
      field<&ChipSpec::peak>("peak", "Dense peak of the package by format.")
          .required()
          .not_empty()
          .keyed_by(compute_formats)
          .positive(),
      field<&ChipSpec::memory>("memory", "Main memory.").required(),
      field<&ChipSpec::last_level_cache>("last_level_cache",
                                         "Size of the last cache before main memory.")
          .non_negative(),
      field<&ChipSpec::units>("units", "Execution units and their tiles.").required(),
      field<&ChipSpec::ports>("ports", "Links by role.").keyed_by(port_roles),
      field<&ChipSpec::efficiency>("efficiency", "Efficiency of kernels at large sizes."),
      field<&ChipSpec::power>("power", "Power and energy.").required(),
      field<&ChipSpec::curves>("curves", "Measured curves of kernels."),
      field<&ChipSpec::software>("software", "Default software profile.").names(PartKind::software),
  };
  static constexpr StructInfo info{"chip", "A package as sold, of one or more dies.", fields};
  return info;
}

}  // namespace xpusim::config
