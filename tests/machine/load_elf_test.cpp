// Owns the tests of multiboot 1, multiboot 2 and PVH kernels.
#include "tests/machine/load_fixture.h"

using namespace ringside;

namespace {

constexpr u64 base = 0x200000;

// mov [0x300000], eax; mov [0x300004], ebx; hlt
const std::vector<u8> code{0xa3, 0, 0, 0x30, 0, 0x89, 0x1d, 4, 0, 0x30, 0, 0xf4};

// Runs the three instructions of `code`.
void check_run(TestMachine& m, u32 eax) {
  const u32 info = static_cast<u32>(m.cpu.gpr[RBX]);
  run(m.cpu, 3);
  CHECK(m.at<u32>(0x300000) == eax);
  CHECK(m.at<u32>(0x300004) == info);
  CHECK(m.cpu.activity == Activity::hlt);
}

struct InfoTag {
  u32 type;
  u64 at;  // of the tag
  u64 bytes;
};
std::vector<InfoTag> info_tags(TestMachine& m, u64 info) {
  std::vector<InfoTag> tags;
  const u64 end = info + m.at<u32>(info);
  for (u64 at = info + 8; at < end; at += (m.at<u32>(at + 4) + 7) & ~u64{7})
    tags.push_back({m.at<u32>(at), at, m.at<u32>(at + 4)});
  return tags;
}

std::vector<u8> tag(u16 type, u16 flags, std::initializer_list<u32> words) {
  std::vector<u8> t;
  put<u16>(t, 0, type), put<u16>(t, 2, flags), put<u32>(t, 4, static_cast<u32>(8 + 4 * words.size()));
  for (u32 w : words) put<u32>(t, t.size(), w);
  t.resize((t.size() + 7) & ~u64{7});
  return t;
}

}  // namespace

TEST_CASE("multiboot 1: an ELF of either class starts as the protocol says") {
  for (bool bits64 : {false, true}) {
    const auto header = multiboot1_header(3);
    TestFile kernel("k", make_elf(bits64, base + 12, {{base, joined(header, code), 0x1000}}));
    TestMachine m;
    const std::vector<u8> dirt(0x1000, 0xee);
    m.memory.write_block(HostPhys(base), dirt.data(), dirt.size());
    REQUIRE_MESSAGE(m.load(kernel.path(), "one two"), m.error);
    CHECK(m.cpu.rip == base + 12);
    CHECK(m.cpu.gpr[RAX] == 0x2badb002);
    check_flat_32(m);
    CHECK(m.at<u8>(base + 0x100) == 0);  // the bss is cleared
    const u64 i = m.cpu.gpr[RBX];
    CHECK((m.at(i) & 0x4f) == 0x4f);
    CHECK(m.at(i + 4) == 639);
    CHECK(m.at(i + 8) == 63 * 1024);
    CHECK(m.string_at(m.at(i + 16)) == "k one two");  // without the host's folder
    CHECK(m.at(i + 20) == 0);
    CHECK(m.string_at(m.at(i + 64)) == "Ringside");
    REQUIRE(m.at(i + 44) == 24 * m.platform.memory_map.size());
    const u64 map = m.at(i + 48);
    for (std::size_t n = 0; n < m.platform.memory_map.size(); ++n) {
      CHECK(m.at(map + 24 * n) == 20);
      CHECK(m.at<u64>(map + 24 * n + 4) == m.platform.memory_map[n].base);
      CHECK(m.at<u64>(map + 24 * n + 12) == m.platform.memory_map[n].bytes);
      CHECK(m.at<u32>(map + 24 * n + 20) == m.platform.memory_map[n].type);
    }
    check_run(m, 0x2badb002);
  }
}

TEST_CASE("multiboot 1: addresses in the header") {
  auto image = std::vector<u8>(64, 0x90);  // the header does not stand at the start
  auto header = multiboot1_header(0x10003);
  put<u32>(header, 12, base + 64), put<u32>(header, 16, base + 32), put<u32>(header, 20, 0),
      put<u32>(header, 24, base + 0x2000), put<u32>(header, 28, base + 96);
  image = joined(joined(image, header), code);
  TestMachine m;
  SUBCASE("to the end of the file") {
    TestFile kernel("k", image);
    REQUIRE_MESSAGE(m.load(kernel.path()), m.error);
    CHECK(m.at<u32>(base + 64) == 0x1badb002);
    CHECK(m.at<u8>(base + 32) == 0x90);
    CHECK(m.at<u8>(base + 31) == 0);
    CHECK(m.string_at(m.at(m.cpu.gpr[RBX] + 16)) == "k");
    check_run(m, 0x2badb002);
  }
  SUBCASE("more than the file has") {
    put<u32>(image, 64 + 20, base + 0x1000);
    TestFile kernel("k", image);
    CHECK(!m.load(kernel.path()));
    CHECK_MESSAGE(m.says("is cut short"), m.error);
  }
  SUBCASE("before the file's start") {
    put<u32>(image, 64 + 16, base - 64);
    TestFile kernel("k", image);
    CHECK(!m.load(kernel.path()));
    CHECK(m.says("wrong multiboot header"));
  }
  SUBCASE("bss before the data's end") {
    put<u32>(image, 64 + 24, base + 40);
    TestFile kernel("k", image);
    CHECK(!m.load(kernel.path()));
    CHECK(m.says("bss ends before"));
  }
  SUBCASE("a demand that nobody knows") {
    auto other = multiboot1_header(0x10103);
    std::copy(other.begin(), other.end(), image.begin() + 64);
    TestFile kernel("k", image);
    CHECK(!m.load(kernel.path()));
    CHECK(m.says("flags 0x10103"));
  }
}

TEST_CASE("multiboot 1: modules follow the kernel on pages of their own") {
  TestFile kernel("k", make_elf(false, base, {{base, joined(multiboot1_header(3), code), 0x5000}}));
  TestFile one("one", {'N', 'R', '=', '1', '\n'}), two("two", std::vector<u8>(5000, 7));
  TestMachine m;
  REQUIRE_MESSAGE(m.load(kernel.path(), "", one.path() + " a,,b c, " + two.path()), m.error);
  const u64 i = m.cpu.gpr[RBX];
  REQUIRE(m.at(i + 20) == 2);
  const u64 mods = m.at(i + 24);
  const u64 first = m.at(mods), second = m.at(mods + 16);
  CHECK(first == base + 0x6000);
  CHECK(m.at(mods + 4) == first + 5);
  CHECK(m.at<u8>(first) == 'N');
  CHECK(m.string_at(m.at(mods + 8)) == "one a,b c");
  CHECK(second == first + 0x1000);
  CHECK(m.at(mods + 20) == second + 5000);
  CHECK(m.string_at(m.at(mods + 24)) == "two");
  CHECK(!m.load(kernel.path(), "", one.path() + ",/nowhere"));
  CHECK(m.says("/nowhere: no such file"));
}

TEST_CASE("ELF files that cannot be booted say why") {
  TestMachine m;
  const auto refuses = [&](const std::vector<u8>& bytes, const std::string& words) {
    TestFile file("k", bytes);
    CHECK(!m.load(file.path()));
    CHECK_MESSAGE(m.error.find(words) != std::string::npos, m.error);
    CHECK(m.error.find('\n') == std::string::npos);
  };
  const auto body = joined(multiboot1_header(3), code);
  refuses(make_elf(true, base, {{base, code}}, 183), "is an ELF for AArch64");
  refuses(make_elf(true, base, {{base, body}}, 183), "is an ELF for AArch64");
  refuses(make_elf(false, base, {{base, body}}, 40), "is an ELF for 32-bit Arm");
  refuses(make_elf(true, base, {{base, code}}), "without a multiboot header or PVH note");
  refuses(make_elf(false, base, {{base, body}, {base + 8, code}}),
          "segment 1 at 0x200008..0x200013 overlaps segment 0");
  refuses(make_elf(false, base, {{base, body}, {0x10000000, code}}), "is outside memory (RAM ends at");
  refuses(make_elf(true, base, {{base, body}, {0xffffffff80100000, code}}),
          "give the segment a physical one");
  refuses(make_elf(false, base, {{base, body}, {0x9f000, code, 0x1000}}), "not all RAM");
  refuses(make_elf(true, base, {{base, body}, {~u64{0} - 10, code, 100}}), "end of the address space");
  auto cut = make_elf(false, base, {{base, joined(body, std::vector<u8>(3000))}});
  cut.resize(1000);
  refuses(cut, "is cut short");
  auto headless = make_elf(false, base, {{base, body}});
  put<u32>(headless, 28, 0xfffffff0);
  refuses(headless, "program headers");
}

TEST_CASE("multiboot 2: an ELF with modules, and all it is told") {
  TestFile kernel("k", make_elf(false, base + 24, {{base, joined(multiboot2_header({}), code), 0x100}}));
  TestFile module("dom0", {1, 2, 3});
  TestMachine m;
  REQUIRE_MESSAGE(m.load(kernel.path(), "com1=115200", module.path() + " root=x"), m.error);
  check_flat_32(m);
  CHECK(m.cpu.gpr[RAX] == 0x36d76289);
  const u64 info = m.cpu.gpr[RBX];
  CHECK(info % 8 == 0);
  unsigned seen = 0;
  for (const InfoTag& t : info_tags(m, info)) {
    CHECK(t.at % 8 == 0);
    seen |= 1u << t.type;
    switch (t.type) {
      case 0: CHECK(t.at + 8 == info + m.at(info)); break;
      case 1: CHECK(m.string_at(t.at + 8) == "k com1=115200"); break;
      case 2: CHECK(m.string_at(t.at + 8) == "Ringside"); break;
      case 3:
        CHECK(m.at(t.at + 12) - m.at(t.at + 8) == 3);
        CHECK(m.at<u8>(m.at(t.at + 8) + 2) == 3);
        CHECK(m.string_at(t.at + 16) == "dom0 root=x");
        break;
      case 4: CHECK(m.at(t.at + 12) == 63 * 1024); break;
      case 6:
        CHECK(m.at(t.at + 8) == 24);
        CHECK((t.bytes - 16) / 24 == m.platform.memory_map.size());
        CHECK(m.at<u64>(t.at + 16 + 24) == m.platform.memory_map[1].base);
        break;
      case 14: CHECK(t.bytes == 28); break;
      case 15:
        CHECK(t.bytes == 44);
        CHECK(m.at<u64>(t.at + 8) == m.at<u64>(m.platform.rsdp));
        break;
      default: FAIL("a tag that nobody expects");
    }
  }
  CHECK(seen == 0xc05f);
  check_run(m, 0x36d76289);
}

TEST_CASE("multiboot 2: addresses, entry and relocation") {
  TestMachine m;
  SUBCASE("addresses and entry") {
    auto image =
        multiboot2_header(joined(tag(2, 0, {base, base, 0, base + 0x1000}), tag(3, 0, {base + 0x40})));
    image.resize(0x40);
    TestFile kernel("k", joined(image, code));
    REQUIRE_MESSAGE(m.load(kernel.path()), m.error);
    CHECK(m.cpu.rip == base + 0x40);
    check_run(m, 0x36d76289);
  }
  SUBCASE("the lowest place, the highest place, the linked place") {
    for (u32 preference : {0u, 1u, 2u}) {
      auto header = multiboot2_header(tag(10, 0, {0x400000, 0xffffff, 0x10000, preference}));
      TestFile kernel("k", make_elf(false, 0x680000 + 0x30, {{0x680000, joined(header, code), 0x3000}}));
      REQUIRE_MESSAGE(m.load(kernel.path()), m.error);
      const u64 at = preference == 0 ? 0x680000 : preference == 1 ? 0x400000 : 0xff0000;
      CHECK(m.cpu.rip == at + 0x30);
      CHECK(m.at(at) == 0xe85250d6);
      bool told = false;
      for (const InfoTag& t : info_tags(m, m.cpu.gpr[RBX]))
        if (t.type == 21) told = m.at(t.at + 8) == at;
      CHECK(told);
    }
  }
  SUBCASE("no place") {
    auto header = multiboot2_header(tag(10, 0, {0x400000, 0x400fff, 0x10000, 1}));
    TestFile kernel("k", make_elf(false, 0x680000, {{0x680000, joined(header, code), 0x3000}}));
    CHECK(!m.load(kernel.path()));
    CHECK(m.says("between 0x400000 and 0x400fff"));
  }
  SUBCASE("demands that cannot be met, and the same as wishes") {
    for (bool optional : {false, true}) {
      const u16 flags = optional ? 1 : 0;
      for (const auto& t : {tag(99, flags, {}), tag(1, flags, {1, 77})}) {
        auto header = multiboot2_header(t);
        const u32 entry = static_cast<u32>(base + header.size());
        TestFile kernel("k", make_elf(false, entry, {{base, joined(header, code)}}));
        CHECK(m.load(kernel.path()) == optional);
        if (!optional) CHECK_MESSAGE(m.says("optional"), m.error);
      }
    }
  }
}

TEST_CASE("PVH: the note's entry and the start information") {
  TestFile initrd("initrd", {9, 8, 7});
  for (bool bits64 : {false, true}) {
    TestFile kernel("vmlinux", make_elf(bits64, 0, {{base, code, 0x1000}, {0, pvh_note(base), 0, 4}}));
    TestMachine m;
    REQUIRE_MESSAGE(m.load(kernel.path(), "console=ttyS0", initrd.path() + " x"), m.error);
    CHECK(m.cpu.rip == base);
    check_flat_32(m);
    CHECK(m.cpu.segment[TR].limit == 0x67);
    CHECK((m.cpu.segment[TR].rights & 0x9f) == 0x8b);
    const u64 s = m.cpu.gpr[RBX];
    CHECK(m.at(s) == 0x336ec578);
    CHECK(m.at(s + 4) == 1);
    REQUIRE(m.at(s + 12) == 1);
    const u64 list = m.at<u64>(s + 16);
    CHECK(m.at<u8>(m.at<u64>(list)) == 9);
    CHECK(m.at<u64>(list + 8) == 3);
    CHECK(m.string_at(m.at<u64>(list + 16)) == "initrd x");
    CHECK(m.string_at(m.at<u64>(s + 24)) == "console=ttyS0");
    CHECK(m.at<u64>(s + 32) == m.platform.rsdp);
    REQUIRE(m.at(s + 48) == m.platform.memory_map.size());
    CHECK(m.at<u64>(m.at<u64>(s + 40) + 8) == m.platform.memory_map[0].bytes);
    check_run(m, 0);
  }
  TestFile astray("vmlinux", make_elf(false, 0, {{base, code}, {0, pvh_note(0x100), 0, 4}}));
  TestMachine m;
  CHECK(!m.load(astray.path()));
  CHECK(m.says("lies outside the kernel"));
}

TEST_CASE("a kernel that asks the BIOS hears that there is no such service, and goes on") {
  // Real-mode code at 0x1000: mov ax, 0xe820; int 0x15; setc [0x2000]; mov [0x2002], ax; int 8; hlt
  const std::vector<u8> real{0xb8, 0x20, 0xe8, 0xcd, 0x15, 0x0f, 0x92, 0x06,
                             0x00, 0x20, 0xa3, 0x02, 0x20, 0xcd, 0x08, 0xf4};
  TestFile kernel("k", make_elf(false, base, {{base, joined(multiboot1_header(3), code)}, {0x1000, real}}));
  TestMachine m;
  REQUIRE_MESSAGE(m.load(kernel.path()), m.error);
  m.cpu.reset(false);
  m.cpu.segment[CS].base = 0;
  m.cpu.segment[CS].selector = 0;
  m.cpu.rip = 0x1000;
  m.cpu.gpr[RSP] = 0x8000;
  m.cpu.update_mode();
  run(m.cpu, 40);
  CHECK(m.cpu.activity == Activity::hlt);
  CHECK(m.at<u8>(0x2000) == 1);
  CHECK(m.at<u16>(0x2002) == 0x8620);
}
