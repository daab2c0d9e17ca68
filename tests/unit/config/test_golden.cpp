// Seeded mistakes: every file under tests/golden/config is loaded, and what a person would read is
// compared whole. A file without an approved text must be clean.
#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "support/temporary_folder.hpp"
#include "xpusim/config.hpp"

using namespace xpusim;
namespace fs = std::filesystem;

namespace {

const fs::path folder = fs::path(XPUSIM_SOURCE_DIR) / "tests/golden/config";

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return std::move(text).str();
}

std::vector<fs::path> inputs() {
  std::vector<fs::path> found;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.path().extension() == ".json") found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

/// Named as a person in that folder would see them: no path of this machine in a message.
Catalogue catalogue() {
  Catalogue parts;
  for (const fs::path& path : inputs()) {
    parts.add_text(path.lexically_relative(folder).generic_string(), read(path));
  }
  return parts;
}

std::string findings(Catalogue& parts, PartKind kind, const std::string& name) {
  try {
    parts.validate(kind, name);
    return render(missing_sources(parts.document(kind, name)));
  } catch (const InputError& error) {
    return error.what();
  }
}

void compare(const fs::path& input, const std::string& text) {
  fs::path approved = input, unapproved = input;
  approved.replace_extension(".approved.txt");
  unapproved.replace_extension(".unapproved.txt");
  const std::string expected = fs::exists(approved) ? read(approved) : "";
  const std::string actual = text.empty() ? "" : text + "\n";
  if (actual != expected) std::ofstream(unapproved, std::ios::binary) << actual;
  INFO("read the difference, then: tools/approve " << unapproved.filename());
  CHECK(actual == expected);
}

}  // namespace

TEST_CASE("every seeded mistake is reported as approved", "[config][golden]") {
  Catalogue parts = catalogue();
  REQUIRE(inputs().size() > 12);
  for (const fs::path& input : inputs()) {
    const std::string stem = input.stem().string();
    CAPTURE(stem);
    std::string word = input.parent_path().filename().string();
    word.pop_back();
    compare(input, findings(parts, *parse_kind(word), stem));
  }
}

TEST_CASE("100 MB of brackets are refused at the 65th level", "[config][golden]") {
  const auto source = std::make_shared<const SourceText>(
      SourceText{"chips/brackets.json", std::string(100'000'000, '[')});
  Diagnostics diagnostics;
  CHECK_FALSE(parse_json(source, diagnostics).has_value());
  CHECK(render(diagnostics) ==
        "chips/brackets.json:1:65: error[nesting-depth]: more than 64 levels of brackets\n  1 | …" +
            std::string(118, '[') + "…\n    | " + std::string(41, ' ') +
            "^ help: no configuration is nested that deep");
}

TEST_CASE("a file larger than any configuration is refused before it is read", "[config][golden]") {
  const test::TemporaryFolder folder;
  const fs::path file = folder / "brackets.json";
  std::ofstream(file, std::ios::binary) << std::string(9'000'000, '[');
  Catalogue parts;
  CHECK_THROWS_WITH(parts.load_scenario(file.string()),
                    file.generic_string() +
                        ":1:1: error[file-too-large]: the file has 9 MB\n  1 |\n    | ^ help: a "
                        "configuration file has at most 8 MiB");
}
