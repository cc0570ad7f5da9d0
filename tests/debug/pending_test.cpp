// Owns the tests of what "explain pending" says of interrupt controllers: who holds a request, and until
// when.
#include "frontend/inspect/pending.h"

#include "devices/apic/io_apic.h"
#include "devices/pic/pic8259.h"
#include "frontend/render/sheet_text.h"
#include "tests/devices/apic_fixture.h"
#include "tests/devices/fakes.h"
#include "tests/exec/small_machine.h"

using namespace ringside;

namespace {

// A CPU with a local APIC, an I/O APIC and the 8259A pair, wired as on the board.
struct Chips : SmallMachine {
  apic_test::Machine apics;
  LocalApic& apic = apics[0];
  IoApic io{apics.bus};
  PicPair pic{apic.lint0()};
  PortBus ports;

  Chips() {
    long_mode();
    cpu.interrupts = &apic;
    PortsOf(ports, pic);
    apic.on_pic_acknowledge([this] { return pic.acknowledge(); });
    for (const auto& [port, value] : {std::pair{0x20, 0x11},
                                      {0x21, 0x30},
                                      {0x21, 0x04},
                                      {0x21, 0x01},
                                      {0xa0, 0x11},
                                      {0xa1, 0x38},
                                      {0xa1, 0x02},
                                      {0xa1, 0x01},
                                      {0x21, 0x00},
                                      {0xa1, 0x00}})
      out(static_cast<u16>(port), static_cast<u8>(value));
    write(apic_register::LVT_LINT0, 0x700);
  }
  void out(u16 port, u8 value) { ports.port_write(port, 1, value); }
  void write(u32 offset, u32 value) { apics.write(apic, offset, value); }
  void route(unsigned pin, u32 low) {
    io.mmio_write(0, 4, 0x10 + 2 * pin);
    io.mmio_write(0x10, 4, low);
  }
  std::string words() {
    Sheet sheet("pending");
    add_pending(sheet, cpu, pending_rows(cpu, {apic, io, pic}));
    return text(sheet);
  }
  bool says(std::string_view part) {
    const std::string all = words();
    CAPTURE(all);
    return all.find(part) != std::string::npos;
  }
};

}  // namespace

TEST_CASE("nothing waits at the chips") {
  Chips c;
  CHECK(c.words() == "CPU 0: active, EFLAGS.IF 0\n  nothing waits\n");
}

TEST_CASE("a vector of the local APIC that EFLAGS.IF holds") {
  Chips c;
  REQUIRE(c.apic.post(0x51));
  CHECK(c.says(
      "external interrupt (vector 0x51 of the local APIC) is held back\n    EFLAGS.IF is 0; until: STI, "
      "POPF or IRET that sets IF\n"));
  c.cpu.set_eflags(Eflags::IF, Eflags::IF);
  CHECK(c.says("external interrupt (vector 0x51 of the local APIC) comes before the next instruction\n"));
}

TEST_CASE("the task priority holds a vector in the local APIC") {
  Chips c;
  c.cpu.set_eflags(Eflags::IF, Eflags::IF);
  REQUIRE(c.apic.post(0x51));
  c.write(apic_register::TPR, 0x50);
  CHECK(c.says(
      "vector 0x51 (the local APIC (IRR)) does not reach the CPU\n    its priority class, 5, is not above "
      "the task priority: TPR is 0x50; until: a lower TPR (CR8)\n"));
  CHECK_FALSE(c.says("external interrupt"));
  c.write(apic_register::TPR, 0x40);
  CHECK(c.says("external interrupt"));
}

TEST_CASE("a vector in service holds those of its class and below") {
  Chips c;
  c.cpu.set_eflags(Eflags::IF, Eflags::IF);
  REQUIRE(c.apic.post(0x61));
  CHECK(c.apic.acknowledge() == 0x61);
  REQUIRE(c.apic.post(0x62));
  CHECK(c.says(
      "vector 0x62 (the local APIC (IRR)) does not reach the CPU\n    vector 0x61 of at least its priority "
      "class is in service (ISR); until: an EOI\n"));
  c.write(apic_register::EOI, 0);
  CHECK(c.says("external interrupt (vector 0x62 of the local APIC)"));
}

TEST_CASE("an IRQ that the 8259A pair's masks hold, the cascade included") {
  Chips c;
  c.out(0x21, 0x10);
  c.pic.line(4).set(true);
  CHECK(c.says(
      "IRQ 4 (the 8259A pair) does not reach the CPU\n    bit 4 of the master's IMR is 1; until: OUT to port "
      "0x21 that clears it\n"));
  c.out(0x21, 0x04);
  c.pic.line(11).set(true);
  CHECK(c.says(
      "IRQ 11 (the 8259A pair) does not reach the CPU\n    bit 2 of the master's IMR, the cascade, is 1"));
  CHECK(c.says("external interrupt (IRQ 4 of the 8259A pair) is held back\n"));
}

TEST_CASE("an IRQ behind one in service") {
  Chips c;
  c.pic.line(1).set(true);
  CHECK(c.apic.acknowledge() == 0x31);
  c.pic.line(4).set(true);
  CHECK(
      c.says("IRQ 4 (the 8259A pair) does not reach the CPU\n    an interrupt of at least its priority is in "
             "service (ISR of the master 0x02); until: an end-of-interrupt command to port 0x20\n"));
  c.out(0x20, 0x20);
  CHECK(c.says("external interrupt (IRQ 4 of the 8259A pair)"));
}

TEST_CASE("an IRQ that the local vector table holds") {
  Chips c;
  c.pic.line(4).set(true);
  c.write(apic_register::LVT_LINT0, 0x10700);
  CHECK(c.says("IRQ 4 (the 8259A pair) does not reach the CPU\n    LVT LINT0 is masked; until: "));
  CHECK_FALSE(c.says("external interrupt"));
}

TEST_CASE("a pin that the I/O APIC's redirection table holds") {
  constexpr u32 level = 1 << 15, masked = 1 << 16;
  Chips c;
  c.route(9, 0x59 | level | masked);
  c.io.pin(9).set(true);
  CHECK(c.says(
      "pin 9 (the I/O APIC) does not reach a local APIC\n    bit 16, the mask, of redirection entry 9 is 1; "
      "until: a write of the entry that clears it\n"));
  c.route(9, 0x59 | level);
  CHECK(c.says("external interrupt (vector 0x59 of the local APIC) is held back"));
  CHECK(c.says("remote IRR of redirection entry 9: vector 0x59 was sent and not ended; until: an EOI"));
}

TEST_CASE("an APIC timer that counts for nobody") {
  Chips c;
  c.write(apic_register::LVT_TIMER, 0x10050);
  c.write(apic_register::INITIAL_COUNT, 1000);
  CHECK(c.says("timer (the local APIC) counts, and its interrupt will be lost\n    LVT timer is masked"));
}
