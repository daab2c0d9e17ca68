// Generated files in the tree are those that the tables give; the tables cover every member.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "config/spec_tables.hpp"
#include "xpusim/config.hpp"

using namespace xpusim;
namespace fs = std::filesystem;

namespace {

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return std::move(text).str();
}

/// Converts to whatever a member is: counts how many initialisers an aggregate takes.
struct Anything {
  template <class T>
  operator T() const;  // NOLINT: never defined, only named
};
template <class T, class... Args>
consteval std::size_t members() {
  if constexpr (requires { T{Args{}..., Anything{}}; }) {
    return members<T, Args..., Anything>();
  } else {
    return sizeof...(Args);
  }
}

template <class T>
std::size_t rows() {
  return config::StructTable<T>::info().fields.size();
}

}  // namespace

TEST_CASE("the schemas in the tree are those that the tables give", "[config][generated]") {
  for (const PartKind kind : all_part_kinds) {
    const std::string name = std::string(kind_word(kind)) + ".schema.json";
    CAPTURE(name);
    INFO("stale: run `xpusim internal generate-docs`");
    CHECK((read(fs::path(XPUSIM_SOURCE_DIR) / "configs/schema" / name) == json_schema(kind)));
  }
}

TEST_CASE("the reference page in the tree is the one that the tables give", "[config][generated]") {
  std::ostringstream page;
  write_config_reference(page);
  INFO("stale: run `xpusim internal generate-docs`");
  CHECK((read(fs::path(XPUSIM_SOURCE_DIR) / "docs/config-reference.md") == page.str()));
}

TEST_CASE("schemas cannot be written into a folder that does not exist", "[config][generated]") {
  CHECK_THROWS_WITH(write_json_schemas("no/such/folder"),
                    "error[unwritable-file]: cannot write 'no/such/folder/chip.schema.json'\n"
                    "  help: check that the folder exists and may be written");
}

TEST_CASE("every member of a spec struct has a row in its table", "[config][generated]") {
  // A part's own struct has PartInfo beside its fields.
  CHECK(members<LinkSpec>() == rows<LinkSpec>() + 1);
  CHECK(members<ChipSpec>() == rows<ChipSpec>() + 1);
  CHECK(members<SystemSpec>() == rows<SystemSpec>() + 1);
  CHECK(members<SoftwareSpec>() == rows<SoftwareSpec>() + 1);
  CHECK(members<ScenarioSpec>() == rows<ScenarioSpec>() + 1);
  CHECK(members<TableSpec>() == rows<TableSpec>() + 1);
  CHECK(members<MemorySpec>() == rows<MemorySpec>());
  CHECK(members<CurveSpec>() == rows<CurveSpec>());
  CHECK(members<DieSpec>() == rows<DieSpec>());
  CHECK(members<UnitsSpec>() == rows<UnitsSpec>());
  CHECK(members<EfficiencySpec>() == rows<EfficiencySpec>());
  CHECK(members<ChipPowerSpec>() == rows<ChipPowerSpec>());
  CHECK(members<PortSpec>() == rows<PortSpec>());
  CHECK(members<PlaneSpec>() == rows<PlaneSpec>());
  CHECK(members<LinkFault>() == rows<LinkFault>());
  CHECK(members<ComponentSpec>() == rows<ComponentSpec>());
  CHECK(members<PowerDeliverySpec>() == rows<PowerDeliverySpec>());
  CHECK(members<MlaSpec>() == rows<MlaSpec>());
  CHECK(members<MoeSpec>() == rows<MoeSpec>());
  CHECK(members<ProtocolSpec>() == rows<ProtocolSpec>());
  CHECK(members<ChunkStep>() == rows<ChunkStep>());
  CHECK(members<LibraryAlgorithmSpec>() == rows<LibraryAlgorithmSpec>());
  CHECK(members<CollectiveLibrarySpec>() == rows<CollectiveLibrarySpec>());
  CHECK(members<ParallelismSpec>() == rows<ParallelismSpec>());
  CHECK(members<FormatsSpec>() == rows<FormatsSpec>());
  CHECK(members<TrainingSpec>() == rows<TrainingSpec>());
  CHECK(members<CollectiveRunSpec>() == rows<CollectiveRunSpec>());
  CHECK(members<ReplaySpec>() == rows<ReplaySpec>());
  CHECK(members<NetworkSpec>() == rows<NetworkSpec>());
  CHECK(members<ScenarioPowerSpec>() == rows<ScenarioPowerSpec>());
  CHECK(members<TableCell>() == rows<TableCell>());
  CHECK(members<TableColumn>() == rows<TableColumn>());
  CHECK(members<TableRow>() == rows<TableRow>());
}

TEST_CASE("every field is described in a sentence and every default reads back",
          "[config][generated]") {
  for (const PartKind kind : all_part_kinds) {
    std::set<std::string> paths;
    for (const FieldDescription& field : field_descriptions(kind)) {
      CAPTURE(kind_word(kind), field.path);
      CHECK(field.description.ends_with("."));
      CHECK_FALSE(field.type.empty());
      CHECK_FALSE(field.requirement.empty());
      CHECK(paths.insert(field.path).second);
    }
  }
}

TEST_CASE("a field is described by its path, with keys and indices as written",
          "[config][generated]") {
  const FieldDescription bandwidth = describe_field(PartKind::chip, "memory.bandwidth");
  CHECK(bandwidth.path == "memory.bandwidth");
  CHECK(bandwidth.type == "bytes per second");
  CHECK(bandwidth.requirement == "required");
  CHECK(bandwidth.range == "> 0");
  CHECK(bandwidth.description == "Nominal bandwidth, per package.");
  CHECK(describe_field(PartKind::chip, "peak.bf16").path == "peak.<key>");
  CHECK(describe_field(PartKind::chip, "peak.bf16").type == "operations per second");
  CHECK(describe_field(PartKind::system, "planes.0.shape").path == "planes[].shape");
  CHECK(describe_field(PartKind::system, "planes[].shape").path == "planes[].shape");
  CHECK(describe_field(PartKind::system, "planes.shape").path == "planes[].shape");
  CHECK(describe_field(PartKind::system, "planes.0.shape").range ==
        "one of switch, clos, full_mesh, torus, dragonfly, rail_optimised, fat_tree");
  CHECK(describe_field(PartKind::chip, "ports.scale_up.link").type == "name of a link");
  CHECK_THROWS_WITH(describe_field(PartKind::chip, "memory.bandwith"),
                    "error[unknown-key]: a chip has no field 'memory.bandwith'\n"
                    "  help: did you mean 'bandwidth'?");
  CHECK_THROWS_AS(describe_field(PartKind::chip, "vendor.name"), InputError);
  CHECK_THROWS_AS(describe_field(PartKind::chip, ""), InputError);
  for (const PartKind kind : all_part_kinds) {
    for (const FieldDescription& field : field_descriptions(kind)) {
      CAPTURE(field.path);
      CHECK(describe_field(kind, field.path).path == field.path);
    }
  }
}

TEST_CASE("error codes are listed once, in order", "[config][generated]") {
  const auto& codes = config_error_codes();
  for (std::size_t i = 1; i < codes.size(); ++i) CHECK(codes[i - 1].code < codes[i].code);
}
