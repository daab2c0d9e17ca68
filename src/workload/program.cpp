#include "workload/program.hpp"

#include <array>
#include <optional>

namespace xpusim {

namespace {

/// The step after the wait for `slot` is what it waits for.
bool waited_for_by_weights(const std::vector<Step>& steps, std::uint32_t slot) {
  for (std::size_t i = 0; i + 1 < steps.size(); ++i)
    if (steps[i].kind == StepKind::wait && steps[i].slot == slot)
      return steps[i + 1].kind == StepKind::run && steps[i + 1].weight_gradient;
  return false;
}

/// Starts each communication behind the wait for the one before it, so that it runs under the
/// kernels between the two.
std::vector<Step> start_early(const std::vector<Step>& steps) {
  std::vector<Step> starts;
  for (const Step& step : steps)
    if (step.kind == StepKind::start) starts.push_back(step);
  std::vector<Step> out;
  out.reserve(steps.size());
  std::size_t next = 0;
  const auto start_next = [&] {
    if (next < starts.size()) out.push_back(starts[next++]);
  };
  start_next();
  for (const Step& step : steps) {
    if (step.kind == StepKind::start) continue;
    out.push_back(step);
    if (step.kind == StepKind::wait) start_next();
  }
  return out;
}

}  // namespace

SplitProgram split_backward(const Program& backward) {
  SplitProgram out;
  out.input.slots = out.weight.slots = backward.slots;
  std::vector<bool> moves(backward.slots, false);
  for (const Step& step : backward.steps)
    if (step.kind == StepKind::start)
      moves[step.slot] = waited_for_by_weights(backward.steps, step.slot);
  std::vector<Step> weight;
  for (const Step& step : backward.steps) {
    const bool communication = step.kind == StepKind::start || step.kind == StepKind::wait;
    const bool with_weights = step.kind == StepKind::gradients || step.weight_gradient ||
                              (communication && moves[step.slot]);
    (with_weights ? weight : out.input.steps).push_back(step);
  }
  out.weight.steps = start_early(weight);
  return out;
}

namespace {

/// One of the two programs that are merged.
class ProgramLane {
 public:
  ProgramLane(const Program& program, std::uint8_t lane, std::uint32_t first_slot,
              const CommunicationTable& communications)
      : program_(program), lane_(lane), first_slot_(first_slot), expert_(program.slots, false) {
    for (const Step& step : program.steps)
      if (step.kind == StepKind::start)
        expert_[step.slot] = purpose_of(communications.at(step.index).group) == Purpose::ep;
  }

  [[nodiscard]] bool ended() const { return ended_; }

  /// Appends steps up to the next wait for an expert communication, one such wait included when the
  /// lane had stopped there before.
  void run(std::vector<Step>& out, bool other_ended) {
    for (bool resumed = true; next_ < program_.steps.size(); ++next_) {
      Step step = program_.steps[next_];
      const bool yields = step.kind == StepKind::wait && expert_[step.slot];
      if (yields && !(resumed && stopped_) && !other_ended) {
        stopped_ = true;
        return;
      }
      if (yields) resumed = false;
      step.slot += first_slot_;
      step.lane = lane_;
      out.push_back(step);
    }
    ended_ = true;
    out.push_back({StepKind::finish, 0, 0, false, lane_});
  }

 private:
  const Program& program_;
  std::uint8_t lane_;
  std::uint32_t first_slot_;
  std::vector<bool> expert_;  // by slot
  std::size_t next_ = 0;
  bool stopped_ = false, ended_ = false;
};

}  // namespace

Program merge_programs(const Program& first, const Program& second,
                       const CommunicationTable& communications) {
  Program out;
  out.slots = first.slots + second.slots;
  std::array<ProgramLane, 2> lanes{ProgramLane(first, 0, 0, communications),
                                   ProgramLane(second, 1, first.slots, communications)};
  for (std::size_t i = 0; !lanes[0].ended() || !lanes[1].ended(); i = 1 - i)
    if (!lanes[i].ended()) lanes[i].run(out.steps, lanes[1 - i].ended());
  return out;
}

}  // namespace xpusim
