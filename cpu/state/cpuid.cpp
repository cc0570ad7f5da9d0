// Owns the CPUID instruction's answers: feature bits from their table, the other leaves computed.
#include <algorithm>
#include <bit>
#include <cstring>

#include "cpu/state/msrs.h"

namespace ringside {
namespace {

constexpr u32 highest_basic = 0x1f, highest_extended = 0x80000008;

struct FeatureBit {
  u32 leaf;
  u32 subleaf;
  u32 CpuidResult::*where;
  unsigned bit;
  bool is_flag;
  u8 number;
};
constexpr FeatureBit feature_bits[] = {
#define BIT(leaf, subleaf, where, bit, kind, name) \
  {leaf, subleaf, &CpuidResult::where, bit, std::is_same_v<kind, Flag>, static_cast<u8>(kind::name)},
#include "cpu/state/cpuid_bits.inc"
#undef BIT
};

void add_feature_bits(const CpuModel& model, u32 leaf, u32 subleaf, CpuidResult& r) {
  for (const FeatureBit& f : feature_bits) {
    if (f.leaf != leaf || f.subleaf != subleaf) continue;
    if (f.is_flag ? model.has(static_cast<Flag>(f.number)) : model.has(static_cast<Feature>(f.number)))
      r.*f.where |= u32{1} << f.bit;
  }
}

u32 four_characters(std::string_view text, std::size_t at) {
  u32 word = 0;
  for (unsigned i = 0; i < 4; ++i)
    if (at + i < text.size()) word |= u32{static_cast<u8>(text[at + i])} << (8 * i);
  return word;
}

// Bits of an APIC id that number a CPU inside its package.
unsigned package_shift(unsigned cpus) {
  return static_cast<unsigned>(std::bit_width(std::max(cpus, 1u) - 1));
}

CpuidResult version_and_features(const CpuModel& model, const CpuidContext& context) {
  CpuidResult r;
  r.eax = model.signature;
  const u32 ids = std::min(255u, 1u << package_shift(context.cpus));
  r.ebx = (context.apic_id & 0xff) << 24 | ids << 16 | 8u << 8;
  add_feature_bits(model, 1, 0, r);
  if (context.cr4 & Cr4::OSXSAVE) r.ecx |= 1u << 27;
  if (!(context.misc_enable & MiscEnable::monitor)) r.ecx &= ~(1u << 3);
  if (!context.apic_enabled) r.edx &= ~(1u << 9);
  if (context.cpus > 1) r.edx |= 1u << 28;
  return r;
}

CpuidResult cache_parameters(const CpuModel& model, const CpuidContext& context, u32 subleaf) {
  CpuidResult r;
  if (subleaf >= model.caches.size() || model.caches[subleaf].type == CacheLevel::Type::none) return r;
  const CacheLevel& c = model.caches[subleaf];
  const u32 ids = (1u << package_shift(context.cpus)) - 1;
  r.eax = static_cast<u32>(c.type) | u32{c.level} << 5 | 1u << 8 | (c.shared ? ids & 0xfff : 0) << 14 |
          (ids & 0x3f) << 26;
  r.ebx = (c.ways - 1u) << 22 | 63;
  r.ecx = c.sets - 1;
  return r;
}

CpuidResult topology(const CpuidContext& context, u32 subleaf) {
  CpuidResult r;
  r.ecx = subleaf & 0xff;
  r.edx = context.apic_id;
  if (subleaf == 0) {  // one thread a core
    r.ebx = 1;
    r.ecx |= 1u << 8;
  } else if (subleaf == 1) {
    r.eax = package_shift(context.cpus);
    r.ebx = context.cpus;
    r.ecx |= 2u << 8;
  }
  return r;
}

CpuidResult extended_state(const CpuModel& model, const CpuidContext& context, u32 subleaf) {
  CpuidResult r;
  if (!model.has(Feature::xsave)) return r;
  const u64 xcr0 = supported_xcr0(model), xss = supported_xss(model);
  if (subleaf == 0) {
    r.eax = static_cast<u32>(xcr0);
    r.ebx = xsave_area::standard_bytes(context.xcr0);
    r.ecx = xsave_area::standard_bytes(xcr0);
    r.edx = static_cast<u32>(xcr0 >> 32);
  } else if (subleaf == 1) {
    add_feature_bits(model, 0xd, 1, r);
    if (model.has(Feature::xsavec) || model.has(Feature::xsaves))
      r.ebx = xsave_area::compacted_bytes(context.xcr0 | context.xss);
    r.ecx = static_cast<u32>(xss);
    r.edx = static_cast<u32>(xss >> 32);
  } else if (subleaf == 2 && (xcr0 & Xcr0::avx)) {
    r.eax = xsave_area::avx_bytes;
    r.ebx = xsave_area::avx_offset;
  } else if (subleaf == 9 && (xcr0 & Xcr0::pkru)) {
    r.eax = xsave_area::pkru_bytes;
    r.ebx = xsave_area::pkru_offset;
  }
  return r;
}

CpuidResult brand(const CpuModel& model, unsigned part) {
  const std::size_t at = part * 16;
  return {four_characters(model.brand, at), four_characters(model.brand, at + 4),
          four_characters(model.brand, at + 8), four_characters(model.brand, at + 12)};
}

u32 megahertz(u64 hertz) { return static_cast<u32>(std::min<u64>(hertz / 1'000'000, 0xffff)); }

CpuidResult extended(const CpuModel& model, const CpuidContext& context, u32 leaf) {
  CpuidResult r;
  switch (leaf) {
    case 0x80000000: r.eax = highest_extended; return r;
    case 0x80000002:
    case 0x80000003:
    case 0x80000004: return brand(model, leaf - 0x80000002);
    case 0x80000006: {
      const CacheLevel& l2 = model.caches[2];
      // "Above 8-way" associativities have codes of their own; L2's is told exactly by the leaf of caches.
      const u32 code = l2.ways >= 16 ? 8 : l2.ways >= 8 ? 6 : 4;
      r.ecx = static_cast<u32>(l2.bytes() / 1024) << 16 | code << 12 | 64;
      return r;
    }
    case 0x80000008: r.eax = model.physical_bits | model.linear_bits << 8; break;
    default: break;
  }
  add_feature_bits(model, leaf, 0, r);
  if (leaf == 0x80000001) {
    if (!context.bits64) r.edx &= ~(1u << 11);
    if (context.misc_enable & MiscEnable::xd_disable) r.edx &= ~(1u << 20);
  }
  return r;
}

}  // namespace

namespace xsave_area {
unsigned standard_bytes(u64 mask) {
  return mask & Xcr0::pkru  ? pkru_offset + pkru_bytes
         : mask & Xcr0::avx ? avx_offset + avx_bytes
                            : legacy_bytes + header_bytes;
}
unsigned compacted_bytes(u64 mask) {
  return legacy_bytes + header_bytes + (mask & Xcr0::avx ? avx_bytes : 0) +
         (mask & Xcr0::pkru ? pkru_bytes : 0);
}
}  // namespace xsave_area

u64 supported_xcr0(const CpuModel& model) {
  if (!model.has(Feature::xsave)) return 0;
  return Xcr0::x87 | (model.has(Feature::sse) ? Xcr0::sse : 0) | (model.has(Feature::avx) ? Xcr0::avx : 0) |
         (model.has(Feature::pku) ? Xcr0::pkru : 0);
}
u64 supported_xss(const CpuModel&) { return 0; }

u64 supported_cr4(const CpuModel& model) {
  u64 mask = 0;
  const auto flag = [&](Flag f, u64 bits) { mask |= model.has(f) ? bits : 0; };
  const auto feature = [&](Feature f, u64 bits) { mask |= model.has(f) ? bits : 0; };
  flag(Flag::vme, Cr4::VME | Cr4::PVI);
  flag(Flag::tsc, Cr4::TSD);
  flag(Flag::de, Cr4::DE);
  flag(Flag::pse, Cr4::PSE);
  flag(Flag::pae, Cr4::PAE);
  flag(Flag::mce, Cr4::MCE);
  flag(Flag::pge, Cr4::PGE);
  mask |= Cr4::PCE;
  feature(Feature::fxsr, Cr4::OSFXSR);
  feature(Feature::sse, Cr4::OSXMMEXCPT);
  feature(Feature::umip, Cr4::UMIP);
  flag(Flag::la57, Cr4::LA57);
  feature(Feature::vmx, Cr4::VMXE);
  feature(Feature::fsgsbase, Cr4::FSGSBASE);
  flag(Flag::pcid, Cr4::PCIDE);
  feature(Feature::xsave, Cr4::OSXSAVE);
  flag(Flag::smep, Cr4::SMEP);
  feature(Feature::smap, Cr4::SMAP);
  feature(Feature::pku, Cr4::PKE);
  flag(Flag::pks, Cr4::PKS);
  flag(Flag::lam, Cr4::LAM_SUP);
  return mask;
}

u64 supported_upper_cr3(const CpuModel& model) {
  return model.has(Flag::lam) ? Cr3::LAM_U57 | Cr3::LAM_U48 : 0;
}

CpuidResult cpuid(const CpuModel& model, const CpuidContext& context, u32 leaf, u32 subleaf) {
  const u32 basic = context.misc_enable & MiscEnable::limit_cpuid ? 2 : highest_basic;
  const bool is_extended = leaf >= 0x80000000;
  // Above the highest leaf of either range the answer is that of the highest basic one.
  if (is_extended ? leaf > highest_extended : leaf > basic) leaf = basic;
  if (leaf >= 0x80000000) return extended(model, context, leaf);

  CpuidResult r;
  switch (leaf) {
    case 0x0:
      return {basic, four_characters(model.vendor, 0), four_characters(model.vendor, 8),
              four_characters(model.vendor, 4)};
    case 0x1: return version_and_features(model, context);
    // One call; TLB descriptors of these parts; "see the leaf of cache parameters"; 64-byte prefetch.
    case 0x2: return {0x76036301, 0x00f0b5ff, 0, 0x00c30000};
    case 0x4: return cache_parameters(model, context, subleaf);
    case 0x5:
      // No C-state has sub-states here: software that looks for MWAIT states halts instead.
      if (model.has(Feature::monitor)) r = {64, 64, 3, 0};
      return r;
    case 0x7:
      add_feature_bits(model, leaf, subleaf, r);
      // The highest subleaf, where there is anything in it.
      if (subleaf == 0 && model.has(Flag::lam)) r.eax = 1;
      if (subleaf == 0 && (context.cr4 & Cr4::PKE)) r.ecx |= 1u << 4;
      return r;
    case 0xb:
    case 0x1f: return topology(context, subleaf);
    case 0xd: return extended_state(model, context, subleaf);
    case 0x15:
      return {1, static_cast<u32>(model.tsc_hertz / model.crystal_hertz),
              static_cast<u32>(model.crystal_hertz), 0};
    case 0x16: return {megahertz(model.tsc_hertz), megahertz(model.tsc_hertz), 100, 0};
    default:
      if (subleaf == 0 || leaf == 0x6) add_feature_bits(model, leaf, 0, r);
      return r;
  }
}

}  // namespace ringside
