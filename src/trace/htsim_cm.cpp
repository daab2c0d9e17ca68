// htsim's connection matrix (csg-htsim, sim/datacenter/connection_matrix.cpp), read and written.
#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "trace/connections.hpp"
#include "trace/formats.hpp"
#include "trace/text_input.hpp"

namespace xpusim::trace {
namespace {

constexpr std::uint64_t kMostNodes = 1u << 20;
constexpr std::uint64_t kMostId = 0xffffffffu;
constexpr double kPicosecondsPerNanosecond = 1000;

class MatrixReader {
 public:
  explicit MatrixReader(const TextInput& input) : input_(input) {}

  RecordedTrace read() {
    LineReader lines(input_.text());
    for (std::string_view line; lines.next(line);) {
      split_words(line, words_);
      if (words_.empty() || words_[0].starts_with("#")) continue;
      at_ = 1;
      read_line();
    }
    check_counts();
    apply_triggers();
    RecordedTrace result =
        connections_trace(static_cast<std::uint32_t>(nodes_->value), input_.name(), connections_);
    result.notes.emplace_back("start is read as picoseconds, as csg-htsim reads it");
    const auto note = [&](std::uint64_t count, std::string_view what) {
      if (count > 0) result.notes.push_back(fmt::format("{}: {}", what, count));
    };
    note(rounded_, "starts rounded to whole nanoseconds");
    note(priorities_, "ignored: prio");
    note(to_itself_, "connections of a node to itself, which take no time");
    return result;
  }

 private:
  struct Counted {
    std::uint64_t value = 0;
    std::string_view word;
  };
  struct Trigger {
    std::string_view where;
    std::string_view kind;  ///< oneshot, multishot, barrier; "" = not defined
    std::uint64_t count = 0;
    std::vector<std::uint32_t> fired_by, starts;  ///< connections
    std::string_view used_at;
  };

  void read_line() {
    const std::string_view first = words_[0];
    if (first == "Nodes") return header(nodes_);
    if (first == "Connections") return header(announced_connections_);
    if (first == "Triggers") return header(announced_triggers_);
    if (first == "Failures") return header(announced_failures_);
    if (first == "trigger") return trigger();
    if (first == "failure")
      input_.fail("trace-format", "a failed link belongs to the system, not to the traffic", first,
                  "remove the failure lines");
    if (first.find("->") != std::string_view::npos) return connection();
    input_.fail("trace-format",
                fmt::format("{} begins no line of a connection matrix", in_quotes(first)), first,
                help_for_word(first, {"Nodes", "Connections", "Triggers", "Failures", "trigger"}) +
                    "; a connection is: 0->1 id 1 start 0 size 2000000");
  }

  std::string_view value(std::string_view key) {
    if (at_ == words_.size())
      input_.fail("trace-value", fmt::format("{} has no value", key), key,
                  fmt::format("write {} and a number", key));
    return words_[at_++];
  }

  std::uint64_t whole(std::string_view key, std::uint64_t least, std::uint64_t most) {
    const std::string_view word = value(key);
    std::uint64_t number = 0;
    if (!parse_whole(word, number) || number < least || number > most)
      input_.fail("trace-value",
                  fmt::format("{} is {}; {} to {} is needed", key, in_quotes(word), least, most),
                  word, "a whole number is needed");
    return number;
  }

  void header(std::optional<Counted>& counted) {
    if (counted)
      input_.fail("trace-format", fmt::format("{} is given twice", words_[0]), words_[0],
                  "keep one of them");
    const bool nodes = &counted == &nodes_;
    const std::uint64_t number = whole(words_[0], nodes ? 1 : 0, nodes ? kMostNodes : kMostId);
    counted = Counted{number, words_[1]};
    end_of_line();
  }

  void end_of_line() {
    if (at_ < words_.size())
      input_.fail("trace-format",
                  fmt::format("nothing is expected after {}", in_quotes(words_[at_ - 1])),
                  words_[at_], "one thing per line");
  }

  void connection() {
    Connection made;
    const std::string_view ends = words_[0];
    const std::size_t arrow = ends.find("->");
    made.from = node(ends.substr(0, arrow), ends);
    made.to = node(ends.substr(arrow + 2), ends);
    made.name = std::string(ends);
    made.offset = static_cast<std::uint64_t>(ends.data() - input_.text().data());
    const auto index = static_cast<std::uint32_t>(connections_.size());
    bool started = false, sized = false, triggered = false;
    while (at_ < words_.size()) {
      const std::string_view key = words_[at_++];
      if (key == "start") {
        made.start_nanos = start(key);
        started = true;
      } else if (key == "size") {
        made.bytes = whole(key, 0, (std::uint64_t{1} << 63) - 1);
        sized = true;
      } else if (key == "id") {
        made.name += fmt::format(" id {}", whole(key, 1, kMostId));
      } else if (key == "prio") {
        (void)whole(key, 0, kMostId);
        ++priorities_;
      } else if (key == "trigger") {
        triggers_[use(key)].starts.push_back(index);
        triggered = true;
      } else if (key == "send_done_trigger" || key == "recv_done_trigger") {
        triggers_[use(key)].fired_by.push_back(index);
      } else {
        input_.fail("trace-format", fmt::format("a connection has no {}", in_quotes(key)), key,
                    key == "addon"
                        ? "connections that are restarted cannot be replayed"
                        : help_for_word(key, {"id", "start", "size", "prio", "trigger",
                                              "send_done_trigger", "recv_done_trigger"}));
      }
    }
    if (started == triggered)
      input_.fail("trace-format",
                  fmt::format("connection {} has {}", in_quotes(ends),
                              started ? "both a start and a trigger" : "no start"),
                  ends, "give start in picoseconds, or the trigger that starts it");
    if (!sized)
      input_.fail("trace-format", fmt::format("connection {} has no size", in_quotes(ends)), ends,
                  "give size in bytes");
    if (made.from == made.to) ++to_itself_;
    connections_.push_back(std::move(made));
  }

  std::uint64_t use(std::string_view key) {
    const std::string_view where = at_ < words_.size() ? words_[at_] : key;
    const std::uint64_t id = whole(key, 1, kMostId);
    Trigger& trigger = triggers_[id];
    if (trigger.used_at.empty()) trigger.used_at = where;
    return id;
  }

  std::uint32_t node(std::string_view word, std::string_view whole_word) {
    if (!nodes_)
      input_.fail("trace-format", "a connection before the number of nodes", whole_word,
                  "begin with: Nodes 16");
    std::uint64_t number = 0;
    if (!parse_whole(word, number) || number >= nodes_->value)
      input_.fail("trace-ranks",
                  fmt::format("{} names {}; the matrix has {} nodes", in_quotes(whole_word),
                              in_quotes(word), nodes_->value),
                  whole_word, "write SOURCE->DESTINATION, counted from 0");
    return static_cast<std::uint32_t>(number);
  }

  std::uint64_t start(std::string_view key) {
    const std::string_view word = value(key);
    double picoseconds = 0;
    if (!parse_decimal(word, picoseconds) || picoseconds < 0 || picoseconds > 9e18)
      input_.fail("trace-value", fmt::format("start is {}; 0 or more is needed", in_quotes(word)),
                  word, "starts are picoseconds");
    const double nanos = std::round(picoseconds / kPicosecondsPerNanosecond);
    if (nanos * kPicosecondsPerNanosecond != picoseconds) ++rounded_;
    return static_cast<std::uint64_t>(nanos);
  }

  void trigger() {
    Trigger read;
    read.where = words_[0];
    std::optional<std::uint64_t> id;
    while (at_ < words_.size()) {
      const std::string_view key = words_[at_++];
      if (key == "id")
        id = whole(key, 1, kMostId);
      else if (key == "count")
        read.count = whole(key, 0, kMostId);
      else if ((key == "oneshot" || key == "multishot" || key == "barrier") && read.kind.empty())
        read.kind = key;
      else
        input_.fail("trace-format", fmt::format("{} does not belong to a trigger", in_quotes(key)),
                    key, "write: trigger id 1 oneshot, or: trigger id 1 barrier count 2");
    }
    if (!id || read.kind.empty())
      input_.fail("trace-format", fmt::format("a trigger without {}", id ? "kind" : "id"),
                  words_[0], "write: trigger id 1 oneshot, or: trigger id 1 barrier count 2");
    Trigger& known = triggers_[*id];
    if (!known.kind.empty())
      input_.fail("trace-format", fmt::format("trigger {} is defined twice", *id), words_[0],
                  "keep one of them");
    known.where = read.where;
    known.kind = read.kind;
    known.count = read.count;
    ++defined_triggers_;
  }

  void check_count(const std::optional<Counted>& announced, std::uint64_t found,
                   std::string_view what) {
    const std::uint64_t said = announced ? announced->value : 0;
    if (said == found) return;
    input_.fail("trace-format", fmt::format("{} {} announced, {} found", said, what, found),
                announced ? announced->word : nodes_->word,
                "the file is cut off, or this is wrong");
  }

  void check_counts() {
    if (!nodes_)
      input_.fail("trace-format", "no line gives the number of nodes", input_.text().substr(0, 0),
                  "begin with: Nodes 16");
    check_count(announced_connections_, connections_.size(), "connections");
    check_count(announced_triggers_, defined_triggers_, "triggers");
    if (announced_failures_ && announced_failures_->value > 0)
      check_count(announced_failures_, 0, "failures");
  }

  /// A trigger becomes dependencies where it fires once, at a rank that the started connections
  /// leave from.
  void apply_triggers() {
    for (auto& [id, t] : triggers_) {
      if (t.kind.empty())
        input_.fail("trace-dependency", fmt::format("trigger {} is used but not defined", id),
                    t.used_at, fmt::format("add: trigger id {} oneshot", id));
      if (t.starts.empty()) continue;
      if (t.fired_by.empty())
        input_.fail("trace-dependency", fmt::format("no connection fires trigger {}", id), t.where,
                    "add recv_done_trigger to the connection that must end first");
      // MultiShotTrigger::activate (csg-htsim, sim/trigger.cpp) starts one connection per firing.
      if (t.kind == "multishot" && t.starts.size() > t.fired_by.size())
        input_.fail(
            "trace-dependency",
            fmt::format("trigger {} (multishot) starts one connection each time; {} firings "
                        "never start {} connections",
                        id, t.fired_by.size(), t.starts.size()),
            t.where, "make it a oneshot, which starts all at once");
      const std::uint64_t needed = t.kind == "barrier" ? t.count : 1;
      if (needed != t.fired_by.size())
        input_.fail(
            "trace-dependency",
            fmt::format("trigger {} ({}) fires after {} of the {} connections that can fire "
                        "it: which ones is not known before the run",
                        id, t.kind, needed, t.fired_by.size()),
            t.where, "let one connection fire it, or make it a barrier of all");
      for (const std::uint32_t started : t.starts)
        for (const std::uint32_t before : t.fired_by) depend(id, t, started, before);
    }
  }

  void depend(std::uint64_t id, const Trigger& t, std::uint32_t started, std::uint32_t before) {
    Connection& later = connections_[started];
    const Connection& earlier = connections_[before];
    if (later.from != earlier.from && later.from != earlier.to)
      input_.fail("trace-dependency",
                  fmt::format("trigger {} starts {} at node {} when {} ends elsewhere", id,
                              later.name, later.from, earlier.name),
                  t.where, "a node can only wait for its own connections");
    later.after.push_back(before);
  }

  const TextInput& input_;
  std::vector<std::string_view> words_;
  std::size_t at_ = 0;
  std::optional<Counted> nodes_, announced_connections_, announced_triggers_, announced_failures_;
  std::vector<Connection> connections_;
  std::map<std::uint64_t, Trigger> triggers_;
  std::uint64_t defined_triggers_ = 0, rounded_ = 0, priorities_ = 0, to_itself_ = 0;
};

}  // namespace

RecordedTrace parse_htsim_cm(std::string text, std::string name) {
  const TextInput input(std::move(text), std::move(name));
  return MatrixReader(input).read();
}

}  // namespace xpusim::trace

namespace xpusim {
namespace {

[[noreturn]] void refuse_matrix(const ChakraTrace& trace, std::uint32_t rank,
                                const ChakraFile& file, const ChakraNode& node) {
  throw InputError("trace-format",
                   fmt::format("{}: rank {} node {} \"{}\" is more than a transfer at a fixed time",
                               trace.prefix, rank, node.id, file.text(node.name)),
                   "a connection matrix holds transfers with start times only; convert to chakra");
}

/// Host work that nothing but host work precedes: when it ends.
class StartTimes {
 public:
  explicit StartTimes(const ChakraFile& file) : file_(file) {
    for (std::size_t i = 0; i < file.nodes.size(); ++i) place_[file.nodes[i].id] = i;
  }

  /// Where the node's dependencies end, if all of them are such host work.
  std::optional<std::uint64_t> ready(const ChakraNode& node) { return ready(node, 0); }
  /// Remembers when host work ends, so that a long chain in file order takes no deep recursion.
  void remember(std::size_t place) { (void)end(place, 0); }

 private:
  static constexpr int kDeepest = 10000;  ///< a chain longer than this is no list of start times

  std::optional<std::uint64_t> ready(const ChakraNode& node, int depth) {
    std::uint64_t latest = 0;
    for (std::uint32_t d = 0; d < node.data_deps; ++d) {
      const auto it = place_.find(file_.data_dep_ids[node.first_data_dep + d]);
      if (it == place_.end()) return std::nullopt;
      const auto end = this->end(it->second, depth);
      if (!end) return std::nullopt;
      latest = std::max(latest, *end);
    }
    return latest;
  }

  std::optional<std::uint64_t> end(std::size_t place, int depth) {
    const ChakraNode& node = file_.nodes[place];
    if (!node.is_cpu_op || node.type != ChakraNodeType::comp || depth > kDeepest)
      return std::nullopt;
    if (const auto known = ends_.find(place); known != ends_.end()) return known->second;
    const auto start = ready(node, depth + 1);
    if (!start) return std::nullopt;
    return ends_[place] = *start + node.duration_nanos;
  }

  const ChakraFile& file_;
  std::map<std::uint64_t, std::size_t> place_;
  std::map<std::size_t, std::uint64_t> ends_;
};

}  // namespace

std::string htsim_cm_text(const RecordedTrace& recorded) {
  const ChakraTrace& trace = recorded.trace;
  std::string lines;
  std::uint64_t connections = 0;
  for (std::uint32_t rank = 0; rank < trace.ranks.size(); ++rank) {
    const ChakraFile& file = *trace.ranks[rank];
    StartTimes times(file);
    for (std::size_t i = 0; i < file.nodes.size(); ++i) times.remember(i);
    for (const ChakraNode& node : file.nodes) {
      if (node.type == ChakraNodeType::comp && node.is_cpu_op) continue;
      const bool receives = node.type == ChakraNodeType::comm_recv && node.data_deps == 0;
      if (receives) continue;
      const bool sends = node.type == ChakraNodeType::comm_send && node.comm_dst >= 0;
      const auto start = sends ? times.ready(node) : std::nullopt;
      if (!start) refuse_matrix(trace, rank, file, node);
      lines += fmt::format("{}->{} id {} start {} size {}\n", rank, node.comm_dst, ++connections,
                           *start * 1000, node.comm_size);
    }
  }
  return fmt::format("Nodes {}\nConnections {}\n{}", trace.ranks.size(), connections, lines);
}

}  // namespace xpusim
