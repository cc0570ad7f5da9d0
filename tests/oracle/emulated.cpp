// Owns the emulated half of the oracle tests.
#include "tests/oracle/emulated.h"

#include "cpu/exec/dispatch.h"

namespace oracle {
namespace {

constexpr u64 tables = 0x1000;  // four pages: PML4, PDPT, page directory, page table

const Op* stop(Cpu& cpu, const Op*) {
  cpu.left = Left::boundary;
  cpu.rip = cpu.next_rip;
  return nullptr;
}
const Op* end(Cpu&, const Op*) { return nullptr; }

}  // namespace

CpuModel Emulated::everything() {
  std::string error;
  CpuModel model = *parse_cpu_model(default_cpu_model, error);
  model.features.set();
  return model;
}

Emulated::Emulated() {
  memory_.add_ram(HostPhys(0), 0x10000, "low");
  memory_.add_ram(HostPhys(data_base & ~u64{0x1fffff}), 0x200000, "data");
  constexpr u64 present = 7;
  memory_.write(HostPhys(tables), 8, (tables + 0x1000) | present);
  memory_.write(HostPhys(tables + 0x1000), 8, (tables + 0x2000) | present);
  memory_.write(HostPhys(tables + 0x2000 + 8 * (data_base >> 21)), 8, (tables + 0x3000) | present);
  for (u64 page = data_base; page < data_base + data_bytes; page += 0x1000)
    memory_.write(HostPhys(tables + 0x3000 + 8 * (page >> 12 & 511)), 8, page | present);
  cpu_.model = &model_;
  cpu_.engine = &engine_;
  cpu_.reset(false);
  cpu_.cr0 = Cr0::PE | Cr0::PG | Cr0::ET | Cr0::NE | Cr0::WP;
  cpu_.cr4 = Cr4::PAE | Cr4::OSFXSR | Cr4::OSXMMEXCPT;
  cpu_.cr3 = tables;
  cpu_.efer = Efer::LME | Efer::LMA;
  constexpr u32 user = 3 << 5;
  cpu_.segment[CS].rights = 0xb | user | Rights::S | Rights::P | Rights::L | Rights::G;
  for (const SegReg s : {ES, SS, DS, FS, GS}) {
    cpu_.segment[s].selector = 0;
    cpu_.segment[s].rights = 3 | user | Rights::S | Rights::P | Rights::DB | Rights::G;
    cpu_.segment[s].limit = ~u32{0};
    cpu_.segment[s].base = 0;
  }
  for (Segment& s : cpu_.segment) s.update();
  cpu_.set_cpl(3);
  engine_.exit.op.handler = end;
  cpu_.update_mode();
  cpu_.update_translation();
  cpu_.update_privilege();
}

bool Emulated::lowers(std::span<const u8> instruction) const {
  Lowered lowered;
  return decoder_.lower(instruction.data(), static_cast<unsigned>(instruction.size()), 64, false, code_offset,
                        lowered) == DecodeStatus::ok;
}

Outcome Emulated::run(std::span<const u8> instruction, const Registers& in) {
  Outcome out;
  out.registers = in;
  Lowered lowered;
  if (decoder_.lower(instruction.data(), static_cast<unsigned>(instruction.size()), 64, false, code_offset,
                     lowered) != DecodeStatus::ok) {
    out.trapped = true;
    return out;
  }
  const Handlers& handlers = all_handlers()[lowered.op.row];
  const Handler handler = (lowered.checked ? handlers.checked : handlers.fast)[lowered.op.variant];
  if (!handler) {
    out.trapped = true;
    return out;
  }
  Op ops[1 + link_records];
  ops[0] = lowered.op;
  ops[0].handler = handler;
  ops[0].left = 1;
  if (lowered.kind == Kind::conditional || lowered.kind == Kind::direct)
    new (&ops[1]) LinkSlots();
  else
    ops[1].handler = stop;
  cpu_.gpr = in.gpr;
  cpu_.flags.set_image(in.flags);
  cpu_.system_flags = in.flags & ~(Eflags::arithmetic | Eflags::reserved_one);
  cpu_.rip_base = code_page;
  const u64 after = code_at + lowered.op.length;
  for (;;) {
    cpu_.left = Left::fault;
    cpu_.next_rip = after;
    const Op* op = ops;
    while (op) op = op->handler(cpu_, op);
    cpu_.alone = false;
    if (cpu_.left == Left::alone) {
      cpu_.alone = true;
      continue;
    }
    if (cpu_.left == Left::fault) {
      out.trapped = true;
      out.fault = cpu_.fault;
      break;
    }
    // A repeated string instruction that has more to do points to itself.
    if (cpu_.rip != code_at) break;
  }
  out.rip = cpu_.rip;
  out.registers.gpr = cpu_.gpr;
  out.registers.flags = cpu_.eflags();
  return out;
}

}  // namespace oracle
