// Owns the framing of gdb's remote serial protocol: packets out of bytes, bytes out of packets, and the
// numbers in them.
#include "frontend/gdb/packet.h"

#include <utility>

namespace ringside {
namespace {

constexpr char digits[] = "0123456789abcdef";
constexpr u8 escape = '}', escape_flip = 0x20, ctrl_c = 3;

int digit(u8 c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::optional<PacketReader::Item> PacketReader::take(u8 byte) {
  const auto begin = [this] {
    state_ = State::body;
    body_.clear();
    length_ = 0;
    sum_ = 0;
  };
  switch (state_) {
    case State::between:
      if (byte == '$') begin();
      if (byte == '+') return Item{Item::Kind::good, ""};
      if (byte == '-') return Item{Item::Kind::again, ""};
      if (byte == ctrl_c) return Item{Item::Kind::interrupt, ""};
      return std::nullopt;
    case State::body:
    case State::escaped:
      if (byte == '#') {
        state_ = State::first_digit;
        return std::nullopt;
      }
      // Inside a packet it would be escaped: the rest of the last one was lost.
      if (byte == '$') {
        begin();
        return std::nullopt;
      }
      sum_ = static_cast<u8>(sum_ + byte);
      if (++length_ > longest_packet) {
        body_.clear();
        state_ = State::body;
        return std::nullopt;
      }
      if (state_ == State::escaped) {
        body_ += static_cast<char>(byte ^ escape_flip);
        state_ = State::body;
      } else if (byte == escape) {
        state_ = State::escaped;
      } else {
        body_ += static_cast<char>(byte);
      }
      return std::nullopt;
    case State::first_digit:
      first_digit_ = digit(byte);
      state_ = State::second_digit;
      return std::nullopt;
    case State::second_digit: break;
  }
  state_ = State::between;
  const int last = digit(byte);
  if (first_digit_ < 0 || last < 0 || (first_digit_ << 4 | last) != sum_)
    return Item{Item::Kind::damaged, ""};
  if (length_ > longest_packet) return Item{Item::Kind::too_long, ""};
  return Item{Item::Kind::packet, std::exchange(body_, {})};
}

std::string escaped(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    if (c == '$' || c == '#' || c == '}' || c == '*') {
      out += static_cast<char>(escape);
      out += static_cast<char>(c ^ escape_flip);
    } else {
      out += c;
    }
  }
  return out;
}

std::string frame(std::string_view body) {
  const std::string inside = escaped(body);
  u8 sum = 0;
  for (const char c : inside) sum = static_cast<u8>(sum + static_cast<u8>(c));
  std::string out = "$" + inside + "#";
  out += digits[sum >> 4];
  out += digits[sum & 15];
  return out;
}

std::string to_hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    out += digits[static_cast<u8>(c) >> 4];
    out += digits[static_cast<u8>(c) & 15];
  }
  return out;
}

std::optional<std::string> from_hex(std::string_view text) {
  if (text.size() % 2) return std::nullopt;
  std::string out;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = digit(static_cast<u8>(text[i])), low = digit(static_cast<u8>(text[i + 1]));
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high << 4 | low);
  }
  return out;
}

std::string little_endian_hex(u64 value, unsigned bytes) {
  std::string raw;
  for (unsigned n = 0; n < bytes; ++n) raw += static_cast<char>(value >> 8 * n & 0xff);
  return to_hex(raw);
}

bool Words::literal(std::string_view expected) {
  if (!text_.starts_with(expected)) return false;
  text_.remove_prefix(expected.size());
  return true;
}

std::optional<u64> Words::number() {
  u64 value = 0;
  std::size_t n = 0;
  while (n < text_.size() && digit(static_cast<u8>(text_[n])) >= 0) {
    if (n == 16) return std::nullopt;
    value = value << 4 | static_cast<u64>(digit(static_cast<u8>(text_[n++])));
  }
  if (n == 0) return std::nullopt;
  text_.remove_prefix(n);
  return value;
}

std::string_view Words::until(char separator) {
  const std::size_t at = text_.find(separator);
  const std::string_view word = text_.substr(0, at);
  text_.remove_prefix(at == std::string_view::npos ? text_.size() : at + 1);
  return word;
}

}  // namespace ringside
