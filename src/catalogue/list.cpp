// `list`: one line per entry of a kind.
#include <fmt/format.h>
#include <fmt/ostream.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <ostream>

#include "catalogue/layout.hpp"
#include "catalogue/scope.hpp"
#include "xpusim/collective.hpp"

namespace xpusim {
namespace catalogue_detail {
namespace {

struct ListColumn {
  std::string title;  ///< heading of the text table
  std::string key;    ///< of the JSON object
};
struct ListCell {
  std::string text;
  std::optional<double> value;  ///< in base units: what JSON carries instead of the text
};
struct Listing {
  std::vector<ListColumn> columns;  ///< the first is the name
  std::vector<std::vector<ListCell>> rows;
};

std::vector<ListColumn> same_keys(const std::vector<std::string>& titles) {
  std::vector<ListColumn> columns;
  for (const std::string& title : titles) columns.push_back({title, title});
  return columns;
}
std::vector<ListCell> texts(std::initializer_list<std::string_view> words) {
  std::vector<ListCell> cells;
  for (const std::string_view word : words) cells.push_back({std::string(word), std::nullopt});
  return cells;
}

/// "-" when the part does not have the figure or does not load.
ListCell figure_cell(Catalogue& catalogue, PartKind kind, const std::string& name,
                     std::string_view figure) {
  try {
    const Scope scope = load_scope(catalogue, kind, name);
    const FigureValue value = resolve_figure(scope, figure, {}).value;
    return {format_figure(value), value.value};
  } catch (const InputError&) {
    return {"-", std::nullopt};
  }
}

struct ListedFigure {
  std::string_view title, figure;
};
std::vector<ListedFigure> listed_figures(PartKind kind) {
  switch (kind) {
    case PartKind::chip:
      return {{"bf16", "chip.peak.bf16"},
              {"memory", "chip.memory.marketed"},
              {"bandwidth", "chip.memory.bandwidth"},
              {"scale-up", "chip.scale_up.bandwidth"},
              {"tdp", "chip.power.tdp"}};
    case PartKind::link:
      return {{"bandwidth", "link.bandwidth"}, {"latency", "link.latency"}};
    case PartKind::system:
      return {{"chips", "system.chips"},
              {"domain", "system.scale_up.domain"},
              {"bf16", "system.peak.bf16"},
              {"max power", "system.power.max"}};
    case PartKind::model:
      return {{"parameters", "model.parameters"},
              {"active", "model.active_parameters"},
              {"KV per token", "model.kv_bytes_per_token"}};
    default:
      return {};
  }
}

Listing list_parts(Catalogue& catalogue, PartKind kind) {
  Listing listing;
  listing.columns = same_keys({"name"});
  for (const ListedFigure& figure : listed_figures(kind)) {
    listing.columns.push_back({std::string(figure.title), std::string(figure.figure)});
  }
  listing.columns.push_back({"title", "title"});
  for (const CatalogueEntry& entry : catalogue.list(kind)) {
    std::vector<ListCell> row = texts({entry.name});
    for (const ListedFigure& figure : listed_figures(kind)) {
      row.push_back(figure_cell(catalogue, kind, entry.name, figure.figure));
    }
    row.push_back({entry.title, std::nullopt});
    listing.rows.push_back(std::move(row));
  }
  return listing;
}

std::string types_text(const AlgorithmInfo& algorithm) {
  std::string text;
  for (const CollectiveType type : algorithm.types) {
    text += text.empty() ? "" : " ";
    text += to_string(type);
  }
  return text;
}

Listing list_collectives() {
  Listing listing{same_keys({"name", "types", "description"}), {}};
  for (const AlgorithmInfo& algorithm : collective_algorithms()) {
    listing.rows.push_back(texts({algorithm.name, types_text(algorithm), algorithm.description}));
  }
  return listing;
}
Listing list_shapes() {
  Listing listing{same_keys({"name", "description"}), {}};
  for (const PlaneShapeInfo& shape : plane_shapes()) {
    listing.rows.push_back(texts({shape.name, shape.description}));
  }
  return listing;
}
Listing list_figures() {
  Listing listing{same_keys({"name", "unit", "description"}), {}};
  for (const FigureInfo& figure : figures()) {
    listing.rows.push_back(texts({figure.name, figure.unit, figure.sentence}));
  }
  return listing;
}
Listing list_rules() {
  Listing listing{same_keys({"name", "exit", "description"}), {}};
  for (const RuleInfo& rule : check_rules()) {
    listing.rows.push_back(texts({rule.code, std::to_string(rule.exit_code), rule.meaning}));
  }
  for (const ErrorCode& code : config_error_codes()) {
    const auto same = [&](const RuleInfo& rule) { return rule.code == code.code; };
    if (std::any_of(check_rules().begin(), check_rules().end(), same)) continue;
    listing.rows.push_back(texts({code.code, "2", code.meaning}));
  }
  std::sort(listing.rows.begin(), listing.rows.end(),
            [](const auto& a, const auto& b) { return a.front().text < b.front().text; });
  return listing;
}

std::optional<PartKind> kind_of_plural(std::string_view word) {
  if (word == "software") return PartKind::software;
  if (word.ends_with('s')) word.remove_suffix(1);
  return parse_kind(word);
}

Listing make_listing(Catalogue& catalogue, std::string_view kind) {
  if (kind == "collectives") return list_collectives();
  if (kind == "shapes") return list_shapes();
  if (kind == "figures") return list_figures();
  if (kind == "rules") return list_rules();
  if (const std::optional<PartKind> part = kind_of_plural(kind))
    return list_parts(catalogue, *part);
  const std::string_view near = nearest_word(kind, listable_kinds());
  std::string all;
  for (const std::string& word : listable_kinds()) all += (all.empty() ? "" : ", ") + word;
  throw_error("unknown-kind", fmt::format("'{}' is nothing that can be listed", kind), {},
              near.empty() ? "one of: " + all : fmt::format("did you mean '{}'?", near));
}

}  // namespace
}  // namespace catalogue_detail

const std::vector<std::string>& listable_kinds() {
  static const std::vector<std::string> kinds{"chips",    "links",     "systems", "models",
                                              "software", "scenarios", "tables",  "collectives",
                                              "shapes",   "figures",   "rules"};
  return kinds;
}

void write_list(std::ostream& out, Catalogue& catalogue, std::string_view kind, InfoFormat format) {
  using namespace catalogue_detail;
  const Listing listing = make_listing(catalogue, kind);
  if (format == InfoFormat::text) {
    TextGrid grid;
    const auto add = [&grid](const auto& row, auto text) {
      std::vector<std::string> cells;
      for (const auto& cell : row) cells.push_back(cell.*text);
      grid.add(std::move(cells));
    };
    add(listing.columns, &ListColumn::title);
    for (const auto& row : listing.rows) add(row, &ListCell::text);
    grid.write(out, {.header = true});
    return;
  }
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const auto& row : listing.rows) {
    nlohmann::ordered_json entry;
    for (std::size_t i = 0; i < row.size(); ++i) {
      nlohmann::ordered_json& field = entry[listing.columns[i].key];
      if (row[i].value) {
        field = *row[i].value;
      } else {
        field = row[i].text;
      }
    }
    json.push_back(std::move(entry));
  }
  out << json.dump(2) << "\n";
}

}  // namespace xpusim
