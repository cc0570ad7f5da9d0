// Owns the rendering of descriptor tables.
#include "frontend/inspect/look_tables.h"

#include <fmt/format.h>

#include <algorithm>

#include "frontend/inspect/look_memory.h"
#include "frontend/inspect/look_registers.h"

namespace ringside {
namespace {

constexpr unsigned most_descriptors = 64;

struct Descriptor {
  u64 low = 0, high = 0;  // `high`: of the 16-byte forms of IA-32e mode
  u32 rights() const { return static_cast<u32>(low >> 40 & 0xf0ff); }
  bool system() const { return !(low >> 44 & 1); }
  bool wide(bool long_mode) const { return long_mode && system() && (low >> 40 & 0x1f) != 0; }
  u64 base() const { return (low >> 16 & 0xffffff) | (low >> 56 << 24) | (high << 32); }
  u32 limit() const {
    const u32 raw = static_cast<u32>((low & 0xffff) | (low >> 32 & 0xf0000));
    return low >> 55 & 1 ? raw << 12 | 0xfff : raw;
  }
};

// Type 5 of call gates and the like, which segments other than LDT and TSS have.
bool gate(const Descriptor& d) {
  const unsigned type = d.low >> 40 & 0xf;
  return d.system() &&
         (type == 4 || type == 5 || type == 6 || type == 7 || type == 12 || type == 14 || type == 15);
}

std::string descriptors_text(const Cpu& cpu, std::string_view name, u64 base, u32 limit, unsigned table_bit) {
  std::string text = fmt::format("{} at {:#x}, limit {:#x}\n", name, base, limit);
  constexpr u32 most = 0xffff;
  const u32 last = std::min(limit, most);
  unsigned shown = 0;
  for (u32 at = 0; at + 7 <= last; at += 8) {
    // A VM exit leaves the limit at ffff: what follows the table is no table.
    if (shown == most_descriptors) return text + fmt::format("  ... not shown: {:04x} to the limit\n", at);
    Descriptor d;
    const auto low = peek_word(cpu, AddressSpace::linear, base + at, 8);
    if (!low) {
      std::string why;
      locate(cpu, AddressSpace::linear, base + at, &why);
      return text + fmt::format("  {:04x}  cannot be read: {}\n", at | table_bit, why);
    }
    d.low = *low;
    if (d.low == 0) continue;
    ++shown;
    const u32 selector = at | table_bit;
    const bool wide = d.wide(cpu.mode.long_mode);
    if (wide && at + 15 <= last) d.high = peek_word(cpu, AddressSpace::linear, base + at + 8, 8).value_or(0);
    const std::string rights = rights_text(d.rights(), cpu.mode.long_mode);
    if (gate(d))
      text += fmt::format("  {:04x}  {:04x}:{:x}  {}\n", selector, d.low >> 16 & 0xffff,
                          (d.low & 0xffff) | (d.low >> 48 << 16) | (d.high << 32), rights);
    else
      text += fmt::format("  {:04x}  base {:#x}, limit {:#x}  {}\n", selector, d.base(), d.limit(), rights);
    if (wide) at += 8;
  }
  return text;
}

std::string real_mode_vectors(const Cpu& cpu) {
  std::string text = fmt::format("interrupt vectors at {:#x}, limit {:#x}\n", cpu.idtr.base, cpu.idtr.limit);
  for (unsigned n = 0; n < 256 && 4 * n + 3 <= cpu.idtr.limit; ++n) {
    const auto entry = peek_word(cpu, AddressSpace::linear, cpu.idtr.base + 4 * n, 4);
    if (entry && *entry) text += fmt::format("  {:02x}  {:04x}:{:04x}\n", n, *entry >> 16, *entry & 0xffff);
  }
  return text;
}

}  // namespace

std::string gdt_text(const Cpu& cpu) {
  return descriptors_text(cpu, "GDT", cpu.gdtr.base, cpu.gdtr.limit, 0);
}

std::string ldt_text(const Cpu& cpu) {
  const Segment& ldt = cpu.segment[LDTR];
  if (!ldt.usable() || !ldt.present() || !(ldt.selector & ~7)) return "no LDT is loaded\n";
  return descriptors_text(cpu, "LDT", ldt.base, ldt.limit, 4);
}

std::string idt_text(const Cpu& cpu, const Symbols* symbols) {
  if (!(cpu.cr0 & Cr0::PE)) return real_mode_vectors(cpu);
  const unsigned size = cpu.mode.long_mode ? 16 : 8;
  std::string text = fmt::format("IDT at {:#x}, limit {:#x}\n", cpu.idtr.base, cpu.idtr.limit);
  for (unsigned n = 0; n < 256 && size * n + size - 1 <= cpu.idtr.limit; ++n) {
    const u64 at = cpu.idtr.base + u64{size} * n;
    const auto low = peek_word(cpu, AddressSpace::linear, at, 8);
    const auto high = size == 16 ? peek_word(cpu, AddressSpace::linear, at + 8, 8) : 0;
    if (!low || !high) {
      std::string why;
      locate(cpu, AddressSpace::linear, at, &why);
      return text + fmt::format("  {:02x}  cannot be read: {}\n", n, why);
    }
    if (*low == 0 && *high == 0) continue;
    const u64 offset = (*low & 0xffff) | (*low >> 48 << 16) | (*high << 32);
    const u32 rights = static_cast<u32>(*low >> 40 & 0xff);
    text += fmt::format("  {:02x}  {:04x}:{:016x}  {}", n, *low >> 16 & 0xffff, offset,
                        rights_text(rights, cpu.mode.long_mode));
    if (size == 16 && (*low >> 32 & 7)) text += fmt::format(", IST {}", *low >> 32 & 7);
    if (symbols) {
      if (const std::string name = symbols->text(offset, world_of(cpu)); !name.empty())
        text += fmt::format("  <{}>", name);
    }
    text += "\n";
  }
  return text;
}

std::string tss_text(const Cpu& cpu) {
  const Segment& tr = cpu.segment[TR];
  if (!(tr.selector & ~3) && !cpu.non_root) return "no TSS is loaded\n";
  std::string text = fmt::format("TSS {:04x} at {:#x}, limit {:#x}  {}\n", tr.selector, tr.base, tr.limit,
                                 rights_text(tr.rights, cpu.mode.long_mode));
  const auto word = [&](u32 offset, unsigned size) -> std::string {
    if (offset + size - 1 > tr.limit) return "beyond the limit";
    const auto value = peek_word(cpu, AddressSpace::linear, tr.base + offset, size);
    return value ? fmt::format("{:#x}", *value) : "cannot be read";
  };
  const unsigned type = tr.type() & ~2u;  // without "busy"
  if (cpu.mode.long_mode) {
    for (unsigned n = 0; n < 3; ++n) text += fmt::format("  RSP{} {}\n", n, word(4 + 8 * n, 8));
    for (unsigned n = 1; n < 8; ++n) text += fmt::format("  IST{} {}\n", n, word(28 + 8 * n, 8));
    return text + fmt::format("  I/O map base {}\n", word(102, 2));
  }
  const bool wide = type == 9;
  for (unsigned n = 0; n < 3; ++n) {
    text += wide ? fmt::format("  SS{}:ESP{} {}:{}\n", n, n, word(8 + 8 * n, 2), word(4 + 8 * n, 4))
                 : fmt::format("  SS{}:SP{} {}:{}\n", n, n, word(4 + 4 * n, 2), word(2 + 4 * n, 2));
  }
  text += fmt::format("  previous task {}\n", word(0, 2));
  if (wide)
    text += fmt::format("  CR3 {}\n  EIP {}\n  I/O map base {}\n", word(28, 4), word(32, 4), word(102, 2));
  return text;
}

}  // namespace ringside
