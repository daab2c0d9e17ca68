#include "calibrate/part_text.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace xpusim::calibration {

namespace {

bool plain_row(const Json& value) {
  return value.is_array() &&
         std::all_of(value.begin(), value.end(), [](const Json& item) { return item.is_number(); });
}

std::string scalar(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void print(const Json& value, std::string& out, std::size_t indent) {
  const bool object = value.is_object();
  if (plain_row(value)) {
    out += '[';
    for (std::size_t i = 0; i < value.size(); ++i) {
      if (i > 0) out += ", ";
      out +=
          value[i].is_number_float() ? fmt::format("{}", value[i].get<double>()) : scalar(value[i]);
    }
    out += ']';
    return;
  }
  if (!(object || value.is_array()) || value.empty()) {
    out += value.is_number_float() ? fmt::format("{}", value.get<double>()) : scalar(value);
    return;
  }
  const std::string pad(indent + 2, ' ');
  out += object ? "{\n" : "[\n";
  bool first = true;
  for (const auto& [key, item] : value.items()) {
    if (!first) out += ",\n";
    first = false;
    out += pad;
    if (object) out += scalar(Json(key)) + ": ";
    print(item, out, indent + 2);
  }
  out += "\n" + std::string(indent, ' ') + (object ? "}" : "]");
}

}  // namespace

PartText::PartText(PartKind kind, const std::string& name, const std::string& title)
    : kind_(kind), name_(name) {
  json_["schema"] = 1;
  json_["kind"] = kind_word(kind);
  json_["name"] = name;
  json_["title"] = title;
}

void PartText::source(const std::string& pointer, const std::string& document,
                      std::string_view confidence, const std::string& derivation) {
  Json& entry = sources_[pointer];
  entry = {{"document", document}, {"confidence", confidence}};
  if (!derivation.empty()) entry["derivation"] = derivation;
}

void PartText::copy_sources(const Document& document, const std::string& from,
                            const std::string& to) {
  const JsonValue* sources = document.root.find("sources");
  if (sources == nullptr) return;
  std::string above;  // the nearest source above `from`, should none stand at it
  for (const JsonMember& member : sources->members) {
    const std::string& key = member.key;
    if (key == from || key.starts_with(from + "/"))
      sources_[to + key.substr(from.size())] = to_json(member.value);
    else if (from.starts_with(key + "/") && key.size() >= above.size())
      above = key;
  }
  if (!sources_.contains(to) && !above.empty()) sources_[to] = to_json(*sources->find(above));
}

CalibratedPart PartText::finish() const {
  Json all = json_;
  if (!sources_.empty()) all["sources"] = sources_;
  std::string text;
  print(all, text, 0);
  const std::string folder(kind_word(kind_));
  return {fmt::format("{}{}/{}.json", folder, kind_ == PartKind::software ? "" : "s", name_),
          text + "\n"};
}

Json to_json(const JsonValue& value) {
  switch (value.type) {
    case JsonType::null:
      return nullptr;
    case JsonType::boolean:
      return value.boolean;
    case JsonType::number:
      return Json::parse(value.text, nullptr, false);
    case JsonType::string:
      return value.text;
    case JsonType::array: {
      Json list = Json::array();
      for (const JsonValue& item : value.items) list.push_back(to_json(item));
      return list;
    }
    case JsonType::object: {
      Json object = Json::object();
      for (const JsonMember& member : value.members) object[member.key] = to_json(member.value);
      return object;
    }
  }
  return nullptr;
}

double rounded(double value, int digits) {
  const std::string text = fmt::format("{:.{}e}", value, digits - 1);
  double out = value;
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

std::string time_text(double seconds) { return fmt::format("{} us", rounded(seconds * 1e6, 4)); }

}  // namespace xpusim::calibration
