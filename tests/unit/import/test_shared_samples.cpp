// Files of the tools themselves, where the shared collection is at hand.
#include <catch2/catch.hpp>

#include "imported.hpp"
#include "xpusim/collective.hpp"

using namespace xpusim;
using namespace xpusim::testing;
using Catch::Matchers::WithinRel;

#define XPUSIM_NEED_SHARED_TRACES(variable)                                      \
  const std::filesystem::path variable = shared_traces();                        \
  if (variable.empty()) {                                                        \
    WARN("SKIPPED: no shared traces; set XPUSIM_SHARED_TRACES to their folder"); \
    return;                                                                      \
  }

TEST_CASE("ASTRA-sim's own networks are read, and 'tbd' is pointed at", "[import][samples]") {
  XPUSIM_NEED_SHARED_TRACES(root);
  std::size_t files = 0;
  for (const char* folder :
       {"inputs/network", "examples/network/analytical", "comm_group_example"}) {
    for (const auto& entry : std::filesystem::directory_iterator(root / "chakra" / folder)) {
      if (entry.path().extension() != ".yml" || entry.path().stem() == "dgx_v100_8gpu") continue;
      INFO(entry.path().string());
      ImportOptions options;
      const auto with =
          root / "chakra/inputs/system/analytical" / (entry.path().stem().string() + ".json");
      if (std::filesystem::exists(with)) options.with = with.string();
      Loaded l(import_system(entry.path().string(), options));
      CHECK(l.unsourced().empty());
      ++files;
    }
  }
  CHECK(files == 15);
  CHECK_THROWS_WITH(
      import_system((root / "chakra/inputs/network/dgx_v100_8gpu.yml").string()),
      Catch::Contains("dgx_v100_8gpu.yml:11:14: error[not-a-number]: bandwidth[0] is 'tbd'"));
}

TEST_CASE("a ring on each dimension of ASTRA-sim's TPU torus takes the textbook's time",
          "[import][samples][closed-form]") {
  XPUSIM_NEED_SHARED_TRACES(root);
  ImportOptions options;
  options.with = (root / "chakra/inputs/system/analytical/tpu_v3_32_2dtorus.json").string();
  Loaded l(import_system((root / "chakra/inputs/network/tpu_v3_32_2dtorus.yml").string(), options));
  std::vector<DeviceId> members;
  for (DeviceId d = 0; d < 32; ++d) members.push_back(d);
  const auto& software = l.catalogue.load<SoftwareSpec>(l.imported.system + "-software");
  const double S = 1048576, a = 1001e-9, B = 80 * 1073741824.0;
  const CollectivePlan plan = plan_collective({&l.fabric, &software.collectives},
                                              CollectiveType::ALL_REDUCE, Bytes(S), members);
  CHECK_THAT(plan.idle_time.value(),
             WithinRel(2 * 3 * (a + S / 4 / B) + 2 * 7 * (a + S / 4 / 8 / B), 1e-9));
}

TEST_CASE("HTsim's trees are read", "[import][samples]") {
  XPUSIM_NEED_SHARED_TRACES(root);
  const Loaded big(import_system((root / "topology/htsim/fat_tree_1024.topo").string()));
  CHECK(big.fabric.devices() == 1024);
  CHECK(big.fabric.diameter(0) == 6);
  CHECK_THAT(big.fabric.bisection_bandwidth(0).value(), WithinRel(512 * 12.5e9, 1e-12));
  const Loaded small(import_system((root / "topology/htsim/leaf_spine_tiny.topo").string()));
  // 4 leaves of 2 uplinks of 100 Gbit/s, half of them on each side
  CHECK_THAT(small.fabric.bisection_bandwidth(0).value(), WithinRel(2 * 2 * 12.5e9, 1e-12));
  const Loaded test(import_system((root / "topology/htsim/test.topo").string()));
  CHECK(test.system.planes.at(0).cores_per_spine == 2);
}

TEST_CASE("the clouds' NCCL files give their GPUs and NICs", "[import][samples]") {
  XPUSIM_NEED_SHARED_TRACES(root);
  const auto file = [&](const char* name) { return (root / "topology" / name).string(); };
  ImportOptions options;
  options.chip = "nvidia-h100-sxm";
  options.nodes = 4;
  const Loaded p5(import_system(file("aws_p5.48xl-topo.xml"), options));
  CHECK(p5.imported.summary == "NCCL topology: 8 GPUs, 32 NICs; nearest NIC: PIX for 8 of 8 GPUs");
  CHECK(p5.fabric.devices() == 32);
  CHECK_THAT(p5.fabric.planes().at(0).device_capacity.value(), WithinRel(4 * 12.5e9, 1e-12));
  CHECK_THROWS_WITH(import_system(file("azure_ndv5-topo.xml"), options),
                    Catch::Contains("error[no-network]") && Catch::Contains("--nic ib-ndr400"));
  options.nic = "ib-ndr400";
  options.nvlink = "nvlink4:18";
  const Loaded nd(import_system(file("azure_ndv5-topo.xml"), options));
  CHECK(nd.fabric.planes().size() == 2);
  CHECK(nd.imported.summary == "NCCL topology: 8 GPUs, 8 NICs; nearest NIC: PIX for 8 of 8 GPUs");
  const Loaded p4(import_system(file("aws_p4d-24xl-topo.xml"), options));
  CHECK(p4.system.planes.at(1).links_per_device == 0.5);
  CHECK_THROWS_WITH(import_system(file("aws_g5.48xl-topo.xml"), options),
                    Catch::Contains("error[no-gpu]"));
}
