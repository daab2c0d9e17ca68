// ASTRA-sim's analytical network (YAML): one topology per dimension, the innermost first. Dimension
// k joins the NPUs that differ in coordinate k only, so it is a plane with a stride of the product
// of the sizes before it. What the keys mean follows astra-sim/astra-network-analytical: bandwidth
// is per link and direction, 1 GB/s is 2^30 B/s; in the congestion-unaware backend a message pays
// latency once per hop (Ring and FullyConnected: one to a neighbour; Switch: two) and size /
// bandwidth once.
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <sstream>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "import/formats.hpp"

namespace xpusim::importer {
namespace {

constexpr std::size_t kMostDimensions = 6;
constexpr std::int64_t kMostNpus = 1'000'000;

SourceSpan span_of(const Source& source, const YAML::Mark& mark, std::size_t length = 1) {
  if (mark.is_null()) return {source, 0, 0};
  return span_at(source, static_cast<std::size_t>(std::max(0, mark.line)),
                 static_cast<std::size_t>(std::max(0, mark.column)), length);
}
SourceSpan span_of(const Source& source, const YAML::Node& node) {
  return span_of(source, node.Mark(),
                 node.IsScalar() ? std::max<std::size_t>(1, node.Scalar().size()) : 1);
}

/// Where the second document of a file begins, if there is one. YAML::LoadAll never comes back from
/// some ill-formed files (yaml-cpp 0.7); this asks for two documents at most.
class SecondDocument : public YAML::EventHandler {
 public:
  static std::optional<YAML::Mark> find(const std::string& text) {
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    SecondDocument handler;
    if (parser.HandleNextDocument(handler)) (void)parser.HandleNextDocument(handler);
    return handler.documents_ > 1 ? std::optional(handler.start_) : std::nullopt;
  }
  void OnDocumentStart(const YAML::Mark& mark) override {
    ++documents_;
    start_ = mark;
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t,
                const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}

 private:
  int documents_ = 0;
  YAML::Mark start_;
};

YAML::Node parse(const Source& source) {
  std::optional<YAML::Mark> second;
  YAML::Node root;
  try {
    second = SecondDocument::find(source->text);
    if (!second) root = YAML::Load(source->text);
  } catch (const YAML::Exception& e) {
    refuse("yaml-syntax", "the file is no YAML: " + e.msg, span_of(source, e.mark),
           "a network file reads: topology: [ Ring ], npus_count: [ 8 ], bandwidth: [ 50.0 ], "
           "latency: [ 500.0 ]");
  }
  if (second || !root.IsMap()) {
    refuse("yaml-shape", "a network file is one mapping of keys to lists",
           second ? span_of(source, *second) : SourceSpan{source, 0, 0},
           "write the keys topology, npus_count, bandwidth and latency");
  }
  return root;
}

class Reader {
 public:
  explicit Reader(Import& import) : import_(import), root_(parse(import.file)) {
    for (const auto& member : root_) {
      if (!member.first.IsScalar()) {
        refuse("yaml-shape", "a key is no word", at(member.first), "write 'topology: [ ... ]'");
      }
      const std::string& key = member.first.Scalar();
      if (!keys_.insert(key).second) {
        refuse("duplicate-key", fmt::format("'{}' stands twice", key), at(member.first),
               "keep one of them");
      }
    }
  }

  /// The scalars of a list, all lists as long as the first.
  std::vector<YAML::Node> list(const char* key) {
    const YAML::Node value = member(key);
    if (!value.IsSequence()) {
      refuse("yaml-shape", fmt::format("'{}' is no list", key), at(value),
             fmt::format("write one entry per dimension: {}: [ ... ]", key));
    }
    std::vector<YAML::Node> items(value.begin(), value.end());
    for (const YAML::Node& item : items) {
      if (!item.IsScalar()) {
        refuse("yaml-shape", fmt::format("an entry of '{}' is no word or number", key), at(item),
               "write plain words and numbers");
      }
    }
    if (items.empty() || items.size() > kMostDimensions) {
      refuse("out-of-range", fmt::format("'{}' has {} dimensions", key, items.size()), at(value),
             fmt::format("write 1 to {}", kMostDimensions));
    }
    if (dimensions_ == 0) dimensions_ = items.size();
    if (items.size() != dimensions_) {
      refuse("dimensions-differ",
             fmt::format("'{}' has {} entries, 'topology' has {}", key, items.size(), dimensions_),
             at(value), "write one entry per dimension");
    }
    return items;
  }

  double positive(const YAML::Node& node, const std::string& what, bool zero) {
    return number(node.Scalar(), at(node), what, {0, 1e15, zero});
  }
  std::int64_t npus(const YAML::Node& node, const std::string& what) {
    return whole_number(node.Scalar(), at(node), what, 2, kMostNpus);
  }
  [[nodiscard]] SourceSpan at(const YAML::Node& node) const { return span_of(import_.file, node); }

  void list_ignored(const std::set<std::string>& used) const {
    for (const std::string& key : keys_) {
      if (used.count(key) == 0) import_.ignore(fmt::format("{} (unknown key)", key));
    }
  }

 private:
  YAML::Node member(const char* key) {
    for (const auto& candidate : root_) {
      if (candidate.first.Scalar() == key) return candidate.second;
    }
    const std::vector<std::string> known(keys_.begin(), keys_.end());
    const std::string_view near = nearest_word(key, known);
    refuse("missing-key", fmt::format("the file has no '{}'", key), {import_.file, 0, 0},
           near.empty() ? "a network file has topology, npus_count, bandwidth and latency"
                        : fmt::format("it has '{}'", near));
  }

  Import& import_;
  YAML::Node root_;
  std::set<std::string> keys_;
  std::size_t dimensions_ = 0;
};

std::string topology_word(const Reader& reader, const YAML::Node& node) {
  static const std::vector<std::string> words{"Ring", "FullyConnected", "Switch"};
  if (std::find(words.begin(), words.end(), node.Scalar()) != words.end()) return node.Scalar();
  const std::string_view near = nearest_word(node.Scalar(), words);
  refuse("unknown-topology", fmt::format("there is no topology '{}'", node.Scalar()),
         reader.at(node),
         near.empty() ? fmt::format("the topologies are {}", fmt::join(words, ", "))
                      : fmt::format("did you mean '{}'?", near));
}

std::vector<AstraDimension> read_dimensions(Import& import) {
  Reader reader(import);
  std::vector<AstraDimension> dimensions;
  const auto topologies = reader.list("topology"), counts = reader.list("npus_count");
  const auto rates = reader.list("bandwidth"), latencies = reader.list("latency");
  std::int64_t all = 1;
  for (std::size_t k = 0; k < topologies.size(); ++k) {
    AstraDimension d;
    d.topology = topology_word(reader, topologies[k]);
    d.npus = reader.npus(counts[k], fmt::format("npus_count[{}]", k));
    d.bandwidth = reader.positive(rates[k], fmt::format("bandwidth[{}]", k), false);
    d.latency = reader.positive(latencies[k], fmt::format("latency[{}]", k), true);
    d.link = fmt::format("{}-dim{}", import.name, k);
    all *= d.npus;
    if (all > kMostNpus) {
      refuse("out-of-range", fmt::format("the dimensions span {} NPUs and more", all),
             reader.at(counts[k]), fmt::format("a machine has up to {}", kMostNpus));
    }
    dimensions.push_back(d);
  }
  reader.list_ignored({"topology", "npus_count", "bandwidth", "latency"});
  return dimensions;
}

void add_link(Import& import, const AstraDimension& d, std::size_t k, const AstraSystem& system) {
  Part link("link", d.link, fmt::format("{}, dimension {}", import.name, k));
  link["bandwidth"] = quantity(d.bandwidth, "GiB/s");
  link["latency"] = quantity(d.latency, "ns");
  link.source("/bandwidth",
              import.origin(fmt::format(
                  "bandwidth[{}], per link and direction; ASTRA-sim's GB/s is 2^30 B/s", k)));
  link.source("/latency", import.origin(fmt::format("latency[{}], per hop", k)));
  if (system.has_endpoint_delay) {
    link["endpoint_latency"] = quantity(system.endpoint_delay, "ns");
    link.source("/endpoint_latency",
                {file_name(import.with), "endpoint-delay, cycles of 1 ns, once per message"});
  }
  import.add(link);
}

Json plane_of(const AstraDimension& d, std::size_t k, std::int64_t stride) {
  Json plane;
  plane["name"] = fmt::format("dim{}", k);
  plane["role"] = "scale_up";
  plane["domain"] = d.npus;
  plane["stride"] = stride;
  plane["link"] = d.link;
  if (d.topology == "Switch") {
    plane["shape"] = "switch";
    plane["links_per_device"] = 1;
  } else if (d.topology == "FullyConnected") {
    plane["shape"] = "full_mesh";
    plane["links_per_device"] = d.npus - 1;
  } else {
    plane["shape"] = "torus";
    plane["dimensions"] = {d.npus};
    plane["links_per_device"] = d.npus == 2 ? 1 : 2;  // two NPUs: one link, not one each way round
  }
  return plane;
}

}  // namespace

void import_astra(Import& import) {
  const std::vector<AstraDimension> dimensions = read_dimensions(import);
  const AstraSystem read = read_astra_system(import, dimensions);
  std::vector<std::string> words;
  std::int64_t npus = 1;
  Json planes = Json::array();
  for (std::size_t k = 0; k < dimensions.size(); ++k) {
    const AstraDimension& d = dimensions[k];
    add_link(import, d, k, read);
    planes.push_back(plane_of(d, k, npus));
    npus *= d.npus;
    words.push_back(fmt::format("{} {}", d.topology, d.npus));
  }
  const std::string software = import.name + "-software";
  add_software(
      import, software, read.rows,
      {import.with ? file_name(import.with) : "", "collective implementations by dimension"});
  const std::string chip = add_chip(import, read.figures, software);
  Part system("system", import.name, "Imported from " + file_name(import.file));
  system["description"] = fmt::format("ASTRA-sim analytical network: {}.", fmt::join(words, " x "));
  system["vendor"] = "imported";
  system["chip"] = chip;
  system["nodes"] = npus / dimensions.front().npus;
  system["chips_per_node"] = dimensions.front().npus;
  system["planes"] = planes;
  system.source("/nodes", import.origin("NPUs / npus_count[0]"));
  system.source("/chips_per_node", import.origin("npus_count[0]"));
  system.source("/planes",
                import.origin("topology, npus_count; stride: product of the sizes before"));
  import.add(system);
  import.result.summary =
      fmt::format("ASTRA-sim network: {} NPUs, {}", npus, fmt::join(words, " x "));
  import.note(
      "every dimension is a scale-up plane; a group over several runs hierarchical "
      "collectives, level after level (ASTRA-sim overlaps them by chunks), the dimension with the "
      "most bandwidth per NPU innermost (ASTRA-sim: the first of the file)");
}

}  // namespace xpusim::importer
