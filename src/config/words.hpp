// Words of enums and closed vocabularies, as files spell them.
#pragma once

#include <array>
#include <string_view>

#include "config/codec.hpp"

namespace xpusim::config {

using Word = std::string_view;

template <>
struct EnumWords<Confidence> {
  static constexpr std::array<Word, 5> words{"vendor", "paper", "measured", "press", "estimate"};
  static constexpr std::array values{Confidence::vendor, Confidence::paper, Confidence::measured,
                                     Confidence::press, Confidence::estimate};
};
template <>
struct EnumWords<PlaneShape> {
  static constexpr std::array<Word, 7> words{"switch",    "clos",           "full_mesh", "torus",
                                             "dragonfly", "rail_optimised", "fat_tree"};
  static constexpr std::array values{PlaneShape::single_switch, PlaneShape::clos,
                                     PlaneShape::full_mesh,     PlaneShape::torus,
                                     PlaneShape::dragonfly,     PlaneShape::rail_optimised,
                                     PlaneShape::fat_tree};
};
template <>
struct EnumWords<PlaneRole> {
  static constexpr std::array<Word, 3> words{"scale_up", "scale_out", "management"};
  static constexpr std::array values{PlaneRole::scale_up, PlaneRole::scale_out,
                                     PlaneRole::management};
};
template <>
struct EnumWords<Spreading> {
  static constexpr std::array<Word, 2> words{"spray", "hash"};
  static constexpr std::array values{Spreading::spray, Spreading::hash};
};
template <>
struct EnumWords<ComponentScope> {
  static constexpr std::array<Word, 4> words{"system", "supernode", "node", "chip"};
  static constexpr std::array values{ComponentScope::system, ComponentScope::supernode,
                                     ComponentScope::node, ComponentScope::chip};
};
template <>
struct EnumWords<RankUnit> {
  static constexpr std::array<Word, 2> words{"package", "die"};
  static constexpr std::array values{RankUnit::package, RankUnit::die};
};
template <>
struct EnumWords<Fidelity> {
  static constexpr std::array<Word, 4> words{"auto", "flow", "fluid", "analytic"};
  static constexpr std::array values{Fidelity::automatic, Fidelity::flow, Fidelity::fluid,
                                     Fidelity::analytic};
};
template <>
struct EnumWords<Folding> {
  static constexpr std::array<Word, 4> words{"auto", "on", "off", "near"};
  static constexpr std::array values{Folding::automatic, Folding::on, Folding::off, Folding::near};
};
template <>
struct EnumWords<Recompute> {
  static constexpr std::array<Word, 3> words{"none", "selective", "full"};
  static constexpr std::array values{Recompute::none, Recompute::selective, Recompute::full};
};
template <>
struct EnumWords<PipelineSchedule> {
  static constexpr std::array<Word, 10> words{"auto",  "gpipe",   "1f1b", "interleaved",
                                              "zb-h1", "zb-h2",   "zb-v", "v-half",
                                              "v-min", "dualpipe"};
  static constexpr std::array values{PipelineSchedule::automatic,   PipelineSchedule::gpipe,
                                     PipelineSchedule::one_f_one_b, PipelineSchedule::interleaved,
                                     PipelineSchedule::zb_h1,       PipelineSchedule::zb_h2,
                                     PipelineSchedule::zb_v,        PipelineSchedule::v_half,
                                     PipelineSchedule::v_min,       PipelineSchedule::dualpipe};
};
template <>
struct EnumWords<ContextMethod> {
  static constexpr std::array<Word, 3> words{"all_gather", "ring", "all_to_all"};
  static constexpr std::array values{ContextMethod::all_gather, ContextMethod::ring,
                                     ContextMethod::all_to_all};
};
template <>
struct EnumWords<ExpertDispatch> {
  static constexpr std::array<Word, 2> words{"every_copy", "once_per_rank"};
  static constexpr std::array values{ExpertDispatch::every_copy, ExpertDispatch::once_per_rank};
};
template <>
struct EnumWords<GraphCapture> {
  static constexpr std::array<Word, 4> words{"software", "none", "layers", "step"};
  static constexpr std::array values{GraphCapture::software, GraphCapture::none,
                                     GraphCapture::layers, GraphCapture::step};
};
template <>
struct EnumWords<LedgerRole> {
  static constexpr std::array<Word, 7> words{"text",      "set",    "overrides", "measured",
                                             "reference", "status", "note"};
  static constexpr std::array values{
      LedgerRole::text,      LedgerRole::set,    LedgerRole::overrides, LedgerRole::measured,
      LedgerRole::reference, LedgerRole::status, LedgerRole::note};
};
template <>
struct EnumWords<LedgerComparison> {
  static constexpr std::array<Word, 2> words{"value", "change"};
  static constexpr std::array values{LedgerComparison::value, LedgerComparison::change};
};
template <>
struct EnumWords<ScenarioKind> {
  static constexpr std::array<Word, 4> words{"training", "collective", "replay", "jobs"};
  static constexpr std::array values{ScenarioKind::training, ScenarioKind::collective,
                                     ScenarioKind::replay, ScenarioKind::jobs};
};

/// What selective recomputation can repeat (Megatron-LM, --recompute-modules).
inline constexpr std::array<Word, 7> recompute_modules{
    "core_attn", "mlp", "moe", "moe_act", "layernorm", "mla_up_proj", "shared_experts"};
/// How a job's ranks are spread over a system.
inline constexpr std::array<Word, 3> placements{"packed", "spread", "explicit"};

/// What the comm_size of a trace counts.
inline constexpr std::array<Word, 3> comm_size_conventions{"automatic", "collective_size",
                                                           "one_rank_input"};
/// Formats that a chip computes in.
inline constexpr std::array<Word, 3> kernel_families{"scan", "scan_backward", "permute"};
inline constexpr std::array<Word, 12> compute_formats{"bf16", "fp16",  "fp8",   "int8",
                                                      "fp4",  "mxfp8", "mxfp4", "nvfp4",
                                                      "int4", "tf32",  "fp32",  "fp64"};
/// Formats that values are stored in.
inline constexpr std::array<Word, 10> storage_formats{"bf16",  "fp16",  "fp8",   "int8", "fp4",
                                                      "mxfp8", "mxfp4", "nvfp4", "int4", "fp32"};
/// The same, where "" means "as another field".
inline constexpr std::array<Word, 11> storage_formats_or_none{
    "", "bf16", "fp16", "fp8", "int8", "fp4", "mxfp8", "mxfp4", "nvfp4", "int4", "fp32"};
inline constexpr std::array<Word, 12> curve_formats{
    "", "bf16", "fp16", "fp8", "int8", "fp4", "mxfp8", "mxfp4", "nvfp4", "int4", "tf32", "fp32"};
inline constexpr std::array<Word, 9> curve_operations{"gemm",
                                                      "gemm_accumulate",
                                                      "grouped_gemm",
                                                      "grouped_gemm_accumulate",
                                                      "attention_prefill",
                                                      "attention_backward",
                                                      "attention_decode",
                                                      "mla_decode",
                                                      "memory"};
inline constexpr std::array<Word, 3> attention_kinds{"forward", "backward", "mla"};
inline constexpr std::array<Word, 4> port_roles{"scale_up", "scale_out", "host", "management"};
inline constexpr std::array<Word, 10> component_kinds{"cpu",    "memory",  "nic", "dpu",  "switch",
                                                      "optics", "storage", "fan", "pump", "other"};
/// Chakra's names of collectives, and SEND_RECV as nccl-tests counts it (every rank to the next).
inline constexpr std::array<Word, 10> collective_types{
    "ALL_REDUCE", "REDUCE_SCATTER", "ALL_GATHER", "ALL_TO_ALL", "BROADCAST",
    "REDUCE",     "GATHER",         "SCATTER",    "BARRIER",    "SEND_RECV"};
inline constexpr std::array<Word, 7> traffic_kinds{"tp", "cp", "ep", "pp", "dp", "kv", "other"};

}  // namespace xpusim::config
