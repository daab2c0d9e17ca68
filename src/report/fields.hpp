// The names of the report contract (architecture.md, section 7), once: JSON is written and read
// over them.
#pragma once

#include <concepts>
#include <type_traits>

#include "xpusim/results.hpp"

namespace xpusim::report {

template <class R, class T>
concept Of = std::same_as<std::remove_const_t<R>, T>;

template <class V, Of<TrainingResult::Breakdown> R>
void fields(V& v, R& r) {
  v("compute", r.compute);
  v("exposed_tp", r.exposed_tp);
  v("exposed_cp", r.exposed_cp);
  v("exposed_ep", r.exposed_ep);
  v("exposed_pp", r.exposed_pp);
  v("exposed_dp", r.exposed_dp);
  v("bubble", r.bubble);
  v("optimizer", r.optimizer);
  v.unless_zero("exposed_other", r.exposed_other);
}

template <class V, Of<TrainingResult::Memory> R>
void fields(V& v, R& r) {
  v("parameters", r.parameters);
  v("gradients", r.gradients);
  v("optimizer", r.optimizer);
  v("activations", r.activations);
  v("buffers", r.buffers);
  v("total", r.total);
  v.unless_zero("capacity", r.capacity);
}

template <class V, Of<TrainingResult> R>
void fields(V& v, R& r) {
  v("step_time_s", r.step_time_s);
  v("tokens_per_s", r.tokens_per_s);
  v("tokens_per_s_per_chip", r.tokens_per_s_per_chip);
  v("tflops_per_chip", r.tflops_per_chip);
  v("mfu", r.mfu);
  v("hfu", r.hfu);
  v("samples_per_s", r.samples_per_s);
  v("forward_s", r.forward_s);
  v("backward_s", r.backward_s);
  v("breakdown_s", r.breakdown_s);
  v("memory_bytes_per_chip", r.memory_bytes_per_chip);
}

template <class V, Of<Distribution> R>
void fields(V& v, R& r) {
  v("mean", r.mean);
  v("p50", r.p50);
  v("p90", r.p90);
  v("p95", r.p95);
  v("p99", r.p99);
  v("max", r.max);
}

template <class V, Of<MessagesResult> R>
void fields(V& v, R& r) {
  v("count", r.count);
  v("time_s", r.time_s);
  v("slowdown", r.slowdown);
}

template <class V, Of<ReplayResult> R>
void fields(V& v, R& r) {
  v("makespan_s", r.makespan_s);
  v("ranks", r.ranks);
  v("tasks", r.tasks);
  v("skipped", r.skipped);
  v("breakdown_s", r.breakdown_s);
  v("messages", r.messages);
}

template <class V, Of<JobResult> R>
void fields(V& v, R& r) {
  v("name", r.name);
  v("scenario", r.scenario);
  v("placement", r.placement);
  v("chips", r.chips);
  v("start_s", r.start_s);
  v("end_s", r.end_s);
  v("time_s", r.time_s);
  v("alone_s", r.alone_s);
  v("slowdown", r.slowdown);
  v("contention_s", r.contention_s);
  v("cause", r.cause);
  v("culprit", r.culprit);
}

template <class V, Of<CollectiveResult> R>
void fields(V& v, R& r) {
  v("type", r.type);
  v("bytes", r.bytes);
  v("ranks", r.ranks);
  v("algorithm", r.algorithm);
  v("protocol", r.protocol);
  v("plane", r.plane);
  v("time_s", r.time_s);
  v("algbw_bytes_per_s", r.algbw_bytes_per_s);
  v("busbw_bytes_per_s", r.busbw_bytes_per_s);
}

template <class V, Of<PowerResult> R>
void fields(V& v, R& r) {
  v("mean_w", r.mean_w);
  v("peak_w", r.peak_w);
  v("energy_j", r.energy_j);
  v("energy_j_by_component", r.energy_j_by_component);
  v("tokens_per_j", r.tokens_per_j);
  v("mean_chip_w", r.mean_chip_w);
  v("mean_node_w", r.mean_node_w);
}

template <class V, Of<TierResult> R>
void fields(V& v, R& r) {
  v("plane", r.plane);
  v("tier", r.tier);
  v("links", r.links);
  v("bytes", r.bytes);
  v("mean_utilization", r.mean_utilization);
  v("peak_utilization", r.peak_utilization);
}

template <class V, Of<HotLink> R>
void fields(V& v, R& r) {
  v("link", r.link);
  v("bytes", r.bytes);
  v("utilization", r.utilization);
}

template <class V, Of<LinksResult> R>
void fields(V& v, R& r) {
  v("tiers", r.tiers);
  v("hottest", r.hottest);
}

template <class V, Of<PathSegment> R>
void fields(V& v, R& r) {
  v("name", r.name);
  v("kind", r.kind);
  v("purpose", r.purpose);
  v("stage", r.stage);
  v("rank", r.rank);
  v("seconds", r.seconds);
  v("share", r.share);
  v("count", r.count);
  v("cause", r.cause);
  v("link", r.link);
}

template <class V, Of<KernelTime> R>
void fields(V& v, R& r) {
  v("name", r.name);
  v("seconds", r.seconds);
  v("share", r.share);
  v("count", r.count);
}

template <class V, Of<CriticalPathResult> R>
void fields(V& v, R& r) {
  v("total_s", r.total_s);
  v("tasks", r.tasks);
  v("segments", r.segments);
  v("kernels", r.kernels);
}

template <class V, Of<TaskMoment> R>
void fields(V& v, R& r) {
  v("task", r.task);
  v("label", r.label);
  v("kind", r.kind);
  v("rank", r.rank);
  v("at_s", r.at_s);
}

template <class V, Of<ChainResult> R>
void fields(V& v, R& r) {
  v("name", r.name);
  v("stage", r.stage);
  v("rank", r.rank);
  v("from_s", r.from_s);
  v("to_s", r.to_s);
  v("seconds", r.seconds);
  v("tasks", r.tasks);
  v("seconds_by_cause", r.seconds_by_cause);
}

template <class V, Of<ExplainPlan> R>
void fields(V& v, R& r) {
  v("type", r.type);
  v("algorithm", r.algorithm);
  v("protocol", r.protocol);
  v("planes", r.planes);
  v("bytes", r.bytes);
  v("ranks", r.ranks);
  v("idle_time_s", r.idle_time_s);
  v("latency_s", r.latency_s);
  v("transfer_s", r.transfer_s);
  v("contention_s", r.contention_s);
  v("bottleneck", r.bottleneck);
  v("late_link", r.late_link);
}

template <class V, Of<ExplainResult> R>
void fields(V& v, R& r) {
  v("task", r.task);
  v("label", r.label);
  v("kind", r.kind);
  v("purpose", r.purpose);
  v("stream", r.stream);
  v("rank", r.rank);
  v("device", r.device);
  v("stage", r.stage);
  v("ranks", r.ranks);
  v("same_label", r.same_label);
  v("ready_s", r.ready_s);
  v("start_s", r.start_s);
  v("end_s", r.end_s);
  v("waited_for", r.waited_for);
  v("dependency_count", r.dependency_count);
  v("dependencies", r.dependencies);
  v("stream_predecessor", r.stream_predecessor);
  v("members", r.members);
  v("plan", r.plan);
  v("kernels", r.kernels);
  v("chain", r.chain);
}

template <class V, Of<SimulationResult> R>
void fields(V& v, R& r) {
  v("fidelity", r.fidelity);
  v("folded", r.folded);
  v("activities", r.activities);
  v("simulated_ranks", r.simulated_ranks);
  v("wall_s", r.wall_s);
  v("peak_rss_bytes", r.peak_rss_bytes);
}

template <class V, Of<SystemResult> R>
void fields(V& v, R& r) {
  v("system", r.system);
  v("chips", r.chips);
  v("software", r.software);
  v("parallelism", r.parallelism);
  v("planes", r.planes);
  v("error", r.error);
  v("training", r.training);
  v("replay", r.replay);
  v("collective", r.collective);
  v("jobs", r.jobs);
  v("power", r.power);
  v("links", r.links);
  v("critical_path", r.critical_path);
  v("explain", r.explain);
  if (r.error.empty()) v("simulation", r.simulation);
  v("notes", r.notes);
}

}  // namespace xpusim::report
