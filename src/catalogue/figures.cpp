// The registry of derived figures: one row each, with the function that computes it.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <cmath>
#include <stdexcept>

#include "catalogue/scope.hpp"
#include "xpusim/power.hpp"
#include "xpusim/workload.hpp"

namespace xpusim {
namespace catalogue_detail {
namespace {

constexpr Dimension kCount{};
constexpr Dimension kBytes = DimensionOf<Bytes>::value;
constexpr Dimension kBytesPerSecond = DimensionOf<BytesPerSecond>::value;
constexpr Dimension kFlopsPerSecond = DimensionOf<FlopsPerSecond>::value;
constexpr Dimension kWatts = DimensionOf<Watts>::value;
constexpr Dimension kDollars = DimensionOf<Dollars>::value;

/// The parts do not hold what a figure needs; becomes InputError not-published where the figure is
/// named.
struct NotPublished {
  std::string message, help;
};

using Inputs = std::vector<FigureResult::Input>;
using Keys = std::vector<std::string>;

struct FigureRow {
  FigureInfo info;
  PartKind root;
  FigureResult (*compute)(const Scope&, const std::string& key);
};

std::string show(double value, Dimension dimension) { return format_figure({value, dimension}, 5); }

FigureResult::Input of_system(const Scope& s, std::string pointer) {
  return {PartKind::system, s.system->info.name, std::move(pointer)};
}
FigureResult::Input of_chip(const Scope& s, std::string pointer) {
  return {PartKind::chip, s.chip->info.name, std::move(pointer)};
}

FigureResult result(double value, Dimension dimension, std::string working, Inputs inputs) {
  return {{value, dimension}, {}, std::move(working), std::move(inputs)};
}

// ---------------------------------------------------------------- counts

double chips_of(const SystemSpec& system) {
  return static_cast<double>(system.nodes) * system.chips_per_node;
}
double supernodes_of(const SystemSpec& system) {
  return system.supernode_chips > 0 ? std::ceil(chips_of(system) / system.supernode_chips) : 1.0;
}

Inputs chip_count_inputs(const Scope& s) {
  return {of_system(s, "/nodes"), of_system(s, "/chips_per_node")};
}

FigureResult system_chips(const Scope& s, const std::string&) {
  return result(chips_of(*s.system), kCount,
                fmt::format("{} * {}", s.system->nodes, s.system->chips_per_node),
                chip_count_inputs(s));
}
FigureResult system_nodes(const Scope& s, const std::string&) {
  return result(s.system->nodes, kCount, fmt::format("{}", s.system->nodes),
                {of_system(s, "/nodes")});
}
FigureResult system_supernodes(const Scope& s, const std::string&) {
  return result(supernodes_of(*s.system), kCount,
                fmt::format("{} chips in domains of {}", show(chips_of(*s.system), kCount),
                            s.system->supernode_chips),
                {of_system(s, "/supernode_chips")});
}
FigureResult scale_up_domain(const Scope& s, const std::string&) {
  const double all = chips_of(*s.system);
  const double domain = s.system->supernode_chips > 0 ? s.system->supernode_chips : all;
  return result(domain, kCount, fmt::format("{:.0f} of {:.0f} chips", domain, all),
                {of_system(s, "/supernode_chips")});
}

double scope_units(const SystemSpec& system, ComponentScope scope) {
  switch (scope) {
    case ComponentScope::system:
      return 1.0;
    // A last supernode that is not full has its share of parts, as `power` counts them.
    case ComponentScope::supernode:
      return system.supernode_chips > 0 ? chips_of(system) / system.supernode_chips : 1.0;
    case ComponentScope::node:
      return system.nodes;
    case ComponentScope::chip:
      return chips_of(system);
  }
  throw InternalError("unknown component scope");
}

FigureResult count_components(const Scope& s, std::string_view kind) {
  double sum = 0.0;
  std::vector<std::string> terms;
  Inputs inputs;
  for (std::size_t i = 0; i < s.system->components.size(); ++i) {
    const ComponentSpec& part = s.system->components[i];
    if (part.kind != kind) continue;
    const double units = scope_units(*s.system, part.scope);
    sum += part.count * units;
    terms.push_back(
        fmt::format("{} {} * {}", part.name, show(part.count, kCount), show(units, kCount)));
    inputs.push_back(of_system(s, fmt::format("/components/{}/count", i)));
  }
  if (terms.empty()) {
    throw NotPublished{
        fmt::format("system '{}' lists no component of kind '{}'", s.system->info.name, kind),
        fmt::format("add them to its \"components\" with \"kind\": \"{}\"", kind)};
  }
  return result(sum, kCount, fmt::format("{}", fmt::join(terms, " + ")), std::move(inputs));
}
FigureResult switch_count(const Scope& s, const std::string&) {
  return count_components(s, "switch");
}
FigureResult optics_count(const Scope& s, const std::string&) {
  return count_components(s, "optics");
}
FigureResult cpu_count(const Scope& s, const std::string&) { return count_components(s, "cpu"); }
FigureResult nic_count(const Scope& s, const std::string&) { return count_components(s, "nic"); }

// ---------------------------------------------------------------- chips

double peak_of(const Scope& s, const std::string& format) {
  const auto found = s.chip->peak.find(format);
  if (found != s.chip->peak.end()) return found->second.value();
  Keys known;
  for (const auto& [name, peak] : s.chip->peak) known.push_back(name);
  throw NotPublished{fmt::format("chip '{}' has no peak for '{}'", s.chip->info.name, format),
                     fmt::format("it has {}", fmt::join(known, ", "))};
}

FigureResult chip_peak(const Scope& s, const std::string& format) {
  const double peak = peak_of(s, format);
  return result(peak, kFlopsPerSecond, show(peak, kFlopsPerSecond),
                {of_chip(s, "/peak/" + format)});
}
FigureResult chip_memory_marketed(const Scope& s, const std::string&) {
  const double marketed = s.chip->memory.marketed.value();
  return result(marketed, kBytes, show(marketed, kBytes), {of_chip(s, "/memory/marketed")});
}
FigureResult chip_memory_capacity(const Scope& s, const std::string&) {
  const double capacity = s.chip->memory.capacity.value();
  return result(capacity, kBytes, show(capacity, kBytes), {of_chip(s, "/memory/capacity")});
}
FigureResult chip_memory_bandwidth(const Scope& s, const std::string&) {
  const double bandwidth = s.chip->memory.bandwidth.value();
  return result(bandwidth, kBytesPerSecond, show(bandwidth, kBytesPerSecond),
                {of_chip(s, "/memory/bandwidth")});
}
FigureResult chip_power_tdp(const Scope& s, const std::string&) {
  const double tdp = s.chip->power.tdp.value();
  return result(tdp, kWatts, show(tdp, kWatts), {of_chip(s, "/power/tdp")});
}
FigureResult chip_ridge(const Scope& s, const std::string& format) {
  const double peak = peak_of(s, format), bandwidth = s.chip->memory.bandwidth.value();
  return result(
      peak / bandwidth, {.byte = -1, .flop = 1},
      fmt::format("{} / {}", show(peak, kFlopsPerSecond), show(bandwidth, kBytesPerSecond)),
      {of_chip(s, "/peak/" + format), of_chip(s, "/memory/bandwidth")});
}

FigureResult port_bandwidth(const Scope& s, const std::string& role) {
  const auto port = s.chip->ports.find(role);
  if (port == s.chip->ports.end()) {
    throw NotPublished{fmt::format("chip '{}' has no \"{}\" ports", s.chip->info.name, role),
                       "give them in the chip's \"ports\""};
  }
  const double link = s.links.at(port->second.link).bandwidth.value();
  return result(port->second.count * link, kBytesPerSecond,
                fmt::format("{} * {}", port->second.count, show(link, kBytesPerSecond)),
                {of_chip(s, fmt::format("/ports/{}/count", role)),
                 of_chip(s, fmt::format("/ports/{}/link", role)),
                 {PartKind::link, port->second.link, "/bandwidth"}});
}
FigureResult chip_scale_up(const Scope& s, const std::string&) {
  return port_bandwidth(s, "scale_up");
}
FigureResult chip_scale_out(const Scope& s, const std::string&) {
  return port_bandwidth(s, "scale_out");
}

// ---------------------------------------------------------------- sums over chips

/// chips * what one chip has.
FigureResult over_chips(const Scope& s, FigureResult each) {
  const double chips = chips_of(*s.system);
  each.working = fmt::format("{} * {}", show(chips, kCount), each.working);
  each.value.value *= chips;
  Inputs inputs = chip_count_inputs(s);
  inputs.insert(inputs.end(), each.inputs.begin(), each.inputs.end());
  each.inputs = std::move(inputs);
  return each;
}
FigureResult system_peak(const Scope& s, const std::string& format) {
  return over_chips(s, chip_peak(s, format));
}
FigureResult system_marketed(const Scope& s, const std::string& k) {
  return over_chips(s, chip_memory_marketed(s, k));
}
FigureResult system_capacity(const Scope& s, const std::string& k) {
  return over_chips(s, chip_memory_capacity(s, k));
}
FigureResult system_memory_bandwidth(const Scope& s, const std::string& k) {
  return over_chips(s, chip_memory_bandwidth(s, k));
}

/// Nominal, one direction, all planes of the role: what the devices' ports could inject at once.
FigureResult plane_bandwidth(const Scope& s, PlaneRole role, std::string_view word) {
  double sum = 0.0;
  std::vector<std::string> terms;
  Inputs inputs = chip_count_inputs(s);
  for (std::size_t i = 0; i < s.system->planes.size(); ++i) {
    const PlaneSpec& plane = s.system->planes[i];
    if (plane.role != role) continue;
    const double link = s.links.at(plane.link).bandwidth.value();
    sum += plane.links_per_device * link;
    terms.push_back(
        fmt::format("{} * {}", show(plane.links_per_device, kCount), show(link, kBytesPerSecond)));
    inputs.push_back(of_system(s, fmt::format("/planes/{}/links_per_device", i)));
    inputs.push_back(of_system(s, fmt::format("/planes/{}/link", i)));
    inputs.push_back({PartKind::link, plane.link, "/bandwidth"});
  }
  if (terms.empty()) {
    throw NotPublished{fmt::format("system '{}' has no {} plane", s.system->info.name, word),
                       fmt::format("add one to its \"planes\" with \"role\": \"{}\"", word)};
  }
  const std::string each = fmt::format("{}", fmt::join(terms, " + "));
  return result(chips_of(*s.system) * sum, kBytesPerSecond,
                fmt::format("{} * {}", show(chips_of(*s.system), kCount),
                            terms.size() > 1 ? "(" + each + ")" : each),
                std::move(inputs));
}
FigureResult system_scale_up(const Scope& s, const std::string&) {
  return plane_bandwidth(s, PlaneRole::scale_up, "scale_up");
}
FigureResult system_scale_out(const Scope& s, const std::string&) {
  return plane_bandwidth(s, PlaneRole::scale_out, "scale_out");
}

// ---------------------------------------------------------------- power and price

Inputs power_inputs(const Scope& s) {
  Inputs inputs = chip_count_inputs(s);
  inputs.push_back(of_chip(s, "/power/tdp"));
  for (std::size_t i = 0; i < s.system->components.size(); ++i) {
    inputs.push_back(of_system(s, fmt::format("/components/{}", i)));
  }
  inputs.push_back(of_system(s, "/power/conversion_efficiency"));
  return inputs;
}
FigureResult power_sum(const Scope& s, const PowerBreakdown& breakdown) {
  std::vector<std::string> terms;
  for (const PowerPart& part : breakdown.parts) {
    if (part.watts.value() != 0.0)
      terms.push_back(fmt::format("{} {}", part.name, show(part.watts.value(), kWatts)));
  }
  return result(breakdown.total.value(), kWatts, fmt::format("{}", fmt::join(terms, " + ")),
                power_inputs(s));
}
FigureResult system_power_max(const Scope& s, const std::string&) {
  return power_sum(s, max_power(*s.system, *s.chip));
}
FigureResult system_power_idle(const Scope& s, const std::string&) {
  return power_sum(s, PowerModel(*s.system, *s.chip).idle());
}
FigureResult system_power_chips(const Scope& s, const std::string& k) {
  return over_chips(s, chip_power_tdp(s, k));
}
FigureResult system_power_per_chip(const Scope& s, const std::string& k) {
  FigureResult whole = system_power_max(s, k);
  whole.working =
      fmt::format("{} / {}", show(whole.value.value, kWatts), show(chips_of(*s.system), kCount));
  whole.value.value /= chips_of(*s.system);
  return whole;
}
FigureResult system_price(const Scope& s, const std::string&) {
  const double price = s.system->price.value();
  if (price == 0.0) {
    throw NotPublished{fmt::format("system '{}' has no price", s.system->info.name),
                       "give its \"price\" with a source"};
  }
  return result(price, kDollars, show(price, kDollars), {of_system(s, "/price")});
}

// ---------------------------------------------------------------- model specs

Inputs model_inputs(const Scope& s) { return {{PartKind::model, s.model->info.name, "/layers"}}; }

FigureResult total_parameters(const Scope& s, const std::string&) {
  const double count = xpusim::model_parameters(*s.model).total;
  return result(count, kCount,
                fmt::format("{} layers of width {}", s.model->layers, s.model->hidden),
                model_inputs(s));
}
FigureResult active_parameters(const Scope& s, const std::string&) {
  const double count = xpusim::model_parameters(*s.model).active;
  const std::string experts =
      s.model->moe ? fmt::format(", {} of {} experts", s.model->moe->top_k, s.model->moe->experts)
                   : "";
  return result(count, kCount,
                fmt::format("{} layers of width {}{}", s.model->layers, s.model->hidden, experts),
                model_inputs(s));
}
FigureResult model_kv_bytes(const Scope& s, const std::string&) {
  const ModelSpec& m = *s.model;
  const double bytes = kv_bytes_per_token(m, "bf16").value();
  int layers = 0;
  for (int layer = 0; layer < m.layers; ++layer) {
    const Mixer mixer = layer_shape(m, layer).mixer;
    if (mixer == Mixer::attention || mixer == Mixer::windowed) ++layers;
  }
  const std::string working =
      m.mla ? fmt::format("{} * ({} + {}) * 2 B", layers, m.mla->kv_rank, m.mla->rope_dim)
            : fmt::format("2 * {} * {} * {} * 2 B", layers, m.kv_heads, m.head_dim);
  return result(bytes, kBytes, working, model_inputs(s));
}
FigureResult model_state_bytes(const Scope& s, const std::string&) {
  const ModelSpec& m = *s.model;
  int linear = 0, mamba = 0;
  for (int layer = 0; layer < m.layers; ++layer) {
    const Mixer mixer = layer_shape(m, layer).mixer;
    if (mixer == Mixer::linear) ++linear;
    if (mixer == Mixer::mamba) ++mamba;
  }
  return result(state_bytes_per_sequence(m).value(), kBytes,
                fmt::format("{} layers of linear attention, {} of Mamba-2", linear, mamba),
                model_inputs(s));
}

// ---------------------------------------------------------------- registry

constexpr std::array kRows{
    FigureRow{{"system.chips", "", "Packages of the system.", "nodes * chips_per_node"},
              PartKind::system,
              system_chips},
    FigureRow{
        {"system.nodes", "", "Hosts of the system.", "nodes"}, PartKind::system, system_nodes},
    FigureRow{
        {"system.supernodes", "", "Scale-up domains of the system, the last one perhaps not full.",
         "ceil(chips / supernode_chips)"},
        PartKind::system,
        system_supernodes},
    FigureRow{{"system.peak.<format>", "FLOP/s", "Dense peak of all chips in one numeric format.",
               "chips * chip.peak.<format>"},
              PartKind::system,
              system_peak},
    FigureRow{{"system.memory.marketed", "B", "Memory of all chips as data sheets print it.",
               "chips * chip.memory.marketed"},
              PartKind::system,
              system_marketed},
    FigureRow{{"system.memory.capacity", "B", "Memory of all chips as drivers report it.",
               "chips * chip.memory.capacity"},
              PartKind::system,
              system_capacity},
    FigureRow{{"system.memory.bandwidth", "B/s", "Nominal memory bandwidth of all chips.",
               "chips * chip.memory.bandwidth"},
              PartKind::system,
              system_memory_bandwidth},
    FigureRow{
        {"system.scale_up.bandwidth", "B/s",
         "What all chips can send at once over their scale-up planes: one direction, nominal.",
         "chips * sum over scale_up planes(links_per_device * link.bandwidth)"},
        PartKind::system,
        system_scale_up},
    FigureRow{{"system.scale_up.domain", "", "Chips in one scale-up domain.",
               "supernode_chips, or all chips"},
              PartKind::system,
              scale_up_domain},
    FigureRow{
        {"system.scale_out.bandwidth", "B/s",
         "What all chips can send at once over their scale-out planes: one direction, nominal.",
         "chips * sum over scale_out planes(links_per_device * link.bandwidth)"},
        PartKind::system,
        system_scale_out},
    FigureRow{{"system.switch.count", "", "Switch chips: components of kind switch.",
               "sum over switches(count * units of their scope)"},
              PartKind::system,
              switch_count},
    FigureRow{{"system.optics.count", "", "Optical modules: components of kind optics.",
               "sum over optics(count * units of their scope)"},
              PartKind::system,
              optics_count},
    FigureRow{{"system.cpu.count", "", "Host processors: components of kind cpu.",
               "sum over CPUs(count * units of their scope)"},
              PartKind::system,
              cpu_count},
    FigureRow{{"system.nic.count", "", "Network adapters: components of kind nic.",
               "sum over NICs(count * units of their scope)"},
              PartKind::system,
              nic_count},
    FigureRow{{"system.power.max", "W",
               "All-in power at the supplies' input: every chip at TDP, every component active, "
               "fans and pumps.",
               "(chips * chip.power.tdp + components at active + fans and pumps) / "
               "conversion_efficiency"},
              PartKind::system,
              system_power_max},
    FigureRow{{"system.power.chips", "W", "Every chip at TDP.", "chips * chip.power.tdp"},
              PartKind::system,
              system_power_chips},
    FigureRow{
        {"system.power.per_chip", "W", "All-in power for each chip.", "system.power.max / chips"},
        PartKind::system,
        system_power_per_chip},
    FigureRow{
        {"system.power.idle", "W", "All-in power when nothing runs.",
         "(chips * chip.power.idle + components at idle + fans and pumps) / conversion_efficiency"},
        PartKind::system,
        system_power_idle},
    FigureRow{
        {"system.price", "USD", "Price of the system, where somebody published one.", "price"},
        PartKind::system,
        system_price},
    FigureRow{{"chip.peak.<format>", "FLOP/s", "Dense peak of one package in one numeric format.",
               "peak.<format>"},
              PartKind::chip,
              chip_peak},
    FigureRow{{"chip.memory.marketed", "B", "Memory of one package as the data sheet prints it.",
               "memory.marketed"},
              PartKind::chip,
              chip_memory_marketed},
    FigureRow{{"chip.memory.capacity", "B", "Memory of one package as the driver reports it.",
               "memory.capacity"},
              PartKind::chip,
              chip_memory_capacity},
    FigureRow{{"chip.memory.bandwidth", "B/s", "Nominal memory bandwidth of one package.",
               "memory.bandwidth"},
              PartKind::chip,
              chip_memory_bandwidth},
    FigureRow{{"chip.ridge.<format>", "FLOP/B",
               "Operations per byte of memory traffic at which a kernel turns from memory-bound to "
               "compute-bound.",
               "peak.<format> / memory.bandwidth"},
              PartKind::chip,
              chip_ridge},
    FigureRow{
        {"chip.scale_up.bandwidth", "B/s", "Scale-up ports of one package: one direction, nominal.",
         "ports.scale_up.count * link.bandwidth"},
        PartKind::chip,
        chip_scale_up},
    FigureRow{{"chip.scale_out.bandwidth", "B/s",
               "Scale-out ports of one package: one direction, nominal.",
               "ports.scale_out.count * link.bandwidth"},
              PartKind::chip,
              chip_scale_out},
    FigureRow{{"chip.power.tdp", "W", "Thermal design power of one package.", "power.tdp"},
              PartKind::chip,
              chip_power_tdp},
    FigureRow{{"model.parameters", "",
               "Parameters, counted from the architecture's dimensions, without MTP layers.",
               "sum over tensors"},
              PartKind::model,
              total_parameters},
    FigureRow{{"model.active_parameters", "",
               "Parameters that one token meets: all but the routed experts that are not chosen, "
               "both embeddings in.",
               "parameters - MoE layers * (experts - top_k) * parameters of an expert"},
              PartKind::model,
              active_parameters},
    FigureRow{{"model.kv_bytes_per_token", "B",
               "Key-value cache of one token over all layers with softmax attention, BF16, no "
               "replication; windowed layers hold a window of it.",
               "2 * layers * kv_heads * head_dim * 2 B; MLA: layers * (kv_rank + rope_dim) * 2 B"},
              PartKind::model,
              model_kv_bytes},
    FigureRow{{"model.state_bytes_per_sequence", "B",
               "What linear attention and Mamba-2 layers keep of a sequence of any length: FP32 "
               "state, BF16 inputs of the convolution.",
               "linear: value_heads * value_dim * key_dim * 4 B; Mamba-2: heads * head_dim * state "
               "* 4 B; + (convolution - 1) * channels * 2 B"},
              PartKind::model,
              model_state_bytes},
};

constexpr std::string_view kFormatKey = "<format>";

/// "system.peak.bf16" against "system.peak.<format>": the key, "" for a row without one, nothing
/// for no match.
std::optional<std::string> match(std::string_view pattern, std::string_view name) {
  if (!pattern.ends_with(kFormatKey))
    return pattern == name ? std::optional<std::string>("") : std::nullopt;
  const std::string_view stem = pattern.substr(0, pattern.size() - kFormatKey.size());
  if (!name.starts_with(stem) || name.size() == stem.size()) return std::nullopt;
  const std::string_view key = name.substr(stem.size());
  return key.find('.') == std::string_view::npos ? std::optional<std::string>(key) : std::nullopt;
}

bool has_root(const Scope& scope, PartKind root) { return scope.documents.count(root) != 0; }

std::optional<FigureResult> compute(const Scope& scope, std::string_view name,
                                    const SourceSpan& span) {
  for (const FigureRow& row : kRows) {
    const std::optional<std::string> key = match(row.info.name, name);
    if (!key || !has_root(scope, row.root)) continue;
    try {
      FigureResult figure = row.compute(scope, *key);
      figure.formula = row.info.formula;
      if (const std::size_t at = figure.formula.find(kFormatKey); at != std::string::npos) {
        figure.formula.replace(at, kFormatKey.size(), *key);
      }
      return figure;
    } catch (const NotPublished& gap) {
      throw_error("not-published", gap.message, span, gap.help);
    }
  }
  return std::nullopt;
}

/// "planes.ub.link" -> "/planes/0/link": items by their name become indices, as provenance writes
/// them.
std::string canonical_pointer(const Document& document, std::string_view path) {
  const JsonValue* at = &document.root;
  std::string pointer;
  while (!path.empty()) {
    const std::size_t dot = path.find('.');
    std::string segment(path.substr(0, dot));
    path = dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
    if (at != nullptr && at->type == JsonType::array) {
      for (std::size_t i = 0; i < at->items.size(); ++i) {
        const JsonValue* name = at->items[i].find("name");
        if (name != nullptr && name->text == segment) segment = std::to_string(i);
      }
    }
    pointer += "/" + segment;
    at = at != nullptr ? at->at("/" + segment) : nullptr;
  }
  return pointer;
}

std::optional<FigureResult> read_number(const Scope& scope, PartKind root, std::string_view path,
                                        std::string_view name, const SourceSpan& span) {
  const Document& document = scope.documents.at(root);
  const std::optional<FieldValue> field = read_field(document, path);
  if (!field) return std::nullopt;
  const double* number = std::get_if<double>(&field->value);
  if (number == nullptr) {
    throw_error("unknown-figure", fmt::format("'{}' is not a number", name), span,
                "formulas take numbers and quantities");
  }
  FigureResult figure{{*number, field->dimension},
                      std::string(path),
                      format_figure({*number, field->dimension}, 5),
                      {}};
  figure.inputs.push_back({root, document.name, canonical_pointer(document, path)});
  return figure;
}

/// Every name that could have been meant.
std::vector<std::string> candidates(const Scope& scope) {
  std::vector<std::string> names = figure_names(scope);
  for (const auto& [kind, document] : scope.documents) {
    for (const FieldDescription& field : field_descriptions(kind)) {
      if (field.path.find_first_of("<[") != std::string::npos) continue;
      names.push_back(fmt::format("{}.{}", kind_word(kind), field.path));
    }
  }
  return names;
}

[[noreturn]] void refuse_figure(const Scope& scope, std::string_view name, const SourceSpan& span) {
  const std::size_t dot = name.find('.');
  const std::optional<PartKind> root = parse_kind(name.substr(0, dot));
  if (dot != std::string_view::npos && root && !has_root(scope, *root)) {
    throw_error("unknown-figure",
                fmt::format("'{}' is of a {}, and this is {} '{}'", name, kind_word(*root),
                            kind_word(scope.kind), scope.name),
                span, "a system gives system. and chip.; a chip, model or link only itself");
  }
  const std::vector<std::string> names = candidates(scope);
  const std::string_view near = nearest_word(name, names);
  throw_error(
      "unknown-figure",
      fmt::format("{} '{}' has no figure or field '{}'", kind_word(scope.kind), scope.name, name),
      span,
      near.empty() ? "'xpusim list figures' shows the figures; a minus needs spaces around it"
                   : fmt::format("did you mean '{}'?", near));
}

}  // namespace

FigureResult resolve_figure(const Scope& scope, std::string_view written, const SourceSpan& span) {
  const std::string name = written == "chips" || written == "nodes"
                               ? "system." + std::string(written)
                               : std::string(written);
  if (auto figure = compute(scope, name, span)) return *figure;
  const std::size_t dot = name.find('.');
  if (dot != std::string::npos) {
    const std::optional<PartKind> root = parse_kind(name.substr(0, dot));
    if (root && has_root(scope, *root)) {
      if (auto figure =
              read_number(scope, *root, std::string_view(name).substr(dot + 1), written, span))
        return *figure;
    }
  }
  refuse_figure(scope, written, span);
}

std::vector<std::string> figure_names(const Scope& scope) {
  std::vector<std::string> names;
  for (const FigureRow& row : kRows) {
    if (!has_root(scope, row.root)) continue;
    if (!row.info.name.ends_with(kFormatKey)) {
      names.emplace_back(row.info.name);
      continue;
    }
    for (const auto& [format, peak] : scope.chip->peak) {
      names.push_back(
          std::string(row.info.name.substr(0, row.info.name.size() - kFormatKey.size())) + format);
    }
  }
  return names;
}

}  // namespace catalogue_detail

const std::vector<FigureInfo>& figures() {
  static const std::vector<FigureInfo> all = [] {
    std::vector<FigureInfo> infos;
    for (const auto& row : catalogue_detail::kRows) infos.push_back(row.info);
    return infos;
  }();
  return all;
}

FigureValue evaluate_formula(Catalogue& catalogue, const FigureTarget& target,
                             std::string_view formula, const SourceSpan& span) {
  using namespace catalogue_detail;
  std::vector<NamedAlternative> alternatives;
  for (const std::string& name : target.alternatives) alternatives.push_back({name, span});
  const Scope scope = load_scope(catalogue, target.kind, target.name, alternatives, span);
  const FormulaNames names{[&](std::string_view name, const SourceSpan& at) {
                             return resolve_figure(scope, name, at).value;
                           },
                           {}};
  return evaluate(FormulaText(formula, span), names);
}

}  // namespace xpusim
