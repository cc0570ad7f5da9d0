// Owns the tests of the debugger's eyes: the visor and its guest at chosen moments, in words.
#include "devices/apic/io_apic.h"
#include "devices/apic/local_apic.h"
#include "frontend/inspect/disassembly.h"
#include "frontend/inspect/look_memory.h"
#include "frontend/inspect/look_paging.h"
#include "frontend/inspect/look_platform.h"
#include "frontend/inspect/look_registers.h"
#include "frontend/inspect/look_tables.h"
#include "frontend/inspect/where.h"
#include "frontend/render/sheet_text.h"
#include "tests/debug/visor_machine.h"

using namespace ringside;

TEST_CASE("one line says where a CPU is, in every world") {
  VisorMachine m;
  CHECK(where_line(m.cpu()) == "CPU 0, VMX off, ring 0, real mode, f000:fff0 at 0xfffffff0");
  REQUIRE(m.to_symbol("start.protected"));
  CHECK(has(where_line(m.cpu(), &m.symbols), "VMX off, ring 0, protected mode, 0xf"));
  REQUIRE(m.to_symbol("run_guest"));
  CHECK(has(where_line(m.cpu(), &m.symbols), "CPU 0, root (VMCS 0xa000), ring 0, 64-bit mode, 0xf"));
  CHECK(has(where_line(m.cpu(), &m.symbols), " <run_guest>, visor/run.inc:"));
  REQUIRE(m.into_guest());
  CHECK(has(where_line(m.cpu(), &m.symbols), "CPU 0, guest of VMCS 0xa000, ring 0, 64-bit mode, 0xf"));
  CHECK(has(where_line(m.cpu(), &m.symbols), " <guest_start>, visor/guest.inc:"));
  m.cpu().activity = Activity::hlt;
  CHECK(has(where_line(m.cpu()), ", halted, "));
}

TEST_CASE("registers with the names of their bits, segments with what is hidden") {
  VisorMachine m;
  REQUIRE(m.to_symbol("run_guest"));
  const std::string text = ringside::text(registers_sheet(m.cpu(), &m.symbols));
  CHECK(has(text, "<run_guest (visor/run.inc:"));
  CHECK(has(text, "PE ET NE PG\n"));
  CHECK(has(text, "paging 4-level"));
  CHECK(has(text, "EFER 0000000000000500  LME LMA\n"));
  CHECK(has(text,
            "CS   0018 0000000000000000  ffffffff  0a09b  code, execute/read, 64-bit, accessed, DPL 0\n"));
  CHECK(has(text, "64-bit mode, CPL 0\n"));
  CHECK(bits_of(Field::GUEST_CR0, bit(0) | bit(7)) == "PE bit7");
  CHECK(bits_of(Field::GUEST_RFLAGS, 0x3246) == "PF ZF IF IOPL=3");
  CHECK(rights_text(Rights::unusable) == "unusable");
  CHECK(rights_text(0x13, false) == "data, read/write, accessed, DPL 0, not present");
  CHECK(rights_text(0xe9, false) == "32-bit TSS, DPL 3");
  CHECK(has(ringside::text(msrs_sheet(m.cpu())), "IA32_PAT "));
}

TEST_CASE("x87 values are told for people, whatever the bits are") {
  VisorMachine m;
  Cpu& cpu = m.cpu();
  cpu.x87.control = 0x37f;
  cpu.x87.valid = 0xff;
  constexpr X87Register values[8] = {{bit(63), 0x3fff},
                                     {bit(63) | bit(62), 0xc000},
                                     {0, 0},
                                     {bit(63), 0x7fff},
                                     {bit(63) | bit(62), 0x7fff},
                                     {1, 0x4000},
                                     {bit(63) | bit(61), 0x7fff},
                                     {bit(63), 0x7ffe}};
  for (unsigned n = 0; n < 8; ++n) cpu.x87.physical[n] = values[n];
  const std::string text = ringside::text(x87_sheet(cpu));
  for (const char* part : {"  +1\n", "  -3\n", "  +0\n", "  +infinity\n", "  QNaN\n", "  unsupported\n",
                           "  SNaN\n", "  +2^16383 * 1.000000\n", "precision 64 bits, rounding nearest"})
    CHECK_MESSAGE(has(text, part), part << text);
  cpu.x87.valid = 0;
  CHECK(has(ringside::text(x87_sheet(cpu)), "empty"));
  cpu.vector.xmm[3].q[0] = 0x1234;
  CHECK(has(ringside::text(vector_sheet(cpu)), "XMM3  0000000000000000_0000000000001234\n"));
}

TEST_CASE("memory through every kind of address, and what cannot be read says why") {
  VisorMachine m;
  std::string why;
  CHECK_FALSE(locate(m.cpu(), AddressSpace::guest_physical, 0x1000, &why).has_value());
  CHECK(why == "there is no guest: the CPU has no current VMCS");
  REQUIRE(m.to_exit(ExitReason::ept_violation));
  const u64 code = *m.symbols.address("guest_start");
  for (const AddressSpace space : {AddressSpace::linear, AddressSpace::guest_linear,
                                   AddressSpace::guest_physical, AddressSpace::host_physical})
    CHECK(locate(m.cpu(), space, code) == HostPhys(code));
  const u64 refused = m.vmcs()[Field::GUEST_PHYSICAL_ADDRESS];
  CHECK(locate(m.cpu(), AddressSpace::linear, refused).has_value());
  CHECK_FALSE(locate(m.cpu(), AddressSpace::guest_linear, refused, &why).has_value());
  CHECK(has(why, "EPT violation: EPT PTE at 0x"));
  u8 bytes[32];
  CHECK(peek(m.cpu(), AddressSpace::guest_linear, refused - 16, bytes) == 16);
  CHECK(has(ringside::text(memory_sheet(m.cpu(), AddressSpace::guest_linear, refused - 16, 32, 1)),
            "EPT violation"));
  CHECK(has(ringside::text(memory_sheet(m.cpu(), AddressSpace::linear, u64{1} << 40, 1, 8)), "#PF: "));
  CHECK(has(ringside::text(memory_sheet(m.cpu(), AddressSpace::linear, u64{1} << 47, 1, 8)), "#GP: "));
  CHECK(ringside::text(memory_sheet(m.cpu(), AddressSpace::linear, 0, 1, 3)) ==
        "words have 1, 2, 4 or 8 bytes\n");
  // At the end of the address space.
  CHECK(peek(m.cpu(), AddressSpace::linear, ~u64{0}, bytes) <= 1);
  const u8 in[3] = {1, 2, 3};
  CHECK(poke(m.cpu(), AddressSpace::linear, 0x7ffe, in) == 3);
  CHECK(peek_word(m.cpu(), AddressSpace::host_physical, 0x7ffe, 2) == 0x201);
  CHECK(poke(m.cpu(), AddressSpace::host_physical, 0xfffffff0, in) == 0);
  CHECK_FALSE(peek_word(m.cpu(), AddressSpace::linear, 0, 9).has_value());
}

TEST_CASE("disassembly follows the CPU's mode and names what code refers to") {
  VisorMachine m;
  const auto first = next_instruction(m.cpu(), &m.symbols);
  CHECK(first.mnemonic == "ljmp");
  CHECK(first.ends_straight_line);
  CHECK(first.address == 0xfffffff0);
  REQUIRE(m.to_symbol("main"));
  const std::string text = ringside::text(disassembly_sheet(m.cpu(), &m.symbols, 80));
  CHECK(text.starts_with("main:\n=> 0x"));
  CHECK(has(text, "<enable_vmx>"));
  CHECK(has(text, "<make_vmcs>"));
  REQUIRE(m.to_exit(ExitReason::vmcall));
  CHECK(has(ringside::text(disassembly_sheet(m.cpu(), &m.symbols, 1, m.vmcs()[Field::GUEST_RIP])), "vmcall"));
  const ReadCode few = [](u64, std::span<u8> bytes) {
    bytes[0] = 0x0f;
    return std::size_t{1};
  };
  const ReadCode none = [](u64, std::span<u8>) { return std::size_t{0}; };
  CHECK(disassemble(few, 0, 2, {})[1].mnemonic == "(bad)");
  CHECK(disassemble(few, 0, 2, {})[1].address == 1);
  CHECK(disassemble(none, 0, 2, {}).size() == 1);
  // The same bytes in three modes: dec eax; a 16-bit or 32-bit operand; a REX prefix.
  const ReadCode same = [](u64 at, std::span<u8> bytes) {
    constexpr u8 code[] = {0x48, 0xb8, 1, 0, 0, 0, 0, 0, 0, 0};
    std::size_t n = 0;
    for (; at + n < sizeof code && n < bytes.size(); ++n) bytes[n] = code[at + n];
    return n;
  };
  CHECK(disassemble(same, 0, 1, {.bits = 64})[0].mnemonic == "movabs");
  CHECK(disassemble(same, 0, 2, {.bits = 32})[0].operands == "eax");
  CHECK(disassemble(same, 0, 2, {.bits = 16})[1].bytes.size() == 3);
}

TEST_CASE("tables, mapped ranges and the platform") {
  VisorMachine m;
  CHECK(ringside::text(sheet(mapped_pages(m.cpu()), "pages")) ==
        "paging is off: linear addresses are physical\n");
  CHECK(ringside::text(sheet(mapped_ept(m.cpu()), "ept")) == "there is no current VMCS\n");
  CHECK(has(ringside::text(idt_sheet(m.cpu())), "interrupt vectors at 0x0"));
  CHECK(ringside::text(ldt_sheet(m.cpu())) == "no LDT is loaded\n");
  REQUIRE(m.into_guest());
  const std::string gdt = ringside::text(gdt_sheet(m.cpu()));
  CHECK(has(gdt, "  0018  base 0x0, limit 0xffffffff  code, execute/read, 64-bit, accessed, DPL 0\n"));
  CHECK(has(gdt, "  0020  base 0x0, limit 0x67  busy 64-bit TSS, DPL 0\n"));
  CHECK(has(ringside::text(tss_sheet(m.cpu())), "IST1 "));
  const MappedRanges pages = mapped_pages(m.cpu());
  REQUIRE(pages.ranges.size() == 1);
  CHECK(pages.ranges[0].bytes == u64{4} << 30);
  CHECK(pages.ranges[0].page_size == 2 << 20);
  CHECK(pages.ranges[0].rights == "rwx supervisor");
  const MappedRanges ept = mapped_ept(m.cpu());
  REQUIRE(ept.ranges.size() == 4);
  CHECK(ept.ranges[0].smallest_page == page_bytes);
  CHECK(ept.ranges[1].rights == "-w- WB");
  CHECK(has(ringside::text(sheet(ept, "ept")), "pages of 4K to 2M  rwx WB\n"));
  CHECK(mapped_ept(m.cpu(), 0, 2).cut);
  CHECK(mapped_ept(m.cpu(), ept.ranges[3].first, 10).ranges.size() == 1);
  CHECK(has(ringside::text(sheet(mapped_ept(m.cpu(), 7, 0, 10), "ept")), "is no EPT pointer"));
  m.cpu().gdtr = {0x6000, 0xffff};
  for (unsigned n = 0; n < 200; ++n)
    m.machine->memory().write(HostPhys(0x6000 + 8 * n), 8, 0x00cf93000000ffff);
  CHECK(has(ringside::text(gdt_sheet(m.cpu())), "... not shown: "));
  m.cpu().gdtr.base = u64{1} << 40;
  CHECK(has(ringside::text(gdt_sheet(m.cpu())), "cannot be read: "));
  CHECK(has(ringside::text(mtrr_sheet(m.cpu())), "PAT      0=WB"));
  CHECK(has(ringside::text(local_apic_sheet(m.machine->local_apic(0))), "local APIC 0x0: xAPIC mode"));
  CHECK(
      has(ringside::text(io_apic_sheet(m.machine->io_apic())), "\n  23  0000000000010000  vector 00, fixed"));
  CHECK(has(ringside::text(memory_map_sheet(m.machine->memory())), "ROM   bios\n"));
}

// Page tables that point at themselves, and random ones: an answer in finite time.
TEST_CASE("listings of hostile paging structures end") {
  VisorMachine m;
  REQUIRE(m.into_guest());
  PhysicalMemory& memory = m.machine->memory();
  for (unsigned n = 0; n < 512; ++n) memory.write(HostPhys(0x10000 + 8 * n), 8, 0x10003);
  CHECK(mapped_pages(m.cpu(), 0, 100).ranges.size() <= 100);
  for (unsigned n = 0; n < 512; ++n) memory.write(HostPhys(0x20000 + 8 * n), 8, 0x20007);
  CHECK(mapped_ept(m.cpu(), 0, 100).ranges.size() <= 100);
  u64 random = 7;
  for (unsigned n = 0; n < 512; ++n) {
    random = random * 6364136223846793005 + 1442695040888963407;
    memory.write(HostPhys(0x10000 + 8 * n), 8, random);
    memory.write(HostPhys(0x20000 + 8 * n), 8, ~random);
  }
  for (const u64 cr4 : {m.cpu().cr4, m.cpu().cr4 | Cr4::LA57}) {
    m.cpu().cr4 = cr4;
    CHECK_FALSE(ringside::text(sheet(mapped_pages(m.cpu(), 0, 100), "pages")).empty());
  }
  CHECK_FALSE(ringside::text(sheet(mapped_ept(m.cpu(), 0, 100), "ept")).empty());
  CHECK_FALSE(ringside::text(walk_sheet(m.cpu(), 0x1234)).empty());
}
