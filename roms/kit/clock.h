// Owns the time: nanoseconds since start_clock, from the time-stamp counter.
#pragma once

#include "roms/kit/types.h"

namespace kit {

// Learns how fast the time-stamp counter counts: from CPUID leaf 15H where it says so, else by the PIT (the
// manual's "Time-Stamp Counter").
void start_clock();
u64 ticks_a_millisecond();

u64 now();  // nanoseconds
void wait_nanoseconds(u64 nanoseconds);

}  // namespace kit
