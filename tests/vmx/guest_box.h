// Owns the small machine that runs single instructions in VMX non-root operation, with the controls set by
// hand: no VM entry, no VM exit, only what the instruction asks for.
#pragma once

#include <string>

#include "cpu/exec/core/exit_request.h"
#include "tests/exec/system_box.h"
#include "vmx/ept.h"

namespace ringside {

// What came of one instruction beside `done` and vectors: a VM exit is in vmx.exit.
constexpr int exited = 1000;

struct PortLog : PortSpace {
  unsigned reads = 0, writes = 0;
  u32 port_read(u16, unsigned) override {
    ++reads;
    return 0x5a5a5a5a;
  }
  void port_write(u16, unsigned, u32) override { ++writes; }
};

struct GuestBox : SystemBox {
  static constexpr u64 io_a = 0x8000, io_b = 0x9000, msr_bitmap = 0xa000, virtual_apic = 0xb000,
                       apic_access = 0xc000, descriptor = 0xd000, data = 0x20000;
  CpuModel vmx_model;
  Decoder vmx_decoder;
  std::unique_ptr<Vmx> owner;
  PortLog ports;
  Vmx& vmx;
  bool check_length = true;  // of the exit: not for those of memory accesses, which the run loop knows

  static CpuModel with_vmx(CpuModel model) {
    model.features.set(static_cast<std::size_t>(Feature::vmx));
    model.vmx.set();
    return model;
  }
  GuestBox()
      : vmx_model(with_vmx(model)),
        vmx_decoder(vmx_model.features),
        owner(std::make_unique<Vmx>(cpu, vmx_model, clock)),
        vmx(*owner) {
    cpu.model = &vmx_model;
    cpu.vmx = &vmx;
    cpu.ports = &ports;
    cpu.vmx_operation = cpu.non_root = true;
    vmx.controls.io_bitmap_a = HostPhys(io_a);
    vmx.controls.io_bitmap_b = HostPhys(io_b);
    vmx.controls.msr_bitmap = HostPhys(msr_bitmap);
    vmx.controls.virtual_apic = HostPhys(virtual_apic);
    vmx.controls.apic_access = HostPhys(apic_access);
    vmx.controls.posted_descriptor = HostPhys(descriptor);
    guest64();
  }
  void guest64(u8 cpl = 0) {
    long_mode(cpl);
    cpu.cr0 |= Cr0::NE;
    cpu.cr4 |= Cr4::VMXE | Cr4::OSXSAVE;
    cpu.update_mode();
  }
  void guest32(u8 cpl = 0) {
    cpu.efer = 0;
    cpu.cr4 = Cr4::VMXE;
    protected_mode(cpl);
    set(VmxControl::unrestricted_guest);
    cpu.cr0 |= Cr0::NE;
  }
  void set(VmxControl control, bool on = true) {
    u64& word = vmx.controls.word[static_cast<unsigned>(info(control).word)];
    word = on ? word | mask(control) : word & ~mask(control);
  }
  void set_bit(u64 bitmap, u64 n) {
    memory.write(HostPhys(bitmap + n / 8), 1, memory.read(HostPhys(bitmap + n / 8), 1) | bit(n % 8));
  }

  // Runs one instruction at RIP 0x500: done, a vector, undecoded or exited.
  int run(std::initializer_list<u8> bytes) {
    Lowered lowered;
    const Handler handler = lower(vmx_decoder, bytes, lowered);
    return handler == nullptr ? undecoded : run(lowered.op, handler);
  }
  int run(const Op& op, Handler handler) {
    records[0] = op;
    records[1] = Op();
    records[1].handler = [](Cpu& c, const Op*) -> const Op* {
      c.chain_end = ChainEnd::boundary;
      return nullptr;
    };
    records[0].handler = handler;
    cpu.rip_base = 0;
    cpu.alone = true;
    cpu.chain_end = ChainEnd::boundary;
    for (const Op* op = records; op;) op = op->handler(cpu, op);
    if (cpu.chain_end == ChainEnd::boundary) return done;
    CHECK(cpu.rip == 0x500);
    if (cpu.chain_end == ChainEnd::exit) {
      if (check_length) CHECK(vmx.exit.instruction_length == op.length);
      return exited;
    }
    CHECK(cpu.chain_end == ChainEnd::fault);
    return static_cast<int>(cpu.fault.vector);
  }
  // Runs an instruction that must exit for `reason`.
  const ExitInfo& exit_of(std::initializer_list<u8> bytes, ExitReason reason) {
    vmx.exit = {};
    CHECK(run(bytes) == exited);
    CHECK(std::string(name(vmx.exit.reason)) == std::string(name(reason)));
    return vmx.exit;
  }

 private:
  Op records[2];
};

}  // namespace ringside
