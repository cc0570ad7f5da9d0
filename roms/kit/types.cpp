// Owns the functions that C++ wants from a library.
#include "roms/kit/types.h"

namespace kit {

bool same(const char* a, const char* b) {
  while (*a && *a == *b) ++a, ++b;
  return *a == *b;
}

bool starts_with(const char* text, const char* beginning) {
  while (*beginning && *text == *beginning) ++text, ++beginning;
  return !*beginning;
}

u64 length_of(const char* text) {
  u64 length = 0;
  while (text[length]) ++length;
  return length;
}

}  // namespace kit

// One instruction each, so that the compiler cannot take the loop for a call of the same function.
extern "C" void* memcpy(void* to, const void* from, unsigned long bytes) {
  void* result = to;
  asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes) : : "memory");
  return result;
}

extern "C" void* memset(void* to, int value, unsigned long bytes) {
  void* result = to;
  asm volatile("rep stosb" : "+D"(to), "+c"(bytes) : "a"(value) : "memory");
  return result;
}
