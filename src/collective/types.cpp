#include <array>
#include <cctype>
#include <utility>

#include "xpusim/collective.hpp"
#include "xpusim/diagnostic.hpp"

namespace xpusim {
namespace {

using enum CollectiveType;
constexpr std::array<std::pair<CollectiveType, std::string_view>, 10> kNames{{
    {ALL_REDUCE, "ALL_REDUCE"},
    {REDUCE, "REDUCE"},
    {ALL_GATHER, "ALL_GATHER"},
    {GATHER, "GATHER"},
    {SCATTER, "SCATTER"},
    {BROADCAST, "BROADCAST"},
    {ALL_TO_ALL, "ALL_TO_ALL"},
    {REDUCE_SCATTER, "REDUCE_SCATTER"},
    {BARRIER, "BARRIER"},
    {SEND_RECV, "SEND_RECV"},
}};

std::string letters(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c != '_') out += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return out;
}

}  // namespace

std::string_view to_string(CollectiveType type) {
  for (const auto& [value, name] : kNames) {
    if (value == type) return name;
  }
  throw InternalError("collective type out of range");
}

std::optional<CollectiveType> parse_collective_type(std::string_view text) {
  const std::string word = letters(text);
  for (const auto& [value, name] : kNames) {
    if (letters(name) == word) return value;
  }
  return std::nullopt;
}

double busbw_factor(CollectiveType type, int ranks) {
  const double n = ranks;
  switch (type) {
    case ALL_REDUCE:
      return 2 * (n - 1) / n;
    case ALL_GATHER:
    case GATHER:
    case SCATTER:
    case ALL_TO_ALL:
    case REDUCE_SCATTER:
      return (n - 1) / n;
    case REDUCE:
    case BROADCAST:
    case BARRIER:
    case SEND_RECV:
      return 1;
  }
  throw InternalError("collective type out of range");
}

}  // namespace xpusim
