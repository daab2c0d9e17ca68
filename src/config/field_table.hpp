// One table per struct of spec.hpp: from its rows come validation, JSON Schema, the reference page
// and `describe`.
#pragma once

#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "xpusim/config.hpp"

namespace xpusim::config {

struct Field;

/// What a table says about a struct.
struct StructInfo {
  std::string_view name;         ///< "memory": key of the JSON Schema's $defs
  std::string_view description;  ///< one sentence
  std::span<const Field> fields;
};

enum class TypeClass { quantity, number, integer, boolean, text, word, list, map, structure, any };

/// A field's type as data, deduced from the member it fills.
struct TypeInfo {
  TypeClass type = TypeClass::any;
  Dimension dimension{};              ///< quantity
  const TypeInfo* element = nullptr;  ///< list, map
  const StructInfo& (*structure)() =
      nullptr;  ///< structure (a function: tables refer to each other)
  std::span<const std::string_view> words{};  ///< word
};

/// What a field demands beyond its type. Ranges, words and references hold for every leaf of a list
/// or map.
struct Rule {
  bool required = false;
  double minimum = -std::numeric_limits<double>::infinity();
  double maximum = std::numeric_limits<double>::infinity();
  bool open_minimum = false;
  bool open_maximum = false;
  bool not_empty = false;                     ///< lists and maps
  std::span<const std::string_view> words{};  ///< allowed texts
  std::span<const std::string_view> keys{};   ///< allowed keys of a map
  std::optional<PartKind> refers_to{};  ///< the text names a part of this kind ("" names none)
};
[[nodiscard]] std::string range_text(const Rule&);  ///< "> 0", "in (0, 1]", ""

/// Collects what is wrong while values are converted.
struct Decoder {
  Diagnostics& diagnostics;
  std::string_view kind;  ///< "chip": how messages call the whole document
};

using DecodeFunction = void (*)(Decoder&, const JsonValue&, const Rule&, const std::string& path,
                                void* object);

/// One row: a key, what it means, and how it fills its member.
struct Field {
  std::string_view name;
  std::string_view description;
  Rule rule;
  const TypeInfo& (*type)() = nullptr;
  DecodeFunction decode = nullptr;
  /// As it would be written; none for structs.
  std::optional<JsonValue> (*default_value)() = nullptr;
  bool optional = false;  ///< absent means "not given", not a default

  constexpr Field(std::string_view n, std::string_view d, const TypeInfo& (*t)(), DecodeFunction f,
                  std::optional<JsonValue> (*v)(), bool o)
      : name(n), description(d), type(t), decode(f), default_value(v), optional(o) {}

 private:
  // Before its users: clang wants `with` defined when a table is evaluated.
  template <class Change>
  [[nodiscard]] constexpr Field with(Change change) const {
    Field changed = *this;
    change(changed.rule);
    return changed;
  }

 public:
  // Modifiers, so that a row reads as a sentence.
  [[nodiscard]] constexpr Field required() const {
    return with([](Rule& r) { r.required = true; });
  }
  [[nodiscard]] constexpr Field positive() const { return at_least(0, true); }
  [[nodiscard]] constexpr Field non_negative() const { return at_least(0, false); }
  [[nodiscard]] constexpr Field at_least(double minimum, bool open = false) const {
    return with([&](Rule& r) { r.minimum = minimum, r.open_minimum = open; });
  }
  [[nodiscard]] constexpr Field at_most(double maximum, bool open = false) const {
    return with([&](Rule& r) { r.maximum = maximum, r.open_maximum = open; });
  }
  /// In (0, 1].
  [[nodiscard]] constexpr Field share() const { return positive().at_most(1); }
  /// In [0, 1].
  [[nodiscard]] constexpr Field share_or_none() const { return non_negative().at_most(1); }
  [[nodiscard]] constexpr Field not_empty() const {
    return with([](Rule& r) { r.not_empty = true; });
  }
  [[nodiscard]] constexpr Field one_of(std::span<const std::string_view> words) const {
    return with([&](Rule& r) { r.words = words; });
  }
  [[nodiscard]] constexpr Field keyed_by(std::span<const std::string_view> keys) const {
    return with([&](Rule& r) { r.keys = keys; });
  }
  [[nodiscard]] constexpr Field names(PartKind kind) const {
    return with([&](Rule& r) { r.refers_to = kind; });
  }
};

/// A struct of the document and the object it fills; the top level has two (what every file has,
/// and the spec).
struct Target {
  const StructInfo* info;
  void* object;
};
/// Checks the keys of one JSON object against the tables and fills the members.
void decode_struct(Decoder&, const JsonValue&, const std::string& path, std::span<const Target>);

/// "memory" + "capacity" -> "memory.capacity".
[[nodiscard]] std::string joined(const std::string& path, std::string_view key);
/// "'memory.capacity'", or "a chip" for the whole document.
[[nodiscard]] std::string subject(const Decoder&, const std::string& path);
/// "a number", "an object": what was found, or is expected.
[[nodiscard]] std::string_view type_name(JsonType);
/// `did you mean 'x'?`, or the list when it is short, or "".
[[nodiscard]] std::string suggestion(std::string_view word, const std::vector<std::string>& known,
                                     std::string_view plural);

/// False and a wrong-type (or null-value) finding when the value has another type.
[[nodiscard]] bool expect_type(Decoder&, const JsonValue&, JsonType, const std::string& path,
                               std::string_view needs);
/// False and a finding when the number breaks the rule.
bool check_range(Decoder&, const JsonValue&, double, const Rule&, const std::string& path);
bool check_word(Decoder&, const JsonValue&, std::string_view text,
                std::span<const std::string_view> words, const std::string& path);
void check_key(Decoder&, const JsonMember&, const Rule&, const std::string& path);

}  // namespace xpusim::config
