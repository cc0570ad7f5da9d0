// Owns the table of virtual machines: how one is made, gets memory and CPUs, and ends; its chips' lines and
// time.
#include "roms/lodge/vm/machine.h"

#include "roms/kit/clock.h"
#include "roms/kit/pages.h"
#include "roms/kit/variants.h"
#include "roms/lodge/process.h"
#include "roms/lodge/vm/control_registers.h"
#include "roms/lodge/vm/vmcs.h"

namespace lodge {
namespace {

constexpr u64 most_machines = 4, nanoseconds_a_second = 1'000'000'000;
VirtualMachine machines[most_machines] = {};

bool overlap(const MemorySlot& a, const MemorySlot& b) {
  return a.guest < b.guest + b.bytes && b.guest < a.guest + a.bytes;
}

void ring_pit(void* machine) {
  auto& m = *static_cast<VirtualMachine*>(machine);
  m.pit.interrupted(pit_time());
  // The output of channel 0 rises at the end of each period and is high until shortly before the next.
  m.pic.set_line(0, false);
  m.pic.set_line(0, true);
  interrupt_pending(m);
  follow_pit(m);
}

}  // namespace

VirtualMachine* create_machine(Process& process, Face face) {
  for (VirtualMachine& machine : machines) {
    if (machine.used) continue;
    machine = {};
    machine.used = true;
    machine.process = &process;
    machine.face = face;
    machine.ept.create();
    machine.msr_bitmap = make_msr_bitmap();
    if (variants.no_unrestricted_guest) make_identity_table(machine);
    machine.tsc_offset = 0 - rdtsc();
    machine.pit_alarm.ring = ring_pit;
    machine.pit_alarm.argument = &machine;
    return &machine;
  }
  return nullptr;
}

// The guest's memory is the process's and goes with it.
void destroy_machine(VirtualMachine& machine) {
  cancel_alarm(machine.pit_alarm);
  for (u64 n = 0; n < machine.cpu_count; ++n) {
    machine.cpus[n].shadow.destroy();
    free_page(machine.cpus[n].vmcs);
    free_page(machine.cpus[n].msr_lists);
    free_page(address_of(machine.cpus[n].page));
  }
  free_page(machine.msr_bitmap);
  if (machine.identity_table) free_page(machine.identity_table);
  machine.ept.destroy();
  machine.used = false;
}

i64 add_memory_slot(VirtualMachine& machine, const MemorySlot& slot) {
  constexpr u64 most = 1ul << 40;
  if ((slot.guest | slot.address | slot.bytes) % page_bytes || !slot.bytes || slot.bytes > most ||
      slot.guest > most)
    return bad_argument;
  // Touching the first and the last page shows whether the process has such memory; those between are asked
  // for when the guest does.
  if (!page_at(*machine.process, slot.address) ||
      !page_at(*machine.process, slot.address + slot.bytes - page_bytes))
    return bad_address;
  if (machine.slot_count == most_slots) return no_room;
  for (u64 n = 0; n < machine.slot_count; ++n)
    if (overlap(machine.slots[n], slot)) return bad_argument;
  machine.slots[machine.slot_count++] = slot;
  return 0;
}

u64 guest_page(VirtualMachine& machine, u64 guest) {
  for (u64 n = 0; n < machine.slot_count; ++n) {
    const MemorySlot& slot = machine.slots[n];
    if (guest >= slot.guest && guest - slot.guest < slot.bytes)
      return page_at(*machine.process, slot.address + (guest - slot.guest));
  }
  return 0;
}

i64 add_virtual_cpu(VirtualMachine& machine) {
  if (machine.cpu_count == most_cpus) return no_room;
  VirtualCpu& cpu = machine.cpus[machine.cpu_count];
  cpu = {};
  cpu.machine = &machine;
  cpu.number = machine.cpu_count;
  // 0 is the host's own.
  cpu.vpid = static_cast<u16>(1 + static_cast<u64>(&machine - machines) * most_cpus + cpu.number);
  cpu.page = at<RunPage>(allocate_page());
  cpu.page_address = map_shared_page(*machine.process, address_of(cpu.page));
  if (!cpu.page_address) return free_page(address_of(cpu.page)), no_room;
  if (variants.no_ept) cpu.shadow.create();
  make_vmcs(cpu);
  return static_cast<i64>(machine.cpu_count++);
}

VirtualCpu* virtual_cpu(VirtualMachine& machine, u64 number) {
  return number < machine.cpu_count ? &machine.cpus[number] : nullptr;
}

i64 run_page_address(VirtualCpu& cpu) { return static_cast<i64>(cpu.page_address); }

u64 pit_time() {
  const u64 moment = now();
  return moment / nanoseconds_a_second * pit_counts_a_second +
         moment % nanoseconds_a_second * pit_counts_a_second / nanoseconds_a_second;
}

void follow_pit(VirtualMachine& machine) {
  const u64 next = machine.pit.next_interrupt();
  if (next == ~0ul) return cancel_alarm(machine.pit_alarm);
  // Rounded up, so that the PIT has got there when the alarm rings.
  const u64 seconds = next / pit_counts_a_second, rest = next % pit_counts_a_second;
  set_alarm(machine.pit_alarm,
            seconds * nanoseconds_a_second +
                (rest * nanoseconds_a_second + pit_counts_a_second - 1) / pit_counts_a_second);
}

void interrupt_pending(VirtualMachine& machine) {
  if (!machine.pic.interrupts() || !machine.cpus[0].thread) return;
  wake(*machine.cpus[0].thread);
  kick(*machine.cpus[0].thread);
}

void set_interrupt_line(VirtualMachine& machine, u8 line, bool level) {
  machine.pic.set_line(line, level);
  interrupt_pending(machine);
}

}  // namespace lodge
