// Owns the reading of chains of faults.
#include "frontend/inspect/fault_chain.h"

#include <fmt/format.h>

#include "cpu/state/msrs.h"
#include "frontend/inspect/disassembly.h"
#include "frontend/inspect/look_memory.h"
#include "frontend/inspect/where.h"
#include "frontend/inspect/writers.h"
#include "vmx/explain_exit.h"
#include "vmx/vmx.h"

namespace ringside {
namespace {

// What delivery looks at, of either side.
struct Scene {
  AddressSpace space = AddressSpace::linear;
  World world = World::root;
  bool protected_mode = false, long_mode = false;
  unsigned code_bits = 64;
  u64 code_base = 0, idt_base = 0;
  u32 idt_limit = 0;
};

Scene scene_of(const Cpu& cpu, FaultedSide side) {
  Scene s;
  if (side == FaultedSide::own || !cpu.vmx || !cpu.vmx->current) {
    s.world = world_of(cpu);
    s.protected_mode = cpu.cr0 & Cr0::PE;
    s.long_mode = cpu.mode.long_mode;
    s.code_bits = cpu.mode.code_bits;
    s.code_base = cpu.mode.bits64 ? 0 : cpu.segment[CS].base;
    s.idt_base = cpu.idtr.base;
    s.idt_limit = cpu.idtr.limit;
    return s;
  }
  const Vmcs& v = *cpu.vmx->current;
  const u64 rights = v[Field::GUEST_CS_ACCESS_RIGHTS];
  s.space = AddressSpace::guest_linear;
  s.world = World::non_root;
  s.protected_mode = v[Field::GUEST_CR0] & Cr0::PE;
  s.long_mode = v[Field::VM_ENTRY_CONTROLS] & mask(VmxControl::ia32e_mode_guest);
  s.code_bits = s.long_mode && (rights & Rights::L) ? 64 : rights & Rights::DB ? 32 : 16;
  s.code_base = s.code_bits == 64 ? 0 : v[Field::GUEST_CS_BASE];
  s.idt_base = v[Field::GUEST_IDTR_BASE];
  s.idt_limit = static_cast<u32>(v[Field::GUEST_IDTR_LIMIT]);
  return s;
}

DisassembledInstruction instruction_at(const Cpu& cpu, const Scene& scene, u64 rip) {
  DisassemblyOptions options;
  options.bits = scene.code_bits;
  options.segment_base = scene.code_base;
  const ReadCode read = [&](u64 linear, std::span<u8> bytes) {
    return peek(cpu, scene.space, linear, bytes);
  };
  return disassemble(read, scene.code_base + rip, 1, options).at(0);
}

std::string event_text(const Cpu::FailedDelivery& f) {
  constexpr unsigned first_interrupt = 32;
  const unsigned vector = static_cast<unsigned>(f.vector);
  if (vector >= first_interrupt) return fmt::format("interrupt {:#x}", vector);
  std::string text = vector_text(vector, true);
  if (has_error_code(f.vector)) text += fmt::format("({:#x})", f.error);
  if (f.vector == Vector::PF) text += fmt::format(" for address {:#x}", f.address);
  return text;
}

// A gate that refused: error codes with the bit IDT name it.
std::string gate_failure(const Cpu& cpu, const Scene& s, const Cpu::FailedDelivery& met) {
  const u64 vector = met.error >> 3, bytes = s.long_mode ? 16 : s.protected_mode ? 8 : 4, at = vector * bytes;
  if (at + bytes - 1 > s.idt_limit)
    return fmt::format("the IDT ends before gate {}: IDTR.base is {:#x}, IDTR.limit {:#x}", vector,
                       s.idt_base, s.idt_limit);
  const auto gate = peek_word(cpu, s.space, s.idt_base + at, 8);
  if (!gate) return fmt::format("gate {} at {:#x} cannot be read", vector, s.idt_base + at);
  const u64 type = *gate >> 40 & 0x1f;
  if (met.vector == Vector::NP)
    return fmt::format("gate {} at {:#x} = {:#x} is not present", vector, s.idt_base + at, *gate);
  return fmt::format("gate {} at {:#x} = {:#x} has type {:#x}, which is no interrupt or trap gate", vector,
                     s.idt_base + at, *gate, type);
}

// Why the delivery of an event failed with `met`.
std::string delivery_failure(const Cpu& cpu, const Scene& s, const Cpu::FailedDelivery& met) {
  constexpr u32 of_idt = 2, selector_bits = 0xfffc;
  constexpr u64 present = 1, write = 2;
  switch (met.vector) {
    case Vector::PF:
      if (met.address >= s.idt_base && met.address - s.idt_base <= s.idt_limit)
        return fmt::format("the IDT at {:#x} is not mapped there", s.idt_base);
      return fmt::format("linear {:#x}, a descriptor or the handler's stack, {}{}", met.address,
                         met.error & present ? "may not be " : "is not mapped: it was to be ",
                         met.error & write ? "written" : "read");
    case Vector::SS: return "the handler's stack is beyond its segment's limit, or not canonical";
    case Vector::TS:
      return fmt::format("the TSS or a selector in it, {:#x}, is not valid", met.error & selector_bits);
    case Vector::GP:
    case Vector::NP:
      if (met.error & of_idt || !s.protected_mode) return gate_failure(cpu, s, met);
      if (met.error & selector_bits)
        return fmt::format("the code segment of the gate, selector {:#x}, is {}", met.error & selector_bits,
                           met.vector == Vector::NP ? "not present" : "none that a handler may have");
      return "the gate's selector is 0, or the handler's address is not canonical";
    default: return {};
  }
}

}  // namespace

std::string msr_instruction_text(const Cpu& cpu, FaultedSide side, u64 rip) {
  const Scene scene = scene_of(cpu, side);
  const std::string mnemonic = instruction_at(cpu, scene, rip).mnemonic;
  const bool write = mnemonic == "wrmsr";
  if (!write && mnemonic != "rdmsr") return {};
  const u32 number = static_cast<u32>(cpu.gpr[RCX]);
  const std::string_view name = msr_name(number);
  std::string text = fmt::format("{} of MSR {:#x} ({})", write ? "WRMSR" : "RDMSR", number,
                                 name.empty() ? "no MSR of that number is known" : name);
  const u64 value = cpu.gpr[RDX] << 32 | static_cast<u32>(cpu.gpr[RAX]);
  if (write) text += fmt::format(", value {:#x}", value);
  const MsrInfo* const msr = find_msr(number);
  if (!msr) return text;
  if (!msr->is_present(cpu)) return text + ": this CPU model does not have it";
  constexpr u32 feature_control = 0x3a;
  if (write && number == feature_control && (cpu.msr.feature_control & FeatureControl::lock))
    return text + ": it is locked, bit 0 is 1 already";
  if (write && (value & msr->reserved))
    text += fmt::format(": bits {:#x} are reserved", value & msr->reserved);
  return text;
}

void add_fault_chain(Sheet& sheet, const Cpu& cpu, FaultedSide side, std::string_view indent,
                     const Symbols* symbols) {
  const Scene scene = scene_of(cpu, side);
  const auto begin = [&](std::string_view name, std::string_view title) -> Row& {
    return sheet.row(name).say(fmt::format("{}{:<14} ", indent, title));
  };
  for (unsigned i = 0; i < cpu.shutdown_chain_length; ++i) {
    const Cpu::FailedDelivery& f = cpu.shutdown_chain[i];
    const u64 linear = scene.code_base + f.rip;
    const bool last = i + 1u == cpu.shutdown_chain_length;
    Row& row = begin("fault", i == 0 ? "chain" : "");
    if (i) row.say("then ");
    if (last) row.say(i ? "#DF (double fault), and " : "#DF (double fault), then ");
    row.word("event", event_text(f)).say(i == 0 ? " at " : " while that was delivered, at ");
    row.number("rip", linear,
               fmt::format("{:04x}:{}", f.cs, code_text(linear, scene.world, i ? nullptr : symbols)));
    if (i == 0 && side == FaultedSide::own && symbols) {
      // Nothing was delivered: the stack is as the first event found it.
      if (const std::string callers = call_chain(cpu, *symbols); !callers.empty())
        begin("callers", "").say("  in ").word("callers", callers);
    }
    if (i) {
      if (const std::string why = delivery_failure(cpu, scene, f); !why.empty())
        begin("why_not_delivered", "").say("  because ").word("why", why);
      continue;
    }
    const DisassembledInstruction at = instruction_at(cpu, scene, f.rip);
    const std::string msr = msr_instruction_text(cpu, side, f.rip);
    begin("instruction", "")
        .say("  by ")
        .word("instruction", !msr.empty()          ? msr
                             : at.operands.empty() ? at.mnemonic
                                                   : at.mnemonic + " " + at.operands);
  }
}

Sheet shutdown_sheet(const Cpu& cpu, const Symbols* symbols) {
  Sheet sheet("shutdown");
  if (cpu.activity != Activity::shutdown || cpu.shutdown_chain_length == 0) return sheet;
  sheet.section("shutdown");
  sheet.row("shutdown").say("Shutdown (triple fault): CPU ").count("cpu", cpu.index);
  add_fault_chain(sheet, cpu, FaultedSide::own, "      ", symbols);
  return sheet;
}

}  // namespace ringside
