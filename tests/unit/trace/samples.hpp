// Small traces for tests, a temporary folder, and the shared sample collection.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "support/temporary_folder.hpp"
#include "xpusim/trace.hpp"

namespace samples {

using xpusim::ChakraCollective;
using xpusim::ChakraFile;
using xpusim::ChakraNode;
using xpusim::ChakraNodeType;

/// The complete file of facts §1.1: rank 1 of a 4-NPU all-reduce of 1 MiB, written out by hand.
inline std::string example_83_bytes() {
  using namespace std::string_literals;
  return "\x07\x0a\x05"
         "0.0.4"
         "\x4a\x08\x01"
         "\x12\x14"
         "all_reduce_4npus_1MB"
         "\x18\x07"
         "\x52\x0e\x0a\x09"
         "is_cpu_op"
         "\xd8\x01\x00"
         "\x52\x0d\x0a\x09"
         "comm_type"
         "\x48\x00"
         "\x52\x0f\x0a\x09"
         "comm_size"
         "\x48\x80\x80\x40"s;
}

inline ChakraNode comp(std::uint64_t id, std::uint64_t micros) {
  ChakraNode n;
  n.id = id;
  n.type = ChakraNodeType::comp;
  n.duration_nanos = micros * 1000;
  return n;
}
inline ChakraNode work(std::uint64_t id, std::uint64_t flops, std::uint64_t bytes) {
  ChakraNode n = comp(id, 0);
  n.num_ops = flops;
  n.tensor_size = bytes;
  return n;
}
inline ChakraNode coll(std::uint64_t id, ChakraCollective type, std::uint64_t bytes) {
  ChakraNode n;
  n.id = id;
  n.type = ChakraNodeType::comm_coll;
  n.collective = type;
  n.comm_size = bytes;
  return n;
}
inline ChakraNode send(std::uint64_t id, int to, std::uint64_t bytes, int tag = 0) {
  ChakraNode n;
  n.id = id;
  n.type = ChakraNodeType::comm_send;
  n.comm_dst = to;
  n.comm_tag = tag;
  n.comm_size = bytes;
  return n;
}
inline ChakraNode recv(std::uint64_t id, int from, std::uint64_t bytes, int tag = 0) {
  ChakraNode n;
  n.id = id;
  n.type = ChakraNodeType::comm_recv;
  n.comm_src = from;
  n.comm_tag = tag;
  n.comm_size = bytes;
  return n;
}

inline ChakraFile file(std::string name) {
  ChakraFile f;
  f.name = std::move(name);
  f.version = "0.0.4";
  return f;
}

inline std::shared_ptr<const ChakraFile> share(ChakraFile f) {
  return std::make_shared<const ChakraFile>(std::move(f));
}

inline xpusim::ChakraTrace trace(std::vector<std::shared_ptr<const ChakraFile>> ranks) {
  xpusim::ChakraTrace t = xpusim::make_chakra_trace(std::move(ranks));
  t.prefix = std::string(1, 't');  // g++ 12 warns about overlap when a literal is assigned here
  return t;
}

/// The whole rendered message of the InputError that `action` throws; "" when it throws none.
template <class Action>
std::string refusal(Action action) {
  try {
    action();
  } catch (const xpusim::InputError& e) {
    return xpusim::render(e.diagnostics());
  }
  return "";
}

/// The same without the gutter ("    3 | ") in front of the line that it shows.
template <class Action>
std::string refusal_without_gutter(Action action) {
  const std::string whole = refusal(action);
  std::string text;
  for (std::size_t at = 0; at < whole.size();) {
    const std::size_t end = std::min(whole.find('\n', at), whole.size() - 1);
    const std::size_t bar = whole.find(" | ", at);
    const bool gutter = bar < end && whole.find_first_not_of(" 0123456789", at) == bar + 1;
    text += whole.substr(gutter ? bar + 3 : at, end + 1 - (gutter ? bar + 3 : at));
    at = end + 1;
  }
  return text;
}

/// One line per node: "1 COMM_COLL ALL_REDUCE tp 64 B "a forward communication" <- 0".
inline std::string listing(const ChakraFile& f) {
  std::string text;
  for (const ChakraNode& n : f.nodes) {
    text += std::to_string(n.id) + " " + std::string(xpusim::to_string(n.type));
    if (n.is_cpu_op) text += " host";
    if (n.collective != ChakraCollective::none)
      text += " " + std::string(xpusim::to_string(n.collective));
    if (n.pg_name != 0) text += " " + f.text(n.pg_name);
    if (n.comm_src >= 0) text += " from " + std::to_string(n.comm_src);
    if (n.comm_dst >= 0) text += " to " + std::to_string(n.comm_dst);
    if (n.comm_tag != 0) text += " tag " + std::to_string(n.comm_tag);
    if (n.comm_size > 0) text += " " + std::to_string(n.comm_size) + " B";
    if (n.duration_nanos > 0) text += " " + std::to_string(n.duration_nanos) + " ns";
    text += " \"" + f.text(n.name) + "\"";
    if (n.data_deps > 0) text += " <-";
    for (std::uint32_t d = 0; d < n.data_deps; ++d)
      text += " " + std::to_string(f.data_dep_ids[n.first_data_dep + d]);
    text += "\n";
  }
  return text;
}

/// The variants of a text that every reader must take: byte order mark, CRLF, no final newline.
inline std::vector<std::string> spellings(const std::string& text) {
  std::string crlf;
  for (const char c : text) crlf += c == '\n' ? std::string("\r\n") : std::string(1, c);
  std::string open = text;
  while (!open.empty() && open.back() == '\n') open.pop_back();
  return {"\xef\xbb\xbf" + text, crlf, open};
}

using xpusim::test::TemporaryFolder;

inline std::string read_bytes(const std::filesystem::path& path) {
  std::string bytes(std::filesystem::file_size(path), '\0');
  std::ifstream(path, std::ios::binary)
      .read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  return bytes;
}

inline std::string data(std::string_view name) {
  return (std::filesystem::path(XPUSIM_SOURCE_DIR) / "tests/data/traces" / name).string();
}

/// The shared collection of traces, which is not part of the project; empty when it is not there.
inline std::filesystem::path shared_traces() {
  const char* given = std::getenv("XPUSIM_SHARED_TRACES");
  std::filesystem::path path =
      given != nullptr ? given : std::filesystem::path(XPUSIM_SOURCE_DIR) / "../shared/traces";
  return std::filesystem::is_directory(path / "chakra") ? path : std::filesystem::path();
}

}  // namespace samples

// Catch2 v2 knows no SKIP: say so and leave.
#define XPUSIM_NEED_SHARED_TRACES(variable)                                      \
  const std::filesystem::path variable = samples::shared_traces();               \
  if (variable.empty()) {                                                        \
    WARN("SKIPPED: no shared traces; set XPUSIM_SHARED_TRACES to their folder"); \
    return;                                                                      \
  }
