// Runs the rules over the catalogue and keeps what they find.
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>

#include "catalogue/numbers.hpp"
#include "catalogue/rules.hpp"

namespace xpusim {
namespace catalogue_detail {
namespace {

namespace fs = std::filesystem;

class Checker {
 public:
  Checker(Catalogue& catalogue, CheckResult& result) : catalogue_(catalogue), result_(result) {}

  void check_everything() {
    for (const PartKind kind : all_part_kinds) {
      for (const CatalogueEntry& entry : catalogue_.list(kind)) check_part(entry);
    }
    note_unused_parts();
  }

  void check_files(const std::vector<fs::path>& files) {
    for (const fs::path& file : files) {
      if (const std::optional<CatalogueEntry> entry = find_entry(file)) check_part(*entry);
    }
  }

 private:
  /// Runs a step; what it throws becomes findings. Returns whether it ran to its end.
  template <class Step>
  bool gather(Step step) {
    try {
      step();
      return true;
    } catch (const InputError& error) {
      add_all(error.diagnostics());
      return false;
    }
  }

  void add_all(const Diagnostics& findings) {
    for (const Diagnostic& finding : findings.items()) add(finding);
  }
  /// A broken chip is met again by every system that uses it: it is reported once.
  void add(Diagnostic finding) {
    if (is_dangling(finding.code)) finding.code = "dangling-reference";
    const std::string key =
        fmt::format("{}\n{}\n{}\n{}", finding.code, finding.message,
                    finding.span.source ? finding.span.source->name : "", finding.span.offset);
    if (!seen_.insert(key).second) return;
    if (finding.severity == Severity::error)
      result_.exit_code = std::max(result_.exit_code, exit_code_of(finding.code));
    result_.findings.add(std::move(finding));
  }
  /// Loading calls a name without a part unknown-chip, unknown-link, ...: one rule here, whatever
  /// the kind.
  static bool is_dangling(std::string_view code) {
    constexpr std::string_view prefix = "unknown-";
    return code.starts_with(prefix) && parse_kind(code.substr(prefix.size())).has_value();
  }

  void check_part(const CatalogueEntry& entry) {
    ++result_.parts;
    if (!gather([&] { catalogue_.validate(entry.kind, entry.name); })) return;
    const Document& document = catalogue_.document(entry.kind, entry.name);
    for (const PartReference& reference : references(document))
      used_.insert({reference.kind, reference.name});
    add_all(missing_sources(document));
    count_numbers(document);
    Diagnostics findings;
    gather([&] { check_kind(entry, document, findings); });
    add_all(findings);
  }

  void count_numbers(const Document& document) {
    for (const NumberField& number : number_fields(document)) {
      if (number.source == nullptr) {
        ++result_.unsourced;
      } else {
        ++result_.numbers[number.source->confidence];
      }
    }
  }

  void check_kind(const CatalogueEntry& entry, const Document& document, Diagnostics& findings) {
    switch (entry.kind) {
      case PartKind::software:
      case PartKind::validation:
        return;
      case PartKind::scenario:
        (void)resolved_json(catalogue_, catalogue_.load_scenario(entry.name).second);
        return;
      case PartKind::table:
        (void)build_comparison_table(catalogue_, entry.name);
        return;
      case PartKind::chip:
        check_chip(catalogue_.load<ChipSpec>(entry.name), document, findings);
        break;
      case PartKind::link:
      case PartKind::model:
      case PartKind::system:
        break;
    }
    const Scope scope = load_scope(catalogue_, entry.kind, entry.name);
    if (entry.kind == PartKind::system) check_system(scope, findings);
    check_claims(scope, findings);
  }

  // -------------------------------------------------------------- parts that nothing names

  /// Besides plain references: parents of variants, values of alternatives, columns of tables.
  void gather_other_uses(const Document& document) {
    for (std::size_t i = 1; i < document.chain.size(); ++i)
      parents_.insert(document.chain[i]->name);
    if (const JsonValue* alternatives = document.root.find("alternatives"))
      add_texts(*alternatives);
    if (document.kind != PartKind::table) return;
    const JsonValue* columns = document.root.find("columns");
    if (columns == nullptr) return;
    for (const JsonValue& column : columns->items) {
      if (const JsonValue* part = column.find("part"))
        texts_.insert(part->text.substr(part->text.find(':') + 1));
    }
  }
  void add_texts(const JsonValue& value) {
    if (value.type == JsonType::string) texts_.insert(value.text);
    for (const JsonValue& item : value.items) add_texts(item);
    for (const JsonMember& member : value.members) add_texts(member.value);
  }

  void note_unused_parts() {
    std::vector<CatalogueEntry> entries;
    for (const PartKind kind : all_part_kinds) {
      for (const CatalogueEntry& entry : catalogue_.list(kind)) {
        try {
          gather_other_uses(catalogue_.document(kind, entry.name));
          entries.push_back(entry);
        } catch (const InputError&) {
          // Already reported; what it would have named is unknown, so no note can be sure.
          return;
        }
      }
    }
    for (const CatalogueEntry& entry : entries) {
      const bool counted = entry.kind == PartKind::chip || entry.kind == PartKind::link ||
                           entry.kind == PartKind::model || entry.kind == PartKind::software;
      if (!counted || used_.count({entry.kind, entry.name}) != 0 || texts_.count(entry.name) != 0 ||
          parents_.count(entry.file) != 0) {
        continue;
      }
      const JsonValue* name = catalogue_.document(entry.kind, entry.name).root.find("name");
      Diagnostics note;
      note.note("unused-part",
                fmt::format("nothing names the {} '{}'", kind_word(entry.kind), entry.name),
                name != nullptr ? name->span : SourceSpan{});
      add_all(note);
    }
  }

  // -------------------------------------------------------------- files

  static bool same_file(const fs::path& a, const fs::path& b) {
    std::error_code error;
    return a == b || fs::weakly_canonical(a, error) == fs::weakly_canonical(b, error);
  }
  std::optional<CatalogueEntry> entry_of(const fs::path& file) const {
    for (const PartKind kind : all_part_kinds) {
      for (const CatalogueEntry& entry : catalogue_.list(kind)) {
        if (entry.name == file.stem().string() && same_file(entry.file, file)) return entry;
      }
    }
    return std::nullopt;
  }

  std::optional<CatalogueEntry> find_entry(const fs::path& file) {
    if (auto entry = entry_of(file)) return entry;
    std::ifstream stream(file, std::ios::binary);
    std::ostringstream text;
    if (stream) text << stream.rdbuf();
    if (!stream || !text) {
      unreadable(fmt::format("cannot read '{}'", file.string()),
                 "name a JSON file of a part, a scenario or a table");
      return std::nullopt;
    }
    if (!gather([&] { catalogue_.add_text(file.string(), text.str()); })) return std::nullopt;
    if (auto entry = entry_of(file)) return entry;
    explain_unlisted(file, text.str());
    return std::nullopt;
  }

  /// The catalogue did not take the file: its text is no JSON, or does not say what it is.
  void explain_unlisted(const fs::path& file, const std::string& text) {
    Diagnostics findings;
    (void)parse_json(std::make_shared<const SourceText>(SourceText{file.string(), text}), findings);
    add_all(findings);
    if (findings.has_errors()) return;
    unreadable(
        fmt::format(
            "'{}' is no part: its \"kind\" is missing or unknown, or its \"name\" is not '{}'",
            file.string(), file.stem().string()),
        "start it with \"schema\": 1, \"kind\": \"chip\", \"name\": \"...\"");
  }

  void unreadable(std::string message, std::string help) {
    Diagnostics finding;
    finding.error("unreadable-file", std::move(message), {}, std::move(help));
    add_all(finding);
  }

  Catalogue& catalogue_;
  CheckResult& result_;
  std::set<std::string> seen_;
  std::set<std::pair<PartKind, std::string>> used_;
  std::set<std::string> texts_, parents_;
};

}  // namespace
}  // namespace catalogue_detail

CheckResult check_catalogue(Catalogue& catalogue, const std::vector<std::filesystem::path>& files) {
  CheckResult result;
  catalogue_detail::Checker checker(catalogue, result);
  if (files.empty()) {
    checker.check_everything();
  } else {
    checker.check_files(files);
  }
  return result;
}

}  // namespace xpusim
