// Owns a guest's bytes as text for a terminal.
#include "frontend/conform/reports/harmless.h"

#include <fmt/format.h>

#include "frontend/inspect/utf8.h"

namespace ringside::conform {

std::string harmless(std::string_view bytes) {
  std::string text;
  while (!bytes.empty()) {
    std::size_t length = utf8_length(bytes);
    const auto first = static_cast<unsigned char>(bytes[0]);
    const bool control = first < 0x20 || first == 0x7f ||
                         (first == 0xc2 && length == 2 && static_cast<unsigned char>(bytes[1]) < 0xa0);
    if (length == 0 || (control && first != '\t')) {
      text += fmt::format("\\x{:02x}", first);
      length = 1;
    } else {
      text += bytes.substr(0, length);
    }
    bytes.remove_prefix(length);
  }
  return text;
}

}  // namespace ringside::conform
