#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/pages.hpp"

namespace xpusim::engine {

/// Entries, numbered by the user, by the date at which each has something to do. Those of one date
/// share a place in the heap, for what symmetric ranks do falls on the same dates.
class Agenda {
 public:
  [[nodiscard]] bool empty() const { return heap_.empty(); }
  [[nodiscard]] double date() const { return heap_.front().date; }  ///< the first
  void set(std::uint32_t entry, double date);                       ///< anew, or to another date
  void remove(std::uint32_t entry);                                 ///< no effect if it has no date
  /// Takes all entries of the first date out and appends them to `into`.
  void take_first(std::vector<std::uint32_t>& into);

 private:
  static constexpr std::uint32_t kNone = 0xffffffffu;
  struct Entry {
    std::uint32_t group = kNone;
    std::uint32_t previous = kNone, next = kNone;  // of the same group
  };
  struct Group {
    std::uint32_t first = kNone, last = kNone;
    std::uint32_t place = kNone;  // in the heap
  };
  struct Node {
    double date;
    std::uint32_t group;
  };

  [[nodiscard]] std::uint32_t& recent(double date);
  void append(std::uint32_t entry, std::uint32_t group);
  void move_to(std::size_t place, Node node);
  void rise(std::size_t place, Node node);
  void sink(std::size_t place, Node node);
  void put(std::size_t place, Node node);
  void erase(std::uint32_t group);

  Pages<Entry> entries_;
  std::vector<Group> groups_;
  std::vector<std::uint32_t> free_groups_;
  std::vector<Node> heap_;
  std::array<std::uint32_t, 64> recent_{};  // groups by hash of their date; may be outdated
};

}  // namespace xpusim::engine
