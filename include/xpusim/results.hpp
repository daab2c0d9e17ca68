// The result of a run as plain values: what listeners fill and writers print. Names are stable;
// units are in the names or SI.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace xpusim {

struct TrainingResult {
  double step_time_s = 0, tokens_per_s = 0, tokens_per_s_per_chip = 0, tflops_per_chip = 0, mfu = 0,
         hfu = 0;
  double samples_per_s = 0;              ///< sequences
  double forward_s = 0, backward_s = 0;  ///< of the last micro-batch through the first chunk of the
                                         ///< first stage, communication included
  struct Breakdown {
    double compute = 0, exposed_tp = 0, exposed_cp = 0, exposed_ep = 0, exposed_pp = 0,
           exposed_dp = 0, bubble = 0, optimizer = 0;
    double exposed_other =
        0;  ///< traffic of no known purpose (recorded traces); shown only when above 0
  } breakdown_s;
  struct Memory {
    double parameters = 0, gradients = 0, optimizer = 0, activations = 0, buffers = 0, total = 0,
           capacity = 0;
  } memory_bytes_per_chip;
};
/// Of many values of one kind.
struct Distribution {
  double mean = 0, p50 = 0, p90 = 0, p95 = 0, p99 = 0, max = 0;
};
/// Messages between two ranks, each from its start to its arrival.
struct MessagesResult {
  std::uint64_t count = 0;
  Distribution time_s;
  Distribution slowdown;  ///< time over that on an idle fabric
};
struct ReplayResult {
  double makespan_s = 0;
  std::uint64_t ranks = 0, tasks = 0, skipped = 0;
  TrainingResult::Breakdown breakdown_s;
  std::optional<MessagesResult> messages;  ///< when it sends any
};
/// One of several jobs that share the system.
struct JobResult {
  std::string name, scenario, placement;
  std::uint64_t chips = 0;
  double start_s = 0, end_s = 0, time_s = 0;
  double alone_s = 0;       ///< the same job on the same chips, without the others
  double slowdown = 0;      ///< time_s / alone_s
  double contention_s = 0;  ///< of its time, behind the traffic of others on the way to its end
  std::string cause;        ///< link where most of that was lost
  std::string culprit;      ///< job that moved most bytes over this link, itself left out
};
struct CollectiveResult {
  std::string type;
  double bytes = 0;
  std::uint64_t ranks = 0;
  std::string algorithm, protocol, plane;
  double time_s = 0, algbw_bytes_per_s = 0, busbw_bytes_per_s = 0;
};
struct PowerResult {
  double mean_w = 0, peak_w = 0, energy_j = 0;
  std::vector<std::pair<std::string, double>>
      energy_j_by_component;  ///< chip_idle, chip_dynamic, cpu, ...
  std::optional<double> tokens_per_j;
  double mean_chip_w = 0;  ///< one chip
  double mean_node_w = 0;  ///< one node, AC side, without system-scope components
};
struct TierResult {
  std::string plane, tier;
  std::uint64_t links = 0;
  double bytes = 0, mean_utilization = 0,
         peak_utilization = 0;  ///< of effective capacity, over the run / busiest link
};
struct HotLink {
  std::string link;
  double bytes = 0, utilization = 0;
};
struct LinksResult {
  std::vector<TierResult> tiers;
  std::vector<HotLink> hottest;
};
/// Time on the critical path that had one cause.
struct PathSegment {
  std::string name;  ///< label; "*" stands for the numbers in which labels of the segment differ
  std::string kind;  ///< compute, host, collective, transfer, gap
  std::string purpose;
  std::optional<std::uint64_t> stage, rank;  ///< one of them
  std::string cause;  ///< kernel, shared units, host, latency, transfer, contention, gap
  std::string link;   ///< "plane/tier" that bounds the transfer or was shared
  double seconds = 0, share = 0;
  std::uint64_t count = 0;  ///< tasks
};
/// Kernels of one name, at full execution units.
struct KernelTime {
  std::string name;
  double seconds = 0, share = 0;
  std::uint64_t count = 0;
};
struct CriticalPathResult {
  double total_s = 0;
  std::uint64_t tasks = 0;
  std::vector<PathSegment> segments;  ///< longest first; they sum to total_s
  std::vector<KernelTime> kernels;    ///< what the segments of cause `kernel` ran, longest first
};
struct TaskMoment {
  std::uint64_t task = 0;
  std::string label, kind;
  std::uint64_t rank = 0;
  double at_s = 0;  ///< end of a predecessor, arrival of a member
};
/// Consecutive tasks of one label and place on the way to a task.
struct ChainResult {
  std::string name;
  std::optional<std::uint64_t> stage, rank;
  double from_s = 0, to_s = 0, seconds = 0;
  std::uint64_t tasks = 0;
  std::vector<std::pair<std::string, double>> seconds_by_cause;  ///< "tp transfer ub/device-up"
};
struct ExplainPlan {
  std::string type, algorithm, protocol, planes;
  double bytes = 0;
  std::uint64_t ranks = 0;
  double idle_time_s = 0, latency_s = 0, transfer_s = 0, contention_s = 0;
  std::string bottleneck;  ///< link that bounds it on an idle fabric
  std::string late_link;   ///< link that others kept busy
};
struct ExplainResult {
  std::uint64_t task = 0;
  std::string label, kind, purpose, stream;
  std::uint64_t rank = 0, device = 0, stage = 0, ranks = 1;
  std::uint64_t same_label = 1;  ///< tasks that the name given stands for
  double ready_s = 0, start_s = 0, end_s = 0;
  std::string waited_for;
  std::uint64_t dependency_count = 0;
  std::vector<TaskMoment> dependencies;  ///< latest first, at most 100
  std::optional<TaskMoment> stream_predecessor;
  std::vector<TaskMoment> members;  ///< of the collective, by arrival
  std::optional<ExplainPlan> plan;
  std::vector<KernelTime> kernels;  ///< of a compute task, longest first; share of the task
  std::vector<ChainResult> chain;   ///< from 0 to the end; their seconds sum to end_s
};
struct SimulationResult {
  std::string fidelity;
  bool folded = false;
  std::uint64_t activities = 0, simulated_ranks = 0;
  std::optional<double> wall_s;
  std::optional<double> peak_rss_bytes;
};
struct SystemResult {
  std::string system;
  std::uint64_t chips = 0;
  std::string software;
  std::string parallelism;                    ///< "TP8 PP16 DP3 VP8 EP1", as run
  std::map<std::string, std::string> planes;  ///< traffic kind -> plane used
  std::optional<TrainingResult> training;
  std::optional<ReplayResult> replay;
  std::vector<CollectiveResult> collective;
  std::vector<JobResult> jobs;
  std::optional<PowerResult> power;
  std::optional<LinksResult> links;
  std::optional<CriticalPathResult> critical_path;  ///< when asked
  std::vector<ExplainResult> explain;               ///< when asked
  SimulationResult simulation;
  std::vector<std::string> notes;  ///< assumptions and fall-backs
  std::string error;  ///< set when this system could not run ("does not fit: ..."); no results then
};
struct Manifest {
  std::string version, commit;
  std::uint64_t seed = 1;
  std::string resolved;  ///< the resolved configuration as JSON text
};
struct RunReport {
  std::string scenario, question, kind, baseline;
  Manifest manifest;
  std::vector<SystemResult> results;
};

}  // namespace xpusim
