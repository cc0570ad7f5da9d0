// Owns the table of hypervisors' needs and the report made of it.
#include "frontend/inspect/vmx_report.h"

#include <fmt/format.h>

#include <array>
#include <span>
#include <vector>

#include "cpu/state/msrs.h"
#include "frontend/machine/boot.h"
#include "vmx/capabilities.h"

namespace ringside {
namespace {

// What a need is judged by.
struct Platform {
  const CpuModel& model;
  const Capabilities& vmx;
  u64 feature_control;
  bool power_management;  // the FADT names PM1a event, PM1a control and PM timer blocks
  bool uniform;           // every CPU reports the same capabilities
};

struct Need {
  std::string_view text;
  bool (*met)(const Platform&);
};

template <VmxControl control>
bool offers(const Platform& p) {
  return p.vmx.has(control);
}
template <VmxControl control>
constexpr Need need() {
  return {info(control).name, offers<control>};
}
template <Feature feature>
bool has(const Platform& p) {
  return p.model.has(feature);
}
template <Flag flag>
bool has_flag(const Platform& p) {
  return p.model.has(flag);
}
bool enabled(const Platform& p) {
  constexpr u64 wanted = FeatureControl::lock | FeatureControl::vmx_outside_smx;
  return (p.feature_control & wanted) == wanted || !(p.feature_control & FeatureControl::lock);
}
bool ordinary_regions(const Platform& p) {
  const u64 basic = p.vmx.msr[0];
  return (basic >> 32 & 0x1fff) <= 4096 && (basic >> 50 & 0xf) == 6;
}

constexpr Need vmx_there = {"CPUID.1:ECX.VMX", has<Feature::vmx>};
constexpr Need vmx_enabled = {"IA32_FEATURE_CONTROL allows VMXON", enabled};
constexpr Need small_regions = {"VMCS regions of at most 4 KBytes, write-back memory", ordinary_regions};
constexpr Need uniform = {"the same capabilities on every CPU", [](const Platform& p) { return p.uniform; }};
constexpr Need nx = {"XD (NX)", has_flag<Flag::nx>};
constexpr Need long_mode = {"IA-32e mode", has<Feature::long_mode>};

using V = VmxControl;
constexpr Need all_of_them[] = {vmx_there, vmx_enabled, uniform};
constexpr Need kvm_and_xen[] = {small_regions,
                                need<V::external_interrupt_exiting>(),
                                need<V::nmi_exiting>(),
                                need<V::interrupt_window_exiting>(),
                                need<V::hlt_exiting>(),
                                need<V::invlpg_exiting>(),
                                need<V::mwait_exiting>(),
                                need<V::monitor_exiting>(),
                                need<V::cr3_load_exiting>(),
                                need<V::cr3_store_exiting>(),
                                need<V::cr8_load_exiting>(),
                                need<V::cr8_store_exiting>(),
                                need<V::mov_dr_exiting>(),
                                need<V::tsc_offsetting>(),
                                need<V::host_address_space_size>(),
                                need<V::acknowledge_interrupt>(),
                                need<V::ia32e_mode_guest>()};
constexpr Need kvm[] = {need<V::unconditional_io_exiting>(), need<V::rdpmc_exiting>()};
constexpr Need xen[] = {need<V::io_bitmaps>(), need<V::rdtsc_exiting>()};
constexpr Need hyper_v_and_esx[] = {long_mode,
                                    nx,
                                    {"CMPXCHG16B", has<Feature::cx16>},
                                    {"LAHF and SAHF in 64-bit mode", has<Feature::lahf_lm>},
                                    need<V::secondary_controls>(),
                                    need<V::ept>()};
constexpr Need hyper_v[] = {need<V::msr_bitmaps>(), need<V::tpr_shadow>(), need<V::virtual_nmis>()};
constexpr Need esx[] = {
    {"POPCNT", has<Feature::popcnt>},
    {"ACPI power-management blocks (PM1a, PM timer)", [](const Platform& p) { return p.power_management; }},
    need<V::vpid>(),
    need<V::unrestricted_guest>()};

struct Hypervisor {
  std::string_view name;
  std::array<std::span<const Need>, 3> needs;
};
constexpr Hypervisor hypervisors[] = {{"KVM (Linux 6.1)", {all_of_them, kvm_and_xen, kvm}},
                                      {"Xen 4.17", {all_of_them, kvm_and_xen, xen}},
                                      {"Hyper-V", {all_of_them, hyper_v_and_esx, hyper_v}},
                                      {"VMware ESX", {all_of_them, hyper_v_and_esx, esx}}};

constexpr struct {
  ControlWord word;
  std::string_view title;
} control_words[] = {{ControlWord::pin, "Pin-based VM-execution controls"},
                     {ControlWord::primary, "Primary processor-based VM-execution controls"},
                     {ControlWord::secondary, "Secondary processor-based VM-execution controls"},
                     {ControlWord::tertiary, "Tertiary processor-based VM-execution controls"},
                     {ControlWord::exit, "VM-exit controls"},
                     {ControlWord::entry, "VM-entry controls"},
                     {ControlWord::basic, "Basic information"},
                     {ControlWord::misc, "Miscellaneous data"},
                     {ControlWord::ept_vpid, "EPT and VPID capabilities"},
                     {ControlWord::vm_function, "VM functions"}};

// Through the tables that a guest would find.
bool power_management_blocks(unsigned cpus) {
  PhysicalMemory memory;
  if (!memory.add_ram(HostPhys(0), 16u << 20, "ram")) return false;
  const auto read = [&](u64 at, unsigned size) { return memory.read(HostPhys(at), size); };
  const u64 rsdp = write_acpi_tables(memory, cpus);
  const u64 xsdt = read(rsdp + 24, 8);
  constexpr u64 first_entry = 36;
  for (u64 at = xsdt + first_entry; at < xsdt + read(xsdt + 4, 4); at += 8) {
    const u64 table = read(at, 8);
    constexpr u64 fadt_signature = 0x50434146;  // "FACP"
    if (read(table, 4) != fadt_signature) continue;
    return read(table + 56, 4) != 0 && read(table + 64, 4) != 0 && read(table + 76, 4) != 0;
  }
  return false;
}

std::string offered_text(const CpuModel& model, const Capabilities& vmx) {
  std::string text = fmt::format("VMX of {}:\n", model.name);
  for (const auto& [word, title] : control_words) {
    const u32 msr = vmx.source(word);
    const u64 value = vmx.msr[msr - first_capability_msr];
    text += fmt::format("\n{} ({}, {:#x} = {:#018x})\n", title, msr_name(msr), msr, value);
    for (unsigned i = 0; i < vmx_control_count; ++i) {
      const VmxControlInfo& control = vmx_controls[i];
      if (control.word != word) continue;
      const bool there = vmx.controls.test(i);
      const bool fixed = word <= ControlWord::entry && (vmx.required(word) >> control.bit & 1);
      text += fmt::format("  {:>3}  {:<52} {:<20} vmx-{}\n", control.bit, control.name,
                          fixed   ? "always 1"
                          : there ? (word <= ControlWord::entry ? "0 or 1" : "yes")
                                  : "-",
                          control.flag);
    }
  }
  return text;
}

std::string needs_text(const Platform& platform) {
  std::string text = "\nMinimum needs:\n";
  for (const Hypervisor& h : hypervisors) {
    std::vector<std::string_view> missing;
    std::size_t conditions = 0;
    for (const std::span<const Need> list : h.needs) {
      conditions += list.size();
      for (const Need& n : list) {
        if (!n.met(platform)) missing.push_back(n.text);
      }
    }
    text += fmt::format("  {:<16} {}\n", h.name,
                        missing.empty() ? fmt::format("met ({} conditions)", conditions)
                                        : fmt::format("not met: {}", fmt::join(missing, "; ")));
  }
  return text;
}

}  // namespace

std::string vmx_report(const MachineConfig& config, std::string& error) {
  if (!config.model.has(Feature::vmx))
    return fmt::format("{} has no VMX; a model with it is {}\n", config.model.name, default_cpu_model);
  const auto machine = Machine::create(config, error);
  if (!machine) return {};
  bool same = true;
  for (unsigned n = 1; n < machine->cpus(); ++n)
    same = same && machine->cpu(n).vmx_capability == machine->cpu(0).vmx_capability;
  const Capabilities vmx = capabilities(config.model);
  const Platform platform{config.model, vmx, machine->cpu(0).msr.feature_control,
                          power_management_blocks(config.cpus), same};
  return offered_text(config.model, vmx) + needs_text(platform);
}

}  // namespace ringside
