// HTsim's fat trees (`.topo`, Broadcom/csg-htsim sim/datacenter): a header, then a block of numbers
// per tier, 0 = ToR. Links of tier t hang below its switches, `Bundle` of them to each switch
// below; up and down are alike. We check the same equations as HTsim, but by link and not in sum.
#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "import/formats.hpp"

namespace xpusim::importer {
namespace {

struct Word {
  std::string text;
  SourceSpan span;
};

std::vector<std::vector<Word>> words_of(const Source& source) {
  std::vector<std::vector<Word>> lines;
  const std::string& text = source->text;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    std::vector<Word> line;
    while (at < end) {
      const std::size_t first = text.find_first_not_of(" \t\r", at);
      if (first >= end) break;
      const std::size_t last = std::min({text.find_first_of(" \t\r", first), end});
      line.push_back({text.substr(first, last - first), {source, first, last - first}});
      at = last;
    }
    at = end + 1;
    if (!line.empty() && line.front().text.front() != '#') lines.push_back(std::move(line));
  }
  return lines;
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

struct Value {
  std::int64_t value = 0;
  SourceSpan span;
};

/// Keys are case-blind; each stands once per block.
class Block {
 public:
  Block(std::string what, SourceSpan span) : what_(std::move(what)), span_(std::move(span)) {}

  void set(const std::string& key, Value value) {
    if (!values_.try_emplace(key, value).second) {
      refuse("duplicate-key", fmt::format("'{}' of {} stands twice", key, what_), value.span,
             "keep one of them");
    }
  }
  void ignore(const std::string& key) { ignored_.push_back(key); }
  [[nodiscard]] const Value& need(const std::string& key) const {
    if (const auto at = values_.find(key); at != values_.end()) return at->second;
    const std::string_view near = nearest_word(key, ignored_);
    refuse("missing-key", fmt::format("{} has no '{}'", what_, key), span_,
           near.empty() ? fmt::format("write a line '{} NUMBER'", key)
                        : fmt::format("it has '{}', which HTsim does not know", near));
  }
  [[nodiscard]] Value get(const std::string& key, std::int64_t otherwise) const {
    const auto at = values_.find(key);
    return at == values_.end() ? Value{otherwise, span_} : at->second;
  }
  [[nodiscard]] const SourceSpan& span() const { return span_; }

 private:
  std::string what_;
  SourceSpan span_;
  std::map<std::string, Value> values_;
  std::vector<std::string> ignored_;
};

struct Key {
  std::string_view name;
  std::int64_t least, most;
};
constexpr std::array kHeader{Key{"nodes", 1, 1'000'000}, Key{"tiers", 2, 3},
                             Key{"podsize", 1, 1'000'000}};
constexpr std::array kTier{Key{"downlink_speed_gbps", 1, 1'000'000},
                           Key{"radix_down", 1, 1'000'000},
                           Key{"radix_up", 1, 1'000'000},
                           Key{"downlink_latency_ns", 0, 1'000'000'000},
                           Key{"switch_latency_ns", 0, 1'000'000'000},
                           Key{"oversubscribed", 1, 1'000'000},
                           Key{"bundle", 1, 1'000'000}};

class TopoReader {
 public:
  explicit TopoReader(Import& import)
      : import_(import), header_("the header", {import.file, 0, 0}) {
    for (const std::vector<Word>& line : words_of(import.file)) read(line);
    const std::int64_t tiers = header_.need("tiers").value;
    for (std::int64_t t = 0; t < 3; ++t) {
      const bool there = tiers_[static_cast<std::size_t>(t)].has_value();
      if (t < tiers && !there) {
        refuse("missing-key", fmt::format("the file has no 'Tier {}'", t),
               header_.need("tiers").span, "write a block for every tier");
      }
      if (t >= tiers && there) {
        refuse("tiers-differ", fmt::format("'Tier {}' in a tree of {} tiers", t, tiers),
               tiers_[static_cast<std::size_t>(t)]->span(), "tiers count from 0");
      }
    }
  }

  [[nodiscard]] const Block& header() const { return header_; }
  [[nodiscard]] const Block& tier(std::size_t t) const { return *tiers_.at(t); }

 private:
  void read(const std::vector<Word>& line) {
    const std::string key = lower(line.front().text);
    if (key == "tier") return begin_tier(line);
    const bool in_header = current_ < 0;
    const Key* known = in_header ? find(kHeader, key) : find(kTier, key);
    Block& block = in_header ? header_ : *tiers_[static_cast<std::size_t>(current_)];
    if (known == nullptr) {
      const bool queue = key == "queue_up" || key == "queue_down";
      import_.ignore(fmt::format("{} ({})", line.front().text,
                                 queue ? "buffers are not modelled" : "unknown key"));
      block.ignore(key);
      return;
    }
    block.set(key, value(line, *known));
  }

  void begin_tier(const std::vector<Word>& line) {
    const Value at = value(line, {"tier", 0, 2});
    std::optional<Block>& tier = tiers_[static_cast<std::size_t>(at.value)];
    if (tier) {
      refuse("duplicate-key", fmt::format("'Tier {}' stands twice", at.value), at.span,
             "keep one of them");
    }
    tier.emplace(fmt::format("tier {}", at.value), line.front().span);
    current_ = static_cast<int>(at.value);
  }

  static Value value(const std::vector<Word>& line, const Key& key) {
    if (line.size() != 2) {
      refuse("topo-syntax", fmt::format("'{}' takes one number", line.front().text),
             line.front().span, "write a key and a whole number on a line of their own");
    }
    return {whole_number(line[1].text, line[1].span, fmt::format("'{}'", line[0].text), key.least,
                         key.most),
            line[1].span};
  }

  template <std::size_t n>
  static const Key* find(const std::array<Key, n>& keys, std::string_view name) {
    const auto at =
        std::find_if(keys.begin(), keys.end(), [&](const Key& k) { return k.name == name; });
    return at == keys.end() ? nullptr : &*at;
  }

  Import& import_;
  Block header_;
  std::array<std::optional<Block>, 3> tiers_;
  int current_ = -1;
};

void must_equal(const Value& given, std::int64_t right, const char* key,
                const std::string& because) {
  if (given.value == right) return;
  refuse("tree-mismatch",
         fmt::format("'{}' is {} where {} give {}", key, given.value, because, right), given.span,
         "HTsim refuses this tree too: correct one of the numbers");
}

std::int64_t divide(const Value& whole, const Value& part, const char* a, const char* b) {
  if (whole.value % part.value == 0) return whole.value / part.value;
  refuse("tree-mismatch",
         fmt::format("'{}' {} is no multiple of '{}' {}", a, whole.value, b, part.value),
         whole.span, "correct one of the numbers");
}

/// One tree after the checks.
struct Tree {
  std::int64_t nodes = 0, tiers = 0, leaf = 0, leaves_per_pod = 0, spines = 0, cores = 0;
  std::array<std::int64_t, 3> speed{}, switch_latency{}, link_latency{};
  std::array<double, 2> oversubscription{1, 1};
};

/// Down over up capacity of a switch of tier t, which the file states as well.
double ratio(const Block& below, const Block& above) {
  const std::int64_t down =
      below.need("radix_down").value * below.need("downlink_speed_gbps").value;
  const std::int64_t up = below.need("radix_up").value * above.need("downlink_speed_gbps").value;
  const Value stated = below.get("oversubscribed", 1);
  if (down != up * stated.value) {
    refuse("tree-mismatch",
           fmt::format("'Oversubscribed' is {} where the links below carry {} and those above {} "
                       "Gbit/s",
                       stated.value, down, up),
           stated.span, "HTsim refuses this tree too: correct one of the numbers");
  }
  return static_cast<double>(down) / static_cast<double>(up);
}

Tree check(const TopoReader& file) {
  const Block &head = file.header(), &tor = file.tier(0), &agg = file.tier(1);
  Tree t;
  const Value nodes = head.need("nodes"), pod = head.need("podsize");
  t.nodes = nodes.value;
  t.tiers = head.need("tiers").value;
  const std::int64_t pods = divide(nodes, pod, "Nodes", "Podsize");
  t.leaf = tor.need("radix_down").value;
  t.leaves_per_pod = divide(pod, tor.need("radix_down"), "Podsize", "Radix_Down of tier 0");
  for (std::size_t i = 0; i < static_cast<std::size_t>(t.tiers); ++i) {
    t.speed[i] = file.tier(i).need("downlink_speed_gbps").value;
    t.link_latency[i] = file.tier(i).need("downlink_latency_ns").value;
    t.switch_latency[i] = file.tier(i).get("switch_latency_ns", 0).value;
  }
  must_equal(tor.get("bundle", 1), 1, "Bundle", "hosts with one port");
  t.oversubscription[0] = ratio(tor, agg);
  const Value bundle = agg.get("bundle", 1);
  t.spines = divide(tor.need("radix_up"), bundle, "Radix_Up of tier 0", "Bundle of tier 1");
  must_equal(agg.need("radix_down"), t.leaves_per_pod * bundle.value, "Radix_Down",
             "the leaves of a pod times the bundle");
  if (t.tiers == 2) {
    must_equal(pod, t.nodes, "Podsize", "two tiers, which join one pod only,");
    return t;
  }
  const Block& core = file.tier(2);
  t.oversubscription[1] = ratio(agg, core);
  const Value core_bundle = core.get("bundle", 1);
  t.cores = divide(agg.need("radix_up"), core_bundle, "Radix_Up of tier 1", "Bundle of tier 2");
  must_equal(core.need("radix_down"), pods * core_bundle.value, "Radix_Down",
             "the pods times the bundle");
  return t;
}

/// A plane has one latency for all switches: that of the ToR. What the others have more or less
/// goes to the links, so that all three kinds of path have the right sum.
std::array<double, 3> link_latencies(const Tree& t, const SourceSpan& at) {
  std::array<double, 3> latency{};
  const auto tor = static_cast<double>(t.switch_latency[0]);
  const auto agg = static_cast<double>(t.switch_latency[1]);
  const auto core = static_cast<double>(t.switch_latency[2]);
  latency[0] = static_cast<double>(t.link_latency[0]);
  latency[1] = static_cast<double>(t.link_latency[1]) + (agg - tor) / 2;
  if (t.tiers == 3) latency[2] = static_cast<double>(t.link_latency[2]) + (agg + core) / 2 - tor;
  if (std::any_of(latency.begin(), latency.end(), [](double l) { return l < 0; })) {
    refuse("out-of-range", "the switches of tier 0 are slower than those above by more than a link",
           at, "a plane has one switch latency: lower 'Switch_Latency_ns' of tier 0");
  }
  return latency;
}

void add_links(Import& import, const Tree& t, const std::array<double, 3>& latency) {
  for (std::size_t i = 0; i < static_cast<std::size_t>(t.tiers); ++i) {
    Part link("link", fmt::format("{}-tier{}", import.name, i),
              fmt::format("{}, links below the switches of tier {}", import.name, i));
    link["bandwidth"] = quantity(static_cast<double>(t.speed[i]), "Gbit/s");
    link["latency"] = quantity(latency[i], "ns");
    link.source("/bandwidth", import.origin(fmt::format("Downlink_speed_Gbps of tier {}", i)));
    link.source("/latency",
                import.origin(fmt::format("Downlink_Latency_ns of tier {}, and what its switches "
                                          "differ from those of tier 0",
                                          i)));
    import.add(link);
  }
}

Json plane_of(const Import& import, const Tree& t) {
  Json plane;
  plane["name"] = "net";
  plane["role"] = "scale_out";
  plane["shape"] = t.tiers == 3 ? "fat_tree" : "clos";
  plane["link"] = import.name + "-tier0";
  plane["links_per_device"] = 1;
  plane["switch_latency"] = quantity(static_cast<double>(t.switch_latency[0]), "ns");
  plane["devices_per_leaf"] = t.leaf;
  plane["oversubscription"] = t.oversubscription[0];
  plane["uplink"] = import.name + "-tier1";
  plane["spines"] = t.spines;
  if (t.tiers == 2) return plane;
  plane["leaves_per_pod"] = t.leaves_per_pod;
  plane["cores_per_spine"] = t.cores;
  plane["pod_oversubscription"] = t.oversubscription[1];
  plane["core_link"] = import.name + "-tier2";
  return plane;
}

}  // namespace

void import_htsim(Import& import) {
  const TopoReader file(import);
  const Tree tree = check(file);
  add_links(import, tree, link_latencies(tree, file.tier(0).span()));
  const std::string software = import.name + "-software";
  add_software(import, software, Json::array(), {});
  const std::string chip = add_chip(import, {}, software);
  Part system("system", import.name, "Imported from " + file_name(import.file));
  system["description"] =
      fmt::format("HTsim fat tree of {} tiers; a device is a host.", tree.tiers);
  system["vendor"] = "imported";
  system["chip"] = chip;
  system["nodes"] = tree.nodes;
  system["chips_per_node"] = 1;
  system["planes"] = Json::array({plane_of(import, tree)});
  system.source("/nodes", import.origin("Nodes"));
  system.source("/chips_per_node", import.origin("a device is a host"));
  system.source("/planes", import.origin("radices, bundles and speeds of the tiers"));
  import.add(system);
  import.result.summary = fmt::format("HTsim fat tree: {} hosts, {} tiers, {} under a leaf",
                                      tree.nodes, tree.tiers, tree.leaf);
  import.note(
      "transfers spray over all paths; for one path per flow: --set "
      "system." +
      import.name +
      ".planes.net.spreading=hash (the links of a Bundle are then one path of their sum)");
}

}  // namespace xpusim::importer
