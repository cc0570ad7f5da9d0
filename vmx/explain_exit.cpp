// Owns the decoding of exit qualifications and interruption information into words.
#include "vmx/explain_exit.h"

#include <fmt/format.h>

namespace ringside {
namespace {

using Parts = std::vector<ExplainedPart>;

u64 bits(u64 value, unsigned low, unsigned high) { return (value & bit_range(low, high)) >> low; }

constexpr std::string_view gpr_names[] = {"RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI",
                                          "R8",  "R9",  "R10", "R11", "R12", "R13", "R14", "R15"};

// -- Qualifications, one function a format.

void debug_exception(u64 q, Parts& out) {
  for (unsigned n = 0; n < 4; ++n)
    if (q >> n & 1)
      out.push_back({fmt::format("bit {}", n), fmt::format("B{}: breakpoint {} was met", n, n)});
  if (q >> 13 & 1) out.push_back({"bit 13", "BD: a debug register was accessed while DR7.GD is 1"});
  if (q >> 14 & 1) out.push_back({"bit 14", "BS: single step"});
}

void task_switch(u64 q, Parts& out) {
  static constexpr std::string_view sources[] = {"CALL", "IRET", "JMP", "a task gate in the IDT"};
  out.push_back({"bits 15:0", fmt::format("the new task's TSS selector is {:#x}", bits(q, 0, 15))});
  out.push_back({"bits 31:30", fmt::format("by {}", sources[bits(q, 30, 31)])});
}

void control_register(u64 q, Parts& out) {
  const u64 type = bits(q, 4, 5), reg = bits(q, 0, 3);
  static constexpr std::string_view types[] = {"MOV to CR", "MOV from CR", "CLTS", "LMSW"};
  out.push_back({"bits 3:0", fmt::format("control register {}", type >= 2 ? 0 : reg)});
  out.push_back({"bits 5:4", std::string(types[type])});
  if (type == 3) {
    out.push_back({"bit 6", bits(q, 6, 6) ? "the source is in memory" : "the source is a register"});
    out.push_back({"bits 31:16", fmt::format("LMSW's source is {:#x}", bits(q, 16, 31))});
  } else if (type < 2) {
    out.push_back({"bits 11:8", std::string(gpr_names[bits(q, 8, 11)])});
  }
}

void debug_register(u64 q, Parts& out) {
  out.push_back({"bits 2:0", fmt::format("debug register {}", bits(q, 0, 2))});
  out.push_back({"bit 4", bits(q, 4, 4) ? "MOV from DR" : "MOV to DR"});
  out.push_back({"bits 11:8", std::string(gpr_names[bits(q, 8, 11)])});
}

void io(u64 q, Parts& out) {
  out.push_back({"bits 2:0", fmt::format("{} byte{}", bits(q, 0, 2) + 1, bits(q, 0, 2) ? "s" : "")});
  out.push_back({"bit 3", bits(q, 3, 3) ? "IN" : "OUT"});
  if (bits(q, 4, 4)) out.push_back({"bit 4", "a string instruction"});
  if (bits(q, 5, 5)) out.push_back({"bit 5", "with a REP prefix"});
  out.push_back({"bit 6", bits(q, 6, 6) ? "the port is an immediate" : "the port is in DX"});
  out.push_back({"bits 31:16", fmt::format("port {:#x}", bits(q, 16, 31))});
}

void apic_access(u64 q, Parts& out) {
  static constexpr std::string_view types[] = {"a data read by an instruction",
                                               "a data write by an instruction", "an instruction fetch",
                                               "an access while an event is delivered"};
  const u64 type = bits(q, 12, 15);
  if (type < 4)
    out.push_back({"bits 11:0", fmt::format("offset {:#x} in the APIC-access page", bits(q, 0, 11))});
  out.push_back({"bits 15:12", type < 4     ? std::string(types[type])
                               : type == 10 ? "a guest-physical access while an event is delivered"
                               : type == 15 ? "a guest-physical access for an instruction"
                                            : fmt::format("type {}", type)});
}

void ept_violation(u64 q, Parts& out) {
  if (bits(q, 0, 0)) out.push_back({"bit 0", "a read"});
  if (bits(q, 1, 1)) out.push_back({"bit 1", "a write"});
  if (bits(q, 2, 2)) out.push_back({"bit 2", "an instruction fetch"});
  const u64 rights = bits(q, 3, 5);
  out.push_back({"bits 5:3", rights == 0
                                 ? std::string("the EPT entries allow nothing: the address is not mapped")
                                 : fmt::format("the EPT entries allow {}{}{}", rights & 1 ? "R" : "-",
                                               rights & 2 ? "W" : "-", rights & 4 ? "X" : "-")});
  if (bits(q, 6, 6))
    out.push_back({"bit 6", "execution from user-mode addresses is allowed (mode-based execute)"});
  if (!bits(q, 7, 7)) {
    out.push_back({"bit 7", "there is no linear address: PDPTEs were loaded"});
    return;
  }
  out.push_back({"bit 8", bits(q, 8, 8) ? "the access was to the address itself"
                                        : "the access was to a guest paging-structure entry on the way"});
  if (bits(q, 9, 11))
    out.push_back(
        {"bits 11:9", fmt::format("the guest's paging: {}, {}, {}", bits(q, 9, 9) ? "user" : "supervisor",
                                  bits(q, 10, 10) ? "writable" : "read-only",
                                  bits(q, 11, 11) ? "no execution" : "executable")});
  if (bits(q, 12, 12)) out.push_back({"bit 12", "IRET had already ended the blocking of NMIs"});
}

void guest_state_failure(u64 q, Parts& out) {
  switch (q) {
    case 2: out.push_back({"value 2", "the PDPTEs could not be loaded"}); return;
    case 3: out.push_back({"value 3", "an NMI was to be injected while events are blocked by STI"}); return;
    case 4: out.push_back({"value 4", "the VMCS link pointer is not valid"}); return;
    default: return;
  }
}

Parts qualification_parts(const ExitInfo& exit) {
  Parts out;
  const u64 q = exit.qualification;
  switch (exit.reason) {
    case ExitReason::exception_or_nmi:
      if ((exit.interruption & 0xff) == 1) debug_exception(q, out);
      if ((exit.interruption & 0xff) == 14)
        out.push_back({"value", fmt::format("the linear address {:#x}", q)});
      break;
    case ExitReason::start_up_ipi:
      out.push_back({"bits 7:0", fmt::format("SIPI vector {:#x}", q & 0xff)});
      break;
    case ExitReason::task_switch: task_switch(q, out); break;
    case ExitReason::invlpg: out.push_back({"value", fmt::format("the linear address {:#x}", q)}); break;
    case ExitReason::control_register_access: control_register(q, out); break;
    case ExitReason::mov_dr: debug_register(q, out); break;
    case ExitReason::io_instruction: io(q, out); break;
    case ExitReason::mwait:
      out.push_back(
          {"value", q & 1 ? "address-range monitoring is armed" : "address-range monitoring is not armed"});
      break;
    case ExitReason::apic_access: apic_access(q, out); break;
    case ExitReason::virtualized_eoi:
      out.push_back({"bits 7:0", fmt::format("vector {:#x}", q & 0xff)});
      break;
    case ExitReason::apic_write:
      out.push_back({"bits 11:0", fmt::format("register {:#x}", q & 0xfff)});
      break;
    case ExitReason::ept_violation: ept_violation(q, out); break;
    case ExitReason::entry_failure_guest_state: guest_state_failure(q, out); break;
    case ExitReason::entry_failure_msr_loading:
      out.push_back({"value", fmt::format("entry {} of the VM-entry MSR-load area", q)});
      break;
    case ExitReason::gdtr_or_idtr_access:
    case ExitReason::ldtr_or_tr_access:
    case ExitReason::vmclear:
    case ExitReason::vmptrld:
    case ExitReason::vmptrst:
    case ExitReason::vmread:
    case ExitReason::vmwrite:
    case ExitReason::vmxon:
    case ExitReason::invept:
    case ExitReason::invvpid:
    case ExitReason::invpcid:
    case ExitReason::xsaves:
    case ExitReason::xrstors:
      if (q) out.push_back({"value", fmt::format("displacement {:#x} of the memory operand", q)});
      break;
    default: break;
  }
  return out;
}

// -- Interruption information.

Parts interruption_parts(u32 information, u32 error) {
  Parts out;
  if (!(information & Interruption::valid)) return out;
  static constexpr std::string_view types[] = {
      "external interrupt", "reserved type",      "NMI",
      "hardware exception", "software interrupt", "privileged software exception (INT1)",
      "software exception", "other event"};
  const EventType type = Interruption::type(information);
  out.push_back({"bits 7:0", vector_text(information & 0xff, is_exception(type))});
  out.push_back({"bits 10:8", std::string(types[static_cast<unsigned>(type)])});
  if (information & Interruption::error_code)
    out.push_back({"bit 11", fmt::format("with error code {:#x}", error)});
  if (information & Interruption::nmi_unblocking)
    out.push_back({"bit 12", "IRET had already ended the blocking of NMIs"});
  return out;
}

std::string control_text(VmxControl control) {
  return control == VmxControl::count ? std::string("a control") : fmt::format("\"{}\"", info(control).name);
}

// `port` is the first whose bit is 1, unless the access reaches beyond the last.
std::string io_bitmap_text(u64 qualification, u64 port) {
  constexpr u64 ports = 0x10000, ports_of_a = 0x8000;
  if (bits(qualification, 16, 31) + bits(qualification, 0, 2) >= ports)
    return "the access wraps around from port 0xffff to port 0";
  return fmt::format("\"Use I/O bitmaps\" is 1 and the bit of port {:#x} is 1 in bitmap {}", port,
                     port < ports_of_a ? "A" : "B");
}
std::string msr_bitmap_text(bool write, u64 number) {
  constexpr u64 low_end = 0x2000, high_begin = 0xc0000000, high_end = 0xc0002000;
  const bool low = number < low_end;
  if (!low && (number < high_begin || number >= high_end))
    return fmt::format(
        "MSR {:#x} is in neither range of the MSR bitmaps, 0 to 0x1fff and 0xc0000000 to 0xc0001fff", number);
  return fmt::format("the bit of MSR {:#x} is 1 in the {} bitmap for {} MSRs", number,
                     write ? "write" : "read", low ? "low" : "high");
}
std::string vmcs_bitmap_text(bool write, u64 encoding) {
  constexpr u64 bitmap_bits = 0x8000;
  const std::string_view bitmap = write ? "VMWRITE" : "VMREAD";
  if (encoding >= bitmap_bits)
    return fmt::format("the field encoding {:#x} has bits above 14, which the {} bitmap does not cover",
                       encoding, bitmap);
  return fmt::format("the bit of field encoding {:#x} is 1 in the {} bitmap", encoding, bitmap);
}

std::string cause_text(const ExitInfo& exit) {
  const ExitCause& c = exit.cause;
  // That EPT is on is no answer; the walk has one (explain_walk.h).
  if (exit.reason == ExitReason::ept_violation) return "an EPT entry on the way does not allow the access";
  if (exit.reason == ExitReason::ept_misconfiguration)
    return "an EPT entry on the way is not one that the CPU accepts";
  using Kind = ExitCause::Kind;
  switch (c.kind) {
    case Kind::unconditional: return "it always causes a VM exit in VMX non-root operation";
    case Kind::control: return fmt::format("{} is 1", control_text(c.control));
    case Kind::absent_control: return fmt::format("{} is 0", control_text(c.control));
    case Kind::exception_bitmap:
      if (c.detail == 14)
        return fmt::format(
            "the exception bitmap, with the page-fault error-code mask and match, selects #PF");
      return fmt::format("bit {} of the exception bitmap is 1", c.detail);
    case Kind::io_bitmap: return io_bitmap_text(exit.qualification, c.detail);
    case Kind::msr_bitmap: return msr_bitmap_text(exit.reason == ExitReason::wrmsr, c.detail);
    case Kind::mask:
      return fmt::format("bits {:#x} are owned by the host (guest/host mask) and differ from the read shadow",
                         c.detail);
    case Kind::vmcs_bitmap: return vmcs_bitmap_text(exit.reason == ExitReason::vmwrite, c.detail);
    case Kind::xss_bitmap: return fmt::format("bits {:#x} of the XSS-exiting bitmap are selected", c.detail);
    case Kind::eoi_bitmap: return fmt::format("bit {} of the EOI-exit bitmap is 1", c.detail);
    case Kind::threshold:
      return fmt::format("the virtual task priority is below the TPR threshold {}", c.detail);
  }
  return {};
}

}  // namespace

std::string vector_text(unsigned vector, bool exception) {
  static constexpr std::string_view names[] = {
      "#DE", "#DB", "NMI", "#BP", "#OF",       "#BR", "#UD", "#NM", "#DF", "vector 9", "#TS",
      "#NP", "#SS", "#GP", "#PF", "vector 15", "#MF", "#AC", "#MC", "#XM", "#VE",      "#CP"};
  if ((exception || vector == 2) && vector < std::size(names)) return std::string(names[vector]);
  return fmt::format("vector {:#x}", vector);
}

std::string headline(const ExitInfo& exit) {
  const u64 q = exit.qualification;
  const std::string plain(name(exit.reason));
  switch (exit.reason) {
    case ExitReason::exception_or_nmi: {
      const bool nmi = bits(exit.interruption, 8, 10) == 2;
      std::string text = nmi ? "NMI" : vector_text(exit.interruption & 0xff, true);
      if (exit.interruption & Interruption::error_code)
        text += fmt::format("({:#x})", exit.interruption_error);
      if (!nmi && (exit.interruption & 0xff) == 14) text += fmt::format(" for address {:#x}", q);
      return text;
    }
    case ExitReason::external_interrupt:
      if (exit.interruption & Interruption::valid)
        return fmt::format("{}: vector {:#x}", plain, exit.interruption & 0xff);
      return plain + ", not acknowledged";
    case ExitReason::io_instruction:
      return fmt::format("{}: {}{} port {:#x}, {} byte{}", plain, bits(q, 3, 3) ? "IN" : "OUT",
                         bits(q, 4, 4) ? "S" : "", bits(q, 16, 31), bits(q, 0, 2) + 1,
                         bits(q, 0, 2) ? "s" : "");
    case ExitReason::control_register_access: {
      const u64 type = bits(q, 4, 5);
      if (type == 2) return plain + ": CLTS";
      if (type == 3) return plain + ": LMSW";
      return fmt::format("{}: MOV {} CR{}, {}", plain, type ? "from" : "to", bits(q, 0, 3),
                         gpr_names[bits(q, 8, 11)]);
    }
    case ExitReason::mov_dr:
      return fmt::format("{}: MOV {} DR{}", plain, bits(q, 4, 4) ? "from" : "to", bits(q, 0, 2));
    case ExitReason::ept_violation:
      return fmt::format("{}: {}{}{} of guest-physical {:#x}", plain, bits(q, 0, 0) ? "read" : "",
                         bits(q, 1, 1) ? (bits(q, 0, 0) ? " and write" : "write") : "",
                         bits(q, 2, 2) ? "fetch" : "", exit.physical);
    case ExitReason::ept_misconfiguration:
      return fmt::format("{} at guest-physical {:#x}", plain, exit.physical);
    case ExitReason::rdmsr:
    case ExitReason::wrmsr:
      if (exit.cause.kind == ExitCause::Kind::msr_bitmap)
        return fmt::format("{} of {:#x}", plain, exit.cause.detail);
      return plain;
    case ExitReason::invlpg: return fmt::format("{} of {:#x}", plain, q);
    case ExitReason::apic_access:
      // A guest-physical or physical access records no offset.
      if (bits(q, 12, 15) >= 4) return plain + " by a paging-structure entry that lies there";
      [[fallthrough]];
    case ExitReason::apic_write: return fmt::format("{} at offset {:#x}", plain, q & 0xfff);
    default: return plain;
  }
}

ExplainedExit explain_exit(const ExitInfo& exit) {
  return {headline(exit), cause_text(exit), qualification_parts(exit),
          interruption_parts(exit.interruption, exit.interruption_error),
          interruption_parts(exit.vectoring, exit.vectoring_error)};
}

}  // namespace ringside
