// One simulation per process: jobs run in forked children and send a text back through a pipe.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace xpusim::cli {

/// What became of one job: its text, or why there is none.
struct ChildOutcome {
  std::string text;
  std::string error;         ///< "" when the child ended well
  bool interrupted = false;  ///< ended by SIGINT
};

/// Runs every job in a child of its own, at most `parallel` at a time, and returns the outcomes in
/// job order. A job's exception is caught in the child and becomes `error`. `on_done(index)` is
/// called as each one ends.
[[nodiscard]] std::vector<ChildOutcome> run_in_children(
    const std::vector<std::function<std::string()>>& jobs, unsigned parallel,
    const std::function<void(std::size_t)>& on_done);

}  // namespace xpusim::cli
