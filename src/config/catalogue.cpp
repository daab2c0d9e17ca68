// The files under the roots, indexed by stem, parsed on demand.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>

#include "config/document.hpp"

namespace xpusim {
namespace {

namespace fs = std::filesystem;

// The largest shipped file is below 100 kB; a bound keeps the tree of a stray file from filling the
// memory.
constexpr std::uintmax_t max_file_bytes = 8u << 20;

/// One JSON file: known by its path first, parsed when somebody asks.
struct File {
  std::string name;  ///< as messages call it
  std::string stem;
  std::optional<PartKind>
      folder_kind;       ///< what its folder says ("chips"): for files that do not parse
  std::size_t root = 0;  ///< index of the root it was found under
  std::shared_ptr<const SourceText> source;  ///< null until read
  std::optional<JsonValue> tree;
  Diagnostics findings;
  bool parsed = false;
};

std::optional<PartKind> kind_of_folder(const fs::path& relative) {
  std::optional<PartKind> kind;
  for (const fs::path& part : relative.parent_path()) {
    std::string word = part.string();
    if (word.ends_with('s')) word.pop_back();
    if (const auto named = parse_kind(word)) kind = named;
  }
  return kind;
}

void read_file(File& file) {
  std::error_code error;
  const std::uintmax_t size = fs::file_size(file.name, error);
  if (!error && size > max_file_bytes) {
    file.source = std::make_shared<const SourceText>(SourceText{file.name, ""});
    file.findings.error(
        "file-too-large", fmt::format("the file has {} MB", size / 1'000'000), {file.source, 0, 0},
        fmt::format("a configuration file has at most {} MiB", max_file_bytes >> 20));
    return;
  }
  std::ifstream in(file.name, std::ios::binary);
  std::ostringstream text;
  if (in) text << in.rdbuf();
  file.source = std::make_shared<const SourceText>(SourceText{file.name, std::move(text).str()});
  if (error || !in) {
    file.findings.error("unreadable-file", fmt::format("cannot read '{}'", file.name), {},
                        "check that it exists and may be read");
  }
}

void parse_file(File& file) {
  if (file.parsed) return;
  file.parsed = true;
  if (!file.source) read_file(file);
  if (file.findings.has_errors()) return;
  file.tree = parse_json(file.source, file.findings);
}

const JsonValue* text_member(const File& file, std::string_view key) {
  const JsonValue* value = file.tree ? file.tree->find(key) : nullptr;
  return value && value->type == JsonType::string ? value : nullptr;
}

std::optional<PartKind> kind_of(File& file) {
  parse_file(file);
  const JsonValue* word = text_member(file, "kind");
  const auto kind = word ? parse_kind(word->text) : std::nullopt;
  return kind ? kind : file.folder_kind;
}

/// "kind" and "name" of a file as they must be: a typing error here would make the part vanish.
void check_identity(const File& file, PartKind kind, Diagnostics& diagnostics) {
  if (!file.tree || file.tree->type != JsonType::object) return;
  if (const JsonValue* word = text_member(file, "kind"); word && word->text != kind_word(kind)) {
    std::vector<std::string> kinds;
    for (const PartKind known : all_part_kinds) kinds.emplace_back(kind_word(known));
    const bool known = parse_kind(word->text).has_value();
    diagnostics.error(
        "unknown-kind",
        known ? fmt::format("a {} stands where a {} is expected", word->text, kind_word(kind))
              : fmt::format("'{}' is no kind of file", word->text),
        word->span, known ? "" : config::suggestion(word->text, kinds, "kinds"));
  }
  if (const JsonValue* name = text_member(file, "name"); name && name->text != file.stem) {
    diagnostics.error("name-mismatch", fmt::format("the name '{}' is not the file's", name->text),
                      name->span, fmt::format("write \"{}\", or rename the file", file.stem));
  }
}

std::string_view unknown_code(PartKind kind) {
  switch (kind) {
    case PartKind::chip:
      return "unknown-chip";
    case PartKind::link:
      return "unknown-link";
    case PartKind::system:
      return "unknown-system";
    case PartKind::model:
      return "unknown-model";
    case PartKind::software:
      return "unknown-software";
    case PartKind::scenario:
      return "unknown-scenario";
    case PartKind::table:
      return "unknown-table";
    case PartKind::validation:
      return "unknown-validation";
  }
  throw InternalError("a part kind without a code");
}

/// An override of a part, once it is known which: the name may itself contain points.
struct PartTarget {
  PartKind kind;
  std::string name;
  std::size_t first = 0;  ///< first segment of the path inside the part
};

constexpr std::array overridable_kinds{PartKind::chip, PartKind::system, PartKind::model,
                                       PartKind::software, PartKind::link};

/// The kind that an override addresses; none for the scenario.
std::optional<PartKind> addressed_kind(const config::Override& o) {
  if (o.path.size() < 2) return std::nullopt;
  for (const PartKind kind : overridable_kinds) {
    if (o.path[0].text == kind_word(kind)) return kind;
  }
  return std::nullopt;
}

}  // namespace

struct Catalogue::State {
  using Key = std::pair<PartKind, std::string>;

  CatalogueOptions options;
  std::vector<config::Override> overrides;
  std::vector<bool> override_used;
  bool indexed = false;
  std::vector<std::unique_ptr<File>> files;
  std::map<std::string, std::vector<File*>, std::less<>> by_stem;
  std::map<Key, std::unique_ptr<Document>> documents;
  std::map<Key, std::shared_ptr<const void>> specs;

  File& add(std::unique_ptr<File> file) {
    File& added = *files.emplace_back(std::move(file));
    by_stem[added.stem].push_back(&added);
    return added;
  }

  void index() {
    if (indexed) return;
    indexed = true;
    for (std::size_t i = 0; i < options.roots.size(); ++i) index_root(options.roots[i], i);
  }

  void index_root(const fs::path& root, std::size_t number) {
    std::error_code error;
    std::vector<fs::path> paths;
    fs::recursive_directory_iterator it(root, fs::directory_options::skip_permission_denied, error),
        end;
    if (error) {
      throw InputError("unreadable-folder",
                       fmt::format("cannot read the folder '{}'", root.generic_string()),
                       "name the folder that holds chips/, systems/, ...");
    }
    for (; it != end; it.increment(error)) {
      if (it->is_directory() && it->path().filename() == "schema") it.disable_recursion_pending();
      if (it->is_regular_file() && it->path().extension() == ".json") paths.push_back(it->path());
    }
    std::sort(paths.begin(), paths.end());
    for (const fs::path& path : paths) {
      auto file = std::make_unique<File>();
      file->name = path.lexically_normal().generic_string();
      file->stem = path.stem().string();
      file->root = number;
      // The root itself may be the folder of a kind ("scenarios/").
      file->folder_kind = kind_of_folder(root.filename() / path.lexically_relative(root));
      add(std::move(file));
    }
  }

  /// Files of a kind and stem, nearest root first.
  std::vector<File*> find_all(PartKind kind, std::string_view name) {
    index();
    std::vector<File*> found;
    if (const auto same = by_stem.find(name); same != by_stem.end()) {
      for (File* file : same->second) {
        if (kind_of(*file) == kind) found.push_back(file);
      }
    }
    std::stable_sort(found.begin(), found.end(),
                     [](const File* a, const File* b) { return a->root < b->root; });
    return found;
  }

  std::vector<std::string> names(PartKind kind) {
    index();
    std::vector<std::string> out;
    for (const auto& [stem, same] : by_stem) {
      if (std::any_of(same.begin(), same.end(), [&](File* f) { return kind_of(*f) == kind; }))
        out.push_back(stem);
    }
    return out;
  }

  Diagnostic unknown(PartKind kind, std::string_view name, const SourceSpan& reference) {
    return {Severity::error, std::string(unknown_code(kind)),
            fmt::format("no {} is called '{}'", kind_word(kind), name), reference,
            config::suggestion(name, names(kind), std::string(kind_word(kind)) + "s")};
  }

  [[noreturn]] static void fail(Diagnostic d) {
    Diagnostics all;
    all.add(std::move(d));
    throw InputError(std::move(all));
  }

  File& find(PartKind kind, std::string_view name, const SourceSpan& reference) {
    const std::vector<File*> found = find_all(kind, name);
    if (found.empty()) fail(unknown(kind, name, reference));
    if (found.size() > 1 && found[0]->root == found[1]->root) {
      fail({Severity::error, "ambiguous-name",
            fmt::format("two files describe the {} '{}': {} and {}", kind_word(kind), name,
                        found[0]->name, found[1]->name),
            reference, "rename one"});
    }
    return *found[0];
  }

  /// The file's tree over those that it extends.
  JsonValue inherited(File& file, PartKind kind, std::vector<File*>& chain) {
    parse_file(file);
    if (!file.tree) throw InputError(file.findings);
    chain.push_back(&file);
    const JsonValue* extends = text_member(file, "extends");
    if (!extends) return *file.tree;
    std::vector<File*> candidates = find_all(kind, extends->text);
    if (candidates.empty()) fail(unknown(kind, extends->text, extends->span));
    File& parent = *candidates.front();
    if (std::find(chain.begin(), chain.end(), &parent) != chain.end())
      fail(cycle(chain, parent, extends->span));
    return config::merged(inherited(parent, kind, chain), *file.tree);
  }

  static Diagnostic cycle(const std::vector<File*>& chain, const File& again,
                          const SourceSpan& span) {
    std::vector<std::string> names;
    for (auto it = std::find(chain.begin(), chain.end(), &again); it != chain.end(); ++it) {
      names.push_back((*it)->stem);
    }
    names.push_back(again.stem);
    return {Severity::error, "extends-cycle",
            fmt::format("'{}' extends itself: {}", again.stem, fmt::join(names, " -> ")), span,
            "a part extends one that stands by itself"};
  }

  /// Builds the document of a file. Findings that do not prevent it are added.
  Document build(File& file, PartKind kind, Diagnostics& diagnostics, bool overridden = true) {
    std::vector<File*> chain;
    Document document;
    document.root = inherited(file, kind, chain);
    document.kind = kind;
    document.name = file.stem;
    document.file = file.name;
    for (File* link : chain) {
      document.chain.push_back(link->source);
      if (link != chain.front()) document.bases.push_back(link->stem);
      diagnostics.append(link->findings);
    }
    check_identity(file, kind, diagnostics);
    if (overridden) apply_overrides(document, diagnostics);
    return document;
  }

  std::optional<PartTarget> target_of(const config::Override& o) {
    const auto kind = addressed_kind(o);
    if (!kind) return std::nullopt;
    PartTarget target{*kind, o.path[1].text, 2};
    std::string name;
    for (std::size_t i = 1; i + 1 < o.path.size(); ++i) {
      name += (i > 1 ? "." : "") + o.path[i].text;
      if (!find_all(*kind, name).empty()) target = {*kind, name, i + 1};
    }
    return target;
  }

  void apply_overrides(Document& document, Diagnostics& diagnostics) {
    for (std::size_t i = 0; i < overrides.size(); ++i) {
      const auto target = target_of(overrides[i]);
      const bool here = target ? target->kind == document.kind && target->name == document.name
                               : document.kind == PartKind::scenario;
      if (!here) continue;
      override_used[i] = true;
      config::apply_override(document.root, config::root_info(document.kind), overrides[i],
                             target ? target->first : 0, diagnostics);
    }
  }

  void check_override_targets(Diagnostics& diagnostics) {
    for (const config::Override& o : overrides) {
      const auto target = target_of(o);
      if (!target) continue;
      if (!find_all(target->kind, target->name).empty()) continue;
      diagnostics.add(unknown(target->kind, target->name, o.path[1].span));
    }
  }

  void check_references(const Document& document, Diagnostics& diagnostics) {
    for (const PartReference& reference : references(document)) {
      if (find_all(reference.kind, reference.name).empty()) {
        diagnostics.add(unknown(reference.kind, reference.name, reference.span));
      }
    }
  }

  template <class Spec>
  Spec checked(const Document& document, Diagnostics diagnostics) {
    Spec spec = config::decode_into<Spec>(document, diagnostics);
    check_references(document, diagnostics);
    config::sort_by_place(document, diagnostics);
    if (diagnostics.has_errors()) throw InputError(std::move(diagnostics));
    return spec;
  }

  File& scenario_file(std::string_view path_or_name) {
    const bool is_path =
        path_or_name.find('/') != std::string_view::npos || path_or_name.ends_with(".json");
    if (!is_path) return find(PartKind::scenario, path_or_name, {});
    index();
    return file_at(fs::path(path_or_name).lexically_normal());
  }

  File& file_at(const fs::path& path) {
    for (const auto& file : files) {
      if (file->name == path.generic_string()) return *file;
    }
    // Its siblings join the catalogue, after every root, so that it can extend them.
    const std::size_t after_roots = options.roots.size();
    std::error_code error;
    std::vector<fs::path> siblings;
    for (fs::directory_iterator it(path.has_parent_path() ? path.parent_path() : ".", error), end;
         !error && it != end; it.increment(error)) {
      const fs::path sibling = it->path().lexically_normal();
      if (sibling.extension() == ".json" && sibling != path) siblings.push_back(sibling);
    }
    std::sort(siblings.begin(), siblings.end());
    for (const fs::path& sibling : siblings) add_path(sibling, after_roots);
    return add_path(path, after_roots);
  }

  File& add_path(const fs::path& path, std::size_t root) {
    for (const auto& known : files) {
      if (known->name == path.generic_string()) return *known;
    }
    auto file = std::make_unique<File>();
    file->name = path.generic_string();
    file->stem = path.stem().string();
    file->root = root;
    return add(std::move(file));
  }
};

Catalogue::Catalogue(CatalogueOptions options) : state_(std::make_unique<State>()) {
  Diagnostics diagnostics;
  for (const std::string& text : options.overrides) {
    try {
      state_->overrides.push_back(config::parse_override(text));
    } catch (const InputError& error) {
      diagnostics.append(error.diagnostics());
    }
  }
  if (diagnostics.has_errors()) throw InputError(std::move(diagnostics));
  state_->override_used.assign(state_->overrides.size(), false);
  state_->options = std::move(options);
}
Catalogue::~Catalogue() = default;
Catalogue::Catalogue(Catalogue&&) noexcept = default;
Catalogue& Catalogue::operator=(Catalogue&&) noexcept = default;

void Catalogue::add_text(std::string file, std::string text) {
  auto added = std::make_unique<File>();
  added->stem = fs::path(file).stem().string();
  added->folder_kind = kind_of_folder(file);
  added->source = std::make_shared<const SourceText>(SourceText{file, std::move(text)});
  added->name = std::move(file);
  state_->add(std::move(added));
}

std::vector<CatalogueEntry> Catalogue::list(PartKind kind) const {
  std::vector<CatalogueEntry> entries;
  for (const std::string& name : state_->names(kind)) {
    const File& file = *state_->find_all(kind, name).front();
    const JsonValue* title = text_member(file, "title");
    entries.push_back({kind, name, title ? title->text : "", file.name});
  }
  return entries;
}

bool Catalogue::contains(PartKind kind, std::string_view name) const {
  return !state_->find_all(kind, name).empty();
}

const Document& Catalogue::document(PartKind kind, std::string_view name,
                                    const SourceSpan& reference) {
  const State::Key key{kind, std::string(name)};
  if (const auto known = state_->documents.find(key); known != state_->documents.end())
    return *known->second;
  Diagnostics diagnostics;
  Document document = state_->build(state_->find(kind, name, reference), kind, diagnostics);
  if (diagnostics.has_errors()) {
    // Everything that is wrong in the file at once, not only what building it met.
    switch (kind) {
      case PartKind::chip:
        (void)state_->checked<ChipSpec>(document, diagnostics);
        break;
      case PartKind::link:
        (void)state_->checked<LinkSpec>(document, diagnostics);
        break;
      case PartKind::system:
        (void)state_->checked<SystemSpec>(document, diagnostics);
        break;
      case PartKind::model:
        (void)state_->checked<ModelSpec>(document, diagnostics);
        break;
      case PartKind::software:
        (void)state_->checked<SoftwareSpec>(document, diagnostics);
        break;
      case PartKind::scenario:
        (void)state_->checked<ScenarioSpec>(document, diagnostics);
        break;
      case PartKind::table:
        (void)state_->checked<TableSpec>(document, diagnostics);
        break;
      case PartKind::validation:
        (void)state_->checked<ValidationSpec>(document, diagnostics);
        break;
    }
  }
  return *(state_->documents[key] = std::make_unique<Document>(std::move(document)));
}

template <class Spec>
const Spec& Catalogue::load(std::string_view name, const SourceSpan& reference) {
  const State::Key key{KindOf<Spec>::value, std::string(name)};
  auto& kept = state_->specs[key];
  if (!kept) {
    const Document& read = document(KindOf<Spec>::value, name, reference);
    kept = std::make_shared<const Spec>(state_->checked<Spec>(read, {}));
  }
  return *static_cast<const Spec*>(kept.get());
}
template const ChipSpec& Catalogue::load<ChipSpec>(std::string_view, const SourceSpan&);
template const LinkSpec& Catalogue::load<LinkSpec>(std::string_view, const SourceSpan&);
template const SystemSpec& Catalogue::load<SystemSpec>(std::string_view, const SourceSpan&);
template const ModelSpec& Catalogue::load<ModelSpec>(std::string_view, const SourceSpan&);
template const SoftwareSpec& Catalogue::load<SoftwareSpec>(std::string_view, const SourceSpan&);
template const TableSpec& Catalogue::load<TableSpec>(std::string_view, const SourceSpan&);
template const ValidationSpec& Catalogue::load<ValidationSpec>(std::string_view, const SourceSpan&);
template const ScenarioSpec& Catalogue::load<ScenarioSpec>(std::string_view, const SourceSpan&);

namespace {

/// Findings that only the values of an alternative cause.
template <class Spec>
void check_alternatives(const Document& document, Diagnostics& diagnostics) {
  const JsonValue* alternatives = document.root.find("alternatives");
  if (!alternatives) return;
  for (const JsonMember& named : alternatives->members) {
    Diagnostics found;
    (void)config::decode_into<Spec>(apply_alternative(document, named.key), found);
    diagnostics.append(found);
  }
}

template <class Spec>
void validate_part(Catalogue& catalogue, std::string_view name) {
  (void)catalogue.load<Spec>(name);
  Diagnostics diagnostics;
  check_alternatives<Spec>(catalogue.document(KindOf<Spec>::value, name), diagnostics);
  if (diagnostics.has_errors()) throw InputError(std::move(diagnostics));
}

}  // namespace

void Catalogue::validate(PartKind kind, std::string_view name) {
  switch (kind) {
    case PartKind::chip:
      return validate_part<ChipSpec>(*this, name);
    case PartKind::link:
      return validate_part<LinkSpec>(*this, name);
    case PartKind::system:
      return validate_part<SystemSpec>(*this, name);
    case PartKind::model:
      return validate_part<ModelSpec>(*this, name);
    case PartKind::software:
      return validate_part<SoftwareSpec>(*this, name);
    case PartKind::scenario:
      return validate_part<ScenarioSpec>(*this, name);
    case PartKind::table:
      return validate_part<TableSpec>(*this, name);
    case PartKind::validation:
      return validate_part<ValidationSpec>(*this, name);
  }
}

namespace {

/// A path that a file gives is relative to that file; one from the command line to the working
/// directory.
void resolve_path(const Document& document, std::string_view pointer, std::string& path) {
  const JsonValue* value = document.root.at(pointer);
  if (path.empty() || value == nullptr || value->span.source == nullptr) return;
  const fs::path file = value->span.source->name;
  if (file.extension() != ".json" || fs::path(path).is_absolute()) return;
  path = (file.parent_path() / path).lexically_normal().generic_string();
}

}  // namespace

std::pair<ScenarioSpec, Document> Catalogue::load_scenario(std::string_view path_or_name,
                                                           bool overridden) {
  Diagnostics diagnostics;
  File& file = state_->scenario_file(path_or_name);
  Document document = state_->build(file, PartKind::scenario, diagnostics, overridden);
  if (overridden) state_->check_override_targets(diagnostics);
  ScenarioSpec spec = state_->checked<ScenarioSpec>(document, std::move(diagnostics));
  resolve_path(document, "/replay/trace", spec.replay.trace);
  resolve_path(document, "/replay/groups", spec.replay.groups);
  for (std::size_t i = 0; i < spec.jobs.size(); ++i) {
    std::string& scenario = spec.jobs[i].scenario;
    if (scenario.ends_with(".json"))
      resolve_path(document, "/jobs/" + std::to_string(i) + "/scenario", scenario);
  }
  return {std::move(spec), std::move(document)};
}

Diagnostics Catalogue::unused_overrides() const {
  Diagnostics diagnostics;
  for (std::size_t i = 0; i < state_->overrides.size(); ++i) {
    if (state_->override_used[i]) continue;
    const config::Override& o = state_->overrides[i];
    diagnostics.warning("unused-override", "nothing read this override",
                        {o.source, 0, o.path.back().span.offset + o.path.back().span.length},
                        "name a part that the scenario uses");
  }
  return diagnostics;
}

}  // namespace xpusim
