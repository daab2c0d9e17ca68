// libFuzzer target: no input may crash the import of this format.
#include <cstdint>

#include "fuzz/import_input.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  xpusim::fuzz::import_text(xpusim::ImportFormat::huggingface,
                            {reinterpret_cast<const char*>(data), size});
  return 0;
}
