// The command line: subcommands, exit codes, progress. Results go to stdout, everything else to
// stderr.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "xpusim/config.hpp"
#include "xpusim/results.hpp"

namespace CLI {
class App;
}

namespace xpusim::cli {

/// Exit codes of every command.
enum Exit : int {
  good = 0,
  failed_expectation = 1,
  bad_input = 2,
  our_bug = 70,
  interrupted = 130
};

int run_app(int argc, char** argv);

/// Options that every command has.
struct GlobalOptions {
  std::vector<std::string> roots;  ///< --configs
  std::string color = "auto";
  bool quiet = false;
  bool verbose = false;
};

/// One command: declares its options on `app`, then runs.
struct Command {
  const char* name;
  const char* summary;
  const char* examples;
  /// Adds options to the subcommand; the returned function runs it and gives the exit code.
  std::function<int()> (*declare)(CLI::App& app, const GlobalOptions& global);
};

/// The catalogue of --configs, or of the nearest configs/ folder: working directory, beside the
/// build, installed.
[[nodiscard]] Catalogue open_catalogue(const GlobalOptions&,
                                       std::vector<std::string> overrides = {});
[[nodiscard]] bool use_color(const GlobalOptions&);

/// Writes `text` to stdout, or under a temporary name that is renamed to `path` when a path is
/// given.
void emit(const std::string& text, const std::optional<std::filesystem::path>& path);

// commands, one file each
[[nodiscard]] std::function<int()> declare_run(CLI::App&, const GlobalOptions&);
[[nodiscard]] std::function<int()> declare_compare(CLI::App&, const GlobalOptions&);
[[nodiscard]] std::function<int()> declare_collective(CLI::App&, const GlobalOptions&);
[[nodiscard]] std::function<int()> declare_replay(CLI::App&, const GlobalOptions&);
[[nodiscard]] std::function<int()> declare_table(CLI::App&, const GlobalOptions&);
[[nodiscard]] std::function<int()> declare_check(CLI::App&, const GlobalOptions&);
[[nodiscard]] std::function<int()> declare_list(CLI::App&, const GlobalOptions&);
[[nodiscard]] std::function<int()> declare_describe(CLI::App&, const GlobalOptions&);
[[nodiscard]] std::function<int()> declare_trace(CLI::App&, const GlobalOptions&);
[[nodiscard]] std::function<int()> declare_import(CLI::App&, const GlobalOptions&);
[[nodiscard]] std::function<int()> declare_validate(CLI::App&, const GlobalOptions&);
[[nodiscard]] std::function<int()> declare_calibrate(CLI::App&, const GlobalOptions&);
[[nodiscard]] std::function<int()> declare_internal(CLI::App&, const GlobalOptions&);

}  // namespace xpusim::cli
