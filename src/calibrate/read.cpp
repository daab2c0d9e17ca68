// The registry of formats and what they share.
#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <fmt/format.h>

#include "calibrate/formats.hpp"

namespace xpusim {
namespace {

using calibration::Reading;
using calibration::refuse;

struct Format {
  MeasurementFormatInfo info;
  bool (*recognises)(std::string_view);
  void (*read)(Reading&);
};
constexpr std::array kFormats{
    Format{{MeasurementFormat::csv, "csv", "table of tools/measure/measure.py"},
           calibration::is_measure_csv,
           calibration::read_measure_csv},
    Format{{MeasurementFormat::nccl_tests, "nccl-tests", "output of nccl-tests, rccl-tests, ..."},
           calibration::is_nccl_tests,
           calibration::read_nccl_tests},
    Format{{MeasurementFormat::vidur, "vidur", "profile of Vidur: mlp.csv, all_reduce.csv"},
           calibration::is_vidur,
           calibration::read_vidur},
    Format{{MeasurementFormat::llmservingsim, "llmservingsim",
            "profile of LLMServingSim: dense.csv, per_sequence.csv, attention.csv"},
           calibration::is_llmservingsim,
           calibration::read_llmservingsim}};

using Words = std::string_view;
constexpr std::array<Words, 3> kGemm{"m", "n", "k"};
constexpr std::array<Words, 4> kGrouped{"groups", "m", "n", "k"};
constexpr std::array<Words, 5> kPrefill{"batch", "sequence", "heads", "kv_heads", "head_dim"};
constexpr std::array<Words, 5> kDecode{"batch", "context", "heads", "kv_heads", "head_dim"};
constexpr std::array<Words, 3> kMla{"batch", "context", "heads"};
constexpr std::array<Words, 1> kMemory{"bytes"};
constexpr std::array<Words, 2> kCollective{"ranks", "bytes"};
constexpr std::array kOperations{
    MeasuredOperation{"gemm", kGemm, "gemm"},
    MeasuredOperation{"gemm_accumulate", kGemm, "gemm_accumulate"},
    MeasuredOperation{"grouped_gemm", kGrouped, "grouped_gemm"},
    MeasuredOperation{"grouped_gemm_accumulate", kGrouped, "grouped_gemm_accumulate"},
    MeasuredOperation{"attention_prefill", kPrefill, "attention_prefill"},
    MeasuredOperation{"attention_backward", kPrefill, "attention_backward"},
    MeasuredOperation{"attention_decode", kDecode, "attention_decode"},
    MeasuredOperation{"mla_decode", kMla, "mla_decode"},
    MeasuredOperation{"memory", kMemory, "memory"},
    MeasuredOperation{"all_reduce", kCollective, "", true},
    MeasuredOperation{"all_gather", kCollective, "", true},
    MeasuredOperation{"reduce_scatter", kCollective, "", true},
    MeasuredOperation{"all_to_all", kCollective, "", true},
    MeasuredOperation{"broadcast", kCollective, "", true},
    MeasuredOperation{"reduce", kCollective, "", true},
    MeasuredOperation{"send_recv", kCollective, "", true},
};

const Format& recognise(const MeasurementText& file, const MeasurementOptions& options) {
  for (const Format& f : kFormats)
    if (options.format == f.info.format) return f;
  for (const Format& f : kFormats)
    if (f.recognises(file.text)) return f;
  std::string known;
  for (const Format& f : kFormats)
    known += fmt::format("{}{}: {}", known.empty() ? "" : "; ", f.info.name, f.info.description);
  refuse("unknown-format", fmt::format("'{}' holds no measurements of a known format", file.path),
         {}, "say which with --format; " + known);
}

}  // namespace

std::span<const MeasuredOperation> measured_operations() { return kOperations; }

const MeasuredOperation* find_measured_operation(std::string_view name) {
  const auto found = std::find_if(kOperations.begin(), kOperations.end(),
                                  [&](const MeasuredOperation& o) { return o.name == name; });
  return found == kOperations.end() ? nullptr : &*found;
}

const std::vector<MeasurementFormatInfo>& measurement_formats() {
  static const std::vector<MeasurementFormatInfo> all = [] {
    std::vector<MeasurementFormatInfo> infos;
    for (const Format& f : kFormats) infos.push_back(f.info);
    return infos;
  }();
  return all;
}

MeasurementFile read_measurements(const MeasurementText& file, const MeasurementOptions& options) {
  if (file.text.size() > calibration::kMostBytes)
    refuse("too-large", fmt::format("'{}' has more than 64 MiB", file.path), {},
           "split it by operation");
  const Format& format = recognise(file, options);
  Reading reading;
  reading.source = std::make_shared<const SourceText>(SourceText{file.path, file.text});
  reading.options = &options;
  reading.file.path = file.path;
  reading.file.format = format.info.name;
  reading.file.document = calibration::short_path(file.path);
  format.read(reading);
  reading.findings.finish();
  if (reading.file.rows.empty())
    refuse("no-measurements", fmt::format("'{}' holds no row that a part can use", file.path),
           {reading.source, 0, 0},
           reading.file.ignored.empty()
               ? "add rows"
               : fmt::format("it has {}", calibration::join(reading.file.ignored)));
  return std::move(reading.file);
}

MeasurementFile read_measurements(const std::string& path, const MeasurementOptions& options) {
  if (!std::filesystem::is_regular_file(path))
    refuse("cannot-read", fmt::format("'{}' is no file", path), {}, "check the path");
  std::ifstream in(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  if (!in) refuse("cannot-read", fmt::format("cannot read '{}'", path), {}, "check the path");
  return read_measurements(MeasurementText{path, std::move(text)}, options);
}

namespace calibration {

void Reading::add(std::string_view operation, std::string_view format,
                  const std::vector<std::optional<double>>& shape, std::optional<double> seconds,
                  const SourceSpan& row) {
  Measurement m;
  m.operation = operation;
  m.format = format;
  for (const std::optional<double>& number : shape) {
    if (!number) return;
    m.shape.push_back(*number);
  }
  if (!seconds) return;
  m.seconds = *seconds;
  m.span = row;
  file.rows.push_back(std::move(m));
}

void ignore_rows(Reading& reading, std::size_t rows, const std::string& what) {
  if (rows > 0) reading.file.ignored.push_back(fmt::format("{} rows of {}", rows, what));
}

std::string_view first_row(std::string_view text) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.remove_suffix(1);
    if (!line.empty() && line.front() != '#') return line;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return {};
}

}  // namespace calibration
}  // namespace xpusim
