#include <catch2/catch.hpp>

#include <algorithm>

#include "samples.hpp"

using namespace xpusim;

namespace {

std::uint64_t count(const ChakraStatistics& s, ChakraNodeType type) {
  return s.nodes[static_cast<std::size_t>(type)];
}

}  // namespace

TEST_CASE(
    "every microbenchmark holds one collective of 1 MiB per rank and replays as one operation",
    "[trace][samples]") {
  XPUSIM_NEED_SHARED_TRACES(root);
  const auto base = root / "chakra/examples/workload/microbenchmarks";
  const std::vector<std::pair<std::string, CollectiveType>> kinds{
      {"all_reduce", CollectiveType::ALL_REDUCE},
      {"all_gather", CollectiveType::ALL_GATHER},
      {"all_to_all", CollectiveType::ALL_TO_ALL},
      {"reduce_scatter", CollectiveType::REDUCE_SCATTER}};
  for (const auto& [name, type] : kinds) {
    for (const std::uint32_t ranks : {4u, 8u}) {
      const std::string size = ranks == 4 ? "4npus_1MB" : "8npus_1MB";
      const ChakraTrace trace = read_chakra_trace((base / name / size / name).string());
      REQUIRE(trace.ranks.size() == ranks);
      CHECK(trace.identical_classes.size() == ranks);  // the node's id is the rank
      const Replay r = build_replay(trace, ranks);
      CHECK(count(r.statistics, ChakraNodeType::comm_coll) == ranks);
      REQUIRE(r.graph.collectives.size() == 1);
      CHECK(r.graph.collectives[0].type == type);
      CHECK(r.graph.collectives[0].bytes == 1048576);
      CHECK(r.graph.tasks.size() == ranks);
      validate(r.graph);
    }
  }
}

TEST_CASE(
    "a custom ring all-reduce holds 14 sends, 14 receives and 7 computes per rank, and replays",
    "[trace][samples]") {
  XPUSIM_NEED_SHARED_TRACES(root);
  const ChakraTrace trace = read_chakra_trace(
      (root /
       "chakra/examples/system/custom_collectives/custom_ring_allreduce_8npus_1MB/custom_allreduce")
          .string());
  REQUIRE(trace.ranks.size() == 8);
  for (const auto& file : trace.ranks) {
    const auto of = [&](ChakraNodeType type) {
      return std::count_if(file->nodes.begin(), file->nodes.end(),
                           [&](const ChakraNode& n) { return n.type == type; });
    };
    CHECK(of(ChakraNodeType::comm_send) == 14);
    CHECK(of(ChakraNodeType::comm_recv) == 14);
    CHECK(of(ChakraNodeType::comp) == 7);
  }
  const Replay r = build_replay(trace, 8);
  validate(r.graph);
  double sent = 0;
  for (const Task& t : r.graph.tasks)
    if (t.kind == TaskKind::transfer) sent += r.graph.transfers[t.op].bytes;
  // Ring all-reduce: every rank sends 2(n-1)/n of the buffer (Patarasuk & Yuan, JPDC 2009).
  CHECK(sent == 8 * 2.0 * 7 / 8 * 1048576);
}

TEST_CASE("every .et file of the samples decodes to its last byte", "[trace][samples]") {
  XPUSIM_NEED_SHARED_TRACES(root);
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root / "chakra")) {
    if (entry.path().extension() != ".et") continue;
    const std::string bytes = samples::read_bytes(entry.path());
    const ChakraFile file = read_chakra(bytes, entry.path().string());
    CHECK(file.bytes == bytes.size());
    CHECK_FALSE(file.nodes.empty());
    ++files;
  }
  CHECK(files >= 57);
}

TEST_CASE(
    "a real PyTorch rank loads: forward dependencies, absent control dependencies, host wrappers",
    "[trace][samples]") {
  XPUSIM_NEED_SHARED_TRACES(root);
  const auto file =
      samples::share(read_chakra_file((root / "chakra/mlcommons_tests/chakra.0.et").string()));
  REQUIRE(file->nodes.size() == 3664);
  CHECK(file->metadata.at("schema") == "1.0.1");
  const auto [lowest, highest] =
      std::minmax_element(file->nodes.begin(), file->nodes.end(),
                          [](const ChakraNode& a, const ChakraNode& b) { return a.id < b.id; });
  CHECK(lowest->id == 216);
  CHECK(highest->id == 7022);
  // Tensor lists are 58 % of the file.
  CHECK(static_cast<double>(file->skipped_bytes) > 0.58 * static_cast<double>(file->bytes));

  std::map<std::uint64_t, std::size_t> place;
  for (std::size_t i = 0; i < file->nodes.size(); ++i) place[file->nodes[i].id] = i;
  std::size_t forward = 0;
  for (std::size_t i = 0; i < file->nodes.size(); ++i)
    for (std::uint32_t d = 0; d < file->nodes[i].data_deps; ++d)
      forward += place.at(file->data_dep_ids[file->nodes[i].first_data_dep + d]) > i ? 1 : 0;
  CHECK(forward == 53);

  const auto gpu_coll = [](const ChakraNode& n) {
    return n.type == ChakraNodeType::comm_coll && !n.is_cpu_op;
  };
  CHECK(std::count_if(file->nodes.begin(), file->nodes.end(), gpu_coll) == 7);
  const ChakraStatistics s = chakra_statistics(samples::trace({file}));
  CHECK(count(s, ChakraNodeType::comm_coll) == 21);
  CHECK(s.ignored.at("communication nodes of the host: replayed as host work") == 14);

  const Replay two = build_replay(samples::trace({file, file}), 2);
  validate(two.graph);
  CHECK(two.graph.tasks.size() == 2 * 3664);
  CHECK(two.graph.collectives.size() == 7);
}

TEST_CASE("the comm-group samples load, key 0 with a note", "[trace][samples]") {
  XPUSIM_NEED_SHARED_TRACES(root);
  const auto load = [&](const char* name) {
    return parse_comm_groups(samples::read_bytes(root / "chakra/comm_group_example" / name), name);
  };
  CHECK(load("comm_group_test1.json").groups.at("0") == std::vector<std::uint32_t>{0, 1});
  CHECK(load("comm_group_test1.json").notes.size() == 1);
  CHECK(load("comm_group_test2.json").groups.size() == 3);
}
