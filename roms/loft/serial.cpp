// Owns the domain's 16550 as far as a guest's early messages need it: it sends, and is always ready.
#include "roms/loft/serial.h"

#include "roms/kit/print.h"

namespace loft {

bool has_serial_port(u16 port) { return port >= 0x3f8 && port <= 0x3ff; }
u8 read_serial(Domain&, u16 port) { return port == 0x3fd ? 0x60 : 0; }
void write_serial(Domain&, u16 port, u8 value) {
  const char letter = static_cast<char>(value);
  if (port == 0x3f8) print_to_serial(&letter, 1);
}

}  // namespace loft
