// Software profiles: a kernel library's generation and its collective library.
#include "config/spec_tables.hpp"

namespace xpusim::config {

const StructInfo& StructTable<ProtocolSpec>::info() {
  static constexpr Field fields[] = {
      field<&ProtocolSpec::name>("name", "Name of the protocol: simple, ll128, ll.").required(),
      field<&ProtocolSpec::bandwidth_share>("bandwidth_share",
                                            "Payload rate over the link's effective rate.")
          .share(),
      field<&ProtocolSpec::base_latency>("base_latency", "Latency once per collective.")
          .non_negative(),
      field<&ProtocolSpec::step_latency>(
          "step_latency", "Latency of one algorithm step by link part name, or `default`.")
          .non_negative(),
      field<&ProtocolSpec::max_bandwidth>("max_bandwidth", "Cap per rank; 0 = none.")
          .non_negative(),
  };
  static constexpr StructInfo info{"protocol",
                                   "How one protocol of a collective library moves bytes.", fields};
  return info;
}

const StructInfo& StructTable<ChunkStep>::info() {
  static constexpr Field fields[] = {
      field<&ChunkStep::below_rounds>(
          "below_rounds",
          "Applies when the buffer is below so many rounds of channels x heads x chunk so far.")
          .required()
          .positive(),
      field<&ChunkStep::chunk>("chunk", "The smaller chunk.").required().positive(),
  };
  static constexpr StructInfo info{"chunk_step", "A smaller chunk for smaller buffers.", fields};
  return info;
}

const StructInfo& StructTable<LibraryAlgorithmSpec>::info() {
  static constexpr Field fields[] = {
      field<&LibraryAlgorithmSpec::algorithm>(
          "algorithm", "Name in the algorithm registry: ring, in_switch, ...")
          .required(),
      field<&LibraryAlgorithmSpec::protocols>("protocols", "Protocols that the library has for it.")
          .required()
          .not_empty(),
      field<&LibraryAlgorithmSpec::bandwidth_share>("bandwidth_share",
                                                    "Extra factor by link part name, or `default`.")
          .share(),
      field<&LibraryAlgorithmSpec::pipeline_stages>(
          "pipeline_stages", "Stages of the pipeline that a chunk fills before data flows.")
          .non_negative(),
      field<&LibraryAlgorithmSpec::chunk>(
          "chunk", "Bytes in flight per stage, channel and head at large sizes; 0 = none.")
          .non_negative(),
      field<&LibraryAlgorithmSpec::min_ranks>("min_ranks", "Smallest group it runs on.")
          .at_least(1),
      field<&LibraryAlgorithmSpec::max_ranks>("max_ranks", "Largest group it runs on; 0 = any.")
          .non_negative(),
      field<&LibraryAlgorithmSpec::links>("links",
                                          "Only on planes of these link parts; empty = any.")
          .names(PartKind::link),
      field<&LibraryAlgorithmSpec::types>("types",
                                          "Only for these collectives; empty = all that it can do.")
          .one_of(collective_types),
      field<&LibraryAlgorithmSpec::level_algorithms>(
          "level_algorithms",
          "hierarchical: algorithm of a level by link part name, or `default`; where it cannot "
          "run, "
          "or none is named, the shortest."),
      field<&LibraryAlgorithmSpec::channels>("channels",
                                             "Parallel channels, each with a chunk in flight.")
          .at_least(1),
      field<&LibraryAlgorithmSpec::max_heads>(
          "max_heads", "in_switch: at most so many heads share the buffer; 1 elsewhere.")
          .at_least(1),
      field<&LibraryAlgorithmSpec::chunk_steps>(
          "chunk_steps", "Smaller chunks for smaller buffers; the last that applies counts."),
  };
  static constexpr StructInfo info{"library_algorithm", "An algorithm as this library runs it.",
                                   fields};
  return info;
}

const StructInfo& StructTable<CollectiveLibrarySpec>::info() {
  static constexpr Field fields[] = {
      field<&CollectiveLibrarySpec::algorithms>("algorithms",
                                                "Algorithms that the library chooses from."),
      field<&CollectiveLibrarySpec::units_share>(
          "units_share", "Share of the chip's execution units that a running collective occupies.")
          .non_negative()
          .at_most(1, true),
  };
  static constexpr StructInfo info{"collectives", "A collective library.", fields};
  return info;
}

const StructInfo& StructTable<KernelGenerationSpec>::info() {
  static constexpr Field fields[] = {
      field<&KernelGenerationSpec::chip>("chip", "Chip that these kernels run on.")
          .required()
          .names(PartKind::chip),
      field<&KernelGenerationSpec::gemm>("gemm", "GEMM efficiency by format, share of peak.")
          .keyed_by(compute_formats)
          .share(),
      field<&KernelGenerationSpec::attention>(
          "attention", "Attention efficiency: forward, backward, mla; share of the BF16 peak.")
          .share(),
      field<&KernelGenerationSpec::memory>(
          "memory", "Share of the nominal memory bandwidth; 0 = as in the chip's file.")
          .share_or_none(),
  };
  static constexpr StructInfo info{"kernel_generation",
                                   "Kernel efficiencies of this generation on one chip.", fields};
  return info;
}

const StructInfo& StructTable<SoftwareSpec>::info() {
  static constexpr Field fields[] = {
      field<&SoftwareSpec::flash_attention>("flash_attention",
                                            "Attention runs in one fused kernel."),
      field<&SoftwareSpec::fused_norm>("fused_norm",
                                       "Normalisation and residual run in one kernel."),
      field<&SoftwareSpec::fused_activation>("fused_activation",
                                             "Bias and GeLU, or SwiGLU, run in one kernel."),
      field<&SoftwareSpec::fused_rope>("fused_rope", "The rotary embedding runs in one kernel."),
      field<&SoftwareSpec::fused_experts>(
          "fused_experts",
          "Activation, biases and casts between the experts' matrices are part of their grouped "
          "GEMMs."),
      field<&SoftwareSpec::weight_gradient_placeholders>(
          "weight_gradient_placeholders",
          "GEMMs that add to the main gradients leave an empty tensor of the weight's shape "
          "behind, "
          "one per shape."),
      field<&SoftwareSpec::fused_cross_entropy>(
          "fused_cross_entropy", "The loss is computed without FP32 copies of the logits."),
      field<&SoftwareSpec::graph_capture>("graph_capture",
                                          "Steps are launched as captured graphs."),
      field<&SoftwareSpec::kernel_launch>("kernel_launch",
                                          "Gap on the device between dependent kernels.")
          .required()
          .non_negative(),
      field<&SoftwareSpec::graph_kernel_launch>("graph_kernel_launch",
                                                "The same inside a captured graph.")
          .non_negative(),
      field<&SoftwareSpec::step_overhead>("step_overhead",
                                          "Host work per training step that nothing hides.")
          .non_negative(),
      field<&SoftwareSpec::host_launch>(
          "host_launch", "CPU time to issue one kernel eagerly; 0 = never the bottleneck.")
          .non_negative(),
      field<&SoftwareSpec::host_communication>("host_communication",
                                               "CPU time to issue one collective or transfer.")
          .non_negative(),
      field<&SoftwareSpec::host_waits_for_routing>(
          "host_waits_for_routing",
          "Dropless dispatch: the CPU reads the token counts of every layer of experts."),
      field<&SoftwareSpec::reserved_memory>(
          "reserved_memory", "Context and library workspaces: memory that holds no tensors.")
          .non_negative(),
      field<&SoftwareSpec::fragmentation>(
          "fragmentation", "Share of the allocator's memory that tensors cannot use.")
          .share_or_none(),
      field<&SoftwareSpec::kernels>("kernels",
                                    "Chips whose kernel efficiencies differ from the chip's file."),
      field<&SoftwareSpec::kernel_efficiency>(
          "kernel_efficiency",
          "Share of the chip's sustained rates that a family of kernels reaches; 1 where absent.")
          .keyed_by(kernel_families)
          .share(),
      field<&SoftwareSpec::collectives>("collectives", "The collective library."),
  };
  static constexpr StructInfo info{
      "software", "One generation of a kernel library, as a named profile.", fields};
  return info;
}

}  // namespace xpusim::config
