// Owns the local APIC of the CPU that asks: its timer and the interrupts that CPUs send each other. The
// manual's "Advanced Programmable Interrupt Controller (APIC)", in xAPIC mode.
#pragma once

#include "roms/kit/types.h"

namespace kit {

u32 local_apic_id();
// Software-enables it, with everything masked, and silences the two 8259 of old, whose interrupts nobody here
// wants.
void enable_local_apic();
void end_of_interrupt();

// An interrupt with this vector on this CPU after so many nanoseconds, once; another call replaces it. Needs
// start_clock().
void set_timer(u8 vector, u64 nanoseconds);
void stop_timer();

// To the CPU of this APIC ID.
void send_interrupt(u32 apic_id, u8 vector);
void send_init_to_others();
void send_start_up_to_others(u64 page);

}  // namespace kit
