// Owns the fuzzing of the screen, the keyboard and the mouse: any sequence of accesses to their registers and
// memory, of input and of time. Nothing may crash, and a machine that is restored must show the same.
#include <cstdio>
#include <cstdlib>

#include "frontend/screen/screen.h"
#include "tests/fuzz/machines.h"

using namespace ringside;
using namespace ringside::fuzz;

namespace {

MachineConfig config() {
  MachineConfig config;
  std::string error;
  config.dispatcher = Dispatcher::reference;
  config.model = *parse_cpu_model("max", error);
  config.ram_bytes = 1 << 20;
  config.vga = true;
  config.vga_rom.assign(512, 0xaa);
  return config;
}

constexpr u16 ports[] = {0x3b4, 0x3b5, 0x3ba, 0x3c0, 0x3c1, 0x3c2, 0x3c4, 0x3c5, 0x3c6, 0x3c7,
                         0x3c8, 0x3c9, 0x3cc, 0x3ce, 0x3cf, 0x3d4, 0x3d5, 0x3da, 0x1ce, 0x1cf,
                         0x1d0, 0x60,  0x64,  0x92,  0xcf8, 0xcfc, 0xcfd, 0xcfe, 0xcff};

void act(Machine& machine, Input& in) {
  PortSpace& bus = *machine.cpu(0).ports;
  const u8 kind = in.take<u8>();
  const unsigned size = 1u << (kind >> 6 & 1) << (kind >> 7 & 1);
  const u16 port = ports[in.pick(std::size(ports))];
  switch (kind & 15) {
    case 0: machine.memory().read(HostPhys(0xa0000 + in.take<u16>() * 2), size); return;
    case 1: machine.memory().write(HostPhys(0xa0000 + in.take<u16>() * 2), size, in.take<u32>()); return;
    case 2: machine.input(KeyStroke{in.take<u8>(), (kind & 16) != 0, (kind & 32) != 0}); return;
    case 3: machine.input(MouseMove{in.take<s16>(), in.take<s16>(), in.take<s8>(), in.take<u8>()}); return;
    case 4: machine.input(PauseKey{}); return;
    case 5: machine.run(in.take<u16>()); return;
    case 6: bus.port_write(0xcf8, 4, 0x80001000 | (in.take<u8>() & 0xfc)); return;
    case 7:
      machine.memory().write(HostPhys(u64{in.take<u16>()} << 16 | in.take<u16>()), size, in.take<u32>());
      return;
    case 8:
    case 9: bus.port_read(port, size); return;
    case 10:
      // A mode as drivers set it, with numbers of the input's.
      for (const u16 index : {4, 1, 2, 3, 4}) {
        bus.port_write(0x1ce, 2, index);
        bus.port_write(0x1cf, 2,
                       index == 3   ? in.take<u8>() & 0x38u
                       : index == 4 ? in.take<u8>()
                                    : in.take<u16>() & 0x7ffu);
      }
      return;
    default: bus.port_write(port, size, in.take<u32>()); return;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
  static Fresh fresh(config()), second(config());
  Machine& machine = fresh.again();
  Input in{data, size};
  while (in.size != 0) act(machine, in);
  const Picture picture = screen_picture(machine);
  const std::vector<std::string> lines = screen_lines(machine);
  std::string error;
  Machine& copy = second.again();
  const bool restored = copy.restore(machine.save(), error);
  if (!restored || screen_picture(copy) != picture || screen_lines(copy) != lines) {
    std::fprintf(stderr, "a restored screen shows something else: %s\n", error.c_str());
    std::abort();
  }
  return 0;
}
