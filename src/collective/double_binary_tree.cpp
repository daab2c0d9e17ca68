// Two complementary binary trees, each with half of the buffer (Sanders, Speck & Traeff, Parallel
// Computing 2009; tree shape as in NVIDIA/nccl src/graph/trees.cc). Chunks are pipelined in rounds:
// in a round a port sends at most one message and receives at most one, so a round takes latency +
// chunk time and ports never share.
#include <algorithm>
#include <array>
#include <bit>
#include <limits>

#include "collective/algorithm.hpp"

namespace xpusim::collective {
namespace {

using enum CollectiveType;
constexpr std::array kTypes{ALL_REDUCE, BROADCAST, REDUCE, BARRIER};
constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

/// Parent of each node of the in-order binary tree over n nodes; the root is node 0.
std::vector<std::uint32_t> binary_tree(std::uint32_t n) {
  std::vector<std::uint32_t> parent(n, kNone);
  for (std::uint32_t i = 1; i < n; ++i) {
    const std::uint32_t bit = i & (~i + 1);
    const std::uint32_t up = (i ^ bit) | (bit << 1U);
    parent[i] = up < n ? up : i ^ bit;
  }
  return parent;
}

/// The second tree mirrors (even n) or shifts (odd n) the first, so that inner nodes of one are
/// leaves of the other.
std::uint32_t relabel(std::uint32_t node, std::uint32_t n, int tree) {
  if (tree == 0) return node;
  return n % 2 == 0 ? n - 1 - node : (node + 1) % n;
}

struct Tree {
  std::vector<std::uint32_t> parent;  ///< by rank; kNone at the root
  std::vector<std::uint32_t> depth;
};

std::uint32_t depth_of(const std::vector<std::uint32_t>& parent, std::uint32_t rank) {
  std::uint32_t depth = 0;
  for (; parent[rank] != kNone; rank = parent[rank]) ++depth;
  return depth;
}

/// With a root (broadcast, reduce), both trees span ranks 1 .. n-1 and hang under rank 0.
Tree make_tree(std::uint32_t n, int which, bool rooted) {
  const std::uint32_t nodes = rooted ? n - 1 : n;
  const std::uint32_t offset = rooted ? 1 : 0;
  const std::vector<std::uint32_t> shape = binary_tree(nodes);
  Tree tree{std::vector<std::uint32_t>(n, kNone), std::vector<std::uint32_t>(n, 0)};
  for (std::uint32_t i = 0; i < nodes; ++i) {
    const std::uint32_t rank = relabel(i, nodes, which) + offset;
    if (shape[i] != kNone) tree.parent[rank] = relabel(shape[i], nodes, which) + offset;
    if (shape[i] == kNone && rooted) tree.parent[rank] = 0;
  }
  for (std::uint32_t rank = 0; rank < n; ++rank) tree.depth[rank] = depth_of(tree.parent, rank);
  return tree;
}

struct Edge {
  std::uint32_t from = 0, to = 0, chunk = 0;
  bool reduce = false;
  std::uint32_t missing = 0;           ///< arrivals it still waits for
  std::vector<std::uint32_t> unlocks;  ///< edges that wait for it
};

/// All messages of both trees with their data dependencies, in the order of their priority.
class Schedule {
 public:
  Schedule(CollectiveType type, std::uint32_t n, std::uint32_t chunks) : n_(n), chunks_(chunks) {
    const bool rooted = type == BROADCAST || type == REDUCE;
    for (int t = 0; t < 2; ++t) trees_[t] = make_tree(n, t, rooted);
    for (std::uint32_t c = 0; c < chunks; ++c) {
      for (int t = 0; t < 2; ++t)
        add_chunk(t, 2 * c + static_cast<std::uint32_t>(t), type != BROADCAST, type != REDUCE);
    }
  }

  /// Plays the rounds; `send` hears (edge, round). Returns the number of rounds.
  template <class Send>
  std::uint32_t play(Send send) {
    std::vector<std::uint32_t> ready;
    for (std::uint32_t e = 0; e < edges_.size(); ++e) {
      if (edges_[e].missing == 0) ready.push_back(e);
    }
    std::vector<std::uint32_t> sent_in(n_, kNone), received_in(n_, kNone);
    std::uint32_t round = 0;
    for (; !ready.empty(); ++round) {
      std::vector<std::uint32_t> waiting, arrived;
      for (const std::uint32_t e : ready) {
        const bool free = sent_in[edges_[e].from] != round && received_in[edges_[e].to] != round;
        if (free) sent_in[edges_[e].from] = received_in[edges_[e].to] = round;
        (free ? arrived : waiting).push_back(e);
      }
      for (const std::uint32_t e : arrived) {
        send(edges_[e], e);
        for (const std::uint32_t next : edges_[e].unlocks) {
          if (--edges_[next].missing == 0) waiting.push_back(next);
        }
      }
      std::sort(waiting.begin(), waiting.end());
      ready = std::move(waiting);
    }
    return round;
  }
  [[nodiscard]] const std::vector<Edge>& edges() const { return edges_; }
  [[nodiscard]] std::uint32_t chunk_count() const { return 2 * chunks_; }

 private:
  void add_chunk(int t, std::uint32_t chunk, bool up, bool down) {
    const Tree& tree = trees_[static_cast<std::size_t>(t)];
    std::vector<std::uint32_t> order;
    for (std::uint32_t rank = 0; rank < n_; ++rank) {
      if (tree.parent[rank] != kNone) order.push_back(rank);
    }
    std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
      return tree.depth[a] > tree.depth[b];
    });
    std::vector<std::vector<std::uint32_t>> arrivals(n_);  // reductions by receiver
    if (up) {
      for (const std::uint32_t rank : order) {
        arrivals[tree.parent[rank]].push_back(
            add({rank, tree.parent[rank], chunk, true, 0, {}}, arrivals[rank]));
      }
    }
    if (!down) return;
    std::reverse(order.begin(), order.end());
    std::vector<std::uint32_t> got(n_, kNone);
    for (const std::uint32_t rank : order) {
      const std::uint32_t parent = tree.parent[rank];
      const std::vector<std::uint32_t> before =
          got[parent] == kNone ? arrivals[parent] : std::vector<std::uint32_t>{got[parent]};
      got[rank] = add({parent, rank, chunk, false, 0, {}}, before);
    }
  }
  std::uint32_t add(Edge edge, const std::vector<std::uint32_t>& before) {
    const auto id = static_cast<std::uint32_t>(edges_.size());
    edge.missing = static_cast<std::uint32_t>(before.size());
    for (const std::uint32_t b : before) edges_[b].unlocks.push_back(id);
    edges_.push_back(std::move(edge));
    return id;
  }

  std::uint32_t n_, chunks_;
  std::array<Tree, 2> trees_;
  std::vector<Edge> edges_;
};

double longest_hop(const Request& r, const Schedule& schedule) {
  double longest = 0;
  for (const Edge& e : schedule.edges()) {
    if (e.chunk >= 2) break;  // every chunk takes the same edges
    longest = std::max(longest, r.hop(0, e.from, e.to));
  }
  return longest;
}

/// Payload of the busiest port side in units of one chunk.
double busiest_port(const Schedule& schedule, std::uint32_t n) {
  std::vector<double> out(n), in(n);
  for (const Edge& e : schedule.edges()) {
    out[e.from] += 1;
    in[e.to] += 1;
  }
  return std::max(*std::max_element(out.begin(), out.end()),
                  *std::max_element(in.begin(), in.end()));
}

std::vector<Volume> volumes(const Schedule& schedule, double chunk_bytes) {
  std::vector<Volume> list;
  for (const Edge& e : schedule.edges()) list.push_back({e.from, e.to, chunk_bytes});
  std::sort(list.begin(), list.end(), [](const Volume& a, const Volume& b) {
    return a.from != b.from ? a.from < b.from : a.to < b.to;
  });
  std::vector<Volume> merged;
  for (const Volume& v : list) {
    if (!merged.empty() && merged.back().from == v.from && merged.back().to == v.to) {
      merged.back().bytes += v.bytes;
    } else {
      merged.push_back(v);
    }
  }
  return merged;
}

std::uint32_t choose_chunks(const Request& r) {
  if (r.chunks != 0) return r.chunks;
  const std::uint32_t n = r.ranks();
  // All-reduce takes about 4 (chunks + depth) rounds of a + S/(2 chunks B).
  const double depth = std::bit_width(n - 1);
  const std::uint32_t limit = std::clamp<std::uint32_t>(65536 / n, 1, 64);
  return pipeline_chunks(depth, longest_hop(r, Schedule(r.type, n, 1)),
                         r.bytes * r.byte_time(0) / 2, limit);
}

Traffic traffic(const Request& r) {
  const std::uint32_t n = r.ranks();
  const std::uint32_t chunks = choose_chunks(r);
  const double chunk_bytes = r.bytes / (2 * chunks);
  Schedule schedule(r.type, n, chunks);
  const double busiest = busiest_port(schedule, n);
  Phase phase;
  phase.volumes = volumes(schedule, chunk_bytes);
  const double hop = longest_hop(r, schedule);
  const double rounds = schedule.play([](const Edge&, std::uint32_t) {});
  phase.latency = rounds * hop + (rounds - busiest) * chunk_bytes * r.byte_time(0);
  return {{phase}, chunks, {}, {}};
}

void lower(const Request& r, DagBuilder& dag) {
  const std::uint32_t chunks = std::max(1U, r.chunks);
  Schedule schedule(r.type, r.ranks(), chunks);
  dag.set_chunks(schedule.chunk_count());
  std::vector<std::vector<std::uint32_t>> before(
      schedule.edges().size());  // data: message ids by edge
  std::vector<std::uint32_t> last_sent(r.ranks(), kNone), last_received(r.ranks(), kNone);
  schedule.play([&](const Edge& e, std::uint32_t edge) {
    std::vector<std::uint32_t>& wait = before[edge];
    if (last_sent[e.from] != kNone) wait.push_back(last_sent[e.from]);
    if (last_received[e.to] != kNone) wait.push_back(last_received[e.to]);
    std::sort(wait.begin(), wait.end());
    wait.erase(std::unique(wait.begin(), wait.end()), wait.end());
    Message m;
    m.from = e.from;
    m.to = e.to;
    m.bytes = r.bytes / schedule.chunk_count();
    m.first_chunk = e.chunk;
    m.chunks = 1;
    m.reduce = e.reduce;
    const std::uint32_t id = dag.add(m, dag.depend_on(wait));
    for (const std::uint32_t next : e.unlocks) before[next].push_back(id);
    last_sent[e.from] = last_received[e.to] = id;
  });
}

}  // namespace

constexpr Algorithm kDoubleBinaryTree{
    .name = "double_binary_tree",
    .description =
        "two complementary trees with half of the buffer each, chunks "
        "pipelined in rounds",
    .types = kTypes,
    .traffic = traffic,
    .lower = lower};

}  // namespace xpusim::collective
