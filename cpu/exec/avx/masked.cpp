// Owns the memory accesses of masked loads and stores and of gathers.
#include "cpu/exec/avx/masked.h"

namespace ringside {
namespace {

u64 inside_address_size(const Op& op, u64 offset) {
  if (op.attrs & OpAttr::address16) return offset & 0xffff;
  if (op.attrs & OpAttr::address32) return offset & 0xffffffff;
  return offset;
}
SegReg segment_of(const Op& op) { return static_cast<SegReg>(op.seg); }

// Little-endian: the sign bit is in the last byte.
bool chosen(const u8* mask, unsigned element, unsigned i) { return mask[element * i + element - 1] & 0x80; }

bool load_element(Cpu& cpu, const Op& op, u64 offset, unsigned element, u64& value) {
  u64 linear;
  if (!linearize(cpu, segment_of(op), offset, element, AccessKind::read, linear)) return false;
  if (element == 8) return load(cpu, linear, value, segment_of(op));
  u32 narrow;
  if (!load(cpu, linear, narrow, segment_of(op))) return false;
  value = narrow;
  return true;
}

}  // namespace

bool load_elements(Cpu& cpu, const Op& op, const u8* mask, u8* values, unsigned element, unsigned count) {
  // As of any operand, the first byte's offset has the address size; those behind it do not wrap.
  const u64 from = effective_address<Legacy>(cpu, op);
  for (unsigned i = 0; i < count; ++i) {
    u64 value = 0;
    if (chosen(mask, element, i) && !load_element(cpu, op, from + element * i, element, value)) return false;
    std::memcpy(values + element * i, &value, element);
  }
  return true;
}

bool store_elements(Cpu& cpu, const Op& op, const u8* mask, const u8* values, unsigned element,
                    unsigned count) {
  const u64 to = effective_address<Legacy>(cpu, op);
  const SegReg seg = segment_of(op);
  std::array<u64, 8> linear;
  for (unsigned i = 0; i < count; ++i) {
    if (!chosen(mask, element, i)) continue;
    if (!linearize(cpu, seg, to + element * i, element, AccessKind::write, linear[i]) ||
        !probe_write(cpu, linear[i], element, seg))
      return false;
  }
  for (unsigned i = 0; i < count; ++i) {
    if (!chosen(mask, element, i)) continue;
    u64 value = 0;
    std::memcpy(&value, values + element * i, element);
    if (element == 8 ? !store(cpu, linear[i], value, seg)
                     : !store(cpu, linear[i], static_cast<u32>(value), seg))
      return false;
  }
  return true;
}

bool gather(Cpu& cpu, const Op& op, GatherShape shape) {
  using Register = Vec<0, V256>;
  const auto index = bits_as<std::array<u8, 32>>(Register::of(cpu, op.index));
  auto mask = bits_as<std::array<u8, 32>>(Register::of(cpu, op.r2));
  auto result = bits_as<std::array<u8, 32>>(Register::of(cpu, op.r0));
  const auto keep = [&cpu](u8 number, const std::array<u8, 32>& bytes) {
    const V256 value = bits_as<V256>(bytes);
    cpu.vector.xmm[number] = value.low;
    cpu.vector.upper[number] = value.high;
  };
  const u64 base = cpu.reg<u64>(op.base) + static_cast<u64>(s64{op.disp});
  for (unsigned i = 0; i < shape.count; ++i) {
    if (!chosen(mask.data(), shape.element, i)) continue;
    s64 distance;
    if (shape.index == 8) {
      std::memcpy(&distance, &index[8 * i], 8);
    } else {
      s32 narrow;
      std::memcpy(&narrow, &index[4 * i], 4);
      distance = narrow;
    }
    u64 value;
    const u64 offset = inside_address_size(op, base + (static_cast<u64>(distance) << op.scale));
    if (!load_element(cpu, op, offset, shape.element, value)) {
      keep(op.r0, result);
      keep(op.r2, mask);
      return false;
    }
    std::memcpy(&result[shape.element * i], &value, shape.element);
    std::memset(&mask[shape.element * i], 0, shape.element);
  }
  // What lies above the elements is cleared; the mask is, too.
  const unsigned bytes = shape.element * shape.count;
  std::memset(&result[bytes], 0, 32 - bytes);
  keep(op.r0, result);
  keep(op.r2, {});
  return true;
}

}  // namespace ringside
