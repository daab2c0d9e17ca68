#include <cmath>
#include <limits>
#include <ostream>

#include <nlohmann/json.hpp>

#include "report/fields.hpp"
#include "report/writers.hpp"
#include "xpusim/diagnostic.hpp"

namespace xpusim::report {
namespace {

using Json = nlohmann::ordered_json;
using Pairs = std::vector<std::pair<std::string, double>>;

/// JSON has no infinities and NaNs; a text says so without passing for a number.
Json number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  return value;
}

double number(const Json& json) {
  if (!json.is_string()) return json.get<double>();
  if (json == "NaN") return std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  return json == "Infinity" ? infinity : -infinity;
}

/// Writes the fields of one object; what does not apply stays absent.
struct Writer {
  Json object = Json::object();

  void operator()(const char* name, double value) { object[name] = number(value); }
  void operator()(const char* name, bool value) { object[name] = value; }
  void operator()(const char* name, std::uint64_t value) { object[name] = value; }
  void operator()(const char* name, const std::string& text) {
    if (!text.empty()) object[name] = text;
  }
  void operator()(const char* name, const std::vector<std::string>& texts) {
    if (!texts.empty()) object[name] = texts;
  }
  void operator()(const char* name, const std::map<std::string, std::string>& texts) {
    if (!texts.empty()) object[name] = texts;
  }
  void operator()(const char* name, const Pairs& pairs) {
    Json values = Json::object();
    for (const auto& [key, value] : pairs) values[key] = number(value);
    object[name] = std::move(values);
  }
  template <class T>
  void operator()(const char* name, const std::optional<T>& value) {
    if (value) (*this)(name, *value);
  }
  template <class T>
  void operator()(const char* name, const std::vector<T>& values) {
    if (values.empty()) return;
    Json list = Json::array();
    for (const T& value : values) list.push_back(written(value));
    object[name] = std::move(list);
  }
  template <class T>
  void operator()(const char* name, const T& value) {
    Json inner = written(value);
    if (!inner.empty()) object[name] = std::move(inner);
  }
  void unless_zero(const char* name, double value) {
    if (value != 0) object[name] = number(value);
  }

  template <class T>
  static Json written(const T& value) {
    Writer writer;
    fields(writer, value);
    return std::move(writer.object);
  }
};

/// Reads what Writer wrote; an absent field keeps its default.
struct Reader {
  const Json& object;

  template <class T>
  void operator()(const char* name, T& value) {
    const auto found = object.find(name);
    if (found != object.end()) read(*found, value);
  }
  void unless_zero(const char* name, double& value) { (*this)(name, value); }

  static void read(const Json& json, double& value) { value = number(json); }
  static void read(const Json& json, bool& value) { value = json.get<bool>(); }
  static void read(const Json& json, std::uint64_t& value) { value = json.get<std::uint64_t>(); }
  static void read(const Json& json, std::string& text) { text = json.get<std::string>(); }
  static void read(const Json& json, std::map<std::string, std::string>& texts) {
    for (const auto& [key, text] : json.items()) texts[key] = text.get<std::string>();
  }
  static void read(const Json& json, Pairs& pairs) {
    for (const auto& [key, value] : json.items()) pairs.emplace_back(key, number(value));
  }
  template <class T>
  static void read(const Json& json, std::optional<T>& value) {
    read(json, value.emplace());
  }
  template <class T>
  static void read(const Json& json, std::vector<T>& values) {
    for (const Json& item : json) read(item, values.emplace_back());
  }
  template <class T>
  static void read(const Json& json, T& value) {
    if (!json.is_object()) throw InternalError("a result that is no JSON object");
    Reader reader{json};
    fields(reader, value);
  }
};

std::string dump(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

Json manifest_json(const Manifest& manifest) {
  Json json;
  json["version"] = manifest.version;
  if (!manifest.commit.empty()) json["commit"] = manifest.commit;
  json["seed"] = manifest.seed;
  if (manifest.resolved.empty()) return json;
  Json resolved = Json::parse(manifest.resolved, nullptr, false);
  if (resolved.is_discarded()) throw InternalError("the resolved configuration is not JSON");
  json["resolved"] = std::move(resolved);
  return json;
}

}  // namespace

void write_json(std::ostream& out, const RunReport& run) {
  Json json;
  json["schema"] = 1;
  json["scenario"] = run.scenario;
  if (!run.question.empty()) json["question"] = run.question;
  if (!run.kind.empty()) json["kind"] = run.kind;
  if (!run.baseline.empty()) json["baseline"] = run.baseline;
  json["manifest"] = manifest_json(run.manifest);
  json["results"] = Json::array();
  for (const SystemResult& result : run.results) json["results"].push_back(Writer::written(result));
  out << dump(json, 2) << '\n';
}

}  // namespace xpusim::report

namespace xpusim {

std::string report_to_json(const SystemResult& result) {
  return report::dump(report::Writer::written(result), -1);
}

SystemResult system_result_from_json(const std::string& text) {
  const report::Json json = report::Json::parse(text, nullptr, false);
  SystemResult result;
  try {
    report::Reader::read(json, result);
  } catch (const report::Json::exception& error) {
    throw InternalError(std::string("a result that does not read back: ") + error.what());
  }
  return result;
}

}  // namespace xpusim
