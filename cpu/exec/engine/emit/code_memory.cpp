// Owns the two mappings of the memory for emitted code.
#include "cpu/exec/engine/emit/code_memory.h"

#include <utility>

#if defined(__linux__)
#include <sys/mman.h>
#include <unistd.h>
#endif

namespace ringside {

#if defined(__linux__)
namespace {

bool is_near(const void* a, const void* b, std::size_t bytes) {
  const s64 distance = static_cast<s64>(reinterpret_cast<u64>(a) - reinterpret_cast<u64>(b));
  const s64 reach = (s64{1} << 31) - static_cast<s64>(bytes) - (64 << 20);
  return distance > -reach && distance < reach;
}

// The kernel takes the address as a hint: what it gives instead is used if nothing nearer is to be had.
void* map_near(int file, std::size_t bytes, const void* near) {
  constexpr u64 step = 192 << 20;
  const u64 around = reinterpret_cast<u64>(near) & ~u64{0xffff};
  for (unsigned n = 1; n <= 9; ++n) {
    for (const u64 hint : {around - n * step, around + n * step}) {
      void* place = mmap(reinterpret_cast<void*>(hint), bytes, PROT_READ | PROT_EXEC, MAP_SHARED, file, 0);
      if (place == MAP_FAILED) return nullptr;
      if (is_near(place, near, bytes)) return place;
      munmap(place, bytes);
    }
  }
  void* place = mmap(nullptr, bytes, PROT_READ | PROT_EXEC, MAP_SHARED, file, 0);
  return place == MAP_FAILED ? nullptr : place;
}

}  // namespace

std::optional<CodeMemory> CodeMemory::create(std::size_t bytes, const void* near) {
  const int file = memfd_create("code", MFD_CLOEXEC);
  if (file < 0) return std::nullopt;
  void* writable = MAP_FAILED;
  void* executable = nullptr;
  if (ftruncate(file, static_cast<off_t>(bytes)) == 0) {
    writable = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (writable != MAP_FAILED) executable = map_near(file, bytes, near);
  }
  close(file);
  if (executable) return CodeMemory(static_cast<u8*>(writable), static_cast<u8*>(executable), bytes);
  if (writable != MAP_FAILED) munmap(writable, bytes);
  return std::nullopt;
}

CodeMemory::~CodeMemory() {
  if (!writable_) return;
  munmap(writable_, bytes_);
  munmap(executable_, bytes_);
}
#else
std::optional<CodeMemory> CodeMemory::create(std::size_t, const void*) { return std::nullopt; }
CodeMemory::~CodeMemory() = default;
#endif

CodeMemory::CodeMemory(CodeMemory&& other) noexcept
    : writable_(std::exchange(other.writable_, nullptr)),
      executable_(std::exchange(other.executable_, nullptr)),
      bytes_(other.bytes_) {}

}  // namespace ringside
