// The program as a person runs it: output, messages and exit codes.
#include <sys/wait.h>

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
  CHECK_THAT(o.err, Contains("error[unknown-chip]") && Contains("did you mean 'nvidia-h100-sxm'?"));
  CHECK(std::filesystem::is_empty(temporary.path()));
}
