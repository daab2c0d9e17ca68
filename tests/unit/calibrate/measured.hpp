// Measurements in memory and what they give.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <string>

#include "xpusim/calibrate.hpp"
#include "xpusim/diagnostic.hpp"

namespace xpusim::testing {

inline constexpr const char* kColumns =
    "op,format,m,n,k,batch,sequence,context,heads,kv_heads,head_dim,bytes,ranks,seconds\n";

inline Catalogue shipped() {
  return Catalogue({.roots = {XPUSIM_SOURCE_DIR "/configs"}, .overrides = {}});
}

/// A chip of one unit, so that no wave of tiles is quantised: the roofline is FLOPs over peak.
inline CalibrationOptions one_unit() {
  CalibrationOptions o;
  o.chip = "mine";
  o.new_chip = true;
  o.data_sheet = "a data sheet";
  o.figures = {
      "vendor=me",     "peak.bf16=100 TFLOP/s", "memory.capacity=80 GB", "memory.bandwidth=1 TB/s",
      "units.count=1", "power.idle=50 W",       "power.tdp=500 W"};
  return o;
}

inline MeasurementFile from_text(const std::string& text, const std::string& path = "run.csv",
                                 const MeasurementOptions& options = {}) {
  return read_measurements(MeasurementText{path, text}, options);
}

inline const CurveQuality* quality_of(const Calibration& c, const std::string& name) {
  for (const CurveQuality& q : c.quality)
    if (q.name == name) return &q;
  return nullptr;
}
inline std::string part_text(const Calibration& c, const std::string& file) {
  for (const CalibratedPart& part : c.parts)
    if (part.file == file) return part.text;
  return "";
}

/// The rendered refusal; "" when all is taken.
inline std::string refusal(const std::string& text, const std::string& path = "run.csv",
                           const MeasurementOptions& options = {}) {
  try {
    (void)read_measurements(MeasurementText{path, text}, options);
  } catch (const InputError& e) {
    return render(e.diagnostics());
  }
  return "";
}

/// The shared collection of profiles, which is not part of the project; empty when it is not there.
inline std::filesystem::path shared_traces() {
  const char* given = std::getenv("XPUSIM_SHARED_TRACES");
  std::filesystem::path path =
      given != nullptr ? given : std::filesystem::path(XPUSIM_SOURCE_DIR) / "../shared/traces";
  return std::filesystem::is_directory(path / "vidur") ? path : std::filesystem::path();
}

}  // namespace xpusim::testing
