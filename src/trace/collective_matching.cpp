#include "trace/collective_matching.hpp"

#include <algorithm>
#include <limits>
#include <tuple>
#include <unordered_map>

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

/// All members' nodes of one communicator, by member, in order of occurrence.
using Sequences = std::vector<std::vector<std::uint32_t>>;

class GroupMatcher {
 public:
  GroupMatcher(const RankFiles& files, const Communicator& group, std::uint32_t index,
               bool one_rank_input, const Sequences& sequences, Matches& matches)
      : files_(files),
        group_(group),
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
  [[nodiscard]] Place place(std::size_t member, std::size_t occurrence) const {
    return {group_.members[member], sequences_[member][occurrence]};
  }

  void match_occurrence(std::size_t i) {
    const ChakraNode& first = files_.node(place(0, i));
    CollectiveOp op;
    op.group = index_;
    op.type = type_of(first.collective);
    const bool may_differ = sizes_may_differ(op.type, one_rank_input_);
    double sum = 0, largest = 0;
    for (std::size_t m = 0; m < sequences_.size(); ++m) {
      const ChakraNode& node = files_.node(place(m, i));
      if (type_of(node.collective) != op.type || (node.comm_size != first.comm_size && !may_differ))
        fail_differs(m, i);
      sum += static_cast<double>(node.comm_size);
      largest = std::max(largest, static_cast<double>(node.comm_size));
      matches_.collective_of[files_.task(place(m, i))] =
          static_cast<std::uint32_t>(matches_.collectives.size());
    }
    const bool gathers = op.type == CollectiveType::ALL_GATHER || op.type == CollectiveType::GATHER;
    op.bytes = gathers && one_rank_input_ ? sum : largest;
    matches_.collectives.push_back(op);
  }

  [[noreturn]] void fail_differs(std::size_t member, std::size_t i) const {
    const Place here = place(member, i), there = place(0, i);
    throw InputError(
        "trace-collective",
        fmt::format("{} is collective {} of rank {} in {}: {}; rank {} has node {} there: {}",
                    files_.describe(here), i + 1, here.rank, group_.name,
                    what_it_is(files_.node(here)), there.rank,
                    short_name(files_.of(there.rank).file(), files_.node(there)),
                    what_it_is(files_.node(there))),
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
            files_.describe(extra), extra.rank, group_.members[least], sequences_[least].size(),
            group_.name, extra.rank, sequences_[most].size()),
        "all ranks of a communicator must run the same collectives in the same order");
  }

  const RankFiles& files_;
  const Communicator& group_;
  std::uint32_t index_;
  bool one_rank_input_;
  const Sequences& sequences_;
  Matches& matches_;
};

void require_type(const RankFiles& files, Place p) {
  if (files.node(p).collective != ChakraCollective::none) return;
  throw InputError(
      "trace-value",
      fmt::format("{} is a COMM_COLL of the accelerator without comm_type", files.describe(p)),
      "set comm_type, or is_cpu_op when the node is a host wrapper");
}

}  // namespace

RankFiles::RankFiles(const ChakraTrace& trace, bool follow_ctrl_deps) {
  std::unordered_map<const ChakraFile*, std::uint32_t> classes;
  std::uint64_t tasks = 0;
  first_task_.push_back(0);
  for (const auto& file : trace.ranks) {
    const auto [it, fresh] =
        classes.try_emplace(file.get(), static_cast<std::uint32_t>(files_.size()));
    if (fresh) files_.emplace_back(*file, follow_ctrl_deps);
    class_of_.push_back(it->second);
    tasks += file->nodes.size();
    if (tasks >= kNoOp)
      throw InputError("trace-ranks",
                       fmt::format("{}: more than {} nodes in all ranks", trace.prefix, kNoOp - 1),
                       "replay fewer ranks or fewer steps");
    first_task_.push_back(static_cast<std::uint32_t>(tasks));
  }
}

Role role_of(const ChakraNode& node) {
  if (node.type == ChakraNodeType::invalid || node.type == ChakraNodeType::metadata)
    return Role::nothing;
  if (node.is_cpu_op) return Role::host;
  switch (node.type) {
    case ChakraNodeType::mem_load:
    case ChakraNodeType::mem_store:
      return Role::memory;
    case ChakraNodeType::comm_send:
      return Role::send;
    case ChakraNodeType::comm_recv:
      return Role::receive;
    case ChakraNodeType::comm_coll:
      return Role::collective;
    default:
      return Role::compute;
  }
}

void match_collectives(const RankFiles& files, Communicators& groups, bool one_rank_input,
                       Matches& matches) {
  matches.collective_of.assign(files.tasks(), kNoOp);
  std::vector<Sequences> sequences;  // by communicator
  for (std::uint32_t rank = 0; rank < files.ranks(); ++rank) {
    const PreparedFile& file = files.of(rank);
    for (const std::uint32_t position : file.occurrence()) {
      const ChakraNode& node = file.node(position);
      if (role_of(node) != Role::collective) continue;
      require_type(files, {rank, position});
      const std::uint32_t group = groups.of(rank, file.file(), node);
      const auto& members = groups[group].members;
      if (members.size() < 2) {
        ++matches.alone;
        continue;
      }
      if (group >= sequences.size()) sequences.resize(group + 1);
      if (sequences[group].empty()) sequences[group].resize(members.size());
      const auto member = std::lower_bound(members.begin(), members.end(), rank) - members.begin();
      sequences[group][static_cast<std::size_t>(member)].push_back(position);
    }
  }
  for (std::uint32_t g = 0; g < sequences.size(); ++g)
    if (!sequences[g].empty())
      GroupMatcher(files, groups[g], g, one_rank_input, sequences[g], matches).match();
}

// ---------------------------------------------------------------- messages

namespace {

struct MessageEnd {
  std::uint32_t from = 0, to = 0;
  std::int32_t tag = 0;
  Place place;
  [[nodiscard]] auto key() const { return std::tie(from, to, tag); }
};

[[noreturn]] void fail_message(const RankFiles& files, Place p, const std::string& what,
                               std::string help) {
  throw InputError("trace-message",
                   fmt::format("{} of rank {} {}", files.describe(p), p.rank, what),
                   std::move(help));
}

void sort_by_key(std::vector<MessageEnd>& ends) {
  std::stable_sort(ends.begin(), ends.end(),
                   [](const MessageEnd& a, const MessageEnd& b) { return a.key() < b.key(); });
}

void lonely_send(const RankFiles& files, const MessageEnd& send, bool allowed, Matches& matches) {
  ++matches.unmatched_sends;
  if (allowed) return;
  fail_message(
      files, send.place,
      fmt::format("sends to rank {} with tag {}, which never receives it", send.to, send.tag),
      "record all ranks of one run, or allow unmatched messages");
}

void lonely_receive(const RankFiles& files, const MessageEnd& receive, bool allowed,
                    Matches& matches) {
  ++matches.unmatched_receives;
  if (allowed) return;
  fail_message(files, receive.place,
               fmt::format("receives from rank {} with tag {}, which never sends it", receive.from,
                           receive.tag),
               "record all ranks of one run, or allow unmatched messages");
}

}  // namespace

MessageEnds message_ends(const RankFiles& files, Place p) {
  const ChakraNode& node = files.node(p);
  const bool sends = node.type == ChakraNodeType::comm_send;
  const std::int32_t own = sends ? node.comm_src : node.comm_dst,
                     other = sends ? node.comm_dst : node.comm_src;
  if (other < 0)
    fail_message(files, p, fmt::format("has no {}", sends ? "comm_dst" : "comm_src"),
                 "name the other rank");
  const auto partner = static_cast<std::uint32_t>(other);
  if (partner >= files.ranks())
    fail_message(files, p,
                 fmt::format("names rank {}; the trace has {} ranks", partner, files.ranks()),
                 "ranks count from 0");
  if (own >= 0 && static_cast<std::uint32_t>(own) != p.rank)
    fail_message(files, p, fmt::format("has {} {}", sends ? "comm_src" : "comm_dst", own),
                 "leave it out or write the file's own rank");
  return sends ? MessageEnds{p.rank, partner} : MessageEnds{partner, p.rank};
}

void match_messages(const RankFiles& files, bool allow_unmatched, Matches& matches) {
  std::vector<MessageEnd> sends, receives;
  for (std::uint32_t rank = 0; rank < files.ranks(); ++rank) {
    const PreparedFile& file = files.of(rank);
    for (const std::uint32_t position : file.occurrence()) {
      const Role role = role_of(file.node(position));
      if (role != Role::send && role != Role::receive) continue;
      const Place p{rank, position};
      const MessageEnds ends = message_ends(files, p);
      (role == Role::send ? sends : receives)
          .push_back({ends.from, ends.to, file.node(position).comm_tag, p});
    }
  }
  sort_by_key(sends);
  sort_by_key(receives);
  matches.send_of.assign(receives.empty() ? 0 : files.tasks(), kNoOp);
  std::size_t s = 0, r = 0;
  while (s < sends.size() || r < receives.size()) {
    if (r == receives.size() || (s < sends.size() && sends[s].key() < receives[r].key())) {
      lonely_send(files, sends[s++], allow_unmatched, matches);
    } else if (s == sends.size() || receives[r].key() < sends[s].key()) {
      lonely_receive(files, receives[r++], allow_unmatched, matches);
    } else {
      const Place from = sends[s++].place, to = receives[r++].place;
      matches.send_of[files.task(to)] = files.task(from);
      if (files.node(from).comm_size != files.node(to).comm_size) ++matches.different_sizes;
    }
  }
}

}  // namespace xpusim::trace
