// Owns what a domain is told of its CPU: CPUID, and the MSRs that go with it. What it is not told of it must
// not find either.
#include "roms/kit/clock.h"
#include "roms/kit/pages.h"
#include "roms/kit/processor.h"
#include "roms/loft/vcpu.h"

namespace loft {
namespace {

constexpr u64 bits() { return 0; }
template <class... More>
constexpr u64 bits(unsigned first, More... more) {
  return bit(first) | bits(more...);
}

// What is taken out of a leaf. VMX and all that needs XSAVE, which is not switched here; the local APIC,
// which only a domain that sees Hyper-V has; machine checks, MTRRs and counters, which are the machine's.
constexpr u64 leaf1_ecx = bits(3, 5, 6, 12, 15, 21, 24, 26, 27, 28,
                               29);  // MONITOR VMX SMX FMA PDCM x2APIC TSC-deadline XSAVE OSXSAVE AVX F16C
constexpr u64 leaf1_edx = bits(7, 9, 12, 14, 21, 22, 28, 29);  // MCE APIC MTRR MCA DS ACPI HTT TM
constexpr u32 local_apic = 1 << 9;                             // leaf 1, EDX
constexpr u64 leaf7_ebx = bits(1, 4, 5, 11, 12, 14, 15, 16, 17, 21, 22, 25, 26, 27, 28, 30,
                               31);           // TSC_ADJUST HLE AVX2 RTM RDT MPX RDT AVX-512* PCOMMIT PT
constexpr u64 leaf7_ecx_shown = bits(2, 22);  // UMIP RDPID

CpuidResult hypervisor_leaves(u32 leaf) {
  switch (leaf - hypervisor_leaf) {
    case 0: return letters(hypervisor_leaf + 2, hypervisor_signature);
    case 1:
      return {offers_console | offers_shutdown | offers_event_channels | offers_grants | offers_memory_device,
              0, 0, 0};
    case 2: return letters(0, "loft");
    default: return {};
  }
}

CpuidResult shown(const Vcpu& v, u32 leaf, u32 subleaf) {
  if (leaf >= hypervisor_leaf && leaf < 0x80000000)
    return v.domain->hyperv.shown ? hyperv_leaf(leaf) : hypervisor_leaves(leaf);
  CpuidResult r = cpuid(leaf, subleaf);
  switch (leaf) {
    case 0: r.eax = 0x15; break;  // so that all know how fast the time-stamp counter is
    case 1:
      r.ebx = (r.ebx & 0xffff) | v.number << 24;
      r.ecx = static_cast<u32>((r.ecx & ~leaf1_ecx) | bit(31));  // there is a hypervisor
      r.edx = static_cast<u32>(r.edx & ~leaf1_edx) | (v.domain->hyperv.shown ? local_apic : 0);
      break;
    case 7:
      if (subleaf) return {};
      r = {0, static_cast<u32>(r.ebx & ~leaf7_ebx), static_cast<u32>(r.ecx & leaf7_ecx_shown), 0};
      break;
    case 0x15: return {1, 1, static_cast<u32>(ticks_a_millisecond() * 1000), 0};
    case 5:
    case 6:
    case 9:
    case 0xa:
    case 0xb:
    case 0xc:
    case 0xd:
    case 0xe:
    case 0xf:
    case 0x10:
    case 0x11:
    case 0x12:
    case 0x13:
    case 0x14: return {};
    default: break;
  }
  return r;
}

void allow(u64 bitmap, u32 number, bool reads, bool writes) {
  // Four bitmaps of 1 KByte: reads of MSRs 0 to 1FFFH, reads of C0000000H to C0001FFFH, and the same for
  // writes.
  const u64 place = (number >= 0xc0000000 ? 1024 : 0) + (number & 0x1fff) / 8;
  const u8 mask = static_cast<u8>(~bit(number % 8));
  if (reads) at<u8>(bitmap)[place] &= mask;
  if (writes) at<u8>(bitmap)[2048 + place] &= mask;
}

u64 make_msr_bitmap() {
  const u64 bitmap = allocate_page();
  memset(at<void>(bitmap), 0xff, page_bytes);
  // These are the guest's own, by the VMCS or by switch.cpp.
  constexpr u32 own[] = {IA32_EFER,           IA32_PAT,         IA32_FS_BASE,      IA32_GS_BASE,
                         IA32_KERNEL_GS_BASE, IA32_STAR,        IA32_LSTAR,        IA32_CSTAR,
                         IA32_FMASK,          IA32_SYSENTER_CS, IA32_SYSENTER_ESP, IA32_SYSENTER_EIP};
  for (u32 number : own) allow(bitmap, number, true, true);
  allow(bitmap, IA32_TIME_STAMP_COUNTER, true, false);
  return bitmap;
}

}  // namespace

CpuidResult letters(u32 eax, const char* text) {
  u32 words[3] = {};
  memcpy(words, text, smaller<u64>(length_of(text), sizeof words));
  return {eax, words[0], words[1], words[2]};
}

void answer_cpuid(Vcpu& v) {
  Registers& r = v.registers;
  const CpuidResult answer = shown(v, static_cast<u32>(r.rax), static_cast<u32>(r.rcx));
  r.rax = answer.eax, r.rbx = answer.ebx, r.rcx = answer.ecx, r.rdx = answer.edx;
  // OSXSAVE (bit 27) would be the guest's own CR4; as XSAVE is hidden, it is 0 always.
}

u64 msr_bitmap() {
  static u64 bitmap;
  if (!bitmap) bitmap = make_msr_bitmap();
  return bitmap;
}

// Bit 8: this is the boot processor. Bit 11: the local APIC is enabled, and it stays where it is.
static u64 apic_base(const Vcpu& v) {
  return LocalApic::address | bit(8) | (v.domain->hyperv.shown ? bit(11) : 0);
}

static bool is_synthetic(const Vcpu& v, u32 number) {
  return v.domain->hyperv.shown && number >> 8 == hypervisor_leaf >> 8;
}

bool read_msr(Vcpu& v, u32 number, u64& value) {
  if (is_synthetic(v, number)) return read_synthetic_msr(v, number, value);
  switch (number) {
    case IA32_APIC_BASE: value = apic_base(v); return true;
    case IA32_MISC_ENABLE: value = 1; return true;  // fast strings
    case IA32_PLATFORM_ID:
    case IA32_BIOS_SIGN_ID: value = 0; return true;
    case IA32_TSC_AUX: value = 0; return true;
    default: return false;
  }
}

bool write_msr(Vcpu& v, u32 number, u64 value) {
  if (is_synthetic(v, number)) return write_synthetic_msr(v, number, value);
  if (number == IA32_APIC_BASE) return value == apic_base(v);
  return number == IA32_BIOS_SIGN_ID || number == IA32_TSC_AUX || number == IA32_MISC_ENABLE;
}

}  // namespace loft
