#include <catch2/catch.hpp>

#include "samples.hpp"
#include "trace/formats.hpp"

using namespace xpusim;
using samples::listing;
using samples::refusal;

namespace {

ChakraFile parse(const std::string& text) { return trace::parse_chakra_json(text, "a.0.json"); }
std::string refused(const std::string& text) {
  return samples::refusal_without_gutter([&] { (void)parse(text); });
}

const std::string kGraph =
    "{\"schema\": \"x\", \"workload_graph\": [\n"
    " {\"Id\": 3, \"Name\": \"mm\", \"NodeType\": 4, \"ctrlDeps\": [1], \"data_deps\": [],\n"
    "  \"runtime\": 7, \"is_cpu_op\": false, \"num_ops\": 9, \"tensor_size\": 8, \"stream\": 20},\n"
    " {\"Id\": 4, \"Name\": \"a \\u00e9 \\\"b\\\"\", \"NodeType\": 7, \"data_deps\": [3],\n"
    "  \"comm_type\": 0, \"comm_size\": 4294967296, \"pg_name\": \"2\",\n"
    "  \"involved_dim\": [true, false]},\n"
    " {\"Id\": 5, \"NodeType\": 5, \"data_deps\": 4, \"comm_dst\": 1, \"comm_tag\": 6, "
    "\"comm_size\": 1}\n"
    "]}\n";
constexpr std::string_view kHelp =
    " help: write {\"workload_graph\": [{\"Id\": 0, \"Name\": \"a\", \"NodeType\": 4, "
    "\"data_deps\": []}]}";

}  // namespace

TEST_CASE("a JSON graph gives nodes with microseconds as runtime", "[trace][chakra-json]") {
  const ChakraFile file = parse(kGraph);
  CHECK(listing(file) ==
        "3 COMP 7000 ns \"mm\"\n"
        "4 COMM_COLL ALL_REDUCE 2 4294967296 B \"a \xc3\xa9 \"b\"\" <- 3\n"
        "5 COMM_SEND to 1 tag 6 1 B \"\" <- 4\n");
  CHECK(file.nodes[0].num_ops == 9);
  CHECK(file.nodes[0].tensor_size == 8);
  CHECK(file.ctrl_dep_ids == std::vector<std::uint64_t>{1});
  CHECK(file.nodes[1].involved_dim_count == 2);
  CHECK(file.nodes[1].involved_dims == 0b01);
  CHECK(file.skipped_bytes > 0);
}

TEST_CASE("a byte order mark, CRLF and a missing final newline change nothing in a JSON graph",
          "[trace][chakra-json]") {
  for (const std::string& spelling : samples::spellings(kGraph))
    CHECK(listing(parse(spelling)) == listing(parse(kGraph)));
}

TEST_CASE("every cut of a JSON graph is refused", "[trace][chakra-json]") {
  for (std::size_t cut = 0; cut + 2 < kGraph.size(); ++cut) {
    INFO(kGraph.substr(0, cut));
    CHECK_FALSE(refused(kGraph.substr(0, cut)).empty());
  }
}

TEST_CASE("a node without id or type is refused", "[trace][chakra-json]") {
  CHECK(refused("{\"workload_graph\": [{\"NodeType\": 4}]}") ==
        "a.0.json:1:21: error[trace-value]: a node without \"Id\"\n"
        "{\"workload_graph\": [{\"NodeType\": 4}]}\n"
        "                    ^ help: give every node an \"Id\"");
  CHECK(refused("{\"workload_graph\": [{\"Id\": 4}]}") ==
        "a.0.json:1:21: error[trace-value]: a node without \"NodeType\"\n"
        "{\"workload_graph\": [{\"Id\": 4}]}\n"
        "                    ^ help: give every node an \"NodeType\"");
}

TEST_CASE("values of the wrong kind are refused where they stand", "[trace][chakra-json]") {
  CHECK(refused("{\"workload_graph\": [\n{\"Id\": 0, \"NodeType\": 8}]}") ==
        "a.0.json:2:23: error[trace-value]: \"NodeType\" is \"8\"; a whole number from 0 to 7 is "
        "needed\n{\"Id\": 0, \"NodeType\": 8}]}\n"
        "                      ^ help: check how the file was written");
  CHECK(refused("{\"workload_graph\": [\n{\"Id\": \"x\"}]}") ==
        "a.0.json:2:8: error[trace-value]: \"Id\" is a text; a whole number from 0 to "
        "18446744073709551615 is needed\n{\"Id\": \"x\"}]}\n"
        "       ^^^ help: check how the file was written");
  CHECK(refused("{\"workload_graph\": [\n{\"comm_size\": -1}]}") ==
        "a.0.json:2:15: error[trace-value]: \"comm_size\" is \"-1\"; a whole number from 0 to "
        "9223372036854775807 is needed\n{\"comm_size\": -1}]}\n"
        "              ^^ help: check how the file was written");
  CHECK(refused("{\"workload_graph\": [\n{\"Id\": 1, \"Id\": 1}]}") ==
        "a.0.json:2:11: error[trace-value]: \"Id\" is given twice in one node\n"
        "{\"Id\": 1, \"Id\": 1}]}\n"
        "          ^^^^ help: keep one of them");
}

TEST_CASE("JSON that is none, or no graph, is refused", "[trace][chakra-json]") {
  CHECK(refused("{\"nodes\": []}") ==
        "a.0.json:1:1: error[trace-format]: no \"workload_graph\" in this JSON\n"
        "{\"nodes\": []}\n^ help: expected a Chakra graph in JSON form");
  CHECK(refused("{\"workload_graph\": [nul]}") ==
        "a.0.json:1:21: error[trace-format]: not valid JSON: \"nul\"\n"
        "{\"workload_graph\": [nul]}\n                    ^^^" +
            std::string(kHelp));
  CHECK(refused("{\"a\": " + std::string(300, '[')).find("objects nest too deeply") !=
        std::string::npos);
}

TEST_CASE("the JSON sample holds the times of the same nodes in the .et file: microseconds",
          "[trace][chakra-json][samples]") {
  XPUSIM_NEED_SHARED_TRACES(root);
  const RecordedTrace json = read_trace((root / "chakra/mlcommons_tests/small_chakra").string());
  CHECK(json.format == "chakra-json");
  const ChakraFile whole = read_chakra_file((root / "chakra/mlcommons_tests/chakra.0.et").string());
  std::size_t same = 0;
  for (const ChakraNode& a : json.trace.ranks.at(0)->nodes)
    for (const ChakraNode& b : whole.nodes)
      if (a.id == b.id) {
        CHECK(a.duration_nanos == b.duration_nanos);
        ++same;
      }
  CHECK(same > 0);
}
