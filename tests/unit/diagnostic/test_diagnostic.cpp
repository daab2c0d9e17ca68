// Rendering is compared whole: it is what a person reads.
#include "xpusim/diagnostic.hpp"

#include <catch2/catch.hpp>

using namespace xpusim;

namespace {

SourceSpan span_of(std::string text, std::string_view word, std::string name = "x.json") {
  const std::size_t offset = text.find(word);
  REQUIRE(offset != std::string::npos);
  return {std::make_shared<const SourceText>(SourceText{std::move(name), std::move(text)}), offset,
          word.size()};
}

SourceSpan span_at(std::string text, std::size_t offset, std::size_t length = 0) {
  return {std::make_shared<const SourceText>(SourceText{"x.json", std::move(text)}), offset,
          length};
}

std::string shown(SourceSpan span, std::string help = "") {
  return render(Diagnostic{Severity::error, "code", "message", std::move(span), std::move(help)});
}

}  // namespace

TEST_CASE("a diagnostic shows place, code, message, line, caret and help", "[diagnostic]") {
  const auto span = span_of("{\n  \"memory\": {\n    \"bandwidth\": \"3.35 TB\",\n  }\n}\n",
                            "\"3.35 TB\"", "configs/chips/x.json");
  const Diagnostic d{Severity::error, "unit-mismatch",
                     "'memory.bandwidth' needs bytes per second, got \"3.35 TB\"", span,
                     "write \"3.35 TB/s\""};
  CHECK(render(d) ==
        "configs/chips/x.json:3:18: error[unit-mismatch]: 'memory.bandwidth' needs bytes per "
        "second, got \"3.35 TB\"\n"
        "  3 |     \"bandwidth\": \"3.35 TB\",\n"
        "    |                  ^^^^^^^^^ help: write \"3.35 TB/s\"");
}

TEST_CASE("without a position only the message and the help remain", "[diagnostic]") {
  CHECK(render(Diagnostic{Severity::warning, "code", "message", {}, ""}) ==
        "warning[code]: message");
  CHECK(render(Diagnostic{Severity::note, "code", "message", {}, "do this"}) ==
        "note[code]: message\n  help: do this");
}

TEST_CASE("the gutter grows with the line number", "[diagnostic]") {
  const std::string text = std::string(99, '\n') + "abc";
  CHECK(shown(span_of(text, "b")) == "x.json:100:2: error[code]: message\n  100 | abc\n      |  ^");
}

TEST_CASE("columns count code points and the caret stands under wide characters", "[diagnostic]") {
  CHECK(shown(span_of("{\"é\": bad}", "bad")) ==
        "x.json:1:7: error[code]: message\n  1 | {\"é\": bad}\n    |       ^^^");
  // A Chinese character takes two terminal columns and one code point.
  CHECK(shown(span_of("{\"华为\": 1}", "1")) ==
        "x.json:1:8: error[code]: message\n  1 | {\"华为\": 1}\n    |          ^");
  CHECK(shown(span_of("{\"华为\": 1}", "\"华为\"")) ==
        "x.json:1:2: error[code]: message\n  1 | {\"华为\": 1}\n    |  ^^^^^^");
}

TEST_CASE("tabs and control characters become blanks and ill-formed bytes a replacement character",
          "[diagnostic]") {
  CHECK(shown(span_of("\tbad", "bad")) ==
        "x.json:1:2: error[code]: message\n  1 |     bad\n    |     ^^^");
  CHECK(shown(span_of("\x01z", "z")) == "x.json:1:2: error[code]: message\n  1 |  z\n    |  ^");
  CHECK(shown(span_of("\xFFz", "z")) ==
        "x.json:1:2: error[code]: message\n  1 | \xEF\xBF\xBDz\n    |  ^");
  CHECK(shown(span_of("a\r\nbad\r\n", "bad")) ==
        "x.json:2:1: error[code]: message\n  2 | bad\n    | ^^^");
}

TEST_CASE("a position at the end of the text has one caret behind the last character",
          "[diagnostic]") {
  CHECK(shown(span_at("{", 1), "close it") ==
        "x.json:1:2: error[code]: message\n  1 | {\n    |  ^ help: close it");
  CHECK(shown(span_at("{\n", 2)) == "x.json:2:1: error[code]: message\n  2 |\n    | ^");
  CHECK(shown(span_at("", 0)) == "x.json:1:1: error[code]: message\n  1 |\n    | ^");
  CHECK(shown(span_at("ab", 77, 5)) == "x.json:1:3: error[code]: message\n  1 | ab\n    |   ^");
}

TEST_CASE("a span over several lines is marked on its first line", "[diagnostic]") {
  CHECK(shown(span_at("a {\n}\n", 2, 3)) ==
        "x.json:1:3: error[code]: message\n  1 | a {\n    |   ^");
}

TEST_CASE("a byte order mark takes no column", "[diagnostic]") {
  CHECK(line_column(span_at("\xEF\xBB\xBF{}", 3)).column == 1);
}

TEST_CASE("an excerpt has at most 120 columns around the span", "[diagnostic]") {
  const std::string text = std::string(1000, 'a') + "BAD" + std::string(1000, 'b');
  const std::string message = shown(span_of(text, "BAD"));
  CHECK(message == "x.json:1:1001: error[code]: message\n  1 | …" + std::string(40, 'a') + "BAD" +
                       std::string(118 - 43, 'b') + "…\n    | " + std::string(41, ' ') + "^^^");
  const std::string wide = shown(span_at(std::string(50, 'a') + std::string(5000, 'x'), 50, 5000));
  CHECK(wide.substr(wide.rfind('\n') + 1) ==
        "    | " + std::string(41, ' ') + std::string(78, '^'));
}

TEST_CASE("a line of 50 MB is cut without reading all of it into the message", "[diagnostic]") {
  std::string text(50'000'000, '[');
  const std::string message = shown(span_at(std::move(text), 64, 1));
  CHECK(message.size() < 500);
}

TEST_CASE("findings are rendered in order and errors decide", "[diagnostic]") {
  Diagnostics all;
  CHECK(all.empty());
  all.warning("a", "first");
  all.note("b", "second");
  CHECK_FALSE(all.has_errors());
  Diagnostics more;
  more.error("c", "third", {}, "out");
  all.append(more);
  all.append(Diagnostics{});
  CHECK(all.has_errors());
  CHECK(render(all) == "warning[a]: first\nnote[b]: second\nerror[c]: third\n  help: out");
  CHECK(std::string(InputError(all).what()) == render(all));
  CHECK(InputError("c", "third", "out").diagnostics().items().size() == 1);
}

TEST_CASE("colour surrounds place, severity and caret and changes nothing else", "[diagnostic]") {
  const Diagnostic d{Severity::error, "code", "message", span_of("bad", "bad"), "help"};
  CHECK(render(d, true) ==
        "\x1b[1mx.json:1:1:\x1b[0m \x1b[1;31merror[code]:\x1b[0m message\n  1 | bad\n    | "
        "\x1b[1;32m^^^\x1b[0m help: help");
}

TEST_CASE("the nearest word is at most a third of its length away", "[diagnostic]") {
  const std::vector<std::string> words{"bandwidth", "latency", "link", "count"};
  CHECK(nearest_word("bandwith", words) == "bandwidth");
  CHECK(nearest_word("badnwidth", words) == "bandwidth");
  CHECK(nearest_word("lnik", words) == "link");
  CHECK(nearest_word("lin", words) == "link");
  CHECK(nearest_word("xyzxyz", words).empty());
  CHECK(nearest_word("", words).empty());
  CHECK(nearest_word("a", {"b"}) == "b");
  CHECK(nearest_word("counts", words) == "count");
  CHECK(nearest_word(std::string(100'000, 'x'), words).empty());
  CHECK(nearest_word("ab", {"ac", "ad"}) == "ac");
}
