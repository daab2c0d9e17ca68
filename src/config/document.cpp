#include "config/document.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace xpusim {
namespace config {
namespace {

/// Members of a parent that say something about the parent itself.
bool own_only(std::string_view key) {
  return key == "name" || key == "title" || key == "description" || key == "claims" ||
         key == "extends";
}

JsonMember& member_of(JsonValue& object, const std::string& key, const SourceSpan& key_span) {
  for (JsonMember& member : object.members) {
    if (member.key == key) return member;
  }
  object.members.push_back({key, key_span, {}});
  return object.members.back();
}

/// Merges `depth` levels of objects; below that the child's value replaces the parent's whole.
void merge_object(JsonValue& into, const JsonValue& child, int depth) {
  into.span = child.span;
  for (const JsonMember& member : child.members) {
    JsonMember& target = member_of(into, member.key, member.key_span);
    target.key_span = member.key_span;
    const bool both =
        target.value.type == JsonType::object && member.value.type == JsonType::object;
    if (both && depth > 1) {
      merge_object(target.value, member.value, depth - 1);
    } else {
      target.value = member.value;
    }
  }
}

constexpr int all_levels = static_cast<int>(max_json_depth);

/// A source or an alternative is one statement: its parts do not mix with the parent's.
int merge_depth(std::string_view key) {
  return key == "sources" ? 1 : key == "alternatives" ? 2 : all_levels;
}

InputError bad_override(const Override& o, const SourceSpan& span, std::string message,
                        std::string help) {
  Diagnostics d;
  d.error("bad-override", std::move(message),
          span.source ? span : SourceSpan{o.source, 0, o.source->text.size()}, std::move(help));
  return InputError(std::move(d));
}

/// Splits "a.b.\"c.d\".e" at its points; quotes keep points in a key.
std::vector<Override::Segment> split_path(const Override& o, std::size_t end) {
  const std::string& text = o.source->text;
  std::vector<Override::Segment> path;
  for (std::size_t i = 0; i <= end;) {
    const bool quoted = i < end && text[i] == '"';
    const std::size_t begin = quoted ? i + 1 : i;
    const std::size_t stop = std::min(text.find(quoted ? '"' : '.', begin), end);
    if (stop == begin || (quoted && (stop == end || (stop + 1 < end && text[stop + 1] != '.')))) {
      throw bad_override(o, {o.source, i, 1}, "a segment of the path is empty or not closed",
                         "write --set path.to.field=value");
    }
    path.push_back({text.substr(begin, stop - begin), {o.source, begin, stop - begin}});
    i = stop + (quoted ? 2 : 1);
  }
  return path;
}

const Field* field_named(const StructInfo& info, std::string_view name) {
  for (const Field& field : info.fields) {
    if (field.name == name) return &field;
  }
  return nullptr;
}

bool is_scalar(const TypeInfo& type) {
  return type.type != TypeClass::structure && type.type != TypeClass::map &&
         type.type != TypeClass::list;
}

/// Item of an array by its index or by the name that its "name" or "system" gives.
JsonValue* item_of(JsonValue& array, std::string_view segment) {
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(segment.data(), segment.data() + segment.size(), index);
  if (error == std::errc() && end == segment.data() + segment.size()) {
    return index < array.items.size() ? &array.items[index] : nullptr;
  }
  for (JsonValue& item : array.items) {
    for (const std::string_view key : {"name", "system", "title"}) {
      const JsonValue* name = item.find(key);
      if (name && name->type == JsonType::string && name->text == segment) return &item;
    }
  }
  return nullptr;
}

/// What the table says below a segment; null where the path has left the tables (validation reports
/// it).
const TypeInfo* type_below(const StructInfo* info, const TypeInfo* type, std::string_view segment) {
  if (info) {
    const Field* field = field_named(*info, segment);
    return field ? &field->type() : nullptr;
  }
  return type ? type->element : nullptr;
}

void visit_value(const JsonValue& value, const TypeInfo& type, const Rule& rule,
                 const std::string& pointer, const std::string& path, const FieldVisitor& visitor);

void visit_members(const JsonValue& object, const StructInfo& info, const std::string& pointer,
                   const std::string& path, const FieldVisitor& visitor) {
  for (const Field& field : info.fields) {
    if (const JsonValue* value = object.find(field.name)) {
      visit_value(*value, field.type(), field.rule,
                  fmt::format("{}/{}", pointer, pointer_escaped(field.name)),
                  joined(path, field.name), visitor);
    }
  }
}

void visit_value(const JsonValue& value, const TypeInfo& type, const Rule& rule,
                 const std::string& pointer, const std::string& path, const FieldVisitor& visitor) {
  if (!visitor(value, type, rule, pointer, path)) return;
  if (type.type == TypeClass::structure)
    visit_members(value, type.structure(), pointer, path, visitor);
  if (type.type == TypeClass::list) {
    for (std::size_t i = 0; i < value.items.size(); ++i) {
      visit_value(value.items[i], *type.element, rule, fmt::format("{}/{}", pointer, i),
                  joined(path, std::to_string(i)), visitor);
    }
  }
  if (type.type == TypeClass::map) {
    for (const JsonMember& member : value.members) {
      visit_value(member.value, *type.element, rule,
                  fmt::format("{}/{}", pointer, pointer_escaped(member.key)),
                  joined(path, member.key), visitor);
    }
  }
}

}  // namespace

JsonValue merged(const JsonValue& parent, const JsonValue& child) {
  if (parent.type != JsonType::object || child.type != JsonType::object) return child;
  JsonValue out = parent;
  std::erase_if(out.members, [](const JsonMember& m) { return own_only(m.key); });
  for (const JsonMember& member : child.members) {
    JsonMember& target = member_of(out, member.key, member.key_span);
    target.key_span = member.key_span;
    if (target.value.type == JsonType::object && member.value.type == JsonType::object) {
      merge_object(target.value, member.value, merge_depth(member.key));
    } else {
      target.value = member.value;
    }
  }
  out.span = child.span;
  return out;
}

Override parse_override(const std::string& text) {
  Override o;
  o.source = std::make_shared<const SourceText>(SourceText{"--set", text});
  if (const std::size_t bad = ill_formed_utf8(text); bad != std::string_view::npos) {
    throw bad_override(o, {o.source, bad, 1}, "a byte that is not UTF-8", "");
  }
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    throw bad_override(o, {}, fmt::format("'{}' is no path=value", text),
                       "write --set path.to.field=value");
  }
  o.path = split_path(o, equals);
  Diagnostics not_json;
  if (auto value = parse_json_region(o.source, equals + 1, text.size(), not_json);
      value && not_json.empty()) {
    o.value = std::move(*value);
  } else {
    o.value = json_text(text.substr(equals + 1));
    o.value.span = {o.source, equals + 1, text.size() - equals - 1};
  }
  return o;
}

void apply_override(JsonValue& root, const StructInfo& info, const Override& o, std::size_t first,
                    Diagnostics& diagnostics) {
  JsonValue* at = &root;
  const StructInfo* structure = &info;
  const TypeInfo* type = nullptr;
  for (std::size_t i = first; i < o.path.size(); ++i) {
    const Override::Segment& segment = o.path[i];
    const TypeInfo* below = type_below(structure, type, segment.text);
    std::string key = segment.text;
    if (at->type == JsonType::array) {
      JsonValue* item = item_of(*at, key);
      if (!item) {
        diagnostics.error("bad-override", fmt::format("the list has no item '{}'", key),
                          segment.span,
                          fmt::format("it has {} items; write an index from 0, or an item's name",
                                      at->items.size()));
        return;
      }
      at = item;
    } else if (at->type == JsonType::object) {
      // A key of a map of scalars may contain points: "expect.training.step_time_s=< 10".
      const bool rest_is_key =
          !structure && type && type->type == TypeClass::map && is_scalar(*type->element);
      for (; rest_is_key && i + 1 < o.path.size(); ++i) key += "." + o.path[i + 1].text;
      JsonMember& member = member_of(*at, key, segment.span);
      at = &member.value;
      const bool last = i + 1 == o.path.size();
      if (last) member.key_span = segment.span;
      if (!last && at->type == JsonType::null) {
        at->type = below && below->type == TypeClass::list ? JsonType::array : JsonType::object;
        at->span = segment.span;
      }
    } else {
      diagnostics.error("bad-override", fmt::format("'{}' has nothing inside", o.path[i - 1].text),
                        segment.span, "end the path before it");
      return;
    }
    structure = below && below->type == TypeClass::structure ? &below->structure() : nullptr;
    type = below;
  }
  *at = o.value;
}

void visit_fields(const JsonValue& object, const StructInfo& info, const FieldVisitor& visitor) {
  visit_members(object, info, "", "", visitor);
}

const StructInfo& spec_info(PartKind kind) {
  switch (kind) {
    case PartKind::chip:
      return StructTable<ChipSpec>::info();
    case PartKind::link:
      return StructTable<LinkSpec>::info();
    case PartKind::system:
      return StructTable<SystemSpec>::info();
    case PartKind::model:
      return StructTable<ModelSpec>::info();
    case PartKind::software:
      return StructTable<SoftwareSpec>::info();
    case PartKind::scenario:
      return StructTable<ScenarioSpec>::info();
    case PartKind::table:
      return StructTable<TableSpec>::info();
    case PartKind::validation:
      return StructTable<ValidationSpec>::info();
  }
  throw InternalError("a part kind without a table");
}

std::size_t chain_rank(const Document& document, const SourceSpan& span) {
  const auto found = std::find(document.chain.begin(), document.chain.end(), span.source);
  return static_cast<std::size_t>(found - document.chain.begin());
}

void sort_by_place(const Document& document, Diagnostics& diagnostics) {
  const auto place = [&](const Diagnostic& d) {
    return std::pair(chain_rank(document, d.span), d.span.offset);
  };
  std::stable_sort(diagnostics.items().begin(), diagnostics.items().end(),
                   [&](const Diagnostic& a, const Diagnostic& b) { return place(a) < place(b); });
}

namespace {

/// Sources of the document's own file must point at something; those of its ancestors are dropped
/// when they no longer do.
bool points_somewhere(const Document& document, const JsonMember& member, Diagnostics& diagnostics,
                      std::string_view what) {
  if (document.root.at(member.key)) return true;
  if (chain_rank(document, member.key_span) != 0) return false;
  diagnostics.error(
      "dangling-source", fmt::format("{} \"{}\" points at nothing in this file", what, member.key),
      member.key_span, member.key.starts_with('/') ? "" : "a JSON pointer starts with '/'");
  return false;
}

PartInfo part_info(const Document& document, const Envelope& envelope, Diagnostics& diagnostics) {
  PartInfo info{envelope.name,   envelope.title, envelope.description, document.file, {}, {},
                envelope.claims, document.bases};
  if (const JsonValue* sources = document.root.find("sources")) {
    for (const JsonMember& member : sources->members) {
      if (!points_somewhere(document, member, diagnostics, "source")) continue;
      const auto entry = envelope.sources.find(member.key);
      if (entry == envelope.sources.end()) continue;
      info.sources.push_back(
          {member.key, entry->second.document, entry->second.confidence, entry->second.derivation});
    }
  }
  if (const JsonValue* alternatives = document.root.find("alternatives")) {
    for (const JsonMember& named : alternatives->members) {
      for (const JsonMember& member : named.value.members) {
        if (!points_somewhere(document, member, diagnostics, "alternative")) continue;
        const auto group = envelope.alternatives.find(named.key);
        if (group == envelope.alternatives.end() || !group->second.contains(member.key)) continue;
        const AlternativeEntry& entry = group->second.at(member.key);
        info.alternatives.push_back(
            {named.key, member.key, entry.value, entry.source, entry.why_not_used});
      }
    }
  }
  return info;
}

}  // namespace

template <class Spec>
Spec decode_into(const Document& document, Diagnostics& diagnostics) {
  Decoder decoder{diagnostics, kind_word(document.kind)};
  Spec spec;
  if (!expect_type(decoder, document.root, JsonType::object, "", "an object")) return spec;
  Envelope envelope;
  const Target targets[] = {{&StructTable<Envelope>::info(), &envelope},
                            {&StructTable<Spec>::info(), &spec}};
  decode_struct(decoder, document.root, "", targets);
  StructTable<Envelope>::check(decoder, document.root, "", envelope);
  if constexpr (requires { StructTable<Spec>::check(decoder, document.root, "", spec); }) {
    StructTable<Spec>::check(decoder, document.root, "", spec);
  }
  spec.info = part_info(document, envelope, diagnostics);
  return spec;
}

template ChipSpec decode_into<ChipSpec>(const Document&, Diagnostics&);
template LinkSpec decode_into<LinkSpec>(const Document&, Diagnostics&);
template SystemSpec decode_into<SystemSpec>(const Document&, Diagnostics&);
template ModelSpec decode_into<ModelSpec>(const Document&, Diagnostics&);
template SoftwareSpec decode_into<SoftwareSpec>(const Document&, Diagnostics&);
template ScenarioSpec decode_into<ScenarioSpec>(const Document&, Diagnostics&);
template TableSpec decode_into<TableSpec>(const Document&, Diagnostics&);

}  // namespace config

std::string_view kind_word(PartKind kind) {
  switch (kind) {
    case PartKind::chip:
      return "chip";
    case PartKind::link:
      return "link";
    case PartKind::system:
      return "system";
    case PartKind::model:
      return "model";
    case PartKind::software:
      return "software";
    case PartKind::scenario:
      return "scenario";
    case PartKind::table:
      return "table";
    case PartKind::validation:
      return "validation";
  }
  throw InternalError("a part kind without a word");
}

std::optional<PartKind> parse_kind(std::string_view word) {
  for (const PartKind kind : all_part_kinds) {
    if (kind_word(kind) == word) return kind;
  }
  return std::nullopt;
}

template <class Spec>
Spec decode(const Document& document) {
  Diagnostics diagnostics;
  Spec spec = config::decode_into<Spec>(document, diagnostics);
  config::sort_by_place(document, diagnostics);
  if (diagnostics.has_errors()) throw InputError(std::move(diagnostics));
  return spec;
}

template ChipSpec decode<ChipSpec>(const Document&);
template LinkSpec decode<LinkSpec>(const Document&);
template SystemSpec decode<SystemSpec>(const Document&);
template ModelSpec decode<ModelSpec>(const Document&);
template SoftwareSpec decode<SoftwareSpec>(const Document&);
template ScenarioSpec decode<ScenarioSpec>(const Document&);
template TableSpec decode<TableSpec>(const Document&);
template ValidationSpec decode<ValidationSpec>(const Document&);

}  // namespace xpusim
