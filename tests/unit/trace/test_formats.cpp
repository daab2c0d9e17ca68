#include <catch2/catch.hpp>

#include "samples.hpp"

using namespace xpusim;
using samples::refusal;

TEST_CASE("every format is recognised by its content", "[trace][formats]") {
  CHECK(read_trace(samples::data("gpt-tp2-dp2")).format == "chakra");
  CHECK(read_trace(samples::data("pipeline-2")).format == "chakra-json");
  CHECK(read_trace(samples::data("moe-16.txt")).format == "simai");
  CHECK(read_trace(samples::data("ring-4.goal")).format == "goal");
  CHECK(read_trace(samples::data("permutation-16.cm")).format == "htsim-cm");
  CHECK(trace_formats().size() == 5);
}

TEST_CASE("a named format is not guessed", "[trace][formats]") {
  const samples::TemporaryFolder folder;
  folder.write("x", "// a schedule\nnum_ranks 1\nrank 0 { calc 5 }");
  CHECK(read_trace(folder / "x").format == "goal");
  CHECK(read_trace(folder / "x", "goal").trace.ranks.size() == 1);
  CHECK_FALSE(refusal([&] { (void)read_trace(folder / "x", "htsim-cm"); }).empty());
}

TEST_CASE("an unknown format name gets the nearest", "[trace][formats]") {
  CHECK(refusal([] { (void)read_trace("x", "otf2"); }) ==
        "error[trace-format]: no trace format \"otf2\"\n"
        "  help: the formats are chakra, chakra-json, simai, goal, htsim-cm");
  CHECK(refusal([] { (void)read_trace("x", "chakra-jsn"); }) ==
        "error[trace-format]: no trace format \"chakra-jsn\"\n  help: did you mean chakra-json?");
}

TEST_CASE("content of no known format is refused with the list", "[trace][formats]") {
  const samples::TemporaryFolder folder;
  folder.write("x", "hello world");
  folder.write("empty", "");
  const std::string help =
      "\n  help: formats: chakra, chakra-json, simai, goal, htsim-cm; name the one it is";
  CHECK(refusal([&] { (void)read_trace(folder / "x"); }) ==
        "error[trace-format]: " + (folder / "x") + ": no known trace format begins with \"hello\"" +
            help);
  CHECK(refusal([&] { (void)read_trace(folder / "empty"); }) ==
        "error[trace-format]: " + (folder / "empty") + ": the file is empty" + help);
}

TEST_CASE("a trace without nodes is refused", "[trace][formats]") {
  const samples::TemporaryFolder folder;
  folder.write("t.0.et", samples::example_83_bytes().substr(0, 8));
  folder.write("s.goal", "num_ranks 1\nrank 0 { }");
  CHECK(refusal([&] { (void)read_trace(folder / "t"); }) ==
        "error[trace-empty]: " + (folder / "t") +
            ": the trace holds no nodes\n  help: check how it was written");
  CHECK(refusal([&] { (void)read_trace(folder / "s.goal"); }) ==
        "error[trace-empty]: " + (folder / "s.goal") +
            ": the trace holds no nodes\n  help: check how it was written");
}

TEST_CASE("a number of ranks is refused where the trace says it", "[trace][formats]") {
  CHECK(refusal([] {
          (void)read_trace(samples::data("ring-4.goal"), "", {8, 0});
        }) ==
        "error[trace-ranks]: a trace of format goal says itself how its ranks are; the number of "
        "ranks cannot be given\n  help: leave it out");
}

TEST_CASE("a rank missing among JSON files is refused", "[trace][formats]") {
  const samples::TemporaryFolder folder;
  const std::string node = "{\"workload_graph\": [{\"Id\": 0, \"NodeType\": 4}]}";
  folder.write("t.0.json", node);
  folder.write("t.2.json", node);
  CHECK(refusal([&] { (void)read_trace(folder / "t"); }) ==
        "error[trace-ranks]: no file " + (folder / "t") +
            ".1.json; found ranks 0, 2\n  help: a trace needs one file for every rank from 0 on");
}

TEST_CASE("the longest chain of recorded compute goes through data dependencies only",
          "[trace][formats]") {
  ChakraFile file = samples::file("a.0.et");
  file.add(samples::comp(0, 5), "a");
  file.add(samples::comp(1, 7), "b");
  file.add(samples::coll(2, ChakraCollective::all_reduce, 64), "c", {0});
  file.add(samples::comp(3, 4), "d", {2}, {1});
  // a, then the free collective, then d: 5 + 4 us; b alone: 7 us.
  CHECK(critical_path_seconds(file) == Approx(9e-6));
}
