#include "catalogue/rules.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <map>
#include <set>

#include "xpusim/power.hpp"

namespace xpusim {
namespace catalogue_detail {
namespace {

constexpr std::array kRules{
    RuleInfo{"claim-mismatch", Severity::error, 1,
             "A published aggregate differs from what the parts give by more than the claim's "
             "tolerance.",
             "claim system.peak.bf16 = 310 PFLOP/s, tolerance 1 %, on a system whose 384 chips of "
             "752 TFLOP/s give 288.8"},
    RuleInfo{"curve-above-peak", Severity::error, 1,
             "A point of an efficiency curve is faster than the chip's peak or its memory's "
             "nominal bandwidth.",
             "a GEMM of 8192 x 8192 x 8192 in 1 ms, 1,100 TFLOP/s, on a chip with a peak of 989 "
             "TFLOP/s"},
    RuleInfo{"dangling-reference", Severity::error, 2,
             "A part names a chip, link, model, software or system that does not exist.",
             "\"chip\": \"ascend-910d\" where the catalogue has ascend-910c"},
    RuleInfo{"idle-above-tdp", Severity::error, 1,
             "A chip draws more when idle than its thermal design power.",
             "\"power\": {\"idle\": \"800 W\", \"tdp\": \"700 W\"}"},
    RuleInfo{"memory-above-marketed", Severity::error, 1,
             "A driver reports more memory than the data sheet's figure read as binary gigabytes.",
             "\"memory\": {\"capacity\": \"96 GiB\", \"marketed\": \"80 GB\"}"},
    RuleInfo{"missing-derivation", Severity::error, 1,
             "A source of confidence \"estimate\" does not say how the value was derived.",
             "\"/power/idle\": {\"document\": \"our guess\", \"confidence\": \"estimate\"}"},
    RuleInfo{
        "missing-source", Severity::error, 1,
        "A number has no entry in \"sources\" that covers it.",
        "\"memory\": {\"bandwidth\": \"3.2 TB/s\"} and no source for /memory or /memory/bandwidth"},
    RuleInfo{"not-published", Severity::error, 1,
             "A claim is about a figure for which the parts hold no value.",
             "claim system.peak.fp4 on a system whose chip has no fp4 peak"},
    RuleInfo{"over-budget", Severity::warning, 0,
             "The sum of all parts at their maximum exceeds the published power budget.",
             "\"budget\": \"120 kW\" on a rack whose parts sum to 128 kW"},
    RuleInfo{"peak-order", Severity::error, 1,
             "A narrower format has a lower peak than a wider one (fp8 and bf16, fp4 and fp8).",
             "\"peak\": {\"bf16\": \"989 TFLOP/s\", \"fp8\": \"494 TFLOP/s\"}"},
    RuleInfo{"ports-exceeded", Severity::error, 1,
             "The planes of a role use more links of a chip than it has ports of that role.",
             "\"links_per_device\": 18 on a chip with 14 scale_up ports"},
    RuleInfo{"supernode-too-large", Severity::error, 1,
             "A scale-up domain is larger than the system.",
             "\"supernode_chips\": 384 with 4 nodes of 8 chips"},
    RuleInfo{"unbuildable-fabric", Severity::error, 1,
             "A plane's numbers do not fit its shape, so that no fabric can be built.",
             "a torus of 4 x 4 x 4 over 32 chips"},
    RuleInfo{"unknown-figure", Severity::error, 2,
             "A claim or formula names a figure or field that does not exist.",
             "\"figure\": \"system.peek.bf16\""},
    RuleInfo{"unreadable-file", Severity::error, 2, "A file cannot be read, or is of no kind.",
             "xpusim check missing.json"},
    RuleInfo{"unused-part", Severity::note, 0,
             "Nothing in the catalogue or the scenarios names this part.",
             "a chip file that no system uses"},
};

/// Driver figures are binary, data sheets of HBM print the same count as decimal.
constexpr double kGibPerGb = 1.073741824;
constexpr double kRounding = 1e-9;

SourceSpan span_of(const Document& document, const std::string& pointer) {
  const JsonValue* value = document.root.at(pointer);
  return value != nullptr ? value->span : SourceSpan{};
}

const Document& document_of(const Scope& scope) { return scope.documents.at(scope.kind); }

std::string share_text(double share) { return fmt::format("{:.4g} %", share * 100.0); }

/// "system 'x' (nodes, chips_per_node) and chip 'y' (peak.bf16)": where to look.
std::string parts_text(const FigureResult& figure) {
  std::vector<std::pair<std::string, std::string>> parts;
  std::set<std::string> fields;
  for (const FigureResult::Input& input : figure.inputs) {
    const std::string part = fmt::format("{} '{}'", kind_word(input.kind), input.part);
    if (!fields.insert(part + input.pointer).second) continue;
    if (parts.empty() || parts.back().first != part) parts.emplace_back(part, "");
    std::string& list = parts.back().second;
    list += (list.empty() ? "" : ", ") + path_of(input.pointer);
  }
  std::string text;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    text += i == 0 ? "" : i + 1 == parts.size() ? " and " : ", ";
    text += fmt::format("{} ({})", parts[i].first, parts[i].second);
  }
  return text;
}

void check_peaks(const ChipSpec& chip, const Document& document, Diagnostics& findings) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 2> orders{
      {{"fp8", "bf16"}, {"fp4", "fp8"}}};
  for (const auto& [narrow, wide] : orders) {
    const auto low = chip.peak.find(std::string(wide)), high = chip.peak.find(std::string(narrow));
    if (low == chip.peak.end() || high == chip.peak.end() || high->second >= low->second) continue;
    findings.error(
        "peak-order",
        fmt::format("the {} peak, {}, is below the {} peak, {}", narrow, to_string(high->second),
                    wide, to_string(low->second)),
        span_of(document, fmt::format("/peak/{}", narrow)),
        "peaks are dense rates of the whole package; one of the two may be sparse or per die");
  }
}

void check_memory(const ChipSpec& chip, const Document& document, Diagnostics& findings) {
  const double capacity = chip.memory.capacity.value(), marketed = chip.memory.marketed.value();
  if (marketed <= 0.0 || capacity <= marketed * kGibPerGb * (1.0 + kRounding)) return;
  findings.error("memory-above-marketed",
                 fmt::format("the driver's {} exceeds the marketed {} even when that means GiB",
                             to_string(chip.memory.capacity), to_string(chip.memory.marketed)),
                 span_of(document, "/memory/capacity"),
                 "capacity is what the driver reports for one package (\"79.6 GiB\"), marketed the "
                 "data sheet's figure");
}

/// The rate of a curve's point, where it has one that a nominal figure bounds.
struct PointRate {
  double rate = 0.0, bound = 0.0;
  Dimension dimension;
};
PointRate rate_of(const ChipSpec& chip, const CurveSpec& curve, const std::vector<double>& point) {
  if (curve.operation == "gemm" && point.size() == 4 && point[3] > 0.0) {
    const auto peak = chip.peak.find(curve.format);
    if (peak == chip.peak.end()) return {};
    return {2.0 * point[0] * point[1] * point[2] / point[3], peak->second.value(),
            DimensionOf<FlopsPerSecond>::value};
  }
  if (curve.operation == "memory" && point.size() == 2) {
    return {point[1], chip.memory.bandwidth.value(), DimensionOf<BytesPerSecond>::value};
  }
  return {};
}

void check_curves(const ChipSpec& chip, const Document& document, Diagnostics& findings) {
  for (std::size_t c = 0; c < chip.curves.size(); ++c) {
    const CurveSpec& curve = chip.curves[c];
    for (std::size_t p = 0; p < curve.points.size(); ++p) {
      const PointRate point = rate_of(chip, curve, curve.points[p]);
      if (point.rate <= point.bound * (1.0 + kRounding)) continue;
      findings.error(
          "curve-above-peak",
          fmt::format("this {} point runs at {}, above the chip's {}", curve.operation,
                      format_quantity(point.rate, point.dimension),
                      format_quantity(point.bound, point.dimension)),
          span_of(document, fmt::format("/curves/{}/points/{}", c, p)),
          "points are seconds of one call on the whole package; a cached or sparse run is none");
    }
  }
}

void check_ports(const SystemSpec& system, const ChipSpec& chip, const Document& document,
                 Diagnostics& findings) {
  for (const auto& [role, word] :
       {std::pair(PlaneRole::scale_up, "scale_up"), std::pair(PlaneRole::scale_out, "scale_out")}) {
    const auto port = chip.ports.find(word);
    double used = 0.0;
    std::size_t last = 0;
    for (std::size_t i = 0; i < system.planes.size(); ++i) {
      if (system.planes[i].role != role || port == chip.ports.end()) continue;
      if (system.planes[i].link != port->second.link) continue;
      used += system.planes[i].links_per_device;
      last = i;
    }
    if (port == chip.ports.end() || used <= port->second.count * (1.0 + kRounding)) continue;
    findings.error(
        "ports-exceeded",
        fmt::format("the {} planes use {:g} '{}' links of a chip, and {} has {}", word, used,
                    port->second.link, chip.info.name, port->second.count),
        span_of(document, fmt::format("/planes/{}/links_per_device", last)),
        fmt::format("lower links_per_device, or correct the chip's ports.{}.count", word));
  }
}

void check_budget(const SystemSpec& system, const ChipSpec& chip, const Document& document,
                  Diagnostics& findings) {
  const Watts maximum = max_power(system, chip).total;
  if (system.power.budget.value() <= 0.0 || maximum <= system.power.budget) return;
  findings.warning(
      "over-budget",
      fmt::format("all parts at their maximum draw {}, {} above the budget of {}",
                  to_string(maximum), share_text(maximum / system.power.budget - 1.0),
                  to_string(system.power.budget)),
      span_of(document, "/power/budget"),
      "a budget below the sum of maxima means power management; say so in the description");
}

}  // namespace

int exit_code_of(std::string_view code) {
  for (const RuleInfo& rule : kRules) {
    if (rule.code == code) return rule.exit_code;
  }
  return 2;
}

ClaimOutcome judge_claim(const Scope& scope, const Claim& claim, const SourceSpan& figure,
                         const SourceSpan& value) {
  ClaimOutcome outcome;
  outcome.derived = resolve_figure(scope, claim.figure, figure);
  const FormulaNames none{
      [&](std::string_view name, const SourceSpan& at) -> FigureValue {
        throw_error("formula-syntax", fmt::format("a claim's value is a quantity, not '{}'", name),
                    at, "write the published number with its unit: \"300 PFLOP/s\"");
      },
      {}};
  outcome.claimed = evaluate(FormulaText(claim.value, value), none);
  if (outcome.claimed.dimension != outcome.derived.value.dimension) {
    throw_error("unit-mismatch",
                fmt::format("'{}' is {}, and the claim is {}", claim.figure,
                            dimension_text(outcome.derived.value.dimension),
                            dimension_text(outcome.claimed.dimension)),
                value,
                fmt::format("write it in {}", base_unit_text(outcome.derived.value.dimension)));
  }
  const double derived = outcome.derived.value.value, claimed = outcome.claimed.value;
  outcome.deviation = derived == claimed ? 0.0 : derived / claimed - 1.0;
  outcome.holds = std::abs(outcome.deviation) <= claim.tolerance + kRounding;
  return outcome;
}

void check_claims(const Scope& scope, Diagnostics& findings) {
  const std::vector<Claim>& claims = part_info(scope).claims;
  for (std::size_t i = 0; i < claims.size(); ++i) {
    const Claim& claim = claims[i];
    const SourceSpan value = span_of(document_of(scope), fmt::format("/claims/{}/value", i));
    try {
      const ClaimOutcome outcome = judge_claim(
          scope, claim, span_of(document_of(scope), fmt::format("/claims/{}/figure", i)), value);
      if (outcome.holds) continue;
      findings.error("claim-mismatch",
                     fmt::format("{} is claimed as {}, and the parts give {}: {} off, tolerance {}",
                                 claim.figure, claim.value, format_figure(outcome.derived.value, 5),
                                 percent_text(outcome.deviation), share_text(claim.tolerance)),
                     value,
                     fmt::format("{} = {} = {}, from {}; correct the part or the claim, or give a "
                                 "tolerance and a note that says why",
                                 claim.figure, outcome.derived.formula, outcome.derived.working,
                                 parts_text(outcome.derived)));
    } catch (const InputError& error) {
      findings.append(error.diagnostics());
    }
  }
}

void check_chip(const ChipSpec& chip, const Document& document, Diagnostics& findings) {
  check_peaks(chip, document, findings);
  check_memory(chip, document, findings);
  check_curves(chip, document, findings);
  if (chip.power.tdp.value() > 0.0 && chip.power.idle > chip.power.tdp) {
    findings.error("idle-above-tdp",
                   fmt::format("idle power {} is above the TDP of {}", to_string(chip.power.idle),
                               to_string(chip.power.tdp)),
                   span_of(document, "/power/idle"), "both are of one whole package");
  }
}

void check_system(const Scope& scope, Diagnostics& findings) {
  const SystemSpec& system = *scope.system;
  const Document& document = document_of(scope);
  const int chips = system.nodes * system.chips_per_node;
  if (system.supernode_chips > chips) {
    findings.error("supernode-too-large",
                   fmt::format("a supernode of {} chips does not fit into {} chips",
                               system.supernode_chips, chips),
                   span_of(document, "/supernode_chips"), "0 means all chips of the system");
  }
  check_ports(system, *scope.chip, document, findings);
  try {
    (void)build_fabric(system, *scope.chip, scope.links);
  } catch (const InputError& error) {
    for (const Diagnostic& reason : error.diagnostics().items()) {
      findings.error("unbuildable-fabric", reason.message,
                     reason.span.source ? reason.span : span_of(document, "/planes"), reason.help);
    }
  }
  try {
    check_budget(system, *scope.chip, document, findings);
  } catch (const InputError& error) {
    for (Diagnostic reason : error.diagnostics().items()) {
      if (!reason.span.source) reason.span = span_of(document, "/components");
      findings.add(std::move(reason));
    }
  }
}

}  // namespace catalogue_detail

const std::vector<RuleInfo>& check_rules() {
  static const std::vector<RuleInfo> all(catalogue_detail::kRules.begin(),
                                         catalogue_detail::kRules.end());
  return all;
}

}  // namespace xpusim
