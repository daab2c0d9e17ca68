// Part files in the making: JSON with a source for every number, rows of numbers on one line.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "xpusim/calibrate.hpp"

namespace xpusim::calibration {

using Json = nlohmann::ordered_json;

class PartText {
 public:
  PartText(PartKind, const std::string& name, const std::string& title);
  Json& operator[](const char* key) { return json_[key]; }
  Json& at(const std::string& pointer) { return json_[Json::json_pointer(pointer)]; }
  void source(const std::string& pointer, const std::string& document, std::string_view confidence,
              const std::string& derivation = {});
  /// Copies the sources of a document at or below `from`, as if they stood at `to`.
  void copy_sources(const Document&, const std::string& from, const std::string& to);
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] CalibratedPart finish() const;

 private:
  PartKind kind_;
  std::string name_;
  Json json_, sources_ = Json::object();
};

[[nodiscard]] Json to_json(const JsonValue&);
/// A number of so many significant digits, as parts hold them.
[[nodiscard]] double rounded(double value, int digits);
/// A time as a part writes it: "3.4 us".
[[nodiscard]] std::string time_text(double seconds);

}  // namespace xpusim::calibration
