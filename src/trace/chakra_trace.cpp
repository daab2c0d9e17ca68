// A trace of one Chakra file per rank.
#include "trace/file_set.hpp"
#include "trace/mapped_file.hpp"
#include "xpusim/trace.hpp"

namespace xpusim {
namespace {

ChakraFile read_chakra_bytes(std::string_view bytes, const std::string& path) {
  return read_chakra(bytes, path);
}

}  // namespace

ChakraFile read_chakra_file(const std::string& path) {
  const trace::MappedFile file(path);
  return read_chakra(file.bytes(), path);
}

ChakraTrace read_chakra_trace(const std::string& prefix) {
  return trace::read_file_set(trace::find_file_set(prefix, ".et"), ".et", read_chakra_bytes);
}

ChakraTrace make_chakra_trace(std::vector<std::shared_ptr<const ChakraFile>> ranks) {
  ChakraTrace trace;
  std::unordered_map<const ChakraFile*, std::size_t> classes;
  for (std::uint32_t r = 0; r < ranks.size(); ++r) {
    if (!ranks[r]) throw InternalError("make_chakra_trace: a rank without a file");
    const auto [it, fresh] = classes.emplace(ranks[r].get(), trace.identical_classes.size());
    if (fresh) trace.identical_classes.emplace_back();
    trace.identical_classes[it->second].push_back(r);
  }
  trace.ranks = std::move(ranks);
  return trace;
}

}  // namespace xpusim
