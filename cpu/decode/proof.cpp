// Owns the sorting of rows into those that an oracle compares and those that none can.
#include "cpu/decode/proof.h"

#include <algorithm>

namespace ringside {
namespace {

template <std::size_t n>
bool among(std::string_view name, const std::string_view (&list)[n]) {
  return std::find(std::begin(list), std::end(list), name) != std::end(list);
}

constexpr std::string_view outside_64_bit_mode[] = {
    "DAA", "DAS", "AAA", "AAS", "AAM", "AAD", "PUSHA", "POPA", "PUSHAD", "POPAD", "PUSHFD", "POPFD", "JCXZ"};
constexpr std::string_view only_64_bit_mode[] = {
    "CDQE",    "CQO",        "JRCXZ",    "PUSHFQ",   "POPFQ",    "IRETQ",     "CMPXCHG16B",
    "MOVSQ",   "STOSQ",      "LODSQ",    "CMPSQ",    "SCASQ",    "FXSAVE64",  "FXRSTOR64",
    "XSAVE64", "XSAVEOPT64", "XSAVEC64", "XSAVES64", "XRSTOR64", "XRSTORS64", "MOVSXD"};
constexpr std::string_view hints[] = {"PREFETCH",   "PREFETCHNTA", "PREFETCHT0",  "PREFETCHT1",
                                      "PREFETCHT2", "PREFETCHW",   "PREFETCHWT1", "CLDEMOTE"};
constexpr std::string_view decoded_as_nop[] = {"RDSSPD", "RDSSPQ", "BNDCL",  "BNDCN",   "BNDCU",  "BNDLDX",
                                               "BNDMK",  "BNDMOV", "BNDSTX", "ENDBR32", "ENDBR64"};
constexpr std::string_view approximations[] = {"RCPPS", "RCPSS", "RSQRTPS", "RSQRTSS"};
constexpr std::string_view answered_by_kernels[] = {"SGDT", "SIDT", "SLDT", "STR", "SMSW"};
constexpr std::string_view time_and_identity[] = {"RDTSC", "RDTSCP", "RDPMC", "RDPID", "CPUID"};
constexpr std::string_view kernel_entries[] = {"SYSCALL", "SYSENTER"};
constexpr std::string_view privileged[] = {
    "IN",     "OUT",   "INSB",    "INSW",     "INSD",    "OUTSB",     "OUTSW",  "OUTSD",  "LLDT",
    "LTR",    "LMSW",  "CLTS",    "LGDT",     "LIDT",    "INVLPG",    "INVD",   "WBINVD", "RDMSR",
    "WRMSR",  "HLT",   "INVPCID", "CLI",      "STI",     "CLAC",      "STAC",   "SWAPGS", "RSM",
    "XSETBV", "MWAIT", "XSAVES",  "XSAVES64", "XRSTORS", "XRSTORS64", "SYSRET", "MONITOR"};

bool names_only_64_bits(const RowInfo& row) {
  if (row.attrs & RowAttr::mode64 || among(row.mnemonic, only_64_bit_mode)) return true;
  if (row.sizes == Sizes::q) return true;
  const auto is64 = [](Operand o) { return o == Operand::r64 || o == Operand::rm64; };
  return std::any_of(row.operands.begin(), row.operands.end(), is64);
}

bool is_control_or_debug(Operand o) { return o == Operand::cr || o == Operand::dr; }

// Why no program can be the judge; empty if one can.
std::string_view beyond_programs(const RowInfo& row) {
  if (among(row.mnemonic, decoded_as_nop)) return "decoded as NOP, whose own row is compared";
  if (row.feature == Feature::vmx) return "VMX";
  if (row.body == "rdrand" || row.body == "rdseed") return "random numbers";
  if (among(row.mnemonic, time_and_identity)) return "time and identity";
  if (among(row.mnemonic, kernel_entries)) return "calls of the host's own kernel";
  if (among(row.mnemonic, answered_by_kernels))
    return "UMIP, where hosts' kernels answer in the processor's place";
  if (among(row.mnemonic, approximations)) return "approximations, which makers choose";
  if (row.mnemonic == "SYSEXIT") return "undefined in IA-32e mode on one maker's processors";
  if (row.mnemonic == "INT1") return "debug exceptions, which a hypervisor below the host may alter";
  if (row.mnemonic == "RDPKRU" || row.mnemonic == "WRPKRU") return "rights to the test's own memory";
  return {};
}

Oracle oracle_of(unsigned number, const RowInfo& row) {
  const bool refused = among(row.mnemonic, privileged) || is_control_or_debug(row.operands[0]) ||
                       is_control_or_debug(row.operands[1]);
  if (refused) return Oracle::refusal;
  if (number >= mmx_rows) {
    const bool plain = row.match_operands && row.operands[0] != Operand::none &&
                       row.operands[0] != Operand::ea && row.mnemonic != "LDMXCSR" &&
                       row.body.find("maskmov") == row.body.npos;
    return plain ? Oracle::vector : Oracle::user;
  }
  if (number >= x87_rows) {
    const bool apart = row.operands[0] == Operand::m80 || row.operands[0] == Operand::ea ||
                       row.body == "fwait" || row.body == "fstp_unchecked" || row.body == "former_control";
    return apart ? Oracle::user : Oracle::x87;
  }
  if (number >= system_rows || (number >= far_rows && number < string_rows)) return Oracle::user;
  const bool plain = !(row.attrs & RowAttr::legacy) && !among(row.mnemonic, outside_64_bit_mode) &&
                     !among(row.mnemonic, hints) && row.body != "undefined_instruction";
  return plain ? Oracle::general : Oracle::user;
}

}  // namespace

Proof proof_of(unsigned number) {
  const RowInfo& row = rows()[number];
  Proof proof;
  proof.why = beyond_programs(row);
  if (!proof.why.empty()) return proof;
  proof.oracle = oracle_of(number, row);
  proof.in_64_bit_mode = !(row.attrs & RowAttr::legacy) && row.operands[0] != Operand::far_ptr &&
                         !among(row.mnemonic, outside_64_bit_mode);
  proof.in_other_code = !names_only_64_bits(row);
  return proof;
}

}  // namespace ringside
