// A file's bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace xpusim::trace {

/// Maps a file read-only; what cannot be mapped (a pipe) is read. Throws InputError, code
/// trace-file.
class MappedFile {
 public:
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  [[nodiscard]] std::string_view bytes() const { return bytes_; }

 private:
  void read_all(int descriptor, const std::string& path);

  void* mapping_ = nullptr;
  std::string copy_;
  std::string_view bytes_;
};

/// Reads one file after another into the same memory: for many files that are looked at once, where
/// the page faults of a mapping cost more than a copy.
class FileBuffer {
 public:
  /// Valid until the next call. Throws InputError, code trace-file.
  [[nodiscard]] std::string_view read(const std::string& path);

 private:
  std::string bytes_;
};

/// 64 bits of a text, for finding candidates of equality; equal texts must still be compared.
[[nodiscard]] std::uint64_t content_hash(std::string_view bytes);

}  // namespace xpusim::trace
