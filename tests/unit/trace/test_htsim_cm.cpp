#include <catch2/catch.hpp>

#include <algorithm>
#include <set>

#include "samples.hpp"
#include "trace/formats.hpp"

using namespace xpusim;
using samples::listing;
using samples::refusal;

namespace {

RecordedTrace parse(const std::string& text) { return trace::parse_htsim_cm(text, "p.cm"); }
std::string refused(const std::string& text) {
  return samples::refusal_without_gutter([&] { (void)parse(text); });
}
std::string program(const std::string& text, std::size_t rank = 0) {
  return listing(*parse(text).trace.ranks.at(rank));
}

const std::string kTwo =
    "# two flows\n"
    "Nodes 3\nConnections 2\n"
    "0->1 id 1 start 0 size 2000000\n"
    "0->2 start 5000 size 10 prio 3\n";

}  // namespace

TEST_CASE("a connection is a send and a receive that begin at its start in picoseconds",
          "[trace][htsim-cm]") {
  CHECK(program(kTwo, 0) ==
        "0 COMP host 5 ns \"wait\"\n"
        "1 COMM_SEND to 1 2000000 B \"0->1 id 1\"\n"
        "2 COMM_SEND to 2 tag 1 10 B \"0->2\" <- 0\n");
  CHECK(program(kTwo, 2) == "0 COMM_RECV from 0 tag 1 10 B \"0->2\"\n");
  const RecordedTrace trace = parse(kTwo);
  CHECK_FALSE(trace.options.communication_slot);
  CHECK(trace.notes ==
        std::vector<std::string>{"start is read as picoseconds, as csg-htsim reads it",
                                 "ignored: prio: 1"});
  const Replay replay = build_replay(trace.trace, 3, trace.options);
  validate(replay.graph);
  for (const Task& t : replay.graph.tasks)
    if (t.kind == TaskKind::transfer) CHECK(t.stream == Stream::none);
}

TEST_CASE("a byte order mark, CRLF and a missing final newline change nothing in a matrix",
          "[trace][htsim-cm]") {
  for (const std::string& spelling : samples::spellings(kTwo))
    CHECK(program(spelling) == program(kTwo));
}

TEST_CASE("a trigger at the same node becomes a dependency", "[trace][htsim-cm]") {
  const std::string text =
      "Nodes 3\nConnections 3\nTriggers 2\n"
      "0->1 id 1 start 0 size 8 recv_done_trigger 7\n"
      "1->2 id 2 trigger 7 size 8 send_done_trigger 9\n"
      "1->0 id 3 trigger 9 size 8\n"
      "trigger id 7 oneshot\n"
      "trigger id 9 barrier count 1\n";
  CHECK(program(text, 1) ==
        "0 COMM_RECV from 0 8 B \"0->1 id 1\"\n"
        "1 COMM_SEND to 2 tag 1 8 B \"1->2 id 2\" <- 0\n"
        "2 COMM_SEND to 0 tag 2 8 B \"1->0 id 3\" <- 1\n");
}

TEST_CASE("triggers whose moment is not known beforehand are refused", "[trace][htsim-cm]") {
  CHECK(refused("Nodes 3\nConnections 3\nTriggers 1\n"
                "0->2 start 0 size 8 recv_done_trigger 7\n"
                "1->2 start 0 size 8 recv_done_trigger 7\n"
                "2->0 trigger 7 size 8\n"
                "trigger id 7 oneshot\n") ==
        "p.cm:7:1: error[trace-dependency]: trigger 7 (oneshot) fires after 1 of the 2 connections "
        "that can fire it: which ones is not known before the run\ntrigger id 7 oneshot\n"
        "^^^^^^^ help: let one connection fire it, or make it a barrier of all");
  CHECK(refused("Nodes 3\nConnections 2\nTriggers 1\n"
                "0->1 start 0 size 8 recv_done_trigger 7\n"
                "2->1 trigger 7 size 8\n"
                "trigger id 7 oneshot\n") ==
        "p.cm:6:1: error[trace-dependency]: trigger 7 starts 2->1 at node 2 when 0->1 ends "
        "elsewhere\ntrigger id 7 oneshot\n"
        "^^^^^^^ help: a node can only wait for its own connections");
  CHECK(refused("Nodes 2\nConnections 1\n0->1 trigger 4 size 8\n") ==
        "p.cm:3:14: error[trace-dependency]: trigger 4 is used but not defined\n"
        "0->1 trigger 4 size 8\n             ^ help: add: trigger id 4 oneshot");
}

TEST_CASE("a matrix that does not add up is refused", "[trace][htsim-cm]") {
  CHECK(refused("Nodes 2\nConnections 2\n0->1 start 0 size 8\n") ==
        "p.cm:2:13: error[trace-format]: 2 connections announced, 1 found\nConnections 2\n"
        "            ^ help: the file is cut off, or this is wrong");
  CHECK(refused("Nodes 2\nConnections 1\n0->2 start 0 size 8\n") ==
        "p.cm:3:1: error[trace-ranks]: \"0->2\" names \"2\"; the matrix has 2 nodes\n"
        "0->2 start 0 size 8\n^^^^ help: write SOURCE->DESTINATION, counted from 0");
  CHECK(refused("Nodes 2\nConnections 1\n0->1 size 8\n") ==
        "p.cm:3:1: error[trace-format]: connection \"0->1\" has no start\n0->1 size 8\n"
        "^^^^ help: give start in picoseconds, or the trigger that starts it");
  CHECK(refused("Nodes 2\nConnections 1\n0->1 start 0\n") ==
        "p.cm:3:1: error[trace-format]: connection \"0->1\" has no size\n0->1 start 0\n"
        "^^^^ help: give size in bytes");
  CHECK(refused("Nodes 2\nConnections 1\n0->1 strt 0 size 8\n") ==
        "p.cm:3:6: error[trace-format]: a connection has no \"strt\"\n0->1 strt 0 size 8\n"
        "     ^^^^ help: did you mean start?");
  CHECK(refused("Nodes 2\nConnections 1\n0->1 start -1 size 8\n") ==
        "p.cm:3:12: error[trace-value]: start is \"-1\"; 0 or more is needed\n"
        "0->1 start -1 size 8\n           ^^ help: starts are picoseconds");
  CHECK(refused("Nodes 2\nfailure switch_type TOR switch_id 0 link_id 1\n") ==
        "p.cm:2:1: error[trace-format]: a failed link belongs to the system, not to the traffic\n"
        "failure switch_type TOR switch_id 0 link_id 1\n^^^^^^^ help: remove the failure lines");
  CHECK(refused("Nodes 0\n") ==
        "p.cm:1:7: error[trace-value]: Nodes is \"0\"; 1 to 1048576 is needed\nNodes 0\n"
        "      ^ help: a whole number is needed");
}

TEST_CASE("a permutation sends from and to every node once, never to itself", "[trace][generate]") {
  const RecordedTrace trace = make_permutation(100, 2'000'000, 1);
  std::set<std::int32_t> receivers;
  for (std::uint32_t r = 0; r < 100; ++r) {
    for (const ChakraNode& node : trace.trace.ranks[r]->nodes) {
      if (node.type != ChakraNodeType::comm_send) continue;
      CHECK(node.comm_dst != static_cast<std::int32_t>(r));
      CHECK(node.comm_size == 2'000'000);
      receivers.insert(node.comm_dst);
    }
  }
  CHECK(receivers.size() == 100);
}

TEST_CASE("a permutation follows from its seed alone", "[trace][generate]") {
  const auto text = [](std::uint64_t seed) { return htsim_cm_text(make_permutation(8, 1, seed)); };
  CHECK(text(1) == text(1));
  CHECK(text(1) != text(2));
  // mt19937_64 is the same everywhere; drawn by Fisher and Yates until nobody keeps its place.
  CHECK(text(1) ==
        "Nodes 8\nConnections 8\n0->4 id 1 start 0 size 1\n1->6 id 2 start 0 size 1\n"
        "2->3 id 3 start 0 size 1\n3->5 id 4 start 0 size 1\n4->1 id 5 start 0 size 1\n"
        "5->7 id 6 start 0 size 1\n6->2 id 7 start 0 size 1\n7->0 id 8 start 0 size 1\n");
  CHECK(refusal([] { (void)make_permutation(1, 1, 1); }) ==
        "error[trace-ranks]: a permutation of 1 nodes\n  help: give 2 to 1048576 nodes");
}

TEST_CASE("every derangement of three nodes is drawn about equally often", "[trace][generate]") {
  int first = 0;
  for (std::uint64_t seed = 0; seed < 400; ++seed)
    if (htsim_cm_text(make_permutation(3, 1, seed)).find("0->1 ") != std::string::npos) ++first;
  // Two derangements: 400 fair draws lie within 5 standard deviations (10) of 200.
  CHECK(first > 150);
  CHECK(first < 250);
}

TEST_CASE("a matrix that is written reads back as the same", "[trace][htsim-cm]") {
  const std::string text =
      "Nodes 4\nConnections 3\n0->1 id 1 start 7000 size 5\n0->2 id 2 start 3000 size 6\n"
      "3->0 id 3 start 0 size 7\n";
  CHECK(htsim_cm_text(parse(text)) == text);
}

TEST_CASE("a trace that is more than transfers at fixed times is no matrix", "[trace][htsim-cm]") {
  ChakraFile file = samples::file("a.0.et");
  file.add(samples::comp(0, 5), "mm");
  RecordedTrace trace;
  trace.trace = samples::trace({samples::share(std::move(file))});
  CHECK(refusal([&] { (void)htsim_cm_text(trace); }) ==
        "error[trace-format]: t: rank 0 node 0 \"mm\" is more than a transfer at a fixed time\n"
        "  help: a connection matrix holds transfers with start times only; convert to chakra");
}

TEST_CASE("htsim's own matrices are read", "[trace][htsim-cm][samples]") {
  XPUSIM_NEED_SHARED_TRACES(root);
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(root / "topology/htsim")) {
    if (entry.path().extension() != ".cm") continue;
    const RecordedTrace trace = read_trace(entry.path().string());
    CHECK(trace.format == "htsim-cm");
    validate(build_replay(trace.trace, 32, trace.options).graph);
    ++files;
  }
  CHECK(files == 4);
}
