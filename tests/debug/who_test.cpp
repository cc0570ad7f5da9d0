// Owns the tests of the question who wrote something last.
#include "tests/debug/past_prompt.h"

namespace ringside {
namespace {

constexpr std::initializer_list<int> small_program = {
    0xb8, 5,    0,    0, 0,  // 0: mov eax, 5
    0xb8, 5,    0,    0, 0,  // 1: mov eax, 5
    0xb9, 5,    0,    0, 0,  // 2: mov ecx, 5
    0xa3, 0,    0,    2, 0,  // 3: mov [data], eax
    0xa3, 0,    0,    2, 0,  // 4: mov [data], eax
    0x51,                    // 5: push ecx
    0x39, 0xc8,              // 6: cmp eax, ecx
    0x0f, 0x44, 0xf9,        // 7: cmove edi, ecx
    0x90,                    // 8: nop
    0xcd, 0x30,              // 9: int 30h, whose handler is an IRETD: 10
    0xf4};                   // 11: hlt

bool goes_to(const std::string& text, u64 count) {
  return has(text, "goto " + std::to_string(count) + " goes");
}

TEST_CASE("who wrote a register last: the instruction, also where it wrote the same value") {
  PastGuest guest(small_program);
  guest.run("stepi 9");
  const std::string eax = guest.run("who eax");
  CHECK(has(eax, "eax is 0x5\n"));
  CHECK(goes_to(eax, 1));
  CHECK(has(eax, "mov eax, 5"));
  CHECK(has(eax, "it was 0x5, and was made 0x5 again"));
  CHECK(guest.machine->retired() == 9);
  CHECK_FALSE(guest.timeline->in_past());

  CHECK(goes_to(guest.run("who ecx"), 2));
  const std::string rsp = guest.run("who rsp");
  CHECK(goes_to(rsp, 5));
  CHECK(has(rsp, "it was 0x9000, and became 0x8ffc"));
  CHECK(goes_to(guest.run("who eflags"), 6));
  CHECK(goes_to(guest.run("who eflags.zf"), 6));
  CHECK(goes_to(guest.run("who edi"), 7));
  CHECK(goes_to(guest.run("who rip"), 8));
  CHECK(has(guest.run("who edx"), "nobody wrote it in the known past, which begins at instruction 0"));
  // From the past the question is about what was before there.
  guest.run("goto 1");
  CHECK(goes_to(guest.run("who eax"), 0));
  CHECK(guest.machine->retired() == 1);
}

TEST_CASE("who wrote a register last: the delivery of an interrupt, and a person") {
  PastGuest guest(small_program);
  guest.run("stepi 10");
  for (const char* const reg : {"who rsp", "who cs", "who eflags.if"}) {
    const std::string text = guest.run(reg);
    CHECK(goes_to(text, 9));
    CHECK(has(text, "by delivery of interrupt 0x30"));
    CHECK_MESSAGE(has(text, "at 0x10020: int 0x30"), text);
  }
  guest.run("stepi");
  CHECK(goes_to(guest.run("who rsp"), 10));
  guest.run("set edx = 7");
  const std::string edx = guest.run("who edx");
  CHECK(goes_to(edx, 11));
  CHECK(has(edx, "a person wrote it"));
  guest.run("set [0x20000].4 = 9");
  CHECK(has(guest.run("who [0x20000] 4"), "a person wrote it"));
  CHECK(has(guest.run("who [0x20004] 4"), "nobody wrote it"));
}

TEST_CASE("who wrote memory last") {
  PastGuest guest(small_program);
  guest.run("stepi 10");
  for (const char* const same :
       {"who [0x20000] 4", "who 0x20000 1", "who [0x20000].4", "who phys 0x20003 1"}) {
    const std::string text = guest.run(same);
    CHECK(goes_to(text, 4));
    CHECK(has(text, "mov dword ptr [0x20000], eax"));
  }
  // What a delivery pushed.
  const std::string pushed = guest.run("who [rsp] 4");
  CHECK(goes_to(pushed, 9));
  CHECK(has(pushed, "by delivery of interrupt 0x30"));
  CHECK(has(guest.run("who [0x21000]"), "nobody wrote it"));
  CHECK(guest.machine->retired() == 10);
  CHECK(has(guest.refused("who [0x20000] 5000"), "give between 1 and 4096"));
  CHECK(has(guest.refused("who"), "who X"));
  CHECK(has(guest.refused("who vmcs GUEST_RIP"), "no current VMCS"));
  CHECK(has(guest.refused("who msr IA32_NOTHING"), "IA32_NOTHING"));
}

// Paging with pages of 4 MiB: the walk sets flags that no instruction writes.
TEST_CASE("who wrote memory last: a page walk") {
  // mov eax, cr4; or al, 10h; mov cr4, eax; mov eax, 30000h; mov cr3, eax; mov eax, cr0; bts eax, 31; mov
  // cr0, eax; 8: mov eax, [400000h]; nop; 10: mov [400000h], eax; nop; nop
  PastGuest guest({0x0f, 0x20, 0xe0, 0x0c, 0x10, 0x0f, 0x22, 0xe0, 0xb8, 0,    0,    3,    0,
                   0x0f, 0x22, 0xd8, 0x0f, 0x20, 0xc0, 0x0f, 0xba, 0xe8, 31,   0x0f, 0x22, 0xc0,
                   0xa1, 0,    0,    0x40, 0,    0x90, 0xa3, 0,    0,    0x40, 0,    0x90, 0x90});
  constexpr u64 directory = 0x30000;
  guest.put(directory, 0x83, 4);
  guest.put(directory + 4, 0x400083, 4);
  guest.timeline->begin_anew();
  guest.run("stepi 9");
  const std::string accessed = guest.run("who phys 0x30004 4");
  CHECK(goes_to(accessed, 8));
  CHECK(has(accessed, "by a page walk set the accessed flag"));
  CHECK(has(accessed, "it was 0x400083, and became 0x4000a3"));
  guest.run("stepi 3");
  const std::string dirty = guest.run("who pte 0x400000");
  CHECK(has(dirty, "a page walk set the dirty flag"));
  CHECK(has(guest.run("who cr3"), "mov cr3, eax"));
}

TEST_CASE("who wrote it last, across VM exits") {
  PastPrompt prompt;
  prompt.run("catch exit ept-violation");
  prompt.run("continue");
  const u64 here = prompt.machine->retired();
  REQUIRE_FALSE(prompt.cpu().non_root);

  for (const char* const loaded : {"who rsp", "who cr3", "who cs.base", "who rip", "who vmcs EXIT_REASON",
                                   "who vmcs GUEST_RIP", "who vmcs.GUEST_PHYSICAL_ADDRESS"}) {
    const std::string text = prompt.run(loaded);
    CHECK_MESSAGE(goes_to(text, here - 1), text);
    CHECK_MESSAGE(has(text, "by VM exit, reason 48: EPT violation"), text);
  }
  const std::string host_rip = prompt.run("who vmcs HOST_RIP");
  CHECK(has(host_rip, "vmwrite"));
  CHECK(has(host_rip, "it was 0x0, and became"));

  // The entry that made it: to the write, and its value before.
  const std::string entry = prompt.run("who ept vmcs.GUEST_PHYSICAL_ADDRESS");
  CHECK(has(entry, "EPT PTE at phys "));
  CHECK(has(entry, "visor/ept.inc:"));
  CHECK(has(entry, ", and became 0x0"));
  CHECK(has(prompt.run("who ept vmcs.GUEST_PHYSICAL_ADDRESS all"), "EPT PML4E at phys "));

  CHECK(has(prompt.run("who msr IA32_EFER"), "VM exit"));
  CHECK(has(prompt.run("who guest guest_name 4"), "ebx"));
  CHECK(prompt.machine->retired() == here);
  CHECK_FALSE(prompt.timeline->in_past());
}

TEST_CASE("nobody is asked where nobody keeps the past") {
  Prompt prompt;
  CHECK(has(prompt.refused("who rax"), "nobody keeps this machine's past"));
}

}  // namespace
}  // namespace ringside
