// Owns the test of the local APIC: modes, register rules, priorities, local vectors, timer, errors, state.
#include "devices/apic/local_apic.h"

#include <random>

#include "tests/devices/apic_fixture.h"

using namespace ringside;
using namespace ringside::apic_test;
namespace reg = ringside::apic_register;

namespace {
constexpr u64 EN = apic_base::EN, EXTD = apic_base::EXTD, BSP = apic_base::BSP;
constexpr u64 address = apic_base::default_address;
}  // namespace

TEST_CASE("after reset: software disabled, everything masked, the default base") {
  Machine m(2, false);
  LocalApic& apic = m[1];
  CHECK(Machine::msr(m[0], 0x1b) == (address | EN | BSP));
  CHECK(Machine::msr(apic, 0x1b) == (address | EN));
  CHECK(Machine::read(apic, reg::ID) == 1u << 24);
  CHECK(Machine::read(apic, reg::VERSION) == 0x01060014);
  CHECK(Machine::read(apic, reg::SVR) == 0xff);
  CHECK(Machine::read(apic, reg::DFR) == 0xffffffff);
  CHECK(Machine::read(apic, reg::LDR) == 0);
  for (const LvtLayout& lvt : lvt_layout) CHECK(Machine::read(apic, lvt.offset) == 0x10000);
  for (u32 offset = reg::ISR; offset < reg::ESR; offset += 16) CHECK(Machine::read(apic, offset) == 0);
  CHECK_FALSE(apic.pending());
}

TEST_CASE("IA32_APIC_BASE: every transition between the modes, legal and illegal") {
  const u64 disabled = address | BSP, xapic = disabled | EN, x2apic = disabled | EN | EXTD;
  const u64 invalid = disabled | EXTD;
  struct Row {
    u64 from, to;
    bool legal;
  };
  for (const Row& row :
       {Row{disabled, disabled, true}, Row{disabled, xapic, true}, Row{disabled, x2apic, false},
        Row{disabled, invalid, false}, Row{xapic, disabled, true}, Row{xapic, xapic, true},
        Row{xapic, x2apic, true}, Row{xapic, invalid, false}, Row{x2apic, disabled, true},
        Row{x2apic, xapic, false}, Row{x2apic, x2apic, true}, Row{x2apic, invalid, false}}) {
    CAPTURE(row.from);
    CAPTURE(row.to);
    Machine m;
    REQUIRE(m[0].write_msr(0x1b, row.from));
    CHECK(m[0].write_msr(0x1b, row.to) == row.legal);
    CHECK(Machine::msr(m[0], 0x1b) == (row.legal ? row.to : row.from));
  }
}

TEST_CASE("IA32_APIC_BASE: each reserved bit is a #GP, the others stick") {
  Machine m;
  for (unsigned i = 0; i < 64; ++i) {
    CAPTURE(i);
    const bool reserved = i < 8 || i == 9 || i >= 40;
    const u64 before = Machine::msr(m[0], 0x1b);
    if (i == 10 || i == 11) continue;  // the modes
    CHECK(m[0].write_msr(0x1b, before ^ bit(i)) == !reserved);
    CHECK(Machine::msr(m[0], 0x1b) == (reserved ? before : before ^ bit(i)));
    CHECK(m[0].write_msr(0x1b, before));
  }
  LocalApic::Config config;
  config.x2apic = false;
  LocalApic& old = m.add(config);
  CHECK_FALSE(old.write_msr(0x1b, address | EN | EXTD));
}

TEST_CASE("a disabled APIC: the page is empty, CR8 works, re-enabling brings the reset state") {
  Machine m(2);
  LocalApic& apic = m[1];
  int calls = 0;
  apic.on_base_changed([&] { ++calls; });
  Machine::write(apic, reg::ID, 7u << 24);
  apic.set_task_priority(3);
  CHECK(apic.post(0x80));
  CHECK(apic.write_msr(0x1b, address));
  CHECK(calls == 1);
  CHECK_FALSE(apic.enabled());
  CHECK_FALSE(apic.pending());
  for (u32 offset = 0; offset < 0x1000; offset += 4) Machine::write(apic, offset, ~0u);
  CHECK(Machine::read(apic, reg::VERSION) == ~0u);
  CHECK(apic.mmio_read(reg::TPR, 8) == ~u64{0});
  CHECK(apic.mmio_read(reg::TPR, 1) == 0xff);
  CHECK(apic.task_priority() == 3);
  apic.set_task_priority(12);
  CHECK(apic.task_priority() == 12);
  CHECK_FALSE(Machine::readable(apic, 0x802));
  CHECK_FALSE(apic.post(0x80));

  CHECK(apic.write_msr(0x1b, 0xfed40000 | EN));
  CHECK(calls == 2);
  CHECK(apic.mmio_base() == HostPhys(0xfed40000));
  CHECK(Machine::read(apic, reg::VERSION) == 0x01060014);
  CHECK(Machine::read(apic, reg::TPR) == 0xc0);
  CHECK(Machine::read(apic, reg::ID) == 1u << 24);
  CHECK(Machine::read(apic, reg::SVR) == 0xff);
  CHECK(Machine::read(apic, reg::IRR + 0x40) == 0);
  CHECK(apic.pending_errors() == 0);
}

TEST_CASE("INIT keeps mode, base and ID; RESET does not") {
  Machine m(2);
  LocalApic& apic = m[1];
  Machine::write(apic, reg::ID, 9u << 24);
  CHECK(apic.write_msr(0x1b, 0xfed40000 | EN));
  apic.set_task_priority(5);
  Machine::write(apic, reg::LDR, 0x02000000);
  CHECK(apic.post(0x90));
  apic.init();
  CHECK(Machine::msr(apic, 0x1b) == (0xfed40000 | EN));
  CHECK(Machine::read(apic, reg::ID) == 9u << 24);
  CHECK(apic.task_priority() == 0);
  CHECK(Machine::read(apic, reg::LDR) == 0);
  CHECK(Machine::read(apic, reg::SVR) == 0xff);
  CHECK_FALSE(apic.pending());
  Machine::x2apic(apic);
  apic.init();
  CHECK(apic.mode() == LocalApic::Mode::X2Apic);
  CHECK(Machine::msr(apic, 0x802) == 1);
  apic.reset();
  CHECK(Machine::msr(apic, 0x1b) == (address | EN));
  CHECK(Machine::read(apic, reg::ID) == 1u << 24);
  CHECK(apic.write_msr(0x1b, address));
  apic.init();
  CHECK_FALSE(apic.enabled());
}

TEST_CASE("x2APIC: the ID is the initial one and its own logical id follows") {
  Machine m;
  LocalApic::Config config;
  config.id = 0x123;
  LocalApic& apic = m.add(config);
  CHECK(Machine::read(apic, reg::ID) == 0x23u << 24);
  Machine::write(apic, reg::ID, 0x55u << 24);
  apic.set_task_priority(2);
  Machine::x2apic(apic);
  CHECK(Machine::msr(apic, 0x802) == 0x123);
  CHECK(Machine::msr(apic, 0x80d) == ((0x12u << 16) | (1u << 3)));
  CHECK(Machine::msr(apic, 0x808) == 0x20);
  CHECK(Machine::msr(apic, 0x80f) == 0x1ff);
  CHECK(Machine::read(apic, reg::VERSION) == ~0u);  // the page is gone
  Machine::write(apic, reg::TPR, 0x50);
  CHECK(Machine::msr(apic, 0x808) == 0x20);
}

TEST_CASE("x2APIC: which MSRs exist, and who may read and write them") {
  const auto in = [](u32 n, std::initializer_list<u32> list) {
    return std::find(list.begin(), list.end(), n) != list.end();
  };
  Machine m;
  for (u32 msr = 0x800; msr <= 0x8ff; ++msr) {
    CHECK_FALSE(Machine::readable(m[0], msr));
    CHECK_FALSE(m[0].write_msr(msr, 0));
  }
  Machine::x2apic(m[0]);
  for (u32 msr = 0x800; msr <= 0x8ff; ++msr) {
    CAPTURE(msr);
    const bool vectors = msr >= 0x810 && msr <= 0x827;
    const bool read_write =
        in(msr, {0x808, 0x80f, 0x828, 0x82f, 0x830, 0x832, 0x833, 0x834, 0x835, 0x836, 0x837, 0x838, 0x83e});
    const bool read_only = vectors || in(msr, {0x802, 0x803, 0x80a, 0x80d, 0x839});
    const bool write_only = in(msr, {0x80b, 0x83f});
    CHECK(Machine::readable(m[0], msr) == (read_write || read_only));
    CHECK(m[0].write_msr(msr, msr == 0x830 ? 0x440f1 : 0) == (read_write || write_only));
    if (msr != 0x830) CHECK_FALSE(m[0].write_msr(msr, bit(32)));
  }
  CHECK_FALSE(Machine::readable(m[0], 0x7ff));
  CHECK_FALSE(Machine::readable(m[0], 0x900));
}

TEST_CASE("x2APIC: each reserved bit of each register is a #GP, each defined one is not") {
  struct Row {
    u32 msr;
    u64 reserved;
  };
  for (const Row& row : {Row{0x808, ~u64{0xff}}, Row{0x80b, ~u64{0}}, Row{0x80f, ~u64{0x13ff}},
                         Row{0x828, ~u64{0}}, Row{0x82f, ~u64{0x117ff}}, Row{0x830, 0xfff32000},
                         Row{0x832, ~u64{0x710ff}}, Row{0x833, ~u64{0x117ff}}, Row{0x834, ~u64{0x117ff}},
                         Row{0x835, ~u64{0x1f7ff}}, Row{0x836, ~u64{0x1f7ff}}, Row{0x837, ~u64{0x110ff}},
                         Row{0x838, ~u64{0xffffffff}}, Row{0x83e, ~u64{0xb}}, Row{0x83f, ~u64{0xff}}}) {
    for (unsigned i = 0; i < 64; ++i) {
      CAPTURE(row.msr);
      CAPTURE(i);
      Machine m;
      Machine::x2apic(m[0]);
      CHECK(m[0].write_msr(row.msr, bit(i)) == !(row.reserved & bit(i)));
    }
  }
}

TEST_CASE("the xAPIC page: widths, lanes, reserved bits and read-only bits") {
  Machine m;
  LocalApic& apic = m[0];
  CHECK(apic.mmio_read(reg::VERSION, 1) == 0x14);
  CHECK(apic.mmio_read(reg::VERSION + 2, 1) == 0x06);
  CHECK(apic.mmio_read(reg::VERSION + 2, 2) == 0x0106);
  CHECK(apic.mmio_read(reg::VERSION, 8) == 0x01060014);
  CHECK(apic.mmio_read(reg::VERSION + 4, 4) == 0);
  apic.mmio_write(reg::TPR, 1, 0x20);
  apic.mmio_write(reg::TPR + 1, 4, 0x20);
  apic.mmio_write(reg::TPR, 8, 0x20);
  CHECK(Machine::read(apic, reg::TPR) == 0);
  Machine::write(apic, reg::TPR, 0xffffff25);
  CHECK(Machine::read(apic, reg::TPR) == 0x25);
  CHECK(apic.task_priority() == 2);
  apic.set_task_priority(7);
  CHECK(Machine::read(apic, reg::TPR) == 0x70);
  Machine::write(apic, reg::LDR, ~0u);
  CHECK(Machine::read(apic, reg::LDR) == 0xff000000);
  Machine::write(apic, reg::DFR, 0);
  CHECK(Machine::read(apic, reg::DFR) == 0x0fffffff);
  Machine::write(apic, reg::VERSION, 0);
  CHECK(Machine::read(apic, reg::VERSION) == 0x01060014);
  Machine::write(apic, reg::SVR, ~0u);
  CHECK(Machine::read(apic, reg::SVR) == 0x13ff);
  for (const LvtLayout& lvt : lvt_layout) {
    Machine::write(apic, lvt.offset, ~0u);
    CHECK(Machine::read(apic, lvt.offset) == lvt.writable);
  }
  CHECK(Machine::read(apic, reg::EOI) == 0);
  CHECK(Machine::read(apic, reg::RRD) == 0);
  CHECK(apic.pending_errors() == 0);
}

TEST_CASE("software disable masks the local vectors, keeps what waits, and takes nothing new") {
  Machine m;
  LocalApic& apic = m[0];
  Machine::write(apic, reg::LVT_TIMER, 0x40);
  CHECK(apic.post(0x50));
  Machine::write(apic, reg::SVR, 0xff);
  CHECK(Machine::read(apic, reg::LVT_TIMER) == 0x10040);
  Machine::write(apic, reg::LVT_TIMER, 0x40);
  CHECK(Machine::read(apic, reg::LVT_TIMER) == 0x10040);
  CHECK_FALSE(apic.post(0x60));
  CHECK(apic.pending());
  CHECK(Machine::service(apic) == 0x50);
  ApicMessage nmi;
  nmi.delivery = ApicDelivery::NMI;
  CHECK(m.bus.send(nmi));
  CHECK(m.cpus[0]->nmis == 1);
  Machine::write(apic, reg::SVR, 0x1ff);
  Machine::write(apic, reg::LVT_TIMER, 0x40);
  CHECK(Machine::read(apic, reg::LVT_TIMER) == 0x40);
}

TEST_CASE("priorities: IRR to ISR, nesting, PPR and TPR, EOI, spurious vector") {
  Machine m;
  LocalApic& apic = m[0];
  CHECK(apic.acknowledge() == 0xff);  // spurious: nothing waits
  CHECK(apic.highest_in_service() == -1);
  CHECK(apic.post(0x41));
  CHECK(apic.post(0x45));
  CHECK(m.cpus[0]->changes == 1);
  CHECK(Machine::read(apic, reg::IRR + 0x20) == ((1u << 1) | (1u << 5)));
  CHECK(Machine::read(apic, reg::APR) == 0x40);
  CHECK(apic.acknowledge() == 0x45);
  CHECK(Machine::read(apic, reg::ISR + 0x20) == 1u << 5);
  CHECK(Machine::read(apic, reg::PPR) == 0x40);
  CHECK_FALSE(apic.pending());  // same class
  CHECK(apic.acknowledge() == 0xff);
  CHECK(apic.post(0x50));
  CHECK(apic.pending());
  CHECK(apic.acknowledge() == 0x50);
  CHECK(Machine::read(apic, reg::PPR) == 0x50);
  Machine::write(apic, reg::EOI, 0);
  CHECK(apic.highest_in_service() == 0x45);
  Machine::write(apic, reg::EOI, 0);
  CHECK(apic.pending());
  apic.set_task_priority(4);
  CHECK_FALSE(apic.pending());
  CHECK(apic.acknowledge() == 0xff);
  Machine::write(apic, reg::TPR, 0x3f);
  CHECK(apic.pending());
  CHECK(Machine::read(apic, reg::PPR) == 0x3f);
  CHECK(apic.acknowledge() == 0x41);
  CHECK(Machine::read(apic, reg::PPR) == 0x40);
  Machine::write(apic, reg::EOI, 0);
  Machine::write(apic, reg::EOI, 0);  // nothing in service: harmless
  CHECK_FALSE(apic.pending());
}

TEST_CASE("PPR and APR when the task and what is in service share a class") {
  Machine m;
  LocalApic& apic = m[0];
  CHECK(apic.post(0x47));
  CHECK(apic.acknowledge() == 0x47);
  Machine::write(apic, reg::TPR, 0x45);
  CHECK(Machine::read(apic, reg::PPR) == 0x45);
  CHECK(Machine::read(apic, reg::APR) == 0x40);
  Machine::write(apic, reg::EOI, 0);
  CHECK(Machine::read(apic, reg::APR) == 0x45);
  CHECK(apic.post(0x51));
  CHECK(Machine::read(apic, reg::APR) == 0x50);
}

TEST_CASE("TMR follows the trigger mode; only a level's EOI is broadcast, unless suppressed") {
  struct Ear : EoiListener {
    std::vector<u8> heard;
    void eoi(u8 vector) override { heard.push_back(vector); }
  } ear;
  Machine m;
  m.bus.attach(ear);
  LocalApic& apic = m[0];
  CHECK(apic.post(0x61, true));
  CHECK(Machine::read(apic, reg::TMR + 0x30) == 1u << 1);
  CHECK(Machine::service(apic) == 0x61);
  CHECK(ear.heard == std::vector<u8>{0x61});
  CHECK(Machine::read(apic, reg::TMR + 0x30) == 1u << 1);  // stays until the next acceptance
  CHECK(apic.post(0x61, false));
  CHECK(Machine::read(apic, reg::TMR + 0x30) == 0);
  Machine::service(apic);
  CHECK(ear.heard.size() == 1);
  Machine::write(apic, reg::SVR, 0x11ff);
  CHECK(apic.post(0x61, true));
  Machine::service(apic);
  CHECK(ear.heard.size() == 1);
}

TEST_CASE(
    "ESR: illegal registers and vectors are collected, shown by a write, and ask for the error interrupt") {
  Machine m;
  LocalApic& apic = m[0];
  Machine::write(apic, reg::LVT_ERROR, 0xe0);
  Machine::read(apic, 0x3f0);
  CHECK(Machine::read(apic, reg::ESR) == 0);
  CHECK(apic.pending());
  CHECK(Machine::service(apic) == 0xe0);
  Machine::write(apic, 0x000, 1);
  CHECK_FALSE(apic.pending());  // known already
  Machine::write(apic, reg::ESR, 0);
  CHECK(Machine::read(apic, reg::ESR) == apic_esr::ILLEGAL_REGISTER);
  Machine::write(apic, reg::ESR, 0);
  CHECK(Machine::read(apic, reg::ESR) == 0);

  Machine::write(apic, reg::ICR_LOW, 0x0f);  // to ID 0, vector 15
  CHECK(apic.pending_errors() == apic_esr::SEND_ILLEGAL_VECTOR);
  CHECK(Machine::service(apic) == 0xe0);
  CHECK_FALSE(apic.post(0x0f));
  CHECK(apic.pending_errors() == (apic_esr::SEND_ILLEGAL_VECTOR | apic_esr::RECEIVE_ILLEGAL_VECTOR));
  CHECK(apic.post(0x10));
  CHECK(Machine::read(apic, reg::IRR) == 1u << 16);

  Machine::write(apic, reg::ESR, 0);
  Machine::write(apic, reg::LVT_ERROR, 0x05);  // the error vector is itself illegal
  Machine::read(apic, 0x400);
  CHECK(apic.pending_errors() == (apic_esr::ILLEGAL_REGISTER | apic_esr::RECEIVE_ILLEGAL_VECTOR));
  Machine::x2apic(apic);
  CHECK(apic.write_msr(0x828, 0));
  CHECK(apic.write_msr(0x83f, 3));
  CHECK(apic.pending_errors() == (apic_esr::SEND_ILLEGAL_VECTOR | apic_esr::RECEIVE_ILLEGAL_VECTOR));
}

TEST_CASE("which xAPIC offsets are reserved") {
  for (u32 offset = 0; offset < 0x1000; offset += 16) {
    CAPTURE(offset);
    Machine m;
    Machine::read(m[0], offset);
    const bool exists = offset == 0x20 || offset == 0x30 || (offset >= 0x80 && offset <= 0x280) ||
                        (offset >= 0x2f0 && offset <= 0x390) || offset == 0x3e0;
    CHECK(m[0].pending_errors() == (exists ? 0 : apic_esr::ILLEGAL_REGISTER));
  }
}

TEST_CASE("LINT0 as ExtINT, the PIC's virtual wire, and INTR while the APIC is disabled") {
  Machine m(1, false);
  LocalApic& apic = m[0];
  int acknowledged = 0;
  apic.on_pic_acknowledge([&] {
    ++acknowledged;
    apic.lint0().set(false);
    return u8{0x08};
  });
  apic.lint0().set(true);
  CHECK_FALSE(apic.pending());  // masked after reset
  apic.set_virtual_wire();
  CHECK(apic.pending());
  apic.set_task_priority(15);
  CHECK(apic.pending());  // an ExtINT knows no priority
  CHECK(apic.acknowledge() == 0x08);
  CHECK(acknowledged == 1);
  CHECK_FALSE(apic.pending());
  CHECK(apic.highest_in_service() == -1);

  apic.lint0().set(true);
  Machine::write(apic, reg::LVT_LINT0, 0x10700);
  CHECK_FALSE(apic.pending());
  CHECK(apic.write_msr(0x1b, address | BSP));
  CHECK(apic.pending());
  CHECK(apic.acknowledge() == 0x08);
  CHECK_FALSE(apic.pending());
  CHECK(acknowledged == 2);
  apic.lint1().set(true);
  apic.lint1().set(true);
  CHECK(m.cpus[0]->nmis == 1);
}

TEST_CASE("the pins as fixed, NMI, SMI and INIT; remote IRR of a level") {
  Machine m;
  LocalApic& apic = m[0];
  TestCpu& cpu = *m.cpus[0];
  Machine::write(apic, reg::LVT_LINT0, 0x8030);  // fixed, level
  apic.lint0().set(true);
  CHECK(Machine::read(apic, reg::LVT_LINT0) == 0xc030);
  CHECK(Machine::service(apic) == 0x30);
  CHECK(apic.pending());  // the line is still high
  apic.lint0().set(false);
  CHECK(Machine::service(apic) == 0x30);
  CHECK_FALSE(apic.pending());
  CHECK(Machine::read(apic, reg::LVT_LINT0) == 0x8030);
  Machine::write(apic, reg::LVT_LINT0, 0x30);  // edge
  apic.lint0().set(true);
  CHECK(Machine::service(apic) == 0x30);
  CHECK_FALSE(apic.pending());

  Machine::write(apic, reg::LVT_LINT0, 0x8031);  // the line is high when the entry becomes a level
  CHECK(apic.acknowledge() == 0x31);
  CHECK(Machine::read(apic, reg::LVT_LINT0) == 0xc031);
  Machine::write(apic, reg::LVT_LINT0, 0x8431);  // an NMI has no remote IRR, nor has an edge
  CHECK(Machine::read(apic, reg::LVT_LINT0) == 0x8431);
  Machine::write(apic, reg::LVT_LINT0, 0x0031);
  CHECK(Machine::read(apic, reg::LVT_LINT0) == 0x0031);
  Machine::write(apic, reg::EOI, 0);
  CHECK_FALSE(apic.pending());

  Machine::write(apic, reg::LVT_LINT1, 0x400);
  apic.lint1().set(true);
  CHECK(cpu.nmis == 1);
  apic.lint1().set(false);
  Machine::write(apic, reg::LVT_LINT1, 0x200);
  apic.lint1().set(true);
  CHECK(cpu.smis == 1);
  apic.lint1().set(false);
  Machine::write(apic, reg::LVT_LINT1, 0x500);
  apic.lint1().set(true);
  CHECK(cpu.inits == 1);
  apic.lint1().set(false);
  Machine::write(apic, reg::LVT_LINT1, 0x10400);
  apic.lint1().set(true);
  CHECK(cpu.nmis == 1);  // masked: lost
  Machine::write(apic, reg::LVT_LINT1, 0x400);
  CHECK(cpu.nmis == 1);
}

TEST_CASE("performance, thermal and CMCI vectors; the performance entry masks itself") {
  Machine m;
  LocalApic& apic = m[0];
  Machine::write(apic, reg::LVT_PERFORMANCE, 0x400);
  apic.performance_counter_overflow();
  apic.performance_counter_overflow();
  CHECK(m.cpus[0]->nmis == 1);
  CHECK(Machine::read(apic, reg::LVT_PERFORMANCE) == 0x10400);
  apic.thermal_event();
  CHECK_FALSE(apic.pending());
  Machine::write(apic, reg::LVT_THERMAL, 0xfa);
  apic.thermal_event();
  CHECK(Machine::service(apic) == 0xfa);
  CHECK(Machine::read(apic, reg::LVT_THERMAL) == 0xfa);
  Machine::write(apic, reg::LVT_CMCI, 0x200);
  apic.corrected_machine_check();
  CHECK(m.cpus[0]->smis == 1);
}

TEST_CASE("state survives a round trip, with the timer armed again") {
  Machine m(1);
  LocalApic& apic = m[0];
  Machine::write(apic, reg::LVT_TIMER, 0x200ee);
  Machine::write(apic, reg::DIVIDE_CONFIGURATION, 0xb);
  Machine::write(apic, reg::INITIAL_COUNT, 1000);
  CHECK(apic.post(0x44, true));
  m.clock.advance(80 * 300);
  Store store;
  apic.fields(store);

  Machine other(1, false);
  other.clock.ticks = m.clock.ticks;
  store.load = true;
  other[0].fields(store);
  other[0].restored();
  CHECK(store.at == store.data.size());
  CHECK(other[0].pending());
  CHECK(Machine::read(other[0], reg::CURRENT_COUNT) == 700);
  for (u32 offset = 0; offset < 0x400; offset += 16) CHECK(other[0].peek(offset) == apic.peek(offset));
  CHECK(Machine::service(other[0]) == 0x44);
  other.clock.advance(80 * 700);
  CHECK(Machine::service(other[0]) == 0xee);
}

TEST_CASE("a hostile guest: any offset, width, value and MSR") {
  std::mt19937_64 random(20);
  for (unsigned round = 0; round < 20; ++round) {
    Machine m(3);
    for (unsigned i = 0; i < 3; ++i) m[i].on_pic_acknowledge([&] { return u8{0x20}; });
    for (unsigned step = 0; step < 5000; ++step) {
      LocalApic& apic = m[random() % 3];
      const u64 value = random() >> (random() % 64);
      const unsigned size = 1u << (random() % 4);
      u64 ignored;
      switch (random() % 12) {
        case 0: apic.mmio_read(random() % 0x1000, size); break;
        case 1: apic.mmio_write(random() % 0x1000, size, value); break;
        case 2: apic.mmio_write((random() % 0x100) * 16, 4, value); break;
        case 3: apic.write_msr(0x800 + random() % 0x100, random() % 4 ? value & 0xcffff : value); break;
        case 4: apic.read_msr(static_cast<u32>(random() % 0x1000), ignored); break;
        case 5: apic.write_msr(0x1b, value & ((random() & 7) ? u64{0xfffffffd00} : ~u64{0})); break;
        case 6: apic.write_msr(0x6e0, value); break;
        case 7: apic.set_task_priority(static_cast<u8>(value)); break;
        case 8: apic.acknowledge(); break;
        case 9: m.bus.msi_write(HostPhys(0xfee00000 | (value & 0xfffff)), static_cast<u32>(random())); break;
        case 10:
          (random() & 1 ? apic.lint0() : apic.lint1()).set(random() & 1);
          apic.set_tsc_offset(static_cast<s64>(value));
          break;
        case 11:
          for (u32 offset = reg::INITIAL_COUNT; offset; offset = 0)
            Machine::write(apic, offset, static_cast<u32>(value) | 1024);
          m.clock.advance(random() % 100000);
          break;
      }
      // The page's invariants, whatever was done.
      const int requested = apic.highest_requested();
      CHECK((requested == -1 || requested >= 16));
      if (apic.mode() == LocalApic::Mode::XApic && !apic.software_enabled()) {
        for (const LvtLayout& lvt : lvt_layout) CHECK((apic.peek(lvt.offset) & apic_lvt::MASK) != 0);
      }
    }
  }
}
