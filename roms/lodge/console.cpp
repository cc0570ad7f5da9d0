// Owns COM1's receiver.
#include "roms/lodge/console.h"

#include "roms/kit/clock.h"
#include "roms/kit/instructions.h"
#include "roms/lodge/abi.h"
#include "roms/lodge/scheduler.h"

namespace lodge {
namespace {

constexpr u16 com1 = 0x3f8, line_status = com1 + 5;
constexpr u8 data_ready = 1;
constexpr u64 look_again =
    5'000'000;  // nanoseconds: nobody types faster, and it needs no interrupt controller

Thread* reader;

void wake_reader(void*) {
  if (reader) wake(*reader);
}

}  // namespace

i64 next_character() {
  if (reader) return no_room;
  reader = this_cpu().current;
  Alarm alarm = {};
  alarm.ring = wake_reader;
  while (!(in8(line_status) & data_ready) && !reader->dying) {
    set_alarm(alarm, now() + look_again);
    reader->state = ThreadState::waiting;
    schedule();
  }
  cancel_alarm(alarm);
  const bool dying = reader->dying;
  reader = nullptr;
  return dying ? i64{no_room} : i64{in8(com1)};
}

}  // namespace lodge
