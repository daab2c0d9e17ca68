// Two levels: inside each supernode on the inner plane, between equal local ranks on the outer
// planes. All-reduce is reduce-scatter inside, all-reduce between, all-gather inside. Several outer
// planes are a hierarchy again: the part between equal local ranks is itself hierarchical. Data
// labels assume ranks in supernode order.
#include <algorithm>
#include <array>
#include <limits>

#include "collective/algorithm.hpp"
#include "collective/levels.hpp"
#include "xpusim/diagnostic.hpp"

namespace xpusim::collective {
namespace {

using enum CollectiveType;
constexpr std::array kTypes{ALL_REDUCE, REDUCE_SCATTER, ALL_GATHER, ALL_TO_ALL,
                            BROADCAST,  REDUCE,         BARRIER};

/// One step of the composition: a collective in every supernode or on every rail at once.
struct Step {
  CollectiveType type;
  bool inner;
  double bytes;  ///< in the convention of `type`
};

std::vector<Step> steps_of(const Request& r, const Levels& levels) {
  const auto k = static_cast<double>(levels.rails.size());
  const double s = r.bytes;
  switch (r.type) {
    case ALL_REDUCE:
      return {{REDUCE_SCATTER, true, s}, {ALL_REDUCE, false, s / k}, {ALL_GATHER, true, s}};
    case BARRIER:
      return {{BARRIER, true, 0}, {BARRIER, false, 0}, {BARRIER, true, 0}};
    case REDUCE_SCATTER:
      return {{REDUCE_SCATTER, true, s}, {REDUCE_SCATTER, false, s / k}};
    case ALL_GATHER:
      return {{ALL_GATHER, false, s / k}, {ALL_GATHER, true, s}};
    case ALL_TO_ALL:
      return {{ALL_TO_ALL, true, s}, {ALL_TO_ALL, false, s}};
    case BROADCAST:
      return {{BROADCAST, false, s}, {BROADCAST, true, s}};
    case REDUCE:
      return {{REDUCE, true, s}, {REDUCE, false, s}};
    default:
      break;
  }
  throw InternalError("hierarchical does not do this collective");
}

bool rooted(CollectiveType t) { return t == BROADCAST || t == REDUCE; }

/// The sub-groups that run a step: rooted ones cross on the first rail only.
std::vector<std::vector<std::uint32_t>> groups_of(const Step& step, const Levels& levels) {
  if (step.inner) return levels.nodes;
  if (rooted(step.type)) return {levels.rails.front()};
  return levels.rails;
}

GroupView sub_view(const GroupView& group, const std::vector<std::uint32_t>& ranks, bool inner) {
  return inner ? inner_view(group, ranks) : outer_view(group, ranks);
}

Request sub_request(const Request& r, const Step& step, const GroupView& view) {
  Request sub;
  sub.type = step.type;
  sub.bytes = step.bytes;
  sub.group = &view;
  for (std::size_t slot = 0; slot < view.planes().size(); ++slot) {
    sub.cost[slot] = r.cost[slot + (step.inner ? 0 : 1)];
  }
  const std::size_t cut = r.outer.find('/');  // "ring/direct": of the next level, and beyond it
  if (step.inner || cut == std::string::npos) return sub;
  sub.inner = r.outer.substr(0, cut);
  sub.outer = r.outer.substr(cut + 1);
  return sub;
}

// Inner messages must carry single chunks, so that a stride can name them.
constexpr std::array<std::string_view, 3> kInner{"ring", "direct", "pairwise"};
constexpr std::array<std::string_view, 4> kOuter{"ring", "halving_doubling", "direct", "pairwise"};

bool fits(const Algorithm& a, const std::vector<Step>& steps, bool inner, std::uint32_t ranks) {
  return std::all_of(steps.begin(), steps.end(), [&](const Step& step) {
    // A one-shot all-reduce would send sums of a rail that others have already added to.
    const bool mixes = step.type == ALL_REDUCE && a.name == "direct";
    return step.inner != inner || (supports(a, step.type, ranks) && !mixes);
  });
}

/// The algorithm that makes the steps of one level shortest, judged on its first sub-group.
const Algorithm& choose(const Request& r, const std::vector<Step>& steps, const Levels& levels,
                        bool inner) {
  if (!inner && r.group->planes().size() > 2) return kHierarchical;
  const std::span<const std::string_view> names =
      inner ? std::span<const std::string_view>(kInner) : std::span<const std::string_view>(kOuter);
  const auto& ranks = inner ? levels.nodes.front() : levels.rails.front();
  const GroupView view = sub_view(*r.group, ranks, inner);
  const std::string& wanted = inner ? r.inner : r.outer;
  const Algorithm* best = nullptr;
  double shortest = std::numeric_limits<double>::infinity();
  for (const std::string_view name : names) {
    const Algorithm& a = *find_algorithm(name);
    if (!fits(a, steps, inner, view.size())) continue;
    if (name == wanted) return a;
    double seconds = 0;
    for (const Step& step : steps) {
      if (step.inner != inner) continue;
      const Request sub = sub_request(r, step, view);
      seconds += idle_seconds(sub, a.traffic(sub));
    }
    if (seconds < shortest) {
      shortest = seconds;
      best = &a;
    }
  }
  if (best == nullptr) throw InternalError("no algorithm for a level of hierarchical");
  return *best;
}

/// Lays the phases of one sub-group, whose planes begin at `slot`, over those of its siblings.
void merge(const Traffic& sub, const std::vector<std::uint32_t>& ranks, std::uint32_t slot,
           std::vector<Phase>& into) {
  into.resize(std::max(into.size(), sub.phases.size()));
  for (std::size_t p = 0; p < sub.phases.size(); ++p) {
    into[p].slot = slot + sub.phases[p].slot;
    into[p].latency = std::max(into[p].latency, sub.phases[p].latency);
    for (const Volume& v : sub.phases[p].volumes) {
      into[p].volumes.push_back({ranks[v.from], ranks[v.to], v.bytes});
    }
    for (const Exchange& e : sub.phases[p].exchanges) {
      Exchange whole{ranks, e.bytes};
      if (!e.ranks.empty()) whole.ranks.clear();
      for (const std::uint32_t rank : e.ranks) whole.ranks.push_back(ranks[rank]);
      into[p].exchanges.push_back(std::move(whole));
    }
  }
}

Traffic traffic(const Request& r) {
  const Levels levels = levels_of(*r.group);
  const std::vector<Step> steps = steps_of(r, levels);
  const Algorithm& inner = choose(r, steps, levels, true);
  const Algorithm& outer = choose(r, steps, levels, false);
  Traffic t;
  t.inner = inner.name;
  t.outer = outer.name;
  for (const Step& step : steps) {
    std::vector<Phase> phases;
    for (const auto& ranks : groups_of(step, levels)) {
      const GroupView view = sub_view(*r.group, ranks, step.inner);
      const Traffic sub = (step.inner ? inner : outer).traffic(sub_request(r, step, view));
      if (!sub.inner.empty()) t.outer = sub.inner + "/" + sub.outer;
      merge(sub, ranks, step.inner ? 0 : 1, phases);
    }
    t.phases.insert(t.phases.end(), phases.begin(), phases.end());
  }
  return t;
}

// ---------------------------------------------------------------- messages

/// Chunk of the whole buffer = outer index * inner_chunks + inner index.
struct Labels {
  std::uint32_t inner_chunks = 1, outer_chunks = 1;
};

void relabel_block(Message& m, const Levels& levels, bool inner,
                   std::uint32_t local) {  // ALL_TO_ALL: blocks (source, destination)
  const auto k = static_cast<std::uint32_t>(levels.rails.size());
  const auto nodes = static_cast<std::uint32_t>(levels.nodes.size());
  const std::uint32_t n = k * nodes;
  if (inner) {  // all blocks of one source for one local rank, in whatever supernode
    m.first_chunk = m.from * n + m.to % k;
    m.chunks = nodes;
    m.chunk_stride = k;
    return;
  }
  // A block between two supernodes is that of all sources of the one for one rank of the other.
  m.first_chunk = m.first_chunk / nodes * k * n + m.first_chunk % nodes * k + local;
  m.chunk_stride *= k;
  m.rows *= k;
  m.row_stride = n;
}

void relabel(Message& m, const Step& step, const Labels& labels, std::uint32_t local) {
  if (step.inner) {  // inner chunk f stands in every outer chunk
    m.chunk_stride = labels.inner_chunks;
    m.chunks = labels.outer_chunks;
  } else if (rooted(step.type)) {  // whole outer chunks
    if (m.chunk_stride != 1) {
      m.rows = m.chunks;
      m.row_stride = m.chunk_stride;
      m.chunks = m.chunk_stride = 1;
    }
    m.first_chunk *= labels.inner_chunks;
    m.chunks *= labels.inner_chunks;
    m.row_stride *= labels.inner_chunks;
  } else {
    m.first_chunk = m.first_chunk * labels.inner_chunks + local;
    m.chunk_stride *= labels.inner_chunks;
  }
}

class Composer {
 public:
  Composer(const Request& r, DagBuilder& dag)
      : request_(r), dag_(dag), levels_(levels_of(*r.group)), arrivals_(r.ranks()) {}

  void run() {
    const std::vector<Step> steps = steps_of(request_, levels_);
    const Algorithm& inner = choose(request_, steps, levels_, true);
    const Algorithm& outer = choose(request_, steps, levels_, false);
    for (const Step& step : steps) {
      const GroupView view =
          sub_view(*request_.group, groups_of(step, levels_).front(), step.inner);
      const std::uint32_t chunks = lower_one(step.inner ? inner : outer, step, view).chunk_count;
      (step.inner ? labels_.inner_chunks : labels_.outer_chunks) = chunks;
    }
    const std::uint32_t n = request_.ranks();
    dag_.set_chunks(request_.type == ALL_TO_ALL ? n * n
                                                : labels_.inner_chunks * labels_.outer_chunks);
    for (const Step& step : steps) add_step(step.inner ? inner : outer, step);
  }

 private:
  MessageDag lower_one(const Algorithm& a, const Step& step, const GroupView& view) const {
    DagBuilder builder;
    Request sub = sub_request(request_, step, view);
    sub.chunks = a.traffic(sub).chunks;
    a.lower(sub, builder);
    return builder.take();
  }

  void add_step(const Algorithm& a, const Step& step) {
    std::vector<std::vector<std::uint32_t>> arrived(request_.ranks());
    const auto groups = groups_of(step, levels_);
    for (std::uint32_t g = 0; g < groups.size(); ++g) {
      const GroupView view = sub_view(*request_.group, groups[g], step.inner);
      append(lower_one(a, step, view), groups[g], step, g, arrived);
    }
    // A rank that heard nothing in this step (the root of a broadcast) still waits for what it
    // heard before.
    for (std::uint32_t rank = 0; rank < request_.ranks(); ++rank) {
      if (!arrived[rank].empty()) arrivals_[rank] = std::move(arrived[rank]);
    }
  }

  void append(const MessageDag& sub, const std::vector<std::uint32_t>& ranks, const Step& step,
              std::uint32_t local, std::vector<std::vector<std::uint32_t>>& arrived) {
    const std::uint32_t start = dag_.size();
    std::vector<DagBuilder::Range> heard(ranks.size());
    for (std::size_t i = 0; i < ranks.size(); ++i) heard[i] = dag_.depend_on(arrivals_[ranks[i]]);
    for (const Message& model : sub.messages) {
      Message m = model;
      m.from = ranks[model.from];
      m.to = ranks[model.to];
      m.plane_slot += step.inner ? 0 : 1;
      if (step.type == ALL_TO_ALL) {
        relabel_block(m, levels_, step.inner, local);
      } else {
        relabel(m, step, labels_, local);
      }
      const std::uint32_t id = dag_.add(m, wait_for(sub, model, start, heard[model.from], m.from));
      if (matters_later(step, model)) arrived[m.to].push_back(id);
    }
  }

  DagBuilder::Range wait_for(const MessageDag& sub, const Message& model, std::uint32_t start,
                             DagBuilder::Range heard, std::uint32_t from) {
    if (model.dependencies == 0) return heard;
    std::vector<std::uint32_t> ids = arrivals_[from];
    for (std::uint32_t d = 0; d < model.dependencies; ++d) {
      ids.push_back(start + sub.dependency_ids[model.first_dependency + d]);
    }
    return dag_.depend_on(ids);
  }

  // After a reduce-scatter a rank goes on with its own share only.
  static bool matters_later(const Step& step, const Message& model) {
    return step.type != REDUCE_SCATTER || model.first_chunk == model.to;
  }

  const Request& request_;
  DagBuilder& dag_;
  Levels levels_;
  Labels labels_;
  std::vector<std::vector<std::uint32_t>> arrivals_;  ///< by rank: what it heard in the last step
};

void lower(const Request& r, DagBuilder& dag) { Composer(r, dag).run(); }

}  // namespace

constexpr Algorithm kHierarchical{
    .name = "hierarchical",
    .description =
        "inside the supernodes, between them, inside again (all-reduce: "
        "reduce-scatter, all-reduce, all-gather)",
    .types = kTypes,
    .levels = 2,
    .traffic = traffic,
    .lower = lower};

}  // namespace xpusim::collective
