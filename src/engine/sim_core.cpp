#include "engine/sim_core.hpp"

#include <simgrid/kernel/resource/Model.hpp>
#include <simgrid/s4u/Engine.hpp>
#include <simgrid/s4u/NetZone.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <csignal>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "engine/agenda.hpp"
#include "engine/pages.hpp"

namespace xpusim::engine {
namespace {

// Instants closer than this fraction of the clock are one. The clocks of symmetric ranks drift
// apart by rounding; uniting them keeps one solve per step where there would be one per rank.
constexpr double kSameInstant = 1e-14;

void require(bool holds, const char* what) {
  if (!holds) throw std::invalid_argument(what);
}

bool is_amount(double value) { return value >= 0.0 && std::isfinite(value); }

// One flow, work or timer; slots are used again, `generation` tells the tenants apart.
struct Slot {
  enum class State : std::uint8_t {
    free,
    waiting,    // only for the clock
    latency,    // a flow whose transfer has not begun
    sharing,    // a flow or work in progress
    due,        // about to call back
    cancelled,  // was due
  };
  Callback done;
  std::uint64_t sequence = 0;    // start order
  double left = 0.0;             // bytes, or amount of a work, at `updated`
  double updated = 0.0;          // seconds
  std::uint32_t generation = 1;  // so that WorkId{} names no work
  std::uint32_t link = 0;        // the solver's flow; of a free slot, the next one
  State state = State::free;
};

// SimGrid's engine announces itself on the terminal, takes over signals and sweeps at exit.
void start_simgrid() {
  static bool started = false;
  if (std::exchange(started, true)) throw std::logic_error("a process holds at most one SimCore");

  constexpr std::array kSignals{SIGINT, SIGSEGV, SIGBUS};
  std::array<struct sigaction, kSignals.size()> handlers{};
  for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], nullptr, &handlers[i]);

  std::array<std::string, 3> words{"xpusim", "--log=root.thres:critical",
                                   "--cfg=debug/clean-atexit:no"};
  std::array<char*, words.size() + 1> argv{};
  for (std::size_t i = 0; i < words.size(); ++i) argv[i] = words[i].data();
  int argc = static_cast<int>(words.size());
  new simgrid::s4u::Engine(&argc, argv.data());  // never freed: its teardown serves nobody
  simgrid::s4u::create_empty_zone("root");       // an engine does not run without one

  for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &handlers[i], nullptr);
}

}  // namespace

// A SimGrid model beside its own ones: the engine asks each model for its next event, advances the
// clock to the earliest and tells all of them.
class SimCore::Impl final : public simgrid::kernel::resource::Model {
 public:
  Impl() : Model("xpusim") {}

  ResourceId add_resource(double capacity) {
    require(capacity > 0.0 && std::isfinite(capacity), "capacity must be positive and finite");
    return solver_.add_resource(capacity);
  }

  void check(ResourceId id) const {
    require(static_cast<std::size_t>(id) < solver_.resources(), "unknown resource");
  }

  std::uint32_t start(Callback done) {
    std::uint32_t index = free_;
    if (index == kNone) {
      index = static_cast<std::uint32_t>(slots_.size());
      slots_.emplace_back();
    } else {
      free_ = slots_[index].link;
    }
    slots_[index].sequence = next_sequence_++;
    slots_[index].done = std::move(done);
    ++pending_;
    return index;
  }

  void demand(std::uint32_t index, std::span<const ResourceId> route, double amount, double delay,
              double bound) {
    if (amount == 0.0 || route.empty()) {  // needs no resource, only time
      wait(index, now_ + delay + (bound > 0.0 ? amount / bound : 0.0));
      return;
    }
    Slot& slot = slots_[index];
    slot.left = amount;
    slot.link = solver_.add_flow(route, bound > 0.0 ? bound : MaxMin::kUnbounded, index);
    slot.state = Slot::State::latency;
    if (delay > 0.0) {
      agenda_.set(index, now_ + delay);
    } else {
      begin_share(index);
    }
  }

  void wait(std::uint32_t index, double date) {
    slots_[index].state = Slot::State::waiting;
    agenda_.set(index, date);
  }

  WorkId work_id(std::uint32_t index) const {
    return WorkId(std::uint64_t{slots_[index].generation} << 32 | index);
  }

  void cancel(WorkId id) {
    const auto index = static_cast<std::uint32_t>(static_cast<std::uint64_t>(id));
    const auto generation = static_cast<std::uint32_t>(static_cast<std::uint64_t>(id) >> 32);
    if (index >= slots_.size() || slots_[index].generation != generation) return;
    Slot& slot = slots_[index];
    retire(slot);
    if (slot.state == Slot::State::due) {  // still listed in due_
      slot.state = Slot::State::cancelled;
      return;
    }
    agenda_.remove(index);
    if (slot.state != Slot::State::waiting) solver_.remove(slot.link);
    release(index);
  }

  double now() const { return now_; }
  std::size_t pending() const { return pending_; }

  double next_occurring_event(double clock) override {
    solver_.solve([this](std::uint32_t index, double before, double rate) {
      Slot& slot = slots_[index];
      slot.left = std::max(0.0, slot.left - before * (now_ - slot.updated));
      slot.updated = now_;
      agenda_.set(index, now_ + slot.left / rate);
    });
    if (agenda_.empty()) return -1.0;  // "no event"
    return std::max(0.0, agenda_.date() - clock);
  }

  void update_actions_state(double clock, double) override {
    const double limit = clock + clock * kSameInstant;
    if (agenda_.empty() || agenda_.date() > limit) return;
    now_ = std::max(now_, agenda_.date());
    while (!agenda_.empty() && agenda_.date() <= limit) agenda_.take_first(due_);
    std::erase_if(due_, [this](std::uint32_t index) { return !is_due(index); });
    const auto by_start = [this](std::uint32_t a, std::uint32_t b) {
      return slots_[a].sequence < slots_[b].sequence;
    };
    if (!std::is_sorted(due_.begin(), due_.end(), by_start)) {
      std::sort(due_.begin(), due_.end(), by_start);
    }
    for (const std::uint32_t index : due_) {  // callbacks only add to the agenda and the solver
      Slot& slot = slots_[index];
      if (slot.state == Slot::State::due) {
        const Callback done = std::move(slot.done);
        retire(slot);
        release(index);
        if (done) done();
      } else {
        release(index);
      }
    }
    due_.clear();
  }

 private:
  static constexpr std::uint32_t kNone = 0xffffffffu;

  void begin_share(std::uint32_t index) {
    Slot& slot = slots_[index];
    slot.state = Slot::State::sharing;
    slot.updated = now_;
    solver_.start(slot.link);
  }

  // What comes next to a slot whose date has come. A flow whose latency ends begins.
  bool is_due(std::uint32_t index) {
    Slot& slot = slots_[index];
    if (slot.state == Slot::State::latency) {
      begin_share(index);
      return false;
    }
    if (slot.state == Slot::State::sharing) solver_.remove(slot.link);
    slot.state = Slot::State::due;
    return true;
  }

  // Its WorkId names nothing from now on.
  void retire(Slot& slot) {
    ++slot.generation;
    slot.done = nullptr;
    --pending_;
  }

  void release(std::uint32_t index) {
    slots_[index].state = Slot::State::free;
    slots_[index].link = std::exchange(free_, index);
  }

  double now_ = 0.0;
  std::uint64_t next_sequence_ = 0;
  std::size_t pending_ = 0;
  MaxMin solver_;
  Agenda agenda_;
  Pages<Slot> slots_;
  std::uint32_t free_ = kNone;  // first of the free slots
  std::vector<std::uint32_t> due_;
};

SimCore::SimCore() {
  start_simgrid();
  impl_ = std::make_shared<Impl>();
  simgrid::s4u::Engine::get_instance()->add_model(impl_);
}

SimCore::~SimCore() = default;

ResourceId SimCore::add_link(double capacity) { return impl_->add_resource(capacity); }

ResourceId SimCore::add_processor(double capacity) { return impl_->add_resource(capacity); }

void SimCore::flow(std::span<const ResourceId> route, double bytes, double latency, double rate_cap,
                   Callback done) {
  require(is_amount(bytes) && is_amount(latency) && is_amount(rate_cap),
          "bytes, latency and rate cap must be finite and not negative");
  for (ResourceId id : route) impl_->check(id);
  impl_->demand(impl_->start(std::move(done)), route, bytes, latency, rate_cap);
}

WorkId SimCore::work(ResourceId processor, double amount, double bound, Callback done) {
  require(is_amount(amount) && is_amount(bound),
          "amount and bound must be finite and not negative");
  impl_->check(processor);
  const std::uint32_t slot = impl_->start(std::move(done));
  impl_->demand(slot, {&processor, 1}, amount, 0.0, bound);
  return impl_->work_id(slot);
}

void SimCore::cancel(WorkId work) { impl_->cancel(work); }

void SimCore::timer(double when, Callback done) {
  require(std::isfinite(when), "a timer needs a finite time");
  impl_->wait(impl_->start(std::move(done)), std::max(when, impl_->now()));
}

double SimCore::now() const { return impl_->now(); }

void SimCore::run() { simgrid::s4u::Engine::get_instance()->run(); }

std::size_t SimCore::pending() const { return impl_->pending(); }

}  // namespace xpusim::engine
