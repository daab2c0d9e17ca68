// From the trees of several files to one document: inheritance, overrides, and typed walks over the
// result.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "config/spec_tables.hpp"

namespace xpusim::config {

/// The child's tree over its parent's: objects merge, everything else is replaced.
[[nodiscard]] JsonValue merged(const JsonValue& parent, const JsonValue& child);

/// One `--set`: where, and what.
struct Override {
  struct Segment {
    std::string text;
    SourceSpan span;
  };
  std::shared_ptr<const SourceText> source;
  std::vector<Segment> path;
  JsonValue value;
};
/// Throws InputError bad-override.
[[nodiscard]] Override parse_override(const std::string& text);

/// Sets the value at path[first...] in the tree, creating objects on the way; adds bad-override to
/// `diagnostics` when the path runs through a scalar or past the end of an array.
void apply_override(JsonValue& root, const StructInfo& info, const Override&, std::size_t first,
                    Diagnostics&);

/// Called for every field of a document that is given, containers before their contents. `pointer`
/// is the JSON pointer and `path` the dotted path. Returning false skips the contents.
using FieldVisitor = std::function<bool(const JsonValue&, const TypeInfo&, const Rule&,
                                        const std::string& pointer, const std::string& path)>;
void visit_fields(const JsonValue& object, const StructInfo&, const FieldVisitor&);

/// What the walks over a document's own fields start from (without what every file carries).
[[nodiscard]] const StructInfo& spec_info(PartKind);

/// Index of the file that a span points into in the chain of a document; the chain's length for
/// overrides.
[[nodiscard]] std::size_t chain_rank(const Document&, const SourceSpan&);

/// Findings in the order of the files: the document's own first, then what it extends, then
/// overrides.
void sort_by_place(const Document&, Diagnostics&);

/// Converts and collects what is wrong.
template <class Spec>
[[nodiscard]] Spec decode_into(const Document&, Diagnostics&);

}  // namespace xpusim::config
