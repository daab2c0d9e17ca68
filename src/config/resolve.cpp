// Values with their defaults: for the manifest and for formulas.
#include <fmt/format.h>

#include <charconv>
#include <set>

#include "config/codec.hpp"
#include "config/document.hpp"

namespace xpusim {
namespace {

using config::Field;
using config::StructInfo;
using config::TypeClass;
using config::TypeInfo;

JsonValue with_defaults(const JsonValue& given, const TypeInfo& type);

bool has_required(const StructInfo& info) {
  for (const Field& field : info.fields) {
    if (field.rule.required) return true;
  }
  return false;
}

/// An absent struct stands for its defaults, unless it lacks what it requires: then the section
/// does not apply.
std::optional<JsonValue> default_of(const Field& field) {
  if (field.optional || field.rule.required) return std::nullopt;
  if (auto value = field.default_value()) return value;
  const TypeInfo& type = field.type();
  if (type.type != TypeClass::structure || has_required(type.structure())) return std::nullopt;
  JsonValue empty;
  empty.type = JsonType::object;
  return with_defaults(empty, type);
}

JsonValue object_with_defaults(const JsonValue& given, const StructInfo& info) {
  JsonValue out;
  out.type = JsonType::object;
  for (const Field& field : info.fields) {
    const JsonValue* value = given.find(field.name);
    auto full = value ? std::optional(with_defaults(*value, field.type())) : default_of(field);
    if (full) out.members.push_back({std::string(field.name), {}, std::move(*full)});
  }
  return out;
}

JsonValue with_defaults(const JsonValue& given, const TypeInfo& type) {
  if (type.type == TypeClass::structure) return object_with_defaults(given, type.structure());
  JsonValue out = given;
  if (type.type == TypeClass::list) {
    for (JsonValue& item : out.items) item = with_defaults(item, *type.element);
  }
  if (type.type == TypeClass::map) {
    for (JsonMember& member : out.members)
      member.value = with_defaults(member.value, *type.element);
  }
  return out;
}

/// A place in a document while a dotted path is followed; `value` is null where only the default is
/// left.
struct Place {
  const JsonValue* value = nullptr;
  const StructInfo* structure = nullptr;
  const TypeInfo* type = nullptr;
  std::optional<JsonValue> fallback;
};

const JsonValue* item_named(const JsonValue& array, std::string_view segment) {
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(segment.data(), segment.data() + segment.size(), index);
  if (error == std::errc() && end == segment.data() + segment.size()) {
    return index < array.items.size() ? &array.items[index] : nullptr;
  }
  for (const JsonValue& item : array.items) {
    const JsonValue* name = item.find("name");
    if (name && name->text == segment) return &item;
  }
  return nullptr;
}

std::optional<Place> step_into_struct(const Place& place, std::string_view segment) {
  for (const Field& field : place.structure->fields) {
    if (field.name != segment) continue;
    const TypeInfo& type = field.type();
    Place next{place.value ? place.value->find(segment) : nullptr, nullptr, &type, std::nullopt};
    if (type.type == TypeClass::structure) next.structure = &type.structure();
    if (!next.value) {
      if (field.optional || field.rule.required) return std::nullopt;
      next.fallback = field.default_value();
    }
    return next;
  }
  return std::nullopt;
}

std::optional<Place> step_into_container(const Place& place, std::string_view segment) {
  if (!place.value || !place.type || !place.type->element) return std::nullopt;
  const bool list = place.value->type == JsonType::array;
  const JsonValue* value = list ? item_named(*place.value, segment) : place.value->find(segment);
  if (!value) return std::nullopt;
  const TypeInfo& type = *place.type->element;
  return Place{value, type.type == TypeClass::structure ? &type.structure() : nullptr, &type,
               std::nullopt};
}

std::optional<FieldValue> scalar(const JsonValue& value, const TypeInfo& type) {
  if (value.type == JsonType::boolean) return FieldValue{value.boolean, {}, value.span, false};
  if (type.type == TypeClass::quantity) {
    if (value.type == JsonType::number)
      return FieldValue{value.number, type.dimension, value.span, false};
    const ParsedQuantity parsed = parse_quantity(value.text, type.dimension);
    if (value.type != JsonType::string || !parsed.value) return std::nullopt;
    return FieldValue{*parsed.value, type.dimension, value.span, false};
  }
  if (value.type == JsonType::number) return FieldValue{value.number, {}, value.span, false};
  if (value.type == JsonType::string) return FieldValue{value.text, {}, value.span, false};
  return std::nullopt;
}

/// Map keys may contain points (a link part's name): the longest key that the rest starts with.
std::size_t segment_length(const Place& place, std::string_view rest) {
  std::size_t length = std::min(rest.find('.'), rest.size());
  if (place.structure || !place.value || place.value->type != JsonType::object) return length;
  for (const JsonMember& member : place.value->members) {
    const bool fits = rest.starts_with(member.key) &&
                      (rest.size() == member.key.size() || rest[member.key.size()] == '.');
    if (fits) length = std::max(length, member.key.size());
  }
  return length;
}

}  // namespace

std::optional<FieldValue> read_field(const Document& document, std::string_view dotted_path) {
  Place place{&document.root, &config::root_info(document.kind), nullptr, std::nullopt};
  std::string_view rest = dotted_path;
  while (!rest.empty()) {
    const std::size_t length = segment_length(place, rest);
    const std::string_view segment = rest.substr(0, length);
    rest.remove_prefix(std::min(rest.size(), length + 1));
    auto next =
        place.structure ? step_into_struct(place, segment) : step_into_container(place, segment);
    if (!next) return std::nullopt;
    place = std::move(*next);
  }
  if (place.structure || !place.type) return std::nullopt;
  if (place.value) return scalar(*place.value, *place.type);
  if (!place.fallback) return std::nullopt;
  auto value = scalar(*place.fallback, *place.type);
  if (value) value->is_default = true;
  return value;
}

std::string resolved_json(Catalogue& catalogue, const Document& scenario) {
  std::map<PartKind, std::map<std::string, const Document*>> parts;
  std::vector<PartReference> open = references(scenario);
  while (!open.empty()) {
    const PartReference reference = open.back();
    open.pop_back();
    const Document*& part = parts[reference.kind][reference.name];
    if (part) continue;
    part = &catalogue.document(reference.kind, reference.name, reference.span);
    for (PartReference& next : references(*part)) open.push_back(std::move(next));
  }
  JsonValue out;
  out.type = JsonType::object;
  out.members.push_back(
      {"scenario", {}, object_with_defaults(scenario.root, config::spec_info(PartKind::scenario))});
  for (const auto& [kind, named] : parts) {
    JsonValue group;
    group.type = JsonType::object;
    for (const auto& [name, part] : named) {
      group.members.push_back(
          {name, {}, object_with_defaults(part->root, config::spec_info(kind))});
    }
    out.members.push_back({std::string(kind_word(kind)), {}, std::move(group)});
  }
  return canonical_json(out);
}

}  // namespace xpusim
