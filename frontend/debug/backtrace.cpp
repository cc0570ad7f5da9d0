// Owns the walk over the frames of a stack, and its text.
#include "frontend/debug/backtrace.h"

#include <fmt/format.h>

#include "frontend/debug/unwind.h"
#include "vmx/vmx.h"

namespace ringside {
namespace {

// DWARF's order of registers for x86-64, in the processor's numbers.
constexpr u8 dwarf_order[16] = {RAX, RDX, RCX, RBX, RSI, RDI, RBP, RSP, R8, R9, R10, R11, R12, R13, R14, R15};

UnwindRegisters registers_of(const UnwindStart& start) {
  UnwindRegisters registers;
  for (unsigned n = 0; n < 16; ++n) registers.value[n] = start.gpr[dwarf_order[n]];
  registers.value[UnwindRegisters::return_address] = start.rip;
  return registers;
}

// A frame pointer leads to the caller's, and above it is the return address. The stack grows down, so callers
// lie higher.
std::optional<UnwindRegisters> unwind_by_pointer(const UnwindRegisters& inner, unsigned bits,
                                                 const ReadStack& read) {
  const auto rbp = inner.value[UnwindRegisters::rbp], rsp = inner.value[UnwindRegisters::rsp];
  const unsigned word = bits / 8;
  if (!rbp || !rsp || *rbp == 0 || *rbp < *rsp || *rbp % word != 0) return std::nullopt;
  const auto caller = read(*rbp, word), address = read(*rbp + word, word);
  if (!caller || !address || *address == 0) return std::nullopt;
  UnwindRegisters outer;
  outer.value[UnwindRegisters::rbp] = *caller;
  outer.value[UnwindRegisters::rsp] = *rbp + 2 * word;
  outer.value[UnwindRegisters::return_address] = *address;
  return outer;
}

}  // namespace

UnwindStart unwind_start(const Cpu& cpu) {
  UnwindStart start;
  start.gpr = cpu.gpr;
  start.rip = linear_rip(cpu);
  start.bits = cpu.mode.code_bits;
  start.world = world_of(cpu);
  if (!cpu.mode.bits64) start.gpr[RSP] = (cpu.segment[SS].base + cpu.gpr[RSP]) & 0xffffffff;
  return start;
}

std::optional<UnwindStart> guest_unwind_start(const Cpu& cpu) {
  if (cpu.non_root || !cpu.vmx || !cpu.vmx->current) return std::nullopt;
  const Vmcs& vmcs = *cpu.vmx->current;
  if (vmcs.entries == 0) return std::nullopt;
  // The general registers other than RSP are not in the VMCS. Until the hypervisor uses them they are the
  // guest's; frame pointers are believed only as far as they lead up the guest's stack.
  UnwindStart start;
  start.gpr = cpu.gpr;
  start.gpr[RSP] = vmcs[Field::GUEST_RSP];
  start.world = World::non_root;
  start.space = AddressSpace::guest_linear;
  const u64 rights = vmcs[Field::GUEST_CS_ACCESS_RIGHTS];
  const bool bits64 =
      (vmcs[Field::VM_ENTRY_CONTROLS] & mask(VmxControl::ia32e_mode_guest)) && (rights & Rights::L);
  start.bits = bits64 ? 64 : rights & Rights::DB ? 32 : 16;
  start.rip = vmcs[Field::GUEST_RIP];
  if (!bits64) {
    start.rip = (start.rip + vmcs[Field::GUEST_CS_BASE]) & 0xffffffff;
    start.gpr[RSP] = (start.gpr[RSP] + vmcs[Field::GUEST_SS_BASE]) & 0xffffffff;
  }
  return start;
}

std::vector<StackFrame> backtrace(const Cpu& cpu, const UnwindStart& start, const Symbols& symbols,
                                  unsigned limit) {
  const ReadStack read = [&](u64 address, unsigned size) {
    return peek_word(cpu, start.space, address, size);
  };
  std::vector<StackFrame> frames;
  UnwindRegisters now = registers_of(start);
  bool exact = true;
  frames.push_back({StackFrame::Found::innermost, start.rip, start.gpr[RSP], start.gpr[RBP]});
  // Segments with a base other than 0 would need it at every step: 16-bit code has one frame.
  if (start.bits == 16) return frames;
  while (frames.size() < limit) {
    const StackFrame& inner = frames.back();
    std::optional<UnwindRegisters> outer;
    StackFrame::Found found = StackFrame::Found::call_frame_information;
    bool signal_frame = false;
    if (start.bits == 64)
      outer = unwind_by_information(symbols.frames(inner.rip - (exact ? 0 : 1), start.world), now, inner.rip,
                                    exact, read, signal_frame);
    if (outer && !outer->value[UnwindRegisters::return_address]) break;  // the information says: the end
    if (!outer) {
      found = StackFrame::Found::frame_pointer;
      outer = unwind_by_pointer(now, start.bits, read);
    }
    if (!outer) break;
    const u64 rip = *outer->value[UnwindRegisters::return_address];
    const u64 rsp = outer->value[UnwindRegisters::rsp].value_or(0);
    // A stack that does not shrink never ends; but an interrupt may have switched stacks.
    if (rip == 0 || (rsp <= inner.rsp && !signal_frame)) break;
    frames.push_back({found, rip, rsp, outer->value[UnwindRegisters::rbp].value_or(0)});
    now = *outer;
    exact = signal_frame;
  }
  return frames;
}

std::string text(const std::vector<StackFrame>& frames, const UnwindStart& start, const Symbols& symbols) {
  std::string text;
  for (std::size_t n = 0; n < frames.size(); ++n) {
    const StackFrame& frame = frames[n];
    // What called, not what follows the call.
    const u64 look =
        frame.found == StackFrame::Found::innermost || frame.rip == 0 ? frame.rip : frame.rip - 1;
    text += fmt::format("#{:<2} {:#018x}", n, frame.rip);
    if (const auto named = symbols.find(look, start.world)) {
      Symbols::Named at = *named;
      at.distance = frame.rip - at.start;
      text += fmt::format("  {}", at.text());
    }
    if (const auto line = symbols.line(look, start.world)) text += fmt::format("  {}", line->text());
    if (frame.found == StackFrame::Found::frame_pointer) text += "  (by frame pointer)";
    text += "\n";
  }
  return text;
}

std::string backtrace_text(const Cpu& cpu, const Symbols& symbols, unsigned limit) {
  const UnwindStart own = unwind_start(cpu);
  std::string all = text(backtrace(cpu, own, symbols, limit), own, symbols);
  if (const auto guest = guest_unwind_start(cpu)) {
    all += "the guest, as the last VM exit left it:\n";
    all += text(backtrace(cpu, *guest, symbols, limit), *guest, symbols);
  }
  return all;
}

}  // namespace ringside
