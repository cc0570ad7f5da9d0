// Owns the test of the classic mistakes of a hypervisor in C: `ringside explain` has to name each, with the
// rule or condition, the value, the cure and the function and line that made it.
#include <doctest/doctest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>

#include "tests/cli/program.h"

using namespace ringside::cli;

namespace {

const std::string hypervisor = RINGSIDE_BINARY_DIR "/roms/mistakes.elf";

// The build makes it where its compiler makes programs for x86-64.
bool there() {
  if (std::filesystem::exists(hypervisor)) return true;
  MESSAGE("skipped: roms/mistakes was not built, because the build's compiler is not one for x86-64");
  return false;
}

std::string explained(unsigned mistake, const std::vector<std::string>& more = {}) {
  std::vector<std::string> words = {"explain",
                                    "-kernel",
                                    hypervisor,
                                    "-append",
                                    std::to_string(mistake),
                                    "-device",
                                    "isa-debug-exit,iobase=0xf4,iosize=1",
                                    "--max-instructions",
                                    "400000"};
  words.insert(words.end(), more.begin(), more.end());
  return run(words).err;
}

// One mistake: what its explanation has to say, and the C function that has to be named with its line.
struct Mistake {
  unsigned number;
  const char* function;
  std::vector<const char*> says;
};
const Mistake mistakes[] = {
    {1,
     "enable_vmx",
     {"#UD: CR4.VMXE is 0", "vmxon qword ptr", "CR4 = 0x20", "VMXE (bit 13) is 1",
      "set CR4.VMXE (bit 13) before VMXON", "Shutdown (triple fault)", "chain          #UD at 0008:0x",
      "because the IDT ends before gate 6", "#DF (double fault)"}},
    {2,
     "make_vmcs",
     {"VMfailInvalid: the VMCS region does not begin with the VMCS revision identifier", "vmptrld qword ptr",
      "the first 4 bytes at 0x", "are 0x0", "0x12474e31, bits 30:0 of IA32_VMX_BASIC", "before VMPTRLD",
      "Volume 3C, VMX Instruction Reference", "VM-instruction error 11 has no place"}},
    {3,
     "launch",
     {"VMfailValid 4: VMLAUNCH with non-clear VMCS", "is \"launched\": 1 VM entry so far",
      "enter by VMRESUME"}},
    {4,
     "setup_host",
     {"host.cs.selector", "HOST_CS_SELECTOR = 0xb",
      "cure: HOST_CS_SELECTOR = 0x8: clear RPL (bit 0), RPL (bit 1)", "selector & 0xf8",
      "Volume 3C, VM Entries"}},
    {5, "setup_guest", {"guest.rflags.reserved", "GUEST_RFLAGS = 0x0", "cure: GUEST_RFLAGS = 0x2"}},
    {6,
     "setup_segment",
     {"guest.tr.type", "GUEST_TR_ACCESS_RIGHTS = 0x89", "type 11 (bits 3:0) instead of 9",
      "a TR that was loaded is busy"}},
    {7,
     "setup_controls",
     {"controls.ept_pointer.walk_length", "EPT_POINTER = 0x", "page-walk length 4 (3 in bits 5:3)",
      "IA32_VMX_EPT_VPID_CAP"}},
    {8,
     "",
     {"guest.link_pointer.", "VMCS_LINK_POINTER = 0x0, not written since the region was loaded",
      "all ones where there is no shadow VMCS"}},
    {9,
     "guest",
     {"times more at once, reason 10", "GUEST_RIP was not advanced past this instruction of 2 bytes"}},
    {10,
     "setup_guest",
     {"guest.cr0.fixed_bits", "GUEST_CR0 = 0x", "set PE (bit 0), PG (bit 31)",
      "or set \"Unrestricted guest\" and \"Enable EPT\""}},
    {11,
     "",
     {"reason 34", "entry 1 of the VM-entry MSR-load list", "MSR 0xc0000100 (IA32_FS_BASE)",
      "FS_BASE in the VMCS is its place"}},
    {12,
     "guest",
     {"the guest's instruction fetch at linear 0x", "the EPT PDE (level 2) at 0x", "has X=0",
      "memory type WB"}},
    {13, "", {"HOST_RIP = 0x0, not written since the region was loaded"}},
    {14,
     "setup_controls",
     {"VMfailValid 12", "the encoding is 0x4024", "the nearest is 0x4022, PLE_WINDOW",
      "Field Encoding in VMCS"}},
    {15,
     "enable_vmx",
     {"chain          #GP(0x0) at 0008:0x",
      "WRMSR of MSR 0x3a (IA32_FEATURE_CONTROL), value 0x5: it is locked",
      "because the IDT ends before gate 13"}},
    {16,
     "enable_vmx",
     {"VMfailInvalid: the VMXON region is not aligned", "bits 11:0 are 0x10", "the 8 bytes at linear 0x"}},
};

}  // namespace

TEST_CASE("without a mistake the hypervisor runs its guest") {
  if (!there()) return;
  const std::string text = explained(0);
  CHECK(has(text, "2          in all, after 2 VM entries\n"));
  CHECK(!has(text, "VMfail"));
  CHECK(!has(text, "refused"));
  CHECK(!has(text, "not written"));
}

TEST_CASE("each classic mistake is explained, with its function and line") {
  if (!there()) return;
  for (const Mistake& mistake : mistakes) {
    CAPTURE(mistake.number);
    const std::string text = explained(mistake.number);
    CAPTURE(text);
    for (const char* part : mistake.says) CHECK_MESSAGE(has(text, part), part);
    if (!*mistake.function) continue;
    const std::regex place("\\b" + std::string(mistake.function) + "[^(<]*\\(mistakes/mistakes\\.c:[0-9]+");
    CHECK_MESSAGE(std::regex_search(text, place), mistake.function);
  }
}

TEST_CASE("the writer of a field is the function that set it, and not only the wrapper") {
  if (!there()) return;
  const std::string text = explained(4);
  const std::regex chain(
      "HOST_CS_SELECTOR = 0xb, VMWRITE at RIP 0x[0-9a-f]+ <vmwrite[^<]*<- setup_host[^<]*<- hypervisor");
  CHECK_MESSAGE(std::regex_search(text, chain), text);
}

TEST_CASE("a VMX instruction that fails is explained in JSON, too") {
  if (!there()) return;
  const Folder folder;
  const std::string story = folder / "story.jsonl", rows = folder / "rows.jsonl";
  explained(2, {"--explain-json", story, "--trace-exits", rows});
  std::istringstream lines(read_file(story));
  bool found = false;
  for (std::string line; std::getline(lines, line);) {
    if (!has(line, "vmx_instruction_failed")) continue;
    const auto j = nlohmann::json::parse(line);
    found = true;
    const std::string dump = j.dump();
    for (const char* part :
         {"vmptrld_revision", "the first 4 bytes at 0x", "0x12474e31", "make_vmcs", "mistakes.c:"})
      CHECK_MESSAGE(has(dump, part), part);
  }
  CHECK(found);
  CHECK(has(read_file(rows), "\"reason\":\"vmptrld_revision\""));
}
