#include "trace/collective_matching.hpp"

#include <algorithm>
#include <map>
#include <tuple>

#include <fmt/core.h>

namespace xpusim::trace {
namespace {

CollectiveType type_of(ChakraCollective collective) {
  switch (collective) {
    case ChakraCollective::all_reduce:
      return CollectiveType::ALL_REDUCE;
    case ChakraCollective::reduce:
      return CollectiveType::REDUCE;
    case ChakraCollective::all_gather:
      return CollectiveType::ALL_GATHER;
    case ChakraCollective::gather:
      return CollectiveType::GATHER;
    case ChakraCollective::scatter:
      return CollectiveType::SCATTER;
    case ChakraCollective::broadcast:
      return CollectiveType::BROADCAST;
    case ChakraCollective::all_to_all:
      return CollectiveType::ALL_TO_ALL;
    case ChakraCollective::reduce_scatter:
    case ChakraCollective::reduce_scatter_block:
      return CollectiveType::REDUCE_SCATTER;
    case ChakraCollective::barrier:
      return CollectiveType::BARRIER;
    case ChakraCollective::send_recv:
      return CollectiveType::SEND_RECV;
    case ChakraCollective::none:
      break;
  }
  throw InternalError("a collective node without comm_type reached matching");
}

std::string what_it_is(const ChakraNode& node) {
  return fmt::format("{} of {} bytes", to_string(node.collective), node.comm_size);
}

/// Uneven shares are normal where every rank has its own part.
bool sizes_may_differ(CollectiveType type, bool one_rank_input) {
  if (type == CollectiveType::ALL_TO_ALL || type == CollectiveType::SCATTER) return true;
  return one_rank_input && (type == CollectiveType::ALL_GATHER || type == CollectiveType::GATHER);
}

/// Positions of the collectives of one class of communicators, by participant, in order of
/// occurrence.
using Sequences = std::vector<std::vector<std::uint32_t>>;

class GroupMatcher {
 public:
  GroupMatcher(const SimulatedRanks& ranks, const GroupClass& group, const std::string& name,
               std::uint32_t index, bool one_rank_input, const Sequences& sequences,
               Matches& matches)
      : ranks_(ranks),
        group_(group),
        name_(name),
        index_(index),
        one_rank_input_(one_rank_input),
        sequences_(sequences),
        matches_(matches) {}

  void match() {
    std::size_t shortest = sequences_.front().size();
    for (const auto& sequence : sequences_) shortest = std::min(shortest, sequence.size());
    for (std::size_t i = 0; i < shortest; ++i) match_occurrence(i);
    check_lengths(shortest);
  }

 private:
  [[nodiscard]] Place place(std::size_t participant, std::size_t occurrence) const {
    return ranks_.place(group_.participants[participant], sequences_[participant][occurrence]);
  }
  [[nodiscard]] std::uint32_t rank_of(std::size_t participant) const {
    return ranks_.classes().lowest[group_.participants[participant]];
  }

  void match_occurrence(std::size_t i) {
    const RankPrograms& programs = ranks_.programs();
    const ChakraNode& first = programs.node(place(0, i));
    CollectiveOp op;
    op.group = index_;
    op.type = type_of(first.collective);
    const bool may_differ = sizes_may_differ(op.type, one_rank_input_);
    double sum = 0, largest = 0;
    for (std::size_t m = 0; m < sequences_.size(); ++m) {
      const ChakraNode& node = programs.node(place(m, i));
      if (type_of(node.collective) != op.type || (node.comm_size != first.comm_size && !may_differ))
        fail_differs(m, i);
      sum += static_cast<double>(node.comm_size) * group_.members[m];
      largest = std::max(largest, static_cast<double>(node.comm_size));
      matches_.collective_of[ranks_.first_task(group_.participants[m]) + sequences_[m][i]] =
          static_cast<std::uint32_t>(matches_.collectives.size());
    }
    const bool gathers = op.type == CollectiveType::ALL_GATHER || op.type == CollectiveType::GATHER;
    op.bytes = gathers && one_rank_input_ ? sum : largest;
    matches_.collectives.push_back(op);
  }

  [[noreturn]] void fail_differs(std::size_t participant, std::size_t i) const {
    const RankPrograms& programs = ranks_.programs();
    const Place here = place(participant, i), there = place(0, i);
    throw InputError(
        "trace-collective",
        fmt::format("{} is collective {} of rank {} in {}: {}; rank {} has node {} there: {}",
                    programs.describe(here), i + 1, here.rank, name_,
                    what_it_is(programs.node(here)), there.rank,
                    short_name(programs.of(there.rank).file.file(), programs.node(there)),
                    what_it_is(programs.node(there))),
        "all ranks of a communicator must run the same collectives in the same order");
  }

  void check_lengths(std::size_t shortest) const {
    std::size_t least = 0, most = 0;
    for (std::size_t m = 0; m < sequences_.size(); ++m) {
      if (sequences_[m].size() < sequences_[least].size()) least = m;
      if (sequences_[m].size() > sequences_[most].size()) most = m;
    }
    if (sequences_[least].size() == sequences_[most].size()) return;
    const Place extra = place(most, shortest);
    throw InputError(
        "trace-collective",
        fmt::format(
            "{} of rank {} has no partner: rank {} runs {} collectives in {}, rank {} runs {}",
            ranks_.programs().describe(extra), extra.rank, rank_of(least), sequences_[least].size(),
            name_, extra.rank, sequences_[most].size()),
        "all ranks of a communicator must run the same collectives in the same order");
  }

  const SimulatedRanks& ranks_;
  const GroupClass& group_;
  const std::string& name_;
  std::uint32_t index_;
  bool one_rank_input_;
  const Sequences& sequences_;
  Matches& matches_;
};

}  // namespace

// ---------------------------------------------------------------- what is simulated

SimulatedRanks::SimulatedRanks(const RankPrograms& programs, const RankClasses& classes,
                               const std::string& trace_name)
    : programs_(&programs), classes_(&classes) {
  std::uint64_t tasks = 0;
  first_task_.push_back(0);
  for (const std::uint32_t rank : classes.lowest) {
    tasks += programs.of(rank).file.size();
    if (tasks >= kNoOp)
      throw InputError("trace-ranks",
                       fmt::format("{}: more than {} nodes in all ranks", trace_name, kNoOp - 1),
                       "replay fewer ranks or fewer steps");
    first_task_.push_back(static_cast<std::uint32_t>(tasks));
  }
}

GroupClasses::GroupClasses(const SimulatedRanks& ranks, const Communicators& communicators) {
  using Member = std::pair<RankId, std::uint32_t>;  // class and what it calls the communicator
  std::map<std::vector<Member>, std::uint32_t> known;
  for (std::uint32_t g = 0; g < communicators.size(); ++g) {
    std::vector<Member> members;
    for (const std::uint32_t rank : communicators[g].members)
      members.emplace_back(ranks.classes().of[rank], ranks.programs().slot_of(rank, g));
    std::sort(members.begin(), members.end());
    GroupClass group{{g}, {}, {}};
    for (const Member& member : members) {
      if (group.participants.empty() || group.participants.back() != member.first) {
        group.participants.push_back(member.first);
        group.members.push_back(0);
      }
      ++group.members.back();
    }
    const auto [it, fresh] =
        known.try_emplace(std::move(members), static_cast<std::uint32_t>(list_.size()));
    of_.push_back(it->second);
    if (fresh)
      list_.push_back(std::move(group));
    else
      list_[it->second].communicators.push_back(g);
  }
}

// ---------------------------------------------------------------- collectives

void match_collectives(const SimulatedRanks& ranks, const Communicators& communicators,
                       const GroupClasses& groups, bool one_rank_input, Matches& matches) {
  matches.collective_of.assign(ranks.tasks(), kNoOp);
  std::vector<Sequences> sequences(groups.list().size());
  for (RankId r = 0; r < ranks.count(); ++r) {
    const PreparedFile& file = ranks.file(r);
    const std::uint32_t rank = ranks.classes().lowest[r];
    for (const std::uint32_t position : file.occurrence()) {
      if (role_of(file.node(position)) != Role::collective) continue;
      const std::uint32_t slot = ranks.programs().slot({rank, position});
      const std::uint32_t communicator = ranks.programs().groups(rank)[slot];
      if (communicators[communicator].members.size() < 2) {
        matches.alone += ranks.classes().size[r];
        continue;
      }
      const std::uint32_t index = groups.of(communicator);
      const std::vector<RankId>& participants = groups.list()[index].participants;
      if (sequences[index].empty()) sequences[index].resize(participants.size());
      const auto at = std::lower_bound(participants.begin(), participants.end(), r);
      sequences[index][static_cast<std::size_t>(at - participants.begin())].push_back(position);
    }
  }
  for (std::uint32_t g = 0; g < sequences.size(); ++g) {
    if (sequences[g].empty()) continue;
    const GroupClass& group = groups.list()[g];
    GroupMatcher(ranks, group, communicators[group.communicators.front()].name, g, one_rank_input,
                 sequences[g], matches)
        .match();
  }
}

// ---------------------------------------------------------------- messages

namespace {

/// One end of a message as its sender's class sees it.
struct MessageEnd {
  RankId sender = 0;              ///< class
  std::uint32_t partner = kNone;  ///< place of the receiver among the sender's partners
  std::uint32_t receiver = 0;     ///< class
  std::int32_t tag = 0;
  RankId here = 0;
  std::uint32_t position = 0;
  std::uint32_t from = 0, to = 0;  ///< ranks
  [[nodiscard]] auto key() const { return std::tie(sender, partner, receiver, tag); }
};

[[noreturn]] void fail_message(const SimulatedRanks& ranks, const MessageEnd& end,
                               const std::string& what) {
  const Place p = ranks.place(end.here, end.position);
  throw InputError("trace-message",
                   fmt::format("{} of rank {} {}", ranks.programs().describe(p), p.rank, what),
                   "record all ranks of one run");
}

void sort_by_key(std::vector<MessageEnd>& ends) {
  std::stable_sort(ends.begin(), ends.end(),
                   [](const MessageEnd& a, const MessageEnd& b) { return a.key() < b.key(); });
}

void lonely_send(const SimulatedRanks& ranks, const MessageEnd& send, bool allowed,
                 Matches& matches) {
  matches.unmatched_sends += ranks.classes().size[send.here];
  if (!allowed)
    fail_message(
        ranks, send,
        fmt::format("sends to rank {} with tag {}, which never receives it", send.to, send.tag));
}

void lonely_receive(const SimulatedRanks& ranks, const MessageEnd& receive, bool allowed,
                    Matches& matches) {
  matches.unmatched_receives += ranks.classes().size[receive.here];
  if (!allowed)
    fail_message(ranks, receive,
                 fmt::format("receives from rank {} with tag {}, which never sends it",
                             receive.from, receive.tag));
}

}  // namespace

void match_messages(const SimulatedRanks& ranks, bool allow_unmatched, Matches& matches) {
  const RankPrograms& programs = ranks.programs();
  const RankClasses& classes = ranks.classes();
  std::vector<MessageEnd> sends, receives;
  for (RankId r = 0; r < ranks.count(); ++r) {
    const std::uint32_t rank = classes.lowest[r];
    const Program& program = programs.of(rank);
    for (const std::uint32_t position : program.file.occurrence()) {
      const Role role = role_of(program.file.node(position));
      if (role != Role::send && role != Role::receive) continue;
      const std::uint32_t index = program.uses[position], other = program.partners[index];
      MessageEnd end;
      end.tag = program.file.node(position).comm_tag;
      end.here = r;
      end.position = position;
      const bool sending = role == Role::send;
      end.from = sending ? rank : other;
      end.to = sending ? other : rank;
      end.sender = classes.of[end.from];
      end.receiver = classes.of[end.to];
      end.partner = sending ? index : programs.partner_of(other, rank);
      (sending ? sends : receives).push_back(end);
    }
  }
  sort_by_key(sends);
  sort_by_key(receives);
  matches.send_of.assign(receives.empty() ? 0 : ranks.tasks(), kNoOp);
  std::size_t s = 0, r = 0;
  while (s < sends.size() || r < receives.size()) {
    if (r == receives.size() || (s < sends.size() && sends[s].key() < receives[r].key())) {
      lonely_send(ranks, sends[s++], allow_unmatched, matches);
    } else if (s == sends.size() || receives[r].key() < sends[s].key()) {
      lonely_receive(ranks, receives[r++], allow_unmatched, matches);
    } else {
      const MessageEnd& send = sends[s++];
      const MessageEnd& receive = receives[r++];
      matches.send_of[ranks.first_task(receive.here) + receive.position] =
          ranks.first_task(send.here) + send.position;
      if (ranks.file(send.here).node(send.position).comm_size !=
          ranks.file(receive.here).node(receive.position).comm_size)
        matches.different_sizes += classes.size[send.here];
    }
  }
}

}  // namespace xpusim::trace
