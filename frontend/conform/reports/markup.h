// Owns any bytes as text of XML and HTML.
#pragma once

#include <string>
#include <string_view>

namespace ringside::conform {

// UTF-8 with &, <, > and quotes as entities; what XML 1.0 has no character for (control characters, bytes
// that are no UTF-8, U+FFFE and U+FFFF) stands as \xNN, byte by byte.
std::string markup_text(std::string_view bytes);
// The same within quotes: ends of lines and tabs are entities, too.
std::string markup_attribute(std::string_view bytes);

}  // namespace ringside::conform
