#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "engine/max_min.hpp"

namespace xpusim::engine {

/// A work that was started; stays valid (and inert) after the work has ended.
enum class WorkId : std::uint64_t {};

using Callback = std::function<void()>;

/// Simulated time, which SimGrid drives, and max-min fair sharing; the only code that touches
/// SimGrid.
///
/// Callbacks run from run(), in order of simulated time; those of one instant run in the order in
/// which their activities were started. They may start and cancel activities; what they start never
/// completes before they return. A Callback may be empty. Ill-formed arguments (a capacity that is
/// not positive and finite, a negative amount, an unknown resource) throw std::invalid_argument.
/// SimGrid keeps its state in globals, so a process makes at most one SimCore in its life; a parent
/// that forks simulations makes none. Use it from the main thread.
class SimCore {
 public:
  SimCore();  ///< throws std::logic_error if this process has made one before
  ~SimCore();
  SimCore(const SimCore&) = delete;
  SimCore& operator=(const SimCore&) = delete;

  /// A directed link of `capacity` bytes/s.
  ResourceId add_link(double capacity);

  /// A resource of `capacity` amount/s, shared equally among the works on it.
  ResourceId add_processor(double capacity);

  /// Moves `bytes` over all links of `route` at once, beginning `latency` seconds from now, at its
  /// max-min share but never above `rate_cap` bytes/s (0: no cap). With an empty route only latency
  /// and cap take time. A link named twice carries the bytes twice.
  void flow(std::span<const ResourceId> route, double bytes, double latency, double rate_cap,
            Callback done);

  /// Does `amount` on one processor, at an equal share of it but never above `bound` amount/s
  /// (0: no bound). What a bounded work leaves goes to the others.
  WorkId work(ResourceId processor, double amount, double bound, Callback done);

  /// Ends a work at once, without its callback. No effect on a work that has called back.
  void cancel(WorkId work);

  /// Calls back at time `when` (seconds); now, if that is past.
  void timer(double when, Callback done);

  /// Simulated time in seconds, 0 at the start.
  double now() const;

  /// Runs until nothing is left to happen. May be called again after starting more, but not after
  /// an exception of a callback has passed through.
  void run();

  /// Flows, works and timers that are neither completed nor cancelled; 0 after run().
  std::size_t pending() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;  // shared with SimGrid, which holds it as one of its models
};

}  // namespace xpusim::engine
