// Owns the tests of what a direct boot leaves of a BIOS's work: interrupt controllers, timer, vectors.
#include "frontend/machine/machine.h"
#include "frontend/screen/screen.h"
#include "tests/machine/load_fixture.h"

using namespace ringside;

namespace {

constexpr u64 base = 0x100000;

struct DirectBoot {
  TestFile kernel{"k", make_elf(false, base + 12, {{base, joined(multiboot1_header(3), {0xf4}), 0x1000}})};
  std::string error;
  std::unique_ptr<Machine> machine;

  explicit DirectBoot(const char* model = "max", u64 ram = 16 << 20) {
    MachineConfig c;
    c.model = *parse_cpu_model(model, error);
    c.ram_bytes = ram;
    c.boot.kernel = kernel.path();
    machine = Machine::create(c, error);
  }
  Cpu& cpu() { return machine->cpu(0); }
  // Real mode at 0:7C00, as after a boot sector's load.
  void real_mode(const std::vector<u8>& code) {
    cpu().reset(false);
    Segment& cs = cpu().segment[CS];
    cs.selector = 0;
    cs.base = 0;
    cs.update();
    cpu().gpr[RSP] = 0x7000;
    cpu().rip = cpu().next_rip = 0x7c00;
    cpu().update_mode();
    cpu().update_translation();
    cpu().update_privilege();
    machine->memory().write_block(HostPhys(0x7c00), code.data(), code.size());
  }
};

}  // namespace

TEST_CASE("the timer ticks by the BIOS's vector, and its handler counts and acknowledges") {
  DirectBoot boot;
  REQUIRE_MESSAGE(boot.machine, boot.error);
  CHECK(boot.machine->memory().read(HostPhys(0x46c), 4) == 0);
  // sti; hlt; cmp byte [46ch], 3; jb back to hlt; cli; hlt
  boot.real_mode({0xfb, 0xf4, 0x80, 0x3e, 0x6c, 0x04, 0x03, 0x72, 0xf8, 0xfa, 0xf4});
  // A run returns when the guest sleeps until a timer.
  Ending::Why why = Ending::Why::running;
  for (unsigned n = 0; n < 20 && why == Ending::Why::running; ++n) why = boot.machine->run(10'000).why;
  CHECK(why == Ending::Why::idle);
  CHECK(boot.machine->memory().read(HostPhys(0x46c), 4) == 3);
  CHECK(boot.cpu().rip == 0x7c0b);
  // Three periods of 65,536 / 1,193,182 s, in the clocks of a 2 GHz TSC.
  CHECK(static_cast<u64>(boot.machine->now()) > 3 * 109'000'000ull);
  CHECK(static_cast<u64>(boot.machine->now()) < 3 * 111'000'000ull);
}

TEST_CASE("a guest that halts with interrupts disabled has ended, though the timer ticks") {
  DirectBoot boot;
  REQUIRE_MESSAGE(boot.machine, boot.error);
  CHECK(boot.machine->run(10'000).why == Ending::Why::idle);  // the kernel is one HLT
}

TEST_CASE("memory that the CPU's addresses do not reach is refused") {
  CHECK(DirectBoot("max,phys-bits=36", u64{60} << 30).machine);
  DirectBoot boot("max,phys-bits=36", u64{64} << 30);
  CHECK_FALSE(boot.machine);
  CHECK(boot.error.find("36 address bits") != std::string::npos);
}

TEST_CASE("a kernel that was promised a framebuffer finds it in its place, after a restart, too") {
  const TestFile kernel("vmlinuz", make_linux());
  MachineConfig c;
  std::string error;
  c.model = *parse_cpu_model("max", error);
  c.ram_bytes = 64 << 20;
  c.vga = true;
  c.boot.kernel = kernel.path();
  c.boot.append = "vga=0x315";
  const auto machine = Machine::create(c, error);
  REQUIRE_MESSAGE(machine, error);
  for (unsigned n = 0; n < 2; ++n) {
    machine->memory().write(HostPhys(0xfd000000 + 3 * (800 * 599 + 799)), 2, 0x5634);
    machine->memory().write(HostPhys(0xfd000002 + 3 * (800 * 599 + 799)), 1, 0x12);
    const Picture picture = screen_picture(*machine);
    CHECK(picture.width == 800);
    CHECK(picture.height == 600);
    REQUIRE(picture.dots.size() == 800 * 600);
    CHECK(picture.dots.back() == 0x125634);
    CHECK(machine->memory().read(HostPhys(0xfebf0000), 4) == 0xffffff00);  // the EDID begins
    REQUIRE_MESSAGE(machine->reboot(error), error);
  }
}

TEST_CASE("ACPI says whether a VGA card is there: to a kernel, to firmware, and after PMBASE was moved") {
  const TestFile kernel("k",
                        make_elf(false, base + 12, {{base, joined(multiboot1_header(3), {0xf4}), 0x1000}}));
  const TestFile rom("bios", std::vector<u8>(0x10000, 0xf4));
  const auto no_vga = [](const std::string& tables) {
    const std::size_t fadt = tables.find("FACP");
    REQUIRE(fadt != std::string::npos);
    return (tables.at(fadt + 109) & 4) != 0;  // IAPC_BOOT_ARCH
  };
  // All items of fw_cfg that may be the tables, one behind the other.
  const auto items = [](Machine& machine) {
    PortSpace& ports = *machine.cpu(0).ports;
    std::string all;
    for (u16 key = 0x20; key < 0x30; ++key) {
      ports.port_write(0x510, 2, key);
      for (unsigned n = 0; n < 0x4000; ++n) all += static_cast<char>(ports.port_read(0x511, 1));
    }
    return all;
  };
  for (const bool vga : {false, true}) {
    MachineConfig c;
    std::string error;
    c.model = *parse_cpu_model("max", error);
    c.ram_bytes = 16 << 20;
    c.vga = vga;
    c.boot.kernel = kernel.path();
    const auto booted = Machine::create(c, error);
    REQUIRE_MESSAGE(booted, error);
    std::string memory(0x20000, '\0');
    booted->memory().read_block(HostPhys(0xe0000), memory.data(), memory.size());
    CHECK(no_vga(memory) == !vga);
    c.boot.kernel.clear();
    c.boot.bios = rom.path();
    const auto machine = Machine::create(c, error);
    REQUIRE_MESSAGE(machine, error);
    const std::string first = items(*machine);
    CHECK(no_vga(first) == !vga);
    PortSpace& ports = *machine->cpu(0).ports;
    ports.port_write(0xcf8, 4, 0x80000b40);
    ports.port_write(0xcfc, 4, 0xb001);
    ports.port_write(0xcf8, 4, 0x80000b80);
    ports.port_write(0xcfc, 1, 1);
    const std::string moved = items(*machine);
    CHECK(moved != first);
    CHECK(no_vga(moved) == !vga);
  }
}

TEST_CASE("firmware finds the IDE controller though no drive is there, and no drive behind it") {
  const TestFile rom("bios", std::vector<u8>(0x10000, 0xf4));
  MachineConfig c;
  std::string error;
  c.model = *parse_cpu_model("max", error);
  c.ram_bytes = 16 << 20;
  c.boot.bios = rom.path();
  const auto machine = Machine::create(c, error);
  REQUIRE_MESSAGE(machine, error);
  PortSpace& ports = *machine->cpu(0).ports;
  ports.port_write(0xcf8, 4, 0x80000900);
  CHECK(ports.port_read(0xcfc, 4) == 0x70108086);
  for (const u16 base : {0x1f0, 0x170}) {
    ports.port_write(static_cast<u16>(base + 6), 1, 0xe0);
    CHECK((ports.port_read(static_cast<u16>(base + 7), 1) & 0x80) == 0);  // not busy
  }
}
