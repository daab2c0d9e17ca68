// The allocator as large simulations need it.
#pragma once

namespace xpusim::cli {

/// Large graphs of tasks touch gigabytes of fresh memory: a heap that is backed by large pages and
/// keeps what it was given takes a twelfth of the time off a run of millions of tasks, page faults
/// above all. Address space only; without glibc nothing happens.
void prepare_heap();

}  // namespace xpusim::cli
