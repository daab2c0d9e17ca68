// libFuzzer target: any bytes as a configuration file, an override and a quantity.
#include <cstdint>

#include "fuzz/config_input.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  xpusim::fuzz::read_config({reinterpret_cast<const char*>(data), size});
  return 0;
}
