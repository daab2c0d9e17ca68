// What the import fuzzers do with one input: shared with the test that replays old crashes.
#pragma once

#include <string>
#include <string_view>

#include "xpusim/config.hpp"
#include "xpusim/fabric.hpp"
#include "xpusim/import.hpp"

namespace xpusim::fuzz {

/// Imports and loads what came out. Only InputError may come out; what is imported must be parts
/// that validate. ASTRA-sim: a byte 0 begins the system file.
inline void import_text(ImportFormat format, std::string_view text) {
  ImportOptions options;
  options.format = format;
  options.name = "fuzzed";
  if (format == ImportFormat::nccl) {
    options.chip = "c";
    options.nic = "l";
  }
  const std::size_t cut = text.find('\0');
  const bool with = format == ImportFormat::astra && cut != std::string_view::npos;
  ImportedSystem imported;
  try {
    imported =
        import_system({"f", std::string(text.substr(0, with ? cut : text.size()))},
                      {with ? "w" : "", with ? std::string(text.substr(cut + 1)) : ""}, options);
  } catch (const InputError&) {
    return;
  }
  Catalogue catalogue;
  for (const ImportedPart& part : imported.parts) catalogue.add_text(part.file, part.text);
  for (const PartKind kind :
       {PartKind::link, PartKind::software, PartKind::chip, PartKind::system, PartKind::model}) {
    for (const CatalogueEntry& entry : catalogue.list(kind)) {
      // A node refers to shipped parts, which are not here: its values only.
      if (kind == PartKind::system && format == ImportFormat::nccl) {
        (void)decode<SystemSpec>(catalogue.document(kind, entry.name));
      } else {
        catalogue.validate(kind, entry.name);
      }
      if (!missing_sources(catalogue.document(kind, entry.name)).empty())
        throw InternalError("an imported part has a number without a source");
    }
  }
}

}  // namespace xpusim::fuzz
