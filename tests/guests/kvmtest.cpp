// Owns kvmtest: a small hypervisor on /dev/kvm whose guests exercise what the CPU below KVM has to do. It
// runs inside an emulated Linux. Every exit that reaches it is a line; then two timed loops. The last line:
// KVMTEST-DONE or KVMTEST-FAIL.
#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

// The guests. Ports: 71h gives 42, F0h asks for an interrupt of vector 20h, anything else is output.
asm(R"(
.section .rodata
.code16
real_begin:
  movw $0x20 * 4, %bx           # the vector's handler
  movw $real_handler - real_begin + 0x1000, (%bx)
  movw $0, 2(%bx)
  movw $real_text - real_begin + 0x1000, %si
  movw $4, %cx
  movw $0xe9, %dx
  cld
  rep outsb                     # string I/O
  inb $0x71, %al
  outb %al, $0x80               # 42
  xorl %eax, %eax
  cpuid
  xorw %di, %di
  movw $256, %cx
1:
  movw %cx, %ax                 # another segment each time
  shlw $6, %ax
  addw $0x2000, %ax
  movw %ax, %es
  incb %es:(%di)
  addb %es:(%di), %dl
  loop 1b
  xorw %bp, %bp
  outb %al, $0xf0
  sti
2:
  testw %bp, %bp
  jz 2b
  cli
  movw %bp, %ax
  outw %ax, $0x80               # 7777h, from the handler
  hlt
real_handler:
  movw $0x7777, %bp
  iretw
real_text: .ascii "REAL"
real_end:

.code64
long_begin:
  movb $'L', %al
  outb %al, $0xe9
  movl $0xd0000000, %ebx        # no memory there
  movl $0x12345678, (%rbx)
  movq 8(%rbx), %rax
  outl %eax, $0x80              # what the program gave
  movl $0x400000, %edi          # 512 pages that nobody has touched
  movl $512, %ecx
1:
  movq %rdi, (%rdi)
  addq $4096, %rdi
  decl %ecx
  jnz 1b
  movq -4096(%rdi), %rax
  outl %eax, $0x80              # 5FF000h
  movq %cr3, %rax
  movq %rax, %cr3
  invlpg 0x400000
  movl $0x80000000, %eax
  cpuid
  movl $0x10, %ecx              # IA32_TIME_STAMP_COUNTER
  rdmsr
  movl $1000000, %ecx
  xorl %eax, %eax
2:
  addl %ecx, %eax
  decl %ecx
  jnz 2b
  outl %eax, $0x80              # 1 + 2 + ... + 1,000,000, the lower half
  hlt
long_end:

cpuids_begin:                   # edi times
  xorl %eax, %eax
  cpuid
  decl %edi
  jnz cpuids_begin
  hlt
cpuids_end:
outs_begin:
  outb %al, $0xe9
  decl %edi
  jnz outs_begin
  hlt
outs_end:
.text
)");
extern "C" const uint8_t real_begin[], real_end[], long_begin[], long_end[], cpuids_begin[], cpuids_end[],
    outs_begin[], outs_end[];

namespace {

constexpr uint64_t memory_bytes = 8 << 20, code_at = 0x1000, tables_at = 0x100000;

[[noreturn]] void fail(const char* what) {
  std::printf("%s: %s\nKVMTEST-FAIL\n", what, std::strerror(errno));
  std::exit(1);
}

int ask(int file, unsigned long request, const char* name, uint64_t argument = 0) {
  const int result = ioctl(file, request, argument);
  if (result < 0) fail(name);
  return result;
}
#define ASK(file, request, ...) \
  ask(file, request, #request __VA_OPT__(, reinterpret_cast<uint64_t>(__VA_ARGS__)))

// The header's kvm_cpuid2 ends in an array of no size, behind something that C++ gives a byte: its size,
// which is part of the request's number, is another than the kernel's.
struct Cpuid {
  uint32_t rows = 128, padding = 0;
  kvm_cpuid_entry2 row[128]{};
};
constexpr unsigned long GET_SUPPORTED_CPUID = _IOWR(KVMIO, 0x05, uint64_t),
                        SET_CPUID2 = _IOW(KVMIO, 0x90, uint64_t);

// A guest with one CPU, 8 MiB of memory and its code at 1000H, in real mode or in 64-bit mode.
class Guest {
 public:
  Guest(int kvm, const uint8_t* begin, const uint8_t* end, bool long_mode, uint64_t rdi = 0) {
    vm_ = ASK(kvm, KVM_CREATE_VM);
    // Without unrestricted guests KVM keeps pages of its own in the guest: far from its memory.
    uint64_t map = 0xfeffc000;
    ASK(vm_, KVM_SET_IDENTITY_MAP_ADDR, &map);
    ask(vm_, KVM_SET_TSS_ADDR, "KVM_SET_TSS_ADDR", map + 0x1000);
    memory_ = static_cast<uint8_t*>(
        mmap(nullptr, memory_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (memory_ == MAP_FAILED) fail("8 MiB of memory");
    kvm_userspace_memory_region region{};
    region.memory_size = memory_bytes;
    region.userspace_addr = reinterpret_cast<uint64_t>(memory_);
    ASK(vm_, KVM_SET_USER_MEMORY_REGION, &region);
    std::memcpy(memory_ + code_at, begin, static_cast<size_t>(end - begin));

    cpu_ = ASK(vm_, KVM_CREATE_VCPU);
    Cpuid cpuid;
    ASK(kvm, GET_SUPPORTED_CPUID, &cpuid);
    ASK(cpu_, SET_CPUID2, &cpuid);
    run_bytes_ = static_cast<size_t>(ASK(kvm, KVM_GET_VCPU_MMAP_SIZE));
    run_ = static_cast<kvm_run*>(mmap(nullptr, run_bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, cpu_, 0));
    if (run_ == MAP_FAILED) fail("kvm_run");

    kvm_sregs system{};
    ASK(cpu_, KVM_GET_SREGS, &system);
    if (long_mode) {
      enter_long_mode(system);
    } else {
      system.cs.selector = 0;
      system.cs.base = 0;
    }
    ASK(cpu_, KVM_SET_SREGS, &system);
    kvm_regs registers{};
    registers.rip = code_at;
    registers.rsp = 0x8000;
    registers.rflags = 2;
    registers.rdi = rdi;
    ASK(cpu_, KVM_SET_REGS, &registers);
  }
  ~Guest() {
    munmap(run_, run_bytes_);
    munmap(memory_, memory_bytes);
    close(cpu_);
    close(vm_);
  }
  Guest(const Guest&) = delete;
  Guest& operator=(const Guest&) = delete;

  kvm_run& run() {
    ASK(cpu_, KVM_RUN);
    return *run_;
  }
  uint64_t rip() {
    kvm_regs registers{};
    ASK(cpu_, KVM_GET_REGS, &registers);
    return registers.rip;
  }
  void interrupt(uint32_t vector) {
    kvm_interrupt interrupt{vector};
    ASK(cpu_, KVM_INTERRUPT, &interrupt);
  }

 private:
  // 4 GiB mapped one to one, in pages of 2 MiB.
  void enter_long_mode(kvm_sregs& system) {
    auto* tables = reinterpret_cast<uint64_t*>(memory_ + tables_at);
    tables[0] = (tables_at + 0x1000) | 3;
    for (uint64_t n = 0; n < 4; ++n) tables[512 + n] = (tables_at + 0x2000 + n * 0x1000) | 3;
    for (uint64_t n = 0; n < 4 * 512; ++n) tables[1024 + n] = n << 21 | 0x83;
    system.cr0 = 0x80000031;  // PG, NE, ET, PE
    system.cr3 = tables_at;
    system.cr4 = 0x20;    // PAE
    system.efer = 0x500;  // LMA, LME
    kvm_segment code{};
    code.limit = 0xffffffff;
    code.selector = 8;
    code.type = 11;
    code.present = code.s = code.l = code.g = 1;
    kvm_segment data = code;
    data.selector = 16;
    data.type = 3;
    data.l = 0;
    data.db = 1;
    system.cs = code;
    system.ds = system.es = system.fs = system.gs = system.ss = data;
  }

  int vm_ = -1, cpu_ = -1;
  uint8_t* memory_ = nullptr;
  kvm_run* run_ = nullptr;
  size_t run_bytes_ = 0;
};

// What a guest must have said through its ports and MMIO, in order.
struct Saying {
  const uint64_t* values;
  size_t count, at = 0;
  bool good = true;
  void hear(uint64_t value) {
    good = good && at < count && values[at] == value;
    ++at;
  }
};

uint64_t number(const uint8_t* bytes, uint32_t size) {
  uint64_t value = 0;
  std::memcpy(&value, bytes, size < 8 ? size : 8);
  return value;
}

// Runs the guest until it halts; true if it said what it should.
bool tell(Guest& guest, const char* name, Saying saying) {
  for (int n = 1; n < 100; ++n) {
    kvm_run& run = guest.run();
    std::printf("%s exit %d rip=%llx ", name, n, static_cast<unsigned long long>(guest.rip()));
    switch (run.exit_reason) {
      case KVM_EXIT_IO: {
        uint8_t* bytes = reinterpret_cast<uint8_t*>(&run) + run.io.data_offset;
        const bool in = run.io.direction == KVM_EXIT_IO_IN;
        if (in) std::memset(bytes, run.io.port == 0x71 ? 42 : 0xff, run.io.size * run.io.count);
        std::printf("%s port=%x size=%d count=%u value=%llx\n", in ? "in" : "out", run.io.port, run.io.size,
                    run.io.count, static_cast<unsigned long long>(number(bytes, run.io.size * run.io.count)));
        if (!in && run.io.port == 0xf0) run.request_interrupt_window = 1;
        if (!in && run.io.port != 0xf0) {
          for (uint32_t k = 0; k < run.io.count; ++k)
            saying.hear(number(bytes + k * run.io.size, run.io.size));
        }
        break;
      }
      case KVM_EXIT_MMIO:
        if (run.mmio.is_write) {
          saying.hear(number(run.mmio.data, run.mmio.len));
        } else {
          const uint64_t answer = 0xabcd;
          std::memcpy(run.mmio.data, &answer, run.mmio.len);
        }
        std::printf("mmio %s address=%llx size=%u value=%llx\n", run.mmio.is_write ? "write" : "read",
                    run.mmio.phys_addr, run.mmio.len,
                    static_cast<unsigned long long>(number(run.mmio.data, run.mmio.len)));
        break;
      case KVM_EXIT_IRQ_WINDOW_OPEN:
        std::printf("interrupt window\n");
        run.request_interrupt_window = 0;
        guest.interrupt(0x20);
        break;
      case KVM_EXIT_HLT:
        std::printf("hlt\n");
        if (saying.good && saying.at == saying.count) return true;
        std::printf("%s: not what the guest should have said\n", name);
        return false;
      default:
        std::printf("reason=%u hardware=%llx\n", run.exit_reason, run.hw.hardware_exit_reason);
        return false;
    }
  }
  std::printf("%s: no end\n", name);
  return false;
}

// Runs the guest until it halts; every exit to here is an OUT.
bool measure(Guest& guest, const char* name, uint32_t count) {
  timespec begin{}, end{};
  clock_gettime(CLOCK_MONOTONIC, &begin);
  uint32_t exits = 0, reason;
  do {
    reason = guest.run().exit_reason;
    ++exits;
  } while (reason == KVM_EXIT_IO);
  clock_gettime(CLOCK_MONOTONIC, &end);
  const long microseconds = (end.tv_sec - begin.tv_sec) * 1000000 + (end.tv_nsec - begin.tv_nsec) / 1000;
  std::printf("%u %s: %u exits to the program, %ld us of the guest's time\n", count, name, exits,
              microseconds);
  return reason == KVM_EXIT_HLT;
}

}  // namespace

int main() {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  const int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
  if (kvm < 0) fail("/dev/kvm");
  std::printf("KVM's interface: version %d\n", ASK(kvm, KVM_GET_API_VERSION));
  bool good = true;
  {
    static constexpr uint64_t real_says[] = {'R', 'E', 'A', 'L', 42, 0x7777};
    Guest guest(kvm, real_begin, real_end, false);
    good = tell(guest, "real", {real_says, 6}) && good;
  }
  {
    static constexpr uint64_t long_says[] = {'L', 0x12345678, 0xabcd, 0x5ff000, 500000500000 & 0xffffffff};
    Guest guest(kvm, long_begin, long_end, true);
    good = tell(guest, "long", {long_says, 5}) && good;
  }
  std::puts("KVMTEST-READY for the timed part");
  {
    Guest guest(kvm, cpuids_begin, cpuids_end, true, 20000);
    good = measure(guest, "CPUIDs", 20000) && good;
  }
  std::puts("KVMCPUID-DONE");
  {
    Guest guest(kvm, outs_begin, outs_end, true, 5000);
    good = measure(guest, "OUTs", 5000) && good;
  }
  std::puts(good ? "KVMTEST-DONE" : "KVMTEST-FAIL");
  return good ? 0 : 1;
}
