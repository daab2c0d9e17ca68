#include <ostream>
#include <sstream>

#include "trace/wire.hpp"
#include "xpusim/trace.hpp"

namespace xpusim {
namespace {

using trace::WireType;
using trace::WireWriter;

// Members of AttributeProto's oneof that producers use for each attribute (et_def.proto).
constexpr std::uint32_t kInt32 = 7, kInt64 = 9, kUint64 = 13, kBool = 27, kBoolList = 28,
                        kString = 29;
constexpr std::uint32_t kAttr = 10;

void number_attribute(std::string& out, std::string_view name, std::uint32_t member,
                      std::uint64_t value) {
  std::string body;
  WireWriter writer(body);
  writer.bytes(1, name);
  writer.number(member, value);
  WireWriter(out).bytes(kAttr, body);
}

void bytes_attribute(std::string& out, std::string_view name, std::uint32_t member,
                     std::string_view value) {
  std::string body;
  WireWriter writer(body);
  writer.bytes(1, name);
  writer.bytes(member, value);
  WireWriter(out).bytes(kAttr, body);
}

void write_ids(std::string& out, std::uint32_t field, const std::vector<std::uint64_t>& ids,
               std::uint32_t first, std::uint32_t count) {
  if (count == 0) return;
  std::string packed;
  WireWriter writer(packed);
  for (std::uint32_t i = 0; i < count; ++i) writer.varint(ids[first + i]);
  WireWriter(out).bytes(field, packed);
}

std::uint64_t sign_extended(std::int32_t value) {
  return static_cast<std::uint64_t>(static_cast<std::int64_t>(value));
}

void write_dimensions(std::string& out, const ChakraNode& node) {
  std::string flags, list;
  for (std::uint32_t d = 0; d < node.involved_dim_count; ++d)
    flags.push_back(static_cast<char>((node.involved_dims >> d) & 1));
  WireWriter(list).bytes(1, flags);
  bytes_attribute(out, "involved_dim", kBoolList, list);
}

void write_attributes(std::string& out, const ChakraFile& file, const ChakraNode& node) {
  const bool communicates = node.type == ChakraNodeType::comm_coll ||
                            node.type == ChakraNodeType::comm_send ||
                            node.type == ChakraNodeType::comm_recv;
  // Readers without defaults (astra-sim/chakra, feeder_v3) ask for these on every such node.
  const bool computes = node.type == ChakraNodeType::comp;
  const bool touches =
      computes || node.type == ChakraNodeType::mem_load || node.type == ChakraNodeType::mem_store;
  const bool has_tag =
      node.type == ChakraNodeType::comm_send || node.type == ChakraNodeType::comm_recv;
  number_attribute(out, "is_cpu_op", kBool, node.is_cpu_op ? 1 : 0);
  if (node.num_ops > 0 || computes) number_attribute(out, "num_ops", kInt64, node.num_ops);
  if (node.tensor_size > 0 || touches)
    number_attribute(out, "tensor_size", kUint64, node.tensor_size);
  if (node.collective != ChakraCollective::none)
    number_attribute(out, "comm_type", kInt64, static_cast<std::uint64_t>(node.collective));
  if (node.comm_size > 0 || (communicates && !node.is_cpu_op))
    number_attribute(out, "comm_size", kInt64, node.comm_size);
  if (node.comm_src >= 0) number_attribute(out, "comm_src", kInt32, sign_extended(node.comm_src));
  if (node.comm_dst >= 0) number_attribute(out, "comm_dst", kInt32, sign_extended(node.comm_dst));
  if (node.comm_tag != 0 || has_tag)
    number_attribute(out, "comm_tag", kInt32, sign_extended(node.comm_tag));
  if (node.comm_priority != 0)
    number_attribute(out, "comm_priority", kInt32, sign_extended(node.comm_priority));
  if (node.pg_name != 0) bytes_attribute(out, "pg_name", kString, file.text(node.pg_name));
  if (node.involved_dim_count > 0) write_dimensions(out, node);
}

void write_node(std::string& out, const ChakraFile& file, const ChakraNode& node) {
  WireWriter writer(out);
  if (node.id != 0) writer.number(1, node.id);
  if (node.name != 0) writer.bytes(2, file.text(node.name));
  if (node.type != ChakraNodeType::invalid) writer.number(3, static_cast<std::uint64_t>(node.type));
  write_ids(out, 4, file.ctrl_dep_ids, node.first_ctrl_dep, node.ctrl_deps);
  write_ids(out, 5, file.data_dep_ids, node.first_data_dep, node.data_deps);
  if (node.start_micros != 0) writer.number(6, node.start_micros);
  // Whole microseconds are all that the format holds.
  const std::uint64_t micros = (node.duration_nanos + 500) / 1000;
  if (micros != 0) writer.number(7, micros);
  if (node.inputs != 0) {
    std::string info;
    WireWriter(info).bytes(1, file.text(node.inputs));
    writer.bytes(8, info);
  }
  write_attributes(out, file, node);
}

void write_message(std::ostream& out, const std::string& message) {
  std::string prefix;
  WireWriter(prefix).varint(message.size());
  out.write(prefix.data(), static_cast<std::streamsize>(prefix.size()));
  out.write(message.data(), static_cast<std::streamsize>(message.size()));
}

}  // namespace

void write_chakra(std::ostream& out, const ChakraFile& file) {
  std::string message;
  if (!file.version.empty()) WireWriter(message).bytes(1, file.version);
  for (const auto& [name, value] : file.metadata) {
    std::string attribute;
    WireWriter(attribute).bytes(1, name);
    WireWriter(attribute).bytes(kString, value);
    WireWriter(message).bytes(2, attribute);
  }
  write_message(out, message);
  for (const ChakraNode& node : file.nodes) {
    message.clear();
    write_node(message, file, node);
    write_message(out, message);
  }
}

std::string encode_chakra(const ChakraFile& file) {
  std::ostringstream out;
  write_chakra(out, file);
  return std::move(out).str();
}

}  // namespace xpusim
