// Reduction and multicast inside the switches (NVLS, SHARP: Graham et al., COMHPC 2016). The switch
// forwards a result as its inputs arrive, so both directions move at once: S up, S down, latency
// once each way.
#include <algorithm>
#include <array>

#include "collective/algorithm.hpp"

namespace xpusim::collective {
namespace {

using enum CollectiveType;
constexpr std::array kTypes{ALL_REDUCE, REDUCE_SCATTER, ALL_GATHER, BROADCAST, REDUCE, BARRIER};

double bytes_up(const Request& r, std::uint32_t rank) {
  if (r.type == BROADCAST) return rank == 0 ? r.bytes : 0.0;
  return r.type == ALL_GATHER ? r.bytes / r.ranks() : r.bytes;
}
double bytes_down(const Request& r, std::uint32_t rank) {
  if (r.type == REDUCE) return rank == 0 ? r.bytes : 0.0;
  return r.type == REDUCE_SCATTER ? r.bytes / r.ranks() : r.bytes;
}
bool sends(const Request& r, std::uint32_t rank) { return r.type != BROADCAST || rank == 0; }
bool receives(const Request& r, std::uint32_t rank) {
  return r.type == REDUCE ? rank == 0 : r.type != BROADCAST || rank != 0;
}

Traffic traffic(const Request& r) {
  Phase phase;
  double up = 0, down = 0;
  for (std::uint32_t i = 0; i < r.ranks(); ++i) {
    if (sends(r, i)) {
      up = std::max(up, r.group->to_switch_latency(0, i));
      phase.volumes.push_back({i, kSwitch, bytes_up(r, i)});
    }
    if (receives(r, i)) {
      down = std::max(down, r.group->from_switch_latency(0, i));
      phase.volumes.push_back({kSwitch, i, bytes_down(r, i)});
    }
  }
  phase.latency = up + down + 2 * r.cost[0].overhead;
  return {{phase}, 1, {}, {}};
}

// An empty message to the switch stands for the first bytes of a buffer: when those of all senders
// are there, the result begins to flow down beside the rest of the buffers on their way up. An
// empty message down stands for the last bytes, which wait for the last of all senders.
void lower(const Request& r, DagBuilder& dag) {
  const std::uint32_t n = r.ranks();
  const bool shares = r.type == ALL_GATHER || r.type == REDUCE_SCATTER;
  dag.set_chunks(shares ? n : 1);
  std::vector<std::uint32_t> heads, bodies;
  for (std::uint32_t i = 0; i < n; ++i) {
    if (!sends(r, i)) continue;
    Message m;
    m.from = i;
    m.to = kSwitch;
    heads.push_back(dag.add(m));
    m.bytes = bytes_up(r, i);
    m.first_chunk = r.type == ALL_GATHER ? i : 0;
    m.chunks = r.type == REDUCE_SCATTER ? n : 1;
    m.reduce = true;
    bodies.push_back(dag.add(m));
  }
  const DagBuilder::Range first_bytes = dag.depend_on(heads);
  const DagBuilder::Range last_bytes = dag.depend_on(bodies);
  for (std::uint32_t i = 0; i < n; ++i) {
    if (!receives(r, i)) continue;
    Message m;
    m.from = kSwitch;
    m.to = i;
    m.bytes = bytes_down(r, i);
    m.first_chunk = r.type == REDUCE_SCATTER ? i : 0;
    m.chunks = r.type == ALL_GATHER ? n : 1;
    dag.add(m, first_bytes);
    m.bytes = 0;
    m.chunks = 0;
    dag.add(m, last_bytes);
  }
}

}  // namespace

constexpr Algorithm kInSwitch{
    .name = "in_switch",
    .description =
        "switches reduce and multicast (NVLS, SHARP): the buffer once up, the "
        "result once down",
    .types = kTypes,
    .needs_in_switch = true,
    .traffic = traffic,
    .lower = lower};

}  // namespace xpusim::collective
