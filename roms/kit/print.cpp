// Owns the way of text to COM1, and the end of the machine.
#include "roms/kit/print.h"

#include "roms/kit/instructions.h"
#include "roms/kit/spinlock.h"

namespace kit {
namespace {

constexpr u16 com1 = 0x3f8, line_status = com1 + 5;
constexpr u8 transmitter_empty = 0x20;
constexpr u16 pm1a_control = 0x604, debug_exit = 0xf4;
constexpr u16 sleep_enable = 1 << 13;  // with sleep type 0, which is S5 here

Spinlock serial_lock;
Output output = print_to_serial;

}  // namespace

void print_to_serial(const char* text, u64 bytes) {
  Guard guard(serial_lock);
  for (u64 n = 0; n < bytes; ++n) {
    while (!(in8(line_status) & transmitter_empty)) pause();
    out8(com1, static_cast<u8>(text[n]));
  }
}

void set_output(Output other) { output = other; }

void Line::add(char letter) {
  if (bytes_ < sizeof text_) text_[bytes_++] = letter;
}

void Line::add(const char* text) {
  while (*text) add(*text++);
}

void Line::add(Hex number) {
  add("0x");
  unsigned digits = 1;
  while (digits < 16 && number.value >> (4 * digits)) ++digits;
  while (digits--) add("0123456789abcdef"[number.value >> (4 * digits) & 15]);
}

void Line::add(u64 number) {
  if (number >= 10) add(number / 10);
  add(static_cast<char>('0' + number % 10));
}

void Line::add(i64 number) {
  if (number < 0) add('-');
  add(number < 0 ? 0 - static_cast<u64>(number) : static_cast<u64>(number));
}

void Line::send() const { output(text_, bytes_); }

void power_off(u8 status) {
  if (status) out8(debug_exit, status);
  out16(pm1a_control, sleep_enable);
  out8(debug_exit, status);
  for (;;) asm volatile("cli; hlt");
}

}  // namespace kit
