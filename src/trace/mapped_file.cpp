#include "trace/mapped_file.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "xpusim/diagnostic.hpp"

namespace xpusim::trace {
namespace {

[[noreturn]] void fail(const std::string& path) {
  throw InputError("trace-file", fmt::format("{}: {}", path, std::strerror(errno)),
                   "check the path");
}

struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

}  // namespace

MappedFile::MappedFile(const std::string& path) {
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.fd < 0) fail(path);
  struct stat info {};
  if (::fstat(file.fd, &info) != 0) fail(path);
  if (S_ISREG(info.st_mode) && info.st_size == 0) return;
  const auto size = static_cast<std::size_t>(info.st_size);
  void* mapping = S_ISREG(info.st_mode) ? ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.fd, 0)
                                        : MAP_FAILED;
  if (mapping == MAP_FAILED) {
    read_all(file.fd, path);
    return;
  }
  mapping_ = mapping;
  ::madvise(mapping_, size, MADV_SEQUENTIAL);  // advice only: a refusal changes nothing
  bytes_ = {static_cast<const char*>(mapping_), size};
}

void MappedFile::read_all(int descriptor, const std::string& path) {
  std::array<char, 65536> buffer{};
  for (;;) {
    const ssize_t got = ::read(descriptor, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(path);
    if (got == 0) break;
    copy_.append(buffer.data(), static_cast<std::size_t>(got));
  }
  bytes_ = copy_;
}

MappedFile::~MappedFile() {
  if (mapping_ != nullptr) ::munmap(mapping_, bytes_.size());
}

std::string_view FileBuffer::read(const std::string& path) {
  constexpr std::size_t kLeast = 65536;
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.fd < 0) fail(path);
  std::size_t filled = 0;
  for (;;) {
    if (bytes_.size() - filled < kLeast) bytes_.resize(std::max(kLeast, bytes_.size()) * 2);
    const ssize_t got = ::read(file.fd, bytes_.data() + filled, bytes_.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(path);
    if (got == 0) return {bytes_.data(), filled};
    filled += static_cast<std::size_t>(got);
  }
}

std::uint64_t content_hash(std::string_view bytes) {
  // Word-wise multiply and rotate with the odd constants of SplitMix64 (Steele et al., OOPSLA
  // 2014).
  std::uint64_t hash = 0x9e3779b97f4a7c15u ^ bytes.size();
  std::size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + i, 8);
    hash = std::rotl(hash ^ word, 29) * 0xbf58476d1ce4e5b9u;
  }
  std::uint64_t tail = 0;
  if (i < bytes.size()) std::memcpy(&tail, bytes.data() + i, bytes.size() - i);
  hash = (hash ^ tail) * 0x94d049bb133111ebu;
  return hash ^ (hash >> 31);
}

}  // namespace xpusim::trace
