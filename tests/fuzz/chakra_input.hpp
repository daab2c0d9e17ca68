// What the Chakra fuzz target does with one input; the unit test replays regressions through the
// same door.
#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "xpusim/trace.hpp"

namespace fuzz {

inline void replay(const std::shared_ptr<const xpusim::ChakraFile>& file,
                   const xpusim::ReplayOptions& options) {
  try {
    const xpusim::Replay replay =
        xpusim::build_replay(xpusim::make_chakra_trace({file, file, file, file}), 4, options);
    xpusim::validate(replay.graph);
  } catch (const xpusim::InputError&) {  // a refusal is a good answer
  }
}

/// Reads, counts, writes, reads again and replays. Lets everything but InputError through.
inline void try_chakra(std::string_view bytes) {
  std::shared_ptr<const xpusim::ChakraFile> file;
  try {
    file = std::make_shared<const xpusim::ChakraFile>(xpusim::read_chakra(bytes, "fuzz.0.et"));
  } catch (const xpusim::InputError&) {
    return;
  }
  (void)xpusim::chakra_statistics(xpusim::make_chakra_trace({file}));
  const std::string written = xpusim::encode_chakra(*file);
  if (xpusim::encode_chakra(xpusim::read_chakra(written, "again.0.et")) != written)
    throw std::logic_error("what the writer wrote reads back as something else");
  replay(file, {});
  xpusim::ReplayOptions options;
  options.timing = xpusim::ReplayTiming::roofline;
  options.comm_size = xpusim::CommSizeConvention::one_rank_input;
  options.dimensions = {2, 2};
  options.follow_ctrl_deps = true;
  options.allow_unmatched = true;
  options.groups.groups = {{"1", {0, 1}}, {"2", {}}};
  replay(file, options);
}

}  // namespace fuzz
