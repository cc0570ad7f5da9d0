// Owns the reading of escaped characters.
#include "frontend/inspect/escapes.h"

#include <charconv>

namespace ringside {

std::optional<std::string> unescaped(std::string_view text) {
  std::string bytes;
  for (std::size_t n = 0; n < text.size(); ++n) {
    if (text[n] != '\\' || n + 1 == text.size()) {
      bytes += text[n];
      continue;
    }
    const char kind = text[++n];
    if (kind != 'x') {
      bytes += kind == 'n' ? '\n' : kind == 'r' ? '\r' : kind == 't' ? '\t' : kind;
      continue;
    }
    unsigned code = 0;
    const std::string_view digits = text.substr(n + 1, 2);
    const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
    if (failure != std::errc() || digits.size() != 2 || end != digits.data() + 2) return std::nullopt;
    bytes += static_cast<char>(code);
    n += 2;
  }
  return bytes;
}

}  // namespace ringside
