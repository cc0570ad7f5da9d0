// Owns the pending bits, and the injection of events. The manual's "Event Injection" and "Information for VM
// Exits That Occur During Event Delivery".
#include "roms/loft/events.h"

#include "roms/loft/schedule.h"

namespace loft {
namespace {

// Bits of the interruption-information fields.
constexpr u64 valid = 1ul << 31, with_error_code = 1 << 11, hardware_exception = 3 << 8;
// Interruptibility: the instruction after STI or MOV SS is still protected.
constexpr u64 blocked_by_sti_or_mov_ss = 3;

Port* port_of(Domain& d, u64 number) { return number < most_ports ? &d.ports[number] : nullptr; }

u32 free_port(Domain& d) {
  u32 number = 2;
  while (number < most_ports && d.ports[number].state != Port::unused) ++number;
  return number;
}

bool interruptible() {
  return vmread(GUEST_RFLAGS) & RFLAGS::IF &&
         !(vmread(GUEST_INTERRUPTIBILITY_STATE) & blocked_by_sti_or_mov_ss);
}

void want_window(bool wanted) {
  const u64 controls = vmread(PRIMARY_CONTROLS), window = primary_control::interrupt_window_exiting;
  vmwrite(PRIMARY_CONTROLS, wanted ? controls | window : controls & ~window);
}

// The 8259s interrupt virtual CPU 0 alone, as they do on a PC.
bool pic_interrupts(const Vcpu& v) { return v.number == 0 && v.domain->pic.interrupts(); }
bool apic_interrupts(const Vcpu& v) { return v.number == 0 && v.domain->apic.interrupts(); }

}  // namespace

void set_pending(Domain& d, u32 port) {
  if (!d.shared) return;
  const u64 bit_of_port = bit(port);
  // The guest clears bits at the same time on another CPU, hence the LOCK. A bit that is set already has been
  // told.
  if (__atomic_fetch_or(&d.shared->pending, bit_of_port, __ATOMIC_SEQ_CST) & bit_of_port) return;
  if (d.shared->masked & bit_of_port) return;
  d.vcpus[0].event_waits = true;
  wake(d.vcpus[0]);
}

i64 set_shared_page(Domain& d, u64 address, u64 vector) {
  const u64 host = d.ept.host_address(address, EptRights::read | EptRights::write);
  if (!host || address % page_bytes || vector < 32 || vector > 255) return refused_bad_argument;
  d.shared = at<SharedPage>(host);
  d.event_vector = static_cast<u8>(vector);
  return 0;
}

i64 allocate_port(Domain& d, u64 other) {
  const Domain* partner = find_domain(other, d);
  const u32 number = free_port(d);
  if (!partner) return refused_not_there;
  if (number == most_ports) return refused_no_room;
  d.ports[number] = {Port::waiting, static_cast<u8>(partner->number), 0};
  return number;
}

// Only a port that waits for this very domain can be bound to: nobody gets a channel to somebody who did not
// offer one.
i64 bind_port(Domain& d, u64 other, u64 other_port) {
  Domain* partner = find_domain(other, d);
  Port* there = partner ? port_of(*partner, other_port) : nullptr;
  if (!there || there->state != Port::waiting) return refused_not_there;
  if (there->domain != d.number) return refused_not_allowed;
  const u32 number = free_port(d);
  if (number == most_ports) return refused_no_room;
  d.ports[number] = {Port::connected, static_cast<u8>(partner->number), static_cast<u8>(other_port)};
  *there = {Port::connected, static_cast<u8>(d.number), static_cast<u8>(number)};
  return number;
}

i64 send_event(Domain& d, u64 number) {
  const Port* port = port_of(d, number);
  if (!port || port->state != Port::connected || number < 2) return refused_not_there;
  // The other one may have ended meanwhile, and its place may be another's: that one does not get the event.
  Domain& partner = domain(port->domain);
  const Port& back = partner.ports[port->port];
  if (!partner.exists || back.state != Port::connected || back.domain != d.number || back.port != number)
    return refused_not_there;
  set_pending(partner, port->port);
  return 0;
}

bool has_something_to_do(const Vcpu& v) { return v.event_waits || pic_interrupts(v) || apic_interrupts(v); }

void deliver_events(Vcpu& v) {
  const bool taken =
      vmread(VM_ENTRY_INTERRUPTION_INFORMATION) & valid;  // by an exception, or an event that was cut short
  const bool waits = has_something_to_do(v);
  if (waits && !taken && interruptible()) {
    u8 vector = v.domain->event_vector;
    if (v.event_waits) {
      v.event_waits = false;
      ++v.domain->shared->upcalls;
    } else {
      vector = pic_interrupts(v) ? v.domain->pic.acknowledge() : v.domain->apic.acknowledge();
    }
    vmwrite(VM_ENTRY_INTERRUPTION_INFORMATION, valid | vector);  // type 0 is an external interrupt
    want_window(has_something_to_do(v));
  } else {
    want_window(waits);
  }
}

void keep_cut_event(Vcpu&) {
  const u64 information = vmread(IDT_VECTORING_INFORMATION);
  if (!(information & valid)) return;
  // Bit 12 is undefined there, and reserved where it goes.
  vmwrite(VM_ENTRY_INTERRUPTION_INFORMATION, information & ~(1ul << 12));
  if (information & with_error_code) vmwrite(VM_ENTRY_EXCEPTION_ERROR_CODE, vmread(IDT_VECTORING_ERROR_CODE));
  vmwrite(VM_ENTRY_INSTRUCTION_LENGTH, vmread(VM_EXIT_INSTRUCTION_LENGTH));  // for software interrupts
}

void inject_exception(u8 vector) {
  vmwrite(VM_ENTRY_INTERRUPTION_INFORMATION, valid | hardware_exception | vector);
}

void inject_exception(u8 vector, u32 error_code) {
  vmwrite(VM_ENTRY_INTERRUPTION_INFORMATION, valid | hardware_exception | with_error_code | vector);
  vmwrite(VM_ENTRY_EXCEPTION_ERROR_CODE, error_code);
}

}  // namespace loft
