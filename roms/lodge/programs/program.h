// Owns the system calls as functions, for programs in ring 3; each program defines program().
#pragma once

#include "roms/kit/print.h"
#include "roms/lodge/abi.h"

namespace lodge {

inline i64 call(Call number, u64 a = 0, u64 b = 0, u64 c = 0, u64 d = 0) {
  i64 answer;
  register u64 fourth asm("r10") = d;
  asm volatile("syscall"
               : "=a"(answer), "+r"(fourth), "+D"(a), "+S"(b), "+d"(c)
               : "a"(number)
               : "rcx", "r8", "r9", "r11", "memory");
  return answer;
}

[[noreturn]] inline void exit(i64 status) {
  for (;;) call(Call::exit, static_cast<u64>(status));
}
[[noreturn]] inline void end_thread() {
  for (;;) call(Call::end_thread);
}
inline void sleep(u64 nanoseconds) { call(Call::sleep, nanoseconds); }
inline u64 clock() { return static_cast<u64>(call(Call::clock)); }
inline void yield() { call(Call::yield); }

// Memory of the process, all 0. Without it there is nothing to do: says so and ends the process.
u8* map(u64 bytes);

// Another thread, with a stack of its own. It must not return: it ends by end_thread, or with the process.
void start_thread(void (*entry)(u64 argument), u64 argument);

// A file's bytes, copied into memory of the process; `bytes` is 0 if there is no such file.
struct File {
  u8* first;
  u64 bytes;
};
File read_file(const char* name);

}  // namespace lodge

// The begin of a program, with the words behind its name.
void program(const char* arguments);
