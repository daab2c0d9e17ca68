#include "workload/layer_layout.hpp"

#include <cstddef>
#include <string>

#include <fmt/format.h>

#include "xpusim/diagnostic.hpp"

namespace xpusim {

namespace {

constexpr int kMostRepeats = 10'000;
constexpr std::size_t kMostSymbols = 100'000;  // of the text with all repeats written out

class LayerLayoutParser {
 public:
  explicit LayerLayoutParser(std::string_view text) : text_(text) {}

  std::vector<LayerCounts> parse() {
    std::vector<Symbol> symbols;
    while (skip_blanks()) {
      if (peek() == '(')
        group(symbols);
      else
        repeated_symbol(symbols);
    }
    return count(symbols);
  }

 private:
  struct Symbol {
    char letter = 't';
    std::size_t column = 0;  // 1-based, where it was written
  };

  [[noreturn]] static void refuse(std::size_t column, const std::string& what,
                                  const std::string& help) {
    throw InputError("bad-layout", fmt::format("parallelism.layout, column {}: {}", column, what),
                     help);
  }

  [[nodiscard]] char peek() const { return text_[at_]; }
  [[nodiscard]] std::size_t column() const { return at_ + 1; }
  /// False at the end.
  bool skip_blanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == ',')) ++at_;
    return at_ < text_.size();
  }

  void group(std::vector<Symbol>& out) {
    const std::size_t open = column();
    ++at_;
    std::vector<Symbol> inner;
    while (skip_blanks() && peek() != ')') {
      if (peek() == '(') refuse(column(), "a group within a group", "write one of them out");
      repeated_symbol(inner);
    }
    if (at_ == text_.size()) refuse(open, "this group does not end", "close it with )*n");
    ++at_;
    if (inner.empty()) refuse(open, "an empty group", "name the layers between ( and )");
    if (!skip_blanks() || peek() != '*')
      refuse(open, "a group that is not repeated", "write *n after its )");
    append(out, inner, repeats());
  }

  void repeated_symbol(std::vector<Symbol>& out) {
    const char c = peek();
    if (c == '*') refuse(column(), "nothing to repeat", "write * after a layer or after )");
    if (c == ')') refuse(column(), "a ) without (", "remove it");
    if (c != 'E' && c != 't' && c != 'm' && c != 'L' && c != '|')
      refuse(column(), fmt::format("'{}' is no layer", printable(c)),
             "use E (embedding), t (transformer layer), m (MTP layer), L (loss) and |");
    const std::vector<Symbol> one{{c, column()}};
    ++at_;
    append(out, one, skip_blanks() && peek() == '*' ? repeats() : 1);
  }

  static std::string printable(char c) {
    const auto code = static_cast<unsigned char>(c);
    return code > 32 && code < 127 ? std::string(1, c) : fmt::format("\\x{:02x}", code);
  }

  /// Reads *n.
  int repeats() {
    ++at_;
    if (!skip_blanks() || peek() < '0' || peek() > '9')
      refuse(at_, "* without a count", "write a number after *");
    const std::size_t first = column();
    int n = 0;
    while (at_ < text_.size() && peek() >= '0' && peek() <= '9') {
      n = n * 10 + (peek() - '0');
      if (n > kMostRepeats) refuse(first, "a count beyond 10000", "no model has so many layers");
      ++at_;
    }
    if (n == 0) refuse(first, "a count of 0", "leave out what is not there");
    return n;
  }

  void append(std::vector<Symbol>& out, const std::vector<Symbol>& what, int times) {
    if (out.size() + what.size() * static_cast<std::size_t>(times) > kMostSymbols)
      refuse(what.front().column, "too many layers", "no model has so many");
    for (int i = 0; i < times; ++i) out.insert(out.end(), what.begin(), what.end());
  }

  std::vector<LayerCounts> count(const std::vector<Symbol>& symbols) const {
    std::vector<LayerCounts> chunks(1);
    std::size_t mtp_chunk = 0;
    bool embedded = false, mtp = false, lost = false;
    for (const Symbol& s : symbols) {
      if (lost) refuse(s.column, "the loss L is not the last", "end the layout with L, not with |");
      if (s.letter != 'E' && !embedded)
        refuse(s.column, "the embedding E is not the first", "begin the layout with E");
      LayerCounts& chunk = chunks.back();
      switch (s.letter) {
        case 'E':
          if (embedded) refuse(s.column, "a second embedding", "write E once");
          embedded = true;
          ++chunk.embeddings;
          break;
        case 't':
          if (mtp) refuse(s.column, "a layer behind an MTP layer", "put every t before m");
          ++chunk.layers;
          break;
        case 'm':
          if (mtp && mtp_chunk != chunks.size())
            refuse(s.column, "MTP layers in several chunks", "put all m into one chunk");
          mtp = true;
          mtp_chunk = chunks.size();
          ++chunk.mtp;
          break;
        case 'L':
          lost = true;
          ++chunk.losses;
          break;
        default:
          chunks.emplace_back();
      }
    }
    if (!lost) refuse(text_.size() + 1, "the loss L is missing", "end the layout with L");
    return chunks;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

std::vector<LayerCounts> parse_layer_layout(std::string_view text) {
  return LayerLayoutParser(text).parse();
}

}  // namespace xpusim
