// How far a long command is.
#pragma once

#include <cstddef>
#include <cstdio>
#include <string>

#include <fmt/core.h>

namespace xpusim::cli {

/// A line that says how far the children are; on a terminal only.
class Progress {
 public:
  Progress(bool shown, std::size_t total) : shown_(shown && total > 0), total_(total) { draw(); }
  void step() {
    ++done_;
    draw();
  }
  ~Progress() {
    if (shown_) fmt::print(stderr, "\r\033[K");
  }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

 private:
  void draw() const {
    if (!shown_) return;
    constexpr std::size_t kWidth = 24;
    const std::size_t filled = kWidth * done_ / total_;
    fmt::print(stderr, "\rsimulating [{}{}] {}/{}", std::string(filled, '#'),
               std::string(kWidth - filled, '.'), done_, total_);
    std::fflush(stderr);
  }
  bool shown_;
  std::size_t total_, done_ = 0;
};

}  // namespace xpusim::cli
