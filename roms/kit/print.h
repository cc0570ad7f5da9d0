// Owns what the guests print: print("exit ", 12, " at ", hex(rip), "\n") goes to COM1, a call at a time.
#pragma once

#include "roms/kit/types.h"

namespace kit {

struct Hex {
  u64 value;
};
constexpr Hex hex(u64 value) { return {value}; }

// Where the characters go; print_to_serial at the start.
using Output = void (*)(const char* text, u64 bytes);
void set_output(Output output);
void print_to_serial(const char* text, u64 bytes);

// One call's text, put together before it is sent, so that two CPUs do not mix their lines. What is beyond
// its end is lost.
class Line {
 public:
  void add(const char* text);
  void add(char letter);
  void add(Hex number);
  void add(i64 number);
  void add(u64 number);
  void add(int number) { add(static_cast<i64>(number)); }
  void add(u32 number) { add(static_cast<u64>(number)); }
  void add(u16 number) { add(static_cast<u64>(number)); }
  void add(u8 number) { add(static_cast<u64>(number)); }
  void send() const;

 private:
  char text_[256];
  u64 bytes_ = 0;
};

template <class... Parts>
void print(Parts... parts) {
  Line line;
  (line.add(parts), ...);
  line.send();
}

// Ends the machine: by ACPI, or where there is none by isa-debug-exit. Status 0 is a good end.
[[noreturn]] void power_off(u8 status = 0);

// There is no way on: says why and ends the machine with a bad status.
template <class... Parts>
[[noreturn]] void stop(Parts... parts) {
  print("stopped: ", parts..., "\n");
  power_off(1);
}

}  // namespace kit
