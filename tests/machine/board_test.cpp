// Owns the hostile tests of the board: any port, any register, any value, at any time, interrupted by the
// host; that a restored board goes on exactly as the saved one; that no device forgets any of its state.
#include <doctest/doctest.h>

#include <memory>
#include <set>

#include "tests/machine/board_fixture.h"

using namespace ringside;

namespace {

// One act of the guest, of the host or of the CPUs.
u64 act(RealBoard& b, Hand& hand, Random& random) {
  Board& board = *b.board;
  const u64 raw = random.next();
  const u8 byte = static_cast<u8>(raw >> 8);
  LocalApic& apic = board.local_apic(raw >> 16 & 1);
  switch (random.below(40)) {
    case 0: return board.serial(raw & 3).input(byte);
    case 1: return board.serial(raw & 3).input_break();
    case 2: board.serial(raw & 3).set_modem_lines(byte); return 0;
    case 3: return board.keyboard_controller().key(byte, raw >> 40 & 1, raw >> 41 & 1);
    case 4:
      board.keyboard_controller().move_mouse(static_cast<int>(raw), static_cast<int>(raw >> 32),
                                             static_cast<int>(raw >> 20), byte);
      return 0;
    case 5: board.keyboard_controller().pause_key(); return 0;
    case 6:
    case 7: return apic.pending() ? apic.acknowledge() : 0x100;
    case 8: return apic.acknowledge();
    case 9: apic.end_of_interrupt(); return 0;
    case 10: board.set_running(raw >> 16 & 1); return 0;
    case 11: {
      u64 value = 0;
      const u32 msr = random.below(4) ? 0x800 + (raw >> 17 & 0x3f) : raw >> 17 & 1 ? 0x1b : 0x6e0;
      // The page stays off the RAM, which is no part of what is compared.
      const u64 given = raw >> random.below(64) | (msr == 0x1b ? bit(28) : 0);
      if (raw & 1) return apic.write_msr(msr, given);
      return apic.read_msr(msr, value) ? value : ~u64{0};
    }
    case 12: board.numeric_error_pins().set_ferr(raw & 1); return 0;
    case 13:
      if (random.below(60) == 0) board.reset(raw & 1 ? ResetKind::warm : ResetKind::power_on);
      return 0;
    case 14:
      if (random.below(10) == 0) apic.init();
      return 0;
    default: return hand.act(random);
  }
}

void act(RealBoard& b, Random& random, int times) {
  Hand hand = b.hand();
  for (int i = 0; i < times; ++i) act(b, hand, random);
}

// What a device of `saved` shows that the same device of `copy` does not, after the state of one became that
// of the other; empty: nothing.
template <class Machine>
std::string forgotten(Machine& saved, Machine& copy, Hand here, Hand there, Random random) {
  auto state = Snapshot::of(saved);
  if (!state.into(copy)) return "the number of fields";
  const std::string field = Snapshot::of(copy).first_difference(state);
  if (!field.empty()) return "the restored field " + field;
  copy.clock.now_ = saved.clock.now_;
  if (here.look() != there.look()) return "a register";
  Random same = random;
  for (int i = 0; i < 100; ++i)
    if (here.act(random) != there.act(same)) return "what an access does";
  if (here.look() != there.look()) return "a register after some accesses";
  return Snapshot::of(copy).first_difference(Snapshot::of(saved));
}

// Remembers one of its two registers.
struct Forgetful final : Device, PortDevice {
  Description describe() const override { return {"forgetful", "forgets"}; }
  void places(Places& at) override { at.ports({0x10, 2}, *this, "forgetful"); }
  void reset(ResetKind) override { registers = {}; }
  void fields(Fields& visit) override { visit("first", registers[0]); }
  u32 io_read(u16 offset, unsigned) override { return registers[offset]; }
  void io_write(u16 offset, unsigned, u32 value) override { registers[offset] = static_cast<u8>(value); }
  std::array<u8, 2> registers{};
};
struct ForgetfulBoard {
  PortBus ports;
  PhysicalMemory memory;
  FakeClock clock;
  Forgetful device;
  PortsOf mapped{ports, device};
  void fields(Fields& visit) { device.fields(visit); }
  void restored() {}
  Hand hand() {
    Hand made{ports, memory, clock, {}};
    device.places(made.targets);
    return made;
  }
};

}  // namespace

TEST_CASE("sweep: a guest may do anything to the chips, and a restored board goes on as the saved one") {
  Random random{0x9e3779b97f4a7c15};
  auto board = std::make_unique<RealBoard>();
  auto copy = std::make_unique<RealBoard>();
  for (int round = 0; round < 300; ++round) {
    CAPTURE(round);
    act(*board, random, 400);
    // The copy has a past of its own, which must not show.
    Random other{static_cast<u64>(round) + 77};
    act(*copy, other, 200);
    auto saved = Snapshot::of(*board);
    copy->clock.now_ = board->clock.now_;
    copy->take_memory_of(*board);
    board->board->set_running(0);
    copy->board->set_running(0);
    CHECK(saved.into(*copy));
    CHECK(Snapshot::of(*copy).first_difference(saved) == "");
    for (std::size_t cpu = 0; cpu < board->cpus.size(); ++cpu)
      CHECK(copy->board->local_apic(cpu).pending() == board->board->local_apic(cpu).pending());

    Random same = random;
    Hand here = board->hand(), there = copy->hand();
    int first_difference = -1;
    for (int i = 0; i < 600 && first_difference < 0; ++i) {
      if (act(*board, here, random) != act(*copy, there, same)) first_difference = i;
    }
    CHECK(first_difference == -1);
    CHECK(Snapshot::of(*board).first_difference(Snapshot::of(*copy)) == "");
    CHECK(board->memory.a20() == copy->memory.a20());
    CHECK(board->clock.any_armed() == copy->clock.any_armed());
    if (first_difference >= 0) return;
  }
}

TEST_CASE("no device forgets any of its state") {
  const std::size_t count = RealBoard().board->devices().size();
  for (std::size_t n = 0; n < count; ++n) {
    RealBoard saved, copy;
    Device &here = *saved.board->devices()[n], &there = *copy.board->devices()[n];
    CAPTURE(here.describe().name);
    for (u64 round = 0; round < 20; ++round) {
      Random random{round * 2 + 1}, other{round + 1000};
      Hand first = saved.hand(here), second = copy.hand(there);
      for (int i = 0; i < 300; ++i) first.act(random), second.act(other);
      copy.take_memory_of(saved);
      copy.clock.now_ = saved.clock.now_;
      CHECK(forgotten(saved, copy, saved.hand(here), copy.hand(here), random) == "");
    }
  }
}

TEST_CASE("a device that forgets is found") {
  ForgetfulBoard saved, copy;
  Random random{1}, other{2};
  for (int i = 0; i < 50; ++i) saved.hand().act(random), copy.hand().act(other);
  CHECK(forgotten(saved, copy, saved.hand(), copy.hand(), random) == "a register");
}

TEST_CASE("a restore moves no line: nobody takes a restored level for an edge") {
  RealBoard saved, copy;
  // IRQ 4 high by the test device, its I/O APIC entry an edge to vector 40H of CPU 0.
  saved.memory.write(HostPhys(0xfee000f0), 4, 0x1ff);
  saved.board->ports.port_write(0x2004, 1, 1);
  saved.memory.write(HostPhys(0xfec00000), 4, 0x18);
  saved.memory.write(HostPhys(0xfec00010), 4, 0x40);
  auto state = Snapshot::of(saved);
  CHECK(state.into(copy));
  CHECK(copy.board->local_apic(0).highest_requested() == -1);
  CHECK(copy.cpus[0]->attention == RealBoard().cpus[0]->attention);
  copy.board->ports.port_write(0x2004, 1, 0);
  copy.board->ports.port_write(0x2004, 1, 1);
  CHECK(copy.board->local_apic(0).highest_requested() == 0x40);
}

TEST_CASE(
    "a reset of the chips leads to the state of power-on, but for what a battery keeps and who drives") {
  Random random{5};
  RealBoard fresh, used;
  act(used, random, 2000);
  fresh.clock.now_ = used.clock.now_;
  fresh.board->reset(ResetKind::power_on);
  used.board->reset(ResetKind::power_on);
  // The modem's lines and the queues of the host are not the chips'.
  for (unsigned port = 0; port < 4; ++port) used.board->serial(port).set_modem_lines(0xb0);
  used.board->reset(ResetKind::power_on);
  CHECK(Snapshot::of(used).first_difference(Snapshot::of(fresh)) == "");
}

TEST_CASE("a warm reset keeps the CMOS RAM and the date; power-on does not keep what a guest wrote there") {
  RealBoard b;
  const auto cmos = [&](u8 index) {
    b.board->ports.port_write(0x70, 1, index);
    return b.board->ports.port_read(0x71, 1);
  };
  const u32 memory_low = cmos(0x15);
  b.board->ports.port_write(0x70, 1, 0x0f);
  b.board->ports.port_write(0x71, 1, 0x0a);
  b.clock.advance(10 * b.clock.frequency());
  const u32 seconds = cmos(0);
  b.board->reset(ResetKind::warm);
  CHECK(cmos(0x0f) == 0x0a);
  CHECK(cmos(0) == seconds);
  b.board->reset(ResetKind::power_on);
  CHECK(cmos(0x0f) == 0);
  CHECK(cmos(0) != seconds);
  CHECK(cmos(0x15) == memory_low);
}

TEST_CASE("a PCI function's MSI reaches a local APIC, which the CPU's own writes do not") {
  struct Card final : PciFunction {
    Card() : PciFunction("card", {0x1234, 0x5678, 1, 0x020000, 1}) { define_msi(0x50); }
    Description describe() const override { return {"card", "a card of the test"}; }
    using PciFunction::send_msi;
    using PciFunction::set_interrupt;
  } card;
  RealBoard b;
  FakeLine pin;
  card.connect(&pin);
  b.memory.write(HostPhys(0xfee000f0), 4, 0x1ff);
  CHECK(card.config_read(0x34, 1) == 0x50);
  CHECK((card.config_read(0x06, 2) & 0x10) != 0);
  CHECK(card.config_read(0x50, 4) == 0x00800005);
  card.config_write(0x54, 4, 0xfee00000);
  card.config_write(0x5c, 2, 0x4051);
  CHECK_FALSE(card.send_msi(*b.board));
  card.config_write(0x52, 2, 1);
  card.set_interrupt(true);
  CHECK_FALSE(pin.level);
  CHECK(card.send_msi(*b.board));
  CHECK(b.board->local_apic(0).highest_requested() == 0x51);
  card.config_write(0x54, 4, 0xfee01000);
  card.config_write(0x5c, 2, 0x4062);
  CHECK_FALSE(card.send_msi(*b.board));  // the other APIC is software-disabled
  b.memory.write(HostPhys(0xfee01000), 4, 0x4073);
  CHECK(b.board->local_apic(0).highest_requested() == 0x51);
}

TEST_CASE("no two chips claim a port, but for the reset register inside PCI's dwords") {
  RealBoard b;
  const std::vector<PortBus::Range>& ranges = b.board->ports.ranges();
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    for (std::size_t j = i + 1; j < ranges.size(); ++j) {
      const bool apart = ranges[i].last < ranges[j].first || ranges[j].last < ranges[i].first;
      const bool known = ranges[i].name == "pci" && ranges[j].name == "reset";
      INFO(ranges[i].name, " and ", ranges[j].name);
      CHECK((apart || known));
    }
  }
}

TEST_CASE("an idle board wakes nobody: no chip keeps a timer running that the guest has not asked for") {
  RealBoard b;
  CHECK_FALSE(b.clock.any_armed());
  b.clock.advance(u64{3600} * b.clock.frequency());
  CHECK(b.clock.fired_ == 0);
}

TEST_CASE("sweep: every port of every chip can be read and written in every size") {
  for (const unsigned size : {1u, 2u, 4u}) {
    RealBoard b;
    for (unsigned port = 0; port < 0x10000; ++port) {
      const u32 value = b.board->ports.port_read(static_cast<u16>(port), size);
      CHECK(value <= bit_range(0, size * 8 - 1));
      b.board->ports.port_write(static_cast<u16>(port), size, 0xffffffff);
      b.board->ports.port_write(static_cast<u16>(port), size, 0);
    }
  }
}
