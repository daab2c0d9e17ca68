// Communicators: the --comm-group-configuration file and the process-group records inside a trace.
#include <algorithm>
#include <limits>
#include <set>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "trace/process_groups.hpp"
#include "xpusim/trace.hpp"

namespace xpusim {
namespace {

using nlohmann::json;
using Ranks = std::vector<std::uint32_t>;

/// Ascending ranks of a JSON array; false when it holds anything but different ranks.
bool read_ranks(const json& array, Ranks& ranks) {
  if (!array.is_array()) return false;
  ranks.clear();
  for (const json& item : array) {
    if (!item.is_number_unsigned() ||
        item.get<std::uint64_t>() > std::numeric_limits<std::uint32_t>::max())
      return false;
    ranks.push_back(item.get<std::uint32_t>());
  }
  std::sort(ranks.begin(), ranks.end());
  return std::adjacent_find(ranks.begin(), ranks.end()) == ranks.end();
}

bool decimal(std::string_view text) {
  const bool digits = !text.empty() && text.size() <= 18 &&
                      text.find_first_not_of("0123456789") == std::string_view::npos;
  return digits && (text == "0" || text[0] != '0');
}

class CommGroupFile {
 public:
  CommGroupFile(std::string text, std::string name)
      : source_(std::make_shared<const SourceText>(SourceText{std::move(name), std::move(text)})) {}

  CommGroups parse() {
    const json document = parse_json();
    if (!document.is_object())
      fail("a communicator file is one object", 0, source_->text.size(),
           R"(write {"1": [0, 1], "2": [2, 3]})");
    CommGroups result;
    for (const auto& [key, value] : document.items()) add(key, value, result);
    if (findings_.has_errors()) throw InputError(findings_);
    return result;
  }

 private:
  json parse_json() {
    std::set<std::string> keys;
    const auto duplicates = [&](int depth, json::parse_event_t event, json& parsed) {
      if (event == json::parse_event_t::key && depth == 1 &&
          !keys.insert(parsed.get<std::string>()).second)
        report(parsed.get<std::string>(),
               fmt::format("group \"{}\" is defined twice", parsed.get<std::string>()),
               "give every group its own id");
      return true;
    };
    try {
      return json::parse(source_->text, duplicates);
    } catch (const json::parse_error& e) {
      fail("not valid JSON", e.byte > 0 ? e.byte - 1 : 0, 1, R"(write {"1": [0, 1], "2": [2, 3]})");
    }
  }

  void add(const std::string& key, const json& value, CommGroups& result) {
    Ranks ranks;
    if (!decimal(key))
      return report(key, fmt::format("group id \"{}\" is no decimal number", key),
                    "ids are 1, 2, 3, ... as in pg_name");
    if (!read_ranks(value, ranks))
      return report(key, fmt::format("group \"{}\" is no list of different ranks", key),
                    "write [0, 1, 2, 3]");
    if (key == "0")
      result.notes.push_back(fmt::format(
          "{}: group \"0\" is accepted; ASTRA-sim reserves it for all ranks", source_->name));
    result.groups.emplace(key, std::move(ranks));
  }

  /// The last place where the key is written: what JSON readers use, and the second of two.
  void report(const std::string& key, std::string message, std::string help) {
    const std::string quoted = json(key).dump();
    const std::size_t at = source_->text.rfind(quoted);
    const bool found = at != std::string::npos;
    findings_.error("trace-comm-groups", std::move(message),
                    SourceSpan{source_, found ? at : 0, found ? quoted.size() : 1},
                    std::move(help));
  }

  [[noreturn]] void fail(std::string message, std::size_t offset, std::size_t length,
                         std::string help) {
    Diagnostics one;
    one.error("trace-comm-groups", std::move(message), SourceSpan{source_, offset, length},
              std::move(help));
    throw InputError(one);
  }

  std::shared_ptr<const SourceText> source_;
  Diagnostics findings_;
};

}  // namespace

CommGroups parse_comm_groups(std::string text, std::string name) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (std::string_view(text).starts_with(kByteOrderMark)) text.erase(0, kByteOrderMark.size());
  return CommGroupFile(std::move(text), std::move(name)).parse();
}

namespace trace {
namespace {

json parse_quietly(std::string_view text) {
  return json::parse(text.begin(), text.end(), nullptr, false);
}

/// The records, out of `["[{...}]"]` (JSON), `['[{...}]']` (Python) or a plain array.
json unwrap(std::string_view values) {
  json outer = parse_quietly(values);
  if (outer.is_array() && !outer.empty() && outer[0].is_string())
    return parse_quietly(outer[0].get_ref<const std::string&>());
  if (outer.is_array()) return outer;
  // ASTRA-sim strips two characters at each end.
  return values.size() < 4 ? json() : parse_quietly(values.substr(2, values.size() - 4));
}

bool read_record(const json& record, std::map<std::string, Ranks>& groups) {
  if (!record.is_object() || !record.contains("pg_name") || !record.contains("ranks")) return false;
  const json& name = record["pg_name"];
  const bool named = name.is_string() || name.is_number_unsigned();
  Ranks ranks;
  if (!named || !read_ranks(record["ranks"], ranks)) return false;
  groups[name.is_string() ? name.get<std::string>() : name.dump()] = std::move(ranks);
  return true;
}

}  // namespace

bool parse_process_groups(std::string_view values, std::map<std::string, Ranks>& groups) {
  const json records = unwrap(values);
  if (!records.is_array()) return false;
  std::map<std::string, Ranks> found;
  for (const json& record : records)
    if (!read_record(record, found)) return false;
  for (auto& [name, ranks] : found) groups[name] = std::move(ranks);
  return true;
}

}  // namespace trace
}  // namespace xpusim
