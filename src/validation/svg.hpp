// What the plots of the project share: colours and text of SVG.
#pragma once

#include <array>
#include <string>

namespace xpusim::svg {

// Okabe and Ito's palette: told apart by colour-blind readers; then repeated with hollow points.
inline constexpr std::array kColours{"#0072B2", "#D55E00", "#009E73", "#CC79A7",
                                     "#E69F00", "#56B4E9", "#000000"};

/// Text as XML holds it.
inline std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '"')
      out += "&quot;";
    else
      out += c;
  }
  return out;
}

}  // namespace xpusim::svg
