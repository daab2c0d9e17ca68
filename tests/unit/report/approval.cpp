#include "approval.hpp"

#include <catch2/catch.hpp>
#include <cstdio>
#include <fstream>
#include <sstream>

namespace {

std::string read(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

/// Carriage returns become visible, so that editors and git cannot change them silently.
std::string normalised(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == '\r') {
      result += "<CR>";
    } else {
      result += c;
    }
  }
  return result;
}

}  // namespace

void require_approved(const std::string& name, const std::string& actual) {
  const std::string base = std::string(XPUSIM_SOURCE_DIR) + "/tests/golden/report/" + name;
  const std::string approved = read(base + ".approved.txt");
  const std::string shown = normalised(actual);
  if (shown != approved) {
    std::ofstream(base + ".unapproved.txt", std::ios::binary) << shown;
  } else {
    std::remove((base + ".unapproved.txt").c_str());
  }
  INFO("read the difference, then: tools/approve");
  REQUIRE(shown == approved);
}
