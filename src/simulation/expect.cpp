#include <fmt/core.h>

#include <array>
#include <cstdlib>
#include <functional>
#include <optional>
#include <string_view>

#include "xpusim/simulation.hpp"

namespace xpusim {
namespace {

struct Metric {
  std::string_view name;
  std::optional<double> (*read)(const SystemResult&);
};

#define XPUSIM_METRIC(section, member)                                              \
  Metric {                                                                          \
#section "." #member, [](const SystemResult& r) -> std::optional < double>      \
    { return r.section ? std::optional<double>(r.section->member) : std::nullopt; } \
  }
constexpr std::array kMetrics{
    XPUSIM_METRIC(training, step_time_s),
    XPUSIM_METRIC(training, tokens_per_s),
    XPUSIM_METRIC(training, tokens_per_s_per_chip),
    XPUSIM_METRIC(training, tflops_per_chip),
    XPUSIM_METRIC(training, mfu),
    XPUSIM_METRIC(training, hfu),
    XPUSIM_METRIC(training, samples_per_s),
    XPUSIM_METRIC(training, forward_s),
    XPUSIM_METRIC(training, backward_s),
    Metric{"training.forward_backward_s",
           [](const SystemResult& r) -> std::optional<double> {
             if (!r.training) return std::nullopt;
             return r.training->forward_s + r.training->backward_s;
           }},
    Metric{"training.memory_gib",
           [](const SystemResult& r) -> std::optional<double> {
             if (!r.training) return std::nullopt;
             return r.training->memory_bytes_per_chip.total / 1073741824.0;
           }},
    XPUSIM_METRIC(replay, makespan_s),
    XPUSIM_METRIC(power, mean_w),
    XPUSIM_METRIC(power, peak_w),
    XPUSIM_METRIC(power, energy_j),
    XPUSIM_METRIC(power, mean_node_w),
    XPUSIM_METRIC(power, mean_chip_w),
};
#undef XPUSIM_METRIC

struct Bound {
  std::string_view sign;
  bool (*holds)(double value, double limit);
};
constexpr std::array kBounds{
    Bound{"<=", [](double v, double l) { return v <= l; }},
    Bound{">=", [](double v, double l) { return v >= l; }},
    Bound{"<", [](double v, double l) { return v < l; }},
    Bound{">", [](double v, double l) { return v > l; }},
};

std::string_view skip_spaces(std::string_view text) {
  const auto first = text.find_first_not_of(' ');
  return first == std::string_view::npos ? std::string_view() : text.substr(first);
}

const Metric& find_metric(std::string_view name) {
  std::vector<std::string> names;
  for (const Metric& metric : kMetrics) {
    if (metric.name == name) return metric;
    names.emplace_back(metric.name);
  }
  const std::string_view near = nearest_word(name, names);
  throw InputError("unknown-metric", fmt::format("expect: no metric '{}'", name),
                   near.empty() ? "see the report's JSON for the names"
                                : fmt::format("did you mean '{}'?", near));
}

}  // namespace

std::vector<std::string> figure_names() {
  std::vector<std::string> names;
  for (const Metric& metric : kMetrics) names.emplace_back(metric.name);
  return names;
}

std::optional<double> figure(const SystemResult& result, std::string_view name) {
  return find_metric(name).read(result);
}

std::vector<std::string> missed_expectations(const ScenarioSpec& scenario,
                                             const SystemResult& result) {
  std::vector<std::string> missed;
  for (const auto& [name, expectation] : scenario.expect) {
    const Metric& metric = find_metric(name);
    const std::string_view text = skip_spaces(expectation);
    const Bound* bound = nullptr;
    for (const Bound& candidate : kBounds) {
      if (bound == nullptr && text.starts_with(candidate.sign)) bound = &candidate;
    }
    char* end = nullptr;
    const std::string number(bound ? skip_spaces(text.substr(bound->sign.size())) : text);
    const double limit = std::strtod(number.c_str(), &end);
    if (bound == nullptr || number.empty() || *end != '\0') {
      throw InputError("bad-expectation",
                       fmt::format("expect: '{}' of '{}' is not a bound", expectation, name),
                       "write for example \"< 10\" (SI units)");
    }
    const std::optional<double> value = metric.read(result);
    if (!value) {
      missed.push_back(fmt::format("{}: {} has no {}", result.system, scenario.info.name, name));
    } else if (!bound->holds(*value, limit)) {
      missed.push_back(
          fmt::format("{}: {} is {:.6g}, expected {}", result.system, name, *value, expectation));
    }
  }
  return missed;
}

}  // namespace xpusim
