// Builds the parts that an import gives: JSON files with a source for every number.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "import/text.hpp"
#include "xpusim/import.hpp"

namespace xpusim::importer {

using Json = nlohmann::ordered_json;

/// Where a number came from: `document` names the file, `derivation` the key and what was done.
struct Origin {
  std::string document;
  std::string derivation;
};

/// One part file in the making.
class Part {
 public:
  Part(std::string_view kind, const std::string& name, const std::string& title);
  Json& operator[](const char* key) { return json_[key]; }
  /// The source of a value (or of all below it), by JSON pointer.
  void source(const std::string& pointer, const Origin&);
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] ImportedPart finish() const;

 private:
  std::string kind_, name_;
  Json json_, sources_ = Json::object();
};

/// What all readers know: the options, the file's name, the result so far.
struct Import {
  ImportOptions options;
  Source file, with;
  std::string name;  ///< of the system
  ImportedSystem result;

  [[nodiscard]] Origin origin(const std::string& derivation) const;
  void add(const Part& part) { result.parts.push_back(part.finish()); }
  void note(std::string text) { result.notes.push_back(std::move(text)); }
  void ignore(std::string text) { result.ignored.push_back(std::move(text)); }
};

/// Compute figures of a made chip; 0 = the file has none.
struct ChipFigures {
  double peak = 0;       ///< FLOP/s
  double bandwidth = 0;  ///< bytes per second
  Origin peak_origin, bandwidth_origin;
};
/// Adds the chip, or a variant of options.chip, with a software profile of its own; returns its
/// name.
std::string add_chip(Import&, const ChipFigures&, const std::string& software);
/// A software profile without launch costs; `rows` of its collective library may be empty.
void add_software(Import&, const std::string& name, const Json& rows, const Origin&);

/// A number with its unit, as short as reads back to the same double: "3.125 GiB/s".
[[nodiscard]] std::string quantity(double value, std::string_view unit);

}  // namespace xpusim::importer
