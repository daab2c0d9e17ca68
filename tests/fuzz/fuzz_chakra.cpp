// libFuzzer target: no input may crash the Chakra reader, writer or replay.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "fuzz/chakra_input.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::try_chakra(std::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
