// Owns what becomes of a fault: its delivery, the faults met on the way, the double fault and shutdown.
#include <fmt/format.h>

#include "cpu/exec/core/alone.h"
#include "cpu/exec/core/block.h"
#include "cpu/exec/events/deliver.h"
#include "cpu/state/observer.h"
#include "vmx/event_exits.h"
#include "vmx/transitions.h"

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

// The chain begins with the event that began it. The double fault is left out: it stands before the last
// fault of every chain that ends, and says nothing of its own. What is left of a long chain are its beginning
// and its end.
void remember(Cpu& cpu, const Fault& fault) {
  if (fault.vector == Vector::DF) return;
  if (cpu.shutdown_chain_length == cpu.shutdown_chain.size()) {
    std::copy(cpu.shutdown_chain.begin() + 2, cpu.shutdown_chain.end(), cpu.shutdown_chain.begin() + 1);
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

// `second` arose while `first` was delivered. Outcome::fault: `next` is to be delivered.
Outcome combine(Cpu& cpu, const Fault& first, Fault second, Fault& next) {
  if (cpu.non_root && exits_by_fault(cpu, second, saved_flags(cpu, second), undone_length(cpu)))
    return Outcome::exit;
  switch (next_of(first.vector, second.vector)) {
    case Next::serially:
      // #AC by the push for #AC: processors loop here for ever. The instruction comes again instead, so
      // that the machine can still be stopped.
      if (class_of(second.vector) == Class::benign && first.vector == second.vector) return Outcome::again;
      next = second;
      remember(cpu, second);
      return Outcome::fault;
    case Next::double_fault:
      record_exception(cpu, second);
      remember(cpu, second);
      next = Fault::exception(Vector::DF);
      if (cpu.non_root) cpu.vmx->vectoring = {};
      return Outcome::fault;
    case Next::shutdown: break;
  }
  record_exception(cpu, second);
  remember(cpu, second);
  if (cpu.non_root) {
    exit_by_triple_fault(cpu);
    return Outcome::exit;
  }
  enter_shutdown(cpu);
  return Outcome::shutdown;
}

// Until something is delivered, the guest is to be left or the CPU shuts down: benign, contributory, page
// fault, double fault. Only benign ones can begin anew: where #AC by the push for #NP meets a gate for #AC
// that is not present, processors loop for ever. Here as in combine() the instruction comes again.
Outcome deliver_chain(Cpu& cpu, Fault fault, bool remembered) {
  constexpr unsigned longest = 8;
  for (unsigned length = 0; length < longest; ++length) {
    if (cpu.non_root) [[unlikely]] {
      const u64 flags = saved_flags(cpu, fault);
      if (exits_by_fault(cpu, fault, flags, undone_length(cpu))) return Outcome::exit;
      begin_vectoring(cpu, fault, flags);
    }
    record_exception(cpu, fault);
    if (!remembered) remember(cpu, fault);
    const u64 from = cpu.rip;
    Outcome outcome = outcome_of(cpu, deliver_exception(cpu, fault));
    if (outcome == Outcome::delivered) [[likely]] {
      cpu.rip = cpu.next_rip;
      tell_entered(cpu, fault, from);
      cpu.shutdown_chain_length = 0;
      return outcome;
    }
    if (outcome == Outcome::fault) {
      const Fault second = cpu.fault;
      outcome = combine(cpu, fault, second, fault);
      remembered = true;
    }
    if (outcome != Outcome::fault) return outcome;
  }
  return Outcome::again;
}

}  // namespace

namespace {

// What follows `outcome`; the chain of events holds already what came before.
Outcome go_on(Cpu& cpu, Outcome outcome, const Vector* first) {
  const Alone alone(cpu);
  const bool combines = outcome == Outcome::fault && first;
  Fault fault = cpu.fault;
  if (combines) {
    remember(cpu, Fault::exception(*first));
    outcome = combine(cpu, Fault::exception(*first), cpu.fault, fault);
  }
  if (outcome == Outcome::fault) outcome = deliver_chain(cpu, fault, combines);
  if (cpu.vmx) cpu.vmx->vectoring = {};
  return outcome;
}

constexpr u8 first_interrupt = 32;  // vectors below are exceptions' and the NMI's

}  // namespace

Outcome finish_delivery(Cpu& cpu, Outcome outcome, const Vector* first) {
  cpu.shutdown_chain_length = 0;
  return go_on(cpu, outcome, first);
}

namespace {

std::string name_of(Vector v) {
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
  return fmt::format("interrupt {:#x}", static_cast<unsigned>(v));
}

}  // namespace

Outcome deliver_fault(Cpu& cpu) { return finish_delivery(cpu, Outcome::fault, nullptr); }

Outcome deliver_or_chain(Cpu& cpu, const Event& event) {
  if (cpu.non_root) begin_vectoring(cpu, event);
  const Outcome outcome = deliver_event(cpu, event, cpu.rip);
  if (outcome == Outcome::delivered) {
    if (cpu.vmx) cpu.vmx->vectoring = {};
    return outcome;
  }
  cpu.shutdown_chain_length = 0;
  const Vector vector = static_cast<Vector>(event.vector);
  if (vector == Vector::NMI || event.vector >= first_interrupt) remember(cpu, Fault::exception(vector));
  return go_on(cpu, outcome, nullptr);
}

std::string shutdown_reason(const Cpu& cpu) {
  if (cpu.activity != Activity::shutdown) return {};
  if (std::string abort = abort_reason(cpu); !abort.empty()) return abort;
  const std::string chain = exception_chain(cpu);
  return chain.empty() ? "shutdown" : "triple fault: " + chain;
}

std::string exception_chain(const Cpu& cpu) {
  std::string text;
  for (unsigned i = 0; i < cpu.shutdown_chain_length; ++i) {
    const Cpu::FailedDelivery& f = cpu.shutdown_chain[i];
    if (i) text += ", then ";
    if (i + 1u == cpu.shutdown_chain_length)
      text += fmt::format("#DF(0x0) at {:04x}:{:#x}, then ", f.cs, f.rip);
    text += name_of(f.vector);
    if (has_error_code(f.vector)) text += fmt::format("({:#x})", f.error);
    if (f.vector == Vector::PF) text += fmt::format(" for address {:#x}", f.address);
    text += fmt::format(" at {:04x}:{:#x}", f.cs, f.rip);
  }
  return text;
}

}  // namespace ringside
