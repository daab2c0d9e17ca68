#include <catch2/catch.hpp>

#include "samples.hpp"

using namespace xpusim;
using samples::refusal;

TEST_CASE("a communicator file gives ranks by decimal id", "[trace][groups]") {
  const CommGroups g = parse_comm_groups(
      "\xef\xbb\xbf{\"1\": [1, 0],\r\n \"12\": [2, 3], \"3\": []}", "groups.json");
  CHECK(g.groups == std::map<std::string, std::vector<std::uint32_t>>{
                        {"1", {0, 1}}, {"12", {2, 3}}, {"3", {}}});
  CHECK(g.notes.empty());
}

TEST_CASE("group \"0\" is accepted with a note", "[trace][groups]") {
  const CommGroups g = parse_comm_groups(R"({"0" : [0, 1]})", "groups.json");
  CHECK(g.groups.at("0") == std::vector<std::uint32_t>{0, 1});
  CHECK(g.notes ==
        std::vector<std::string>{
            "groups.json: group \"0\" is accepted; ASTRA-sim reserves it for all ranks"});
}

TEST_CASE("a communicator file's mistakes are reported together, with line and column",
          "[trace][groups]") {
  CHECK(
      refusal([] { (void)parse_comm_groups("{\n  \"tp\": [0],\n  \"2\": [1, 1]\n}", "g.json"); }) ==
      "g.json:3:3: error[trace-comm-groups]: group \"2\" is no list of different ranks\n"
      "  3 |   \"2\": [1, 1]\n"
      "    |   ^^^ help: write [0, 1, 2, 3]\n"
      "g.json:2:3: error[trace-comm-groups]: group id \"tp\" is no decimal number\n"
      "  2 |   \"tp\": [0],\n"
      "    |   ^^^^ help: ids are 1, 2, 3, ... as in pg_name");
}

TEST_CASE("a group that is defined twice is refused", "[trace][groups]") {
  CHECK(refusal([] { (void)parse_comm_groups("{\"1\": [0],\n\"1\": [1]}", "g.json"); }) ==
        "g.json:2:1: error[trace-comm-groups]: group \"1\" is defined twice\n"
        "  2 | \"1\": [1]}\n"
        "    | ^^^ help: give every group its own id");
}

TEST_CASE("text that is no JSON object is refused where it breaks", "[trace][groups]") {
  CHECK(refusal([] { (void)parse_comm_groups("{\"1\": [0,]}", "g.json"); }) ==
        "g.json:1:10: error[trace-comm-groups]: not valid JSON\n"
        "  1 | {\"1\": [0,]}\n"
        "    |          ^ help: write {\"1\": [0, 1], \"2\": [2, 3]}");
  CHECK(refusal([] { (void)parse_comm_groups("[1]", "g.json"); }) ==
        "g.json:1:1: error[trace-comm-groups]: a communicator file is one object\n"
        "  1 | [1]\n"
        "    | ^^^ help: write {\"1\": [0, 1], \"2\": [2, 3]}");
}
