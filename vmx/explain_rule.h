// Owns the explanation of a VM entry that a rule refuses, in pieces and as text.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "vmx/rules.h"

namespace ringside {

struct RuleExplanation {
  struct Value {
    Field field;
    u64 value = 0;
    // Who gave it that value. `count` counts retired instructions; rip and count are 0 for from_memory.
    enum class From : u8 { vmwrite, vm_exit, from_memory } from = From::from_memory;
    u64 rip = 0, count = 0;
  };
  // What would satisfy the rule.
  struct Cure {
    Field field;
    u64 value = 0;             // the nearest valid value
    u64 set = 0, cleared = 0;  // bits in which it differs
  };
  // A limit that the CPU sets.
  struct Source {
    std::string name;  // IA32_VMX_CR4_FIXED0
    u32 msr = 0;       // 0: CPUID
    u64 value = 0;
  };
  const Rule* rule = nullptr;
  std::vector<Value> values;    // of the fields that the rule reads, the one to cure first
  std::optional<Cure> cure;     // none: the sentence says all that can be said
  std::vector<Source> sources;  // often none
  std::string_view hint;        // another way, or what people forget; often empty
};

RuleExplanation explain(const Rule& rule, const EntryView& view);
// Of all rules that are broken, in the manual's order.
std::vector<RuleExplanation> explain_violations(const EntryView& view);

// The field's value and who gave it.
RuleExplanation::Value value_of(const EntryView& view, Field field);
// The manual's name of one bit of a field; empty if it has none.
std::string_view bit_name(Field field, unsigned number);
// The control word that a field holds; nullopt: it is none.
std::optional<ControlWord> control_word(Field field);

// What the code is called that gave a field its value, of the hypervisor or of its guest: "main+0x12"; empty:
// nobody knows.
using NameCode = std::function<std::string(const RuleExplanation::Value&)>;
// "VMWRITE at RIP 1000 <main+0x12> (instruction 42)" and its like; without `name` no names.
std::string text(const RuleExplanation::Value& value, const NameCode& name = {});
// The names of bits as the manual spells them, "VMXE (bit 13), bit 20": of control fields, control registers,
// RFLAGS, IA32_EFER and others whose bits have names.
std::string bit_names(Field field, u64 bits);
// How to come to the nearest value, in the terms of the field: "lower it to 4", "set VMXE (bit 13)", "memory
// type WB (6 in bits 2:0)". Empty: there is no cure.
std::string cure_text(const RuleExplanation& explanation);
// Several lines, the first of which is "id: sentence"; no newline at the end.
std::string text(const RuleExplanation& explanation, const NameCode& name = {});

}  // namespace ringside
