// Traces of any format written as Chakra files (binary or JSON) and as connection matrices.
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "trace/file_set.hpp"
#include "xpusim/trace.hpp"

namespace xpusim {
namespace {

namespace fs = std::filesystem;
using FilePointer = std::shared_ptr<const ChakraFile>;

constexpr std::uint64_t kManyFiles = 100'000;

/// Files that appear together: each is written beside its place and moved there at the end.
class FileBatch {
 public:
  explicit FileBatch(bool force) : force_(force), mark_(fmt::format(".{}.tmp", ::getpid())) {}
  ~FileBatch() {
    std::error_code ignored;
    for (const std::string& path : written_) fs::remove(path + mark_, ignored);
  }
  FileBatch(const FileBatch&) = delete;
  FileBatch& operator=(const FileBatch&) = delete;

  /// Throws when the file is there and must not be replaced.
  void require_free(const std::string& path) const {
    std::error_code error;
    const fs::file_status there = fs::status(path, error);
    if (fs::exists(there) && !fs::is_regular_file(there))
      throw InputError("trace-write", fmt::format("{} is no regular file", path),
                       "choose another name: a device or folder is never replaced");
    if (!force_ && fs::exists(path, error))
      throw InputError("trace-write", fmt::format("{} is there already", path),
                       "choose another name, or replace it with --force");
  }

  void write(const std::string& path, const std::function<void(std::ostream&)>& content) {
    written_.push_back(path);
    std::ofstream out(path + mark_, std::ios::binary);
    content(out);
    out.close();
    if (!out) fail(path);
  }

  void commit() {
    std::error_code error;
    for (const std::string& path : written_) {
      fs::rename(path + mark_, path, error);
      if (error) fail(path);
    }
    written_.clear();
  }

 private:
  [[noreturn]] static void fail(const std::string& path) {
    throw InputError("trace-write", fmt::format("cannot write {}", path),
                     "check the folder and the space left in it");
  }

  bool force_;
  std::string mark_;
  std::vector<std::string> written_;
};

/// The ranks' graphs with nothing but what Chakra knows.
class PureChakra {
 public:
  explicit PureChakra(const RecordedTrace& recorded) : recorded_(recorded) {
    find_used();
    number_groups();
  }

  [[nodiscard]] FilePointer rank(std::uint32_t rank) const {
    const FilePointer& file = recorded_.trace.ranks[rank];
    return changed_.contains(file.get()) ? std::make_shared<const ChakraFile>(rewrite(rank, *file))
                                         : file;
  }
  /// By decimal id; empty when the trace names none.
  [[nodiscard]] const std::map<std::uint64_t, std::vector<std::uint32_t>>& groups() const {
    return groups_;
  }
  [[nodiscard]] std::uint64_t exchanges() const { return exchanges_; }

 private:
  [[nodiscard]] std::uint32_t ranks() const {
    return static_cast<std::uint32_t>(recorded_.trace.ranks.size());
  }

  void find_used() {
    for (const auto& same : recorded_.trace.identical_classes) {
      const ChakraFile& file = *recorded_.trace.ranks[same.front()];
      for (const ChakraNode& node : file.nodes) {
        const bool exchange = node.collective == ChakraCollective::send_recv;
        const bool named = recorded_.options.dimension_groups.contains(file.text(node.pg_name));
        if (exchange) exchanges_ += same.size();
        if (named) used_.insert(file.text(node.pg_name));
        if (exchange || named) changed_.insert(&file);
      }
    }
  }

  void number_groups() {
    std::uint64_t last = 0;
    for (const auto& [id, members] : recorded_.options.groups.groups) {
      const std::uint64_t number = std::stoull(id);  // parse_comm_groups takes decimal ids only
      groups_[number] = members;
      last = std::max(last, number);
    }
    for (const auto& same : recorded_.trace.identical_classes)
      for (const auto& [id, members] : recorded_.trace.ranks[same.front()]->process_groups)
        if (!id.empty() && id.size() < 18 &&
            id.find_first_not_of("0123456789") == std::string::npos)
          last = std::max<std::uint64_t>(last, std::stoull(id) + 1);  // ASTRA-sim adds one to these
    for (const std::string& name : used_) {
      std::map<std::uint32_t, std::uint64_t> by_lowest;
      std::vector<std::uint64_t>& ids = ids_[name];
      for (std::uint32_t r = 0; r < ranks(); ++r) {
        const auto [it, fresh] = by_lowest.try_emplace(lowest(r, name), last + 1);
        if (fresh) ++last;
        ids.push_back(it->second);
        groups_[it->second].push_back(r);
      }
    }
  }

  /// The lowest rank of the rank's group along the named dimensions.
  [[nodiscard]] std::uint32_t lowest(std::uint32_t rank, const std::string& name) const {
    const std::uint32_t mask = recorded_.options.dimension_groups.at(name).dimensions;
    const auto& sizes = recorded_.options.dimensions;
    std::uint32_t result = rank, stride = 1;
    for (std::size_t d = 0; d < sizes.size(); stride *= sizes[d], ++d)
      if (((mask >> d) & 1) != 0) result -= rank / stride % sizes[d] * stride;
    return result;
  }

  [[nodiscard]] std::vector<std::uint32_t> members(std::uint32_t rank, const ChakraFile& file,
                                                   const ChakraNode& node) const {
    const std::string& name = file.text(node.pg_name);
    if (const auto it = ids_.find(name); it != ids_.end()) return groups_.at(it->second[rank]);
    const auto listed = recorded_.options.groups.groups.find(name);
    if (listed != recorded_.options.groups.groups.end() && !listed->second.empty())
      return listed->second;
    std::vector<std::uint32_t> all(ranks());
    for (std::uint32_t r = 0; r < ranks(); ++r) all[r] = r;
    return all;
  }

  [[nodiscard]] ChakraFile rewrite(std::uint32_t rank, const ChakraFile& from) const {
    const bool renumber = std::any_of(
        from.nodes.begin(), from.nodes.end(),
        [](const ChakraNode& n) { return n.collective == ChakraCollective::send_recv; });
    ChakraFile to;
    to.name = from.name;
    to.version = from.version;
    to.metadata = from.metadata;
    to.process_groups = from.process_groups;
    std::map<std::uint64_t, std::uint64_t> first;  // old id -> new id; a SEND's RECV comes next
    std::set<std::uint64_t> pairs;
    if (renumber) {
      std::vector<std::pair<std::uint64_t, bool>> ids;
      for (const ChakraNode& n : from.nodes)
        ids.emplace_back(
            n.id, n.collective == ChakraCollective::send_recv && members(rank, from, n).size() > 1);
      std::sort(ids.begin(), ids.end());
      std::uint64_t next = 0;
      for (const auto& [id, pair] : ids) {
        first[id] = next;
        if (pair) pairs.insert(id);
        next += pair ? 2 : 1;
      }
    }
    const auto ids_of = [&](const std::vector<std::uint64_t>& list, std::uint32_t begin,
                            std::uint32_t count) {
      std::vector<std::uint64_t> result;
      for (std::uint32_t i = begin; i < begin + count; ++i) {
        const auto it = first.find(list[i]);
        result.push_back(it == first.end() ? list[i] : it->second);
        if (pairs.contains(list[i])) result.push_back(it->second + 1);
      }
      return result;
    };
    for (ChakraNode node : from.nodes) {
      const std::uint64_t old_id = node.id;
      if (renumber) node.id = first.at(old_id);
      const std::string& group = from.text(node.pg_name);
      const std::string& name = from.text(node.name);
      const auto data = ids_of(from.data_dep_ids, node.first_data_dep, node.data_deps);
      const auto ctrl = ids_of(from.ctrl_dep_ids, node.first_ctrl_dep, node.ctrl_deps);
      node.inputs = to.intern(from.text(node.inputs));
      const auto numbered = ids_.find(group);
      node.pg_name =
          to.intern(numbered == ids_.end() ? group : std::to_string(numbered->second[rank]));
      if (node.collective != ChakraCollective::send_recv) {
        to.add(node, name, data, ctrl);
        continue;
      }
      add_exchange(to, node, members(rank, from, node), rank, name, data, ctrl);
    }
    return to;
  }

  /// SEND to the next member and RECV from the one before; alone, a node that ends at once.
  static void add_exchange(ChakraFile& to, ChakraNode node,
                           const std::vector<std::uint32_t>& members, std::uint32_t rank,
                           const std::string& name, const std::vector<std::uint64_t>& data,
                           const std::vector<std::uint64_t>& ctrl) {
    node.collective = ChakraCollective::none;
    node.pg_name = 0;
    if (members.size() < 2) {
      node.type = ChakraNodeType::invalid;
      node.comm_size = 0;
      to.add(node, name, data, ctrl);
      return;
    }
    const auto at =
        static_cast<std::size_t>(std::find(members.begin(), members.end(), rank) - members.begin());
    node.type = ChakraNodeType::comm_send;
    node.comm_dst = static_cast<std::int32_t>(members[(at + 1) % members.size()]);
    to.add(node, name, data, ctrl);
    ++node.id;
    node.type = ChakraNodeType::comm_recv;
    node.comm_dst = -1;
    node.comm_src = static_cast<std::int32_t>(members[(at + members.size() - 1) % members.size()]);
    to.add(node, name, data, ctrl);
  }

  const RecordedTrace& recorded_;
  std::set<std::string> used_;           ///< dimension groups that nodes name
  std::set<const ChakraFile*> changed_;  ///< files that cannot be written as they are
  std::map<std::string, std::vector<std::uint64_t>> ids_;  ///< name -> id of each rank's group
  std::map<std::uint64_t, std::vector<std::uint32_t>> groups_;
  std::uint64_t exchanges_ = 0;
};

void write_groups(std::ostream& out,
                  const std::map<std::uint64_t, std::vector<std::uint32_t>>& groups) {
  const char* separator = "{\n";
  for (const auto& [id, members] : groups) {
    out << separator << fmt::format("  \"{}\": [{}]", id, fmt::join(members, ", "));
    separator = ",\n";
  }
  out << "\n}\n";
}

/// What a set of Chakra files cannot say.
std::vector<std::string> losses(const RecordedTrace& recorded, const PureChakra& pure) {
  std::uint64_t rounded = 0, vanished = 0;
  for (const auto& same : recorded.trace.identical_classes) {
    for (const ChakraNode& node : recorded.trace.ranks[same.front()]->nodes) {
      if (node.duration_nanos % 1000 != 0) rounded += same.size();
      if (node.duration_nanos > 0 && node.duration_nanos < 500) vanished += same.size();
    }
  }
  std::vector<std::string> notes;
  if (rounded > 0)
    notes.push_back(
        fmt::format("durations rounded to microseconds: {}, {} of them to 0", rounded, vanished));
  if (pure.exchanges() > 0)
    notes.push_back(fmt::format("SEND_RECV written as SEND and RECV: {}", pure.exchanges()));
  if (!recorded.options.communication_slot)
    notes.emplace_back(
        "not written: that communication of one rank runs side by side; Chakra readers run one "
        "after another");
  return notes;
}

using WriteRank = std::function<void(std::ostream&, const ChakraFile&)>;

TraceWriteSummary write_set(const RecordedTrace& recorded, const std::string& prefix,
                            std::string_view suffix, const TraceWriteOptions& options,
                            const WriteRank& write_rank) {
  std::error_code error;
  if (fs::path(prefix).filename().empty() || fs::is_directory(prefix, error))
    throw InputError("trace-write", fmt::format("'{}' is no prefix of file names", prefix),
                     "write FOLDER/NAME; the files are FOLDER/NAME.<rank>" + std::string(suffix));

  const std::uint64_t ranks = recorded.trace.ranks.size();
  if (ranks > kManyFiles && !options.force)
    throw InputError("trace-write", fmt::format("{} ranks would be {} files", ranks, ranks),
                     "write fewer ranks, or insist with --force");
  FileBatch batch(options.force);
  const auto path_of = [&](std::uint64_t rank) {
    return fmt::format("{}.{}{}", prefix, rank, suffix);
  };
  for (std::uint64_t r = 0; r < ranks; ++r) batch.require_free(path_of(r));
  if (const std::string beyond = path_of(ranks); fs::exists(beyond, error))
    throw InputError("trace-write",
                     fmt::format("{} belongs to a larger trace of the same name", beyond),
                     "remove its files, or choose another name");
  const PureChakra pure(recorded);
  const std::string groups = prefix + ".comm_groups.json";
  batch.require_free(groups);
  TraceWriteSummary summary;
  summary.notes = losses(recorded, pure);
  for (std::uint32_t r = 0; r < ranks; ++r)
    batch.write(path_of(r), [&](std::ostream& out) { write_rank(out, *pure.rank(r)); });
  summary.files = ranks;
  if (!pure.groups().empty()) {
    batch.write(groups, [&](std::ostream& out) { write_groups(out, pure.groups()); });
    summary.notes.push_back(fmt::format(
        "{} holds the {} communicators: --comm-group-configuration of ASTRA-sim, \"groups\" of a "
        "replay scenario",
        groups, pure.groups().size()));
    ++summary.files;
  }
  batch.commit();
  return summary;
}

void write_json_rank(std::ostream& out, const ChakraFile& file) {
  using nlohmann::ordered_json;
  const auto ids = [](const std::vector<std::uint64_t>& list, std::uint32_t first,
                      std::uint32_t count) {
    return std::vector<std::uint64_t>(list.begin() + first, list.begin() + first + count);
  };
  out << "{\"workload_graph\": [";
  const char* separator = "\n";
  for (const ChakraNode& node : file.nodes) {
    ordered_json json;
    json["Id"] = node.id;
    json["Name"] = file.text(node.name);
    json["NodeType"] = static_cast<int>(node.type);
    json["ctrlDeps"] = ids(file.ctrl_dep_ids, node.first_ctrl_dep, node.ctrl_deps);
    json["data_deps"] = ids(file.data_dep_ids, node.first_data_dep, node.data_deps);
    json["runtime"] = (node.duration_nanos + 500) / 1000;
    json["is_cpu_op"] = node.is_cpu_op;
    if (node.num_ops > 0) json["num_ops"] = node.num_ops;
    if (node.tensor_size > 0) json["tensor_size"] = node.tensor_size;
    if (node.collective != ChakraCollective::none)
      json["comm_type"] = static_cast<int>(node.collective);
    const bool messages =
        node.type == ChakraNodeType::comm_send || node.type == ChakraNodeType::comm_recv;
    if (node.comm_size > 0 || messages) json["comm_size"] = node.comm_size;
    if (node.comm_src >= 0) json["comm_src"] = node.comm_src;
    if (node.comm_dst >= 0) json["comm_dst"] = node.comm_dst;
    if (node.comm_tag != 0 || messages) json["comm_tag"] = node.comm_tag;
    if (node.comm_priority != 0) json["comm_priority"] = node.comm_priority;
    if (node.pg_name != 0) json["pg_name"] = file.text(node.pg_name);
    if (node.involved_dim_count > 0) {
      std::vector<bool> involved;
      for (std::uint32_t d = 0; d < node.involved_dim_count; ++d)
        involved.push_back(((node.involved_dims >> d) & 1) != 0);
      json["involved_dim"] = involved;
    }
    out << separator << json.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
    separator = ",\n";
  }
  out << "\n]}\n";
}

}  // namespace

TraceWriteSummary write_chakra_trace(const RecordedTrace& recorded, const std::string& prefix,
                                     const TraceWriteOptions& options) {
  return write_set(recorded, prefix, ".et", options, [](std::ostream& out, const ChakraFile& file) {
    if (!file.version.empty() || !file.metadata.empty()) return write_chakra(out, file);
    ChakraFile versioned = file;  // Python's reader takes an empty message for the end
    versioned.version = "0.0.4";
    write_chakra(out, versioned);
  });
}

TraceWriteSummary write_chakra_json_trace(const RecordedTrace& recorded, const std::string& prefix,
                                          const TraceWriteOptions& options) {
  return write_set(recorded, prefix, ".json", options, write_json_rank);
}

TraceWriteSummary write_htsim_cm(const RecordedTrace& recorded, const std::string& path,
                                 const TraceWriteOptions& options) {
  const std::string text = htsim_cm_text(recorded);
  FileBatch batch(options.force);
  batch.require_free(path);
  batch.write(path, [&](std::ostream& out) { out << text; });
  batch.commit();
  return {1, {}};
}

}  // namespace xpusim
