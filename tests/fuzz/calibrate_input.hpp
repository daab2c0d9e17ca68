// What the fuzzer of measurements does with one input: shared with the test that replays old
// crashes.
#pragma once

#include <string>
#include <string_view>

#include "xpusim/calibrate.hpp"

namespace xpusim::fuzz {

/// Reads and fits. Only InputError may come out; parts that do must validate, every number sourced.
inline void measurements_text(std::string_view text) {
  static const ModelSpec model = [] {
    ModelSpec m;
    m.hidden = 4096;
    m.heads = 32;
    m.kv_heads = 8;
    m.head_dim = 128;
    m.ffn = 14336;
    m.vocabulary = 128256;
    return m;
  }();
  MeasurementOptions options;
  options.model = "fuzzed";
  options.find_model = [](const std::string&) { return &model; };
  CalibrationOptions fit;
  fit.chip = "fuzzed";
  fit.new_chip = true;
  fit.skip_above_peak = true;
  fit.holdout = 0.25;
  fit.most_points = 8;
  fit.figures = {"vendor=nobody",           "peak.bf16=989 TFLOP/s", "memory.capacity=80 GB",
                 "memory.bandwidth=3 TB/s", "units.count=132",       "power.idle=70 W",
                 "power.tdp=700 W"};
  try {
    Catalogue catalogue;
    const MeasurementFile file =
        read_measurements(MeasurementText{"f", std::string(text)}, options);
    const Calibration made = calibrate(catalogue, {file}, fit);
    Catalogue again;
    for (const CalibratedPart& part : made.parts) {
      again.add_text(part.file, part.text);
      again.validate(PartKind::chip, "fuzzed");
      if (!missing_sources(again.document(PartKind::chip, "fuzzed")).empty())
        throw InternalError("a calibrated part has a number without a source");
    }
  } catch (const InputError&) {
  }
}

}  // namespace xpusim::fuzz
