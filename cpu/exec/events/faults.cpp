// Owns what becomes of a fault: its delivery, the faults met on the way, the double fault and shutdown.
#include <fmt/format.h>

#include "cpu/exec/events/deliver.h"

namespace ringside {
namespace {

enum class Class : u8 { benign, contributory, page_fault, double_fault };

// The manual's "Interrupt and Exception Classes".
Class class_of(Vector v) {
  switch (v) {
    case Vector::DE:
    case Vector::TS:
    case Vector::NP:
    case Vector::SS:
    case Vector::GP:
    case Vector::CP: return Class::contributory;
    case Vector::PF:
    case Vector::VE: return Class::page_fault;
    case Vector::DF: return Class::double_fault;
    default: return Class::benign;
  }
}

enum class Next : u8 { serially, double_fault, shutdown };

// The manual's "Conditions for Generating a Double Fault": `first` was on its way when `second` arose.
Next next_of(Vector first, Vector second) {
  const Class f = class_of(first), s = class_of(second);
  if (s == Class::benign) return Next::serially;
  switch (f) {
    case Class::double_fault: return Next::shutdown;
    case Class::contributory: return s == Class::contributory ? Next::double_fault : Next::serially;
    case Class::page_fault: return Next::double_fault;
    default: return Next::serially;
  }
}

void enter_shutdown(Cpu& cpu) {
  cpu.activity = Activity::shutdown;
  cpu.attention |= Attention::activity;
}

void remember(Cpu& cpu, const Fault& fault) {
  if (cpu.shutdown_chain_length == cpu.shutdown_chain.size()) {
    std::copy(cpu.shutdown_chain.begin() + 1, cpu.shutdown_chain.end(), cpu.shutdown_chain.begin());
    --cpu.shutdown_chain_length;
  }
  cpu.shutdown_chain[cpu.shutdown_chain_length++] = {
      fault.vector, has_error_code(fault.vector) ? fault.error : 0,
      fault.vector == Vector::PF ? fault.address : 0, cpu.segment[CS].selector, cpu.rip};
}

// What an exception writes before its handler is looked for.
void record_exception(Cpu& cpu, const Fault& fault) {
  if (fault.vector == Vector::PF) cpu.cr2 = fault.address;
  if (fault.vector == Vector::DB) record_debug_exception(cpu, fault.address);
}

// The value of RF that is saved: set by faults, but not by an instruction breakpoint.
u64 saved_flags(const Cpu& cpu, const Fault& fault) {
  const bool general_detect = fault.vector == Vector::DB && (fault.address & Dr6::BD);
  const bool keeps = (fault.vector == Vector::DB && !general_detect) || fault.vector == Vector::DF ||
                     fault.vector == Vector::MC;
  return cpu.eflags() | (keeps ? 0 : Eflags::RF);
}

bool deliver_exception(Cpu& cpu, const Fault& fault) {
  const Delivery d{{EventType::hardware_exception, static_cast<u8>(fault.vector),
                    has_error_code(fault.vector), fault.error},
                   cpu.rip,
                   saved_flags(cpu, fault)};
  return deliver(cpu, d);
}

// Until something is delivered or the CPU shuts down: at most benign, contributory, page fault, double fault.
void deliver_chain(Cpu& cpu, Fault fault) {
  for (;;) {
    record_exception(cpu, fault);
    remember(cpu, fault);
    if (deliver_exception(cpu, fault)) [[likely]] {
      cpu.rip = cpu.next_rip;
      cpu.shutdown_chain_length = 0;
      return;
    }
    const Fault second = cpu.fault;
    switch (next_of(fault.vector, second.vector)) {
      case Next::serially:
        // #AC by the push for #AC: processors loop here for ever. The instruction comes again instead, so
        // that the machine can still be stopped.
        if (class_of(second.vector) == Class::benign) return;
        fault = second;
        break;
      case Next::double_fault:
        record_exception(cpu, second);
        remember(cpu, second);
        fault = Fault::exception(Vector::DF);
        break;
      case Next::shutdown:
        record_exception(cpu, second);
        remember(cpu, second);
        enter_shutdown(cpu);
        return;
    }
  }
}

std::string_view name_of(Vector v) {
  switch (v) {
    case Vector::DE: return "#DE";
    case Vector::DB: return "#DB";
    case Vector::NMI: return "NMI";
    case Vector::BP: return "#BP";
    case Vector::OF: return "#OF";
    case Vector::BR: return "#BR";
    case Vector::UD: return "#UD";
    case Vector::NM: return "#NM";
    case Vector::DF: return "#DF";
    case Vector::TS: return "#TS";
    case Vector::NP: return "#NP";
    case Vector::SS: return "#SS";
    case Vector::GP: return "#GP";
    case Vector::PF: return "#PF";
    case Vector::MF: return "#MF";
    case Vector::AC: return "#AC";
    case Vector::MC: return "#MC";
    case Vector::XM: return "#XM";
    case Vector::VE: return "#VE";
    case Vector::CP: return "#CP";
  }
  return "an event";
}

}  // namespace

void deliver_fault(Cpu& cpu) {
  const bool alone = cpu.alone;
  cpu.alone = true;
  cpu.shutdown_chain_length = 0;
  deliver_chain(cpu, cpu.fault);
  cpu.alone = alone;
}

void deliver_or_chain(Cpu& cpu, const Event& event) {
  if (deliver_event(cpu, event, cpu.rip)) return;
  // The event itself counts as benign, unless it is an exception by type.
  deliver_fault(cpu);
}

std::string shutdown_reason(const Cpu& cpu) {
  if (cpu.activity != Activity::shutdown) return {};
  std::string text;
  for (unsigned i = 0; i < cpu.shutdown_chain_length; ++i) {
    const Cpu::FailedDelivery& f = cpu.shutdown_chain[i];
    if (i) text += ", then ";
    text += name_of(f.vector);
    if (has_error_code(f.vector)) text += fmt::format("({:#x})", f.error);
    if (f.vector == Vector::PF) text += fmt::format(" for address {:#x}", f.address);
    text += fmt::format(" at {:04x}:{:#x}", f.cs, f.rip);
  }
  return text.empty() ? "shutdown" : "triple fault: " + text;
}

}  // namespace ringside
