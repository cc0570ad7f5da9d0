// Owns the serial port of a domain that has the machine's.
#pragma once

#include "roms/loft/domain.h"

namespace loft {

bool has_serial_port(u16 port);
u8 read_serial(Domain& domain, u16 port);
void write_serial(Domain& domain, u16 port, u8 value);

}  // namespace loft
