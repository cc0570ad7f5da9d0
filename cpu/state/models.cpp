// Owns the CPU models as data.
#include "cpu/state/models.h"

#include <algorithm>

namespace ringside {
namespace {

template <class... Names>
constexpr u64 feature_mask(Names... names) {
  static_assert(static_cast<unsigned>(Feature::count) <= 64);
  return ((u64{1} << static_cast<unsigned>(names)) | ...);
}

using F = Feature;
constexpr u64 x86_64_v1 = feature_mask(F::base, F::fpu, F::cx8, F::cmov, F::sep, F::fxsr, F::mmx, F::sse,
                                       F::sse2, F::clflush, F::syscall, F::long_mode);
constexpr u64 plain_64 = x86_64_v1 | feature_mask(F::sse3, F::cx16, F::lahf_lm, F::popcnt);
// The levels of the x86-64 psABI from the second on.
constexpr u64 x86_64_v2 = plain_64 | feature_mask(F::ssse3, F::sse41, F::sse42);
constexpr u64 x86_64_v3 = x86_64_v2 | feature_mask(F::avx, F::avx2, F::bmi1, F::bmi2, F::f16c, F::fma,
                                                   F::lzcnt, F::movbe, F::xsave);
constexpr u64 nehalem = plain_64 | feature_mask(F::ssse3, F::sse41, F::sse42, F::rdtscp, F::monitor, F::vmx);
constexpr u64 westmere = nehalem | feature_mask(F::aes, F::pclmulqdq);
constexpr u64 sandy_bridge = westmere | feature_mask(F::xsave, F::xsaveopt, F::avx);
constexpr u64 ivy_bridge = sandy_bridge | feature_mask(F::rdrand, F::fsgsbase, F::erms, F::f16c);
constexpr u64 haswell =
    ivy_bridge | feature_mask(F::movbe, F::invpcid, F::lzcnt, F::avx2, F::fma, F::bmi1, F::bmi2);
constexpr u64 broadwell = haswell | feature_mask(F::rdseed, F::adx, F::smap, F::three_dnow_prefetch);
constexpr u64 skylake_client = broadwell | feature_mask(F::xsavec, F::xsaves, F::clflushopt);
constexpr u64 skylake = skylake_client | feature_mask(F::clwb, F::pku);
constexpr u64 icelake =
    skylake | feature_mask(F::umip, F::rdpid, F::wbnoinvd, F::fsrm, F::sha, F::gfni, F::vaes, F::vpclmulqdq);
constexpr u64 sapphire_rapids = icelake | feature_mask(F::serialize, F::movdiri, F::movdir64b, F::waitpkg);
// Everything that has an instruction behind it: what "+feature" may ask for. A test holds it against the
// rows.
constexpr u64 all_features = sapphire_rapids | x86_64_v3;

template <class... Names>
constexpr u64 flag_mask(Names... names) {
  return ((u64{1} << static_cast<unsigned>(names)) | ...);
}
using L = Flag;
constexpr u64 common_flags =
    flag_mask(L::vme, L::de, L::pse, L::tsc, L::msr, L::pae, L::mce, L::apic, L::mtrr, L::pge, L::mca, L::pat,
              L::pse36, L::ss, L::x2apic, L::tsc_deadline, L::arat, L::tsc_adjust, L::nx, L::invtsc, L::ibrs,
              L::stibp, L::ssbd, L::arch_capabilities, L::pdcm);
constexpr u64 broadwell_flags =
    common_flags | flag_mask(L::pcid, L::smep, L::pdpe1gb, L::l1d_flush, L::xgetbv1, L::zero_fcs_fds);
constexpr u64 server_flags = broadwell_flags | flag_mask(L::fdp_exceptions_only);

constexpr u64 westmere_flags = common_flags | flag_mask(L::pcid, L::pdpe1gb);
constexpr u64 ivy_bridge_flags = westmere_flags | flag_mask(L::smep);
constexpr u64 haswell_flags = ivy_bridge_flags | flag_mask(L::zero_fcs_fds);
constexpr u64 client_flags = broadwell_flags & ~flag_mask(L::pdpe1gb);
constexpr u64 sapphire_rapids_flags = server_flags | flag_mask(L::la57, L::pks);
constexpr u64 all_flags = sapphire_rapids_flags | flag_mask(L::lam);

// IA32_ARCH_CAPABILITIES: nothing speculates here, so each "not affected" is true, and software needs no
// cure.
constexpr u64 immune = bit(0) /* RDCL_NO */ | bit(1) /* IBRS_ALL */ | bit(3) /* SKIP_L1DFL_VMENTRY */ |
                       bit(4) /* SSB_NO */ | bit(5) /* MDS_NO */ | bit(6) /* IF_PSCHANGE_MC_NO */ |
                       bit(8) /* TAA_NO */ | bit(13) /* SBDR_SSDP_NO */ | bit(14) /* FBSDP_NO */ |
                       bit(15) /* PSDP_NO */ | bit(20) /* BHI_NO */ | bit(24) /* PBRSB_NO */ |
                       bit(26) /* GDS_NO */ | bit(27) /* RFDS_NO */ | bit(62) /* ITS_NO */;

using C = CacheLevel;
constexpr std::array<CacheLevel, 4> skylake_caches = {
    C{C::Type::data, 1, false, 8, 64}, C{C::Type::instruction, 1, false, 8, 64},
    C{C::Type::unified, 2, false, 16, 1024}, C{C::Type::unified, 3, true, 11, 32768}};
constexpr std::array<CacheLevel, 4> icelake_caches = {
    C{C::Type::data, 1, false, 12, 64}, C{C::Type::instruction, 1, false, 8, 64},
    C{C::Type::unified, 2, false, 20, 1024}, C{C::Type::unified, 3, true, 12, 32768}};

using V = VmxControl;
VmxControlSet all_but(std::initializer_list<VmxControl> absent) {
  VmxControlSet set;
  set.set();
  for (VmxControl control : absent) set.reset(static_cast<std::size_t>(control));
  return set;
}
// Controls that no model has by itself: what they stand for is not promised either.
const VmxControlSet server_vmx = all_but({V::tertiary_controls, V::ipi_virtualization, V::user_wait,
                                          V::ept_5_levels, V::entry_load_pkrs, V::exit_load_pkrs});
// From one generation to the one before it.
const VmxControlSet broadwell_vmx =
    server_vmx & all_but({V::xsaves, V::mode_based_execute, V::tsc_scaling, V::ept_advanced_information,
                          V::any_error_code, V::zero_length_injection});
const VmxControlSet haswell_vmx = broadwell_vmx & all_but({V::pml, V::ept_violation_ve, V::rdseed_exiting});
const VmxControlSet ivy_bridge_vmx =
    haswell_vmx & all_but({V::ept_accessed_dirty, V::vmcs_shadowing, V::vmwrite_any_field, V::vm_functions,
                           V::eptp_switching, V::invpcid});
const VmxControlSet westmere_vmx =
    ivy_bridge_vmx & all_but({V::apic_register_virtualization, V::virtual_interrupt_delivery,
                              V::posted_interrupts, V::rdrand_exiting});
// The first generation with EPT and VPID.
const VmxControlSet nehalem_vmx = westmere_vmx & all_but({V::unrestricted_guest, V::ept_1gb});
const VmxControlSet max_vmx = all_but({V::ept_5_levels});

constexpr LastBranches nehalem_branches = {16, LastBranches::Format::flags, false};
constexpr LastBranches haswell_branches = {16, LastBranches::Format::transaction_flags, true};
constexpr LastBranches skylake_branches = {32, LastBranches::Format::information, true};

// Family, model and stepping are of parts for which software knows no erratum that the microcode revision
// does not cure; the revisions are those that Linux and Xen look for, or newer.
const ModelData models[] = {
    {"Icelake-Server", "Intel(R) Xeon(R) CPU (Icelake) @ 2.00GHz", 0x606a6, 0x0d000404, icelake, server_flags,
     immune, icelake_caches, server_vmx, skylake_branches},
    {"Cascadelake-Server", "Intel(R) Xeon(R) CPU (Cascadelake) @ 2.00GHz", 0x50657, 0x05003707, skylake,
     server_flags, immune, skylake_caches, server_vmx, skylake_branches},
    {"Skylake-Server", "Intel(R) Xeon(R) CPU (Skylake) @ 2.00GHz", 0x50657, 0x05003707, skylake, server_flags,
     immune, skylake_caches, server_vmx, skylake_branches},
    {"SapphireRapids", "Intel(R) Xeon(R) CPU (SapphireRapids) @ 2.00GHz", 0x806f8, 0x2b000603,
     sapphire_rapids, sapphire_rapids_flags, immune, icelake_caches, max_vmx, skylake_branches},
    {"Cooperlake", "Intel(R) Xeon(R) CPU (Cooperlake) @ 2.00GHz", 0x5065b, 0x07002802, skylake, server_flags,
     immune, skylake_caches, server_vmx, skylake_branches},
    {"Skylake-Client", "Intel(R) Core(TM) CPU (Skylake) @ 2.00GHz", 0x506e3, 0xf0, skylake_client,
     client_flags, immune, skylake_caches, server_vmx, skylake_branches},
    {"Broadwell", "Intel(R) Core(TM) CPU (Broadwell) @ 2.00GHz", 0x406f1, 0x0b000040, broadwell,
     broadwell_flags, immune, skylake_caches, broadwell_vmx, haswell_branches},
    {"Haswell", "Intel(R) Core(TM) CPU (Haswell) @ 2.00GHz", 0x306f2, 0x49, haswell, haswell_flags, immune,
     skylake_caches, haswell_vmx, haswell_branches},
    {"IvyBridge", "Intel(R) Xeon(R) CPU (IvyBridge) @ 2.00GHz", 0x306e4, 0x42e, ivy_bridge, ivy_bridge_flags,
     immune, skylake_caches, ivy_bridge_vmx, nehalem_branches},
    {"SandyBridge", "Intel(R) Xeon(R) CPU (SandyBridge) @ 2.00GHz", 0x206d7, 0x71a, sandy_bridge,
     westmere_flags, immune, skylake_caches, westmere_vmx, nehalem_branches},
    {"Westmere", "Intel(R) Xeon(R) CPU (Westmere) @ 2.00GHz", 0x206c2, 0x1f, westmere, westmere_flags, immune,
     skylake_caches, westmere_vmx, nehalem_branches},
    {"Nehalem", "Intel(R) Xeon(R) CPU (Nehalem) @ 2.00GHz", 0x106a5, 0x1d, nehalem, common_flags, immune,
     skylake_caches, nehalem_vmx, nehalem_branches},
    {"qemu64",
     "Intel(R) Xeon(R) CPU (qemu64) @ 2.00GHz",
     0x606a6,
     0x0d000404,
     plain_64,
     common_flags,
     immune,
     icelake_caches,
     {},
     skylake_branches},
    {"x86-64-v2", "Intel(R) Xeon(R) CPU (x86-64-v2) @ 2.00GHz", 0x606a6, 0x0d000404, x86_64_v2, common_flags,
     immune, icelake_caches, server_vmx, skylake_branches},
    {"x86-64-v3", "Intel(R) Xeon(R) CPU (x86-64-v3) @ 2.00GHz", 0x606a6, 0x0d000404, x86_64_v3, common_flags,
     immune, icelake_caches, server_vmx, skylake_branches},
    {"max", "Intel(R) Xeon(R) CPU (max) @ 2.00GHz", 0x606a6, 0x0d000404, all_features, all_flags, immune,
     icelake_caches, max_vmx, skylake_branches},
};

}  // namespace

std::span<const ModelData> model_data() { return models; }

std::span<const std::string_view> cpu_model_names() {
  static const auto names = [] {
    std::array<std::string_view, std::size(models)> n;
    std::transform(std::begin(models), std::end(models), n.begin(),
                   [](const ModelData& m) { return m.name; });
    return n;
  }();
  return names;
}

u64 implemented_features() { return all_features; }
u64 implemented_flags() { return all_flags; }
VmxControlSet implemented_vmx() { return max_vmx; }

}  // namespace ringside
