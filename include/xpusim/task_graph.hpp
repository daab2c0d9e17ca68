// What has to be done, in which order, by whom: a static program for the engine.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "xpusim/collective.hpp"
#include "xpusim/cost.hpp"

namespace xpusim {

using TaskId = std::uint32_t;
using RankId = std::uint32_t;  ///< simulated rank: index into TaskGraph::ranks

enum class TaskKind : std::uint8_t { compute, collective, transfer, join };
/// Why a task exists; breakdown categories and default planes follow it.
enum class Purpose : std::uint8_t { compute, optimizer, tp, cp, ep, pp, dp, other };
[[nodiscard]] std::string_view to_string(Purpose);

/// Queues of one rank; tasks of one stream run one at a time, lowest ready id first.
enum class Stream : std::uint8_t {
  compute,
  comm_tp,
  comm_cp,
  comm_ep,
  comm_pp_send,
  comm_pp_recv,
  comm_dp,
  host,          ///< the rank's CPU (recorded traces)
  comm_other,    ///< one queue for all traffic of a recorded trace
  comm_ep_node,  ///< what a dispatch moves within a node while it moves between nodes
  none
};

struct Task {
  TaskKind kind = TaskKind::join;
  Purpose purpose = Purpose::compute;
  Stream stream = Stream::none;
  RankId rank = 0;
  std::uint32_t op = 0;     ///< into op_sequences / collectives / transfers by kind
  std::uint32_t label = 0;  ///< into labels
};

/// Ranks that must all arrive before it starts; every member has one task with this op.
struct CollectiveOp {
  std::uint32_t group = 0;
  CollectiveType type = CollectiveType::ALL_REDUCE;
  double bytes = 0;
  std::uint32_t participants =
      0;  ///< tasks that must arrive (simulated members); 0 = size of groups[group].members
};
/// A message from the task's rank. Its dependents on the receiver wait for arrival.
struct TransferOp {
  std::uint32_t pairs = 0;  ///< into pair_classes
  double bytes = 0;
};

/// Ranks that communicate. `classes` holds the real devices of every group that runs at once by
/// symmetry: one entry in an unfolded graph; the first is the group of `members`.
struct CommunicatorGroup {
  std::string name;
  Purpose purpose = Purpose::other;
  std::vector<RankId> members;  ///< simulated ranks that rendezvous
  std::vector<std::vector<DeviceId>> classes;
};
struct PairClass {
  Purpose purpose = Purpose::pp;
  std::vector<DevicePair> pairs;  ///< first: the simulated one
};

struct SimulatedRank {
  DeviceId device = 0;
  std::uint32_t multiplicity = 1;  ///< ranks it stands for, itself included
  std::uint32_t stage = 0;         ///< pipeline stage, for reports
  std::uint32_t job = 0;           ///< of several that run side by side
};

/// One item of a compute task: `repeat` runs of compute_ops[op], back to back.
struct OpRun {
  std::uint32_t op = 0;  ///< into compute_ops
  std::uint32_t repeat = 1;
};
/// Kernels that one compute task runs one after another on one stream. Duration, energy, flops and
/// bytes of the task are the sums over the runs; nothing else of the rank's compute stream comes in
/// between.
using OpSequence = std::vector<OpRun>;

struct TaskGraph {
  std::vector<SimulatedRank> ranks;
  std::vector<Task> tasks;
  // Dependencies in CSR form: task t waits for dependency_ids[dependency_begin[t] ..
  // dependency_begin[t+1]).
  std::vector<std::uint32_t> dependency_begin{0};
  std::vector<TaskId> dependency_ids;
  std::vector<ComputeOp> compute_ops;  ///< unique shapes
  std::vector<OpSequence>
      op_sequences;  ///< what compute tasks run; few distinct ones, so cost them once each
  std::vector<CollectiveOp> collectives;
  std::vector<TransferOp> transfers;
  std::vector<CommunicatorGroup> groups;
  std::vector<PairClass> pair_classes;
  std::vector<std::string> labels;
  bool folded = false;
  std::vector<std::string> notes;  ///< assumptions a report must show

  /// Appends a task; ids are dense and ascending.
  TaskId add(Task task, const std::vector<TaskId>& dependencies);
  /// Appends an operation and a sequence of just this operation; returns the sequence's index (for
  /// Task::op).
  std::uint32_t add_single_op(ComputeOp op);
};

/// What one run of an op sequence costs: durations, energies, FLOPs and bytes of its operations
/// added up, the clock as their mean over time.
[[nodiscard]] OpCost sequence_cost(const TaskGraph&, std::uint32_t sequence, const CostModel&);

/// Throws InternalError when an index is out of range or dependencies are cyclic.
void validate(const TaskGraph&);

/// Moves a graph that was built on devices 0 .. n-1 to `devices[0 .. n-1]`.
void move_to(TaskGraph&, const std::vector<DeviceId>& devices);

/// One of several graphs that run side by side; their devices differ.
struct GraphPart {
  std::string name;
  TaskGraph graph;
  double start = 0;  ///< seconds: no task starts earlier
};
/// All in one: ranks, tasks and labels ("NAME: label") part after part, SimulatedRank::job counts
/// the parts. Throws InternalError when a part is folded: its ranks would not meet the others'.
[[nodiscard]] TaskGraph merge_parts(std::vector<GraphPart>);

}  // namespace xpusim
