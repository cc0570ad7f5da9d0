// Owns writing bytes for XML.
#include "frontend/conform/reports/markup.h"

#include <fmt/format.h>

#include "frontend/inspect/utf8.h"

namespace ringside::conform {
namespace {

std::string_view entity(char c, bool attribute) {
  switch (c) {
    case '&': return "&amp;";
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '"': return "&quot;";
    case '\r': return "&#13;";
    case '\n': return attribute ? "&#10;" : "";
    case '\t': return attribute ? "&#9;" : "";
    default: return "";
  }
}

bool is_no_character(std::string_view one) {
  const auto first = static_cast<unsigned char>(one[0]);
  if (one.size() == 1)
    return (first < 0x20 && first != '\t' && first != '\n' && first != '\r') || first == 0x7f;
  return one == "\xef\xbf\xbe" || one == "\xef\xbf\xbf";
}

std::string written(std::string_view bytes, bool attribute) {
  std::string text;
  text.reserve(bytes.size());
  while (!bytes.empty()) {
    std::size_t length = utf8_length(bytes);
    const bool unsound = length == 0 || is_no_character(bytes.substr(0, length));
    if (length == 0) length = 1;
    const std::string_view one = bytes.substr(0, length);
    bytes.remove_prefix(length);
    if (unsound) {
      for (const char c : one) text += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
      continue;
    }
    const std::string_view named = length == 1 ? entity(one[0], attribute) : "";
    text += named.empty() ? one : named;
  }
  return text;
}

}  // namespace

std::string markup_text(std::string_view bytes) { return written(bytes, false); }
std::string markup_attribute(std::string_view bytes) { return written(bytes, true); }

}  // namespace ringside::conform
