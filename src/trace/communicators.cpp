#include "trace/communicators.hpp"

#include <algorithm>
#include <numeric>

#include <fmt/core.h>

namespace xpusim::trace {
namespace {

constexpr std::size_t kIdsShown = 8;

[[noreturn]] void fail(const ChakraFile& file, const ChakraNode& node, const std::string& what,
                       std::string help) {
  throw InputError("trace-comm-groups", fmt::format("{} {}", describe(file, node), what),
                   std::move(help));
}

bool all_dimensions(const ChakraNode& node) {
  const std::uint64_t all = (std::uint64_t{1} << node.involved_dim_count) - 1;
  return node.involved_dims == all;
}

std::string known_ids(const ChakraFile& file, const CommGroups& groups) {
  std::map<std::string, int> ids;
  for (const auto& [id, ranks] : groups.groups) ids.emplace(id, 0);
  for (const auto& [id, ranks] : file.process_groups) ids.emplace(id, 0);
  std::string text;
  std::size_t shown = 0;
  for (const auto& [id, unused] : ids) {
    if (shown == kIdsShown) return text + ", ...";
    text += fmt::format("{}{}", shown++ == 0 ? "" : ", ", id);
  }
  return text;
}

}  // namespace

bool selects_dimensions(const ChakraFile& file, const ChakraNode& node) {
  const std::string& written = file.text(node.pg_name);
  const bool unnamed = written.empty() || written == "0";
  return unnamed && node.involved_dim_count > 0 && !all_dimensions(node);
}

Communicators::Communicators(std::uint32_t ranks, const ReplayOptions& options)
    : ranks_(ranks), options_(options) {
  if (options.dimensions.empty()) return;
  std::uint64_t product = 1;
  std::string sizes;
  for (const std::uint32_t size : options.dimensions) {
    sizes += fmt::format("{}{}", sizes.empty() ? "" : " x ", size);
    product = std::min<std::uint64_t>(product * size, std::uint64_t{1} << 32);
  }
  if (product != ranks)
    throw InputError(
        "trace-comm-groups",
        fmt::format("logical dimensions {} do not make the trace's {} ranks", sizes, ranks),
        "the sizes, innermost first, must multiply to the number of ranks");
}

std::uint32_t Communicators::add(Communicator communicator) {
  const auto [it, fresh] = known_.try_emplace({communicator.name, communicator.members}, size());
  if (fresh) list_.push_back(std::move(communicator));
  return it->second;
}

Purpose Communicators::purpose_of(const std::string& id) const {
  const auto it = options_.group_purposes.find(id);
  return it == options_.group_purposes.end() ? Purpose::other : it->second;
}

std::uint32_t Communicators::everybody(const std::string& id) {
  const auto [it, fresh] = everybody_.try_emplace(id, 0u);
  if (fresh) {
    Communicator all{id == "0" ? "all ranks" : fmt::format("group {}", id), purpose_of(id),
                     Ranks(ranks_)};
    std::iota(all.members.begin(), all.members.end(), 0u);
    it->second = add(std::move(all));
  }
  return it->second;
}

const Communicators::Ranks& Communicators::listed(const ChakraFile& file, const ChakraNode& node,
                                                  const std::string& id) const {
  static const Ranks kEverybody;
  if (const auto it = options_.groups.groups.find(id); it != options_.groups.groups.end())
    return it->second;
  if (const auto it = file.process_groups.find(id); it != file.process_groups.end())
    return it->second;
  if (id == "0") return kEverybody;
  const std::string known = known_ids(file, options_.groups);
  fail(file, node, fmt::format("names group \"{}\", which nobody defines", id),
       known.empty() ? fmt::format("give a communicator file: {{\"{}\": [0, 1]}}", id)
                     : fmt::format("known groups: {}; add it to the communicator file", known));
}

std::uint32_t Communicators::named(const ChakraFile& file, const ChakraNode& node,
                                   const std::string& id) {
  const auto [it, fresh] = by_id_.try_emplace({&file, id}, 0u);
  if (!fresh) return it->second;
  const Ranks& members = listed(file, node, id);
  if (!members.empty() && members.back() >= ranks_)
    fail(file, node,
         fmt::format("names group \"{}\" with rank {}; the trace has {} ranks", id, members.back(),
                     ranks_),
         "ranks count from 0");
  it->second =
      members.empty() ? everybody(id) : add({fmt::format("group {}", id), purpose_of(id), members});
  return it->second;
}

std::uint32_t Communicators::involved(std::uint32_t rank, const ChakraFile& file,
                                      const ChakraNode& node) {
  if (node.involved_dim_count < options_.dimensions.size())
    fail(file, node,
         fmt::format("lists {} dimensions in involved_dim, {} are given", node.involved_dim_count,
                     options_.dimensions.size()),
         "give as many dimension sizes as the trace was made for");
  // Traces list more dimensions than a system has, all taking part; else there are more to give.
  const std::uint32_t given = (1u << options_.dimensions.size()) - 1;
  const std::uint32_t more =
      static_cast<std::uint32_t>((std::uint64_t{1} << node.involved_dim_count) - 1) & ~given;
  if ((node.involved_dims & more) != more || (node.involved_dims & given) == 0)
    fail(file, node,
         fmt::format("chooses from {} dimensions in involved_dim, {} are given",
                     node.involved_dim_count, options_.dimensions.size()),
         "give as many dimension sizes as the trace was made for");
  return along_dimensions(rank, node.involved_dims, nullptr, "dimensions");
}

std::uint32_t Communicators::along_dimensions(std::uint32_t rank, std::uint32_t dimensions,
                                              const Purpose* purpose, const std::string& name) {
  const auto& sizes = options_.dimensions;
  std::uint32_t mask = 0, lowest = rank, stride = 1;
  for (std::size_t d = 0; d < sizes.size(); stride *= sizes[d], ++d) {
    if (((dimensions >> d) & 1) == 0) continue;
    mask |= 1u << d;
    lowest -= (rank / stride) % sizes[d] * stride;
  }
  const auto [it, fresh] = by_dimensions_.try_emplace({name, mask, lowest}, 0u);
  if (!fresh) return it->second;
  Communicator made{name, purpose != nullptr ? *purpose : Purpose::other, {lowest}};
  stride = 1;
  for (std::size_t d = 0; d < sizes.size(); stride *= sizes[d], ++d) {
    if (((mask >> d) & 1) == 0) continue;
    const Ranks before = made.members;
    for (std::uint32_t step = 1; step < sizes[d]; ++step)
      for (const std::uint32_t member : before) made.members.push_back(member + step * stride);
    if (purpose != nullptr) continue;
    made.name += fmt::format(" {}", d);
    if (mask == (1u << d) && d < options_.dimension_purposes.size())
      made.purpose = options_.dimension_purposes[d];
  }
  std::sort(made.members.begin(), made.members.end());
  made.name += fmt::format(" from rank {}", lowest);
  it->second = add(std::move(made));
  return it->second;
}

std::uint32_t Communicators::of(std::uint32_t rank, const ChakraFile& file,
                                const ChakraNode& node) {
  const std::string& written = file.text(node.pg_name);
  if (selects_dimensions(file, node) && !options_.dimensions.empty())
    return involved(rank, file, node);
  if (const auto it = options_.dimension_groups.find(written);
      it != options_.dimension_groups.end())
    return along_dimensions(rank, it->second.dimensions, &it->second.purpose, written);
  const std::uint32_t index = named(file, node, written.empty() ? "0" : written);
  const Ranks& members = list_[index].members;
  if (!std::binary_search(members.begin(), members.end(), rank))
    fail(file, node,
         fmt::format("of rank {} names group \"{}\", to which this rank does not belong", rank,
                     written),
         "check the communicator file, or whether this file is another rank's");
  return index;
}

}  // namespace xpusim::trace
