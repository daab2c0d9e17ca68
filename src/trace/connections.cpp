#include "trace/connections.hpp"

#include <algorithm>
#include <map>
#include <numeric>
#include <random>

#include <fmt/format.h>

namespace xpusim::trace {
namespace {

/// The file of one rank as it grows.
class RankProgram {
 public:
  RankProgram() : file_(std::make_shared<ChakraFile>()) {}

  /// A node that ends at that time after the start of the replay. Times must ascend.
  std::uint64_t wait_until(std::uint64_t nanos) {
    if (nanos != time_) {
      ChakraNode node;
      node.id = next_++;
      node.type = ChakraNodeType::comp;
      node.is_cpu_op = true;
      node.duration_nanos = nanos - time_;
      file_->add(node, "wait",
                 time_ == 0 ? std::vector<std::uint64_t>{} : std::vector<std::uint64_t>{wait_});
      wait_ = node.id;
      time_ = nanos;
    }
    return wait_;
  }
  std::uint64_t reserve() { return next_++; }
  ChakraFile& file() { return *file_; }
  std::shared_ptr<const ChakraFile> finish(const std::string& name) {
    file_->name = name;
    file_->finish_texts();
    return file_;
  }

 private:
  std::shared_ptr<ChakraFile> file_;
  std::uint64_t next_ = 0, time_ = 0, wait_ = 0;
};

}  // namespace

RecordedTrace connections_trace(std::uint32_t ranks, std::string name,
                                const std::vector<Connection>& connections) {
  std::map<std::uint32_t, RankProgram> programs;
  std::vector<std::uint64_t> send_id(connections.size()), receive_id(connections.size()),
      start_id(connections.size());
  std::vector<std::uint32_t> by_start(connections.size());
  std::iota(by_start.begin(), by_start.end(), 0u);
  std::stable_sort(by_start.begin(), by_start.end(), [&](std::uint32_t a, std::uint32_t b) {
    return connections[a].start_nanos < connections[b].start_nanos;
  });
  for (const std::uint32_t c : by_start)
    if (connections[c].start_nanos > 0)
      start_id[c] = programs[connections[c].from].wait_until(connections[c].start_nanos);
  for (std::uint32_t c = 0; c < connections.size(); ++c) {
    send_id[c] = programs[connections[c].from].reserve();
    receive_id[c] = programs[connections[c].to].reserve();
  }
  for (std::uint32_t c = 0; c < connections.size(); ++c) {
    const Connection& connection = connections[c];
    std::vector<std::uint64_t> after;
    if (connection.start_nanos > 0) after.push_back(start_id[c]);
    for (const std::uint32_t before : connection.after)
      after.push_back(connections[before].from == connection.from ? send_id[before]
                                                                  : receive_id[before]);
    ChakraNode send;
    send.id = send_id[c];
    send.type = ChakraNodeType::comm_send;
    send.comm_dst = static_cast<std::int32_t>(connection.to);
    send.comm_tag = static_cast<std::int32_t>(c);
    send.comm_size = connection.bytes;
    send.offset = connection.offset;
    programs[connection.from].file().add(send, connection.name, after);
    ChakraNode receive = send;
    receive.id = receive_id[c];
    receive.type = ChakraNodeType::comm_recv;
    receive.comm_dst = -1;
    receive.comm_src = static_cast<std::int32_t>(connection.from);
    programs[connection.to].file().add(receive, connection.name);
  }
  auto nothing = std::make_shared<ChakraFile>();
  nothing->name = name;
  std::vector<std::shared_ptr<const ChakraFile>> files(ranks, std::move(nothing));
  for (auto& [rank, program] : programs) files[rank] = program.finish(name);
  RecordedTrace result;
  result.format = "htsim-cm";
  result.trace = make_chakra_trace(std::move(files));
  result.trace.prefix = std::move(name);
  result.options.communication_slot = false;
  return result;
}

}  // namespace xpusim::trace

namespace xpusim {

RecordedTrace make_permutation(std::uint32_t nodes, std::uint64_t bytes, std::uint64_t seed) {
  if (nodes < 2 || nodes > (1u << 20))
    throw InputError("trace-ranks", fmt::format("a permutation of {} nodes", nodes),
                     "give 2 to 1048576 nodes");
  std::mt19937_64 random(seed);
  // An unbiased number below `limit`: the same on every machine, unlike the standard distributions.
  const auto below = [&](std::uint64_t limit) {
    const std::uint64_t fair = std::mt19937_64::max() - std::mt19937_64::max() % limit;
    std::uint64_t value = random();
    while (value >= fair) value = random();
    return value % limit;
  };
  // Fisher and Yates 1938; drawn again until nobody sends to itself: every derangement is equally
  // likely, after e draws on average.
  std::vector<std::uint32_t> to(nodes);
  const auto sends_to_itself = [&] {
    for (std::uint32_t i = 0; i < nodes; ++i)
      if (to[i] == i) return true;
    return false;
  };
  do {
    std::iota(to.begin(), to.end(), 0u);
    for (std::uint32_t i = nodes - 1; i > 0; --i) std::swap(to[i], to[below(i + 1ull)]);
  } while (sends_to_itself());
  std::vector<trace::Connection> connections;
  for (std::uint32_t i = 0; i < nodes; ++i) {
    trace::Connection connection;
    connection.from = i;
    connection.to = to[i];
    connection.bytes = bytes;
    connection.name = fmt::format("{}->{}", i, to[i]);
    connections.push_back(std::move(connection));
  }
  return trace::connections_trace(
      nodes, fmt::format("permutation of {} nodes, seed {}", nodes, seed), connections);
}

}  // namespace xpusim
