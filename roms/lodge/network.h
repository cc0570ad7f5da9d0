// Owns the network between processes: what one sends waits in the kernel until the other one takes it.
#pragma once

#include "roms/lodge/abi.h"

namespace lodge {

struct Process;

// The system calls of these names (abi.h): 0 or a number, or a Refusal.
i64 join_network(Process& process, u64 number);
i64 send_packet(Process& from, u64 to, u64 address, u64 bytes);
i64 receive_packet(Process& process, u64 address);

// With the process's end: its number is free, and what nobody has taken is lost.
void leave_network(Process& process);

}  // namespace lodge
