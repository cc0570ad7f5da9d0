// Owns what Hyper-V answers: its leaves, its MSRs, its pages, and the hypercalls that are worth something
// here.
#include "roms/loft/hyperv.h"

#include "roms/kit/clock.h"
#include "roms/kit/hypercalls.h"
#include "roms/kit/print.h"
#include "roms/loft/events.h"
#include "roms/loft/vcpu.h"

namespace loft {
namespace {

enum Msr : u32 {
  HV_X64_MSR_GUEST_OS_ID = 0x40000000,
  HV_X64_MSR_HYPERCALL = 0x40000001,
  HV_X64_MSR_VP_INDEX = 0x40000002,
  HV_X64_MSR_TIME_REF_COUNT = 0x40000020,
  HV_X64_MSR_REFERENCE_TSC = 0x40000021,
  HV_X64_MSR_TSC_FREQUENCY = 0x40000022,
  HV_X64_MSR_APIC_FREQUENCY = 0x40000023,
  HV_X64_MSR_VP_ASSIST_PAGE = 0x40000073,
};

constexpr u64 in_use = 1;

// Time is counted in units of 100 ns, as the time-stamp counter times this, divided by 2^64. In two steps,
// because 10,000 times 2^64 is a number of 78 bits.
u64 scale() {
  const u64 ticks = ticks_a_millisecond(), units = 10'000;
  const u64 high = (units << 32) / ticks, rest = (units << 32) % ticks;
  return high << 32 | (rest << 32) / ticks;
}
u64 reference_time() { return static_cast<u64>(static_cast<unsigned __int128>(rdtsc()) * scale() >> 64); }

// A page that says how to make the time of the time-stamp counter: a guest that has it never asks again. A
// sequence of 0 would say that the counter cannot be trusted.
struct ReferencePage {
  u32 sequence, reserved;
  u64 scale;
  i64 offset;
};

bool fill_reference_page(Domain& d, u64 page) {
  const ReferencePage contents = {1, 0, scale(), 0};
  return !(page & in_use) || write_memory(d, page & ~(page_bytes - 1), &contents, sizeof contents);
}

// Which instruction makes a hypercall is the hypervisor's to say: the guest calls this page.
bool fill_hypercall_page(Domain& d, u64 page) {
  constexpr u8 code[] = {0x0f, 0x01, 0xc1, 0xc3};  // VMCALL; RET
  return !(page & in_use) || write_memory(d, page & ~(page_bytes - 1), code, sizeof code);
}

// A hypercall's parameters go through memory, at the guest-physical addresses in RDX (input) and R8 (output);
// or, if the call is fast, the input is RDX and R8.
enum class Status : u64 {
  success = 0,
  invalid_hypercall_code = 2,
  invalid_hypercall_input = 3,
  invalid_alignment = 4,
};

constexpr u64 fast = bit(16), reserved = 0xf000f000fffe0000, list = 0x0fff0fff00000000;

// The TLFS has one status for all that a parameter's address can be: not aligned to 8 bytes, over a page's
// end, or where the guest has no memory.
bool may_lie_at(u64 address, u64 bytes) {
  return address % 8 == 0 && address % page_bytes + bytes <= page_bytes;
}
Status read_input(Vcpu& v, bool is_fast, void* to, u64 bytes) {
  const u64 registers[2] = {v.registers.rdx, v.registers.r8};
  if (is_fast) return memcpy(to, registers, bytes), Status::success;
  const bool good = may_lie_at(v.registers.rdx, bytes) && read_memory(*v.domain, v.registers.rdx, to, bytes);
  return good ? Status::success : Status::invalid_alignment;
}
Status write_output(Vcpu& v, const void* from, u64 bytes) {
  const bool good = may_lie_at(v.registers.r8, bytes) && write_memory(*v.domain, v.registers.r8, from, bytes);
  return good ? Status::success : Status::invalid_alignment;
}

// HvCallNotifyLongSpinWait: somebody has spun for a lock, so often, whose owner has no CPU. Let others run,
// the owner among them.
Status notify_long_spin_wait(Vcpu& v, bool is_fast) {
  u64 spins = 0;
  const Status status = read_input(v, is_fast, &spins, sizeof spins);
  if (status == Status::success) v.yields = true;
  return status;
}

// HvExtCallQueryCapabilities: which of the calls from 8002H on there are. None: but now the guest knows.
Status query_capabilities(Vcpu& v, bool is_fast) {
  const u64 capabilities = 0;
  return is_fast ? Status::invalid_hypercall_input : write_output(v, &capabilities, sizeof capabilities);
}

struct Row {
  u64 code;
  const char* name;
  Status (*call)(Vcpu& v, bool is_fast);
};
constexpr Row rows[] = {{0x0008, "HvCallNotifyLongSpinWait", notify_long_spin_wait},
                        {0x8001, "HvExtCallQueryCapabilities", query_capabilities}};

Status answer(Vcpu& v, u64 input) {
  for (const Row& row : rows) {
    if (row.code != (input & 0xffff)) continue;
    if (input & (reserved | list)) return Status::invalid_hypercall_input;
    const Status status = row.call(v, input & fast);
    HyperV& h = v.domain->hyperv;
    if (status == Status::success && !h.calls++)
      print("loft: domain ", v.domain->number, " calls Hyper-V, first ", row.name, "\n");
    return status;
  }
  return Status::invalid_hypercall_code;
}

}  // namespace

CpuidResult hyperv_leaf(u32 leaf) {
  switch (leaf - hypervisor_leaf) {
    case 0: return letters(hypervisor_leaf + 5, "Microsoft Hv");
    case 1: return {0x31237648, 0, 0, 0};  // "Hv#1": the interface is the one that everybody knows
    case 2:
      return {1, 1 << 16, 0, 0};  // build 1 of version 1.0
    // EAX, what may be asked: the reference counter, the hypercall's MSRs, the number of the virtual
    // processor, the reference page, the frequencies. EBX, what may be called: the extended hypercalls. EDX:
    // the frequencies' MSRs are there.
    case 3: return {bit(1) | bit(5) | bit(6) | bit(9) | bit(11), bit(20), 0, bit(8)};
    case 4: return {0, ~0u, 0, 0};         // nothing is recommended; a spinlock need never ask for help
    case 5: return {most_vcpus, 0, 0, 0};  // limits
    default: return {};
  }
}

bool read_synthetic_msr(Vcpu& v, u32 number, u64& value) {
  const HyperV& h = v.domain->hyperv;
  switch (number) {
    case HV_X64_MSR_GUEST_OS_ID: value = h.guest_os_id; return true;
    case HV_X64_MSR_HYPERCALL: value = h.hypercall_page; return true;
    case HV_X64_MSR_VP_INDEX: value = v.number; return true;
    case HV_X64_MSR_TIME_REF_COUNT: value = reference_time(); return true;
    case HV_X64_MSR_REFERENCE_TSC: value = h.reference_page; return true;
    case HV_X64_MSR_TSC_FREQUENCY: value = ticks_a_millisecond() * 1000; return true;
    case HV_X64_MSR_APIC_FREQUENCY: value = LocalApic::timer_frequency; return true;
    case HV_X64_MSR_VP_ASSIST_PAGE: value = h.assist_page; return true;
    default: return false;
  }
}

bool write_synthetic_msr(Vcpu& v, u32 number, u64 value) {
  Domain& d = *v.domain;
  HyperV& h = d.hyperv;
  switch (number) {
    case HV_X64_MSR_GUEST_OS_ID: h.guest_os_id = value; return true;
    // Who has not said what it is gets no page.
    case HV_X64_MSR_HYPERCALL:
      if (!h.guest_os_id) value &= ~in_use;
      if (!fill_hypercall_page(d, value)) return false;
      h.hypercall_page = value;
      return true;
    case HV_X64_MSR_REFERENCE_TSC:
      if (!fill_reference_page(d, value)) return false;
      h.reference_page = value;
      return true;
    // For virtual APICs and nested hypervisors, which are not here: the guest may have its page.
    case HV_X64_MSR_VP_ASSIST_PAGE: h.assist_page = value; return true;
    default: return false;
  }
}

// With the hypercall's page comes the right to call: a guest without one has no way to know how.
void hyperv_call(Vcpu& v) {
  if (!(v.domain->hyperv.hypercall_page & in_use)) return inject_exception(6);
  // Behind the status comes how many elements of a list are done; no call here has a list.
  v.registers.rax = static_cast<u64>(answer(v, v.registers.rcx));
}

}  // namespace loft
