// Owns the readers of flag values: sizes, counts, lists of properties, dates.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cpu/arch/types.h"

namespace ringside {

// Unsigned, decimal or 0x...; nullopt for anything else or beyond 64 bits.
std::optional<u64> parse_number(std::string_view text);

// Bytes. A plain number counts in `unit`; B, K, M, G or T behind it says otherwise; fractions ("1.5G") are
// allowed.
std::optional<u64> parse_bytes(std::string_view text, u64 unit);

// "a,b=c" as pairs; the first may lack its name, the value of "b" alone is empty. ",," stands for a comma, as
// QEMU has it.
struct Property {
  std::string name, value;
};
std::vector<Property> parse_properties(std::string_view text);

// "2024-05-06" or "2024-05-06T07:08:09" (UTC), as seconds since 1970.
std::optional<s64> parse_date(std::string_view text);

}  // namespace ringside
