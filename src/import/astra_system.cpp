// ASTRA-sim's system layer (JSON): what of it has a counterpart here, and a word on what has none.
#include <algorithm>
#include <array>
#include <bit>
#include <map>

#include <fmt/format.h>

#include "import/formats.hpp"
#include "xpusim/config.hpp"

namespace xpusim::importer {
namespace {

struct Unused {
  std::string_view key, why;
};
constexpr std::array kUnused{
    Unused{"L", "LogGP is not used"},
    Unused{"G", "LogGP is not used"},
    Unused{"g", "LogGP is not used"},
    Unused{"o", "LogGP is not used"},
    Unused{"active-chunks-per-dimension", "levels of a hierarchy follow one another"},
    Unused{"all-gather-implementation-custom", "collectives from traces"},
    Unused{"all-reduce-implementation-custom", "collectives from traces"},
    Unused{"all-to-all-implementation-custom", "collectives from traces"},
    Unused{"boost-mode", "speeds up ASTRA-sim itself"},
    Unused{"collective-optimization", "the fastest plane is the innermost level"},
    Unused{"local-mem-trace-filename", "output of ASTRA-sim"},
    Unused{"local-reduction-delay", "reductions are not timed"},
    Unused{"model-shared-bus", "LogGP is not used"},
    Unused{"preferred-dataset-splits", "levels of a hierarchy follow one another"},
    Unused{"reduce-scatter-implementation-custom", "collectives from traces"},
    Unused{"replay-only", "a matter of the scenario"},
    Unused{"roofline-enabled", "a matter of the scenario: replay.recorded_durations"},
    Unused{"scheduling-policy", "queues are not ordered by age"},
    Unused{"trace-enabled", "output of ASTRA-sim"},
    Unused{"track-local-mem", "memory is computed, not tracked"},
};

struct Implementation {
  std::string_view key, type;
};
constexpr std::array kImplementations{
    Implementation{"all-reduce-implementation", "ALL_REDUCE"},
    Implementation{"reduce-scatter-implementation", "REDUCE_SCATTER"},
    Implementation{"all-gather-implementation", "ALL_GATHER"},
    Implementation{"all-to-all-implementation", "ALL_TO_ALL"}};

/// Our name of ASTRA's word; "" = no such word. A window ("direct4") and "one" are dropped.
std::string_view counterpart(std::string_view word) {
  while (!word.empty() && word.back() >= '0' && word.back() <= '9') word.remove_suffix(1);
  if (word == "ring" || word == "oneRing") return "ring";
  if (word == "direct" || word == "oneDirect") return "direct";
  if (word == "halvingDoubling" || word == "oneHalvingDoubling") return "halving_doubling";
  if (word == "doubleBinaryTree") return "double_binary_tree";
  return "";
}

/// Does our algorithm do this collective among so many?
bool does(std::string_view algorithm, std::string_view type, std::int64_t npus) {
  if (algorithm == "direct" || type == "ALL_REDUCE") return true;
  if (type == "ALL_TO_ALL" || algorithm == "double_binary_tree") return false;
  return algorithm == "ring" || std::has_single_bit(static_cast<std::uint64_t>(npus));
}

Json protocols() { return Json::array({{{"name", "simple"}}}); }

class SystemReader {
 public:
  SystemReader(Import& import, const std::vector<AstraDimension>& dimensions)
      : import_(import), dimensions_(dimensions) {}

  AstraSystem read() {
    Diagnostics diagnostics;
    const std::optional<JsonValue> root = parse_json(import_.with, diagnostics);
    if (diagnostics.has_errors()) throw InputError(std::move(diagnostics));
    if (!root || root->type != JsonType::object) {
      refuse("json-shape", "a system file is one JSON object", {import_.with, 0, 0},
             "--with takes ASTRA-sim's system layer file");
    }
    for (const JsonMember& m : root->members) member(m);
    add_rows();
    return std::move(system_);
  }

 private:
  void member(const JsonMember& m) {
    if (m.key == "peak-perf") {
      system_.figures.peak = figure(m) * 1e12;
      system_.figures.peak_origin = {file_name(import_.with), "peak-perf, TFLOP/s, of any format"};
      if (!import_.options.chip.empty()) import_.ignore("peak-perf (the chip has peaks)");
    } else if (m.key == "local-mem-bw") {
      system_.figures.bandwidth = figure(m) * 1e9;
      system_.figures.bandwidth_origin = {file_name(import_.with), "local-mem-bw, 10^9 B/s"};
      if (!import_.options.chip.empty()) import_.ignore("local-mem-bw (the chip has a memory)");
    } else if (m.key == "endpoint-delay") {
      system_.endpoint_delay = figure(m, true);
      system_.has_endpoint_delay = true;
    } else if (const auto* known = implementation(m.key)) {
      implementations(m, *known);
    } else {
      const auto unused = std::find_if(kUnused.begin(), kUnused.end(),
                                       [&](const Unused& u) { return u.key == m.key; });
      import_.ignore(
          fmt::format("{} ({})", m.key, unused == kUnused.end() ? "unknown key" : unused->why));
    }
  }

  static const Implementation* implementation(std::string_view key) {
    const auto found = std::find_if(kImplementations.begin(), kImplementations.end(),
                                    [&](const Implementation& i) { return i.key == key; });
    return found == kImplementations.end() ? nullptr : &*found;
  }

  double figure(const JsonMember& m, bool zero = false) {
    if (m.value.type != JsonType::number) {
      refuse("not-a-number", fmt::format("'{}' is no number", m.key), m.value.span,
             "write a number, without a unit");
    }
    return number(m.value.text, m.value.span, fmt::format("'{}'", m.key), {0, 1e12, zero});
  }

  void implementations(const JsonMember& m, const Implementation& kind) {
    if (m.value.type != JsonType::array || m.value.items.size() != dimensions_.size()) {
      refuse("dimensions-differ",
             fmt::format("'{}' needs one algorithm for each of {} dimensions", m.key,
                         dimensions_.size()),
             m.value.span, "write a list such as [\"ring\", \"direct\"]");
    }
    for (std::size_t k = 0; k < dimensions_.size(); ++k) {
      const JsonValue& item = m.value.items[k];
      const std::string_view algorithm =
          item.type == JsonType::string ? counterpart(item.text) : std::string_view();
      if (algorithm.empty()) {
        refuse("unknown-implementation",
               fmt::format("'{}' has an entry that is no algorithm of ASTRA-sim", m.key), item.span,
               "ring, direct, halvingDoubling, doubleBinaryTree, oneRing, oneDirect, "
               "oneHalvingDoubling");
      }
      if (!does(algorithm, kind.type, dimensions_[k].npus)) {
        import_.ignore(fmt::format("{}[{}] {} (no counterpart for {} among {}: the tuner chooses)",
                                   m.key, k, item.text, kind.type, dimensions_[k].npus));
        continue;
      }
      if (item.text.starts_with("one")) {
        import_.note(fmt::format("{}[{}]: '{}' runs along its dimension, not over all of them",
                                 m.key, k, item.text));
      } else if (item.text.back() >= '0' && item.text.back() <= '9') {
        import_.ignore(fmt::format("{}[{}] window of {}", m.key, k, item.text));
      }
      chosen_[std::string(kind.type)][k] = algorithm;
    }
  }

  /// One row for every algorithm on a dimension, then one for groups over several dimensions.
  void add_rows() {
    for (std::size_t k = 0; k < dimensions_.size(); ++k) {
      std::map<std::string, Json> types;
      for (const auto& [type, by_dimension] : chosen_) {
        if (const auto at = by_dimension.find(k); at != by_dimension.end())
          types[std::string(at->second)].push_back(type);
      }
      for (const auto& [algorithm, list] : types) {
        system_.rows.push_back({{"algorithm", algorithm},
                                {"types", list},
                                {"links", {dimensions_[k].link}},
                                {"protocols", protocols()}});
      }
    }
    if (dimensions_.size() == 1 || chosen_.empty()) return;
    std::map<std::map<std::size_t, std::string_view>, Json> types;
    for (const auto& [type, by_dimension] : chosen_) types[by_dimension].push_back(type);
    for (const auto& [by_dimension, list] : types) {
      Json levels = Json::object();
      for (const auto& [k, algorithm] : by_dimension) levels[dimensions_[k].link] = algorithm;
      system_.rows.push_back({{"algorithm", "hierarchical"},
                              {"types", list},
                              {"level_algorithms", levels},
                              {"protocols", protocols()}});
    }
  }

  Import& import_;
  const std::vector<AstraDimension>& dimensions_;
  AstraSystem system_;
  std::map<std::string, std::map<std::size_t, std::string_view>> chosen_;  ///< by type, dimension
};

}  // namespace

AstraSystem read_astra_system(Import& import, const std::vector<AstraDimension>& dimensions) {
  if (!import.with) {
    import.note("no system file (--with FILE): collectives take the shortest algorithm");
    return {};
  }
  return SystemReader(import, dimensions).read();
}

}  // namespace xpusim::importer
