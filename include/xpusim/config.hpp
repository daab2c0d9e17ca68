// JSON files -> spec values, with positions: the catalogue of parts, `extends`, overrides,
// provenance.
//
// Every file is one object with "schema": 1, "kind", "name" (= the file's stem) and optionally
// "title", "description", "extends", "sources", "alternatives", "claims"; the rest are the fields
// of the kind's spec struct (docs/config-reference.md is generated from the same tables). Keys are
// the member names, except
//   ScenarioSpec::kind is "workload" ("kind" is "scenario" there);
//   words of enums are their C++ names, except "switch" (single_switch), "auto" (automatic), "1f1b"
//   (one_f_one_b).
// A dimensioned value is a string with a unit; CollectiveRunSpec::bytes is a list of such strings.
#pragma once

#include <array>
#include <filesystem>
#include <iosfwd>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "xpusim/diagnostic.hpp"
#include "xpusim/spec.hpp"
#include "xpusim/units.hpp"

namespace xpusim {

// ---------------------------------------------------------------- JSON with positions

enum class JsonType { null, boolean, number, string, array, object };

struct JsonMember;

/// One value of a document, with the place it came from (after `extends` and overrides, several
/// sources mix).
struct JsonValue {
  JsonType type = JsonType::null;
  bool boolean = false;
  double number = 0.0;
  std::string text;  ///< a string's value; a number as it was written
  std::vector<JsonValue> items;
  std::vector<JsonMember> members;  ///< in the file's order; keys are unique
  SourceSpan span;                  ///< scalars: the token; containers: the opening bracket

  [[nodiscard]] const JsonValue* find(std::string_view key) const;
  [[nodiscard]] const JsonMember* find_member(std::string_view key) const;
  /// RFC 6901: "" is this value, "/planes/0/name" a descendant; null when there is none.
  [[nodiscard]] const JsonValue* at(std::string_view pointer) const;
};
struct JsonMember {
  std::string key;
  SourceSpan key_span;
  JsonValue value;
};

/// Parses RFC 8259 JSON (UTF-8, a byte order mark is skipped, at most 64 levels). Duplicate keys
/// and the first syntax error are added to `diagnostics`; nothing is returned when there is a
/// syntax error.
[[nodiscard]] std::optional<JsonValue> parse_json(const std::shared_ptr<const SourceText>&,
                                                  Diagnostics&);
/// Compact JSON, keys sorted, numbers as they were written: equal trees give equal bytes.
[[nodiscard]] std::string canonical_json(const JsonValue&);

// ---------------------------------------------------------------- kinds of files

enum class PartKind { chip, link, system, model, software, scenario, table, validation };
inline constexpr std::array all_part_kinds{PartKind::chip,  PartKind::link,      PartKind::system,
                                           PartKind::model, PartKind::software,  PartKind::scenario,
                                           PartKind::table, PartKind::validation};
[[nodiscard]] std::string_view kind_word(PartKind);  ///< "chip"
[[nodiscard]] std::optional<PartKind> parse_kind(std::string_view word);

template <class Spec>
struct KindOf;
template <>
struct KindOf<ChipSpec> {
  static constexpr PartKind value = PartKind::chip;
};
template <>
struct KindOf<LinkSpec> {
  static constexpr PartKind value = PartKind::link;
};
template <>
struct KindOf<SystemSpec> {
  static constexpr PartKind value = PartKind::system;
};
template <>
struct KindOf<ModelSpec> {
  static constexpr PartKind value = PartKind::model;
};
template <>
struct KindOf<SoftwareSpec> {
  static constexpr PartKind value = PartKind::software;
};
template <>
struct KindOf<ScenarioSpec> {
  static constexpr PartKind value = PartKind::scenario;
};
template <>
struct KindOf<TableSpec> {
  static constexpr PartKind value = PartKind::table;
};
template <>
struct KindOf<ValidationSpec> {
  static constexpr PartKind value = PartKind::validation;
};

/// One file after `extends` and overrides: the tree that was validated, for queries by JSON
/// pointer.
struct Document {
  PartKind kind = PartKind::chip;
  std::string name;
  std::string file;
  JsonValue root;
  /// The file itself, then what it extends, then what that extends. `name`, `title`, `description`
  /// and `claims` are not inherited; everything else is merged, the child's keys win, arrays are
  /// replaced whole.
  std::vector<std::shared_ptr<const SourceText>> chain;
  std::vector<std::string> bases;  ///< names of those that it extends, the nearest first
};

/// A name in a document that means another part: system.chip, planes[i].link, scenario.model, ...
struct PartReference {
  PartKind kind = PartKind::chip;
  std::string name;
  SourceSpan span;
  std::string path;  ///< dotted: "planes.0.link"
};
[[nodiscard]] std::vector<PartReference> references(const Document&);

/// A scalar field as formulas need it: in base units, with its place. A default has no place.
struct FieldValue {
  std::variant<double, bool, std::string> value;
  Dimension dimension;  ///< all zero for a plain number
  SourceSpan span;
  bool is_default = false;
};
/// Reads "peak.bf16", "planes.0.link" or "planes.ub.link" (an item by its name); nothing when the
/// path names no scalar field, or one that is neither given nor has a default.
[[nodiscard]] std::optional<FieldValue> read_field(const Document&, std::string_view dotted_path);

/// Numbers and dimensioned strings that no source covers; code missing-source, an error each
/// (`check` exits 1). A source covers the subtree of its pointer. A value that a variant changes
/// needs a source in the variant (or in a file that extends it): the parent's document does not
/// vouch for it. Scenarios and tables need none.
[[nodiscard]] Diagnostics missing_sources(const Document&);

/// The document with the values of one of its alternatives ("semianalysis") in place; spans point
/// to them. Throws InputError unknown-alternative (at `reference`) when the document has none of
/// that name.
[[nodiscard]] Document apply_alternative(const Document&, std::string_view alternative,
                                         const SourceSpan& reference = {});
[[nodiscard]] bool has_alternative(const Document&, std::string_view alternative);

/// Validates against the field table of the spec and converts. Throws InputError with every finding
/// of the document.
template <class Spec>
[[nodiscard]] Spec decode(const Document&);
extern template ChipSpec decode<ChipSpec>(const Document&);
extern template LinkSpec decode<LinkSpec>(const Document&);
extern template SystemSpec decode<SystemSpec>(const Document&);
extern template ModelSpec decode<ModelSpec>(const Document&);
extern template SoftwareSpec decode<SoftwareSpec>(const Document&);
extern template ScenarioSpec decode<ScenarioSpec>(const Document&);
extern template TableSpec decode<TableSpec>(const Document&);
extern template ValidationSpec decode<ValidationSpec>(const Document&);

// ---------------------------------------------------------------- the catalogue

struct CatalogueEntry {
  PartKind kind = PartKind::chip;
  std::string name;
  std::string title;
  std::string file;
};

struct CatalogueOptions {
  /// Searched in order, recursively, for *.json; folders named "schema" are skipped. The first root
  /// wins a name.
  std::vector<std::filesystem::path> roots;
  /// Each "path.to.field=value". The value is JSON if it parses as such, else a string. Segments:
  /// key, array index, or the name of an array item. "chip.NAME.", "system.NAME.", "model.NAME.",
  /// "software.NAME.", "link.NAME." address a part (and everything that extends it is unaffected);
  /// any other path addresses the scenario.
  std::vector<std::string> overrides;
};

/// Finds parts by kind and name, reads them once, validates them, and keeps them.
class Catalogue {
 public:
  /// Throws InputError bad-override when an override has no "=" or an empty path.
  explicit Catalogue(CatalogueOptions options = {});
  ~Catalogue();
  Catalogue(Catalogue&&) noexcept;
  Catalogue& operator=(Catalogue&&) noexcept;

  /// Adds a file from memory (tests, pipes); `file` is how messages call it, its stem must equal
  /// "name".
  void add_text(std::string file, std::string text);

  /// Parts of a kind in order of name. A file that does not parse is listed by its folder
  /// ("chips/") and stem.
  [[nodiscard]] std::vector<CatalogueEntry> list(PartKind) const;
  [[nodiscard]] bool contains(PartKind, std::string_view name) const;

  /// The part, read on first use; the reference stays valid as long as the catalogue. Throws
  /// InputError: unknown-<kind> at `reference` with the nearest name, or everything that is wrong
  /// in the file.
  template <class Spec>
  [[nodiscard]] const Spec& load(std::string_view name, const SourceSpan& reference = {});
  [[nodiscard]] const Document& document(PartKind, std::string_view name,
                                         const SourceSpan& reference = {});

  /// Validates the part without keeping a typed value: what `check` runs on every entry.
  void validate(PartKind, std::string_view name);

  /// A scenario by path (has a '/' or ends in ".json") or by name, with the overrides applied, its
  /// references checked to exist. `overridden`: false leaves the overrides to another scenario that
  /// names this one. Throws InputError.
  [[nodiscard]] std::pair<ScenarioSpec, Document> load_scenario(std::string_view path_or_name,
                                                                bool overridden = true);

  /// Overrides of parts that nothing read so far: a warning each (code unused-override).
  [[nodiscard]] Diagnostics unused_overrides() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};
extern template const ChipSpec& Catalogue::load<ChipSpec>(std::string_view, const SourceSpan&);
extern template const LinkSpec& Catalogue::load<LinkSpec>(std::string_view, const SourceSpan&);
extern template const SystemSpec& Catalogue::load<SystemSpec>(std::string_view, const SourceSpan&);
extern template const ModelSpec& Catalogue::load<ModelSpec>(std::string_view, const SourceSpan&);
extern template const SoftwareSpec& Catalogue::load<SoftwareSpec>(std::string_view,
                                                                  const SourceSpan&);
extern template const TableSpec& Catalogue::load<TableSpec>(std::string_view, const SourceSpan&);
extern template const ValidationSpec& Catalogue::load<ValidationSpec>(std::string_view,
                                                                      const SourceSpan&);
extern template const ScenarioSpec& Catalogue::load<ScenarioSpec>(std::string_view,
                                                                  const SourceSpan&);

/// What was really used, for the manifest: {"scenario": {...}, "chip": {"name": {...}}, ...} with
/// every part that the scenario reaches, defaults filled in, without provenance. Canonical: equal
/// inputs give equal bytes.
[[nodiscard]] std::string resolved_json(Catalogue&, const Document& scenario);

// ---------------------------------------------------------------- generated from the field tables

/// One field as `describe` prints it.
struct FieldDescription {
  std::string path;  ///< "memory.bandwidth"; "<key>" stands for a map's key, "[]" for an item
  std::string type;  ///< "bytes per second", "one of: spray, hash", "list of ..."
  std::string requirement;  ///< "required" or the default as it would be written
  std::string range;        ///< "> 0", "in (0, 1]"; may be empty
  std::string description;
};
/// Every field of a kind, parents before children.
[[nodiscard]] std::vector<FieldDescription> field_descriptions(PartKind);
/// "memory.bandwidth" of a chip; items and map keys may be written as they are ("peak.bf16").
/// Throws InputError unknown-key with the nearest name.
[[nodiscard]] FieldDescription describe_field(PartKind, std::string_view dotted_path);

struct ErrorCode {
  std::string_view code;
  std::string_view meaning;
};
/// The codes this module reports, in alphabetical order.
[[nodiscard]] const std::vector<ErrorCode>& config_error_codes();

/// JSON Schema (draft 2020-12) of one kind; ends with a newline.
[[nodiscard]] std::string json_schema(PartKind);
/// Writes <kind>.schema.json for every kind. Throws InputError when the folder cannot be written.
void write_json_schemas(const std::filesystem::path& folder);
/// docs/config-reference.md.
void write_config_reference(std::ostream&);

}  // namespace xpusim
