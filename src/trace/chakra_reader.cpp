// Reads Chakra execution traces: (varint length, message)*, GlobalMetadata first, then Nodes
// (mlcommons/chakra, schema/protobuf/et_def.proto, v0.0.4).
#include <bit>
#include <cmath>
#include <limits>
#include <optional>

#include <fmt/core.h>

#include "trace/process_groups.hpp"
#include "trace/wire.hpp"
#include "xpusim/trace.hpp"

namespace xpusim {
namespace {

using trace::WireError;
using trace::WireField;
using trace::WireReader;
using trace::WireType;

constexpr std::size_t kMetadataText = 200;
constexpr std::size_t kMaxDimensions = 32;
constexpr std::uint64_t kMaxSize = std::numeric_limits<std::int64_t>::max();
constexpr std::uint32_t kOldAttributeField =
    11;  ///< Node.attribute of v0.0.3; v0.0.4 numbers its fields 1 to 10

/// A value that the file may not hold; the code tells it from bytes that are no message.
struct ValueError {
  std::size_t offset = 0;
  std::string what;
  std::string help;
};
struct OldSchema {
  std::size_t offset = 0;
  std::string sign;
};

[[noreturn]] void fail(const ChakraFile& file, std::string code, std::size_t offset,
                       const std::string& what, std::string help) {
  throw InputError(std::move(code), fmt::format("{}: byte {}: {}", file.name, offset, what),
                   std::move(help));
}

[[noreturn]] void fail_old(const ChakraFile& file, const OldSchema& old) {
  fail(file, "trace-version", old.offset,
       fmt::format("written with Chakra schema v0.0.3 or older ({}); v0.0.4 is read", old.sign),
       "convert the source again with a chakra_converter of October 2023 or later (tag v0.0.4)");
}

// ---------------------------------------------------------------- attributes

/// One AttributeProto, undecoded: the member of `oneof value` that is set.
struct Attribute {
  std::string_view name;
  std::uint32_t member = 0;  ///< field number, 0 = no value
  WireType type = WireType::varint;
  std::uint64_t value = 0;
  std::string_view bytes;
  std::size_t offset = 0, data = 0;
};

Attribute read_attribute(const WireField& field) {
  Attribute attribute;
  attribute.offset = field.offset;
  WireReader reader(field.bytes, field.data);
  while (!reader.done()) {
    const WireField f = reader.field();
    if (f.number == 1 && f.type == WireType::bytes) attribute.name = f.bytes;
    if (f.number < 3 || f.number > 32) continue;
    attribute.member = f.number;
    attribute.type = f.type;
    attribute.value = f.value;
    attribute.bytes = f.bytes;
    attribute.data = f.data;
  }
  return attribute;
}

struct Number {
  enum class Kind { integer, unsigned_integer, real } kind = Kind::integer;
  std::int64_t integer = 0;
  std::uint64_t unsigned_integer = 0;
  double real = 0;
};
Number integer(std::int64_t v) { return {Number::Kind::integer, v, 0, 0}; }
Number natural(std::uint64_t v) { return {Number::Kind::unsigned_integer, 0, v, 0}; }
Number real(double v) { return {Number::Kind::real, 0, 0, v}; }
std::int64_t unzigzag(std::uint64_t v) {
  return static_cast<std::int64_t>(v >> 1) ^ -static_cast<std::int64_t>(v & 1);
}

/// Any numeric member of the oneof: writers disagree on the type (facts: comm_size as int64 and
/// uint64).
std::optional<Number> number_of(const Attribute& a) {
  const bool varint = a.type == WireType::varint, w32 = a.type == WireType::fixed32,
             w64 = a.type == WireType::fixed64;
  switch (a.member) {
    case 3:
      if (w64) return real(std::bit_cast<double>(a.value));
      break;
    case 5:
      if (w32)
        return real(static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(a.value))));
      break;
    case 7:
      if (varint) return integer(static_cast<std::int32_t>(a.value));
      break;
    case 9:
      if (varint) return integer(static_cast<std::int64_t>(a.value));
      break;
    case 11:
      if (varint) return natural(static_cast<std::uint32_t>(a.value));
      break;
    case 13:
      if (varint) return natural(a.value);
      break;
    case 15:
    case 17:
      if (varint) return integer(unzigzag(a.value));
      break;
    case 19:
      if (w32) return natural(a.value);
      break;
    case 21:
      if (w64) return natural(a.value);
      break;
    case 23:
      if (w32) return integer(static_cast<std::int32_t>(a.value));
      break;
    case 25:
      if (w64) return integer(static_cast<std::int64_t>(a.value));
      break;
    case 27:
      if (varint) return natural(a.value != 0 ? 1 : 0);
      break;
    default:
      break;
  }
  return std::nullopt;
}

Number need_number(const Attribute& a) {
  if (const auto number = number_of(a)) return *number;
  throw ValueError{a.offset, fmt::format("attribute '{}' holds no number", a.name),
                   "write it as int64"};
}

std::string show(const Number& n) {
  if (n.kind == Number::Kind::integer) return fmt::format("{}", n.integer);
  if (n.kind == Number::Kind::unsigned_integer) return fmt::format("{}", n.unsigned_integer);
  return fmt::format("{}", n.real);
}

std::optional<std::int64_t> as_integer(const Number& n) {
  constexpr double kLimit = 9223372036854775808.0;  // 2^63
  switch (n.kind) {
    case Number::Kind::integer:
      return n.integer;
    case Number::Kind::unsigned_integer:
      return n.unsigned_integer <= kMaxSize
                 ? std::optional(static_cast<std::int64_t>(n.unsigned_integer))
                 : std::nullopt;
    case Number::Kind::real:
      return std::isfinite(n.real) && std::abs(n.real) < kLimit && std::trunc(n.real) == n.real
                 ? std::optional(static_cast<std::int64_t>(n.real))
                 : std::nullopt;
  }
  return std::nullopt;
}

std::uint64_t size_of(const Attribute& a) {
  const Number number = need_number(a);
  const auto value = as_integer(number);
  if (value && *value >= 0) return static_cast<std::uint64_t>(*value);
  throw ValueError{a.offset,
                   fmt::format("attribute '{}' is {}; a whole number from 0 to 2^63-1 is needed",
                               a.name, show(number)),
                   "a negative size is often a 32-bit overflow in the tool that wrote the trace"};
}

std::int32_t small_integer(const Attribute& a, std::int64_t lowest) {
  const Number number = need_number(a);
  const auto value = as_integer(number);
  if (value && *value >= lowest && *value <= std::numeric_limits<std::int32_t>::max())
    return static_cast<std::int32_t>(*value);
  throw ValueError{a.offset,
                   fmt::format("attribute '{}' is {}; a whole number from {} to 2^31-1 is needed",
                               a.name, show(number), lowest),
                   ""};
}

ChakraCollective collective_of(const Attribute& a) {
  const Number number = need_number(a);
  const auto value = as_integer(number);
  if (value && *value >= 0 && *value <= static_cast<int>(ChakraCollective::barrier))
    return static_cast<ChakraCollective>(*value);
  throw ValueError{
      a.offset,
      fmt::format("comm_type {} is no collective; 0 (ALL_REDUCE) to 9 (BARRIER) are", show(number)),
      ""};
}

/// Lists are a sub-message with `repeated values = 1`, packed or not.
void read_dimensions(const Attribute& a, ChakraNode& node) {
  if (a.type != WireType::bytes)
    throw ValueError{a.offset, "attribute 'involved_dim' holds no list", "write it as bool_list"};
  node.involved_dims = 0;
  node.involved_dim_count = 0;
  const auto push = [&](std::uint64_t value) {
    if (node.involved_dim_count == kMaxDimensions)
      throw ValueError{
          a.offset,
          fmt::format("attribute 'involved_dim' names more than {} dimensions", kMaxDimensions),
          ""};
    if (value != 0) node.involved_dims |= 1u << node.involved_dim_count;
    ++node.involved_dim_count;
  };
  WireReader list(a.bytes, a.data);
  while (!list.done()) {
    const WireField f = list.field();
    if (f.number != 1) continue;
    if (f.type != WireType::bytes) {
      push(f.value);
      continue;
    }
    WireReader packed(f.bytes, f.data);
    while (!packed.done()) push(packed.varint());
  }
}

std::string text_of(const Attribute& a) {
  if (a.member == 29 || a.member == 31) return std::string(a.bytes);
  const auto number = number_of(a);
  return number ? show(*number) : std::string();
}

/// Returns false when the attribute is not used.
bool apply(const Attribute& a, ChakraNode& node, ChakraFile& file) {
  if (a.name == "is_cpu_op")
    node.is_cpu_op = size_of(a) != 0;
  else if (a.name == "num_ops")
    node.num_ops = size_of(a);
  else if (a.name == "tensor_size")
    node.tensor_size = size_of(a);
  else if (a.name == "comm_size")
    node.comm_size = size_of(a);
  else if (a.name == "comm_type")
    node.collective = collective_of(a);
  else if (a.name == "comm_src")
    node.comm_src = small_integer(a, 0);
  else if (a.name == "comm_dst")
    node.comm_dst = small_integer(a, 0);
  else if (a.name == "comm_tag")
    node.comm_tag = small_integer(a, std::numeric_limits<std::int32_t>::min());
  else if (a.name == "comm_priority")
    node.comm_priority = small_integer(a, std::numeric_limits<std::int32_t>::min());
  else if (a.name == "pg_name")
    node.pg_name = file.intern(text_of(a));
  else if (a.name == "involved_dim")
    read_dimensions(a, node);
  else
    return false;
  return true;
}

// ---------------------------------------------------------------- messages

void expect(const WireField& f, WireType type, std::string_view name) {
  if (f.type != type)
    throw WireError{f.offset, fmt::format("field {} ({}) has the wrong wire type", f.number, name)};
}

void read_ids(const WireField& f, std::string_view name, std::vector<std::uint64_t>& ids) {
  if (f.type == WireType::varint) {
    ids.push_back(f.value);
    return;
  }
  expect(f, WireType::bytes, name);
  WireReader packed(f.bytes, f.data);
  while (!packed.done()) ids.push_back(packed.varint());
}

std::uint64_t micros(const WireField& f, std::string_view name) {
  // v0.0.3 kept texts (input_shapes, input_types) in these two fields.
  if (f.type == WireType::bytes)
    throw OldSchema{f.offset, fmt::format("node field {} is a text", f.number)};
  expect(f, WireType::varint, name);
  if (f.value <= kMaxSize) return f.value;
  throw ValueError{f.offset, fmt::format("{} is {}; it must be below 2^63", name, f.value),
                   "a negative time was written as unsigned"};
}

std::uint64_t duration(const WireField& f) {
  constexpr std::uint64_t kNanosPerMicro = 1000, kLongest = kMaxSize / kNanosPerMicro;
  const std::uint64_t value = micros(f, "duration_micros");
  if (value <= kLongest) return value * kNanosPerMicro;
  throw ValueError{f.offset,
                   fmt::format("duration_micros is {}; it must be at most {}", value, kLongest),
                   "a negative time was written as unsigned"};
}

std::string_view io_values(const WireField& f) {
  WireReader info(f.bytes, f.data);
  while (!info.done()) {
    const WireField part = info.field();
    if (part.number == 1 && part.type == WireType::bytes) return part.bytes;
  }
  return {};
}

class NodeMessage {
 public:
  NodeMessage(ChakraFile& file, ChakraNode& node) : file_(file), node_(node) {}

  void read(std::string_view message, std::size_t base) {
    node_.first_data_dep = static_cast<std::uint32_t>(file_.data_dep_ids.size());
    node_.first_ctrl_dep = static_cast<std::uint32_t>(file_.ctrl_dep_ids.size());
    WireReader reader(message, base);
    while (!reader.done()) read_field(reader.field());
    node_.data_deps = static_cast<std::uint32_t>(file_.data_dep_ids.size()) - node_.first_data_dep;
    node_.ctrl_deps = static_cast<std::uint32_t>(file_.ctrl_dep_ids.size()) - node_.first_ctrl_dep;
    node_.name = file_.intern(name_);
    read_inputs();
  }

 private:
  void read_field(const WireField& f) {
    switch (f.number) {
      case 1:
        expect(f, WireType::varint, "id");
        node_.id = f.value;
        return;
      case 2:
        expect(f, WireType::bytes, "name");
        name_ = f.bytes;
        return;
      case 3:
        return read_type(f);
      case 4:
        return read_ids(f, "ctrl_deps", file_.ctrl_dep_ids);
      case 5:
        return read_ids(f, "data_deps", file_.data_dep_ids);
      case 6:
        node_.start_micros = micros(f, "start_time_micros");
        return;
      case 7:
        node_.duration_nanos = duration(f);
        return;
      case 8:
        expect(f, WireType::bytes, "inputs");
        inputs_ = f;
        return;
      case 9:
        expect(f, WireType::bytes, "outputs");
        file_.skipped_bytes += f.bytes.size();
        return;
      case 10:
        return read_attribute_field(f);
      case kOldAttributeField:
        throw OldSchema{f.offset, "node field 11"};
      default:
        return;
    }
  }

  void read_type(const WireField& f) {
    expect(f, WireType::varint, "type");
    if (f.value >= kChakraNodeTypes)
      throw ValueError{
          f.offset,
          fmt::format("node type {} is unknown; 0 (INVALID) to 7 (COMM_COLL) are known", f.value),
          ""};
    node_.type = static_cast<ChakraNodeType>(f.value);
  }

  void read_attribute_field(const WireField& f) {
    expect(f, WireType::bytes, "attr");
    const Attribute attribute = read_attribute(f);
    if (!apply(attribute, node_, file_)) file_.skipped_bytes += f.bytes.size();
  }

  void read_inputs() {
    const bool groups = node_.type == ChakraNodeType::metadata && name_ == trace::kProcessGroupNode;
    if (!groups) {
      file_.skipped_bytes += inputs_.bytes.size();
      return;
    }
    const std::string_view values = io_values(inputs_);
    node_.inputs = file_.intern(values);
    if (!trace::parse_process_groups(values, file_.process_groups))
      throw ValueError{inputs_.offset,
                       "the process-group record is no list of {\"pg_name\", \"ranks\"}",
                       "give the groups in a file instead and drop this node"};
  }

  ChakraFile& file_;
  ChakraNode& node_;
  std::string_view name_;
  WireField inputs_;
};

/// Old texts may break the decoding before field 11 of the same node is met.
bool has_old_field(std::string_view message) {
  try {
    WireReader reader(message, 0);
    while (!reader.done())
      if (reader.field().number == kOldAttributeField) return true;
  } catch (const WireError&) {
    return false;
  }
  return false;
}

void read_metadata(std::string_view message, std::size_t base, ChakraFile& file) {
  WireReader reader(message, base);
  while (!reader.done()) {
    const WireField f = reader.field();
    if (f.number == 1) {
      expect(f, WireType::bytes, "version");
      file.version = std::string(f.bytes.substr(0, kMetadataText));
    } else if (f.number == 2) {
      expect(f, WireType::bytes, "attr");
      const Attribute a = read_attribute(f);
      const std::string text = text_of(a);
      if (text.size() > kMetadataText) file.skipped_bytes += text.size() - kMetadataText;
      file.metadata[std::string(a.name.substr(0, kMetadataText))] = text.substr(0, kMetadataText);
    } else if (f.number == 3) {
      throw WireError{f.offset, "the first message is a node, GlobalMetadata must come first"};
    }
  }
  if (file.version == "0.0.1" || file.version == "0.0.2" || file.version == "0.0.3")
    throw OldSchema{base, fmt::format("version \"{}\"", file.version)};
}

[[noreturn]] void fail_format(const ChakraFile& file, std::string_view bytes,
                              const std::string& why) {
  if (bytes.substr(0, 2) == "\x1f\x8b")
    throw InputError("trace-format", fmt::format("{}: compressed with gzip", file.name),
                     "decompress it first: gunzip");
  if (!bytes.empty() && (bytes[0] == '{' || bytes[0] == '['))
    throw InputError("trace-format",
                     fmt::format("{}: JSON, not a Chakra execution trace", file.name),
                     "convert it to .et with chakra_converter");
  throw InputError("trace-format",
                   fmt::format("{}: not a Chakra execution trace: {}", file.name, why),
                   "expected PREFIX.<rank>.et as chakra_converter or STG writes it");
}

}  // namespace

ChakraReader::ChakraReader(std::string_view bytes, ChakraFile& file) : bytes_(bytes), file_(file) {
  file_.bytes = bytes.size();
  if (bytes.empty()) fail_format(file_, bytes, "the file is empty");
  try {
    WireReader prefix(bytes, 0);
    const std::uint64_t length = prefix.varint();
    const std::size_t start = prefix.offset();
    if (length > bytes.size() - start)
      throw WireError{0, fmt::format("the first message claims {} bytes, the file holds {}", length,
                                     bytes.size())};
    position_ = start + static_cast<std::size_t>(length);
    read_metadata(bytes.substr(start, static_cast<std::size_t>(length)), start, file_);
  } catch (const WireError& e) {
    fail_format(file_, bytes, fmt::format("byte {}: {}", e.offset, e.what));
  } catch (const OldSchema& old) {
    fail_old(file_, old);
  }
}

bool ChakraReader::next(ChakraNode& node) {
  if (position_ == bytes_.size()) return false;
  node = ChakraNode{};
  node.offset = position_;
  std::string_view message;
  try {
    WireReader prefix(bytes_.substr(position_), position_);
    const std::uint64_t length = prefix.varint();
    const std::size_t start = prefix.offset(), left = bytes_.size() - start;
    if (length > left)
      fail(file_, "trace-truncated", position_,
           fmt::format("the file ends inside a node: {} bytes announced, {} left", length, left),
           "copy or write the file again; it was cut off or damaged");
    message = bytes_.substr(start, static_cast<std::size_t>(length));
    position_ = start + message.size();
    NodeMessage(file_, node).read(message, start);
  } catch (const WireError& e) {
    if (has_old_field(message))
      fail_old(file_, {static_cast<std::size_t>(node.offset), "node field 11"});
    fail(file_, "trace-format", e.offset, fmt::format("no Chakra node: {}", e.what),
         "the file is damaged or not a Chakra trace");
  } catch (const ValueError& e) {
    fail(file_, "trace-value", e.offset, e.what, e.help);
  } catch (const OldSchema& old) {
    fail_old(file_, old);
  }
  return true;
}

namespace {

/// Messages up to the end or the first broken length: how many nodes to make room for.
std::size_t count_messages(std::string_view bytes) {
  std::size_t messages = 0, position = 0;
  try {
    while (position < bytes.size()) {
      WireReader prefix(bytes.substr(position), position);
      const std::uint64_t length = prefix.varint();
      if (length > bytes.size() - prefix.offset()) break;
      position = prefix.offset() + static_cast<std::size_t>(length);
      ++messages;
    }
  } catch (const WireError&) {
    return messages;  // the decoder will say what is wrong
  }
  return messages;
}

}  // namespace

ChakraFile read_chakra(std::string_view bytes, std::string name) {
  // Dependencies are most of what stays: room for them ahead saves copies, and untouched room costs
  // no memory.
  constexpr std::size_t kBytesPerDependency = 16;
  ChakraFile file;
  file.name = std::move(name);
  ChakraReader reader(bytes, file);
  file.nodes.reserve(count_messages(bytes) - 1);  // one is GlobalMetadata, which is whole by now
  file.data_dep_ids.reserve(bytes.size() / kBytesPerDependency);
  ChakraNode node;
  while (reader.next(node)) file.nodes.push_back(node);
  file.data_dep_ids.shrink_to_fit();
  file.finish_texts();
  return file;
}

}  // namespace xpusim
