// NCCL's topology file (NCCL_TOPO_FILE, NCCL_TOPO_DUMP_FILE): one node as a tree system > cpu > pci
// (bridges nest) > gpu | nic > net, and nvlink below gpu. Files that clouds ship hold PCI devices
// only; their class says what is a GPU and what a NIC.
#include <pugixml.hpp>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "import/formats.hpp"

namespace xpusim::importer {
namespace {

constexpr std::size_t kDeepest = 64;

struct Net {
  std::string name;
  std::int64_t speed = 0;  ///< Mbit/s; 0 = not given
  double latency = 0;      ///< microseconds; 0 = not given
  bool infiniband = false;
  std::vector<std::size_t> way;  ///< bridges from the host down, innermost last
  SourceSpan span;
};
struct NvLink {
  std::string target;
  std::int64_t count = 0;
  bool to_switch = false;
  SourceSpan span;
};
struct Gpu {
  std::string busid;
  int sm = 0;  ///< 0 = not given
  std::vector<NvLink> links;
  std::vector<std::size_t> way;
  SourceSpan span;
};

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : static_cast<char>(c);
  });
  return text;
}

class XmlReader {
 public:
  explicit XmlReader(Import& import) : import_(import), buffer_(import.file->text) {
    const pugi::xml_parse_result parsed = document_.load_buffer_inplace(
        buffer_.data(), buffer_.size(), pugi::parse_default, pugi::encoding_utf8);
    if (!parsed) {
      refuse("xml-syntax", fmt::format("the file is no XML: {}", parsed.description()),
             span(static_cast<std::size_t>(std::max<std::ptrdiff_t>(0, parsed.offset)), 1),
             "NCCL_TOPO_DUMP_FILE=topo.xml makes NCCL write one");
    }
    const pugi::xml_node root = document_.document_element();
    if (std::strcmp(root.name(), "system") != 0) {
      refuse("xml-shape", fmt::format("the file begins with '{}', not with 'system'", root.name()),
             at(root), "a topology file of NCCL reads <system version=\"1\"> <cpu> <pci> ...");
    }
    check_attributes(root);
    read_children(root, {}, {}, 0);
    for (const auto& [name, count] : ignored_) {
      import_.ignore(count == 1 ? name : fmt::format("{} ({} times)", name, count));
    }
  }

  std::vector<Gpu> gpus;
  std::vector<Net> nets;
  std::vector<Net> unnamed_nics;  ///< NICs of which the file gives no network device
  std::size_t hosts = 0;          ///< cpu elements: NUMA nodes

  [[nodiscard]] SourceSpan whole() const { return {import_.file, 0, 0}; }

 private:
  /// What a device inherits from the pci elements above it.
  struct Above {
    std::string busid, device_class;
  };

  [[nodiscard]] SourceSpan span(std::size_t offset, std::size_t length) const {
    offset = std::min(offset, import_.file->text.size());
    return {import_.file, offset, std::min(length, import_.file->text.size() - offset)};
  }
  [[nodiscard]] SourceSpan at(const pugi::xml_node& node) const {
    return span(static_cast<std::size_t>(std::max<std::ptrdiff_t>(0, node.offset_debug())),
                std::strlen(node.name()));
  }
  /// Values point into the buffer, which was parsed in place.
  [[nodiscard]] SourceSpan at(const pugi::xml_attribute& attribute) const {
    const char* value = attribute.value();
    const bool inside = value >= buffer_.data() && value < buffer_.data() + buffer_.size();
    return inside ? span(static_cast<std::size_t>(value - buffer_.data()),
                         std::max<std::size_t>(1, std::strlen(value)))
                  : whole();
  }

  void check_attributes(const pugi::xml_node& node) {
    std::set<std::string_view> seen;
    for (const pugi::xml_attribute& a : node.attributes()) {
      if (seen.insert(a.name()).second) continue;
      refuse("duplicate-key", fmt::format("'{}' of '{}' stands twice", a.name(), node.name()),
             at(a), "keep one of them");
    }
  }
  void ignore_others(const pugi::xml_node& node, std::initializer_list<std::string_view> used) {
    for (const pugi::xml_attribute& a : node.attributes()) {
      if (std::find(used.begin(), used.end(), std::string_view(a.name())) == used.end())
        ++ignored_[fmt::format("{}.{}", node.name(), a.name())];
    }
  }

  void read_children(const pugi::xml_node& parent, std::vector<std::size_t> way, const Above& above,
                     std::size_t depth) {
    if (depth > kDeepest) {
      refuse("too-deep", "elements nest too deeply", at(parent), "a topology has a few levels");
    }
    for (const pugi::xml_node& node : parent.children()) {
      if (node.type() != pugi::node_element) continue;
      check_attributes(node);
      const std::string_view name = node.name();
      if (name == "cpu") {
        ++hosts;
        ignore_others(node, {"numaid"});
        way = {next_place_++};
        read_children(node, way, {}, depth + 1);
      } else if (name == "pci") {
        read_pci(node, way, depth);
      } else if (name == "gpu") {
        read_gpu(node, way, above);
      } else if (name == "nic") {
        ignore_others(node, {});
        read_nic(node, way, above);
      } else {
        ++ignored_[std::string(name)];
      }
    }
  }

  void read_pci(const pugi::xml_node& node, const std::vector<std::size_t>& way,
                std::size_t depth) {
    ignore_others(node, {"busid", "class"});
    const Above here{lower(node.attribute("busid").value()),
                     lower(node.attribute("class").value())};
    const auto is = [&](const char* prefix) { return here.device_class.starts_with(prefix); };
    const bool gpu = node.child("gpu") || is("0x0302") || is("0x0300");
    const bool nic = node.child("nic") || is("0x0200") || is("0x0207");
    if (gpu || nic) {  // the device itself is no step of the way
      read_children(node, way, here, depth + 1);
      if (gpu && !node.child("gpu")) gpus.push_back({here.busid, 0, {}, way, at(node)});
      if (nic && !node.child("nic")) {
        unnamed_nics.push_back({here.busid, 0, 0, is("0x0207"), way, at(node)});
      }
      return;
    }
    if (here.device_class.empty()) {
      ++ignored_["pci without a class: GPU, NIC or bridge"];
    }
    std::vector<std::size_t> down = way;
    down.push_back(next_place_++);
    read_children(node, down, here, depth + 1);
  }

  void read_gpu(const pugi::xml_node& node, const std::vector<std::size_t>& way,
                const Above& above) {
    ignore_others(node, {"sm"});
    Gpu gpu{above.busid, 0, {}, way, at(node)};
    if (const pugi::xml_attribute sm = node.attribute("sm")) {
      gpu.sm = static_cast<int>(whole_number(sm.value(), at(sm), "'sm'", 1, 1000));
    }
    for (const pugi::xml_node& child : node.children()) {
      if (child.type() != pugi::node_element) continue;
      check_attributes(child);
      if (std::strcmp(child.name(), "nvlink") != 0) {
        ++ignored_[child.name()];
        continue;
      }
      ignore_others(child, {"target", "count", "tclass"});
      NvLink link;
      link.target = lower(need(child, "target").value());
      const pugi::xml_attribute count = need(child, "count");
      link.count = whole_number(count.value(), at(count), "'count'", 1, 1000);
      link.to_switch = lower(child.attribute("tclass").value()).starts_with("0x0680");
      link.span = at(child);
      gpu.links.push_back(std::move(link));
    }
    gpus.push_back(std::move(gpu));
  }

  pugi::xml_attribute need(const pugi::xml_node& node, const char* name) {
    const pugi::xml_attribute found = node.attribute(name);
    if (!found) {
      refuse("missing-key", fmt::format("'{}' has no '{}'", node.name(), name), at(node),
             "NCCL writes target, count and tclass");
    }
    return found;
  }

  void read_nic(const pugi::xml_node& node, const std::vector<std::size_t>& way,
                const Above& above) {
    bool any = false;
    for (const pugi::xml_node& child : node.children()) {
      if (child.type() != pugi::node_element) continue;
      check_attributes(child);
      if (std::strcmp(child.name(), "net") != 0) {
        ++ignored_[child.name()];
        continue;
      }
      any = true;
      ignore_others(child, {"name", "speed", "latency"});
      Net net{child.attribute("name").value(),          0,   0,
              above.device_class.starts_with("0x0207"), way, at(child)};
      if (const pugi::xml_attribute speed = child.attribute("speed")) {
        net.speed = whole_number(speed.value(), at(speed), "'speed'", 0, 100'000'000);
      }
      if (const pugi::xml_attribute latency = child.attribute("latency")) {
        net.latency = number(latency.value(), at(latency), "'latency'", {0, 1e6, true});
      }
      nets.push_back(std::move(net));
    }
    if (!any) unnamed_nics.push_back({above.busid, 0, 0, false, way, at(node)});
  }

  Import& import_;
  std::string buffer_;
  pugi::xml_document document_;
  std::size_t next_place_ = 0;
  std::map<std::string, int> ignored_;
};

// ---------------------------------------------------------------- nearest NIC

enum Distance { kPix, kPxb, kPhb, kSys };
constexpr std::array<std::string_view, 4> kDistances{"PIX", "PXB", "PHB", "SYS"};

/// One bridge apart, several bridges, through the host's bridge, through another host.
Distance distance(const std::vector<std::size_t>& a, const std::vector<std::size_t>& b) {
  std::size_t common = 0;
  while (common < std::min(a.size(), b.size()) && a[common] == b[common]) ++common;
  if (common == 0) return kSys;
  if (common == 1) return kPhb;
  return common == a.size() && common == b.size() ? kPix : kPxb;
}

/// "PIX for all 8 GPUs", "PIX for 4, PHB for 4 of 8 GPUs".
std::string nearest(const XmlReader& node, const std::vector<Net>& nics) {
  std::map<Distance, int> count;
  for (const Gpu& gpu : node.gpus) {
    Distance best = kSys;
    for (const Net& nic : nics) best = std::min(best, distance(gpu.way, nic.way));
    ++count[best];
  }
  std::vector<std::string> words;
  for (const auto& [where, gpus] : count)
    words.push_back(fmt::format("{} for {}", kDistances[where], gpus));
  return fmt::format("nearest NIC: {} of {} GPUs", fmt::join(words, ", "), node.gpus.size());
}

// ---------------------------------------------------------------- planes

int generation(const XmlReader& node) {
  std::set<int> all;
  for (const Gpu& gpu : node.gpus) all.insert(gpu.sm / 10);
  return all.size() == 1 ? *all.begin() : 0;
}

std::string chip_hint(int generation) {
  const char* example = generation == 8    ? "--chip nvidia-a100-sxm-80"
                        : generation == 10 ? "--chip nvidia-b200"
                                           : "--chip nvidia-h100-sxm";
  return fmt::format("name the chip part of the GPUs, such as {} (xpusim list chips)", example);
}

/// "nvlink4:18" where a cloud's file leaves NVLink out: switches join the GPUs.
std::optional<Json> given_nvlink_plane(Import& import, const XmlReader& node) {
  const std::string& text = import.options.nvlink;
  if (text.empty()) {
    import.note(
        "no nvlink elements: no plane inside the node; --nvlink PART:COUNT (nvlink4:18) for one");
    return std::nullopt;
  }
  const std::size_t colon = text.find(':');
  if (colon == 0 || colon == std::string::npos) {
    refuse("bad-nvlink", fmt::format("--nvlink is '{}'", text), {},
           "write PART:COUNT, such as nvlink4:18");
  }
  const std::int64_t count =
      whole_number(std::string_view(text).substr(colon + 1), {}, "the count of --nvlink", 1, 1000);
  import.note("NVLinks are as --nvlink says, to switches without oversubscription");
  return Json{{"name", "nvlink"},
              {"role", "scale_up"},
              {"shape", "switch"},
              {"domain", node.gpus.size()},
              {"link", text.substr(0, colon)},
              {"links_per_device", count},
              {"switch_latency", "300 ns"}};
}

std::optional<Json> nvlink_plane(Import& import, const XmlReader& node) {
  std::int64_t links = -1;
  std::size_t switches = 0, targets = 0;
  std::set<std::string> busids;
  for (const Gpu& gpu : node.gpus) busids.insert(gpu.busid);
  bool equal = true, all_switches = true, all_gpus = true;
  for (const Gpu& gpu : node.gpus) {
    std::int64_t sum = 0;
    std::set<std::string> ends;
    std::int64_t least = 0, most = 0;
    for (const NvLink& link : gpu.links) {
      sum += link.count;
      least = least == 0 ? link.count : std::min(least, link.count);
      most = std::max(most, link.count);
      ends.insert(link.target);
      all_switches = all_switches && link.to_switch;
      all_gpus =
          all_gpus && !link.to_switch && link.target != gpu.busid && busids.count(link.target) > 0;
    }
    if (links < 0) links = sum, targets = ends.size();
    equal = equal && sum == links && ends.size() == targets && (all_switches || least == most);
    switches = std::max(switches, ends.size());
  }
  if (links <= 0 && equal) return given_nvlink_plane(import, node);
  if (!import.options.nvlink.empty()) import.ignore("--nvlink (the file has nvlink elements)");
  Json plane;
  plane["name"] = "nvlink";
  plane["role"] = "scale_up";
  const bool mesh = all_gpus && targets + 1 == node.gpus.size();
  if (!equal || !(all_switches || mesh)) {
    const Gpu& first = node.gpus.front();
    refuse("nvlink-uneven",
           "NVLinks neither join every GPU to switches alike nor all pairs of GPUs alike",
           first.links.empty() ? first.span : first.links.front().span,
           "no shape of plane is like that: describe the system by hand, or remove the nvlink "
           "elements");
  }
  plane["shape"] = mesh ? "full_mesh" : "switch";
  plane["domain"] = node.gpus.size();
  const int sm = generation(node);
  const char* part = sm == 8 ? "nvlink3" : sm == 9 ? "nvlink4" : sm == 10 ? "nvlink5" : nullptr;
  if (part == nullptr) {
    refuse("nvlink-generation", "the file does not say which NVLink this is",
           node.gpus.front().span, "write sm=\"80\", \"90\" or \"100\" at every gpu element");
  }
  plane["link"] = part;
  plane["links_per_device"] = links;
  if (!mesh) {
    plane["sub_planes"] = switches;
    plane["switch_latency"] = "300 ns";
  }
  import.note(fmt::format("NVLink rate and latency are those of the link part '{}'", part));
  return plane;
}

/// NICs that carry the job: those of the highest speed.
std::vector<Net> job_nics(Import& import, const XmlReader& node) {
  std::int64_t highest = 0;
  for (const Net& net : node.nets) highest = std::max(highest, net.speed);
  std::vector<Net> used;
  if (highest == 0) {
    used = node.nets;
    used.insert(used.end(), node.unnamed_nics.begin(), node.unnamed_nics.end());
    return used;
  }
  for (const Net& net : node.nets) {
    if (net.speed == highest) {
      used.push_back(net);
    } else {
      import.ignore(
          fmt::format("net {} of {} Mbit/s (others have {})", net.name, net.speed, highest));
    }
  }
  return used;
}

void add_nic_link(Import& import, const std::string& name, const Net& net) {
  Part link("link", name, "NIC port of " + import.name);
  link["bandwidth"] = quantity(static_cast<double>(net.speed) / 1000, "Gbit/s");
  link["latency"] = "200 ns";
  link["endpoint_latency"] = net.latency > 0  ? quantity(net.latency, "us")
                             : net.infiniband ? std::string("2.15 us")
                                              : std::string("2.4 us");
  link.source("/bandwidth", import.origin("speed of the net elements, Mbit/s"));
  link.source("/latency",
              {"link parts ib-ndr400 and roce-400", "as there: FEC and fibre of one hop"});
  link.source("/endpoint_latency",
              net.latency > 0
                  ? import.origin("latency of the net elements, microseconds")
                  : Origin{net.infiniband ? "link part ib-ndr400" : "link part roce-400",
                           "as there: the file gives no latency"});
  import.add(link);
}

/// One switch over all nodes: the file ends at the NICs.
std::optional<Json> nic_plane(Import& import, const XmlReader& node, const std::vector<Net>& nics) {
  if (nics.empty()) return std::nullopt;
  std::string link = import.options.nic;
  if (nics.front().speed > 0) {
    if (!link.empty()) import.ignore("--nic (the file gives the NICs' speed)");
    link = import.name + "-nic";
    add_nic_link(import, link, nics.front());
  } else if (link.empty()) {
    import.note(
        fmt::format("{} NICs without a speed: no plane between nodes; --nic LINK names their "
                    "link part, such as ib-ndr400",
                    nics.size()));
    return std::nullopt;
  }
  Json plane;
  plane["name"] = "nic";
  plane["role"] = "scale_out";
  plane["shape"] = "switch";
  plane["link"] = link;
  plane["links_per_device"] =
      static_cast<double>(nics.size()) / static_cast<double>(node.gpus.size());
  if (nics.size() % node.gpus.size() == 0) plane["sub_planes"] = nics.size() / node.gpus.size();
  import.note(
      "the network beyond the NICs is taken as one switch without oversubscription: the file "
      "ends there");
  return plane;
}

}  // namespace

void import_nccl(Import& import) {
  const XmlReader node(import);
  if (node.gpus.empty()) {
    refuse("no-gpu",
           "the file names no GPU: no gpu element, and no pci element of class 0x0302 or 0x0300",
           node.whole(), "dump the topology on the machine itself: NCCL_TOPO_DUMP_FILE=topo.xml");
  }
  if (import.options.chip.empty()) {
    refuse("missing-chip",
           fmt::format("the file has {} GPUs and does not say which", node.gpus.size()),
           node.gpus.front().span, chip_hint(generation(node)));
  }
  const std::vector<Net> nics = job_nics(import, node);
  Part system("system", import.name, "Imported from " + file_name(import.file));
  Json planes = Json::array();
  if (std::optional<Json> plane = nvlink_plane(import, node)) planes.push_back(std::move(*plane));
  const bool nvlink = !planes.empty();
  if (std::optional<Json> plane = nic_plane(import, node, nics))
    planes.push_back(std::move(*plane));
  if (planes.empty()) {
    refuse("no-network", "the file holds neither NVLinks nor the speed of a NIC", node.whole(),
           nics.empty()
               ? "dump the topology on the machine itself: NCCL_TOPO_DUMP_FILE=topo.xml"
               : "name the link part of the NICs, such as --nic ib-ndr400 (xpusim list links)");
  }
  const std::string where = nics.empty() ? "no NIC" : nearest(node, nics);
  const int nodes = std::max(1, import.options.nodes);
  system["description"] = fmt::format("NCCL topology: {} GPUs and {} NICs under {} NUMA nodes; {}.",
                                      node.gpus.size(), nics.size(), node.hosts, where);
  system["vendor"] = "imported";
  system["chip"] = import.options.chip;
  system["nodes"] = nodes;
  system["chips_per_node"] = node.gpus.size();
  if (nvlink) system["supernode_chips"] = node.gpus.size();
  system["planes"] = planes;
  system.source("/nodes", {"xpusim import", "--nodes; the file describes one"});
  system.source("/chips_per_node", import.origin("gpu elements, or pci elements of their class"));
  if (nvlink) system.source("/supernode_chips", import.origin("GPUs that NVLinks join"));
  system.source("/planes", import.origin("nvlink and net elements, counted per GPU"));
  if (nvlink && planes[0].contains("switch_latency")) {
    system.source("/planes/0/switch_latency", {"system part dgx-h100", "as there"});
  }
  import.add(system);
  import.result.summary =
      fmt::format("NCCL topology: {} GPUs, {} NICs; {}", node.gpus.size(), nics.size(), where);
  import.note("PCIe is not modelled: distances to NICs are reported only");
}

}  // namespace xpusim::importer
