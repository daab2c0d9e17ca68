// GOAL schedules as text (LogGOPSim's txt2bin.re, ATLAHS): per rank a graph of sends, receives and
// calculations.
#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <queue>

#include <fmt/format.h>

#include "trace/formats.hpp"
#include "trace/text_input.hpp"

namespace xpusim::trace {
namespace {

constexpr std::uint32_t kMostGoalRanks = 1u << 22;
/// LogGOPSim's parameter S: up to it a send ends when it left, above it when it arrived.
constexpr std::uint64_t kEagerBytes = 65535;
constexpr std::uint64_t kAnyTag = 0xffffffffu;  ///< as the binary form stores it

enum class GoalKind : std::uint8_t { send, receive, calculation };

struct GoalOp {
  GoalKind kind = GoalKind::calculation;
  bool any_source = false, any_tag = false;
  std::uint64_t size = 0;  ///< bytes or nanoseconds
  std::uint32_t peer = 0, tag = 0, cpu = 0;
  std::string_view label, where;
};
struct GoalEdge {
  std::uint32_t waiter = 0, waits_for = 0;
  bool start_only = false;  ///< irequires
  std::string_view where;
};
struct GoalRank {
  bool given = false;
  std::vector<GoalOp> ops;
  std::vector<GoalEdge> edges;
};

// ---------------------------------------------------------------- text

/// Identifiers, whole numbers and single characters, without blanks and comments.
class GoalLexer {
 public:
  explicit GoalLexer(const TextInput& input) : input_(input), rest_(input.text()) { advance(); }

  /// The next token; "" at the end.
  [[nodiscard]] std::string_view peek() const { return token_; }
  std::string_view take() {
    const std::string_view token = token_;
    advance();
    return token;
  }
  bool take_if(std::string_view wanted) {
    if (token_ != wanted) return false;
    advance();
    return true;
  }
  [[nodiscard]] bool at_end() const { return token_.empty(); }
  /// Does a number follow the next token? What makes "tag" an option and no label.
  [[nodiscard]] bool number_follows() const {
    std::string_view after = rest_;
    while (!after.empty() && blank(after.front())) after.remove_prefix(1);
    return !after.empty() && (digit(after.front()) || after.front() == '-');
  }
  [[noreturn]] void expected(std::string_view what, std::string help) const {
    input_.fail("trace-format",
                at_end() ? fmt::format("{} expected at the end of the file", what)
                         : fmt::format("{} expected, not {}", what, in_quotes(token_)),
                at_end() && !input_.text().empty() ? input_.text().substr(input_.text().size() - 1)
                                                   : token_,
                std::move(help));
  }

 private:
  static bool digit(char c) { return c >= '0' && c <= '9'; }
  static bool letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
  static bool blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '\v';
  }

  void skip_blanks() {
    for (;;) {
      std::size_t n = 0;
      while (n < rest_.size() && blank(rest_[n])) ++n;
      rest_.remove_prefix(n);
      if (rest_.starts_with("//")) {
        const std::size_t end = rest_.find('\n');
        rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end);
      } else if (rest_.starts_with("/*")) {
        const std::size_t end = rest_.find("*/", 2);
        if (end == std::string_view::npos)
          input_.fail("trace-format", "a comment that begins with /* does not end",
                      rest_.substr(0, 2), "close it with */");
        rest_.remove_prefix(end + 2);
      } else {
        return;
      }
    }
  }

  void advance() {
    skip_blanks();
    std::size_t n = rest_.empty() ? 0 : 1;
    if (n == 1 && digit(rest_[0])) {
      while (n < rest_.size() && digit(rest_[n])) ++n;
    } else if (n == 1 && letter(rest_[0])) {
      while (n < rest_.size() && (letter(rest_[n]) || digit(rest_[n]) || rest_[n] == '_')) ++n;
    }
    token_ = rest_.substr(0, n);
    rest_.remove_prefix(n);
  }

  const TextInput& input_;
  std::string_view rest_, token_;
};

class GoalParser {
 public:
  explicit GoalParser(const TextInput& input) : input_(input), lexer_(input) {}

  std::vector<GoalRank> parse() {
    if (!lexer_.take_if("num_ranks"))
      lexer_.expected("num_ranks", "a schedule begins with the number of ranks: num_ranks 4");
    const std::string_view where = lexer_.peek();
    const std::uint64_t ranks = number("the number of ranks");
    if (ranks == 0 || ranks > kMostGoalRanks)
      input_.fail("trace-ranks", fmt::format("{} ranks; 1 to {} are read", ranks, kMostGoalRanks),
                  where, "check num_ranks");
    ranks_ = static_cast<std::uint32_t>(ranks);
    while (!lexer_.at_end()) rank_block();
    require_all_ranks(where);
    std::vector<GoalRank> result;
    result.reserve(found_.size());
    for (auto& [rank, content] : found_) result.push_back(std::move(content));
    return result;
  }

 private:
  static constexpr std::string_view kRankHelp = "write: rank 0 { ... }";

  bool is_number() const {
    const std::string_view token = lexer_.peek();
    return !token.empty() && token[0] >= '0' && token[0] <= '9';
  }
  bool is_label() const {
    const std::string_view token = lexer_.peek();
    return !token.empty() &&
           ((token[0] >= 'a' && token[0] <= 'z') || (token[0] >= 'A' && token[0] <= 'Z'));
  }

  std::uint64_t number(std::string_view what, std::uint64_t most = (std::uint64_t{1} << 63) - 1) {
    std::uint64_t value = 0;
    const std::string_view token = lexer_.peek();
    if (!is_number()) lexer_.expected(what, "a whole number is needed");
    if (!parse_whole(token, value) || value > most)
      input_.fail("trace-value", fmt::format("{} is {}; at most {} is read", what, token, most),
                  token, "a whole number is needed");
    (void)lexer_.take();
    return value;
  }

  void rank_block() {
    const std::string_view where = lexer_.peek();
    if (!lexer_.take_if("rank")) lexer_.expected("rank", std::string(kRankHelp));
    const std::string_view at = lexer_.peek();
    const std::uint64_t rank = number("a rank");
    if (rank >= ranks_)
      input_.fail("trace-ranks", fmt::format("rank {} of {} ranks", rank, ranks_), at,
                  "ranks count from 0 to num_ranks - 1");
    if (!lexer_.take_if("{")) lexer_.expected("{", std::string(kRankHelp));
    const auto [it, fresh] = found_.try_emplace(static_cast<std::uint32_t>(rank));
    if (!fresh)
      input_.fail("trace-ranks", fmt::format("rank {} is given twice", rank), where,
                  "write every rank once");
    current_ = &it->second;
    labels_.clear();
    while (!lexer_.take_if("}")) {
      if (lexer_.at_end()) lexer_.expected("}", std::string(kRankHelp));
      statement();
    }
  }

  void statement() {
    if (!is_label())
      lexer_.expected("send, recv, calc, a label or }",
                      "write: l1: send 8b to 1 tag 0, or: l2 requires l1");
    const std::string_view word = lexer_.take();
    if (lexer_.peek() == ":") {
      (void)lexer_.take();
      const std::string_view kind = lexer_.peek();
      if (kind != "send" && kind != "recv" && kind != "calc")
        lexer_.expected("send, recv or calc", "write: l1: calc 1500");
      (void)lexer_.take();
      return operation(kind, word);
    }
    if (word == "send" || word == "recv" || word == "calc") return operation(word, {});
    if (lexer_.peek() == "requires" || lexer_.peek() == "irequires") return dependency(word);
    lexer_.expected("\":\", requires or irequires after a label",
                    "write: l1: send 8b to 1 tag 0, or: l2 requires l1");
  }

  void operation(std::string_view kind, std::string_view label) {
    GoalOp op;
    op.where = label.empty() ? kind : label;
    op.label = label;
    if (kind == "calc") {
      op.size = number("the time of a calc");
    } else {
      op.kind = kind == "send" ? GoalKind::send : GoalKind::receive;
      message(op);
    }
    if (option("cpu")) op.cpu = static_cast<std::uint32_t>(number("a cpu", 255));
    if (kind != "calc" && option("nic") && number("a nic", 255) > 0) ++other_nics_;
    if (op.cpu > 0) ++other_cpus_;
    const auto index = static_cast<std::uint32_t>(current_->ops.size());
    if (!label.empty() && !labels_.try_emplace(label, index).second)
      input_.fail("trace-dependency", fmt::format("label {} is used twice", in_quotes(label)),
                  label, "labels are unique within a rank");
    current_->ops.push_back(op);
  }

  bool option(std::string_view word) {
    return lexer_.peek() == word && lexer_.number_follows() && lexer_.take_if(word);
  }

  void message(GoalOp& op) {
    op.size = number("the size of a message");
    if (!lexer_.take_if("b")) lexer_.expected("b after a message's size", "write: send 8b to 1");
    const bool sends = op.kind == GoalKind::send;
    if (!lexer_.take_if(sends ? "to" : "from"))
      lexer_.expected(sends ? "to" : "from",
                      sends ? "write: send 8b to 1" : "write: recv 8b from 0");
    const std::string_view at = lexer_.peek();
    op.any_source = !sends && minus_one();
    if (!op.any_source) {
      const std::uint64_t peer = number("a rank");
      if (peer >= ranks_)
        input_.fail("trace-ranks", fmt::format("rank {} of {} ranks", peer, ranks_), at,
                    "ranks count from 0 to num_ranks - 1");
      op.peer = static_cast<std::uint32_t>(peer);
    }
    if (!option("tag")) return;
    op.any_tag = !sends && minus_one();
    if (!op.any_tag) op.tag = static_cast<std::uint32_t>(number("a tag", kAnyTag));
    if (!sends && op.tag == kAnyTag) op.any_tag = true;
  }

  bool minus_one() {
    if (lexer_.peek() != "-") return false;
    (void)lexer_.take();
    if (!lexer_.take_if("1")) lexer_.expected("1 after -", "-1 stands for any");
    return true;
  }

  std::uint32_t labelled(std::string_view label) {
    if (const auto it = labels_.find(label); it != labels_.end()) return it->second;
    std::vector<std::string> known;
    for (const auto& [name, index] : labels_) {
      known.emplace_back(name);
      if (known.size() == 1000) break;
    }
    const std::string_view near = nearest_word(label, known);
    input_.fail("trace-dependency", fmt::format("no label {} before this line", in_quotes(label)),
                label,
                near.empty() ? "a label is known in its own rank, after its line"
                             : fmt::format("did you mean {}?", near));
  }

  void dependency(std::string_view waiter) {
    GoalEdge edge;
    edge.where = waiter;
    edge.waiter = labelled(waiter);
    edge.start_only = lexer_.take() == "irequires";
    if (!is_label()) lexer_.expected("a label", "write: l2 requires l1");
    edge.waits_for = labelled(lexer_.peek());
    (void)lexer_.take();
    current_->edges.push_back(edge);
  }

  void require_all_ranks(std::string_view where) {
    if (found_.size() == ranks_) return;
    std::uint32_t missing = 0;
    for (const auto& [rank, content] : found_) missing += rank == missing ? 1 : 0;
    input_.fail("trace-ranks", fmt::format("rank {} of {} is not in the file", missing, ranks_),
                where, fmt::format("write: rank {} {{ }} for a rank that does nothing", missing));
  }

  const TextInput& input_;
  GoalLexer lexer_;
  std::uint32_t ranks_ = 0;
  std::map<std::uint32_t, GoalRank> found_;
  GoalRank* current_ = nullptr;
  std::map<std::string_view, std::uint32_t> labels_;

 public:
  std::uint64_t other_cpus_ = 0, other_nics_ = 0;
};

// ---------------------------------------------------------------- any source, any tag

/// Gives every receive of any source or tag a send, before anything runs: exact receives first,
/// then those of any tag, then those of any source, then those of any of both, each in the order of
/// the text.
class GoalMatcher {
 public:
  GoalMatcher(const TextInput& input, std::vector<GoalRank>& ranks)
      : input_(input), ranks_(ranks) {}

  std::uint64_t match() {
    collect_sends();
    std::uint64_t resolved = 0;
    for (std::uint32_t r = 0; r < ranks_.size(); ++r) {
      const auto wild = [](const GoalOp& op) {
        return op.kind == GoalKind::receive && (op.any_source || op.any_tag);
      };
      std::vector<GoalOp>& ops = ranks_[r].ops;
      if (std::none_of(ops.begin(), ops.end(), wild)) continue;
      Inbox inbox(sends_to_[r]);
      for (GoalOp& op : ops)
        if (op.kind == GoalKind::receive && !wild(op)) (void)inbox.take(op.peer, op.tag);
      // The fewer sends a receive can take, the earlier it chooses.
      for (const auto& [any_source, any_tag] :
           {std::pair(false, true), {true, false}, {true, true}}) {
        for (GoalOp& op : ops) {
          if (!wild(op) || op.any_source != any_source || op.any_tag != any_tag) continue;
          resolve(r, op, inbox);
          ++resolved;
        }
      }
    }
    return resolved;
  }

 private:
  struct Letter {
    std::uint32_t order = 0, from = 0, tag = 0;  ///< order: among the sender's to this rank
    [[nodiscard]] auto key() const { return std::tie(order, from); }
  };

  /// The sends to one rank, in order, taken one by one.
  class Inbox {
   public:
    explicit Inbox(const std::vector<Letter>& letters) : letters_(letters), taken_(letters.size()) {
      for (std::uint32_t i = 0; i < letters.size(); ++i) {
        by_both_[{letters[i].from, letters[i].tag}].push_back(i);
        by_source_[letters[i].from].push_back(i);
        by_tag_[letters[i].tag].push_back(i);
        all_.push_back(i);
      }
    }
    const Letter* take(std::uint32_t from, std::uint32_t tag) {
      return first(by_both_[{from, tag}]);
    }
    const Letter* take_from(std::uint32_t from) { return first(by_source_[from]); }
    const Letter* take_tagged(std::uint32_t tag) { return first(by_tag_[tag]); }
    const Letter* take_any() { return first(all_); }

   private:
    const Letter* first(std::deque<std::uint32_t>& queue) {
      while (!queue.empty()) {
        const std::uint32_t i = queue.front();
        queue.pop_front();
        if (taken_[i]) continue;
        taken_[i] = true;
        return &letters_[i];
      }
      return nullptr;
    }
    const std::vector<Letter>& letters_;
    std::vector<bool> taken_;
    std::map<std::pair<std::uint32_t, std::uint32_t>, std::deque<std::uint32_t>> by_both_;
    std::map<std::uint32_t, std::deque<std::uint32_t>> by_source_, by_tag_;
    std::deque<std::uint32_t> all_;
  };

  void collect_sends() {
    sends_to_.resize(ranks_.size());
    for (std::uint32_t from = 0; from < ranks_.size(); ++from) {
      std::map<std::uint32_t, std::uint32_t> counts;
      for (const GoalOp& op : ranks_[from].ops)
        if (op.kind == GoalKind::send)
          sends_to_[op.peer].push_back({counts[op.peer]++, from, op.tag});
    }
    for (auto& letters : sends_to_)
      std::sort(letters.begin(), letters.end(),
                [](const Letter& a, const Letter& b) { return a.key() < b.key(); });
  }

  void resolve(std::uint32_t rank, GoalOp& op, Inbox& inbox) {
    const Letter* letter = op.any_source
                               ? (op.any_tag ? inbox.take_any() : inbox.take_tagged(op.tag))
                               : inbox.take_from(op.peer);
    if (letter == nullptr)
      input_.fail("trace-message",
                  fmt::format("rank {} receives from {} with {}, but no send is left for it", rank,
                              op.any_source ? "any rank" : fmt::format("rank {}", op.peer),
                              op.any_tag ? "any tag" : fmt::format("tag {}", op.tag)),
                  op.where, "every receive needs a send");
    op.peer = letter->from;
    op.tag = letter->tag;
  }

  const TextInput& input_;
  std::vector<GoalRank>& ranks_;
  std::vector<std::vector<Letter>> sends_to_;
};

// ---------------------------------------------------------------- nodes

/// The Chakra form of one rank. A node that may start when a send has left, or when an operation
/// has started, waits for what that operation waits for.
class GoalGraph {
 public:
  GoalGraph(const TextInput& input, std::uint32_t rank_number, const GoalRank& rank)
      : input_(input), rank_number_(rank_number), rank_(rank), waits_(rank.ops.size()) {}

  ChakraFile build() {
    order();
    for (const std::uint32_t op : order_) find_waits(op);
    file_.name = input_.name();
    for (std::uint32_t op = 0; op < rank_.ops.size(); ++op) add(op);
    for (const auto& [op, id] : joins_) {
      ChakraNode node;
      node.id = id;
      node.type = ChakraNodeType::invalid;
      node.offset = offset(rank_.ops[op].where);
      file_.add(node, "started", waits_[op]);
    }
    file_.finish_texts();
    return std::move(file_);
  }
  [[nodiscard]] std::uint64_t early() const { return early_; }
  [[nodiscard]] std::uint64_t start_only() const { return start_only_; }

 private:
  std::uint64_t offset(std::string_view where) const {
    return static_cast<std::uint64_t>(where.data() - input_.text().data());
  }

  /// Kahn 1962, lowest first.
  void order() {
    const auto n = static_cast<std::uint32_t>(rank_.ops.size());
    edges_of_.resize(n);
    std::vector<std::uint32_t> waiting(n, 0);
    std::vector<std::vector<std::uint32_t>> dependents(n);
    for (std::uint32_t e = 0; e < rank_.edges.size(); ++e) {
      const GoalEdge& edge = rank_.edges[e];
      edges_of_[edge.waiter].push_back(e);
      dependents[edge.waits_for].push_back(edge.waiter);
      ++waiting[edge.waiter];
    }
    std::priority_queue<std::uint32_t, std::vector<std::uint32_t>, std::greater<>> ready;
    for (std::uint32_t op = 0; op < n; ++op)
      if (waiting[op] == 0) ready.push(op);
    while (!ready.empty()) {
      const std::uint32_t op = ready.top();
      ready.pop();
      order_.push_back(op);
      for (const std::uint32_t d : dependents[op])
        if (--waiting[d] == 0) ready.push(d);
    }
    if (order_.size() < n) fail_cycle(waiting);
  }

  [[noreturn]] void fail_cycle(const std::vector<std::uint32_t>& waiting) {
    std::uint32_t at = 0;
    while (waiting[at] == 0) ++at;
    std::vector<bool> seen(waiting.size(), false);
    std::string_view where;
    std::string path;
    const auto step = [&] {
      for (const std::uint32_t e : edges_of_[at]) {
        if (waiting[rank_.edges[e].waits_for] == 0) continue;
        where = rank_.edges[e].where;
        at = rank_.edges[e].waits_for;
        return;
      }
    };
    while (!seen[at]) {
      seen[at] = true;
      step();
    }
    const std::uint32_t first = at;
    std::size_t shown = 0;
    do {
      if (++shown <= 8) path += fmt::format("{} waits for ", rank_.ops[at].label);
      step();
    } while (at != first);
    if (shown > 8) path += fmt::format("{} more and then ", shown - 8);
    input_.fail("trace-cycle",
                fmt::format("rank {}: operations wait for each other: {}{}", rank_number_, path,
                            rank_.ops[first].label),
                where, "drop one of these dependencies");
  }

  void find_waits(std::uint32_t op) {
    std::vector<std::uint64_t>& waits = waits_[op];
    for (const std::uint32_t e : edges_of_[op]) {
      const GoalEdge& edge = rank_.edges[e];
      const GoalOp& before = rank_.ops[edge.waits_for];
      const bool left = before.kind == GoalKind::send && before.size <= kEagerBytes;
      if (edge.start_only) ++start_only_;
      if (left && !edge.start_only) ++early_;
      if (left || edge.start_only)
        wait_for_start(edge.waits_for, waits);
      else
        waits.push_back(edge.waits_for);
    }
    std::sort(waits.begin(), waits.end());
    waits.erase(std::unique(waits.begin(), waits.end()), waits.end());
  }

  void wait_for_start(std::uint32_t op, std::vector<std::uint64_t>& waits) {
    if (waits_[op].size() <= 1) {
      waits.insert(waits.end(), waits_[op].begin(), waits_[op].end());
      return;
    }
    const auto [it, fresh] = joins_.try_emplace(op, rank_.ops.size() + joins_.size());
    waits.push_back(it->second);
  }

  void add(std::uint32_t index) {
    const GoalOp& op = rank_.ops[index];
    ChakraNode node;
    node.id = index;
    node.offset = offset(op.where);
    switch (op.kind) {
      case GoalKind::calculation:
        // A calc of 0 only joins dependencies.
        node.type = op.size == 0 ? ChakraNodeType::invalid : ChakraNodeType::comp;
        node.duration_nanos = op.size;
        break;
      case GoalKind::send:
      case GoalKind::receive: {
        const bool sends = op.kind == GoalKind::send;
        node.type = sends ? ChakraNodeType::comm_send : ChakraNodeType::comm_recv;
        (sends ? node.comm_dst : node.comm_src) = static_cast<std::int32_t>(op.peer);
        node.comm_tag = static_cast<std::int32_t>(op.tag);
        node.comm_size = op.size;
        break;
      }
    }
    constexpr std::string_view kNames[] = {"send", "recv", "calc"};
    file_.add(node, op.label.empty() ? kNames[static_cast<std::size_t>(op.kind)] : op.label,
              waits_[index]);
  }

  const TextInput& input_;
  std::uint32_t rank_number_;
  const GoalRank& rank_;
  std::vector<std::vector<std::uint64_t>> waits_;     ///< by operation: node ids
  std::vector<std::vector<std::uint32_t>> edges_of_;  ///< by waiter
  std::vector<std::uint32_t> order_;
  std::map<std::uint32_t, std::uint64_t> joins_;  ///< operation -> node "may start"
  ChakraFile file_;
  std::uint64_t early_ = 0, start_only_ = 0;
};

}  // namespace

RecordedTrace parse_goal(std::string text, std::string name) {
  const TextInput input(std::move(text), std::move(name));
  GoalParser parser(input);
  std::vector<GoalRank> ranks = parser.parse();
  const std::uint64_t resolved = GoalMatcher(input, ranks).match();
  std::vector<std::shared_ptr<const ChakraFile>> files;
  std::uint64_t early = 0, start_only = 0;
  for (std::uint32_t r = 0; r < ranks.size(); ++r) {
    GoalGraph graph(input, r, ranks[r]);
    files.push_back(std::make_shared<const ChakraFile>(graph.build()));
    early += graph.early();
    start_only += graph.start_only();
  }
  RecordedTrace result;
  result.format = "goal";
  result.trace = make_chakra_trace(std::move(files));
  result.trace.prefix = input.name();
  result.options.communication_slot = false;
  const auto note = [&](std::uint64_t count, std::string_view what) {
    if (count > 0) result.notes.push_back(fmt::format("{}: {}", what, count));
  };
  result.notes.emplace_back("calc is read as nanoseconds, LogGOPSim's habit");
  note(early,
       "dependencies on sends of up to 65,535 bytes, which end when the message has left "
       "(LogGOPSim's "
       "S); above, when it has arrived");
  note(start_only, "irequires: waits for what the other operation waits for, not for its queue");
  note(resolved, "receives of any source or tag, given a send in the order of the text");
  note(parser.other_cpus_, "operations on a cpu above 0: calc of one rank shares one queue");
  note(parser.other_nics_, "ignored: nic above 0, a message takes the route of the system");
  return result;
}

}  // namespace xpusim::trace
