// nlohmann's SAX parser has no positions in 3.11; a counting iterator under it gives the byte just
// past each token, and the start of a token is the first byte after the previous token that is no
// blank, comma or colon.

#include "config/json_document.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>

namespace xpusim {
namespace config {
namespace {

using Json = nlohmann::json;

/// Reads bytes and tells a shared cursor how far the parser has come.
class CountingIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  CountingIterator(const char* at, const char** reached) : at_(at), reached_(reached) {}
  reference operator*() const { return *at_; }
  CountingIterator& operator++() {
    *reached_ = ++at_;
    return *this;
  }
  CountingIterator operator++(int) {
    CountingIterator before = *this;
    ++*this;
    return before;
  }
  friend bool operator==(const CountingIterator& a, const CountingIterator& b) {
    return a.at_ == b.at_;  // NOLINT: the library compares from templates only
  }
  friend bool operator!=(const CountingIterator& a, const CountingIterator& b) {
    return a.at_ != b.at_;
  }

 private:
  const char* at_;
  const char** reached_;
};

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

bool is_word(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         c == '+' || c == '-' || c == '.';
}

/// Builds the tree, refuses duplicates and depth, and words the errors.
class TreeBuilder {
 public:
  TreeBuilder(std::shared_ptr<const SourceText> source, std::size_t begin, std::size_t end,
              Diagnostics& diagnostics)
      : source_(std::move(source)),
        text_(std::string_view(source_->text).substr(0, end)),
        last_end_(begin),
        reached_(text_.data() + begin),
        diagnostics_(diagnostics) {
    if (text_.substr(begin).starts_with("\xEF\xBB\xBF")) last_end_ += 3;
  }

  std::optional<JsonValue> build() {
    const char* const begin = reached_;
    const CountingIterator first(begin, &reached_), last(text_.data() + text_.size(), &reached_);
    if (!Json::sax_parse(first, last, this)) return std::nullopt;
    return std::move(root_);
  }

  // The events of nlohmann's SAX interface; `false` ends the parse.
  bool null() { return scalar({}, consumed()); }
  bool boolean(bool value) {
    JsonValue v;
    v.type = JsonType::boolean;
    v.boolean = value;
    return scalar(std::move(v), consumed());
  }
  bool number_integer(Json::number_integer_t value) { return number(static_cast<double>(value)); }
  bool number_unsigned(Json::number_unsigned_t value) { return number(static_cast<double>(value)); }
  bool number_float(Json::number_float_t value, const std::string&) { return number(value); }
  bool string(std::string& value) {
    JsonValue v;
    v.type = JsonType::string;
    v.text = std::move(value);
    return scalar(std::move(v), consumed());
  }
  bool binary(Json::binary_t&) { throw InternalError("JSON text has no binary values"); }
  bool start_object(std::size_t) { return open(JsonType::object); }
  bool start_array(std::size_t) { return open(JsonType::array); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }
  bool key(std::string& name) {
    const SourceSpan span = token(consumed());
    Open& top = stack_.back();
    top.duplicate = !top.keys.insert(name).second;
    if (top.duplicate) {
      const auto& first = top.value.find_member(name)->key_span;
      diagnostics_.error(
          "duplicate-key", fmt::format("'{}' is given twice in one object", name), span,
          fmt::format("it stands at line {} already; keep one", line_column(first).line));
    }
    top.pending.key = std::move(name);
    top.pending.key_span = span;
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception& error) {
    report(error);
    return false;
  }

 private:
  struct Open {
    JsonValue value;
    JsonMember pending;          ///< the key whose value comes next
    std::set<std::string> keys;  ///< of an object
    bool duplicate = false;
  };

  [[nodiscard]] std::size_t consumed() const {
    return static_cast<std::size_t>(reached_ - text_.data());
  }

  [[nodiscard]] std::size_t token_start() const {
    std::size_t i = last_end_;
    while (i < text_.size() && (is_blank(text_[i]) || text_[i] == ',' || text_[i] == ':')) ++i;
    return i;
  }

  SourceSpan token(std::size_t end) {
    const std::size_t start = token_start();
    last_end_ = end;
    return {source_, start, end - start};
  }

  bool number(double value) {
    std::size_t end = token_start();
    const std::size_t start = end;
    while (end < text_.size() && is_word(text_[end])) ++end;
    JsonValue v;
    v.type = JsonType::number;
    v.number = value;
    v.text = text_.substr(start, end - start);
    return scalar(std::move(v), end);
  }

  bool scalar(JsonValue value, std::size_t end) {
    value.span = token(end);
    attach(std::move(value));
    return true;
  }

  bool open(JsonType type) {
    JsonValue value;
    value.type = type;
    value.span = token(consumed());
    if (stack_.size() == max_json_depth) {
      diagnostics_.error("nesting-depth",
                         fmt::format("more than {} levels of brackets", max_json_depth), value.span,
                         "no configuration is nested that deep");
      return false;
    }
    stack_.push_back({std::move(value), {}, {}, false});
    return true;
  }

  bool close() {
    last_end_ = consumed();
    JsonValue value = std::move(stack_.back().value);
    stack_.pop_back();
    attach(std::move(value));
    return true;
  }

  void attach(JsonValue value) {
    if (stack_.empty()) {
      root_ = std::move(value);
      return;
    }
    Open& top = stack_.back();
    if (top.value.type == JsonType::array) {
      top.value.items.push_back(std::move(value));
    } else if (!top.duplicate) {
      top.pending.value = std::move(value);
      top.value.members.push_back(std::move(top.pending));
      top.pending = {};
    }
    top.duplicate = false;
  }

  /// Where the token that the parser stumbled over begins: commas and colons before it were
  /// accepted.
  [[nodiscard]] std::size_t failure_start() const {
    std::size_t i = last_end_;
    while (i < text_.size()) {
      const bool accepted = (text_[i] == ',' || text_[i] == ':') && i + 1 < consumed();
      if (!is_blank(text_[i]) && !accepted) break;
      ++i;
    }
    return i;
  }

  [[nodiscard]] std::string_view word_at(std::size_t start) const {
    std::size_t end = start;
    while (end < text_.size() && is_word(text_[end])) ++end;
    return text_.substr(start, end - start);
  }

  void report(const nlohmann::detail::exception& error) {
    const std::size_t start = failure_start();
    const std::string what = error.what();
    const bool ended = what.find("unexpected end of input") != std::string::npos;
    if (ended || start >= text_.size()) return report_end();
    const std::string_view word = word_at(start);
    const SourceSpan span{source_, start, std::max<std::size_t>(1, word.size())};
    if (report_not_finite(word, span)) return;
    if (what.find("number overflow") != std::string::npos) {
      diagnostics_.error("out-of-range", fmt::format("{} does not fit a double", word), span,
                         "write a number below 1.8e308");
      return;
    }
    if (text_[start] == '"' && what.find("invalid string") != std::string::npos)
      return report_string(start, what);
    diagnostics_.error("syntax", syntax_message(start, word, what), span, syntax_help(start, word));
  }

  void report_end() {
    const SourceSpan end{source_, text_.size(), 0};
    if (stack_.empty()) {
      diagnostics_.error("empty-file", "the file is empty", end,
                         R"(start with {"schema": 1, "kind": "chip", "name": "..."})");
      return;
    }
    const JsonValue& open = stack_.back().value;
    const bool object = open.type == JsonType::object;
    // The last character that says something, so that the excerpt is not an empty line.
    std::size_t last = text_.size();
    while (last > 0 && is_blank(text_[last - 1])) --last;
    diagnostics_.error("truncated-file",
                       fmt::format("the file ends inside the {} that opens at line {}",
                                   object ? "object" : "array", line_column(open.span).line),
                       {source_, last, 0},
                       fmt::format("complete it and close it with '{}'", object ? '}' : ']'));
  }

  bool report_not_finite(std::string_view word, const SourceSpan& span) {
    std::string low(word);
    std::transform(low.begin(), low.end(), low.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
    });
    if (low.starts_with('-') || low.starts_with('+')) low.erase(0, 1);
    if (low != "nan" && low != "inf" && low != "infinity") return false;
    diagnostics_.error("not-finite",
                       fmt::format("{} is no number that a configuration can hold", word), span,
                       "write a finite number, or leave the key out");
    return true;
  }

  void report_string(std::size_t start, std::string_view what) {
    auto reason = what.substr(what.find("invalid string: ") + 16);
    reason = reason.substr(0, reason.find("; last read"));
    if (reason.starts_with("missing closing quote")) {
      diagnostics_.error("truncated-file", "the file ends inside a string", {source_, start, 1},
                         "complete it and close it with '\"'");
      return;
    }
    const std::size_t bad = std::max(start, consumed() - 1);
    const bool line_break = bad < text_.size() && (text_[bad] == '\n' || text_[bad] == '\r');
    if (line_break) {
      diagnostics_.error("syntax", "a string ends at the end of its line",
                         {source_, start, bad - start},
                         "close it with '\"', or write \\n for a line break");
      return;
    }
    diagnostics_.error("syntax", fmt::format("ill-formed string: {}", reason), {source_, bad, 1},
                       "escape it, or leave it out");
  }

  [[nodiscard]] std::string syntax_message(std::size_t start, std::string_view word,
                                           std::string_view what) const {
    const std::string_view found = word.empty() ? text_.substr(start, 1) : word.substr(0, 40);
    std::string expected = "a value";
    const auto at = what.rfind("; expected ");
    if (at != std::string_view::npos) {
      const std::string_view token = what.substr(at + 11);
      const bool end = token.find("end of input") != std::string_view::npos;
      const bool value = token.find("literal") != std::string_view::npos &&
                         token.find('[') != std::string_view::npos;
      expected = value                                            ? "a value"
                 : end                                            ? "the end of the file"
                 : token.find("string") != std::string_view::npos ? "a key in double quotes"
                 : token.find(']') != std::string_view::npos      ? "',' or ']'"
                 : token.find('}') != std::string_view::npos      ? "',' or '}'"
                                                                  : std::string(token);
    }
    if (text_[start] == '"') return fmt::format("a string stands where {} is expected", expected);
    return fmt::format("'{}' stands where {} is expected", found, expected);
  }

  [[nodiscard]] std::string syntax_help(std::size_t start, std::string_view word) const {
    const char c = text_[start];
    std::size_t before = start;
    while (before > 0 && is_blank(text_[before - 1])) --before;
    const char previous = before > 0 ? text_[before - 1] : '\0';
    if ((c == '}' || c == ']') && previous == ',') return "remove the comma before it";
    if (c == '/' || c == '#') return "JSON has no comments; say it in \"description\"";
    if (c == '\'') return "write strings in double quotes";
    if (word == "True" || word == "False") return "write true or false";
    if (word == "None") return "leave the key out";
    if (c == '"' && !stack_.empty() && previous != ',' && previous != ':')
      return "a comma is missing before it";
    if (word.starts_with('.') || word.starts_with('+'))
      return "JSON numbers start with a digit or '-'";
    if (word.size() > 1 && c == '0') return "JSON numbers are decimal, without leading zeros";
    if (!word.empty() && (c < '0' || c > '9') && c != '-') return "write strings in double quotes";
    return "";
  }

  std::shared_ptr<const SourceText> source_;
  std::string_view text_;
  std::size_t last_end_;
  const char* reached_;
  Diagnostics& diagnostics_;
  std::vector<Open> stack_;
  JsonValue root_;
};

bool refuse_encoding(const std::shared_ptr<const SourceText>& source, std::string_view text,
                     Diagnostics& diagnostics) {
  const bool utf16 = text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF");
  const std::size_t bad = utf16 ? 0 : ill_formed_utf8(text);
  if (bad == std::string_view::npos) return false;
  diagnostics.error("invalid-utf8", utf16 ? "the file is UTF-16" : "a byte that is not UTF-8",
                    {source, bad, 1}, "save the file as UTF-8");
  return true;
}

void write_canonical(std::string& out, const JsonValue& value);

void write_object(std::string& out, const JsonValue& value) {
  std::vector<const JsonMember*> members;
  for (const JsonMember& member : value.members) members.push_back(&member);
  std::sort(members.begin(), members.end(),
            [](const auto* a, const auto* b) { return a->key < b->key; });
  out += '{';
  for (const JsonMember* member : members) {
    if (member != members.front()) out += ',';
    out += json_quoted(member->key) + ':';
    write_canonical(out, member->value);
  }
  out += '}';
}

void write_canonical(std::string& out, const JsonValue& value) {
  switch (value.type) {
    case JsonType::null:
      out += "null";
      return;
    case JsonType::boolean:
      out += value.boolean ? "true" : "false";
      return;
    case JsonType::number:
      out += value.text;
      return;
    case JsonType::string:
      out += json_quoted(value.text);
      return;
    case JsonType::object:
      write_object(out, value);
      return;
    case JsonType::array:
      break;
  }
  out += '[';
  for (std::size_t i = 0; i < value.items.size(); ++i) {
    if (i > 0) out += ',';
    write_canonical(out, value.items[i]);
  }
  out += ']';
}

}  // namespace

// Well-formed byte sequences: Unicode, table 3-7.
std::size_t ill_formed_utf8(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  for (std::size_t i = 0; i < text.size();) {
    const unsigned lead = byte(i);
    if (lead < 0x80) {
      ++i;
      continue;
    }
    const std::size_t length = lead >= 0xC2 && lead <= 0xDF   ? 2
                               : lead >= 0xE0 && lead <= 0xEF ? 3
                               : lead >= 0xF0 && lead <= 0xF4 ? 4
                                                              : 0;
    if (length == 0 || i + length > text.size()) return i;
    const unsigned low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    const unsigned high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (byte(i + 1) < low || byte(i + 1) > high) return i;
    for (std::size_t k = 2; k < length; ++k) {
      if (byte(i + k) < 0x80 || byte(i + k) > 0xBF) return i;
    }
    i += length;
  }
  return std::string_view::npos;
}

std::optional<JsonValue> parse_json_region(const std::shared_ptr<const SourceText>& source,
                                           std::size_t begin, std::size_t end,
                                           Diagnostics& diagnostics) {
  TreeBuilder builder(source, begin, end, diagnostics);
  return builder.build();
}

std::string json_quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string pointer_escaped(std::string_view key) {
  std::string out;
  for (const char c : key) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out += c;
    }
  }
  return out;
}

std::string pointer_unescaped(std::string_view token) {
  std::string out;
  for (std::size_t i = 0; i < token.size(); ++i) {
    const bool escape =
        token[i] == '~' && i + 1 < token.size() && (token[i + 1] == '0' || token[i + 1] == '1');
    out += escape ? (token[++i] == '0' ? '~' : '/') : token[i];
  }
  return out;
}

namespace {

const JsonValue* child(const JsonValue& value, std::string_view token) {
  if (value.type == JsonType::object) return value.find(pointer_unescaped(token));
  if (value.type != JsonType::array || (token.size() > 1 && token[0] == '0')) return nullptr;
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), index);
  const bool whole = error == std::errc() && end == token.data() + token.size() && !token.empty();
  return whole && index < value.items.size() ? &value.items[index] : nullptr;
}

}  // namespace
}  // namespace config

const JsonMember* JsonValue::find_member(std::string_view key) const {
  const auto found = std::find_if(members.begin(), members.end(),
                                  [&](const JsonMember& m) { return m.key == key; });
  return found == members.end() ? nullptr : &*found;
}

const JsonValue* JsonValue::find(std::string_view key) const {
  const JsonMember* member = find_member(key);
  return member ? &member->value : nullptr;
}

const JsonValue* JsonValue::at(std::string_view pointer) const {
  const JsonValue* value = this;
  while (value && !pointer.empty()) {
    if (pointer[0] != '/') return nullptr;
    const std::size_t end = std::min(pointer.find('/', 1), pointer.size());
    value = config::child(*value, pointer.substr(1, end - 1));
    pointer.remove_prefix(end);
  }
  return value;
}

std::optional<JsonValue> parse_json(const std::shared_ptr<const SourceText>& source,
                                    Diagnostics& diagnostics) {
  if (config::refuse_encoding(source, source->text, diagnostics)) return std::nullopt;
  return config::parse_json_region(source, 0, source->text.size(), diagnostics);
}

std::string canonical_json(const JsonValue& value) {
  std::string out;
  config::write_canonical(out, value);
  return out;
}

}  // namespace xpusim
