// The table of trace formats: which one a path is, and who reads it.
#include "trace/formats.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>

#include <fmt/format.h>

#include "trace/file_set.hpp"
#include "trace/mapped_file.hpp"
#include "trace/text_input.hpp"

namespace xpusim {
namespace {

namespace fs = std::filesystem;

/// What a path turned out to be: a file's first bytes, or the prefix (or folder) of a set of files.
struct Found {
  std::string path;
  bool is_file = false;
  std::string_view head;  ///< the file's bytes
  std::string_view word;  ///< its first word that is no comment
};

struct Format {
  TraceFormatInfo info;
  bool (*recognises)(const Found&);
  RecordedTrace (*read)(const std::string& path, const TraceReadOptions&);
};

void refuse_options(std::string_view format, const TraceReadOptions& options) {
  const char* given = options.ranks != 0            ? "number of ranks"
                      : options.model_parallel != 0 ? "model-parallel size"
                                                    : nullptr;
  if (given != nullptr)
    throw InputError("trace-ranks",
                     fmt::format("a trace of format {} says itself how its ranks are; the {} "
                                 "cannot be given",
                                 format, given),
                     "leave it out");
}

RecordedTrace recorded(std::string_view format, ChakraTrace trace) {
  RecordedTrace result;
  result.format = format;
  result.trace = std::move(trace);
  return result;
}

bool is_chakra(const Found& found) {
  if (!found.is_file) return trace::has_file_set(found.path, ".et");
  return found.path.ends_with(".et");
}
/// A set of one file per rank; a lone one may stand for many ranks.
RecordedTrace rank_set(std::string_view format, ChakraTrace trace,
                       const TraceReadOptions& options) {
  refuse_options(format, {0, options.model_parallel});
  RecordedTrace made = recorded(format, std::move(trace));
  return options.ranks == 0 ? made : copy_ranks(made, options.ranks);
}

RecordedTrace read_chakra_set(const std::string& path, const TraceReadOptions& options) {
  return rank_set("chakra", read_chakra_trace(path), options);
}

bool is_chakra_json(const Found& found) {
  if (!found.is_file) return trace::has_file_set(found.path, ".json");
  return found.word.starts_with("{") &&
         found.head.substr(0, 4096).find("\"workload_graph\"") != std::string_view::npos;
}
RecordedTrace read_chakra_json_set(const std::string& path, const TraceReadOptions& options) {
  const trace::FileSet set = trace::find_file_set(path, ".json");
  return rank_set("chakra-json",
                  trace::read_file_set(set, ".json",
                                       [](std::string_view bytes, const std::string& name) {
                                         return trace::parse_chakra_json(std::string(bytes), name);
                                       }),
                  options);
}

bool is_simai(const Found& found) { return found.is_file && trace::is_workload_policy(found.word); }
RecordedTrace read_simai(const std::string& path, const TraceReadOptions& options) {
  return trace::parse_simai(trace::read_text_file(path), path, options);
}

bool is_goal(const Found& found) {
  return found.is_file && (found.word == "num_ranks" || found.path.ends_with(".goal"));
}
RecordedTrace read_goal(const std::string& path, const TraceReadOptions& options) {
  refuse_options("goal", options);
  return trace::parse_goal(trace::read_text_file(path), path);
}

bool is_htsim_cm(const Found& found) {
  return found.is_file && (found.path.ends_with(".cm") ||
                           (found.word == "Nodes" && found.head.substr(0, 4096).find(
                                                         "Connections") != std::string_view::npos));
}
RecordedTrace read_htsim_cm(const std::string& path, const TraceReadOptions& options) {
  refuse_options("htsim-cm", options);
  return trace::parse_htsim_cm(trace::read_text_file(path), path);
}

const std::array kFormats{
    Format{{"chakra", "MLCommons Chakra execution trace, schema v0.0.4", "PREFIX.<rank>.et"},
           is_chakra,
           read_chakra_set},
    Format{{"chakra-json", "Chakra nodes as JSON (\"workload_graph\")", "PREFIX.<rank>.json"},
           is_chakra_json,
           read_chakra_json_set},
    Format{
        {"simai", "SimAI / AICB workload, also ASTRA-sim 1.0's: one list of layers for all ranks",
         "FILE.txt"},
        is_simai,
        read_simai},
    Format{{"goal", "GOAL schedule of LogGOPSim and ATLAHS, as text", "FILE.goal"},
           is_goal,
           read_goal},
    Format{{"htsim-cm", "htsim connection matrix: transfers with start times", "FILE.cm"},
           is_htsim_cm,
           read_htsim_cm},
};

std::string known_formats() {
  std::string text;
  for (const Format& format : kFormats)
    text += fmt::format("{}{}", text.empty() ? "" : ", ", format.info.name);
  return text;
}

const Format& format_named(std::string_view name) {
  std::vector<std::string> names;
  for (const Format& format : kFormats) {
    if (format.info.name == name) return format;
    names.emplace_back(format.info.name);
  }
  const std::string_view near = nearest_word(name, names);
  throw InputError("trace-format", fmt::format("no trace format {}", trace::in_quotes(name)),
                   near.empty() ? fmt::format("the formats are {}", known_formats())
                                : fmt::format("did you mean {}?", near));
}

/// The first word that is not inside a comment (#, //, /* */) of any of the text formats.
std::string_view first_word(std::string_view text) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  const auto skip_past = [&](std::string_view mark) {
    const std::size_t at = text.find(mark);
    text.remove_prefix(at == std::string_view::npos ? text.size() : at + mark.size());
  };
  while (!text.empty()) {
    if (std::isspace(static_cast<unsigned char>(text.front())) != 0) {
      text.remove_prefix(1);
    } else if (text.starts_with("#") || text.starts_with("//")) {
      skip_past("\n");
    } else if (text.starts_with("/*")) {
      skip_past("*/");
    } else {
      break;
    }
  }
  return text.substr(0, text.find_first_of(" \t\r\n\f\v"));
}

const Format& recognise(const std::string& path) {
  std::error_code error;
  Found found{path, fs::exists(path, error) && !fs::is_directory(path, error), {}, {}};
  if (!found.is_file) {
    for (const Format& format : kFormats)
      if (format.recognises(found)) return format;
    return kFormats.front();  // whose refusal names what is near
  }
  const trace::MappedFile file(path);
  found.head = file.bytes();
  found.word = first_word(found.head);
  for (const Format& format : kFormats)
    if (format.recognises(found)) return format;
  throw InputError("trace-format",
                   found.word.empty() ? fmt::format("{}: the file is empty", path)
                                      : fmt::format("{}: no known trace format begins with {}",
                                                    path, trace::in_quotes(found.word)),
                   fmt::format("formats: {}; name the one it is", known_formats()));
}

void require_nodes(const RecordedTrace& trace, const std::string& path) {
  for (const auto& ranks : trace.trace.identical_classes)
    if (!trace.trace.ranks[ranks.front()]->nodes.empty()) return;
  throw InputError("trace-empty", fmt::format("{}: the trace holds no nodes", path),
                   "check how it was written");
}

}  // namespace

const std::vector<TraceFormatInfo>& trace_formats() {
  static const std::vector<TraceFormatInfo> infos = [] {
    std::vector<TraceFormatInfo> all;
    for (const Format& format : kFormats) all.push_back(format.info);
    return all;
  }();
  return infos;
}

RecordedTrace read_trace(const std::string& path, std::string_view format,
                         const TraceReadOptions& options) {
  const Format& chosen = format.empty() ? recognise(path) : format_named(format);
  RecordedTrace trace = chosen.read(path, options);
  require_nodes(trace, path);
  return trace;
}

}  // namespace xpusim
