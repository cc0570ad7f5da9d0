// Owns the registers that gdb sees: which there are, in which order, and how they are read and written.
#include "frontend/gdb/registers.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "cpu/state/msrs.h"
#include "frontend/gdb/packet.h"
#include "vmx/vmx.h"

namespace ringside {
namespace {

using Value = GdbRegister::Value;
using Part = GdbRegister::Feature;

// gdb's order is neither the encoding's nor the same in both layouts.
constexpr std::array<u8, 16> order64 = {RAX, RBX, RCX, RDX, RSI, RDI, RBP, RSP,
                                        R8,  R9,  R10, R11, R12, R13, R14, R15};
constexpr std::array<u8, 8> order32 = {RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI};
constexpr std::array<std::string_view, 16> gpr_names = {"ax", "cx", "dx", "bx", "sp", "bp", "si", "di"};
constexpr std::array<u8, 6> segment_order = {CS, SS, DS, ES, FS, GS};
constexpr std::array<std::string_view, 8> segment_names = {"es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr"};

u64 code_base(const Cpu& cpu) { return cpu.mode.bits64 ? 0 : cpu.segment[CS].base; }

Value gpr(const Cpu& cpu, unsigned n) { return {cpu.gpr[n]}; }
Value counter(const Cpu& cpu, unsigned) { return {program_counter(cpu)}; }
Value offset(const Cpu& cpu, unsigned) { return {cpu.rip}; }
Value eflags(const Cpu& cpu, unsigned) { return {cpu.eflags()}; }
Value selector(const Cpu& cpu, unsigned n) { return {cpu.segment[n].selector}; }
Value base(const Cpu& cpu, unsigned n) { return {cpu.segment[n].base}; }
Value limit(const Cpu& cpu, unsigned n) { return {cpu.segment[n].limit}; }
Value rights(const Cpu& cpu, unsigned n) { return {cpu.segment[n].rights}; }

Value st(const Cpu& cpu, unsigned n) {
  const X87Register& reg = cpu.x87.physical[(cpu.x87.top + n) & 7];
  return {reg.significand, reg.sign_exponent};
}

// The tag word in full, two bits for each physical register: valid, zero, special, empty.
u64 tag_word(const X87State& x87) {
  u64 word = 0;
  for (unsigned n = 0; n < 8; ++n) {
    const X87Register& reg = x87.physical[n];
    const unsigned exponent = reg.sign_exponent & 0x7fff;
    unsigned tag = 0;
    if (!(x87.valid >> n & 1))
      tag = 3;
    else if (exponent == 0 && reg.significand == 0)
      tag = 1;
    else if (exponent == 0 || exponent == 0x7fff || !(reg.significand >> 63))
      tag = 2;
    word |= u64{tag} << 2 * n;
  }
  return word;
}

enum X87Word : unsigned { fctrl, fstat, ftag, fiseg, fioff, foseg, fooff, fop };
constexpr std::array<std::string_view, 8> x87_words = {"fctrl", "fstat", "ftag",  "fiseg",
                                                       "fioff", "foseg", "fooff", "fop"};
Value x87_word(const Cpu& cpu, unsigned n) {
  const X87State& x87 = cpu.x87;
  switch (n) {
    case fctrl: return {x87.control};
    case fstat: return {x87.status_word()};
    case ftag: return {tag_word(x87)};
    case fiseg: return {x87.code_selector};
    case fioff: return {x87.instruction_pointer & 0xffffffff};
    case foseg: return {x87.data_selector};
    case fooff: return {x87.data_pointer & 0xffffffff};
    default: return {x87.opcode};
  }
}

Value xmm(const Cpu& cpu, unsigned n) { return {cpu.vector.xmm[n].q[0], cpu.vector.xmm[n].q[1]}; }
Value mxcsr(const Cpu& cpu, unsigned) { return {cpu.vector.mxcsr}; }

Value control(const Cpu& cpu, unsigned n) {
  switch (n) {
    case 0: return {cpu.cr0};
    case 2: return {cpu.cr2};
    case 3: return {cpu.cr3};
    case 4: return {cpu.cr4};
    default: break;
  }
  return {u64{cpu.interrupts ? cpu.interrupts->task_priority() : u8{0}}};
}

u64 table_part(const Cpu::Table& table, bool limit) { return limit ? table.limit : table.base; }
Value gdtr(const Cpu& cpu, unsigned limit) { return {table_part(cpu.gdtr, limit)}; }
Value idtr(const Cpu& cpu, unsigned limit) { return {table_part(cpu.idtr, limit)}; }
Value debug(const Cpu& cpu, unsigned n) { return {n == 6 ? cpu.dr6 : n == 7 ? cpu.dr7 : cpu.dr[n & 3]}; }
Value efer(const Cpu& cpu, unsigned) { return {cpu.efer}; }
Value xcr0(const Cpu& cpu, unsigned) { return {cpu.xcr0}; }
Value level(const Cpu& cpu, unsigned) { return {cpu.cpl}; }

struct ChosenMsr {
  std::string_view name;
  u32 number;
};
constexpr std::array<ChosenMsr, 13> chosen_msrs = {{{"k_gs_base", 0xc0000102},
                                                    {"star", 0xc0000081},
                                                    {"lstar", 0xc0000082},
                                                    {"cstar", 0xc0000083},
                                                    {"fmask", 0xc0000084},
                                                    {"tsc_aux", 0xc0000103},
                                                    {"sysenter_cs", 0x174},
                                                    {"sysenter_esp", 0x175},
                                                    {"sysenter_eip", 0x176},
                                                    {"pat", 0x277},
                                                    {"apic_base", 0x1b},
                                                    {"tsc", 0x10},
                                                    {"feature_control", 0x3a}}};
Value model_specific(const Cpu& cpu, unsigned n) {
  const MsrInfo* info = find_msr(chosen_msrs[n].number);
  if (!info || (info->present && cpu.model && !info->present(*cpu.model))) return {0, 0, false};
  Value value;
  if (info->read)
    value.known = info->read(cpu, *info, value.low);
  else if (info->member)
    value.low = cpu.msr.*info->member;
  else
    value.known = false;
  return value;
}

// What GDB knows nothing of: the world that the CPU is in, and what the current VMCS says of it.
enum VmxWord : unsigned { vmx_state, vmcs_pointer, vmxon_pointer, vpid, eptp, exit_reason, qualification };
Value vmx_word(const Cpu& cpu, unsigned n) {
  if (!cpu.vmx) return {0, 0, n == vmx_state};
  const Vmcs* vmcs = cpu.vmx->current;
  const auto field = [&](Field f) { return vmcs ? Value{(*vmcs)[f]} : Value{0, 0, false}; };
  switch (n) {
    case vmx_state:
      return {u64{cpu.vmx_operation} | u64{cpu.non_root} << 1 | u64{vmcs && vmcs->launched} << 2};
    case vmcs_pointer: return {vmcs ? vmcs->region.value : ~u64{0}};
    case vmxon_pointer: return {cpu.vmx_operation ? cpu.vmx->vmxon_region.value : ~u64{0}};
    case vpid: return field(Field::VIRTUAL_PROCESSOR_ID);
    case eptp: return field(Field::EPT_POINTER);
    case exit_reason: return field(Field::EXIT_REASON);
    default: return field(Field::EXIT_QUALIFICATION);
  }
}

class List {
 public:
  explicit List(Layout layout) : wide_(layout == Layout::bits64) {}

  std::vector<GdbRegister> all() {
    core();
    system();
    vmx();
    return std::move(list_);
  }

 private:
  using Read = Value (*)(const Cpu&, unsigned);
  GdbRegister& add(Part feature, std::string name, unsigned bits, std::string_view type, Read read,
                   unsigned index = 0, std::string written_as = "") {
    list_.push_back({std::move(name), bits, type, "", feature, read, index, std::move(written_as), ""});
    return list_.back();
  }

  void core() {
    const unsigned word = wide_ ? 64 : 32;
    const std::string_view type = wide_ ? "int64" : "int32";
    for (unsigned n = 0; n < (wide_ ? 16u : 8u); ++n) {
      const u8 number = wide_ ? order64[n] : order32[n];
      const std::string own = number < 8 ? fmt::format("r{}", gpr_names[number]) : fmt::format("r{}", number);
      const bool pointer = number == RSP || number == RBP;
      add(Part::core, wide_ ? own : fmt::format("e{}", gpr_names[number]), word, pointer ? "data_ptr" : type,
          gpr, number, own);
    }
    add(Part::core, wide_ ? "rip" : "eip", word, "code_ptr", counter, 0, "rip");
    add(Part::core, "eflags", 32, "rflags_bits", eflags, 0, "eflags");
    for (const u8 n : segment_order)
      add(Part::core, std::string(segment_names[n]), 32, "int32", selector, n, std::string(segment_names[n]));
    for (unsigned n = 0; n < 8; ++n)
      add(Part::core, fmt::format("st{}", n), 80, "i387_ext", st, n, fmt::format("st{}", n)).high_written_as =
          fmt::format("st{}.e", n);
    for (unsigned n = 0; n < x87_words.size(); ++n)
      add(Part::core, std::string(x87_words[n]), 32, "int", x87_word, n).group = "float";
    for (unsigned n = 0; n < (wide_ ? 16u : 8u); ++n)
      add(Part::sse, fmt::format("xmm{}", n), 128, "vec128", xmm, n, fmt::format("xmm{}", n))
          .high_written_as = fmt::format("xmm{}.h", n);
    add(Part::sse, "mxcsr", 32, "mxcsr_bits", mxcsr, 0, "mxcsr").group = "vector";
  }

  void system() {
    // gdb knows these two as a feature of their own, of 64-bit machines only.
    for (const u8 n : {FS, GS})
      add(wide_ ? Part::segments : Part::system, fmt::format("{}_base", segment_names[n]), 64, "int", base, n,
          fmt::format("{}.base", segment_names[n]));
    const auto own = [this](std::string name, unsigned bits, std::string_view type, Read read,
                            unsigned index = 0, std::string written_as = "") {
      add(Part::system, std::move(name), bits, type, read, index, std::move(written_as)).group = "system";
    };
    own("ip", 64, "uint64", offset, 0, "rip");
    own("cpl", 8, "uint8", level);
    for (const unsigned n : {0u, 2u, 3u, 4u, 8u}) {
      const std::string name = fmt::format("cr{}", n);
      own(name, 64, n == 0 ? "cr0_bits" : n == 4 ? "cr4_bits" : "uint64", control, n, name);
    }
    own("efer", 64, "efer_bits", efer, 0, "efer");
    own("xcr0", 64, "uint64", xcr0, 0, "xcr0");
    for (const u8 n : {ES, CS, SS, DS, LDTR, TR})
      own(fmt::format("{}_base", segment_names[n]), 64, "uint64", base, n,
          fmt::format("{}.base", segment_names[n]));
    for (const u8 n : {ES, CS, SS, DS, FS, GS, LDTR, TR}) {
      own(fmt::format("{}_limit", segment_names[n]), 32, "uint32", limit, n);
      own(fmt::format("{}_rights", segment_names[n]), 32, "uint32", rights, n);
    }
    own("ldtr", 16, "uint16", selector, LDTR);
    own("tr", 16, "uint16", selector, TR);
    own("gdtr_base", 64, "uint64", gdtr, 0);
    own("gdtr_limit", 32, "uint32", gdtr, 1);
    own("idtr_base", 64, "uint64", idtr, 0);
    own("idtr_limit", 32, "uint32", idtr, 1);
    for (const unsigned n : {0u, 1u, 2u, 3u, 6u, 7u})
      own(fmt::format("dr{}", n), 64, "uint64", debug, n, fmt::format("dr{}", n));
    for (unsigned n = 0; n < chosen_msrs.size(); ++n)
      own(std::string(chosen_msrs[n].name), 64, "uint64", model_specific, n,
          fmt::format("msr.{:x}", chosen_msrs[n].number));
  }

  void vmx() {
    const auto own = [this](std::string_view name, unsigned bits, std::string_view type, unsigned index) {
      add(Part::vmx, std::string(name), bits, type, vmx_word, index).group = "system";
    };
    own("vmx", 32, "vmx_bits", vmx_state);
    own("vmcs", 64, "uint64", vmcs_pointer);
    own("vmxon", 64, "uint64", vmxon_pointer);
    own("vpid", 16, "uint16", vpid);
    own("eptp", 64, "uint64", eptp);
    own("exit_reason", 32, "uint32", exit_reason);
    own("exit_qualification", 64, "uint64", qualification);
  }

  bool wide_;
  std::vector<GdbRegister> list_;
};

u64 from_bytes(std::string_view raw) {
  u64 value = 0;
  for (std::size_t n = 0; n < raw.size() && n < 8; ++n) value |= u64{static_cast<u8>(raw[n])} << 8 * n;
  return value;
}

}  // namespace

u64 program_counter(const Cpu& cpu) {
  const u64 linear = code_base(cpu) + cpu.rip;
  return cpu.mode.bits64 ? linear : linear & 0xffffffff;
}

std::vector<GdbRegister> gdb_registers(Layout layout) { return List(layout).all(); }

std::string read_register(const Cpu& cpu, const GdbRegister& reg) {
  const Value value = reg.read(cpu, reg.index);
  if (!value.known) return std::string(reg.bytes() * 2, 'x');
  const unsigned low = std::min(reg.bytes(), 8u);
  return little_endian_hex(value.low, low) + little_endian_hex(value.high, reg.bytes() - low);
}

bool write_register(Debugger& debugger, const GdbRegister& reg, std::string_view raw, std::string& why) {
  if (raw.size() != reg.bytes()) {
    why = fmt::format("{} has {} bytes", reg.name, reg.bytes());
    return false;
  }
  const Cpu& cpu = debugger.cpu();
  const Value old = reg.read(cpu, reg.index);
  const u64 low = from_bytes(raw), high = raw.size() > 8 ? from_bytes(raw.substr(8)) : 0;
  if (old.known && to_hex(raw) == read_register(cpu, reg)) return true;
  if (reg.written_as.empty()) {
    why = fmt::format("{} cannot be written", reg.name);
    return false;
  }
  u64 value = low;
  // A 32-bit view leaves the upper half of what is wider as it is.
  if (reg.read == gpr && reg.bits == 32) value |= cpu.gpr[reg.index] & ~u64{0xffffffff};
  if (reg.read == counter) {
    value -= code_base(cpu);
    if (!cpu.mode.bits64) value &= 0xffffffff;
  }
  if (reg.read == selector && value > 0xffff) {
    why = fmt::format("{} has 16 bits", reg.name);
    return false;
  }
  if (old.low != low && !debugger.write_register(reg.written_as, value, why)) return false;
  return reg.high_written_as.empty() || old.high == high ||
         debugger.write_register(reg.high_written_as, high, why);
}

}  // namespace ringside
