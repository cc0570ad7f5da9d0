// Owns the rows of the table of registers.
#include "cpu/state/register_table.h"

#include <fmt/format.h>

#include <deque>

#include "cpu/state/msrs.h"

namespace ringside {
namespace {

using Info = RegisterInfo;
using Group = RegisterGroup;

constexpr std::string_view gpr_names[16] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                            "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
constexpr std::string_view segment_names[8] = {"es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr"};

// A cell out of a place in Cpu that the function names.
template <auto place>
Info::Cell cell_of(Cpu& cpu, unsigned index) {
  auto& found = place(cpu, index);
  return {&found, sizeof found};
}

bool set_cell(Cpu& cpu, const Info& info, unsigned word, u64 value) {
  const Info::Cell cell = info.cell(cpu, info.index);
  const unsigned at = word * 8, bytes = std::min(cell.bytes - at, 8u);
  if (bytes < 8 && value >> bytes * 8) return false;
  std::memcpy(static_cast<u8*>(cell.data) + at, &value, bytes);
  return true;
}

bool has_long_mode(const Cpu& cpu) { return !cpu.model || cpu.model->has(Feature::long_mode); }

// -- General registers.

u64& gpr(Cpu& cpu, unsigned n) { return cpu.gpr[n]; }
u64& rip(Cpu& cpu, unsigned) { return cpu.rip; }

bool set_rip(Cpu& cpu, const Info&, unsigned, u64 value) {
  if (cpu.mode.bits64 ? !cpu.mmu.canonical(value) : value > 0xffffffff) return false;
  cpu.rip = cpu.next_rip = value;
  return true;
}

u64 get_rflags(const Cpu& cpu, const Info&, unsigned) { return cpu.eflags(); }
bool set_rflags(Cpu& cpu, const Info&, unsigned, u64 value) {
  constexpr u64 defined = bit_range(0, 21);
  // Virtual-8086 mode goes with segments that nobody loads here.
  if ((value ^ cpu.eflags()) & (Eflags::VM | ~defined)) return false;
  cpu.set_eflags(value, defined);
  return true;
}
void restore_rflags(Cpu& cpu, u64 value) {
  cpu.flags.set_image(value);
  cpu.system_flags = value & ~(Eflags::arithmetic | Eflags::reserved_one);
}

// -- Segments and descriptor tables.

u16& selector(Cpu& cpu, unsigned n) { return cpu.segment[n].selector; }
u64& base(Cpu& cpu, unsigned n) { return cpu.segment[n].base; }
u32& limit(Cpu& cpu, unsigned n) { return cpu.segment[n].limit; }
u32& rights(Cpu& cpu, unsigned n) { return cpu.segment[n].rights; }

bool set_base(Cpu& cpu, const Info& info, unsigned, u64 value) {
  const bool wide = info.index >= FS;
  if (wide ? !cpu.mmu.canonical(value) : value > 0xffffffff) return false;
  cpu.segment[info.index].base = value;
  return true;
}

Cpu::Table& table(Cpu& cpu, unsigned n) { return n ? cpu.idtr : cpu.gdtr; }
u64& table_base(Cpu& cpu, unsigned n) { return table(cpu, n).base; }
u32& table_limit(Cpu& cpu, unsigned n) { return table(cpu, n).limit; }

// -- Control and debug registers.

u64& cr0(Cpu& cpu, unsigned) { return cpu.cr0; }
u64& cr2(Cpu& cpu, unsigned) { return cpu.cr2; }
u64& cr3(Cpu& cpu, unsigned) { return cpu.cr3; }
u64& cr4(Cpu& cpu, unsigned) { return cpu.cr4; }
u64 get_cr8(const Cpu& cpu, const Info&, unsigned) {
  return cpu.interrupts ? cpu.interrupts->task_priority() & 0xf : 0;
}
bool has_apic(const Cpu& cpu) { return cpu.interrupts; }
u64& efer(Cpu& cpu, unsigned) { return cpu.efer; }
bool set_efer(Cpu& cpu, const Info&, unsigned, u64 value) {
  return write_msr(cpu, msr_number::IA32_EFER, value, cpu.rip);
}
u64& xcr0(Cpu& cpu, unsigned) { return cpu.xcr0; }
u32& pkru(Cpu& cpu, unsigned) { return cpu.pkru; }
bool has_pkru(const Cpu& cpu) { return cpu.cr4 & Cr4::PKE; }

u64& dr(Cpu& cpu, unsigned n) { return n == 6 ? cpu.dr6 : n == 7 ? cpu.dr7 : cpu.dr[n & 3]; }
bool set_dr(Cpu& cpu, const Info& info, unsigned, u64 value) {
  if (info.index == 6) value = (value & 0xffffffff) | Dr6::fixed_one;
  if (info.index == 7) value = (value & 0xffff2fff) | Dr7::fixed_one;
  dr(cpu, info.index) = value;
  cpu.update_debug();
  return true;
}

u8& cpl(Cpu& cpu, unsigned) { return cpu.cpl; }
u64& pdpte(Cpu& cpu, unsigned n) { return cpu.mmu.pdptes()[n]; }
bool uses_pdptes(const Cpu& cpu) {
  return (cpu.cr0 & Cr0::PG) && (cpu.cr4 & Cr4::PAE) && !(cpu.efer & Efer::LMA);
}

// -- x87, MMX and vectors.

u64& significand(Cpu& cpu, unsigned n) { return cpu.x87.physical[n].significand; }
u16& sign_exponent(Cpu& cpu, unsigned n) { return cpu.x87.physical[n].sign_exponent; }
u16& fcw(Cpu& cpu, unsigned) { return cpu.x87.control; }
u16& fsw(Cpu& cpu, unsigned) { return cpu.x87.status; }
u64 get_fsw(const Cpu& cpu, const Info&, unsigned) { return cpu.x87.status_word(); }
u8& top(Cpu& cpu, unsigned) { return cpu.x87.top; }
u8& valid(Cpu& cpu, unsigned) { return cpu.x87.valid; }

// The tag word in full, two bits for each physical register: valid, zero, special, empty.
u64 get_ftw(const Cpu& cpu, const Info&, unsigned) {
  u64 word = 0;
  for (unsigned n = 0; n < 8; ++n) {
    const X87Register& reg = cpu.x87.physical[n];
    const unsigned exponent = reg.sign_exponent & 0x7fff;
    unsigned tag = 0;
    if (!(cpu.x87.valid >> n & 1))
      tag = 3;
    else if (exponent == 0 && reg.significand == 0)
      tag = 1;
    else if (exponent == 0 || exponent == 0x7fff || !(reg.significand >> 63))
      tag = 2;
    word |= u64{tag} << 2 * n;
  }
  return word;
}

u16& fop(Cpu& cpu, unsigned) { return cpu.x87.opcode; }
u16& fcs(Cpu& cpu, unsigned) { return cpu.x87.code_selector; }
u16& fds(Cpu& cpu, unsigned) { return cpu.x87.data_selector; }
u64& fip(Cpu& cpu, unsigned) { return cpu.x87.instruction_pointer; }
u64& fdp(Cpu& cpu, unsigned) { return cpu.x87.data_pointer; }
// No cell: a bool that is restored from any byte has to be made one.
u64 get_ferr(const Cpu& cpu, const Info&, unsigned) { return cpu.ferr; }
void restore_ferr(Cpu& cpu, u64 value) { cpu.ferr = value != 0; }

u64 get_st(const Cpu& cpu, const Info& info, unsigned word) {
  const X87Register& reg = cpu.x87.physical[(cpu.x87.top + info.index) & 7];
  return word ? reg.sign_exponent : reg.significand;
}
bool set_st(Cpu& cpu, const Info& info, unsigned word, u64 value) {
  X87Register& reg = cpu.x87.physical[(cpu.x87.top + info.index) & 7];
  if (word && value > 0xffff) return false;
  if (word)
    reg.sign_exponent = static_cast<u16>(value);
  else
    reg.significand = value;
  return true;
}

auto& xmm(Cpu& cpu, unsigned n) { return cpu.vector.xmm[n].q; }
auto& ymm_high(Cpu& cpu, unsigned n) { return cpu.vector.upper[n].q; }
bool has_avx(const Cpu& cpu) { return cpu.model && cpu.model->has(Feature::avx); }
bool has_avx_and_long_mode(const Cpu& cpu) { return has_avx(cpu) && has_long_mode(cpu); }
u32& mxcsr(Cpu& cpu, unsigned) { return cpu.vector.mxcsr; }
bool set_mxcsr(Cpu& cpu, const Info& info, unsigned word, u64 value) {
  return !(value & ~u64{mxcsr_mask}) && set_cell(cpu, info, word, value);
}

struct Rows {
  std::deque<std::string> names;  // of families, for as long as the table lives
  std::vector<Info> rows;

  std::string_view keep(std::string name) { return names.emplace_back(std::move(name)); }

  Rows() {
    general();
    segments();
    control();
    x87();
    vectors();
  }

  void general() {
    for (unsigned n = 0; n < 16; ++n)
      rows.push_back({.name = gpr_names[n],
                      .index = n,
                      .cell = cell_of<gpr>,
                      .set = set_cell,
                      .present = n < 8 ? nullptr : has_long_mode,
                      .saved_as = gpr_names[n]});
    rows.push_back({.name = "rip", .cell = cell_of<rip>, .set = set_rip, .saved_as = "rip"});
    rows.push_back({.name = "rflags",
                    .bits_of = "RFLAGS",
                    .get = get_rflags,
                    .set = set_rflags,
                    .saved_as = "rflags",
                    .restore = restore_rflags});
  }

  void segments() {
    for (unsigned n = 0; n < 8; ++n) {
      const std::string_view own = segment_names[n];
      const auto add = [&](std::string_view part, unsigned bits, auto cell, decltype(Info::set) set) {
        const std::string_view name = part == "selector" ? own : keep(fmt::format("{}.{}", own, part));
        rows.push_back({.name = name,
                        .group = Group::segment,
                        .bits = bits,
                        .index = n,
                        .cell = cell,
                        .set = set,
                        .saved_as = part});
      };
      add("selector", 16, cell_of<selector>, nullptr);
      add("base", 64, cell_of<base>, set_base);
      add("limit", 32, cell_of<limit>, nullptr);
      add("rights", 32, cell_of<rights>, nullptr);
    }
    for (unsigned n = 0; n < 2; ++n) {
      const std::string_view own = n ? "idtr" : "gdtr";
      rows.push_back({.name = keep(fmt::format("{}.base", own)),
                      .group = Group::table,
                      .index = n,
                      .cell = cell_of<table_base>,
                      .saved_as = "base"});
      rows.push_back({.name = keep(fmt::format("{}.limit", own)),
                      .group = Group::table,
                      .bits = 32,
                      .index = n,
                      .cell = cell_of<table_limit>,
                      .saved_as = "limit"});
    }
  }

  void control() {
    const auto add = [&](std::string_view name, auto cell) -> Info& {
      rows.push_back({.name = name, .group = Group::control, .cell = cell, .saved_as = name});
      return rows.back();
    };
    const auto ruled = [&](std::string_view name, auto cell, RegisterRule rule) -> Info& {
      Info& row = add(name, cell);
      row.rule = rule;
      return row;
    };
    ruled("cr0", cell_of<cr0>, RegisterRule::cr0).bits_of = "CR0";
    add("cr2", cell_of<cr2>).set = set_cell;
    ruled("cr3", cell_of<cr3>, RegisterRule::cr3);
    ruled("cr4", cell_of<cr4>, RegisterRule::cr4).bits_of = "CR4";
    rows.push_back({.name = "cr8",
                    .group = Group::control,
                    .get = get_cr8,
                    .rule = RegisterRule::cr8,
                    .present = has_apic});
    Info& extended = add("efer", cell_of<efer>);
    extended.bits_of = "IA32_EFER";
    extended.set = set_efer;
    ruled("xcr0", cell_of<xcr0>, RegisterRule::xcr0).bits_of = "XCR0";
    Info& keys = add("pkru", cell_of<pkru>);
    keys.bits = 32;
    keys.present = has_pkru;

    for (const unsigned n : {0u, 1u, 2u, 3u, 6u, 7u}) {
      const std::string_view name = keep(fmt::format("dr{}", n));
      rows.push_back({.name = name,
                      .group = Group::debug,
                      .index = n,
                      .bits_of = n == 6   ? "DR6"
                                 : n == 7 ? "DR7"
                                          : "",
                      .cell = cell_of<dr>,
                      .set = set_dr,
                      .saved_as = n < 4 ? "dr" : name});
    }
    rows.push_back(
        {.name = "cpl", .group = Group::privilege, .bits = 8, .cell = cell_of<cpl>, .saved_as = "cpl"});
    for (unsigned n = 0; n < 4; ++n)
      rows.push_back({.name = keep(fmt::format("pdpte{}", n)),
                      .group = Group::control,
                      .index = n,
                      .cell = cell_of<pdpte>,
                      .present = uses_pdptes,
                      .saved_as = "pdpte"});
  }

  void x87() {
    const auto add = [&](std::string_view name, unsigned bits, auto cell, unsigned index = 0) -> Info& {
      rows.push_back(
          {.name = name, .group = Group::x87, .bits = bits, .index = index, .cell = cell, .saved_as = name});
      return rows.back();
    };
    for (unsigned n = 0; n < 8; ++n) {
      Info& low = add(keep(fmt::format("mm{}", n)), 64, cell_of<significand>, n);
      low.set = set_cell;
      low.saved_as = "significand";
      add(keep(fmt::format("mm{}.e", n)), 16, cell_of<sign_exponent>, n).saved_as = "sign_exponent";
    }
    add("fcw", 16, cell_of<fcw>).bits_of = "FCW";
    Info& status = add("fsw", 16, cell_of<fsw>);
    status.bits_of = "FSW";
    status.get = get_fsw;
    add("top", 8, cell_of<top>);
    add("ftw", 16, cell_of<valid>).get = get_ftw;
    add("fop", 16, cell_of<fop>);
    add("fcs", 16, cell_of<fcs>);
    add("fds", 16, cell_of<fds>);
    add("fip", 64, cell_of<fip>);
    add("fdp", 64, cell_of<fdp>);
    rows.push_back({.name = "ferr",
                    .group = Group::x87,
                    .bits = 8,
                    .get = get_ferr,
                    .saved_as = "ferr",
                    .restore = restore_ferr});
    for (unsigned n = 0; n < 8; ++n)
      rows.push_back({.name = keep(fmt::format("st{}", n)),
                      .group = Group::x87,
                      .bits = 80,
                      .index = n,
                      .get = get_st,
                      .set = set_st});
  }

  // The upper halves of YMM registers are registers of their own, as XSAVE and gdb have them. A CPU without
  // AVX has none, in its saved state either.
  void vectors() {
    for (unsigned n = 0; n < 16; ++n)
      rows.push_back({.name = keep(fmt::format("xmm{}", n)),
                      .group = Group::vector,
                      .bits = 128,
                      .index = n,
                      .cell = cell_of<xmm>,
                      .set = set_cell,
                      .present = n < 8 ? nullptr : has_long_mode,
                      .saved_as = "xmm"});
    rows.push_back({.name = "mxcsr",
                    .group = Group::vector,
                    .bits = 32,
                    .bits_of = "MXCSR",
                    .cell = cell_of<mxcsr>,
                    .set = set_mxcsr,
                    .saved_as = "mxcsr"});
    for (unsigned n = 0; n < 16; ++n)
      rows.push_back({.name = keep(fmt::format("ymm{}h", n)),
                      .group = Group::vector,
                      .bits = 128,
                      .index = n,
                      .cell = cell_of<ymm_high>,
                      .set = set_cell,
                      .present = n < 8 ? has_avx : has_avx_and_long_mode,
                      .kept = has_avx,
                      .saved_as = "ymm_high"});
  }
};

}  // namespace

std::span<const RegisterInfo> register_table() {
  static const Rows table;
  return table.rows;
}

u64 RegisterInfo::read(const Cpu& cpu, unsigned word) const {
  if (get) return get(cpu, *this, word);
  // The cell is only read.
  const Cell found = cell(const_cast<Cpu&>(cpu), index);
  u64 value = 0;
  std::memcpy(&value, static_cast<const u8*>(found.data) + word * 8, std::min(found.bytes - word * 8, 8u));
  return value;
}

void visit_registers(Cpu& cpu, Fields& visit, std::span<const RegisterGroup> groups) {
  std::string_view open;  // ES, CS, ..., IDTR: their parts are groups
  for (const RegisterInfo& row : register_table()) {
    if (row.saved_as.empty() || (row.kept && !row.kept(cpu)) ||
        std::find(groups.begin(), groups.end(), row.group) == groups.end())
      continue;
    const bool has_parts = row.group == Group::segment || row.group == Group::table;
    const std::string_view whole = has_parts ? row.name.substr(0, row.name.find('.')) : "";
    if (whole != open) {
      if (!open.empty()) visit.end();
      if (!whole.empty()) visit.group(whole);
      open = whole;
    }
    if (!row.cell) {
      u64 value = row.read(cpu);
      visit.bytes(row.saved_as, &value, row.bits / 8);
      if (visit.restoring()) row.restore(cpu, value);
      continue;
    }
    const RegisterInfo::Cell cell = row.cell(cpu, row.index);
    for (unsigned at = 0; at < cell.bytes; at += 8)
      visit.bytes(row.saved_as, static_cast<u8*>(cell.data) + at, std::min(cell.bytes - at, 8u));
  }
  if (!open.empty()) visit.end();
}

}  // namespace ringside
