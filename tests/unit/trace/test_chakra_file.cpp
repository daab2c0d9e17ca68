#include <catch2/catch.hpp>

#include <limits>

#include "samples.hpp"
#include "trace/wire.hpp"

using namespace xpusim;
using trace::WireType;
using trace::WireWriter;

namespace {

/// A file with one COMM_COLL node whose attributes the test writes.
std::string with_attribute(std::string_view name, const std::string& value_field) {
  std::string attribute, node, out;
  WireWriter(attribute).bytes(1, name);
  attribute += value_field;
  WireWriter(node).number(3, 7);
  WireWriter(node).bytes(10, attribute);
  WireWriter(out).varint(0);
  WireWriter(out).varint(node.size());
  return out + node;
}
std::string varint_field(std::uint32_t member, std::uint64_t value) {
  std::string out;
  WireWriter(out).number(member, value);
  return out;
}
template <class T>
std::string fixed_field(std::uint32_t member, T value) {
  std::string out;
  WireWriter(out).tag(member, sizeof(T) == 8 ? WireType::fixed64 : WireType::fixed32);
  out.append(reinterpret_cast<const char*>(&value), sizeof(T));
  return out;
}
ChakraNode only_node(const std::string& bytes) {
  const ChakraFile file = read_chakra(bytes, "a.0.et");
  REQUIRE(file.nodes.size() == 1);
  return file.nodes.front();
}

}  // namespace

TEST_CASE("the 83-byte all-reduce decodes to one COMM_COLL of 1 MiB", "[trace][chakra]") {
  const std::string bytes = samples::example_83_bytes();
  REQUIRE(bytes.size() == 83);
  const ChakraFile file = read_chakra(bytes, "all_reduce.1.et");
  CHECK(file.version == "0.0.4");
  CHECK(file.bytes == 83);
  REQUIRE(file.nodes.size() == 1);
  const ChakraNode& node = file.nodes.front();
  CHECK(node.id == 1);
  CHECK(file.text(node.name) == "all_reduce_4npus_1MB");
  CHECK(node.type == ChakraNodeType::comm_coll);
  CHECK_FALSE(node.is_cpu_op);
  CHECK(node.collective == ChakraCollective::all_reduce);
  CHECK(node.comm_size == 1048576);
  CHECK(node.offset == 8);
  CHECK(node.data_deps == 0);
  CHECK(node.involved_dim_count == 0);
}

TEST_CASE("the writer gives the 83-byte all-reduce byte for byte", "[trace][chakra]") {
  ChakraFile file = samples::file("x");
  file.add(samples::coll(1, ChakraCollective::all_reduce, 1048576), "all_reduce_4npus_1MB");
  CHECK(encode_chakra(file) == samples::example_83_bytes());
}

TEST_CASE("what the writer writes, the reader reads", "[trace][chakra]") {
  ChakraFile file = samples::file("a.0.et");
  file.metadata = {{"schema", "1.0.2-chakra.0.0.4"}, {"pid", "7"}};
  ChakraNode compute = samples::work(0, 1'000'000'000'000, std::uint64_t{1} << 40);
  compute.start_micros = 3;
  compute.duration_nanos = 12000;
  file.add(compute, "gemm");
  ChakraNode gather = samples::coll(700, ChakraCollective::all_gather, std::uint64_t{5} << 32);
  gather.pg_name = file.intern("3");
  gather.involved_dims = 0b101;
  gather.involved_dim_count = 3;
  gather.comm_priority = -2;
  file.add(gather, "gather", {0, 900}, {12345678901});
  file.add(samples::send(900, 5, 42, -1), "");
  ChakraNode host = samples::comp(5, 1);
  host.is_cpu_op = true;
  file.add(host, "gemm");

  const ChakraFile back = read_chakra(encode_chakra(file), "a.0.et");
  CHECK(back.metadata == file.metadata);
  REQUIRE(back.nodes.size() == 4);
  const ChakraNode &c = back.nodes[0], &g = back.nodes[1], &s = back.nodes[2], &h = back.nodes[3];
  CHECK(c.num_ops == 1'000'000'000'000);
  CHECK(c.tensor_size == std::uint64_t{1} << 40);
  CHECK(c.start_micros == 3);
  CHECK(c.duration_nanos == 12000);
  CHECK(g.comm_size == std::uint64_t{5} << 32);
  CHECK(back.text(g.pg_name) == "3");
  CHECK(g.involved_dims == 0b101);
  CHECK(g.involved_dim_count == 3);
  CHECK(g.comm_priority == -2);
  REQUIRE(g.data_deps == 2);
  CHECK(back.data_dep_ids[g.first_data_dep] == 0);
  CHECK(back.data_dep_ids[g.first_data_dep + 1] == 900);
  REQUIRE(g.ctrl_deps == 1);
  CHECK(back.ctrl_dep_ids[g.first_ctrl_dep] == 12345678901);
  CHECK(s.comm_dst == 5);
  CHECK(s.comm_src == -1);
  CHECK(s.comm_tag == -1);
  CHECK(h.is_cpu_op);
  CHECK(h.name == c.name);
  CHECK(encode_chakra(back) == encode_chakra(file));
}

TEST_CASE("comm_size is read from every numeric attribute type", "[trace][chakra]") {
  const std::uint64_t big = (std::uint64_t{1} << 33) + 8;  // exact in double, and in float
  for (const std::uint32_t member : {9u, 13u})
    CHECK(only_node(with_attribute("comm_size", varint_field(member, big))).comm_size == big);
  for (const std::uint32_t member : {7u, 11u})
    CHECK(only_node(with_attribute("comm_size", varint_field(member, 4096))).comm_size == 4096);
  // zigzag: n >= 0 is written as 2n (protobuf encoding)
  CHECK(only_node(with_attribute("comm_size", varint_field(15, 8192))).comm_size == 4096);
  CHECK(only_node(with_attribute("comm_size", varint_field(17, 2 * big))).comm_size == big);
  CHECK(only_node(with_attribute("comm_size", fixed_field<std::uint32_t>(19, 4096))).comm_size ==
        4096);
  CHECK(only_node(with_attribute("comm_size", fixed_field<std::uint64_t>(21, big))).comm_size ==
        big);
  CHECK(only_node(with_attribute("comm_size", fixed_field<std::int32_t>(23, 4096))).comm_size ==
        4096);
  CHECK(only_node(with_attribute("comm_size",
                                 fixed_field<std::int64_t>(25, static_cast<std::int64_t>(big))))
            .comm_size == big);
  CHECK(only_node(with_attribute("comm_size", fixed_field<double>(3, static_cast<double>(big))))
            .comm_size == big);
  CHECK(only_node(with_attribute("comm_size", fixed_field<float>(5, 4096.0F))).comm_size == 4096);
}

TEST_CASE("a pg_name written as a number equals the one written as text", "[trace][chakra]") {
  const ChakraFile file = read_chakra(with_attribute("pg_name", varint_field(9, 12)), "a.0.et");
  CHECK(file.text(file.nodes.front().pg_name) == "12");
}

TEST_CASE("dependencies are read packed and one by one", "[trace][chakra]") {
  std::string node, out;
  WireWriter(node).number(1, 9);
  WireWriter(node).number(5, 3);
  WireWriter(node).number(5, 300);
  WireWriter(node).bytes(5, "\x04\xac\x02");  // 4, 300
  WireWriter(out).varint(0);
  WireWriter(out).varint(node.size());
  const ChakraFile file = read_chakra(out + node, "a.0.et");
  CHECK(file.data_dep_ids == std::vector<std::uint64_t>{3, 300, 4, 300});
  CHECK(file.nodes.front().data_deps == 4);
}

TEST_CASE("an empty node and an empty GlobalMetadata are messages of length 0", "[trace][chakra]") {
  using namespace std::string_literals;
  const ChakraFile file = read_chakra("\0\0"s, "a.0.et");
  REQUIRE(file.nodes.size() == 1);
  CHECK(file.nodes.front().type == ChakraNodeType::invalid);
}

TEST_CASE("tensor texts and unknown attributes are stepped over and counted", "[trace][chakra]") {
  std::string info, attribute, node, out;
  WireWriter(info).bytes(1, std::string(5000, 'x'));
  WireWriter(attribute).bytes(1, "op_schema");
  WireWriter(attribute).bytes(29, std::string(300, 's'));
  WireWriter(node).number(3, 4);
  WireWriter(node).bytes(8, info);
  WireWriter(node).bytes(9, info);
  WireWriter(node).bytes(10, attribute);
  WireWriter(out).varint(0);
  WireWriter(out).varint(node.size());
  const ChakraFile file = read_chakra(out + node, "a.0.et");
  CHECK(file.texts == std::vector<std::string>{""});
  CHECK(file.skipped_bytes == 2 * info.size() + attribute.size());
}

TEST_CASE("a reader pulls nodes one by one in file order", "[trace][chakra]") {
  ChakraFile file = samples::file("a.0.et");
  for (const std::uint64_t id : {9u, 2u, 5u}) file.add(samples::comp(id, id), "n");
  const std::string bytes = encode_chakra(file);
  ChakraFile into;
  ChakraReader reader(bytes, into);
  ChakraNode node;
  std::vector<std::uint64_t> ids;
  while (reader.next(node)) ids.push_back(node.id);
  CHECK(ids == std::vector<std::uint64_t>{9, 2, 5});
  CHECK(into.nodes.empty());
}

TEST_CASE("a process-group record gives in-trace communicators", "[trace][chakra]") {
  const std::vector<std::string> forms{
      R"(["[{\"pg_name\": \"0\", \"ranks\": [], \"group_size\": 2}, {\"pg_name\": \"1\", \"ranks\": [3, 1]}]"])",
      R"(['[{"pg_name": "0", "ranks": [], "group_size": 2}, {"pg_name": "1", "ranks": [3, 1]}]'])",
      R"([{"pg_name": "0", "ranks": []}, {"pg_name": 1, "ranks": [3, 1]}])"};
  for (const std::string& values : forms) {
    ChakraFile file = samples::file("a.0.et");
    ChakraNode node;
    node.type = ChakraNodeType::metadata;
    node.inputs = file.intern(values);
    file.add(node, "## process_group:init ##");
    const ChakraFile back = read_chakra(encode_chakra(file), "a.0.et");
    REQUIRE(back.process_groups.size() == 2);
    CHECK(back.process_groups.at("0").empty());
    CHECK(back.process_groups.at("1") == std::vector<std::uint32_t>{1, 3});
    CHECK(encode_chakra(back) == encode_chakra(file));
  }
}
