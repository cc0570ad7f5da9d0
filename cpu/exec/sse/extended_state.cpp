// Owns the memory images of x87, SSE, AVX and PKRU state, and the rules of saving and restoring them.
#include "cpu/exec/sse/extended_state.h"

#include <algorithm>

namespace ringside {
namespace {

constexpr unsigned legacy_bytes = xsave_area::legacy_bytes, header_at = legacy_bytes;
constexpr unsigned legacy_and_header = legacy_bytes + xsave_area::header_bytes;
constexpr unsigned mxcsr_at = 24, registers_at = 32, xmm_at = 160, pointers_end = 24;
constexpr u64 compact = u64{1} << 63;

// Components beyond the legacy region, in the order of the compacted form.
struct Component {
  u64 bit;
  unsigned offset, bytes;  // in the standard form
};
constexpr Component extended[] = {{Xcr0::avx, xsave_area::avx_offset, xsave_area::avx_bytes},
                                  {Xcr0::pkru, xsave_area::pkru_offset, xsave_area::pkru_bytes}};

template <class T>
void put(u8* at, T value) {
  std::memcpy(at, &value, sizeof value);
}
template <class T>
T get(const u8* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

// Bytes 0 to 23 and 32 to 159 of the image.
void put_x87(const X87State& x87, bool wide, u8* image) {
  put(image, x87.control);
  put(image + 2, x87.status_word());
  put(image + 4, x87.valid);
  put(image + 5, u8{0});
  put(image + 6, x87.opcode);
  put(image + 8, x87.instruction_pointer);
  put(image + 16, x87.data_pointer);
  if (!wide) {
    put(image + 12, u32{x87.code_selector});
    put(image + 20, u32{x87.data_selector});
  }
  for (unsigned i = 0; i < 8; ++i) {
    const X87Register& r = x87.physical[(x87.top + i) & 7];
    put(image + registers_at + 16 * i, r.significand);
    put(image + registers_at + 16 * i + 8, u64{r.sign_exponent});
  }
}
void get_x87(X87State& x87, bool wide, const u8* image) {
  constexpr u16 top = 0x3800, summary = 0x8080, exceptions = 0x3f, reserved_control = 0xe080;
  const u16 status = get<u16>(image + 2);
  x87.control = static_cast<u16>((get<u16>(image) & ~reserved_control) | 0x40);
  x87.top = (status & top) >> 11;
  // ES and B say whether an exception is unmasked, whatever the image says.
  const bool pending = status & ~x87.control & exceptions;
  x87.status = static_cast<u16>((status & ~(top | summary)) | (pending ? summary : 0));
  x87.valid = image[4];
  x87.opcode = get<u16>(image + 6) & 0x7ff;
  if (wide) {
    x87.instruction_pointer = get<u64>(image + 8);
    x87.data_pointer = get<u64>(image + 16);
    x87.code_selector = x87.data_selector = 0;
  } else {
    x87.instruction_pointer = get<u32>(image + 8);
    x87.data_pointer = get<u32>(image + 16);
    x87.code_selector = get<u16>(image + 12);
    x87.data_selector = get<u16>(image + 20);
  }
  for (unsigned i = 0; i < 8; ++i) {
    const u8* at = image + registers_at + 16 * i;
    x87.physical[(x87.top + i) & 7] = {get<u64>(at), get<u16>(at + 8)};
  }
}

// Outside 64-bit mode XMM8 to XMM15 are neither saved nor restored.
unsigned xmm_count(const Cpu& cpu) { return cpu.mode.bits64 ? 16 : 8; }

bool misaligned(Cpu& cpu, u64 linear, unsigned bytes) {
  if ((linear & (bytes - 1)) == 0) return false;
  cpu.raise(Vector::GP, 0);
  return true;
}
bool general_protection(Cpu& cpu) {
  cpu.raise(Vector::GP, 0);
  return false;
}
SegReg segment_of(const Op& op) { return static_cast<SegReg>(op.seg); }

bool is_initial(const X87State& x87) {
  for (const X87Register& r : x87.physical) {
    if (r.significand | r.sign_exponent) return false;
  }
  return x87.control == 0x37f &&
         !(x87.status | x87.top | x87.valid | x87.opcode | x87.code_selector | x87.data_selector) &&
         !(x87.instruction_pointer | x87.data_pointer);
}
bool is_initial(const std::array<V128, 16>& registers) {
  u64 any = 0;
  for (const V128& v : registers) any |= v.q[0] | v.q[1];
  return any == 0;
}
// As FNINIT, and the registers are cleared too.
void initialise(X87State& x87) { x87 = X87State{}; }

}  // namespace

u64 components_in_use(const Cpu& cpu) {
  const bool sse = cpu.vector.mxcsr != Mxcsr::initial || !is_initial(cpu.vector.xmm);
  return (is_initial(cpu.x87) ? 0 : Xcr0::x87) | (sse ? Xcr0::sse : 0) |
         (is_initial(cpu.vector.upper) ? 0 : Xcr0::avx) | (cpu.pkru ? Xcr0::pkru : 0);
}

bool fxsave_ready(Cpu& cpu) {
  if (!(cpu.cr0 & (Cr0::EM | Cr0::TS))) return true;
  cpu.raise(Vector::NM);
  return false;
}
bool xsave_ready(Cpu& cpu, bool supervisor) {
  if (!(cpu.cr4 & Cr4::OSXSAVE)) {
    cpu.raise(Vector::UD);
  } else if (cpu.cr0 & Cr0::TS) {
    cpu.raise(Vector::NM);
  } else if (supervisor && cpu.cpl != 0) {
    cpu.raise(Vector::GP, 0);
  } else {
    return true;
  }
  return false;
}
u64 requested_components(const Cpu& cpu, bool supervisor) {
  const u64 mask = static_cast<u32>(cpu.gpr[RAX]) | cpu.gpr[RDX] << 32;
  return mask & (cpu.xcr0 | (supervisor ? cpu.msr.xss : 0));
}
unsigned save_area_bytes(u64 components, bool compacted) {
  unsigned end = legacy_and_header;
  for (const Component& c : extended) {
    if (components & c.bit) end = compacted ? end + c.bytes : std::max(end, c.offset + c.bytes);
  }
  return end;
}

bool fxsave_at(Cpu& cpu, const Op& op, u64 linear) {
  if (misaligned(cpu, linear, 16)) return false;
  const SegReg seg = segment_of(op);
  std::array<u8, xmm_at + 256> image{};
  put_x87(cpu.x87, op.size == 8, image.data());
  if (!probe_write(cpu, linear, legacy_bytes, seg)) return false;
  // Without CR4.OSFXSR the processor may leave SSE state alone, and this one does.
  if (!(cpu.cr4 & Cr4::OSFXSR)) {
    return store_bytes(cpu, linear, image.data(), pointers_end, seg) &&
           store_bytes(cpu, linear + registers_at, &image[registers_at], xmm_at - registers_at, seg);
  }
  const unsigned bytes = xmm_at + 16 * xmm_count(cpu);
  put(&image[mxcsr_at], cpu.vector.mxcsr);
  put(&image[mxcsr_at + 4], mxcsr_mask);
  std::memcpy(&image[xmm_at], cpu.vector.xmm.data(), bytes - xmm_at);
  return store_bytes(cpu, linear, image.data(), bytes, seg);
}

bool fxrstor_at(Cpu& cpu, const Op& op, u64 linear) {
  if (misaligned(cpu, linear, 16)) return false;
  std::array<u8, legacy_bytes> image;
  if (!load_bytes(cpu, linear, image.data(), legacy_bytes, segment_of(op))) return false;
  const u32 mxcsr = get<u32>(&image[mxcsr_at]);
  if (cpu.cr4 & Cr4::OSFXSR) {
    if (mxcsr & ~mxcsr_mask) return general_protection(cpu);
    cpu.vector.mxcsr = mxcsr;
    std::memcpy(static_cast<void*>(cpu.vector.xmm.data()), &image[xmm_at], 16 * xmm_count(cpu));
  }
  get_x87(cpu.x87, op.size == 8, image.data());
  return true;
}

bool xsave_at(Cpu& cpu, const Op& op, u64 linear, SaveForm form) {
  if (misaligned(cpu, linear, 64)) return false;
  const bool compacted = form == SaveForm::xsavec || form == SaveForm::xsaves;
  const u64 requested = requested_components(cpu, form == SaveForm::xsaves);
  const u64 in_use = components_in_use(cpu);
  const u64 written = form == SaveForm::xsave ? requested : requested & in_use;
  const SegReg seg = segment_of(op);

  // What lies between the parts stays as it is, so all of it is read first.
  std::array<u8, legacy_and_header> image;
  if (!probe_write(cpu, linear, legacy_and_header, seg) ||
      !load_bytes(cpu, linear, image.data(), legacy_and_header, seg))
    return false;
  if (written & Xcr0::x87) {
    std::array<u8, xmm_at> x87{};
    put_x87(cpu.x87, op.size == 8, x87.data());
    std::memcpy(image.data(), x87.data(), pointers_end);
    std::memcpy(&image[registers_at], &x87[registers_at], xmm_at - registers_at);
  }
  // The standard form saves MXCSR with SSE or AVX state, even if the init optimisation leaves out the
  // registers.
  if (compacted ? (written & Xcr0::sse) != 0 : (requested & (Xcr0::sse | Xcr0::avx)) != 0) {
    put(&image[mxcsr_at], cpu.vector.mxcsr);
    put(&image[mxcsr_at + 4], mxcsr_mask);
  }
  if (written & Xcr0::sse) std::memcpy(&image[xmm_at], cpu.vector.xmm.data(), 16 * xmm_count(cpu));
  u8* const header = &image[header_at];
  if (compacted) {
    put(header, requested & in_use);
    put(header + 8, requested | compact);
  } else {
    put(header, (get<u64>(header) & ~requested) | (requested & in_use));
  }

  unsigned next = legacy_and_header;
  for (const Component& c : extended) {
    if (!(requested & c.bit)) continue;
    const unsigned at = compacted ? next : c.offset;
    next += c.bytes;
    if (!(written & c.bit)) continue;
    const u64 keys = cpu.pkru;
    const bool avx = c.bit == Xcr0::avx;
    const void* const from = avx ? static_cast<const void*>(cpu.vector.upper.data()) : &keys;
    const unsigned bytes = avx ? 16 * xmm_count(cpu) : c.bytes;
    if (!probe_write(cpu, linear + at, bytes, seg)) return false;
    if (!store_bytes(cpu, linear + at, from, bytes, seg)) return false;
  }
  return store_bytes(cpu, linear, image.data(), legacy_and_header, seg);
}

bool xrstor_at(Cpu& cpu, const Op& op, u64 linear, bool supervisor) {
  if (misaligned(cpu, linear, 64)) return false;
  const SegReg seg = segment_of(op);
  std::array<u8, legacy_and_header> image;
  if (!load_bytes(cpu, linear, image.data(), legacy_and_header, seg)) return false;
  const u8* const header = &image[header_at];
  const u64 present = get<u64>(header), layout = get<u64>(header + 8);
  const u64 enabled = cpu.xcr0 | (supervisor ? cpu.msr.xss : 0);
  const bool compacted = layout & compact;
  const auto clear = [&](unsigned from, unsigned to) {
    return std::all_of(header + from, header + to, [](u8 byte) { return byte == 0; });
  };
  if (compacted) {
    if (!cpu.model || !(cpu.model->has(Feature::xsavec) || cpu.model->has(Feature::xsaves)))
      return general_protection(cpu);
    if ((layout & ~compact & ~enabled) || (present & ~layout) || !clear(16, 64))
      return general_protection(cpu);
  } else if (supervisor || (present & ~enabled) || !clear(8, 24)) {
    return general_protection(cpu);
  }

  const u64 requested = requested_components(cpu, supervisor);
  const u64 loaded = requested & present, initial = requested & ~present;
  const u32 mxcsr = get<u32>(&image[mxcsr_at]);
  const bool load_mxcsr = compacted ? (loaded & Xcr0::sse) != 0 : (requested & (Xcr0::sse | Xcr0::avx)) != 0;
  if (load_mxcsr && (mxcsr & ~mxcsr_mask)) return general_protection(cpu);
  u64 pkru = 0;
  std::array<V128, 16> upper{};
  unsigned next = legacy_and_header;
  for (const Component& c : extended) {
    const unsigned at = compacted ? next : c.offset;
    if (layout & c.bit) next += c.bytes;
    void* const to = c.bit == Xcr0::avx ? static_cast<void*>(upper.data()) : &pkru;
    if ((loaded & c.bit) && !load_bytes(cpu, linear + at, to, c.bytes, seg)) return false;
  }

  if (loaded & Xcr0::x87) get_x87(cpu.x87, op.size == 8, image.data());
  if (initial & Xcr0::x87) initialise(cpu.x87);
  const unsigned count = xmm_count(cpu);
  if (loaded & Xcr0::sse) std::memcpy(static_cast<void*>(cpu.vector.xmm.data()), &image[xmm_at], 16 * count);
  if (initial & Xcr0::sse) std::fill_n(cpu.vector.xmm.begin(), count, V128{});
  if (load_mxcsr) {
    cpu.vector.mxcsr = mxcsr;
  } else if (compacted && (initial & Xcr0::sse)) {
    cpu.vector.mxcsr = Mxcsr::initial;
  }
  if (requested & Xcr0::avx) std::copy_n(upper.begin(), count, cpu.vector.upper.begin());
  if ((requested & Xcr0::pkru) && cpu.pkru != static_cast<u32>(pkru)) {
    cpu.pkru = static_cast<u32>(pkru);
    cpu.update_translation();
  }
  return true;
}

bool xgetbv(Cpu& cpu, const Op&) {
  if (!(cpu.cr4 & Cr4::OSXSAVE)) {
    cpu.raise(Vector::UD);
    return false;
  }
  const u32 index = static_cast<u32>(cpu.gpr[RCX]);
  if (index > 1 || (index == 1 && !(cpu.model && cpu.model->has(Flag::xgetbv1))))
    return general_protection(cpu);
  const u64 value = index ? cpu.xcr0 & components_in_use(cpu) : cpu.xcr0;
  cpu.gpr[RAX] = static_cast<u32>(value);
  cpu.gpr[RDX] = value >> 32;
  return true;
}

}  // namespace ringside
