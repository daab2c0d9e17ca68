#include <catch2/catch.hpp>

#include <algorithm>

#include "samples.hpp"
#include "trace/formats.hpp"

using namespace xpusim;
using Catch::Matchers::Contains;
using samples::listing;
using samples::refusal;

namespace {

RecordedTrace parse(const std::string& text) { return trace::parse_goal(text, "s.goal"); }
std::string refused(const std::string& text) {
  return samples::refusal_without_gutter([&] { (void)parse(text); });
}
std::string program(const std::string& text, std::size_t rank = 0) {
  return listing(*parse(text).trace.ranks.at(rank));
}
bool noted(const RecordedTrace& trace, const std::string& note) {
  return std::find(trace.notes.begin(), trace.notes.end(), note) != trace.notes.end();
}

const std::string kPingPong =
    "num_ranks 2\n"
    "// ping and pong\n"
    "rank 0 {\n"
    "l1: send 70000b to 1 tag 7 cpu 0 nic 0\n"
    "l2: recv 8 b from 1\n"
    "l2 requires l1\n"
    "c1: calc 1500 cpu 0\n"
    "c1 requires l2\n"
    "}\n"
    "rank 1 { /* the other\n side */\n"
    "l1: recv 70000b from 0 tag 7\n"
    "l2: send 8b to 0 tag 0\n"
    "l2 requires l1\n"
    "}\n";

}  // namespace

TEST_CASE("a GOAL schedule gives sends, receives and calculations in nanoseconds",
          "[trace][goal]") {
  CHECK(program(kPingPong) ==
        "0 COMM_SEND to 1 tag 7 70000 B \"l1\"\n"
        "1 COMM_RECV from 1 8 B \"l2\" <- 0\n"
        "2 COMP 1500 ns \"c1\" <- 1\n");
  const RecordedTrace trace = parse(kPingPong);
  CHECK_FALSE(trace.options.communication_slot);
  const Replay replay = build_replay(trace.trace, 2, trace.options);
  CHECK(replay.graph.tasks.size() == 5);
}

TEST_CASE("a byte order mark, CRLF and a missing final newline change nothing in a schedule",
          "[trace][goal]") {
  for (const std::string& spelling : samples::spellings(kPingPong))
    CHECK(program(spelling) == program(kPingPong));
}

TEST_CASE("a send of up to 65,535 bytes ends when it has left, a larger one when it arrived",
          "[trace][goal]") {
  const auto with_size = [](const std::string& bytes) {
    return program("num_ranks 2\nrank 0 { c: calc 5 s: send " + bytes +
                   "b to 1 s requires c d: calc 6 d requires s }\nrank 1 { recv " + bytes +
                   "b from 0 }");
  };
  CHECK_THAT(with_size("65535"), Contains("2 COMP 6 ns \"d\" <- 0"));
  CHECK_THAT(with_size("65536"), Contains("2 COMP 6 ns \"d\" <- 1"));
}

TEST_CASE("irequires waits for what the other operation waits for", "[trace][goal]") {
  const std::string text =
      "num_ranks 1\nrank 0 { a: calc 1 b: calc 2 c: calc 3 d: calc 4\n"
      "c requires a c requires b d irequires c }";
  CHECK(program(text) ==
        "0 COMP 1 ns \"a\"\n1 COMP 2 ns \"b\"\n2 COMP 3 ns \"c\" <- 0 1\n"
        "3 COMP 4 ns \"d\" <- 4\n4 INVALID \"started\" <- 0 1\n");
  CHECK(noted(parse(text),
              "irequires: waits for what the other operation waits for, not for its queue: 1"));
}

TEST_CASE("a calc of 0 joins its dependencies and takes no time", "[trace][goal]") {
  CHECK(program("num_ranks 1\nrank 0 { a: calc 0 }") == "0 INVALID \"a\"\n");
}

TEST_CASE("receives of any source or tag get a send: exact ones first, then in text order",
          "[trace][goal]") {
  const std::string text =
      "num_ranks 3\n"
      "rank 0 { a: recv 8b from -1 tag -1 b: recv 8b from 1 tag 5 c: recv 8b from 2 tag -1\n"
      "         d: recv 8b from -1 tag 4 }\n"
      "rank 1 { send 8b to 0 tag 5 send 8b to 0 tag 4 }\n"
      "rank 2 { send 8b to 0 tag 9 send 8b to 0 tag 8 }\n";
  CHECK(program(text) ==
        "0 COMM_RECV from 2 tag 8 8 B \"a\"\n"
        "1 COMM_RECV from 1 tag 5 8 B \"b\"\n"
        "2 COMM_RECV from 2 tag 9 8 B \"c\"\n"
        "3 COMM_RECV from 1 tag 4 8 B \"d\"\n");
}

TEST_CASE("labels may be called tag, cpu and nic", "[trace][goal]") {
  CHECK(program("num_ranks 1\nrank 0 { tag: calc 1 cpu: calc 2 cpu requires tag }") ==
        "0 COMP 1 ns \"tag\"\n1 COMP 2 ns \"cpu\" <- 0\n");
}

TEST_CASE("a schedule that does not follow the grammar is refused where it stops to",
          "[trace][goal]") {
  CHECK(refused("rank 0 { }") ==
        "s.goal:1:1: error[trace-format]: num_ranks expected, not \"rank\"\nrank 0 { }\n"
        "^^^^ help: a schedule begins with the number of ranks: num_ranks 4");
  CHECK(refused("num_ranks 1\nrank 0 { send 8 to 0 }") ==
        "s.goal:2:17: error[trace-format]: b after a message's size expected, not \"to\"\n"
        "rank 0 { send 8 to 0 }\n                ^^ help: write: send 8b to 1");
  CHECK(refused("num_ranks 1\nrank 0 { calc 1") ==
        "s.goal:2:15: error[trace-format]: } expected at the end of the file\n"
        "rank 0 { calc 1\n              ^ help: write: rank 0 { ... }");
  CHECK(refused("num_ranks 1\nrank 0 { /* }") ==
        "s.goal:2:10: error[trace-format]: a comment that begins with /* does not end\n"
        "rank 0 { /* }\n         ^^ help: close it with */");
  CHECK(refused("num_ranks 1\nrank 0 { calc 99999999999999999999 }") ==
        "s.goal:2:15: error[trace-value]: the time of a calc is 99999999999999999999; at most "
        "9223372036854775807 is read\nrank 0 { calc 99999999999999999999 }\n"
        "              ^^^^^^^^^^^^^^^^^^^^ help: a whole number is needed");
}

TEST_CASE("labels that are not there, or twice, are refused", "[trace][goal]") {
  CHECK(refused("num_ranks 1\nrank 0 {\nlabel1: calc 1\nlabel1 requires labe1\n}") ==
        "s.goal:4:17: error[trace-dependency]: no label \"labe1\" before this line\n"
        "label1 requires labe1\n                ^^^^^ help: did you mean label1?");
  CHECK(refused("num_ranks 1\nrank 0 {\na: calc 1\na: calc 2\n}") ==
        "s.goal:4:1: error[trace-dependency]: label \"a\" is used twice\na: calc 2\n"
        "^ help: labels are unique within a rank");
}

TEST_CASE("ranks that are not there, twice or missing are refused", "[trace][goal]") {
  CHECK(refused("num_ranks 2\nrank 0 { send 1b to 2 }\nrank 1 { }") ==
        "s.goal:2:21: error[trace-ranks]: rank 2 of 2 ranks\nrank 0 { send 1b to 2 }\n"
        "                    ^ help: ranks count from 0 to num_ranks - 1");
  CHECK(refused("num_ranks 2\nrank 0 { }\nrank 0 { }") ==
        "s.goal:3:1: error[trace-ranks]: rank 0 is given twice\nrank 0 { }\n"
        "^^^^ help: write every rank once");
  CHECK(refused("num_ranks 2\nrank 0 { }") ==
        "s.goal:1:11: error[trace-ranks]: rank 1 of 2 is not in the file\nnum_ranks 2\n"
        "          ^ help: write: rank 1 { } for a rank that does nothing");
}

TEST_CASE("operations that wait for each other are refused by name", "[trace][goal]") {
  CHECK(refused("num_ranks 1\nrank 0 { a: calc 1 b: calc 2\na requires b\nb irequires a\n}") ==
        "s.goal:4:1: error[trace-cycle]: rank 0: operations wait for each other: a waits for b "
        "waits for a\nb irequires a\n^ help: drop one of these dependencies");
}

TEST_CASE("a receive of any source without a send is refused", "[trace][goal]") {
  CHECK(refused("num_ranks 1\nrank 0 {\nr: recv 1b from -1 tag 3\n}") ==
        "s.goal:3:1: error[trace-message]: rank 0 receives from any rank with tag 3, but no send "
        "is left for it\nr: recv 1b from -1 tag 3\n^ help: every receive needs a send");
}

TEST_CASE("LogGOPSim's binary tree replays as 31 messages of one byte", "[trace][goal][samples]") {
  XPUSIM_NEED_SHARED_TRACES(root);
  const RecordedTrace trace = read_trace((root / "goal/binary_tree_32.goal").string());
  CHECK(trace.format == "goal");
  const Replay replay = build_replay(trace.trace, 32, trace.options);
  validate(replay.graph);
  CHECK(std::count_if(replay.graph.tasks.begin(), replay.graph.tasks.end(),
                      [](const Task& t) { return t.kind == TaskKind::transfer; }) == 31);
}
