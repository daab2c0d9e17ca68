#pragma once

#include <cstddef>
#include <memory>
#include <vector>

namespace xpusim::engine {

/// A vector that never moves its elements, so that growing costs neither time nor, for a moment,
/// twice the memory.
template <class T>
class Pages {
 public:
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] T& operator[](std::size_t i) { return pages_[i / kPage][i % kPage]; }
  [[nodiscard]] const T& operator[](std::size_t i) const { return pages_[i / kPage][i % kPage]; }
  T& emplace_back() {
    if (size_ == pages_.size() * kPage) pages_.push_back(std::make_unique<T[]>(kPage));
    return (*this)[size_++];
  }

 private:
  static constexpr std::size_t kPage = 1024;
  std::vector<std::unique_ptr<T[]>> pages_;
  std::size_t size_ = 0;
};

}  // namespace xpusim::engine
