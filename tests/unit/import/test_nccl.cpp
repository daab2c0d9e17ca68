// NCCL's topology files.
#include <catch2/catch.hpp>

#include "imported.hpp"

using namespace xpusim;
using namespace xpusim::testing;
using Catch::Matchers::WithinRel;

namespace {

Loaded node(const std::string& file, ImportOptions options = {}) {
  if (options.chip.empty()) options.chip = "nvidia-h100-sxm";
  return Loaded(import_system(import_data(file), options));
}

}  // namespace

TEST_CASE("NVLinks to switches, and NICs of the highest speed shared by the GPUs",
          "[import][nccl]") {
  ImportOptions options;
  options.nodes = 3;
  Loaded l = node("two_nodes_nvswitch.xml", options);
  CHECK(l.system.chips_per_node == 4);
  CHECK(l.system.nodes == 3);
  CHECK(l.system.supernode_chips == 4);
  const PlaneSpec &up = l.system.planes.at(0), &out = l.system.planes.at(1);
  CHECK(up.shape == PlaneShape::single_switch);
  CHECK(up.link == "nvlink4");  // sm 90
  CHECK(up.links_per_device == 4 + 5);
  CHECK(up.sub_planes == 2);
  CHECK(up.domain == 4);
  CHECK(out.links_per_device == 2.0 / 4);
  CHECK_THAT(l.fabric.planes()[1].device_capacity.value(), WithinRel(2 * 50e9 / 4, 1e-12));
  CHECK(l.unsourced().empty());
  CHECK(mentions(l.imported.ignored, "net eth0 of 10000 Mbit/s (others have 400000)"));
  for (const char* name : {"c2c", "cpu.host_hash", "gpu.dev (4 times)", "pci.link_speed"}) {
    INFO(name);
    CHECK(mentions(l.imported.ignored, name));
  }
}

TEST_CASE("the nearest NIC is one bridge, several, the host or another host away",
          "[import][nccl]") {
  // GPU 0 shares a bridge with mlx5_0; GPU 1 is two bridges from mlx5_1; GPU 2 hangs from the host;
  // GPU 3 from the other host
  const Loaded l = node("two_nodes_nvswitch.xml");
  CHECK(
      l.imported.summary ==
      "NCCL topology: 4 GPUs, 2 NICs; nearest NIC: PIX for 1, PXB for 1, PHB for 1, SYS for 1 of 4 "
      "GPUs");
}

TEST_CASE("NVLinks between all pairs of GPUs are a mesh", "[import][nccl]") {
  ImportOptions options;
  options.chip = "nvidia-a100-sxm-80";
  const Loaded l = node("mesh.xml", options);
  REQUIRE(l.system.planes.size() == 1);
  CHECK(l.system.planes[0].shape == PlaneShape::full_mesh);
  CHECK(l.system.planes[0].link == "nvlink3");
  CHECK(l.system.planes[0].links_per_device == 12);
}

TEST_CASE("a file of PCI devices takes its links from the options", "[import][nccl]") {
  const std::string text =
      "<system><cpu><pci class=\"0x060400\"><pci busid=\"1\" class=\"0x030200\"/>"
      "<pci class=\"0x030200\" busid=\"2\"/><pci class=\"0x020700\"/></pci></cpu></system>";
  ImportOptions options;
  options.chip = "nvidia-h100-sxm";
  options.nic = "ib-ndr400";
  options.nvlink = "nvlink4:18";
  options.nodes = 2;
  const Loaded l(import_system({"cloud.xml", text}, {}, options));
  CHECK(l.system.planes.at(0).links_per_device == 18);
  CHECK(l.system.planes.at(0).domain == 2);
  CHECK(l.system.planes.at(1).link == "ib-ndr400");
  CHECK(l.system.planes.at(1).links_per_device == 0.5);
  CHECK(mentions(l.imported.notes, "--nvlink"));
  options.nvlink.clear();
  CHECK(mentions(import_system({"cloud.xml", text}, {}, options).notes,
                 "no nvlink elements: no plane inside the node; --nvlink PART:COUNT"));
}
