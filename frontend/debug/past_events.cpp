// Owns the hearing of a CPU's events while the past is run through, and their words.
#include "frontend/debug/past_events.h"

#include <fmt/format.h>

#include "vmx/explain_exit.h"

namespace ringside {

std::string PastEvent::text() const {
  switch (kind) {
    case Kind::exception: return fmt::format("delivery of {}", vector_text(vector, true));
    case Kind::interrupt: return fmt::format("delivery of interrupt {:#x}", vector);
    case Kind::vm_entry: return fmt::format("VM entry of VMCS {:#x}", region);
    case Kind::vm_exit:
      return fmt::format("VM exit, reason {}: {}", static_cast<unsigned>(exit.reason), headline(exit));
    case Kind::reset: return "reset of the CPU";
    case Kind::port_access: return fmt::format("access to port {:#x}", port);
  }
  return {};
}

PastEvents::PastEvents(Cpu& cpu) : looks_at_cpu_(cpu.observers.attach(*this)) {
  if (cpu.vmx) looks_at_vmx_ = cpu.vmx->observers.attach(*this);
}

bool PastEvents::stops_before(Cpu& cpu, LinAddr, HostPhys physical) {
  if (told_) told_(cpu, physical);
  return false;
}

void PastEvents::exception(Cpu&, const Fault& fault, u64) {
  heard_.push_back({.kind = PastEvent::Kind::exception, .vector = static_cast<u8>(fault.vector)});
}
void PastEvents::interrupt(Cpu&, u8 vector, u64) {
  heard_.push_back({.kind = PastEvent::Kind::interrupt, .vector = vector});
}
void PastEvents::port_access(Cpu&, u16 port, unsigned, bool, u32) {
  heard_.push_back({.kind = PastEvent::Kind::port_access, .port = port});
}
void PastEvents::was_reset(Cpu&, bool) { heard_.push_back({.kind = PastEvent::Kind::reset}); }

void PastEvents::entered(Cpu& cpu) {
  const Vmcs* const vmcs = cpu.vmx->current;
  heard_.push_back({.kind = PastEvent::Kind::vm_entry, .region = vmcs ? vmcs->region.value : 0});
}
void PastEvents::exited(Cpu& cpu, const ExitInfo& exit) {
  const Vmcs* const vmcs = cpu.vmx->current;
  heard_.push_back({.kind = PastEvent::Kind::vm_exit, .region = vmcs ? vmcs->region.value : 0, .exit = exit});
}

}  // namespace ringside
