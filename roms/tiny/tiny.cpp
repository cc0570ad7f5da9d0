// Owns the tiny guest: a kernel that fits under every hypervisor here, and runs on a bare machine, too. It
// does its workloads one after the other, says how each went, and ends the machine. On its command line
// "only=NAME" chooses one workload, "times=N" multiplies each, "to=N" says to which guest packets go.
#include "roms/tiny/tiny.h"

#include "roms/kit/apic.h"
#include "roms/kit/clock.h"
#include "roms/kit/hypercalls.h"
#include "roms/kit/instructions.h"
#include "roms/kit/print.h"

namespace tiny {

Below below;

namespace {

constexpr Workload workloads[] = {
    {"syscalls", "system calls from ring 3", 1000, 0, system_calls},
    {"faults", "page faults that map a page", 64, 0, page_faults},
    {"cpuid", "times that it asks who the CPU is", 200, 0, identifications},
    {"absent", "reads of a port that nobody has", 100, 0, absent_ports},
    {"serial", "reads of the serial port's state", 100, has_serial_port, serial_states},
    {"fpu", "switches of SSE registers, by CR0.TS and #NM", 20, 0, register_switches},
    {"timer", "ticks of the PIT", 10, 0, timer_ticks},
    {"alarms", "alarms of the local APIC's timer", 10, has_local_apic, alarms},
    {"ports", "writes and reads of a port", 100, offers_memory_device, port_accesses},
    {"memory", "writes and reads of a device in memory", 100, offers_memory_device, memory_accesses},
    {"hypercalls", "hypercalls that do nothing", 1000, offers_console, hypercalls},
    {"events", "events sent to oneself", 100, offers_event_channels, own_events},
    {"disk", "pages written and read over a ring", 32, has_back_end, disk_pages_written},
    {"hyperv", "hypercalls as Hyper-V has them", 100, has_hyperv, hyperv_calls},
    {"net", "packets sent and received over rings", 32, has_back_end, packets_sent},
};

void put_letters(char* to, u32 first, u32 second, u32 third) {
  const u32 words[3] = {first, second, third};
  memcpy(to, words, sizeof words);
}

// A PVH guest of Xen's has no serial port. What goes to this port is the guest's own in Xen's log.
void print_to_xen(const char* text, u64 bytes) {
  constexpr u16 debug_console = 0xe9;
  for (u64 n = 0; n < bytes; ++n) out8(debug_console, static_cast<u8>(text[n]));
}

void find_hypervisor() {
  if (cpuid(1).edx & 1u << 9) below.offers |= has_local_apic;
  constexpr u32 hypervisor_present = 1u << 31;  // CPUID.1:ECX; no processor sets it
  if (!(cpuid(1).ecx & hypervisor_present)) return;
  char signature[13] = {};
  const CpuidResult first = cpuid(hypervisor_leaf);
  put_letters(signature, first.ebx, first.ecx, first.edx);
  if (same(signature, "XenVMMXenVMM")) set_output(print_to_xen);
  if (same(signature, "Microsoft Hv")) {
    below.offers |= has_hyperv;
    memcpy(below.name, "Hyper-V", 8);
  }
  if (!same(signature, hypervisor_signature)) return;
  below.offers |=
      cpuid(hypervisor_leaf + 1).eax & ~(has_local_apic | has_back_end | has_hyperv | has_serial_port);
  constexpr u32 both = offers_event_channels | offers_grants;
  if ((below.offers & both) == both || below.offers & offers_rings) below.offers |= has_back_end;
  const CpuidResult name = cpuid(hypervisor_leaf + 2);
  put_letters(below.name, name.ebx, name.ecx, name.edx);
}

void print_by_hypercall(const char* text, u64 bytes) {
  hypercall(call_console_write, address_of(text), bytes);
}

// Returns the number of workloads that failed.
u64 run(const Workload& workload, u64 times) {
  if (workload.needs & ~below.offers) return 0;
  const u64 count = workload.count * times, begin = now();
  const bool good = workload.run(count);
  const u64 each = (now() - begin) / count;
  print("tiny: ", workload.name, ": ", count, " ", workload.what, ", ", each, " ns each",
        good ? "" : ": FAILED", "\n");
  return good ? 0 : 1;
}

bool chosen(const char* command_line, const Workload& workload) {
  char only[32] = "only=";
  memcpy(only + 5, workload.name, length_of(workload.name) + 1);
  return word_on(command_line, only);
}

}  // namespace

u64 run_all(const char* command_line) {
  const u64 times = number_on(command_line, "times", 1);
  bool one = false;
  for (const Workload& workload : workloads) one |= chosen(command_line, workload);
  u64 failed = 0;
  for (const Workload& workload : workloads)
    if (!one || chosen(command_line, workload)) failed += run(workload, times);
  return failed;
}

}  // namespace tiny

void kit_main(const kit::BootInformation& boot) {
  using namespace tiny;
  find_hypervisor();
  if (below.offers & offers_console) set_output(print_by_hypercall);
  // What reaches a device model of KVM's and Xen's, as "ports" does one of the hypervisors here.
  if (word_on(boot.command_line, "only=serial") && serial_states(1)) below.offers |= has_serial_port;
  neighbour = number_on(boot.command_line, "to", this_guest);
  start_clock();
  print("tiny: started by ", boot.loader, ", ", boot.memory_top >> 20, " MBytes, ",
        below.name[0] ? "a guest of " : "no hypervisor that it knows", below.name, "\n");
  const u64 failed = run_all(boot.command_line);
  print(failed ? "tiny: FAILED\n" : "tiny: all is well\n");
  if (below.offers & offers_shutdown) hypercall(call_shutdown, failed);
  power_off(failed ? 1 : 0);
}
