// Collectives -> efficiency of the link that bounds them, base latencies of the library's
// protocols. Both are fitted through the planner itself: a plan's idle time is
//   start + latency of the steps + wire bytes / (bandwidth x efficiency),
// so large buffers give the efficiency and small ones what is left of the start.
#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include <fmt/format.h>

#include "calibrate/fit.hpp"
#include "xpusim/collective.hpp"
#include "xpusim/fabric.hpp"

namespace xpusim::calibration {

namespace {

// Shares of a plan's idle time that its bytes take: above the first a buffer speaks for bandwidth,
// below the second for latency.
constexpr double kBytesDecide = 0.8, kLatencyDecides = 0.3;
constexpr int kRounds = 3;  // efficiency and latencies each move the other's share a little

struct Row {
  CollectiveType type = CollectiveType::ALL_REDUCE;
  int ranks = 2;
  double bytes = 0, seconds = 0;
  SourceSpan span;
  std::size_t rows = 1, outliers = 0;
  std::string name;
};

struct Machine {
  SystemSpec system;
  ChipSpec chip;
  LinkParts links;
  SoftwareSpec software;
  Fabric fabric;
  std::string link;  ///< the one being fitted

  void build() { fabric = build_fabric(system, chip, links); }
  [[nodiscard]] CollectivePlan plan(const Row& row) const {
    std::vector<DeviceId> members(static_cast<std::size_t>(row.ranks));
    std::iota(members.begin(), members.end(), DeviceId{0});
    return plan_collective({&fabric, &software.collectives}, row.type, Bytes(row.bytes), members);
  }
};

/// Seconds that the bytes of a plan take on its busiest links.
double wire_time(const Machine& machine, const CollectivePlan& plan) {
  double sum = 0;
  for (const FluidPhase& phase : plan.phases) {
    double longest = 0;
    for (const LinkLoad& load : phase.loads)
      longest =
          std::max(longest, load.wire_bytes / machine.fabric.links()[load.link].capacity.value());
    sum += longest;
  }
  return sum;
}

Machine load_machine(Fit& fit) {
  Machine machine;
  machine.system = fit.catalogue->load<SystemSpec>(fit.options.system);
  machine.chip = fit.catalogue->load<ChipSpec>(machine.system.chip);
  const std::string software =
      fit.options.software.empty() ? machine.chip.software : fit.options.software;
  if (software.empty())
    refuse("no-software",
           fmt::format("chip '{}' names no software profile", machine.chip.info.name), {},
           "name the collective library's profile with --software");
  machine.software = fit.catalogue->load<SoftwareSpec>(software);
  for (const PlaneSpec& plane : machine.system.planes)
    for (const std::string& name : {plane.link, plane.uplink, plane.core_link})
      if (!name.empty()) machine.links.try_emplace(name, fit.catalogue->load<LinkSpec>(name));
  machine.build();
  return machine;
}

std::vector<Row> make_rows(const std::vector<Series>& all, const Machine& machine) {
  std::vector<Row> rows;
  for (const Series& s : all) {
    if (!find_measured_operation(s.operation)->collective) continue;
    for (const Point& p : s.points) {
      if (p.shape[0] < 2 || p.shape[0] > machine.fabric.devices())
        refuse("out-of-range",
               fmt::format("{} ranks do not fit system '{}' of {} devices", p.shape[0],
                           machine.system.info.name, machine.fabric.devices()),
               p.span, "name the system that was measured: --system");
      Row row{parse_collective_type(s.operation).value(),
              static_cast<int>(p.shape[0]),
              p.shape[1],
              p.seconds,
              p.span,
              p.rows,
              p.outliers,
              {}};
      row.name = fmt::format("{} on {}", s.operation, row.ranks);
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

/// All rows must run on one plane, whose links are of one part.
std::string link_of(const Machine& machine, const std::vector<Row>& rows) {
  std::optional<PlaneId> plane;
  for (const Row& row : rows) {
    const CollectivePlan plan = machine.plan(row);
    if (plan.planes.size() != 1 || (plane && *plane != plan.planes.front()))
      refuse("several-planes",
             fmt::format("{} of system '{}' runs on {} planes", row.name, machine.system.info.name,
                         plan.planes.size() != 1 ? "several" : "another"),
             row.span, "calibrate each plane with the groups that stay on it");
    plane = plan.planes.front();
  }
  const PlaneSpec& spec = machine.system.planes.at(plane.value());
  if (!spec.uplink.empty() && spec.uplink != spec.link)
    refuse("several-links",
           fmt::format("plane '{}' has links '{}' and '{}'", spec.name, spec.link, spec.uplink), {},
           "calibrate the inner link with groups below one switch");
  return spec.link;
}

void fit_link(Machine& machine, const std::vector<Row>& rows, std::size_t& used) {
  const double old = machine.links.at(machine.link).efficiency;
  std::vector<double> all;
  const Row* fastest = nullptr;
  double best = 0;
  for (const Row& row : rows) {
    const CollectivePlan plan = machine.plan(row);
    const double wire = wire_time(machine, plan), rest = plan.idle_time.value() - wire;
    if (wire < kBytesDecide * plan.idle_time.value() || row.seconds <= rest) continue;
    all.push_back(old * wire / (row.seconds - rest));
    if (all.back() > best) {
      best = all.back();
      fastest = &row;
    }
  }
  used = all.size();
  if (all.empty()) return;
  const double value = median(all);
  if (value > 1.002)
    refuse("above-peak",
           fmt::format("{} of {:.4g} bytes in {} needs {:.0f} % of the rate of link '{}'",
                       fastest->name, fastest->bytes, time_text(fastest->seconds), 100 * best,
                       machine.link),
           fastest->span,
           "the system, the number of ranks, or what the bytes count (docs/model.md)?");
  machine.links.at(machine.link).efficiency = rounded(std::min(1.0, value), 4);
  machine.build();
}

/// Row of the library and protocol that a plan used; null when none.
ProtocolSpec* protocol_of(Machine& machine, const CollectivePlan& plan, std::string& pointer) {
  auto& rows = machine.software.collectives.algorithms;
  for (std::size_t a = 0; a < rows.size(); ++a) {
    const auto named = [](const std::vector<std::string>& list, const std::string& word) {
      return list.empty() || std::find(list.begin(), list.end(), word) != list.end();
    };
    const auto ranks = static_cast<int>(plan.ranks);
    if (ranks < rows[a].min_ranks || (rows[a].max_ranks > 0 && ranks > rows[a].max_ranks)) continue;
    if (rows[a].algorithm != plan.algorithm || !named(rows[a].links, machine.link) ||
        !named(rows[a].types, std::string(to_string(plan.type))))
      continue;
    for (std::size_t p = 0; p < rows[a].protocols.size(); ++p) {
      if (rows[a].protocols[p].name != plan.protocol) continue;
      pointer = fmt::format("/collectives/algorithms/{}/protocols/{}", a, p);
      return &rows[a].protocols[p];
    }
  }
  return nullptr;
}

struct Latency {
  std::string label;  ///< "ring simple"
  std::size_t rows = 0;
};

void fit_latencies(Machine& machine, const std::vector<Row>& rows,
                   std::map<std::string, Latency>& fitted) {
  struct Left {
    ProtocolSpec* protocol = nullptr;
    std::vector<double> residuals;
    std::string label;
  };
  std::map<std::string, Left> left;
  for (const Row& row : rows) {
    const CollectivePlan plan = machine.plan(row);
    if (wire_time(machine, plan) > kLatencyDecides * plan.idle_time.value()) continue;
    std::string pointer;
    ProtocolSpec* protocol = protocol_of(machine, plan, pointer);
    if (protocol == nullptr) continue;
    Left& l = left[pointer];
    l.protocol = protocol;
    l.label = plan.algorithm + " " + plan.protocol;
    l.residuals.push_back(row.seconds - plan.idle_time.value());
  }
  for (auto& [pointer, l] : left) {
    const double base = l.protocol->base_latency.value() + median(l.residuals);
    l.protocol->base_latency = Seconds(rounded(std::max(0.0, base) * 1e6, 4) * 1e-6);
    fitted[pointer] = {l.label, l.residuals.size()};
  }
}

std::vector<CurveQuality> judge(const Machine& before, const Machine& after,
                                const std::vector<Row>& rows) {
  std::map<std::string, std::vector<const Row*>> groups;
  for (const Row& row : rows) groups[row.name].push_back(&row);
  std::vector<CurveQuality> quality;
  for (const auto& [name, members] : groups) {
    CurveQuality q;
    q.name = name;
    q.points = members.size();
    double low = members.front()->bytes, high = low;
    std::vector<double> plain, fitted;
    for (const Row* row : members) {
      q.rows += row->rows;
      q.outliers += row->outliers;
      low = std::min(low, row->bytes);
      high = std::max(high, row->bytes);
      plain.push_back(before.plan(*row).idle_time.value() / row->seconds - 1);
      const double predicted = after.plan(*row).idle_time.value();
      fitted.push_back(predicted / row->seconds - 1);
      q.drawn.push_back(
          {fmt::format("{}, {:.0f} bytes", name, row->bytes), row->seconds, predicted});
    }
    q.range = fmt::format("bytes {:.4g} to {:.4g}", low, high);
    q.plain = summarise(plain);
    q.fitted = summarise(fitted);
    quality.push_back(std::move(q));
  }
  return quality;
}

/// Mean of the groups' median errors.
double mean_error(const std::vector<CurveQuality>& quality) {
  double sum = 0;
  for (const CurveQuality& q : quality) sum += q.fitted.median;
  return sum / static_cast<double>(quality.size());
}

/// Names of link parts inside the library's rows mean the new part too.
void rename_link(Json& algorithms, const std::string& from, const std::string& to) {
  for (Json& row : algorithms) {
    if (row.contains("links")) {
      bool named = false;
      for (const Json& l : row["links"]) named = named || l == from;
      if (named) row["links"].push_back(to);
    }
    for (const char* map : {"bandwidth_share", "level_algorithms"})
      if (row.contains(map) && row[map].contains(from)) row[map][to] = Json(row[map][from]);
    for (Json& protocol : row["protocols"]) {
      if (!protocol.contains("step_latency")) continue;
      Json& steps = protocol["step_latency"];
      if (steps.contains(from)) steps[to] = Json(steps[from]);
    }
  }
}

}  // namespace

std::string fit_collectives(Fit& fit, const std::vector<Series>& all, PartText& chip) {
  const bool any = std::any_of(all.begin(), all.end(), [](const Series& s) {
    return find_measured_operation(s.operation)->collective;
  });
  if (!any) return {};
  if (fit.options.system.empty()) {
    const auto first = std::find_if(all.begin(), all.end(), [](const Series& s) {
      return find_measured_operation(s.operation)->collective;
    });
    refuse("missing-system", fmt::format("{} ran on a system", first->operation),
           first->points.front().span, "name it: --system dgx-h100 (xpusim list systems)");
  }
  Machine machine = load_machine(fit);
  const std::vector<Row> rows = make_rows(all, machine);
  machine.link = link_of(machine, rows);
  const Machine before = machine;
  std::map<std::string, Latency> latencies;
  std::size_t large = 0;
  fit_link(machine, rows, large);
  const Machine link_only = machine;
  for (int round = 0; round < kRounds; ++round) {
    fit_latencies(machine, rows, latencies);
    fit_link(machine, rows, large);
  }
  std::vector<CurveQuality> quality = judge(before, machine, rows);
  std::vector<CurveQuality> without = judge(before, link_only, rows);
  if (!latencies.empty() && mean_error(without) < mean_error(quality)) {
    // A latency that grows with the ranks, or noise, is no base latency.
    fit.result.notes.emplace_back(
        "base latencies would not bring the collectives nearer: those of the profile stay");
    machine = link_only;
    latencies.clear();
    quality = std::move(without);
  }
  for (CurveQuality& q : quality) {
    if (q.fitted.median > q.plain.median)
      fit.result.notes.push_back(fmt::format(
          "{}: the fitted constants are further off ({:.1f} %) than the base ({:.1f} %): one rate "
          "and one latency do not describe all that was measured; calibrate it apart",
          q.name, 100 * q.fitted.median, 100 * q.plain.median));
    fit.result.quality.push_back(std::move(q));
  }
  std::set<std::string> documents;
  for (const Series& s : all)
    if (find_measured_operation(s.operation)->collective)
      documents.insert(s.documents.begin(), s.documents.end());
  const std::string document = join({documents.begin(), documents.end()});

  PartText link(PartKind::link, fmt::format("{}-{}", fit.name, machine.link),
                fmt::format("{}, measured", before.links.at(machine.link).info.title));
  link["extends"] = machine.link;
  const double efficiency = machine.links.at(machine.link).efficiency;
  if (large > 0) {
    const std::string how = fmt::format(
        "median over {} rows whose bytes take 80 % of the time: rate of the wire less "
        "the latencies, over that of the link",
        large);
    link["efficiency"] = efficiency;
    link.source("/efficiency", document, "measured", how);
    fit.result.constants.push_back({"/efficiency", link.name(), fmt::format("{}", efficiency),
                                    fmt::format("{}", before.links.at(machine.link).efficiency),
                                    how});
  } else {
    fit.result.notes.emplace_back(
        "no collective is large enough to show a bandwidth: the link's efficiency stays");
  }

  const Document& profile = fit.catalogue->document(PartKind::software, machine.software.info.name);
  PartText software(PartKind::software, fit.name + "-software",
                    fmt::format("{}, measured", machine.software.info.title));
  software["extends"] = machine.software.info.name;
  const JsonValue* algorithms = profile.root.at("/collectives/algorithms");
  if (algorithms != nullptr && !algorithms->items.empty()) {
    Json list = to_json(*algorithms);
    rename_link(list, machine.link, link.name());
    software["collectives"] = {{"algorithms", std::move(list)}};
    software.copy_sources(profile, "/collectives/algorithms", "/collectives/algorithms");
  }
  for (const auto& [pointer, latency] : latencies) {
    std::string unused;
    const std::string where = pointer + "/base_latency";
    const JsonValue* old = profile.root.at(where);
    const auto index = [&](std::size_t field) {
      std::size_t from = 0;
      for (std::size_t i = 0; i < field; ++i) from = pointer.find('/', from) + 1;
      return std::stoul(pointer.substr(from));
    };
    const Seconds value =
        machine.software.collectives.algorithms.at(index(3)).protocols.at(index(5)).base_latency;
    const std::string how = fmt::format(
        "{}: median of what {} rows take beyond steps and bytes, where bytes take at "
        "most 30 % of the time",
        latency.label, latency.rows);
    software.at(where) = time_text(value.value());
    software.source(where, document, "measured", how);
    fit.result.constants.push_back(
        {where, software.name(), time_text(value.value()), old == nullptr ? "" : old->text, how});
  }
  const Document& base = fit.catalogue->document(PartKind::system, fit.options.system);
  PartText system(PartKind::system, fmt::format("{}-{}", fit.name, fit.options.system),
                  fmt::format("{}, measured", machine.system.info.title));
  system["extends"] = fit.options.system;
  system["chip"] = fit.name;
  Json planes = to_json(*base.root.find("planes"));
  for (Json& plane : planes)
    if (plane.value("link", "") == machine.link) plane["link"] = link.name();
  system["planes"] = std::move(planes);
  system.copy_sources(base, "/planes", "/planes");
  for (const auto& [role, port] : machine.chip.ports)
    if (port.link == machine.link) chip.at(fmt::format("/ports/{}/link", role)) = link.name();
  fit.result.parts.push_back(link.finish());
  fit.result.parts.push_back(software.finish());
  fit.result.parts.push_back(system.finish());
  return software.name();
}

}  // namespace xpusim::calibration
