// What the fuzz targets of the text formats do with one input; the unit test replays seeds and
// regressions through the same doors.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "trace/formats.hpp"
#include "xpusim/trace.hpp"

namespace fuzz {

/// What a reader took must count, replay or be refused, and be written. Lets everything but
/// InputError through.
inline void use(const xpusim::RecordedTrace& recorded) {
  const std::size_t ranks = recorded.trace.ranks.size();
  std::size_t nodes = 0;
  for (const auto& same : recorded.trace.identical_classes)
    nodes += same.size() * recorded.trace.ranks[same.front()]->nodes.size();
  if (ranks > 256 || nodes > 20'000) return;  // larger is only slower
  (void)xpusim::chakra_statistics(recorded.trace);
  try {
    (void)xpusim::htsim_cm_text(recorded);
  } catch (const xpusim::InputError&) {
  }
  try {
    for (const auto& same : recorded.trace.identical_classes)
      (void)xpusim::critical_path_seconds(*recorded.trace.ranks[same.front()]);
    const xpusim::Replay replay =
        xpusim::build_replay(recorded.trace, static_cast<std::uint32_t>(ranks), recorded.options);
    xpusim::validate(replay.graph);
  } catch (const xpusim::InputError&) {
  }
}

inline void try_simai(std::string_view bytes) {
  for (const xpusim::TraceReadOptions options :
       {xpusim::TraceReadOptions{}, xpusim::TraceReadOptions{16, 4}}) {
    try {
      use(xpusim::trace::parse_simai(std::string(bytes), "fuzz.txt", options));
    } catch (const xpusim::InputError&) {  // a refusal is a good answer
    }
  }
}

inline void try_chakra_json(std::string_view bytes) {
  try {
    xpusim::RecordedTrace recorded;
    recorded.trace = xpusim::make_chakra_trace({std::make_shared<const xpusim::ChakraFile>(
        xpusim::trace::parse_chakra_json(std::string(bytes), "fuzz.0.json"))});
    use(recorded);
  } catch (const xpusim::InputError&) {
  }
}

inline void try_goal(std::string_view bytes) {
  try {
    use(xpusim::trace::parse_goal(std::string(bytes), "fuzz.goal"));
  } catch (const xpusim::InputError&) {
  }
}

inline void try_htsim_cm(std::string_view bytes) {
  try {
    use(xpusim::trace::parse_htsim_cm(std::string(bytes), "fuzz.cm"));
  } catch (const xpusim::InputError&) {
  }
}

}  // namespace fuzz
