#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "cli/app.hpp"
#include "xpusim/diagnostic.hpp"
#include "xpusim/fabric.hpp"
#include "xpusim/import.hpp"

namespace xpusim::cli {
namespace {

struct Arguments {
  ImportOptions options;
  std::string file, format, folder;
  bool force = false;
};

/// What `check` and `run` would find: the parts load and the planes can be built.
void verify(const GlobalOptions& global, const ImportedSystem& imported) {
  Catalogue catalogue = open_catalogue(global);
  for (const ImportedPart& part : imported.parts) catalogue.add_text(part.file, part.text);
  if (!imported.model.empty()) {
    (void)catalogue.load<ModelSpec>(imported.model);
    return;
  }
  const auto& system = catalogue.load<SystemSpec>(imported.system);
  const auto& chip = catalogue.load<ChipSpec>(system.chip);
  LinkParts links;
  for (const PlaneSpec& plane : system.planes) {
    for (const std::string& name : {plane.link, plane.uplink, plane.core_link}) {
      if (!name.empty()) links.try_emplace(name, catalogue.load<LinkSpec>(name));
    }
  }
  (void)build_fabric(system, chip, links);
}

void write(const Arguments& a, const ImportedSystem& imported) {
  const std::filesystem::path folder = a.folder;
  for (const ImportedPart& part : imported.parts) {
    if (a.folder.empty()) {
      emit(fmt::format("==> {} <==\n{}", part.file, part.text), {});
    } else if (!a.force && std::filesystem::exists(folder / part.file)) {
      throw InputError("file-exists", fmt::format("'{}' exists", (folder / part.file).string()),
                       "choose another --name or folder, or replace it with --force");
    }
  }
  if (a.folder.empty()) return;
  for (const ImportedPart& part : imported.parts) emit(part.text, folder / part.file);
}

}  // namespace

std::function<int()> declare_import(CLI::App& app, const GlobalOptions& global) {
  auto a = std::make_shared<Arguments>();
  std::vector<std::string> formats;
  for (const ImportFormatInfo& f : import_formats()) formats.emplace_back(f.name);
  app.add_option("file", a->file,
                 "ASTRA-sim network (YAML), NCCL topology (XML), HTsim tree (.topo), Hugging Face "
                 "configuration (config.json)")
      ->required();
  app.add_option("--with", a->options.with,
                 "ASTRA-sim system file (JSON) that goes with the network");
  app.add_option(
      "--name", a->options.name,
      "Name of the system or model (default: the file's, of a config.json its folder's)");
  app.add_option("--chip", a->options.chip, "Chip part of the devices (xpusim list chips)");
  app.add_option("--nic", a->options.nic, "NCCL: link part of NICs that have no speed in the file");
  app.add_option(
      "--nvlink", a->options.nvlink,
      "NCCL: PART:COUNT links of a GPU to switches, where the file has none (nvlink4:18)");
  app.add_option("--nodes", a->options.nodes, "NCCL: nodes in the system (default 1)");
  app.add_option("--parameters", a->options.parameters,
                 "Hugging Face: parameters the model should have (8.03e9); the count is compared");
  app.add_option("--format", a->format, "astra, nccl, htsim or huggingface (default: recognised)")
      ->check(CLI::IsMember(formats));
  app.add_option("-o,--output", a->folder,
                 "Write the parts below this folder instead of to stdout");
  app.add_flag("--force", a->force, "Replace files that exist");
  return [a, &global] {
    for (const ImportFormatInfo& f : import_formats()) {
      if (f.name == a->format) a->options.format = f.format;
    }
    const ImportedSystem imported = import_system(a->file, a->options);
    verify(global, imported);
    spdlog::info("{}", imported.summary);
    for (const std::string& note : imported.notes) spdlog::info("note: {}", note);
    for (const std::string& ignored : imported.ignored) spdlog::info("ignored: {}", ignored);
    write(*a, imported);
    return good;
  };
}

}  // namespace xpusim::cli
