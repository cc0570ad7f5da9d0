// Owns the test that CPUID promises no instruction that has no row.
#include <doctest/doctest.h>

#include <map>
#include <set>
#include <string>

#include "cpu/decode/coverage.h"
#include "cpu/decode/rows.h"
#include "cpu/state/model.h"

using namespace ringside;

namespace {

// Features that change what instructions of others do, or none; PREFETCHW without its feature is a NOP with a
// row.
bool needs_no_row(Feature f) {
  return f == Feature::umip || f == Feature::erms || f == Feature::fsrm || f == Feature::long_mode ||
         f == Feature::wbnoinvd || f == Feature::three_dnow_prefetch || f == Feature::base;
}

// What Zydis calls the instructions of a feature.
const std::multimap<Feature, std::string_view> isa_sets = {
    {Feature::fpu, "X87"},
    {Feature::mmx, "PENTIUMMMX"},
    {Feature::sse, "SSE"},
    {Feature::sse, "SSEMXCSR"},
    {Feature::sse2, "SSE2"},
    {Feature::sse2, "SSE2MMX"},
    {Feature::sse3, "SSE3"},
    {Feature::sse3, "SSE3X87"},
    {Feature::ssse3, "SSSE3"},
    {Feature::ssse3, "SSSE3MMX"},
    {Feature::sse41, "SSE4"},
    {Feature::sse42, "SSE42"},
    {Feature::aes, "AES"},
    {Feature::pclmulqdq, "PCLMULQDQ"},
    {Feature::sha, "SHA"},
    {Feature::gfni, "GFNI"},
    {Feature::adx, "ADOX_ADCX"},
    {Feature::movbe, "MOVBE"},
    {Feature::popcnt, "POPCNT"},
    {Feature::lzcnt, "LZCNT"},
    {Feature::avx, "AVX"},
    {Feature::avx, "AVXAES"},
    {Feature::avx2, "AVX2"},
    {Feature::avx2, "AVX2GATHER"},
    {Feature::fma, "FMA"},
    {Feature::f16c, "F16C"},
    {Feature::bmi1, "BMI1"},
    {Feature::bmi2, "BMI2"},
    {Feature::vaes, "VAES"},
    {Feature::vpclmulqdq, "VPCLMULQDQ"},
    {Feature::gfni, "AVX_GFNI"},
    {Feature::rdrand, "RDRAND"},
    {Feature::rdseed, "RDSEED"},
    {Feature::fsgsbase, "RDWRFSGS"},
    {Feature::xsave, "XSAVE"},
    {Feature::xsaveopt, "XSAVEOPT"},
    {Feature::xsavec, "XSAVEC"},
    {Feature::xsaves, "XSAVES"},
    {Feature::clflushopt, "CLFLUSHOPT"},
    {Feature::clwb, "CLWB"},
    {Feature::pku, "PKU"},
    {Feature::rdpid, "RDPID"},
    {Feature::smap, "SMAP"},
    {Feature::invpcid, "INVPCID"},
    {Feature::cx16, "CMPXCHG16B"},
    {Feature::cmov, "CMOV"},
    {Feature::fxsr, "FXSAVE"},
    {Feature::fxsr, "FXSAVE64"},
    {Feature::rdtscp, "RDTSCP"},
    {Feature::serialize, "SERIALIZE"},
    {Feature::movdiri, "MOVDIR"},
    {Feature::movdir64b, "MOVDIR"},
    {Feature::base, "I86"},
    {Feature::base, "I186"},
    {Feature::base, "I286PROTECTED"},
    {Feature::base, "I286REAL"},
    {Feature::base, "I386"},
    {Feature::base, "I486"},
    {Feature::base, "I486REAL"},
    {Feature::base, "PENTIUMREAL"},
    {Feature::base, "LONGMODE"},
    {Feature::base, "PPRO"},
    {Feature::base, "FAT_NOP"},
    {Feature::base, "PREFETCH_NOP"},
    {Feature::base, "RDPMC"},
    {Feature::base, "PAUSE"},
    {Feature::base, "SSE_PREFETCH"},
};

}  // namespace

TEST_CASE("CPUID never promises a feature whose rows are missing") {
  std::set<Feature> with_rows;
  for (const RowInfo& row : rows()) with_rows.insert(row.feature);
  for (std::string_view name : cpu_model_names()) {
    std::string error;
    const CpuModel model = *parse_cpu_model(name, error);
    for (unsigned f = 0; f < static_cast<unsigned>(Feature::count); ++f) {
      const Feature feature = static_cast<Feature>(f);
      if (!model.has(feature) || needs_no_row(feature)) continue;
      CAPTURE(std::string(name));
      CAPTURE(std::string(feature_name(feature)));
      CHECK(with_rows.count(feature) == 1);
    }
  }
}

TEST_CASE("a promised feature has all of its instructions") {
  const auto list = instruction_coverage();
  std::set<std::string_view> sets;
  for (const auto& i : list) sets.insert(i.isa_set);
  std::string error;
  const CpuModel model = *parse_cpu_model("max", error);
  for (const auto& [feature, set] : isa_sets) {
    CAPTURE(std::string(set));
    CHECK(sets.count(set) == 1);
    if (!model.has(feature)) continue;
    for (const auto& i : list) {
      if (i.isa_set != set) continue;
      CAPTURE(std::string(i.name));
      CHECK(i.covered());
    }
  }
}
