// Owns expressions: what conditions, print, x, set and every address that a user types are read with.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "frontend/debug/debugger.h"

namespace ringside {

// Of unsigned 64-bit values. In C's order of precedence: || && | ^ & == != < <= > >= << >> + - * / %, before
// them - ~ ! and parentheses. Values are
//   numbers          42, 0x2a, 2ah
//   registers        rax, cr0.pg, eflags.if, cs.base, msr.ia32_efer, vmcs.GUEST_RIP, count, exits: see
//                    Debugger::read_register; $rax where a symbol has the same name
//   memory           [address], [address].1 and .2, .4, .8: bytes; .b, .w, .d, .q; as the CPU translates now;
//                    guest[...] of the guest of the current VMCS, gpa[...] guest-physical, phys[...]
//                    host-physical
//   symbols          main, xen!start
class Expressions {
 public:
  // Both outlive it; `symbols` may be nullptr.
  Expressions(const Debugger& debugger, const Symbols* symbols) : debugger_(debugger), symbols_(symbols) {}

  // On the debugger's selected CPU. nullopt: one line in `error`.
  std::optional<u64> evaluate(std::string_view text, std::string& error) const;
  // As much of the beginning of `text` as is an expression; `text` is what remains, without leading blanks.
  std::optional<u64> evaluate_first(std::string_view& text, std::string& error) const;

 private:
  const Debugger& debugger_;
  const Symbols* symbols_;
};

}  // namespace ringside
