#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <CLI/CLI.hpp>

#include <filesystem>
#include <memory>
#include <sstream>

#include "cli/app.hpp"
#include "xpusim/calibrate.hpp"
#include "xpusim/diagnostic.hpp"

namespace xpusim::cli {
namespace {

struct Arguments {
  std::vector<std::string> files;
  MeasurementOptions reading;
  CalibrationOptions options;
  std::string format, folder;
  bool force = false, report = false;
};

std::vector<MeasurementFile> read_all(const Arguments& a, Catalogue& catalogue) {
  MeasurementOptions reading = a.reading;
  for (const MeasurementFormatInfo& f : measurement_formats())
    if (f.name == a.format) reading.format = f.format;
  reading.find_model = [&](const std::string& name) -> const ModelSpec* {
    return catalogue.contains(PartKind::model, name) ? &catalogue.load<ModelSpec>(name) : nullptr;
  };
  std::vector<MeasurementFile> files;
  for (const std::string& path : a.files) {
    files.push_back(read_measurements(path, reading));
    spdlog::info("{}: {}, {} rows", path, files.back().format, files.back().rows.size());
    for (const std::string& ignored : files.back().ignored) spdlog::info("ignored: {}", ignored);
  }
  return files;
}

/// What `check` and `run` would find: the parts load, with a source for every number.
void verify(const GlobalOptions& global, const Calibration& calibration) {
  Catalogue catalogue = open_catalogue(global);
  for (const CalibratedPart& part : calibration.parts) catalogue.add_text(part.file, part.text);
  for (const CalibratedPart& part : calibration.parts) {
    const std::filesystem::path file = part.file;
    std::string folder = file.parent_path().string();
    if (folder != "software") folder.pop_back();
    const PartKind kind = parse_kind(folder).value();
    const std::string name = file.stem().string();
    catalogue.validate(kind, name);
    const Diagnostics missing = missing_sources(catalogue.document(kind, name));
    if (!missing.empty()) throw InputError(missing);
  }
}

void write(const Arguments& a, const Calibration& calibration) {
  const std::filesystem::path folder = a.folder;
  if (a.folder.empty()) return;
  for (const CalibratedPart& part : calibration.parts) {
    if (!a.force && std::filesystem::exists(folder / part.file))
      throw InputError("file-exists", fmt::format("'{}' exists", (folder / part.file).string()),
                       "choose another --name or folder, or replace it with --force");
  }
  for (const CalibratedPart& part : calibration.parts) emit(part.text, folder / part.file);
  std::ostringstream picture;
  write_calibration_svg(picture, calibration);
  emit(picture.str(), folder / "calibration.svg");
}

int report(const Arguments& a, const GlobalOptions& global) {
  Catalogue catalogue = open_catalogue(global);
  std::ostringstream text;
  write_calibration_page(text, catalogue);
  std::optional<std::filesystem::path> path;
  if (!a.folder.empty()) path = std::filesystem::path(a.folder) / "calibration.md";
  emit(text.str(), path);
  return good;
}

int run_calibrate(const Arguments& a, const GlobalOptions& global) {
  if (a.report) return report(a, global);
  if (a.files.empty())
    throw InputError("missing-measurements", "no file of measurements is named",
                     "xpusim calibrate FILE... --chip NAME; tools/measure/measure.py makes one");
  Catalogue catalogue = open_catalogue(global);
  const Calibration calibration = calibrate(catalogue, read_all(a, catalogue), a.options);
  verify(global, calibration);
  for (const std::string& note : calibration.notes) spdlog::info("note: {}", note);
  write(a, calibration);
  std::ostringstream text;
  write_calibration_table(text, calibration);
  emit(text.str(), {});
  return good;
}

void declare_reading(CLI::App& app, Arguments& a) {
  std::vector<std::string> formats;
  for (const MeasurementFormatInfo& f : measurement_formats()) formats.emplace_back(f.name);
  app.add_option("--format", a.format,
                 fmt::format("{} (default: recognised)", fmt::join(formats, ", ")))
      ->check(CLI::IsMember(formats));
  app.add_option("--compute-format", a.reading.compute_format,
                 "Numeric format of a profile that does not say it (default bf16)")
      ->check(CLI::IsMember({"bf16", "fp16", "fp8", "fp32", "int8"}));
  app.add_option("--model", a.reading.model,
                 "LLMServingSim: model spec that was profiled (default: the folder's name)");
  app.add_option("--tensor", a.reading.tensor, "LLMServingSim: TP degree (default: the folder tpN)")
      ->check(CLI::Range(1, 1024));
  app.add_option("--collective", a.reading.collective,
                 "nccl-tests: the collective, where the file does not name it");
  app.add_option("--ranks", a.reading.ranks, "nccl-tests: ranks, where the file does not list them")
      ->check(CLI::Range(2, 1 << 20));
}

}  // namespace

std::function<int()> declare_calibrate(CLI::App& app, const GlobalOptions& global) {
  auto a = std::make_shared<Arguments>();
  app.add_option("measurements", a->files,
                 "Tables of tools/measure/measure.py, outputs of nccl-tests, profiles of Vidur and "
                 "LLMServingSim");
  app.add_option("--chip", a->options.chip,
                 "Chip part that was measured (xpusim list chips): the new part extends it");
  app.add_flag("--new", a->options.new_chip, "--chip names a new chip; its figures come by --set");
  app.add_option("--set", a->options.figures,
                 "With --new: PATH=VALUE of the data sheet, as a chip file has them (repeatable)")
      ->allow_extra_args(false);
  app.add_option("--data-sheet", a->options.data_sheet,
                 "With --new: the document that the figures come from");
  app.add_option("--system", a->options.system,
                 "System part that the collectives ran on (xpusim list systems)");
  app.add_option("--software", a->options.software,
                 "Software profile that was measured (default: the chip's)");
  app.add_option("--name", a->options.name,
                 "Name of the chip part and stem of the others (default: CHIP-measured)");
  declare_reading(app, *a);
  app.add_option("--holdout", a->options.holdout,
                 "Keep this share of the points out of the curves and report the error on them");
  app.add_option("--seed", a->options.seed, "Seed of the holdout (default 1)");
  app.add_option("--points", a->options.most_points, "Points per curve at most (default 256)")
      ->check(CLI::Range(2, 100000));
  app.add_flag("--skip-above-peak", a->options.skip_above_peak,
               "Leave out rows that exceed a peak of the chip instead of refusing them");
  app.add_option("-o,--output", a->folder,
                 "Write the parts and calibration.svg below this folder (default: only the table)");
  app.add_flag("--force", a->force, "Replace files that exist");
  app.add_flag("--report", a->report,
               "Instead: the constants of all parts in the catalogue with their documents "
               "(docs/calibration.md)");
  return [a, &global] { return run_calibrate(*a, global); };
}

}  // namespace xpusim::cli
