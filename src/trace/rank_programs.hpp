// What every rank runs and whom it talks to: files of one content once, communicators and partners
// by slot, so that ranks can be compared without their numbers.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "trace/communicators.hpp"
#include "trace/prepared_file.hpp"

namespace xpusim::trace {

inline constexpr std::uint32_t kNone = 0xffffffffu;

/// A node of one rank.
struct Place {
  std::uint32_t rank = 0;
  std::uint32_t position = 0;
};

/// What a node does in a replay.
enum class Role : std::uint8_t { nothing, host, compute, memory, collective, send, receive };
[[nodiscard]] Role role_of(const ChakraNode&);

/// One different file and what its traffic refers to.
struct Program {
  PreparedFile file;
  std::uint32_t first_rank = 0;     ///< lowest rank that runs it
  std::uint32_t shape = 0;          ///< equal for files that are equal up to rank numbers and names
  std::vector<std::uint32_t> uses;  ///< by position: index into `mentions` or `partners`, or kNone
  std::vector<std::uint32_t> mentions;  ///< position of the first node of each way to name a group
  std::vector<std::uint32_t> partners;  ///< ranks it exchanges messages with, in order of mention
  std::unordered_map<std::uint32_t, std::uint32_t> partner_index;  ///< rank -> into partners
  std::uint32_t names_itself = kNone;  ///< position of a message that gives its own rank
};

/// The programs of all ranks.
class RankPrograms {
 public:
  /// Finds every rank's communicators. Throws InputError: trace-dependency, trace-cycle,
  /// trace-message, trace-comm-groups, trace-value.
  RankPrograms(const ChakraTrace&, Communicators&, bool follow_ctrl_deps);

  [[nodiscard]] std::uint32_t ranks() const {
    return static_cast<std::uint32_t>(program_of_.size());
  }
  [[nodiscard]] const std::vector<Program>& programs() const { return programs_; }
  [[nodiscard]] std::uint32_t program_index(std::uint32_t rank) const { return program_of_[rank]; }
  [[nodiscard]] const Program& of(std::uint32_t rank) const { return programs_[program_of_[rank]]; }
  [[nodiscard]] const ChakraNode& node(Place p) const { return of(p.rank).file.node(p.position); }
  [[nodiscard]] std::string describe(Place p) const {
    return trace::describe(of(p.rank).file.file(), node(p));
  }

  /// Communicator by slot: each one that the rank takes part in once, in order of mention.
  [[nodiscard]] std::span<const std::uint32_t> groups(std::uint32_t rank) const {
    return {groups_.data() + first_group_[rank], first_group_[rank + 1] - first_group_[rank]};
  }
  /// Slot of each way to name a group.
  [[nodiscard]] std::span<const std::uint8_t> slots(std::uint32_t rank) const {
    return {slots_.data() + first_slot_[rank], first_slot_[rank + 1] - first_slot_[rank]};
  }
  /// Slot of the communicator of a collective node.
  [[nodiscard]] std::uint32_t slot(Place p) const {
    return slots(p.rank)[of(p.rank).uses[p.position]];
  }
  /// Which of its communicators the rank calls `group`; kNone when it takes no part.
  [[nodiscard]] std::uint32_t slot_of(std::uint32_t rank, std::uint32_t group) const;
  /// Where `other` stands among the partners of `rank`; kNone when it does not.
  [[nodiscard]] std::uint32_t partner_of(std::uint32_t rank, std::uint32_t other) const;

 private:
  void add_program(const ChakraFile&, std::uint32_t rank, bool follow_ctrl_deps);
  void find_uses(Program&);
  void find_partner(Program&, std::uint32_t position);
  void check_own_rank(Place) const;
  void name_groups(std::uint32_t rank, Communicators&);
  void compare_shapes();

  std::uint32_t rank_count_ = 0;
  std::vector<Program> programs_;
  std::vector<std::uint32_t> program_of_;
  std::vector<std::uint32_t> first_group_{0}, groups_;
  std::vector<std::uint32_t> first_slot_{0};
  std::vector<std::uint8_t> slots_;
};

}  // namespace xpusim::trace
