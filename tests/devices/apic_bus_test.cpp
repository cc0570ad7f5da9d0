// Owns the test of interrupt messages: IPIs, destinations, shorthands, arbitration, MSI.
#include "devices/apic/apic_bus.h"

#include "tests/devices/apic_fixture.h"

using namespace ringside;
using namespace ringside::apic_test;
namespace reg = ringside::apic_register;

namespace {
constexpr u32 logical = 1u << 11, assert_level = 1u << 14, level = 1u << 15;
constexpr u32 self = 1u << 18, all = 2u << 18, others = 3u << 18;
constexpr u32 nmi = 0x400, init = 0x500, start_up = 0x600;

void ipi(LocalApic& from, u32 low, u32 destination) {
  if (from.mode() == LocalApic::Mode::X2Apic) {
    CHECK(from.write_msr(0x830, u64{destination} << 32 | low));
  } else {
    Machine::write(from, reg::ICR_HIGH, destination << 24);
    Machine::write(from, reg::ICR_LOW, low);
  }
}

// Which APICs hold `vector`, as a bit mask; takes it from them.
unsigned got(Machine& m, u8 vector) {
  unsigned mask = 0;
  for (unsigned i = 0; i < m.apics.size(); ++i) {
    if (!m[i].pending()) continue;
    CHECK(Machine::service(m[i]) == vector);
    mask |= 1u << i;
  }
  return mask;
}
}  // namespace

TEST_CASE("physical destinations: one, nobody, aliased ids, broadcast") {
  Machine m(3);
  ipi(m[0], 0x41, 2);
  CHECK(got(m, 0x41) == 0b100);
  CHECK(Machine::read(m[0], reg::ICR_LOW) == 0x41);
  CHECK(Machine::read(m[0], reg::ICR_HIGH) == 2u << 24);
  ipi(m[0], 0x41, 9);
  CHECK(got(m, 0x41) == 0);
  ipi(m[0], 0x41, 0);
  CHECK(got(m, 0x41) == 0b001);
  Machine::write(m[1], reg::ID, 9u << 24);
  Machine::write(m[2], reg::ID, 9u << 24);
  ipi(m[0], 0x41, 9);
  CHECK(got(m, 0x41) == 0b110);
  ipi(m[0], 0x41, 0xff);
  CHECK(got(m, 0x41) == 0b111);
}

TEST_CASE("shorthands ignore the destination") {
  Machine m(3);
  ipi(m[1], self | 0x50, 0);
  CHECK(got(m, 0x50) == 0b010);
  ipi(m[1], all | 0x50, 0);
  CHECK(got(m, 0x50) == 0b111);
  ipi(m[1], others | 0x50, 1);
  CHECK(got(m, 0x50) == 0b101);
  CHECK(m[2].write_msr(0x1b, apic_base::default_address));
  ipi(m[1], all | 0x50, 0);
  CHECK(got(m, 0x50) == 0b011);  // a disabled APIC hears nothing
}

TEST_CASE("logical flat: every destination against every id") {
  Machine m(2);
  for (unsigned id = 0; id < 8; ++id) {
    Machine::write(m[1], reg::LDR, 1u << (24 + id));
    for (u32 destination = 0; destination < 0x100; ++destination) {
      ipi(m[0], logical | 0x60, destination);
      const bool hit = (destination >> id & 1) != 0;
      CHECK(got(m, 0x60) == (destination == 0xff ? 0b11u : hit ? 0b10u : 0u));
    }
  }
}

TEST_CASE("logical cluster: the cluster must match, the bits may share") {
  Machine m(2);
  Machine::write(m[1], reg::DFR, 0x0fffffff);
  for (u32 cluster = 0; cluster < 0xf; ++cluster) {
    for (u32 id = 0; id < 4; ++id) {
      Machine::write(m[1], reg::LDR, (cluster << 4 | 1u << id) << 24);
      for (u32 destination = 0; destination < 0xff; ++destination) {
        ipi(m[0], logical | 0x60, destination);
        CHECK(got(m, 0x60) == ((destination >> 4) == cluster && (destination >> id & 1) ? 0b10u : 0u));
      }
    }
  }
}

TEST_CASE("x2APIC: 32-bit destinations, clusters of sixteen, broadcast, self IPI") {
  Machine m(0);
  for (u32 id : {0u, 1u, 0x10u, 0x1ffu}) {
    LocalApic::Config config;
    config.id = id;
    Machine::x2apic(m.add(config));
  }
  ipi(m[0], 0x70, 0x1ff);
  CHECK(got(m, 0x70) == 0b1000);
  ipi(m[0], 0x70, 0xff);  // no broadcast, and no alias of 0x1ff
  CHECK(got(m, 0x70) == 0);
  ipi(m[0], 0x70, 0xffffffff);
  CHECK(got(m, 0x70) == 0b1111);
  ipi(m[0], logical | 0x70, 0x00000003);
  CHECK(got(m, 0x70) == 0b0011);
  ipi(m[0], logical | 0x70, 0x0001ffff);
  CHECK(got(m, 0x70) == 0b0100);
  ipi(m[0], logical | 0x70, 0x001f8000);
  CHECK(got(m, 0x70) == 0b1000);
  CHECK(Machine::msr(m[0], 0x830) == ((u64{0x001f8000} << 32) | logical | 0x70));
  CHECK(m[2].write_msr(0x83f, 0x71));
  CHECK(got(m, 0x71) == 0b0100);
  ipi(m[0], self | 0x1000 | 0x72, 0);  // delivery status is ignored
  CHECK(got(m, 0x72) == 0b0001);
  CHECK((Machine::msr(m[0], 0x830) & 0x1000) == 0);
}

TEST_CASE(
    "a notification of posted interrupts goes where the descriptor's destination says, in either mode") {
  Machine m(3);
  m[0].notify(0x81, 2u << 8);
  CHECK(got(m, 0x81) == 0b100);
  m[0].notify(0x81, 0xabcd0100);  // only bits 15:8 count
  CHECK(got(m, 0x81) == 0b010);
  for (unsigned n = 0; n < 3; ++n) Machine::x2apic(m[n]);
  m[0].notify(0x82, 2);
  CHECK(got(m, 0x82) == 0b100);
  m[0].notify(0x82, 2u << 8);
  CHECK(got(m, 0x82) == 0);
}

TEST_CASE("an x2APIC's broadcast reaches those in xAPIC mode, and the other way round") {
  Machine m(2);
  Machine::x2apic(m[0]);
  ipi(m[0], 0x70, 0xffffffff);
  CHECK(got(m, 0x70) == 0b11);
  ipi(m[1], 0x70, 0xff);
  CHECK(got(m, 0x70) == 0b11);
  ipi(m[0], 0x70, 1);
  CHECK(got(m, 0x70) == 0b10);
  Machine::write(m[1], reg::LDR, 2u << 24);
  ipi(m[0], logical | 0x70, 2);
  CHECK(got(m, 0x70) == 0b10);
  ipi(m[0], logical | 0x70, 0x10002);  // a cluster that eight bits cannot name
  CHECK(got(m, 0x70) == 0);
}

TEST_CASE("NMI, SMI, INIT, its de-assertion, start-up; also to a software-disabled APIC") {
  Machine m(3, false);
  ipi(m[0], nmi | assert_level, 1);
  ipi(m[0], nmi, 1);
  CHECK(m.cpus[1]->nmis == 2);
  ipi(m[0], 0x200, 1);
  CHECK(m.cpus[1]->smis == 1);
  ipi(m[0], others | init | assert_level, 0);
  CHECK(m.cpus[0]->inits == 0);
  CHECK(m.cpus[1]->inits == 1);
  CHECK(m.cpus[2]->inits == 1);
  ipi(m[0], init | level, 1);  // level de-assert
  CHECK(m.cpus[1]->inits == 1);
  ipi(m[0], init | level | assert_level, 1);
  CHECK(m.cpus[1]->inits == 2);
  ipi(m[0], others | start_up | 0x9a, 0);
  CHECK(m.cpus[1]->start_ups == std::vector<u8>{0x9a});
  CHECK(m.cpus[0]->start_ups.empty());
  // No valid combinations: shorthands that include the sender take fixed interrupts only.
  for (const u32 shorthand : {self, all}) {
    for (const u32 mode : {0x100u, 0x200u, nmi, init | assert_level, start_up}) {
      ipi(m[0], mode | shorthand | 0x60, 0);
      CHECK(m.cpus[0]->inits + m.cpus[0]->smis + m.cpus[0]->nmis + m.cpus[0]->start_ups.size() == 0);
      CHECK_FALSE(m[0].pending());
    }
  }
  CHECK(m[0].pending_errors() == 0);
  ipi(m[0], 0x300 | 0x40, 1);
  ipi(m[0], 0x700 | 0x40, 1);
  ipi(m[0], 0x40, 1);  // a fixed one is not taken
  CHECK_FALSE(m[1].pending());
  CHECK(m[1].pending_errors() == 0);
}

TEST_CASE("an IPI is an edge, whatever its trigger bit") {
  Machine m(2);
  ipi(m[0], level | assert_level | 0x41, 1);
  CHECK(Machine::read(m[1], reg::TMR + 0x20) == 0);
  CHECK(got(m, 0x41) == 0b10);
}

TEST_CASE("lowest priority: the idlest wins, ties rotate, the software-disabled do not stand") {
  Machine m(3);
  m[0].set_task_priority(2);
  m[1].set_task_priority(1);
  m[2].set_task_priority(3);
  ipi(m[0], 0x100 | 0x80, 0xff);
  CHECK(got(m, 0x80) == 0b010);
  m[1].set_task_priority(4);
  ipi(m[0], 0x100 | 0x80, 0xff);
  CHECK(got(m, 0x80) == 0b001);
  for (unsigned i = 0; i < 3; ++i) m[i].set_task_priority(0);
  unsigned order[4];
  for (unsigned& who : order) {
    ipi(m[0], 0x100 | 0x80, 0xff);
    who = got(m, 0x80);
  }
  CHECK(order[0] == 0b010);
  CHECK(order[1] == 0b100);
  CHECK(order[2] == 0b001);
  CHECK(order[3] == 0b010);
  Machine::write(m[2], reg::SVR, 0xff);
  ipi(m[0], 0x100 | 0x80, 0xff);
  CHECK(got(m, 0x80) == 0b001);
  // A waiting interrupt counts against its holder.
  CHECK(m[1].post(0x90));
  ipi(m[0], 0x100 | 0x80, 0xff);
  CHECK(Machine::read(m[0], reg::IRR + 0x40) == 1);
}

TEST_CASE("MSI: address and data") {
  Machine m(3);
  CHECK(m.bus.msi_write(HostPhys(0xfee02000), 0x55));
  CHECK(got(m, 0x55) == 0b100);
  CHECK(m.bus.msi_write(HostPhys(0xfeeff000), 0x55));
  CHECK(got(m, 0x55) == 0b111);
  CHECK_FALSE(m.bus.msi_write(HostPhys(0xfef02000), 0x55));
  CHECK_FALSE(m.bus.msi_write(HostPhys(0x1fee02000), 0x55));
  CHECK_FALSE(m.bus.msi_write(HostPhys(0xfee09000), 0x55));  // nobody there
  CHECK(m.bus.msi_write(HostPhys(0xfee01000), 0x400));
  CHECK(m.cpus[1]->nmis == 1);
  CHECK_FALSE(m.bus.msi_write(HostPhys(0xfee01000), 0x300));
  CHECK_FALSE(m.bus.msi_write(HostPhys(0xfee01000), 0x600));
  CHECK(m.bus.msi_write(HostPhys(0xfee01000), 0xc056));
  CHECK(Machine::read(m[1], reg::TMR + 0x20) == 1u << 0x16);
  CHECK(got(m, 0x56) == 0b010);
  CHECK_FALSE(m.bus.msi_write(HostPhys(0xfee01000), 0x8056));
  CHECK(got(m, 0x56) == 0);

  for (unsigned i = 0; i < 3; ++i) Machine::write(m[i], reg::LDR, 1u << (24 + i));
  CHECK(m.bus.msi_write(HostPhys(0xfee06004), 0x57));  // logical, no redirection
  CHECK(got(m, 0x57) == 0b110);
  m[1].set_task_priority(1);
  CHECK(m.bus.msi_write(HostPhys(0xfee0600c), 0x57));  // logical, redirected
  CHECK(got(m, 0x57) == 0b100);
}

TEST_CASE("an APIC that is gone gets nothing") {
  Machine m(2);
  m.apics.pop_back();
  CHECK(m.bus.local_apics().size() == 1);
  ipi(m[0], 0x41, 1);
  CHECK(got(m, 0x41) == 0);
}
