// Owns the fuzzing of whole machines: random code, tables, registers and modes. Nothing may crash, and a run
// in slices, by the other dispatcher, must end as a run in one go.
#include <cstdio>
#include <cstdlib>

#include "tests/fuzz/machines.h"

using namespace ringside;
using namespace ringside::fuzz;

namespace {

constexpr u64 pml4 = 0x1000, gdt = 0x4000, idt = 0x5000, tss = 0x6000, code = 0x10000, stack = 0x30000;

void flat(Cpu& cpu, SegReg reg, u16 selector, u32 rights) {
  load_segment(cpu, reg, selector, 0, rights & Rights::G ? 0xffffffff : 0xffff, rights);
}

// Tables that work, then spoilt by the input.
void write_tables(PhysicalMemory& memory, Input& in, bool wide) {
  const auto put = [&](u64 address, u64 value, unsigned size = 8) {
    memory.write(HostPhys(address), size, value);
  };
  put(pml4, 0x2007);
  put(0x2000, 0x3007);
  for (u64 n = 0; n < 8; ++n) put(0x3000 + 8 * n, n << 21 | 0x87);
  for (u64 n = 0; n < std::size(descriptors); ++n) put(gdt + 8 * n, descriptors[n]);
  put(tss + 4, stack);
  put(tss + 8, 0x10);
  for (u64 v = 0; v < 256; ++v) {
    const u64 target = code + 16 * (v & 31);
    const u64 gate =
        (target & 0xffff) | u64{wide ? 0x28u : 0x08u} << 16 | u64{0xee00} << 32 | target >> 16 << 48;
    put(idt + (wide ? 16 : 8) * v, gate);
  }
  for (unsigned n = in.take<u8>() % 8; n > 0; --n) {
    static constexpr u64 where[] = {pml4, 0x2000, 0x3000, gdt, idt, tss, gdt + 0x40, idt + 0x80};
    const u8 choice = in.take<u8>();
    put(where[choice & 7] + (choice >> 3) * 8, in.take<u64>());
  }
}

void set_up(Machine& machine, Input in) {
  Cpu& cpu = machine.cpu(0);
  const u8 mode = in.take<u8>();
  const bool real = mode % 4 == 0, wide = mode % 4 >= 2, compatible = mode % 4 == 3, user = mode & 0x10;
  write_tables(machine.memory(), in, wide);
  cpu.gdtr = {gdt, 0x7f};
  cpu.idtr = {real ? 0 : idt, 0xfff};
  if (!real) cpu.cr0 |= Cr0::PE;
  cpu.cr0 &= ~u64{0x60000000};
  cpu.cr0 |= in.take<u32>() & (Cr0::WP | Cr0::AM | Cr0::NE | Cr0::TS | Cr0::EM | Cr0::MP);
  cpu.cr4 |= in.take<u32>() & (Cr4::OSFXSR | Cr4::OSXMMEXCPT | Cr4::DE | Cr4::PGE | Cr4::PSE | Cr4::VME);
  if (mode & 0x20) cpu.cr4 |= Cr4::OSFXSR;
  if (wide) {
    cpu.cr4 |= Cr4::PAE;
    cpu.efer |= Efer::LME | Efer::LMA | Efer::SCE;
    cpu.cr0 |= Cr0::PG;
    cpu.cr3 = pml4;
  }
  const u32 level = !real && user ? 3 : 0, size = real ? 0 : Rights::G | Rights::DB;
  const bool bits64 = wide && !compatible;
  const u16 cs = bits64 ? (user ? 0x33 : 0x28) : user ? 0x1b : 0x08;
  flat(cpu, CS, real ? 0 : cs, 0x9b | level << 5 | (bits64 ? Rights::G | Rights::L : size));
  for (const SegReg reg : {ES, SS, DS, FS, GS})
    flat(cpu, reg, real ? 0 : user ? 0x23 : 0x10, 0x93 | level << 5 | size);
  if (!real) {
    load_segment(cpu, TR, 0x38, tss, 0xfff, 0x8b);
  }
  for (u64& r : cpu.gpr) {
    const u8 kind = in.take<u8>();
    r = kind & 1 ? in.take<u64>() : code + kind * 0x40;
  }
  if (mode & 0x40) cpu.gpr[RSP] = stack;
  cpu.system_flags = 0;
  cpu.cpl = static_cast<u8>(level);
  cpu.update_mode();
  cpu.update_translation();
  cpu.update_privilege();
  cpu.set_eflags(in.take<u32>(),
                 Eflags::IF | Eflags::TF | Eflags::AC | Eflags::NT | Eflags::IOPL | Eflags::DF);
  for (u64& r : cpu.dr) r = code + in.take<u8>() * 8;
  if (mode & 0x80) cpu.dr7 |= in.take<u32>() & 0xffff00ff;
  cpu.update_debug();
  cpu.rip = cpu.next_rip = real ? 0x7c00 : code;
  const std::size_t room = std::min<std::size_t>(in.size, 0x4000);
  if (room) machine.memory().write_block(HostPhys(cpu.rip), in.data, room);
}

MachineConfig config(Dispatcher dispatcher) {
  MachineConfig config;
  config.dispatcher = dispatcher;
  std::string error;
  config.model = *parse_cpu_model("max", error);
  config.ram_bytes = 1 << 20;
  return config;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
  static Fresh first(config(Dispatcher::reference)), second(config(Dispatcher::emitted));
  const Input in{data, size};
  constexpr u64 compared = 600, length = 1'500;
  Machine& one = first.again();
  set_up(one, in);
  if (!run_to(one, compared, whole)) return 0;
  Machine& sliced = second.again();
  set_up(sliced, in);
  if (!run_to(sliced, compared, small_slices())) return 0;
  if (one.retired() != sliced.retired() || one.state_hash() != sliced.state_hash() ||
      one.save_without_ram() != sliced.save_without_ram()) {
    std::fprintf(stderr, "a run in slices ended elsewhere\n");
    std::abort();
  }
  run_to(one, length, whole);
  return 0;
}
