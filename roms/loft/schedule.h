// Owns who runs next: a scheduler by credits. Each virtual CPU has a part of the time by its domain's weight,
// in credit that running uses up; who has credit goes before who has none, and who was just woken by an event
// goes first.
#pragma once

#include "roms/kit/spinlock.h"
#include "roms/loft/domain.h"

namespace loft {

constexpr u64 slice = 10'000'000;   // nanoseconds until somebody of the same rank has a turn
constexpr u64 period = 30'000'000;  // each so often credit is given

// The virtual CPU that shall run on this CPU now, nullptr: none wants to. It is `running` from here on.
Vcpu* choose();
// It has run so long, since choose() or the last call.
void charge(Vcpu& vcpu, u64 nanoseconds);
// Should another one run instead of this one? One that yields stays ready and keeps its credit, but goes
// behind all others of its rank, as if its slice were over.
bool should_give_way(const Vcpu& vcpu, u64 slice_begin);
// It does not run any more: it is ready again, or blocked, or off.
void put_back(Vcpu& vcpu, VcpuState state);

// If it is blocked, it is ready now; a CPU that is idle, or runs somebody of a lower rank, is told.
void wake(Vcpu& vcpu);

// What time brings: timers of domains, ticks of their PITs, new credit.
void pass_time();
// When pass_time has something to do next; now() or later.
u64 next_deadline();

// The CPUs' own loop: never returns. The caller holds the lock, which is open while a guest runs or the CPU
// is idle.
[[noreturn]] void run_guests();
extern Spinlock lock;

}  // namespace loft
