// Owns the little machine of the mmu tests: RAM, page tables by hand, and short names for accesses.
#pragma once

#include "mmu/mmu.h"

namespace ringside::test {

constexpr Access read_s{AccessKind::read, false}, write_s{AccessKind::write, false},
    exec_s{AccessKind::execute, false};
constexpr Access read_u{AccessKind::read, true}, write_u{AccessKind::write, true},
    exec_u{AccessKind::execute, true};
constexpr u64 P = PageEntry::P, RW = PageEntry::RW, US = PageEntry::US, A = PageEntry::A, D = PageEntry::D,
              PS = PageEntry::PS, G = PageEntry::G, XD = PageEntry::XD;

struct Machine {
  PhysicalMemory memory;
  Mmu mmu;
  PagingRegisters regs;

  explicit Machine(unsigned physical_bits = 40, u64 ram = 16 << 20) : mmu(memory, physical_bits) {
    memory.add_ram(HostPhys(0), ram, "ram");
  }

  void put64(u64 at, u64 value) { memory.write(HostPhys(at), 8, value); }
  void put32(u64 at, u64 value) { memory.write(HostPhys(at), 4, value); }
  u64 get64(u64 at) { return memory.read(HostPhys(at), 8); }
  u64 get32(u64 at) { return memory.read(HostPhys(at), 4); }

  // Tables: PML5 0x0f000, PML4 0x10000, PDPT 0x11000, PD 0x12000, PT 0x13000; linear 0..2 MiB. Every entry A
  // = 0.
  void long_mode(u64 extra_cr4 = 0, u64 extra_efer = Efer::NXE) {
    regs.cr0 = Cr0::PE | Cr0::PG | Cr0::WP;
    regs.cr4 = Cr4::PAE | extra_cr4;
    regs.efer = Efer::LME | Efer::LMA | extra_efer;
    regs.cr3 = extra_cr4 & Cr4::LA57 ? 0xf000 : 0x10000;
    put64(0xf000, 0x10000 | P | RW | US);
    put64(0x10000, 0x11000 | P | RW | US);
    put64(0x11000, 0x12000 | P | RW | US);
    put64(0x12000, 0x13000 | P | RW | US);
    mmu.set_registers(regs);
  }
  // PDPTEs at 0x10020, PD 0x12000, PT 0x13000.
  bool pae_mode(u64 extra_cr4 = 0, u64 extra_efer = Efer::NXE) {
    regs.cr0 = Cr0::PE | Cr0::PG | Cr0::WP;
    regs.cr4 = Cr4::PAE | extra_cr4;
    regs.efer = extra_efer;
    regs.cr3 = 0x10020;
    put64(0x10020, 0x12000 | P);
    put64(0x12000, 0x13000 | P | RW | US);
    if (!mmu.load_pdptes(regs.cr3, regs.cr0, regs.cr4, regs.efer)) return false;
    mmu.set_registers(regs);
    return true;
  }
  // PD 0x12000, PT 0x13000, 4-byte entries.
  void legacy_mode(u64 extra_cr4 = 0) {
    regs.cr0 = Cr0::PE | Cr0::PG | Cr0::WP;
    regs.cr4 = extra_cr4;
    regs.efer = 0;
    regs.cr3 = 0x12000;
    put32(0x12000, 0x13000 | P | RW | US);
    mmu.set_registers(regs);
  }
  void pte(u64 linear, u64 value) { put64(0x13000 + (linear >> 12 & 0x1ff) * 8, value); }

  HostPhys at;
  Fault fault;
  bool go(u64 linear, Access access) {
    fault = Fault{};
    return mmu.translate(LinAddr(linear), access, at, fault);
  }
  bool look(u64 linear, Access access, WalkTrace* trace = nullptr) {
    fault = Fault{};
    return mmu.probe(LinAddr(linear), access, at, fault, trace);
  }
  // The error code of a #PF, or -1 if there is none; a fresh walk each time.
  int error(u64 linear, Access access) {
    mmu.flush_all();
    if (go(linear, access)) return -1;
    if (fault.kind != Fault::Kind::exception || fault.vector != Vector::PF || fault.address != linear)
      return -2;
    return static_cast<int>(fault.error);
  }
  bool read_tag(u64 linear) const {
    return mmu.data_view()->read[tlb_index(linear)].tag == (linear & ~0xfffull);
  }
  bool write_tag(u64 linear) const {
    return mmu.data_view()->write[tlb_index(linear)].tag == (linear & ~0xfffull);
  }
  bool fetch_tag(u64 linear) const { return mmu.fetch_view()[tlb_index(linear)].tag == (linear & ~0xfffull); }
};

}  // namespace ringside::test
