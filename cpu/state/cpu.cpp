// Owns the life of the architectural state: reset, what is derived from it, and the visit of its fields.
#include "cpu/state/cpu.h"

#include <algorithm>

#include "cpu/state/debug_breakpoint.h"
#include "cpu/state/observer.h"

namespace ringside {
namespace {

constexpr u32 reset_data_rights = 0x93;  // present, S, read/write, accessed: CS too, after a reset
constexpr u32 reset_ldtr_rights = 0x82;  // present LDT
constexpr u32 reset_tr_rights = 0x8b;    // present busy 32-bit TSS

constexpr u64 defined_system_flags = Eflags::TF | Eflags::IF | Eflags::DF | Eflags::IOPL | Eflags::NT |
                                     Eflags::RF | Eflags::VM | Eflags::AC | Eflags::VIF | Eflags::VIP |
                                     Eflags::ID;

void reset_segment(Segment& s, u16 selector, u64 base, u32 rights) {
  s.selector = selector;
  s.base = base;
  s.limit = 0xffff;
  s.rights = rights;
  s.update();
}

}  // namespace

void Cpu::reset(bool init) {
  gpr.fill(0);
  gpr[RDX] = model ? model->signature : 0;
  flags.set_image(0);
  system_flags = 0;
  rip = 0xfff0;
  next_rip = rip;
  rip_base = 0;

  for (SegReg s : {ES, SS, DS, FS, GS}) reset_segment(segment[s], 0, 0, reset_data_rights);
  reset_segment(segment[CS], 0xf000, 0xffff0000, reset_data_rights);
  reset_segment(segment[LDTR], 0, 0, reset_ldtr_rights);
  reset_segment(segment[TR], 0, 0, reset_tr_rights);
  gdtr = idtr = Table{};
  cpl = 0;

  cr0 = Cr0::ET | (init ? cr0 & (Cr0::CD | Cr0::NW) : Cr0::CD | Cr0::NW);
  cr2 = cr3 = cr4 = efer = 0;
  dr.fill(0);
  dr6 = Dr6::fixed_one;
  dr7 = Dr7::fixed_one;

  if (!init) {
    xcr0 = 1;
    pkru = 0;
    x87 = X87State{};
    x87.control = 0x0040;
    x87.valid = 0xff;  // the tag word 5555H: all registers hold zero
    vector = VectorState{};
    msr = Msrs{};
    msr.microcode = model ? model->microcode << 32 : 0;
    if (clock) msr.tsc_offset = u64{0} - clock->now();  // the TSC itself starts at 0
    if (interrupts) interrupts->set_tsc_offset(static_cast<s64>(msr.tsc_offset));
    if (model) mmu.set_gigabyte_pages(model->has(Flag::pdpe1gb));
  }
  records_data_pointer = model && !model->has(Flag::fdp_exceptions_only);

  vmx_operation = non_root = interrupt_window = false;
  mmu.block_a20m(false);
  guest_tsc_offset = 0;
  guest_tsc_multiplier = u64{1} << 48;

  attention &= Attention::stop;
  interrupt_shadow = 0;
  nmi_blocked = nmi_pending = false;
  ferr = false;
  sipi_vector = 0;
  pending_debug = 0;
  fault = Fault{};
  chain_end = ChainEnd::boundary;
  monitor_address = 0;
  monitor_armed = false;
  activity = index == 0 ? Activity::active : Activity::wait_for_sipi;
  if (activity != Activity::active) attention |= Attention::activity;
  if (interrupts) {
    if (init) interrupts->init();
    if (interrupts->pending()) attention |= Attention::interrupt;
  }

  mmu.pdptes().fill(0);
  mmu.flush_all();
  update_mode();
  update_translation();
  update_privilege();
  update_debug();
  if (observers) observers.tell([&](CpuObserver& o) { o.was_reset(*this, init); });
}

void Cpu::set_ferr(bool asserted) {
  ferr = asserted;
  if (numeric_error != nullptr) numeric_error->set_ferr(asserted);
}

void Cpu::set_eflags(u64 value, u64 mask) {
  if (mask & Eflags::arithmetic) {
    const u64 image = flags.image();
    flags.set_image((image & ~mask) | (value & mask));
  }
  const u64 before = system_flags;
  const u64 settable = mask & defined_system_flags;
  system_flags = (before & ~settable) | (value & settable);
  const u64 changed = before ^ system_flags;

  if (changed & Eflags::VM) update_mode();
  constexpr u64 virtual_interrupt = Eflags::VIF | Eflags::VIP;
  if ((system_flags & virtual_interrupt) == virtual_interrupt) attention |= Attention::virtual_interrupt;
  if (changed & (Eflags::AC | Eflags::VM)) update_privilege();
  if (changed & (Eflags::TF | Eflags::RF)) update_debug();
  if (changed & system_flags & Eflags::IF) {
    if (interrupts && interrupts->pending()) attention |= Attention::interrupt;
    if (interrupt_window) attention |= Attention::vmx;
  }
}

void Cpu::update_mode() {
  mode.long_mode = efer & Efer::LMA;
  const bool protection = cr0 & Cr0::PE;
  mode.v86 = protection && !mode.long_mode && (system_flags & Eflags::VM);
  mode.protected_mode = protection && !mode.v86;
  mode.bits64 = mode.long_mode && segment[CS].long_mode();
  mode.code_bits = mode.bits64 ? 64 : segment[CS].db() ? 32 : 16;
  mode.stack_bits = mode.bits64 ? 64 : segment[SS].db() ? 32 : 16;
  mode.limited = !mode.bits64 && segment[CS].limit != 0xffffffff;
  mode.rip_mask = mode.bits64 ? ~u64{0} : 0xffffffff;

  const auto width = [](u8 bits) { return bits == 64 ? 2u : bits == 32 ? 1u : 0u; };
  mode.key = width(mode.code_bits) | width(mode.stack_bits) << 2 | (cpl == 3 ? 1u << 4 : 0) |
             (mode.limited ? 1u << 5 : 0) | (mode.protected_mode ? 1u << 6 : 0);
  if (observers) [[unlikely]]
    observers.tell([&](CpuObserver& o) { o.mode_changed(*this); });
}

void Cpu::update_privilege() {
  const bool user = cpl == 3;
  const bool ac = system_flags & Eflags::AC;
  mmu.set_privilege(user, ac, user && ac && (cr0 & Cr0::AM));
}

void Cpu::update_translation() {
  PagingRegisters r;
  r.cr0 = cr0;
  r.cr3 = cr3;
  r.cr4 = cr4;
  r.efer = efer;
  r.pkru = pkru;
  r.pkrs = static_cast<u32>(msr.pkrs);
  r.vpid = mmu.registers().vpid;
  mmu.set_registers(r);
}

void Cpu::update_debug() {
  bool step = observed || (system_flags & Eflags::TF) || (msr.debugctl & DebugControl::LBR);
  std::vector<LinAddr> pages = watched;
  for (unsigned n = 0; n < 4; ++n) {
    const DebugBreakpoint b = debug_breakpoint(*this, n);
    if (!b.enabled) continue;
    if (b.kind == DebugBreakpoint::execution || b.kind == DebugBreakpoint::input_output) {
      step = true;
      continue;
    }
    const LinAddr page = LinAddr(b.first).page();  // aligned to its length, it lies in one page
    if (std::find(pages.begin(), pages.end(), page) == pages.end()) pages.push_back(page);
  }
  mmu.set_watched_pages(pages);
  attention = (attention & ~Attention::step) | (step ? Attention::step : 0);
}

void Cpu::restored() {
  // A saved state is data from outside: nothing is indexed by what it claims.
  shutdown_chain_length =
      static_cast<u8>(std::min<std::size_t>(shutdown_chain_length, shutdown_chain.size()));
  x87.top &= 7;
  cpl &= 3;
  zero = 0;
  page_size = page_bytes;
  for (Segment& s : segment) s.update();
  chain_end = ChainEnd::boundary;
  fault = Fault{};
  alone = false;
  mmu.flush_all();
  update_mode();
  update_translation();
  update_privilege();
  update_debug();
}

}  // namespace ringside
