// Owns bytes of a guest as text for JSON, and back without loss.
#pragma once

#include <string>
#include <string_view>

namespace ringside::conform {

// UTF-8 stays. A byte that is none, and the bytes of the characters that stand for such bytes, become the
// private characters U+EF80 to U+EFFF, by the byte's low seven bits.
std::string text_of_bytes(std::string_view bytes);
std::string bytes_of_text(std::string_view text);

}  // namespace ringside::conform
