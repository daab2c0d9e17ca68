// A file under import: its text with positions, and refusals that point into it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "xpusim/diagnostic.hpp"

namespace xpusim::importer {

using Source = std::shared_ptr<const SourceText>;

/// Larger files are no description of a machine.
inline constexpr std::size_t kMostBytes = 4 << 20;

/// Refuses text of more than kMostBytes.
[[nodiscard]] Source make_source(std::string path, std::string text);
[[noreturn]] void refuse(std::string code, std::string message, SourceSpan span = {},
                         std::string help = {});
/// 0-based line and column (bytes), clamped to the text.
[[nodiscard]] SourceSpan span_at(const Source&, std::size_t line, std::size_t column,
                                 std::size_t length);
/// The file's name without its folders.
[[nodiscard]] std::string file_name(const Source&);

/// The whole text as a number; refuses what is none, or lies outside [least, most].
struct NumberRange {
  double least = 0, most = 1e18;
  bool least_allowed = true;
};
[[nodiscard]] double number(std::string_view text, const SourceSpan&, std::string_view what,
                            NumberRange);
[[nodiscard]] std::int64_t whole_number(std::string_view text, const SourceSpan&,
                                        std::string_view what, std::int64_t least,
                                        std::int64_t most = 10'000'000);

/// A name of a part, of a path's last segment without its extension: lower case letters, digits and
/// '-'; a dot would end a segment of --set. "imported" where nothing is left.
[[nodiscard]] std::string part_name(std::string text);

}  // namespace xpusim::importer
