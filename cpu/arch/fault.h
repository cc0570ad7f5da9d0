// Owns the names of vectors, of memory accesses and of faults, which are return values in this house.
#pragma once

#include "cpu/arch/types.h"

namespace ringside {

// Exceptions by their mnemonic, with their vector numbers.
enum class Vector : u8 {
  DE = 0,
  DB = 1,
  NMI = 2,
  BP = 3,
  OF = 4,
  BR = 5,
  UD = 6,
  NM = 7,
  DF = 8,
  TS = 10,
  NP = 11,
  SS = 12,
  GP = 13,
  PF = 14,
  MF = 16,
  AC = 17,
  MC = 18,
  XM = 19,
  VE = 20,
  CP = 21,
};

constexpr bool has_error_code(Vector v) {
  switch (v) {
    case Vector::DF:
    case Vector::TS:
    case Vector::NP:
    case Vector::SS:
    case Vector::GP:
    case Vector::PF:
    case Vector::AC:
    case Vector::CP: return true;
    default: return false;
  }
}

// Bits of a #PF error code.
struct PageFaultError {
  static constexpr u32 P = 1, W = 2, U = 4, RSVD = 8, I = 16, PK = 32;
};

enum class AccessKind : u8 { read, write, execute };

// One access to a linear address, as paging sees it.
struct Access {
  AccessKind kind = AccessKind::read;
  bool user = false;      // a user-mode access: CPL 3 and not an implicit supervisor access
  bool implicit = false;  // a supervisor access to a descriptor table, TSS, ...: SMAP ignores EFLAGS.AC
};

// Why the second stage (EPT) refused an access to a guest-physical address. What an exit's qualification is
// made from; `bits` is the second stage's own.
struct SecondStageFault {
  bool misconfiguration = false;
  GuestPhys address;
  LinAddr linear;
  bool linear_valid = false;
  bool page_walk = false;  // the access was to a paging-structure entry, not to the final address
  // Not the second stage: a paging-structure entry or a PDPTE lies on the page whose accesses VMX
  // virtualizes.
  bool apic_access = false;
  u64 bits = 0;
};

// Why an access or an instruction did not happen. Handlers leave it in `cpu.fault` and return false.
struct Fault {
  enum class Kind : u8 { exception, second_stage };
  Kind kind = Kind::exception;
  Vector vector = Vector::UD;
  u32 error = 0;    // meaningful if has_error_code(vector)
  u64 address = 0;  // CR2 for #PF; pending DR6 bits for #DB
  SecondStageFault stage;

  static Fault exception(Vector v, u32 error = 0, u64 address = 0) {
    Fault f;
    f.vector = v;
    f.error = error;
    f.address = address;
    return f;
  }
};

}  // namespace ringside
