#include "import/parts.hpp"

#include <fmt/format.h>

namespace xpusim::importer {

Part::Part(std::string_view kind, const std::string& name, const std::string& title)
    : kind_(kind), name_(name) {
  json_["schema"] = 1;
  json_["kind"] = kind;
  json_["name"] = name;
  json_["title"] = title;
}

void Part::source(const std::string& pointer, const Origin& origin) {
  sources_[pointer] = {
      {"document", origin.document}, {"confidence", "estimate"}, {"derivation", origin.derivation}};
}

ImportedPart Part::finish() const {
  Json all = json_;
  if (!sources_.empty()) all["sources"] = sources_;
  const std::string folder = kind_ == "software" ? kind_ : kind_ + "s";
  // Text of a foreign file may be no UTF-8; it goes no further than titles and sources.
  return {fmt::format("{}/{}.json", folder, name_),
          all.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"};
}

Origin Import::origin(const std::string& derivation) const { return {file_name(file), derivation}; }

std::string quantity(double value, std::string_view unit) {
  return fmt::format("{} {}", value, unit);
}

namespace {

constexpr double kPlaceholderPeak = 100e12, kPlaceholderBandwidth = 1e12;

Origin placeholder(const std::string& what) {
  return {"xpusim import", "placeholder: the imported files say nothing of " + what};
}

}  // namespace

std::string add_chip(Import& import, const ChipFigures& figures, const std::string& software) {
  const std::string name = import.name + "-device";
  Part chip("chip", name, "Device of " + import.name);
  if (!import.options.chip.empty()) {
    chip["extends"] = import.options.chip;
    chip["software"] = software;
    import.add(chip);
    import.note(
        fmt::format("kernels of '{}' have no launch costs: a scenario's \"software\" names a "
                    "profile that has",
                    name));
    return name;
  }
  const bool known = figures.peak > 0 && figures.bandwidth > 0;
  chip["description"] =
      known ? "Compute and memory rates as imported; memory size and power are placeholders."
            : "Compute, memory and power are placeholders: good for communication only.";
  chip["vendor"] = "imported";
  const std::string peak =
      quantity((figures.peak > 0 ? figures.peak : kPlaceholderPeak) / 1e12, "TFLOP/s");
  chip["peak"] = {{"bf16", peak}, {"fp32", peak}};
  chip["memory"] = {
      {"capacity", "80 GiB"},
      {"bandwidth",
       quantity((figures.bandwidth > 0 ? figures.bandwidth : kPlaceholderBandwidth) / 1e9,
                "GB/s")}};
  // A plain roofline: no tiles, no efficiencies.
  chip["units"] = {{"count", 1}, {"tile_m", 1}, {"tile_n", 1}, {"tile_k", 1}};
  chip["efficiency"] = {{"gemm", {{"bf16", 1}, {"fp32", 1}}},
                        {"attention", {{"forward", 1}, {"backward", 1}, {"mla", 1}}},
                        {"memory", 1}};
  chip["power"] = {{"idle", "0 W"}, {"tdp", "1 W"}};
  chip["software"] = software;
  chip.source("/peak", figures.peak > 0 ? figures.peak_origin : placeholder("a peak"));
  chip.source("/memory/capacity", placeholder("the memory's size"));
  chip.source("/memory/bandwidth", figures.bandwidth > 0 ? figures.bandwidth_origin
                                                         : placeholder("the memory's bandwidth"));
  chip.source("/units", {"xpusim import", "one unit, so that no tile is quantised: a roofline"});
  chip.source("/efficiency", {"xpusim import", "a roofline reaches its peaks"});
  chip.source("/power", placeholder("power"));
  import.add(chip);
  import.note(
      known ? "memory size and power of the device are placeholders: --chip PART for a real one"
            : "the files have no compute figures: the device is a placeholder, good for "
              "communication only; --chip PART for a real one");
  return name;
}

void add_software(Import& import, const std::string& name, const Json& rows, const Origin& origin) {
  Part software("software", name, "Software of " + import.name);
  software["kernel_launch"] = "0 s";
  if (!rows.empty()) software["collectives"] = {{"algorithms", rows}};
  software.source("/kernel_launch", {"xpusim import", "the imported files know no launch gap"});
  if (!rows.empty()) software.source("/collectives", origin);
  import.add(software);
}

}  // namespace xpusim::importer
