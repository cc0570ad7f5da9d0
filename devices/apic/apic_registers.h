// Owns the local APIC's register map: offsets, bits, and who may read or write what ("Local APIC Register
// Address Map").
#pragma once

#include <array>

#include "cpu/arch/types.h"

namespace ringside {

// Offsets in the xAPIC page. In x2APIC mode the same register is MSR 0x800 + offset / 16.
namespace apic_register {
constexpr u32 ID = 0x020;
constexpr u32 VERSION = 0x030;
constexpr u32 TPR = 0x080;
constexpr u32 APR = 0x090;
constexpr u32 PPR = 0x0a0;
constexpr u32 EOI = 0x0b0;
constexpr u32 RRD = 0x0c0;
constexpr u32 LDR = 0x0d0;
constexpr u32 DFR = 0x0e0;
constexpr u32 SVR = 0x0f0;
constexpr u32 ISR = 0x100;  // eight registers each
constexpr u32 TMR = 0x180;
constexpr u32 IRR = 0x200;
constexpr u32 ESR = 0x280;
constexpr u32 LVT_CMCI = 0x2f0;
constexpr u32 ICR_LOW = 0x300;
constexpr u32 ICR_HIGH = 0x310;
constexpr u32 LVT_TIMER = 0x320;
constexpr u32 LVT_THERMAL = 0x330;
constexpr u32 LVT_PERFORMANCE = 0x340;
constexpr u32 LVT_LINT0 = 0x350;
constexpr u32 LVT_LINT1 = 0x360;
constexpr u32 LVT_ERROR = 0x370;
constexpr u32 INITIAL_COUNT = 0x380;
constexpr u32 CURRENT_COUNT = 0x390;
constexpr u32 DIVIDE_CONFIGURATION = 0x3e0;
constexpr u32 SELF_IPI = 0x3f0;  // x2APIC mode only
}  // namespace apic_register

// MSRs that the local APIC answers, besides 0x800..0x8ff.
namespace apic_msr {
constexpr u32 IA32_APIC_BASE = 0x1b;
constexpr u32 IA32_TSC_DEADLINE = 0x6e0;
constexpr u32 X2APIC_FIRST = 0x800;
constexpr u32 X2APIC_LAST = 0x8ff;
}  // namespace apic_msr

namespace apic_base {
constexpr u64 BSP = bit(8);
constexpr u64 EXTD = bit(10);
constexpr u64 EN = bit(11);
constexpr u64 default_address = 0xfee00000;
}  // namespace apic_base

namespace apic_svr {
constexpr u32 ENABLE = 1u << 8;
constexpr u32 FOCUS_CHECKING = 1u << 9;
constexpr u32 SUPPRESS_EOI_BROADCAST = 1u << 12;
}  // namespace apic_svr

namespace apic_lvt {
constexpr u32 REMOTE_IRR = 1u << 14;
constexpr u32 LEVEL = 1u << 15;
constexpr u32 MASK = 1u << 16;
}  // namespace apic_lvt

namespace apic_esr {
constexpr u32 SEND_ILLEGAL_VECTOR = 1u << 5;
constexpr u32 RECEIVE_ILLEGAL_VECTOR = 1u << 6;
constexpr u32 ILLEGAL_REGISTER = 1u << 7;
}  // namespace apic_esr

// The local vector table in the order in which LocalApic keeps it.
enum class Lvt : u8 { Timer, Thermal, Performance, Lint0, Lint1, Error, Cmci };
constexpr unsigned lvt_count = 7;

struct LvtLayout {
  u32 offset;
  u32 writable;
  u32 read_only;  // neither writable nor reserved
};

constexpr std::array<LvtLayout, lvt_count> lvt_layout{{
    {apic_register::LVT_TIMER, 0x700ff, 0x1000},
    {apic_register::LVT_THERMAL, 0x107ff, 0x1000},
    {apic_register::LVT_PERFORMANCE, 0x107ff, 0x1000},
    {apic_register::LVT_LINT0, 0x1a7ff, 0x5000},
    {apic_register::LVT_LINT1, 0x1a7ff, 0x5000},
    {apic_register::LVT_ERROR, 0x100ff, 0x1000},
    {apic_register::LVT_CMCI, 0x107ff, 0x1000},
}};

// What a mode lets software do with a register; None is a reserved address.
enum class RegisterAccess : u8 { None, ReadOnly, WriteOnly, ReadWrite };

constexpr bool readable(RegisterAccess access) {
  return access == RegisterAccess::ReadOnly || access == RegisterAccess::ReadWrite;
}
constexpr bool writable(RegisterAccess access) {
  return access == RegisterAccess::WriteOnly || access == RegisterAccess::ReadWrite;
}

// `offset` is a multiple of 16.
constexpr RegisterAccess xapic_access(u32 offset) {
  using namespace apic_register;
  if (offset >= ISR && offset < ESR) return RegisterAccess::ReadOnly;
  switch (offset) {
    case VERSION:
    case APR:
    case PPR:
    case RRD:
    case CURRENT_COUNT: return RegisterAccess::ReadOnly;
    case EOI: return RegisterAccess::WriteOnly;
    case ID:
    case TPR:
    case LDR:
    case DFR:
    case SVR:
    case ESR:
    case LVT_CMCI:
    case ICR_LOW:
    case ICR_HIGH:
    case LVT_TIMER:
    case LVT_THERMAL:
    case LVT_PERFORMANCE:
    case LVT_LINT0:
    case LVT_LINT1:
    case LVT_ERROR:
    case INITIAL_COUNT:
    case DIVIDE_CONFIGURATION: return RegisterAccess::ReadWrite;
    default: return RegisterAccess::None;
  }
}

constexpr RegisterAccess x2apic_access(u32 offset) {
  using namespace apic_register;
  switch (offset) {
    case ID:
    case LDR: return RegisterAccess::ReadOnly;
    case APR:
    case RRD:
    case DFR:
    case ICR_HIGH: return RegisterAccess::None;
    case SELF_IPI: return RegisterAccess::WriteOnly;
    default: return xapic_access(offset);
  }
}

}  // namespace ringside
