// DualPipe: micro-batches enter at both ends; every rank holds stage i and stage p - 1 - i.
#include <algorithm>
#include <array>
#include <deque>

#include "workload/schedule.hpp"

namespace xpusim {

namespace {

/// Writes a rank's order. A direction is seen from the rank: `near` micro-batches enter at the
/// closer end of the pipeline. Each direction carries half of the micro-batches; those of chunk 1
/// are the second half.
class BidirectionalWriter {
 public:
  enum Direction : std::uint32_t { near, far };

  BidirectionalWriter(const ScheduleShape& s, int stage)
      : second_half_(stage >= s.pipeline / 2),
        per_direction_(static_cast<std::uint32_t>(s.micro_batches / 2)) {}

  void forward(Direction d) { add(PassKind::forward, chunk(d), forwards_); }
  void backward(Direction d) { add(PassKind::backward, chunk(d), backwards_); }
  /// Leaves the weights for later, first in first out.
  void input(Direction d) {
    add(PassKind::backward_input, chunk(d), backwards_);
    weights_.push_back(order_.back());
  }
  void weight() {
    order_.push_back(
        {PassKind::backward_weight, weights_.front().chunk, weights_.front().micro_batch});
    weights_.pop_front();
  }
  void overlapped(Direction f, Direction b) {
    forward(f);
    order_.back().merged = true;
    backward(b);
  }
  [[nodiscard]] bool weights_left() const { return !weights_.empty(); }
  [[nodiscard]] std::vector<Pass> take() { return std::move(order_); }

 private:
  [[nodiscard]] std::uint32_t chunk(Direction d) const {
    return (d == far) == second_half_ ? 0 : 1;
  }
  void add(PassKind kind, std::uint32_t c, std::array<std::uint32_t, 2>& next) {
    order_.push_back({kind, c, c * per_direction_ + next[c]++});
  }

  bool second_half_;
  std::uint32_t per_direction_;
  std::array<std::uint32_t, 2> forwards_{}, backwards_{};
  std::deque<Pass> weights_;
  std::vector<Pass> order_;
};

}  // namespace

std::vector<Pass> dualpipe_order(const ScheduleShape& s, int stage) {
  using D = BidirectionalWriter;
  BidirectionalWriter w(s, stage);
  const int from_end = std::min(stage, s.pipeline - 1 - stage);
  const int to_middle = s.pipeline / 2 - 1 - from_end;
  // The eight phases of the authors' implementation (dualpipe/dualpipe.py, step()).
  for (int i = 0; i < 2 * to_middle; ++i) w.forward(D::near);
  for (int i = 0; i <= from_end; ++i) {
    w.forward(D::near);
    w.forward(D::far);
  }
  for (int i = 0; i < to_middle; ++i) {
    w.input(D::far);
    w.weight();
    w.forward(D::far);
  }
  const int steady = s.micro_batches / 2 - s.pipeline + from_end + 1;
  for (int i = 0; i < steady; ++i) {
    if (i == 0 && to_middle == 0) {  // not merged in the middle: the neighbour waits for it
      w.forward(D::near);
      w.backward(D::far);
    } else {
      w.overlapped(D::near, D::far);
    }
    w.overlapped(D::far, D::near);
  }
  for (int i = 0; i < to_middle; ++i) {
    w.backward(D::far);
    w.overlapped(D::far, D::near);
  }
  // From half-way on the weights are left for the end, where ranks would wait.
  const int half = from_end + 1;
  for (int i = 0; i < 2 * half; ++i) {
    const D::Direction d = i % 2 == 0 ? D::far : D::near;
    if (i < half)
      w.backward(d);
    else
      w.input(d);
  }
  for (int i = 0; i < to_middle; ++i) {
    w.weight();
    w.input(D::near);
  }
  while (w.weights_left()) w.weight();
  return w.take();
}

}  // namespace xpusim
