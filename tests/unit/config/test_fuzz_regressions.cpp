// Inputs that once crashed the reader, kept and replayed.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "fuzz/config_input.hpp"

namespace fs = std::filesystem;

TEST_CASE("inputs that once broke the configuration reader are refused or read",
          "[config][regression]") {
  const fs::path folder = fs::path(XPUSIM_SOURCE_DIR) / "tests/fuzz/regressions/config";
  REQUIRE(fs::exists(folder));
  std::size_t inputs = 0;
  for (const auto& entry : fs::directory_iterator(folder)) {
    CAPTURE(entry.path().filename());
    std::ifstream in(entry.path(), std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    CHECK_NOTHROW(xpusim::fuzz::read_config(text.str()));
    ++inputs;
  }
  CHECK(inputs > 0);
}
