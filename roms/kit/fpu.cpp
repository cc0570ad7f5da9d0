// Owns the switch of x87 and SSE registers, with all that CR0.TS has to do with it.
#include "roms/kit/fpu.h"

#include "roms/kit/variants.h"
#include "roms/kit/vmx.h"

namespace kit {
namespace {

// A host that keeps its own programs from these registers by CR0.TS wants no #NM here.
template <class Action>
void without_ts(Action action) {
  const u64 cr0 = read_cr0();
  if (cr0 & CR0::TS) write_cr0(cr0 & ~CR0::TS);
  action();
  if (cr0 & CR0::TS) write_cr0(cr0);
}

void load(GuestFpu& fpu) {
  without_ts([&] { asm volatile("fxrstor64 %0" : : "m"(fpu.image)); });
  fpu.loaded = true;
}

// CR0.TS is the hypervisor's, and 1, or the guest's. Either way the guest reads its own.
void own_ts(bool ours) {
  const u64 cr0 = guest_cr0(), mask = vmread(CR0_GUEST_HOST_MASK), exceptions = vmread(EXCEPTION_BITMAP);
  vmwrite(CR0_GUEST_HOST_MASK, ours ? mask | CR0::TS : mask & ~CR0::TS);
  set_guest_cr0(cr0);
  vmwrite(EXCEPTION_BITMAP,
          ours ? exceptions | bit(device_not_available) : exceptions & ~bit(device_not_available));
}

}  // namespace

void reset_fpu(GuestFpu& fpu) {
  constexpr u16 control_word = 0x37f;  // all exceptions masked
  constexpr u32 mxcsr = 0x1f80;
  fpu = {};
  memcpy(fpu.image, &control_word, sizeof control_word);
  memcpy(fpu.image + 24, &mxcsr, sizeof mxcsr);
}

void arrive(GuestFpu& fpu) {
  if (variants.lazy_fpu)
    own_ts(true);
  else
    load(fpu);
}

void leave(GuestFpu& fpu) {
  if (!fpu.loaded) return;
  without_ts([&] { asm volatile("fxsave64 %0" : "=m"(fpu.image)); });
  fpu.loaded = false;
}

u64 guest_cr0() {
  const u64 mask = vmread(CR0_GUEST_HOST_MASK);
  return (vmread(GUEST_CR0) & ~mask) | (vmread(CR0_READ_SHADOW) & mask);
}

void set_guest_cr0(u64 value) {
  constexpr u64 ones = CR0::NE | CR0::PE | CR0::PG | CR0::WP | CR0::TS;
  const u64 mask = vmread(CR0_GUEST_HOST_MASK);
  vmwrite(CR0_READ_SHADOW, value);
  vmwrite(GUEST_CR0, (value & ~mask) | (ones & mask));
}

u64 after_lmsw(u64 value) {
  const u64 cr0 = guest_cr0();
  return (cr0 & ~14ul) | (value & 15);
}

bool lend_fpu(GuestFpu& fpu) {
  if (guest_cr0() & (CR0::TS | CR0::EM)) return false;
  load(fpu);
  own_ts(false);
  return true;
}

// Whoever clears it will use the registers next.
void clear_task_switched(GuestFpu& fpu) {
  set_guest_cr0(guest_cr0() & ~CR0::TS);
  lend_fpu(fpu);
}

}  // namespace kit
