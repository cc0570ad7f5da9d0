// Owns what the registers do.
#include "roms/loft/local_apic.h"

namespace loft {
namespace {

// Numbers of registers: offsets, divided by 16.
enum Register : u32 {
  id = 0x02,
  version = 0x03,
  task_priority = 0x08,
  processor_priority = 0x0a,
  end_of_interrupt = 0x0b,
  in_service = 0x10,  // eight of 32 bits
  trigger_mode = 0x18,
  requested = 0x20,
  error_status = 0x28,
  command_low = 0x30,
  timer_entry = 0x32,
  last_entry = 0x37,
  initial_count = 0x38,
  current_count = 0x39,
  divide = 0x3e,
};
constexpr u32 entry_masked = 1 << 16, periodic = 1 << 17, none = ~0u;

// The highest bit of eight registers; none: all are 0.
u32 highest(const u32* registers) {
  for (u32 n = 8; n-- > 0;)
    if (registers[n]) return n * 32 + 31 - static_cast<u32>(__builtin_clz(registers[n]));
  return none;
}

// The upper four bits of a vector or of a priority are its class, and only a higher class interrupts.
u32 class_of(u32 vector) { return vector == none ? 0 : vector >> 4 & 15; }

}  // namespace

bool LocalApic::masked() const { return registers_[timer_entry] & entry_masked || !enabled(); }

// The divisor's bits are 3, 1 and 0: 0 divides by 2, 6 by 128, and 7 by 1.
u64 LocalApic::nanoseconds(u32 counts) const {
  const u32 value = registers_[divide], shift = ((value >> 1 & 4) | (value & 3)) + 1;
  return static_cast<u64>(counts) << (shift & 7);
}

u32 LocalApic::read(u64 offset, u64 time) const {
  const u32 number = static_cast<u32>(offset >> 4 & 0x3f);
  if (number == version) return (last_entry - timer_entry) << 16 | 0x14;
  if (number == processor_priority) {
    const u32 service = highest(registers_ + in_service);
    return class_of(service) > class_of(registers_[task_priority]) ? service & 0xf0
                                                                   : registers_[task_priority];
  }
  if (number != current_count || alarm_ == ~0ul) return registers_[number];
  return alarm_ > time ? static_cast<u32>((alarm_ - time) / nanoseconds(1)) : 0;
}

void LocalApic::write(u64 offset, u32 value, u64 time) {
  const u32 number = static_cast<u32>(offset >> 4 & 0x3f);
  if (number <= version || number == processor_priority || number == current_count) return;
  if (number >= in_service && number <= error_status) return;  // and no error ever comes
  if (number == end_of_interrupt) {
    const u32 vector = highest(registers_ + in_service);
    if (vector != none) registers_[in_service + vector / 32] &= ~(1u << vector % 32);
    return;
  }
  if (alarm_ <= time) count_on(time);  // while it was masked, which nobody hears of
  registers_[number] = value;
  if (number == command_low) send(value);
  if (number == initial_count) alarm_ = value ? time + nanoseconds(value) : ~0ul;
}

void LocalApic::request(u32 vector) {
  if (vector >= 16) registers_[requested + vector / 32] |= 1u << vector % 32;
}

// Only fixed interrupts, bits 10:8, which reach this processor: by the shorthand "self" or "all", or by a
// destination, of which there is but one.
void LocalApic::send(u32 command) {
  constexpr u32 all_others = 3;
  if ((command >> 8 & 7) == 0 && (command >> 18 & 3) != all_others) request(command & 0xff);
}

bool LocalApic::something_interrupts() const {
  const u32 wanted = class_of(highest(registers_ + requested));
  return wanted > class_of(highest(registers_ + in_service)) && wanted > class_of(registers_[task_priority]);
}

u8 LocalApic::acknowledge() {
  const u32 vector = highest(registers_ + requested);
  registers_[requested + vector / 32] &= ~(1u << vector % 32);
  registers_[in_service + vector / 32] |= 1u << vector % 32;
  return static_cast<u8>(vector);
}

// A guest may ask for an interrupt at each nanosecond: then there would be time for nothing else. Periods
// that have gone by together are one.
void LocalApic::count_on(u64 time) {
  constexpr u64 shortest = 100'000;
  const u64 counts = nanoseconds(registers_[initial_count]), period = counts < shortest ? shortest : counts;
  const bool again = registers_[timer_entry] & periodic && counts;
  alarm_ = again ? alarm_ + period * ((time - alarm_) / period + 1) : ~0ul;
}

void LocalApic::ring(u64 time) {
  request(registers_[timer_entry] & 0xff);
  count_on(time);
}

}  // namespace loft
