// Owns running one instruction on the host processor: registers and flags in, registers, flags and the fault
// out.
#pragma once

#include <array>
#include <span>

#include "cpu/arch/fault.h"
#include "cpu/arch/registers.h"

namespace oracle {

using namespace ringside;

struct Registers {
  std::array<u64, 16> gpr{};
  u64 flags = 2;
};

// What the instruction left. `trapped`: it raised `vector` (#DE, #GP, #UD, ...) and the registers are as
// before.
struct Outcome {
  Registers registers;
  bool trapped = false;
  Vector vector = Vector::UD;
};

// The address range that instructions may use as memory, on the host and in the emulated machine alike.
constexpr u64 data_base = 0x10010000, data_bytes = 0x4000;

class Native {
 public:
  Native();
  ~Native();
  Native(const Native&) = delete;
  Native& operator=(const Native&) = delete;

  // False: this host cannot run the tests (another processor, or the addresses are taken).
  bool ready() const { return code_ != nullptr; }
  std::span<u8> data() { return {data_, data_bytes}; }
  Outcome run(std::span<const u8> instruction, const Registers& in);

 private:
  u8* code_ = nullptr;
  u8* data_ = nullptr;
};

}  // namespace oracle
