#include "trace/file_set.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <system_error>

#include <fmt/core.h>

#include "trace/mapped_file.hpp"

namespace xpusim::trace {
namespace {

namespace fs = std::filesystem;

struct RankFile {
  std::string prefix;  ///< file name without ".<rank>" and the suffix
  std::uint32_t rank = 0;
};

/// "PREFIX.RANK.et", rank in decimal without padding (ASTRA-sim builds the name from the rank).
std::optional<RankFile> parse_name(std::string_view name, std::string_view suffix) {
  if (!name.ends_with(suffix)) return std::nullopt;
  name.remove_suffix(suffix.size());
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const std::string_view digits = name.substr(dot + 1);
  RankFile file;
  file.prefix = std::string(name.substr(0, dot));
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), file.rank);
  const bool padded = digits.size() > 1 && digits[0] == '0';
  if (error != std::errc() || end != digits.data() + digits.size() || digits.empty() || padded)
    return std::nullopt;
  return file;
}

/// Ranks by prefix, ascending, of all trace files in a directory.
std::map<std::string, std::vector<std::uint32_t>> trace_files(const fs::path& directory,
                                                              std::string_view suffix) {
  std::map<std::string, std::vector<std::uint32_t>> found;
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error))
    if (const auto file = parse_name(it->path().filename().string(), suffix))
      found[file->prefix].push_back(file->rank);
  for (auto& [prefix, ranks] : found) std::sort(ranks.begin(), ranks.end());
  return found;
}

/// "0-2, 4-7"
std::string ranges(const std::vector<std::uint32_t>& sorted) {
  std::string text;
  for (std::size_t i = 0; i < sorted.size();) {
    std::size_t last = i;
    while (last + 1 < sorted.size() && sorted[last + 1] == sorted[last] + 1) ++last;
    text += fmt::format("{}{}", text.empty() ? "" : ", ", sorted[i]);
    if (last > i) text += fmt::format("-{}", sorted[last]);
    i = last + 1;
  }
  return text;
}

std::string prefixes(const std::map<std::string, std::vector<std::uint32_t>>& found) {
  constexpr std::size_t kShown = 5;
  std::string text;
  std::size_t shown = 0;
  for (const auto& [prefix, ranks] : found) {
    if (shown == kShown) return text + ", ...";
    text += fmt::format("{}{}", shown++ == 0 ? "" : ", ", prefix);
  }
  return text;
}

FileSet locate(const std::string& wanted, std::string_view suffix) {
  std::error_code error;
  const fs::path path(wanted);
  if (fs::is_directory(path, error)) {
    const auto found = trace_files(path, suffix);
    if (found.size() == 1) return {path, found.begin()->first, found.begin()->second};
    if (found.empty())
      throw InputError(
          "trace-ranks",
          fmt::format("{}: no file named PREFIX.<rank>{} in this directory", wanted, suffix),
          "name the prefix of the trace's files");
    throw InputError(
        "trace-ranks",
        fmt::format("{}: several traces in this directory: {}", wanted, prefixes(found)),
        fmt::format("name one: {}", (path / found.begin()->first).string()));
  }
  const fs::path directory = path.has_parent_path() ? path.parent_path() : fs::path(".");
  const auto found = trace_files(directory, suffix);
  const std::string prefix = path.filename().string();
  if (const auto it = found.find(prefix); it != found.end()) return {directory, prefix, it->second};
  std::vector<std::string> names;
  for (const auto& [name, ranks] : found) names.push_back(name);
  std::string help = fmt::format("name the files without \".<rank>{}\"", suffix);
  const auto whole = parse_name(prefix, suffix);
  const std::string_view near = nearest_word(prefix, names);
  if (whole)
    help = fmt::format("name the files without \".{}{}\": {}", whole->rank, suffix,
                       (directory / whole->prefix).string());
  else if (!near.empty())
    help = fmt::format("did you mean {}?", (directory / near).string());
  else if (!found.empty())
    help = fmt::format("traces in this directory: {}", prefixes(found));
  throw InputError("trace-ranks", fmt::format("no file {}.0{}", wanted, suffix), help);
}

void require_all_ranks(const FileSet& located, std::string_view suffix) {
  for (std::uint32_t r = 0; r < located.ranks.size(); ++r) {
    if (located.ranks[r] == r) continue;
    const std::string prefix = (located.directory / located.prefix).string();
    throw InputError(
        "trace-ranks",
        fmt::format("no file {}.{}{}; found ranks {}", prefix, r, suffix, ranges(located.ranks)),
        "a trace needs one file for every rank from 0 on");
  }
}

using Read = std::function<ChakraFile(std::string_view, const std::string&)>;

class Decoder {
 public:
  Decoder(ChakraTrace& trace, const Read& read) : trace_(trace), read_(read) {}

  void add(const std::string& path) {
    const auto rank = static_cast<std::uint32_t>(trace_.ranks.size());
    const std::string_view bytes = buffer_.read(path);
    const std::size_t known = find(bytes);
    if (known < trace_.identical_classes.size()) {
      trace_.ranks.push_back(trace_.ranks[trace_.identical_classes[known].front()]);
      trace_.identical_classes[known].push_back(rank);
    } else {
      trace_.ranks.push_back(std::make_shared<const ChakraFile>(read_(bytes, path)));
      trace_.identical_classes.push_back({rank});
      by_hash_[content_hash(bytes)].push_back(known);
    }
    if (known == last_class_ && rank > 0) return;
    last_class_ = known;
    last_ = bytes;
  }

 private:
  /// Class of files with these bytes; the number of classes when they are new. Most ranks have the
  /// file of the rank before them.
  std::size_t find(std::string_view bytes) {
    if (!trace_.ranks.empty() && bytes == last_) return last_class_;
    const auto candidates = by_hash_.find(content_hash(bytes));
    if (candidates != by_hash_.end())
      for (const std::size_t known : candidates->second) {
        const std::uint32_t first = trace_.identical_classes[known].front();
        if (MappedFile(trace_.ranks[first]->name).bytes() == bytes) return known;
      }
    return trace_.identical_classes.size();
  }

  ChakraTrace& trace_;
  const Read& read_;
  FileBuffer buffer_;
  std::string last_;  ///< bytes of the file before
  std::size_t last_class_ = 0;
  std::unordered_map<std::uint64_t, std::vector<std::size_t>> by_hash_;  ///< into identical_classes
};

}  // namespace

FileSet find_file_set(const std::string& wanted, std::string_view suffix) {
  FileSet set = locate(wanted, suffix);
  require_all_ranks(set, suffix);
  return set;
}

bool has_file_set(const std::string& wanted, std::string_view suffix) {
  std::error_code error;
  const fs::path path(wanted);
  if (fs::is_directory(path, error)) return !trace_files(path, suffix).empty();
  const fs::path directory = path.has_parent_path() ? path.parent_path() : fs::path(".");
  return trace_files(directory, suffix).contains(path.filename().string());
}

ChakraTrace read_file_set(const FileSet& set, std::string_view suffix, const Read& read) {
  ChakraTrace trace;
  trace.prefix = set.path_prefix();
  Decoder decoder(trace, read);
  for (const std::uint32_t rank : set.ranks)
    decoder.add(fmt::format("{}.{}{}", trace.prefix, rank, suffix));
  return trace;
}

}  // namespace xpusim::trace
