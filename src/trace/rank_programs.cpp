#include "trace/rank_programs.hpp"

#include <algorithm>
#include <tuple>
#include <unordered_map>

#include <fmt/core.h>

namespace xpusim::trace {
namespace {

constexpr std::size_t kMostMentions = 255;  // slots are bytes

[[noreturn]] void fail_message(const RankPrograms& programs, Place p, const std::string& what,
                               std::string help) {
  throw InputError("trace-message",
                   fmt::format("{} of rank {} {}", programs.describe(p), p.rank, what),
                   std::move(help));
}

/// How a node names its communicator.
std::tuple<std::uint32_t, std::uint32_t, std::uint8_t> way_to_name(const ChakraNode& node) {
  return {node.pg_name, node.involved_dims, node.involved_dim_count};
}

/// All that matters of a node, without its name and the ranks it names.
auto content(const ChakraNode& n) {
  return std::tie(n.id, n.duration_nanos, n.num_ops, n.tensor_size, n.comm_size, n.comm_tag, n.type,
                  n.collective, n.is_cpu_op);
}

bool equal_up_to_ranks(const Program& a, const Program& b) {
  if (a.file.size() != b.file.size() || a.uses != b.uses ||
      a.mentions.size() != b.mentions.size() || a.partners.size() != b.partners.size())
    return false;
  for (std::uint32_t p = 0; p < a.file.size(); ++p) {
    if (content(a.file.node(p)) != content(b.file.node(p))) return false;
    const auto x = a.file.dependencies(p), y = b.file.dependencies(p);
    if (!std::equal(x.begin(), x.end(), y.begin(), y.end())) return false;
  }
  return true;
}

std::uint64_t shape_hash(const Program& program) {
  std::uint64_t hash = program.file.size();
  const auto add = [&](std::uint64_t value) { hash = (hash ^ value) * 0x100000001b3ULL + 1; };
  for (std::uint32_t p = 0; p < program.file.size(); ++p) {
    const ChakraNode& n = program.file.node(p);
    add(n.id);
    add(n.comm_size + n.num_ops + n.tensor_size);
    add(n.duration_nanos);
    add(program.uses[p]);
  }
  return hash;
}

}  // namespace

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

RankPrograms::RankPrograms(const ChakraTrace& trace, Communicators& communicators,
                           bool follow_ctrl_deps)
    : rank_count_(static_cast<std::uint32_t>(trace.ranks.size())) {
  std::unordered_map<const ChakraFile*, std::uint32_t> known;
  for (const auto& file : trace.ranks) {
    const auto [it, fresh] =
        known.try_emplace(file.get(), static_cast<std::uint32_t>(programs_.size()));
    const auto rank = static_cast<std::uint32_t>(program_of_.size());
    program_of_.push_back(it->second);
    if (fresh)
      add_program(*file, rank, follow_ctrl_deps);
    else if (of(rank).names_itself != kNone)
      check_own_rank({rank, of(rank).names_itself});
    name_groups(rank, communicators);
  }
  compare_shapes();
}

void RankPrograms::add_program(const ChakraFile& file, std::uint32_t rank, bool follow_ctrl_deps) {
  programs_.push_back({PreparedFile(file, follow_ctrl_deps), rank, 0, {}, {}, {}, {}, kNone});
  find_uses(programs_.back());
}

void RankPrograms::find_uses(Program& program) {
  const PreparedFile& file = program.file;
  program.uses.assign(file.size(), kNone);
  std::map<std::tuple<std::uint32_t, std::uint32_t, std::uint8_t>, std::uint32_t> known;
  for (std::uint32_t p = 0; p < file.size(); ++p) {
    const Role role = role_of(file.node(p));
    if (role == Role::send || role == Role::receive) find_partner(program, p);
    if (role != Role::collective) continue;
    const Place here{program.first_rank, p};
    if (file.node(p).collective == ChakraCollective::none)
      throw InputError(
          "trace-value",
          fmt::format("{} is a COMM_COLL of the accelerator without comm_type", describe(here)),
          "set comm_type, or is_cpu_op when the node is a host wrapper");
    const auto [it, fresh] = known.try_emplace(way_to_name(file.node(p)),
                                               static_cast<std::uint32_t>(program.mentions.size()));
    if (fresh) program.mentions.push_back(p);
    program.uses[p] = it->second;
  }
  if (program.mentions.size() > kMostMentions)
    throw InputError("trace-comm-groups",
                     fmt::format("{}: names {} communicators, more than {}", file.file().name,
                                 program.mentions.size(), kMostMentions),
                     "split the trace");
}

void RankPrograms::find_partner(Program& program, std::uint32_t position) {
  const ChakraNode& node = program.file.node(position);
  const Place here{program.first_rank, position};
  const bool sends = node.type == ChakraNodeType::comm_send;
  const std::int32_t own = sends ? node.comm_src : node.comm_dst,
                     other = sends ? node.comm_dst : node.comm_src;
  if (other < 0)
    fail_message(*this, here, fmt::format("has no {}", sends ? "comm_dst" : "comm_src"),
                 "name the other rank");
  const auto partner = static_cast<std::uint32_t>(other);
  if (partner >= rank_count_)
    fail_message(*this, here,
                 fmt::format("names rank {}; the trace has {} ranks", partner, rank_count_),
                 "ranks count from 0");
  if (own >= 0) {
    check_own_rank(here);
    if (program.names_itself == kNone) program.names_itself = position;
  }
  const auto [it, fresh] = program.partner_index.try_emplace(
      partner, static_cast<std::uint32_t>(program.partners.size()));
  if (fresh) program.partners.push_back(partner);
  program.uses[position] = it->second;
}

void RankPrograms::check_own_rank(Place here) const {
  const bool sends = node(here).type == ChakraNodeType::comm_send;
  const std::int32_t own = sends ? node(here).comm_src : node(here).comm_dst;
  if (static_cast<std::uint32_t>(own) == here.rank) return;
  fail_message(*this, here, fmt::format("has {} {}", sends ? "comm_src" : "comm_dst", own),
               "leave it out or write the file's own rank");
}

void RankPrograms::name_groups(std::uint32_t rank, Communicators& communicators) {
  const Program& program = of(rank);
  const std::size_t first = groups_.size();
  for (const std::uint32_t position : program.mentions) {
    const std::uint32_t group =
        communicators.of(rank, program.file.file(), program.file.node(position));
    const auto begin = groups_.begin() + static_cast<std::ptrdiff_t>(first);
    const auto at = std::find(begin, groups_.end(), group);
    slots_.push_back(static_cast<std::uint8_t>(at - begin));
    if (at == groups_.end()) groups_.push_back(group);
  }
  first_group_.push_back(static_cast<std::uint32_t>(groups_.size()));
  first_slot_.push_back(static_cast<std::uint32_t>(slots_.size()));
}

void RankPrograms::compare_shapes() {
  std::unordered_map<std::uint64_t, std::vector<std::uint32_t>> by_hash;
  std::uint32_t shapes = 0;
  for (std::uint32_t i = 0; i < programs_.size(); ++i) {
    std::vector<std::uint32_t>& candidates = by_hash[shape_hash(programs_[i])];
    const auto same = std::find_if(candidates.begin(), candidates.end(), [&](std::uint32_t other) {
      return equal_up_to_ranks(programs_[other], programs_[i]);
    });
    programs_[i].shape = same == candidates.end() ? shapes++ : programs_[*same].shape;
    if (same == candidates.end()) candidates.push_back(i);
  }
}

std::uint32_t RankPrograms::slot_of(std::uint32_t rank, std::uint32_t group) const {
  const auto mine = groups(rank);
  const auto at = std::find(mine.begin(), mine.end(), group);
  return at == mine.end() ? kNone : static_cast<std::uint32_t>(at - mine.begin());
}

std::uint32_t RankPrograms::partner_of(std::uint32_t rank, std::uint32_t other) const {
  const auto& index = of(rank).partner_index;
  const auto at = index.find(other);
  return at == index.end() ? kNone : at->second;
}

}  // namespace xpusim::trace
