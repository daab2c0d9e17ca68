// The files of a trace that has one for every rank: PREFIX.<rank>.<suffix>.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "xpusim/trace.hpp"

namespace xpusim::trace {

struct FileSet {
  std::filesystem::path directory;
  std::string prefix;                ///< without the directory
  std::vector<std::uint32_t> ranks;  ///< ascending

  [[nodiscard]] std::string path_prefix() const { return (directory / prefix).string(); }
};

/// Finds the ranks' files of a prefix, or of the only prefix in a directory; `suffix` is ".et" or
/// ".json". Throws InputError, code trace-ranks: no file, several prefixes, a rank missing from
/// 0..n-1.
[[nodiscard]] FileSet find_file_set(const std::string& wanted, std::string_view suffix);
/// True when at least one file of that prefix (or in that directory) is there.
[[nodiscard]] bool has_file_set(const std::string& wanted, std::string_view suffix);

/// Reads the files of a set; equal ones are decoded once.
[[nodiscard]] ChakraTrace read_file_set(
    const FileSet&, std::string_view suffix,
    const std::function<ChakraFile(std::string_view bytes, const std::string& path)>& read);

}  // namespace xpusim::trace
