// The only parser of configuration: JSON text -> JsonValue, with the place of every key and value.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>

#include "xpusim/config.hpp"

namespace xpusim::config {

inline constexpr std::size_t max_json_depth = 64;

/// Parses the part [begin, end) of a source: an override's value stands behind its "=".
[[nodiscard]] std::optional<JsonValue> parse_json_region(const std::shared_ptr<const SourceText>&,
                                                         std::size_t begin, std::size_t end,
                                                         Diagnostics&);

/// Offset of the first byte that is not part of well-formed UTF-8, or npos.
[[nodiscard]] std::size_t ill_formed_utf8(std::string_view text);

/// The quoted form of a string, as JSON writes it.
[[nodiscard]] std::string json_quoted(std::string_view);

/// "~" and "/" of a key as JSON pointers write them (RFC 6901, section 3).
[[nodiscard]] std::string pointer_escaped(std::string_view key);
/// Its inverse on one reference token.
[[nodiscard]] std::string pointer_unescaped(std::string_view token);

}  // namespace xpusim::config
