// Owns memory for emitted code: one run of bytes mapped twice, to write and to execute, never both at once.
#pragma once

#include <cstddef>
#include <optional>

#include "cpu/arch/types.h"

namespace ringside {

class CodeMemory {
 public:
  // nullopt: the host refuses. `near`: code that the emitted code calls; the executable mapping lies within
  // 2 GiB of it where the host allows.
  static std::optional<CodeMemory> create(std::size_t bytes, const void* near);
  CodeMemory(CodeMemory&& other) noexcept;
  CodeMemory(const CodeMemory&) = delete;
  CodeMemory& operator=(const CodeMemory&) = delete;
  ~CodeMemory();

  u8* writable() const { return writable_; }
  const u8* executable() const { return executable_; }
  std::size_t bytes() const { return bytes_; }

 private:
  CodeMemory(u8* writable, u8* executable, std::size_t bytes)
      : writable_(writable), executable_(executable), bytes_(bytes) {}
  u8* writable_;
  u8* executable_;
  std::size_t bytes_;
};

}  // namespace ringside
