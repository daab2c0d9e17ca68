// libFuzzer target: no measurements may crash their reader or the fit.
#include <cstdint>

#include "fuzz/calibrate_input.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  xpusim::fuzz::measurements_text({reinterpret_cast<const char*>(data), size});
  return 0;
}
