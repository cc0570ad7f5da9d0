// Owns the serial port of the machine, and the domain that has it.
#pragma once

#include "roms/loft/domain.h"

namespace loft {

// Lets the machine's serial port interrupt this CPU when something arrives. What does is for the domain that
// has a serial port; the rest is lost.
void start_serial_input();
void take_serial_input();

// The domain's own ports, 3F8H to 3FFH.
bool has_serial_port(u16 port);
u8 read_serial(Domain& domain, u16 port);
void write_serial(Domain& domain, u16 port, u8 value);

}  // namespace loft
