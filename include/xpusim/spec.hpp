// What the user described, validated and in base units: parts of the catalogue and questions about
// them. Plain values; no JSON, no SimGrid. Field comments are units and meaning; the field tables
// of `config` carry the user-facing text.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "xpusim/units.hpp"

namespace xpusim {

// ---------------------------------------------------------------- provenance and claims

enum class Confidence { vendor, paper, measured, press, estimate };

/// Where a number comes from; keyed by the JSON pointer of the value (or of an object that holds
/// it).
struct Provenance {
  std::string pointer;
  std::string document;  ///< "CM384 arXiv 2506.12708v2, section 3.3"
  Confidence confidence = Confidence::estimate;
  std::string derivation;  ///< how an estimate was derived; required for `estimate`
};

/// What other sources say about a value: a table or scenario may name it.
struct Alternative {
  std::string name;     ///< "semianalysis"
  std::string pointer;  ///< JSON pointer of the field it replaces
  std::string value;    ///< as the field would be written
  std::string source;
  std::string why_not_used;
};

/// An aggregate figure that somebody published; `check` derives it from parts.
struct Claim {
  std::string figure;      ///< name of a derived figure: "system.peak.bf16"
  std::string value;       ///< with unit
  double tolerance = 0.0;  ///< relative, |derived/claimed - 1|
  std::string source;
  std::string note;
};

/// What every part file carries.
struct PartInfo {
  std::string name;
  std::string title;
  std::string description;
  std::string file;  ///< where it was read
  std::vector<Provenance> sources;
  std::vector<Alternative> alternatives;
  std::vector<Claim> claims;
  std::vector<std::string> bases;  ///< names of what it extends, the nearest first
};

// ---------------------------------------------------------------- chips and links

/// One kind of link: a directed lane bundle as counted on a data sheet.
struct LinkSpec {
  PartInfo info;
  BytesPerSecond bandwidth;  ///< per direction, nominal payload rate of one link
  double efficiency = 1.0;   ///< share of `bandwidth` that bulk transfers reach (0, 1]
  Seconds latency;  ///< one-way, of the hop over this link (serialiser, cable, receiver), without
                    ///< switch
  Seconds endpoint_latency;  ///< software/DMA cost of one message at the endpoints, added once per
                             ///< message
  JoulesPerByte energy;  ///< both ends, per byte carried; 0 when part of constant component power
};

struct MemorySpec {
  std::string technology;    ///< "HBM3"
  Bytes capacity;            ///< what the driver reports
  Bytes marketed;            ///< the data sheet's figure; tables and claims only
  BytesPerSecond bandwidth;  ///< nominal
};

/// A measured or estimated curve of a kernel family. Points are rows of numbers.
///  gemm:               [m, n, k, seconds]      C[m,n] = A[m,k] B[k,n]
///  gemm_accumulate:    [m, n, k, seconds]      the same, added to an FP32 C (weight gradients)
///  grouped_gemm, grouped_gemm_accumulate: [groups, m, n, k, seconds], m rows in each group
///  attention_prefill:  [batch, sequence, heads, kv_heads, head_dim, seconds]  causal, forward;
///                      with a v_dim after head_dim where it differs
///  attention_backward: the same columns
///  attention_decode:   [batch, context, heads, kv_heads, head_dim, seconds]
///  mla_decode:         [batch, context, heads, seconds]
///  memory:             [bytes, bytes_per_second]
struct CurveSpec {
  std::string operation;
  std::string format;    ///< compute format: "bf16", "fp8", ...; "" for memory
  std::string software;  ///< software generation the points were measured with
  std::vector<std::vector<double>> points;
  FlopsPerSecond
      peak{};  ///< peak of the measured chip; 0 = the chip's. Keeps what-ifs apart from facts
  BytesPerSecond memory_bandwidth{};  ///< memory bandwidth of the measured chip; 0 = the chip's
  bool sustained = false;  ///< measured on a hot chip at its TDP; else in short runs at full clock
};

struct DieSpec {
  int count = 1;
  BytesPerSecond link_bandwidth;  ///< die-to-die, per direction
  double link_efficiency = 1.0;
  Seconds link_latency;
};

/// Execution units and the tiles their GEMM kernels use: wave and tile quantisation.
struct UnitsSpec {
  int count = 0;  ///< SMs, AI cores: what one GEMM tile occupies (whole package)
  int tile_m = 128;
  int tile_n = 128;
  int tile_k = 64;
  Hertz clock;  ///< clock at which `peak` holds
};

/// Efficiency of kernel families at large sizes, where no curve point is near. Shares of peak /
/// nominal.
struct EfficiencySpec {
  std::map<std::string, double> gemm;  ///< by format; share of peak
  double gemm_accumulate = 1.0;  ///< rate of a GEMM that adds to an FP32 matrix over one that does
                                 ///< not
  std::map<std::string, double> attention;  ///< "forward", "backward", "mla"; share of BF16 peak
  double memory = 0.8;                      ///< share of nominal memory bandwidth, large streams
  Bytes memory_half_size;  ///< size at which a stream reaches half of that (latency-bandwidth)
};

struct ChipPowerSpec {
  Watts idle;
  Watts tdp;
  std::map<std::string, JoulesPerFlop> per_flop;  ///< dynamic, by compute format, at full clock
  JoulesPerByte per_memory_byte;  ///< dynamic, main memory access incl. on-chip movement
  Watts active;                   ///< added while any kernel runs (clocks and front end awake)
  double clock_exponent = 2.5;    ///< dynamic power ~ clock^exponent (voltage follows frequency)
  double min_clock = 0.3;  ///< lowest clock, as a share of the full one, that a power cap can reach
};

struct PortSpec {
  std::string link;  ///< name of a link part
  int count = 0;     ///< links per package
};

struct ChipSpec {
  PartInfo info;
  std::string vendor;
  int year = 0;
  std::string process;
  DieSpec dies;
  std::map<std::string, FlopsPerSecond>
      peak;  ///< dense, by format: bf16 fp16 fp8 int8 fp4 tf32 fp32 fp64
  MemorySpec memory;
  Bytes last_level_cache;
  UnitsSpec units;
  std::map<std::string, PortSpec> ports;  ///< by role: "scale_up", "scale_out", "host"
  EfficiencySpec efficiency;
  ChipPowerSpec power;
  std::vector<CurveSpec> curves;
  std::string software;  ///< default software profile
};

// ---------------------------------------------------------------- systems

enum class PlaneShape {
  single_switch,
  clos,
  full_mesh,
  torus,
  dragonfly,
  rail_optimised,
  fat_tree
};
enum class PlaneRole { scale_up, scale_out, management };
/// How one transfer uses the parallel sub-planes.
enum class Spreading { spray, hash };

/// A failure or a what-if on one plane.
struct LinkFault {
  std::string tier;     ///< tier name
  int index = 0;        ///< index of the link within its tier
  double capacity = 0;  ///< remaining share of the link's bandwidth, [0, 1)
};

/// One network of a system. An instance of it spans `domain` devices; a system holds as many
/// instances as fit.
struct PlaneSpec {
  std::string name;  ///< "ub", "rdma", "nvlink"
  PlaneRole role = PlaneRole::scale_up;
  PlaneShape shape = PlaneShape::single_switch;
  int domain = 0;               ///< packages per instance; 0 = all of the system / stride
  int stride = 1;               ///< packages between consecutive members of an instance
  std::string link;             ///< device port link part
  double links_per_device = 0;  ///< links of a package on this plane, over all sub-planes
  int sub_planes = 1;           ///< parallel rails
  int lost_sub_planes = 0;      ///< what-if: so many sub-planes are gone
  Spreading spreading = Spreading::spray;
  Seconds switch_latency;            ///< per switch crossed
  bool in_switch_reduction = false;  ///< NVLS / SHARP class
  // clos, rail_optimised and fat_tree
  int devices_per_leaf = 0;       ///< packages under one leaf (per rail for rail_optimised)
  double oversubscription = 1.0;  ///< leaf down capacity / leaf up capacity
  std::string uplink;             ///< link part between leaf and spine; "" = same as `link`
  int spines = 1;                 ///< spine switches per sub-plane (ECMP choices under `hash`);
                                  ///< fat_tree: aggregation switches of a pod
  int rails = 1;                  ///< rail_optimised: device i of a node is on rail i % rails
  // fat_tree
  int leaves_per_pod = 0;
  int cores_per_spine = 1;            ///< core switches above one aggregation switch
  double pod_oversubscription = 1.0;  ///< capacity of a pod's leaf uplinks / of its core links
  std::string core_link;              ///< link part between pod and core; "" = same as `uplink`
  // torus
  std::vector<int> dimensions;  ///< packages along each axis
  // dragonfly
  int devices_per_router = 0;
  int routers_per_group = 0;
  double global_links_per_router = 0;
  double local_links_per_pair = 1;  ///< links between two routers of a group
  std::vector<LinkFault> faults;
};

enum class ComponentScope { system, supernode, node, chip };

/// A power-drawing part that is not a chip.
struct ComponentSpec {
  std::string name;
  std::string kind;  ///< cpu, memory, nic, dpu, switch, optics, storage, fan, pump, other
  ComponentScope scope = ComponentScope::node;
  double count = 0;      ///< per scope unit
  Watts idle;            ///< each
  Watts active;          ///< each, at full activity
  std::string activity;  ///< what moves it from idle to active: "" constant at `active`, "compute",
                         ///< or a plane name
  double per_it_watt =
      0;  ///< fans, pumps: watts per watt of everything before it (count, idle, active unused)
};

struct PowerDeliverySpec {
  double conversion_efficiency = 1.0;  ///< DC out / AC in of the supplies
  Watts budget;                        ///< rack or system limit as published; 0 = none
};

struct SystemSpec {
  PartInfo info;
  std::string vendor;
  std::string chip;  ///< chip part
  int nodes = 1;
  int chips_per_node = 8;
  int supernode_chips = 0;  ///< packages in one scale-up domain; 0 = all
  std::vector<PlaneSpec> planes;
  std::vector<ComponentSpec> components;
  PowerDeliverySpec power;
  std::string cooling;
  int racks = 0;
  Dollars price;  ///< 0 = not published
};

// ---------------------------------------------------------------- models

struct MlaSpec {
  int q_rank = 0;  ///< 0 = no query compression
  int kv_rank = 0;
  int nope_dim = 0;
  int rope_dim = 0;
  int v_dim = 0;
};
struct MoeSpec {
  int experts = 0;
  int top_k = 0;
  int shared = 0;  ///< shared experts of width `ffn`
  int ffn = 0;
  int dense_layers = 0;  ///< first layers with a dense FFN
  int every = 1;       ///< experts in every n-th layer after those (the n-th, 2n-th, ...); 1 = all
  int shared_ffn = 0;  ///< width of one shared expert; 0 = `ffn`
  int latent = 0;      ///< width that tokens are projected to before routed experts; 0 = hidden
  int groups = 1;      ///< the experts of a token come from `top_groups` of so many groups
  int top_groups = 1;
};
/// Mamba-2 mixer (Dao and Gu 2024, arXiv 2405.21060).
struct MambaSpec {
  int heads = 0;
  int head_dim = 0;
  int state = 0;   ///< state dimensions per group
  int groups = 1;  ///< groups that share B and C
  int convolution = 4;
};
/// Linear attention with a gated state of key_dim x value_dim per value head (Gated DeltaNet, arXiv
/// 2412.06464; lightning attention, arXiv 2501.08313).
struct LinearAttentionSpec {
  int key_heads = 0;
  int value_heads = 0;
  int key_dim = 0;
  int value_dim = 0;
  int convolution = 0;  ///< width of the short convolution; 0 = none
  int every = 0;  ///< full attention in every n-th layer, linear in the others; 0 = all linear
};
/// Architecture dimensions; parameters, FLOPs and KV bytes are computed from them.
struct ModelSpec {
  PartInfo info;
  int layers = 0;
  int hidden = 0;
  int heads = 0;
  int kv_heads = 0;
  int head_dim = 0;
  int ffn = 0;                  ///< dense FFN width (0 when every layer is MoE)
  bool gated = true;            ///< three FFN matrices (SwiGLU) or two
  double activation_limit = 0;  ///< gate and up values are clamped to it (GPT-OSS); 0 = none
  int vocabulary = 0;
  bool tied_embedding = false;
  bool bias = false;      ///< linear layers carry biases (GPT-3)
  bool qkv_bias = false;  ///< only the query, key and value projections do (Qwen2)
  bool qk_norm = false;   ///< RMSNorm over the head dimension of queries and keys (Qwen3)
  int window = 0;         ///< sliding-window attention sees so many tokens; 0 = all
  int window_every = 1;   ///< full attention in every n-th layer, windowed in the others; 1 = all
                          ///< windowed
  int learned_positions = 0;  ///< rows of a learned position embedding
  int norms_per_layer = 2;
  bool layer_norm = false;  ///< LayerNorm (weight and bias) instead of RMSNorm
  std::optional<MlaSpec> mla;
  std::optional<MoeSpec> moe;
  std::optional<MambaSpec> mamba;
  std::optional<LinearAttentionSpec> linear_attention;
  std::string
      blocks;  ///< hybrids whose layers are one block each: M Mamba-2, A attention, E
               ///< experts, - FFN; one letter per layer. "" = attention and FFN in every layer
  int mtp_layers = 0;
  double published_parameters = 0;  ///< count; 0 = not published
  double published_active_parameters = 0;
};

// ---------------------------------------------------------------- software

/// How one protocol of a collective library moves bytes.
struct ProtocolSpec {
  std::string name;              ///< "simple", "ll128", "ll"
  double bandwidth_share = 1.0;  ///< payload rate / link's effective rate
  Seconds base_latency;          ///< once per collective
  std::map<std::string, Seconds>
      step_latency;              ///< per algorithm step by link part name or "default"
  BytesPerSecond max_bandwidth;  ///< per rank cap; 0 = none
};
/// A library halves its chunk while a buffer holds less than so many rounds of it.
struct ChunkStep {
  double below_rounds =
      0;  ///< applies when bytes < below_rounds * channels * heads * (chunk so far)
  Bytes chunk;
};
/// An algorithm as this library runs it.
struct LibraryAlgorithmSpec {
  std::string algorithm;  ///< registry name: "ring", "double_binary_tree", "in_switch", ...
  std::vector<ProtocolSpec> protocols;
  std::map<std::string, double>
      bandwidth_share;  ///< extra factor by link part name ("default" otherwise)
  double pipeline_stages =
      0;        ///< pipeline fill: stages * min(bytes, channels * heads * chunk) / bandwidth
  Bytes chunk;  ///< bytes in flight per stage, channel and head at large sizes; 0 = none
  int min_ranks = 2;
  int max_ranks = 0;               ///< 0 = any
  std::vector<std::string> links;  ///< only on planes of these link parts; empty = any
  std::vector<std::string>
      types;  ///< only for these collectives ("ALL_TO_ALL"); empty = all it can do
  std::map<std::string, std::string>
      level_algorithms;  ///< hierarchical: algorithm of a level by link part name or "default"
  int channels = 1;      ///< parallel channels, each with a chunk in flight
  int max_heads = 1;     ///< in_switch: heads = min(max_heads, ranks) share the buffer; 1 elsewhere
  std::vector<ChunkStep>
      chunk_steps;  ///< smaller chunks for smaller buffers; the last that applies counts
};
struct CollectiveLibrarySpec {
  std::vector<LibraryAlgorithmSpec> algorithms;
  double units_share = 0;  ///< share of the chip's execution units a running collective occupies
};
/// Kernel efficiencies of a software generation on one chip; what is absent is as in the chip's
/// file.
struct KernelGenerationSpec {
  std::string chip;
  std::map<std::string, double> gemm;       ///< by format; share of peak
  std::map<std::string, double> attention;  ///< as EfficiencySpec::attention
  double memory = 0;                        ///< 0 = as in the chip's file
};
struct SoftwareSpec {
  PartInfo info;
  bool flash_attention = true;
  bool fused_norm = true;
  bool fused_activation = true;  ///< bias+GeLU / SwiGLU in one kernel
  bool fused_rope = true;
  bool fused_experts = false;  ///< activation, biases and casts between the experts' matrices are
                               ///< part of their grouped GEMMs
  bool weight_gradient_placeholders = false;  ///< GEMMs that add to the main gradients leave an
                                              ///< empty tensor of the weight's shape behind
  bool fused_cross_entropy = false;           ///< loss without FP32 copies of the logits
  bool graph_capture = false;
  Seconds kernel_launch;        ///< device-side gap between dependent kernels
  Seconds graph_kernel_launch;  ///< same inside a captured graph
  Seconds step_overhead;        ///< host work per training step that is not overlapped
  Seconds host_launch;          ///< CPU time to issue one kernel eagerly; 0 = never the bottleneck
  Seconds host_communication;   ///< CPU time to issue one collective or transfer
  bool host_waits_for_routing = false;  ///< dropless dispatch: the CPU reads token counts per layer
  Bytes reserved_memory;                ///< context, library workspaces: not for tensors
  double fragmentation = 0;             ///< share of the allocator's memory that tensors cannot use
  std::vector<KernelGenerationSpec>
      kernels;  ///< where this generation differs from the chip's file
  std::map<std::string, double>
      kernel_efficiency;  ///< share of the chip's sustained rates by kernel family: "scan",
                          ///< "scan_backward", "permute"; 1 where absent
  CollectiveLibrarySpec collectives;
};

// ---------------------------------------------------------------- scenarios

enum class RankUnit { package, die };
enum class Fidelity { automatic, flow, fluid, analytic };
enum class Folding {
  automatic,
  on,  ///< or refuse
  off,
  near  ///< also where only first-level switches differ, with a note
};
enum class Recompute { none, selective, full };
enum class PipelineSchedule {
  automatic,  ///< 1F1B with one chunk per rank, interleaved with more
  gpipe,
  one_f_one_b,
  interleaved,
  zb_h1,
  zb_h2,
  zb_v,
  v_half,
  v_min,
  dualpipe
};
enum class ContextMethod { all_gather, ring, all_to_all };
/// What token dispatch sends: every copy on its own (all-to-all), or one per rank, and over
/// scale-out one per node (DeepEP, HybridEP).
enum class ExpertDispatch { every_copy, once_per_rank };
enum class GraphCapture { software, none, layers, step };
enum class ScenarioKind { training, collective, replay, jobs };

struct ParallelismSpec {
  int tensor = 1;
  int context = 1;
  int pipeline = 1;
  int data = 0;  ///< 0 = derived: chips / (tensor * context * pipeline)
  int expert =
      1;  ///< expert-parallel degree; divides data * context (* tensor when expert_tensor is 1)
  int expert_tensor = 0;                 ///< TP inside experts; 0 = same as `tensor`
  int virtual_stages = 1;                ///< model chunks per pipeline rank (interleaved)
  bool sequence = true;                  ///< sequence parallelism with TP
  std::string order = "tp-cp-ep-dp-pp";  ///< innermost first: placement of ranks on devices
  PipelineSchedule schedule = PipelineSchedule::automatic;
  std::string
      layout;  ///< layers of each chunk, Megatron-LM notation: "Et*3|(tt|)*5t*2L"; "" = even
  ContextMethod context_method = ContextMethod::all_gather;
  int tensor_chunks = 1;  ///< pieces of a GEMM whose TP communication runs under the next piece
  bool expert_overlap = false;  ///< dispatch and combine of one micro-batch run under the compute
                                ///< of another
  ExpertDispatch expert_dispatch = ExpertDispatch::every_copy;
  bool shared_expert_overlap = true;  ///< shared experts run under dispatch
  int shard = 0;  ///< ZeRO-3/FSDP: ranks that share one copy of the parameters (HSDP); 0 = all data
};

struct FormatsSpec {
  std::string compute = "bf16";  ///< GEMM inputs
  std::string weights = "bf16";  ///< storage
  std::string activations = "bf16";
  std::string gradients = "fp32";  ///< main gradient buffer
  std::string reduce = "";         ///< DP reduction on the wire; "" = same as gradients
  std::string optimizer = "fp32";  ///< each of the two moments and the master weights
  std::string attention = "bf16";
  std::string dispatch = "";          ///< EP dispatch on the wire; "" = activations
  std::string gather = "";            ///< parameter gather on the wire; "" = weights
  std::string master = "";            ///< master weights; "" = optimizer
  std::string activation_input = "";  ///< what the activation function keeps for its backward pass;
                                      ///< "" = activations
};

struct TrainingSpec {
  int global_batch = 0;  ///< sequences
  int micro_batch = 1;   ///< sequences
  int sequence = 0;      ///< tokens
  FormatsSpec formats;
  Recompute recompute = Recompute::none;
  std::vector<std::string> recompute_modules;  ///< of `selective`: core_attn, mlp, moe, moe_act,
                                               ///< layernorm, mla_up_proj, shared_experts; empty =
                                               ///< core_attn
  int recompute_layers = 0;                    ///< of `full`: so many layers of each chunk; 0 = all
  int optimizer_sharding = 1;  ///< ZeRO stage: 0 none, 1 optimizer states (distributed optimizer),
                               ///< 2 and gradients, 3 and parameters (FSDP)
  int prefetch = 1;            ///< ZeRO-3: layers gathered ahead of the one that computes
  double optimizer_offload = 0;  ///< share of the optimizer states and step that the host takes
  int offload_layers = 0;        ///< layers whose activations wait in host memory
  double expert_imbalance = 1;   ///< tokens of the busiest expert rank over the mean
  int dropout = -1;              ///< 1 with, 0 without; -1 = as learned positions imply
  GraphCapture graph_capture = GraphCapture::software;
  bool overlap_gradients = true;   ///< bucketed reduce-scatter under the backward pass
  bool overlap_parameters = true;  ///< parameter all-gather under the next forward pass
  Bytes bucket;         ///< gradient bucket size; 0 = Megatron-LM's: max(40 M, 1 M x DP) parameters
  int frozen_base = 0;  ///< 1 = LoRA-class training: no weight gradients of the base model
};

struct CollectiveRunSpec {
  std::string type;  ///< "ALL_REDUCE", ...
  int ranks = 0;
  std::vector<double> bytes;  ///< sizes as nccl-tests counts them
  std::string algorithm;      ///< "" = tuner
  std::string protocol;
};

struct ReplaySpec {
  std::string trace;                    ///< file, folder, or PREFIX of PREFIX.<rank>.et
  std::string format;                   ///< row of trace_formats(); "" = recognised
  std::string groups;                   ///< communicator group JSON; "" = none
  std::vector<int> dimensions;          ///< logical dimensions, innermost first; empty = none
  std::string comm_size = "automatic";  ///< what comm_size counts: automatic, collective_size, ...
  bool recorded_durations = false;
  std::string compute_format = "bf16";
  std::string recorded_on;         ///< chip part whose durations were recorded; "" = this chip
  int ranks = 0;                   ///< copies of a lone rank, or ranks of a text; 0 = as recorded
  int model_parallel = 0;          ///< ranks of a model-parallel group, where the trace is silent
  int scale_ranks = 0;             ///< ranks after scaling the data-parallel dimension; 0 = no
  int data_dimension = -1;         ///< index into `dimensions`; -1 = the last
  bool follow_ctrl_deps = false;   ///< wait for control dependencies where the node exists
  bool communication_slot = true;  ///< one communication at a time per rank
};

/// One of several jobs that share a system.
struct JobSpec {
  std::string name;
  std::string scenario;              ///< name or path of a training or replay scenario
  int chips = 0;                     ///< packages; 0 = as many as its trace has ranks
  std::string placement = "packed";  ///< packed, spread, or explicit
  std::string devices;               ///< explicit: packages in rank order, "0-31,64-95"
  Seconds start;                     ///< when its first task may start
};

struct NetworkSpec {
  Fidelity fidelity = Fidelity::automatic;
  std::map<std::string, std::string> planes;      ///< traffic kind (tp cp ep pp dp) -> plane
  std::map<std::string, std::string> algorithms;  ///< collective type -> algorithm
};

/// One system under the question, with what it needs of its own.
struct ScenarioSystemSpec {
  std::string system;
  int chips = 0;         ///< use so many packages; 0 = all
  int nodes = 0;         ///< build the system with so many nodes; 0 = as the file says
  std::string software;  ///< "" = the chip's default
  std::optional<ParallelismSpec> parallelism;  ///< instead of the scenario's
  std::optional<TrainingSpec> training;        ///< instead of the scenario's
};

struct ScenarioPowerSpec {
  Watts cap;  ///< per package; 0 = TDP
};

struct ScenarioSpec {
  PartInfo info;
  std::string question;
  ScenarioKind kind = ScenarioKind::training;
  std::vector<ScenarioSystemSpec> systems;
  std::string baseline;  ///< system that ratio columns compare with; "" = first
  std::string model;
  RankUnit rank = RankUnit::package;
  ParallelismSpec parallelism;
  TrainingSpec training;
  CollectiveRunSpec collective;
  ReplaySpec replay;
  std::vector<JobSpec> jobs;
  NetworkSpec network;
  ScenarioPowerSpec power;
  Folding folding = Folding::automatic;
  std::uint64_t seed = 1;
  std::map<std::string, std::string> expect;  ///< "training.step_time_s": "< 10"
};

// ---------------------------------------------------------------- tables

/// One cell rule: exactly one of `formula` and `quote` is set.
struct TableCell {
  std::string formula;  ///< over part fields: "chip.peak.bf16 * chips"
  std::string quote;    ///< a published figure, as printed
  std::string source;
  std::string note;  ///< becomes a footnote
};
struct TableColumn {
  std::string title;
  std::string part;  ///< "system:cloudmatrix-384", "chip:..."; "" for ratio columns
  std::vector<std::string>
      alternatives;                ///< names of alternatives of the part (and its chip) to use
  std::string ratio_of, ratio_to;  ///< column titles; set for ratio columns
};
struct TableRow {
  std::string title;
  std::string unit;                        ///< "Gbit/s", "TB": cells are printed in it, without it
  std::string format;                      ///< fmt spec of the number, as published: "{:.1f}"
  std::string ratio_format;                ///< "{:.1f}x"
  std::string formula;                     ///< default for every column
  std::map<std::string, TableCell> cells;  ///< by column title, where it differs
};
struct TableSpec {
  PartInfo info;
  std::vector<TableColumn> columns;
  std::vector<TableRow> rows;
  std::vector<std::string> notes;
};

// ---------------------------------------------------------------- ledgers of measurements

/// What a column of a ledger gives.
enum class LedgerRole {
  text,       ///< read by people (and by `ordering`)
  set,        ///< a value of every path in `set`, as --set would write it; "" leaves them alone
  overrides,  ///< whole overrides, separated by "; "
  measured,   ///< the measured value of `measure`, in its unit; "" = not measured
  reference,  ///< case (first column) that a measure of kind `change` compares with
  status,     ///< "" scored, "assumed", "calibration", "listed"
  note        ///< known cause of a miss, or what was assumed
};
struct LedgerColumn {
  std::string name;
  LedgerRole role = LedgerRole::text;
  std::vector<std::string> set;
  std::string measure;
};
enum class LedgerComparison {
  value,  ///< predicted against measured
  change  ///< the ratio to the reference row, predicted against measured
};
/// One quantity of a ledger and how well it has to be met.
struct LedgerMeasure {
  std::string name;
  std::string figure;              ///< of the report: "training.step_time_s"
  std::string unit;                ///< of the table, for people: "ms"
  double scale = 1;                ///< SI per unit of the table
  std::vector<std::string> minus;  ///< overrides of a second run whose figure is subtracted
  LedgerComparison comparison = LedgerComparison::value;
  double bound = 0;      ///< largest mean absolute relative error; 0 = printed only
  double factor = 1.5;   ///< change: a size counts as met within this factor
  double share = 0;      ///< change: so many of the sizes must be met
  int wrong_signs = -1;  ///< change: at most so many signs may be wrong; -1 = printed only
};
/// Pairs of rows that agree in `within` and differ in `by`: which one is better?
struct LedgerOrdering {
  std::string measure;
  std::string by;
  std::vector<std::string> within;
  double bound = 0;  ///< smallest share of pairs in the right order
};
/// A published table of measurements, and the runs that predict it.
struct ValidationSpec {
  PartInfo info;
  std::string suite;                     ///< "training"
  std::string source;                    ///< document, and where in it
  std::string scenario;                  ///< base scenario; rows override it
  std::vector<std::string> assumptions;  ///< rules for inputs that the source does not give
  std::vector<LedgerMeasure> measures;
  std::vector<LedgerColumn> columns;
  std::optional<LedgerOrdering> ordering;
  std::vector<std::vector<std::string>> rows;  ///< cells in the order of `columns`
};

}  // namespace xpusim
