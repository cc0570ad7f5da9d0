// Owns what the descriptor-table and invalidation instructions do with their memory operand.
#include "cpu/exec/system/table_registers.h"

namespace ringside {

bool store_pseudo_descriptor(Cpu& cpu, const Op& op, u64 linear, const Cpu::Table& table) {
  u8 image[10];
  const u16 limit = static_cast<u16>(table.limit);
  std::memcpy(image, &limit, 2);
  std::memcpy(image + 2, &table.base, 8);
  return store_bytes(cpu, linear, image, pseudo_descriptor_bytes(cpu), static_cast<SegReg>(op.seg));
}

bool load_pseudo_descriptor(Cpu& cpu, const Op& op, u64 linear, Cpu::Table& table) {
  u8 image[10] = {};
  if (!load_bytes(cpu, linear, image, pseudo_descriptor_bytes(cpu), static_cast<SegReg>(op.seg)))
    return false;
  u16 limit;
  u64 base;
  std::memcpy(&limit, image, 2);
  std::memcpy(&base, image + 2, 8);
  if (cpu.mode.bits64) {
    if (!canonical_for_cpu(cpu, base)) return fail(cpu, Vector::GP);
  } else if (op.size == 2) {
    base &= 0xffffff;
  }
  table = {base, limit};
  return true;
}

bool invalidate_by_descriptor(Cpu& cpu, u64 type, const V128& descriptor) {
  const u64 pcid = descriptor.q[0], address = descriptor.q[1];
  enum : u64 { one_address = 0, one_context = 1 };
  if (pcid >> 12) return fail(cpu, Vector::GP);
  if (type <= one_context && pcid != 0 && !(cpu.cr4 & Cr4::PCIDE)) return fail(cpu, Vector::GP);
  if (type == one_address && !canonical_for_cpu(cpu, address)) return fail(cpu, Vector::GP);
  cpu.mmu.invpcid(static_cast<unsigned>(type), static_cast<u16>(pcid), LinAddr(address));
  return true;
}

}  // namespace ringside
