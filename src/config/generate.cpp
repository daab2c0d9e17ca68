// Pages and schemas that follow from the field tables.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <ostream>

#include "config/codec.hpp"
#include "config/document.hpp"
#include "config/spec_tables.hpp"

namespace xpusim {
namespace {

using config::Field;
using config::Rule;
using config::StructInfo;
using config::TypeClass;
using config::TypeInfo;
using Json = nlohmann::ordered_json;

std::string type_text(const TypeInfo& type, const Rule& rule) {
  switch (type.type) {
    case TypeClass::quantity:
      return std::string(dimension_name(type.dimension));
    case TypeClass::number:
      return "number";
    case TypeClass::integer:
      return "whole number";
    case TypeClass::boolean:
      return "true or false";
    case TypeClass::text:
      if (rule.refers_to) return fmt::format("name of a {}", kind_word(*rule.refers_to));
      return "text";
    case TypeClass::word:
      return "word";
    case TypeClass::list:
      return fmt::format("list of {}", type_text(*type.element, rule));
    case TypeClass::map:
      return fmt::format("{} by key", type_text(*type.element, rule));
    case TypeClass::structure:
      return "object";
    case TypeClass::any:
      return "text or number";
  }
  throw InternalError("a type class without a name");
}

const TypeInfo& leaf(const TypeInfo& type) { return type.element ? leaf(*type.element) : type; }

/// Words first, then the range, then the keys: whatever limits the value.
std::string limits(const TypeInfo& type, const Rule& rule) {
  std::vector<std::string> parts;
  const auto words = leaf(type).type == TypeClass::word ? leaf(type).words : rule.words;
  if (!words.empty()) {
    std::vector<std::string> shown;
    for (const std::string_view word : words) shown.emplace_back(word.empty() ? "\"\"" : word);
    parts.push_back(fmt::format("one of {}", fmt::join(shown, ", ")));
  }
  if (std::string range = config::range_text(rule); !range.empty())
    parts.push_back(std::move(range));
  if (!rule.keys.empty()) parts.push_back(fmt::format("keys: {}", fmt::join(rule.keys, ", ")));
  if (rule.not_empty) parts.push_back("not empty");
  return fmt::format("{}", fmt::join(parts, "; "));
}

std::string requirement(const Field& field) {
  if (field.rule.required) return "required";
  if (field.optional) return "optional";
  const auto value = field.default_value();
  return value ? canonical_json(*value) : "optional";
}

FieldDescription described(const Field& field, const std::string& path) {
  return {path, type_text(field.type(), field.rule), requirement(field),
          limits(field.type(), field.rule), std::string(field.description)};
}

/// The struct inside a field and the path to its members: "planes[]", "ports.<key>".
const StructInfo* inner_struct(const TypeInfo& type, std::string& path) {
  if (type.type == TypeClass::structure) return &type.structure();
  if (type.type == TypeClass::list) path += "[]";
  if (type.type == TypeClass::map) path += ".<key>";
  return type.element ? inner_struct(*type.element, path) : nullptr;
}

void describe_struct(const StructInfo& info, const std::string& path,
                     std::vector<FieldDescription>& out) {
  for (const Field& field : info.fields) {
    std::string inside = config::joined(path, field.name);
    out.push_back(described(field, inside));
    if (const StructInfo* inner = inner_struct(field.type(), inside))
      describe_struct(*inner, inside, out);
  }
}

// ---------------------------------------------------------------- JSON Schema

Json schema_of(const TypeInfo& type, const Rule& rule, bool in_list);

void add_range(Json& schema, const Rule& rule) {
  if (std::isfinite(rule.minimum))
    schema[rule.open_minimum ? "exclusiveMinimum" : "minimum"] = rule.minimum;
  if (std::isfinite(rule.maximum))
    schema[rule.open_maximum ? "exclusiveMaximum" : "maximum"] = rule.maximum;
}

/// Integers print without ".0".
void add_integer_range(Json& schema, const Rule& rule) {
  if (std::isfinite(rule.minimum)) schema["minimum"] = static_cast<std::int64_t>(rule.minimum);
  if (std::isfinite(rule.maximum)) schema["maximum"] = static_cast<std::int64_t>(rule.maximum);
}

Json struct_schema(const StructInfo& info, bool in_list) {
  Json schema{{"type", "object"}, {"properties", Json::object()}};
  Json required = Json::array();
  for (const Field& field : info.fields) {
    Json property = schema_of(field.type(), field.rule, in_list);
    property["description"] = field.description;
    if (!field.optional && !field.rule.required) {
      if (const auto value = field.default_value())
        property["default"] = Json::parse(canonical_json(*value));
    }
    schema["properties"][std::string(field.name)] = std::move(property);
    if (field.rule.required) required.push_back(field.name);
  }
  // A variant ("extends") may give parts of an object; items of a list are always whole.
  if (in_list && !required.empty()) schema["required"] = std::move(required);
  schema["additionalProperties"] = false;
  return schema;
}

Json schema_of(const TypeInfo& type, const Rule& rule, bool in_list) {
  Json schema;
  switch (type.type) {
    case TypeClass::quantity:
      schema["anyOf"] = {{{"type", "string"}, {"pattern", "^[-+]?[0-9.]"}}, {{"const", 0}}};
      schema["examples"] = {dimension_example(type.dimension)};
      break;
    case TypeClass::number:
      schema["type"] = "number";
      add_range(schema, rule);
      break;
    case TypeClass::integer:
      schema["type"] = "integer";
      add_integer_range(schema, rule);
      break;
    case TypeClass::boolean:
      schema["type"] = "boolean";
      break;
    case TypeClass::text:
      schema["type"] = "string";
      if (!rule.words.empty()) schema["enum"] = rule.words;
      break;
    case TypeClass::word:
      schema["type"] = "string";
      schema["enum"] = type.words;
      break;
    case TypeClass::any:
      schema["type"] = {"string", "number", "boolean", "array"};
      break;
    case TypeClass::list:
      schema["type"] = "array";
      schema["items"] = schema_of(*type.element, rule, true);
      if (rule.not_empty) schema["minItems"] = 1;
      break;
    case TypeClass::map:
      schema["type"] = "object";
      if (!rule.keys.empty()) schema["propertyNames"] = {{"enum", rule.keys}};
      schema["additionalProperties"] = schema_of(*type.element, rule, in_list);
      break;
    case TypeClass::structure:
      schema = struct_schema(type.structure(), in_list);
      break;
  }
  return schema;
}

// ---------------------------------------------------------------- the reference page

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|' || c == '<') out += '\\';
    out += c;
  }
  return out;
}

void write_fields(std::ostream& out, const std::vector<FieldDescription>& fields) {
  out << "| key | type | default | limits | meaning |\n|---|---|---|---|---|\n";
  for (const FieldDescription& f : fields) {
    const bool value = f.requirement != "required" && f.requirement != "optional";
    out << fmt::format("| `{}` | {} | {} | {} | {} |\n", f.path, escaped(f.type),
                       value ? fmt::format("`{}`", f.requirement) : f.requirement, escaped(f.range),
                       escaped(f.description));
  }
}

constexpr std::array all_dimensions{
    DimensionOf<Seconds>::value,        DimensionOf<Bytes>::value,
    DimensionOf<Flops>::value,          DimensionOf<BytesPerSecond>::value,
    DimensionOf<FlopsPerSecond>::value, DimensionOf<Hertz>::value,
    DimensionOf<Watts>::value,          DimensionOf<Joules>::value,
    DimensionOf<JoulesPerByte>::value,  DimensionOf<JoulesPerFlop>::value,
    DimensionOf<Dollars>::value,        DimensionOf<DollarsPerSecond>::value,
};

void write_units(std::ostream& out) {
  out << "## Values with units\n\n"
         "A dimensioned value is a string: a decimal number, one optional space, a unit. SI "
         "prefixes are decimal\n"
         "(`1 GB` is 10^9 bytes), IEC prefixes binary (`1 GiB` is 2^30). A bare number is refused, "
         "except 0. `Gb` is\n"
         "refused: write `Gbit` or `GB`.\n\n"
         "Units: B, bit, FLOP, OP, s, min, h, Hz, W, J, Wh, USD, and quotients of two of them such "
         "as `GB/s`, `pJ/bit`\n"
         "or `USD/h`.\n\n| dimension | example |\n|---|---|\n";
  for (const Dimension dimension : all_dimensions) {
    out << fmt::format("| {} | `{}` |\n", dimension_name(dimension), dimension_example(dimension));
  }
}

constexpr std::string_view file_rules = R"(
`extends` names a part of the same kind. Objects merge, the child's keys win, lists are replaced whole, and one source
or alternative is one statement that is replaced whole. `name`, `title`, `description` and `claims` are the file's own.
`null` is refused.

A source covers the values under its JSON pointer. Every number and dimensioned string of a chip, link, system, model
or software needs one (`xpusim check`); a variant needs a source of its own for what it changes.

`--set path.to.field=value` goes through the same checks. `chip.NAME.`, `system.NAME.`, `model.NAME.`,
`software.NAME.` and `link.NAME.` address a part, any other path the scenario. A segment is a key, an index, or the
name of a list's item: `--set system.cloudmatrix-384.planes.ub.lost_sub_planes=1`.
)";

}  // namespace

std::vector<FieldDescription> field_descriptions(PartKind kind) {
  std::vector<FieldDescription> out;
  describe_struct(config::root_info(kind), "", out);
  return out;
}

namespace {

std::string without_item(std::string_view segment) {
  return std::string(segment.substr(0, segment.find('[')));
}

bool is_index(std::string_view segment) {
  return segment == "[]" ||
         (!segment.empty() &&
          std::all_of(segment.begin(), segment.end(), [](char c) { return c >= '0' && c <= '9'; }));
}

[[noreturn]] void unknown_field(PartKind kind, const StructInfo* info, std::string_view path,
                                std::string_view segment) {
  std::vector<std::string> known;
  if (info) {
    for (const Field& field : info->fields) known.emplace_back(field.name);
  }
  throw InputError("unknown-key", fmt::format("a {} has no field '{}'", kind_word(kind), path),
                   info ? config::suggestion(segment, known, "keys") : "");
}

}  // namespace

FieldDescription describe_field(PartKind kind, std::string_view dotted_path) {
  const StructInfo* info = &config::root_info(kind);
  const TypeInfo* type = nullptr;
  const Field* field = nullptr;
  std::string path;
  std::string_view rest = dotted_path;
  do {
    const std::string_view written = rest.substr(0, rest.find('.'));
    rest.remove_prefix(std::min(rest.size(), written.size() + 1));
    if (info) {
      const std::string name = without_item(written);
      const auto found = std::find_if(info->fields.begin(), info->fields.end(),
                                      [&](const Field& f) { return f.name == name; });
      if (found == info->fields.end()) unknown_field(kind, info, dotted_path, name);
      field = &*found;
      type = &field->type();
      path = config::joined(path, name);
      if (written.ends_with("]") && type->element) {
        type = type->element;
        path += "[]";
      }
    } else if (type && type->element) {
      const bool list = type->type == TypeClass::list;
      // An item may be left out: "planes.link" reads as well as "planes.0.link".
      const bool skipped = list && !is_index(written);
      if (skipped)
        rest = dotted_path.substr(static_cast<std::size_t>(written.data() - dotted_path.data()));
      path += list ? "[]" : ".<key>";
      type = type->element;
    } else {
      unknown_field(kind, nullptr, dotted_path, written);
    }
    info = type->type == TypeClass::structure ? &type->structure() : nullptr;
  } while (!rest.empty());
  FieldDescription out = described(*field, path);
  if (type != &field->type()) out.type = type_text(*type, field->rule);
  return out;
}

const std::vector<ErrorCode>& config_error_codes() {
  static const std::vector<ErrorCode> codes{
      {"ambiguous-name", "Two files of one root describe the same part."},
      {"bad-override",
       "A --set is not of the form path.to.field=value, or its path leads nowhere."},
      {"dangling-source", "A JSON pointer in sources or alternatives points at nothing."},
      {"duplicate-key", "One object has the same key twice."},
      {"empty-file", "The file holds no JSON value."},
      {"extends-cycle", "A part extends itself, directly or through others."},
      {"file-too-large", "The file is larger than any configuration."},
      {"invalid-utf8", "The file is not UTF-8."},
      {"missing-derivation", "An estimate does not say how it was derived."},
      {"missing-key", "A required key is absent."},
      {"missing-source", "A number has no source (found by `check`)."},
      {"name-mismatch", "A part's name is not its file's name."},
      {"nesting-depth", "Brackets are nested too deep."},
      {"not-finite", "NaN or infinity stands where a number is expected."},
      {"null-value", "null stands where a value is expected."},
      {"out-of-range", "A value is outside the range that makes sense."},
      {"schema-version", "The file was written for another version of the format."},
      {"syntax", "The file is not JSON."},
      {"truncated-file", "The file ends inside a value."},
      {"unit-mismatch", "A value has no unit, an unknown one, or one of another dimension."},
      {"unknown-alternative", "The part has no alternative of this name."},
      {"unknown-chip", "No chip has this name."},
      {"unknown-key", "An object has a key that its table does not know."},
      {"unknown-kind", "A file's kind is unknown, or not the one expected."},
      {"unknown-link", "No link has this name."},
      {"unknown-model", "No model spec has this name."},
      {"unknown-scenario", "No scenario has this name."},
      {"unknown-software", "No software profile has this name."},
      {"unknown-system", "No system has this name."},
      {"unknown-table", "No table has this name."},
      {"unknown-word", "A text is not one of the words that the field knows."},
      {"unreadable-file", "A file cannot be read."},
      {"unreadable-folder", "A folder cannot be read."},
      {"unused-override", "A --set addresses a part that the run did not read."},
      {"unwritable-file", "A file cannot be written."},
      {"wrong-type", "A value has another JSON type than its field."},
  };
  return codes;
}

std::string json_schema(PartKind kind) {
  const StructInfo& info = config::root_info(kind);
  Json schema{{"$schema", "https://json-schema.org/draft/2020-12/schema"},
              {"title", fmt::format("xpusim {}", kind_word(kind))},
              {"description", info.description}};
  schema.update(struct_schema(info, false));
  schema["properties"]["schema"] = {{"const", 1},
                                    {"description", schema["properties"]["schema"]["description"]}};
  schema["properties"]["kind"] = {{"const", kind_word(kind)},
                                  {"description", schema["properties"]["kind"]["description"]}};
  schema["required"] = {"schema", "kind", "name"};
  Json required = Json::array();
  for (const Field& field : config::spec_info(kind).fields) {
    if (field.rule.required) required.push_back(field.name);
  }
  if (!required.empty()) {
    schema["if"] = {{"not", {{"required", Json::array({"extends"})}}}};
    schema["then"] = {{"required", std::move(required)}};
  }
  return schema.dump(2) + "\n";
}

void write_json_schemas(const std::filesystem::path& folder) {
  for (const PartKind kind : all_part_kinds) {
    const auto path = folder / fmt::format("{}.schema.json", kind_word(kind));
    std::ofstream out(path, std::ios::binary);
    out << json_schema(kind);
    out.close();
    if (!out) {
      throw InputError("unwritable-file", fmt::format("cannot write '{}'", path.generic_string()),
                       "check that the folder exists and may be written");
    }
  }
}

void write_config_reference(std::ostream& out) {
  out << "# Configuration reference\n\n"
         "Generated by `xpusim internal generate-docs` from the field tables in `src/config/`; do "
         "not edit.\n\n"
         "Every file is a JSON object. Its schema for editors is "
         "`configs/schema/<kind>.schema.json`.\n\n";
  write_units(out);
  out << "\n## What every file carries\n\n";
  std::vector<FieldDescription> common;
  describe_struct(config::StructTable<config::Envelope>::info(), "", common);
  write_fields(out, common);
  out << file_rules;
  for (const PartKind kind : all_part_kinds) {
    const StructInfo& info = config::spec_info(kind);
    out << fmt::format("\n## {}\n\n{}\n\n", kind_word(kind), info.description);
    std::vector<FieldDescription> fields;
    describe_struct(info, "", fields);
    write_fields(out, fields);
  }
  out << "\n## Error codes\n\n| code | meaning |\n|---|---|\n";
  for (const ErrorCode& code : config_error_codes())
    out << fmt::format("| `{}` | {} |\n", code.code, code.meaning);
}

}  // namespace xpusim
