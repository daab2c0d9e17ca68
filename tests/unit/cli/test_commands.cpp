// The program as a person runs it: output, messages and exit codes.
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "support/temporary_folder.hpp"

using Catch::Matchers::Contains;

namespace {

struct Outcome {
  int code = -1;
  std::string out, err;
};

std::string slurp(const std::filesystem::path& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Runs xpusim in the source folder.
Outcome invoke(const std::string& arguments) {
  const xpusim::test::TemporaryFolder folder;
  const std::string command = "cd '" XPUSIM_SOURCE_DIR "' && NO_COLOR=1 '" XPUSIM_BINARY "' " +
                              arguments + " >'" + (folder / "out") + "' 2>'" + (folder / "err") +
                              "'";
  const int status = std::system(command.c_str());
  Outcome outcome{WEXITSTATUS(status), slurp(folder / "out"), slurp(folder / "err")};
  return outcome;
}

}  // namespace

TEST_CASE("a mistyped command names the nearest and exits 2", "[cli]") {
  const Outcome o = invoke("comapre scenarios/training/quickstart.json");
  CHECK(o.code == 2);
  CHECK(o.out.empty());
  CHECK_THAT(o.err, Contains("did you mean 'compare'?"));
}

TEST_CASE("a mistyped option names the nearest and exits 2", "[cli]") {
  const Outcome o = invoke("collective all_reduce --system dgx-h100 --byte 1MiB");
  CHECK(o.code == 2);
  CHECK_THAT(o.err, Contains("did you mean '--bytes'?"));
}

TEST_CASE("a scenario that does not exist exits 2 and says which names there are near", "[cli]") {
  const Outcome o = invoke("run quickstar");
  CHECK(o.code == 2);
  CHECK_THAT(o.err, Contains("did you mean 'quickstart'?"));
}

TEST_CASE("an override with a wrong unit points at itself and exits 2", "[cli]") {
  const Outcome o = invoke("run quickstart --set power.cap=500GB");
  CHECK(o.code == 2);
  CHECK_THAT(o.err, Contains("error[unit-mismatch]") && Contains("--set"));
}

TEST_CASE("sizes that are no range are refused", "[cli]") {
  CHECK(invoke("collective all_reduce --system dgx-h100 --bytes 1MiB..1KiB").code == 2);
  CHECK(invoke("collective all_reduce --system dgx-h100 --bytes 1Gb").code == 2);
  CHECK(invoke("collective all_redcue --system dgx-h100").code == 2);
}

TEST_CASE("the same command gives the same bytes, on one process or two", "[cli]") {
  const Outcome one = invoke("compare quickstart --format json -j 1");
  const Outcome two = invoke("compare quickstart --format json -j 2");
  CHECK(one.code == 0);
  CHECK(one.out == two.out);
  CHECK_THAT(one.out, Contains("\"schema\": 1") && Contains("\"tokens_per_s_per_chip\""));
}

TEST_CASE("one system that cannot run leaves the others' results", "[cli]") {
  const Outcome o = invoke("compare quickstart --systems gb200-nvl72,dgx-h100 --format csv");
  CHECK(o.code == 2);
  CHECK_THAT(o.out, Contains("gb200-nvl72"));
  CHECK_THAT(o.err, Contains("dgx-h100"));
}

TEST_CASE("a missed expectation exits 1", "[cli]") {
  const Outcome o =
      invoke("run quickstart --set 'expect={\"training.mfu\": \"> 2\"}' --format csv");
  CHECK(o.code == 1);
  CHECK_THAT(o.err, Contains("expectation missed"));
}

TEST_CASE("a report goes into a folder whole or not at all", "[cli]") {
  const xpusim::test::TemporaryFolder temporary;
  const std::filesystem::path folder = temporary / "made";
  const Outcome o = invoke("table semianalysis-chips --format csv -o '" + folder.string() + "'");
  CHECK(o.code == 0);
  CHECK(o.out.empty());
  CHECK_THAT(slurp(folder / "semianalysis-chips.csv"), Contains("780"));
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    files += entry.is_regular_file() ? 1 : 0;
  CHECK(files == 1);
  CHECK(invoke("table semianalysis-chips -o /proc/nowhere").code == 2);
}

TEST_CASE("the catalogue checks clean and lists its parts", "[cli]") {
  CHECK(invoke("check").code == 0);
  CHECK_THAT(invoke("list systems").out, Contains("cloudmatrix-384") && Contains("gb200-nvl72"));
  CHECK_THAT(invoke("describe ascend-910c").out, Contains("752"));
  CHECK(invoke("internal generate-docs --check").code == 0);
}

TEST_CASE("a trace path in a scenario starts at the scenario's file", "[cli]") {
  const Outcome o =
      invoke("run '" XPUSIM_SOURCE_DIR "/scenarios/replay/gpt-tp2-dp2.json' --format csv");
  CHECK(o.code == 0);
  CHECK_THAT(o.out, Contains("gb200-nvl72"));
  const Outcome elsewhere = invoke(
      "run '" XPUSIM_SOURCE_DIR "/scenarios/replay/gpt-tp2-dp2.json' --set replay.trace=no/such");
  CHECK(elsewhere.code == 2);
  CHECK_THAT(elsewhere.err, Contains("no file no/such.0.et"));
}

namespace {
/// Microseconds in the first row of a collective's table.
double microseconds(const std::string& arguments) {
  const Outcome o = invoke("collective " + arguments + " --format json -q");
  INFO(o.err);
  REQUIRE(o.code == 0);
  const auto at = o.out.find("\"time_s\":");
  REQUIRE(at != std::string::npos);
  return 1e6 * std::stod(o.out.substr(at + 9));
}
}  // namespace

TEST_CASE("a faster scale-out link never slows a collective over supernodes", "[cli][property]") {
  for (const char* bytes : {"64KiB", "64MiB"}) {
    double before = 1e9;
    for (const char* rate : {"25", "50", "100", "200", "380", "390", "800"}) {
      const double now =
          microseconds(std::string("all_reduce --system dgx-h100 --nodes 2 --ranks 16 --bytes ") +
                       bytes + " --set 'link.ib-ndr400.bandwidth=" + rate + " GB/s'");
      INFO(bytes << " at " << rate << " GB/s");
      CHECK(now <= before * (1 + 1e-9));
      before = now;
    }
  }
}

TEST_CASE("a job on some of the chips is counted on those alone", "[cli]") {
  const std::string run =
      "run quickstart --systems gb200-nvl72 --format json -q --set model=llama-3.1-8b "
      "--set systems.1.chips=8 --set systems.1.parallelism.pipeline=1 ";
  const Outcome derived = invoke(run + "--set systems.1.parallelism.data=0");
  const Outcome given = invoke(run + "--set systems.1.parallelism.data=1");
  CHECK(derived.code == 0);
  const auto results = [](const std::string& text) {
    return text.substr(text.find("\"results\""));
  };
  CHECK(results(derived.out) == results(given.out));
  const Outcome idle = invoke(run + "--set systems.1.parallelism.data=1 --set systems.1.chips=16");
  CHECK_THAT(idle.out, Contains("8 of 16 ranks are idle"));
}

TEST_CASE("sizes, seeds and degrees out of range are refused before any work", "[cli][refusal]") {
  for (const char* arguments :
       {"collective all_reduce --system dgx-h100 --bytes -1MiB",
        "collective all_reduce --system dgx-h100 --bytes 0",
        "collective all_reduce --system dgx-h100 --bytes 1B..1e300B",
        "collective all_reduce --system dgx-h100 --ranks 0",
        "collective all_reduce --system dgx-h100 --set system.dgx-h100.nodes=1000000000",
        "run quickstart --seed -1", "run quickstart --seed 99999999999999999999999",
        "run quickstart --systems gb200-nvl72 --set training.global_batch=2000000000",
        "run quickstart --set 'expect={\"zz\": \"< 1\"}'",
        "run quickstart --systems gb200-nvl72 --set "
        "'systems.1.parallelism={\"tensor\": 1000000000, \"pipeline\": 1000000000}'",
        "run quickstart --set baseline=dgx-h100"}) {
    INFO(arguments);
    const Outcome o = invoke(arguments);
    CHECK(o.code == 2);
    CHECK(o.out.empty());
    CHECK_FALSE(o.err.empty());
  }
}

TEST_CASE("a report that stdout does not take is an error", "[cli]") {
  const int status = std::system("cd '" XPUSIM_SOURCE_DIR "' && '" XPUSIM_BINARY
                                 "' list chips > /dev/full 2> /dev/null");
  CHECK(WEXITSTATUS(status) == 2);
}

TEST_CASE("a barrier has one row and no bandwidth", "[cli]") {
  const Outcome o = invoke("collective barrier --system dgx-h100 --format json");
  CHECK(o.code == 0);
  CHECK_THAT(o.out, Contains("\"busbw_bytes_per_s\": 0"));
}

TEST_CASE("a scenario's algorithm by collective holds for collectives too", "[cli]") {
  const Outcome o = invoke(
      "run all-reduce-node --systems dgx-h100 --set "
      "network.algorithms.ALL_REDUCE=halving_doubling");
  CHECK(o.code == 0);
  CHECK_THAT(o.out, Contains("halving_doubling") && !Contains("in_switch"));
}

namespace {
/// Everything in a folder, by name.
std::vector<std::string> names_in(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}
}  // namespace

TEST_CASE("the critical path is in every format when asked, and nowhere else", "[cli][why]") {
  const std::string run = "run gpt-tp2-dp2 --systems gb200-nvl72 -q ";
  CHECK_THAT(invoke(run + "--critical-path").out,
             Contains("Critical path of gb200-nvl72") && Contains("100.0 %"));
  CHECK_THAT(invoke(run + "--critical-path --format markdown").out,
             Contains("### Critical path of gb200-nvl72") && Contains(", by cause"));
  CHECK_THAT(invoke(run + "--critical-path --format csv").out,
             Contains("path_cause") && Contains("critical path"));
  const std::string asked = invoke(run + "--critical-path --format json").out;
  for (const char* name :
       {"\"critical_path\"", "\"total_s\"", "\"segments\"", "\"name\"", "\"kind\"", "\"purpose\"",
        "\"rank\"", "\"seconds\"", "\"share\"", "\"count\"", "\"cause\"", "\"link\""})
    CHECK_THAT(asked, Contains(name));
  for (const char* format : {"table", "markdown", "csv", "json"}) {
    const std::string plain = invoke(run + "--format " + format).out;
    CHECK_THAT(plain, !Contains("ritical") && !Contains("path_cause"));
  }
}

TEST_CASE("a task is explained by label, rank and number, several at once", "[cli][why]") {
  const Outcome o = invoke(
      "run quickstart --systems gb200-nvl72 -q --explain 'forward micro-batch 0@1#2' --explain "
      "last");
  CHECK(o.code == 0);
  CHECK_THAT(o.out, Contains("'forward micro-batch 0' of gb200-nvl72") &&
                        Contains("'step overhead' of gb200-nvl72") && Contains("waited for"));
  CHECK_THAT(invoke("run --help").out, Contains("--explain 'forward micro-batch 0@1#2'"));
}

TEST_CASE("an unknown task names the nearest and exits 2", "[cli][why][refusal]") {
  const Outcome o =
      invoke("run quickstart --systems gb200-nvl72 --explain 'forwrd micro-batch 3' -q");
  CHECK(o.code == 2);
  CHECK(o.out.empty());
  CHECK(o.err ==
        "gb200-nvl72: error[unknown-task]: --explain: no task is called 'forwrd micro-batch 3'\n"
        "  help: did you mean 'forward micro-batch 3'?\n");
}

TEST_CASE("a timeline is one whole file, or one per system", "[cli][timeline]") {
  const xpusim::test::TemporaryFolder temporary;
  const std::filesystem::path folder = temporary / "made";
  const std::string run = "run gpt-tp2-dp2 --timeline '" + (folder / "t.json").string() + "' ";
  const Outcome one = invoke(run + "--systems gb200-nvl72");
  CHECK(one.code == 0);
  CHECK_THAT(one.err, Contains("wrote " + (folder / "t.json").string()));
  CHECK(names_in(folder) == std::vector<std::string>{"t.json"});
  CHECK_THAT(slurp(folder / "t.json"), Contains("\"traceEvents\""));
  CHECK(invoke(run + "--systems gb200-nvl72,cloudmatrix-384 -q").code == 0);
  CHECK(names_in(folder) ==
        std::vector<std::string>{"t.cloudmatrix-384.json", "t.gb200-nvl72.json", "t.json"});
}

TEST_CASE("a timeline that leaves ranks out says so", "[cli][timeline]") {
  const xpusim::test::TemporaryFolder temporary;
  const Outcome o = invoke(
      "run quickstart --systems cloudmatrix-384 --timeline-events 20000 "
      "--timeline '" +
      (temporary / "t.json") + "'");
  CHECK(o.code == 0);
  CHECK_THAT(o.err, Contains("1 of 8 ranks") && Contains("left out"));
}

TEST_CASE("a run that fails leaves no timeline, and one that cannot be written is refused first",
          "[cli][timeline][refusal]") {
  const xpusim::test::TemporaryFolder temporary;
  const std::filesystem::path folder = temporary / "made";
  const std::string file = " --timeline '" + (folder / "t.json").string() + "'";
  CHECK(invoke("run quickstart --systems dgx-h100" + file).code == 2);  // does not fit
  CHECK(invoke("run gpt-tp2-dp2 --set replay.trace=no/such" + file).code == 2);
  CHECK(names_in(folder).empty());
  for (const char* nowhere : {"/proc/nowhere/t.json", "/dev/null", "/"}) {
    INFO(nowhere);
    const Outcome o = invoke(std::string("run quickstart --timeline ") + nowhere);
    CHECK(o.code == 2);
    CHECK(o.out.empty());
    CHECK_THAT(o.err, Contains("error[cannot-write]"));
  }
}

TEST_CASE("questions about tasks are refused where there are none", "[cli][why][refusal]") {
  for (const char* question : {"--critical-path", "--explain 0", "--timeline /tmp/never.json"}) {
    INFO(question);
    const Outcome o = invoke(std::string("run all-reduce-node ") + question);
    CHECK(o.code == 2);
    CHECK(o.err ==
          "error[no-tasks]: --critical-path, --explain and --timeline need tasks; a collective "
          "scenario has none\n  help: ask them of a training or replay scenario\n");
  }
  CHECK(invoke("collective all_reduce --system dgx-h100 --critical-path").code == 2);
}

TEST_CASE("an imported network is printed, written once, checked and run", "[cli][import]") {
  const std::string network =
      "import tests/data/import/three_dimensions.yml --with "
      "tests/data/import/three_dimensions.json";
  const Outcome printed = invoke(network);
  CHECK(printed.code == 0);
  CHECK_THAT(printed.out, Contains("==> systems/three-dimensions.json <==") &&
                              Contains("\"bandwidth\": \"100.5 GiB/s\""));
  CHECK_THAT(printed.err,
             Contains("ASTRA-sim network: 64 NPUs, Ring 2 x FullyConnected 4 x Switch 8") &&
                 Contains("ignored: sing-along (unknown key)"));
  const xpusim::test::TemporaryFolder temporary;
  const std::string folder = "'" + temporary.path().string() + "'";
  CHECK(invoke(network + " -o " + folder).code == 0);
  const Outcome again = invoke(network + " -o " + folder);
  CHECK(again.code == 2);
  CHECK_THAT(again.err, Contains("error[file-exists]") && Contains("--force"));
  CHECK(invoke(network + " --force -o " + folder).code == 0);
  const std::string with = "--configs " + folder + " --configs configs ";
  CHECK(invoke(with + "check '" + (temporary / "systems/three-dimensions.json") + "'").code == 0);
  const Outcome run =
      invoke(with + "collective all_reduce --system three-dimensions --bytes 64MiB");
  CHECK(run.code == 0);
  CHECK_THAT(run.out, Contains("hierarchical") && Contains("dim1+dim0+dim2"));
}

TEST_CASE("an imported configuration is a model part, listed and described", "[cli][import]") {
  const xpusim::test::TemporaryFolder temporary;
  const std::string folder = "'" + temporary.path().string() + "'";
  const Outcome imported =
      invoke("import tests/data/import/hybrid_config.json --parameters 31.6e9 -o " + folder);
  CHECK(imported.code == 0);
  CHECK_THAT(imported.err, Contains("31.58 B parameters, 3.58 B active") &&
                               Contains("note: 31.6 B parameters expected: the count is -0.07 %"));
  const std::string with = "--configs " + folder + " --configs configs ";
  CHECK(invoke(with + "check '" + (temporary / "models/hybrid-config.json") + "'").code == 0);
  CHECK_THAT(invoke(with + "list models").out, Contains("hybrid-config"));
  const Outcome described = invoke(with + "describe hybrid-config");
  CHECK_THAT(described.out, Contains("MEMEMAEMEMEMA") && Contains("31,577,937,344") &&
                                Contains("2 * 6 * 2 * 128 * 2 B") && Contains("23 of Mamba-2"));
}

TEST_CASE("an imported fat tree carries a collective in every fidelity", "[cli][import]") {
  const xpusim::test::TemporaryFolder temporary;
  const std::string folder = "'" + temporary.path().string() + "'";
  CHECK(invoke("import tests/data/import/three_tiers.topo -o " + folder).code == 0);
  CHECK(invoke("--configs " + folder + " check '" + (temporary / "systems/three-tiers.json") + "'")
            .code == 0);
  for (const char* fidelity : {"analytic", "fluid", "flow"}) {
    const Outcome run = invoke("--configs " + folder +
                               " collective all_reduce --system three-tiers "
                               "--bytes 1MiB --format csv --fidelity " +
                               fidelity);
    INFO(run.err);
    CHECK(run.code == 0);
  }
}

TEST_CASE("an import names a chip that does not exist, before it writes", "[cli][import]") {
  const xpusim::test::TemporaryFolder temporary;
  const Outcome o = invoke("import tests/data/import/mesh.xml --chip nvidia-a100-sxm -o '" +
                           temporary.path().string() + "'");
  CHECK(o.code == 2);
  CHECK_THAT(o.err, Contains("error[unknown-chip]") && Contains("did you mean 'nvidia-a800-sxm'?"));
  CHECK(std::filesystem::is_empty(temporary.path()));
}

TEST_CASE("measurements become parts that check and run take", "[cli][calibrate]") {
  const xpusim::test::TemporaryFolder temporary;
  const std::string folder = "'" + temporary.path().string() + "'";
  const std::string command =
      "calibrate tests/data/calibrate/example.csv --chip nvidia-h100-sxm --name mine -o " + folder;
  const Outcome o = invoke(command);
  CHECK(o.code == 0);
  CHECK_THAT(o.out, Contains("/efficiency/memory_half_size") && Contains("gemm bf16"));
  CHECK_THAT(slurp(temporary / "calibration.svg"), Contains("<svg") && Contains("</svg>"));
  CHECK_THAT(slurp(temporary / "chips/mine.json"),
             Contains("example.csv (invented accelerator; closed forms of make_example.py; "
                      "2026-01-01)"));
  CHECK_THAT(invoke(command).err, Contains("error[file-exists]") && Contains("--force"));
  CHECK(invoke(command + " --force").code == 0);
  CHECK(invoke("--configs " + folder + " --configs configs check '" +
               (temporary / "chips/mine.json") + "'")
            .code == 0);
}

TEST_CASE("calibrate refuses what it cannot fit", "[cli][calibrate][refusal]") {
  CHECK_THAT(invoke("calibrate").err, Contains("error[missing-measurements]"));
  CHECK_THAT(invoke("calibrate tests/data/calibrate/example.csv").err,
             Contains("error[missing-chip]"));
  const Outcome above = invoke("calibrate tests/data/calibrate/example.csv --chip ascend-910b");
  CHECK(above.code == 2);
  CHECK(above.out.empty());
  CHECK_THAT(above.err, Contains("example.csv:") && Contains("error[above-peak]"));
  const Outcome system =
      invoke("calibrate tests/data/calibrate/all_reduce.txt --chip nvidia-h100-sxm");
  CHECK(system.code == 2);
  CHECK_THAT(system.err, Contains("error[missing-system]"));
}

TEST_CASE("calibrate --report is the page of the documentation", "[cli][calibrate]") {
  const Outcome o = invoke("calibrate --report");
  CHECK(o.code == 0);
  CHECK(o.out == slurp(XPUSIM_SOURCE_DIR "/docs/calibration.md"));
}

TEST_CASE("trace info counts every format and says the same as JSON", "[cli][trace]") {
  const Outcome text = invoke("trace info tests/data/traces/moe-16.txt");
  CHECK(text.code == 0);
  CHECK_THAT(text.out, Contains("tests/data/traces/moe-16.txt: simai, 16 ranks, 1 different\n"));
  CHECK_THAT(text.out, Contains("ALL_TO_ALL           group ep"));
  CHECK_THAT(text.out, Contains("note: 16 ranks: TP 2, EP 2, DP 4, PP 2"));
  const Outcome json = invoke("trace info tests/data/traces/ring-4.goal --json");
  CHECK(json.code == 0);
  CHECK_THAT(json.out, Contains("\"format\": \"goal\"") && Contains("\"COMM_SEND\": 24"));
}

TEST_CASE("trace info of an empty file, or of a trace without nodes, exits 2", "[cli][trace]") {
  const xpusim::test::TemporaryFolder folder;
  folder.write("empty", "");
  folder.write("t.0.et", std::string_view("\x07\x0a\x05"
                                          "0.0.4",
                                          8));
  const Outcome empty = invoke("trace info '" + (folder / "empty") + "'");
  CHECK(empty.code == 2);
  CHECK_THAT(empty.err, Contains("the file is empty"));
  const Outcome without = invoke("trace info '" + (folder / "t") + "'");
  CHECK(without.code == 2);
  CHECK(without.out.empty());
  CHECK_THAT(without.err, Contains("error[trace-empty]"));
}

TEST_CASE("a trace never replaces what is no regular file", "[cli][trace][refusal]") {
  const xpusim::test::TemporaryFolder folder;
  std::filesystem::create_directory(folder / "p.cm");
  const Outcome o =
      invoke("trace generate permutation '" + (folder / "p.cm") + "' --nodes 4 --force");
  CHECK(o.code == 2);
  CHECK_THAT(o.err, Contains("p.cm is no regular file"));
  CHECK(std::filesystem::is_directory(folder / "p.cm"));
}

TEST_CASE("replay runs a trace on parts and on another tool's machine", "[cli][replay]") {
  const std::string trace = "replay tests/data/traces/gpt-tp2-dp2 --dimensions 2,2 ";
  const Outcome two = invoke(trace + "--system gb200-nvl72,cloudmatrix-384 --format csv -q");
  CHECK(two.code == 0);
  CHECK_THAT(two.out, Contains("gb200-nvl72") && Contains("cloudmatrix-384"));
  const Outcome scaled =
      invoke(trace + "--system cloudmatrix-384 --scale-ranks 64 --fidelity fluid --format json -q");
  CHECK(scaled.code == 0);
  CHECK_THAT(scaled.out, Contains("\"ranks\": 64") && Contains("\"folded\": true") &&
                             Contains("\"simulated_ranks\": 1"));
  const Outcome astra = invoke(
      "replay tests/data/traces/all-reduce-4 --system tests/data/import/three_dimensions.yml "
      "--with tests/data/import/three_dimensions.json");
  CHECK(astra.code == 0);
  CHECK_THAT(astra.out, Contains("three-dimensions"));
  CHECK_THAT(astra.err, Contains("ignored: sing-along"));
  const Outcome wrong = invoke(trace + "--system gb200-nvl72 --algorithm ring");
  CHECK(wrong.code == 2);
  CHECK_THAT(wrong.err, Contains("write COLLECTIVE=ALGORITHM"));
  CHECK(invoke(trace + "--system gb200-nvl72 --with x.json").code == 2);
  CHECK_THAT(invoke("replay --help").out, Contains("--scale-ranks") && Contains("Examples"));
}

TEST_CASE("jobs side by side are compared with each alone", "[cli][jobs]") {
  const Outcome o = invoke(
      "run neighbours -q --format json --set system.cloudmatrix-384.planes.ub.oversubscription=4");
  CHECK(o.code == 0);
  CHECK_THAT(o.out, Contains("\"culprit\": \"second\"") && Contains("\"cause\": \"ub/leaf-"));
  const Outcome table = invoke("run neighbours -q");
  CHECK_THAT(table.out, Contains("Jobs on cloudmatrix-384") && Contains("slow-down"));
  const Outcome csv = invoke("run neighbours -q --format csv");
  CHECK_THAT(csv.out, Contains("job_slowdown") && Contains("first") && Contains("second"));
}

TEST_CASE("training scenarios and collectives become traces", "[cli][trace]") {
  const xpusim::test::TemporaryFolder folder;
  CHECK(
      invoke("trace generate collective all_reduce '" + (folder / "c") + "' --ranks 4 --bytes 1MiB")
          .code == 0);
  CHECK_THAT(invoke("trace info '" + (folder / "c") + "'").out,
             Contains("4 ranks, 1 different") && Contains("ALL_REDUCE"));
  CHECK(invoke("trace generate training tests/bench/gpt-step.json '" + (folder / "t") +
               "' --set training.global_batch=8 --system dgx-h100")
            .code == 2);  // does not fit
  const Outcome near = invoke("trace generate collective all_redcue x --ranks 4");
  CHECK(near.code == 2);
  CHECK_THAT(near.err, Contains("did you mean 'all_reduce'?"));
}

TEST_CASE("a generated permutation converts to Chakra and back", "[cli][trace]") {
  const xpusim::test::TemporaryFolder folder;
  const std::string matrix = folder / "p.cm", prefix = folder / "p", again = folder / "q.cm";
  CHECK(invoke("trace generate permutation '" + matrix + "' --nodes 16 --size 2MB --seed 1").code ==
        0);
  CHECK(slurp(matrix) == slurp(XPUSIM_SOURCE_DIR "/tests/data/traces/permutation-16.cm"));
  CHECK(invoke("trace convert '" + matrix + "' '" + prefix + "'").code == 0);
  CHECK(invoke("trace convert '" + prefix + "' '" + again + "' --to htsim-cm").code == 0);
  CHECK(slurp(again) == slurp(matrix));
  const Outcome twice = invoke("trace convert '" + matrix + "' '" + prefix + "'");
  CHECK(twice.code == 2);
  CHECK_THAT(twice.err, Contains("is there already"));
}

TEST_CASE("a mistyped trace format or generator gets the nearest word", "[cli][trace]") {
  CHECK_THAT(invoke("trace info x --format gaol").err, Contains("did you mean goal?"));
  CHECK_THAT(invoke("trace convert tests/data/traces/ring-4.goal x --to chakra-jsn").err,
             Contains("did you mean 'chakra-json'?"));
  CHECK_THAT(invoke("trace generate permutatoin").err,
             Contains("did you mean 'permutation'?") &&
                 Contains("Run 'xpusim trace generate --help' for help."));
}

TEST_CASE("validate prints a ledger with its errors, and the command behind each row",
          "[cli][validate]") {
  const Outcome o = invoke("validate t4-korthikanti-layer --row 'sequence parallelism'");
  CHECK(o.code == 0);
  CHECK_THAT(o.out, Contains("combined ms, measured") && Contains("bound 3.65 %: met"));
  const Outcome commands = invoke("validate t4-korthikanti-layer --row baseline --commands");
  CHECK(commands.code == 0);
  CHECK_THAT(commands.out, Contains("xpusim run korthikanti-2022-layer --set "));
}

TEST_CASE("validate refuses names, suites and rows that do not exist", "[cli][validate]") {
  CHECK_THAT(invoke("validate t4-korthikanti-lyer").err,
             Contains("did you mean 't4-korthikanti-layer'?"));
  const Outcome suite = invoke("validate --suite trainin");
  CHECK(suite.code == 2);
  CHECK_THAT(suite.err, Contains("did you mean 'training'?"));
  CHECK_THAT(invoke("validate t4-korthikanti-layer --row nobody").err, Contains("unknown-row"));
}

TEST_CASE("validate refuses overrides that no row can be run with, and writes nothing",
          "[cli][validate]") {
  const xpusim::test::TemporaryFolder folder;
  for (const char* wrong : {"nope=1", "system.dgx-a100.nope=2", "training.micro_batch=many"}) {
    const Outcome o =
        invoke(fmt::format("validate t6-korthikanti-scaling --set {} --format markdown -o '{}'",
                           wrong, folder.path().string()));
    INFO(wrong);
    CHECK(o.code == 2);
    CHECK_THAT(o.err, Contains("row-refused"));
    CHECK_THAT(o.err, Contains("--set:1:"));
    CHECK(o.out.empty());
    CHECK(std::filesystem::is_empty(folder.path()));
  }
}

TEST_CASE("a missed bound exits 1 and says which ledger, the report is written all the same",
          "[cli][validate]") {
  const xpusim::test::TemporaryFolder folder;
  // Ten times the kernels' launch gap: nobody's machine.
  const Outcome o = invoke(
      "validate t4-korthikanti-layer --set software.nvidia-megatron-2022.kernel_launch='\"1 ms\"' "
      "--format markdown -o '" +
      folder.path().string() + "'");
  CHECK(o.code == 1);
  CHECK_THAT(o.err, Contains("bound missed: t4-korthikanti-layer"));
  CHECK_THAT(slurp(folder.path() / "validation.md"), Contains("validation.svg"));
  CHECK_THAT(slurp(folder.path() / "validation.svg"), Contains("</svg>"));
}
