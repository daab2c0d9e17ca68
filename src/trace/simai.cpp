// SimAI / AICB and ASTRA-sim 1.0 workload texts: one list of layers that every rank runs. How the
// loops run is taken from SimAI's Workload.cc; docs/model.md names what differs.
#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "trace/formats.hpp"
#include "trace/text_input.hpp"

namespace xpusim::trace {
namespace {

constexpr std::uint32_t kMostRanks = 1u << 22;
constexpr std::uint64_t kMostRecomputedRows = 10'000'000;
constexpr std::uint64_t kPlaceholder = 1;  ///< AICB writes 1 ns where it has no time

enum class Policy : std::uint8_t {
  micro,
  data,
  model,
  data_model,
  model_data,
  transformer,
  transformer_fwd_in_bckwd,
  dlrm,
  dlrm_enhanced,
  customized,
  inference
};
struct PolicyWord {
  std::string_view word;
  Policy policy;
};
constexpr std::array kPolicies{
    PolicyWord{"MICRO", Policy::micro},
    PolicyWord{"DATA", Policy::data},
    PolicyWord{"MODEL", Policy::model},
    PolicyWord{"HYBRID_DATA_MODEL", Policy::data_model},
    PolicyWord{"HYBRID_MODEL_DATA", Policy::model_data},
    PolicyWord{"HYBRID_TRANSFORMER", Policy::transformer},
    PolicyWord{"HYBRID_TRANSFORMER_FWD_IN_BCKWD", Policy::transformer_fwd_in_bckwd},
    PolicyWord{"HYBRID_DLRM", Policy::dlrm},
    PolicyWord{"HYBRID_DLRM_ENHANCED", Policy::dlrm_enhanced},
    PolicyWord{"HYBRID_CUSTOMIZED", Policy::customized},
    PolicyWord{"DISTRIBUTED_INFERENCE", Policy::inference},
};

std::optional<Policy> find_policy(std::string_view word) {
  for (const PolicyWord& known : kPolicies)
    if (known.word == word) return known.policy;
  return std::nullopt;
}

std::string_view word_of(Policy policy) {
  for (const PolicyWord& known : kPolicies)
    if (known.policy == policy) return known.word;
  throw InternalError("a workload policy without a word");
}

std::vector<std::string> policy_words() {
  std::vector<std::string> words;
  for (const PolicyWord& known : kPolicies) words.emplace_back(known.word);
  return words;
}

enum class Phase : std::uint8_t { forward, input_gradient, weight_gradient };
enum class Suffix : std::uint8_t { none, ep, dp_ep };

struct Communication {
  ChakraCollective type = ChakraCollective::none;
  Suffix suffix = Suffix::none;
  std::uint64_t bytes = 0;
};
struct Work {
  std::uint64_t nanos = 0;
  Communication communication;
};
struct Row {
  std::string name;
  Work forward, input_gradient, weight_gradient;
  std::uint64_t update_nanos = 0;
  Policy policy = Policy::data;
  std::uint64_t offset = 0;
};

/// "7" or, from Python's division, "7.0".
bool parse_integral(std::string_view word, std::uint64_t& value) {
  if (parse_whole(word, value)) return true;
  double real = 0;
  if (!parse_decimal(word, real) || real < 0 || real > 9e15 || real != std::floor(real))
    return false;
  value = static_cast<std::uint64_t>(real);
  return true;
}

// ---------------------------------------------------------------- the first line

struct Setting {
  std::uint64_t value = 0;
  std::string_view word;  ///< where it stands
};

struct Header {
  Policy policy = Policy::data;
  std::string_view policy_word;
  std::map<std::string, Setting, std::less<>> settings;  ///< by key, without the colon
  std::vector<Setting> checkpoints, initiates;

  [[nodiscard]] const Setting* find(std::string_view key) const {
    const auto it = settings.find(key);
    return it == settings.end() ? nullptr : &it->second;
  }
  [[nodiscard]] std::uint64_t get(std::string_view key, std::uint64_t otherwise) const {
    const Setting* setting = find(key);
    return setting == nullptr ? otherwise : setting->value;
  }
};

constexpr std::array<std::string_view, 11> kKeys{"model_parallel_NPU_group",
                                                 "ep",
                                                 "expert_parallel_npu_group",
                                                 "pp",
                                                 "vpp",
                                                 "ga",
                                                 "all_gpus",
                                                 "pp_comm",
                                                 "mode",
                                                 "DLRM_LAST_BOTTOM_LAYER",
                                                 "checkpoints"};

class HeaderReader {
 public:
  HeaderReader(const TextInput& input, std::string_view line) : input_(input) {
    split_words(line, words_);
  }

  Header read() {
    if (words_.empty())
      input_.fail("trace-format", "a workload begins with its policy", input_.text().substr(0, 1),
                  fmt::format("policies: {}", fmt::join(policy_words(), ", ")));
    header_.policy_word = words_[0];
    const auto policy = find_policy(words_[0]);
    if (!policy)
      input_.fail("trace-format", fmt::format("no workload policy {}", in_quotes(words_[0])),
                  words_[0], help_for_word(words_[0], policy_words()));
    header_.policy = *policy;
    at_ = 1;
    read_bare_number();
    while (at_ < words_.size()) read_setting();
    return std::move(header_);
  }

 private:
  /// ASTRA-sim 1.0: "HYBRID_DLRM 4", the last bottom layer.
  void read_bare_number() {
    std::uint64_t value = 0;
    if (header_.policy != Policy::dlrm && header_.policy != Policy::dlrm_enhanced) return;
    if (at_ < words_.size() && parse_whole(words_[at_], value)) {
      header_.settings["DLRM_LAST_BOTTOM_LAYER"] = {value, words_[at_]};
      ++at_;
    }
  }

  void read_setting() {
    std::string_view word = words_[at_++];
    std::string_view attached;
    if (const std::size_t colon = word.find(':'); colon != std::string_view::npos) {
      attached = word.substr(colon + 1);
      word = word.substr(0, colon);
    } else if (word != "pp_comm") {  // as in SimAI's own example
      fail_key(word);
    }
    if (word == "checkpoints" || word == "checkpoint_initiates")
      return read_list(word, attached,
                       word == "checkpoints" ? header_.checkpoints : header_.initiates);
    if (std::find(kKeys.begin(), kKeys.end(), word) == kKeys.end()) fail_key(word);
    const Setting setting = number(word, attached);
    const std::string key(word == "expert_parallel_npu_group" ? "ep" : word);
    if (!header_.settings.emplace(key, setting).second)
      input_.fail("trace-value", fmt::format("{} is given twice", in_quotes(word)), word,
                  "keep one of them");
  }

  Setting number(std::string_view key, std::string_view attached) {
    if (attached.empty() && at_ == words_.size())
      input_.fail("trace-value", fmt::format("{} has no value", in_quotes(key)), key,
                  fmt::format("write {}: 8", key));
    Setting setting;
    setting.word = attached.empty() ? words_[at_++] : attached;
    if (!parse_integral(setting.word, setting.value))
      input_.fail("trace-value",
                  fmt::format("{} is {}; a whole number is needed", key, in_quotes(setting.word)),
                  setting.word, fmt::format("write {}: 8", key));
    return setting;
  }

  void read_list(std::string_view key, std::string_view attached, std::vector<Setting>& list) {
    const Setting count = number(key, attached);
    for (std::uint64_t i = 0; i < count.value; ++i) list.push_back(number(key, {}));
  }

  [[noreturn]] void fail_key(std::string_view word) {
    std::vector<std::string> known(kKeys.begin(), kKeys.end());
    known.emplace_back("checkpoint_initiates");
    input_.fail("trace-value", fmt::format("{} is no setting of a workload", in_quotes(word)), word,
                help_for_word(word, known));
  }

  const TextInput& input_;
  std::vector<std::string_view> words_;
  std::size_t at_ = 0;
  Header header_;
};

// ---------------------------------------------------------------- the rows

constexpr std::array<std::string_view, 13> kColumns{"name",
                                                    "dependency",
                                                    "forward time",
                                                    "forward communication",
                                                    "forward bytes",
                                                    "input-gradient time",
                                                    "input-gradient communication",
                                                    "input-gradient bytes",
                                                    "weight-gradient time",
                                                    "weight-gradient communication",
                                                    "weight-gradient bytes",
                                                    "update time",
                                                    "policy"};

struct CommunicationWord {
  std::string_view word;
  ChakraCollective type;
};
constexpr std::array kCommunications{
    CommunicationWord{"NONE", ChakraCollective::none},
    CommunicationWord{"ALLREDUCE", ChakraCollective::all_reduce},
    CommunicationWord{"ALLGATHER", ChakraCollective::all_gather},
    CommunicationWord{"REDUCESCATTER", ChakraCollective::reduce_scatter},
    CommunicationWord{"ALLTOALL", ChakraCollective::all_to_all},
    CommunicationWord{"BROADCAST", ChakraCollective::broadcast},
};

class RowReader {
 public:
  RowReader(const TextInput& input, Policy policy) : input_(input), policy_(policy) {}

  Row read(std::string_view line) {
    line_ = line;
    split_words(line, words_);
    const bool own_policy = policy_ == Policy::customized;
    wanted_ = own_policy ? 13 : 12;
    Row row;
    row.offset = static_cast<std::uint64_t>(line.data() - input_.text().data());
    row.name = std::string(word(0).substr(0, 200));
    if (word(1) != "-1") {
      std::uint64_t unused = 0;
      if (!parse_whole(word(1), unused)) fail(1, "a whole number or -1 is needed");
      ++dependencies_;
    }
    row.forward = work(2);
    row.input_gradient = work(5);
    row.weight_gradient = work(8);
    row.update_nanos = number(11);
    row.policy = own_policy ? own_policy_of_row() : policy_;
    if (words_.size() > wanted_)
      input_.fail(
          "trace-value",
          fmt::format("{} columns where {} has {}", words_.size(), word_of(policy_), wanted_),
          words_[wanted_], "write one layer per line");
    return row;
  }
  [[nodiscard]] std::uint64_t dependencies() const { return dependencies_; }

 private:
  std::string_view word(std::size_t column) {
    if (column < words_.size()) return words_[column];
    std::string_view end = line_.substr(line_.size());
    if (!words_.empty()) end = words_.back().substr(words_.back().size());
    if (end.data() == input_.text().data() + input_.text().size() && !words_.empty())
      end = words_.back();
    input_.fail("trace-value",
                fmt::format("column {} ({}) is missing: {} of {} columns", column + 1,
                            kColumns[column], words_.size(), wanted_),
                end,
                "a layer is: name -1, then time, communication, bytes of forward, input "
                "gradient and weight gradient, then the update time");
  }

  [[noreturn]] void fail(std::size_t column, const std::string& need) {
    std::string message = fmt::format("column {} ({}) is {}; {}", column + 1, kColumns[column],
                                      in_quotes(words_[column]), need);
    if (words_.size() < wanted_)
      message += fmt::format(" ({} of {} columns)", words_.size(), wanted_);
    input_.fail("trace-value", message, words_[column],
                words_.size() < wanted_ ? "a column before this one seems to be missing"
                                        : "times are nanoseconds, sizes are bytes of one rank");
  }

  std::uint64_t number(std::size_t column) {
    std::uint64_t value = 0;
    if (!parse_integral(word(column), value)) fail(column, "a whole number is needed");
    return value;
  }

  Work work(std::size_t column) {
    Work result;
    result.nanos = number(column);
    result.communication = communication(column + 1);
    result.communication.bytes = number(column + 2);
    return result;
  }

  Communication communication(std::size_t column) {
    std::string_view text = word(column);
    Communication result;
    if (text.ends_with("_DP_EP")) {
      result.suffix = Suffix::dp_ep;
      text.remove_suffix(6);
    } else if (text.ends_with("_EP")) {
      result.suffix = Suffix::ep;
      text.remove_suffix(3);
    }
    for (const CommunicationWord& known : kCommunications) {
      if (known.word != text) continue;
      result.type = known.type;
      return result;
    }
    std::vector<std::string> known;
    for (const CommunicationWord& c : kCommunications) known.emplace_back(c.word);
    std::uint64_t unused = 0;
    if (parse_integral(word(column), unused)) fail(column, "a communication is needed");
    input_.fail("trace-value",
                fmt::format("column {} ({}) is {}, which is no communication", column + 1,
                            kColumns[column], in_quotes(word(column))),
                word(column), help_for_word(text, known) + "; suffix none, _EP or _DP_EP");
  }

  Policy own_policy_of_row() {
    const auto policy = find_policy(word(12));
    if (policy == Policy::data || policy == Policy::model || policy == Policy::data_model ||
        policy == Policy::model_data)
      return *policy;
    input_.fail(
        "trace-value",
        fmt::format("column 13 (policy) is {}, which a layer cannot have", in_quotes(word(12))),
        word(12), "a layer is DATA, MODEL, HYBRID_DATA_MODEL or HYBRID_MODEL_DATA");
  }

  const TextInput& input_;
  Policy policy_;
  std::size_t wanted_ = 12;
  std::string_view line_;
  std::vector<std::string_view> words_;
  std::uint64_t dependencies_ = 0;
};

// ---------------------------------------------------------------- ranks and groups

constexpr std::string_view kTp = "tp", kEp = "ep", kDp = "dp", kDpEp = "dp_ep", kPp = "pp";
/// HYBRID_MODEL_DATA turns the order of the dimensions round; MODEL and DATA layers use all ranks.
constexpr std::string_view kTpOuter = "tp_outer", kDpInner = "dp_inner", kTpAll = "tp_all",
                           kDpAll = "dp_all";

class Layout {
 public:
  Layout(const TextInput& input, const Header& header, const TraceReadOptions& options)
      : input_(input), header_(header), given_(options) {
    find_ranks();
    find_sizes();
  }

  void fill(ReplayOptions& options) const {
    options.dimensions.assign(sizes_.begin(), sizes_.end());
    options.dimension_purposes = purposes_;
    options.dimension_groups = groups_;
    options.data_dimension = data_dimension_;
  }
  [[nodiscard]] std::uint32_t ranks() const { return static_cast<std::uint32_t>(ranks_); }
  [[nodiscard]] std::uint64_t pp() const { return pp_; }
  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] bool has_expert_groups() const { return groups_.contains(std::string(kEp)); }
  [[nodiscard]] const std::string& ranks_note() const { return ranks_note_; }

 private:
  void find_ranks() {
    const Setting* said = header_.find("all_gpus");
    ranks_ = given_.ranks != 0 ? given_.ranks : said != nullptr ? said->value : 0;
    if (said != nullptr && given_.ranks != 0 && said->value != given_.ranks)
      ranks_note_ =
          fmt::format("the file is for {} ranks and was read for {}", said->value, given_.ranks);
    const std::string_view where = said != nullptr ? said->word : header_.policy_word;
    if (ranks_ == 0)
      input_.fail("trace-ranks", "the workload does not say how many ranks run it (all_gpus)",
                  where, "give their number: --ranks 8");
    if (ranks_ > kMostRanks)
      input_.fail("trace-ranks", fmt::format("{} ranks are more than {}", ranks_, kMostRanks),
                  where, "read a smaller job");
  }

  std::uint64_t size_of(std::string_view key) {
    const Setting* said = header_.find(key);
    if (said != nullptr && (said->value == 0 || said->value > kMostRanks))
      input_.fail("trace-value",
                  fmt::format("{} is {}; 1 to {} is needed", key, said->value, kMostRanks),
                  said->word, "write 1 where there is no such parallelism");
    return said == nullptr ? 0 : said->value;
  }

  std::uint64_t model_parallel(bool needed) {
    const std::uint64_t said = size_of("model_parallel_NPU_group");
    if (said != 0 && given_.model_parallel != 0 && said != given_.model_parallel)
      input_.fail("trace-ranks",
                  fmt::format("model_parallel_NPU_group is {} here and was given as {}", said,
                              given_.model_parallel),
                  header_.find("model_parallel_NPU_group")->word, "leave the option out");
    const std::uint64_t size = said != 0 ? said : given_.model_parallel;
    if (size == 0 && needed)
      input_.fail("trace-ranks",
                  fmt::format("{} does not say how large a model-parallel group is",
                              word_of(header_.policy)),
                  header_.policy_word, "give it: --model-parallel 4");
    return size;
  }

  void find_sizes() {
    switch (header_.policy) {
      case Policy::model_data:
        return two_dimensions(model_parallel(true), true);
      case Policy::customized:
        return two_dimensions(model_parallel(true), false);
      case Policy::model:
      case Policy::inference: {
        const std::uint64_t tp = model_parallel(false);
        return four_dimensions(tp == 0 ? ranks_ : tp);
      }
      case Policy::data_model:
      case Policy::transformer:
      case Policy::transformer_fwd_in_bckwd:
        return four_dimensions(model_parallel(true));
      case Policy::micro:
      case Policy::data:
      case Policy::dlrm:
      case Policy::dlrm_enhanced: {
        const std::uint64_t tp = model_parallel(false);
        return four_dimensions(tp == 0 ? 1 : tp);
      }
    }
  }

  [[noreturn]] void fail_division(const std::string& what, std::string_view key) {
    const Setting* said = header_.find(key);
    input_.fail("trace-ranks", what, said != nullptr ? said->word : header_.policy_word,
                "the number of ranks is TP x PP x DP, and DP is a multiple of EP");
  }

  void four_dimensions(std::uint64_t tp) {
    const std::uint64_t ep = std::max<std::uint64_t>(size_of("ep"), 1);
    pp_ = std::max<std::uint64_t>(size_of("pp"), 1);
    if (ranks_ % (tp * pp_) != 0)
      fail_division(fmt::format("{} ranks are no multiple of TP {} x PP {}", ranks_, tp, pp_),
                    "model_parallel_NPU_group");
    const std::uint64_t dp = ranks_ / (tp * pp_);
    if (dp % ep != 0) fail_division(fmt::format("EP {} does not divide DP {}", ep, dp), "ep");
    sizes_ = {tp, ep, dp / ep, pp_};
    purposes_ = {Purpose::tp, Purpose::ep, Purpose::dp, Purpose::pp};
    data_dimension_ = 2;
    group(kTp, 0b0001, Purpose::tp);
    group(kEp, 0b0010, Purpose::ep);
    group(kDp, 0b0110, Purpose::dp);
    group(kDpEp, 0b0100, Purpose::dp);
    group(kPp, 0b1000, Purpose::pp);
    group(kTpAll, 0b1111, Purpose::tp);
    group(kDpAll, 0b1111, Purpose::dp);
    text_ = fmt::format("{} ranks: TP {}, EP {}, DP {}, PP {} (TP innermost, PP outermost)", ranks_,
                        tp, ep, dp, pp_);
  }

  /// `model_outside`: DP is the inner dimension (HYBRID_MODEL_DATA).
  void two_dimensions(std::uint64_t tp, bool model_outside) {
    if (ranks_ % tp != 0)
      fail_division(fmt::format("{} ranks are no multiple of TP {}", ranks_, tp),
                    "model_parallel_NPU_group");
    const std::uint64_t dp = ranks_ / tp;
    sizes_ = {model_outside ? dp : tp, model_outside ? tp : dp};
    data_dimension_ = model_outside ? 0 : 1;
    group(kTp, 0b01, Purpose::tp);
    group(kDp, 0b10, Purpose::dp);
    group(kTpOuter, 0b10, Purpose::tp);
    group(kDpInner, 0b01, Purpose::dp);
    group(kTpAll, 0b11, Purpose::tp);
    group(kDpAll, 0b11, Purpose::dp);
    text_ =
        fmt::format("{} ranks: dimensions {} x {}, innermost first", ranks_, sizes_[0], sizes_[1]);
  }

  void group(std::string_view name, std::uint32_t dimensions, Purpose purpose) {
    groups_[std::string(name)] = {dimensions, purpose};
  }

  const TextInput& input_;
  const Header& header_;
  int data_dimension_ = -1;
  TraceReadOptions given_;
  std::uint64_t ranks_ = 0, pp_ = 1;
  std::vector<std::uint64_t> sizes_;
  std::vector<Purpose> purposes_;
  std::map<std::string, DimensionGroup> groups_;
  std::string text_, ranks_note_;
};

// ---------------------------------------------------------------- the program of one rank

class Program {
 public:
  Program(const TextInput& input, const Header& header, const std::vector<Row>& rows,
          const Layout& layout, ChakraFile& file)
      : input_(input), header_(header), rows_(rows), layout_(layout), file_(file) {
    find_micro_batches();
  }

  void build() {
    check_checkpoints();
    switch (header_.policy) {
      case Policy::micro:
        return micro();
      case Policy::data:
        return data();
      case Policy::dlrm:
      case Policy::dlrm_enhanced:
        return dlrm();
      case Policy::inference:
        return forward_only();
      case Policy::transformer:
      case Policy::transformer_fwd_in_bckwd:
        if (header_.get("mode", 0) != 0) return forward_only();
        return hybrid(true);
      case Policy::model:
      case Policy::data_model:
      case Policy::model_data:
      case Policy::customized:
        return hybrid(false);
    }
  }

  void add_notes(std::vector<std::string>& notes) const {
    if (!layout_.ranks_note().empty()) notes.push_back(layout_.ranks_note());
    notes.push_back(layout_.text());
    if (pipelined_)
      notes.push_back(fmt::format(
          "pipeline: {} micro-batches ({}), one transfer of {} bytes to the next stage each way "
          "and micro-batch, for which the next micro-batch waits; the format carries no pipeline "
          "bubble",
          starts_.size(), starts_found_ ? "rows embedding_layer" : "no row embedding_layer",
          header_.get("pp_comm", 0)));
    for (const std::string& note : notes_) notes.push_back(note);
    for (const auto& [reason, count] : ignored_)
      notes.push_back(fmt::format("ignored: {} ({})", reason, count));
  }

 private:
  using Ids = std::vector<std::uint64_t>;

  // ---- nodes

  std::uint64_t add(ChakraNode node, const Row& row, std::string_view what, const Ids& after) {
    node.id = next_++;
    node.offset = row.offset;
    file_.add(node, fmt::format("{} {}", row.name, what), after);
    return node.id;
  }

  /// A time of one nanosecond or none stands for no time.
  void compute(const Row& row, std::uint64_t nanos, std::string_view what) {
    if (nanos <= kPlaceholder) return;
    ChakraNode node;
    node.type = ChakraNodeType::comp;
    node.duration_nanos = nanos;
    after_ = {add(node, row, what, after_)};
  }

  /// The node's id, or nothing where nothing is sent.
  std::optional<std::uint64_t> communicate(const Row& row, Phase phase, const Ids& after) {
    const Communication& c = phase == Phase::forward          ? row.forward.communication
                             : phase == Phase::input_gradient ? row.input_gradient.communication
                                                              : row.weight_gradient.communication;
    if (c.type == ChakraCollective::none) return std::nullopt;
    if (c.type == ChakraCollective::broadcast) {
      ignore("BROADCAST, which SimAI reads as none");
      return std::nullopt;
    }
    if (c.bytes == 0) {
      ignore("communications of 0 bytes");
      return std::nullopt;
    }
    const std::string_view group = group_of(row, phase, c.suffix);
    if (group.empty()) {
      ignore(fmt::format("communications that {} does not run", word_of(row.policy)));
      return std::nullopt;
    }
    ChakraNode node;
    node.type = ChakraNodeType::comm_coll;
    node.collective = c.type;
    node.comm_size = c.bytes;
    node.pg_name = file_.intern(group);
    return add(node, row,
               phase == Phase::forward          ? "forward communication"
               : phase == Phase::input_gradient ? "input-gradient communication"
                                                : "weight-gradient communication",
               after);
  }

  /// The next operation waits for it.
  void communicate_and_wait(const Row& row, Phase phase) {
    if (const auto id = communicate(row, phase, after_)) after_ = {*id};
  }

  /// Waits for nothing but what the row's policy says; "" = this policy has no such communication.
  [[nodiscard]] std::string_view group_of(const Row& row, Phase phase, Suffix suffix) const {
    const bool weights = phase == Phase::weight_gradient;
    if (suffix != Suffix::none)
      return !layout_.has_expert_groups() ? "" : suffix == Suffix::ep ? kEp : kDpEp;
    switch (row.policy) {
      case Policy::micro:
      case Policy::data:
        return weights ? kDpAll : "";
      case Policy::dlrm:
      case Policy::dlrm_enhanced:
        return weights ? kDpAll : &row == &rows_.front() ? kTpAll : "";
      case Policy::model:
      case Policy::inference:
        return weights ? "" : header_.policy == Policy::customized ? kTpAll : kTp;
      case Policy::data_model:
        return weights ? kDp : kTp;
      case Policy::model_data:
        return weights ? kDpInner : kTpOuter;
      case Policy::transformer:
      case Policy::transformer_fwd_in_bckwd:
        return weights ? kDp : kTp;
      case Policy::customized:
        break;
    }
    throw InternalError("a workload row without a policy of its own");
  }

  void ignore(const std::string& reason, std::uint64_t count = 1) { ignored_[reason] += count; }

  // ---- pipeline

  void find_micro_batches() {
    for (std::size_t i = 0; i < rows_.size(); ++i)
      if (rows_[i].name == "embedding_layer") starts_.push_back(i);
    starts_found_ = !starts_.empty();
    if (!starts_found_ && !rows_.empty()) starts_.push_back(0);
    const std::uint64_t bytes = header_.get("pp_comm", 0);
    pipelined_ = layout_.pp() > 1 && bytes > 0;
    if (layout_.pp() > 1 && bytes == 0)
      notes_.emplace_back("pp is above 1 but pp_comm is not given: no traffic between stages");
    if (layout_.pp() == 1 && bytes > 0) ignore("pp_comm without pipeline stages");
    if (bytes >= (std::uint64_t{1} << 31))
      notes_.emplace_back("pp_comm is 2^31 or more, which SimAI cannot read");
    const std::uint64_t said = header_.get("ga", 0);
    if (pipelined_ && said != 0 && said != starts_.size())
      notes_.push_back(fmt::format("ga is {}, the rows make {} micro-batches: the rows count", said,
                                   starts_.size()));
    if (pipelined_ && header_.get("vpp", 1) > 1)
      notes_.push_back(fmt::format("vpp {} is not used: SimAI-Analytical multiplies pp_comm by it",
                                   header_.get("vpp", 1)));
  }

  /// `row` is the last of a micro-batch in the order of the pass.
  void cross_stage(std::size_t row, bool forward) {
    if (!pipelined_) return;
    const bool ends = forward ? row + 1 == rows_.size() ||
                                    std::binary_search(starts_.begin(), starts_.end(), row + 1)
                              : std::binary_search(starts_.begin(), starts_.end(), row);
    if (!ends || row < starts_.front()) return;
    ChakraNode node;
    node.type = ChakraNodeType::comm_coll;
    node.collective = ChakraCollective::send_recv;
    node.comm_size = header_.get("pp_comm", 0);
    node.pg_name = file_.intern(kPp);
    after_ = {
        add(node, rows_[row], forward ? "to the next stage" : "to the previous stage", after_)};
  }

  // ---- passes

  void forward_row(const Row& row) {
    compute(row, row.forward.nanos, "forward");
    communicate_and_wait(row, Phase::forward);
  }

  void forward_all() {
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      forward_row(rows_[i]);
      cross_stage(i, true);
    }
  }

  void forward_only() {
    forward_all();
    for (const Row& row : rows_) {
      const auto used = [](const Work& w) {
        return w.nanos > kPlaceholder || w.communication.type != ChakraCollective::none;
      };
      if (used(row.input_gradient) || used(row.weight_gradient))
        ignore("backward columns of inference rows");
    }
  }

  void weight_gradient(const Row& row) {
    compute(row, row.weight_gradient.nanos, "weight gradient");
    if (const auto id = communicate(row, Phase::weight_gradient, after_)) reduced_[&row] = *id;
  }

  /// Forward over all rows, then backward. The weight-gradient communication blocks nothing but the
  /// update. `blocking`: the weight gradient waits for the input-gradient communication.
  void hybrid(bool blocking) {
    forward_all();
    for (std::size_t i = rows_.size(); i-- > 0;) {
      recompute_up_to(i);
      const Row& row = rows_[i];
      compute(row, row.input_gradient.nanos, "input gradient");
      std::optional<std::uint64_t> sent;
      if (blocking)
        communicate_and_wait(row, Phase::input_gradient);
      else if (i > 0)
        sent = communicate(row, Phase::input_gradient, after_);
      weight_gradient(row);
      if (sent) after_.push_back(*sent);
      cross_stage(i, false);
    }
    update_all();
  }

  void data() {
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      compute(rows_[i], rows_[i].forward.nanos, "forward");
      (void)communicate(rows_[i], Phase::forward, after_);
    }
    for (std::size_t i = rows_.size(); i-- > 0;) {
      weight_gradient(rows_[i]);
      (void)communicate(rows_[i], Phase::input_gradient, after_);
      if (i > 0) compute(rows_[i], rows_[i].input_gradient.nanos, "input gradient");
    }
    update_all();
  }

  void dlrm() {
    const std::size_t last_bottom = header_.get("DLRM_LAST_BOTTOM_LAYER", rows_.size());
    std::optional<std::uint64_t> embeddings, gradients;
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      compute(rows_[i], rows_[i].forward.nanos, "forward");
      const auto sent = communicate(rows_[i], Phase::forward, after_);
      if (i == 0) embeddings = sent;
      if (i == last_bottom && embeddings) after_.push_back(*embeddings);
    }
    for (std::size_t i = rows_.size(); i-- > 0;) {
      if (i == 0 && gradients && header_.policy == Policy::dlrm) after_.push_back(*gradients);
      weight_gradient(rows_[i]);
      if (i == 0) break;
      compute(rows_[i], rows_[i].input_gradient.nanos, "input gradient");
      (void)communicate(rows_[i], Phase::input_gradient, after_);
      if (i == last_bottom + 1) gradients = communicate(rows_[0], Phase::input_gradient, after_);
    }
    update_all();
  }

  void micro() {
    for (const Row& row : rows_) communicate_and_wait(row, Phase::weight_gradient);
    notes_.emplace_back("the rows run one after another (SimAI runs the first one only)");
  }

  void update_all() {
    for (auto row = rows_.rbegin(); row != rows_.rend(); ++row) {
      const auto it = reduced_.find(&*row);
      if (row->update_nanos <= kPlaceholder) continue;
      if (it != reduced_.end()) after_.push_back(it->second);
      compute(*row, row->update_nanos, "update");
    }
  }

  // ---- checkpoints

  void check_checkpoints() {
    const auto check = [&](const std::vector<Setting>& list) {
      for (const Setting& s : list)
        if (s.value >= rows_.size())
          input_.fail("trace-value", fmt::format("layer {} of {} rows", s.value, rows_.size()),
                      s.word, "layers count from 0");
    };
    check(header_.checkpoints);
    check(header_.initiates);
    if (header_.policy != Policy::transformer_fwd_in_bckwd) {
      if (const auto n = header_.checkpoints.size() + header_.initiates.size(); n > 0)
        ignore(fmt::format("checkpoints, which {} does not use", word_of(header_.policy)), n);
      return;
    }
    for (const Setting& s : header_.checkpoints) checkpoints_.insert(s.value);
    for (const Setting& s : header_.initiates) {
      if (checkpoints_.upper_bound(s.value) == checkpoints_.begin())
        input_.fail("trace-value",
                    fmt::format("layer {} starts a recomputation without a checkpoint at or below "
                                "it",
                                s.value),
                    s.word, "name the layer in checkpoints");
      initiates_.insert(s.value);
    }
    std::uint64_t again = 0;
    for (const std::uint64_t row : initiates_)
      again += row - *std::prev(checkpoints_.upper_bound(row));
    if (again > kMostRecomputedRows)
      input_.fail("trace-value",
                  fmt::format("checkpoints recompute {} rows; at most {} are read", again,
                              kMostRecomputedRows),
                  header_.policy_word, "place a checkpoint nearer to where recomputation starts");
  }

  /// Before the backward pass of a row that starts a recomputation: forward again from the nearest
  /// checkpoint up to the row before it.
  void recompute_up_to(std::size_t row) {
    if (!initiates_.contains(row)) return;
    for (std::size_t i = *std::prev(checkpoints_.upper_bound(row)); i < row; ++i)
      forward_row(rows_[i]);
  }

  const TextInput& input_;
  const Header& header_;
  const std::vector<Row>& rows_;
  const Layout& layout_;
  ChakraFile& file_;
  std::uint64_t next_ = 0;
  Ids after_;                                    ///< what the next operation waits for
  std::map<const Row*, std::uint64_t> reduced_;  ///< row -> weight-gradient communication
  std::vector<std::size_t> starts_;              ///< first rows of micro-batches
  bool starts_found_ = false, pipelined_ = false;
  std::set<std::uint64_t> checkpoints_, initiates_;  ///< rows
  std::vector<std::string> notes_;
  std::map<std::string, std::uint64_t> ignored_;
};

class WorkloadReader {
 public:
  WorkloadReader(std::string text, std::string name, const TraceReadOptions& options)
      : input_(std::move(text), std::move(name)), options_(options), lines_(input_.text()) {}

  RecordedTrace read() {
    const Header header = HeaderReader(input_, line()).read();
    const Layout layout(input_, header, options_);
    read_rows(header);
    auto file = std::make_shared<ChakraFile>();
    file->name = input_.name();
    Program program(input_, header, rows_, layout, *file);
    program.build();
    file->finish_texts();
    RecordedTrace result;
    result.format = "simai";
    result.trace = make_chakra_trace(
        std::vector<std::shared_ptr<const ChakraFile>>(layout.ranks(), std::move(file)));
    result.trace.prefix = input_.name();
    layout.fill(result.options);
    result.options.comm_size = CommSizeConvention::collective_size;
    result.options.communication_slot = false;
    program.add_notes(result.notes);
    if (dependencies_ > 0)
      result.notes.push_back(fmt::format(
          "ignored: the dependency column, which no simulator reads ({})", dependencies_));
    if (header.find("all_gpus") == nullptr)
      result.notes.emplace_back(
          "times are read as nanoseconds (a cycle of ASTRA-sim's 1 GHz clock); chakra_converter "
          "writes the same numbers as microseconds");
    return result;
  }

 private:
  /// The next line that is not blank; an empty piece at the end.
  std::string_view line() {
    std::string_view text;
    while (lines_.next(text)) {
      std::vector<std::string_view> words;
      split_words(text, words);
      if (!words.empty()) return text;
    }
    return {};
  }

  void read_rows(const Header& header) {
    const std::string_view second = line();
    std::vector<std::string_view> words;
    split_words(second, words);
    std::uint64_t count = 0;
    if (words.empty())
      input_.fail("trace-format", "the second line, the number of rows, is missing",
                  header.policy_word, "write the number of layers on line 2");
    if (words.size() != 1 || !parse_whole(words[0], count))
      input_.fail("trace-format", "the second line is the number of rows alone", words[0],
                  "write the number of layers on line 2");
    RowReader reader(input_, header.policy);
    for (std::string_view text = line(); !text.empty(); text = line()) {
      if (rows_.size() == count)
        input_.fail("trace-format", fmt::format("more rows than the {} announced", count), text,
                    "write the number of layers on line 2");
      rows_.push_back(reader.read(text));
    }
    if (rows_.size() < count)
      input_.fail("trace-format", fmt::format("{} rows announced, {} found", count, rows_.size()),
                  words[0], "the file is cut off, or line 2 is wrong");
    dependencies_ = reader.dependencies();
  }

  TextInput input_;
  TraceReadOptions options_;
  LineReader lines_;
  std::vector<Row> rows_;
  std::uint64_t dependencies_ = 0;
};

}  // namespace

bool is_workload_policy(std::string_view word) { return find_policy(word).has_value(); }

RecordedTrace parse_simai(std::string text, std::string name, const TraceReadOptions& options) {
  return WorkloadReader(std::move(text), std::move(name), options).read();
}

}  // namespace xpusim::trace
