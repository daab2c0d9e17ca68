#include "cli/app.hpp"

#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <iostream>

#include "cli/timeline_file.hpp"
#include "cli/version.hpp"
#include "xpusim/diagnostic.hpp"

namespace xpusim::cli {
namespace {

constexpr std::array kCommands{
    Command{"run", "Run a scenario on its systems",
            "xpusim run scenarios/training/llama-405b-16384-h100.json\n"
            "  xpusim run scenarios/training/quickstart.json --set power.cap='\"500 W\"' --format "
            "json\n"
            "  xpusim run quickstart --systems gb200-nvl72 --critical-path --timeline step.json",
            declare_run},
    Command{
        "compare", "Put the systems of a scenario side by side, with ratios",
        "xpusim compare scenarios/training/quickstart.json --baseline gb200-nvl72\n"
        "  xpusim compare scenarios/training/quickstart.json --systems cloudmatrix-384,gb200-nvl72",
        declare_compare},
    Command{"collective", "Time a collective over message sizes, as nccl-tests prints it",
            "xpusim collective all_reduce --system gb200-nvl72 --ranks 72 --bytes 1MiB..8GiB\n"
            "  xpusim collective all_to_all --system cloudmatrix-384 --ranks 384 --bytes 64MiB "
            "--fidelity flow",
            declare_collective},
    Command{"replay", "Run a recorded trace again on any system",
            "xpusim replay tests/data/traces/gpt-tp2-dp2 --system gb200-nvl72 --dimensions 2,2\n"
            "  xpusim replay tests/data/traces/gpt-tp2-dp2 --system cloudmatrix-384 --dimensions "
            "2,2 --scale-ranks 384",
            declare_replay},
    Command{"table", "Render a comparison table from the parts catalogue",
            "xpusim table semianalysis-systems --format markdown", declare_table},
    Command{"check", "Check the catalogue and scenarios: schema, references, sources, claims",
            "xpusim check\n  xpusim check my-configs/chip.json --format json", declare_check},
    Command{"validate", "Predict published measurements and say how far off the predictions are",
            "xpusim validate --suite training\n"
            "  xpusim validate t30-simumax-b200 --row deepseek --commands\n"
            "  xpusim validate --suite training --format markdown -o docs",
            declare_validate},
    Command{
        "calibrate", "Make parts from measured kernels and collectives, and say how well they fit",
        "xpusim calibrate tests/data/calibrate/example.csv --chip nvidia-h100-sxm -o my-parts\n"
        "  xpusim calibrate all_reduce.txt --chip nvidia-h100-sxm --system dgx-h100 -o my-parts\n"
        "  xpusim calibrate run.csv --chip my-npu --new --set 'peak.bf16=400 TFLOP/s' ... -o "
        "my-parts\n"
        "  xpusim calibrate run.csv --chip nvidia-h100-sxm --holdout 0.2",
        declare_calibrate},
    Command{"list", "List parts, algorithms, shapes, figures or rules", "xpusim list systems",
            declare_list},
    Command{"describe", "Describe a part, figure, rule or field", "xpusim describe cloudmatrix-384",
            declare_describe},
    Command{"trace", "Look into a recorded trace", "xpusim trace info path/to/trace",
            declare_trace},
    Command{
        "import", "Make parts from another tool's description of a machine or model",
        "xpusim import network.yml --with system.json -o my-parts\n"
        "  xpusim import topo.xml --chip nvidia-h100-sxm --nodes 4 --name my-cluster -o my-parts\n"
        "  xpusim import fat_tree.topo\n"
        "  xpusim import Qwen3-8B/config.json --parameters 8.19e9 -o my-parts",
        declare_import},
};

std::string executable_folder() {
  std::array<char, PATH_MAX> buffer{};
  const ssize_t n = ::readlink("/proc/self/exe", buffer.data(), buffer.size() - 1);
  if (n <= 0) return {};
  return std::filesystem::path(std::string(buffer.data(), static_cast<std::size_t>(n)))
      .parent_path()
      .string();
}

void on_interrupt(int) {  // children get the same signal from the terminal
  remove_temporary_files();
  ::_exit(interrupted);
}

int report_bug(const char* what) {
  fmt::print(stderr,
             "xpusim: internal error: {}\nThis is a bug in xpusim. Please report it with the "
             "command, the scenario "
             "and the output of 'xpusim --version'.\n",
             what);
  return our_bug;
}

/// A report that did not reach stdout whole is a failure, whatever it said.
int finish_output(int code) {
  errno = 0;
  if (std::cout.flush() && std::fflush(stdout) == 0) return code;
  fmt::print(stderr, "error[cannot-write]: cannot write to stdout{}{}\n", errno != 0 ? ": " : "",
             errno != 0 ? std::strerror(errno) : "");
  return bad_input;
}

/// Notes to people go to stderr through one logger: -q leaves errors, -v adds what was resolved.
void set_up_logging(const GlobalOptions& global) {
  spdlog::set_default_logger(spdlog::stderr_logger_st("xpusim"));
  spdlog::set_pattern("%v");
  spdlog::set_level(global.quiet     ? spdlog::level::err
                    : global.verbose ? spdlog::level::debug
                                     : spdlog::level::info);
}

/// CLI11's own message, and the nearest word for an unknown subcommand or option.
int report_usage(const CLI::App& app, const CLI::ParseError& error, int argc, char** argv) {
  if (error.get_exit_code() == 0) return app.exit(error, std::cout, std::cerr);
  const CLI::App* at = &app;
  std::vector<std::string> words;
  std::string given;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const auto subcommands =
        at->get_subcommands([&](const CLI::App* sub) { return sub->get_name() == word; });
    if (!subcommands.empty()) {
      at = subcommands.front();
      continue;
    }
    std::vector<std::string> known;
    if (word.starts_with("--")) {
      for (const CLI::Option* option : at->get_options()) {
        for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
      }
    } else if (!word.starts_with("-")) {
      for (const CLI::App* sub : at->get_subcommands(nullptr)) {
        if (!sub->get_group().empty()) known.push_back(sub->get_name());
      }
    }
    const std::string bare = word.substr(0, word.find('='));
    if (!known.empty() && std::find(known.begin(), known.end(), bare) == known.end()) {
      const std::string_view near = nearest_word(bare, known);
      if (!near.empty()) given = fmt::format("'{}': did you mean '{}'?\n", bare, near);
      if (near.empty() && !word.starts_with("-"))
        given = fmt::format("'{}': the commands are {}\n", bare, fmt::join(known, ", "));
      break;
    }
  }
  std::string path;
  for (; at != &app; at = at->get_parent()) path = at->get_name() + " " + path;
  fmt::print(stderr, "xpusim: {}\n{}Run 'xpusim {}--help' for help.\n", error.what(), given, path);
  return bad_input;
}

}  // namespace

Catalogue open_catalogue(const GlobalOptions& global, std::vector<std::string> overrides) {
  namespace fs = std::filesystem;
  CatalogueOptions options;
  options.overrides = std::move(overrides);
  for (const std::string& root : global.roots) {
    if (!fs::is_directory(root)) {
      throw InputError("no-catalogue", fmt::format("--configs: '{}' is not a folder", root));
    }
    options.roots.emplace_back(root);
  }
  if (!options.roots.empty()) return Catalogue(std::move(options));
  const fs::path here = executable_folder();
  // Working directory; build/<preset>/src/cli below the sources; the installed bin/ beside share/.
  for (const fs::path& root : {fs::path("."), here / "../../../..", here / "../share/xpusim"}) {
    if (!fs::is_directory(root / "configs")) continue;
    options.roots.push_back(fs::proximate(root / "configs"));
    if (fs::is_directory(root / "scenarios"))
      options.roots.push_back(fs::proximate(root / "scenarios"));
    return Catalogue(std::move(options));
  }
  throw InputError("no-catalogue",
                   "no configs/ folder in the working directory nor beside the program",
                   "name one with --configs DIR");
}

bool use_color(const GlobalOptions& global) {
  if (global.color != "auto") return global.color == "always";
  const char* no_color = std::getenv("NO_COLOR");
  return ::isatty(STDERR_FILENO) != 0 && (no_color == nullptr || *no_color == '\0');
}

void emit(const std::string& text, const std::optional<std::filesystem::path>& path) {
  if (!path) {
    std::cout << text;
    return;
  }
  namespace fs = std::filesystem;
  std::error_code error;
  fs::create_directories(path->parent_path(), error);
  fs::path temporary = *path;
  temporary += fmt::format(".{}.tmp", ::getpid());
  std::ofstream out(temporary, std::ios::binary);
  out << text;
  out.close();
  if (out) fs::rename(temporary, *path, error);
  if (!out || error) {
    fs::remove(temporary, error);
    throw InputError("cannot-write", fmt::format("cannot write '{}'", path->string()),
                     "choose another folder with -o");
  }
  spdlog::info("wrote {}", path->string());
}

int run_app(int argc, char** argv) {
  std::signal(SIGINT, on_interrupt);
  std::signal(SIGXFSZ, SIG_IGN);  // a file that grows too large is a failed write
  CLI::App app{
      "xpusim simulates AI training on accelerator clusters: how fast, how many watts, which link "
      "is full"};
  app.set_version_flag("--version", std::string(kVersionLine));
  app.require_subcommand(1);
  app.fallthrough();
  app.footer(
      "Exit codes: 0 good; 1 an expectation, claim or check failed; 2 bad input; 70 our bug; 130 "
      "interrupted.");
  GlobalOptions global;
  app.add_option("--configs", global.roots, "Folder with parts, instead of configs/ (repeatable)");
  app.add_option("--color", global.color, "auto, always or never")
      ->check(CLI::IsMember({"auto", "always", "never"}));
  app.add_flag("-q,--quiet", global.quiet, "No progress, no notes on stderr");
  app.add_flag("-v,--verbose", global.verbose, "More notes on stderr");
  std::function<int()> chosen;
  const auto add = [&](const Command& command, bool hidden) {
    CLI::App* sub = app.add_subcommand(command.name, command.summary);
    if (hidden) sub->group("");
    if (*command.examples != '\0') sub->footer(fmt::format("Examples:\n  {}", command.examples));
    sub->callback([&chosen, runner = command.declare(*sub, global)] { chosen = runner; });
  };
  for (const Command& command : kCommands) add(command, false);
  add({"internal", "For developers: generated files", "", declare_internal}, true);
  try {
    app.parse(argc, argv);
    set_up_logging(global);
    return finish_output(chosen());
  } catch (const CLI::ParseError& e) {
    return finish_output(report_usage(app, e, argc, argv));
  } catch (const InputError& e) {
    fmt::print(stderr, "{}\n", render(e.diagnostics(), use_color(global)));
    return bad_input;
  } catch (const std::exception& e) {
    return report_bug(e.what());
  }
}

}  // namespace xpusim::cli
