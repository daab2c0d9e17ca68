#include <CLI/CLI.hpp>
#include <iostream>
#include <sstream>

#include "cli/app.hpp"
#include "xpusim/catalogue.hpp"

namespace xpusim::cli {
namespace {

struct Arguments {
  std::string name, format, folder;
  std::vector<std::string> files, overrides;
};

InfoFormat info_format(const std::string& word) {
  return word == "json" ? InfoFormat::json : InfoFormat::text;
}

}  // namespace

std::function<int()> declare_table(CLI::App& app, const GlobalOptions& global) {
  auto a = std::make_shared<Arguments>();
  a->format = "table";
  app.add_option("name", a->name, "Table part (xpusim list tables)")->required();
  app.add_option("--format", a->format, "table, markdown, csv, json, latex or html")
      ->check(CLI::IsMember({"table", "markdown", "csv", "json", "latex", "html"}));
  app.add_option("--set", a->overrides, "Override a value: chip.NAME.path=value, ... (repeatable)")
      ->allow_extra_args(false);
  app.add_option("-o,--output", a->folder, "Write the table into this folder instead of stdout");
  return [a, &global] {
    Catalogue catalogue = open_catalogue(global, a->overrides);
    const ComparisonTable table = build_comparison_table(catalogue, a->name);
    std::ostringstream text;
    write_comparison_table(text, table,
                           parse_comparison_format(a->format).value_or(ComparisonFormat::table));
    std::optional<std::filesystem::path> path;
    if (!a->folder.empty()) {
      const std::string extension = a->format == "markdown" ? "md"
                                    : a->format == "latex"  ? "tex"
                                    : a->format == "table"  ? "txt"
                                                            : a->format;
      path = std::filesystem::path(a->folder) / (a->name + "." + extension);
    }
    emit(text.str(), path);
    return good;
  };
}

std::function<int()> declare_check(CLI::App& app, const GlobalOptions& global) {
  auto a = std::make_shared<Arguments>();
  a->format = "text";
  app.add_option("files", a->files, "Files to check (default: the whole catalogue)");
  app.add_option("--format", a->format, "text or json")->check(CLI::IsMember({"text", "json"}));
  return [a, &global] {
    Catalogue catalogue = open_catalogue(global);
    const CheckResult result = check_catalogue(
        catalogue, std::vector<std::filesystem::path>(a->files.begin(), a->files.end()));
    if (a->format == "json") {
      write_check_json(std::cout, result);
    } else {
      write_check_text(std::cout, result, use_color(global));
    }
    return result.exit_code;
  };
}

std::function<int()> declare_list(CLI::App& app, const GlobalOptions& global) {
  auto a = std::make_shared<Arguments>();
  a->format = "text";
  std::string kinds;
  for (const std::string& kind : listable_kinds()) kinds += (kinds.empty() ? "" : ", ") + kind;
  app.add_option("kind", a->name, kinds)->required();
  app.add_option("--format", a->format, "text or json")->check(CLI::IsMember({"text", "json"}));
  return [a, &global] {
    Catalogue catalogue = open_catalogue(global);
    write_list(std::cout, catalogue, a->name, info_format(a->format));
    return good;
  };
}

std::function<int()> declare_describe(CLI::App& app, const GlobalOptions& global) {
  auto a = std::make_shared<Arguments>();
  a->format = "text";
  app.add_option(
         "name", a->name,
         "Part, algorithm, shape, figure, rule, error code or field (chip.memory.bandwidth)")
      ->required();
  app.add_option("--format", a->format, "text or json")->check(CLI::IsMember({"text", "json"}));
  return [a, &global] {
    Catalogue catalogue = open_catalogue(global);
    write_description(std::cout, catalogue, a->name, info_format(a->format));
    return good;
  };
}

}  // namespace xpusim::cli
