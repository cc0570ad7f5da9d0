// Owns telling UTF-8 from other bytes.
#pragma once

#include <cstddef>
#include <string_view>

namespace ringside {

// Bytes of the UTF-8 character at the front of `text`, which is not empty; 0 where there is none: a lone or
// missing continuation, an overlong form, a surrogate, a number beyond Unicode.
std::size_t utf8_length(std::string_view text);

}  // namespace ringside
