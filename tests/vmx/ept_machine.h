// Owns the little machine of the EPT tests: a CPU whose guest runs, with paging structures of both stages
// made by hand.
#pragma once

#include "vmx/ept.h"
#include "vmx/ept_exit.h"
#include "vmx/invalidation.h"

namespace ringside::test {

struct StillClock final : Clock {
  Ticks now() const override { return 0; }
  u64 frequency() const override { return 1'000'000'000; }
  void add(Timer&) override {}
  void remove(Timer&) override {}
  void changed(Timer&) override {}
};

inline CpuModel vmx_model() {
  std::string error;
  CpuModel model = *parse_cpu_model(default_cpu_model, error);
  model.features.set(static_cast<std::size_t>(Feature::vmx));
  model.vmx.set();
  return model;
}

// EPT: PML4 0x100000, PDPT 0x101000, PD 0x102000, PT 0x103000; guest-physical 0..2 MiB lies at 8 MiB. The
// guest's tables are at guest-physical 0x10000 to 0x13000 and map linear 0..2 MiB.
struct EptMachine {
  static constexpr u64 R = EptEntry::R, W = EptEntry::W, X = EptEntry::X, XU = EptEntry::XU, A = EptEntry::A,
                       D = EptEntry::D, large = EptEntry::page, wb = 6 << 3, rwx = R | W | X;
  static constexpr u64 P = PageEntry::P, RW = PageEntry::RW, US = PageEntry::US, GA = PageEntry::A,
                       GD = PageEntry::D, XD = PageEntry::XD;
  static constexpr u64 eptp4 = 0x100000 | 3 << 3 | 6, ram = 32 << 20, host_of_guest = 0x800000;
  static constexpr Access read{AccessKind::read}, write{AccessKind::write}, fetch{AccessKind::execute};
  static constexpr Access user_read{AccessKind::read, true}, user_write{AccessKind::write, true},
      user_fetch{AccessKind::execute, true};

  CpuModel model;
  PhysicalMemory memory;
  Mmu mmu;
  Cpu cpu;
  StillClock clock;
  Vmx vmx;

  explicit EptMachine(CpuModel m = vmx_model())
      : model(std::move(m)),
        mmu((memory.add_ram(HostPhys(0), ram, "ram"), memory), model.physical_bits),
        cpu(mmu),
        vmx((cpu.model = &model, cpu), model, clock) {
    cpu.vmx = &vmx;
    cpu.reset(false);
    vmx.current = &vmx.activate(memory, HostPhys(0x1000));
    cpu.vmx_operation = cpu.non_root = true;
    turn_on(VmxControl::ept);
    vmcs().set(Field::EPT_POINTER, eptp4);
    put(0x100000, 0x101000 | rwx);
    put(0x101000, 0x102000 | rwx);
    put(0x102000, 0x103000 | rwx);
    for (u64 page = 0; page < 512; ++page) pte(page << 12, (host_of_guest + (page << 12)) | wb | rwx);
    put_guest(0x10000, 0x11000 | P | RW | US);
    put_guest(0x11000, 0x12000 | P | RW | US);
    put_guest(0x12000, 0x13000 | P | RW | US);
    for (u64 page = 0; page < 512; ++page) guest_pte(page << 12, page << 12 | P | RW | US);
    cpu.cr0 = Cr0::PE | Cr0::PG | Cr0::WP | Cr0::ET | Cr0::NE;
    cpu.cr4 = Cr4::PAE;
    cpu.efer = Efer::LME | Efer::LMA | Efer::NXE;
    cpu.cr3 = 0x10000;
    cpu.segment[CS].rights |= Rights::L;
    cpu.segment[CS].rights &= ~Rights::DB;
    cpu.update_mode();
    cpu.update_translation();
    start();
  }

  Vmcs& vmcs() { return *vmx.current; }
  void turn_on(VmxControl control) {
    vmx.controls.word[static_cast<unsigned>(info(control).word)] |= mask(control);
  }
  // As VM entry does; the caches go, too.
  void start() {
    Ept* const ept = prepare_ept(cpu);
    mmu.set_second_stage(ept, ept);
    if (ept != nullptr) ept->flush();
    mmu.flush_all();
  }
  void set_eptp(u64 eptp) {
    vmcs().set(Field::EPT_POINTER, eptp);
    start();
  }

  void put(u64 at, u64 value) { memory.write(HostPhys(at), 8, value); }
  u64 get(u64 at) { return memory.read(HostPhys(at), 8); }
  void put_guest(u64 at, u64 value) { put(host_of_guest + at, value); }
  u64 get_guest(u64 at) { return get(host_of_guest + at); }
  static u64 pte_at(u64 guest) { return 0x103000 + (guest >> 12) * 8; }
  void pte(u64 guest, u64 value) { put(pte_at(guest), value); }
  void guest_pte(u64 linear, u64 value) { put_guest(0x13000 + (linear >> 12) * 8, value); }

  HostPhys at;
  Fault fault;
  bool go(u64 linear, Access access) {
    fault = {};
    return mmu.translate(LinAddr(linear), access, at, fault);
  }
  // As go, after everything cached was dropped.
  bool fresh(u64 linear, Access access) {
    start();
    return go(linear, access);
  }
  // The exit that the access makes; reason 0xffff: none.
  ExitInfo exit_of(u64 linear, Access access) {
    ExitInfo none;
    none.reason = static_cast<ExitReason>(0xffff);
    if (fresh(linear, access) || fault.kind != Fault::Kind::second_stage) return none;
    return ept_exit(cpu, fault);
  }
  // The qualification of the violation that the access makes; all ones: none.
  u64 qualification(u64 linear, Access access) {
    const ExitInfo exit = exit_of(linear, access);
    return exit.reason == ExitReason::ept_violation ? exit.qualification : ~u64{0};
  }
};

}  // namespace ringside::test
