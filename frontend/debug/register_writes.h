// Owns the question whether an instruction writes a register, its value aside: as Zydis knows its operands,
// the implicit ones too.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <unordered_map>

#include "cpu/state/register_table.h"

namespace ringside {

// One register, or one flag of RFLAGS; a write of a part counts as one of the whole. An instruction that
// writes only under a condition (CMOVcc, a repeat with a count of 0) is not said to write: whoever asks looks
// at the value, too. Of RIP nothing is said: every instruction writes it.
class RegisterWrites final {
 public:
  explicit RegisterWrites(const RegisterPart& part);
  // Of an MSR: WRMSR of this number alone.
  explicit RegisterWrites(u32 msr);
  ~RegisterWrites();
  RegisterWrites(const RegisterWrites&) = delete;
  RegisterWrites& operator=(const RegisterWrites&) = delete;

  // The CPU's next instruction, which lies at `physical`. Instructions that were looked at are remembered by
  // their place and bytes.
  bool by_next(const Cpu& cpu, HostPhys physical);

 private:
  struct Decoders;
  enum class Verdict : u8 {
    never,
    always,
    by_wrmsr,    // if ECX names the MSR
    by_restore,  // XRSTOR, if its mask says so
  };
  static constexpr std::size_t longest = 15;
  using Code = std::array<u8, longest>;
  struct Known {
    Code code{};
    Verdict verdict = Verdict::never;
    u8 bits = 0;
  };
  Verdict judge(const Code& code, std::size_t bytes, unsigned bits) const;
  bool answer(Verdict verdict, const Cpu& cpu) const;

  std::unique_ptr<Decoders> decoders_;
  const RegisterInfo* info_ = nullptr;
  u64 flags_ = 0;           // of RFLAGS, those that are asked for
  std::optional<u32> msr_;  // whose write by WRMSR is one
  unsigned zydis_ = 0;      // its name for the register; 0: it has none
  u32 components_ = 0;      // of XSAVE's state, that hold it
  std::unordered_map<u64, Known> known_;
};

}  // namespace ringside
