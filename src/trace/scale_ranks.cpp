// A trace for another number of ranks.
#include <algorithm>
#include <map>
#include <numeric>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "trace/communicators.hpp"
#include "xpusim/trace.hpp"

namespace xpusim {
namespace {

[[noreturn]] void refuse(const RecordedTrace& trace, const std::string& what, std::string help) {
  throw InputError("trace-scale", fmt::format("{}: {}", trace.trace.prefix, what), std::move(help));
}

/// Coordinates of ranks along the logical dimensions.
class Grid {
 public:
  explicit Grid(std::vector<std::uint32_t> sizes) : sizes_(std::move(sizes)) {
    std::uint32_t stride = 1;
    for (const std::uint32_t size : sizes_) {
      strides_.push_back(stride);
      stride *= size;
    }
  }
  [[nodiscard]] std::size_t dimensions() const { return sizes_.size(); }
  [[nodiscard]] std::uint32_t size(std::size_t d) const { return sizes_[d]; }
  [[nodiscard]] std::uint32_t at(std::uint32_t rank, std::size_t d) const {
    return rank / strides_[d] % sizes_[d];
  }
  [[nodiscard]] std::uint32_t moved(std::uint32_t rank, std::size_t d, std::uint32_t to) const {
    return rank + (to - at(rank, d)) * strides_[d];
  }
  [[nodiscard]] std::uint32_t rank(const std::vector<std::uint32_t>& coordinates) const {
    std::uint32_t rank = 0;
    for (std::size_t d = 0; d < sizes_.size(); ++d) rank += coordinates[d] * strides_[d];
    return rank;
  }

 private:
  std::vector<std::uint32_t> sizes_, strides_;
};

/// The dimensions along which the ranks of a communicator differ, when it holds all ranks that
/// differ in these only.
std::optional<std::uint32_t> dimensions_of(const Grid& grid,
                                           const std::vector<std::uint32_t>& ranks) {
  std::uint32_t mask = 0;
  std::size_t expected = 1;
  for (std::size_t d = 0; d < grid.dimensions(); ++d) {
    const bool varies = std::any_of(ranks.begin(), ranks.end(), [&](std::uint32_t r) {
      return grid.at(r, d) != grid.at(ranks.front(), d);
    });
    if (!varies) continue;
    mask |= 1u << d;
    expected *= grid.size(d);
  }
  return expected == ranks.size() ? std::optional(mask) : std::nullopt;
}

class Scaler {
 public:
  Scaler(const RecordedTrace& from, std::uint32_t ranks)
      : from_(from), old_(sizes(from)), dimension_(data_dimension(from)), made_(from) {
    const std::uint32_t present = static_cast<std::uint32_t>(from.trace.ranks.size());
    const std::uint32_t rest = present / old_.size(dimension_);
    if (ranks == 0 || ranks % rest != 0)
      refuse(from,
             fmt::format("{} ranks are no multiple of the {} ranks of one data-parallel replica",
                         ranks, rest),
             ranks < rest
                 ? fmt::format("use {}, or more", rest)
                 : fmt::format("use {} or {}", ranks / rest * rest, (ranks / rest + 1) * rest));
    new_sizes_ = sizes(from);
    new_sizes_[dimension_] = ranks / rest;
  }

  RecordedTrace run() {
    name_groups_by_dimensions();
    const Grid grid(new_sizes_);
    std::vector<std::shared_ptr<const ChakraFile>> files;
    const std::uint32_t ranks =
        std::accumulate(new_sizes_.begin(), new_sizes_.end(), 1u, std::multiplies<>());
    for (std::uint32_t rank = 0; rank < ranks; ++rank) {
      std::vector<std::uint32_t> coordinates;
      for (std::size_t d = 0; d < grid.dimensions(); ++d) coordinates.push_back(grid.at(rank, d));
      const std::uint32_t replica = coordinates[dimension_];
      coordinates[dimension_] %= old_.size(dimension_);
      const std::uint32_t source = old_.rank(coordinates);
      files.push_back(file_for(source, rank, replica, grid));
    }
    const std::string prefix = made_.trace.prefix;
    made_.trace = make_chakra_trace(std::move(files));
    made_.trace.prefix = prefix;
    made_.options.dimensions = new_sizes_;
    made_.options.data_dimension = static_cast<int>(dimension_);
    made_.notes.push_back(fmt::format(
        "scaled from {} to {} ranks: dimension {} from {} to {} replicas, each as recorded; sizes "
        "of collectives are kept",
        from_.trace.ranks.size(), ranks, dimension_, old_.size(dimension_),
        new_sizes_[dimension_]));
    return std::move(made_);
  }

 private:
  static std::vector<std::uint32_t> sizes(const RecordedTrace& trace) {
    const auto ranks = static_cast<std::uint32_t>(trace.trace.ranks.size());
    if (trace.options.dimensions.empty()) {
      // Without dimensions every rank is a data-parallel replica, if all do the same.
      if (trace.trace.identical_classes.size() == 1 && !names_dimensions(*trace.trace.ranks[0]))
        return {ranks};
      refuse(trace, "which ranks are data-parallel replicas is not known",
             "give the sizes of the logical dimensions, innermost first");
    }
    const std::uint64_t product = std::accumulate(
        trace.options.dimensions.begin(), trace.options.dimensions.end(), std::uint64_t{1},
        [](std::uint64_t a, std::uint64_t b) { return std::min<std::uint64_t>(a * b, 1u << 31U); });
    if (product != ranks)
      refuse(trace,
             fmt::format("logical dimensions {} do not make the trace's {} ranks",
                         fmt::join(trace.options.dimensions, " x "), ranks),
             "the sizes, innermost first, must multiply to the number of ranks");
    return trace.options.dimensions;
  }

  /// Do collectives choose from dimensions whose sizes nobody gave?
  static bool names_dimensions(const ChakraFile& file) {
    return std::any_of(file.nodes.begin(), file.nodes.end(), [&](const ChakraNode& node) {
      return node.type == ChakraNodeType::comm_coll && trace::selects_dimensions(file, node);
    });
  }

  static std::size_t data_dimension(const RecordedTrace& trace) {
    const std::size_t count = std::max<std::size_t>(1, trace.options.dimensions.size());
    const int chosen = trace.options.data_dimension;
    if (chosen < 0) return count - 1;
    if (static_cast<std::size_t>(chosen) < count) return static_cast<std::size_t>(chosen);
    refuse(trace, fmt::format("there is no dimension {}", chosen),
           fmt::format("dimensions count from 0 to {}", count - 1));
  }

  /// Communicators given by their ranks, of the whole trace and of its files, become dimensions.
  void name_groups_by_dimensions() {
    for (const auto& [id, ranks] : from_.options.groups.groups) rename(id, ranks);
    made_.options.groups.groups.clear();
    for (const auto& ranks : from_.trace.identical_classes)
      for (const auto& [id, members] : from_.trace.ranks[ranks.front()]->process_groups)
        rename(id, members);
  }

  void rename(const std::string& id, const std::vector<std::uint32_t>& ranks) {
    if (made_.options.dimension_groups.contains(id)) {
      const auto known = given_.find(id);
      if (known == given_.end() || known->second == ranks) return;
    }
    std::vector<std::uint32_t> members = ranks;
    if (members.empty()) {
      members.resize(from_.trace.ranks.size());
      std::iota(members.begin(), members.end(), 0u);
    }
    const auto mask = dimensions_of(old_, members);
    if (!mask)
      refuse(from_, fmt::format("group \"{}\" does not follow the logical dimensions", id),
             "give dimensions of which every group spans whole ones");
    const auto purpose = from_.options.group_purposes.find(id);
    const Purpose why =
        purpose == from_.options.group_purposes.end() ? Purpose::other : purpose->second;
    const auto [it, fresh] =
        made_.options.dimension_groups.try_emplace(id, DimensionGroup{*mask, why});
    if (!fresh && it->second.dimensions != *mask)
      refuse(from_, fmt::format("group \"{}\" spans other dimensions on other ranks", id),
             "give every kind of group names of its own");
    given_.emplace(id, ranks);
  }

  /// The file of a source rank, its partners moved to the replica of `rank`.
  std::shared_ptr<const ChakraFile> file_for(std::uint32_t source, std::uint32_t rank,
                                             std::uint32_t replica, const Grid& grid) {
    const std::shared_ptr<const ChakraFile>& file = from_.trace.ranks[source];
    const bool messages =
        std::any_of(file->nodes.begin(), file->nodes.end(), [](const ChakraNode& n) {
          return !n.is_cpu_op &&
                 (n.type == ChakraNodeType::comm_send || n.type == ChakraNodeType::comm_recv);
        });
    if (!messages) return file;
    auto copy = std::make_shared<ChakraFile>(*file);
    for (ChakraNode& node : copy->nodes) {
      if (node.comm_src >= 0) node.comm_src = moved(node.comm_src, source, rank, replica, grid);
      if (node.comm_dst >= 0) node.comm_dst = moved(node.comm_dst, source, rank, replica, grid);
    }
    return copy;
  }

  std::int32_t moved(std::int32_t partner, std::uint32_t source, std::uint32_t rank,
                     std::uint32_t replica, const Grid& grid) const {
    const auto other = static_cast<std::uint32_t>(partner);
    if (other >= from_.trace.ranks.size()) return partner;  // the replay refuses it with its place
    if (other == source) return static_cast<std::int32_t>(rank);
    std::vector<std::uint32_t> coordinates;
    for (std::size_t d = 0; d < old_.dimensions(); ++d) coordinates.push_back(old_.at(other, d));
    if (coordinates[dimension_] != old_.at(source, dimension_))
      refuse(from_,
             fmt::format("ranks {} and {} exchange messages across dimension {}", source, other,
                         dimension_),
             "scale a dimension whose replicas meet in collectives only");
    coordinates[dimension_] = replica;
    return static_cast<std::int32_t>(grid.rank(coordinates));
  }

  const RecordedTrace& from_;
  Grid old_;
  std::size_t dimension_;
  std::vector<std::uint32_t> new_sizes_;
  RecordedTrace made_;
  std::map<std::string, std::vector<std::uint32_t>> given_;
};

}  // namespace

RecordedTrace scale_ranks(const RecordedTrace& trace, std::uint32_t ranks) {
  return Scaler(trace, ranks).run();
}

RecordedTrace copy_ranks(const RecordedTrace& trace, std::uint32_t ranks) {
  if (trace.trace.ranks.size() != 1)
    throw InputError("trace-ranks",
                     fmt::format("{} has {} ranks; only a lone rank is copied to others",
                                 trace.trace.prefix, trace.trace.ranks.size()),
                     "leave the number of ranks out, or scale its data-parallel dimension");
  RecordedTrace made = trace;
  made.trace = make_chakra_trace({ranks, trace.trace.ranks.front()});
  made.trace.prefix = trace.trace.prefix;
  made.notes.push_back(fmt::format("the recorded rank stands for {} equal ones", ranks));
  return made;
}

}  // namespace xpusim
