// Owns the exit information of EPT-induced VM exits and the virtualization-exception information area.
#include "vmx/ept_exit.h"

#include "vmx/apic_virtualization.h"
#include "vmx/ept.h"

namespace ringside {
namespace {

// "Virtualization-Exception Information": offsets in the area.
constexpr unsigned reason_at = 0, busy_at = 4, qualification_at = 8, linear_at = 16, physical_at = 24,
                   index_at = 32;
constexpr u32 busy = 0xffffffff;

}  // namespace

ExitInfo ept_exit(const Cpu& cpu, const Fault& fault) {
  const SecondStageFault& stage = fault.stage;
  if (stage.apic_access) return apic_access_exit(cpu, 0, AccessKind::read, false);
  ExitInfo exit;
  if (stage.bits & EptFault::log_full) {
    exit.reason = ExitReason::page_modification_log_full;
    exit.cause = {ExitCause::Kind::control, VmxControl::pml};
    return exit;
  }
  exit.cause = {ExitCause::Kind::control, VmxControl::ept};
  exit.physical = stage.address.value;
  if (stage.misconfiguration) {
    exit.reason = ExitReason::ept_misconfiguration;
    return exit;
  }
  exit.reason = ExitReason::ept_violation;
  exit.qualification = stage.bits & 0xffffffff;
  if (stage.linear_valid)
    exit.linear = cpu.mode.bits64 ? stage.linear.value : stage.linear.value & 0xffffffff;
  return exit;
}

bool convert_to_virtualization_exception(Cpu& cpu, Fault& fault, bool delivering) {
  const Vmx& vmx = *cpu.vmx;
  if (fault.kind != Fault::Kind::second_stage || !(fault.stage.bits & EptFault::convertible) || delivering) {
    return false;
  }
  if (!vmx.controls.has(VmxControl::ept_violation_ve) || vmx.current == nullptr || !(cpu.cr0 & Cr0::PE)) {
    return false;
  }
  PhysicalMemory& memory = cpu.mmu.memory();
  const HostPhys area((*vmx.current)[Field::VE_INFORMATION_ADDRESS]);
  if (memory.read(area + busy_at, 4) != 0) return false;
  const ExitInfo exit = ept_exit(cpu, fault);
  memory.write(area + reason_at, 4, static_cast<u64>(exit.reason));
  memory.write(area + busy_at, 4, busy);
  memory.write(area + qualification_at, 8, exit.qualification);
  memory.write(area + linear_at, 8, exit.linear);
  memory.write(area + physical_at, 8, exit.physical);
  memory.write(area + index_at, 2, (*vmx.current)[Field::EPTP_INDEX]);
  fault = Fault::exception(Vector::VE);
  return true;
}

}  // namespace ringside
