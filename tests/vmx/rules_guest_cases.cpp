// Owns the cases that break the rules for guest state.
#include "tests/vmx/rules_cases.h"

namespace ringside {
namespace {

using Box = RulesBox;
using C = VmxControl;
using enum Field;
constexpr auto bits32 = &Box::bits32, bits64 = &Box::bits64, v86 = &Box::v86, real = &Box::real;
constexpr u64 beyond_width = bit(46), not_canonical = bit(47);
constexpr u64 by_sti = 1, by_mov_ss = 2, by_smi = 4, by_nmi = 8;
constexpr u64 hlt = 1, shutdown = 2, wait_for_sipi = 3;

RuleCase::Act setting(Field field, u64 value) {
  return [=](Box& b) { b.set(field, value); };
}
RuleCase::Act flipping(Field field, u64 bits) {
  return [=](Box& b) { b.flip(field, bits); };
}
RuleCase::Act turning_on(C control) {
  return [=](Box& b) { b.on(control); };
}
RuleCase::Act injecting(unsigned type, u8 vector) {
  return [=](Box& b) { b.inject(type, vector); };
}
constexpr Field selector(unsigned s) { return segment_field(GUEST_ES_SELECTOR, s); }
constexpr Field base(unsigned s) { return segment_field(GUEST_ES_BASE, s); }
constexpr Field limit(unsigned s) { return segment_field(GUEST_ES_LIMIT, s); }
constexpr Field rights(unsigned s) { return segment_field(GUEST_ES_ACCESS_RIGHTS, s); }

// At privilege 3, where every selector has RPL 3 and every descriptor DPL 3.
void user(Box& b) {
  for (unsigned s = ES; s <= GS; ++s) {
    b.set(selector(s), b.get(selector(s)) | 3);
    b.set(rights(s), b.get(rights(s)) | 3 << Rights::dpl_shift);
  }
}

}  // namespace

std::vector<RuleCase> guest_cases() {
  const auto paging_off = flipping(GUEST_CR0, Cr0::PG);
  return {
      {"guest.cr0.fixed_bits", real, flipping(GUEST_CR0, Cr0::NE)},
      {"guest.cr0.paging_needs_protection", real, flipping(GUEST_CR0, Cr0::PG)},
      {"guest.cr4.fixed_bits", bits32, flipping(GUEST_CR4, bit(31))},
      {"guest.debugctl.reserved", bits32, setting(GUEST_IA32_DEBUGCTL, bit(2)),
       turning_on(C::load_debug_controls)},
      {"guest.ia32e.paging", bits64, paging_off,
       [](Box& b) {
         b.use_ept();
         b.on(C::unrestricted_guest);
       }},
      {"guest.ia32e.pae", bits64, flipping(GUEST_CR4, Cr4::PAE)},
      {"guest.cr4.pcide", bits32, flipping(GUEST_CR4, Cr4::PCIDE)},
      {"guest.cr3.width", bits32, flipping(GUEST_CR3, beyond_width)},
      {"guest.dr7.upper", bits32, flipping(GUEST_DR7, bit(32)), turning_on(C::load_debug_controls)},
      {"guest.sysenter_esp.canonical", bits32, setting(GUEST_IA32_SYSENTER_ESP, not_canonical)},
      {"guest.sysenter_eip.canonical", bits32, setting(GUEST_IA32_SYSENTER_EIP, not_canonical)},
      {"guest.pat.types", bits32, setting(GUEST_IA32_PAT, u64{8} << 56), turning_on(C::entry_load_pat)},
      {"guest.efer.reserved", bits32, setting(GUEST_IA32_EFER, bit(9)), turning_on(C::entry_load_efer)},
      {"guest.efer.lma", bits64, setting(GUEST_IA32_EFER, 0), turning_on(C::entry_load_efer)},
      {"guest.efer.lme", bits64, setting(GUEST_IA32_EFER, Efer::LMA), turning_on(C::entry_load_efer)},
      {"guest.pkrs.upper", bits32, setting(GUEST_IA32_PKRS, bit(63)), turning_on(C::entry_load_pkrs)},

      {"guest.gdtr.base", bits32, setting(GUEST_GDTR_BASE, not_canonical)},
      {"guest.idtr.base", bits32, setting(GUEST_IDTR_BASE, not_canonical)},
      {"guest.gdtr.limit", bits32, setting(GUEST_GDTR_LIMIT, 0x10000)},
      {"guest.idtr.limit", bits32, setting(GUEST_IDTR_LIMIT, 0x10000)},

      {"guest.rip.upper", bits32, setting(GUEST_RIP, bit(32))},
      {"guest.rip.width", bits64, setting(GUEST_RIP, bit(60)),
       // Bit 47 may differ: the fetch faults then.
       setting(GUEST_RIP, not_canonical)},
      {"guest.rflags.reserved", bits32, flipping(GUEST_RFLAGS, Eflags::reserved_one)},
      {"guest.rflags.vm", v86, flipping(GUEST_CR0, Cr0::PE | Cr0::PG),
       [](Box& b) {
         b.use_ept();
         b.on(C::unrestricted_guest);
       }},
      {"guest.rflags.if", bits32, flipping(GUEST_RFLAGS, Eflags::IF), injecting(0, 0x20)},

      {"guest.activity.supported", bits32, setting(GUEST_ACTIVITY_STATE, 4)},
      {"guest.activity.hlt_privilege", bits32, setting(GUEST_ACTIVITY_STATE, hlt), user},
      {"guest.activity.blocking", bits32, setting(GUEST_ACTIVITY_STATE, hlt),
       setting(GUEST_INTERRUPTIBILITY_STATE, by_sti)},
      {"guest.activity.injection_in_hlt", bits32, injecting(3, 6), setting(GUEST_ACTIVITY_STATE, hlt)},
      {"guest.activity.injection_in_shutdown", bits32, injecting(0, 0x20),
       setting(GUEST_ACTIVITY_STATE, shutdown)},
      {"guest.activity.injection_in_wait_for_sipi", bits32, injecting(2, 2),
       setting(GUEST_ACTIVITY_STATE, wait_for_sipi)},

      {"guest.interruptibility.reserved", bits32, setting(GUEST_INTERRUPTIBILITY_STATE, bit(5))},
      {"guest.interruptibility.sti_or_mov_ss", bits32,
       setting(GUEST_INTERRUPTIBILITY_STATE, by_sti | by_mov_ss)},
      {"guest.interruptibility.sti_needs_if", bits32, flipping(GUEST_RFLAGS, Eflags::IF),
       setting(GUEST_INTERRUPTIBILITY_STATE, by_sti)},
      {"guest.interruptibility.external_interrupt", bits32, setting(GUEST_INTERRUPTIBILITY_STATE, by_mov_ss),
       injecting(0, 0xff)},
      {"guest.interruptibility.nmi_mov_ss", bits32, setting(GUEST_INTERRUPTIBILITY_STATE, by_mov_ss),
       injecting(2, 2)},
      {"guest.interruptibility.smi", bits32, setting(GUEST_INTERRUPTIBILITY_STATE, by_smi)},
      {"guest.interruptibility.nmi_sti", bits32, setting(GUEST_INTERRUPTIBILITY_STATE, by_sti),
       injecting(2, 2)},
      {"guest.interruptibility.nmi_blocked", bits32, setting(GUEST_INTERRUPTIBILITY_STATE, by_nmi),
       [](Box& b) {
         b.on(C::nmi_exiting);
         b.on(C::virtual_nmis);
         b.inject(2, 2);
       }},
      {"guest.interruptibility.enclave", bits32, setting(GUEST_INTERRUPTIBILITY_STATE, bit(4))},

      {"guest.pending_debug.reserved", bits32, setting(GUEST_PENDING_DEBUG_EXCEPTIONS, bit(13))},
      {"guest.pending_debug.bs_1", bits32, setting(GUEST_PENDING_DEBUG_EXCEPTIONS, 0),
       [](Box& b) {
         b.set(GUEST_INTERRUPTIBILITY_STATE, by_mov_ss);
         b.flip(GUEST_RFLAGS, Eflags::TF);
         b.set(GUEST_PENDING_DEBUG_EXCEPTIONS, Dr6::BS);
       }},
      {"guest.pending_debug.bs_0", bits32, setting(GUEST_IA32_DEBUGCTL, 2 /* BTF */),
       [](Box& b) {
         b.set(GUEST_ACTIVITY_STATE, hlt);
         b.flip(GUEST_RFLAGS, Eflags::TF);
         b.set(GUEST_PENDING_DEBUG_EXCEPTIONS, Dr6::BS);
       }},
      {"guest.pending_debug.rtm", bits32, setting(GUEST_PENDING_DEBUG_EXCEPTIONS, bit(16))},

      {"guest.link_pointer.aligned", bits32, flipping(VMCS_LINK_POINTER, 1),
       [](Box& b) { b.link_to(Box::link, vmcs_revision); }},
      {"guest.link_pointer.width", bits32, flipping(VMCS_LINK_POINTER, beyond_width),
       [](Box& b) { b.link_to(Box::link, vmcs_revision); }},
      {"guest.link_pointer.revision", bits32,
       [](Box& b) { b.memory.write(HostPhys(Box::link), 4, vmcs_revision ^ 1); },
       [](Box& b) { b.link_to(Box::link, vmcs_revision); }},
      {"guest.link_pointer.shadow", bits32,
       [](Box& b) { b.memory.write(HostPhys(Box::link), 4, vmcs_revision); },
       [](Box& b) {
         b.on(C::vmcs_shadowing);
         b.link_to(Box::link, vmcs_revision | shadow_indicator);
       }},
      {"guest.link_pointer.not_current", bits32, [](Box& b) { b.link_to(Box::region, vmcs_revision); }},

      {"guest.pdpte0.reserved", &Box::pae_with_ept, flipping(GUEST_PDPTE0, bit(1))},
      {"guest.pdpte1.reserved", &Box::pae_with_ept, flipping(GUEST_PDPTE1, bit(8))},
      {"guest.pdpte2.reserved", &Box::pae_with_ept, flipping(GUEST_PDPTE2, bit(63))},
      {"guest.pdpte3.reserved", &Box::pae_with_ept, flipping(GUEST_PDPTE3, bit(46))},
      {"guest.pdptes.in_memory", &Box::pae, [](Box& b) { b.memory.write(HostPhys(Box::tables + 24), 8, 3); }},
  };
}

std::vector<RuleCase> segment_cases() {
  std::vector<RuleCase> all;
  const auto add = [&](
                       unsigned s, const char* suffix, void (Box::*start)(), RuleCase::Act breaks,
                       RuleCase::Act setup = [](Box&) {}, std::vector<std::string> entails = {}) {
    constexpr std::string_view names[] = {"es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr"};
    all.push_back({"guest." + std::string(names[s]) + "." + suffix, start, breaks, setup, entails});
  };
  for (unsigned s = ES; s <= TR; ++s) {
    add(s, "s", bits32, flipping(rights(s), Rights::S));
    add(s, "present", bits32, flipping(rights(s), Rights::P));
    add(s, "reserved_11_8", bits32, flipping(rights(s), bit(8 + s % 4)));
    add(s, "reserved_31_17", bits32, flipping(rights(s), bit(17 + s)));
    add(s, "granularity_low", bits32, flipping(rights(s), Rights::G), [=](Box& b) {
      b.set(limit(s), 0xffffe);
      b.set(rights(s), b.get(rights(s)) & ~u64{Rights::G});
    });
    add(s, "granularity_high", bits32, flipping(rights(s), Rights::G), [=](Box& b) {
      b.set(limit(s), 0x100fff);
      b.set(rights(s), b.get(rights(s)) | Rights::G);
    });
    const bool upper_only = s <= DS;  // CS, SS, DS and ES have 32 bits of base
    add(s, "base", bits32, setting(base(s), upper_only ? bit(32) : not_canonical));
  }
  for (unsigned s = ES; s <= GS; ++s) {
    add(s, "base_in_v86", v86, flipping(base(s), 0x10));
    add(s, "limit_in_v86", v86, flipping(limit(s), 0x10000));
    add(s, "rights_in_v86", v86, flipping(rights(s), Rights::DB));
  }
  for (unsigned s : {ES, DS, FS, GS}) {
    add(s, "accessed", bits32, flipping(rights(s), Rights::accessed));
    add(s, "readable", bits32, flipping(rights(s), Rights::readable),
        [=](Box& b) { b.set(rights(s), b.get(rights(s)) | Rights::code); });
    add(s, "dpl", bits32, flipping(selector(s), 1));
  }
  add(TR, "selector", bits32, flipping(selector(TR), 4));
  add(LDTR, "selector", bits32, flipping(selector(LDTR), 4));
  add(SS, "selector", bits32, flipping(selector(CS), 2));
  add(CS, "type", bits32, flipping(rights(CS), Rights::accessed));
  add(SS, "type", bits32, flipping(rights(SS), Rights::writable));
  const auto data_in_cs = [](Box& b) { b.set(rights(CS), 0x93); };
  add(CS, "dpl_of_data", real, flipping(rights(CS), 1 << Rights::dpl_shift), data_in_cs);
  add(CS, "dpl_of_code", bits32, flipping(rights(CS), 1 << Rights::dpl_shift));
  add(CS, "dpl_of_conforming", bits32, flipping(rights(CS), 3 << Rights::dpl_shift),
      flipping(rights(CS), Rights::conforming));
  add(SS, "dpl_is_rpl", bits32, flipping(rights(SS), 1 << Rights::dpl_shift),
      flipping(rights(CS), Rights::conforming));
  add(SS, "dpl_0", real, flipping(rights(SS), 1 << Rights::dpl_shift), data_in_cs);
  add(CS, "db", bits64, flipping(rights(CS), Rights::DB));
  add(TR, "type", bits64, setting(rights(TR), 0x83));
  add(TR, "usable", bits32, flipping(rights(TR), Rights::unusable));
  add(LDTR, "type", bits32, flipping(rights(LDTR), 1));
  return all;
}

}  // namespace ringside
