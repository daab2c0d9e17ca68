#include "xpusim/import.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "import/formats.hpp"

namespace xpusim {
namespace {

using importer::Import;
using importer::refuse;

struct Format {
  ImportFormatInfo info;
  std::array<std::string_view, 2> extensions;
  void (*read)(Import&);
};
constexpr std::array kFormats{
    Format{{ImportFormat::astra, "astra", "ASTRA-sim analytical network (YAML), system (JSON)"},
           {".yml", ".yaml"},
           importer::import_astra},
    Format{{ImportFormat::nccl, "nccl", "NCCL topology of one node (XML)"},
           {".xml", ".xml"},
           importer::import_nccl},
    Format{{ImportFormat::htsim, "htsim", "HTsim fat tree of two or three tiers (.topo)"},
           {".topo", ".topo"},
           importer::import_htsim},
    Format{
        {ImportFormat::huggingface, "huggingface", "Hugging Face configuration of a model (JSON)"},
        {},  // by content: JSON is no name for a format
        importer::import_huggingface}};

const Format& recognise(const ImportOptions& options, const std::string& path,
                        const std::string& text) {
  for (const Format& f : kFormats) {
    if (options.format == f.info.format) return f;
  }
  for (const Format& f : kFormats) {
    if (std::any_of(f.extensions.begin(), f.extensions.end(),
                    [&](std::string_view e) { return !e.empty() && path.ends_with(e); }))
      return f;
  }
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first != std::string::npos && text[first] == '<') return kFormats[1];
  if (first != std::string::npos && text[first] == '{' && importer::looks_like_huggingface(text))
    return kFormats[3];
  if (text.find("npus_count") != std::string::npos) return kFormats[0];
  if (text.find("Podsize") != std::string::npos) return kFormats[2];
  std::vector<std::string> names;
  for (const Format& f : kFormats)
    names.push_back(fmt::format("{}: {}", f.info.name, f.info.description));
  refuse("unknown-format", fmt::format("'{}' is of no format that can be imported", path), {},
         fmt::format("say which with --format; {}", fmt::join(names, "; ")));
}

std::string read(const std::string& path) {
  if (!std::filesystem::is_regular_file(path)) {
    refuse("cannot-read", fmt::format("'{}' is no file", path), {}, "check the path");
  }
  std::ifstream in(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  if (!in) refuse("cannot-read", fmt::format("cannot read '{}'", path), {}, "check the path");
  return text;
}

void check_options(const Format& format, const ImportOptions& options) {
  const bool nccl = format.info.format == ImportFormat::nccl;
  const bool model = format.info.format == ImportFormat::huggingface;
  if (!options.with.empty() && format.info.format != ImportFormat::astra) {
    refuse("unused-option", fmt::format("--with does not go with {}", format.info.name), {},
           "it names the system file of an ASTRA-sim network");
  }
  if (!nccl && (options.nodes != 0 || !options.nic.empty() || !options.nvlink.empty())) {
    refuse("unused-option",
           fmt::format("{} does not go with {}",
                       !options.nic.empty()      ? "--nic"
                       : !options.nvlink.empty() ? "--nvlink"
                                                 : "--nodes",
                       format.info.name),
           {}, model ? "the file describes a model" : "the file describes the whole machine");
  }
  if (model && !options.chip.empty()) {
    refuse("unused-option", "--chip does not go with huggingface", {}, "a model has no devices");
  }
  if (options.parameters != 0 && !model) {
    refuse("unused-option", fmt::format("--parameters does not go with {}", format.info.name), {},
           "it is the parameter count that a model should have");
  }
  if (!(options.parameters >= 0 && options.parameters <= 1e16)) {
    refuse("out-of-range", fmt::format("{} parameters", options.parameters), {},
           "write a count such as 8.03e9");
  }
  if (options.nodes < 0 || options.nodes > 100'000) {
    refuse("out-of-range", fmt::format("{} nodes", options.nodes), {}, "write 1 to 100000");
  }
}

}  // namespace

const std::vector<ImportFormatInfo>& import_formats() {
  static const std::vector<ImportFormatInfo> all = [] {
    std::vector<ImportFormatInfo> infos;
    for (const Format& f : kFormats) infos.push_back(f.info);
    return infos;
  }();
  return all;
}

ImportedSystem import_system(const ImportText& file, const ImportText& with,
                             const ImportOptions& options) {
  const Format& format = recognise(options, file.path, file.text);
  check_options(format, options);
  Import import;
  import.options = options;
  import.file = importer::make_source(file.path, file.text);
  if (!with.path.empty()) import.with = importer::make_source(with.path, with.text);
  import.name = importer::part_name(options.name.empty() ? file.path : options.name + ".");
  if (!options.name.empty() && import.name != options.name) {
    refuse("bad-name", fmt::format("'{}' is no name of a part", options.name), {},
           fmt::format("use lower case letters, digits and '-', such as '{}'", import.name));
  }
  import.result.system = import.name;
  format.read(import);
  return std::move(import.result);
}

ImportedSystem import_system(const std::string& path, const ImportOptions& options) {
  const ImportText file{path, read(path)};
  const ImportText with{options.with, options.with.empty() ? "" : read(options.with)};
  return import_system(file, with, options);
}

}  // namespace xpusim
