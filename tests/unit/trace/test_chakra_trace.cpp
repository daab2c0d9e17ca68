#include <catch2/catch.hpp>

#include "samples.hpp"

using namespace xpusim;
using samples::refusal;
using samples::TemporaryFolder;

namespace {

std::string one_node(std::uint64_t id) {
  ChakraFile file = samples::file("x");
  file.add(samples::comp(id, 1), "n");
  return encode_chakra(file);
}

}  // namespace

TEST_CASE("files with equal bytes are decoded once and form one class", "[trace][chakra]") {
  const TemporaryFolder folder;
  folder.write("run.0.et", one_node(1));
  folder.write("run.1.et", one_node(2));
  folder.write("run.2.et", one_node(1));
  folder.write("run.3.et", one_node(3));
  folder.write("run.4.et", one_node(2));
  const ChakraTrace trace = read_chakra_trace(folder / "run");
  REQUIRE(trace.ranks.size() == 5);
  CHECK(trace.identical_classes == std::vector<std::vector<std::uint32_t>>{{0, 2}, {1, 4}, {3}});
  CHECK(trace.ranks[0] == trace.ranks[2]);
  CHECK(trace.ranks[1] != trace.ranks[0]);
}

TEST_CASE("ranks are ordered by number, not by name", "[trace][chakra]") {
  const TemporaryFolder folder;
  for (std::uint64_t r = 0; r < 12; ++r)
    folder.write("run." + std::to_string(r) + ".et", one_node(100 + r));
  const ChakraTrace trace = read_chakra_trace(folder / "run");
  REQUIRE(trace.ranks.size() == 12);
  for (std::uint64_t r = 0; r < 12; ++r) CHECK(trace.ranks[r]->nodes.front().id == 100 + r);
}

TEST_CASE("a directory with one trace stands for it", "[trace][chakra]") {
  const TemporaryFolder folder;
  folder.write("a.b.0.et", one_node(1));
  folder.write("notes.txt", "");
  folder.write("a.b.01.et", "padded numbers are other files");
  CHECK(read_chakra_trace(folder / "").ranks.size() == 1);
}

TEST_CASE("a missing rank is refused and the ranks found are named", "[trace][chakra]") {
  const TemporaryFolder folder;
  for (const int r : {0, 1, 2, 4, 5, 7})
    folder.write("run." + std::to_string(r) + ".et", one_node(1));
  CHECK(refusal([&] { (void)read_chakra_trace(folder / "run"); }) ==
        "error[trace-ranks]: no file " + (folder / "run") +
            ".3.et; found ranks 0-2, 4-5, 7\n"
            "  help: a trace needs one file for every rank from 0 on");
}

TEST_CASE("a wrong prefix is refused with the nearest one", "[trace][chakra]") {
  const TemporaryFolder folder;
  folder.write("all_reduce.0.et", one_node(1));
  folder.write("all_gather.0.et", one_node(1));
  CHECK(refusal([&] { (void)read_chakra_trace(folder / "all_redce"); }) ==
        "error[trace-ranks]: no file " + (folder / "all_redce") + ".0.et\n  help: did you mean " +
            (folder / "all_reduce") + "?");
  CHECK(refusal([&] { (void)read_chakra_trace(folder / "all_reduce.0.et"); }) ==
        "error[trace-ranks]: no file " + (folder / "all_reduce.0.et") +
            ".0.et\n  help: name the files without \".0.et\": " + (folder / "all_reduce"));
  CHECK(refusal([&] { (void)read_chakra_trace(folder / "zzzzzzzz"); }) ==
        "error[trace-ranks]: no file " + (folder / "zzzzzzzz") +
            ".0.et\n  help: traces in this directory: all_gather, all_reduce");
  CHECK(refusal([&] { (void)read_chakra_trace(folder / "."); }) ==
        "error[trace-ranks]: " + (folder / ".") +
            ": several traces in this directory: all_gather, all_reduce\n  help: name one: " +
            (folder / "./all_gather"));
}

TEST_CASE("the generated samples decode: equal files, 18 nodes of a GPT step", "[trace][chakra]") {
  const ChakraTrace one = read_chakra_trace(samples::data("all-reduce-4"));
  CHECK(one.ranks.size() == 4);
  CHECK(one.identical_classes.size() == 1);
  const ChakraTrace gpt = read_chakra_trace(samples::data("gpt-tp2-dp2"));
  CHECK(gpt.identical_classes.size() == 1);
  const ChakraStatistics s = chakra_statistics(gpt);
  CHECK(s.ranks == 4);
  CHECK(s.different_files == 1);
  CHECK(s.nodes[static_cast<std::size_t>(ChakraNodeType::comp)] == 4 * 8);
  CHECK(s.nodes[static_cast<std::size_t>(ChakraNodeType::comm_coll)] == 4 * 10);
  // TP: 8 all-reduces of tokens * hidden * 2 bytes; DP: one per layer of 12 hidden^2 / tp weights
  // in 2 bytes
  CHECK(s.traffic.at({"ALL_REDUCE", "dimensions 10"}).comm_size == 4.0 * 8 * 512 * 1024 * 2);
  CHECK(s.traffic.at({"ALL_REDUCE", "dimensions 01"}).comm_size ==
        4.0 * 2 * 12 * 1024 * 1024 / 2 * 2);
  CHECK(s.traffic.at({"ALL_REDUCE", "dimensions 01"}).nodes == 8);
}

TEST_CASE("statistics count what is stepped over and why", "[trace][chakra]") {
  ChakraFile file = samples::file("a.0.et");
  ChakraNode metadata;
  metadata.id = 1;
  metadata.type = ChakraNodeType::metadata;
  file.add(metadata, "m");
  ChakraNode wrapper = samples::coll(2, ChakraCollective::none, 0);
  wrapper.is_cpu_op = true;
  file.add(wrapper, "c10d::broadcast_(0)", {}, {99, 1});
  file.add(samples::comp(3, 250), "k", {2});
  file.add(samples::send(4, 1, 1000), "s");
  const auto shared = samples::share(std::move(file));
  const ChakraStatistics s = chakra_statistics(samples::trace({shared, shared}));
  CHECK(s.ignored == std::map<std::string, std::uint64_t>{
                         {"METADATA nodes: finished at once", 2},
                         {"communication nodes of the host: replayed as host work", 2},
                         {"control dependencies on absent nodes", 2}});
  CHECK(s.host_nodes == 2);
  CHECK(s.data_dependencies == 2);
  CHECK(s.ctrl_dependencies == 4);
  CHECK(s.recorded_seconds == Approx(2 * 250e-6).epsilon(1e-12));
  CHECK(s.traffic.at({"SEND", ""}).comm_size == 2000);
}
