// What the config fuzzer does with one input: shared with the test that replays old crashes.
#pragma once

#include <string>
#include <string_view>

#include "xpusim/config.hpp"

namespace xpusim::fuzz {

inline std::string refusal(auto&& action) {
  try {
    action();
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

/// Reads the input as a part of every kind, as an override, and as a quantity. Only InputError may
/// come out.
inline void read_config(std::string_view text) {
  const std::string copy(text);
  for (const PartKind kind : all_part_kinds) {
    Catalogue parts;
    parts.add_text(std::string(kind_word(kind)) + "s/part.json", copy);
    (void)refusal([&] {
      parts.validate(kind, "part");
      const Document& document = parts.document(kind, "part");
      (void)render(missing_sources(document));
      (void)resolved_json(parts, document);
    });
  }
  (void)refusal([&] {
    Catalogue parts({.roots = {}, .overrides = {copy, "training." + copy}});
    parts.add_text("scenarios/ask.json",
                   R"({"schema": 1, "kind": "scenario", "name": "ask", "question": "?",
                       "workload": "replay", "systems": [{"system": "box"}],
                       "replay": {"trace": "x"}})");
    (void)parts.load_scenario("ask");
  });
  for (const Dimension d : {DimensionOf<BytesPerSecond>::value, DimensionOf<Seconds>::value}) {
    (void)parse_quantity(text, d);
  }
}

}  // namespace xpusim::fuzz
