// Owns the local APIC's registers.
#include "roms/kit/apic.h"

#include "roms/kit/clock.h"
#include "roms/kit/instructions.h"

namespace kit {
namespace {

constexpr u64 base = 0xfee00000;
constexpr u64 id = 0x20, task_priority = 0x80, eoi = 0xb0, spurious_vector = 0xf0, command_low = 0x300,
              command_high = 0x310;
constexpr u64 timer_entry = 0x320, initial_count = 0x380, current_count = 0x390, divide = 0x3e0;
constexpr u32 masked = 1 << 16, software_enable = 1 << 8, pending = 1 << 12;
constexpr u32 init = 5 << 8, start_up = 6 << 8, assert_level = 1 << 14, all_others = 3 << 18;
constexpr u32 divide_by_1 = 0xb;

// How far the timer counts in a millisecond.
u64 counts_a_millisecond;

// By plain moves: whoever emulates these registers for a guest decodes the instruction.
u32 get(u64 offset) { return read32(base + offset); }
void set(u64 offset, u32 value) { write32(base + offset, value); }

void command(u32 destination, u32 what) {
  while (get(command_low) & pending) pause();
  set(command_high, destination << 24);
  set(command_low, what);
}

void measure_timer() {
  set(divide, divide_by_1);
  set(timer_entry, masked);
  set(initial_count, ~0u);
  wait_nanoseconds(1'000'000);
  counts_a_millisecond = ~0u - get(current_count);
  set(initial_count, 0);
}

}  // namespace

u32 local_apic_id() { return get(id) >> 24; }

void enable_local_apic() {
  out8(0x21, 0xff);
  out8(0xa1, 0xff);
  set(spurious_vector, software_enable | 0xff);
  set(task_priority, 0);
  if (!counts_a_millisecond) measure_timer();
  set(divide, divide_by_1);
}

void end_of_interrupt() { set(eoi, 0); }

void set_timer(u8 vector, u64 nanoseconds) {
  const u64 longest = 1'000'000'000;  // whoever waits longer is woken in between
  const u64 counts = smaller(nanoseconds, longest) * counts_a_millisecond / 1'000'000;
  set(timer_entry, vector);
  set(initial_count, static_cast<u32>(smaller<u64>(counts ? counts : 1, ~0u)));
}
void stop_timer() { set(initial_count, 0); }

void send_interrupt(u32 apic_id, u8 vector) { command(apic_id, assert_level | vector); }
void send_init_to_others() { command(0, all_others | assert_level | init); }
void send_start_up_to_others(u64 page) {
  command(0, all_others | assert_level | start_up | static_cast<u32>(page));
}

}  // namespace kit
