// V-Half and V-Min (Qi et al., arXiv 2405.15362): V-shaped building blocks with controllable
// memory.
#include <algorithm>
#include <array>
#include <deque>
#include <limits>

#include "workload/schedule.hpp"
#include "xpusim/diagnostic.hpp"

namespace xpusim {

namespace {

/// The passes that other ranks wait for, in the order in which a micro-batch meets them.
enum Kind : std::uint32_t { forward_down, forward_back, input_down, input_back, kinds };
constexpr int kPeriod = 6;  // both chunks' F, B and W of one unit each

/// When a stage runs the passes of micro-batch 0, in units.
using Block = std::array<int, kinds>;

/// Stable patterns of section 3.2: neighbours are one unit apart on the way, except that V-Half
/// takes two on the first chunk's way down and on the second backward way down. The pause before
/// the backward passes keeps the six passes of a period on different units.
Block v_half_block(int p, int i) {
  const int pause = p % 2 == 0 ? 3 : 0;
  return {2 * i, 3 * p - 2 - i, 3 * p - 1 + pause + 2 * i, 6 * p - 2 + pause - i};
}
Block v_min_block(int p, int i) {
  const int pause = p % 3 == 0 ? 2 : 0;
  return {i, 2 * p - 1 - i, 2 * p + pause + i, 4 * p - 1 + pause - i};
}

struct StableStep {
  Kind kind = forward_down;
  std::uint32_t micro_batch = 0;
};

/// Order of a stage's forward and input passes: the block repeated every period.
std::vector<StableStep> repeated(const Block& block, int micro_batches) {
  struct Timed {
    int at = 0;
    StableStep step;
  };
  std::vector<Timed> timed;
  for (std::uint32_t k = 0; k < kinds; ++k)
    for (int m = 0; m < micro_batches; ++m)
      timed.push_back(
          {block[k] + kPeriod * m, {static_cast<Kind>(k), static_cast<std::uint32_t>(m)}});
  std::stable_sort(timed.begin(), timed.end(),
                   [](const Timed& a, const Timed& b) { return a.at < b.at; });
  std::vector<StableStep> steps;
  steps.reserve(timed.size());
  for (const Timed& t : timed) steps.push_back(t.step);
  return steps;
}

/// Squeezes the repeated blocks ("squeezing", section 3.3): in steps of one unit every stage takes
/// its next forward or input pass if its input is there, else the oldest weight pass. A forward
/// pass also waits for memory: at most `limit` chunks may be in flight.
class Squeeze {
 public:
  Squeeze(const ScheduleShape& s, Block (*block)(int, int), int limit)
      : stages_(static_cast<std::size_t>(s.pipeline)), limit_(limit) {
    for (int i = 0; i < s.pipeline; ++i)
      stages_[static_cast<std::size_t>(i)].steps = repeated(block(s.pipeline, i), s.micro_batches);
    left_ = static_cast<std::size_t>(kPeriod * s.micro_batches * s.pipeline);
    for (Stage& stage : stages_) {
      stage.passes.reserve(left_ / stages_.size());
      for (auto& ends : stage.ends) ends.assign(static_cast<std::size_t>(s.micro_batches), kNever);
    }
  }

  std::vector<std::vector<Pass>> run() {
    for (int now = 0; left_ > 0; ++now) {
      const std::size_t before = left_;
      for (std::size_t i = 0; i < stages_.size(); ++i) advance(i, now);
      if (left_ == before && !moved_) throw InternalError("a V schedule does not end");
      moved_ = left_ != before;
    }
    std::vector<std::vector<Pass>> orders;
    for (Stage& stage : stages_) orders.push_back(std::move(stage.passes));
    return orders;
  }

 private:
  static constexpr int kNever = std::numeric_limits<int>::max();
  struct Stage {
    std::vector<StableStep> steps;
    std::size_t next = 0;
    int in_flight = 0;  // chunks
    std::deque<Pass> weights;
    std::array<std::vector<int>, kinds> ends;
    std::vector<Pass> passes;
  };

  [[nodiscard]] bool arrived(std::size_t i, StableStep step, int now) const {
    const bool down = step.kind == forward_down || step.kind == input_down;
    const bool from_self = down ? i == 0 : i + 1 == stages_.size();
    if (from_self && step.kind == forward_down) return true;  // the model's input
    const std::size_t from = from_self ? i : down ? i - 1 : i + 1;
    const std::uint32_t kind = from_self ? step.kind - 1 : step.kind;
    return stages_[from].ends[kind][step.micro_batch] <= now;
  }

  void advance(std::size_t i, int now) {
    Stage& s = stages_[i];
    if (s.next < s.steps.size()) {
      const StableStep step = s.steps[s.next];
      const bool forward = step.kind <= forward_back;
      if (arrived(i, step, now) && (!forward || s.in_flight < limit_)) {
        ++s.next;
        s.ends[step.kind][step.micro_batch] = now + 1;
        // The loss is at the end of the way back: backward passes go through chunk 1 first.
        const bool second = step.kind == forward_back || step.kind == input_down;
        const std::uint32_t chunk = second ? 1 : 0;
        s.passes.push_back(
            {forward ? PassKind::forward : PassKind::backward_input, chunk, step.micro_batch});
        if (forward)
          ++s.in_flight;
        else
          s.weights.push_back({PassKind::backward_weight, chunk, step.micro_batch});
        --left_;
        return;
      }
    }
    if (s.weights.empty()) return;
    s.passes.push_back(s.weights.front());
    s.weights.pop_front();
    --s.in_flight;
    --left_;
  }

  std::vector<Stage> stages_;
  int limit_ = 0;
  std::size_t left_ = 0;
  bool moved_ = true;
};

}  // namespace

// Peaks of table 1 of the paper in micro-batches (two chunks each): floor((p + 2)/2) and
// floor((p + 4)/3).
std::vector<std::vector<Pass>> v_half_orders(const ScheduleShape& s) {
  return Squeeze(s, v_half_block, 2 * ((s.pipeline + 2) / 2)).run();
}
std::vector<std::vector<Pass>> v_min_orders(const ScheduleShape& s) {
  return Squeeze(s, v_min_block, 2 * ((s.pipeline + 4) / 3)).run();
}

}  // namespace xpusim
