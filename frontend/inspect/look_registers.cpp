// Owns registers as values for people and programs.
#include "frontend/inspect/look_registers.h"

#include <fmt/format.h>

#include <cctype>
#include <cmath>

#include "cpu/state/debug_breakpoint.h"
#include "cpu/state/msrs.h"
#include "cpu/state/register_table.h"
#include "frontend/inspect/look_memory.h"
#include "vmx/explain_rule.h"

namespace ringside {
namespace {

std::string upper(std::string_view text) {
  std::string out;
  for (const char c : text) out += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return out;
}

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

Sheet general_registers_sheet(const Cpu& cpu, const Symbols* symbols) {
  Sheet sheet("general");
  sheet.section("general");
  const bool wide = cpu.mode.bits64 || cpu.mode.long_mode;
  const int digits = wide ? 16 : 8;
  for (const RegisterInfo& row : register_table()) {
    if (row.group != RegisterGroup::general || !row.is_present(cpu)) continue;
    if (row.name == "rip") {
      Row& rip = sheet.row("rip");
      rip.say("RIP ").hex("value", cpu.rip, digits).to(Link::To::linear, linear_rip(cpu));
      const std::string name = symbols ? symbols->text(linear_rip(cpu), world_of(cpu), true) : "";
      if (!name.empty()) rip.say("  <").word("symbol", name).to(Link::To::linear, linear_rip(cpu)).say(">");
    } else if (row.name == "rflags") {
      sheet.row("rflags")
          .say("RFLAGS ")
          .hex("value", cpu.eflags(), 8)
          .say("  ")
          .names("bits", set_bits(row.bits_of, cpu.eflags()));
    } else if (wide || row.index < 8) {
      Row& one = sheet.row(row.name);
      one.say(fmt::format("{:<4}", upper(row.name))).hex("value", row.read(cpu), digits);
      if (row.index % 4 != 3) one.say("  ").go_on();
    }
  }
  return sheet;
}

namespace {

// "CR0  0000000000000011  PE ET".
Row& plain_row(Sheet& sheet, const Cpu& cpu, const RegisterInfo& row, int digits) {
  Row& one = sheet.row(row.name);
  one.say(fmt::format("{:<4} ", upper(row.name))).hex("value", row.read(cpu), digits);
  if (!row.bits_of.empty()) one.say("  ").names("bits", set_bits(row.bits_of, row.read(cpu)));
  return one;
}

std::vector<std::string> events_of(const Cpu& cpu) {
  std::vector<std::string> all;
  if (cpu.interrupt_shadow & Shadow::sti) all.emplace_back("blocking by STI");
  if (cpu.interrupt_shadow & Shadow::mov_ss) all.emplace_back("blocking by MOV SS");
  if (cpu.nmi_blocked) all.emplace_back("blocking by NMI");
  if (cpu.nmi_pending) all.emplace_back("an NMI waits");
  return all;
}

}  // namespace

Sheet control_registers_sheet(const Cpu& cpu) {
  Sheet sheet("control");
  sheet.section("control");
  for (const RegisterInfo& row : register_table()) {
    if (row.group != RegisterGroup::control || !row.is_present(cpu)) continue;
    Row& one = plain_row(sheet, cpu, row, row.bits == 32 ? 8 : 16);
    if (row.name == "cr3") {
      one.say("  paging ").word("paging", paging_name(cpu));
      if (cpu.cr4 & Cr4::PCIDE) one.say(", PCID ").count("pcid", cpu.cr3 & Cr3::pcid);
      if (cpu.cr3 & Cr3::LAM_U57)
        one.say(", LAM57 of user pointers");
      else if (cpu.cr3 & Cr3::LAM_U48)
        one.say(", LAM48 of user pointers");
    }
    if (row.name == "cr8") one.say("  task priority");
  }
  Row& mode = sheet.row("mode");
  mode.word("mode", mode_name(cpu)).say(", CPL ").count("cpl", cpu.cpl);
  const std::vector<std::string> events = events_of(cpu);
  for (const std::string& event : events) mode.say(", " + event);
  return mode.quiet("events", events), sheet;
}

Sheet segments_sheet(const Cpu& cpu) {
  Sheet sheet("segments");
  sheet.section("segments");
  sheet.row().say("     sel  base              limit     rights");
  for (const RegisterInfo& row : register_table()) {
    if (row.group != RegisterGroup::segment || row.name.find('.') != row.name.npos) continue;
    const Segment& s = cpu.segment[row.index];
    sheet.row(row.name)
        .say(fmt::format("{:<4} ", upper(row.name)))
        .hex("selector", s.selector, 4)
        .say(" ")
        .hex("base", s.base, 16)
        .to(Link::To::linear, s.base)
        .say("  ")
        .hex("limit", s.limit, 8)
        .say("  ")
        .hex("rights", s.rights, 5)
        .say("  ")
        .word("meaning", rights_text(s.rights, cpu.mode.long_mode));
  }
  const auto table = [&](std::string_view name, const Cpu::Table& t) {
    sheet.row(name)
        .say(fmt::format("{:<10}", upper(name)))
        .hex("base", t.base, 16)
        .to(Link::To::linear, t.base)
        .say("  ")
        .hex("limit", t.limit, 8);
  };
  table("gdtr", cpu.gdtr);
  table("idtr", cpu.idtr);
  return sheet;
}

Sheet debug_registers_sheet(const Cpu& cpu) {
  constexpr std::string_view kinds[4] = {"execution", "write", "I/O", "read or write"};
  Sheet sheet("debug");
  sheet.section("debug");
  for (const RegisterInfo& row : register_table()) {
    if (row.group != RegisterGroup::debug) continue;
    Row& one = plain_row(sheet, cpu, row, 16);
    if (row.index > 3) continue;
    if (const DebugBreakpoint b = debug_breakpoint(cpu, row.index); b.enabled) {
      one.say("  ")
          .word("breakpoint", kinds[b.kind])
          .say(cpu.dr7 >> (2 * row.index) & 2 ? ", global, " : ", local, ")
          .count("bytes", b.bytes)
          .say(b.bytes == 1 ? " byte" : " bytes");
    }
  }
  return sheet;
}

Sheet msrs_sheet(const Cpu& cpu) {
  Sheet sheet("msrs");
  sheet.section("msrs");
  for (const MsrInfo& msr : msr_table()) {
    const auto value = peek_msr(cpu, msr);
    const bool own = msr.member || !msr.bits.empty() || msr.number == msr_number::IA32_FS_BASE ||
                     msr.number == msr_number::IA32_GS_BASE;
    if (!value || !own) continue;
    Row& row = sheet.row(msr.name);
    row.say(fmt::format("{:<32} ", msr.name)).hex("msr", msr.number, 8).say("  ").hex("value", *value, 16);
    if (!msr.bits.empty()) row.say("  ").names("bits", set_bits(msr.name, *value));
  }
  return sheet;
}

namespace {

constexpr std::string_view rounding_names[4] = {"nearest", "down", "up", "toward zero"};

// Of exceptions: those of the six lowest bits that are set, without the M of a mask's name.
void exceptions(Row& row, std::string_view called, u64 bits) {
  constexpr std::string_view names[6] = {"IE", "DE", "ZE", "OE", "UE", "PE"};
  std::vector<std::string> set;
  for (unsigned n = 0; n < 6; ++n) {
    if (!(bits >> n & 1)) continue;
    row.say(fmt::format(" {}", names[n]));
    set.emplace_back(names[n]);
  }
  row.quiet(called, set);
}

}  // namespace

Sheet x87_sheet(const Cpu& cpu) {
  const X87State& x = cpu.x87;
  constexpr std::string_view precision[4] = {"24 bits", "reserved", "53 bits", "64 bits"};
  Sheet sheet("x87");
  sheet.section("x87");
  Row& control = sheet.row("fcw");
  control.say("FCW ").hex("value", x.control, 4).say("  precision ");
  control.word("precision", precision[x.control >> 8 & 3]).say(", rounding ");
  control.word("rounding", rounding_names[x.control >> 10 & 3]).say(", masked:");
  exceptions(control, "masked", x.control);
  Row& status = sheet.row("fsw");
  status.say("FSW ").hex("value", x.status_word(), 4).say("  TOP ").count("top", x.top);
  status.say(fmt::format(", C3-C0 {}{}{}{}, raised:", x.status >> 14 & 1, x.status >> 10 & 1,
                         x.status >> 9 & 1, x.status >> 8 & 1));
  exceptions(status, "raised", x.status);
  Row& last = sheet.row("last");
  last.say("FOP ").hex("fop", x.opcode, 3).say("  FIP ").hex("fcs", x.code_selector, 4).say(":");
  last.number("fip", x.instruction_pointer, fmt::format("{:x}", x.instruction_pointer)).say("  FDP ");
  last.hex("fds", x.data_selector, 4).say(":");
  last.number("fdp", x.data_pointer, fmt::format("{:x}", x.data_pointer));
  for (unsigned n = 0; n < 8; ++n) {
    const unsigned at = (x.top + n) & 7;
    const X87Register& r = x.physical[at];
    Row& row = sheet.row(fmt::format("st{}", n));
    row.say(fmt::format("ST({}) R", n))
        .count("physical", at)
        .say("  ")
        .hex("sign_exponent", r.sign_exponent, 4);
    row.say(" ").hex("significand", r.significand, 16).say("  ");
    row.word("value", x.valid >> at & 1 ? number_text(r) : "empty");
  }
  for (unsigned n = 0; n < 8; ++n) {
    Row& row = sheet.row(fmt::format("mm{}", n));
    row.say(fmt::format("MM{} ", n)).hex("value", x.physical[n].significand, 16);
    if (n % 4 != 3) row.say("  ").go_on();
  }
  return sheet;
}

Sheet vector_sheet(const Cpu& cpu) {
  const u32 mxcsr = cpu.vector.mxcsr;
  Sheet sheet("vector");
  sheet.section("vector");
  sheet.row("mxcsr")
      .say("MXCSR ")
      .hex("value", mxcsr, 8)
      .say("  rounding ")
      .word("rounding", rounding_names[mxcsr >> 13 & 3])
      .say(mxcsr & 0x8000 ? ", FTZ" : "")
      .say(mxcsr & 0x40 ? ", DAZ" : "")
      .quiet("bits", set_bits("MXCSR", mxcsr));
  for (const RegisterInfo& reg : register_table()) {
    if (reg.group != RegisterGroup::vector || reg.bits < 128) continue;
    if (!reg.is_present(cpu) || (!cpu.mode.bits64 && reg.index >= 8)) continue;
    Row& row = sheet.row(reg.name);
    row.say(fmt::format("{:<5} ", upper(reg.name)));
    for (unsigned word = reg.bits / 64; word-- > 0;)
      row.hex(fmt::format("q{}", word), reg.read(cpu, word), 16).say(word ? "_" : "");
  }
  return sheet;
}

Sheet registers_sheet(const Cpu& cpu, const Symbols* symbols) {
  Sheet all("registers");
  all.add(general_registers_sheet(cpu, symbols));
  all.add(control_registers_sheet(cpu));
  all.add(segments_sheet(cpu));
  all.add(debug_registers_sheet(cpu));
  return all;
}

}  // namespace ringside
