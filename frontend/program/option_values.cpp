// Owns the readers of flag values.
#include "frontend/program/option_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <utility>

namespace ringside {

std::optional<u64> parse_number(std::string_view text) {
  int base = 10;
  if (text.starts_with("0x") || text.starts_with("0X")) {
    base = 16;
    text.remove_prefix(2);
  }
  u64 value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (text.empty() || failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<u64> parse_bytes(std::string_view text, u64 unit) {
  if (text.empty()) return std::nullopt;
  constexpr std::string_view suffixes = "bkmgt";
  const char last = static_cast<char>(text.back() | 0x20);
  if (const auto at = suffixes.find(last); at != std::string_view::npos && text.find("0x") != 0) {
    unit = u64{1} << (10 * at);
    text.remove_suffix(1);
  }
  if (const auto whole = parse_number(text)) {
    if (*whole > ~u64{0} / unit) return std::nullopt;
    return *whole * unit;
  }
  double value = 0;
  const auto [end, failure] =
      std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (text.empty() || failure != std::errc() || end != text.data() + text.size() || !(value >= 0)) {
    return std::nullopt;
  }
  value *= static_cast<double>(unit);
  if (value >= 9e18) return std::nullopt;
  return static_cast<u64>(value);
}

std::vector<Property> parse_properties(std::string_view text) {
  std::vector<std::string> words(1);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != ',') {
      words.back() += text[i];
    } else if (i + 1 < text.size() && text[i + 1] == ',') {
      words.back() += ',';
      ++i;
    } else {
      words.emplace_back();
    }
  }
  std::vector<Property> properties;
  for (const std::string& word : words) {
    const auto equals = word.find('=');
    if (equals == std::string::npos) {
      properties.push_back({word, ""});
    } else {
      properties.push_back({word.substr(0, equals), word.substr(equals + 1)});
    }
  }
  return properties;
}

std::optional<s64> parse_date(std::string_view text) {
  // The shape first, so that the numbers can be picked out of fixed places.
  constexpr std::string_view shape = "dddd-dd-ddTdd:dd:dd";
  if (text.size() != 10 && text.size() != shape.size()) return std::nullopt;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    if (shape[i] == 'd' ? !digit : text[i] != shape[i]) return std::nullopt;
  }
  const auto part = [&](std::size_t at, std::size_t length) {
    return at < text.size() ? static_cast<int>(*parse_number(text.substr(at, length))) : 0;
  };
  const std::chrono::year_month_day day{std::chrono::year(part(0, 4)), std::chrono::month(part(5, 2)),
                                        std::chrono::day(part(8, 2))};
  const int hour = part(11, 2), minute = part(14, 2), second = part(17, 2);
  if (!day.ok() || hour > 23 || minute > 59 || second > 59) return std::nullopt;
  const s64 days = std::chrono::sys_days(day).time_since_epoch().count();
  return ((days * 24 + hour) * 60 + minute) * 60 + second;
}

}  // namespace ringside
