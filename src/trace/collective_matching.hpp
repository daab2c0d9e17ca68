// Collectives and messages of different ranks that are one operation.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "trace/communicators.hpp"
#include "trace/prepared_file.hpp"

namespace xpusim::trace {

inline constexpr std::uint32_t kNoOp = 0xffffffffu;

/// A node of one rank.
struct Place {
  std::uint32_t rank = 0;
  std::uint32_t position = 0;
};

/// The prepared files of all ranks and the numbering of tasks: rank by rank, ascending id.
class RankFiles {
 public:
  RankFiles(const ChakraTrace&, bool follow_ctrl_deps);

  [[nodiscard]] std::uint32_t ranks() const { return static_cast<std::uint32_t>(class_of_.size()); }
  [[nodiscard]] std::uint32_t tasks() const { return first_task_.back(); }
  [[nodiscard]] const PreparedFile& of(std::uint32_t rank) const { return files_[class_of_[rank]]; }
  [[nodiscard]] std::uint32_t class_of(std::uint32_t rank) const { return class_of_[rank]; }
  [[nodiscard]] const std::vector<PreparedFile>& files() const { return files_; }
  [[nodiscard]] const ChakraNode& node(Place p) const { return of(p.rank).node(p.position); }
  [[nodiscard]] TaskId task(Place p) const { return first_task_[p.rank] + p.position; }
  [[nodiscard]] std::uint32_t first_task(std::uint32_t rank) const { return first_task_[rank]; }
  [[nodiscard]] std::string describe(Place p) const {
    return trace::describe(of(p.rank).file(), node(p));
  }

 private:
  std::vector<PreparedFile> files_;
  std::vector<std::uint32_t> class_of_;
  std::vector<std::uint32_t> first_task_;
};

/// What a node does in a replay.
enum class Role : std::uint8_t { nothing, host, compute, memory, collective, send, receive };
[[nodiscard]] Role role_of(const ChakraNode&);

/// Results of matching, by task id.
struct Matches {
  std::vector<CollectiveOp> collectives;     ///< group: index into Communicators
  std::vector<std::uint32_t> collective_of;  ///< task -> collectives, kNoOp = none
  std::vector<TaskId> send_of;               ///< receive task -> send task, kNoOp = none
  std::uint64_t alone = 0;                   ///< collectives of one rank, which cost nothing
  std::uint64_t unmatched_sends = 0, unmatched_receives = 0;
  std::uint64_t different_sizes =
      0;  ///< messages whose two ends disagree; the sender's size counts
};

/// Pairs the i-th collective of every member of a communicator. Throws InputError: trace-collective
/// (names the first rank and node that differ), trace-value, trace-comm-groups.
void match_collectives(const RankFiles&, Communicators&, bool one_rank_input, Matches&);
/// Pairs sends and receives with equal (source, destination, tag) in order. Throws InputError, code
/// trace-message.
void match_messages(const RankFiles&, bool allow_unmatched, Matches&);

/// The ranks of a message node. Throws InputError, code trace-message.
struct MessageEnds {
  std::uint32_t from = 0, to = 0;
};
[[nodiscard]] MessageEnds message_ends(const RankFiles&, Place);

}  // namespace xpusim::trace
