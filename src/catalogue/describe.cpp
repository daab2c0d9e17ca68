// `describe`: everything the catalogue knows about one name.
#include <fmt/format.h>
#include <fmt/ostream.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <ostream>

#include "catalogue/layout.hpp"
#include "catalogue/numbers.hpp"
#include "catalogue/rules.hpp"
#include "catalogue/scope.hpp"
#include "xpusim/collective.hpp"

namespace xpusim {
namespace catalogue_detail {
namespace {

// ---------------------------------------------------------------- a part, gathered

struct DescribedField {
  std::string path, value, document, confidence, derivation;
};
struct DescribedFigure {
  std::string name;
  FigureResult figure;
};
struct DescribedClaim {
  Claim claim;
  std::optional<ClaimOutcome> outcome;
  std::string problem;  ///< why it could not be judged
};
struct DescribedPart {
  PartKind kind = PartKind::chip;
  PartInfo info;
  std::string extends;
  std::vector<DescribedField> fields;
  std::vector<DescribedFigure> figures;
  std::vector<DescribedClaim> claims;
  std::vector<std::string> uses, used_by;  ///< "chip ascend-910c"
};

std::string value_text(const JsonValue& value) {
  if (value.type == JsonType::array) {
    const std::size_t rows = value.items.size();
    const bool flat =
        std::none_of(value.items.begin(), value.items.end(),
                     [](const JsonValue& item) { return item.type == JsonType::array; });
    if (!flat) return fmt::format("{} points", rows);
    std::string text;
    for (const JsonValue& item : value.items) text += (text.empty() ? "" : ", ") + item.text;
    return text;
  }
  if (value.type == JsonType::boolean) return value.boolean ? "true" : "false";
  return value.type == JsonType::null ? "null" : value.text;
}

std::vector<DescribedField> describe_fields(const Document& document, const PartInfo& info) {
  std::vector<DescribedField> fields;
  for (const Leaf& leaf : leaves(document)) {
    DescribedField field{path_of(leaf.pointer), value_text(*leaf.value), "", "", ""};
    if (const Provenance* source = closest_source(info.sources, leaf.pointer)) {
      field.document = source->document;
      field.confidence = confidence_word(source->confidence);
      field.derivation = source->derivation;
    }
    fields.push_back(std::move(field));
  }
  return fields;
}

std::vector<DescribedFigure> describe_figures(const Scope& scope) {
  std::vector<DescribedFigure> described;
  for (const std::string& name : figure_names(scope)) {
    // A system's description shows the system; its chip has one of its own.
    if (scope.kind == PartKind::system && !name.starts_with("system.")) continue;
    try {
      described.push_back({name, resolve_figure(scope, name, {})});
    } catch (const InputError&) {
      // Not published: a figure that the part does not have is no news in its description.
    }
  }
  return described;
}

DescribedClaim describe_claim(const Scope& scope, const Claim& claim) {
  DescribedClaim described{claim, std::nullopt, ""};
  try {
    described.outcome = judge_claim(scope, claim, {}, {});
  } catch (const InputError& error) {
    described.problem = error.diagnostics().items().front().message;
  }
  return described;
}

std::string part_label(PartKind kind, std::string_view name) {
  return fmt::format("{} {}", kind_word(kind), name);
}

void add_once(std::vector<std::string>& list, std::string text) {
  if (std::find(list.begin(), list.end(), text) == list.end()) list.push_back(std::move(text));
}

std::vector<std::string> users_of(Catalogue& catalogue, PartKind kind, const std::string& name) {
  std::vector<std::string> users;
  for (const PartKind other : all_part_kinds) {
    for (const CatalogueEntry& entry : catalogue.list(other)) {
      try {
        for (const PartReference& reference : references(catalogue.document(other, entry.name))) {
          if (reference.kind == kind && reference.name == name)
            add_once(users, part_label(other, entry.name));
        }
      } catch (const InputError&) {
        // A broken file elsewhere is for `check` to report.
      }
    }
  }
  return users;
}

DescribedPart gather_part(Catalogue& catalogue, PartKind kind, const std::string& name) {
  DescribedPart part;
  part.kind = kind;
  catalogue.validate(kind, name);
  const Document document = catalogue.document(kind, name);
  part.info = decode_info(document);
  part.info.file = document.file;
  if (const JsonValue* extends = document.root.find("extends")) part.extends = extends->text;
  part.fields = describe_fields(document, part.info);
  for (const PartReference& reference : references(document)) {
    add_once(part.uses, part_label(reference.kind, reference.name));
  }
  part.used_by = users_of(catalogue, kind, name);
  if (kind == PartKind::system || kind == PartKind::chip || kind == PartKind::model ||
      kind == PartKind::link) {
    const Scope scope = load_scope(catalogue, kind, name);
    part.figures = describe_figures(scope);
    for (const Claim& claim : part.info.claims) part.claims.push_back(describe_claim(scope, claim));
  }
  return part;
}

// ---------------------------------------------------------------- a part, written

std::string source_text(const DescribedField& field) {
  if (field.document.empty()) return "";
  std::string text = fmt::format("[{}] {}", field.confidence, field.document);
  if (!field.derivation.empty()) text += "; " + field.derivation;
  return text;
}

void write_list_line(std::ostream& out, std::string_view title,
                     const std::vector<std::string>& items) {
  if (items.empty()) return;
  fmt::print(out, "{}: ", title);
  for (std::size_t i = 0; i < items.size(); ++i)
    fmt::print(out, "{}{}", i == 0 ? "" : ", ", items[i]);
  fmt::print(out, "\n");
}

void write_claims(std::ostream& out, const DescribedPart& part) {
  if (part.claims.empty()) return;
  fmt::print(out, "\nClaims\n");
  TextGrid grid;
  for (const DescribedClaim& described : part.claims) {
    const Claim& claim = described.claim;
    std::vector<std::string> row{claim.figure, claim.value};
    if (described.outcome) {
      row.push_back("derived " + format_figure(described.outcome->derived.value, 5));
      row.push_back(percent_text(described.outcome->deviation));
      row.push_back(described.outcome->holds ? "holds" : "FAILS");
    } else {
      row.insert(row.end(), {described.problem, "", ""});
    }
    row.push_back(claim.source + (claim.note.empty() ? "" : "; " + claim.note));
    grid.add(std::move(row));
  }
  grid.write(out, {.indent = 2, .widest = 60});
}

void write_part_text(std::ostream& out, const DescribedPart& part) {
  fmt::print(out, "{} ({})\n", part.info.name, kind_word(part.kind));
  if (!part.info.title.empty()) fmt::print(out, "{}\n", part.info.title);
  if (!part.info.description.empty()) fmt::print(out, "{}\n", part.info.description);
  fmt::print(out, "file: {}\n", part.info.file);
  if (!part.extends.empty()) fmt::print(out, "extends: {}\n", part.extends);
  write_list_line(out, "uses", part.uses);
  write_list_line(out, "used by", part.used_by);
  fmt::print(out, "\nFields\n");
  TextGrid fields;
  for (const DescribedField& field : part.fields)
    fields.add({field.path, field.value, source_text(field)});
  fields.write(out, {.indent = 2, .widest = 40});
  if (!part.figures.empty()) {
    fmt::print(out, "\nDerived figures\n");
    TextGrid grid;
    for (const DescribedFigure& described : part.figures) {
      grid.add({described.name, format_figure(described.figure.value),
                fmt::format("{} = {}", described.figure.formula, described.figure.working)});
    }
    grid.write(out, {.indent = 2});
  }
  if (!part.info.alternatives.empty()) {
    fmt::print(out, "\nAlternatives\n");
    TextGrid grid;
    for (const Alternative& a : part.info.alternatives) {
      grid.add({a.name, path_of(a.pointer), a.value,
                fmt::format("{}; not used: {}", a.source, a.why_not_used)});
    }
    grid.write(out, {.indent = 2});
  }
  write_claims(out, part);
}

nlohmann::ordered_json part_json(const DescribedPart& part) {
  using Json = nlohmann::ordered_json;
  Json json{{"schema", 1},
            {"kind", kind_word(part.kind)},
            {"name", part.info.name},
            {"title", part.info.title},
            {"description", part.info.description},
            {"file", part.info.file}};
  if (!part.extends.empty()) json["extends"] = part.extends;
  json["uses"] = part.uses;
  json["used_by"] = part.used_by;
  json["fields"] = Json::array();
  for (const DescribedField& field : part.fields) {
    Json entry{{"path", field.path}, {"value", field.value}};
    if (!field.document.empty()) {
      entry["source"] = field.document;
      entry["confidence"] = field.confidence;
    }
    if (!field.derivation.empty()) entry["derivation"] = field.derivation;
    json["fields"].push_back(std::move(entry));
  }
  json["figures"] = Json::array();
  for (const DescribedFigure& described : part.figures) {
    json["figures"].push_back({{"name", described.name},
                               {"value", described.figure.value.value},
                               {"unit", base_unit_text(described.figure.value.dimension)},
                               {"formula", described.figure.formula},
                               {"working", described.figure.working}});
  }
  json["alternatives"] = Json::array();
  for (const Alternative& a : part.info.alternatives) {
    json["alternatives"].push_back({{"name", a.name},
                                    {"path", path_of(a.pointer)},
                                    {"value", a.value},
                                    {"source", a.source},
                                    {"why_not_used", a.why_not_used}});
  }
  json["claims"] = Json::array();
  for (const DescribedClaim& described : part.claims) {
    Json entry{{"figure", described.claim.figure},
               {"claimed", described.claim.value},
               {"tolerance", described.claim.tolerance},
               {"source", described.claim.source}};
    if (described.outcome) {
      entry["derived"] = format_figure(described.outcome->derived.value, 5);
      entry["deviation"] = described.outcome->deviation;
      entry["holds"] = described.outcome->holds;
    } else {
      entry["problem"] = described.problem;
    }
    if (!described.claim.note.empty()) entry["note"] = described.claim.note;
    json["claims"].push_back(std::move(entry));
  }
  return json;
}

// ---------------------------------------------------------------- other names

/// Title and lines of something that is no part: a collective, a shape, a figure, a rule, a field.
struct Entry {
  std::string name, what;
  std::vector<std::pair<std::string, std::string>> lines;  ///< key and text
};

std::optional<Entry> describe_collective(std::string_view name) {
  for (const AlgorithmInfo& algorithm : collective_algorithms()) {
    if (algorithm.name != name) continue;
    std::string types;
    for (const CollectiveType type : algorithm.types)
      types += fmt::format("{}{}", types.empty() ? "" : ", ", to_string(type));
    return Entry{std::string(name),
                 "collective algorithm",
                 {{"description", std::string(algorithm.description)}, {"types", types}}};
  }
  return std::nullopt;
}
std::optional<Entry> describe_shape(std::string_view name) {
  for (const PlaneShapeInfo& shape : plane_shapes()) {
    if (shape.name != name) continue;
    return Entry{
        std::string(name), "shape of a plane", {{"description", std::string(shape.description)}}};
  }
  return std::nullopt;
}
std::optional<Entry> describe_figure(std::string_view name) {
  for (const FigureInfo& figure : figures()) {
    const std::size_t key = figure.name.find('<');
    const bool keyed = key != std::string_view::npos &&
                       name.starts_with(figure.name.substr(0, key)) && name.size() > key;
    if (figure.name != name && !keyed) continue;
    return Entry{std::string(figure.name),
                 "derived figure",
                 {{"description", std::string(figure.sentence)},
                  {"unit", figure.unit.empty() ? "a count" : std::string(figure.unit)},
                  {"formula", std::string(figure.formula)}}};
  }
  return std::nullopt;
}
std::optional<Entry> describe_rule(std::string_view name) {
  for (const RuleInfo& rule : check_rules()) {
    if (rule.code != name) continue;
    const std::string exit =
        rule.exit_code == 0 ? "none: the exit code stays" : std::to_string(rule.exit_code);
    return Entry{std::string(name),
                 "rule of check",
                 {{"description", std::string(rule.meaning)},
                  {"example", std::string(rule.example)},
                  {"exit code", exit}}};
  }
  for (const ErrorCode& code : config_error_codes()) {
    if (code.code != name) continue;
    return Entry{std::string(name),
                 "error of loading",
                 {{"description", std::string(code.meaning)}, {"exit code", "2"}}};
  }
  return std::nullopt;
}
std::optional<Entry> describe_field_path(std::string_view name) {
  const std::size_t dot = name.find('.');
  const std::optional<PartKind> kind = parse_kind(name.substr(0, dot));
  if (dot == std::string_view::npos || !kind) return std::nullopt;
  const FieldDescription field = describe_field(*kind, name.substr(dot + 1));
  Entry entry{
      std::string(name),
      fmt::format("field of a {}", kind_word(*kind)),
      {{"description", field.description}, {"type", field.type}, {"value", field.requirement}}};
  if (!field.range.empty()) entry.lines.emplace_back("range", field.range);
  return entry;
}

std::optional<Entry> describe_other(std::string_view name) {
  if (auto entry = describe_collective(name)) return entry;
  if (auto entry = describe_shape(name)) return entry;
  if (auto entry = describe_figure(name)) return entry;
  if (auto entry = describe_rule(name)) return entry;
  return describe_field_path(name);
}

void write_entry(std::ostream& out, const Entry& entry, InfoFormat format) {
  if (format == InfoFormat::json) {
    nlohmann::ordered_json json{{"schema", 1}, {"name", entry.name}, {"what", entry.what}};
    for (const auto& [key, text] : entry.lines) json[key] = text;
    out << json.dump(2) << "\n";
    return;
  }
  fmt::print(out, "{} ({})\n", entry.name, entry.what);
  for (const auto& [key, text] : entry.lines) fmt::print(out, "  {}: {}\n", key, text);
}

// ---------------------------------------------------------------- which name

std::vector<PartKind> kinds_with(const Catalogue& catalogue, std::string_view name) {
  std::vector<PartKind> kinds;
  for (const PartKind kind : all_part_kinds) {
    if (catalogue.contains(kind, name)) kinds.push_back(kind);
  }
  return kinds;
}

[[noreturn]] void refuse_name(const Catalogue& catalogue, std::string_view name) {
  std::vector<std::string> known;
  for (const PartKind kind : all_part_kinds) {
    for (const CatalogueEntry& entry : catalogue.list(kind)) known.push_back(entry.name);
  }
  for (const AlgorithmInfo& algorithm : collective_algorithms()) known.emplace_back(algorithm.name);
  for (const PlaneShapeInfo& shape : plane_shapes()) known.emplace_back(shape.name);
  for (const FigureInfo& figure : figures()) known.emplace_back(figure.name);
  for (const RuleInfo& rule : check_rules()) known.emplace_back(rule.code);
  for (const ErrorCode& code : config_error_codes()) known.emplace_back(code.code);
  const std::string_view near = nearest_word(name, known);
  throw_error("unknown-name", fmt::format("nothing is called '{}'", name), {},
              near.empty() ? "'xpusim list' shows what can be described"
                           : fmt::format("did you mean '{}'?", near));
}

void write_part(std::ostream& out, Catalogue& catalogue, PartKind kind, const std::string& name,
                InfoFormat format) {
  const DescribedPart part = gather_part(catalogue, kind, name);
  if (format == InfoFormat::json) {
    out << part_json(part).dump(2) << "\n";
  } else {
    write_part_text(out, part);
  }
}

}  // namespace
}  // namespace catalogue_detail

void write_description(std::ostream& out, Catalogue& catalogue, std::string_view name,
                       InfoFormat format) {
  using namespace catalogue_detail;
  if (const std::size_t colon = name.find(':'); colon != std::string_view::npos) {
    const std::optional<PartKind> kind = parse_kind(name.substr(0, colon));
    const std::string_view part = name.substr(colon + 1);
    if (!kind) refuse_name(catalogue, name);
    if (!catalogue.contains(*kind, part)) refuse_name(catalogue, part);
    return write_part(out, catalogue, *kind, std::string(part), format);
  }
  const std::vector<PartKind> kinds = kinds_with(catalogue, name);
  if (kinds.size() > 1) {
    throw_error(
        "ambiguous-name",
        fmt::format("'{}' is a {} and a {}", name, kind_word(kinds[0]), kind_word(kinds[1])), {},
        fmt::format("write {}:{}", kind_word(kinds[0]), name));
  }
  if (kinds.size() == 1) return write_part(out, catalogue, kinds[0], std::string(name), format);
  const std::optional<Entry> entry = describe_other(name);
  if (!entry) refuse_name(catalogue, name);
  write_entry(out, *entry, format);
}

}  // namespace xpusim
