// Owns the tests of a machine's life: configurations, ends, reboots, several CPUs, determinism, saved states.
#include <array>
#include <chrono>

#include "tests/machine/guest.h"

using namespace ringside;

namespace {

// Both CPUs work: PIT and APIC timer on the first, a counting loop and IPIs back from the second.
void busy(Guest& g) {
  g.open_pic()
      .start_pit(30)
      .count_interrupts(0x20, true)
      .count_interrupts(0x40, false)
      .count_interrupts(0x50, false);
  g.store(Guest::apic + 0x3e0, 0xb).store(Guest::apic + 0x320, 0x20040).store(Guest::apic + 0x380, 333);
  // Some of every chip: the serial port, the RTC, the keyboard controller, PCI, the PM timer, the HPET.
  g.out(0x3fc, 0x0b)
      .out(0x3f9, 2)
      .out(0x3f8, 'x')
      .out(0x70, 0x0b)
      .out(0x71, 0x42)
      .out(0x64, 0x60)
      .out(0x60, 0x45);
  g.store(0xfed00010, 1)
      .store(0xfed00100, 0x0c)
      .store(0xfed00108, 5000)
      .out(0x61, 1)
      .out(0x43, 0xb6)
      .out(0x42, 99);
  g.store(Guest::apic + 0x310, 1u << 24).store(Guest::apic + 0x300, 0x4500);
  g.store(Guest::apic + 0x310, 1u << 24).store(Guest::apic + 0x300, 0x4600 | Guest::ap_code >> 12);
  g.sti().bytes({0xff, 0x05}).number(Guest::data, 4);  // L: inc dword [data]
  g.bytes({0xff, 0xc0, 0x0f, 0xa2, 0xeb, 0xf4});       // inc eax; cpuid; jmp L
  // The other CPU, in real mode: L: inc word [0x600]; add ax, [0x600]; jmp L
  g.next = Guest::ap_code;
  g.bytes({0xff, 0x06, 0x00, 0x06, 0x03, 0x06, 0x00, 0x06, 0xeb, 0xf6});
}

// The first CPU halts with an interrupt already pending, which wakes it at once, and then until the PIT's; it
// sends the other one INIT and SIPI again and again. That one counts for a while and halts for good.
void unstable(Guest& g) {
  g.open_pic().start_pit(60).count_interrupts(0x20, true).count_interrupts(0x50, false);
  g.store(Guest::apic + 0xf0, 0x1ff).store(Guest::apic + 0x310, 1u << 24);
  const u64 again = g.next;
  g.store(Guest::apic + 0x300, 0x4500).store(Guest::apic + 0x300, 0x4600 | Guest::ap_code >> 12);
  g.cli().store(Guest::apic + 0x300, 0x44050).sti().hlt();
  g.bytes({0xff, 0x05}).number(Guest::data, 4).hlt();  // inc dword [data]; hlt
  g.bytes({0xe9}).number(again - (g.next + 4), 4);
  g.next = Guest::ap_code;
  // mov cx, 40; L: inc word [600h]; loop L; hlt
  g.bytes({0xb9, 40, 0, 0xff, 0x06, 0x00, 0x06, 0xe2, 0xfa, 0xf4});
}

std::string ended(Guest& g, Ending::Why why) {
  const Ending& end = g.machine->run(100'000);
  CHECK(end.why == why);
  return end.reason;
}

}  // namespace

TEST_CASE("configurations that cannot be give one line that says so") {
  const auto refused = [](auto change) {
    MachineConfig c = Guest::config();
    change(c);
    std::string error;
    CHECK(Machine::create(c, error) == nullptr);
    CHECK(error.size() > 10);
    CHECK(error.find('\n') == std::string::npos);
  };
  refused([](MachineConfig& c) { c.cpus = 0; });
  refused([](MachineConfig& c) { c.cpus = 9; });
  refused([](MachineConfig& c) { c.ram_bytes = 0; });
  refused([](MachineConfig& c) { c.ram_bytes = (1 << 20) - 4096; });
  refused([](MachineConfig& c) { c.ram_bytes = (16 << 20) + 1; });
  refused([](MachineConfig& c) { c.ram_bytes = most_ram + 4096; });
  refused([](MachineConfig& c) { c.boot.kernel = "/nowhere/kernel"; });
  refused([](MachineConfig& c) { c.boot.bios = "/nowhere/bios"; });
  refused([](MachineConfig& c) { c.boot.bios = RINGSIDE_SOURCE_DIR; });
  refused([](MachineConfig& c) { c.debug_exit = {{0xfffe, 4}}; });
  refused([](MachineConfig& c) { c.debug_exit = {{0xf4, 0}}; });
}

TEST_CASE("64 GiB cost nothing until they are touched") {
  MachineConfig c = Guest::config();
  c.ram_bytes = most_ram;
  const auto start = std::chrono::steady_clock::now();
  Guest g(c);
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(2));
  const u64 top = most_ram + (u64{1} << 32) - low_ram_limit - 8;
  g.put(top, 0x1234);
  CHECK(g.get(top) == 0x1234);
  CHECK(g.get(top + 8) == ~u64{0});
  CHECK(g.machine->state_hash().size() == 32);
}

TEST_CASE("power-off, debug exit, resets and shutdown end the run with their reasons") {
  Guest off;
  off.out16(0x604, 0x2000).forever();
  ended(off, Ending::Why::power_off);
  CHECK(off.machine->retired() < 10);

  MachineConfig c = Guest::config();
  c.debug_exit = MachineConfig::DebugExit{};
  Guest exits(c);
  exits.out(0xf4, 3).forever();
  ended(exits, Ending::Why::debug_exit);
  CHECK(exits.machine->ending().status == 7);
  CHECK(exits.machine->run(10).why == Ending::Why::debug_exit);

  Guest port;
  port.out(0xcf9, 6).forever();
  CHECK(ended(port, Ending::Why::reset).find("0xcf9") != std::string::npos);
  Guest keyboard;
  keyboard.out(0x64, 0xfe).forever();
  CHECK(ended(keyboard, Ending::Why::reset).find("keyboard") != std::string::npos);
  Guest fast;
  fast.out(0x92, 1).forever();
  CHECK(ended(fast, Ending::Why::reset).find("0x92") != std::string::npos);

  Guest triple;
  triple.bytes({0x0f, 0x01, 0x1d}).number(Guest::data, 4).bytes({0x0f, 0x0b});  // lidt [zero]; ud2
  const std::string reason = ended(triple, Ending::Why::shutdown);
  CHECK(reason.find("triple fault") != std::string::npos);
  CHECK(reason.find("#GP(0x33) at 0008:0x10007") != std::string::npos);
}

TEST_CASE("a reboot leads to the state after create") {
  Guest g;
  std::string error;
  const std::string fresh = Machine::create(Guest::config(), error)->state_hash();
  busy(g);
  g.machine->run(50'000);
  CHECK(g.machine->state_hash() != fresh);
  REQUIRE(g.machine->reboot(error));
  CHECK(g.machine->state_hash() == fresh);
  CHECK(g.machine->ending().why == Ending::Why::running);
  CHECK(g.machine->retired() == 0);
}

TEST_CASE("a reset keeps RAM and the time; the CPUs start again, with their chips or alone") {
  for (const bool chips : {false, true}) {
    CAPTURE(chips);
    Guest g;
    std::string error;
    g.store(Guest::data, 0x12345678).out(0x21, 0xa5).forever();
    g.machine->run(1000);
    Cpu& cpu = g.machine->cpu(0);
    cpu.msr.sysenter_cs = 8;
    const u64 retired = g.machine->retired();
    chips ? g.machine->reset("test") : g.machine->init_cpus("test");
    CHECK(g.machine->run(1000).why == Ending::Why::reset);
    REQUIRE(g.machine->perform_reset(error));
    CHECK(g.machine->ending().why == Ending::Why::running);
    g.machine->run(1);
    CHECK(g.machine->memory().read(HostPhys(Guest::data), 4) == 0x12345678);
    CHECK(g.machine->retired() > retired);
    CHECK((cpu.cr0 & Cr0::PE) == 0);
    CHECK(cpu.msr.sysenter_cs == (chips ? 0 : 8));
    CHECK(cpu.ports->port_read(0x21, 1) == (chips ? 0 : 0xa5));
  }
}

TEST_CASE("INIT and SIPI start the other CPU; it answers with an IPI") {
  Guest g(Guest::config(2));
  g.count_interrupts(0x50, false).store(Guest::apic + 0xf0, 0x1ff);
  g.store(Guest::apic + 0x310, 1u << 24).store(Guest::apic + 0x300, 0x4500);
  g.store(Guest::apic + 0x310, 1u << 24).store(Guest::apic + 0x300, 0x4600 | Guest::ap_code >> 12);
  g.sti().forever();
  g.next = Guest::ap_code;
  // wrmsr IA32_APIC_BASE with x2APIC on, then ICR: fixed, vector 50h, to CPU 0. In real mode: 66h for 32
  // bits.
  const auto wrmsr = [&](u32 msr, u64 value) {
    g.bytes({0x66, 0xb9}).number(msr, 4).bytes({0x66, 0xb8}).number(value, 4);
    g.bytes({0x66, 0xba}).number(value >> 32, 4).bytes({0x0f, 0x30});
  };
  wrmsr(0x1b, 0xfee00c00);
  wrmsr(0x80f, 0x1ff);
  wrmsr(0x830, 0x4050);
  g.bytes({0xc7, 0x06, 0x00, 0x06, 0x34, 0x12, 0xf4});  // mov word [600h], 1234h; hlt
  CHECK(g.cpu(1).activity == Activity::wait_for_sipi);
  g.machine->run(100'000);
  CHECK(g.get(0x600, 2) == 0x1234);
  CHECK(g.cpu(1).activity == Activity::hlt);
  CHECK(g.get(Guest::data + 4 * 0x50, 4) == 1);
}

TEST_CASE("two CPUs: the same end whatever the slices, alone or beside another machine") {
  constexpr u64 length = 380'000;
  Guest whole(Guest::config(2));
  busy(whole);
  whole.machine->run(length);
  const std::string hash = whole.machine->state_hash();
  CHECK(whole.get(0x600, 2) > 1000);
  CHECK(whole.get(Guest::data, 4) > 1000);
  CHECK(whole.get(Guest::data + 4 * 0x20, 4) > 3);
  CHECK(whole.get(Guest::data + 4 * 0x40, 4) > 3);

  u64 state = 12345;
  const auto slice = [&] {
    state = state * 6364136223846793005 + 1442695040888963407;
    return 1 + (state >> 33) % ((state >> 60) < 4 ? 30'000 : 50);
  };
  Guest a(Guest::config(2)), b(Guest::config(2));
  busy(a), busy(b);
  while (a.machine->retired() < length || b.machine->retired() < length) {
    a.machine->run(std::min(slice(), length - a.machine->retired()));
    b.machine->run(std::min(slice(), length - b.machine->retired()));
  }
  CHECK(a.machine->state_hash() == hash);
  CHECK(b.machine->state_hash() == hash);
  CHECK(a.machine->now() == whole.machine->now());
}

TEST_CASE("two CPUs that halt and wake: the order of their turns does not depend on the slices") {
  constexpr u64 length = 60'000;
  const auto run_on = [](Guest& g, u64 end, u64 slice) {
    while (g.machine->retired() < end && g.machine->ending().why == Ending::Why::running)
      g.machine->run(std::min(slice, end - g.machine->retired()));
  };
  Guest whole(Guest::config(2));
  unstable(whole);
  run_on(whole, length, length);
  const std::string hash = whole.machine->state_hash();
  CHECK(whole.get(Guest::data, 4) > 100);
  CHECK(whole.get(0x600, 2) > 500);
  CHECK(whole.get(Guest::data + 4 * 0x20, 4) > 100);
  CHECK(whole.get(Guest::data + 4 * 0x50, 4) > 100);
  for (const u64 slice : {1, 2, 3, 5, 17, 41, 97, 1009}) {
    CAPTURE(slice);
    Guest cut(Guest::config(2));
    unstable(cut);
    run_on(cut, length, slice);
    CHECK(cut.machine->retired() == length);
    CHECK(cut.machine->now() == whole.machine->now());
    CHECK(cut.machine->state_hash() == hash);
  }
  // One cut alone, at each place of a stretch.
  Guest straight(Guest::config(2));
  unstable(straight);
  run_on(straight, 20'400, length);
  const std::string later = straight.machine->state_hash();
  for (u64 at = 20'000; at < 20'200; ++at) {
    CAPTURE(at);
    Guest cut(Guest::config(2));
    unstable(cut);
    run_on(cut, at, length);
    run_on(cut, 20'400, length);
    CHECK(cut.machine->state_hash() == later);
  }
}

TEST_CASE("a machine that has ended is in the same state whatever the slices") {
  const auto triple_fault = [](Guest& g) {
    g.bytes({0x0f, 0x01, 0x1d}).number(Guest::data, 4).bytes({0x0f, 0x0b});  // lidt [zero]; ud2
  };
  const auto power_off = [](Guest& g) { g.out16(0x604, 0x2000).forever(); };
  const auto end_of = [](auto&& program, unsigned cpus, u64 slice) {
    Guest g(Guest::config(cpus));
    program(g);
    for (unsigned n = 0; n < 1000 && g.machine->ending().why == Ending::Why::running; ++n)
      g.machine->run(slice);
    CHECK(g.machine->ending().why != Ending::Why::running);
    return g.machine->state_hash();
  };
  for (const unsigned cpus : {1, 2}) {
    CAPTURE(cpus);
    const std::string shutdown = end_of(triple_fault, cpus, 10'000), off = end_of(power_off, cpus, 10'000);
    for (const u64 slice : {1, 2, 3, 4, 5}) {
      CAPTURE(slice);
      CHECK(end_of(triple_fault, cpus, slice) == shutdown);
      CHECK(end_of(power_off, cpus, slice) == off);
    }
  }
}

TEST_CASE("an interrupt() of the run changes nothing but where it returns") {
  Guest whole(Guest::config(2)), cut(Guest::config(2));
  for (Guest* g : {&whole, &cut}) {
    g->open_pic().start_pit(50).count_interrupts(0x20, true).sti().hlt().bytes({0xeb, 0xfd});
    g->machine->on_serial([](u8) {});
  }
  whole.machine->run(500);
  for (unsigned n = 0; cut.machine->retired() < 500 && n < 100'000; ++n) {
    cut.machine->interrupt();
    cut.machine->run(std::min<u64>(1 + n % 3, 500 - cut.machine->retired()));
  }
  CHECK(cut.machine->state_hash() == whole.machine->state_hash());
}

TEST_CASE("the hash sees one byte of memory and one bit of a register") {
  Guest g;
  const std::string hash = g.machine->state_hash();
  CHECK(g.machine->state_hash() == hash);
  g.put(0x123456, 1, 1);
  CHECK(g.machine->state_hash() != hash);
  g.put(0x123456, 0, 1);
  CHECK(g.machine->state_hash() == hash);
  g.cpu().vector.xmm[15].q[1] ^= 1;
  CHECK(g.machine->state_hash() != hash);
}

TEST_CASE("a saved state goes on as the machine that saved it, in a fresh machine and in a used one") {
  for (const u64 when : {u64{0}, u64{40}, u64{70}, u64{12'345}, u64{60'000}, u64{123'457}}) {
    CAPTURE(when);
    Guest origin(Guest::config(2));
    busy(origin);
    origin.machine->run(when);
    const std::vector<u8> saved = origin.machine->save();
    const std::string hash = origin.machine->state_hash();
    std::array<std::string, 3> later;
    for (unsigned n = 0; n < 3; ++n) {
      origin.machine->run(n == 0 ? 1 : 70'001);
      later[n] = origin.machine->state_hash();
    }
    std::string error;
    auto fresh = Machine::create(Guest::config(2), error);
    Guest used(Guest::config(2));
    busy(used);
    used.put(0x300000, 0x77);
    used.machine->run(55'555);
    for (Machine* m : {fresh.get(), used.machine.get(), origin.machine.get()}) {
      REQUIRE(m->restore(saved, error));
      CHECK(m->state_hash() == hash);
      for (unsigned n = 0; n < 3; ++n) {
        m->run(n == 0 ? 1 : 70'001);
        CHECK(m->state_hash() == later[n]);
      }
      CHECK(m->now() == origin.machine->now());
    }
  }
}

TEST_CASE("a machine that ended goes on from a saved state") {
  Guest g;
  g.bytes({0x40, 0x40, 0x40}).out16(0x604, 0x2000).forever();
  g.machine->run(2);
  const std::vector<u8> saved = g.machine->save();
  g.machine->run(100);
  CHECK(g.machine->ending().why == Ending::Why::power_off);
  std::string error;
  REQUIRE(g.machine->restore(saved, error));
  CHECK(g.machine->ending().why == Ending::Why::running);
  CHECK(g.cpu().gpr[RAX] == 2);
  g.machine->run(1);
  CHECK(g.cpu().gpr[RAX] == 3);
  CHECK(g.machine->run(100).why == Ending::Why::power_off);
}

TEST_CASE("a machine that was saved behind its shutdown ends in it again") {
  Guest g;
  g.bytes({0x0f, 0x01, 0x1d}).number(Guest::data, 4).bytes({0x0f, 0x0b});  // lidt [zero]; ud2
  const std::string reason = ended(g, Ending::Why::shutdown);
  Guest restored;
  REQUIRE(restored.machine->restore(g.machine->save(), restored.error));
  CHECK(restored.machine->run(100).why == Ending::Why::shutdown);
  CHECK(restored.machine->ending().reason == reason);
  CHECK(restored.machine->state_hash() == g.machine->state_hash());
}

TEST_CASE("bytes that are no saved state of this machine are refused and change nothing") {
  Guest g;
  busy(g);
  g.machine->run(1000);
  std::vector<u8> saved = g.machine->save();
  const std::string hash = g.machine->state_hash();
  std::string error;
  const auto refused = [&](std::span<const u8> bytes) {
    error.clear();
    CHECK_FALSE(g.machine->restore(bytes, error));
    CHECK(error.size() > 10);
    CHECK(g.machine->state_hash() == hash);
  };
  refused({});
  for (const std::size_t size : {std::size_t{5}, std::size_t{20}, std::size_t{60}, saved.size() - 1})
    refused(std::span(saved).first(size));
  for (const std::size_t at :
       {std::size_t{0}, std::size_t{17}, std::size_t{30}, std::size_t{99}, saved.size() - 9}) {
    saved[at] ^= 1;
    refused(saved);
    saved[at] ^= 1;
  }
  Guest two(Guest::config(2));
  refused(two.machine->save());
  CHECK(g.machine->restore(saved, error));
}
