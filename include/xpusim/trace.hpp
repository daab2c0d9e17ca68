// Recorded traces: MLCommons Chakra execution traces (schema v0.0.4) and other formats to values,
// values to files, files to a TaskGraph.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "xpusim/diagnostic.hpp"
#include "xpusim/task_graph.hpp"

namespace xpusim {

// ---------------------------------------------------------------- one rank's file

/// Numbers as on the wire (mlcommons/chakra, et_def.proto, enum NodeType).
enum class ChakraNodeType : std::uint8_t {
  invalid,
  metadata,
  mem_load,
  mem_store,
  comp,
  comm_send,
  comm_recv,
  comm_coll
};
inline constexpr std::size_t kChakraNodeTypes = 8;
[[nodiscard]] std::string_view to_string(ChakraNodeType);  ///< "COMM_COLL"

/// Numbers as on the wire (enum CollectiveCommType).
enum class ChakraCollective : std::int8_t {
  none = -1,  ///< the node has no comm_type
  all_reduce,
  reduce,
  all_gather,
  gather,
  scatter,
  broadcast,
  all_to_all,
  reduce_scatter,
  reduce_scatter_block,
  barrier,
  send_recv  ///< never in a Chakra file: every rank sends comm_size to the next one of its group
};

[[nodiscard]] std::string_view to_string(
    ChakraCollective);  ///< "ALL_REDUCE"; "none" without comm_type

/// One vertex. Texts are indices into ChakraFile::texts (0 = ""), dependencies ranges of
/// ChakraFile's id lists.
struct ChakraNode {
  std::uint64_t id = 0;
  std::uint64_t start_micros = 0;
  std::uint64_t duration_nanos = 0;  ///< recorded time; a Chakra file keeps whole microseconds
  std::uint64_t num_ops = 0;         ///< FLOPs
  std::uint64_t tensor_size = 0;     ///< bytes touched by a COMP or MEM node
  std::uint64_t comm_size = 0;       ///< bytes; meaning: CommSizeConvention
  std::uint64_t offset = 0;          ///< of the message's length prefix in the file
  std::int32_t comm_src = -1;        ///< global rank; -1 = not given
  std::int32_t comm_dst = -1;
  std::int32_t comm_tag = 0;
  std::int32_t comm_priority = 0;
  std::uint32_t name = 0;
  std::uint32_t pg_name = 0;            ///< communicator id as decimal text
  std::uint32_t inputs = 0;             ///< IOInfo.values; kept for process-group records only
  std::uint32_t involved_dims = 0;      ///< bit d: dimension d takes part
  std::uint8_t involved_dim_count = 0;  ///< 0 = attribute absent: all dimensions
  ChakraNodeType type = ChakraNodeType::invalid;
  ChakraCollective collective = ChakraCollective::none;
  bool is_cpu_op = false;
  std::uint32_t first_data_dep = 0, data_deps = 0;  ///< into ChakraFile::data_dep_ids
  std::uint32_t first_ctrl_dep = 0, ctrl_deps = 0;  ///< into ChakraFile::ctrl_dep_ids
};

/// A whole trace of one rank; equal files of a set share one of these.
struct ChakraFile {
  std::string name;     ///< path, for messages
  std::string version;  ///< GlobalMetadata.version; often ""
  std::map<std::string, std::string>
      metadata;                        ///< GlobalMetadata attributes as text, cut at 200 bytes
  std::vector<ChakraNode> nodes;       ///< in file order
  std::vector<std::string> texts{""};  ///< each different text once
  std::vector<std::uint64_t> data_dep_ids, ctrl_dep_ids;
  std::uint64_t bytes = 0;          ///< file size
  std::uint64_t skipped_bytes = 0;  ///< tensor texts and unused attributes that were stepped over
  /// In-trace communicators ("## process_group:init ##"): pg_name -> ranks, ascending; empty = all
  /// ranks.
  std::map<std::string, std::vector<std::uint32_t>> process_groups;

  [[nodiscard]] const std::string& text(std::uint32_t index) const { return texts[index]; }
  /// Index of a text, appended when new.
  std::uint32_t intern(std::string_view);
  /// Frees the look-up table of intern(); it comes back when needed.
  void finish_texts() { interned_ = {}; }
  /// Appends a node; `node.name` and the dependency ranges are set from the other arguments.
  void add(ChakraNode node, std::string_view node_name, const std::vector<std::uint64_t>& data = {},
           const std::vector<std::uint64_t>& ctrl = {});

 private:
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view t) const { return std::hash<std::string_view>{}(t); }
  };
  std::unordered_map<std::string, std::uint32_t, TextHash, std::equal_to<>>
      interned_;  ///< emptied after reading
};

/// Pulls one node at a time out of a file's bytes, in memory that does not grow with the file.
/// `bytes` must outlive the reader; `file` receives metadata, texts and dependency ids (clear them
/// at will).
class ChakraReader {
 public:
  /// Reads the leading GlobalMetadata. Throws InputError (not a Chakra file, an old schema).
  ChakraReader(std::string_view bytes, ChakraFile& file);
  /// False at the end of the file. Throws InputError with file and byte offset.
  bool next(ChakraNode& node);

 private:
  std::string_view bytes_;
  std::size_t position_ = 0;
  ChakraFile& file_;
};

/// Decodes a whole file. Throws InputError: codes trace-format, trace-version, trace-truncated,
/// trace-value.
[[nodiscard]] ChakraFile read_chakra(std::string_view bytes, std::string name);
[[nodiscard]] ChakraFile read_chakra_file(const std::string& path);

/// Writes the wire form of v0.0.4: fields in number order, protobuf's defaults left out, is_cpu_op
/// always written.
void write_chakra(std::ostream&, const ChakraFile&);
[[nodiscard]] std::string encode_chakra(const ChakraFile&);

// ---------------------------------------------------------------- all ranks

/// One file per rank: PREFIX.0.et, PREFIX.1.et, ... Files with equal bytes are decoded once.
struct ChakraTrace {
  std::string prefix;
  std::vector<std::shared_ptr<const ChakraFile>> ranks;
  /// Ranks whose files are byte for byte equal, ascending, ordered by first rank; every rank is in
  /// one class.
  std::vector<std::vector<std::uint32_t>> identical_classes;
};

/// Reads PREFIX.<rank>.et; a directory that holds one prefix stands for it. Throws InputError: no
/// file, a rank missing from 0..n-1 (says which ranks were found), and whatever a file's reader
/// refuses.
[[nodiscard]] ChakraTrace read_chakra_trace(const std::string& prefix);
/// The same from values, for generators and tests; classes by identity of the pointers.
[[nodiscard]] ChakraTrace make_chakra_trace(std::vector<std::shared_ptr<const ChakraFile>> ranks);

/// Communicators by decimal id, from `--comm-group-configuration`: {"1": [0,1], "2": [2,3]}.
struct CommGroups {
  std::map<std::string, std::vector<std::uint32_t>> groups;  ///< ranks ascending; empty = all ranks
  std::vector<std::string> notes;                            ///< key "0" accepted
};
/// Throws InputError with line and column: code trace-comm-groups.
[[nodiscard]] CommGroups parse_comm_groups(std::string text, std::string name);

// ---------------------------------------------------------------- trace -> TaskGraph

/// How long COMP and MEM nodes take.
enum class ReplayTiming : std::uint8_t {
  automatic,  ///< the recorded duration where it is above 0, else num_ops / tensor_size on the chip
  recorded,   ///< the recorded duration, 1 ns where it is 0 (as ASTRA-sim)
  roofline    ///< num_ops and tensor_size on the chip; host operations and nodes without both as
              ///< recorded
};

/// What comm_size counts; producers differ.
enum class CommSizeConvention : std::uint8_t {
  automatic,  ///< one_rank_input for a trace converted from PyTorch (metadata has "pid"), else
              ///< collective_size
  collective_size,  ///< the collective's buffer as in collective.hpp: microbenchmarks, STG
  one_rank_input  ///< the input tensors of one rank: an ALL_GATHER of n ranks gathers n times this
};

/// Ranks that differ only in some of the logical dimensions: how one file of a program that all
/// ranks run names a communicator.
struct DimensionGroup {
  std::uint32_t dimensions = 0;  ///< bit d: dimension d varies
  Purpose purpose = Purpose::other;
};

struct ReplayOptions {
  ReplayTiming timing = ReplayTiming::automatic;
  CommSizeConvention comm_size = CommSizeConvention::automatic;
  std::string compute_format = "bf16";  ///< peak that num_ops run on
  /// Recorded durations of COMP and of MEM nodes, times these: a recording of another chip.
  double compute_scale = 1, memory_scale = 1;
  CommGroups groups;  ///< override in-trace process groups of the same id
  /// Sizes of the logical dimensions, innermost first; their product is the number of ranks. With
  /// them `involved_dim` selects groups; without them it is ignored and counted.
  std::vector<std::uint32_t> dimensions;
  int data_dimension = -1;  ///< the one whose ranks are data-parallel replicas; -1 = the last
  std::vector<Purpose> dimension_purposes;  ///< of groups along one dimension; missing = other
  /// Communicators by name ("tp"), where a pg_name means the rank's own group along dimensions.
  std::map<std::string, DimensionGroup> dimension_groups;
  std::map<std::string, Purpose> group_purposes;  ///< by communicator id; missing = other
  Purpose message_purpose = Purpose::other;       ///< of SEND and RECV nodes
  bool follow_ctrl_deps = false;  ///< wait for control dependencies too, where the node exists
  /// One communication or memory operation at a time per rank (a RECV takes no slot); false: as
  /// many as are ready. Host and compute operations always run one at a time.
  bool communication_slot = true;
  bool allow_unmatched =
      false;  ///< sends without a receive are sent, receives without a send do not wait
  std::vector<DeviceId> placement;  ///< device of each rank; empty = rank r on device r
  /// Ranks that do the same from equivalent places are simulated once; needs `fabric`. `on` refuses
  /// a trace without such ranks.
  Folding folding = Folding::off;
  const Fabric* fabric = nullptr;
};

/// A trace of any format as graphs of ranks, and how its format wants it replayed.
struct RecordedTrace {
  std::string format;  ///< row of trace_formats()
  ChakraTrace trace;
  ReplayOptions options;           ///< dimensions, groups and rules that the format fixes
  std::vector<std::string> notes;  ///< assumptions a report must show
};

/// The trace with another number of ranks: replicas along `options.data_dimension` are added or
/// left out, each as the recorded one in its place (modulo their number). Sizes of collectives
/// stay: gradients and parameters do not depend on the number of replicas. Communicators given by
/// ranks become dimension groups. Throws InputError, code trace-scale: dimensions not known, ranks
/// no multiple of a replica's, groups or messages that do not follow the dimensions.
[[nodiscard]] RecordedTrace scale_ranks(const RecordedTrace&, std::uint32_t ranks);
/// A trace of one rank as that of many which all do the same. Throws InputError, code trace-ranks.
[[nodiscard]] RecordedTrace copy_ranks(const RecordedTrace&, std::uint32_t ranks);

// ---------------------------------------------------------------- formats

struct TraceFormatInfo {
  std::string_view name;         ///< "simai"
  std::string_view description;  ///< what it is, in one line
  std::string_view files;        ///< how its files are named
};
/// Every format that read_trace knows, in the order in which `--help` lists them.
[[nodiscard]] const std::vector<TraceFormatInfo>& trace_formats();

/// What some formats do not say themselves. A format that has no use for a field refuses it.
struct TraceReadOptions {
  std::uint32_t ranks = 0;           ///< number of ranks; 0 = as the file says
  std::uint32_t model_parallel = 0;  ///< size of a model-parallel group; 0 = as the file says
};

/// Reads a trace of any format. `format` names a row of trace_formats(); "" recognises it by file
/// name and content. Throws InputError: trace-format (unknown name, unrecognised content),
/// trace-empty (no nodes at all), and whatever the format's reader refuses.
[[nodiscard]] RecordedTrace read_trace(const std::string& path, std::string_view format = {},
                                       const TraceReadOptions& = {});

/// One transfer of `bytes` from every node to another, nobody to itself: a random derangement, the
/// same for the same seed everywhere. Throws InputError, code trace-ranks.
[[nodiscard]] RecordedTrace make_permutation(std::uint32_t nodes, std::uint64_t bytes,
                                             std::uint64_t seed);

/// What a run of an unfolded graph would have recorded: one rank per simulated one; compute with
/// its duration, FLOPs and bytes, collectives by communicator, messages as SEND and RECV, joins as
/// METADATA nodes.
[[nodiscard]] RecordedTrace record_graph(const TaskGraph&, const CostModel&);
/// One collective of all ranks, and nothing else.
[[nodiscard]] RecordedTrace make_collective_trace(ChakraCollective, std::uint64_t bytes,
                                                  std::uint32_t ranks);

/// A trace of transfers at fixed times as an htsim connection matrix. Throws InputError, code
/// trace-format, when it is anything else.
[[nodiscard]] std::string htsim_cm_text(const RecordedTrace&);

struct TraceWriteOptions {
  bool force = false;  ///< replace files that are there, write more than 100,000 of them
};
struct TraceWriteSummary {
  std::uint64_t files = 0;
  std::vector<std::string> notes;  ///< what the written form does not hold
};
/// Writes PREFIX.<rank>.et as the reference reader takes it: groups along dimensions become decimal
/// pg_names listed in PREFIX.comm_groups.json, SEND_RECV becomes messages, durations are rounded to
/// microseconds. All files appear at once or none. Throws InputError, code trace-write.
TraceWriteSummary write_chakra_trace(const RecordedTrace&, const std::string& prefix,
                                     const TraceWriteOptions& = {});
/// The same as PREFIX.<rank>.json.
TraceWriteSummary write_chakra_json_trace(const RecordedTrace&, const std::string& prefix,
                                          const TraceWriteOptions& = {});
/// One file, whole or not at all. Throws InputError, code trace-write.
TraceWriteSummary write_htsim_cm(const RecordedTrace&, const std::string& path,
                                 const TraceWriteOptions& = {});

// ---------------------------------------------------------------- statistics and replay

/// What is in a trace and what a replay does with it.
struct ChakraStatistics {
  std::uint32_t ranks = 0, different_files = 0;
  std::uint64_t bytes = 0, skipped_bytes = 0;
  std::array<std::uint64_t, kChakraNodeTypes> nodes{};  ///< of all ranks, by type
  std::uint64_t host_nodes = 0;                         ///< is_cpu_op
  std::uint64_t data_dependencies = 0, ctrl_dependencies = 0;
  double recorded_seconds = 0;  ///< sum of recorded durations of COMP and MEM nodes, all ranks
  double num_ops = 0, tensor_bytes = 0;
  struct Traffic {
    std::uint64_t nodes = 0;
    double comm_size = 0;  ///< sum over ranks, as written
  };
  /// (collective or "SEND"/"RECV", communicator as written) -> traffic.
  std::map<std::pair<std::string, std::string>, Traffic> traffic;
  std::map<std::string, std::uint64_t> ignored;  ///< reason -> count
};
[[nodiscard]] ChakraStatistics chakra_statistics(const ChakraTrace&);
/// Seconds of the longest chain of recorded computation (COMP, MEM and host nodes) through a rank's
/// data dependencies. Throws InputError: trace-dependency, trace-cycle.
[[nodiscard]] double critical_path_seconds(const ChakraFile&);

struct Replay {
  TaskGraph graph;
  ChakraStatistics statistics;
};

/// One simulated rank per class of ranks (unfolded: per file), one task per node; task ids ascend
/// with (rank, node id). Semantics:
/// docs/model.md. `devices`: devices of the machine. Throws InputError:
/// trace-dependency, trace-cycle, trace-collective, trace-message, trace-comm-groups, trace-ranks,
/// trace-value, cannot-fold.
[[nodiscard]] Replay build_replay(const ChakraTrace&, std::uint32_t devices,
                                  const ReplayOptions& = {});

}  // namespace xpusim
