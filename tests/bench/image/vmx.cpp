// Owns the kernels that run in a guest of VMX: the machine's own memory through EPT of 4 KiB pages, VPID on.
// A machine without VMX, EPT or VPID skips them.
#include "tests/bench/image/machine.h"

namespace bench {
namespace {

constexpr u64 mapped = 256ull << 20;

alignas(4096) u8 vmxon_region[4096], vmcs[4096], msr_bitmaps[4096];
alignas(4096) u64 ept_pages[mapped >> 12], ept_directory[512], ept_directory_pointers[512], ept_pml4[512];
alignas(16) u8 guest_stack[65536];

u64 read_msr(u32 number) {
  u32 low, high;
  asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(number));
  return static_cast<u64>(high) << 32 | low;
}
void write_msr(u32 number, u64 value) {
  asm volatile("wrmsr" : : "c"(number), "a"(static_cast<u32>(value)), "d"(static_cast<u32>(value >> 32)));
}
u64 read_cr0() {
  u64 value;
  asm volatile("mov %%cr0, %0" : "=r"(value));
  return value;
}
u64 read_cr3() {
  u64 value;
  asm volatile("mov %%cr3, %0" : "=r"(value));
  return value;
}
u64 read_cr4() {
  u64 value;
  asm volatile("mov %%cr4, %0" : "=r"(value));
  return value;
}

// CF or ZF: the instruction failed.
bool good(bool failed) {
  if (failed) panic(1000, 0, 0);
  return !failed;
}
void vmwrite(u64 field, u64 value) {
  bool failed;
  asm volatile("vmwrite %2, %1" : "=@ccbe"(failed) : "r"(field), "rm"(value) : "memory");
  good(failed);
}

enum : u64 {
  pin_based = 0x4000,
  processor_based = 0x4002,
  exit_controls = 0x400c,
  entry_controls = 0x4012,
  secondary = 0x401e,
};
constexpr u32 use_msr_bitmaps = 1u << 28, use_secondary = 1u << 31, ept = 2, vpid = 32, long_mode = 1u << 9;

// What must be 1, what may be: see IA32_VMX_PINBASED_CTLS and its kin.
bool possible(u32 msr, u32 wanted) { return (read_msr(msr) >> 32 & wanted) == wanted; }
void write_control(u64 field, u32 msr, u32 wanted) {
  const u64 capability = read_msr(msr);
  vmwrite(field, (wanted | static_cast<u32>(capability)) & capability >> 32);
}

void make_ept() {
  for (u64 n = 0; n < mapped >> 12; ++n) ept_pages[n] = n << 12 | 0x37;  // read, write, execute, write-back
  for (u64 n = 0; n < mapped >> 21; ++n) ept_directory[n] = reinterpret_cast<u64>(&ept_pages[n * 512]) | 7;
  ept_directory_pointers[0] = reinterpret_cast<u64>(ept_directory) | 7;
  ept_pml4[0] = reinterpret_cast<u64>(ept_directory_pointers) | 7;
}

void prepare_region(u8* region) {
  *reinterpret_cast<u32*>(region) = static_cast<u32>(read_msr(0x480)) & 0x7fffffff;  // the VMCS revision
}

bool enter_vmx_operation() {
  static bool done = false;
  if (done) return true;
  if (!(read_msr(0x3a) & 1)) write_msr(0x3a, 5);  // IA32_FEATURE_CONTROL
  if (!(read_msr(0x3a) & 4)) return false;
  const u64 cr0 = (read_cr0() | read_msr(0x486)) & read_msr(0x487);
  const u64 cr4 = (read_cr4() | read_msr(0x488)) & read_msr(0x489);
  asm volatile("mov %0, %%cr0" : : "r"(cr0));
  asm volatile("mov %0, %%cr4" : : "r"(cr4));
  make_ept();
  prepare_region(vmxon_region);
  prepare_region(vmcs);
  const u64 address = reinterpret_cast<u64>(vmxon_region);
  bool failed;
  asm volatile("vmxon %1" : "=@ccbe"(failed) : "m"(address) : "memory");
  return done = good(failed);
}

struct Value {
  u16 field;
  u64 value;
};

// A VMCS for a guest that is as the host: the same memory, paging, segments.
void write_vmcs() {
  const u64 address = reinterpret_cast<u64>(vmcs);
  bool failed;
  asm volatile("vmclear %1" : "=@ccbe"(failed) : "m"(address) : "memory");
  good(failed);
  asm volatile("vmptrld %1" : "=@ccbe"(failed) : "m"(address) : "memory");
  good(failed);
  write_control(pin_based, 0x481, 0);
  write_control(processor_based, 0x482, use_msr_bitmaps | use_secondary);
  write_control(secondary, 0x48b, ept | vpid);
  write_control(exit_controls, 0x483, long_mode);
  write_control(entry_controls, 0x484, long_mode);
  struct [[gnu::packed]] {
    u16 limit;
    u64 base;
  } gdtr, idtr;
  asm volatile("sgdt %0" : "=m"(gdtr));
  asm volatile("sidt %0" : "=m"(idtr));
  const u64 tss = (gdt[6] >> 16 & 0xffffff) | (gdt[6] >> 56) << 24 | gdt[7] << 32;
  const u64 cr0 = read_cr0(), cr3 = read_cr3(), cr4 = read_cr4();
  const Value values[] = {
      {0x0000, 1},                                             // VPID
      {0x201a, reinterpret_cast<u64>(ept_pml4) | 3 << 3 | 6},  // EPTP: four levels, write-back
      {0x2004, reinterpret_cast<u64>(msr_bitmaps)},
      {0x2800, ~0ull},  // link pointer
      {0x4004, 0},      // exception bitmap
      {0x6000, 0},      // CR0 and CR4 masks
      {0x6002, 0},
      {0x400a, 0},  // CR3 targets, MSR lists, events
      {0x400e, 0},
      {0x4010, 0},
      {0x4014, 0},
      {0x4016, 0},
      // host
      {0x0c00, 0x10},
      {0x0c02, 0x08},
      {0x0c04, 0x10},
      {0x0c06, 0x10},
      {0x0c08, 0},
      {0x0c0a, 0},
      {0x0c0c, 0x30},
      {0x6c00, cr0},
      {0x6c02, cr3},
      {0x6c04, cr4},
      {0x6c06, 0},
      {0x6c08, 0},
      {0x6c0a, tss},
      {0x6c0c, gdtr.base},
      {0x6c0e, idtr.base},
      {0x4c00, 0},
      {0x6c10, 0},
      {0x6c12, 0},
      {0x6c16, reinterpret_cast<u64>(guest_exit)},
      // guest: selectors, bases, limits, access rights of ES, CS, SS, DS, FS, GS, LDTR, TR
      {0x0800, 0x10},
      {0x0802, 0x08},
      {0x0804, 0x10},
      {0x0806, 0x10},
      {0x0808, 0},
      {0x080a, 0},
      {0x080c, 0},
      {0x080e, 0x30},
      {0x6806, 0},
      {0x6808, 0},
      {0x680a, 0},
      {0x680c, 0},
      {0x680e, 0},
      {0x6810, 0},
      {0x6812, 0},
      {0x6814, tss},
      {0x4800, 0xffffffff},
      {0x4802, 0xffffffff},
      {0x4804, 0xffffffff},
      {0x4806, 0xffffffff},
      {0x4808, 0},
      {0x480a, 0},
      {0x480c, 0},
      {0x480e, 0x67},
      {0x4814, 0xc093},
      {0x4816, 0xa09b},
      {0x4818, 0xc093},
      {0x481a, 0xc093},
      {0x481c, 0x10000},  // unusable
      {0x481e, 0x10000},
      {0x4820, 0x10000},
      {0x4822, 0x8b},
      {0x6816, gdtr.base},
      {0x4810, gdtr.limit},
      {0x6818, idtr.base},
      {0x4812, idtr.limit},
      {0x6800, cr0},
      {0x6802, cr3},
      {0x6804, cr4},
      {0x681a, 0x400},  // DR7
      {0x681c, reinterpret_cast<u64>(guest_stack + sizeof(guest_stack))},
      {0x681e, reinterpret_cast<u64>(guest_entry)},
      {0x6820, 2},  // RFLAGS
      {0x4824, 0},  // interruptibility, activity
      {0x4826, 0},
      {0x482a, 0},  // SYSENTER
      {0x6824, 0},
      {0x6826, 0},
      {0x6822, 0},  // pending debug exceptions
      {0x2802, 0},  // DEBUGCTL
  };
  for (const Value& v : values) vmwrite(v.field, v.value);
}

const Kernel& pure(const char* name) {
  for (u64 i = 0; i < pure_kernel_count; ++i) {
    u64 k = 0;
    while (name[k] && pure_kernels[i].name[k] == name[k]) ++k;
    if (!name[k] && !pure_kernels[i].name[k]) return pure_kernels[i];
  }
  panic(1001, 0, 0);
}

// The VMCS is made in the preparation: the kernel is one VMLAUNCH, the work, one exit.
void prepare_guest(u8*) {
  enter_vmx_operation();
  write_vmcs();
}
void prepare_ept_chase(u8* arena) {
  pure("chase").prepare(arena);
  prepare_guest(arena);
}
u64 ept_chase(u8* arena, u64 n) { return in_guest(pure("chase").run, arena, n); }
u64 ept_sieve(u8* arena, u64 n) { return in_guest(pure("sieve").run, arena, n); }
u64 vm_exit(u8* arena, u64 n) { return in_guest(guest_cpuids, arena, n); }

}  // namespace

bool has_vmx() {
  u32 a = 1, b, c, d;
  asm volatile("cpuid" : "+a"(a), "=b"(b), "=c"(c), "=d"(d));
  return (c & 32) && possible(0x482, use_secondary) && possible(0x48b, ept | vpid);
}

const Kernel vmx_kernels[] = {
    {"vm_exit", prepare_guest, vm_exit},
    {"ept_chase", prepare_ept_chase, ept_chase},
    {"ept_sieve", prepare_guest, ept_sieve},
};
const u64 vmx_kernel_count = sizeof(vmx_kernels) / sizeof(vmx_kernels[0]);

}  // namespace bench
