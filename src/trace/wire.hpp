// Protobuf's wire format (protobuf.dev, "Encoding"): the five message types of a Chakra trace need
// no more.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

namespace xpusim::trace {

static_assert(std::endian::native == std::endian::little,
              "fixed32 and fixed64 are read by copying");

enum class WireType : std::uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

/// Bytes that are no protobuf message; becomes an InputError with the file's name.
struct WireError {
  std::size_t offset = 0;  ///< in the file
  std::string what;
};

struct WireField {
  std::uint32_t number = 0;
  WireType type = WireType::varint;
  std::uint64_t value = 0;  ///< varint, fixed32, fixed64
  std::string_view bytes;   ///< type bytes
  std::size_t offset = 0;   ///< of the tag in the file
  std::size_t data = 0;     ///< of `bytes` in the file
};

/// Walks over the fields of one message.
class WireReader {
 public:
  /// `base`: offset of bytes[0] in the file.
  WireReader(std::string_view bytes, std::size_t base) : bytes_(bytes), base_(base) {}

  [[nodiscard]] bool done() const { return position_ == bytes_.size(); }
  [[nodiscard]] std::size_t offset() const { return base_ + position_; }

  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
      if (done()) throw WireError{offset(), "a number is cut off"};
      const auto byte = static_cast<std::uint8_t>(bytes_[position_++]);
      // The tenth byte carries only bit 63; what a writer puts above it is dropped, as protobuf
      // does.
      value |= shift < 64 ? static_cast<std::uint64_t>(byte & 0x7f) << shift : 0;
      if ((byte & 0x80) == 0) return value;
    }
    throw WireError{offset(), "a number has more than 10 bytes"};
  }

  WireField field() {
    WireField f;
    f.offset = offset();
    const std::uint64_t tag = varint();
    f.number = static_cast<std::uint32_t>(tag >> 3);
    if (tag > 0xffffffffu || f.number == 0)
      throw WireError{f.offset, "a field number is out of range"};
    switch (tag & 7) {
      case 0:
        f.type = WireType::varint;
        f.value = varint();
        break;
      case 1:
        f.type = WireType::fixed64;
        f.value = fixed(8);
        break;
      case 2: {
        f.type = WireType::bytes;
        const std::uint64_t length = varint();
        f.data = offset();
        f.bytes = take(length);
        break;
      }
      case 5:
        f.type = WireType::fixed32;
        f.value = fixed(4);
        break;
      default:
        throw WireError{f.offset, "a field has a wire type that protobuf 3 does not use"};
    }
    return f;
  }

 private:
  std::string_view take(std::uint64_t length) {
    if (length > bytes_.size() - position_)
      throw WireError{offset(), "a field is longer than its message"};
    const std::string_view taken = bytes_.substr(position_, static_cast<std::size_t>(length));
    position_ += taken.size();
    return taken;
  }
  std::uint64_t fixed(std::size_t width) {
    const std::string_view raw = take(width);
    std::uint64_t value = 0;
    std::memcpy(&value, raw.data(), width);
    return value;
  }

  std::string_view bytes_;
  std::size_t base_;
  std::size_t position_ = 0;
};

/// Appends fields to a string.
class WireWriter {
 public:
  explicit WireWriter(std::string& out) : out_(out) {}

  void varint(std::uint64_t value) {
    while (value >= 0x80) {
      out_.push_back(static_cast<char>((value & 0x7f) | 0x80));
      value >>= 7;
    }
    out_.push_back(static_cast<char>(value));
  }
  void tag(std::uint32_t number, WireType type) {
    varint(static_cast<std::uint64_t>(number) << 3 | static_cast<std::uint64_t>(type));
  }
  void number(std::uint32_t field, std::uint64_t value) {
    tag(field, WireType::varint);
    varint(value);
  }
  void bytes(std::uint32_t field, std::string_view value) {
    tag(field, WireType::bytes);
    varint(value.size());
    out_.append(value);
  }

 private:
  std::string& out_;
};

}  // namespace xpusim::trace
