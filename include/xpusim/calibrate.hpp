// Measured kernels and collectives -> parts of the catalogue: efficiency curves and large-size
// efficiencies of a chip, the efficiency of a link, the latencies of a collective library; and how
// well they describe what was measured.
#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "xpusim/config.hpp"

namespace xpusim {

// ---------------------------------------------------------------- measurements

/// An operation that can be measured. `shape` names the numbers of a row, in the order of the
/// curve's points (CurveSpec) without the time.
struct MeasuredOperation {
  std::string_view name;  ///< "gemm"
  std::span<const std::string_view> shape;
  std::string_view curve;   ///< curve family that it gives; "" = none
  bool collective = false;  ///< named as xpusim collective names it; shape is ranks, bytes
};
[[nodiscard]] std::span<const MeasuredOperation> measured_operations();
[[nodiscard]] const MeasuredOperation* find_measured_operation(std::string_view name);

/// One timed run (or the mean of some) of one shape.
struct Measurement {
  std::string operation;
  std::string format;         ///< compute format; "" for memory and collectives
  std::vector<double> shape;  ///< as MeasuredOperation::shape; counts and bytes
  double seconds = 0;         ///< without launch gap
  SourceSpan span;            ///< the row
};

enum class MeasurementFormat : std::uint8_t { automatic, csv, nccl_tests, vidur, llmservingsim };
struct MeasurementFormatInfo {
  MeasurementFormat format = MeasurementFormat::automatic;
  std::string_view name;  ///< as --format takes it
  std::string_view description;
};
[[nodiscard]] const std::vector<MeasurementFormatInfo>& measurement_formats();

/// What a file may leave out.
struct MeasurementOptions {
  MeasurementFormat format = MeasurementFormat::automatic;  ///< automatic: by content
  std::string compute_format = "bf16";                      ///< of profiles that do not say it
  std::string collective;  ///< nccl-tests that do not name it: "all_reduce"
  int ranks = 0;           ///< nccl-tests without their list of ranks
  std::string model;       ///< LLMServingSim: model spec; "" = the folder's name
  int tensor = 0;          ///< LLMServingSim: TP degree; 0 = the folder "tpN", else 1
  /// Finds a model spec by name; null when there is none.
  std::function<const ModelSpec*(const std::string&)> find_model;
};

/// A file of measurements as read.
struct MeasurementFile {
  std::string path;
  std::string_view format;           ///< name in measurement_formats()
  std::string document;              ///< file and header, as `sources` of a part cites it
  std::vector<Measurement> rows;     ///< in the file's order
  bool sustained = false;            ///< on a hot chip, at the clock that its TDP leaves
  std::vector<std::string> ignored;  ///< what stands in the file and has no use here
};
struct MeasurementText {
  std::string path;
  std::string text;
};
/// Throws InputError, with positions, for everything that is wrong in the file (at most 20).
[[nodiscard]] MeasurementFile read_measurements(const MeasurementText&, const MeasurementOptions&);
[[nodiscard]] MeasurementFile read_measurements(const std::string& path, const MeasurementOptions&);

// ---------------------------------------------------------------- fitting

struct CalibrationOptions {
  std::string chip;  ///< base chip, or the new one's name with `new_chip`
  bool new_chip = false;
  std::vector<std::string> figures;  ///< new chip: "path=value" of its data sheet
  std::string data_sheet;            ///< new chip: the document that the figures come from
  std::string name;                  ///< of the chip part; "" = <chip>-measured
  std::string software;              ///< profile the kernels belong to; "" = the base chip's
  std::string system;                ///< collectives: the system they ran on
  double holdout = 0;                ///< share of the points kept out of the curves, [0, 1)
  std::uint64_t seed = 1;
  std::size_t most_points = 256;  ///< per curve; the others are held out
  bool skip_above_peak = false;   ///< leave out rows that exceed a peak instead of refusing them
};

/// Relative errors |predicted / measured - 1|.
struct ErrorSummary {
  std::size_t points = 0;
  double median = 0, worst = 0;
};
[[nodiscard]] ErrorSummary summarise(std::vector<double> errors);

struct PredictedPoint {
  std::string label;                   ///< "m 4096, n 4096, k 4096"
  double measured = 0, predicted = 0;  ///< seconds
};
/// How well one curve, or the constants of a collective, describe the points.
struct CurveQuality {
  std::string name;                                ///< "gemm bf16", "all_reduce on 8"
  std::string range;                               ///< "m 1 to 16384, n 4096, k 1024 to 8192"
  std::size_t rows = 0, outliers = 0, points = 0;  ///< rows read; far from their median; shapes
  ErrorSummary plain;     ///< roofline with the large-size figures; collectives: before the fit
  ErrorSummary fitted;    ///< curve, each point predicted without itself; collectives: after
  ErrorSummary held_out;  ///< points that the curve does not hold
  std::vector<PredictedPoint> drawn;  ///< the fitted prediction
};
/// A constant that the measurements gave.
struct FittedConstant {
  std::string pointer;  ///< "/efficiency/gemm/bf16", in the part of `part`
  std::string part;
  std::string value, before;  ///< as a part writes it; before: of the base, "" = none
  std::string derivation;
};
struct CalibratedPart {
  std::string file;  ///< "chips/mine.json"
  std::string text;
};
struct Calibration {
  std::vector<CalibratedPart> parts;  ///< what a part refers to stands before it
  std::vector<FittedConstant> constants;
  std::vector<CurveQuality> quality;
  std::vector<std::string> notes;
};
/// Throws InputError; rows that exceed a peak are refused with their position.
[[nodiscard]] Calibration calibrate(Catalogue&, const std::vector<MeasurementFile>&,
                                    const CalibrationOptions&);

void write_calibration_table(std::ostream&, const Calibration&);
/// Predicted against measured, both logarithmic, one colour per curve.
void write_calibration_svg(std::ostream&, const Calibration&);

/// docs/calibration.md: every efficiency and calibrated latency of the chips, software profiles and
/// links of the catalogue, its document, confidence and spread.
void write_calibration_page(std::ostream&, Catalogue&);

}  // namespace xpusim
