#include <catch2/catch.hpp>

#include "samples.hpp"
#include "trace/wire.hpp"

using namespace xpusim;
using samples::refusal;
using trace::WireWriter;

namespace {

std::string framed(const std::string& metadata, const std::string& node) {
  std::string out;
  WireWriter(out).varint(metadata.size());
  out += metadata;
  WireWriter(out).varint(node.size());
  return out + node;
}
std::string refused(const std::string& bytes) {
  return refusal([&] { (void)read_chakra(bytes, "a.0.et"); });
}
std::string node_with(std::string_view name, std::uint32_t member, std::uint64_t value) {
  std::string attribute, node;
  WireWriter(attribute).bytes(1, name);
  WireWriter(attribute).number(member, value);
  WireWriter(node).number(3, 7);
  WireWriter(node).bytes(10, attribute);
  return node;
}

constexpr std::string_view kOldHelp =
    "\n  help: convert the source again with a chakra_converter of October 2023 or later (tag "
    "v0.0.4)";
constexpr std::string_view kNotChakraHelp =
    "\n  help: expected PREFIX.<rank>.et as chakra_converter or STG writes it";

}  // namespace

TEST_CASE("a file cut off inside a node is refused with its offset", "[trace][chakra]") {
  const std::string whole = samples::example_83_bytes();
  CHECK(refused(whole.substr(0, 60)) ==
        "error[trace-truncated]: a.0.et: byte 8: the file ends inside a node: 74 bytes announced, "
        "51 left\n"
        "  help: copy or write the file again; it was cut off or damaged");
}

TEST_CASE("every proper prefix of a file after its metadata is whole nodes or refused",
          "[trace][chakra]") {
  const std::string whole = samples::example_83_bytes();
  CHECK(read_chakra(whole.substr(0, 8), "a.0.et").nodes.empty());
  for (std::size_t cut = 9; cut < whole.size(); ++cut)
    CHECK_FALSE(refused(whole.substr(0, cut)).empty());
}

TEST_CASE("a v0.0.3 node is refused by its field 11", "[trace][chakra]") {
  // proto2 of v0.0.3: id=1, name=2, type=3, parent=4, inputs=5 (text), ..., attribute=11
  std::string node;
  WireWriter writer(node);
  writer.number(1, 4);
  writer.bytes(2, "aten::mm");
  writer.number(3, 4);
  writer.number(4, 2);
  writer.bytes(5, "[]");
  writer.bytes(11, "\x0a\x04size");
  CHECK(refused(framed("", node)) ==
        "error[trace-version]: a.0.et: byte 22: written with Chakra schema v0.0.3 or older (node "
        "field 11); v0.0.4 is read" +
            std::string(kOldHelp));
}

TEST_CASE("a v0.0.3 node is refused by its texts in the time fields", "[trace][chakra]") {
  std::string node;
  WireWriter(node).bytes(6, "[[2, 3]]");
  CHECK(refused(framed("", node)) ==
        "error[trace-version]: a.0.et: byte 2: written with Chakra schema v0.0.3 or older (node "
        "field 6 is a text); v0.0.4 is read" +
            std::string(kOldHelp));
}

TEST_CASE("a v0.0.3 node whose texts break the decoding is still called old", "[trace][chakra]") {
  std::string node;
  WireWriter(node).bytes(10, "no attribute message");
  WireWriter(node).bytes(11, "");
  CHECK(refused(framed("", node)) ==
        "error[trace-version]: a.0.et: byte 1: written with Chakra schema v0.0.3 or older (node "
        "field 11); v0.0.4 is read" +
            std::string(kOldHelp));
}

TEST_CASE("a version of 0.0.3 in the metadata is refused", "[trace][chakra]") {
  std::string metadata;
  WireWriter(metadata).bytes(1, "0.0.3");
  CHECK(refused(framed(metadata, "")) ==
        "error[trace-version]: a.0.et: byte 1: written with Chakra schema v0.0.3 or older (version "
        "\"0.0.3\"); v0.0.4 is read" +
            std::string(kOldHelp));
}

TEST_CASE("files of other kinds are refused by name", "[trace][chakra]") {
  CHECK(refused("") ==
        "error[trace-format]: a.0.et: not a Chakra execution trace: the file is empty" +
            std::string(kNotChakraHelp));
  CHECK(refused("\x1f\x8b\x08 compressed") ==
        "error[trace-format]: a.0.et: compressed with gzip\n  help: decompress it first: gunzip");
  CHECK(refused("{\"schema\": 1}") ==
        "error[trace-format]: a.0.et: JSON, not a Chakra execution trace\n  help: convert it to "
        ".et with chakra_converter");
  CHECK(refused("MICRO\n2\n") ==
        "error[trace-format]: a.0.et: not a Chakra execution trace: byte 0: the first message "
        "claims 77 bytes, the file holds 8" +
            std::string(kNotChakraHelp));
  std::string node_first;
  WireWriter(node_first).number(3, 7);
  CHECK(refused(framed(node_first, "")) ==
        "error[trace-format]: a.0.et: not a Chakra execution trace: byte 1: the first message is a "
        "node, GlobalMetadata must come first" +
            std::string(kNotChakraHelp));
}

TEST_CASE("a negative size is refused with the attribute's offset", "[trace][chakra]") {
  CHECK(refused(framed("", node_with("comm_size", 9, static_cast<std::uint64_t>(-4096)))) ==
        "error[trace-value]: a.0.et: byte 4: attribute 'comm_size' is -4096; a whole number from 0 "
        "to 2^63-1 is needed\n"
        "  help: a negative size is often a 32-bit overflow in the tool that wrote the trace");
  CHECK(refused(framed("", node_with("tensor_size", 13, static_cast<std::uint64_t>(-1)))) ==
        "error[trace-value]: a.0.et: byte 4: attribute 'tensor_size' is 18446744073709551615; a "
        "whole number from 0 to 2^63-1 is needed\n"
        "  help: a negative size is often a 32-bit overflow in the tool that wrote the trace");
}

TEST_CASE("a size as text is refused", "[trace][chakra]") {
  std::string attribute, node;
  WireWriter(attribute).bytes(1, "comm_size");
  WireWriter(attribute).bytes(29, "4096");
  WireWriter(node).bytes(10, attribute);
  CHECK(refused(framed("", node)) ==
        "error[trace-value]: a.0.et: byte 2: attribute 'comm_size' holds no number\n  help: write "
        "it as int64");
}

TEST_CASE("unknown node and collective types are refused", "[trace][chakra]") {
  std::string node;
  WireWriter(node).number(3, 8);
  CHECK(refused(framed("", node)) ==
        "error[trace-value]: a.0.et: byte 2: node type 8 is unknown; 0 (INVALID) to 7 (COMM_COLL) "
        "are known");
  CHECK(refused(framed("", node_with("comm_type", 9, 10))) ==
        "error[trace-value]: a.0.et: byte 4: comm_type 10 is no collective; 0 (ALL_REDUCE) to 9 "
        "(BARRIER) are");
}

TEST_CASE("bytes that are no node are refused with the offset of the damage", "[trace][chakra]") {
  using namespace std::string_literals;
  CHECK(refused(framed("", "\x0a\x50"s)) ==
        "error[trace-format]: a.0.et: byte 4: no Chakra node: a field is longer than its message\n"
        "  help: the file is damaged or not a Chakra trace");
  CHECK(refused(framed("", "\x0b"s)) ==
        "error[trace-format]: a.0.et: byte 2: no Chakra node: a field has a wire type that "
        "protobuf 3 does not use\n"
        "  help: the file is damaged or not a Chakra trace");
}

TEST_CASE("a process-group record that is no list is refused", "[trace][chakra]") {
  ChakraFile file;
  ChakraNode node;
  node.type = ChakraNodeType::metadata;
  node.inputs = file.intern("[42]");
  file.add(node, "## process_group:init ##");
  CHECK(refused(encode_chakra(file)) ==
        "error[trace-value]: a.0.et: byte 30: the process-group record is no list of {\"pg_name\", "
        "\"ranks\"}\n"
        "  help: give the groups in a file instead and drop this node");
}
