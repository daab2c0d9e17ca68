// How a member type is read from JSON, described, and written back as a default: deduced from the
// member pointer.
#pragma once

#include <charconv>
#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <type_traits>
#include <vector>

#include "config/field_table.hpp"
#include "config/json_document.hpp"

namespace xpusim::config {

/// Specialised for every struct with a table.
template <class T>
struct StructTable;  // static const StructInfo& info();

/// Specialised for every enum: words in the order of the reference page.
template <class E>
struct EnumWords;  // static constexpr std::array<std::string_view, N> words; static constexpr
                   // std::array<E, N> values;

template <class T>
struct Codec;

inline JsonValue json_number(std::string text, double value) {
  JsonValue v;
  v.type = JsonType::number;
  v.number = value;
  v.text = std::move(text);
  return v;
}
inline JsonValue json_text(std::string text) {
  JsonValue v;
  v.type = JsonType::string;
  v.text = std::move(text);
  return v;
}

[[nodiscard]] std::optional<double> decode_quantity(Decoder&, const JsonValue&, const Rule&,
                                                    const std::string& path, Dimension);
[[nodiscard]] JsonValue encode_quantity(double, Dimension);
[[nodiscard]] JsonValue encode_number(double);
[[nodiscard]] std::optional<double> decode_number(Decoder&, const JsonValue&, const Rule&,
                                                  const std::string& path);
[[nodiscard]] std::optional<std::int64_t> decode_integer(Decoder&, const JsonValue&, const Rule&,
                                                         const std::string& path,
                                                         std::int64_t largest);
[[nodiscard]] std::optional<std::uint64_t> decode_seed(Decoder&, const JsonValue&,
                                                       const std::string& path);

template <int T, int B, int F, int J, int D>
struct Codec<Quantity<T, B, F, J, D>> {
  using Value = Quantity<T, B, F, J, D>;
  static constexpr Dimension dimension{T, B, F, J, D};
  static const TypeInfo& type() {
    static const TypeInfo info{.type = TypeClass::quantity, .dimension = dimension};
    return info;
  }
  static void decode(Decoder& d, const JsonValue& v, const Rule& rule, const std::string& path,
                     Value& out) {
    if (const auto value = decode_quantity(d, v, rule, path, dimension)) out = Value(*value);
  }
  static std::optional<JsonValue> encode(const Value& value) {
    return encode_quantity(value.value(), dimension);
  }
};

template <>
struct Codec<double> {
  static const TypeInfo& type() {
    static const TypeInfo info{.type = TypeClass::number};
    return info;
  }
  static void decode(Decoder& d, const JsonValue& v, const Rule& rule, const std::string& path,
                     double& out) {
    if (const auto value = decode_number(d, v, rule, path)) out = *value;
  }
  static std::optional<JsonValue> encode(const double& value) { return encode_number(value); }
};

template <>
struct Codec<int> {
  static const TypeInfo& type() {
    static const TypeInfo info{.type = TypeClass::integer};
    return info;
  }
  static void decode(Decoder& d, const JsonValue& v, const Rule& rule, const std::string& path,
                     int& out) {
    if (const auto value = decode_integer(d, v, rule, path, std::numeric_limits<int>::max())) {
      out = static_cast<int>(*value);
    }
  }
  static std::optional<JsonValue> encode(const int& value) {
    return json_number(std::to_string(value), value);
  }
};

template <>
struct Codec<std::uint64_t> {
  static const TypeInfo& type() { return Codec<int>::type(); }
  static void decode(Decoder& d, const JsonValue& v, const Rule&, const std::string& path,
                     std::uint64_t& out) {
    if (const auto value = decode_seed(d, v, path)) out = *value;
  }
  static std::optional<JsonValue> encode(const std::uint64_t& value) {
    return json_number(std::to_string(value), static_cast<double>(value));
  }
};

template <>
struct Codec<bool> {
  static const TypeInfo& type() {
    static const TypeInfo info{.type = TypeClass::boolean};
    return info;
  }
  static void decode(Decoder& d, const JsonValue& v, const Rule&, const std::string& path,
                     bool& out) {
    if (expect_type(d, v, JsonType::boolean, path, "true or false")) out = v.boolean;
  }
  static std::optional<JsonValue> encode(const bool& value) {
    JsonValue v;
    v.type = JsonType::boolean;
    v.boolean = value;
    return v;
  }
};

template <>
struct Codec<std::string> {
  static const TypeInfo& type() {
    static const TypeInfo info{.type = TypeClass::text};
    return info;
  }
  static void decode(Decoder& d, const JsonValue& v, const Rule& rule, const std::string& path,
                     std::string& out) {
    if (!expect_type(d, v, JsonType::string, path, "a text")) return;
    if (rule.words.empty() || check_word(d, v, v.text, rule.words, path)) out = v.text;
  }
  static std::optional<JsonValue> encode(const std::string& value) { return json_text(value); }
};

template <class E>
requires std::is_enum_v<E>
struct Codec<E> {
  static const TypeInfo& type() {
    static const TypeInfo info{.type = TypeClass::word, .words = EnumWords<E>::words};
    return info;
  }
  static void decode(Decoder& d, const JsonValue& v, const Rule&, const std::string& path, E& out) {
    if (!expect_type(d, v, JsonType::string, path, "a word")) return;
    if (!check_word(d, v, v.text, EnumWords<E>::words, path)) return;
    for (std::size_t i = 0; i < EnumWords<E>::words.size(); ++i) {
      if (v.text == EnumWords<E>::words[i]) out = EnumWords<E>::values[i];
    }
  }
  static std::optional<JsonValue> encode(const E& value) {
    for (std::size_t i = 0; i < EnumWords<E>::values.size(); ++i) {
      if (value == EnumWords<E>::values[i]) return json_text(std::string(EnumWords<E>::words[i]));
    }
    throw InternalError("an enum value without a word");
  }
};

template <class T>
struct Codec<std::vector<T>> {
  static const TypeInfo& type() {
    static const TypeInfo info{.type = TypeClass::list, .element = &Codec<T>::type()};
    return info;
  }
  static void decode(Decoder& d, const JsonValue& v, const Rule& rule, const std::string& path,
                     std::vector<T>& out) {
    if (!expect_type(d, v, JsonType::array, path, "a list")) return;
    if (rule.not_empty && v.items.empty()) {
      d.diagnostics.error("out-of-range", subject(d, path) + " needs at least one item", v.span);
    }
    out.clear();
    out.reserve(v.items.size());
    for (std::size_t i = 0; i < v.items.size(); ++i) {
      Codec<T>::decode(d, v.items[i], rule, joined(path, std::to_string(i)), out.emplace_back());
    }
  }
  static std::optional<JsonValue> encode(const std::vector<T>& values) {
    JsonValue v;
    v.type = JsonType::array;
    for (const T& value : values) v.items.push_back(*Codec<T>::encode(value));
    return v;
  }
};

template <class T>
struct Codec<std::map<std::string, T>> {
  using Value = std::map<std::string, T>;
  static const TypeInfo& type() {
    static const TypeInfo info{.type = TypeClass::map, .element = &Codec<T>::type()};
    return info;
  }
  static void decode(Decoder& d, const JsonValue& v, const Rule& rule, const std::string& path,
                     Value& out) {
    if (!expect_type(d, v, JsonType::object, path, "an object")) return;
    if (rule.not_empty && v.members.empty()) {
      d.diagnostics.error("out-of-range", subject(d, path) + " needs at least one entry", v.span);
    }
    out.clear();
    for (const JsonMember& member : v.members) {
      check_key(d, member, rule, path);
      Codec<T>::decode(d, member.value, rule, joined(path, member.key), out[member.key]);
    }
  }
  static std::optional<JsonValue> encode(const Value& values) {
    JsonValue v;
    v.type = JsonType::object;
    for (const auto& [key, value] : values)
      v.members.push_back({key, {}, *Codec<T>::encode(value)});
    return v;
  }
};

/// Absent means "not given": there is no default to print.
template <class T>
struct Codec<std::optional<T>> {
  static const TypeInfo& type() { return Codec<T>::type(); }
  static void decode(Decoder& d, const JsonValue& v, const Rule& rule, const std::string& path,
                     std::optional<T>& out) {
    Codec<T>::decode(d, v, rule, path, out.emplace());
  }
  static std::optional<JsonValue> encode(const std::optional<T>&) { return std::nullopt; }
};

/// A struct with a table.
template <class T>
struct Codec {
  static const TypeInfo& type() {
    static const TypeInfo info{.type = TypeClass::structure, .structure = &StructTable<T>::info};
    return info;
  }
  static void decode(Decoder& d, const JsonValue& v, const Rule&, const std::string& path, T& out) {
    if (!expect_type(d, v, JsonType::object, path, "an object")) return;
    const Target target{&StructTable<T>::info(), &out};
    decode_struct(d, v, path, {&target, 1});
    if constexpr (requires { StructTable<T>::check(d, v, path, out); })
      StructTable<T>::check(d, v, path, out);
  }
  static std::optional<JsonValue> encode(const T&) { return std::nullopt; }
};

/// A text, or a number kept as it was written: figures that people published.
struct TextOrNumber {
  static const TypeInfo& type() {
    static const TypeInfo info{.type = TypeClass::any};
    return info;
  }
  static void decode(Decoder&, const JsonValue&, const Rule&, const std::string&, std::string&);
  static std::optional<JsonValue> encode(const std::string& value) { return json_text(value); }
};

/// Rows of cells, each a string or a number.
struct TextRows {
  using Row = std::vector<std::string>;
  static const TypeInfo& type() { return Codec<std::vector<Row>>::type(); }
  static void decode(Decoder& d, const JsonValue& v, const Rule& rule, const std::string& path,
                     std::vector<Row>& out) {
    if (!expect_type(d, v, JsonType::array, path, "a list of rows")) return;
    out.clear();
    for (std::size_t i = 0; i < v.items.size(); ++i) {
      const std::string row = joined(path, std::to_string(i));
      Row& cells = out.emplace_back();
      if (!expect_type(d, v.items[i], JsonType::array, row, "a list of cells")) continue;
      for (std::size_t j = 0; j < v.items[i].items.size(); ++j)
        TextOrNumber::decode(d, v.items[i].items[j], rule, joined(row, std::to_string(j)),
                             cells.emplace_back());
    }
  }
  static std::optional<JsonValue> encode(const std::vector<Row>& rows) {
    return Codec<std::vector<Row>>::encode(rows);
  }
};

/// Numbers of bytes, written as strings with a unit.
struct ByteSizes {
  static const TypeInfo& type() { return Codec<std::vector<Bytes>>::type(); }
  static void decode(Decoder& d, const JsonValue& v, const Rule& rule, const std::string& path,
                     std::vector<double>& out) {
    std::vector<Bytes> sizes;
    Codec<std::vector<Bytes>>::decode(d, v, rule, path, sizes);
    out.clear();
    for (const Bytes size : sizes) out.push_back(size.value());
  }
  static std::optional<JsonValue> encode(const std::vector<double>& values) {
    std::vector<Bytes> sizes;
    for (const double value : values) sizes.emplace_back(value);
    return Codec<std::vector<Bytes>>::encode(sizes);
  }
};

template <class>
struct MemberOf;
template <class C, class M>
struct MemberOf<M C::*> {
  using Class = C;
  using Member = M;
};

template <class>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;

/// A row of a table: `field<&ChipSpec::year>("year", "Year of the first shipment.")`.
template <auto Pointer, class How = Codec<typename MemberOf<decltype(Pointer)>::Member>>
constexpr Field field(std::string_view name, std::string_view description) {
  using Class = typename MemberOf<decltype(Pointer)>::Class;
  return Field(
      name, description, +[]() -> const TypeInfo& { return How::type(); },
      +[](Decoder& d, const JsonValue& v, const Rule& rule, const std::string& path, void* object) {
        How::decode(d, v, rule, path, static_cast<Class*>(object)->*Pointer);
      },
      +[]() -> std::optional<JsonValue> {
        const Class made{};
        return How::encode(made.*Pointer);
      },
      is_optional<typename MemberOf<decltype(Pointer)>::Member>);
}

}  // namespace xpusim::config
