#include "catalogue/numbers.hpp"

#include <algorithm>
#include <array>

namespace xpusim::catalogue_detail {
namespace {

/// What every file carries is about the file, not about the part.
constexpr std::array<std::string_view, 9> kEnvelope{"schema",       "kind",        "name",
                                                    "title",        "description", "extends",
                                                    "alternatives", "claims",      "sources"};

/// RFC 6901: "~" and "/" in keys.
std::string escaped(std::string_view key) {
  std::string text;
  for (const char c : key) {
    if (c == '~') {
      text += "~0";
    } else if (c == '/') {
      text += "~1";
    } else {
      text += c;
    }
  }
  return text;
}

bool is_scalar(const JsonValue& value) {
  return value.type != JsonType::array && value.type != JsonType::object;
}

/// A list of numbers or of rows of numbers: a curve, one value as far as sources go.
bool is_numeric_list(const JsonValue& value) {
  if (value.type == JsonType::number) return true;
  return value.type == JsonType::array && !value.items.empty() &&
         std::all_of(value.items.begin(), value.items.end(), is_numeric_list);
}

void gather(const JsonValue& value, const std::string& pointer, std::vector<Leaf>& found) {
  if (is_scalar(value) || is_numeric_list(value)) {
    found.push_back({pointer, &value});
    return;
  }
  for (std::size_t i = 0; i < value.items.size(); ++i) {
    gather(value.items[i], pointer + "/" + std::to_string(i), found);
  }
  for (const JsonMember& member : value.members) {
    if (pointer.empty() &&
        std::find(kEnvelope.begin(), kEnvelope.end(), member.key) != kEnvelope.end())
      continue;
    gather(member.value, pointer + "/" + escaped(member.key), found);
  }
}

bool is_quantity_text(std::string_view text) {
  if (text.empty() || (text[0] != '-' && text[0] != '.' && (text[0] < '0' || text[0] > '9')))
    return false;
  constexpr std::array<Dimension, 11> dimensions{{{.byte = 1},
                                                  {.time = -1, .byte = 1},
                                                  {.time = 1},
                                                  {.time = -1, .flop = 1},
                                                  {.time = -1, .joule = 1},
                                                  {.time = -1},
                                                  {.byte = -1, .joule = 1},
                                                  {.flop = -1, .joule = 1},
                                                  {.dollar = 1},
                                                  {.joule = 1},
                                                  {.flop = 1}}};
  return std::any_of(dimensions.begin(), dimensions.end(),
                     [&](Dimension d) { return parse_quantity(text, d).value.has_value(); });
}

bool is_number(const JsonValue& value) {
  if (value.type == JsonType::string) return is_quantity_text(value.text);
  return value.type == JsonType::number || value.type == JsonType::array;
}

}  // namespace

std::vector<Leaf> leaves(const Document& document) {
  std::vector<Leaf> found;
  gather(document.root, "", found);
  return found;
}

NumberList::NumberList(const Document& document) {
  if (document.kind == PartKind::scenario || document.kind == PartKind::table ||
      document.kind == PartKind::validation)
    return;
  sources_ = decode_info(document).sources;
  for (const Leaf& leaf : leaves(document)) {
    if (is_number(*leaf.value))
      fields_.push_back({leaf.pointer, closest_source(sources_, leaf.pointer)});
  }
}

PartInfo decode_info(const Document& document) {
  switch (document.kind) {
    case PartKind::chip:
      return decode<ChipSpec>(document).info;
    case PartKind::link:
      return decode<LinkSpec>(document).info;
    case PartKind::system:
      return decode<SystemSpec>(document).info;
    case PartKind::model:
      return decode<ModelSpec>(document).info;
    case PartKind::software:
      return decode<SoftwareSpec>(document).info;
    case PartKind::scenario:
      return decode<ScenarioSpec>(document).info;
    case PartKind::table:
      return decode<TableSpec>(document).info;
    case PartKind::validation:
      return decode<ValidationSpec>(document).info;
  }
  throw InternalError("unknown kind of part");
}

}  // namespace xpusim::catalogue_detail
