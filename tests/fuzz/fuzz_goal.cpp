// libFuzzer target: no input may crash this reader, nor what works on its traces.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "fuzz/formats_input.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::try_goal(std::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
