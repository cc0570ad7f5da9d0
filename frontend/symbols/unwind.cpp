// Owns the evaluation of call-frame rules.
#include "frontend/symbols/unwind.h"

#include <cstdlib>
#include <memory>

#include "frontend/symbols/dwarf_expression.h"

namespace ringside {
namespace {

struct Free {
  void operator()(Dwarf_Frame* frame) const { std::free(frame); }
};

std::optional<UnwindRegisters> by_frame(Dwarf_Frame* frame, const UnwindRegisters& inner,
                                        const ReadStack& read) {
  Dwarf_Op* ops = nullptr;
  std::size_t count = 0;
  if (dwarf_frame_cfa(frame, &ops, &count) != 0 || count == 0) return std::nullopt;
  const auto cfa = DwarfExpression(inner, read, {}).value(ops, count);
  if (!cfa) return std::nullopt;
  UnwindRegisters outer;
  for (unsigned n = 0; n < UnwindRegisters::count; ++n) {
    Dwarf_Op memory[3];
    if (dwarf_frame_register(frame, static_cast<int>(n), memory, &ops, &count) != 0) return std::nullopt;
    if (count == 0) {
      // ops == memory: undefined; nullptr: the same as in the inner frame.
      if (ops == nullptr) outer.value[n] = inner.value[n];
      continue;
    }
    DwarfExpression rule(inner, read, {.cfa = cfa});
    const auto value = rule.value(ops, count);
    if (!value) continue;
    outer.value[n] = rule.is_value() || rule.in_register() ? value : read(*value, 8);
  }
  outer.value[UnwindRegisters::rsp] = *cfa;
  return outer;
}

}  // namespace

std::optional<UnwindRegisters> unwind_by_information(const Symbols::Frames& frames,
                                                     const UnwindRegisters& inner, u64 rip, bool exact,
                                                     const ReadStack& read, bool& signal_frame) {
  // Behind a call that does not return there may be another function: look at the call itself.
  const u64 at = rip - frames.offset - (exact ? 0 : 1);
  for (Dwarf_CFI* table : frames.tables) {
    Dwarf_Frame* found = nullptr;
    if (dwarf_cfi_addrframe(table, at, &found) != 0) continue;
    const std::unique_ptr<Dwarf_Frame, Free> frame(found);
    signal_frame = false;
    dwarf_frame_info(found, nullptr, nullptr, &signal_frame);
    auto outer = by_frame(found, inner, read);
    if (outer) return outer;
  }
  return std::nullopt;
}

std::optional<u64> canonical_frame(const Symbols::Frames& frames, const UnwindRegisters& registers, u64 rip,
                                   const ReadStack& read) {
  for (Dwarf_CFI* table : frames.tables) {
    Dwarf_Frame* found = nullptr;
    if (dwarf_cfi_addrframe(table, rip - frames.offset, &found) != 0) continue;
    const std::unique_ptr<Dwarf_Frame, Free> frame(found);
    Dwarf_Op* ops = nullptr;
    std::size_t count = 0;
    if (dwarf_frame_cfa(found, &ops, &count) == 0 && count != 0)
      return DwarfExpression(registers, read, {}).value(ops, count);
  }
  return std::nullopt;
}

}  // namespace ringside
