// Owns the instructions whose results may differ, by their names.
#include "frontend/differ/may_differ.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "frontend/inspect/look_memory.h"

namespace ringside {
namespace {

// By the clock, by chance, or by what a CPU is.
constexpr std::array<std::string_view, 8> own_results = {"rdtsc",  "rdtscp", "rdpmc", "rdrand",
                                                         "rdseed", "rdpid",  "cpuid", "xgetbv"};
constexpr std::array<std::string_view, 4> shifts = {"shl", "sal", "shr", "sar"};
constexpr std::array<std::string_view, 4> rotates = {"rol", "ror", "rcl", "rcr"};
constexpr std::array<std::string_view, 2> double_shifts = {"shld", "shrd"};

template <std::size_t count>
bool among(const std::array<std::string_view, count>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string capitals(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  return text;
}

// The last operand: CL or a number. An instruction with one operand shifts by 1.
u64 shift_count(const Cpu& cpu, const DisassembledInstruction& insn) {
  const std::size_t comma = insn.operands.rfind(", ");
  if (comma == std::string::npos) return 1;
  const std::string_view count = std::string_view(insn.operands).substr(comma + 2);
  if (count == "cl") return cpu.gpr[RCX] & (insn.operand_bytes == 8 ? 63 : 31);
  const bool hexadecimal = count.starts_with("0x");
  u64 value = 0;
  const std::string_view digits = count.substr(hexadecimal ? 2 : 0);
  std::from_chars(digits.data(), digits.data() + digits.size(), value, hexadecimal ? 16 : 10);
  return value;
}

// The manual's volume 2, SAL/SAR/SHL/SHR, RCL/RCR/ROL/ROR, SHLD and SHRD: what is undefined depends on the
// count.
u64 undefined_of_shift(const Cpu& cpu, const DisassembledInstruction& insn) {
  const bool rotates_only = among(rotates, insn.mnemonic), both = among(double_shifts, insn.mnemonic);
  const u64 count = shift_count(cpu, insn);
  if (count == 0) return 0;
  u64 flags = rotates_only ? 0 : Eflags::AF;
  if (count != 1) flags |= Eflags::OF;
  if (both && count > insn.operand_bytes * 8) return Eflags::arithmetic;
  if (!rotates_only && count >= insn.operand_bytes * 8 && insn.mnemonic != "sar") flags |= Eflags::CF;
  return flags;
}

}  // namespace

MayDiffer may_differ(const Cpu& cpu, const DisassembledInstruction& insn) {
  MayDiffer result;
  const std::string_view name = insn.mnemonic;
  const bool shift = among(shifts, name) || among(rotates, name) || among(double_shifts, name);
  result.flags = shift ? undefined_of_shift(cpu, insn) : insn.undefined_flags;
  if (among(own_results, name)) {
    result.why = name == "cpuid" ? fmt::format("CPUID leaf {:#x}", cpu.gpr[RAX] & 0xffffffff)
                                 : capitals(insn.mnemonic);
  } else if (name == "rdmsr") {
    result.why = fmt::format("RDMSR of {:#x}", cpu.gpr[RCX] & 0xffffffff);
  } else if (name == "in" || name.starts_with("ins")) {
    u64 port = cpu.gpr[RDX] & 0xffff;
    if (insn.bytes.size() >= 2 && (insn.bytes[insn.bytes.size() - 2] & 0xfe) == 0xe4)
      port = insn.bytes.back();
    if (name.starts_with("insert") || name.starts_with("inser")) return result;
    result.why = fmt::format("{} from port {:#x}", name == "in" ? "IN" : "INS", port);
  }
  result.results = !result.why.empty();
  return result;
}

}  // namespace ringside
