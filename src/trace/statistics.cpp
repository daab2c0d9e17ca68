// Counts for `trace info` and for the notes of a replay.
#include <algorithm>

#include <fmt/core.h>

#include "xpusim/trace.hpp"

namespace xpusim {
namespace {

constexpr double kNanosecond = 1e-9;

std::string communicator_as_written(const ChakraFile& file, const ChakraNode& node) {
  if (node.pg_name != 0 && file.text(node.pg_name) != "0")
    return "group " + file.text(node.pg_name);
  std::string dimensions;
  for (std::uint32_t d = 0; d < node.involved_dim_count; ++d)
    dimensions += ((node.involved_dims >> d) & 1) != 0 ? '1' : '0';
  const bool all = dimensions.find('0') == std::string::npos;
  return all ? "all ranks" : "dimensions " + dimensions;
}

std::string_view kind_of(const ChakraNode& node) {
  if (node.type == ChakraNodeType::comm_send) return "SEND";
  if (node.type == ChakraNodeType::comm_recv) return "RECV";
  return to_string(node.collective);
}

/// Counts one file; `copies` ranks have it.
class FileCounter {
 public:
  FileCounter(const ChakraFile& file, std::uint64_t copies, ChakraStatistics& total)
      : file_(file), copies_(copies), total_(total) {}

  void count() {
    for (const ChakraNode& node : file_.nodes) count_node(node);
    ids_.reserve(file_.nodes.size());
    for (const ChakraNode& node : file_.nodes) ids_.push_back(node.id);
    std::sort(ids_.begin(), ids_.end());
    std::uint64_t absent = 0;
    for (const std::uint64_t id : file_.ctrl_dep_ids)
      absent += std::binary_search(ids_.begin(), ids_.end(), id) ? 0 : 1;
    ignore("control dependencies on absent nodes", absent);
    total_.data_dependencies += copies_ * file_.data_dep_ids.size();
    total_.ctrl_dependencies += copies_ * file_.ctrl_dep_ids.size();
    total_.bytes += copies_ * file_.bytes;
    total_.skipped_bytes += copies_ * file_.skipped_bytes;
  }

 private:
  void ignore(const std::string& reason, std::uint64_t count = 1) {
    if (count > 0) total_.ignored[reason] += copies_ * count;
  }

  void count_node(const ChakraNode& node) {
    const auto n = static_cast<double>(copies_);
    total_.nodes[static_cast<std::size_t>(node.type)] += copies_;
    if (node.is_cpu_op) total_.host_nodes += copies_;
    switch (node.type) {
      case ChakraNodeType::invalid:
        return ignore("INVALID nodes: finished at once");
      case ChakraNodeType::metadata:
        return ignore("METADATA nodes: finished at once");
      case ChakraNodeType::comp:
      case ChakraNodeType::mem_load:
      case ChakraNodeType::mem_store:
        total_.recorded_seconds += n * static_cast<double>(node.duration_nanos) * kNanosecond;
        total_.num_ops += n * static_cast<double>(node.num_ops);
        total_.tensor_bytes += n * static_cast<double>(node.tensor_size);
        return;
      case ChakraNodeType::comm_send:
      case ChakraNodeType::comm_recv:
      case ChakraNodeType::comm_coll:
        return count_traffic(node);
    }
  }

  void count_traffic(const ChakraNode& node) {
    if (node.is_cpu_op) return ignore("communication nodes of the host: replayed as host work");
    const bool collective = node.type == ChakraNodeType::comm_coll;
    ChakraStatistics::Traffic& traffic = total_.traffic[{
        std::string(kind_of(node)), collective ? communicator_as_written(file_, node) : ""}];
    traffic.nodes += copies_;
    traffic.comm_size += static_cast<double>(copies_) * static_cast<double>(node.comm_size);
  }

  const ChakraFile& file_;
  std::uint64_t copies_;
  ChakraStatistics& total_;
  std::vector<std::uint64_t> ids_;
};

}  // namespace

ChakraStatistics chakra_statistics(const ChakraTrace& trace) {
  ChakraStatistics total;
  total.ranks = static_cast<std::uint32_t>(trace.ranks.size());
  total.different_files = static_cast<std::uint32_t>(trace.identical_classes.size());
  for (const auto& ranks : trace.identical_classes)
    FileCounter(*trace.ranks[ranks.front()], ranks.size(), total).count();
  return total;
}

}  // namespace xpusim
