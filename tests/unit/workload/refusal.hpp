#pragma once

#include <string>

#include "xpusim/diagnostic.hpp"

/// "message / help" of every finding, one per line; "" when nothing is refused.
template <class Call>
std::string refusal(Call call) {
  try {
    call();
  } catch (const xpusim::InputError& error) {
    std::string text;
    for (const auto& item : error.diagnostics().items())
      text += (text.empty() ? "" : "\n") + item.message + " / " + item.help;
    return text;
  }
  return {};
}
