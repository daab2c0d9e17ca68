// One calibration from files to parts.
#include <algorithm>

#include <fmt/format.h>

#include "calibrate/fit.hpp"

namespace xpusim {
namespace {

using calibration::Fit;
using calibration::Json;
using calibration::PartText;
using calibration::refuse;

bool part_name(const std::string& name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
  });
}

void check_options(const CalibrationOptions& options, const std::string& name) {
  if (options.chip.empty())
    refuse("missing-chip", "no chip is named", {},
           "say which was measured: --chip NAME (xpusim list chips), or --chip NAME --new");
  if (!part_name(name))
    refuse("bad-name", fmt::format("'{}' is no name of a part", name), {},
           "use lower case letters, digits, '.' and '-'");
  if (!options.new_chip && name == options.chip)
    refuse("bad-name", fmt::format("the new part would be named as its base, '{}'", name), {},
           "choose another --name");
  if (!options.new_chip && !options.figures.empty())
    refuse("unused-option", "--set goes with --new", {},
           "what a base chip has is overridden where it is used: --set chip.NAME.path=value");
  if (!(options.holdout >= 0 && options.holdout < 1))
    refuse("out-of-range", fmt::format("--holdout is {}", options.holdout), {},
           "write a share from 0 to below 1");
}

/// The chip part of a data sheet: "peak.bf16=503.8 TFLOP/s".
void add_figures(PartText& part, const CalibrationOptions& options) {
  const std::string document =
      options.data_sheet.empty() ? "data sheet, given as --set" : options.data_sheet;
  for (const std::string& figure : options.figures) {
    const std::size_t equals = figure.find('=');
    if (equals == std::string::npos || equals == 0)
      refuse("bad-figure", fmt::format("'{}' is no PATH=VALUE", figure), {},
             "write for example --set 'peak.bf16=989 TFLOP/s'");
    std::string pointer = "/" + figure.substr(0, equals);
    std::replace(pointer.begin(), pointer.end(), '.', '/');
    const std::string text = figure.substr(equals + 1);
    const Json value = Json::parse(text, nullptr, false);
    try {
      part.at(pointer) = value.is_discarded() ? Json(text) : value;
    } catch (const Json::exception&) {
      refuse("bad-figure", fmt::format("'{}' is no path of a chip", figure.substr(0, equals)), {},
             "write for example --set 'peak.bf16=989 TFLOP/s'");
    }
    part.source(pointer, document, "vendor");
  }
}

}  // namespace

Calibration calibrate(Catalogue& catalogue, const std::vector<MeasurementFile>& measured,
                      const CalibrationOptions& options) {
  Fit fit;
  fit.catalogue = &catalogue;
  fit.options = options;
  fit.name = !options.name.empty() ? options.name
             : options.new_chip    ? options.chip
                                   : options.chip + "-measured";
  check_options(options, fit.name);
  PartText chip(PartKind::chip, fit.name, fit.name);
  if (options.new_chip) {
    add_figures(chip, options);
    const CalibratedPart base = chip.finish();
    catalogue.add_text(base.file, base.text);
    fit.chip = catalogue.load<ChipSpec>(fit.name);
    fit.base = &catalogue.document(PartKind::chip, fit.name);
  } else {
    fit.chip = catalogue.load<ChipSpec>(options.chip);
    fit.base = &catalogue.document(PartKind::chip, options.chip);
    chip["title"] = fmt::format("{}, measured", fit.chip.info.title);
    chip["extends"] = options.chip;
  }
  std::vector<MeasurementFile> files = measured;
  calibration::check_peaks(fit, files);
  const std::vector<calibration::Series> series = calibration::merge(files);
  const std::string software = calibration::fit_collectives(fit, series, chip);
  if (!software.empty()) {
    chip["software"] = software;
    fit.options.software = software;
  } else if (!options.software.empty()) {
    (void)catalogue.load<SoftwareSpec>(options.software);
    chip["software"] = options.software;
  }
  calibration::fit_kernels(fit, series, chip);
  // Systems refer to the chip, the chip to links and software.
  const auto system =
      std::find_if(fit.result.parts.begin(), fit.result.parts.end(),
                   [](const CalibratedPart& p) { return p.file.starts_with("systems/"); });
  fit.result.parts.insert(system, chip.finish());
  return std::move(fit.result);
}

}  // namespace xpusim
