// Every shipped model spec against what its publisher says.
#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>

#include "xpusim/config.hpp"
#include "xpusim/workload.hpp"

using namespace xpusim;

TEST_CASE("every model file counts what its publisher counts, within 1.5 %",
          "[catalogue][validation]") {
  Catalogue catalogue({.roots = {XPUSIM_SOURCE_DIR "/configs"}, .overrides = {}});
  std::size_t published = 0;
  for (const CatalogueEntry& entry : catalogue.list(PartKind::model)) {
    INFO(entry.name);
    const auto& model = catalogue.load<ModelSpec>(entry.name);
    const ModelParameters count = model_parameters(model);
    CHECK(count.active <= count.total);
    if (model.published_parameters > 0) {
      ++published;
      CHECK(std::abs(count.total / model.published_parameters - 1) < 0.015);
    }
    if (model.published_active_parameters == 0) continue;
    // Beyond 2.5 % the claim says which embeddings the publisher leaves out.
    const double off = std::abs(count.active / model.published_active_parameters - 1);
    const auto explained =
        std::any_of(model.info.claims.begin(), model.info.claims.end(), [&](const Claim& claim) {
          return claim.figure == "model.active_parameters" && claim.note.size() > 0 &&
                 off <= claim.tolerance;
        });
    CHECK((off < 0.025 || explained));
  }
  CHECK(published >= 36);
}

TEST_CASE("blocks must fit the layers and what the file describes", "[config][refusal]") {
  const auto refusal = [](const std::string& fields) {
    Catalogue catalogue;
    catalogue.add_text("models/m.json",
                       R"({"schema": 1, "kind": "model", "name": "m", "layers": 3, "hidden": 64,
 "heads": 4, "kv_heads": 4, "head_dim": 16, "ffn": 0, "vocabulary": 100,
 )" + fields + "}");
    try {
      (void)catalogue.load<ModelSpec>("m");
    } catch (const InputError& e) {
      return render(e.diagnostics());
    }
    return std::string();
  };
  const std::string mamba =
      R"("mamba": {"heads": 2, "head_dim": 8, "state": 4}, "moe": {"experts": 4, "top_k": 1, "ffn": 8})";
  CHECK(refusal(R"("blocks": "MEA", )" + mamba).empty());
  CHECK_THAT(
      refusal(R"("blocks": "MEAA", )" + mamba),
      Catch::StartsWith("models/m.json:3:12: error[out-of-range]: 'blocks' has 4 letters for "
                        "3 layers"));
  CHECK_THAT(refusal(R"("blocks": "ME*", )" + mamba), Catch::Contains("'blocks' has a '*' at 3"));
  CHECK_THAT(refusal(R"("blocks": "ME-", )" + mamba), Catch::Contains("but the file no 'ffn'"));
  CHECK_THAT(refusal(R"("blocks": "AMA")"), Catch::Contains("but the file no 'mamba'"));
  CHECK_THAT(refusal(R"("blocks": "AEA")"), Catch::Contains("but the file no 'moe'"));
}
