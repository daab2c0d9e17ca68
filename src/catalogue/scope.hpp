// The parts that one formula or claim speaks of: a part, its chip and its links, with alternatives
// in place.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "catalogue/formula.hpp"
#include "catalogue/value.hpp"
#include "xpusim/catalogue.hpp"
#include "xpusim/fabric.hpp"

namespace xpusim::catalogue_detail {

/// An alternative that a scope put in place.
struct AppliedAlternative {
  std::string part;  ///< "huawei-ascend-910c"
  Alternative alternative;
};

struct Scope {
  PartKind kind = PartKind::system;
  std::string name;
  std::map<PartKind, Document> documents;  ///< system, chip, model or link, as far as it has them
  std::map<std::string, Document, std::less<>> link_documents;  ///< links of system and chip
  std::optional<SystemSpec> system;
  std::optional<ChipSpec> chip;
  std::optional<ModelSpec> model;
  LinkParts links;
  std::vector<AppliedAlternative> applied;
};

/// A named alternative and the place that names it.
struct NamedAlternative {
  std::string name;
  SourceSpan span;
};
/// Throws InputError: what loading throws; unknown-alternative when no part of the scope has one of
/// the names.
[[nodiscard]] Scope load_scope(Catalogue&, PartKind, std::string_view name,
                               const std::vector<NamedAlternative>& alternatives = {},
                               const SourceSpan& reference = {});

/// What a name meant: its value, how it came about, and the fields it was read from.
struct FigureResult {
  FigureValue value;
  std::string formula;  ///< "chips * chip.peak.bf16"; the path itself for a field
  std::string working;  ///< "384 * 752 TFLOP/s"
  struct Input {
    PartKind kind = PartKind::system;
    std::string part, pointer;
  };
  std::vector<Input> inputs;
};
/// Throws InputError at `span`: unknown-figure, not-published.
[[nodiscard]] FigureResult resolve_figure(const Scope&, std::string_view name,
                                          const SourceSpan& span);

/// Names of all figures that this scope can answer, map keys filled in ("system.peak.bf16"), in
/// registry order.
[[nodiscard]] std::vector<std::string> figure_names(const Scope&);

/// Where the value at `pointer` of a part comes from: an applied alternative, or its provenance.
struct SourceNote {
  std::string text;  ///< document, and how an estimate was derived
  std::optional<Confidence> confidence;
};
[[nodiscard]] std::optional<SourceNote> source_of(const Scope&, const FigureResult::Input&);
/// The provenance whose pointer covers `pointer` most closely.
[[nodiscard]] const Provenance* closest_source(const std::vector<Provenance>&,
                                               std::string_view pointer);
[[nodiscard]] std::string_view confidence_word(Confidence);

/// "/memory/bandwidth" <-> "memory.bandwidth" (keys of parts contain neither dots nor slashes).
[[nodiscard]] std::string pointer_of(std::string_view dotted_path);
[[nodiscard]] std::string path_of(std::string_view pointer);

/// Claims and fields carry their provenance in the spec; the part's whole PartInfo.
[[nodiscard]] const PartInfo& part_info(const Scope&);

[[noreturn]] void throw_error(std::string code, std::string message, SourceSpan span = {},
                              std::string help = {});

}  // namespace xpusim::catalogue_detail
