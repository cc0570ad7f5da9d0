// Owns the tests of CPU models: names, wishes, errors, and CPUID's leaves.
#include <doctest/doctest.h>

#include "cpu/arch/registers.h"
#include "cpu/state/model.h"

using namespace ringside;

namespace {

CpuModel model(std::string_view text) {
  std::string error;
  auto m = parse_cpu_model(text, error);
  REQUIRE_MESSAGE(m, error);
  return *m;
}
std::string error_of(std::string_view text) {
  std::string error;
  CHECK_FALSE(parse_cpu_model(text, error));
  CHECK(error.find('\n') == std::string::npos);
  return error;
}
bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("every named model parses, has sane sizes and answers its own name") {
  for (std::string_view name : cpu_model_names()) {
    const CpuModel m = model(name);
    CHECK(m.name == name);
    CHECK(m.vendor.size() == 12);
    CHECK(m.brand.size() <= 47);
    CHECK(m.brand.starts_with("Intel(R) "));  // software looks for it
    CHECK(m.tsc_hertz % m.crystal_hertz == 0);
    CHECK(m.has(Feature::long_mode));
  }
  CHECK(model("icelake-server").name == "Icelake-Server");
}

TEST_CASE("QEMU's variants of a model are the model") {
  CHECK(model("Haswell-noTSX-IBRS").name == "Haswell");
  CHECK(model("IvyBridge-IBRS,-ept").name == "IvyBridge");
  CHECK(model("Icelake-Server-v12").name == "Icelake-Server");
  CHECK(model("Broadwell-v3").name == "Broadwell");
  for (const char* wrong : {"-v1", "v1", "Haswell-v", "Haswell-x1", "-ibrs", "Haswellv1"})
    CHECK_FALSE(error_of(wrong).empty());
}

TEST_CASE("the levels of the psABI are models, each with what the one before has") {
  const CpuModel v2 = model("x86-64-v2"), v3 = model("x86-64-v3");
  CHECK((v2.features & ~v3.features).none());
  CHECK(v2.has(Feature::sse42));
  CHECK_FALSE(v2.has(Feature::avx));
  for (const Feature f : {Feature::avx, Feature::avx2, Feature::bmi1, Feature::bmi2, Feature::f16c,
                          Feature::fma, Feature::lzcnt, Feature::movbe, Feature::xsave})
    CHECK_MESSAGE(v3.has(f), feature_name(f));
  CHECK(has(error_of("x86-64-v4"), "x86-64-v3"));
  CHECK(has(error_of("Westmere,+avx2"), "avx"));
  CHECK(model("SandyBridge,+avx2").has(Feature::avx2));
  CHECK_FALSE(model("x86-64-v3,-avx").has(Feature::fma));
}

TEST_CASE("models have the vector extensions of their generation, and the levels of the psABI with them") {
  const auto least = [](Feature f) {
    for (const char* name : {"Nehalem", "Westmere", "SandyBridge", "IvyBridge", "Haswell", "Broadwell",
                             "Skylake-Client", "Skylake-Server", "Icelake-Server", "SapphireRapids"})
      if (model(name).has(f)) return std::string_view(name);
    return std::string_view("none");
  };
  CHECK(least(Feature::avx) == "SandyBridge");
  CHECK(least(Feature::f16c) == "IvyBridge");
  for (const Feature f :
       {Feature::avx2, Feature::fma, Feature::bmi1, Feature::bmi2, Feature::movbe, Feature::lzcnt})
    CHECK_MESSAGE(least(f) == "Haswell", feature_name(f));
  for (const Feature f : {Feature::vaes, Feature::vpclmulqdq, Feature::gfni, Feature::sha})
    CHECK_MESSAGE(least(f) == "Icelake-Server", feature_name(f));
  CHECK((model("x86-64-v3").features & ~model("Haswell").features).none());
  CHECK((model("x86-64-v2").features & ~model("Nehalem").features).none());
}

TEST_CASE("each generation of servers has what the one before had, and its own") {
  const char* const generations[] = {"Nehalem",    "Westmere",       "SandyBridge",    "IvyBridge",
                                     "Haswell",    "Broadwell",      "Skylake-Server", "Cascadelake-Server",
                                     "Cooperlake", "Icelake-Server", "SapphireRapids", "max"};
  for (std::size_t n = 1; n < std::size(generations); ++n) {
    CAPTURE(generations[n]);
    const CpuModel older = model(generations[n - 1]), newer = model(generations[n]);
    CHECK((older.features & ~newer.features).none());
    CHECK((older.flags & ~newer.flags).none());
    CHECK((older.vmx & ~newer.vmx).none());
  }
  const auto offers = [](const char* name, VmxControl control) {
    return model(name).vmx.test(static_cast<std::size_t>(control));
  };
  CHECK(offers("Westmere", VmxControl::unrestricted_guest));
  CHECK_FALSE(offers("Nehalem", VmxControl::unrestricted_guest));
  CHECK(offers("IvyBridge", VmxControl::posted_interrupts));
  CHECK_FALSE(offers("SandyBridge", VmxControl::posted_interrupts));
  CHECK(offers("Haswell", VmxControl::vmcs_shadowing));
  CHECK(offers("Broadwell", VmxControl::pml));
  CHECK_FALSE(offers("Broadwell", VmxControl::tsc_scaling));
  CHECK(offers("SapphireRapids", VmxControl::ipi_virtualization));
  CHECK(offers("SapphireRapids", VmxControl::user_wait));
  CHECK_FALSE(offers("Icelake-Server", VmxControl::user_wait));
  CHECK_FALSE(model("max,-waitpkg").vmx.test(static_cast<std::size_t>(VmxControl::user_wait)));
  CHECK_FALSE(model("max,-tertiary-ctls").vmx.test(static_cast<std::size_t>(VmxControl::ipi_virtualization)));
}

TEST_CASE("features are switched by sign and by on and off, under their several names") {
  CHECK(model("max").has(Flag::la57));
  CHECK(model("max").linear_bits == 57);
  CHECK_FALSE(model("Icelake-Server").has(Flag::la57));
  CHECK(model("Icelake-Server,+la57").linear_bits == 57);
  CHECK(model("max").has(Flag::lam));
  CHECK_FALSE(model("SapphireRapids").has(Flag::lam));
  CHECK(model("SapphireRapids,+lam").has_flag("lam"));
  CHECK_FALSE(model("max,-pcid").has(Flag::pcid));
  CHECK_FALSE(model("max,pcid=off").has_flag("pcid"));
  CHECK(model("qemu64,sse4.1=on,+ssse3").has(Feature::sse41));
  CHECK(model("qemu64,+ssse3,+sse4_1").has(Feature::sse41));
  CHECK(model("max").has_flag("sse4-1"));
  CHECK(model("max").has_flag("pni"));
  CHECK(model("max,-avx2").name == "max");  // off already
}

TEST_CASE("what needs a missing feature goes with it, or is refused if asked for") {
  const CpuModel m = model("max,-xsave");
  CHECK_FALSE(m.has(Feature::xsaves));
  CHECK_FALSE(m.has(Feature::pku));
  CHECK_FALSE(m.has(Flag::xgetbv1));
  const std::string e = error_of("max,-xsave,+pku");
  CHECK(has(e, "pku"));
  CHECK(has(e, "xsave"));
}

TEST_CASE("the width of the host's addresses can be asked for and changes nothing") {
  std::string error;
  const auto plain = parse_cpu_model("max", error), asked = parse_cpu_model("max,host-phys-bits", error);
  REQUIRE(asked);
  CHECK(asked->physical_bits == plain->physical_bits);
}

TEST_CASE("the width of addresses can be chosen, and CPUID tells it") {
  const CpuModel m = model("max,phys-bits=36,host-phys-bits=off,vendor=GenuineIntel");
  CHECK(m.physical_bits == 36);
  CHECK((cpuid(m, CpuidContext(), 0x80000008, 0).eax & 0xff) == 36);
  CHECK(model("max,phys-bits=52").physical_bits == 52);
  for (const char* wrong : {"max,phys-bits=35", "max,phys-bits=53", "max,phys-bits=", "max,phys-bits=40x"})
    CHECK(has(error_of(wrong), "36 to 52"));
  CHECK(has(error_of("max,vendor=AuthenticAMD"), "GenuineIntel"));
}

TEST_CASE("errors name the thing and something near") {
  CHECK(has(error_of("Icelake-Servr"), "Icelake-Server"));
  CHECK(has(error_of("nonsense-cpu-of-mars"), "max"));
  CHECK(has(error_of("host"), "max"));
  CHECK(has(error_of("max,+sse42x"), "sse4-2"));
  CHECK(has(error_of("max,+avx512f"), "avx512f"));
  CHECK(has(error_of("max,pcid=maybe"), "maybe"));
  CHECK(has(error_of(""), "max"));
  CHECK(has(error_of("max,"), "''"));
  CHECK(has(error_of("max,+"), "''"));
}

TEST_CASE("CPUID tells vendor, signature, brand and widths") {
  const CpuModel m = model(default_cpu_model);
  const CpuidContext x;
  const CpuidResult v = cpuid(m, x, 0, 0);
  CHECK(v.ebx == 0x756e6547);
  CHECK(v.edx == 0x49656e69);
  CHECK(v.ecx == 0x6c65746e);
  CHECK(cpuid(m, x, 1, 0).eax == 0x606a6);
  std::string brand;
  for (u32 leaf = 0x80000002; leaf <= 0x80000004; ++leaf) {
    const CpuidResult r = cpuid(m, x, leaf, 0);
    for (u32 word : {r.eax, r.ebx, r.ecx, r.edx})
      for (int i = 0; i < 4; ++i)
        if (const char c = static_cast<char>(word >> 8 * i)) brand += c;
  }
  CHECK(brand == m.brand);
  CHECK(cpuid(m, x, 0x80000008, 0).eax == 0x302e);
  CHECK((cpuid(m, x, 0x1, 0).ecx >> 31) == 0);  // no hypervisor
}

TEST_CASE("the frequency leaves give the frequency of the TSC") {
  const CpuModel m = model(default_cpu_model);
  const CpuidResult r = cpuid(m, {}, 0x15, 0);
  CHECK(u64{r.ecx} * r.ebx / r.eax == m.tsc_hertz);
  CHECK(cpuid(m, {}, 0x16, 0).eax == 2000);
}

TEST_CASE("leaves above the highest give the highest basic leaf") {
  const CpuModel m = model(default_cpu_model);
  CpuidContext x;
  x.cpus = 4;
  x.apic_id = 3;
  const u32 highest = cpuid(m, x, 0, 0).eax;
  for (u32 leaf : {highest + 1, 0x40000000u, 0x7fffffffu, 0x80000009u, 0xffffffffu}) {
    const CpuidResult a = cpuid(m, x, leaf, 1), b = cpuid(m, x, highest, 1);
    CHECK(a.eax == b.eax);
    CHECK(a.ebx == b.ebx);
    CHECK(a.ecx == b.ecx);
    CHECK(a.edx == b.edx);
  }
}

TEST_CASE("topology for one to eight CPUs") {
  const CpuModel m = model(default_cpu_model);
  for (unsigned cpus = 1; cpus <= 8; ++cpus) {
    for (unsigned id = 0; id < cpus; ++id) {
      CpuidContext x;
      x.cpus = cpus;
      x.apic_id = id;
      const CpuidResult one = cpuid(m, x, 1, 0);
      CHECK((one.ebx >> 24) == id);
      CHECK((one.ebx >> 16 & 0xff) >= cpus);
      CHECK((one.edx >> 28 & 1) == (cpus > 1));
      const CpuidResult core = cpuid(m, x, 0xb, 1);
      CHECK(core.ebx == cpus);
      CHECK(core.edx == id);
      CHECK((id >> core.eax) == 0);
      CHECK(cpuid(m, x, 0xb, 2).ebx == 0);
      CHECK((cpuid(m, x, 4, 3).eax >> 26) == (one.ebx >> 16 & 0xff) - 1);
    }
  }
}

TEST_CASE("CPUID tells the place of the upper halves in XSAVE's area") {
  const CpuModel m = model("max");
  CpuidContext x;
  CHECK((cpuid(m, x, 0xd, 0).eax & 7) == 7);
  CHECK((model("max,-pku").has(Feature::avx)));
  x.xcr0 = 3;
  CHECK(cpuid(m, x, 0xd, 0).ebx == 576);
  x.xcr0 = 7;
  CHECK(cpuid(m, x, 0xd, 0).ebx == 832);
  CHECK(cpuid(model("max,-pku"), x, 0xd, 0).ecx == 832);
  CHECK(cpuid(m, x, 0xd, 1).ebx == 832);
  CHECK(cpuid(m, x, 0xd, 2).eax == 256);
  CHECK(cpuid(m, x, 0xd, 2).ebx == 576);
  CHECK(cpuid(m, x, 0xd, 2).ecx == 0);
  x.xcr0 = 0x207;
  CHECK(cpuid(m, x, 0xd, 0).ebx == 2696);
  CHECK(cpuid(m, x, 0xd, 1).ebx == 840);
  CHECK(cpuid(model("max,-avx"), x, 0xd, 2).eax == 0);
}

TEST_CASE("CPUID follows CR4, XCR0, the APIC and IA32_MISC_ENABLE") {
  const CpuModel m = model(default_cpu_model);
  CpuidContext x;
  CHECK((cpuid(m, x, 1, 0).ecx >> 27 & 1) == 0);
  CHECK((cpuid(m, x, 7, 0).ecx >> 4 & 1) == 0);
  x.cr4 = Cr4::OSXSAVE | Cr4::PKE;
  CHECK((cpuid(m, x, 1, 0).ecx >> 27 & 1) == 1);
  CHECK((cpuid(m, x, 7, 0).ecx >> 4 & 1) == 1);
  CHECK(cpuid(m, x, 0xd, 0).eax == 0x207);
  CHECK(cpuid(m, x, 0xd, 0).ebx == 576);
  x.xcr0 = 0x203;
  CHECK(cpuid(m, x, 0xd, 0).ebx == 2696);
  CHECK(cpuid(m, x, 0xd, 0).ecx == 2696);
  CHECK(cpuid(m, x, 0xd, 1).ebx == 584);
  CHECK(cpuid(m, x, 0xd, 9).ebx == 2688);
  CHECK((cpuid(m, x, 1, 0).edx >> 9 & 1) == 1);
  x.apic_enabled = false;
  CHECK((cpuid(m, x, 1, 0).edx >> 9 & 1) == 0);
  CHECK((cpuid(m, x, 1, 0).ecx >> 3 & 1) == 1);
  CHECK((cpuid(m, x, 0x80000001, 0).edx >> 20 & 1) == 1);
  x.misc_enable = bit(22) | bit(34);
  CHECK((cpuid(m, x, 1, 0).ecx >> 3 & 1) == 0);
  CHECK((cpuid(m, x, 0x80000001, 0).edx >> 20 & 1) == 0);
  CHECK(cpuid(m, x, 0, 0).eax == 2);
  CHECK((cpuid(m, x, 0x80000001, 0).edx >> 11 & 1) == 1);
  x.bits64 = false;
  CHECK((cpuid(m, x, 0x80000001, 0).edx >> 11 & 1) == 0);
}
