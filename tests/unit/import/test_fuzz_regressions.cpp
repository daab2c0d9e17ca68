#include <catch2/catch.hpp>

#include <fstream>
#include <iterator>

#include "fuzz/import_input.hpp"

using namespace xpusim;

namespace {

std::string slurp(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

TEST_CASE("seeds and old crashes of the fuzzers are imported or refused, whole and cut anywhere",
          "[import][fuzz]") {
  for (const ImportFormatInfo& format : import_formats()) {
    const auto folder = std::filesystem::path(XPUSIM_SOURCE_DIR "/tests/fuzz/regressions") /
                        ("import_" + std::string(format.name));
    std::size_t files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      INFO(entry.path().string());
      const std::string text = slurp(entry.path());
      CHECK_NOTHROW(fuzz::import_text(format.format, text));
      for (std::size_t cut = 0; cut < text.size(); cut += 7) {
        CHECK_NOTHROW(fuzz::import_text(format.format, text.substr(0, cut)));
      }
      ++files;
    }
    CHECK(files > 0);
  }
}
