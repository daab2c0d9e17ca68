#include <catch2/catch.hpp>

#include "samples.hpp"

using namespace xpusim;
using samples::refusal;
using samples::share;
using C = ChakraCollective;

namespace {

struct Part {
  ChakraNode node;
  std::vector<std::uint64_t> data = {};
};
/// Node k is called "n<id>"; offsets are 0 because nothing was read from a file.
std::shared_ptr<const ChakraFile> with(std::string name, const std::vector<Part>& parts) {
  ChakraFile file = samples::file(std::move(name));
  for (const Part& p : parts) file.add(p.node, "n" + std::to_string(p.node.id), p.data);
  return share(std::move(file));
}
std::string refused(std::vector<std::shared_ptr<const ChakraFile>> ranks,
                    const ReplayOptions& options = {}) {
  const auto n = static_cast<std::uint32_t>(ranks.size());
  return refusal([&] { (void)build_replay(samples::trace(std::move(ranks)), n, options); });
}

}  // namespace

TEST_CASE("a data dependency on an absent node is refused", "[trace][replay]") {
  CHECK(refused({with("a.0.et", {{samples::comp(3, 1), {9}}})}) ==
        "error[trace-dependency]: a.0.et: byte 0: node 3 \"n3\" needs the data of node 9, which is "
        "not in the file\n"
        "  help: convert the trace again: data dependencies must be complete");
}

TEST_CASE("many absent dependencies are reported as eight and a count", "[trace][replay]") {
  std::vector<Part> parts;
  for (std::uint64_t id = 0; id < 20; ++id) parts.push_back({samples::comp(id, 1), {1000 + id}});
  const std::string message = refused({with("a.0.et", parts)});
  CHECK(message.find("needs the data of node 1007") != std::string::npos);
  CHECK(message.find("needs the data of node 1008") == std::string::npos);
  CHECK(message.find("error[trace-dependency]: a.0.et: and 12 more") != std::string::npos);
}

TEST_CASE("an id that is used twice is refused", "[trace][replay]") {
  CHECK(refused({with("a.0.et", {{samples::comp(3, 1)}, {samples::comp(3, 2)}})}) ==
        "error[trace-dependency]: a.0.et: byte 0: node 3 \"n3\": another node has this id\n"
        "  help: ids must be unique within a rank's file");
}

TEST_CASE("a cycle within a rank is named", "[trace][replay]") {
  CHECK(
      refused({with("a.0.et", {{samples::comp(1, 1), {}},
                               {samples::comp(2, 1), {4, 1}},
                               {samples::comp(4, 1), {5}},
                               {samples::comp(5, 1), {2}},
                               {samples::comp(6, 1), {2}}})}) ==
      "error[trace-cycle]: a.0.et: nodes wait for each other: 2 \"n2\" waits for 4 \"n4\" waits "
      "for 5 \"n5\" waits for 2 \"n2\"\n"
      "  help: a trace must be free of cycles; convert it again or drop one of these dependencies");
  CHECK(
      refused({with("a.0.et", {{samples::comp(1, 1), {1}}})}) ==
      "error[trace-cycle]: a.0.et: nodes wait for each other: 1 \"n1\" waits for 1 \"n1\"\n"
      "  help: a trace must be free of cycles; convert it again or drop one of these dependencies");
}

TEST_CASE("ranks that receive before they send to each other are a named cycle",
          "[trace][replay]") {
  CHECK(refused({with("a.0.et", {{samples::recv(0, 1, 8)}, {samples::send(1, 1, 8), {0}}}),
                 with("a.1.et", {{samples::recv(0, 0, 8)}, {samples::send(1, 0, 8), {0}}})}) ==
        "error[trace-cycle]: t: ranks wait for each other: rank 0 node 0 \"n0\" waits for rank 1 "
        "node 1 \"n1\" waits for "
        "rank 1 node 0 \"n0\" waits for rank 0 node 1 \"n1\" waits for rank 0 node 0 \"n0\"\n"
        "  help: check the order of messages and collectives on these ranks");
}

TEST_CASE("collectives of two groups in opposite order are a named cycle", "[trace][replay]") {
  ReplayOptions options;
  options.groups = parse_comm_groups(R"({"1": [0, 1], "2": [0, 1]})", "g.json");
  const auto rank = [](std::string name, const char* first, const char* second) {
    ChakraFile file = samples::file(std::move(name));
    ChakraNode a = samples::coll(0, C::all_reduce, 8), b = samples::coll(1, C::all_reduce, 8);
    a.pg_name = file.intern(first);
    b.pg_name = file.intern(second);
    file.add(a, "a");
    file.add(b, "b", {0});
    return share(std::move(file));
  };
  CHECK(refused({rank("a.0.et", "1", "2"), rank("a.1.et", "2", "1")}, options) ==
        "error[trace-cycle]: t: ranks wait for each other: rank 0 node 0 \"a\" waits for rank 1 "
        "node 1 \"b\" waits for "
        "rank 1 node 0 \"a\" waits for rank 0 node 1 \"b\" waits for rank 0 node 0 \"a\"\n"
        "  help: check the order of messages and collectives on these ranks");
}

TEST_CASE("different collectives at one place name rank and node", "[trace][replay]") {
  CHECK(refused({with("a.0.et", {{samples::coll(0, C::all_reduce, 8)},
                                 {samples::coll(1, C::all_gather, 16)}}),
                 with("a.1.et", {{samples::coll(4, C::all_reduce, 8)},
                                 {samples::coll(6, C::all_reduce, 16)}})}) ==
        "error[trace-collective]: a.1.et: byte 0: node 6 \"n6\" is collective 2 of rank 1 in all "
        "ranks: ALL_REDUCE of 16 bytes; "
        "rank 0 has node 1 \"n1\" there: ALL_GATHER of 16 bytes\n"
        "  help: all ranks of a communicator must run the same collectives in the same order");
}

TEST_CASE("different sizes of an all-reduce are refused", "[trace][replay]") {
  CHECK(refused({with("a.0.et", {{samples::coll(0, C::all_reduce, 8)}}),
                 with("a.1.et", {{samples::coll(0, C::all_reduce, 9)}})}) ==
        "error[trace-collective]: a.1.et: byte 0: node 0 \"n0\" is collective 1 of rank 1 in all "
        "ranks: ALL_REDUCE of 9 bytes; "
        "rank 0 has node 0 \"n0\" there: ALL_REDUCE of 8 bytes\n"
        "  help: all ranks of a communicator must run the same collectives in the same order");
}

TEST_CASE("a collective without partner names both ranks and counts", "[trace][replay]") {
  CHECK(refused({with("a.0.et", {{samples::coll(0, C::all_reduce, 8)}}),
                 with("a.1.et", {{samples::coll(0, C::all_reduce, 8)},
                                 {samples::coll(1, C::all_reduce, 8)}})}) ==
        "error[trace-collective]: a.1.et: byte 0: node 1 \"n1\" of rank 1 has no partner: rank 0 "
        "runs 1 collectives in all ranks, "
        "rank 1 runs 2\n"
        "  help: all ranks of a communicator must run the same collectives in the same order");
}

TEST_CASE("an accelerator's COMM_COLL without comm_type is refused", "[trace][replay]") {
  CHECK(refused({with("a.0.et", {{samples::coll(2, C::none, 8)}})}) ==
        "error[trace-value]: a.0.et: byte 0: node 2 \"n2\" is a COMM_COLL of the accelerator "
        "without comm_type\n"
        "  help: set comm_type, or is_cpu_op when the node is a host wrapper");
}

TEST_CASE("messages without partner name rank, node and tag", "[trace][replay]") {
  CHECK(refused({with("a.0.et", {{samples::send(3, 1, 8, 5)}}), with("a.1.et", {})}) ==
        "error[trace-message]: a.0.et: byte 0: node 3 \"n3\" of rank 0 sends to rank 1 with tag 5, "
        "which never receives it\n"
        "  help: record all ranks of one run");
  CHECK(refused({with("a.0.et", {{samples::recv(3, 1, 8, 5)}}), with("a.1.et", {})}) ==
        "error[trace-message]: a.0.et: byte 0: node 3 \"n3\" of rank 0 receives from rank 1 with "
        "tag 5, which never sends it\n"
        "  help: record all ranks of one run");
}

TEST_CASE("messages with impossible ranks are refused", "[trace][replay]") {
  ChakraNode lost = samples::send(0, 0, 8), foreign = samples::send(0, 1, 8);
  lost.comm_dst = -1;
  foreign.comm_src = 1;
  CHECK(refused({with("a.0.et", {{lost}})}) ==
        "error[trace-message]: a.0.et: byte 0: node 0 \"n0\" of rank 0 has no comm_dst\n  help: "
        "name the other rank");
  CHECK(refused({with("a.0.et", {{samples::send(0, 4, 8)}})}) ==
        "error[trace-message]: a.0.et: byte 0: node 0 \"n0\" of rank 0 names rank 4; the trace has "
        "1 ranks\n  help: ranks count from 0");
  CHECK(refused({with("a.0.et", {{foreign}}), with("a.1.et", {})}) ==
        "error[trace-message]: a.0.et: byte 0: node 0 \"n0\" of rank 0 has comm_src 1\n"
        "  help: leave it out or write the file's own rank");
}

TEST_CASE("communicators that cannot be are refused", "[trace][replay]") {
  ChakraFile file = samples::file("a.0.et");
  ChakraNode node = samples::coll(0, C::all_reduce, 8);
  node.pg_name = file.intern("3");
  file.add(node, "ar");
  const auto rank = share(std::move(file));
  CHECK(refused({rank, rank}) ==
        "error[trace-comm-groups]: a.0.et: byte 0: node 0 \"ar\" names group \"3\", which nobody "
        "defines\n"
        "  help: give a communicator file: {\"3\": [0, 1]}");
  ReplayOptions options;
  options.groups = parse_comm_groups(R"({"1": [0, 1], "2": [0]})", "g.json");
  CHECK(refused({rank, rank}, options) ==
        "error[trace-comm-groups]: a.0.et: byte 0: node 0 \"ar\" names group \"3\", which nobody "
        "defines\n"
        "  help: known groups: 1, 2; add it to the communicator file");
  options.groups = parse_comm_groups(R"({"3": [0, 5]})", "g.json");
  CHECK(refused({rank, rank}, options) ==
        "error[trace-comm-groups]: a.0.et: byte 0: node 0 \"ar\" names group \"3\" with rank 5; "
        "the trace has 2 ranks\n"
        "  help: ranks count from 0");
  options.groups = parse_comm_groups(R"({"3": [0]})", "g.json");
  CHECK(refused({rank, rank}, options) ==
        "error[trace-comm-groups]: a.0.et: byte 0: node 0 \"ar\" of rank 1 names group \"3\", to "
        "which this rank does not belong\n"
        "  help: check the communicator file, or whether this file is another rank's");
}

TEST_CASE("dimension sizes must make the ranks and cover involved_dim", "[trace][replay]") {
  ChakraNode node = samples::coll(0, C::all_reduce, 8);
  node.involved_dim_count = 2;
  node.involved_dims = 0b01;
  const auto rank = with("a.0.et", {{node}});
  ReplayOptions options;
  options.dimensions = {2, 3};
  CHECK(refused({rank, rank, rank, rank}, options) ==
        "error[trace-comm-groups]: logical dimensions 2 x 3 do not make the trace's 4 ranks\n"
        "  help: the sizes, innermost first, must multiply to the number of ranks");
  options.dimensions = {2, 2, 1};
  CHECK(refused({rank, rank, rank, rank}, options) ==
        "error[trace-comm-groups]: a.0.et: byte 0: node 0 \"n0\" lists 2 dimensions in "
        "involved_dim, 3 are given\n"
        "  help: give as many dimension sizes as the trace was made for");
}

TEST_CASE("more ranks than devices and shared places are refused", "[trace][replay]") {
  const auto rank = with("a.0.et", {{samples::comp(0, 1)}});
  CHECK(refusal([&] {
          (void)build_replay(samples::trace({rank, rank, rank}), 2);
        }) ==
        "error[trace-ranks]: t: rank 2 of 3 needs device 2; the machine has 2\n  help: choose a "
        "larger system or a smaller trace");
  ReplayOptions options;
  options.placement = {1, 1};
  CHECK(refused({rank, rank}, options) ==
        "error[trace-ranks]: device 1 is the place of two ranks\n  help: one device carries one "
        "rank");
  options.placement = {1};
  CHECK(refused({rank, rank}, options) ==
        "error[trace-ranks]: 2 ranks have 1 places\n  help: give one device for every rank");
}
