// What `check` found, as rendered findings with a summary line, and as JSON.
#include <fmt/format.h>
#include <fmt/ostream.h>

#include <array>
#include <nlohmann/json.hpp>
#include <ostream>

#include "catalogue/scope.hpp"

namespace xpusim {
namespace {

using catalogue_detail::confidence_word;

constexpr std::array kConfidences{Confidence::vendor, Confidence::paper, Confidence::measured,
                                  Confidence::press, Confidence::estimate};

std::string_view severity_word(Severity severity) {
  switch (severity) {
    case Severity::note:
      return "note";
    case Severity::warning:
      return "warning";
    case Severity::error:
      return "error";
  }
  throw InternalError("unknown severity");
}

std::size_t count(const CheckResult& result, Severity severity) {
  std::size_t sum = 0;
  for (const Diagnostic& finding : result.findings.items())
    sum += finding.severity == severity ? 1 : 0;
  return sum;
}

std::size_t count(const CheckResult& result, Confidence confidence) {
  const auto found = result.numbers.find(confidence);
  return found != result.numbers.end() ? found->second : 0;
}

std::string counted(std::size_t n, std::string_view word) {
  return fmt::format("{} {}{}", n, word, n == 1 ? "" : "s");
}

std::string summary(const CheckResult& result) {
  std::size_t numbers = result.unsourced;
  std::string by_confidence;
  for (const Confidence confidence : kConfidences) {
    numbers += count(result, confidence);
    by_confidence += fmt::format("{} {}, ", count(result, confidence), confidence_word(confidence));
  }
  return fmt::format("checked {}: {}, {}, {}; {} ({}{} without source)",
                     counted(result.parts, "file"),
                     counted(count(result, Severity::error), "error"),
                     counted(count(result, Severity::warning), "warning"),
                     counted(count(result, Severity::note), "note"), counted(numbers, "number"),
                     by_confidence, result.unsourced);
}

}  // namespace

void write_check_text(std::ostream& out, const CheckResult& result, bool color) {
  for (const Diagnostic& finding : result.findings.items()) {
    std::string text = render(finding, color);
    while (text.ends_with('\n')) text.pop_back();
    fmt::print(out, "{}\n", text);
  }
  fmt::print(out, "{}\n", summary(result));
}

void write_check_json(std::ostream& out, const CheckResult& result) {
  nlohmann::ordered_json json{
      {"schema", 1}, {"exit_code", result.exit_code}, {"files", result.parts}};
  json["counts"] = {{"errors", count(result, Severity::error)},
                    {"warnings", count(result, Severity::warning)},
                    {"notes", count(result, Severity::note)}};
  for (const Confidence confidence : kConfidences) {
    json["numbers"][std::string(confidence_word(confidence))] = count(result, confidence);
  }
  json["numbers"]["without_source"] = result.unsourced;
  json["findings"] = nlohmann::ordered_json::array();
  for (const Diagnostic& finding : result.findings.items()) {
    nlohmann::ordered_json entry;
    if (finding.span.source) {
      const LineColumn place = line_column(finding.span);
      entry = {{"file", finding.span.source->name}, {"line", place.line}, {"column", place.column}};
    }
    entry["severity"] = severity_word(finding.severity);
    entry["code"] = finding.code;
    entry["message"] = finding.message;
    if (!finding.help.empty()) entry["help"] = finding.help;
    json["findings"].push_back(std::move(entry));
  }
  out << json.dump(2) << "\n";
}

}  // namespace xpusim
