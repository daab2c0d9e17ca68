#include "cli/heap.hpp"

#include <cstdlib>

#if defined(__GLIBC__)
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#endif

namespace xpusim::cli {

void prepare_heap() {
#if defined(__GLIBC__)
  constexpr int kMiB = 1 << 20;
  constexpr std::uintptr_t kLargePage = 2 * kMiB;
  mallopt(M_MMAP_THRESHOLD, 1024 * kMiB);
  mallopt(M_TRIM_THRESHOLD, 1024 * kMiB);
  mallopt(M_TOP_PAD, 1024 * kMiB);
  const auto before = reinterpret_cast<std::uintptr_t>(sbrk(0));
  std::free(std::malloc(kMiB));  // the heap grows by the padding, once
  const auto after = reinterpret_cast<std::uintptr_t>(sbrk(0));
  mallopt(M_TOP_PAD, 16 * kMiB);
  const std::uintptr_t first = (before + kLargePage - 1) / kLargePage * kLargePage;
  if (after > first)
    madvise(reinterpret_cast<void*>(first), after - first, MADV_HUGEPAGE);  // a hint: may fail
#endif
}

}  // namespace xpusim::cli
