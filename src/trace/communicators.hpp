// Which ranks a collective node talks to.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "trace/prepared_file.hpp"

namespace xpusim::trace {

/// Does involved_dim of a collective node leave dimensions out, and no name overrule it?
[[nodiscard]] bool selects_dimensions(const ChakraFile&, const ChakraNode&);

/// A set of ranks under one name.
struct Communicator {
  std::string name;
  Purpose purpose = Purpose::other;
  std::vector<std::uint32_t> members;  ///< ascending
};

/// Every different communicator of a trace once, found from the nodes that use it.
class Communicators {
 public:
  /// Throws InputError when the dimension sizes do not multiply to the number of ranks.
  Communicators(std::uint32_t ranks, const ReplayOptions&);

  /// Index of the communicator of a COMM_COLL node of `rank`. Throws InputError, code
  /// trace-comm-groups.
  std::uint32_t of(std::uint32_t rank, const ChakraFile&, const ChakraNode&);
  [[nodiscard]] const Communicator& operator[](std::uint32_t index) const { return list_[index]; }
  [[nodiscard]] std::uint32_t size() const { return static_cast<std::uint32_t>(list_.size()); }

 private:
  using Ranks = std::vector<std::uint32_t>;

  std::uint32_t named(const ChakraFile&, const ChakraNode&, const std::string& id);
  std::uint32_t involved(std::uint32_t rank, const ChakraFile&, const ChakraNode&);
  std::uint32_t along_dimensions(std::uint32_t rank, std::uint32_t dimensions, const Purpose*,
                                 const std::string& name);
  std::uint32_t everybody(const std::string& id);
  std::uint32_t add(Communicator);
  [[nodiscard]] const Ranks& listed(const ChakraFile&, const ChakraNode&,
                                    const std::string& id) const;
  [[nodiscard]] Purpose purpose_of(const std::string& id) const;

  std::uint32_t ranks_;
  const ReplayOptions& options_;
  std::vector<Communicator> list_;
  std::map<std::pair<std::string, Ranks>, std::uint32_t> known_;
  std::map<std::pair<const ChakraFile*, std::string>, std::uint32_t> by_id_;
  std::map<std::tuple<std::string, std::uint32_t, std::uint32_t>, std::uint32_t>
      by_dimensions_;  ///< (name, mask, lowest rank)
  std::map<std::string, std::uint32_t> everybody_;
};

}  // namespace xpusim::trace
