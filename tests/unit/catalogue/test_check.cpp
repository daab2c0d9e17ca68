#include <algorithm>
#include <catch2/catch.hpp>
#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "parts.hpp"

using namespace xpusim;

namespace {

CheckResult check(const std::string& chip, const std::string& system = parts::system()) {
  Catalogue catalogue;
  parts::add_whole(catalogue, chip, system);
  return check_catalogue(catalogue);
}
/// Codes of the findings without the notes.
std::vector<std::string> codes(const CheckResult& result) {
  std::vector<std::string> found;
  for (const Diagnostic& finding : result.findings.items()) {
    if (finding.severity != Severity::note) found.push_back(finding.code);
  }
  return found;
}
std::string text(const CheckResult& result) {
  std::ostringstream out;
  write_check_text(out, result);
  return out.str();
}
std::string golden(const std::string& name) {
  std::ifstream file(XPUSIM_SOURCE_DIR "/tests/golden/catalogue/" + name);
  REQUIRE(file);
  return {std::istreambuf_iterator<char>(file), {}};
}
std::string claim(const std::string& figure, const std::string& value,
                  const std::string& tolerance) {
  return R"(,
  "claims": [
    {"figure": ")" +
         figure + R"(", "value": ")" + value + R"(", "tolerance": )" + tolerance +
         R"(, "source": "press release"}
  ])";
}

using Codes = std::vector<std::string>;

}  // namespace

TEST_CASE("a consistent catalogue is clean", "[catalogue][check]") {
  const CheckResult result = check(parts::chip());
  CHECK(codes(result) == Codes{});
  CHECK(result.exit_code == 0);
  CHECK(result.parts == 5);
  CHECK(result.unsourced == 0);
  CHECK(result.numbers.at(Confidence::measured) == 2);  // idle and tdp
}

TEST_CASE("a sum that contradicts a claim is reported with its formula and parts",
          "[catalogue][check][golden]") {
  const CheckResult result =
      check(parts::chip(), parts::system(claim("system.peak.bf16", "4.5 PFLOP/s", "0.01")));
  CHECK(result.exit_code == 1);
  CHECK(text(result) == golden("check-claim-mismatch.txt"));
}

TEST_CASE("a claim holds up to its tolerance and not beyond", "[catalogue][check]") {
  // 4 PFLOP/s derived; 4 / 4.04 - 1 = -0.0099
  CHECK(check(parts::chip(), parts::system(claim("system.peak.bf16", "4.04 PFLOP/s", "0.01")))
            .exit_code == 0);
  CHECK(check(parts::chip(), parts::system(claim("system.peak.bf16", "4.05 PFLOP/s", "0.01")))
            .exit_code == 1);
  CHECK(check(parts::chip(), parts::system(claim("system.chips", "8", "0"))).exit_code == 0);
  CHECK(check(parts::chip(), parts::system(claim("system.chips", "9", "0"))).exit_code == 1);
}

TEST_CASE("claims of chips and model specs are judged too", "[catalogue][check]") {
  CHECK(codes(check(parts::chip(
            R"({"bf16": "500 TFLOP/s"})", R"({"idle": "100 W", "tdp": "500 W"})",
            claim("chip.scale_up.bandwidth", "300 GB/s", "0.1")))) == Codes{"claim-mismatch"});
}

TEST_CASE("a claim about a figure that does not exist gets the nearest", "[catalogue][check]") {
  const CheckResult result =
      check(parts::chip(), parts::system(claim("system.peek.bf16", "4 PFLOP/s", "0.01")));
  CHECK(codes(result) == Codes{"unknown-figure"});
  CHECK(result.exit_code == 2);
  CHECK(result.findings.items().front().help == "did you mean 'system.peak.bf16'?");
}

TEST_CASE("a claim in the wrong unit is invalid input", "[catalogue][check]") {
  const CheckResult result =
      check(parts::chip(), parts::system(claim("system.peak.bf16", "4 PB/s", "0.01")));
  CHECK(codes(result) == Codes{"unit-mismatch"});
  CHECK(result.findings.items().front().message ==
        "'system.peak.bf16' is operations per second, and the claim is bytes per second");
  CHECK(result.exit_code == 2);
}

TEST_CASE("a claim about what the parts do not hold is not published", "[catalogue][check]") {
  const CheckResult result =
      check(parts::chip(), parts::system(claim("system.peak.fp4", "4 PFLOP/s", "0.01")));
  CHECK(codes(result) == Codes{"not-published"});
  CHECK(result.exit_code == 1);
}

TEST_CASE("a number without a source fails the check", "[catalogue][check]") {
  std::string system = parts::system();
  const std::string whole = R"("sources": {"": )";
  system.replace(system.find(whole), whole.size(), R"("sources": {"/nodes": )");
  const CheckResult result = check(parts::chip(), system);
  const Codes found = codes(result);
  CHECK(found.size() > 3);
  CHECK(std::set<std::string>(found.begin(), found.end()) ==
        std::set<std::string>{"missing-source"});
  CHECK(result.unsourced == found.size());
  CHECK(result.exit_code == 1);
}

TEST_CASE("an estimate must say how it was derived", "[catalogue][check]") {
  std::string chip = parts::chip();
  const std::string measured = R"("confidence": "measured")";
  chip.replace(chip.find(measured), measured.size(), R"("confidence": "estimate")");
  const CheckResult result = check(chip);
  CHECK(codes(result) == Codes{"missing-derivation"});
  CHECK(result.exit_code == 1);
}

TEST_CASE("a narrower format must not be slower than a wider one", "[catalogue][check]") {
  const CheckResult result = check(parts::chip(R"({"bf16": "500 TFLOP/s", "fp8": "250 TFLOP/s"})"));
  CHECK(codes(result) == Codes{"peak-order"});
  CHECK(result.exit_code == 1);
  CHECK(render(result.findings.items().front()) ==
        "chips/toy.json:2:42: error[peak-order]: the fp8 peak, 250 TFLOP/s, is below the bf16 "
        "peak, 500 TFLOP/s\n"
        "  2 |   \"peak\": {\"bf16\": \"500 TFLOP/s\", \"fp8\": \"250 TFLOP/s\"},\n"
        "    |                                          ^^^^^^^^^^^^^ help: peaks are dense rates "
        "of the whole package; "
        "one of the two may be sparse or per die");
}

TEST_CASE("idle power above the TDP fails the check", "[catalogue][check]") {
  CHECK(codes(check(
            parts::chip(R"({"bf16": "500 TFLOP/s"})", R"({"idle": "600 W", "tdp": "500 W"})"))) ==
        Codes{"idle-above-tdp"});
}

TEST_CASE("a driver cannot report more than the marketed memory read as GiB",
          "[catalogue][check]") {
  const auto with_capacity = [](const std::string& capacity) {
    return parts::chip(
        R"({"bf16": "500 TFLOP/s"})", R"({"idle": "100 W", "tdp": "500 W"})", "",
        R"({"capacity": ")" + capacity + R"(", "marketed": "80 GB", "bandwidth": "2 TB/s"})");
  };
  CHECK(codes(check(with_capacity("80 GiB"))) == Codes{});
  CHECK(codes(check(with_capacity("81 GiB"))) == Codes{"memory-above-marketed"});
}

TEST_CASE("a curve point above the peak fails the check", "[catalogue][check]") {
  const auto with_curve = [](const std::string& operation, const std::string& format,
                             const std::string& point) {
    return parts::chip(R"({"bf16": "500 TFLOP/s"})", R"({"idle": "100 W", "tdp": "500 W"})",
                       R"(, "curves": [{"operation": ")" + operation + R"(", "format": ")" +
                           format + R"(", "points": [)" + point + "]}]");
  };
  // 2 * 1000^3 / 500e12 = 4 us
  CHECK(codes(check(with_curve("gemm", "bf16", "[1000, 1000, 1000, 4e-6]"))) == Codes{});
  CHECK(codes(check(with_curve("gemm", "bf16", "[1000, 1000, 1000, 3.9e-6]"))) ==
        Codes{"curve-above-peak"});
  CHECK(codes(check(with_curve("memory", "", "[1e9, 2e12]"))) == Codes{});
  CHECK(codes(check(with_curve("memory", "", "[1e9, 2.1e12]"))) == Codes{"curve-above-peak"});
}

TEST_CASE("planes cannot use more ports than a chip has", "[catalogue][check]") {
  CHECK(codes(check(parts::chip(),
                    parts::system("", R"([{"name": "up", "role": "scale_up", "shape": "switch",
      "domain": 8, "link": "wire", "links_per_device": 5}])"))) == Codes{"ports-exceeded"});
}

TEST_CASE("a fabric that cannot be built fails the check", "[catalogue][check]") {
  const CheckResult result =
      check(parts::chip(), parts::system("", R"([{"name": "up", "role": "scale_up",
      "shape": "torus", "domain": 8, "link": "wire", "links_per_device": 4, "dimensions": [3, 3]}])"));
  CHECK(codes(result) == Codes{"unbuildable-fabric"});
  CHECK(result.exit_code == 1);
}

TEST_CASE("parts that sum to more than the budget are a warning", "[catalogue][check]") {
  std::string system = parts::system();
  const std::string budget = R"("budget": "7 kW")";
  system.replace(system.find(budget), budget.size(), R"("budget": "5 kW")");
  const CheckResult result = check(parts::chip(), system);
  CHECK(codes(result) == Codes{"over-budget"});
  CHECK(result.exit_code == 0);
  // 5100 / 0.8 = 6375 W, 27.5 % above 5 kW
  CHECK(result.findings.items().front().message ==
        "all parts at their maximum draw 6.375 kW, 27.5 % above the budget of 5 kW");
}

TEST_CASE("a supernode larger than its system fails the check", "[catalogue][check]") {
  std::string system = parts::system();
  const std::string chips = R"("supernode_chips": 8)";
  system.replace(system.find(chips), chips.size(), R"("supernode_chips": 16)");
  const Codes found = codes(check(parts::chip(), system));
  CHECK(std::find(found.begin(), found.end(), "supernode-too-large") != found.end());
}

TEST_CASE("a reference to a part that does not exist is invalid input", "[catalogue][check]") {
  std::string system = parts::system();
  const std::string chip = R"("chip": "toy")";
  system.replace(system.find(chip), chip.size(), R"("chip": "toi")");
  const CheckResult result = check(parts::chip(), system);
  CHECK(codes(result) == Codes{"dangling-reference"});
  CHECK(result.exit_code == 2);
  CHECK(result.findings.items().front().message == "no chip is called 'toi'");
  CHECK(result.findings.items().front().help == "did you mean 'toy'?");
}

TEST_CASE("what loading refuses is reported once, however many parts use it",
          "[catalogue][check]") {
  const CheckResult result = check(parts::chip(R"({"bf16": "500 TB/s"})"));
  CHECK(codes(result) == Codes{"unit-mismatch"});
  CHECK(result.exit_code == 2);
}

TEST_CASE("a part that nothing names is a note", "[catalogue][check]") {
  Catalogue catalogue;
  parts::add_whole(catalogue);
  const CheckResult result = check_catalogue(catalogue);
  REQUIRE(result.findings.items().size() == 1);
  CHECK(result.findings.items().front().code == "unused-part");
  CHECK(result.findings.items().front().message == "nothing names the model 'tiny'");
  CHECK(result.exit_code == 0);
}

TEST_CASE("given files are checked alone, one that cannot be read is invalid input",
          "[catalogue][check]") {
  Catalogue catalogue;
  parts::add_whole(catalogue, parts::chip(R"({"bf16": "500 TFLOP/s", "fp8": "1 TFLOP/s"})"));
  CHECK(codes(check_catalogue(catalogue, {"links/wire.json"})) == Codes{});
  CHECK(codes(check_catalogue(catalogue, {"chips/toy.json"})) == Codes{"peak-order"});
  const CheckResult missing = check_catalogue(catalogue, {"nowhere/x.json"});
  CHECK(missing.exit_code == 2);
  CHECK(render(missing.findings) ==
        "error[unreadable-file]: cannot read 'nowhere/x.json'\n  help: name a JSON file of a part, "
        "a scenario or a table");
}

TEST_CASE("the JSON of check lists findings with place, code and counts", "[catalogue][check]") {
  std::ostringstream out;
  write_check_json(out, check(parts::chip(R"({"bf16": "500 TFLOP/s", "fp8": "250 TFLOP/s"})")));
  const auto json = nlohmann::json::parse(out.str());
  CHECK(json["exit_code"] == 1);
  CHECK(json["counts"]["errors"] == 1);
  CHECK(json["numbers"]["measured"] == 2);
  CHECK(json["findings"][0]["file"] == "chips/toy.json");
  CHECK(json["findings"][0]["line"] == 2);
  CHECK(json["findings"][0]["column"] == 42);
  CHECK(json["findings"][0]["code"] == "peak-order");
}

TEST_CASE("every rule says what it means and gives an example", "[catalogue][check]") {
  std::string last;
  for (const RuleInfo& rule : check_rules()) {
    INFO(rule.code);
    CHECK(last < rule.code);
    last = rule.code;
    CHECK(rule.meaning.ends_with('.'));
    CHECK(!rule.example.empty());
  }
}

TEST_CASE("the shipped catalogue and scenarios pass", "[catalogue][check][shipped]") {
  Catalogue catalogue = parts::shipped();
  const CheckResult result = check_catalogue(catalogue);
  INFO(text(result));
  CHECK(result.exit_code == 0);
  CHECK(result.parts > 30);
}
