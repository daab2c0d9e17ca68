// Chakra nodes as JSON, as MLCommons' C++ feeder reads them (src/feeder/json_node.cpp): a field of
// one file is one node's attribute, under the names below.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "trace/formats.hpp"
#include "trace/text_input.hpp"

namespace xpusim::trace {
namespace {

constexpr std::uint64_t kMostSize = (std::uint64_t{1} << 63) - 1;

/// Pulls tokens out of a JSON text; each knows its place.
class JsonCursor {
 public:
  explicit JsonCursor(const TextInput& input) : input_(input), rest_(input.text()) {}

  /// The next token: a punctuation mark, a string in quotes, or a literal; "" at the end.
  std::string_view peek() {
    if (!peeked_) {
      token_ = scan();
      peeked_ = true;
    }
    return token_;
  }
  std::string_view take() {
    const std::string_view token = peek();
    peeked_ = false;
    return token;
  }
  void expect(std::string_view mark, std::string_view where) {
    if (peek() != mark) fail(fmt::format("{} expected {}", mark, where));
    (void)take();
  }
  /// A string's text, escapes resolved.
  std::string text() {
    const std::string_view token = peek();
    if (!token.starts_with("\"")) fail("a text in double quotes is expected");
    (void)take();
    if (token.find('\\') == std::string_view::npos && valid_utf8(token))
      return std::string(token.substr(1, token.size() - 2));
    const auto parsed = nlohmann::json::parse(token.begin(), token.end(), nullptr, false);
    if (!parsed.is_string())
      input_.fail("trace-format", "not valid JSON: a text with a broken escape or byte", token,
                  std::string(kHelp));
    return parsed.get<std::string>();
  }
  /// Steps over one value of any kind. Objects and arrays may nest 200 deep.
  void skip(int depth = 0) {
    if (depth > 200) fail("objects nest too deeply");
    const std::string_view token = take();
    if (token == "{" || token == "[") {
      const std::string_view close = token == "{" ? "}" : "]";
      if (peek() == close) {
        (void)take();
        return;
      }
      for (;;) {
        if (token == "{") {
          (void)text();
          expect(":", "after a key");
        }
        skip(depth + 1);
        if (peek() == close) break;
        expect(",", "between values");
      }
      (void)take();
    } else if (token.empty() || token.size() == 1) {
      if (token.empty() || std::string_view("}],:").find(token[0]) != std::string_view::npos)
        input_.fail("trace-format",
                    fmt::format("not valid JSON: a value expected{}",
                                token.empty() ? " at the end of the file" : ""),
                    token.empty() ? end() : token, std::string(kHelp));
    }
  }
  [[noreturn]] void fail(const std::string& what) {
    const std::string_view token = peek();
    input_.fail("trace-format", fmt::format("not valid JSON here: {}", what),
                token.empty() ? end() : token, std::string(kHelp));
  }
  [[nodiscard]] std::string_view end() const {
    const std::string_view all = input_.text();
    return all.empty() ? all : all.substr(all.size() - 1);
  }

 private:
  static constexpr std::string_view kHelp =
      "write {\"workload_graph\": [{\"Id\": 0, \"Name\": \"a\", \"NodeType\": 4, \"data_deps\": "
      "[]}]}";

  static bool valid_utf8(std::string_view text) {
    return std::none_of(text.begin(), text.end(),
                        [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
  }

  std::string_view scan() {
    std::size_t n = 0;
    while (n < rest_.size() &&
           (rest_[n] == ' ' || rest_[n] == '\t' || rest_[n] == '\n' || rest_[n] == '\r'))
      ++n;
    rest_.remove_prefix(n);
    if (rest_.empty()) return rest_;
    std::size_t length = 1;
    if (rest_[0] == '"') {
      length = closing_quote();
    } else if (!punctuation(rest_[0])) {
      while (length < rest_.size() && !punctuation(rest_[length]) && rest_[length] != '"' &&
             static_cast<unsigned char>(rest_[length]) > ' ')
        ++length;
      const auto literal =
          nlohmann::json::parse(rest_.begin(), rest_.begin() + length, nullptr, false);
      if (literal.is_discarded())
        input_.fail("trace-format",
                    fmt::format("not valid JSON: {}", in_quotes(rest_.substr(0, length))),
                    rest_.substr(0, length), std::string(kHelp));
    }
    const std::string_view token = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return token;
  }

  static bool punctuation(char c) {
    return c == '{' || c == '}' || c == '[' || c == ']' || c == ',' || c == ':';
  }

  std::size_t closing_quote() {
    for (std::size_t i = 1; i < rest_.size(); ++i) {
      if (static_cast<unsigned char>(rest_[i]) < 0x20) break;
      if (rest_[i] == '\\')
        ++i;
      else if (rest_[i] == '"')
        return i + 1;
    }
    input_.fail("trace-format", "not valid JSON: a text does not end", rest_.substr(0, 1),
                std::string(kHelp));
  }

  const TextInput& input_;
  std::string_view rest_, token_;
  bool peeked_ = false;
};

class JsonGraphReader {
 public:
  explicit JsonGraphReader(const TextInput& input) : input_(input), json_(input) {}

  ChakraFile read() {
    file_.name = input_.name();
    file_.bytes = input_.text().size();
    json_.expect("{", "at the beginning of the file");
    bool found = false;
    if (json_.peek() != "}") {
      do {
        const std::string_view where = json_.peek();
        const std::string key = json_.text();
        json_.expect(":", "after a key");
        if (key != "workload_graph") {
          skip_unused();
        } else if (found) {
          input_.fail("trace-format", "\"workload_graph\" is given twice", where,
                      "keep one of them");
        } else {
          found = true;
          nodes();
        }
      } while (more("}"));
    }
    json_.expect("}", "at the end of the file");
    if (!json_.peek().empty()) json_.fail("nothing may follow the last }");
    if (!found)
      input_.fail("trace-format", "no \"workload_graph\" in this JSON", input_.text().substr(0, 1),
                  "expected a Chakra graph in JSON form");
    file_.finish_texts();
    return std::move(file_);
  }

 private:
  /// After a value: true and past the comma, or false before the closing mark.
  bool more(std::string_view close) {
    if (json_.peek() == close) return false;
    json_.expect(",", "between values");
    return true;
  }

  void skip_unused() {
    const std::string_view from = json_.peek();
    json_.skip();
    const std::string_view next = json_.peek();
    const char* end = next.empty() ? input_.text().data() + input_.text().size() : next.data();
    file_.skipped_bytes += static_cast<std::uint64_t>(end - from.data());
  }

  void nodes() {
    json_.expect("[", "after \"workload_graph\"");
    if (json_.peek() != "]") {
      do {
        node();
      } while (more("]"));
    }
    json_.expect("]", "after the last node");
  }

  void node() {
    const std::string_view begin = json_.peek();
    json_.expect("{", "at the beginning of a node");
    node_ = {};
    node_.offset = static_cast<std::uint64_t>(begin.data() - input_.text().data());
    name_.clear();
    data_.clear();
    ctrl_.clear();
    seen_.clear();
    if (json_.peek() != "}") {
      do {
        field();
      } while (more("}"));
    }
    json_.expect("}", "at the end of a node");
    for (const std::string_view needed : {"Id", "NodeType"})
      if (!seen_.contains(std::string(needed)))
        input_.fail("trace-value", fmt::format("a node without \"{}\"", needed), begin,
                    fmt::format("give every node an \"{}\"", needed));
    file_.add(node_, name_, data_, ctrl_);
  }

  void field() {
    const std::string_view where = json_.peek();
    const std::string key = json_.text();
    json_.expect(":", "after a key");
    if (!seen_.insert(key).second)
      input_.fail("trace-value", fmt::format("{} is given twice in one node", in_quotes(key)),
                  where, "keep one of them");
    if (key == "Name") {
      name_ = json_.text();
    } else if (key == "data_deps") {
      ids(key, data_);
    } else if (key == "ctrlDeps" || key == "ctrl_deps") {
      ids(key, ctrl_);
    } else if (key == "is_cpu_op") {
      node_.is_cpu_op = flag(key);
    } else if (key == "pg_name") {
      pg_name(key);
    } else if (key == "involved_dim") {
      dimensions(key);
    } else if (!number_field(key)) {
      skip_unused();
    }
  }

  bool number_field(const std::string& key) {
    if (key == "Id") {
      node_.id = whole(key, 0, std::numeric_limits<std::uint64_t>::max());
    } else if (key == "NodeType") {
      node_.type = static_cast<ChakraNodeType>(whole(key, 0, kChakraNodeTypes - 1));
    } else if (key == "runtime") {
      node_.duration_nanos = whole(key, 0, kMostSize / 1000) * 1000;
    } else if (key == "num_ops") {
      node_.num_ops = whole(key, 0, kMostSize);
    } else if (key == "tensor_size") {
      node_.tensor_size = whole(key, 0, kMostSize);
    } else if (key == "comm_size") {
      node_.comm_size = whole(key, 0, kMostSize);
    } else if (key == "comm_type") {
      const std::uint64_t most = static_cast<std::uint64_t>(ChakraCollective::barrier);
      node_.collective = static_cast<ChakraCollective>(whole(key, 0, most));
    } else if (key == "comm_src") {
      node_.comm_src = static_cast<std::int32_t>(whole(key, 0, kMostInt32));
    } else if (key == "comm_dst") {
      node_.comm_dst = static_cast<std::int32_t>(whole(key, 0, kMostInt32));
    } else if (key == "comm_tag") {
      node_.comm_tag = static_cast<std::int32_t>(whole(key, 0, kMostInt32));
    } else if (key == "comm_priority") {
      node_.comm_priority = static_cast<std::int32_t>(whole(key, 0, kMostInt32));
    } else {
      return false;
    }
    return true;
  }

  [[noreturn]] void bad_value(const std::string& key, const std::string& need) {
    const std::string_view token = json_.peek();
    input_.fail("trace-value", fmt::format("\"{}\" is {}; {} is needed", key, shown(token), need),
                token.empty() ? json_.end() : token, "check how the file was written");
  }

  static std::string shown(std::string_view token) {
    return token.starts_with("\"") ? std::string("a text") : in_quotes(token);
  }

  std::uint64_t whole(const std::string& key, std::uint64_t least, std::uint64_t most) {
    const std::string_view token = json_.peek();
    std::uint64_t value = 0;
    double real = 0;
    const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), value);
    bool good = error == std::errc() && end == token.data() + token.size() && !token.empty();
    // 318.0 is how some writers put a whole number.
    if (!good && parse_decimal(token, real) && real >= 0 && real < 9e15 &&
        real == std::floor(real)) {
      value = static_cast<std::uint64_t>(real);
      good = true;
    }
    if (!good || value < least || value > most)
      bad_value(key, fmt::format("a whole number from {} to {}", least, most));
    (void)json_.take();
    return value;
  }

  bool flag(const std::string& key) {
    const std::string_view token = json_.peek();
    if (token != "true" && token != "false" && token != "0" && token != "1")
      bad_value(key, "true or false");
    (void)json_.take();
    return token == "true" || token == "1";
  }

  void pg_name(const std::string& key) {
    if (json_.peek().starts_with("\"")) {
      node_.pg_name = file_.intern(json_.text());
    } else {
      node_.pg_name = file_.intern(fmt::format("{}", whole(key, 0, kMostSize)));
    }
  }

  void ids(const std::string& key, std::vector<std::uint64_t>& list) {
    if (json_.peek() != "[") {  // a single one
      list.push_back(whole(key, 0, std::numeric_limits<std::uint64_t>::max()));
      return;
    }
    (void)json_.take();
    if (json_.peek() != "]") {
      do {
        list.push_back(whole(key, 0, std::numeric_limits<std::uint64_t>::max()));
      } while (more("]"));
    }
    json_.expect("]", "after the last id");
  }

  void dimensions(const std::string& key) {
    if (json_.peek() != "[") bad_value(key, "a list of true and false");
    (void)json_.take();
    if (json_.peek() != "]") {
      do {
        if (node_.involved_dim_count == 32) bad_value(key, "a list of at most 32");
        if (flag(key)) node_.involved_dims |= 1u << node_.involved_dim_count;
        ++node_.involved_dim_count;
      } while (more("]"));
    }
    json_.expect("]", "after the last dimension");
  }

  static constexpr std::uint64_t kMostInt32 = 0x7fffffff;

  const TextInput& input_;
  JsonCursor json_;
  ChakraFile file_;
  ChakraNode node_;
  std::string name_;
  std::vector<std::uint64_t> data_, ctrl_;
  std::set<std::string> seen_;
};

}  // namespace

ChakraFile parse_chakra_json(std::string text, std::string name) {
  const TextInput input(std::move(text), std::move(name));
  return JsonGraphReader(input).read();
}

}  // namespace xpusim::trace
