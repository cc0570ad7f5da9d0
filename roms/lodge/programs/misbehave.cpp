// Owns a program that does what it may not, "WAY": each way must end with a refusal, or with the end of this
// process, and of nothing else.
#include "roms/lodge/programs/program.h"

namespace {

using namespace lodge;

constexpr u64 kernel_address = 0x100000, hole = user_last - page_bytes, not_canonical = 1ul << 62;
constexpr u64 bad_addresses[] = {0, kernel_address, hole, not_canonical, ~0ul};

[[gnu::noinline]] void read_kernel() { print("read ", *at<volatile u64>(kernel_address), "\n"); }
[[gnu::noinline]] void write_kernel() { *at<volatile u64>(kernel_address) = 0; }
void privileged() { asm volatile("cli"); }
void no_fpu() { asm volatile("fninit"); }
// The page below the stack is nobody's.
[[gnu::noinline]] void past_stack() {
  for (volatile u8* byte = static_cast<u8*>(__builtin_frame_address(0));; byte -= page_bytes) *byte = 0;
}

// All memory that there is, and more.
void all_memory() {
  for (;;) {
    constexpr u64 part = 16 << 20;
    u8* memory = map(part);
    for (u64 n = 0; n < part; n += page_bytes) memory[n] = 1;
  }
}

// With NT, an IRET of the kernel's would fail; TF and AC would trap inside it. The kernel has to be without
// them.
void bad_flags() {
  asm volatile(
      "pushf; orq $0x44000, (%%rsp); popf; mov %0, %%eax; syscall; pushf; andq $~0x44000, (%%rsp); popf"
      :
      : "i"(Call::yield)
      : "rax", "rcx", "r8", "r9", "r10", "r11", "rdi", "rsi", "rdx", "memory");
  sleep(1'000'000);
  print("misbehave: the kernel does not mind flags\n");
}

// Every call with every bad address. Those that end the caller, or wait, are left out.
void bad_arguments() {
  constexpr u64 own = 7;
  const char packet[100] = {};
  u64 taken = call(Call::send_packet, own, address_of(packet), 100) >= 0;  // it has not joined the network
  taken += call(Call::receive_packet, address_of(packet)) >= 0;
  taken += call(Call::join_network, own) < 0;
  const i64 file = call(Call::find_file, address_of("lodge-misbehave.elf"));
  for (const u64 bad : bad_addresses) {
    taken += call(Call::write, bad, 100) >= 0;
    taken += call(Call::find_file, bad) >= 0;
    taken += call(Call::read_file, static_cast<u64>(file), 0, bad, 100) >= 0;
    if (bad != hole) taken += call(Call::thread, bad) >= 0;  // there it would begin, and end the process
    taken += call(Call::set_memory, 0, bad & ~(page_bytes - 1), page_bytes) >= 0;
    taken += call(Call::map, bad > 1 ? bad | not_canonical : 0) >= 0;
    taken += call(Call::file_bytes, 1000 + bad) >= 0;
    taken += call(Call::run_cpu, bad) >= 0;
    taken += call(Call::join_network, bad & not_canonical ? ~0ul : 0) >= 0;
    taken += call(Call::send_packet, own, bad, 100) >= 0;
    taken += call(Call::send_packet, own, address_of(packet), page_bytes + 1) >= 0;
    taken += call(Call::send_packet, own + 1, address_of(packet), 100) >= 0;
    taken += call(Call::send_packet, own, address_of(packet), 100) < 0;  // which is taken, to be lost here:
    taken += call(Call::receive_packet, bad) >= 0;
    taken += call(static_cast<Call>(static_cast<u64>(Call::count) + bad % 1000)) >= 0;
  }
  print("misbehave: ", taken, " bad calls were taken\n");
}

// A virtual CPU whose state no VM entry takes, and one that runs where there is no memory.
void bad_guest() {
  call(Call::create_vm);
  const i64 refused = call(Call::set_memory, 0, kernel_address, page_bytes);
  const u64 cpu = static_cast<u64>(call(Call::create_cpu));
  auto& page = *at<RunPage>(static_cast<u64>(call(Call::run_page, cpu)));
  CpuState state = {};
  state.rip = not_canonical;
  state.cs.access_rights = ~0u;
  for (const u64 bad : bad_addresses) call(Call::set_cpu, cpu, bad);
  call(Call::set_cpu, cpu, address_of(&state));
  call(Call::run_cpu, cpu);
  print("misbehave: memory of the kernel: ", refused, "; the entry failed by exit reason ", page.reason,
        "\n");
}

struct Way {
  const char* name;
  void (*go)();
};

}  // namespace

void program(const char* arguments) {
  const Way ways[] = {{"read", read_kernel}, {"write", write_kernel},      {"privileged", privileged},
                      {"fpu", no_fpu},       {"stack", past_stack},        {"memory", all_memory},
                      {"flags", bad_flags},  {"arguments", bad_arguments}, {"guest", bad_guest}};
  for (const Way& way : ways)
    if (same(way.name, arguments)) way.go();
}
