// Zero-bubble schedules whose order has a closed form: ZB-H1, ZB-H2, ZB-V.
#include <algorithm>
#include <array>

#include "workload/schedule.hpp"

namespace xpusim {

namespace {

/// Appends passes to a rank's order; each kind runs its micro-batches in ascending order per chunk,
/// and what has run out is left out: that is how few micro-batches shorten a schedule.
class Writer {
 public:
  Writer(const ScheduleShape& s) : batches_(static_cast<std::uint32_t>(s.micro_batches)) {}

  void forward(std::uint32_t c) { add(PassKind::forward, c, forwards_[c], batches_); }
  void input(std::uint32_t c) { add(PassKind::backward_input, c, inputs_[c], forwards_[c]); }
  void weight(std::uint32_t c) { add(PassKind::backward_weight, c, weights_[c], inputs_[c]); }
  [[nodiscard]] bool forwards_left(std::uint32_t c) const { return forwards_[c] < batches_; }
  [[nodiscard]] bool inputs_left(std::uint32_t c) const { return inputs_[c] < batches_; }
  [[nodiscard]] bool weights_left(std::uint32_t c) const { return weights_[c] < batches_; }
  [[nodiscard]] std::uint32_t inputs(std::uint32_t c) const { return inputs_[c]; }
  [[nodiscard]] std::vector<Pass> take() { return std::move(order_); }

 private:
  void add(PassKind kind, std::uint32_t c, std::uint32_t& next, std::uint32_t end) {
    if (next < end) order_.push_back({kind, c, next++});
  }

  std::uint32_t batches_;
  std::array<std::uint32_t, 2> forwards_{}, inputs_{}, weights_{};
  std::vector<Pass> order_;
};

/// Stage i starts with `depth` (p - i) - (depth - 1) forward passes and lets its weight passes lag
/// `depth` i micro-batches: what is in flight is at most depth p - (depth - 1) everywhere, the
/// memory limit of ZB-H1 (depth 1: p, as 1F1B) and ZB-H2 (depth 2: 2 p - 1).
std::vector<Pass> handcrafted(const ScheduleShape& s, int stage, int depth) {
  Writer w(s);
  const int warmup = depth * (s.pipeline - stage) - (depth - 1);
  const auto lag = static_cast<std::uint32_t>(depth * stage);
  for (int k = 0; k < warmup; ++k) w.forward(0);
  while (w.inputs_left(0)) {
    w.input(0);
    if (w.inputs(0) > lag) w.weight(0);
    w.forward(0);
  }
  while (w.weights_left(0)) w.weight(0);
  return w.take();
}

}  // namespace

std::vector<Pass> zb_h1_order(const ScheduleShape& s, int stage) {
  return handcrafted(s, stage, 1);
}
std::vector<Pass> zb_h2_order(const ScheduleShape& s, int stage) {
  return handcrafted(s, stage, 2);
}

/// Chunk 0 goes down the stages, chunk 1 comes back. With F = B = W nobody waits, and what is in
/// flight is that of 1F1B: p micro-batches of both chunks.
std::vector<Pass> zb_v_order(const ScheduleShape& s, int stage) {
  Writer w(s);
  const int behind = s.pipeline - stage;
  for (int k = 0; k < 2 * behind - 1; ++k) w.forward(0);
  for (int k = 0; k < stage; ++k) {
    w.forward(1);
    w.forward(0);
  }
  for (int k = 0; k < behind; ++k) {
    w.forward(1);
    w.input(1);
    w.weight(1);
  }
  while (w.forwards_left(0) || w.forwards_left(1)) {
    w.forward(0);
    w.input(0);
    w.weight(0);
    w.forward(1);
    w.input(1);
    w.weight(1);
  }
  // The input gradients still to come, weights deferred as far as others wait for them.
  for (int k = 0; k < stage; ++k) {
    w.input(0);
    w.input(1);
  }
  while (w.inputs_left(0)) {
    w.input(0);
    w.weight(0);
  }
  while (w.inputs_left(1)) w.input(1);
  while (w.weights_left(1)) w.weight(1);
  while (w.weights_left(0)) w.weight(0);
  return w.take();
}

}  // namespace xpusim
