#include "trace/prepared_file.hpp"

#include <algorithm>
#include <functional>
#include <numeric>
#include <queue>

#include <fmt/core.h>

namespace xpusim::trace {
namespace {

constexpr std::uint32_t kAbsent = 0xffffffffu;
constexpr std::size_t kFindingsShown = 8;
constexpr std::size_t kCycleShown = 8;

/// Collects findings of one kind; a broken file must not print a million lines.
class Findings {
 public:
  void add(std::string message, std::string help) {
    if (++count_ <= kFindingsShown)
      list_.error("trace-dependency", std::move(message), {}, std::move(help));
  }
  void raise(const ChakraFile& file) {
    if (count_ == 0) return;
    if (count_ > kFindingsShown)
      list_.error("trace-dependency",
                  fmt::format("{}: and {} more", file.name, count_ - kFindingsShown));
    throw InputError(list_);
  }

 private:
  Diagnostics list_;
  std::size_t count_ = 0;
};

}  // namespace

std::string short_name(const ChakraFile& file, const ChakraNode& node) {
  return fmt::format("{} \"{}\"", node.id, file.text(node.name));
}

std::string describe(const ChakraFile& file, const ChakraNode& node) {
  return fmt::format("{}: byte {}: node {}", file.name, node.offset, short_name(file, node));
}

PreparedFile::PreparedFile(const ChakraFile& file, bool follow_ctrl_deps) : file_(&file) {
  sort_by_id();
  resolve(follow_ctrl_deps);
  order_occurrence();
}

void PreparedFile::sort_by_id() {
  const std::vector<ChakraNode>& nodes = file_->nodes;
  order_.resize(nodes.size());
  std::iota(order_.begin(), order_.end(), 0u);
  const auto by_id = [&](std::uint32_t a, std::uint32_t b) { return nodes[a].id < nodes[b].id; };
  if (!std::is_sorted(order_.begin(), order_.end(), by_id))
    std::stable_sort(order_.begin(), order_.end(), by_id);
  Findings findings;
  ids_.reserve(nodes.size());
  for (const std::uint32_t index : order_) {
    if (!ids_.empty() && ids_.back() == nodes[index].id)
      findings.add(fmt::format("{}: another node has this id", describe(*file_, nodes[index])),
                   "ids must be unique within a rank's file");
    ids_.push_back(nodes[index].id);
  }
  findings.raise(*file_);
}

std::uint32_t PreparedFile::find(std::uint64_t id) const {
  // Generated traces number nodes 0, 1, 2, ...: try there first.
  if (id < ids_.size() && ids_[id] == id) return static_cast<std::uint32_t>(id);
  const auto it = std::lower_bound(ids_.begin(), ids_.end(), id);
  return it != ids_.end() && *it == id ? static_cast<std::uint32_t>(it - ids_.begin()) : kAbsent;
}

void PreparedFile::resolve(bool follow_ctrl_deps) {
  Findings findings;
  begin_.push_back(0);
  for (std::uint32_t p = 0; p < size(); ++p) {
    const ChakraNode& n = node(p);
    for (std::uint32_t d = 0; d < n.data_deps; ++d) {
      const std::uint64_t id = file_->data_dep_ids[n.first_data_dep + d];
      const std::uint32_t at = find(id);
      if (at != kAbsent)
        dependencies_.push_back(at);
      else
        findings.add(fmt::format("{} needs the data of node {}, which is not in the file",
                                 describe(*file_, n), id),
                     "convert the trace again: data dependencies must be complete");
    }
    for (std::uint32_t d = 0; d < n.ctrl_deps; ++d) {
      const std::uint32_t at = find(file_->ctrl_dep_ids[n.first_ctrl_dep + d]);
      if (at == kAbsent)
        ++absent_ctrl_deps_;
      else if (follow_ctrl_deps)
        dependencies_.push_back(at);
    }
    const auto first = dependencies_.begin() + static_cast<std::ptrdiff_t>(begin_.back());
    std::sort(first, dependencies_.end());
    dependencies_.erase(std::unique(first, dependencies_.end()), dependencies_.end());
    begin_.push_back(static_cast<std::uint32_t>(dependencies_.size()));
  }
  findings.raise(*file_);
}

void PreparedFile::order_occurrence() {
  // Kahn 1962, taking the lowest id first.
  const std::uint32_t n = size();
  std::vector<std::uint32_t> waiting(n), first(n + 1, 0), dependents(dependencies_.size());
  for (const std::uint32_t d : dependencies_) ++first[d + 1];
  std::partial_sum(first.begin(), first.end(), first.begin());
  std::vector<std::uint32_t> fill(first.begin(), first.end() - 1);
  std::priority_queue<std::uint32_t, std::vector<std::uint32_t>, std::greater<>> ready;
  for (std::uint32_t p = 0; p < n; ++p) {
    waiting[p] = static_cast<std::uint32_t>(dependencies(p).size());
    for (const std::uint32_t d : dependencies(p)) dependents[fill[d]++] = p;
    if (waiting[p] == 0) ready.push(p);
  }
  occurrence_.reserve(n);
  while (!ready.empty()) {
    const std::uint32_t p = ready.top();
    ready.pop();
    occurrence_.push_back(p);
    for (std::uint32_t d = first[p]; d < first[p + 1]; ++d)
      if (--waiting[dependents[d]] == 0) ready.push(dependents[d]);
  }
  if (occurrence_.size() < n) fail_cycle(waiting);
}

void PreparedFile::fail_cycle(const std::vector<std::uint32_t>& waiting) const {
  // What still waits has a dependency that still waits: following these must come back.
  std::vector<std::uint32_t> path, seen(size(), kAbsent);
  std::uint32_t at = 0;
  while (waiting[at] == 0) ++at;
  while (seen[at] == kAbsent) {
    seen[at] = static_cast<std::uint32_t>(path.size());
    path.push_back(at);
    for (const std::uint32_t d : dependencies(at))
      if (waiting[d] > 0) {
        at = d;
        break;
      }
  }
  path.erase(path.begin(), path.begin() + seen[at]);
  std::rotate(path.begin(), std::min_element(path.begin(), path.end()), path.end());
  std::string text;
  for (std::size_t i = 0; i < path.size() && i < kCycleShown; ++i)
    text += fmt::format("{} waits for ", short_name(*file_, node(path[i])));
  if (path.size() > kCycleShown)
    text += fmt::format("{} more nodes and then ", path.size() - kCycleShown);
  throw InputError(
      "trace-cycle",
      fmt::format("{}: nodes wait for each other: {}{}", file_->name, text,
                  short_name(*file_, node(path.front()))),
      "a trace must be free of cycles; convert it again or drop one of these dependencies");
}

}  // namespace xpusim::trace
