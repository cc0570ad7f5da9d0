// Owns the walk over the frames of a stack, and its text.
#include "frontend/inspect/backtrace.h"

#include <fmt/format.h>

#include "frontend/symbols/unwind.h"
#include "vmx/vmx.h"

namespace ringside {
namespace {

// DWARF's order of registers for x86-64, in the processor's numbers.
constexpr u8 dwarf_order[16] = {RAX, RDX, RCX, RBX, RSI, RDI, RBP, RSP, R8, R9, R10, R11, R12, R13, R14, R15};

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

// Whether an instruction of type CALL ends at an address.
bool follows_call(u64 address, const ReadStack& read) {
  const auto byte = [&](unsigned before) { return read(address - before, 1).value_or(0); };
  if (byte(5) == 0xe8) return true;
  // CALL r/m: with no displacement, of 8 bits, of 32; with a SIB byte or without.
  for (const unsigned length : {2u, 3u, 4u, 6u, 7u}) {
    if (byte(length) == 0xff && (byte(length - 1) >> 3 & 7) == 2) return true;
  }
  return false;
}

// Where nothing is known of the code: the next word on the stack that leads behind a call. A guess; the word
// may be left over from before.
std::optional<UnwindRegisters> unwind_by_search(const UnwindRegisters& inner, World world,
                                                const Symbols& symbols, const ReadStack& read) {
  constexpr unsigned words = 128;
  const u64 rsp = inner.value[UnwindRegisters::rsp].value_or(1);
  if (rsp % 8 != 0) return std::nullopt;
  for (unsigned n = 0; n < words; ++n) {
    const auto word = read(rsp + 8 * n, 8);
    if (!word) return std::nullopt;
    const auto named = symbols.find(*word - 1, world);
    if (!named || (named->size != 0 && named->distance >= named->size) || !follows_call(*word, read))
      continue;
    UnwindRegisters outer;
    outer.value[UnwindRegisters::return_address] = *word;
    outer.value[UnwindRegisters::rsp] = rsp + 8 * n + 8;
    return outer;
  }
  return std::nullopt;
}

}  // namespace

UnwindRegisters registers_of(const UnwindStart& start) {
  UnwindRegisters registers;
  for (unsigned n = 0; n < 16; ++n) {
    if (!start.only_rsp || n == UnwindRegisters::rsp) registers.value[n] = start.gpr[dwarf_order[n]];
  }
  registers.value[UnwindRegisters::return_address] = start.rip;
  return registers;
}

UnwindStart unwind_start(const Cpu& cpu) {
  UnwindStart start;
  start.gpr = cpu.gpr;
  start.rip = linear_rip(cpu);
  start.bits = cpu.mode.code_bits;
  start.world = world_of(cpu);
  if (!cpu.mode.bits64) start.gpr[RSP] = (cpu.segment[SS].base + cpu.gpr[RSP]) & 0xffffffff;
  // The first instruction after a VM exit finds the guest's registers.
  const Vmcs* vmcs = cpu.vmx && !cpu.non_root ? cpu.vmx->current : nullptr;
  start.only_rsp = vmcs && vmcs->exits != 0 && (*vmcs)[Field::HOST_RIP] == cpu.rip;
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
  using Found = StackFrame::Found;
  std::vector<StackFrame> frames;
  UnwindRegisters now = registers_of(start);
  bool exact = true;
  frames.push_back({Found::innermost, start.rip, start.gpr[RSP], start.gpr[RBP]});
  // Segments with a base other than 0 would need it at every step: 16-bit code has one frame.
  if (start.bits == 16) return frames;
  while (frames.size() < limit) {
    const StackFrame& inner = frames.back();
    std::optional<UnwindRegisters> outer;
    Found found = Found::call_frame_information;
    bool signal_frame = false;
    // A stack that does not shrink never ends; but an interrupt may have switched stacks.
    const auto sensible = [&] {
      return outer && outer->value[UnwindRegisters::return_address].value_or(0) != 0 &&
             (outer->value[UnwindRegisters::rsp].value_or(0) > inner.rsp || signal_frame);
    };
    if (start.bits == 64) {
      const u64 look = inner.rip - (exact ? 0 : 1);
      outer =
          unwind_by_information(symbols.frames(look, start.world), now, inner.rip, exact, read, signal_frame);
      if (outer && !outer->value[UnwindRegisters::return_address]) break;  // the information says: the end
      if (!sensible()) {
        const auto orc = symbols.orc(look, start.world);
        if (orc && orc->frame == OrcEntry::Frame::end) break;
        found = Found::orc;
        outer = orc ? unwind_by_orc(*orc, now, read, signal_frame) : std::nullopt;
      }
    }
    if (!sensible()) {
      found = Found::frame_pointer;
      signal_frame = false;
      outer = unwind_by_pointer(now, start.bits, read);
    }
    if (!sensible() && start.bits == 64) {
      found = Found::on_stack;
      outer = unwind_by_search(now, start.world, symbols, read);
    }
    if (!sensible()) break;
    frames.push_back({found, *outer->value[UnwindRegisters::return_address],
                      outer->value[UnwindRegisters::rsp].value_or(0),
                      outer->value[UnwindRegisters::rbp].value_or(0)});
    now = *outer;
    exact = signal_frame;
  }
  return frames;
}

namespace {

void source_cell(Row& row, const std::optional<Symbols::Line>& line) {
  if (line && line->line) row.say("  ").word("source", line->text()).to(Link::To::source, 0, line->text());
}

}  // namespace

void add_frames(Sheet& sheet, const std::vector<StackFrame>& frames, const UnwindStart& start,
                const Symbols& symbols) {
  unsigned number = 0;
  const auto begin = [&](const StackFrame& frame) -> Row& {
    Row& row = sheet.row();
    row.say("#").count("frame", number++, 2).say(" ");
    return row.number("rip", frame.rip, fmt::format("{:#018x}", frame.rip)).to(Link::To::linear, frame.rip);
  };
  for (const StackFrame& frame : frames) {
    // What called, not what follows the call.
    const u64 look =
        frame.found == StackFrame::Found::innermost || frame.rip == 0 ? frame.rip : frame.rip - 1;
    auto line = symbols.line(look, start.world);
    for (const Symbols::Inlined& inner : symbols.inlined(look, start.world)) {
      Row& row = begin(frame).say("  ").word("symbol", inner.function).say(", inlined").quiet("inlined", 1);
      source_cell(row, line);
      line = inner.call;
    }
    Row& row = begin(frame);
    if (const auto named = symbols.find(look, start.world)) {
      Symbols::Named at = *named;
      at.distance = frame.rip - at.start;
      row.say("  ").word("symbol", at.text());
    }
    source_cell(row, line);
    if (frame.found == StackFrame::Found::frame_pointer) row.say("  (by frame pointer)");
    if (frame.found == StackFrame::Found::orc) row.say("  (by ORC)");
    if (frame.found == StackFrame::Found::on_stack) row.say("  (found on the stack)");
    row.quiet("rsp", frame.rsp);
  }
}

Sheet backtrace_sheet(const Cpu& cpu, const Symbols& symbols, unsigned limit) {
  const UnwindStart own = unwind_start(cpu);
  Sheet sheet("backtrace");
  sheet.section("cpu");
  add_frames(sheet, backtrace(cpu, own, symbols, limit), own, symbols);
  if (const auto guest = guest_unwind_start(cpu)) {
    sheet.section("guest");
    sheet.row().say("the guest, as the last VM exit left it:");
    add_frames(sheet, backtrace(cpu, *guest, symbols, limit), *guest, symbols);
  }
  return sheet;
}

}  // namespace ringside
