// The allocator as large simulations need it.
#pragma once

namespace xpusim::cli {

/// Large graphs of tasks touch gigabytes of fresh memory: a heap that is backed by large pages and
/// keeps what it was given takes a fifth of the time off a run of millions of tasks, most of it
/// page faults. Address space only; without glibc nothing happens.
void prepare_heap();

}  // namespace xpusim::cli
