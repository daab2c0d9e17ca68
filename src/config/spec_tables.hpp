// Which structs have a table; the tables stand in fields_<kind>.cpp.
#pragma once

#include "config/words.hpp"

namespace xpusim::config {

/// What every file carries beside the fields of its kind.
struct SourceEntry {
  std::string document;
  Confidence confidence = Confidence::estimate;
  std::string derivation;
};
struct AlternativeEntry {
  std::string value;
  std::string source;
  std::string why_not_used;
};
struct Envelope {
  int schema = 0;
  std::string kind;
  std::string name;
  std::string title;
  std::string description;
  std::string extends;
  std::map<std::string, SourceEntry> sources;
  std::map<std::string, std::map<std::string, AlternativeEntry>> alternatives;
  std::vector<Claim> claims;
};

#define XPUSIM_STRUCT_TABLE(Type)    \
  template <>                        \
  struct StructTable<Type> {         \
    static const StructInfo& info(); \
  }
/// With a rule that spans several fields.
#define XPUSIM_CHECKED_STRUCT_TABLE(Type)                                                      \
  template <>                                                                                  \
  struct StructTable<Type> {                                                                   \
    static const StructInfo& info();                                                           \
    static void check(Decoder&, const JsonValue&, const std::string& path, const Type& value); \
  }

XPUSIM_CHECKED_STRUCT_TABLE(Envelope);
XPUSIM_CHECKED_STRUCT_TABLE(SourceEntry);
XPUSIM_STRUCT_TABLE(AlternativeEntry);
XPUSIM_STRUCT_TABLE(Claim);

XPUSIM_STRUCT_TABLE(LinkSpec);
XPUSIM_STRUCT_TABLE(ChipSpec);
XPUSIM_STRUCT_TABLE(DieSpec);
XPUSIM_STRUCT_TABLE(MemorySpec);
XPUSIM_STRUCT_TABLE(UnitsSpec);
XPUSIM_STRUCT_TABLE(PortSpec);
XPUSIM_STRUCT_TABLE(EfficiencySpec);
XPUSIM_STRUCT_TABLE(ChipPowerSpec);
XPUSIM_CHECKED_STRUCT_TABLE(CurveSpec);

XPUSIM_STRUCT_TABLE(SystemSpec);
XPUSIM_CHECKED_STRUCT_TABLE(PlaneSpec);
XPUSIM_STRUCT_TABLE(LinkFault);
XPUSIM_STRUCT_TABLE(ComponentSpec);
XPUSIM_STRUCT_TABLE(PowerDeliverySpec);

XPUSIM_CHECKED_STRUCT_TABLE(ModelSpec);
XPUSIM_STRUCT_TABLE(MlaSpec);
XPUSIM_CHECKED_STRUCT_TABLE(MoeSpec);
XPUSIM_STRUCT_TABLE(MambaSpec);
XPUSIM_STRUCT_TABLE(LinearAttentionSpec);

XPUSIM_STRUCT_TABLE(SoftwareSpec);
XPUSIM_STRUCT_TABLE(KernelGenerationSpec);
XPUSIM_STRUCT_TABLE(CollectiveLibrarySpec);
XPUSIM_STRUCT_TABLE(LibraryAlgorithmSpec);
XPUSIM_STRUCT_TABLE(ChunkStep);
XPUSIM_STRUCT_TABLE(ProtocolSpec);

XPUSIM_CHECKED_STRUCT_TABLE(ScenarioSpec);
XPUSIM_STRUCT_TABLE(ScenarioSystemSpec);
XPUSIM_STRUCT_TABLE(JobSpec);
XPUSIM_STRUCT_TABLE(ParallelismSpec);
XPUSIM_STRUCT_TABLE(TrainingSpec);
XPUSIM_STRUCT_TABLE(FormatsSpec);
XPUSIM_STRUCT_TABLE(CollectiveRunSpec);
XPUSIM_STRUCT_TABLE(ReplaySpec);
XPUSIM_STRUCT_TABLE(NetworkSpec);
XPUSIM_STRUCT_TABLE(ScenarioPowerSpec);

XPUSIM_CHECKED_STRUCT_TABLE(TableSpec);
XPUSIM_STRUCT_TABLE(TableColumn);
XPUSIM_STRUCT_TABLE(TableRow);
XPUSIM_CHECKED_STRUCT_TABLE(TableCell);

XPUSIM_CHECKED_STRUCT_TABLE(ValidationSpec);
XPUSIM_STRUCT_TABLE(LedgerColumn);
XPUSIM_STRUCT_TABLE(LedgerMeasure);
XPUSIM_STRUCT_TABLE(LedgerOrdering);

#undef XPUSIM_STRUCT_TABLE
#undef XPUSIM_CHECKED_STRUCT_TABLE

/// Envelope and spec fields of a kind in one list, for walks over the whole document.
[[nodiscard]] const StructInfo& root_info(PartKind);

}  // namespace xpusim::config
