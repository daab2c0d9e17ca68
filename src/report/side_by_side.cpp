#include <algorithm>
#include <functional>

#include <fmt/format.h>

#include "report/document.hpp"
#include "report/numbers.hpp"

namespace xpusim::report {
namespace {

using Measure = std::function<std::optional<double>(const SystemResult&)>;
using Words = std::function<std::string(const SystemResult&)>;
enum class Ratio { no, yes };

template <class Section, class Part>
Measure of(std::optional<Section> SystemResult::*section, Part part) {
  return [section, part](const SystemResult& result) -> std::optional<double> {
    if (!(result.*section)) return std::nullopt;
    return std::invoke(part, *(result.*section));
  };
}
template <class Part>
Measure training(Part part) {
  return of(&SystemResult::training, part);
}
template <class Part>
Measure power(Part part) {
  return of(&SystemResult::power, part);
}

const TrainingResult::Breakdown* breakdown_of(const SystemResult& result) {
  if (result.training) return &result.training->breakdown_s;
  return result.replay ? &result.replay->breakdown_s : nullptr;
}
std::optional<double> duration_of(const SystemResult& result) {
  if (result.training) return result.training->step_time_s;
  return result.replay ? std::optional(result.replay->makespan_s) : std::nullopt;
}

/// Fills the grid; rows and sections that apply to no system are left out.
class Builder {
 public:
  Builder(const RunReport& run, const std::vector<std::string>& headings)
      : run_(run), baseline_(baseline_of(run)) {
    grid_.columns.emplace_back();
    for (std::size_t i = 0; i < run.results.size(); ++i) {
      grid_.columns.push_back(headings[i]);
      if (has_ratio(run.results[i])) grid_.columns.emplace_back("ratio");
    }
  }

  void section(std::string title) { section_ = std::move(title); }

  void text(const std::string& title, const Words& words) {
    std::vector<std::string> texts;
    for (const SystemResult& result : run_.results) texts.push_back(words(result));
    add(title, texts, {});
  }

  void number(const std::string& title, Kind kind, const Measure& measure,
              Ratio ratio = Ratio::no) {
    const auto values = measured(measure);
    const DisplayUnit unit = unit_of(kind, values);
    std::vector<std::string> texts;
    for (const auto& value : values) texts.push_back(value ? number_text(*value / unit.scale) : "");
    add(with_unit(title, unit), texts, ratio == Ratio::yes ? values : Values{});
  }

  using Count = std::function<std::optional<std::uint64_t>(const SystemResult&)>;
  void count(const std::string& title, const Count& count, Ratio ratio = Ratio::no) {
    std::vector<std::string> texts;
    Values values;
    for (const SystemResult& result : run_.results) {
      const auto found = count(result);
      texts.push_back(found ? count_text(*found) : "");
      values.push_back(found ? std::optional(static_cast<double>(*found)) : std::nullopt);
    }
    add(title, texts, ratio == Ratio::yes ? values : Values{});
  }

  void share(const std::string& title, const Measure& measure, Ratio ratio = Ratio::no) {
    const auto values = measured(measure);
    std::vector<std::string> texts;
    for (const auto& value : values) texts.push_back(value ? percent_text(*value) : "");
    add(title, texts, ratio == Ratio::yes ? values : Values{});
  }

  /// "1.234 (45.6 %)": a part of each system's whole, in the unit of the wholes.
  void part(const std::string& title, Kind kind, const Measure& measure, const Measure& whole) {
    const auto values = measured(measure);
    const auto wholes = measured(whole);
    const DisplayUnit unit = unit_of(kind, wholes);
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < values.size(); ++i) {
      std::string text = values[i] ? number_text(*values[i] / unit.scale) : "";
      if (values[i] && wholes[i] && *wholes[i] > 0) {
        text += fmt::format(" ({:>4.1f} %)", *values[i] / *wholes[i] * 100);
      }
      texts.push_back(std::move(text));
    }
    add(with_unit(title, unit), texts, {});
  }

  [[nodiscard]] Grid take() { return std::move(grid_); }

 private:
  using Values = std::vector<std::optional<double>>;

  [[nodiscard]] bool has_ratio(const SystemResult& result) const {
    return baseline_ != nullptr && &result != baseline_ && result.error.empty();
  }

  [[nodiscard]] Values measured(const Measure& measure) const {
    Values values;
    for (const SystemResult& result : run_.results) values.push_back(measure(result));
    return values;
  }

  static DisplayUnit unit_of(Kind kind, const Values& values) {
    std::vector<double> known;
    for (const auto& value : values) {
      if (value) known.push_back(*value);
    }
    return unit_for(kind, known);
  }

  static std::string with_unit(const std::string& title, const DisplayUnit& unit) {
    return unit.name.empty() ? title : fmt::format("{} [{}]", title, unit.name);
  }

  void add(const std::string& title, const std::vector<std::string>& texts, const Values& ratios) {
    if (std::all_of(texts.begin(), texts.end(), [](const auto& text) { return text.empty(); }))
      return;
    if (!section_.empty()) grid_.rows.push_back({true, {section_}});
    section_.clear();
    GridRow row{false, {title}};
    const double base = ratios.empty() ? 0.0 : ratios[baseline_index()].value_or(0.0);
    for (std::size_t i = 0; i < texts.size(); ++i) {
      row.cells.push_back(texts[i].empty() ? "-" : texts[i]);
      if (!has_ratio(run_.results[i])) continue;
      const bool known = !ratios.empty() && ratios[i].has_value();
      row.cells.push_back(known ? ratio_text(ratios[i].value_or(0.0), base) : "");
    }
    grid_.rows.push_back(std::move(row));
  }

  [[nodiscard]] std::size_t baseline_index() const {
    return baseline_ == nullptr ? 0 : static_cast<std::size_t>(baseline_ - run_.results.data());
  }

  const RunReport& run_;
  const SystemResult* baseline_;
  std::string section_;
  Grid grid_;
};

void add_system(Builder& rows) {
  rows.section("System");
  rows.text("result", [](const SystemResult& r) {
    return r.error.empty() ? std::string() : std::string("could not run");
  });
  rows.count(
      "chips",
      [](const SystemResult& r) { return r.chips == 0 ? std::nullopt : std::optional(r.chips); },
      Ratio::yes);
  rows.text("software", [](const SystemResult& r) { return r.software; });
  rows.text("parallelism", [](const SystemResult& r) { return r.parallelism; });
  rows.text("planes", [](const SystemResult& r) {
    std::vector<std::string> pairs;
    for (const auto& [traffic, plane] : r.planes)
      pairs.push_back(fmt::format("{}: {}", traffic, plane));
    return fmt::format("{}", fmt::join(pairs, ", "));
  });
}

void add_throughput(Builder& rows) {
  rows.section("Throughput");
  rows.number("tokens/s", Kind::plain, training(&TrainingResult::tokens_per_s), Ratio::yes);
  rows.number("tokens/s per chip", Kind::plain, training(&TrainingResult::tokens_per_s_per_chip),
              Ratio::yes);
  rows.number(
      "tokens/s per watt", Kind::plain,
      [](const SystemResult& r) {
        return r.training && r.power ? r.power->tokens_per_j : std::nullopt;
      },
      Ratio::yes);
  rows.number("TFLOP/s per chip", Kind::plain, training(&TrainingResult::tflops_per_chip),
              Ratio::yes);
  rows.share("MFU", training(&TrainingResult::mfu), Ratio::yes);
  rows.share("HFU", training(&TrainingResult::hfu), Ratio::yes);
}

void add_times(Builder& rows) {
  using B = TrainingResult::Breakdown;
  struct Part {
    const char* title;
    double B::*seconds;
    bool rare;  ///< shown only when it is not 0
  };
  static constexpr Part kParts[]{
      {"  compute", &B::compute, false},       {"  optimizer", &B::optimizer, false},
      {"  exposed tp", &B::exposed_tp, false}, {"  exposed cp", &B::exposed_cp, true},
      {"  exposed ep", &B::exposed_ep, true},  {"  exposed pp", &B::exposed_pp, false},
      {"  exposed dp", &B::exposed_dp, false}, {"  exposed other", &B::exposed_other, true},
      {"  bubble", &B::bubble, false}};
  rows.section("Time");
  rows.number("step time", Kind::seconds, training(&TrainingResult::step_time_s), Ratio::yes);
  rows.number("makespan", Kind::seconds, of(&SystemResult::replay, &ReplayResult::makespan_s),
              Ratio::yes);
  for (const Part& part : kParts) {
    rows.part(
        part.title, Kind::seconds,
        [&part](const SystemResult& r) -> std::optional<double> {
          const B* breakdown = breakdown_of(r);
          if (breakdown == nullptr || (part.rare && breakdown->*part.seconds == 0))
            return std::nullopt;
          return breakdown->*part.seconds;
        },
        duration_of);
  }
}

void add_replay(Builder& rows) {
  rows.section("Replay");
  const auto count = [](std::uint64_t ReplayResult::*which) {
    return [which](const SystemResult& r) {
      return r.replay ? std::optional((*r.replay).*which) : std::nullopt;
    };
  };
  rows.count("ranks", count(&ReplayResult::ranks));
  rows.count("tasks", count(&ReplayResult::tasks));
  rows.count("skipped tasks", count(&ReplayResult::skipped));
}

void add_messages(Builder& rows) {
  rows.section("Messages");
  rows.count("messages", [](const SystemResult& r) {
    return r.replay && r.replay->messages ? std::optional(r.replay->messages->count) : std::nullopt;
  });
  const auto add = [&](const char* title, Kind kind, Distribution MessagesResult::*which,
                       double Distribution::*part) {
    rows.number(title, kind, [which, part](const SystemResult& r) -> std::optional<double> {
      if (!r.replay || !r.replay->messages) return std::nullopt;
      return ((*r.replay->messages).*which).*part;
    });
  };
  using M = MessagesResult;
  using D = Distribution;
  add("time, mean", Kind::seconds, &M::time_s, &D::mean);
  add("time, p50", Kind::seconds, &M::time_s, &D::p50);
  add("time, p90", Kind::seconds, &M::time_s, &D::p90);
  add("time, p99", Kind::seconds, &M::time_s, &D::p99);
  add("time, largest", Kind::seconds, &M::time_s, &D::max);
  add("over idle, mean", Kind::plain, &M::slowdown, &D::mean);
  add("over idle, p50", Kind::plain, &M::slowdown, &D::p50);
  add("over idle, p90", Kind::plain, &M::slowdown, &D::p90);
  add("over idle, p99", Kind::plain, &M::slowdown, &D::p99);
  add("over idle, largest", Kind::plain, &M::slowdown, &D::max);
}

void add_memory(Builder& rows) {
  using M = TrainingResult::Memory;
  const auto memory = [](double M::*part) {
    return training([part](const TrainingResult& t) { return t.memory_bytes_per_chip.*part; });
  };
  const auto total = memory(&M::total);
  rows.section("Memory per chip");
  rows.part("parameters", Kind::bytes, memory(&M::parameters), total);
  rows.part("gradients", Kind::bytes, memory(&M::gradients), total);
  rows.part("optimizer", Kind::bytes, memory(&M::optimizer), total);
  rows.part("activations", Kind::bytes, memory(&M::activations), total);
  rows.part("buffers", Kind::bytes, memory(&M::buffers), total);
  rows.number("total", Kind::bytes, total);
  const auto capacity = [](const SystemResult& r) -> std::optional<double> {
    if (!r.training || r.training->memory_bytes_per_chip.capacity <= 0) return std::nullopt;
    return r.training->memory_bytes_per_chip.capacity;
  };
  rows.number("capacity", Kind::bytes, capacity);
  rows.share("used", [capacity](const SystemResult& r) -> std::optional<double> {
    const auto bytes = capacity(r);
    if (!bytes) return std::nullopt;
    return r.training->memory_bytes_per_chip.total / *bytes;
  });
}

void add_power(Builder& rows, const RunReport& run) {
  rows.section("Power");
  rows.number("mean power", Kind::watts, power(&PowerResult::mean_w), Ratio::yes);
  rows.number("peak power", Kind::watts, power(&PowerResult::peak_w), Ratio::yes);
  rows.number("mean per node", Kind::watts, power(&PowerResult::mean_node_w));
  rows.number("mean per chip, chip alone", Kind::watts, power(&PowerResult::mean_chip_w));
  const bool steps = std::any_of(run.results.begin(), run.results.end(),
                                 [](const SystemResult& r) { return r.training.has_value(); });
  rows.number(steps ? "energy per step" : "energy", Kind::joules, power(&PowerResult::energy_j),
              Ratio::yes);
  rows.number(
      "tokens/J", Kind::plain,
      [](const SystemResult& r) { return r.power ? r.power->tokens_per_j : std::nullopt; },
      Ratio::yes);
  std::vector<std::string> names;
  for (const SystemResult& result : run.results) {
    if (!result.power) continue;
    for (const auto& [name, joules] : result.power->energy_j_by_component) {
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
  }
  for (const std::string& name : names) {
    rows.part(
        "  " + name, Kind::joules,
        [&name](const SystemResult& r) -> std::optional<double> {
          if (!r.power) return std::nullopt;
          for (const auto& [part, joules] : r.power->energy_j_by_component) {
            if (part == name) return joules;
          }
          return std::nullopt;
        },
        power(&PowerResult::energy_j));
  }
}

void add_links(Builder& rows, const RunReport& run) {
  rows.section("Link utilisation: mean / busiest link");
  std::vector<std::pair<std::string, std::string>> tiers;
  std::size_t hot = 0;
  for (const SystemResult& result : run.results) {
    if (!result.links) continue;
    hot = std::max(hot, std::min<std::size_t>(3, result.links->hottest.size()));
    for (const TierResult& tier : result.links->tiers) {
      const std::pair name{tier.plane, tier.tier};
      if (tier.bytes <= 0)
        continue;  // a plane that nothing used says nothing; the JSON report has it
      if (std::find(tiers.begin(), tiers.end(), name) == tiers.end()) tiers.push_back(name);
    }
  }
  for (const auto& [plane, tier] : tiers) {
    rows.text(fmt::format("{}/{}", plane, tier),
              [&plane = plane, &tier = tier](const SystemResult& r) -> std::string {
                if (!r.links) return "";
                for (const TierResult& t : r.links->tiers) {
                  if (t.plane != plane || t.tier != tier) continue;
                  return fmt::format("{} / {}", percent_text(t.mean_utilization),
                                     percent_text(t.peak_utilization));
                }
                return "";
              });
  }
  for (std::size_t i = 0; i < hot; ++i) {
    rows.text(fmt::format("hottest {}", i + 1), [i](const SystemResult& r) -> std::string {
      if (!r.links || i >= r.links->hottest.size()) return "";
      const HotLink& link = r.links->hottest[i];
      return fmt::format("{} {}", link.link, percent_text(link.utilization));
    });
  }
}

void add_simulation(Builder& rows) {
  rows.section("Simulation");
  const auto run = [](const SystemResult& r) {
    return r.error.empty() && !r.simulation.fidelity.empty();
  };
  rows.text("network fidelity", [](const SystemResult& r) { return r.simulation.fidelity; });
  rows.text("simulated ranks", [run](const SystemResult& r) -> std::string {
    if (!run(r) || r.simulation.simulated_ranks == 0) return "";
    const std::string ranks = count_text(r.simulation.simulated_ranks);
    return r.simulation.folded ? ranks + " (folded)" : ranks;
  });
  rows.text("activities", [run](const SystemResult& r) {
    return run(r) ? count_text(r.simulation.activities) : std::string();
  });
  rows.number("wall time", Kind::seconds,
              [](const SystemResult& r) { return r.simulation.wall_s; });
  rows.number("peak memory", Kind::bytes,
              [](const SystemResult& r) { return r.simulation.peak_rss_bytes; });
}

}  // namespace

Grid side_by_side(const RunReport& run, const std::vector<std::string>& headings) {
  Builder rows(run, headings);
  add_system(rows);
  add_throughput(rows);
  add_times(rows);
  add_replay(rows);
  add_messages(rows);
  add_memory(rows);
  add_power(rows, run);
  add_links(rows, run);
  add_simulation(rows);
  return rows.take();
}

}  // namespace xpusim::report
