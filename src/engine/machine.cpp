#include "xpusim/machine.hpp"

#include <algorithm>
#include <numeric>
#include <unordered_map>
#include <utility>

#include "engine/sim_core.hpp"

namespace xpusim {
namespace {

using engine::ResourceId;
using engine::SimCore;
using engine::WorkId;

/// Amount of a work that only its cancellation ends.
constexpr double kEndless = 1e30;

/// A device's execution units: capacity 1 "second of full units per second", shared by the kernels
/// on it.
struct Units {
  ResourceId processor{};
  bool made = false;
  int computing = 0;
  struct Occupancy {
    std::uint64_t token;
    double share;
    WorkId work;
    bool started;
  };
  std::vector<Occupancy> occupied;  // by running communication
};

}  // namespace

struct Machine::Impl {
  Impl(const Fabric& fabric_in, const CollectiveContext& context_in, MachineOptions options_in)
      : fabric(fabric_in),
        context(context_in),
        options(options_in),
        link_resources(fabric.links().size(), kNoResource),
        units(fabric.devices()) {
    if (options.fidelity == Fidelity::automatic) options.fidelity = Fidelity::fluid;
  }

  static constexpr std::uint32_t kNoResource = 0xffffffffu;
  static constexpr std::uint64_t kNoPair = ~std::uint64_t{0};
  static constexpr std::size_t kRoutesPerSender = 8;

  /// Links become resources of the solver when something first crosses them.
  ResourceId link(LinkId id) {
    std::uint32_t& resource = link_resources[id];
    if (resource == kNoResource) {
      resource = static_cast<std::uint32_t>(core.add_link(fabric.links()[id].capacity.value()));
    }
    return ResourceId(resource);
  }

  Units& device_units(DeviceId device) {
    Units& u = units[device];
    if (!u.made) {
      u.processor = core.add_processor(1.0);
      u.made = true;
    }
    return u;
  }

  // A collective's kernels take their share of the units only while there is somebody to take it
  // from.
  void start_occupancies(Units& u) {
    for (Units::Occupancy& o : u.occupied) {
      if (o.started) continue;
      o.work = core.work(u.processor, kEndless, o.share, {});
      o.started = true;
      ++activities;
    }
  }
  void stop_occupancies(Units& u) {
    for (Units::Occupancy& o : u.occupied) {
      if (!o.started) continue;
      core.cancel(o.work);
      o.started = false;
    }
  }
  void occupy(DeviceId device, double share, std::uint64_t token) {
    Units& u = device_units(device);
    u.occupied.push_back({token, share, {}, false});
    if (u.computing > 0) start_occupancies(u);
  }
  void vacate(DeviceId device, std::uint64_t token) {
    Units& u = units[device];
    const auto it = std::find_if(u.occupied.begin(), u.occupied.end(),
                                 [&](const Units::Occupancy& o) { return o.token == token; });
    if (it == u.occupied.end()) return;
    if (it->started) core.cancel(it->work);
    u.occupied.erase(it);
  }

  /// Messages in a row that wait for the same ones.
  struct Gate {
    std::uint32_t first = 0;    // they end where those of the next gate begin
    std::uint32_t waiting = 0;  // messages still to arrive
  };
  struct CachedRoute {
    std::uint64_t pair = kNoPair;
    std::vector<Path> paths;
  };

  /// A plan on its way.
  struct Run {
    Impl* machine = nullptr;
    std::shared_ptr<const CollectivePlan> plan;
    std::vector<DeviceId> members, occupied;
    Purpose purpose = Purpose::other;
    std::uint32_t job = 0;
    Callback done;
    std::uint64_t token = 0;
    Seconds start;
    std::size_t phase = 0;
    std::size_t open = 0;  // flows of the current phase
    Seconds phase_start;
    LinkId late_link = kNoLink;  // whose flow ended longest after its idle time
    double late = 2e-9;          // by how much; less is rounding
    // flow fidelity
    MessageDag dag;
    std::vector<Gate> gates;                // and one beyond the last
    std::vector<std::uint16_t> open_paths;  // sub-flows left, per message
    // Gates that wait for message m: gate_ids[gate_begin[m] .. gate_begin[m + 1]).
    std::vector<std::uint32_t> gate_begin, gate_ids;
    std::vector<CachedRoute> routes;
    std::size_t messages_left = 0;
  };

  void communicate(std::shared_ptr<Run> run) {
    const CollectivePlan& plan = *run->plan;
    run->token = ++next_token;
    run->start = Seconds(core.now());
    if (plan.units_share > 0.0) {
      for (DeviceId d : run->occupied) occupy(d, plan.units_share, run->token);
    }
    Run* r = keep(std::move(run));
    switch (options.fidelity) {
      case Fidelity::analytic:
        ++activities;
        core.timer(core.now() + plan.idle_time.value(), [this, r] { finish(r); });
        return;
      case Fidelity::flow:
        if (!plan.phases.empty() && plan.ranks > 1) {
          after(plan.start_overhead, [this, r] { start_messages(r); });
          return;
        }
        [[fallthrough]];
      default:
        after(plan.start_overhead, [this, r] { start_phase(r); });
    }
  }

  void after(Seconds delay, Callback next) {
    if (delay.value() <= 0.0) return next();
    ++activities;
    core.timer(core.now() + delay.value(), std::move(next));
  }

  // Runs are owned here until they finish: callbacks carry a plain pointer, small enough not to
  // allocate.
  Run* keep(std::shared_ptr<Run> run) {
    Run* r = run.get();
    r->machine = this;
    running.emplace(r->token, std::move(run));
    return r;
  }

  // ---- fluid: one flow per loaded link, phase after phase

  void start_phase(Run* r) {
    const CollectivePlan& plan = *r->plan;
    if (r->phase == plan.phases.size()) return finish(r);
    const FluidPhase& phase = plan.phases[r->phase];
    r->phase_start = Seconds(core.now());
    r->open = std::max<std::size_t>(1, phase.loads.size());
    activities += r->open;
    if (phase.loads.empty()) {
      core.timer(core.now() + phase.latency.value(), [this, r] { end_phase(r); });
      return;
    }
    for (std::uint32_t i = 0; i < phase.loads.size(); ++i) {
      const ResourceId route = link(phase.loads[i].link);
      core.flow({&route, 1}, phase.loads[i].wire_bytes, phase.latency.value(), 0.0,
                [r, i] { r->machine->end_flow(r, i); });
    }
  }
  void end_flow(Run* r, std::uint32_t index) {
    if (--r->open > 0) return;
    const FluidPhase& phase = r->plan->phases[r->phase];
    const LinkLoad& last = phase.loads[index];
    const double alone = last.wire_bytes / fabric.links()[last.link].capacity.value();
    const double late = core.now() - r->phase_start.value() - phase.latency.value() - alone;
    if (late > r->late) {
      r->late = late;
      r->late_link = last.link;
    }
    end_phase(r);
  }
  void end_phase(Run* r) {
    ++r->phase;
    start_phase(r);
  }

  // ---- flow: every message of the algorithm

  void start_messages(Run* r) {
    r->dag = lower_messages(context, *r->plan, r->members);
    const std::size_t n = r->dag.messages.size();
    r->messages_left = n;
    if (n == 0) return finish(r);
    r->open_paths.assign(n, 0);
    r->routes.resize((r->members.size() + 1) * kRoutesPerSender);
    make_gates(r);
    for (std::uint32_t g = 0; g + 1 < r->gates.size(); ++g) {
      if (r->gates[g].waiting == 0) open_gate(r, g);
    }
  }

  void make_gates(Run* r) {
    MessageDag& dag = r->dag;
    const std::size_t n = dag.messages.size();
    std::vector<std::uint32_t>& begin = r->gate_begin;
    const auto opens_gate = [&](std::size_t i) {
      const Message& m = dag.messages[i];
      const Message& before = dag.messages[i - (i > 0 ? 1 : 0)];
      return i == 0 || m.dependencies != before.dependencies ||
             (m.dependencies > 0 && m.first_dependency != before.first_dependency);
    };
    std::size_t gates = 0;
    for (std::size_t i = 0; i < n; ++i) gates += opens_gate(i) ? 1 : 0;
    r->gates.reserve(gates + 1);
    begin.assign(n + 1, 0);
    for (std::size_t i = 0; i < n; ++i) {
      if (!opens_gate(i)) continue;
      const Message& m = dag.messages[i];
      r->gates.push_back({static_cast<std::uint32_t>(i), m.dependencies});
      for (std::uint32_t k = 0; k < m.dependencies; ++k) {
        ++begin[dag.dependency_ids[m.first_dependency + k]];
      }
    }
    r->gates.push_back({static_cast<std::uint32_t>(n), 0});
    std::partial_sum(begin.begin(), begin.end(), begin.begin());
    r->gate_ids.resize(begin[n]);
    for (auto g = static_cast<std::uint32_t>(gates); g-- > 0;) {  // from the ends to the beginnings
      const Message& m = dag.messages[r->gates[g].first];
      for (std::uint32_t k = 0; k < m.dependencies; ++k) {
        r->gate_ids[--begin[dag.dependency_ids[m.first_dependency + k]]] = g;
      }
    }
    dag.dependency_ids = {};
  }

  void open_gate(Run* r, std::uint32_t gate) {
    for (std::uint32_t id = r->gates[gate].first; id < r->gates[gate + 1].first; ++id) {
      start_message(r, id);
    }
  }

  // Remembers few routes per sender: a ring uses one many times, an all-to-all many once.
  const std::vector<Path>& paths_of(Run* r, const Message& m) {
    const std::uint64_t pair = (static_cast<std::uint64_t>(m.plane_slot) << 58) ^
                               (static_cast<std::uint64_t>(m.from) << 29) ^ m.to;
    const std::size_t sender = m.from == kSwitch ? r->members.size() : m.from;
    CachedRoute& route =
        r->routes[sender * kRoutesPerSender + flow_hash(m.plane_slot, m.to) % kRoutesPerSender];
    if (route.pair == pair) return route.paths;
    route.pair = pair;
    const PlaneId plane = r->plan->planes.at(m.plane_slot);
    if (m.to == kSwitch) {
      route.paths = fabric.to_switch(plane, r->members[m.from]);
    } else if (m.from == kSwitch) {
      route.paths = fabric.from_switch(plane, r->members[m.to]);
    } else {
      const DeviceId from = r->members[m.from], to = r->members[m.to];
      route.paths = fabric.route(plane, from, to, flow_hash(from, to));
    }
    return route.paths;
  }

  void start_message(Run* r, std::uint32_t id) {
    const Message& m = r->dag.messages[id];
    const std::vector<Path>& paths = paths_of(r, m);
    r->open_paths[id] = static_cast<std::uint16_t>(paths.size());
    activities += paths.size();
    for (const Path& path : paths) {
      route_buffer.clear();
      for (LinkId l : path.links) route_buffer.push_back(link(l));
      core.flow(route_buffer, m.bytes * path.share * r->plan->wire(m.plane_slot),
                (path.latency + r->plan->overhead(m.plane_slot)).value(), 0.0,
                [r, id] { r->machine->end_message(r, id); });
    }
  }

  void end_message(Run* r, std::uint32_t id) {
    if (--r->open_paths[id] > 0) return;
    for (std::uint32_t k = r->gate_begin[id]; k < r->gate_begin[id + 1]; ++k) {
      const std::uint32_t gate = r->gate_ids[k];
      if (--r->gates[gate].waiting == 0) open_gate(r, gate);
    }
    if (--r->messages_left == 0) finish(r);
  }

  void finish(Run* r) {
    const std::shared_ptr<Run> run = std::move(running.at(r->token));
    running.erase(r->token);
    if (run->plan->units_share > 0.0) {
      for (DeviceId d : run->occupied) vacate(d, run->token);
    }
    const Seconds end(core.now());
    bool first = true;
    for (const FluidPhase& phase : run->plan->phases) {
      const TrafficEvent event{
          run->purpose,
          run->start,
          end,
          phase.loads,
          first ? std::span<const TierLoad>(run->plan->tier_loads) : std::span<const TierLoad>(),
          run->job,
          run->late_link};
      first = false;
      for (EngineObserver* o : observers) o->on_traffic(event);
    }
    if (run->done) run->done();
  }

  const Fabric& fabric;
  CollectiveContext context;
  MachineOptions options;
  SimCore core;
  std::vector<std::uint32_t> link_resources;
  std::vector<Units> units;
  std::vector<EngineObserver*> observers;
  std::unordered_map<std::uint64_t, std::shared_ptr<Run>> running;
  std::vector<ResourceId> route_buffer;
  std::uint64_t next_token = 0;
  std::uint64_t activities = 0;
};

Machine::Machine(const Fabric& fabric, const CollectiveContext& context, MachineOptions options)
    : impl_(std::make_unique<Impl>(fabric, context, options)) {}
Machine::~Machine() = default;

void Machine::add_observer(EngineObserver& observer) { impl_->observers.push_back(&observer); }
Seconds Machine::now() const { return Seconds(impl_->core.now()); }
Fidelity Machine::fidelity() const { return impl_->options.fidelity; }
std::uint64_t Machine::activities() const { return impl_->activities; }

void Machine::compute(DeviceId device, Seconds duration, Callback done) {
  Units& u = impl_->device_units(device);
  if (u.computing++ == 0) impl_->start_occupancies(u);
  ++impl_->activities;
  impl_->core.work(u.processor, duration.value(), 0.0,
                   [impl = impl_.get(), &u, done = std::move(done)] {
                     if (--u.computing == 0) impl->stop_occupancies(u);
                     if (done) done();
                   });
}

void Machine::communicate(std::shared_ptr<const CollectivePlan> plan,
                          std::span<const DeviceId> members, std::span<const DeviceId> occupied,
                          Purpose purpose, Callback done, std::uint32_t job) {
  auto run = std::make_shared<Impl::Run>();
  run->plan = std::move(plan);
  run->members.assign(members.begin(), members.end());
  run->occupied.assign(occupied.begin(), occupied.end());
  run->purpose = purpose;
  run->job = job;
  run->done = std::move(done);
  impl_->communicate(std::move(run));
}

void Machine::at(Seconds when, Callback callback) {
  ++impl_->activities;
  impl_->core.timer(when.value(), std::move(callback));
}

void Machine::report(const ActivityEvent& event) {
  for (EngineObserver* o : impl_->observers) o->on_activity(event);
}

void Machine::run() {
  impl_->core.run();
  for (EngineObserver* o : impl_->observers) o->on_end(now());
}

}  // namespace xpusim
