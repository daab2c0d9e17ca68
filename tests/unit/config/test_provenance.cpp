// Sources, alternatives, references.
#include <catch2/catch.hpp>

#include "xpusim/config.hpp"

using namespace xpusim;

namespace {

Catalogue links(const std::string& sources, const std::string& child = "") {
  Catalogue parts;
  parts.add_text(
      "links/wire.json",
      R"({"schema": 1, "kind": "link", "name": "wire", "bandwidth": "25 GB/s", "latency": "200 ns",
"efficiency": 0.9, )" +
          sources + "}");
  if (!child.empty()) {
    parts.add_text(
        "links/thick.json",
        R"({"schema": 1, "kind": "link", "name": "thick", "extends": "wire", )" + child + "}");
  }
  return parts;
}

std::vector<std::string> missing(Catalogue& parts, const std::string& name) {
  std::vector<std::string> out;
  const Diagnostics found = missing_sources(parts.document(PartKind::link, name));
  for (const Diagnostic& d : found.items()) out.push_back(d.message);
  return out;
}

constexpr const char* all = R"("sources": {"": {"document": "d", "confidence": "vendor"}})";

}  // namespace

TEST_CASE("a source covers its subtree and nothing beside it", "[config][provenance]") {
  Catalogue parts = links(R"("sources": {"/bandwidth": {"document": "d", "confidence": "paper"}})");
  CHECK(missing(parts, "wire") ==
        std::vector<std::string>{"'efficiency' has no source", "'latency' has no source"});
  Catalogue covered = links(all);
  CHECK(missing(covered, "wire").empty());
}

TEST_CASE("a parent's source does not vouch for a value that the variant changes",
          "[config][provenance]") {
  Catalogue parts = links(all, R"("bandwidth": "50 GB/s")");
  CHECK(missing(parts, "thick") ==
        std::vector<std::string>{
            "'bandwidth' changes an inherited value and has no source of its own"});
  Catalogue own = links(all, R"("bandwidth": "50 GB/s",
    "sources": {"/bandwidth": {"document": "e", "confidence": "press"}})");
  CHECK(missing(own, "thick").empty());
  CHECK(own.load<LinkSpec>("thick").info.sources.size() == 2);
}

TEST_CASE("a variant's source replaces the parent's whole", "[config][provenance]") {
  Catalogue parts = links(
      R"("sources": {"": {"document": "d", "confidence": "estimate", "derivation": "halved"}})",
      R"("sources": {"": {"document": "e", "confidence": "vendor"}})");
  const auto& sources = parts.load<LinkSpec>("thick").info.sources;
  REQUIRE(sources.size() == 1);
  CHECK(sources[0].document == "e");
  CHECK(sources[0].confidence == Confidence::vendor);
  CHECK(sources[0].derivation.empty());
}

TEST_CASE("an overridden value needs no source", "[config][provenance]") {
  Catalogue parts({.roots = {}, .overrides = {"link.wire.energy=1 pJ/bit"}});
  parts.add_text(
      "links/wire.json",
      R"({"schema": 1, "kind": "link", "name": "wire", "bandwidth": "25 GB/s", "latency": 0,
"sources": {"/bandwidth": {"document": "d", "confidence": "vendor"},
            "/latency": {"document": "d", "confidence": "vendor"}}})");
  CHECK(missing_sources(parts.document(PartKind::link, "wire")).empty());
}

TEST_CASE("an alternative takes the place of the value and keeps its own position",
          "[config][provenance]") {
  Catalogue parts = links(std::string(all) + R"(, "alternatives": {"press": {
"/bandwidth": {"value": "30 GB/s", "source": "blog", "why_not_used": "older"},
"/efficiency": {"value": 0.5, "source": "blog", "why_not_used": "older"}}})");
  const Document& document = parts.document(PartKind::link, "wire");
  CHECK(has_alternative(document, "press"));
  const Document other = apply_alternative(document, "press");
  const auto spec = decode<LinkSpec>(other);
  CHECK(spec.bandwidth == BytesPerSecond(30e9));
  CHECK(spec.efficiency == 0.5);
  CHECK(line_column(other.root.at("/bandwidth")->span).line == 3);
  CHECK(parts.load<LinkSpec>("wire").bandwidth == BytesPerSecond(25e9));
  const auto& alternatives = parts.load<LinkSpec>("wire").info.alternatives;
  REQUIRE(alternatives.size() == 2);
  CHECK(alternatives[0].name == "press");
  CHECK(alternatives[0].pointer == "/bandwidth");
  CHECK(alternatives[1].value == "0.5");
  CHECK_THROWS_WITH(apply_alternative(document, "pres"),
                    "error[unknown-alternative]: link 'wire' has no alternative 'pres'\n"
                    "  help: did you mean 'press'?");
}

TEST_CASE("an alternative of the parent that no longer points anywhere is dropped",
          "[config][provenance]") {
  Catalogue parts;
  parts.add_text("links/wire.json", R"({"schema": 1, "kind": "link", "name": "wire",
    "bandwidth": "25 GB/s", "latency": "200 ns", "sources": {"/bandwidth": {"document": "d",
    "confidence": "vendor"}, "/bandwith": {"document": "d", "confidence": "vendor"}}})");
  parts.add_text("links/thick.json",
                 R"({"schema": 1, "kind": "link", "name": "thick", "extends": "wire"})");
  CHECK(parts.load<LinkSpec>("thick").info.sources.size() == 1);
  CHECK_THROWS_AS(parts.load<LinkSpec>("wire"), InputError);
}

TEST_CASE("references name their kind, path and place", "[config][provenance]") {
  Catalogue parts;
  parts.add_text("systems/box.json",
                 R"({"schema": 1, "kind": "system", "name": "box", "vendor": "A",
"chip": "c", "nodes": 1, "chips_per_node": 8, "planes": [{"name": "up", "role": "scale_up",
"shape": "clos", "link": "wire", "uplink": "", "links_per_device": 8, "devices_per_leaf": 8}]})");
  const auto found = references(parts.document(PartKind::system, "box"));
  REQUIRE(found.size() == 2);
  CHECK(found[0].kind == PartKind::chip);
  CHECK(found[0].path == "chip");
  CHECK(found[1].name == "wire");
  CHECK(found[1].path == "planes.0.link");
  CHECK(line_column(found[1].span).line == 3);
}
