// Owns expressions: what conditions, print, x, set and every address that a user types are read with.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "frontend/debug/debugger.h"
#include "frontend/symbols/c_values.h"

namespace ringside {

// Of unsigned 64-bit values. In C's order of precedence: || && | ^ & == != < <= > >= << >> + - * / %, before
// them - ~ ! and parentheses. Values are
//   numbers          42, 0x2a, 2ah
//   registers        rax, cr0.pg, eflags.if, cs.base, msr.ia32_efer, vmcs.GUEST_RIP, count, exits: see
//                    Debugger::read_register; $rax where a symbol has the same name
//   memory           [address], [address].1 and .2, .4, .8: bytes; .b, .w, .d, .q; as the CPU translates now;
//                    guest[...] of the guest of the current VMCS, gpa[...] guest-physical, phys[...]
//                    host-physical
//   symbols          main, xen!start: their addresses
//   variables        where DWARF knows them, with their types: task->pid, regs.ax, table[3], *p, &task->list,
//                    (struct page *)rdi; a variable of the function hides a register of its name, which $
//                    names; one outside functions is its address where it stands alone, as any symbol
// A comparison, division or shift of signed ones is signed; a pointer counts in what it points at.
class Expressions {
 public:
  // Both outlive it; `symbols` may be nullptr.
  Expressions(const Debugger& debugger, const Symbols* symbols) : debugger_(debugger), symbols_(symbols) {}

  // Whose variables are meant; without one there are no variables.
  void on_scope(std::function<CScope()> scope) { scope_ = std::move(scope); }

  // On the debugger's selected CPU. nullopt: one line in `error`.
  std::optional<u64> evaluate(std::string_view text, std::string& error) const;
  // The same with its type; a variable outside functions is its value, and not its address.
  std::optional<CValue> evaluate_typed(std::string_view text, std::string& error) const;
  // The first expression of `text`, as evaluate_first().
  std::optional<CValue> evaluate_first_typed(std::string_view& text, std::string& error) const;
  // What the value says of itself; empty without variables.
  std::string type_text(const CValue& value) const;
  std::string text(const CValue& value) const;
  // As much of the beginning of `text` as is an expression; `text` is what remains, without leading blanks.
  std::optional<u64> evaluate_first(std::string_view& text, std::string& error) const;

 private:
  CValues values() const;
  std::optional<CValue> read(std::string_view& text, bool by_value, std::string& error) const;

  const Debugger& debugger_;
  const Symbols* symbols_;
  std::function<CScope()> scope_;
};

}  // namespace ringside
