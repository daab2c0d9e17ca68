// The readers, one file each: what they recognise and what they read.
#pragma once

#include "calibrate/table_text.hpp"
#include "xpusim/calibrate.hpp"

namespace xpusim::calibration {

/// One file under reading.
struct Reading {
  Source source;
  const MeasurementOptions* options = nullptr;
  MeasurementFile file;
  Findings findings;

  /// Adds a row unless one of its numbers was refused.
  void add(std::string_view operation, std::string_view format,
           const std::vector<std::optional<double>>& shape, std::optional<double> seconds,
           const SourceSpan& row);
};

/// "17 rows of x": what a profile holds that no curve takes; empty when none.
void ignore_rows(Reading&, std::size_t rows, const std::string& what);

[[nodiscard]] bool is_measure_csv(std::string_view text);
[[nodiscard]] bool is_nccl_tests(std::string_view text);
[[nodiscard]] bool is_vidur(std::string_view text);
[[nodiscard]] bool is_llmservingsim(std::string_view text);
void read_measure_csv(Reading&);
void read_nccl_tests(Reading&);
void read_vidur(Reading&);
void read_llmservingsim(Reading&);

/// The first line that is no comment and not empty.
[[nodiscard]] std::string_view first_row(std::string_view text);

}  // namespace xpusim::calibration
