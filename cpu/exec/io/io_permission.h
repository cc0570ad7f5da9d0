// Owns the check whether the running program may use an I/O port.
#pragma once

#include "cpu/state/cpu.h"

namespace ringside {

// By IOPL or by the I/O permission bit map of the current TSS (the manual's "I/O Permission Bit Map"); in
// virtual-8086 mode by the bit map alone. size: 1, 2 or 4 bytes. False: #GP(0), or the fault that reading the
// map met, is raised.
bool io_allowed(Cpu& cpu, u16 port, unsigned size);

// An allowed access; without a bus all ports read as ones.
u32 read_port(Cpu& cpu, u16 port, unsigned size);
void write_port(Cpu& cpu, u16 port, unsigned size, u32 value);

}  // namespace ringside
