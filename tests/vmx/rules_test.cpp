// Owns the tests of the rules of VM entry: each is broken alone, and then mended by the value that the
// explanation names.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "tests/vmx/rules_cases.h"
#include "vmx/instruction_errors.h"

using namespace ringside;

namespace {

using Box = RulesBox;

std::vector<RuleCase> all_cases() {
  std::vector<RuleCase> all = control_cases();
  for (auto part : {host_cases, guest_cases, segment_cases}) {
    for (RuleCase& c : part()) all.push_back(std::move(c));
  }
  return all;
}

std::string names(const std::vector<const Rule*>& rules) {
  std::string text;
  for (const Rule* rule : rules) text += (text.empty() ? "" : " ") + std::string(rule->id);
  return text;
}

constexpr void (Box::*bases[])() = {&Box::bits32, &Box::bits64, &Box::v86,
                                    &Box::real,   &Box::pae,    &Box::pae_with_ept};

std::string hex(u64 value) {
  std::ostringstream text;
  text << std::hex << value;
  return text.str();
}

// The next of a fixed series of numbers.
u64 next(u64& state) {
  state = state * 6364136223846793005 + 1442695040888963407;
  return state ^ state >> 29;
}

}  // namespace

TEST_CASE("no rule is broken by a valid VMCS of each kind of guest") {
  for (auto base : bases) {
    Box b;
    (b.*base)();
    CHECK(names(violations(b.view())) == "");
    CHECK(first_violation(b.view()) == nullptr);
  }
}

TEST_CASE("identifiers of rules are unique, and found") {
  std::set<std::string_view> ids;
  for (const Rule& rule : entry_rules()) {
    CHECK_MESSAGE(ids.insert(rule.id).second, rule.id);
    CHECK(find_rule(rule.id) == &rule);
    CHECK(!rule.sentence.empty());
    CHECK(rule.fields[0] != Field::count);
  }
  CHECK(find_rule("guest.nothing") == nullptr);
}

TEST_CASE("rules stand in the order in which the CPU checks: controls, host, guest") {
  const auto rules = entry_rules();
  CHECK(std::is_sorted(rules.begin(), rules.end(),
                       [](const Rule& a, const Rule& b) { return a.stage < b.stage; }));
}

TEST_CASE("every rule has a case that breaks it") {
  std::set<std::string> ids;
  for (const RuleCase& c : all_cases()) {
    CHECK_MESSAGE(ids.insert(c.id).second, "two cases for ", c.id);
    CHECK_MESSAGE(find_rule(c.id) != nullptr, "no such rule: ", c.id);
  }
  for (const Rule& rule : entry_rules()) CHECK_MESSAGE(ids.contains(std::string(rule.id)), rule.id);
}

TEST_CASE("each case breaks exactly its rule, and the nearest value mends it") {
  for (const RuleCase& c : all_cases()) {
    CAPTURE(c.id);
    const Rule* const rule = find_rule(c.id);
    REQUIRE(rule != nullptr);
    Box b;
    (b.*c.base)();
    c.setup(b);
    CHECK(names(violations(b.view())) == "");
    c.breaks(b);

    std::vector<const Rule*> expected;
    for (const Rule& r : entry_rules()) {
      const bool entailed = std::find(c.entails.begin(), c.entails.end(), r.id) != c.entails.end();
      if (&r == rule || entailed) expected.push_back(&r);
    }
    CHECK(names(violations(b.view())) == names(expected));
    CHECK(first_violation(b.view()) == expected.front());
    // A write to the field alone is enough to notice.
    for (Field field : rule->fields) {
      if (field == Field::count) break;
      FieldSet dirty;
      dirty.add(field);
      CHECK(first_violation(b.view(), dirty) != nullptr);
    }

    const RuleExplanation explanation = explain(*rule, b.view());
    CHECK(explanation.cure.has_value() == (rule->nearest != nullptr));
    if (explanation.cure) {
      b.set(explanation.cure->field, explanation.cure->value);
      CHECK(!rule->broken(b.view()));
    }
  }
}

// A rule that reads a field it does not declare would be skipped when only that field was written.
TEST_CASE("a rule depends on no field but those that it declares") {
  u64 state = 1;
  for (const RuleCase& c : all_cases()) {
    CAPTURE(c.id);
    const Rule* const rule = find_rule(c.id);
    REQUIRE(rule != nullptr);
    for (bool break_it : {false, true}) {
      Box b;
      (b.*c.base)();
      c.setup(b);
      if (break_it) c.breaks(b);
      for (int round = 0; round < 4; ++round) {
        for (unsigned i = 0; i < field_count; ++i) {
          const Field field = static_cast<Field>(i);
          if (std::find(rule->fields.begin(), rule->fields.end(), field) == rule->fields.end())
            b.set(field, round == 0 ? ~b.get(field) : next(state));
        }
        CHECK(rule->broken(b.view()) == break_it);
      }
    }
  }
}

TEST_CASE("without a written field only what lies beyond the VMCS is checked again") {
  Box b;
  b.bits32();
  b.link_to(Box::link, vmcs_revision);
  b.set(Field::HOST_CR4, 0);
  const FieldSet nothing;
  CHECK(first_violation(b.view(), nothing) == nullptr);
  b.memory.write(HostPhys(Box::link), 4, 0);
  const Rule* const rule = first_violation(b.view(), nothing);
  REQUIRE(rule != nullptr);
  CHECK(rule->id == "guest.link_pointer.revision");
  CHECK(rule->qualification == 4);
}

TEST_CASE("what a VM exit brings out of step is checked again") {
  Box b;
  b.bits64();
  b.on(VmxControl::entry_load_efer);
  CHECK(first_violation(b.view()) == nullptr);
  // The guest left IA-32e mode: the exit stored that in the control, but not IA32_EFER.
  b.off(VmxControl::ia32e_mode_guest);
  const Rule* const rule = first_violation(b.view(), FieldSet{});
  REQUIRE(rule != nullptr);
  CHECK(rule->id == "guest.efer.lma");
}

TEST_CASE("a VMWRITE of the value that stands there asks for no check") {
  Box b;
  b.bits32();
  b.vmcs.dirty.clear();
  b.vmcs.written(Field::GUEST_RIP, b.get(Field::GUEST_RIP), 0x10, 1);
  CHECK(!b.vmcs.dirty.contains(Field::GUEST_RIP));
  CHECK(b.vmcs.writer(Field::GUEST_RIP).rip == 0x10);
  b.vmcs.written(Field::GUEST_RIP, 0x7654, 0x10, 1);
  CHECK(b.vmcs.dirty.contains(Field::GUEST_RIP));
}

TEST_CASE("all violations are explained, in the manual's order") {
  Box b;
  b.bits32();
  b.set(Field::GUEST_TR_LIMIT, 0xfffff000);
  b.set(Field::HOST_CR4, 0);
  b.set(Field::CR3_TARGET_COUNT, 9);
  const std::vector<RuleExplanation> all = explain_violations(b.view());
  REQUIRE(all.size() == 4);
  CHECK(all[0].rule->id == "controls.cr3_target_count");
  CHECK(all[1].rule->id == "host.cr4.fixed_bits");
  CHECK(all[2].rule->id == "host.address_space_64.pae");
  CHECK(all[3].rule->id == "guest.tr.granularity_high");
}

TEST_CASE("rules survive any value in any field") {
  u64 state = 7;
  for (int round = 0; round < 300; ++round) {
    Box b;
    (b.*bases[static_cast<unsigned>(round) % std::size(bases)])();
    for (unsigned i = 0; i < field_count; ++i) {
      if (next(state) % 4 != 0) continue;
      const u64 value = next(state);
      b.set(static_cast<Field>(i), value % 3 == 0 ? ~u64{0} : value);
    }
    const EntryView view = b.view();
    const std::vector<const Rule*> broken = violations(view);
    CHECK(first_violation(view) == (broken.empty() ? nullptr : broken.front()));
    for (const Rule* rule : broken) CHECK(!text(explain(*rule, view)).empty());
  }
}

TEST_CASE("exit qualifications of invalid guest state") {
  for (const Rule& rule : entry_rules()) {
    const u8 expected = rule.id.starts_with("guest.pdpte")            ? 2
                        : rule.id == "guest.interruptibility.nmi_sti" ? 3
                        : rule.id.starts_with("guest.link_pointer")   ? 4
                                                                      : 0;
    CHECK_MESSAGE(rule.qualification == expected, rule.id);
  }
}

TEST_CASE("controls that the CPU does not have break their reserved rule and no other") {
  Box b;
  b.lacks(VmxControl::vpid);
  b.lacks(VmxControl::pml);
  b.lacks(VmxControl::unrestricted_guest);
  b.bits32();
  b.on(VmxControl::vpid);
  b.on(VmxControl::pml);
  b.on(VmxControl::unrestricted_guest);
  b.set(Field::PML_ADDRESS, 1);
  CHECK(names(violations(b.view())) == "controls.secondary.reserved");
}

TEST_CASE("every bit that VMX operation fixes in CR0 and CR4 is checked") {
  for (Field field : {Field::HOST_CR0, Field::HOST_CR4, Field::GUEST_CR0, Field::GUEST_CR4}) {
    const bool is_cr0 = field == Field::HOST_CR0 || field == Field::GUEST_CR0;
    const bool is_host = field == Field::HOST_CR0 || field == Field::HOST_CR4;
    const Rule* const rule =
        find_rule(std::string(is_host ? "host." : "guest.") + (is_cr0 ? "cr0" : "cr4") + ".fixed_bits");
    REQUIRE(rule != nullptr);
    Box b;
    b.bits32();
    const Capabilities& c = b.capability;
    const u64 ones = is_cr0 ? c.cr0_fixed0() : c.cr4_fixed0();
    const u64 fixed = ones | ~(is_cr0 ? c.cr0_fixed1() : c.cr4_fixed1());
    for (unsigned n = 0; n < 64; ++n) {
      b.flip(field, bit(n));
      CHECK_MESSAGE(rule->broken(b.view()) == ((fixed & bit(n)) != 0), rule->id, " bit ", n);
      b.flip(field, bit(n));
    }
  }
}

TEST_CASE("VM-instruction errors have the manual's names") {
  CHECK(instruction_error_name(7) == "VM entry with invalid control field(s)");
  CHECK(instruction_error_name(28) == "Invalid operand to INVEPT/INVVPID");
  CHECK(instruction_error_name(static_cast<u32>(VmError::blocked_by_mov_ss)) ==
        "VM entry with events blocked by MOV SS");
  for (u32 absent : {0u, 14u, 21u, 27u, 29u, 0xffffffffu})
    CHECK(instruction_error_name(absent) == "reserved");
}

TEST_CASE("an explanation names values, writers, limits and the bits to change") {
  Box b;
  b.bits32();
  b.vmcs.written(Field::GUEST_CR4, Cr4::PCIDE, 0x1234, 77);
  const Rule* const fixed = find_rule("guest.cr4.fixed_bits");
  REQUIRE(fixed != nullptr);
  RuleExplanation e = explain(*fixed, b.view());
  REQUIRE(e.values.size() == 1);
  CHECK(e.values[0].from == RuleExplanation::Value::From::vmwrite);
  CHECK(e.values[0].rip == 0x1234);
  CHECK(e.values[0].count == 77);
  REQUIRE(e.cure);
  CHECK(e.cure->set == Cr4::VMXE);
  CHECK(e.cure->cleared == 0);
  REQUIRE(e.sources.size() == 2);
  CHECK(e.sources[0].name == "IA32_VMX_CR4_FIXED0");
  CHECK(e.sources[0].value == Cr4::VMXE);
  CHECK(text(e) ==
        "guest.cr4.fixed_bits: CR4 has every bit as VMX operation fixes it.\n"
        "  manual: Checks on Guest Control Registers, Debug Registers, and MSRs (Volume 3C, VM Entries)\n"
        "  GUEST_CR4 = 0x20000, VMWRITE at RIP 0x1234 (instruction 77)\n"
        "  IA32_VMX_CR4_FIXED0 (MSR 0x488) = 0x2000\n" +
            ("  IA32_VMX_CR4_FIXED1 (MSR 0x489) = 0x" + hex(b.capability.cr4_fixed1())) +
            "\n"
            "  cure: GUEST_CR4 = 0x22000: set VMXE (bit 13)");

  // Nobody wrote it: it came with the region.
  CHECK(text(explain(*find_rule("host.cr4.fixed_bits"), b.view()).values[0]) ==
        "not written since the region was loaded");
  // An exit saved it after the VMWRITE, and a VMWRITE after the exit counts again.
  b.vmcs.last_exit_count = 100;
  b.vmcs.last_exit_rip = 0x5678;
  CHECK(text(explain(*fixed, b.view()).values[0]) ==
        "saved by the VM exit at guest RIP 0x5678 (instruction 100)");
  b.vmcs.written(Field::GUEST_CR4, 0, 0x1238, 100);
  CHECK(text(explain(*fixed, b.view()).values[0]) == "VMWRITE at RIP 0x1238 (instruction 100)");
  // What exits save only on demand.
  b.vmcs.written(Field::GUEST_IA32_EFER, 0, 0x1000, 50);
  const Rule* const efer = find_rule("guest.efer.lma");
  REQUIRE(efer != nullptr);
  CHECK(explain(*efer, b.view()).values[0].from == RuleExplanation::Value::From::vmwrite);
  b.on(VmxControl::save_efer);
  CHECK(explain(*efer, b.view()).values[0].from == RuleExplanation::Value::From::vm_exit);
}

TEST_CASE("bits are told by name, and runs without names as ranges") {
  CHECK(bit_names(Field::PIN_BASED_CONTROLS, bit(5) | bit(31)) == "Virtual NMIs (bit 5), bit 31");
  CHECK(bit_names(Field::GUEST_RFLAGS, bit_range(22, 63) | bit(9)) == "IF (bit 9), bits 63:22");
  CHECK(bit_names(Field::HOST_RIP, bit(0) | bit(2)) == "bit 0, bit 2");
  CHECK(bit_names(Field::GUEST_CR0, 0) == "");
}

TEST_CASE("a control that the CPU has fixed to 1 counts as one that is 1") {
  Box b;
  b.lacks(VmxControl::load_debug_controls);
  b.bits32();
  CHECK(names(violations(b.view())) == "");
  b.set(Field::GUEST_DR7, bit(32));
  CHECK(names(violations(b.view())) == "guest.dr7.upper");
  b.set(Field::GUEST_DR7, Dr7::fixed_one);
  b.off(VmxControl::load_debug_controls);
  CHECK(names(violations(b.view())) == "controls.entry.reserved");
}
