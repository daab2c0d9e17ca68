// What cannot be imported is refused with its place and the way out.
#include <catch2/catch.hpp>

#include "imported.hpp"

using namespace xpusim;
using namespace xpusim::testing;

namespace {

std::string yaml(const std::string& topology, const std::string& npus, const std::string& bandwidth,
                 const std::string& latency) {
  return import_refusal("net.yml", "topology: " + topology + "\nnpus_count: " + npus +
                                       "\nbandwidth: " + bandwidth + "\nlatency: " + latency +
                                       "\n");
}

std::string system_json(const std::string& text) {
  return import_refusal("net.yml",
                        "topology: [Ring]\nnpus_count: [4]\nbandwidth: [1]\nlatency: [1]\n", text);
}

const std::string kTier0 =
    "tier 0\ndownlink_speed_gbps 100\nradix_down 2\nradix_up 2\ndownlink_latency_ns 1\n";
const std::string kTier1 = "tier 1\ndownlink_speed_gbps 100\nradix_down 2\ndownlink_latency_ns 1\n";
std::string topo(const std::string& text) { return import_refusal("t.topo", text); }

std::string xml(const std::string& text, ImportOptions options = {}) {
  return import_refusal("t.xml", text, "", options);
}

}  // namespace

TEST_CASE("a network file's faults have a line and a column", "[import][astra][refusal]") {
  CHECK(yaml("[Ring]", "[4]", "[ tbd ]", "[1]") ==
        "net.yml:3:14: error[not-a-number]: bandwidth[0] is 'tbd', which is no number\n"
        "  3 | bandwidth: [ tbd ]\n"
        "    |              ^^^ help: write a number, without a unit");
  CHECK_THAT(
      yaml("[Rign]", "[4]", "[1]", "[1]"),
      Catch::StartsWith("net.yml:1:12: error[unknown-topology]: there is no topology 'Rign'") &&
          Catch::EndsWith("help: did you mean 'Ring'?"));
  CHECK_THAT(yaml("[Ring]", "[1]", "[1]", "[1]"),
             Catch::StartsWith("net.yml:2:14: error[out-of-range]: npus_count[0] is 1"));
  CHECK_THAT(yaml("[Ring]", "[4.5]", "[1]", "[1]"),
             Catch::StartsWith("net.yml:2:14: error[not-a-number]"));
  CHECK_THAT(yaml("[Ring]", "[4]", "[0]", "[1]"),
             Catch::StartsWith("net.yml:3:13: error[out-of-range]"));
  CHECK_THAT(yaml("[Ring]", "[4]", "[.inf]", "[1]"),
             Catch::StartsWith("net.yml:3:13: error[not-a-number]"));
  CHECK_THAT(yaml("[Ring]", "[4]", "[1]", "[-1]"),
             Catch::StartsWith("net.yml:4:11: error[out-of-range]"));
  CHECK_THAT(
      yaml("[Ring, Ring]", "[4]", "[1]", "[1]"),
      Catch::StartsWith("net.yml:2:13: error[dimensions-differ]: 'npus_count' has 1 entries, "
                        "'topology' has 2"));
  CHECK_THAT(yaml("Ring", "[4]", "[1]", "[1]"),
             Catch::StartsWith("net.yml:1:11: error[yaml-shape]"));
  CHECK_THAT(yaml("[[Ring]]", "[4]", "[1]", "[1]"),
             Catch::StartsWith("net.yml:1:12: error[yaml-shape]"));
  CHECK_THAT(yaml("[Ring", "[4]", "[1]", "[1]"), Catch::Contains("error[yaml-syntax]"));
  CHECK_THAT(yaml("[Ring, Ring, Ring]", "[1000, 1000, 1000]", "[1,1,1]", "[1,1,1]"),
             Catch::Contains("the dimensions span 1000000000 NPUs and more"));
  CHECK_THAT(import_refusal("net.yml", "topology: [Ring]\ntopology: [Ring]\n"),
             Catch::StartsWith("net.yml:2:1: error[duplicate-key]"));
  CHECK_THAT(import_refusal("net.yml", "topology: [Ring]\nnpu_count: [4]\n"),
             Catch::Contains("error[missing-key]: the file has no 'npus_count'") &&
                 Catch::EndsWith("help: it has 'npu_count'"));
  CHECK_THAT(import_refusal("net.yml", ""), Catch::Contains("error[yaml-shape]"));
  CHECK_THAT(import_refusal("net.yml", "- 1\n"), Catch::Contains("error[yaml-shape]"));
  CHECK_THAT(import_refusal("net.yml", "a: 1\n---\nb: 2\n"),
             Catch::StartsWith("net.yml:2:1: error[yaml-shape]: a network file is one mapping"));
  CHECK_THAT(import_refusal("net.yml", std::string(5 << 20, ' ')),
             Catch::Contains("error[too-large]"));
  CHECK_THAT(import_refusal("net.yml", std::string(100000, '[')),
             Catch::Contains("error[yaml-syntax]"));
}

TEST_CASE("a system file's faults have a line and a column", "[import][astra][refusal]") {
  CHECK_THAT(system_json("{\"peak-perf\": \"many\"}"),
             Catch::StartsWith("system.json:1:15: error[not-a-number]: 'peak-perf' is no number"));
  CHECK_THAT(system_json("{\"local-mem-bw\": 0}"),
             Catch::StartsWith("system.json:1:18: error[out-of-range]"));
  CHECK_THAT(
      system_json("{\"all-reduce-implementation\": [\"ring\", \"ring\"]}"),
      Catch::StartsWith("system.json:1:31: error[dimensions-differ]: 'all-reduce-implementation' "
                        "needs one algorithm for each of 1 dimensions"));
  CHECK_THAT(system_json("{\"all-reduce-implementation\": [\"rings\"]}"),
             Catch::StartsWith("system.json:1:32: error[unknown-implementation]"));
  CHECK_THAT(system_json("[]"), Catch::StartsWith("system.json:1:1: error[json-shape]"));
  CHECK_THAT(system_json("{"), Catch::StartsWith("system.json:1:"));
}

TEST_CASE("a fat tree's faults have a line and a column", "[import][htsim][refusal]") {
  const std::string head = "nodes 4\ntiers 2\npodsize 4\n";
  CHECK(topo(head + kTier0 + kTier1).empty());
  CHECK_THAT(topo("nodes four\n"), Catch::StartsWith("t.topo:1:7: error[not-a-number]"));
  CHECK_THAT(topo("nodes 4 5\n"),
             Catch::StartsWith("t.topo:1:1: error[topo-syntax]: 'nodes' takes one number"));
  CHECK_THAT(topo("nodes 4\nnodes 4\n"), Catch::StartsWith("t.topo:2:7: error[duplicate-key]"));
  CHECK_THAT(topo("nodes 4\ntiers 4\n"), Catch::StartsWith("t.topo:2:7: error[out-of-range]"));
  CHECK_THAT(topo(head + kTier0),
             Catch::StartsWith("t.topo:2:7: error[missing-key]: the file has no 'Tier 1'"));
  CHECK_THAT(topo(head + kTier0 + kTier1 + "tier 2\n"), Catch::Contains("error[tiers-differ]"));
  CHECK_THAT(topo(head + kTier0 + kTier0), Catch::StartsWith("t.topo:9:6: error[duplicate-key]"));
  CHECK_THAT(topo(head + "tier 0\nradix_dwn 2\n" + kTier1),
             Catch::Contains("tier 0 has no 'radix_down'") &&
                 Catch::EndsWith("it has 'radix_dwn', which HTsim does not know"));
  CHECK_THAT(
      topo(head + kTier0 + "oversubscribed 2\n" + kTier1),
      Catch::StartsWith("t.topo:9:16: error[tree-mismatch]: 'Oversubscribed' is 2 where the links "
                        "below carry 200 and those above 200 Gbit/s"));
  CHECK_THAT(topo("nodes 8\ntiers 2\npodsize 4\n" + kTier0 + kTier1),
             Catch::StartsWith("t.topo:3:9: error[tree-mismatch]: 'Podsize' is 4"));
  CHECK_THAT(topo("nodes 6\ntiers 2\npodsize 4\n" + kTier0 + kTier1),
             Catch::Contains("no multiple of 'Podsize'"));
  CHECK_THAT(topo(head + kTier0 + "bundle 2\n" + kTier1),
             Catch::Contains("hosts with one port give 1"));
  CHECK_THAT(topo(head + kTier0 + "switch_latency_ns 10\n" + kTier1),
             Catch::Contains("error[out-of-range]"));
  CHECK_THAT(topo("\n"), Catch::Contains("error[missing-key]: the header has no 'tiers'"));
}

TEST_CASE("a node's faults have a line and a column", "[import][nccl][refusal]") {
  ImportOptions chip;
  chip.chip = "nvidia-h100-sxm";
  CHECK_THAT(xml("<system>\n<cpu>"), Catch::Contains("error[xml-syntax]"));
  CHECK_THAT(xml("<graphs/>"),
             Catch::StartsWith("t.xml:1:2: error[xml-shape]: the file begins with 'graphs'"));
  CHECK_THAT(xml("<system><cpu/></system>"), Catch::Contains("error[no-gpu]"));
  CHECK_THAT(xml("<system>\n<gpu sm=\"90\"/></system>"),
             Catch::StartsWith(
                 "t.xml:2:2: error[missing-chip]: the file has 1 GPUs and does not say which") &&
                 Catch::Contains("--chip nvidia-h100-sxm"));
  CHECK_THAT(xml("<system><gpu sm=\"80\"/></system>"),
             Catch::Contains("--chip nvidia-a100-sxm-80"));
  CHECK_THAT(xml("<system><gpu/></system>", chip), Catch::Contains("error[no-network]"));
  CHECK_THAT(xml("<system><gpu/><nic/></system>", chip), Catch::Contains("--nic ib-ndr400"));
  CHECK_THAT(xml("<system>\n <gpu sm=\"ninety\"/></system>", chip),
             Catch::StartsWith("t.xml:2:11: error[not-a-number]: 'sm' is 'ninety'"));
  CHECK_THAT(xml("<system><gpu sm=\"90\" sm=\"90\"/></system>", chip),
             Catch::StartsWith("t.xml:1:26: error[duplicate-key]: 'sm' of 'gpu' stands twice"));
  CHECK_THAT(xml("<system><gpu><nvlink count=\"1\"/></gpu></system>", chip),
             Catch::StartsWith("t.xml:1:15: error[missing-key]: 'nvlink' has no 'target'"));
  CHECK_THAT(xml("<system><gpu><nvlink target=\"d\" count=\"0\"/></gpu></system>", chip),
             Catch::StartsWith("t.xml:1:40: error[out-of-range]"));
  CHECK_THAT(
      xml("<system><gpu sm=\"90\"><nvlink target=\"d\" count=\"1\" tclass=\"0x068000\"/></gpu>"
          "<gpu sm=\"90\"/></system>",
          chip),
      Catch::Contains("error[nvlink-uneven]"));
  CHECK_THAT(
      xml("<system><gpu><nvlink target=\"d\" count=\"1\" tclass=\"0x068000\"/></gpu></system>",
          chip),
      Catch::Contains("error[nvlink-generation]"));
  std::string deep;
  for (int i = 0; i < 1000; ++i) deep += "<pci>";
  for (int i = 0; i < 1000; ++i) deep += "</pci>";
  CHECK_THAT(xml("<system>" + deep + "</system>", chip), Catch::Contains("error[too-deep]"));
  chip.nvlink = "nvlink4";
  CHECK_THAT(xml("<system><gpu/></system>", chip), Catch::Contains("error[bad-nvlink]"));
}

TEST_CASE("formats are recognised, options that do not fit are refused", "[import][refusal]") {
  CHECK(
      import_refusal("network", "topology: [Ring]\nnpus_count: [4]\nbandwidth: [1]\nlatency: [1]\n")
          .empty());
  CHECK(import_refusal("tree", "Nodes 4\nTiers 2\nPodsize 4\n" + kTier0 + kTier1).empty());
  CHECK_THAT(import_refusal("node", " <system/>"), Catch::Contains("error[no-gpu]"));
  CHECK_THAT(import_refusal("notes.txt", "hello"), Catch::Contains("error[unknown-format]"));
  ImportOptions options;
  options.format = ImportFormat::nccl;
  CHECK_THAT(import_refusal("net.yml", "topology: [Ring]", "", options),
             Catch::Contains("error[xml-"));
  options = {};
  options.nodes = 2;
  CHECK_THAT(import_refusal("net.yml", "", "", options),
             Catch::Contains("--nodes does not go with astra"));
  options = {};
  options.with = "system.json";
  CHECK_THAT(import_refusal("t.topo", "", "{}", options),
             Catch::Contains("--with does not go with htsim"));
  options = {};
  options.name = "Mine";
  CHECK_THAT(import_refusal("t.topo", "", "", options),
             Catch::Contains("'Mine' is no name of a part") && Catch::Contains("such as 'mine'"));
  options.name = "mine-2.1";
  CHECK_THAT(import_refusal("t.topo", "", "", options), Catch::Contains("such as 'mine-2-1'"));
  CHECK_THROWS_WITH(import_system("no/such/file.yml"), Catch::Contains("error[cannot-read]"));
}
