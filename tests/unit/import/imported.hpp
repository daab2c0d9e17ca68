// What an import gives, loaded as the program would load it.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "xpusim/config.hpp"
#include "xpusim/fabric.hpp"
#include "xpusim/import.hpp"

namespace xpusim::testing {

inline std::string import_data(const std::string& name) {
  return std::string(XPUSIM_SOURCE_DIR "/tests/data/import/") + name;
}

/// The parts beside the shipped ones, without a finding: sources included.
struct Loaded {
  ImportedSystem imported;
  Catalogue catalogue;
  SystemSpec system;
  Fabric fabric;

  explicit Loaded(ImportedSystem made)
      : imported(std::move(made)),
        catalogue({.roots = {XPUSIM_SOURCE_DIR "/configs"}, .overrides = {}}) {
    for (const ImportedPart& part : imported.parts) catalogue.add_text(part.file, part.text);
    system = catalogue.load<SystemSpec>(imported.system);
    LinkParts links;
    for (const PlaneSpec& plane : system.planes) {
      for (const std::string& name : {plane.link, plane.uplink, plane.core_link}) {
        if (!name.empty()) links.try_emplace(name, catalogue.load<LinkSpec>(name));
      }
    }
    fabric = build_fabric(system, catalogue.load<ChipSpec>(system.chip), links);
  }
  [[nodiscard]] const ChipSpec& chip() { return catalogue.load<ChipSpec>(system.chip); }
  [[nodiscard]] const LinkSpec& link(const std::string& name) {
    return catalogue.load<LinkSpec>(name);
  }
  /// Findings of `check` in the parts, rendered.
  [[nodiscard]] std::string unsourced() {
    std::string all;
    for (const ImportedPart& part : imported.parts) {
      const std::filesystem::path file = part.file;
      const std::string folder = file.parent_path().string();
      const auto kind =
          parse_kind(folder == "software" ? folder : folder.substr(0, folder.size() - 1));
      const Document& document = catalogue.document(kind.value(), file.stem().string());
      all += render(missing_sources(document));
    }
    return all;
  }
};

inline bool mentions(const std::vector<std::string>& lines, const std::string& text) {
  return std::any_of(lines.begin(), lines.end(),
                     [&](const std::string& l) { return l.find(text) != std::string::npos; });
}

/// The rendered refusal of a text; "" when it is taken.
inline std::string import_refusal(const std::string& path, const std::string& text,
                                  const std::string& with = "", ImportOptions options = {}) {
  try {
    (void)import_system(ImportText{path, text}, ImportText{with.empty() ? "" : "system.json", with},
                        options);
  } catch (const InputError& e) {
    return render(e.diagnostics());
  }
  return "";
}

/// The shared collection of traces, which is not part of the project; empty when it is not there.
inline std::filesystem::path shared_traces() {
  const char* given = std::getenv("XPUSIM_SHARED_TRACES");
  std::filesystem::path path =
      given != nullptr ? given : std::filesystem::path(XPUSIM_SOURCE_DIR) / "../shared/traces";
  return std::filesystem::is_directory(path / "topology") ? path : std::filesystem::path();
}

}  // namespace xpusim::testing
