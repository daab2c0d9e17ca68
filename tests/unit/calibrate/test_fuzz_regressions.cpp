#include <catch2/catch.hpp>

#include <fstream>
#include <iterator>

#include "fuzz/calibrate_input.hpp"

using namespace xpusim;

TEST_CASE("seeds and old crashes are fitted or refused, whole and cut anywhere",
          "[calibrate][fuzz]") {
  std::size_t files = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(XPUSIM_SOURCE_DIR "/tests/fuzz/regressions/calibrate")) {
    INFO(entry.path().string());
    std::ifstream in(entry.path(), std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    CHECK_NOTHROW(fuzz::measurements_text(text));
    for (std::size_t cut = 0; cut < text.size(); cut += 23) {
      INFO(cut);
      CHECK_NOTHROW(fuzz::measurements_text(text.substr(0, cut)));
      std::string broken = text;  // one byte changed
      broken[cut] = static_cast<char>(broken[cut] ^ 0x15);
      CHECK_NOTHROW(fuzz::measurements_text(broken));
    }
    ++files;
  }
  CHECK(files > 0);
}
