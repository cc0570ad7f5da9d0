// Owns the registers that gdb sees: which there are, in which order, and how they are read and written. What
// they are comes from the CPU's table of registers and from that of MSRs.
#include "frontend/gdb/gdb_registers.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "cpu/state/msrs.h"
#include "cpu/state/register_table.h"
#include "frontend/gdb/packet.h"
#include "vmx/vmx.h"

namespace ringside {
namespace {

using Value = GdbRegister::Value;
using Part = GdbRegister::Feature;

// gdb's order is neither the encoding's nor the same in both layouts; its names of x87's words are its own.
constexpr std::array<std::string_view, 16> order64 = {"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp",
                                                      "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
constexpr std::array<std::string_view, 8> order32 = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi"};
constexpr std::array<std::string_view, 6> segment_order = {"cs", "ss", "ds", "es", "fs", "gs"};
struct Renamed {
  std::string_view name, ours;
};
constexpr Renamed x87_words[] = {{"fctrl", "fcw"}, {"fstat", "fsw"}, {"ftag", "ftw"},  {"fiseg", "fcs"},
                                 {"fioff", "fip"}, {"foseg", "fds"}, {"fooff", "fdp"}, {"fop", "fop"}};
// What people who debug kernels call them.
constexpr Renamed msr_names[] = {{"k_gs_base", "kernel_gs_base"}, {"tsc", "time_stamp_counter"}};

u64 code_base(const Cpu& cpu) { return cpu.mode.bits64 ? 0 : cpu.segment[CS].base; }

Value counter(const Cpu& cpu, const GdbRegister&) { return {program_counter(cpu)}; }

Value of_table(const Cpu& cpu, const GdbRegister& reg) {
  const bool asked = reg.feature == Part::system || reg.feature == Part::avx;
  const bool known = !asked || reg.info->is_present(cpu);
  return {reg.info->read(cpu), reg.bits > 64 ? reg.info->read(cpu, 1) : 0, known};
}
// Where gdb has fewer bits for it.
Value low_half(const Cpu& cpu, const GdbRegister& reg) { return {reg.info->read(cpu) & 0xffffffff}; }

Value model_specific(const Cpu& cpu, const GdbRegister& reg) {
  const auto value = peek_msr(cpu, *reg.msr);
  return {value.value_or(0), 0, value.has_value()};
}

// What gdb knows nothing of: the world that the CPU is in, and what the current VMCS says of it.
enum VmxWord : unsigned { vmx_state, vmcs_pointer, vmxon_pointer, vpid, eptp, exit_reason, qualification };
Value vmx_word(const Cpu& cpu, const GdbRegister& reg) {
  if (!cpu.vmx) return {0, 0, reg.index == vmx_state};
  const Vmcs* vmcs = cpu.vmx->current;
  const auto field = [&](Field f) { return vmcs ? Value{(*vmcs)[f]} : Value{0, 0, false}; };
  switch (reg.index) {
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
  GdbRegister& add(Part feature, std::string name, unsigned bits, std::string type) {
    GdbRegister& added = list_.emplace_back();
    added.name = std::move(name);
    added.bits = bits;
    added.type = std::move(type);
    added.feature = feature;
    return added;
  }
  // The row of the CPU's table that is called `ours`.
  GdbRegister& add(Part feature, std::string_view name, unsigned bits, std::string type,
                   std::string_view ours) {
    GdbRegister& added = add(feature, std::string(name), bits, std::move(type));
    added.info = find_register(ours)->whole;
    added.read = bits < added.info->bits ? low_half : of_table;
    if (added.info->can_be_set()) added.written_as = ours;
    return added;
  }

  void core() {
    const unsigned word = wide_ ? 64 : 32;
    const std::string type = wide_ ? "int64" : "int32";
    for (unsigned n = 0; n < (wide_ ? 16u : 8u); ++n) {
      const std::string_view own = wide_ ? order64[n] : order32[n];
      const bool pointer = own == "rsp" || own == "rbp";
      add(Part::core, wide_ ? std::string(own) : fmt::format("e{}", own.substr(1)), word,
          pointer ? "data_ptr" : type, own);
    }
    add(Part::core, wide_ ? "rip" : "eip", word, "code_ptr", "rip").read = counter;
    add(Part::core, "eflags", 32, "rflags_bits", "rflags");
    for (const std::string_view name : segment_order) add(Part::core, name, 32, "int32", name);
    for (unsigned n = 0; n < 8; ++n) {
      const std::string name = fmt::format("st{}", n);
      add(Part::core, name, 80, "i387_ext", name).high_written_as = name + ".e";
    }
    for (const Renamed& row : x87_words) add(Part::core, row.name, 32, "int", row.ours).group = "float";
    for (unsigned n = 0; n < (wide_ ? 16u : 8u); ++n) {
      const std::string name = fmt::format("xmm{}", n);
      add(Part::sse, name, 128, "vec128", name).high_written_as = name + ".h";
    }
    add(Part::sse, "mxcsr", 32, "mxcsr_bits", "mxcsr").group = "vector";
    // gdb makes ymm0 of xmm0 and this. Without AVX they are not known.
    for (unsigned n = 0; n < (wide_ ? 16u : 8u); ++n) {
      const std::string name = fmt::format("ymm{}h", n);
      add(Part::avx, name, 128, "uint128", name).high_written_as = name + ".h";
    }
  }

  // Every other register of the CPU, and the MSRs that have a value of their own.
  void system() {
    // gdb knows these two as a feature of their own, of 64-bit machines only.
    for (const std::string_view name : {"fs", "gs"})
      add(wide_ ? Part::segments : Part::system, fmt::format("{}_base", name), 64, "int",
          fmt::format("{}.base", name));
    add(Part::system, "ip", 64, "uint64", "rip").group = "system";
    for (const RegisterInfo& row : register_table()) {
      using enum RegisterGroup;
      if (row.group == general || row.group == x87 || row.group == vector) continue;
      std::string name(row.name);
      std::replace(name.begin(), name.end(), '.', '_');
      if (std::any_of(list_.begin(), list_.end(), [&](const GdbRegister& reg) { return reg.name == name; }))
        continue;
      const std::string type =
          row.bits_of.empty() ? fmt::format("uint{}", row.bits) : gdb_flags_type(row.bits_of);
      add(Part::system, name, row.bits, type, row.name).group = "system";
    }
    for (const MsrInfo& row : msr_table()) {
      if (!row.member && row.number != msr_number::IA32_APIC_BASE && row.number != msr_number::IA32_TSC)
        continue;
      GdbRegister& added = add(Part::system, msr_register_name(row.name), 64,
                               row.bits.empty() ? "uint64" : gdb_flags_type(row.name));
      added.group = "system";
      added.msr = &row;
      added.read = model_specific;
      added.written_as = fmt::format("msr.{:x}", row.number);
    }
  }

  // "lstar" of IA32_LSTAR.
  static std::string msr_register_name(std::string_view manual) {
    std::string name;
    for (const char c : manual.substr(manual.find('_') + 1))
      name += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    for (const Renamed& row : msr_names)
      if (row.ours == name) name = row.name;
    return name;
  }

  void vmx() {
    const auto own = [this](std::string_view name, unsigned bits, std::string_view type, unsigned index) {
      GdbRegister& added = add(Part::vmx, std::string(name), bits, std::string(type));
      added.group = "system";
      added.read = vmx_word;
      added.index = index;
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

std::string gdb_flags_type(std::string_view of) {
  std::string name;
  for (const char c : of) name += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return name + "_bits";
}

std::vector<GdbRegister> gdb_registers(Layout layout) { return List(layout).all(); }

std::string read_register(const Cpu& cpu, const GdbRegister& reg) {
  const Value value = reg.read(cpu, reg);
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
  const Value old = reg.read(cpu, reg);
  const u64 low = from_bytes(raw), high = raw.size() > 8 ? from_bytes(raw.substr(8)) : 0;
  if (old.known && to_hex(raw) == read_register(cpu, reg)) return true;
  if (reg.written_as.empty()) {
    why = fmt::format("{} cannot be written", reg.name);
    return false;
  }
  u64 value = low;
  // A 32-bit view leaves the upper half of what is wider as it is.
  if (reg.read == low_half) value |= reg.info->read(cpu) & ~u64{0xffffffff};
  if (reg.read == counter) {
    value -= code_base(cpu);
    if (!cpu.mode.bits64) value &= 0xffffffff;
  }
  if (old.low != low && !debugger.write_register(reg.written_as, value, why)) return false;
  return reg.high_written_as.empty() || old.high == high ||
         debugger.write_register(reg.high_written_as, high, why);
}

}  // namespace ringside
