// Collectives and messages of different ranks that are one operation.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "trace/rank_classes.hpp"

namespace xpusim::trace {

inline constexpr std::uint32_t kNoOp = 0xffffffffu;

/// The ranks that are simulated, one per class, and the numbering of their tasks: rank by rank,
/// ascending node id.
class SimulatedRanks {
 public:
  /// Throws InputError, code trace-ranks, for more nodes than a graph numbers.
  SimulatedRanks(const RankPrograms&, const RankClasses&, const std::string& trace_name);

  [[nodiscard]] const RankPrograms& programs() const { return *programs_; }
  [[nodiscard]] const RankClasses& classes() const { return *classes_; }
  [[nodiscard]] std::uint32_t count() const { return classes_->count(); }
  [[nodiscard]] std::uint32_t tasks() const { return first_task_.back(); }
  [[nodiscard]] const PreparedFile& file(RankId r) const {
    return programs_->of(classes_->lowest[r]).file;
  }
  [[nodiscard]] Place place(RankId r, std::uint32_t position) const {
    return {classes_->lowest[r], position};
  }
  [[nodiscard]] TaskId first_task(RankId r) const { return first_task_[r]; }

 private:
  const RankPrograms* programs_;
  const RankClasses* classes_;
  std::vector<std::uint32_t> first_task_;
};

/// Communicators that have members of the same classes: one of them is simulated for all.
struct GroupClass {
  std::vector<std::uint32_t> communicators;  ///< the first has the lowest simulated member
  std::vector<RankId> participants;          ///< simulated ranks, ascending
  std::vector<std::uint32_t> members;        ///< ranks of one communicator that each stands for
};
class GroupClasses {
 public:
  GroupClasses(const SimulatedRanks&, const Communicators&);
  [[nodiscard]] const std::vector<GroupClass>& list() const { return list_; }
  /// Class of a communicator that some simulated rank takes part in.
  [[nodiscard]] std::uint32_t of(std::uint32_t communicator) const { return of_[communicator]; }

 private:
  std::vector<GroupClass> list_;
  std::vector<std::uint32_t> of_;
};

/// Results of matching, by task id.
struct Matches {
  std::vector<CollectiveOp> collectives;     ///< group: index into GroupClasses::list()
  std::vector<std::uint32_t> collective_of;  ///< task -> collectives, kNoOp = none
  std::vector<TaskId> send_of;               ///< receive task -> send task, kNoOp = none
  // Of all ranks, folded ones included:
  std::uint64_t alone = 0;  ///< collectives of one rank, which cost nothing
  std::uint64_t unmatched_sends = 0, unmatched_receives = 0;
  std::uint64_t different_sizes =
      0;  ///< messages whose two ends disagree; the sender's size counts
};

/// Pairs the i-th collective of every member of a communicator. Throws InputError, code
/// trace-collective (names the first rank and node that differ).
void match_collectives(const SimulatedRanks&, const Communicators&, const GroupClasses&,
                       bool one_rank_input, Matches&);
/// Pairs sends and receives with equal (source, destination, tag) in order. Throws InputError, code
/// trace-message.
void match_messages(const SimulatedRanks&, bool allow_unmatched, Matches&);

}  // namespace xpusim::trace
