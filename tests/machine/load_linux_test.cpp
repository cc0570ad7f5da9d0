// Owns the tests of booting bzImages: entry state, zero page, placement, errors in words.
#include <map>

#include "tests/machine/load_fixture.h"

using namespace ringside;

namespace {

constexpr u64 setup_bytes = 5 * 512;

// Walks the boot page tables by hand; ~0 where nothing is mapped.
u64 translate(TestMachine& m, u64 address) {
  u64 table = m.cpu.cr3;
  for (unsigned shift : {39u, 30u, 21u}) {
    const u64 entry = m.at<u64>(table + (address >> shift & 511) * 8);
    if ((entry & 3) != 3) return ~u64{0};
    if (shift == 21) {
      CHECK((entry & 0x80) != 0);
      return (entry & ~u64{0x1fffff}) | (address & 0x1fffff);
    }
    table = entry & ~u64{0xfff};
  }
  return ~u64{0};
}

}  // namespace

TEST_CASE("Linux: the 64-bit entry is as the protocol says") {
  TestFile kernel("vmlinuz", make_linux());
  TestMachine m;
  REQUIRE_MESSAGE(m.load(kernel.path(), "console=ttyS0 quiet"), m.error);
  const Cpu& cpu = m.cpu;
  CHECK(cpu.rip == 0x1000200);
  CHECK(cpu.mode.code_bits == 64);
  CHECK(cpu.cr0 == (Cr0::PE | Cr0::ET | Cr0::PG));
  CHECK(cpu.cr4 == Cr4::PAE);
  CHECK(cpu.efer == (Efer::LME | Efer::LMA));
  CHECK(cpu.eflags() == Eflags::reserved_one);
  CHECK(cpu.segment[CS].selector == 0x10);
  CHECK(cpu.segment[DS].selector == 0x18);
  CHECK(cpu.segment[SS].selector == 0x18);
  CHECK(m.at<u64>(cpu.gdtr.base + 0x10) == 0x00af9b000000ffff);
  CHECK(m.at<u64>(cpu.gdtr.base + 0x18) == 0x00cf93000000ffff);
  CHECK(cpu.gdtr.limit == 0x1f);
  for (u64 a : {u64{0}, u64{0x1000200}, u64{0x3fffffff}, u64{0xfee00000}, u64{0xffffffff}})
    CHECK(translate(m, a) == a);
  CHECK(translate(m, u64{1} << 32) == ~u64{0});

  const u64 z = cpu.gpr[RSI];
  CHECK(z % 4096 == 0);
  CHECK(m.at<u32>(z + 0x202) == 0x53726448);
  CHECK(m.at<u8>(z + 0x210) == 0xff);
  CHECK(m.at<u8>(z + 0x1ef) == 0);
  CHECK(m.string_at(m.at<u32>(z + 0x228)) == "console=ttyS0 quiet");
  CHECK(m.at<u32>(z + 0x218) == 0);
  CHECK(m.at<u32>(z + 0x21c) == 0);
  CHECK(m.at<u64>(z + 0x70) == m.platform.rsdp);
  CHECK(m.at<u64>(z + 0x250) == 0);
  REQUIRE(m.at<u8>(z + 0x1e8) == m.platform.memory_map.size());
  for (std::size_t i = 0; i < m.platform.memory_map.size(); ++i) {
    CHECK(m.at<u64>(z + 0x2d0 + 20 * i) == m.platform.memory_map[i].base);
    CHECK(m.at<u64>(z + 0x2d8 + 20 * i) == m.platform.memory_map[i].bytes);
    CHECK(m.at<u32>(z + 0x2e0 + 20 * i) == m.platform.memory_map[i].type);
  }
  const auto image = make_linux();
  for (u64 i = 0; i < 0x3000; i += 511) CHECK(m.at<u8>(0x1000000 + i) == image[setup_bytes + i]);
  CHECK(m.at<u16>(0x40e) == 0x9fc0);
}

namespace {

// The graphics card's index and data port.
struct DispiPorts final : PortSpace {
  u32 port_read(u16, unsigned) override { return 0; }
  void port_write(u16 port, unsigned, u32 value) override {
    if (port == 0x1ce) index = value;
    if (port == 0x1cf) values[index] = value;
  }
  u32 index = 0;
  std::map<u32, u32> values;
};

}  // namespace

TEST_CASE("Linux: vga= is a framebuffer, set and described, where there is a screen") {
  TestFile kernel("vmlinuz", make_linux());
  const auto boots = [&](const std::string& line, bool screen, auto check) {
    TestMachine m;
    DispiPorts ports;
    m.cpu.ports = &ports;
    m.platform.text_screen = screen;
    CAPTURE(line);
    REQUIRE_MESSAGE(m.load(kernel.path(), line), m.error);
    check(m, m.cpu.gpr[RSI], ports);
  };
  boots("quiet vga=788", true, [](TestMachine& m, u64 z, DispiPorts& ports) {
    CHECK(m.at<u16>(z + 0x1fa) == 0x314);
    CHECK(m.at<u8>(z + 0x0f) == 0x23);
    CHECK(m.at<u16>(z + 0x12) == 800);
    CHECK(m.at<u16>(z + 0x14) == 600);
    CHECK(m.at<u16>(z + 0x16) == 16);
    CHECK(m.at<u32>(z + 0x18) == 0xfd000000);
    CHECK(m.at<u32>(z + 0x1c) == 256);
    CHECK(m.at<u16>(z + 0x24) == 1600);
    CHECK(m.at<u64>(z + 0x26) == 0x0000'0005'0506'0b05);  // red 5 at 11, green 6 at 5, blue 5 at 0
    CHECK(ports.values[1] == 800);
    CHECK(ports.values[2] == 600);
    CHECK(ports.values[3] == 16);
    CHECK(ports.values[4] == 0x41);
  });
  boots("vga=0x318 vga=normal vga=0x318", true, [](TestMachine& m, u64 z, DispiPorts&) {
    CHECK(m.at<u16>(z + 0x12) == 1024);
    CHECK(m.at<u16>(z + 0x24) == 3072);
  });
  for (const char* line : {"", "vga=ask", "vga=0x318 vga=normal", "vga=", "vga=9999", "vga=x", "novga=788"})
    boots(line, true, [](TestMachine& m, u64 z, DispiPorts& ports) {
      CHECK(m.at<u8>(z + 0x0f) == 1);
      CHECK(m.at<u8>(z + 0x06) == 3);
      CHECK(ports.values.empty());
    });
  boots("vga=788", false, [](TestMachine& m, u64 z, DispiPorts& ports) {
    CHECK(m.at<u8>(z + 0x0f) == 0);
    CHECK(ports.values.empty());
  });
}

TEST_CASE("Linux: code at the entry runs and sees its tables") {
  auto image = make_linux();
  // mov rax, [rsi+0x202]; mov ecx, 0x18; mov ds, ecx; push rax is not possible: no stack; mov [0x1100000],
  // eax; hlt
  const u8 code[] = {0x8b, 0x86, 0x02, 0x02, 0x00, 0x00, 0xb9, 0x18, 0x00, 0x00, 0x00,
                     0x8e, 0xd9, 0x89, 0x04, 0x25, 0x00, 0x00, 0x10, 0x01, 0xf4};
  std::copy(std::begin(code), std::end(code), image.begin() + setup_bytes + 0x200);
  TestFile kernel("vmlinuz", image);
  TestMachine m;
  REQUIRE(m.load(kernel.path()));
  run(m.cpu, 5);
  CHECK(m.at<u32>(0x1100000) == 0x53726448);
  CHECK(m.cpu.activity == Activity::hlt);
}

TEST_CASE("Linux: the 32-bit entry, for kernels or CPUs without 64 bits") {
  auto image = make_linux();
  TestMachine m;
  SUBCASE("the kernel has no 64-bit entry") { put<u16>(image, 0x236, 0); }
  SUBCASE("the CPU has no 64-bit mode") {
    m.model.features.reset(static_cast<std::size_t>(Feature::long_mode));
  }
  TestFile kernel("vmlinuz", image);
  REQUIRE(m.load(kernel.path()));
  CHECK(m.cpu.rip == 0x1000000);
  CHECK(m.cpu.segment[CS].selector == 0x10);
  CHECK(m.cpu.segment[DS].selector == 0x18);
  CHECK(m.cpu.gpr[RBP] == 0);
  CHECK(m.cpu.gpr[RDI] == 0);
  CHECK(m.cpu.gpr[RBX] == 0);
  check_flat_32(m);
}

TEST_CASE("Linux: protocol 2.06 has no preferred address and loads at 1 MiB") {
  auto image = make_linux();
  put<u16>(image, 0x206, 0x0206);
  put<u8>(image, 0x234, 0);
  TestFile kernel("vmlinuz", image);
  TestMachine m(4);
  REQUIRE_MESSAGE(m.load(kernel.path()), m.error);
  CHECK(m.cpu.rip == 0x100000);
}

TEST_CASE("Linux: the initrd lies high, below the kernel's limit") {
  auto image = make_linux();
  std::vector<u8> bytes(10000);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<u8>(i);
  TestFile initrd("initrd,with a comma", bytes);
  TestMachine m;
  u64 limit = 64 << 20;
  SUBCASE("the end of RAM") {}
  SUBCASE("initrd_addr_max") {
    limit = 0x2000000;
    put<u32>(image, 0x22c, 0x1ffffff);
  }
  TestFile kernel("vmlinuz", image);
  REQUIRE_MESSAGE(m.load(kernel.path(), "", initrd.path()), m.error);
  const u64 z = m.cpu.gpr[RSI], at = m.at<u32>(z + 0x218);
  CHECK(m.at<u32>(z + 0x21c) == 10000);
  CHECK(at == limit - 0x3000);
  for (u64 i = 0; i < 10000; i += 333) CHECK(m.at<u8>(at + i) == static_cast<u8>(i));
}

TEST_CASE("Linux: an initrd goes above 4 GiB only if it must and may, and is mapped there") {
  auto image = make_linux();
  put<u32>(image, 0x22c, 0x1bfffff);  // room for 4 MiB after the kernel, no more
  TestFile initrd("initrd", std::vector<u8>(16 << 20, 0x5a));
  TestMachine m(3200);
  SUBCASE("it may") {
    TestFile kernel("vmlinuz", image);
    REQUIRE_MESSAGE(m.load(kernel.path(), "", initrd.path()), m.error);
    const u64 z = m.cpu.gpr[RSI];
    const u64 at = m.at<u32>(z + 0x218) | m.at<u64>(z + 0xc0) << 32;
    CHECK(at == (u64{1} << 32) + (u64{3200 - 3072 - 16} << 20));
    CHECK(translate(m, at) == at);
    CHECK(m.at<u8>(at + 12345) == 0x5a);
  }
  SUBCASE("it may not") {
    put<u16>(image, 0x236, 1);
    TestFile kernel("vmlinuz", image);
    CHECK(!m.load(kernel.path(), "", initrd.path()));
    CHECK(m.says("does not fit"));
  }
}

TEST_CASE("Linux: what is wrong is said, and nothing is touched") {
  auto image = make_linux();
  TestMachine m;
  const u64 rip = m.cpu.rip;
  std::string append;
  const char* words = "";
  SUBCASE("old protocol") { put<u16>(image, 0x206, 0x0205), words = "boot protocol 2.05, older than 2.06"; }
  SUBCASE("zImage") { put<u8>(image, 0x211, 0), words = "zImage"; }
  SUBCASE("cut in the kernel") { image.resize(image.size() - 600), words = "is cut short"; }
  SUBCASE("cut in the setup") { image.resize(1500), words = "is cut short"; }
  SUBCASE("cut in the header") { image.resize(0x210), words = "is cut short"; }
  SUBCASE("too little memory") { put<u32>(image, 0x260, 0x7000000), words = "more with -m"; }
  SUBCASE("fixed address outside RAM") {
    put<u8>(image, 0x234, 0), put<u64>(image, 0x258, ~u64{0xfff}), words = "more with -m";
  }
  SUBCASE("long command line") { append.assign(2048, 'x'), words = "at most 2047"; }
  TestFile kernel("vmlinuz", image);
  CHECK(!m.load(kernel.path(), append));
  CHECK_MESSAGE(m.says(words), m.error);
  CHECK(m.error.find(kernel.path()) == 0);
  CHECK(m.error.find('\n') == std::string::npos);
  CHECK(m.cpu.rip == rip);
  CHECK(m.at<u64>(0x1000000) == 0);
}

TEST_CASE("files that cannot be kernels") {
  TestMachine m;
  const auto refuses = [&](const std::vector<u8>& bytes, const char* words) {
    TestFile file("kernel", bytes);
    CHECK(!m.load(file.path()));
    CHECK_MESSAGE(m.says(words), m.error);
  };
  refuses({}, "is empty");
  refuses({'h', 'e', 'l', 'l', 'o'}, "is no kernel");
  refuses({0x1f, 0x8b, 8, 0}, "gunzip");
  std::vector<u8> arm(0x200);
  std::memcpy(arm.data() + 0x38, "ARM\x64", 4);
  refuses(arm, "AArch64");
  CHECK(!m.load("/nowhere/at/all"));
  CHECK(m.says("/nowhere/at/all: no such file"));
  CHECK(!m.load(RINGSIDE_SOURCE_DIR));
  CHECK(m.says("is a directory"));
  TestFile kernel("vmlinuz", make_linux());
  CHECK(!m.load(kernel.path(), "", "/nowhere/initrd"));
  CHECK(m.says("/nowhere/initrd: no such file"));
  TestFile huge("huge", std::vector<u8>(9 << 20));
  TestMachine small(8);
  CHECK(!small.load(huge.path()));
  CHECK(small.says("larger than the machine's memory"));
}

TEST_CASE("the memory map tiles what there is") {
  for (u64 mib : {u64{1}, u64{2}, u64{128}, u64{3072}, u64{3073}, u64{8192}}) {
    const auto map = standard_memory_map(mib << 20);
    u64 end = 0, ram = 0;
    for (const MemoryRange& r : map) {
      CHECK(r.base >= end);
      CHECK(r.bytes != 0);
      end = r.base + r.bytes;
      if (r.type == 1) ram += r.bytes;
    }
    CHECK(ram == (mib << 20) - (0x100000 - 0x9fc00));
  }
}

TEST_CASE("memory types are left as firmware leaves them") {
  TestMachine m;
  set_memory_types(m.cpu);
  CHECK(m.cpu.msr.mtrr_def_type == 0xc06);
  CHECK(m.cpu.msr.mtrr_fixed[2] == 0);
  CHECK(m.cpu.msr.mtrr_variable[0] == 0xc0000000);
  CHECK(m.cpu.msr.mtrr_variable[1] == (((u64{1} << m.model.physical_bits) - 1) & ~u64{0x3fffffff}) + 0x800);
}
