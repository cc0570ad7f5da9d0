// Owns the fuzzing of the drives: any sequence of accesses to the registers of IDE channels, bus master,
// floppy and DMA controllers, with time and memory between. Nothing may crash or leave an image, and a board
// that is restored on the way goes on as the one that was saved.
#include "tests/fuzz/machines.h"
#include "tests/machine/board_fixture.h"

using namespace ringside;
using namespace ringside::fuzz;

namespace {

constexpr u16 bus_master = 0xc000;

void out(RealBoard& b, u16 port, u32 value, unsigned size = 1) {
  b.board->ports.port_write(port, size, value);
}

u16 some_port(u8 choice) {
  static constexpr u16 places[] = {0x1f0, 0x1f2, 0x1f4, 0x1f6, 0x170,  0x172,  0x174,  0x176,
                                   0x3f0, 0x3f4, 0x3f6, 0x376, 0xc000, 0xc004, 0xc008, 0xc00c};
  return static_cast<u16>(places[choice & 15] + (choice >> 4 & 1));
}

// Most sequences of random bytes are refused at their first one: these begin what a driver would.
void begin_ata(RealBoard& b, Input& in, u16 base) {
  static constexpr u8 commands[] = {0x20, 0x24, 0x25, 0x29, 0x30, 0x34, 0x35, 0x39, 0xc4, 0xc5, 0xc6,
                                    0xc8, 0xca, 0xec, 0xef, 0xe7, 0xa1, 0x08, 0x90, 0x91, 0x40};
  for (unsigned reg = 1; reg < 7; ++reg) {
    const u8 value = in.take<u8>();
    out(b, static_cast<u16>(base + reg), reg == 6 ? value : value & 0x1f);
  }
  out(b, static_cast<u16>(base + 7), commands[in.pick(std::size(commands))]);
}

void begin_packet(RealBoard& b, Input& in) {
  static constexpr u8 opcodes[] = {0x00, 0x03, 0x12, 0x1a, 0x1b, 0x1e, 0x25, 0x28, 0x2b,
                                   0x43, 0x46, 0x4a, 0x51, 0x5a, 0xa8, 0xbd, 0xbe, 0xff};
  out(b, 0x176, 0xa0);
  out(b, 0x171, in.take<u8>() & 1);
  out(b, 0x174, in.take<u8>()), out(b, 0x175, in.take<u8>());
  out(b, 0x177, 0xa0);
  out(b, 0x170, u32{opcodes[in.pick(std::size(opcodes))]} | u32{in.take<u8>()} << 8, 2);
  for (int n = 0; n < 5; ++n) out(b, 0x170, in.take<u16>() & 0x7f03, 2);
}

void start_bus_master(RealBoard& b, Input& in) {
  const u16 base = static_cast<u16>(bus_master + (in.take<u8>() & 8));
  for (u64 n = 0; n < 3; ++n) {
    b.memory.write(HostPhys(0x1000 + 8 * n), 4, in.take<u16>() * 16u);
    b.memory.write(HostPhys(0x1004 + 8 * n), 4, in.take<u16>() | u32{in.take<u8>()} << 24);
  }
  out(b, static_cast<u16>(base + 4), 0x1000, 4);
  out(b, base, in.take<u8>());
}

void begin_floppy(RealBoard& b, Input& in) {
  static constexpr u8 opcodes[] = {0xe6, 0x46, 0x0f, 0x07, 0x08, 0x4a, 0x04, 0x0e, 0xc5, 0x42};
  out(b, 0x3f2, 0x1c);
  out(b, 0x0b, 0x46), out(b, 0x0a, in.take<u8>() & 7), out(b, 0x81, in.take<u8>());
  out(b, 0x3f5, opcodes[in.pick(std::size(opcodes))]);
  for (int n = 0; n < 8; ++n) out(b, 0x3f5, in.take<u8>() & 0x1f);
}

u64 act(RealBoard& b, Input& in) {
  const u8 kind = in.take<u8>();
  const u16 port = some_port(in.take<u8>());
  u64 seen = 0;
  switch (kind & 15) {
    case 0: begin_ata(b, in, kind & 0x10 ? 0x170 : 0x1f0); break;
    case 1: begin_packet(b, in); break;
    case 2: start_bus_master(b, in); break;
    case 3: begin_floppy(b, in); break;
    case 4:
    case 5: b.clock.advance(in.take<u16>() * 64u); break;
    case 6: b.clock.leap(u64{in.take<u16>()} << 12); break;
    case 7:
      for (unsigned n = in.take<u16>() % 3000; n > 0; --n)
        seen = seen * 31 + b.board->ports.port_read(kind & 0x10 ? 0x170 : 0x1f0, 2);
      break;
    case 8:
      for (unsigned n = in.take<u16>() % 3000; n > 0; --n) out(b, kind & 0x10 ? 0x170 : 0x1f0, n, 2);
      break;
    case 9: b.board->reset(ResetKind::warm), b.board->prepare_direct_boot(); break;
    case 10:
    case 11:
    case 12: seen = b.board->ports.port_read(port, 1u << (kind >> 4 & 1)); break;
    default: out(b, port, in.take<u32>(), 1u << (kind >> 4 & 1)); break;
  }
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
  RealBoard board;
  board.board->prepare_direct_boot();
  Input in{data, size};
  while (in.size > size / 2) act(board, in);
  // The other one has the same contents, for a drive's are known by how they came about.
  RealBoard copy;
  copy.board->prepare_direct_boot();
  Input again{data, size};
  while (again.size > size / 2) act(copy, again);
  auto saved = Snapshot::of(board);
  if (!saved.into(copy)) std::abort();
  while (in.size > 0) {
    if (act(board, in) == act(copy, again)) continue;
    std::fprintf(stderr, "a restored board reads something else\n");
    std::abort();
  }
  if (const std::string field = Snapshot::of(board).first_difference(Snapshot::of(copy)); !field.empty()) {
    std::fprintf(stderr, "a restored board ends elsewhere: %s\n", field.c_str());
    std::abort();
  }
  return 0;
}
