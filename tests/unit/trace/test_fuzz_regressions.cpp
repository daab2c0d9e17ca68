#include <catch2/catch.hpp>

#include "fuzz/chakra_input.hpp"
#include "fuzz/formats_input.hpp"
#include "samples.hpp"

TEST_CASE("inputs that were made to break a reader, or once did, are read or refused",
          "[trace][fuzz]") {
  const std::pair<const char*, void (*)(std::string_view)> readers[] = {
      {"chakra", fuzz::try_chakra},
      {"chakra_json", fuzz::try_chakra_json},
      {"goal", fuzz::try_goal},
      {"htsim_cm", fuzz::try_htsim_cm},
      {"simai", fuzz::try_simai}};
  for (const auto& [name, read] : readers) {
    const std::filesystem::path folder =
        std::filesystem::path(XPUSIM_SOURCE_DIR) / "tests/fuzz/regressions" / name;
    std::size_t files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      INFO(entry.path().string());
      CHECK_NOTHROW(read(samples::read_bytes(entry.path())));
      ++files;
    }
    CHECK(files > 0);
  }
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

TEST_CASE("every cut and every single-byte change of the text samples is read or refused",
          "[trace][fuzz]") {
  const std::pair<const char*, void (*)(std::string_view)> samples_of[] = {
      {"pipeline-2.0.json", fuzz::try_chakra_json},
      {"ring-4.goal", fuzz::try_goal},
      {"permutation-16.cm", fuzz::try_htsim_cm},
      {"moe-16.txt", fuzz::try_simai}};
  for (const auto& [name, read] : samples_of) {
    const std::string sample = samples::read_bytes(samples::data(name));
    for (std::size_t i = 0; i < sample.size(); ++i) {
      std::string changed = sample;
      changed[i] = static_cast<char>(changed[i] ^ (1 << (i % 8)));
      CHECK_NOTHROW(read(changed));
      CHECK_NOTHROW(read(std::string_view(sample).substr(0, i)));
    }
  }
}
