#include "engine/sim_core.hpp"

#include <sys/resource.h>

#include <simgrid/kernel/resource/Action.hpp>
#include <simgrid/kernel/resource/Model.hpp>
#include <simgrid/s4u/Engine.hpp>
#include <simgrid/s4u/NetZone.hpp>
// version.h needs macros that only the others define
#include <simgrid/version.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <csignal>
#include <optional>
#include <queue>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// SimGrid exports its max-min solver but does not install the header. This repeats the part used
// here: plain member functions, so no layout is assumed and a changed signature fails to link.
#if SIMGRID_VERSION < 33200 || SIMGRID_VERSION >= 33300
#error "sim_core.cpp repeats declarations of SimGrid 3.32; check them against the release in use"
#endif
namespace simgrid::kernel::lmm {
class System {
 public:
  static System* build(std::string_view solver, bool selective_update);
  Constraint* constraint_new(resource::Resource* id, double bound);
  Variable* variable_new(resource::Action* id, double penalty, double bound, std::size_t links);
  void expand(Constraint* constraint, Variable* variable, double weight, bool force_creation);
};
}  // namespace simgrid::kernel::lmm

namespace xpusim::engine {
namespace {

using simgrid::kernel::resource::Action;
using simgrid::kernel::resource::Model;

// Instants closer than this fraction of the clock are one. The clocks of symmetric ranks drift
// apart by rounding; uniting them keeps one solve per step where there would be one per rank.
constexpr double kSameInstant = 1e-14;

// The solver takes what is left of a capacity as nothing below this fraction. SimGrid's 1e-5 would
// starve a flow that shares a link with 100,000 others.
constexpr const char* kConfig = "--cfg=maxmin/precision:1e-13";

void require(bool holds, const char* what) {
  if (!holds) throw std::invalid_argument(what);
}

bool is_amount(double value) { return value >= 0.0 && std::isfinite(value); }

// A transfer or work in progress.
class Share final : public Action {
 public:
  Share(Model* model, double amount, std::uint32_t slot)
      : Action(model, amount, false), slot_(slot) {
    set_last_update();
  }

  std::uint32_t slot() const { return slot_; }

  void update_remains_lazy(double now) override {
    const double moved = get_last_value() * (now - get_last_update());
    set_remains(std::max(0.0, get_remains_no_update() - moved));
    set_last_update();
    set_last_value(get_rate());
  }

 private:
  std::uint32_t slot_;
};

// One flow, work or timer; slots are used again, `generation` tells the tenants apart.
struct Slot {
  std::uint32_t generation = 1;  // so that WorkId{} names no work
  bool in_latency = false;       // a flow whose transfer has not begun
  Share* share = nullptr;        // owned; null while it only waits for the clock
  std::uint64_t sequence = 0;    // start order
  double amount = 0.0;           // bytes, or amount of a work
  double bound = 0.0;            // 0: none
  std::vector<ResourceId> route;
  Callback done;
};

// A moment at which a slot has something to do.
struct Alarm {
  double date;
  std::uint64_t sequence;
  std::uint32_t slot;
  std::uint32_t generation;
  bool operator<(const Alarm& other) const {  // std::priority_queue puts the largest on top
    return date != other.date ? date > other.date : sequence > other.sequence;
  }
};

// The solver visits the flows that share links by recursion, as deep as the chain they form: 8 MiB
// of stack end a chain of 80,000 links. Linux leaves room for some 128 MiB, and lends it on demand.
void deepen_stack() {
  constexpr rlim_t kWanted = rlim_t{1} << 30;
  rlimit limit{};
  if (getrlimit(RLIMIT_STACK, &limit) != 0 || limit.rlim_cur >= kWanted) return;
  limit.rlim_cur = std::min(kWanted, limit.rlim_max);
  setrlimit(RLIMIT_STACK, &limit);
}

// SimGrid's engine announces itself on the terminal, takes over signals and sweeps at exit.
void start_simgrid() {
  static bool started = false;
  if (std::exchange(started, true)) throw std::logic_error("a process holds at most one SimCore");

  constexpr std::array kSignals{SIGINT, SIGSEGV, SIGBUS};
  std::array<struct sigaction, kSignals.size()> handlers{};
  for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], nullptr, &handlers[i]);

  std::array<std::string, 4> words{"xpusim", "--log=root.thres:critical",
                                   "--cfg=debug/clean-atexit:no", kConfig};
  std::array<char*, words.size() + 1> argv{};
  for (std::size_t i = 0; i < words.size(); ++i) argv[i] = words[i].data();
  int argc = static_cast<int>(words.size());
  new simgrid::s4u::Engine(&argc, argv.data());  // never freed: its teardown serves nobody
  simgrid::s4u::create_empty_zone("root");       // an engine does not run without one

  for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &handlers[i], nullptr);
}

}  // namespace

// A SimGrid model beside its own ones: the engine asks each model for its next event, advances the
// clock to the earliest and tells all of them. Sharing is done by a SimGrid max-min system.
class SimCore::Impl final : public Model {
 public:
  Impl() : Model("xpusim") {
    set_update_algorithm(UpdateAlgo::LAZY);
    set_maxmin_system(simgrid::kernel::lmm::System::build("maxmin", true));
  }

  ResourceId add_resource(double capacity) {
    require(capacity > 0.0 && std::isfinite(capacity), "capacity must be positive and finite");
    resources_.push_back({capacity, nullptr});
    return ResourceId(resources_.size() - 1);
  }

  void check(ResourceId id) const {
    require(static_cast<std::size_t>(id) < resources_.size(), "unknown resource");
  }

  std::uint32_t start(Callback done) {
    std::uint32_t slot;
    if (free_.empty()) {
      slot = static_cast<std::uint32_t>(slots_.size());
      slots_.emplace_back();
    } else {
      slot = free_.back();
      free_.pop_back();
    }
    slots_[slot].sequence = next_sequence_++;
    slots_[slot].in_latency = false;
    slots_[slot].done = std::move(done);
    return slot;
  }

  void demand(std::uint32_t index, std::span<const ResourceId> route, double amount, double delay,
              double bound) {
    Slot& slot = slots_[index];
    slot.route.assign(route.begin(), route.end());
    slot.amount = amount;
    slot.bound = bound;
    slot.in_latency = amount > 0.0 && !route.empty();
    if (!slot.in_latency) {  // needs no resource, only time
      set_alarm(index, now_ + delay + (bound > 0.0 ? amount / bound : 0.0));
    } else if (delay > 0.0) {
      set_alarm(index, now_ + delay);
    } else {
      begin_share(index);
    }
  }

  void set_alarm(std::uint32_t slot, double date) {
    alarms_.push({date, slots_[slot].sequence, slot, slots_[slot].generation});
  }

  void begin_share(std::uint32_t index) {
    Slot& slot = slots_[index];
    slot.in_latency = false;
    auto* system = get_maxmin_system();
    slot.share = new Share(this, slot.amount, index);
    auto* variable = system->variable_new(slot.share, 1.0, slot.bound > 0.0 ? slot.bound : -1.0,
                                          slot.route.size());
    slot.share->set_variable(variable);
    for (ResourceId id : slot.route) system->expand(constraint(id), variable, 1.0, false);
  }

  WorkId work_id(std::uint32_t slot) const {
    return WorkId(std::uint64_t{slots_[slot].generation} << 32 | slot);
  }

  void cancel(WorkId id) {
    const auto slot = static_cast<std::uint32_t>(static_cast<std::uint64_t>(id));
    const auto generation = static_cast<std::uint32_t>(static_cast<std::uint64_t>(id) >> 32);
    if (slot < slots_.size() && slots_[slot].generation == generation) release(slot);
  }

  double now() const { return now_; }
  std::size_t pending() const { return slots_.size() - free_.size(); }

  double next_occurring_event(double clock) override {
    next_occurring_event_lazy(clock);  // solves, and dates the shares whose rate changed
    const auto date = next_date();
    return date ? std::max(0.0, *date - clock) : -1.0;  // SimGrid takes negative as "no event"
  }

  void update_actions_state(double clock, double) override {
    const auto date = next_date();
    const double limit = clock + clock * kSameInstant;
    if (!date || *date > limit) return;
    now_ = std::max(now_, *date);
    collect_due(limit);
    std::sort(due_.begin(), due_.end(),
              [](const Alarm& a, const Alarm& b) { return a.sequence < b.sequence; });
    for (const Alarm& alarm : due_) {  // callbacks only add to alarms_ and to the solver
      if (slots_[alarm.slot].generation != alarm.generation) continue;  // cancelled
      const Callback done = std::move(slots_[alarm.slot].done);
      release(alarm.slot);
      if (done) done();
    }
    due_.clear();
  }

 private:
  struct Resource {
    double capacity;
    simgrid::kernel::lmm::Constraint* constraint;  // null until first used
  };

  simgrid::kernel::lmm::Constraint* constraint(ResourceId id) {
    Resource& resource = resources_[static_cast<std::size_t>(id)];
    if (!resource.constraint) {
      resource.constraint = get_maxmin_system()->constraint_new(nullptr, resource.capacity);
    }
    return resource.constraint;
  }

  std::optional<double> next_date() {
    std::optional<double> date;
    if (!alarms_.empty()) date = alarms_.top().date;
    if (!get_action_heap().empty()) {
      const double shares = get_action_heap().top_date();
      date = date ? std::min(*date, shares) : shares;
    }
    return date;
  }

  // Puts what completes by `limit` into due_ and lets the flows whose latency ends begin.
  void collect_due(double limit) {
    while (!get_action_heap().empty() && get_action_heap().top_date() <= limit) {
      const std::uint32_t slot = static_cast<Share*>(get_action_heap().pop())->slot();
      end_share(slot);
      due_.push_back({limit, slots_[slot].sequence, slot, slots_[slot].generation});
    }
    while (!alarms_.empty() && alarms_.top().date <= limit) {
      const Alarm alarm = alarms_.top();
      alarms_.pop();
      if (slots_[alarm.slot].generation != alarm.generation) continue;  // cancelled
      if (slots_[alarm.slot].in_latency) {
        begin_share(alarm.slot);
      } else {
        due_.push_back(alarm);
      }
    }
  }

  void end_share(std::uint32_t slot) {
    if (Share* share = std::exchange(slots_[slot].share, nullptr)) share->unref();
  }

  void release(std::uint32_t slot) {
    end_share(slot);
    ++slots_[slot].generation;
    slots_[slot].done = nullptr;
    free_.push_back(slot);
  }

  double now_ = 0.0;
  std::uint64_t next_sequence_ = 0;
  std::vector<Resource> resources_;
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_;
  std::priority_queue<Alarm> alarms_;
  std::vector<Alarm> due_;
};

SimCore::SimCore() {
  start_simgrid();
  deepen_stack();
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
  impl_->set_alarm(impl_->start(std::move(done)), std::max(when, impl_->now()));
}

double SimCore::now() const { return impl_->now(); }

void SimCore::run() { simgrid::s4u::Engine::get_instance()->run(); }

std::size_t SimCore::pending() const { return impl_->pending(); }

}  // namespace xpusim::engine
