// docs/calibration.md: where the efficiencies and latencies of the shipped parts come from.
#include <algorithm>
#include <cmath>
#include <map>
#include <ostream>

#include <fmt/format.h>

#include "calibrate/fit.hpp"
#include "cost/curves.hpp"

namespace xpusim {

namespace {

using calibration::join;
using calibration::large_points;

struct Entry {
  std::string constant, value, document, confidence, spread;
};

std::string cell(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out.empty() ? "-" : out;
}

std::string_view word(Confidence confidence) {
  switch (confidence) {
    case Confidence::vendor:
      return "vendor";
    case Confidence::paper:
      return "paper";
    case Confidence::measured:
      return "measured";
    case Confidence::press:
      return "press";
    case Confidence::estimate:
      return "estimate";
  }
  return "";
}

std::string value_text(const JsonValue& value) {
  switch (value.type) {
    case JsonType::boolean:
      return value.boolean ? "true" : "false";
    case JsonType::number:
    case JsonType::string:
      return value.text;
    default:
      return canonical_json(value);
  }
}

/// One part's table; the source of a value is the nearest at or above it.
class Table {
 public:
  Table(const Document& document, const PartInfo& info) : document_(document), info_(info) {}

  void add(const std::string& pointer, const std::string& value, const std::string& spread = {}) {
    Entry entry{pointer.substr(1), value, {}, {}, spread};
    std::replace(entry.constant.begin(), entry.constant.end(), '/', '.');
    if (const Provenance* source = find(pointer)) {
      std::string text = source->document;
      if (!source->derivation.empty()) text += ": " + source->derivation;
      entry.document = std::to_string(number_of(text));
      entry.confidence = word(source->confidence);
    }
    std::vector<std::string> others;
    for (const Alternative& a : info_.alternatives)
      if (a.pointer == pointer) others.push_back(fmt::format("{} ({})", a.value, a.name));
    if (!others.empty()) {
      if (!entry.spread.empty()) entry.spread += "; ";
      entry.spread += "elsewhere " + join(others);
    }
    entries_.push_back(std::move(entry));
  }
  void add_if_given(const std::string& pointer, const std::string& spread = {}) {
    const JsonValue* value = document_.root.at(pointer);
    if (value != nullptr && own(*value)) add(pointer, value_text(*value), spread);
  }
  /// Of this file, not of one that it extends.
  [[nodiscard]] bool own(const JsonValue& value) const {
    return document_.chain.empty() || value.span.source == document_.chain.front();
  }
  [[nodiscard]] const Provenance* find(const std::string& pointer) const {
    const Provenance* best = nullptr;
    for (const Provenance& s : info_.sources) {
      const bool above = pointer == s.pointer || pointer.starts_with(s.pointer + "/");
      if (above && (best == nullptr || s.pointer.size() > best->pointer.size())) best = &s;
    }
    return best;
  }
  [[nodiscard]] const Document& document() const { return document_; }

  void write(std::ostream& out) const {
    out << fmt::format("\n### {}\n\n", document_.name);
    const JsonValue* extends = document_.root.find("extends");
    if (extends != nullptr)
      out << fmt::format("A variant of [{0}](#{0}): only what it changes is listed.\n\n",
                         extends->text);
    if (entries_.empty()) {
      out << "No efficiency and no latency of its own.\n";
      return;
    }
    out << "| constant | value | spread | confidence | document |\n|---|---|---|---|---|\n";
    for (const Entry& e : entries_)
      out << fmt::format("| {} | {} | {} | {} | {} |\n", cell(e.constant), cell(e.value),
                         cell(e.spread), cell(e.confidence), cell(e.document));
    out << '\n';
    for (std::size_t i = 0; i < documents_.size(); ++i)
      out << fmt::format("{}. {}\n", i + 1, documents_[i]);
  }

 private:
  std::size_t number_of(const std::string& text) {
    const auto known = std::find(documents_.begin(), documents_.end(), text);
    if (known != documents_.end()) return static_cast<std::size_t>(known - documents_.begin()) + 1;
    documents_.push_back(text);
    return documents_.size();
  }

  const Document& document_;
  const PartInfo& info_;
  std::vector<Entry> entries_;
  std::vector<std::string> documents_;  ///< as numbered below the table
};

std::string range(double low, double high) {
  const std::string a = fmt::format("{:.3f}", low), b = fmt::format("{:.3f}", high);
  return a == b ? a : a + " to " + b;
}

/// What the large points of the chip's curves of an operation reach of the peak.
std::string curve_spread(const ChipSpec& chip, std::string_view operation,
                         const std::string& format) {
  std::vector<std::string> parts;
  for (const CurveSpec& curve : chip.curves) {
    if (curve.operation != operation || curve.format != format || curve.points.empty()) continue;
    ChipSpec measured = chip;  // at the figures that the curve states
    if (curve.peak.value() > 0) measured.peak[curve.format] = curve.peak;
    if (curve.memory_bandwidth.value() > 0) measured.memory.bandwidth = curve.memory_bandwidth;
    const calibration::IdealChip ideal(measured);
    const std::vector<MeasuredPoint> points = measured_points(curve);
    std::vector<ComputeOp> ops;
    for (const MeasuredPoint& p : points) ops.push_back(p.op);
    std::vector<double> shares;
    for (const std::size_t i : large_points(curve.operation, ops))
      if (const auto share = ideal.share(ops[i], points[i].seconds, curve.sustained))
        shares.push_back(*share);
    if (shares.empty()) continue;
    const auto [low, high] = std::minmax_element(shares.begin(), shares.end());
    parts.push_back(fmt::format("{} over {} large points{}", range(*low, *high), shares.size(),
                                curve.software.empty() ? "" : " of " + curve.software));
  }
  return join(parts);
}

std::string memory_spread(const ChipSpec& chip) {
  for (const CurveSpec& curve : chip.curves) {
    if (curve.operation != "memory" || curve.points.empty()) continue;
    const double nominal = curve.memory_bandwidth.value() > 0 ? curve.memory_bandwidth.value()
                                                              : chip.memory.bandwidth.value();
    double best = 0;
    for (const auto& row : curve.points) best = std::max(best, row.back() / nominal);
    return fmt::format("largest of {} points {:.3f}", curve.points.size(), best);
  }
  return {};
}

/// Points, shapes and the deviation of a curve from its chip's roofline.
std::string curve_text(const CurveSpec& curve) {
  std::vector<calibration::Point> points;
  for (const auto& row : curve.points)
    points.push_back({{row.begin(), row.end() - 1}, row.back(), {}});
  return fmt::format("{} points, {}{}", points.size(),
                     calibration::range_text(curve.operation, points),
                     curve.sustained ? ", sustained" : "");
}

std::string residual_text(const ChipSpec& chip, const CurveSpec& curve) {
  ChipSpec plain = chip;
  plain.curves.clear();
  if (curve.peak.value() > 0) plain.peak[curve.format] = curve.peak;
  if (curve.memory_bandwidth.value() > 0) plain.memory.bandwidth = curve.memory_bandwidth;
  const CostModel cost(plain, SoftwareSpec(), {.burst = !curve.sustained});
  std::vector<double> errors;
  for (const MeasuredPoint& p : measured_points(curve))
    errors.push_back(cost.cost(p.op).duration.value() / p.seconds - 1);
  const ErrorSummary s = summarise(errors);
  return fmt::format("roofline off by {:.0f} % (median), {:.0f} % (worst)", 100 * s.median,
                     100 * s.worst);
}

void write_chip(std::ostream& out, Catalogue& catalogue, const std::string& name) {
  const auto& chip = catalogue.load<ChipSpec>(name);
  Table table(catalogue.document(PartKind::chip, name), chip.info);
  for (const auto& [format, share] : chip.efficiency.gemm)
    table.add_if_given("/efficiency/gemm/" + format, curve_spread(chip, "gemm", format));
  table.add_if_given("/efficiency/gemm_accumulate");
  for (const auto& [kind, share] : chip.efficiency.attention) {
    const std::string spread = kind == "forward" ? curve_spread(chip, "attention_prefill", "bf16")
                               : kind == "backward"
                                   ? curve_spread(chip, "attention_backward", "bf16")
                               : kind == "mla" ? curve_spread(chip, "mla_decode", "bf16")
                                               : std::string();
    table.add_if_given("/efficiency/attention/" + kind, spread);
  }
  table.add_if_given("/efficiency/memory", memory_spread(chip));
  table.add_if_given("/efficiency/memory_half_size");
  const JsonValue* curves = table.document().root.find("curves");
  for (std::size_t i = 0; i < chip.curves.size(); ++i) {
    if (curves == nullptr || !table.own(*curves)) break;
    const CurveSpec& c = chip.curves[i];
    const std::string label = fmt::format("{} {}{}: ", c.operation, c.format,
                                          c.software.empty() ? "" : ", " + c.software);
    table.add(fmt::format("/curves/{}", i), label + curve_text(c), residual_text(chip, c));
  }
  table.write(out);
}

/// "base 6.6 us; step 0.6 us nvlink4, 2.7 us default; share 0.5"
std::string protocol_text(const JsonValue& protocol) {
  std::vector<std::string> parts;
  const auto given = [&](const char* key) { return protocol.find(key); };
  if (const JsonValue* v = given("base_latency")) parts.push_back("base " + value_text(*v));
  if (const JsonValue* steps = given("step_latency")) {
    std::vector<std::string> each;
    for (const JsonMember& m : steps->members) each.push_back(value_text(m.value) + " " + m.key);
    parts.push_back(fmt::format("step {}", fmt::join(each, ", ")));
  }
  if (const JsonValue* v = given("bandwidth_share"))
    parts.push_back("bandwidth_share " + value_text(*v));
  if (const JsonValue* v = given("max_bandwidth")) parts.push_back("at most " + value_text(*v));
  return fmt::format("{}", fmt::join(parts, "; "));
}

void add_algorithms(Table& table) {
  const JsonValue* rows = table.document().root.at("/collectives/algorithms");
  if (rows == nullptr || !table.own(*rows)) return;
  for (std::size_t a = 0; a < rows->items.size(); ++a) {
    const JsonValue& row = rows->items[a];
    const std::string where = fmt::format("/collectives/algorithms/{}", a);
    const JsonValue* name = row.find("algorithm");
    const std::string algorithm = name == nullptr ? "" : name->text;
    const JsonValue* protocols = row.find("protocols");
    for (std::size_t p = 0; protocols != nullptr && p < protocols->items.size(); ++p) {
      const std::string at = fmt::format("{}/protocols/{}", where, p);
      const JsonValue* protocol = protocols->items[p].find("name");
      table.add(at, fmt::format("{} {}: {}", algorithm, protocol == nullptr ? "" : protocol->text,
                                protocol_text(protocols->items[p])));
      // A number inside with a document of its own.
      const auto own = [&](const std::string& pointer, const JsonValue& value) {
        const Provenance* source = table.find(pointer);
        if (source != nullptr && source->pointer == pointer) table.add(pointer, value_text(value));
      };
      for (const JsonMember& m : protocols->items[p].members) {
        own(at + "/" + m.key, m.value);
        for (const JsonMember& deeper : m.value.members)
          own(at + "/" + m.key + "/" + deeper.key, deeper.value);
      }
    }
    table.add_if_given(where + "/pipeline_stages");
    if (const JsonValue* share = row.find("bandwidth_share"))
      for (const JsonMember& m : share->members)
        table.add(where + "/bandwidth_share/" + m.key, value_text(m.value));
  }
}

void write_software(std::ostream& out, Catalogue& catalogue, const std::string& name) {
  const auto& software = catalogue.load<SoftwareSpec>(name);
  Table table(catalogue.document(PartKind::software, name), software.info);
  for (const char* key : {"kernel_launch", "graph_kernel_launch", "step_overhead", "host_launch",
                          "host_communication"})
    table.add_if_given(fmt::format("/{}", key));
  const JsonValue* kernels = table.document().root.find("kernels");
  for (std::size_t i = 0; i < software.kernels.size(); ++i) {
    if (kernels == nullptr || !table.own(*kernels)) break;
    const KernelGenerationSpec& k = software.kernels[i];
    const std::string where = fmt::format("/kernels/{}", i);
    for (const auto& [map, values] :
         {std::pair{"gemm", &k.gemm}, std::pair{"attention", &k.attention}})
      for (const auto& [key, share] : *values)
        table.add(fmt::format("{}/{}/{}", where, map, key), fmt::format("{}: {}", k.chip, share));
    if (k.memory > 0) table.add(where + "/memory", fmt::format("{}: {}", k.chip, k.memory));
  }
  table.add_if_given("/collectives/units_share");
  add_algorithms(table);
  table.write(out);
}

void write_link(std::ostream& out, Catalogue& catalogue, const std::string& name) {
  const auto& link = catalogue.load<LinkSpec>(name);
  Table table(catalogue.document(PartKind::link, name), link.info);
  for (const char* key : {"efficiency", "latency", "endpoint_latency"})
    table.add_if_given(fmt::format("/{}", key));
  table.write(out);
}

}  // namespace

void write_calibration_page(std::ostream& out, Catalogue& catalogue) {
  out << "# Calibration\n\n"
         "Generated by `xpusim internal generate-docs` from the files in `configs/`; do not edit.\n"
         "\n"
         "Every efficiency and every calibrated latency of the shipped chips, software profiles "
         "and links: its value, the\ndocument it comes from and how far the evidence spreads. No "
         "constant is fitted to a published end-to-end figure.\n"
         "`xpusim calibrate` makes such constants from measurements of your own "
         "([tutorial.md](tutorial.md#describe-your-own-machine)).\n\n"
         "*Spread*: what the large points of the chip's curves reach of the peak (GEMM: every "
         "dimension at least 4096, or the\nquarter with the most FLOPs), how far a curve lies from "
         "the roofline with the large-size figures, and what other\ndocuments say "
         "(`alternatives`). An empty spread means one document and one figure. *Confidence*: "
         "vendor, paper,\nmeasured, press or estimate; an estimate says how it was derived. "
         "*Document*: the number in the list below the table.\n";
  const auto section = [&](const char* title, PartKind kind, auto write) {
    out << "\n## " << title << '\n';
    for (const CatalogueEntry& entry : catalogue.list(kind)) write(out, catalogue, entry.name);
  };
  section("Chips", PartKind::chip, write_chip);
  section("Software profiles", PartKind::software, write_software);
  section("Links", PartKind::link, write_link);
}

}  // namespace xpusim
