// Owns the private characters for bytes that are no UTF-8.
#include "frontend/conform/reports/lossless.h"

#include "frontend/inspect/utf8.h"

namespace ringside::conform {
namespace {

// U+EF80 to U+EFFF, as UTF-8 has them: EE, BE or BF, and a continuation.
bool stands_for_byte(std::string_view text) {
  return text.size() >= 3 && text[0] == '\xee' && (text[1] == '\xbe' || text[1] == '\xbf') &&
         (text[2] & '\xc0') == '\x80';
}

}  // namespace

std::string text_of_bytes(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  while (!bytes.empty()) {
    const std::size_t length = stands_for_byte(bytes) ? 0 : utf8_length(bytes);
    if (length > 0) {
      text += bytes.substr(0, length);
      bytes.remove_prefix(length);
      continue;
    }
    const auto byte = static_cast<unsigned char>(bytes[0]);
    text += '\xee';
    text += static_cast<char>(0xbe | (byte >> 6 & 1));
    text += static_cast<char>(0x80 | (byte & 0x3f));
    bytes.remove_prefix(1);
  }
  return text;
}

std::string bytes_of_text(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size());
  while (!text.empty()) {
    if (stands_for_byte(text)) {
      const unsigned high = text[1] == '\xbf' ? 0x40 : 0;
      bytes += static_cast<char>(0x80 | high | (static_cast<unsigned char>(text[2]) & 0x3f));
      text.remove_prefix(3);
    } else {
      bytes += text[0];
      text.remove_prefix(1);
    }
  }
  return bytes;
}

}  // namespace ringside::conform
