#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <fstream>
#include <iterator>
#include <sstream>

#include "cli/app.hpp"
#include "xpusim/calibrate.hpp"
#include "xpusim/config.hpp"

namespace xpusim::cli {
namespace {

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

std::function<int()> declare_internal(CLI::App& app, const GlobalOptions& global) {
  auto check = std::make_shared<bool>(false);
  app.require_subcommand(1);
  CLI::App* docs = app.add_subcommand(
      "generate-docs", "Write docs/config-reference.md, docs/calibration.md and configs/schema/");
  docs->add_flag("--check", *check, "Only say whether they are up to date");
  return [check, &global] {
    std::map<std::filesystem::path, std::string> files;
    std::ostringstream reference;
    write_config_reference(reference);
    files["docs/config-reference.md"] = reference.str();
    Catalogue catalogue = open_catalogue(global);
    std::ostringstream calibration;
    write_calibration_page(calibration, catalogue);
    files["docs/calibration.md"] = calibration.str();
    for (const PartKind kind : all_part_kinds) {
      files[fmt::format("configs/schema/{}.schema.json", kind_word(kind))] = json_schema(kind);
    }
    std::size_t stale = 0;
    for (const auto& [path, text] : files) {
      if (read_file(path) == text) continue;
      ++stale;
      if (*check) {
        fmt::print(stderr, "{} is stale: run 'xpusim internal generate-docs'\n", path.string());
      } else {
        emit(text, path);
      }
    }
    return *check && stale > 0 ? static_cast<int>(failed_expectation) : static_cast<int>(good);
  };
}

}  // namespace xpusim::cli
