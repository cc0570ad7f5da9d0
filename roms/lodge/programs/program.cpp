// Owns the begin of a program, and the calls that take more than one instruction.
#include "roms/lodge/programs/program.h"

namespace lodge {
namespace {

void write(const char* text, u64 bytes) { call(Call::write, address_of(text), bytes); }

}  // namespace

u8* map(u64 bytes) {
  const i64 address = call(Call::map, bytes);
  if (address < 0) {
    print("no memory: ", bytes, " bytes\n");
    exit(1);
  }
  return at<u8>(static_cast<u64>(address));
}

void start_thread(void (*entry)(u64), u64 argument) {
  constexpr u64 stack = 1 << 14;
  const u64 end = address_of(map(stack)) + stack - 8;  // as if `entry` had been called
  call(Call::thread, address_of(reinterpret_cast<void*>(entry)), argument, end);
}

File read_file(const char* name) {
  const i64 number = call(Call::find_file, address_of(name));
  if (number < 0) return {};
  const u64 file = static_cast<u64>(number), bytes = static_cast<u64>(call(Call::file_bytes, file));
  u8* first = map(bytes ? bytes : 1);
  call(Call::read_file, file, 0, address_of(first), bytes);
  return {first, bytes};
}

}  // namespace lodge

// The kernel goes here, with a stack as after a CALL.
extern "C" void program_begin(const char* arguments) {
  kit::set_output(lodge::write);
  program(arguments);
  lodge::exit(0);
}
