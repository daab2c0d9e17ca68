#include "catalogue/scope.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace xpusim::catalogue_detail {
namespace {

/// Puts the scope's alternatives into one part; remembers which names were found anywhere.
class Alternatives {
 public:
  Alternatives(const std::vector<NamedAlternative>& names, std::vector<AppliedAlternative>& applied)
      : names_(names), applied_(applied) {}

  template <class Spec>
  Document put_into(Catalogue& catalogue, std::string_view part, const SourceSpan& reference,
                    Spec& spec) {
    Document document = catalogue.document(KindOf<Spec>::value, part, reference);
    spec = catalogue.load<Spec>(part, reference);
    const std::vector<Alternative> known = spec.info.alternatives;
    bool changed = false;
    for (const NamedAlternative& wanted : names_) {
      if (!has_alternative(document, wanted.name)) continue;
      document = apply_alternative(document, wanted.name, wanted.span);
      found_.insert(wanted.name);
      changed = true;
      for (const Alternative& alternative : known) {
        if (alternative.name == wanted.name) applied_.push_back({std::string(part), alternative});
      }
    }
    if (changed) spec = decode<Spec>(document);
    return document;
  }

  void refuse_unknown(const std::string& part) const {
    Diagnostics findings;
    for (const NamedAlternative& wanted : names_) {
      if (found_.count(wanted.name) != 0) continue;
      findings.error(
          "unknown-alternative",
          fmt::format("neither '{}' nor a part of it has an alternative '{}'", part, wanted.name),
          wanted.span, fmt::format("'xpusim describe {}' lists the alternatives it has", part));
    }
    if (findings.has_errors()) throw InputError(std::move(findings));
  }

 private:
  const std::vector<NamedAlternative>& names_;
  std::vector<AppliedAlternative>& applied_;
  std::set<std::string> found_;
};

SourceSpan span_at(const Document& document, std::string_view pointer) {
  const JsonValue* value = document.root.at(pointer);
  return value != nullptr ? value->span : SourceSpan{};
}

void load_link(Catalogue& catalogue, Alternatives& alternatives, Scope& scope,
               const std::string& name, const SourceSpan& reference) {
  if (name.empty() || scope.links.count(name) != 0) return;
  LinkSpec link;
  Document document = alternatives.put_into<LinkSpec>(catalogue, name, reference, link);
  scope.links.emplace(name, std::move(link));
  scope.link_documents.emplace(name, std::move(document));
}

void load_chip(Catalogue& catalogue, Alternatives& alternatives, Scope& scope,
               std::string_view name, const SourceSpan& reference) {
  ChipSpec chip;
  Document document = alternatives.put_into<ChipSpec>(catalogue, name, reference, chip);
  for (const auto& [role, port] : chip.ports) {
    load_link(catalogue, alternatives, scope, port.link,
              span_at(document, "/ports/" + role + "/link"));
  }
  scope.chip = std::move(chip);
  scope.documents.emplace(PartKind::chip, std::move(document));
}

void load_system(Catalogue& catalogue, Alternatives& alternatives, Scope& scope,
                 std::string_view name, const SourceSpan& reference) {
  SystemSpec system;
  const Document document = alternatives.put_into<SystemSpec>(catalogue, name, reference, system);
  for (std::size_t i = 0; i < system.planes.size(); ++i) {
    const std::string plane = fmt::format("/planes/{}", i);
    load_link(catalogue, alternatives, scope, system.planes[i].link,
              span_at(document, plane + "/link"));
    load_link(catalogue, alternatives, scope, system.planes[i].uplink,
              span_at(document, plane + "/uplink"));
    load_link(catalogue, alternatives, scope, system.planes[i].core_link,
              span_at(document, plane + "/core_link"));
  }
  load_chip(catalogue, alternatives, scope, system.chip, span_at(document, "/chip"));
  scope.system = std::move(system);
  scope.documents.emplace(PartKind::system, document);
}

const PartInfo* info_of(const Scope& scope, const FigureResult::Input& input) {
  switch (input.kind) {
    case PartKind::system:
      return scope.system ? &scope.system->info : nullptr;
    case PartKind::chip:
      return scope.chip ? &scope.chip->info : nullptr;
    case PartKind::model:
      return scope.model ? &scope.model->info : nullptr;
    case PartKind::link: {
      const auto found = scope.links.find(input.part);
      return found != scope.links.end() ? &found->second.info : nullptr;
    }
    default:
      return nullptr;
  }
}

bool covers(std::string_view pointer, std::string_view below) {
  return below.substr(0, pointer.size()) == pointer &&
         (below.size() == pointer.size() || pointer.empty() || below[pointer.size()] == '/');
}

}  // namespace

Scope load_scope(Catalogue& catalogue, PartKind kind, std::string_view name,
                 const std::vector<NamedAlternative>& names, const SourceSpan& reference) {
  Scope scope;
  scope.kind = kind;
  scope.name = name;
  Alternatives alternatives(names, scope.applied);
  if (kind == PartKind::system) {
    load_system(catalogue, alternatives, scope, name, reference);
  } else if (kind == PartKind::chip) {
    load_chip(catalogue, alternatives, scope, name, reference);
  } else if (kind == PartKind::model) {
    ModelSpec model;
    Document document = alternatives.put_into<ModelSpec>(catalogue, name, reference, model);
    scope.model = std::move(model);
    scope.documents.emplace(PartKind::model, std::move(document));
  } else if (kind == PartKind::link) {
    load_link(catalogue, alternatives, scope, std::string(name), reference);
    scope.documents.emplace(PartKind::link, scope.link_documents.at(scope.name));
  } else {
    throw_error("unknown-kind",
                fmt::format("figures are of systems, chips, models and links, not of a {}",
                            kind_word(kind)),
                reference, "write system:NAME, chip:NAME, model:NAME or link:NAME");
  }
  alternatives.refuse_unknown(scope.name);
  return scope;
}

const PartInfo& part_info(const Scope& scope) {
  const PartInfo* info = info_of(scope, {scope.kind, scope.name, ""});
  if (info == nullptr) throw InternalError("a scope without its part");
  return *info;
}

const Provenance* closest_source(const std::vector<Provenance>& sources, std::string_view pointer) {
  const Provenance* closest = nullptr;
  for (const Provenance& source : sources) {
    if (!covers(source.pointer, pointer)) continue;
    if (closest == nullptr || source.pointer.size() > closest->pointer.size()) closest = &source;
  }
  return closest;
}

std::string_view confidence_word(Confidence confidence) {
  switch (confidence) {
    case Confidence::vendor:
      return "vendor";
    case Confidence::paper:
      return "paper";
    case Confidence::measured:
      return "measured";
    case Confidence::press:
      return "press";
    case Confidence::estimate:
      return "estimate";
  }
  throw InternalError("unknown confidence");
}

std::optional<SourceNote> source_of(const Scope& scope, const FigureResult::Input& input) {
  for (const AppliedAlternative& applied : scope.applied) {
    const Alternative& alternative = applied.alternative;
    if (applied.part != input.part) continue;
    if (!covers(alternative.pointer, input.pointer) && !covers(input.pointer, alternative.pointer))
      continue;
    return SourceNote{
        fmt::format("{} of {} as '{}' gives it, {}: {}", path_of(alternative.pointer), applied.part,
                    alternative.name, alternative.value, alternative.source),
        std::nullopt};
  }
  const PartInfo* info = info_of(scope, input);
  const Provenance* source =
      info != nullptr ? closest_source(info->sources, input.pointer) : nullptr;
  if (source == nullptr) return std::nullopt;
  if (source->confidence != Confidence::estimate)
    return SourceNote{source->document, source->confidence};
  // How an estimate was derived is about one value; a document may stand for many.
  return SourceNote{fmt::format("{} of {}: {}; {}", path_of(source->pointer), input.part,
                                source->document, source->derivation),
                    source->confidence};
}

std::string pointer_of(std::string_view dotted_path) {
  std::string pointer = "/" + std::string(dotted_path);
  std::replace(pointer.begin(), pointer.end(), '.', '/');
  return pointer;
}

std::string path_of(std::string_view pointer) {
  std::string path(pointer.substr(pointer.empty() ? 0 : 1));
  std::replace(path.begin(), path.end(), '/', '.');
  return path;
}

void throw_error(std::string code, std::string message, SourceSpan span, std::string help) {
  Diagnostics findings;
  findings.error(std::move(code), std::move(message), std::move(span), std::move(help));
  throw InputError(std::move(findings));
}

}  // namespace xpusim::catalogue_detail
