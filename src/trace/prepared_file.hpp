// A rank's nodes in ascending id with dependencies resolved to positions: what a replay works on.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "xpusim/trace.hpp"

namespace xpusim::trace {

/// "FILE: byte 12: node 3 "name"": how messages name a node.
[[nodiscard]] std::string describe(const ChakraFile&, const ChakraNode&);
/// "3 "name"": the same inside a list.
[[nodiscard]] std::string short_name(const ChakraFile&, const ChakraNode&);

/// Positions count nodes in ascending id, which is the order ASTRA-sim issues ready nodes in.
class PreparedFile {
 public:
  /// Throws InputError: trace-dependency (absent data dependency, id used twice), trace-cycle
  /// (names the cycle).
  PreparedFile(const ChakraFile&, bool follow_ctrl_deps);

  [[nodiscard]] const ChakraFile& file() const { return *file_; }
  [[nodiscard]] std::uint32_t size() const { return static_cast<std::uint32_t>(order_.size()); }
  [[nodiscard]] const ChakraNode& node(std::uint32_t position) const {
    return file_->nodes[order_[position]];
  }
  /// Positions that `position` waits for, ascending, each once.
  [[nodiscard]] std::span<const std::uint32_t> dependencies(std::uint32_t position) const {
    return {dependencies_.data() + begin_[position], begin_[position + 1] - begin_[position]};
  }
  /// Every node after its dependencies, lowest id first among those that could come next: the order
  /// of occurrence.
  [[nodiscard]] const std::vector<std::uint32_t>& occurrence() const { return occurrence_; }
  [[nodiscard]] std::uint64_t absent_ctrl_deps() const { return absent_ctrl_deps_; }

 private:
  void sort_by_id();
  void resolve(bool follow_ctrl_deps);
  void order_occurrence();
  [[noreturn]] void fail_cycle(const std::vector<std::uint32_t>& waiting) const;
  [[nodiscard]] std::uint32_t find(std::uint64_t id) const;

  const ChakraFile* file_;
  std::vector<std::uint32_t> order_;  ///< position -> index into nodes
  std::vector<std::uint64_t> ids_;    ///< by position
  std::vector<std::uint32_t> begin_, dependencies_, occurrence_;
  std::uint64_t absent_ctrl_deps_ = 0;
};

}  // namespace xpusim::trace
