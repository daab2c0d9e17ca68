// The checks that every row shares, and the words of their messages.
#include "config/field_table.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "config/codec.hpp"

namespace xpusim::config {
namespace {

/// At most 60 bytes, cut between code points.
std::string shortened(const std::string& text) {
  if (text.size() <= 60) return text;
  std::size_t end = 57;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end) + "...";
}

std::string quoted_value(const JsonValue& v) {
  switch (v.type) {
    case JsonType::string:
      return json_quoted(shortened(v.text));
    case JsonType::number:
      return v.text;
    case JsonType::boolean:
      return v.boolean ? "true" : "false";
    default:
      return std::string(type_name(v.type));
  }
}

std::vector<std::string> copied(std::span<const std::string_view> words) {
  return {words.begin(), words.end()};
}

const Field* find_field(std::span<const Target> targets, std::string_view key) {
  for (const Target& target : targets) {
    for (const Field& field : target.info->fields) {
      if (field.name == key) return &field;
    }
  }
  return nullptr;
}

/// What to write for a missing field: its type, an example where there is one, its meaning.
std::string how_to_write(const Field& field) {
  const TypeInfo& type = field.type();
  std::string value;
  switch (type.type) {
    case TypeClass::quantity:
      value = fmt::format("\"{}\"", dimension_example(type.dimension));
      break;
    case TypeClass::structure:
    case TypeClass::map:
      value = "{...}";
      break;
    case TypeClass::list:
      value = "[...]";
      break;
    case TypeClass::word:
      value = fmt::format("\"{}\"", type.words.front());
      break;
    default:
      value = "...";
      break;
  }
  return fmt::format("add \"{}\": {} ({})", field.name, value, field.description);
}

void report_unknown(Decoder& d, const JsonMember& member, const std::string& path,
                    std::span<const Target> targets) {
  std::vector<std::string> known;
  for (const Target& target : targets) {
    for (const Field& field : target.info->fields) known.emplace_back(field.name);
  }
  d.diagnostics.error("unknown-key",
                      fmt::format("{} has no key '{}'", subject(d, path), member.key),
                      member.key_span, suggestion(member.key, known, "keys"));
}

}  // namespace

std::string range_text(const Rule& rule) {
  const bool below = std::isfinite(rule.minimum), above = std::isfinite(rule.maximum);
  if (below && above) {
    return fmt::format("in {}{}, {}{}", rule.open_minimum ? '(' : '[', rule.minimum, rule.maximum,
                       rule.open_maximum ? ')' : ']');
  }
  if (below) return fmt::format("{} {}", rule.open_minimum ? ">" : ">=", rule.minimum);
  if (above) return fmt::format("{} {}", rule.open_maximum ? "<" : "<=", rule.maximum);
  return "";
}

std::string joined(const std::string& path, std::string_view key) {
  return path.empty() ? std::string(key) : fmt::format("{}.{}", path, key);
}

std::string subject(const Decoder& d, const std::string& path) {
  return path.empty() ? fmt::format("a {}", d.kind) : fmt::format("'{}'", path);
}

std::string_view type_name(JsonType type) {
  switch (type) {
    case JsonType::null:
      return "null";
    case JsonType::boolean:
      return "true or false";
    case JsonType::number:
      return "a number";
    case JsonType::string:
      return "a text";
    case JsonType::array:
      return "a list";
    case JsonType::object:
      return "an object";
  }
  throw InternalError("a JSON type without a name");
}

std::string suggestion(std::string_view word, const std::vector<std::string>& known,
                       std::string_view plural) {
  if (const std::string_view nearest = nearest_word(word, known); !nearest.empty()) {
    return fmt::format("did you mean '{}'?", nearest);
  }
  constexpr std::size_t short_list = 16;
  if (known.empty()) return fmt::format("there are no {}", plural);
  if (known.size() > short_list) return "";
  return fmt::format("known {}: {}", plural, fmt::join(known, ", "));
}

bool expect_type(Decoder& d, const JsonValue& v, JsonType type, const std::string& path,
                 std::string_view needs) {
  if (v.type == type) return true;
  if (v.type == JsonType::null) {
    d.diagnostics.error("null-value", fmt::format("{} is null", subject(d, path)), v.span,
                        "leave the key out to get its default");
    return false;
  }
  std::string help;
  if (v.type == JsonType::string && (v.text == "true" || v.text == "false"))
    help = "without quotes";
  d.diagnostics.error("wrong-type",
                      fmt::format("{} needs {}, got {}", subject(d, path), needs, quoted_value(v)),
                      v.span, help);
  return false;
}

bool check_range(Decoder& d, const JsonValue& v, double value, const Rule& rule,
                 const std::string& path) {
  const bool below = rule.open_minimum ? value <= rule.minimum : value < rule.minimum;
  const bool above = rule.open_maximum ? value >= rule.maximum : value > rule.maximum;
  if (!below && !above) return true;
  d.diagnostics.error("out-of-range",
                      fmt::format("{} needs a value {}, got {}", subject(d, path), range_text(rule),
                                  quoted_value(v)),
                      v.span);
  return false;
}

bool check_word(Decoder& d, const JsonValue& v, std::string_view text,
                std::span<const std::string_view> words, const std::string& path) {
  if (std::find(words.begin(), words.end(), text) != words.end()) return true;
  d.diagnostics.error("unknown-word",
                      fmt::format("{} does not know {}", subject(d, path), quoted_value(v)), v.span,
                      suggestion(text, copied(words), "words"));
  return false;
}

void check_key(Decoder& d, const JsonMember& member, const Rule& rule, const std::string& path) {
  if (rule.keys.empty() ||
      std::find(rule.keys.begin(), rule.keys.end(), member.key) != rule.keys.end())
    return;
  d.diagnostics.error("unknown-key",
                      fmt::format("{} has no key '{}'", subject(d, path), member.key),
                      member.key_span, suggestion(member.key, copied(rule.keys), "keys"));
}

void decode_struct(Decoder& d, const JsonValue& v, const std::string& path,
                   std::span<const Target> targets) {
  for (const JsonMember& member : v.members) {
    if (!find_field(targets, member.key)) report_unknown(d, member, path, targets);
  }
  for (const Target& target : targets) {
    for (const Field& field : target.info->fields) {
      const std::string field_path = joined(path, field.name);
      if (const JsonValue* value = v.find(field.name)) {
        field.decode(d, *value, field.rule, field_path, target.object);
      } else if (field.rule.required) {
        d.diagnostics.error("missing-key",
                            fmt::format("{} lacks '{}'", subject(d, path), field.name), v.span,
                            how_to_write(field));
      }
    }
  }
}

std::optional<double> decode_quantity(Decoder& d, const JsonValue& v, const Rule& rule,
                                      const std::string& path, Dimension dimension) {
  const std::string example =
      fmt::format("write a string with a unit, such as \"{}\"", dimension_example(dimension));
  if (v.type == JsonType::number) {
    if (v.number == 0.0)
      return check_range(d, v, 0.0, rule, path) ? std::optional(0.0) : std::nullopt;
    d.diagnostics.error("unit-mismatch",
                        fmt::format("{} needs {}, got {} without a unit", subject(d, path),
                                    dimension_name(dimension), v.text),
                        v.span, example);
    return std::nullopt;
  }
  if (!expect_type(d, v, JsonType::string, path, dimension_name(dimension))) return std::nullopt;
  const ParsedQuantity parsed = parse_quantity(v.text, dimension);
  if (!parsed.value) {
    d.diagnostics.error("unit-mismatch", fmt::format("{} {}", subject(d, path), parsed.message),
                        v.span, parsed.help);
    return std::nullopt;
  }
  return check_range(d, v, *parsed.value, rule, path) ? parsed.value : std::nullopt;
}

std::optional<double> decode_number(Decoder& d, const JsonValue& v, const Rule& rule,
                                    const std::string& path) {
  if (!expect_type(d, v, JsonType::number, path, "a number")) return std::nullopt;
  return check_range(d, v, v.number, rule, path) ? std::optional(v.number) : std::nullopt;
}

std::optional<std::int64_t> decode_integer(Decoder& d, const JsonValue& v, const Rule& rule,
                                           const std::string& path, std::int64_t largest) {
  if (!expect_type(d, v, JsonType::number, path, "a whole number")) return std::nullopt;
  if (v.number != std::floor(v.number)) {
    d.diagnostics.error("wrong-type",
                        fmt::format("{} needs a whole number, got {}", subject(d, path), v.text),
                        v.span);
    return std::nullopt;
  }
  if (!check_range(d, v, v.number, rule, path)) return std::nullopt;
  if (std::fabs(v.number) > static_cast<double>(largest)) {
    d.diagnostics.error(
        "out-of-range",
        fmt::format("{} needs a value of at most {}, got {}", subject(d, path), largest, v.text),
        v.span);
    return std::nullopt;
  }
  return static_cast<std::int64_t>(v.number);
}

std::optional<std::uint64_t> decode_seed(Decoder& d, const JsonValue& v, const std::string& path) {
  if (!expect_type(d, v, JsonType::number, path, "a whole number")) return std::nullopt;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(v.text.data(), v.text.data() + v.text.size(), value);
  if (error == std::errc() && end == v.text.data() + v.text.size()) return value;
  d.diagnostics.error(
      "out-of-range",
      fmt::format("{} needs a whole number from 0 to 2^64 - 1, got {}", subject(d, path), v.text),
      v.span);
  return std::nullopt;
}

JsonValue encode_number(double value) { return json_number(fmt::format("{}", value), value); }

JsonValue encode_quantity(double value, Dimension dimension) {
  if (value == 0.0) return json_number("0", 0.0);
  constexpr int all_digits = 15;
  return json_text(format_quantity(value, dimension, all_digits));
}

void TextOrNumber::decode(Decoder& d, const JsonValue& v, const Rule&, const std::string& path,
                          std::string& out) {
  if (v.type == JsonType::string || v.type == JsonType::number) {
    out = v.text;
  } else if (v.type == JsonType::boolean || v.type == JsonType::array) {
    out = canonical_json(v);
  } else {
    (void)expect_type(d, v, JsonType::string, path, "a text or a number");
  }
}

}  // namespace xpusim::config
