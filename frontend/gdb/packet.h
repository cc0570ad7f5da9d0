// Owns the framing of gdb's remote serial protocol: packets out of bytes, bytes out of packets, and the
// numbers in them. The manual of gdb, "Remote Serial Protocol".
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cpu/arch/types.h"

namespace ringside {

// The longest packet between '$' and '#', as it travels; both sides keep to it.
constexpr std::size_t longest_packet = 0x4000;

// What comes from the client, byte by byte. Any bytes may come.
class PacketReader {
 public:
  struct Item {
    enum class Kind : u8 {
      packet,     // `body`, escapes undone
      damaged,    // its checksum is wrong
      too_long,   // more than longest_packet; its bytes were thrown away
      interrupt,  // Ctrl-C
      good,       // '+': the last packet arrived
      again,      // '-': it did not
    } kind;
    std::string body;
  };
  // What `byte` completes; bytes between packets that mean nothing are passed over.
  std::optional<Item> take(u8 byte);

 private:
  enum class State : u8 { between, body, escaped, first_digit, second_digit };
  State state_ = State::between;
  std::string body_;
  std::size_t length_ = 0;  // as it travels
  u8 sum_ = 0;
  int first_digit_ = 0;
};

// "$body#xx", with what may not stand in a body escaped.
std::string frame(std::string_view body);
// What frame() makes of these bytes inside a body.
std::string escaped(std::string_view bytes);

std::string to_hex(std::string_view bytes);
// nullopt: an odd number of digits, or no digits.
std::optional<std::string> from_hex(std::string_view digits);
// The lowest `bytes` bytes of `value` in the order of memory, as hexadecimal digits. At most 8.
std::string little_endian_hex(u64 value, unsigned bytes);

// Takes things off the front of a packet's body; what does not fit is left there and answered with nothing.
class Words {
 public:
  explicit Words(std::string_view text) : text_(text) {}
  bool literal(std::string_view expected);
  std::optional<u64> number();             // hexadecimal, 1 to 16 digits
  std::string_view until(char separator);  // and the separator is gone; all if there is none
  std::string_view rest() const { return text_; }
  bool empty() const { return text_.empty(); }

 private:
  std::string_view text_;
};

}  // namespace ringside
