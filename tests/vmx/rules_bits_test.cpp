// Owns the tests of rules that look at many bits or combinations: each bit, each combination.
#include <doctest/doctest.h>

#include <algorithm>

#include "tests/vmx/rules_state.h"

using namespace ringside;

namespace {

using Box = RulesBox;
using enum Field;

std::string names(const Box& b) {
  std::string text;
  for (const Rule* rule : violations(b.view())) text += (text.empty() ? "" : " ") + std::string(rule->id);
  return text;
}

// With each of the bits flipped by itself, exactly `rule` is broken.
void each_bit_breaks(Box& b, Field field, u64 bits, const std::string& rule) {
  for (unsigned n = 0; n < 64; ++n) {
    if (!(bits & bit(n))) continue;
    CAPTURE(n);
    b.flip(field, bit(n));
    CHECK(names(b) == rule);
    b.flip(field, bit(n));
  }
}

}  // namespace

TEST_CASE("each reserved bit of a control field is checked, each other may be set as the CPU says") {
  constexpr struct {
    ControlWord word;
    const char* rule;
  } words[] = {{ControlWord::pin, "controls.pin.reserved"},
               {ControlWord::primary, "controls.primary.reserved"},
               {ControlWord::exit, "controls.exit.reserved"},
               {ControlWord::entry, "controls.entry.reserved"}};
  for (const bool strict : {true, false}) {
    Box b;
    if (!strict) b.lacks(VmxControl::true_controls);
    b.bits32();
    CHECK(names(b) == "");
    for (const auto& [word, rule] : words) {
      CAPTURE(rule);
      const u64 required = b.capability.required(word), allowed = b.capability.allowed(word);
      // Both bits for SMM have a rule of their own beside.
      const u64 smm = word == ControlWord::entry ? bit_range(10, 11) : 0;
      each_bit_breaks(b, control_field(word), (required | (~allowed & 0xffffffff)) & ~smm, rule);
    }
  }
  Box b;
  b.bits32();
  b.on(VmxControl::secondary_controls);
  each_bit_breaks(b, SECONDARY_CONTROLS, ~b.capability.allowed(ControlWord::secondary) & 0xffffffff,
                  "controls.secondary.reserved");
  // What is not activated is not looked at.
  b.off(VmxControl::secondary_controls);
  b.set(SECONDARY_CONTROLS, ~u64{0});
  CHECK(names(b) == "");
}

// "Checks on Guest Control Registers, Debug Registers, and MSRs", and those on the host's; "Linear-Address
// Masking".
TEST_CASE("LAM_U48 and LAM_U57 of CR3 and LAM_SUP of CR4 may be set where the CPU has LAM") {
  for (const bool has : {true, false}) {
    Box b;
    b.bits64();
    b.has(Flag::lam, has);
    for (const char* side : {"guest", "host"}) {
      const bool guest = side == std::string("guest");
      for (const unsigned n : {60, 61, 62}) {
        CAPTURE(n);
        b.flip(guest ? GUEST_CR3 : HOST_CR3, bit(n));
        CHECK(names(b) == (has && n > 60 ? "" : side + std::string(".cr3.width")));
        b.flip(guest ? GUEST_CR3 : HOST_CR3, bit(n));
      }
      b.flip(guest ? GUEST_CR4 : HOST_CR4, Cr4::LAM_SUP);
      CHECK(names(b) == (has ? "" : side + std::string(".cr4.fixed_bits")));
      b.flip(guest ? GUEST_CR4 : HOST_CR4, Cr4::LAM_SUP);
    }
  }
}

TEST_CASE("each reserved bit of guest fields is checked") {
  Box b;
  b.bits32();
  each_bit_breaks(b, GUEST_RFLAGS, bit_range(22, 63) | bit(15) | bit(5) | bit(3) | bit(1),
                  "guest.rflags.reserved");
  each_bit_breaks(b, GUEST_INTERRUPTIBILITY_STATE, bit_range(5, 31), "guest.interruptibility.reserved");
  each_bit_breaks(b, GUEST_PENDING_DEBUG_EXCEPTIONS, bit_range(4, 11) | bit(13) | bit(15) | bit_range(17, 63),
                  "guest.pending_debug.reserved");
  constexpr const char* segments[] = {"es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr"};
  for (unsigned s = ES; s <= TR; ++s) {
    const Field rights = segment_field(GUEST_ES_ACCESS_RIGHTS, s);
    const std::string name = std::string("guest.") + segments[s];
    each_bit_breaks(b, rights, bit_range(8, 11), name + ".reserved_11_8");
    each_bit_breaks(b, rights, bit_range(17, 31), name + ".reserved_31_17");
  }
  b.pae_with_ept();
  each_bit_breaks(b, GUEST_PDPTE2, bit_range(1, 2) | bit_range(5, 8) | bit_range(46, 63),
                  "guest.pdpte2.reserved");
  b.set(GUEST_PDPTE2, ~u64{1});  // not present: nothing is checked
  CHECK(names(b) == "");
}

TEST_CASE("nothing but the DPL of SS is checked in an unusable segment register") {
  for (auto base : {&Box::bits32, &Box::bits64}) {
    Box b;
    (b.*base)();
    for (unsigned s : {ES, SS, DS, FS, GS, LDTR}) {
      b.set(segment_field(GUEST_ES_ACCESS_RIGHTS, s), ~u64{3 << Rights::dpl_shift});
      b.set(segment_field(GUEST_ES_LIMIT, s), 0xfff00000);
      if (s != FS && s != GS) b.set(segment_field(GUEST_ES_BASE, s), ~u64{0} >> 1);
    }
    b.set(GUEST_LDTR_SELECTOR, 0xffff);
    CHECK(names(b) == "");
    b.flip(GUEST_SS_ACCESS_RIGHTS, 1 << Rights::dpl_shift);
    CHECK(names(b) == "guest.cs.dpl_of_code guest.ss.dpl_is_rpl");
  }
}

TEST_CASE("types of segments that a guest may have") {
  constexpr u32 all = 0xffff;
  const auto types = [](void (Box::*base)(), unsigned s, bool unrestricted) {
    u32 valid = 0;
    for (u32 type = 0; type < 16; ++type) {
      Box b;
      (b.*base)();
      if (unrestricted) {
        b.use_ept();
        b.on(VmxControl::unrestricted_guest);
      }
      const Field rights = segment_field(GUEST_ES_ACCESS_RIGHTS, s);
      b.set(rights, (b.get(rights) & ~u64{0xf}) | type);
      if (names(b).empty()) valid |= 1u << type;
    }
    return valid;
  };
  constexpr u32 code = 1 << 9 | 1 << 11 | 1 << 13 | 1 << 15;
  CHECK(types(&Box::bits32, CS, false) == code);
  CHECK(types(&Box::bits32, CS, true) == (code | 1 << 3));
  CHECK(types(&Box::bits32, SS, false) == (1 << 3 | 1 << 7));
  // Accessed; readable if code.
  CHECK(types(&Box::bits32, DS, false) == (all & 0xaaaa & ~(1 << 9 | 1 << 13)));
  CHECK(types(&Box::bits32, GS, true) == (all & 0xaaaa & ~(1 << 9 | 1 << 13)));
  CHECK(types(&Box::bits32, TR, false) == (1 << 3 | 1 << 11));
  CHECK(types(&Box::bits64, TR, false) == 1 << 11);
  CHECK(types(&Box::bits64, LDTR, false) == 1 << 2);
}

TEST_CASE("what may be injected, by type, vector and activity state") {
  Box b;
  b.bits32();
  for (unsigned type = 0; type < 8; ++type) {
    for (unsigned vector = 0; vector < 256; ++vector) {
      for (u64 activity = 0; activity < 4; ++activity) {
        b.set(GUEST_ACTIVITY_STATE, activity);
        b.inject(type, static_cast<u8>(vector));
        const bool well_formed = type == 2   ? vector == 2
                                 : type == 3 ? vector < 32
                                 : type == 7 ? vector == 0
                                             : type != 1;
        const bool debug = type == 3 && vector == 1, machine_check = type == 3 && vector == 18;
        const bool wakes =
            activity == 0 ||
            (activity == 1 && (type == 0 || type == 2 || type == 7 || debug || machine_check)) ||
            (activity == 2 && (type == 2 || machine_check));
        const bool valid = well_formed && wakes;
        if (names(b).empty() != valid) {
          CAPTURE(type);
          CAPTURE(vector);
          CAPTURE(activity);
          CHECK(names(b) == (valid ? "" : "something"));
        }
      }
    }
  }
}

TEST_CASE("error codes of injected events") {
  for (const bool any : {true, false}) {
    for (auto base : {&Box::bits32, &Box::real}) {
      Box b;
      if (!any) b.lacks(VmxControl::any_error_code);
      (b.*base)();
      for (unsigned vector = 0; vector < 32; ++vector) {
        CAPTURE(vector);
        const bool has_one = vector == 8 || (vector >= 10 && vector <= 14) || vector == 17;
        const bool is_real = base == &Box::real;
        b.inject(3, static_cast<u8>(vector), false);
        CHECK(names(b).empty() == (any || is_real || !has_one));
        b.inject(3, static_cast<u8>(vector), true);
        CHECK(names(b).empty() == (!is_real && (any || has_one)));
      }
      for (unsigned type : {0u, 2u, 4u, 5u, 6u, 7u}) {
        b.inject(type, type == 7 ? 0 : 2, true);
        CHECK(names(b) == "controls.injection.error_code_not_deliverable");
      }
      b.set(VM_ENTRY_INTERRUPTION_INFORMATION, 0x7fffffff);  // not valid: not looked at
      CHECK(names(b) == "");
    }
  }
}

TEST_CASE("EPT pointers that the CPU accepts") {
  Box b;
  b.bits32();
  b.use_ept();
  for (unsigned low = 0; low < 0x1000; ++low) {
    b.set(EPT_POINTER, 0x8000 | low);
    const unsigned type = low & 7, length = low >> 3 & 7;
    const bool valid = (type == 0 || type == 6) && length == 3 && (low & 0xf80) == 0;
    if (names(b).empty() != valid) {
      CAPTURE(low);
      CHECK(names(b) == (valid ? "" : "something"));
    }
  }
  b.set(EPT_POINTER, 0x8000 | 4 << 3 | 6);
  b.supports(VmxControl::ept_5_levels);
  CHECK(names(b) == "");
  b.set(EPT_POINTER, 0);
  b.lacks(VmxControl::ept_uncacheable);
  CHECK(names(b) == "controls.ept_pointer.memory_type controls.ept_pointer.walk_length");
  b.set(EPT_POINTER, 0x8000 | 3 << 3 | 6);
  each_bit_breaks(b, EPT_POINTER, bit_range(46, 63), "controls.ept_pointer.reserved");
}
