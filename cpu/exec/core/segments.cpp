// Owns the segment checks of every access, and the fetch and load of segment descriptors.
#include "cpu/exec/core/segments.h"

#include "cpu/exec/core/system_access.h"

namespace ringside {

bool linearize(Cpu& cpu, SegReg seg, u64 offset, unsigned size, AccessKind kind, u64& linear) {
  const Segment& s = cpu.segment[seg];
  if (cpu.mode.bits64) {
    linear = seg >= FS ? s.base + offset : offset;
    return true;
  }
  const u32 first = static_cast<u32>(offset);
  const u64 last = u64{first} + size - 1;
  u32 low = s.read_low, high = s.read_high;
  if (kind == AccessKind::write) {
    low = s.write_low;
    high = s.write_high;
  } else if (kind == AccessKind::execute) {
    low = 0;
    high = s.limit;
  }
  if (first < low || last > high) [[unlikely]] {
    cpu.raise(seg == SS ? Vector::SS : Vector::GP, 0);
    return false;
  }
  linear = static_cast<u32>(s.base + first);
  return true;
}

bool locate_descriptor(const Cpu& cpu, u16 selector, u64& at) {
  const u32 index = selector & 0xfff8;
  if (!(selector & 4)) {
    at = cpu.gdtr.base + index;
    return index + 7 <= cpu.gdtr.limit;
  }
  const Segment& ldt = cpu.segment[LDTR];
  at = ldt.base + index;
  return ldt.usable() && !is_null(ldt.selector) && index + 7 <= ldt.limit;
}

bool fetch_descriptor(Cpu& cpu, u16 selector, Vector v, Descriptor& out) {
  if (!locate_descriptor(cpu, selector, out.at)) return refuse(cpu, v, selector);
  out.high = 0;
  return read_system(cpu, out.at, out.low);
}

bool fetch_upper_half(Cpu& cpu, u16 selector, Vector v, Descriptor& d) {
  const u32 limit = selector & 4 ? cpu.segment[LDTR].limit : cpu.gdtr.limit;
  if (u32{selector} / 8 * 8 + 15 > limit) return refuse(cpu, v, selector);
  return read_system(cpu, d.at + 8, d.high);
}

bool set_accessed(Cpu& cpu, Descriptor& d) {
  if (d.accessed()) return true;
  d.low |= bit(40);
  return write_system(cpu, d.at + 5, static_cast<u8>(d.low >> 40));
}

bool set_busy(Cpu& cpu, u64 descriptor_at, bool busy) {
  u8 type;
  if (!read_system(cpu, descriptor_at + 5, type)) return false;
  return write_system(cpu, descriptor_at + 5, static_cast<u8>(busy ? type | 2 : type & ~2));
}

Segment segment_of(u16 selector, const Descriptor& d) {
  Segment s;
  s.selector = selector;
  s.base = d.base();
  s.limit = d.limit();
  s.rights = d.rights();
  s.update();
  return s;
}

Segment null_segment(u16 selector) {
  Segment s;
  s.selector = selector;
  s.base = 0;
  s.limit = 0;
  s.rights = Rights::unusable;
  s.update();
  return s;
}

Segment null_stack_segment(u16 selector, u8 cpl) {
  Segment s = null_segment(selector);
  s.rights |= static_cast<u32>(cpl) << Rights::dpl_shift;
  return s;
}

Segment real_mode_segment(const Cpu& cpu, SegReg reg, u16 selector) {
  Segment s = cpu.segment[reg];
  s.selector = selector;
  s.base = u64{selector} << 4;
  if (cpu.mode.v86) {
    s.limit = 0xffff;
    s.rights = Rights::P | Rights::S | 3 << Rights::dpl_shift | Rights::writable | Rights::accessed;
  } else if (reg == CS) {
    // Real-address mode keeps limits ("unreal mode"); code becomes writable, as it is after reset.
    s.rights =
        (s.rights & (Rights::G | Rights::DB)) | Rights::P | Rights::S | Rights::writable | Rights::accessed;
  }
  s.update();
  return s;
}

bool check_stack_segment(Cpu& cpu, u16 selector, u8 cpl, Vector vector, Segment& out) {
  if (is_null(selector)) return refuse(cpu, vector);
  Descriptor d;
  if (!fetch_descriptor(cpu, selector, vector, d)) return false;
  if ((selector & 3) != cpl || !d.is_data() || !d.writable() || d.dpl() != cpl)
    return refuse(cpu, vector, selector);
  if (!d.present()) return refuse(cpu, Vector::SS, selector);
  if (!set_accessed(cpu, d)) return false;
  out = segment_of(selector, d);
  return true;
}

bool check_data_segment(Cpu& cpu, u16 selector, Segment& out) {
  if (is_null(selector)) {
    out = null_segment(selector);
    return true;
  }
  Descriptor d;
  if (!fetch_descriptor(cpu, selector, Vector::GP, d)) return false;
  if (d.is_system() || (d.is_code() && !d.readable())) return refuse(cpu, Vector::GP, selector);
  const bool ignores_privilege = d.is_code() && d.conforming();
  if (!ignores_privilege && (d.dpl() < (selector & 3u) || d.dpl() < cpu.cpl))
    return refuse(cpu, Vector::GP, selector);
  if (!d.present()) return refuse(cpu, Vector::NP, selector);
  if (!set_accessed(cpu, d)) return false;
  out = segment_of(selector, d);
  return true;
}

bool prepare_segment(Cpu& cpu, SegReg reg, u16 selector, Segment& out) {
  if (!cpu.mode.protected_mode) {
    out = real_mode_segment(cpu, reg, selector);
    return true;
  }
  if (reg != SS) return check_data_segment(cpu, selector, out);
  if (is_null(selector) && cpu.mode.bits64 && cpu.cpl < 3 && (selector & 3) == cpu.cpl) {
    out = null_stack_segment(selector, cpu.cpl);
    return true;
  }
  return check_stack_segment(cpu, selector, cpu.cpl, Vector::GP, out);
}

void commit_segment(Cpu& cpu, SegReg reg, const Segment& segment) {
  cpu.segment[reg] = segment;
  if (reg == SS || reg == CS) cpu.update_mode();
}

}  // namespace ringside
