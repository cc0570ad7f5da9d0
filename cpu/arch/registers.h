// Owns the names of registers and the bits of EFLAGS, the control registers, EFER and the debug registers.
#pragma once

#include "cpu/arch/types.h"

namespace ringside {

// General-purpose registers by encoding.
enum GprNumber : u8 { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15 };

// Segment registers by encoding; LDTR and TR share their descriptor-cache type.
enum SegReg : u8 { ES, CS, SS, DS, FS, GS, LDTR, TR };

struct Eflags {
  static constexpr u64 CF = bit(0), reserved_one = bit(1), PF = bit(2), AF = bit(4), ZF = bit(6), SF = bit(7),
                       TF = bit(8), IF = bit(9), DF = bit(10), OF = bit(11), IOPL = bit_range(12, 13),
                       NT = bit(14), RF = bit(16), VM = bit(17), AC = bit(18), VIF = bit(19), VIP = bit(20),
                       ID = bit(21);
  static constexpr u64 arithmetic = CF | PF | AF | ZF | SF | OF;
};

struct Cr0 {
  static constexpr u64 PE = bit(0), MP = bit(1), EM = bit(2), TS = bit(3), ET = bit(4), NE = bit(5),
                       WP = bit(16), AM = bit(18), NW = bit(29), CD = bit(30), PG = bit(31);
};

struct Cr3 {
  static constexpr u64 PWT = bit(3), PCD = bit(4), pcid = bit_range(0, 11), LAM_U57 = bit(61),
                       LAM_U48 = bit(62), no_flush = bit(63);
};

struct Cr4 {
  static constexpr u64 VME = bit(0), PVI = bit(1), TSD = bit(2), DE = bit(3), PSE = bit(4), PAE = bit(5),
                       MCE = bit(6), PGE = bit(7), PCE = bit(8), OSFXSR = bit(9), OSXMMEXCPT = bit(10),
                       UMIP = bit(11), LA57 = bit(12), VMXE = bit(13), SMXE = bit(14), FSGSBASE = bit(16),
                       PCIDE = bit(17), OSXSAVE = bit(18), SMEP = bit(20), SMAP = bit(21), PKE = bit(22),
                       CET = bit(23), PKS = bit(24), LAM_SUP = bit(28);
};

struct Efer {
  static constexpr u64 SCE = bit(0), LME = bit(8), LMA = bit(10), NXE = bit(11);
};

struct Dr6 {
  static constexpr u64 B0 = bit(0), B1 = bit(1), B2 = bit(2), B3 = bit(3), BD = bit(13), BS = bit(14),
                       BT = bit(15), RTM = bit(16), fixed_one = 0xffff0ff0;
};

struct Dr7 {
  static constexpr u64 GD = bit(13), fixed_one = bit(10);
  static constexpr u64 writable = 0xffff2bff;
  static constexpr u64 enabled = 0xff;         // L0, G0 to L3, G3
  static constexpr u64 local_enabled = 0x155;  // L0 to L3, LE
};

// IA32_DEBUGCTL.
struct DebugControl {
  static constexpr u64 LBR = bit(0), BTF = bit(1);
};

// XCR0 and IA32_XSS state-component bits.
struct Xcr0 {
  static constexpr u64 x87 = bit(0), sse = bit(1), avx = bit(2), pkru = bit(9);
};

// The sixteen conditions of Jcc, SETcc and CMOVcc, by the low four bits of the opcode.
enum class Condition : u8 { O, NO, B, NB, Z, NZ, BE, NBE, S, NS, P, NP, L, NL, LE, NLE };

}  // namespace ringside
