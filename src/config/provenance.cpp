// Where numbers come from, what other sources say, and what a document refers to.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "config/document.hpp"

namespace xpusim {
namespace {

using config::TypeClass;
using config::TypeInfo;

bool needs_source(const JsonValue& value, const TypeInfo& type) {
  return value.type == JsonType::number ||
         (value.type == JsonType::string && type.type == TypeClass::quantity);
}

bool holds_numbers(const JsonValue& value, const TypeInfo& type) {
  if (type.type != TypeClass::list) return needs_source(value, type);
  return std::any_of(value.items.begin(), value.items.end(),
                     [&](const JsonValue& item) { return holds_numbers(item, *type.element); });
}

/// The sources of a document, asked by pointer.
class Sources {
 public:
  explicit Sources(const Document& document) {
    const JsonValue* sources = document.root.find("sources");
    if (!sources) return;
    for (const JsonMember& member : sources->members) {
      ranks_[member.key] = config::chain_rank(document, member.key_span);
    }
  }

  /// A source of the value's own file, or of one that extends it, at the pointer or above.
  [[nodiscard]] bool cover(std::string_view pointer, std::size_t value_rank) const {
    return any_above(pointer, [&](std::size_t rank) { return rank <= value_rank; });
  }
  [[nodiscard]] bool cover_in_parent(std::string_view pointer) const {
    return any_above(pointer, [](std::size_t) { return true; });
  }
  [[nodiscard]] bool any_below(const std::string& pointer) const {
    const auto next = ranks_.lower_bound(pointer + "/");
    return next != ranks_.end() && next->first.starts_with(pointer + "/");
  }

 private:
  template <class Accepts>
  [[nodiscard]] bool any_above(std::string_view pointer, Accepts accepts) const {
    while (true) {
      const auto found = ranks_.find(pointer);
      if (found != ranks_.end() && accepts(found->second)) return true;
      if (pointer.empty()) return false;
      pointer = pointer.substr(0, pointer.rfind('/'));
    }
  }

  std::map<std::string, std::size_t, std::less<>>
      ranks_;  ///< index in the document's chain, by pointer
};

void report(const Sources& sources, const JsonValue& value, const std::string& pointer,
            const std::string& path, Diagnostics& diagnostics) {
  const std::string help =
      fmt::format(R"(add "{}": {{"document": "...", "confidence": "..."}} to "sources")", pointer);
  const bool changed = sources.cover_in_parent(pointer);
  diagnostics.error("missing-source",
                    fmt::format("'{}' {}", path,
                                changed ? "changes an inherited value and has no source of its own"
                                        : "has no source"),
                    value.span, help);
}

}  // namespace

Diagnostics missing_sources(const Document& document) {
  Diagnostics diagnostics;
  if (document.kind == PartKind::scenario || document.kind == PartKind::table ||
      document.kind == PartKind::validation)
    return diagnostics;
  const Sources sources(document);
  config::visit_fields(document.root, config::spec_info(document.kind),
                       [&](const JsonValue& value, const TypeInfo& type, const config::Rule&,
                           const std::string& pointer, const std::string& path) {
                         const std::size_t rank = config::chain_rank(document, value.span);
                         if (rank == document.chain.size())
                           return false;  // an override: the user vouches for it
                         // A list that no source reaches into is reported once, not number by
                         // number.
                         const bool whole_list =
                             type.type == TypeClass::list && !sources.any_below(pointer);
                         if (!whole_list && !needs_source(value, type)) return true;
                         if (!whole_list || holds_numbers(value, type)) {
                           if (!sources.cover(pointer, rank))
                             report(sources, value, pointer, path, diagnostics);
                           return false;
                         }
                         return true;
                       });
  return diagnostics;
}

std::vector<PartReference> references(const Document& document) {
  std::vector<PartReference> found;
  config::visit_fields(document.root, config::spec_info(document.kind),
                       [&](const JsonValue& value, const TypeInfo& type, const config::Rule& rule,
                           const std::string&, const std::string& path) {
                         const bool names_part = type.type == TypeClass::text && rule.refers_to &&
                                                 value.type == JsonType::string &&
                                                 !value.text.empty();
                         if (names_part)
                           found.push_back({*rule.refers_to, value.text, value.span, path});
                         return true;
                       });
  return found;
}

bool has_alternative(const Document& document, std::string_view alternative) {
  const JsonValue* all = document.root.find("alternatives");
  return all && all->find(alternative);
}

Document apply_alternative(const Document& document, std::string_view alternative,
                           const SourceSpan& reference) {
  const JsonValue* all = document.root.find("alternatives");
  const JsonValue* chosen = all ? all->find(alternative) : nullptr;
  if (!chosen) {
    std::vector<std::string> known;
    if (all) {
      for (const JsonMember& member : all->members) known.push_back(member.key);
    }
    Diagnostics d;
    d.error("unknown-alternative",
            fmt::format("{} '{}' has no alternative '{}'", kind_word(document.kind), document.name,
                        alternative),
            reference, config::suggestion(alternative, known, "alternatives"));
    throw InputError(std::move(d));
  }
  Document out = document;
  for (const JsonMember& member : chosen->members) {
    const JsonValue* value = member.value.find("value");
    // `at` looks; the copy is ours to change.
    auto* target = const_cast<JsonValue*>(out.root.at(member.key));
    if (value && target) *target = *value;
  }
  return out;
}

}  // namespace xpusim
