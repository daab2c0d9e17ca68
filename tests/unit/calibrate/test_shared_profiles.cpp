// Profiles of Vidur and LLMServingSim, where the collection is at hand.
#include <catch2/catch.hpp>

#include "measured.hpp"

using namespace xpusim;
using namespace xpusim::testing;

namespace {

bool present() {
  if (!shared_traces().empty()) return true;
  WARN("skipped: no collection of profiles (XPUSIM_SHARED_TRACES)");
  return false;
}

}  // namespace

TEST_CASE("Vidur's H100 profile extends the shipped chip", "[calibrate][vidur][shared]") {
  if (!present()) return;
  Catalogue catalogue = shipped(), again = shipped();
  const std::string file =
      (shared_traces() / "vidur/profiling/compute/h100/Llama-2-70b-hf/mlp.csv").string();
  CalibrationOptions options;
  options.chip = "nvidia-h100-sxm";
  const Calibration c = calibrate(catalogue, {read_measurements(file, {})}, options);
  const CurveQuality* q = quality_of(c, "gemm bf16");
  REQUIRE(q != nullptr);
  CHECK(q->points > 3000);
  CHECK(q->fitted.points <= 260);
  CHECK(q->fitted.median < q->plain.median);
  CHECK(q->held_out.median < q->plain.median);
  for (const CalibratedPart& part : c.parts) again.add_text(part.file, part.text);
  CHECK_NOTHROW(again.validate(PartKind::chip, "nvidia-h100-sxm-measured"));
}

TEST_CASE("LLMServingSim's profile makes a chip that no file describes",
          "[calibrate][llmservingsim][shared]") {
  if (!present()) return;
  Catalogue catalogue = shipped(), again = shipped();
  MeasurementOptions reading;
  reading.find_model = [&](const std::string& name) -> const ModelSpec* {
    return catalogue.contains(PartKind::model, name) ? &catalogue.load<ModelSpec>(name) : nullptr;
  };
  const auto folder = shared_traces() / "llmservingsim/profile/RTXPRO6000/Qwen3-32B/bf16";
  std::vector<MeasurementFile> files;
  for (const char* name : {"tp1/dense.csv", "tp1/per_sequence.csv", "tp1/attention.csv",
                           "tp2/dense.csv", "tp2/attention.csv"})
    files.push_back(read_measurements((folder / name).string(), reading));
  CalibrationOptions options;
  options.chip = "rtx-pro-6000";
  options.new_chip = true;
  options.figures = {"vendor=NVIDIA",         "peak.bf16=503.8 TFLOP/s",
                     "memory.capacity=96 GB", "memory.bandwidth=1.792 TB/s",
                     "units.count=188",       "power.idle=50 W",
                     "power.tdp=600 W"};
  const Calibration c = calibrate(catalogue, files, options);
  for (const char* name : {"gemm bf16", "attention_prefill bf16", "attention_decode bf16"}) {
    const CurveQuality* q = quality_of(c, name);
    INFO(name);
    REQUIRE(q != nullptr);
    CHECK(q->fitted.median < q->plain.median);
    CHECK(q->fitted.median < 0.1);
  }
  for (const CalibratedPart& part : c.parts) again.add_text(part.file, part.text);
  const auto& chip = again.load<ChipSpec>("rtx-pro-6000");
  CHECK(chip.efficiency.gemm.at("bf16") > 0.5);
  CHECK(chip.efficiency.gemm.at("bf16") < 1);
}
