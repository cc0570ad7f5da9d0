// Owns the tests of why VMX instructions are refused: each row of the table is met by an instruction, and
// says what was found and what is wanted.
#include <functional>
#include <set>

#include "tests/vmx/guest_box.h"
#include "vmx/explain_refusal.h"
#include "vmx/instructions.h"
#include "vmx/manual_titles.h"
#include "vmx/rules.h"

using namespace ringside;

namespace {

constexpr u64 operand = 0x20000, vmxon_region = 0x30000, current_region = 0x31000, region = 0x32000;

struct Listener final : VmxObserver {
  VmRefusal last;
  unsigned heard = 0, faults = 0;
  void entered(Cpu&) override {}
  void exited(Cpu&, const ExitInfo&) override {}
  void refused(Cpu&, const RefusedEntry&) override {}
  void failed(Cpu&, const VmRefusal& refusal) override { last = refusal, ++heard; }
  void faulted(Cpu&, const VmRefusal& refusal) override { last = refusal, ++heard, ++faults; }
};

// In VMX root operation, 64-bit mode, with a current VMCS; RAX leads to the operand, which names a good
// region.
struct RefusalBox : GuestBox {
  Listener listener;
  Observers<VmxObserver>::Attachment looks;
  RefusalBox() {
    cpu.non_root = false;
    cpu.msr.feature_control = FeatureControl::lock | FeatureControl::vmx_outside_smx;
    for (const u64 at : {vmxon_region, current_region, region}) memory.write(HostPhys(at), 4, vmcs_revision);
    vmx.vmxon_region = HostPhys(vmxon_region);
    vmx.current = &vmx.activate(memory, HostPhys(current_region));
    vmx.current->set(Field::VMCS_LINK_POINTER, ~u64{0});
    cpu.gpr[RAX] = operand;
    point(region);
    looks = vmx.observers.attach(listener);
    check_length = false;
  }
  void point(u64 address) { memory.write(HostPhys(operand), 8, address); }
  void outside() { cpu.vmx_operation = false; }
  void lacks(VmxControl control) { vmx.capability.controls.reset(static_cast<unsigned>(control)); }
  void legacy(bool v86) {
    cpu.efer = 0;
    cpu.cr4 = Cr4::VMXE;
    cpu.cr0 = Cr0::ET;
    v86 ? virtual_8086() : real_mode();
  }
};

struct Case {
  Refusal why;
  std::string_view instruction;
  std::function<void(RefusalBox&)> prepare;
};

const std::vector<Case> cases = {
    {Refusal::real_address_mode, "vmptrst", [](auto& b) { b.legacy(false); }},
    {Refusal::virtual_8086_mode, "vmptrst", [](auto& b) { b.legacy(true); }},
    {Refusal::compatibility_mode, "vmptrst",
     [](auto& b) {
       b.cpu.segment[CS].rights ^= Rights::L | Rights::DB;
       b.cpu.update_mode();
     }},
    {Refusal::vmxe_clear, "vmxon",
     [](auto& b) {
       b.outside();
       b.cpu.cr4 &= ~Cr4::VMXE;
     }},
    {Refusal::not_in_vmx_operation, "vmptrst", [](auto& b) { b.outside(); }},
    {Refusal::instruction_absent, "invept", [](auto& b) { b.lacks(VmxControl::invept); }},
    {Refusal::vmfunc_outside_guest, "vmfunc", [](auto&) {}},
    {Refusal::vmfunc_disabled, "vmfunc",
     [](auto& b) {
       b.cpu.non_root = true;
       b.cpu.gpr[RAX] = 0;
     }},
    {Refusal::vmfunc_number, "vmfunc",
     [](auto& b) {
       b.cpu.non_root = true;
       b.set(VmxControl::vm_functions);
       b.cpu.gpr[RAX] = 64;
     }},
    {Refusal::privilege, "vmptrst", [](auto& b) { b.guest64(3); }},
    {Refusal::cr0_lacks, "vmxon",
     [](auto& b) {
       b.outside();
       b.cpu.cr0 &= ~Cr0::NE;
     }},
    {Refusal::cr0_forbidden, "vmxon",
     [](auto& b) {
       b.outside();
       b.cpu.cr0 |= bit(40);
     }},
    {Refusal::cr4_lacks, "vmxon",
     [](auto& b) {
       b.outside();
       b.vmx.capability.msr[8] |= Cr4::SMEP;
     }},
    {Refusal::cr4_forbidden, "vmxon",
     [](auto& b) {
       b.outside();
       b.cpu.cr4 |= bit(40);
     }},
    {Refusal::a20_closed, "vmxon",
     [](auto& b) {
       b.outside();
       b.memory.set_a20(false);
     }},
    {Refusal::feature_control_unlocked, "vmxon",
     [](auto& b) {
       b.outside();
       b.cpu.msr.feature_control = 0;
     }},
    {Refusal::feature_control_without_vmx, "vmxon",
     [](auto& b) {
       b.outside();
       b.cpu.msr.feature_control = FeatureControl::lock;
     }},
    {Refusal::vmxon_in_root, "vmxon", [](auto&) {}},
    {Refusal::vmxon_unaligned, "vmxon",
     [](auto& b) {
       b.outside();
       b.point(region + 0x10);
     }},
    {Refusal::vmxon_width, "vmxon",
     [](auto& b) {
       b.outside();
       b.point(bit(46));
     }},
    {Refusal::vmxon_revision, "vmxon",
     [](auto& b) {
       b.outside();
       b.memory.write(HostPhys(region), 4, vmcs_revision | shadow_indicator);
     }},
    {Refusal::vmclear_unaligned, "vmclear", [](auto& b) { b.point(region + 8); }},
    {Refusal::vmclear_width, "vmclear", [](auto& b) { b.point(bit(46)); }},
    {Refusal::vmclear_vmxon_region, "vmclear", [](auto& b) { b.point(vmxon_region); }},
    {Refusal::vmptrld_unaligned, "vmptrld", [](auto& b) { b.point(region + 8); }},
    {Refusal::vmptrld_width, "vmptrld", [](auto& b) { b.point(bit(46)); }},
    {Refusal::vmptrld_vmxon_region, "vmptrld", [](auto& b) { b.point(vmxon_region); }},
    {Refusal::vmptrld_revision, "vmptrld", [](auto& b) { b.memory.write(HostPhys(region), 4, 0); }},
    {Refusal::vmptrld_shadow, "vmptrld",
     [](auto& b) {
       b.lacks(VmxControl::vmcs_shadowing);
       b.memory.write(HostPhys(region), 4, vmcs_revision | shadow_indicator);
     }},
    {Refusal::no_current_vmcs, "vmread", [](auto& b) { b.vmx.current = nullptr; }},
    {Refusal::no_linked_vmcs, "vmread",
     [](auto& b) {
       b.cpu.non_root = true;
       b.set(VmxControl::vmcs_shadowing);
       b.vmx.current->set(Field::VMREAD_BITMAP, region);  // no bit of a field is set there
       b.cpu.gpr[RDX] = info(Field::GUEST_RIP).encoding;
     }},
    {Refusal::unknown_field, "vmwrite", [](auto& b) { b.cpu.gpr[RDX] = 0x4024; }},
    {Refusal::absent_field, "vmwrite",
     [](auto& b) {
       b.lacks(VmxControl::ept);
       b.cpu.gpr[RDX] = info(Field::EPT_POINTER).encoding;
     }},
    {Refusal::read_only_field, "vmwrite",
     [](auto& b) {
       b.lacks(VmxControl::vmwrite_any_field);
       b.cpu.gpr[RDX] = info(Field::EXIT_REASON).encoding;
     }},
    {Refusal::shadow_is_current, "vmlaunch", [](auto& b) { b.vmx.current->shadow = true; }},
    {Refusal::blocked_by_mov_ss, "vmlaunch", [](auto& b) { b.cpu.interrupt_shadow = Shadow::mov_ss; }},
    {Refusal::launch_not_clear, "vmlaunch", [](auto& b) { b.vmx.current->launched = true; }},
    {Refusal::resume_not_launched, "vmresume", [](auto&) {}},
    {Refusal::controls, "vmlaunch", [](auto&) {}},
    {Refusal::host_state, "vmlaunch",
     [](auto& b) {
       for (const ControlWord word : {ControlWord::pin, ControlWord::primary, ControlWord::secondary,
                                      ControlWord::exit, ControlWord::entry})
         b.vmx.current->set(control_field(word), b.vmx.capability.required(word));
     }},
    {Refusal::vmcall_in_root, "vmcall", [](auto&) {}},
    {Refusal::invept_type, "invept", [](auto& b) { b.cpu.gpr[RCX] = 3; }},
    {Refusal::invept_pointer, "invept",
     [](auto& b) {
       b.cpu.gpr[RCX] = 1;
       b.point(0x4000);
     }},
    {Refusal::invvpid_type, "invvpid", [](auto& b) { b.cpu.gpr[RCX] = 4; }},
    {Refusal::invvpid_reserved, "invvpid", [](auto& b) { b.point(0x10001); }},
    {Refusal::invvpid_zero, "invvpid", [](auto& b) { b.point(0); }},
    {Refusal::invvpid_address, "invvpid",
     [](auto& b) {
       b.point(1);
       b.memory.write(HostPhys(operand + 8), 8, bit(60));
     }},
};

int run_instruction(RefusalBox& b, std::string_view name) {
  if (name == "vmptrst") return b.run({0x0f, 0xc7, 0x38});
  if (name == "vmxon") return b.run({0xf3, 0x0f, 0xc7, 0x30});
  if (name == "vmclear") return b.run({0x66, 0x0f, 0xc7, 0x30});
  if (name == "vmptrld") return b.run({0x0f, 0xc7, 0x30});
  if (name == "vmread") return b.run({0x0f, 0x78, 0xd1});   // vmread rcx, rdx
  if (name == "vmwrite") return b.run({0x0f, 0x79, 0xd1});  // vmwrite rdx, rcx
  if (name == "vmlaunch") return b.run({0x0f, 0x01, 0xc2});
  if (name == "vmresume") return b.run({0x0f, 0x01, 0xc3});
  if (name == "vmcall") return b.run({0x0f, 0x01, 0xc1});
  if (name == "vmfunc") return b.run({0x0f, 0x01, 0xd4});
  if (name == "invept") return b.run({0x66, 0x0f, 0x38, 0x80, 0x08});
  REQUIRE(name == "invvpid");
  return b.run({0x66, 0x0f, 0x38, 0x81, 0x08});
}

bool names(std::string_view list, std::string_view instruction) {
  return list == "all" || list.find(instruction) != list.npos;
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

ExplainedRefusal explained(Refusal why) {
  for (const Case& c : cases) {
    if (c.why != why) continue;
    RefusalBox b;
    c.prepare(b);
    run_instruction(b, c.instruction);
    return explain(b.cpu, b.listener.last);
  }
  FAIL("no case");
  return {};
}

}  // namespace

TEST_CASE("each reason to refuse a VMX instruction is met, and ends as its row says") {
  std::set<Refusal> met;
  for (const Case& c : cases) {
    CAPTURE(info(c.why).id);
    RefusalBox b;
    c.prepare(b);
    const int came = run_instruction(b, c.instruction);
    REQUIRE(b.listener.heard == 1);
    const VmRefusal& last = b.listener.last;
    CHECK(info(last.why).id == info(c.why).id);
    met.insert(last.why);
    const RefusalInfo& row = info(c.why);
    CHECK(names(row.instructions, c.instruction));
    CHECK((b.listener.faults == 1) == row.faults);
    if (row.faults) {
      CHECK(came == static_cast<int>(row.vector));
    } else {
      CHECK(came == done);
      const u64 flags = b.cpu.eflags() & Eflags::arithmetic;
      CHECK(flags == (row.error ? Eflags::ZF : Eflags::CF));
      CHECK(last.error == row.error);
      if (row.error) CHECK((*b.vmx.current)[Field::VM_INSTRUCTION_ERROR] == row.error);
    }
    const ExplainedRefusal e = explain(b.cpu, last);
    CHECK(e.info == &row);
    CHECK(!manual_place(row.title).empty());
    CHECK(!row.sentence.empty());
  }
  // A CPU without VMX has nobody to tell it.
  RefusalBox b;
  b.cpu.vmx = nullptr;
  CHECK((vmx_mode_refusal(b.cpu, true) == Refusal::no_vmx));
  met.insert(Refusal::no_vmx);
  CHECK(met.size() == static_cast<std::size_t>(Refusal::count) - 1);
}

TEST_CASE("without a current VMCS an error has no place: VMfailInvalid, with the same reason") {
  for (const Case& c : cases) {
    const RefusalInfo& row = info(c.why);
    if (row.faults || !row.error || c.instruction == "vmlaunch" || c.instruction == "vmresume" ||
        c.instruction == "vmwrite")
      continue;
    CAPTURE(row.id);
    RefusalBox b;
    c.prepare(b);
    b.vmx.current = nullptr;
    CHECK(run_instruction(b, c.instruction) == done);
    CHECK(info(b.listener.last.why).id == row.id);
    CHECK(b.listener.last.error == 0);
    CHECK((b.cpu.eflags() & Eflags::arithmetic) == Eflags::CF);
  }
}

TEST_CASE("what was found and what is wanted") {
  ExplainedRefusal e = explained(Refusal::vmptrld_revision);
  CHECK(e.found == "the first 4 bytes at 0x32000 are 0x0");
  CHECK(has(e.wanted, "0x12474e31, bits 30:0 of IA32_VMX_BASIC (MSR 0x480)"));
  e = explained(Refusal::vmxon_unaligned);
  CHECK(e.found == "the operand is 0x32010: bits 11:0 are 0x10");
  CHECK(has(e.wanted, "0x32000"));
  e = explained(Refusal::vmxon_width);
  CHECK(has(e.wanted, "the physical-address width is 46 bits"));
  e = explained(Refusal::vmptrld_vmxon_region);
  CHECK(e.found == "the operand is 0x30000, and VMXON was given 0x30000");
  e = explained(Refusal::vmxe_clear);
  CHECK(has(e.found, "CR4 = 0x"));
  CHECK(e.wanted == "VMXE (bit 13) is 1");
  e = explained(Refusal::cr0_lacks);
  CHECK(e.wanted.starts_with("NE (bit 5) set in CR0: IA32_VMX_CR0_FIXED0 (MSR 0x486) is 0x"));
  e = explained(Refusal::feature_control_unlocked);
  CHECK(e.found == "IA32_FEATURE_CONTROL (MSR 0x3a) is 0x0");
  e = explained(Refusal::launch_not_clear);
  CHECK(has(e.found, "the VMCS at 0x31000 is \"launched\""));
  e = explained(Refusal::unknown_field);
  CHECK(e.found ==
        "the encoding is 0x4024, all of a 32-bit control field with index 18; the nearest is 0x4022, "
        "PLE_WINDOW");
  e = explained(Refusal::absent_field);
  CHECK(has(e.found, "EPT_POINTER"));
  CHECK(has(e.wanted, "\"Enable EPT\": IA32_VMX_PROCBASED_CTLS2 (MSR 0x48b)"));
  CHECK(has(encoding_text(0x1681c), "with reserved bits 0x10000; the nearest is 0x6c16, HOST_RIP"));
}

TEST_CASE("every title that an explanation of VMX names has its place in the manual") {
  for (const Rule& rule : entry_rules()) CHECK_MESSAGE(!manual_place(rule.title).empty(), rule.title);
  CHECK(titled_in_manual("Checks on Guest Segment Registers") ==
        "Checks on Guest Segment Registers (Volume 3C, VM Entries)");
  CHECK(titled_in_manual("nonsense") == "nonsense");
}

TEST_CASE("every hint is of a rule that there is") {
  constexpr std::string_view ids[] = {
#define HINT(id, text) id,
#include "vmx/rule_hints.inc"
#undef HINT
  };
  for (const std::string_view id : ids) CHECK_MESSAGE(find_rule(id), id);
}
