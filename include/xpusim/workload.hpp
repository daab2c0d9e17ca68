// What a model spec implies (parameters, FLOPs, memory) and the task graph of one training step.
// Formulas: docs/model.md, "Model arithmetic", "Memory per chip", "A training step".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "xpusim/fabric.hpp"
#include "xpusim/spec.hpp"
#include "xpusim/symmetry.hpp"
#include "xpusim/task_graph.hpp"

namespace xpusim {

// ---------------------------------------------------------------- model arithmetic

/// What mixes tokens in a layer.
enum class Mixer : std::uint8_t {
  attention,  ///< softmax attention over all tokens (grouped-query or latent)
  windowed,   ///< softmax attention over the last `window` tokens
  linear,     ///< linear attention with a state of fixed size
  mamba,      ///< Mamba-2
  none        ///< nothing: a block of a hybrid that is only an FFN or only experts
};
struct LayerShape {
  Mixer mixer = Mixer::attention;
  bool ffn = true;   ///< there is a feed-forward half: dense, or experts
  bool moe = false;  ///< its feed-forward half is experts
  int norms = 2;
};
/// What layer `layer` is made of. Layers from ModelSpec::layers on are those of MTP modules:
/// softmax attention and the feed-forward half of the last layers.
[[nodiscard]] LayerShape layer_shape(const ModelSpec&, int layer);

/// Parameters of one layer, counts.
struct LayerParameters {
  double attention = 0;  ///< the mixer: projections, convolutions, norms of queries, keys, latents
                         ///< and states, biases
  double dense_ffn = 0;  ///< dense FFN, or the shared experts of an MoE layer
  double router = 0;     ///< gate, and the projections into and out of latent experts
  double experts = 0;    ///< all routed experts
  double active_experts = 0;  ///< top_k of them
  double norms = 0;
  [[nodiscard]] double total() const { return attention + dense_ffn + router + experts + norms; }
  [[nodiscard]] double active() const {
    return attention + dense_ffn + router + active_experts + norms;
  }
};
/// Parameters of the model, counts. MTP layers stand apart: publishers leave them out of the total.
struct ModelParameters {
  double total = 0;  ///< layers, embedding, head, positions, final norm
  double active =
      0;  ///< without the routed experts that a token does not visit; both embeddings included
  double embedding = 0;  ///< input embedding (and learned positions)
  double head = 0;       ///< 0 when tied to the embedding
  double mtp = 0;        ///< own parameters of the MTP layers, not in total
};
[[nodiscard]] bool is_moe_layer(const ModelSpec&, int layer);
[[nodiscard]] LayerParameters layer_parameters(const ModelSpec&, int layer);
[[nodiscard]] ModelParameters model_parameters(const ModelSpec&);
/// KV cache of one token over all layers with softmax attention, not replicated or sharded.
/// Windowed layers drop it once it has left their window.
[[nodiscard]] Bytes kv_bytes_per_token(const ModelSpec&, std::string_view format = "bf16");
/// KV cache of a sequence of `tokens`: windowed layers hold at most a window of it.
[[nodiscard]] Bytes kv_bytes_per_sequence(const ModelSpec&, double tokens,
                                          std::string_view format = "bf16");
/// What linear attention and Mamba-2 layers keep of a sequence, however long: the state in
/// `state_format` (configurations ask for float32), the last inputs of the short convolution in
/// `convolution_format`.
[[nodiscard]] Bytes state_bytes_per_sequence(const ModelSpec&,
                                             std::string_view state_format = "fp32",
                                             std::string_view convolution_format = "bf16");

/// How attention FLOPs are counted: every query against every key (PaLM, Megatron-LM; the published
/// convention), or only the causal half that a fused kernel computes.
enum class AttentionCount { full, causal };
/// Chunks of the kernels of linear mixers, tokens: Mamba-2's SSD (Nemotron-H and Megatron-LM take
/// 128), Gated DeltaNet (64, flash-linear-attention), lightning attention (256, MiniMax-01).
inline constexpr int ssd_chunk = 128, delta_chunk = 64, lightning_chunk = 256;
/// Forward FLOPs of one token in the products of a mixer that are no weight matrix: scores and
/// weighted values, or the chunked scan. 0 for Mixer::none. Formulas: docs/model.md.
[[nodiscard]] Flops mixer_flops_per_token(const ModelSpec&, Mixer, int sequence,
                                          AttentionCount = AttentionCount::full);
/// Forward FLOPs of one token in a sequence of `sequence` tokens: 2 per weight of every matrix it
/// meets (head included, embedding look-up not) plus attention or scan. `mtp` adds the MTP layers,
/// as in training.
[[nodiscard]] Flops forward_flops_per_token(const ModelSpec&, int sequence,
                                            AttentionCount = AttentionCount::full, bool mtp = true);
struct ParallelLayout;
/// FLOPs of one step, all chips. `model` is the numerator of MFU: 3 x forward (2 x with a frozen
/// base); `hardware` adds what recomputation repeats, the numerator of HFU.
struct StepFlops {
  Flops model;
  Flops hardware;
};
/// `layout` says which layers a chunk begins with, for full recomputation of some layers of each
/// chunk; without it all layers count as repeated.
[[nodiscard]] StepFlops training_step_flops(const ModelSpec&, const TrainingSpec&,
                                            const SoftwareSpec&,
                                            AttentionCount = AttentionCount::full,
                                            const ParallelLayout* layout = nullptr);

// ---------------------------------------------------------------- parallel layout

/// ParallelismSpec with every degree resolved and checked against model, training and device count.
struct ParallelLayout {
  int tensor = 1, context = 1, pipeline = 1, data = 1;
  int expert = 1, expert_tensor = 1, expert_data = 1;
  int virtual_stages = 1;  ///< chunks per rank
  ContextMethod context_method = ContextMethod::all_gather;
  int tensor_chunks = 1;  ///< pieces of a GEMM whose TP communication is overlapped
  int micro_batches = 1;  ///< per step and data-parallel rank
  bool sequence = false;  ///< sequence parallelism in effect
  PipelineSchedule schedule = PipelineSchedule::one_f_one_b;  ///< never automatic
  bool expert_overlap = false;                                ///< and there are expert groups
  ExpertDispatch expert_dispatch = ExpertDispatch::every_copy;
  bool shared_expert_overlap = true;
  int expert_domain = 1;  ///< neighbours of an expert group in one scale-up domain
  int shard = 1;          ///< ZeRO-3: ranks of DP x CP that share one copy of the parameters
  int mtp_position = 0;   ///< number of the chunk, in model order, that holds the MTP layers
  std::uint32_t devices = 1;
  /// Layers of each chunk, [stage][chunk]: consecutive layer numbers without MTP layers; empty
  /// where a chunk holds only embedding or head. DualPipe holds every layer twice.
  std::vector<std::vector<std::vector<int>>> layers;
  [[nodiscard]] std::uint32_t stage_devices() const {
    return devices / static_cast<std::uint32_t>(pipeline);
  }
  [[nodiscard]] std::string to_string() const;  ///< "TP8 CP1 PP16 DP128 VP8 EP1"
};
/// Throws InputError with every mismatch found (degrees against devices, heads, layers, experts,
/// batch).
[[nodiscard]] ParallelLayout resolve_layout(const ModelSpec&, const ParallelismSpec&,
                                            const TrainingSpec&, std::uint32_t devices);

// ---------------------------------------------------------------- memory

/// Bytes on one device of a pipeline stage at the moment of its largest use.
struct MemoryPerDevice {
  std::uint32_t stage = 0;
  Bytes parameters, gradients, optimizer, activations;
  Bytes buffers;  ///< gradients of activations, placeholders of weight gradients
  [[nodiscard]] Bytes total() const {
    return parameters + gradients + optimizer + activations + buffers;
  }
};
/// Activations one micro-batch of one layer keeps for the backward pass on one device (Korthikanti
/// et al. 2022).
[[nodiscard]] Bytes layer_activations(const ModelSpec&, int layer, const ParallelLayout&,
                                      const TrainingSpec&, const SoftwareSpec&);
/// Every stage, in order.
[[nodiscard]] std::vector<MemoryPerDevice> training_memory(const ModelSpec&, const ParallelLayout&,
                                                           const TrainingSpec&,
                                                           const SoftwareSpec&);
/// The stage that needs most. Throws InputError "does not fit: ..." when it exceeds `capacity` (of
/// one device), with the changes that would make it fit, cheapest first.
[[nodiscard]] MemoryPerDevice require_fit(const ModelSpec&, const ParallelismSpec&,
                                          const TrainingSpec&, const SoftwareSpec&,
                                          std::uint32_t devices, Bytes capacity);

// ---------------------------------------------------------------- training step

struct TrainingStepOptions {
  bool fold = true;           ///< one simulated rank per pipeline stage
  std::uint32_t devices = 0;  ///< devices the job may use; 0 = all of the fabric
};
/// Why one rank per stage cannot stand for all of them ("" when it can): unequal links, groups that
/// lie differently. `domains` overlooks first-level switches: latencies may then differ a little.
[[nodiscard]] std::string folding_obstacle(const ParallelLayout&, const ParallelismSpec&,
                                           const Fabric&,
                                           PlacementDetail = PlacementDetail::switches);
/// One step in steady state: forward and backward passes of all micro-batches, gradient reduction,
/// optimizer, parameter gather. Uses devices 0 .. layout.devices-1 of the fabric. Throws InputError
/// when the layout does not resolve, and with `fold` when folding_obstacle() says why not.
[[nodiscard]] TaskGraph build_training_step(const ModelSpec&, const ParallelismSpec&,
                                            const TrainingSpec&, const Fabric&, const SoftwareSpec&,
                                            TrainingStepOptions = {});

}  // namespace xpusim
