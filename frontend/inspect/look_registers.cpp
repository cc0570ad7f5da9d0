// Owns the rendering of registers.
#include "frontend/inspect/look_registers.h"

#include <fmt/format.h>

#include <cmath>

#include "cpu/state/debug_breakpoint.h"
#include "cpu/state/msrs.h"
#include "frontend/inspect/look_memory.h"
#include "vmx/explain_rule.h"

namespace ringside {
namespace {

constexpr std::string_view gpr_names[16] = {"RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI",
                                            "R8",  "R9",  "R10", "R11", "R12", "R13", "R14", "R15"};
constexpr std::string_view segment_names[8] = {"ES", "CS", "SS", "DS", "FS", "GS", "LDTR", "TR"};

std::string_view paging_name(const Cpu& cpu) {
  if (!(cpu.cr0 & Cr0::PG)) return "off";
  if (cpu.efer & Efer::LMA) return cpu.cr4 & Cr4::LA57 ? "5-level" : "4-level";
  return cpu.cr4 & Cr4::PAE ? "PAE" : "32-bit";
}

std::string_view system_type(unsigned type, bool long_mode) {
  switch (type) {
    case 1: return "16-bit TSS";
    case 2: return "LDT";
    case 3: return "busy 16-bit TSS";
    case 4: return "16-bit call gate";
    case 5: return "task gate";
    case 6: return "16-bit interrupt gate";
    case 7: return "16-bit trap gate";
    case 9: return long_mode ? "64-bit TSS" : "32-bit TSS";
    case 11: return long_mode ? "busy 64-bit TSS" : "busy 32-bit TSS";
    case 12: return long_mode ? "64-bit call gate" : "32-bit call gate";
    case 14: return long_mode ? "64-bit interrupt gate" : "32-bit interrupt gate";
    case 15: return long_mode ? "64-bit trap gate" : "32-bit trap gate";
    default: return "reserved";
  }
}

// For people; the bits stand beside it.
std::string number_text(const X87Register& r) {
  constexpr int bias = 16383, highest = 0x7fff, fraction_bits = 63;
  const int exponent = r.sign_exponent & highest;
  const char sign = r.sign_exponent & 0x8000 ? '-' : '+';
  const bool integer_bit = r.significand >> fraction_bits;
  if (exponent == highest) {
    if (!integer_bit) return "unsupported";
    if (!(r.significand << 1)) return fmt::format("{}infinity", sign);
    return r.significand & bit(62) ? "QNaN" : "SNaN";
  }
  if (r.significand == 0) return exponent ? "unsupported" : fmt::format("{}0", sign);
  if (exponent != 0 && !integer_bit) return "unsupported";
  const double value =
      std::ldexp(static_cast<double>(r.significand), (exponent ? exponent : 1) - bias - fraction_bits);
  if (value == 0 || std::isinf(value))
    return fmt::format("{}2^{} * {:.6f}", sign, exponent - bias,
                       std::ldexp(static_cast<double>(r.significand), -fraction_bits));
  return fmt::format("{}{:.17g}{}", sign, value, exponent ? "" : " (denormal)");
}

}  // namespace

std::string bits_of(Field like, u64 value) {
  std::string text;
  for (unsigned n = 0; n < 64; ++n) {
    if (!(value >> n & 1)) continue;
    if (like == Field::GUEST_RFLAGS && (n == 1 || n == 12 || n == 13)) continue;  // reserved 1, IOPL
    if (!text.empty()) text += ' ';
    const std::string_view name = bit_name(like, n);
    text += name.empty() ? fmt::format("bit{}", n) : std::string(name);
  }
  if (like == Field::GUEST_RFLAGS) text += fmt::format("{}IOPL={}", text.empty() ? "" : " ", value >> 12 & 3);
  return text.empty() ? "-" : text;
}

std::string rights_text(u32 rights, bool long_mode) {
  if (rights & Rights::unusable) return "unusable";
  std::string text;
  if (!(rights & Rights::S)) {
    text = system_type(rights & Rights::type, long_mode);
  } else if (rights & Rights::code) {
    text = rights & Rights::readable ? "code, execute/read" : "code, execute only";
    if (rights & Rights::conforming) text += ", conforming";
    text += rights & Rights::L ? ", 64-bit" : rights & Rights::DB ? ", 32-bit" : ", 16-bit";
  } else {
    text = rights & Rights::writable ? "data, read/write" : "data, read only";
    if (rights & Rights::expand_down) text += ", expand down";
  }
  if ((rights & Rights::S) && (rights & Rights::accessed)) text += ", accessed";
  text += fmt::format(", DPL {}", rights >> Rights::dpl_shift & 3);
  if (!(rights & Rights::P)) text += ", not present";
  return text;
}

std::string_view mode_name(const Cpu& cpu) {
  if (cpu.mode.bits64) return "64-bit mode";
  if (cpu.mode.v86) return "virtual-8086 mode";
  if (!(cpu.cr0 & Cr0::PE)) return "real mode";
  if (cpu.mode.long_mode)
    return cpu.mode.code_bits == 16 ? "compatibility mode, 16-bit" : "compatibility mode";
  return cpu.mode.code_bits == 16 ? "protected mode, 16-bit" : "protected mode";
}

std::string general_registers_text(const Cpu& cpu, const Symbols* symbols) {
  std::string text;
  const unsigned count = cpu.mode.bits64 || cpu.mode.long_mode ? 16 : 8;
  const int digits = count == 16 ? 16 : 8;
  for (unsigned n = 0; n < count; ++n)
    text += fmt::format("{:<4}{:0{}x}{}", gpr_names[n], cpu.gpr[n], digits, n % 4 == 3 ? "\n" : "  ");
  text += fmt::format("RIP {:0{}x}", cpu.rip, digits);
  if (symbols) {
    if (const std::string name = symbols->text(linear_rip(cpu), world_of(cpu), true); !name.empty())
      text += fmt::format("  <{}>", name);
  }
  return text +
         fmt::format("\nRFLAGS {:08x}  {}\n", cpu.eflags(), bits_of(Field::GUEST_RFLAGS, cpu.eflags()));
}

std::string control_registers_text(const Cpu& cpu) {
  std::string text = fmt::format("CR0  {:016x}  {}\n", cpu.cr0, bits_of(Field::GUEST_CR0, cpu.cr0));
  text += fmt::format("CR2  {:016x}\n", cpu.cr2);
  text += fmt::format("CR3  {:016x}  paging {}", cpu.cr3, paging_name(cpu));
  if (cpu.cr4 & Cr4::PCIDE) text += fmt::format(", PCID {}", cpu.cr3 & Cr3::pcid);
  text += fmt::format("\nCR4  {:016x}  {}\n", cpu.cr4, bits_of(Field::GUEST_CR4, cpu.cr4));
  if (cpu.interrupts) text += fmt::format("CR8  {:016x}  task priority\n", cpu.interrupts->task_priority());
  text += fmt::format("EFER {:016x}  {}\n", cpu.efer, bits_of(Field::GUEST_IA32_EFER, cpu.efer));
  text += fmt::format("XCR0 {:016x}\n", cpu.xcr0);
  if (cpu.cr4 & Cr4::PKE) text += fmt::format("PKRU {:08x}\n", cpu.pkru);
  std::string events;
  if (cpu.interrupt_shadow & Shadow::sti) events += ", blocking by STI";
  if (cpu.interrupt_shadow & Shadow::mov_ss) events += ", blocking by MOV SS";
  if (cpu.nmi_blocked) events += ", blocking by NMI";
  if (cpu.nmi_pending) events += ", an NMI waits";
  return text + fmt::format("{}, CPL {}{}\n", mode_name(cpu), cpu.cpl, events);
}

std::string segments_text(const Cpu& cpu) {
  std::string text = "     sel  base              limit     rights\n";
  for (unsigned n = 0; n < 8; ++n) {
    const Segment& s = cpu.segment[n];
    text += fmt::format("{:<4} {:04x} {:016x}  {:08x}  {:05x}  {}\n", segment_names[n], s.selector, s.base,
                        s.limit, s.rights, rights_text(s.rights, cpu.mode.long_mode));
  }
  text += fmt::format("GDTR      {:016x}  {:08x}\n", cpu.gdtr.base, cpu.gdtr.limit);
  return text + fmt::format("IDTR      {:016x}  {:08x}\n", cpu.idtr.base, cpu.idtr.limit);
}

std::string debug_registers_text(const Cpu& cpu) {
  constexpr std::string_view kinds[4] = {"execution", "write", "I/O", "read or write"};
  std::string text;
  for (unsigned n = 0; n < 4; ++n) {
    text += fmt::format("DR{}  {:016x}", n, cpu.dr[n]);
    if (const DebugBreakpoint b = debug_breakpoint(cpu, n); b.enabled) {
      text += fmt::format("  {}{}, {} byte{}", kinds[b.kind], cpu.dr7 >> (2 * n) & 2 ? ", global" : ", local",
                          b.bytes, b.bytes == 1 ? "" : "s");
    }
    text += "\n";
  }
  text += fmt::format("DR6  {:016x}", cpu.dr6);
  constexpr struct {
    u64 bit;
    std::string_view name;
  } causes[] = {{Dr6::B0, "B0"}, {Dr6::B1, "B1"}, {Dr6::B2, "B2"}, {Dr6::B3, "B3"},
                {Dr6::BD, "BD"}, {Dr6::BS, "BS"}, {Dr6::BT, "BT"}};
  for (const auto& cause : causes) {
    if (cpu.dr6 & cause.bit) text += fmt::format("  {}", cause.name);
  }
  return text + fmt::format("\nDR7  {:016x}{}\n", cpu.dr7, cpu.dr7 & Dr7::GD ? "  GD" : "");
}

std::string msrs_text(const Cpu& cpu) {
  std::string text;
  for (const MsrInfo& msr : msr_table()) {
    if (!msr.member || (msr.present && cpu.model && !msr.present(*cpu.model))) continue;
    text += fmt::format("{:<32} {:08x}  {:016x}\n", msr.name, msr.number, cpu.msr.*msr.member);
  }
  text +=
      fmt::format("{:<32} {:08x}  {:016x}\n", "IA32_FS_BASE", msr_number::IA32_FS_BASE, cpu.segment[FS].base);
  return text + fmt::format("{:<32} {:08x}  {:016x}\n", "IA32_GS_BASE", msr_number::IA32_GS_BASE,
                            cpu.segment[GS].base);
}

std::string x87_text(const Cpu& cpu) {
  const X87State& x = cpu.x87;
  constexpr std::string_view exceptions[6] = {"IE", "DE", "ZE", "OE", "UE", "PE"};
  constexpr std::string_view rounding[4] = {"nearest", "down", "up", "toward zero"};
  constexpr std::string_view precision[4] = {"24 bits", "reserved", "53 bits", "64 bits"};
  std::string text = fmt::format("FCW {:04x}  precision {}, rounding {}, masked:", x.control,
                                 precision[x.control >> 8 & 3], rounding[x.control >> 10 & 3]);
  for (unsigned n = 0; n < 6; ++n) {
    if (x.control >> n & 1) text += fmt::format(" {}", exceptions[n]);
  }
  text += fmt::format("\nFSW {:04x}  TOP {}, C3-C0 {}{}{}{}, raised:", x.status_word(), x.top,
                      x.status >> 14 & 1, x.status >> 10 & 1, x.status >> 9 & 1, x.status >> 8 & 1);
  for (unsigned n = 0; n < 6; ++n) {
    if (x.status >> n & 1) text += fmt::format(" {}", exceptions[n]);
  }
  text += fmt::format("\nFOP {:03x}  FIP {:04x}:{:x}  FDP {:04x}:{:x}\n", x.opcode, x.code_selector,
                      x.instruction_pointer, x.data_selector, x.data_pointer);
  for (unsigned n = 0; n < 8; ++n) {
    const unsigned at = (x.top + n) & 7;
    const X87Register& r = x.physical[at];
    text += fmt::format("ST({}) R{}  {:04x} {:016x}  {}\n", n, at, r.sign_exponent, r.significand,
                        x.valid >> at & 1 ? number_text(r) : "empty");
  }
  for (unsigned n = 0; n < 8; ++n)
    text += fmt::format("MM{} {:016x}{}", n, x.physical[n].significand, n % 4 == 3 ? "\n" : "  ");
  return text;
}

std::string vector_text(const Cpu& cpu) {
  constexpr std::string_view rounding[4] = {"nearest", "down", "up", "toward zero"};
  const u32 mxcsr = cpu.vector.mxcsr;
  std::string text = fmt::format("MXCSR {:08x}  rounding {}{}{}\n", mxcsr, rounding[mxcsr >> 13 & 3],
                                 mxcsr & 0x8000 ? ", FTZ" : "", mxcsr & 0x40 ? ", DAZ" : "");
  const unsigned count = cpu.mode.bits64 ? 16 : 8;
  for (unsigned n = 0; n < count; ++n)
    text += fmt::format("XMM{:<2} {:016x}_{:016x}\n", n, cpu.vector.xmm[n].q[1], cpu.vector.xmm[n].q[0]);
  return text;
}

std::string registers_text(const Cpu& cpu, const Symbols* symbols) {
  return general_registers_text(cpu, symbols) + control_registers_text(cpu) + segments_text(cpu) +
         debug_registers_text(cpu);
}

}  // namespace ringside
