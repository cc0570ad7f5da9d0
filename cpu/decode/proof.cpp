// Owns the sorting of rows into those that an oracle compares and those that none can.
#include "cpu/decode/proof.h"

#include <algorithm>

#include "cpu/decode/groups.h"

namespace ringside {
namespace {

bool names_only_64_bits(const RowInfo& row) {
  if (row.attrs & RowAttr::mode64 || row.sizes == Sizes::q) return true;
  const auto is64 = [](Operand o) { return o == Operand::r64 || o == Operand::rm64; };
  return std::any_of(row.operands.begin(), row.operands.end(), is64);
}

// Why no program can be the judge; empty if one can.
std::string_view beyond_programs(const RowInfo& row) {
  switch (row.judge) {
    case Judge::decoded_as_nop: return "decoded as NOP, whose own row is compared";
    case Judge::random_numbers: return "random numbers";
    case Judge::time_or_identity: return "time and identity";
    case Judge::kernel_entry: return "calls of the host's own kernel";
    case Judge::approximation: return "approximations, which makers choose";
    case Judge::differs_by_maker: return "undefined in IA-32e mode on one maker's processors";
    case Judge::debug_exception: return "debug exceptions, which a hypervisor below the host may alter";
    case Judge::rights_of_test: return "rights to the test's own memory";
    case Judge::plain_address: return "an address in an operand that looks like a number";
    case Judge::of_group:
    case Judge::programs: break;
  }
  if (row.group == RowGroup::vmx) return "VMX";
  if (row.privilege == Privilege::umip) return "UMIP, where hosts' kernels answer in the processor's place";
  return {};
}

// Privilege level 3 is too low, whatever else there is.
bool refused_to_programs(Privilege privilege) {
  switch (privilege) {
    case Privilege::cpl0:
    case Privilege::cpl0_or_ud:
    case Privilege::iopl:
    case Privilege::smm: return true;
    default: return false;
  }
}

// What the oracle of the row's group can give operands to: those that a disassembly shows, of 64-bit mode for
// general-purpose registers, and of no format of their own.
bool suits(Oracle oracle, const RowInfo& row) {
  switch (oracle) {
    case Oracle::general: return !(row.attrs & RowAttr::legacy);
    case Oracle::vector:
      return row.attrs & RowAttr::vex ||
             (row.match_operands && row.operands[0] != Operand::none && row.operands[0] != Operand::ea);
    case Oracle::x87: return row.operands[0] != Operand::m80 && row.operands[0] != Operand::ea;
    default: return true;
  }
}

Oracle oracle_of_row(const RowInfo& row) {
  if (refused_to_programs(row.privilege)) return Oracle::refusal;
  const Oracle oracle = oracle_of(row.group);
  return row.judge == Judge::programs || !suits(oracle, row) ? Oracle::user : oracle;
}

}  // namespace

Oracle oracle_of(RowGroup group) {
  switch (group) {
#define ROW(...)
#define ROW_0(...)
#define GROUP(name, oracle) \
  case RowGroup::name:      \
    return Oracle::oracle;
#include "cpu/decode/rows/all.inc"
#undef GROUP
#undef ROW
#undef ROW_0
    case RowGroup::count: break;
  }
  return Oracle::none;
}

Proof proof_of(unsigned number) {
  const RowInfo& row = rows()[number];
  Proof proof;
  proof.why = beyond_programs(row);
  if (!proof.why.empty()) return proof;
  proof.oracle = oracle_of_row(row);
  // That of user programs has no indexes for a gather.
  if (row.operands[1] == Operand::vsx || row.operands[1] == Operand::vsy) return proof;
  proof.in_64_bit_mode = !(row.attrs & RowAttr::legacy) && row.operands[0] != Operand::far_ptr;
  proof.in_other_code = !names_only_64_bits(row);
  return proof;
}

}  // namespace ringside
