#include <catch2/catch.hpp>

#include "fuzz/chakra_input.hpp"
#include "samples.hpp"

TEST_CASE("inputs that were made to break the reader, or once did, are read or refused",
          "[trace][fuzz]") {
  const std::filesystem::path folder =
      std::filesystem::path(XPUSIM_SOURCE_DIR) / "tests/fuzz/regressions/chakra";
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    INFO(entry.path().string());
    CHECK_NOTHROW(fuzz::try_chakra(samples::read_bytes(entry.path())));
    ++files;
  }
  CHECK(files > 0);
}

TEST_CASE("every single-byte change of a sample is read or refused", "[trace][fuzz]") {
  const std::string sample = samples::read_bytes(samples::data("gpt-tp2-dp2.0.et"));
  REQUIRE(sample.size() == 1505);
  for (std::size_t i = 0; i < sample.size(); ++i) {
    std::string changed = sample;
    changed[i] = static_cast<char>(changed[i] ^ (1 << (i % 8)));
    CHECK_NOTHROW(fuzz::try_chakra(changed));
  }
}
