// Owns the images of the x87 environment and registers in memory.
#include "cpu/exec/x87/bodies_control.h"

namespace ringside::x87 {

namespace {

void put16(u8* at, u16 value) { std::memcpy(at, &value, 2); }
void put32(u8* at, u32 value) { std::memcpy(at, &value, 4); }
u16 get16(const u8* at) {
  u16 value;
  std::memcpy(&value, at, 2);
  return value;
}
u32 get32(const u8* at) {
  u32 value;
  std::memcpy(&value, at, 4);
  return value;
}

bool short_image(const Op& op) { return (op.attrs & OpAttr::operand16) != 0; }

// The full tag word from the contents of the registers: 0 valid, 1 zero, 2 special, 3 empty, by physical
// number.
u16 tag_word(const X87State& x87) {
  unsigned tags = 0;
  for (unsigned n = 0; n < 8; ++n) {
    const Float80 value{x87.physical[n].significand, x87.physical[n].sign_exponent};
    unsigned tag = 2;
    if ((x87.valid >> n & 1) == 0) {
      tag = 3;
    } else if (value.is_zero()) {
      tag = 1;
    } else if (value.is_normal()) {
      tag = 0;
    }
    tags |= tag << (2 * n);
  }
  return static_cast<u16>(tags);
}

}  // namespace

unsigned environment_bytes(const Op& op) { return short_image(op) ? 14 : 28; }

void store_environment(const Cpu& cpu, const Op& op, u8* image) {
  const X87State& x87 = cpu.x87;
  const bool no_selectors = cpu.model != nullptr && cpu.model->has(Flag::zero_fcs_fds);
  const u16 code = no_selectors ? 0 : x87.code_selector;
  const u16 data = no_selectors ? 0 : x87.data_selector;
  // Real and virtual-8086 mode have linear addresses of 20 bits or more instead of selectors.
  const bool linear = !cpu.mode.protected_mode;
  const u32 code_pointer = static_cast<u32>(x87.instruction_pointer + (linear ? u32{code} << 4 : 0));
  const u32 data_pointer = static_cast<u32>(x87.data_pointer + (linear ? u32{data} << 4 : 0));
  if (short_image(op)) {
    put16(image, x87.control);
    put16(image + 2, x87.status_word());
    put16(image + 4, tag_word(x87));
    put16(image + 6, static_cast<u16>(code_pointer));
    put16(image + 8, linear ? static_cast<u16>((code_pointer >> 16 & 15) << 12 | x87.opcode) : code);
    put16(image + 10, static_cast<u16>(data_pointer));
    put16(image + 12, linear ? static_cast<u16>((data_pointer >> 16 & 15) << 12) : data);
    return;
  }
  constexpr u32 reserved = 0xffff0000;
  put32(image, reserved | x87.control);
  put32(image + 4, reserved | x87.status_word());
  put32(image + 8, reserved | tag_word(x87));
  if (linear) {
    put32(image + 12, reserved | (code_pointer & 0xffff));
    put32(image + 16, code_pointer >> 16 << 12 | x87.opcode);
    put32(image + 20, reserved | (data_pointer & 0xffff));
    put32(image + 24, data_pointer >> 16 << 12);
  } else {
    put32(image + 12, code_pointer);
    put32(image + 16, static_cast<u32>(x87.opcode) << 16 | code);
    put32(image + 20, data_pointer);
    put32(image + 24, reserved | data);
  }
}

void load_environment(Cpu& cpu, const Op& op, const u8* image) {
  X87State& x87 = cpu.x87;
  const bool narrow = short_image(op);
  const unsigned step = narrow ? 2 : 4;
  x87.control = control_word(get16(image));
  const u16 status = get16(image + step);
  const u16 tags = get16(image + 2 * step);
  x87.status = static_cast<u16>(status & ~0x3800);
  x87.top = static_cast<u8>(status >> 11 & 7);
  x87.valid = 0;
  for (unsigned n = 0; n < 8; ++n)
    if ((tags >> (2 * n) & 3) != 3) x87.valid = static_cast<u8>(x87.valid | 1u << n);
  if (cpu.mode.protected_mode) {
    x87.code_selector = get16(image + (narrow ? 8 : 16));
    x87.data_selector = get16(image + (narrow ? 12 : 24));
    x87.instruction_pointer = narrow ? get16(image + 6) : get32(image + 12);
    x87.data_pointer = narrow ? get16(image + 10) : get32(image + 20);
    if (!narrow) x87.opcode = get16(image + 18) & 0x7ff;
  } else {
    const u32 code_high = narrow ? get16(image + 8) : get32(image + 16);
    const u32 data_high = narrow ? get16(image + 12) : get32(image + 24);
    x87.code_selector = 0;
    x87.data_selector = 0;
    x87.instruction_pointer = get16(image + 3 * step) | code_high >> 12 << 16;
    x87.data_pointer = get16(image + 5 * step) | data_high >> 12 << 16;
    x87.opcode = code_high & 0x7ff;
  }
  update_error_summary(cpu);
}

void store_registers(const Cpu& cpu, u8* image) {
  for (unsigned i = 0; i < 8; ++i) {
    const Float80 value = st(cpu, i);
    std::memcpy(image + 10 * i, &value.significand, 8);
    put16(image + 10 * i + 8, value.sign_exponent);
  }
}

void load_registers(Cpu& cpu, const u8* image) {
  for (unsigned i = 0; i < 8; ++i) {
    X87Register& r = cpu.x87.physical[physical(cpu, i)];
    std::memcpy(&r.significand, image + 10 * i, 8);
    r.sign_exponent = get16(image + 10 * i + 8);
  }
}

void initialize(Cpu& cpu) {
  X87State& x87 = cpu.x87;
  x87.control = 0x37f;
  x87.status = 0;
  x87.top = 0;
  x87.valid = 0;
  x87.opcode = 0;
  x87.code_selector = 0;
  x87.data_selector = 0;
  x87.instruction_pointer = 0;
  x87.data_pointer = 0;
  cpu.set_ferr(false);
}

}  // namespace ringside::x87
