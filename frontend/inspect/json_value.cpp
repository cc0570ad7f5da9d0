// Owns the writing of JSON.
#include "frontend/inspect/json_value.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace ringside {
namespace {

unsigned char byte_at(std::string_view text, std::size_t at) { return static_cast<unsigned char>(text[at]); }

// Bytes of the UTF-8 character at the front, 0 where there is none: a lone or missing continuation, an
// overlong form, a surrogate, a number beyond Unicode.
std::size_t utf8_length(std::string_view text) {
  const unsigned char first = byte_at(text, 0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  const auto continues = [&](char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; };
  if (!std::all_of(text.begin() + 1, text.begin() + static_cast<std::ptrdiff_t>(length), continues)) return 0;
  const unsigned char second = byte_at(text, 1);
  const bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
  const bool beyond = (first == 0xed && second >= 0xa0) || (first == 0xf4 && second >= 0x90);
  return overlong || beyond ? 0 : length;
}

}  // namespace

std::string json_text(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const unsigned char byte = byte_at(text, 0);
    if (byte == '"' || byte == '\\')
      (out += '\\') += text[0];
    else if (byte == '\n')
      out += "\\n";
    else if (byte < 0x20 || byte == 0x7f || length == 0)
      out += fmt::format("\\u{:04x}", byte);
    else
      out += text.substr(0, length);
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out + "\"";
}

// JSON has no word for what is not finite.
Json::Json(double number) : words_(std::isfinite(number) ? fmt::format("{}", number) : "null") {}

Json::Json(std::initializer_list<std::pair<std::string_view, Json>> members) : kind_(Kind::object) {
  for (const auto& [name, value] : members) parts_.emplace_back(name, value);
}

Json Json::array() {
  Json made;
  made.kind_ = Kind::array;
  return made;
}

Json& Json::operator[](std::string_view name) {
  kind_ = Kind::object;
  const auto found =
      std::find_if(parts_.begin(), parts_.end(), [&](const auto& part) { return part.first == name; });
  return found != parts_.end() ? found->second : parts_.emplace_back(name, Json()).second;
}

void Json::push_back(Json value) {
  kind_ = Kind::array;
  parts_.emplace_back(std::string(), std::move(value));
}

std::string Json::dump(unsigned indent) const {
  std::string out;
  write(out, indent, indent);
  return out;
}

void Json::write(std::string& out, unsigned indent, unsigned depth) const {
  if (kind_ == Kind::words) {
    out += words_;
    return;
  }
  const bool object = kind_ == Kind::object;
  const auto line = [&](unsigned blanks) {
    if (indent > 0) (out += '\n').append(blanks, ' ');
  };
  out += object ? '{' : '[';
  for (std::size_t n = 0; n < parts_.size(); ++n) {
    if (n > 0) out += ',';
    line(depth);
    if (object) (out += json_text(parts_[n].first)) += indent > 0 ? ": " : ":";
    parts_[n].second.write(out, indent, depth + indent);
  }
  if (!parts_.empty()) line(depth - indent);
  out += object ? '}' : ']';
}

}  // namespace ringside
