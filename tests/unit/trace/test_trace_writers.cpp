#include <catch2/catch.hpp>

#include <algorithm>

#include "samples.hpp"
#include "trace/formats.hpp"

using namespace xpusim;
using samples::listing;
using samples::refusal;
using samples::TemporaryFolder;

namespace {

RecordedTrace recorded(std::vector<std::shared_ptr<const ChakraFile>> ranks) {
  RecordedTrace result;
  result.format = "chakra";
  result.trace = samples::trace(std::move(ranks));
  return result;
}

std::vector<std::string> names_in(const TemporaryFolder& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path()))
    names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

TEST_CASE("a written file is the reference reader's 83 bytes", "[trace][writers]") {
  const TemporaryFolder folder;
  const std::string bytes = samples::example_83_bytes();
  (void)write_chakra_trace(recorded({samples::share(read_chakra(bytes, "a.0.et"))}), folder / "w");
  CHECK(samples::read_bytes(folder / "w.0.et") == bytes);
}

TEST_CASE("traces of whole microseconds read back as they were written, in both forms",
          "[trace][writers]") {
  const TemporaryFolder folder;
  const RecordedTrace before = read_trace(samples::data("gpt-tp2-dp2"));
  (void)write_chakra_trace(before, folder / "binary");
  (void)write_chakra_json_trace(before, folder / "json");
  const RecordedTrace binary = read_trace(folder / "binary");
  const RecordedTrace json = read_trace(folder / "json");
  CHECK(json.format == "chakra-json");
  for (std::uint32_t r = 0; r < 4; ++r) {
    CHECK(encode_chakra(*binary.trace.ranks[r]) == encode_chakra(*before.trace.ranks[r]));
    CHECK(listing(*json.trace.ranks[r]) == listing(*before.trace.ranks[r]));
  }
  CHECK(json.trace.identical_classes.size() == 1);
}

TEST_CASE("groups along dimensions become decimal names and a communicator file",
          "[trace][writers]") {
  const TemporaryFolder folder;
  const RecordedTrace before = trace::parse_simai(
      "HYBRID_TRANSFORMER model_parallel_NPU_group: 2 all_gpus: 4\n1\n"
      "a -1 1499 ALLREDUCE 64 1 NONE 0 1 ALLREDUCE 128 1\n",
      "w.txt", {});
  const TraceWriteSummary summary = write_chakra_trace(before, folder / "w");
  CHECK(summary.files == 5);
  CHECK(summary.notes ==
        std::vector<std::string>{
            "durations rounded to microseconds: 4, 0 of them to 0",
            "not written: that communication of one rank runs side by side; Chakra readers run one "
            "after another",
            (folder / "w") + ".comm_groups.json holds the 4 communicators: "
                             "--comm-group-configuration of ASTRA-sim, \"groups\" of a replay "
                             "scenario"});
  CHECK(samples::read_bytes(folder / "w.comm_groups.json") ==
        "{\n  \"1\": [0, 2],\n  \"2\": [1, 3],\n  \"3\": [0, 1],\n  \"4\": [2, 3]\n}\n");
  const RecordedTrace after = read_trace(folder / "w");
  CHECK(listing(*after.trace.ranks[3]) ==
        "0 COMP 1000 ns \"a forward\"\n"
        "1 COMM_COLL ALL_REDUCE 4 64 B \"a forward communication\" <- 0\n"
        "2 COMM_COLL ALL_REDUCE 2 128 B \"a weight-gradient communication\" <- 1\n");
  ReplayOptions options;
  options.groups = parse_comm_groups(samples::read_bytes(folder / "w.comm_groups.json"), "g.json");
  CHECK(build_replay(after.trace, 4, options).graph.collectives.size() == 4);
}

TEST_CASE("an exchange with the next rank becomes a send and a receive", "[trace][writers]") {
  const TemporaryFolder folder;
  const RecordedTrace before = trace::parse_simai(
      "HYBRID_TRANSFORMER model_parallel_NPU_group: 1 pp: 3 all_gpus: 3 pp_comm: 8\n1\n"
      "embedding_layer -1 2000 NONE 0 3000 NONE 0 1 NONE 0 1\n",
      "w.txt", {});
  (void)write_chakra_trace(before, folder / "w");
  const RecordedTrace after = read_trace(folder / "w");
  CHECK(listing(*after.trace.ranks[0]) ==
        "0 COMP 2000 ns \"embedding_layer forward\"\n"
        "1 COMM_SEND to 1 8 B \"embedding_layer to the next stage\" <- 0\n"
        "2 COMM_RECV from 2 8 B \"embedding_layer to the next stage\" <- 0\n"
        "3 COMP 3000 ns \"embedding_layer input gradient\" <- 1 2\n"
        "4 COMM_SEND to 1 8 B \"embedding_layer to the previous stage\" <- 3\n"
        "5 COMM_RECV from 2 8 B \"embedding_layer to the previous stage\" <- 3\n");
  CHECK(build_replay(after.trace, 3).graph.transfers.size() == 3);
}

TEST_CASE("nothing is overwritten without force, and nothing half-written stays",
          "[trace][writers]") {
  const TemporaryFolder folder;
  const RecordedTrace trace = read_trace(samples::data("gpt-tp2-dp2"));
  folder.write("w.2.et", "mine");
  CHECK(refusal([&] { (void)write_chakra_trace(trace, folder / "w"); }) ==
        "error[trace-write]: " + (folder / "w.2.et") +
            " is there already\n  help: choose another name, or replace it with --force");
  CHECK(names_in(folder) == std::vector<std::string>{"w.2.et"});
  (void)write_chakra_trace(trace, folder / "w", {true});
  CHECK(names_in(folder) == std::vector<std::string>{"w.0.et", "w.1.et", "w.2.et", "w.3.et"});
  CHECK(refusal([&] { (void)write_chakra_trace(trace, folder / "no/such"); }) ==
        "error[trace-write]: cannot write " + (folder / "no/such") +
            ".0.et\n  help: check the folder and the space left in it");
}

TEST_CASE("a smaller trace is not written among the files of a larger one", "[trace][writers]") {
  const TemporaryFolder folder;
  const RecordedTrace trace = read_trace(samples::data("gpt-tp2-dp2"));
  folder.write("w.4.et", "mine");
  CHECK(refusal([&] { (void)write_chakra_trace(trace, folder / "w", {true}); }) ==
        "error[trace-write]: " + (folder / "w.4.et") +
            " belongs to a larger trace of the same name\n  help: remove its files, or choose "
            "another name");
}

TEST_CASE("more than 100,000 files need force", "[trace][writers]") {
  const auto file = samples::share(read_chakra(samples::example_83_bytes(), "a.0.et"));
  const RecordedTrace trace =
      recorded(std::vector<std::shared_ptr<const ChakraFile>>(100'001, file));
  CHECK(refusal([&] { (void)write_chakra_trace(trace, "w"); }) ==
        "error[trace-write]: 100001 ranks would be 100001 files\n"
        "  help: write fewer ranks, or insist with --force");
}
