// Owns the use of Capstone.
#include "frontend/inspect/disassembly.h"

#include <capstone/capstone.h>
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "frontend/inspect/look_memory.h"

namespace ringside {
namespace {

constexpr std::size_t longest_instruction = 15;

class Capstone {
 public:
  explicit Capstone(unsigned bits) {
    const cs_mode mode = bits == 16 ? CS_MODE_16 : bits == 32 ? CS_MODE_32 : CS_MODE_64;
    open_ = cs_open(CS_ARCH_X86, mode, &handle_) == CS_ERR_OK;
    if (!open_) return;
    cs_option(handle_, CS_OPT_DETAIL, CS_OPT_ON);
    instruction_ = cs_malloc(handle_);
  }
  ~Capstone() {
    if (instruction_) cs_free(instruction_, 1);
    if (open_) cs_close(&handle_);
  }
  Capstone(const Capstone&) = delete;
  Capstone& operator=(const Capstone&) = delete;

  // nullptr: no instruction.
  const cs_insn* decode(std::span<const u8> bytes, u64 address) {
    const u8* code = bytes.data();
    std::size_t size = bytes.size();
    if (!instruction_ || !cs_disasm_iter(handle_, &code, &size, &address, instruction_)) return nullptr;
    return instruction_;
  }
  bool in_group(const cs_insn& insn, unsigned group) const { return cs_insn_group(handle_, &insn, group); }

 private:
  csh handle_ = 0;
  bool open_ = false;
  cs_insn* instruction_ = nullptr;
};

// Capstone's names of the general registers as addresses use them, in the processor's order, and of the
// segments.
constexpr x86_reg general_registers[16][3] = {{X86_REG_RAX, X86_REG_EAX},
                                              {X86_REG_RCX, X86_REG_ECX},
                                              {X86_REG_RDX, X86_REG_EDX},
                                              {X86_REG_RBX, X86_REG_EBX, X86_REG_BX},
                                              {X86_REG_RSP, X86_REG_ESP},
                                              {X86_REG_RBP, X86_REG_EBP, X86_REG_BP},
                                              {X86_REG_RSI, X86_REG_ESI, X86_REG_SI},
                                              {X86_REG_RDI, X86_REG_EDI, X86_REG_DI},
                                              {X86_REG_R8, X86_REG_R8D},
                                              {X86_REG_R9, X86_REG_R9D},
                                              {X86_REG_R10, X86_REG_R10D},
                                              {X86_REG_R11, X86_REG_R11D},
                                              {X86_REG_R12, X86_REG_R12D},
                                              {X86_REG_R13, X86_REG_R13D},
                                              {X86_REG_R14, X86_REG_R14D},
                                              {X86_REG_R15, X86_REG_R15D}};
constexpr x86_reg segment_registers[] = {X86_REG_ES, X86_REG_CS, X86_REG_SS,
                                         X86_REG_DS, X86_REG_FS, X86_REG_GS};

// The address that an instruction names: a direct branch's, or of a RIP-relative operand.
std::optional<u64> named_address(const cs_insn& insn, bool branch, const DisassemblyOptions& options) {
  const cs_x86& x86 = insn.detail->x86;
  for (unsigned i = 0; i < x86.op_count; ++i) {
    const cs_x86_op& operand = x86.operands[i];
    if (operand.type == X86_OP_IMM && branch && x86.op_count == 1) {
      const u64 offset = static_cast<u64>(operand.imm);
      if (options.bits == 64) return offset;
      return (options.segment_base + (offset & (options.bits == 16 ? 0xffff : 0xffffffff))) & 0xffffffff;
    }
    if (operand.type == X86_OP_MEM && operand.mem.base == X86_REG_RIP)
      return insn.address + insn.size + static_cast<u64>(operand.mem.disp);
  }
  return std::nullopt;
}

struct FlagName {
  u64 capstone, flag;
};
constexpr FlagName undefined_names[] = {
    {X86_EFLAGS_UNDEFINED_OF, Eflags::OF}, {X86_EFLAGS_UNDEFINED_SF, Eflags::SF},
    {X86_EFLAGS_UNDEFINED_ZF, Eflags::ZF}, {X86_EFLAGS_UNDEFINED_AF, Eflags::AF},
    {X86_EFLAGS_UNDEFINED_PF, Eflags::PF}, {X86_EFLAGS_UNDEFINED_CF, Eflags::CF}};

void note_results(const cs_x86& x86, DisassembledInstruction& one) {
  // Capstone keeps flags and the x87's condition codes in the same place.
  const bool has_flags = !one.mnemonic.starts_with('f');
  for (const FlagName& name : undefined_names)
    if (has_flags && (x86.eflags & name.capstone)) one.undefined_flags |= name.flag;
  if (x86.op_count != 0) one.operand_bytes = x86.operands[0].size;
  for (unsigned i = 0; i < x86.op_count; ++i)
    one.writes_memory |= x86.operands[i].type == X86_OP_MEM && (x86.operands[i].access & CS_AC_WRITE);
}

DisassembledInstruction decode_one(Capstone& capstone, std::span<const u8> bytes, u64 address,
                                   const DisassemblyOptions& options) {
  DisassembledInstruction one;
  one.address = address;
  // Capstone counts branch targets from the address that it is given: the offset in the segment.
  const u64 offset = address - (options.bits == 64 ? 0 : options.segment_base);
  const cs_insn* insn = capstone.decode(bytes, offset);
  if (!insn) {
    one.mnemonic = "(bad)";
    one.bytes.assign(bytes.begin(), bytes.begin() + 1);
    return one;
  }
  one.bytes.assign(insn->bytes, insn->bytes + insn->size);
  one.mnemonic = insn->mnemonic;
  one.operands = insn->op_str;
  note_results(insn->detail->x86, one);
  one.call = capstone.in_group(*insn, CS_GRP_CALL);
  const bool jump = capstone.in_group(*insn, CS_GRP_JUMP);
  one.ends_straight_line =
      jump || one.call || capstone.in_group(*insn, CS_GRP_RET) || capstone.in_group(*insn, CS_GRP_IRET);
  if (!options.symbols) return one;
  if (const auto target = named_address(*insn, jump || one.call, options))
    one.target = options.symbols->text(*target, options.world);
  return one;
}

void instruction_row(Row& row, const DisassembledInstruction& one, const DisassemblyOptions& options,
                     bool current) {
  std::string bytes;
  for (const u8 byte : one.bytes) bytes += fmt::format("{:02x} ", byte);
  row.say(current ? "=> " : "   ").number("address", one.address, fmt::format("{:#018x}", one.address));
  row.to(Link::To::linear, one.address).say("  ");
  if (current) row.quiet("current", 1);
  if (options.show_bytes) row.word("bytes", bytes, 30).say(" ");
  if (one.operands.empty())
    row.word("mnemonic", one.mnemonic);
  else
    row.word("mnemonic", one.mnemonic, 8).say(" ").word("operands", one.operands);
  if (!one.target.empty()) row.say("  <").word("target", one.target).say(">");
}

DisassemblyOptions options_of(const Cpu& cpu, const Symbols* symbols) {
  DisassemblyOptions options;
  options.bits = cpu.mode.code_bits;
  options.symbols = symbols;
  options.world = world_of(cpu);
  options.segment_base = cpu.mode.bits64 ? 0 : cpu.segment[CS].base;
  return options;
}

ReadCode reader_of(const Cpu& cpu) {
  return [&cpu](u64 linear, std::span<u8> bytes) { return peek(cpu, AddressSpace::linear, linear, bytes); };
}

}  // namespace

std::vector<DisassembledInstruction> disassemble(const ReadCode& read, u64 address, unsigned count,
                                                 const DisassemblyOptions& options) {
  std::vector<DisassembledInstruction> all;
  Capstone capstone(options.bits);
  for (; count != 0; --count) {
    u8 bytes[longest_instruction] = {};
    const std::size_t there = std::min(read(address, bytes), sizeof bytes);
    if (there == 0) {
      all.push_back({.address = address, .mnemonic = "(unreadable)"});
      break;
    }
    all.push_back(decode_one(capstone, std::span(bytes, there), address, options));
    address += all.back().bytes.size();
    if (options.bits != 64) address &= 0xffffffff;
  }
  return all;
}

Sheet disassembly_sheet(const ReadCode& read, u64 address, unsigned count, const DisassemblyOptions& options,
                        u64 current) {
  Sheet sheet("disassembly");
  sheet.section("instructions");
  u64 last_start = ~u64{0};
  bool first = true;
  for (const DisassembledInstruction& one : disassemble(read, address, count, options)) {
    const auto named = options.symbols ? options.symbols->find(one.address, options.world) : std::nullopt;
    if (named && (named->start != last_start || first)) sheet.row().word("symbol", named->text()).say(":");
    if (named) last_start = named->start;
    first = false;
    instruction_row(sheet.row(), one, options, one.address == current);
  }
  return sheet;
}

Sheet disassembly_sheet(const Cpu& cpu, const Symbols* symbols, unsigned count) {
  return disassembly_sheet(cpu, symbols, count, linear_rip(cpu));
}

Sheet disassembly_sheet(const Cpu& cpu, const Symbols* symbols, unsigned count, u64 address) {
  return disassembly_sheet(reader_of(cpu), address, count, options_of(cpu, symbols), linear_rip(cpu));
}

DisassembledInstruction next_instruction(const Cpu& cpu, const Symbols* symbols) {
  return instruction_at(cpu, linear_rip(cpu), symbols);
}

DisassembledInstruction instruction_at(const Cpu& cpu, u64 linear, const Symbols* symbols) {
  return disassemble(reader_of(cpu), linear, 1, options_of(cpu, symbols)).at(0);
}

std::optional<u64> memory_operand(const Cpu& cpu) {
  Capstone capstone(cpu.mode.code_bits);
  u8 bytes[longest_instruction] = {};
  const std::size_t there = std::min(reader_of(cpu)(linear_rip(cpu), bytes), sizeof bytes);
  const cs_insn* const insn = capstone.decode(std::span(bytes, there), cpu.rip);
  if (!insn) return std::nullopt;
  const cs_x86& x86 = insn->detail->x86;
  const u64 width = x86.addr_size == 8 ? ~u64{0} : x86.addr_size == 4 ? 0xffffffff : 0xffff;
  const auto value = [&](x86_reg reg) -> u64 {
    if (reg == X86_REG_RIP || reg == X86_REG_EIP) return cpu.rip + insn->size;
    for (unsigned n = 0; n < std::size(general_registers); ++n) {
      for (const x86_reg one : general_registers[n]) {
        if (one == reg && reg != X86_REG_INVALID) return cpu.gpr[n];
      }
    }
    return 0;
  };
  for (unsigned i = 0; i < x86.op_count; ++i) {
    const cs_x86_op& operand = x86.operands[i];
    if (operand.type != X86_OP_MEM) continue;
    const x86_op_mem& m = operand.mem;
    const u64 offset =
        (value(m.base) + value(m.index) * static_cast<u64>(m.scale) + static_cast<u64>(m.disp)) & width;
    const bool on_stack = m.base == X86_REG_RSP || m.base == X86_REG_ESP || m.base == X86_REG_RBP ||
                          m.base == X86_REG_EBP || m.base == X86_REG_BP;
    unsigned segment = on_stack ? SS : DS;
    for (unsigned n = 0; n < std::size(segment_registers); ++n) {
      if (segment_registers[n] == m.segment) segment = n;
    }
    if (cpu.mode.bits64) return offset + (segment >= FS ? cpu.segment[segment].base : 0);
    return (offset + cpu.segment[segment].base) & 0xffffffff;
  }
  return std::nullopt;
}

}  // namespace ringside
