// Owns the rows of the table of model-specific registers.
#include <algorithm>
#include <deque>
#include <vector>

#include <fmt/format.h>

#include "cpu/state/msrs.h"

namespace ringside {
namespace {

using M = Cpu::Msrs;
constexpr u64 all = ~u64{0};
constexpr u64 upper_half = 0xffffffff00000000, lower_half = 0xffffffff;

// -- Reads and writes that are more than a member.

template <u64 constant>
bool read_constant(const Cpu&, const MsrInfo&, u64& value) {
  value = constant;
  return true;
}
bool refuse_read(const Cpu&, const MsrInfo&, u64&) { return false; }
bool ignore_write(Cpu&, const MsrInfo&, u64) { return true; }
// For counters and status registers that may only be cleared.
bool write_zero_only(Cpu&, const MsrInfo&, u64 value) { return value == 0; }

// Of a family whose registers stand in an array.
template <auto family>
u64& member_of(Cpu::Msrs& msr, unsigned index) {
  return (msr.*family)[index];
}
template <auto family>
bool read_member_of(const Cpu& cpu, const MsrInfo& info, u64& value) {
  value = (cpu.msr.*family)[info.index];
  return true;
}
template <auto family>
bool write_member_of(Cpu& cpu, const MsrInfo& info, u64 value) {
  (cpu.msr.*family)[info.index] = value;
  return true;
}

bool write_canonical(Cpu& cpu, const MsrInfo& info, u64 value) {
  if (!canonical_for_cpu(cpu, value)) return false;
  *info.place(cpu.msr) = value;
  return true;
}

// -- Time.

void move_tsc(Cpu& cpu, u64 delta) {
  cpu.msr.tsc_offset += delta;
  if (cpu.interrupts) cpu.interrupts->set_tsc_offset(static_cast<s64>(cpu.msr.tsc_offset));
}
bool read_time(const Cpu& cpu, const MsrInfo&, u64& value) {
  value = read_tsc(cpu);
  return true;
}
// "Time-Stamp Counter Adjustment": each of the two registers moves the other.
bool write_time(Cpu& cpu, const MsrInfo&, u64 value) {
  const u64 delta = value - host_tsc(cpu);
  cpu.msr.tsc_adjust += delta;
  move_tsc(cpu, delta);
  return true;
}
bool write_tsc_adjust(Cpu& cpu, const MsrInfo&, u64 value) {
  const u64 delta = value - cpu.msr.tsc_adjust;
  cpu.msr.tsc_adjust = value;
  move_tsc(cpu, delta);
  return true;
}

// -- The local APIC's.

bool read_apic(const Cpu& cpu, const MsrInfo& info, u64& value) {
  return cpu.interrupts && cpu.interrupts->read_msr(info.number, value);
}
bool write_apic(Cpu& cpu, const MsrInfo& info, u64 value) {
  return cpu.interrupts && cpu.interrupts->write_msr(info.number, value);
}

// -- Modes and segments.

bool read_efer(const Cpu& cpu, const MsrInfo&, u64& value) {
  value = cpu.efer;
  return true;
}
bool write_efer(Cpu& cpu, const MsrInfo&, u64 value) {
  value = (value & ~Efer::LMA) | (cpu.efer & Efer::LMA);
  if (value & ~(supported_efer(*cpu.model) | Efer::LMA)) return false;
  if ((value & Efer::NXE) && (cpu.msr.misc_enable & MiscEnable::xd_disable)) return false;
  if ((cpu.cr0 & Cr0::PG) && ((value ^ cpu.efer) & Efer::LME)) return false;
  cpu.efer = value;
  cpu.update_mode();
  cpu.update_translation();
  return true;
}
template <SegReg segment>
bool read_base(const Cpu& cpu, const MsrInfo&, u64& value) {
  value = cpu.segment[segment].base;
  return true;
}
template <SegReg segment>
bool write_base(Cpu& cpu, const MsrInfo&, u64 value) {
  if (!canonical_for_cpu(cpu, value)) return false;
  cpu.segment[segment].base = value;
  return true;
}
bool write_pkrs(Cpu& cpu, const MsrInfo&, u64 value) {
  cpu.msr.pkrs = value;
  cpu.update_translation();
  return true;
}
bool write_xss(Cpu& cpu, const MsrInfo&, u64 value) {
  if (value & ~supported_xss(*cpu.model)) return false;
  cpu.msr.xss = value;
  return true;
}

// -- Branch records.

bool write_debugctl(Cpu& cpu, const MsrInfo&, u64 value) {
  cpu.msr.debugctl = value;
  cpu.update_debug();
  return true;
}
bool read_perf_capabilities(const Cpu& cpu, const MsrInfo&, u64& value) {
  value = static_cast<u64>(cpu.model->last_branches.format);
  return true;
}
bool write_last_branch_select(Cpu& cpu, const MsrInfo&, u64 value) {
  if (value & ~(bit_range(0, 8) | (cpu.model->last_branches.call_stack ? bit(9) : 0))) return false;
  cpu.msr.last_branch_select = value;
  return true;
}
bool write_last_branch_top(Cpu& cpu, const MsrInfo&, u64 value) {
  if (value >= cpu.model->last_branches.depth) return false;
  cpu.msr.last_branch_top = value;
  return true;
}
// Of a source the upper bits may be flags; the offset is sign-extended from below them.
bool write_branch_source(Cpu& cpu, const MsrInfo& info, u64 value) {
  const auto format = cpu.model->last_branches.format;
  const unsigned flags = format == LastBranches::Format::flags               ? 1
                         : format == LastBranches::Format::transaction_flags ? 3
                                                                             : 0;
  const u64 offset = static_cast<u64>(static_cast<s64>(value << flags) >> flags);
  if (!canonical_for_cpu(cpu, offset)) return false;
  *info.place(cpu.msr) = value;
  return true;
}

// -- Memory types.

bool all_types_valid(u64 value, bool in_pat) {
  for (unsigned i = 0; i < 8; ++i)
    if (!valid_memory_type(value >> (8 * i) & 0xff, in_pat)) return false;
  return true;
}
bool write_pat(Cpu& cpu, const MsrInfo&, u64 value) {
  if (!all_types_valid(value, true)) return false;
  cpu.msr.pat = value;
  return true;
}
bool write_mtrr_fixed(Cpu& cpu, const MsrInfo& info, u64 value) {
  return all_types_valid(value, false) && write_member_of<&M::mtrr_fixed>(cpu, info, value);
}
// Even numbers are IA32_MTRR_PHYSBASEn, odd ones IA32_MTRR_PHYSMASKn.
bool write_mtrr_variable(Cpu& cpu, const MsrInfo& info, u64 value) {
  const bool mask = info.index & 1;
  const u64 reserved = ~bit_range(0, cpu.model->physical_bits - 1) | (mask ? 0x7ff : 0xf00);
  if ((value & reserved) || (!mask && !valid_memory_type(value & 0xff, false))) return false;
  return write_member_of<&M::mtrr_variable>(cpu, info, value);
}
bool write_mtrr_def_type(Cpu& cpu, const MsrInfo&, u64 value) {
  if (!valid_memory_type(value & 0xff, false)) return false;
  cpu.msr.mtrr_def_type = value;
  return true;
}

// -- Machine check.

enum : unsigned { mc_ctl, mc_status, mc_addr, mc_misc };
bool write_mc_bank(Cpu& cpu, const MsrInfo& info, u64 value) {
  if (info.index % 4 != mc_ctl && value != 0) return false;
  return write_member_of<&M::mc_banks>(cpu, info, value);
}

// -- What the model says.

bool read_arch_capabilities(const Cpu& cpu, const MsrInfo&, u64& value) {
  value = cpu.model->arch_capabilities;
  return true;
}
constexpr u64 bus_hertz = 100'000'000;
bool read_platform_info(const Cpu& cpu, const MsrInfo&, u64& value) {
  const u64 ratio = (cpu.model ? cpu.model->tsc_hertz / bus_hertz : 20) & 0xff;
  value = ratio << 8 | bit(31) /* CPUID faulting */ | u64{8} << 40 /* lowest ratio */;
  return true;
}
// One ratio for every number of cores: there is no turbo mode, and MSR_PLATFORM_INFO says that the limit
// cannot be changed.
bool read_turbo_ratio_limit(const Cpu& cpu, const MsrInfo&, u64& value) {
  value = ((cpu.model ? cpu.model->tsc_hertz / bus_hertz : 20) & 0xff) * 0x0101010101010101;
  return true;
}
bool read_core_thread_count(const Cpu& cpu, const MsrInfo&, u64& value) {
  value = cpu.cpus | u64{cpu.cpus} << 16;  // a thread for each core
  return true;
}
bool read_perf_status(const Cpu& cpu, const MsrInfo&, u64& value) {
  value = ((cpu.model ? cpu.model->tsc_hertz / bus_hertz : 20) & 0xff) << 8;
  return true;
}

// Which package C-state may be entered at most: kept, as nothing here sleeps. Bit 15 locks the register until
// a reset.
bool write_package_states(Cpu& cpu, const MsrInfo&, u64 value) {
  constexpr u64 lock = bit(15), defined = 0xf | bit(10) | lock | bit_range(25, 30);
  if ((cpu.msr.package_states & lock) || (value & ~defined)) return false;
  cpu.msr.package_states = value;
  return true;
}

// -- Speculation: commands and controls that nothing here needs, checked as hardware does.

bool write_spec_ctrl(Cpu& cpu, const MsrInfo&, u64 value) {
  const u64 known = (cpu.model->has(Flag::ibrs) ? 1 : 0) | (cpu.model->has(Flag::stibp) ? 2 : 0) |
                    (cpu.model->has(Flag::ssbd) ? 4 : 0);
  if (value & ~known) return false;
  cpu.msr.spec_ctrl = value;
  return true;
}
bool write_feature_control(Cpu& cpu, const MsrInfo&, u64 value) {
  if (cpu.msr.feature_control & FeatureControl::lock) return false;
  const u64 defined =
      FeatureControl::lock | (cpu.model->has(Feature::vmx) ? FeatureControl::vmx_outside_smx : 0);
  if (value & ~defined) return false;
  cpu.msr.feature_control = value;
  return true;
}

// The vmx room derives them from the model, the machine puts them here.
bool read_vmx_capability(const Cpu& cpu, const MsrInfo& info, u64& value) {
  value = cpu.vmx_capability[info.index];
  return true;
}

// -- Presence.

template <Flag flag>
bool with(const CpuModel& m) {
  return m.has(flag);
}
template <Feature feature>
bool having(const CpuModel& m) {
  return m.has(feature);
}
bool with_tsc_aux(const CpuModel& m) { return m.has(Feature::rdtscp) || m.has(Feature::rdpid); }
bool with_spec_ctrl(const CpuModel& m) {
  return m.has(Flag::ibrs) || m.has(Flag::stibp) || m.has(Flag::ssbd);
}

template <VmxControl control>
bool with_vmx(const CpuModel& m) {
  return m.has(Feature::vmx) && m.vmx.test(static_cast<std::size_t>(control));
}
bool with_ept_or_vpid(const CpuModel& m) {
  return with_vmx<VmxControl::ept>(m) || with_vmx<VmxControl::vpid>(m);
}

bool with_last_branches(const CpuModel& m) { return m.last_branches.depth != 0; }
template <unsigned depth>
bool with_last_branches_beyond(const CpuModel& m) {
  return m.last_branches.depth > depth;
}
bool with_last_branch_information(const CpuModel& m) {
  return with_last_branches(m) && m.last_branches.format == LastBranches::Format::information;
}

constexpr std::string_view vmx_capability_names[] = {
    "IA32_VMX_BASIC",          "IA32_VMX_PINBASED_CTLS",      "IA32_VMX_PROCBASED_CTLS",
    "IA32_VMX_EXIT_CTLS",      "IA32_VMX_ENTRY_CTLS",         "IA32_VMX_MISC",
    "IA32_VMX_CR0_FIXED0",     "IA32_VMX_CR0_FIXED1",         "IA32_VMX_CR4_FIXED0",
    "IA32_VMX_CR4_FIXED1",     "IA32_VMX_VMCS_ENUM",          "IA32_VMX_PROCBASED_CTLS2",
    "IA32_VMX_EPT_VPID_CAP",   "IA32_VMX_TRUE_PINBASED_CTLS", "IA32_VMX_TRUE_PROCBASED_CTLS",
    "IA32_VMX_TRUE_EXIT_CTLS", "IA32_VMX_TRUE_ENTRY_CTLS",    "IA32_VMX_VMFUNC",
    "IA32_VMX_PROCBASED_CTLS3"};
constexpr auto vmx_basic = having<Feature::vmx>;
constexpr auto vmx_true = with_vmx<VmxControl::true_controls>;
constexpr bool (*vmx_capability_present[])(const CpuModel&) = {vmx_basic,
                                                               vmx_basic,
                                                               vmx_basic,
                                                               vmx_basic,
                                                               vmx_basic,
                                                               vmx_basic,
                                                               vmx_basic,
                                                               vmx_basic,
                                                               vmx_basic,
                                                               vmx_basic,
                                                               vmx_basic,
                                                               with_vmx<VmxControl::secondary_controls>,
                                                               with_ept_or_vpid,
                                                               vmx_true,
                                                               vmx_true,
                                                               vmx_true,
                                                               vmx_true,
                                                               with_vmx<VmxControl::vm_functions>,
                                                               with_vmx<VmxControl::tertiary_controls>};
static_assert(std::size(vmx_capability_present) == std::size(vmx_capability_names));

constexpr std::string_view architectural = "IA-32 Architectural MSRs";
constexpr std::string_view of_the_model = "Model-Specific Registers (MSRs)";
constexpr std::string_view range_registers = "Memory Type Range Registers (MTRRs)";
constexpr std::string_view machine_check = "Machine-Check MSRs";
constexpr std::string_view system_calls = "Fast System Calls in 64-Bit Mode";
constexpr std::string_view sysenter =
    "Performing Fast Calls to System Procedures with the SYSENTER and SYSEXIT Instructions";
constexpr std::string_view segment_bases = "Segment Loading Instructions in IA-32e Mode";
constexpr std::string_view time_stamp = "Time-Stamp Counter";
constexpr std::string_view last_branches = "Last Branch, Interrupt, and Exception Recording";

constexpr u64 misc_enable_writable = MiscEnable::fast_strings | bit(3) | MiscEnable::monitor |
                                     MiscEnable::limit_cpuid | MiscEnable::xtpr_disable |
                                     MiscEnable::xd_disable;
constexpr u64 misc_enable_defined =
    misc_enable_writable | bit(7) | MiscEnable::no_bts | MiscEnable::no_pebs | bit(13) | bit(16) | bit(38);
// What else there is needs a debug store, performance monitoring or transactions, which no model has.
constexpr u64 debugctl_defined = DebugControl::LBR | DebugControl::BTF;
constexpr u64 mcg_cap = mc_bank_count | bit(8) /* MCG_CTL_P */ | bit(10) /* MCG_CMCI_P */;
constexpr u64 temperature_target = u64{100} << 16;  // degrees Celsius, at which PROCHOT# would be asserted
constexpr u64 rapl_units = 3 /* 1/8 W */ | 14 << 8 /* 61 microjoules */ | 10 << 16 /* 976 microseconds */;
constexpr u64 mtrr_cap = mtrr_variable_count | bit(8) /* fixed */ | bit(10) /* WC */;

// Counters and thermal registers for which CPUID announces no feature, but which software of real machines
// reads and writes unasked: they count nothing.
MsrInfo silent(u32 number, std::string_view name) {
  return {
      .number = number, .name = name, .title = of_the_model, .read = read_constant<0>, .write = ignore_write};
}

constexpr std::nullptr_t none = nullptr;

void add_single(std::vector<MsrInfo>& t) {
#define MSR(number, name, title, member, writable, reserved, read, write, present) \
  t.push_back({number, #name, title, member, writable, reserved, read, write, present});
#include "cpu/state/msr_rows.inc"
#undef MSR
}

template <class Keep>
void add_last_branch(std::vector<MsrInfo>& t, u16 n, Keep keep) {
  constexpr unsigned first_depth = 16;
  const auto present = n < first_depth ? with_last_branches : with_last_branches_beyond<first_depth>;
  constexpr u64 information_flags = bit_range(61, 63) /* aborted, in a transaction, mispredicted */;
  t.push_back({.number = 0x680u + n,
               .name = keep(fmt::format("MSR_LASTBRANCH_{}_FROM_IP", n)),
               .title = last_branches,
               .read = read_member_of<&M::last_branch_from>,
               .write = write_branch_source,
               .present = present,
               .index = n,
               .cell = member_of<&M::last_branch_from>});
  t.push_back({.number = 0x6c0u + n,
               .name = keep(fmt::format("MSR_LASTBRANCH_{}_TO_IP", n)),
               .title = last_branches,
               .read = read_member_of<&M::last_branch_to>,
               .write = write_canonical,
               .present = present,
               .index = n,
               .cell = member_of<&M::last_branch_to>});
  t.push_back({.number = 0xdc0u + n,
               .name = keep(fmt::format("MSR_LBR_INFO_{}", n)),
               .title = last_branches,
               .reserved = ~(bit_range(0, 15) | information_flags),
               .read = read_member_of<&M::last_branch_info>,
               .write = write_member_of<&M::last_branch_info>,
               .present = with_last_branch_information,
               .index = n,
               .cell = member_of<&M::last_branch_info>});
}

// `names` keeps the families' names for as long as the table lives.
void add_families(std::vector<MsrInfo>& t, std::deque<std::string>& names) {
  const auto keep = [&](std::string name) -> std::string_view { return names.emplace_back(std::move(name)); };
  for (u32 n = 0; n < 8; ++n) t.push_back(silent(0xc1 + n, keep(fmt::format("IA32_PMC{}", n))));
  for (u32 n = 0; n < 8; ++n) t.push_back(silent(0x186 + n, keep(fmt::format("IA32_PERFEVTSEL{}", n))));

  static constexpr struct {
    u32 number;
    std::string_view name;
  } fixed[] = {
      {0x250, "IA32_MTRR_FIX64K_00000"}, {0x258, "IA32_MTRR_FIX16K_80000"}, {0x259, "IA32_MTRR_FIX16K_A0000"},
      {0x268, "IA32_MTRR_FIX4K_C0000"},  {0x269, "IA32_MTRR_FIX4K_C8000"},  {0x26a, "IA32_MTRR_FIX4K_D0000"},
      {0x26b, "IA32_MTRR_FIX4K_D8000"},  {0x26c, "IA32_MTRR_FIX4K_E0000"},  {0x26d, "IA32_MTRR_FIX4K_E8000"},
      {0x26e, "IA32_MTRR_FIX4K_F0000"},  {0x26f, "IA32_MTRR_FIX4K_F8000"}};
  for (u16 n = 0; n < std::size(fixed); ++n)
    t.push_back({.number = fixed[n].number,
                 .name = fixed[n].name,
                 .title = range_registers,
                 .read = read_member_of<&M::mtrr_fixed>,
                 .write = write_mtrr_fixed,
                 .present = with<Flag::mtrr>,
                 .index = n,
                 .cell = member_of<&M::mtrr_fixed>});
  for (u16 n = 0; n < 2 * mtrr_variable_count; ++n)
    t.push_back({.number = 0x200u + n,
                 .name = keep(fmt::format("IA32_MTRR_PHYS{}{}", n & 1 ? "MASK" : "BASE", n / 2)),
                 .title = range_registers,
                 .read = read_member_of<&M::mtrr_variable>,
                 .write = write_mtrr_variable,
                 .present = with<Flag::mtrr>,
                 .index = n,
                 .cell = member_of<&M::mtrr_variable>});
  static constexpr const char* parts[] = {"CTL", "STATUS", "ADDR", "MISC"};
  for (u16 n = 0; n < 4 * mc_bank_count; ++n)
    t.push_back({.number = 0x400u + n,
                 .name = keep(fmt::format("IA32_MC{}_{}", n / 4, parts[n % 4])),
                 .title = machine_check,
                 .read = read_member_of<&M::mc_banks>,
                 .write = write_mc_bank,
                 .present = with<Flag::mca>,
                 .index = n,
                 .cell = member_of<&M::mc_banks>});
  for (u16 n = 0; n < std::size(vmx_capability_names); ++n)
    t.push_back({.number = 0x480u + n,
                 .name = vmx_capability_names[n],
                 .title = "VMX Capability Reporting Facility",
                 .read = read_vmx_capability,
                 .present = vmx_capability_present[n],
                 .index = n});
  for (u16 n = 0; n < M::most_last_branches; ++n) add_last_branch(t, n, keep);
  for (u16 n = 0; n < mc_bank_count; ++n)
    t.push_back({.number = 0x280u + n,
                 .name = keep(fmt::format("IA32_MC{}_CTL2", n)),
                 .title = machine_check,
                 .reserved = ~(bit_range(0, 14) | bit(30)),
                 .read = read_member_of<&M::mc_ctl2>,
                 .write = write_member_of<&M::mc_ctl2>,
                 .present = with<Flag::mca>,
                 .index = n,
                 .cell = member_of<&M::mc_ctl2>});
}

}  // namespace

std::span<const MsrInfo> msr_table() {
  struct Table {
    std::deque<std::string> names;
    std::vector<MsrInfo> rows;
    Table() {
      add_single(rows);
      add_families(rows, names);
      std::sort(rows.begin(), rows.end(), [](auto& a, auto& b) { return a.number < b.number; });
      for (MsrInfo& row : rows) row.bits = bits_of_register(row.name);
    }
  };
  static const Table table;
  return table.rows;
}

u64 supported_efer(const CpuModel& model) {
  return (model.has(Feature::syscall) ? Efer::SCE : 0) | (model.has(Feature::long_mode) ? Efer::LME : 0) |
         (model.has(Flag::nx) ? Efer::NXE : 0);
}

}  // namespace ringside
