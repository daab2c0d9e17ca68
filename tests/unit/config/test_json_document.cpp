// The parser of configuration: positions, duplicates, and the wording of every syntax error.
#include <catch2/catch.hpp>

#include "xpusim/config.hpp"

using namespace xpusim;

namespace {

struct Parsed {
  std::optional<JsonValue> tree;
  std::string messages;
};

Parsed parsed(std::string text) {
  const auto source = std::make_shared<const SourceText>(SourceText{"x.json", std::move(text)});
  Diagnostics diagnostics;
  auto tree = parse_json(source, diagnostics);
  return {std::move(tree), render(diagnostics)};
}

/// The message of a text that does not parse.
std::string refused(std::string text) {
  const Parsed p = parsed(std::move(text));
  CHECK_FALSE(p.tree.has_value());
  return p.messages;
}

std::string_view shown(const SourceSpan& span) {
  return std::string_view(span.source->text).substr(span.offset, span.length);
}

}  // namespace

TEST_CASE("every key and value knows where it stands", "[config][json]") {
  const Parsed p =
      parsed(R"( { "a" : [ 1 , -2.5e3,"x\n\u00e9" ] , "b":{ "c" :true,"d":null }, "é": "z" } )");
  REQUIRE(p.tree);
  CHECK(p.messages.empty());
  CHECK(shown(p.tree->find_member("a")->key_span) == "\"a\"");
  CHECK(shown(p.tree->at("/a")->span) == "[");
  CHECK(shown(p.tree->at("/a/0")->span) == "1");
  CHECK(shown(p.tree->at("/a/1")->span) == "-2.5e3");
  CHECK(p.tree->at("/a/1")->number == -2500.0);
  CHECK(shown(p.tree->at("/a/2")->span) == R"("x\n\u00e9")");
  CHECK(p.tree->at("/a/2")->text == "x\n\xC3\xA9");
  CHECK(shown(p.tree->at("/b")->span) == "{");
  CHECK(shown(p.tree->at("/b/c")->span) == "true");
  CHECK(shown(p.tree->at("/b/d")->span) == "null");
  CHECK(shown(p.tree->find_member("\xC3\xA9")->key_span) == "\"\xC3\xA9\"");
  CHECK(p.tree->members.back().key == "\xC3\xA9");
}

TEST_CASE("a number at the end of the text keeps its last digit", "[config][json]") {
  const Parsed p = parsed("-12.75");
  REQUIRE(p.tree);
  CHECK(p.tree->text == "-12.75");
  CHECK(p.tree->number == -12.75);
}

TEST_CASE("pointers follow RFC 6901", "[config][json]") {
  const Parsed p = parsed(R"({"a/b": {"m~n": [10, 11]}, "": 7})");
  REQUIRE(p.tree);
  CHECK(p.tree->at("") == &*p.tree);
  CHECK(p.tree->at("/a~1b/m~0n/1")->number == 11);
  CHECK(p.tree->at("/")->number == 7);
  for (const auto* pointer : {"a", "/a", "/a~1b/m~0n/2", "/a~1b/m~0n/01", "/a~1b/m~0n/-1",
                              "/a~1b/m~0n/x", "/a~1b/m~0n/", "//x"}) {
    CAPTURE(pointer);
    CHECK(p.tree->at(pointer) == nullptr);
  }
}

TEST_CASE("a byte order mark is skipped and takes no column", "[config][json]") {
  const Parsed p = parsed("\xEF\xBB\xBF{\"a\": 1}");
  REQUIRE(p.tree);
  CHECK(shown(p.tree->find_member("a")->key_span) == "\"a\"");
  CHECK(refused("\xEF\xBB\xBF{\"a\" 1}") ==
        "x.json:1:6: error[syntax]: '1' stands where ':' is expected\n"
        "  1 | \xEF\xBB\xBF{\"a\" 1}\n    |      ^");
}

TEST_CASE("duplicate keys are all found in one pass and the first value stays", "[config][json]") {
  const Parsed p =
      parsed("{\"a\": 1,\n \"a\": {\"b\": 1, \"b\": 2}, \"c\": [{\"d\": 1, \"d\": 1}]}");
  REQUIRE(p.tree);
  CHECK(p.messages ==
        "x.json:2:2: error[duplicate-key]: 'a' is given twice in one object\n"
        "  2 |  \"a\": {\"b\": 1, \"b\": 2}, \"c\": [{\"d\": 1, \"d\": 1}]}\n"
        "    |  ^^^ help: it stands at line 1 already; keep one\n"
        "x.json:2:16: error[duplicate-key]: 'b' is given twice in one object\n"
        "  2 |  \"a\": {\"b\": 1, \"b\": 2}, \"c\": [{\"d\": 1, \"d\": 1}]}\n"
        "    |                ^^^ help: it stands at line 2 already; keep one\n"
        "x.json:2:40: error[duplicate-key]: 'd' is given twice in one object\n"
        "  2 |  \"a\": {\"b\": 1, \"b\": 2}, \"c\": [{\"d\": 1, \"d\": 1}]}\n"
        "    |                                        ^^^ help: it stands at line 2 already; keep "
        "one");
  CHECK(p.tree->at("/a")->number == 1);
  CHECK(p.tree->members.size() == 2);
}

TEST_CASE("literals that are no finite numbers are named", "[config][json]") {
  CHECK(refused("{\"a\": NaN}") ==
        "x.json:1:7: error[not-finite]: NaN is no number that a configuration can hold\n"
        "  1 | {\"a\": NaN}\n    |       ^^^ help: write a finite number, or leave the key out");
  for (const std::string word :
       {"nan", "Infinity", "-Infinity", "inf", "-inf", "+Infinity", "-NaN"}) {
    CHECK(refused("[1, " + word + "]") ==
          "x.json:1:5: error[not-finite]: " + word +
              " is no number that a configuration can hold\n  1 | [1, " + word + "]\n    |     " +
              std::string(word.size(), '^') + " help: write a finite number, or leave the key out");
  }
}

TEST_CASE("a number beyond the range of a double is refused", "[config][json]") {
  CHECK(refused("[1e999]") ==
        "x.json:1:2: error[out-of-range]: 1e999 does not fit a double\n"
        "  1 | [1e999]\n    |  ^^^^^ help: write a number below 1.8e308");
}

TEST_CASE("an empty text says how to start", "[config][json]") {
  const std::string help =
      "^ help: start with {\"schema\": 1, \"kind\": \"chip\", \"name\": \"...\"}";
  CHECK(refused("") == "x.json:1:1: error[empty-file]: the file is empty\n  1 |\n    | " + help);
  CHECK(refused(" \n\n") ==
        "x.json:3:1: error[empty-file]: the file is empty\n  3 |\n    | " + help);
  CHECK(refused("\xEF\xBB\xBF").find("error[empty-file]") != std::string::npos);
}

TEST_CASE("a truncated text says what is open since when", "[config][json]") {
  CHECK(refused("{\n\"a\": [1,\n2,\n\n") ==
        "x.json:3:3: error[truncated-file]: the file ends inside the array that opens at line 2\n"
        "  3 | 2,\n    |   ^ help: complete it and close it with ']'");
  CHECK(refused("{\"a\": \"b") ==
        "x.json:1:7: error[truncated-file]: the file ends inside a string\n"
        "  1 | {\"a\": \"b\n    |       ^ help: complete it and close it with '\"'");
  for (const auto* text : {"{", "[", "{\"a\"", "{\"a\":", "{\"a\": 1", "{\"a\": 1,", "[[[1]"}) {
    CAPTURE(text);
    CHECK(refused(text).find("error[truncated-file]") != std::string::npos);
  }
}

TEST_CASE("common slips have their own help", "[config][json]") {
  CHECK(refused("{\"a\": 1,}") ==
        "x.json:1:9: error[syntax]: '}' stands where a key in double quotes is expected\n"
        "  1 | {\"a\": 1,}\n    |         ^ help: remove the comma before it");
  CHECK(refused("[1, ]") ==
        "x.json:1:5: error[syntax]: ']' stands where a value is expected\n"
        "  1 | [1, ]\n    |     ^ help: remove the comma before it");
  CHECK(refused("{\"a\": 1 // why\n}") ==
        "x.json:1:9: error[syntax]: '/' stands where ',' or '}' is expected\n"
        "  1 | {\"a\": 1 // why\n    |         ^ help: JSON has no comments; say it in "
        "\"description\"");
  CHECK(refused("{'a': 1}") ==
        "x.json:1:2: error[syntax]: ''' stands where a key in double quotes is expected\n"
        "  1 | {'a': 1}\n    |  ^ help: write strings in double quotes");
  CHECK(refused("{\"a\": 1\n \"b\": 2}") ==
        "x.json:2:2: error[syntax]: a string stands where ',' or '}' is expected\n"
        "  2 |  \"b\": 2}\n    |  ^ help: a comma is missing before it");
  CHECK(refused("{\"a\": True}") ==
        "x.json:1:7: error[syntax]: 'True' stands where a value is expected\n"
        "  1 | {\"a\": True}\n    |       ^^^^ help: write true or false");
  CHECK(refused("{\"a\": .5}") ==
        "x.json:1:7: error[syntax]: '.5' stands where a value is expected\n"
        "  1 | {\"a\": .5}\n    |       ^^ help: JSON numbers start with a digit or '-'");
  CHECK(refused("{\"a\": bf16}") ==
        "x.json:1:7: error[syntax]: 'bf16' stands where a value is expected\n"
        "  1 | {\"a\": bf16}\n    |       ^^^^ help: write strings in double quotes");
  CHECK(refused("{} {}") ==
        "x.json:1:4: error[syntax]: '{' stands where the end of the file is expected\n"
        "  1 | {} {}\n    |    ^");
  CHECK(
      refused("{\"a\": \"b\n\"}") ==
      "x.json:1:7: error[syntax]: a string ends at the end of its line\n"
      "  1 | {\"a\": \"b\n    |       ^^ help: close it with '\"', or write \\n for a line break");
  CHECK(refused("[\"a\\q\"]") ==
        "x.json:1:5: error[syntax]: ill-formed string: forbidden character after backslash\n"
        "  1 | [\"a\\q\"]\n    |     ^ help: escape it, or leave it out");
}

TEST_CASE("what is not UTF-8 is refused at its first bad byte", "[config][json]") {
  CHECK(refused("{\"a\": \"\xC3\x28\"}") ==
        "x.json:1:8: error[invalid-utf8]: a byte that is not UTF-8\n"
        "  1 | {\"a\": \"\xEF\xBF\xBD(\"}\n    |        ^ help: save the file as UTF-8");
  CHECK(refused("\xFF\xFE{").find("the file is UTF-16") != std::string::npos);
  // Overlong, surrogate, beyond U+10FFFF, lone continuation, cut off.
  for (const auto* bad :
       {"\xC0\xAF", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\x80", "\xE2\x82"}) {
    CHECK(refused("[\"" + std::string(bad) + "\"]").find("error[invalid-utf8]") !=
          std::string::npos);
  }
}

TEST_CASE("64 levels are accepted and 65 are not", "[config][json]") {
  const std::string open(64, '['), close(64, ']');
  CHECK(parsed(open + close).tree.has_value());
  CHECK(refused("[" + open + close + "]").find("error[nesting-depth]") != std::string::npos);
  std::string objects;
  for (int i = 0; i < 65; ++i) objects += "{\"a\":";
  CHECK(refused(objects).find("error[nesting-depth]") != std::string::npos);
}

TEST_CASE("canonical text sorts keys, keeps numbers and parses to itself", "[config][json]") {
  const Parsed p =
      parsed("{\"b\": [1.50, true, null], \"a\": {\"z\": \"q\\\"\\n\\u0001\", \"y\": {}}}");
  REQUIRE(p.tree);
  const std::string text = canonical_json(*p.tree);
  CHECK(text == "{\"a\":{\"y\":{},\"z\":\"q\\\"\\n\\u0001\"},\"b\":[1.50,true,null]}");
  CHECK(canonical_json(*parsed(text).tree) == text);
}
