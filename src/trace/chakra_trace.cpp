// Finds the files of a trace, one per rank, and decodes equal ones once.
#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>
#include <system_error>

#include <fmt/core.h>

#include "trace/mapped_file.hpp"
#include "xpusim/trace.hpp"

namespace xpusim {
namespace {

namespace fs = std::filesystem;

struct RankFile {
  std::string prefix;  ///< file name without ".<rank>.et"
  std::uint32_t rank = 0;
};

/// "PREFIX.RANK.et", rank in decimal without padding (ASTRA-sim builds the name from the rank).
std::optional<RankFile> parse_name(std::string_view name) {
  constexpr std::string_view kSuffix = ".et";
  if (!name.ends_with(kSuffix)) return std::nullopt;
  name.remove_suffix(kSuffix.size());
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
std::map<std::string, std::vector<std::uint32_t>> trace_files(const fs::path& directory) {
  std::map<std::string, std::vector<std::uint32_t>> found;
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error))
    if (const auto file = parse_name(it->path().filename().string()))
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

struct Located {
  fs::path directory;
  std::string prefix;
  std::vector<std::uint32_t> ranks;
};

Located locate(const std::string& wanted) {
  std::error_code error;
  const fs::path path(wanted);
  if (fs::is_directory(path, error)) {
    const auto found = trace_files(path);
    if (found.size() == 1) return {path, found.begin()->first, found.begin()->second};
    if (found.empty())
      throw InputError("trace-ranks",
                       fmt::format("{}: no file named PREFIX.<rank>.et in this directory", wanted),
                       "name the prefix of the trace's files");
    throw InputError(
        "trace-ranks",
        fmt::format("{}: several traces in this directory: {}", wanted, prefixes(found)),
        fmt::format("name one: {}", (path / found.begin()->first).string()));
  }
  const fs::path directory = path.has_parent_path() ? path.parent_path() : fs::path(".");
  const auto found = trace_files(directory);
  const std::string prefix = path.filename().string();
  if (const auto it = found.find(prefix); it != found.end()) return {directory, prefix, it->second};
  std::vector<std::string> names;
  for (const auto& [name, ranks] : found) names.push_back(name);
  std::string help = "name the files without \".<rank>.et\"";
  const auto whole = parse_name(prefix);
  const std::string_view near = nearest_word(prefix, names);
  if (whole)
    help = fmt::format("name the files without \".{}.et\": {}", whole->rank,
                       (directory / whole->prefix).string());
  else if (!near.empty())
    help = fmt::format("did you mean {}?", (directory / near).string());
  else if (!found.empty())
    help = fmt::format("traces in this directory: {}", prefixes(found));
  throw InputError("trace-ranks", fmt::format("no file {}.0.et", wanted), help);
}

void require_all_ranks(const Located& located) {
  for (std::uint32_t r = 0; r < located.ranks.size(); ++r) {
    if (located.ranks[r] == r) continue;
    const std::string prefix = (located.directory / located.prefix).string();
    throw InputError(
        "trace-ranks",
        fmt::format("no file {}.{}.et; found ranks {}", prefix, r, ranges(located.ranks)),
        "a trace needs one file for every rank from 0 on");
  }
}

class Decoder {
 public:
  explicit Decoder(ChakraTrace& trace) : trace_(trace) {}

  void add(const std::string& path) {
    const auto rank = static_cast<std::uint32_t>(trace_.ranks.size());
    const std::string_view bytes = buffer_.read(path);
    const std::size_t known = find(bytes);
    if (known < trace_.identical_classes.size()) {
      trace_.ranks.push_back(trace_.ranks[trace_.identical_classes[known].front()]);
      trace_.identical_classes[known].push_back(rank);
    } else {
      trace_.ranks.push_back(std::make_shared<const ChakraFile>(read_chakra(bytes, path)));
      trace_.identical_classes.push_back({rank});
      by_hash_[trace::content_hash(bytes)].push_back(known);
    }
    keep(known, bytes);
  }

 private:
  /// Class of files with these bytes; the number of classes when they are new.
  std::size_t find(std::string_view bytes) {
    if (rank_count() > 0 && bytes == last_) return last_class_;
    const auto candidates = by_hash_.find(trace::content_hash(bytes));
    if (candidates != by_hash_.end())
      for (const std::size_t known : candidates->second) {
        const std::uint32_t first = trace_.identical_classes[known].front();
        if (trace::MappedFile(trace_.ranks[first]->name).bytes() == bytes) return known;
      }
    return trace_.identical_classes.size();
  }

  /// Most ranks have the file of the rank before them.
  void keep(std::size_t known, std::string_view bytes) {
    if (known == last_class_ && rank_count() > 1) return;
    last_class_ = known;
    last_ = bytes;
  }

  [[nodiscard]] std::size_t rank_count() const { return trace_.ranks.size(); }

  ChakraTrace& trace_;
  trace::FileBuffer buffer_;
  std::string last_;  ///< bytes of the file before
  std::size_t last_class_ = 0;
  std::unordered_map<std::uint64_t, std::vector<std::size_t>> by_hash_;  ///< into identical_classes
};

}  // namespace

ChakraFile read_chakra_file(const std::string& path) {
  const trace::MappedFile file(path);
  return read_chakra(file.bytes(), path);
}

ChakraTrace read_chakra_trace(const std::string& prefix) {
  const Located located = locate(prefix);
  require_all_ranks(located);
  ChakraTrace trace;
  trace.prefix = (located.directory / located.prefix).string();
  Decoder decoder(trace);
  for (const std::uint32_t rank : located.ranks)
    decoder.add(fmt::format("{}.{}.et", trace.prefix, rank));
  return trace;
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
