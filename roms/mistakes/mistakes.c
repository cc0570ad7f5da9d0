// Owns a small hypervisor as a newcomer writes one, with the classic mistakes: a number on the command line chooses one, 0 is none.
//   ringside explain -kernel roms/mistakes.elf -append 5
// Read it from the end: hypervisor() enables VMX, makes a VMCS and runs guest(), which asks for CPUID and halts.
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;

enum Mistake {
  NO_MISTAKE,
  NO_VMXE,           // CR4.VMXE is not set before VMXON
  NO_REVISION,       // the VMCS region does not begin with the revision identifier
  LAUNCH_TWICE,      // VMLAUNCH of a VMCS that was launched, without VMCLEAR
  HOST_SELECTOR,     // a host selector with RPL 3
  RFLAGS_ZERO,       // RFLAGS without its bit 1
  TR_NOT_BUSY,       // the type of an available TSS
  EPTP_ADDRESS,      // an EPT pointer without memory type and walk length
  NO_LINK_POINTER,   // the VMCS link pointer is left at 0
  RIP_STAYS,         // GUEST_RIP is not advanced past CPUID
  REAL_MODE,         // CR0.PE is 0 without "Unrestricted guest"
  MSR_LIST,          // an MSR in the VM-entry MSR-load list that no list may load
  NO_EXECUTE,        // EPT entries without X
  NO_HOST_RIP,       // HOST_RIP is left at 0
  WRONG_FIELD,       // an encoding that no field has
  LOCKED_MSR,        // a write to IA32_FEATURE_CONTROL, which is locked, without an IDT
  UNALIGNED_VMXON    // a VMXON region in the middle of a page
};
static enum Mistake mistake;

struct Registers {
  u64 rax, rcx, rdx, rbx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15;
};
struct Multiboot {
  u32 flags, lower, upper, device, command_line;
};
struct MsrEntry {
  u32 number, reserved;
  u64 value;
};

#define PAGE __attribute__((aligned(4096)))
static u8 vmxon_region[8192] PAGE, vmcs[4096] PAGE, guest_stack[4096] PAGE;
static u64 ept_pml4[512] PAGE, ept_pdpt[512] PAGE, ept_directory[512] PAGE;
static struct MsrEntry msr_list[1] __attribute__((aligned(16)));
static u8 host_stack[16384] __attribute__((aligned(16)));
extern u8 gdt[], tss[];
void vm_exit(void);

// ---- Instructions.

static inline u64 rdmsr(u32 number) {
  u32 low, high;
  __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(number));
  return (u64)high << 32 | low;
}

static inline void wrmsr(u32 number, u64 value) {
  __asm__ volatile("wrmsr" : : "c"(number), "a"((u32)value), "d"((u32)(value >> 32)));
}

static inline u64 read_cr0(void) {
  u64 value;
  __asm__ volatile("mov %%cr0, %0" : "=r"(value));
  return value;
}

static inline u64 read_cr3(void) {
  u64 value;
  __asm__ volatile("mov %%cr3, %0" : "=r"(value));
  return value;
}

static inline u64 read_cr4(void) {
  u64 value;
  __asm__ volatile("mov %%cr4, %0" : "=r"(value));
  return value;
}

static inline void write_cr4(u64 value) { __asm__ volatile("mov %0, %%cr4" : : "r"(value)); }

static inline void out(u16 port, u8 value) { __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }

static inline int vmxon(u64 *region) {
  u8 failed;
  __asm__ volatile("vmxon %1; setna %0" : "=q"(failed) : "m"(*region) : "cc", "memory");
  return failed;
}

static inline int vmclear(u64 *region) {
  u8 failed;
  __asm__ volatile("vmclear %1; setna %0" : "=q"(failed) : "m"(*region) : "cc", "memory");
  return failed;
}

static inline int vmptrld(u64 *region) {
  u8 failed;
  __asm__ volatile("vmptrld %1; setna %0" : "=q"(failed) : "m"(*region) : "cc", "memory");
  return failed;
}

static void vmwrite(u64 field, u64 value) { __asm__ volatile("vmwrite %1, %0" : : "r"(field), "r"(value) : "cc"); }

static u64 vmread(u64 field) {
  u64 value;
  __asm__ volatile("vmread %1, %0" : "=r"(value) : "r"(field) : "cc");
  return value;
}

static void print(const char *text) {
  while (*text) out(0x3f8, (u8)*text++);
}

static void stop(const char *why) {
  print(why);
  print("\n");
  out(0xf4, 1);
  for (;;) __asm__ volatile("cli; hlt");
}

// ---- The guest.

static void guest(void) {
  __asm__ volatile("cpuid" : : "a"(0) : "rbx", "rcx", "rdx");
  for (;;) __asm__ volatile("hlt");
}

// ---- The hypervisor.

static void enable_vmx(void) {
  u64 control = rdmsr(0x3a);
  if (!(control & 1) || mistake == LOCKED_MSR) wrmsr(0x3a, 5);
  if (mistake != NO_VMXE) write_cr4(read_cr4() | 1 << 13);
  u64 region = (u64)vmxon_region + (mistake == UNALIGNED_VMXON ? 0x10 : 0);
  *(u32 *)region = (u32)rdmsr(0x480);
  if (vmxon(&region)) stop("VMXON failed");
}

static void make_vmcs(void) {
  u64 region = (u64)vmcs;
  if (mistake != NO_REVISION) *(u32 *)vmcs = (u32)rdmsr(0x480);
  if (vmclear(&region)) stop("VMCLEAR failed");
  if (vmptrld(&region)) stop("VMPTRLD failed");
}

// The nearest value that the capability MSR allows.
static u64 adjusted(u32 wanted, u32 msr) {
  u64 allowed = rdmsr(msr);
  return (wanted | (u32)allowed) & (u32)(allowed >> 32);
}

static u64 setup_ept(void) {
  u64 rights = mistake == NO_EXECUTE ? 3 : 7;
  ept_pml4[0] = (u64)ept_pdpt | 7;
  ept_pdpt[0] = (u64)ept_directory | 7;
  for (u64 n = 0; n < 512; ++n) ept_directory[n] = n << 21 | 1 << 7 | 6 << 3 | rights;
  return (u64)ept_pml4 | (mistake == EPTP_ADDRESS ? 0 : 3 << 3 | 6);
}

static void setup_controls(void) {
  vmwrite(0x4000, adjusted(0, 0x481));
  vmwrite(0x4002, adjusted(1u << 31 | 1 << 7, 0x482));  // secondary controls, HLT exiting
  vmwrite(0x401e, adjusted(1 << 1, 0x48b));             // EPT
  vmwrite(0x400c, adjusted(1 << 9, 0x483));             // a 64-bit host
  vmwrite(0x4012, adjusted(mistake == REAL_MODE ? 0 : 1 << 9, 0x484));
  vmwrite(0x4004, 0);
  vmwrite(0x201a, setup_ept());
  if (mistake == MSR_LIST) {
    msr_list[0].number = 0xc0000100;
    vmwrite(0x200a, (u64)msr_list);
    vmwrite(0x4014, 1);
  }
  if (mistake == WRONG_FIELD) vmwrite(0x4024, 0);
}

static void setup_host(void) {
  vmwrite(0x6c00, read_cr0());
  vmwrite(0x6c02, read_cr3());
  vmwrite(0x6c04, read_cr4());
  vmwrite(0x0c00, 0x10);
  vmwrite(0x0c02, mistake == HOST_SELECTOR ? 0x0b : 0x08);
  vmwrite(0x0c04, 0x10);
  vmwrite(0x0c06, 0x10);
  vmwrite(0x0c08, 0x10);
  vmwrite(0x0c0a, 0x10);
  vmwrite(0x0c0c, 0x18);
  vmwrite(0x6c0a, (u64)tss);
  vmwrite(0x6c0c, (u64)gdt);
  vmwrite(0x6c14, (u64)(host_stack + sizeof host_stack));
  if (mistake != NO_HOST_RIP) vmwrite(0x6c16, (u64)vm_exit);
}

static void setup_segment(u64 number, u64 selector, u64 limit, u64 rights) {
  vmwrite(0x0800 + 2 * number, selector);
  vmwrite(0x4800 + 2 * number, limit);
  vmwrite(0x4814 + 2 * number, rights);
  vmwrite(0x6806 + 2 * number, 0);
}

static void setup_guest(void) {
  int real_mode = mistake == REAL_MODE;
  vmwrite(0x6800, real_mode ? read_cr0() & ~0x80000001ul : read_cr0());
  vmwrite(0x6802, read_cr3());
  vmwrite(0x6804, read_cr4());
  setup_segment(0, 0x10, 0xffffffff, 0xc093);
  setup_segment(1, 0x08, 0xffffffff, real_mode ? 0xc09b : 0xa09b);
  for (u64 n = 2; n < 6; ++n) setup_segment(n, 0x10, 0xffffffff, 0xc093);
  setup_segment(6, 0, 0, 0x10000);
  setup_segment(7, 0x18, 0x67, mistake == TR_NOT_BUSY ? 0x89 : 0x8b);
  vmwrite(0x4810, 0);
  vmwrite(0x4812, 0);
  vmwrite(0x681a, 0x400);
  vmwrite(0x681c, (u64)(guest_stack + sizeof guest_stack - 8));
  vmwrite(0x681e, (u64)guest);
  vmwrite(0x6820, mistake == RFLAGS_ZERO ? 0 : 2);
  if (mistake != NO_LINK_POINTER) vmwrite(0x2800, ~0ul);
}

static void launch(void) {
  __asm__ volatile("vmlaunch" : : : "cc", "memory");
  stop("VMLAUNCH failed");
}

void handle_exit(struct Registers *guest_registers) {
  u64 reason = vmread(0x4402);
  switch (reason) {
    case 10:  // CPUID
      guest_registers->rax = 0x16;
      if (mistake == LAUNCH_TWICE) launch();
      if (mistake != RIP_STAYS) vmwrite(0x681e, vmread(0x681e) + vmread(0x440c));
      return;
    case 12: stop("the guest has halted"); return;
    case 48: stop("EPT violation"); return;
    default: stop("unexpected VM exit"); return;
  }
}

void hypervisor(const struct Multiboot *information) {
  const char *line = (const char *)(u64)information->command_line;
  u32 number = 0;
  for (; *line; ++line) number = *line >= '0' && *line <= '9' ? number * 10 + (u32)(*line - '0') : 0;
  mistake = (enum Mistake)number;
  enable_vmx();
  make_vmcs();
  setup_controls();
  setup_host();
  setup_guest();
  launch();
}
