#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <limits>
#include <map>
#include <tuple>

#include "collective/algorithm.hpp"
#include "collective/library.hpp"
#include "collective/link_partition.hpp"
#include "topology/mix.hpp"
#include "xpusim/diagnostic.hpp"
#include "xpusim/symmetry.hpp"

namespace xpusim {
namespace collective {
namespace {

// ---------------------------------------------------------------- planes

void check_members(std::span<const DeviceId> members, const Fabric& fabric) {
  if (members.empty()) throw InternalError("a collective without members");
  std::vector<DeviceId> sorted(members.begin(), members.end());
  std::sort(sorted.begin(), sorted.end());
  const bool repeated = std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end();
  if (repeated || sorted.back() >= fabric.devices()) {
    throw InternalError("the members of a collective must be different devices of the fabric");
  }
}

std::string describe(std::span<const DeviceId> members) {
  const auto [low, high] = std::minmax_element(members.begin(), members.end());
  return fmt::format("{} devices ({} to {})", members.size(), *low, *high);
}

std::string join_planes(const Fabric& fabric) {
  std::vector<std::string> names;
  for (const Plane& plane : fabric.planes()) names.push_back(plane.name);
  return fmt::format("{}", fmt::join(names, ", "));
}

PlaneId named_plane(const Fabric& fabric, const std::string& name,
                    std::span<const DeviceId> members) {
  const std::optional<PlaneId> plane = fabric.find_plane(name);
  if (!plane) {
    throw InputError("unknown-plane", fmt::format("the system has no plane '{}'", name),
                     fmt::format("its planes are: {}", join_planes(fabric)));
  }
  if (!fabric.connects(*plane, members)) {
    throw InputError(
        "plane-does-not-connect",
        fmt::format("plane '{}' does not connect all of {}", name, describe(members)),
        fmt::format("it spans {} devices; leave the plane out to let the group go over several",
                    fabric.planes()[*plane].domain));
  }
  return *plane;
}

/// Ranks by instance of a plane, in the order met; empty unless all instances hold equally many, at
/// least two.
std::vector<std::vector<DeviceId>> equal_parts(const Fabric& fabric, PlaneId plane,
                                               std::span<const DeviceId> members) {
  std::map<std::uint32_t, std::size_t> known;
  std::vector<std::vector<DeviceId>> parts;
  for (const DeviceId d : members) {
    const auto [at, fresh] = known.try_emplace(fabric.instance_of(plane, d), parts.size());
    if (fresh) parts.emplace_back();
    parts[at->second].push_back(d);
  }
  const std::size_t size = parts.front().size();
  const bool equal =
      std::all_of(parts.begin(), parts.end(), [&](const auto& p) { return p.size() == size; });
  if (!equal || size < 2 || parts.size() < 2) parts.clear();
  return parts;
}

/// Equal positions of all parts.
std::vector<std::vector<DeviceId>> rails_of(const std::vector<std::vector<DeviceId>>& parts) {
  std::vector<std::vector<DeviceId>> rails(parts.front().size());
  for (const auto& part : parts) {
    for (std::size_t j = 0; j < part.size(); ++j) rails[j].push_back(part[j]);
  }
  return rails;
}

std::optional<PlaneId> rail_plane(const Fabric& fabric,
                                  const std::vector<std::vector<DeviceId>>& rails) {
  std::optional<PlaneId> best;
  for (std::size_t i = 0; i < fabric.planes().size(); ++i) {
    const auto p = static_cast<PlaneId>(i);
    if (fabric.planes()[p].role == PlaneRole::management) continue;
    const bool all = std::all_of(rails.begin(), rails.end(),
                                 [&](const auto& r) { return fabric.connects(p, r); });
    const bool faster =
        !best || fabric.planes()[p].device_capacity > fabric.planes()[*best].device_capacity;
    if (all && faster) best = p;
  }
  return best;
}

/// Planes of a group that spans supernodes, innermost first: the fastest that splits it evenly,
/// then one between equal positions of the parts; where none connects those, they are split again,
/// all alike. None when that does not come to an end.
std::vector<PlaneId> levels_between(const Fabric& fabric, std::optional<PlaneId> flat,
                                    const std::vector<std::vector<DeviceId>>& parts);

std::vector<PlaneId> planes_of_levels(const Fabric& fabric, std::optional<PlaneId> flat,
                                      std::span<const DeviceId> members) {
  std::vector<PlaneId> best;
  for (std::size_t i = 0; i < fabric.planes().size(); ++i) {
    const auto inner = static_cast<PlaneId>(i);
    if (fabric.planes()[inner].role == PlaneRole::management) continue;
    if (!best.empty() &&
        fabric.planes()[inner].device_capacity <= fabric.planes()[best[0]].device_capacity)
      continue;
    const auto parts = equal_parts(fabric, inner, members);
    if (parts.empty()) continue;
    const std::vector<PlaneId> outer = levels_between(fabric, flat, parts);
    if (outer.empty() || outer.front() == inner) continue;
    best = {inner};
    best.insert(best.end(), outer.begin(), outer.end());
  }
  if (best.size() > kMostSlots) best.clear();
  return best;
}

std::vector<PlaneId> levels_between(const Fabric& fabric, std::optional<PlaneId> flat,
                                    const std::vector<std::vector<DeviceId>>& parts) {
  if (flat) return {*flat};
  const auto rails = rails_of(parts);
  if (const std::optional<PlaneId> one = rail_plane(fabric, rails)) return {*one};
  const std::vector<PlaneId> levels = planes_of_levels(fabric, std::nullopt, rails.front());
  const bool alike = std::all_of(rails.begin() + 1, rails.end(), [&](const auto& rail) {
    return planes_of_levels(fabric, std::nullopt, rail) == levels;
  });
  return alike ? levels : std::vector<PlaneId>{};
}

struct PlaneChoice {
  std::vector<PlaneId> flat;    ///< one plane, or none
  std::vector<PlaneId> levels;  ///< two planes or more, or none
};

/// Was an algorithm of two levels asked for by name?
bool names_two_levels(const CollectiveOptions& options) {
  const Algorithm* named = find_algorithm(options.algorithm);
  return named != nullptr && named->levels == 2;
}

PlaneChoice choose_planes(const Fabric& fabric, std::span<const DeviceId> members,
                          const CollectiveOptions& options) {
  PlaneChoice choice;
  std::optional<PlaneId> flat;
  if (options.plane.empty()) {
    flat = fabric.plane_for(members);
  } else {
    flat = named_plane(fabric, options.plane, members);
  }
  if (flat) choice.flat = {*flat};
  if (options.plane.empty() || names_two_levels(options))
    choice.levels = planes_of_levels(fabric, flat, members);
  if (choice.flat.empty() && choice.levels.empty()) {
    throw InputError("no-plane", fmt::format("no plane connects all of {}", describe(members)),
                     "place the group inside one domain, or add a plane that spans it");
  }
  return choice;
}

// ---------------------------------------------------------------- variants

const Algorithm& known_algorithm(const std::string& name) {
  if (const Algorithm* a = find_algorithm(name)) return *a;
  std::vector<std::string> names;
  for (const Algorithm* a : algorithms()) names.emplace_back(a->name);
  const std::string_view near = nearest_word(name, names);
  throw InputError("unknown-algorithm", fmt::format("there is no collective algorithm '{}'", name),
                   near.empty() ? fmt::format("the algorithms are: {}", fmt::join(names, ", "))
                                : fmt::format("did you mean '{}'?", near));
}

/// A request as the tuner sees it.
struct Question {
  const Fabric* fabric;
  const CollectiveLibrarySpec* library;
  CollectiveType type;
  double bytes;
  std::span<const DeviceId> members;
  const CollectiveOptions* options;
  PlaneChoice planes;
};

const std::vector<PlaneId>& planes_for(const Question& q, const Algorithm& a) {
  return a.levels == 2 ? q.planes.levels : q.planes.flat;
}

/// Can the algorithm run here at all? The reason if not.
std::string refusal(const Question& q, const Algorithm& a) {
  const auto n = static_cast<std::uint32_t>(q.members.size());
  if (!supports(a, q.type, n)) {
    const bool by_size = std::find(a.types.begin(), a.types.end(), q.type) != a.types.end();
    return fmt::format(
        "algorithm '{}' does not do {}{}", a.name, to_string(q.type),
        by_size ? fmt::format(" among {} ranks, only among a power of two", n) : std::string());
  }
  const std::vector<PlaneId>& planes = planes_for(q, a);
  if (planes.empty() && a.levels == 2) {
    return fmt::format(
        "algorithm '{}' needs a plane that splits {} evenly, and one between the parts", a.name,
        describe(q.members));
  }
  if (a.needs_flat_plane && !q.fabric->connects(planes[1], q.members)) {
    return fmt::format("algorithm '{}' needs a plane that connects all of {}", a.name,
                       describe(q.members));
  }
  if (planes.empty()) return fmt::format("no plane connects all of {}", describe(q.members));
  if (a.needs_in_switch && !q.fabric->planes()[planes[0]].in_switch_reduction) {
    return fmt::format("algorithm '{}' needs switches that reduce; those of plane '{}' do not",
                       a.name, q.fabric->planes()[planes[0]].name);
  }
  const auto leaf = [&](DeviceId d) { return q.fabric->switch_of(planes[0], d); };
  if (a.needs_in_switch && !std::all_of(q.members.begin(), q.members.end(), [&](DeviceId d) {
        return leaf(d) == leaf(q.members[0]);
      })) {
    return fmt::format("algorithm '{}' reduces in one level of switches; {} are under several",
                       a.name, describe(q.members));
  }
  return {};
}

bool serves_link(const Question& q, const LibraryAlgorithmSpec& row, const Algorithm& a) {
  const std::string& link = q.fabric->planes()[planes_for(q, a)[0]].link;
  return row.links.empty() ||
         std::find(row.links.begin(), row.links.end(), link) != row.links.end();
}

bool serves_size(const Question& q, const LibraryAlgorithmSpec& row) {
  const int n = static_cast<int>(q.members.size());
  return n >= row.min_ranks && (row.max_ranks <= 0 || n <= row.max_ranks);
}

bool serves_type(const Question& q, const LibraryAlgorithmSpec& row) {
  return row.types.empty() ||
         std::any_of(row.types.begin(), row.types.end(),
                     [&](const std::string& t) { return parse_collective_type(t) == q.type; });
}

bool row_applies(const Question& q, const LibraryAlgorithmSpec& row, const Algorithm& a) {
  return serves_type(q, row) && serves_size(q, row) && serves_link(q, row, a);
}

void add_protocols(const Question& q, const Algorithm& a, const LibraryAlgorithmSpec& row,
                   std::vector<Variant>& to) {
  for (const ProtocolSpec& p : row.protocols) {
    if (q.options->protocol.empty() || q.options->protocol == p.name) to.push_back({&a, &row, &p});
  }
}

/// The row whose protocols an algorithm without one borrows: one for this link, of messages from
/// rank to rank.
const LibraryAlgorithmSpec* lender(const Question& q, const Algorithm& a) {
  const LibraryAlgorithmSpec* any = nullptr;
  for (const LibraryAlgorithmSpec& row : q.library->algorithms) {
    if (known_algorithm(row.algorithm).needs_in_switch) continue;
    if (serves_link(q, row, a)) return &row;
    if (any == nullptr) any = &row;
  }
  return any;
}

/// What the library would consider. When no row fits, in this order: rows of the algorithm asked
/// for that are meant for other links, sizes or collectives (unasked: for other links), the first
/// of each algorithm; then algorithms that have no row, with the protocols of another. In-switch
/// reduction has no substitute for its row.
std::vector<Variant> variants_of(const Question& q) {
  std::vector<Variant> variants;
  const bool named = !q.options->algorithm.empty();
  const auto wanted = [&](std::string_view name) { return !named || name == q.options->algorithm; };
  if (q.library == nullptr || q.library->algorithms.empty()) {
    for (const Algorithm* a : algorithms()) {
      if (wanted(a->name) && refusal(q, *a).empty()) variants.push_back({a, nullptr, nullptr});
    }
    return variants;
  }
  for (const LibraryAlgorithmSpec& row : q.library->algorithms) {
    const Algorithm& a = known_algorithm(row.algorithm);
    if (wanted(a.name) && refusal(q, a).empty() && row_applies(q, row, a))
      add_protocols(q, a, row, variants);
  }
  if (!variants.empty()) return variants;
  for (const Algorithm* a : algorithms()) {
    if (!wanted(a->name) || !refusal(q, *a).empty()) continue;
    const LibraryAlgorithmSpec* own = nullptr;
    for (const LibraryAlgorithmSpec& row : q.library->algorithms) {
      if (row.algorithm != a->name) continue;
      if (!named && !(serves_size(q, row) && serves_type(q, row))) continue;
      if (own == nullptr || (serves_link(q, row, *a) && !serves_link(q, *own, *a))) own = &row;
    }
    if (own != nullptr) add_protocols(q, *a, *own, variants);
  }
  if (!variants.empty()) return variants;
  for (const Algorithm* a : algorithms()) {
    if (!wanted(a->name) || a->needs_in_switch || !refusal(q, *a).empty()) continue;
    if (const LibraryAlgorithmSpec* row = lender(q, *a)) add_protocols(q, *a, *row, variants);
  }
  return variants;
}

[[noreturn]] void refuse(const Question& q) {
  const std::string& name = q.options->algorithm;
  if (!name.empty()) {
    if (const std::string why = refusal(q, known_algorithm(name)); !why.empty()) {
      std::vector<std::string_view> able;
      for (const Algorithm* a : algorithms()) {
        if (refusal(q, *a).empty()) able.push_back(a->name);
      }
      throw InputError(
          "unsupported-algorithm", why,
          able.empty() ? std::string() : fmt::format("these can: {}", fmt::join(able, ", ")));
    }
    const auto& rows = q.library->algorithms;
    const bool listed = std::any_of(rows.begin(), rows.end(),
                                    [&](const auto& row) { return row.algorithm == name; });
    if (known_algorithm(name).needs_in_switch && !listed) {
      throw InputError("unsupported-algorithm",
                       fmt::format("the collective library has no '{}'", name),
                       "choose a software profile that has it, or leave the algorithm out");
    }
  }
  const auto all = algorithms();
  if (std::none_of(all.begin(), all.end(), [&](auto* a) { return refusal(q, *a).empty(); })) {
    throw InputError("unsupported-algorithm",
                     refusal(q, q.planes.levels.empty() ? kDirect : kHierarchical),
                     "place the group on one plane, or add a plane that spans it");
  }
  throw InputError(
      "unknown-protocol",
      fmt::format("the collective library has no protocol '{}' for {}", q.options->protocol,
                  name.empty() ? std::string(to_string(q.type)) : fmt::format("'{}'", name)),
      "leave the protocol out to let the tuner choose");
}

// ---------------------------------------------------------------- tuning

struct Priced {
  Variant variant;
  Request request;
  Traffic traffic;
  double start = 0;  ///< base latency and pipeline fill, seconds
  double judged = std::numeric_limits<double>::infinity();  ///< what the library compares, seconds
};

/// Start and the library's own estimate: the idle time without the pipeline fill.
void judge(Priced& p, const GroupView& view) {
  const double base = base_overhead(p.variant, view);
  p.start = base + pipeline_fill(p.variant, view, p.request.bytes);
  p.judged = base + idle_seconds(p.request, p.traffic);
}

/// What the library wants its levels to run, innermost first.
void name_levels(const Variant& v, const GroupView& view, Request& r) {
  if (v.row == nullptr || v.row->level_algorithms.empty()) return;
  for (std::uint32_t slot = 0; slot < view.planes().size(); ++slot) {
    const std::string name = by_link(v.row->level_algorithms, view.plane(slot).link, std::string());
    if (!name.empty()) static_cast<void>(known_algorithm(name));
    if (slot > 1) r.outer += "/";
    (slot == 0 ? r.inner : r.outer) += name;
  }
}

Request make_request(const Question& q, const Variant& v, const GroupView& view) {
  Request r;
  r.type = q.type;
  r.bytes = q.type == CollectiveType::BARRIER ? 0.0 : q.bytes;
  r.group = &view;
  for (std::uint32_t slot = 0; slot < view.planes().size(); ++slot)
    r.cost[slot] = slot_cost(v, view, slot);
  if (v.algorithm->levels == 2) name_levels(v, view, r);
  return r;
}

Priced price(const Question& q, const Variant& v, const GroupView& view) {
  Priced p;
  p.variant = v;
  p.request = make_request(q, v, view);
  p.traffic = v.algorithm->traffic(p.request);
  judge(p, view);
  return p;
}

/// Views of a group on the planes of the two kinds of algorithm; kept alive while requests refer to
/// them.
struct Views {
  std::optional<GroupView> flat, levels;
  explicit Views(const Question& q) {
    if (!q.planes.flat.empty()) flat.emplace(*q.fabric, q.planes.flat, q.members);
    if (!q.planes.levels.empty()) levels.emplace(*q.fabric, q.planes.levels, q.members);
  }
  [[nodiscard]] const GroupView& of(const Algorithm& a) const {
    return a.levels == 2 ? *levels : *flat;
  }
};

Priced tune(const Question& q, const Views& views) {
  const std::vector<Variant> variants = variants_of(q);
  if (variants.empty()) refuse(q);
  Priced best;
  for (const Variant& v : variants) {
    Priced p = price(q, v, views.of(*v.algorithm));
    // A later variant must be shorter by more than rounding to win.
    if (best.variant.algorithm == nullptr || p.judged < best.judged * (1 - 1e-12))
      best = std::move(p);
  }
  return best;
}

/// What was chosen for groups that lie alike: on a symmetric fabric it is the same for all of them.
class Tuned {
 public:
  Priced best(const Question& q, const Views& views) {
    Key key{q.type,
            q.bytes,
            placement_signature(*q.fabric, q.members, PlacementDetail::switches),
            q.options->algorithm,
            q.options->protocol,
            q.planes.flat,
            q.planes.levels};
    auto it = known_.find(key);
    if (it == known_.end()) it = known_.emplace(std::move(key), tune(q, views)).first;
    Priced priced = it->second;
    priced.request.group = &views.of(*priced.variant.algorithm);
    return priced;
  }

 private:
  using Key = std::tuple<CollectiveType, double, std::uint64_t, std::string, std::string,
                         std::vector<PlaneId>, std::vector<PlaneId>>;
  std::map<Key, Priced> known_;
};

// ---------------------------------------------------------------- plans

using Groups = std::vector<std::vector<DeviceId>>;

std::vector<LinkLoad> all_loads(const Fabric& fabric, const LinkBytes& bytes,
                                const std::vector<LinkId>& touched, const CollectivePlan& plan) {
  std::vector<LinkLoad> loads;
  for (const LinkId link : touched) {
    const double wire = plan.wire(plan.slot_of(fabric.links()[link].plane));
    loads.push_back({link, bytes.bytes(link), bytes.bytes(link) * wire});
  }
  return loads;
}

void count_tiers(const Fabric& fabric, const LinkBytes& bytes, const std::vector<LinkId>& touched,
                 std::vector<double>& tiers) {
  for (const LinkId link : touched) tiers[fabric.links()[link].tier] += bytes.bytes(link);
}

std::vector<TierLoad> tier_loads(const std::vector<double>& tiers) {
  std::vector<TierLoad> loads;
  for (std::size_t t = 0; t < tiers.size(); ++t) {
    if (tiers[t] > 0) loads.push_back({static_cast<TierId>(t), tiers[t]});
  }
  return loads;
}

/// Later groups do what the first one does, on their own devices.
std::vector<GroupView> sibling_views(const Fabric& fabric, const std::vector<PlaneId>& planes,
                                     const Groups& groups) {
  std::vector<GroupView> views;
  views.reserve(groups.size());
  for (std::size_t g = 1; g < groups.size(); ++g) views.emplace_back(fabric, planes, groups[g]);
  return views;
}

/// What was laid over the links for one plan of many groups, to look at again when all plans are
/// known.
struct Laid {
  std::uint32_t plan = 0;
  Groups groups;
  std::vector<PlaneId> planes;
  std::vector<Phase> phases;
  std::vector<bool>
      alike;  ///< by phase: every group puts the same bytes on links of the same tiers
};

/// Where the loads of a plan go: into the plan itself, or into a partition that all plans of a
/// folded run share.
struct LoadSink {
  LinkPartition* partition = nullptr;
  std::uint32_t plan = 0;  ///< index in the partition's plans
  Tuned* tuned = nullptr;
  std::vector<Laid>* laid = nullptr;
};

/// Equal for equal sets of (name of the link, bytes on it).
template <class NameOf>
std::uint64_t loads_hash(const LinkBytes& bytes, const std::vector<LinkId>& touched, NameOf name) {
  std::uint64_t sum = touched.size();
  for (const LinkId link : touched) {
    sum +=
        topology::mix(topology::mix(std::bit_cast<std::uint64_t>(bytes.bytes(link))) ^ name(link));
  }
  return sum;
}

double fill_phases(const Fabric& fabric, const Priced& best, const Groups& groups, LoadSink sink,
                   CollectivePlan& plan) {
  const std::vector<GroupView> siblings = sibling_views(fabric, plan.planes, groups);
  std::vector<double> tiers(fabric.tiers().size());
  double total = 0;
  for (const Phase& phase : best.traffic.phases) {
    LinkBytes bytes(fabric);
    add_loads(*best.request.group, phase, bytes);
    const std::vector<LinkId> touched = bytes.links();
    double longest = 0;  // of the first group alone: without contention groups do not meet
    for (const LinkId link : touched) {
      const FabricLink& l = fabric.links()[link];
      longest = std::max(longest,
                         bytes.bytes(link) * plan.wire(plan.slot_of(l.plane)) / l.capacity.value());
    }
    bool alike = true;
    const auto tier = [&](LinkId link) { return std::uint64_t{fabric.links()[link].tier}; };
    const std::uint64_t first = loads_hash(bytes, touched, tier);
    for (const GroupView& view : siblings) {
      if (sink.laid == nullptr) {
        add_loads(view, phase, bytes);
        continue;
      }
      LinkBytes own(fabric);
      add_loads(view, phase, own);
      alike = alike && loads_hash(own, own.touched(), tier) == first;
      for (const LinkId link : own.touched()) bytes.add(link, own.bytes(link));
    }
    if (sink.laid != nullptr) sink.laid->back().alike.push_back(alike);
    const std::vector<LinkId> all = siblings.empty() ? touched : bytes.links();
    count_tiers(fabric, bytes, all, tiers);
    FluidPhase fluid{Seconds(phase.latency), {}};
    if (sink.partition == nullptr)
      fluid.loads = all_loads(fabric, bytes, all, plan);
    else
      sink.partition->split(sink.plan, static_cast<std::uint32_t>(plan.phases.size()), bytes, all);
    total += phase.latency + longest;
    plan.phases.push_back(std::move(fluid));
  }
  plan.tier_loads = tier_loads(tiers);
  return total;
}

CollectivePlan empty_plan(CollectiveType type, double bytes, std::size_t ranks) {
  CollectivePlan plan;
  plan.type = type;
  plan.bytes = bytes;
  plan.ranks = static_cast<std::uint32_t>(ranks);
  return plan;
}

void describe_variant(const Priced& best, const CollectiveLibrarySpec* library,
                      CollectivePlan& plan) {
  const Variant& v = best.variant;
  plan.algorithm = v.algorithm->name;
  plan.protocol = v.protocol == nullptr ? "" : v.protocol->name;
  plan.planes = best.request.group->planes();
  plan.message_overhead = Seconds(best.request.cost[0].overhead);
  plan.wire_factor = best.request.cost[0].wire_factor;
  for (std::size_t slot = 1; slot < plan.planes.size(); ++slot) {
    const SlotCost& cost = best.request.cost[slot];
    plan.outer_costs.push_back({Seconds(cost.overhead), cost.wire_factor});
  }
  plan.start_overhead = Seconds(best.start);
  plan.pipeline_chunks = best.traffic.chunks;
  plan.inner = best.traffic.inner;
  plan.outer = best.traffic.outer;
  if (library != nullptr) plan.units_share = library->units_share;
}

CollectivePlan plan_groups(const CollectiveContext& context, CollectiveType type, Bytes bytes,
                           LoadSink sink, const Groups& groups, const CollectiveOptions& options) {
  const Fabric& fabric = *context.fabric;
  if (groups.empty()) throw InternalError("a collective without groups");
  if (!(bytes.value() >= 0)) throw InternalError("a collective of negative size");
  for (const auto& members : groups) {
    check_members(members, fabric);
    if (members.size() != groups.front().size())
      throw InternalError("groups of a class must be equally large");
  }
  if (!options.algorithm.empty()) static_cast<void>(known_algorithm(options.algorithm));
  CollectivePlan plan = empty_plan(type, bytes.value(), groups.front().size());
  if (groups.front().size() == 1) return plan;
  const std::span<const DeviceId> members = groups.front();
  const Question q{&fabric,
                   context.library,
                   type,
                   bytes.value(),
                   members,
                   &options,
                   choose_planes(fabric, members, options)};
  const Views views(q);
  const Priced best = sink.tuned == nullptr ? tune(q, views) : sink.tuned->best(q, views);
  describe_variant(best, context.library, plan);
  if (sink.laid != nullptr)
    sink.laid->push_back({sink.plan, groups, plan.planes, best.traffic.phases, {}});
  plan.idle_time = Seconds(best.start + fill_phases(fabric, best, groups, sink, plan));
  return plan;
}

// ---------------------------------------------------------------- transfers

PlaneId transfer_plane(const Fabric& fabric, std::span<const DevicePair> pairs,
                       const CollectiveOptions& options) {
  if (!options.plane.empty()) {
    const DevicePair& first = pairs.front();
    const std::vector<DeviceId> ends =
        first.from == first.to ? std::vector{first.from} : std::vector{first.from, first.to};
    return named_plane(fabric, options.plane, ends);
  }
  std::optional<PlaneId> best;
  for (std::size_t i = 0; i < fabric.planes().size(); ++i) {
    const auto p = static_cast<PlaneId>(i);
    const bool all = std::all_of(pairs.begin(), pairs.end(), [&](const DevicePair& pair) {
      return fabric.instance_of(p, pair.from) == fabric.instance_of(p, pair.to);
    });
    const bool faster =
        !best || fabric.planes()[p].device_capacity > fabric.planes()[*best].device_capacity;
    if (all && faster && fabric.planes()[p].role != PlaneRole::management) best = p;
  }
  if (best) return *best;
  throw InputError("no-plane",
                   fmt::format("no plane connects device {} with device {}", pairs.front().from,
                               pairs.front().to),
                   "place both inside one domain, or add a plane that spans them");
}

/// A transfer uses the row of `direct`, else the first, with the protocol that is shortest for its
/// size.
std::vector<Variant> transfer_variants(const CollectiveLibrarySpec* library,
                                       const CollectiveOptions& options) {
  if (library == nullptr || library->algorithms.empty()) return {{&kDirect, nullptr, nullptr}};
  const LibraryAlgorithmSpec* row = &library->algorithms.front();
  for (const LibraryAlgorithmSpec& candidate : library->algorithms) {
    if (candidate.algorithm == kDirect.name && row->algorithm != kDirect.name) row = &candidate;
  }
  std::vector<Variant> variants;
  for (const ProtocolSpec& p : row->protocols) {
    if (options.protocol.empty() || options.protocol == p.name)
      variants.push_back({&kDirect, row, &p});
  }
  return variants;
}

Traffic transfer_traffic(const Request& r) {
  Phase phase;
  phase.latency = r.hop(0, 0, 1);
  phase.volumes.push_back({0, 1, r.bytes});
  return {{phase}, 1, {}, {}};
}

Priced tune_transfer(const std::vector<Variant>& variants, const GroupView& view, double bytes) {
  Priced best;
  for (const Variant& v : variants) {
    Priced p;
    p.variant = v;
    p.request.type = CollectiveType::SEND_RECV;
    p.request.bytes = bytes;
    p.request.group = &view;
    p.request.cost[0] = slot_cost(v, view, 0);
    p.traffic = transfer_traffic(p.request);
    judge(p, view);
    if (best.variant.algorithm == nullptr || p.judged < best.judged) best = std::move(p);
  }
  return best;
}

CollectivePlan plan_pairs(const CollectiveContext& context, Bytes bytes, LoadSink sink,
                          std::span<const DevicePair> pairs, const CollectiveOptions& options) {
  if (pairs.empty()) throw InternalError("a transfer without a pair");
  CollectivePlan plan = empty_plan(CollectiveType::SEND_RECV, bytes.value(), 2);
  if (pairs.front().from == pairs.front().to) return plan;
  const PlaneId plane = transfer_plane(*context.fabric, pairs, options);
  Groups groups;
  for (const DevicePair& pair : pairs) groups.push_back({pair.from, pair.to});
  const GroupView view(*context.fabric, {plane}, groups.front());
  const std::vector<Variant> variants = transfer_variants(context.library, options);
  if (variants.empty()) {
    throw InputError(
        "unknown-protocol",
        fmt::format("the collective library has no protocol '{}' for transfers", options.protocol),
        "leave the protocol out to let the tuner choose");
  }
  const Priced best = tune_transfer(variants, view, bytes.value());
  describe_variant(best, context.library, plan);
  plan.algorithm = "transfer";
  if (sink.laid != nullptr)
    sink.laid->push_back({sink.plan, groups, plan.planes, best.traffic.phases, {}});
  plan.idle_time = Seconds(best.start + fill_phases(*context.fabric, best, groups, sink, plan));
  return plan;
}

}  // namespace
}  // namespace collective

CollectivePlan plan_collective(const CollectiveContext& context, CollectiveType type, Bytes bytes,
                               std::span<const DeviceId> members,
                               const CollectiveOptions& options) {
  return collective::plan_groups(context, type, bytes, {}, {{members.begin(), members.end()}},
                                 options);
}

CollectivePlan plan_transfer(const CollectiveContext& context, Bytes bytes, DevicePair pair,
                             const CollectiveOptions& options) {
  return collective::plan_pairs(context, bytes, {}, {&pair, 1}, options);
}

struct FoldedPlans::State {
  CollectiveContext context;
  collective::LinkPartition partition;
  collective::Tuned tuned;
  std::vector<collective::Laid> laid;
  std::vector<CollectivePlan> plans;
  [[nodiscard]] collective::LoadSink next() {
    return {&partition, static_cast<std::uint32_t>(plans.size()), &tuned, &laid};
  }
};

FoldedPlans::FoldedPlans(const CollectiveContext& context)
    : state_(new State{context, collective::LinkPartition(*context.fabric), {}, {}, {}}) {}
FoldedPlans::~FoldedPlans() = default;

std::size_t FoldedPlans::add_collective(CollectiveType type, Bytes bytes,
                                        const std::vector<std::vector<DeviceId>>& groups,
                                        const CollectiveOptions& options) {
  state_->plans.push_back(
      collective::plan_groups(state_->context, type, bytes, state_->next(), groups, options));
  return state_->plans.size() - 1;
}

std::size_t FoldedPlans::add_transfer(Bytes bytes, std::span<const DevicePair> pairs,
                                      const CollectiveOptions& options) {
  state_->plans.push_back(
      collective::plan_pairs(state_->context, bytes, state_->next(), pairs, options));
  return state_->plans.size() - 1;
}

std::string FoldedPlans::uneven() const {
  using namespace collective;
  const Fabric& fabric = *state_->context.fabric;
  for (const Laid& laid : state_->laid) {
    if (laid.groups.size() < 2) continue;
    for (std::uint32_t p = 0; p < laid.phases.size(); ++p) {
      if (laid.alike[p] && state_->partition.uniform(laid.plan, p)) continue;
      std::optional<std::uint64_t> first;
      for (const auto& members : laid.groups) {
        LinkBytes own(fabric);
        add_loads(GroupView(fabric, laid.planes, members), laid.phases[p], own);
        const std::uint64_t here = loads_hash(own, own.touched(), [&](LinkId link) {
          return std::uint64_t{state_->partition.block(link)};
        });
        if (!first) first = here;
        if (here == *first) continue;
        const CollectivePlan& plan = state_->plans[laid.plan];
        return fmt::format(
            "groups that run {} of {} bytes at once share links with different traffic",
            to_string(plan.type), plan.bytes);
      }
    }
  }
  return {};
}

std::vector<CollectivePlan> FoldedPlans::finish() {
  state_->partition.fill(state_->plans);
  return std::move(state_->plans);
}

CollectivePlan plan_collective_class(const CollectiveContext& context, CollectiveType type,
                                     Bytes bytes, const std::vector<std::vector<DeviceId>>& groups,
                                     const CollectiveOptions& options) {
  FoldedPlans plans(context);
  plans.add_collective(type, bytes, groups, options);
  return std::move(plans.finish().front());
}

CollectivePlan plan_transfer_class(const CollectiveContext& context, Bytes bytes,
                                   std::span<const DevicePair> pairs,
                                   const CollectiveOptions& options) {
  FoldedPlans plans(context);
  plans.add_transfer(bytes, pairs, options);
  return std::move(plans.finish().front());
}

MessageDag lower_messages(const CollectiveContext& context, const CollectivePlan& plan,
                          std::span<const DeviceId> members) {
  using namespace collective;
  DagBuilder dag;
  if (plan.ranks <= 1 || plan.planes.empty()) return dag.take();
  if (plan.algorithm == "transfer") {
    dag.set_chunks(1);
    dag.add({.from = 0, .to = 1, .bytes = plan.bytes, .chunks = 1});
    return dag.take();
  }
  const Algorithm* algorithm = find_algorithm(plan.algorithm);
  if (algorithm == nullptr || members.size() != plan.ranks)
    throw InternalError("not a plan of this group");
  const GroupView view(*context.fabric, plan.planes, members);
  Request r;
  r.type = plan.type;
  r.bytes = plan.type == CollectiveType::BARRIER ? 0.0 : plan.bytes;
  r.group = &view;
  for (std::uint32_t slot = 0; slot < plan.planes.size(); ++slot) {
    r.cost[slot] = {plan.overhead(slot).value(), plan.wire(slot)};
  }
  r.chunks = plan.pipeline_chunks;
  r.inner = plan.inner;
  r.outer = plan.outer;
  algorithm->lower(r, dag);
  return dag.take();
}

}  // namespace xpusim
