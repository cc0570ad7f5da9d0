// Owns descriptor tables as values.
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

void unreadable(Row& row, const Cpu& cpu, u64 address) {
  std::string why;
  locate(cpu, AddressSpace::linear, address, &why);
  row.say("  cannot be read: ").word("unreadable", why);
}

void descriptor_row(Row& row, const Cpu& cpu, const Descriptor& d) {
  const std::string rights = rights_text(d.rights(), cpu.mode.long_mode);
  row.say("  ");
  if (gate(d)) {
    const u64 offset = (d.low & 0xffff) | (d.low >> 48 << 16) | (d.high << 32);
    row.hex("target", d.low >> 16 & 0xffff, 4).say(":").number("offset", offset, fmt::format("{:x}", offset));
  } else {
    row.say("base ").hex("base", d.base()).to(Link::To::linear, d.base()).say(", limit ");
    row.hex("limit", d.limit());
  }
  row.say("  ").word("meaning", rights).quiet("rights", d.rights());
}

Sheet descriptors_sheet(const Cpu& cpu, std::string_view id, std::string_view name, u64 base, u32 limit,
                        unsigned table_bit) {
  Sheet sheet(id);
  sheet.section("table");
  sheet.row(id)
      .say(name)
      .say(" at ")
      .hex("base", base)
      .to(Link::To::linear, base)
      .say(", limit ")
      .hex("limit", limit);
  sheet.section("descriptors");
  constexpr u32 most = 0xffff;
  const u32 last = std::min(limit, most);
  unsigned shown = 0;
  for (u32 at = 0; at + 7 <= last; at += 8) {
    // A VM exit leaves the limit at ffff: what follows the table is no table.
    if (shown == most_descriptors) {
      sheet.row().say(fmt::format("  ... not shown: {:04x} to the limit", at)).quiet("not_shown_from", at);
      break;
    }
    Descriptor d;
    const auto low = peek_word(cpu, AddressSpace::linear, base + at, 8);
    if (low && *low == 0) continue;
    Row& row = sheet.row();
    row.say("  ").hex("selector", at | table_bit, 4);
    if (!low) {
      unreadable(row, cpu, base + at);
      break;
    }
    d.low = *low;
    ++shown;
    const bool wide = d.wide(cpu.mode.long_mode);
    if (wide && at + 15 <= last) d.high = peek_word(cpu, AddressSpace::linear, base + at + 8, 8).value_or(0);
    descriptor_row(row, cpu, d);
    if (wide) at += 8;
  }
  return sheet;
}

Sheet real_mode_vectors(const Cpu& cpu) {
  Sheet sheet("idt");
  sheet.section("table");
  sheet.row("idt")
      .say("interrupt vectors at ")
      .hex("base", cpu.idtr.base)
      .say(", limit ")
      .hex("limit", cpu.idtr.limit);
  sheet.section("vectors");
  for (unsigned n = 0; n < 256 && 4 * n + 3 <= cpu.idtr.limit; ++n) {
    const auto entry = peek_word(cpu, AddressSpace::linear, cpu.idtr.base + 4 * n, 4);
    if (entry && *entry)
      sheet.row()
          .say("  ")
          .hex("vector", n, 2)
          .say("  ")
          .hex("target", *entry >> 16, 4)
          .say(":")
          .hex("offset", *entry & 0xffff, 4);
  }
  return sheet;
}

Sheet only_words(std::string_view name, std::string_view words) {
  Sheet sheet(name);
  sheet.row().say(words);
  return sheet;
}

// A word of the task-state segment.
void tss_word(Row& row, const Cpu& cpu, std::string_view name, u32 offset, unsigned size) {
  const Segment& tr = cpu.segment[TR];
  if (offset + size - 1 > tr.limit) {
    row.word(name, "beyond the limit");
    return;
  }
  const auto value = peek_word(cpu, AddressSpace::linear, tr.base + offset, size);
  if (value)
    row.hex(name, *value);
  else
    row.word(name, "cannot be read");
}

}  // namespace

Sheet gdt_sheet(const Cpu& cpu) {
  return descriptors_sheet(cpu, "gdt", "GDT", cpu.gdtr.base, cpu.gdtr.limit, 0);
}

Sheet ldt_sheet(const Cpu& cpu) {
  const Segment& ldt = cpu.segment[LDTR];
  if (!ldt.usable() || !ldt.present() || !(ldt.selector & ~7)) return only_words("ldt", "no LDT is loaded");
  return descriptors_sheet(cpu, "ldt", "LDT", ldt.base, ldt.limit, 4);
}

Sheet idt_sheet(const Cpu& cpu, const Symbols* symbols) {
  if (!(cpu.cr0 & Cr0::PE)) return real_mode_vectors(cpu);
  const unsigned size = cpu.mode.long_mode ? 16 : 8;
  Sheet sheet("idt");
  sheet.section("table");
  sheet.row("idt").say("IDT at ").hex("base", cpu.idtr.base).to(Link::To::linear, cpu.idtr.base);
  sheet.sections.back().rows.back().say(", limit ").hex("limit", cpu.idtr.limit);
  sheet.section("vectors");
  for (unsigned n = 0; n < 256 && size * n + size - 1 <= cpu.idtr.limit; ++n) {
    const u64 at = cpu.idtr.base + u64{size} * n;
    const auto low = peek_word(cpu, AddressSpace::linear, at, 8);
    const auto high = size == 16 ? peek_word(cpu, AddressSpace::linear, at + 8, 8) : 0;
    if (low && high && *low == 0 && *high == 0) continue;
    Row& row = sheet.row();
    row.say("  ").hex("vector", n, 2);
    if (!low || !high) {
      unreadable(row, cpu, at);
      break;
    }
    const u64 offset = (*low & 0xffff) | (*low >> 48 << 16) | (*high << 32);
    row.say("  ").hex("target", *low >> 16 & 0xffff, 4).say(":").hex("offset", offset, 16);
    row.to(Link::To::linear, offset).say("  ");
    row.word("meaning", rights_text(static_cast<u32>(*low >> 40 & 0xff), cpu.mode.long_mode));
    if (size == 16 && (*low >> 32 & 7)) row.say(", IST ").count("ist", *low >> 32 & 7);
    const std::string name = symbols ? symbols->text(offset, world_of(cpu)) : "";
    if (!name.empty()) row.say("  <").word("symbol", name).say(">");
  }
  return sheet;
}

Sheet tss_sheet(const Cpu& cpu) {
  const Segment& tr = cpu.segment[TR];
  if (!(tr.selector & ~3) && !cpu.non_root) return only_words("tss", "no TSS is loaded");
  Sheet sheet("tss");
  sheet.section("table");
  sheet.row("tss")
      .say("TSS ")
      .hex("selector", tr.selector, 4)
      .say(" at ")
      .hex("base", tr.base)
      .to(Link::To::linear, tr.base)
      .say(", limit ")
      .hex("limit", tr.limit)
      .say("  ")
      .word("meaning", rights_text(tr.rights, cpu.mode.long_mode));
  sheet.section("words");
  const auto word = [&](std::string_view id, std::string_view name, u32 offset, unsigned size) {
    Row& row = sheet.row(id);
    row.say(fmt::format("  {} ", name));
    tss_word(row, cpu, "value", offset, size);
  };
  const unsigned type = tr.type() & ~2u;  // without "busy"
  if (cpu.mode.long_mode) {
    for (unsigned n = 0; n < 3; ++n) word(fmt::format("rsp{}", n), fmt::format("RSP{}", n), 4 + 8 * n, 8);
    for (unsigned n = 1; n < 8; ++n) word(fmt::format("ist{}", n), fmt::format("IST{}", n), 28 + 8 * n, 8);
    word("io_map_base", "I/O map base", 102, 2);
    return sheet;
  }
  const bool wide = type == 9;
  for (unsigned n = 0; n < 3; ++n) {
    Row& row = sheet.row(fmt::format("stack{}", n));
    row.say(fmt::format("  SS{}:{}SP{} ", n, wide ? "E" : "", n));
    tss_word(row, cpu, "ss", wide ? 8 + 8 * n : 4 + 4 * n, 2);
    row.say(":");
    tss_word(row, cpu, "sp", wide ? 4 + 8 * n : 2 + 4 * n, wide ? 4 : 2);
  }
  word("previous_task", "previous task", 0, 2);
  if (!wide) return sheet;
  word("cr3", "CR3", 28, 4);
  word("eip", "EIP", 32, 4);
  word("io_map_base", "I/O map base", 102, 2);
  return sheet;
}

}  // namespace ringside
