// What other tools describe -> parts of xpusim: machines from ASTRA-sim's network and system files,
// NCCL's topology files and HTsim's fat trees; models from Hugging Face configurations. Every
// number of a part says which key it came from.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace xpusim {

enum class ImportFormat : std::uint8_t { automatic, astra, nccl, htsim, huggingface };

struct ImportFormatInfo {
  ImportFormat format = ImportFormat::automatic;
  std::string_view name;  ///< as --format takes it
  std::string_view description;
};
[[nodiscard]] const std::vector<ImportFormatInfo>& import_formats();

struct ImportOptions {
  ImportFormat format = ImportFormat::automatic;  ///< automatic: by extension, then by content
  std::string with;                               ///< astra: path of the system JSON; "" = none
  std::string name;    ///< of the system and stem of its other parts, or of the model; "" = the
                       ///< file's stem, or the folder of a config.json
  std::string chip;    ///< chip part of the devices; "" = one made from the file
  std::string nic;     ///< nccl: link part of a NIC where the file gives no speed
  std::string nvlink;  ///< nccl: "PART:COUNT", NVLinks of a GPU to switches where the file has none
  int nodes = 0;       ///< nccl: nodes in the system; 0 = 1
  double parameters = 0;  ///< huggingface: parameters that the model should have; 0 = not known
};

/// One file to write below a folder of parts.
struct ImportedPart {
  std::string file;  ///< "systems/cluster.json"
  std::string text;
};
struct ImportedSystem {
  std::string system;                ///< name of the system part; "" = a model was imported
  std::string model;                 ///< name of the model part; "" = a machine was imported
  std::vector<ImportedPart> parts;   ///< what a part refers to stands before it
  std::string summary;               ///< one line: what was read
  std::vector<std::string> notes;    ///< what was assumed, and how to say better
  std::vector<std::string> ignored;  ///< what stands in the files and has no effect here
};

/// Reads a file and what `options.with` names. Throws InputError, with positions in the file.
[[nodiscard]] ImportedSystem import_system(const std::string& path, const ImportOptions& = {});

/// The same from memory; `path` names the text in messages and gives the default name.
struct ImportText {
  std::string path;
  std::string text;
};
[[nodiscard]] ImportedSystem import_system(const ImportText& file, const ImportText& with,
                                           const ImportOptions&);

}  // namespace xpusim
