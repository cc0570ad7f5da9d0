// Owns the bodies that move to and from control and debug registers, the machine status word and the FS and
// GS bases.
#pragma once

#include "cpu/exec/core/instruction_exits.h"
#include "cpu/exec/core/operands.h"
#include "cpu/exec/core/privilege.h"
#include "cpu/exec/system/control_registers.h"
#include "cpu/exec/system/guest_registers.h"
#include "cpu/exec/system/system_instructions.h"
#include "cpu/state/msrs.h"

namespace ringside {

template <class Dst, class Src>
inline bool mov_to_cr(Cpu& cpu, const Op& op) {
  typename Src::Value value;
  if (!has_privilege(cpu, op) || !Src::read(cpu, op, value)) return false;
  if (cpu.non_root) [[unlikely]]
    return guest_mov_to_cr(cpu, op, Dst::number(op), value, Src::offset(op));
  switch (Dst::number(op)) {
    case 0: return write_cr0(cpu, value);
    case 2: cpu.cr2 = value; return true;
    case 3: return write_cr3(cpu, value);
    case 4: return write_cr4(cpu, value);
    case 8: return write_cr8(cpu, value);
    default: return fail(cpu, Vector::UD);
  }
}

template <class Dst, class Src>
inline bool mov_from_cr(Cpu& cpu, const Op& op) {
  const unsigned number = Src::number(op);
  if (number == 1 || number > 8 || (number > 4 && number < 8)) return fail(cpu, Vector::UD);
  if (!has_privilege(cpu, op)) return false;
  u64 value;
  if (!cpu.non_root) [[likely]]
    value = read_control_register(cpu, number);
  else if (!guest_mov_from_cr(cpu, op, number, Dst::offset(op), value))
    return false;
  return Dst::write(cpu, op, static_cast<typename Dst::Value>(value));
}

// The checks that both directions of MOV DRn share; replaces DR4 and DR5 by what they name. `gpr`: offset of
// the other operand.
inline bool open_debug_register(Cpu& cpu, const Op& op, unsigned& number, bool from, u8 gpr) {
  if (number > 7) return fail(cpu, Vector::UD);
  if (cpu.non_root && debug_register_exits(cpu, op, number, from, gpr)) return false;
  if (number == 4 || number == 5) {
    if (cpu.cr4 & Cr4::DE) return fail(cpu, Vector::UD);
    number += 2;
  }
  if (!has_privilege(cpu, op)) return false;
  if (cpu.dr7 & Dr7::GD) {
    cpu.raise(Vector::DB, 0, Dr6::BD);
    return false;
  }
  return true;
}

template <class Dst, class Src>
inline bool mov_to_dr(Cpu& cpu, const Op& op) {
  unsigned number = Dst::number(op);
  typename Src::Value source;
  if (!open_debug_register(cpu, op, number, false, Src::offset(op)) || !Src::read(cpu, op, source))
    return false;
  const u64 value = source;
  if (number >= 6 && value >> 32) return fail(cpu, Vector::GP);
  // RTM and its enable do not exist without TSX: DR6 bit 16 reads as 1, DR7 bit 11 as 0.
  if (number == 6)
    cpu.dr6 =
        (value & (Dr6::B0 | Dr6::B1 | Dr6::B2 | Dr6::B3 | Dr6::BD | Dr6::BS | Dr6::BT)) | Dr6::fixed_one;
  else if (number == 7)
    cpu.dr7 = (value & Dr7::writable & ~bit(11)) | Dr7::fixed_one;
  else
    cpu.dr[number] = value;
  if (number != 6) cpu.update_debug();
  return true;
}

template <class Dst, class Src>
inline bool mov_from_dr(Cpu& cpu, const Op& op) {
  unsigned number = Src::number(op);
  if (!open_debug_register(cpu, op, number, true, Dst::offset(op))) return false;
  const u64 value = number == 6 ? cpu.dr6 : number == 7 ? cpu.dr7 : cpu.dr[number];
  return Dst::write(cpu, op, static_cast<typename Dst::Value>(value));
}

// LMSW may set PE but not clear it.
template <class Src>
inline bool lmsw(Cpu& cpu, const Op& op) {
  typename Src::Value value;
  if (!has_privilege(cpu, op) || !Src::read(cpu, op, value)) return false;
  if (cpu.non_root) [[unlikely]]
    return guest_lmsw(cpu, op, value, Src::where == Where::mem);
  constexpr u64 settable = Cr0::PE | Cr0::MP | Cr0::EM | Cr0::TS;
  return write_cr0(cpu, (cpu.cr0 & ~(settable & ~Cr0::PE)) | (value & settable));
}

template <class Dst>
inline bool smsw(Cpu& cpu, const Op& op) {
  return has_privilege(cpu, op) &&
         Dst::write(cpu, op,
                    static_cast<typename Dst::Value>(cpu.non_root ? guest_machine_status(cpu) : cpu.cr0));
}

// RDFSBASE and its like: #UD unless CR4.FSGSBASE is set, in 64-bit mode.
inline bool require_fsgsbase(Cpu& cpu) {
  return (cpu.mode.bits64 && (cpu.cr4 & Cr4::FSGSBASE)) || fail(cpu, Vector::UD);
}
template <SegReg segment, class Dst>
inline bool read_segment_base(Cpu& cpu, const Op& op) {
  return require_fsgsbase(cpu) &&
         Dst::write(cpu, op, static_cast<typename Dst::Value>(cpu.segment[segment].base));
}
template <SegReg segment, class Src>
inline bool write_segment_base(Cpu& cpu, const Op& op) {
  typename Src::Value value;
  if (!require_fsgsbase(cpu) || !Src::read(cpu, op, value)) return false;
  if (!canonical_for_cpu(cpu, value)) return fail(cpu, Vector::GP);
  cpu.segment[segment].base = value;
  return true;
}
template <class Operand>
constexpr auto rdfsbase = read_segment_base<FS, Operand>;
template <class Operand>
constexpr auto rdgsbase = read_segment_base<GS, Operand>;
template <class Operand>
constexpr auto wrfsbase = write_segment_base<FS, Operand>;
template <class Operand>
constexpr auto wrgsbase = write_segment_base<GS, Operand>;

template <class Dst>
inline bool rdpid(Cpu& cpu, const Op& op) {
  if (cpu.non_root && !rdtscp_enabled(cpu)) return false;
  return Dst::write(cpu, op, static_cast<typename Dst::Value>(cpu.msr.tsc_aux));
}

// The operand is an address of the instruction's address size.
template <class Src>
inline bool umonitor(Cpu& cpu, const Op& op) {
  typename Src::Value offset;
  return (!cpu.non_root || user_wait_enabled(cpu)) && Src::read(cpu, op, offset) &&
         arm_monitor(cpu, op, offset);
}
template <class Src>
inline bool umwait(Cpu& cpu, const Op& op) {
  typename Src::Value state;
  if ((cpu.non_root && !user_wait_enabled(cpu)) || !Src::read(cpu, op, state) ||
      !user_wait(cpu, op, static_cast<u32>(state)))
    return false;
  cpu.monitor_armed = false;
  return true;
}
template <class Src>
inline bool tpause(Cpu& cpu, const Op& op) {
  typename Src::Value state;
  return (!cpu.non_root || user_wait_enabled(cpu)) && Src::read(cpu, op, state) &&
         user_wait(cpu, op, static_cast<u32>(state));
}

}  // namespace ringside
