#include "dag_player.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <random>
#include <stdexcept>
#include <tuple>
#include <utility>

namespace xpusim::testing {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();

struct Flow {
  std::uint32_t message;
  std::vector<std::uint32_t> links;
  double left;
  double rate = 0;
};

/// Who waits for whom, and when what becomes free.
class Waiting {
 public:
  explicit Waiting(const MessageDag& dag)
      : missing_(dag.messages.size()), unlocks_(dag.messages.size()) {
    for (std::uint32_t m = 0; m < dag.messages.size(); ++m) {
      const Message& message = dag.messages[m];
      missing_[m] = message.dependencies;
      for (std::uint32_t d = 0; d < message.dependencies; ++d) {
        unlocks_[dag.dependency_ids.at(message.first_dependency + d)].push_back(m);
      }
      if (missing_[m] == 0) ready_.push_back(m);
    }
  }
  std::vector<std::uint32_t> take_ready() { return std::exchange(ready_, {}); }
  void done(std::uint32_t m) {
    for (const std::uint32_t next : unlocks_[m]) {
      if (--missing_[next] == 0) ready_.push_back(next);
    }
  }

 private:
  std::vector<std::uint32_t> missing_;
  std::vector<std::vector<std::uint32_t>> unlocks_;
  std::vector<std::uint32_t> ready_;
};

void share_max_min(std::vector<Flow>& flows, const Fabric& fabric) {
  std::map<std::uint32_t, std::pair<double, int>> links;  // capacity left, flows without a rate
  for (Flow& f : flows) {
    f.rate = -1;
    for (const std::uint32_t l : f.links) {
      links.try_emplace(l, fabric.links()[l].capacity.value(), 0).first->second.second += 1;
    }
  }
  for (std::size_t settled = 0; settled < flows.size();) {
    double least = kNever;
    for (const auto& [l, state] : links) {
      if (state.second > 0) least = std::min(least, state.first / state.second);
    }
    std::vector<std::uint32_t> full;
    for (const auto& [l, state] : links) {
      if (state.second > 0 && state.first / state.second <= least * (1 + 1e-12)) full.push_back(l);
    }
    for (Flow& f : flows) {
      const bool hit = std::any_of(f.links.begin(), f.links.end(), [&](std::uint32_t l) {
        return std::binary_search(full.begin(), full.end(), l);
      });
      if (f.rate >= 0 || !hit) continue;
      f.rate = least;
      ++settled;
      for (const std::uint32_t l : f.links) {
        links[l].first -= least;
        links[l].second -= 1;
      }
    }
  }
}

std::vector<Path> paths_of(const Fabric& fabric, const CollectivePlan& plan, const Message& m,
                           std::span<const DeviceId> members) {
  const PlaneId plane = plan.planes.at(m.plane_slot);
  if (m.to == kSwitch) return fabric.to_switch(plane, members[m.from]);
  if (m.from == kSwitch) return fabric.from_switch(plane, members[m.to]);
  return fabric.route(plane, members[m.from], members[m.to],
                      flow_hash(members[m.from], members[m.to]));
}

}  // namespace

Played play(const Fabric& fabric, const CollectivePlan& plan, const MessageDag& dag,
            std::span<const DeviceId> members) {
  Waiting waiting(dag);
  Played played{std::vector<double>(dag.messages.size(), -1),
                std::vector<double>(dag.messages.size(), -1), 0};
  std::vector<std::pair<double, std::uint32_t>> in_latency;
  std::vector<Flow> flows;
  double now = 0;
  std::size_t done = 0;
  while (done < dag.messages.size()) {
    for (const std::uint32_t m : waiting.take_ready()) {
      const Message& message = dag.messages[m];
      const std::vector<Path> paths = paths_of(fabric, plan, message, members);
      if (paths.size() != 1) throw std::logic_error("the player knows one path per message");
      played.start[m] = now;
      in_latency.emplace_back(now + (paths[0].latency + plan.overhead(message.plane_slot)).value(),
                              m);
    }
    share_max_min(flows, fabric);
    double next = kNever;
    for (const auto& [at, m] : in_latency) next = std::min(next, at);
    for (const Flow& f : flows) next = std::min(next, now + f.left / f.rate);
    if (next == kNever) throw std::logic_error("the schedule never ends: a cycle");
    const double step = next - now;
    now = next;
    const double slack = 1e-14 * std::max(1.0, now) + now * 1e-13;
    std::vector<Flow> still;
    const auto arrive = [&](std::uint32_t m) {
      played.end[m] = now;
      waiting.done(m);
      ++done;
    };
    for (Flow& f : flows) {
      f.left -= f.rate * step;
      if (f.left <= f.rate * slack) {
        arrive(f.message);
      } else {
        still.push_back(f);
      }
    }
    flows = std::move(still);
    std::vector<std::pair<double, std::uint32_t>> later;
    for (const auto& [at, m] : in_latency) {
      if (at > now + slack) {
        later.emplace_back(at, m);
        continue;
      }
      const Message& message = dag.messages[m];
      if (message.bytes == 0) {
        arrive(m);
        continue;
      }
      const Path path = paths_of(fabric, plan, message, members).front();
      flows.push_back({m,
                       {path.links.begin(), path.links.end()},
                       message.bytes * plan.wire(message.plane_slot),
                       0});
    }
    in_latency = std::move(later);
  }
  played.makespan = now;
  return played;
}

Played play_at_random(const MessageDag& dag, std::uint32_t seed) {
  std::mt19937 random(seed);
  Waiting waiting(dag);
  Played played{std::vector<double>(dag.messages.size(), 0),
                std::vector<double>(dag.messages.size(), 0), 0};
  std::vector<double> free(dag.messages.size(), 0);
  for (std::vector<std::uint32_t> ready = waiting.take_ready(); !ready.empty();
       ready = waiting.take_ready()) {
    for (const std::uint32_t m : ready) {
      const Message& message = dag.messages[m];
      for (std::uint32_t d = 0; d < message.dependencies; ++d) {
        const std::uint32_t before = dag.dependency_ids[message.first_dependency + d];
        played.start[m] = std::max(played.start[m], played.end[before]);
      }
      played.end[m] = played.start[m] + 1.0 + static_cast<double>(random() % 1000);
      played.makespan = std::max(played.makespan, played.end[m]);
      waiting.done(m);
    }
  }
  return played;
}

namespace {

bool root_only(CollectiveType t) {
  return t == CollectiveType::BROADCAST || t == CollectiveType::SCATTER;
}

/// Who owns a chunk of a buffer of n shares.
std::uint32_t share_of(std::uint32_t chunk, std::uint32_t chunks, std::uint32_t n) {
  return static_cast<std::uint32_t>(static_cast<std::uint64_t>(chunk) * n / chunks);
}

bool holds_at_first(const CollectivePlan& plan, std::uint32_t chunks, std::uint32_t rank,
                    std::uint32_t chunk) {
  using enum CollectiveType;
  switch (plan.type) {
    case ALL_GATHER:
    case GATHER:
      return share_of(chunk, chunks, plan.ranks) == rank;
    case ALL_TO_ALL:
      return chunk / plan.ranks == rank;
    case SEND_RECV:
      return chunk == rank;
    default:
      return !root_only(plan.type) || rank == 0;
  }
}

Contents contents_at_first(const CollectivePlan& plan, std::uint32_t chunks) {
  const std::uint32_t n = plan.ranks;
  Contents contents(n + 1, std::vector<std::vector<int>>(
                               chunks, std::vector<int>(n, 0)));  // the last is the switch
  for (std::uint32_t rank = 0; rank < n; ++rank) {
    for (std::uint32_t c = 0; c < chunks; ++c)
      contents[rank][c][rank] = holds_at_first(plan, chunks, rank, c) ? 1 : 0;
  }
  return contents;
}

/// What rank must hold of a chunk: empty = nothing in particular, else contributors.
std::vector<int> promised(const CollectivePlan& plan, std::uint32_t chunks, std::uint32_t rank,
                          std::uint32_t chunk) {
  using enum CollectiveType;
  const std::uint32_t n = plan.ranks;
  const auto only = [n](std::uint32_t who) {
    std::vector<int> v;
    for (std::uint32_t r = 0; r < n; ++r) v.push_back(r == who ? 1 : 0);
    return v;
  };
  const std::vector<int> all(n, 1);
  switch (plan.type) {
    case ALL_REDUCE:
    case BARRIER:
      return all;
    case REDUCE:
      return rank == 0 ? all : std::vector<int>{};
    case REDUCE_SCATTER:
      return share_of(chunk, chunks, n) == rank ? all : std::vector<int>{};
    case ALL_GATHER:
      return only(share_of(chunk, chunks, n));
    case GATHER:
      return rank == 0 ? only(share_of(chunk, chunks, n)) : std::vector<int>{};
    case BROADCAST:
      return only(0);
    case SCATTER:
      return share_of(chunk, chunks, n) == rank ? only(0) : std::vector<int>{};
    case ALL_TO_ALL:
      return chunk % n == rank ? only(chunk / n) : std::vector<int>{};
    case SEND_RECV:
      return (chunk + 1) % n == rank ? only(chunk) : std::vector<int>{};
  }
  return {};
}

std::vector<std::uint32_t> chunks_of(const Message& m) {
  std::vector<std::uint32_t> chunks;
  for (std::uint32_t row = 0; row < m.rows; ++row) {
    for (std::uint32_t c = 0; c < m.chunks; ++c)
      chunks.push_back(m.first_chunk + row * m.row_stride + c * m.chunk_stride);
  }
  return chunks;
}

std::vector<std::vector<int>> carried(const Contents& contents, const Message& m, std::uint32_t n) {
  std::vector<std::vector<int>> load;
  for (const std::uint32_t chunk : chunks_of(m))
    load.push_back(contents[std::min(m.from, n)].at(chunk));
  return load;
}

void deliver(Contents& contents, const Message& m, std::uint32_t n,
             const std::vector<std::vector<int>>& load) {
  const std::vector<std::uint32_t> chunks = chunks_of(m);
  for (std::size_t c = 0; c < chunks.size(); ++c) {
    std::vector<int>& target = contents[std::min(m.to, n)].at(chunks[c]);
    for (std::uint32_t who = 0; who < n; ++who)
      target[who] = load[c][who] + (m.reduce ? target[who] : 0);
  }
}

}  // namespace

Contents move_data(const CollectivePlan& plan, const MessageDag& dag, const Played& played) {
  Contents contents = contents_at_first(plan, dag.chunk_count);
  if (plan.algorithm ==
      "in_switch") {  // cut-through: the list has all ways up before the ways down
    for (const Message& m : dag.messages)
      deliver(contents, m, plan.ranks, carried(contents, m, plan.ranks));
    return contents;
  }
  std::vector<std::tuple<double, int, std::uint32_t>>
      events;  // at the same time arrivals come first
  for (std::uint32_t m = 0; m < dag.messages.size(); ++m) {
    events.emplace_back(played.start[m], 1, m);
    events.emplace_back(played.end[m], 0, m);
  }
  std::sort(events.begin(), events.end());
  std::vector<std::vector<std::vector<int>>> load(dag.messages.size());
  for (const auto& [at, starts, m] : events) {
    if (starts == 1) {
      load[m] = carried(contents, dag.messages[m], plan.ranks);
    } else {
      deliver(contents, dag.messages[m], plan.ranks, load[m]);
    }
  }
  return contents;
}

std::string wrong_contents(const CollectivePlan& plan, const MessageDag& dag,
                           const Contents& contents) {
  for (std::uint32_t rank = 0; rank < plan.ranks; ++rank) {
    for (std::uint32_t c = 0; c < dag.chunk_count; ++c) {
      const std::vector<int> want = promised(plan, dag.chunk_count, rank, c);
      if (!want.empty() && contents[rank][c] != want) {
        return fmt::format("rank {} chunk {} holds {}, not {}", rank, c,
                           fmt::join(contents[rank][c], " "), fmt::join(want, " "));
      }
    }
  }
  return {};
}

}  // namespace xpusim::testing
