// Owns the values that explain refused VMX instructions and MSR lists.
#include "vmx/explain_refusal.h"

#include <fmt/format.h>

#include "cpu/state/msrs.h"
#include "vmx/ept.h"
#include "vmx/explain_rule.h"

namespace ringside {
namespace {

std::string capability_text(const Cpu& cpu, u32 number) {
  return fmt::format("{} (MSR {:#x}) is {:#x}", msr_name(number), number,
                     cpu.vmx->capability.msr[number - first_capability_msr]);
}

// Of CR0 or CR4 in VMXON: `fixed` is the capability MSR's number, `wrong` the bits that it is about.
void control_register(const Cpu& cpu, Field as, std::string_view name, u64 value, u32 fixed, u64 wrong,
                      bool set, ExplainedRefusal& e) {
  e.found = fmt::format("{} = {:#x}", name, value);
  e.wanted = fmt::format("{} {} in {}: {}", bit_names(as, wrong), set ? "set" : "clear", name,
                         capability_text(cpu, fixed));
}

void region(const Cpu& cpu, const VmRefusal& refusal, ExplainedRefusal& e) {
  const u64 pointer = refusal.operand;
  const unsigned width = cpu.vmx->capability.physical_bits;
  switch (refusal.why) {
    case Refusal::vmxon_unaligned:
    case Refusal::vmclear_unaligned:
    case Refusal::vmptrld_unaligned:
      e.found = fmt::format("the operand is {:#x}: bits 11:0 are {:#x}", pointer, pointer & 0xfff);
      e.wanted = fmt::format("bits 11:0 are 0, as in {:#x}", pointer & ~u64{0xfff});
      return;
    case Refusal::vmxon_width:
    case Refusal::vmclear_width:
    case Refusal::vmptrld_width:
      e.found = fmt::format("the operand is {:#x}", pointer);
      e.wanted =
          fmt::format("an address below {:#x}: the physical-address width is {} bits", bit(width), width);
      return;
    case Refusal::vmclear_vmxon_region:
    case Refusal::vmptrld_vmxon_region:
      e.found = fmt::format("the operand is {:#x}, and VMXON was given {:#x}", pointer,
                            cpu.vmx->vmxon_region.value);
      e.wanted = "another region";
      return;
    default: break;
  }
  PhysicalMemory& memory = cpu.mmu.memory();
  const HostPhys at(pointer);
  e.found = memory.is_mmio(at)
                ? fmt::format("there is no memory at {:#x}", pointer)
                : fmt::format("the first 4 bytes at {:#x} are {:#x}", pointer, memory.read(at, 4));
  constexpr u32 basic = first_capability_msr;
  e.wanted = fmt::format("{:#x}, bits 30:0 of {} (MSR {:#x})", vmcs_revision, msr_name(basic), basic);
  if (refusal.why != Refusal::vmptrld_revision) e.wanted += "; bit 31 is 0";
}

void launch_state(const Cpu& cpu, ExplainedRefusal& e) {
  const Vmcs& v = *cpu.vmx->current;
  e.found =
      fmt::format("the launch state of the VMCS at {:#x} is \"{}\": {} VM entr{} so far", v.region.value,
                  v.launched ? "launched" : "clear", v.entries, v.entries == 1 ? "y" : "ies");
  e.wanted = v.launched ? "\"clear\", as VMCLEAR leaves it" : "\"launched\", as VMLAUNCH leaves it";
}

std::string_view width_name(FieldWidth width) {
  switch (width) {
    case FieldWidth::bits16: return "16-bit";
    case FieldWidth::bits64: return "64-bit";
    case FieldWidth::bits32: return "32-bit";
    case FieldWidth::natural: return "natural-width";
  }
  return {};
}
std::string_view kind_name(FieldKind kind) {
  switch (kind) {
    case FieldKind::control: return "control";
    case FieldKind::exit_information: return "VM-exit information";
    case FieldKind::guest: return "guest-state";
    case FieldKind::host: return "host-state";
  }
  return {};
}

// The field of the same width and kind, if there is one, whose encoding is nearest.
const FieldInfo& nearest_field(u64 encoding) {
  const FieldInfo* best = &field_table[0];
  u64 least = ~u64{0};
  for (const FieldInfo& field : field_table) {
    const u64 distance = field.encoding > encoding ? field.encoding - encoding : encoding - field.encoding;
    if (distance < least) {
      least = distance;
      best = &field;
    }
  }
  return *best;
}

void field(const Cpu& cpu, const VmRefusal& refusal, ExplainedRefusal& e) {
  e.found = encoding_text(refusal.operand);
  if (refusal.why != Refusal::absent_field) return;
  const VmxControl needs = ringside::info(find_field(refusal.operand)->field).needs;
  e.wanted = fmt::format("a CPU with \"{}\": {}", info(needs).name,
                         capability_text(cpu, cpu.vmx->capability.source(info(needs).word)));
}

}  // namespace

std::string encoding_text(u64 encoding) {
  if (const auto access = find_field(encoding))
    return fmt::format("the encoding is {:#x}: {}{}", encoding, info(access->field).id,
                       access->high ? ", its high half" : "");
  constexpr u64 defined = 0x6fff;
  const FieldInfo& near = nearest_field(encoding);
  const std::string nearest = fmt::format("the nearest is {:#x}, {}", near.encoding, near.id);
  if (encoding & ~defined)
    return fmt::format("the encoding is {:#x}, with reserved bits {:#x}; {}", encoding, encoding & ~defined,
                       nearest);
  const FieldInfo as{static_cast<u16>(encoding), {}, {}, {}, {}};
  return fmt::format("the encoding is {:#x}, {} of a {} {} field with index {}; {}", encoding,
                     encoding & 1 ? "the high half" : "all", width_name(as.width()), kind_name(as.kind()),
                     as.index(), nearest);
}

ExplainedRefusal explain(const Cpu& cpu, const VmRefusal& refusal) {
  ExplainedRefusal e;
  e.info = &info(refusal.why);
  constexpr u32 cr0_fixed0 = 0x486, cr0_fixed1 = 0x487, cr4_fixed0 = 0x488, cr4_fixed1 = 0x489,
                ept_vpid = 0x48c, feature_control = 0x3a;
  constexpr Field cr0 = Field::GUEST_CR0, cr4 = Field::GUEST_CR4;
  const auto find = [&](std::string found, std::string wanted) {
    e.found = std::move(found);
    e.wanted = std::move(wanted);
  };
  switch (refusal.why) {
    case Refusal::real_address_mode: find(fmt::format("CR0 = {:#x}", cpu.cr0), "PE (bit 0) is 1"); break;
    case Refusal::compatibility_mode:
      find(fmt::format("CS = {:#x}, a 32-bit code segment", cpu.segment[CS].selector),
           "a code segment with L = 1");
      break;
    case Refusal::vmxe_clear: find(fmt::format("CR4 = {:#x}", cpu.cr4), "VMXE (bit 13) is 1"); break;
    case Refusal::vmfunc_number:
      find(fmt::format("EAX = {:#x}", static_cast<u32>(cpu.gpr[RAX])), "at most 63");
      break;
    case Refusal::privilege: find(fmt::format("CPL is {}", cpu.cpl), "CPL is 0"); break;
    case Refusal::cr0_lacks:
      control_register(cpu, cr0, "CR0", cpu.cr0, cr0_fixed0, cpu.vmx->capability.cr0_fixed0() & ~cpu.cr0,
                       true, e);
      break;
    case Refusal::cr0_forbidden:
      control_register(cpu, cr0, "CR0", cpu.cr0, cr0_fixed1, cpu.cr0 & ~cpu.vmx->capability.cr0_fixed1(),
                       false, e);
      break;
    case Refusal::cr4_lacks:
      control_register(cpu, cr4, "CR4", cpu.cr4, cr4_fixed0, cpu.vmx->capability.cr4_fixed0() & ~cpu.cr4,
                       true, e);
      break;
    case Refusal::cr4_forbidden:
      control_register(cpu, cr4, "CR4", cpu.cr4, cr4_fixed1, cpu.cr4 & ~cpu.vmx->capability.cr4_fixed1(),
                       false, e);
      break;
    case Refusal::feature_control_unlocked:
    case Refusal::feature_control_without_vmx:
      find(fmt::format("{} (MSR {:#x}) is {:#x}", msr_name(feature_control), feature_control,
                       cpu.msr.feature_control),
           "bit 0 (lock) and bit 2 (VMX outside SMX) are 1");
      break;
    case Refusal::vmxon_in_root:
      find(fmt::format("the VMXON region is {:#x}", cpu.vmx->vmxon_region.value),
           "VMXOFF before another VMXON");
      break;
    case Refusal::vmptrld_shadow:
    case Refusal::vmxon_unaligned:
    case Refusal::vmxon_width:
    case Refusal::vmxon_revision:
    case Refusal::vmclear_unaligned:
    case Refusal::vmclear_width:
    case Refusal::vmclear_vmxon_region:
    case Refusal::vmptrld_unaligned:
    case Refusal::vmptrld_width:
    case Refusal::vmptrld_vmxon_region:
    case Refusal::vmptrld_revision: region(cpu, refusal, e); break;
    case Refusal::unknown_field:
    case Refusal::absent_field:
    case Refusal::read_only_field: field(cpu, refusal, e); break;
    case Refusal::shadow_is_current:
      find(fmt::format("the current VMCS is at {:#x}", cpu.vmx->current->region.value),
           "bit 31 of its first 4 bytes is 0");
      break;
    case Refusal::launch_not_clear:
    case Refusal::resume_not_launched: launch_state(cpu, e); break;
    case Refusal::invept_type:
    case Refusal::invvpid_type:
      find(fmt::format("type {}", refusal.operand), capability_text(cpu, ept_vpid));
      break;
    case Refusal::invept_pointer:
      find(fmt::format("the EPT pointer is {:#x}", refusal.operand),
           fmt::format("otherwise: {}", eptp_refusal(cpu.vmx->capability, refusal.operand)));
      break;
    case Refusal::invvpid_reserved:
      find(fmt::format("the first 8 bytes of the descriptor are {:#x}", refusal.operand), "bits 63:16 are 0");
      break;
    case Refusal::invvpid_address: find(fmt::format("the address is {:#x}", refusal.operand), ""); break;
    default: break;
  }
  return e;
}

std::string text(const Cpu& cpu, const MsrListRefusal& refusal, std::string_view list) {
  using Why = MsrListRefusal::Why;
  if (refusal.why == Why::none) return {};
  std::string all = fmt::format("entry {} of the {}, at {:#x}: ", refusal.entry, list, refusal.at);
  if (refusal.why == Why::beyond_limit)
    return all + fmt::format("a list has at most {} entries (IA32_VMX_MISC, bits 27:25)",
                             cpu.vmx->capability.msr_list_limit());
  const std::string_view name = msr_name(refusal.number);
  all +=
      fmt::format("MSR {:#x} ({})", refusal.number, name.empty() ? "no MSR of that number is known" : name);
  if (!refusal.store) all += fmt::format(", value {:#x}", refusal.value);
  const MsrInfo* const msr = find_msr(refusal.number);
  const u64 reserved = msr ? refusal.value & msr->reserved : 0;
  switch (refusal.why) {
    case Why::reserved: return all + ": bits 63:32 of the entry are not 0";
    case Why::forbidden: {
      const bool base =
          refusal.number == msr_number::IA32_FS_BASE || refusal.number == msr_number::IA32_GS_BASE;
      return all + (base ? fmt::format(": no list may name it; {}_BASE in the VMCS is its place",
                                       refusal.number == msr_number::IA32_FS_BASE ? "FS" : "GS")
                         : std::string(": no list may name it"));
    }
    case Why::absent: return all + ": this CPU model does not have it";
    case Why::read: return all + ": RDMSR would be #GP(0)";
    default: break;
  }
  return all + ": WRMSR of this value would be #GP(0)" +
         (reserved ? fmt::format(", because bits {:#x} are reserved", reserved) : std::string());
}

}  // namespace ringside
