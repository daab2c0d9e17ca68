#include "unit/workload/run_schedule.hpp"

#include <algorithm>
#include <map>
#include <tuple>

using namespace xpusim;

namespace test_schedules {

namespace {

/// Results that others wait for.
enum Result { output, gradient };
using Key = std::tuple<Result, std::uint32_t, std::uint32_t, std::uint32_t>;  // stage, chunk, batch

class Runner {
 public:
  Runner(const ParallelLayout& layout, PassCosts costs, bool apart)
      : layout_(layout), costs_(costs), orders_(pipeline_schedules(layout)) {
    for (auto& order : orders_)
      for (Pass& pass : order) pass.merged = pass.merged && !apart;
    const double chunks = layout.virtual_stages;
    // The two copies of DualPipe take half of the micro-batches each, but whole stages.
    share_ = chunk_order(layout.schedule) == ChunkOrder::bidirectional ? 1 : 1 / chunks;
    next_.assign(orders_.size(), 0);
    free_.assign(orders_.size(), 0);
    first_.assign(orders_.size(), -1);
  }

  ScheduleRun run() {
    for (bool moved = true; moved;) {
      moved = false;
      for (std::size_t i = 0; i < orders_.size(); ++i)
        while (next_[i] < orders_[i].size() && step(i)) moved = true;
    }
    ScheduleRun r;
    r.finished = true;
    for (std::size_t i = 0; i < orders_.size(); ++i) {
      r.finished = r.finished && next_[i] == orders_[i].size();
      r.makespan = std::max(r.makespan, free_[i]);
      r.span = std::max(r.span, free_[i] - first_[i]);
      in_flight(orders_[i], r);
    }
    r.work = layout_.micro_batches * (costs_.forward + costs_.input + costs_.weight);
    r.bubble = r.span - r.work;
    return r;
  }

 private:
  [[nodiscard]] double cost(PassKind kind) const {
    switch (kind) {
      case PassKind::forward:
        return share_ * costs_.forward;
      case PassKind::backward:
        return share_ * (costs_.input + costs_.weight);
      case PassKind::backward_input:
        return share_ * costs_.input;
      case PassKind::backward_weight:
        return share_ * costs_.weight;
    }
    return 0;
  }

  /// When what a pass waits for is there; negative when it is not.
  [[nodiscard]] double arrival(std::uint32_t stage, const Pass& pass) const {
    if (pass.kind == PassKind::backward_weight) return 0;
    const Place here{stage, pass.chunk};
    const bool forward = pass.kind == PassKind::forward;
    const auto from = forward ? chunk_before(layout_, here) : chunk_after(layout_, here);
    if (!from && forward) return 0;
    const Key key =
        from ? Key{forward ? output : gradient, from->stage, from->chunk, pass.micro_batch}
             : Key{output, stage, pass.chunk, pass.micro_batch};
    const auto it = ends_.find(key);
    return it == ends_.end() ? -1 : it->second;
  }

  bool step(std::size_t i) {
    const auto stage = static_cast<std::uint32_t>(i);
    const std::size_t count = orders_[i][next_[i]].merged ? 2 : 1;
    double start = free_[i], seconds = 0;
    for (std::size_t k = next_[i]; k < next_[i] + count; ++k) {
      const double at = arrival(stage, orders_[i][k]);
      if (at < 0) return false;
      start = std::max(start, at);
      seconds += cost(orders_[i][k].kind);
    }
    if (first_[i] < 0) first_[i] = start;
    free_[i] = start + seconds;
    for (std::size_t k = next_[i]; k < next_[i] + count; ++k) {
      const Pass& p = orders_[i][k];
      if (p.kind != PassKind::backward_weight)
        ends_[{p.kind == PassKind::forward ? output : gradient, stage, p.chunk, p.micro_batch}] =
            free_[i];
    }
    next_[i] += count;
    return true;
  }

  void in_flight(const std::vector<Pass>& order, ScheduleRun& r) const {
    double until_weights = 0, until_input = 0;
    for (const Pass& p : order) {
      if (p.kind == PassKind::forward) {
        until_weights += share_;
        until_input += share_;
      }
      r.peak = std::max(r.peak, until_weights);
      r.held = std::max(r.held, until_input);
      if (p.kind == PassKind::backward || p.kind == PassKind::backward_weight)
        until_weights -= share_;
      if (p.kind == PassKind::backward || p.kind == PassKind::backward_input) until_input -= share_;
    }
  }

  const ParallelLayout& layout_;
  PassCosts costs_;
  std::vector<std::vector<Pass>> orders_;
  double share_ = 1;
  std::vector<std::size_t> next_;
  std::vector<double> free_, first_;
  std::map<Key, double> ends_;
};

}  // namespace

ParallelLayout shape(PipelineSchedule schedule, int pipeline, int micro_batches, int virtual_stages,
                     bool overlap) {
  ParallelLayout l;
  l.schedule = schedule;
  l.pipeline = pipeline;
  l.virtual_stages = virtual_stages > 0 ? virtual_stages : schedule_chunks(schedule);
  l.micro_batches = micro_batches;
  l.expert_overlap = overlap;
  return l;
}

ScheduleRun run(const ParallelLayout& layout, PassCosts costs, bool apart) {
  return Runner(layout, costs, apart).run();
}

}  // namespace test_schedules
