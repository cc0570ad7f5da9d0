// Owns the reading of "-cpu NAME,+feature,-feature": names, what needs what, and errors in words.
#include <algorithm>
#include <charconv>
#include <vector>

#include <fmt/format.h>

#include "cpu/state/model_text.h"
#include "cpu/state/models.h"

namespace ringside {
namespace {

// Names as they are compared: lower case, '-' for '_' and '.'.
std::string normal(std::string_view text) {
  std::string s(text);
  for (char& c : s) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (c == '_' || c == '.') c = '-';
  }
  return s;
}

// A feature, a flag or a VMX control by number: features first, then flags, then controls.
constexpr unsigned feature_count = static_cast<unsigned>(Feature::count);
constexpr unsigned flag_count = static_cast<unsigned>(Flag::count);
constexpr unsigned of(Feature f) { return static_cast<unsigned>(f); }
constexpr unsigned of(Flag f) { return feature_count + static_cast<unsigned>(f); }
constexpr unsigned of(VmxControl c) { return feature_count + flag_count + static_cast<unsigned>(c); }
constexpr unsigned name_count = feature_count + flag_count + vmx_control_count;

std::string name_of(unsigned number) {
  if (number >= feature_count + flag_count)
    return "vmx-" + std::string(vmx_controls[number - feature_count - flag_count].flag);
  return normal(number < feature_count ? feature_name(static_cast<Feature>(number))
                                       : flag_name(static_cast<Flag>(number - feature_count)));
}

struct Alias {
  std::string_view name;
  unsigned number;
};
constexpr Alias aliases[] = {
    {"pni", of(Feature::sse3)},
    {"i64", of(Feature::long_mode)},
    {"abm", of(Feature::lzcnt)},
    {"sse4", of(Feature::sse42)},
    {"cmpxchg16b", of(Feature::cx16)},
    {"clfsh", of(Feature::clflush)},
    {"tsc-deadline-timer", of(Flag::tsc_deadline)},
    {"spec-ctrl", of(Flag::ibrs)},
    {"xd", of(Flag::nx)},
    {"arch-capabilities", of(Flag::arch_capabilities)},
    {"cx8", of(Feature::cx8)},
    {"sysenter", of(Feature::sep)},
};

std::optional<unsigned> find_name(const std::string& name) {
  for (unsigned n = 0; n < name_count; ++n)
    if (name_of(n) == name) return n;
  for (const Alias& a : aliases)
    if (a.name == name) return a.number;
  // The prefix may go where no feature has the name.
  return name.starts_with("vmx-") ? std::nullopt : find_name("vmx-" + name);
}

bool implemented(unsigned n) {
  if (n >= feature_count + flag_count) return implemented_vmx().test(n - feature_count - flag_count);
  return n < feature_count ? implemented_features() >> n & 1 : implemented_flags() >> (n - feature_count) & 1;
}

// `what` means nothing without `needs`.
struct Need {
  unsigned what, needs;
};
constexpr Need needs[] = {
    {of(Feature::sse), of(Feature::fxsr)},
    {of(Feature::sse2), of(Feature::sse)},
    {of(Feature::sse3), of(Feature::sse2)},
    {of(Feature::ssse3), of(Feature::sse3)},
    {of(Feature::sse41), of(Feature::ssse3)},
    {of(Feature::sse42), of(Feature::sse41)},
    {of(Feature::aes), of(Feature::sse2)},
    {of(Feature::pclmulqdq), of(Feature::sse2)},
    {of(Feature::sha), of(Feature::sse2)},
    {of(Feature::gfni), of(Feature::sse2)},
    {of(Feature::avx), of(Feature::sse42)},
    {of(Feature::avx), of(Feature::xsave)},
    {of(Feature::avx2), of(Feature::avx)},
    {of(Feature::fma), of(Feature::avx)},
    {of(Feature::f16c), of(Feature::avx)},
    {of(Feature::vaes), of(Feature::avx)},
    {of(Feature::vaes), of(Feature::aes)},
    {of(Feature::vpclmulqdq), of(Feature::avx)},
    {of(Feature::vpclmulqdq), of(Feature::pclmulqdq)},
    {of(Feature::xsave), of(Feature::fxsr)},
    {of(Feature::xsaveopt), of(Feature::xsave)},
    {of(Feature::xsavec), of(Feature::xsave)},
    {of(Feature::xsaves), of(Feature::xsavec)},
    {of(Flag::xgetbv1), of(Feature::xsave)},
    {of(Feature::pku), of(Feature::xsave)},
    {of(Feature::pku), of(Feature::long_mode)},
    {of(Flag::pcid), of(Feature::long_mode)},
    {of(Flag::pks), of(Feature::long_mode)},
    {of(Flag::la57), of(Feature::long_mode)},
    {of(Flag::lam), of(Feature::long_mode)},
    {of(Flag::pdpe1gb), of(Feature::long_mode)},
    {of(Feature::long_mode), of(Flag::pae)},
    {of(Feature::long_mode), of(Feature::sse2)},
    {of(Feature::syscall), of(Feature::long_mode)},
    {of(Feature::cx16), of(Feature::long_mode)},
    {of(Feature::lahf_lm), of(Feature::long_mode)},
    {of(Feature::fsgsbase), of(Feature::long_mode)},
    {of(Flag::x2apic), of(Flag::apic)},
    {of(Flag::tsc_deadline), of(Flag::apic)},
    {of(Flag::tsc_deadline), of(Flag::tsc)},
    {of(Flag::invtsc), of(Flag::tsc)},
    {of(Flag::tsc_adjust), of(Flag::tsc)},
    {of(Feature::rdtscp), of(Flag::tsc)},
    {of(Flag::mca), of(Flag::mce)},
    {of(Feature::mmx), of(Feature::fpu)},
    {of(Feature::fxsr), of(Feature::fpu)},
    {of(Feature::vmx), of(Feature::long_mode)},
    {of(VmxControl::secondary_controls), of(Feature::vmx)},
    {of(VmxControl::preemption_timer), of(Feature::vmx)},
    {of(VmxControl::save_preemption_timer), of(VmxControl::preemption_timer)},
    {of(VmxControl::virtual_nmis), of(VmxControl::nmi_exiting)},
    {of(VmxControl::nmi_window_exiting), of(VmxControl::virtual_nmis)},
    {of(VmxControl::virtualize_apic_accesses), of(VmxControl::secondary_controls)},
    {of(VmxControl::ept), of(VmxControl::secondary_controls)},
    {of(VmxControl::ept), of(VmxControl::ept_4_levels)},
    {of(VmxControl::descriptor_table_exiting), of(VmxControl::secondary_controls)},
    {of(VmxControl::rdtscp), of(VmxControl::secondary_controls)},
    {of(VmxControl::rdtscp), of(Feature::rdtscp)},
    {of(VmxControl::virtualize_x2apic_mode), of(VmxControl::tpr_shadow)},
    {of(VmxControl::virtualize_x2apic_mode), of(VmxControl::secondary_controls)},
    {of(VmxControl::virtualize_x2apic_mode), of(Flag::x2apic)},
    {of(VmxControl::vpid), of(VmxControl::secondary_controls)},
    {of(VmxControl::wbinvd_exiting), of(VmxControl::secondary_controls)},
    {of(VmxControl::unrestricted_guest), of(VmxControl::ept)},
    {of(VmxControl::apic_register_virtualization), of(VmxControl::tpr_shadow)},
    {of(VmxControl::apic_register_virtualization), of(VmxControl::secondary_controls)},
    {of(VmxControl::virtual_interrupt_delivery), of(VmxControl::tpr_shadow)},
    {of(VmxControl::virtual_interrupt_delivery), of(VmxControl::secondary_controls)},
    {of(VmxControl::posted_interrupts), of(VmxControl::virtual_interrupt_delivery)},
    {of(VmxControl::posted_interrupts), of(VmxControl::acknowledge_interrupt)},
    {of(VmxControl::pause_loop_exiting), of(VmxControl::secondary_controls)},
    {of(VmxControl::rdrand_exiting), of(VmxControl::secondary_controls)},
    {of(VmxControl::rdrand_exiting), of(Feature::rdrand)},
    {of(VmxControl::rdseed_exiting), of(VmxControl::secondary_controls)},
    {of(VmxControl::rdseed_exiting), of(Feature::rdseed)},
    {of(VmxControl::invpcid), of(VmxControl::secondary_controls)},
    {of(VmxControl::invpcid), of(Feature::invpcid)},
    {of(VmxControl::vm_functions), of(VmxControl::secondary_controls)},
    {of(VmxControl::eptp_switching), of(VmxControl::vm_functions)},
    {of(VmxControl::eptp_switching), of(VmxControl::ept)},
    {of(VmxControl::vmcs_shadowing), of(VmxControl::secondary_controls)},
    {of(VmxControl::pml), of(VmxControl::ept)},
    {of(VmxControl::pml), of(VmxControl::ept_accessed_dirty)},
    {of(VmxControl::ept_violation_ve), of(VmxControl::ept)},
    {of(VmxControl::xsaves), of(VmxControl::secondary_controls)},
    {of(VmxControl::xsaves), of(Feature::xsaves)},
    {of(VmxControl::mode_based_execute), of(VmxControl::ept)},
    {of(VmxControl::tsc_scaling), of(VmxControl::secondary_controls)},
    {of(VmxControl::user_wait), of(VmxControl::secondary_controls)},
    {of(VmxControl::user_wait), of(Feature::waitpkg)},
    {of(VmxControl::ipi_virtualization), of(VmxControl::tertiary_controls)},
    {of(VmxControl::ipi_virtualization), of(VmxControl::tpr_shadow)},
    {of(VmxControl::tertiary_controls), of(Feature::vmx)},
    {of(VmxControl::entry_load_pkrs), of(Flag::pks)},
    {of(VmxControl::exit_load_pkrs), of(Flag::pks)},
    {of(VmxControl::ept_1gb), of(VmxControl::ept)},
    {of(VmxControl::ept_accessed_dirty), of(VmxControl::ept)},
    {of(VmxControl::ept_advanced_information), of(VmxControl::ept)},
    {of(VmxControl::invept), of(VmxControl::ept)},
    {of(VmxControl::invvpid), of(VmxControl::vpid)},
};

bool on(const CpuModel& m, unsigned n) {
  if (n >= feature_count + flag_count) return m.vmx.test(n - feature_count - flag_count);
  return n < feature_count ? m.features.test(n) : m.flags.test(n - feature_count);
}
void set(CpuModel& m, unsigned n, bool value) {
  if (n >= feature_count + flag_count)
    m.vmx.set(n - feature_count - flag_count, value);
  else if (n < feature_count)
    m.features.set(n, value);
  else
    m.flags.set(n - feature_count, value);
}

unsigned distance(std::string_view a, std::string_view b) {
  std::vector<unsigned> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = static_cast<unsigned>(j);
  for (std::size_t i = 0; i < a.size(); ++i) {
    unsigned corner = row[0]++;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const unsigned replaced = corner + (a[i] != b[j]);
      corner = row[j + 1];
      row[j + 1] = std::min({replaced, row[j + 1] + 1, row[j] + 1});
    }
  }
  return row[b.size()];
}

// The names nearest to what was typed, at most three, "a, b or c"; empty if none is near.
std::string nearest(const std::string& typed, const std::vector<std::string>& names) {
  // By distance, then in the order of `names`.
  std::vector<std::pair<unsigned, std::size_t>> ranked;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string plain = normal(names[i]);
    const bool inside = !typed.empty() && plain.find(typed) != std::string::npos;
    const unsigned d = inside ? 1 : distance(typed, plain);
    if (d <= 1 + typed.size() / 3) ranked.emplace_back(d, i);
  }
  std::sort(ranked.begin(), ranked.end());
  std::string text;
  const std::size_t count = std::min<std::size_t>(ranked.size(), 3);
  for (std::size_t i = 0; i < count; ++i)
    text += (i == 0 ? "" : i + 1 == count ? " or " : ", ") + names[ranked[i].second];
  return text;
}

std::string all_names() {
  std::string text;
  for (std::string_view n : cpu_model_names()) text += (text.empty() ? "" : ", ") + std::string(n);
  return text;
}

// QEMU's variants of a model: versions, and models with IBRS, which all have here, or without TSX, which none
// has. A normal name without what says so.
std::string_view without_variant(std::string_view name) {
  for (const std::string_view suffix : {"-ibrs", "-notsx"})
    if (name.ends_with(suffix)) return without_variant(name.substr(0, name.size() - suffix.size()));
  const auto digits = name.find_last_not_of("0123456789");
  const bool version = digits != name.npos && digits + 1 < name.size() && digits > 0;
  return version && name.substr(digits - 1, 2) == "-v" ? without_variant(name.substr(0, digits - 1)) : name;
}

CpuModel make(const ModelData& d) {
  CpuModel m;
  m.name = d.name;
  m.vendor = "GenuineIntel";
  m.brand = d.brand;
  m.signature = d.signature;
  m.microcode = d.microcode;
  m.last_branches = d.last_branches;
  m.arch_capabilities = d.arch_capabilities;
  m.caches = d.caches;
  m.features = FeatureSet(d.features);
  m.flags = FlagSet(d.flags);
  m.vmx = d.vmx;
  return m;
}

// Properties that are no features. Nothing: `name` is none of them. False: `error` says what is wrong.
std::optional<bool> apply_property(CpuModel& model, const std::string& name, std::string_view setting,
                                   std::string& error) {
  if (name == "host-phys-bits") return true;  // addresses are as wide as the model has them, on every host
  if (name == "vendor") {
    if (setting == model.vendor) return true;
    error = fmt::format("-cpu: vendor={}: every model here is Intel's; write vendor={} or leave it out",
                        setting, model.vendor);
    return false;
  }
  if (name != "phys-bits") return std::nullopt;
  // No processor with 64-bit mode has had fewer; paging has no more.
  constexpr unsigned least = 36, most = 52;
  unsigned bits = 0;
  const auto [end, status] = std::from_chars(setting.data(), setting.data() + setting.size(), bits);
  if (status != std::errc() || end != setting.data() + setting.size() || bits < least || bits > most) {
    error = fmt::format("-cpu: phys-bits={}: addresses have {} to {} bits; write phys-bits={}", setting,
                        least, most, model.physical_bits);
    return false;
  }
  model.physical_bits = bits;
  return true;
}

// One of the comma-separated wishes. False: `error` says what is wrong with it.
bool apply(CpuModel& model, std::string_view item, std::vector<bool>& asked, std::string& error) {
  bool value = true;
  std::string_view name = item;
  if (item.starts_with('+') || item.starts_with('-')) {
    value = item.front() == '+';
    name.remove_prefix(1);
  } else if (const auto equals = item.find('='); equals != item.npos) {
    const std::string_view setting = item.substr(equals + 1);
    name = item.substr(0, equals);
    if (const auto done = apply_property(model, normal(name), setting, error)) return *done;
    if (setting != "on" && setting != "off") {
      error = fmt::format("-cpu: '{}' is neither on nor off; write {}=on or {}=off", item, name, name);
      return false;
    }
    value = setting == "on";
  }
  const std::string plain = normal(name);
  if (plain == "host-phys-bits") return true;
  const auto number = find_name(plain);
  if (!number || *number == of(Feature::never) || *number == of(Feature::base)) {
    if (!value && !plain.empty()) return true;  // what is not there is off already
    std::vector<std::string> names;
    for (unsigned n = 0; n < feature_count + flag_count; ++n)
      if (implemented(n) && n != of(Feature::base)) names.push_back(name_of(n));
    const std::string near = nearest(plain, names);
    error = near.empty() ? fmt::format("-cpu: no feature is called '{}'; leave it out", name)
                         : fmt::format("-cpu: no feature is called '{}'; did you mean {}?", name, near);
    return false;
  }
  if (value && !implemented(*number)) {
    error = fmt::format("-cpu: feature '{}' is not implemented; leave it out", name);
    return false;
  }
  set(model, *number, value);
  if (value) asked[*number] = true;
  return true;
}

// What lost the feature that it needs goes too; unless it was asked for by name.
bool drop_dependents(CpuModel& model, const std::vector<bool>& asked, std::string& error) {
  for (bool again = true; again;) {
    again = false;
    for (const Need& n : needs) {
      if (!on(model, n.what) || on(model, n.needs)) continue;
      if (asked[n.what]) {
        error = fmt::format("-cpu: feature '{}' needs '{}'; add +{}", name_of(n.what), name_of(n.needs),
                            name_of(n.needs));
        return false;
      }
      set(model, n.what, false);
      again = true;
    }
  }
  return true;
}

}  // namespace

std::string_view flag_name(Flag flag) {
  static constexpr std::string_view names[] = {"vme",
                                               "de",
                                               "pse",
                                               "tsc",
                                               "msr",
                                               "pae",
                                               "mce",
                                               "apic",
                                               "mtrr",
                                               "pge",
                                               "mca",
                                               "pat",
                                               "pse36",
                                               "ss",
                                               "pcid",
                                               "x2apic",
                                               "tsc-deadline",
                                               "arat",
                                               "tsc-adjust",
                                               "smep",
                                               "la57",
                                               "ibrs",
                                               "stibp",
                                               "ssbd",
                                               "flush-l1d",
                                               "pks",
                                               "arch-capabilities",
                                               "xgetbv1",
                                               "nx",
                                               "pdpe1gb",
                                               "invtsc",
                                               "fdp-excptn-only",
                                               "zero-fcs-fds",
                                               "pdcm",
                                               "lam"};
  static_assert(std::size(names) == flag_count);
  return names[static_cast<std::size_t>(flag)];
}

bool CpuModel::has_flag(std::string_view flag) const {
  const auto number = find_name(normal(flag));
  return number && on(*this, *number);
}

std::optional<CpuModel> parse_cpu_model(std::string_view text, std::string& error) {
  const std::string_view name = text.substr(0, text.find(','));
  const std::string plain = normal(name);
  const ModelData* data = nullptr;
  for (const ModelData& d : model_data())
    if (normal(d.name) == without_variant(plain) || normal(d.name) == plain) data = &d;  // x86-64-v3 is whole
  if (!data) {
    const std::vector<std::string> names(cpu_model_names().begin(), cpu_model_names().end());
    const std::string near = nearest(plain, names);
    if (plain == "host")
      error = "-cpu: 'host' would depend on this machine; use max for every feature";
    else if (near.empty())
      error = fmt::format("-cpu: no CPU model is called '{}'; there are {}", name, all_names());
    else
      error = fmt::format("-cpu: no CPU model is called '{}'; did you mean {}?", name, near);
    return std::nullopt;
  }

  CpuModel model = make(*data);
  std::vector<bool> asked(name_count);
  std::size_t at = name.size();
  while (at < text.size()) {
    const std::string_view item = text.substr(at + 1, text.find(',', at + 1) - at - 1);
    if (!apply(model, item, asked, error)) return std::nullopt;
    at += 1 + item.size();
  }
  if (!drop_dependents(model, asked, error)) return std::nullopt;
  model.linear_bits = model.has(Flag::la57) ? 57 : 48;
  return model;
}

std::string cpu_model_text(const CpuModel& model) {
  std::string text = model.name, error;
  const auto base = parse_cpu_model(text, error);
  if (!base) return text;
  if (base->physical_bits != model.physical_bits) text += fmt::format(",phys-bits={}", model.physical_bits);
  // What is lost takes along what needs it, which is not named then; so it comes first.
  CpuModel made = *base;
  for (const bool wanted : {false, true}) {
    for (unsigned n = 0; n < name_count; ++n) {
      if (on(model, n) != wanted || on(made, n) == wanted) continue;
      text += fmt::format(",{}{}", wanted ? '+' : '-', name_of(n));
      if (const auto now = parse_cpu_model(text, error)) made = *now;
    }
  }
  return text;
}

}  // namespace ringside
