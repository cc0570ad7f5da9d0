// Owns the tests of VM exits in words: headlines, causes, and the bits of qualifications and interruption
// information.
#include <doctest/doctest.h>

#include "vmx/explain_exit.h"

using namespace ringside;

namespace {

ExitInfo exit_of(ExitReason reason, u64 qualification = 0) {
  ExitInfo exit;
  exit.reason = reason;
  exit.qualification = qualification;
  return exit;
}

std::string joined(const std::vector<ExplainedPart>& parts) {
  std::string all;
  for (const ExplainedPart& part : parts) all += (all.empty() ? "" : "; ") + part.bits + ": " + part.meaning;
  return all;
}
std::string qualification(ExitReason reason, u64 value) {
  return joined(explain_exit(exit_of(reason, value)).qualification);
}
std::string cause(ExitReason reason, ExitCause::Kind kind, u64 detail, u64 qualification = 0) {
  ExitInfo exit = exit_of(reason, qualification);
  exit.cause = {kind, VmxControl::count, detail};
  return explain_exit(exit).cause;
}
constexpr u64 port(u64 number, u64 bytes) { return number << 16 | (bytes - 1); }

using Kind = ExitCause::Kind;
using R = ExitReason;

}  // namespace

TEST_CASE("the bitmap of an I/O access, and accesses that wrap around") {
  CHECK(cause(R::io_instruction, Kind::io_bitmap, 0x7fff, port(0x7fff, 2)) ==
        "\"Use I/O bitmaps\" is 1 and the bit of port 0x7fff is 1 in bitmap A");
  CHECK(cause(R::io_instruction, Kind::io_bitmap, 0x8000, port(0x7fff, 2)) ==
        "\"Use I/O bitmaps\" is 1 and the bit of port 0x8000 is 1 in bitmap B");
  CHECK(cause(R::io_instruction, Kind::io_bitmap, 0xffff, port(0xffff, 1)) ==
        "\"Use I/O bitmaps\" is 1 and the bit of port 0xffff is 1 in bitmap B");
  CHECK(cause(R::io_instruction, Kind::io_bitmap, 0xfffd, port(0xfffd, 4)) ==
        "the access wraps around from port 0xffff to port 0");
}

TEST_CASE("the bitmap of an MSR, and MSRs that none covers") {
  CHECK(cause(R::rdmsr, Kind::msr_bitmap, 0x1b) ==
        "the bit of MSR 0x1b is 1 in the read bitmap for low MSRs");
  CHECK(cause(R::wrmsr, Kind::msr_bitmap, 0x1fff) ==
        "the bit of MSR 0x1fff is 1 in the write bitmap for low MSRs");
  CHECK(cause(R::wrmsr, Kind::msr_bitmap, 0xc0000080) ==
        "the bit of MSR 0xc0000080 is 1 in the write bitmap for high MSRs");
  for (const u64 outside : {u64{0x2000}, u64{0x40000000}, u64{0xbfffffff}, u64{0xc0002000}})
    CHECK(cause(R::rdmsr, Kind::msr_bitmap, outside).find("in neither range of the MSR bitmaps") !=
          std::string::npos);
}

TEST_CASE("the bitmap of a VMCS field, and encodings that it does not cover") {
  CHECK(cause(R::vmread, Kind::vmcs_bitmap, 0x6800) ==
        "the bit of field encoding 0x6800 is 1 in the VMREAD bitmap");
  CHECK(cause(R::vmwrite, Kind::vmcs_bitmap, 0x7fff) ==
        "the bit of field encoding 0x7fff is 1 in the VMWRITE bitmap");
  CHECK(cause(R::vmwrite, Kind::vmcs_bitmap, 0x8000) ==
        "the field encoding 0x8000 has bits above 14, which the VMWRITE bitmap does not cover");
}

TEST_CASE("the other causes") {
  ExitInfo exit = exit_of(R::hlt);
  exit.cause = {Kind::control, VmxControl::hlt_exiting};
  CHECK(explain_exit(exit).cause == "\"HLT exiting\" is 1");
  exit.cause = {Kind::absent_control, VmxControl::msr_bitmaps};
  CHECK(explain_exit(exit).cause == "\"Use MSR bitmaps\" is 0");
  CHECK(cause(R::cpuid, Kind::unconditional, 0) == "it always causes a VM exit in VMX non-root operation");
  CHECK(cause(R::exception_or_nmi, Kind::exception_bitmap, 6) == "bit 6 of the exception bitmap is 1");
  CHECK(cause(R::exception_or_nmi, Kind::exception_bitmap, 14).find("page-fault error-code mask") !=
        std::string::npos);
  CHECK(
      cause(R::control_register_access, Kind::mask, 0x2000).starts_with("bits 0x2000 are owned by the host"));
  CHECK(cause(R::xsaves, Kind::xss_bitmap, 0x100) == "bits 0x100 of the XSS-exiting bitmap are selected");
  CHECK(cause(R::virtualized_eoi, Kind::eoi_bitmap, 64) == "bit 64 of the EOI-exit bitmap is 1");
  CHECK(cause(R::tpr_below_threshold, Kind::threshold, 5) ==
        "the virtual task priority is below the TPR threshold 5");
}

TEST_CASE("qualifications, bit by bit") {
  CHECK(qualification(R::task_switch, 0x28 | u64{3} << 30) ==
        "bits 15:0: the new task's TSS selector is 0x28; bits 31:30: by a task gate in the IDT");
  CHECK(qualification(R::task_switch, 0x28 | u64{1} << 30).ends_with("by IRET"));
  CHECK(qualification(R::control_register_access, 0x4 | 1 << 4 | 9 << 8) ==
        "bits 3:0: control register 4; bits 5:4: MOV from CR; bits 11:8: R9");
  CHECK(qualification(R::control_register_access, 2 << 4) == "bits 3:0: control register 0; bits 5:4: CLTS");
  CHECK(qualification(R::control_register_access, 3 << 4 | 1 << 6 | u64{0xfffe} << 16) ==
        "bits 3:0: control register 0; bits 5:4: LMSW; bit 6: the source is in memory; bits 31:16: LMSW's "
        "source is 0xfffe");
  CHECK(qualification(R::mov_dr, 6 | 1 << 4 | 3 << 8) ==
        "bits 2:0: debug register 6; bit 4: MOV from DR; bits 11:8: RBX");
  CHECK(
      qualification(R::io_instruction, port(0x60, 4) | 1 << 3 | 1 << 4 | 1 << 5) ==
      "bits 2:0: 4 bytes; bit 3: IN; bit 4: a string instruction; bit 5: with a REP prefix; bit 6: the port "
      "is in DX; bits 31:16: port 0x60");
  CHECK(qualification(R::mwait, 1) == "value: address-range monitoring is armed");
  CHECK(qualification(R::start_up_ipi, 0x9a) == "bits 7:0: SIPI vector 0x9a");
  CHECK(qualification(R::entry_failure_guest_state, 3) ==
        "value 3: an NMI was to be injected while events are blocked by STI");
  CHECK(qualification(R::entry_failure_guest_state, 0) == "");
  CHECK(qualification(R::vmread, 0x10) == "value: displacement 0x10 of the memory operand");
  CHECK(qualification(R::hlt, 0xffff) == "");
}

TEST_CASE("an EPT violation's qualification") {
  CHECK(
      qualification(R::ept_violation, 1 << 1 | 1 << 7 | 1 << 8) ==
      "bit 1: a write; bits 5:3: the EPT entries allow nothing: the address is not mapped; bit 8: the access "
      "was to the address itself");
  CHECK(
      qualification(R::ept_violation, 1 << 2 | 3 << 3 | 1 << 7 | 1 << 8 | 7 << 9 | 1 << 12) ==
      "bit 2: an instruction fetch; bits 5:3: the EPT entries allow RW-; bit 8: the access was to the "
      "address itself; bits 11:9: the guest's paging: user, writable, no execution; bit 12: IRET had already "
      "ended the blocking of NMIs");
  CHECK(qualification(R::ept_violation, 1 << 0 | 1 << 3 | 1 << 7)
            .ends_with("bit 8: the access was to a guest paging-structure entry on the way"));
  CHECK(qualification(R::ept_violation, 1 << 0)
            .ends_with("bit 7: there is no linear address: PDPTEs were loaded"));
  ExitInfo exit = exit_of(R::ept_violation, 3);
  exit.physical = 0x5000;
  CHECK(headline(exit) == "EPT violation: read and write of guest-physical 0x5000");
}

TEST_CASE("an APIC access has an offset if it is a linear one") {
  CHECK(headline(exit_of(R::apic_access, 0x1300)) == "APIC access at offset 0x300");
  CHECK(qualification(R::apic_access, 0x1300) ==
        "bits 11:0: offset 0x300 in the APIC-access page; bits 15:12: a data write by an instruction");
  CHECK(headline(exit_of(R::apic_access, 0xf000)) ==
        "APIC access by a paging-structure entry that lies there");
  CHECK(qualification(R::apic_access, 0xf000) == "bits 15:12: a guest-physical access for an instruction");
  CHECK(qualification(R::apic_access, 0xa000) ==
        "bits 15:12: a guest-physical access while an event is delivered");
  CHECK(headline(exit_of(R::apic_write, 0x80)) == "APIC write at offset 0x80");
}

TEST_CASE("events: vectors by name where they are exceptions'") {
  ExitInfo exit = exit_of(R::exception_or_nmi, 0x1234);
  exit.interruption = Interruption::make(14, EventType::hardware_exception, true);
  exit.interruption_error = 6;
  CHECK(headline(exit) == "#PF(0x6) for address 0x1234");
  CHECK(joined(explain_exit(exit).interruption) ==
        "bits 7:0: #PF; bits 10:8: hardware exception; bit 11: with error code 0x6");
  CHECK(joined(explain_exit(exit).vectoring) == "");
  exit.interruption = Interruption::make(2, EventType::nmi, false);
  CHECK(headline(exit) == "NMI");
  exit.interruption = Interruption::make(1, EventType::privileged_software_exception, false);
  exit.qualification = 1 << 14 | 1 << 3;
  CHECK(joined(explain_exit(exit).interruption) ==
        "bits 7:0: #DB; bits 10:8: privileged software exception (INT1)");
  CHECK(joined(explain_exit(exit).qualification) ==
        "bit 3: B3: breakpoint 3 was met; bit 14: BS: single step");
  exit = exit_of(R::external_interrupt);
  CHECK(headline(exit) == "External interrupt, not acknowledged");
  exit.interruption = Interruption::make(14, EventType::external_interrupt, false);
  CHECK(headline(exit) == "External interrupt: vector 0xe");
  exit.vectoring = Interruption::make(0x20, EventType::software_interrupt, false);
  CHECK(joined(explain_exit(exit).vectoring) == "bits 7:0: vector 0x20; bits 10:8: software interrupt");
  CHECK(vector_text(13, true) == "#GP");
  CHECK(vector_text(200, true) == "vector 0xc8");
}
